"""vsrife between: two pictures in, those between them out."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.video_files import make_video
from vsrife.cli import main
from vsrife.filter import rife
from vsrife.media.stills.image_writer import image_bytes
from vsrife.media.stills.images import find_images, open_images
from vsrife.media.stills.still_pairs import write_between
from vsrife.media.writing.convert import with_alpha

RUBBISH = (0, 255, 0)  # colour where nothing shows
ORANGE = (255, 128, 51)


def picture(x: int, kind: int = vs.RGB24, *, alpha: bool = False) -> vs.VideoNode:
    """An orange block at column x of 64; around it dark grey, or nothing."""
    width, height = 64, 48
    clip = vs.core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1)
    around = RUBBISH if alpha else (60, 60, 60)

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        for plane in range(3):
            rows = np.asarray(made[plane])
            rows[:] = around[plane]
            rows[16:32, x : x + 16] = ORANGE[plane]
        return made

    def cover(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        np.asarray(made[0])[:] = 0
        np.asarray(made[0])[16:32, x : x + 16] = 255
        return made

    made = clip.std.ModifyFrame(clip, draw)
    if alpha:
        grey = clip.std.BlankClip(format=vs.GRAY8)
        made = made.std.ClipToProp(grey.std.ModifyFrame(grey, cover), prop="_Alpha")
    if kind == vs.RGB24:
        return made
    deep = made.resize.Point(format=kind)
    return with_alpha(deep, made) if alpha else deep


def save(path: Path, clip: vs.VideoNode) -> Path:
    path.write_bytes(image_bytes(clip.get_frame(0), path.suffix))
    return path


@pytest.fixture
def between(weights: Path, tmp_path: Path):
    """Run `vsrife between`; gives the pictures it made as a clip."""

    def run(left: vs.VideoNode, right: vs.VideoNode, *options: str, end: str = ".png"):
        files = [save(tmp_path / f"{n}{end}", clip) for n, clip in (("a", left), ("b", right))]
        words = [*map(str, files), "-o", str(tmp_path / "out"), "--model", str(weights), *options]
        assert main(["between", *words, "--device", "cpu"]) == 0
        return open_images(find_images(tmp_path / "out").files, Fraction(1))

    return run


@pytest.mark.parametrize(
    ("end", "kind", "alpha"),
    [
        (".png", vs.RGB24, False), (".png", vs.RGB24, True), (".png", vs.RGB48, True),
        (".png", vs.GRAY8, False), (".png", vs.GRAY16, False), (".tif", vs.RGB48, False),
        (".exr", vs.RGBS, False), (".exr", vs.RGBS, True),
    ],
)  # fmt: skip
def test_bits_alpha_and_kind_of_file_are_kept(
    between, tmp_path: Path, end: str, kind: int, alpha: bool
):
    def drawn(x: int) -> vs.VideoNode:
        if kind in (vs.GRAY8, vs.GRAY16):
            return picture(x).std.ShufflePlanes(0, vs.GRAY).resize.Point(format=kind)
        return picture(x, kind, alpha=alpha)

    made = between(drawn(10), drawn(18), "-n", "3", end=end)
    assert (made.format.id, made.num_frames) == (kind, 3)
    assert sorted(os.listdir(tmp_path / "out")) == [f"000{n}{end}" for n in (1, 2, 3)]
    with made.get_frame(1) as frame:
        assert ("_Alpha" in frame.props) == alpha


def test_both_ends_are_the_pictures_themselves(between):
    left, right = picture(10, alpha=True), picture(18, alpha=True)
    made = between(left, right, "-n", "2", "--ends")
    assert made.num_frames == 4
    for got, true in ((made.get_frame(0), left), (made.get_frame(3), right)):
        wanted = true.get_frame(0)
        assert all(np.array_equal(np.asarray(got[p]), np.asarray(wanted[p])) for p in range(3))
        assert np.array_equal(
            np.asarray(got.props["_Alpha"][0]), np.asarray(wanted.props["_Alpha"][0])
        )


def test_colours_of_what_does_not_show_never_do(between):
    """Wherever the model moves the block: visible pixels are orange, with no rim of rubbish."""
    for frame in between(picture(10, alpha=True), picture(18, alpha=True), "-n", "3").frames():
        alpha = np.asarray(frame.props["_Alpha"][0])
        assert (alpha > 128).any()
        for plane, true in enumerate(ORANGE):
            shown = np.asarray(frame[plane])[alpha > 30].astype(int)
            assert np.abs(shown - true).max() <= 12  # of 255; alpha of 31 has steps of 8


def test_light_above_1_is_kept(tmp_path: Path):
    left, right = (picture(x, vs.RGBS).std.Expr("x 8 *") for x in (10, 12))
    files = save(tmp_path / "a.exr", left), save(tmp_path / "b.exr", right)
    seen = []

    def interpolate(clip: vs.VideoNode, factor: int) -> vs.VideoNode:
        for frame in clip.frames():
            seen.extend((float(np.asarray(frame[0])[0, 0]), float(np.asarray(frame[0])[24, 20])))
        return rife(clip, factor=factor, device="cpu")  # a model that sees the block

    write_between(files, 1, tmp_path / "out", ["1.exr"], interpolate)
    # what the network takes: at most 1, and dark greys as far apart as in a film
    assert seen == pytest.approx([(60 / 255) ** (1 / 2.4), 1] * 2, abs=0.001)
    with open_images([tmp_path / "out" / "1.exr"], Fraction(1)).get_frame(0) as frame:
        assert float(np.asarray(frame[0])[24, 20]) == pytest.approx(8, rel=0.1)


def test_pictures_are_evenly_spaced_and_in_order(tmp_path: Path):
    """With frames that say their own time in place of a network."""

    def interpolate(clip: vs.VideoNode, factor: int) -> vs.VideoNode:
        grey = vs.core.std.BlankClip(clip, length=2 * factor)

        def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
            made = f.copy()
            for plane in range(3):
                np.asarray(made[plane])[:] = n / factor
            return made

        return grey.std.ModifyFrame(grey, draw)

    files = save(tmp_path / "a.png", picture(10)), save(tmp_path / "b.png", picture(18))
    names = [f"{n}.png" for n in range(1, 10)]
    write_between(files, 9, tmp_path / "out", names, interpolate)
    for n, name in enumerate(names, 1):
        with open_images([tmp_path / "out" / name], Fraction(1)).get_frame(0) as frame:
            assert np.asarray(frame[0])[0, 0] == round(255 * n / 10)


def test_the_deeper_picture_and_the_one_with_alpha_count(between):
    made = between(picture(10, vs.RGB48), picture(18, alpha=True), "-n", "1")
    assert made.format.id == vs.RGB48
    assert "_Alpha" in made.get_frame(0).props


def test_deeper_grey_and_colour_make_deeper_colour(between):
    deep = picture(10).std.ShufflePlanes(0, vs.GRAY).resize.Point(format=vs.GRAY16)
    assert between(deep, picture(18), "-n", "1").format.id == vs.RGB48


def write_apng(path: Path) -> None:
    """An animation of two pictures, whose name does not say so."""
    with av.open(str(path), "w", format="apng") as container:
        stream = container.add_stream("apng", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for level in (0, 200):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


BAD = {
    "no file": (["missing.png", "b.png"], "missing.png does not exist"),
    "text": (["text.png", "b.png"], "text.png is no image that can be read"),
    "another size": (["small.png", "b.png"], "small.png is 8x6 and "),
    "float and not": (["a.exr", "b.png"], "one is OpenEXR, which holds linear light"),
    "none between": (["a.png", "b.png", "-n", "0"], "count must be a whole number from 1 to"),
    "too many": (["a.png", "b.png", "-n", "20000"], "count must be a whole number from 1 to"),
    "a file as folder": (
        ["a.png", "b.png", "-o", "text.png"],
        "text.png is no folder; choose another",
    ),
    "a picture as folder": (
        ["a.png", "b.png", "-o", "c.png"],
        "c.png is named like a file, and a folder is needed",
    ),
    "scale": (["a.png", "b.png", "--scale", "3"], "scale must be"),
    "model": (["a.png", "b.png", "--model", "no-such"], "no-such"),
    "exists": (["a.png", "b.png", "-o", "full"], "0001.png exists; choose another folder"),
    "a film": (
        ["film.mkv", "b.png"],
        "film.mkv holds several pictures, so it is a film and no image; vsrife render",
    ),
    "an animation": (["b.png", "moving.png"], "moving.png holds several pictures"),
    "input": (["full/0001.png", "b.png", "-o", "full", "--overwrite"], "would be replaced"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    case: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    words, said = BAD[case]
    monkeypatch.chdir(tmp_path)
    save(Path("a.png"), picture(10))
    save(Path("b.png"), picture(18))
    save(Path("a.exr"), picture(10, vs.RGBS))
    save(Path("small.png"), picture(0).std.Crop(right=56, bottom=42))
    Path("text.png").write_text("text")
    make_video(Path("film.mkv"), with_audio=False)
    write_apng(Path("moving.png"))
    Path("full").mkdir()
    save(Path("full/0001.png"), picture(10))
    before = sorted(str(path) for path in Path().rglob("*"))
    if "-o" not in words:
        words = [*words, "-o", "out"]
    if "--model" not in words:
        words = [*words, "--model", str(weights)]
    assert main(["between", *words]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-1]
    assert lines[-1].startswith("vsrife: error: ")
    assert sorted(str(path) for path in Path().rglob("*")) == before
