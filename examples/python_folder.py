"""A folder of images, made smoother: OUT has all frames, numbered.

python python_folder.py IN OUT 4
"""

import shutil
import sys
from pathlib import Path

from vsrife import interpolate

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


def main(source: str, out: str, factor: str = "2") -> None:
    paths = sorted(path for path in Path(source).iterdir() if path.suffix.lower() in SUFFIXES)
    folder = Path(out)
    # new frames are written there, under their numbers; given ones come out as they are
    for number, path in enumerate(interpolate(paths, factor, folder=folder, sc=True)):
        if path.parent != folder:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / f"{number:08d}{path.suffix}")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Exception as error:  # a folder, a picture or a factor
        sys.exit(f"error: {error}")
