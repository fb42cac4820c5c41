"""One block of a network as nodes.

What multiplies by powers of two or by one number per channel is put into the weights: beta, the
factors of the flow, and in fp32 the residual sum of a `beta` body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vsrife.network.operations.onnx_writer import Array, Writer
from vsrife.network.previous.onnx.correlation import correlate, peak
from vsrife.network.previous.onnx.operations import (
    cast,
    channels,
    conv,
    deconv,
    join,
    leaky,
    prelu,
    reshape,
    resize,
    split,
)
from vsrife.network.table import Arch


class Block:
    """Writes the nodes of a block, as often as it runs.

    It reads, in this order: warped left picture and encoding, right ones, then flow, mask and
    features (from the second block on) and the timestep; all at 1/s of full size, flow in pixels of
    full size. It gives flow (in pixels of full size), mask and features at 1/`grow` of full size.
    """

    def __init__(
        self,
        w: Writer,
        state: Mapping[str, Array],
        arch: Arch,
        index: int,
        s: float,
        size: tuple[int, int] | None,
    ) -> None:
        """s: pixels of full size per pixel that it sees; size: see `correlate`, of full size."""
        self._w, self._arch, self.s, self._name = w, arch, s, f"block{index}"
        self._state = {
            key.removeprefix(f"{self._name}."): np.asarray(value, np.float32)
            for key, value in state.items()
            if key.startswith(f"{self._name}.")
        }
        self.halvings, self.radius = arch.block_halvings(index), arch.block_radius(index)
        self._peaks, self._matches = arch.block_peaks(index), arch.block_matches(index)
        self.first, self._convs = index == 0, arch.block_convs(index)
        self._shuffles = arch.block_shuffles(index)
        self.grow = s * (2**self.halvings // (4 if self._shuffles else 2))
        last = index == len(arch.widths) - 1
        self.outputs = 5 + (arch.still if last else arch.feat)
        self._width = arch.widths[index]
        self.cell = s * 2**self.halvings
        self._cells = None if size is None else (int(size[0] / self.cell), int(size[1] / self.cell))

    def write(
        self,
        pair: str,
        passed_on: Sequence[str],
        timestep: str,
        *,
        mirrored: bool = False,
        unmoved: str = "",
    ) -> str:
        """(1, outputs, H / grow, W / grow), fp32.

        pair (2, C, H / s, W / s): left, right; passed_on: flow, mask and features, in one tensor or
        several; timestep (1, 1, H / s, W / s), or of a cell's size where the block correlates;
        mirrored: time reversed, for ensembles; the timestep must be so already; unmoved
        (1, 2, H / cell, W / cell): see `Refinement`, for the blocks that read it.
        """
        with self._w.scope(self._name):
            if self.radius:
                x = self._correlated(pair, passed_on, timestep, unmoved)
            else:
                x = self._stem(pair, passed_on, timestep, mirrored)
            return self._tail(self._body(x), mirrored)

    def _stem(self, pair: str, passed_on: Sequence[str], timestep: str, mirrored: bool) -> str:
        w = self._w
        images = 3 + (self._arch.encoder.out if self._arch.encoder else 0)
        x = cast(w, join(w, [reshape(w, pair, 1, 2 * images), *passed_on, timestep]), half=True)
        weight = self._in_order(self._state["conv0.0.0.weight"], 0, mirrored)
        return self._strided(x, weight)

    def _strided(self, x: str, weight: Array) -> str:
        x = self._conv(x, "conv0.0.0", weight, stride=2)
        x = self._activation(x, "conv0.0.1")
        weight = self._state["conv0.1.0.weight"]
        x = self._conv(x, "conv0.1.0", weight, stride=self.halvings)
        return self._activation(x, "conv0.1.1")

    def _in_order(self, weight: Array, rest_from: int | None, mirrored: bool) -> Array:
        """Input channels of a checkpoint's convolution in the order in which they are joined."""
        out = self._arch.encoder.out if self._arch.encoder else 0
        left = [0, 1, 2, *range(6, 6 + out)]
        right = [3, 4, 5, *range(6 + out, 6 + 2 * out)]
        t = 6 + 2 * out
        rest = [] if self.first else self._rest(t + 1)
        if mirrored:
            left, right = right, left
            rest = [*rest[2:4], *rest[:2], *rest[4:]]
        ordered = weight[:, [*left, *right, *rest, t]].copy()
        return self._scaled(ordered, len(left) * 2, mirrored)

    def _rest(self, start: int) -> list[int]:
        """Flow, mask and features, where a checkpoint has mask, features and flow from `start`."""
        flow = start + 1 + self._arch.feat
        return [*range(flow, flow + 4), start, *range(start + 1, flow)]

    def _scaled(self, ordered: Array, at: int, mirrored: bool) -> Array:
        """The flow's factor 1/s; a mirrored mask is the negative one."""
        if not self.first:
            ordered[:, at : at + 4] /= self.s
            if mirrored:
                ordered[:, at + 4] *= -1
        return ordered

    def _correlated(self, pair: str, passed_on: Sequence[str], timestep: str, unmoved: str) -> str:
        w = self._w
        images = channels(w, pair, 3) if self._arch.encoder else pair
        cells = self._strided(cast(w, images, half=True), self._state["conv0.0.0.weight"])
        volume = correlate(w, cast(w, cells, half=False), self.radius, self._cells)
        matches = [volume, peak(w, volume, self.radius)] if self._peaks else [volume]
        rest = [resize(w, join(w, passed_on), 0.5**self.halvings)] if passed_on else []
        seen = [unmoved] if unmoved else []
        small = cast(w, join(w, [*matches, *rest, timestep, *seen]), half=True)
        joined = join(w, [*split(w, cells, [1, 1], axis=0), small])
        weight = self._state["merge.weight"]
        before = 2 * self._width + self._matches
        rest_places = [] if self.first else self._rest(before + 1)
        last = range(weight.shape[1] - (2 if unmoved else 0), weight.shape[1])
        ordered = weight[:, [*range(before), *rest_places, before, *last]].copy()
        return leaky(w, self._conv(joined, "merge", self._scaled(ordered, before, False)))

    def _body(self, x: str) -> str:
        w, before = self._w, x
        for j in range(self._convs):
            if self._arch.body == "beta":
                x = self._residual(x, f"convblock.{j}")
            else:
                x = self._conv(x, f"convblock.{j}.0")
                x = self._activation(x, f"convblock.{j}.1")
        return w.op("Add", x, before) if self._arch.body == "skip" else x

    def _residual(self, x: str, key: str) -> str:
        w, groups = self._w, self._arch.groups
        beta = self._state[f"{key}.beta"].reshape(-1)
        weight = self._state[f"{key}.conv.weight"] * beta[:, None, None, None]
        bias = self._state[f"{key}.conv.bias"] * beta
        if not w.half:  # the ones would round fp16 weights to steps of 2^-10
            rows = np.arange(self._width)
            weight[rows, rows % (self._width // groups), 1, 1] += 1
        y = conv(w, x, f"{key}.conv", weight, bias, groups=groups)
        return leaky(w, w.op("Add", y, x) if w.half else y)

    def _tail(self, x: str, mirrored: bool) -> str:
        w, name = self._w, "lastconv.0" if self._shuffles else "lastconv"
        phases = 4 if self._shuffles else 1
        used = self.outputs * phases
        weight = self._state[f"{name}.weight"][:, :used].copy()
        bias = self._state[f"{name}.bias"][:used].copy()
        for array in (weight.swapaxes(0, 1), bias):
            array[: 4 * phases] *= self.grow
            if mirrored:
                array[: 4 * phases] = np.roll(array[: 4 * phases], 2 * phases, 0)
                array[4 * phases : 5 * phases] *= -1
        x = deconv(w, x, name, weight, bias)
        if self._shuffles:
            x = w.op("DepthToSpace", x, blocksize=2, mode="CRD")
        return cast(w, x, half=False)

    def _conv(self, x: str, key: str, weight: Array | None = None, *, stride: int = 1) -> str:
        if weight is None:
            weight = self._state[f"{key}.weight"]
        return conv(self._w, x, key, weight, self._state[f"{key}.bias"], stride=stride)

    def _activation(self, x: str, key: str) -> str:
        if self._arch.prelu:
            return prelu(self._w, x, self._state[f"{key}.weight"])
        return leaky(self._w, x)
