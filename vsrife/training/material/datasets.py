"""Public data sets: recognised by their folders, read sample by sample.

| data set | what a folder holds |
|---|---|
| Vimeo90K triplets | `tri_trainlist.txt`, `sequences/00001/0001/im1.png` to `im3.png` |
| Vimeo90K septuplets | `sep_trainlist.txt`, `sequences/00001/0001/im1.png` to `im7.png` |
| ATD-12K | `train_10k/NAME/frame1.jpg` to `frame3.jpg`, or .png |
| Adobe240, frames | `train/NAME/*.png`, `train_frames/...` or `frame/train/...`, also .jpg |
| Adobe240, videos | `original_high_fps_videos/*.mov` and other videos |

Test samples are never read: lists of training samples are obeyed, and test folders are not in this
table. `adobe240fps_folder_train.txt`, if it is there, names the videos to use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.errors import MediaError
from vsrife.media.stills.pictures import Picture, read_photo

PICTURES = (".png", ".jpg", ".jpeg")
VIMEO = {"tri_trainlist.txt": 3, "sep_trainlist.txt": 7}  # frames of a sample
ATD_FOLDER, ATD_FRAMES = "train_10k", 3
ADOBE_FOLDERS = ("train", "train_frames", "frame/train")
ADOBE_VIDEOS, ADOBE_LIST = "original_high_fps_videos", "adobe240fps_folder_train.txt"
LONGEST = 16  # frames from left to right; at 240 fps that is 1/15 second
RESIZED = 0.3  # share of the samples that are drawn larger or smaller, up to twice


@dataclass(frozen=True)
class Dataset:
    """Folders of pictures, whose names are in order of time.

    kind: "clips" or "animations", with which it is mixed; frames: of a folder, 0: any number of at
    least 3.
    """

    name: str
    kind: str
    folders: tuple[Path, ...]
    frames: int = 0
    _listed: dict[Path, list[Path]] = field(default_factory=dict, repr=False, compare=False)

    def paths(self, folder: Path) -> list[Path]:
        """The pictures of a folder; MediaError if they are too few."""
        if folder not in self._listed:
            found = [p for p in folder.glob("*") if p.suffix.lower() in PICTURES]
            if len(found) < max(3, self.frames):
                raise MediaError(
                    f"{self.name}: {folder} has {len(found)} pictures; "
                    f"it needs {self.frames or 'at least 3'}"
                )
            self._listed[folder] = sorted(found, key=lambda path: (len(path.name), path.name))
        return self._listed[folder]

    def draw(self, generator: torch.Generator, size: int) -> tuple[Tensor, float]:
        """Left, middle and right frame (3, 3, size, size) in 0..1, and the timestep of middle.

        Any three frames of a folder, at most LONGEST apart, forwards or backwards, cropped at any
        place; some are resized: enlarging makes motion larger.
        """
        index = int(torch.randint(0, len(self.folders), (), generator=generator))
        paths = self.paths(self.folders[index])
        chosen, middle = _pick(generator, len(paths))
        with ThreadPoolExecutor(3) as pool:
            pictures = list(pool.map(read_photo, [paths[n] for n in chosen]))
        for n, picture in zip(chosen, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                raise MediaError(f"{paths[n]} is of another size than {paths[chosen[0]]}")
        return _crop(generator, pictures, size), middle


def find_datasets(folder: Path) -> list[Dataset]:
    """Data sets in `folder` or in folders right below it; MediaError if one is incomplete."""
    found = []
    for root in _roots(folder):
        found += [
            _vimeo(root, root / name, frames)
            for name, frames in VIMEO.items()
            if (root / name).is_file()
        ]
        if (root / ATD_FOLDER).is_dir():
            found.append(_checked("ATD-12K", "animations", _below(root / ATD_FOLDER), ATD_FRAMES))
        frames_at = next((root / name for name in ADOBE_FOLDERS if _frames_in(root / name)), None)
        if frames_at:
            folders = [path for path in _below(frames_at) if _wanted(root, path)]
            found.append(_checked("Adobe240", "clips", folders, 0))
    return found


def find_videos(folder: Path) -> list[Path]:
    """Adobe240's training videos, 240 frames per second."""
    paths = [path for root in _roots(folder) for path in sorted(root.glob(f"{ADOBE_VIDEOS}/*"))]
    return [path for path in paths if path.is_file() and _wanted(path.parents[1], path)]


def _roots(folder: Path) -> list[Path]:
    return [folder, *_below(folder)]


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _vimeo(root: Path, listing: Path, frames: int) -> Dataset:
    lines = (line.strip() for line in listing.read_text(encoding="utf-8").splitlines())
    folders = [root / "sequences" / line for line in lines if line]
    return _checked(f"Vimeo90K of {listing}", "clips", folders, frames)


def _checked(name: str, kind: str, folders: Sequence[Path], frames: int) -> Dataset:
    dataset = Dataset(name, kind, tuple(folders), frames)
    if not folders:
        raise MediaError(f"{name}: there is nothing to train on")
    missing = next((folder for folder in folders if not folder.is_dir()), None)
    if missing:
        raise MediaError(f"{name}: {missing} is missing; unpack the data set whole")
    dataset.paths(folders[0])
    return dataset


def _frames_in(folder: Path) -> bool:
    """Whether `folder` holds folders of pictures."""
    if not folder.is_dir():
        return False
    first = next(iter(_below(folder)), None)
    return first is not None and any(p.suffix.lower() in PICTURES for p in first.iterdir())


def _wanted(root: Path, path: Path) -> bool:
    listing = root / ADOBE_LIST
    return not listing.is_file() or path.stem in set(_names(listing))


def _names(listing: Path) -> Iterator[str]:
    return (Path(line).stem for line in listing.read_text(encoding="utf-8").split())


def _pick(generator: torch.Generator, count: int) -> tuple[list[int], float]:
    """Numbers of three of `count` frames, and the timestep of the second between the others."""

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    span = between(2, min(LONGEST, count - 1))
    left = between(0, count - 1 - span)
    middle = between(1, span - 1)
    chosen = [left, left + middle, left + span]
    if between(0, 1):
        return chosen[::-1], 1 - middle / span
    return chosen, middle / span


def _crop(generator: torch.Generator, pictures: Sequence[Picture], size: int) -> Tensor:
    """The same crop of all three, resized to `size`; smaller pictures are enlarged."""
    drawn = torch.rand(4, generator=generator).tolist()
    zoom = 2 ** (2 * drawn[1] - 1) if drawn[0] < RESIZED else 1.0
    height, width, _ = pictures[0].shape
    side = min(round(size / zoom), height, width)
    top, left = int(drawn[2] * (height - side + 1)), int(drawn[3] * (width - side + 1))
    crops = [
        torch.from_numpy(picture[top : top + side, left : left + side].copy())
        for picture in pictures
    ]
    frames = torch.stack(crops).permute(0, 3, 1, 2).float() / 255
    if side != size:
        frames = F.interpolate(
            frames, (size, size), mode="bicubic", antialias=True, align_corners=False
        ).clamp(0, 1)
    return frames
