import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workoutlab.learning.randomness import (
    draw_bits,
    draw_order,
    draw_uniform,
    drop_units,
    make_key,
    unit_bits,
)


def _addends(rows: int, units: int, keep: float, seed: int = 0) -> np.ndarray:
    out = torch.empty(rows, units)
    bits = torch.from_numpy(draw_bits(make_key(seed, "rows"), rows))
    drop_units(bits, torch.from_numpy(unit_bits(units)), keep, out=out)
    return out.numpy()


def _lowbias32(bits: int) -> int:
    """The published hash, in integers without bounds."""
    bits = ((bits ^ bits >> 16) * 0x7FEB352D) % 2**32
    bits = ((bits ^ bits >> 15) * 0x846CA68B) % 2**32
    return bits ^ bits >> 16


def test_draw_bits__hashes_key_and_position():
    first, second = (part % 2**32 for part in make_key(1, "a"))
    expected = [
        _lowbias32(_lowbias32(position * 0x9E3779B9 % 2**32 ^ first) ^ second)
        for position in range(1000)
    ]
    assert draw_bits(make_key(1, "a"), 1000).view(np.uint32).tolist() == expected


def test_make_key__is_the_same_on_every_machine():
    assert make_key(1, "a") == (873812804, 1959325917)


@given(seed=st.integers(0, 2**63), count=st.integers(0, 300), longer=st.integers(0, 300))
def test_draw_bits__of_more_begin_with_those_of_fewer(seed, count, longer):
    key = make_key(seed)
    assert np.array_equal(draw_bits(key, count + longer)[:count], draw_bits(key, count))


def test_draw_bits__are_balanced_in_every_bit_and_unlike_those_of_other_keys():
    ones, others = (draw_bits(make_key(seed), 20_000).view(np.uint32) for seed in (0, 1))
    for bits in (ones, others, ones ^ others, ones[1:] ^ ones[:-1]):
        share = ((bits[:, None] >> np.arange(32, dtype=np.uint32)) & 1).mean(axis=0)
        assert np.abs(share - 0.5).max() < 0.02


def test_draw_uniform__fills_its_interval_evenly():
    drawn = draw_uniform(make_key(3), (100, 200))
    assert drawn.dtype == np.float32
    assert drawn.min() >= -1
    assert drawn.max() < 1
    assert np.abs(np.histogram(drawn, 10, (-1, 1))[0] / 2000 - 1).max() < 0.1


@given(seed=st.integers(0, 2**63), count=st.integers(0, 500))
def test_draw_order__is_a_permutation(seed, count):
    assert np.array_equal(np.sort(draw_order(make_key(seed), count)), np.arange(count))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.95])
def test_drop_units__keeps_as_many_as_asked_in_every_row_and_unit(keep):
    kept = _addends(4000, 300, keep) == 0
    deviation = (keep * (1 - keep)) ** 0.5
    assert abs(kept.mean() - keep) < 0.002
    assert np.abs(kept.mean(axis=0) - keep).max() < 6 * deviation / 4000**0.5
    assert np.abs(kept.mean(axis=1) - keep).max() < 6 * deviation / 300**0.5


def test_drop_units__drops_each_unit_for_itself():
    dropped = (_addends(4000, 60, 0.5) < 0).astype(float)
    between_units = np.corrcoef(dropped.T) - np.eye(60)
    between_rows = np.corrcoef(dropped[:200, :]) - np.eye(200)
    assert np.abs(between_units).max() < 6 / 4000**0.5
    assert np.abs(between_rows).max() < 6 / 60**0.5


def test_drop_units__drops_beyond_any_activation():
    addends = _addends(1000, 40, 0.5)
    assert set(addends[addends > -1e25].tolist()) == {0.0}
    assert np.isfinite(addends).all()


def test_drop_units__is_the_same_for_a_stack_and_for_each_of_it():
    bits = torch.from_numpy(draw_bits(make_key(5), 60).reshape(3, 20))
    units = torch.from_numpy(unit_bits(10))
    stack, alone = torch.empty(3, 20, 10), torch.empty(20, 10)
    drop_units(bits, units, 0.7, out=stack)
    drop_units(bits[1], units, 0.7, out=alone)
    assert torch.equal(stack[1], alone)
