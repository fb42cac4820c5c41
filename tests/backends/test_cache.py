"""What runtimes have made of graphs is kept, and never in the way."""

import os

import numpy as np
import pytest

from tests.clips import clip_of, noise, pictures
from vsrife import rife
from vsrife.backends import cache, onnx
from vsrife.store import CACHE_VARIABLE

BACKENDS = ("onnx", "openvino")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def run(weights, backend, **options):
    return pictures(
        rife(clip_of(noise(48, 32), 2), model=weights("4.25"), backend=backend, **options)
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_graphs_are_kept_and_used_again(weights, folder, backend, monkeypatch):
    first = run(weights, backend)
    kept = {path: path.stat().st_mtime_ns for path in files_in(folder)}
    assert len(kept) == 2  # the encoder and the flow
    sizes = {path: path.stat().st_size for path in kept}
    if backend == "onnx":
        monkeypatch.setattr(onnx.OrtEngine, "_optimise", lambda *_: pytest.fail("made anew"))
    second = run(weights, backend)
    assert {path: path.stat().st_size for path in files_in(folder)} == sizes
    assert np.array_equal(first[1], second[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_settings_are_other_graphs(weights, folder, backend):
    run(weights, backend)
    before = len(files_in(folder))
    run(weights, backend, scale=0.5)
    assert len(files_in(folder)) > before


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("damage", [b"", b"not a graph", None])
def test_damaged_files_are_made_anew(weights, folder, backend, damage):
    first = run(weights, backend)
    for path in files_in(folder):
        path.write_bytes(path.read_bytes()[:5000] if damage is None else damage)
    assert np.abs(run(weights, backend)[1] - first[1]).max() < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_folder_that_cannot_be_written_is_told_once_and_done_without(
    weights, folder, backend, monkeypatch, caplog, capfd
):
    folder.write_text("a file in its place")
    monkeypatch.setattr(cache, "_refused", set())
    first, second = run(weights, backend), run(weights, backend, factor=3)
    assert len(first) == 4
    assert len(second) == 6
    assert caplog.text.count("will be prepared anew for each session; set VSRIFE_CACHE_DIR") == 1
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_home_of_nobody_is_told_and_done_without(weights, monkeypatch, caplog, backend):
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody-has-this-name/x")
    monkeypatch.setattr(cache, "_refused", set())
    assert len(run(weights, backend)) == 4
    assert "'~nobody-has-this-name/x' is no folder (" in caplog.text


@pytest.mark.parametrize("value", ["", "none"])
def test_caches_can_be_switched_off(weights, monkeypatch, tmp_path, value):
    monkeypatch.setenv(CACHE_VARIABLE, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for backend in BACKENDS:
        run(weights, backend)
    assert not files_in(tmp_path)


def test_files_of_no_use_go_first(tmp_path):
    for number in range(5):
        path = tmp_path / str(number)
        path.write_bytes(bytes(100))
        os.utime(path, (number, number))
    cache.used(tmp_path / "0")
    cache.prune(tmp_path, 300)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "3", "4"]


def test_names_depend_on_every_part(tmp_path):
    names = {
        cache.path_of(tmp_path, ".onnx", *parts)
        for parts in [("a", b"b"), ("ab", b""), ("", b"ab"), ("a", b"c")]
    }
    assert len(names) == 4
