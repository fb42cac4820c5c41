"""What is told of a render, by a clock that the test turns."""

from __future__ import annotations

import json

import pytest

from vsrife.rendering import progress
from vsrife.rendering.progress import JsonLines, Lines, duration


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "memory_mib", lambda: 100)


def test_a_line_a_minute_with_the_speed_of_this_run(capsys):
    clock = Clock()
    lines = Lines(clock)
    lines.begin("render", 1000, 400)
    for done in range(401, 1001):  # ten frames a minute
        clock.now += 6
        lines.update(done)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 59  # an hour; the end has a line of its own
    assert said[0] == "vsrife: 410/1000 frames, 0.17 fps, 59 min left, 100 MiB of memory"


def test_a_render_of_less_than_a_minute_says_nothing(capsys):
    clock = Clock()
    lines = Lines(clock)
    lines.begin("mark", 100)
    for done in range(1, 101):
        clock.now += 0.5
        lines.update(done)
    assert capsys.readouterr().err == ""


def test_reading_and_looking_for_cuts_are_told_too(capsys):
    clock = Clock()
    lines = Lines(clock)
    for what, total in (("read", 100), ("mark", 500)):
        lines.begin(what, total)
        clock.now += 61
        lines.update(30)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "vsrife: reading, 30 %"
    assert said[1].startswith("vsrife: looking for cuts: 30/500 frames, ")


def test_json_lines_are_objects_one_a_second_and_the_last(capsys):
    clock = Clock()
    lines = JsonLines(clock)
    lines.begin("render", 10)
    for done in range(1, 11):
        clock.now += 0.25
        lines.update(done)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["done"] for each in said] == [0, 4, 8, 10]
    assert said[1] == {
        "phase": "render", "done": 4, "total": 10, "fps": 4.0, "seconds_left": 1.5,
        "memory_mib": 100,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (720, "12 min"), (12000, "3 h 20 min"), (119.6, "120 s")]
)
def test_durations_in_words(seconds: float, text: str):
    assert duration(seconds) == text


def test_bytes_so_far_are_told_where_they_are_known(capsys):
    clock, sizes = Clock(), iter(range(0, 10**9, 1_500_000))
    lines, objects = Lines(clock), JsonLines(clock)
    lines.begin("render", 1000, size=lambda: next(sizes))
    objects.begin("render", 10, size=lambda: 42)
    clock.now += 61
    lines.update(10)
    objects.update(1)
    output = capsys.readouterr()
    text = "10/1000 frames, 0.16 fps, 101 min left, 1.5 MB written, 100 MiB of memory"
    assert output.err == f"vsrife: {text}\n"
    assert [json.loads(line)["written"] for line in output.out.splitlines()] == [42, 42]
