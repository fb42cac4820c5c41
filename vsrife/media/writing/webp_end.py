"""How long the last picture of an animated WebP is shown.

libwebp is not told, and takes the mean of the others: a loop would wait for too long or too short.
"""

from __future__ import annotations

_FRAME, _HEADER, _DURATION = b"ANMF", 8, 12  # a chunk's name, its header's bytes, where in it
_DURATION_BYTES = 3


def ending_at(file: bytes, milliseconds: int) -> bytes:
    """A whole WebP file whose last picture is shown until that time after the first one's begin.

    Chunks are as in developers.google.com/speed/webp/docs/riff_container. A file without animation
    stays as it is.
    """
    at, places = len(b"RIFF....WEBP"), []
    while at + _HEADER <= len(file):
        size = int.from_bytes(file[at + 4 : at + _HEADER], "little")
        if file[at : at + 4] == _FRAME:
            begin = at + _HEADER + _DURATION
            places.append(slice(begin, begin + _DURATION_BYTES))
        at += _HEADER + size + size % 2
    if not places:
        return file
    before = sum(int.from_bytes(file[place], "little") for place in places[:-1])
    made = bytearray(file)
    made[places[-1]] = max(0, milliseconds - before).to_bytes(_DURATION_BYTES, "little")
    return bytes(made)
