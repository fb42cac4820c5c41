"""Sound in another codec, and as long as the picture in slow motion."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from vsrife.media.tracks.packets import as_fraction
from vsrife.media.tracks.stretch import SlowSound, Stretch
from vsrife.messages import note

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet

_ENCODERS = {"aac": "aac", "opus": "libopus"}
_BITS = {"aac": 96_000, "opus": 64_000}  # per second and channel: hard to tell from the original
_RATES = {"opus": (48000,), "aac": (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)}
# Layouts that both encoders and all players know, by channels
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}

_SKIPPED: Final = "skip_samples"
_SKIP = struct.Struct("<IIBB")  # FFmpeg's AV_PKT_DATA_SKIP_SAMPLES: at the begin, at the end, why

Timed = tuple[Fraction, "Packet[Any]"]


class Span(NamedTuple):
    """The part of a file that is wanted: its begin in the file's seconds; its length, None: all."""

    begin: Fraction
    length: Fraction | None

    def holds(self, at: Fraction, lasts: Fraction = Fraction(0)) -> bool:
        """Whether something from `at` on, in seconds from the begin, that lasts so many is inside,
        at least in part. Pre-roll of a whole file is."""
        return self.length is None or (at < self.length and (at >= 0 or at + lasts > 0))


class Damage:
    """Packets of a stream that cannot be decoded: they are left out, and what follows is not."""

    def __init__(self, what: str) -> None:
        """what: the stream, in words."""
        self._what, self._told = what, False

    def decoded(self, packet: Packet[Any]) -> list[Any] | None:
        """The frames of a packet; None where it is damaged, of which a note tells once."""
        import av

        try:
            return list(packet.decode())
        except av.FFmpegError as error:
            if not self._told:
                note(f"{self._what} is damaged in places, which are left out: {error.strerror}")
            self._told = True
            return None


def bits_per_second(stream: Any, codec: str) -> int:
    """The rate that a stream has as AAC or Opus."""
    layout = _layout_of(stream)
    return _BITS[codec] * next((n for n, name in _LAYOUTS.items() if name == layout), 2)


def _layout_of(stream: Any) -> str:
    return _LAYOUTS.get(stream.codec_context.layout.nb_channels, "stereo")


class Encoded:
    """A stream of sound in an output: AAC or Opus, with the channels and about the rate of another.

    kind, layout, rate: FFmpeg's names of what `encode` takes, and samples per second.
    """

    def __init__(self, stream: Any, codec: str, target: OutputContainer) -> None:
        rates = _RATES[codec]
        have = stream.codec_context.sample_rate
        self.rate = have if have in rates else next((r for r in rates[::-1] if r >= have), rates[0])
        self.layout = _layout_of(stream)
        name: Any = _ENCODERS[codec]
        self.out: Any = target.add_stream(name, rate=self.rate, layout=self.layout)
        self.out.bit_rate = _BITS[codec] * self.out.codec_context.layout.nb_channels
        self.out.time_base = self.out.codec_context.time_base = Fraction(1, self.rate)
        self.kind: str = self.out.codec_context.codec.audio_formats[0].name

    def encode(self, part: Any) -> Iterator[Timed]:
        """The packets that are ready after a frame; None: it was the last one."""
        for packet in self.out.encode(part):
            _end_exactly(packet, self.out.codec_context.frame_size)
            packet.stream = self.out
            yield packet.pts * as_fraction(packet.time_base), packet


def _end_exactly(packet: Any, length: int) -> None:
    """Mark the samples with which an encoder has filled up its last packet, to be discarded.

    .mp4 has the packet's duration; Matroska has only this mark, which libopus makes itself, and
    FFmpeg's AAC does not. length: samples of a packet.
    """
    from av.packet import PacketSideData, packet_sidedata_type_from_literal

    if not 0 < packet.duration < length or packet.has_sidedata(_SKIPPED):
        return
    form: Any = PacketSideData  # Any: PyAV's types lack its arguments
    mark = form(packet_sidedata_type_from_literal(_SKIPPED), _SKIP.size)
    mark.update(_SKIP.pack(0, length - packet.duration, 0, 0))
    packet.set_sidedata(mark)


class Counted:
    """Frames of sound resampled, with times counted in samples from the first one on.

    Times of packets are rounded; a jump of 1/20 s or more counts anew. What is missing after
    `interrupted` is silent, however short it is: players do not see such gaps between packets.
    """

    def __init__(self, kind: str, layout: str, rate: int) -> None:
        import av

        self._resampler = av.AudioResampler(kind, layout, rate)
        self._kind, self._layout, self._rate = kind, layout, rate
        self._next: int | None = None  # sample at which the next frame begins
        self._anew = False

    def interrupted(self) -> None:
        """Something is missing from here on, however short it is."""
        self._anew = True

    def take(self, frame: Any, at: Fraction) -> Iterator[Any]:
        """The parts that are ready after a frame at `at` seconds."""
        for part in self._resampler.resample(frame):
            begin = round(at * self._rate)
            if self._anew and self._next is not None and 0 < begin - self._next < self._rate:
                yield self._placed(self._silence(begin - self._next))
            if self._next is None or self._anew or abs(begin - self._next) > self._rate // 20:
                self._next, self._anew = begin, False
            yield self._placed(part)
            at = Fraction(self._next, self._rate)

    def end(self) -> Iterator[Any]:
        """What is left."""
        for part in self._resampler.resample(None) if self._next is not None else ():
            yield self._placed(part)

    @property
    def empty(self) -> bool:
        return self._next is None

    def _silence(self, samples: int) -> Any:
        import av

        made = av.AudioFrame(self._kind, self._layout, samples)
        made.sample_rate = self._rate
        for plane in made.planes:
            plane.update(bytes(plane.buffer_size))
        return made

    def _placed(self, part: Any) -> Any:
        begin = self._next or 0
        part.pts, part.time_base = begin, Fraction(1, self._rate)
        self._next = begin + part.samples
        return part


class Sound:
    """One stream of sound, decoded, resampled if need be, stretched if asked for, and encoded."""

    def __init__(
        self,
        stream: Any,
        codec: str,
        target: OutputContainer,
        span: Span,
        stretch: Stretch | None,
    ) -> None:
        made = self._made = Encoded(stream, codec, target)
        self.out = made.out
        self._span, form = span, (made.kind, made.layout, made.rate)
        self._counted, self._slow = Counted(*form), None
        self._damage = Damage("sound")
        if stretch is not None:
            total = round(stretch.seconds * made.rate)
            self._slow = SlowSound(stretch.times, total, *form)

    def take(self, packet: Packet[Any]) -> Iterator[Timed]:
        """The packets that are ready after a packet of the source."""
        frames = self._damage.decoded(packet)  # an empty packet ends the stream
        if frames is None:
            self._counted.interrupted()
        for frame in frames or ():
            if frame.pts is None:
                continue
            at = frame.pts * as_fraction(frame.time_base) - self._span.begin
            if self._span.holds(at, Fraction(frame.samples, frame.sample_rate)):
                for part in self._counted.take(frame, at):
                    yield from self._cut(part)

    def end(self) -> Iterator[Timed]:
        """The last packets."""
        for part in self._counted.end():
            yield from self._cut(part)
        if self._slow is not None and not self._counted.empty:
            for made in self._slow.take(None):
                yield from self._made.encode(made)
        yield from self._made.encode(None)

    def _cut(self, part: Any) -> Iterator[Timed]:
        """What a part has inside the span: a frame may begin before it and end after it."""
        if self._span.length is not None:
            end = round(self._span.length * self._made.rate)
            first, last = max(0, -part.pts), min(part.samples, end - part.pts)
            if first >= last:
                return
            if last - first < part.samples:
                part = _samples_of(part, first, last)
        yield from self._stretched(part)

    def _stretched(self, part: Any) -> Iterator[Timed]:
        for made in [part] if self._slow is None else self._slow.take(part):
            yield from self._made.encode(made)


def _samples_of(part: Any, first: int, last: int) -> Any:
    """Samples `first` to `last` - 1 of a frame, as a frame."""
    import av

    samples, each = part.to_ndarray(), 1 if part.format.is_planar else part.layout.nb_channels
    kept = np.ascontiguousarray(samples[:, first * each : last * each])
    made = av.AudioFrame.from_ndarray(kept, format=part.format.name, layout=part.layout)
    made.sample_rate, made.time_base = part.sample_rate, part.time_base
    made.pts = part.pts + first
    return made
