"""vsrife build: prepare ahead of time what a first frame would else wait for."""

from __future__ import annotations

import argparse
import time

import vapoursynth as vs

from vsrife.cli.rife_options import check_options
from vsrife.errors import ArgumentError
from vsrife.evaluation.clips import DEMO_RATE, demo_clip
from vsrife.evaluation.timing import speed
from vsrife.filter import rife
from vsrife.inference import BACKENDS
from vsrife.inference.graphs import bf16
from vsrife.network.table import DEFAULT_MODEL

HELP = """Prepare a model for frames of a size.

That is a TensorRT engine, or with other providers and backends the optimised graph that they keep.

A TensorRT engine takes minutes to be built; it is kept, and is checked against fp32 on a pair of
frames. rife() with the same model, size, precision, scale and kind of clip then starts at once."""

# Those of rife()'s arguments that are options of the same name here
_OPTIONS = (
    "model", "scale", "ensemble", "precision", "backend", "device_index", "trt_cache_dir",
    "trt_workspace_size", "trt_max_aux_streams", "trt_optimization_level",
)  # fmt: skip
_FORMATS = {"yuv": vs.YUV420P8, "rgbs": vs.RGBS, "rgbh": vs.RGBH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", default=DEFAULT_MODEL, help=f"a model's name or a file ({DEFAULT_MODEL})")
    add("--size", required=True, metavar="WxH,...", help="of the clips")
    add("--precision", choices=("fp16", "fp32", bf16.NAME), help="of convolutions (as of rife())")
    add("--scale", type=float, default=1.0, help="resolution for motion (1)")
    add("--ensemble", action="store_true", help="estimate both ways")
    add(
        "--format", choices=tuple(_FORMATS), default="yuv", help="of clips; yuv is all others (yuv)"
    )
    add("--backend", choices=tuple(b for b in BACKENDS if b != "pytorch"), default="onnx")
    add("--provider", help="of ONNX Runtime (tensorrt)")
    add("--device-index", type=int, default=0, metavar="N", help="which of several GPUs (0)")
    add("--cache-dir", dest="trt_cache_dir", metavar="DIR",
        help="where engines are kept (the user's cache)")  # fmt: skip
    add("--workspace-size", dest="trt_workspace_size", type=int, default=0, metavar="BYTES",
        help="of TensorRT's builder")  # fmt: skip
    add("--aux-streams", dest="trt_max_aux_streams", type=int, metavar="N", help="of TensorRT")
    add("--optimization-level", dest="trt_optimization_level", type=int, metavar="N",
        help="how long TensorRT searches, 0 to 5")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    provider = args.provider
    if args.backend == "onnx" and provider is None:
        provider = "tensorrt"
    if args.backend != "onnx" and provider is not None:
        raise ArgumentError(f"provider is for backend onnx, not {args.backend}; leave it out")
    options = {name: getattr(args, name) for name in _OPTIONS}
    options["provider"] = provider
    sizes = speed.sizes_of(args.size)
    check_options(options)
    for size in sizes:
        started = time.monotonic()
        smooth = rife(_clip(size, _FORMATS[args.format]), **options)
        smooth.get_frame(1).close()  # the way that frames go, to the end
        seconds = time.monotonic() - started
        asked = [args.precision] if args.precision else []
        what = " ".join([args.model, f"{size[0]}x{size[1]}", *asked, provider or args.backend])
        print(f"{what}: ready, {seconds:.1f} s")
    return 0


def _clip(size: tuple[int, int], fmt: int) -> vs.VideoNode:
    """Two frames of the demo's film, between which something moves."""
    film = demo_clip([0.375, 0.375 + float(1 / DEMO_RATE)])
    options = {"matrix_s": "709", "range_s": "limited"} if fmt == vs.YUV420P8 else {}
    return film.resize.Bicubic(size[0], size[1], format=fmt, **options)
