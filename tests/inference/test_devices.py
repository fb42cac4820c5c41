"""Several devices share a clip by source pair."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.support.pixels import PixelWise, planes_of
from vsrife.inference.sessions.changed import ChangedSession
from vsrife.inference.sessions.devices import DevicesSession
from vsrife.inference.sessions.regions import NOTHING, Layout

SIZE = (64, 48)


class Numbered(PixelWise):
    """Says where a frame was made."""

    def __init__(self, number):
        super().__init__(SIZE)
        self.number, self.prepared = number, 0

    def prepare(self, planes):
        self.prepared += 1
        return super().prepare(planes)

    def interpolate(self, left, right, timestep, into, rhythm=None):
        super().interpolate(left, right, timestep, into, rhythm)
        return self.number


def into():
    return [np.empty(SIZE[::-1], np.float32) for _ in range(3)]


@pytest.mark.parametrize("count", [2, 3])
def test_pairs_take_turns_by_the_number_of_the_left_frame_in_any_order(count):
    devices = [Numbered(n) for n in range(count)]
    session = DevicesSession(devices)
    frames = {n: session.prepare(planes_of(*SIZE, n), n) for n in (7, 3, 8, 4, 5)}
    for left in (7, 3, 4, 3, 7):
        for timestep in (0.75, 0.25):
            got = into()
            made_by = session.interpolate(frames[left], frames[left + 1], timestep, got)
            assert made_by == left % count
            a, b = planes_of(*SIZE, left)[2], planes_of(*SIZE, left + 1)[2]
            assert np.array_equal(got[2], a + np.float32(timestep) * (b - a))
    # no frame is prepared where it is not needed, or twice
    assert sum(device.prepared for device in devices) <= 6


def test_frames_without_a_number_are_counted():
    session = DevicesSession([Numbered(0), Numbered(1)])
    frames = [session.prepare(planes_of(*SIZE, n)) for n in range(5)]
    turns = [session.interpolate(*frames[n : n + 2], 0.5, into()) for n in range(4)]
    assert turns == [0, 1, 0, 1]


def test_devices_compute_at_the_same_time():
    """Would wait for ever if one pair waited for the other."""
    both = threading.Barrier(2, timeout=60)

    class Meeting(Numbered):
        def interpolate(self, left, right, timestep, target, rhythm=None):
            both.wait()
            return super().interpolate(left, right, timestep, target, rhythm)

    session = DevicesSession([Meeting(0), Meeting(1)])
    frames = [session.prepare(planes_of(*SIZE, n), n) for n in range(3)]
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(session.interpolate, *frames[n : n + 2], 0.5, into()) for n in range(2)]
        assert [job.result() for job in jobs] == [0, 1]


def test_a_device_that_fails_fails_the_frame_alone():
    class Gone(Numbered):
        def interpolate(self, *_):
            raise RuntimeError("the device was removed")

    session = DevicesSession([Numbered(0), Gone(1)])
    frames = [session.prepare(planes_of(*SIZE, n), n) for n in range(4)]
    with pytest.raises(RuntimeError, match="removed"):
        session.interpolate(*frames[1:3], 0.5, into())
    assert session.interpolate(*frames[2:4], 0.5, into()) == 0


def test_the_region_that_changes_is_that_of_the_device():
    layout = Layout(*SIZE, 32, 8)

    def changed(number):
        return ChangedSession(Numbered(number), lambda: layout, lambda *_: Numbered(number))

    session = DevicesSession([changed(0), changed(1)])
    same, other = planes_of(*SIZE, 1), planes_of(*SIZE, 2)
    frames = [session.prepare(planes, n) for n, planes in enumerate((same, same, other))]
    assert [session.region(*frames[n : n + 2]) for n in range(2)] == [NOTHING, None]
    whole = DevicesSession([Numbered(0), Numbered(1)])
    pair = whole.prepare(same, 0), whole.prepare(same, 1)
    assert whole.region(*pair) is None
