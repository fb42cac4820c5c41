"""Times of the frames that come out, counted in given frames: which ones lie where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import count
from typing import NamedTuple

from vsrife.errors import ArgumentError
from vsrife.images.asking import ImageOptions
from vsrife.images.asking_kinds import as_time


class Positions:
    """Times that are taken in order: those at a given frame, then those between it and the next."""

    def __init__(self, times: Iterator[Fraction], *, ends: bool = False, whole: str = "") -> None:
        """times: never falling. ends: they may end before the frames do, which then are not
        needed. whole: an argument whose times may not lie beyond the last frame."""
        self._times, self._ends, self._whole = times, ends, whole
        self._next: Fraction | None = None
        self._over = False

    @property
    def done(self) -> bool:
        """Whether no further frame is needed."""
        return self._ends and self._peek() is None

    def at(self, frame: int) -> Iterator[Fraction]:
        """A 0 for each time that is that of a frame."""
        while (time := self._peek()) is not None and time <= frame:
            self._next = None
            yield Fraction(0)

    def between(self, frame: int) -> Iterator[Fraction]:
        """Timesteps of the times after a frame and before the next. ArgumentError if `factor` has
        no number for this pair."""
        if self._whole == "factor" and self._peek() is None:
            raise ArgumentError(
                f"factor must have one number for each pair of frames, not {frame} in all; "
                "there are more pairs"
            )
        while (time := self._peek()) is not None and time < frame + 1:
            self._next = None
            yield time - frame

    def finish(self, end: Fraction | int) -> None:
        """ArgumentError for times that should have been shown and lie beyond the last frame."""
        if self._whole and (time := self._peek()) is not None:
            raise ArgumentError(beyond(self._whole, time, end))

    def _peek(self) -> Fraction | None:
        if self._next is None and not self._over:
            self._next = next(self._times, None)
            self._over = self._next is None
        return self._next


def beyond(name: str, time: Fraction, end: Fraction | int) -> str:
    """The message for a time beyond the last frame."""
    if name == "factor":
        return f"factor must have one number for each pair of frames, {end} in all; it has more"
    return f"{name} must end at {end}, the last frame, not at {_plain(time)}"


class Known(NamedTuple):
    """What is known of the frames beforehand. frames: how many; None: that is not known."""

    frames: int | None
    loop: bool

    @property
    def pairs(self) -> int | None:
        return None if self.frames is None else self.frames - (not self.loop)


def positions(options: ImageOptions, frames: int | None) -> Positions:
    """The times that were asked for; frames: how many are given, None if that is not known.

    ArgumentError for what does not fit that number of frames, or needs it.
    """
    known = Known(frames, options.loop)
    if options.count is not None:
        return Positions(_evenly(options.count, known), ends=True)
    if options.timesteps is not None:
        return Positions(_repeated((Fraction(0), *options.timesteps)))
    if callable(options.times):
        return Positions(_called(options.times), ends=True)
    if options.times is not None:
        _check_end("times", options.times[-1], known)
        return Positions(iter(options.times), ends=True, whole="times")
    if isinstance(options.factor, tuple):
        if known.pairs is not None and len(options.factor) != known.pairs:
            raise ArgumentError(
                f"factor must have one number for each pair of frames, {known.pairs} in all, "
                f"not {len(options.factor)}"
            )
        return Positions(_by_pairs(options.factor, loop=options.loop), whole="factor")
    factor = options.factor or Fraction(2)
    return Positions(n / factor for n in count())


def _evenly(wanted: int, known: Known) -> Iterator[Fraction]:
    if known.pairs is None:
        raise ArgumentError(
            f"count={wanted} needs the number of frames, which a generator does not tell; "
            "give a list, or factor= instead"
        )
    steps = wanted if known.loop else max(wanted - 1, 1)
    return (Fraction(n * known.pairs, steps) for n in range(wanted))


def _repeated(timesteps: tuple[Fraction, ...]) -> Iterator[Fraction]:
    return (frame + timestep for frame in count() for timestep in timesteps)


def _by_pairs(factors: tuple[int, ...], *, loop: bool) -> Iterator[Fraction]:
    for frame, factor in enumerate(factors):
        yield from (frame + Fraction(step, factor) for step in range(factor))
    if not loop:
        yield Fraction(len(factors))


def _called(times: Callable[[int], object]) -> Iterator[Fraction]:
    before = Fraction(0)
    for n in count():
        given = times(n)
        if given is None:
            return
        time = as_time(given)
        if time is None or time < before:
            raise ArgumentError(
                f"times({n}) must be None or a number of at least {_plain(before)}, the time "
                f"before it, not {given!r:.100}; frames are read once, so time cannot go back"
            )
        yield time
        before = time


def _check_end(name: str, last: Fraction, known: Known) -> None:
    """ArgumentError if the last time lies beyond the last frame."""
    if known.pairs is None:
        return
    if last > known.pairs or (known.loop and last == known.pairs):
        raise ArgumentError(beyond(name, last, known.pairs))


def _plain(time: Fraction) -> str:
    return f"{float(time):.6g}"
