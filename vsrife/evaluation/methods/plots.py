"""Outcomes as pictures: quality against cost, curves over the frames, the worst frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from vsrife.evaluation.methods.all_methods import Method
from vsrife.evaluation.methods.method_scores import Moment, Outcome
from vsrife.evaluation.methods.worst_sheet import image, worst_sheet
from vsrife.evaluation.plotting import figure_class
from vsrife.evaluation.scores.measures import MEASURES, psnr
from vsrife.weights import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAIN = 4  # factor on the difference from the truth, to make it visible
_STRIP = 16  # pixels of a label above its picture
_GAP = 4


def draw_all(
    outcomes: Sequence[Outcome],
    methods: Mapping[str, Method],
    folder: Path,
    reference: str | None = None,
) -> list[Path]:
    """quality.png, curves-CLIP.png, worst-CLIP-FRAME.png, and worst-of-METHOD.png beside the
    reference."""
    if not outcomes:
        return []
    paths = [folder / "quality.png"]
    _save(_quality(outcomes, methods), paths[0])
    judged = list(dict.fromkeys(name for outcome in outcomes for name in outcome.worst))
    for name, stem in zip(judged, _stems(judged), strict=True):
        paths.append(folder / f"worst-of-{stem}.png")
        _save(worst_sheet(outcomes, name, reference), paths[-1])
    films = _stems([outcome.film for outcome in outcomes])
    for outcome, stem in zip(outcomes, films, strict=True):
        paths.append(folder / f"curves-{stem}.png")
        _save(_curves(outcome), paths[-1])
        moments = {moment.frame: moment for kept in outcome.worst.values() for moment in kept}
        for moment in moments.values():
            paths.append(folder / f"worst-{stem}-{moment.frame}.png")
            _save(side_by_side(moment), paths[-1])
    return paths


def _stems(names: Sequence[str]) -> list[str]:
    """For names of files, each another one: two clips may both be called a.mkv."""
    found: list[str] = []
    for name in names:
        path = Path(name)
        # 4.25 is a model and no file with the suffix .25
        stem = path.name if path.suffix[1:].isdecimal() else path.stem
        number = 1
        while (unique := stem if number == 1 else f"{stem}-{number}") in found:
            number += 1
        found.append(unique)
    return found


def _quality(outcomes: Sequence[Outcome], methods: Mapping[str, Method]) -> Figure:
    """Mean scores over the networks' cost; a method without cost is a horizontal line."""
    figure = figure_class("eval")(figsize=(13, 4.5), layout="constrained")
    for panel, (measure, (label, _)) in zip(
        figure.subplots(1, len(MEASURES)), MEASURES.items(), strict=True
    ):
        for i, (name, method) in enumerate(methods.items()):
            value = fmean(getattr(outcome.mean(name), measure) for outcome in outcomes)
            if method.cost:
                panel.plot(method.cost, value, "o", color=f"C{i}", label=name)
            else:
                panel.axhline(value, ls="--", lw=1, color=f"C{i}", label=name)
        panel.set(
            xlabel="multiply-adds per pixel", ylabel=f"{label}, mean of {len(outcomes)} clips"
        )
        panel.set_xlim(left=0)
        panel.grid(alpha=0.3)
    panel.legend(fontsize="small")
    return figure


def _curves(outcome: Outcome) -> Figure:
    figure = figure_class("eval")(figsize=(11, 9), layout="constrained")
    panels = figure.subplots(len(MEASURES), 1, sharex=True)
    for panel, (measure, (label, _)) in zip(panels, MEASURES.items(), strict=True):
        for name, scores in outcome.scores.items():
            values = [getattr(score, measure) for score in scores]
            numbers = [outcome.frame(n) for n in range(len(values))]
            panel.plot(numbers, values, label=name, lw=1.2)
        panel.set(ylabel=label)
        panel.grid(alpha=0.3)
    panels[0].set_title(outcome.film)
    panels[0].legend(fontsize="small", ncols=len(outcome.scores))
    panels[-1].set(xlabel="frame")
    return figure


def _save(picture: Figure | Image.Image, path: Path) -> None:
    if isinstance(picture, Image.Image):
        write_whole(path, lambda part: picture.save(part, "png"))
    else:
        write_whole(path, lambda part: picture.savefig(part, format="png"))


def side_by_side(moment: Moment) -> Image.Image:
    """Left above right, the truth, and what each method made above its difference."""
    n, truth = moment.frame, moment.truth
    tiles = [
        (0, 0, f"left of frame {n}", moment.left),
        (0, 1, f"right of frame {n}", moment.right),
        (1, 0, f"truth, frame {n}", truth),
    ]
    for i, (name, picture) in enumerate(moment.made.items(), 2):
        tiles.append((i, 0, f"{name}, {psnr(picture, truth):.2f} dB", picture))
        tiles.append((i, 1, f"{name} - truth, x{GAIN}", 0.5 + GAIN * (picture - truth)))
    height, width, _ = truth.shape
    columns = 2 + len(moment.made)
    sheet = Image.new("RGB", (columns * (width + _GAP), 2 * (height + _STRIP + _GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, row, label, picture in tiles:
        x, y = column * (width + _GAP), row * (height + _STRIP + _GAP)
        pen.text((x + 2, y + 2), label, fill="black")
        sheet.paste(image(picture), (x, y + _STRIP))
    return sheet
