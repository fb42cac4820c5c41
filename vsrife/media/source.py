"""Reading a video file: its frames, their times, and the format to write them in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError, missing_package
from vsrife.media.encode import ENCODABLE
from vsrife.media.packets import Listing, as_fraction, list_packets
from vsrife.media.parts import scratch_file
from vsrife.media.properties import Track, shaped, track_of
from vsrife.media.streams import film_of, origin_of
from vsrife.media.timestamps import FINEST, Times, mend, source_times
from vsrife.messages import note
from vsrife.video.colour import LOCATIONS, MATRICES, usual_matrix

_ASSUMED = Fraction(25)  # frames per second, where a file says nothing at all


@dataclass(frozen=True)
class Facts:
    """What FFmpeg says about a file. tick: unit of its video times in seconds; rates: frames per
    second, guesses; origin: the time that is to become 0; size: of the pictures as they are stored,
    in pixels; codec: of the film; about: what else is said about it."""

    tick: Fraction
    track: int
    rates: tuple[Fraction, ...]
    origin: Fraction
    size: tuple[int, int] = (0, 0)
    codec: str = "?"
    about: Track = field(default_factory=Track)


def probe(source: Path) -> Facts:
    import av

    try:
        with av.open(str(source.resolve())) as container:  # no name is a protocol's, "file:x.mkv"
            stream = film_of(container)
            if stream is None:
                raise MediaError(f"{source} has no video; IN must be a video file")
            if stream.codec_context is None:
                raise MediaError(f"{source} has video that FFmpeg cannot decode")
            rates = (stream.guessed_rate, stream.average_rate)
            return Facts(
                as_fraction(stream.time_base or FINEST),
                stream.index,
                tuple(as_fraction(rate) for rate in rates if rate),
                origin_of(container),
                (stream.width, stream.height),
                stream.codec_context.codec.canonical_name,
                track_of(stream),
            )
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{source} is no video file that can be read: {error}") from error


def open_source(source: Path, facts: Facts, threads: int = 0) -> tuple[vs.VideoNode, Times]:
    """The file's frames, with a frame rate (the mean where it varies), and when they are shown.

    threads: that decode, 0 for as many as there are cores. Notes say what the file lacks, and
    where its times had to be mended.
    """
    if not hasattr(vs.core, "bs"):
        raise missing_package("render", "cli,onnx", "VapourSynth plugin bestsource")
    clip, listed = _open(source, facts, threads)
    listing = list_packets(source, facts.track)
    _tell_losses(source, clip, facts, listing)
    times = _times(clip.num_frames, listed, listing, facts)
    clip = shaped(clip, facts.about)
    if facts.codec == "gif" and _opaque(clip):
        clip = clip.std.RemoveFrameProps("_Alpha")  # FFmpeg gives one to every GIF
    return clip.std.AssumeFPS(fpsnum=times.rate.numerator, fpsden=times.rate.denominator), times


def _open(source: Path, facts: Facts, threads: int) -> tuple[vs.VideoNode, list[Fraction] | None]:
    """The frames, and when they begin (seconds), None if BestSource does not know it of each."""
    # mode 0 keeps no index, neither beside the user's file nor elsewhere; the time to make one is
    # small beside that for the new frames. Names as bytes: they need not be text.
    name = os.fsencode(source)
    options: dict[str, Any] = {
        "track": facts.track, "cachemode": 0, "showprogress": False, "threads": threads,
    }  # fmt: skip
    ways: tuple[dict[str, Any], ...] = ({}, {"apply_rotation": False})
    with scratch_file("times") as listing:
        for more in ways:
            try:
                clip = vs.core.bs.VideoSource(
                    name, timecodes=os.fsencode(listing), **options, **more
                )
            except vs.Error as error:
                if "timecode" in str(error):
                    return vs.core.bs.VideoSource(name, **options, **more), None
                if "degree rotation" not in str(error) or more:
                    raise
                note("the file turns its picture by an odd angle; it is written as it is stored")
                continue
            lines = listing.read_text().splitlines()
            listed = [line for line in lines if line and not line.startswith("#")]
            return clip, [Fraction(line) / 1000 for line in listed]
    raise AssertionError("one of two ways opens the file or says why not")


def _times(count: int, listed: list[Fraction] | None, listing: Listing, facts: Facts) -> Times:
    """When the frames are shown, from what the decoder and the container say."""
    rate = (*facts.rates, _ASSUMED)[0]
    seconds: list[Fraction | None] = [None] * count
    if listed is not None and len(listed) == count:
        seconds = [at - facts.origin for at in listed]
    elif len(listing.begins) == count:
        seconds = [None if at is None else at - facts.origin for at in listing.begins]
    mended = mend(seconds, rate)
    if mended.moved == count:
        note(f"the file says of no frame when it is shown; taken as {float(rate):.6g} fps")
    elif mended.joined:
        note("the film's times jump back; what comes then is put after what came before")
    elif mended.moved:
        note(f"{mended.moved} of {count} frames have no time or one that does not rise; put evenly "
             "between those beside them")  # fmt: skip
    last = None
    if listing.end is not None and not mended.joined:
        last = listing.end - facts.origin - mended.seconds[-1]
    return source_times(mended.seconds, facts.tick, facts.rates, last)


def _opaque(clip: vs.VideoNode) -> bool:
    """Whether nothing is seen through the first picture."""
    with clip.get_frame(0) as frame:
        alpha = frame.props.get("_Alpha")
        return alpha is not None and bool((np.asarray(alpha[0]) == 255).all())


def _tell_losses(source: Path, clip: vs.VideoNode, facts: Facts, listing: Listing) -> None:
    """Notes on what of the pictures does not come out of the file."""
    if clip.num_frames < listing.samples:
        note(f"{source} says it has {listing.samples} frames, {clip.num_frames} are readable; "
             "damaged?")  # fmt: skip
    elif listing.cut_short:
        note(f"{source} says it lasts {float(listing.said):.1f} s, {float(listing.found):.1f} s "
             "are readable; damaged or cut short?")  # fmt: skip
    size = facts.size[::-1] if facts.about.turned else facts.size
    missing = (size[0] - clip.width, size[1] - clip.height)
    # VapourSynth holds whole samples of chroma only; what differs by more was cropped on purpose
    if any(missing) and all(0 <= pixels < 4 for pixels in missing):
        note(f"{size[0]}x{size[1]} with chroma of lower resolution cannot be held; cut to "
             f"{clip.width}x{clip.height}")  # fmt: skip


def progressive(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` as whole frames, with a note if it is made of fields; MediaError if it changes."""
    if clip.format is None or not clip.width:
        raise MediaError("the video changes its format or size on the way; that cannot be rendered")
    with clip.get_frame(0) as frame:
        if frame.props.get("_FieldBased"):
            note("the video is interlaced; new frames will show combs, deinterlace it first")
    return clip.std.SetFieldBased(0)


# What tells the resizer about colours; taken off before it, since a number that it does not know
# makes it refuse a frame, and put back after it
_COLOUR = (
    "_Matrix",
    "_Range",
    "_ChromaLocation",
    "_Transfer",
    "_Primaries",
    "_FieldBased",
    "_Field",
)


def _bare(clip: vs.VideoNode) -> vs.VideoNode:
    return clip.std.RemoveFrameProps(list(_COLOUR))


def _colours_of(clip: vs.VideoNode) -> dict[str, int]:
    """What the resizer is told of a clip: what its first frame says, else what is usual."""
    with clip.get_frame(0) as frame:
        props = dict(frame.props)
    matrix = int(props.get("_Matrix", vs.MATRIX_UNSPECIFIED))
    if matrix not in MATRICES.values():
        matrix = usual_matrix(clip.height)
    family = clip.format.color_family
    full = props.get("_Range", vs.RANGE_FULL if family == vs.RGB else vs.RANGE_LIMITED)
    told = {"range_in": int(vs.RANGE_FULL if full == vs.RANGE_FULL else vs.RANGE_LIMITED)}
    if family != vs.RGB:
        told["matrix_in"] = matrix
    if family == vs.YUV:
        location = int(props.get("_ChromaLocation", 0))
        told["chromaloc_in"] = location if location in LOCATIONS.values() else 0
    return told


def to_rgb(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` (any format of constant size) as RGBS, by its own `_Matrix` and `_Range`.

    Where the matrix is not said: BT.709 from 720 lines on, BT.601 below, as players do.
    """
    clip = progressive(clip)
    return _bare(clip).resize.Bicubic(format=vs.RGBS, **_colours_of(clip))


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
    told = _colours_of(clip)
    matrix = told.get("matrix_in", usual_matrix(clip.height))
    limited = shape.color_family == vs.RGB or told["range_in"] != vs.RANGE_FULL
    made = _bare(clip).resize.Spline36(
        format=written,
        matrix=matrix,
        range=int(vs.RANGE_LIMITED if limited else vs.RANGE_FULL),
        **told,
    )
    return made.std.CopyFrameProps(clip, props=["_Transfer", "_Primaries"])
