"""TFLite files of every row, run by ai-edge-litert, against the torch target."""

import numpy as np
import pytest

from tests.network.runs import ON_OPENVINO
from tests.network.tflite_cases import ROWS, by_tflite, by_torch, narrow, psnr, size_of, state_of
from vsrife.network.files import tflite_files
from vsrife.network.files.targets import FileOptions
from vsrife.network.table import Arch, arch_of

# Rounding of 600 nodes in a row, of pictures in 0..1 and of flow in pixels
TOLERANCE = 1e-3


@pytest.mark.parametrize("name", ROWS)
def test_a_whole_network_gives_the_image(name):
    row = narrow(name)
    found, wanted = by_tflite(row), by_torch(row)
    assert np.abs(wanted.flow).max() > 2  # warps matter
    assert set(found) == {"image"}
    assert found["image"].shape == wanted.image.shape
    assert np.abs(found["image"] - wanted.image).max() < TOLERANCE


# Of rows that are like others, in `.ci/slow`
SOME = [
    pytest.param(name, marks=() if name in (*ON_OPENVINO, "mobile3") else pytest.mark.slow)
    for name in ROWS
]


@pytest.mark.parametrize("name", SOME)
def test_flow_only_gives_flow_and_mask_at_half_size(name):
    row = narrow(name)
    found, wanted = by_tflite(row, FileOptions(flow_only=True)), by_torch(row)
    assert set(found) == {"flow", "mask"}
    for part in ("flow", "mask"):
        right = getattr(wanted, part)
        assert found[part].shape == right.shape
        assert np.abs(found[part] - right).max() < TOLERANCE


@pytest.mark.parametrize(
    ("name", "scale"),
    [("4.0", 0.5), ("4.7", 2.0), ("4.25", 4.0), ("nano", 0.5), ("mobile3", 0.5)],
)
def test_motion_is_seen_at_another_scale(name, scale):
    row = narrow(name)
    found = by_tflite(row, FileOptions(scale=scale))["image"]
    assert np.abs(found - by_torch(row, scale).image).max() < TOLERANCE


def test_an_ensemble_is_the_mean_of_both_directions():
    row = narrow("4.6")
    found = by_tflite(row, FileOptions(ensemble=True))["image"]
    assert np.abs(found - by_torch(row, ensemble=True).image).max() < TOLERANCE
    assert np.abs(found - by_torch(row).image).max() > 10 * TOLERANCE


@pytest.mark.parametrize("name", SOME)
def test_weights_in_fp16_are_within_50_db(name):
    row = narrow(name)
    found = by_tflite(row, FileOptions(precision="fp16"))["image"]
    assert 50 < psnr(found, by_torch(row).image) < 110  # and they are in fp16


@pytest.mark.parametrize("name", ["4.0", "4.14.lite", "4.25", "nano"])
def test_weights_in_int8_lose_little(name):
    # 8 bits for each output of a layer: 1/254 of its largest weight
    row = narrow(name)
    found = by_tflite(row, FileOptions(precision="int8"))["image"]
    assert 30 < psnr(found, by_torch(row).image) < 80


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_without_xnnpack_a_file_gives_the_same(precision):
    row, options = narrow("4.22.lite"), FileOptions(precision=precision)
    plain, usual = (by_tflite(row, options, plain=each)["image"] for each in (True, False))
    assert np.abs(plain - usual).max() < TOLERANCE


def nodes_of(row, **options):
    options = FileOptions(size=size_of(row), **options)
    return tflite_files.write(state_of(row), row, options, {}).nodes()


WARPING = {"CAST", "FLOOR", "GATHER"}


@pytest.mark.parametrize("name", [name for name in ROWS if isinstance(arch_of(name), Arch)])
def test_flow_only_keeps_to_the_gpu_list_but_for_warps_between_blocks(name):
    row = narrow(name)
    others = tflite_files.unlisted(nodes_of(row, flow_only=True))
    assert set(others) == WARPING
    # eight gathers for each block but the first: two images, four corners
    assert others["GATHER"] == 8 * (len(row.widths) - 1)


@pytest.mark.parametrize("name", [name for name in ROWS if isinstance(arch_of(name), Arch)])
def test_flow_of_a_single_block_is_all_on_the_gpu_list(name):
    nodes = nodes_of(narrow(name), flow_only=True, blocks=1)
    assert tflite_files.unlisted(nodes) == {}
    assert {"CONV_2D", "TRANSPOSE_CONV", "RESIZE_BILINEAR"} < {node.kind for node in nodes}


def test_a_mobile_network_of_one_scale_is_all_on_the_gpu_list():
    nodes = nodes_of(narrow("mobile1"), flow_only=True)
    assert tflite_files.unlisted(nodes) == {}
    # transposed convolutions up; no picture is enlarged or reduced by a resize
    kinds = [node.kind for node in nodes]
    assert kinds.count("TRANSPOSE_CONV") == 3
    assert "RESIZE_BILINEAR" not in kinds


def test_one_of_three_scales_warps_twice():
    others = tflite_files.unlisted(nodes_of(narrow("mobile3"), flow_only=True))
    assert set(others) == WARPING
    assert others["GATHER"] == 16  # four corners of two images each


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_first_blocks_are_a_network_of_their_own(count):
    row = narrow("4.22.lite")
    found = by_tflite(row, FileOptions(blocks=count, flow_only=True))
    wanted = by_torch(row.first(count), weights_of=row)
    assert np.abs(found["flow"] - wanted.flow).max() < TOLERANCE
    assert np.abs(found["mask"] - wanted.mask).max() < TOLERANCE


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("name", ["4.0", "4.25", "nano"])
def test_newer_delegates_take_all_of_it(name, precision):
    known = tflite_files.PUBLISHED | tflite_files.NEWER
    nodes = nodes_of(narrow(name), precision=precision)
    assert tflite_files.unlisted(nodes, known) == {}
    assert len(nodes) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_rows_at_their_full_width(name):
    row = arch_of(name)
    assert np.abs(by_tflite(row)["image"] - by_torch(row).image).max() < TOLERANCE
