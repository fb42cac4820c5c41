"""A teacher: a trained network that says how footage moves, where nobody knows."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.errors import ArgumentError, ModelError
from vsrife.network import build
from vsrife.network.module import Trace
from vsrife.network.state_dict import recognise
from vsrife.network.table import IFNETS
from vsrife.weights import read_weights


class Teacher:
    """A network of IFNet from a weights file, on a device.

    ModelError for a file that is no such network, ArgumentError for one whose flow is not to be had
    (4.0 and 4.1) or of another family.
    """

    def __init__(self, path: Path, device: str, autocast: bool = False) -> None:
        state = read_weights(path)
        try:
            row = recognise(state)
        except ModelError as error:
            raise ModelError(f"teacher {path}: {error}; name one of RIFE 4.2 to 4.26") from error
        if row not in IFNETS or IFNETS[row].rescales:
            raise ArgumentError(
                f"teacher must be weights of RIFE 4.2 to 4.26, not {path}, which is {row}"
            )
        net = build(row, state_dict=state).requires_grad_(False).to(device)
        self._net = net.to(memory_format=torch.channels_last)
        self._autocast = autocast

    @torch.no_grad()
    def __call__(self, img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        """Flow (N, 4, H, W), pixels, at timestep (N, 1, 1, 1) into img0 and img1 (N, 3, H, W)."""
        height, width = img0.shape[2:]
        unit = self._net.pad_unit
        padding = (0, -width % unit, 0, -height % unit)
        left, right = (F.pad(image, padding, mode="replicate") for image in (img0, img1))
        trace: Trace = []
        # its sums of flow stay in fp32
        with torch.autocast(img0.device.type, torch.bfloat16, enabled=self._autocast):
            sides = self._net.prepare(left), self._net.prepare(right)
            self._net.interpolate(*sides, timestep, trace)
        return trace[-1][0][:, :, :height, :width].float()
