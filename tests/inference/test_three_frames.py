"""rife() and interpolate() with a file of a network that reads three frames."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import vapoursynth as vs

import vsrife
from tests.support.clips import clip_of, picture
from tests.support.pixels import planes_of
from vsrife import rife
from vsrife.errors import ArgumentError
from vsrife.export import export_model
from vsrife.inference.base import BESIDE
from vsrife.inference.device_path import ways
from vsrife.inference.device_path.maker import Maker
from vsrife.inference.device_path.ways import Ways
from vsrife.inference.psnr import psnr
from vsrife.inference.sessions.changed import ChangedSession
from vsrife.inference.sessions.devices import DevicesSession
from vsrife.inference.sessions.low_memory import LowMemorySession, steps_of
from vsrife.inference.sessions.regions import Layout
from vsrife.inference.sessions.tta import WAYS, TtaSession
from vsrife.network import build
from vsrife.network.table import TRIPLES, state_shapes
from vsrife.weights import read_weights, save_weights

SIZE = WIDTH, HEIGHT = 64, 64
LENGTH = 5
WHOLE = {"static_threshold": "off"}
GPU = {"backend": "pytorch", "device": "cpu", **WHOLE}
# PyTorch runs the reference itself; the others add in another order: seen are 5e-7
TOLERANCE = {"pytorch": 0, "onnx": 1e-5, "openvino": 1e-5}
GRAPHS = ("onnx", "openvino")

pytestmark = pytest.mark.usefixtures("networks_stay")


@pytest.fixture(scope="module", autouse=True)
def narrow():
    """A quarter of the widths and of the convolutions of each block: the same operations."""
    row = TRIPLES["distildrba"]
    with pytest.MonkeyPatch.context() as patch:
        widths = tuple(width // 4 for width in row.widths)
        convs = (2,) * len(widths)
        patch.setitem(TRIPLES, "distildrba", replace(row, widths=widths, convs=convs))
        yield


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
def weights(narrow, tmp_path_factory):
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
@pytest.mark.parametrize("backend", TOLERANCE)
def test_new_frames_are_those_of_the_network_alone(weights, net, backend, options):
    cut, tolerance = 2, TOLERANCE[backend]
    marks = film(props=lambda n: {"_SceneChangeNext": n == cut, "_SceneChangePrev": n == cut + 1})
    options = {"backend": backend, "sc": True, "sc_threshold": None, **options}
    out = rife(marks, model=weights, factor=4, **options)
    for n, frame in enumerate(out.frames()):
        left, step = divmod(n, 4)
        if step and left not in (cut, LENGTH - 1):
            wanted = expected(net, left, step / 4, {cut})
            assert np.abs(picture(frame) - wanted).max() <= tolerance
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


@pytest.mark.parametrize("backend", TOLERANCE)
def test_half_precision_is_near(weights, backend):
    options = {"model": weights, "backend": backend, **WHOLE}
    full, half = (
        [picture(f) for f in rife(film(), precision=name, **options).frames()]
        for name in ("fp32", "fp16")
    )
    assert not np.array_equal(full[1], half[1])
    assert min(psnr(a, b) for a, b in zip(full[1::2], half[1::2], strict=True)) > 40


@pytest.mark.parametrize("backend", TOLERANCE)
def test_alpha_moves_along_and_what_has_none_beside_it_is_held(weights, backend):
    """Where alpha is the red plane, the new alpha is the new red."""
    red = film().std.ShufflePlanes(0, vs.GRAY)
    with_alpha = film().std.ClipToProp(red)
    options = {"model": weights, "factor": 4, "backend": backend, **WHOLE}
    made, plain = rife(with_alpha, **options), rife(film(), **options)
    for n in (1, 3, 5, 7, 9, 11):
        frame = made.get_frame(n)
        assert np.array_equal(np.asarray(frame.props["_Alpha"][0]), np.asarray(frame[0]))
        apart = np.abs(picture(frame) - picture(plain.get_frame(n))).max()
        assert apart <= TOLERANCE[backend]
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
        ({"backend": "mlrt"}, "backend 'mlrt': it reads three frames; name another backend"),
        ({"backend": "onnx", "scale": "auto"}, 'scale="auto" needs the motion .*give a number'),
        ({"backend": "onnx", "pace": "drawn"}, 'pace="drawn" needs what a network of three frames'),
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


@pytest.mark.parametrize("backend", GRAPHS)
def test_what_a_backend_can_do_it_does_with_three_frames_too(weights, backend):
    """Streams, threads, mirrors, other scales, and frames in any order."""
    options = {"model": weights, "factor": 3, "tta": "flip", "scale": 0.5}
    wanted = [picture(f) for f in rife(film(), **options, **GPU).frames()]
    out = rife(film(), backend=backend, num_streams=2, threads=1, **options)
    for n in (7, 2, 4, 1, 8, 5):
        assert np.abs(picture(out.get_frame(n)) - wanted[n]).max() <= TOLERANCE[backend]


@pytest.mark.parametrize("backend", GRAPHS)
def test_an_exported_file_runs_as_its_weights_do(weights, tmp_path, backend):
    """Alpha fades with files, as it does with all others."""
    (path,) = export_model(weights, tmp_path / "three.onnx")
    clip = film().std.ClipToProp(film().std.ShufflePlanes(0, vs.GRAY))
    options = {"factor": 4, "sc": True, "confidence": 0.0}
    wanted, got = (
        list(rife(clip, model=model, backend=name, **options).frames())
        for model, name in ((weights, "pytorch"), (path, backend))
    )
    for a, b in zip(wanted, got, strict=True):
        assert np.abs(picture(a) - picture(b)).max() <= TOLERANCE[backend]
        assert a.props.get("_RifeConfidence") == pytest.approx(b.props.get("_RifeConfidence"))


def test_of_an_exported_file_what_it_lacks_is_said(weights, tmp_path):
    (path,) = export_model(weights, tmp_path / "three.onnx", size=SIZE)
    for options, text in (
        ({"tta": "time"}, 'tta="time" goes backwards in time'),
        ({"pace": "drawn"}, 'pace="drawn" needs what a network of three frames does not give'),
        ({"scale": 0.5}, "scale=0.5 cannot be had from"),
        ({"backend": "pytorch"}, "distildrba, which reads three frames"),
    ):
        with pytest.raises(vs.Error, match=text):
            rife(film(), model=path, **options)


@pytest.mark.parametrize("backend", GRAPHS)
def test_values_beyond_the_range_of_pictures_move_along(weights, backend):
    """What is put together is not what the network reads, which is clamped."""
    bright = film().resize.Bicubic(format=vs.YUV444PS, matrix_s="709").std.Expr(["x 2 *", ""])
    wanted, got = (
        [picture(f) for f in rife(bright, model=weights, factor=4, backend=name).frames()]
        for name in ("pytorch", backend)
    )
    assert min(frame[0].max() for frame in wanted) > 1.2
    assert max(np.abs(a - b).max() for a, b in zip(wanted, got, strict=True)) < 1e-4


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from dataclasses import replace
from pathlib import Path
import numpy as np
from vsrife import interpolate
from vsrife.network.table import TRIPLES
backend, weights, given, found, *widths = sys.argv[1:]
row = TRIPLES["distildrba"]
widths = tuple(map(int, widths))
TRIPLES["distildrba"] = replace(row, widths=widths, convs=(2,) * len(widths))
made = interpolate(list(np.load(given)), 4, model=Path(weights), backend=backend, layout="CHW")
np.save(found, np.stack(list(made)))
"""


@pytest.mark.parametrize("backend", GRAPHS)
def test_pictures_without_a_clip_nor_pytorch_give_what_the_filter_gives(weights, tmp_path, backend):
    given, found = tmp_path / "given.npy", tmp_path / "found.npy"
    np.save(given, np.stack([drawn(n) for n in range(LENGTH)]))
    asked = [backend, weights, given, found, *TRIPLES["distildrba"].widths]
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, asked)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = [picture(f) for f in rife(film(), model=weights, factor=4, **GPU).frames()]
    for n, made in enumerate(np.load(found)):
        assert np.abs(made - wanted[n]).max() <= TOLERANCE[backend], n


def pushed(tween, images):
    """What comes out after each push, then at the end."""
    return [[*tween.push(image)] for image in images], tween.finish()


def test_a_stream_of_pictures_is_one_frame_late(weights, net):
    images = [drawn(n) for n in range(LENGTH)]
    tween = vsrife.Interpolator(4, model=weights, layout="CHW")
    out, rest = pushed(tween, images)
    assert tween.delay == 1
    # the first frame itself; then all before frame n - 1, when frame n has come
    assert [len(each) for each in (*out, rest)] == [1, 0, 4, 4, 4, 4]
    made = [image for each in (*out, rest) for image in each]
    for n, image in enumerate(made):
        left, step = divmod(n, 4)
        wanted = expected(net, left, step / 4) if step else images[left]
        assert np.array_equal(image, wanted)


def test_one_buffer_may_be_used_for_all_pictures(weights, net):
    """New ones are made of what was in it then, also of a pair that has no new ones itself."""
    buffer = np.empty((3, HEIGHT, WIDTH), np.float32)
    tween, made = vsrife.Interpolator([1, 4, 4, 1], model=weights, layout="CHW"), []
    for n in range(LENGTH):
        buffer[:] = drawn(n)
        made += tween.push(buffer)
    made += tween.finish()
    for left, first in ((1, 1), (2, 5)):
        assert made[first] is buffer
        for step in (1, 2, 3):
            assert np.array_equal(made[first + step], expected(net, left, step / 4))


@pytest.mark.parametrize("sc", [True, "adaptive"])
def test_no_third_picture_is_beyond_a_cut(weights, net, sc):
    """Frames 0 to 2 of one scene, 3 to 5 of another."""
    images = [np.clip(drawn(n) * (0.3 if n < 3 else 1) + 0.6 * (n < 3), 0, 1) for n in range(6)]
    made = list(vsrife.interpolate(images, 4, model=weights, sc=sc, layout="CHW"))
    alone = list(vsrife.interpolate(images[:3], 4, model=weights, layout="CHW"))
    after = list(vsrife.interpolate(images[3:], 4, model=weights, layout="CHW"))
    assert all(np.array_equal(a, b) for a, b in zip(made, alone, strict=False))
    assert all(np.array_equal(a, b) for a, b in zip(made[12:], after, strict=True))
    assert np.array_equal(made[10], images[2])


def test_a_loop_goes_on_beyond_its_end(weights, net):
    """Between the last and the first picture, the third one is the second."""
    images = [drawn(n) for n in range(LENGTH)]
    made = list(vsrife.interpolate(images, 2, model=weights, loop=True, layout="CHW"))
    assert len(made) == 2 * LENGTH
    with torch.inference_mode():
        three = [torch.from_numpy(images[n])[None] for n in (LENGTH - 1, 0, 1)]
        wanted = net.between(three, 0.5)[0].numpy()
    assert np.array_equal(made[-1], wanted)


@pytest.mark.parametrize(
    ("channels", "backend"),
    [
        *((count, "pytorch") for count in (1, 3, 4)),
        *((4, backend) for backend in GRAPHS),  # alpha has the most graphs
        *(pytest.param(n, b, marks=pytest.mark.slow) for n in (1, 3) for b in GRAPHS),
    ],
)
def test_tensors_give_what_arrays_give(weights, backend, channels):
    planes = {1: [0], 3: [0, 1, 2], 4: [0, 1, 2, 0]}[channels]
    images = [drawn(n)[planes] for n in range(LENGTH)]
    options = {"model": weights, "backend": backend, "layout": "CHW"}
    arrays = vsrife.interpolate(images, 4, **options)
    tensors = vsrife.interpolate([torch.from_numpy(x) for x in images], 4, **options)
    for a, b in zip(arrays, tensors, strict=True):
        assert np.abs(a - b.numpy()).max() < 1e-5


def test_each_picture_is_prepared_once_with_those_beside_it(weights, monkeypatch):
    seen = []
    prepare = Maker.prepare
    monkeypatch.setattr(
        Maker, "prepare", lambda self, planes: seen.append(len(planes)) or prepare(self, planes)
    )
    images = [drawn(n) for n in range(LENGTH)]
    list(vsrife.interpolate(images, 4, model=weights, backend="pytorch", layout="CHW"))
    assert seen == [9] * LENGTH


def test_time_cannot_be_turned_round_for_pictures_either(weights):
    with pytest.raises(ArgumentError, match='tta="time" goes backwards in time'):
        list(vsrife.interpolate([drawn(n) for n in range(3)], 2, model=weights, tta="time"))


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


def test_scripts_of_vs_rife_that_wish_for_tensorrt_go_on_without(weights, said):
    wished, plain = (rife(film(), model=weights, trt=trt, **WHOLE) for trt in (True, False))
    assert np.array_equal(picture(wished.get_frame(1)), picture(plain.get_frame(1)))
    assert any("without TensorRT" in text for text in said)
