"""Runs ncnn networks on the CPU, with rife.Warp as a layer in Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ncnn
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Warp(ncnn.Layer):  # type: ignore[misc]  # ncnn has no types
    """What rife-ncnn-vulkan and its forks register: image (C, H, W), flow (2, H, W) in pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.one_blob_only = False
        self.support_inplace = False

    def forward(self, bottoms: Any, tops: Any, options: Any) -> int:
        image, flow = np.array(bottoms[0]), np.array(bottoms[1])
        height, width = image.shape[1:]
        rows, columns = np.mgrid[:height, :width]
        x = np.clip(columns + flow[0], 0, width - 1)
        y = np.clip(rows + flow[1], 0, height - 1)
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
        across, down = x - left, y - top
        above = image[:, top, left] * (1 - across) + image[:, top, right] * across
        below = image[:, bottom, left] * (1 - across) + image[:, bottom, right] * across
        tops[0].clone_from(mat(above * (1 - down) + below * down), options.blob_allocator)
        return 0


def mat(array: NDArray[Any]) -> Any:
    """An ncnn tensor with a copy of the array."""
    kept = np.ascontiguousarray(array, np.float32)  # a Mat of an array does not keep it alive
    return ncnn.Mat(kept).clone()


class Ncnn:
    """One network; call it with arrays (C, H, W) by name, and get the outputs of these names."""

    def __init__(self, param: bytes, weights: bytes) -> None:
        self._layers: list[Warp] = []
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = 1
        options.use_vulkan_compute = False
        for name in dir(options):  # all that computes in fewer bits
            if any(part in name for part in ("fp16", "bf16", "int8", "winograd")):
                setattr(options, name, False)
        self._net.register_custom_layer("rife.Warp", self._create, lambda layer: None)
        with TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("x.param", "x.bin")]
            for file, content in zip(files, (param, weights), strict=True):
                file.write_bytes(content)
            assert self._net.load_param(str(files[0])) == 0
            assert self._net.load_model(str(files[1])) == 0

    def _create(self) -> Warp:
        self._layers.append(Warp())  # else Python would free it at once
        return self._layers[-1]

    def __call__(self, feeds: Mapping[str, NDArray[Any]], *outputs: str) -> list[Array]:
        found = []
        with self._net.create_extractor() as extractor:
            for name, array in feeds.items():
                assert extractor.input(name, mat(array)) == 0
            for name in outputs:
                status, tensor = extractor.extract(name)
                assert status == 0
                found.append(np.array(tensor))
        return found
