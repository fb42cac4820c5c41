"""What Windows does otherwise, imitated: its errors, its files in use, its encodings."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.support.dead import dead_process
from vsrife.cli import stdout
from vsrife.diagnosis import surroundings
from vsrife.errors import ArgumentError, MediaError, ModelError
from vsrife.media import parts
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.rendering import batch
from vsrife.rendering.jobs import claims, local
from vsrife.system import moving
from vsrife.weights import folders


@pytest.fixture
def windows(monkeypatch):
    for module in (moving, stdout):
        monkeypatch.setattr(module, "WINDOWS", True)


class _WinError(OSError):
    winerror = 123


def test_a_pattern_is_no_file_and_no_fault(monkeypatch, tmp_path):
    """Windows refuses the name itself, where others say that there is no such file."""
    (tmp_path / "a.mkv").touch()
    stat = Path.stat

    def refuse(self, **options):
        if "*" in str(self):
            raise _WinError(errno.EINVAL, "The filename, directory name ... syntax is incorrect")
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    assert batch.is_pattern(tmp_path / "*.mkv")
    assert batch.expand([tmp_path / "*.mkv"]) == [tmp_path / "a.mkv"]


def test_other_errors_are_still_said(monkeypatch, tmp_path):
    def refuse(self, **options):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(ModelError, match="broken"):
        folders.exists(tmp_path / "a.mkv")


def _left(folder: Path) -> tuple[Path, Path]:
    """A part of a process that is gone, and a file in the folder that it holds."""
    part = folder / f".o.mkv.{dead_process()}.part"
    part.write_text("begun")
    held = part.with_name(part.name + ".folder")
    held.mkdir()
    (held / "film.mkv").write_text("half a film")
    return part, held / "film.mkv"


def test_what_another_machine_has_open_stays_whole(windows, monkeypatch, tmp_path):
    part, film = _left(tmp_path)
    unlink = Path.unlink

    def refuse(self, **options):
        if self == part:
            raise PermissionError(errno.EACCES, "in use")
        unlink(self, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert parts.sweep(tmp_path) == 0
    assert part.exists()
    assert film.read_text() == "half a film"


def test_what_nobody_has_open_goes(windows, tmp_path):
    part, film = _left(tmp_path)
    assert parts.sweep(tmp_path) == 1
    assert not part.exists()
    assert not film.parent.exists()


def test_a_part_is_closed_before_it_is_moved(windows, monkeypatch, tmp_path):
    replace = os.replace

    def move(*paths):
        assert not parts._held
        replace(*paths)

    monkeypatch.setattr(os, "replace", move)
    with parts.whole_file(tmp_path / "o.mkv") as part:
        part.write_text("new")
    assert (tmp_path / "o.mkv").read_text() == "new"


def test_elsewhere_its_lock_is_held_until_it_is_moved(monkeypatch, tmp_path):
    if os.name == "nt":
        pytest.skip("Windows cannot move what is open")
    replace = os.replace

    def move(*paths):
        assert parts._held
        replace(*paths)

    monkeypatch.setattr(os, "replace", move)
    with parts.whole_file(tmp_path / "o.mkv") as part:
        part.write_text("new")
    assert (tmp_path / "o.mkv").read_text() == "new"
    assert not parts._held


def test_where_a_file_cannot_be_replaced_the_new_one_is_not_lost(windows, monkeypatch, tmp_path):
    """As while a player shows it."""
    target = tmp_path / "o.mkv"
    target.write_text("old")
    monkeypatch.setattr(moving, "_PATIENCE", 0.01)

    def refuse(part, onto):
        raise PermissionError(errno.EACCES, "in use")

    monkeypatch.setattr(os, "replace", refuse)
    with (
        pytest.raises(MediaError, match=r"cannot be replaced; .*The new file is .*o\.\d+\.mkv"),
        parts.whole_file(target) as part,
    ):
        part.write_text("new")
    assert target.read_text() == "old"
    (other,) = set(tmp_path.iterdir()) - {target}
    assert other.read_text() == "new"


def test_a_read_only_file_is_refused_before_the_work(windows, monkeypatch, tmp_path):
    """Windows would refuse to replace it at the end."""
    target = tmp_path / "o.mkv"
    target.write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(MediaError, match="read-only"), parts.whole_file(target):
        pytest.fail("the work has begun")
    assert target.read_text() == "old"


def test_a_claim_that_is_just_going_away_is_tried_again(windows, monkeypatch, tmp_path):
    monkeypatch.setattr(moving, "_PAUSE", 0.001)
    opened, tries = Path.open, []

    def refuse(self, *words, **options):
        tries.append(self)
        if len(tries) < 3:
            raise PermissionError(errno.EACCES, "delete pending")
        return opened(self, *words, **options)

    monkeypatch.setattr(Path, "open", refuse)
    place = claims.Folder(tmp_path)
    assert place.make("00001.claim", "me")
    assert not place.make("00001.claim", "you")
    assert place.read("00001.claim") == "me"


@pytest.mark.parametrize("template", ["{name}: x.mkv", "{name}?.mkv", "a|b{ext}", 'a"{ext}'])
def test_names_that_windows_has_not_are_refused_there(template, windows):
    with pytest.raises(ArgumentError, match="Windows"):
        batch.check_name(template)


@pytest.mark.parametrize("template", ["{name} x{ext}", "{number:03}{ext}"])
def test_other_names_are_taken(template, windows):
    batch.check_name(template)


def test_such_names_are_taken_elsewhere():
    if os.name == "nt":
        pytest.skip("this is Windows")
    batch.check_name("{name}: x.mkv")


def _stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="\n")


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "é 日本.mkv".encode()),
        ("cp1252", b"\xe9 \\u65e5\\u672c.mkv"),
        ("cp932", b"\\xe9 \x93\xfa\x96\x7b.mkv"),
        ("ascii", b"\\xe9 \\u65e5\\u672c.mkv"),
    ],
)
def test_every_name_can_be_printed(encoding, written, monkeypatch):
    stream = _stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    stdout.take_all_names()
    sys.stdout.write("é 日本.mkv")
    sys.stdout.flush()
    assert stream.buffer.getvalue() == written


def test_bytes_that_are_no_letters_come_out_as_they_are(monkeypatch):
    stream = _stream("utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    stdout.take_all_names()
    sys.stdout.write(b"\xff.mkv".decode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    assert stream.buffer.getvalue() == b"\xff.mkv"


def test_a_script_is_utf8_whatever_stdout_is(monkeypatch):
    stream = _stream("cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    stdout.take_all_names()
    stdout.write_utf8("# é 日本.mkv\n")
    sys.stdout.flush()
    assert stream.buffer.getvalue() == "# é 日本.mkv\n".encode()


class _Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")


def test_a_pipe_that_is_closed_is_that(windows, monkeypatch):
    monkeypatch.setattr(sys, "stdout", _Closed())
    stdout.name_failures()
    with pytest.raises(BrokenPipeError):
        sys.stdout.write("text")


def test_a_worker_leaves_stdin_to_others_and_ends_with_its_pipe(tmp_path):
    """Windows would let nobody look at a pipe that one thread reads from."""
    code = (
        "import os, stat, sys, threading\n"
        "from vsrife.rendering.jobs import local\n"
        "pipe = local._taken_stdin()\n"
        "threading.Thread(target=local._end_with_parent, args=[pipe], daemon=True).start()\n"
        "print(stat.S_ISCHR(os.fstat(0).st_mode), flush=True)\n"  # no pipe
        "threading.Event().wait()\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdout.readline().strip() == b"True"
    assert worker.poll() is None
    worker.stdin.close()
    assert worker.wait(60) == 1
    worker.stdout.close()


def test_messages_of_workers_are_utf8_wherever_they_run(monkeypatch, tmp_path):
    seen = {}

    class Popen:
        stdin, returncode = None, 0

        def __init__(self, command, env, **options):
            seen.update(env)

        def wait(self, limit):
            return 0

    class Job:
        folder, place = tmp_path, str(tmp_path)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with local._started(Job(), [None]):
        assert seen["PYTHONIOENCODING"] == "utf-8"


def test_a_folder_of_a_user_with_any_name_is_told(monkeypatch, tmp_path):
    """As vspipe prints it, in whatever encoding."""
    prefix = tmp_path / "Jörg O'Neill 日本"
    prefix.mkdir()
    said = io.StringIO()
    monkeypatch.setattr(sys, "prefix", str(prefix))
    line = next(line for line in surroundings._SCRIPT.splitlines() if "prefix" in line)
    exec(line.replace("sys.stderr", "said"), {"sys": sys, "said": said})
    assert said.getvalue().isascii()
    monkeypatch.setattr(surroundings, "_own_vspipe", lambda: "vspipe")
    monkeypatch.setattr(surroundings, "_foreign", lambda shell, own: "")
    monkeypatch.setattr(surroundings, "_run_script", lambda *words: (0, "", said.getvalue()))
    found = surroundings.vspipe(5.0)
    assert found["error"] == ""
    assert found["python"] == str(prefix)


class _Mps(torch.Tensor):
    """Says that it is on a device without a border for grid_sample."""

    device = torch.device("mps")


@pytest.mark.parametrize("reach", [0.5, 60])
def test_a_border_is_the_same_where_the_device_has_none(reach, monkeypatch):
    draw = torch.Generator().manual_seed(3)
    pair = torch.rand(2, 3, 24, 40, generator=draw)
    flow = reach * torch.randn(1, 4, 24, 40, generator=draw)
    ops, asked = TorchOperations((40, 24)), []
    wanted = ops.warp(pair, flow)
    sample = torch.nn.functional.grid_sample

    def record(picture, grid, **options):
        asked.append(options["padding_mode"])
        plain = picture.as_subclass(torch.Tensor), grid.as_subclass(torch.Tensor)
        return sample(*plain, **options)

    monkeypatch.setattr(torch.nn.functional, "grid_sample", record)
    found = ops.warp(pair.as_subclass(_Mps), flow)
    assert asked == ["zeros"]
    assert torch.allclose(found, wanted, atol=1e-6)
