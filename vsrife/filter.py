"""rife(): check what the user asks for, then join the rooms into a clip."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import vapoursynth as vs

from vsrife import frames, scenes, store, timing
from vsrife.backends import open_backend
from vsrife.backends.base import Recent, Session, Settings
from vsrife.errors import ArgumentError, RifeError
from vsrife.net.table import check_options

# A pair of neighbours is in use at a time; the rest is for requests that come a little out of order
# and for players that step back.
_FRAMES_KEPT = 6


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
    sc: bool = False,
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
    trt_debug: bool = False,
) -> vs.VideoNode:
    """A smoother clip: new frames between the given ones, those untouched.

    The first 21 parameters are vs-rife 5.7.0's, by name and by place; docs/usage.md has them all.

    clip: RGBS (computed in fp32) or RGBH (fp16), at least 2 frames.
    device_index: which GPU, counted from 0, where there are several.
    model: None for the embedded one, a version ("4.0" ... "4.26.heavy"), or the path of a weights
        file.
    factor_num, factor_den: output rate : source rate; any positive ratio, below 1 too.
    fps_num, fps_den: wanted frames per second, instead of a factor; both or neither.
    scale: resolution for motion: 0.25, 0.5, 1, 2 or 4; 0.5 suits 4K.
    ensemble: estimate both ways round and average: slower, a little better; not in every version.
    sc: never interpolate across a scene change, repeat the frame before it instead.
    sc_threshold: mean luma difference, 0..1, above which it is one; None trusts the clip's own
        `_SceneChangeNext`.
    factor, fps: the same as above as an int, a Fraction or text such as "60000/1001".
    backend: "pytorch", or None for the best that is installed.
    device: "cuda", "rocm", "xpu", "mps", "cpu", also with a number, or None for the best there is.
    auto_download: fetch the weights of an official version if they are not on this machine.
    trt, trt_*: taken for vs-rife's scripts; see docs/usage.md.

    Frame n stands at n / factor of the source; the count is ceil(frames * factor). Raises vs.Error
    for everything that cannot work, before the first frame.
    """
    clip = frames.check_clip(clip)
    ratio = _ratio(clip, (factor_num, factor_den), (fps_num, fps_den), factor, fps)
    threshold = scenes.check_threshold(sc_threshold) if sc and sc_threshold is not None else None
    shapes = {"trt_min_shape": trt_min_shape, "trt_opt_shape": trt_opt_shape}
    _check_trt(trt, trt_static_shape, shapes | {"trt_max_shape": trt_max_shape})
    name = store.model_name(model)
    check_options(name, scale, ensemble)
    index = timing.whole("device_index", device_index, least=0)
    runner = open_backend(backend)
    settings = Settings(
        weights=store.find_weights(model, auto_download=bool(auto_download)),
        model=name,
        scale=scale,
        ensemble=bool(ensemble),
        half=clip.format.id == vs.RGBH,
        width=clip.width,
        height=clip.height,
        device=device,
        device_index=index,
    )
    session = runner.open_session(settings)
    if threshold is not None:
        clip = scenes.mark_scene_changes(clip, threshold)
    return _interpolated(
        clip, timing.Timeline(clip.num_frames, ratio), session, hold_at_cuts=bool(sc)
    )


def _ratio(
    clip: vs.VideoNode,
    factor_pair: tuple[object, object],
    fps_pair: tuple[object, object],
    factor: object,
    fps: object,
) -> Fraction:
    """Output rate : source rate, however it was asked for; a wanted rate wins, as in vs-rife."""
    fps_num, fps_den = fps_pair
    if (fps_num is None) != (fps_den is None):
        raise ArgumentError(
            f"fps_num and fps_den go together, not {fps_num!r} and {fps_den!r}; "
            "give both or neither"
        )
    if sum(asked is not None for asked in (factor, fps, fps_num)) > 1:
        raise ArgumentError("factor, fps and fps_num/fps_den exclude each other; give one of them")
    if factor is not None:
        return timing.rational("factor", factor)
    if fps is not None:
        wanted = timing.rational("fps", fps)
    elif fps_num is not None:
        wanted = _fraction_of("fps", fps_pair)
    else:
        return _fraction_of("factor", factor_pair)
    if not clip.fps:
        raise ArgumentError(
            "clip does not have a valid frame rate and hence fps_num and fps_den cannot be used; "
            "use factor_num and factor_den, or give it a rate with clip.std.AssumeFPS"
        )
    return wanted / Fraction(clip.fps)


def _fraction_of(name: str, pair: tuple[object, object]) -> Fraction:
    return Fraction(timing.whole(f"{name}_num", pair[0]), timing.whole(f"{name}_den", pair[1]))


def _check_trt(trt: object, static: object, shapes: dict[str, Sequence[int]]) -> None:
    """vs-rife's rules for its TensorRT arguments; says where the work will run instead."""
    for name, shape in shapes.items():
        if not isinstance(shape, list | tuple) or len(shape) != 2:
            raise ArgumentError(
                f"{name} must be a list with 2 items, width and height, not {shape!r}"
            )
        for side in shape:
            timing.whole(name, side)
    smallest, largest = shapes["trt_min_shape"], shapes["trt_max_shape"]
    if not static and any(low >= high for low, high in zip(smallest, largest, strict=True)):
        raise ArgumentError(
            f"trt_min_shape must be less than trt_max_shape, not {smallest} and {largest}"
        )
    if trt:
        vs.core.log_message(
            vs.MESSAGE_TYPE_WARNING,
            "rife: trt=True: no TensorRT backend in this version, runs on PyTorch",
        )


def _interpolated(
    clip: vs.VideoNode, timeline: timing.Timeline, session: Session, *, hold_at_cuts: bool
) -> vs.VideoNode:
    rate = timing.output_rate(Fraction(clip.fps), timeline.factor)
    template = clip.std.BlankClip(
        length=timeline.num_frames, fpsnum=rate.numerator, fpsden=rate.denominator, keep=True
    )
    place = timeline.place
    left_clip = frames.reorder(clip, template, lambda n: place(n).left)
    right_clip = frames.reorder(clip, template, lambda n: place(n).right)
    prepared = Recent[Any](_FRAMES_KEPT)

    # VapourSynth calls this from many threads, but never two at a time
    def make_frame(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        at, (left, right) = place(n), f
        held = at.step == 0 or (hold_at_cuts and left.props.get(scenes.NEXT))
        pair = None if held else (frames.planes(left), frames.planes(right))
        if pair is None or frames.same_picture(*pair):
            frame = left.copy()
        else:
            before = prepared.get(at.left, functools.partial(session.prepare, pair[0]))
            after = prepared.get(at.right, functools.partial(session.prepare, pair[1]))
            frame = vs.core.create_video_frame(left.format, left.width, left.height)
            frame.props.update(left.props)
            session.interpolate(before, after, at.timestep, frames.planes(frame))
        _retime(frame, at, timeline.factor)
        return frame

    return template.std.ModifyFrame([left_clip, right_clip], make_frame)


def _retime(frame: vs.VideoFrame, at: timing.Place, factor: Fraction) -> None:
    """Turn the properties of the left source frame into those of an output frame."""
    props = frame.props
    numerator, denominator = props.get("_DurationNum"), props.get("_DurationDen")
    if isinstance(numerator, int) and isinstance(denominator, int) and denominator:
        props["_DurationNum"], props["_DurationDen"] = timing.scaled_duration(
            numerator, denominator, factor
        )
        if at.step and isinstance(props.get("_AbsoluteTime"), float):
            props["_AbsoluteTime"] += at.timestep * numerator / denominator
    # a cut has one frame on either side, however many there are between two source frames
    if not at.last and props.get(scenes.NEXT):
        props[scenes.NEXT] = 0
    if not at.first and props.get(scenes.PREV):
        props[scenes.PREV] = 0
