"""Writing files: a clip as video, with the other streams of its source, and pictures."""

from __future__ import annotations

import errno
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs

from vsrife.media import streams
from vsrife.media.parts import whole_file
from vsrife.media.properties import Track, describe, stereo_options
from vsrife.media.timestamps import Times
from vsrife.messages import note

if TYPE_CHECKING:
    import av
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".mov": "mov"}
ENCODER = "libx264"
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip
# Formats that libx264 takes: VapourSynth's id -> FFmpeg's name
ENCODABLE = {
    int(vs.YUV420P8): "yuv420p",
    int(vs.YUV422P8): "yuv422p",
    int(vs.YUV444P8): "yuv444p",
    int(vs.YUV420P10): "yuv420p10",
    int(vs.YUV422P10): "yuv422p10",
    int(vs.YUV444P10): "yuv444p10",
}
# Errors of packets that do not fit a container: EINVAL, FFmpeg's AVERROR_INVALIDDATA
_UNFIT = (errno.EINVAL, 1094995529)
# Frames in flight: enough to decode, convert and encode while a new frame is computed, but few,
# since a 4K RGB frame has 100 MB
_PREFETCH = 4


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """libx264's settings: crf 0 (lossless) to 51; preset, one of `PRESETS`."""

    crf: int = 18
    preset: str = "medium"


Packets = Iterator[tuple[Fraction, "Packet[Any]"]]


@dataclass(frozen=True)
class Beside:
    """Other streams of the output: the file they come from, the number of its film, its track."""

    file: Path
    film: int
    track: Track


def write_video(
    clip: vs.VideoNode,
    path: Path,
    times: Times,
    encoding: Encoding,
    *,
    beside: Beside | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:
    """Encode `clip` as H.264 into `path` (.mkv, .mp4 or .mov), which appears whole or not at all.

    For the arguments see `write_part`, which writes into the given file itself.
    """
    with whole_file(path) as part:
        write_part(clip, part, times, encoding, CONTAINERS[path.suffix.lower()], beside, on_frame)


def write_part(
    clip: vs.VideoNode,
    part: Path,
    times: Times,
    encoding: Encoding,
    container: str,
    beside: Beside | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:
    """Encode `clip` as H.264 into `part`, in format `container`.

    clip: in a format of ENCODABLE; the properties of frame 0 are written by properties.ROWS.
    times: one tick per frame and one for the end.
    beside: a file whose audio, subtitles, covers and attachments are copied, packet by packet, with
        times from its `origin_of`.
    on_frame: called after each frame with the number of finished frames.
    """
    import av

    with ExitStack() as stack:
        target = stack.enter_context(av.open(str(part), "w", format=container))
        track = Track() if beside is None else beside.track
        stream = _add_video(target, clip, times, encoding, track, container)
        others: Packets = iter(())
        covers: list[tuple[Packet[Any], Stream]] = []
        if beside is not None:
            source = stack.enter_context(av.open(str(beside.file.resolve())))
            others, covers = _add_others(source, beside, target, stack, container)
        target.start_encoding()  # early, to fail early in a folder that is not writable
        for packet, copy in covers:
            streams.mux_copy(packet, copy, target)
        _encode(clip, target, stream, times, on_frame, others)


def _add_others(
    source: InputContainer,
    beside: Beside,
    target: OutputContainer,
    stack: ExitStack,
    container: str,
) -> tuple[Packets, list[tuple[Packet[Any], Stream]]]:
    """Add the other streams, tags and chapters; returns packets to copy, and covers."""
    import av

    first = stack.enter_context(av.open(str(beside.file.resolve())))
    pairs: dict[int, Stream] = {}
    covers = []
    for kept in streams.choose(first, first.streams[beside.film], container):
        copy = streams.add_copy(kept, target)
        if copy is None:
            continue
        if streams.is_cover(kept.stream) and kept.first is not None:
            covers.append((kept.first, copy))
        else:
            pairs[kept.stream.index] = copy
    target.metadata.update(streams.about(source.metadata))
    target.set_chapters(source.chapters())
    return streams.copied_packets(source, pairs), covers


def _add_video(
    target: OutputContainer,
    clip: vs.VideoNode,
    times: Times,
    encoding: Encoding,
    track: Track,
    container: str,
) -> VideoStream:
    with clip.get_frame(0) as frame:
        fields, parameters = describe(dict(frame.props), ENCODER)
    tags, stereo = stereo_options(track, container)
    options = {"crf": str(encoding.crf), "preset": encoding.preset}
    if parameters or stereo:
        options["x264-params"] = ":".join(filter(None, (parameters, stereo)))
    encoder: Any = ENCODER  # Any: PyAV's types lack this name
    stream: VideoStream = target.add_stream(
        encoder, rate=times.rate.limit_denominator(100_000), options=options
    )
    context = stream.codec_context
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, _pixel_format(clip)
    stream.time_base = context.time_base = times.base
    for name, value in fields.items():
        setattr(context, name, value)
    stream.metadata.update(track.tags | tags)
    disposition: Any = track.disposition
    stream.disposition = disposition
    return stream


def _pixel_format(clip: vs.VideoNode) -> str:
    return ENCODABLE[clip.format.id]


def _encode(
    clip: vs.VideoNode,
    target: OutputContainer,
    stream: VideoStream,
    times: Times,
    on_frame: Callable[[int], None],
    others: Packets,
) -> None:
    """Encode all frames, interleaved with the packets of the other streams by time."""
    waiting, refused = next(others, None), set[int]()
    name = _pixel_format(clip)
    for n, frame in enumerate(clip.frames(prefetch=_PREFETCH, backlog=_PREFETCH, close=True)):
        while waiting is not None and waiting[0] <= times.ticks[n] * times.base:
            _mux_other(waiting[1], target, refused)
            waiting = next(others, None)
        picture = _picture(frame, name)
        picture.pts, picture.time_base = times.ticks[n], times.base
        target.mux(_lasting(stream.encode(picture), times))
        on_frame(n + 1)
    target.mux(_lasting(stream.encode(None), times))
    while waiting is not None:
        _mux_other(waiting[1], target, refused)
        waiting = next(others, None)


def _lasting(packets: list[Packet[Any]], times: Times) -> list[Packet[Any]]:
    """The packets with the durations of their frames; the encoder gives all the same one."""
    for packet in packets:
        if packet.pts is not None:
            n = bisect_left(times.ticks, packet.pts)
            packet.duration = times.ticks[n + 1] - times.ticks[n]
    return packets


def _mux_other(packet: Packet[Any], target: OutputContainer, refused: set[int]) -> None:
    """Write a packet of another stream; skip it, with a note, if the container refuses it."""
    import av

    number = packet.stream_index
    try:
        target.mux(packet)
    except av.FFmpegError as error:
        if error.errno not in _UNFIT:
            raise
        if number not in refused:
            note(f"OUT's stream {number}: packets that do not fit are left out ({error.strerror})")
        refused.add(number)


def _picture(frame: vs.VideoFrame, pixel_format: str) -> av.VideoFrame:
    import av

    picture = av.VideoFrame(frame.width, frame.height, pixel_format)
    for index, plane in enumerate(picture.planes):
        rows = np.asarray(frame[index])
        into = np.frombuffer(plane, rows.dtype).reshape(plane.height, -1)  # with padding
        into[:, : rows.shape[1]] = rows
    return picture


def encode_png(clip: vs.VideoNode, path: Path) -> None:
    """Write frame 0 of an RGB24 clip as PNG; the file appears whole or not at all."""
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
