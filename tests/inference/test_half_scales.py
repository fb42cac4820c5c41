"""OpenVINO in fp16 at scales other than 1, against PyTorch in fp32."""

import numpy as np
import pytest
import torch

from tests.network.runs import images, narrow_rows, network, sizes, state_of
from vsrife.inference.backends import openvino
from vsrife.inference.base import Hardware, Settings
from vsrife.inference.psnr import psnr
from vsrife.network.options import GraphOptions
from vsrife.network.table import ARCHS, SCALES
from vsrife.weights import save_weights

__all__ = ["narrow_rows"]  # a fixture
pytestmark = pytest.mark.usefixtures("narrow_rows")

# Each kind of row and each scale once
QUICK = {("4.2", 4), ("4.7", 0.25), ("4.14.lite", 0.5), ("4.25", 2), ("nano", 0.5)}
EACH = [
    pytest.param(row, scale, marks=[] if (row, scale) in QUICK else pytest.mark.slow)
    for row in ARCHS
    for scale in SCALES
    if scale != 1
]


@pytest.mark.parametrize(("row", "scale"), EACH)
def test_new_frames_are_those_of_pytorch_but_for_rounding(tmp_path, monkeypatch, row, scale):
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    path = tmp_path / "weights.safetensors"
    save_weights(path, state_of(row), {})
    width, height = sizes(row, GraphOptions(scale=scale))[0]
    left, right = (image.clip(0, 1) for image in images(width, height))
    with torch.inference_mode():
        net = network(row, scale, False)
        wanted = net(torch.from_numpy(left), torch.from_numpy(right), 0.3).clamp(0, 1)[0].numpy()
    hardware = Hardware(threads=1)
    settings = Settings(path, None, scale, False, True, True, width, height, hardware)
    session = openvino.BACKEND.open_session(settings)
    made = np.empty_like(wanted)
    session.interpolate(session.prepare(left[0]), session.prepare(right[0]), 0.3, list(made))
    # seen are 80 dB and more; flows that are off by a fiftieth give less than 72 in most rows
    assert psnr(made, wanted) > 72
