"""What the networks are made of: each target gives these operations, the network uses no others.

Tensors are (N, C, H, W): frames, channels, rows, columns. Numbers are fp32, but for what lies
between `to_compute` and `to_full`. Results differ between targets by rounding alone: in fp32 by
1e-5 of the largest number that goes in, if a method says nothing else. Nothing changes in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Span(NamedTuple):
    """Some of a weight's channels, and what to multiply them by (a power of two, so exactly)."""

    start: int
    stop: int
    factor: float = 1.0


class Operations[Tensor, Pair, Weight](Protocol):
    """Tensor: a value of the target. Pair: the left and the right frame's tensor as one value; a
    target with batches has (2N, C, H, W) there, N left ones first. Weight: a checkpoint's tensor.

    One object serves one run on frames of one size.
    """

    # Numbers

    def scope(self, name: str) -> AbstractContextManager[None]:
        """Layers made inside are named `name.` and their own name, where layers have names."""
        ...

    def to_compute(self, x: Tensor) -> Tensor:
        """In the type in which convolutions compute, fp16 or fp32."""
        ...

    def to_full(self, x: Tensor) -> Tensor:
        """In fp32: fp16 flow and coordinates step by 2 pixels beyond 2048."""
        ...

    def add(self, a: Tensor, b: Tensor | float) -> Tensor:
        """a + b. Sides or channels of 1 are repeated, here and in the next three."""
        ...

    def subtract(self, a: Tensor | float, b: Tensor) -> Tensor:
        """a - b."""
        ...

    def multiply(self, a: Tensor, b: Tensor | float) -> Tensor:
        """a * b."""
        ...

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        """a / b."""
        ...

    def absolute(self, x: Tensor) -> Tensor: ...

    def exp(self, x: Tensor) -> Tensor: ...

    def sigmoid(self, x: Tensor) -> Tensor: ...

    def clamp(self, x: Tensor, low: float, high: float) -> Tensor:
        """Numbers below `low` are `low`, those above `high` are `high`."""
        ...

    # Channels

    def join(self, tensors: Sequence[Tensor]) -> Tensor:
        """Side by side along the channels. One tensor alone comes back as it is."""
        ...

    def split(self, x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        """Parts of so many channels each; the sizes add up to C."""
        ...

    def first(self, x: Tensor, count: int) -> Tensor:
        """The first `count` channels."""
        ...

    def mean_channels(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W), the mean."""
        ...

    def norm_channels(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W), the root of the sum of squares: a flow's length."""
        ...

    # Rows and columns

    def resize(self, x: Tensor, factor: float) -> Tensor:
        """(N, C, H, W) -> (N, C, H * factor, W * factor): bilinear between pixels' centres.

        A smaller picture is sampled, not averaged: by 1/2 it is the mean of 2x2 pixels, by 1/4 that
        of the 2x2 around the middle of 4x4. factor: a power of two; the result has whole sides.
        """
        ...

    def plane(self, timestep: Tensor, s: float) -> Tensor:
        """One number a frame, (N, 1, 1, 1), as a plane (N, 1, H / s, W / s) of the run's frames."""
        ...

    def every(self, x: Tensor, step: int) -> Tensor:
        """Rows and columns 0, step, 2 * step, ..."""
        ...

    def max_pool(self, x: Tensor, size: int, stride: int) -> Tensor:
        """Largest number of each size x size. stride: `size`, which divides both sides; or 1, where
        windows are centred on each pixel and hold what there is of them in the picture."""
        ...

    def mean_pool(self, x: Tensor, size: int) -> Tensor:
        """Mean of the size x size around each pixel, of what there is of them in the picture."""
        ...

    def pixel_shuffle(self, x: Tensor) -> Tensor:
        """(N, 4 * C, H, W) -> (N, C, 2 * H, 2 * W); four channels are a cell's upper left, upper
        right, lower left and lower right pixel."""
        ...

    # What is learnt

    def take(self, weight: Weight, axis: int, spans: Sequence[Span]) -> Weight:
        """The spans of a weight along an axis, each times its factor, in this order."""
        ...

    def conv(
        self, x: Tensor, name: str, weight: Weight, bias: Weight, *, stride: int = 1
    ) -> Tensor:
        """3x3 with a border of zeros: (N, I, H, W) -> (N, O, H / stride, W / stride).

        name: of the layer; weight (O, I, 3, 3), bias (O,); stride 1 or 2, which divides both sides.
        Tolerance: 1e-5 of the sum of the absolute products in fp32, 2^-9 of it in fp16; so for all
        convolutions.
        """
        ...

    def deconv(self, x: Tensor, name: str, weight: Weight, bias: Weight) -> Tensor:
        """Transposed 4x4 of stride 2, 1 cut off around it: (N, I, H, W) -> (N, O, 2 * H, 2 * W).

        weight (I, O, 4, 4), bias (O,).
        """
        ...

    def residual(
        self, x: Tensor, name: str, weight: Weight, bias: Weight, beta: Weight, groups: int
    ) -> Tensor:
        """leaky(x + beta * conv(x)): (N, C, H, W) -> the same.

        weight (C, C / groups, 3, 3), bias (C,), beta (1, C, 1, 1); groups of channels see only
        themselves.
        """
        ...

    def leaky(self, x: Tensor) -> Tensor:
        """Numbers below 0 times `table.SLOPE`."""
        ...

    def prelu(self, x: Tensor, slopes: Weight) -> Tensor:
        """Numbers below 0 times the slope (C,) of their channel."""
        ...

    # Both frames

    def stack(self, left: Tensor, right: Tensor) -> Pair: ...

    def unstack(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """Left, right."""
        ...

    def images(self, pair: Pair) -> Pair:
        """The first three channels of both."""
        ...

    def side_by_side(self, pair: Pair, channels: int) -> Tensor:
        """The left frame's channels, then the right one's: (N, 2 * channels, H, W)."""
        ...

    def warp(self, pair: Pair, flow: Tensor) -> Pair:
        """Backward warp: out[y, x] = frame[y + v, x + u], bilinear, edge repeated.

        flow (N, 4, H, W), pixels: (u, v) into the left frame, then into the right one. Tolerance:
        what a place that is off by 2^-22 of the picture's side gives.
        """
        ...

    def warp_small(self, pair: Pair, flow: Tensor | None, s: float) -> Pair:
        """`warp`, then `resize` by 1 / s; None: no flow. flow at full size; tolerance of `warp`.

        What does not count need not be warped: for s >= 4, all but 2x2 pixels of each s x s.
        """
        ...

    # Whole frames

    def mean(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N,)."""
        ...

    def largest(self, flow: Tensor) -> Tensor:
        """Largest absolute number of channels 0-1, and of 2-3: (N, 4, H, W) -> (N, 2)."""
        ...


type Weights[Weight] = Mapping[str, Weight]
