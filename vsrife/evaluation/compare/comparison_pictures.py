"""The pictures of a comparison's page: the worst frames, and what is shown between them."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import vapoursynth as vs

from vsrife.evaluation.compare.comparison import Comparison, Side, rgb_of
from vsrife.media.stills.image_writer import image_bytes
from vsrife.media.timestamps import Times
from vsrife.media.writing.av_frames import packed, picture

_GAP = 0.4  # seconds between two pictured frames, so that they are not all of one moment
_MOST_BETWEEN = 8  # moments between two shared frames
_SAME = Fraction(2, 1000)  # seconds; two films begin a frame at the same time
_QUALITY = 2  # of JPEG, 2 (best) to 31
_BASE64 = 4 / 3  # characters for a byte


class Moment(NamedTuple):
    """seconds: from the begin of A. number: of the shared time, or of the one before it; frames:
    what each film shows then. shared: whether all films begin a frame, which then has scores."""

    seconds: float
    number: int
    frames: tuple[int, ...]
    shared: bool


@dataclass
class Pictures:
    """moments: in the order of time; files: by side and frame; mime: their type."""

    mime: str
    moments: list[Moment] = field(default_factory=list)
    files: dict[tuple[int, int], bytes] = field(default_factory=dict)

    @property
    def size(self) -> float:
        """Characters that the files take in the page."""
        return sum(map(len, self.files.values())) * _BASE64


def choose_frames(seconds: Sequence[float], worst: Sequence[int], count: int) -> list[int]:
    """The `count` worst shared times, apart from each other where there are enough; the worst
    first. seconds: of each time; worst: their numbers, the worst first."""
    if len(seconds) <= count:
        return list(worst)
    chosen: list[int] = []
    for number in worst:
        if len(chosen) < count and all(abs(seconds[number] - seconds[k]) >= _GAP for k in chosen):
            chosen.append(number)
    rest = [number for number in worst if number not in set(chosen)]
    return [*chosen, *rest[: count - len(chosen)]]


def make_pictures(found: Comparison, numbers: Sequence[int], limit: float) -> Pictures:
    """The pictures of these shared times, and of what follows until the next one.

    numbers: the worst first. Lossless if all of them fit into `limit` characters of the page, else
    JPEG, as many as fit; the worst one always.
    """
    made = _within(found, numbers, limit, _lossless, "image/webp")
    if made is not None:
        return made
    for count in range(len(numbers), 0, -1):
        made = _within(found, numbers[:count], limit, _jpeg, "image/jpeg", always=count == 1)
        if made is not None:
            return made
    raise AssertionError("one frame is always pictured")


def _within(
    found: Comparison, numbers: Sequence[int], limit: float,
    encode: Callable[[vs.VideoFrame], bytes], mime: str, *, always: bool = False,
) -> Pictures | None:  # fmt: skip
    """All of these, or None if they do not fit."""
    made = Pictures(mime)
    for number in numbers:
        for moment in moments_of(found, number):
            made.moments.append(moment)
            for index, frame in enumerate(moment.frames):
                if (index, frame) not in made.files:
                    made.files[index, frame] = encode(_frame(found.sides[index], frame))
        if made.size > limit and not always:
            return None
    made.moments.sort()
    if any(file[:4] == b"\x89PNG" for file in made.files.values()):
        made.mime = "image/png"
    return made


def moments_of(found: Comparison, number: int) -> list[Moment]:
    """A shared time, and the moments until the next one at which a film begins a frame."""
    seconds, frames = found.seconds[number], found.frames[number]
    moments = [Moment(seconds, number, frames, True)]
    if number + 1 == len(found.frames):
        return moments
    start, end = (_begin(found.sides[0].times, found.frames[k][0]) for k in (number, number + 1))
    begins = sorted(
        at
        for side, first, last in zip(found.sides, frames, found.frames[number + 1], strict=True)
        for at in (_begin(side.times, k) for k in range(first + 1, last))
        if start + _SAME < at < end - _SAME
    )
    for at in _thinned(begins):
        shown = tuple(_shown(side.times, at + _SAME) for side in found.sides)
        moments.append(Moment(float(at), number, shown, False))
    return moments[: 1 + _MOST_BETWEEN]


def _thinned(begins: Sequence[Fraction]) -> list[Fraction]:
    """Without those that only repeat the one before, as containers round times."""
    kept: list[Fraction] = []
    for at in begins:
        if not kept or at - kept[-1] > _SAME:
            kept.append(at)
    return kept


def _begin(times: Times, frame: int) -> Fraction:
    """When a frame begins, in seconds from the film's first one."""
    return (times.ticks[frame] - times.ticks[0]) * times.base


def _shown(times: Times, at: Fraction) -> int:
    """The frame that is shown then."""
    return max(0, bisect_right(times.ticks[:-1], times.ticks[0] + at / times.base) - 1)


def _frame(side: Side, frame: int) -> vs.VideoFrame:
    (clip,) = rgb_of([side], [(frame,)])
    return clip.resize.Point(format=vs.RGB24, dither_type="none").get_frame(0)


def _lossless(frame: vs.VideoFrame) -> bytes:
    """WebP where FFmpeg has it, which is smaller, else PNG."""
    try:
        return _encoded(frame, "libwebp", "bgra", {"lossless": "1"})
    except ValueError:  # a build without it
        return image_bytes(frame, ".png")


def _jpeg(frame: vs.VideoFrame) -> bytes:
    return _encoded(frame, "mjpeg", "yuvj444p", {"qmin": str(_QUALITY), "qmax": str(_QUALITY)})


def _encoded(frame: vs.VideoFrame, codec: str, own: str, options: dict[str, str]) -> bytes:
    import av

    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, own
    encoder.time_base, encoder.options = Fraction(1), options
    made = packed(picture(frame, "gbrp"), own)
    made.pts = 0
    into = io.BytesIO()
    for packet in [*encoder.encode(made), *encoder.encode(None)]:
        into.write(bytes(packet))
    return into.getvalue()
