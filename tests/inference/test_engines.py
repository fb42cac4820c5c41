"""From a session to TensorRT's engines and back, with ONNX Runtime's CPU in TensorRT's place."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime as real
import pytest
import vapoursynth as vs
from onnx import TensorProto, load_model_from_string

from tests.support.clips import random_weights
from vsrife import rife
from vsrife.errors import BackendError
from vsrife.export import export_model
from vsrife.inference import base
from vsrife.inference.backends import runtime
from vsrife.inference.base import EngineOptions, Hardware, Settings
from vsrife.inference.graphs import onnx_file
from vsrife.inference.ort import accuracy, backend

BUILD = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
SIZE = (96, 64)
# Between graphs for one size and for any: correlations are summed in different orders, and cells
# without a pattern are all rounding
ANY_SIZE = 2e-3
# Of two sessions of one graph, which may add in different orders
ROUNDING = 1e-5


class PretendSession:
    """A session on the CPU that says it is on other providers, and can be made to err."""

    def __init__(self, session, names, error):
        self._session, self._names, self._error = session, names, error
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.io_binding = session.io_binding
        self.run_with_iobinding = session.run_with_iobinding

    def get_providers(self):
        return self._names

    def run(self, names, feeds):
        found = self._session.run(names, feeds)
        return [value + np.float32(self._error) for value in found]


class PretendOrt:
    """The real ONNX Runtime on a machine with TensorRT, as far as anybody can tell."""

    def __init__(self):
        self.error, self.builds, self.exact = 0.0, [], []
        self.__version__ = real.__version__
        self.SessionOptions, self.GraphOptimizationLevel = (
            real.SessionOptions,
            real.GraphOptimizationLevel,
        )
        self.OrtValue = SimpleNamespace(
            ortvalue_from_numpy=lambda array, *_: real.OrtValue.ortvalue_from_numpy(array)
        )

    def get_available_providers(self):
        return BUILD

    def InferenceSession(self, model, options, providers, enable_fallback):  # noqa: N802
        names = [name for name, _ in providers]
        plain = real.SessionOptions()
        plain.intra_op_num_threads = 1
        session = real.InferenceSession(
            model, plain, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        if names[0] != BUILD[0]:
            self.exact.append(model)
            return PretendSession(session, names, 0.0)
        given = providers[0][1]
        if given["trt_engine_cache_enable"] == "1":
            engine = Path(given["trt_engine_cache_path"], "vsrife.engine")
            if not engine.exists():
                self.builds.append(given)
                engine.write_text("engine")
        else:
            self.builds.append(given)
        return PretendSession(session, names, self.error)


@pytest.fixture
def ort(monkeypatch, tmp_path, weights):
    pretended = PretendOrt()
    settings.usual = weights("4.6")
    monkeypatch.setattr(backend, "onnxruntime", pretended)
    # nothing of a pretended device can stay there
    monkeypatch.setattr(backend.providers.Chosen, "memory", ("cpu", 0))
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path / "cache"))
    for module in (runtime, onnx_file):  # networks of this test alone
        monkeypatch.setattr(module, "_networks", base.Shared())
    return pretended


def settings(file=None, **changes):
    """Of a file, or of narrow weights of 4.6, which has one graph."""
    hardware = Hardware(provider="tensorrt", engines=changes.pop("engines", EngineOptions()))
    weights = file or settings.usual
    given = {
        "weights": weights, "model": None if file else "4.6", "scale": 1.0,
        "ensemble": False, "half": False, "clamp": True, "width": SIZE[0], "height": SIZE[1],
        "hardware": hardware, "graph": weights.suffix == ".onnx",
    }  # fmt: skip  # a table
    return Settings(**(given | changes))


def frames(seed=0):
    chance = np.random.default_rng(seed)
    return [chance.uniform(0, 1, SIZE[::-1]).astype(np.float32) for _ in range(3)]


def picture(session):
    left, right = session.prepare(frames(0)), session.prepare(frames(1))
    made = [np.empty(SIZE[::-1], np.float32) for _ in range(3)]
    session.interpolate(left, right, 0.5, made)
    return np.stack(made)


def open_session(given):
    return backend.BACKEND.open_session(given)


def test_engines_are_built_once_for_all_sessions_to_come(ort, tmp_path):
    heard = []
    first = picture(open_session(settings(note=heard.append)))
    assert len(ort.builds) == 1
    assert "building a TensorRT engine for 4.6-96x64-fp32" in heard[0]
    again = picture(open_session(settings(note=heard.append)))
    assert len(ort.builds) == len(heard) == 1
    assert np.abs(first - again).max() < ROUNDING
    assert list((tmp_path / "cache" / "engines").glob("4.6-96x64-fp32-*/vsrife.engine"))


def test_the_graph_that_frames_will_need_is_built_first(ort):
    session = open_session(settings(clamp=False))
    picture(session)
    assert len(ort.builds) == 1


def test_a_network_with_an_encoder_has_two_engines(ort, tmp_path):
    picture(open_session(settings(random_weights(tmp_path, "4.15.lite"))))
    assert len(ort.builds) == 2
    assert len(ort.exact) == 2


@pytest.mark.parametrize("half", [False, True])
def test_wrong_pictures_are_refused_before_the_first_frame(ort, tmp_path, half):
    ort.error = 0.05  # 26 dB
    with pytest.raises(BackendError, match=r"4\.6-96x64-fp\d\d gives wrong pictures: 26\.0 dB"):
        open_session(settings(half=half))
    assert not list((tmp_path / "cache").glob("engines/*/vsrife.engine"))


def test_fp16_is_compared_with_fp32(ort):
    picture(open_session(settings(half=True)))
    assert ort.builds[0]["trt_fp16_enable"] == "1"
    (exact,) = (load_model_from_string(graph) for graph in ort.exact)
    assert {tensor.data_type for tensor in exact.graph.initializer} <= {
        TensorProto.FLOAT,
        TensorProto.INT64,
    }


def test_the_frames_of_the_clip_are_compared(ort):
    asked = []

    def sample():
        asked.append(1)
        return frames(2), frames(3)

    open_session(settings(sample=sample))
    assert asked
    left, right = accuracy.pair_of(sample, (128, 64))
    assert np.array_equal(left[0, :, :, :96], frames(2))
    assert np.array_equal(right[0, :, :, 96], np.stack(frames(3))[:, :, 95])


def test_frames_that_show_nothing_are_replaced():
    black = [np.zeros((64, 128), np.float32)] * 3
    for sample in (None, lambda: (black, black)):
        left, right = accuracy.pair_of(sample, (128, 64))
        assert left.shape == (1, 3, 64, 128)
        assert 0 <= left.min() < left.max() <= 1
        # what moves is where it should be: 6 pixels to the right, 3 down
        assert right[..., 3:, 6:] == pytest.approx(left[..., :-3, :-6], abs=1e-4)


def test_engines_of_many_sizes_get_profiles(ort):
    engines = EngineOptions(False, (64, 64), (96, 64), (200, 100))
    given = settings(engines=engines)
    fixed = picture(open_session(settings()))
    assert picture(open_session(given)) == pytest.approx(fixed, abs=ANY_SIZE)
    assert ort.builds[1]["trt_profile_min_shapes"].startswith("left:1x3x64x64,right:1x3x64x64")
    assert ort.builds[1]["trt_profile_max_shapes"].startswith("left:1x3x128x224")


def test_a_folder_of_the_users_own_holds_the_engines(ort, tmp_path):
    open_session(settings(engines=EngineOptions(folder=str(tmp_path / "mine"))))
    assert list((tmp_path / "mine").glob("4.6*/vsrife.engine"))
    assert not (tmp_path / "cache" / "engines" / "4.6").exists()


def test_where_nothing_can_be_kept_it_is_built_each_time(ort, monkeypatch):
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    for _ in range(2):
        open_session(settings())
    assert len(ort.builds) == 2


def fallen_back(monkeypatch, ort, works):
    """Sessions as on a machine where only these providers start, and their values."""
    held = []
    make = ort.InferenceSession

    def start(model, options, providers, enable_fallback):
        session = make(model, options, providers, enable_fallback)
        names = [name for name in session.get_providers() if name in works]
        session._names = names or ["CPUExecutionProvider"]
        return session

    def hold(array, kind, number):
        held.append(kind)
        return real.OrtValue.ortvalue_from_numpy(array)

    monkeypatch.undo()  # where values are is what is looked at
    monkeypatch.setattr(backend, "onnxruntime", ort)
    monkeypatch.setattr(ort, "InferenceSession", start)
    monkeypatch.setattr(ort, "OrtValue", SimpleNamespace(ortvalue_from_numpy=hold))
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    return held


def test_after_falling_back_values_are_on_the_cpu(ort, monkeypatch):
    held = fallen_back(monkeypatch, ort, ())
    session = open_session(settings(hardware=Hardware(provider="cuda,cpu")))
    session.prepare(frames())
    assert held == ["cpu"]


def test_a_provider_that_starts_for_half_a_network_is_an_error(ort, monkeypatch, tmp_path):
    works = [BUILD[1]]
    fallen_back(monkeypatch, ort, works)
    make = ort.InferenceSession

    def once(*args, **options):
        session = make(*args, **options)
        works.clear()
        return session

    monkeypatch.setattr(ort, "InferenceSession", once)
    with pytest.raises(BackendError, match="'cuda' started for one part of the network, not for"):
        open_session(
            settings(random_weights(tmp_path, "4.15.lite"), hardware=Hardware(provider="cuda,cpu"))
        )


def test_two_sessions_share_their_engines(ort):
    given = settings()
    first, second = open_session(given), open_session(replace(given, note=base.silent))
    assert len(ort.builds) == 1
    assert np.abs(picture(first) - picture(second)).max() < ROUNDING


SHAPES = {
    "own": {"left": (1, 7, None, None), "right": (1, 7, None, None), "timestep": (1, 1, 1, 1)},
    "encoder": {"image": (1, 3, 64, 128)},
    "v1": {"input": (1, 11, 64, 128)},
    "v2": {"input": (1, 7, 64, 128)},
    "VSGAN": {"input": (1, 8, 64, 128)},
}


@pytest.mark.parametrize("layout", SHAPES)
def test_graphs_of_others_get_inputs_of_their_layout(layout):
    feeds = accuracy.feeds_of(SHAPES[layout], None)
    for name, shape in SHAPES[layout].items():
        assert feeds[name].shape == tuple(side or 256 for side in shape)
        assert feeds[name].dtype == np.float32
    if layout == "v1":
        planes = feeds["input"][0]
        assert (planes[6] == 0.5).all()
        assert (planes[7, 0, 0], planes[7, 0, -1], planes[8, 0, 0]) == (-1, 1, -1)
        assert planes[9:, 0, 0] == pytest.approx([2 / 127, 2 / 63])


def test_a_file_runs_on_tensorrt_too(ort, tmp_path):
    path = tmp_path / "4.6.onnx"
    export_model(settings.usual, path)
    of_file = picture(open_session(settings(path)))
    assert len(ort.builds) == 1
    assert of_file == pytest.approx(picture(open_session(settings())), abs=ANY_SIZE)
    open_session(settings(path, half=True, precision="fp16"))  # TensorRT rounds by itself
    assert ort.builds[-1]["trt_fp16_enable"] == "1"


def test_vs_rifes_scripts_get_engines(ort, tmp_path, capfd):
    blank = vs.core.std.BlankClip(format=vs.YUV420P8, width=96, height=64, length=3)
    before = [128, 128], [1920, 1080]
    low, high = before[0].copy(), before[1].copy()
    folder = str(tmp_path / "mine")
    clip = rife(
        blank, trt=True, trt_min_shape=low, trt_max_shape=high, trt_optimization_level=5,
        trt_cache_dir=folder,
    )  # fmt: skip  # one thing, not six
    clip.get_frame(1).close()
    assert (low, high) == before
    assert len(ort.builds) == 3  # for a frame, a pair, a new frame
    for build in ort.builds:
        assert build["trt_builder_optimization_level"] == "5"
        assert build["trt_engine_cache_path"].startswith(folder)
    assert capfd.readouterr().out == ""


def test_vs_rifes_scripts_run_without_an_engine_that_errs(ort, said):
    ort.error = 0.05
    clip = rife(vs.core.std.BlankClip(format=vs.RGBS, width=96, height=64, length=3), trt=True)
    clip.get_frame(1).close()
    assert any("trt=True runs without TensorRT: the TensorRT engine for nano" in t for t in said)
    with pytest.raises(vs.Error, match=r"gives wrong pictures: 26\.0 dB"):
        rife(clip, provider="tensorrt")
