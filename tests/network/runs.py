"""Running graphs on the runtimes for the CPU, and the torch network that they are compared with."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnxruntime
import openvino
import pytest
import torch
from numpy.typing import NDArray

from tests.golden import formula
from tests.support.narrow import official_rows
from vsrife.network import build, cadence
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.module import Network
from vsrife.network.options import GraphOptions
from vsrife.network.own.pyramid import Features
from vsrife.network.table import arch_of

Array = NDArray[np.float32]
Tensors = dict[str, Array]


# Rows that stand for all of them on OpenVINO, where compiling takes long
ON_OPENVINO = ("4.0", "4.2", "4.7", "4.14.lite", "4.25", "nano")
# Fields that say which operations there are, not how many or how wide
KINDS = ("body", "groups", "tail")


def kinds(row: str) -> set[tuple[str, object]]:
    """What a row's operations are chosen by."""
    arch = arch_of(row)
    found: set[tuple[str, object]] = {(name, getattr(arch, name, None)) for name in KINDS}
    encoder = getattr(arch, "encoder", None)
    linear = getattr(encoder, "linear", None)
    return found | {("kind", type(arch)), ("linear", linear)}


def forget() -> None:
    """Whatever was made of rows with other widths."""
    for made in (state_of, written, network, by_torch):
        made.cache_clear()


@contextmanager
def _widths(divisor: int, convs: int) -> Iterator[None]:
    with official_rows(divisor, convs):
        forget()
        yield
    forget()


@pytest.fixture(scope="module")
def narrow_rows() -> Iterator[None]:
    """Official rows with a quarter of their widths and of their blocks' convolutions, and narrow
    pyramids, in all that is in this module."""
    with _widths(4, 2):
        yield


@pytest.fixture
def wide_rows() -> Iterator[None]:
    """The widths that rows have, where a module has fewer."""
    with _widths(1, 8):
        yield


@functools.cache
def state_of(row: str, flow_gain: float | tuple[float, ...] = 1.0) -> Tensors:
    return formula.make_state(row, flow_gain=flow_gain)


class OnnxRuntime:
    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, feeds: Tensors) -> Tensors:
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, feeds), strict=True))

    def first_shape(self) -> list[int]:
        """Of the first output, as it is known before anything runs."""
        return list(self.session.get_outputs()[0].shape)


class OpenVino:
    def __init__(self, graph: bytes) -> None:
        core = openvino.Core()
        exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        self.model = core.compile_model(core.read_model(graph), "CPU", exact)

    def __call__(self, feeds: Tensors) -> Tensors:
        return {key.get_any_name(): value.copy() for key, value in self.model(feeds).items()}

    def first_shape(self) -> list[int]:
        return list(self.model.outputs[0].shape)


RUNTIMES = {"onnx": OnnxRuntime, "openvino": OpenVino}


@functools.lru_cache(maxsize=1)  # the runtimes take a row's graphs one after another
def written(row: str, options: GraphOptions) -> tuple[bytes, bytes]:
    """The encoder, empty where there is none, and the flow graph."""
    arch, state = arch_of(row), state_of(row)
    encoder = build_encoder(state, arch, options).SerializeToString() if arch.encoder else b""
    return encoder, build_flow(state, arch, options).SerializeToString()


@functools.cache
def images(width: int, height: int) -> tuple[Array, Array]:
    """Beyond 0..1, too: some encoders see that, nothing else does."""
    left, right = formula.make_images(height, width, overshoot=0.125)
    return left[None], right[None]


def sizes(row: str, options: GraphOptions, count: int = 1) -> list[tuple[int, int]]:
    """Small widths and heights that the network takes, different where they can be."""
    unit = arch_of(row).pad_unit(options.scale)
    found = [(max(unit, 96 // unit * unit), unit), (unit, max(unit, 96 // unit * unit))]
    return list(dict.fromkeys([*found, (2 * unit, unit)]))[:count]


def time_of(t: float) -> Array:
    return np.full((1, 1, 1, 1), t, np.float32)


@functools.lru_cache(maxsize=1)  # for the sizes of a test
def network(
    row: str, scale: float, ensemble: bool, flow_gain: float | tuple[float, ...] = 1.0
) -> Network:
    state = {key: torch.from_numpy(value) for key, value in state_of(row, flow_gain).items()}
    return build(row, scale=scale, ensemble=ensemble, state_dict=state)


@functools.cache
def by_torch(
    row: str,
    scale: float,
    ensemble: bool,
    size: tuple[int, int],
    t: float = 0.3,
    flow_gain: float | tuple[float, ...] = 1.0,
) -> Tensors:
    """What a graph with motion gives, and the features it reads."""
    net = network(row, scale, ensemble, flow_gain)
    outcome: list = []
    with torch.inference_mode():
        sides = [net.prepare(torch.from_numpy(image)) for image in images(*size)]
        image = net.interpolate(*sides, t, outcome=outcome)
        confidence, flow = outcome[-1]
        # the whole graph of a pyramid begins with pictures
        sides = [side.image if isinstance(side, Features) else side for side in sides]
        found = {"image": image, "confidence": confidence, "motion": cadence.motion(flow)}
    found |= dict(zip(("left", "right"), sides, strict=True))
    return {name: tensor.numpy() for name, tensor in found.items()}


class ByGraph:
    """The same by graphs: call it with a size."""

    def __init__(self, row: str, options: GraphOptions, runtime: str = "onnx") -> None:
        encoder, flow = written(row, options)
        self.encoder = RUNTIMES[runtime](encoder) if encoder else None
        self.flow = RUNTIMES[runtime](flow)

    def prepare(self, image: Array) -> Array:
        return self.encoder({"image": image})["features"] if self.encoder else image.clip(0, 1)

    def __call__(self, size: tuple[int, int], t: float = 0.3) -> Tensors:
        left, right = (self.prepare(image) for image in images(*size))
        feeds = {"left": left, "right": right, "timestep": time_of(t)}
        return feeds | self.flow(feeds)
