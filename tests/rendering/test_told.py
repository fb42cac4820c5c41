from __future__ import annotations

import io
import re
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from vsrife.errors import MediaError
from vsrife.messages import note, say
from vsrife.rendering.told import told


def test_a_note_is_said_once_for_each_file(capsys):
    with told(None) as heard:
        note("odd")
        note("odd")
        say("line")
        say("line")
        heard.forget()
        note("odd")
    note("odd")
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in said] == [
        "note: odd", "line", "line", "note: odd", "note: odd",
    ]  # fmt: skip


def test_a_log_has_every_line_with_its_time_and_keeps_what_was_there(tmp_path: Path):
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    with suppress(MediaError), told(log):
        say("ünïcode \udcff")
        assert "code" in log.read_text(encoding="utf-8")  # on the disk at once
        sys.stderr.write("\r[#### bar ]")
        raise MediaError("no\nspace")
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "before"
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in lines[1:]] == [
        "ünïcode \\udcff", "error: no space",
    ]  # fmt: skip


def test_an_interrupt_is_logged(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), told(tmp_path / "log"):
        raise KeyboardInterrupt
    assert (tmp_path / "log").read_text().endswith(" interrupted\n")


def test_no_stderr_is_no_reason_to_fail(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with told(tmp_path / "log") as heard:
        say("line")
        assert not heard.isatty()
        with pytest.raises(io.UnsupportedOperation):
            heard.fileno()
    assert "line" in (tmp_path / "log").read_text()
