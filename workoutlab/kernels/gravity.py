"""Parts of a movement along gravity and across it, which do not depend on how a device is worn."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["split_movement"]

Doubles = npt.NDArray[np.float64]


@compiled(error_model="numpy")
def _split_movement(movement, gravity, parts):
    for i in range(len(movement)):
        x, y, z = gravity[i, 0], gravity[i, 1], gravity[i, 2]
        size = np.sqrt(x * x + y * y + z * z)
        x, y, z = x / size, y / size, z / size
        along = movement[i, 0] * x + movement[i, 1] * y + movement[i, 2] * z
        x, y, z = movement[i, 0] - along * x, movement[i, 1] - along * y, movement[i, 2] - along * z
        parts[0, i] = along
        parts[1, i] = np.sqrt(x * x + y * y + z * z)


def split_movement(movement: Doubles, gravity: Doubles) -> npt.NDArray[np.float32]:
    """Return how much of a movement is along gravity, and how much across it.

    With g the direction of gravity and d the movement, the vertical part is v = d · g, and the
    horizontal part |d - v g|; see [1]_. Only the size of the horizontal part is known: which way
    it points changes with the device's turn about the vertical.

    Parameters
    ----------
    movement
        Shape (sample, 3), the acceleration without gravity.
    gravity
        Shape (sample, 3), as an accelerometer at rest shows it: it points up.

    Returns
    -------
    ndarray
        float32 of shape (2, sample): the vertical part, positive upward, and the horizontal one,
        in the unit of the movement; NaN where gravity is zero and has no direction.

    Raises
    ------
    InputError
        If the two are not of one shape (sample, 3).

    References
    ----------
    .. [1] D. Mizell, "Using gravity to estimate accelerometer orientation", 7th IEEE International
       Symposium on Wearable Computers, 2003.

    Examples
    --------
    >>> split_movement(np.array([[3.0, 4.0, -1.0]]), np.array([[0.0, 0.0, 2.0]])).tolist()
    [[-1.0], [5.0]]
    """
    if movement.ndim != 2 or movement.shape[1] != 3 or movement.shape != gravity.shape:
        raise InputError(
            "expected movement and gravity of one shape (sample, 3), "
            f"got {movement.shape} and {gravity.shape}"
        )
    parts = np.empty((2, len(movement)), np.float32)
    _split_movement(movement, gravity, parts)
    return parts
