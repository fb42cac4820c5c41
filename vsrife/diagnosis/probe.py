"""The part of the diagnosis that runs in processes of its own: `-m vsrife.diagnosis.probe`.

Writes what it found as JSON into the file that its first word names.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vsrife.inference.backends import quiet
from vsrife.messages import one_line
from vsrife.system import moving

ROUNDS = 3  # of which the median counts, after one that does not
MOMENT = 0.375  # seconds of the demo's film, at which much of it moves
STEP = 1 / 12

Facts = dict[str, Any]


def vapoursynth() -> Facts:
    """VapourSynth's version, threads, and plugins: their namespaces, names and versions."""
    vs = importlib.import_module("vapoursynth")
    plugins = [
        {
            "namespace": plugin.namespace,
            "name": plugin.name,
            "version": f"{plugin.version.major}.{plugin.version.minor}",
        }
        for plugin in vs.core.plugins()
        if plugin.namespace not in ("std", "resize", "text")  # of the core
    ]
    return {
        "version": f"R{vs.core.core_version.release_major}",
        "threads": vs.core.num_threads,
        "cache_mib": vs.core.max_cache_size,
        "plugins": plugins,
    }


def backend(name: str) -> Facts:
    """One frame of the demo's film, made by a backend: seconds, and how like the truth it is.

    seconds: for two source frames and the new one between them. psnr: dB, RGB.
    """
    import numpy as np

    from vsrife.evaluation.timing import speed
    from vsrife.inference.psnr import psnr
    from vsrife.media.demo_film import draw
    from vsrife.network.table import DEFAULT_MODEL

    if name not in speed.installed(None):
        return {"installed": False}
    pictures = [draw(MOMENT + share * STEP).astype(np.float32) for share in (0, 0.5, 1)]
    left, truth, right = (
        [np.ascontiguousarray(each[..., channel]) for channel in range(3)] for each in pictures
    )
    height, width = left[0].shape
    session = speed.open_session(name, DEFAULT_MODEL, (width, height), threads=None, device=None)
    made = speed.new_frame(session, left, right)
    seconds = speed.rounds_of({name: lambda: speed.new_frame(session, left, right)}, ROUNDS)[name]
    found = psnr(np.stack(made), np.stack(truth))
    return {
        "installed": True,
        "seconds": seconds,
        "psnr": found if math.isfinite(found) else 0.0,
        "width": width,
        "height": height,
        **_devices_of(name),
    }


def _devices_of(name: str) -> Facts:
    """device: the one that was used; devices: all that the runtime sees; providers: of ONNX
    Runtime. Empty for what a runtime does not tell."""
    found: Facts = {"device": "", "devices": [], "providers": []}
    if name in _DEVICES:
        with suppress(Exception):  # a runtime that computes and does not say where
            found |= _DEVICES[name]()
    return found


def _torch() -> Facts:
    torch = importlib.import_module("torch")
    chosen = importlib.import_module("vsrife.inference.backends.pytorch").choose_device(None, 0)
    seen = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    if torch.xpu.is_available():
        seen += [torch.xpu.get_device_name(n) for n in range(torch.xpu.device_count())]
    if torch.backends.mps.is_available():
        seen.append("mps")
    return {"device": str(chosen), "devices": [*seen, "cpu"]}


def _onnx() -> Facts:
    from vsrife.inference.ort import providers

    ort = quiet.load("onnxruntime")
    wanted = providers.wanted(None, device=None, device_index=0, memory_limit=None)
    chosen = providers.choose(ort, wanted)
    return {"device": chosen.plain[0], "providers": list(providers.offered(ort))}


def _openvino() -> Facts:
    core = quiet.load("openvino").Core()
    narrow = importlib.import_module("vsrife.inference.backends.openvino").multiplies_in_bf16
    seen = []
    for name in core.available_devices:
        what = " (bf16)" if name == "CPU" and narrow() else ""
        seen.append(f"{name}: {core.get_property(name, 'FULL_DEVICE_NAME')}{what}")
    return {"device": "cpu", "devices": seen}


def _mlrt() -> Facts:
    names = importlib.import_module("vsrife.inference.backends.mlrt").plugins()
    return {"device": "cpu", "providers": [f"core.{name}" for name in names]}


_DEVICES: Mapping[str, Callable[[], Facts]] = {
    "pytorch": _torch, "onnx": _onnx, "openvino": _openvino, "mlrt": _mlrt,
}  # fmt: skip


def main(words: Sequence[str]) -> None:
    """words: the file to write, what to look at, and its arguments."""
    target, what, *rest = words
    try:
        found = vapoursynth() if what == "vapoursynth" else backend(*rest)
    except BaseException as error:  # a runtime may even exit
        found = {"error": one_line(str(error)) or type(error).__name__}
    part = Path(f"{target}.part")
    part.write_text(json.dumps(found), encoding="utf-8")
    moving.replace(part, Path(target))  # one that is cut off here has given no answer


if __name__ == "__main__":
    main(sys.argv[1:])
