"""vsrife render on files that are not as they should be."""

from __future__ import annotations

import itertools
import os
import signal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.video_files import FRAMES, make_video, read_packets, read_video
from vsrife import cli
from vsrife.cli import main
from vsrife.rendering import progress


@pytest.fixture
def rendered(tmp_path: Path, weights: Path):
    """Run `vsrife render` and give the file it made."""

    def run(source: Path, name: str = "out.mkv") -> Path:
        arguments = [str(source), "-o", str(tmp_path / name), "--model", str(weights)]
        assert main(["render", *arguments, "--device", "cpu"]) == 0
        return tmp_path / name

    return run


def test_a_bare_stream_without_times_keeps_its_rate(rendered, tmp_path: Path):
    target = rendered(make_video(tmp_path / "bare.h264", with_audio=False), "out.mp4")
    _, times, frames = read_video(target)
    assert len(frames) == 2 * FRAMES
    assert len({b - a for a, b in itertools.pairwise(times)}) == 1


def test_joined_recordings_are_rendered_with_a_note(rendered, tmp_path: Path, capsys):
    part = make_video(tmp_path / "part.ts", base=Fraction(1, 90000)).read_bytes()
    (tmp_path / "joined.ts").write_bytes(part + part)
    target = rendered(tmp_path / "joined.ts")
    assert "times jump back" in capsys.readouterr().err
    times = [at for at, _ in read_packets(target, "audio")]
    assert times == sorted(times)


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no colon in names")
def test_a_name_like_a_protocol_is_a_name(rendered, tmp_path: Path):
    made = make_video(tmp_path / "film.mkv").rename(tmp_path / "concat:film.mkv")
    assert len(read_video(rendered(made, "file:" + "x" * 200 + ".mkv"))[2]) == 2 * FRAMES


def test_an_empty_factor_is_refused_and_not_taken_for_none(tmp_path: Path, weights: Path, capsys):
    film = make_video(tmp_path / "film.mp4")
    arguments = ["render", str(film), "-o", str(tmp_path / "o.mkv"), "--model", str(weights)]
    for option in ("--factor", "--fps"):
        assert main([*arguments, option, ""]) == cli.FAILED
        assert f"{option} is empty; is a variable" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process outright")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_being_ended_is_being_interrupted(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    ending = getattr(signal, name)

    def end(*arguments: object) -> None:
        os.kill(os.getpid(), ending)

    monkeypatch.setattr(progress.Lines, "update", end)
    film = make_video(tmp_path / "film.mp4")
    arguments = [str(film), "-o", str(tmp_path / "o.mkv"), "--model", str(weights)]
    before = signal.signal(ending, signal.SIG_DFL)  # tests under nohup would go on
    try:
        assert main(["render", *arguments]) == cli.INTERRUPTED
        assert signal.getsignal(ending) == signal.SIG_DFL
    finally:
        signal.signal(ending, before)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
