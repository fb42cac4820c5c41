"""Claims of several workers in one folder, with clocks that the test turns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.needs import package
from vsrife.rendering.jobs import claims
from vsrife.rendering.jobs.claims import LEASE, Claims, Folder
from vsrife.rendering.jobs.shared import Shared


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def shared(folder: Path) -> Shared:
    package("fsspec")
    place = Shared(f"file://{folder.as_posix()}")
    place.write("manifest.json", "")
    return place


@pytest.fixture(params=[Folder, shared], ids=["folder", "address"])
def worker(request, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    """A worker on a machine of its own."""

    def make(host: str) -> Claims:
        monkeypatch.setattr(claims.socket, "gethostname", lambda: host)
        return Claims(request.param(tmp_path), clock)

    return make


def test_only_one_of_two_takes_a_segment(worker):
    one, other = worker("a"), worker("b")
    assert one.take(3)
    assert not other.take(3)
    assert other.take(4)
    one.release(3)
    assert other.take(3)


def test_a_worker_that_beats_keeps_its_claim(worker, clock: Clock):
    one, other = worker("a"), worker("b")
    assert one.take(0)
    for _ in range(10):
        assert not other.take(0)
        clock.now += LEASE * 0.9
        one.beat()


def test_a_claim_that_stands_still_for_a_lease_is_taken_over(worker, clock: Clock):
    one, other = worker("a"), worker("b")
    assert one.take(0)
    assert not other.take(0)  # from now on the other looks at it
    clock.now += LEASE
    assert not other.take(0)
    clock.now += 0.1
    assert other.take(0)
    # the first wakes up, and leaves the claim of the second alone
    one.beat()
    one.release(0)
    assert not worker("c").take(0)


def test_the_clock_of_the_other_machine_does_not_matter(worker, clock: Clock, tmp_path: Path):
    one, other = worker("a"), worker("b")
    assert one.take(0)
    os.utime(tmp_path / "00000.claim", (0, 0))  # an age ago, says the file
    assert not other.take(0)
    clock.now += LEASE / 2
    assert not other.take(0)


def test_a_dead_process_of_this_machine_holds_nothing(worker, tmp_path: Path):
    other = worker("a")
    (tmp_path / "00000.claim").write_text("a 999999999 0 5")
    (tmp_path / "00001.claim").write_text("b 999999999 0 5")  # not ours to know
    assert other.take(0)
    assert not other.take(1)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe nonsense", b"a"])
def test_a_claim_of_nobody_ends_with_a_lease(worker, clock: Clock, tmp_path: Path, content: bytes):
    (tmp_path / "00000.claim").write_bytes(content)
    other = worker("b")
    assert not other.take(0)
    clock.now += LEASE + 1
    assert other.take(0)


def test_nothing_is_taken_in_a_folder_that_is_gone(worker, tmp_path: Path):
    one = worker("a")
    tmp_path.joinpath("x").mkdir()
    gone = Claims(Folder(tmp_path / "nowhere"))
    assert not gone.take(0)
    assert one.take(0)


def test_leaving_gives_all_claims_back(worker, tmp_path: Path):
    with worker("a") as one:
        assert one.take(0)
        assert one.take(1)
    assert list(tmp_path.glob("*.claim")) == []
