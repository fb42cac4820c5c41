"""The same networks as ONNX graphs, written node by node from a row and its weights as arrays.

Needs numpy and onnx, no framework. `vsrife.net` is the reference; tests hold both together.
"""

from vsrife.graph.encoder import build_encoder
from vsrife.graph.flow import build_flow
from vsrife.graph.options import GraphOptions

__all__ = ["GraphOptions", "build_encoder", "build_flow"]
