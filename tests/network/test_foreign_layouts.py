"""Layouts of vs-mlrt, run as its plugins run them: a size is put in, the output's is read off."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.network.runs import RUNTIMES, images, narrow_rows, network, state_of
from vsrife.errors import ArgumentError
from vsrife.network.files.foreign_layouts import LAYOUTS, build_layout
from vsrife.network.options import GraphOptions
from vsrife.network.table import ARCHS, arch_of

__all__ = ["narrow_rows"]  # a fixture
pytestmark = pytest.mark.usefixtures("narrow_rows")

TOLERANCE = 1e-4


def planes_of(layout, width, height, t):
    """What vs-mlrt's script stacks up, one clip a plane."""
    planes = [*images(width, height), np.full((1, 1, height, width), t)]
    if layout == "v1":
        x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
        for plane in (x, y, 2 / (width - 1), 2 / (height - 1)):
            planes.append(np.broadcast_to(plane, (1, 1, height, width)))
    return np.concatenate(planes, 1).astype(np.float32)


def sized(model, shape):
    """The graph with its input's size put in, and no other one told."""
    (given,), (result,) = model.graph.input, model.graph.output
    assert given.name == "input"
    for dim, length in zip(given.type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = length
    for dim in result.type.tensor_type.shape.dim[2:]:
        dim.ClearField("dim_value")
    del model.graph.value_info[:]
    return model.SerializeToString()


def by_torch(row, options, width, height, t):
    net = network(row, options.scale, options.ensemble)
    unit = net.pad_unit
    padded = [
        F.pad(torch.from_numpy(image), (0, -width % unit, 0, -height % unit), mode="replicate")
        for image in images(width, height)
    ]
    with torch.inference_mode():
        return net(*padded, t)[:, :, :height, :width].numpy()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("row", "options", "runtime"),
    [
        ("4.6", GraphOptions(ensemble=True), "onnx"),
        ("4.7", GraphOptions(scale=0.5), "onnx"),
        ("4.25", GraphOptions(), "openvino"),
        ("nano", GraphOptions(), "onnx"),
    ],
)
def test_the_picture_is_the_torch_networks(row, options, runtime, layout):
    unit = arch_of(row).pad_unit(options.scale)
    width, height = (2 * unit, unit) if layout == "v1" else (2 * unit - 3, unit - 5)
    model = build_layout(state_of(row), ARCHS[row], options, layout)
    planes = planes_of(layout, width, height, 0.3)
    run = RUNTIMES[runtime](sized(model, planes.shape))
    assert run.first_shape() == [1, 3, height, width]
    got = run({"input": planes})["output"]
    assert np.abs(got - by_torch(row, options, width, height, 0.3)).max() <= TOLERANCE


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_file_takes_any_size_and_half_precision_floats(layout):
    options = GraphOptions(half=True)
    model = build_layout(state_of("4.6"), ARCHS["4.6"], options, layout)
    run = RUNTIMES["onnx"](model.SerializeToString())
    for width, height in ((64, 32), (32, 96)):
        got = run({"input": planes_of(layout, width, height, 0.6)})["output"]
        assert np.abs(got - by_torch("4.6", GraphOptions(), width, height, 0.6)).max() < 1e-2


@pytest.mark.parametrize("size", [(90, 50), (96, 64)])
def test_v2_of_one_size_pads_what_is_no_multiple(size):
    options = GraphOptions(size=size)
    model = build_layout(state_of("4.6"), ARCHS["4.6"], options, "v2")
    run = RUNTIMES["onnx"](model.SerializeToString())
    got = run({"input": planes_of("v2", *size, 0.3)})["output"]
    assert np.abs(got - by_torch("4.6", GraphOptions(), *size, 0.3)).max() <= TOLERANCE


def test_v1_does_not_pad():
    with pytest.raises(ArgumentError, match="size must be multiples of 32, not 90x50"):
        build_layout(state_of("4.6"), ARCHS["4.6"], GraphOptions(size=(90, 50)), "v1")


def test_other_layouts_are_refused():
    with pytest.raises(ArgumentError, match="layout must be one of v1, v2, not 'v3'"):
        build_layout(state_of("4.6"), ARCHS["4.6"], GraphOptions(), "v3")
