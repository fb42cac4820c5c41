"""Backend mlrt: vs-mlrt's plugins run our graphs. The real ones where they are installed; a plugin
in Python, which takes and gives what they do, everywhere."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.clips import clip_of, noise, picture, pictures
from tests.support.fake_mlrt import FakePlugin, Vs
from vsrife import rife
from vsrife.errors import ArgumentError, BackendError
from vsrife.inference import select
from vsrife.inference.backends import mlrt, mlrt_arrays
from vsrife.inference.base import Hardware, Settings
from vsrife.video import by_nodes, frames
from vsrife.video.plans import Plan, Policy
from vsrife.video.synthesis import Synthesis
from vsrife.video.timeline import Timeline

pytestmark = pytest.mark.usefixtures("networks_stay")

SIZE = (60, 30)  # no multiple of anything
TOLERANCE = 1e-4  # sums in another order, see test_same_pictures
REAL = mlrt.plugins()


@pytest.fixture
def install(monkeypatch):
    """Fake plugins by namespace, in place of all real ones."""

    def install(**plugins):
        for module in (mlrt, mlrt_arrays):
            monkeypatch.setattr(module, "vs", Vs(plugins))
        return plugins

    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")
    return install


@pytest.fixture
def fake(install):
    return install(ort=FakePlugin())["ort"]


SOURCES = {
    "RGBS": lambda: clip_of(noise(*SIZE), 4),
    "beyond 0..1": lambda: clip_of(noise(*SIZE, low=-0.5, high=1.5), 3),
    "GRAYS": lambda: clip_of(noise(*SIZE), 3).std.ShufflePlanes(1, vs.GRAY),
    "RGBH": lambda: clip_of(noise(*SIZE), 3, fmt=vs.RGBH),
    "YUV420P8": lambda: clip_of(noise(*SIZE), 4).resize.Bicubic(format=vs.YUV420P8, matrix_s="709"),
}
# One code of integers where rounding decides; half floats have 11 bits
STEPS = {"YUV420P8": 1, "RGBH": 1e-3}


def same(wanted, got, tolerance):
    assert (got.format.id, got.num_frames, got.fps) == (
        wanted.format.id,
        wanted.num_frames,
        wanted.fps,
    )
    for one, other in zip(wanted.frames(close=True), got.frames(close=True), strict=True):
        for a, b in zip(frames.planes(one), frames.planes(other), strict=True):
            assert np.abs(a.astype(np.float64) - b).max() <= tolerance
        ours, theirs = dict(other.props), dict(one.props)
        assert ours.pop("_RifeConfidence", 0) == pytest.approx(
            theirs.pop("_RifeConfidence", 0), abs=1e-4
        )
        assert ours == theirs


# Rows without an encoder, and with one
CASES = [*((source, "4.15.lite") for source in SOURCES), ("RGBS", "4.6"), ("YUV420P8", "4.6")]


@pytest.mark.parametrize(("source", "arch"), CASES)
def test_the_clip_is_that_of_other_backends(fake, weights, source, arch):
    clip = SOURCES[source]()
    options = {"model": weights(arch), "factor": "5/2", "precision": "fp32"}
    wanted = rife(clip, backend="onnx", threads=1, **options)
    same(wanted, rife(clip, backend="mlrt", **options), STEPS.get(source, TOLERANCE))


OPTIONS = {
    "cuts": {"sc": True, "sc_threshold": 0.01, "sc_mode": "blend"},
    "confidence": {"confidence": 0.45, "sc_mode": "nearest"},
    "scale and streams": {"scale": 0.5, "num_streams": 3},
    "replace": {"replace": [1]},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_every_option_is_ours(fake, weights, case):
    clip, model = SOURCES["RGBS"](), weights("4.15.lite")
    wanted = rife(clip, model=model, backend="onnx", **OPTIONS[case])
    same(wanted, rife(clip, model=model, backend="mlrt", **OPTIONS[case]), TOLERANCE)


def settings_of(path, **changes):
    given = {
        "weights": path, "model": None, "scale": 1.0, "ensemble": False, "half": False,
        "clamp": True, "width": SIZE[0], "height": SIZE[1],
    }  # fmt: skip  # one thing, not eight
    return Settings(**given | changes)


def nodes_of(clip, session, factor=2):
    """New frames by nodes, as the output has them."""
    plan = Plan(Timeline(clip.num_frames, factor, False))
    synthesis = Synthesis(plan, session, Policy(cuts=False), clip.num_frames, 1)
    return by_nodes.new_frames(synthesis, session, clip)


@pytest.mark.parametrize("clamp", [True, False])
@pytest.mark.parametrize("arch", ["4.6", "4.15.lite"])
def test_nodes_and_arrays_give_the_same(fake, weights, arch, clamp):
    clip = SOURCES["beyond 0..1"]()
    session = mlrt.BACKEND.open_session(settings_of(weights(arch), clamp=clamp))
    new = nodes_of(clip, session, factor=4)
    images = pictures(clip)
    for n in (1, 3, 6):
        pair = [session.prepare([p.astype("f4") for p in images[n // 4 + k]]) for k in (0, 1)]
        into = [np.empty(SIZE[::-1], np.float32) for _ in range(3)]
        confidence = session.interpolate(*pair, n % 4 / 4, into)
        with new.get_frame(n) as frame:
            assert np.array_equal(picture(frame), np.stack(into))
            assert frame.props["_RifeConfidence"] == pytest.approx(confidence)
            assert frame.props["_RifeTimestep"] == n % 4 / 4
            assert (frame.props["_RifeLeft"], frame.props["_RifeRight"]) == (n // 4, n // 4 + 1)


def test_nodes_are_made_without_computing_a_frame(fake, weights):
    """In the callback of a filter, where nodes are made, to wait for a frame would hang."""
    asked = []
    clip = SOURCES["RGBS"]()
    watched = clip.std.ModifyFrame(clip, lambda n, f: asked.append(n) or f)
    session = mlrt.BACKEND.open_session(settings_of(weights("4.15.lite")))
    new = nodes_of(watched, session)
    assert asked == []
    new.get_frame(3).close()
    assert set(asked) == {1, 2}


def test_any_order_of_requests_gives_the_same_bytes(fake, weights):
    clip = clip_of(noise(*SIZE), 8)
    session = mlrt.BACKEND.open_session(settings_of(weights("4.15.lite")))
    new = nodes_of(clip, session)
    kept = [picture(new.get_frame(n)).tobytes() for n in range(1, 15, 2)]
    order = random.Random(3).choices(range(7), k=30)
    waiting = [(n, new.get_frame_async(2 * n + 1)) for n in order]
    assert all(picture(future.result()).tobytes() == kept[n] for n, future in waiting)


def test_a_sample_that_is_no_number_spoils_no_picture_of_arrays(fake, weights):
    session = mlrt.BACKEND.open_session(settings_of(weights("4.6")))
    planes = [np.full(SIZE[::-1], 0.5, np.float32) for _ in range(3)]
    planes[1][3, 4] = np.nan
    pair = session.prepare(planes), session.prepare(planes)
    into = [np.empty_like(plane) for plane in planes]
    session.interpolate(*pair, 0.5, into)
    assert np.isfinite(np.stack(into)).all()


def test_arrays_may_come_from_many_threads_at_a_time(fake, weights, monkeypatch):
    """Also where VapourSynth has one thread of its own."""
    monkeypatch.setattr(vs.core, "num_threads", 1)
    session = mlrt.BACKEND.open_session(settings_of(weights("4.15.lite")))
    images = [list(noise(*SIZE)(n).astype("f4")) for n in range(5)]

    def make(n):
        into = [np.empty(SIZE[::-1], np.float32) for _ in range(3)]
        session.interpolate(session.prepare(images[n]), session.prepare(images[n + 1]), 0.5, into)
        return np.stack(into).tobytes()

    alone = [make(n) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, range(4))) == alone


def test_openvino_is_told_to_compute_in_fp32(install, weights):
    """It takes bf16 on newer CPUs, which ruins motion."""
    plugin = install(ov=FakePlugin())["ov"]
    pictures(rife(SOURCES["RGBS"](), model=weights("4.15.lite"), backend="mlrt"))
    assert plugin.calls
    for call in plugin.calls:
        assert call["config"]() == {"INFERENCE_PRECISION_HINT": "f32"}
        assert (call["device"], call["num_streams"]) == ("CPU", 1)


DEVICES = {
    None: ("ov", {"device": "CPU"}),
    "cpu": ("ov", {"device": "CPU"}),
    "gpu": ("ov", {"device": "GPU"}),
    "gpu:1": ("ov", {"device": "GPU.1"}),
    "npu": ("ov", {"device": "NPU"}),
    "cuda": ("ort", {"provider": "CUDA"}),
    "cuda:1": ("ort", {"provider": "CUDA", "device_id": 1}),
}


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_leads_to_the_plugin_that_has_it(install, device):
    install(ov=FakePlugin(), ort=FakePlugin())
    name, wanted = DEVICES[device]
    model = mlrt.Model(Hardware(device=device))
    assert model.name == name
    arguments = {k: v for k, v in model._arguments.items() if k not in ("config", "num_streams")}
    assert arguments == wanted
    select.check("mlrt", Hardware(device=device))  # the door lets it through


def test_what_the_door_lets_through_a_plugin_has():
    for device in ("rocm", "xpu", "mps", "vulkan"):
        with pytest.raises(ArgumentError, match=f"device must be one of .*mlrt.* not '{device}'"):
            select.check("mlrt", Hardware(device=device))
        with pytest.raises(ArgumentError, match=f"device must be one of .*mlrt.* not '{device}'"):
            mlrt.device_of(Hardware(device=device))


MISSING = {
    "none": ({}, "cpu", "core.ov and core.ort are not there; pip install vapoursynth-mlrt-ov or"),
    "other device": ({"ov": FakePlugin()}, "cuda", "core.ort is not there; pip install"),
    "too old": (
        {"ov": FakePlugin("v15.10")},
        "cpu",
        "needs core.ov of vs-mlrt 17 or newer, not v15.10; pip install -U vapoursynth-mlrt-ov",
    ),
    "refuses": (
        {"ort": FakePlugin(refuses="ort: unsupported op\nGridSample")},
        "cpu",
        r"vs-mlrt's core.ort cannot run the graph \(ort: unsupported op GridSample\)",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_plugin_that_is_of_no_use_is_one_line(install, weights, case):
    plugins, device, message = MISSING[case]
    install(**plugins)
    settings = settings_of(weights("4.6"), hardware=Hardware(device=device))
    with pytest.raises(BackendError, match=message) as caught:
        nodes_of(SOURCES["RGBS"](), mlrt.BACKEND.open_session(settings))
    assert "\n" not in str(caught.value)


def test_what_it_cannot_do_is_said_at_script_time(fake, weights, tmp_path):
    clip = SOURCES["RGBS"]()
    with pytest.raises(vs.Error, match="cannot run with backend 'mlrt': it looks twice"):
        rife(clip, model=weights("4.0"), backend="mlrt")
    with pytest.raises(ArgumentError, match="takes weights, not the graph"):
        mlrt.BACKEND.open_session(settings_of(tmp_path / "a.onnx", graph=True))
    with pytest.raises(vs.Error, match='pace="drawn" needs'):
        rife(clip, model=weights("4.6"), backend="mlrt", pace="drawn")


@pytest.mark.skipif(not REAL, reason="no plugin of vs-mlrt is installed")
@pytest.mark.parametrize("plugin", REAL)
@pytest.mark.parametrize("source", ["RGBS", "YUV420P8"])
def test_the_real_plugins_give_what_onnx_runtime_gives(monkeypatch, weights, plugin, source):
    monkeypatch.setattr(mlrt, "PLUGINS", {plugin: mlrt.PLUGINS[plugin]})
    clip = SOURCES[source]()
    options = {"model": weights("4.15.lite"), "factor": 3}
    wanted = rife(clip, backend="onnx", **options)
    same(wanted, rife(clip, backend="mlrt", **options), STEPS.get(source, TOLERANCE))
