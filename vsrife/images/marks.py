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

    ahead: how many frames after one must have been seen until all is known of it; back: how many
    before one new frames may need, the pair's own and those beyond it.
    """

    def __init__(self, options: ImageOptions, *, three: bool = False) -> None:
        """three: the network reads the frames beyond a pair as well."""
        self._options = options
        self._three = three
        self._adaptive = options.sc == "adaptive"
        self._span = options.duplicates_span if options.duplicates == "fill" else 0
        # two drawings away at most, as in rife()
        self._reach = 2 * self._span if three else self._span
        # a cut after a frame is known with the next one, or with the two after that
        self.ahead = cuts.REACH if self._adaptive else 1
        self.ahead += self._reach - 1 if self._span else three
        self.back = self._reach or int(three)
        self._kept = max(self.back, cuts.REACH)
        self._ended = False
        self._before: Pixels | None = None  # luma of the frame that was seen last
        self._blocks: Pixels | None = None
        self._thumbnails: dict[int, Any] = {}
        self._cuts: dict[int, bool] = {}
        self._repeats: dict[int, bool] = {}
        self._seen = 0

    @property
    def fills(self) -> bool:
        return self._span > 0

    def end(self) -> None:
        """No frame follows, but for those that a loop comes back to."""
        self._ended = True

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
        last = self._seen - 1
        # decisions ask for the marks of one frame more than they look at
        known = frame + cuts.REACH <= last or self._ended
        if self._adaptive and known and frame not in self._cuts and 0 <= frame < last:
            first = min(self._thumbnails)
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
        if not self._span:
            return None
        return runs.Runs(self._bits(frame, frames), self._span).from_first()

    def beyond(self, frame: int, pair: tuple[int, int], frames: int) -> tuple[int, int]:
        """The frames before and after a pair, which is at `frame` or was found by `segment` there:
        the neighbours, or other drawings where duplicates are filled; the pair's own where there
        are none, at cuts and ends."""
        left, right = pair
        reach = self._reach if self._span else 2
        bits = self._bits(frame, frames)
        offsets = runs.offsets_beyond(bits, left - frame, right - frame, reach)
        return frame + offsets[0], frame + offsets[1]

    def oldest(self, frame: int, left: int, frames: int) -> int:
        """The first frame whose picture may still be needed when `frame` comes out, for which
        `left` is shown."""
        if not self._three or not self._span:
            return left - self._three
        return self.beyond(frame, (left, frame + 1), frames)[0]

    def _bits(self, frame: int, frames: int) -> Callable[[int], int]:
        """The bits of frames counted from `frame`, see `runs.INSIDE`."""
        fills = self.fills

        def bits(k: int) -> int:
            at = frame + k
            if not 0 <= at < frames:
                return 0
            repeats = fills and self.repeats(at)
            return runs.INSIDE | runs.REPEATS * repeats | runs.CUT_AFTER * self.cut_after(at)

        return bits

    def forget(self, frame: int) -> None:
        """Drop what is known of frames that no longer count for this one and those after it."""
        for known in (self._thumbnails, self._cuts, self._repeats):
            _drop(known, lambda k: k < frame - self._kept)

    def _same(self, left: Pixels, right: Pixels) -> bool:
        apart = abs(right - left)
        threshold = self._options.duplicates_threshold
        return runs.is_duplicate(float(apart.mean()), float(apart.max()), threshold)


def _drop(known: dict[int, Any], old: Callable[[int], bool]) -> None:
    for key in [key for key in known if old(key)]:
        del known[key]
