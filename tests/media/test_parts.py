"""Unfinished files: swept when nobody holds them, published without replacing what is not ours."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.dead import dead_process
from vsrife.errors import MediaError
from vsrife.media import parts

POSIX = pytest.mark.skipif(os.name == "nt", reason="modes, owners and links of POSIX")


def write(path: Path, text: str = "new", *, overwrite: bool = True) -> None:
    with parts.whole_file(path, overwrite=overwrite) as part:
        part.write_text(text)


def test_a_file_appears_at_the_end_and_not_before(tmp_path: Path):
    path = tmp_path / "o.mkv"
    with parts.whole_file(path, overwrite=False) as part:
        part.write_text("new")
        assert not path.exists()
        assert [p.name for p in tmp_path.iterdir()] == [part.name]
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path: Path):
    gone = tmp_path / f".other.mkv.{dead_process()}.part"
    stay = [
        tmp_path / f".other.mkv.{os.getppid()}.part",  # alive
        tmp_path / f".weights.pkl.{dead_process()}.part",  # the store's, which has rules of its own
        tmp_path / "film.mkv.part",
        tmp_path / f"film.mkv.{dead_process()}.part",
    ]
    for path in (gone, *stay):
        path.write_text("begun")
    write(tmp_path / "o.mkv")
    assert sorted(tmp_path.iterdir()) == sorted([*stay, tmp_path / "o.mkv"])


@POSIX
def test_a_part_that_another_machine_holds_stays(tmp_path: Path):
    """Its number means nothing here; the lock does."""
    import fcntl

    held = tmp_path / f".other.mkv.{dead_process()}.part"
    with held.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(tmp_path / "o.mkv")
        assert held.exists()
    write(tmp_path / "p.mkv")
    assert not held.exists()


def test_a_killed_process_leaves_what_the_next_one_removes(tmp_path: Path):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from vsrife.media import parts\n"
        f"path = Path({str(tmp_path / 'o.mkv')!r})\n"
        "with parts.whole_file(path), parts.scratch_file('x'), \\\n"
        "     parts.scratch_folder(path.parent) as f:\n"
        "    (f / 'film.mkv').write_text('x')\n"
        "    os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))\n"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert len(list(tmp_path.glob(".o.mkv.*.part"))) == len(list(temporary.iterdir())) == 1
    (folder,) = tmp_path.glob(".*.part.folder")
    assert [path.name for path in folder.iterdir()] == ["film.mkv"]
    write(tmp_path / "o.mkv")
    parts.sweep(temporary)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.mkv", "tmp"]
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
):
    if not links:  # as on FAT

        def refuse(*names: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "o.mkv"

    def race() -> None:
        with parts.whole_file(path, overwrite=False) as part:
            part.write_text("new")
            path.write_text("theirs")

    with pytest.raises(MediaError, match=r"has appeared .* the new file is ") as caught:
        race()
    assert path.read_text() == "theirs"
    kept = tmp_path / f"o.{os.getpid()}.mkv"
    assert str(kept) in str(caught.value)
    assert kept.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == sorted([path, kept])


def test_of_many_that_publish_one_name_one_succeeds(tmp_path: Path):
    path, done, refused = tmp_path / "o.mkv", [], []
    ready = threading.Barrier(8)

    def publish(n: int) -> None:
        part = tmp_path / f".o.mkv.{n}.part"
        part.write_text(str(n))
        ready.wait()
        try:
            parts._rename_to_new(part, path)
            done.append(n)
        except FileExistsError:
            refused.append(n)

    threads = [threading.Thread(target=publish, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 7)
    assert path.read_text() == str(done[0])


@POSIX
def test_overwriting_keeps_mode_and_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, given = tmp_path / "o.mkv", []
    path.write_text("old")
    path.chmod(0o640)
    monkeypatch.setattr(os, "chown", lambda _, user, group: given.append((user, group)))
    write(path)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert given == [(path.stat().st_uid, path.stat().st_gid)]


@POSIX
def test_overwriting_a_link_writes_what_it_leads_to(tmp_path: Path):
    there, link = tmp_path / "there.mkv", tmp_path / "o.mkv"
    there.write_text("old")
    link.symlink_to(there)
    write(link)
    assert link.is_symlink()
    assert there.read_text() == "new"


@POSIX
def test_a_link_to_nothing_is_said(tmp_path: Path):
    link = tmp_path / "o.mkv"
    link.symlink_to("nowhere.mkv")
    with pytest.raises(MediaError, match=r"is a link to nowhere\.mkv, which does not exist"):
        write(link)
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission denied"),
        (errno.ENOSPC, "the disk is full"),
    ],
)
def test_what_the_system_refuses_is_one_plain_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
):
    def refuse(*words: object) -> int:
        raise OSError(number, os.strerror(number), ".o.mkv.1.part")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MediaError) as caught:
        write(tmp_path / "o.mkv")
    assert str(caught.value).startswith(f"{tmp_path / 'o.mkv'} cannot be written: {words}; ")


def test_an_end_in_a_hurry_takes_all_parts_along(tmp_path: Path):
    parts._hold(part := tmp_path / f".o.mkv.{os.getpid()}.part")
    assert part.exists()
    parts.release_all()
    assert not list(tmp_path.iterdir())


def test_a_folder_for_a_while_goes_with_its_end_and_not_before(tmp_path: Path):
    with parts.scratch_folder(tmp_path) as folder:
        (folder / "film.mkv").write_text("x")
        parts.sweep(tmp_path)  # of another render in the same folder
        assert (folder / "film.mkv").exists()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_can_be_made_is_made(tmp_path: Path):
    deep = tmp_path / "a" / "b"
    parts.check_folder(deep)
    assert not deep.parent.exists()
    parts.make_folder(deep)
    parts.make_folder(deep)
    assert deep.is_dir()
    parts.check_folder(deep)


def test_a_folder_that_cannot_be_is_said_in_one_line(tmp_path: Path):
    (tmp_path / "file").touch(0o777)
    for folder, message in (
        (tmp_path / "file", "is no folder; choose another one"),
        (tmp_path / "file" / "below", "cannot be written; choose another folder than "),
    ):
        with pytest.raises(MediaError, match=message):
            parts.check_folder(folder)
        with pytest.raises(MediaError, match=r"folder .+ cannot be made: .+"):
            parts.make_folder(folder)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_in_one_that_is_read_only_is_refused_before(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(MediaError, match="cannot be written; choose another folder"):
        parts.check_folder(tmp_path / "a")
