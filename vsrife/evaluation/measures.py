"""Scores of a picture against the truth: PSNR of ours, SSIM and SSIMULACRA 2 of libraries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import vapoursynth as vs

from vsrife.errors import missing_package
from vsrife.evaluation.clips import clip_of
from vsrife.inference import psnr as ratio

BEST_PSNR = 100.0  # dB, of equal pictures, so that means stay finite
_SRGB, _BT709 = 13, 1  # of H.273: SSIMULACRA2 looks at pictures as a screen shows them
_ENDLESS = 2**31 - 1

Picture = npt.NDArray[np.floating]  # (H, W, 3) RGB in 0..1


class Scores(NamedTuple):
    """Of one picture; more is better. ssimulacra2: at 90 nobody sees a difference, 70 is high
    quality, 50 medium, 30 low; below 0 is worse still."""

    psnr: float
    ssim: float
    ssimulacra2: float


class Measure(NamedTuple):
    label: str
    digits: int  # after the point that mean something


MEASURES = {
    "psnr": Measure("PSNR in dB", 2),
    "ssim": Measure("SSIM", 4),
    "ssimulacra2": Measure("SSIMULACRA 2", 1),
}


def psnr(picture: Picture, truth: Picture) -> float:
    """PSNR in dB over R, G and B in 0..1, what is beyond cut off; 100 at most."""
    return min(BEST_PSNR, ratio.psnr(picture.clip(0, 1), truth.clip(0, 1)))


class Judge:
    """Scores pictures of one size. BackendError if a library is missing."""

    def __init__(self, width: int, height: int) -> None:
        if not hasattr(vs.core, "vszip"):
            raise missing_package("eval", "eval", "VapourSynth plugin vszip")
        self._truth, self._picture = _Slot(width, height), _Slot(width, height)
        self._compared = vs.core.vszip.SSIMULACRA2(self._truth.clip, self._picture.clip)
        self._number = 0

    def __call__(self, picture: Picture, truth: Picture) -> Scores:
        self._truth.picture, self._picture.picture = truth, picture
        # a number of its own for each picture: VapourSynth may keep the last frames
        with self._compared.get_frame(self._number) as frame:
            perceived = float(frame.props["SSIMULACRA2"])
        self._number += 1
        return Scores(psnr(picture, truth), _ssim(picture, truth), perceived)


class _Slot:
    """A clip each of whose frames is `picture` when it is asked for."""

    def __init__(self, width: int, height: int) -> None:
        # black at first: vszip reads a frame as soon as it is called
        self.picture: Picture = np.zeros((height, width, 3), np.float32)
        blank = vs.core.std.BlankClip(
            format=vs.RGBS, width=width, height=height, length=_ENDLESS, keep=True
        ).std.SetFrameProps(_Transfer=_SRGB, _Primaries=_BT709)
        self.clip = clip_of(lambda n: list(np.moveaxis(self.picture, -1, 0)), blank)


def _ssim(picture: Picture, truth: Picture) -> float:
    """Mean over R, G and B, with the Gaussian window of 11 pixels that its authors use."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    ours, theirs = (
        torch.from_numpy(np.ascontiguousarray(p, np.float32)).permute(2, 0, 1)[None]
        for p in (picture, truth)
    )
    with torch.inference_mode():
        mean = structural_similarity_index_measure(ours, theirs, data_range=1.0)
    assert isinstance(mean, torch.Tensor)  # other options give pairs
    return float(mean)
