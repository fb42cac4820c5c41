"""Films of encoders without alpha: the picture over black."""

import itertools

import numpy as np
import pytest
import vapoursynth as vs

from vsrife.media.writing import convert
from vsrife.media.writing.encoders import Encoding
from vsrife.video.frames import ALPHA

BLOCK = 8
SHARES = (0.0, 0.2, 0.5, 0.9, 1.0)
# Each colour with each alpha, both 0..1, in blocks: of subsampled chroma, the middle
# of a block sees no other
COLOURS, ALPHAS = (
    np.repeat(each, BLOCK) for each in zip(*itertools.product(SHARES, SHARES), strict=True)
)
FULL, LIMITED = int(vs.RANGE_FULL), int(vs.RANGE_LIMITED)  # of `_Range`


def painted(clip, values):
    """`clip` with each plane of `values` (planes, W), every column of one value."""

    def paint(n, f):
        frame = f.copy()
        for plane, row in zip(range(frame.format.num_planes), values, strict=True):
            array = np.asarray(frame[plane])
            array[:] = row[:: len(row) // array.shape[1]]
        return frame

    return clip.std.ModifyFrame(clip, paint)


def picture(kind, span):
    """A clip with alpha, its values, and its alpha 0..1 as it is stored."""
    clip = vs.core.std.BlankClip(format=kind, width=len(COLOURS), height=2, length=2, keep=True)
    shape = clip.format
    whole = shape.sample_type == vs.INTEGER
    most = 2**shape.bits_per_sample - 1 if whole else 1
    kept = np.rint if whole else np.float32
    values = [kept(np.roll(COLOURS, BLOCK * plane) * most) for plane in range(shape.num_planes)]
    alpha = kept(ALPHAS * most)
    grey = vs.core.query_video_format(vs.GRAY, shape.sample_type, shape.bits_per_sample, 0, 0)
    mask = painted(vs.core.std.BlankClip(clip, format=grey.id, keep=True), [alpha])
    made = painted(clip, values).std.ClipToProp(mask, prop=ALPHA)
    return made.std.SetFrameProps(_Range=span), values, alpha / most


def planes(clip):
    with clip.get_frame(0) as frame:
        return [np.array(plane)[0] for plane in frame]


@pytest.mark.parametrize("span", [FULL, LIMITED])
@pytest.mark.parametrize(
    "kind", [vs.RGB24, vs.RGB48, vs.RGBS, vs.GRAY8, vs.YUV444P8, vs.YUV420P10, vs.YUV444PS]
)
def test_colours_count_as_much_as_they_cover(kind, span):
    clip, values, alpha = picture(kind, span)
    shape = clip.format
    black = [0.0, 0.0, 0.0]
    if shape.sample_type == vs.INTEGER and shape.color_family != vs.RGB:
        scale = 2 ** (shape.bits_per_sample - 8)
        black = [16.0 * scale * (span == LIMITED), 128.0 * scale, 128.0 * scale]
    for found, value, ground in zip(
        planes(convert._over_black(clip)), values, black[: len(values)], strict=True
    ):
        step = len(value) // len(found)
        found = found[BLOCK // 2 // step :: BLOCK // step]
        value, share = (each[BLOCK // 2 :: BLOCK] for each in (value, alpha))
        wanted = ground + (value - ground) * share
        assert found == pytest.approx(wanted, abs=1e-6 if shape.sample_type == vs.FLOAT else 1)
        assert (found[share == 1] == value[share == 1]).all()  # bit for bit


def test_an_encoder_without_alpha_gets_the_picture_over_black():
    clip, *_ = picture(vs.RGB24, FULL)
    encoding = Encoding(encoder="x264")
    assert convert.loses_alpha(clip, encoding)
    bare = convert._over_black(clip).std.RemoveFrameProps(ALPHA)
    assert not convert.loses_alpha(bare, encoding)
    both = (planes(convert.for_encoding(each, encoding)) for each in (clip, bare))
    for found, wanted in zip(*both, strict=True):
        assert (found == wanted).all()


def test_an_encoder_with_alpha_gets_it_as_it_is():
    clip, values, _ = picture(vs.RGB24, FULL)
    encoding = Encoding(encoder="ffv1")
    assert not convert.loses_alpha(clip, encoding)
    made = convert.for_encoding(clip, encoding)
    assert all((found == value).all() for found, value in zip(planes(made), values, strict=True))
