"""Drawings as SVG text: boxes, arrows, lines, dots and words on a light panel.

Written by hand and not with a plotting library, so that a drawing has the same bytes everywhere
and a test can compare it. The panel is opaque: the same file is readable on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

INK, GREY, LINE, PANEL = "#1f2430", "#5b6472", "#c4cad4", "#fbfbfd"
BLUE, ORANGE, GREEN, RED = "#2f6fb2", "#c0651a", "#2e7d4f", "#b3362f"
TINTS = {BLUE: "#e3edf8", ORANGE: "#fbeadb", GREEN: "#e1f1e7", RED: "#f8e2e0", GREY: "#eef0f3"}
FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

Point = tuple[float, float]


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class Drawing:
    """width, height: pixels. title: what the drawing shows, for those who cannot see it."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._parts: list[str] = []

    def text(
        self,
        at: Point,
        words: str,
        *,
        size: int = 13,
        colour: str = INK,
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        """Words whose baseline is at a point; several lines go downwards."""
        for row, line in enumerate(words.split("\n")):
            self._parts.append(
                f'<text x="{_n(at[0])}" y="{_n(at[1] + row * size * 1.3)}" font-size="{size}" '
                f'fill="{colour}" text-anchor="{anchor}"{' font-weight="600"' if bold else ""}>'
                f"{escape(line)}</text>"
            )

    def box(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        words: str = "",
        *,
        colour: str = GREY,
        size: int = 13,
        dashed: bool = False,
    ) -> None:
        """A rounded box; its first line of words is bold, all are centred."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" rx="7" '
            f'fill="{TINTS[colour]}" stroke="{colour}" stroke-width="1.4"{dash}/>'
        )
        lines = words.split("\n") if words else []
        first = top + height / 2 - (len(lines) - 1) * size * 0.65 + size * 0.35
        for row, line in enumerate(lines):
            where = (left + width / 2, first + row * size * 1.3)
            self.text(where, line, size=size, bold=row == 0, colour=INK if row == 0 else GREY)

    def line(
        self,
        points: Sequence[Point],
        *,
        colour: str = GREY,
        width: float = 1.6,
        dashed: bool = False,
        arrow: bool = False,
    ) -> None:
        """A line through points, with an arrow at its end if asked for."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" '
            f'stroke-width="{_n(width)}"{dash}/>'
        )
        if arrow:
            self._head(points[-2], points[-1], colour)

    def _head(self, start: Point, end: Point, colour: str) -> None:
        x, y = end[0] - start[0], end[1] - start[1]
        length = (x * x + y * y) ** 0.5
        x, y = x / length, y / length
        corners = [
            end,
            *((end[0] - 9 * x - s * 4.5 * y, end[1] - 9 * y + s * 4.5 * x) for s in (1, -1)),
        ]
        path = " ".join(f"{_n(a)},{_n(b)}" for a, b in corners)
        self._parts.append(f'<polygon points="{path}" fill="{colour}"/>')

    def dot(
        self, at: Point, *, colour: str = BLUE, radius: float = 5, hollow: bool = False
    ) -> None:
        fill = PANEL if hollow else colour
        self._parts.append(
            f'<circle cx="{_n(at[0])}" cy="{_n(at[1])}" r="{_n(radius)}" fill="{fill}" '
            f'stroke="{colour}" stroke-width="1.8"/>'
        )

    def __str__(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" font-family="{FONT}" role="img">'
        )
        panel = (
            f'<rect x="0.5" y="0.5" width="{self.width - 1}" height="{self.height - 1}" rx="9" '
            f'fill="{PANEL}" stroke="{LINE}"/>'
        )
        return "\n".join(
            [head, f"<title>{escape(self.title)}</title>", panel, *self._parts, "</svg>", ""]
        )
