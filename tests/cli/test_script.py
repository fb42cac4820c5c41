"""vsrife script: what it writes runs as it is, through a real vspipe."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.video_files import FILM, FRAMES, make_video
from vsrife.cli import main
from vsrife.cli import script as command
from vsrife.scripting.choices import choose
from vsrife.scripting.examine import Film
from vsrife.scripting.repeats import Rhythm
from vsrife.scripting.text import write_script
from vsrife.system.quoting import quoted

VSPIPE = Path(sysconfig.get_path("scripts")) / "vspipe"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("config"))
    env = os.environ | {"XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder}
    env["VSRIFE_CACHE_DIR"] = str(Path(folder, "graphs"))  # compiled once for all of them
    words = [sys.executable, "-m", "vapoursynth", "config"]
    subprocess.run(words, env=env, check=True, capture_output=True)
    return env


def facts(environment, script: Path) -> dict[str, str]:
    """What `vspipe --info` says of a script."""
    done = subprocess.run(
        [VSPIPE, "--info", script], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^(.+?): (.+)$", done.stdout, re.MULTILINE))


def write(source: Path, *options: str) -> Path:
    target = source.with_name(f"{source.stem}.vpy")
    assert main(["script", str(source), "-o", str(target), *options]) == 0
    return target


def calls(text: str) -> dict[str, str]:
    """The arguments of rife() in a script, as code."""
    found = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    (call,) = [n for n in found if getattr(n.func, "id", "") == "rife"]
    return {each.arg: ast.literal_eval(each.value) for each in call.keywords}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("film") / "a.mkv")


def test_it_runs_as_it_is_and_every_frame_arrives(environment, tmp_path):
    script = write(make_video(tmp_path / "Ein Film, 50 % (ö) ' \".mkv"))
    done = subprocess.run([VSPIPE, script, "-c", "y4m", "-"], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"YUV4MPEG2 C420")
    assert b" W64 H48 F48000:1001 " in done.stdout.partition(b"\n")[0]
    assert done.stdout.count(b"FRAME\n") == 2 * FRAMES


@pytest.mark.parametrize("wait", [0, 14])
def test_its_command_keeps_sync_colour_and_the_shape_of_pixels(environment, tmp_path, wait: int):
    """y4m carries none of it. Each part of the command is run as it is written."""
    times = [(n + wait) / FILM for n in range(FRAMES)]
    source = make_video(tmp_path / "late.mkv", times=times, matrix=6, full=True)
    script = write(source)
    line = next(line for line in script.read_text().splitlines() if "vspipe" in line)
    assert ("-itsoffset" in line) == bool(wait)
    first, second = (shlex.split(part)[1:] for part in line.lstrip("# ").split(" | "))
    piped = subprocess.run(
        [VSPIPE, *first], env=environment, cwd=tmp_path, capture_output=True, check=True
    )
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *second]
    subprocess.run(ffmpeg, input=piped.stdout, cwd=tmp_path, check=True)
    found = []
    for path in (source, tmp_path / "out.mkv"):
        with av.open(path) as container:
            video, context = container.streams.video[0], container.streams.video[0].codec_context
            found.append((
                float(next(container.decode(video)).time), video.sample_aspect_ratio,
                context.colorspace, context.color_trc, context.color_primaries,
                context.color_range,
            ))  # fmt: skip
            assert container.streams.audio
    (before, *told), (after, *kept) = found
    assert kept == told
    assert kept[0] == Fraction(4, 3)
    assert after == pytest.approx(before, abs=float(1 / FILM))


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--factor", "5/2"], "factor", "5/2"),
        (["--fps", "60"], "fps", 60),
        (["--fps", "59.94"], "fps", "60000/1001"),
    ],
)
def test_the_wanted_rate_is_exact(film, capsys, options, name, value):
    assert main(["script", str(film), *options]) == 0
    found = calls(capsys.readouterr().out)
    assert found[name] == value
    assert not ({"factor", "fps"} - {name}) & set(found)


def test_a_rate_that_varies_becomes_constant_without_drift(environment, tmp_path):
    base = Fraction(1, 1000)
    times = [Fraction(round(n * 1000 / 30 + 17 * (n % 3 == 1)), 1000) for n in range(30)]
    script = write(make_video(tmp_path / "vfr.mkv", times=times, base=base, with_audio=False))
    assert calls(script.read_text())["vfr"] is True
    found = facts(environment, script)
    assert Fraction(found["FPS"].split()[0]) == 60
    assert abs(int(found["Frames"]) - 60) <= 1


def held(path: Path, runs: list[int]) -> Path:
    """Drawings that are shown for so many frames each, 24 a second, RGB."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for n, run in enumerate(runs):
            picture = np.full((48, 64, 3), 60, np.uint8)
            picture[10:30, n % 40 : n % 40 + 20] = 220
            for _ in range(run):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("runs", "words"), [([2] * 20, "on twos"), ([2, 1, 1, 1] * 8, "4 pictures")]
)
def test_repeats_are_found_and_filled_and_rgb_fits_into_y4m(environment, tmp_path, runs, words):
    script = write(held(tmp_path / "drawn.mkv", runs))
    text = script.read_text(encoding="utf-8")
    assert words in text
    assert calls(text)["duplicates"] == "fill"
    if words != "on twos":
        return
    done = subprocess.run(
        [VSPIPE, script, "-e", "7", "-c", "y4m", "-"], env=environment, capture_output=True
    )
    header, *pictures = done.stdout.split(b"FRAME\n")
    assert header.startswith(b"YUV4MPEG2 C444")
    assert len(set(pictures)) == 8  # no two are alike: the repeats are gone


FACTS = Film(
    path=Path("a.mkv"), format="YUV420P10", family=vs.YUV, width=1920, height=1080, frames=240,
    rate=Fraction(24), constant=True, track=0, codec="hevc",
    colour={"matrix": 9, "transfer": 16, "primaries": 9, "range": 0}, shape=Fraction(1),
    late=Fraction(0), fields=False, rhythm=Rhythm("none", 0.0, 200), cuts=1, sampled=200,
)  # fmt: skip


def text_of(**changes: object) -> str:
    film = FACTS
    for name, value in changes.items():
        film = Film(**{**vars(film), name: value})
    return write_script(film, choose(film, None, None), "a.vpy")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "HDR: the frames keep"),
        ({"height": 2160, "width": 3840}, "\n    scale=0.5,"),
        ({"fields": True}, "is interlaced"),
        ({"fields": True}, "SetFieldBased(0)"),
        ({"track": 3}, ", track=3)"),
        ({"colour": dict.fromkeys(FACTS.colour)}, '# matrix="709",'),
        ({"rhythm": Rhythm("pairs", 0.1, 200)}, '\n    duplicates="fill",'),
        ({"rhythm": Rhythm("still", 0.1, 200)}, '\n    # duplicates="fill",'),
        ({"rhythm": Rhythm("mixed", 0.5, 200)}, '\n    sc="adaptive",'),
    ],
)
def test_each_fact_changes_the_script(changes, said):
    assert said in text_of(**changes)
    assert (said in text_of()) is (changes == {})
    ast.parse(text_of(**changes))


def test_every_argument_that_is_offered_is_one_of_the_filter():
    """Also those that are commented out: each of them alone may be used."""
    import inspect

    from vsrife.filter import rife

    everything = text_of(colour=dict.fromkeys(FACTS.colour), rhythm=Rhythm("mixed", 0.5, 200))
    used = re.sub(r"^    # (\w+=)", r"    \1", everything, flags=re.MULTILINE)
    assert set(calls(used)) <= set(inspect.signature(rife).parameters)
    assert {"scale", "matrix", "protect", "model", "duplicates_anchor"} <= set(calls(used))


HOSTILE = ["a\nimport os; os.abort()\n.mkv", "b\u2028x = 1.mkv", "c'''\"\"\"\\.mkv", "#{x}%s.mkv"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", [*HOSTILE, os.fsdecode(b"\xff\xfe.mkv")])
def test_names_of_files_cannot_write_code(name):
    text = text_of(path=Path("/films") / name)
    tree = ast.parse(text)
    kinds = [type(node).__name__ for node in tree.body]
    assert kinds == ["Import", "ImportFrom", "Assign", "Assign", "Assign", "Expr"]
    (opened,) = [
        n for n in ast.walk(tree) if getattr(getattr(n, "func", 0), "attr", "") == "VideoSource"
    ]
    assert os.fsencode(ast.literal_eval(opened.args[0])) == os.fsencode(f"/films/{name}")
    text.encode("utf-8")


def test_without_a_file_it_goes_to_stdout(film, capsys):
    assert main(["script", str(film)]) == 0
    assert calls(capsys.readouterr().out)["factor"] == 2


def test_its_commands_name_the_film_by_its_whole_path(film, capsys, monkeypatch):
    monkeypatch.chdir(film.parent)
    assert main(["script", film.name]) == 0
    text = capsys.readouterr().out
    assert f"-i {quoted(str(film))} " in text
    assert f"VideoSource({str(film)!r})" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.mkv"], "none.mkv does not exist"),
        (["a.mkv", "--factor", "0"], "--factor must be a positive"),
        (["a.mkv", "--factor", "2", "--fps", "60"], "exclude each other"),
        (["a.mkv", "--frames", "1"], "--frames must be at least 2"),
        (["a.mkv", "-o", "a.txt"], "must end in .vpy or .py"),
        (["a.mkv", "-o", "no/a.vpy"], "make it first"),
        (["text.mkv", "-o", "new.vpy"], "text.mkv is no video file"),
        (["a.mkv", "-o", "mine.vpy"], "mine.vpy exists"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, words, said
):
    monkeypatch.chdir(tmp_path)
    Path("a.mkv").write_bytes(b"")
    Path("text.mkv").write_text("text")
    Path("mine.vpy").write_text("mine")
    if words[0] != "text.mkv":  # all else is seen before a file is opened
        monkeypatch.setattr(command, "examine", lambda *_: pytest.fail("the file is opened"))
    before = sorted(os.listdir())
    assert main(["script", *words]) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert sorted(os.listdir()) == before
    assert Path("mine.vpy").read_text() == "mine"


@pytest.mark.parametrize("option", [("--fps", "1e9"), ("--factor", "1e5")])
def test_a_rate_that_no_file_has_times_for_is_refused(option, tmp_path: Path, capsys):
    film = make_video(tmp_path / "film.mp4", with_audio=False)
    assert main(["script", str(film), *option]) == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert f"{option[0]} must make at most 100000 frames per second, not " in said


@pytest.mark.skipif(os.name == "nt", reason="sh")
@pytest.mark.parametrize("name", ['Ke$HOME "x".mkv', "$(date) `date`.mkv", "it's.mkv", "a b.mkv"])
def test_its_command_names_the_film_whatever_its_letters_mean_to_a_shell(name):
    text = text_of(path=Path("/films") / name)
    line = next(line for line in text.splitlines() if "vspipe" in line)
    words = shlex.split(line.lstrip("# "))
    assert words[words.index("-i", words.index("-i") + 1) + 1] == f"/films/{name}"
