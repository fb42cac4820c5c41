"""A wider network begins as the narrower one whose weights it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from tests.support.narrow import PYRAMID
from vsrife.network import build
from vsrife.network.table import ARCHS, PYRAMIDS, TRAINABLE
from vsrife.training.first_weights import make
from vsrife.training.widened import widened

WIDER = replace(
    PYRAMID,
    features=(8, 8, 16, 16, 48),
    views=(16, 8, 24),
    meetings=(32, 16, 8),
    widths=(48, 32, 16, 32),
    convs=(3, 2, 2, 2),
    last=(32, 2),
)


@pytest.fixture(autouse=True)
def rows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for table in (ARCHS, PYRAMIDS, TRAINABLE):
            patch.setitem(table, "nano", PYRAMID)
            patch.setitem(table, "small", WIDER)
        yield


def picture(name: str, state: dict[str, torch.Tensor]) -> torch.Tensor:
    torch.manual_seed(4)
    left, right = F.interpolate(torch.rand(2, 3, 8, 12), scale_factor=8, mode="bilinear")[:, None]
    with torch.inference_mode():
        made: torch.Tensor = build(name, state_dict=state)(left, right, 0.3)
    return made


def test_the_wider_network_gives_nearly_the_same_picture() -> None:
    torch.manual_seed(1)
    narrow, first = make("nano").state_dict(), make("small").state_dict()
    state, taken = widened(narrow, first)
    assert taken == len(narrow)
    assert {key: value.shape for key, value in state.items()} == {
        key: value.shape for key, value in first.items()
    }
    wanted = picture("nano", narrow)
    near = (picture("small", state) - wanted).abs().mean()
    assert near < 0.1 * (picture("small", first) - wanted).abs().mean()


def test_old_numbers_stay_and_views_keep_their_sides() -> None:
    narrow, first = make("nano").state_dict(), make("small").state_dict()
    state, _ = widened(narrow, first)
    key = "last.views.weight"
    old, new = narrow[key], state[key]
    half = WIDER.views[0]
    assert torch.equal(new[:16, :8], old[:, :8])
    assert torch.equal(new[:16, half : half + 8], old[:, 8:])
    assert 0 < new[:16, 8:half].abs().max() < old.abs().max()
    assert torch.equal(new[16:], first[key][16:])


def test_what_is_larger_is_left_out() -> None:
    wide, first = make("small").state_dict(), make("nano").state_dict()
    state, taken = widened(wide, first)
    same = [key for key in first if wide[key].shape == first[key].shape]
    assert taken == len(same) < len(first)
    assert all(torch.equal(state[key], wide[key]) for key in same)


def test_blocks_of_which_nothing_is_known_keep_their_first_weights() -> None:
    narrow, first = make("nano").state_dict(), make("small").state_dict()
    encoder = {key: value for key, value in narrow.items() if key.startswith("encode.")}
    state, taken = widened(encoder, first)
    assert taken == len(encoder)
    blocks = [key for key in first if not key.startswith("encode.")]
    assert all(torch.equal(state[key], first[key]) for key in blocks)


def test_a_network_of_another_kind_gives_nothing() -> None:
    first = make("nano").state_dict()
    state, taken = widened(build("4.25").state_dict(), first)
    assert taken == 0
    assert state.keys() == first.keys()
