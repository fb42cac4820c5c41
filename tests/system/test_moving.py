"""Files are moved also where another program has them open for a moment, as on Windows."""

import os
from pathlib import Path

import pytest

from vsrife.system import moving


@pytest.fixture
def refused(monkeypatch, tmp_path):
    """refused(count): the next moves fail as they do while a scanner has the file open."""
    tries = []
    monkeypatch.setattr(moving, "_PAUSE", 0.001)
    (tmp_path / "part").write_text("new")
    (tmp_path / "target").write_text("old")

    def fail(count):
        replace = os.replace

        def move(*paths):
            tries.append(paths)
            if len(tries) <= count:
                raise PermissionError(13, "in use")
            replace(*paths)

        monkeypatch.setattr(os, "replace", move)
        return tries

    return fail


def test_on_windows_a_file_that_is_in_use_is_tried_again(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(moving, "WINDOWS", True)
    tries = refused(3)
    moving.replace(tmp_path / "part", tmp_path / "target")
    assert (tmp_path / "target").read_text() == "new"
    assert len(tries) == 4


def test_but_not_for_ever(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(moving, "WINDOWS", True)
    monkeypatch.setattr(moving, "_PATIENCE", 0.05)
    refused(10**9)
    with pytest.raises(PermissionError):
        moving.replace(tmp_path / "part", tmp_path / "target")
    assert (tmp_path / "target").read_text() == "old"


def test_elsewhere_permission_is_what_is_missing(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(moving, "WINDOWS", False)
    tries = refused(1)
    with pytest.raises(PermissionError):
        moving.replace(tmp_path / "part", tmp_path / "target")
    assert len(tries) == 1


def test_other_errors_come_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(moving, "WINDOWS", True)
    monkeypatch.setattr(moving, "_PATIENCE", 10**6)
    with pytest.raises(FileNotFoundError):
        moving.replace(tmp_path / "none", tmp_path / "target")


def test_nothing_in_the_package_moves_files_by_itself():
    package = Path(moving.__file__).parents[1]
    own = {Path(moving.__file__)}
    moves = ("os.replace(", "os.rename(", "shutil.move(")
    found = [
        str(path.relative_to(package))
        for path in sorted(package.rglob("*.py"))
        if path not in own and any(move in path.read_text(encoding="utf-8") for move in moves)
    ]
    # of several who bury a claim all but one fail, and shall
    assert found == [str(Path("rendering", "jobs", "claims.py"))]
