"""What OpenVINO makes of our graphs: outputs by their own names, and nothing without its inputs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.network.runs import OnnxRuntime, images, state_of
from tests.support.clips import clip_of, noise, pictures
from vsrife import rife
from vsrife.inference.backends.openvino import OvEngine
from vsrife.inference.base import Hardware, Settings
from vsrife.network.graphs import build_encoder, build_flow, build_refine
from vsrife.network.operations.onnx.onnx_writer import Writer
from vsrife.network.options import GraphOptions, unit_of
from vsrife.network.own.pyramid_graphs import build_match, build_prepare
from vsrife.network.table import ARCHS, PYRAMIDS

SLOW = pytest.mark.slow
QUICK = {("4.25", "encode"), *((row, "prepare") for row in PYRAMIDS)}
BUILDERS = {
    "flow": build_flow,
    "encode": build_encoder,
    "prepare": build_prepare,
    "match": build_match,
    "refine": build_refine,
}


def stages(row):
    if row in PYRAMIDS:
        return ["flow", "prepare", "match", "refine"]
    return ["flow", "encode"] if ARCHS[row].encoder else ["flow"]


CASES = [
    pytest.param(row, stage, marks=[] if (row, stage) in QUICK else SLOW)
    for row in ARCHS
    for stage in stages(row)
]


@pytest.fixture(params=["none", "kept"])
def engine(request, tmp_path, monkeypatch):
    """Of an empty cache folder, or without one."""
    kept = request.param == "kept"
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path / "cache") if kept else "none")
    settings = Settings(Path(), None, 1.0, False, True, True, 64, 64, Hardware(threads=1))
    return OvEngine(settings)


def feeds_of(session, row):
    """For each input of a graph, noise in the range of pictures, or the timestep."""
    random = np.random.default_rng(5)
    left, right = images(*size_of(row))
    found = {}
    for given in session.get_inputs():
        if given.name == "timestep":
            found[given.name] = np.full((1, 1, 1, 1), 0.5, np.float32)
        elif given.shape[1] == 3:
            found[given.name] = (right if "right" in given.name else left).clip(0, 1)
        else:
            found[given.name] = random.uniform(-0.5, 0.5, given.shape).astype(np.float32)
    return found


def size_of(row):
    unit = unit_of(ARCHS[row], GraphOptions())
    return unit, unit


@pytest.mark.parametrize(("row", "stage"), CASES)
def test_a_graph_in_half_precision_gives_its_outputs_by_name(engine, row, stage):
    """OpenVINO drops the conversion in front of an output, whose tensor then has two names."""
    options = GraphOptions(size=size_of(row), half=True)
    graph = BUILDERS[stage](state_of(row), ARCHS[row], options).SerializeToString()
    runtime = OnnxRuntime(graph)
    feeds = feeds_of(runtime.session, row)
    wanted = runtime(feeds)
    for _ in range(2):  # compiled, then as it was kept
        found = engine.load(graph).run({name: engine.put(x) for name, x in feeds.items()})
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            # ONNX Runtime rounds to fp16 between convolutions, OpenVINO on CPUs does not
            assert np.abs(found[name] - value).mean() <= 0.02 * max(0.05, np.abs(value).max()), name


@pytest.mark.parametrize("row", PYRAMIDS)
def test_without_a_cache_frames_in_half_precision_are_those_in_full(weights, monkeypatch, row):
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    clip = clip_of(noise(60, 30), 2)
    options = {"model": weights(row), "backend": "openvino", "threads": 1}
    full, half = (rife(clip, precision=each, **options) for each in ("fp32", "fp16"))
    assert np.abs(pictures(full)[1] - pictures(half)[1]).max() < 4e-3
    told = [clip.get_frame(1).props["_RifeConfidence"] for clip in (full, half)]
    assert told[0] == pytest.approx(told[1], abs=1e-3)


def test_a_program_does_not_run_without_one_of_its_inputs(engine):
    w = Writer()
    left, right = (w.input(name, [1, 3]) for name in ("left", "right"))
    w.output("sum", w.op("Add", left, right), [1, 3])
    program = engine.load(w.model({}).SerializeToString())
    given = {name: engine.put(np.ones((1, 3), np.float32)) for name in ("left", "right")}
    assert program.run(given)["sum"].tolist() == [[2, 2, 2]]
    with pytest.raises(ValueError, match="the graph has 2 inputs, not left alone"):
        program.run({"left": given["left"]})


@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="threads are listed by Linux alone"
)
def test_no_thread_is_bound_to_a_core():
    """Else workers with one thread each, in processes of their own, all share the first core."""
    script = """
import os
import vapoursynth as vs
from vsrife import rife

print([tuple(os.sched_getaffinity(0))])
black, grey = (vs.core.std.BlankClip(None, 320, 192, vs.RGBS, 1, color=[c] * 3) for c in (0, 0.4))
clip = black + grey + black
smooth = rife(clip, model="nano", backend="openvino", threads=1, sc=False)
wanted = [smooth.get_frame_async(n) for n in (1, 3)]
found = set()
while not all(future.done() for future in wanted):
    for task in os.listdir("/proc/self/task"):
        try:
            found.add(tuple(os.sched_getaffinity(int(task))))
        except ProcessLookupError:  # it has ended
            pass
print(sorted(found))
"""
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    allowed, found = made.stdout.splitlines()
    assert found == allowed
