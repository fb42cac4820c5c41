"""The warp that is one kernel beside the one of many calls: in Triton's interpreter, on the CPU."""

import importlib
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from tests.golden.formula import make_state
from tests.support.fake_cuda import fake_tensors
from vsrife import interpolate
from vsrife.inference.device_path import fused_trial, ways
from vsrife.inference.device_path.ways import Ways
from vsrife.network import build
from vsrife.network.operations.torch import fused_warp
from vsrife.network.operations.torch.torch_operations import TorchOperations

KERNEL = "vsrife.network.operations.torch.fused_warp_kernel"
# pictures, channels, height, width; pixels of motion
SHAPES = {
    "one pair": ((1, 3, 20, 36), 15),
    "a batch of features, wide": ((3, 7, 24, 40), 15),
    "far out": ((2, 3, 16, 24), 300),
    "one line": ((2, 1, 1, 5), 3),
    "one pixel": ((1, 4, 1, 1), 3),
}


@pytest.fixture
def interpreted(monkeypatch):
    """Triton's interpreter, until the test ends."""
    pytest.importorskip("triton")
    caches = fused_warp._kernel, fused_trial.fault

    def forget():
        sys.modules.pop(KERNEL, None)
        for cache in caches:
            cache.cache_clear()

    forget()
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    yield
    forget()


def drawn(shape, most):
    numbers = torch.Generator().manual_seed(1)
    n, channels, height, width = shape
    pair, bends, flow = (
        torch.rand((count, planes, height, width), generator=numbers)
        for count, planes in ((2 * n, channels), (2 * n, 2), (n, 4))
    )
    return pair, bends, (2 * flow - 1) * most, TorchOperations((width, height))


@pytest.mark.parametrize(("shape", "most"), SHAPES.values(), ids=SHAPES)
def test_it_gives_what_many_calls_give(interpreted, shape, most):
    pair, bends, flow, ops = drawn(shape, most)
    assert (fused_warp.warp(pair, flow) - ops.warp(pair, flow)).abs().max() < 1e-4
    sharp = ops.warp_sharp(pair, bends, flow, 3)
    assert (fused_warp.warp(pair, flow, bends) - sharp).abs().max() < 1e-4


@pytest.mark.cuda
@pytest.mark.parametrize(("shape", "most"), SHAPES.values(), ids=SHAPES)
def test_a_gpu_gives_it_too(shape, most):
    pytest.importorskip("triton")
    device = torch.device("cuda")
    pair, bends, flow, ops = drawn(shape, most)
    sharp = ops.warp_sharp(pair, bends, flow, 3)
    made = fused_warp.warp(*(x.to(device) for x in (pair, flow, bends)))
    assert (made.cpu() - sharp).abs().max() < 1e-4


def test_pictures_keep_their_type_and_places_are_exact(interpreted):
    pair, _, flow, ops = drawn((1, 3, 8, 2048), 15)
    made = fused_warp.warp(pair.half(), flow)
    assert made.dtype == torch.float16
    assert (made.float() - ops.warp(pair, flow)).abs().max() < 1e-3  # fp16 places would be off by 1


def test_whole_frames_count_not_how_they_lie_in_memory(interpreted):
    pair, _, flow, ops = drawn((1, 3, 12, 16), 4)
    lying = pair.to(memory_format=torch.channels_last), flow.to(memory_format=torch.channels_last)
    assert (fused_warp.warp(*lying) - ops.warp(pair, flow)).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["nano", "4.25"])
def test_a_network_with_fused_warps_makes_the_same_picture(interpreted, name):
    net = build(name, state_dict=make_state(name))
    images = torch.rand((2, 1, 3, 64, 64), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        plain = net(*images, 0.4)
        net.fused = True
        assert (net(*images, 0.4) - plain).abs().max() < 1e-4


def test_a_trial_says_that_it_works(interpreted):
    assert fused_trial.fault(torch.device("cpu")) == ""


def test_a_trial_says_why_not(monkeypatch):
    fused_trial.fault.cache_clear()

    def broken():
        raise RuntimeError("Failed to find C compiler.\nSet CC")

    monkeypatch.setattr(fused_warp, "_kernel", broken)
    assert fused_trial.fault(torch.device("cpu")) == "RuntimeError: Failed to find C compiler."
    monkeypatch.setattr(fused_warp, "warp", lambda pair, flow: pair)
    fused_trial.fault.cache_clear()
    assert fused_trial.fault(torch.device("cpu")).startswith("a trial was 0.")
    fused_trial.fault.cache_clear()


@pytest.mark.parametrize("count", [None, 1])  # Triton makes a kernel of its own for one pair
@pytest.mark.parametrize("kind", ["fp32", "fp16"])
@pytest.mark.parametrize("sharp", [False, True])
def test_it_compiles_for_gpus(kind, sharp, count, monkeypatch, tmp_path):
    triton = pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    sys.modules.pop(KERNEL, None)
    types = {"pair": f"*{kind}", "bends": "*fp32", "flow": "*fp32", "out": f"*{kind}"}
    types |= dict.fromkeys(("count", "height", "width"), "i32")
    known = {"channels": 3, "sharp": sharp, "block": fused_warp._BLOCK}
    known |= {} if count is None else {"count": count}
    kernel = importlib.import_module(KERNEL).warp_kernel
    source = ASTSource(kernel, types | dict.fromkeys(known, "constexpr"), constexprs=known)
    compiled = triton.compile(source, target=GPUTarget("cuda", 75, 32))
    # 2 of the flow, then 4 places of 3 channels; of bends and flow, 2 each
    assert compiled.asm["ptx"].count("ld.global") >= 2 + 4 * (3 + 4 * sharp)


def test_it_is_launched_where_the_tensors_are(monkeypatch):
    """Triton launches on the thread's current device, which may be another one."""
    current, launched = [0], []

    @contextmanager
    def device(which):
        before, current[0] = current[0], which.index
        yield
        current[0] = before

    class Kernel:
        def __getitem__(self, grid):
            return lambda pair, *_, **__: launched.append((pair.device.index, current[0]))

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(fused_warp, "_kernel", Kernel)
    with fake_tensors():
        for index in (1, 0):
            pair, flow = (torch.empty(2, 4, 8, 8, device=f"cuda:{index}") for _ in range(2))
            fused_warp.warp(pair, flow[:1])
    assert launched == [(1, 1), (0, 0)]


def test_sessions_take_them_where_they_work_and_only_there(interpreted, monkeypatch):
    frames = [np.full((32, 48, 3), 0.1 * k, np.float32) for k in range(2)]
    frames[1][8:16, 8:16] = 1

    def made():
        return np.stack(list(interpolate(frames, 2, backend="pytorch", device="cpu")))

    plain, calls, whole = made(), [], fused_warp.warp
    monkeypatch.setattr(fused_warp, "warp", lambda *a: calls.append(a) or whole(*a))
    monkeypatch.setitem(ways.WAYS, "cpu", Ways(fused=True))
    assert np.abs(made() - plain).max() < 1e-4
    assert calls
    calls.clear()
    monkeypatch.setattr(fused_trial, "fault", lambda device: "no compiler")
    with pytest.warns(RuntimeWarning, match=r"not one kernel \(no compiler\)"):
        assert np.abs(made() - plain).max() < 1e-4
    assert not calls
    monkeypatch.setattr(fused_trial, "fault", lambda device: fused_trial.NOT_THERE)
    assert np.abs(made() - plain).max() < 1e-4  # said of no system that has no Triton
    assert not calls
