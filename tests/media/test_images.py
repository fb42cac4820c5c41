"""Still images in and out, by what Pillow and ffmpeg read and write."""

from __future__ import annotations

import itertools
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.support.ffmpeg import ffmpeg
from tests.support.moving_clips import moving
from vsrife.errors import MediaError
from vsrife.media.stills.image_writer import (
    KINDS,
    check_images,
    for_images,
    image_bytes,
    image_names,
    write_images,
)
from vsrife.media.stills.images import Numbered, find_images, open_images
from vsrife.media.writing.convert import for_encoding
from vsrife.media.writing.encoders import Encoding
from vsrife.video.alpha import premultiplied, straight

KEPT = {  # VapourSynth's formats that come back as they were, by ending
    ".png": (vs.GRAY8, vs.GRAY16, vs.RGB24, vs.RGB48),
    ".tif": (vs.GRAY8, vs.GRAY16, vs.RGB24, vs.RGB48),
    ".tiff": (vs.RGB48,),
    ".exr": (vs.RGBS,),
}


def samples(frame: vs.VideoFrame) -> list[np.ndarray]:
    found = [np.asarray(frame[n]) for n in range(frame.format.num_planes)]
    alpha = frame.props.get("_Alpha")
    return found if alpha is None else [*found, np.asarray(alpha[0])]


def same(a: vs.VideoFrame, b: vs.VideoFrame) -> bool:
    pairs = list(zip(samples(a), samples(b), strict=True))
    return a.format.id == b.format.id and all(np.array_equal(x, y) for x, y in pairs)


@pytest.mark.parametrize(
    ("end", "kind", "alpha"),
    [(end, kind, alpha) for end, kinds in KEPT.items() for kind in kinds for alpha in (False, True)
     if not alpha or kind not in (vs.GRAY8, vs.GRAY16)],  # grey is written without alpha
)  # fmt: skip
def test_images_come_back_in_every_sample(end: str, kind: int, alpha: bool, tmp_path: Path):
    clip = moving(kind, 3, alpha=alpha)
    if kind == vs.RGBS:
        clip = clip.std.SetFrameProps(_Transfer=8).std.Expr("x 9 * 2 -")  # beyond 0..1
    made = for_images(clip, end)
    names = image_names(3, ending=end)
    write_images(made, tmp_path, names)
    assert sorted(os.listdir(tmp_path)) == names
    back = open_images(find_images(tmp_path).files, Fraction(24))
    assert (back.format.id, back.num_frames, back.fps) == (kind, 3, 24)
    for got, true in zip(back.frames(), made.frames(), strict=True):
        assert same(got, true)


@pytest.mark.parametrize(
    ("kind", "mode"), [(vs.RGB24, "RGB"), (vs.GRAY8, "L"), (vs.GRAY16, "I;16")]
)
@pytest.mark.parametrize("end", [".png", ".tif"])
def test_other_readers_see_the_same_picture(end: str, kind: int, mode: str, tmp_path: Path):
    from PIL import Image

    clip = moving(kind, 1)
    write_images(clip, tmp_path, [f"a{end}"])
    with Image.open(tmp_path / f"a{end}") as image:
        assert image.mode == mode
        got = np.asarray(image)
    true = np.dstack(samples(clip.get_frame(0))) if mode == "RGB" else samples(clip.get_frame(0))[0]
    assert np.array_equal(got, true)


@pytest.mark.parametrize(
    ("name", "pixels", "kind", "alpha"),
    [
        ("a.png", "rgb24", vs.RGB24, False), ("a.png", "rgba", vs.RGB24, True),
        ("a.png", "rgb48be", vs.RGB48, False), ("a.png", "rgba64be", vs.RGB48, True),
        ("a.png", "gray", vs.GRAY8, False), ("a.png", "gray16be", vs.GRAY16, False),
        ("a.png", "pal8", vs.RGB24, False), ("a.png", "ya8", vs.RGB24, True),
        ("a.png", "monob", vs.GRAY8, False), ("a.tiff", "rgb48le", vs.RGB48, False),
        ("a.tif", "rgba64le", vs.RGB48, True), ("a.exr", "gbrpf32le", vs.RGBS, False),
        ("a.exr", "gbrapf32le", vs.RGBS, True), ("a.jpg", "yuvj444p", vs.RGB24, False),
        ("a.bmp", "bgr24", vs.RGB24, False), ("a.dpx", "gbrp10le", vs.RGB48, False),
    ],
)  # fmt: skip
def test_images_of_many_kinds_are_read(
    name: str, pixels: str, kind: int, alpha: bool, tmp_path: Path
):
    card = "testsrc2=s=64x48:r=1:d=1,format=rgba,colorchannelmixer=aa=0.5"
    ffmpeg(
        "-f", "lavfi", "-i", card, "-frames:v", 1, "-update", 1, "-pix_fmt", pixels, tmp_path / name
    )
    clip = open_images([tmp_path / name], Fraction(1))
    frame = clip.get_frame(0)
    assert (clip.format.id, clip.width, clip.height) == (kind, 64, 48)
    assert ("_Alpha" in frame.props) == alpha
    if alpha:
        assert frame.props["_Alpha"].format.bits_per_sample == clip.format.bits_per_sample
    with av.open(str(tmp_path / name)) as container:
        picture = next(container.decode(video=0))
    if kind in (vs.RGB24, vs.GRAY8):
        true = picture.to_ndarray(format="rgb24" if kind == vs.RGB24 else "gray")
        assert np.abs(np.squeeze(np.dstack(samples(frame)[:3])).astype(int) - true).max() <= 1
    elif kind != vs.RGBS:
        assert np.asarray(frame[0]).max() > 255  # all bits are used


def touch(folder: Path, *names: str) -> Path:
    data = image_bytes(moving(vs.RGB24, 1, size=(8, 6)).get_frame(0), ".png")
    for name in names:
        (folder / name).write_bytes(data)
    return folder


def test_numbers_order_images_and_gaps_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    touch(tmp_path, "s2_9.png", "s2_10.png", "s2_11.png", "s2_014.png", "s2_15.png", "notes.txt")
    found = find_images(tmp_path)
    assert [path.name for path in found.files] == [
        "s2_9.png", "s2_10.png", "s2_11.png", "s2_014.png", "s2_15.png",
    ]  # fmt: skip
    assert found.gaps == ((11, 14),)
    assert "numbers are missing from 11 to 14; the image" in capsys.readouterr().err
    times = found.times(Fraction(25))
    assert [tick * times.base * 25 for tick in times.ticks] == [0, 1, 2, 5, 6, 7]


def test_names_without_numbers_are_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    touch(tmp_path, "c.png", "a.png", "b.png", ".hidden.png")
    found = find_images(tmp_path)
    assert [path.name for path in found.files] == ["a.png", "b.png", "c.png"]
    assert not capsys.readouterr().err


@given(st.sets(st.integers(0, 500), min_size=2, max_size=20), st.integers(1, 7))
def test_times_follow_the_numbers(numbers: set[int], step: int):
    listed = tuple(sorted(n * step for n in numbers))
    found = Numbered(tuple(Path(f"{n}.png") for n in listed), listed)
    times = found.times(Fraction(24))
    between = {b - a for a, b in itertools.pairwise(listed)}
    assert (not found.gaps) == (len(between) == 1)
    unit = times.ticks[1] - times.ticks[0], listed[1] - listed[0]
    for tick, number in zip(times.ticks, listed, strict=False):
        assert tick * unit[1] == (number - listed[0]) * unit[0]
    assert times.ticks[-1] == times.ticks[-2] + 1


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "has no images"),
        (("a1.png", "a2.png", "b1.png"), r"several sequences \(a\*\.png, b\*\.png\)"),
        (("a1.png", "a01.png"), "two images of one number"),
    ],
)
def test_folders_that_are_not_one_sequence_are_one_line(
    names: tuple[str, ...], said: str, tmp_path: Path
):
    touch(tmp_path, *names)
    with pytest.raises(MediaError, match=said):
        find_images(tmp_path)


def test_a_first_image_that_cannot_be_read_is_one_line(tmp_path: Path):
    (tmp_path / "1.png").write_text("text")
    with pytest.raises(MediaError, match=r"1\.png is no image that can be read"):
        open_images([tmp_path / "1.png"], Fraction(1))


def test_a_later_image_of_another_size_is_named(tmp_path: Path):
    touch(tmp_path, "1.png")
    write_images(moving(vs.RGB24, 1), tmp_path, ["2.png"])
    clip = open_images(find_images(tmp_path).files, Fraction(1))
    with pytest.raises(vs.Error, match=r"2\.png is 64x48, the first image 8x6"):
        clip.get_frame(1)


def test_deeper_images_become_as_the_first_and_shallow_ones_too(tmp_path: Path):
    write_images(moving(vs.RGB48, 1), tmp_path, ["1.png"])
    write_images(moving(vs.RGB24, 1, alpha=True), tmp_path, ["2.png"])
    clip = open_images(find_images(tmp_path).files, Fraction(1))
    first, second = clip.frames()
    assert first.format.id == second.format.id == vs.RGB48
    true = samples(moving(vs.RGB24, 1).get_frame(0))
    for got, wanted in zip(samples(second), true, strict=True):
        assert np.abs(got / 257 - wanted).max() < 1


def test_existing_images_stay_unless_asked(tmp_path: Path):
    names = image_names(3, stem="x", first=7)
    assert names == ["x0007.png", "x0008.png", "x0009.png"]
    check_images(tmp_path, names, overwrite=False)
    touch(tmp_path, "x0008.png")
    with pytest.raises(MediaError, match=r"x0008\.png exists; .* --overwrite"):
        check_images(tmp_path, names, overwrite=False)
    check_images(tmp_path, names, overwrite=True)
    with pytest.raises(MediaError, match=r"must end in \.png, \.tif, \.tiff, \.exr"):
        check_images(tmp_path, ["1.jpg"], overwrite=True)
    assert image_names(100_000)[0] == "000001.png"


def test_a_failure_midway_leaves_whole_images_only(tmp_path: Path):
    clip = moving(vs.RGB24, 4)

    def fail(n: int, f: Any) -> vs.VideoFrame:
        if n == 2:
            raise OSError("gone")
        return f

    with pytest.raises(vs.Error):
        write_images(clip.std.ModifyFrame(clip, fail), tmp_path, image_names(4))
    assert set(os.listdir(tmp_path)) <= {"0001.png", "0002.png"}
    for path in tmp_path.iterdir():
        assert open_images([path], Fraction(1)).get_frame(0).width == 64


def test_films_become_images_by_their_matrix_and_depth():
    for kind, end, wanted in (
        (vs.YUV420P8, ".png", vs.RGB24), (vs.YUV420P10, ".png", vs.RGB48),
        (vs.GRAY10, ".png", vs.GRAY16), (vs.RGBS, ".tif", vs.RGB48),
        (vs.YUV420P8, ".exr", vs.RGBS), (vs.GRAY8, ".exr", vs.RGBS),
    ):  # fmt: skip
        assert for_images(moving(kind, 1), end).format.id == wanted
    grey = vs.core.std.BlankClip(format=vs.YUV444P8, color=[126, 128, 128], length=1)
    grey = grey.std.SetFrameProps(_Matrix=1, _Range=0)
    assert np.asarray(for_images(grey, ".png").get_frame(0)[0])[0, 0] == 128  # (126 - 16) / 219
    linear = float(np.asarray(for_images(grey, ".exr").get_frame(0)[0])[0, 0])
    code = (126 - 16) / 219
    assert linear == pytest.approx(code**2.4, abs=0.01)  # as displays show it, BT.1886


def test_linear_light_becomes_film_and_back(tmp_path: Path):
    clip = moving(vs.RGBS, 2).std.SetFrameProps(_Transfer=8)
    film = for_encoding(clip, Encoding(encoder="ffv1"))
    with film.get_frame(0) as frame:
        assert frame.props.get("_Transfer") != 8
    back = for_images(film, ".exr")
    with back.get_frame(0) as got, clip.get_frame(0) as true:
        assert got.props["_Transfer"] == 8
        for plane in range(3):
            assert np.allclose(np.asarray(got[plane]), np.asarray(true[plane]), atol=0.002)


def test_premultiplied_and_back_is_the_same_where_something_shows():
    clip = moving(vs.RGBS, 2)
    alpha = moving(vs.RGB24, 2, alpha=True).std.PropToClip(prop="_Alpha")
    clip = clip.std.ClipToProp(
        alpha.resize.Point(format=vs.GRAYS, range_in=0, range=0), prop="_Alpha"
    )
    there, back = premultiplied(clip), straight(premultiplied(clip))
    for n in range(2):
        true, got, mid = clip.get_frame(n), back.get_frame(n), there.get_frame(n)
        shows = np.asarray(true.props["_Alpha"][0])
        for plane in range(3):
            assert np.allclose(np.asarray(mid[plane]), np.asarray(true[plane]) * shows, atol=1e-6)
            visible = shows > 0
            assert np.allclose(
                np.asarray(got[plane])[visible], np.asarray(true[plane])[visible], atol=1e-5
            )
            assert not np.asarray(got[plane])[~visible].any()


def test_every_kind_has_a_test():
    assert set(KEPT) == set(KINDS)


EXIF_ORIENTATION = 0x112


@pytest.mark.parametrize("end", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_they_say(orientation: int, end: str, tmp_path: Path):
    """By what Pillow makes of Exif: 2 to 4 flip, 5 to 8 turn, too."""
    grey = np.random.default_rng(0).integers(0, 256, (3, 5), np.uint8).repeat(16, 0).repeat(16, 1)
    drawn = Image.fromarray(np.stack([grey] * 3, 2))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    path = tmp_path / f"a{end}"
    drawn.save(path, exif=exif, **({"quality": 100} if end in (".jpg", ".webp") else {}))
    with Image.open(path) as file:
        shown = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
    clip = open_images([path], Fraction(1))
    assert (clip.width, clip.height) == shown.shape[1::-1]
    with clip.get_frame(0) as frame:
        assert np.abs(samples(frame)[1].astype(int) - shown[..., 1]).max() < 16
    other = tmp_path / f"b{end}"
    drawn.save(other)
    if orientation > 4:
        with pytest.raises(vs.Error, match="is 80x48, the first image 48x80"):
            open_images([path, other], Fraction(1)).get_frame(1)


def test_cmyk_has_no_alpha(tmp_path: Path):
    Image.new("CMYK", (32, 32), (200, 0, 0, 0)).save(tmp_path / "a.jpg")
    clip = open_images([tmp_path / "a.jpg"], Fraction(1))
    with clip.get_frame(0) as frame:
        assert frame.format.id == vs.RGB24
        assert "_Alpha" not in frame.props


def test_png_says_that_its_pixels_are_square(tmp_path: Path):
    path = tmp_path / "a.png"
    with moving(vs.RGB24, 1).get_frame(0) as frame:
        path.write_bytes(image_bytes(frame, ".png"))
    data = path.read_bytes()
    assert data[data.index(b"pHYs") + 4 :][:8] == bytes([0, 0, 0, 1] * 2)
