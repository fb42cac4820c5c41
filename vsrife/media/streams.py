"""Which streams a file has, which of them a container takes, and copying those.

Nothing here knows names of codecs: the container's own writer is asked, into nowhere.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.media.packets import as_fraction
from vsrife.messages import note

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

# Seconds before the first sound that decoders are given to warm up, 48 ms of AAC, 80 ms of Opus;
# hidden sound from before that was cut off
PRE_ROLL = 0.1
_ATTACHED = 0x0400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC
_DEFAULT = 0x0001
_TIMESTAMPS_ANYWHERE = 0x0200  # FFmpeg's AVFMT_TS_DISCONT: times in MPEG streams begin anywhere
_ABOUT_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
_LOOKED_AT = 3000  # packets that are read to tell a film from a picture
_TRIED = 2000  # packets that are read to find the first one of each stream


def origin_of(source: InputContainer) -> Fraction:
    """The time in seconds that becomes 0: that of the first packet where times begin anywhere."""
    if source.format.flags & _TIMESTAMPS_ANYWHERE and source.start_time is not None:
        return Fraction(source.start_time, 1_000_000)
    return Fraction(0)


def is_cover(stream: Stream) -> bool:
    """Whether a video stream is a picture that belongs to the file, and not a film."""
    return stream.type == "video" and bool(stream.disposition.value & _ATTACHED)


def film_of(source: InputContainer) -> Any:
    """The video stream that is the film, or None: moving, by default, the longest; never a cover.

    The container is read from its begin where there is a choice; seek to use it further.
    """
    films = [s for s in source.streams.video if not is_cover(s)]
    if len(films) < 2:
        return films[0] if films else None
    packets = _first_packets(source, films)
    source.seek(0)
    return max(
        films,
        key=lambda s: (packets[s.index] > 1, s.disposition.value & _DEFAULT, _length(s), -s.index),
    )


def _first_packets(source: InputContainer, streams: list[Any]) -> dict[int, int]:
    """How many packets each stream has among the first ones; 2 is enough to know."""
    import av

    count = dict.fromkeys((stream.index for stream in streams), 0)
    try:
        for number, packet in enumerate(source.demux(streams)):
            count[packet.stream_index] += bool(packet.size)
            if number > _LOOKED_AT or all(found > 1 for found in count.values()):
                break
    except (OSError, av.FFmpegError):
        pass  # what is left is damaged
    return count


def _length(stream: Any) -> Fraction:
    if stream.duration:
        return int(stream.duration) * as_fraction(stream.time_base)
    said = {key.upper(): value for key, value in stream.metadata.items()}.get("DURATION", "")
    try:  # Matroska's tag, "00:01:02.345000000"
        hours, minutes, seconds = said.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return Fraction(0)


def about(metadata: dict[str, str]) -> dict[str, str]:
    """What is said about the content, without what is said about the file that held it."""
    return {key: value for key, value in metadata.items() if key.lower() not in _ABOUT_THE_FILE}


def named(stream: Stream) -> str:
    """A stream in words: its number, kind and codec."""
    codec = "?"
    if stream.codec_context is not None:
        codec = stream.codec_context.codec.canonical_name
    elif stream.type == "data":
        codec = stream.name or "?"
    what = stream.type if stream.type == "attachment" else f"{stream.type}, {codec}"
    return f"stream {stream.index} ({'cover' if is_cover(stream) else what})"


@dataclass(frozen=True)
class Kept:
    """A stream that the container takes; `first` is its first packet, if one was found soon."""

    stream: Stream
    first: Packet[Any] | None


def choose(source: InputContainer, film: Stream, container: str) -> list[Kept]:
    """The streams beside the film that `container` takes; a note for each that it does not.

    Reads the first packets of `source`, so use another one for copying.
    """
    others = [s for s in source.streams if s.index != film.index and not _said_elsewhere(s, source)]
    first = _one_packet_each(source, others)
    kept = []
    for stream in others:
        reason = refusal(stream, first.get(stream.index), container)
        if reason is None:
            kept.append(Kept(stream, first.get(stream.index)))
            continue
        way = f"ffmpeg -map 0:{stream.index} -c copy saves it on its own"
        if container != "matroska" and refusal(stream, first.get(stream.index), "matroska") is None:
            way = "an OUT that ends in .mkv keeps it"
        note(f"{named(stream)} is left out: {container} does not take it ({reason}); {way}")
    return kept


def _said_elsewhere(stream: Stream, source: InputContainer) -> bool:
    """Whether a stream of .mov only carries what is kept as chapters, or as the film's timecode."""
    if stream.type != "data":
        return False
    return "timecode" in stream.metadata or (stream.name == "bin_data" and bool(source.chapters()))


def _one_packet_each(source: InputContainer, streams: list[Stream]) -> dict[int, Packet[Any]]:
    import av

    first: dict[int, Packet[Any]] = {}
    wanted = [s for s in streams if s.type != "attachment"]
    try:
        for number, packet in enumerate(source.demux(wanted) if wanted else ()):
            if packet.size:
                first.setdefault(packet.stream_index, packet)
            if number > _TRIED or len(first) == len(wanted):
                break
    except (OSError, av.FFmpegError):
        pass  # damaged from here on
    return first


def refusal(stream: Stream, first: Packet[Any] | None, container: str) -> str | None:
    """Why a container does not take a stream; None if it does.

    Asked by writing a file into nowhere: a film of one small frame, the stream, its first packet.
    """
    import av

    if is_cover(stream) and first is None:
        return "the picture cannot be read"
    try:
        with av.open(io.BytesIO(), "w", format=container) as target:
            film = target.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            film.width, film.height, film.pix_fmt = 16, 16, "yuv420p"
            copy = add_copy(Kept(stream, first), target)
            target.start_encoding()
            if first is not None and copy is not None:
                mux_copy(_twin(first), copy, target)
            picture = av.VideoFrame(16, 16, "yuv420p")
            picture.pts = 0
            target.mux([*film.encode(picture), *film.encode(None)])
        return None
    except ValueError:  # before FFmpeg is asked, and not always as it would answer
        return "PyAV does not hand it over"
    except (av.FFmpegError, OSError) as error:
        return str(error.strerror or error).partition(" returned ")[0]


def _twin(packet: Packet[Any]) -> Packet[Any]:
    """The same content at time 0, in a packet that may be changed."""
    import av

    twin = av.Packet(bytes(packet))
    twin.time_base = packet.time_base
    twin.pts = twin.dts = 0
    twin.duration, twin.is_keyframe = packet.duration, packet.is_keyframe
    return twin


def add_copy(kept: Kept, target: OutputContainer) -> Stream | None:
    """Add a stream to be copied; None if it has no packets, as attachments.

    Matroska has covers as attachments, others as a stream of one picture.
    """
    stream = kept.stream
    if is_cover(stream) and kept.first is not None and target.format.name == "matroska":
        kind = stream.codec_context.codec.canonical_name
        kind = {"mjpeg": "jpeg"}.get(kind, kind)
        name = stream.metadata.get("filename") or f"cover.{'jpg' if kind == 'jpeg' else kind}"
        mime = stream.metadata.get("mimetype") or f"image/{kind}"
        target.add_attachment(name, mime, bytes(kept.first))
        return None
    # opaque: as it is, also where FFmpeg has no encoder of that name
    copy = target.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(about(stream.metadata))
    disposition: Any = stream.disposition.value  # older PyAV takes numbers only
    copy.disposition = disposition
    return None if stream.type == "attachment" else copy


def mux_copy(packet: Packet[Any], copy: Stream, target: OutputContainer) -> None:
    packet.stream = copy
    target.mux(packet)


def copied_packets(
    source: InputContainer, pairs: dict[int, Stream]
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    """The packets of streams that are copied, each with its time in seconds.

    pairs: number of a stream in `source` -> its copy. Times are counted from `origin_of(source)`.
    """
    origin = origin_of(source)
    jumping: set[int] = set()
    latest: dict[int, int] = {}  # of each stream, in its own ticks
    streams = [stream for stream in source.streams if stream.index in pairs]
    for packet in _readable(source, streams):
        if packet.pts is None and packet.dts is None:
            continue  # PyAV's mark for the end of a stream
        base = as_fraction(packet.time_base)
        shift = round(origin / base)
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
        yield ticks * base, packet


def _readable(source: InputContainer, streams: list[Stream]) -> Iterator[Packet[Any]]:
    """Packets as far as they can be read; what is damaged beyond that has been told of before."""
    import av

    if streams:
        with suppress(av.FFmpegError):
            yield from source.demux(streams)
