"""A comparison as one HTML page that opens without a server and loads nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from vsrife.errors import printable
from vsrife.evaluation.compare.comparison import Comparison, Side
from vsrife.evaluation.compare.comparison_pictures import Moment, Pictures
from vsrife.evaluation.compare.comparison_plot import LEFT, RIGHT, WIDTH, plots
from vsrife.evaluation.scores.measures import MEASURES

_HERE = Path(__file__).parent
# nothing is loaded, sent or framed, whatever a file's name holds
_POLICY = ("default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
           "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")  # fmt: skip
_BUTTONS = (
    ("previous", "&#8592; frame", "ArrowLeft"), ("next", "frame &#8594;", "ArrowRight"),
    ("worst", "worst", "w"), None,
    ("mode-slider", "slider", "s"), ("mode-difference", "difference", "d"),
    ("mode-side", "side by side", "b"), ("mode-single", "switch", "Space"),
    ("gain", "x4", "g"), None,
    ("smaller", "&#8722;", "-"), ("larger", "+", "+"), ("whole", "fit", "0"),
    ("pixels", "1:1", "p"),
)  # fmt: skip
_HELP = (
    ("&#8592; &#8594;", "frame by frame"), ("w", "worst frame"), ("s", "slider"),
    ("d", "difference"), ("g", "its gain"), ("b", "side by side"), ("space", "switch films"),
    ("1 2 3", "one film"), ("+ &#8722; 0", "zoom"), ("p", "pixel by pixel"),
    ("[ ]", "move the divider"),
)  # fmt: skip


def write_page(found: Comparison, pictures: Pictures, ranked: str) -> str:
    """The page. pictures: of at least one moment; ranked: measure of the worst."""
    title = " / ".join(_name(side) for side in found.sides)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>{_asset('comparison.css')}</style></head><body>",
        f"<h1>{title}</h1>",
        *_films(found),
        *_summary(found),
        *_viewer(found, pictures),
        *plots(found, [each.number for each in pictures.moments if each.shared]),
        *_all_frames(found),
        f'<script type="application/json" id="data">{_data(found, pictures, ranked)}</script>',
        f"<script>{_asset('comparison.js')}</script>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _name(side: Side) -> str:
    return escape(printable(side.path.name.encode("utf-8", "replace").decode()))


def _letter(letter: str) -> str:
    return f'<span class="letter {letter}">{letter}</span>'


def _films(found: Comparison) -> Iterator[str]:
    for side in found.sides:
        told = " (the others are compared with it)" if side.letter == "A" else ""
        yield f"<p>{_letter(side.letter)} {_name(side)}: {escape(side.about)}{told}</p>"
    yield from (f'<p class="note">{escape(note)}</p>' for note in found.notes)


def _summary(found: Comparison) -> Iterator[str]:
    heads = "".join(f"<th>{MEASURES[name].label}</th><th>worst</th>" for name in found.measures)
    yield f'<div class="wide"><table><thead><tr><th>mean</th>{heads}</tr></thead><tbody>'
    for letter, scores in found.scores.items():
        cells = "".join(
            f"<td>{found.mean(letter, name):.{MEASURES[name].digits}f}</td>"
            f"<td>{min(values):.{MEASURES[name].digits}f}</td>"
            for name, values in scores.items()
        )
        yield f"<tr><td>{_letter(letter)}</td>{cells}</tr>"
    yield "</tbody></table></div>"


def _viewer(found: Comparison, pictures: Pictures) -> Iterator[str]:
    lossless = "JPEG" if pictures.mime == "image/jpeg" else "lossless"
    yield '<div class="controls" role="toolbar" aria-label="viewer">'
    for button in _BUTTONS:
        if button is None:
            yield '<span class="gap"></span>'
            continue
        name, text, key = button
        yield (f'<button id="{name}" title="{text} ({key})" aria-keyshortcuts="{key}">{text}'
               "</button>")  # fmt: skip
    yield '<span id="zoom"></span>'
    for name, chosen in (("left", 0), ("right", 1)):
        yield f'<label>{name} <select id="{name}">'
        for index, side in enumerate(found.sides):
            mark = " selected" if index == chosen else ""
            yield f'<option value="{index}"{mark}>{side.letter}</option>'
        yield "</select></label>"
    yield "</div>"
    across, down = shape_of(found)
    yield f'<div id="stage" class="slider" style="--shape: {across:g} / {down:g}">'
    for side in found.sides:
        label = f"{side.letter} {_name(side)}"
        yield f'<div class="pane" id="pane{side.letter}">'
        yield f'<img alt="{label}" draggable="false"><b>{label}</b></div>'
    yield ('<button id="divider" role="slider" aria-label="divider" aria-valuemin="0" '
           'aria-valuemax="100" aria-valuenow="50"></button></div>')  # fmt: skip
    yield '<p id="where" aria-live="polite"></p>'
    shared = sum(each.shared for each in pictures.moments)
    more = (
        f" and {len(pictures.moments) - shared} moments between"
        if not all(each.shared for each in pictures.moments)
        else ""
    )
    yield f'<p class="note">{shared} of {len(found.frames)} frames{more} are pictured, {lossless}.'
    yield " Scores are of the films themselves.</p>"
    keys = ", ".join(f"<kbd>{key}</kbd> {text}" for key, text in _HELP)
    yield f'<p class="note">{keys}; the wheel enlarges, dragging moves.</p>'
    yield "<noscript><p>The viewer needs JavaScript, which this page brings along.</p></noscript>"


def shape_of(found: Comparison) -> tuple[float, float]:
    """Width and height of the picture as it is shown: pixels of A need not be square."""
    clip = found.sides[0].clip
    with clip.get_frame(0) as frame:
        across, down = (int(frame.props.get(name, 1)) for name in ("_SARNum", "_SARDen"))
    return clip.width * (across / down if across > 0 and down > 0 else 1), clip.height


def _all_frames(found: Comparison) -> Iterator[str]:
    yield f"<details open><summary>All {len(found.frames)} frames</summary>"
    yield '<div class="controls"><button id="earlier">earlier</button>'
    yield '<button id="later">later</button> <span id="range"></span>'
    yield '<span class="note">a heading sorts; underlined: has a picture</span></div>'
    yield '<div class="wide"><table><thead><tr>'
    yield '<th><button data-by="time">seconds</button></th>'
    yield from (f"<th>frame of {side.letter}</th>" for side in found.sides)
    for letter, scores in found.scores.items():
        for name in scores:
            text = f"{letter}: {MEASURES[name].label}"
            yield f'<th><button data-by="{letter} {name}">{text}</button></th>'
    yield '</tr></thead><tbody id="rows"></tbody></table></div></details>'


def _data(found: Comparison, pictures: Pictures, ranked: str) -> str:
    """For the script. Nothing in it ends the element that it stands in."""
    across, _ = shape_of(found)
    files = {key: index for index, key in enumerate(pictures.files)}
    plain: dict[str, Any] = {
        "letters": [side.letter for side in found.sides],
        "width": found.sides[0].clip.width,
        "height": found.sides[0].clip.height,
        "aspect": across / found.sides[0].clip.width,
        "measures": found.measures,
        "labels": [MEASURES[name].label for name in found.measures],
        "digits": [MEASURES[name].digits for name in found.measures],
        "ranked": ranked,
        "plot": [WIDTH, LEFT, WIDTH - LEFT - RIGHT],
        "times": [round(at, 4) for at in found.seconds],
        "frames": found.frames,
        "scores": {
            letter: {name: [round(value, 5) for value in values] for name, values in each.items()}
            for letter, each in found.scores.items()
        },
        "pictures": [_picture(each, files) for each in pictures.moments],
        "files": [_address(pictures.mime, file) for file in pictures.files.values()],
    }
    return json.dumps(plain, separators=(",", ":")).replace("<", "\\u003c")


def _picture(each: Moment, files: dict[tuple[int, int], int]) -> dict[str, Any]:
    """files: numbers of the files of the page, by side and frame."""
    return {
        "number": each.number,
        "shared": each.shared,
        "seconds": round(each.seconds, 4),
        "frames": each.frames,
        "files": [files[index, frame] for index, frame in enumerate(each.frames)],
    }


def _address(mime: str, file: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(file).decode()}"
