"""Several processes, as on several machines, make the segments of one film."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.clips import clip_of, noise, pictures
from tests.support.needs import package
from tests.support.renders import (
    KILLED,
    assert_same_file,
    disk_full_after_one_segment,
    draw_film,
    finished,
    start,
)
from vsrife.cli import main
from vsrife.filter import rife
from vsrife.rendering.jobs import cluster, local, manifest, segments, work
from vsrife.rendering.jobs.job import Job, folder_of
from vsrife.rendering.task import AUTO, Task

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that stop")


def words(film: Path, target: Path, weights: Path) -> list[str]:
    return [
        str(film), "-o", str(target), "--model", str(weights), "--backend", "onnx",
        "--preset", "ultrafast",
    ]  # fmt: skip


@pytest.mark.slow
def test_three_workers_of_which_one_dies_and_one_stands_still_make_the_same_film(
    tmp_path: Path, weights: Path
):
    film = draw_film(tmp_path / "film.mkv", 400)
    whole, target = tmp_path / "whole.mp4", tmp_path / "shared.mp4"
    finished(start(words(film, whole, weights)))
    folder = folder_of(target)
    # the first leaves a plan, and dies
    finished(start(words(film, target, weights), reports=430), KILLED)
    join = ["--join", str(folder)]
    frozen = start(join, lease=3, reports=20, stop=True)
    os.waitpid(frozen.pid, os.WUNTRACED)  # until it stands still, with a claim
    assert list(folder.glob("*.claim"))
    dead = start(join, lease=3, reports=60)
    last = start(words(film, target, weights), lease=3)
    late = start(join, lease=3)
    finished(dead, KILLED)
    said = finished(last)
    assert "segments are done; going on" in said
    late.communicate()
    assert_same_file(target, whole)
    os.kill(frozen.pid, signal.SIGKILL)
    frozen.communicate()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "film.mkv", "shared.mp4", "whole.mp4",
    ]  # fmt: skip


@pytest.fixture
def left(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch):
    """The folder of a render of three segments that has failed with the first one made."""
    monkeypatch.setattr(segments, "LONGEST", 0.1)
    film = draw_film(tmp_path / "film.mkv", 18, every=100)
    with disk_full_after_one_segment(monkeypatch):
        assert main(["render", *words(film, tmp_path / "out.mp4", weights)]) == 1
    return folder_of(tmp_path / "out.mp4")


def test_joining_makes_all_segments_that_are_missing_the_longest_first_and_no_film(
    left: Path, monkeypatch, capsys
):
    plan = manifest.load(left)
    manifest.save(replace(plan, borders=[0, 12, 16, 36]), left)
    order, make = [], work.make_segment
    monkeypatch.setattr(work, "make_segment", lambda *a: order.append(a[4]) or make(*a))
    assert main(["render", "--join", str(left)]) == 0
    assert f"{left}: 24 frames made here" in capsys.readouterr().err
    assert sorted(path.name for path in left.glob("*.nut")) == [f"0000{n}.nut" for n in range(3)]
    assert order == [2, 1]
    assert not (left.parent / "out.mp4").exists()


def test_a_copy_of_the_source_will_do(left: Path, capsys):
    copy = Path(shutil.copy(left.parent / "film.mkv", left.parent / "copy.mkv"))
    (left.parent / "film.mkv").unlink()
    assert main(["render", "--join", str(left), str(copy)]) == 0
    assert "24 frames made here" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["the source", "the model"])
def test_a_worker_that_would_make_other_frames_is_refused(
    left: Path, weights: Path, monkeypatch, what: str, capsys
):
    if what == "the source":
        draw_film(left.parent / "film.mkv", 18, every=5)
    else:
        monkeypatch.setattr("vsrife.rendering.task.find_weights", lambda *a, **k: Path(__file__))
    assert main(["render", "--join", str(left)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith(f"vsrife: error: {what} is not the same here")


def test_a_folder_that_is_no_render_is_refused(tmp_path: Path, capsys):
    assert main(["render", "--join", str(tmp_path)]) == 1
    assert "holds no render that can be joined; its manifest is missing" in capsys.readouterr().err
    (tmp_path / manifest.NAME).write_text('{"format": 1}')
    assert main(["render", "--join", str(tmp_path)]) == 1
    assert "its manifest is of another version of vsrife" in capsys.readouterr().err


def test_workers_make_what_one_process_makes(tmp_path: Path, weights: Path, monkeypatch, left):
    """Their processes, too: what the folder holds is all that they know."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = []
    monkeypatch.setattr(work, "_make_one", lambda *a: made.append(a))
    target = tmp_path / "out.mp4"
    film = tmp_path / "film.mkv"
    assert main(["render", *words(film, target, weights), "--workers", "2"]) == 0
    assert made == []  # by this process
    assert target.exists()


def test_workers_that_cannot_start_are_told_and_the_work_is_done_here(
    tmp_path: Path, weights: Path, monkeypatch, left, capsys
):
    monkeypatch.setattr(local.sys, "executable", shutil.which("false"))
    film, target = tmp_path / "film.mkv", tmp_path / "out.mp4"
    assert main(["render", *words(film, target, weights), "--workers", "2"]) == 0
    assert "a worker has ended: code 1" in capsys.readouterr().err
    assert target.exists()


def test_a_worker_ends_with_its_parent(left: Path):
    job = Job(left)
    with local._started(job, [None]) as workers:
        (worker,) = workers
        worker.stdin.close()
        assert worker.wait(60) == 1
    assert not job.is_done(1)


def kill_when_a_segment_is_done(cluster, folder: Path) -> threading.Thread:
    """Kill a worker of a cluster once the first segment is there; its nanny starts another."""
    (victim, *_) = cluster.workers.values()

    def wait_and_kill() -> None:
        while not list(folder.glob("*.nut")):
            threading.Event().wait(0.05)
        os.kill(victim.pid, signal.SIGKILL)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
def test_workers_of_a_dask_cluster_of_which_one_is_killed_make_the_same_film(
    tmp_path: Path, weights: Path, monkeypatch
):
    from distributed import LocalCluster

    film = draw_film(tmp_path / "film.mkv", 200)
    whole, target = tmp_path / "whole.mp4", tmp_path / "shared.mp4"
    monkeypatch.setattr(segments, "LONGEST", 0.5)
    assert main(["render", *words(film, whole, weights)]) == 0
    made, make = [], work.make_segment
    monkeypatch.setattr(work, "make_segment", lambda *a: made.append(a) or make(*a))
    with LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as made_of:
        kill_one = kill_when_a_segment_is_done(made_of, folder_of(target))
        address = made_of.scheduler_address
        assert main(["render", *words(film, target, weights), "--dask", address]) == 0
        kill_one.join()
    assert made == []
    assert_same_file(target, whole)


def test_a_scheduler_that_is_not_there_is_one_line(left: Path, weights: Path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_PATIENCE", 0.2)
    film, target = left.parent / "film.mkv", left.parent / "out.mp4"
    assert main(["render", *words(film, target, weights), "--dask", "127.0.0.1:9"]) == 1
    said = capsys.readouterr().err
    assert "no Dask scheduler answers at 127.0.0.1:9" in said
    assert "1 of 3 segments are kept" in said


def test_each_worker_computes_a_frame_with_one_thread_unless_it_is_told_otherwise(
    tmp_path: Path, weights: Path, monkeypatch
):
    monkeypatch.setattr(local.os, "cpu_count", lambda: 8)
    plain = Task(source=tmp_path, target=tmp_path / "o.mkv", options={"model": weights})

    def threads(workers: int, **options: object) -> tuple[object, object]:
        made = local.pinned(replace(plain, workers=workers).with_options(**options))
        return made.options.get("threads"), made.options.get("num_streams")

    assert threads(1, backend="onnx") == (None, None)
    assert threads(2, backend="onnx") == (1, 4)
    assert threads(3, backend="openvino") == (2, 2)  # in all, and so one for each
    assert threads(16, backend="openvino") == (1, 1)
    assert threads(2, backend="pytorch") == (None, None)
    assert threads(2, backend="onnx", threads=3) == (3, None)


@pytest.mark.parametrize(
    ("gpus", "device", "workers"),
    [(0, None, 2), (0, "cpu", 2), (1, None, 1), (3, None, 3), (3, "cuda", 3), (3, "cuda:1", 1),
     (3, "cpu", 2)],
)  # fmt: skip
def test_as_many_workers_as_pay_are_one_for_each_gpu_and_two_on_a_cpu(
    tmp_path: Path, weights: Path, monkeypatch, gpus: int, device: str | None, workers: int
):
    monkeypatch.setattr(local, "_gpus", lambda: gpus)
    monkeypatch.setattr(local.os, "cpu_count", lambda: 8)
    options = {"model": weights, "backend": "onnx", "device": device}
    task = Task(source=tmp_path, target=tmp_path / "o.mkv", options=options, workers=AUTO)
    assert local.pinned(task).workers == workers


def test_there_are_no_more_workers_than_segments_to_make(left: Path):
    job = Job(left)
    job.plan = manifest.load(left)
    task = Task(source=left, target=left / "o.mkv", options={"device": "cpu"}, workers=5)
    assert local.workers_of(task, job) == [None, None]  # one of three segments is done


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_streams_of_one_thread_make_the_same_bits_as_one(backend: str, weights: Path):
    package(backend)
    draw = noise(96, 64)
    made = []
    for threads, streams in ((1, 1), (3 if backend == "openvino" else 1, 3)):
        clip = clip_of(draw, 4)
        smooth = rife(
            clip, factor=3, model=weights, backend=backend, device="cpu", threads=threads,
            num_streams=streams,
        )  # fmt: skip
        made.append(np.array(pictures(smooth)))
    np.testing.assert_array_equal(*made)


def test_a_run_with_other_threads_goes_on(left: Path, weights: Path, capsys):
    film, target = left.parent / "film.mkv", left.parent / "out.mp4"
    assert main(["render", *words(film, target, weights), "--threads", "1"]) == 0
    assert "1 of 3 segments are done; going on" in capsys.readouterr().err
