"""The same networks as ONNX graphs, written node by node from a row and its weights as arrays.

Needs numpy and onnx, no framework. `vsrife.network` is the reference; tests hold both together.
"""

from vsrife.network.options import GraphOptions
from vsrife.network.previous.onnx.encoder import build_encoder
from vsrife.network.previous.onnx.flow import build_flow

__all__ = ["GraphOptions", "build_encoder", "build_flow"]
