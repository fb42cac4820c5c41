"""A folder of numbered images as a source: its properties, its frames, and their times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.source import Facts
from vsrife.media.stills.images import HELD, READABLE, find_images, open_images
from vsrife.media.timestamps import Times
from vsrife.weights.folders import is_folder

IMAGES = "images"  # as the codec of a film
USUAL_RATE = Fraction(24)  # images per second, if nobody says


def is_image_folder(path: Path, others: tuple[str, ...] = ()) -> bool:
    """Whether a path is a folder with images, and without files that end in `others`."""
    if not is_folder(path):
        return False
    endings = {each.suffix.lower() for each in path.iterdir() if not each.name.startswith(".")}
    return bool(endings & set(READABLE)) and not endings & set(others)


def probe_folder(folder: Path, rate: Fraction, about_gaps: str = HELD) -> Facts:
    """Properties of a sequence. MediaError if it is none, or its first image cannot be read."""
    found = find_images(folder, about_gaps)
    first = open_images(found.files[:1], rate)
    return Facts(1 / rate, 0, (rate,), Fraction(0), (first.width, first.height), IMAGES)


def open_folder(folder: Path, rate: Fraction, about_gaps: str = HELD) -> tuple[vs.VideoNode, Times]:
    """The images of a folder as a clip with a frame rate (the mean, if numbers are missing).

    Format, size and alpha are those of the first image; later ones must have its size. about_gaps:
    what a note says of missing numbers.
    """
    found = find_images(folder, about_gaps)
    if len(found.files) < 2:
        raise MediaError(f"{folder} has one image; nothing lies between fewer than 2")
    times = found.times(rate)
    clip = open_images(found.files, rate)
    return clip.std.AssumeFPS(fpsnum=times.rate.numerator, fpsden=times.rate.denominator), times
