"""`vsrife eval`: drop every other frame of a clip, interpolate it, compare with the true one."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vsrife.errors import ArgumentError, MediaError

if TYPE_CHECKING:
    from vsrife.training.media import Picture

    type Method = Callable[[Picture, Picture], np.ndarray]

HELP = "measure models on clips whose every other frame is left out"
AGAINST = ("hold", "blend")
# Vector animations: drawn this large over this colour, from a tenth of the timeline on, which
# leaves out most fades from nothing
ANIMATION_SIDE, ANIMATION_GROUND = 480, (214, 205, 190)
ANIMATION_START, ANIMATION_FRAMES = 0.1, 61
BEST = 100.0  # dB of equal pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "clips", nargs="+", type=Path, metavar="CLIP", help="video files, or Lottie JSON"
    )
    parser.add_argument(
        "--models", default="nano", metavar="A,B", help="models to measure, or none [nano]"
    )
    parser.add_argument(
        "--weights", type=Path, action="append", default=[], metavar="FILE", help="and these files"
    )
    parser.add_argument(
        "--against", default=",".join(AGAINST), metavar="A,B", help="hold, blend, or none [both]"
    )
    parser.add_argument(
        "--frames", type=int, default=100, metavar="N", help="first frames of a clip, 0 all [100]"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads [all]")


def run(args: argparse.Namespace) -> int:
    if args.frames < 0 or 0 < args.frames < 3:
        raise ArgumentError(f"frames must be 0 (all) or at least 3, not {args.frames}")
    against = _names(args.against)
    for name in against:
        if name not in AGAINST:
            raise ArgumentError(f"against must be of {', '.join(AGAINST)} or none, not {name!r}")
    methods: dict[str, Method] = {name: _hold if name == "hold" else _blend for name in against}
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    for model in (*_names(args.models), *args.weights):
        methods[str(model)] = _network(model)
    if not methods:
        raise ArgumentError("models, weights and against are all empty; give at least one")
    _print_row("clip", [Path(name).name[-16:] for name in methods])
    for path in args.clips:
        started = time.monotonic()
        scores = measure(read_frames(path, args.frames), methods)
        _print_row(path.name, [f"{score:.2f}" for score in scores])
        print(f"{path.name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 0


def read_frames(path: Path, limit: int) -> Iterator[Picture]:
    """A clip's first `limit` frames (0: all); an animation's as the protocol above says."""
    from vsrife.training.media import decode_clip, draw_animation, through_yuv420

    if not path.is_file():
        raise MediaError(f"there is no clip {path}")
    if path.suffix.lower() != ".json":
        yield from islice(decode_clip(path), limit or None)
        return
    frames = draw_animation(
        path, ANIMATION_SIDE, ANIMATION_GROUND, start=ANIMATION_START, limit=ANIMATION_FRAMES
    )
    # the animations are measured as video: 4:2:0
    yield from (through_yuv420(frame) for frame in frames)


def measure(frames: Iterator[Picture], methods: dict[str, Method]) -> list[float]:
    """Mean PSNR in dB of each method over all odd frames that have both neighbours."""
    scores: list[list[float]] = []
    left = next(frames, None)
    for truth, right in zip(frames, frames, strict=False):
        if left is None:
            break
        scores.append([_psnr(method(left, right), truth) for method in methods.values()])
        left = right
    if not scores:
        raise MediaError("the clip has fewer than three frames; nothing to measure")
    return [float(score) for score in np.mean(scores, 0)]


def _psnr(image: np.ndarray, truth: Picture) -> float:
    """Decibels of `image` (H, W, 3) in 0..1 against `truth` in 0..255."""
    error = float(np.mean((image - truth.astype(np.float32) / 255) ** 2))
    return BEST if error < 1e-10 else -10 * float(np.log10(error))


def _hold(left: Picture, right: Picture) -> np.ndarray:
    return left.astype(np.float32) / 255


def _blend(left: Picture, right: Picture) -> np.ndarray:
    return (left.astype(np.float32) + right) / 510


def _network(model: str | Path) -> Method:
    """The model of a name or of a weights file, at timestep 0.5, as fp32 on the CPU."""
    import torch
    from torch.nn import functional as F

    from vsrife.net import build
    from vsrife.net.weights import recognise
    from vsrife.store import find_weights, model_name, read_weights

    state = read_weights(find_weights(model))
    network = build(model_name(model) or recognise(state), state_dict=state)
    unit = network.pad_unit

    def interpolate(left: Picture, right: Picture) -> np.ndarray:
        height, width = left.shape[:2]
        pictures = (torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in (left, right))
        grow = (0, -width % unit, 0, -height % unit)
        with torch.inference_mode():
            image = network(*(F.pad(p, grow, mode="replicate") for p in pictures), 0.5)
        # no rounding to 8 bits: the filter gives floats, and the blend is not rounded either
        return np.asarray(image[0, :, :height, :width].clamp(0, 1).permute(1, 2, 0))

    return interpolate


def _names(text: str) -> list[str]:
    return [] if text == "none" else [name for name in text.split(",") if name]


def _print_row(name: str, cells: list[str]) -> None:
    print(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
