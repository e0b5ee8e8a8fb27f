"""Networks as files for others: ONNX, safetensors and Muvr's device format."""

from workoutlab.recognition.keeping.exports.door import FORMATS, export_network
from workoutlab.recognition.keeping.exports.tensors import load_safetensors

__all__ = ["FORMATS", "export_network", "load_safetensors"]
