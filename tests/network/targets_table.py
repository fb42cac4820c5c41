"""Every row on every target, against PyTorch: what an export costs, and how far pictures are off.

    python -m tests.network.targets_table [ROW or WEIGHTS ...]    a table in Markdown, on stdout

Rows have random weights; a file of weights is measured at fp16, too, where its promise is 50 dB.
Pictures are two of the demo film, 128 ms apart. Seconds are of this process's CPU time, for the
export alone, in fp32. Without a target's package, its cells are empty.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.golden import formula
from tests.network.tflite_cases import state_of
from vsrife.errors import ArgumentError
from vsrife.inference.psnr import psnr
from vsrife.media.demo_film import draw
from vsrife.network import build
from vsrife.network.files.targets import FileOptions, builder
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import ARCHS, ROWS, Row, arch_of
from vsrife.weights import read_arrays

Array = NDArray[np.float32]
Files = dict[str, bytes]
T = 0.3


def size_of(row: Row) -> tuple[int, int]:
    """About 256x128: what every network takes that is here."""
    unit = row.pad_unit(1.0)
    return max(256, unit), max(128, unit)


def frames(row: Row) -> tuple[Array, Array]:
    width, height = size_of(row)
    pictures = (draw(t)[-height:, :width].transpose(2, 0, 1)[None] for t in (0.4, 0.528))
    left, right = (np.ascontiguousarray(picture, np.float32) for picture in pictures)
    return left, right


def by_onnx(files: Files, row: Row) -> Array:
    from tests.network.runs import OnnxRuntime

    return _by_graphs({k.removesuffix(".onnx"): OnnxRuntime(v) for k, v in files.items()}, row)


def by_openvino(files: Files, row: Row) -> Array:
    import openvino

    core = openvino.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}

    def program(part: str) -> Callable[[dict[str, Array]], dict[str, Array]]:
        weights = openvino.Tensor(np.frombuffer(files[f"{part}.bin"], np.uint8))
        model = core.compile_model(core.read_model(files[f"{part}.xml"], weights), "CPU", exact)
        return lambda feeds: {k.get_any_name(): v.copy() for k, v in model(feeds).items()}

    parts = [name.removesuffix(".xml") for name in files if name.endswith(".xml")]
    return _by_graphs({part: program(part) for part in parts}, row)


def _by_graphs(programs: dict[str, Any], row: Row) -> Array:
    left, right = frames(row)
    if ".encode" in programs:
        left, right = (programs[".encode"]({"image": x})["features"] for x in (left, right))
    feeds = {"left": left, "right": right, "timestep": np.full((1, 1, 1, 1), T, np.float32)}
    found = programs[""](feeds)
    if "largest" in found and (found["largest"] > 32).all():
        raise ArgumentError("the motion doubles all scales")
    image: Array = found["image"]
    return image


def by_ncnn(files: Files, row: Row) -> Array:
    from tests.network.ncnn_runtime import Ncnn

    left, right = frames(row)
    plane = np.full((1, *left.shape[2:]), T, np.float32)
    network = Ncnn(files["flownet.param"], files["flownet.bin"])
    return network({"in0": left[0], "in1": right[0], "in2": plane}, "out0")[0][None]


def by_tflite(files: Files, row: Row) -> Array:
    from tests.network.tflite_runtime import Tflite

    left, right = (x.transpose(0, 2, 3, 1) for x in frames(row))
    times = np.full((1, 1, 1, 1), T, np.float32)
    found = Tflite(files[".tflite"])({"left": left, "right": right, "timestep": times})
    return found["image"].transpose(0, 3, 1, 2)


RUNNERS = {"onnx": by_onnx, "openvino": by_openvino, "ncnn": by_ncnn, "tflite": by_tflite}


def measured(name: str, state: dict[str, Array], *, real: bool) -> Iterator[str]:
    """Cells of a row of the table."""
    row = arch_of(name)
    net = build(name, state_dict={key: torch.from_numpy(value) for key, value in state.items()})
    with torch.inference_mode():
        wanted = net(*map(torch.from_numpy, frames(row)), T).numpy()
    for target, run in RUNNERS.items():
        size = size_of(row) if target == "tflite" else None
        try:
            build_files = builder(target)
            start = time.process_time()
            files = build_files(state, row, FileOptions(size=size), {"model": name})
            spent = time.process_time() - start
            off = np.abs(run(files, row) - wanted).max()
            cell = f"{off:.0e}, {spent:.1f} s, {sum(map(len, files.values())) / 1e6:.1f} MB"
            if real:
                half = FileOptions(size=size, precision="fp16")
                got = run(build_files(state, row, half, {"model": name}), row)
                cell += f", fp16 {psnr(got, wanted):.0f} dB"
        except ArgumentError:  # a row that the target cannot express
            cell = "-"
        yield cell


def random_state(name: str) -> dict[str, Array]:
    """Weights that move pixels; those of rows that are known elsewhere are the same there."""
    return formula.make_state(name) if name in ARCHS else state_of(arch_of(name))


def main(asked: list[str]) -> int:
    torch.set_num_threads(1)
    print("| network |", " | ".join(RUNNERS), "|")
    print("|---" * (1 + len(RUNNERS)) + "|")
    for each in asked or list(ROWS):
        state, name = {}, each
        if Path(each).is_file():
            state = dict(normalise(read_arrays(Path(each))))
            name = recognise(state)
        with suppress(ImportError):
            cells = measured(name, state or random_state(name), real=bool(state))
            print(f"| `{Path(each).stem if state else name}` |", " | ".join(cells), "|", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
