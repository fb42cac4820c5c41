"""Three frames in a row of the user's own clips: two to interpolate between, and the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.evaluation.film import Film
from vsrife.evaluation.scores.measures import psnr
from vsrife.evaluation.timing.speed import Frame, new_frame
from vsrife.inference.base import Session
from vsrife.media.source import open_source, probe, to_rgb
from vsrife.messages import counted
from vsrife.weights.folders import is_file

LEAST = 4  # triples for each of the two uses: calibration, and the figures afterwards
_STILL, _CUT = 0.002, 0.15  # mean differences: nothing to learn from, nothing to interpolate


class Triple(NamedTuple):
    """Frames n, n + 1 and n + 2 of a clip (RGBS), read when they are asked for: (3, H, W) in 0..1
    each. The one in the middle is the truth."""

    clip: vs.VideoNode
    n: int

    @property
    def left(self) -> Frame:
        return self._frame(0)

    @property
    def truth(self) -> Frame:
        return self._frame(1)

    @property
    def right(self) -> Frame:
        return self._frame(2)

    @property
    def size(self) -> tuple[int, int]:
        return self.clip.width, self.clip.height

    def _frame(self, number: int) -> Frame:
        with self.clip.get_frame(self.n + number) as frame:
            return [np.array(frame[plane], np.float32).clip(0, 1) for plane in range(3)]


class Quality(NamedTuple):
    """Mean PSNR in dB against the truth, and of INT8 against fp32."""

    single: float
    quantized: float
    alike: float


def triples_of(clips: Sequence[Path], frames: int) -> list[Triple]:
    """Triples from all over the clips, without cuts and stills; MediaError if they are too few.

    frames: how many places of each clip are looked at.
    """
    places = [place for path in clips for place in _of_clip(path, frames)]
    found = [triple for triple, change in places if _STILL < change < _CUT]
    if len(found) < 2 * LEAST:
        still = sum(change <= _STILL for _, change in places)
        raise MediaError(
            f"calibration clips have too little to learn from: of the {len(places)} places looked "
            f"at, {still} are still, {len(places) - still - len(found)} change as at a cut and "
            f"{len(found)} can be used; at least {2 * LEAST} are needed; give longer clips, or "
            "such in which more moves"
        )
    return found


def _of_clip(path: Path, frames: int) -> Iterator[tuple[Triple, float]]:
    """Triples from all over a clip, and the mean difference between their outer frames."""
    if not is_file(path):
        raise MediaError(f"there is no clip {path}")
    clip, _ = open_source(path, probe(path))
    if clip.num_frames < 3:
        found = counted(clip.num_frames, "frame")
        raise MediaError(f"{path} has {found}; calibration needs three and more")
    film = Film(path.name, clip, to_rgb)
    step = max(1, film.count // frames)
    rgb = film.to_rgb(film.source)
    for k in range(0, film.count, step)[:frames]:
        triple = Triple(rgb, 2 * k)
        sides = zip(triple.left, triple.right, strict=True)
        yield triple, fmean(float(np.abs(a - b).mean()) for a, b in sides)


def quality_of(sessions: Mapping[str, Session], triples: Iterable[Triple]) -> Quality:
    """sessions: of the same model in "fp32" and in "int8"."""
    scores = []
    for triple in triples:
        truth = np.stack(triple.truth)
        single, quantized = (
            np.stack(new_frame(sessions[kind], triple.left, triple.right))
            for kind in ("fp32", "int8")
        )
        scores.append((psnr(single, truth), psnr(quantized, truth), psnr(quantized, single)))
    return Quality(*(fmean(column) for column in zip(*scores, strict=True)))
