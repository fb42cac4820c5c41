"""Frames that are converted on the device, batches and recorded calls, proven on the CPU: the same
frames as on the host's path."""

from __future__ import annotations

import gc
import random
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsrife import rife
from vsrife.inference.backends import pytorch
from vsrife.inference.device_path import maker, ways
from vsrife.inference.device_path.maker import Maker
from vsrife.inference.device_path.ways import Ways
from vsrife.inference.source_planes import SourcePlanes
from vsrife.video import frames, synthesis

core = vs.core

PLANES = Ways(planes=True)
ALL = Ways(planes=True, batches=True, replays=True)
WAYS = {
    "planes": PLANES,
    "batches": Ways(batches=True),
    "replays": Ways(replays=True),
    "all": ALL,
}
# Whole pictures on PyTorch, as on a GPU
GPU = {"backend": "pytorch", "device": "cpu", "static_threshold": "off"}


@pytest.fixture
def fed(monkeypatch):
    """fed(Ways(...)): the CPU is fed so from now on."""
    return lambda how: monkeypatch.setitem(ways.WAYS, "cpu", how)


@pytest.fixture
def made(monkeypatch):
    """How many frames each call of the network made."""
    calls = []
    make = Maker.make

    def spy(self, jobs, rhythm=None):
        calls.append(len(jobs))
        return make(self, jobs, rhythm)

    monkeypatch.setattr(Maker, "make", spy)
    return calls


def film(number, length=3, size=(64, 48), **props):
    """Soft shapes that move, in any format; chroma of few samples is odd."""
    kind = core.get_video_format(number)
    width, height = size
    blank = core.std.BlankClip(
        format=vs.RGBS, width=width, height=height, length=length, fpsnum=24, fpsden=1, keep=True
    )
    rows, columns = np.mgrid[:height, :width] / 9

    def paint(n, f):
        frame = f.copy()
        for plane, values in enumerate(frames.planes(frame)):
            values[:] = 0.5 + 0.4 * np.sin(columns + n / 3 + plane) * np.cos(rows - n / 5)
        return frame

    matrix = {"matrix_s": "709"} if kind.color_family in (vs.YUV, vs.GRAY) else {}
    clip = blank.std.ModifyFrame(blank, paint).resize.Bicubic(format=number, **matrix)
    # one source for both paths: bytes of a clip that is drawn anew might differ
    kept = [frame.copy() for frame in clip.frames(close=False)]
    clip = clip.std.ModifyFrame(clip, lambda n, f: kept[n])
    return clip.std.SetFrameProps(**props) if props else clip


def shown(clip):
    """Planes and properties of all frames, alpha's samples among them."""
    found = []
    for frame in clip.frames(close=True):
        alpha = frame.props.get("_Alpha")
        planes = [*frames.planes(frame), *([] if alpha is None else frames.planes(alpha))]
        props = {key: value for key, value in frame.props.items() if key != "_Alpha"}
        found.append(([np.array(plane) for plane in planes], props))
    return found


def assert_near(ours, theirs):
    """At most one code apart, in under 0.5 % of samples: fp32 sums in another order, at a tie."""
    assert len(ours) == len(theirs)
    apart, total = 0, 0
    for (planes, props), (others, wanted) in zip(ours, theirs, strict=True):
        assert props.keys() == wanted.keys()
        for name, value in wanted.items():
            loose = name == "_RifeConfidence"
            assert props[name] == (pytest.approx(value, abs=1e-4) if loose else value), name
        for plane, other in zip(planes, others, strict=True):
            assert plane.dtype == other.dtype
            if plane.dtype.kind == "u":
                distance = np.abs(plane.astype(np.int64) - other)
                assert distance.max() <= 1
                apart, total = apart + np.count_nonzero(distance), total + distance.size
            else:  # fp16: its step below 1
                least = 1e-5 if plane.dtype == np.float32 else 1e-3
                assert np.abs(plane.astype(np.float64) - other).max() < least
    assert apart <= 0.005 * max(total, 1)


@contextmanager
def seen_planes(monkeypatch):
    """Whether each frame that the network was shown came as its clip stores it."""
    found = []
    prepare = pytorch.TorchSession.prepare

    def spy(self, planes):
        found.append(isinstance(planes, SourcePlanes))
        return prepare(self, planes)

    with monkeypatch.context() as patch:
        patch.setattr(pytorch.TorchSession, "prepare", spy)
        yield found


FORMATS = {
    "YUV420P8": (66, 50), "YUV420P10": (66, 50), "YUV420P16": (66, 50), "YUV422P8": (66, 49),
    "YUV444P16": (65, 49), "YUV444PS": (65, 49), "GRAY8": (65, 49), "GRAY16": (65, 49),
    "GRAYH": (65, 49), "GRAYS": (65, 49), "RGB24": (65, 49), "RGB48": (65, 49),
    "RGBH": (65, 49), "RGBS": (65, 49),
}  # fmt: skip  # a table


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_frames_of_the_hosts_path(name, weights, fed, monkeypatch):
    clip = film(getattr(vs, name), 2, FORMATS[name])
    options = GPU | {"model": weights()}
    theirs = shown(rife(clip, **options))
    fed(PLANES)
    with seen_planes(monkeypatch) as seen:
        ours = shown(rife(clip, **options))
    assert seen == [True, True]
    assert_near(ours, theirs)
    for n in (0, 2):  # originals
        assert all(np.array_equal(a, b) for a, b in zip(ours[n][0], theirs[n][0], strict=True))


def with_alpha(clip):
    grey = film(vs.GRAY16, clip.num_frames, (clip.width, clip.height))
    return clip.std.ClipToProp(grey, prop="_Alpha")


def mixed(clip):
    """Each frame has another matrix, range and location."""

    def mark(n, f):
        frame = f.copy()
        frame.props.update(_Matrix=(1, 9, 5)[n % 3], _Range=n % 2, _ChromaLocation=n % 3)
        return frame

    return clip.std.ModifyFrame(clip, mark)


def same(clip):
    return clip


# Options with what is done to the clip; the last: whether frames may go up as they are stored
OPTIONS = {
    "alpha": (with_alpha, {}, True),
    "properties": (mixed, {}, True),
    "fp16": (same, {"precision": "fp16"}, True),
    "cuts": (same, {"sc": True, "sc_threshold": 0.005, "sc_mode": "blend"}, True),
    "confidence": (same, {"confidence": 0.3}, True),
    "cadence": (same, {"pace": "drawn"}, True),
    "filled": (lambda clip: clip[0] + clip[0] + clip[1:], {"duplicates": "fill"}, True),
    "protected": (lambda clip: clip, {"mask": 0}, True),
    "two devices": (same, {"device": ["cpu", "cpu"]}, True),
    "odd rate": (same, {"factor": "7/3"}, True),
    "rescaling row": (same, {"model": "4.0"}, True),
    # these read arrays of RGB: the host's path, byte for byte
    "tta": (same, {"tta": "flip"}, False),
    "scale": (same, {"scale": "auto"}, False),
    "parts": (same, {"static_threshold": 0.0}, False),
    "shutter": (same, {"shutter": 180}, False),
}


# These take seconds: the rest runs in `.ci/slow`
LONG = {"shutter", "fp16", "scale", "odd rate", "cadence"}
EACH = [pytest.param(case, marks=pytest.mark.slow) if case in LONG else case for case in OPTIONS]


@pytest.mark.parametrize("how", [pytest.param("planes", marks=pytest.mark.slow), "all"])
@pytest.mark.parametrize("case", EACH)
def test_every_option_works_with_it_or_takes_the_hosts_path(case, how, weights, fed, monkeypatch):
    change, asked, direct = OPTIONS[case]
    clip = change(film(vs.YUV420P8, 3))
    asked = dict(asked)
    options = GPU | {"factor": 3, "model": weights(asked.pop("model", "4.15.lite"))} | asked
    if case == "shutter":
        clip, options["factor"] = clip[:2], 1
    if "mask" in options:
        options["mask"] = clip.std.BlankClip(format=vs.GRAY8, color=128, keep=True)
    theirs = shown(rife(clip, **options))
    fed(WAYS[how])
    with seen_planes(monkeypatch) as seen:
        ours = shown(rife(clip, **options))
    assert set(seen) <= {direct}
    if direct:
        assert_near(ours, theirs)
    else:
        for (planes, props), (others, wanted) in zip(ours, theirs, strict=True):
            assert props == wanted
            assert all(np.array_equal(a, b) for a, b in zip(planes, others, strict=True))


@contextmanager
def one_thread():
    before = core.num_threads
    core.num_threads = 1
    try:
        yield
    finally:
        core.num_threads = before


def test_all_timesteps_of_a_pair_are_one_call_and_one_thread_is_enough(weights, fed, made):
    clip = film(vs.YUV420P8)
    options = GPU | {"factor": 4, "model": weights()}
    theirs = shown(rife(clip, **options))
    del made[:]
    fed(ALL)
    with one_thread():
        ours = shown(rife(clip, **options))
    assert made == [3, 3]
    assert_near(ours, theirs)


def test_after_seeks_in_any_order_frames_are_those_of_the_sequence(weights, fed):
    clip = film(vs.YUV420P8, 4)
    options = GPU | {"factor": 3, "model": weights()}
    wanted = shown(rife(clip, **options))
    fed(ALL)
    out = rife(clip, **options)
    out.std.SetVideoCache(mode=0)
    order = random.Random(1).choices(range(out.num_frames), k=24)
    waiting = [out.get_frame_async(n) for n in order]
    found = []
    for future in waiting:
        with future.result() as frame:
            planes = [np.array(plane) for plane in frames.planes(frame)]
            found.append((planes, dict(frame.props)))
    assert_near(found, [wanted[n] for n in order])


def test_an_error_of_one_frame_is_its_own(weights, fed, monkeypatch):
    clip = film(vs.YUV420P8, 4)
    fed(ALL)
    make = Maker.make

    def fail(self, jobs, rhythm=None):
        if any(job.timestep == 0.5 for job in jobs):
            raise RuntimeError("the driver is gone")
        return make(self, jobs, rhythm)

    monkeypatch.setattr(Maker, "make", fail)
    out = rife(clip, **GPU, factor=4, model=weights())
    out.std.SetVideoCache(mode=0)
    for n in (1, 3, 5, 7):
        out.get_frame(n).close()
    for n in (2, 6):
        with pytest.raises(vs.Error, match=r"failed on this frame \(the driver is gone\)"):
            out.get_frame(n)
    monkeypatch.setattr(Maker, "make", make)
    out.get_frame(2).close()


@pytest.mark.parametrize("how", [pytest.param("planes", marks=pytest.mark.slow), "all"])
def test_where_memory_ends_tiles_are_cut_from_the_planes_that_are_held(
    how, weights, fed, monkeypatch
):
    clip = with_alpha(film(vs.YUV420P10, 2, (300, 64)))
    make = Maker.make

    def limited(self, jobs, rhythm=None):
        if self._width > 200:
            raise torch.OutOfMemoryError("out of memory, says a stand-in")
        return make(self, jobs, rhythm)

    monkeypatch.setattr(Maker, "make", limited)
    options = GPU | {"model": weights()}
    theirs = shown(rife(clip, **options))
    fed(WAYS[how])
    assert_near(shown(rife(clip, **options)), theirs)


def test_features_that_had_to_go_are_made_anew(weights, fed, monkeypatch):
    clip = film(vs.YUV420P8, 5)
    options = GPU | {"model": weights()}
    theirs = shown(rife(clip, **options))
    fed(PLANES)
    prepared = []
    of_uploaded = Maker._of_uploaded
    monkeypatch.setattr(
        Maker, "_of_uploaded", lambda self, frame: prepared.append(1) or of_uploaded(self, frame)
    )
    monkeypatch.setattr(maker, "bytes_for_frames", lambda device: 1)
    out = rife(clip, **options)
    out.std.SetVideoCache(mode=0)
    for n in range(out.num_frames):  # one at a time: requests out of order make more anew
        out.get_frame(n).close()
    assert len(prepared) == 5  # the two of a pair stay
    out.get_frame(1).close()
    assert len(prepared) == 7
    assert_near(shown(out), theirs)


def test_frames_on_the_device_are_few(weights, fed, monkeypatch):
    fed(ALL)
    alive = weakref.WeakSet()
    upload = Maker.upload

    def remember(self, held, coding):
        frame = upload(self, held, coding)
        alive.add(frame)
        return frame

    monkeypatch.setattr(Maker, "upload", remember)
    out = rife(film(vs.YUV420P8, 40, (16, 16)), **GPU, model=weights())
    kept = synthesis.FRAMES_KEPT + 2 * (ways.AT_A_TIME - 1)
    for n in random.Random(3).choices(range(79), k=30):
        out.get_frame(n).close()
        # what results ahead and pairs hold besides
        assert len(alive) <= kept + 4 * ways.AT_A_TIME
    del out
    gc.collect()
    assert not alive
