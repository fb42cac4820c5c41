"""Files damaged at random: read as they are or refused in words, never anything else."""

import io
import re
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from vsrife.errors import ModelError
from vsrife.weights import files, fitting, importing, read_arrays
from vsrife.weights.readers import ncnn, onnx
from vsrife.weights.readers.file_kinds import why_refused
from vsrife.weights.readers.safetensors import LIMIT, as_safetensors, read_safetensors

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
CUT = ([], 40)


def damaged(content: bytes, how) -> bytes:
    places, cut = how
    changed = bytearray(content)
    for place, value in places:
        changed[int(place * len(changed))] = value
    return bytes(changed[: len(changed) - cut])


def is_read(path, suffix, content) -> bool:
    """Whether the file is read, as finite numbers; one line says where it is not."""
    path.write_bytes(content)
    state, refusal = {}, ""
    try:
        state = read_arrays(path, suffix)
    except ModelError as error:
        refusal = str(error)
    assert bool(state) != bool(refusal)
    assert not refusal or refusal.startswith(f"model file {path} ")
    assert refusal.isprintable()  # empty text is
    assert sum(value.nbytes for value in state.values()) <= LIMIT
    assert all(np.isfinite(value).all() for value in state.values())
    return not refusal


several = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@several
@given(st.sampled_from(sorted(FILES)), damage)
def test_damaged_files(tmp_path, suffix, how):
    is_read(tmp_path / "file", suffix, damaged(FILES[suffix], how))


@several
@given(damage)
def test_damaged_pickles_in_whole_files(tmp_path, how):
    is_read(tmp_path / "file", ".pkl", pickle_inside(lambda content: damaged(content, how)))


def graph() -> bytes:
    tensors = [numpy_helper.from_array(value, name) for name, value in TENSORS.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"]),
        helper.make_node("Mul", ["a", "m"], ["c"]),
    ]
    return helper.make_model(helper.make_graph(nodes, "g", [], [], tensors)).SerializeToString()


def numbered(*shape, first=1):
    """Numbers that tell where they are from."""
    return np.arange(first, first + np.prod(shape), dtype=np.float32).reshape(shape)


WEIGHT, BIAS, LAST = numbered(2, 1, 3, 3), numbered(2, first=30), numbered(2, first=40)
TENSORS = {"w": WEIGHT, "b": BIAS, "m": LAST.reshape(1, 2, 1, 1)}
GRAPH = graph()
PARAM = b"""7767517
3 3
Input in0 0 1 in0
Convolution c 1 1 in0 a 0=2 1=3 5=1 6=18
PReLU p 1 1 a b 0=2"""
BIN = bytes(4) + WEIGHT.tobytes() + BIAS.tobytes() + LAST.tobytes()  # a tag, then fp32


def fits_nothing(path) -> bool:
    """Whether an import gets as far as to say that no network has these convolutions."""
    with pytest.raises(ModelError) as caught:
        importing.import_model(path, "mine")
    assert str(caught.value).startswith((f"model file {path} ", f"{path} "))
    assert str(caught.value).isprintable()
    return "is of no RIFE v4 network that is known" in str(caught.value)


def graph_is_read(path, content) -> bool:
    path.write_bytes(content)
    try:
        tensors, _ = onnx.read_onnx(content)
    except (ValueError, TypeError, IndexError):  # the importer makes one error of these
        assert not fits_nothing(path)
        return False
    # no number comes from anywhere but the file
    assert all(value.tobytes() in content for value in tensors.values())
    assert fits_nothing(path)
    return True


def pair_is_read(path, param, weights) -> bool:
    path.write_bytes(param)
    path.with_suffix(".bin").write_bytes(weights)
    try:
        found = ncnn.read_ncnn(param, weights)
    except (ValueError, IndexError):
        assert not fits_nothing(path)
        return False
    for layer in found:
        arrays = (layer.weight, layer.bias, layer.slope)
        assert all(a is None or a.tobytes() in weights for a in arrays)
    assert fits_nothing(path)
    return True


@several
@given(damage)
def test_damaged_graphs(tmp_path, how):
    graph_is_read(tmp_path / "x.onnx", damaged(GRAPH, how))


@several
@given(damage, damage)
def test_damaged_pairs(tmp_path, how, how_as_well):
    pair_is_read(tmp_path / "x.param", damaged(PARAM, how), damaged(BIN, how_as_well))


def test_whole_ones_are_read_and_those_cut_short_refused(tmp_path):
    """Or the tests above would pass with readers that refuse everything, or nothing."""
    for suffix, content in FILES.items():
        assert is_read(tmp_path / "file", suffix, content)
        assert not is_read(tmp_path / "file", suffix, damaged(content, CUT))
    assert is_read(tmp_path / "file", ".pkl", pickle_inside(lambda content: content))
    cut_inside = pickle_inside(lambda content: damaged(content, CUT))
    assert not is_read(tmp_path / "file", ".pkl", cut_inside)
    assert graph_is_read(tmp_path / "x.onnx", GRAPH)
    tensors, (conv,) = onnx.read_onnx(GRAPH)
    assert all(np.array_equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert np.array_equal(conv.weight, WEIGHT)
    assert np.array_equal(conv.beta, TENSORS["m"])
    assert not graph_is_read(tmp_path / "x.onnx", damaged(GRAPH, CUT))
    assert pair_is_read(tmp_path / "x.param", PARAM, BIN)
    (conv,) = ncnn.read_ncnn(PARAM, BIN)
    for found, wanted in ((conv.weight, WEIGHT), (conv.bias, BIAS), (conv.slope, LAST)):
        assert np.array_equal(found, wanted)
    assert not pair_is_read(tmp_path / "x.param", damaged(PARAM, CUT), BIN)
    assert not pair_is_read(tmp_path / "x.param", PARAM, damaged(BIN, CUT))


def test_what_readers_stumble_with_becomes_one_error(tmp_path, monkeypatch):
    def stumble(content):
        raise OverflowError("far too\nlarge")

    monkeypatch.setattr(fitting, "read_facts", stumble)
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(
        ModelError, match=r"damaged, cut short or no weights file \(far too\?large\)"
    ):
        importing.import_model(tmp_path / "x.onnx", "mine")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=40) | st.text(min_size=1).map(str.encode))
def test_the_reason_is_in_words_whatever_the_file_holds(tmp_path, content):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_arrays(path)
    reason = re.search(
        r"no weights file \((.+)\); (?:fetch it again|save its state_dict alone)$",
        str(caught.value),
    )
    if reason is None:  # a pickle after all, such as b"}.", or the beginning of another kind
        kind = why_refused(content, ".pth") or "holds no tensors by name; it must be"
        assert kind in str(caught.value)
    else:
        assert re.search(r"[a-z]+ [a-z]+", reason[1])


@pytest.mark.parametrize("content", [b"h\x69.", b"j\0\0\0\0."])
def test_a_pickle_that_refers_to_nothing_is_damaged(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ModelError, match=r"no weights file \(its pickle is damaged\)"):
        read_arrays(tmp_path / "x.pth")


def test_what_was_imported_is_to_be_imported_again(own_store, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "user_catalogue", lambda: tmp_path / "models.toml")
    again = {
        own_store / "mine.safetensors": "import it again",
        own_store / "flownet_v4.25.safetensors": "fetch it again",
        tmp_path / "mine.safetensors": "fetch it again",
    }
    own_store.mkdir(exist_ok=True)
    for path, way_out in again.items():
        path.write_bytes(b"nothing")
        with pytest.raises(ModelError, match=rf"\); {way_out}$"):
            read_arrays(path)
    (tmp_path / "models.toml").touch()  # rows of the user's own may have sources
    with pytest.raises(ModelError, match=r"\); fetch or import it again$"):
        read_arrays(own_store / "mine.safetensors")


def test_tensors_are_in_the_order_of_their_names():
    """A message about the first odd one is the same each time; the library shuffles them."""
    state = {f"layer{n}": np.zeros(1, np.float32) for n in range(30)}
    assert list(read_safetensors(as_safetensors(state, {}))) == sorted(state)
