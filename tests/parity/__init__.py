"""What other libraries call our features, and what turns the one into the other.

Each row of :data:`TABLE` names our feature, the library, its call, and the tolerance or the
difference. Windows hold 512 samples, so that our spectra, padded to 1024, lie on the grid of
libraries that pad to powers of two.
"""

from tests.parity import spectra, times
from tests.parity.window import LENGTH, RATE_HZ, SKDH, TSFEL, Floats, Row, Window

__all__ = [
    "LENGTH",
    "RATE_HZ",
    "SKDH",
    "TABLE",
    "TSFEL",
    "WITHOUT_PEER",
    "Floats",
    "Row",
    "Window",
]

TABLE: tuple[Row, ...] = (*times.ROWS, *spectra.ROWS)

WITHOUT_PEER: dict[str, str] = {
    "jerk_max": "none has it",
    "mobility": "none has Hjorth's parameters",
    "complexity": "none has Hjorth's parameters",
    "principal_share": "none has it",
    "signal_magnitude_area": "none has it",
    "tilt": "none has it",
    "tilt_change": "none has it",
}
"""Features that no peer defines; their own tests compare them with NumPy."""
