"""Scores of a picture against the truth: PSNR of ours, all others of libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from math import ceil, isnan, nan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import vapoursynth as vs

from vsrife.evaluation.clips import clip_of
from vsrife.evaluation.plotting import own_folder
from vsrife.evaluation.scores.similarity import SMALLEST, similarity
from vsrife.evaluation.scores.similarity import mean as similarity_of
from vsrife.inference import psnr as ratio

BEST_PSNR = 100.0  # dB, of equal pictures, so that means stay finite
_SRGB, _BT709 = 13, 1  # of H.273: SSIMULACRA2 looks at pictures as a screen shows them
_ENDLESS = 2**31 - 1

Picture = npt.NDArray[np.floating]  # (H, W, 3) RGB in 0..1


class Scores(NamedTuple):
    """Of one picture. Of the first three, more is better; ssimulacra2: at 90 nobody sees a
    difference, 70 is high quality, 50 medium, 30 low; below 0 is worse still. Of the others, less
    is better: 0 is equal; butteraugli: of the worst place, 1 is just visible. nan: not measured."""

    psnr: float
    ssim: float
    ssimulacra2: float
    butteraugli: float = nan
    lpips: float = nan


class Measure(NamedTuple):
    label: str
    digits: int  # after the point that mean something


MEASURES = {
    "psnr": Measure("PSNR in dB", 2),
    "ssim": Measure("SSIM", 4),
    "ssimulacra2": Measure("SSIMULACRA 2", 1),
}
# Those that not every machine can have
OPTIONAL = {
    "butteraugli": Measure("Butteraugli", 2),
    "lpips": Measure("LPIPS", 4),
}
ALL = MEASURES | OPTIONAL
LESS_IS_BETTER = frozenset(OPTIONAL)

# Plugins with Butteraugli, the first that is installed counts: namespace, function, the argument
# for the screen's nits, the property with the score of the worst place
_BUTTERAUGLI = (
    ("julek", "Butteraugli", "intensity_target", "_FrameButteraugli"),
    ("vship", "BUTTERAUGLI", "intensity_multiplier", "_BUTTERAUGLI_INFNorm"),
)
_NITS = 203.0  # of white, as ITU-R BT.2408 has it

Lpips = Callable[[Picture, Picture], float]


def missing() -> str:
    """What to tell the user of measures that cannot be had here; "" if all can."""
    if hasattr(vs.core, "vszip"):
        return ""
    return 'without SSIMULACRA 2: VapourSynth plugin vszip is not installed; pip install ".[eval]"'


def measured(scores: Sequence[Scores]) -> list[str]:
    """The measures that all of them have, in the order of tables."""
    return [name for name in ALL if not any(isnan(getattr(each, name)) for each in scores)]


def mean(scores: Sequence[Scores]) -> Scores:
    return Scores(*(float(value) for value in np.mean(scores, 0)))


def worst_tenth(scores: Sequence[Scores]) -> Scores:
    """The mean of the worst tenth, one at least, by each measure for itself."""
    count = ceil(len(scores) / 10)
    columns = dict(zip(Scores._fields, zip(*scores, strict=True), strict=True))
    return Scores(**{
        name: float(np.mean(sorted(values, reverse=name in LESS_IS_BETTER)[:count]))
        for name, values in columns.items()
    })  # fmt: skip


def psnr(picture: Picture, truth: Picture) -> float:
    """PSNR in dB over R, G and B in 0..1, what is beyond cut off; 100 at most."""
    return min(BEST_PSNR, ratio.psnr(picture.clip(0, 1), truth.clip(0, 1)))


class Judge:
    """Scores pictures of one size; SSIMULACRA 2 is nan without vszip, see `missing`.

    Without torchmetrics, VapourSynth's own filters give SSIM; nan for pictures too small for these.

    lpips: what measures it, if it is to be measured (see `lpips.load`).
    """

    def __init__(self, width: int, height: int, lpips: Lpips | None = None) -> None:
        self._truth, self._picture = _Slot(width, height), _Slot(width, height)
        pair = self._truth.clip, self._picture.clip
        self._perceived = vs.core.vszip.SSIMULACRA2(*pair) if hasattr(vs.core, "vszip") else None
        self._similar: vs.VideoNode | None = None
        if find_spec("torchmetrics") is None and min(width, height) >= SMALLEST:
            self._similar = similarity(*(clip.std.Expr("x 0 max 1 min") for clip in pair))
        self._butteraugli = _butteraugli(*pair)
        self._lpips = lpips
        self._number = 0

    def __call__(self, picture: Picture, truth: Picture) -> Scores:
        self._truth.picture, self._picture.picture = truth, picture
        # a number of its own for each picture: VapourSynth may keep the last frames
        n = self._number
        perceived = butteraugli = ssim = nan
        if self._perceived is not None:
            with self._perceived.get_frame(n) as frame:
                perceived = float(frame.props["SSIMULACRA2"])
        if self._butteraugli is not None:
            clip, prop = self._butteraugli
            with clip.get_frame(n) as frame:
                butteraugli = float(frame.props[prop])
        if self._similar is not None:
            with self._similar.get_frame(n) as frame:
                ssim = similarity_of(frame.props)
        elif find_spec("torchmetrics") is not None:
            ssim = _ssim(picture, truth)
        self._number += 1
        lpips = nan if self._lpips is None else self._lpips(picture, truth)
        return Scores(psnr(picture, truth), ssim, perceived, butteraugli, lpips)


def _butteraugli(truth: vs.VideoNode, picture: vs.VideoNode) -> tuple[vs.VideoNode, str] | None:
    """A clip with the score of each frame, and the property that has it; None without a plugin."""
    for namespace, name, nits, prop in _BUTTERAUGLI:
        if hasattr(vs.core, namespace):
            function: Any = getattr(getattr(vs.core, namespace), name)
            return function(truth, picture, **{nits: _NITS}), prop
    return None


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

    with own_folder():  # it imports matplotlib
        from torchmetrics.functional.image import structural_similarity_index_measure

    ours, theirs = (
        torch.from_numpy(np.ascontiguousarray(p, np.float32)).permute(2, 0, 1)[None]
        for p in (picture, truth)
    )
    with torch.inference_mode():
        mean = structural_similarity_index_measure(ours, theirs, data_range=1.0)
    assert isinstance(mean, torch.Tensor)  # other options give pairs
    return float(mean)
