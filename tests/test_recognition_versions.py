"""Promoting networks, going back, and holding models against each other."""

import json
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import (
    DamagedLabError,
    InputError,
    NotInLabError,
    ReadOnlyLabError,
    SnapshotNotFoundError,
)
from workoutlab.lab import Lab
from workoutlab.learning.engines import train_members
from workoutlab.learning.members import Member
from workoutlab.learning.networks import Network
from workoutlab.learning.training import Training
from workoutlab.recognition import MLP
from workoutlab.recognition.keeping.models import Models, append_networks
from workoutlab.recognition.keeping.versions import promote, roll_back
from workoutlab.schema import EVERYONE
from workoutlab.store import ragged

INPUTS = np.random.default_rng(5).normal(size=(6, 4)).astype(np.float32)
PLAN = {"length_s": 8.0}


def make_network(seed: int) -> Network:
    targets = np.arange(6) % 2
    how = Training(MLP(6), epochs=1)
    (trained,) = train_members([Member("", INPUTS, targets, 2, seed, how)], "separate")
    return trained.network


def store(lab: Lab, name: str, user: str, seed: int, **columns: object) -> Network:
    network = make_network(seed)
    how = columns.pop("settings", {"windows": PLAN, "recipe": {"epochs": 10}})
    row = {
        "user": user,
        "digest": f"{user}-{seed}",
        "classes": '["curl", "press"]',
        "layers": json.dumps(network.describe()),
        "windows": 60,
        "sets": 6,
        "recordings": 2,
        "simulated": True,
        "snapshot": lab.snapshot,
        "trained_ns": seed,
        "history": json.dumps([{"epoch": 1, "loss": seed}]),
        **columns,
    }
    lab.transact(lambda root: append_networks(root, name, [row], [network.pack()], how), "x")
    return network


def scored(score: float, **columns: object) -> dict[str, object]:
    return {"score": score, "criterion": "error", "validation": "3 folds by set", **columns}


def opens_as(models: Models, user: str, network: Network) -> bool:
    return bool((models.network(user).predict(INPUTS) == network.predict(INPUTS)).all())


@pytest.fixture
def lab(request) -> Lab:
    return Lab(f"memory://versions-{request.node.name}")


def test_models__opened_before_somebody_was_erased_say_that_their_snapshot_is_gone(tmp_path):
    lab = Lab(tmp_path / "lab")
    for number, user in enumerate(("ann", "bob")):
        store(lab, "exercise", user, number)
    models, untouched = Models(lab), Models(lab)
    models.network("bob")
    Lab(lab.url).erase_user("ann")
    for look in (
        lambda: models.network("bob"),
        lambda: models.describe("bob"),
        lambda: models.table,
        lambda: untouched.users,
        lambda: untouched.versions("bob"),
    ):
        with pytest.raises(SnapshotNotFoundError, match="holds no snapshot"):
            look()


def test_promote__lets_networks_of_other_models_hold_and_copies_no_weights(lab):
    store(lab, "exercise", "ann", 1)
    anns, bobs = store(lab, "trial", "ann", 2), store(lab, "trial", "bob", 3)
    result = promote(lab, "trial")
    assert (result.changed, result.unchanged, result.kept) == (("ann", "bob"), (), {})
    models = Models(lab)
    assert opens_as(models, "ann", anns)
    assert opens_as(models, "bob", bobs)
    assert models.history("ann") == [{"epoch": 1, "loss": 2}]
    assert models.settings("bob")["recipe"] == {"epochs": 10}
    assert models.table["length"].tolist() == [0, 0]
    assert models.table["source"].tolist() == ["trial", "trial"]
    assert models.table["digest"].tolist() == ["ann-2", "bob-3"]
    assert lab.models("exercise")["source"].tolist() == ["trial", "trial"]
    assert lab.verify().ok


def test_promote__again_changes_nothing_and_commits_nothing(lab):
    store(lab, "trial", "ann", 2)
    promote(lab, "trial", "exercise")
    snapshot = lab.snapshot
    result = promote(lab, "trial", "exercise")
    assert (result.changed, result.unchanged, result.snapshot) == ((), ("ann",), snapshot)


def test_promote__of_what_was_promoted_names_where_the_weights_are(lab):
    network = store(lab, "first", "ann", 2)
    promote(lab, "first", "second")
    promote(lab, "second", "third")
    assert Models(lab, "third").table["source"].tolist() == ["first"]
    assert opens_as(Models(lab, "third"), "ann", network)


def test_promote__of_some_users_leaves_the_others(lab):
    held = store(lab, "exercise", "ann", 1)
    store(lab, "trial", "ann", 2)
    common = store(lab, "trial", EVERYONE, 3)
    assert promote(lab, "trial", users=[EVERYONE]).changed == (EVERYONE,)
    assert opens_as(Models(lab), "ann", held)
    assert opens_as(Models(lab), EVERYONE, common)


def test_promote__takes_kinds_with_what_they_build_on(lab):
    store(lab, "exercise", EVERYONE, 9)
    common = store(lab, "trial", EVERYONE, 1)
    own = store(lab, "trial", "ann", 2, kind="ensemble", base=0)
    promote(lab, "trial", users=["ann"])
    opened = Models(lab).network("ann")
    expected = (own.predict(INPUTS) + common.predict(INPUTS)) / 2
    assert opened.kind == "ensemble"
    np.testing.assert_allclose(opened.predict(INPUTS), expected, rtol=1e-6)


def test_promote__only_better_keeps_what_is_better_or_cannot_be_compared(lab):
    for user, score in (("ann", 0.2), ("bob", 0.1), ("cem", 0.2)):
        store(lab, "exercise", user, 1, **scored(score))
    store(lab, "trial", "ann", 2, **scored(0.1))
    store(lab, "trial", "bob", 3, **scored(0.2))
    store(lab, "trial", "cem", 4, **scored(0.1, validation="2 folds by set"))
    store(lab, "trial", "dan", 5, **scored(0.9))
    result = promote(lab, "trial", only_better=True)
    assert result.changed == ("ann", "dan")
    assert result.kept == {
        "bob": "not better: error 0.2, 0.1 holds",
        "cem": "scores cannot be compared: validation is '2 folds by set' here, "
        "'3 folds by set' there",
    }
    assert "2 people changed, 0 unchanged, 2 kept" in str(result)
    assert result.as_dict()["changed"] == ["ann", "dan"]


def test_promote__refuses_what_means_nothing(lab):
    store(lab, "trial", "ann", 2)
    with pytest.raises(InputError, match="expected two names"):
        promote(lab, "trial", "trial")
    with pytest.raises(InputError, match=r"write \['ann'\]"):
        promote(lab, "trial", users="ann")
    with pytest.raises(NotInLabError, match="no network of 'bob', 'zoe' among the models 'trial'"):
        promote(lab, "trial", users=["bob", "ann", "zoe"])
    with pytest.raises(NotInLabError, match="no models 'nothing'"):
        promote(lab, "nothing")
    with pytest.raises(ReadOnlyLabError):
        promote(lab.at(lab.snapshot), "trial")
    assert list(lab.models()["name"]) == ["trial"]


def test_roll_back__goes_a_version_back_each_time_and_keeps_all(lab):
    first, second = store(lab, "exercise", "ann", 1), store(lab, "exercise", "ann", 2)
    store(lab, "exercise", "ann", 3)
    bobs = store(lab, "exercise", "bob", 4)
    result = roll_back(lab)
    assert result.changed == ("ann",)
    assert result.kept == {"bob": "there is no earlier version"}
    assert opens_as(Models(lab), "ann", second)
    roll_back(lab, users=["ann"])
    assert opens_as(Models(lab), "ann", first)
    assert roll_back(lab, users=["ann"]).kept == {"ann": "there is no earlier version"}
    versions = Models(lab).versions("ann")
    assert versions["digest"].tolist() == ["ann-1", "ann-2", "ann-3", "ann-2", "ann-1"]
    assert versions["source_row"].fillna(-1).tolist() == [-1, -1, -1, 1, 0]
    assert Models(lab).history("ann") == [{"epoch": 1, "loss": 1}]
    assert opens_as(Models(lab), "bob", bobs)
    assert Models(lab).versions("ann")["trained"].astype("int64").nunique() == 3
    assert lab.verify().ok


def test_roll_back__to_a_snapshot_and_forth_again(lab):
    first = store(lab, "exercise", "ann", 1)
    before = lab.snapshot
    second = store(lab, "exercise", "ann", 2)
    store(lab, "exercise", "bob", 3)
    after = lab.snapshot
    result = roll_back(lab, to=before)
    assert (result.changed, result.kept) == (("ann",), {"bob": "had none then"})
    assert opens_as(Models(lab), "ann", first)
    assert roll_back(lab, to=before, users=["ann"]).unchanged == ("ann",)
    assert roll_back(lab, to=after).changed == ("ann",)
    assert opens_as(Models(lab), "ann", second)
    assert opens_as(Models(lab.at(before)), "ann", first)


def test_roll_back__undoes_a_promotion_and_can_be_undone(lab):
    own, trial = store(lab, "exercise", "ann", 1), store(lab, "trial", "ann", 2)
    promote(lab, "trial")
    promoted = lab.snapshot
    roll_back(lab)
    assert opens_as(Models(lab), "ann", own)
    roll_back(lab, to=promoted)
    assert opens_as(Models(lab), "ann", trial)


def test_roll_back__says_what_is_not_there(lab):
    empty = lab.snapshot
    store(lab, "exercise", "ann", 1)
    with pytest.raises(NotInLabError, match=f"no models 'exercise' at {empty}"):
        roll_back(lab, to=empty)
    with pytest.raises(SnapshotNotFoundError):
        roll_back(lab, to="000000000000")
    with pytest.raises(NotInLabError, match="no models 'trial'"):
        roll_back(lab, "trial")


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["train", "promote", "back", "to"]), min_size=3, max_size=5))
def test_what_holds__follows_from_all_that_was_done(steps):
    """Against a list of versions in the order in which they first held."""
    lab = Lab(f"memory://versions-{uuid4().hex}")
    held, versions, past = 0, [0], []
    store(lab, "exercise", "ann", 0)
    for number, step in enumerate(steps, 1):
        past.append((lab.snapshot, held))
        if step == "train":
            store(lab, "exercise", "ann", number)
        elif step == "promote":
            store(lab, "trial", "ann", number)
            promote(lab, "trial")
        elif step == "back":
            roll_back(lab)
        else:
            roll_back(lab, to=past[len(past) // 2][0])
        if step in ("train", "promote"):
            held = number
            versions.append(number)
        elif step == "back":
            held = versions[max(versions.index(held) - 1, 0)]
        else:
            held = past[len(past) // 2][1]
    assert opens_as(Models(lab), "ann", make_network(held))
    assert lab.verify().ok
    for snapshot, then in past:
        assert opens_as(Models(lab.at(snapshot)), "ann", make_network(then))


def test_erase_user__erases_every_row_and_piece_of_what_was_promoted_or_rolled_back(tmp_path):
    lab = Lab(tmp_path / "lab")
    secret = store(lab, "exercise", "ann", 1)
    store(lab, "exercise", "bob", 4)
    store(lab, "trial", "ann", 2)
    promote(lab, "trial", users=["ann"])
    roll_back(lab, users=["ann"])
    assert lab.erase_user("ann").rows == {
        "models/exercise/networks": 3,
        "models/trial/networks": 1,
    }
    assert Models(lab).users == ("bob",)
    with pytest.raises(NotInLabError, match="no network of 'ann'"):
        Models(lab).versions("ann")
    assert lab.verify().ok
    root = lab.root()
    for name in ("exercise", "trial"):
        with pytest.raises(DamagedLabError, match="chunk 0 is missing"):
            ragged.read(root[f"models/{name}"], "weights", 0, len(secret.pack()))
    assert roll_back(lab).kept == {"bob": "there is no earlier version"}


def test_compare__puts_two_names_side_by_side(lab):
    store(lab, "exercise", "ann", 1, **scored(0.2, kind="common"))
    store(lab, "exercise", "bob", 1, **scored(1.5, criterion="muvr"))
    store(lab, "exercise", "cem", 1, **scored(0.2))
    how = {"windows": PLAN, "recipe": {"epochs": 20}}
    store(lab, "trial", "ann", 2, **scored(0.1, chosen='{"rate": 0.1}', settings=how))
    store(lab, "trial", "bob", 2, **scored(1.25, criterion="muvr"))
    frame = Models(lab, "trial").compare(Models(lab))
    assert frame["better"].tolist() == ["this", "other", ""]
    assert frame["not_comparable"].tolist() == ["", "", "only one of them has a network"]
    assert frame.loc["ann", ["kind", "kind_other", "classes"]].tolist() == ["own", "common", 2]
    assert frame.loc["ann", "differences"] == (
        "recipe.epochs is 20 here, 10 there; chosen.rate is 0.1 here, None there"
    )


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"criterion": "loss"}, "criterion is 'error' here, 'loss' there"),
        ({"validation": "none"}, "validation is '3 folds by set' here, 'none' there"),
        ({"sets": 7}, "sets is 6 here, 7 there"),
        ({"settings": {"windows": {"length_s": 4.0}}}, "plan.length_s is 8.0 here, 4.0 there"),
        ({"score": np.nan}, "the other has no score: train with a search, or choose"),
    ],
)
def test_compare__refuses_to_call_scores_better_that_say_different_things(lab, columns, reason):
    store(lab, "exercise", "ann", 1, **scored(0.2))
    store(lab, "trial", "ann", 2, **{**scored(0.1), **columns})
    frame = Models(lab).compare(Models(lab, "trial"))
    assert frame["better"].tolist() == [""]
    assert frame["not_comparable"].tolist() == [reason]


def test_compare__puts_two_snapshots_side_by_side(lab):
    store(lab, "exercise", "ann", 1, **scored(0.2))
    before = lab.snapshot
    store(lab, "exercise", "ann", 2, **scored(0.2))
    frame = Models(lab).compare(Models(lab.at(before)))
    assert frame["better"].tolist() == ["equal"]
    assert frame["snapshot"].tolist() != frame["snapshot_other"].tolist()
