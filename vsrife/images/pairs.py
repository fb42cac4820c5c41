"""What is shown between two frames: one of them, a blend, or a new frame."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from vsrife.detection.luma import Pixels
from vsrife.images.asking import ImageOptions
from vsrife.images.frames.kinds import Kind
from vsrife.images.renderers import Renderer

_PICTURES = 6  # kept at most: a pair, and what detectors read ahead; two more of three frames
_ROWS = 61  # most frames differ everywhere, so that a few rows tell

type Job = Callable[[], Any]


class Pairs:
    """Frames by number, as long as they are needed, with their pictures and what is prepared of
    them. A frame that arrives is read at once: what the caller does with it later changes nothing.
    """

    def __init__(self, options: ImageOptions, kind: Kind, renderer: Renderer) -> None:
        self._options, self._kind, self._renderer = options, kind, renderer
        self._frames: dict[int, Any] = {}
        self._pictures: dict[int, Pixels] = {}
        self._most = _PICTURES + 2 * renderer.three
        self._prepared: dict[tuple[int, ...], Any] = {}  # by its number and those beside it
        self._same: tuple[int, int, bool] | None = None  # the last pair, and whether it is equal

    def add(self, number: int, frame: Any, picture: Pixels) -> None:
        self._frames[number] = frame
        self._pictures[number] = picture
        if len(self._pictures) > self._most:
            del self._pictures[max(self._pictures)]  # needed last; it can be read again

    def forget(self, number: int) -> None:
        """Drop frames before this one."""
        for known in (self._frames, self._pictures):
            _drop_before(number, known)
        self._forget_prepared(number)

    def _forget_prepared(self, number: int) -> None:
        for numbers in [each for each in self._prepared if each[0] < number]:
            del self._prepared[numbers]

    def frame(self, number: int, oldest: int) -> Any:
        """A frame as it came. From here on the caller may change it.

        oldest: pictures before this frame's are needed no more.
        """
        self._picture(number)
        _drop_before(oldest, self._pictures)
        return self._frames[number]

    def job(
        self,
        left: int,
        right: int,
        timestep: Fraction,
        output: int,
        *,
        beyond: tuple[int, int],
        cut: bool,
        skip: bool,
    ) -> Job:
        """What makes the frame `timestep` (0 < timestep < 1) of the way from `left` to `right`.

        The job may run in another thread. output: number of the frame; beyond: the frames before
        `left` and after `right`, for networks of three; cut: a scene changes between left and
        right; skip: `right` is a duplicate of `left`, and duplicates are skipped.
        """
        before, _ = self._picture(left), self._picture(right)
        write = partial(self._kind.write, left=self._frames[left], number=output)
        shown = self._fallback(left, right, float(timestep), write)
        if cut:
            return shown
        if skip or self._equal(left, right):
            return partial(_itself, self._frames[left])
        self._forget_prepared(left)
        first, last = beyond
        both = self._prepare(left, first, right), self._prepare(right, left, last)
        least = self._options.confidence

        def make() -> Any:
            new, sure = self._renderer.make(*both, float(timestep), before)
            return shown() if least is not None and (sure or 0) < least else write(new)

        return make

    def _prepare(self, number: int, *beside: int) -> Any:
        """What the renderer prepares of a frame, with those beside it if it reads three."""
        numbers = (number, *beside) if self._renderer.three else (number,)
        if numbers not in self._prepared:
            self._prepared[numbers] = self._renderer.prepare(*map(self._picture, numbers))
        return self._prepared[numbers]

    def _fallback(
        self, left: int, right: int, timestep: float, write: Callable[[Pixels], Any]
    ) -> Job:
        """What is shown instead of a new frame, as `sc_mode` says."""
        if self._options.sc_mode == "blend":
            before, after = self._pictures[left], self._pictures[right]
            return lambda: write(before + timestep * (after - before))
        nearest = self._options.sc_mode == "nearest" and timestep > 0.5
        return partial(_itself, self._frames[right if nearest else left])

    def _picture(self, number: int) -> Pixels:
        if number not in self._pictures:
            read = self._kind.read(self._frames[number], f"frame {number}")
            self._pictures[number] = read
        return self._pictures[number]

    def _equal(self, left: int, right: int) -> bool:
        if self._same is None or self._same[:2] != (left, right):
            a, b = self._pictures[left], self._pictures[right]
            rows = slice(None, None, _ROWS)
            equal = bool((a[:, rows] == b[:, rows]).all()) and bool((a == b).all())
            self._same = left, right, equal
        return self._same[2]


def _drop_before(number: int, known: dict[int, Any]) -> None:
    for key in [key for key in known if key < number]:
        del known[key]


def _itself(frame: Any) -> Any:
    return frame
