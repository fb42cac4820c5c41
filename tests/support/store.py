"""Fixtures of tests that touch the store: one of their own, its list of models, and a server.

A conftest or a test module imports them by name.
"""

from __future__ import annotations

import pytest

from tests.support.servers import Server
from vsrife.weights import folders


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """Nothing of this machine is seen, nothing of it is touched."""
    monkeypatch.setenv(folders.FOLDER_VARIABLE, str(tmp_path / "store"))
    monkeypatch.setattr(folders, "user_catalogue", lambda: tmp_path / "config" / "models.toml")
    monkeypatch.setattr(folders, "other_folders", lambda: [])
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "store"


@pytest.fixture
def add_rows(tmp_path):
    """Write the user's own list of models."""

    def write(text: str) -> None:
        (tmp_path / "config").mkdir(exist_ok=True)
        (tmp_path / "config" / "models.toml").write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()
    assert not running.outwaited
