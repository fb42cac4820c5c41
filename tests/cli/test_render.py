from __future__ import annotations

import errno
import itertools
import logging
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.blending import blending
from tests.support.video_files import (
    FILM,
    FRAMES,
    add_noise,
    assert_copied,
    make_rich,
    make_video,
    read_packets,
    read_video,
)
from vsrife.cli import main
from vsrife.media import parts
from vsrife.media.writing import encode as video
from vsrife.media.writing.convert import for_encoding
from vsrife.media.writing.encoding import Encoding
from vsrife.rendering import one_file, progress
from vsrife.rendering.film import source_film


@pytest.fixture(autouse=True)
def _blended(networks_stay):
    """New frames are blends, which cost nothing: files matter here."""
    with blending():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("original") / "film.mp4")


@pytest.fixture
def film(tmp_path: Path, original: Path) -> Path:
    return Path(shutil.copy(original, tmp_path))


@pytest.fixture
def rendered(tmp_path: Path, weights: Path):
    """Run `vsrife render` and give the file it made."""

    def run(source: Path, *options: str, name: str = "out.mp4") -> Path:
        target = tmp_path / name
        arguments = [str(source), "-o", str(target), "--model", str(weights), "--device", "cpu"]
        assert main(["render", *arguments, *options]) == 0
        return target

    return run


def test_frames_double_and_stand_at_exact_times(rendered, film: Path):
    target = rendered(film)
    _, times, frames = read_video(target)
    assert len(frames) == 2 * FRAMES
    assert times == [n / (2 * FILM) for n in range(2 * FRAMES)]
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        tick = Fraction(stream.time_base)
        assert abs(stream.duration * tick - FRAMES / FILM) <= tick


@pytest.mark.parametrize(
    ("options", "rate", "count"),
    [
        (("--factor", "5/2"), FILM * 5 / 2, 30),
        (("--factor", "3"), FILM * 3, 36),
        (("--fps", "60"), Fraction(60), 31),
        (("--fps", "60000/1001"), Fraction(60000, 1001), 30),
        (("--factor", "1/2"), FILM / 2, 6),
    ],
)
def test_every_rate_is_exact(rendered, film: Path, options, rate: Fraction, count: int):
    _, times, _ = read_video(rendered(film, *options))
    assert times == [n / rate for n in range(count)]


def test_matroska_has_the_exact_times_rounded_to_its_milliseconds(rendered, film: Path):
    _, times, _ = read_video(rendered(film, name="out.mkv"))
    assert len(times) == 2 * FRAMES
    assert all(abs(at - n / (2 * FILM)) <= Fraction(1, 2000) for n, at in enumerate(times))


def test_times_rounded_by_matroska_become_exact_again(rendered, tmp_path: Path):
    _, times, _ = read_video(rendered(make_video(tmp_path / "film.mkv")))
    assert times == [n / (2 * FILM) for n in range(2 * FRAMES)]


def test_varying_times_are_divided_exactly(rendered, tmp_path: Path):
    base = Fraction(1, 600)
    ticks = [0, 20, 50, 60, 100, 120]
    film = make_video(tmp_path / "vfr.mp4", times=[n * base for n in ticks], base=base)
    _, times, _ = read_video(rendered(film))
    expected = [(a + b) * base / 2 for a, b in itertools.pairwise(ticks) for b in (a, b)]
    assert times[:-2] == expected
    assert times[-2] == ticks[-1] * base


def test_a_varying_rate_and_fps_give_a_note(rendered, tmp_path: Path, capsys):
    base = Fraction(1, 600)
    film = make_video(tmp_path / "vfr.mp4", times=[n * base for n in (0, 20, 50, 60)], base=base)
    rendered(film, "--fps", "60")
    assert "the frame rate varies" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov"])
def test_a_late_start_is_kept_so_that_sound_stays_in_sync(rendered, tmp_path: Path, name: str):
    late = make_video(tmp_path / "late.mp4", times=[(n + 6) / FILM for n in range(FRAMES)])
    target = rendered(late, name=name)
    _, times, _ = read_video(target)
    tolerance = Fraction(1, 1000) if name.endswith("mkv") else 0
    assert abs(times[0] - 6 / FILM) <= tolerance
    assert_copied(target, late, "audio", rounding=1e-3)


def test_times_of_a_transport_stream_begin_at_zero(rendered, tmp_path: Path):
    film = make_video(tmp_path / "film.ts", base=Fraction(1, 90000))
    target = rendered(film)
    with av.open(str(film)) as container:
        origin = Fraction(container.start_time, 1_000_000)
    first_before = read_video(film)[1][0] - origin
    assert float(read_video(target)[1][0]) == pytest.approx(float(first_before), abs=2e-5)
    sound = [at - float(origin) for at, _ in read_packets(film, "audio")]
    assert [at for at, _ in read_packets(target, "audio")] == pytest.approx(sound, abs=1e-3)


def test_sound_is_copied_packet_by_packet(rendered, film: Path):
    assert_copied(rendered(film), film, "audio")


def test_source_frames_keep_their_places_and_colours(rendered, film: Path):
    before, after = read_video(film)[2], read_video(rendered(film, "--crf", "4"))[2]
    for old, new in zip(before, after[::2], strict=True):
        difference = np.abs(old.to_ndarray().astype(int) - new.to_ndarray())
        assert difference.mean() < 1.5  # of 255; two lossy encodings and chroma resampled


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5])
def test_colours_and_their_tags_are_those_of_the_input(
    rendered, tmp_path: Path, matrix: int, full: bool
):
    film = make_video(tmp_path / "film.mp4", matrix=matrix, full=full)
    context, _, frames = read_video(rendered(film, "--crf", "4"))
    assert (context.colorspace, context.color_range) == (matrix, 2 if full else 1)
    assert (context.color_trc, context.color_primaries) == (6, 5)
    assert context.sample_aspect_ratio == Fraction(4, 3)
    means = [f[0].to_ndarray().mean() for f in (frames, read_video(film)[2])]
    assert means[0] == pytest.approx(means[1], abs=1)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (vs.YUV420P8, vs.YUV420P8),
        (vs.YUV422P8, vs.YUV422P8),
        (vs.YUV444P10, vs.YUV444P10),
        (vs.YUV420P12, vs.YUV420P10),
        (vs.YUV422P16, vs.YUV422P10),
        (vs.YUV410P8, vs.YUV420P8),
        (vs.GRAY8, vs.YUV420P8),
        (vs.GRAY16, vs.YUV420P10),
        (vs.RGB24, vs.YUV420P8),
        (vs.RGBS, vs.YUV420P10),
    ],
)
def test_a_format_is_written_as_it_is_or_as_the_nearest(given: int, written: int):
    clip = vs.core.std.BlankClip(format=given, width=64, height=48, length=2)
    encodable = for_encoding(clip, Encoding())
    assert encodable.format.id == written
    assert encodable.get_frame(1).width == 64
    assert (encodable is clip) == (given == written)


@pytest.mark.parametrize(("height", "matrix"), [(718, 6), (720, 1)])
def test_an_unknown_matrix_is_guessed_from_the_height(height: int, matrix: int):
    clip = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=height, color=[255, 0, 0])
    with for_encoding(clip, Encoding()).get_frame(0) as frame:
        assert frame.props["_Matrix"] == matrix


def test_other_samplings_are_kept(rendered, tmp_path: Path):
    film = make_video(tmp_path / "film.mkv", pix_fmt="yuv422p10le")
    context, _, _ = read_video(rendered(film))
    assert context.pix_fmt == "yuv422p10le"


def test_ten_bits_stay_ten_bits(rendered, tmp_path: Path):
    film = make_video(tmp_path / "film.mp4", pix_fmt="yuv420p10le")
    context, _, frames = read_video(rendered(film))
    assert context.pix_fmt == "yuv420p10le"
    assert len(frames) == 2 * FRAMES


def test_an_odd_size_is_kept_and_noted(rendered, tmp_path: Path, capsys):
    film = make_video(tmp_path / "odd.mkv", size=(63, 47), pix_fmt="yuv444p")
    context, _, _ = read_video(rendered(film))
    assert (context.pix_fmt, context.width, context.height) == ("yuv444p", 63, 47)
    assert "63x47 is odd" in capsys.readouterr().err


def test_matroska_takes_subtitles_attachments_and_titles(rendered, tmp_path: Path, capsys):
    film = make_rich(tmp_path / "rich.mkv")
    target = rendered(film, name="out.mkv")
    for kind in ("audio", "subtitle"):
        assert_copied(target, film, kind, rounding=1e-3)
    with av.open(str(target)) as container:
        assert container.metadata["title"] == "Ein Töst"
        assert container.streams.subtitles[0].language == "deu"
        (attachment,) = (s for s in container.streams if s.type == "attachment")
        assert (attachment.name, attachment.data) == ("font.ttf", b"not a font")
    assert "left out" not in capsys.readouterr().err


def test_what_the_container_cannot_take_is_left_out_with_a_note_each(
    rendered, tmp_path: Path, capsys
):
    film = make_rich(tmp_path / "rich.mkv")
    target = rendered(film)
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    with av.open(str(film)) as container:
        streams = [f"stream {stream.index} ({stream.type}" for stream in container.streams]
    assert len(streams) == 4
    others = [text for text in streams if not text.endswith(("video", "audio"))]
    notes = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert all(text in note for note, text in zip(notes, others, strict=True))


def test_nothing_is_left_behind_and_stdout_stays_empty(rendered, tmp_path: Path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    rendered(make_video(folder / "film.mkv", with_audio=False))
    assert os.listdir(folder) == ["film.mkv"]
    assert sorted(os.listdir(tmp_path)) == ["in", "out.mp4"]
    output = capsys.readouterr()
    assert output.out == ""
    assert all(line.startswith("vsrife: ") for line in output.err.splitlines())
    assert f"out.mp4: {2 * FRAMES} frames in " in output.err


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(28, "No space left on device"), 1), (KeyboardInterrupt(), 130), (vs.Error("no"), 1)],
)
def test_a_failure_midway_leaves_the_old_file_and_nothing_else(
    film: Path, weights: Path, tmp_path: Path, monkeypatch, capsys, error: BaseException, code: int
):
    target, count, encode = tmp_path / "out.mp4", itertools.count(), video._picture
    target.write_text("old")

    def fail(*arguments: object) -> av.VideoFrame:
        if next(count) == 10:
            raise error
        return encode(*arguments)

    monkeypatch.setattr(video, "_picture", fail)
    arguments = [str(film), "-o", str(target), "--model", str(weights), "--overwrite"]
    assert main(["render", *arguments]) == code
    assert target.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["film.mp4", "out.mp4"]
    assert "Traceback" not in capsys.readouterr().err


def test_overwrite_replaces_a_file(rendered, film: Path, tmp_path: Path):
    (tmp_path / "out.mp4").write_text("old")
    assert len(read_video(rendered(film, "--overwrite"))[2]) == 2 * FRAMES


_BAD = {
    "missing input": ("missing.mp4", "out.mp4", (), "missing.mp4 does not exist"),
    "folder as input": ("folder", "out.mp4", (), "has no video file"),
    "text as input": ("text.mp4", "out.mp4", (), "no video file that can be read"),
    "sound only": ("sound.mkv", "out.mp4", (), "has no video"),
    "output is input": ("film.mp4", "film.mp4", ("--overwrite",), "is the input, too"),
    "output is input, spelled otherwise": ("film.mp4", "folder/../film.mp4", ("--overwrite",), "i"),
    "output exists": ("film.mp4", "text.mp4", (), "--overwrite"),
    "output is a folder": ("film.mp4", "folder.mkv", ("--overwrite",), "exists"),
    "no such folder": ("film.mp4", "nowhere/out.mp4", (), "nowhere does not exist"),
    "unknown suffix": ("film.mp4", "out.avi", (), ".mkv, .mp4, .mov"),
    "no suffix": ("film.mp4", "out", (), ".mkv, .mp4, .mov"),
    "crf": ("film.mp4", "out.mp4", ("--crf", "52"), "crf must be"),
    "factor": ("film.mp4", "out.mp4", ("--factor", "0"), "factor must be"),
    "fps": ("film.mp4", "out.mp4", ("--fps", "fast"), "fps must be"),
    "scale": ("film.mp4", "out.mp4", ("--scale", "3"), "scale must be"),
    "threshold": ("film.mp4", "out.mp4", ("--sc-threshold", "2"), "threshold must be"),
    "model": ("film.mp4", "out.mp4", ("--model", "rif"), "model must be"),
    "device": ("film.mp4", "out.mp4", ("--device", "abacus"), "device must be"),
}


@pytest.mark.parametrize("case", _BAD)
def test_bad_input_is_one_line_before_any_work(
    case: str, film: Path, weights: Path, tmp_path: Path, monkeypatch, capsys
):
    name, out, options, words = _BAD[case]
    for folder in ("folder", "folder.mkv"):
        (tmp_path / folder).mkdir()
    (tmp_path / "text.mp4").write_text("text")
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        add_noise(container, container.add_stream("aac", rate=44100, layout="mono"))
    before = sorted(os.listdir(tmp_path))
    monkeypatch.setattr(one_file, "open_film_source", lambda *a: pytest.fail("the work has begun"))
    arguments = ["--model", str(weights), *options]
    assert main(["render", str(tmp_path / name), "-o", str(tmp_path / out), *arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert output.err.startswith("vsrife: error: ")
    assert words in output.err
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "text.mp4").read_text() == "text"


def test_a_folder_that_cannot_be_written_is_found_before_the_film_is_read(
    film: Path, weights: Path, tmp_path: Path, monkeypatch, capsys
):
    def refuse(*words: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(one_file, "open_film_source", lambda *a: pytest.fail("the film is read"))
    monkeypatch.setattr(parts, "_hold", refuse)
    arguments = [str(film), "-o", str(tmp_path / "o.mkv"), "--model", str(weights)]
    assert main(["render", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.endswith(
        f"error: {tmp_path / 'o.mkv'} cannot be written: the file system is read-only; "
        "choose another folder\n"
    )


def test_of_two_renders_to_one_file_the_second_fails_and_its_film_is_kept(
    film: Path, weights: Path, tmp_path: Path, monkeypatch, capsys
):
    target, encode = tmp_path / "o.mkv", video._picture

    def appear(*arguments: object) -> av.VideoFrame:
        target.write_text("theirs")
        return encode(*arguments)

    monkeypatch.setattr(video, "_picture", appear)
    arguments = [str(film), "-o", str(target), "--model", str(weights)]
    assert main(["render", *arguments]) == 1
    assert target.read_text() == "theirs"
    (kept,) = (path for path in tmp_path.iterdir() if path not in (film, target))
    said = capsys.readouterr().err
    assert "o.mkv has appeared while the new file was made, and is left alone" in said
    assert said.endswith(f"the new file is {kept}\n")
    assert len(read_video(kept)[2]) == 2 * FRAMES


def test_overwriting_keeps_the_mode(rendered, film: Path, tmp_path: Path):
    (tmp_path / "out.mp4").write_text("old")
    (tmp_path / "out.mp4").chmod(0o600)
    rendered(film, "--overwrite")
    assert (tmp_path / "out.mp4").stat().st_mode & 0o777 == (0o600 if os.name != "nt" else 0o666)


@pytest.mark.parametrize(
    ("option", "most"),
    [
        # than files have times for
        (("--fps", "1e9"), "--fps must make at most 100000 frames per second"),
        (("--factor", "1e5"), "--factor must make at most 100000 frames per second"),
        (("--fps", "1e9", "--times", "ramp.txt"), "--fps must make at most 100000 frames per"),
        # than memory holds the times of
        (("--fps", "240"), "--fps must make at most 100 frames, not 120"),
        (("--fps", "60", "--times", "ramp.txt"),
         "--times ramp.txt, line 2: the output must have at most 1000000 frames, not 215996400"),
    ],
)  # fmt: skip
def test_more_frames_than_can_be_held_are_refused(
    option: tuple[str, ...], most: str, film: Path, weights: Path, tmp_path: Path,
    monkeypatch, capsys,
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(source_film, "_MOST", 100)
    Path("ramp.txt").write_text("0 0s\nend 999:59:00\n")
    words = ["-o", "o.mkv", "--model", str(weights), "--device", "cpu"]
    assert main(["render", str(film), *words, *option]) == 1
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith(f"vsrife: error: {most}")
    assert "1e9" not in option or "would keep every frame" not in said
    assert sorted(os.listdir(tmp_path)) == ["film.mp4", "ramp.txt"]


def test_one_frame_is_too_few(tmp_path: Path, weights: Path, capsys):
    film = make_video(tmp_path / "one.mkv", times=[Fraction(0)], with_audio=False)
    out = tmp_path / "out.mkv"
    assert main(["render", str(film), "-o", str(out), "--model", str(weights)]) == 1
    assert "at least 2" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("option", [("--factor", "2", "--fps", "60"), ("--preset", "quick")])
def test_contradictions_are_errors(option: tuple[str, ...], capsys):
    assert main(["render", "in.mkv", "-o", "out.mkv", *option]) == 1


def test_a_terminal_gets_a_bar_on_stderr(rendered, film: Path, monkeypatch, capsys):
    told = []

    class Spy(progress.Bar):
        def begin(self, what: str, total: int, *more: Any) -> None:
            self.phase = what, total
            super().begin(what, total, *more)

        def update(self, done: int) -> None:
            told.append((*self.phase, done))
            super().update(done)

    monkeypatch.setattr(progress, "Bar", Spy)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")  # one that can move its cursor
    rendered(film)
    for phase, total in (("mark", FRAMES), ("render", 2 * FRAMES), ("join", 2 * FRAMES)):
        assert [row for row in told if row[0] == phase] == [
            (phase, total, n + 1) for n in range(total)
        ]
    output = capsys.readouterr()
    assert output.out == ""
    drawn = [line for line in output.err.splitlines() if not line.startswith("vsrife: ")]
    assert any(line.strip() for line in drawn)
    assert f"/{2 * FRAMES} frames, " not in output.err  # the lines that others get


def test_what_filters_warn_of_is_one_note_that_names_options(
    film: Path, tmp_path: Path, capfd, monkeypatch: pytest.MonkeyPatch
):
    """VapourSynth printed it to stderr, twice, with the name of an argument."""
    monkeypatch.setattr(logging.root, "handlers", [])  # pytest's would take it
    run = ["render", str(film), "-o", str(tmp_path / "o.mkv"), "--count", "2", "--trt"]
    assert main([*run, "--backend", "onnx", "--device", "cpu"]) == 0
    said = capfd.readouterr().err.splitlines()
    assert [line for line in said if "TensorRT" in line] == [said[0]]
    assert said[0].startswith("vsrife: note: --trt runs without TensorRT, since --device cpu ")
