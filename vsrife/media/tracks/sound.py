"""Sound in another codec, and as long as the picture in slow motion."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vsrife.media.tracks.packets import as_fraction
from vsrife.media.tracks.stretch import SlowSound, Stretch

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

    def holds(self, at: Fraction) -> bool:
        """Whether `at`, in seconds from the begin, is inside. Pre-roll of a whole file is."""
        return self.length is None or 0 <= at < self.length


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

    Times of packets are rounded; a jump of 1/20 s or more counts anew.
    """

    def __init__(self, kind: str, layout: str, rate: int) -> None:
        import av

        self._resampler = av.AudioResampler(kind, layout, rate)
        self._rate = rate
        self._next: int | None = None  # sample at which the next frame begins

    def take(self, frame: Any, at: Fraction) -> Iterator[Any]:
        """The parts that are ready after a frame at `at` seconds."""
        for part in self._resampler.resample(frame):
            begin = round(at * self._rate)
            if self._next is None or abs(begin - self._next) > self._rate // 20:
                self._next = begin
            yield self._placed(part)
            at = Fraction(self._next, self._rate)

    def end(self) -> Iterator[Any]:
        """What is left."""
        for part in self._resampler.resample(None) if self._next is not None else ():
            yield self._placed(part)

    @property
    def empty(self) -> bool:
        return self._next is None

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
        if stretch is not None:
            total = round(stretch.seconds * made.rate)
            self._slow = SlowSound(stretch.times, total, *form)

    def take(self, packet: Packet[Any]) -> Iterator[Timed]:
        """The packets that are ready after a packet of the source."""
        for frame in packet.decode():  # an empty packet ends the stream
            if frame.pts is None:
                continue
            at = frame.pts * as_fraction(frame.time_base) - self._span.begin
            if self._span.holds(at):
                for part in self._counted.take(frame, at):
                    yield from self._stretched(part)

    def end(self) -> Iterator[Timed]:
        """The last packets."""
        for part in self._counted.end():
            yield from self._stretched(part)
        if self._slow is not None and not self._counted.empty:
            for made in self._slow.take(None):
                yield from self._made.encode(made)
        yield from self._made.encode(None)

    def _stretched(self, part: Any) -> Iterator[Timed]:
        for made in [part] if self._slow is None else self._slow.take(part):
            yield from self._made.encode(made)
