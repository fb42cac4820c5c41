"""A film to measure on: the frames that are kept, the truth, and the way to RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.messages import counted

Picture = npt.NDArray[np.float32]  # (H, W, 3) RGB in 0..1

# Subsamplings that MVTools and FFmpeg take; all else goes to them as 16-bit 4:4:4
_PLAIN = {(0, 0), (1, 0), (1, 1)}
_BT601 = 6  # of H.273


@dataclass(frozen=True)
class Film:
    """source: any format of constant size; MediaError if it has fewer than factor + 1 frames.
    to_rgb: turns it, and clips made from it, into RGBS. drawn: an animation, not filmed by a
    camera. factor: each factor-th frame is kept, those between are left out."""

    name: str
    source: vs.VideoNode
    to_rgb: Callable[[vs.VideoNode], vs.VideoNode]
    drawn: bool = False
    factor: int = 2

    def __post_init__(self) -> None:
        if self.count < 1:
            has = counted(self.source.num_frames, "frame")
            raise MediaError(
                f"{self.name} has {has}; there is nothing to measure "
                f"with fewer than {self.factor + 1}"
            )

    @property
    def count(self) -> int:
        """How many frames are left out and have kept frames on both sides."""
        return self.pairs * (self.factor - 1)

    @property
    def pairs(self) -> int:
        """How often a kept frame follows another."""
        return (int(self.source.num_frames) - 1) // self.factor

    @property
    def left_out(self) -> list[int]:
        """Their numbers, in order."""
        return [n for n in range(self.pairs * self.factor) if n % self.factor]

    def timestep(self, n: int) -> Fraction:
        """Of frame n, between the kept frames around it."""
        return Fraction(n % self.factor, self.factor)

    @property
    def kept(self) -> vs.VideoNode:
        """Each factor-th frame, which methods see, in the film's format."""
        return self.source[:: self.factor][: self.pairs + 1]

    @property
    def kept_yuv(self) -> vs.VideoNode:
        """The same as YUV of 8 to 16 bits, for methods that take nothing else."""
        kept = self.kept
        fmt = kept.format
        if fmt.color_family == vs.YUV and fmt.sample_type == vs.INTEGER:
            if (fmt.subsampling_w, fmt.subsampling_h) in _PLAIN:
                return kept
            return kept.resize.Bicubic(format=vs.YUV444P16)
        matrix = {} if fmt.color_family == vs.YUV else {"matrix": _BT601}
        return kept.resize.Bicubic(format=vs.YUV444P16, **matrix)

    def pictures(self, clip: vs.VideoNode) -> Iterator[Picture]:
        """The frames of `clip`, made from this film, each when it is asked for."""
        rgb = self.to_rgb(clip)
        for n in range(rgb.num_frames):
            with rgb.get_frame(n) as frame:
                planes = [np.asarray(frame[plane]) for plane in range(3)]
                # conversion from YUV may leave the range that a screen shows
                yield np.stack(planes, -1).clip(0, 1)

    def truths(self) -> Iterator[Picture]:
        return self.pictures(self.between(self.source))

    def between(self, clip: vs.VideoNode) -> vs.VideoNode:
        """The frames of `clip`, which has the film's length or more, whose truth was left out."""
        return clip.std.SelectEvery(self.factor, list(range(1, self.factor)))[: self.count]
