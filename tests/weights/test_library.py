"""The store's own files: converted once, verified, removed, whole after any death of a process."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.support import writers
from tests.support.clips import clip_of, noise, picture
from tests.support.servers import serve
from tests.support.states import random_state, save_pickle
from vsrife import rife
from vsrife.errors import ArgumentError, ModelError
from vsrife.weights import files, find, folders, importing, library, locate, read_arrays, verify

ROW = """
[model.tiny]
arch = "micro"
file = "flownet_tiny.pkl"
sources = ["{address}/tiny.pkl"]
"""


@pytest.fixture
def body(tmp_path) -> bytes:
    return save_pickle(tmp_path / "published.pkl", random_state("micro")).read_bytes()


@pytest.fixture
def row(server, body, add_rows):
    add_rows(ROW.format(address=server.address))
    server.pages["/tiny.pkl"] = serve(body)
    return locate.find_model("tiny")


def frame(model):
    return picture(rife(clip_of(noise(64, 48), 2), model=model).get_frame(1))


def test_the_same_frames_after_fetching_converting_exporting_and_importing(
    server, tmp_path, own_store, add_rows, listener
):
    state = random_state("4.25.lite")
    original = save_pickle(tmp_path / "original.pkl", state)
    server.pages["/x.pkl"] = serve(original.read_bytes())
    add_rows(f'[model."4.25.lite"]\nsources = ["{server.address}/x.pkl"]\n')
    library.fetch_model(locate.find_model("4.25.lite"), listener=listener)
    fetched = store_state = read_arrays(find.find_weights("4.25.lite"))
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
    state = random_state("micro")
    more = {"loss.0.weight": np.ones((2, 2), np.float32), "teacher.x": np.ones(1, np.int8)}
    file = save_pickle(tmp_path / "flownet.pkl", state | more)
    _, path = importing.import_model(file, "mine", listener=listener)
    assert heard == ["left out 1 tensors that a micro does not have: loss.0.weight, ..."]
    assert set(read_arrays(path)) == set(state)
    del state["block16.meeting.bias"]
    with pytest.raises(ModelError, match=r"block16\.meeting\.bias is missing"):
        importing.import_model(save_pickle(file, state | more), "yours", listener=listener)


def test_what_is_kept_says_where_it_comes_from(row, server, body, listener):
    path = library.fetch_model(row, listener=listener)
    metadata = files.read_metadata(path)
    assert metadata["source"] == f"{server.address}/tiny.pkl"
    assert metadata[locate.SOURCE_SHA256] == files.sha256_of(
        Path(path.parents[1] / "published.pkl")
    )
    assert metadata["arch"] == "micro"
    assert verify.verify_model(row) == "as first fetched, converted"


class FullDisk(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_progress_is_told_on_stderr_and_a_stderr_that_fails_stops_nothing(
    row, body, capfd, monkeypatch
):
    library.fetch_model(row)
    output = capfd.readouterr()
    assert output.out == ""
    size = f"{len(body) / 1e6:.1f}"
    assert f"vsrife: flownet_tiny.pkl: {size} of {size} MB\n" in output.err
    for broken in (None, FullDisk()):
        monkeypatch.setattr(sys, "stderr", broken)
        assert library.fetch_model(row, again=True).is_file()


@pytest.mark.parametrize("place", [0.5, -1])
def test_a_damaged_file_is_found_out_when_it_is_used(row, listener, place):
    path = library.fetch_model(row, listener=listener)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place) if place > 0 else -1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="digest differs"):
        verify.verify_model(row)
    with pytest.raises(vs.Error, match="digest differs"):
        rife(clip_of(noise(32, 32), 2), model="tiny")


def test_an_import_never_replaces_unasked(tmp_path):
    first = save_pickle(tmp_path / "a.pkl", random_state("micro"))
    second = save_pickle(tmp_path / "b.pkl", random_state("micro", 1), prefix="")
    _, path = importing.import_model(first, "mine")
    before = path.read_bytes()
    with pytest.raises(ModelError, match=r"'mine' is in the store already.*--replace"):
        importing.import_model(second, "mine")
    assert path.read_bytes() == before
    importing.import_model(second, "mine", replace=True)
    assert path.read_bytes() != before
    assert verify.verify_model(locate.find_model("mine")) == "imported from b.pkl"


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

    file = save_pickle(tmp_path / "a.pkl", random_state("micro"))
    monkeypatch.setattr(folders.os, "replace", fail)
    with pytest.raises(ModelError, match=message):
        importing.import_model(file, "mine")
    assert nothing_but_locks(own_store)


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """Else a power cut could leave the name without content."""
    path, sync, move, order = tmp_path / "file", os.fsync, os.replace, []

    def watched_sync(number):
        sync(number)
        order.append(("on the disk", os.fstat(number)))

    def watched_move(part, target):
        order.append(("named", os.stat(part)))
        move(part, target)

    monkeypatch.setattr(folders.os, "fsync", watched_sync)
    monkeypatch.setattr(folders.os, "replace", watched_move)
    folders.write_whole(path, lambda part: part.write_bytes(b"content"))
    assert [what for what, _ in order] == ["on the disk", "named"]
    assert os.path.samestat(order[0][1], order[1][1])
    assert order[0][1].st_size == len(b"content")
    assert path.read_bytes() == b"content"


def test_practical_rifes_folder_is_imported_as_it_is(tmp_path):
    (tmp_path / "train_log").mkdir()
    save_pickle(tmp_path / "train_log" / "flownet.pkl", random_state("4.25.lite"))
    row, _ = importing.import_model(tmp_path / "train_log")
    assert row.name == "4.25.lite"


IMPORTS = {
    "missing file": ("no.pkl", {}, "does not exist"),
    "name too long for a file": ("x" * 5000 + ".pkl", {}, "check its name and permissions"),
    "folder without a model": (".", {}, "is a folder without flownet.pkl or flownet.param"),
    "other kind": ("a.txt", {}, "must be one of .safetensors, .pkl"),
    "no .bin": ("a.param", {}, r"a\.param is half of an ncnn model; put a\.bin beside it"),
    "another network": ("a.pkl", {"name": "4.25"}, "is a network micro, and 4.25 is a 4.25"),
    "another arch": ("a.pkl", {"name": "x", "arch": "4.6"}, "is a network micro, not 4.6"),
}


@pytest.mark.parametrize(("file", "options", "message"), IMPORTS.values(), ids=IMPORTS)
def test_imports_that_cannot_be(tmp_path, own_store, file, options, message):
    save_pickle(tmp_path / "a.pkl", random_state("micro"))
    (tmp_path / "a.txt").touch()
    (tmp_path / "a.param").touch()
    with pytest.raises(ModelError, match=message):
        importing.import_model(tmp_path / file, **options)
    assert not own_store.exists()


def test_embedded_models_are_neither_replaced_nor_removed_nor_fetched(tmp_path):
    file = save_pickle(tmp_path / "a.pkl", random_state("micro"))
    nano = locate.find_model("nano")
    for act in (
        lambda: importing.import_model(file, "nano"),
        lambda: library.remove_model(nano),
        lambda: library.fetch_model(nano),
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
    library.fetch_model(row, listener=listener)
    importing.import_model(tmp_path / "published.pkl", "mine")
    (own_store / ".flownet_tiny.safetensors.123.part").touch()
    library.remove_model(row)
    left = {path.name for path in own_store.iterdir() if path.suffix != ".lock"}
    assert left == {"mine.safetensors", verify.RECORDS}
    with pytest.raises(ModelError, match="has no file in"):
        library.remove_model(row)


RUN = """
import sys, os, signal
from pathlib import Path
from vsrife.weights import folders, importing, library, locate, verify
from vsrife.weights.download import Listener
folders.user_catalogue = lambda: Path({catalogue!r})
folders.other_folders = lambda: []
quiet = Listener(lambda text: None, lambda done, total: None)
{setup}
{work}
"""
FETCH = "library.fetch_model(locate.find_model('tiny'), again={again}, listener=quiet)"
# Prints every operation on a file of the store that is about to be done; the process dies in place
# of number `moment`, if it has so many.
WATCH = """
done = 0
def watch(event, arguments):
    global done
    paths = [str(a) for a in arguments[:2] if {store!r} in str(a)]
    if event.startswith(('os.', 'shutil.', 'open')) and paths:
        if done == {moment}:
            os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))
        done += 1
        print(event, Path(paths[-1]).name, flush=True)
sys.addaudithook(watch)
"""
MOVE = "os.rename flownet_tiny.safetensors"  # the audit event of os.replace as well


@pytest.fixture
def start(tmp_path):
    """Start a process that does some work on the store; none outlives its test."""
    catalogue, pipe = str(tmp_path / "config" / "models.toml"), subprocess.PIPE
    with ExitStack() as stack:

        def run(work, setup="") -> subprocess.Popen[bytes]:
            code = RUN.format(catalogue=catalogue, setup=setup, work=work)
            process = stack.enter_context(
                subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe)
            )
            stack.callback(process.kill)
            return process

        yield run


def nothing_but_locks(folder, *others: str) -> bool:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} <= set(others)


def a_few(count: int, move: int) -> list[int]:
    """One on the way to the move, those right before and after it, and the last."""
    return sorted({move // 2, move, move + 1, count - 1})


@pytest.mark.parametrize(
    "choose",
    [
        pytest.param(a_few, id="small"),
        pytest.param(lambda count, move: range(count), marks=pytest.mark.slow, id="whole"),
    ],
)
@pytest.mark.parametrize("work", ["fetch", "import"])
def test_death_at_any_moment_leaves_the_old_state_or_the_new_one(
    start, row, server, tmp_path, own_store, listener, monkeypatch, work, choose
):
    old, new = random_state("micro"), random_state("micro", 1)
    other = save_pickle(tmp_path / "other.pkl", new)
    server.pages["/tiny.pkl"] = serve(other.read_bytes())
    importing.import_model(save_pickle(tmp_path / "first.pkl", old), "tiny")

    def run(moment):
        """The work in a copy of the store: the copy, what was done there, how it ended."""
        store = tmp_path / f"store {moment}"
        shutil.copytree(own_store, store)
        monkeypatch.setenv(folders.FOLDER_VARIABLE, str(store))
        command = f"importing.import_model(Path({str(other)!r}), 'tiny', replace=True)"
        if work == "fetch":
            command = FETCH.format(again=True)
        process = start(command, WATCH.format(moment=moment, store=str(store)))
        output, failure = process.communicate(timeout=60)
        assert b"Traceback" not in failure, failure.decode()
        return store, output.decode().splitlines(), process.returncode

    def assert_whole(state):
        back = read_arrays(find.find_weights("tiny"))
        assert all(np.array_equal(back[key], state[key]) for key in state)
        assert verify.verify_model(row)

    _, done, code = run(-1)
    assert code == 0
    assert done.count(MOVE) == 1
    assert_whole(new)
    move = done.index(MOVE)
    for moment in choose(len(done), move):
        store, before_death, code = run(moment)
        assert code != 0, f"{moment} of {len(done)}"  # it did die
        assert len(before_death) == moment
        assert_whole(old if moment <= move else new)
        if work == "fetch":  # the next process tidies up
            library.fetch_model(row, again=True, listener=listener)
        else:
            importing.import_model(other, "tiny", replace=True, listener=listener)
        assert_whole(new)
        assert nothing_but_locks(store, "flownet_tiny.safetensors", verify.RECORDS)


def test_a_killed_fetch_is_resumed_by_the_next_one(start, row, server, body, own_store, listener):
    half_sent = threading.Event()

    def half(request):
        serve(body, cut=len(body) // 2)(request)
        request.wfile.flush()
        half_sent.set()
        server.ending.wait()

    def kept():
        """Bytes on the disk; a process writes them in pieces of its own choice."""
        return sum(part.stat().st_size for part in own_store.glob(".flownet_tiny.pkl.*.part"))

    server.pages["/tiny.pkl"] = half
    process = start(FETCH.format(again=False))
    assert half_sent.wait(60)
    deadline = time.monotonic() + 60
    while not kept() and time.monotonic() < deadline:
        assert process.poll() is None
    process.kill()
    process.communicate()
    have = kept()
    assert 0 < have < len(body)
    assert locate.find_file(row) is None
    server.pages["/tiny.pkl"] = serve(body)
    library.fetch_model(row, listener=listener)
    assert server.seen[-1] == ("/tiny.pkl", f"bytes={have}-")
    assert verify.verify_model(row)


def test_processes_that_start_together_fetch_once(start, row, server):
    together = [start(FETCH.format(again=False)) for _ in range(4)]
    failures = [process.communicate(timeout=60)[1] for process in together]
    assert [process.returncode for process in together] == [0] * 4, failures
    assert server.seen == [("/tiny.pkl", None)]
    assert verify.verify_model(row)


def test_waiting_for_another_process_is_said_and_ends_with_its_death(
    start, own_store, monkeypatch, heard
):
    own_store.mkdir()
    monkeypatch.setattr(folders, "_PATIENCE", 0)
    hold = f"with folders.locked(Path({str(own_store)!r}), 'x', print): print('held', flush=True);"
    other = start(f"{hold} sys.stdin.read()")
    assert other.stdout.readline().split() == [b"held"]

    def note(text):
        heard.append(text)
        other.kill()

    with folders.locked(own_store, "x", note):
        assert heard == ["another process is busy with x; waiting for it"]
