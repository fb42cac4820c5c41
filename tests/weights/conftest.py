"""A store of its own for every test, and a server on this machine that can be made to misbehave."""

from __future__ import annotations

import pytest

from tests.support.store import add_rows, own_store, server
from vsrife.weights.download import Listener
from vsrife.weights.http import Patience

__all__ = ["add_rows", "own_store", "server"]  # fixtures


@pytest.fixture
def heard():
    return []


@pytest.fixture
def listener(heard):
    return Listener(heard.append, lambda done, total: None)


@pytest.fixture
def slept():
    return []


@pytest.fixture
def patience(slept):
    """Sleeping is only noted; time enough for a server on a busy machine."""
    return Patience(connect=10, read=10, sleep=slept.append)
