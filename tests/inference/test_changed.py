"""The network sees what changes, once per pair; all else is the left frame's."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vsrife.errors import BackendError, ModelError
from vsrife.inference import select
from vsrife.inference.base import Hardware, Rhythm
from vsrife.inference.sessions import changed
from vsrife.inference.sessions.changed import ChangedSession
from vsrife.inference.sessions.regions import NOTHING, Layout, Region, crop

LAYOUT = Layout(128, 96, 32, 8)
WHOLE = (128, 96)


class Blender:
    """Stands in for a network: a blend, and 0.1 more, in the size for which it was opened."""

    tells = frozenset({"confidence", "motion"})

    def __init__(self, size, calls, sure=0.5):
        self.size, self.calls, self.sure = size, calls, sure

    def prepare(self, planes):
        assert all(plane.shape == self.size[::-1] for plane in planes)
        self.calls.append(("prepare", self.size))
        return [np.array(plane) for plane in planes]

    def interpolate(self, left, right, timestep, into, rhythm=None):
        self.calls.append(("new", self.size, timestep, rhythm))
        for a, b, target in zip(left, right, into, strict=True):
            target[:] = blend(a, b, timestep)
        return self.sure

    def motion(self, left, right):
        self.calls.append(("motion", self.size))
        return np.ones((1, 1, 12, 16))


def blend(left, right, timestep):
    return left + np.float32(timestep) * (right - left) + np.float32(0.1)


@pytest.fixture
def calls():
    return []


@pytest.fixture
def session(calls):
    return made(calls)


def made(calls, **options):
    def open_part(width, height):
        calls.append(("open", (width, height)))
        return Blender((width, height), calls)

    return ChangedSession(Blender(WHOLE, calls), lambda: LAYOUT, open_part, **options)


def frames(*places, planes=3, low=0.0, high=0.8):
    """Two frames that differ in pixels (y, x) of the last plane."""
    draw = np.random.default_rng(5)
    left = [draw.uniform(low, high, WHOLE[::-1]).astype(np.float32) for _ in range(planes)]
    right = [plane.copy() for plane in left]
    for y, x in places:
        right[-1][y, x] += 0.25
    return left, right


def new_frame(session, left, right, timestep=0.5):
    pair = session.prepare(left), session.prepare(right)
    into = [np.full(WHOLE[::-1], 9, np.float32) for _ in left]
    return into, session.interpolate(*pair, timestep, into), session.region(*pair)


@pytest.mark.parametrize("planes", [3, 4])
def test_a_new_frame_is_the_networks_where_something_changes_and_else_the_left_one(
    session, calls, planes
):
    left, right = frames((40, 60), planes=planes)
    into, _, region = new_frame(session, left, right, 0.25)
    assert region[2:] in LAYOUT.sizes
    rows, columns = slice(region.y, region.bottom), slice(region.x, region.right)
    for number, plane in enumerate(into):
        assert plane[40, 60] == blend(left[number], right[number], 0.25)[40, 60]
        outside = np.ones_like(plane, bool)
        outside[rows, columns] = False
        assert np.array_equal(plane[outside], left[number][outside])
        assert not np.array_equal(plane[~outside], left[number][~outside])
    assert ("new", WHOLE, 0.25, None) not in calls
    assert ("prepare", WHOLE) not in calls


@pytest.mark.parametrize("places", [[(0, 0), (95, 127)], [(10, 10), (80, 110)]])
def test_where_the_change_is_large_the_frame_is_the_whole_networks(session, calls, places):
    left, right = frames(*places)
    into, sure, region = new_frame(session, left, right)
    assert (sure, region) == (0.5, None)
    assert all(
        np.array_equal(plane, blend(a, b, 0.5))
        for plane, a, b in zip(into, left, right, strict=True)
    )
    assert calls == [("prepare", WHOLE), ("prepare", WHOLE), ("new", WHOLE, 0.5, None)]


def test_equal_frames_give_the_left_one_without_any_network(session, calls):
    left, right = frames()
    into, sure, region = new_frame(session, left, right)
    assert (sure, region, calls) == (1.0, NOTHING, [])
    assert all(np.array_equal(plane, a) for plane, a in zip(into, left, strict=True))
    assert session.counts == (0, 128 * 96)


def test_frames_within_the_threshold_give_the_left_one(calls):
    left, right = frames((40, 60), (70, 10))
    into, _, region = new_frame(made(calls, threshold=0.3), left, right)
    assert region == NOTHING
    assert all(np.array_equal(plane, a) for plane, a in zip(into, left, strict=True))


def test_a_pair_is_prepared_once_for_all_timesteps_and_a_size_opened_once(session, calls):
    draws = [frames((40, 60))[0], frames((40, 60))[1], frames((41, 60), (40, 60))[1]]
    prepared = [session.prepare(planes) for planes in draws]
    into = [np.empty(WHOLE[::-1], np.float32) for _ in range(3)]
    for left, right in ((0, 1), (1, 2), (0, 1)):
        for timestep in (0.25, 0.5, 0.75):
            session.interpolate(prepared[left], prepared[right], timestep, into)
    sizes = {call[1] for call in calls}
    assert len(sizes) == 1
    assert [call[0] for call in calls].count("open") == 1
    assert [call[0] for call in calls].count("prepare") == 4
    (width, height) = sizes.pop()
    assert session.counts == (9 * width * height, 9 * 128 * 96)
    assert session.counts.share == pytest.approx(width * height / (128 * 96))


def test_a_whole_frame_is_prepared_once_for_both_of_its_pairs(session, calls):
    first, second = frames((0, 0), (95, 127))
    prepared = [session.prepare(planes) for planes in (first, second, first)]
    into = [np.empty(WHOLE[::-1], np.float32) for _ in range(3)]
    for left, right in itertools.pairwise(prepared):
        session.interpolate(left, right, 0.5, into)
    assert [call[0] for call in calls].count("prepare") == 3


def test_confidence_is_the_mean_of_what_was_computed_and_of_certainty(session):
    _, sure, region = new_frame(session, *frames((40, 60)))
    share = region.width * region.height / (128 * 96)
    assert sure == pytest.approx(0.5 * share + 1 - share)


def test_the_cadence_is_found_in_the_whole_picture(session, calls):
    left, right = frames((40, 60))
    pair = session.prepare(left), session.prepare(right)
    rhythm = Rhythm(None, session.motion(*pair), None)
    into = [np.empty(WHOLE[::-1], np.float32) for _ in range(3)]
    assert session.interpolate(*pair, 0.5, into, rhythm) == 0.5
    assert np.array_equal(into[0], blend(left[0], right[0], 0.5))
    assert {call[1] for call in calls} == {WHOLE}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 5.0, -3.0])
def test_clamped_frames_stay_in_range_where_nothing_is_computed(calls, value):
    left, right = frames((40, 60), low=-0.5, high=1.5, planes=4)
    for plane in (*left, *right):
        plane[3, 3] = value
    into, _, region = new_frame(made(calls, clamp=True), left, right)
    assert region not in (None, NOTHING)
    assert region.y > 3 or region.x > 3
    for plane, source in zip(into[:3], left, strict=False):
        assert np.isfinite(plane).all()
        wanted = np.nan_to_num(source, nan=0, posinf=1, neginf=0).clip(0, 1)
        assert np.array_equal(plane[:, 127], wanted[:, 127])
        assert plane[3, 3] == wanted[3, 3]
    assert left[0][3, 3] == pytest.approx(value, nan_ok=True)  # the caller's own


def test_unclamped_frames_keep_what_goes_beyond(calls):
    left, right = frames((40, 60), low=-0.5, high=1.5)
    into, _, region = new_frame(made(calls), left, right)
    assert region.right < 128
    assert np.array_equal(into[0][:, 127], left[0][:, 127])
    assert into[0].min() < 0 < 1 < into[0].max()


def test_a_size_that_cannot_be_opened_is_said_once_and_made_by_the_whole_network(calls):
    said = []

    def refuse(width, height):
        raise BackendError("out of memory")

    session = ChangedSession(Blender(WHOLE, calls), lambda: LAYOUT, refuse, note=said.append)
    left, right = frames((40, 60))
    for _ in range(2):
        into, sure, region = new_frame(session, left, right)
        assert (sure, region) == (0.5, None)
        assert np.array_equal(into[0], blend(left[0], right[0], 0.5))
    assert len(said) == 1
    assert "out of memory" in said[0]


def test_another_error_reaches_the_frame_and_is_not_kept(calls):
    broken = [ModelError("gone"), None]

    def open_part(width, height):
        error = broken.pop(0)
        if error:
            raise error
        return Blender((width, height), calls)

    session = ChangedSession(Blender(WHOLE, calls), lambda: LAYOUT, open_part)
    left, right = frames((40, 60))
    with pytest.raises(ModelError, match="gone"):
        new_frame(session, left, right)
    assert new_frame(session, left, right)[2] is not None


def test_many_threads_open_one_session_and_prepare_a_pair_once(session, calls):
    left, right = (session.prepare(planes) for planes in frames((40, 60)))
    together = threading.Barrier(4, timeout=60)

    def ask(number):
        into = [np.empty(WHOLE[::-1], np.float32) for _ in range(3)]
        together.wait()
        session.interpolate(left, right, (number + 1) / 9, into)
        return into[0].tobytes()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    kinds = [call[0] for call in calls]
    assert (kinds.count("open"), kinds.count("prepare"), kinds.count("new")) == (1, 2, 4)
    again = [np.empty(WHOLE[::-1], np.float32) for _ in range(3)]
    session.interpolate(left, right, 3 / 9, again)
    assert again[0].tobytes() == found[2]


@pytest.mark.parametrize(
    ("backend", "hardware", "gpus", "wanted"),
    [
        (None, Hardware(), (), True),
        (None, Hardware(), ("pytorch",), False),
        ("pytorch", Hardware(), ("pytorch",), False),
        ("openvino", Hardware(), ("pytorch",), True),
        (None, Hardware(device="CPU"), ("pytorch",), True),
        ("pytorch", Hardware(device="cuda:1"), (), False),
        (None, Hardware(device="gpu"), (), False),
        ("mlrt", Hardware(), (), False),
        (None, Hardware(provider="cpu"), ("pytorch",), True),
        (None, Hardware(provider="cuda,cpu"), (), False),
    ],
)
def test_it_is_on_where_the_network_runs_on_a_cpu(monkeypatch, backend, hardware, gpus, wanted):
    monkeypatch.setattr(select, "_with_gpu", lambda: gpus)
    assert select.on_cpu(backend, hardware) is wanted


@pytest.mark.parametrize(
    ("model", "scale", "unit", "margin"),
    [
        ("4.25", 1.0, 64, 16),
        ("4.25", 0.5, 128, 32),
        ("4.25.lite", 1.0, 128, 16),
        ("a/b.pkl", 2, 64, 16),
    ],
)
def test_regions_have_the_sides_that_the_network_takes(model, scale, unit, margin):
    layout = changed.layout_of(1920, 1080, model, scale)
    assert (layout.unit, layout.margin) == (unit, margin)
    assert crop([np.zeros((1080, 1920))], Region(0, 960, unit, unit))[0].shape == (unit, unit)
