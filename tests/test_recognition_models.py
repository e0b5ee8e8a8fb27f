"""Networks as they lie in a lab."""

import json

import numpy as np
import pytest
import zarr

from workoutlab.errors import InputError, LabError, NotInLabError, SchemaError
from workoutlab.lab import Lab
from workoutlab.learning.networks import Network, draw_weights
from workoutlab.learning.scaling import fit_scaler
from workoutlab.recognition import MLP, Models
from workoutlab.recognition.keeping.models import append_networks, read_digests
from workoutlab.recognition.people import EVERYONE
from workoutlab.store import networks, ragged

SIZES = (4, 6, 2)
SETTINGS = {"recipe": {"epochs": 3}}


def _network(seed: int, sizes: tuple[int, ...] = SIZES) -> Network:
    numbers = np.random.default_rng(seed)
    scaler = fit_scaler("standard", numbers.normal(3, 2, size=(9, sizes[0])))
    network = MLP(*sizes[1:-1])
    layers = draw_weights(network, network.shapes(sizes[0], sizes[-1]), seed)
    return Network(network, layers, scaler)


def _row(user: str, digest: str) -> dict[str, object]:
    return {
        "user": user,
        "digest": digest,
        "classes": '["curl", "press"]',
        "layers": json.dumps(_network(0).describe()),
        "windows": 10,
        "sets": 2,
        "recordings": 1,
        "simulated": True,
        "snapshot": "BEGINNING",
        "trained_ns": 1,
    }


def _store(lab: Lab, users: list[str], digest: str = "d", **settings: object) -> list[Network]:
    networks = [_network(seed) for seed in range(len(users))]
    rows = [_row(user, digest) for user in users]
    pieces = [network.pack() for network in networks]
    lab.transact(
        lambda root: append_networks(root, "exercise", rows, pieces, {**SETTINGS, **settings}),
        "store networks",
    )
    return networks


@pytest.fixture
def lab(request) -> Lab:
    return Lab(f"memory://models-{request.node.name}")


def test_network__opens_as_it_was_stored(lab):
    networks = _store(lab, ["ann", "bob"])
    opened = Models(lab).network("bob")
    inputs = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(opened.predict(inputs), networks[1].predict(inputs))
    assert opened.classes == ("curl", "press")
    assert opened.snapshot == "BEGINNING"
    with pytest.raises(InputError, match=r"expected shape \(window, 4\)"):
        opened.predict(inputs[0])


def test_network__reads_the_table_of_a_snapshot_once(lab, monkeypatch):
    _store(lab, ["ann", "bob"], "old")
    opened = Models(lab).network("ann")
    with monkeypatch.context() as patch:
        patch.setattr(networks, "read_arrays", lambda *_: pytest.fail("read again"))
        for user in ("bob", "ann"):
            again = Models(lab).network(user)
    np.testing.assert_array_equal(again.network.pack(), opened.network.pack())
    newer = _store(lab, ["ann"], "new", seed=1)
    np.testing.assert_array_equal(Models(lab).network("ann").network.pack(), newer[0].pack())
    assert len(Models(lab).versions("ann")) == 2


def test_network__is_the_last_of_a_person(lab):
    _store(lab, ["ann", "bob"], "old")
    networks = _store(lab, ["ann"], "new", more="settings")
    models = Models(lab)
    assert models.users == ("ann", "bob")
    assert models.table[["user", "digest"]].to_numpy().tolist() == [["bob", "old"], ["ann", "new"]]
    np.testing.assert_array_equal(models.network("ann").network.pack(), networks[0].pack())
    assert models.settings("ann") == {**SETTINGS, "more": "settings"}
    assert models.settings("bob") == SETTINGS
    assert read_digests(lab.root(), "exercise") == ({"ann": "new", "bob": "old"}, 3)
    assert read_digests(lab.root(), "exercise", 2) == ({"ann": "new"}, 3)


def test_append_networks__shares_settings_between_rows(lab):
    _store(lab, ["ann", "bob"])
    _store(lab, ["cem"])
    _store(lab, ["ann"], other=1)
    assert Models(lab).table["settings"].tolist() == [0, 0, 1]


def test_append_networks__says_of_a_row_what_is_so_without_a_search(lab):
    _store(lab, ["ann", EVERYONE])
    frame = Models(lab).table
    assert frame["kind"].tolist() == ["own", "common"]
    assert frame["format"].tolist() == ["network", "network"]
    assert frame["chosen"].tolist() == ["{}", "{}"]
    assert frame["score"].isna().all()
    assert frame["base"].isna().all()
    assert "history" not in frame


def test_append_networks__keeps_what_a_search_says(lab):
    found = {"kind": "fine-tuned", "base": 0, "score": 0.25, "criterion": "error"}
    rows = [_row(EVERYONE, "d"), {**_row("ann", "d"), **found}]
    pieces = [_network(seed).pack() for seed in (0, 1)]
    lab.transact(lambda root: append_networks(root, "exercise", rows, pieces, {}), "store")
    row = Models(lab).table.set_index("user").loc["ann"]
    assert {name: row[name] for name in found} == found


def _store_one(lab: Lab, user: str, seed: int, classes: str, **columns: object) -> Network:
    network = _network(seed)
    row = {**_row(user, f"{user}-{seed}"), "classes": classes, **columns}
    pieces = [np.empty(0, np.float32) if columns.get("kind") == "common" else network.pack()]
    lab.transact(lambda root: append_networks(root, "exercise", [row], pieces, {}), "store")
    return network


def test_network__of_a_person_served_by_the_common_one_is_that(lab):
    common = _store_one(lab, EVERYONE, 0, '["curl", "press"]')
    _store_one(lab, "ann", 1, "[]", kind="common", base=0, reason="2 sets; 4 are needed")
    _store_one(lab, EVERYONE, 2, '["row", "squat"]')
    _store_one(lab, "bob", 3, "[]", kind="common")
    opened = Models(lab).network("ann")
    inputs = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(opened.predict(inputs), common.predict(inputs))
    assert (opened.user, opened.kind, opened.classes) == ("ann", "common", ("curl", "press"))
    assert Models(lab).network("bob").classes == ("row", "squat")
    assert lab.verify().ok


def test_network__of_an_ensemble_averages_own_and_base_over_the_classes_of_both(lab):
    common = _store_one(lab, EVERYONE, 0, '["press", "squat"]')
    own = _store_one(lab, "ann", 1, '["curl", "press"]', kind="ensemble", base=0)
    opened = Models(lab).network("ann")
    inputs = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    expected = np.zeros((5, 3))
    expected[:, [0, 1]] += own.predict(inputs) / 2
    expected[:, [1, 2]] += common.predict(inputs) / 2
    assert opened.classes == ("curl", "press", "squat")
    np.testing.assert_allclose(opened.predict(inputs), expected, rtol=1e-6)


def test_network__that_builds_on_a_common_one_says_that_there_is_none(lab):
    _store_one(lab, "ann", 1, "[]", kind="common")
    with pytest.raises(NotInLabError, match=r"no network of all people.*per='all'"):
        Models(lab).network("ann")


def test_network__of_another_format_is_refused(lab):
    _store_one(lab, "ann", 1, "[]", format="clay")
    with pytest.raises(LabError, match="format 'clay'"):
        Models(lab).network("ann")


def test_network__of_nobody_names_the_common_one(lab):
    _store(lab, ["ann", EVERYONE])
    with pytest.raises(NotInLabError, match=r"'bob'.*Models.network\(\) opens the one of all"):
        Models(lab).network("bob")


def test_history_and_scores__are_those_that_were_stored(lab):
    history, scores = [{"epoch": 1, "loss": 0.5}], [{"settings": {"rate": 0.1}, "score": 0.2}]
    columns = {"history": json.dumps(history), "scores": json.dumps(scores)}
    _store_one(lab, "ann", 1, "[]", **columns)
    _store(lab, ["bob"])
    models = Models(lab)
    assert (models.history("ann"), models.scores("ann")) == (history, scores)
    assert (models.history("bob"), models.scores("bob")) == ([], [])


def test_versions__are_all_of_a_person_oldest_first(lab):
    _store(lab, ["ann", "bob"], "old")
    _store(lab, ["ann"], "new")
    versions = Models(lab).versions("ann")
    assert versions["digest"].tolist() == ["old", "new"]
    assert versions.index.tolist() == [0, 2]


def test_lab_models__lists_who_holds_what_under_every_name(lab):
    assert lab.models().empty
    _store(lab, ["bob", "ann"])
    _store(lab, ["ann"])
    rows, pieces = [_row("ann", "d")], [_network(0).pack()]
    lab.transact(lambda root: append_networks(root, "activity", rows, pieces, {}), "store")
    frame = lab.models()
    assert frame[["name", "user", "classes", "windows", "kind"]].to_numpy().tolist() == [
        ["activity", "ann", 2, 10, "own"],
        ["exercise", "ann", 2, 10, "own"],
        ["exercise", "bob", 2, 10, "own"],
    ]
    assert set(lab.models("activity")["name"]) == {"activity"}
    assert list(lab.models()) == list(Lab(f"{lab.url}-without").models())
    with pytest.raises(NotInLabError, match="no models 'setup', there are activity, exercise"):
        lab.models("setup")


def test_lab_models__counts_the_classes_of_the_network_that_serves_a_person(lab):
    _store_one(lab, EVERYONE, 0, '["curl", "press", "row"]')
    _store_one(lab, "ann", 1, "[]", kind="common", base=0)
    _store_one(lab, "bob", 2, '["curl", "press"]', kind="fine-tuned", base=0)
    assert lab.models()["classes"].tolist() == [3, 3, 2]


def test_models__show_themselves_in_a_notebook(lab):
    _store(lab, [f"person-{number:02}" for number in range(12)])
    page = Models(lab)._repr_html_()
    assert "of 12 people" in page
    assert "person-00" in page
    assert "and 2 more" in page
    assert "person-11" not in page


def test_models__of_another_version_are_refused(lab):
    _store(lab, ["ann"])

    def alter(root: zarr.Group) -> None:
        home = root["models/exercise/networks"]
        home.attrs["columns"] = ["user"]

    lab.transact(alter, "alter")
    with pytest.raises(LabError, match="another version of workoutlab"):
        Models(lab)
    with pytest.raises(LabError, match="another version of workoutlab"):
        _store(lab, ["bob"])


def test_network__names_who_is_there_if_somebody_is_not(lab):
    _store(lab, [f"person-{number:02}" for number in range(12)])
    models = Models(lab)
    with pytest.raises(NotInLabError, match=r"'zoe'.*those of person-00.*person-09 and 2 more"):
        models.network("zoe")
    with pytest.raises(NotInLabError, match="no network of '\\*'"):
        models.network()
    with pytest.raises(NotInLabError, match="no network of ''"):
        models.network("")


def test_models__names_what_is_there_if_a_name_is_not(lab):
    with pytest.raises(NotInLabError, match=r"has no models 'exercise'.*there are none yet"):
        Models(lab)
    _store(lab, [EVERYONE])
    with pytest.raises(NotInLabError, match=r"has no models 'activity'.*there are exercise;"):
        Models(lab, "activity")
    for name in ("", "../exercise", "exercise/networks"):
        with pytest.raises(SchemaError, match="name of the models: expected 1 to 64 letters"):
            Models(lab, name)
    assert repr(Models(lab)) == f"Models('exercise' of 1 people, lab {lab.url!r})"
    assert Models(lab).network().user == EVERYONE


def test_models__keep_to_the_labs_snapshot(lab):
    _store(lab, ["ann"])
    before = lab.snapshot
    _store(lab, ["bob"])
    assert Models(lab.at(before)).users == ("ann",)
    assert Models(lab).users == ("ann", "bob")


def test_models__are_erased_with_their_person(lab):
    networks = _store(lab, ["ann", "bob"])
    erased = lab.erase_user("ann")
    assert erased.models == 1
    models = Models(lab)
    assert models.users == ("bob",)
    np.testing.assert_array_equal(models.network("bob").network.pack(), networks[1].pack())
    with pytest.raises(NotInLabError, match="no network of 'ann'"):
        models.network("ann")
    assert read_digests(lab.root(), "exercise") == ({"bob": "d"}, 2)


def test_models__are_verified_by_their_digest(lab):
    _store(lab, ["ann", "bob"])
    assert lab.verify().models == 2
    assert not lab.verify().problems
    other = _network(9).pack()
    offset = int(Models(lab).table["offset"].iloc[1])
    lab.transact(
        lambda root: ragged.write(root["models/exercise"], "weights", offset, other), "damage"
    )
    [problem] = lab.verify().problems
    assert "bob" in str(problem)
