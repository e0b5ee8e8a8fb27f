"""Training through the lab: what is trained again, whom bad data hurt, what is told."""

import json
import re
import threading
from dataclasses import dataclass, replace
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest
from distributed import Client

import workoutlab as wl
from workoutlab.errors import InputError, LabError, ReadOnlyLabError, SchemaError
from workoutlab.kernels.windows import split_channels
from workoutlab.lab import Lab
from workoutlab.recognition import (
    EVERYONE,
    MLP,
    Models,
    Recipe,
    TrainResult,
    cohorts,
    train,
)
from workoutlab.recognition.keeping.models import read_digests
from workoutlab.recognition.material import compute_together
from workoutlab.recognition.people import DECISIVE, Person, find_people, select_people
from workoutlab.signals import Preparation, RawWindows, Statistics, Windows, compute, windows

EXERCISES = ("curl", "press", "row")
RECIPE = Recipe(Statistics(), MLP(12), epochs=3)


def make_recording(user: str, seed: int, exercises: tuple[str, ...] = EXERCISES) -> wl.Recording:
    """A session with a set of each exercise, which differ in tempo and tilt."""
    numbers = np.random.default_rng(seed)
    pieces, sets, start = [], [], 0
    for number, exercise in enumerate(exercises):
        time = np.arange(400 + 50 * number) / 50
        tilt = number + numbers.normal(0, 0.1)
        swing = 0.3 * np.sin(2 * np.pi * (0.5 + 0.3 * number) * time)
        piece = np.stack([np.sin(tilt + swing), np.cos(tilt + swing), swing], axis=1)
        pieces.append(piece + numbers.normal(0, 0.05, piece.shape))
        sets.append(wl.LabelledSet(start=start, stop=start + len(piece), exercise=exercise))
        start += len(piece)
    return wl.Recording(
        user=user,
        session=f"day-{seed}",
        acceleration=np.concatenate(pieces),
        rate_hz=50,
        sets=sets,
        simulated=True,
    )


def make_lab(url: str, *people: str) -> Lab:
    lab = Lab(url)
    lab.append([make_recording(user, seed) for seed, user in enumerate(people)])
    return lab


def plan(lab: Lab) -> Windows:
    return windows(lab, length="2s", step="500ms")


def digests(lab: Lab) -> dict[str, str]:
    table = Models(lab).table
    return dict(zip(table["user"], table["weights_digest"], strict=True))


@pytest.fixture
def lab(request) -> Lab:
    return make_lab(f"memory://{request.node.name}", "ann", "bob", "cem")


def test_train__gives_everyone_a_network_that_knows_their_exercises(lab):
    result = train(plan(lab), Recipe(Statistics(), MLP(12), epochs=20))
    assert (result.trained, result.unchanged, result.failed) == (("ann", "bob", "cem"), (), {})
    assert result.ok
    assert result.snapshot == lab.snapshot == Lab(lab.url).snapshot
    network = Models(lab).network("bob")
    assert network.classes == EXERCISES
    inputs = Statistics().compute(split_channels(lab.read(1)), np.array([100, 500, 1000]), 100, 50)
    assert network.predict(inputs).argmax(axis=1).tolist() == [0, 1, 2]


def test_train__records_how_each_network_came_about(lab):
    before = lab.snapshot
    train(plan(lab), RECIPE)
    row = Models(lab).table.set_index("user").loc["ann"]
    assert row["snapshot"] == before
    assert json.loads(row["classes"]) == list(EXERCISES)
    assert json.loads(row["layers"])["network"]["hidden"] == [12]
    assert (row["sets"], row["recordings"]) == (3, 1)
    ann = plan(lab).segments.query("user == 'ann'")
    assert row["windows"] == ann["count"].sum()
    assert row["simulated"]
    settings = Models(lab).settings("ann")
    assert settings["recipe"] == RECIPE.settings()
    assert settings["windows"] == {
        "length_s": 2.0,
        "step_s": 0.5,
        "rate_hz": 50.0,
        "preparation": Preparation().settings(),
    }
    assert settings["version"] == wl.__version__
    assert lab.history()["message"].str.contains("networks of exercise").any()


def test_train__again_trains_nobody(lab):
    first = train(plan(lab), RECIPE)
    again = train(plan(lab), RECIPE)
    assert (again.trained, again.unchanged) == ((), ("ann", "bob", "cem"))
    assert again.snapshot == first.snapshot
    assert len(Models(lab).table) == 3


def test_train__after_a_new_recording_trains_only_that_person(lab):
    train(plan(lab), RECIPE)
    before = digests(lab)
    lab.append([make_recording("bob", 77)])
    again = train(plan(lab), RECIPE)
    assert (again.trained, again.unchanged) == (("bob",), ("ann", "cem"))
    after = digests(lab)
    assert after.pop("bob") != before.pop("bob")
    assert after == before


@pytest.mark.parametrize(
    "change",
    [
        lambda lab: (plan(lab), Recipe(Statistics(), MLP(12), epochs=4)),
        lambda lab: (windows(lab, length="2s", step="1s"), RECIPE),
        lambda lab: (windows(lab, length="2s", step="500ms", trim=0), RECIPE),
    ],
)
def test_train__with_another_recipe_or_plan_trains_everyone_again(lab, change):
    train(plan(lab), RECIPE)
    before = digests(lab)
    changed, recipe = change(lab)
    assert train(changed, recipe).trained == ("ann", "bob", "cem")
    assert not set(digests(lab).values()) & set(before.values())
    assert train(plan(lab), RECIPE).trained == ("ann", "bob", "cem")
    assert digests(lab) == before


def test_train__on_windows_of_several_lengths_and_rates_goes_by_each_persons_own(lab):
    def mixed():
        return windows(lab, length=["2s", "3s"], step="500ms", rate_hz="own")

    assert train(mixed(), RECIPE).trained == ("ann", "bob", "cem")
    settings = Models(lab).settings("ann")["windows"]
    assert (settings["length_s"], settings["rate_hz"]) == ([2.0, 3.0], "own")
    lab.append([replace(make_recording("dan", 78), rate_hz=100.0)])
    again = train(mixed(), RECIPE)
    assert (again.trained, again.unchanged) == (("dan",), ("ann", "bob", "cem"))
    with pytest.raises(InputError, match="RawWindows"):
        train(mixed(), Recipe(RawWindows(), MLP(12)))


def test_train__with_other_code_trains_everyone_again(lab, monkeypatch):
    train(plan(lab), RECIPE)
    monkeypatch.setattr("workoutlab.recognition.people._code_digest", lambda _: "other code")
    assert train(plan(lab), RECIPE).trained == ("ann", "bob", "cem")


def test_train__keeps_models_of_several_names_apart(lab):
    train(plan(lab), RECIPE)
    raw = Recipe(RawWindows(), MLP(6), epochs=1)
    assert train(plan(lab), raw, name="raw").trained == ("ann", "bob", "cem")
    assert Models(lab, "raw").network("ann").network.sizes == (300, 6, 3)
    assert Models(lab).network("ann").network.sizes == (67, 12, 3)


def test_train__gives_the_same_networks_in_any_cohorts(lab):
    networks = []
    for size, name in ((1, "one"), (2, "two"), (3, "three"), (None, "default")):
        train(plan(lab), RECIPE, name=name, cohort=size)
        table = Models(lab, name).table.sort_values("user")
        networks.append(table[["user", "weights_digest"]].to_numpy().tolist())
    assert networks == networks[:1] * 4


def test_train__can_make_one_network_of_all(lab):
    result = train(plan(lab), RECIPE, per="all")
    assert result.trained == (EVERYONE,)
    model = Models(lab)
    assert model.users == (EVERYONE,)
    assert model.table["recordings"].tolist() == [3]
    assert model.network().classes == EXERCISES


def test_train__fails_the_people_whose_data_are_bad_and_nobody_else(lab):
    undisturbed = train(plan(lab), RECIPE, name="undisturbed")
    lab.append([make_recording("dan", 10, ("curl",)), make_recording("eve", 11)])
    short = wl.Recording(
        user="fay",
        session="1",
        acceleration=np.ones((60, 3)),
        rate_hz=50,
        sets=[wl.LabelledSet(start=0, stop=60, exercise="curl")],
    )
    lab.append([short])
    result = train(plan(lab), RECIPE, cohort=6)
    assert result.trained == ("ann", "bob", "cem", "eve")
    assert list(result.failed) == ["dan", "fay"]
    assert "windows of one exercise" in result.failed["dan"]
    assert "long enough for a window" in result.failed["fay"]
    assert not result.ok
    assert "  dan: " in str(result)
    assert str(result).startswith("models 'exercise': 4 of 6 people trained, 0 unchanged, 2 failed")
    assert json.loads(json.dumps(result.as_dict()))["trained"] == ["ann", "bob", "cem", "eve"]
    assert undisturbed.ok
    before = Models(lab, "undisturbed").table.set_index("user")["weights_digest"]
    assert {user: digests(lab)[user] for user in before.index} == before.to_dict()


def test_train__fails_a_person_whose_recording_cannot_be_read_and_nobody_else(lab, monkeypatch):
    read = cohorts.read_material

    def fail_for_bob(plan, person, *how):
        if person.user == "bob":
            raise LabError("samples of recording 1 cannot be read")
        return read(plan, person, *how)

    monkeypatch.setattr(cohorts, "read_material", fail_for_bob)
    result = train(plan(lab), RECIPE, cohort=3)
    assert result.trained == ("ann", "cem")
    assert result.failed == {"bob": "samples of recording 1 cannot be read"}
    monkeypatch.undo()
    assert train(plan(lab), RECIPE).trained == ("bob",)


def test_train__fails_a_person_whose_inputs_break_the_users_own_code_and_nobody_else(
    lab, monkeypatch
):
    read = cohorts.read_material

    def break_for_cem(plan, person, *how):
        return 1 / 0 if person.user == "cem" else read(plan, person, *how)

    monkeypatch.setattr(cohorts, "read_material", break_for_cem)
    result = train(plan(lab), RECIPE, cohort=3)
    assert result.trained == ("ann", "bob")
    assert result.failed == {"cem": "ZeroDivisionError: division by zero"}


def test_train__brings_nobody_back_who_was_erased_meanwhile(lab, monkeypatch):
    fit = cohorts.train_members

    def erase_bob(*arguments):
        outcomes = fit(*arguments)
        Lab(lab.url).erase_user("bob")
        return outcomes

    monkeypatch.setattr(cohorts, "train_members", erase_bob)
    result = train(plan(lab), RECIPE, cohort=3)
    assert result.trained == ("ann", "cem")
    assert result.failed == {"bob": "erased from the lab during the training"}
    assert Models(lab.refresh()).users == ("ann", "cem")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("lab", RECIPE), {}, "expected the plan of windows"),
        (("plan", "network"), {}, "expected a Recipe or an Estimator, got 'network'"),
        (
            ("plan", RECIPE),
            {"progres": False},
            "criterion, device, engine, folds, progress, retries, share, got progres",
        ),
        (("plan", RECIPE), {"cohort": 2.5}, "cohort: expected a whole number, got 2.5"),
    ],
)
def test_train__names_the_argument_that_is_wrong(lab, arguments, options, message):
    given = {"lab": lab, "plan": plan(lab)}
    first, second = (given.get(each, each) if isinstance(each, str) else each for each in arguments)
    with pytest.raises(InputError, match=message):
        train(first, second, **options)


def test_train__names_the_people_of_a_task_that_broke(lab, monkeypatch):
    def break_down(*arguments):
        raise MemoryError("no memory left")

    monkeypatch.setattr(cohorts, "train_members", break_down)
    result = train(plan(lab), RECIPE, cohort=2)
    assert result.failed == dict.fromkeys(["ann", "bob", "cem"], "MemoryError: no memory left")


def test_train_cohort__repeats_nothing_that_came_since_the_run_began(lab, monkeypatch):
    people = find_people(plan(lab), RECIPE)
    task = cohorts.Cohort(plan(lab), people, RECIPE, "exercise", "auto", seen=0)
    assert cohorts.train_cohort(task) == {}
    monkeypatch.setattr(cohorts, "read_material", lambda *_: pytest.fail("trained again"))
    assert cohorts.train_cohort(task) == {}
    assert len(Models(lab.refresh()).table) == 3


def test_train__together_with_the_same_run_stores_nobody_twice(lab):
    results: list[TrainResult] = []

    def run() -> None:
        results.append(train(windows(Lab(lab.url), length="2s", step="500ms"), RECIPE, cohort=1))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result.ok for result in results)
    assert len(results) == 3
    assert len(Models(lab.refresh()).table) == 3
    assert read_digests(lab.root(), "exercise")[1] == 3


def test_train__ignores_what_has_no_label(lab):
    unlabelled = wl.Recording(
        user="ann", session="x", acceleration=np.ones((500, 3)) * [0, 0, 1], rate_hz=50
    )
    everything = windows(lab, length="2s", step="500ms", within="recordings")
    train(everything, RECIPE)
    lab.append([unlabelled])
    again = train(windows(lab, length="2s", step="500ms", within="recordings"), RECIPE)
    assert again.unchanged == ("ann", "bob", "cem")


def test_train__refuses_a_lab_in_memory_that_the_workers_cannot_see(lab, monkeypatch):
    class Elsewhere:
        def scheduler_info(self, **_: int) -> dict[str, dict[str, object]]:
            return {"workers": {"tcp://127.0.0.1:4000": {}}}

    monkeypatch.setattr("workoutlab.cluster.connecting.active_client", Elsewhere)
    with pytest.raises(LabError, match="in this process's memory"):
        train(plan(lab), RECIPE)


def test_train__runs_on_the_active_clients_threads(lab):
    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ):
        on_client = train(plan(lab), RECIPE, name="client")
    train(plan(lab), RECIPE)
    assert on_client.trained == ("ann", "bob", "cem")
    table = Models(lab, "client").table
    assert dict(zip(table["user"], table["weights_digest"], strict=True)) == digests(lab)


def test_train__refuses_what_cannot_mean_anything(lab):
    with pytest.raises(InputError, match="per: expected 'user' or 'all', got 'person'"):
        train(plan(lab), RECIPE, per="person")
    with pytest.raises(InputError, match="cohort: expected >= 1, got 0"):
        train(plan(lab), RECIPE, cohort=0)
    with pytest.raises(InputError, match="engine: expected one of"):
        train(plan(lab), RECIPE, engine="fast")
    with pytest.raises(SchemaError, match="name of the models"):
        train(plan(lab), RECIPE, name="a/b")
    with pytest.raises(ReadOnlyLabError):
        train(plan(lab.at(lab.snapshot)), RECIPE)


def _everyone(counts: list[int], recipe: Recipe, inputs: int) -> cohorts.Cohort:
    people = [Person(f"person-{n}", np.arange(0), count, "") for n, count in enumerate(counts)]
    return cohorts.Cohort(
        SimpleNamespace(distinct={"length": np.array([inputs // 3])}),
        people,
        recipe,
        "exercise",
        "auto",
        0,
    )


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [
        ([10, 10, 10, 10], 3, [3, 1]),
        ([10, 0, 0, 10], 10, [4]),
        ([0, 0], 5, [2]),
        ([], 5, []),
        ([30, 30, 30, 300, 10], 100, [3, 1, 1]),
    ],
)
def test_group_people__bounds_people_and_memory(counts, most, expected):
    everyone = _everyone(counts, Recipe(RawWindows(), MLP(5)), inputs=300)
    parts = cohorts.group_people(everyone, 2, 100 * 300 * 4, most)
    assert [len(part) for part in parts] == expected


@pytest.mark.parametrize(
    ("people", "network", "expected"),
    [
        (100, MLP(250, 50), [2, 12]),  # half a second a person
        (100, MLP(10), [32]),
        (10_000, MLP(250, 50), [32]),
    ],
)
def test_group_people__makes_cohorts_worth_their_commit(people, network, expected):
    recipe = Recipe(RawWindows(), network, epochs=20)
    everyone = _everyone([600] * people, recipe, inputs=1200)
    parts = cohorts.group_people(everyone, 2, 2**32)
    assert expected[0] <= len(parts[0]) <= expected[-1]


def test_group_people__fills_the_memory_of_a_gpus_host():
    everyone = _everyone([600] * 10_000, Recipe(RawWindows(), MLP(250, 50)), inputs=1200)
    [first, *_] = cohorts.group_people(everyone, 1, 2**32, wide=True)
    assert len(first) == 2**32 // (600 * 1200 * 4)


def test_select_people__keeps_each_persons_segments(lab):
    whole = plan(lab)
    people = find_people(whole, RECIPE)
    part, [cem, ann] = select_people(whole, [people[2], people[0]])
    assert part.segments["user"].unique().tolist() == ["ann", "cem"]
    for person in (ann, cem):
        assert set(part.segments["user"].iloc[person.segments]) == {person.user}
        assert part.segments["count"].iloc[person.segments].sum() == person.windows


@dataclass(frozen=True)
class Picky(RawWindows):
    """Raw windows, but none of a signal that swings as far as the loudest person's."""

    loudest: float = np.inf

    def compute(self, planes, starts, length, rate_hz):
        if planes.max() >= self.loudest:
            raise ZeroDivisionError("too loud")
        return super().compute(planes, starts, length, rate_hz)


def test_compute_together__computes_what_is_computed_person_by_person(lab):
    people = find_people(plan(lab), RECIPE)
    together = compute_together(plan(lab), people[::2], RECIPE)
    assert list(together) == ["ann", "cem"]
    for person in people[::2]:
        alone = compute(plan(lab).select(person.segments), RECIPE.inputs)
        np.testing.assert_array_equal(together[person.user], alone)
    assert compute_together(plan(lab), people[:1], RECIPE) == {}


def test_train__fails_a_person_whose_inputs_break_when_all_are_computed_together(lab):
    loudest = {
        person.user: float(compute(plan(lab).select(person.segments), RawWindows(1.0)).max())
        for person in find_people(plan(lab), RECIPE)
    }
    loud = max(loudest, key=loudest.__getitem__)
    picky = Recipe(Picky(loudest=loudest[loud]), MLP(12), epochs=3)
    result = train(plan(lab), picky, cohort=3)
    assert result.failed == {loud: "ZeroDivisionError: too loud"}
    assert set(result.trained) == set(loudest) - {loud}


def test_decisive__covers_all_code_that_an_engine_trains_by():
    harmless = {"callbacks.py", "checkpoints.py", "engines.py", "threads.py"}
    home = files("workoutlab").joinpath("learning")
    seen, waiting = set(), ["engines.py"]
    while waiting:
        seen.add(name := waiting.pop())
        used = re.findall(
            r"from workoutlab\.learning\.(\w+) import", home.joinpath(name).read_text()
        )
        waiting += sorted({f"{module}.py" for module in used} - seen)
    assert {f"learning/{name}" for name in seen - harmless} <= set(DECISIVE)
    assert "recognition/recipe.py" in DECISIVE
