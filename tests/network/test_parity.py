"""The graphs against the torch network, on the runtimes for the CPU.

Versions of one row differ in their weights alone, so rows stand for all of them. Official rows have
a quarter of their widths and of their convolutions here, and in `.ci/slow` also all.
"""

import numpy as np
import pytest
import torch

from tests.network.runs import (
    ON_OPENVINO,
    RUNTIMES,
    ByGraph,
    OnnxRuntime,
    by_torch,
    images,
    kinds,
    narrow_rows,
    sizes,
    state_of,
    time_of,
    wide_rows,
)
from tests.support.narrow import shipped_pyramids
from vsrife.network import build
from vsrife.network.graphs import build_flow
from vsrife.network.ifnet import Watcher, refine
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.options import GraphOptions, RunOptions
from vsrife.network.table import ARCHS, RESCALE_LIMIT, SCALES, cost
from vsrife.weights import embedded_folder, read_arrays

__all__ = ["narrow_rows", "wide_rows"]  # fixtures
pytestmark = pytest.mark.usefixtures("narrow_rows")

TOLERANCE = 1e-4  # the promise; seen are 1e-5 at most, which is fp32 rounding
MOTION = 1e-3  # pixels; seen are 3e-5
WAYS = [(row, ensemble) for row in ARCHS for ensemble in (False, True)[: 1 + ARCHS[row].ensemble]]
# OpenVINO with an ensemble where there can be one, which takes both ways through every block; and
# always for the rows that stand for all
RUNS = [
    *((*way, "onnx") for way in WAYS),
    *(
        pytest.param(
            row,
            ARCHS[row].ensemble,
            "openvino",
            marks=() if row in ON_OPENVINO else pytest.mark.slow,
        )
        for row in ARCHS
    ),
]


def test_the_rows_on_openvino_have_all_kinds_of_operations():
    assert set().union(*map(kinds, ON_OPENVINO)) == set().union(*map(kinds, ARCHS))


def check_pictures(got, wanted):
    for name in ("left", "right", "image", "confidence"):
        assert np.abs(got[name] - wanted[name]).max() <= TOLERANCE, name
    if "motion" in got:
        assert np.abs(got["motion"] - wanted["motion"]).max() <= MOTION


@pytest.mark.parametrize(("row", "ensemble", "runtime"), RUNS)
def test_every_row_gives_the_pictures_of_the_torch_network(row, ensemble, runtime):
    size = sizes(row, GraphOptions())[0]
    options = GraphOptions(ensemble=ensemble, size=size, motion=True)
    got = ByGraph(row, options, runtime)(size)
    check_pictures(got, by_torch(row, 1.0, ensemble, size))


@pytest.mark.slow
@pytest.mark.usefixtures("wide_rows")
@pytest.mark.parametrize("row", ARCHS)
def test_so_does_every_row_at_its_full_width(row):
    size = sizes(row, GraphOptions())[0]
    options = GraphOptions(ensemble=ARCHS[row].ensemble, size=size, motion=True)
    for runtime in RUNTIMES:
        got = ByGraph(row, options, runtime)(size)
        check_pictures(got, by_torch(row, 1.0, options.ensemble, size))


# each row at another scale in turn, large ones at one where the picture is small; two at all
LARGE = [row for row, arch in ARCHS.items() if cost(arch) > 45_000 or arch.modulo == 128]
SCALED = {(row, 2.0 if row in LARGE else SCALES[i % 5]) for i, row in enumerate(ARCHS)}
SCALED |= {("4.6", scale) for scale in SCALES}
SCALED |= {("4.0", 0.5), ("4.0", 2.0)}


# Of rows that are like others, in `.ci/slow`; so are scales of the dearest two
LIKE_OTHERS = {way for way in SCALED if way[0] not in (*ON_OPENVINO, "4.6", "4.25.heavy")}
SOME = [
    pytest.param(*way, marks=pytest.mark.slow if way in LIKE_OTHERS else ())
    for way in sorted(SCALED)
]


@pytest.mark.parametrize(("row", "scale"), SOME)
def test_one_file_of_any_size_serves_several(row, scale):
    options = GraphOptions(scale=scale)
    graph = ByGraph(row, options)
    for size in sizes(row, options, 1 if scale < 1 else 2):
        check_pictures(graph(size), by_torch(row, scale, False, size))


def test_openvino_takes_a_file_of_any_size():
    graph = ByGraph("4.12.lite", GraphOptions(), "openvino")
    for size in sizes("4.12.lite", GraphOptions(), 2):
        check_pictures(graph(size), by_torch("4.12.lite", 1.0, False, size))


@pytest.mark.parametrize(
    ("model", "runtime"),
    [
        ("nano", "onnx"), ("nano", "openvino"), ("small", "onnx"),
        pytest.param("small", "openvino", marks=pytest.mark.slow),  # also in test_same_pictures
    ],
)  # fmt: skip  # a table
def test_embedded_models_do_so_on_a_picture_of_several_tiles(model, runtime):
    size = (224, 160)
    state = read_arrays(embedded_folder / f"{model}.safetensors")
    left, right = images(*size)
    feeds = {"left": left.clip(0, 1), "right": right.clip(0, 1), "timestep": time_of(0.3)}
    tensors = {key: torch.from_numpy(value) for key, value in state.items()}
    with shipped_pyramids(), torch.inference_mode():
        net = build(model, state_dict=tensors)
        wanted = net(torch.from_numpy(left), torch.from_numpy(right), 0.3).numpy()
        graph = build_flow(state, ARCHS[model], GraphOptions(size=size)).SerializeToString()
    assert np.abs(RUNTIMES[runtime](graph)(feeds)["image"] - wanted).max() <= TOLERANCE


@pytest.mark.parametrize("row", ["4.0", "4.6", "4.25.lite", "nano"])
def test_without_shortcuts_the_pictures_are_the_same(row):
    scale = 0.5 if row == "4.6" else 1.0
    options = GraphOptions(scale=scale, shortcuts=False)
    size = sizes(row, options)[0]
    check_pictures(ByGraph(row, options)(size), by_torch(row, scale, False, size))


@pytest.mark.parametrize("ensemble", [False, True])
def test_large_motion_is_reported_and_the_doubled_graph_takes_over(ensemble):
    """4.0 and 4.1. With a tail ten times as large block 1's own flow passes the limit."""
    size, gain = (128, 64), (1.0, 10.0, 1.0, 1.0)
    arch, state = ARCHS["4.0"], state_of("4.0", gain)
    left, right = images(*size)
    feeds = {"left": left.clip(0, 1), "right": right.clip(0, 1), "timestep": time_of(0.3)}
    plain = GraphOptions(ensemble=ensemble, size=size)
    first = OnnxRuntime(build_flow(state, arch, plain).SerializeToString())(feeds)
    wanted = by_torch("4.0", 1.0, ensemble, size, 0.3, gain)["image"]
    assert (first["largest"] > RESCALE_LIMIT).all()
    assert np.abs(first["image"] - wanted).max() > 1e-2
    doubled = GraphOptions(ensemble=ensemble, size=size, doubled=True)
    second = OnnxRuntime(build_flow(state, arch, doubled).SerializeToString())(feeds)
    assert "largest" not in second
    assert np.abs(second["image"] - wanted).max() <= TOLERANCE


def test_the_limit_is_met_exactly():
    """`largest` is what block 1 adds to the flow at full size, as the torch network adds it."""
    size = sizes("4.0", GraphOptions())[0]
    got = ByGraph("4.0", GraphOptions(size=size))(size)["largest"]
    weights = {k: torch.from_numpy(v) for k, v in state_of("4.0").items()}
    pair = torch.cat([torch.from_numpy(image).clip(0, 1) for image in images(*size)])
    flows = []
    watcher = Watcher(state=lambda flow, mask: flows.append(flow))
    time = torch.full((1, 1, 1, 1), 0.3)
    refine(TorchOperations(size), weights, ARCHS["4.0"], RunOptions(), pair, time, None, watcher)
    step = flows[1] - flows[0]
    wanted = [step[:, half].abs().amax() for half in (slice(0, 2), slice(2, 4))]
    assert np.allclose(got, wanted, atol=1e-3)


MAPPED = [way for way in WAYS if way[0] in ("4.0", "4.6", "4.25", "nano")]


@pytest.mark.parametrize(("row", "ensemble"), MAPPED)
def test_a_timestep_for_every_pixel_and_pictures_of_their_own(row, ensemble):
    size = sizes(row, GraphOptions())[0]
    options = GraphOptions(ensemble=ensemble, size=size, planes=4, separate=True, timestep_map=True)
    graph = ByGraph(row, options)
    t = np.linspace(0.1, 0.9, size[0] * size[1], dtype=np.float32).reshape(1, 1, *size[::-1])
    pictures = [2 * np.concatenate((image, image[:, :1] - 1), 1) for image in images(*size)]
    feeds = dict(zip(("left", "right"), map(graph.prepare, images(*size)), strict=True))
    feeds |= dict(zip(("left_picture", "right_picture"), pictures, strict=True))
    got = graph.flow(feeds | {"timestep": t})
    state = {key: torch.from_numpy(value) for key, value in state_of(row).items()}
    net = build(row, ensemble=ensemble, state_dict=state)
    outcome = []
    with torch.inference_mode():
        wanted = net.interpolate(
            *(net.prepare(torch.from_numpy(image)) for image in images(*size)),
            torch.from_numpy(t),
            pictures=tuple(map(torch.from_numpy, pictures)),
            outcome=outcome,
        )
    assert np.abs(got["image"] - wanted.numpy()).max() <= TOLERANCE
    assert abs(got["confidence"] - outcome[0][0].numpy()) <= TOLERANCE


@pytest.mark.parametrize(
    ("row", "size"),
    [
        ("4.0", True), ("4.6", False), ("4.14.lite", False), ("4.25", True), ("nano", False),
        ("nano", True), pytest.param("4.6", True, marks=pytest.mark.slow),
    ],
)  # fmt: skip  # a table
def test_half_precision_stays_near_and_runs_on_the_cpu(row, size):
    """72 dB are what the torch network's own half precision reaches on these weights and above."""
    sides = sizes(row, GraphOptions())[0]
    got = ByGraph(row, GraphOptions(half=True, size=sides if size else None))(sides)
    error = got["image"] - by_torch(row, 1.0, False, sides)["image"]
    assert all(value.dtype == np.float32 for value in got.values())
    assert -10 * np.log10(np.square(error).mean()) > 72


@pytest.mark.parametrize(
    ("row", "key"),
    [("4.6", "block1.convblock.1.conv.weight"), ("nano", "block8.body.0.weight")],
)
def test_a_weight_that_is_a_little_off_is_seen(row, key):
    """The comparison above can fail."""
    size = sizes(row, GraphOptions())[0]
    wanted = by_torch(row, 1.0, False, size)
    state = dict(state_of(row))
    state[key] = state[key] * 1.01
    feeds = {name: wanted[name] for name in ("left", "right")} | {"timestep": time_of(0.3)}
    graph = build_flow(state, ARCHS[row], GraphOptions(size=size))
    got = OnnxRuntime(graph.SerializeToString())(feeds)
    assert np.abs(got["image"] - wanted["image"]).max() > TOLERANCE
