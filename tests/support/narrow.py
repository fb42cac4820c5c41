"""Networks with fewer channels, where any channels will do."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden import formula
from vsrife.network.own.pyramid_row import LEVELS, PyramidRow
from vsrife.network.table import ARCHS, EMBEDDED, IFNETS, PYRAMIDS

WHOLE = dict(IFNETS)
WHOLE_PYRAMIDS = dict(PYRAMIDS)
# A pyramid with a tenth of the work: the same layers, some of them less often
PYRAMID = PyramidRow(
    features=(8, 8, 16, 16, 32),
    views=(8, 8, 8),
    keys=(16, 16, 16),
    radii=(1, 2, 2),
    widths=(32, 24, 16, 16),
    convs=(2, 1, 1, 1),
    last=(16, 1),
)


def narrowed(row: PyramidRow) -> PyramidRow:
    """A narrow pyramid with the same parts."""
    return replace(PYRAMID, meetings=row.meetings)


@contextmanager
def official_rows(divisor: int, convs: int = 8) -> Iterator[None]:
    """The official rows with a part of their widths: the same nodes in the same order, and with a
    quarter of the widths a tenth of the work; and narrow pyramids. 1: all as they are, within a
    narrow block.

    convs: of each block's body. With 2 instead of 8, there is less to write and to compile."""
    with pytest.MonkeyPatch.context() as patch:
        for name, row in WHOLE.items():
            widths = tuple(width // divisor for width in row.widths)
            kept = replace(row, widths=widths, convs=(convs,) * len(widths))
            patch.setitem(IFNETS, name, kept)
            patch.setitem(ARCHS, name, kept)
        for name, pyramid in WHOLE_PYRAMIDS.items():
            for rows in (PYRAMIDS, ARCHS):
                patch.setitem(rows, name, pyramid if divisor == 1 else narrowed(pyramid))
        formula._state.cache_clear()
        yield
    formula._state.cache_clear()


@contextmanager
def shipped_pyramids() -> Iterator[None]:
    """Within `official_rows`: pyramids that ship have the widths of their weights, and `pyramid` is
    a narrow one, in which frames meet half way at one level more."""
    with pytest.MonkeyPatch.context() as patch:
        for rows in (PYRAMIDS, ARCHS):
            patch.setitem(rows, "pyramid", replace(PYRAMID, meetings=LEVELS[:3]))
            for name in set(EMBEDDED) & set(WHOLE_PYRAMIDS):
                patch.setitem(rows, name, WHOLE_PYRAMIDS[name])
        formula._state.cache_clear()
        yield


@contextmanager
def narrow_weights(folder: Path) -> Iterator[Callable[..., Path]]:
    """Path of random weights for a row, made once, where official rows are narrow, and pyramids as
    `shipped_pyramids` has them.

    4.15.lite has an encoder. Of all rows with one, its graphs are compiled soonest, and PyTorch
    runs it in less than half the time.
    """
    from tests.support import clips  # loads VapourSynth

    with official_rows(4, convs=2), shipped_pyramids():
        yield functools.cache(lambda arch="4.15.lite": clips.random_weights(folder, arch))
