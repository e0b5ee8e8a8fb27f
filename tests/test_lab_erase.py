"""Erasing a person leaves nothing of them, and everything of the others."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.lab_recordings import make, same
from tests.test_store_verification import NETWORKS, add_models
from workoutlab.errors import NotInLabError, SnapshotNotFoundError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.store import layout, ragged, tables
from workoutlab.store.repository import Repository

SETS = (
    LabelledSet(start=0, stop=50, exercise="curl"),
    LabelledSet(start=50, stop=99, exercise="x"),
)


def _people() -> list[Recording]:
    return [
        make(0, sets=SETS),
        make(1, layout.SAMPLES_PER_CHUNK + 7, user="bob", source="bobs-secret.csv", sets=SETS),
        make(2, user="eve"),
        make(3, user="bob", irregular=True, angular_velocity=True, sets=SETS),
        make(4, sets=SETS[:1]),
    ]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    lab.append(_people()[:3], message="with bob")
    lab.append(_people()[3:])
    lab.transact(lambda root: add_models(root, "ann", "bob", "eve"), "train")
    return lab


def _stored(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def _chunks_of(lab: Lab, path: str, offset: int, length: int) -> list[bytes]:
    """The stored bytes of a piece."""
    array = lab.root()[path]
    assert isinstance(array, zarr.Array)
    chunk = array.chunks[0]
    copy = lab.export_zarr(Path(lab.url).parent / path.replace("/", "-"))
    keys = range(offset // chunk, -(-(offset + length) // chunk))
    suffix = "/0" * (array.ndim - 1)
    return [(copy / path / f"c/{key}{suffix}").read_bytes() for key in keys]


def test_erase_user__removes_every_byte_and_no_one_elses(lab: Lab) -> None:
    recordings = lab.table("recordings")
    offsets = recordings.loc[recordings["user"] == "bob", ["offset", "samples"]].to_numpy()
    digests = recordings.loc[recordings["user"] == "bob", "digest"].tolist()
    pieces = [_chunks_of(lab, "samples/acceleration", *offsets[0])[0]]
    home = lab.root()["models/exercise"]
    assert isinstance(home, zarr.Group)
    row = tables.read(home, NETWORKS).iloc[1]
    pieces += _chunks_of(lab, "models/exercise/weights", row["offset"], row["length"])
    before = _stored(lab.url)
    assert all(any(piece in file for file in before.values()) for piece in pieces)

    result = lab.erase_user("bob")
    assert (result.recordings, result.sets, result.models) == (2, 4, 1)
    assert result.samples == layout.SAMPLES_PER_CHUNK + 107
    assert result.snapshots_dropped == 4
    assert result.snapshot == lab.snapshot
    assert "erased bob: 2 recordings" in str(result)

    after = _stored(lab.url)
    assert not any(piece in file for piece in pieces for file in after.values())
    assert sum(map(len, before.values())) - sum(map(len, after.values())) >= sum(map(len, pieces))
    everything = b"".join(after.values()) + _plain(lab)
    for text in ("bob", *digests):
        assert text.encode() not in everything

    kept = {0: 0, 2: 2, 4: 4}
    assert lab.table("recordings").index.tolist() == list(kept)
    assert all(same(lab.recording(row), _people()[at]) for row, at in kept.items())
    assert lab.table("sets")["recording"].tolist() == [0, 0, 4]
    assert lab.verify().ok
    with pytest.raises(NotInLabError, match="was erased"):
        lab.read(1)


def _plain(lab: Lab) -> bytes:
    """All text columns, which are compressed in the store, as they read."""
    text = []
    for path in ("recordings", "sets", "models/exercise/networks"):
        home = lab.root()[path]
        assert isinstance(home, zarr.Group)
        text += [str(array[:].tolist()) for _, array in home.arrays() if array.dtype.kind == "T"]
    return "".join(text).encode()


def test_erase_user__drops_the_history(lab: Lab) -> None:
    earlier = lab.history()["snapshot"].tolist()
    pinned, other = lab.at(earlier[0]), Lab(lab.url)
    lab.erase_user("bob")
    assert lab.history()["message"].tolist() == ["erase a person"]
    for snapshot in earlier:
        with pytest.raises(SnapshotNotFoundError, match=f"no snapshot '{snapshot}'"):
            lab.at(snapshot)
    for read in (lambda: pinned.read(0), lambda: other.table("sets"), lambda: other.recording(0)):
        with pytest.raises(SnapshotNotFoundError, match="erasing a person drops"):
            read()
    assert len(other.refresh().table("recordings")) == 3


def test_erase_user__tells_a_process_that_looked_before(lab: Lab) -> None:
    from workoutlab.store import opening

    opening._open.clear()  # as in another process: nothing is shared with the one that erases
    reader = Lab(lab.url)
    opening._open.clear()
    Lab(lab.url).erase_user("bob")
    with pytest.raises(SnapshotNotFoundError, match="erasing a person drops"):
        reader.read(1)
    assert len(reader.refresh().table("recordings")) == 3


def test_erase_user__can_be_appended_again(lab: Lab) -> None:
    lab.erase_user("bob")
    outcomes = lab.append([_people()[1], _people()[0]]).outcomes
    assert [(each.status, each.recording) for each in outcomes] == [("stored", 5), ("duplicate", 0)]
    assert same(lab.recording(5), _people()[1])
    assert lab.recording(0).sets == SETS
    assert lab.verify().ok


def test_erase_user__refuses_an_unknown_user(lab: Lab) -> None:
    lab.erase_user("eve")
    before = lab.snapshot
    for user in ("zoe", "eve", ""):
        with pytest.raises(NotInLabError, match=f"nothing of user '{user}'"):
            lab.erase_user(user)
    assert lab.refresh().snapshot == before
    assert len(lab.history()) == 1


def test_erase_user__goes_on_where_it_was_cut_short(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Repository, "forget_past", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lab.erase_user("bob")
    lab.append([make(9)])
    assert "an erasure was cut short" in str(lab.verify())
    result = lab.erase_user("bob")
    assert result.snapshots_dropped == 5
    assert len(lab.history()) == 1
    assert lab.verify().ok


def test_erase_user__everyone_leaves_an_empty_lab(lab: Lab) -> None:
    for user in ("ann", "bob", "eve"):
        lab.erase_user(user)
    assert lab.table("recordings").empty
    assert lab.table("sets").empty
    assert lab.info().samples == 0
    samples = lab.root()["samples"]
    assert isinstance(samples, zarr.Group)
    assert {name: array.nchunks_initialized for name, array in samples.arrays()} == dict.fromkeys(
        ["acceleration", "angular_velocity", "time"], 0
    )
    assert lab.append(_people()).stored == 5
    assert lab.verify().ok


def test_erase_user__of_a_model_without_recordings() -> None:
    lab = Lab("memory://erase-model")
    lab.transact(lambda root: add_models(root, "ann", "bob"), "train")
    assert lab.erase_user("ann").rows == {"models/exercise/networks": 1}
    home = lab.root()["models/exercise"]
    assert isinstance(home, zarr.Group)
    frame = tables.read(home, NETWORKS)
    assert frame["user"].tolist() == ["bob"]
    assert np.isfinite(ragged.read(home, "weights", *frame[["offset", "length"]].iloc[0])).all()
    assert lab.verify().ok
