"""Files of ComfyUI and of other nodes: their keys, their wrappers, their folders."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from torch import nn

from tests.support.pickles import torch_zip
from tests.support.states import random_state, save_pickle
from vsrife.errors import ArgumentError, ModelError
from vsrife.network.state_dict import recognise
from vsrife.network.table import ARCHS, state_shapes
from vsrife.weights import import_folder, importing, read_arrays
from vsrife.weights.readers.families import described, official_keys


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The networks with an eighth of their widths: the same structure, a fiftieth of the bytes."""
    for name in ("4.6", "4.25", "4.25.lite", "4.26.heavy"):
        widths = tuple(width // 8 for width in ARCHS[name].widths)
        monkeypatch.setitem(ARCHS, name, replace(ARCHS[name], widths=widths))


class ComfyNetwork(nn.Module):
    """The modules of ComfyUI's own node for row 4.25, by which its files have their keys."""

    def __init__(self, widths, features=4):
        super().__init__()
        self.encode = nn.Module()
        for i in range(3):
            self.encode.add_module(f"cnn{i}", nn.Conv2d(16 if i else 3, 16, 3))
        self.encode.cnn3 = nn.ConvTranspose2d(16, features, 4)
        inputs = [7 + 2 * features] + [20 + 2 * features] * 4
        self.blocks = nn.ModuleList(self.block(*each) for each in zip(inputs, widths, strict=True))

    @staticmethod
    def block(inputs, width):
        block = nn.Module()
        convs = (nn.Conv2d(inputs, width // 2, 3), nn.Conv2d(width // 2, width, 3))
        block.conv0 = nn.Sequential(*(nn.Sequential(conv, nn.LeakyReLU()) for conv in convs))
        block.convblock = nn.ModuleList(nn.Module() for _ in range(8))
        for layer in block.convblock:
            layer.conv = nn.Conv2d(width, width, 3)
            layer.beta = nn.Parameter(torch.ones(1, width, 1, 1))
        block.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 52, 4), nn.PixelShuffle(2))
        return block


def comfy_state(prefix=""):
    network = ComfyNetwork(ARCHS["4.25"].widths)
    return {
        prefix + key: value.detach().numpy().astype(np.float16)
        for key, value in network.state_dict().items()
    }


@pytest.mark.parametrize("prefix", ["", "flownet.", "module.flownet.", "flownet.module."])
def test_comfyuis_files_in_fp16_are_imported(tmp_path, prefix):
    state = comfy_state(prefix)
    file = tmp_path / "rife_v4.26_fp16.safetensors"
    save_file(state, file)
    row, path = importing.import_model(file)
    assert row.name == "4.26"
    back = read_arrays(path)
    assert set(back) == set(state_shapes(ARCHS["4.25"]))
    for key, value in state.items():
        official = re.sub(r"^blocks\.(\d)", r"block\1", key.removeprefix(prefix))
        assert back[official].dtype == np.float16
        assert np.array_equal(back[official], value)


def test_they_also_run_by_path(tmp_path):
    save_file(comfy_state("flownet."), tmp_path / "a.safetensors")
    assert recognise(read_arrays(tmp_path / "a.safetensors")) == "4.25"


def test_training_parts_are_left_out_behind_prefixes_too(tmp_path):
    extra = {"flownet.teacher.conv.weight": np.zeros(3, np.float32)}
    save_file(comfy_state("flownet.") | extra, tmp_path / "a.safetensors")
    assert recognise(read_arrays(tmp_path / "a.safetensors")) == "4.25"


WORDS = st.sampled_from(["module.", "flownet.", "blocks.0.", "blocks.11.", "block0.", "x.", "y"])


@given(st.dictionaries(st.lists(WORDS, max_size=4).map("".join), st.integers(), max_size=6))
def test_no_tensor_is_lost_by_a_new_key(state):
    found = official_keys(state)
    assert list(found.values()) == list(state.values())
    assert official_keys(found) == found


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "params", "params_ema", "flownet"])
def test_weights_inside_a_checkpoint_are_found(tmp_path, wrapper):
    state = {key: torch.from_numpy(value) for key, value in random_state("4.6").items()}
    beside = {"epoch": 3, "optimizer": {"lr": 0.1, "steps": [1, 2]}, wrapper: state}
    torch.save(beside, tmp_path / "rife46.pth")
    row, path = importing.import_model(tmp_path / "rife46.pth")
    assert row.name == "4.6"
    back = read_arrays(path)
    assert all(np.array_equal(back[key], value) for key, value in state.items())


def test_the_averaged_weights_come_first(tmp_path):
    plain, averaged = (
        {key: torch.from_numpy(value) for key, value in random_state("4.6", seed).items()}
        for seed in (1, 2)
    )
    torch.save({"params": plain, "params_ema": averaged}, tmp_path / "a.pt")
    back = read_arrays(tmp_path / "a.pt")
    assert all(np.array_equal(back[key], value) for key, value in averaged.items())


REFUSED = {
    "FILM": {"extract.extract_sublevels.convs.0.0.conv.weight": (64, 3, 3, 3), "fuse.a": (3,)},
    "IFRNet": {"module.encoder.pyramid1.0.0.weight": (32, 3, 3, 3)},
    "EMA-VFI": {"module.feature_bone.conv.0.weight": (90, 3, 3, 3), "module.x": (1,)},
}


@pytest.mark.parametrize("family", REFUSED)
def test_a_refused_file_says_what_it_holds(tmp_path, family):
    shapes = REFUSED[family]
    state = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(ModelError) as caught:
        importing.import_model(tmp_path / "a.safetensors")
    text = str(caught.value)
    key, shape = next(iter(shapes.items()))
    assert f"it looks like {family}, which is another network" in text
    assert f"it holds {len(shapes)} tensors" in text
    assert f"{key} {list(shape)}" in text
    assert "\n" not in text


def test_names_of_tensors_cannot_fill_or_spoil_a_message():
    state = {"a" * 500 + "\x1b[31m": np.zeros(1)} | {f"k{i}": np.zeros(2) for i in range(50)}
    text = described(state)
    assert len(text) < 300
    assert text.isprintable()
    assert "it holds 51 tensors" in text


def test_a_program_is_refused_as_one(tmp_path):
    parts = {"archive/code/__torch__.py": b"def forward(): ...", "archive/constants.pkl": b"N."}
    (tmp_path / "film_net_fp32.pt").write_bytes(torch_zip(b"\x80\x02}.", **parts))
    with pytest.raises(ModelError, match="it is a TorchScript program"):
        importing.import_model(tmp_path / "film_net_fp32.pt")


@pytest.fixture
def comfyui(tmp_path):
    """A folder of ComfyUI with two models, one that is none, and the node package's model."""
    home = tmp_path / "ComfyUI"
    own = home / "models" / "frame_interpolation"
    node = home / "custom_nodes" / "comfyui-frame-interpolation" / "ckpts" / "rife"
    for folder in (own, node):
        folder.mkdir(parents=True)
    save_file(comfy_state(), own / "rife_v4.25.safetensors")
    save_file({"lora_a": np.zeros(3, np.float32)}, own / "other.safetensors")
    (own / "put_models_here").touch()
    (own / ".hidden.safetensors").touch()
    save_pickle(node / "rife46.pth", random_state("4.6"), prefix="")
    return home


def assert_found(outcomes):
    assert [(each.file.name, each.model and each.model.name) for each in outcomes] == [
        ("other.safetensors", None),
        ("rife_v4.25.safetensors", "4.25"),
        ("rife46.pth", "4.6"),
    ]
    assert "it looks like a LoRA" in outcomes[0].error
    assert all(each.path.is_file() for each in outcomes[1:])


def test_comfyuis_own_folder_gives_all_its_models(comfyui):
    heard = []
    outcomes = import_folder.import_all(comfyui, imported=heard.append)
    assert_found(outcomes)
    assert heard == outcomes


@pytest.mark.parametrize("place", ["ComfyUI", "comfy/ComfyUI", "Documents/ComfyUI"])
def test_comfyui_is_found_where_installers_put_it(comfyui, tmp_path, monkeypatch, place):
    user = tmp_path / "user"
    (user / place).parent.mkdir(parents=True)
    comfyui.rename(user / place)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(Path, "home", lambda: user)
    monkeypatch.delenv(import_folder.COMFYUI_VARIABLE, raising=False)
    assert_found(import_folder.import_all(Path("comfyui")))


def test_comfyui_is_found_by_its_variable_or_not_at_all(comfyui, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "nobody")
    monkeypatch.chdir(tmp_path / "ComfyUI" / "models")
    monkeypatch.setenv(import_folder.COMFYUI_VARIABLE, str(comfyui))
    assert len(import_folder.comfyui_folders()) == 2
    for name, said in {
        "gone": "COMFYUI_PATH is '.*gone', which is no folder; name ComfyUI's folder, or set",
        "ComfyUI/models": "COMFYUI_PATH is '.*models', which has no models/frame_interpolation or",
    }.items():
        monkeypatch.setenv(import_folder.COMFYUI_VARIABLE, str(tmp_path / name))
        with pytest.raises(ModelError, match=said):
            import_folder.import_all(Path("comfyui"))
    monkeypatch.delenv(import_folder.COMFYUI_VARIABLE)
    with pytest.raises(ModelError, match="none of the usual places; name ComfyUI's folder, or set"):
        import_folder.import_all(Path("comfyui"))


def test_a_folder_of_folders_gives_each_model(tmp_path):
    for name in ("4.6", "4.25.lite"):
        folder = tmp_path / f"rife-v{name}"
        folder.mkdir()
        save_pickle(folder / "flownet.pkl", random_state(name))
    found = import_folder.import_all(tmp_path)
    assert sorted(each.model.name for each in found) == ["4.25.lite", "4.6"]


def test_a_single_file_in_a_folder_may_get_a_name(tmp_path):
    (tmp_path / "x").mkdir()
    save_pickle(tmp_path / "x" / "whatever.pth", random_state("4.6"))
    (outcome,) = import_folder.import_all(tmp_path / "x", "mine")
    assert outcome.model.name == "mine"


@pytest.mark.parametrize(
    ("files", "name", "error", "said"),
    [
        ([], None, ModelError, "has no file that can be imported"),
        (["a.txt", "b.bin"], None, ModelError, "only .safetensors, .pkl"),
        (["a.pth", "b.pth"], "mine", ArgumentError, "name is for one file, and .* has 2"),
    ],
)
def test_folders_that_cannot_be_imported(tmp_path, files, name, error, said):
    folder = tmp_path / "models"
    folder.mkdir()
    for file in files:
        (folder / file).touch()
    with pytest.raises(error, match=said):
        import_folder.import_all(folder, name)
