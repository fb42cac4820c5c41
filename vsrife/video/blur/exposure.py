"""Motion blur in time: at which moments a frame is exposed, and which of them count.

The exposure lies around the time of its frame, so nothing is shown earlier or later than without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import ClassVar, NamedTuple

from vsrife.errors import ArgumentError
from vsrife.video.timeline import MAX_FRAMES, Position, Times

SAMPLES = 8  # in-betweens of 180 degrees; wider shutters have more, at the same distance
_HALF, _FULL = 180, 360
_MOST_SAMPLES = 16


class Degrees(NamedTuple):
    """A number of degrees from 1 to 360."""

    allowed: str = "1 to 360"

    def read(self, name: str, value: object) -> Fraction:
        if isinstance(value, Real) and not isinstance(value, bool) and 1 <= float(value) <= _FULL:
            return Fraction(float(value)).limit_denominator(1000)
        raise ArgumentError(
            f"{name} must be a number of degrees from 1 to 360, not {value!r}; "
            "180 is that of film cameras"
        )


SHUTTER = Degrees()


class Chosen(NamedTuple):
    """The samples `begin` to `end` - 1 of output frame `frame`."""

    frame: int
    begin: int
    end: int


@dataclass(frozen=True)
class Exposure:
    """The moments of an output, as an output of its own: `samples` frames for each of `times`.

    It stands in for `Times` where samples are made. shutter: degrees.
    """

    times: Times
    shutter: Fraction

    jump: ClassVar[int] = 1
    reach: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.num_frames > MAX_FRAMES:
            raise ArgumentError(
                f"shutter makes {self.samples} pictures for each frame, which are too many for "
                f"{self.times.num_frames} frames; trim the clip"
            )

    @property
    def samples(self) -> int:
        """Moments of each frame."""
        return max(SAMPLES, min(round(SAMPLES * self.shutter / _HALF), _MOST_SAMPLES))

    @property
    def num_frames(self) -> int:
        return self.times.num_frames * self.samples

    @property
    def end(self) -> int:
        return self.times.end

    def moment(self, n: int | Fraction) -> Fraction:
        """When sample n is taken, in output frames; the first ones may be before 0."""
        frame, k = divmod(n, self.samples)
        middle = Fraction(2 * k + 1, 2 * self.samples) - Fraction(1, 2)
        return frame + middle * self.shutter / _FULL

    def left(self, n: int | Fraction) -> int:
        """The source frame at the moment of sample n, or before it."""
        return self.times.left(max(self.moment(n), Fraction(0)))

    def passed(self, n: int | Fraction) -> Fraction:
        """Elapsed share of that frame's duration, 0 <= ... < 1."""
        return self.times.passed(max(self.moment(n), Fraction(0)))

    def position(self, n: int) -> Position:
        """Position of sample n in the source."""
        left, passed = self.left(n), self.passed(n)
        if left >= self.end or not passed:
            return Position(left, left, 0, 1, False, False)
        return Position(left, left + 1, passed.numerator, passed.denominator, False, False)

    def rate(self, source_rate: Fraction) -> Fraction:
        return self.times.rate(source_rate) * self.samples

    def elapsed(self, n: int, durations: Sequence[Fraction]) -> Fraction:
        return Fraction(0)  # nobody sees the times of samples

    def duration(self, n: int, durations: Sequence[Fraction]) -> Fraction:
        return Fraction(1)

    def chosen(self, n: int, cut: Callable[[int], bool], mode: str) -> Chosen | None:
        """The samples that output frame n consists of; None: it stays as it is without blur.

        cut: whether a scene changes after a source frame; the clip's ends count as such. mode:
        what is shown between two scenes, see `Policy`. A sample beyond a cut, or on the way over
        it, does not count. A frame on the way is held, so it shows what its neighbour shows.
        """
        end = self.end

        def ends(k: int) -> bool:
            return not 0 <= k < end or cut(k)

        left, passed = self._place(Fraction(n))
        if passed and ends(left):
            beside = None if mode == "blend" and left < end else self._beside(n, mode, ends)
            if beside is None:
                return None
            n = beside
            left, passed = self._place(Fraction(n))
            if passed and ends(left):
                return None
        first = n * self.samples
        counted = [
            k for k in range(self.samples) if not self._apart(self.moment(first + k), left, ends)
        ]
        return Chosen(n, counted[0], counted[-1] + 1) if counted else None

    def _apart(self, moment: Fraction, left: int, ends: Callable[[int], bool]) -> bool:
        """Whether a scene ends between source frame `left` and a moment."""
        if moment < 0:
            return True
        place, passed = self._place(moment)
        between = range(place, left) if place < left else range(left, place + bool(passed))
        return any(ends(k) for k in between)

    def _beside(self, n: int, mode: str, ends: Callable[[int], bool]) -> int | None:
        """The output frame that a held one repeats: the nearest in the scene that is shown."""
        left, passed = self._place(Fraction(n))
        later = mode == "nearest" and passed > Fraction(1, 2) and left < self.end
        step, shown = (1, left + 1) if later else (-1, left)
        while 0 <= n < self.times.num_frames:
            place, passed = self._place(Fraction(n))
            if place != left or not passed:
                before = place == shown - 1 and not later and not ends(place)
                return n if place == shown or before else None
            n += step
        return None

    def _place(self, moment: Fraction) -> tuple[int, Fraction]:
        """The source frame before a moment, and the elapsed share of its duration."""
        return self.times.left(moment), self.times.passed(moment)
