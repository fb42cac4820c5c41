"""Facts about a film that a script depends on: format, rate, colour, and how frames repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife.detection.cuts import THRESHOLD as CUT
from vsrife.detection.runs import THRESHOLD, is_duplicate
from vsrife.errors import MediaError
from vsrife.media.source import Facts, open_source, probe
from vsrife.media.timestamps import Times
from vsrife.scripting.repeats import Rhythm, find_rhythm
from vsrife.video.marks import duplicates, scenes

PLACES = 4  # of the film, spread evenly, at which frames are looked at
SAMPLE = 240  # frames that are looked at, all together
COLOUR = {"matrix": "_Matrix", "transfer": "_Transfer", "primaries": "_Primaries",
          "range": "_Range"}  # fmt: skip
_UNKNOWN = 2  # of H.273, for all but the range
_PREFETCH = 8


@dataclass(frozen=True)
class Film:
    """format: VapourSynth's name. rate: frames per second, exact, or the mean. colour: numbers of
    H.273 that the frames have, None for what they do not say. shape: of pixels. late: seconds by
    which the picture begins after the sound. fields: whether frames are interlaced. cuts: in the
    sample. sampled: its frames."""

    path: Path
    format: str
    family: vs.ColorFamily
    width: int
    height: int
    frames: int
    rate: Fraction
    constant: bool
    track: int
    codec: str
    colour: dict[str, int | None]
    shape: Fraction
    late: Fraction
    fields: bool
    rhythm: Rhythm
    cuts: int
    sampled: int

    @property
    def seconds(self) -> float:
        return float(self.frames / self.rate)


def examine(
    path: Path, sample: int = SAMPLE, on_read: Callable[[int], None] = lambda percent: None
) -> Film:
    """Look at a file. sample: how many frames are decoded and compared, at most.

    MediaError for what is no video, or changes its format or size. on_read: as in `open_source`.
    """
    facts = probe(path)
    clip, times = open_source(path, facts, on_read=on_read)
    if clip.format is None or not clip.width:
        raise MediaError(f"{path} changes its format or size; cut it where it does")
    if clip.num_frames < 2:
        raise MediaError(f"{path} has one frame; IN must be a video of at least two")
    windows, cuts, sampled = _sample(clip.std.SetFieldBased(0), sample)
    return _film(path, facts, clip, times, find_rhythm(windows), cuts, sampled)


def _film(
    path: Path, facts: Facts, clip: vs.VideoNode, times: Times,
    rhythm: Rhythm, cuts: int, sampled: int,
) -> Film:  # fmt: skip
    with clip.get_frame(0) as frame:
        props = dict(frame.props)
    return Film(
        path=path,
        format=str(clip.format.name),
        family=clip.format.color_family,
        width=clip.width,
        height=clip.height,
        frames=clip.num_frames,
        rate=times.rate,
        constant=times.constant,
        track=facts.track,
        codec=facts.codec,
        colour={name: _number(name, props.get(prop)) for name, prop in COLOUR.items()},
        shape=_shape(props),
        late=times.ticks[0] * times.base + facts.origin - facts.begin,
        fields=bool(props.get("_FieldBased")),
        rhythm=rhythm,
        cuts=cuts,
        sampled=sampled,
    )


def _number(name: str, value: Any) -> int | None:
    if not isinstance(value, int) or (name != "range" and value == _UNKNOWN):
        return None
    return int(value)


def _shape(props: dict[str, Any]) -> Fraction:
    across, down = int(props.get("_SARNum", 1)), int(props.get("_SARDen", 1))
    return Fraction(across, down) if across > 0 and down > 0 else Fraction(1)


def _sample(clip: vs.VideoNode, sample: int) -> tuple[list[list[bool]], int, int]:
    """Which frames repeat the one before, for each place; cuts; number of frames."""
    places = windows_of(clip.num_frames, sample)
    repeats, cuts = [], 0
    for begin, end in places:
        piece = clip[begin:end]
        scored = (duplicates.score_duplicates(piece), scenes.scene_scores(piece))
        flags = []
        frames = (each.frames(prefetch=_PREFETCH, close=True) for each in scored)
        for one, two in zip(*frames, strict=True):
            mean, peak = (one.props[duplicates.SCORE + end] for end in ("Average", "Max"))
            flags.append(is_duplicate(mean, peak, THRESHOLD))
            cuts += two.props[scenes.ADAPTIVE_SCORE] > CUT
        repeats.append(flags)
    return repeats, cuts, sum(end - begin for begin, end in places)


def windows_of(count: int, sample: int) -> list[tuple[int, int]]:
    """First and last frames (exclusive) of stretches that are spread over `count` frames.

    They do not overlap, and have `sample` frames together, or all there are.
    """
    if count <= sample:
        return [(0, count)]
    length = max(2, sample // PLACES)
    number = max(1, min(PLACES, sample // length))
    step = Fraction(count, number)
    starts = [int(step * n + (step - length) / 2) for n in range(number)]
    return [(start, start + length) for start in starts]
