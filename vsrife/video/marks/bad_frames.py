"""Frames that the user lists as bad, to be replaced: ranges, a property's name, or a file."""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

from vsrife.errors import ArgumentError

_HOW = (
    "give first and last frame of each range, such as [(100, 104), (230, 230)], the name of a "
    "frame property, or the path of a file with one range per line"
)
_LINE = re.compile(r"(\d+)(?:\s*[-, \t]\s*(\d+))?")


@dataclass(frozen=True)
class Ranges:
    """Bad frames `begins[i]` to `ends[i]`, both included; sorted, good frames between ranges."""

    begins: Sequence[int]
    ends: Sequence[int]

    def around(self, frame: int) -> tuple[int, int] | None:
        """The good frames around `frame`, if `frame` or the next one is bad; else None."""
        for k in (frame, frame + 1):
            i = bisect.bisect_right(self.begins, k) - 1
            if i >= 0 and k <= self.ends[i]:
                return self.begins[i] - 1, self.ends[i] + 1
        return None

    def good_before(self, frame: int) -> int:
        """`frame` if it is good, else the last good frame before it."""
        i = bisect.bisect_right(self.begins, frame) - 1
        return self.begins[i] - 1 if i >= 0 and frame <= self.ends[i] else frame


def read_replace(replace: object, num_frames: int) -> Ranges | str:
    """Read the argument `replace` for a clip of `num_frames`: ranges, or the name of a property.

    Text that looks like a property's name is one; give a file of such a name as a pathlib.Path.
    Every range needs a good frame on both sides. ArgumentError for everything else.
    """
    if isinstance(replace, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", replace):
        return replace
    if isinstance(replace, str | os.PathLike):
        pairs = list(_file(Path(replace)))
    elif isinstance(replace, Iterable):
        pairs = [_pair(item) for item in replace]
    else:
        raise ArgumentError(f"replace is not understood: {replace!r}; {_HOW}")
    for begin, end in pairs:
        if begin > end:
            raise ArgumentError(
                f"replace has the range ({begin}, {end}), whose end comes first; "
                f"write ({end}, {begin})"
            )
        if begin < 1 or end > num_frames - 2:
            raise ArgumentError(
                f"replace has the range ({begin}, {end}), but the clip's frames are 0 to "
                f"{num_frames - 1} and there must be a good one on either side: "
                f"{f'1 to {num_frames - 2}' if num_frames > 2 else 'none'} can be replaced"
            )
    return _joined(sorted(pairs), num_frames)


def _joined(pairs: list[tuple[int, int]], num_frames: int) -> Ranges:
    begins: list[int] = []
    ends: list[int] = []
    for begin, end in pairs:
        if ends and begin <= ends[-1] + 1:
            ends[-1] = max(ends[-1], end)
        else:
            begins.append(begin)
            ends.append(end)
    return Ranges(begins, ends)


def _pair(item: object) -> tuple[int, int]:
    ends = (item, item) if isinstance(item, Integral) else item
    if (
        isinstance(ends, Sequence)
        and len(ends) == 2
        and all(isinstance(end, Integral) and not isinstance(end, bool) for end in ends)
    ):
        return int(ends[0]), int(ends[1])
    raise ArgumentError(f"replace has {item!r}, which is not a range; {_HOW}")


def _file(path: Path) -> Iterable[tuple[int, int]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ArgumentError(f"replace: the file {path} cannot be read: {error}; {_HOW}") from error
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        match = _LINE.fullmatch(content)
        if not match:
            raise ArgumentError(
                f"replace: line {number} of {path} is not a range: {line!r}; write 100-104 or 100"
            )
        yield int(match[1]), int(match[2] or match[1])
