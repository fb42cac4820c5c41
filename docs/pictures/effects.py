"""Frames that show what arguments of rife() do, on drawn scenes. docs/pictures/make.py writes them.

Each picture is a row of tiles with a line of words above. All new frames are made by the embedded
model, so the pictures show its weaknesses, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vsrife import rife
from vsrife.evaluation.cases import known_motion
from vsrife.evaluation.clips import clip_of_pictures
from vsrife.media.demo_film import CUT, draw

Picture = NDArray[np.floating]
Tile = tuple[str, Picture]
INK, GREY, PANEL = (31, 36, 48), (91, 100, 114), (251, 251, 253)
GAP, STRIP = 10, 26  # pixels between tiles, and of words above them
COLOURS = 128  # of a palette: drawn scenes need no more


def smoothed(pictures: Sequence[Picture], **asked: object) -> vs.VideoNode:
    """What rife() makes of a film, the same on every CPU."""
    return rife(clip_of_pictures(pictures), precision="fp32", **asked)


def new_frame(
    pictures: Sequence[Picture], pair: int, timestep: Fraction, **asked: object
) -> Picture:
    """What rife() shows at a timestep between frames `pair` and `pair` + 1."""
    smooth = smoothed(pictures, factor=timestep.denominator, **asked)
    frame = smooth.get_frame(pair * timestep.denominator + timestep.numerator)
    return np.stack([np.asarray(frame[plane]) for plane in range(3)], axis=-1)


def sheet(rows: Sequence[Sequence[Tile]], zoom: int = 1) -> Image.Image:
    """Rows of tiles of one size; each pixel becomes zoom x zoom."""
    height, width = (side * zoom for side in rows[0][0][1].shape[:2])
    across = max(map(len, rows))
    size = (GAP + across * (width + GAP), GAP + len(rows) * (height + STRIP + GAP))
    page, font = Image.new("RGB", size, PANEL), ImageFont.load_default(15)
    pen = ImageDraw.Draw(page)
    for row, tiles in enumerate(rows):
        for column, (words, picture) in enumerate(tiles):
            left, top = GAP + column * (width + GAP), GAP + row * (height + STRIP + GAP)
            pen.text((left, top), words, fill=INK, font=font)
            codes = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
            shown = Image.fromarray(codes).resize((width, height), Image.Resampling.NEAREST)
            page.paste(shown, (left, top + STRIP))
    return page.quantize(COLOURS, dither=Image.Dither.NONE)


def cut(picture: Picture, left: int, top: int, width: int, height: int) -> Picture:
    return picture[top : top + height, left : left + width]


def before_after() -> Image.Image:
    """Three moments at 12 frames per second and at 24: the first row holds, the second moves."""
    film = [draw(n / 12) for n in (4, 5)]
    made = new_frame(film, 0, Fraction(1, 2))
    first, new, second = (cut(each, 110, 96, 300, 150) for each in (film[0], made, film[1]))
    before = (("before: frame 1", first), ("frame 1, still", first), ("frame 2", second))
    after = (("after: frame 1", first), ("a new frame", new), ("frame 2", second))
    return sheet([before, after])


def in_time() -> Image.Image:
    """One line of the picture, over time downwards: steps at 12 frames a second, a slope at 96."""
    film = [draw(n / 12) for n in range(8)]
    smooth = smoothed(film, factor=8)
    lines = [
        np.stack([np.asarray(f[p]) for p in range(3)], -1)[186, 80:400] for f in smooth.frames()
    ]
    made = np.stack(lines[:56])
    held = np.repeat(np.stack([film[n][186, 80:400] for n in range(7)]), 8, axis=0)
    tall = [np.repeat(each, 3, axis=0) for each in (held, made)]
    return sheet([[("12 frames per second", tall[0]), ("factor=8", tall[1])]])


def scale() -> Image.Image:
    """A very fast pan, with motion estimated at full, half and a quarter of the size."""
    way, width, height = 160, 960, 544
    wide = known_motion.dead_leaves(width + way, height, 5)
    film = [wide[:, way:], wide[:, :width]]
    tiles = [("truth", wide[:, way // 2 : way // 2 + width])]
    for value in (1, 0.5, 0.25):
        tiles.append((f"scale={value}", new_frame(film, 0, Fraction(1, 2), scale=value)))
    return sheet([[(words, cut(each, 360, 190, 240, 160)) for words, each in tiles]])


def scene_cut() -> Image.Image:
    """What stands half way and three quarters of the way across a cut."""
    film = [draw(CUT - 2 / 12), draw(CUT - 1 / 12), draw(CUT), draw(CUT + 1 / 12)]
    modes = (
        ("sc=False", {}),
        ('sc_mode="hold"', {"sc": True}),
        ('"nearest"', {"sc": True, "sc_mode": "nearest"}),
        ('"blend"', {"sc": True, "sc_mode": "blend"}),
    )
    small = slice(None, None, 2)
    tiles = [
        (name, new_frame(film, 1, Fraction(3, 4), **asked)[small, small]) for name, asked in modes
    ]
    return sheet([tiles])


def lettering() -> Image.Image:
    """Still letters over a ground that moves: without protection, found, and masked."""
    width, height, way = 480, 272, 12
    page = Image.new("L", (width, height))
    font = ImageFont.load_default(15)
    ImageDraw.Draw(page).text((width // 2, 136), "A subtitle", fill=255, font=font, anchor="mm")
    letters = np.asarray(page, np.float32)[..., None] / 255
    wide = known_motion.dead_leaves(width + 3 * way, height, 3) * np.float32(0.6)
    grounds = [wide[:, n * way : n * way + width] for n in range(4)]
    film = [ground + letters * (1 - ground) for ground in grounds]
    white = clip_of_pictures([np.repeat(letters, 3, axis=-1)] * 4)
    mask = white.resize.Point(format=vs.GRAY8, matrix_s="709")
    for _ in range(3):  # a mask may be larger than the letters: their rims move, too
        mask = mask.std.Maximum()
    half = Fraction(1, 2)
    tiles = (
        ("source", film[1]),
        ("rife(clip)", new_frame(film, 1, half)),
        ("protect=True", new_frame(film, 1, half, protect=True)),
        ("mask=mask", new_frame(film, 1, half, mask=mask)),
    )
    return sheet([[(words, cut(each, 198, 122, 84, 30)) for words, each in tiles]], zoom=3)


def fence() -> Image.Image:
    """Bars of period 36 pixels that move 9 to the right, and the bars half way."""
    leaves = known_motion.dead_leaves(320, 180, 7)
    ground = np.float32(0.6) + np.float32(0.1) * (leaves - np.float32(0.5))
    film = [known_motion.fence(ground, offset) for offset in (0, 9)]
    truth = known_motion.fence(ground, 4.5)
    tiles = (
        ("left", film[0]),
        ("right, 9 px on", film[1]),
        ("truth, half way", truth),
        ("rife(clip)", new_frame(film, 0, Fraction(1, 2))),
    )
    return sheet([[(words, cut(each, 60, 30, 190, 120)) for words, each in tiles]])


def bad_frame() -> Image.Image:
    """A damaged frame, and the one that takes its place."""
    film = [draw((3 + n) / 24) for n in range(3)]
    broken = film[1].copy()
    for n in range(6):  # blocks that lie where they do not belong, and green
        broken[64 + 24 * n : 88 + 24 * n, 96 + 40 * n : 240 + 40 * n] = (0.1, 0.9, 0.2)
    made = smoothed([film[0], broken, film[2]], factor=1, replace=[1]).get_frame(1)
    new = np.stack([np.asarray(made[plane]) for plane in range(3)], axis=-1)
    tiles = (("frame 1, damaged", broken), ("replace=[1]", new), ("truth", film[1]))
    return sheet([[(words, cut(each, 90, 50, 280, 180)) for words, each in tiles]])


EFFECTS: dict[str, Callable[[], Image.Image]] = {
    "before-after": before_after,
    "in-time": in_time,
    "scale": scale,
    "scene-cut": scene_cut,
    "lettering": lettering,
    "fence": fence,
    "bad-frame": bad_frame,
}


def write_all(folder: Path) -> None:
    for name, make in EFFECTS.items():
        make().save(folder / f"{name}.png", optimize=True)
