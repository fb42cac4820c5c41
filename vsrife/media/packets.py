"""What a container says about a track, packet by packet, without decoding: times and losses."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer

_NONE = -(2**63)  # FFmpeg's mark for no time
# Formats whose length is worked out from what can be read, not said in a header
_WORKED_OUT = ("no_timestamps", "generic_index", "ts_discont")
_CUT_SHORT = Fraction(1, 2)  # seconds that are missing in the end before a file is called cut short


@dataclass(frozen=True)
class Listing:
    """What the packets of a track say.

    begins: when each that is shown begins, in seconds from the file's own zero, in the order of
        showing; None where it is not said. end: when the last one ends, if that is said.
    samples: how many frames the file's own index lists for showing; 0 where it has none.
    said, found: how long the file says it lasts, and how long what can be read does, in seconds;
        said is 0 where a header does not tell.
    """

    begins: list[Fraction | None]
    end: Fraction | None
    samples: int
    said: Fraction
    found: Fraction

    @property
    def cut_short(self) -> bool:
        return bool(self.said) and self.found + _CUT_SHORT < self.said


def list_packets(source: Path, track: int) -> Listing:
    """Read all packets of a file once; a damaged one is read as far as it goes."""
    import av

    try:
        with av.open(str(source.resolve())) as container:
            return _listing(container, track)
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{source} cannot be read: {error}") from error


def _listing(container: InputContainer, track: int) -> Listing:
    import av

    stream = container.streams[track]
    base = as_fraction(stream.time_base or Fraction(1, 1_000_000))
    shown, stored, steps = array("q"), array("q"), array("q")
    found = Fraction(0)
    try:
        for packet in container.demux():
            at = packet.pts if packet.pts is not None else packet.dts
            if at is not None and packet.time_base:
                ends = (at + (packet.duration or 0)) * as_fraction(packet.time_base)
                found = max(found, ends)
            if packet.stream_index != track or not packet.size or packet.is_discard:
                continue
            shown.append(_NONE if packet.pts is None else packet.pts)
            stored.append(_NONE if packet.dts is None else packet.dts)
            steps.append(packet.duration or 0)
    except (OSError, av.FFmpegError):
        pass  # cut off or damaged here; frames and times show what is missing
    flags = container.format.flags
    worked_out = any(flags & getattr(av.format.Flags, name).value for name in _WORKED_OUT)
    said = Fraction(0 if worked_out else container.duration or 0, 1_000_000)
    start = Fraction(container.start_time or 0, 1_000_000)
    times = _in_order(shown, stored)
    ends_at = [at + step for at, step in zip(shown, steps, strict=True) if at != _NONE and step]
    return Listing(
        [None if at == _NONE else at * base for at in times],
        max(ends_at) * base if ends_at else None,
        _samples(stream),
        said,
        found - start,
    )


def _in_order(shown: Sequence[int], stored: Sequence[int]) -> Sequence[int]:
    """Times in the order of showing. Where they are not said, those of storing do: .avi has no
    others."""
    for times in (shown, stored):
        if _NONE not in times:
            return sorted(times)
    return shown


def _samples(stream: Any) -> int:
    """Frames in the file's own index, without those that an edit list hides and empty ones."""
    if not stream.frames:
        return 0
    return sum(1 for entry in stream.index_entries if entry.size and not entry.is_discard)


def as_fraction(ratio: Any) -> Fraction:
    # PyAV 19 has a type of its own here, which Fraction() does not take
    return Fraction(ratio.numerator, ratio.denominator)
