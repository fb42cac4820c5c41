"""What interpolate() is asked, checked before a file is opened or a device is woken."""

# ruff: noqa: RUF009 -- `option` returns a field, as dataclasses.field does

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypedDict

from vsrife import checks
from vsrife.checks import Flag, Folder, OneOf, Share, Whole, option
from vsrife.detection import cuts, runs
from vsrife.errors import ArgumentError, check_names
from vsrife.images.asking_kinds import Factor, Range, Times, Timesteps
from vsrife.inference import network_options
from vsrife.inference.network_options import NetworkOptions

type Number = int | float | Fraction
type WantedFactor = int | Fraction | str | Sequence[int]
type WantedTimes = Sequence[Number] | Callable[[int], Number | None]

MAX_SPAN = 24
_TIME, _SCENES, _DUPLICATES, _PICTURE = "time", "scene changes", "duplicates", "picture"


class Wishes(TypedDict, total=False):
    """The options of interpolate() but for `factor`; the table of `ImageOptions` explains them."""

    count: int | None
    timesteps: Sequence[Number] | None
    times: WantedTimes | None
    loop: bool
    sc: bool | str
    sc_threshold: float
    sc_mode: str
    confidence: float | None
    duplicates: str | None
    duplicates_threshold: float
    duplicates_span: int
    layout: str | None
    value_range: tuple[float, float]
    folder: str | os.PathLike[str] | None
    model: str | os.PathLike[str] | None
    auto_download: bool
    scale: float | str
    ensemble: bool
    precision: str | None
    tta: str | None
    backend: str | None
    device: str | Sequence[str] | None
    device_index: int
    provider: str | None
    memory_limit: int | None
    threads: int | None
    num_streams: int


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """The options of interpolate() of the same names, checked by `read`.

    network: the options that say which network runs, and where.
    """

    factor: Fraction | tuple[int, ...] | None = option(
        Factor(), None, _TIME,
        "new rate : given rate; a list has one for each pair of frames",
        none="2, if none of the next three is given",
    )  # fmt: skip
    count: int | None = option(
        Whole(), None, _TIME,
        "frames that come out, evenly spaced; the number of given frames must be known",
        none="as factor says",
    )  # fmt: skip
    timesteps: tuple[Fraction, ...] | None = option(
        Timesteps(), None, _TIME, "of the new frames between each pair", none="as factor says"
    )
    times: tuple[Fraction, ...] | Callable[[int], object] | None = option(
        Times(), None, _TIME,
        "of all frames that come out, counted in given frames from 0; a function takes a frame's "
        "number and returns its time, or None at the end",
        none="as factor says",
    )  # fmt: skip
    loop: bool = option(
        Flag(), False, _TIME, "after the last frame comes the first one: new frames lead there"
    )
    sc: bool | str = option(
        Flag(("adaptive",)), False, _SCENES,
        "no new frames across a scene change; \"adaptive\" detects better, and reads two frames "
        "more ahead",
    )  # fmt: skip
    sc_threshold: float = option(
        Share("0.15 suits most films"), cuts.THRESHOLD, _SCENES,
        "mean luma difference of two frames, or adaptive score, above which they are a cut",
    )  # fmt: skip
    sc_mode: str = option(
        OneOf(("hold", "nearest", "blend")), "hold", _SCENES,
        "at a cut: hold the frame before it, show the nearest, or a blend of both",
    )  # fmt: skip
    confidence: float | None = option(
        Share("None trusts every frame"), None, _SCENES,
        "new frames of lower confidence are replaced as at a cut", none="trusts every frame",
    )  # fmt: skip
    duplicates: str | None = option(
        OneOf(("fill", "skip")), None, _DUPLICATES,
        "\"fill\" replaces duplicates by new frames, \"skip\" makes none before them",
        none="as other frames",
    )  # fmt: skip
    duplicates_threshold: float = option(
        Share("0.0012 is 0.3 steps of 8 bits"), runs.THRESHOLD, _DUPLICATES,
        "mean luma difference of blocks up to which a frame is a duplicate",
    )  # fmt: skip
    duplicates_span: int = option(
        Whole(2, MAX_SPAN), 5, _DUPLICATES,
        "longest run of equal frames that is filled; longer ones are static on purpose",
    )  # fmt: skip
    layout: str | None = option(
        OneOf(("HWC", "CHW")), None, _PICTURE,
        "order of an array's axes", none="by shape: the one of 1 to 4 is the channels",
    )  # fmt: skip
    value_range: tuple[float, float] = option(
        Range(), (0.0, 1.0), _PICTURE, "black and white in frames of floating point"
    )
    folder: str | None = option(
        Folder(), None, _PICTURE,
        "where new frames go if frames are paths; empty, or made anew",
        none="frames are no paths",
    )  # fmt: skip
    network: NetworkOptions


# vs-rife's trt_* stay with rife(): provider="tensorrt" does the same
_OF_NETWORK = tuple(each for each in network_options.OPTIONS if not each.name.startswith("trt"))
OPTIONS: tuple[checks.Option, ...] = (*checks.options_of(ImageOptions), *_OF_NETWORK)


def read(asked: Mapping[str, Any]) -> ImageOptions:
    """The options of interpolate() by name, each checked alone, then together; others have their
    defaults.

    ArgumentError for the first that is wrong; TypeError for a name that is none, as Python has it.
    """
    check_names(asked, [each.name for each in OPTIONS])
    values = checks.read_all(OPTIONS, {each.name: each.default for each in OPTIONS} | {**asked})
    theirs = {each.name: values.pop(each.name) for each in _OF_NETWORK}
    options = ImageOptions(**values, network=NetworkOptions(**theirs))
    _check_together(options)
    network_options.check_together(options.network, *_ANY_SIZE)
    network_options.check_model(options.network)
    return options


_ANY_SIZE = 64, 64  # sizes matter to engines of TensorRT for a range of them alone


def _check_together(options: ImageOptions) -> None:
    names = "factor", "count", "timesteps", "times"
    given = [name for name in names if getattr(options, name) is not None]
    if len(given) > 1:
        raise ArgumentError(f"{' and '.join(given)} exclude each other; give one of them")
    if not options.sc and options.sc_mode != "hold" and options.confidence is None:
        raise ArgumentError(
            f"sc_mode={options.sc_mode!r} has nothing to act on; add sc=True or a confidence"
        )


def as_text() -> str:
    """The options as text, for help()."""
    lines = []
    for each in OPTIONS:
        meaning = f"{each.help}; None: {each.none}" if each.none else each.help
        lines += [f"    {each.name}: {each.kind.allowed}", f"        {meaning}"]
    return "\n".join(lines)
