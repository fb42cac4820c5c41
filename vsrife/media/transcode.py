"""Sound and text subtitles in another codec, for containers and players that need it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from vsrife.media import streams
from vsrife.media.encoding import STRETCH, Encoding
from vsrife.media.packets import as_fraction
from vsrife.media.stretch import SlowSound, Stretch
from vsrife.messages import note

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_TEXT = ("subrip", "ass", "ssa", "webvtt", "mov_text", "text")
_ENCODERS = {"aac": "aac", "opus": "libopus"}
_BITS = {"aac": 96_000, "opus": 64_000}  # per second and channel: hard to tell from the original
_RATES = {"opus": (48000,), "aac": (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)}
# Layouts that both encoders and all players know, by channels
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_SLOWED = {"webm": "opus"}  # what stretched sound becomes; elsewhere AAC
_MILLISECONDS = Fraction(1, 1000)

Timed = tuple[Fraction, "Packet[Any]"]


class _Span(NamedTuple):
    """The part of a file that is wanted: its begin in the file's seconds; its length, None: all."""

    begin: Fraction
    length: Fraction | None

    def holds(self, at: Fraction) -> bool:
        """Whether `at`, in seconds from the begin, is inside. Pre-roll of a whole file is."""
        return self.length is None or 0 <= at < self.length


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
        if wanted in ("copy", "none") or stream.codec_context is None or _name(stream) == wanted:
            continue
        if stream.type == "subtitle" and not is_text(stream):
            continue  # pictures of text cannot become text
        jobs.append(Job(stream.index, stream.type, wanted))
        note(f"{streams.named(stream)} becomes {wanted}")
    return jobs


def bits_per_second(job: Job, source: InputContainer) -> int:
    """The rate of a converted stream; that of text counts as 0."""
    if job.kind != "audio":
        return 0
    stream: Any = source.streams[job.number]
    layout = _LAYOUTS.get(stream.codec_context.layout.nb_channels, "stereo")
    channels = next((n for n, name in _LAYOUTS.items() if name == layout), 2)
    return _BITS[job.codec] * channels


def unwanted(source: InputContainer, encoding: Encoding) -> list[int]:
    """Numbers of the streams that the user leaves out."""
    kinds = {"audio": encoding.audio == "none", "subtitle": encoding.subtitles == "none"}
    return [stream.index for stream in source.streams if kinds.get(stream.type)]


class Converters:
    """Converted streams of a file; times are in seconds from its origin, or from a window's begin.

    window: the part of the file that is wanted; None: all of it. stretch: of the sound.
    """

    def __init__(
        self,
        source: InputContainer,
        window: streams.Window | None = None,
        stretch: Stretch | None = None,
    ) -> None:
        begin = streams.origin_of(source) + (Fraction(0) if window is None else window[0])
        self._span = _Span(begin, None if window is None else window[1] - window[0])
        self._source, self._stretch = source, stretch
        self._by_number: dict[int, _Audio | _Text] = {}

    def add(self, job: Job, target: OutputContainer) -> None:
        """Add the stream of a job to `target`."""
        stream: Any = self._source.streams[job.number]
        made: _Audio | _Text
        if job.kind == "audio":
            made = _Audio(stream, job.codec, target, self._span, self._stretch)
        else:
            made = _Text(stream, job.codec, target, self._span)
        made.out.metadata.update(streams.about(stream.metadata))
        made.out.disposition = stream.disposition.value
        self._by_number[job.number] = made

    def packets(self) -> Iterator[Timed]:
        """All packets, in order of time. Reads the file once."""
        return _converted(self._source, self._by_number)


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


class _Audio:
    """One audio stream, decoded, resampled if need be, stretched if asked for, and encoded."""

    def __init__(
        self,
        stream: Any,
        codec: str,
        target: OutputContainer,
        span: _Span,
        stretch: Stretch | None,
    ) -> None:
        import av

        rates = _RATES[codec]
        have = stream.codec_context.sample_rate
        rate = have if have in rates else next((r for r in rates[::-1] if r >= have), rates[0])
        layout = _LAYOUTS.get(stream.codec_context.layout.nb_channels, "stereo")
        name: Any = _ENCODERS[codec]
        self.out: Any = target.add_stream(name, rate=rate, layout=layout)
        self.out.bit_rate = _BITS[codec] * self.out.codec_context.layout.nb_channels
        self.out.time_base = self.out.codec_context.time_base = Fraction(1, rate)
        kind = self.out.codec_context.codec.audio_formats[0].name
        self._resampler = av.AudioResampler(kind, layout, rate)
        self._rate, self._span = rate, span
        self._slow = None if stretch is None else SlowSound(stretch, kind, layout, rate)
        self._next: int | None = None  # sample at which the next frame begins

    def take(self, packet: Packet[Any]) -> Iterator[Timed]:
        for frame in packet.decode():  # an empty packet ends the stream
            yield from self._frame(frame)

    def _frame(self, frame: Any) -> Iterator[Timed]:
        if frame.pts is None:
            return
        at = frame.pts * as_fraction(frame.time_base) - self._span.begin
        if not self._span.holds(at):
            return
        for part in self._resampler.resample(frame):
            # counted in samples from the first frame on: times of packets are rounded
            begin = round(at * self._rate)
            if self._next is None or abs(begin - self._next) > self._rate // 20:
                self._next = begin
            part.pts, part.time_base = self._next, Fraction(1, self._rate)
            self._next += part.samples
            at = Fraction(self._next, self._rate)
            yield from self._stretched(part)

    def end(self) -> Iterator[Timed]:
        for part in self._resampler.resample(None) if self._next is not None else ():
            part.pts, part.time_base = self._next, Fraction(1, self._rate)
            self._next = (self._next or 0) + part.samples
            yield from self._stretched(part)
        if self._slow is not None and self._next is not None:
            for made in self._slow.take(None):
                yield from self._encode(made)
        yield from self._encode(None)

    def _stretched(self, part: Any) -> Iterator[Timed]:
        for made in [part] if self._slow is None else self._slow.take(part):
            yield from self._encode(made)

    def _encode(self, part: Any) -> Iterator[Timed]:
        for packet in self.out.encode(part):
            packet.stream = self.out
            yield packet.pts * as_fraction(packet.time_base), packet


class _Text:
    """One stream of text subtitles."""

    def __init__(self, stream: Any, codec: str, target: OutputContainer, span: _Span) -> None:
        name: Any = codec
        self._decoder = stream.codec_context
        self._span = span
        self.out: Any = target.add_stream(name)
        self.out.codec_context.subtitle_header = _header(stream)
        self.out.time_base = self.out.codec_context.time_base = _MILLISECONDS

    def take(self, packet: Packet[Any]) -> Iterator[Timed]:
        from av.subtitles.subtitle import SubtitleSet

        if not packet.size or packet.pts is None:
            return
        base = as_fraction(packet.time_base)
        at = packet.pts * base - self._span.begin
        ends = at + (packet.duration or 0) * base
        if self._span.length is not None:
            at, ends = max(at, Fraction(0)), min(ends, self._span.length)
        if ends < at or not self._span.holds(at):
            return
        length = round((ends - at) / _MILLISECONDS)
        for rect in packet.decode():
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
