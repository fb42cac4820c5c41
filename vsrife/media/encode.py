"""Writing files: a clip as video, with the other streams of its source; and pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.timestamps import Times
from vsrife.messages import note

if TYPE_CHECKING:
    import av
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".mov": "mov"}
# Seconds before the first sound that decoders are given to warm up, 48 ms of AAC, 80 ms of Opus;
# hidden sound from before that was cut off
PRE_ROLL = 0.1
# FFmpeg says that it could write these, and then does not
REFUSED = {"mov": ("flac", "opus")}
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip
# What libx264 is given: VapourSynth's format -> FFmpeg's name
ENCODABLE = {
    int(vs.YUV420P8): "yuv420p",
    int(vs.YUV422P8): "yuv422p",
    int(vs.YUV444P8): "yuv444p",
    int(vs.YUV420P10): "yuv420p10",
    int(vs.YUV422P10): "yuv422p10",
    int(vs.YUV444P10): "yuv444p10",
}
# Frames being made at a time: enough to decode, convert and encode while a new frame is computed,
# and few, since an RGB frame of 4K is 100 MB.
_PREFETCH = 4
_TIMESTAMPS_ANYWHERE = 0x0200  # FFmpeg's AVFMT_TS_DISCONT: times in MPEG streams begin anywhere
_ABOUT_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file to write instead of `path`, beside it; takes its place at the end, or goes.

    MediaError, naming `path`, for what the system or FFmpeg refuses.
    """
    import av

    part = path.with_name(f".{path.name[:50]}.{os.getpid()}.part")  # names have 255 bytes at most
    try:
        yield part
        os.replace(part, path)
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """libx264's quality: crf 0 (lossless) ... 51, and how long it may look for savings."""

    crf: int = 18
    preset: str = "medium"


def write_video(
    clip: vs.VideoNode,
    path: Path,
    times: Times,
    encoding: Encoding,
    *,
    copy_from: Path | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:
    """Encode `clip` as H.264 into `path` (.mkv, .mp4 or .mov), which appears whole or not at all.

    clip: of a format in ENCODABLE; its `_Matrix`, `_Range`, `_Transfer`,
        `_Primaries` and `_SAR*` of frame 0 become the stream's tags.
    times: one tick per frame and one for the end.
    copy_from: a file whose sound, subtitles and attachments come along, packet by packet, their
        times counted from its `origin_of`.
    on_frame: called after each frame with the number of frames done.
    """
    import av

    with whole_file(path) as part, av.open(
        str(part.resolve()), "w", format=CONTAINERS[path.suffix.lower()]
    ) as target:  # fmt: skip
        stream = _add_video(target, clip, times, encoding)
        if copy_from is None:
            target.start_encoding()
            _encode(clip, target, stream, times, on_frame, iter(()))
        else:
            with av.open(str(copy_from.resolve())) as source:
                others = _copied_packets(source, target)
                target.start_encoding()  # now, since a folder may refuse the file
                _encode(clip, target, stream, times, on_frame, others)


def origin_of(source: InputContainer) -> Fraction:
    """The time in seconds that becomes 0: that of the first packet where times begin anywhere."""
    if source.format.flags & _TIMESTAMPS_ANYWHERE and source.start_time is not None:
        return Fraction(source.start_time, 1_000_000)
    return Fraction(0)


def _add_video(
    target: OutputContainer, clip: vs.VideoNode, times: Times, encoding: Encoding
) -> VideoStream:
    stream: VideoStream = target.add_stream(
        "libx264",
        rate=times.rate.limit_denominator(100_000),
        options={"crf": str(encoding.crf), "preset": encoding.preset},
    )
    context = stream.codec_context
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, _pixel_format(clip)
    stream.time_base = context.time_base = times.base
    with clip.get_frame(0) as frame:
        props = dict(frame.props)
    context.colorspace = int(props.get("_Matrix", vs.MATRIX_UNSPECIFIED))
    context.color_trc = int(props.get("_Transfer", vs.TRANSFER_UNSPECIFIED))
    context.color_primaries = int(props.get("_Primaries", vs.PRIMARIES_UNSPECIFIED))
    context.color_range = 2 if props.get("_Range") == vs.RANGE_FULL else 1  # FFmpeg's numbers
    if props.get("_SARNum", 0) > 0 and props.get("_SARDen", 0) > 0:
        context.sample_aspect_ratio = Fraction(props["_SARNum"], props["_SARDen"])
    return stream


def _pixel_format(clip: vs.VideoNode) -> str:
    return ENCODABLE[clip.format.id]


def _encode(
    clip: vs.VideoNode,
    target: OutputContainer,
    stream: VideoStream,
    times: Times,
    on_frame: Callable[[int], None],
    others: Iterator[tuple[Fraction, Packet[Any]]],
) -> None:
    """Encode all frames, with the packets of the other streams at their times between them."""
    waiting = next(others, None)
    name = _pixel_format(clip)
    for n, frame in enumerate(clip.frames(prefetch=_PREFETCH, backlog=_PREFETCH, close=True)):
        while waiting is not None and waiting[0] <= times.ticks[n] * times.base:
            target.mux(waiting[1])
            waiting = next(others, None)
        picture = _picture(frame, name)
        picture.pts, picture.time_base = times.ticks[n], times.base
        picture.duration = times.ticks[n + 1] - times.ticks[n]
        target.mux(stream.encode(picture))
        on_frame(n + 1)
    target.mux(stream.encode(None))
    while waiting is not None:
        target.mux(waiting[1])
        waiting = next(others, None)


def _picture(frame: vs.VideoFrame, pixel_format: str) -> av.VideoFrame:
    import av

    picture = av.VideoFrame(frame.width, frame.height, pixel_format)
    for index, plane in enumerate(picture.planes):
        rows = np.asarray(frame[index])
        into = np.frombuffer(plane, rows.dtype).reshape(plane.height, -1)  # rows end in padding
        into[:, : rows.shape[1]] = rows
    return picture


def _copied_packets(
    source: InputContainer, target: OutputContainer
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    """Add the other streams of `source` to `target`; gives their packets and times in seconds."""
    pairs = _add_copies(source, target)
    target.metadata.update(_kept(source.metadata))
    target.set_chapters(source.chapters())
    origin = origin_of(source)
    jumping: set[int] = set()

    def packets() -> Iterator[tuple[Fraction, Packet[Any]]]:
        latest: dict[int, int] = {}  # of each stream, in its own ticks
        streams = [stream for stream in source.streams if stream.index in pairs]
        for packet in source.demux(streams) if streams else ():
            if packet.pts is None and packet.dts is None:
                continue  # PyAV's mark for the end of a stream
            base = packet.time_base
            shift = round(origin * base.denominator / base.numerator)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            ticks = (packet.pts if packet.dts is None else packet.dts) or 0
            number = packet.stream.index
            if packet.is_discard and ticks * base < -PRE_ROLL:
                continue  # cut off by an edit list; would be heard before the picture begins
            if ticks < latest.get(number, ticks):
                # joined recordings; what jumps back cannot be written
                if number not in jumping:
                    note(f"stream {number}: times jump back; what does so is left out")
                jumping.add(number)
                continue
            latest[number] = ticks
            packet.stream = pairs[number]
            yield Fraction(ticks * base.numerator, base.denominator), packet

    return packets()


def _add_copies(source: InputContainer, target: OutputContainer) -> dict[int, Stream]:
    """Number of a stream in `source` -> its copy in `target`; one note for each that has none.

    Attachments are copied, too, but have no packets, and so no place here.
    """
    pairs: dict[int, Stream] = {}
    for stream in source.streams:
        if stream is source.streams.video[0]:
            continue
        codec = "?" if stream.codec_context is None else stream.codec_context.codec.canonical_name
        attached = stream.type == "attachment" and target.format.name == "matroska"
        known = stream.type in ("audio", "subtitle") and codec in target.supported_codecs
        known = known and codec not in REFUSED.get(target.format.name, ())
        if not (attached or known):
            what = stream.type if stream.type == "attachment" else f"{stream.type}, {codec}"
            note(f"stream {stream.index} ({what}) is left out, {target.format.name} cannot take it")
            continue
        copy = target.add_stream_from_template(stream)
        copy.metadata.update(_kept(stream.metadata))
        disposition: Any = stream.disposition.value  # older PyAV takes numbers only
        copy.disposition = disposition
        if known:
            pairs[stream.index] = copy
    return pairs


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    """What is said about the content, without what is said about the file that held it."""
    return {key: value for key, value in metadata.items() if key.lower() not in _ABOUT_THE_FILE}


def encode_png(clip: vs.VideoNode, path: Path) -> None:
    """Write frame 0 of an RGB24 clip as PNG; appears whole or not at all."""
    import av

    with clip.get_frame(0) as frame:
        rows = np.dstack([np.asarray(frame[plane]) for plane in range(3)])
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = clip.width, clip.height, "rgb24"
    encoder.time_base = Fraction(1)
    picture = av.VideoFrame.from_ndarray(rows, format="rgb24")
    picture.pts = 0
    data = b"".join(bytes(p) for p in [*encoder.encode(picture), *encoder.encode(None)])
    with whole_file(path) as part:
        part.write_bytes(data)
