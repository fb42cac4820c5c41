"""vsrife compare: two or three films, frame by frame: figures, a table, and a page to look at."""

from __future__ import annotations

import argparse
import csv
import io
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vsrife.checks import whole
from vsrife.errors import ArgumentError, MediaError
from vsrife.evaluation.compare.comparison import Comparison, compare_films, open_sides
from vsrife.evaluation.compare.comparison_page import write_page
from vsrife.evaluation.compare.comparison_pictures import choose_frames, make_pictures
from vsrife.evaluation.scores.frame_measures import available, check_measures
from vsrife.evaluation.scores.measures import MEASURES
from vsrife.media.parts import whole_file
from vsrife.messages import counted, note, say
from vsrife.rendering.progress import listener
from vsrife.weights.folders import is_file, is_folder

HELP = """Compare films frame by frame.

B, and C, are compared with A: PSNR, SSIM and, where the plugin vszip is
installed, SSIMULACRA 2, in RGB. Films of other rates and lengths are compared
at the times at which all of them begin a frame.

The page shows the worst frames with a slider, their difference and side by
side, and all scores. It is one file, opens without a server, and loads nothing.

  vsrife compare in.mkv smooth.mkv -o page.html"""

_MOST_PICTURES = 200
_MIB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("first", metavar="A", type=Path, help="the film that the others are compared with")
    add("others", metavar="B", type=Path, nargs="+", help="one or two films of the same size")
    add("-o", "--output", metavar="PAGE.html", type=Path, help="a page to look at")
    add("--csv", metavar="FILE", type=Path, help="the scores of every frame as a table")
    add("--json", action="store_true", help="all scores for programs, on stdout")
    add("--measures", metavar="A,B", help="of psnr, ssim, ssimulacra2 (all that are installed)")
    add("--every", metavar="N", type=int, default=1, help="measure each N-th shared frame (1)")
    add("--frames", metavar="N", type=int, default=0, help="and at most N, 0 for all (0)")
    add("--pictures", metavar="N", type=int, default=12, help="worst frames on the page (12)")
    add("--max-size", metavar="MiB", type=float, default=30.0, help="of the page's pictures (30)")
    add("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    paths = [args.first, *args.others]
    names = _check(args, paths)
    with ExitStack() as files:
        page, table = (
            path and files.enter_context(whole_file(path, overwrite=args.overwrite))
            for path in (args.output, args.csv)
        )
        found = _compare(args, paths, names)
        if args.measures is None and "ssimulacra2" not in names:
            found.notes.append("Without SSIMULACRA 2: the VapourSynth plugin vszip is missing.")
        told = ""
        if page is not None:
            text, told = _page(args, found)
            page.write_bytes(text.encode())
        if table is not None:
            table.write_bytes(_csv(found).encode())
    if told:
        say(told)  # now that the file is there
    if args.json:
        print(json.dumps(_plain(found), indent=1))
    else:
        _print_summary(found)
    return 0


def _check(args: argparse.Namespace, paths: list[Path]) -> list[str]:
    """The measures; an error for anything that cannot be done, before a film is opened."""
    if len(paths) > 3:
        raise ArgumentError(f"films must be two or three, not {len(paths)}")
    whole("every", args.every, 1)
    whole("frames", args.frames, 0)
    if not 1 <= args.pictures <= _MOST_PICTURES:
        raise ArgumentError(f"pictures must be 1 to {_MOST_PICTURES}, not {args.pictures}")
    if not 0 < args.max_size <= 1024:
        raise ArgumentError(f"max_size must be above 0 and at most 1024 MiB, not {args.max_size:g}")
    names = _measures(args.measures)
    _check_files(args, paths)
    if args.measures is None and "ssimulacra2" not in names:
        note("without SSIMULACRA 2, whose VapourSynth plugin vszip is not installed; "
             'pip install ".[eval]"')  # fmt: skip
    return names


def _measures(text: str | None) -> list[str]:
    if text is None:
        return available()
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ArgumentError(f"measures is empty; name some of {', '.join(MEASURES)}")
    check_measures(names)
    return list(dict.fromkeys(names))


def _check_files(args: argparse.Namespace, paths: list[Path]) -> None:
    for path in paths:
        if not is_file(path):
            raise MediaError(f"{path} does not exist or is no file; give video files")
    targets = [path for path in (args.output, args.csv) if path is not None]
    if args.output is not None and args.output.suffix.lower() not in (".html", ".htm"):
        raise MediaError(f"{args.output} must end in .html, not {args.output.suffix!r}")
    for target in targets:
        if not is_folder(target.absolute().parent):
            raise MediaError(f"folder {target.absolute().parent} does not exist; make it first")
        others = [*paths, *(each for each in targets if each is not target)]
        if any(target.resolve() == each.resolve() for each in others):
            raise MediaError(f"{target} is one of the films or another output; name another file")


def _compare(args: argparse.Namespace, paths: list[Path], names: list[str]) -> Comparison:
    with listener(as_json=False) as progress:
        begun: list[str] = []

        def tell(what: str, done: int, total: int) -> None:
            if begun[-1:] != [what] or done <= 1:
                begun.append(what)
                progress.begin(what, total)
            progress.update(done)

        sides = open_sides(paths, tell)
        found = compare_films(sides, names, args.every, args.frames, tell)
    for text in found.notes:
        note(text)
    return found


def _page(args: argparse.Namespace, found: Comparison) -> tuple[str, str]:
    """The page, and what to say of it once it is written."""
    ranked = _ranked(found)
    numbers = choose_frames(found.seconds, found.worst(ranked), args.pictures)
    pictures = make_pictures(found, numbers, args.max_size * _MIB)
    shared = sum(each.shared for each in pictures.moments)
    if shared < len(numbers):
        total = counted(len(numbers), "picture fits", "pictures fit")
        note(f"{shared} of {total} into {args.max_size:g} MiB; --max-size allows more")
    text = write_page(found, pictures, ranked)
    moments = counted(len(pictures.moments), "moment")
    return text, f"{args.output}: {moments} pictured, {len(text) / _MIB:.1f} MiB"


def _ranked(found: Comparison) -> str:
    """The measure that says what is worst: that which sees most like people."""
    return max(found.measures, key=list(MEASURES).index)


def _print_summary(found: Comparison) -> None:
    for side in found.sides:
        print(f"{side.letter}  {side.path}: {side.about}")
    print(f"\n{counted(len(found.frames), 'frame')} compared with A; more is better")
    print(f"{'':4}{'measure':<14}{'mean':>10}{'worst':>10}  at")
    for letter, scores in found.scores.items():
        for name, values in scores.items():
            label, digits = MEASURES[name]
            worst = min(range(len(values)), key=values.__getitem__)
            print(f"{letter:<4}{label:<14}{found.mean(letter, name):>10.{digits}f}"
                  f"{values[worst]:>10.{digits}f}  {found.seconds[worst]:.3f} s")  # fmt: skip


def _csv(found: Comparison) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(found))
    writer.writerows(_rows(found))
    return text.getvalue()


def _columns(found: Comparison) -> list[str]:
    frames = [f"frame_{side.letter}" for side in found.sides]
    return ["seconds", *frames, *(f"{name}_{x}" for x in found.scores for name in found.measures)]


def _rows(found: Comparison) -> list[list[float]]:
    return [
        [
            round(at, 6),
            *numbers,
            *(round(values[n], 6) for each in found.scores.values() for values in each.values()),
        ]
        for n, (at, numbers) in enumerate(zip(found.seconds, found.frames, strict=True))
    ]


def _plain(found: Comparison) -> dict[str, Any]:
    return {
        "films": [
            {"letter": side.letter, "path": str(side.path), "about": side.about}
            for side in found.sides
        ],
        "notes": found.notes,
        "mean": {x: {name: found.mean(x, name) for name in found.measures} for x in found.scores},
        "columns": _columns(found),
        "frames": _rows(found),
    }
