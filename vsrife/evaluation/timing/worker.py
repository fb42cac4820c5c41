"""One contender of `vsrife bench` in a process of its own: rife(), vs-rife or vs-mlrt.

Runs as a script, also in the environment of a peer, where our package is not (vs-rife's is also
named vsrife): it imports nothing of ours but for kind "vsrife". A JSON object on the command line
says what to run. It answers each line of stdin by one line of JSON on its stdout, the first one
when the first new frame is made: "frame": one new frame and the source frame after it; "random":
a new frame at a random place, seconds; "cpu": CPU seconds of a "frame", mean, of all threads;
"memory": bytes at the most, or null.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

_SEEKS = 9


def main() -> None:
    asked = json.loads(sys.argv[1])
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # runtimes print, and stdout is for answers alone
    sys.path[:0] = asked["paths"]
    with tempfile.TemporaryDirectory(prefix="vsrife") as folder:
        clip = _KINDS[asked["kind"]](
            _clip(asked["clip"], asked["rounds"]), folder, **asked["options"]
        )
        clip.std.SetVideoCache(mode=0)
        serve(clip, sys.stdin, out)
    os._exit(0)  # some runtimes crash at the end of a process


def serve(clip: Any, lines: Iterable[str], out: TextIO) -> None:
    """Answers each line. clip: every odd frame is a new one; no "frame" is shown twice before all
    have been, since kept results would be timed instead of work."""
    place, spent = 0, 0.0
    _show(clip, 1)
    _answer(out, "ready")
    for line in lines:
        what = line.strip()
        if what == "frame":
            place, started = place + 1, time.process_time()
            _show(clip, 2 * place + 1)
            _show(clip, 2 * place + 2)
            spent += time.process_time() - started
            _answer(out, "done")
        elif what == "random":
            _answer(out, _random(clip))
        elif what == "cpu":
            _answer(out, spent / max(1, place))
        elif what == "memory":
            _answer(out, _peak())


def _answer(out: TextIO, value: object) -> None:
    out.write(json.dumps(value) + "\n")
    out.flush()


def _show(clip: Any, n: int) -> None:
    clip.get_frame(n % clip.num_frames).close()


def _random(clip: Any) -> float:
    """Median seconds of a new frame somewhere else."""
    numbers, seconds = random.Random(1), []
    for _ in range(_SEEKS):
        n = 2 * numbers.randrange(clip.num_frames // 2 - 1) + 1
        started = time.perf_counter()
        _show(clip, n)
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[_SEEKS // 2]


def _peak() -> int | None:
    """Bytes of memory that this process has had at the most; None where that is not told."""
    if sys.platform == "linux":  # getrusage counts what the parent had when it forked
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            kib = next(line.split()[1] for line in file if line.startswith("VmHWM:"))
        return int(kib) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


def _clip(path: str, rounds: int) -> Any:
    """The planes of a .npz file as a clip, from memory, again and again for so many rounds."""
    import numpy as np
    import vapoursynth as vs

    with np.load(path) as file:
        planes = [file[f"plane{n}"] for n in range(3)]
    count, height, width = planes[0].shape
    blank = vs.core.std.BlankClip(
        format=vs.YUV420P8, width=width, height=height, length=count, fpsnum=24, fpsden=1, keep=True
    )
    frames = []
    for n in range(count):
        frame = blank.get_frame(n).copy()
        for plane in range(3):
            np.asarray(frame[plane])[:] = planes[plane][n]
        frame.props["_Matrix"] = 6
        frame.props["_Range"] = 0
        frames.append(frame)
    clip = blank.std.ModifyFrame(blank, lambda n, f: frames[n])
    return clip.std.Loop(2 + (rounds + 2) // count)


def _ours(clip: Any, folder: str, **options: Any) -> Any:
    from vsrife.filter import rife

    return rife(clip, **options)


def _rgb(clip: Any) -> Any:
    import vapoursynth as vs

    return clip.resize.Bicubic(format=vs.RGBS, matrix_in_s="170m")


def _yuv(clip: Any) -> Any:
    import vapoursynth as vs

    return clip.resize.Bicubic(format=vs.YUV420P8, matrix_s="170m", range_s="limited")


def _vs_rife(clip: Any, folder: str, *, model: str, weights: str, threads: int | None) -> Any:
    """vs-rife as its users call it, with these weights. Without CUDA, its check and its streams
    are stand-ins, and everything else is as it is."""
    peer: Any = importlib.import_module("vsrife")
    if not hasattr(peer, "torch"):  # ours imports none by itself
        raise SystemExit(f"{peer.__file__} is not vs-rife")
    import numpy as np
    import torch

    with np.load(weights) as file:
        state = {f"module.{key}": torch.from_numpy(file[key]) for key in file.files}
    torch.save(state, os.path.join(folder, f"flownet_v{model}.pkl"))
    peer.model_dir = folder
    if threads is not None:
        torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        peer.torch = _TorchWithoutCuda(torch)
    return _yuv(peer.rife(_rgb(clip), model=model))


class _Stream:
    """A CUDA stream that does nothing."""

    def __init__(self, *_: object) -> None: ...

    def synchronize(self) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class _Cuda:
    Stream = _Stream

    def is_available(self) -> bool:
        return True

    def stream(self, stream: _Stream) -> _Stream:
        return stream

    def current_stream(self, *_: object) -> _Stream:
        return _Stream()


class _TorchWithoutCuda:
    """`torch` as vs-rife shall see it: with one CUDA device, which is the CPU."""

    def __init__(self, torch: Any) -> None:
        self._torch, self.cuda = torch, _Cuda()

    def device(self, name: str, *_: int) -> Any:
        return self._torch.device("cpu" if name == "cuda" else name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._torch, name)


def _vs_mlrt(clip: Any, folder: str, *, plugin: str, graph: str, threads: int | None) -> Any:
    """vs-mlrt's plugin as its own script calls it: left, right and timestep, at factor 2.

    graph: an ONNX file in its layout v2. Its OpenVINO is told to compute in fp32.
    """
    import vapoursynth as vs

    space = getattr(vs.core, plugin, None)
    if space is None:
        raise SystemExit(f"this environment has no plugin core.{plugin}")
    options: dict[str, Any] = {}
    if plugin == "ov":
        config: dict[str, str | int] = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        options = {"device": "CPU", "config": lambda: config}
    elif plugin == "ort":
        options = {"provider": ""}
    left = _rgb(clip)
    right = left[1:] + left[-1]
    timestep = left.std.BlankClip(format=vs.GRAYS, color=0.5, keep=True)
    new = space.Model([left, right, timestep], network_path=graph, **options)
    core: Any = vs.core
    return core.std.Interleave([_yuv(left), _yuv(new)])


_KINDS: dict[str, Callable[..., Any]] = {"vsrife": _ours, "vs-rife": _vs_rife, "vs-mlrt": _vs_mlrt}

if __name__ == "__main__":
    main()
