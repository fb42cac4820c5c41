"""Pyramids: stages against the whole network, and what their description promises.

Of a narrow one, which has all of a pyramid's layers."""

import numpy as np
import pytest
import torch

from tests.network.runs import OnnxRuntime, images, narrow_rows, network, state_of, time_of
from vsrife.network.graphs import build_flow, build_refine
from vsrife.network.options import GraphOptions
from vsrife.network.own.pyramid import Features, Watcher
from vsrife.network.own.pyramid_graphs import MATCHED, REFINED, build_match, build_prepare
from vsrife.network.table import IFNETS, PYRAMIDS

__all__ = ["narrow_rows"]  # a fixture
pytestmark = pytest.mark.usefixtures("narrow_rows")

ROWS = list(PYRAMIDS)
SIZE = (96, 64)


def by_stages(row, options, size, t):
    """Outputs of the last stage, from the others' outputs."""
    state, arch = state_of(row), PYRAMIDS[row]
    prepare, match, refine = (
        OnnxRuntime(build(state, arch, options).SerializeToString())
        for build in (build_prepare, build_match, build_refine)
    )
    sides = dict(
        zip(("left", "right"), (prepare({"image": x}) for x in images(*size)), strict=True)
    )

    def read(names):
        return {f"{s}.{n}": sides[s][f"features.{n}"] for s in sides for n in names}

    return refine(read(REFINED) | match(read(MATCHED)) | {"timestep": t})


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("scale", [0.25, 1.0, 2.0])
@pytest.mark.parametrize("fixed", [True, False])
def test_stages_give_what_the_whole_network_gives(row, scale, fixed):
    size = (256, 128) if scale == 0.25 else SIZE
    options = GraphOptions(scale=scale, motion=True, size=size if fixed else None)
    whole = OnnxRuntime(build_flow(state_of(row), PYRAMIDS[row], options).SerializeToString())
    left, right = (image.clip(0, 1) for image in images(*size))
    wanted = whole({"left": left, "right": right, "timestep": time_of(0.3)})
    found = by_stages(row, options, size, time_of(0.3))
    assert found.keys() == wanted.keys() == {"image", "confidence", "motion"}
    for name, value in wanted.items():
        assert np.abs(found[name] - value).max() < 2e-4, name


@pytest.mark.parametrize("row", ROWS)
def test_half_precision_stays_near(row):
    options = GraphOptions(size=SIZE, half=True)
    found = by_stages(row, options, SIZE, time_of(0.5))["image"]
    wanted = by_stages(row, GraphOptions(size=SIZE), SIZE, time_of(0.5))["image"]
    assert 0 < np.abs(found - wanted).mean() < 2e-3


@pytest.mark.parametrize("row", ROWS)
def test_flows_vanish_towards_the_ends_and_what_is_shared_knows_no_timestep(row):
    net, flows = network(row, 1.0, False), {}
    with torch.inference_mode():
        left, right = (net.prepare(torch.from_numpy(x)) for x in images(*SIZE))
        shared = net.match(left, right)
        for t in (0.0, 0.5, 1.0):
            trace: list = []
            net.interpolate(left, right, t, trace, matched=shared)
            again: list = []
            net.interpolate(left, right, t, again)
            assert torch.equal(trace[0][0], again[0][0])
            flows[t] = trace[0][0]
    # the last block may still correct them
    ends = flows[0.0][:, :2].abs().mean(), flows[1.0][:, 2:].abs().mean()
    assert max(ends) < flows[0.5].abs().mean()


@pytest.mark.parametrize("row", ROWS)
def test_a_map_of_one_timestep_is_that_timestep(row):
    net = network(row, 1.0, False)
    with torch.inference_mode():
        sides = [net.prepare(torch.from_numpy(x)) for x in images(*SIZE)]
        everywhere = torch.full((1, 1, *SIZE[::-1]), 0.3)
        one, all_over = (net.interpolate(*sides, t) for t in (0.3, everywhere))
    assert (one - all_over).abs().max() < 1e-4


@pytest.mark.parametrize("row", ROWS)
def test_a_batch_gives_what_its_pairs_give_alone(row):
    net = network(row, 1.0, False)
    generator = torch.Generator().manual_seed(3)
    left, right = torch.rand(2, 2, 3, 64, 64, generator=generator)
    times = torch.tensor([0.25, 0.75]).view(2, 1, 1, 1)
    with torch.inference_mode():
        together = net(left, right, times)
        for i in range(2):
            alone = net(left[i : i + 1], right[i : i + 1], times[i : i + 1])
            assert (together[i : i + 1] - alone).abs().max() < 1e-4


@pytest.mark.parametrize("row", ROWS)
def test_every_tensor_is_read(row):
    """One of zeros changes the picture or what is found on the way."""
    net = network(row, 1.0, False)
    seen = {}

    def run(state):
        seen.clear()

        def note(level, x):
            seen[level] = x.sum().item()
            return x

        watcher = Watcher(state=note)
        with torch.inference_mode():
            left, right = (net.prepare(torch.from_numpy(x)) for x in images(64, 64))
            shared = net.match(left, right, watcher)
            return net.interpolate(left, right, 0.3, matched=shared).double().sum().item(), dict(
                seen
            )

    before = run(net)
    for name, parameter in net.named_parameters():
        kept = parameter.detach().clone()
        with torch.no_grad():
            parameter.zero_()
        after = run(net)
        with torch.no_grad():
            parameter.copy_(kept)
        assert after != before, name
    assert run(net) == before


def test_features_are_named_after_the_stages_that_read_them():
    assert set(MATCHED) | set(REFINED) == set(Features._fields)


def test_rows_of_both_kinds_have_different_names():
    assert not set(IFNETS) & set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_hard_edges_that_move_by_parts_of_a_pixel_stay_within_0_and_1(row):
    net = network(row, 1.0, False)
    stripes = (torch.arange(64) // 4 % 2).float().expand(1, 3, 64, 64)
    other = stripes.roll(1, 3)
    with torch.inference_mode():
        sides = net.prepare(stripes), net.prepare(other)
        image = net.interpolate(*sides, 0.3)
        free = net.interpolate(*sides, 0.3, pictures=(stripes, other))
    assert 0 <= image.min() <= image.max() <= 1
    # pictures of any range are not cut: and it is the warp that goes beyond
    assert free.min() < 0 or free.max() > 1
    assert torch.equal(free.clamp(0, 1), image)
