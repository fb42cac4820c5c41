"""Folders of images in and out of vsrife render."""

from __future__ import annotations

import os
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.blending import blending
from tests.support.ffmpeg import begins
from tests.support.video_files import make_video
from vsrife.cli import main
from vsrife.errors import ModelError
from vsrife.media.stills import image_segments
from vsrife.media.stills.image_pattern import existing, name_of
from vsrife.media.stills.image_writer import image_names, write_images
from vsrife.media.stills.images import open_images
from vsrife.media.writing.convert import with_alpha
from vsrife.rendering import one_file
from vsrife.rendering.jobs import segments, work
from vsrife.rendering.jobs.job import folder_of
from vsrife.video.frames import ALPHA, planes, white

COUNT = 7
GREEN, ORANGE = (0.0, 1.0, 0.0), (0.9, 0.5, 0.2)
FACTOR = ("--factor", "2")


def drawn(kind: int, *, alpha: bool, peak: float = 1.0, around_it: float = 0) -> vs.VideoNode:
    """A block at column 6 n; with alpha, what is around it does not show, and is green.

    around_it: alpha there.
    """
    base = vs.core.std.BlankClip(format=kind, width=64, height=48, length=COUNT, keep=True)
    most = white(base.format)
    around = GREEN if alpha else (0.2, 0.25, 0.3)

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        for plane, back, front in zip(planes(made), around, ORANGE, strict=False):
            plane[:] = back * most
            plane[10:30, 6 * n : 6 * n + 12] = front * most * peak
        return made

    def cover(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        planes(made)[0][:] = around_it
        planes(made)[0][10:30, 6 * n : 6 * n + 12] = 1
        return made

    clip = base.std.ModifyFrame(base, draw)
    if not alpha:
        return clip
    grey = base.std.BlankClip(format=vs.GRAYS)
    opaque = clip.std.ClipToProp(grey.std.ModifyFrame(grey, cover), prop=ALPHA)
    return with_alpha(clip, opaque)


def folder_with(folder: Path, clip: vs.VideoNode, end: str) -> Path:
    folder.mkdir()
    write_images(clip, folder, image_names(clip.num_frames, stem="in_", ending=end))
    return folder


def samples(path: Path) -> list[Any]:
    with open_images([path], Fraction(1)).get_frame(0) as frame:
        found = [np.array(plane) for plane in planes(frame)]
        alpha = frame.props.get(ALPHA)
        return found if alpha is None else [*found, np.array(planes(alpha)[0])]


@pytest.fixture
def run(networks_stay, weights: Path, monkeypatch: pytest.MonkeyPatch):
    """Render without a network and cuts, in segments of 12 images; gives the exit code."""
    monkeypatch.setattr(segments, "LONGEST", 0.1)

    def run_(*words: object) -> int:
        more = ["--model", str(weights), "--device", "cpu", "--backend", "pytorch", "--sc", "no"]
        with blending():
            return main(["render", *map(str, words), *more])

    return run_


KINDS = [
    (".png", vs.RGB24, False), (".png", vs.RGB48, False), (".png", vs.GRAY16, False),
    (".png", vs.RGB24, True), (".tif", vs.RGB48, True), (".exr", vs.RGBS, False),
    (".exr", vs.RGBS, True),
]  # fmt: skip


@pytest.mark.parametrize(("end", "kind", "alpha"), KINDS)
def test_images_come_through_in_every_sample_and_new_ones_between_them(
    run, tmp_path: Path, end: str, kind: int, alpha: bool
):
    source = folder_with(tmp_path / "in", drawn(kind, alpha=alpha), end)
    target = tmp_path / "out" / f"new_%05d{end}"
    assert run(source, "-o", target, *FACTOR) == 0
    assert sorted(os.listdir(target.parent)) == [f"new_{n:05d}{end}" for n in range(1, 15)]
    given = sorted(source.iterdir())
    for n, path in enumerate(given):
        for one, other in zip(samples(path), samples(name_of(target, 2 * n + 1)), strict=True):
            np.testing.assert_array_equal(one, other)
    # between the first two: columns 0 to 5 are in the first only, 6 to 11 in both
    new, left = samples(name_of(target, 2)), samples(given[0])
    near = 1e-4 if kind == vs.RGBS else 1
    for plane, true in zip(new[:3], left[:3], strict=False):
        np.testing.assert_allclose(plane[12, 6:12].astype(float), true[12, 6:12], atol=near)
        if alpha and end != ".exr":  # as visible as in one of two, and of no other colour
            np.testing.assert_allclose(plane[12, :6].astype(float), true[12, :6], atol=near)
            assert not plane[40].any()
    if alpha:
        full = float(left[-1].max())
        np.testing.assert_allclose(new[-1][12, :6] / full, 0.5, atol=0.01)


def test_light_above_1_stays_above_1(run, tmp_path: Path):
    source = folder_with(tmp_path / "in", drawn(vs.RGBS, alpha=False, peak=20), ".exr")
    assert run(source, "-o", tmp_path / "out" / "%04d.exr", *FACTOR) == 0
    new = samples(tmp_path / "out" / "0002.exr")
    assert new[0][12, 8] == pytest.approx(18, rel=1e-3)
    assert new[0][40, 40] == pytest.approx(0.2, rel=1e-3)


def test_images_become_a_film_at_their_rate_in_sync_where_numbers_are_missing(
    run, tmp_path: Path, capsys
):
    source = folder_with(tmp_path / "in", drawn(vs.RGB24, alpha=False), ".png")
    (source / "in_0004.png").unlink()
    target = tmp_path / "o.mkv"
    words = ("--fps-in", "23.976", "--encoder", "ffv1", *FACTOR)
    assert run(source, "-o", target, *words) == 0
    assert "numbers are missing from 3 to 5; the image before" in capsys.readouterr().err
    frame = Fraction(1001, 24000)
    places = [0, 0.5, 1, 1.5, 2, 3, 4, 4.5, 5, 5.5, 6, 6.5, 7]
    assert [float(at) for at in begins(target)] == pytest.approx(
        [float(place * frame) for place in places], abs=6e-4
    )


def test_the_rate_of_images_is_assumed_with_a_note(run, tmp_path: Path, capsys):
    source = folder_with(tmp_path / "in", drawn(vs.RGB24, alpha=False), ".png")
    assert run(source, "-o", tmp_path / "o.mkv", "--fps", "60") == 0
    assert "24 per second is assumed, --fps-in sets it" in capsys.readouterr().err
    with av.open(str(tmp_path / "o.mkv")) as container:
        assert container.streams.video[0].average_rate == 60
        assert sum(1 for _ in container.decode(video=0)) == 18


@pytest.mark.parametrize(("alpha", "around_it"), [(True, 0), (True, 1), (False, 0)])
def test_transparency_that_a_film_loses_is_said_before_the_work(
    run, tmp_path: Path, alpha: bool, around_it: float, monkeypatch, capsys
):
    clip = drawn(vs.RGB24, alpha=alpha, around_it=around_it)
    source = folder_with(tmp_path / "in", clip, ".png")
    shows = alpha and not around_it  # images that are opaque lose nothing

    def begin(*arguments: object) -> None:
        raise ModelError("this is where the work begins")

    monkeypatch.setattr(one_file, "mark", begin)
    for out, kept in (("o.mkv", False), ("o.webp", True), ("o%05d.png", True)):
        assert run(source, "-o", tmp_path / out, "--fps-in", "24") == 1
        said = capsys.readouterr().err
        assert said.count("transparency is left out: it becomes black") == (shows and not kept)
        assert "takes a while" not in said  # for a few images


def test_a_film_becomes_images(run, tmp_path: Path):
    source = folder_with(tmp_path / "in", drawn(vs.RGB24, alpha=False), ".png")
    film = tmp_path / "film.mkv"
    assert run(source, "-o", film, "--encoder", "ffv1", "--factor", "1") == 0
    assert run(film, "-o", tmp_path / "out" / "%d.tif", "--factor", "1") == 0
    names = [f"{n}.tif" for n in range(1, COUNT + 1)]
    assert sorted(os.listdir(tmp_path / "out")) == names
    # through YUV of the film, whose chroma has half the size: away from edges
    for one, other in zip(sorted(source.iterdir()), names, strict=True):
        for a, b in zip(samples(one), samples(tmp_path / "out" / other), strict=True):
            np.testing.assert_allclose(a[40].astype(int), b[40].astype(int), atol=3)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return folder_with(tmp_path / "in", drawn(vs.RGB24, alpha=True), ".png")


@pytest.fixture
def whole(run, source: Path, tmp_path: Path) -> dict[str, bytes]:
    """What an uninterrupted run writes."""
    assert run(source, "-o", tmp_path / "whole" / "%03d.png", *FACTOR) == 0
    return contents(tmp_path / "whole")


def test_after_a_crash_finished_images_are_not_made_again(
    run, source: Path, whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    make, made = work.make_segment, []

    def spy(*arguments: Any) -> None:
        if made == [0]:
            made.append(-1)
            raise OSError(28, "No space left on device")
        made.append(arguments[4])
        make(*arguments)

    monkeypatch.setattr(work, "make_segment", spy)
    target = tmp_path / "out" / "%03d.png"
    assert run(source, "-o", target, *FACTOR) == 1
    assert "1 of 2 segments are kept" in capsys.readouterr().err
    assert os.listdir(target.parent) == [folder_of(target).name]
    assert run(source, "-o", target, *FACTOR) == 0
    assert made == [0, -1, 1]
    assert contents(target.parent) == whole


def test_a_crash_while_images_are_put_in_place_does_no_harm(
    run, source: Path, whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    put, target = image_segments.put_image, tmp_path / "out" / "%03d.png"

    def fail(data: bytes, path: Path, **more: Any) -> None:
        if path.name == "009.png":
            raise OSError(28, "No space left on device")
        put(data, path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(image_segments, "put_image", fail)
        assert run(source, "-o", target, *FACTOR) == 1
    assert sorted(p.name for p in target.parent.glob("[0-9]*")) == sorted(whole)[:8]
    assert run(source, "-o", target, *FACTOR) == 0  # the same command, without --overwrite
    assert "2 of 2 segments are done" in capsys.readouterr().err
    assert contents(target.parent) == whole


def test_an_image_of_someone_else_is_never_replaced(
    run, source: Path, tmp_path: Path, whole, capsys
):
    target = tmp_path / "out" / "%03d.png"
    target.parent.mkdir()
    for name in ("500.png", "x001.png", "0001.png"):
        (target.parent / name).write_text("mine")
    assert run(source, "-o", target, *FACTOR) == 1
    said = capsys.readouterr().err
    assert f"{target.parent / '500.png'} exists; choose another folder or name" in said
    assert run(source, "-o", target, *FACTOR, "--overwrite") == 0
    assert "keeps 1 image of that name from before" in capsys.readouterr().err
    others = dict.fromkeys(("500.png", "x001.png", "0001.png"), b"mine")
    assert contents(target.parent) == whole | others


def test_another_render_does_not_go_on_with_images_that_are_there(
    run, source: Path, whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    put, target = image_segments.put_image, tmp_path / "out" / "%03d.png"

    def fail(data: bytes, path: Path, **more: Any) -> None:
        put(data, path, **more)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(image_segments, "put_image", fail)
        assert run(source, "-o", target, *FACTOR) == 1
    assert run(source, "-o", target, "--factor", "3") == 1
    assert "001.png exists; choose another folder or name" in capsys.readouterr().err
    assert (target.parent / "001.png").read_bytes() == whole["001.png"]


@pytest.mark.parametrize(("kind", "code"), [("stop", 1), ("repeat", 0), ("interpolate", 0)])
def test_an_image_that_cannot_be_read_is_named_or_covered(
    run, source: Path, tmp_path: Path, kind: str, code: int, capsys
):
    (source / "in_0003.png").write_bytes(b"no image")
    target = tmp_path / "out" / "%03d.png"
    assert run(source, "-o", target, *FACTOR, "--on-error", kind) == code
    said = capsys.readouterr().err
    if code:
        assert "a frame cannot be made (" in said
        assert "in_0003.png is no image that can be read" in said
        assert "vsrife.errors" not in said
        assert folder_of(target).exists()  # the segment before it stays
        return
    assert f"1 frame cannot be read (2): --on-error {kind}" in said
    shown, before = samples(target.parent / "005.png"), samples(source / "in_0002.png")
    assert np.array_equal(shown[0], before[0]) == (kind == "repeat")
    assert len(contents(target.parent)) == 2 * COUNT


def test_a_folder_for_images_does_not_stay_if_it_gets_none(
    run, source: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(segments, "LONGEST", 4.0)  # one segment, so that none is made
    (source / "in_0003.png").write_bytes(b"no image")
    target = tmp_path / "out" / "%03d.png"
    assert run(source, "-o", target, *FACTOR) == 1
    assert not target.parent.exists()


def test_a_changed_image_starts_anew(run, source: Path, tmp_path: Path, monkeypatch, capsys):
    target = tmp_path / "out" / "%03d.png"
    with monkeypatch.context() as patch:
        patch.setattr(image_segments, "put_image", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(source, "-o", target, *FACTOR)
    os.utime(source / "in_0003.png", ns=(1, 2**61))
    assert run(source, "-o", target, *FACTOR) == 0
    assert "(the source changed since); starting anew" in capsys.readouterr().err


def test_a_file_of_images_that_is_not_whole_is_made_again(
    run, source: Path, whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    target, write = tmp_path / "out" / "%03d.png", work.write_segment

    def spoil(clip: vs.VideoNode, part: Path, *more: Any) -> None:
        write(clip, part, *more)
        with zipfile.ZipFile(part, "w") as empty:
            empty.writestr("00000000.png", b"")

    with monkeypatch.context() as patch:
        patch.setattr(work, "write_segment", spoil)
        assert run(source, "-o", target, *FACTOR) == 1
    assert "has 1 image, not 12; run the same command again" in capsys.readouterr().err
    assert run(source, "-o", target, *FACTOR) == 1  # the second one, too
    assert run(source, "-o", target, *FACTOR) == 0
    assert contents(target.parent) == whole


BAD = {
    "one name": (("o.png",), "o.png is one image; name many as"),
    "two numbers": (("%d_%d.png",), "is one image"),
    "a letter": (("%s.png",), "is one image"),
    "an encoder": (("%d.png", "--crf", "20"), "crf is for films, and %d.png are images"),
    "a program": (("%d.png", "--pipe", "x"), "pipe is for films"),
    "no folder": (("no/such/%d.png",), "does not exist; make it first"),
    "the input": (("in/%d.png", "--overwrite"), "is the input, too"),
    "sound": (("%d.png", "--audio", "opus"), "audio is for films, and %d.png are images"),
    "text": (("%d.png", "--subtitles", "webvtt"), "subtitles is for films"),
    "a rate": (("%d.png", "--fps-in", "0"), "--fps-in must be"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_line_before_any_work(
    run, source: Path, tmp_path: Path, case: str, capsys
):
    (name, *words), said = BAD[case]
    before = sorted(tmp_path.rglob("*"))
    assert run(source, "-o", tmp_path / name, *words) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert said in line
    assert sorted(tmp_path.rglob("*")) == before


def of_srgb(value: Any) -> Any:
    """Light of a sample of 0..1, by IEC 61966-2-1."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def test_a_blurred_rim_is_of_the_colour_that_moves_over_any_ground(run, tmp_path: Path):
    """What surrounds the block does not show, and is green: no green comes into its rim."""
    source = folder_with(tmp_path / "in", drawn(vs.RGB48, alpha=True), ".png")
    target = tmp_path / "out" / "%d.png"
    assert run(source, "-o", target, *FACTOR, "--shutter", "360") == 0
    *colours, cover = (plane / 65535 for plane in samples(name_of(target, 5)))
    # columns 6 to 29 are covered for 1/32 to all of the exposure
    assert ((cover[20, 6:30] > 0) & (cover[20, 6:30] < 1)).all()
    assert not cover[20, 30:].any()
    for plane, own in zip(colours, ORANGE, strict=True):
        for ground in (0.0, 1.0):
            seen = of_srgb(plane) * cover + (1 - cover) * ground
            truth = of_srgb(own) * cover + (1 - cover) * ground
            np.testing.assert_allclose(seen, truth, atol=1e-4)


@pytest.mark.parametrize("alpha", [False, True])
def test_linear_light_is_blurred(run, tmp_path: Path, alpha: bool):
    source = folder_with(tmp_path / "in", drawn(vs.RGBS, alpha=alpha), ".exr")
    assert run(source, "-o", tmp_path / "out" / "%d.exr", *FACTOR, "--shutter", "180") == 0
    one, other = samples(tmp_path / "out" / "5.exr"), samples(source / "in_0003.exr")
    assert one[0][12, 36] != other[0][12, 36]  # where the block moves
    assert one[0][40, 40] == pytest.approx(other[0][40, 40], rel=1e-3)
    if alpha:  # where the block leaves: the second half of 8 samples, 1/64 to 7/64 after
        assert one[3][12, 14] == pytest.approx(1 - 1 / 32, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "count", "told"),
    [
        ((), 12, "from 3 to 5; the images are taken as if none were missing; --cfr fills the gaps"),
        (("--cfr",), 14, "from 3 to 5; the image before a gap is held longer"),
    ],
)
def test_what_becomes_of_a_gap_among_images_is_said(
    run, tmp_path: Path, words, count: int, told: str, capsys
):
    source = folder_with(tmp_path / "in", drawn(vs.RGB24, alpha=False), ".png")
    (source / "in_0004.png").unlink()
    assert run(source, "-o", tmp_path / "out" / "%d.png", *FACTOR, *words) == 0
    assert len(contents(tmp_path / "out")) == count
    said = capsys.readouterr().err
    assert said.count("numbers are missing") == 1
    assert told in said


def test_sound_that_images_lack_is_noted(run, source: Path, tmp_path: Path, capsys):
    assert run(source, "-o", tmp_path / "o.mkv", "--audio", "opus", "--start", "999") == 1
    assert "note: images have no sound; --audio opus has nothing" in capsys.readouterr().err


def test_a_film_has_a_rate_of_its_own(run, tmp_path: Path, capsys):
    (tmp_path / "film.mkv").write_bytes(b"never read")
    assert run(tmp_path / "film.mkv", "-o", tmp_path / "o.mkv", "--fps-in", "24") == 1
    assert "--fps-in is for folders of images" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["%d.png", "a_%05d.exr", "%03d-x.tif", "5%d5.png"])
def test_names_and_their_numbers_belong_to_each_other(tmp_path: Path, name: str):
    target = tmp_path / name
    numbers = [0, 1, 9, 10, 12345, 123456]
    for number in numbers:
        name_of(target, number).touch()
    for other in ("b.png", "a_1.exr", "001-x.tiff", "٣.png"):
        (tmp_path / other).touch()
    assert sorted(existing(target)) == [(n, name_of(target, n)) for n in numbers]


def test_a_note_says_which_size_pixels_that_are_not_square_need(run, tmp_path: Path, capsys):
    film = make_video(tmp_path / "film.mp4")  # 64x48, pixels of 4:3
    assert run(film, "-o", tmp_path / "%d.png") == 0
    assert "they look right as 85x48" in capsys.readouterr().err
    assert run(film, "-o", tmp_path / "o.mkv") == 0
    assert "look right" not in capsys.readouterr().err
