"""Reading a video file: its frames, their times, and the format to write them in."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import vapoursynth as vs

from vsrife.errors import MediaError, missing_package
from vsrife.media.encode import ENCODABLE, origin_of
from vsrife.media.timestamps import FINEST, Times, constant_times, source_times
from vsrife.messages import note
from vsrife.video.colour import usual_matrix


@dataclass(frozen=True)
class Facts:
    """What FFmpeg says about a file. tick: unit of its video times in seconds; rates: frames per
    second, guesses; origin: the time that is to become 0; frames: how many, 0 if it is not said."""

    tick: Fraction
    track: int
    rates: tuple[Fraction, ...]
    origin: Fraction
    frames: int


def probe(source: Path) -> Facts:
    import av

    try:
        with av.open(str(source.resolve())) as container:  # no name is a protocol's, "file:x.mkv"
            if not container.streams.video:
                raise MediaError(f"{source} has no video; IN must be a video file")
            stream = container.streams.video[0]
            rates = (stream.guessed_rate, stream.average_rate)
            return Facts(
                _fraction(stream.time_base or FINEST),
                stream.index,
                tuple(_fraction(rate) for rate in rates if rate),
                origin_of(container),
                stream.frames,
            )
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{source} is no video file that can be read: {error}") from error


def _fraction(ratio: Any) -> Fraction:
    # PyAV 19 has a type of its own here, which Fraction() does not take
    return Fraction(ratio.numerator, ratio.denominator)


def open_source(source: Path, facts: Facts) -> tuple[vs.VideoNode, Times]:
    """The file's frames, with a frame rate (the mean where it varies), and when they are shown."""
    if not hasattr(vs.core, "bs"):
        raise missing_package("render", "cli,cpu", "VapourSynth plugin bestsource")
    # mode 0 keeps no index, neither beside the user's file nor elsewhere; the time to make one is
    # small beside that for the new frames
    options = {"track": facts.track, "cachemode": 0, "showprogress": False}
    with TemporaryDirectory(prefix="vsrife") as folder:
        listing = Path(folder) / "times.txt"
        try:
            clip = vs.core.bs.VideoSource(str(source), timecodes=str(listing), **options)
        except vs.Error as error:
            if "timecode" not in str(error):
                raise
            # .avi, .vob and bare streams have no times; a rate is all there is
            clip = vs.core.bs.VideoSource(str(source), **options)
            rate = facts.rates[0] if facts.rates else Fraction(clip.fps) or Fraction(25)
            times = constant_times(rate, clip.num_frames)
        else:
            lines = listing.read_text().splitlines()
            listed = [line for line in lines if line and not line.startswith("#")]
            seconds = [Fraction(line) / 1000 - facts.origin for line in listed]
            times = source_times(seconds, facts.tick, facts.rates)
    if clip.num_frames < facts.frames:
        note(
            f"{source} says it has {facts.frames} frames, {clip.num_frames} are readable; damaged?"
        )
    return clip.std.AssumeFPS(
        fpsnum=times.rate.numerator, fpsden=times.rate.denominator
    ), times  # fmt: skip


def progressive(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` as whole frames, with a note if it is made of fields; MediaError if it changes."""
    if clip.format is None or not clip.width:
        raise MediaError("the video changes its format or size on the way; that cannot be rendered")
    with clip.get_frame(0) as frame:
        if frame.props.get("_FieldBased"):
            note("the video is interlaced; new frames will show combs, deinterlace it first")
    return clip.std.SetFieldBased(0)


def to_rgb(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` (any format of constant size) as RGBS, by its own `_Matrix` and `_Range`.

    Where the matrix is not said: BT.709 from 720 lines on, BT.601 below, as players do.
    """
    clip = progressive(clip)
    if clip.format.color_family == vs.RGB:
        return clip.resize.Bicubic(format=vs.RGBS)
    with clip.get_frame(0) as frame:
        said = frame.props.get("_Matrix", vs.MATRIX_UNSPECIFIED)
    matrix = usual_matrix(clip.height) if said == vs.MATRIX_UNSPECIFIED else said
    return clip.resize.Bicubic(format=vs.RGBS, matrix_in=matrix)


def for_encoder(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` as it is written: untouched if the encoder takes its format.

    What is left becomes 4:2:0, for odd sizes 4:4:4; 8 bit, 10 if there are more. The matrix stays,
    BT.709 from 720 lines on and BT.601 below where there is none.
    """
    odd = clip.width % 2 or clip.height % 2
    if odd:
        note(f"{clip.width}x{clip.height} is odd; written as 4:4:4, which not every player takes")
    if clip.format.id in ENCODABLE:
        return clip
    shape, yuv = clip.format, clip.format.color_family == vs.YUV
    sampling = (shape.subsampling_w, shape.subsampling_h)
    if not yuv or sampling not in ((0, 0), (1, 0), (1, 1)):
        sampling = (0, 0) if odd else (1, 1)
    bits = 10 if shape.bits_per_sample > 8 else 8
    written = vs.core.query_video_format(vs.YUV, vs.INTEGER, bits, *sampling).id
    with clip.get_frame(0) as frame:
        said = frame.props.get("_Range", vs.RANGE_LIMITED)
        matrix = int(frame.props.get("_Matrix", vs.MATRIX_UNSPECIFIED))
    if matrix in (vs.MATRIX_RGB, vs.MATRIX_UNSPECIFIED):
        matrix = usual_matrix(clip.height)
    limited = shape.color_family == vs.RGB or said != vs.RANGE_FULL
    known = {"matrix_in": matrix} if yuv else {}
    return clip.resize.Spline36(
        format=written,
        matrix=matrix,
        range=int(vs.RANGE_LIMITED if limited else vs.RANGE_FULL),
        **known,
    )
