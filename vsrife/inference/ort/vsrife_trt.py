"""vs-rife's trt and trt_* arguments: checked by its rules, and what becomes of them.

The caller's lists are read, never changed.
"""

from __future__ import annotations

from dataclasses import replace

from vsrife.errors import ArgumentError, BackendError
from vsrife.inference import open_backend
from vsrife.inference.base import Backend, EngineOptions, Hardware, Session, Settings, read_device
from vsrife.inference.select import ON_DEVICE

LEVELS = range(6)  # of TensorRT's builder: how long it searches


def check_shapes(options: EngineOptions) -> None:
    """ArgumentError for a range of sizes that is none."""
    smallest, usual, largest = options.smallest, options.usual, options.largest
    if options.static:
        return
    if any(low >= high for low, high in zip(smallest, largest, strict=True)):
        raise ArgumentError(
            f"trt_min_shape must be less than trt_max_shape, not {_text(smallest)} and "
            f"{_text(largest)}; raise the one or lower the other"
        )
    sides = zip(smallest, usual, largest, strict=True)
    if any(not low <= side <= high for low, side, high in sides):
        raise ArgumentError(
            f"trt_opt_shape must lie between trt_min_shape and trt_max_shape, {_text(smallest)} "
            f"and {_text(largest)}, not {_text(usual)}; name a size between these"
        )


def check_together(
    options: EngineOptions, hardware: Hardware, width: int, height: int, *, trt: bool
) -> None:
    """ArgumentError for engines and frames of `width` x `height` that do not go together, or a
    provider against the wish for TensorRT."""
    check_shapes(options)
    if trt and hardware.provider is not None and not asks(hardware):
        raise ArgumentError(
            f"trt=True asks for TensorRT, and provider={hardware.provider!r} does not; "
            "leave one of them out"
        )
    if trt or asks(hardware):
        check_size(options, width, height)


def asks(hardware: Hardware) -> bool:
    """Whether `provider` names TensorRT."""
    return (hardware.provider or "").lower().startswith("tensorrt")


def open_session(
    runner: Backend, settings: Settings, engines: EngineOptions, *, trt: bool, backend: str | None
) -> Session:
    """A session of `runner`, or where trt=True wishes so, one with TensorRT if that works here.

    Scripts of vs-rife go on without it, and a note says why. `provider="tensorrt"` is no wish: what
    is in its way is an error. backend: what the user named. All has passed `check_together`.
    """
    hardware = settings.hardware
    if asks(hardware):
        return runner.open_session(replace(settings, hardware=replace(hardware, engines=engines)))
    if not trt:
        return runner.open_session(settings)
    kind, number = read_device(hardware.device or "cuda", (*ON_DEVICE, "cpu"))
    if backend not in (None, "onnx") or kind != "cuda":
        named = f"backend={backend!r}" if backend not in (None, "onnx") else f"device={kind!r}"
        settings.note(f"trt=True runs without TensorRT, since {named} asks for something else")
        return runner.open_session(settings)
    provider = "tensorrt" if number is None else f"tensorrt:{number}"
    wish = replace(hardware, device=None, provider=provider, engines=engines)
    try:
        found = open_backend("onnx", wish).open_session(replace(settings, hardware=wish))
    except BackendError as error:
        settings.note(f"trt=True runs without TensorRT: {error}")
        return runner.open_session(settings)
    return found


def check_size(options: EngineOptions, width: int, height: int) -> None:
    """ArgumentError for frames that an engine of these shapes would not take."""
    if options.static:
        return
    (least_w, least_h), (most_w, most_h) = options.smallest, options.largest
    if not (least_w <= width <= most_w and least_h <= height <= most_h):
        raise ArgumentError(
            f"frames of {width}x{height} do not lie between trt_min_shape {least_w}x{least_h} and "
            f"trt_max_shape {most_w}x{most_h}; widen these, or leave out trt_static_shape=False"
        )


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
