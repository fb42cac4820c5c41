"""Planes as clips store them, on the device: what the core's resizer makes of the same frames."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.inference.device_path import conversion
from vsrife.inference.source_planes import SourcePlanes
from vsrife.video import frames
from vsrife.video.coding import coding_of, unconverted
from vsrife.video.colour import LOCATIONS, MATRICES, RANGES, Route

core = vs.core

SAMPLES = [(vs.INTEGER, bits) for bits in (8, 10, 16)] + [(vs.FLOAT, 16), (vs.FLOAT, 32)]
SUBSAMPLINGS = [(0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (2, 2)]
FORMATS = [
    core.query_video_format(vs.YUV, *sample, *sub) for sample in SAMPLES for sub in SUBSAMPLINGS
] + [core.query_video_format(family, *sample) for family in (vs.GRAY, vs.RGB) for sample in SAMPLES]
# fp32 has 24 bits: what the resizer adds up in another order lies this far apart at the most
NEAR = 1e-6


def colours(kind: vs.VideoFormat) -> list[dict[str, int]]:
    """Properties of a format's frames: every matrix, range and location."""
    if kind.color_family != vs.YUV:
        return [{"_Range": each} for each in RANGES.values()]
    places, ranges = itertools.cycle(LOCATIONS.values()), itertools.cycle(RANGES.values())
    found = [
        {"_Matrix": matrix, "_Range": next(ranges), "_ChromaLocation": next(places)}
        for matrix in MATRICES.values()
    ]
    # the one matrix whose chroma has a limited range of its own
    return [*found, {"_Matrix": MATRICES["ycgco"], "_Range": RANGES["limited"]}]


def clip_of(kind: vs.VideoFormat, arrays: list[NDArray[Any]]) -> vs.VideoNode:
    """A clip of one frame with these planes."""
    height, width = arrays[0].shape
    blank = core.std.BlankClip(format=kind.id, width=width, height=height, length=1, keep=True)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane, values in zip(frames.planes(frame), arrays, strict=True):
            plane[...] = values
        return frame

    return blank.std.ModifyFrame(blank, paint)


def sides(kind: vs.VideoFormat, chroma: tuple[int, int] = (9, 13)) -> list[tuple[int, int]]:
    """Height and width of each plane: odd wherever that can be. chroma: its height and width."""
    rows, columns = chroma[0] << kind.subsampling_h, chroma[1] << kind.subsampling_w
    return [(rows, columns), *[chroma] * (kind.num_planes - 1)]


def noise(
    kind: vs.VideoFormat, seed: int = 0, chroma: tuple[int, int] = (9, 13)
) -> list[NDArray[Any]]:
    draw = np.random.default_rng(seed)
    if kind.sample_type == vs.INTEGER:
        dtype, largest = f"u{kind.bytes_per_sample}", 1 << kind.bits_per_sample
        return [draw.integers(0, largest, shape).astype(dtype) for shape in sides(kind, chroma)]
    low = [0.5 * (n > 0 and kind.color_family == vs.YUV) for n in range(3)]
    dtype = f"f{kind.bytes_per_sample}"
    return [
        (draw.random(shape) - each).astype(dtype)
        for shape, each in zip(sides(kind, chroma), low, strict=False)
    ]


def to_picture(planes: list[NDArray[Any]], coding: Any) -> NDArray[Any]:
    held = [torch.from_numpy(conversion.storable(plane)) for plane in planes]
    return conversion.to_picture(held, coding)[0].numpy()


def back(picture: NDArray[Any], coding: Any, like: list[NDArray[Any]]) -> list[NDArray[Any]]:
    into = SourcePlanes([np.full_like(plane, 3) for plane in like], coding)
    conversion.encoded(list(picture), into)
    return list(into)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_every_format_is_read_and_written_as_the_resizer_does(kind):
    for number, props in enumerate(colours(kind)):
        planes = noise(kind, number)
        clip = clip_of(kind, planes).std.SetFrameProps(**props)
        route = Route(clip)
        colour = route.colour_of(clip.get_frame(0))
        coding = coding_of(kind, colour)
        working = route.to_working(clip)
        wanted = np.stack(frames.planes(working.get_frame(0)))
        got = to_picture(planes, coding)
        assert np.abs(got[: len(wanted)].astype(np.float64) - wanted).max() < NEAR, props
        assert got.dtype == wanted.dtype
        if len(wanted) == 1:
            assert np.array_equal(got, got[[0, 0, 0]])
        # a new picture, beyond 0..1 here and there
        new = np.random.default_rng(number).uniform(-0.1, 1.1, wanted.shape).astype(wanted.dtype)
        made = clip_of(working.format, list(new))
        theirs = frames.planes(route.to_source(made, colour).get_frame(0))
        ours = back(new if len(new) == 3 else new[[0, 0, 0]], coding, planes)
        assert_near(kind, ours, theirs, props)


@pytest.mark.parametrize("chroma", [(1, 1), (1, 2), (2, 1), (3, 5), (4, 7)], ids=str)
@pytest.mark.parametrize("number", [vs.YUV420P8, vs.YUV410P8], ids=lambda number: number.name)
def test_pictures_of_fewer_samples_than_the_kernel_are_as_the_resizers(number, chroma):
    kind = core.get_video_format(number)
    for seed, place in enumerate(LOCATIONS.values()):
        planes = noise(kind, seed, chroma)
        clip = clip_of(kind, planes).std.SetFrameProps(_ChromaLocation=place)
        route = Route(clip)
        colour = route.colour_of(clip.get_frame(0))
        coding, working = coding_of(kind, colour), route.to_working(clip)
        wanted = np.stack(frames.planes(working.get_frame(0)))
        assert np.abs(to_picture(planes, coding) - wanted).max() < NEAR
        theirs = frames.planes(route.to_source(working, colour).get_frame(0))
        assert_near(kind, back(wanted, coding, planes), theirs, place)


def assert_near(kind, ours, theirs, props):
    apart = np.concatenate(
        [
            np.abs(mine.astype(np.float64) - other.astype(np.float64)).ravel()
            for mine, other in zip(ours, theirs, strict=True)
        ]
    )
    assert [mine.dtype for mine in ours] == [other.dtype for other in theirs]
    if kind.sample_type == vs.INTEGER:
        # at a tie, the last bit of a sum decides: one of 65,536 codes, 8 bits have hardly any
        assert apart.max() <= 1, props
        assert np.mean(apart > 0) < 0.005, props
    else:
        assert apart.max() < (NEAR if kind.bits_per_sample == 32 else 2e-3), props  # fp16's step


FLAT = [kind for kind in FORMATS if kind.sample_type == vs.INTEGER]


@pytest.mark.parametrize("kind", FLAT, ids=lambda kind: kind.name)
def test_flat_fields_and_ramps_come_back_as_they_were(kind):
    limited = {"_Range": RANGES["limited"]}
    top = 1 << kind.bits_per_sample
    for low in (0.1, 0.3, 0.52, 0.9):
        flat = [
            np.full(shape, int(low * top), f"u{kind.bytes_per_sample}") for shape in sides(kind)
        ]
        ramp = [plane.copy() for plane in flat]
        ramp[0] += np.linspace(0, top // 20, ramp[0].shape[1]).astype(ramp[0].dtype)
        for planes in (flat, ramp):
            clip = clip_of(kind, planes).std.SetFrameProps(**limited)
            coding = coding_of(kind, Route(clip).colour_of(clip.get_frame(0)))
            assert all(
                np.array_equal(mine, plane)
                for mine, plane in zip(
                    back(to_picture(planes, coding), coding, planes), planes, strict=True
                )
            )


def test_codes_beyond_the_range_are_the_last_ones_and_never_wrap():
    for kind in (core.get_video_format(vs.RGB24), core.get_video_format(vs.RGB48)):
        planes = noise(kind)
        coding = coding_of(kind, Route(clip_of(kind, planes)).colour_of(_frame(kind)))
        picture = np.stack([np.full(planes[0].shape, each, np.float32) for each in (-9, 0.5, 9e9)])
        red, green, blue = back(picture, coding, planes)
        largest = 2**kind.bits_per_sample - 1
        assert (red == 0).all()
        assert (blue == largest).all()
        assert (green == np.rint(0.5 * largest)).all()


def _frame(kind: vs.VideoFormat) -> vs.VideoFrame:
    return clip_of(kind, noise(kind)).get_frame(0)


def test_further_planes_are_moved_along_as_they_are():
    for number in (vs.GRAY8, vs.YUV420P10, vs.RGBS):
        kind = core.get_video_format(number)
        planes = noise(kind)
        coding = coding_of(kind, Route(clip_of(kind, planes)).colour_of(_frame(kind)))
        alpha = np.random.default_rng(5).random(planes[0].shape).astype(np.float32)
        picture = to_picture([*planes, alpha], coding)
        assert np.array_equal(picture[3], alpha)
        assert np.array_equal(back(picture, coding, [*planes, alpha])[-1], alpha)


def test_a_route_without_conversion_gives_the_clip_itself_and_leaves_the_other_alone():
    kind = core.get_video_format(vs.YUV420P8)
    clip = clip_of(kind, noise(kind))
    route = Route(clip)
    colour = route.colour_of(clip.get_frame(0))
    plain = unconverted(route, clip)
    assert plain.to_working(clip) is clip
    assert plain.to_source(clip, colour) is clip
    assert plain.colour_of(clip.get_frame(0)) == colour
    assert (route.direct, route.format) == (False, int(vs.RGBS))
