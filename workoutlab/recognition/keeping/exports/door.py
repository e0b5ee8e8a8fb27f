"""Writing a person's network to a file, in a format that others read."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from workoutlab import __version__
from workoutlab.errors import InputError
from workoutlab.recognition.keeping.exports.device import to_device
from workoutlab.recognition.keeping.exports.files import check_target, write_files
from workoutlab.recognition.keeping.exports.graph import to_onnx
from workoutlab.recognition.keeping.exports.tensors import to_safetensors

if TYPE_CHECKING:
    from workoutlab.recognition.keeping.models import Models

__all__ = ["FORMATS", "export_network"]

FORMATS: Final = ("onnx", "safetensors", "muvr")
_ENDINGS: Final = {".onnx": "onnx", ".safetensors": "safetensors", ".raw": "muvr"}


def export_network(
    models: "Models", path: str | Path, user: str, format: str | None = None
) -> tuple[Path, ...]:
    """Write a person's network to a file; see :meth:`workoutlab.Models.export`."""
    chosen = _ENDINGS.get(Path(path).suffix) if format is None else format
    if chosen not in FORMATS:
        raise InputError(
            f"format: expected one of {', '.join(FORMATS)}, or a file that ends with "
            f"{', '.join(_ENDINGS)}; got {path if format is None else format!r}"
        )
    target = check_target(path)
    opened = models.network(user)
    if chosen == "muvr":
        return write_files(to_device(opened, target))
    known = {"classes": list(opened.classes), "snapshot": opened.snapshot}
    card = {"workoutlab": __version__, **models.describe(user), **known}
    content = to_onnx(opened, card) if chosen == "onnx" else to_safetensors(opened, card)
    return write_files({target: content})
