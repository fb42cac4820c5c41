"""Texts for others hold neither the home folder nor the user's name in a path."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.diagnosis import private
from vsrife.diagnosis.private import hidden, hider

HOME = "/home/ann-b.c"


@pytest.fixture
def hide(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path(HOME))
    monkeypatch.setattr(getpass, "getuser", lambda: "ann-b.c")
    return hider()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOME, "~"),
        (f"{HOME}/.cache/vsrife", "~/.cache/vsrife"),
        (
            f"model file {HOME}/a.pkl does not exist; ({HOME})",
            "model file ~/a.pkl does not exist; (~)",
        ),
        ("/mnt/ann-b.c/films/x.mkv", "/mnt/USER/films/x.mkv"),
        ("D:\\ann-b.c\\x", "D:\\USER\\x"),
        (f"{HOME}d/x", f"{HOME}d/x"),  # another user's
        ("/mnt/ann-b.cd", "/mnt/ann-b.cd"),
        (f"/backup{HOME}/x", "/backup/home/USER/x"),
        ("R81, 2 threads", "R81, 2 threads"),
    ],
)
def test_the_home_folder_is_a_tilde_and_the_name_is_user(hide, text, shown):
    assert hide(text) == shown


@given(
    st.lists(st.sampled_from([HOME, "/", " ", ":", "x", "=", '"', "ann-b.c/", "\\"]), max_size=8)
)
def test_no_whole_home_is_ever_left(parts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private, "_homes", lambda: [HOME])
        patch.setattr(private, "_user", lambda: "ann-b.c")
        shown = hider()("".join(parts))
    assert f"{HOME}/" not in shown
    assert "/ann-b.c/" not in shown


def test_every_text_in_a_structure_is_hidden(hide):
    found = {"a": [HOME, {"b": (f"{HOME}/x", 3, None, 1.5, True)}]}
    assert hidden(found, hide) == {"a": ["~", {"b": ["~/x", 3, None, 1.5, True]}]}


def test_a_user_without_home_and_name_hides_nothing(monkeypatch):
    def fail():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", fail)
    monkeypatch.setattr(getpass, "getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))
    assert hider()("/a/b") == "/a/b"


def test_the_root_as_home_does_not_turn_every_path_into_a_tilde(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path(os.sep))
    monkeypatch.setattr(getpass, "getuser", lambda: "nobody")
    assert hider()("/usr/bin") == "/usr/bin"
