"""Every operation on every target, against its definition in numpy."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vsrife.network.operations
from tests.network.operations.reference import NumpyOperations
from tests.network.operations.targets import (
    RUNNERS,
    Both,
    Case,
    Weight,
    by_numpy,
    by_onnx,
    by_torch,
)
from vsrife.network.operations.interface import Operations, Span
from vsrife.network.operations.torch.torch_operations import TorchOperations

TOLERANCE = 1e-5  # fp32 rounding, of numbers of about 1 in all cases
NAMES = sorted(name for name in vars(Operations) if not name.startswith("_"))


def numbers(*shape, seed=0, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def frames(channels=4, height=8, width=16):
    return Both(numbers(1, channels, height, width), numbers(1, channels, height, width, seed=1))


def flow(height=8, width=16, reach=12.0):
    """Far beyond the edges, too."""
    return numbers(1, 4, height, width, seed=2, low=-reach, high=reach)


def case(name, *args, gives="tensor", **more):
    return Case(lambda ops, *given: getattr(ops, name)(*given), args, gives, **more)


def scoped(ops, x):
    with ops.scope("part"):
        return ops.add(x, 1.0)


def sharp(ops, pair, flow, channels):
    left, right = (ops.bends(image, channels) for image in ops.unstack(pair))
    return ops.warp_sharp(pair, ops.stack(left, right), flow, channels)


X = numbers(1, 4, 8, 16)
SPANS = [Span(2, 4, 0.5), Span(0, 1), Span(1, 2, -1.0)]
BIAS = Weight(numbers(6, seed=4))
CONV = Weight(numbers(6, 4, 3, 3, seed=3, low=-0.2, high=0.2))
DECONV = Weight(numbers(4, 6, 4, 4, seed=5, low=-0.2, high=0.2))
BETA = Weight(numbers(1, 4, 1, 1, seed=6, low=0.5, high=1.5))
CASES = {
    "scope": [Case(scoped, (X,))],
    "to_compute": [case("to_compute", X)],
    "to_full": [case("to_full", X)],
    "add": [
        case("add", X, numbers(1, 4, 8, 16, seed=1)),
        case("add", X, numbers(1, 1, 8, 16, seed=1)),
        case("add", X, 0.25),
    ],
    "subtract": [
        case("subtract", X, numbers(1, 4, 8, 16, seed=1)),
        case("subtract", numbers(1, 4, 1, 1, seed=1), X),
        case("subtract", 1.0, X),
    ],
    "multiply": [
        case("multiply", X, numbers(1, 4, 8, 16, seed=1)),
        case("multiply", numbers(1, 1, 1, 1, seed=1), X),
        case("multiply", X, -3.0),
        case("multiply", X, -1.0),
    ],
    "divide": [case("divide", X, numbers(1, 4, 8, 16, seed=1, low=0.5, high=2))],
    "absolute": [case("absolute", X)],
    "exp": [case("exp", X)],
    "sigmoid": [case("sigmoid", 8 * X)],
    "clamp": [case("clamp", 2 * X, 0.0, 1.0), case("clamp", X, -0.5, 0.25)],
    "join": [case("join", [X, numbers(1, 2, 8, 16, seed=1)]), case("join", [X])],
    "split": [
        case("split", X, [1, 3], gives="tensors"),
        case("split", X, [2, 1, 1], gives="tensors"),
        case("split", X, [4], gives="tensors"),
    ],
    "first": [case("first", X, 3)],
    "mean_channels": [case("mean_channels", X)],
    "norm_channels": [case("norm_channels", X), case("norm_channels", np.zeros_like(X))],
    "resize": [case("resize", X, factor) for factor in (0.125, 0.25, 0.5, 1, 2, 4, 8)],
    "plane": [case("plane", numbers(1, 1, 1, 1), s) for s in (0.25, 0.5, 1, 2, 8)],
    "every": [case("every", X, 8), case("every", X, 3)],
    "max_pool": [case("max_pool", X - 2, *window) for window in ((8, 8), (2, 2), (3, 1))],
    "mean_pool": [case("mean_pool", X, 3)],
    "pixel_shuffle": [case("pixel_shuffle", numbers(1, 12, 3, 5))],
    "take": [case("take", Weight(CONV.value), 1, SPANS, gives="weight"),
             case("take", Weight(DECONV.value), 0, SPANS, gives="weight"),
             case("take", BIAS, 0, SPANS, gives="weight")],
    "conv": [Case(lambda ops, x, w, b: ops.conv(x, "conv", w, b), (X, CONV, BIAS)),
             Case(lambda ops, x, w, b: ops.conv(x, "conv", w, b, stride=2), (X, CONV, BIAS)),
             case("conv", X, "conv", Weight(numbers(6, 4, 1, 1)), BIAS),
             Case(lambda ops, x, w, b: ops.conv(x, "conv", w, b, stride=2),
                  (X, Weight(numbers(6, 4, 4, 4, low=-0.2, high=0.2)), BIAS))],
    "deconv": [case("deconv", X, "deconv", DECONV, BIAS)],
    "residual": [
        case("residual", X, "conv", Weight(numbers(4, 4 // groups, 3, 3, seed=7)),
             Weight(numbers(4, seed=8)), BETA, groups)
        for groups in (1, 2)
    ] + [case("residual", X, "conv", Weight(numbers(4, 4, 3, 3)), Weight(numbers(4)), None, 1)],
    "leaky": [case("leaky", X)],
    "prelu": [case("prelu", X, Weight(numbers(4, seed=9)))],
    "stack": [case("stack", X, numbers(1, 4, 8, 16, seed=1), gives="pair")],
    "unstack": [case("unstack", frames(), gives="tensors")],
    "images": [case("images", frames(), gives="pair")],
    "side_by_side": [case("side_by_side", frames(), 4)],
    "warp": [case("warp", frames(), flow(), gives="pair", scale=10),
             case("warp", frames(3, 16, 8), flow(16, 8), gives="pair", size=(8, 16), scale=10),
             case("warp", frames(), flow(), 4, gives="pair", size=(64, 32), scale=10),
             case("warp", frames(), flow(), 0.5, gives="pair", size=(8, 4), scale=10)],
    "bends": [case("bends", numbers(1, c, 8, 16), c) for c in (3, 4, 5)],
    "warp_sharp": [
        Case(sharp, (frames(3), flow(), 3), gives="pair", scale=10),
        Case(sharp, (frames(4), flow(), 4), gives="pair", scale=10),  # alpha
        Case(sharp, (frames(5, 16, 8), flow(16, 8), 5), gives="pair", size=(8, 16), scale=10),
        Case(sharp, (frames(3), flow(reach=900), 3), gives="pair", scale=10),
        Case(sharp, (frames(3), np.round(flow()), 3), gives="pair", scale=10),
    ],
    "warp_small": [
        case("warp_small", frames(4, 16, 32), f, s, gives="pair", size=(32, 16), scale=10)
        for s in (0.5, 1, 2, 4, 8, 16) for f in (None, flow(16, 32))
    ],
    "correlate": [
        case("correlate", numbers(1, 4, 8, cells), numbers(1, 4, 8, cells, seed=1), radius, cell,
             size=(cells * cell, 8 * cell))
        # by displacements, by lines, the same beyond the picture, by tiles, by displacements
        for radius, cell, cells in ((1, 4, 16), (3, 4, 16), (5, 4, 16), (3, 16, 56), (3, 8, 56))
    ],
    "meet": [
        case("meet", numbers(1, 4, 8, cells), numbers(1, 4, 8, cells, seed=1), radius, cell,
             size=(cells * cell, 8 * cell))
        for radius, cell, cells in ((1, 4, 16), (3, 4, 16), (5, 4, 16), (3, 16, 56))
    ],
    "soft_argmax": [
        case("soft_argmax", numbers(1, 49, 3, 5), 3, Weight(np.float32([20]))),
        # where all are alike, as in a flat field
        case("soft_argmax", np.ones((1, 9, 3, 5), np.float32), 1, Weight(np.float32([20]))),
    ],
    "mean": [case("mean", X)],
    "largest": [case("largest", 40 * X), case("largest", -40 * abs(X))],
}  # fmt: skip  # a table
ALL = [pytest.param(c, id=f"{name}-{i}") for name in NAMES for i, c in enumerate(CASES[name])]


def targets():
    """Name and class of what the folder of operations offers."""
    package = vsrife.network.operations
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, found in vars(importlib.import_module(module.name)).items():
            if name.endswith("Operations") and found is not Operations:
                yield name, found


TARGETS = [*targets(), ("NumpyOperations", NumpyOperations)]


def test_targets_are_found():
    assert {name for name, _ in TARGETS} >= {"TorchOperations", "OnnxOperations"}


def test_a_target_is_a_module_or_a_folder_of_at_most_four():
    for _, found in targets():
        path = Path(inspect.getfile(found))
        if path.parent.name != "operations":
            assert len([each for each in path.parent.glob("*.py") if each.stem != "__init__"]) <= 4


@pytest.mark.parametrize(("name", "target"), TARGETS)
def test_a_target_has_every_operation_with_the_arguments_of_the_interface(name, target):
    for operation in NAMES:
        wanted = inspect.signature(getattr(Operations, operation)).parameters.values()
        assert hasattr(target, operation), f"{name} lacks {operation}"
        got = inspect.signature(getattr(target, operation)).parameters.values()
        assert [(p.name, p.kind, p.default) for p in got] == [
            (p.name, p.kind, p.default) for p in wanted
        ], operation


def test_every_operation_and_every_target_is_tested():
    assert sorted(CASES) == NAMES
    run = {name.partition(" ")[0] for name in RUNNERS}
    assert {name for name, _ in targets()} == run


@pytest.mark.parametrize("case", ALL)
def test_an_operation_gives_what_its_definition_says_on_every_target(case):
    wanted = by_numpy(case)
    assert wanted
    for target, run in RUNNERS.items():
        found = run(case)
        assert [array.shape for array in found] == [array.shape for array in wanted], target
        for got, right in zip(found, wanted, strict=True):
            assert got.dtype == np.float32, target
            tolerance = TOLERANCE * case.scale * max(1, np.abs(right).max())
            assert np.abs(got - right).max() <= tolerance, target


@pytest.mark.parametrize("run", [by_torch, by_onnx])
@pytest.mark.parametrize("name", ["conv", "deconv", "residual", "prelu"])
def test_between_the_two_casts_numbers_are_half_and_outside_full(name, run):
    (whole, *_) = CASES[name]

    def work(ops, x, *given):
        return ops.to_full(whole.work(ops, ops.to_compute(x), *given))

    (got,), (wanted,) = run(Case(work, whole.args), half=True), by_numpy(whole)
    assert got.dtype == np.float32
    off = np.abs(got - wanted).max()
    assert TOLERANCE < off < 2**-9 * max(1, np.abs(wanted).max()) * 4


@settings(deadline=None, max_examples=40)
@given(
    dx=st.integers(-70, 70),
    dy=st.integers(-70, 70),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_warp_by_whole_pixels_reads_that_pixel_or_the_edge(dx, dy, height, width):
    image = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
    ops = TorchOperations((width, height))
    there = torch.tensor([dx, dy, 0, 0], dtype=torch.float32).reshape(1, 4, 1, 1)
    moved, unmoved = ops.unstack(
        ops.warp(ops.stack(image, image), there.expand(1, 4, height, width))
    )
    rows = (torch.arange(height) + dy).clamp(0, height - 1)
    columns = (torch.arange(width) + dx).clamp(0, width - 1)
    assert (moved - image[:, :, rows][:, :, :, columns]).abs().max() < 1e-3
    assert (unmoved - image).abs().max() < 1e-3


@pytest.mark.parametrize(
    "name", ["stack", "side_by_side", "warp", "warp_sharp", "warp_small", "plane", "largest"]
)
def test_a_batch_gives_what_its_frames_give_alone(name):
    both = {
        "stack": lambda ops, a, b, flow, t: ops.stack(a, b).unflatten(0, (2, -1)).transpose(0, 1),
        "side_by_side": lambda ops, a, b, flow, t: ops.side_by_side(ops.stack(a, b), 2),
        "warp": lambda ops, a, b, flow, t: ops.side_by_side(ops.warp(ops.stack(a, b), flow), 2),
        "warp_sharp": lambda ops, a, b, flow, t: ops.side_by_side(
            sharp(ops, ops.stack(a, b), flow, 5), 5
        ),
        "warp_small": lambda ops, a, b, flow, t: ops.side_by_side(
            ops.warp_small(ops.stack(a, b), flow, 4), 2
        ),
        "plane": lambda ops, a, b, flow, t: ops.plane(t, 2),
        "largest": lambda ops, a, b, flow, t: ops.largest(flow),
    }[name]
    channels = (5, 5, 4) if name == "warp_sharp" else (2, 2, 4)
    whole = [torch.from_numpy(numbers(3, c, 8, 16, seed=i)) for i, c in enumerate(channels)]
    whole.append(torch.from_numpy(numbers(3, 1, 1, 1)))
    together = both(TorchOperations((16, 8)), *whole)
    for i in range(3):
        alone = both(TorchOperations((16, 8)), *(x[i : i + 1] for x in whole))
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)


@pytest.mark.parametrize("planes", [3, 4])
@pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)
def test_a_sharp_warp_hits_curved_brightness_and_alpha(run, planes):
    """Parabolas, along x and y, that move evenly are read without an error inside the picture."""
    y, x = np.mgrid[:12, :16] / 4.0

    def curved(x, y):
        return np.stack([0.1 * x * x - 0.05 * y * y + 0.2 * y] * 3 + [0.3 * x * x])[None]

    picture = curved(x, y).astype(np.float32)[:, :planes]
    move = np.tile(np.float32([1.4, -0.7, -1.6, 0.3]).reshape(1, 4, 1, 1), (1, 1, 12, 16))
    size = (16, 12)
    both = Both(picture, picture)
    curving = run(Case(sharp, (both, move, planes), gives="pair", size=size))
    plain = run(case("warp", both, move, gives="pair", size=size))
    for i in range(2):
        u, v = move[0, 2 * i : 2 * i + 2] / 4
        exact = curved(x + u, y + v)[:, :planes]
        inside = np.s_[:, :, 3:-3, 3:-3]
        assert np.abs(curving[i] - exact)[inside].max() < 1e-4
        assert np.abs(plain[i] - exact)[inside].max() > 5e-4


@pytest.mark.parametrize("s", [2, 4])
def test_gradients_of_a_small_warp_are_those_of_its_numbers(s):
    ops = TorchOperations((8, 8), full=torch.float64)
    pair, there = (
        torch.from_numpy(numbers(*shape)).double().requires_grad_()
        for shape in ((2, 1, 8, 8), (1, 4, 8, 8))
    )
    assert torch.autograd.gradcheck(lambda p, f: ops.warp_small(p, f, s), (pair, there))
