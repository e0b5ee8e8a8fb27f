"""A lab on S3: no lock, commits by conditional puts, against a server on this machine."""

import pickle
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import icechunk
import pytest
import zarr
from moto.server import ThreadedMotoServer

from tests.lab_recordings import make, same
from workoutlab.errors import (
    LabError,
    LabNotFoundError,
    NotInLabError,
    SnapshotNotFoundError,
)
from workoutlab.lab import Lab
from workoutlab.store import opening
from workoutlab.store import repository as repositories
from workoutlab.store.address import Address
from workoutlab.store.repository import Repository


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "endpoint_url": f"http://{host}:{port}",
        "region": "us-east-1",
        "access_key_id": "nobody",
        "secret_access_key": "nothing",
        "allow_http": True,
        "force_path_style": True,
    }
    _client(options).create_bucket(Bucket="gym")
    yield options
    server.stop()


def _client(options: dict[str, Any]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=options["endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
    )


@pytest.fixture
def url() -> str:
    return f"s3://gym/labs/{uuid.uuid4().hex}"


def _apart(url: str, options: dict[str, Any]) -> Lab:
    """Open a lab as another process would: with a repository of its own."""
    opening._open.clear()
    return Lab(url, storage_options=options)


def test_append__on_s3_reads_back_what_came(server: dict[str, Any], url: str) -> None:
    lab = Lab(url, storage_options=server)
    recordings = [make(0, 50_000), make(1, irregular=True, angular_velocity=True)]
    before = lab.snapshot
    assert lab.append(recordings).stored == 2
    assert lab.append(recordings).stored == 0
    assert "nothing" not in f"{lab!r} {lab._address!r}"  # the secret key
    reader = pickle.loads(pickle.dumps(_apart(url, server)))
    assert all(same(reader.recording(row), each) for row, each in enumerate(recordings))
    assert lab.at(before).table("recordings").empty
    assert lab.history()["message"].tolist() == ["append 2 recordings", "create the lab"]
    assert lab.info().size_bytes > 500_000
    assert lab.verify().ok


def test_lab__on_s3_is_not_made_up(server: dict[str, Any], url: str) -> None:
    with pytest.raises(LabNotFoundError, match=f"there is no lab at {url}"):
        Lab(url, create=False, storage_options=server)


def test_lab__says_which_store_cannot_be_reached(server: dict[str, Any]) -> None:
    with pytest.raises(LabError, match="lab at s3://nowhere/lab cannot be reached"):
        Lab("s3://nowhere/lab", storage_options=server)


def test_append__writers_on_s3_lose_nothing(server: dict[str, Any], url: str) -> None:
    """They share no lock: each has a repository of its own. One batch is common to all."""
    labs = [_apart(url, server) for _ in range(3)]
    assert len({id(lab._repository) for lab in labs}) == 3

    def write(lab: Lab, first: int) -> None:
        for number in range(first, first + 3):
            lab.append([make(number), make(0)])

    threads = [
        threading.Thread(target=write, args=(lab, 1 + 10 * at)) for at, lab in enumerate(labs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab = _apart(url, server)
    stored = lab.table("recordings", ["digest"])["digest"].tolist()
    numbers = [0, *(1 + 10 * at + n for at in range(3) for n in range(3))]
    assert sorted(stored) == sorted(make(number).digest for number in numbers)
    assert len(lab.history()) == 1 + 9
    assert lab.verify().ok


def test_transact__on_s3_begins_again_after_a_conflict(server: dict[str, Any], url: str) -> None:
    one, two = _apart(url, server), _apart(url, server)
    seen = []

    def write(root: zarr.Group) -> None:
        seen.append(sorted(root["models"].group_keys()))  # type: ignore[union-attr]
        if len(seen) == 1:
            two.transact(lambda root: root.create_group("models/two").path, "two")
        root.create_group("models/one")

    one.transact(write, "one")
    assert seen == [[], ["two"]]
    assert one.history()["message"].tolist() == ["one", "two", "create the lab"]
    assert sorted(one.root()["models"].group_keys()) == ["one", "two"]  # type: ignore[union-attr]


def test_transact__gives_up_in_the_end(
    server: dict[str, Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(url, storage_options=server)

    def conflict(*_: object) -> str:
        raise icechunk.ConflictError("a", "b")

    monkeypatch.setattr(Repository, "_commit", conflict)
    monkeypatch.setattr(repositories, "_TRIES", 3)
    with pytest.raises(LabError, match="other writers were faster 3 times in a row"):
        lab.append([make(0)])


def test_lab__on_s3_whose_creation_was_cut_short(server: dict[str, Any], url: str) -> None:
    icechunk.Repository.create(Address.parse(url, server).storage())
    with pytest.raises(LabNotFoundError):
        Lab(url, create=False, storage_options=server)
    assert Lab(url, storage_options=server).append([make(0)]).stored == 1


def test_lab__on_s3_made_by_several_at_once(server: dict[str, Any], url: str) -> None:
    made = []
    address = Address.parse(url, server)
    threads = [
        threading.Thread(
            target=lambda: made.append(opening._memory_or_bucket(address, create=True))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert Lab(url, storage_options=server).history()["message"].tolist() == ["create the lab"]


def test_lab__on_s3_finished_by_another_process_is_left_alone(
    server: dict[str, Any], url: str
) -> None:
    lab = Lab(url, storage_options=server)
    repository = icechunk.Repository.open(Address.parse(url, server).storage())
    opening._finish(repository)
    assert lab.refresh().history()["message"].tolist() == ["create the lab"]


def test_erase_user__on_s3_removes_the_bytes(server: dict[str, Any], url: str) -> None:
    lab = Lab(url, storage_options=server)
    lab.append([make(0), make(1, user="bob")])
    before = lab.snapshot
    result = lab.erase_user("bob")
    assert (result.recordings, result.snapshots_dropped) == (1, 2)
    prefix = f"{url.removeprefix('s3://gym/')}/snapshots/"
    objects = _client(server).list_objects_v2(Bucket="gym", Prefix=prefix)["Contents"]
    assert len(objects) == 2  # the newest, and the empty one that Icechunk starts with
    with pytest.raises(SnapshotNotFoundError):
        lab.at(before)
    with pytest.raises(NotInLabError):
        lab.erase_user("bob")
    assert same(lab.recording(0), make(0))
    assert lab.verify().ok


def test_verify__on_s3_finds_a_flipped_bit(server: dict[str, Any], url: str) -> None:
    lab = Lab(url, storage_options=server)
    lab.append([make(0, 1000)])
    client, prefix = _client(server), f"{url.removeprefix('s3://gym/')}/chunks/"
    for entry in client.list_objects_v2(Bucket="gym", Prefix=prefix)["Contents"]:
        data = bytearray(client.get_object(Bucket="gym", Key=entry["Key"])["Body"].read())
        data[len(data) // 2] ^= 4
        client.put_object(Bucket="gym", Key=entry["Key"], Body=bytes(data))
    problems = lab.verify().problems
    assert [problem.place for problem in problems] == ["recording 0"]
