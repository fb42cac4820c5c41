"""Frames that are paths of image files. New ones are PNG files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vsrife.errors import ArgumentError, MediaError, needing
from vsrife.images.asking import ImageOptions
from vsrife.images.frames.kinds import describe
from vsrife.weights.folders import write_whole

with needing("a frame that is a path", "images"):
    from PIL import Image, ImageOps

    from vsrife.images.frames.pil_images import PilImages

type PathLike = str | os.PathLike[str]

# Modes of files -> modes that new frames can have, and that PNG keeps
_AS = {
    "1": "L",
    "P": "RGB",
    "PA": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "LAB": "RGB",
}
_OTHER_SPACES = ("CMYK", "YCbCr", "HSV", "LAB")

_KEPT_BY_PNG = ("L", "LA", "I;16", "RGB", "RGBA")


class ImageFiles:
    """See `kinds.Kind`. New frames go to `folder`, named by their number in the output."""

    def __init__(self, first: PathLike, options: ImageOptions) -> None:
        if options.folder is None:
            raise ArgumentError(
                f"frame 0 is {describe(first)}, so folder= must say where new frames go; "
                "or open the files with PIL.Image.open"
            )
        self._folder = Path(options.folder)
        check_folder(self._folder)
        self._kept: tuple[PathLike, Image.Image] | None = None  # the last image that was opened
        image = self._open(first, "frame 0")
        self._profile = image.info.get("icc_profile")
        self._images = PilImages(image, options)
        self.look = self._images.look._replace(text=self.text_of(first))

    def text_of(self, frame: Any) -> str:
        if not isinstance(frame, str | os.PathLike):
            return describe(frame)
        text = self._images.text_of(self._open(frame, describe(frame)))
        return text.replace("a PIL image", "an image file")

    def read(self, frame: PathLike, name: str) -> Any:
        image = self._open(frame, name)
        self._kept = None
        return self._images.read(image, name)

    def write(self, picture: Any, left: PathLike, number: int) -> PathLike:
        path = self._folder / f"{number:08d}.png"
        if path.exists():
            raise MediaError(f"{path} exists and is not replaced; name an empty folder")
        image = self._images.drawn(picture)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, lambda part: image.save(part, "PNG", icc_profile=self._profile))
        except OSError as error:
            raise MediaError(f"{path} cannot be written ({error.strerror or error})") from error
        return str(path) if isinstance(left, str) else path

    def _open(self, path: PathLike, name: str) -> Image.Image:
        """The image of a file, decoded when that is needed, upright, in a mode that we draw in."""
        if self._kept is not None and self._kept[0] is path:
            return self._kept[1]
        try:
            with Image.open(path) as file:
                if _is_deeper(file):
                    raise ArgumentError(
                        f"{name}, {os.fspath(path)!r}, has 16 bits a channel, of which Pillow "
                        "reads 8; read it with another library, and give arrays of uint16"
                    )
                # a camera's files may say that they lie on their side; new files do not
                image = ImageOps.exif_transpose(file)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            reason = getattr(error, "strerror", None) or "it is damaged or no image"
            raise MediaError(f"cannot read the picture {os.fspath(path)!r}: {reason}") from error
        wanted = _AS.get(image.mode, image.mode)
        if wanted not in _KEPT_BY_PNG:
            raise ArgumentError(
                f"{name}, {os.fspath(path)!r}, has mode {image.mode}, which PNG does not keep; "
                "read it, and give arrays"
            )
        if "transparency" in image.info:
            wanted = {"RGB": "RGBA", "L": "LA"}.get(wanted, wanted)
        if wanted != image.mode:
            elsewhere = image.mode in _OTHER_SPACES
            image = image.convert(wanted)
            if elsewhere:
                image.info.pop("icc_profile", None)  # of other colours than these
        self._kept = path, image
        return image


def check_folder(folder: Path) -> None:
    """ArgumentError for a folder that is a file, or in which something is already."""
    try:
        found = next(folder.iterdir(), None) if folder.exists() else None
    except OSError as error:
        raise ArgumentError(
            f"folder must be a folder that can be read, not {str(folder)!r} ({error.strerror})"
        ) from error
    if found is not None:
        raise ArgumentError(
            f"folder={str(folder)!r} must be empty, and has {found.name!r} in it; empty it, or "
            "name another one"
        )


def _is_deeper(image: Image.Image) -> bool:
    """Whether a file has more bits a channel than Pillow's image of it."""
    layouts = [str(tile.args) for tile in getattr(image, "tile", [])]
    return image.mode in ("LA", "RGB", "RGBA") and any(";16" in layout for layout in layouts)
