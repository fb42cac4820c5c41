"""Exported folders in a real program, rife-ncnn-vulkan as a Python package.

It brings an ncnn of 2022 and needs Vulkan's loader, so it has an environment of its own:

    apt-get install libvulkan1
    python3 -m venv /tmp/rife
    /tmp/rife/bin/pip install rife-ncnn-vulkan-python-tntwise opencv-python-headless pillow
    export RIFE_NCNN_PYTHON=/tmp/rife/bin/python
    python -m pytest -m slow tests/network/test_ncnn_program.py

That is on the CPU. RIFE_NCNN_GPUID=0 takes a device of Vulkan, or what stands for one: a driver in
software is in Debian's mesa-vulkan-drivers.
"""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from tests.golden import formula
from tests.network.runs import network, state_of
from vsrife.export import export_model
from vsrife.inference.psnr import psnr
from vsrife.network.table import ARCHS, IFNETS, Arch
from vsrife.weights import save_weights

PYTHON = os.environ.get("RIFE_NCNN_PYTHON", "")
GPUID = os.environ.get("RIFE_NCNN_GPUID", "-1")
ROWS = list(IFNETS)
OURS = [row for row, arch in ARCHS.items() if not isinstance(arch, Arch)]
CASES = [(row, {}) for row in ROWS + OURS]
CASES += [("4.25", {"precision": "fp16"}), ("4.6", {"ensemble": True}), ("4.6", {"scale": 2.0})]
CASES += [("4.13", {"fold": True}), ("4.14.lite", {"fold": True})]
NAMES = {32: "rife-v4", 64: "rife-v4.25", 128: "rife-v4.25-lite"}  # by the padding they stand for
SIDE = 128  # pixels; a multiple of every padding
PROGRAM = """
import sys
from PIL import Image, ImageOps
from rife_ncnn_vulkan_python import Rife
gpuid, model, folder, *modes = sys.argv[1:]
rife = Rife(gpuid=int(gpuid), model=model, **dict.fromkeys(modes, True))
left, right = (Image.open(f"{folder}/{name}.png") for name in ("left", "right"))
mirrored = [ImageOps.mirror(picture) for picture in (left, right)]
rife.process(left, right, 0.25).save(f"{folder}/plain.png")
rife.process(right, left, 0.75).save(f"{folder}/swapped.png")
ImageOps.mirror(rife.process(*mirrored, 0.25)).save(f"{folder}/mirrored.png")
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="RIFE_NCNN_PYTHON names no Python with the program"),
]


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def run(folder, row, modes=(), **options):
    weights = folder / f"{row}.safetensors"
    save_weights(weights, state_of(row), {})
    exported = folder / NAMES[ARCHS[row].pad_unit(1.0)]
    export_model(weights, exported, target="ncnn", **options)
    pictures = formula.make_images(SIDE, SIDE)
    for name, picture in zip(("left", "right"), pictures, strict=True):
        whole = (picture.transpose(1, 2, 0) * 255).round().astype(np.uint8)
        Image.fromarray(whole).save(folder / f"{name}.png")
    command = [PYTHON, "-c", PROGRAM, GPUID, exported, folder, *modes]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # where it tells of layers and blobs that it does not find, and of the device in brackets
    assert [line for line in done.stderr.splitlines() if not line.startswith("[")] == []


@pytest.mark.parametrize(("row", "options"), CASES)
def test_the_program_makes_the_pictures_of_the_torch_network(row, options, tmp_path):
    run(tmp_path, row, **options)
    left, right = (
        torch.from_numpy(pixels(tmp_path / f"{name}.png") / 255).permute(2, 0, 1)[None].float()
        for name in ("left", "right")
    )
    net = network(row, options.get("scale", 1.0), options.get("ensemble", False))
    with torch.inference_mode():
        wanted = (net(left, right, 0.25)[0].permute(1, 2, 0).numpy() * 255).clip(0, 255)
    found = pixels(tmp_path / "plain.png")
    if GPUID == "-1":
        assert np.abs(found - wanted).max() < 0.6  # the program rounds to 8 bits
    else:
        assert psnr(found, wanted, 255) > 55  # and on Vulkan, all numbers to fp16; without, 58.9


@pytest.mark.parametrize("row", ["4.0", "4.2", "4.6", "4.15.lite"])
def test_its_modes_x_and_z_find_the_flows(row, tmp_path):
    """Then pictures are the same for swapped frames, and for mirrored ones."""
    run(tmp_path, row, ("tta_mode", "tta_temporal_mode"))
    plain, *others = (pixels(tmp_path / f"{n}.png") for n in ("plain", "swapped", "mirrored"))
    for other in others:
        assert np.abs(plain - other).max() <= (1 if GPUID == "-1" else 4)  # fp16
