"""The arguments of rife(): read into one `Options`, checked before a file is opened.

The tables in the documentation are generated from the options here and in
`inference.network_options`.
"""

# ruff: noqa: RUF009 -- `option` returns a field, as dataclasses.field does

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import vapoursynth as vs

from vsrife import checks
from vsrife.checks import (
    Flag,
    Instance,
    OneOf,
    Option,
    Positive,
    Rate,
    Share,
    Unread,
    Whole,
    option,
)
from vsrife.detection.runs import THRESHOLD
from vsrife.errors import ArgumentError
from vsrife.inference import network_options
from vsrife.inference.network_options import NetworkOptions
from vsrife.video import colour, frames, timeline
from vsrife.video.blur.exposure import SHUTTER, Exposure
from vsrife.video.marks import bad_frames, scenes
from vsrife.video.marks.duplicates import ANCHORS
from vsrife.video.marks.marking import Marking
from vsrife.video.overlay import overlays
from vsrife.video.overlay.overlays import AUTO, Protection
from vsrife.video.plans import Filling, Policy
from vsrife.video.recipe import Recipe
from vsrife.weights import is_graph

MAX_SPAN = 24
_RATE, _SCENES, _DUPLICATES = "rate", "scene changes", "duplicates"
_PICTURE, _COLOUR = "picture", "colour"


_CLIP = Instance(vs.VideoNode, "clip")
# may be a file, so it is read after all other checks
_BAD_FRAMES = Unread("ranges, a property's name, or a file's path")


class _StaticThreshold(NamedTuple):
    """A number in 0..1, or "off"."""

    allowed: str = '0 to 1, "off"'

    def read(self, name: str, value: object) -> float | str:
        if isinstance(value, str) and value == "off":
            return value
        return checks.share(name, value, '"off" computes the whole picture')


@dataclass(frozen=True, kw_only=True, eq=False)  # clips have no equality
class Options:
    """The arguments of rife() of the same names, checked by `parse`.

    network: the arguments that do not concern VapourSynth.
    """

    clip: vs.VideoNode = option(
        _CLIP, None, _PICTURE,
        "GRAY, RGB or YUV, 8 to 16 bits or floating point, at least 2 frames",
    )  # fmt: skip
    factor_num: int = option(Whole(), 2, _RATE, "output rate : source rate, above the line")
    factor_den: int = option(Whole(), 1, _RATE, "output rate : source rate, below the line")
    fps_num: int | None = option(
        Whole(), None, _RATE, "wanted output rate, above the line; with fps_den", none="no rate"
    )
    fps_den: int | None = option(
        Whole(), None, _RATE, "wanted output rate, below the line; with fps_num", none="no rate"
    )
    factor: Fraction | None = option(
        Positive(), None, _RATE, "instead of factor_num and factor_den", none="those"
    )
    fps: Fraction | None = option(
        Rate(), None, _RATE, "instead of fps_num and fps_den", none="those"
    )
    vfr: bool = option(
        Flag(), False, _RATE,
        "each frame has its own duration; the clip's rate is ignored",
    )  # fmt: skip
    sc: bool | str = option(
        Flag(("adaptive",)), False, _SCENES,
        "no new frames across a scene change; True detects as vs-rife does, \"adaptive\" better",
    )  # fmt: skip
    sc_threshold: float | None = option(
        scenes.THRESHOLD, 0.15, _SCENES,
        "mean luma difference of two frames, or adaptive score, above which they are a cut",
        none="the clip's own marks",
    )  # fmt: skip
    sc_mode: str = option(
        OneOf(("hold", "nearest", "blend")), "hold", _SCENES,
        "at a cut: hold the frame before it, show the nearest, or a blend of both",
    )  # fmt: skip
    sc_clip: vs.VideoNode | None = option(
        _CLIP, None, _SCENES, "a clip whose marks of scene changes are used instead",
        none="no other clip",
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
    duplicates_threshold: float | None = option(
        Share("None takes the clip's own _Duplicate"), THRESHOLD, _DUPLICATES,
        "mean luma difference of blocks up to which a frame is a duplicate",
        none="the clip's own marks",
    )  # fmt: skip
    duplicates_span: int = option(
        Whole(2, MAX_SPAN), 5, _DUPLICATES,
        "longest run of equal frames that is filled; longer ones are static on purpose",
    )  # fmt: skip
    duplicates_anchor: str = option(
        OneOf(ANCHORS), "first", _DUPLICATES, "which frame of its run a drawing belongs to"
    )
    duplicates_clip: vs.VideoNode | None = option(
        _CLIP, None, _DUPLICATES, "a clip whose marks of duplicates are used instead",
        none="no other clip",
    )  # fmt: skip
    pace: str | None = option(
        OneOf(("drawn",)), None, _DUPLICATES, "\"drawn\" keeps the cadence of drawings on twos",
        none="even",
    )  # fmt: skip
    shutter: Fraction | None = option(
        SHUTTER, None, _PICTURE,
        "motion blur, degrees of an output frame's time that is exposed; 180 as film cameras",
        none="no blur",
    )  # fmt: skip
    replace: object = option(
        _BAD_FRAMES, None, _PICTURE, "bad frames to replace by new ones", none="all are good"
    )
    mask: vs.VideoNode | None = option(
        _CLIP, None, _PICTURE,
        "grey clip of any depth, as large and as long as clip: white is protected", none="no mask",
    )  # fmt: skip
    protect: bool | str = option(
        Flag(more=(AUTO,)), False, _PICTURE,
        "protect static lettering over motion; auto: half-transparent overlays, too",
    )  # fmt: skip
    static_threshold: float | str | None = option(
        _StaticThreshold(), None, _PICTURE,
        "the network runs only where two frames differ by more than this, as RGB in 0..1",
        none='0 on a CPU, else \"off\"',
    )  # fmt: skip
    matrix: int | None = option(
        colour.MATRIX, None, _COLOUR, "of YUV frames without _Matrix", none="by size"
    )
    color_range: int | None = option(
        colour.RANGE, None, _COLOUR, "of frames without _Range", none="full for RGB, else limited"
    )
    chroma_location: int | None = option(
        colour.LOCATION, None, _COLOUR, "of YUV frames without _ChromaLocation", none="left"
    )
    network: NetworkOptions


_OWN = checks.options_of(Options)
_DEFAULTS = NetworkOptions()  # needs no check of combinations
ALL: tuple[Option, ...] = (*_OWN, *network_options.OPTIONS)


def parse(asked: Mapping[str, object]) -> tuple[Options, Recipe]:
    """Check the arguments of rife(), by name; return them, and the recipe of the output.

    ArgumentError for the first error. Each argument is checked alone, then combinations, then what
    takes longer: the file of bad frames, the durations of the frames, and last the model's name.
    """
    clip = _check_clip(asked["clip"])
    values = checks.read_all(ALL, asked)
    theirs = {each.name: values.pop(each.name) for each in network_options.OPTIONS}
    options = Options(**values, network=NetworkOptions(**theirs))
    route = colour.Route(
        clip,
        matrix=options.matrix,
        color_range=options.color_range,
        chroma_location=options.chroma_location,
    )
    _check_rate(options)
    _check_scenes(options)
    _check_duplicates(options)
    _check_static(options)
    if options.network != _DEFAULTS:
        network_options.check_together(options.network, clip.width, clip.height)
    recipe = _recipe(options, route)
    network_options.check_model(options.network)
    return options, recipe


def _check_clip(clip: object) -> vs.VideoNode:
    """`clip` if the filter can process it; else ArgumentError."""
    if not isinstance(clip, vs.VideoNode):
        raise ArgumentError(
            f"this is not a clip: clip must be a vs.VideoNode, not {type(clip).__name__}: "
            f"{clip!r:.100}"
        )
    if clip.format is None or clip.format.id == vs.NONE or not clip.width or not clip.height:
        raise ArgumentError(
            "clip must have a constant format and size, not variable ones; "
            "give it both with clip.resize"
        )
    if clip.num_frames < 2:
        raise ArgumentError(
            f"clip's number of frames must be at least 2, not {clip.num_frames}; "
            "nothing lies between fewer"
        )
    if clip.gpu_resident:
        raise ArgumentError("clip must be in main memory, not on the GPU; add .std.GPUDownload()")
    return clip


def _check_rate(options: Options) -> None:
    num, den = options.fps_num, options.fps_den
    if (num is None) != (den is None):
        raise ArgumentError(
            f"fps_num and fps_den go together, not {num!r} and {den!r}; give both or neither"
        )
    given = {"factor": options.factor, "fps": options.fps, "fps_num/fps_den": num}
    asked = [f"{name}={value}" for name, value in given.items() if value is not None]
    if len(asked) > 1:
        raise ArgumentError(
            f"factor, fps and fps_num/fps_den exclude each other, not {' and '.join(asked)}; "
            "give one of them"
        )
    ours = "factor" if options.factor is not None else "fps" if options.fps is not None else None
    if ours and (options.factor_num, options.factor_den) != (2, 1):
        raise ArgumentError(
            f"{ours}={getattr(options, ours)} and factor_num/factor_den="
            f"{options.factor_num}/{options.factor_den} exclude each other; give one of them"
        )


def _check_scenes(options: Options) -> None:
    sc, clip, marks = options.sc, options.clip, options.sc_clip
    if marks is not None:
        _check_length("sc_clip", marks, clip)
        if sc is not True:
            raise ArgumentError(
                f"sc_clip says where scenes change, which sc={sc!r} does not ask for; use sc=True"
            )
    if not sc and options.sc_mode != "hold" and options.confidence is None:
        raise ArgumentError(
            f"sc_mode={options.sc_mode!r} has nothing to act on; add sc=True or a confidence"
        )
    if sc == "adaptive" and options.sc_threshold is None:
        raise ArgumentError(
            'sc_threshold=None takes the clip\'s own marks, which sc="adaptive" would replace; '
            "use sc=True for that"
        )


def _check_duplicates(options: Options) -> None:
    kind = options.duplicates
    if options.duplicates_anchor != "first" and kind != "fill":
        raise ArgumentError(
            f"duplicates_anchor={options.duplicates_anchor!r} has nothing to act on; "
            'add duplicates="fill"'
        )
    if options.duplicates_clip is not None:
        _check_length("duplicates_clip", options.duplicates_clip, options.clip)
        if kind is None:
            raise ArgumentError(
                'duplicates_clip has nothing to act on; add duplicates="fill" or "skip"'
            )
    if options.pace is not None and kind == "fill":
        raise ArgumentError(
            'pace="drawn" keeps held drawings and duplicates="fill" replaces them; '
            "choose one of them"
        )


def _check_static(options: Options) -> None:
    threshold = options.static_threshold
    if isinstance(threshold, float) and _is_graph(options.network):
        raise ArgumentError(
            f"static_threshold={threshold:g} needs a network of several sizes, and an ONNX file is "
            "run as it is; leave it out, or give weights as model="
        )


def _is_graph(network: NetworkOptions) -> bool:
    return network.model is not None and is_graph(network.model)


def _check_length(name: str, marks: vs.VideoNode, clip: vs.VideoNode) -> None:
    if marks.num_frames != clip.num_frames:
        raise ArgumentError(
            f"{name} must have as many frames as clip, {clip.num_frames}, not {marks.num_frames}; "
            "make it from the same frames"
        )


def _recipe(options: Options, route: colour.Route) -> Recipe:
    clip, mask, bad = options.clip, None, None
    if options.mask is not None:
        mask = overlays.check_mask(options.mask, clip)
    protection = _protection(options, mask)
    if options.replace is not None:
        bad = bad_frames.read_replace(options.replace, clip.num_frames)
    needs = {}
    if options.pace is not None:
        needs[f'pace="{options.pace}"'] = "motion"
    if options.confidence is not None:
        needs[f"confidence={options.confidence}"] = "confidence"
    marking = _marking(options, bad) if options.sc or options.duplicates else None
    filling = _filling(options, bad)
    times = _times(options)
    return Recipe(
        times=times,
        rate=times.rate(Fraction(clip.fps)),
        route=route,
        policy=Policy(
            cuts=bool(options.sc),
            mode=options.sc_mode,
            skip=options.duplicates == "skip",
            confidence=options.confidence,
            cadence=options.pace is not None,
        ),
        marking=marking,
        filling=filling,
        protection=protection,
        exposure=None if options.shutter is None else Exposure(times, options.shutter),
        streams=options.network.num_streams,
        needs=needs,
    )


def _protection(options: Options, mask: vs.VideoNode | None) -> Protection | None:
    # below 4 pixels lettering has no room, and the filters that look for it fail
    protect = bool(options.protect) and min(options.clip.width, options.clip.height) >= 4
    if not protect and mask is None:
        return None
    return Protection(mask, protect, protect and options.protect == AUTO)


def _times(options: Options) -> timeline.Times:
    """When output frames are shown. A wanted rate overrides a factor, as in vs-rife."""
    clip, wanted = options.clip, options.fps
    if options.fps_num is not None and options.fps_den is not None:
        wanted = Fraction(options.fps_num, options.fps_den)
    variable = options.vfr or not clip.fps
    if wanted is None:
        factor = options.factor or Fraction(options.factor_num, options.factor_den)
        return timeline.Timeline(clip.num_frames, factor, variable)
    if not variable:
        return timeline.Timeline(clip.num_frames, wanted / Fraction(clip.fps))
    return timeline.Timetable(frames.durations(clip), wanted)


def _marking(options: Options, bad: bad_frames.Ranges | str | None) -> Marking:
    sc, threshold = options.sc, options.sc_threshold
    return Marking(
        sc_threshold=threshold if sc else None,
        adaptive=sc == "adaptive",
        own_cuts=bool(sc) and threshold is None,
        own_repeats=bool(options.duplicates) and options.duplicates_threshold is None,
        cuts=options.sc_clip,
        duplicates_threshold=options.duplicates_threshold if options.duplicates else None,
        repeats=options.duplicates_clip,
        bad=bad,
    )


def _filling(options: Options, bad: bad_frames.Ranges | str | None) -> Filling | None:
    fills = options.duplicates == "fill"
    if not fills and bad is None:
        return None
    span = options.duplicates_span if fills else 0
    return Filling(span, options.duplicates_anchor, bad, bool(options.sc))


def as_markdown() -> str:
    """The table of arguments for the documentation, by group."""
    groups = list(dict.fromkeys(each.group for each in ALL))
    lines = ["| argument | default | allowed | meaning |", "|---|---|---|---|"]
    for each in sorted(ALL, key=lambda each: groups.index(each.group)):
        default = "" if each.name == "clip" else f"`{_literal(each.default)}`"
        meaning = f"{each.help}; None: {each.none}" if each.none else each.help
        lines.append(f"| `{each.name}` | {default} | {each.kind.allowed} | {meaning} |")
    return "\n".join(lines) + "\n"


def as_text() -> str:
    """The arguments as text, for help()."""
    lines = []
    for each in ALL:
        meaning = f"{each.help}; None: {each.none}" if each.none else each.help
        lines += [f"    {each.name}: {each.kind.allowed}", f"        {meaning}"]
    return "\n".join(lines)


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
