"""What a render leaves out is said before the work."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.support.ffmpeg import TINY, ffmpeg
from vsrife.cli import FAILED, main, render
from vsrife.errors import ModelError
from vsrife.media.source import probe
from vsrife.media.writing.encoding import Encoding
from vsrife.rendering.film.left_out import note_left_out
from vsrife.rendering.film.ramp import Line
from vsrife.rendering.task import Task

RAMP = (Line(None, Fraction(0), 1), Line(None, Fraction(1), 2))
SOUND, TEXT = "stream 1 (audio, flac)", "stream 2 (subtitle, subrip)"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    (folder / "t.srt").write_text("1\n00:00:00,100 --> 00:00:00,400\nwords\n")
    ffmpeg("-f", "lavfi", "-i", f"testsrc={TINY}", "-f", "lavfi", "-i", "sine=d=0.6", "-i",
           folder / "t.srt", "-map", "0", "-map", "1", "-map", "2", "-c:v", "ffv1", "-c:a", "flac",
           "-c:s", "srt", folder / "film.mkv")  # fmt: skip
    return folder / "film.mkv"


def encoding(audio: str, subtitles: str = "copy") -> Encoding:
    return Encoding(audio=audio, subtitles=subtitles)


@pytest.mark.parametrize("audio", ["copy", "none", "aac", "opus", "stretch"])
def test_sound_that_is_to_be_changed_and_is_not_there_is_said(
    audio: str, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ffmpeg("-i", film, "-map", "0:v", "-c", "copy", tmp_path / "silent.mkv")
    for source in (film, tmp_path / "silent.mkv"):
        task = Task(source=source, target=Path("o.mkv"), options={}, encoding=encoding(audio))
        note_left_out(task, probe(source))
        said = f"IN has no sound; --audio {audio} has nothing to act on"
        expected = source != film and audio not in ("copy", "none")
        assert (said in capsys.readouterr().err) == expected


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, ""),
        ({"slow": 2}, f"since --slow shows the film at another speed: {SOUND}, {TEXT}; --audio st"),
        ({"ramp": RAMP}, f"since --times shows the film at another speed: {SOUND}, {TEXT}; --aud"),
        ({"ramp": RAMP, "encoding": encoding("stretch")}, f"another speed: {TEXT}\n"),
        ({"slow": 2, "encoding": encoding("stretch")}, f"another speed: {TEXT}\n"),
        ({"slow": 2, "encoding": encoding("none")}, f"another speed: {TEXT}\n"),
        ({"ramp": RAMP, "encoding": encoding("none", "none")}, ""),
        ({"ramp": RAMP, "target": Path("%d.png")}, ""),
    ],
)
def test_streams_are_named_unless_the_user_leaves_them_out(
    asked: dict[str, Any], said: str, film: Path, capsys: pytest.CaptureFixture[str]
):
    task = replace(Task(source=film, target=Path("o.mkv"), options={}), **asked)
    note_left_out(task, probe(film))
    told = capsys.readouterr().err
    assert said in told
    assert bool(told) == bool(said)


CHAPTERS = ";FFMETADATA1\ntitle=T\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=2\ntitle=C\n"


@pytest.fixture
def titled(film: Path, tmp_path: Path) -> Path:
    """Without other streams."""
    (tmp_path / "about.txt").write_text(CHAPTERS)
    ffmpeg("-i", film, "-i", tmp_path / "about.txt", "-map", "0:v", "-map_metadata", 1,
           "-map_chapters", 1, "-c", "copy", tmp_path / "titled.mkv")  # fmt: skip
    return tmp_path / "titled.mkv"


@pytest.mark.parametrize("end", ["mkv", "mp4"])
def test_titles_and_chapters_follow_at_another_speed_without_sound(
    end: str, titled: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "times.txt").write_text("0s 0s\nend 0.5s\n")
    for more, chapters in (
        (["--slow", "2"], [(0, 0.4)]),
        (["--times", str(tmp_path / "times.txt")], []),
    ):
        words = ["render", str(titled), "-o", str(tmp_path / f"o.{end}"), "--overwrite", *more]
        assert main([*words, "--model", str(weights)]) == 0
        with av.open(tmp_path / f"o.{end}") as made:
            assert made.metadata["title"] == "T"
            assert [
                (each["start"] * each["time_base"], each["end"] * each["time_base"])
                for each in made.chapters()
            ] == [pytest.approx(each) for each in chapters]
        assert ("another speed: chapters\n" in capsys.readouterr().err) == (not chapters)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9", "libx264"])
def test_alpha_that_is_not_read_is_said_with_the_way_out(
    codec: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The way out is run, and makes a file with alpha."""
    alpha = codec != "libx264"
    source = tmp_path / ("a.webm" if alpha else "a.mkv")
    ffmpeg("-f", "lavfi", "-i", f"testsrc={TINY},format={'yuva420p' if alpha else 'yuv420p'}",
           "-c:v", codec, "-auto-alt-ref", 0, source)  # fmt: skip
    words = ["render", str(source), "-o", str(tmp_path / "o.mkv"), "--encoder", "ffv1"]
    assert main([*words, "--model", str(weights)]) == 0
    found = re.search(r"transparency is not read; `ffmpeg (.*)` makes", capsys.readouterr().err)
    assert bool(found) == alpha
    if found is not None:
        *way, name = shlex.split(found[1])
        ffmpeg(*way, tmp_path / name)
        with av.open(tmp_path / name) as made:
            assert "yuva" in next(made.decode(video=0)).format.name


def test_what_out_cannot_hold_is_said_before_a_device_is_woken(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def rehearse(options: dict[str, Any]) -> None:
        raise ModelError("this is where the work begins")

    monkeypatch.setattr(render, "rehearse", rehearse)
    assert main(["render", str(film), "-o", str(tmp_path / "o.mov"), "--model", "nano"]) == FAILED
    told = capsys.readouterr().err
    assert f"vsrife: note: {SOUND} is left out: it cannot be copied into mov" in told
    assert f"vsrife: hint: --audio aac converts {SOUND}\n" in told
    assert told.endswith("this is where the work begins\n")
