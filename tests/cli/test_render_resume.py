"""Renders that go on: what is kept after an error, and what is made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from filelock import FileLock

from tests.support.blending import blending
from tests.support.renders import (
    KILLED,
    assert_same_file,
    draw_film,
    finished,
    hashes,
    start,
)
from vsrife.cli import main
from vsrife.media.parts import whole_file
from vsrife.media.writing import encode
from vsrife.rendering import one_file, space
from vsrife.rendering.jobs import segments, work
from vsrife.rendering.jobs import whole as whole_film
from vsrife.rendering.jobs.job import folder_of
from vsrife.version import __version__

FRAMES = 18  # 36 in the output, in 3 segments of 12


@pytest.fixture(autouse=True)
def _blended(networks_stay):
    """New frames are blends, which cost nothing: what is made of segments matters here."""
    with blending():
        yield


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_film(tmp_path_factory.mktemp("film") / "film.mkv", FRAMES, every=100)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, film: Path, weights: Path) -> Path:
    """What an uninterrupted run writes."""
    target = tmp_path_factory.mktemp("whole") / "out.mp4"
    with pytest.MonkeyPatch.context() as patch, blending():
        patch.setattr(segments, "LONGEST", 0.1)
        assert main(["render", str(film), "-o", str(target), *words(weights)]) == 0
    return target


def words(weights: Path, *more: str) -> list[str]:
    return ["--model", str(weights), "--backend", "pytorch", "--preset", "ultrafast", *more]


@pytest.fixture
def render(tmp_path: Path, film: Path, weights: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `vsrife render` with segments of 12 frames; gives its exit code."""
    monkeypatch.setattr(segments, "LONGEST", 0.1)

    def run(*more: str, source: Path = film) -> int:
        target = tmp_path / "out.mp4"
        return main(["render", str(source), "-o", str(target), *words(weights), *more])

    return run


def broken_off(
    render, monkeypatch: pytest.MonkeyPatch, *more: str, after: int = 2, **named
) -> None:
    """A run that ends with an error once `after` segments are made."""
    make, made = work.make_segment, []

    def fail(*arguments: object, **options: object) -> None:
        if len(made) == after:
            raise OSError(28, "No space left on device")
        made.append(make(*arguments, **options))

    with monkeypatch.context() as patch:
        patch.setattr(work, "make_segment", fail)
        assert render(*more, **named) == 1


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The segments that are made."""
    make, numbers = work.make_segment, []

    def spy(task, facts, job, film, segment, on_frame) -> None:
        numbers.append(segment)
        make(task, facts, job, film, segment, on_frame)

    monkeypatch.setattr(work, "make_segment", spy)
    return numbers


def test_a_failed_run_says_where_and_how_to_go_on_and_the_next_does(
    render, tmp_path: Path, whole: Path, monkeypatch, made, capsys
):
    broken_off(render, monkeypatch)
    target, folder = tmp_path / "out.mp4", folder_of(tmp_path / "out.mp4")
    said = capsys.readouterr().err
    assert f"2 of 3 segments are kept in {folder}; the same command goes on from there" in said
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    made.clear()
    assert render() == 0
    assert "2 of 3 segments are done; going on" in capsys.readouterr().err
    assert made == [2]
    assert_same_file(target, whole)
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_the_first_pass_and_the_index_are_kept(render, tmp_path: Path, monkeypatch):
    broken_off(render, monkeypatch, after=1)
    assert list(folder_of(tmp_path / "out.mp4").glob("*.bsindex"))
    monkeypatch.setattr(one_file, "mark", lambda *a: pytest.fail("a second first pass"))
    assert render() == 0


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "a bit": (damage, "segment 1 is damaged; it is made anew"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "segment 1 is damaged"),
    "missing": (Path.unlink, "segment 1 is missing; it is made anew"),
    "no receipt": (lambda path: path.with_suffix(".json").unlink(), "1 of 3 segments are done"),
    "a bad receipt": (lambda path: path.with_suffix(".json").write_text("{"), "1 of 3 segments"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_segment_that_is_not_whole_is_made_anew(
    case: str, render, tmp_path: Path, whole: Path, monkeypatch, made, capsys
):
    spoil, words = DAMAGES[case]
    broken_off(render, monkeypatch)
    spoil(folder_of(tmp_path / "out.mp4") / "00001.nut")
    made.clear()
    assert render() == 0
    assert made == [1, 2]
    assert words in capsys.readouterr().err
    assert_same_file(tmp_path / "out.mp4", whole)


CHANGES = {
    "quality": (("--crf", "30"), "the encoder's settings"),
    "factor": (("--factor", "3"), "the options"),
    "a part": (("--count", "15"), "the part"),
    "a threshold": (("--sc-threshold", "0.5"), "the options"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_another_render_to_the_same_file_starts_anew_and_says_why(
    case: str, render, tmp_path: Path, monkeypatch, made, capsys
):
    options, what = CHANGES[case]
    broken_off(render, monkeypatch)
    made.clear()
    assert render(*options) == 0
    assert made[0] == 0
    said = capsys.readouterr().err
    assert f"is of another render ({what} changed since); starting anew" in said
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_a_changed_source_starts_anew(
    render, tmp_path: Path, film: Path, monkeypatch, made, capsys
):
    mine = Path(shutil.copy(film, tmp_path / "mine.mkv"))
    broken_off(render, monkeypatch, source=mine)
    draw_film(mine, FRAMES, every=7)
    made.clear()
    assert render(source=mine) == 0
    assert "(the source changed since); starting anew" in capsys.readouterr().err
    assert made[0] == 0


def test_a_changed_model_starts_anew(
    render, tmp_path: Path, weights: Path, monkeypatch, made, capsys
):
    mine = Path(shutil.copy(weights, tmp_path / "mine.safetensors"))
    broken_off(render, monkeypatch, "--model", str(mine))
    damage(mine)
    made.clear()
    assert render("--model", str(mine)) == 0
    assert "(the model changed since); starting anew" in capsys.readouterr().err
    assert made[0] == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "its manifest cannot be read"),
        ('{"format": 1, "borders": [0, 36]}', "its manifest is of another version of vsrife"),
    ],
)
def test_a_manifest_that_cannot_be_read_starts_anew(
    text: str, why: str, render, tmp_path: Path, monkeypatch, made, capsys
):
    broken_off(render, monkeypatch)
    (folder_of(tmp_path / "out.mp4") / "manifest.json").write_text(text)
    made.clear()
    assert render() == 0
    assert f"({why}); starting anew" in capsys.readouterr().err
    assert made == [0, 1, 2]


def test_two_jobs_for_one_file_are_told_apart(render, tmp_path: Path, monkeypatch, capsys):
    broken_off(render, monkeypatch)
    capsys.readouterr()
    folder = folder_of(tmp_path / "out.mp4")
    before = sorted(os.listdir(folder))
    with FileLock(folder / "lock"):
        for more in ((), ("--clean",)):
            assert render(*more) == 1
            said = capsys.readouterr().err
            assert said.count("\n") == 1
            assert f"another process is rendering {tmp_path / 'out.mp4'}" in said
    assert sorted(os.listdir(folder)) == before


def test_clean_removes_what_a_failed_render_left(render, tmp_path: Path, monkeypatch, capsys):
    broken_off(render, monkeypatch)
    assert render("--clean") == 0
    assert os.listdir(tmp_path) == []
    assert "removed" in capsys.readouterr().err
    assert render("--clean") == 0
    assert "nothing to remove" in capsys.readouterr().err


def test_clean_removes_what_a_killed_render_left(tmp_path: Path, capsys):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    target = tmp_path / "out.mp4"
    left = tmp_path / f".out.mp4.{dead.pid}.part"
    kept = tmp_path / f".out.mp4.{os.getppid()}.part"  # of a process that runs
    left.touch()
    kept.touch()
    assert main(["render", "-o", str(target), "--clean"]) == 0
    assert "vsrife: removed 1 unfinished file of processes that have ended\n" in (
        capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == [kept]


def test_clean_of_a_folder_is_that_of_its_films(film: Path, tmp_path: Path, capsys):
    out = tmp_path / "out"
    words = ["render", "-o", str(out), "--clean"]
    folder = folder_of(out / film.name)
    folder.mkdir(parents=True)
    assert main(words) == 1
    assert "--clean of a folder OUT needs IN, too" in capsys.readouterr().err
    assert main([*words, str(film)]) == 0
    assert f"removed {folder}, 0.0 MB" in capsys.readouterr().err
    assert not folder.exists()


def test_an_existing_output_outlives_every_failure(render, tmp_path: Path, monkeypatch):
    (tmp_path / "out.mp4").write_text("old")
    broken_off(render, monkeypatch, "--overwrite")
    assert (tmp_path / "out.mp4").read_text() == "old"
    monkeypatch.setattr(
        whole_film, "join_part", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    assert render("--overwrite") == 1
    assert (tmp_path / "out.mp4").read_text() == "old"
    monkeypatch.undo()


def test_a_disk_that_gets_full_while_joining_keeps_all_segments(
    render, tmp_path: Path, whole: Path, monkeypatch, made, capsys
):
    with monkeypatch.context() as patch:
        full = type("Usage", (), {"free": 10})
        patch.setattr(space.shutil, "disk_usage", lambda path: full)
        assert render() == 1
    said = capsys.readouterr().err
    assert "make room and run the same command again" in said
    assert "3 of 3 segments are kept" in said
    made.clear()
    assert render() == 0
    assert made == []
    assert_same_file(tmp_path / "out.mp4", whole)


def test_ctrl_c_keeps_the_finished_segments(render, tmp_path: Path, monkeypatch, capsys):
    write, calls = encode._encode, []

    def interrupt(*arguments: object) -> int:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(encode, "_encode", interrupt)
        assert render() == 130
    said = capsys.readouterr().err
    assert "2 of 3 segments are kept" in said
    assert said.endswith("interrupted\n")
    assert not [path for path in folder_of(tmp_path / "out.mp4").iterdir() if "part" in path.name]


def test_long_names_have_folders_of_their_own(tmp_path: Path):
    one, other = (tmp_path / f"{'film ' * 40}{n}.mkv" for n in (1, 2))
    assert folder_of(one) != folder_of(other)
    assert len(os.fsencode(folder_of(tmp_path / ("ü" * 120 + ".mkv")).name)) < 256


def test_a_lossless_film_is_encoded_once_at_the_end(render, tmp_path: Path, film, weights):
    """What cannot be joined: here a GIF, whose palette belongs to the whole film."""
    target = tmp_path / "out.gif"
    assert main(["render", str(film), "-o", str(target), "--model", str(weights)]) == 0
    assert len(hashes(target)) == 2 * FRAMES
    assert os.listdir(tmp_path) == ["out.gif"]


def test_the_part_of_a_segment_is_swept_like_others(tmp_path: Path):
    stale = tmp_path / ".00003.nut.999999999.part"
    stale.write_bytes(b"left by a killed process")
    with whole_file(tmp_path / "00004.nut"):
        assert not stale.exists()


def test_a_manifest_of_another_version_starts_anew(
    render, tmp_path: Path, monkeypatch, made, capsys
):
    broken_off(render, monkeypatch)
    path = folder_of(tmp_path / "out.mp4") / "manifest.json"
    path.write_text(path.read_text().replace(f"{__version__}, PyAV", "0.0.1, PyAV"))
    made.clear()
    assert render() == 0
    assert "(vsrife's version changed since); starting anew" in capsys.readouterr().err
    assert made == [0, 1, 2]


def test_an_encoder_that_dies_keeps_what_is_made(
    render, tmp_path: Path, whole: Path, monkeypatch, made, capsys
):
    """In the middle of a segment, as FFmpeg says it."""
    picture, calls = encode._picture, []

    def die(*arguments):
        calls.append(1)
        if len(calls) == 30:  # of segments of 12 frames
            raise av.error.ExternalError(-542398533, "Generic error in an external library")
        return picture(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(encode, "_picture", die)
        assert render() == 1
    said = capsys.readouterr().err
    assert "2 of 3 segments are kept" in said
    assert "Generic error in an external library" in said.splitlines()[-1]
    made.clear()
    assert render() == 0
    assert made == [2]
    assert_same_file(tmp_path / "out.mp4", whole)


def test_a_disk_that_will_be_full_is_told_after_the_first_segment(
    render, monkeypatch, made, capsys
):
    assert render() == 0
    assert "MB are free beside OUT" not in capsys.readouterr().err
    full = type("Usage", (), {"free": 10})
    monkeypatch.setattr(space.shutil, "disk_usage", lambda path: full)
    assert render("--overwrite") == 1  # found before the end, too
    said = capsys.readouterr().err
    assert "MB are free beside OUT; if the disk gets full, make room" in said
    assert said.count("MB are free beside OUT") == 1


def test_sound_that_is_too_large_is_found_before_a_frame_is_made(render, made, monkeypatch, capsys):
    monkeypatch.setattr(one_file, "mark", lambda *a: pytest.fail("a first pass"))
    assert render("--max-size", "1200") == 1
    assert "raise --max-size, or leave sound out: --audio none" in capsys.readouterr().err
    assert made == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_what_a_program_has_written_goes_with_the_next_run(
    film: Path, weights: Path, tmp_path: Path
):
    """Killed while the program of --pipe encodes; the lossless segments are used again."""
    script, target = tmp_path / "program.sh", tmp_path / "out.mkv"
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    # two frames are the trial; the film has more, and its first run never ends
    script.write_text(
        f'#!/bin/sh\nif [ "$2" -gt 2 ] && [ ! -e "{tmp_path}/killed" ]; then\n'
        f'  touch "{tmp_path}/killed" "$1"; kill -9 $PPID; exit 1\nfi\n'
        f'exec "{ffmpeg}" -loglevel error -y -i - -c:v libx264 "$1"\n'
    )
    script.chmod(0o755)
    more = ["--pipe", f"'{script}' {{out}} {{frames}}", "--backend", "onnx", "--sc", "no"]
    command = [str(film), "-o", str(target), "--model", str(weights), *more]
    finished(start(command), KILLED)
    (left,) = tmp_path.glob(".*.folder")
    assert [path.name for path in left.iterdir()] == ["film.mkv"]
    said = finished(start(command))
    assert "segments are done; going on" in said
    assert len(hashes(target)) == 2 * FRAMES
    assert sorted(os.listdir(tmp_path)) == ["killed", "out.mkv", "program.sh"]
