"""ONNX and ncnn files give back exactly the weights that went in, or say why not."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support import writers
from tests.support.states import random_state, save_pickle
from vsrife.errors import ModelError
from vsrife.network import state_dict, table
from vsrife.network.table import ARCHS
from vsrife.weights import importing, read_arrays
from vsrife.weights.readers import mapping

OFFICIAL = [name for name in table.IFNETS if name not in table.EMBEDDED]
# networks whose graphs differ in nothing but what a clamp does: one has named layers
TWINS = {"4.10": "4.13", "4.13": "4.10"}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The networks with an eighth of their widths: the same structure, a fiftieth of the bytes."""
    for name in OFFICIAL:
        widths = tuple(width // 8 for width in ARCHS[name].widths)
        monkeypatch.setitem(ARCHS, name, replace(ARCHS[name], widths=widths))
    assert mapping.ARCHS is ARCHS
    assert all(state_dict.ROWS[name] is ARCHS[name] for name in OFFICIAL)


def in_turn(forms):
    """For every row the first form, and one of the others in turn; all of them in `.ci/slow`."""
    first, *others = forms
    return [
        pytest.param(name, form, marks=() if form in kept else pytest.mark.slow)
        for i, name in enumerate(OFFICIAL)
        for kept in [(first, others[i % len(others)])]
        for form in forms
    ]


def assert_same(path, state, dtype=np.float32):
    back = read_arrays(path)
    assert set(back) == set(state)
    assert all(np.array_equal(back[key], state[key].astype(dtype)) for key in state)


@pytest.mark.parametrize("name", OFFICIAL)
def test_onnx_weights_with_names(tmp_path, name):
    state, file = random_state(name), tmp_path / "some.onnx"
    file.write_bytes(writers.onnx_bytes(name, state))
    row, path = importing.import_model(file, "mine")
    assert row.name == "mine"
    assert_same(path, state)


@pytest.mark.parametrize(
    ("name", "form"), in_turn([{}, {"runs": 2}, {"half": True}, {"beta_as": "constant"}])
)
def test_onnx_weights_without_names(tmp_path, name, form):
    state, file = random_state(name), tmp_path / "some.onnx"
    file.write_bytes(writers.onnx_bytes(name, state, named=False, **form))
    _, path = importing.import_model(file, "mine", arch=name)
    assert_same(path, state, np.float16 if "half" in form else np.float32)


@pytest.mark.parametrize(("name", "form"), in_turn([{}, {"runs": 2}, {"betas_first": False}]))
def test_ncnn_weights_in_fp32(tmp_path, name, form):
    state = random_state(name)
    writers.write_ncnn(tmp_path, name, state, **form)
    _, path = importing.import_model(tmp_path, "mine", arch=name)
    assert_same(path, state)


@pytest.mark.parametrize("name", OFFICIAL)
def test_ncnn_weights_in_fp16_round_the_convolutions_and_nothing_else(tmp_path, name):
    state = random_state(name)
    writers.write_ncnn(tmp_path, name, state, half=True)
    _, path = importing.import_model(tmp_path / "flownet.bin", "mine", arch=name)
    back = read_arrays(path)
    for key, value in state.items():
        rounded = value.ndim == 4 and value.shape[2] > 1
        assert np.array_equal(back[key], value.astype(np.float16) if rounded else value)


@pytest.mark.parametrize("name", TWINS)
def test_a_graph_that_two_networks_share_is_refused_with_both_names(tmp_path, name):
    file = tmp_path / "some.onnx"
    file.write_bytes(writers.onnx_bytes(name, random_state(name), named=False))
    with pytest.raises(ModelError, match=r"fits several networks, 4\.10 and 4\.13.*--arch"):
        importing.import_model(file, "mine")


@pytest.mark.parametrize(
    ("called", "name"), [("rife_v4.11.onnx", "4.11"), ("rife417.onnx", "4.17")]
)
def test_a_file_name_settles_what_the_graph_leaves_open(tmp_path, called, name):
    arch = table.VERSIONS[name]
    state, file = random_state(arch), tmp_path / called
    file.write_bytes(writers.onnx_bytes(arch, state, named=False))
    row, path = importing.import_model(file)
    assert row.name == name
    assert_same(path, state)


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("flownet_v4.25.lite.pkl", "4.25.lite"),
        ("rife49.pth", "4.9"),
        ("rife417.pth", "4.17"),
        ("rife_v4.26_heavy.onnx", "4.26.heavy"),
        ("rife-v4.22-lite_ensembleFalse/flownet.param", "4.22.lite"),
        ("train_log/flownet.pkl", None),
        ("rife31.pth", None),
        ("rife_v4.99.pkl", None),
    ],
)
def test_names_of_other_programs_are_understood(tmp_path, called, name):
    assert importing.guess_name(tmp_path / called, ARCHS) == name


def test_a_name_that_the_network_contradicts_is_no_name(tmp_path):
    file = save_pickle(tmp_path / "flownet_v4.25.pkl", random_state("4.6"))
    row, _ = importing.import_model(file)
    assert row.name == "4.6"


def test_weights_that_several_models_have_need_a_name(tmp_path):
    file = save_pickle(tmp_path / "flownet.pkl", random_state("4.25"))
    with pytest.raises(ModelError, match=r"several models are \(4\.25, 4\.26\); say which"):
        importing.import_model(file)


def test_a_graph_with_a_convolution_less_fits_nothing(tmp_path, monkeypatch):
    whole = writers.layers
    monkeypatch.setattr(writers, "layers", lambda *args: whole(*args)[:-1])
    file = tmp_path / "some.onnx"
    file.write_bytes(writers.onnx_bytes("4.6", random_state("4.6"), named=False))
    with pytest.raises(ModelError, match="no RIFE v4 network that is known: its 43 convolutions"):
        importing.import_model(file, "mine")


def test_betas_that_were_folded_away_are_not_guessed(tmp_path):
    state = random_state("4.6")
    content = writers.onnx_bytes("4.6", state, named=False).replace(b"Mul", b"Max")
    (tmp_path / "some.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="no RIFE v4 network that is known"):
        importing.import_model(tmp_path / "some.onnx", "mine")
