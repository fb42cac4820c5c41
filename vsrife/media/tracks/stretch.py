"""Sound at another speed, at the same pitch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

_WINDOWS = 24  # of atempo per second
_MOST = 2  # times as slow or as fast, of one atempo filter; several follow each other
# Gaps in the sound become silence before it is stretched, which knows no gaps
_CONTINUOUS = "async=1:first_pts={first}:min_hard_comp=0.02"


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
        self._tempos, self._total = tempos(times), total
        self._kind, self._layout, self._rate = kind, layout, rate
        self._graph: Any = None  # made for the first frame
        self._next = 0
        self._done = False  # sound that lasts longer than the picture is not asked for

    def _begin(self, first: int) -> Any:
        """The filters for sound whose first sample is number `first` of the film.

        What is silent before it is made as long as it must be. Stretched together with the sound,
        it would begin up to a window of atempo too early.
        """
        from av.filter import Graph

        graph, rate = Graph(), self._rate
        source = graph.add_abuffer(
            sample_rate=rate, format=self._kind, layout=self._layout, time_base=Fraction(1, rate)
        )
        late = round(first / math.prod(self._tempos))
        steps = [
            ("aresample", _CONTINUOUS.format(first=first)),
            ("apad", f"pad_len={rate // _WINDOWS}"),  # else the last window loses its end
            *(("atempo", f"{tempo:.9f}") for tempo in self._tempos),
            ("adelay", f"{late}S:all=1"),
        ]
        # as long as the picture, to the sample
        steps += [("apad", f"whole_len={self._total}"), ("atrim", f"end_sample={self._total}")]
        form = f"sample_fmts={self._kind}:sample_rates={rate}:channel_layouts={self._layout}"
        steps += [("aformat", form), ("abuffersink", "")]
        nodes: list[Any] = [source, *(graph.add(name, words or None) for name, words in steps)]
        graph.link_nodes(*nodes).configure()
        return graph

    def take(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """The stretched frames that are ready after `frame`; None: it was the last one."""
        import av

        if self._graph is None and frame is not None:
            self._graph = self._begin(max(frame.pts or 0, 0))
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
