"""Many files: which they are, what they become, and a render of each that outlives bad ones."""

from __future__ import annotations

import glob
import string
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from vsrife.errors import ArgumentError, MediaError
from vsrife.media.stills.image_folder import is_image_folder
from vsrife.system import moving
from vsrife.weights.folders import exists, is_file, is_folder

# Files that a folder is searched for; a file that is named may end otherwise
VIDEOS = (
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
)  # fmt: skip
DEFAULT_NAME = "{name}{ext}"
_NOT_ON_WINDOWS = '<>:"|?*'
FIELDS = ("name", "ext", "factor", "fps", "number")
_SIMPLE = 12  # denominators of factors that people write, as 7/3; others are told in decimals
_DONE, _SKIPPED, _FAILED = "done", "skipped", "failed"


class Row(NamedTuple):
    """A file of a batch: its state ("done", "skipped", "failed"), and why, or frames and time."""

    source: Path
    target: Path
    state: str
    frames: int
    seconds: float
    text: str


def expand(words: Sequence[Path]) -> list[Path]:
    """The files that are meant: folders are searched, and patterns that no shell has expanded.

    MediaError for a folder or a pattern without a video file.
    """
    found: list[Path] = []
    for word in words:
        if is_folder(word):
            inside = sorted(p for p in word.iterdir() if p.suffix.lower() in VIDEOS and is_file(p))
            if not inside and not is_image_folder(word):
                raise MediaError(f"folder {word} has no video file and no images; name the files")
            found += inside or [word]
        elif is_pattern(word):
            matches = sorted(Path(name) for name in glob.glob(str(word)))
            if not matches:
                raise MediaError(f"no file is like {word}")
            found += matches
        else:
            found.append(word)
    return list(dict.fromkeys(found))


def is_pattern(word: Path) -> bool:
    """Whether a word stands for several files, as *.mkv does where no shell has expanded it."""
    return not exists(word) and glob.has_magic(str(word))


def fields_of(template: str) -> list[str]:
    """The fields of a template of file names; ArgumentError for a brace that is not closed."""
    try:
        return [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise ArgumentError(f"name has a brace that is not closed: {template!r}") from error


def check_name(template: str) -> None:
    """ArgumentError for a template of file names with an unknown field, or with a folder."""
    fields = fields_of(template)
    unknown = [field for field in fields if field.split(":")[0] not in FIELDS]
    if unknown:
        raise ArgumentError(
            f"name has {{{unknown[0]}}}, which means nothing; it may have "
            f"{', '.join('{' + each + '}' for each in FIELDS)}"
        )
    if "/" in template or "\\" in template:
        raise ArgumentError(f"name must be a file's name without a folder, not {template!r}")
    plain = "".join(text for text, *_ in string.Formatter().parse(template))
    if moving.WINDOWS and set(plain) & set(_NOT_ON_WINDOWS):
        raise ArgumentError(
            f"name has what Windows allows in no name ({_NOT_ON_WINDOWS}): {template!r}"
        )


def targets(
    sources: Sequence[Path],
    folder: Path,
    template: str,
    rate_of: Callable[[Path], dict[str, str]],
    endings: Sequence[str],
) -> list[Path]:
    """The output of each source. MediaError where two sources have the same, or one is a source.

    rate_of: gives a source's texts for {factor} and {fps}. endings: those that can be written; a
    source with another one becomes .mkv.
    """
    check_name(template)
    found: dict[Path, Path] = {}
    taken = {source.resolve() for source in sources}
    for number, source in enumerate(sources, 1):
        ending = source.suffix if source.suffix.lower() in endings else ".mkv"
        name = template.format(name=source.stem, ext=ending, number=number, **rate_of(source))
        target = folder / name
        if target.resolve() in taken:
            raise MediaError(f"{target} is an input, too; choose another folder or --name")
        if target in found:
            raise MediaError(
                f"{found[target]} and {source} would both become {target}; give --name "
                "'{name}-{number}.mkv'"
            )
        found[target] = source
    return list(found)


def run_all(
    pairs: Sequence[tuple[Path, Path]],
    render: Callable[[Path, Path], int],
    *,
    overwrite: bool,
    on_error: Callable[[Exception], str],
) -> Iterator[Row]:
    """Render each (source, target) that is not there yet; goes on after a bad file.

    render: gives the number of frames. on_error: one line for an exception; raises it again if it
    is a bug. A row for each file, when it is done.
    """
    for source, target in pairs:
        if exists(target) and not overwrite:
            yield Row(source, target, _SKIPPED, 0, 0, "exists")
            continue
        begin = time.perf_counter()
        try:
            frames, state, text = render(source, target), _DONE, ""
        except Exception as error:
            frames, state, text = 0, _FAILED, on_error(error)
        yield Row(source, target, state, frames, time.perf_counter() - begin, text)


def as_table(rows: Sequence[Row]) -> str:
    """A line for each file, and their sums."""
    lines = [("state", "frames", "seconds", "file")]
    lines += [
        (
            row.state,
            str(row.frames),
            f"{row.seconds:.1f}",
            f"{row.target.name}  {row.text}".rstrip(),
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    text = [
        f"{state:<{widths[0]}}  {frames:>{widths[1]}}  {seconds:>{widths[2]}}  {name}"
        for state, frames, seconds, name in lines
    ]
    count = {state: sum(row.state == state for row in rows) for state in (_DONE, _SKIPPED, _FAILED)}
    text.append(", ".join(f"{number} {state}" for state, number in count.items()))
    return "\n".join(text) + "\n"


def failed(rows: Sequence[Row]) -> int:
    """How many."""
    return sum(row.state == _FAILED for row in rows)


def factor_word(factor: Fraction) -> str:
    """A factor in a file's name: 2, 5_2 (for 5/2) or, with a larger denominator, 2.503."""
    return str(factor).replace("/", "_") if factor.denominator <= _SIMPLE else fps_word(factor)


def fps_word(rate: Fraction) -> str:
    """A rate in a file's name: 60, 12.5, 59.94."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
