"""Sound and text subtitles in another codec, for containers and players that need it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.media.tracks import streams
from vsrife.media.tracks.packets import as_fraction
from vsrife.media.tracks.ramp_sound import Place, RampSound
from vsrife.media.tracks.sound import Damage, Encoded, Sound, Span, Timed
from vsrife.media.tracks.sound import bits_per_second as bits_of_sound
from vsrife.media.tracks.stretch import Stretch
from vsrife.media.writing.encoding import STRETCH, Encoding
from vsrife.messages import note

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_TEXT = ("subrip", "ass", "ssa", "webvtt", "mov_text", "text")
_CODECS = {"srt": "subrip"}  # FFmpeg's names, where users have another
_SLOWED = {"webm": "opus"}  # what stretched sound becomes; elsewhere AAC
_MILLISECONDS = Fraction(1, 1000)


@dataclass(frozen=True)
class Job:
    """One stream to convert: its number, its type, and the codec that it becomes."""

    number: int
    kind: str
    codec: str


def is_text(stream: Stream) -> bool:
    """Whether a stream is subtitles made of text."""
    context = stream.codec_context
    return stream.type == "subtitle" and context is not None and _name(stream) in _TEXT


def plan(source: InputContainer, encoding: Encoding, container: str) -> list[Job]:
    """The streams that are converted; those that already have the codec are copied."""
    jobs = []
    if encoding.audio == STRETCH:
        codec = _SLOWED.get(container, "aac")
        return [Job(s.index, "audio", codec) for s in source.streams.audio if s.codec_context]
    for stream in source.streams:
        wanted = {"audio": encoding.audio, "subtitle": encoding.subtitles}.get(stream.type, "copy")
        if wanted in ("copy", "none") or stream.codec_context is None:
            continue
        codec = _CODECS.get(wanted, wanted)
        if _name(stream) == codec:
            continue
        if stream.type == "subtitle" and not is_text(stream):
            continue  # pictures of text cannot become text
        jobs.append(Job(stream.index, stream.type, codec))
        note(f"{streams.named(stream)} becomes {wanted}")
    return jobs


def bits_per_second(job: Job, source: InputContainer) -> int:
    """The rate of a converted stream; that of text counts as 0."""
    if job.kind != "audio":
        return 0
    return bits_of_sound(source.streams[job.number], job.codec)


def unwanted(source: InputContainer, encoding: Encoding) -> list[int]:
    """Numbers of the streams that the user leaves out."""
    kinds = {"audio": encoding.audio == "none", "subtitle": encoding.subtitles == "none"}
    return [stream.index for stream in source.streams if kinds.get(stream.type)]


class Converters:
    """Converted streams of a file; times are in seconds from its origin, or from a window's begin.

    window: the part of the file that is wanted; None: all of it. stretch: of the sound. places: of
    a speed ramp, which sound follows; then there is nothing else.
    """

    def __init__(
        self,
        source: InputContainer,
        window: streams.Window | None = None,
        stretch: Stretch | None = None,
        places: Sequence[Place] = (),
    ) -> None:
        begin = streams.origin_of(source) + (Fraction(0) if window is None else window[0])
        self._span = Span(begin, None if window is None else window[1] - window[0])
        self._source, self._stretch, self._places = source, stretch, places
        self._by_number: dict[int, Sound | _Text] = {}
        self._ramped: dict[int, Encoded] = {}

    def add(self, job: Job, target: OutputContainer) -> None:
        """Add the stream of a job to `target`."""
        stream: Any = self._source.streams[job.number]
        made: Sound | _Text | Encoded
        if self._places:
            made = self._ramped[job.number] = Encoded(stream, job.codec, target)
        elif job.kind == "audio":
            made = Sound(stream, job.codec, target, self._span, self._stretch)
            self._by_number[job.number] = made
        else:
            made = self._by_number[job.number] = _Text(stream, job.codec, target, self._span)
        made.out.metadata.update(streams.about(stream.metadata))
        made.out.disposition = stream.disposition.value

    def packets(self, stack: ExitStack) -> Iterator[Timed]:
        """All packets, in order of time. Reads the file once; of a ramp, each stream on its own.

        stack: closes what is opened here.
        """
        import av

        if not self._places:
            return _converted(self._source, self._by_number)
        ramped = [
            RampSound(
                stack.enter_context(av.open(self._source.name)),
                number,
                made,
                self._places,
                self._span.begin,
            ).packets()
            for number, made in self._ramped.items()
        ]
        return heapq.merge(*ramped, key=lambda pair: pair[0])


def _converted(source: InputContainer, converters: dict[int, Any]) -> Iterator[Timed]:
    import av

    wanted = [stream for stream in source.streams if stream.index in converters]
    waiting: list[tuple[Fraction, int, Any]] = []  # a heap; the number keeps equal times apart
    count = 0
    try:
        for packet in source.demux(wanted):
            made = converters[packet.stream.index].take(packet)  # the last one has no number
            for at, each in made:
                count += 1
                heapq.heappush(waiting, (at, count, each))
            # packets of several streams come nearly in order; a few behind make it exact
            while len(waiting) > 64:
                at, _, each = heapq.heappop(waiting)
                yield at, each
    except av.FFmpegError as error:
        note(f"sound or text is cut off where it is damaged: {error.strerror}")
    for converter in converters.values():
        for at, each in converter.end():
            count += 1
            heapq.heappush(waiting, (at, count, each))
    while waiting:
        at, _, each = heapq.heappop(waiting)
        yield at, each


class _Text:
    """One stream of text subtitles."""

    def __init__(self, stream: Any, codec: str, target: OutputContainer, span: Span) -> None:
        name: Any = codec
        self._decoder = stream.codec_context
        self._span, self._damage = span, Damage("text")
        self.out: Any = target.add_stream(name)
        self.out.codec_context.subtitle_header = _header(stream)
        self.out.time_base = self.out.codec_context.time_base = _MILLISECONDS

    def take(self, packet: Packet[Any]) -> Iterator[Timed]:
        from av.subtitles.subtitle import SubtitleSet

        if not packet.size or packet.pts is None:
            return
        base = as_fraction(packet.time_base)
        at = packet.pts * base - self._span.begin
        lasts = (packet.duration or 0) * base
        if not self._span.holds(at, lasts):
            return
        ends = at + lasts
        if self._span.length is not None:
            at, ends = max(at, Fraction(0)), min(ends, self._span.length)
        length = round((ends - at) / _MILLISECONDS)
        for rect in self._damage.decoded(packet) or ():
            line = getattr(rect, "ass", None)
            if not line:
                continue
            made = self.out.codec_context.encode_subtitle(
                SubtitleSet.create(text=line, start=0, end=length)
            )
            made.time_base = _MILLISECONDS
            made.pts = made.dts = round(at / _MILLISECONDS)
            made.duration = length
            made.stream = self.out
            yield at, made

    def end(self) -> Iterator[Timed]:
        return iter(())


def _header(stream: Any) -> bytes:
    """The header in ASS that decoders make, with the styles that lines refer to."""
    context = stream.codec_context
    if not context.is_open:
        context.open(strict=False)
    return context.subtitle_header or b""


def _name(stream: Stream) -> str:
    return str(stream.codec_context.codec.canonical_name)
