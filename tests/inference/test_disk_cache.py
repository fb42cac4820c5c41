"""What runtimes have made of graphs is kept, and never in the way."""

import functools
import os
import random
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clips import clip_of, noise, own_process, pictures
from vsrife import rife
from vsrife.inference.backends import disk_cache
from vsrife.weights import CACHE_VARIABLE

BACKENDS = ("onnx", "openvino")
# What is kept may be optimised otherwise than what is made anew: another order of sums
ROUNDING = 1e-5


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def run(weights, backend, arch="4.15.lite", **options):
    """As in a process of its own, with no network there yet. 4.15.lite has two graphs, one of them
    its encoder's."""
    with own_process():
        clip = clip_of(noise(48, 32), 2)
        options = {"model": weights(arch), "backend": backend, "threads": 1} | options
        return pictures(rife(clip, **options))


@pytest.fixture(scope="module")
def filled(weights, tmp_path_factory):
    """Of a backend, the pictures of the first run, and what that has left in its folder."""

    @functools.cache
    def fill(backend):
        folder = tmp_path_factory.mktemp(backend)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(CACHE_VARIABLE, str(folder))
            return run(weights, backend), folder

    return fill


def rewrite(path, content):
    disk_cache.keep(path, lambda part: part.write_bytes(content))


def flow_of(folder):
    """The file of the flow graph; that of the encoder is smaller."""
    return max(files_in(folder), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("backend", BACKENDS)
def test_graphs_are_kept_and_used_again(weights, filled, folder, backend):
    first, kept = filled(backend)
    shutil.copytree(kept, folder)
    names = files_in(folder)
    assert len(names) == 2  # the encoder and the flow
    second = run(weights, backend)
    assert files_in(folder) == names
    assert np.abs(first[1] - second[1]).max() < ROUNDING
    flow = flow_of(folder)
    other = run(weights, backend, ensemble=True)
    (of_other,) = set(files_in(folder)) - set(names)
    rewrite(flow, disk_cache.read(of_other))
    # it is used indeed: under this name there is another graph now
    assert np.abs(run(weights, backend)[1] - other[1]).max() < ROUNDING
    assert np.abs(first[1] - other[1]).max() > 100 * ROUNDING


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_settings_are_other_graphs(weights, filled, folder, backend, monkeypatch):
    first, kept = filled(backend)
    shutil.copytree(kept, folder)
    beside = run(weights, backend, scale=0.5)
    assert len(files_in(folder)) > len(files_in(kept))
    monkeypatch.setenv(CACHE_VARIABLE, "none")
    alone = run(weights, backend, scale=0.5)
    assert np.abs(beside[1] - alone[1]).max() < ROUNDING
    assert np.abs(beside[1] - first[1]).max() > 100 * ROUNDING


@pytest.mark.parametrize("backend", BACKENDS)
def test_damaged_files_are_made_anew(weights, filled, folder, backend):
    first, kept = filled(backend)
    shutil.copytree(kept, folder)
    encoder, flow = sorted(files_in(folder), key=lambda path: path.stat().st_size)
    encoder.write_bytes(b"")
    flow.write_bytes(flow.read_bytes()[:5000])
    assert np.abs(run(weights, backend)[1] - first[1]).max() < ROUNDING
    assert None not in map(disk_cache.read, files_in(folder))


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_bits_make_no_other_picture(weights, filled, folder, backend):
    """So many that weights are among them; for a single one: test_no_wrong_byte_is_read."""
    first, kept = filled(backend)
    shutil.copytree(kept, folder)
    draw = random.Random(5)
    for path in files_in(folder):
        content = bytearray(path.read_bytes())
        for at in draw.sample(range(len(content) // 4, len(content)), 64):
            content[at] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    assert np.abs(run(weights, backend)[1] - first[1]).max() < ROUNDING


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_another_machine_has_kept_is_made_anew(weights, filled, folder, backend):
    """Whole, but of no use here: as OpenVINO refuses what was compiled for another CPU."""
    first, kept = filled(backend)
    shutil.copytree(kept, folder)
    for path in files_in(folder):
        rewrite(path, b"for another machine")
    assert np.abs(run(weights, backend)[1] - first[1]).max() < ROUNDING
    for path in files_in(folder):
        assert disk_cache.read(path) != b"for another machine"


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_what_was_not_kept_by_us_is_not_read(tmp_path, content):
    path = tmp_path / "name.graph"
    path.write_bytes(content)
    assert disk_cache.read(path) is None


@given(st.binary(max_size=200), st.data())
def test_no_wrong_byte_is_read(tmp_path_factory, content, data):
    path = tmp_path_factory.mktemp("kept") / "name.graph"
    rewrite(path, content)
    assert disk_cache.read(path) == content
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    wrong = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    damaged = st.sampled_from(
        [whole[:at], whole[:at] + wrong + whole[at + 1 :], whole + b"\0", whole[at + 1 :]]
    )
    path.write_bytes(data.draw(damaged))
    assert disk_cache.read(path) is None
    assert not path.exists()


def test_what_belongs_to_another_name_is_not_read(tmp_path):
    rewrite(tmp_path / "one.graph", b"one")
    shutil.copy(tmp_path / "one.graph", tmp_path / "two.graph")
    assert disk_cache.read(tmp_path / "two.graph") is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_folder_that_cannot_be_written_is_told_once_and_done_without(
    weights, folder, backend, monkeypatch, said, capfd
):
    folder.write_text("a file in its place", encoding="utf-8")
    monkeypatch.setattr(disk_cache, "_refused", set())
    first, second = (run(weights, backend, "4.6", factor=factor) for factor in (2, 3))
    assert len(first) == 4
    assert len(second) == 6
    assert "\n".join(said).count("prepared anew for each session; set VSRIFE_CACHE_DIR") == 1
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_home_of_nobody_is_told_and_done_without(weights, monkeypatch, said, backend):
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody-has-this-name/x")
    monkeypatch.setattr(disk_cache, "_refused", set())
    assert len(run(weights, backend, "4.6")) == 4
    assert any("'~nobody-has-this-name/x' is no folder (" in text for text in said)


@pytest.mark.parametrize(("backend", "value"), [("onnx", ""), ("openvino", "none")])
def test_caches_can_be_switched_off(weights, monkeypatch, tmp_path, backend, value):
    monkeypatch.setenv(CACHE_VARIABLE, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run(weights, backend, "4.6")
    assert not files_in(tmp_path)


def test_files_of_no_use_go_first(tmp_path):
    for number in range(5):
        path = tmp_path / str(number)
        rewrite(path, bytes(100))
        os.utime(path, (number, number))
    disk_cache.read(tmp_path / "0")
    disk_cache.prune(tmp_path, 3 * path.stat().st_size)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "3", "4"]


def test_names_depend_on_every_part(tmp_path):
    names = {
        disk_cache.path_of(tmp_path, ".onnx", *parts)
        for parts in [("a", b"b"), ("ab", b""), ("", b"ab"), ("a", b"c")]
    }
    assert len(names) == 4
