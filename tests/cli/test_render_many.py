"""vsrife render over many files, in parts, in time, with scripts, and with what goes beside."""

from __future__ import annotations

import json
import re
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.support.blending import blending
from tests.support.renders import draw_film, hashes, packets
from tests.support.video_files import FILM, FRAMES, make_rich, make_video, read_video
from vsrife.cli import main, render
from vsrife.media.tracks.streams import Window, chapters_in
from vsrife.rendering import one_file

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def _blended():
    """New frames are blends, which cost nothing: which frames there are matters here."""
    with blending():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("original") / "film.mp4")


@pytest.fixture
def film(tmp_path: Path, original: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "film.mp4"))


@pytest.fixture
def run(weights: Path):
    def run_(*words: object) -> int:
        more = ["--model", str(weights), "--device", "cpu", "--backend", "pytorch"]
        return main(["render", *map(str, words), *more, "--preset", "ultrafast"])

    return run_


def begins(path: Path) -> list[Fraction]:
    return read_video(path)[1]


def test_many_files_go_on_after_a_bad_one_and_end_with_a_table(run, film: Path, capsys):
    folder, out = film.parent / "in", film.parent / "out"
    folder.mkdir()
    for name in ("a.mp4", "c.mp4"):
        shutil.copy(film, folder / name)
    (folder / "b.mp4").write_text("no film")
    (folder / "notes.txt").write_text("no film at all")
    assert run(folder, "-o", out, "--name", "{name}-x{factor}{ext}") == 1
    told = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["a-x2.mp4", "c-x2.mp4"]
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["done", "failed", "done"]
    assert lines[4] == "2 done, 0 skipped, 1 failed"
    assert "b.mp4 is no video file" in told.err
    last = "vsrife: error: 1 of 3 files failed; the lines above say why"
    assert told.err.splitlines()[-1] == last
    # those that are done are skipped, and a folder without bad files is no failure
    (folder / "b.mp4").unlink()
    assert run(folder, "-o", out, "--name", "{name}-x{factor}{ext}", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["phase"] for row in rows] == ["skipped", "skipped"]


def test_the_model_is_loaded_once_for_all(film: Path, monkeypatch, weights):
    from vsrife.inference.backends import pytorch

    loaded, load = [], pytorch._weights
    monkeypatch.setattr(pytorch, "_weights", lambda *a: loaded.append(a) or load(*a))
    copies = [shutil.copy(film, film.parent / f"{n}.mp4") for n in range(3)]
    own = shutil.copy(weights, film.parent / "own.safetensors")
    words = ["--model", str(own), "--device", "cpu", "--backend", "pytorch"]
    assert main(["render", *map(str, copies), "-o", str(film.parent / "out"), *words]) == 0
    assert len(loaded) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--slow", "0"), "--slow must be 2 to 64"),
        (("--crf", "99"), "--crf must be a whole number from 0 to 51 for x264"),
        (("--workers", "0"), "--workers must be 1 to 64"),
        (("--start", "soon"), "--start must be"),
        (("--times", "nowhere"), "times nowhere cannot be read"),
    ],
)
def test_what_is_wrong_for_all_files_is_said_once_before_the_first(
    run, film: Path, words, said: str, capsys
):
    other = shutil.copy(film, film.parent / "other.mkv")
    assert run(film, other, "-o", film.parent / "out", *words) == 1
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert said in line
    assert not (film.parent / "out").exists()


def test_what_one_ending_cannot_hold_stops_no_other_file(run, film: Path, capsys):
    other = shutil.copy(film, film.parent / "other.mkv")
    words = ("--subtitles", "mov_text", "--count", "2")
    assert run(film, other, "-o", film.parent / "out", *words) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:3]] == [
        "done", "failed",
    ]  # fmt: skip


def test_two_sources_of_one_name_are_told(run, film: Path, capsys):
    (film.parent / "more").mkdir()
    other = shutil.copy(film, film.parent / "more")
    assert run(film, other, "-o", film.parent / "out") == 1
    assert "would both become" in capsys.readouterr().err


def test_the_name_of_a_film_is_no_folder(run, film: Path, capsys):
    out = film.parent / "out.mkv"
    assert run(film, shutil.copy(film, film.parent / "b.mp4"), "-o", out) == 1
    assert f"{out} is named like a file, and a folder is needed" in capsys.readouterr().err
    assert not out.exists()


def test_an_output_in_the_folder_of_its_source_is_refused(run, film: Path, capsys):
    assert run(film, "-o", film.parent) == 1
    assert "is an input, too" in capsys.readouterr().err


def test_a_pattern_that_no_shell_has_expanded(run, film: Path):
    assert run(film.parent / "*.mp4", "-o", film.parent / "out", "--name", "x{number}.mp4") == 0
    assert [path.name for path in (film.parent / "out").iterdir()] == ["x1.mp4"]


@pytest.mark.parametrize("words", [["{}/"], ["{}", "--name", "film{ext}"]], ids=["slash", "name"])
def test_a_slash_or_a_name_makes_a_folder_of_one_file(words, run, film: Path):
    out = film.parent / "out"
    assert run(film, "-o", *(word.format(out, ext="{ext}") for word in words), "--count", 2) == 0
    assert [path.name for path in out.iterdir()] == ["film.mp4"]


def test_a_name_without_an_ending_is_told_the_way(run, film: Path, capsys):
    out = film.parent / "out"
    assert run(film, "-o", out) == 1
    assert f"not ''; a folder has a slash at its end: {out}/\n" in capsys.readouterr().err


def test_an_estimate_of_one_file_for_a_folder_makes_none(run, film: Path, capsys):
    out = film.parent / "out"
    assert run(film, "-o", f"{out}/", "--estimate", "--workers", 1) == 0
    assert f" --output {out}/ " in capsys.readouterr().out
    assert not out.exists()


def test_documented_patterns_work_also_where_they_match_one_file():
    texts = [render.HELP, *(path.read_text("utf-8") for path in DOCS.rglob("*.md"))]
    found = [each for text in texts for each in re.findall(r"render \*\.\w+ -o (\S+)", text)]
    assert len(found) >= 4
    assert all(each.endswith("/") for each in found)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ((), "film-47.952-2.mp4"),  # the film has 24000/1001 frames per second
        (("--factor", "5/2"), "film-59.94-5_2.mp4"),
        (("--fps", "48000/1001"), "film-47.952-2.mp4"),
        (("--fps", "60"), "film-60-2.502.mp4"),
        (("--slow", "3"), "film-23.976-3.mp4"),
        (("--before", "half.vpy"), "film-23.976-2.mp4"),
    ],
)
def test_names_have_the_true_rate_and_factor(
    words, name: str, run, film: Path, monkeypatch, capsys
):
    monkeypatch.chdir(film.parent)
    Path("half.vpy").write_text("clip = clip[::2]\n")
    monkeypatch.setattr(render, "render_file", lambda *a: one_file.Outcome(0, 0))
    assert run(film, "-o", "out/", "--name", "{name}-{fps}-{factor}{ext}", "--json", *words) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert Path(row["output"]).name == name


def test_the_mean_rate_is_in_the_name_where_it_varies_and_a_word_where_there_is_none(
    run, tmp_path: Path, monkeypatch, capsys
):
    base = Fraction(1, 600)
    times = [n * base for n in (0, 20, 50, 60, 100, 120)]
    film = make_video(tmp_path / "vfr.mp4", times=times, base=base)
    (tmp_path / "bad.mp4").write_text("no film")
    monkeypatch.setattr(render, "render_file", lambda *a: one_file.Outcome(0, 0))
    words = ("-o", tmp_path / "out", "--name", "{name}-{fps}{ext}", "--json")
    assert run(film, tmp_path / "bad.mp4", *words) == 0
    names = [Path(json.loads(row)["output"]).name for row in capsys.readouterr().out.splitlines()]
    rate = float(names[0].removeprefix("vfr-").removesuffix(".mp4"))
    assert abs(rate / 2 - 25) < 2
    assert names[1] == "bad-unknown.mp4"


def test_parts_that_follow_each_other_are_the_whole(tmp_path: Path, weights: Path):
    film = draw_film(tmp_path / "film.mkv", 20, every=100)
    parts = [("--end", "7"), ("--start", "7", "--count", "0.2s"), ("--start", "12"), ()]
    found = []
    for n, part in enumerate(parts):
        target = tmp_path / f"{n}.mkv"
        words = [str(film), "-o", str(target), "--model", str(weights), "--backend", "pytorch"]
        assert main(["render", *words, "--factor", "5/2", "--encoder", "ffv1", *part]) == 0
        assert begins(target)[0] == 0
        found.append(hashes(target))
    assert [len(each) for each in found] == [18, 12, 20, 50]
    assert found[0] + found[1] + found[2] == found[3]


def test_sound_and_text_of_a_part_begin_with_it(run, tmp_path: Path):
    film = make_rich(tmp_path / "rich.mkv")  # text from 0.1 to 0.4 s
    target = tmp_path / "part.mkv"
    assert run(film, "-o", target, "--start", "0.2s", "--end", "0.4s") == 0
    first = Fraction(5) / FILM  # the first frame at 0.2 s or later
    sound = {data: at for at, _, data in packets(film, "audio")}
    kept = packets(target, "audio")
    assert len(kept) >= 6
    for at, _, data in kept:
        assert abs(at - (sound[data] - first)) <= Fraction(2, 1000)
    ((at, length, _),) = packets(target, "subtitle")
    assert at == 0
    assert abs(length - (Fraction(4, 10) - first)) <= Fraction(2, 1000)


class Chapters:
    """A file's chapters, as PyAV gives them."""

    format = type("Format", (), {"flags": 0})
    start_time = 0

    def __init__(self, *spans: tuple[int, int]) -> None:
        self._spans = spans

    def chapters(self) -> list[dict[str, object]]:
        base = Fraction(1, 10)
        return [{"start": a, "end": b, "time_base": base, "id": a} for a, b in self._spans]


@pytest.mark.parametrize(
    ("window", "kept"),
    [
        (None, [(0, 50), (50, 90)]),
        ((Fraction(2), Fraction(6)), [(0, 30), (30, 40)]),
        ((Fraction(5), Fraction(9)), [(0, 40)]),
    ],
)
def test_chapters_of_a_part(window: Window | None, kept):
    found = chapters_in(Chapters((0, 50), (50, 90)), window)
    assert [(each["start"], each["end"]) for each in found] == kept


def test_slow_motion_takes_longer_and_has_no_sound(run, film: Path):
    target = film.parent / "slow.mp4"
    assert run(film, "-o", target, "--slow", "3") == 0
    assert begins(target) == [n / FILM for n in range(3 * FRAMES)]
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_the_rate_of_slow_motion_is_that_of_the_output(run, film: Path):
    target = film.parent / "slow.mp4"  # whose times are exact
    assert run(film, "-o", target, "--slow", "2", "--fps", "60") == 0
    assert begins(target)[:4] == [Fraction(n, 60) for n in range(4)]
    assert abs(len(begins(target)) / 60 - 2 * FRAMES / FILM) <= 1 / 60


def test_the_end_of_a_film_can_be_estimated(run, film: Path, capsys):
    for start in range(FRAMES - 3, FRAMES):
        assert run(film, "-o", "o.mkv", "--estimate", "--start", str(start)) == 0
    assert "left out" not in capsys.readouterr().err


def test_a_varying_rate_becomes_constant(run, tmp_path: Path):
    base = Fraction(1, 600)
    ticks = [0, 20, 50, 60, 100, 120]
    film = make_video(tmp_path / "vfr.mp4", times=[n * base for n in ticks], base=base)
    assert run(film, "-o", tmp_path / "o.mp4", "--fps", "50", "--cfr") == 0
    times = begins(tmp_path / "o.mp4")
    assert times == [Fraction(n, 50) for n in range(len(times))]
    assert abs(len(times) - Fraction(144, 600) * 50) <= 2


@pytest.mark.parametrize("last", [Fraction(1), Fraction(1, 100)])
def test_a_last_frame_of_another_length_is_no_constant_rate(run, tmp_path: Path, last: Fraction):
    film = make_video(tmp_path / "film.mp4", with_audio=False)
    held = tmp_path / "held.mp4"
    with av.open(film) as source, av.open(held, "w") as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux() if packet.size]
        for packet in packets:
            if packet.pts == max(each.pts for each in packets):
                packet.duration = round(last / packet.time_base)
            packet.stream = copy
            target.mux(packet)
    assert run(held, "-o", tmp_path / "fixed.mp4", "--fps", "60", "--cfr") == 0
    times = begins(tmp_path / "fixed.mp4")
    assert times == [Fraction(n, 60) for n in range(len(times))]
    assert abs(len(times) - 60 * ((FRAMES - 1) / FILM + last)) <= 1


def test_filters_before_and_after_take_clip_and_give_it_back(run, film: Path):
    (film.parent / "before.vpy").write_text("clip = clip.std.CropRel(right=32)\nprint('talk')\n")
    (film.parent / "after.vpy").write_text("clip = core.std.StackVertical([clip, clip])\n")
    target = film.parent / "o.mp4"
    words = ("--before", film.parent / "before.vpy", "--after", film.parent / "after.vpy")
    assert run(film, "-o", target, *words) == 0
    context, times, _ = read_video(target)
    assert (context.width, context.height, len(times)) == (32, 96, 2 * FRAMES)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("clip = nothing\n", "line 1: NameError"),
        ("\nclip = (\n", "bad.vpy, line 2: SyntaxError: '(' was never closed\n"),
        ("clip = 3\n", "leaves no clip in `clip`, but int"),
        ("raise SystemExit\n", "has called exit"),
        ("clip = core.std.BlankClip(clip, length=3, fpsnum=0, fpsden=1)\n", "gives no frame rate"),
    ],
)
def test_a_script_that_fails_is_one_line(run, film: Path, script: str, words: str, capsys):
    path = film.parent / "bad.vpy"
    path.write_text(script)
    assert run(film, "-o", film.parent / "o.mp4", "--before", path) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert sorted(p.name for p in film.parent.iterdir()) == ["bad.vpy", "film.mp4"]


DAMAGED = """
def fail(n, f):
    if n in (4, 5):
        raise vs.Error("damaged")
    return f
clip = clip.std.ModifyFrame(clip, fail)
"""


@pytest.mark.parametrize(("kind", "code"), [("stop", 1), ("repeat", 0), ("interpolate", 0)])
def test_frames_that_cannot_be_read(run, film: Path, kind: str, code: int, capsys):
    path, target = film.parent / "damaged.vpy", film.parent / "o.mp4"
    path.write_text(DAMAGED)
    assert run(film, "-o", target, "--before", path, "--on-error", kind) == code
    said = capsys.readouterr().err
    assert target.exists() == (code == 0)
    if kind == "stop":
        assert f"{film}: a frame cannot be made (" in said
        assert "damaged); if the file is damaged there, --on-error repeat or interpolate" in said
    else:
        assert f"2 frames cannot be read (4 to 5): --on-error {kind}" in said
        found = hashes(target)
        assert len(found) == 2 * FRAMES


@pytest.mark.parametrize(("bad", "code"), [("", 0), ("file", 1), ("value", 1)])
def test_a_command_at_the_end_knows_the_exit_code(run, film: Path, bad: str, code: int, capfd):
    program = "import os; print('the code is', os.environ['VSRIFE_EXIT_CODE'])"
    path = film.parent / "then.py"
    path.write_text(program)
    source = film.parent / "none.mp4" if bad == "file" else film
    then = f'"{sys.executable}" "{path}"'
    words = ("--slow", "0") if bad == "value" else ()
    assert run(source, "-o", film.parent / "o.mp4", "--then", then, *words) == code
    told = capfd.readouterr()
    assert f"the code is {code}" in told.err
    assert told.out == ""


def test_no_command_runs_after_an_interrupt(run, film: Path, monkeypatch, capfd):
    monkeypatch.setattr(render, "render_file", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run(film, "-o", film.parent / "o.mp4", "--then", "echo too late") == 130
    assert "too late" not in capfd.readouterr().err


def test_json_lines_tell_every_phase_and_the_end(run, film: Path, capsys):
    target = film.parent / "o.mp4"
    assert run(film, "-o", target, "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["phase"] for row in rows} == {"read", "mark", "render", "join", "done"}
    assert rows[-1]["output"] == str(target)
    assert rows[-1]["frames"] == 2 * FRAMES


def test_a_preview_of_one_frame_says_how_many_it_needs(film: Path, tmp_path: Path, capsys):
    words = ["render", str(film), "--preview", str(tmp_path / "p.png"), "--count", "1"]
    assert main([*words, "--backend", "onnx"]) == 1
    said = capsys.readouterr().err
    assert "a preview needs 2 frames or more, not 1; leave --count out, or make it longer" in said


def test_an_estimate_and_a_preview_write_no_film(run, film: Path, capsys):
    picture = film.parent / "p.png"
    words = ("--estimate", "--preview", picture)
    assert run(film, "-o", film.parent / "o.mp4", *words) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0].split() == ["backend", "fps", "time", "size", "of", "film"]
    assert lines[1].split()[0] == "pytorch"
    assert lines[-1].startswith(f"vsrife render {film} ")
    assert not (film.parent / "o.mp4").exists()
    with av.open(str(picture)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (3 * 64, 10 * 48)


def test_before_an_estimate_options_are_checked(run, film: Path, capsys):
    assert run(film, "-o", film.parent / "o.mp4", "--estimate", "--scale", "3") == 1
    assert "--scale must be" in capsys.readouterr().err


def test_what_is_wrong_on_every_backend_is_said_once(run, film: Path, capsys):
    ramp = film.parent / "ramp.txt"
    ramp.write_text("0 0s\n99s 1s\n")
    assert run(film, "-o", film.parent / "o.mp4", "--estimate", "--times", ramp) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "line 2: the source ends before" in said


@pytest.mark.parametrize("words", [["--fps", "0.01"], ["--fps", "0.01", "--times", "ramp.txt"]])
def test_a_film_of_one_frame_is_told(words, run, film: Path, monkeypatch, capsys):
    monkeypatch.chdir(film.parent)
    Path("ramp.txt").write_text("0 0s\n10 2s\n")
    assert run(film, "-o", "o.mkv", *words) == 0
    assert "OUT is one frame, shown for 100 s; a higher rate makes more" in capsys.readouterr().err


def test_a_size_that_no_quality_keeps_is_refused_before_the_work(run, film: Path, capsys):
    assert run(film, "-o", film.parent / "o.mkv", "--max-size", "1KB", "--audio", "none") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the film does not fit into 1000 bytes, whatever its quality; " in line
    assert not list(film.parent.glob(".o.mkv*"))


def test_a_name_for_a_folder_is_checked_for_one_file_too(run, film: Path, capsys):
    assert run(film, "-o", film.parent / "o.mkv", "--name", "{x}") == 1
    assert "--name has {x}, which means nothing" in capsys.readouterr().err
    assert run(film, "-o", film.parent / "o.mkv", "--name", "{number}{ext}") == 0
    assert "--name is for a folder OUT, and has nothing to act on" in capsys.readouterr().err


def test_a_rate_that_costs_less_is_told(run, film: Path, monkeypatch, capsys):
    monkeypatch.setattr(render, "render_file", lambda *a: one_file.Outcome(0, 0))
    run(film, "-o", film.parent / "o.mp4", "--fps", "48")
    assert "--fps 48000/1001 would keep every frame of IN" in capsys.readouterr().err
