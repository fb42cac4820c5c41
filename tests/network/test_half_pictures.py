"""Shipped models in fp16 on drawn pictures: the promise of 50 dB, as half_table has it of films.

As ONNX; test_openvino_files has it of OpenVINO. Wide, where coordinates lose more.
"""

import numpy as np
import pytest

from tests.network.half_table import differences, unrounded
from vsrife.media.demo_film import draw
from vsrife.network.table import EMBEDDED
from vsrife.weights import find_weights, read_arrays

WIDTH, HEIGHT = 320, 128


def drawn(t):
    return np.ascontiguousarray(draw(t)[-HEIGHT:, -WIDTH:].transpose(2, 0, 1)[None], np.float32)


@pytest.mark.parametrize("name", EMBEDDED)
def test_new_frames_in_fp16_lose_little(name):
    # as trained: the files themselves are in fp16, and of a pyramid nothing else is rounded
    state = unrounded(dict(read_arrays(find_weights(name))))
    (found,) = differences(name, state, "onnx", [(drawn(0.4), drawn(0.528))])
    # seen are 72 and 77; where a grid's coordinates are in fp16, 60
    assert 67 < found < 110  # and it is in fp16
