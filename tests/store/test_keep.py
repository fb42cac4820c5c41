"""The store's own files: converted once, verified, removed, whole after any death of a process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.clips import clip_of, noise, picture
from tests.store import writers
from tests.store.conftest import random_state, save_pickle, serve
from vsrife import rife
from vsrife.errors import ArgumentError, ModelError
from vsrife.store import files, folders, importing, keep, lookup, read_arrays

ROW = """
[model.tiny]
arch = "nano"
file = "flownet_tiny.pkl"
sources = ["{address}/tiny.pkl"]
"""


@pytest.fixture
def body(tmp_path) -> bytes:
    return save_pickle(tmp_path / "published.pkl", random_state("nano")).read_bytes()


@pytest.fixture
def row(server, body, add_rows):
    add_rows(ROW.format(address=server.address))
    server.pages["/tiny.pkl"] = serve(body)
    return lookup.find_model("tiny")


def frame(model):
    return picture(rife(clip_of(noise(64, 48), 2), model=model).get_frame(1))


def test_the_same_frames_after_fetching_converting_exporting_and_importing(
    server, tmp_path, own_store, add_rows, listener
):
    state = random_state("4.25.lite")
    original = save_pickle(tmp_path / "original.pkl", state)
    server.pages["/x.pkl"] = serve(original.read_bytes())
    add_rows(f'[model."4.25.lite"]\nsources = ["{server.address}/x.pkl"]\n')
    keep.fetch_model(lookup.find_model("4.25.lite"), listener=listener)
    fetched = store_state = read_arrays(lookup.find_weights("4.25.lite"))
    exported = tmp_path / "exported.onnx"
    exported.write_bytes(writers.onnx_bytes("4.25.lite", fetched, named=False))
    importing.import_model(exported, "back")
    assert len(store_state) == len(state)
    expected = frame(original)
    assert np.array_equal(frame("4.25.lite"), expected)
    assert np.array_equal(frame("back"), expected)


def test_auto_download_fetches_once_and_only_if_asked(row, server):
    clip = clip_of(noise(32, 32), 2)
    with pytest.raises(vs.Error, match=r"^rife: model file has not been downloaded: flownet_tiny"):
        rife(clip, model="tiny")
    assert server.seen == []
    for _ in range(2):
        rife(clip, model="tiny", auto_download=True)
    rife(clip, model="tiny")
    assert server.seen == [("/tiny.pkl", None)]


def test_auto_download_without_a_network_is_an_error_at_script_time(row, server, own_store):
    server.pages.clear()
    with pytest.raises(vs.Error, match=rf"^rife: .*answers 404.*put it into {own_store}"):
        rife(clip_of(noise(32, 32), 2), model="tiny", auto_download=True)


def test_tensors_that_only_training_needs_are_left_out_aloud(tmp_path, heard, listener):
    state = random_state("nano")
    more = {"loss.0.weight": np.ones((2, 2), np.float32), "teacher.x": np.ones(1, np.int8)}
    file = save_pickle(tmp_path / "flownet.pkl", state | more)
    _, path = importing.import_model(file, "mine", listener=listener)
    assert heard == ["left out 1 tensors that a nano does not have: loss.0.weight, ..."]
    assert set(read_arrays(path)) == set(state)
    del state["block1.merge.bias"]
    with pytest.raises(ModelError, match=r"block1\.merge\.bias is missing"):
        importing.import_model(save_pickle(file, state | more), "yours", listener=listener)


def test_what_is_kept_says_where_it_comes_from(row, server, body, listener):
    path = keep.fetch_model(row, listener=listener)
    metadata = files.read_metadata(path)
    assert metadata["source"] == f"{server.address}/tiny.pkl"
    assert metadata[lookup.SOURCE_SHA256] == files.sha256_of(
        Path(path.parents[1] / "published.pkl")
    )
    assert metadata["arch"] == "nano"
    assert keep.verify_model(row) == "as first fetched, converted"


def test_progress_is_told_on_stderr_and_without_one_nowhere(row, capfd, monkeypatch):
    keep.fetch_model(row)
    output = capfd.readouterr()
    assert output.out == ""
    assert "flownet_tiny.pkl: 1.7 of 1.7 MB" in output.err
    monkeypatch.setattr(sys, "stderr", None)
    keep.fetch_model(row, again=True)


@pytest.mark.parametrize("place", [0.5, -1])
def test_a_damaged_file_is_found_out_when_it_is_used(row, listener, place):
    path = keep.fetch_model(row, listener=listener)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place) if place > 0 else -1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="digest differs"):
        keep.verify_model(row)
    with pytest.raises(vs.Error, match="digest differs"):
        rife(clip_of(noise(32, 32), 2), model="tiny")


def test_an_import_never_replaces_unasked(tmp_path):
    first = save_pickle(tmp_path / "a.pkl", random_state("nano"))
    second = save_pickle(tmp_path / "b.pkl", random_state("nano", 1), prefix="")
    _, path = importing.import_model(first, "mine")
    before = path.read_bytes()
    with pytest.raises(ModelError, match=r"'mine' is in the store already.*--replace"):
        importing.import_model(second, "mine")
    assert path.read_bytes() == before
    importing.import_model(second, "mine", replace=True)
    assert path.read_bytes() != before
    assert keep.verify_model(lookup.find_model("mine")) == "imported from b.pkl"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full; make room"),
        (errno.EACCES, r"mine\.safetensors cannot be written into .* \(Permission denied\)"),
    ],
)
def test_an_import_that_cannot_be_written(tmp_path, own_store, monkeypatch, number, message):
    def fail(*args):
        raise OSError(number, os.strerror(number))

    file = save_pickle(tmp_path / "a.pkl", random_state("nano"))
    monkeypatch.setattr(folders.os, "replace", fail)
    with pytest.raises(ModelError, match=message):
        importing.import_model(file, "mine")
    assert [path.name for path in own_store.iterdir()] == [".mine.lock"]


def test_practical_rifes_folder_is_imported_as_it_is(tmp_path):
    (tmp_path / "train_log").mkdir()
    save_pickle(tmp_path / "train_log" / "flownet.pkl", random_state("4.25.lite"))
    row, _ = importing.import_model(tmp_path / "train_log")
    assert row.name == "4.25.lite"


IMPORTS = {
    "missing file": ("no.pkl", {}, "does not exist"),
    "folder without a model": (".", {}, "is a folder without flownet.pkl or flownet.param"),
    "other kind": ("a.txt", {}, "must be one of .safetensors, .pkl"),
    "no .bin": ("a.param", {}, r"a\.bin does not exist"),
    "another network": ("a.pkl", {"name": "4.25"}, "is a network nano, and 4.25 is a 4.25"),
    "another arch": ("a.pkl", {"name": "x", "arch": "4.6"}, "is a network nano, not 4.6"),
}


@pytest.mark.parametrize(("file", "options", "message"), IMPORTS.values(), ids=IMPORTS)
def test_imports_that_cannot_be(tmp_path, own_store, file, options, message):
    save_pickle(tmp_path / "a.pkl", random_state("nano"))
    (tmp_path / "a.txt").touch()
    (tmp_path / "a.param").touch()
    with pytest.raises(ModelError, match=message):
        importing.import_model(tmp_path / file, **options)
    assert not own_store.exists()


def test_embedded_models_are_neither_replaced_nor_removed_nor_fetched(tmp_path):
    file = save_pickle(tmp_path / "a.pkl", random_state("nano"))
    nano = lookup.find_model("nano")
    for act in (
        lambda: importing.import_model(file, "nano"),
        lambda: keep.remove_model(nano),
        lambda: keep.fetch_model(nano),
    ):
        with pytest.raises(ArgumentError):
            act()
    for name in ("flownet_v4.25", "Flownet_V4.25"):
        with pytest.raises(ArgumentError, match=r"is the file of model '4\.25'; say --name 4\.25"):
            importing.import_model(file, name)
    with pytest.raises(ArgumentError, match="arch must be one of"):
        importing.import_model(file, "mine", arch="5.0")


def test_removing_takes_everything_of_the_model_and_nothing_else(
    row, own_store, listener, tmp_path
):
    keep.fetch_model(row, listener=listener)
    importing.import_model(tmp_path / "published.pkl", "mine")
    (own_store / ".flownet_tiny.safetensors.123.part").touch()
    keep.remove_model(row)
    left = {path.name for path in own_store.iterdir() if path.suffix != ".lock"}
    assert left == {"mine.safetensors", lookup.RECORDS}
    with pytest.raises(ModelError, match="has no file in"):
        keep.remove_model(row)


RUN = """
import sys, os, signal
from pathlib import Path
from vsrife.store import folders, importing, keep, lookup
from vsrife.store.fetch import Listener
folders.user_catalogue = lambda: Path({catalogue!r})
folders.other_folders = lambda: []
quiet = Listener(lambda text: None, lambda done, total: None)
{setup}
{work}
"""
FETCH = "keep.fetch_model(lookup.find_model('tiny'), again={again}, listener=quiet)"
# the process dies when it is about to do its Nth operation on a file of the store
DIE = """
left = {steps}
def watch(event, arguments):
    global left
    if event.startswith(('os.', 'shutil.', 'open')) and any(
        {store!r} in str(a) for a in arguments[:2]
    ):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))
sys.addaudithook(watch)
"""


def start(tmp_path, work, setup="") -> subprocess.Popen[bytes]:
    catalogue = str(tmp_path / "config" / "models.toml")
    code = RUN.format(catalogue=catalogue, setup=setup, work=work)
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)


@pytest.mark.parametrize("work", ["fetch", "import"])
def test_death_at_any_moment_leaves_the_old_state_or_the_new_one(
    row, server, tmp_path, own_store, listener, work
):
    other = save_pickle(tmp_path / "other.pkl", random_state("nano", 1))
    command = f"importing.import_model(Path({str(other)!r}), 'tiny', replace=True)"
    if work == "fetch":
        command = FETCH.format(again=True)
        server.pages["/tiny.pkl"] = serve(other.read_bytes())
    old, new = random_state("nano"), random_state("nano", 1)
    original = save_pickle(tmp_path / "first.pkl", old)
    importing.import_model(original, "tiny")
    seen = []
    for steps in range(100):
        (own_store / lookup.RECORDS).unlink(missing_ok=True)
        process = start(tmp_path, command, DIE.format(steps=steps, store=str(own_store)))
        failure = process.communicate(timeout=60)[1]
        died = process.returncode != 0
        assert died or not failure
        assert not died or b"Traceback" not in failure, failure
        back = read_arrays(lookup.find_weights("tiny"))
        now = next(s for s in (old, new) if all(np.array_equal(back[k], s[k]) for k in s))
        assert keep.verify_model(row)
        seen.append("new" if now is new else "old")
        if not died:
            break
        if now is new:
            importing.import_model(original, "tiny", replace=True)
    assert seen[0] == "old"
    assert seen[-2:] == ["new", "new"]  # the last death came after the move
    assert len(seen) > 10, seen
    print(f"{work}: {len(seen) - 1} deaths, {seen.count('old')} times the old file")
    left = {path.name for path in own_store.iterdir() if path.suffix != ".lock"}
    assert left <= {"flownet_tiny.safetensors", lookup.RECORDS}


def test_a_killed_fetch_is_resumed_by_the_next_one(
    row, server, body, tmp_path, own_store, listener
):
    def half(request):
        serve(body, cut=len(body) // 2)(request)
        request.wfile.flush()
        server.ending.wait(30)

    server.pages["/tiny.pkl"] = half
    process = start(tmp_path, FETCH.format(again=False))
    while not any(part.stat().st_size >= len(body) // 2 for part in own_store.glob("*.part")):
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert lookup.find_file(row) is None
    server.pages["/tiny.pkl"] = serve(body)
    keep.fetch_model(row, listener=listener)
    assert server.seen[-1] == ("/tiny.pkl", f"bytes={len(body) // 2}-")
    assert keep.verify_model(row)


def test_processes_that_start_together_fetch_once(row, server, tmp_path):
    together = [start(tmp_path, FETCH.format(again=False)) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in together] == [b""] * 4
    assert server.seen == [("/tiny.pkl", None)]


def test_waiting_for_another_process_is_said(own_store, monkeypatch, heard):
    own_store.mkdir()
    monkeypatch.setattr(folders, "_PATIENCE", 0)
    from filelock import FileLock

    other = FileLock(own_store / ".x.lock")
    other.acquire()

    def note(text):
        heard.append(text)
        other.release()

    with folders.locked(own_store, "x", note):
        assert heard == ["another process is busy with x; waiting for it"]
