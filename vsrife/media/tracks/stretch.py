"""Sound at another speed, at the same pitch."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

_MOST = 2  # times as slow or as fast, of one atempo filter; several follow each other
# Gaps in the sound become silence before it is stretched, which knows no gaps
_CONTINUOUS = "async=1:first_pts=0:min_hard_comp=0.02"


class Stretch(NamedTuple):
    """How much longer everything takes. times: as long as in the source. seconds: in all, after."""

    times: int
    seconds: Fraction


def tempos(times: Fraction | int) -> list[float]:
    """The tempos of filters that follow each other, each 0.5 to 2, whose product is 1 / `times`."""
    found, left = [], Fraction(times)
    while left > _MOST:
        found.append(1 / _MOST)
        left /= _MOST
    while left < Fraction(1, _MOST):
        found.append(float(_MOST))
        left *= _MOST
    return [*found, float(1 / left)] if left != 1 else found


class SlowSound:
    """One audio stream, stretched. Frames come in order, with times from the begin of the film."""

    def __init__(
        self, times: Fraction | int, total: int, kind: str, layout: str, rate: int
    ) -> None:
        """times: as long as before. total: samples, after. kind, layout: FFmpeg's names of the
        format of samples and of the channels. rate: per second."""
        from av.filter import Graph

        self._graph, self._next, self._rate = Graph(), 0, rate
        self._done = False  # sound that lasts longer than the picture is not asked for
        base = Fraction(1, rate)
        first = self._graph.add_abuffer(
            sample_rate=rate, format=kind, layout=layout, time_base=base
        )
        steps = [
            ("aresample", _CONTINUOUS),
            *(("atempo", f"{t:.9f}") for t in tempos(times)),
        ]
        # as long as the picture, to the sample
        steps += [("apad", f"whole_len={total}"), ("atrim", f"end_sample={total}")]
        form = f"sample_fmts={kind}:sample_rates={rate}:channel_layouts={layout}"
        steps += [("aformat", form), ("abuffersink", "")]
        nodes: list[Any] = [first, *(self._graph.add(name, words or None) for name, words in steps)]
        self._graph.link_nodes(*nodes).configure()

    def take(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """The stretched frames that are ready after `frame`; None: it was the last one."""
        import av

        try:
            if not self._done:
                self._graph.push(frame)
        except av.EOFError:
            self._done = True
        while not self._done:
            try:
                made: Any = self._graph.pull()
            except av.BlockingIOError:
                return
            except av.EOFError:
                self._done = True
                return
            made.pts, made.time_base = self._next, Fraction(1, self._rate)
            self._next += made.samples
            yield made
