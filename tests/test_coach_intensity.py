"""The intensity pipeline from a lab's sets to its table of suggestions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from tests.lab_recordings import make
from tests.test_cli import invoke, invoke_json
from tests.test_coach_history import make_sessions
from workoutlab.coach import (
    IntensityRegression,
    explain,
    find_histories,
    intensity,
    sessions,
    sessions_from_plans,
    suggest,
    suggest_intensity,
)
from workoutlab.errors import InputError, NotInLabError, ReadOnlyLabError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording

DAY_NS = 86_400_000_000_000
COUNTS = {"ann": 20, "bob": 14, "cem": 3}
NOW = "1970-01-20T00:10"


def record(user: str, number: int, day: int, value: float | None) -> Recording:
    curl = LabelledSet(start=0, stop=99, exercise="curl", intensity=value)
    return make(
        number,
        user=user,
        session=f"s{day:02d}",
        start_ns=day * DAY_NS,
        sets=[curl],
        simulated=True,
    )


def recordings() -> list[Recording]:
    """Everybody's last session is on day 19, but for eve's, which tells no intensity."""
    rng = np.random.default_rng(0)
    made = [
        record(user, 100 * person + back, 19 - back, float(rng.choice([0.4, 0.6, 0.8])))
        for person, (user, count) in enumerate(COUNTS.items())
        for back in range(count)
    ]
    return [*made, record("eve", 900, 19, None), record("old", 901, 18, 0.6)]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    lab.append(recordings())
    return lab


def test_suggest_intensity__suggests_to_all_who_are_due(lab):
    before = lab.snapshot
    result = suggest_intensity(lab, now=NOW)
    assert (result.eligible, result.by_regression, result.by_fallback) == (4, 2, 1)
    assert result.left_out == {"eve": "none of 1 sessions that are over tells an intensity"}
    assert result.ok
    assert lab.table("suggestions")["user"].unique().tolist() == ["ann", "bob", "cem"]
    rows = result.frame
    assert len(rows) == 9
    assert rows["snapshot"].unique().tolist() == [before]
    assert rows["last_session"].unique().tolist() == ["s19"]
    assert rows["simulated"].all()
    expected = suggest(find_histories(sessions(lab), NOW, ["ann", "bob", "cem"])[0]).suggestions
    pd.testing.assert_series_equal(rows["raw"], expected["raw"])
    errors = result.errors
    assert errors["people"].tolist() == [2, 2, 2]
    fitted = rows[(rows["method"] == "regression") & (rows["position"] == 2)]
    assert errors["last_error"][2] == pytest.approx(fitted["last_error"].mean())
    assert explain(lab, 0).settings["regression"] == IntensityRegression().settings()
    assert str(result).startswith("*** SIMULATED DATA ***\nintensity for 1970-01-20T00:10:00Z")
    assert "left out: eve: none of 1 sessions" in str(result)
    assert lab.verify().ok


def test_suggest_intensity__a_second_run_adds_nothing(lab):
    suggest_intensity(lab, now=NOW)
    before = lab.snapshot
    again = suggest_intensity(Lab(lab.url), now=NOW)
    assert (again.by_regression, again.by_fallback, again.unchanged) == (0, 0, 3)
    assert again.simulated == 3
    assert lab.refresh().snapshot == before
    assert len(again.frame) == 9


def test_suggest_intensity__only_whose_history_changed_is_suggested_anew(lab):
    suggest_intensity(lab, now=NOW)
    lab.append(record("bob", 950, 2, 0.6))
    again = suggest_intensity(lab, now=NOW)
    assert (again.by_regression, again.unchanged) == (1, 2)
    assert len(lab.table("suggestions")) == 12
    later = suggest_intensity(lab, now="1970-01-20T00:11")
    assert (later.by_regression, later.by_fallback, later.unchanged) == (2, 1, 0)
    settings = suggest_intensity(lab, now=NOW, regression=IntensityRegression(penalties=[1.0]))
    assert settings.unchanged == 0


def test_suggest_intensity__batches_and_groups_change_nothing(lab, monkeypatch):
    whole = suggest_intensity(lab, now=NOW).frame
    other = Lab("memory://intensity-batches")
    other.append(recordings())
    monkeypatch.setattr(intensity, "_PEOPLE_AT_ONCE", 2)
    cut = suggest_intensity(other, now=NOW, batch=1)
    assert cut.eligible == 4
    columns = ["user", "position", "raw", "method", "digest", "validation_error"]
    parts = [
        each[columns].sort_values(["user", "position"], ignore_index=True)
        for each in (whole, cut.frame)
    ]
    pd.testing.assert_frame_equal(*parts)
    assert other.history()["message"].tolist()[:-2] == ["suggest intensities to 1 people"] * 3


def test_suggest_intensity__looks_at_nothing_later(lab):
    early = suggest_intensity(lab, now="1970-01-18T00:10")  # day 17
    other = Lab("memory://intensity-early")
    other.append([each for each in recordings() if each.start_ns <= 17 * DAY_NS])
    expected = suggest_intensity(other, now="1970-01-18T00:10")
    assert early.eligible == 3
    assert early.frame["raw"].tolist() == expected.frame["raw"].tolist()
    assert early.frame["last_session"].unique().tolist() == ["s17"]


def test_suggest_intensity__readings_and_filters(lab):
    lab.append(
        make(960, 100 * 3600, user="zoe", session="1", start_ns=19 * DAY_NS, simulated=True)
    )  # two hours
    started = suggest_intensity(lab, now=NOW, reading="started")
    assert started.eligible == 5
    assert started.left_out["zoe"] == "no session with a known time is over"
    assert suggest_intensity(lab, now=NOW).eligible == 4
    chosen = suggest_intensity(lab, now=NOW, users=["bob", "old", "nobody"])
    assert (chosen.eligible, chosen.unchanged) == (1, 1)
    ruled = suggest_intensity(lab, now=NOW, users=lambda each: each["session"] == "s00")
    assert (ruled.eligible, ruled.unchanged) == (1, 1)
    nobody = suggest_intensity(lab, now="1980-01-01")
    assert (nobody.eligible, len(nobody.frame), len(nobody.errors)) == (0, 0, 0)


def test_suggest_intensity__takes_sessions_from_elsewhere():
    lab = Lab("memory://intensity-elsewhere")
    table = make_sessions({"ann": [0.5] * 15, "bob": [0.4, 0.6]}, simulated=False)
    now = pd.Timestamp(table[table["user"] == "ann"]["stop_ns"].max())
    result = suggest_intensity(lab, now=now, sessions=table)
    assert (result.eligible, result.by_regression) == (1, 1)
    assert result.frame["intensity"].tolist() == pytest.approx([0.5] * 3)
    assert not result.simulated
    assert not str(result).startswith("***")
    assert explain(lab, 0).model["sd"] == 1


def test_suggest_intensity__to_nobody_has_an_empty_table_with_columns():
    result = suggest_intensity(Lab("memory://intensity-nobody"), now=NOW)
    assert result.frame[["user", "position", "intensity"]].empty
    assert result.errors.empty


def test_suggest_intensity__refuses_sessions_recorded_in_another_lab(lab):
    other = Lab("memory://intensity-other")
    with pytest.raises(InputError, match="recording 38 is none of the 0 of the lab"):
        suggest_intensity(other, now=NOW, sessions=sessions(lab))


def test_suggest_intensity__erasing_a_person_erases_suggestions_and_models(lab):
    suggest_intensity(lab, now=NOW)
    erased = lab.erase_user("ann")
    assert erased.rows["coach/suggestions"] == 3
    assert erased.rows["coach/intensity_models"] == 3
    assert lab.table("suggestions")["user"].unique().tolist() == ["bob", "cem"]
    assert lab.table("intensity_models")["user"].unique().tolist() == ["bob"]
    with pytest.raises(NotInLabError, match="has no suggestion 0"):
        explain(lab, 0)
    assert explain(lab, 3).model["user"] == "bob"
    assert lab.verify().ok
    again = suggest_intensity(lab, now=NOW)
    assert (again.eligible, again.unchanged) == (3, 2)


def test_suggest_intensity__who_is_erased_meanwhile_gets_none(lab, monkeypatch):
    def erase_and_suggest(histories, settings):
        if "ann" in histories.users:
            Lab(lab.url).erase_user("ann")
        return suggest(histories, settings)

    monkeypatch.setattr(intensity, "suggest", erase_and_suggest)
    result = suggest_intensity(lab, now=NOW)
    assert result.failed == {"ann": "erased from the lab in the meantime"}
    assert lab.table("suggestions")["user"].unique().tolist() == ["bob", "cem"]
    assert (result.by_regression, result.by_fallback, result.unchanged) == (1, 1, 0)


def test_suggest_intensity__another_run_meanwhile_is_not_repeated(lab, monkeypatch):
    def suggest_twice(histories, settings):
        monkeypatch.setattr(intensity, "suggest", suggest)
        suggest_intensity(Lab(lab.url), now=NOW, users=["bob"])
        return suggest(histories, settings)

    monkeypatch.setattr(intensity, "suggest", suggest_twice)
    result = suggest_intensity(lab, now=NOW)
    assert (result.by_regression, result.by_fallback, result.unchanged) == (1, 1, 1)
    assert len(lab.table("suggestions")) == 9


def test_suggest_intensity__a_task_that_fails_is_told_of_its_people(lab, monkeypatch):
    def fail_for_bob(histories, settings):
        if "bob" in histories.users:
            raise RuntimeError("worker lost")
        return suggest(histories, settings)

    monkeypatch.setattr(intensity, "suggest", fail_for_bob)
    result = suggest_intensity(lab, now=NOW, batch=1)
    assert result.failed == {"bob": "RuntimeError: worker lost"}
    assert not result.ok
    assert set(lab.table("suggestions")["user"]) == {"ann", "cem"}


def test_suggest_intensity__refuses_what_means_nothing(lab):
    with pytest.raises(InputError, match="lab: expected a Lab"):
        suggest_intensity("lab", now=NOW)
    with pytest.raises(InputError, match="regression: expected an IntensityRegression"):
        suggest_intensity(lab, now=NOW, regression={"history": 5})
    with pytest.raises(InputError, match="takes batch, progress, sessions, got chunk"):
        suggest_intensity(lab, now=NOW, chunk=3)
    with pytest.raises(InputError, match="batch: expected >= 1"):
        suggest_intensity(lab, now=NOW, batch=0)
    with pytest.raises(InputError, match="reading: expected"):
        suggest_intensity(lab, now=NOW, reading="going")
    with pytest.raises(InputError, match="users: expected several ids"):
        suggest_intensity(lab, now=NOW, users="ann")
    with pytest.raises(ReadOnlyLabError):
        suggest_intensity(lab.at(lab.snapshot), now=NOW)


def test_suggest_intensity__on_a_cluster_is_the_same(lab):
    other = Lab("memory://intensity-threads")
    other.append(recordings())
    expected = suggest_intensity(other, now=NOW).frame
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster),
    ):
        result = suggest_intensity(lab, now=NOW, batch=2)
    rows = result.frame.sort_values(["user", "position"], ignore_index=True)
    assert rows["raw"].tolist() == expected["raw"].tolist()
    assert rows["digest"].tolist() == expected["digest"].tolist()


def test_cli__suggests_and_tells_as_text_and_json(lab):
    found = invoke_json("coach", "intensity", "--lab", lab.url, "--now", NOW)
    assert (found["eligible"], found["by_regression"], found["by_fallback"]) == (4, 2, 1)
    assert found["now"] == "1970-01-20T00:10:00Z"
    assert list(found["left_out"]) == ["eve"]
    text = invoke("coach", "intensity", "--lab", lab.url, "--now", NOW, "--user", "ann")
    assert text.exit_code == 0
    assert "1 people eligible, 0 by regression, 0 by fallback, 1 unchanged" in text.stdout
    wrong = invoke("coach", "intensity", "--lab", lab.url, "--now", "soon", "--within", "1h")
    assert wrong.exit_code == 1
    assert "now: expected a moment" in wrong.stderr
    assert "intensity" in invoke("coach", "--help").stdout


@pytest.mark.data
def test_suggest_intensity__runs_on_the_published_scenarios(real_data):
    table = sessions_from_plans(real_data / "muvr-plans", every="1h")
    lab = Lab("memory://intensity-plans")
    result = suggest_intensity(lab, now="2026-01-07", within="48h", sessions=table)
    assert (result.eligible, result.by_regression, result.by_fallback) == (10, 4, 6)
    assert not result.frame["simulated"].any()
    assert result.frame["intensity"].between(0, 1).all()
    fitted = result.frame[result.frame["method"] == "regression"]
    assert fitted["user"].unique().tolist() == ["beginner", "jan", "skiing", "women"]
