"""A film that another program encoded: its packets get the times and colour tags of the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.parts import scratch_folder
from vsrife.media.properties import describe
from vsrife.media.timestamps import Times
from vsrife.media.tracks.others import Plan
from vsrife.media.writing import piped
from vsrife.media.writing.muxing import open_target, prepared, tag
from vsrife.messages import counted

if TYPE_CHECKING:
    from av.packet import Packet

_H26X = {
    "color_primaries": "colour_primaries", "color_trc": "transfer_characteristics",
    "colorspace": "matrix_coefficients",
}  # fmt: skip
# FFmpeg's filters that write colour tags into an encoded film, by codec: the filter, its options by
# the names of PyAV's fields
_TAGGED: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("h264_metadata", _H26X),
    "hevc": ("hevc_metadata", _H26X),
    "av1": (
        "av1_metadata",
        {
            "color_primaries": "color_primaries", "color_trc": "transfer_characteristics",
            "colorspace": "matrix_coefficients",
        },
    ),
    "prores": (
        "prores_metadata",
        {name: name for name in ("color_primaries", "color_trc", "colorspace")},
    ),
}  # fmt: skip
_UNSPECIFIED = 2


def tagging(stream: Any, fields: Mapping[str, Any]) -> str | None:
    """FFmpeg's filter that writes colour tags into the packets of `stream`; None: none is needed.

    fields: as `properties.describe` makes them. y4m has none of them, so that programs know only
    what the user tells them; what they have written counts.
    """
    name, options = _TAGGED.get(stream.codec_context.codec.canonical_name, ("", {}))
    wanted = [
        f"{option}={fields[field]}"
        for field, option in options.items()
        if fields.get(field, _UNSPECIFIED) != _UNSPECIFIED
        and getattr(stream.codec_context, field) == _UNSPECIFIED
    ]
    return f"{name}={':'.join(wanted)}" if wanted else None


def packets_of(file: Path, num_frames: int, times: Times) -> Iterator[Packet[Any]]:
    """The film in `file` in decoding order, with the times of its frames. Reads it twice.

    MediaError if it does not hold `num_frames` frames.
    """
    import av

    with av.open(str(file)) as container:
        # their times alone: the packets of a long film do not fit into memory
        times_of = [packet.pts for packet in container.demux(video=0) if packet.size]
    if len(times_of) != num_frames:
        raise MediaError(f"the program wrote {len(times_of)} of {counted(num_frames, 'frame')}")
    numbers = [at for at in times_of if at is not None]
    if len(numbers) < num_frames:
        numbers, order = list(range(num_frames)), _decoded_order(file)
    else:
        order = sorted(numbers)
    ranks = {number: rank for rank, number in enumerate(order)}
    if len(ranks) != num_frames:
        raise MediaError("the program's file has no order of frames; let it write .mkv or .mp4")
    return _timed(file, [ranks[each] for each in numbers], times.ticks)


def _decoded_order(file: Path) -> list[int]:
    """Numbers of the packets of a file without times, in the order in which they are shown."""
    import av

    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        shown: list[int] = []
        for n, packet in enumerate(p for p in container.demux(stream) if p.size):
            packet.pts = packet.dts = n
            shown += [frame.pts for frame in stream.decode(packet) if frame.pts is not None]
        shown += [frame.pts for frame in stream.decode(None) if frame.pts is not None]
    return shown


def _timed(file: Path, ranks: list[int], ticks: Sequence[int]) -> Iterator[Packet[Any]]:
    """The packets of a file with their frames' times.

    ranks: number of each packet's frame in presentation order. Decoding times are earlier
    presentation times, moved by the depth of reordering, so that none is too late.
    """
    import av

    depth = max(n - rank for n, rank in enumerate(ranks))
    step = ticks[1] - ticks[0]
    with av.open(str(file)) as container:
        packets = (packet for packet in container.demux(video=0) if packet.size)
        for n, (packet, rank) in enumerate(zip(packets, ranks, strict=True)):
            packet.pts, packet.duration = ticks[rank], ticks[rank + 1] - ticks[rank]
            packet.dts = ticks[n - depth] if n >= depth else ticks[0] - (depth - n) * step
            yield packet


def write(
    clip: vs.VideoNode,
    part: Path,
    times: Times,
    command: tuple[str, ...],
    container: str,
    plan: Plan,
    on_frame: Callable[[int], None],
) -> None:
    """Let a program encode into a file of its own, whose packets then get the film's times."""
    import av

    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder(part.parent))
        made = folder / "film.mkv"  # which all programs write that know an ending at all
        piped.encode(clip, command, made, times.rate, on_frame)
        packets = packets_of(made, clip.num_frames, times)
        film = stack.enter_context(av.open(str(made))).streams.video[0]
        target = stack.enter_context(open_target(part, container))
        stream = target.add_stream_from_template(film, opaque=True)
        with clip.get_frame(0) as frame:
            fields, _ = describe(dict(frame.props), "")
        words = tagging(film, fields)
        tags = av.BitStreamFilterContext(words, film, stream) if words else None
        tag(stream, container)
        stream.time_base = times.base
        others = prepared(target, plan, stack)
        for packet in packets:
            others.until((packet.dts or 0) * times.base)
            packet.time_base = times.base
            for each in [packet] if tags is None else tags.filter(packet):
                each.time_base = times.base
                each.stream = stream
                target.mux(each)
        others.rest()
