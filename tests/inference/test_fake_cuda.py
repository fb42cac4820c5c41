"""What the device path asks of CUDA, without one: all tensors are on the device, and between what
goes up and what comes down nothing crosses over and nothing is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException

from tests.support.fake_cuda import DEVICE, Crossings, fake_tensors, moved
from vsrife.images.frames.tensors import OnDevice
from vsrife.inference.base import Rhythm, Settings
from vsrife.inference.device_path import maker
from vsrife.inference.device_path.maker import Job, Maker, Wanted
from vsrife.inference.source_planes import AS_THEY_ARE, Coding, Span, Subsampling
from vsrife.network import build
from vsrife.network.table import ARCHS, CADENCE_CELL, TRIPLES

TYPES = [torch.float32, torch.float16]
BT709 = ((0.2126, 0.7152, 0.0722), (-0.1146, -0.3854, 0.5), (0.5, -0.4542, -0.0458))
ROWS = [name for name, row in ARCHS.items() if not row.rescales]
QUICK = ("4.6", "4.25", "nano")


def network(name: str, dtype: torch.dtype) -> Any:
    net = build(name).eval()
    with fake_tensors():
        return moved(net, dtype)


def frames(net: Any, channels: int = 3) -> list[Tensor]:
    side = 2 * net.pad_unit
    return [torch.empty(1, channels, side, side, device=DEVICE) for _ in range(2)]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in ROWS],
)
def test_a_network_stays_on_its_device_and_waits_for_nothing(name, dtype):
    net = network(name, dtype)
    with fake_tensors(), torch.inference_mode(), Crossings() as crossings:
        left, right = (net.prepare(image) for image in frames(net))
        matched = net.match(left, right)
        time, outcome = torch.empty(1, 1, 1, 1, device=DEVICE), []
        image = net.interpolate(left, right, time, outcome=outcome, matched=matched)
        confidence, flow = outcome[0]
    assert {each.device for each in (image, confidence, flow)} == {DEVICE}
    assert crossings.found == []


@pytest.mark.parametrize("name", [name for name in ARCHS if name not in ROWS])
def test_networks_that_look_at_what_they_found_are_seen_to_wait(name):
    net = network(name, torch.float32)
    with fake_tensors(), torch.inference_mode():
        left, right = (net.prepare(image) for image in frames(net))
        with pytest.raises(DataDependentOutputException):
            net.interpolate(left, right, torch.empty(1, 1, 1, 1, device=DEVICE))


class Staged:
    """Staging whose copies are the only ones."""

    def up(self, held: Sequence[Tensor]) -> list[Tensor]:
        return [each.to(DEVICE) for each in held]

    def down(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        assert {each.device for each in tensors} == {DEVICE}
        return list(tensors)


class Strict:
    """Calls work at once, and lets nothing cross over in it."""

    def run(self, key: Any, work: Any, inputs: Sequence[Tensor]) -> list[Tensor]:
        with Crossings() as crossings:
            found = work(inputs)
        assert crossings.found == []
        assert {each.device for each in (*inputs, *found)} == {DEVICE}
        return list(found)


CODINGS = {
    "grey of 16 bits": (Coding(1, 16, Span(0, 65535)), [torch.int16]),
    "RGB of 8 bits": (Coding(3, 8, Span(0, 255)), [torch.uint8] * 3),
    "RGB half": (Coding(3, None), [torch.float16] * 3),
    "RGB and alpha": (Coding(3, None), [torch.float32] * 4),
    "4:2:0 of 10 bits": (
        Coding(3, 10, Span(64, 876), Span(512, 896), BT709, Subsampling(2, -1), Subsampling(2, 0)),
        [torch.int16] * 3,
    ),
    "4:2:2 of floats": (
        Coding(3, None, AS_THEY_ARE, AS_THEY_ARE, BT709, Subsampling(2, -1)),
        [torch.float32] * 3,
    ),
    "4:1:0 with alpha": (
        Coding(3, 8, Span(16, 219), Span(128, 224), BT709, Subsampling(4, 0), Subsampling(4, 0)),
        [torch.uint8] * 3 + [torch.float32],
    ),
}


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setattr(maker, "staging_of", lambda device: Staged())
    monkeypatch.setattr(maker, "replays_of", lambda device, note: Strict())
    monkeypatch.setattr(maker, "bytes_for_frames", lambda device: 2 << 30)


def planes(coding: Coding, kinds: Sequence[torch.dtype], width: int, height: int) -> list[Tensor]:
    """On the host."""
    found = []
    for number, kind in enumerate(kinds):
        chroma = coding.to_yuv is not None and number in (1, 2)
        rows = height // coding.down.factor if chroma else height
        columns = width // coding.across.factor if chroma else width
        found.append(torch.empty(rows, columns, dtype=kind))
    return found


@pytest.mark.parametrize(
    ("half", "clamp", "rhythm"),
    [(True, True, False), (True, False, False), (False, True, True)],
    ids=["fp16", "fp16 unclamped", "fp32 with rhythm"],
)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("name", ["4.6", "nano"])
def test_frames_are_made_where_they_went_up(name, coding, half, clamp, rhythm, strict):
    coding, kinds = CODINGS[coding]
    width, height = 72, 40
    dtype = torch.float16 if half else torch.float32
    net = network(name, dtype)
    settings = Settings(Path(), name, 1.0, False, half, clamp, width, height)
    wanted = Wanted(coding, kinds[0])
    with fake_tensors(), torch.inference_mode():
        own = Maker(net, settings, DEVICE, dtype)
        left, right = (own.upload(planes(coding, kinds, width, height), coding) for _ in range(2))
        jobs = [Job(left, right, time, wanted) for time in (0.25, 0.5, 0.75)]
        cells = np.zeros((1, 1, -(-height // CADENCE_CELL), -(-width // CADENCE_CELL)), np.float32)
        uneven = Rhythm(None, cells, cells) if rhythm else None
        for made in own.make(jobs, uneven):
            *found, sure = made
            sides = [tuple(each.shape) for each in planes(coding, kinds, width, height)]
            assert [tuple(each.shape) for each in found] == sides
            assert [each.dtype for each in found] == kinds
            assert sure.shape == ()


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tensors_of_programs_stay_where_they_are(channels, half):
    net = network("nano", torch.float16 if half else torch.float32)
    session = SimpleNamespace(
        tells=(), _device=DEVICE, _net=net, _padding=(0, 56, 0, 24), _width=72, _height=40,
        _dtype=torch.float16 if half else torch.float32,
    )  # fmt: skip
    renderer = OnDevice(session, confidence=False)
    with fake_tensors(), torch.inference_mode(), Crossings() as crossings:
        pair = [torch.empty(channels, 40, 72, device=DEVICE) for _ in range(2)]
        left, right = (renderer.prepare(each) for each in pair)
        new, _ = renderer.make(left, right, 0.3, pair[0])
    assert new.device == DEVICE
    assert new.shape == pair[0].shape
    assert crossings.found == []


@pytest.mark.parametrize("name", TRIPLES)
def test_networks_of_three_frames_too(name):
    net = network(name, torch.float32)
    with fake_tensors(), torch.inference_mode(), Crossings() as crossings:
        pictures = frames(net, 9)
        left, right = (net.prepare(image[:, :3]) for image in pictures)
        time = torch.empty(1, 1, 1, 1, device=DEVICE)
        image = net.interpolate(left, right, time, pictures=tuple(pictures))
    assert image.device == DEVICE
    assert crossings.found == []
