"""Segments at an address of fsspec, which stands in for a store that several machines see."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.needs import package
from tests.support.renders import assert_same_file, disk_full_after_one_segment, draw_film
from vsrife.cli import main
from vsrife.errors import MediaError
from vsrife.rendering.jobs import job, manifest, segments, shared, work
from vsrife.rendering.jobs.job import folder_of
from vsrife.rendering.jobs.shared import Shared


@pytest.fixture
def store():
    """An empty store in memory, as names of files -> bytes."""
    package("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem.store.clear()
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()


@pytest.fixture
def words(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(segments, "LONGEST", 0.1)
    monkeypatch.setattr(shared, "_LISTED", 0.0)
    film = draw_film(tmp_path / "film.mkv", 18, every=100)
    return [str(film), "--model", str(weights), "--backend", "onnx", "--preset", "ultrafast"]


@pytest.fixture
def left(store, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """The address of a render of three segments that has failed with the first one made."""
    with disk_full_after_one_segment(monkeypatch):
        assert main(["render", *words, "-o", str(tmp_path / "out.mp4"), *SHARED]) == 1
    (place,) = {name.rpartition("/")[0] for name in store if name.endswith("manifest.json")}
    return Shared(f"memory:/{place}")


SHARED = ("--segments", "memory://films")


def nothing_left(store, tmp_path: Path) -> bool:
    return not store and not list(tmp_path.glob(".*"))


def test_another_machine_makes_segments_and_the_first_one_joins_them(
    left: Shared, store, words: list[str], tmp_path: Path, monkeypatch, capsys
):
    assert main(["render", "--join", left.address]) == 0
    assert f"{left.address}: 24 frames made here" in capsys.readouterr().err
    assert sum(name.endswith(".nut") for name in store) == 3
    with monkeypatch.context() as patch:
        patch.setattr(work, "make_segment", lambda *a: pytest.fail("it is there"))
        assert main(["render", *words, "-o", str(tmp_path / "out.mp4"), *SHARED]) == 0
    assert f"segments are shared at {left.address}" in capsys.readouterr().err
    assert nothing_left(store, tmp_path)
    assert main(["render", *words, "-o", str(tmp_path / "alone.mp4")]) == 0
    assert_same_file(tmp_path / "out.mp4", tmp_path / "alone.mp4")


def test_a_segment_that_is_damaged_there_is_made_anew(
    left: Shared, store, words: list[str], tmp_path: Path, capsys
):
    assert main(["render", "--join", left.address]) == 0
    (name,) = (each for each in store if each.endswith("00002.nut"))
    left.write(Path(name).name, "no film")
    assert main(["render", *words, "-o", str(tmp_path / "out.mp4"), *SHARED]) == 0
    assert "segment 2 is damaged; it is made anew" in capsys.readouterr().err
    assert nothing_left(store, tmp_path)


def test_another_render_has_another_address_and_removes_what_was_there(
    left: Shared, store, words: list[str], tmp_path: Path, monkeypatch
):
    seen: list[str] = []
    monkeypatch.setattr(job.Job, "is_open", lambda self: seen.append(self.place) or True)
    words = [*words, "--crf", "30", "-o", str(tmp_path / "out.mp4"), *SHARED]
    assert main(["render", *words]) == 0
    assert left.address not in seen
    assert nothing_left(store, tmp_path)


def test_clean_removes_what_is_there(left: Shared, store, tmp_path: Path):
    assert main(["render", "-o", str(tmp_path / "out.mp4"), "--clean"]) == 0
    assert nothing_left(store, tmp_path)


def test_a_worker_of_a_render_that_begins_anew_gives_up_its_segment(
    words: list[str], tmp_path: Path, monkeypatch, capsys
):
    """In a folder, which is the same one for the new render: its frames are others."""
    target = tmp_path / "out.mp4"
    folder, write = folder_of(target), work.write_piece

    def meanwhile(*arguments) -> None:
        write(*arguments)
        plan = manifest.load(folder)
        manifest.save(replace(plan, identity={**plan.identity, "the options": "others"}), folder)

    monkeypatch.setattr(work, "write_piece", meanwhile)
    assert main(["render", *words, "-o", str(target)]) == 1
    assert "is gone, or of another render now" in capsys.readouterr().err
    assert not list(folder.glob("*.nut"))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("films", "--segments must be an address such as s3://bucket/films, not 'films'"),
        ("fil://films", "s3://, sftp:// or file://, not 'fil://'; did you mean file"),
        ("file://{film}/films", "film.mkv/films cannot be used: Not a directory"),
    ],
)
def test_an_address_that_cannot_be_used_is_said_before_the_work(
    address: str, said: str, words: list[str], tmp_path: Path, monkeypatch, capsys
):
    package("fsspec")
    monkeypatch.setattr("vsrife.cli.render.rehearse", lambda *a: pytest.fail("a device is woken"))
    address = address.format(film=words[0])
    assert main(["render", *words, "-o", str(tmp_path / "o.mkv"), "--segments", address]) == 1
    assert said in capsys.readouterr().err


def test_an_address_that_holds_no_render_cannot_be_joined(store, capsys):
    assert main(["render", "--join", "memory://nothing"]) == 1
    assert "memory://nothing holds no render that can be joined" in capsys.readouterr().err


def test_fsspec_is_named_if_it_is_missing(monkeypatch, words: list[str], tmp_path: Path, capsys):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert main(["render", *words, "-o", str(tmp_path / "o.mkv"), *SHARED]) == 1
    assert 'memory://films needs what is not installed: fsspec; pip install ".[remote]"' in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("error", [NotImplementedError(), ValueError("mode")])
def test_a_store_that_cannot_make_files_exclusively_will_do(store, error: Exception, monkeypatch):
    place = Shared("memory://films")
    pipe = place._files.pipe_file

    def plain(path: str, value: bytes, mode: str = "overwrite") -> None:
        if mode == "create":
            raise error
        pipe(path, value)

    monkeypatch.setattr(place, "_files", SimpleNamespace(
        pipe_file=plain, exists=place._files.exists, cat_file=place._files.cat_file))  # fmt: skip
    assert place.make("00000.claim", "one")
    assert not place.make("00000.claim", "other")


def test_who_has_taken_a_segment_knows_whether_it_was_finished_meanwhile(store, monkeypatch):
    monkeypatch.setattr(shared, "_LISTED", 1e9)
    one, other = Shared("memory://films"), Shared("memory://films")
    assert not one.has("00000.json")
    other.write("00000.json", "{}")
    assert one.make("00000.claim", "one")
    assert one.has("00000.json")


def test_an_error_of_the_store_is_one_line_with_the_address(store, monkeypatch):
    place = Shared("memory://films")
    monkeypatch.setattr(place, "_files", SimpleNamespace(
        rm=lambda *a, **k: (_ for _ in ()).throw(RuntimeError("Access\nDenied"))))  # fmt: skip
    with pytest.raises(MediaError, match=r"^memory://films cannot be used: Access Denied$"):
        place.clear()
