"""Fitted scikit-learn estimators as ONNX: kept without pickle, opened without scikit-learn.

ONNX is an open format of computations on arrays. Reading a file of it runs no code of whoever
wrote it, which reading a pickle would; and the file predicts the same with later versions of
scikit-learn, or without it.
"""

import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import DamagedLabError, InputError, MissingExtraError, TrainingError
from workoutlab.learning.networks import Floats

__all__ = ["OnnxModel", "check_converter", "convert"]

_MOST_APART: Final = 1e-3
"""Mean difference of probabilities from scikit-learn's, which computes in double precision."""


class OnnxModel:
    """An estimator as ONNX, which turns inputs into probabilities.

    Parameters
    ----------
    content
        The ONNX model, as bytes.
    inputs
        How many inputs a window has.

    Raises
    ------
    MissingExtraError
        If onnxruntime is not installed.
    DamagedLabError
        If the content is no ONNX model.
    """

    format: Final = "onnx"

    def __init__(self, content: bytes, inputs: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("onnxruntime", "onnx") from error
        self.content, self.inputs = content, inputs
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a person's windows are too few to be shared
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise DamagedLabError(f"the ONNX model cannot be opened: {error}") from error

    def __repr__(self) -> str:
        return f"OnnxModel({len(self.content):,} bytes, {self.inputs} inputs)"

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return probabilities, shape (window, class), of inputs of shape (window, input).

        Raises
        ------
        InputError
            If the inputs are not of that shape.
        """
        values = np.ascontiguousarray(inputs, np.float32)
        if values.ndim != 2 or values.shape[1] != self.inputs:
            raise InputError(
                f"inputs: expected shape (window, {self.inputs}), got {values.shape}; compute "
                "them with the inputs of the estimator that was trained"
            )
        name = self._session.get_inputs()[0].name
        chances: Floats = self._session.run(None, {name: values})[1]
        return chances

    def describe(self) -> dict[str, Any]:
        """Return what :meth:`unpack` needs besides the piece, as JSON takes it."""
        return {"kind": "onnx", "bytes": len(self.content), "inputs": self.inputs}

    def pack(self) -> Floats:
        """Return the bytes as float32, filled up with zeros: the form in which models lie."""
        filled = self.content + bytes(-len(self.content) % 4)
        return np.frombuffer(filled, np.float32)

    @classmethod
    def unpack(cls, piece: Floats, description: dict[str, Any]) -> "OnnxModel":
        """Return the model of a piece.

        Raises
        ------
        MissingExtraError
            If onnxruntime is not installed.
        DamagedLabError
            If the piece is no ONNX model.
        """
        return cls(piece.tobytes()[: description["bytes"]], description["inputs"])


def check_converter() -> None:
    """Make sure that estimators can be converted here.

    Raises
    ------
    MissingExtraError
        If skl2onnx or onnxruntime is not installed.
    """
    for package in ("skl2onnx", "onnxruntime"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingExtraError(package, "onnx") from error


def convert(estimator: Any, inputs: Floats) -> OnnxModel:
    """Convert a fitted classifier, and make sure that it predicts the same.

    Parameters
    ----------
    estimator
        A fitted scikit-learn classifier or pipeline with ``predict_proba``.
    inputs
        Shape (window, input), on which both must agree.

    Raises
    ------
    MissingExtraError
        If skl2onnx or onnxruntime is not installed.
    TrainingError
        If ONNX has no such computation, or it predicts something else.
    """
    check_converter()
    from skl2onnx import to_onnx

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the converter's own dependencies
            made = to_onnx(estimator, inputs[:1], options={"zipmap": False})
    except Exception as error:  # the converter raises what it likes
        raise TrainingError(
            f"{type(estimator).__name__} cannot be converted to ONNX, as which models are kept: "
            f"{str(error).splitlines()[0][:200]}; choose another estimator"
        ) from error
    model = OnnxModel(made.SerializeToString(), inputs.shape[1])
    apart = np.abs(model.predict(inputs) - estimator.predict_proba(inputs)).mean()
    if not apart < _MOST_APART:
        # The converter loses to which side a tree sends a missing input.
        missing = bool(np.isnan(inputs).any())
        advice = "fill missing inputs first, by make_pipeline(SimpleImputer(), ...)"
        raise TrainingError(
            f"{type(estimator).__name__} predicts otherwise as ONNX, as which models are kept: "
            f"probabilities differ by {apart:.2g} on average; "
            f"{advice if missing else 'choose another estimator'}"
        )
    return model
