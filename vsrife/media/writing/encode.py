"""Writing files: a clip as video, with the other streams of its source, and a picture."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.parts import whole_file
from vsrife.media.properties import Track, describe, stereo_options
from vsrife.media.stills.image_writer import encode_png as encode_png
from vsrife.media.timestamps import Times
from vsrife.media.tracks.others import Beside as Beside
from vsrife.media.tracks.others import OtherStreams, plan_others
from vsrife.media.writing import elementary, encoder_threads, encoder_trial, sized
from vsrife.media.writing.av_frames import packed
from vsrife.media.writing.av_frames import picture as _picture
from vsrife.media.writing.convert import has_alpha, planar_name
from vsrife.media.writing.encoder_table import CONTAINERS as ALL_CONTAINERS
from vsrife.media.writing.encoding import Encoding as Encoding
from vsrife.media.writing.muxing import Output, open_target, prepared, tag
from vsrife.media.writing.palette import Palette
from vsrife.media.writing.webp_end import ending_at
from vsrife.messages import note

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".mov": "mov"}
# Formats with ticks of their own: GIF counts in 1/100 s, WebP in 1/1000 s
# Ticks of containers that have their own, and the fewest of a frame: players show a GIF's frame of
# one tick for ten
_TICKS = {"gif": (Fraction(1, 100), 2), "webp": (Fraction(1, 1000), 1)}
_FRAME_FIELDS = ("colorspace", "color_range", "color_trc", "color_primaries")
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip
# Frames in flight: enough to decode, convert and encode while a new frame is computed, but few,
# since a 4K RGB frame has 100 MB
_PREFETCH = 4


def write_video(
    clip: vs.VideoNode,
    path: Path,
    times: Times,
    encoding: Encoding,
    *,
    beside: Beside | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:
    """Encode `clip` into `path` (ending: of CONTAINERS), which appears whole or not at all.

    For the arguments see `write_part`, which writes into the given file itself.
    """
    with whole_file(path) as part:
        container = ALL_CONTAINERS[path.suffix.lower()]
        write_part(clip, part, times, encoding, container, beside, on_frame)


def write_part(
    clip: vs.VideoNode,
    part: Path,
    times: Times,
    encoding: Encoding,
    container: str,
    beside: Beside | None = None,
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:
    """Encode `clip` into `part`, in format `container` (FFmpeg's name).

    clip: in a format of the encoder (`convert.for_encoding`); the properties of frame 0 are written
        by properties.ROWS. GIF and an exact size read it more than once.
    times: one tick per frame and one for the end.
    beside: a file whose audio, subtitles, covers and attachments are copied, packet by packet, with
        times from its `origin_of`, or converted as `encoding` says.
    on_frame: called after each frame with the number of finished frames, in every pass.
    """
    with ExitStack() as stack:
        plan = plan_others(beside, container, encoding, stack)
        if encoding.pipe:
            elementary.write(clip, part, times, encoding.pipe, container, plan, on_frame)
            return
        output = Output(container, plan, _track(beside), silent=_is_part(beside))
        if encoding.max_size is None:
            _write(clip, part, times, encoding, output, on_frame)
            return

        def run(passed: Encoding, file: Path, silent: bool) -> int:
            return _write(clip, file, times, passed, replace(output, silent=silent), on_frame)

        seconds = (times.ticks[-1] - times.ticks[0]) * times.base
        sized.write(encoding, part, seconds, run, plan)


def _track(beside: Beside | None) -> Track:
    """The track of the film; that of a part without the timecode, which is of another frame."""
    if beside is None:
        return Track()
    track, window = beside.track, beside.window
    if window is None or not window[0] or "timecode" not in track.tags:
        return track
    note(f"timecode {track.tags['timecode']} is left out: it is that of the source's first frame")
    return replace(track, tags={k: v for k, v in track.tags.items() if k != "timecode"})


def _is_part(beside: Beside | None) -> bool:
    """Whether a part of a film is written, which says nothing: the whole says it once."""
    return beside is not None and beside.file is None


def _write(
    clip: vs.VideoNode,
    part: Path,
    times: Times,
    encoding: Encoding,
    output: Output,
    on_frame: Callable[[int], None],
) -> int:
    """Encode in one pass; gives the bytes of the film's packets."""
    times = _rounded(times, output.container)
    with _opened(clip, part, times, encoding, output) as (target, stream, others):
        return _encode(clip, target, stream, times, encoding, on_frame, others)


def _rounded(times: Times, container: str) -> Times:
    """Times in the ticks of a container that has its own, rounded each for itself; frames that are
    closer together than it allows go on later, until they have caught up."""
    if container not in _TICKS:
        return times
    base, least = _TICKS[container]
    ticks: list[int] = []
    for tick in times.ticks:
        rounded = round(tick * times.base / base)
        ticks.append(max(rounded, ticks[-1] + least) if ticks else rounded)
    return Times(base, ticks)


def join_part(
    clip: vs.VideoNode,
    part: Path,
    times: Times,
    encoding: Encoding,
    container: str,
    beside: Beside | None,
    film: Callable[[bytes], Iterator[Packet[Any]]],
) -> None:
    """As `write_part`, with the packets of a film that is already encoded.

    film: makes the packets, in decoding order, from the encoder's header (its extradata), with
        which they must have been made.
    """
    with ExitStack() as stack:
        plan = plan_others(beside, container, encoding, stack)
        output = Output(container, plan, _track(beside), silent=_is_part(beside))
        opened = _opened(clip, part, times, encoding, output)
        target, stream, others = stack.enter_context(opened)
        for packet in film(bytes(stream.codec_context.extradata or b"")):
            others.until((packet.dts or 0) * times.base)
            packet.stream = stream
            target.mux(packet)
        others.rest()


@contextmanager
def _opened(
    clip: vs.VideoNode, part: Path, times: Times, encoding: Encoding, output: Output
) -> Iterator[tuple[OutputContainer, VideoStream, OtherStreams]]:
    """The open output, its film, and the other streams."""
    with ExitStack() as stack:
        stack.enter_context(encoder_trial.quiet())
        with encoder_threads.ordinary():
            target = stack.enter_context(open_target(part, output.container))
            stream = _add_video(target, clip, times, encoding, output)
            others = prepared(target, output.plan, stack)
        yield target, stream, others


def _add_video(
    target: OutputContainer,
    clip: vs.VideoNode,
    times: Times,
    encoding: Encoding,
    output: Output,
) -> VideoStream:
    row, planar = encoding.row, _pixel_format(clip, encoding)
    with clip.get_frame(0) as frame:
        fields, parameters = describe(dict(frame.props), row.codec, silent=output.silent)
    if planar.startswith("gbr"):
        fields |= {"colorspace": 0, "color_range": 2}  # RGB has no matrix and full range
    tags, stereo = stereo_options(output.track, output.container, row.codec, silent=output.silent)
    own = ":".join(filter(None, (parameters, stereo)))
    encoder: Any = row.codec  # Any: PyAV's types lack this name
    stream: VideoStream = target.add_stream(
        encoder,
        rate=times.rate.limit_denominator(100_000),
        options=encoder_trial.options_of(encoding, planar, own),
    )
    context = stream.codec_context
    stream.width, stream.height = clip.width, clip.height
    stream.pix_fmt = "pal8" if row.codec == "gif" else row.formats[planar]
    stream.time_base = context.time_base = times.base
    tag(stream, output.container)
    if encoding.bitrate is not None:
        stream.bit_rate = encoding.bitrate
    for name, value in fields.items():
        setattr(context, name, value)
    stream.metadata.update(output.track.tags | tags)
    disposition: Any = output.track.disposition
    stream.disposition = disposition
    return stream


def _pixel_format(clip: vs.VideoNode, encoding: Encoding) -> str:
    """FFmpeg's name for the planes of the clip, with alpha if the encoder keeps it."""
    formats = encoding.row.formats
    with_alpha = planar_name(clip.format, alpha=True)
    if with_alpha in formats and has_alpha(clip):
        return with_alpha
    name = planar_name(clip.format)
    if name not in formats:
        raise MediaError(f"{encoding.encoder} does not take {clip.format.name}; see for_encoding")
    return name


def _encode(
    clip: vs.VideoNode,
    target: OutputContainer,
    stream: VideoStream,
    times: Times,
    encoding: Encoding,
    on_frame: Callable[[int], None],
    others: OtherStreams,
) -> int:
    """Encode all frames, interleaved with the packets of the other streams by time."""
    size = 0
    planar = _pixel_format(clip, encoding)
    own = encoding.row.formats[planar]
    codec = stream.codec_context.name
    palette = _palette(clip, planar, own, times) if codec == "gif" else None

    def mux(packets: list[Packet[Any]]) -> None:
        nonlocal size
        packets = _ended(packets, times) if codec == "libwebp_anim" else _lasting(packets, times)
        size += sum(packet.size for packet in packets)
        target.mux(packets)

    for n, frame in enumerate(clip.frames(prefetch=_PREFETCH, backlog=_PREFETCH, close=True)):
        others.until(times.ticks[n] * times.base)
        picture = packed(_picture(frame, planar), own)
        picture.pts, picture.time_base = times.ticks[n], times.base
        for name in _FRAME_FIELDS:  # ProRes reads them here
            setattr(picture, name, getattr(stream.codec_context, name))
        for each in [picture] if palette is None else palette.apply(picture):
            mux(stream.encode(each))
        on_frame(n + 1)
    for each in [] if palette is None else palette.apply(None):
        mux(stream.encode(each))
    mux(stream.encode(None))
    others.rest()
    return size


def _palette(clip: vs.VideoNode, name: str, own: str, times: Times) -> Palette:
    """The palette of a whole film; reads it once."""
    palette = Palette(clip.width, clip.height, times.base)
    frames = clip.frames(prefetch=_PREFETCH, backlog=_PREFETCH, close=True)
    palette.learn(packed(_picture(frame, name), own) for frame in frames)
    return palette


def _lasting(packets: list[Packet[Any]], times: Times) -> list[Packet[Any]]:
    """The packets with the durations of their frames; the encoder gives all the same one.

    Of one or two frames, none is decoded early. There x265's decoding times are what was in memory.
    """
    for packet in packets:
        if len(times.ticks) - 1 <= 2:
            packet.dts = packet.pts
        if packet.pts is not None:
            n = bisect_left(times.ticks, packet.pts)
            packet.duration = times.ticks[n + 1] - times.ticks[n]
    return packets


def _ended(packets: list[Packet[Any]], times: Times) -> list[Packet[Any]]:
    """A whole animation, in one packet, as long as its frames."""
    import av

    length = round((times.ticks[-1] - times.ticks[0]) * times.base * 1000)
    made = []
    for packet in packets:
        new = av.Packet(ending_at(bytes(packet), length))
        new.stream, new.pts, new.dts = packet.stream, packet.pts, packet.dts
        new.time_base, new.duration, new.is_keyframe = packet.time_base, packet.duration, True
        made.append(new)
    return made
