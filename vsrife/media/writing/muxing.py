"""The file that is written: its format, and the streams beside the film."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.media.properties import Track
from vsrife.media.tracks import streams
from vsrife.media.tracks.others import OtherStreams, Plan, add_others

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

# Muxer's options: animations go round without end
_FOR_EVER = {"webp": {"loop": "0"}, "apng": {"plays": "0"}}

_HEVC = "hvc1"  # of MP4 and MOV; FFmpeg's own choice, hev1, Apple's players do not play


@dataclass(frozen=True)
class Output:
    """What is written beside the frames: format, other streams, track. silent: no notes."""

    container: str
    plan: Plan
    track: Track
    silent: bool


def open_target(part: Path, container: str) -> OutputContainer:
    import av

    return av.open(str(part), "w", format=container, options=_FOR_EVER.get(container, {}))


def tag(stream: VideoStream, container: str) -> None:
    """Name the codec of the film so that all players know it."""
    if container in ("mp4", "mov") and stream.codec_context.codec.canonical_name == "hevc":
        stream.codec_context.codec_tag = _HEVC


def prepared(target: OutputContainer, plan: Plan, stack: ExitStack) -> OtherStreams:
    """Add all other streams, write the header and the covers."""
    packets, covers = add_others(plan, target, stack)
    target.start_encoding()  # early, to fail early in a folder that is not writable
    for packet, copy in covers:
        streams.mux_copy(packet, copy, target)
    return OtherStreams(packets, target)
