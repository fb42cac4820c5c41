"""The streams of a file: which ones a container can hold, and copying these.

There is no list of codecs here: a trial file in memory shows what the container's writer accepts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.media.tracks.packets import as_fraction, start_of
from vsrife.media.tracks.window import Window as Window
from vsrife.media.tracks.window import chapters_of, cut_to
from vsrife.messages import note
from vsrife.system.quoting import quoted

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

# Seconds of audio before time 0 that decoders need to warm up: 48 ms for AAC, 80 ms for Opus.
# Hidden audio before that was cut off
PRE_ROLL = Fraction(1, 10)
_ATTACHED = 0x0400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC
_DEFAULT = 0x0001
_TIMESTAMPS_ANYWHERE = 0x0200  # FFmpeg's AVFMT_TS_DISCONT: times of MPEG streams begin anywhere
_FILE_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
_COUNTS = re.compile(
    r"(NUMBER_OF_(FRAMES|BYTES)|BPS|DURATION|_STATISTICS_\w+)(-\w+)?$", re.IGNORECASE
)
_FILM_PACKETS = 3000  # packets that are read to distinguish a film from a picture
_FIRST_PACKETS = 2000  # packets that are read to find the first one of each stream
_ROOMIER = {"matroska": ".mkv", "mov": ".mov"}  # containers that hold most, and their endings
_NOT_COPIED = "PyAV cannot copy it"
_TRIAL_FILMS = {"webm": "libvpx"}  # where a container takes no H.264


def origin_of(source: InputContainer) -> Fraction:
    """The time that becomes 0, in seconds: that of the first packet if times begin anywhere."""
    anywhere = source.format.flags & _TIMESTAMPS_ANYWHERE
    return start_of(source) if anywhere else Fraction(0)


def is_cover(stream: Stream) -> bool:
    """Whether a video stream is the cover picture of the file, and not a film."""
    return stream.type == "video" and bool(stream.disposition.value & _ATTACHED)


def film_of(source: InputContainer) -> Any:
    """The video stream of the film: moving, else default, else the longest; None: only covers.

    Reads `source` and seeks back to its begin if there are several.
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
    """Number of packets of each stream among the first ones, counted up to about 2."""
    import av

    count = dict.fromkeys((stream.index for stream in streams), 0)
    try:
        for number, packet in enumerate(source.demux(streams)):
            count[packet.stream_index] += bool(packet.size)
            if number > _FILM_PACKETS or all(found > 1 for found in count.values()):
                break
    except (OSError, av.FFmpegError):
        pass  # the rest is damaged
    return count


def _length(stream: Any) -> Fraction:
    if stream.duration:
        return int(stream.duration) * as_fraction(stream.time_base)
    tag = {key.upper(): value for key, value in stream.metadata.items()}.get("DURATION", "")
    try:  # Matroska writes "00:01:02.345000000"
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return Fraction(0)


def about(metadata: dict[str, str]) -> dict[str, str]:
    """Tags of the content, without those of the file itself and mkvmerge's counts of what was in
    it."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _FILE_TAGS and not _COUNTS.match(key)
    }


def named(stream: Stream) -> str:
    """A stream in words: number, type and codec."""
    codec = "?"
    if stream.codec_context is not None:
        codec = stream.codec_context.codec.canonical_name
    elif stream.type == "data":
        codec = stream.name or "?"
    what = stream.type if stream.type == "attachment" else f"{stream.type}, {codec}"
    return f"stream {stream.index} ({'cover' if is_cover(stream) else what})"


@dataclass(frozen=True)
class Kept:
    """A stream that the container can hold; first: its first packet, None if it comes late."""

    stream: Stream
    first: Packet[Any] | None


def choose(source: InputContainer, film: Stream, container: str) -> list[Kept]:
    """The other streams that `container` can hold; a note for each that it cannot.

    Reads the first packets of `source`; open the file again for copying.
    """
    others = [s for s in source.streams if s.index != film.index and not _is_redundant(s, source)]
    first = _one_packet_each(source, others)
    kept = []
    for stream in others:
        reason = refusal(stream, first.get(stream.index), container)
        if reason is None:
            kept.append(Kept(stream, first.get(stream.index)))
            continue
        way = _way_out(source.name, stream, first.get(stream.index), container)
        why = f"{container} does not take it ({reason})"
        if reason == _NOT_COPIED:
            why = f"it cannot be copied into {container}"
        note(f"{named(stream)} is left out: {why}; {way}")
    return kept


def _way_out(file: str, stream: Stream, first: Packet[Any] | None, container: str) -> str:
    """How a stream that `container` cannot hold is kept: in another one, or by a command."""
    for other, ending in _ROOMIER.items():
        if other != container and refusal(stream, first, other) is None:
            return f"an OUT that ends in {ending} keeps it"
    # NUT holds any sound and text, and data are written as they are
    target = f"stream{stream.index}.nut"
    target = f"-f data stream{stream.index}.bin" if stream.type == "data" else target
    return f"`ffmpeg -i {quoted(file)} -map 0:{stream.index} -c copy {target}` saves it on its own"


def _is_redundant(stream: Stream, source: InputContainer) -> bool:
    """Whether a data stream of .mov repeats the chapters or the film's timecode."""
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
            if number > _FIRST_PACKETS or len(first) == len(wanted):
                break
    except (OSError, av.FFmpegError):
        pass  # damaged from here on
    return first


def refusal(stream: Stream, first: Packet[Any] | None, container: str) -> str | None:
    """Why a container cannot hold a stream; None if it can.

    Writes a trial file in memory: a film of one small frame, and the stream with its first packet.
    """
    import av

    if is_cover(stream) and first is None:
        return "the picture cannot be read"
    try:
        with av.open(io.BytesIO(), "w", format=container) as target:
            codec: Any = _TRIAL_FILMS.get(container, "libx264")
            film: Any = target.add_stream(codec, rate=25)
            film.width, film.height, film.pix_fmt = 16, 16, "yuv420p"
            copy = add_copy(Kept(stream, first), target)
            target.start_encoding()
            if first is not None and copy is not None:
                mux_copy(_copy_at(first, Fraction(0)), copy, target)
            picture = av.VideoFrame(16, 16, "yuv420p")
            picture.pts = 0
            target.mux([*film.encode(picture), *film.encode(None)])
        return None
    except ValueError:  # PyAV refuses some streams that FFmpeg would take
        return _NOT_COPIED
    except (av.FFmpegError, OSError) as error:
        return str(error.strerror or error).partition(" returned ")[0]


def _copy_at(packet: Packet[Any], seconds: Fraction) -> Packet[Any]:
    """A copy of a packet at another time; muxing changes it, not the original."""
    import av

    copy = av.Packet(bytes(packet))
    copy.time_base = packet.time_base
    copy.pts = copy.dts = round(seconds / as_fraction(packet.time_base))
    copy.duration, copy.is_keyframe = packet.duration, packet.is_keyframe
    return copy


def add_copy(kept: Kept, target: OutputContainer) -> Stream | None:
    """Add a stream that is copied; None if it needs no packets, such as an attachment.

    A cover is an attachment in Matroska, a stream of one picture elsewhere.
    """
    stream = kept.stream
    if is_cover(stream) and kept.first is not None and target.format.name == "matroska":
        kind = stream.codec_context.codec.canonical_name
        kind = {"mjpeg": "jpeg"}.get(kind, kind)
        name = stream.metadata.get("filename") or f"cover.{'jpg' if kind == 'jpeg' else kind}"
        mime = stream.metadata.get("mimetype") or f"image/{kind}"
        target.add_attachment(name, mime, bytes(kept.first))
        return None
    with _brief(kept) as template:
        # opaque: copies even codecs that FFmpeg cannot encode
        copy = target.add_stream_from_template(template, opaque=True)
    copy.metadata.update(about(stream.metadata))
    disposition: Any = stream.disposition.value  # older PyAV takes numbers only
    copy.disposition = disposition
    return None if stream.type == "attachment" else copy


@contextmanager
def _brief(kept: Kept) -> Iterator[Stream]:
    """The stream, or one like it whose header lets players skip hardly more than PRE_ROLL.

    Where a film was cut without encoding it anew, much sound before the cut is there and hidden,
    seconds of it. In Matroska so much longer would the film seem to be. PyAV does not set what is
    skipped, but reads it from a trial file in memory, in which sound begins before time 0.
    """
    import av

    memory = io.BytesIO()
    stream, skipped = kept.stream, _skipped(kept.stream)
    if skipped <= PRE_ROLL or not _is_written(kept, skipped, memory):
        yield stream
        return
    with av.open(memory) as source:
        yield source.streams[0]


def _is_written(kept: Kept, skipped: Fraction, memory: io.BytesIO) -> bool:
    """Whether a trial file with the stream's first packet could be written into `memory`.

    Of what players skip, there are as many whole packets less as still leave PRE_ROLL.
    """
    import av

    first = kept.first
    if first is None or not first.duration:
        return False
    step = first.duration * as_fraction(first.time_base)
    skipped -= (skipped - PRE_ROLL) // step * step
    try:
        with av.open(memory, "w", format="mov") as trial:
            copy = trial.add_stream_from_template(kept.stream, opaque=True)
            mux_copy(_copy_at(first, -skipped), copy, trial)
    except (ValueError, av.FFmpegError, OSError):  # a codec that .mov does not hold
        return False
    memory.seek(0)
    return True


def _skipped(stream: Stream) -> Fraction:
    """Seconds of a stream's first sound that players skip, as its header says."""
    context: Any = stream.codec_context
    if stream.type != "audio" or context is None or not context.sample_rate:
        return Fraction(0)
    return Fraction(context.initial_padding, context.sample_rate)


def mux_copy(packet: Packet[Any], copy: Stream, target: OutputContainer) -> None:
    """Write a packet to the stream `copy` of `target`; changes the packet."""
    packet.stream = copy
    target.mux(packet)


def chapters_in(source: InputContainer, window: Window | None) -> list[Any]:
    """The chapters of a file, or those parts of them that are in a window."""
    return chapters_of(source, window, origin_of(source))


def copied_packets(
    source: InputContainer, pairs: dict[int, Stream], window: Window | None = None
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    """The packets of copied streams, each with its time in seconds from `origin_of(source)`.

    pairs: number of a stream in `source` -> its copy. window: the part of the file that is wanted;
    times count from its begin.
    """
    origin = origin_of(source)
    jumping: set[int] = set()
    latest: dict[int, int] = {}  # of each stream, in its own ticks
    streams = [stream for stream in source.streams if stream.index in pairs]
    # as much must be there before time 0 as the copy's header says, or sound after it is lost
    skipped = {number: _skipped(copy) for number, copy in pairs.items()}
    for packet in _readable(source, streams):
        if packet.pts is None and packet.dts is None:
            continue  # PyAV ends a stream with an empty packet
        base = as_fraction(packet.time_base)
        shift = round(origin / base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        number = packet.stream.index
        if window is not None and not cut_to(packet, window, skipped[number]):
            continue
        ticks = (packet.pts if packet.dts is None else packet.dts) or 0
        if packet.is_discard and ticks * base < -max(PRE_ROLL, skipped[number]):
            continue  # cut off by an edit list; it would play before the picture
        if ticks < latest.get(number, ticks):
            # joined recordings; packets that jump back cannot be written
            if number not in jumping:
                note(f"stream {number}: times jump back; packets that do so are left out")
            jumping.add(number)
            continue
        latest[number] = ticks
        packet.stream = pairs[number]
        yield ticks * base, packet


def _readable(source: InputContainer, streams: list[Stream]) -> Iterator[Packet[Any]]:
    """Packets up to the first damage; `media.source` has already noted the damage."""
    import av

    if streams:
        with suppress(av.FFmpegError):
            yield from source.demux(streams)
