"""rife() computes what changes; other parts stay the source's."""

import inspect
import random

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.ball import ball
from tests.support.clips import clip_of, noise, picture, pictures
from vsrife import arguments, rife
from vsrife.evaluation.scores.measures import psnr
from vsrife.inference import select
from vsrife.inference.network_options import static_threshold
from vsrife.inference.sessions.changed import ChangedSession
from vsrife.inference.sessions.regions import Region
from vsrife.video.synthesis import REGION, Synthesis, with_left_samples

pytestmark = pytest.mark.usefixtures("networks_stay")

WIDTH, HEIGHT = 128, 96


@pytest.fixture
def seen(monkeypatch):
    """The sessions that filters got."""
    sessions = []
    renderer = Synthesis.renderer

    def remember(self):
        sessions.append(self.session)
        return renderer(self)

    monkeypatch.setattr(Synthesis, "renderer", remember)
    return sessions


def block(n):
    """A block of noise that moves by 4 pixels over noise that does not."""
    image = noise(WIDTH, HEIGHT)(99)
    image[:, 40:56, 24 + 4 * n : 40 + 4 * n] = noise(16, 16)(98)
    return image


def region_of(frame, left, right):
    """Columns and rows that differ, and every pixel that is not the left frame's."""
    differs = (left != right).any(0)
    y, x = np.nonzero(differs)
    made = np.nonzero((frame != left).any(0))
    return (x.min(), x.max(), y.min(), y.max()), made


@pytest.mark.parametrize("backend", ["pytorch", "onnx"])
def test_new_frames_are_the_left_ones_but_where_something_moves(weights, seen, backend):
    clip, factor = clip_of(block, 3), 3
    source = pictures(clip)
    out = pictures(rife(clip, model=weights(), factor=factor, backend=backend))
    whole = pictures(
        rife(clip, model=weights(), factor=factor, backend=backend, static_threshold="off")
    )
    for n in range(2 * factor):
        left, step = divmod(n, factor)
        if not step:
            assert out[n].tobytes() == source[left].tobytes()
            continue
        (x0, x1, y0, y1), (ys, xs) = region_of(out[n], source[left], source[left + 1])
        assert (out[n] != source[left])[:, y0 : y1 + 1, x0 : x1 + 1].mean() > 0.9  # it is made anew
        assert xs.max() - xs.min() < 0.75 * WIDTH
        assert ys.max() - ys.min() <= 0.75 * HEIGHT
        assert not np.array_equal(whole[n], out[n])
    parts, all_of_it = seen
    assert not isinstance(all_of_it, ChangedSession)
    assert 0 < parts.counts.share < 0.6
    assert parts.counts.whole == 2 * (factor - 1) * np.prod(parts._layout.padded)


def test_frames_that_change_everywhere_are_those_of_the_whole_network(weights):
    clip = clip_of(noise(WIDTH, HEIGHT), 2)
    model, options = weights("4.6"), {"factor": 3, "ensemble": True, "scale": 0.5}
    ours = pictures(rife(clip, model=model, **options))
    whole = pictures(rife(clip, model=model, static_threshold="off", **options))
    assert [each.tobytes() for each in ours] == [each.tobytes() for each in whole]


@pytest.mark.parametrize("static", [None, 0.01])
def test_a_moving_ball_is_as_near_to_the_truth_as_with_the_whole_network(static):
    """At most 0.1 dB below; its ground is the source's."""
    canvas = np.pad(ball(0), ((0, 0), (32, 64), (32, 96)), "edge")
    grown = canvas.shape[1:]

    def draw(n):
        image = canvas.copy()
        image[:, 32:-64, 32:-96] = ball(n)
        return image

    clip = clip_of(lambda n: draw(2 * n), 5)
    assert (clip.height, clip.width) == grown
    scores = {}
    for threshold in (static, "off"):
        out = pictures(rife(clip, model="nano", static_threshold=threshold))
        truths = [draw(n) for n in range(9)]
        scores[threshold] = np.mean([psnr(out[n], truths[n]) for n in (1, 3, 5, 7)])
    print(scores)
    assert scores[static] > scores["off"] - 0.1


def test_a_threshold_holds_the_left_frame_in_parts_that_differ_less(weights, seen):
    def grainy(n):
        return block(n) + np.random.default_rng(n).uniform(-0.004, 0.004, (3, HEIGHT, WIDTH))

    clip = clip_of(grainy, 3)
    left = picture(clip.get_frame(0))
    made = {}
    for threshold in (None, 0.01):
        out = rife(clip, model=weights(), static_threshold=threshold)
        made[threshold] = pictures(out)[1]
    assert seen[0].counts.share == 1
    assert seen[1].counts.share < 0.6
    assert np.array_equal(made[0.01][:, :, -30:], left[:, :, -30:].clip(0, 1))
    assert not np.array_equal(made[None][:, :, -30:], left[:, :, -30:])


def test_any_order_of_requests_gives_the_same_bytes(weights):
    clip = clip_of(block, 8)
    out = rife(clip, model=weights(), factor="5/2", backend="onnx", num_streams=3)
    in_order = pictures(out)
    out.std.SetVideoCache(mode=0)
    order = random.Random(5).choices(range(out.num_frames), k=60)
    for n, future in [(n, out.get_frame_async(n)) for n in order]:
        with future.result() as frame:
            assert picture(frame).tobytes() == in_order[n].tobytes(), n


@pytest.mark.parametrize("fmt", [vs.RGBS, vs.YUV420P8])
@pytest.mark.parametrize("options", [{"protect": True}, {"confidence": 0.2}, {"pace": "drawn"}])
def test_it_goes_together_with_other_options(weights, fmt, options):
    matrix = {} if fmt == vs.RGBS else {"matrix_s": "709"}
    clip = clip_of(block, 2).resize.Bicubic(format=fmt, **matrix)
    out = rife(clip, model=weights(), **options)
    off = rife(clip, model=weights(), static_threshold="off", **options)
    ours, whole = out.get_frame(1), off.get_frame(1)
    assert 0 <= ours.props["_RifeConfidence"] <= 1
    assert ours.props["_RifeConfidence"] > whole.props["_RifeConfidence"] - 0.05
    assert ours.props["_RifeTimestep"] == whole.props["_RifeTimestep"] == 0.5
    if "pace" in options:  # which looks at the whole picture
        assert all(np.array_equal(ours[k], whole[k]) for k in range(3))


def test_alpha_that_moves_alone_is_computed(weights, seen):
    still = noise(WIDTH, HEIGHT)(3)
    clip = clip_of(lambda n: still, 2)
    grey = vs.core.std.BlankClip(clip, format=vs.GRAYS, color=0.25)
    other = (
        grey.std.Crop(right=WIDTH - 16).std.Invert().std.AddBorders(right=WIDTH - 16, color=0.25)
    )
    clip = clip.std.ClipToProp(grey[:1] + other[:1], prop="_Alpha")
    frame = rife(clip, model=weights()).get_frame(1)
    alpha = np.asarray(frame.props["_Alpha"][0])
    assert seen[0].counts.share < 1
    assert (alpha[:, WIDTH - 40 :] == 0.25).all()
    assert (alpha[:, :16] != 0.25).any()


@pytest.mark.parametrize("fmt", [vs.YUV420P8, vs.YUV422P10, vs.YUV410P8, vs.GRAY16, vs.RGB24])
def test_outside_of_the_region_samples_are_the_left_frames_in_the_clips_format(fmt):
    region = Region(24, 16, 64, 40)
    new = vs.core.std.BlankClip(format=fmt, width=160, height=88, length=2, color=None)
    left = new.std.BlankClip(color=[9] * new.format.num_planes)
    marked = new.std.SetFrameProps(**{REGION: list(region), "_RifeTimestep": 0.5})
    got = with_left_samples(marked, left).get_frame(0)
    assert got.props["_RifeTimestep"] == 0.5
    fresh, own = new.get_frame(0), left.get_frame(0)
    for number in range(got.format.num_planes):
        across, down = (got.format.subsampling_w, got.format.subsampling_h) if number else (0, 0)
        wanted = np.array(own[number])
        inside = (slice(16 >> down, 56 >> down), slice(24 >> across, 88 >> across))
        wanted[inside] = np.asarray(fresh[number])[inside]
        assert np.array_equal(np.asarray(got[number]), wanted)
    untouched = with_left_samples(new, left).get_frame(0)
    assert all(np.array_equal(untouched[k], fresh[k]) for k in range(got.format.num_planes))


def test_numbers_that_are_none_count_as_0_outside_of_the_region_too():
    new = vs.core.std.BlankClip(format=vs.YUV444PS, width=160, height=88, length=2)
    left = new.std.BlankClip(color=[0.5, 0.1, 0.1], keep=True)

    def spoil(n, f):
        frame = f.copy()
        np.asarray(frame[0])[2, 3] = np.nan
        np.asarray(frame[0])[2, 4] = np.inf
        return frame

    marked = new.std.SetFrameProps(**{REGION: [24, 16, 64, 40], "_RifeTimestep": 0.5})
    got = np.asarray(with_left_samples(marked, left.std.ModifyFrame(left, spoil)).get_frame(0)[0])
    assert got[2, 3] == 0
    assert np.isinf(got[2, 4])
    assert got[0, 0] == 0.5


@pytest.mark.parametrize("fmt", [vs.YUV420P8, vs.YUV410P8, vs.YUV422P10, vs.GRAY16, vs.RGB24])
def test_static_parts_are_the_sources_in_any_format_bit_for_bit(weights, fmt):
    matrix = {} if fmt == vs.RGB24 else {"matrix_s": "709"}
    clip = clip_of(block, 2).std.AddBorders(right=128, bottom=96)
    clip = clip.resize.Bicubic(format=fmt, **matrix)
    left, new = clip.get_frame(0), rife(clip, model=weights()).get_frame(1)
    region = Region(*new.props[REGION])
    assert 0 < region.width * region.height < 0.5 * clip.width * clip.height
    for number in range(new.format.num_planes):
        across, down = (new.format.subsampling_w, new.format.subsampling_h) if number else (0, 0)
        rows = slice(region.y >> down, region.bottom >> down)
        columns = slice(region.x >> across, region.right >> across)
        inside = np.zeros(np.asarray(new[number]).shape, bool)
        inside[rows, columns] = True
        source, made = (np.asarray(frame[number]).astype(int) for frame in (left, new))
        assert np.array_equal(made[~inside], source[~inside])
        assert not np.array_equal(made[inside], source[inside])


def test_without_a_threshold_no_other_session_is_made(weights, seen, monkeypatch):
    clip = clip_of(block, 2)
    monkeypatch.setattr(select, "on_cpu", lambda *arguments: False)
    rife(clip, model=weights()).get_frame(1)
    rife(clip, model=weights(), static_threshold=0).get_frame(1)
    assert [isinstance(session, ChangedSession) for session in seen] == [False, True]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, 0.0),
        ({"static_threshold": "off"}, None),
        ({"static_threshold": 0}, 0.0),
        ({"static_threshold": 0.01, "device": "cuda"}, 0.01),
        ({"device": "cuda"}, None),
        ({"device": "cpu"}, 0.0),
        ({"trt": True}, None),
        ({"model": "any.onnx"}, None),
    ],
)
def test_what_counts_as_equal_if_nothing_is_said(monkeypatch, given, wanted):
    monkeypatch.setattr(select, "_with_gpu", lambda: ())
    defaults = {name: each.default for name, each in inspect.signature(rife).parameters.items()}
    clip = clip_of(block, 2)
    options, _ = arguments.parse({**defaults, "clip": clip, **given})
    assert static_threshold(options.network, options.static_threshold) == wanted
