"""Several new frames at a time: which bytes are the same, and how close the others are."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support import needs
from tests.support.clips import clip_of
from vsrife import rife
from vsrife.media.demo_film import draw

SMALL, LARGE = (64, 48), (480, 272)
# Sums in another order, in fp32, through a whole network, on a drawn film
PICTURE, CONFIDENCE = 1e-4, 1e-6

Frames = list[tuple[np.ndarray, float]]
Make = Callable[..., Frames]


@pytest.fixture(scope="module")
def new_frames(weights: Callable[[], Path]) -> Make:
    """Pictures and confidences of three new frames, all asked for at once."""
    # large ones by a network that is trained
    return functools.cache(functools.partial(_made, {SMALL: weights(), LARGE: "nano"}))


def _made(
    models: dict[tuple[int, int], Path | str], backend: str, size: tuple[int, int], **options: int
) -> Frames:
    width, height = size
    film = [draw(n / 12)[-height:, :width] for n in range(4)]  # what moves fast is below
    clip = clip_of(lambda n: np.moveaxis(film[n], -1, 0), 4)
    made = rife(clip, model=models[size], backend=backend, static_threshold="off", **options)
    waiting = [made.get_frame_async(n) for n in (1, 3, 5)]
    frames = [each.result() for each in waiting]
    return [(np.stack(list(map(np.asarray, f))), f.props["_RifeConfidence"]) for f in frames]


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_with_one_thread_a_frame_has_the_same_bytes_however_many_are_made_at_a_time(
    new_frames: Make, backend: str, size: tuple[int, int]
) -> None:
    needs.package(backend.replace("onnx", "onnxruntime"))
    alone = new_frames(backend, size, threads=1)
    together = new_frames(backend, size, threads=1, num_streams=3)
    for (ours, sure), (theirs, known) in zip(together, alone, strict=True):
        assert np.array_equal(ours, theirs)
        assert sure == known


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_with_other_numbers_of_threads_frames_differ_in_their_last_digits_at_most(
    new_frames: Make, backend: str, size: tuple[int, int]
) -> None:
    needs.package(backend.replace("onnx", "onnxruntime"))
    alone = new_frames(backend, size, threads=1)
    for options in ({"threads": 2}, {"threads": 2, "num_streams": 2}):
        for (ours, sure), (theirs, known) in zip(
            new_frames(backend, size, **options), alone, strict=True
        ):
            assert np.abs(ours - theirs).max() <= PICTURE
            assert abs(sure - known) <= CONFIDENCE


def test_the_small_film_moves() -> None:
    """Else all new frames would be equal, whatever the network does."""
    assert np.abs(draw(0.0)[-48:, :64] - draw(1 / 12)[-48:, :64]).max() > 0.1
