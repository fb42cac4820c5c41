"""Batches of new frames: nothing twice, nothing lost, each error where it belongs."""

import random
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.inference.sessions.scheduler import Scheduler


class Device:
    """Stands in for a device: remembers its batches, and never runs two at a time."""

    def __init__(self, *, room=100, bad=()):
        self.batches, self.room, self.bad = [], room, set(bad)
        self._free = threading.Lock()

    def __call__(self, jobs):
        assert self._free.acquire(blocking=False), "two batches at a time"
        try:
            self.batches.append(list(jobs))
            if len(jobs) > self.room:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
            if self.bad & set(jobs):
                raise ValueError(f"bad: {sorted(self.bad & set(jobs))}")
            return [result(job) for job in jobs]
        finally:
            self._free.release()

    @property
    def jobs(self):
        return [job for batch in self.batches for job in batch]


def result(job):
    return f"frame {job}"


def pair(left, count=4):
    """All timesteps of a pair."""
    return [(left, step / (count + 1)) for step in range(1, count + 1)]


def test_all_timesteps_of_a_pair_are_one_call():
    device = Device()
    scheduler = Scheduler(device, most=8, kept=8)
    for left in range(3):
        for job in pair(left):
            assert scheduler.get(job, beside=pair(left)) == result(job)
    assert device.batches == [pair(0), pair(1), pair(2)]
    assert not scheduler._ahead  # what was handed out is held no longer


def test_what_waits_is_one_call_in_the_order_of_its_requests():
    device = Device()
    scheduler = Scheduler(device, most=4)
    futures = {job: scheduler.submit(job) for job in range(7)}
    assert not device.batches  # nothing before somebody waits
    assert [scheduler.wait(future) for future in futures.values()] == [result(n) for n in range(7)]
    assert device.batches == [[0, 1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(("most", "kept", "wanted"), [(4, 9, 4), (9, 2, 3), (1, 9, 1), (9, 0, 1)])
def test_looking_ahead_is_bounded_by_the_batch_and_by_what_is_kept(most, kept, wanted):
    device = Device()
    scheduler = Scheduler(device, most=most, kept=kept)
    scheduler.get(0, beside=range(1, 9))
    assert [len(batch) for batch in device.batches] == [wanted]


def test_only_the_last_results_ahead_are_kept():
    device = Device()
    scheduler = Scheduler(device, most=9, kept=3)
    for left in range(50):  # seeking: one frame of each pair
        scheduler.get((left, 0.2), beside=pair(left))
    assert len(scheduler._ahead) == 3
    before = len(device.batches)
    assert scheduler.get((49, 0.8)) == result((49, 0.8))
    assert len(device.batches) == before
    assert scheduler.get((0, 0.8)) == result((0, 0.8))
    assert len(device.batches) == before + 1


def test_a_cancelled_request_is_dropped():
    device = Device()
    scheduler = Scheduler(device, most=8, kept=8)
    kept, dropped = scheduler.submit("a"), scheduler.submit("b", beside=["c"])
    assert dropped.cancel()
    assert scheduler.wait(kept) == result("a")
    with pytest.raises(CancelledError):
        scheduler.wait(dropped)
    assert device.jobs == ["a"]


def test_a_request_is_dropped_only_if_all_who_asked_cancel_it():
    device = Device()
    scheduler = Scheduler(device, most=8)
    first, second = scheduler.submit("a"), scheduler.submit("a")
    assert first.cancel()
    assert scheduler.wait(second) == result("a")
    assert device.batches == [["a"]]


def test_an_error_reaches_the_frames_it_belongs_to():
    device = Device(bad=[2, 5])
    scheduler = Scheduler(device, most=8)
    futures = [scheduler.submit(job) for job in range(8)]
    for job, future in enumerate(futures):
        if job in (2, 5):
            with pytest.raises(ValueError, match=f"bad: .{job}."):
                scheduler.wait(future)
        else:
            assert scheduler.wait(future) == result(job)
    assert scheduler.most == 8
    device.bad.clear()
    assert scheduler.get(2) == result(2)  # an error is not kept


def test_an_error_of_what_nobody_asked_for_is_nobodys():
    device = Device(bad=[1])
    scheduler = Scheduler(device, most=8, kept=8)
    assert scheduler.get(0, beside=[1, 2]) == result(0)
    with pytest.raises(ValueError, match="bad"):
        scheduler.get(1)


@pytest.mark.parametrize("room", [1, 2, 3, 5])
def test_less_memory_makes_smaller_batches_and_they_stay_small(room):
    device, said = Device(room=room), []
    scheduler = Scheduler(device, most=8, note=said.append)
    futures = [scheduler.submit(job) for job in range(16)]
    assert [scheduler.wait(future) for future in futures] == [result(job) for job in range(16)]
    assert scheduler.most <= room
    failed = [len(batch) for batch in device.batches if len(batch) > room]
    assert failed == sorted(set(failed), reverse=True)  # no size fails twice
    assert len(failed) == len(said)
    assert all("out of memory" in text for text in said)
    assert sorted(set(device.jobs)) == list(range(16))


def test_no_memory_for_one_frame_is_the_error_of_that_frame():
    scheduler = Scheduler(Device(room=0), most=2)
    with pytest.raises(RuntimeError, match="out of memory"):
        scheduler.get("a")
    assert scheduler.most == 2


def test_too_few_results_are_an_error():
    scheduler = Scheduler(lambda jobs: [], most=4)
    with pytest.raises(ValueError, match="zip"):
        scheduler.get("a")


def test_an_interrupt_ends_the_batch_and_the_next_one_runs():
    interrupts = [KeyboardInterrupt()]

    def run(jobs):
        if interrupts:
            raise interrupts.pop()
        return [result(job) for job in jobs]

    scheduler = Scheduler(run, most=4)
    first, second = scheduler.submit("a"), scheduler.submit("b")
    with pytest.raises(KeyboardInterrupt):
        scheduler.wait(first)
    with pytest.raises(KeyboardInterrupt):
        scheduler.wait(second)  # was in that batch; does not wait for ever
    assert scheduler.get("b") == result("b")


def test_who_asks_for_a_frame_that_is_being_computed_gets_it():
    begun, go_on = threading.Event(), threading.Event()
    device = Device()

    def run(jobs):
        begun.set()
        assert go_on.wait(60)
        return device(jobs)

    scheduler = Scheduler(run, most=4, kept=4)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(scheduler.get, "a", ["b"])
        assert begun.wait(60)
        others = [scheduler.submit(job) for job in ("a", "b")]
        go_on.set()
        assert [scheduler.wait(other) for other in others] == [result("a"), result("b")]
        assert first.result(60) == result("a")
    assert device.batches == [["a", "b"]]


def test_there_is_no_thread_of_its_own_and_foreign_futures_are_refused():
    before = threading.active_count()
    scheduler, other = Scheduler(Device(), most=4), Scheduler(Device(), most=4)
    assert scheduler.get(1) == result(1)
    assert threading.active_count() == before
    with pytest.raises(ValueError, match="another scheduler"):
        scheduler.wait(other.submit(2))


@pytest.mark.parametrize("wrong", [{"most": 0}, {"most": 1, "kept": -1}])
def test_sizes_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="at least"):
        Scheduler(Device(), **wrong)


@given(
    seed=st.integers(0, 2**16),
    threads=st.integers(1, 6),
    most=st.integers(1, 6),
    kept=st.integers(0, 6),
    bad=st.sets(st.integers(0, 30), max_size=4),
)
def test_any_order_from_any_number_of_threads_gives_each_its_own_frame(
    seed, threads, most, kept, bad
):
    device = Device(bad=bad)
    scheduler = Scheduler(device, most=most, kept=kept)
    wanted = random.Random(seed).choices(range(31), k=40)

    def ask(job):
        try:
            return scheduler.get(job, beside=range(job + 1, min(31, job + 4)))
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(ask, wanted))
    assert found == [f"bad: [{job}]" if job in bad else result(job) for job in wanted]
    assert max(map(len, device.batches)) <= most
    assert not scheduler._waiting
    assert len(scheduler._ahead) <= kept


def test_what_is_submitted_while_the_device_is_busy_comes_into_the_next_batch():
    device, waiting, free = Device(), threading.Event(), threading.Event()

    def room():
        waiting.set()
        assert free.wait(60)

    scheduler = Scheduler(device, most=8, room=room)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(scheduler.get, "a")
        assert waiting.wait(60)
        others = [scheduler.submit(job) for job in "bc"]
        free.set()
        assert first.result() == result("a")
    assert [scheduler.wait(other) for other in others] == [result(job) for job in "bc"]
    assert device.batches == [["a", "b", "c"]]


def test_an_error_while_waiting_for_room_is_whoevers_waits_and_the_next_one_computes():
    errors = [OSError("the device is gone")]

    def room():
        if errors:
            raise errors.pop()

    scheduler = Scheduler(Device(), most=8, room=room)
    future = scheduler.submit("a")
    with pytest.raises(OSError, match="gone"):
        scheduler.wait(future)
    assert scheduler.wait(future) == result("a")


def test_a_request_that_is_cancelled_while_the_device_is_busy_lets_others_go_on():
    device = Device()
    futures = []
    scheduler = Scheduler(device, most=8, room=lambda: [each.cancel() for each in futures])
    futures.append(scheduler.submit("a"))
    with pytest.raises(CancelledError):
        scheduler.wait(futures[0])
    assert scheduler.get("b") == result("b")
    assert device.jobs == ["b"]
