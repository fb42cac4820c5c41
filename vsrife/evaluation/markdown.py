"""Tables in Markdown that also read well as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan


def table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head; numbers, which is all but the first column, are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |\n"

    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return line(rows[0]) + f"|{rule}|\n" + "".join(map(line, rows[1:]))


def number(value: float, digits: int) -> str:
    """Without a sign at zero; `-` where nothing was measured."""
    return "-" if isnan(value) else f"{value:z.{digits}f}"


def difference(value: float, digits: int) -> str:
    return "-" if isnan(value) else f"{value:+z.{digits}f}"
