"""The warp of small, bilinear and bicubic."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from vsrife.network.previous.torch.correlation import correlate
from vsrife.network.previous.torch.warp import base_grid, warp


@settings(deadline=None, max_examples=40)
@given(
    dx=st.integers(-70, 70),
    dy=st.integers(-70, 70),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    mode=st.sampled_from(["bilinear", "bicubic"]),
)
def test_warp_by_whole_pixels_reads_that_pixel_or_the_edge(dx, dy, height, width, mode):
    image = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
    flow = (
        torch.tensor([dx, dy], dtype=torch.float32).reshape(1, 2, 1, 1).expand(1, 2, height, width)
    )
    rows = (torch.arange(height) + dy).clamp(0, height - 1)
    columns = (torch.arange(width) + dx).clamp(0, width - 1)
    wanted = image[:, :, rows][:, :, :, columns]
    assert (warp(image, flow, base_grid(image), mode) - wanted).abs().max() < 1e-3


def test_warp_between_pixels_is_bilinear():
    image = torch.tensor([[[[0.0, 1.0], [2.0, 4.0]]]])
    flow = torch.tensor([0.25, 0.5]).reshape(1, 2, 1, 1).expand(1, 2, 2, 2)
    wanted = 0.75 * (0.0 + 2.0) / 2 + 0.25 * (1.0 + 4.0) / 2
    assert math.isclose(
        warp(image, flow, base_grid(image))[0, 0, 0, 0].item(), wanted, abs_tol=1e-6
    )


def test_a_bicubic_warp_keeps_detail_that_a_bilinear_one_blurs():
    def wave(start):  # 6 pixels long
        return torch.sin((torch.arange(48) + start) * math.pi / 3).expand(1, 1, 6, 48)

    flow = torch.tensor([0.5, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 6, 48)
    blurred, sharp = (
        (warp(wave(0.0), flow, base_grid(flow), mode) - wave(0.5))[..., 4:-4].abs().max()
        for mode in ("bilinear", "bicubic")
    )
    assert sharp < blurred / 4


def test_correlation_peaks_where_the_right_picture_has_moved():
    torch.manual_seed(0)
    left = F.normalize(torch.randn(1, 64, 12, 12), dim=1)
    right = left.roll((2, -1), (2, 3))  # 2 down, 1 to the left
    best = correlate(left, right, 3)[0, :, 5:7, 5:7].flatten(1).mean(1).argmax().item()
    assert divmod(best, 7) == (3 + 2, 3 - 1)
