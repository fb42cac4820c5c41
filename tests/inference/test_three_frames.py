"""rife() with a file of a network that reads three frames."""

import sys

import numpy as np
import pytest
import torch
import vapoursynth as vs

import vsrife
from tests.support.clips import clip_of, picture
from tests.support.pixels import planes_of
from vsrife import rife
from vsrife.errors import ModelError
from vsrife.inference import select
from vsrife.inference.base import BESIDE
from vsrife.inference.changed import ChangedSession
from vsrife.inference.device_path import ways
from vsrife.inference.device_path.maker import Maker
from vsrife.inference.device_path.ways import Ways
from vsrife.inference.devices import DevicesSession
from vsrife.inference.low_memory import LowMemorySession, steps_of
from vsrife.inference.psnr import psnr
from vsrife.inference.regions import Layout
from vsrife.inference.tta import WAYS, TtaSession
from vsrife.network import build
from vsrife.network.table import TRIPLES, state_shapes
from vsrife.weights import read_weights, save_weights

SIZE = WIDTH, HEIGHT = 64, 64
LENGTH = 4
WHOLE = {"static_threshold": "off"}
GPU = {"backend": "pytorch", "device": "cpu", **WHOLE}


def state():
    """Random weights of about the size that keeps the picture's contrast from layer to layer."""
    draw, found = np.random.default_rng(5), {}
    for key, shape in state_shapes(TRIPLES["distildrba"]).items():
        numbers = draw.uniform(-1, 1, shape)
        if key.endswith(".beta"):
            numbers = 1 + 0.2 * numbers
        elif key.endswith(".bias"):
            numbers *= 0.3
        else:
            taps = 4 * shape[0] if shape[2] == 4 else 9 * shape[1]
            numbers *= (0.7 if "lastconv" in key else 1.9) / np.sqrt(taps)
        found[key] = numbers.astype(np.float32)
    return found


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "three.safetensors"
    save_weights(path, state(), {})
    return path


@pytest.fixture(scope="module")
def net(weights):
    return build("distildrba", state_dict=read_weights(weights))


def drawn(n):
    """Soft shapes that move, (3, H, W) in 0..1."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] / 9
    each = [np.sin(columns + n / 3 + p) * np.cos(rows - n / 5 + p) for p in range(3)]
    return (0.5 + 0.4 * np.stack(each)).astype(np.float32)


def film(**options):
    return clip_of(drawn, LENGTH, **options)


def expected(net, left, t, cuts=()):
    """The frame at `left` + t by the network alone: the nearer frame is the middle one."""
    right = left + 1
    if t < 0.5:
        held = left == 0 or left - 1 in cuts
        numbers, at = (left if held else left - 1, left, right), 1 + t
    else:
        held = right == LENGTH - 1 or right in cuts
        numbers, at = (left, right, right if held else right + 1), t
    with torch.inference_mode():
        images = [torch.from_numpy(drawn(n))[None] for n in numbers]
        return net.between(images, at)[0].numpy()


@pytest.mark.parametrize("options", [WHOLE, {}])
def test_new_frames_are_those_of_the_network_alone(weights, net, options):
    cut = 1
    marks = film(props=lambda n: {"_SceneChangeNext": n == cut, "_SceneChangePrev": n == cut + 1})
    out = rife(marks, model=weights, factor=4, sc=True, sc_threshold=None, **options)
    for n, frame in enumerate(out.frames()):
        left, step = divmod(n, 4)
        if step and left not in (cut, LENGTH - 1):
            wanted = expected(net, left, step / 4, {cut})
            assert np.array_equal(picture(frame), wanted)
            assert np.abs(wanted - drawn(left)).mean() > 0.02  # pixels moved
            assert 0 <= frame.props["_RifeConfidence"] <= 1
        else:
            assert np.array_equal(picture(frame), drawn(left))


def test_the_third_frame_matters(net):
    """Else the tests above would not see which one it is."""
    true, held = expected(net, 1, 0.25), expected(net, 1, 0.25, cuts={0})
    assert np.abs(true - held).max() > 1e-3


@pytest.mark.parametrize("how", ["batches", "replays", "all"])
def test_fed_as_a_gpu_is_they_are_the_same(weights, net, monkeypatch, how):
    """Frames of both halves of an interval in one call, recorded or not."""
    fed = Ways(*(how in (name, "all") for name in ("planes", "batches", "replays")))
    monkeypatch.setitem(ways.WAYS, "cpu", fed)
    counts, make = [], Maker.make
    monkeypatch.setattr(
        Maker, "make", lambda self, jobs, *a: counts.append(len(jobs)) or make(self, jobs, *a)
    )
    for n, frame in enumerate(rife(film(), model=weights, factor=5, **GPU).frames()):
        left, step = divmod(n, 5)
        if step and left < LENGTH - 1:
            wanted = expected(net, left, step / 5)
            assert np.abs(picture(frame) - wanted).max() < 1e-4  # rounding of a batch's sums
    assert (max(counts) > 1) == fed.batches


def test_a_device_that_converts_frames_gets_these_converted(weights, monkeypatch):
    """Third frames come as the network reads them, whatever the clip's format."""
    clip = film().resize.Bicubic(format=vs.YUV420P8, matrix_s="709")
    wanted = [np.asarray(f[0]).astype(int) for f in rife(clip, model=weights, **GPU).frames()]
    monkeypatch.setitem(ways.WAYS, "cpu", Ways(planes=True, batches=True, replays=True))
    got = [np.asarray(f[0]).astype(int) for f in rife(clip, model=weights, **GPU).frames()]
    assert max(np.abs(a - b).max() for a, b in zip(wanted, got, strict=True)) <= 1  # rounding


def test_half_precision_is_near(weights):
    full, half = (
        [picture(f) for f in rife(film(), model=weights, precision=name, **WHOLE).frames()]
        for name in ("fp32", "fp16")
    )
    assert min(psnr(a, b) for a, b in zip(full[1::2], half[1::2], strict=True)) > 40


def test_alpha_moves_along_and_what_has_none_beside_it_is_held(weights):
    """Where alpha is the red plane, the new alpha is the new red."""
    red = film().std.ShufflePlanes(0, vs.GRAY)
    with_alpha = film().std.ClipToProp(red)
    options = {"model": weights, "factor": 4, **WHOLE}
    made, plain = rife(with_alpha, **options), rife(film(), **options)
    for n in (1, 3, 5, 7, 9, 11):
        frame = made.get_frame(n)
        assert np.array_equal(np.asarray(frame.props["_Alpha"][0]), np.asarray(frame[0]))
        assert np.array_equal(picture(frame), picture(plain.get_frame(n)))
    # of the pair in the middle, the first and the last frame would be the third ones
    without = film()[:1] + with_alpha[1:3] + film()[3:]
    held = rife(without, **options)
    for n in (5, 7):
        assert not np.array_equal(picture(held.get_frame(n)), picture(made.get_frame(n)))
        assert "_Alpha" in held.get_frame(n).props


@pytest.mark.parametrize("suffix", [".pkl", ".pth", ".pt"])
def test_other_programs_files_are_recognised_by_their_tensors(weights, tmp_path, suffix):
    path = tmp_path / f"v2_lite{suffix}"
    torch.save({f"module.{key}": torch.from_numpy(x) for key, x in state().items()}, path)
    new, known = (rife(film(), model=each).get_frame(1) for each in (path, weights))
    assert np.array_equal(picture(new), picture(known))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backend": "onnx"}, "three frames and runs with backend 'pytorch' alone; leave out back"),
        ({"provider": "cpu"}, "runs with backend 'pytorch' alone; leave out provider='cpu'"),
        ({"threads": 2, "num_streams": 2}, "leave out threads=2 and num_streams=2"),
        ({"tta": "both"}, 'tta="both" goes backwards in time, .*use tta="flip"'),
        ({"tta": "time"}, 'tta="time" goes backwards in time, .*use tta="flip"'),
        ({"scale": "auto"}, 'scale="auto" needs the motion .*give a number'),
        ({"pace": "drawn"}, 'pace="drawn" needs what a network of three frames does not give'),
        ({"ensemble": True}, "ensemble is not supported in distildrba; leave it out"),
    ],
)
def test_what_it_cannot_do_is_said_in_one_line(weights, options, text):
    with pytest.raises(vs.Error, match=text) as caught:
        rife(film(), model=weights, **options)
    assert "\n" not in str(caught.value)


def test_pictures_without_a_clip_are_refused(weights):
    pictures = [drawn(n) for n in range(3)]
    with pytest.raises(ModelError, match=r"distildrba, which reads three frames; only rife\(\)"):
        list(vsrife.interpolate(pictures, 2, model=weights))


class Between:
    """Stands in for a network of three frames that looks at single pixels, in tiles or whole."""

    tells = frozenset({BESIDE, "confidence"})

    def __init__(self, size):
        self.size = size

    def prepare(self, planes):
        assert all(plane.shape == self.size[::-1] for plane in planes)
        return [np.array(plane) for plane in planes]

    def interpolate(self, left, right, timestep, into, rhythm=None):
        count = len(into)
        assert len(left) == len(right) == 3 * count
        near, other, third = (
            (left, right, left[count:]) if timestep < 0.5 else (right, left, right[2 * count :])
        )
        for k, target in enumerate(into):
            target[:] = 0.5 * near[k] + 0.3 * other[k] + 0.2 * third[k]
        return 0.5


def low_memory_in_tiles(size):
    tiling = steps_of(*size, 1, 64)[1:]
    return LowMemorySession(lambda w, h: Between((w, h)), lambda: tiling, size)


def of_what_changes(size):
    layout = Layout(*size, 32, 8)
    return ChangedSession(Between(size), lambda: layout, lambda w, h: Between((w, h)))


STANDING_BEFORE = {
    "low memory": low_memory_in_tiles,
    "what changes": of_what_changes,
    "mirrored": lambda size: TtaSession(Between(size), WAYS["flip"], size),
    "two devices": lambda size: DevicesSession([Between(size), Between(size)]),
}


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("name", STANDING_BEFORE)
def test_all_that_stands_before_a_session_passes_the_third_frame_on(name, count):
    size = 500, 400
    session, bare = STANDING_BEFORE[name](size), Between(size)
    pair = planes_of(*size, 1, 3 * count), planes_of(*size, 2, 3 * count)
    assert BESIDE in session.tells
    for timestep in (0.25, 0.75):
        wanted, got = ([np.empty(size[::-1], np.float32) for _ in range(count)] for _ in range(2))
        for who, into in ((bare, wanted), (session, got)):
            prepared = [who.prepare(planes) for planes in pair]
            assert who.interpolate(*prepared, timestep, into) == 0.5
        for a, b in zip(wanted, got, strict=True):
            assert np.abs(a - b).max() < 1e-6  # tiles: weights that add up to one, in fp32


def test_only_what_changes_between_the_pair_itself_is_computed():
    size = 128, 96
    session = of_what_changes(size)
    left, right = planes_of(*size, 1, 9), planes_of(*size, 2, 9)
    right[:3] = [plane.copy() for plane in left[:3]]
    right[0][40:50, 40:50] += 0.1  # the frames beside them differ everywhere
    first, second = session.prepare(left), session.prepare(right)
    region = session.region(first, second)
    assert region is not None
    assert region.width < size[0]
    into = [np.empty(size[::-1], np.float32) for _ in range(3)]
    session.interpolate(first, second, 0.25, into)
    assert all(np.array_equal(a[:8], b[:8]) for a, b in zip(into, left, strict=False))


@pytest.fixture
def onnx_first(monkeypatch):
    """Where no backend is named, ONNX Runtime is taken to be the fastest."""
    monkeypatch.setattr(select, "ON_CPU", ("onnx", "pytorch"))


def test_where_another_backend_is_faster_pytorch_is_taken(weights, onnx_first):
    chosen, named = (rife(film(), model=weights, backend=name) for name in (None, "pytorch"))
    assert np.array_equal(picture(chosen.get_frame(1)), picture(named.get_frame(1)))


def test_without_pytorch_the_way_to_it_is_said(weights, onnx_first, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "vsrife.inference.pytorch", raising=False)
    with pytest.raises(vs.Error, match=r"backend 'pytorch' needs .*torch; pip install") as caught:
        rife(film(), model=weights)
    assert "\n" not in str(caught.value)


def test_scripts_of_vs_rife_that_wish_for_tensorrt_go_on_without(weights, said):
    wished, plain = (rife(film(), model=weights, trt=trt, **WHOLE) for trt in (True, False))
    assert np.array_equal(picture(wished.get_frame(1)), picture(plain.get_frame(1)))
    assert any("without TensorRT" in text for text in said)
