"""interpolate() against rife() on the same pictures, through a real network."""

import subprocess
import sys
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
import vapoursynth as vs

from tests.support import needs
from tests.support.ball import ball
from tests.support.clips import clip_of, flat, picture
from tests.support.films import DUPLICATE_FILMS, SCENE_FILMS
from vsrife import Interpolator, interpolate, rife
from vsrife import filter as rife_filter
from vsrife.detection import cuts, luma
from vsrife.images import asking
from vsrife.images.marks import Marks
from vsrife.inference import network_options
from vsrife.inference.base import BESIDE

pytestmark = pytest.mark.usefixtures("networks_stay")

BACKENDS = {"onnx": "onnxruntime", "openvino": "openvino", "pytorch": "torch"}


def as_arrays(clip):
    """RGB24 frames as arrays (H, W, 3)."""
    frames = clip.frames(close=True)
    return [np.ascontiguousarray(picture(frame).transpose(1, 2, 0)) for frame in frames]


def both(clip, factor, **options):
    """The same frames from rife() and from interpolate(), as far as the latter goes."""
    theirs = as_arrays(rife(clip, factor=factor, **options))
    ours = list(interpolate(as_arrays(clip), factor, **options))
    return ours, theirs[: len(ours)]


def in_rgb(film):
    return film.clip(vs.RGBS).resize.Bicubic(format=vs.RGB24)


@pytest.fixture(scope="module")
def moving():
    """A ball that moves over a ramp, in RGB24."""
    clip = clip_of(lambda n: ball(n)[:, 20:76, 10:74], 3, fmt=vs.RGBS)
    return clip.resize.Bicubic(format=vs.RGB24)


@pytest.mark.parametrize("backend", BACKENDS)
def test_new_frames_are_those_of_the_filter(moving, backend):
    needs.package(BACKENDS[backend])
    ours, theirs = both(moving, Fraction(5, 2), backend=backend)
    assert len(ours) == 2 * 5 / 2 + 1
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1  # a tie may be rounded the other way
    assert np.abs(ours[1].astype(int) - ours[0]).max() > 20


OPTIONS = [
    ("cuts, same brightness", {"sc": True, "sc_threshold": 0.1}),
    ("cuts, same brightness", {"sc": True, "sc_threshold": 0.02, "sc_mode": "blend"}),
    ("cuts, low contrast", {"sc": "adaptive", "sc_mode": "nearest"}),
    ("mixed", {"duplicates": "fill"}),
    ("mixed", {"duplicates": "skip"}),
    ("on threes, grain", {"duplicates": "fill", "duplicates_span": 2, "sc": True}),
    ("cuts, dark scenes", {"duplicates": "fill", "sc": "adaptive"}),
]


@pytest.mark.parametrize(("film", "options"), OPTIONS)
def test_cuts_and_duplicates_are_treated_as_the_filter_does(network_mixes, film, options):
    pictures = {**SCENE_FILMS, **DUPLICATE_FILMS}[film](1)
    ours, theirs = both(in_rgb(pictures)[:20], 2, **options)
    for n, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert np.abs(a.astype(int) - b).max() <= 1, n


@pytest.fixture
def network_mixes(network):
    """For both: rife() has the name of open_session as its own."""
    with mock.patch.object(rife_filter, "open_session", network_options.open_session):
        yield


@pytest.mark.parametrize("backend", ["onnx", "pytorch"])
def test_tensors_give_what_arrays_give(moving, backend):
    import torch

    needs.package(BACKENDS[backend])
    arrays = as_arrays(moving)
    tensors = [torch.from_numpy(each).permute(2, 0, 1) for each in arrays]
    ours = list(interpolate(arrays, 4, backend=backend))
    theirs = list(interpolate(tensors, 4, backend=backend))
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a.astype(int) - b.permute(1, 2, 0).numpy()).max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_pytorch_moves_grey_and_alpha_as_arrays(moving, channels):
    import torch

    colour = [each.astype(np.float32) / 255 for each in as_arrays(moving)[:2]]
    kept = {1: lambda f: f[..., :1], 2: lambda f: np.stack((f[..., 0], f[..., 1] * 2 - 0.3), 2),
            4: lambda f: np.concatenate((f, f[..., :1] * 2 - 0.3), 2)}[channels]  # fmt: skip
    arrays = [kept(f).clip(0, 1) for f in colour]
    ours = list(interpolate(arrays, 2, backend="pytorch"))[1]
    tensors = [torch.from_numpy(each) for each in arrays]
    theirs = list(interpolate(tensors, 2, backend="pytorch", layout="HWC"))[1]
    assert theirs.numpy() == pytest.approx(ours, abs=2e-3)


def test_tensors_of_pytorch_never_become_arrays(moving, monkeypatch):
    """So that they stay on a GPU, if they are on one."""
    import torch

    tensors = [torch.from_numpy(each).permute(2, 0, 1) / 255 for each in as_arrays(moving)]

    def refuse(self, *args, **options):
        raise AssertionError("a tensor left its device")

    for name in ("numpy", "cpu", "__array__", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    assert len(list(interpolate(tensors, 2, backend="pytorch"))) == 5


@pytest.mark.cuda
def test_frames_on_a_gpu_stay_there(moving):
    import torch

    arrays = as_arrays(moving)
    tensors = [torch.from_numpy(each).permute(2, 0, 1).cuda() for each in arrays]
    theirs = list(interpolate(tensors, 2))
    assert {each.device for each in theirs} == {tensors[0].device}
    for a, b in zip(interpolate(arrays, 2, device="cpu"), theirs, strict=True):
        assert np.abs(a.astype(int) - b.permute(1, 2, 0).cpu().numpy()).max() <= 2


FRESH = """
import sys
import numpy as np
import vsrife
heavy = {{"vapoursynth", "torch", "onnxruntime", "openvino", "PIL"}} & set(sys.modules)
assert not heavy, heavy
frames = [np.random.default_rng(n).random((48, 64, 3)).astype("float32") for n in range(3)]
new = list(vsrife.interpolate(frames, 2, backend={backend!r}, sc="adaptive", duplicates="fill"))
assert len(new) == 5
print(*sorted({{"vapoursynth", "torch", "PIL"}} & set(sys.modules)))
"""


@pytest.mark.parametrize(("backend", "loads"), [("onnx", []), ("openvino", [])])
def test_neither_vapoursynth_nor_pytorch_is_loaded(backend, loads):
    needs.package(BACKENDS[backend])
    code = FRESH.format(backend=backend)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == loads


class Telling:
    """A session of three frames whose new ones are the levels of red that it saw: before and after
    the pair, and the left one."""

    tells = frozenset({BESIDE})

    def prepare(self, planes):
        return tuple(float(planes[k][0, 0]) for k in (3, 0, 6))  # before, own, after

    def interpolate(self, left, right, timestep, into, rhythm=None):
        for plane, value in zip(into, (left[0], right[2], left[1]), strict=True):
            plane[:] = value


def drawings(runs):
    """A film of flat drawings, each shown for its run's length; some are darker by far."""
    shown = [drawing for drawing, run in enumerate(runs) for _ in range(run)]
    levels = [(40 + 37 * drawing % 160) / 255 for drawing in shown]
    film = clip_of(flat([[level] * 3 for level in levels], 64, 48), len(shown), fmt=vs.RGBS)
    return film.resize.Point(format=vs.RGB24)


RUNS = [
    [2, 2, 2, 2, 2, 2], [3, 3, 3, 3, 3], [1, 2, 3, 1, 4, 2, 5, 1], [1, 1, 1, 1], [3, 2, 3, 2, 3],
    [2, 12, 2, 2, 1], [1, 8, 1, 7, 1], [2, 2, 6, 6, 2, 2], [30],
]  # fmt: skip


@pytest.mark.parametrize("runs", RUNS, ids=str)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"duplicates": "fill", "duplicates_span": 2},
        {"duplicates": "fill", "sc": True, "sc_threshold": 0.3},
        {"duplicates": "fill", "sc": "adaptive"},
        {"duplicates": "skip", "sc": True, "sc_threshold": 0.3},
    ],
    ids=str,
)
def test_the_third_frames_are_those_of_the_filter(runs, options):
    film = drawings(runs)
    given, ours, spent = as_arrays(film), [], []

    def take(frames):
        for out in frames:
            # a frame that is shown once more is the caller's since it came out
            again = any(out is each for each in spent)
            ours.append(None if again else out.copy())
            spent.append(out)
            out[:] = 255

    with (
        mock.patch.object(network_options, "open_session", return_value=Telling()),
        mock.patch.object(rife_filter, "open_session", return_value=Telling()),
    ):
        theirs = as_arrays(rife(film, factor=2, **options))
        tween = Interpolator(2, **options)
        for k, frame in enumerate(given):
            take(tween.push(frame))
            # as late as it says, and no later
            assert len(ours) >= 2 * (k - tween.delay) + 1
        take(tween.finish())
    assert len(ours) == 2 * len(given) - 1
    for n, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        assert a is None or np.abs(a.astype(int) - b).max() <= 1, (n, a[0, 0], b[0, 0])


@pytest.mark.parametrize("threshold", [0.05, 0.1])
@pytest.mark.parametrize("fill", [{}, {"duplicates": "fill", "duplicates_span": 2}])
def test_a_cut_is_decided_when_all_that_tells_has_been_seen(fill, threshold):
    """Also while duplicates are looked for, which asks for marks of frames ahead."""
    rng, pictures = np.random.default_rng(2), []
    while len(pictures) < 150:  # any blocks, light or dark, for one to three frames
        blocks = rng.uniform(0, 1, (3, 6, 8)) ** rng.choice([1, 3]) * rng.choice([0.3, 0.6, 1])
        picture = np.kron(blocks, np.ones((8, 8))).astype(np.float32)
        pictures += [picture] * int(rng.integers(1, 4))
    marks = Marks(asking.read({"sc": "adaptive", "sc_threshold": threshold, **fill}))
    found = []
    for n, each in enumerate(pictures):
        marks.see(each)
        at = n - marks.ahead
        if at >= 0:
            marks.segment(at, n + 1)
            found.append(marks.cut_after(at))
            marks.forget(at + 1)
    thumbnails = [luma.thumbnail(luma.codes(each)) for each in pictures]
    around = [range(n + 1 - cuts.REACH, n + 1 + cuts.REACH) for n in range(len(found))]
    stacks = [np.stack([thumbnails[max(k, 0)] for k in numbers]) for numbers in around]
    expected = [cuts.scene_score(stack) > threshold for stack in stacks]
    assert found == expected
    assert set(expected) == {True, False}
