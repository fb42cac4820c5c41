"""From a name to a file: what is found, what is said when nothing is, nothing fetched unasked."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import vsrife
from tests.support.states import random_state, save_pickle
from vsrife.errors import ArgumentError, ModelError
from vsrife.network.table import ARCHS, EMBEDDED, VERSIONS, known_models
from vsrife.weights import (
    FOLDER_VARIABLE,
    catalogue,
    embedded_folder,
    files,
    find_weights,
    folders,
    importing,
    library,
    locate,
    model_name,
    read_arrays,
    read_weights,
    save_weights,
    user_folder,
    verify,
)


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_models_are_found_by_name(name):
    assert find_weights(name) == embedded_folder / f"{name}.safetensors"


def test_the_embedded_default_is_found_without_any_list(add_rows):
    add_rows("this is no list")
    assert find_weights(None).is_file()
    with pytest.raises(ModelError, match=r"list of models .*models\.toml cannot be read"):
        find_weights("4.25")


def test_every_known_model_has_one_row_and_the_other_way_round():
    rows = catalogue.catalogue()
    assert tuple(rows) == known_models()
    for name, row in rows.items():
        assert row.arch == VERSIONS.get(name, name)
        assert row.good_at
        assert row.licence == "MIT"
        assert row.origin
        assert row.embedded or row.sources[0].endswith(
            f"/vs-rife/releases/download/model/{row.file}"
        )
    assert set(catalogue.memory()) == set(ARCHS) >= {row.arch for row in rows.values()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pkl", ".pth"])
def test_official_files_of_every_kind_are_found(own_store, suffix):
    own_store.mkdir()
    file = own_store / f"flownet_v4.25.lite{suffix}"
    if suffix == ".safetensors":
        files.save_weights(file, random_state("4.25.lite"), {})
    else:
        save_pickle(file, random_state("4.25.lite"))
    assert find_weights("4.25.lite") == file


def test_files_that_vs_rife_has_left_are_found(tmp_path, monkeypatch):
    monkeypatch.undo()  # the test's own store hides them
    folder = tmp_path / "site-packages" / "vsrife" / "models"
    folder.mkdir(parents=True)
    (folder / "flownet_v4.25.lite.pkl").write_bytes(b"something")
    (folder / "flownet_v4.24.pkl").touch()  # its placeholder
    monkeypatch.setenv(folders.FOLDER_VARIABLE, str(tmp_path / "store"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site-packages")])
    assert find_weights("4.25.lite") == folder / "flownet_v4.25.lite.pkl"
    with pytest.raises(ModelError, match="has not been downloaded"):
        find_weights("4.24")


def test_a_missing_model_says_what_where_from_and_where_to(own_store):
    with pytest.raises(ModelError) as caught:
        find_weights("4.25")
    text = str(caught.value)
    row = catalogue.catalogue()["4.25"]
    for part in (row.file, row.sources[0], row.sha256, str(own_store), "vsrife models fetch 4.25"):
        assert part in text
    assert not own_store.exists()


def test_unknown_names_are_answered_with_near_ones_also_of_the_users_own(tmp_path):
    file = save_pickle(tmp_path / "flownet.pkl", random_state("micro"))
    importing.import_model(file, "animation")
    assert model_name("animation") is None
    assert find_weights("animation").name == "animation.safetensors"
    near = r"one of the \d+ names of .*did you mean animation\?"
    with pytest.raises(ArgumentError, match=near) as said:
        model_name("animatoin")
    assert len(str(said.value)) < 160  # near names, and not all
    with pytest.raises(ArgumentError, match=r"did you mean .*4\.25"):
        model_name("v4.255")


def test_the_users_folder_needs_no_setting(monkeypatch):
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert user_folder().name == "models"
    monkeypatch.setattr(folders.os, "environ", {})
    assert find_weights(None).is_file()


def test_suffixes_and_home_folders_are_taken_as_people_write_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "W.PTH").touch()
    assert model_name("W.PTH") is None
    assert find_weights("~/W.PTH") == tmp_path / "W.PTH"


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"must be one of \.safetensors, \.pkl"):
        read_arrays(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("name", "way"),
    [
        (
            "x.xml",
            "OpenVINO's IR is written for other programs and not read back; name the weights",
        ),
        ("x.tflite", "TFLite is written for other programs and not read back"),
        ("x.param", "`vsrife models import` takes ncnn's files"),
        ("x.bin", "`vsrife models import` takes ncnn's files"),
    ],
)
def test_files_of_an_export_are_told_from_weights(name, way, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    assert find_weights(name) == Path(name)
    with pytest.raises(ModelError, match=way):
        read_arrays(Path(name))


@pytest.mark.parametrize(("name", "error"), [("rife-v4.25", ArgumentError), ("./x", ModelError)])
@pytest.mark.parametrize(
    ("inside", "way"),
    [
        ("flownet.param", "`vsrife models import` takes ncnn's files"),
        ("flownet.pkl", r"name \S*flownet.pkl"),
        ("", "name the file in it"),
    ],
)
def test_a_folder_as_a_model_says_what_to_do_with_what_is_in_it(
    name, error, inside, way, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    if inside:
        Path(name, inside).touch()
    with pytest.raises(error, match=f"{Path(name)} is a folder; {way}$"):
        find_weights(name)


@pytest.mark.parametrize(
    ("name", "content", "way"),
    [
        ("z.zip", b"PK\x03\x04", "it is an archive; unpack it"),
        ("l", b"version https://git-lfs", "it is a pointer of Git LFS, .*"),
        ("x.txt", b"text", "rename it if it is one of these"),
    ],
)
def test_a_file_of_another_kind_is_no_name(name, content, way, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    suffix = Path(name).suffix
    with pytest.raises(ArgumentError, match=rf"end in \.safetensors, .*, not '{suffix}'; {way}"):
        find_weights(name)


def test_a_published_hash_is_demanded_of_files_put_there_by_hand(own_store):
    own_store.mkdir()
    save_pickle(own_store / "flownet_v4.6.pkl", random_state("4.6"))
    with pytest.raises(ModelError, match=r"has sha256 .*, not 008646e7.* of the published file"):
        find_weights("4.6")


def test_where_none_is_published_the_first_use_counts(own_store):
    own_store.mkdir()
    file = own_store / "flownet_v4.9.pkl"
    save_pickle(file, random_state("4.7"))
    assert find_weights("4.9") == find_weights("4.9") == file
    save_pickle(file, random_state("4.7", 1))
    with pytest.raises(ModelError, match=r"recorded at its first use.*vsrife models import"):
        find_weights("4.9")
    importing.import_model(file, "4.9")
    assert find_weights("4.9") == own_store / "flownet_v4.9.safetensors"


def test_a_store_that_cannot_be_written_is_read(own_store, monkeypatch):
    own_store.mkdir()
    save_pickle(own_store / "flownet_v4.25.lite.pkl", random_state("4.25.lite"))
    monkeypatch.setattr(folders.os, "access", lambda *args, **options: False)
    assert find_weights("4.25.lite").is_file()
    assert [path.name for path in own_store.iterdir()] == ["flownet_v4.25.lite.pkl"]
    with pytest.raises(ModelError, match=r"cannot be written; set VSRIFE_MODEL_DIR"):
        library.fetch_model(locate.find_model("4.24"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(folders.FOLDER_VARIABLE, str(tmp_path / "file" / "models"))
    assert find_weights(None).is_file()
    with pytest.raises(ModelError, match=r"model folder .*models cannot be written \(.*set VSRIFE"):
        library.fetch_model(locate.find_model("4.24"))


ROWS = {
    'arch = "4.99"': "arch must be one of",
    'arch = "micro"\nsize = "12"': "size must be a int",
    'file = "../../evil.pkl"': "must be letters, digits",
    'file = "models.7z"': "file must be one of .safetensors, .pkl",
    'sha256 = "123"': "sha256 must be 64 digits",
    'mirror = "https://example.org"': "'mirror' is no field",
    'family = "none"': "family 'none' is not in that file",
    'file = "flownet_V4.25.pth"': "has the name of 4.25's",
}


@pytest.mark.parametrize(("row", "message"), ROWS.items(), ids=ROWS)
def test_faulty_rows_are_named(add_rows, row, message):
    add_rows(f"[model.own]\n{row}\n")
    with pytest.raises(ModelError, match=rf"row 'own' in the models of .*: .*{message}"):
        catalogue.catalogue()


@pytest.mark.parametrize("text", ['model = "4.25"', "[[model]]", "family = 3"])
def test_lists_of_another_form_are_refused(add_rows, text):
    add_rows(text)
    with pytest.raises(ModelError, match=r"models\.toml must begin with \[model\.NAME\]"):
        catalogue.catalogue()


def test_lists_and_records_nested_too_deep_are_refused(add_rows, own_store):
    own_store.mkdir()
    (own_store / verify.RECORDS).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ModelError, match=r"sha256\.json cannot be read .*; remove it"):
        verify.read_records()
    add_rows("a = " + "[" * 100_000)
    with pytest.raises(ModelError, match=r"list of models .* cannot be read"):
        catalogue.catalogue()


def test_lists_and_hashes_as_windows_writes_them(add_rows):
    add_rows(f'\ufeff[model.own]\nsha256 = "{"AB" * 32}"\n')
    assert catalogue.catalogue()["own"].sha256 == "ab" * 32


def test_names_that_rife_takes_for_paths_are_refused(add_rows, tmp_path):
    with pytest.raises(ModelError, match=r"'mine\.pth' means a file; leave out its ending"):
        importing.import_model(save_pickle(tmp_path / "x.pkl", random_state("micro")), "mine.pth")
    add_rows('[model."own.PKL"]\n')
    with pytest.raises(ModelError, match=r"'own\.PKL' means a file"):
        catalogue.catalogue()


def test_other_things_in_the_folder_are_no_models(own_store):
    own_store.mkdir()
    (own_store / "my model.safetensors").touch()
    (own_store / "folder.safetensors").mkdir()
    assert {row.name for row in library.all_models()} == set(known_models())


def test_a_broken_file_is_not_recorded_as_the_first_use(own_store):
    own_store.mkdir()
    file = save_pickle(own_store / "flownet_v4.9.pkl", random_state("4.7"))
    whole = file.read_bytes()
    for broken in (whole[:-1000], save_pickle(file, random_state("4.6")).read_bytes()):
        file.write_bytes(broken)
        with pytest.raises(ModelError, match=r"damaged, cut short|a network 4\.6; 4\.9 is a 4\.7"):
            find_weights("4.9")
    file.write_bytes(whole)
    assert find_weights("4.9") == file


@pytest.mark.parametrize("what", ["stat", "open"])
def test_no_permission_is_one_error(own_store, monkeypatch, what):
    own_store.mkdir()
    save_pickle(own_store / "flownet_v4.25.lite.pkl", random_state("4.25.lite"))
    allowed = getattr(Path, what)

    def denied(path, *args, **options):
        if path.name.startswith("flownet_v4.25"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return allowed(path, *args, **options)

    monkeypatch.setattr(Path, what, denied)
    with pytest.raises(ModelError, match=r"flownet_v4\.25\.lite.* cannot be read \(Permission"):
        find_weights("4.25.lite")


@pytest.mark.skipif(sys.platform == "win32", reason="there it may just be missing")
def test_a_name_that_the_system_does_not_take_is_no_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"aaa.* cannot be read \(.+\); check its name"):
        find_weights(tmp_path / f"{'a' * 256}.pth")
    with pytest.raises(ModelError, match="does not exist; check its path"):
        find_weights(tmp_path / "a\0.pth")


def test_the_users_rows_add_models_and_mirrors(add_rows):
    add_rows(
        '[model."4.25"]\nsources = ["https://mirror.example.org/{file}"]\n'
        '[model.own]\narch = "4.6"\nfile = "own.pth"\nsources = ["https://example.org/own.pth"]\n'
    )
    rows = catalogue.catalogue()
    assert rows["4.25"].sources == ("https://mirror.example.org/flownet_v4.25.pkl",)
    assert rows["4.25"].sha256.startswith("6615")
    assert model_name("own") == "4.6"
    with pytest.raises(ModelError, match=r"own\.pth; fetch https://example\.org/own\.pth"):
        find_weights("own")


def test_an_official_version_cannot_become_another_network(add_rows):
    add_rows('[model."4.25"]\narch = "4.6"\n')
    with pytest.raises(ModelError, match=r"arch of an official version is 4\.25, not 4\.6"):
        catalogue.catalogue()


def test_what_scripts_of_vs_rife_import(own_store):
    assert vsrife.models[-1] == "4.26.heavy"
    assert not own_store.exists()
    assert vsrife.model_dir == str(own_store)
    assert own_store.is_dir()


READ = """
import sys
import numpy, platformdirs, safetensors  # what these import is their own business
before = set(sys.modules)
import vsrife.weights as store
store.read_arrays(store.find_weights(None))
print(*set(sys.modules) - before)
"""


def test_the_store_needs_no_framework():
    run = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=True)
    assert not {"torch", "onnxruntime", "onnx", "urllib3", "rich"} & set(run.stdout.split())


def test_weights_written_are_read_back_the_same(tmp_path):
    state = {"b": torch.rand(2, 3, 4).transpose(0, 2), "a": torch.arange(3.0)}
    save_weights(tmp_path / "w.safetensors", state, {"licence": "MIT"})
    back = read_weights(tmp_path / "w.safetensors")
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    assert files.read_metadata(tmp_path / "w.safetensors") == {"licence": "MIT"}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": np.zeros(1, np.float32)}, {})
    old = path.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(folders.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(path, {"a": np.ones(1, np.float32)}, {})
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_no_registry_and_no_plain_http_is_in_the_list():
    text = (embedded_folder / folders.CATALOGUE).read_text(encoding="utf-8")
    assert set(re.findall(r"(\w+)://([\w.]+)", text)) == {("https", "github.com")}
