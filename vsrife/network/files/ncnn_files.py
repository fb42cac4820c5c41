"""The folder of an export to ncnn: flownet.param and flownet.bin. Needs numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vsrife.errors import ArgumentError
from vsrife.messages import note
from vsrife.network import any_row
from vsrife.network.files.targets import FileOptions
from vsrife.network.ifnet import blend
from vsrife.network.operations.ncnn.ncnn_channels import Weight
from vsrife.network.operations.ncnn.ncnn_operations import NcnnOperations
from vsrife.network.operations.ncnn.ncnn_writer import Array, Blob, Writer
from vsrife.network.options import GraphOptions, check
from vsrife.network.table import Arch, Row

# By which part of a folder's path rife-ncnn-vulkan and its forks choose the multiple of both sides,
# in pixels; the last one that fits counts
PADDINGS = {"rife-v4": 32, "rife-v4.25": 64, "rife-v4.25-lite": 128, "rife-v4.26": 64}
OLDER = ("rife-v2", "rife-v3")  # parts by which they take it for another kind of network
# Layers of ours that rife-ncnn-vulkan itself is built without (src/CMakeLists.txt at 031b9f1);
# forks have them
LACKED = frozenset({"ConvolutionDepthWise", "MemoryData", "Reduction"})


def build(
    state: Mapping[str, Array], arch: Row, options: FileOptions, facts: Mapping[str, str]
) -> dict[str, bytes]:
    """See `targets`. Inputs `in0`, `in1`, the left and the right frame (3, H, W) in 0..1, and
    `in2`, the timestep as a plane (1, H, W); output `out0` (3, H, W). H and W are multiples of the
    row's pad_unit."""
    if options.warp == "rife" and options.path:
        check_path(options.path, arch.pad_unit(options.scale))
    run = GraphOptions(options.scale, options.ensemble, timestep_map=True)
    check(arch, run)
    if arch.rescales:
        note(f"{facts['model']} keeps its scales in an ncnn file, however large the motion is")
    if options.fold and not any(key.endswith(".beta") for key in state):
        note(f"{facts['model']} has no gains of residuals, so its file is the same without fold")
    w = Writer(half=options.precision == "fp16")
    left, right, timestep = (w.input(f"in{i}", channels) for i, channels in enumerate((3, 3, 1)))
    ops = NcnnOperations(w, gridsample=options.warp == "gridsample", fold=options.fold)
    weights: dict[str, Weight] = {
        key: np.asarray(value, np.float32) for key, value in state.items()
    }
    image = blend(ops, any_row.refine(ops, weights, arch, run, left, right, timestep))[0]
    if isinstance(arch, Arch) and not arch.feat:
        # rife-ncnn-vulkan's modes -x and -z average these over mirrored and swapped frames
        last = "pixelshuffle" if arch.shuffles else "lastconv"
        for i in range(len(arch.widths)):
            w.rename(Blob(f"block{i}.{last}", arch.tail), f"flow{i}")
    param, data = w.files(w.rename(image, "out0"))
    if options.fold and options.warp == "rife":  # which is asked for to run there
        _tell_of_layers(param, facts["model"])
    return {"flownet.param": param, "flownet.bin": data}


def check_path(path: str, unit: int) -> None:
    """ArgumentError unless programs that find this folder pad both sides to multiples of `unit`."""
    names = [name for name, padding in PADDINGS.items() if padding % unit == 0]
    if not names:
        raise ArgumentError(
            f"scale must be larger for this model: sides would be multiples of {unit} pixels, "
            f"and rife.Warp's programs pad to {max(PADDINGS.values())} at most; "
            "use warp gridsample for others"
        )
    older = [part for part in OLDER if part in path]
    if older:
        raise ArgumentError(
            f"the path of the folder must not have {older[0]} in it, which stands for an older "
            f"network: {path}; choose another one"
        )
    # programs may be given the whole path, or the name alone
    texts = (path, Path(path).name)
    found = [[name for name in PADDINGS if name in text] for text in texts]
    if not all(each and each[-1] in names for each in found):
        raise ArgumentError(
            f"the folder must have {names[0]} in its name, by which programs choose the padding "
            f"of {PADDINGS[names[0]]} pixels: not {path}"
        )


def _tell_of_layers(param: bytes, model: str) -> None:
    lacked = sorted(LACKED & {line.split()[0] for line in param.decode().splitlines()})
    if lacked:
        note(
            f"rife-ncnn-vulkan itself cannot run {model}: it is built without "
            f"{' and '.join(lacked)}; its forks run it, folded or not"
        )
