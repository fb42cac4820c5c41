"""What stands between a backend's session and its user.

From the backend on: low memory, then `tta`, then the choice of a scale, then what changes. Each is
a session made of sessions, so each works with every backend and with all others. All but low memory
read arrays of RGB, so a session with one of them is not fed as its backend may be (`FED`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from vsrife.inference.base import AT_A_TIME, FED, Hardware, Session, Settings
from vsrife.inference.sessions import low_memory
from vsrife.inference.sessions.auto_scale import AutoScaleSession, margin_of, quarter_size
from vsrife.inference.sessions.changed import ChangedSession, layout_of
from vsrife.inference.sessions.devices import DevicesSession
from vsrife.inference.sessions.low_memory import LowMemorySession, Step
from vsrife.inference.sessions.out_of_memory import is_out_of_memory
from vsrife.inference.sessions.tta import WAYS, TtaSession
from vsrife.network.state_dict import recognise
from vsrife.network.table import arch_of
from vsrife.weights import read_arrays

type Open = Callable[[Settings], Session]


@runtime_checkable
class Nodes(Protocol):
    """A session that is used by its nodes, see `mlrt.MlrtSession`: nothing may stand before it."""

    def featured(self, clip: object) -> object: ...


@dataclass(frozen=True)
class Wishes:
    """What is asked for besides `Settings`. auto_scale: each pair has its own scale; tta: of
    `tta.WAYS`; threshold: of `ChangedSession`, None: whole pictures are computed; lasting: it goes
    on when memory runs out."""

    auto_scale: bool = False
    tta: str | None = None
    threshold: float | None = None
    lasting: bool = True


def open_on(
    opened: Open, settings: Settings, hardwares: Sequence[Hardware], wishes: Wishes
) -> Session:
    """A session as wished, of one or several devices. opened: opens a backend's own."""
    sessions = [
        _of_device(opened, replace(settings, hardware=hardware), wishes) for hardware in hardwares
    ]
    return sessions[0] if len(sessions) == 1 else DevicesSession(sessions)


def _of_device(opened: Open, settings: Settings, wishes: Wishes) -> Session:
    if wishes.threshold is None:
        return _whole(opened, settings, wishes, owned=False)
    size, pairs = (settings.width, settings.height), _pairs(settings)

    def part(width: int, height: int) -> Session:
        small = replace(settings, width=width, height=height, sample=None)
        return _whole(opened, small, wishes, owned=True)

    changed = ChangedSession(
        _whole(opened, settings, wishes, owned=True),
        lambda: layout_of(*size, settings.model or settings.weights, settings.scale),
        part,
        threshold=wishes.threshold,
        clamp=settings.clamp,
        pairs=pairs,
        note=settings.note,
    )
    changed.tells -= FED
    return changed


def _whole(opened: Open, settings: Settings, wishes: Wishes, *, owned: bool) -> Session:
    """Of whole pictures. owned: planes are nobody else's."""
    if not wishes.auto_scale:
        return _of_one_scale(opened, settings, wishes, owned=owned)

    def at(scale: float) -> Session:
        return _of_one_scale(opened, replace(settings, scale=scale), wishes, owned=True)

    auto = AutoScaleSession(
        at,
        _quarter(opened, settings),
        functools.cache(lambda: _margin(settings)),
        pairs=_pairs(settings),
        owned=owned,
        note=settings.note,
    )
    auto.tells -= FED
    return auto


def _of_one_scale(opened: Open, settings: Settings, wishes: Wishes, *, owned: bool) -> Session:
    size = settings.width, settings.height
    session = _lasting(opened, settings, owned=owned) if wishes.lasting else opened(settings)
    if wishes.tta is None:
        return session
    several = TtaSession(session, WAYS[wishes.tta], size)
    several.tells -= FED
    return several


def _lasting(opened: Open, settings: Settings, *, owned: bool) -> Session:
    width, height = size = settings.width, settings.height

    def of_size(wide: int, tall: int) -> Session:
        whole = (wide, tall) == size
        return opened(
            settings if whole else replace(settings, width=wide, height=tall, sample=None)
        )

    def steps() -> list[Step]:
        overlap = low_memory.overlap_of(settings.scale)
        gathers = first is not None and "batches" in first.tells
        most = AT_A_TIME if gathers else settings.hardware.num_streams
        return low_memory.steps_of(width, height, most, overlap)

    try:
        first = opened(settings)
    except Exception as error:  # each runtime fails in ways of its own
        if not is_out_of_memory(error):
            raise
        first = None
    if isinstance(first, Nodes):
        return first
    return LowMemorySession(of_size, steps, size, first=first, owned=owned, note=settings.note)


def _quarter(opened: Open, settings: Settings) -> Session:
    width, height = quarter_size(settings.width, settings.height)
    return opened(
        replace(settings, width=width, height=height, scale=1.0, ensemble=False, sample=None)
    )


def _margin(settings: Settings) -> float:
    name = settings.model or recognise(read_arrays(settings.weights))
    return margin_of(arch_of(name))


def _pairs(settings: Settings) -> int:
    """Two pairs for each new frame that is made at a time: a request may step back."""
    return 2 * settings.hardware.num_streams
