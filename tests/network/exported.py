"""Runs what `vsrife export` writes, on the CPU: files in, new frames out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from vsrife.errors import ArgumentError

Array = NDArray[np.float32]
Files = Mapping[str, bytes]
Run = Callable[[Array, Array], Array]  # frames (1, 3, H, W), the new one at T
Program = Callable[[dict[str, Array]], dict[str, Array]]
T = 0.3


def by_onnx(files: Files) -> Run:
    from tests.network.runs import OnnxRuntime

    return _by_graphs({k.removesuffix(".onnx"): OnnxRuntime(v) for k, v in files.items()})


def by_openvino(files: Files) -> Run:
    import openvino

    core = openvino.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}

    def program(part: str) -> Program:
        weights = openvino.Tensor(np.frombuffer(files[f"{part}.bin"], np.uint8))
        model = core.compile_model(core.read_model(files[f"{part}.xml"], weights), "CPU", exact)
        return lambda feeds: {k.get_any_name(): v.copy() for k, v in model(feeds).items()}

    parts = [name.removesuffix(".xml") for name in files if name.endswith(".xml")]
    return _by_graphs({part: program(part) for part in parts})


def _by_graphs(programs: Mapping[str, Program]) -> Run:
    def run(left: Array, right: Array) -> Array:
        if ".encode" in programs:
            left, right = (programs[".encode"]({"image": x})["features"] for x in (left, right))
        timestep = np.full((1, 1, 1, 1), T, np.float32)
        found = programs[""]({"left": left, "right": right, "timestep": timestep})
        if "largest" in found and (found["largest"] > 32).all():
            raise ArgumentError("the motion doubles all scales")
        return found["image"]

    return run


def by_ncnn(files: Files) -> Run:
    from tests.network.ncnn_runtime import Ncnn

    network = Ncnn(files["flownet.param"], files["flownet.bin"])

    def run(left: Array, right: Array) -> Array:
        plane = np.full((1, *left.shape[2:]), T, np.float32)
        return network({"in0": left[0], "in1": right[0], "in2": plane}, "out0")[0][None]

    return run


def by_tflite(files: Files) -> Run:
    from tests.network.tflite_runtime import Tflite

    network = Tflite(files[".tflite"])

    def run(left: Array, right: Array) -> Array:
        frames = {"left": left.transpose(0, 2, 3, 1), "right": right.transpose(0, 2, 3, 1)}
        timestep = np.full((1, 1, 1, 1), T, np.float32)
        return network({**frames, "timestep": timestep})["image"].transpose(0, 3, 1, 2)

    return run


OPENERS = {"onnx": by_onnx, "openvino": by_openvino, "ncnn": by_ncnn, "tflite": by_tflite}
