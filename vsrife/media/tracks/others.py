"""The other streams of a film: copied, converted or left out, and written in order of time."""

from __future__ import annotations

import errno
import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.media.properties import Track
from vsrife.media.tracks import streams, transcode
from vsrife.media.tracks.packets import as_fraction, opened
from vsrife.media.tracks.ramp_sound import Place
from vsrife.media.tracks.stretch import Stretch
from vsrife.media.tracks.window import slowed
from vsrife.media.writing.encoding import STRETCH, Encoding
from vsrife.messages import note, say

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

Packets = Iterator[tuple[Fraction, "Packet[Any]"]]
Covers = list[tuple["Packet[Any]", "Stream"]]

# Errors of packets that do not fit a container: EINVAL, FFmpeg's AVERROR_INVALIDDATA
_UNFIT = (errno.EINVAL, 1094995529)
# Formats without any other stream
_ALONE = ("gif", "webp", "apng")
# What sound and text become where a container does not take them as they are
_CONVERTED = {
    "mp4": ("aac", "mov_text"), "mov": ("aac", "mov_text"), "webm": ("opus", "webvtt"),
    "matroska": ("aac", "srt"),
}  # fmt: skip
# Sound that common players and browsers take in .mp4 and .mov; FFmpeg writes more
_PLAYED = {
    "mp4": ("aac", "mp3", "mp2", "ac3", "eac3", "alac", "flac", "opus", "dts"),
    "mov": ("aac", "mp3", "ac3", "eac3", "alac", "pcm_", "adpcm_ima_qt"),
}


@dataclass(frozen=True)
class Beside:
    """Other streams of the output: the file they come from, the number of its film, its track.

    file: None for a part of a film, which has no other streams. window: the part of the file that
    is kept, in seconds from its `origin_of`; what is there begins at 0. None: all of it. stretch:
    how much longer everything takes; only chapters, tags and, with `STRETCH`, sound follow then.
    places: of a speed ramp; only tags and, with `STRETCH`, sound follow.
    """

    file: Path | None
    film: int
    track: Track
    window: streams.Window | None = None
    stretch: Stretch | None = None
    places: Sequence[Place] = ()


class OtherStreams:
    """Packets of the other streams, written between those of the film."""

    def __init__(self, packets: Packets, target: OutputContainer) -> None:
        self._packets, self._target = packets, target
        self._waiting = next(packets, None)
        self._refused: set[int] = set()

    def until(self, seconds: Fraction) -> None:
        """Write all that begin at or before `seconds`."""
        while self._waiting is not None and self._waiting[0] <= seconds:
            self._write(self._waiting[1])

    def rest(self) -> None:
        while self._waiting is not None:
            self._write(self._waiting[1])

    def _write(self, packet: Packet[Any]) -> None:
        """Write a packet; skip it, with a note, if the container refuses it."""
        import av

        number = packet.stream_index
        try:
            self._target.mux(packet)
        except av.FFmpegError as error:
            if error.errno not in _UNFIT:
                raise
            if number not in self._refused:
                reason = f"packets that do not fit are left out ({error.strerror})"
                note(f"OUT's stream {number}: {reason}")
            self._refused.add(number)
        self._waiting = next(self._packets, None)


class _View:
    """A file without some of its streams, as far as `streams.choose` looks at it."""

    def __init__(self, source: InputContainer, hidden: Sequence[int]) -> None:
        self.streams = [stream for stream in source.streams if stream.index not in hidden]
        self.demux, self.chapters, self.name = source.demux, source.chapters, source.name


@dataclass(frozen=True)
class Plan:
    """What becomes of the other streams of a film, decided once, for one output or more.

    file: None: there are none. kept: streams that are copied; jobs: those that are converted.
    """

    file: Path | None = None
    window: streams.Window | None = None
    kept: Sequence[streams.Kept] = ()
    jobs: Sequence[transcode.Job] = ()
    stretch: Stretch | None = None
    places: Sequence[Place] = ()


def plan_others(
    beside: Beside | None, container: str, encoding: Encoding, stack: ExitStack
) -> Plan:
    """Decide what becomes of the other streams; notes on those that are left out or converted.

    encoding: its `audio` and `subtitles`. stack: closes the file that is opened here; the plan
    holds until then.
    """

    if beside is None or beside.file is None:
        return Plan()
    source = stack.enter_context(opened(beside.file))
    at_another_speed = beside.stretch is not None or bool(beside.places)
    if container in _ALONE:
        if not at_another_speed:
            _note_alone(source, beside.film, container)
        return Plan()
    unheard = at_another_speed and encoding.audio != STRETCH
    jobs = [] if unheard else transcode.plan(source, encoding, container)
    if at_another_speed:
        return Plan(beside.file, beside.window, (), jobs, beside.stretch, beside.places)
    hidden = [job.number for job in jobs] + transcode.unwanted(source, encoding)
    kept = _chosen(source, beside.film, container, hidden)
    if beside.window is not None and beside.window[0] > 0:
        kept = _without_films(kept)
    return Plan(beside.file, beside.window, kept, jobs)


def add_others(plan: Plan, target: OutputContainer, stack: ExitStack) -> tuple[Packets, Covers]:
    """Add the planned streams, tags and chapters to `target`; gives their packets, and covers.

    stack: closes the files that are opened here.
    """
    import av

    if plan.file is None:
        return iter(()), []
    source = stack.enter_context(opened(plan.file))
    pairs: dict[int, Stream] = {}
    covers: Covers = []
    converters = transcode.Converters(
        stack.enter_context(av.open(source.name)), plan.window, plan.stretch, plan.places
    )
    both: list[streams.Kept | transcode.Job] = [*plan.kept, *plan.jobs]
    for each in sorted(both, key=_number):  # in the order of the source
        if isinstance(each, transcode.Job):
            converters.add(each, target)
            continue
        copy = streams.add_copy(each, target)
        if copy is None:
            continue
        if streams.is_cover(each.stream) and each.first is not None:
            covers.append((each.first, copy))
        else:
            pairs[each.stream.index] = copy
    target.metadata.update(streams.about(source.metadata))
    chapters = [] if plan.places else streams.chapters_in(source, plan.window)
    target.set_chapters(chapters if plan.stretch is None else slowed(chapters, plan.stretch.times))
    packets = streams.copied_packets(source, pairs, plan.window)
    if plan.jobs:
        packets = heapq.merge(packets, converters.packets(stack), key=lambda pair: pair[0])
    return packets, covers


def size_of_others(plan: Plan, seconds: Fraction) -> int:
    """About the bytes of the planned streams in a film of this duration; reads their packets."""
    import av

    if plan.file is None:
        return 0
    size = 0
    with opened(plan.file) as source:
        origin = streams.origin_of(source)
        for job in plan.jobs:
            size += int(transcode.bits_per_second(job, source) * seconds / 8)
        wanted = [source.streams[kept.stream.index] for kept in plan.kept]
        with suppress(av.FFmpegError):  # damaged from there on
            for packet in source.demux(wanted) if wanted else ():
                if plan.window is None or _is_inside(packet, plan.window, origin):
                    size += packet.size
    return size


def _is_inside(packet: Packet[Any], window: streams.Window, origin: Fraction) -> bool:
    at = packet.pts if packet.pts is not None else packet.dts
    return at is not None and window[0] <= at * as_fraction(packet.time_base) - origin < window[1]


def _number(each: streams.Kept | transcode.Job) -> int:
    return each.number if isinstance(each, transcode.Job) else each.stream.index


def _chosen(
    source: InputContainer, film: int, container: str, hidden: Sequence[int]
) -> list[streams.Kept]:
    """The streams that are copied; notes on those that are not, or that few players take."""
    track = source.streams[film]
    view: Any = _View(source, hidden)
    kept = streams.choose(view, track, container)
    for each in kept:
        if each.stream.type == "audio" and not _played(each.stream, container):
            named = streams.named(each.stream)
            say(f"hint: few players take {named} in .{container}; --audio aac converts it")
    numbers = [each.stream.index for each in kept]
    sound, text = _CONVERTED.get(container, ("", ""))
    for stream in view.streams if sound else ():
        is_text = transcode.is_text(stream)
        if stream.index not in numbers and (is_text or stream.type == "audio"):
            way = f"--subtitles {text}" if is_text else f"--audio {sound}"
            say(f"hint: {way} converts {streams.named(stream)}")
    return kept


def _without_films(kept: list[streams.Kept]) -> list[streams.Kept]:
    """What can begin anywhere: frames of a film need those since its last key frame."""
    left = []
    for each in kept:
        if each.stream.type != "video" or streams.is_cover(each.stream):
            left.append(each)
            continue
        note(
            f"{streams.named(each.stream)} is left out: a part that begins later cannot be copied "
            "from a second film; without --start it is kept"
        )
    return left


def _played(stream: Stream, container: str) -> bool:
    if stream.codec_context is None or container not in _PLAYED:
        return True
    return stream.codec_context.codec.canonical_name.startswith(_PLAYED[container])


def _note_alone(source: InputContainer, film: int, container: str) -> None:
    left = [streams.named(stream) for stream in source.streams if stream.index != film]
    if left:
        note(f"left out, since .{container} holds pictures only: {', '.join(left)}")
