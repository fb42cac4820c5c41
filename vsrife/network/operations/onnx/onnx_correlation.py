"""Local cost volumes as nodes.

Written down, one is a product of tensors for every displacement: the memory is passed over 81 times
for radius 4. By lines, it is one product of matrices for each line of the left picture and each
line of the right one that it may meet; by tiles, one for each tile of the left picture and all that
its cells may meet in the right one. Those that belong together are then picked out. Both are
several times the arithmetic, but of the kind that is fast: lines while they are short, tiles where
cells have many channels. All takes room for the products, 144 numbers for each cell at radius 2,
where little is won.
"""

from __future__ import annotations

import numpy as np

from vsrife.network.operations.onnx.onnx_writer import END, Array, Writer

TILED = 3  # radius from which on tiles pay
_TILE = 8  # cells of a side, at least
_LINE = 48  # cells of the longest line that is multiplied whole


def correlate(
    w: Writer,
    left: str,
    right: str,
    radius: int,
    size: tuple[int, int] | None,
    *,
    tiles: bool = True,
) -> str:
    """See `interface.Operations`; left, right (1, C, h, w).

    size: w and h, to do it by products of matrices if they pay; None: displacement by displacement,
    at any size. tiles: whether those of tiles may pay; with 16 channels they do not.
    """
    if size is not None and radius >= TILED:
        if size[0] <= _LINE:
            return _by_lines(w, left, right, 0, radius, size)
        if tiles:
            return _by_tiles(w, left, right, radius, size)
    return _by_displacements(w, left, right, 0, radius)


def meet(w: Writer, left: str, right: str, radius: int, size: tuple[int, int] | None) -> str:
    """See `interface.Operations`; as `correlate`, but both sides of a tile would reach too far."""
    if size is not None and radius >= TILED and size[0] <= _LINE:
        return _by_lines(w, left, right, radius, radius, size)
    return _by_displacements(w, left, right, radius, radius)


def soft_argmax(w: Writer, volume: str, radius: int, sharpness: Array) -> str:
    """See `interface.Operations`."""
    sharp = w.constant(np.reshape(sharpness, (1, 1, 1, 1)))
    shares = w.op("Softmax", w.op("Mul", volume, sharp), axis=1)
    steps = np.arange(-radius, radius + 1, dtype=np.float32)
    places = np.stack((np.tile(steps, len(steps)), np.repeat(steps, len(steps))))
    place = w.op("Conv", shares, w.constant(places[:, :, None, None]))
    return w.op("Concat", place, w.op("ReduceMax", volume, axes=[1], keepdims=1), axis=1)


def _by_displacements(w: Writer, left: str, right: str, back: int, radius: int) -> str:
    """back: how far left is moved, against right: as far, or not at all."""
    left, right = (_padded(w, x, [edge] * 4) for x, edge in ((left, back), (right, radius)))
    span = range(-radius, radius + 1)
    products = []
    for v in span:
        for u in span:
            one = _moved(w, left, back - v, back - u, back) if back else left
            product = w.op("Mul", one, _moved(w, right, radius + v, radius + u, radius))
            products.append(w.op("ReduceSum", product, w.integers([1]), keepdims=1))
    return w.op("Concat", *products, axis=1)


def _moved(w: Writer, padded: str, top: int, start: int, edge: int) -> str:
    ends = [d - 2 * edge or END for d in (top, start)]
    return w.op("Slice", padded, w.integers([top, start]), w.integers(ends), w.integers([2, 3]))


def _by_lines(
    w: Writer, left: str, right: str, back: int, radius: int, size: tuple[int, int]
) -> str:
    """back: as of `_by_displacements`."""
    width, height = size
    left = w.op("Transpose", _padded(w, left, [back] * 4), perm=[0, 2, 3, 1])
    right = w.op("Transpose", _padded(w, right, [radius] * 4), perm=[0, 2, 1, 3])
    span = range(-radius, radius + 1)
    products = []
    for v in span:
        ours = _lines(w, left, back - v, height) if back else left
        products.append(w.op("MatMul", ours, _lines(w, right, radius + v, height)))
    every = w.op("Concat", *products, axis=0)
    every = w.op("Reshape", every, w.integers([len(span), height, -1]))
    u, x = np.meshgrid(span, np.arange(width), indexing="ij")
    pairs = (x + (back - u if back else 0)) * (width + 2 * radius) + x + radius + u
    picked = w.op("Gather", every, w.constant(pairs.reshape(-1), np.int64), axis=2)
    picked = w.op("Reshape", picked, w.integers([len(span), height, len(span), width]))
    picked = w.op("Transpose", picked, perm=[0, 2, 1, 3])
    return w.op("Reshape", picked, w.integers([1, -1, height, width]))


def _lines(w: Writer, x: str, top: int, count: int) -> str:
    return w.op("Slice", x, w.integers([top]), w.integers([top + count]), w.integers([1]))


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
