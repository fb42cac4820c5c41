"""The maker of goldens.npz without the peer: its cases, comparison and file, on made-up results."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden import goldens, make_goldens, peer
from tests.golden.formula import GOLDENS
from tests.golden.goldens import Arrays
from vsrife.network.table import VERSIONS

Change = Callable[[str, Arrays], Arrays]  # of a version's arrays

# A network in the peer's form that only passes numbers on, so that every recorded value is known.
NETWORK = """
import torch
from torch import nn
from .warplayer import warp

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x[:, :1].expand(-1, 4, -1, -1) * self.beta, x[:, 1:2], x[:, 2:]

class Encoder(nn.Module):
    def forward(self, x):
        return -x

class IFNet(nn.Module):
    def __init__(self, scale, ensemble):
        super().__init__()
        self.block0, self.encode = Block(), Encoder()

    def forward(self, img0, img1, timestep, div, grid, f0, f1):
        flow, mask, _ = self.block0(img0)
        warp(f0, 0 * flow[:, :2], div, grid)
        img0, img1 = warp(img0, flow[:, :2], div, grid), warp(img1, flow[:, 2:], div, grid)
        mask = torch.sigmoid(mask)
        return img0 * mask + img1 * (1 - mask) + timestep
"""
WARP = """
def warp(image, flow, div, grid):
    assert div.tolist() == [47.5, 31.5]
    assert grid.shape == (1, 2, 64, 96)
    assert grid[0, :, 0, 95].tolist() == [1, -1]
    return image
"""


@pytest.fixture(scope="module")
def committed():
    return goldens.read(GOLDENS)


def results(arrays: Arrays, changed: Change | None) -> Iterator[tuple[str, Arrays]]:
    """Every version with the arrays of its arch, or with what `changed` makes of them."""
    for version, arch in VERSIONS.items():
        values = goldens.of_arch(arrays, arch)
        yield version, changed(version, values) if changed else values


def moved(values: Arrays, key: str, by: float) -> Arrays:
    return {**values, key: values[key] + np.float32(by)}


def settle(mode: str, path: Path, arrays: Arrays, changed: Change | None = None) -> int:
    return make_goldens.settle(mode, path, goldens.read(GOLDENS)[0], results(arrays, changed))


def test_cases_are_those_of_the_committed_file(committed):
    index, _ = committed
    assert goldens.make_index(index["torch"], make_goldens.PEER_VERSION) == index


def test_every_array_belongs_to_a_case_and_has_a_tolerance(committed):
    index, arrays = committed
    largest = goldens.differences(arrays, arrays)
    assert largest == dict.fromkeys(goldens.TOLERANCES, 0)
    cases = {f"{arch}/{case['name']}" for arch, of in index["archs"].items() for case in of}
    assert {key.rpartition("/")[0] for key in arrays} == cases


def test_the_file_of_a_version_has_its_name():
    assert peer.module_name("4.6") == "IFNet_HDv3_v4_6"
    assert peer.module_name("4.12.lite") == "IFNet_HDv3_v4_12_lite"


def test_a_written_file_holds_what_the_committed_one_holds(committed, tmp_path):
    path = tmp_path / "goldens.npz"
    goldens.write(path, *committed)
    with np.load(GOLDENS) as wanted, np.load(path) as got:
        assert got.files == wanted.files
        for key in wanted.files:
            assert got[key].dtype == wanted[key].dtype
            assert np.array_equal(got[key], wanted[key])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "got",
    [{}, {"base/out": np.zeros((3, 1))}, {"base/out": np.full(3, np.nan)}, {"base/flow": 0}],
    ids=["missing", "shape", "nan", "other"],
)
def test_what_cannot_be_compared_is_beyond_every_tolerance(got):
    largest = goldens.differences({"base/out": np.zeros(3)}, got)
    assert largest["out"] == np.inf
    assert not goldens.within_tolerance(largest)


@pytest.mark.parametrize("mode", ["check", "make"])
def test_a_file_that_agrees_stays_as_it_is(committed, tmp_path, mode, capsys):
    path = tmp_path / "goldens.npz"
    path.write_bytes(GOLDENS.read_bytes())
    near = settle(mode, path, committed[1], lambda _, values: moved(values, "base/out", 2e-5))
    assert near == 0
    assert path.read_bytes() == GOLDENS.read_bytes()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:-1]] == list(VERSIONS)


@pytest.mark.parametrize(
    ("key", "by"), [("half/out", 1e-4), ("base/flow", 2e-4), ("base/mask", -1e-4)]
)
def test_a_difference_in_one_version_fails_the_check(committed, key, by, capsys):
    def changed(version, values):
        return moved(values, key, by) if version == "4.18" else values

    assert settle("check", GOLDENS, committed[1], changed) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "too much" in line] == ["4.18"]


def test_new_values_are_written(committed, tmp_path):
    index, arrays = committed
    path = tmp_path / "goldens.npz"
    assert settle("check", path, arrays) == 1
    assert not path.exists()
    assert settle("make", path, arrays) == 0
    assert settle("check", path, arrays) == 0
    assert settle("make", path, arrays, lambda _, values: moved(values, "base/out", 1)) == 0
    written_index, written = goldens.read(path)
    assert written_index == index
    assert np.array_equal(written["4.6/base/out"], arrays["4.6/base/out"] + 1)
    assert np.array_equal(written["4.6/base/mask"], arrays["4.6/base/mask"])


def test_a_file_with_other_cases_does_not_agree(committed, tmp_path):
    index, arrays = committed
    path = tmp_path / "goldens.npz"
    goldens.write(path, {**index, "peer": "vsrife 5.6.0"}, arrays)
    assert settle("check", path, arrays) == 1
    assert settle("make", path, arrays) == 0
    assert goldens.read(path)[0] == index


def test_versions_of_one_arch_that_differ_are_not_written(committed, tmp_path, capsys):
    def changed(version, values):
        return moved(values, "base/out", 1) if version == "4.18" else values

    path = tmp_path / "goldens.npz"
    assert settle("make", path, committed[1], changed) == 1
    assert "need rows of their own" in capsys.readouterr().out
    assert not path.exists()


def test_an_environment_without_the_peer_is_refused(capsys):
    assert make_goldens.main(["check", "--here"]) == 2
    said = capsys.readouterr()
    assert f"must have vsrife {make_goldens.PEER_VERSION}, not none" in said.err
    assert not said.out


def test_what_a_network_warps_and_blends_with_is_recorded(tmp_path: Path):
    (tmp_path / f"{peer.module_name('9.9')}.py").write_text(NETWORK)
    (tmp_path / "warplayer.py").write_text(WARP)
    case = goldens.Case("base", 64, 96, t=0.25, stride=1, flow_stride=3, trace_stride=5)
    module = peer.load(tmp_path, "9.9")
    arrays = peer.run(module, {"block0.beta": torch.tensor([2.0])}, case)
    left, right = peer.formula.make_images(64, 96)
    red, green = left[:1], left[1:2]
    weight = 1 / (1 + np.exp(-green))
    wanted = {
        "out": left * weight + right * (1 - weight) + 0.25,
        "flow": np.repeat(2 * red, 4, 0)[:, ::3, ::3],
        "mask": green[:, ::3, ::3],
        "block0": np.concatenate([np.repeat(2 * red, 4, 0), left[1:]])[:, ::5, ::5],
        "encoded0": -left[:, ::5, ::5],
    }
    assert arrays.keys() == wanted.keys()
    for name, value in wanted.items():
        assert np.allclose(arrays[name], value, atol=1e-6), name
