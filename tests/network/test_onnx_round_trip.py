"""ONNX files that vsrife export writes give back the weights that went in, or say why not."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.states import random_state
from tests.support.store import own_store
from vsrife.errors import ArgumentError, ModelError
from vsrife.export import export_model
from vsrife.network.files import carried_weights
from vsrife.network.files.targets import WORDS
from vsrife.network.table import ARCHS, IFNETS, VERSIONS
from vsrife.weights import importing, read_arrays, save_weights

__all__ = ["own_store"]  # a fixture

OFFICIAL = list(IFNETS)
QUICK = ("4.0", "4.6", "4.14.lite", "4.25", "nano")
CASES = [
    pytest.param(row, layout, marks=[] if row in QUICK and layout != "v1" else pytest.mark.slow)
    for row in ARCHS
    for layout in WORDS["layout"]
]


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The networks with an eighth of their widths: the same structure, a fiftieth of the bytes."""
    for row in OFFICIAL:
        widths = tuple(width // 8 for width in ARCHS[row].widths)
        monkeypatch.setitem(ARCHS, row, replace(ARCHS[row], widths=widths))


def exported(row, folder, called="x.onnx", **options):
    """Weights of random numbers, and the main file made of them."""
    state, path = random_state(row), folder / f"{row}-weights.safetensors"
    save_weights(path, state, {})
    return state, export_model(path, folder / called, **options)[0]


def assert_back(file, state):
    _, path = importing.import_model(file, "mine")
    back = read_arrays(path)
    assert back.keys() == state.keys()
    for key, value in state.items():
        assert np.array_equal(back[key].view(np.uint32), value.view(np.uint32)), key


@pytest.mark.parametrize(("row", "layout"), CASES)
def test_what_is_exported_is_imported_bit_for_bit(row, layout, tmp_path):
    state, file = exported(row, tmp_path, layout=layout)
    for other in tmp_path.glob("*.*.onnx"):
        other.unlink()  # nothing beside the file is needed
    assert_back(file, state)


@pytest.mark.parametrize("options", [{"ensemble": True}, {"scale": 0.25}, {"size": (128, 128)}])
def test_so_it_is_with_every_option(options, tmp_path):
    state, file = exported("4.6", tmp_path, **options)
    assert_back(file, state)


@pytest.mark.parametrize("row", QUICK)
def test_fp16_gives_back_what_it_rounds_to(row, tmp_path):
    state, file = exported(row, tmp_path, precision="fp16")
    _, path = importing.import_model(file, "mine")
    back = read_arrays(path)
    assert back.keys() == state.keys()
    for key, value in state.items():
        layer = key.rpartition(".")[0].removesuffix(".conv")
        # what is rounded is the weight times its gain
        gain = np.abs(state.get(f"{layer}.beta", np.ones(1))).reshape(-1, *[1] * (value.ndim - 1))
        off = np.abs(back[key] - value)
        if key.endswith((".beta", ".sharpness")):
            assert not off.any()
        else:
            assert (off * gain <= np.abs(value) * gain * 2.0**-10 + 2.0**-22).all(), key


def test_the_type_of_weights_in_half_precision_comes_back(tmp_path):
    state = {key: value.astype(np.float16) for key, value in random_state("4.6").items()}
    save_weights(tmp_path / "h.safetensors", state, {})
    (file,) = export_model(tmp_path / "h.safetensors", tmp_path / "x.onnx")
    back = read_arrays(importing.import_model(file, "mine")[1])
    assert all(back[key].dtype == np.float16 for key in state)
    assert all(np.array_equal(back[key], value) for key, value in state.items())


def facts_changed(file, **facts):
    model = onnx.load(file)
    for entry in list(model.metadata_props):
        if entry.key in facts:
            model.metadata_props.remove(entry)
    for key, value in facts.items():
        if value is not None:
            model.metadata_props.add(key=key, value=value)
    file.write_bytes(model.SerializeToString())
    return file


REFUSED = {
    "the encoder": (".encode", {}, "is the part 'encoder' of a network; import the file beside"),
    "eight bits": ("", {"precision": "int8"}, "has weights in 8 bits; import the model"),
    "an older file": ("", {"weights": None}, r"was written by vsrife .*or export it again"),
    "other weights": ("", {"weights": "bm9uZQ=="}, "was changed since vsrife .* wrote it, so its"),
    "no text": ("", {"weights": "?", "model": "a\nb"}, r"export it again, or import .*\(a\?b\)"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_come_back_is_refused_by_name(fault, tmp_path):
    part, facts, said = REFUSED[fault]
    _, file = exported("4.25", tmp_path)
    file = facts_changed(file.with_name(f"x{part}.onnx"), **facts)
    with pytest.raises(ModelError, match=said) as caught:
        importing.import_model(file, "mine")
    assert "\n" not in str(caught.value)


def test_a_graph_that_was_changed_gives_no_weights(tmp_path):
    _, file = exported("4.6", tmp_path)
    model = onnx.load(file)
    weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.raw_data = weights.raw_data[:-1] + bytes([weights.raw_data[-1] ^ 1])
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"was changed since vsrife .*; export it again, or"):
        importing.import_model(file, "mine")


def test_another_version_than_the_name_of_the_file_says_is_refused(tmp_path):
    version = next(name for name, row in VERSIONS.items() if row == "4.25" and name != row)
    _, file = exported("4.25", tmp_path, f"rife_v{version}.onnx")
    with pytest.raises(ArgumentError, match=rf"is {version} by its name, and not 4\.25; leave"):
        importing.import_model(file, "4.25")
    assert importing.import_model(file, version)[0].name == version


def test_a_network_of_no_published_model_asks_for_a_name(tmp_path):
    _, file = exported("micro", tmp_path)
    with pytest.raises(ModelError, match="is a network micro, which no published model is; give"):
        importing.import_model(file)


@pytest.mark.parametrize("path", ["gone", "gone.tflite", "gone/x.onnx"])
def test_what_does_not_exist_is_said_not_to(path, tmp_path):
    with pytest.raises(ModelError, match="does not exist; check its path"):
        importing.import_model(tmp_path / path)


SHAPES = st.sampled_from([(4,), (1, 4, 1, 1), (4, 2, 3, 3), (4, 4, 3, 3), (4, 4, 4, 4), (1,)])


@given(
    shape=SHAPES,
    seed=st.integers(0, 99),
    half=st.booleans(),
    cut=st.integers(0, 3),
    factor=st.sampled_from([0.0, 1.0, -4.0, 1e-30, 3.3]),
)
def test_any_weights_are_unpacked_from_any_layers(shape, seed, half, cut, factor):
    """Whatever layers have to do with them."""
    random = np.random.default_rng(seed)
    value = random.standard_normal(shape).astype(np.float32)
    state = {"a.conv.weight": value, "a.beta": np.float32([0, -1e-20, 2, 1]).reshape(1, 4, 1, 1)}
    layer = (value[cut:] * np.float32(factor))[::-1]
    layers = {"a.conv.weight": layer.astype(np.float16) if half else layer}
    back = carried_weights.unpack(carried_weights.pack(state, layers), layers, 1 << 20)
    assert back.keys() == state.keys()
    assert np.array_equal(back["a.beta"], state["a.beta"])
    wanted = value.astype(np.float16) if half else value
    assert np.abs(back["a.conv.weight"] - wanted).max() <= (1e-2 if half else 0)
    with pytest.raises(ValueError, match="cut short, or too many"):
        carried_weights.unpack(carried_weights.pack(state, layers), layers, 8)


def test_what_is_packed_depends_on_the_weights_alone():
    """Files of weights are read in another order each time; an export twice is the same file."""
    random = np.random.default_rng(0)
    names = [f"{layer}.{kind}" for layer in "cab" for kind in ("beta", "weight")]
    state = {name: random.standard_normal((4, 1, 1, 1)).astype(np.float32) for name in names}
    others = dict(reversed(state.items()))
    assert carried_weights.pack(state, state) == carried_weights.pack(others, others)


@pytest.mark.parametrize("count", [3, 40])
def test_a_few_words_cannot_ask_for_all_memory(count):
    """Tensors that cost nothing in the file, each as large as all may be together."""
    most = 1 << 20
    how = {"shape": [most // 8], "type": "<f4", "near": True}
    head = json.dumps({"tensors": {f"t{k}": how for k in range(count)}, "sha256": ""}).encode()
    content = len(head).to_bytes(carried_weights._LENGTH, "little") + head
    text = base64.b64encode(zlib.compress(content)).decode()
    with pytest.raises(ValueError, match="no proper shape"):
        carried_weights.unpack(text, {}, most)
