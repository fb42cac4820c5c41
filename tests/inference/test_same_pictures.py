"""rife() gives the same clip with every backend: pictures, properties, times."""

import gc
import random
import threading
import weakref

import numpy as np
import pytest
import vapoursynth as vs

from tests.golden import formula
from tests.support.clips import clip_of, copied, noise, own_process, picture, pictures
from vsrife import rife
from vsrife.inference import base
from vsrife.inference.backends import openvino, runtime
from vsrife.inference.graphs import graph_network
from vsrife.inference.ort.backend import OrtProgram
from vsrife.network.own.pyramid_module import PyramidNet
from vsrife.video import frames
from vsrife.weights import save_weights

BACKENDS = ("onnx", "openvino")
SIZE = (60, 30)  # no multiple of anything
# One order of sums instead of another, through the whole network, in fp32: 1e-5 is usual
TOLERANCE = 1e-4
# fp16 has 11 bits, and PyTorch keeps whole pictures in it where graphs keep convolutions alone
HALF_TOLERANCE = 4e-3

SOURCES = {
    "RGBS": lambda: clip_of(noise(*SIZE), 4),
    "values beyond 0..1": lambda: clip_of(noise(*SIZE, low=-0.5, high=1.5), 3),
    "alpha": lambda: with_alpha(clip_of(noise(*SIZE), 3)),
    "held drawings": lambda: clip_of(lambda n: noise(*SIZE)(n // 2), 6),
    "a mark": lambda: clip_of(noise(*SIZE), 4, props=lambda n: {"Bad": int(n == 2)}),
}
OPTIONS = {
    "plain": ("RGBS", {"factor": 3}),
    "scale": ("RGBS", {"scale": 0.5}),
    "rate": ("RGBS", {"fps": 60}),
    "unclamped sources": ("values beyond 0..1", {}),
    "alpha": ("alpha", {"factor": 3}),
    "pace": ("RGBS", {"pace": "drawn", "factor": 4}),
    "confidence": ("RGBS", {"confidence": 0.45, "sc_mode": "nearest"}),
    "cuts": ("RGBS", {"sc": True, "sc_threshold": 0.01, "sc_mode": "blend"}),
    "duplicates": ("held drawings", {"factor": 1, "duplicates": "fill"}),
    "replace": ("a mark", {"replace": "Bad"}),
    "protect": ("RGBS", {"protect": True}),
}


@pytest.fixture(scope="module", autouse=True)
def _kept(weights):
    """Filters whose networks those of the tests share, instead of making theirs."""
    clip = clip_of(noise(*SIZE), 2)
    models = weights(), weights("pyramid")
    return [rife(clip, model=m, backend=name, threads=1) for m in models for name in BACKENDS]


def with_alpha(clip):
    grey = vs.core.std.BlankClip(clip, format=vs.GRAYS, color=0.2)
    ramp = grey.std.FrameEval(lambda n: grey.std.BlankClip(color=0.2 + n / 10))
    return clip.std.ClipToProp(ramp, prop="_Alpha")


def both(clip, backend, *, threads=1, **options):
    """What is wanted, and what `backend` gives."""
    other = rife(clip, backend=backend, threads=threads, **options)
    return rife(clip, backend="pytorch", **options), other


def assert_same(clip, tolerance, backend, **options):
    wanted, got = both(clip, backend, **options)
    assert (got.format.id, got.num_frames, got.fps) == (
        wanted.format.id,
        wanted.num_frames,
        wanted.fps,
    )
    for a, b in zip(wanted.frames(close=True), got.frames(close=True), strict=True):
        for one, other in zip(frames.planes(a), frames.planes(b), strict=True):
            assert np.abs(one.astype(np.float64) - other).max() <= tolerance
        ours, theirs = dict(b.props), dict(a.props)
        alphas = ours.pop("_Alpha", None), theirs.pop("_Alpha", None)
        assert (alphas[0] is None) == (alphas[1] is None)
        if alphas[0] is not None:
            assert np.abs(np.asarray(alphas[0][0]) - np.asarray(alphas[1][0])).max() <= tolerance
        assert ours.pop("_RifeConfidence", 0) == pytest.approx(
            theirs.pop("_RifeConfidence", 0), abs=1e-3 if tolerance == HALF_TOLERANCE else 1e-5
        )
        assert ours == theirs


# What only plans decide is the same for all of them
PLANNED = {"rate", "cuts", "duplicates", "replace", "protect"}
CASES = [(o, b) for o in OPTIONS for b in BACKENDS if b == "onnx" or o not in PLANNED]


@pytest.mark.parametrize(("options", "backend"), CASES)
def test_every_option_gives_what_pytorch_gives(weights, options, backend):
    source, given = OPTIONS[options]
    assert_same(SOURCES[source](), TOLERANCE, backend, model=weights(), **given)


NETWORK = {"plain", "scale", "unclamped sources", "alpha", "pace", "confidence"}
# What OpenVINO compiles for itself; with the rest, it has the graphs that ONNX Runtime has
COMPILED = {"plain", "alpha", "pace"}
OTHERS = [
    pytest.param(*case, marks=() if case[1] == "onnx" or case[0] in COMPILED else pytest.mark.slow)
    for case in CASES
    if case[0] in NETWORK
]


@pytest.mark.parametrize(("options", "backend"), OTHERS)
def test_so_it_is_with_a_pyramid(weights, options, backend):
    """It has a stage for each pair."""
    source, given = OPTIONS[options]
    assert_same(SOURCES[source](), TOLERANCE, backend, model=weights("pyramid"), **given)


@pytest.mark.parametrize("backend", [*BACKENDS, "pytorch"])
def test_what_new_frames_of_a_pair_share_is_computed_once(weights, monkeypatch, backend):
    matched = []
    for owner in (runtime.Network, PyramidNet):
        match = owner.match

        def count(self, *sides, match=match, **more):
            matched.append(1)
            return match(self, *sides, **more)

        monkeypatch.setattr(owner, "match", count)
    with own_process():
        out = rife(clip_of(noise(32, 32), 4), model=weights("pyramid"), backend=backend, factor=5)
        before = len(matched)  # compiling may try it
        for n in range(out.num_frames):
            out.get_frame(n).close()
    assert len(matched) - before == 3  # pairs


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("model", ["nano", "small"])
def test_the_embedded_models_give_what_pytorch_gives(model, backend):
    # in white noise no motion is the right one, and roundings decide between them
    soft = clip_of(noise(25, 15), 2).resize.Bicubic(100, 60)
    # left alone they may be in bf16, see test_bf16
    assert_same(soft, TOLERANCE, backend, model=model, threads=None, precision="fp32")


# Conversions are the same for all backends: OpenVINO has one of them here, all in `.ci/slow`
INTEGERS = [(vs.YUV420P8, 1), (vs.YUV444P10, 1), (vs.GRAY16, 8), (vs.RGB24, 1)]


@pytest.mark.parametrize(
    ("fmt", "steps", "backend"),
    [
        *((*each, "onnx") for each in INTEGERS),
        (*INTEGERS[0], "openvino"),
        *(pytest.param(*each, "openvino", marks=pytest.mark.slow) for each in INTEGERS[1:]),
    ],
)
def test_integers_differ_by_one_step_at_most(weights, fmt, steps, backend):
    options = {} if fmt == vs.RGB24 else {"matrix_s": "709"}
    clip = clip_of(noise(*SIZE), 3).resize.Bicubic(format=fmt, **options)
    assert_same(clip, steps, backend, model=weights())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("arch", "fmt"), [("pyramid", vs.RGBH), ("4.6", vs.RGBS)])
def test_half_precision_is_near_pytorchs(weights, arch, fmt, backend):
    clip = clip_of(noise(*SIZE), 3, fmt=fmt)
    assert_same(clip, HALF_TOLERANCE, backend, model=weights(arch), precision="fp16")


@pytest.fixture(scope="module")
def restless(tmp_path_factory):
    """Weights of 4.0 whose flow is so large that the network doubles its scales."""
    case = next(c for a, c in formula.cases() if a == "4.0" and c["name"] == "rescale")
    path = tmp_path_factory.mktemp("weights") / "restless.safetensors"
    gains = [4 * gain for gain in case["flow_gain"]]  # of a narrow network flow is smaller
    state = formula.make_state("4.0", flow_gain=gains)
    save_weights(path, state, {})
    return path


@pytest.mark.parametrize(
    ("options", "backend"),
    [
        ({}, "onnx"),
        ({}, "openvino"),
        ({"pace": "drawn"}, "onnx"),
        # the same graphs and one for motion, which test_every_option has on OpenVINO
        pytest.param({"pace": "drawn"}, "openvino", marks=pytest.mark.slow),
    ],
)
def test_networks_that_rescale_do_so_at_sizes_of_an_odd_multiple(restless, options, backend):
    images = formula.make_images(30, 90)
    clip = clip_of(lambda n: images[n % 2], 3)
    calls = []
    doubled = graph_network.widened
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_network, "widened", lambda *a: calls.append(a) or doubled(*a))
        assert_same(clip, 2e-3, backend, model=restless, **options)
    assert calls


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_bad_sample_does_what_it_does_with_pytorch(weights, value, backend):
    def draw(n):
        image = noise(*SIZE)(n)
        image[0, 3, 5] = value
        return image

    clips = both(clip_of(draw, 2), backend, model=weights())
    wanted, got = (pictures(clip)[1] for clip in clips)
    assert np.isfinite(got).all()
    assert np.abs(wanted - got).max() <= TOLERANCE


@pytest.mark.parametrize(
    ("streams", "backend"),
    [
        (1, "onnx"),
        (3, "onnx"),
        (3, "openvino"),
        pytest.param(1, "openvino", marks=pytest.mark.slow),
    ],
)
def test_any_order_of_requests_and_any_number_of_streams_gives_the_same_bytes(
    weights, streams, backend
):
    clip = clip_of(noise(*SIZE), 8)
    options = {"model": weights(), "backend": backend, "factor": "5/2"}
    out = rife(clip, **options, num_streams=streams)
    in_order = pictures(out)
    out.std.SetVideoCache(mode=0)
    order = random.Random(5).choices(range(out.num_frames), k=30)
    waiting = [(n, out.get_frame_async(n)) for n in order]
    for n, future in waiting:
        with future.result() as frame:
            assert picture(frame).tobytes() == in_order[n].tobytes(), n
    # one stream, and one thread: others add in another order
    alone = pictures(rife(clip, **options, threads=1))
    for one, other in zip(in_order, alone, strict=True):
        assert np.abs(one - other).max() < 1e-5


@pytest.mark.parametrize("fmt", [vs.RGBS, vs.YUV420P8])
def test_streams_make_new_frames_at_the_same_time_and_prepare_each_source_once(
    weights, monkeypatch, fmt
):
    """Would wait for ever with one frame at a time; factor 2 has every other frame new."""
    monkeypatch.setattr(vs.core, "num_threads", 4)  # a waiting frame takes one
    both = threading.Barrier(2, timeout=60)
    prepared = []
    session = runtime.GraphSession
    interpolate, prepare = session.interpolate, session.prepare

    def meet(self, *args):
        both.wait()
        return interpolate(self, *args)

    def count(self, planes):
        prepared.append(1)
        return prepare(self, planes)

    monkeypatch.setattr(session, "interpolate", meet)
    monkeypatch.setattr(session, "prepare", count)
    clip = clip_of(noise(32, 32), 7).resize.Bicubic(
        format=fmt, matrix_s="709" if fmt == vs.YUV420P8 else None
    )
    out = rife(clip, model=weights(), backend="onnx", num_streams=2)
    waiting = [out.get_frame_async(n) for n in range(out.num_frames - 1)]
    for future in waiting:
        future.result().close()
    assert len(prepared) == 7


def test_streams_share_the_work_where_source_frames_are_made_anew(weights, monkeypatch):
    """On twos at factor 1, every odd frame is new: by turns, one stream would make them all."""
    monkeypatch.setattr(vs.core, "num_threads", 4)
    both = threading.Barrier(2, timeout=60)
    interpolate = runtime.GraphSession.interpolate
    first = iter(range(2))

    def meet(self, *args):
        if next(first, None) is not None:
            both.wait()  # the first two of all
        return interpolate(self, *args)

    monkeypatch.setattr(runtime.GraphSession, "interpolate", meet)
    clip = clip_of(lambda n: noise(32, 32)(n // 2), 24)
    options = {"model": weights(), "backend": "onnx", "factor": 1, "duplicates": "fill"}
    out = rife(clip, **options, num_streams=2)
    waiting = [out.get_frame_async(n) for n in range(out.num_frames)]
    got = [picture(future.result()) for future in waiting]
    assert next(first, None) is None
    assert all(
        np.array_equal(a, b) for a, b in zip(got, pictures(rife(clip, **options)), strict=True)
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_filters_share_one_network_and_let_it_go(weights, monkeypatch, backend):
    made = []  # weak references to the networks of this test, whatever others have left
    network = runtime.Network

    def make(*arguments):
        new = network(*arguments)
        made.append(weakref.ref(new))
        return new

    monkeypatch.setattr(runtime, "Network", make)
    monkeypatch.setattr(runtime, "_networks", base.Shared())
    clip = clip_of(noise(32, 32), 2)
    first = rife(clip, model=weights(), backend=backend)
    second = rife(clip.std.FlipVertical(), model=weights(), backend=backend, factor=5)
    assert len(made) == 1
    other = rife(clip, model=weights(), backend=backend, scale=0.5)
    assert len(made) == 2
    gc.collect()
    assert all(network() is not None for network in made)
    del first, second, other
    gc.collect()
    assert all(network() is None for network in made)


@pytest.mark.parametrize("program", [OrtProgram, openvino.OvProgram], ids=["onnx", "openvino"])
def test_each_source_frame_is_encoded_once_and_stays_on_the_device(weights, monkeypatch, program):
    runs = []
    run = program.run

    def spy(self, feeds, *, stay=False):
        runs.append((tuple(sorted(feeds)), stay))
        return run(self, feeds, stay=stay)

    monkeypatch.setattr(program, "run", spy)
    backend = "onnx" if program is OrtProgram else "openvino"
    clip = clip_of(noise(32, 32), 3)
    pictures(rife(clip, model=weights("4.15.lite"), backend=backend, factor=4))
    assert runs.count((("image",), True)) == 3
    assert runs.count((("left", "right", "timestep"), False)) == 6
    assert len(runs) == 9


@pytest.mark.parametrize("backend", ["pytorch", *BACKENDS])
def test_a_shared_network_keeps_no_clip(backend, weights, tmp_path):
    """The key of a network outlives the filter that opened it."""
    path = copied(weights(), tmp_path)  # a network of its own
    clip = clip_of(noise(64, 64), 3)
    first, others = rife(clip, model=path, backend=backend), clip_of(noise(64, 64), 3)
    second = rife(others, model=path, backend=backend)
    gone = weakref.ref(clip)
    del clip, first
    gc.collect()
    assert gone() is None
    second.get_frame(1).close()
