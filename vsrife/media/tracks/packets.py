"""Times and losses of a track, from the packets of its container; nothing is decoded."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import MediaError
from vsrife.media.reasons import reason_of
from vsrife.media.timestamps import FINEST

if TYPE_CHECKING:
    from av.container import InputContainer

_NONE = -(2**63)  # FFmpeg's AV_NOPTS_VALUE: no time
# Formats without a duration in a header: FFmpeg estimates it from the readable part
_ESTIMATED = ("no_timestamps", "generic_index", "ts_discont")
_CUT_SHORT = Fraction(1, 2)  # seconds; a file that misses more at its end is cut short


@dataclass(frozen=True)
class Listing:
    """The packets of a track.

    begins: time of each shown packet in seconds of the file, in presentation order; None: unknown.
    end: end of the last one, in seconds; None: unknown.
    samples: number of shown frames in the file's index; 0 without an index.
    stated, readable: duration in the header (0: none) and of the readable part, in seconds.
    """

    begins: list[Fraction | None]
    end: Fraction | None
    samples: int
    stated: Fraction
    readable: Fraction

    @property
    def cut_short(self) -> bool:
        """Whether more than half a second of the stated duration is not readable."""
        return bool(self.stated) and self.readable + _CUT_SHORT < self.stated


def start_of(container: InputContainer) -> Fraction:
    """When the first packet of a file is, in seconds; 0 where FFmpeg does not know."""
    return (container.start_time or 0) * FINEST


def list_packets(source: Path, track: int) -> Listing:
    """Read all packets of a file, up to the first damage. MediaError if it cannot be opened."""
    import av

    try:
        with av.open(str(source.resolve())) as container:
            return _listing(container, track)
    except (OSError, av.FFmpegError) as error:
        raise _unreadable(source, error) from error


def opened(source: Path) -> InputContainer:
    """A file that the caller reads and closes; MediaError if it cannot be opened (any more)."""
    import av

    try:
        return av.open(str(source.resolve()))
    except (OSError, av.FFmpegError) as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Path, error: Exception) -> MediaError:
    return MediaError(f"{source} cannot be read: {reason_of(error)}")


def _listing(container: InputContainer, track: int) -> Listing:
    import av

    stream = container.streams[track]
    base = as_fraction(stream.time_base or FINEST)
    shown, stored, steps = array("q"), array("q"), array("q")
    readable = Fraction(0)
    try:
        for packet in container.demux():
            at = packet.pts if packet.pts is not None else packet.dts
            if at is not None and packet.time_base:
                ends = (at + (packet.duration or 0)) * as_fraction(packet.time_base)
                readable = max(readable, ends)
            if packet.stream_index != track or not packet.size or packet.is_discard:
                continue
            shown.append(_NONE if packet.pts is None else packet.pts)
            stored.append(_NONE if packet.dts is None else packet.dts)
            steps.append(packet.duration or 0)
    except (OSError, av.FFmpegError):
        pass  # cut short or damaged here; the listing shows what is missing
    flags = container.format.flags
    estimated = any(flags & getattr(av.format.Flags, name).value for name in _ESTIMATED)
    stated = (0 if estimated else container.duration or 0) * FINEST
    times = _in_order(shown, stored)
    ends_at = [at + step for at, step in zip(shown, steps, strict=True) if at != _NONE and step]
    return Listing(
        [None if at == _NONE else at * base for at in times],
        max(ends_at) * base if ends_at else None,
        _samples(stream),
        stated,
        readable - start_of(container),
    )


def _in_order(shown: Sequence[int], stored: Sequence[int]) -> Sequence[int]:
    """Times in presentation order. If some are unknown, decoding times: .avi has no others."""
    for times in (shown, stored):
        if _NONE not in times:
            return sorted(times)
    return shown


def _samples(stream: Any) -> int:
    """Frames in the file's index, without empty ones and those that an edit list hides."""
    if not stream.frames:
        return 0
    return sum(1 for entry in stream.index_entries if entry.size and not entry.is_discard)


def as_fraction(ratio: Any) -> Fraction:
    """A ratio of PyAV as a Fraction. PyAV 19 has its own type, which Fraction() refuses."""
    return Fraction(ratio.numerator, ratio.denominator)
