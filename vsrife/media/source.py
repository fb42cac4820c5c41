"""Reading a video file: its frames, their times, and the format for the encoder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError, missing_package
from vsrife.media.parts import scratch_file
from vsrife.media.properties import Track, shaped, track_of
from vsrife.media.reasons import reason_of
from vsrife.media.timestamps import FINEST, Times, repair, source_times
from vsrife.media.tracks.packets import Listing, as_fraction, list_packets, start_of
from vsrife.media.tracks.streams import film_of, origin_of
from vsrife.media.writing.convert import resizer_arguments, without_colour_props
from vsrife.messages import counted, note

_ASSUMED = Fraction(25)  # frames per second, for a file without any rate
_CACHE = 256  # MB of decoded frames that are kept; BestSource's default is 1000, in each process
_PROGRESS = re.compile(r"index progress (\d+)%")


@dataclass(frozen=True)
class Facts:
    """Properties of a file and its film, from FFmpeg.

    tick: unit of video times, in seconds. track: number of the film's stream. rates: estimates,
    frames per second. origin: the time that becomes 0, in seconds. size: stored width and height.
    codec: of the film. about: further properties of the film. begin: time of the earliest stream,
    in seconds of the file.
    """

    tick: Fraction
    track: int
    rates: tuple[Fraction, ...]
    origin: Fraction
    size: tuple[int, int] = (0, 0)
    codec: str = "?"
    about: Track = field(default_factory=Track)
    begin: Fraction = Fraction(0)


def probe(source: Path) -> Facts:
    """Properties of a file; MediaError if it is not a readable video file."""
    import av

    try:
        with av.open(str(source.resolve())) as container:  # else "file:" is a protocol
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
                start_of(container),
            )
    except (OSError, av.FFmpegError) as error:
        why = reason_of(error)
        raise MediaError(f"{source} is no video file that can be read: {why}") from error


def open_source(
    source: Path,
    facts: Facts,
    threads: int = 0,
    index: Path | None = None,
    on_read: Callable[[int], None] = lambda percent: None,
) -> tuple[vs.VideoNode, Times]:
    """The file's frames, with a frame rate (the mean if it varies), and their times.

    threads: of the decoder; 0: one per core. index: path that the index of the frames is kept at,
    with an ending; None: it is not kept. on_read: called with the percent of the file that is read.
    Notes report what the file lacks and which times were repaired. An error names a missing
    BestSource.
    """
    if not hasattr(vs.core, "bs"):
        raise missing_package("render", "cli,onnx", "VapourSynth plugin bestsource")
    with _reading(on_read):
        clip, listed = _open(source, facts, threads, index)
    listing = list_packets(source, facts.track)
    _note_losses(source, clip, facts, listing)
    times = _times(clip.num_frames, listed, listing, facts)
    clip = shaped(clip, facts.about)
    if facts.codec == "gif" and _opaque(clip):
        clip = clip.std.RemoveFrameProps("_Alpha")  # FFmpeg adds alpha to every GIF
    return clip.std.AssumeFPS(fpsnum=times.rate.numerator, fpsden=times.rate.denominator), times


@contextmanager
def _reading(on_read: Callable[[int], None]) -> Iterator[None]:
    """Tell `on_read` how far BestSource is, which says so in VapourSynth's log only."""

    def hear(kind: int, text: str) -> None:
        found = _PROGRESS.search(text)
        if found:
            on_read(int(found[1]))
        elif kind >= int(vs.MESSAGE_TYPE_WARNING):
            note(text)

    handle = vs.core.add_log_handler(hear)
    try:
        yield
    finally:
        vs.core.remove_log_handler(handle)


def _open(
    source: Path, facts: Facts, threads: int, index: Path | None
) -> tuple[vs.VideoNode, list[Fraction] | None]:
    """The frames, and their times in seconds; None if BestSource does not know all of them."""
    # Mode 0 stores no index anywhere, mode 4 always. File names are bytes: they need not be valid
    # text.
    name = os.fsencode(source)
    options: dict[str, Any] = {
        "track": facts.track, "cachemode": 0, "showprogress": True, "threads": threads,
        "cachesize": _CACHE,
    }  # fmt: skip
    if index is not None:
        options |= {"cachemode": 4, "cachepath": os.fsencode(index)}
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
                note("the file rotates its picture by an odd angle; it is written unrotated")
                continue
            lines = listing.read_text().splitlines()
            listed = [line for line in lines if line and not line.startswith("#")]
            return clip, [Fraction(line) / 1000 for line in listed]
    raise AssertionError("one of two ways opens the file or raises")


def _times(count: int, listed: list[Fraction] | None, listing: Listing, facts: Facts) -> Times:
    """Times of the frames, from the decoder, else from the container."""
    rate = (*facts.rates, _ASSUMED)[0]
    seconds: list[Fraction | None] = [None] * count
    if listed is not None and len(listed) == count:
        seconds = [at - facts.origin for at in listed]
    elif len(listing.begins) == count:
        seconds = [None if at is None else at - facts.origin for at in listing.begins]
    repaired = repair(seconds, rate)
    if repaired.moved == count:
        note(f"the file has no frame times; {float(rate):.6g} fps is assumed")
    elif repaired.joined:
        note("the film's times jump back; later frames are moved after the earlier ones")
    elif repaired.moved:
        verb = "has" if repaired.moved == 1 else "have"
        note(f"{repaired.moved} of {counted(count, 'frame')} {verb} no time or one that does not "
             "rise; spaced evenly between the neighbours")  # fmt: skip
    last = None
    if listing.end is not None and not repaired.joined:
        last = listing.end - facts.origin - repaired.seconds[-1]
    return source_times(repaired.seconds, facts.tick, facts.rates, last)


def _opaque(clip: vs.VideoNode) -> bool:
    """Whether the first frame is opaque."""
    with clip.get_frame(0) as frame:
        alpha = frame.props.get("_Alpha")
        return alpha is not None and bool((np.asarray(alpha[0]) == 255).all())


def _note_losses(source: Path, clip: vs.VideoNode, facts: Facts, listing: Listing) -> None:
    """Notes on missing frames and pixels."""
    if clip.num_frames < listing.samples:
        readable = counted(clip.num_frames, "is", "are")
        note(f"{source} says it has {counted(listing.samples, 'frame')}, {readable} readable; "
             "damaged?")  # fmt: skip
    elif listing.cut_short:
        note(f"{source} says it lasts {float(listing.stated):.1f} s, "
             f"{float(listing.readable):.1f} s are readable; damaged or cut short?")  # fmt: skip
    size = facts.size[::-1] if facts.about.turned else facts.size
    missing = (size[0] - clip.width, size[1] - clip.height)
    # VapourSynth needs whole chroma samples; a larger difference was cropped on purpose
    if any(missing) and all(0 <= pixels < 4 for pixels in missing):
        note(f"{size[0]}x{size[1]} with chroma of lower resolution cannot be held; cut to "
             f"{clip.width}x{clip.height}")  # fmt: skip


def progressive(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` as progressive frames; a note if it is interlaced.

    MediaError for a variable format or size.
    """
    if clip.format is None or not clip.width:
        raise MediaError("the video changes its format or size; such video cannot be rendered")
    if _fields_at(clip, 0) or _fields_at(clip, clip.num_frames // 2):  # titles may be progressive
        note("the video is interlaced; new frames will show combs, deinterlace it first")
    return clip.std.SetFieldBased(0)


def _fields_at(clip: vs.VideoNode, number: int) -> bool:
    """Whether a frame is of two fields; one that cannot be read is not, and is told elsewhere."""
    with suppress(vs.Error), clip.get_frame(number) as frame:
        return bool(frame.props.get("_FieldBased"))
    return False


def to_rgb(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` (any format, constant size) as RGBS, by its `_Matrix` and `_Range`.

    Without `_Matrix`: BT.709 from 720 lines on, BT.601 below, as in players.
    """
    clip = progressive(clip)
    return without_colour_props(clip).resize.Bicubic(format=vs.RGBS, **resizer_arguments(clip))
