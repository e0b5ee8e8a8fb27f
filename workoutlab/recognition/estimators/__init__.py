"""scikit-learn's estimators through the door of networks, kept as ONNX."""
