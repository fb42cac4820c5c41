"""Scores over time as inline SVG, which needs no library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vsrife.evaluation.compare.comparison import Comparison
from vsrife.evaluation.scores.measures import MEASURES

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1000, 130, 50, 22, 8, 20
_MOST = 900  # points of a line: more than one for each pixel is never seen
_TICKS = 5


def places_of(seconds: Sequence[float]) -> list[float]:
    """Where each time stands on the axis, 0..1."""
    span = (seconds[-1] - seconds[0]) or 1.0
    return [(at - seconds[0]) / span for at in seconds]


def plots(found: Comparison, pictured: Sequence[int]) -> Iterator[str]:
    """One plot for each measure, with a line for each film; dots: frames that have a picture."""
    for name in found.measures:
        yield f"<h2>{MEASURES[name].label}</h2>"
        yield f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" ' \
              f'aria-label="{MEASURES[name].label} over time">'  # fmt: skip
        yield from _plot(found, name, pictured)
        yield "</svg>"


def _plot(found: Comparison, name: str, pictured: Sequence[int]) -> Iterator[str]:
    columns = {letter: scores[name] for letter, scores in found.scores.items()}
    least, most = _range([value for values in columns.values() for value in values])
    across = [LEFT + place * (WIDTH - LEFT - RIGHT) for place in places_of(found.seconds)]

    def down(value: float) -> float:
        return TOP + (most - value) / (most - least) * (HEIGHT - TOP - BOTTOM)

    digits = MEASURES[name].digits
    for value in (least, (least + most) / 2, most):
        y = down(value)
        yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{value:.{digits}f}</text>'
    yield from _seconds(found.seconds)
    for letter, values in columns.items():
        points = " ".join(f"{across[n]:.1f},{down(values[n]):.1f}" for n in thinned(values, _MOST))
        yield f'<polyline class="line {letter}" points="{points}"/>'
        for n in pictured:
            yield f'<circle class="there" cx="{across[n]:.1f}" cy="{down(values[n]):.1f}" r="2.5"/>'
    yield f'<line class="cursor" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'


def _seconds(seconds: Sequence[float]) -> Iterator[str]:
    first, span = seconds[0], seconds[-1] - seconds[0]
    for k in range(_TICKS if span else 1):
        share = k / (_TICKS - 1)
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        yield (f'<text x="{x:.0f}" y="{HEIGHT - 5}" text-anchor="middle">'
               f"{first + share * span:.1f} s</text>")  # fmt: skip


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the axis; a little apart, also where all values are equal."""
    least, most = min(values), max(values)
    if most - least < 1e-9:
        return least - 1, most + 1
    return least, most


def thinned(values: Sequence[float], most: int) -> list[int]:
    """Numbers of the values to draw, at most about `most`: of each stretch the lowest and the
    highest, so that no dip is lost."""
    if len(values) <= most:
        return list(range(len(values)))
    number = most // 2
    chosen = {0, len(values) - 1}
    for k in range(number):
        stretch = range(k * len(values) // number, (k + 1) * len(values) // number)
        chosen.add(min(stretch, key=values.__getitem__))
        chosen.add(max(stretch, key=values.__getitem__))
    return sorted(chosen)
