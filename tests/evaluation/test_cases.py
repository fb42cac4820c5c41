"""Cases tell right from wrong: methods that are right, or wrong in a known way, are found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsrife.errors import MediaError
from vsrife.evaluation.cases import known_motion, matching, moving_cases
from vsrife.evaluation.cases.all_cases import CASES
from vsrife.evaluation.cases.case_films import MARGIN, WAYS, Scene, panned
from vsrife.evaluation.film import Film, Picture
from vsrife.evaluation.methods.all_methods import CLASSICAL, Method

SCENE = Scene(size=(288, 288), small=(192, 128))


def perfect(film: Film) -> Iterator[Picture]:
    return film.truths()


def early(film: Film) -> Iterator[Picture]:
    """The frame before each of those that are asked for."""
    numbers = list(range(film.factor - 1))
    return film.pictures(film.source.std.SelectEvery(film.factor, numbers)[: film.count])


METHODS = {
    "perfect": Method(perfect),
    "early": Method(early),
    "hold": CLASSICAL["hold"],
    "blend": CLASSICAL["blend"],
}


def run(name: str, scene: Scene = SCENE, **more: Method) -> dict[str, dict[str, float]]:
    found = CASES[name].run(METHODS | more, scene)
    # every figure of its table, for every method
    assert all(set(figures) == set(CASES[name].figures) for figures in found.values())
    assert CASES[name].headline[0] in CASES[name].figures
    return found


def test_pans_count_blocks_in_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_cases, "PANS", (16, 32))
    found = moving_cases.pans(METHODS | {"half": Method(half_right)}, SCENE)
    assert found["perfect"] == {"px16": 1, "px32": 1, "least": 1}
    for name in ("early", "hold", "blend"):
        assert max(found[name].values()) < 0.05, name
    # one half of the picture lies right, but for what is near the seam
    assert found["half"]["px16"] == pytest.approx(0.5, abs=0.1)
    assert found["half"]["least"] <= found["half"]["px32"]


def half_right(film: Film) -> Iterator[Picture]:
    """The truth in the left half, the frame before in the right one."""
    for truth, held in zip(film.truths(), CLASSICAL["hold"].run(film), strict=True):
        middle = truth.shape[1] // 2
        yield np.concatenate([truth[:, :middle], held[:, middle:]], 1)


def test_pans_go_over_photographs_where_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too plain to tell a place counts for nothing."""
    monkeypatch.setattr(moving_cases, "PANS", (16,))
    side = 288 + MARGIN
    plain = np.full((side, side, 3), 0.5, np.float32)
    found = moving_cases.pans(METHODS, replace(SCENE, photos=[plain]))
    assert isnan(found["perfect"]["px16"])
    assert isnan(found["perfect"]["least"])
    leaves = known_motion.dead_leaves(side, side, 3)
    found = moving_cases.pans(METHODS, replace(SCENE, photos=[plain, leaves]))
    assert found["perfect"] == {"px16": 1, "least": 1}


def test_a_pan_moves_the_contents_its_way() -> None:
    photo = known_motion.dead_leaves(60 + MARGIN, 40 + MARGIN, 0)
    middle = panned(photo, (60, 40), WAYS["right"], 0)
    assert middle.shape == (40, 60, 3)
    for way, (dx, dy) in WAYS.items():
        moved = panned(photo, (60, 40), WAYS[way], 10)
        across, down = 10 * dx, 10 * dy
        shown = moved[max(0, down) : 40 + min(0, down), max(0, across) : 60 + min(0, across)]
        left = middle[max(0, -down) : 40 + min(0, -down), max(0, -across) : 60 + min(0, -across)]
        assert np.array_equal(shown, left), way


def wrong_way(film: Film) -> Iterator[Picture]:
    """What the fence looks like if it went 27 pixels the other way: bars 18 from their place."""
    (truth,) = film.truths()
    period = known_motion.FENCE_PERIOD // 2
    axis = 0 if np.allclose(truth[:, 70], truth[:, 75], atol=0.2) else 1
    yield np.roll(truth, period, axis)


def test_a_fence_must_go_the_short_way() -> None:
    calls = iter(range(4))

    def once(film: Film) -> Iterator[Picture]:
        """Right to the right, which comes first."""
        return perfect(film) if next(calls) == 0 else early(film)

    found = run("fence", wrong=Method(wrong_way), once=Method(once))
    assert found["once"]["right"] == 0.25
    assert found["once"]["least"] == 0
    assert found["perfect"] == {"right": 1, "least": 1, "psnr": 100}
    for name in ("hold", "blend", "early", "wrong"):
        assert found[name]["right"] == 0, name
    assert found["wrong"]["psnr"] < found["blend"]["psnr"] < 20


def test_bars_and_ground_move_together() -> None:
    ground = known_motion.dead_leaves(64 + MARGIN, 48 + MARGIN, 0)
    for way in WAYS.values():
        draw = moving_cases._fence_along(ground, (64, 48), way)
        moved = np.roll(draw(0), (5 * way[1], 5 * way[0]), (0, 1))
        assert np.allclose(draw(5)[5:-5, 5:-5], moved[5:-5, 5:-5], atol=1e-6), way


def test_a_fence_has_its_period_and_moves_by_parts_of_pixels() -> None:
    white = np.ones((4, 144, 3), np.float32)
    still = known_motion.fence(white, 0)
    assert np.array_equal(still[:, :108], still[:, 36:])
    assert still[0, :13, 0].tolist() == pytest.approx([0.08] * 12 + [1])
    half = known_motion.fence(white, 0.5)
    assert half[0, [0, 1, 11, 12, 13], 0].tolist() == pytest.approx([0.54, 0.08, 0.08, 0.54, 1])
    assert np.allclose(known_motion.fence(white, 4.5 - 36), known_motion.fence(white, 4.5))
    lying = known_motion.fence(np.ones((144, 4, 3), np.float32), 0.5, lying=True)
    assert np.array_equal(lying[:, 0, 0], half[0, :, 0])


def test_still_text_must_stay() -> None:
    def smeared(film: Film) -> Iterator[Picture]:
        """Edges one pixel wider."""
        return ((p + np.roll(p, 1, 1)) / 2 for p in film.truths())

    def fainter(film: Film) -> Iterator[Picture]:
        return (p * np.float32(0.9) for p in film.truths())

    found = run("text", smeared=Method(smeared), fainter=Method(fainter))
    assert found["perfect"] == {"off": 0, "blur": 0, "psnr": 100}
    # half of a step of one pixel is left at each edge
    assert found["smeared"]["blur"] == pytest.approx(0.5, abs=0.1)
    assert found["smeared"]["off"] < 0.01
    assert found["fainter"]["off"] == pytest.approx(0.095, abs=0.001)  # a tenth of 0.95
    assert found["fainter"]["blur"] == pytest.approx(0.1, abs=0.01)
    assert found["hold"]["off"] == 0
    assert found["hold"]["psnr"] < found["blend"]["psnr"] < 100


def test_steps_must_be_even() -> None:
    found = run("evenness")
    assert found["perfect"]["step"] < 0.01
    assert found["perfect"]["place"] < 0.03  # pixels
    # seven frames of eight stand still, then comes the whole way
    assert found["hold"]["step"] == pytest.approx(7, abs=0.02)
    assert found["hold"]["place"] == pytest.approx(21, abs=0.1)
    # all of them come an eighth late: the first step is none, the last is twice as long
    assert found["early"]["step"] == pytest.approx(1, abs=0.02)
    assert found["early"]["place"] == pytest.approx(3, abs=0.05)


def test_every_timestep_counts() -> None:
    only = {name: METHODS[name] for name in ("perfect", "hold")}
    found = CASES["timesteps"].run(only, SCENE)
    assert set(found["perfect"].values()) == {100}
    held = [found["hold"][f"t{k}"] for k in range(1, 8)]
    assert held == sorted(held, reverse=True)  # the later, the farther off
    assert found["hold"]["mean"] == pytest.approx(np.mean(held))


def test_places_are_told_to_parts_of_a_pixel() -> None:
    x = np.arange(96, dtype=np.float32)

    def draw(shift: float) -> matching.Grey:
        line = 0.5 + 0.3 * np.sin((x - shift) / 7) + 0.1 * np.cos((x - shift) / 3.1)
        return np.tile(line.astype(np.float32), (32, 1))

    shifts = [float(s) for s in range(-3, 12)]
    for true in (0, 2.25, 6.5, 8.9):
        assert matching.place_of(draw(true), draw, shifts) == pytest.approx(true, abs=0.03)
    assert matching.place_of(draw(40) * 0 + 0.5, lambda s: draw(0), shifts) <= shifts[-1]


def drawn(path: Path, size: tuple[int, int], paint: Callable[[Image.Image], None]) -> Path:
    picture = Image.new("RGB", size, "black")
    paint(picture)
    picture.save(path)
    return path


def test_a_photograph_is_scaled_and_cut_until_it_covers_the_frame(tmp_path: Path) -> None:
    def paint(picture: Image.Image) -> None:
        picture.paste((255, 0, 0), (30, 0, 70, 50))  # the middle

    file = drawn(tmp_path / "wide.png", (100, 50), paint)
    photo = known_motion.photograph(file, 80, 80)  # scaled by 1.6 to 160x80, 40 cut on each side
    assert photo.shape == (80, 80, 3)
    assert photo.dtype == np.float32
    assert photo[40, 40].tolist() == [1, 0, 0]
    assert photo[40, [3, 76]].tolist() == [[0, 0, 0], [0, 0, 0]]
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match="cannot read the picture"):
        known_motion.photograph(tmp_path / "no.png", 80, 80)
