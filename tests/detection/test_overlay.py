"""Half-transparent overlays over pans whose every layer is known."""

import numpy as np
import pytest

from vsrife.detection import overlay
from vsrife.detection.ground import Shift
from vsrife.detection.overlay import Box
from vsrife.detection.suspects import boxes, suspects
from vsrife.evaluation.cases.known_motion import dead_leaves

HEIGHT, WIDTH, FRAMES = 96, 144, 12
WAYS = {"right": (6, 0), "left": (-6, 0), "down": (0, 5), "up": (0, -5), "both": (4, 3)}
BOX = Box(8, 12, 48, 32)
COLOUR = np.array([1.0, 0.9, 0.4], np.float32)
LEAVES = dead_leaves(WIDTH + 80, HEIGHT + 80, 5)


def logo(opacity):
    """(H, W): a ring and a bar with soft edges."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    ring = 3 - np.abs(np.hypot(x - 24, y - 28) - 8)
    bar = np.minimum(3.5 - np.abs(x - 42), 9 - np.abs(y - 28))
    return np.clip(np.maximum(ring, bar), 0, 1).astype(np.float32) * np.float32(opacity)


def film(way, opacity=0.5, *, shown=range(FRAMES), grain=0.0):
    """Frames with the logo in those of `shown`, the grounds alone, and their places."""
    rng, frames, grounds, places = np.random.default_rng(1), [], [], []
    for n in range(FRAMES):
        x, y = (side * n for side in WAYS[way])
        left = 40 - x + (33 if WAYS[way][0] > 0 else -33 if WAYS[way][0] < 0 else 0)
        top = 40 - y + (27 if WAYS[way][1] > 0 else -27 if WAYS[way][1] < 0 else 0)
        ground = LEAVES[top : top + HEIGHT, left : left + WIDTH].astype(np.float32)
        cover = logo(opacity if n in shown else 0)[..., None]
        picture = (1 - cover) * ground + cover * COLOUR
        picture = picture + rng.normal(0, grain, picture.shape)
        frames.append((np.round(picture * 255) / 255).astype(np.float32))
        grounds.append(ground)
        places.append(Shift(float(x), float(y)))
    return frames, grounds, places


def suspect():
    return np.pad(logo(1) > 0, 3)[3:-3, 3:-3][BOX.inside]


def estimated(frames, places, mask=None):
    return overlay.estimate(frames, places, BOX, suspect() if mask is None else mask, (5, 6))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("opacity", [0.3, 0.5, 0.7])
def test_opacity_colour_and_ground_are_those_that_were_drawn(way, opacity):
    frames, grounds, places = film(way, opacity)
    found = estimated(frames, places)
    cover = logo(opacity)[BOX.inside]
    assert found is not None
    assert np.sqrt(np.mean((found.opacity - cover) ** 2)) < 0.02
    assert np.sqrt(np.mean((found.colour - cover[..., None] * COLOUR) ** 2)) < 0.02
    for ground, n in zip(found.grounds, (5, 6), strict=True):
        truth = grounds[n][BOX.inside]
        error = np.mean((ground - truth) ** 2)
        assert error < 0.01 * np.mean((frames[n][BOX.inside] - truth) ** 2)
        # what was taken off and is put back is the picture
        back = (1 - found.opacity[..., None]) * ground + found.colour
        assert np.abs(back - frames[n][BOX.inside]).max() < 0.03


def test_grain_hides_little_of_it():
    frames, grounds, places = film("right", grain=2 / 255)
    found = estimated(frames, places)
    assert found is not None
    truth = grounds[5][BOX.inside]
    error = np.mean((found.grounds[0] - truth) ** 2)
    assert error < 0.03 * np.mean((frames[5][BOX.inside] - truth) ** 2)


def test_where_nothing_is_sure_nothing_is_found():
    frames, grounds, places = film("right")
    assert estimated(frames, places) is not None  # the others differ from this in one thing each
    wrong = [Shift(0.7 * place.x, place.y + 3) for place in places]
    cases = {
        "no overlay": (grounds, places, suspect()),
        "an opaque one": (*film("right", 1.0)[::2], suspect()),
        "one that comes late": (*film("right", shown=range(6, FRAMES))[::2], suspect()),
        "a ground that moves otherwise": (frames, wrong, suspect()),
        "hardly any": (*film("right", 0.04)[::2], suspect()),
    }
    found = {name: estimated(*case) for name, case in cases.items()}
    assert [name for name, each in found.items() if each is not None] == []


def test_the_ground_under_a_box_comes_from_its_region_alone():
    frames, _, places = film("both")
    region = overlay.region(BOX, places, (HEIGHT, WIDTH))
    local = BOX._replace(x=BOX.x - region.x, y=BOX.y - region.y)
    whole = estimated(frames, places)
    part = overlay.estimate(
        [frame[region.inside] for frame in frames], places, local, suspect(), (5, 6)
    )
    assert whole is not None
    assert part is not None
    assert part.grounds[0] == pytest.approx(whole.grounds[0], abs=1e-5)
    assert region.width * region.height < 0.8 * WIDTH * HEIGHT


@pytest.mark.parametrize("way", WAYS)
def test_suspects_are_where_the_logo_is_and_its_box_holds_all(way):
    frames, grounds, places = film(way)
    found = suspects(frames, places)
    assert found[logo(1) > 0.5].mean() > 0.5
    assert found[logo(1) == 0].mean() < 0.01
    (box,) = boxes(found)
    ys, xs = np.nonzero(logo(1))
    assert box.x <= xs.min() <= xs.max() < box.x + box.width
    assert box.y <= ys.min() <= ys.max() < box.y + box.height
    assert not boxes(suspects(grounds, places))


def test_boxes_are_of_what_belongs_together_the_largest_first():
    mask = np.zeros((100, 200), bool)
    mask[10:20, 10:30] = mask[60:90, 150:170] = True
    mask[50, 100] = True  # a single one is nothing
    small, large = Box(4, 4, 32, 24), Box(140, 52, 40, 48)
    assert boxes(mask) == [large, small]
    assert boxes(np.ones((64, 64), bool)) == []  # a whole picture is no overlay
    assert boxes(mask[:1] & False) == []


def test_a_logo_as_bright_as_its_ground_is_suspect_by_its_colour():
    _, grounds, places = film("right")
    orange = np.array([0.12, -0.12 * 0.299 / 0.587, 0], np.float32)
    frames = [ground + logo(1)[..., None] * orange for ground in grounds]
    luma = np.array([[0.299], [0.587], [0.114]], np.float32)
    assert not boxes(suspects([frame @ luma for frame in frames], places))
    (box,) = boxes(suspects(frames, places))
    ys, xs = np.nonzero(logo(1))
    assert box.x <= xs.min() <= xs.max() < box.x + box.width
    assert box.y <= ys.min() <= ys.max() < box.y + box.height
