from __future__ import annotations

import contextlib
import functools
import io
import math
import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs

from vsrife.cli import demo, main
from vsrife.media import shapes
from vsrife.media.demo_film import CUT, HOLD, SECONDS, draw

NEW = range(1, 70, 2)  # all new frames but the last, which has no source frame after it


@functools.cache
def _drawn(t: float) -> shapes.Array:
    picture = draw(t)
    picture.setflags(write=False)  # shared by the command and its tests
    return picture


def _small(
    rife: Callable[..., vs.VideoNode], clip: vs.VideoNode, **options: object
) -> vs.VideoNode:
    """rife() on a small film; source frames as they were between the new ones, enlarged."""
    new = rife(clip.resize.Bilinear(64, 36), **options)[1::2]
    return vs.core.std.Interleave([clip, new.resize.Bilinear(clip.width, clip.height)])


@pytest.fixture(scope="module")
def made(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that `vsrife demo` wrote, and what it said on stdout."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    with (
        contextlib.redirect_stdout(io.StringIO()) as said,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(demo, "draw", _drawn)
        # nobody looks at what random weights make of it
        patch.setattr(demo, "rife", functools.partial(_small, demo.rife))
        assert main(["demo", "-o", str(folder), "--model", str(weights), "--device", "cpu"]) == 0
    return folder, said.getvalue()


def _truth(n: int) -> shapes.Array:
    return _drawn(n / 24)


def _frames(path: Path) -> tuple[Fraction, list[np.ndarray]]:
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        rate = container.streams.video[0].average_rate
        return Fraction(rate.numerator, rate.denominator), pictures


def test_source_and_smooth_have_every_frame_at_their_rates(made: tuple[Path, str]):
    folder, _ = made
    for name, rate in (("source.mp4", 12), ("smooth.mp4", 24)):
        found, pictures = _frames(folder / name)
        assert (found, len(pictures)) == (rate, SECONDS * rate)


def test_the_films_show_what_was_drawn(made: tuple[Path, str]):
    """Source frames of both films are the drawing, up to the encoder's loss."""
    _, source = _frames(made[0] / "source.mp4")
    _, smooth = _frames(made[0] / "smooth.mp4")
    for k in (0, 20, 21, 35):
        for picture in (source[k], smooth[2 * k]):
            assert np.abs(picture / 255 - _drawn(k / 12)).mean() < 0.02


def test_the_contact_sheet_has_a_row_for_each_moment(made: tuple[Path, str]):
    _, (sheet,) = _frames(made[0] / "contact.png")
    height, width, _ = sheet.shape
    assert width == 4 * (shapes.WIDTH + 4)
    assert height == len(demo.MOMENTS) * (shapes.HEIGHT + 28)
    first = sheet[24 : 24 + shapes.HEIGHT, : shapes.WIDTH] / 255
    left = math.floor(demo.MOMENTS[0] * 12)
    assert np.abs(first - _drawn(left / 12)).max() < 0.005


def test_stdout_has_counts_scores_and_files(made: tuple[Path, str]):
    folder, text = made
    lines = text.splitlines()
    assert lines[0] == "36 frames in, 72 frames out"
    assert "29 new frames" in lines[1]
    assert [line.split()[0] for line in lines[2:5]] == ["rife", "blend", "hold"]
    assert lines[5:] == [str(folder / n) for n in ("source.mp4", "smooth.mp4", "contact.png")]
    assert sorted(os.listdir(folder)) == ["contact.png", "smooth.mp4", "source.mp4"]


def test_scores_of_blend_and_hold_are_those_of_the_formula(made: tuple[Path, str]):
    scores: dict[str, list[float]] = {"blend": [], "hold": []}
    for n in NEW:
        left, truth, right = (_truth(m) for m in (n - 1, n, n + 1))
        if np.array_equal(left, right):
            continue
        for name, picture in (("blend", (left + right) / 2), ("hold", left)):
            scores[name].append(-10 * math.log10(np.mean(np.square(picture - truth))))
    for line in made[1].splitlines()[3:5]:
        name, value, _ = line.split()
        assert float(value) == pytest.approx(np.mean(scores[name]), abs=0.006)  # two decimals


def test_nothing_moves_while_the_drawing_is_held():
    held = draw(HOLD[0])
    assert all(np.array_equal(draw(t), held) for t in (0.8, 1.0, 1.24, HOLD[1]))
    assert not np.array_equal(draw(HOLD[0] - 0.01), held)
    assert not np.array_equal(draw(HOLD[1] + 0.01), held)


def test_the_cut_is_hard_and_the_only_one():
    luma = [_truth(n).mean() for n in range(72)]
    jumps = [n for n in range(1, 72) if abs(luma[n] - luma[n - 1]) > 0.05]
    assert jumps == [CUT * 24]
    assert np.abs(draw(CUT) - draw(CUT - 1e-6)).mean() > 0.15


def test_the_drawing_is_smooth_in_time():
    """A thousandth of a second changes it, a little: edges move by parts of a pixel."""
    for t in (0.3, 1.5, 2.4):
        change = np.abs(draw(t + 0.001) - draw(t))
        assert 0 < change.mean() < 0.002


def test_a_shape_covers_its_area():
    """Anti-aliasing is right if the sum over pixels is the area, wherever the shape stands."""
    for shift in (0.0, 0.25, 0.7):
        for shape, area in (
            (shapes.circle(100 + shift, 80, 20), math.pi * 400),
            (shapes.block(100 + shift, 80.3, 30, 20), 600),
            (shapes.convex((90 + shift, 60), (130, 100), (90 + shift, 100)), None),
            (shapes.stroke(60 + shift, 60, 100 + shift, 60, 10), 400 + math.pi * 25),
        ):
            canvas = shapes.Canvas((0, 0, 0), (0, 0, 0))
            canvas.fill(shape, (255, 255, 255), outline=0)
            wanted = area if area is not None else (40 - shift) * 40 / 2
            assert canvas.pixels[..., 0].sum() == pytest.approx(wanted, rel=0.005)


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path, weights: Path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert main(["demo", "-o", str(taken), "--model", str(weights)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"vsrife: error: {taken} is no folder; choose another one\n"
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--model", "4.99", "--model must be one of"),
        ("--model", "no.pth", "no.pth does not exist"),
        ("--backend", "tf", "--backend must be one of"),
        ("--device", "quantum", "--device must be one of"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_drawn(
    option: str, value: str, message: str, tmp_path: Path, monkeypatch, capsys
):
    def fail(t: float) -> None:
        raise AssertionError("this comes after the checks")

    monkeypatch.setattr(demo, "draw", fail)
    assert main(["demo", "-o", str(tmp_path / "demo"), option, value]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_without_pyav_no_folder_is_left(tmp_path: Path, weights: Path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(demo, "draw", lambda t: pytest.fail("this comes after the checks"))
    assert main(["demo", "-o", str(tmp_path / "dd"), "--model", str(weights)]) == 1
    assert "needs what is not installed" in capsys.readouterr().err
    assert not (tmp_path / "dd").exists()


def test_films_of_others_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "source.mp4").write_bytes(b"mine")
    assert main(["demo", "-o", str(tmp_path)]) == 1
    assert "holds a source.mp4 already" in capsys.readouterr().err
    assert (tmp_path / "source.mp4").read_bytes() == b"mine"
