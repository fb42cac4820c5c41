"""A part of a film in time: what of the other streams and of the chapters lies in it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.media.tracks.packets import as_fraction

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

Window = tuple[Fraction, Fraction]  # begin and end, in seconds from `origin_of` a file


def chapters_of(source: InputContainer, window: Window | None, origin: Fraction) -> list[Any]:
    """The chapters of a file, or those parts of them that are in a window.

    origin: the time of the file that is 0 in the window, in seconds.
    """
    chapters: list[Any] = list(source.chapters())
    if window is None:
        return chapters
    kept = []
    for chapter in chapters:
        base = as_fraction(chapter["time_base"])
        first, last = (round((at + origin) / base) for at in window)
        begin, end = max(chapter["start"], first), min(chapter["end"], last)
        if begin < end:
            kept.append({**chapter, "start": begin - first, "end": end - first})
    return kept


def slowed(chapters: list[Any], times: int) -> list[Any]:
    """Chapters that take so many times as long."""
    return [{**each, "start": each["start"] * times, "end": each["end"] * times}
            for each in chapters]  # fmt: skip


def cut_to(packet: Packet[Any], window: Window, skipped: Fraction = Fraction(0)) -> bool:
    """Cut a packet to a window, and count its times from there; False if it lies outside.

    Text that is shown when the window begins is cut; audio begins with its first whole packet.
    skipped: seconds of sound that players skip at its begin; so much from before the window is kept
    for that, with times below 0.
    """
    base = as_fraction(packet.time_base)
    first, last = (round(at / base) for at in window)
    begin = packet.pts if packet.pts is not None else packet.dts or 0
    length = packet.duration or 0
    if packet.stream.type == "subtitle" and begin < first < begin + length:
        packet.duration = length = begin + length - first
        packet.pts = packet.dts = begin = first
    if not first - round(skipped / base) <= begin < last:
        return False
    if packet.stream.type == "subtitle" and packet.duration:
        packet.duration = min(length, last - begin)
    packet.pts = None if packet.pts is None else packet.pts - first
    packet.dts = None if packet.dts is None else packet.dts - first
    return True
