"""Anti-aliased shapes on a canvas, for the demo. Needs numpy only.

A shape is a signed distance function (x, y) -> distance to its edge, negative inside. World units
are pixels at zoom 1, x to the right, y down. Coverage of a pixel is proportional to that distance,
so subpixel motion shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 480, 272

Array = NDArray[np.floating[Any]]
Colour = tuple[int, int, int]
INK: Colour = (38, 30, 46)
_EVERYWHERE = (-1e6, -1e6, 1e6, 1e6)


class Shape(NamedTuple):
    """distance: see above; box: bounds of the inside, world units."""

    distance: Callable[[Array, Array], Array]
    box: tuple[float, float, float, float]  # left, top, right, bottom


class Canvas:
    """pixels (HEIGHT, WIDTH, 3), R'G'B' in 0..1, first a vertical gradient of two colours."""

    def __init__(self, top: Colour, bottom: Colour) -> None:
        shade = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
        both = np.array([top, bottom], np.float32) / 255
        self.pixels: Array = np.broadcast_to(
            both[0] + (both[1] - both[0]) * shade, (HEIGHT, WIDTH, 3)
        ).copy()
        self.look(WIDTH / 2, HEIGHT / 2)

    def look(self, x: float, y: float, zoom: float = 1.0) -> None:
        """Centre the view on world point (x, y); a world unit becomes `zoom` pixels."""
        self._zoom = zoom
        self._x = ((np.arange(WIDTH) + 0.5 - WIDTH / 2) / zoom + x).astype(np.float32)
        self._y = ((np.arange(HEIGHT) + 0.5 - HEIGHT / 2) / zoom + y).astype(np.float32)

    def fill(self, shape: Shape, colour: Colour, outline: float = 1.8) -> None:
        """Paint a shape, with an ink line of `outline` world units along its edge."""
        left, top, right, bottom = shape.box
        margin = outline + 2 / self._zoom
        columns = slice(*np.searchsorted(self._x, (left - margin, right + margin)))
        rows = slice(*np.searchsorted(self._y, (top - margin, bottom + margin)))
        x, y = self._x[None, columns], self._y[rows, None]
        if not x.size or not y.size:
            return
        distance, part = shape.distance(x, y), self.pixels[rows, columns]
        for edge, paint in ((outline / 2, INK), (-outline / 2, colour)):
            if outline or paint is colour:
                cover = np.clip(0.5 - (distance - edge) * self._zoom, 0, 1)
                for channel, value in enumerate(paint):  # numpy is slow along an axis of three
                    plane = part[..., channel]
                    plane += cover * (np.float32(value) / np.float32(255) - plane)


def circle(x: float, y: float, radius: float) -> Shape:
    """A disc with centre (x, y)."""
    box = (x - radius, y - radius, x + radius, y + radius)
    return Shape(lambda u, v: np.hypot(u - x, v - y) - radius, box)


def ring(x: float, y: float, radius: float, width: float) -> Shape:
    """A ring; `radius` is that of its middle line."""
    disc = circle(x, y, radius)
    box = (x - radius - width, y - radius - width, x + radius + width, y + radius + width)
    return Shape(lambda u, v: np.abs(disc.distance(u, v)) - width / 2, box)


def block(x: float, y: float, width: float, height: float, corner: float = 0) -> Shape:
    """A rectangle with centre (x, y) and rounded corners."""

    def distance(u: Array, v: Array) -> Array:
        a = np.abs(u - x) - width / 2 + corner
        b = np.abs(v - y) - height / 2 + corner
        beyond = np.hypot(np.maximum(a, 0), np.maximum(b, 0))
        return np.asarray(beyond + np.minimum(np.maximum(a, b), 0) - corner)

    return Shape(distance, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))


def stroke(x0: float, y0: float, x1: float, y1: float, width: float) -> Shape:
    """A line with round ends."""
    length2 = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-9)

    def distance(u: Array, v: Array) -> Array:
        along = np.clip(((u - x0) * (x1 - x0) + (v - y0) * (y1 - y0)) / length2, 0, 1)
        return np.asarray(
            np.hypot(u - x0 - along * (x1 - x0), v - y0 - along * (y1 - y0)) - width / 2
        )

    half = width / 2
    return Shape(
        distance,
        (min(x0, x1) - half, min(y0, y1) - half, max(x0, x1) + half, max(y0, y1) + half),
    )


def convex(*points: tuple[float, float]) -> Shape:
    """A convex polygon; corners clockwise on the screen."""

    def distance(u: Array, v: Array) -> Array:
        sides = []
        for (x0, y0), (x1, y1) in zip(points, (*points[1:], points[0]), strict=True):
            length = float(np.hypot(x1 - x0, y1 - y0))
            sides.append(((y1 - y0) * (u - x0) - (x1 - x0) * (v - y0)) / length)
        return np.asarray(np.max(np.broadcast_arrays(*sides), axis=0))

    xs, ys = zip(*points, strict=True)
    return Shape(distance, (min(xs), min(ys), max(xs), max(ys)))


def ground(height: float, *waves: tuple[float, float, float]) -> Shape:
    """Everything below a wavy line; waves: amplitude, length and phase, world units."""

    def distance(u: Array, v: Array) -> Array:
        line, slope = np.full_like(u, height), np.zeros_like(u)
        for amplitude, length, phase in waves:
            turn = 2 * pi / length
            line += amplitude * np.sin((u - phase) * turn)
            slope += amplitude * turn * np.cos((u - phase) * turn)
        return np.asarray((line - v) / np.sqrt(1 + slope**2))

    top = height - sum(abs(amplitude) for amplitude, _, _ in waves)
    return Shape(distance, (_EVERYWHERE[0], top, *_EVERYWHERE[2:]))


def union(shapes: Sequence[Shape]) -> Shape:
    """Everything inside at least one of the shapes."""
    left, top, right, bottom = zip(*(shape.box for shape in shapes), strict=True)
    return Shape(
        lambda u, v: np.asarray(np.min([s.distance(u, v) for s in shapes], axis=0)),
        (min(left), min(top), max(right), max(bottom)),
    )


def outside(shape: Shape) -> Shape:
    """Everything outside a shape."""
    return Shape(lambda u, v: -shape.distance(u, v), _EVERYWHERE)


def common(first: Shape, second: Shape) -> Shape:
    """The intersection of two shapes, with the box of `first`."""
    return Shape(lambda u, v: np.maximum(first.distance(u, v), second.distance(u, v)), first.box)
