"""rife(): check what the user asks for, then join the rooms into a clip."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import vapoursynth as vs

from vsrife import arguments, checks
from vsrife.errors import ArgumentError, RifeError
from vsrife.inference import open_backend
from vsrife.inference.base import Hardware, Planes, Session, Settings
from vsrife.inference.ort.vsrife_trt import check_trt, open_session
from vsrife.network.table import check_options
from vsrife.video import colour, frames, timeline
from vsrife.video.duplicates import THRESHOLD
from vsrife.video.output import assemble
from vsrife.video.plans import SteadyPlan
from vsrife.weights import find_weights, is_graph, model_name


def _as_vs_error[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except RifeError as error:
            raise vs.Error(f"rife: {error}") from error

    return wrapper


@_as_vs_error
def rife(
    clip: vs.VideoNode,
    device_index: int = 0,
    model: str | os.PathLike[str] | None = None,
    auto_download: bool = False,
    factor_num: int = 2,
    factor_den: int = 1,
    fps_num: int | None = None,
    fps_den: int | None = None,
    scale: float = 1.0,
    ensemble: bool = False,
    sc: bool | str = False,
    sc_threshold: float | None = 0.15,
    trt: bool = False,
    trt_static_shape: bool = True,
    trt_min_shape: Sequence[int] = (128, 128),
    trt_opt_shape: Sequence[int] = (1920, 1080),
    trt_max_shape: Sequence[int] = (1920, 1080),
    trt_workspace_size: int = 0,
    trt_max_aux_streams: int | None = None,
    trt_optimization_level: int | None = None,
    trt_cache_dir: str | None = None,
    *,
    factor: int | Fraction | str | None = None,
    fps: int | Fraction | str | None = None,
    backend: str | None = None,
    device: str | None = None,
    provider: str | None = None,
    memory_limit: int | None = None,
    threads: int | None = None,
    num_streams: int = 1,
    precision: str | None = None,
    vfr: bool = False,
    sc_mode: str = "hold",
    sc_clip: vs.VideoNode | None = None,
    duplicates: str | None = None,
    duplicates_threshold: float | None = THRESHOLD,
    duplicates_span: int = 5,
    duplicates_anchor: str = "first",
    duplicates_clip: vs.VideoNode | None = None,
    replace: object = None,
    mask: vs.VideoNode | None = None,
    protect: bool = False,
    pace: str | None = None,
    confidence: float | None = None,
    matrix: str | int | None = None,
    color_range: str | int | None = None,
    chroma_location: str | int | None = None,
    trt_debug: bool = False,
) -> vs.VideoNode:
    """A smoother clip: new frames between the given ones, those untouched.

    The first 21 parameters are vs-rife 5.7.0's, by name and by place; docs/usage.md has them all.

    clip: GRAY, RGB or YUV, 8 to 16 bits or floating point, at least 2 frames; the result has its
        format, and its own frames bit for bit.
    device_index: which GPU, counted from 0, where there are several.
    model: None for the embedded one, a version ("4.0" ... "4.26.heavy"), or the path of a weights
        file or an ONNX graph.
    factor_num, factor_den: output rate : source rate; any positive ratio, below 1 too.
    fps_num, fps_den: wanted frames per second, instead of a factor; both or neither.
    scale: resolution for motion: 0.25, 0.5, 1, 2 or 4; 0.5 suits 4K.
    ensemble: estimate both ways round and average: slower, a little better; not in every version.
    sc: never interpolate across a scene change, repeat the frame before it instead; "adaptive" for
        a detector that flashes and fades do not deceive.
    sc_threshold: mean luma difference, 0..1, above which it is one; None trusts the clip's own
        `_SceneChangeNext`.
    factor, fps: the same as above as an int, a Fraction or text such as "60000/1001".
    backend: "pytorch", "onnx", "openvino", or None for the fastest that is installed.
    device: "cuda", "rocm", "xpu", "mps", "cpu", for OpenVINO "gpu" and "npu", also with a number;
        None for the best there is.
    provider: ONNX Runtime's execution provider by name, "cuda,cpu" to allow falling back.
    memory_limit: MiB of a GPU's memory that ONNX Runtime may take.
    threads: of the CPU, for ONNX Runtime and OpenVINO; None for as many as suit it.
    num_streams: new frames that are made at a time, with ONNX Runtime and OpenVINO.
    precision: "fp32" or "fp16" for the network's convolutions; None for fp16 if the clip is RGBH.
    vfr: each frame lasts as long as its own duration says, whatever rate the clip has; so it is
        for clips without a rate anyway. With fps, the result then has a constant rate.
    sc_mode: across a scene change "hold" the frame before it, the "nearest", or a "blend".
    sc_clip: a clip whose marks of scene changes hold instead.
    duplicates: "fill" replaces repeated frames by new ones, "skip" makes none before them.
    duplicates_threshold: mean luma difference of blocks, 0..1, up to which a frame is one; None
        trusts the clip's own `_Duplicate`, duplicates_clip that of another clip.
    duplicates_span: longest run of equal frames to be filled.
    duplicates_anchor: where in its run a drawing stands, "first" or "centre".
    replace: bad frames to make anew: [(first, last), ...], a property's name, or a file's.
    mask: grey clip; where it is white, new frames keep what the nearer source frame shows.
    protect: the same wherever lettering stands still over something that moves.
    pace: "drawn" keeps the rhythm of drawings on twos and threes.
    confidence: 0..1; new frames less certain than this are replaced as across a scene change.
    matrix, color_range, chroma_location: what holds for frames that do not say it themselves, as
        names or numbers of the resizer ("709", "limited", "left").
    auto_download: fetch the weights of an official version if they are not on this machine.
    trt: with TensorRT where that can be had, else a warning says why not; trt_*: its engines, see
        docs/providers.md.

    Frame n stands at n / factor of the source; the count is ceil(frames * factor). Raises vs.Error
    for everything that cannot work, before the first frame.
    """
    clip = frames.check_clip(clip)
    colour.check_format(clip.format)
    defaults = colour.check_defaults(clip, matrix, color_range, chroma_location)
    half = _half(clip, precision)
    if not isinstance(vfr, bool | int):
        raise ArgumentError(f"vfr must be True or False, not {vfr!r}")
    ratio, rate = _wanted((factor_num, factor_den), (fps_num, fps_den), factor, fps)
    chosen = arguments.check(
        clip,
        sc=sc,
        sc_threshold=sc_threshold,
        sc_mode=sc_mode,
        sc_clip=sc_clip,
        duplicates=duplicates,
        duplicates_threshold=duplicates_threshold,
        duplicates_span=duplicates_span,
        duplicates_anchor=duplicates_anchor,
        duplicates_clip=duplicates_clip,
        replace=replace,
        mask=mask,
        protect=protect,
        pace=pace,
        confidence=confidence,
    )
    engines = check_trt(
        static_shape=trt_static_shape,
        min_shape=trt_min_shape,
        opt_shape=trt_opt_shape,
        max_shape=trt_max_shape,
        workspace_size=trt_workspace_size,
        max_aux_streams=trt_max_aux_streams,
        optimization_level=trt_optimization_level,
        cache_dir=trt_cache_dir,
        debug=trt_debug,
    )
    name = model_name(model)
    check_options(name, scale, ensemble)
    hardware = Hardware(
        device=_text("device", device),
        device_index=checks.whole("device_index", device_index, least=0),
        provider=_text("provider", provider),
        memory_limit=None if memory_limit is None else checks.whole("memory_limit", memory_limit),
        threads=None if threads is None else checks.whole("threads", threads),
        num_streams=checks.whole("num_streams", num_streams),
    )
    runner = open_backend(backend, hardware, graph=is_graph(model))
    route = colour.Route(clip, defaults)
    settings = Settings(
        weights=find_weights(model, auto_download=bool(auto_download)),
        model=name,
        scale=scale,
        ensemble=bool(ensemble),
        half=half,
        clamp=route.clamp,
        width=clip.width,
        height=clip.height,
        hardware=hardware,
        note=_tell,
        sample=functools.partial(_sample, clip, route),
    )
    session = open_session(runner, settings, engines, trt=bool(trt), backend=backend)
    _check_tells(session, pace=pace, confidence=confidence)
    times = _times(clip, ratio, rate, bool(vfr))
    clip = chosen.marked(clip)
    plan = chosen.plan(SteadyPlan(times), clip, times.num_frames)
    streams = hardware.num_streams
    return assemble(clip, times, plan, route, session, chosen.policy, chosen.protection, streams)


def _tell(text: str) -> None:
    vs.core.log_message(vs.MESSAGE_TYPE_WARNING, f"rife: {text}")


def _sample(clip: vs.VideoNode, route: colour.Route) -> tuple[Planes, Planes]:
    """Two neighbours from the middle of the clip, as the network reads them."""
    read, middle = route.there(clip), max(0, clip.num_frames // 2 - 1)
    with read.get_frame(middle) as left, read.get_frame(middle + 1) as right:
        first, second = (
            [np.array(plane) for plane in colour.read_planes(frame, False)]
            for frame in (left, right)
        )
        return first, second


def _text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ArgumentError(f"{name} must be a name, not {value!r}")
    return value


def _check_tells(session: Session, *, pace: object, confidence: object) -> None:
    """ArgumentError for what a graph of others does not give."""
    for name, value, need in (("pace", pace, "motion"), ("confidence", confidence, "confidence")):
        if value is not None and need not in session.tells:
            raise ArgumentError(
                f"{name}={value!r} needs what this ONNX file does not give; leave it out, "
                "or give weights as model="
            )


def _half(clip: vs.VideoNode, precision: object) -> bool:
    if precision not in (None, "fp16", "fp32"):
        raise ArgumentError(f'precision must be "fp16", "fp32" or None, not {precision!r}')
    return clip.format.id == vs.RGBH if precision is None else precision == "fp16"


def _times(
    clip: vs.VideoNode, ratio: Fraction | None, rate: Fraction | None, vfr: bool
) -> timeline.Times:
    """When output frames are shown, for a factor or a wanted rate."""
    variable = vfr or not clip.fps
    if rate is None:
        return timeline.Timeline(clip.num_frames, ratio or Fraction(1), variable)
    if not variable:
        return timeline.Timeline(clip.num_frames, rate / Fraction(clip.fps))
    return timeline.Timetable(frames.durations(clip), rate)


def _wanted(
    factor_pair: tuple[object, object],
    fps_pair: tuple[object, object],
    factor: object,
    fps: object,
) -> tuple[Fraction | None, Fraction | None]:
    """Output rate : source rate, or else the output rate, whichever was asked for.

    A wanted rate wins, as in vs-rife.
    """
    fps_num, fps_den = fps_pair
    if (fps_num is None) != (fps_den is None):
        raise ArgumentError(
            f"fps_num and fps_den go together, not {fps_num!r} and {fps_den!r}; "
            "give both or neither"
        )
    if sum(asked is not None for asked in (factor, fps, fps_num)) > 1:
        raise ArgumentError("factor, fps and fps_num/fps_den exclude each other; give one of them")
    if factor is not None:
        return checks.rational("factor", factor), None
    if fps is not None:
        return None, checks.rational("fps", fps)
    if fps_num is not None:
        return None, _fraction_of("fps", fps_pair)
    return _fraction_of("factor", factor_pair), None


def _fraction_of(name: str, pair: tuple[object, object]) -> Fraction:
    return Fraction(checks.whole(f"{name}_num", pair[0]), checks.whole(f"{name}_den", pair[1]))
