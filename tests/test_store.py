"""Weight files: finding, reading and writing them."""

import pytest
import torch

from vsrife import store
from vsrife.errors import ModelError


def test_the_embedded_model_is_found_by_default_and_by_name():
    assert (
        store.find_weights(None)
        == store.find_weights("nano")
        == store.model_dir / "nano.safetensors"
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".pkl", ".pth"])
def test_official_files_of_every_kind_are_found(tmp_path, monkeypatch, suffix):
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path))
    file = tmp_path / f"flownet_v4.25.lite{suffix}"
    file.write_bytes(b"something")
    assert store.find_weights("4.25.lite") == file


def test_the_users_folder_needs_no_setting(monkeypatch):
    monkeypatch.delenv(store.FOLDER_VARIABLE, raising=False)
    assert store.user_folder().name == "models"


def test_weights_written_are_read_back_the_same(tmp_path):
    state = {"b": torch.rand(2, 3, 4).transpose(0, 2), "a": torch.arange(3.0)}
    store.save_weights(tmp_path / "w.safetensors", state, {"licence": "MIT"})
    back = store.read_weights(tmp_path / "w.safetensors")
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    store.save_weights(path, {"a": torch.zeros(1)}, {})
    old = path.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(store.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        store.save_weights(path, {"a": torch.ones(1)}, {})
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_suffixes_and_home_folders_are_taken_as_people_write_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "W.PTH").touch()
    assert store.model_name("W.PTH") is None
    assert store.find_weights("~/W.PTH") == tmp_path / "W.PTH"


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"must be one of \.safetensors, \.pkl"):
        store.read_weights(tmp_path / "model.onnx")
