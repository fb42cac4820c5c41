"""Joined segments against films that were encoded at once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.clips import clip_of
from tests.support.renders import hashes, packets
from vsrife.media.properties import Track
from vsrife.media.timestamps import Times, constant_times
from vsrife.media.tracks.others import Beside
from vsrife.media.writing.convert import for_encoding
from vsrife.media.writing.encode import join_part, write_part
from vsrife.media.writing.encoder_table import CONTAINERS, ENCODERS
from vsrife.media.writing.encoders import Encoding
from vsrife.rendering.jobs.join import BadSegmentError, Piece, film_packets, ticks_of
from vsrife.rendering.jobs.work import container_of

COUNT = 40
CONSTANT = constant_times(Fraction(24000, 1001), COUNT, Fraction(1, 10))
VARYING = Times(
    Fraction(1, 90000), [0, *itertools.accumulate(3003 + 700 * (n % 4) for n in range(COUNT))]
)


def film(fmt: vs.PresetVideoFormat = vs.YUV420P8) -> vs.VideoNode:
    def draw(n: int):
        picture = np.full((3, 48, 64), 0.2 + 0.015 * n)
        picture[:, 10:30, n : n + 12] = 0.9
        return picture

    return clip_of(draw, COUNT).resize.Point(format=fmt, matrix_s="170m")


def in_segments(
    folder: Path, clip: vs.VideoNode, times: Times, encoding: Encoding, borders: list[int]
) -> list[Piece]:
    pieces = []
    for begin, end in itertools.pairwise(borders):
        path = folder / f"{begin}.segment"
        part, own = clip[begin:end], ticks_of(times, begin, end)
        write_part(part, path, own, encoding, container_of(encoding), Beside(None, 0, Track()))
        pieces.append(Piece(path, begin, end))
    return pieces


def joined(path: Path, clip: vs.VideoNode, times: Times, encoding: Encoding, pieces: list[Piece]):
    def film_of(header: bytes):
        return film_packets(pieces, times, header, lambda done: None)

    join_part(clip, path, times, encoding, CONTAINERS[path.suffix], None, film_of)


def begins(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        base = container.streams.video[0].time_base
        return [f.pts * Fraction(base.numerator, base.denominator) for f in container.decode()]


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("times", [CONSTANT, VARYING], ids=["constant", "varying"])
def test_one_segment_is_the_film_that_is_written_at_once(tmp_path: Path, times, ending: str):
    clip, encoding = film(), Encoding(preset="medium")
    joined(
        tmp_path / f"joined{ending}", clip, times, encoding,
        in_segments(tmp_path, clip, times, encoding, [0, COUNT]),
    )  # fmt: skip
    write_part(clip, tmp_path / f"whole{ending}", times, encoding, CONTAINERS[ending])
    one, other = (tmp_path / f"{name}{ending}" for name in ("joined", "whole"))
    # when it is shown, and what: a container derives durations from times of decoding, which x264
    # sets earlier than this film needs
    assert [(at, data) for at, _, data in packets(one, "video")] == [
        (at, data) for at, _, data in packets(other, "video")
    ]
    assert begins(one) == begins(other)


@pytest.mark.parametrize("times", [CONSTANT, VARYING], ids=["constant", "varying"])
def test_frames_of_segments_stand_at_the_times_of_the_whole(tmp_path: Path, times):
    clip, encoding = film(), Encoding(preset="medium")
    pieces = in_segments(tmp_path, clip, times, encoding, [0, 1, 3, 17, COUNT])
    joined(tmp_path / "joined.mp4", clip, times, encoding, pieces)
    assert begins(tmp_path / "joined.mp4") == [tick * times.base for tick in times.ticks[:-1]]
    alone = [hash for piece in pieces for hash in hashes(piece.path)]
    assert hashes(tmp_path / "joined.mp4") == alone
    with av.open(str(tmp_path / "joined.mp4")) as container:
        stamps = [p.dts for p in container.demux(video=0) if p.dts is not None]
    assert all(a < b for a, b in itertools.pairwise(stamps))


@pytest.mark.parametrize(
    "name", [name for name, row in ENCODERS.items() if row.joinable and not row.hardware]
)
def test_segments_of_every_encoder_can_be_joined(tmp_path: Path, name: str):
    encoding = Encoding(encoder=name, preset={"svt-av1": "12", "vp9": "8"}.get(name))
    clip = for_encoding(film(), encoding)
    pieces = in_segments(tmp_path, clip, CONSTANT, encoding, [0, 9, COUNT])
    path = tmp_path / f"joined{encoding.row.containers[0]}"
    joined(path, clip, CONSTANT, encoding, pieces)
    assert hashes(path) == [hash for piece in pieces for hash in hashes(piece.path)]
    wanted = [float(tick * CONSTANT.base) for tick in CONSTANT.ticks[:-1]]
    assert [float(at) for at in begins(path)] == pytest.approx(wanted, abs=6e-4)


def test_a_segment_of_another_encoder_is_refused(tmp_path: Path):
    clip, encoding = film(), Encoding()
    pieces = in_segments(tmp_path, clip, CONSTANT, encoding, [0, 20, COUNT])
    write_part(
        film(vs.YUV422P8)[20:], pieces[1].path, ticks_of(CONSTANT, 20, COUNT), encoding, "nut"
    )
    with pytest.raises(BadSegmentError, match="another encoder"):
        joined(tmp_path / "joined.mp4", clip, CONSTANT, encoding, pieces)


def test_all_segments_of_another_machine_are_named_at_once(tmp_path: Path):
    """Else each of them would cost a run of its own."""
    borders = [0, 10, 20, 30, COUNT]
    clip = for_encoding(film(), Encoding(encoder="x264"))
    own, foreign = Encoding(encoder="x264"), Encoding(encoder="x264", preset="ultrafast")
    pieces = in_segments(tmp_path, clip, CONSTANT, own, borders)
    for at in (1, 3):
        other = tmp_path / "other"
        other.mkdir(exist_ok=True)
        pieces[at] = in_segments(other, clip, CONSTANT, foreign, borders)[at]
    with pytest.raises(BadSegmentError) as caught:
        joined(tmp_path / "o.mkv", clip, CONSTANT, own, pieces)
    assert caught.value.pieces == [pieces[1], pieces[3]]


def test_segments_of_a_machine_with_other_cores_fit(tmp_path: Path):
    """x265 tells its threads in its header; decoders do not need to know."""
    borders = [0, 20, COUNT]
    own = Encoding(encoder="x265", preset="ultrafast")
    clip = for_encoding(film(), own)
    other = replace(own, options=(("x265-params", "frame-threads=2"),))
    pieces = in_segments(tmp_path, clip, CONSTANT, own, borders)
    (tmp_path / "other").mkdir()
    pieces[1] = in_segments(tmp_path / "other", clip, CONSTANT, other, borders)[1]
    headers = []
    for piece in pieces:
        with av.open(str(piece.path)) as container:
            headers.append(bytes(container.streams.video[0].codec_context.extradata))
    assert headers[0] != headers[1]
    path = tmp_path / "joined.mkv"
    joined(path, clip, CONSTANT, own, pieces)
    assert hashes(path) == [hash for piece in pieces for hash in hashes(piece.path)]


def test_a_segment_with_too_few_frames_is_refused(tmp_path: Path):
    clip, encoding = film(), Encoding()
    pieces = in_segments(tmp_path, clip, CONSTANT, encoding, [0, 20, COUNT])
    write_part(clip[20:39], pieces[1].path, ticks_of(CONSTANT, 20, 39), encoding, "nut")
    with pytest.raises(BadSegmentError, match="has 19 frames, not 20"):
        joined(tmp_path / "joined.mp4", clip, CONSTANT, encoding, pieces)
