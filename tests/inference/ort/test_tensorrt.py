"""TensorRT's engines: options, cache and proof, with a TensorRT that writes and reads files."""

import ctypes
import hashlib
import json
import re
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_ort import EPFail, FakeOrt
from vsrife.errors import BackendError
from vsrife.inference.base import EngineOptions
from vsrife.inference.ort import accuracy, gpu, providers, tensorrt
from vsrife.inference.ort.tensorrt import Plan

NAMES = {name: row.full_name for name, row in providers.PROVIDERS.items()}
BUILD = (NAMES["tensorrt"], NAMES["cuda"], NAMES["cpu"])
SIZED = {"left": (1, 7, 64, 128), "timestep": (1, 1, 1, 1)}
OPEN = {"left": (1, 7, None, None), "timestep": (1, 1, 1, 1)}
PLAN = Plan(b"graph", "nano-128x64", False, SIZED, 64)
# The real ones, which `machine` replaces
GPU_NAME, TENSORRT_VERSION = gpu.gpu_name, gpu.tensorrt_version


class FakeTensorRT(FakeOrt):
    """Builds an engine where there is none; one that is not its own it refuses, as the real one."""

    def __init__(self, **more):
        super().__init__(built=BUILD, works=BUILD, **more)
        self.builds = 0

    def InferenceSession(self, model, options, providers, enable_fallback):  # noqa: N802
        given = dict(providers).get(NAMES["tensorrt"])
        if given is None or NAMES["tensorrt"] not in self.works:
            return super().InferenceSession(model, options, providers, enable_fallback)
        if given["trt_engine_cache_enable"] == "1":
            timing = Path(given["trt_timing_cache_path"], "cache.timing")
            if timing.exists() and timing.read_text() != "timing":
                raise EPFail("timing cache could not be read")
            timing.write_text("timing")
            engine = Path(given["trt_engine_cache_path"], "vsrife_0_sm90.engine")
            if not engine.exists():
                self.builds += 1
                engine.write_text("engine")
            elif engine.read_text() != "engine":
                raise EPFail("TensorRT EP could not deserialize engine from cache")
        else:
            self.builds += 1
        return super().InferenceSession(model, options, providers, enable_fallback)


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """One GPU and one TensorRT, which tests may exchange."""
    monkeypatch.setattr(gpu, "gpu_name", lambda index: f"Fake RTX {index}")
    monkeypatch.setattr(gpu, "tensorrt_version", lambda: "10.13.3")
    return monkeypatch


class Bench:
    """Starts sessions and counts what happens."""

    def __init__(self, root):
        self.root, self.ort, self.heard, self.likeness = root, FakeTensorRT(), [], 60.0

    def start(self, plan=PLAN, options=None, provider="tensorrt"):
        chosen = providers.choose(self.ort, providers.wanted(provider))
        return tensorrt.start(
            self.ort, chosen, options or EngineOptions(), plan, root=self.root,
            likeness=lambda session: self.likeness, note=self.heard.append,
        )  # fmt: skip  # one thing, not seven

    def engines(self):
        return sorted(self.root.glob("nano*/*.engine"))


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def proof_of(bench):
    (path,) = bench.root.glob("nano*/proof.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_an_engine_is_built_once_and_said_before(bench):
    bench.start()
    assert bench.heard == [
        "building a TensorRT engine for nano-128x64-fp32; this takes minutes, once"
    ]
    bench.start()
    assert bench.ort.builds == 1
    assert len(bench.heard) == 1


CHANGES = {
    "weights": lambda bench, machine: {"plan": replace(PLAN, graph=b"other weights")},
    "size": lambda bench, machine: {"plan": replace(PLAN, name="nano-192x64")},
    "precision": lambda bench, machine: {"plan": replace(PLAN, half=True)},
    "level": lambda bench, machine: {"options": EngineOptions(level=5)},
    "other GPU of it": lambda bench, machine: {"provider": "tensorrt:1"},
    "GPU": lambda bench, machine: machine.setattr(gpu, "gpu_name", lambda index: "Other"),
    "TensorRT": lambda bench, machine: machine.setattr(gpu, "tensorrt_version", lambda: "10.14"),
    "ONNX Runtime": lambda bench, machine: setattr(bench.ort, "__version__", "1.32.0"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_an_engine_belongs_to_what_it_was_built_for(case, bench, machine):
    bench.start()
    bench.start(**(CHANGES[case](bench, machine) or {}))
    assert bench.ort.builds == 2
    assert len({path.parent for path in bench.engines()}) == 2


@given(st.integers(0), st.integers(0, 7))
def test_an_engine_with_a_wrong_bit_is_built_again(tmp_path_factory, at, bit):
    """TensorRT may well read it, and give another picture."""
    bench = Bench(tmp_path_factory.mktemp("bench"))
    bench.start()
    (path,) = bench.engines()
    engine = bytearray(path.read_bytes())
    engine[at % len(engine)] ^= 1 << bit
    path.write_bytes(engine)
    bench.start()
    assert bench.ort.builds == 2
    assert bench.heard[1] == "the TensorRT engine that was kept for nano-128x64-fp32 is damaged"
    assert path.read_text() == "engine"
    bench.start()
    assert bench.ort.builds == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"files": {}}', '{"files": 3}'])
def test_a_damaged_proof_proves_nothing(bench, damage):
    bench.start()
    (proof,) = bench.root.glob("nano*/proof.json")
    proof.write_text(damage)
    bench.start()
    assert bench.ort.builds == 2


def test_an_engine_that_a_new_driver_refuses_is_built_again(bench):
    bench.start()
    (path,) = bench.engines()
    path.write_text("engine of another driver")
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    proof = path.with_name("proof.json")
    proof.write_text(json.dumps(json.loads(proof.read_text()) | {"files": files}))
    session = bench.start()
    assert bench.ort.builds == 2
    assert session.get_providers()[0] == NAMES["tensorrt"]
    assert "does not take what was kept for nano-128x64-fp32; building it again" in bench.heard[-1]
    bench.start()
    assert bench.ort.builds == 2


OTHER = replace(PLAN, name="nano-192x64", graph=b"other")


def seen_timings(bench, plan, monkeypatch):
    """What TensorRT finds of earlier measurements when it builds an engine for `plan`."""
    found, real = [], bench.ort.InferenceSession

    def listening(model, options, providers, enable_fallback):
        folder = Path(dict(providers)[NAMES["tensorrt"]]["trt_timing_cache_path"])
        found.extend(path.read_text() for path in folder.iterdir())
        return real(model, options, providers, enable_fallback)

    with monkeypatch.context() as patch:
        patch.setattr(bench.ort, "InferenceSession", listening)
        bench.start(plan)
    return found


def test_engines_of_a_machine_share_what_was_measured(bench, monkeypatch):
    assert seen_timings(bench, PLAN, monkeypatch) == []
    assert seen_timings(bench, OTHER, monkeypatch) == ["timing"]


@pytest.mark.parametrize("byte", range(0, 38, 5))
def test_timings_with_a_wrong_bit_are_measured_again(bench, monkeypatch, byte):
    """TensorRT itself would take them, and be slower for good."""
    bench.start()
    (path,) = bench.root.glob("timing-*/*")
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)
    assert seen_timings(bench, OTHER, monkeypatch) == []
    assert path.read_bytes() != content


def test_a_damaged_timing_cache_is_made_again(bench):
    bench.start()
    next(bench.root.glob("timing-*/*")).write_text("damaged")
    bench.start(replace(PLAN, graph=b"another"))
    assert len(bench.engines()) == 2


def test_what_an_interrupted_build_has_left_is_not_read(bench):
    bench.start()
    folder = bench.engines()[0].parent
    (folder / "proof.json").unlink()
    bench.engines()[0].write_text("half an eng")
    bench.start()
    assert bench.ort.builds == 2
    assert "building it again" not in bench.heard[-1]


def test_a_failing_build_is_an_error_the_first_time(bench):
    bench.ort.raises = (NAMES["tensorrt"],)
    with pytest.raises(BackendError, match="'tensorrt' does not work here: CUDA failure 35"):
        bench.start()


@pytest.mark.parametrize(("half", "right"), [(False, 42.1), (True, 32.1)])
def test_an_engine_that_gives_wrong_pictures_is_refused_with_the_figure(bench, half, right):
    plan = replace(PLAN, half=half)
    for wrong in (right - 0.2, float("nan")):
        bench.likeness = wrong
        with pytest.raises(BackendError, match=rf"wrong pictures: {wrong:.1f} dB against fp32, at"):
            bench.start(plan)
        assert not bench.engines()
    bench.likeness = right
    bench.start(plan)
    assert proof_of(bench)["psnr"] == right


def test_the_proof_says_what_the_engine_is(bench):
    bench.start()
    facts = proof_of(bench)
    assert facts["gpu"] == "Fake RTX 0"
    assert facts["tensorrt"] == "10.13.3"
    assert facts["onnxruntime"] == "1.31.1"


def test_without_a_folder_engines_are_built_every_time(bench):
    bench.root = None
    bench.start()
    bench.start()
    assert bench.ort.builds == 2
    assert bench.heard[0].endswith("this takes minutes")


def test_odd_names_of_files_make_plain_folders(bench):
    bench.start(replace(PLAN, name="модель: \\ 4?" + "x" * 300))
    (folder,) = {path.parent.name for path in bench.root.glob("*/proof.json")}
    assert re.fullmatch(r"[\w.-]{97}", folder, re.ASCII)


def test_a_build_is_told_of_where_that_is_asked_for(bench):
    quiet = bench.start().options.log_severity_level
    told = bench.start(options=EngineOptions(debug=True)).options.log_severity_level
    assert (quiet, told) == (3, 1)


def test_a_folder_that_cannot_be_written_is_no_error(bench, tmp_path):
    (tmp_path / "file").touch()
    bench.root = tmp_path / "file"
    bench.start()
    assert bench.ort.builds == 1
    assert "no TensorRT engine can be kept in" in bench.heard[0]


def test_a_fallback_that_is_allowed_needs_no_proof(bench):
    bench.ort.works, bench.likeness = BUILD[1:], 0.0
    assert bench.start(provider="tensorrt,cuda").get_providers()[0] == NAMES["cuda"]
    assert not list(bench.root.glob("nano*/proof.json"))


def test_options_become_the_providers():
    options = EngineOptions(workspace=1 << 30, streams=0, level=5, debug=True)
    assert tensorrt.provider_options(options, replace(PLAN, half=True)) == {
        "trt_fp16_enable": "1",
        "trt_max_workspace_size": "1073741824",
        "trt_auxiliary_streams": "0",
        "trt_builder_optimization_level": "5",
        "trt_detailed_build_log": "1",
    }
    assert tensorrt.provider_options(EngineOptions(), PLAN) == {"trt_fp16_enable": "0"}


def test_shapes_become_profiles_of_what_is_open():
    given = tensorrt.provider_options(EngineOptions(), replace(PLAN, inputs=OPEN))
    assert given["trt_profile_min_shapes"] == "left:1x7x128x128"
    assert given["trt_profile_opt_shapes"] == "left:1x7x1088x1920"
    assert given["trt_profile_max_shapes"] == "left:1x7x1088x1920"


def session_of(function, kind="tensor(float)"):
    node = [SimpleNamespace(name="image", type=kind)]
    return SimpleNamespace(
        get_inputs=lambda: node,
        get_outputs=lambda: [SimpleNamespace(name=name) for name in ("image", "confidence")],
        get_providers=lambda: list(BUILD),
        run=lambda names, feeds: [function(feeds["image"]), np.zeros(1)],
    )


@pytest.mark.parametrize(("error", "expected"), [(0.0, np.inf), (0.01, 40.0), (0.1, 20.0)])
def test_likeness_is_measured_against_fp32(monkeypatch, error, expected):
    ort = FakeOrt(built=BUILD, works=BUILD)
    chosen = providers.choose(ort, providers.wanted("tensorrt"))
    started = []

    def start(ort, graph, where, note=None):
        started.append((graph, where))
        return session_of(lambda image: image)

    monkeypatch.setattr(accuracy.sessions, "start", start)
    feeds = {"image": np.linspace(0, 1, 300, dtype=np.float32)}
    ours = session_of(lambda image: image + np.float32(error))
    found = accuracy.measure(ort, chosen, ours, b"exact", feeds)
    assert found == pytest.approx(expected, abs=0.01)
    (graph, where), *_ = started
    assert graph == b"exact"
    assert where.arguments == ((NAMES["cuda"], where.arguments[0][1] | {"use_tf32": "0"}),)


class Driver:
    """NVIDIA's, as far as it tells names; error: what all but its start gives."""

    def __init__(self, error=0):
        self.error = error

    def cuInit(self, flags):  # noqa: N802  # the driver's own name
        return 0

    def cuDeviceGet(self, device, index):  # noqa: N802
        device._obj.value = index
        return self.error

    def cuDeviceGetName(self, name, length, device):  # noqa: N802
        name.value = f"RTX {device.value}".encode()
        return self.error


def no_driver(name):
    raise OSError(f"{name}: cannot open shared object file")


DRIVERS = {
    "one": (lambda name: Driver(), "RTX 2"),
    "one that fails": (lambda name: Driver(error=100), "unknown"),
    "another library of its name": (lambda name: object(), "unknown"),
    "none": (no_driver, "unknown"),
}


@pytest.mark.parametrize("case", DRIVERS)
def test_a_machine_without_a_driver_has_a_gpu_of_no_name(machine, case):
    load, name = DRIVERS[case]
    machine.setattr(gpu, "ctypes", SimpleNamespace(**(vars(ctypes) | {"CDLL": load})))
    assert GPU_NAME(2) == name


def failing_import(name):
    raise RuntimeError("no libnvinfer")


IMPORTS = {
    "it": (lambda name: SimpleNamespace(__version__="10.13"), {}, "10.13"),
    "a broken one": (failing_import, {"tensorrt-cu13-libs": "10.14"}, "10.14"),
    "none": (failing_import, {}, "unknown"),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_a_machine_without_tensorrt_has_one_of_no_version(machine, case):
    load, packages, version = IMPORTS[case]

    def of_package(name):
        if name not in packages:
            raise metadata.PackageNotFoundError(name)
        return packages[name]

    machine.setattr(gpu, "importlib", SimpleNamespace(import_module=load))
    found = {"version": of_package, "PackageNotFoundError": metadata.PackageNotFoundError}
    machine.setattr(gpu, "metadata", SimpleNamespace(**found))
    assert TENSORRT_VERSION() == version
