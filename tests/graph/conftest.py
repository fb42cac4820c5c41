"""Running graphs on the runtimes for the CPU, and the torch network that they are compared with."""

from __future__ import annotations

import functools

import numpy as np
import onnxruntime
import openvino
import torch
from numpy.typing import NDArray
from onnx import ModelProto

from tests.golden import formula
from vsrife import store
from vsrife.graph import GraphOptions, build_encoder, build_flow
from vsrife.net import build, pace
from vsrife.net.ifnet import IFNet
from vsrife.net.table import EMBEDDED, VERSIONS, arch_of

Array = NDArray[np.float32]
Tensors = dict[str, Array]


@functools.cache
def state_of(model: str, flow_gain: float = 1.0) -> Tensors:
    if model in EMBEDDED:
        return store.read_arrays(store.embedded_folder / f"{model}.safetensors")
    return formula.make_state(VERSIONS.get(model, model), flow_gain=flow_gain)


def run_onnx(model: ModelProto, feeds: Tensors) -> Tensors:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def run_openvino(model: ModelProto, feeds: Tensors) -> Tensors:
    core = openvino.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", exact)
    return {key.get_any_name(): value.copy() for key, value in compiled(feeds).items()}


RUNTIMES = {"onnx": run_onnx, "openvino": run_openvino}


def network(model: str, options: GraphOptions, state: Tensors) -> IFNet:
    tensors = {key: torch.from_numpy(value) for key, value in state.items()}
    return build(model, scale=options.scale, ensemble=options.ensemble, state_dict=tensors)


def images(width: int, height: int) -> list[Array]:
    return [picture[None] for picture in formula.make_images(height, width)]


def by_torch(net: IFNet, left: Array, right: Array, t: float) -> Tensors:
    """What a graph with motion gives, and the features."""
    outcome: list = []
    with torch.inference_mode():
        sides = [net.prepare(torch.from_numpy(image)) for image in (left, right)]
        image = net.interpolate(*sides, t, outcome=outcome)
        confidence, flow = outcome[-1]
        found = {"image": image, "confidence": confidence, "motion": pace.motion(flow)}
    found |= {"left": sides[0], "right": sides[1]}
    return {name: tensor.numpy() for name, tensor in found.items()}


def by_graph(
    run, model: str, options: GraphOptions, state: Tensors, left: Array, right: Array, t: float
) -> Tensors:
    arch = arch_of(model)
    if arch.encoder:
        encoder = build_encoder(state, arch, options)
        sides = [run(encoder, {"image": image})["features"] for image in (left, right)]
    else:
        sides = [image.clip(0, 1) for image in (left, right)]
    feeds = dict(zip(("left", "right"), sides, strict=True))
    feeds["timestep"] = np.full((1, 1, 1, 1), t, np.float32)
    return feeds | run(build_flow(state, arch, options), feeds)
