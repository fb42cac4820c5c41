"""Models whose convolutions compute in INT8: which ones, how they are calibrated, and their files.

Static quantisation with QDQ nodes, one scale for each output channel of a weight. What carries flow
stays in fp32: a flow of 200 pixels has no room in 8 bits beside one of a quarter.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from vsrife.errors import ArgumentError
from vsrife.export import export_model, write_files
from vsrife.inference import arrays
from vsrife.inference.backends import quiet
from vsrife.network.files import carried_weights
from vsrife.network.sizes import padded_size
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import arch_of, check_options
from vsrife.weights import find_weights, is_graph, model_name, read_arrays
from vsrife.weights.folders import is_file, temporary

Array = NDArray[Any]
Feeds = Mapping[str, Array]
Frame = Sequence[NDArray[np.float32]]  # R, G, B in 0..1

# Names of convolutions, by kind of network; the second frame's have a number at their end.
# Official rows: the second of a stem and those of the body. The first one of a stem and the one
# that merges read flow, and `lastconv` gives it.
_OFFICIAL = r"block\d+\.(conv0\.1\.0|convblock\.\d+\.(conv|0))"
# Pyramids: those of the encoder but the first, which reads the picture, and those of the bodies
_PYRAMID = r"encode\.(conv[1-9]|body\d+)|(block\d+|last)\.body\.\d+"
_INNER = re.compile(rf"({_OFFICIAL}|{_PYRAMID})(_\d+)?")
# Those to whose result their input is added
_BODY = re.compile(
    r"(block\d+\.convblock\.\d+\.conv|encode\.body\d+|(block\d+|last)\.body\.\d+)(_\d+)?"
)
_HALF = np.full((1, 1, 1, 1), 0.5, np.float32)


class Export:
    """A model as graphs in the layout that vsrife's own files have: in fp32, and then in INT8."""

    def __init__(
        self, model: str, scale: float, size: tuple[int, int] | None, folder: Path
    ) -> None:
        """size: width and height of frames, None for any; folder: for the files in fp32."""
        if is_graph(model):
            raise ArgumentError(f"MODEL must be a name or a weights file, not the graph {model!r}")
        name = model_name(model)
        check_options(name, scale, False)
        row = name or recognise(normalise(read_arrays(find_weights(model))))
        unit = arch_of(row).pad_unit(scale)
        self._unit = unit
        padded = size and padded_size(size, unit)
        self._files = export_model(model, folder / "fp32.onnx", scale=scale, size=padded)
        self._graph = onnx.load(self._files[0])

    def files(self, path: Path) -> list[Path]:
        """What `write` writes for this one, the main file first."""
        return [path, *(path.with_suffix("".join(f.suffixes)) for f in self._files[1:])]

    def write(self, path: Path, pairs: Iterable[tuple[Frame, Frame]]) -> None:
        """Calibrate on these pairs of frames, and write the files; encoders stay in fp32."""
        made = quantize(self._graph, self._feeds(pairs))
        said = {entry.key: entry for entry in made.metadata_props}
        said["precision"].value = "int8"
        contents = [made.SerializeToString(), *(file.read_bytes() for file in self._files[1:])]
        write_files(list(zip(self.files(path), contents, strict=True)))

    def _feeds(self, pairs: Iterable[tuple[Frame, Frame]]) -> Iterator[dict[str, Any]]:
        encoder = self._files[0].with_suffix(".encode.onnx")
        encode = None
        if is_file(encoder):
            encode = quiet.load("onnxruntime").InferenceSession(
                str(encoder), providers=["CPUExecutionProvider"], enable_fallback=0
            )
        for pair in pairs:
            height, width = pair[0][0].shape
            size = padded_size((width, height), self._unit)
            left, right = (arrays.padded(frame, size) for frame in pair)
            if encode is not None:
                left, right = (encode.run(None, {"image": image})[0] for image in (left, right))
            yield {"left": left, "right": right, "timestep": _HALF}


def quantize(model: ModelProto, calibration: Iterable[Feeds]) -> ModelProto:
    """The flow graph `model` (fp32, ours) with the blocks' inner convolutions in INT8.

    calibration: inputs of real frames.
    """
    ort = quiet.load("onnxruntime.quantization")

    apart = _with_sums(model)
    with temporary() as folder, _quiet():
        path = folder / "int8.onnx"
        ort.quantize_static(
            apart,
            path,
            _reader(calibration),
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],  # what lies between them loses more than it wins
            nodes_to_quantize=[
                node.name for node in apart.graph.node if _INNER.fullmatch(node.name)
            ],
            per_channel=True,
            # what x86 multiplies fastest; others take it, too
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
        )
        made = onnx.load(path)
    kept = {entry.key: entry.value for entry in model.metadata_props}
    kept.pop(carried_weights.KEY, None)  # of the fp32 graph
    helper.set_model_props(made, kept)
    return made


def _with_sums(model: ModelProto) -> ModelProto:
    """The same with the residual sums as nodes, which our graphs add to the weights as ones.

    A one in a weight would take all of its 8 bits, and leave 6 steps for the others.
    """
    apart = ModelProto()
    apart.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in apart.graph.initializer}
    nodes: list[NodeProto] = []
    made: dict[str, TensorProto] = {}
    for node in apart.graph.node:
        nodes.append(node)
        if not _BODY.fullmatch(node.name):
            continue
        name = f"{node.input[1]}.alone"
        if name not in made:
            groups = next(a.i for a in node.attribute if a.name == "group")
            weight = numpy_helper.to_array(weights[node.input[1]]).copy()
            rows = np.arange(weight.shape[0])
            weight[rows, rows % (weight.shape[0] // groups), 1, 1] -= 1
            made[name] = numpy_helper.from_array(weight, name)
        node.input[1] = name
        out, node.output[0] = node.output[0], f"{node.output[0]}.alone"
        nodes.append(
            helper.make_node("Add", [node.output[0], node.input[0]], [out], name=f"{node.name}.sum")
        )
    del apart.graph.node[:]
    apart.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in apart.graph.initializer if tensor.name in used]
    del apart.graph.initializer[:]
    apart.graph.initializer.extend([*kept, *made.values()])
    return apart


def _reader(feeds: Iterable[Feeds]) -> Any:
    ort: Any = quiet.load("onnxruntime.quantization")

    class Reader(ort.CalibrationDataReader):  # type: ignore[misc]  # ships no types
        def __init__(self) -> None:
            self._rest = iter(feeds)

        def get_next(self) -> Feeds | None:
            return next(self._rest, None)

    return Reader()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without its advice, which is for other ways of doing this."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
