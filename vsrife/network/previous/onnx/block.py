"""One block of a network as nodes.

What multiplies by powers of two or by one number per channel is put into the weights: beta, the
factors of the flow, and in fp32 the residual sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vsrife.network.operations.onnx.onnx_writer import Array, Writer
from vsrife.network.previous.onnx.correlation import correlate, soft_argmax
from vsrife.network.previous.onnx.operations import (
    cast,
    conv,
    deconv,
    join,
    leaky,
    resize,
    split,
)
from vsrife.network.table import Arch


class Block:
    """Writes the nodes of a block, as often as it runs.

    It reads both warped images, then flow, mask and features (from the second block on) and the
    timestep; all at 1/s of full size, flow in pixels of full size. It gives flow (in pixels of full
    size), mask and features at 1/`grow` of full size.
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
        self._locates, self._matches = arch.block_soft_argmax(index), arch.block_matches(index)
        self.first, self._convs = index == 0, arch.block_convs(index)
        self._shuffles = arch.block_shuffles(index)
        self.grow = s * (2**self.halvings // (4 if self._shuffles else 2))
        last = index == len(arch.widths) - 1
        self.outputs = 5 + (arch.static if last else arch.feat)
        self._width = arch.widths[index]
        self.cell = s * 2**self.halvings
        self._cells = None if size is None else (int(size[0] / self.cell), int(size[1] / self.cell))

    def write(
        self, pair: str, passed_on: Sequence[str], timestep: str, *, unmoved: str = ""
    ) -> str:
        """(1, outputs, H / grow, W / grow), fp32.

        pair (2, 3, H / s, W / s): left, right; passed_on: flow, mask and features, in one tensor or
        several; timestep (1, 1, H / cell, W / cell); unmoved (1, 2, H / cell, W / cell): see
        `Refinement`, for the blocks that read it.
        """
        with self._w.scope(self._name):
            x = self._correlated(pair, passed_on, timestep, unmoved)
            return self._tail(self._body(x))

    def _strided(self, x: str) -> str:
        x = leaky(self._w, self._conv(x, "conv0.0.0", stride=2))
        return leaky(self._w, self._conv(x, "conv0.1.0", stride=self.halvings))

    def _rest(self, start: int) -> list[int]:
        """Flow, mask and features, where a checkpoint has mask, features and flow from `start`."""
        flow = start + 1 + self._arch.feat
        return [*range(flow, flow + 4), start, *range(start + 1, flow)]

    def _correlated(self, pair: str, passed_on: Sequence[str], timestep: str, unmoved: str) -> str:
        w = self._w
        cells = self._strided(cast(w, pair, half=True))
        volume = correlate(w, cast(w, cells, half=False), self.radius, self._cells)
        matches = [volume, soft_argmax(w, volume, self.radius)] if self._locates else [volume]
        rest = [resize(w, join(w, passed_on), 0.5**self.halvings)] if passed_on else []
        seen = [unmoved] if unmoved else []
        small = cast(w, join(w, [*matches, *rest, timestep, *seen]), half=True)
        joined = join(w, [*split(w, cells, [1, 1], axis=0), small])
        weight = self._state["merge.weight"]
        before = 2 * self._width + self._matches
        rest_places = [] if self.first else self._rest(before + 1)
        last = range(weight.shape[1] - (2 if unmoved else 0), weight.shape[1])
        ordered = weight[:, [*range(before), *rest_places, before, *last]].copy()
        if not self.first:
            ordered[:, before : before + 4] /= self.s
        return leaky(w, self._conv(joined, "merge", ordered))

    def _body(self, x: str) -> str:
        for j in range(self._convs):
            x = self._residual(x, f"convblock.{j}")
        return x

    def _residual(self, x: str, key: str) -> str:
        w = self._w
        beta = self._state[f"{key}.beta"].reshape(-1)
        weight = self._state[f"{key}.conv.weight"] * beta[:, None, None, None]
        bias = self._state[f"{key}.conv.bias"] * beta
        if not w.half:  # the ones would round fp16 weights to steps of 2^-10
            rows = np.arange(self._width)
            weight[rows, rows, 1, 1] += 1
        y = conv(w, x, f"{key}.conv", weight, bias)
        return leaky(w, w.op("Add", y, x) if w.half else y)

    def _tail(self, x: str) -> str:
        w, name = self._w, "lastconv.0" if self._shuffles else "lastconv"
        phases = 4 if self._shuffles else 1
        used = self.outputs * phases
        weight = self._state[f"{name}.weight"][:, :used].copy()
        bias = self._state[f"{name}.bias"][:used].copy()
        for array in (weight.swapaxes(0, 1), bias):
            array[: 4 * phases] *= self.grow
        x = deconv(w, x, name, weight, bias)
        if self._shuffles:
            x = w.op("DepthToSpace", x, blocksize=2, mode="CRD")
        return cast(w, x, half=False)

    def _conv(self, x: str, key: str, weight: Array | None = None, *, stride: int = 1) -> str:
        if weight is None:
            weight = self._state[f"{key}.weight"]
        return conv(self._w, x, key, weight, self._state[f"{key}.bias"], stride=stride)
