"""Joining segments: their packets, one after another, with the exact times of the whole film."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.errors import MediaError
from vsrife.media.reasons import reason_of
from vsrife.media.timestamps import Times
from vsrife.messages import counted

if TYPE_CHECKING:
    from av.packet import Packet

_BEGINS = b"\0\0\1"  # of a unit in H.265's byte stream format (Annex B)
_SEI = 39  # PREFIX_SEI_NUT, H.265 table 7-1


@dataclass(frozen=True)
class Piece:
    """The file of a segment, and the numbers of its first frame and the one after its last."""

    path: Path
    begin: int
    end: int


class BadSegmentError(MediaError):
    """Segments' files do not hold what their receipts say."""

    def __init__(self, piece: Piece, reason: str) -> None:
        """piece: the first of `pieces`, to which others like it may be added."""
        super().__init__(f"segment {piece.path} {reason}; run the same command again")
        self.pieces = [piece]


def film_packets(
    pieces: Sequence[Piece], times: Times, header: bytes, on_frame: Callable[[int], None]
) -> Iterator[Packet[Any]]:
    """The packets of a film in decoding order.

    The order of frames comes from the segments, times from `times`: frame n is shown at tick n.
    header: the encoder's; BadSegmentError for a segment that was made with another one. on_frame:
    called with the number of joined frames.
    """
    first = pieces[0].begin
    orders = _orders(pieces, header)
    delay = max(decoded - shown for order in orders for decoded, shown in enumerate(order))
    ticks = times.ticks
    delay = min(delay, pieces[-1].end - first - 1)
    lead = ticks[delay] - ticks[0]
    for piece, order in zip(pieces, orders, strict=True):
        for k, packet in enumerate(_read(piece)):
            shown, decoded = piece.begin - first + order[k], piece.begin - first + k
            packet.time_base = times.base
            packet.pts = ticks[shown]
            packet.dts = ticks[decoded - delay] if decoded >= delay else ticks[decoded] - lead
            packet.duration = ticks[shown + 1] - ticks[shown]
            yield packet
            on_frame(decoded + 1)


def _orders(pieces: Sequence[Piece], header: bytes) -> list[list[int]]:
    """`_order` of each; BadSegmentError with all that are bad, so that each is made anew once."""
    orders, bad = [], []
    for piece in pieces:
        try:
            orders.append(_order(piece, header))
        except BadSegmentError as error:
            bad.append(error)
    if bad:
        bad[0].pieces = [error.pieces[0] for error in bad]
        raise bad[0]
    return orders


def _order(piece: Piece, header: bytes) -> list[int]:
    """The place in the order of showing of each packet, in decoding order."""
    import av

    try:
        with av.open(str(piece.path)) as container:
            stream = container.streams.video[0]
            own, name = bytes(stream.codec_context.extradata or b""), stream.codec_context.name
            if _parameters(own, name) != _parameters(header, name):
                raise BadSegmentError(piece, "was made by another encoder")
            packets = [packet.pts for packet in container.demux(stream) if packet.size]
    except (OSError, IndexError, av.FFmpegError) as error:
        raise BadSegmentError(piece, f"cannot be read ({reason_of(error)})") from error
    shown = [at for at in packets if at is not None]
    if len(set(shown)) != len(packets) or len(packets) != piece.end - piece.begin:
        found = counted(len(packets), "frame")
        raise BadSegmentError(piece, f"has {found}, not {piece.end - piece.begin}")
    places = {at: place for place, at in enumerate(sorted(shown))}
    return [places[at] for at in shown]


def _parameters(header: bytes, codec: str) -> bytes | list[bytes]:
    """What a decoder needs of an encoder's header. x265's also tells its build, the processor and
    its threads, which may be others on each machine that makes segments."""
    if codec != "hevc" or not header.startswith((_BEGINS, b"\0" + _BEGINS)):
        return header
    units = header.split(_BEGINS)[1:]
    return [unit.rstrip(b"\0") for unit in units if unit and (unit[0] >> 1) & 0x3F != _SEI]


def _read(piece: Piece) -> Iterator[Packet[Any]]:
    import av

    with av.open(str(piece.path)) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                yield packet


def ticks_of(times: Times, begin: int, end: int) -> Times:
    """The times of frames `begin` to `end` - 1, at the mean rate of all."""
    return Times(times.base, times.ticks[begin : end + 1], times.rate)


def from_zero(times: Times, begin: int, end: int) -> Times:
    """The times of frames `begin` to `end` - 1, which begin at 0."""
    piece = times.ticks[begin : end + 1]
    return Times(times.base, [tick - piece[0] for tick in piece], times.rate)


def window(times: Times, begin: int, end: int) -> tuple[Fraction, Fraction]:
    """When frame `begin` is shown and when frame `end` - 1 ends, in seconds."""
    return times.ticks[begin] * times.base, times.ticks[end] * times.base
