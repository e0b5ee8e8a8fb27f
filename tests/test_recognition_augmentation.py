"""Augmentation: what changes, what does not, and on what the random numbers depend."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import workoutlab as wl
from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recognition.augmentation import Augmentation, compute_augmented, turn
from workoutlab.signals import Preparation, RawWindows, Statistics, compute, windows

RAW = RawWindows(scale_g=1.0)


@pytest.fixture(scope="module")
def lab() -> Lab:
    numbers = np.random.default_rng(0)
    lab = Lab("memory://augmentation")
    time = np.arange(2000) / 50
    for user in ("ann", "bob"):
        turned = np.stack([np.sin(2 * np.pi * time), 0.3 * np.cos(time), 0 * time + 1], axis=1)
        sets = [
            wl.LabelledSet(start=start, stop=start + 490, exercise=exercise)
            for start, exercise in ((0, "curl"), (500, "row"), (1000, "curl"), (1500, "row"))
        ]
        acceleration = turned + numbers.normal(0, 0.05, turned.shape)
        lab.append(
            [
                wl.Recording(
                    user=user, session="mon", acceleration=acceleration, rate_hz=50, sets=sets
                )
            ]
        )
    return lab


@pytest.fixture(scope="module")
def plan(lab):
    return windows(lab, length="4s", step="500ms", trim=0)


def copy_of(plan, inputs=RAW, seed=0, copy=1, **settings):
    return compute_augmented(plan, inputs, Augmentation(**settings), seed, copy)


def axes(rows):
    return rows.reshape(len(rows), 3, -1)


@pytest.mark.parametrize("inputs", [RAW, Statistics()], ids=["raw", "statistics"])
def test_compute_augmented__of_next_to_nothing_gives_the_windows_themselves(plan, inputs):
    expected = compute(plan, inputs)
    found = copy_of(plan, inputs, rotation_deg=1e-9)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"rotation_deg": 30, "per": "set"},
        {"rotation_deg": 45, "axis": (1.0, 2.0, 0.0), "noise_g": 0.1},
        {"shift_s": 0.4, "stretch": 0.1, "mirror": "x"},
    ],
)
def test_compute_augmented__does_not_depend_on_how_the_work_was_cut(plan, settings):
    whole = copy_of(plan, **settings)
    segments = plan.segments
    for chosen in (segments["user"] == "bob", segments["start"] == 1000):
        rows = np.flatnonzero(chosen.to_numpy()[plan.locate()[0]])
        assert np.array_equal(copy_of(plan.select(chosen), **settings), whole[rows])
    assert not np.array_equal(copy_of(plan, copy=2, **settings), whole)
    assert not np.array_equal(copy_of(plan, seed=1, **settings), whole)


def test_rotation__turns_each_window_by_an_angle_within_bounds_about_random_axes(plan):
    before, after = axes(compute(plan, RAW)), axes(copy_of(plan, rotation_deg=20))
    turns = [Rotation.align_vectors(b.T, a.T)[0] for a, b in zip(before, after, strict=True)]
    angles = np.rad2deg([each.magnitude() for each in turns])
    assert angles.max() < 20
    assert angles.max() > 15
    assert angles.std() > 3
    directions = np.array([each.as_rotvec() for each in turns])
    directions /= np.sqrt((directions**2).sum(axis=1, keepdims=True))
    assert np.abs(directions.mean(axis=0)).max() < 0.3
    for a, b, each in zip(before, after, turns, strict=True):
        np.testing.assert_allclose(each.apply(a.T).T, b, atol=1e-4)


def test_rotation__about_an_axis_keeps_that_axis_and_the_magnitude(plan):
    before, after = axes(compute(plan, RAW)), axes(copy_of(plan, rotation_deg=90, axis="x"))
    np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-6)
    assert np.abs(after[:, 1] - before[:, 1]).max() > 0.3
    statistics = Statistics()
    names = statistics.names(200)
    kept = [place for place, name in enumerate(names) if name.startswith("magnitude")]
    assert kept
    turned = copy_of(plan, statistics, rotation_deg=90, axis="x")
    np.testing.assert_allclose(
        turned[:, kept], compute(plan, statistics)[:, kept], rtol=1e-2, atol=1e-2
    )


def test_rotation__per_set_turns_all_windows_of_a_set_alike(plan):
    before = axes(compute(plan, RAW))
    for per, alike in (("set", True), ("window", False)):
        after = axes(copy_of(plan, rotation_deg=30, per=per))
        turns = np.array(
            [
                Rotation.align_vectors(b.T, a.T)[0].as_rotvec()
                for a, b in zip(before, after, strict=True)
            ]
        )
        segment = plan.locate()[0]
        for each in np.unique(segment):
            assert bool(np.ptp(turns[segment == each], axis=0).max() < 1e-3) is alike
        heads = turns[np.unique(segment, return_index=True)[1]]
        assert len(np.unique(heads.round(5), axis=0)) == len(heads)


def test_mirror__flips_one_axis_in_about_every_second_window(plan):
    before, after = axes(compute(plan, RAW)), axes(copy_of(plan, mirror="y"))
    assert np.array_equal(before[:, [0, 2]], after[:, [0, 2]])
    flipped = (after[:, 1] == -before[:, 1]).all(axis=1)
    assert ((after[:, 1] == before[:, 1]).all(axis=1) | flipped).all()
    assert 0.3 < flipped.mean() < 0.7


def test_noise__has_the_deviation_asked_for_and_no_memory(plan):
    noise = (axes(copy_of(plan, noise_g=0.2)) - axes(compute(plan, RAW))).ravel()
    assert noise.std() == pytest.approx(0.2, rel=0.03)
    assert abs(noise.mean()) < 0.01
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.03
    assert (noise**4).mean() / 0.2**4 == pytest.approx(3, rel=0.15)


def test_shift__moves_windows_within_their_set(lab, plan):
    samples = {row: lab.read(row) for row in (0, 1)}
    segment, starts = plan.locate()
    moved = []
    for place, window in enumerate(axes(copy_of(plan, shift_s=0.3))):
        row = plan.segments.iloc[segment[place]]
        track = samples[row["recording"]]
        places = [
            start
            for start in range(row["start"], row["stop"] - 199)
            if np.array_equal(track[start : start + 200], window.T)
        ]
        assert len(places) == 1
        moved.append(places[0] - starts[place])
    assert np.abs(moved).max() <= 15
    assert len(set(moved)) > 10


def test_stretch__changes_the_tempo_and_keeps_the_length(plan):
    tempos = []
    for window in axes(copy_of(plan, stretch=0.3))[:, 0]:
        spectrum = np.abs(np.fft.rfft(window - window.mean(), 4000))
        tempos.append(spectrum.argmax() * 50 / 4000)
    assert min(tempos) < 0.85
    assert max(tempos) > 1.15
    assert min(tempos) > 0.7
    assert max(tempos) < 1.4


def test_compute_augmented__serves_filtered_channels_and_several_lengths(lab):
    preparation = Preparation(gravity="remove")
    plan = windows(lab, length=["3s", "4s"], step="1s", preparation=preparation)
    statistics = Statistics(channels=("x", "magnitude", "vertical"))
    found = copy_of(plan, statistics, rotation_deg=10)
    assert found.shape == compute(plan, statistics).shape
    assert np.isfinite(found).all(axis=0).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected something that changes"),
        ({"copies": 0, "noise_g": 1}, "copies: expected >= 1, got 0"),
        ({"rotation_deg": -1}, "rotation_deg: expected >= 0"),
        ({"rotation_deg": 5, "axis": "w"}, "axis: expected 'any', one of x, y, z"),
        ({"rotation_deg": 5, "axis": (0, 0, 0)}, "not all zero"),
        ({"rotation_deg": 5, "axis": (1, 0)}, "expected three numbers"),
        ({"mirror": "a"}, "mirror: expected one of x, y, z"),
        ({"rotation_deg": 5, "per": "user"}, "per: expected 'window' or 'set'"),
        ({"stretch": 1.0}, "stretch: expected"),
    ],
)
def test_augmentation__refuses_what_cannot_mean_anything(settings, message):
    with pytest.raises(InputError, match=message):
        Augmentation(**settings)


def test_turn__agrees_with_scipy():
    numbers = np.random.default_rng(1)
    axes = numbers.normal(size=(20, 3))
    axes /= np.sqrt((axes**2).sum(axis=1, keepdims=True))
    angles = numbers.uniform(-3, 3, 20)
    expected = Rotation.from_rotvec(axes * angles[:, None]).as_matrix()
    np.testing.assert_allclose(turn(axes, angles), expected, atol=1e-12)
