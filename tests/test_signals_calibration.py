import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from workoutlab.errors import InputError, NotInLabError, SchemaError
from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.signals import compute, windows
from workoutlab.signals.calibration import Calibration, calibrate
from workoutlab.signals.grid import Source
from workoutlab.signals.held import hold
from workoutlab.signals.inputs import RawWindows
from workoutlab.signals.preparation import Preparation, read_channels
from workoutlab.signals.sphere import covers_sphere, find_still, fit_sphere, sphere_error

OFFSET, GAIN = np.array([0.04, -0.03, 0.02]), np.array([1.02, 0.97, 1.01])


def turns(count, seed=0):
    return Rotation.random(count, random_state=seed).apply([0, 0, 1])


def rest(count, seed=0, rate_hz=50, seconds=10, offset=OFFSET, gain=GAIN):
    """What a sensor with these faults shows in `count` orientations, with noise of 3 mg."""
    true = np.repeat(turns(count, seed), int(seconds * rate_hz), axis=0)
    true += np.random.default_rng(seed).normal(size=true.shape) * 0.003
    return true / gain - offset


def record(samples, user="ann", session="s1", rate_hz=50, **fields):
    clock = {} if "time_ns" in fields else {"rate_hz": rate_hz}
    return Recording(user=user, session=session, acceleration=samples, **clock, **fields)


def closest_points(points, rounds=400):
    """Plain iterative closest point, a sample and an axis at a time."""
    offset, gain, weights = [0.0] * 3, [1.0] * 3, [1.0] * len(points)
    for _ in range(rounds):
        current = [[(p[a] + offset[a]) * gain[a] for a in range(3)] for p in points]
        sizes = [sum(v * v for v in c) ** 0.5 for c in current]
        closest = [[v / size for v in c] for c, size in zip(current, sizes, strict=True)]
        fitted = [[0.0] * 3 for _ in points]
        for axis in range(3):
            x, y = [c[axis] for c in current], [c[axis] for c in closest]
            slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(weights))
            gain[axis] *= slope
            offset[axis] += intercept / gain[axis]
            for i, value in enumerate(x):
                fitted[i][axis] = intercept + slope * value
        apart = [
            sum((f - c) ** 2 for f, c in zip(one, other, strict=True)) ** 0.5
            for one, other in zip(fitted, closest, strict=True)
        ]
        weights = [min(1 / max(each, 1e-6), 100) for each in apart]
    return np.array(offset), np.array(gain)


def test_fit_sphere__agrees_with_plain_iterative_closest_points():
    points = turns(40) / GAIN - OFFSET + np.random.default_rng(0).normal(size=(40, 3)) * 1e-3
    offset, gain = fit_sphere(points, iterations=400, tolerance=0)
    expected = closest_points(points)
    np.testing.assert_allclose(offset, expected[0], atol=1e-6)
    np.testing.assert_allclose(gain, expected[1], atol=1e-6)


vectors = st.tuples(*[st.floats(-0.1, 0.1)] * 3)


@settings(deadline=None, max_examples=30)
@given(vectors, vectors, st.integers(0, 2**32 - 1))
def test_fit_sphere__recovers_offset_and_gain(offset, stretch, seed):
    gain = 1 + np.array(stretch)
    found = fit_sphere(turns(120, seed) / gain - np.array(offset))
    np.testing.assert_allclose(found[0], offset, atol=1e-3)
    np.testing.assert_allclose(found[1], gain, atol=1e-3)


def test_find_still__leaves_out_what_moves_and_what_is_not_there():
    samples = np.concatenate([rest(1), np.zeros((500, 3)), 3 * rest(1), rest(1, 1)])
    samples[1600] += 0.5
    still = find_still(samples.astype(np.float32), 500, 0.013)
    np.testing.assert_allclose(still, [samples[:500].mean(axis=0)], atol=1e-6)


def test_sphere_error__is_the_mean_distance():
    points = np.array([[0, 0, 1.2], [0.9, 0, 0]])
    assert sphere_error(points, np.zeros(3), np.ones(3)) == pytest.approx(0.15)


def test_covers_sphere__needs_both_sides_of_every_axis():
    points = np.concatenate([np.eye(3), -np.eye(3)])
    assert covers_sphere(points, 0.3)
    assert not covers_sphere(points[:5], 0.3)
    assert not covers_sphere(points[:0], 0.3)


def test_calibrate__recovers_what_is_wrong_with_the_sensor():
    found = calibrate(record(rest(60)), progress=False)
    row = found.frame.iloc[0]
    assert row["status"] == "calibrated"
    assert (row["still"], row["pooled"]) == (60, 60)
    np.testing.assert_allclose(
        row[["offset_x", "offset_y", "offset_z"]].astype(float), OFFSET, atol=1e-3
    )
    np.testing.assert_allclose(row[["gain_x", "gain_y", "gain_z"]].astype(float), GAIN, atol=1e-3)
    assert row["error_after_g"] < 0.001 < 0.01 < row["error_before_g"]


def test_calibrate__reads_irregular_recordings_in_the_order_of_their_times():
    samples = rest(30, seconds=4).astype(np.float32)
    order = np.arange(len(samples))
    order[100:200] = order[100:200][::-1]
    clock = np.arange(len(samples)) * 20_000_000 + 10**18
    irregular = record(samples[order], time_ns=clock[order])
    one, other = (
        calibrate(each, still_s=2, progress=False).frame for each in (irregular, record(samples))
    )
    columns = [*other.columns[2:]]
    pd.testing.assert_frame_equal(one[columns], other[columns])


def test_calibrate__reads_long_recordings_in_pieces_with_the_same_result(monkeypatch):
    recording = record(rest(40))
    whole = calibrate(recording, progress=False)
    monkeypatch.setattr("workoutlab.signals.tracks._PIECE", 1300)
    assert calibrate(recording, progress=False) == whole


def pool_of_three():
    few = [record(rest(8, seed), session=f"s{seed}", device="watch") for seed in range(3)]
    other = record(rest(30, 9, offset=-OFFSET), session="s9", device="phone")
    return [*few, other]


@pytest.mark.parametrize("pooled_by", ["device", "user"])
def test_calibrate__pools_short_recordings_of_one_device(pooled_by):
    lab = Lab(f"memory://calibration-{pooled_by}")
    lab.append(pool_of_three())
    frame = calibrate(lab, pooled_by=pooled_by, progress=False).frame
    assert frame["status"].tolist() == ["calibrated"] * 4
    assert frame["pooled"].tolist() == [24, 24, 24, 30]
    assert frame["still"].tolist() == [8, 8, 8, 30]
    np.testing.assert_allclose(frame["offset_x"], [0.04] * 3 + [-0.04], atol=2e-3)


def test_calibrate__keeps_people_with_devices_of_one_name_apart():
    people = [record(rest(6, seed), user=user, device="watch") for seed, user in enumerate("ab")]
    by_user = calibrate(people, pooled_by="user", progress=False).frame
    by_device = calibrate(people, pooled_by="device", progress=False).frame
    assert by_user["status"].tolist() == ["too few still stretches"] * 2
    assert by_device["pooled"].tolist() == [12, 12]


@pytest.mark.parametrize(
    ("samples", "status"),
    [
        (np.random.default_rng(0).normal(size=(9000, 3)), "too few still stretches"),
        (np.tile([0, 0, 1.0], (9000, 1)), "sphere not covered"),
        (np.repeat(np.concatenate([np.eye(3), -np.eye(3)] * 2), 500, axis=0), "no improvement"),
    ],
)
def test_calibrate__tells_why_it_left_a_recording_alone(samples, status):
    recording = record(samples)
    found = calibrate(recording, progress=False)
    assert found.frame["status"].tolist() == [status]
    assert found.frame[["offset_x", "gain_x"]].to_numpy().tolist() == [[0, 1]]
    assert found.correct(recording.acceleration, recording.digest) is recording.acceleration


def test_calibrate__says_what_could_not_be_read(monkeypatch):
    def fail(*_):
        raise OSError("gone")

    monkeypatch.setattr("workoutlab.signals.held.Held.read", fail)
    frame = calibrate(record(rest(3)), progress=False).frame
    assert frame["status"].tolist() == ["not read: OSError: gone"]


@pytest.mark.parametrize(
    ("settings_given", "match"),
    [
        ({"pooled_by": "team"}, "pooled_by: expected one of recording, device, user"),
        ({"still_s": 0}, "still_s"),
        ({"min_still": 2}, "min_still"),
        ({"min_spread": 1.5}, "min_spread"),
    ],
)
def test_calibrate__refuses_what_means_nothing(settings_given, match):
    with pytest.raises(InputError, match=match):
        calibrate(record(rest(1)), progress=False, **settings_given)


def test_calibrate__takes_the_filters_of_windows():
    frame = calibrate(pool_of_three(), devices="phone", progress=False).frame
    assert frame["recording"].tolist() == [3]
    with pytest.raises(NotInLabError, match="device 'ring' is not here"):
        calibrate(pool_of_three(), devices="ring", progress=False)


def test_calibration__is_applied_to_the_recordings_that_it_knows():
    known, other = record(rest(60)), record(rest(60, 5), session="s2")
    found = calibrate(known, progress=False)
    plan = windows([known, other], within="recordings", preparation=Preparation(calibration=found))
    plain = windows([known, other], within="recordings")
    one, two = compute(plan, RawWindows(1)), compute(plain, RawWindows(1))
    mine = plan.frame()["recording"].to_numpy() == 0
    np.testing.assert_array_equal(one[~mine], two[~mine])
    row = found.frame.iloc[0]
    np.testing.assert_allclose(
        one[mine][:, :400], (two[mine][:, :400] + row["offset_x"]) * row["gain_x"], atol=1e-6
    )


def test_calibration__needs_to_be_told_the_recording():
    preparation = Preparation(calibration=calibrate(record(rest(60)), progress=False))
    with pytest.raises(InputError, match="digest"):
        read_channels(
            hold(record(rest(60))), Source(50, 0, 50, True, 30_000), preparation, ("x",), 0, 9
        )


def test_calibration__survives_pickling_and_being_cut_down():
    recordings = pool_of_three()
    found = calibrate(recordings, pooled_by="device", progress=False)
    again = pickle.loads(pickle.dumps(found))
    part = Preparation(calibration=found).only([recordings[3].digest]).calibration
    assert again == found == part
    assert len(part.frame) == 1
    assert "4 of 4" in repr(found)
    assert found != calibrate(recordings[3], progress=False)
    samples = recordings[3].acceleration
    np.testing.assert_array_equal(
        part.correct(samples, recordings[3].digest), found.correct(samples, recordings[3].digest)
    )
    assert Preparation().only([]) == Preparation()


def test_calibration__travels_with_the_recordings_of_a_task_alone():
    found = calibrate(recordings := pool_of_three(), pooled_by="device", progress=False)
    plan = windows(recordings, within="recordings", preparation=Preparation(calibration=found))
    part = plan.select((plan.segments["recording"] == 1).to_numpy())
    assert part.preparation.calibration.frame["recording"].tolist() == [1]
    assert part.preparation.settings() == plan.preparation.settings()
    both = plan.segments["recording"].iloc[plan.locate()[0]].to_numpy() == 1
    np.testing.assert_array_equal(compute(part, RawWindows()), compute(plan, RawWindows())[both])


def test_calibration__refuses_a_table_that_is_none():
    frame = calibrate(record(rest(3)), progress=False).frame
    with pytest.raises(SchemaError, match="gain_z"):
        Calibration(frame.drop(columns="gain_z"))
    with pytest.raises(SchemaError, match="recording 0 is there twice"):
        Calibration(pd.concat([frame, frame]))


def read_real(folder):
    """Some recordings of Muvr's and of geotec's, by the way they were worn."""
    found = []
    for path in sorted((folder / "muvr").rglob("*.csv"))[::20]:
        samples = pd.read_csv(path, header=None, usecols=[0, 1, 2]).to_numpy()
        found.append(record(samples, user="jan", session=path.stem[-20:], device="pebble"))
    for path in sorted(Path(folder, "geotec").rglob("*_sw.csv"))[::12]:
        table = pd.read_csv(path)
        samples = table[["x_acc", "y_acc", "z_acc"]].to_numpy() / 9.80665
        clock = table["timestamp"].to_numpy(np.int64) * 1_000_000
        found.append(record(samples, session=path.stem, device="watch", time_ns=clock))
    return found


@pytest.mark.data
@pytest.mark.parametrize("pooled_by", ["recording", "device"])
def test_calibrate__of_real_recordings_makes_no_error_worse(real_data, pooled_by):
    recordings = read_real(real_data)
    frame = calibrate(recordings, pooled_by=pooled_by, still_s=1, progress=False).frame
    assert len(frame) == len(recordings)
    known = frame.dropna(subset="error_before_g")
    assert (known["error_after_g"] <= known["error_before_g"]).all()
    calibrated = frame[frame["status"] == "calibrated"]
    assert (calibrated["error_after_g"] < calibrated["error_before_g"]).all()
