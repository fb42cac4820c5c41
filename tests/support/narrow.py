"""Official networks with fewer channels, where any channels will do."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden import formula
from vsrife.network.table import ARCHS, IFNETS

WHOLE = dict(IFNETS)


@contextmanager
def official_rows(divisor: int) -> Iterator[None]:
    """The official rows with a part of their widths: the same nodes in the same order, and with a
    quarter of the widths a tenth of the work. 1: as they are, within a narrow block."""
    with pytest.MonkeyPatch.context() as patch:
        for name, row in WHOLE.items():
            if not row.previous:
                kept = replace(row, widths=tuple(width // divisor for width in row.widths))
                patch.setitem(IFNETS, name, kept)
                patch.setitem(ARCHS, name, kept)
        formula._state.cache_clear()
        yield
    formula._state.cache_clear()


@contextmanager
def narrow_weights(folder: Path) -> Iterator[Callable[..., Path]]:
    """Path of random weights for a row, made once, where official rows are narrow.

    4.15.lite has an encoder. Of all rows with one, its graphs are compiled soonest, three times as
    soon as those of nano, and PyTorch runs it in less than half the time.
    """
    from tests.support import clips  # loads VapourSynth

    with official_rows(4):
        yield functools.cache(lambda arch="4.15.lite": clips.random_weights(folder, arch))
