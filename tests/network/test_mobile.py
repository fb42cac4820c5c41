"""Rows that are still to be trained: on every target, and what their description promises."""

import numpy as np
import pytest
import torch

from tests.network.ncnn_runtime import Ncnn
from tests.network.runs import OnnxRuntime
from tests.network.tflite_cases import TIME, by_torch, frames, psnr, size_of, state_of
from vsrife import cli
from vsrife.errors import ArgumentError
from vsrife.network import build
from vsrife.network.files.foreign_layouts import build_layout
from vsrife.network.files.ncnn_files import build as build_ncnn
from vsrife.network.files.targets import FileOptions
from vsrife.network.graphs import build_flow
from vsrife.network.operations.torch.torch_operations import TorchOperations
from vsrife.network.options import GraphOptions, RunOptions
from vsrife.network.own import mobile
from vsrife.network.own.mobile_row import LEVELS
from vsrife.network.state_dict import recognise
from vsrife.network.table import ARCHS, UNTRAINED, arch_of, known_models, parameters
from vsrife.weights.files import save_weights
from vsrife.weights.locate import find_model

ROWS = list(UNTRAINED)
MOBILE = ["mobile1", "mobile3"]
TOLERANCE = 1e-3  # of every target; rounding alone gives 1e-5


def net_of(name, **options):
    state = {key: torch.from_numpy(value) for key, value in state_of(arch_of(name)).items()}
    return build(name, state_dict=state, **options)


def pair_of(name, scale=1.0):
    return [torch.from_numpy(frame) for frame in frames(size_of(arch_of(name), scale))]


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("fixed", [True, False])
def test_onnx_gives_the_picture_of_the_torch_network(name, fixed):
    row = arch_of(name)
    size = size_of(row)
    options = GraphOptions(size=size if fixed else None, motion=True)
    graph = OnnxRuntime(build_flow(state_of(row), row, options).SerializeToString())
    left, right = frames(size)
    feeds = {"left": left, "right": right, "timestep": np.full((1, 1, 1, 1), TIME, np.float32)}
    got, outcome = graph(feeds), []
    net, sides = net_of(name), pair_of(name)
    net.interpolate(*map(net.prepare, sides), TIME, outcome=outcome)
    assert np.abs(got["image"] - by_torch(row).image).max() < TOLERANCE
    assert np.abs(got["confidence"] - outcome[0][0].numpy()).max() < TOLERANCE
    assert got["motion"].shape == (1, 1, size[1] // 8, size[0] // 8)


@pytest.mark.parametrize("name", MOBILE)
def test_onnx_sees_motion_at_another_scale(name):
    row, size = arch_of(name), size_of(arch_of(name), 0.5)
    options = GraphOptions(scale=0.5, size=size)
    graph = OnnxRuntime(build_flow(state_of(row), row, options).SerializeToString())
    left, right = frames(size)
    feeds = {"left": left, "right": right, "timestep": np.full((1, 1, 1, 1), TIME, np.float32)}
    assert np.abs(graph(feeds)["image"] - by_torch(row, 0.5).image).max() < TOLERANCE


@pytest.mark.parametrize("name", ROWS)
def test_a_layout_for_others_pads_by_itself(name):
    row = arch_of(name)
    graph = build_layout(state_of(row), row, GraphOptions(), "v2")
    width, height = size_of(row)
    planes = np.concatenate((*frames((width, height)), np.full((1, 1, height, width), TIME)), 1)
    run = OnnxRuntime(graph.SerializeToString())
    whole = run({"input": planes.astype(np.float32)})["output"]
    assert np.abs(whole - by_torch(row).image).max() < TOLERANCE
    cut = run({"input": planes[..., : height - 5, : width - 9].astype(np.float32)})["output"]
    assert cut.shape == (1, 3, height - 5, width - 9)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("warp", ["rife", "gridsample"])
def test_ncnn_gives_the_picture_of_the_torch_network(name, warp):
    row = arch_of(name)
    files = build_ncnn(state_of(row), row, FileOptions(warp=warp), {"model": name})
    (left, right), (width, height) = frames(size_of(row)), size_of(row)
    plane = np.full((1, height, width), TIME, np.float32)
    run = Ncnn(files["flownet.param"], files["flownet.bin"])
    (got,) = run({"in0": left[0], "in1": right[0], "in2": plane}, "out0")
    assert np.abs(got - by_torch(row).image[0]).max() < TOLERANCE


@pytest.mark.parametrize("name", ROWS)
def test_half_precision_is_within_50_db(name):
    row, (left, right) = arch_of(name), frames(size_of(arch_of(name)))
    graph = build_flow(state_of(row), row, GraphOptions(half=True, size=size_of(row)))
    feeds = {"left": left, "right": right, "timestep": np.full((1, 1, 1, 1), TIME, np.float32)}
    assert psnr(OnnxRuntime(graph.SerializeToString())(feeds)["image"], by_torch(row).image) > 50


def estimated(name, scale, pair):
    row, time = arch_of(name), torch.full((1, 1, 1, 1), TIME)
    weights = {key: torch.from_numpy(value) for key, value in state_of(row).items()}
    ops = TorchOperations((pair[0].shape[3], pair[0].shape[2]))
    sides = (mobile.prepare(ops, weights, row, scale, x) for x in pair)
    return mobile.estimate(ops, weights, row, RunOptions(scale), *sides, time)


@pytest.mark.parametrize("name", MOBILE)
def test_half_the_scale_is_half_the_picture_with_twice_the_flow(name):
    pair = pair_of(name, 0.5)
    half = estimated(name, 0.5, pair)
    one = estimated(name, 1.0, [torch.nn.functional.avg_pool2d(x, 2) for x in pair])
    assert half.flow.abs().mean() > 1
    assert (half.flow - 2 * one.flow).abs().max() < TOLERANCE
    assert (half.mask - one.mask).abs().max() < TOLERANCE


@pytest.mark.parametrize("name", MOBILE)
def test_flow_vanishes_towards_both_ends(name):
    net, flows = net_of(name), {}
    left, right = map(net.prepare, pair_of(name))
    for t in (0.0, 0.5, 1.0):
        trace: list = []
        net.interpolate(left, right, t, trace)
        flows[t] = trace[0][0]
    assert flows[0.0][:, :2].abs().max() == flows[1.0][:, 2:].abs().max() == 0
    assert flows[0.5].abs().mean() > 0.5


@pytest.mark.parametrize("name", MOBILE)
def test_a_map_of_one_timestep_is_that_timestep_and_pictures_are_warped_instead(name):
    net, (left, right) = net_of(name), pair_of(name)
    sides = [net.prepare(x) for x in (left, right)]
    everywhere = torch.full((1, 1, *left.shape[2:]), TIME)
    one, all_over = (net.interpolate(*sides, t) for t in (TIME, everywhere))
    assert (one - all_over).abs().max() < 1e-5
    planes = net.interpolate(*sides, TIME, pictures=(2 * left[:, :1], 2 * right[:, :1]))
    assert (planes - 2 * one[:, :1]).abs().max() < 1e-5


@pytest.mark.parametrize("name", MOBILE)
def test_a_batch_gives_what_its_pairs_give_alone(name):
    net, generator = net_of(name), torch.Generator().manual_seed(3)
    left, right = torch.rand(2, 2, 3, 32, 48, generator=generator)
    times = torch.tensor([0.25, 0.75]).view(2, 1, 1, 1)
    together = net(left, right, times)
    for i in range(2):
        one = slice(i, i + 1)
        assert (together[one] - net(left[one], right[one], times[one])).abs().max() < 1e-4


@pytest.mark.parametrize("name", ROWS)
def test_colours_beyond_the_range_are_those_at_its_ends(name):
    net, (left, right) = net_of(name), pair_of(name)
    wide = [1.6 * x - 0.3 for x in (left, right)]
    ends = [x.clamp(0, 1) for x in wide]
    assert (wide[0] != ends[0]).any()
    assert torch.equal(net(*wide, TIME), net(*ends, TIME))


def test_only_several_scales_warp_on_the_way(monkeypatch):
    warps, before = [], TorchOperations.warp
    monkeypatch.setattr(
        TorchOperations, "warp", lambda *args: warps.append(args[3:]) or before(*args)
    )
    for name, cells in (("mobile1", [()]), ("mobile3", [(8.0,), (4.0,), ()])):
        warps.clear()
        net_of(name)(*pair_of(name), TIME)
        assert warps == cells


@pytest.mark.parametrize("name", MOBILE)
def test_every_tensor_learns(name):
    with torch.inference_mode(False), torch.enable_grad():
        net, states = net_of(name).train(), {}
        left, right = (x.clone() for x in pair_of(name))
        sides = [net.prepare(x) for x in (left, right)]
        image = net.interpolate(*sides, 0.3, watcher=states.__setitem__)
        image.square().mean().backward()
    assert list(states) == (list(LEVELS[:-1]) if name == "mobile3" else [])
    for level, state in states.items():
        assert state.shape == (1, 5, left.shape[2] // level, left.shape[3] // level)
    for key, value in net.named_parameters():
        assert value.grad.abs().max() > 0, key


def test_sizes_are_as_promised():
    assert parameters(UNTRAINED["micro"]) < 500_000
    assert max(parameters(UNTRAINED[name]) for name in MOBILE) < 700_000
    assert not set(UNTRAINED) & {*ARCHS, *known_models()}


@pytest.mark.parametrize("name", ROWS)
def test_weights_are_told_by_their_tensors(name):
    assert recognise(state_of(arch_of(name))) == name


@pytest.mark.parametrize("name", ROWS)
def test_by_name_the_way_to_weights_is_told(name):
    with pytest.raises(ArgumentError, match=f"no weights .* `vsrife train {name}` makes some"):
        find_model(name)


@pytest.mark.parametrize("target", ["onnx", "tflite", "ncnn"])
@pytest.mark.parametrize("name", ROWS)
def test_a_trained_file_is_exported_by_the_command(name, target, tmp_path, capsys):
    save_weights(tmp_path / "my.safetensors", state_of(arch_of(name)), {})
    out = tmp_path / {"onnx": "a.onnx", "tflite": "a.tflite", "ncnn": "rife-v4"}[target]
    sized = [] if target == "ncnn" else ["--size", "64x32"]
    asked = ["export", str(tmp_path / "my.safetensors"), "-o", str(out), "--target", target]
    assert cli.main([*asked, *sized]) == 0, capsys.readouterr().err
