"""Files damaged at random: read as they are or refused in words, never anything else."""

import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from vsrife.errors import ModelError
from vsrife.store import importing, ncnn, onnx, read_arrays
from vsrife.store.arrays import LIMIT, as_safetensors

STATE = {f"block0.{name}": np.ones((3, 4), np.float32) for name in "abc"}


def torch_file(**options) -> bytes:
    out = io.BytesIO()
    torch.save({key: torch.from_numpy(value) for key, value in STATE.items()}, out, **options)
    return out.getvalue()


def pickle_inside(change) -> bytes:
    """A PyTorch file whose pickle is changed and whose checksums are right."""
    source, out = zipfile.ZipFile(io.BytesIO(torch_file())), io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            target.writestr(
                info.filename, change(content) if "data.pkl" in info.filename else content
            )
    return out.getvalue()


FILES = {
    ".pkl": torch_file(),
    ".pth": torch_file(_use_new_zipfile_serialization=False),
    ".safetensors": as_safetensors(STATE, {"name": "x"}),
}

# (place, new byte) pairs, and how much of the end is cut off
damage = st.tuples(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    st.integers(0, 40),
)


def damaged(content: bytes, how) -> bytes:
    places, cut = how
    changed = bytearray(content)
    for place, value in places:
        changed[int(place * len(changed))] = value
    return bytes(changed[: len(changed) - cut])


def read_or_refuse(path, suffix, content):
    path.write_bytes(content)
    state = {}
    with suppress(ModelError):
        state = read_arrays(path, suffix)
    assert sum(value.nbytes for value in state.values()) <= LIMIT
    assert all(np.isfinite(value).all() for value in state.values())


several = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@several
@given(st.sampled_from(sorted(FILES)), damage)
def test_damaged_files(tmp_path, suffix, how):
    read_or_refuse(tmp_path / "file", suffix, damaged(FILES[suffix], how))


@several
@given(damage)
def test_damaged_pickles_in_whole_files(tmp_path, how):
    read_or_refuse(tmp_path / "file", ".pkl", pickle_inside(lambda content: damaged(content, how)))


def graph() -> bytes:
    tensors = [
        numpy_helper.from_array(np.ones(shape, np.float32), n) for n, shape in SHAPES.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"]),
        helper.make_node("Mul", ["a", "m"], ["c"]),
    ]
    return helper.make_model(helper.make_graph(nodes, "g", [], [], tensors)).SerializeToString()


SHAPES = {"w": (2, 1, 3, 3), "b": (2,), "m": (1, 2, 1, 1)}
GRAPH = graph()


@several
@given(damage)
def test_damaged_graphs(how):
    with suppress(ValueError, TypeError, IndexError):  # the importer makes one error of these
        onnx.read_onnx(damaged(GRAPH, how))


@several
@given(damage, damage)
def test_damaged_pairs(how, how_as_well):
    lines = ["7767517", "3 3", "Input in0 0 1 in0"]
    lines += ["Convolution c 1 1 in0 a 0=2 1=3 5=1 6=18", "PReLU p 1 1 a b 0=2"]
    param = "\n".join(lines).encode()
    weights = bytes(4 + 18 * 4 + 2 * 4 + 2 * 4)
    with suppress(ValueError, IndexError):
        ncnn.read_ncnn(damaged(param, how), damaged(weights, how_as_well))


def test_what_readers_stumble_with_becomes_one_error(tmp_path, monkeypatch):
    def stumble(content):
        raise OverflowError("far too\nlarge")

    monkeypatch.setattr(importing, "read_onnx", stumble)
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(
        ModelError, match=r"damaged, cut short or no weights file \(far too\?large\)"
    ):
        importing.import_model(tmp_path / "x.onnx", "mine")
