"""nano and small as ONNX nodes, from a row and its weights as arrays.

Needs numpy and onnx, no framework. `vsrife.network.previous.torch` is the reference; tests hold
both together.
"""

from vsrife.network.previous.onnx.flow import write_flow, write_image

__all__ = ["write_flow", "write_image"]
