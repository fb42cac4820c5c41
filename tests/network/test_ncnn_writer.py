"""What no RIFE has, and the writer of ncnn files must do right all the same."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.network.ncnn_runtime import Ncnn
from vsrife.network.operations.ncnn.ncnn_operations import NcnnOperations
from vsrife.network.operations.ncnn.ncnn_writer import Writer

X = np.random.default_rng(0).uniform(-1, 1, (1, 4, 6)).astype(np.float32)
WEIGHT = np.linspace(-1, 1, 9, dtype=np.float32).reshape(1, 1, 3, 3)
BIAS = np.full(1, 0.25, np.float32)


def convolved(x, kernel, bias):
    windows = sliding_window_view(np.pad(x, 1), (3, 3))
    return (windows * kernel).sum((2, 3)) + bias


def leaky(x):
    return np.where(x < 0, 0.2 * x, x)


@pytest.mark.parametrize("half", [False, True])
def test_an_odd_number_of_weights_is_read_to_its_end(half):
    w = Writer(half=half)
    ops = NcnnOperations(w)
    first = ops.conv(w.input("x", 1), "a", WEIGHT, BIAS)
    param, weights = w.files(ops.conv(first, "b", 2 * WEIGHT, -BIAS))
    # a tag, 9 weights, a bias; in fp16 18 bytes and 2 more, to a multiple of 4
    assert len(weights) == 2 * (4 + (20 if half else 36) + 4)
    (got,) = Ncnn(param, weights)({"x": X}, "b")
    wanted = convolved(convolved(X[0], WEIGHT[0, 0], 0.25), 2 * WEIGHT[0, 0], -0.25)
    assert np.abs(got[0] - wanted).max() < (1e-2 if half else 1e-5)


def test_a_convolution_that_others_read_keeps_its_own_output():
    w = Writer()
    ops = NcnnOperations(w)
    plain = ops.conv(w.input("x", 1), "a", WEIGHT, BIAS)
    both = ops.join([plain, ops.leaky(plain)])
    (got,) = Ncnn(*w.files(both))({"x": X}, both.name)
    assert (got[0] < 0).any()
    assert np.abs(got[1] - leaky(got[0])).max() < 1e-6


def test_equal_layers_are_written_once_and_unused_ones_not_at_all():
    w = Writer()
    ops = NcnnOperations(w)
    x = w.input("x", 1)
    ops.exp(x)
    found = ops.add(ops.sigmoid(x), ops.sigmoid(x))
    param, weights = w.files(found)
    assert weights == b""
    kinds = [line.split()[0] for line in param.decode().splitlines()[2:]]
    assert kinds == ["Input", "Sigmoid", "Split", "BinaryOp"]
    (got,) = Ncnn(param, weights)({"x": X}, found.name)
    assert np.abs(got - 2 / (1 + np.exp(-X))).max() < 1e-6


def test_names_of_layers_are_unique_and_say_where_they_are():
    w = Writer()
    ops = NcnnOperations(w)
    x = w.input("x", 1)
    with ops.scope("block0"):
        a = ops.conv(x, "conv", WEIGHT, BIAS)
        b = ops.conv(a, "conv", WEIGHT, BIAS)
    assert [a.name, b.name] == ["block0.conv", "block0.conv_2"]
    assert w.rename(b, "out0").name == "out0"
    assert b" block0.conv out0 " in w.files(w.rename(b, "out0"))[0]


@pytest.mark.parametrize("sizes", [[4, 4], [2, 4, 2]])
def test_selected_channels_are_shuffled_as_they_are(sizes):
    """Whole squares of four are selected after the shuffle, as in files of others."""
    x = np.arange(8 * 2 * 3, dtype=np.float32).reshape(8, 2, 3)
    w = Writer()
    ops = NcnnOperations(w)
    found = ops.pixel_shuffle(ops.split(w.input("x", 8), sizes)[1])
    (got,) = Ncnn(*w.files(found))({"x": x}, found.name)
    selected = x[sizes[0] : sizes[0] + 4]
    wanted = selected.reshape(2, 2, 2, 3).transpose(2, 0, 3, 1).reshape(1, 4, 6)
    assert np.array_equal(got, wanted)
