"""The operations of the networks. Each target implements all; a network uses no others.

Tensors are (N, C, H, W): frames, channels, rows, columns. Values are fp32, except between
`to_compute` and `to_full`. Targets differ only by rounding: in fp32 by at most 1e-5 of the largest
input value, unless a method gives another tolerance. Nothing changes in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Span(NamedTuple):
    """Channels start to stop - 1 of a weight, and their factor.

    It is a power of two or the negative of one, so that products are exact.
    """

    start: int
    stop: int
    factor: float = 1.0


class Operations[Tensor, Pair, Weight](Protocol):
    """The operations of one target, for one run on frames of one size.

    Tensor: a value of the target. Pair: the tensors of the left and the right frame as one value;
    with batches (2N, C, H, W), the N left ones first. Weight: a tensor of a checkpoint.
    """

    # Numbers

    def scope(self, name: str) -> AbstractContextManager[None]:
        """Prefix `name.` for the names of layers inside, on targets where layers have names."""
        ...

    def to_compute(self, x: Tensor) -> Tensor:
        """x in the type of the convolutions, fp16 or fp32."""
        ...

    def to_full(self, x: Tensor) -> Tensor:
        """x in fp32: fp16 flow and coordinates step by 2 pixels beyond 2048."""
        ...

    def add(self, a: Tensor, b: Tensor | float) -> Tensor:
        """a + b. Axes of length 1 are broadcast, as in the next three methods."""
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
        """min(max(x, low), high)."""
        ...

    # Channels

    def join(self, tensors: Sequence[Tensor]) -> Tensor:
        """Concatenate along the channels; a single tensor is returned unchanged."""
        ...

    def split(self, x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        """Split along the channels into parts of these sizes, which add up to C."""
        ...

    def first(self, x: Tensor, count: int) -> Tensor:
        """The first `count` channels."""
        ...

    def mean_channels(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W), the mean."""
        ...

    def norm_channels(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W), the Euclidean norm: the length of a flow."""
        ...

    # Rows and columns

    def resize(self, x: Tensor, factor: float) -> Tensor:
        """(N, C, H, W) -> (N, C, H * factor, W * factor): bilinear between pixel centres.

        Not antialiased: 1/2 gives the mean of 2x2 pixels, 1/4 the mean of the inner 2x2 of 4x4
        pixels. factor: a power of two; H * factor and W * factor are whole.
        """
        ...

    def plane(self, timestep: Tensor, s: float) -> Tensor:
        """(N, 1, 1, 1) -> a constant plane (N, 1, H / s, W / s), H and W of the run's frames."""
        ...

    def every(self, x: Tensor, step: int) -> Tensor:
        """Rows and columns 0, step, 2 * step, ..."""
        ...

    def max_pool(self, x: Tensor, size: int, stride: int) -> Tensor:
        """Maximum of each size x size window.

        stride: `size`, which divides H and W; or 1: windows are centred on each pixel and cropped
        to the picture.
        """
        ...

    def mean_pool(self, x: Tensor, size: int) -> Tensor:
        """Mean of the size x size window centred on each pixel, cropped to the picture."""
        ...

    def pixel_shuffle(self, x: Tensor) -> Tensor:
        """(N, 4 * C, H, W) -> (N, C, 2 * H, 2 * W).

        The first four channels become the upper left, upper right, lower left and lower right pixel
        of each square.
        """
        ...

    # What is learnt

    def take(self, weight: Weight, axis: int, spans: Sequence[Span]) -> Weight:
        """Concatenate the spans of a weight along an axis, each times its factor."""
        ...

    def conv(
        self, x: Tensor, name: str, weight: Weight, bias: Weight, *, stride: int = 1
    ) -> Tensor:
        """Convolution: (N, I, H, W) -> (N, O, H / stride, W / stride).

        name: of the layer; weight (O, I, K, K), bias (O,); K is 3, with stride 1 or 2, a divisor of
        H and W; 1, with stride 1; or 4, with stride 2. Zero padding of (K - 1) // 2.
        Tolerance of all convolutions: 1e-5 of the sum of the absolute products in fp32, 2^-9 of it
        in fp16.
        """
        ...

    def deconv(self, x: Tensor, name: str, weight: Weight, bias: Weight) -> Tensor:
        """Transposed 4x4 convolution, stride 2, padding 1: (N, I, H, W) -> (N, O, 2 * H, 2 * W).

        weight (I, O, 4, 4), bias (O,).
        """
        ...

    def residual(
        self, x: Tensor, name: str, weight: Weight, bias: Weight, beta: Weight | None, groups: int
    ) -> Tensor:
        """leaky(x + beta * conv(x)): (N, C, H, W) -> the same.

        A grouped 3x3 convolution: weight (C, C / groups, 3, 3), bias (C,), beta (1, C, 1, 1), None
        for ones.
        """
        ...

    def leaky(self, x: Tensor) -> Tensor:
        """Leaky ReLU with slope `table.SLOPE`."""
        ...

    def prelu(self, x: Tensor, slopes: Weight) -> Tensor:
        """ReLU with a slope for each channel, (C,)."""
        ...

    # Both frames

    def stack(self, left: Tensor, right: Tensor) -> Pair:
        """The pair of both tensors."""
        ...

    def unstack(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """Left tensor, right tensor."""
        ...

    def images(self, pair: Pair) -> Pair:
        """The first three channels of both."""
        ...

    def side_by_side(self, pair: Pair, channels: int) -> Tensor:
        """The left frame's channels, then the right one's: (N, 2 * channels, H, W)."""
        ...

    def warp(self, pair: Pair, flow: Tensor, cell: float = 1) -> Pair:
        """Backward warp: out[y, x] = frame[y + v, x + u], bilinear, edge repeated.

        flow (N, 4, H, W), pixels: (u, v) into the left frame, then into the right one. cell: both
        are 1 / cell of the frames' size, and pixels are those of that size. Tolerance: the change
        of the result if the position is off by 2^-22 of the picture's side.
        """
        ...

    def bends(self, image: Tensor, channels: int) -> Tensor:
        """Half the second differences of a picture, for `warp_sharp`: along x, then along y.

        (N, channels, H, W) -> (N, 2, H, W), of the mean of three channels, or (N, 2 * channels, H,
        W), of each of more (colours and their alpha must move alike); 0 in the outermost columns
        (along x) and rows (along y).
        """
        ...

    def warp_sharp(self, pair: Pair, bends: Pair, flow: Tensor, channels: int) -> Pair:
        """`warp` without its blur; channels: of the pair, 3 or more; bends: `bends` of either.

        Between two pixels, at fraction f, linear interpolation is off by f * (1 - f) / 2 times the
        second derivative. That is taken off the pictures before they are warped, with f of the flow
        at the same pixel less its floor. It stands for the pixels that read this one, as flow is
        smooth. Tolerance of `warp`.
        """
        ...

    def warp_small(self, pair: Pair, flow: Tensor | None, s: float) -> Pair:
        """`warp`, then `resize` by 1 / s. flow at full size; None: no warp. Tolerance of `warp`.

        For s >= 4 only the inner 2x2 pixels of each s x s cell are used; targets may warp these
        alone.
        """
        ...

    # Matching

    def correlate(self, left: Tensor, right: Tensor, radius: int, cell: float = 1) -> Tensor:
        """Local cost volume: products left[y, x] * right[y + v, x + u], summed over the channels.

        (N, C, H, W) twice -> (N, (2 * radius + 1)**2, H, W): v from -radius to radius, then u; 0
        where right ends. cell: as of `warp`. Tolerance: that of convolutions.
        """
        ...

    def meet(self, left: Tensor, right: Tensor, radius: int, cell: float = 1) -> Tensor:
        """As `correlate`, of left[y - v, x - u] * right[y + v, x + u]; 0 where either ends.

        What moves evenly from one to the other meets where it is half way.
        """
        ...

    def soft_argmax(self, volume: Tensor, radius: int, sharpness: Weight) -> Tensor:
        """Where a volume of either is highest: (N, 3, H, W), u and v in pixels, the maximum.

        u and v are means under softmax(sharpness * volume). sharpness (1,).
        """
        ...

    # Whole frames

    def mean(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N,)."""
        ...

    def largest(self, flow: Tensor) -> Tensor:
        """(N, 4, H, W) -> (N, 2): maximum absolute value of channels 0-1, and of channels 2-3."""
        ...


type Weights[Weight] = Mapping[str, Weight]
