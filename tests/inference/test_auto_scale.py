"""scale="auto": each pair has the scale that suits it, whoever asks first."""

import itertools

import numpy as np
import pytest

from vsrife.errors import BackendError
from vsrife.inference.sessions import auto_scale
from vsrife.inference.sessions.auto_scale import REACH, AutoScaleSession
from vsrife.network.table import ARCHS

SIZE = (62, 45)  # no multiple of 4
CELLS = (2, 2)  # of a quarter: 16 x 12 pixels


class Network:
    """Stands in for a network at a scale. A frame says in its corner how far it moves to the next,
    in pixels, and how sure each scale is of it."""

    tells = frozenset({"confidence", "motion"})

    def __init__(self, scale, calls, size=SIZE):
        self.scale, self.calls, self.size = scale, calls, size

    def prepare(self, planes):
        assert all(plane.shape == self.size[::-1] for plane in planes)
        self.calls.append(("prepare", self.scale))
        return planes

    def interpolate(self, left, right, timestep, into, rhythm=None):
        self.calls.append(("new", self.scale, timestep, rhythm))
        for plane in into:
            plane[:] = self.scale + timestep
        return float(left[1][0, {1.0: 0, 0.5: 4, 0.25: 8}[self.scale]])

    def motion(self, left, right):
        self.calls.append(("motion", self.scale))
        return np.full((1, 1, 8, 8), self.scale)


class Quarter(Network):
    """What a cell beyond the picture says does not count."""

    def motion(self, left, right):
        self.calls.append(("distance",))
        found = np.full((1, 1, 8, 8), 1e6, np.float32)
        found[0, 0, : CELLS[1], : CELLS[0]] = left[0][0, 0]
        return found


@pytest.fixture
def calls():
    return []


@pytest.fixture
def session(calls):
    return made(calls)


def made(calls, **options):
    return AutoScaleSession(
        lambda scale: Network(scale, calls), Quarter(1.0, calls, (16, 12)), lambda: 0.025, **options
    )


def frame(distance=0.0, sure=(0.5, 0.5, 0.5)):
    planes = [np.full(SIZE[::-1], distance / 4, np.float32)]
    planes += [np.zeros(SIZE[::-1], np.float32) for _ in range(2)]
    planes[1][0, [0, 4, 8]] = sure
    return planes


def scale_of(session, distance, sure=(0.5, 0.5, 0.5)):
    return session.scale(session.prepare(frame(distance, sure)), session.prepare(frame()))


@pytest.mark.parametrize("distance", [0, 1, REACH])
def test_where_little_moves_it_is_1_and_no_other_scale_is_tried(session, calls, distance):
    assert scale_of(session, distance, (0.1, 0.9, 0.9)) == 1
    assert {call[0] for call in calls} == {"prepare", "distance"}


@pytest.mark.parametrize(
    ("sure", "wanted"),
    [
        ((0.8, 0.7, 0.9), 1),  # 0.25 is not tried where 0.5 is no better
        ((0.8, 0.81, 0.9), 1),  # hardly better is no reason
        ((0.5, 0.6, 0.5), 0.5),
        ((0.5, 0.6, 0.61), 0.5),
        ((0.3, 0.4, 0.6), 0.25),
    ],
)
def test_where_much_moves_the_scale_that_is_surest_is_taken(session, sure, wanted):
    assert scale_of(session, REACH + 1, sure) == wanted


def test_a_pair_is_judged_once_and_its_frames_are_those_of_its_scale(session, calls):
    pairs = {1: (0, (0.5, 0.5, 0.5)), 0.5: (99, (0.1, 0.3, 0.1)), 0.25: (99, (0.1, 0.3, 0.5))}
    frames = {
        scale: (session.prepare(frame(*what)), session.prepare(frame()))
        for scale, what in pairs.items()
    }
    into = [np.empty(SIZE[::-1], np.float32) for _ in range(3)]
    asked = [(scale, t) for scale in frames for t in (0.25, 0.75)]
    for scale, timestep in asked:
        session.interpolate(*frames[scale], timestep, into)
        assert (into[0] == scale + timestep).all()
        assert session.motion(*frames[scale])[0, 0, 0, 0] == scale
    assert calls.count(("distance",)) == 3


def test_any_order_gives_the_same(calls):
    """More pairs than it keeps, forwards, backwards and each twice."""
    kinds = [
        (8, (0.1, 0.9, 0.9)),
        (99, (0.5, 0.4, 0.3)),
        (99, (0.1, 0.3, 0.2)),
        (99, (0.1, 0.3, 0.5)),
    ]
    told = [kinds[n % 4] for n in (0, 1, 3, 2, 0, 3, 1, 2, 3)]

    def scales(order):
        session = made(calls, pairs=2)
        frames = [session.prepare(frame(*each)) for each in told]
        found = {}
        for n in order:
            scale = session.scale(frames[n], frames[(n + 1) % 9])
            assert found.setdefault(n, scale) == scale
        return found

    wanted = scales(range(9))
    assert set(wanted.values()) == {1, 0.5, 0.25}
    assert scales(reversed(range(9))) == wanted
    assert scales(itertools.chain(*zip(range(9), range(9), strict=True), range(9))) == wanted


def test_a_scale_that_cannot_be_opened_is_left_out_with_a_note(calls):
    def open_at(scale):
        if scale == 0.5:
            raise BackendError("the device is full")
        return Network(scale, calls)

    notes = []
    session = AutoScaleSession(
        open_at, Quarter(1.0, calls, (16, 12)), lambda: 0.025, note=notes.append
    )
    into = [np.empty(SIZE[::-1], np.float32) for _ in range(3)]
    pair = session.prepare(frame(99, (0.1, 0.9, 0.1))), session.prepare(frame())
    session.interpolate(*pair, 0.5, into)
    assert (into[0] == 1.5).all()
    assert notes == ["no network of scale 0.5 for fast motion: the device is full"]


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 9), (62, 45), (64, 48)])
def test_a_quarter_is_the_mean_of_blocks_with_edges_repeated(size):
    plane = np.random.default_rng(1).random(size[::-1], np.float32)
    (got,) = auto_scale.quartered([plane])
    width, height = auto_scale.quarter_size(*size)
    assert got.shape == (height, width)
    for y, x in itertools.product(range(height), range(width)):
        block = [
            plane[min(4 * y + j, size[1] - 1), min(4 * x + i, size[0] - 1)]
            for j, i in itertools.product(range(4), range(4))
        ]
        assert got[y, x] == pytest.approx(np.mean(block), rel=1e-5)


def test_a_pyramid_takes_what_is_surer_by_any_margin():
    assert auto_scale.margin_of(ARCHS["nano"]) == 0 < auto_scale.margin_of(ARCHS["4.25"])
