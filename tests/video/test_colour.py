"""Every format in and back: originals untouched, colours exact, alpha moved along."""

import functools

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.blending import blending
from tests.support.clips import clip_of, noise
from vsrife import rife
from vsrife.inference.backends import pytorch
from vsrife.video import colour as formats
from vsrife.video import frames
from vsrife.video.colour import Route

pytestmark = pytest.mark.usefixtures("networks_stay")

core = vs.core

# H.273: number -> how much red and blue weigh in luma
WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
SAMPLES = [(vs.INTEGER, bits) for bits in (8, 9, 10, 12, 14, 16)] + [(vs.FLOAT, 16), (vs.FLOAT, 32)]
SUBSAMPLINGS = [(0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (2, 2)]
FORMATS = [
    core.query_video_format(vs.YUV, *sample, *sub).id for sample in SAMPLES for sub in SUBSAMPLINGS
] + [
    core.query_video_format(family, *sample).id
    for family in (vs.GRAY, vs.RGB)
    for sample in SAMPLES
]


def name_of(number):
    return core.get_video_format(number).name


def dtype_of(fmt):
    kind = "u" if fmt.sample_type == vs.INTEGER else "f"
    return np.dtype(f"{kind}{fmt.bytes_per_sample}")


def drawn(number, width, height, length, draw, **props):
    """A clip of any format; `draw(n, plane, shape)` gives samples as they are stored."""
    blank = core.std.BlankClip(
        format=number, width=width, height=height, length=length, fpsnum=24000, fpsden=1001
    )

    def paint(n, f):
        frame = f.copy()
        for index, plane in enumerate(frames.planes(frame)):
            plane[:] = draw(n, index, plane.shape)
        return frame

    clip = blank.std.ModifyFrame(blank, paint)
    return clip.std.SetFrameProps(**props) if props else clip


def random_samples(fmt, n, plane, shape):
    """Noise over all codes, for floating point over 0..1 and some way beyond."""
    rng = np.random.default_rng((n, plane))
    if fmt.sample_type == vs.INTEGER:
        return rng.integers(0, 1 << fmt.bits_per_sample, shape)
    return rng.uniform(-1, 1, shape) if plane else rng.uniform(-0.3, 1.3, shape)


def contents(frame):
    return [plane.tobytes() for plane in map(np.ascontiguousarray, frames.planes(frame))]


colours = st.fixed_dictionaries(
    {},
    optional={
        "_Matrix": st.sampled_from([*WEIGHTS, 0, 2, 3, 8, 10, 12, 13, 14, 15, 99]),
        "_Range": st.integers(0, 1),
        "_ChromaLocation": st.integers(0, 6),
        "_Transfer": st.sampled_from([1, 2, 8, 16, 18]),
        "_Primaries": st.sampled_from([1, 2, 9]),
        "_FieldBased": st.integers(0, 2),
    },
)


@given(
    number=st.sampled_from(FORMATS),
    cells=st.tuples(st.integers(4, 12), st.integers(4, 12)),
    odd=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    props=colours,
    factor=st.sampled_from(["2", "5/2", "3/2", "4/5", "1"]),
)
@settings(max_examples=40)
def test_originals_come_through_untouched(weights, number, cells, odd, props, factor):
    fmt = core.get_video_format(number)
    unit = (1 << fmt.subsampling_w, 1 << fmt.subsampling_h)
    width, height = (4 * c + o // u * u for c, o, u in zip(cells, odd, unit, strict=True))
    if fmt.color_family == vs.RGB:
        props.pop("_Matrix", None)
    draw = functools.partial(random_samples, fmt)
    clip = drawn(number, width, height, 4, draw, **props)
    source = [(contents(f), dict(f.props)) for f in clip.frames()]
    with blending():
        check_originals(rife(clip, model=weights(), factor=factor), clip, source, factor)


def check_originals(out, clip, source, factor):
    assert (out.format.id, out.width, out.height) == (clip.format.id, clip.width, clip.height)
    step, count = {"2": (2, 1), "5/2": (5, 2), "3/2": (3, 2), "4/5": (4, 5), "1": (1, 1)}[factor]
    for n in range(0, out.num_frames, step):
        with out.get_frame(n) as frame:
            assert contents(frame) == source[n // step * count][0]
            given_props = {k: v for k, v in frame.props.items() if not k.startswith("_Duration")}
        wanted = source[n // step * count][1].items()
        assert given_props == {k: v for k, v in wanted if not k.startswith("_Duration")}


def flat_pair(fmt, colour, width=48, height=40, **props):
    """Two frames of one colour. The second differs in one sample, or no network would run."""

    def draw(n, plane, shape):
        field = np.full(shape, colour[plane], dtype_of(fmt))
        if n and not plane:
            step = 1 if fmt.sample_type == vs.INTEGER else 1e-3
            field[0, 0] = colour[0] + (step if colour[0] < 1 else -step)
        return field

    return drawn(fmt.id, width, height, 2, draw, **props)


@st.composite
def flat_colours(draw):
    """A format and a colour in it, anywhere in its codes: also beyond what RGB can show."""
    fmt = core.get_video_format(draw(st.sampled_from(FORMATS)))
    if fmt.sample_type == vs.INTEGER:
        top = (1 << fmt.bits_per_sample) - 1
        value = st.one_of(st.sampled_from([0, top, top // 2 + 1]), st.integers(0, top))
        return fmt, [draw(value) for _ in range(3)]
    luma, chroma = st.floats(-0.5, 1.5, width=16), st.floats(-0.5, 0.5, width=16)
    rest = chroma if fmt.color_family == vs.YUV else luma
    return fmt, [draw(luma), draw(rest), draw(rest)]


@given(given_colour=flat_colours(), props=colours, precision=st.sampled_from(["fp32", "fp16"]))
@settings(max_examples=40)
def test_between_two_flat_frames_is_exactly_that_colour(given_colour, props, precision):
    fmt, colour = given_colour
    if fmt.color_family == vs.RGB:
        props.pop("_Matrix", None)
        if fmt.sample_type == vs.FLOAT:  # clamped there, as in vs-rife
            colour = [min(max(value, 0), 1) for value in colour]
    frame = rife(flat_pair(fmt, colour, **props), precision=precision).get_frame(1)
    for index, plane in enumerate(frames.planes(frame)):
        far = plane[8:, 8:] if index == 0 else plane  # from the one sample that differs
        # the sample differs by 1e-3, and flow of a flat picture may bring 1 % of that along
        near = 0 if fmt.sample_type == vs.INTEGER else 1e-5
        if fmt.id == vs.RGBH and precision == "fp16":
            near = 1e-3
        assert np.abs(far.astype(np.float64) - colour[index]).max() <= near


@pytest.mark.parametrize(
    ("number", "props"),
    [
        (vs.GRAY16, {}),
        (vs.GRAY16, {"_Range": vs.RANGE_FULL}),
        (vs.RGB48, {}),
        (vs.YUV444P16, {"_Matrix": 1}),
        (vs.YUV420P16, {"_Matrix": 9, "_Transfer": 16, "_Primaries": 9}),
        (vs.YUV422P16, {"_Matrix": 9, "_Transfer": 18, "_Range": vs.RANGE_FULL}),
        (vs.YUV420P10, {"_Matrix": 9, "_Transfer": 16, "_Primaries": 9}),
    ],
    ids=lambda value: name_of(value) if isinstance(value, int) else "",
)
def test_a_ramp_keeps_all_its_codes(weights, number, props):
    fmt = core.get_video_format(number)
    top = 1 << fmt.bits_per_sample
    ramp = (np.arange(65536) % top).reshape(256, 256)

    def draw(n, plane, shape):
        if plane and fmt.color_family == vs.YUV:
            return np.full(shape, top // 2 + (n if plane == 2 else 0))
        return ramp

    with blending():
        frame = rife(drawn(number, 256, 256, 2, draw, **props), model=weights()).get_frame(1)
    planes = 1 if fmt.color_family == vs.YUV else fmt.num_planes
    for plane in frames.planes(frame)[:planes]:
        assert np.array_equal(plane, ramp)


def to_rgb(fmt, samples, matrix, limited):
    """The reference, H.273: samples of one pixel to R'G'B', 0..1."""
    y, u, v = (float(sample) for sample in samples)
    if fmt.sample_type == vs.INTEGER:
        unit = 1 << (fmt.bits_per_sample - 8)
        middle = 128 * unit
        if limited:
            y, u, v = (y / unit - 16) / 219, (u - middle) / unit / 224, (v - middle) / unit / 224
        else:
            top = (1 << fmt.bits_per_sample) - 1
            y, u, v = y / top, (u - middle) / top, (v - middle) / top
    red, blue = WEIGHTS[matrix]
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return [r, (y - red * r - blue * b) / (1 - red - blue), b]


def seen(clip, weights, **options):
    """The colours of the frames that were prepared, in turn, for clips of flat frames."""
    with blending() as shown:
        out = rife(clip, model=weights(), **options)
        for n in range(len(out)):  # frames() would have several made at once, in any order
            out.get_frame(n).close()
    return [[float(plane[20, 20]) for plane in planes] for planes in shown]


@pytest.mark.parametrize("number", [vs.YUV444P8, vs.YUV420P10, vs.YUV422P16, vs.YUV444PS])
@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_the_network_sees_what_the_frame_says_it_means(weights, number, limited, matrix):
    fmt = core.get_video_format(number)
    unit = 1 << (fmt.bits_per_sample - 8) if fmt.sample_type == vs.INTEGER else 0
    colour = [120 * unit, 100 * unit, 150 * unit] if unit else [0.4, -0.1, 0.2]
    said = vs.RANGE_LIMITED if limited else vs.RANGE_FULL
    # whatever the transfer function is, it stays in code values
    clip = flat_pair(fmt, colour, _Matrix=matrix, _Range=said, _Transfer=16)
    assert seen(clip, weights)[0] == pytest.approx(to_rgb(fmt, colour, matrix, limited), abs=2e-5)


CASES = [
    ("709 from 720 lines on", 720, {}, {}, 1),
    ("601 below", 718, {}, {}, 6),
    ("unspecified is not said", 718, {"_Matrix": 2}, {}, 6),
    ("what is not known is not said", 718, {"_Matrix": 99}, {}, 6),
    ("by BT.2020 primaries", 718, {"_Primaries": 9}, {}, 9),
    ("by PQ", 718, {"_Transfer": 16}, {}, 9),
    ("by HLG", 718, {"_Transfer": 18}, {}, 9),
    ("by BT.2020 with 10 bits", 718, {"_Transfer": 14}, {}, 9),
    ("by BT.2020 with 12 bits", 718, {"_Transfer": 15}, {}, 9),
    ("by none of these", 718, {"_Transfer": 13}, {}, 6),
    ("constant luminance: the nearest", 718, {"_Matrix": 10}, {}, 9),
    ("ICtCp: the nearest", 718, {"_Matrix": 14}, {"matrix": "709"}, 9),
    ("argument by name", 718, {}, {"matrix": "240m"}, 7),
    ("argument by number", 718, {"_Matrix": 2}, {"matrix": vs.MATRIX_FCC}, 4),
    ("the frame knows better", 718, {"_Matrix": 1}, {"matrix": "240m"}, 1),
]


@pytest.mark.parametrize(
    ("height", "props", "options", "matrix"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_where_the_matrix_is_taken_from(weights, height, props, options, matrix):
    fmt, colour = core.get_video_format(vs.YUV444P8), [120, 100, 150]
    clip = flat_pair(fmt, colour, 32, height, **props)
    assert seen(clip, weights, **options)[0] == pytest.approx(
        to_rgb(fmt, colour, matrix, True), abs=2e-5
    )


@pytest.mark.parametrize(
    ("family", "props", "options", "limited"),
    [
        (vs.GRAY, {}, {}, True),
        (vs.GRAY, {"_Range": 1}, {}, False),
        (vs.GRAY, {}, {"color_range": "full"}, False),
        (vs.GRAY, {"_Range": 0}, {"color_range": "full"}, True),
        (vs.RGB, {}, {}, False),
        (vs.RGB, {"_Range": 0}, {}, True),
        (vs.RGB, {}, {"color_range": "limited"}, True),
    ],
)
def test_where_the_range_is_taken_from(weights, family, props, options, limited):
    fmt = core.query_video_format(family, vs.INTEGER, 8)
    shown = seen(flat_pair(fmt, [100, 100, 100], **props), weights, **options)[0]
    assert shown == pytest.approx([(100 - 16) / 219 if limited else 100 / 255] * 3, abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_deprecated_range_property_is_understood(weights):
    clip = flat_pair(core.get_video_format(vs.GRAY8), [100]).std.SetFrameProps(_ColorRange=0)
    assert seen(clip, weights)[0] == pytest.approx([100 / 255] * 3, abs=1e-6)  # 0 is full there


def test_frames_that_say_different_things_are_each_believed(weights):
    fmt, colour = core.get_video_format(vs.YUV444P8), [120, 100, 150]
    pair = flat_pair(fmt, colour)
    said = [(1, 0), (6, 1), (9, 0)]
    clip = sum(
        (pair[n % 2].std.SetFrameProps(_Matrix=m, _Range=r) for n, (m, r) in enumerate(said)),
        start=core.std.BlankClip(pair, length=1),
    )[1:]
    shown = seen(clip, weights)
    assert len(shown) == 3
    for (matrix, full), rgb in zip(said, shown, strict=True):
        assert rgb == pytest.approx(to_rgb(fmt, colour, matrix, not full), abs=2e-5)


# where a chroma sample of 4:2:0 lies between the luma samples that it belongs to
LOCATIONS = {0: (0, 0.5), 1: (0.5, 0.5), 2: (0, 0), 3: (0.5, 0), 4: (0, 1), 5: (0.5, 1)}


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("as_argument", [True, False])
def test_chroma_is_placed_where_it_lies(weights, location, as_argument):
    """A chroma ramp, in luma's coordinates, must be seen as that ramp, and come back as it was."""
    right, down = LOCATIONS[location]
    fmt = core.get_video_format(vs.YUV420PS)

    def draw(n, plane, shape):
        y, x = np.mgrid[: shape[0], : shape[1]]
        if plane == 0:
            return np.full(shape, 0.5 + 0.001 * n)
        return (2 * x + right) * 0.002 + (2 * y + down) * 0.003 - 0.2

    names = {number: name for name, number in formats.LOCATIONS.items()}
    props = {"_Matrix": 1} | ({} if as_argument else {"_ChromaLocation": location})
    options = {"chroma_location": names[location]} if as_argument else {}
    clip = drawn(fmt.id, 64, 48, 2, draw, **props)
    with blending() as shown:
        new = rife(clip, model=weights(), **options).get_frame(1)
    y, x = np.mgrid[:48, :64]
    u = (shown[0][2] - 0.5) / (2 * (1 - WEIGHTS[1][1]))  # blue minus luma
    inside = np.s_[8:-8, 8:-8]
    assert np.abs(u - (x * 0.002 + y * 0.003 - 0.2))[inside].max() < 1e-5
    for plane, source in zip(
        frames.planes(new)[1:], frames.planes(clip.get_frame(0))[1:], strict=True
    ):
        assert np.abs(plane - source)[inside].max() < 1e-5


@pytest.mark.parametrize("number", [vs.YUV420P8, vs.YUV422P10, vs.GRAY8, vs.RGB24])
def test_only_what_is_shown_is_converted(weights, monkeypatch, number):
    """Frames 0 1 | 2 = 3, 4: a cut after 1, a repetition, and one pair left on either side."""
    wanted = []
    to_working = Route.to_working

    def counted(self, clip):
        def note(n, f):
            wanted.append(n)
            return f

        return to_working(self, clip.std.ModifyFrame(clip, note))

    fmt = core.get_video_format(number)

    def draw(n, plane, shape):
        return random_samples(fmt, min(n, 2) if n < 4 else n, plane, shape)

    clip = drawn(number, 32, 32, 7, draw).std.SetFrameProps(
        _Matrix=0 if fmt.color_family == vs.RGB else 1
    )
    cut = clip[1].std.SetFrameProps(_SceneChangeNext=1)
    clip = clip[0] + cut + clip[2:]
    monkeypatch.setattr(Route, "to_working", counted)
    list(rife(clip, model=weights(), factor=1).frames(close=True))
    assert not wanted
    list(rife(clip, model=weights(), factor=3, sc=True, sc_threshold=None).frames(close=True))
    assert sorted(wanted) == [0, 1, 3, 4, 5, 6]  # once each, and frame 2 not at all


@pytest.mark.parametrize("number", [vs.RGBS, vs.RGBH, vs.GRAYS, vs.GRAYH])
def test_what_the_network_reads_anyway_is_never_converted(number):
    clip = core.std.BlankClip(format=number, width=16, height=16)
    assert Route(clip).to_working(clip) is clip


def test_grey_is_the_same_in_all_three_channels(weights):
    clip = drawn(vs.GRAYS, 32, 24, 2, lambda n, plane, shape: noise(32, 24)(n)[0])
    grey = np.asarray(rife(clip, model=weights()).get_frame(1)[0])
    rgb = clip_of(lambda n: np.repeat(noise(32, 24)(n)[:1], 3, 0), 2)
    wanted = frames.planes(rife(rgb, model=weights()).get_frame(1))
    # a sum in another order, on another number of threads, is off by more than 1e-6 now and then
    assert all(np.abs(grey - plane).max() < 1e-5 for plane in wanted)


@pytest.mark.parametrize("number", [vs.GRAY8, vs.GRAY16, vs.GRAYS, vs.GRAYH])
@pytest.mark.parametrize("picture", [vs.GRAYS, vs.YUV420P8, vs.RGBH])
def test_alpha_moves_like_the_picture(weights, number, picture):
    """Alpha with the picture's own content must come out as the picture does."""
    fmt = core.get_video_format(picture)
    top = {vs.GRAY8: 255, vs.GRAY16: 65535}.get(number, 1)

    def stripes(n):
        y, x = np.mgrid[:48, :64]
        return 0.5 + 0.4 * np.sin((x - 3 * n) / 5 + y / 9)

    def draw(n, plane, shape):
        if fmt.color_family == vs.YUV and plane:
            return np.full(shape, 128)
        return stripes(n) if fmt.sample_type == vs.FLOAT else np.rint(16 + 219 * stripes(n))

    alpha = drawn(
        number,
        64,
        48,
        3,
        lambda n, plane, shape: np.rint(stripes(n) * top) if top > 1 else stripes(n),
    )
    clip = drawn(picture, 64, 48, 3, draw).std.ClipToProp(alpha)
    out = rife(clip, model=weights(), factor=3)
    for n in range(out.num_frames):
        frame = out.get_frame(n)
        got = np.asarray(frame.props["_Alpha"][0])
        if n % 3 == 0:
            assert np.array_equal(got, np.asarray(alpha.get_frame(n // 3)[0]))
            continue
        luma = np.asarray(frame[0]).astype(float)
        shown = luma if fmt.sample_type == vs.FLOAT else (luma - 16) / 219
        assert frame.props["_Alpha"].format.id == number
        assert np.abs(got / top - shown).max() < 0.009  # two roundings to 8 bits, of both


def with_alpha(clip, **changes):
    options = {"format": vs.GRAY8, "width": clip.width, "height": clip.height, "color": 7}
    return clip.std.ClipToProp(core.std.BlankClip(length=clip.num_frames, **(options | changes)))


@pytest.mark.parametrize(
    "right",
    [
        lambda clip: clip,
        lambda clip: with_alpha(clip, format=vs.GRAY16),
        lambda clip: with_alpha(clip, width=16),
    ],
    ids=["none", "another format", "another size"],
)
def test_alpha_that_fits_no_neighbour_is_held(weights, right):
    clip = two_random_frames()
    clip = with_alpha(clip[0]) + right(clip[1])
    frame = rife(clip, model=weights()).get_frame(1)
    assert set(np.asarray(frame.props["_Alpha"][0]).ravel()) == {7}


def test_alpha_that_only_the_right_frame_has_is_not_the_left_ones(weights):
    clip = two_random_frames()
    frame = rife(clip[0] + with_alpha(clip[1]), model=weights()).get_frame(1)
    assert "_Alpha" not in frame.props


def two_random_frames():
    draw = functools.partial(random_samples, core.get_video_format(vs.YUV420P8))
    return drawn(vs.YUV420P8, 32, 32, 2, draw)


def test_frames_that_differ_in_alpha_only_are_not_identical(weights):
    clip = drawn(vs.YUV420P8, 32, 32, 1, lambda n, plane, shape: np.full(shape, 90))
    clip = with_alpha(clip, color=0) + with_alpha(clip, color=100)
    with blending():
        frame = rife(clip, model=weights()).get_frame(1)
    assert set(np.asarray(frame.props["_Alpha"][0]).ravel()) == {50}


def test_new_frames_have_the_left_frames_properties_and_no_others(weights):
    fmt = core.get_video_format(vs.YUV420P8)
    clip = drawn(fmt.id, 32, 32, 2, functools.partial(random_samples, fmt), name="mine")
    frame = rife(clip, model=weights()).get_frame(1)
    props = {key for key in frame.props if not key.startswith("_Rife")}
    assert props == {"_DurationNum", "_DurationDen", "name"}


def test_precision_is_the_clips_unless_it_is_said(weights, monkeypatch):
    opened = []
    init = pytorch.TorchSession.__init__

    def note(self, settings):
        opened.append(settings.half)
        init(self, settings)

    monkeypatch.setattr(pytorch.TorchSession, "__init__", note)
    for number, precision in [
        (vs.RGBH, None), (vs.RGBS, None), (vs.YUV420P8, None), (vs.GRAYH, None),
        (vs.RGBH, "fp32"), (vs.YUV420P8, "fp16"),
    ]:  # fmt: skip  # a table
        clip = core.std.BlankClip(format=number, width=32, height=32, length=2)
        rife(clip, model=weights(), precision=precision)
    assert opened == [True, False, False, False, False, True]


def test_half_precision_of_the_network_leaves_the_depth_of_pictures(weights):
    """fp16 has 11 bits; what is moved and blended keeps its own."""
    fmt = core.get_video_format(vs.GRAY16)
    frame = rife(flat_pair(fmt, [40001]), model=weights(), precision="fp16").get_frame(1)
    assert set(np.asarray(frame[0])[8:, 8:].ravel()) == {40001}
