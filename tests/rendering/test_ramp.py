"""Speed ramps and loops: which place of the source each output frame shows."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.blending import blending
from vsrife.cli import main
from vsrife.errors import ArgumentError, MediaError
from vsrife.media.timestamps import Times
from vsrife.media.writing.encode import write_video
from vsrife.media.writing.encoding import Encoding
from vsrife.rendering.film.ramp import Line, picked, positions, read_ramp, steps_of
from vsrife.rendering.film.span import Place
from vsrife.rendering.jobs import segments, task_file, work
from vsrife.rendering.jobs.job import folder_of
from vsrife.rendering.jobs.segments import starts_in_order
from vsrife.rendering.task import Task

COUNT, RATE, STEP = 30, Fraction(25), 6  # frames; per second; levels from one frame to the next


def test_a_file_of_times_has_places_and_times(tmp_path: Path):
    path = tmp_path / "times.txt"
    path.write_text("\ufeff# a ramp\n\n0 0\n 1.5s, 1:02.5  # slow\n12\t70s\nend 1:30\n", "utf-8")
    assert read_ramp(path) == (
        Line(Place(0), Fraction(0), 3, str(path)),
        Line(Place(None, Fraction(3, 2)), Fraction(125, 2), 4, str(path)),
        Line(Place(12), Fraction(70), 5, str(path)),
        Line(None, Fraction(90), 6, str(path)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have two lines or more"),
        ("0 0s\n", "must have two lines or more"),
        ("0 1s\nend 2s\n", "line 1: the first output time must be 0s"),
        ("0 0\nend 2s\n5 2s\n", "line 3: output times must rise"),
        ("0 0\nend\n", "line 2: expected a place and a time"),
        ("0 0\n1 2 3\n", "line 2: expected a place and a time, as 3s 10s, not '1 2 3'"),
        ("0 0\nsoon 2s\n", "line 2: the place of the source must be a frame's number as 240"),
        (
            "0 0\nend later\n",
            "line 2: the output time must be a time as 10s, 1:30 or 0:01:30.5, not",
        ),
        ("0 0\nend 50\n", "1:30 or 0:01:30.5, not '50'; 50s is one"),
    ],
)
def test_a_file_that_says_something_else_is_one_line(tmp_path: Path, text: str, words: str):
    path = tmp_path / "times.txt"
    path.write_text(text)
    with pytest.raises(ArgumentError) as caught:
        read_ramp(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_what_is_no_text_is_one_line(tmp_path: Path, content: bytes | None):
    path = tmp_path / "times.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match="cannot be read"):
        read_ramp(path)


_BASE = Fraction(1, 90)
_TICKS = st.lists(st.integers(1, 20), min_size=1, max_size=12).map(
    lambda steps: list(itertools.accumulate(steps, initial=7))
)
_SHARES = st.lists(st.fractions(0, 1, max_denominator=50), min_size=2, max_size=5)


@settings(max_examples=40)
@given(_TICKS, _SHARES, st.data())
def test_between_two_lines_the_source_moves_evenly(ticks: list[int], shares, data):
    length = (ticks[-1] - ticks[0]) * _BASE
    outputs = [Fraction(0)]
    for _ in shares[1:]:
        outputs.append(outputs[-1] + data.draw(st.fractions(Fraction(1, 20), 2)))
    ramp = tuple(
        Line(Place(None, share * length), output, n)
        for n, (share, output) in enumerate(zip(shares, outputs, strict=True), 1)
    )
    rate = data.draw(st.sampled_from([Fraction(10), Fraction(24000, 1001), Fraction(7, 3)]))
    found = positions(ramp, Times(_BASE, ticks), len(ticks) - 1, rate)
    assert (len(found) - 1) / rate < outputs[-1] <= len(found) / rate
    # by numpy, in floats: output time -> seconds of the source -> frames
    at = np.arange(len(found)) / float(rate)
    seconds = np.interp(at, [float(o) for o in outputs], [float(s * length) for s in shares])
    begins = [float((tick - ticks[0]) * _BASE) for tick in ticks]
    wanted = np.interp(seconds, begins, np.arange(len(ticks)))
    np.testing.assert_allclose([float(each) for each in found], wanted, atol=1e-9)


def test_places_are_frames_times_and_the_end():
    times = Times(Fraction(1), [0, 1, 3, 6])  # three frames, of 1, 2 and 3 s

    def of(*places: Place | None) -> list[Fraction]:
        ramp = tuple(Line(place, Fraction(n), n) for n, place in enumerate(places))
        return positions(ramp, times, 3, Fraction(1))

    assert of(Place(0), Place(2), Place(1), None) == [0, 2, 1]
    assert of(None, Place(None, Fraction(2)), Place(0)) == [3, Fraction(3, 2)]
    assert of(Place(1), Place(1), Place(3)) == [1, 1]
    for beyond in (Place(4), Place(None, Fraction(7))):
        with pytest.raises(ArgumentError, match=r"line 1: .* it has 3 frames, 6.000 s"):
            of(Place(0), beyond)


def test_steps_divide_a_frame_as_often_as_needed_and_no_more():
    halves = [Fraction(0), Fraction(1, 2), Fraction(4, 3)]
    assert steps_of(halves, 10) == 6
    assert steps_of([*halves, Fraction(1, 997)], 10) == 960
    assert steps_of([*halves, Fraction(1, 997)], 2**31 // 100) == 100


@settings(max_examples=20)
@given(st.lists(st.integers(0, 39), min_size=1, max_size=700))
def test_frames_are_picked_in_any_order(numbers: list[int]):
    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=1, height=1, length=40)
    node = blank.std.ModifyFrame(blank, _level)
    made = picked(node, numbers, Fraction(10))
    assert [int(f[0][0, 0]) for f in made.frames(close=False)] == numbers
    assert (made.fps, made.num_frames) == (10, len(numbers))


def _level(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
    made = f.copy()
    np.asarray(made[0])[:] = n
    return made


def test_scenes_begin_where_a_cut_is_passed_in_either_direction():
    found = [Fraction(n, 2) for n in (0, 3, 4, 6, 5, 3, 2, 8)]
    # frames 0 and 1 are a scene, 2 and 3 the next
    assert starts_in_order([1], found) == [2, 5, 7]


# --- whole films ---


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frame n is grey of level 16 + 6 n."""
    path = tmp_path_factory.mktemp("grey") / "grey.mkv"
    blank = vs.core.std.BlankClip(
        format=vs.YUV420P8, width=64, height=48, length=COUNT, fpsnum=25, color=[16, 128, 128]
    )

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        made = f.copy()
        np.asarray(made[0])[:] = 16 + STEP * n
        return made

    times = Times(1 / RATE, range(COUNT + 1))
    write_video(blank.std.ModifyFrame(blank, draw), path, times, Encoding(encoder="ffv1"))
    return path


@pytest.fixture
def run(film: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch):
    """Render without a network and without cuts; gives the exit code."""
    monkeypatch.setattr(segments, "LONGEST", 0.5)

    def run_(*words: str, target: str = "out.mkv") -> int:
        options = ["--model", str(weights), "--device", "cpu", "--backend", "pytorch", "--sc", "no"]
        out = ["-o", str(tmp_path / target), "--encoder", "ffv1"]
        with blending():
            return main(["render", str(film), *out, *options, *words])

    return run_


def shown(path: Path) -> list[float]:
    """The source frame that each frame of a film shows."""
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate > 0
        levels = [float(f.to_ndarray()[:48].mean()) for f in container.decode(video=0)]
    return [(level - 16) / STEP for level in levels]


def ramp_file(folder: Path, text: str) -> str:
    path = folder / "times.txt"
    path.write_text(text)
    return str(path)


RAMP = "0 0\n10 0.4s\n15 1.4s\n15 1.6s\n5 1.8s\nend 2.3s\n"


def expected(rate: int) -> list[float]:
    at = np.arange(int(2.3 * rate + 0.999)) / rate
    found = np.interp(at, [0, 0.4, 1.4, 1.6, 1.8, 2.3], [0, 10, 15, 15, 5, 30])
    return list(np.minimum(found, COUNT - 1))  # the last frame is held


@pytest.mark.parametrize(("words", "rate"), [((), 50), (("--fps", "30"), 30)])
def test_a_film_follows_its_ramp_forwards_still_and_back(run, tmp_path: Path, words, rate: int):
    assert run("--times", ramp_file(tmp_path, RAMP), *words) == 0
    # half a level is rounded away
    np.testing.assert_allclose(shown(tmp_path / "out.mkv"), expected(rate), atol=0.6 / STEP)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].average_rate == rate


def test_a_ramp_goes_on_after_a_crash_and_not_with_other_times(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    make, made = work.make_segment, []

    def fail(*arguments: object) -> None:
        if len(made) == 2:
            raise OSError(28, "No space left on device")
        made.append(make(*arguments))

    words = ("--times", ramp_file(tmp_path, RAMP))
    with monkeypatch.context() as patch:
        patch.setattr(work, "make_segment", fail)
        assert run(*words) == 1
    task = task_file.load(folder_of(tmp_path / "out.mkv"))
    assert task.ramp == read_ramp(tmp_path / "times.txt")
    assert run(*words) == 0
    assert "2 of 8 segments are done; going on" in capsys.readouterr().err
    np.testing.assert_allclose(shown(tmp_path / "out.mkv"), expected(50), atol=0.6 / STEP)
    made.clear()
    with monkeypatch.context() as patch:
        patch.setattr(work, "make_segment", fail)
        assert run(*words, "--overwrite") == 1
    assert run("--times", ramp_file(tmp_path, RAMP.replace("2.3", "2.2")), "--overwrite") == 0
    assert "the times changed since" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["slow", "start", "end", "count", "shutter"])
def test_times_and_other_words_for_a_part_exclude_each_other(run, tmp_path: Path, name, capsys):
    assert run("--times", ramp_file(tmp_path, RAMP), f"--{name}", "2") == 1
    said = capsys.readouterr().err
    assert f"--times and --{name} exclude each other" in said
    assert ("blur" in said) == (name == "shutter")


def test_a_place_beyond_the_end_is_named_with_file_and_line(run, tmp_path: Path, capsys):
    path = ramp_file(tmp_path, "# a remark\n0 0s\n999 1s\n")
    assert run("--times", path) == 1
    assert f"times {path}, line 3: the source ends before; it has " in capsys.readouterr().err


def test_the_name_of_the_file_and_its_remarks_change_no_task(tmp_path: Path, film: Path, weights):
    ramps = []
    for name, text in (("a.txt", RAMP), ("b.txt", f"# other words\n{RAMP}")):
        (tmp_path / name).write_text(text)
        ramps.append(read_ramp(tmp_path / name))
    tasks = [Task(source=film, target=tmp_path / "o.mkv", options={"model": weights}, ramp=each)
             for each in ramps]  # fmt: skip
    assert tasks[0].identity() == tasks[1].identity()


def test_in_a_loop_the_last_frame_of_a_ramp_moves_on_to_the_first(run, tmp_path: Path):
    path = ramp_file(tmp_path, f"{COUNT - 1} 0s\nend 0.4s\n")
    assert run("--times", path, "--fps", "10", "--loop") == 0
    last = COUNT - 1
    wanted = [last * share for share in (1, 0.75, 0.5, 0.25)]
    assert shown(tmp_path / "out.mkv") == pytest.approx(wanted, abs=0.6 / STEP)


def test_one_frame_is_no_loop(run, tmp_path: Path, capsys):
    assert run("--loop", "--start", "3", "--end", "4") == 1
    assert "--loop must have 2 frames or more, not 1" in capsys.readouterr().err


def test_after_the_last_frame_of_a_loop_comes_the_first(run, tmp_path: Path):
    assert run("--loop", "--factor", "4") == 0
    found = shown(tmp_path / "out.mkv")
    assert len(found) == 4 * COUNT
    assert found[: 4 * COUNT - 3] == pytest.approx([n / 4 for n in range(4 * COUNT - 3)], abs=0.1)
    last = COUNT - 1
    assert found[-3:] == pytest.approx([last * share for share in (0.75, 0.5, 0.25)], abs=0.1)


def test_a_part_of_a_film_can_be_a_loop(run, tmp_path: Path):
    assert run("--loop", "--start", "10", "--end", "14", "--fps", "50") == 0
    wanted = [10, 10.5, 11, 11.5, 12, 12.5, 13, 11.5]
    assert shown(tmp_path / "out.mkv") == pytest.approx(wanted, abs=0.1)


def test_a_loop_is_another_task(tmp_path: Path, film: Path, weights: Path):
    plain = Task(source=film, target=tmp_path / "o.mkv", options={"model": weights})
    for name, value in (("loop", True), ("ramp", (Line(None, Fraction(1), 1),))):
        other = Task(**{**vars(plain), name: value})
        assert plain.identity() != other.identity()
        task_file.save(other, tmp_path)
        assert getattr(task_file.load(tmp_path), name) == value
