"""The operations written down for ONNX."""
