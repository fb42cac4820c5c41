"""scale="auto", tta=, several devices and low memory in rife(), with every backend."""

import random
import weakref

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.clips import clip_of, noise, own_process, picture, pictures
from vsrife import rife
from vsrife.inference import base, network_options
from vsrife.inference.backends import runtime
from vsrife.inference.base import Hardware
from vsrife.inference.sessions import auto_scale
from vsrife.inference.sessions.auto_scale import AutoScaleSession

pytestmark = pytest.mark.usefixtures("networks_stay")

SIZE = (60, 30)  # no multiple of anything
CPUS = ["cpu", "cpu"]


@pytest.fixture(params=["onnx", pytest.param("openvino", marks=pytest.mark.slow), "pytorch"])
def backend(request):
    pytest.importorskip({"onnx": "onnxruntime", "pytorch": "torch"}.get(request.param, "openvino"))
    return request.param


def with_alpha(clip):
    grey = vs.core.std.BlankClip(clip, format=vs.GRAYS, color=0.2)
    ramp = grey.std.FrameEval(lambda n: grey.std.BlankClip(color=0.2 + n / 10))
    return clip.std.ClipToProp(ramp, prop="_Alpha")


def still_outside(n):
    """Noise that changes in a corner alone."""
    image = noise(160, 96)(0)
    image[:, 8:24, 8:24] = noise(16, 16)(n)
    return image


CASES = {
    "plain": (lambda: clip_of(noise(*SIZE), 3), {"factor": 3}),
    "alpha": (lambda: with_alpha(clip_of(noise(*SIZE), 3)), {}),
    "unclamped": (lambda: clip_of(noise(*SIZE, low=-0.5, high=1.5), 3), {}),
    "cadence": (lambda: clip_of(noise(*SIZE), 4), {"pace": "drawn", "factor": 4}),
    "confidence": (lambda: clip_of(noise(*SIZE), 3), {"confidence": 0.45}),
    "parts": (lambda: clip_of(still_outside, 3), {"static_threshold": 0.0}),
}

# Graphs of several scales take seconds to compile: the rest runs in `.ci/slow`
USUAL = {"cadence", "alpha"}
EACH = [case if case in USUAL else pytest.param(case, marks=pytest.mark.slow) for case in CASES]


def assert_same_bytes(one, other):
    for a, b in zip(one.frames(close=True), other.frames(close=True), strict=True):
        assert picture(a).tobytes() == picture(b).tobytes()
        ours, theirs = dict(a.props), dict(b.props)
        alphas = [props.pop("_Alpha", None) for props in (ours, theirs)]
        assert ours == theirs
        if alphas[0] is not None:
            assert np.array_equal(np.asarray(alphas[0][0]), np.asarray(alphas[1][0]))


@pytest.mark.parametrize("case", EACH)
@pytest.mark.parametrize("coarse", [pytest.param(False, marks=pytest.mark.slow), True])
def test_auto_gives_the_bytes_of_the_scale_that_it_chooses(
    weights, monkeypatch, backend, case, coarse
):
    monkeypatch.setattr(auto_scale, "REACH", -1.0 if coarse else 1e9)
    monkeypatch.setattr(auto_scale, "_MARGIN", -1.0)  # then the coarsest one
    draw, options = CASES[case]
    options = {"model": weights(), "backend": backend, **options}
    scale = 0.25 if coarse else 1
    if case == "parts" and coarse:
        # regions of scale 1, which need less room around what moves
        monkeypatch.setattr("vsrife.inference.sessions.regions.MARGIN", 4)
        wanted = rife(draw(), scale=scale, **options)
        first = pictures(wanted)
        monkeypatch.setattr("vsrife.inference.sessions.regions.MARGIN", 16)
        other = pictures(rife(draw(), scale="auto", **options))
        assert all(np.isfinite(image).all() for image in other)
        assert len(first) == len(other)
        return
    assert_same_bytes(rife(draw(), scale="auto", **options), rife(draw(), scale=scale, **options))


def test_any_order_of_requests_gives_the_same_bytes(weights, monkeypatch, backend):
    """Pairs of all three scales, by what their frames show, on two devices, each frame two ways."""

    def choose(self, left, right):
        return (1.0, 0.5, 0.25)[int(left.planes[0][0, 0] * 999) % 3]

    monkeypatch.setattr(AutoScaleSession, "_choose", choose)
    clip = clip_of(noise(*SIZE), 7)
    given = {"model": weights(), "backend": backend, "factor": "5/2"}
    out = rife(clip, **given, scale="auto", tta="time", device=CPUS)
    in_order = pictures(out)
    out.std.SetVideoCache(mode=0)
    order = random.Random(5).choices(range(out.num_frames), k=24)
    waiting = [(n, out.get_frame_async(n)) for n in order]
    for n, future in waiting:
        with future.result() as frame:
            assert picture(frame).tobytes() == in_order[n].tobytes(), n


@pytest.mark.parametrize("case", EACH)
def test_two_devices_give_the_bytes_of_one(weights, backend, case):
    draw, options = CASES[case]
    options = {"model": weights(), "backend": backend, **options}
    assert_same_bytes(rife(draw(), device=CPUS, **options), rife(draw(), device="cpu", **options))


def test_there_is_one_network_for_each_device_whatever_the_number_of_filters(weights, monkeypatch):
    made = []
    network = runtime.Network

    def make(settings, engine):
        new = network(settings, engine)
        made.append((weakref.ref(new), settings.hardware.device))
        return new

    monkeypatch.setattr(runtime, "Network", make)
    monkeypatch.setattr(runtime, "_networks", base.Shared())
    clip = clip_of(noise(32, 32), 4)
    names = ["cpu:0", "cpu:1"]
    filters = [rife(clip, model=weights(), backend="onnx", device=names, factor=f) for f in (2, 3)]
    assert sorted(device for _, device in made) == names
    assert all(network() is not None for network, _ in made)
    for each in filters:
        pictures(each)
    assert len(made) == 2


@pytest.mark.parametrize("case", ["plain", "alpha"])
@pytest.mark.parametrize(
    "way", [*(pytest.param(w, marks=pytest.mark.slow) for w in ("flip", "time")), "both"]
)
def test_tta_is_the_mean_of_frames_made_mirrored_and_backwards(weights, backend, case, way):
    """The clip itself is mirrored and reversed here, and what comes out is put back."""
    draw, _ = CASES[case]
    clip, given = draw(), {"model": weights(), "backend": backend, "static_threshold": "off"}
    ways = [(False, False), (True, False), (False, True), (True, True)]
    used = {"flip": ways[:2], "time": ways[::2], "both": ways}[way]
    made = []
    for mirrored, backwards in used:
        seen = clip.std.FlipHorizontal() if mirrored else clip
        out = rife(seen.std.Reverse() if backwards else seen, **given)
        # an even number of frames, of which the last has no pair behind it
        found = pictures(out)[: 2 * clip.num_frames - 1]
        found = found[::-1] if backwards else found
        made.append([image[:, :, ::-1] if mirrored else image for image in found])
    got = pictures(rife(clip, tta=way, **given))
    for n in range(1, 2 * clip.num_frames - 1, 2):
        wanted = np.mean([each[n] for each in made], axis=0)
        assert np.abs(got[n] - wanted).max() < 1e-5  # one order of sums or another


RUNS_OUT = {
    "onnx": "Failed to allocate memory for requested buffer of size 8294400",
    "openvino": "Exception from src/inference/src/infer_request.cpp: std::bad_alloc",
    "pytorch": "CUDA out of memory. Tried to allocate 2.00 GiB",
}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_streams": 2},
        *(pytest.param(o, marks=pytest.mark.slow) for o in ({"scale": "auto"}, {"tta": "time"})),
    ],
)
def test_an_encode_goes_on_where_memory_runs_out(weights, monkeypatch, backend, said, options):
    if "num_streams" in options and backend == "pytorch":
        pytest.skip("has none")
    session = runtime.GraphSession
    error: type[Exception] = RuntimeError
    if backend == "pytorch":
        import torch

        from vsrife.inference.backends.pytorch import TorchSession

        session, error = TorchSession, torch.OutOfMemoryError
    interpolate, sizes = session.interpolate, []

    def scarce(self, left, right, timestep, into, rhythm=None):
        sizes.append(into[0].shape[::-1])
        if into[0].size > 400 * 64:
            raise error(RUNS_OUT[backend])
        return interpolate(self, left, right, timestep, into, rhythm)

    clip = clip_of(noise(400, 64), 3)
    given = {"model": weights(), "backend": backend, "static_threshold": "off", **options}
    wanted = pictures(rife(clip, **given))
    monkeypatch.setattr(session, "interpolate", scarce)
    scarcer = clip_of(noise(400, 64), 3).std.AddBorders(bottom=8)
    with own_process():
        got = pictures(rife(scarcer, **given))
    assert len(got) == len(wanted) == 6
    # the frames of the source are what they were; new ones are made of tiles
    assert all(np.array_equal(a[:, :64], b) for a, b in zip(got[::2], wanted[::2], strict=True))
    assert {size[0] for size in sizes if size[0] < 400} == {240}
    assert any("out of memory for frames of 400x72" in text for text in said)


BAD = [
    ({"scale": "Auto"}, "scale must be one of 0.25, 0.5, 1.0, 2.0, 4.0, \"auto\", not 'Auto'"),
    ({"scale": "auto", "model": "x.onnx"}, 'scale="auto" needs weights, and an ONNX file'),
    ({"scale": "auto", "backend": "mlrt"}, "scale='auto' is not for backend 'mlrt'"),
    ({"scale": "auto", "trt": True}, 'scale="auto" is not for TensorRT'),
    ({"scale": "auto", "provider": "tensorrt"}, 'scale="auto" is not for TensorRT'),
    ({"tta": "rotate"}, "tta must be one of flip, time, both, not 'rotate'"),
    ({"tta": True}, "tta must be one of flip, time, both, not True"),
    ({"tta": "both", "ensemble": True, "model": "4.6"}, 'tta="both" and ensemble both go'),
    ({"tta": "flip", "backend": "mlrt"}, "tta='flip' is not for backend 'mlrt'"),
    ({"device": []}, r"device must be a name such as \"cuda:1\", a list .* or text .* not \[\]"),
    ({"device": ["cpu", 1]}, "device must be a name, not 1"),
    ({"device": ["cpu", "cuda:0"]}, r"device=\['cpu', 'cuda:0'\] must be of one kind"),
    ({"device": ["cpu"] * 65}, "device must name at most 64 devices, not 65; leave some out"),
    ({"device": "cuda:0,cuda:0"}, r"device=\['cuda:0', 'cuda:0'\] must be different ones"),
    ({"device": ["cuda", "cuda:1"]}, "must be different ones with a number each"),
    ({"device": ["cpu", "cup"]}, "device must be one of .*, not 'cup'"),
    ({"device": ["cuda:0", "cuda:1"], "device_index": 1}, "device_index=1 has nothing to act on"),
    ({"device": ["cuda:0", "cuda:1"], "backend": "mlrt"}, "is not for backend 'mlrt'"),
    ({"device": CPUS, "provider": "cuda"}, "device"),
]


@pytest.mark.parametrize(("options", "text"), BAD)
def test_nonsense_is_refused_in_one_line_before_a_file_is_opened(monkeypatch, options, text):
    def never(*_, **__):
        raise AssertionError("a file was looked for")

    monkeypatch.setattr(network_options, "find_weights", never)
    monkeypatch.setattr(network_options, "open_backend", never)
    with pytest.raises(vs.Error, match=text) as caught:
        rife(clip_of(noise(32, 32), 2), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["cuda:0,cuda:1", "cuda:0, cuda:1"])
def test_devices_may_be_one_text_as_on_the_command_line(text):
    options = network_options.read(64, 64, device=text, num_streams=2)
    assert options.hardwares == tuple(Hardware(device=f"cuda:{n}", num_streams=2) for n in range(2))
    assert network_options.read(64, 64, device=["cpu"]).device == "cpu"
