"""tta: the mean of frames that were made mirrored and backwards in time, put back in place."""

import numpy as np
import pytest

from vsrife.inference.base import Rhythm
from vsrife.inference.sessions.tta import WAYS, TtaSession

SIZE = (24, 16)


class Leaning:
    """Stands in for a network that errs: it leans to the right and towards the left frame."""

    tells = frozenset({"confidence", "motion"})

    def __init__(self):
        self.asked = []
        self.prepared = 0

    def prepare(self, planes):
        self.prepared += 1
        return [np.array(plane) for plane in planes]

    def interpolate(self, left, right, timestep, into, rhythm=None):
        self.asked.append((timestep, rhythm))
        lean = np.linspace(-0.1, 0.1, SIZE[0], dtype=np.float32)
        for a, b, target in zip(left, right, into, strict=True):
            target[:] = a + np.float32(timestep - 0.05) * (b - a) + lean
        return 0.5 + timestep / 10

    def motion(self, left, right):
        return np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)  # one column is padding


def planes_of(seed, count=3):
    draw = np.random.default_rng(seed)
    return [draw.random(SIZE[::-1], np.float32) for _ in range(count)]


def frame_of(session, left, right, timestep, rhythm=None):
    into = [np.full_like(plane, 9) for plane in left]
    pair = session.prepare(left), session.prepare(right)
    sure = session.interpolate(*pair, timestep, into, rhythm)
    return np.stack(into), sure


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("way", WAYS)
def test_errors_that_depend_on_the_way_cancel_out(way, count):
    left, right = planes_of(1, count), planes_of(2, count)
    truth = np.stack(left) + np.float32(0.25) * (np.stack(right) - np.stack(left))
    network = Leaning()
    got, sure = frame_of(TtaSession(network, WAYS[way], SIZE), left, right, 0.25)
    lean = 0 if way in ("flip", "both") else np.linspace(-0.1, 0.1, SIZE[0])
    early = 0 if way in ("time", "both") else -0.05
    wanted = truth + lean + early * (np.stack(right) - np.stack(left))
    assert np.abs(got - wanted).max() < 1e-6
    backwards = way in ("time", "both")
    assert sorted({asked[0] for asked in network.asked}) == ([0.25, 0.75] if backwards else [0.25])
    assert len(network.asked) == len(WAYS[way])
    assert sure == pytest.approx(0.55 if backwards else 0.525)
    assert network.prepared == (2 if way == "time" else 4)  # a pair, and its mirror image


def test_the_cadence_is_seen_the_way_the_frame_is_made():
    network = Leaning()
    session = TtaSession(network, WAYS["both"], SIZE)
    maps = [network.motion(None, None) + 10 * k for k in range(3)]
    frame_of(session, planes_of(1), planes_of(2), 0.25, Rhythm(*maps))
    seen = [asked[1] for asked in network.asked]
    for way, rhythm in zip(WAYS["both"], seen, strict=True):
        order = maps[::-1] if way.backwards else maps
        for cells, got in zip(order, rhythm, strict=True):
            # three columns are of the picture, 24 pixels wide
            wanted = cells[..., :3][..., ::-1] if way.mirrored else cells
            assert np.array_equal(got, wanted)


def test_ends_of_a_clip_stay_ends():
    network = Leaning()
    cells = network.motion(None, None)
    session = TtaSession(network, WAYS["both"], SIZE)
    frame_of(session, planes_of(1), planes_of(2), 0.25, Rhythm(None, cells, cells))
    for way, (_, rhythm) in zip(WAYS["both"], network.asked, strict=True):
        ends = (rhythm.before is None, rhythm.after is None)
        assert ends == ((False, True) if way.backwards else (True, False))
