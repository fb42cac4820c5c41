"""Files made to do harm, or broken: each is refused in words, and none runs code or eats memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.hostile_files import (
    CANARY,
    GOOD_LINE,
    NCNN,
    ONNX,
    PICKLES,
    SAFETENSORS,
    safetensors,
    tensor_program,
)
from tests.support.pickles import legacy_state, torch_zip
from tests.support.states import random_state, save_pickle
from vsrife.errors import ModelError
from vsrife.network.state_dict import recognise
from vsrife.network.table import ROWS
from vsrife.weights import folders, importing, library, locate, read_arrays
from vsrife.weights.files import read_metadata
from vsrife.weights.readers.safetensors import LIMIT

OVERFLOWING = {"keys nested 200 000 deep"}
READ = """
import sys
from pathlib import Path
from vsrife.errors import ModelError
from vsrife.weights import read_arrays
try:
    read_arrays(Path(sys.argv[1]))
except ModelError as error:
    print(error)
"""


def check(tmp_path, suffix, content, message, capfd):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        recognise(read_arrays(path))
    assert len(str(caught.value)) < 1500
    assert str(caught.value).isprintable()
    output = capfd.readouterr()
    assert CANARY not in output.out + output.err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", sorted(PICKLES.keys() - OVERFLOWING))
def test_hostile_pickles(tmp_path, name, capfd):
    make, message = PICKLES[name]
    check(tmp_path, ".pkl", make(), message, capfd)


@pytest.mark.parametrize("name", sorted(OVERFLOWING))
def test_pickles_that_would_overflow_the_stack(tmp_path, name):
    """In a process of their own, which a reader that runs into them would kill."""
    make, message = PICKLES[name]
    (tmp_path / "file.pkl").write_bytes(make())
    run = subprocess.run([sys.executable, "-c", READ, tmp_path / "file.pkl"], capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    assert re.search(message, run.stdout.decode())


@pytest.mark.parametrize(("make", "message"), SAFETENSORS.values(), ids=SAFETENSORS)
def test_hostile_safetensors(tmp_path, make, message, capfd):
    check(tmp_path, ".safetensors", make(), message, capfd)


@pytest.mark.parametrize(("make", "message"), ONNX.values(), ids=ONNX)
def test_hostile_onnx(tmp_path, make, message, capfd):
    path = tmp_path / "file.onnx"
    path.write_bytes(make())
    with pytest.raises(ModelError, match=message):
        importing.import_model(path, "mine")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("line", "message"), NCNN.values(), ids=NCNN)
def test_hostile_ncnn(tmp_path, line, message):
    (tmp_path / "flownet.param").write_text(f"7767517\n2 2\nInput in0 0 1 in0\n{line}\n")
    (tmp_path / "flownet.bin").write_bytes(b"\0" * 44)
    with pytest.raises(ModelError, match=message):
        importing.import_model(tmp_path, "mine")
    assert not folders.user_folder().exists()


def test_a_param_larger_than_any_network_is_not_split(tmp_path):
    (tmp_path / "flownet.param").write_text("7767517\n" + "\n" * (5 << 20))
    (tmp_path / "flownet.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="has no proper size"):
        importing.import_model(tmp_path, "mine")


def test_lists_go_on_with_a_header_that_cannot_be_read(own_store):
    own_store.mkdir()
    (own_store / "mine.safetensors").write_bytes(safetensors(b"[" * 100_000))
    assert [row.name for row in library.all_models()][-1] == "mine"
    assert locate.find_file(locate.find_model("mine")).kept is False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_text_can_be_imported(tmp_path):
    file = save_pickle(Path(os.fsdecode(bytes(tmp_path) + b"/\xff.pkl")), random_state("micro"))
    path = importing.import_model(file, "mine")[1]
    assert read_metadata(path)["origin"] == "imported from ?.pkl"


def test_ncnn_weights_in_a_table_are_refused(tmp_path):
    (tmp_path / "flownet.param").write_text(f"7767517\n2 2\nInput in0 0 1 in0\n{GOOD_LINE}\n")
    (tmp_path / "flownet.bin").write_bytes(b"\x38\x4b\x0d\x00" + b"\0" * 40)
    with pytest.raises(ModelError, match="only fp32 and fp16"):
        importing.import_model(tmp_path, "mine")


def test_a_file_larger_than_any_model_is_not_read(tmp_path):
    path = tmp_path / "huge.pkl"
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(ModelError, match="no RIFE v4 has more than"):
        read_arrays(path)


@pytest.mark.parametrize(
    "name", ["../../evil", "/tmp/evil", "a/b", "..", ".hidden", "nul", "a" * 99]
)
def test_names_cannot_leave_the_store(tmp_path, own_store, name):
    file = save_pickle(tmp_path / "flownet.pkl", random_state("micro"))
    with pytest.raises(ModelError, match="must be letters, digits"):
        importing.import_model(file, name)
    assert not own_store.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks need rights there")
def test_a_symlink_in_the_store_is_replaced_and_not_followed(tmp_path, own_store):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    own_store.mkdir()
    (own_store / "mine.safetensors").symlink_to(victim)
    file = save_pickle(tmp_path / "flownet.pkl", random_state("micro"))
    importing.import_model(file, "mine", replace=True)
    assert victim.read_text() == "precious"
    assert not (own_store / "mine.safetensors").is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such thing there")
@pytest.mark.parametrize(
    "make",
    [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero"), os.mkdir],
    ids=["fifo", "device", "folder"],
)
def test_what_is_no_file_is_not_opened(tmp_path, make):
    make(tmp_path / "endless.pkl")
    with pytest.raises(ModelError, match=r"does not exist; check its path|is a folder"):
        importing.import_model(tmp_path / "endless.pkl", "mine")


def test_good_files_of_every_kind_pass_the_same_checks(tmp_path):
    """Or the tests above would pass with a reader that refuses everything."""
    state = random_state("micro")
    save_pickle(tmp_path / "new.pth", state)
    old = legacy_state({"module." + key: value for key, value in state.items()})
    (tmp_path / "old.pth").write_bytes(old)
    for name in ("new.pth", "old.pth"):
        back = read_arrays(tmp_path / name)
        assert len(back) == len(state)
        assert all(np.array_equal(back["module." + key], state[key]) for key in state)
    views = {
        "a": torch.arange(24.0).reshape(2, 3, 4).transpose(0, 2)[1:],
        "b": torch.ones(2).half(),
    }
    gpu = tensor_program().replace(b"ctorch\n", b"ctorch.cuda\n")
    (tmp_path / "gpu.pkl").write_bytes(torch_zip(gpu, np.arange(4, dtype="<f4").tobytes()))
    assert read_arrays(tmp_path / "gpu.pkl")["t0"].tolist() == [[0, 1], [2, 3]]
    module = torch.nn.Conv2d(1, 1, 1)
    torch.save(module.state_dict(), tmp_path / "module.pkl")
    assert read_arrays(tmp_path / "module.pkl")["bias"] == module.bias.item()
    views["c"], views["d"] = torch.nn.Parameter(torch.ones(3)), torch.ones(3).bfloat16()
    torch.save(OrderedDict(views), tmp_path / "views.pt")
    back = read_arrays(tmp_path / "views.pt")
    assert all(np.array_equal(back[key], value.detach().float()) for key, value in views.items())
    assert back["b"].dtype == np.float16
    assert ROWS[recognise(read_arrays(tmp_path / "new.pth"))] is ROWS["micro"]
