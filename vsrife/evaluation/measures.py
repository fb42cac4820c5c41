"""How near a picture comes to the truth. PSNR is ours, the others are maintained libraries'."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import vapoursynth as vs

from vsrife.errors import BackendError

BEST_PSNR = 100.0  # dB, of equal pictures, so that means stay finite
_SRGB, _BT709 = 13, 1  # of H.273: SSIMULACRA2 looks at pictures as a screen shows them
_ENDLESS = 2**31 - 1

Picture = npt.NDArray[np.floating]  # (H, W, 3) RGB in 0..1


class Scores(NamedTuple):
    """Of one picture, more is better. ssimulacra2: 90 cannot be told from the truth, 70 is high
    quality, 50 medium, 30 low; negative ones are worse than that."""

    psnr: float
    ssim: float
    ssimulacra2: float


class Measure(NamedTuple):
    label: str
    digits: int  # behind the point, that mean something


MEASURES = {
    "psnr": Measure("PSNR in dB", 2),
    "ssim": Measure("SSIM", 4),
    "ssimulacra2": Measure("SSIMULACRA 2", 1),
}


def psnr(picture: Picture, truth: Picture) -> float:
    """10 log10(1 / mean squared error) in dB, over R, G and B in 0..1; 100 at most."""
    error = float(np.mean((picture.clip(0, 1).astype(np.float64) - truth.clip(0, 1)) ** 2))
    return min(BEST_PSNR, -10 * math.log10(error)) if error else BEST_PSNR


class Judge:
    """Scores pictures of one size. BackendError if a library is missing."""

    def __init__(self, width: int, height: int) -> None:
        if not hasattr(vs.core, "vszip"):
            raise BackendError("eval needs VapourSynth plugin vszip; pip install vsrife[eval]")
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
        # black at first: vszip looks at a frame as soon as it is called
        self.picture: Picture = np.zeros((height, width, 3), np.float32)
        blank = vs.core.std.BlankClip(
            format=vs.RGBS, width=width, height=height, length=_ENDLESS, keep=True
        ).std.SetFrameProps(_Transfer=_SRGB, _Primaries=_BT709)
        self.clip = blank.std.ModifyFrame(blank, self._fill)

    def _fill(self, n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            np.asarray(frame[plane])[:] = self.picture[..., plane]
        return frame


def _ssim(picture: Picture, truth: Picture) -> float:
    """With the Gaussian window of 11 pixels of its authors, mean over R, G and B."""
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
