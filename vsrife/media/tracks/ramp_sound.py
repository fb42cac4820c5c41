"""Sound of a speed ramp: each piece as long as its picture, at the pitch that it had.

Where the film stands still or goes back, it is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vsrife.media.tracks.packets import as_fraction
from vsrife.media.tracks.sound import Counted, Damage, Encoded, Timed
from vsrife.media.tracks.stretch import SlowSound
from vsrife.messages import note

if TYPE_CHECKING:
    from av.container import InputContainer

type Samples = NDArray[np.float32]  # (channels, samples), -1..1

_KIND = "flt"  # FFmpeg's name of the format; PyAV 19 fails with the eight planes of 7.1 in "fltp"
_FADE = Fraction(1, 100)  # seconds in which one piece becomes the next, which begins in its place
_WARM = Fraction(1, 2)  # seconds that are decoded before a piece: decoders need the packets before
_NEAR = 10  # seconds that are read and thrown away rather than jumped over
_MOST_KEPT = 2000  # frames; of pieces of any length, all but the last ones go at once


class Place(NamedTuple):
    """What is heard when: a time of the source and one of the output, in seconds."""

    source: Fraction
    output: Fraction


class _Reader:
    """Decoded samples of a stream, from any place on, at times counted in samples from its begin.

    What follows is read on, without a jump: times of packets are rounded, to 1/1000 s in Matroska,
    and sound would be heard to shift.
    """

    def __init__(
        self, source: InputContainer, number: int, made: Encoded, origin: Fraction
    ) -> None:
        self._source, self._stream = source, source.streams[number]
        self._made, self._origin = made, origin
        self._damage = Damage("sound")
        self._coming: Iterator[Any] = iter(())
        self._kept: list[Any] = []  # frames that were read, without a gap; the last are asked again

    def frames(self, begin: int, end: int, again: int) -> Iterator[Any]:
        """Frames with the samples `begin` to `end` - 1, and others at both ends.

        again: the first sample that may be asked for next time.
        """
        at = self._kept[-1].pts + self._kept[-1].samples if self._kept else None
        near = at is not None and 0 <= begin - at < _NEAR * self._made.rate
        if not near and not (self._kept and self._kept[0].pts <= begin <= (at or 0)):
            self._kept.clear()
            self._coming = self._decoded(begin)
        for part in chain(list(self._kept), self._new()):
            if part.pts + part.samples > begin:
                yield part
            if part.pts + part.samples >= end:
                break
        while len(self._kept) > 1 and self._kept[1].pts <= again:
            del self._kept[0]

    def _new(self) -> Iterator[Any]:
        for part in self._coming:
            self._kept.append(part)
            yield part
            if len(self._kept) > _MOST_KEPT:
                del self._kept[0]

    def _decoded(self, begin: int) -> Iterator[Any]:
        """Frames from before `begin` to the end of the file."""
        import av

        counted = Counted(_KIND, self._made.layout, self._made.rate)
        try:
            at = max(Fraction(begin, self._made.rate) - _WARM, Fraction(0)) + self._origin
            self._source.seek(int(at * 1_000_000))
            for packet in self._source.demux(self._stream):
                frames = self._damage.decoded(packet)
                if frames is None:
                    counted.interrupted()
                for frame in frames or ():
                    if isinstance(frame, av.AudioFrame) and frame.pts is not None:
                        base = as_fraction(frame.time_base)
                        yield from counted.take(frame, frame.pts * base - self._origin)
            yield from counted.end()
        except av.FFmpegError as error:
            note(f"sound is cut off where it is damaged: {error.strerror}")


class RampSound:
    """One stream of sound, at the speed of its picture.

    source: a file that nobody else reads. places: output times rise, the source may go back; from
    one to the next it moves evenly. origin: when the source begins, in seconds of the file.
    """

    def __init__(
        self,
        source: InputContainer,
        number: int,
        made: Encoded,
        places: Sequence[Place],
        origin: Fraction,
    ) -> None:
        self._reader = _Reader(source, number, made, origin)
        self._made, self._places = made, places
        self._fade = round(_FADE * made.rate)

    def packets(self) -> Iterator[Timed]:
        """All packets of the output, in order."""
        import av

        made, at = self._made, 0
        into = av.AudioResampler(made.kind, made.layout, made.rate)
        for samples in joined(self._pieces(), self._fade):
            for part in into.resample(self._frame(samples, at)):
                yield from made.encode(part)
            at += samples.shape[1]
        yield from made.encode(None)

    def _frame(self, samples: Samples, at: int) -> Any:
        import av

        whole = np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(whole, format=_KIND, layout=self._made.layout)
        frame.sample_rate, frame.pts = self._made.rate, at
        frame.time_base = Fraction(1, self._made.rate)
        return frame

    def _pieces(self) -> Iterator[tuple[int, Iterator[Samples]]]:
        """Of each piece: its length, and its samples with those for the fade into the next one."""
        rate = self._made.rate
        for first, last in pairwise(self._places):
            length = round(last.output * rate) - round(first.output * rate)
            speed = (last.source - first.source) / (last.output - first.output)
            yield length, self._piece(round(first.source * rate), speed, length)

    def _piece(self, begin: int, speed: Fraction, length: int) -> Iterator[Samples]:
        """The samples of a piece and of its fade, from sample `begin` of the source on."""
        given = self._made
        left = total = length + self._fade
        if speed > 0:
            slow = SlowSound(1 / speed, total, _KIND, given.layout, given.rate)
            for frame in self._cut(begin, round(total * speed), round(length * speed)):
                for part in slow.take(frame):
                    left -= part.samples
                    yield _samples_of(part)
        while left > 0:  # no sound, or none any more
            silence = min(left, given.rate)
            left -= silence
            yield np.zeros((given.out.codec_context.layout.nb_channels, silence), np.float32)

    def _cut(self, begin: int, count: int, again: int) -> Iterator[Any]:
        """Frames with `count` samples from `begin` on, at times from 0; then None.

        again: how many of them are not asked for again.
        """
        found = False
        for part in self._reader.frames(begin, begin + count, begin + again):
            at = part.pts - begin
            skipped, last = max(0, -at), min(part.samples, count - at)
            if last > skipped:
                found = True
                yield self._frame(_samples_of(part)[:, skipped:last], at + skipped)
        if found:  # a graph that has seen no frame knows no end
            yield None


def _samples_of(frame: Any) -> Samples:
    packed: Samples = frame.to_ndarray()  # (1, samples * channels)
    return packed.reshape(frame.samples, -1).T


def joined(pieces: Iterator[tuple[int, Iterator[Samples]]], fade: int) -> Iterator[Samples]:
    """Pieces one after another; the `fade` samples after each are faded into the next one.

    Each has its length and chunks of that many samples, and `fade` more, which the last one loses.
    """
    tail: Samples | None = None
    for length, chunks in pieces:
        at, rest = 0, []
        for chunk in chunks:
            mixed = chunk if tail is None else _faded(tail, chunk, at)
            cut = max(length - at, 0)
            at += chunk.shape[1]
            if cut:
                yield np.ascontiguousarray(mixed[:, :cut])
            if cut < chunk.shape[1]:
                rest.append(mixed[:, cut:])
        tail = np.concatenate(rest, axis=1) if rest else None


def _faded(tail: Samples, chunk: Samples, at: int) -> Samples:
    """A chunk that begins `at` samples after its piece, with the end of the piece before."""
    fade = tail.shape[1]
    count = min(fade - at, chunk.shape[1])
    if count <= 0:
        return chunk
    weight = (np.arange(at, at + count, dtype=np.float32) + 0.5) / np.float32(fade)
    mixed = chunk.copy()
    mixed[:, :count] = chunk[:, :count] * weight + tail[:, at : at + count] * (1 - weight)
    return mixed
