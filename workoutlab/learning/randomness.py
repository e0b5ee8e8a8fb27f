"""Random numbers that depend on what they are for, not on what was drawn before.

A generator with a state would tie a member's numbers to its neighbours in a cohort, to the
engine and to the order of work. Here each number is a hash of a key and its position, in 32-bit
integer arithmetic that Numba and torch do alike on every device, so that both engines draw the
same initial weights, orders of samples and dropped units.
"""

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from workoutlab.kernels.hashing import hash_range

__all__ = [
    "Key",
    "draw_bits",
    "draw_order",
    "draw_orders",
    "draw_uniform",
    "drop_units",
    "hash_positions",
    "make_key",
    "mask_units",
    "unit_bits",
]

Key = tuple[int, int]
"""Two signed 32-bit integers: enough that no two of millions of streams are alike."""

_GOLDEN: Final = -1640531527  # 2^32 over the golden ratio, odd: steps through all integers
_DROPPED: Final = -1e30  # far below any activation, so that ReLU makes it zero; times 2^16 finite


def make_key(*purpose: int | str) -> Key:
    """Return the key of the numbers that serve `purpose`.

    Examples
    --------
    >>> make_key(7, "weights") == make_key(7, "weights") != make_key(8, "weights")
    True
    """
    digest = hashlib.blake2b(repr(purpose).encode(), digest_size=8).digest()
    first, second = np.frombuffer(digest, "<i4")
    return int(first), int(second)


def _mix(bits: torch.Tensor) -> torch.Tensor:
    """Hash each 32-bit integer, in place, by Chris Wellons' lowbias32, which is one to one."""
    for shift, factor in ((16, 0x7FEB352D), (15, -2073254261), (16, 1)):
        # Signed integers, since torch computes with no others; so shifts copy the sign.
        shifted = bits >> shift
        shifted &= 2 ** (32 - shift) - 1
        bits ^= shifted
        if factor != 1:
            bits *= factor
    return bits


def draw_bits(key: Key, count: int) -> npt.NDArray[np.int32]:
    """Return `count` random 32-bit integers; a longer draw begins with the shorter one.

    Examples
    --------
    >>> bits = draw_bits(make_key(1), 5)
    >>> bool((bits[:3] == draw_bits(make_key(1), 3)).all())
    True
    """
    return hash_range(*key, count)


def draw_uniform(key: Key, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return random numbers in [-1, 1), float32.

    Examples
    --------
    >>> draw_uniform(make_key(1), (2, 3)).shape
    (2, 3)
    """
    bits = draw_bits(key, int(np.prod(shape)))
    return ((bits >> 8).astype(np.float32) * np.float32(2**-23)).reshape(shape)  # 24 bits: exact


def draw_order(key: Key, count: int) -> npt.NDArray[np.int64]:
    """Return the numbers 0 to `count` - 1 in random order.

    Examples
    --------
    >>> sorted(draw_order(make_key(1), 4).tolist())
    [0, 1, 2, 3]
    """
    return np.argsort(draw_bits(key, count), kind="stable").astype(np.int64, copy=False)


def hash_positions(keys: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Return what :func:`draw_bits` draws at some positions, for many keys at once.

    Parameters
    ----------
    keys
        Shape (key, 2), int32.
    positions
        Shape (key, position), or (position,) for the same of each key.

    Returns
    -------
    torch.Tensor
        Shape (key, position), int32.

    Examples
    --------
    >>> key = make_key(1)
    >>> bits = hash_positions(torch.tensor([key], dtype=torch.int32), torch.arange(3))
    >>> bits[0].tolist() == draw_bits(key, 3).tolist()
    True
    """
    bits = (positions.to(torch.int32) * _GOLDEN).expand(len(keys), -1).clone()
    for part in (0, 1):
        bits ^= keys[:, part, None]
        _mix(bits)
    return bits


def draw_orders(keys: torch.Tensor, counts: torch.Tensor, longest: int) -> torch.Tensor:
    """Return what :func:`draw_order` draws, for many keys at once.

    Parameters
    ----------
    keys
        Shape (key, 2), int32.
    counts
        Shape (key,), how many numbers each orders.
    longest
        The greatest of them.

    Returns
    -------
    torch.Tensor
        Shape (key, longest), int64; beyond a count the numbers that are left.

    Examples
    --------
    >>> keys = torch.tensor([make_key(1), make_key(2)], dtype=torch.int32)
    >>> orders = draw_orders(keys, torch.tensor([5, 3]), 5)
    >>> orders[1, :3].tolist() == draw_order(make_key(2), 3).tolist()
    True
    """
    places = torch.arange(longest, device=keys.device)
    bits = hash_positions(keys, places).to(torch.int64)
    bits.masked_fill_(places >= counts[:, None], 2**40)
    return torch.argsort(bits, dim=1, stable=True)


def unit_bits(units: int) -> npt.NDArray[np.int32]:
    """Return what :func:`drop_units` combines with each row: one integer for two units.

    Examples
    --------
    >>> unit_bits(8).shape
    (4,)
    """
    return draw_bits(make_key("units"), -(-units // 2))


def drop_units(rows: torch.Tensor, units: torch.Tensor, keep: float, out: torch.Tensor) -> None:
    """Write what to add to activations before ReLU so that each is kept with chance `keep`.

    Parameters
    ----------
    rows
        Random int32 of each row, shape (..., row).
    units
        :func:`unit_bits`, shape (pair of units,).
    keep
        Chance in (0, 1], met to 2⁻¹⁶.
    out
        Shape (..., row, unit), float32: becomes 0 for a unit that is kept, else so low that ReLU
        makes the activation 0. An addend, because a matrix product adds it at no cost.

    Examples
    --------
    >>> rows, units = torch.from_numpy(draw_bits(make_key(1), 500)), torch.from_numpy(unit_bits(8))
    >>> addends = torch.empty(500, 8)
    >>> drop_units(rows, units, 0.75, out=addends)
    >>> round((addends == 0).float().mean().item(), 2)
    0.75
    """
    out.copy_(_mix(rows[..., None] + units).view(torch.int16))
    # Arithmetic instead of a comparison: torch has no fast path from booleans to floats.
    limit = round(keep * 2**16) - 2**15 - 0.5
    out.sub_(limit).mul_(_DROPPED).clamp_(max=0)


def mask_units(rows: torch.Tensor, units: torch.Tensor, keep: float | torch.Tensor) -> torch.Tensor:
    """Return what to multiply activations by so that each is kept with chance `keep`.

    Parameters
    ----------
    rows, units
        As of :func:`drop_units`, which drops the same units.
    keep
        Chance in (0, 1], met to 2⁻¹⁶; or one for each of the first axis of `rows`.

    Returns
    -------
    torch.Tensor
        Shape (..., row, unit), float32: 0 where a unit is dropped, else 1 over the chance.

    Examples
    --------
    >>> rows, units = torch.from_numpy(draw_bits(make_key(1), 500)), torch.from_numpy(unit_bits(8))
    >>> mask_units(rows, units, 0.8).unique().tolist()
    [0.0, 1.25]
    """
    mask = _mix(rows[..., None] + units).view(torch.int16).to(torch.float32)
    chance = torch.as_tensor(keep, dtype=torch.float64, device=rows.device)
    limit = torch.round(chance * 2**16) - 2**15 - 0.5
    if limit.ndim:
        limit, chance = (each.reshape(-1, 1, 1) for each in (limit, chance))
    mask.sub_(limit.to(torch.float32)).mul_(-2.0).clamp_(0, 1)
    return mask.mul_((1 / chance).to(torch.float32))
