#!/usr/bin/env python3
"""The checks of .ci/gpu: python .ci/gpu_checks.py CHECK DEVICE [VS-RIFE-WHEEL]

Each prints one JSON object: `state`, `text` where something is wrong, and what it has measured.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import vapoursynth as vs

from tests.golden import formula
from vsrife import rife
from vsrife.errors import RifeError
from vsrife.evaluation.scores.measures import psnr
from vsrife.evaluation.timing import contenders, speed
from vsrife.inference.backends.pytorch import choose_device
from vsrife.inference.device_path import fused_trial
from vsrife.inference.device_path.ways import WAYS, Ways
from vsrife.network.table import ARCHS
from vsrife.weights import save_weights

type Facts = dict[str, Any]
ROOT = Path(__file__).parents[1]
PASSED, FAILED, NOT_SEEN = "passed", "failed", "not seen"
# PSNR against the CPU in fp32. One order of sums instead of another, and TF32, whose products have
# 11 bits, as fp16's have; but fp16 also keeps whole pictures
LEAST = {"fp32": 50.0, "fp16": 40.0}
REDUCED_ROWS = ("4.6", "4.25")
SEEKS, SEEK_SECONDS = 10_000, 60  # whichever comes first
# Formats whose frames are converted on the device, and ways to feed it, see `device_path.ways`
FEEDING_FORMATS = (
    vs.YUV420P8,
    vs.YUV420P16,
    vs.YUV422P10,
    vs.YUV444P8,
    vs.GRAY16,
    vs.RGB24,
    vs.RGBS,
)
WAYS_OF_FEEDING = {
    "planes": Ways(planes=True),
    "planes and replays": Ways(planes=True, replays=True),
    "planes, replays and fused warps": Ways(planes=True, replays=True, fused=True),
    "all": Ways(planes=True, batches=True, replays=True, fused=True),
}
GROWTH = 16 << 20  # bytes of the device that seeks may leave taken, beyond what warm ones had


class Run:
    """device: as of rife(); reduced: on the CPU, where it is only shown that the check works."""

    def __init__(self, device: str, wheel: str | None) -> None:
        self.device, self.wheel = device, wheel
        self.reduced = device == "cpu"
        self.torch_device = choose_device(device, 0)
        self.cuda = self.torch_device.type == "cuda"  # ROCm, too
        if self.cuda:
            torch.cuda.set_device(self.torch_device)  # of what is measured in this process


def machine(run: Run) -> Facts:
    facts: Facts = {"python": sys.version.split()[0], "torch": torch.__version__}
    if run.cuda:
        there = torch.cuda.get_device_properties(run.torch_device)
        facts |= {
            "gpu": there.name,
            "memory": there.total_memory,
            "capability": f"{there.major}.{there.minor}",
            "cuda": torch.version.cuda,
            "fused_warps": fused_trial.fault(run.torch_device) or "work",
        }
    session = speed.open_session("pytorch", "nano", (64, 64), threads=None, device=run.device)
    frame = [np.zeros((64, 64), np.float32)] * 3
    speed.new_frame(session, frame, frame)
    return facts


def parity(run: Run) -> Facts:
    """Every row on the device, in fp32 and fp16, against the CPU in fp32."""
    size = (64, 64) if run.reduced else (256, 192)
    frames = contenders.demo_frames(size)[:2]
    rows = REDUCED_ROWS if run.reduced else tuple(ARCHS)
    found: Facts = {}
    low: list[str] = []
    with TemporaryDirectory(prefix="vsrife") as folder:
        for row in rows:
            path = Path(folder) / f"{row}.safetensors"
            save_weights(path, formula.make_state(row), {"arch": row})
            exact = _new_frame("cpu", path, frames, "fp32")
            for precision, least in LEAST.items():
                made = _new_frame(run.device, path, frames, precision)
                value = round(float(psnr(made, exact)), 1)
                found[f"{row} {precision}"] = value
                if not value >= least:
                    low.append(f"{row} in {precision} {value} dB, {least} is the least")
    return {"psnr": found} | _wrong(low)


def feeding(run: Run) -> Facts:
    """Frames that are converted on the device, batches and recorded calls, each beside the host's
    path: codes apart, and seconds for a new frame."""
    kind = run.torch_device.type
    size, length = ((64, 48), 3) if run.reduced else ((1920, 1080), 24)
    film = contenders.clip_of(contenders.demo_frames(size))
    film = film.std.Loop(length // film.num_frames + 1)[:length]
    found: Facts = {}
    wrong: list[str] = []
    for number in FEEDING_FORMATS[:2] if run.reduced else FEEDING_FORMATS:
        clip = contenders.kept(film[:3].resize.Bicubic(format=number, **_matrix(number)))
        wanted, _ = _rendered(clip, kind, Ways(), run)
        for name, ways in WAYS_OF_FEEDING.items():
            worst, share = _apart(_rendered(clip, kind, ways, run)[0], wanted)
            found[f"{clip.format.name} {name}"] = [worst, round(share, 6)]
            # TF32 and batches round otherwise, which finer samples show; 8 bits must not
            fine = (1 << clip.format.bits_per_sample) // 256 if clip.format.id != vs.RGBS else 1
            if worst > fine or (fine == 1 and name == "planes" and share >= 0.005):
                wrong.append(f"{clip.format.name} with {name}: {worst} codes, {share:.2%}")
    seconds = {
        name: round(_rendered(film, kind, ways, run)[1], 5)
        for name, ways in {"host": Ways(), **WAYS_OF_FEEDING}.items()
    }
    return {"apart": found, "seconds_for_a_frame": seconds} | _wrong(wrong)


def _matrix(number: int) -> Facts:
    rgb = vs.core.get_video_format(number).color_family == vs.RGB
    return {"matrix_in_s": "170m"} if rgb else {}


def _rendered(clip: vs.VideoNode, kind: str, how: Ways, run: Run) -> tuple[list[Any], float]:
    """All frames of the output, and seconds for each new one but the first ones."""
    before, WAYS[kind] = WAYS[kind], how
    try:
        options: Facts = {} if run.reduced else {"precision": "fp16"}
        options |= {"model": "nano", "backend": "pytorch", "device": run.device}
        out = rife(clip, factor_num=3, static_threshold="off", **options)
        made, times = [], []
        for frame in out.frames(close=True):
            made.append([np.array(frame[plane]) for plane in range(frame.format.num_planes)])
            times.append(time.monotonic())
    finally:
        WAYS[kind] = before
    begin = len(times) // 4
    return made, (times[-1] - times[begin]) / (2 / 3 * (len(times) - 1 - begin))


def _apart(ours: list[Any], theirs: list[Any]) -> tuple[float, float]:
    """Most codes apart, and the share of samples that are; a code of floating point is 1 of 255."""
    worst, apart, total = 0.0, 0, 0
    for planes, others in zip(ours, theirs, strict=True):
        for plane, other in zip(planes, others, strict=True):
            unit = 1.0 if plane.dtype.kind == "u" else 1 / 255
            distance = np.abs(plane.astype(np.float64) - other) / unit
            worst = max(worst, float(distance.max()))
            apart, total = apart + int(np.count_nonzero(distance > 0.5)), total + distance.size
    return worst, apart / total


def _new_frame(device: str, path: Path, frames: list[speed.Frame], precision: str) -> Any:
    height, width = frames[0][0].shape
    options: Facts = {"threads": None, "precision": precision, "device": device}
    session = speed.open_session("pytorch", str(path), (width, height), **options)
    return np.stack(speed.new_frame(session, *frames), -1)


def tests(run: Run) -> Facts:
    """Tests with the mark cuda, none skipped."""
    if not run.cuda:
        return {"state": NOT_SEEN, "text": "there is no CUDA device"}
    # collecting all of them would take longer than these take
    files = [
        str(path)
        for path in sorted(ROOT.joinpath("tests").rglob("test_*.py"))
        if "mark.cuda" in path.read_text(encoding="utf-8")
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider", *files]
    environment = {"VSRIFE_REQUIRE_CUDA": "1", "VSRIFE_LIGHT_TESTS": "1"}
    done = subprocess.run(
        ["env", *(f"{k}={v}" for k, v in environment.items()), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    failures = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {"last": lines[-1] if lines else ""} | _wrong(
        failures or [f"code {done.returncode}"] * (done.returncode != 0)
    )


def seeks(run: Run) -> Facts:
    """Random frames are those of the sequence, originals and all frames of the CPU byte by byte,
    and memory stays."""
    size, length = (64, 48), 24 if run.reduced else 200
    count = 60 if run.reduced else SEEKS
    frames = contenders.demo_frames(size)
    film = contenders.clip_of(frames)
    clip = film.std.Loop(length // film.num_frames + 1)[:length]
    out = rife(clip, model="nano", backend="pytorch", device=run.device, factor="5/2")
    out.std.SetVideoCache(mode=0)
    kept = [_planes(frame) for frame in out.frames(close=True)]
    taken = torch.cuda.memory_allocated() if run.cuda else 0
    numbers, wrong = random.Random(1), []
    started = time.monotonic()
    for done in range(0, count, 16):
        if time.monotonic() - started > SEEK_SECONDS:
            count = done
            break
        order = [numbers.randrange(out.num_frames) for _ in range(min(16, count - done))]
        waiting = [(n, out.get_frame_async(n)) for n in order]
        for n, future in waiting:
            with future.result() as frame:
                # a frame of a batch may be rounded otherwise than alone
                if _apart([_planes(frame)], [kept[n]])[0] > (run.cuda and n % 5 > 0):
                    wrong.append(f"frame {n} is another one after a seek")
    grown = torch.cuda.memory_allocated() - taken if run.cuda else 0
    if grown > GROWTH:
        wrong.append(f"{grown} bytes of the device are taken after {count} seeks")
    return {
        "seeks": count,
        "seeks_per_second": round(count / (time.monotonic() - started), 1),
        "bytes_grown": grown,
    } | _wrong(wrong)


def _planes(frame: vs.VideoFrame) -> list[Any]:
    return [np.array(frame[plane]) for plane in range(3)]


def memory(run: Run) -> Facts:
    """Too little memory of the device is one clear error of one frame; more of it, and it goes on.

    On the CPU nothing has such a limit, so the network itself is a stand-in that has run out.
    """
    size = (64, 64) if run.reduced else (1920, 1080)
    clip = contenders.clip_of(contenders.demo_frames(size))
    out = rife(clip, model="nano", backend="pytorch", device=run.device)
    out.std.SetVideoCache(mode=0)
    with _without_memory(run):
        try:
            out.get_frame(1).close()
        except (vs.Error, RifeError) as error:
            said = str(error).strip().splitlines()[-1]
        else:
            return {"state": FAILED, "text": "a frame came where there was no memory for it"}
    wrong = []
    if "memory" not in said.lower():
        wrong.append(f"the error does not speak of memory: {said}")
    try:
        out.get_frame(1).close()
    except vs.Error as error:
        wrong.append(f"with all memory again: {str(error).strip().splitlines()[-1]}")
    return {"said": said[:300]} | _wrong(wrong)


@contextmanager
def _without_memory(run: Run) -> Iterator[None]:
    if run.cuda:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(1e-4)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    from vsrife.inference.backends.pytorch import TorchSession

    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("out of memory, says a stand-in")

    whole = TorchSession.interpolate
    TorchSession.interpolate = fail  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        TorchSession.interpolate = whole  # type: ignore[method-assign]


def bench(run: Run) -> Facts:
    """`vsrife bench --part filter`, beside vs-rife where its wheel was given."""
    size, rounds = ("64x64", 1) if run.reduced else ("1920x1080", 9)
    words = ["bench", "--part", "filter", "--models", "nano" if run.reduced else "nano,4.25"]
    words += ["--size", size, "--rounds", str(rounds), "--json"]
    words += ["--backends", "pytorch", "--device", run.device]
    facts = {"ours": _bench(words)}
    if run.wheel and not run.reduced:
        against = [*words, "--against", f"vs-rife={run.wheel}"]
        against[against.index("nano,4.25")] = "4.25"
        facts["beside vs-rife"] = _bench(against)
    if run.cuda:
        halves = [word for word in words if word != "--json"]
        facts["fp16"] = _bench([*halves, "--precision", "fp16", "--json"])
    return facts


def _bench(words: list[str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "vsrife", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RifeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)["rows"]


def tensorrt(run: Run) -> Facts:
    """An fp16 engine of 4.25 is built, proven against fp32, and used again."""
    try:
        import onnxruntime
        import tensorrt as _  # noqa: F401 -- ONNX Runtime loads its libraries
    except ImportError as error:
        return {"state": NOT_SEEN, "text": str(error)}
    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        return {"state": NOT_SEEN, "text": "this ONNX Runtime has no TensorRT"}
    with TemporaryDirectory(prefix="vsrife") as folder:
        path = Path(folder) / "4.25.safetensors"
        save_weights(path, formula.make_state("4.25"), {"arch": "4.25"})
        clip = contenders.clip_of(contenders.demo_frames((640, 384)))
        seconds = []
        for _round in range(2):
            started = time.monotonic()
            options: Facts = {"precision": "fp16", "trt_cache_dir": folder}
            rife(clip, model=path, provider="tensorrt", **options).get_frame(1).close()
            seconds.append(round(time.monotonic() - started, 2))
    return {"first": seconds[0], "again": seconds[1]} | _wrong(
        [] if seconds[1] < seconds[0] / 2 else ["the engine was not used again"]
    )


def _wrong(lines: list[str]) -> Facts:
    return {"state": FAILED, "text": "; ".join(lines[:5])} if lines else {}


CHECKS: dict[str, Callable[[Run], Facts]] = {
    each.__name__: each
    for each in (machine, parity, feeding, tests, seeks, memory, bench, tensorrt)
}


def checked(name: str, run: Run) -> Facts:
    """What a check gives; whatever it raises is a failure."""
    started = time.monotonic()
    try:
        found = {"state": PASSED} | CHECKS[name](run)
    except Exception as error:
        traceback.print_exc()
        found = {"state": FAILED, "text": f"{type(error).__name__}: {error}"}
    return found | {"seconds": round(time.monotonic() - started, 1)}


def main() -> None:
    name, device, *wheel = sys.argv[1:]
    run = Run(device, wheel[0] if wheel else None)
    if name == "reduced":
        result: Facts = {"state": PASSED} | {each: checked(each, run) for each in CHECKS}
    else:
        result = checked(name, run)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
