"""Charts of figures.toml, as SVG. docs/pictures/make.py writes them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from svg import BLUE, GREEN, GREY, LINE, ORANGE, Drawing

FIGURES = tomllib.loads(Path(__file__).with_name("figures.toml").read_text(encoding="utf-8"))
COLOURS = (BLUE, ORANGE, GREEN)


class _Axes:
    """A plot area; x and y run over `spans` (low, high)."""

    def __init__(
        self,
        drawing: Drawing,
        area: tuple[float, float, float, float],
        x: tuple[float, float],
        y: tuple[float, float],
    ) -> None:
        self.drawing, self.area, self.x, self.y = drawing, area, x, y

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top, width, height = self.area
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return left + across * width, top + (1 - up) * height

    def grid(self, x: Sequence[float], y: Sequence[float], unit: str = "") -> None:
        left, top, width, height = self.area
        for value in y:
            _, down = self.at(self.x[0], value)
            self.drawing.line([(left, down), (left + width, down)], colour=LINE, width=1)
            text = f"{value:+g}" if min(y) < 0 and value else f"{value:g}"
            self.drawing.text((left - 8, down + 4), text + unit, size=12, anchor="end", colour=GREY)
        for value in x:
            across, _ = self.at(value, self.y[0])
            self.drawing.text((across, top + height + 20), f"{value:g}", size=12, colour=GREY)


def quality() -> Drawing:
    """Quality against time: networks are points, methods without one are dashed lines."""
    d = Drawing(840, 380, "PSNR of new frames compared with nano, over seconds for a new frame")
    for n, (kind, low, ticks) in enumerate(
        (("filmed", -2.5, (-2, -1, 0)), ("drawn", -2.5, (-2, -1, 0)))
    ):
        axes = _Axes(d, (70 + n * 400, 50, 340, 250), (0.0, 0.33), (low, 0.7))
        left = axes.area[0]
        d.text((left + 170, 32), f"{kind} clips", bold=True)
        axes.grid((0.1, 0.2, 0.3), ticks, " dB")
        for k, row in enumerate(FIGURES["quality"]):
            if row["seconds"]:
                at = axes.at(row["seconds"], row[kind])
                d.dot(at, colour=ORANGE if row["name"] == "4.25" else BLUE, radius=6)
                below = k % 2  # in turns: neighbours would overlap
                words = f"{row['name']} {row[kind]:+.2f}"
                d.text((at[0] + 10, at[1] + (18 if below else -8)), words, anchor="start")
            elif row[kind] > low:
                _, y = axes.at(0, row[kind])
                d.line([(left, y), (left + 340, y)], dashed=True, colour=GREEN)
                words = f"{row['name']} {row[kind]:+.2f}"
                d.text((left + 336, y - 5), words, anchor="end", size=12, colour=GREEN)
            else:
                d.text(
                    (left + 336, 292),
                    f"{row['name']} {row[kind]:+.2f}, below",
                    anchor="end",
                    size=12,
                    colour=GREEN,
                )
    d.text((420, 344), "seconds for a new frame of 640x360 on two CPU cores, OpenVINO", colour=GREY)
    d.text((420, 364), "up is better, left is faster; dashed: no network", size=12, colour=GREY)
    return d


def speed() -> Drawing:
    """Seconds for a new frame, by model and backend."""
    table = FIGURES["speed"]
    runtimes = [name for name in table if name != "models"]
    scale = 590 / max(seconds for name in runtimes for seconds in table[name])
    d = Drawing(
        840, 60 + 64 * len(table["models"]), "Seconds for a new frame of 640x360, by backend"
    )
    for n, model in enumerate(table["models"]):
        top = 22 + n * 64
        d.text((100, top + 30), model, anchor="end", bold=True)
        for k, name in enumerate(runtimes):
            seconds = table[name][n]
            d.box(112, top + k * 17, seconds * scale, 14, colour=COLOURS[k])
            words = f"{seconds:.3f}  {name}"
            d.text(
                (120 + seconds * scale, top + k * 17 + 11),
                words,
                anchor="start",
                size=11,
                colour=GREY,
            )
    d.text(
        (420, 42 + 64 * len(table["models"])),
        "seconds for a new frame of 640x360 on two CPU cores; shorter is faster",
        size=12,
        colour=GREY,
    )
    return d


CHARTS = {"quality": quality, "speed": speed}
