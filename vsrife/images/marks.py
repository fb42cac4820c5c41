"""Scene changes and duplicates among frames that arrive one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vsrife.detection import cuts, luma, runs
from vsrife.detection.luma import Pixels
from vsrife.images.asking import ImageOptions


class Marks:
    """What is known of each frame.

    ahead: how many frames after one must have been seen until all is known of it; span: how many
    before one new frames may begin at.
    """

    def __init__(self, options: ImageOptions) -> None:
        self._options = options
        self._adaptive = options.sc == "adaptive"
        self.span = options.duplicates_span if options.duplicates == "fill" else 0
        # a cut after a frame is known with the next one, or with the two after that
        self.ahead = (cuts.REACH if self._adaptive else 1) + max(self.span - 1, 0)
        self._back = max(self.span, cuts.REACH)
        self._before: Pixels | None = None  # luma of the frame that was seen last
        self._blocks: Pixels | None = None
        self._thumbnails: dict[int, Any] = {}
        self._cuts: dict[int, bool] = {}
        self._repeats: dict[int, bool] = {}
        self._seen = 0

    @property
    def fills(self) -> bool:
        return self.span > 0

    def see(self, picture: Pixels) -> None:
        """Take in the next frame's picture."""
        number, options = self._seen, self._options
        self._seen += 1
        if not options.sc and not options.duplicates:
            return
        codes = luma.codes(picture[:3] if len(picture) > 2 else picture[:1])
        if self._adaptive:
            self._thumbnails[number] = luma.thumbnail(codes)
            self.cut_after(number - cuts.REACH)  # all that tells has been seen
        elif options.sc and self._before is not None:
            score = cuts.difference(self._before, codes)
            self._cuts[number - 1] = score > options.sc_threshold
        self._before = codes
        if options.duplicates:
            blocks = luma.blocks(codes)
            self._repeats[number] = self._blocks is not None and self._same(self._blocks, blocks)
            self._blocks = blocks

    def cut_after(self, frame: int) -> bool:
        """Whether a scene changes after a frame; as many after it have been seen as tell, or
        there are no more."""
        if self._adaptive and frame not in self._cuts and 0 <= frame < self._seen - 1:
            first = min(self._thumbnails)
            last = self._seen - 1
            around = range(frame + 1 - cuts.REACH, frame + 1 + cuts.REACH)
            stack = np.stack([self._thumbnails[min(max(k, first), last)] for k in around])
            self._cuts[frame] = cuts.scene_score(stack) > self._options.sc_threshold
        return self._cuts.get(frame, False)

    def repeats(self, frame: int) -> bool:
        """Whether a frame only repeats the one before it."""
        return self._repeats.get(frame, False)

    def segment(self, frame: int, frames: int) -> runs.Segment | None:
        """Where new frames replace duplicates around a frame, counted from it; else None.

        frames: how many have been seen, or are there at all.
        """
        if not self.span:
            return None

        def bits(k: int) -> int:
            at = frame + k
            if not 0 <= at < frames:
                return 0
            return (
                runs.INSIDE | runs.REPEATS * self.repeats(at) | runs.CUT_AFTER * self.cut_after(at)
            )

        return runs.Runs(bits, self.span).from_first()

    def forget(self, frame: int) -> None:
        """Drop what is known of frames that no longer count for this one and those after it."""
        for known in (self._thumbnails, self._cuts, self._repeats):
            _drop(known, lambda k: k < frame - self._back)

    def _same(self, left: Pixels, right: Pixels) -> bool:
        apart = abs(right - left)
        threshold = self._options.duplicates_threshold
        return runs.is_duplicate(float(apart.mean()), float(apart.max()), threshold)


def _drop(known: dict[int, Any], old: Callable[[int], bool]) -> None:
    for key in [key for key in known if old(key)]:
        del known[key]
