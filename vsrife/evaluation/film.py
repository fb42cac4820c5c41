"""A film to measure on: which frames are kept, which are the truth, and how both become RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import vapoursynth as vs

from vsrife.errors import MediaError

Picture = npt.NDArray[np.float32]  # (H, W, 3) RGB in 0..1

# What MVTools and FFmpeg take as it is; all else goes to them in 16 bits and without subsampling
_PLAIN = {(0, 0), (1, 0), (1, 1)}
_BT601 = 6  # of H.273


@dataclass(frozen=True)
class Film:
    """source: any format of constant size, MediaError if it has fewer than 3 frames; to_rgb: how it
    and everything made from it becomes RGBS; drawn: whether it is an animation and no camera's."""

    name: str
    source: vs.VideoNode
    to_rgb: Callable[[vs.VideoNode], vs.VideoNode]
    drawn: bool = False

    def __post_init__(self) -> None:
        if self.count < 1:
            raise MediaError(
                f"{self.name} has {self.source.num_frames} frames; there is nothing to measure "
                "with fewer than three"
            )

    @property
    def count(self) -> int:
        """How many frames are left out that have both neighbours."""
        return (int(self.source.num_frames) - 1) // 2

    @property
    def kept(self) -> vs.VideoNode:
        """The even frames that methods see, as the film has them."""
        return self.source[::2][: self.count + 1]

    @property
    def kept_yuv(self) -> vs.VideoNode:
        """The even frames as YUV of 8 to 16 bits, for methods that know nothing else."""
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
                # conversion from YUV may leave the range; a screen cannot
                yield np.stack(planes, -1).clip(0, 1)

    def truths(self) -> Iterator[Picture]:
        return self.pictures(self.source[1::2][: self.count])
