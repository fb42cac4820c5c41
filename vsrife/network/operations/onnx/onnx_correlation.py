"""Local cost volumes as nodes.

Written down, one is a product of tensors for every displacement: the memory is passed over 81 times
for radius 4. By tiles it is one product of matrices for each tile of the left picture and all that
its cells may meet in the right one; those that belong together are then picked out. Several times
the arithmetic, but of the kind that is fast. It takes room for all those products, 144 numbers for
each cell at radius 2, where little is won; and small radii go with small cells.
"""

from __future__ import annotations

import numpy as np

from vsrife.network.operations.onnx.onnx_writer import END, Array, Writer

TILED = 3  # radius from which on tiles pay
_TILE = 8  # cells of a side, at least


def correlate(w: Writer, left: str, right: str, radius: int, size: tuple[int, int] | None) -> str:
    """See `interface.Operations`; left, right (1, C, h, w).

    size: w and h, to do it by tiles if they pay; None: displacement by displacement, at any size.
    """
    if size is None or radius < TILED:
        return _by_displacements(w, left, right, radius)
    return _by_tiles(w, left, right, radius, size)


def soft_argmax(w: Writer, volume: str, radius: int, sharpness: Array) -> str:
    """See `interface.Operations`."""
    sharp = w.constant(np.reshape(sharpness, (1, 1, 1, 1)))
    shares = w.op("Softmax", w.op("Mul", volume, sharp), axis=1)
    steps = np.arange(-radius, radius + 1, dtype=np.float32)
    places = np.stack((np.tile(steps, len(steps)), np.repeat(steps, len(steps))))
    place = w.op("Conv", shares, w.constant(places[:, :, None, None]))
    return w.op("Concat", place, w.op("ReduceMax", volume, axes=[1], keepdims=1), axis=1)


def _by_displacements(w: Writer, left: str, right: str, radius: int) -> str:
    padded = _padded(w, right, [radius] * 4)
    span = range(2 * radius + 1)
    products = [_product(w, left, padded, dy, dx, radius) for dy in span for dx in span]
    return w.op("Concat", *products, axis=1)


def _product(w: Writer, left: str, padded: str, dy: int, dx: int, radius: int) -> str:
    ends = [d - 2 * radius or END for d in (dy, dx)]
    moved = w.op("Slice", padded, w.integers([dy, dx]), w.integers(ends), w.integers([2, 3]))
    return w.op("ReduceSum", w.op("Mul", left, moved), w.integers([1]), keepdims=1)


def _by_tiles(w: Writer, left: str, right: str, radius: int, size: tuple[int, int]) -> str:
    """What a tile may meet reaches into the next one by 2 * radius cells, which is no further."""
    tile = max(_TILE, 2 * radius)
    across, down = (-(-side // tile) for side in size)
    missing = [down * tile - size[1], across * tile - size[0]]
    left = _padded(w, left, [0, 0, *missing])
    left = w.op("Reshape", left, w.integers([-1, down, tile, across, tile]))
    left = w.op("Transpose", left, perm=[1, 3, 0, 2, 4])
    left = w.op("Reshape", left, w.integers([down * across, -1, tile * tile]))
    right = _padded(w, right, [radius, radius, *(m + tile - radius for m in missing)])
    right = w.op("Reshape", right, w.integers([-1, down + 1, tile, across + 1, tile]))
    right = w.op("Transpose", right, perm=[1, 2, 3, 4, 0])
    right = _reaching(w, _reaching(w, right, 0, down, radius), 2, across, radius)
    right = w.op("Transpose", right, perm=[0, 2, 1, 3, 4])
    reach = tile + 2 * radius
    right = w.op("Reshape", right, w.integers([down * across, reach * reach, -1]))
    every = w.op("MatMul", right, left)  # (tiles, reach * reach, tile * tile)
    every = w.op("Reshape", every, w.integers([down * across, -1]))
    picked = w.op("Gather", every, w.constant(_pairs(tile, radius), np.int64), axis=1)
    picked = w.op("Reshape", picked, w.integers([down, across, -1, tile, tile]))
    picked = w.op("Transpose", picked, perm=[2, 0, 3, 1, 4])
    volume = w.op("Reshape", picked, w.integers([1, -1, down * tile, across * tile]))
    if missing == [0, 0]:
        return volume
    return w.op("Slice", volume, w.integers([0, 0]), w.integers(size[::-1]), w.integers([2, 3]))


def _reaching(w: Writer, x: str, axis: int, count: int, radius: int) -> str:
    """Tiles along `axis`, whose cells are along axis + 1, with the first cells of the next ones."""
    axes = w.integers([axis])
    own = w.op("Slice", x, w.integers([0]), w.integers([count]), axes)
    bounds = w.integers([1, 0]), w.integers([count + 1, 2 * radius])
    beyond = w.op("Slice", x, *bounds, w.integers([axis, axis + 1]))
    return w.op("Concat", own, beyond, axis=axis + 1)


def _pairs(tile: int, radius: int) -> Array:
    """Where in (reach, reach, tile, tile) the cells are that are displaced by dy, dx.

    ((2 * radius + 1)**2 * tile**2,), in the order dy, dx, y, x.
    """
    reach, span = tile + 2 * radius, np.arange(2 * radius + 1)
    dy, dx, y, x = np.meshgrid(span, span, np.arange(tile), np.arange(tile), indexing="ij")
    return ((((y + dy) * reach + x + dx) * tile + y) * tile + x).reshape(-1)


def _padded(w: Writer, x: str, sides: list[int]) -> str:
    """Zeros around x; sides: above, left, below, right."""
    above, left, below, right = sides
    if not any(sides):
        return x
    return w.op("Pad", x, w.integers([0, 0, above, left, 0, 0, below, right]))
