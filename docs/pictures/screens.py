"""What commands show to look at: a page in Chromium, a contact sheet. docs/pictures/make.py writes
them. They show a drawn film at 12 frames per second that the embedded model makes smoother, beside
the same film drawn at 24.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import vapoursynth as vs
from PIL import Image

from vsrife.cli import main
from vsrife.evaluation.clips import clip_of_pictures
from vsrife.media.demo_film import CUT, draw
from vsrife.media.timestamps import constant_times
from vsrife.media.writing.encode import Encoding, write_video

ROOT = Path(__file__).parents[2]
WINDOW = 960, 800  # pixels of the page
ROWS = 3  # of the contact sheet
COLOURS = 128  # of a palette


def film(path: Path, rate: int) -> Path:
    """The drawn film from its begin to the last frame at 12 per second before its cut."""
    last = int(CUT * 12) - 1
    pictures = [draw(n / rate) for n in range(last * rate // 12 + 1)]
    clip = clip_of_pictures(pictures, Fraction(rate))
    clip = clip.resize.Bicubic(format=vs.YUV420P8, matrix_s="170m", range_s="limited")
    write_video(clip, path, constant_times(Fraction(rate), clip.num_frames), Encoding(crf=12))
    return path


def compare_page(folder: Path) -> Image.Image:
    """The page of `vsrife compare`, as it opens."""
    sys.path.insert(0, str(ROOT))
    from tests.support.chromium import chromium  # not for Windows

    source, truth = film(folder / "source.mkv", 12), film(folder / "drawn.mkv", 24)
    smooth, page = folder / "smooth.mkv", folder / "page.html"
    if main(["render", str(source), "-o", str(smooth), "--crf", "12"]):
        raise SystemExit("render failed")
    if main(["compare", str(truth), str(smooth), "-o", str(page)]):
        raise SystemExit("compare failed")
    with chromium(folder) as browser:
        browser.open(page, *WINDOW)
        browser.js("Promise.all([...document.images].map((each) => each.decode().catch(() => 0)))")
        browser.js(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        return Image.open(io.BytesIO(browser.screenshot())).convert("RGB")


def preview(folder: Path) -> Image.Image:
    """The first rows of `vsrife render --preview`."""
    source, sheet = film(folder / "source.mkv", 12), folder / "pairs.png"
    if main(["render", str(source), "--preview", str(sheet)]):
        raise SystemExit("preview failed")
    whole = Image.open(sheet).convert("RGB")
    height = whole.width // 3 * draw(0).shape[0] // draw(0).shape[1]
    return whole.crop((0, 0, whole.width, ROWS * height)).reduce(2)


SCREENS: dict[str, Callable[[Path], Image.Image]] = {
    "compare-page": compare_page,
    "preview": preview,
}


def write_all(folder: Path) -> None:
    if shutil.which("chromium") is None:
        raise SystemExit("screens need Chromium (apt-get install chromium)")
    for name, make in SCREENS.items():
        with TemporaryDirectory() as work:
            made = make(Path(work)).quantize(COLOURS, dither=Image.Dither.NONE)
        made.save(folder / f"{name}.png", optimize=True)
