"""The memory figures in models.toml are what the networks really keep alive."""

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.network.runs import ON_OPENVINO
from vsrife.network import build
from vsrife.network.sizes import round_up
from vsrife.network.table import ARCHS
from vsrife.weights import catalogue

WIDTH, HEIGHT = 1920, 1080
# figures are rounded to 10 MiB, of 400 and more; and versions of PyTorch may do an operation in
# steps, whose temporaries count
TOLERANCE = 0.05
SLOW = pytest.mark.slow


class Alive(TorchDispatchMode):
    """Adds up the tensors that operations make, and remembers the most there were at a time."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.count(tensor.untyped_storage())
        return out

    def count(self, storage):
        # PyTorch gives one object for a storage as long as any tensor has it, views included
        if id(storage) in self.seen:
            return
        self.seen.add(id(storage))
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self.gone, id(storage), storage.nbytes())

    def gone(self, key, size):
        self.seen.discard(key)
        self.now -= size


@torch.inference_mode()
def most_alive(name, dtype):
    """MiB for one new frame between two, weights included; computes nothing."""
    with torch.device("meta"):
        net = build(name).requires_grad_(False).to(dtype=dtype)
    unit = net.pad_unit
    size = (1, 3, round_up(HEIGHT, unit), round_up(WIDTH, unit))
    weights = sum(p.numel() * p.element_size() for p in net.parameters())
    with Alive() as alive:
        left, right = (net.prepare(torch.empty(size, device="meta")) for _ in "lr")
        net.interpolate(left, right, 0.5)
    return (alive.peak + weights) / 2**20


def figures():
    """The table [memory] of models.toml, measured anew: python -m tests.weights.test_memory."""
    for name, arch in ARCHS.items():
        like = "4.2" if arch.rescales else name
        half, single = (most_alive(like, dtype) for dtype in (torch.float16, torch.float32))
        yield f'"{name}" = {{ fp16 = {round(half, -1):.0f}, fp32 = {round(single, -1):.0f} }}'


# 4.0 looks at the numbers of its flow, which are not there; without that it is 4.2
ROWS = [name for name in ARCHS if not ARCHS[name].rescales]
# Rows of all kinds, and the one that needs most; all of them in `.ci/slow`
KINDS = {*ON_OPENVINO, "small", max(ROWS, key=lambda name: catalogue.memory()[name])}


def some(names):
    """Every row, of which these run always."""
    return [pytest.param(name, marks=() if name in names else SLOW) for name in ROWS]


@pytest.mark.parametrize("name", some(KINDS))
def test_the_memory_of_every_row_is_the_documented_one(name):
    half, _ = catalogue.memory()[name]
    assert most_alive(name, torch.float16) == pytest.approx(half, rel=TOLERANCE)


@pytest.mark.parametrize("name", some(("4.25", "nano")))
def test_so_it_is_in_single_precision(name):
    _, single = catalogue.memory()[name]
    assert most_alive(name, torch.float32) == pytest.approx(single, rel=TOLERANCE)


def test_in_single_precision_every_row_needs_more_but_not_twice_as_much():
    """Flow and what is warped by it is in fp32 anyway."""
    for name in ARCHS:
        half, single = catalogue.memory()[name]
        assert half < single < 1.5 * half, name


if __name__ == "__main__":
    print(*figures(), sep="\n")
