"""precision="bf16": what it goes together with, what is narrow in it, and that pictures stay."""

import shutil

import numpy as np
import onnx
import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import formula
from tests.support.ball import ball
from tests.support.clips import clip_of, noise, pictures
from vsrife import rife
from vsrife.errors import ArgumentError
from vsrife.inference import network_options, select
from vsrife.inference.base import Hardware
from vsrife.inference.graphs import bf16, bf16_graphs
from vsrife.network.graphs import build_flow
from vsrife.network.options import GraphOptions
from vsrife.network.table import ARCHS, EMBEDDED
from vsrife.weights.folders import embedded_file

SIZE = (64, 48)
# Of 0..1, on average: less than half a step of 8 bits
TOLERANCE = 0.5 / 255

normal_bits = st.builds(  # neither subnormal, which some runtimes flush to 0, nor at the very end
    lambda sign, exponent, rest: (sign << 31) | (exponent << 23) | rest,
    st.integers(0, 1),
    st.integers(1, 253),
    st.integers(0, 2**23 - 1),
)


@given(st.lists(normal_bits, min_size=1, max_size=20))
def test_weights_are_rounded_to_the_nearest_bf16(drawn):
    bits = np.array(drawn, np.uint32)
    found = bf16_graphs.rounded(bits.view(np.float32)).astype(np.uint32) << 16
    below = bits & 0xFFFF0000
    values, nearest, low, high = (
        each.view(np.float32).astype(np.float64) for each in (bits, found, below, below + 0x10000)
    )
    apart = np.minimum(np.abs(low - values), np.abs(high - values))
    assert np.all(np.abs(nearest - values) <= apart)


def test_convolutions_are_narrow_and_all_else_is_not():
    options = GraphOptions(half=True, size=(64, 64))
    graph = build_flow(formula.make_state("4.25"), ARCHS["4.25"], options)
    found = onnx.ModelProto.FromString(bf16_graphs.narrowed(graph.SerializeToString()))
    types = {tensor.name: tensor.data_type for tensor in found.graph.initializer}
    weights = {
        name
        for node in found.graph.node
        if node.op_type in ("Conv", "ConvTranspose")
        for name in node.input[1:]
    }
    assert weights
    assert {types[name] for name in weights} == {onnx.TensorProto.BFLOAT16}
    others = {kind for name, kind in types.items() if name not in weights}
    assert others <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    assert {value.type.tensor_type.elem_type for value in found.graph.output} == {
        onnx.TensorProto.FLOAT
    }


def test_weights_keep_their_shape_and_nearly_their_values():
    options = GraphOptions(half=True, size=(64, 64))
    graph = build_flow(formula.make_state("4.6"), ARCHS["4.6"], options)
    found = onnx.ModelProto.FromString(bf16_graphs.narrowed(graph.SerializeToString()))
    for before, after in zip(graph.graph.initializer, found.graph.initializer, strict=True):
        one, other = (
            np.asarray(onnx.numpy_helper.to_array(tensor), np.float64) for tensor in (before, after)
        )
        assert one.shape == other.shape
        assert np.all(np.abs(one - other) <= np.abs(one) * 2**-8)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"backend": "onnx"}, "backend='onnx'"),
        ({"backend": "pytorch"}, "backend='pytorch'"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"device": "cuda:1"}, "device='cuda:1'"),
        ({"provider": "cpu"}, "provider='cpu'"),
        ({"memory_limit": 500}, "memory_limit=500"),
        ({"trt": True}, "trt=True"),
        ({"model": "some.onnx"}, "an ONNX file"),
    ],
)
def test_what_cannot_have_it_is_refused_in_one_line(asked, named):
    with pytest.raises(ArgumentError) as told:
        network_options.read(64, 48, precision="bf16", **asked)
    assert str(told.value).startswith('precision="bf16" is for backend "openvino" on a CPU')
    assert named in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("asked", [{}, {"backend": "openvino"}, {"device": "cpu", "threads": 1}])
def test_what_can_have_it_is_taken(asked):
    options = network_options.read(64, 48, precision="bf16", **asked)
    assert options.runner == "openvino"


def test_without_it_the_backend_is_the_one_that_is_named():
    assert network_options.read(64, 48).runner is None
    assert network_options.read(64, 48, backend="onnx").runner == "onnx"
    bf16.check(None, [Hardware()])


needs_openvino = pytest.mark.skipif(
    not select.is_installed("openvino"), reason="OpenVINO is not installed"
)


def has_bf16():
    if not select.is_installed("openvino"):
        return False
    from vsrife.inference.backends import openvino

    return "BF16" in openvino.ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.fixture
def without_bf16(monkeypatch):
    """A CPU that does not multiply in bf16."""
    from vsrife.inference.backends import openvino

    monkeypatch.setattr(openvino, "multiplies_in_bf16", lambda: False)


@needs_openvino
def test_a_cpu_without_it_is_told_so(without_bf16, weights):
    with pytest.raises(vs.Error, match='precision="bf16" needs a CPU with AVX512-BF16 or AMX'):
        rife(clip_of(noise(*SIZE), 2), model=weights(), precision="bf16")


def new_frame(**arguments):
    return pictures(rife(clip_of(ball, 2), backend="openvino", threads=1, **arguments))[1]


@needs_openvino
def test_a_cpu_without_it_has_our_models_in_fp32(without_bf16):
    assert np.array_equal(new_frame(), new_frame(precision="fp32"))


needs_bf16 = pytest.mark.skipif(not has_bf16(), reason="this CPU does not multiply in bf16")


@needs_openvino
@needs_bf16
@pytest.mark.parametrize("model", EMBEDDED)
def test_our_models_have_it_where_nothing_else_is_asked_for(model):
    narrow = new_frame(model=model, precision="bf16")
    assert np.array_equal(new_frame(model=model), narrow)
    assert not np.array_equal(new_frame(model=model, precision="fp32"), narrow)


@needs_openvino
@needs_bf16
def test_other_models_have_it_only_if_it_is_asked_for(weights, tmp_path):
    own = tmp_path / "nano.safetensors"  # somebody's training: nobody has looked what it loses
    shutil.copy(embedded_file("nano.safetensors"), own)
    for model in (own, weights()):
        exact = new_frame(model=model, precision="fp32")
        assert np.array_equal(new_frame(model=model), exact)
        assert not np.array_equal(new_frame(model=model, precision="bf16"), exact)


@needs_openvino
@needs_bf16
def test_pictures_are_nearly_those_of_fp32():
    clip = clip_of(ball, 2)
    exact, narrow = (
        pictures(rife(clip, model="nano", backend="openvino", precision=precision, threads=1))
        for precision in ("fp32", "bf16")
    )
    differences = [np.abs(one - other) for one, other in zip(exact, narrow, strict=True)]
    assert 0 < np.mean(differences[1]) < TOLERANCE
    assert not np.any(differences[0])  # source frames are what they were


@needs_openvino
@needs_bf16
def test_what_is_kept_of_one_precision_is_not_taken_for_another(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path))
    clip, found = clip_of(noise(*SIZE), 2), []
    for precision in ("fp16", "bf16", "fp16", "bf16"):
        new = rife(clip, model=weights(), backend="openvino", precision=precision, threads=1)
        found.append(np.asarray(pictures(new)[1]))
        del new
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[1], found[3])
    assert not np.array_equal(found[0], found[1])
