"""Channels of ncnn tensors: joined, cut, and put in another order instead of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vsrife.network.operations.interface import Span
from vsrife.network.operations.ncnn.ncnn_writer import Array, Blob, Writer

END = 2**31 - 1  # end of a cut: up to the last element
_MULTIPLY = 2  # of BinaryOp

Pair = tuple[Blob, Blob]


class Taken(NamedTuple):
    """Spans of a weight along an axis: see `interface.Operations.take`."""

    weight: Array
    axis: int
    spans: tuple[Span, ...]

    @property
    def value(self) -> Array:
        parts = [
            np.take(self.weight, range(start, stop), self.axis) * np.float32(factor)
            for start, stop, factor in self.spans
        ]
        return np.concatenate(parts, self.axis)

    @property
    def whole(self) -> bool:
        """Whether the spans are the whole weight, in another order."""
        ordered = sorted(self.spans)
        ends = [0, *(span.stop for span in ordered)]
        starts = [*(span.start for span in ordered), self.weight.shape[self.axis]]
        return ends == starts


Weight = Array | Taken


def value_of(weight: Weight) -> Array:
    return weight.value if isinstance(weight, Taken) else weight


class Channels:
    """Layers that move channels. What is cut out of joined tensors is taken before they join."""

    def __init__(self, w: Writer) -> None:
        self._w = w
        self._joined: dict[str, list[Blob]] = {}  # tensor -> those joined in it
        self._selected: dict[str, tuple[Blob, list[Span]]] = {}  # tensor -> source of its channels

    def join(self, tensors: Sequence[Blob]) -> Blob:
        """See `interface.Operations.join`."""
        parts = [part for each in tensors for part in self._joined.get(each.name, [each])]
        if len(parts) == 1:
            return parts[0]
        channels = sum(part.channels for part in parts)
        found = self._w.op("Concat", *parts, channels=channels, params={0: 0})
        self._joined[found.name] = parts
        return found

    def cut(self, x: Blob, start: int, stop: int, axis: int) -> Blob:
        """Elements start to stop - 1 along an axis: 0 channels, 1 rows, 2 columns.

        A negative `stop` counts from the end, of rows and columns alone.
        """
        channels = x.channels if axis else stop - start
        params = {9: (start,), 10: (stop,), 11: (axis,)}
        return self._w.op("Crop", x, channels=channels, params=params)

    def select(self, x: Blob, spans: Sequence[Span]) -> Blob:
        """Spans of a tensor's channels, each times its factor, joined."""
        found = self.join([part for span in spans for part in self._span(x, span)])
        if found != x:
            self._selected[found.name] = x, list(spans)
        return found

    def in_order(self, x: Blob, spans: Sequence[Span]) -> Blob:
        """x, whose channels are these spans of a weight, in the order of the whole weight."""
        start, placed = 0, []
        for span in spans:
            stop = start + span.stop - span.start
            placed.append((span.start, Span(start, stop, span.factor)))
            start = stop
        return self.select(x, [place for _, place in sorted(placed)])

    def source(self, x: Blob, multiple: int) -> tuple[Blob, list[Span]]:
        """The tensor and its spans that x was selected from; x if their edges are no multiples."""
        source, spans = self._selected.get(x.name, (x, []))
        if not spans or any(edge % multiple for span in spans for edge in span[:2]):
            return x, [Span(0, x.channels)]
        return source, spans

    def _span(self, x: Blob, span: Span) -> list[Blob]:
        found, start = [], 0
        for part in self._joined.get(x.name, [x]):
            low, high = max(span.start - start, 0), min(span.stop - start, part.channels)
            start += part.channels
            if low >= high:
                continue
            piece = part if high - low == part.channels else self.cut(part, low, high, 0)
            found.append(piece if span.factor == 1 else self._times(piece, span.factor))
        return found

    def _times(self, x: Blob, factor: float) -> Blob:
        params = {0: _MULTIPLY, 1: 1, 2: float(factor)}
        return self._w.op("BinaryOp", x, channels=x.channels, params=params)
