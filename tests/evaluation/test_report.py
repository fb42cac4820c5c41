"""What is written about outcomes: tables, files for programs, pictures."""

from __future__ import annotations

import csv
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsrife.errors import MediaError
from vsrife.evaluation.film import Film
from vsrife.evaluation.film_files import to_rgb
from vsrife.evaluation.methods.all_methods import CLASSICAL, Method
from vsrife.evaluation.methods.method_scores import Moment, Outcome, score_methods
from vsrife.evaluation.methods.overview import reference_table, short_table
from vsrife.evaluation.methods.plots import GAIN, draw_all, side_by_side
from vsrife.evaluation.methods.report import tables, write_files
from vsrife.evaluation.methods.worst_sheet import MOST_ROWS, worst_sheet
from vsrife.evaluation.scores.measures import Scores, psnr

FILE = Path(__file__)  # stands for a file of weights
METHODS = {
    "hold": CLASSICAL["hold"],
    "tiny": Method(CLASSICAL["blend"].run, 1234567, 8765.4, file=FILE),
}


def outcome(name: str, drawn: bool, *psnrs: float) -> Outcome:
    scores = {"hold": [Scores(10, 0.5, -1.25)] * 2, "tiny": [Scores(p, 0.75, 60) for p in psnrs]}
    return Outcome(name, drawn, 32, 24, scores, {"hold": 0.001, "tiny": 0.25})


@pytest.fixture
def outcomes() -> list[Outcome]:
    return [outcome("a.mkv", False, 20, 30), outcome("b.json", True, 40, 42)]


def rows(text: str, label: str) -> dict[str, list[str]]:
    lines = text.split(label, 1)[1].split("\n\n")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: rest for name, *rest in cells}


def test_tables_have_means_of_each_clip_and_of_each_kind(outcomes: list[Outcome]) -> None:
    text = tables(outcomes, METHODS)
    assert rows(text, "PSNR in dB")["clip"] == ["hold", "tiny"]
    assert rows(text, "PSNR in dB")["a.mkv"] == ["10.00", "25.00"]
    assert rows(text, "PSNR in dB")["mean of filmed"] == ["10.00", "25.00"]
    assert rows(text, "PSNR in dB")["mean of drawn"] == ["10.00", "41.00"]
    assert rows(text, "\nSSIM,")["b.json"] == ["0.5000", "0.7500"]
    assert rows(text, "SSIMULACRA 2")["b.json"] == ["-1.2", "60.0"]
    assert rows(text, "Seconds")["a.mkv"] == ["0.001", "0.250"]
    assert rows(text, "Networks")["tiny"] == ["1,234,567", "8,765"]
    assert "hold" not in rows(text, "Networks")
    alike = tables([outcomes[0]] * 2, METHODS)
    assert rows(alike, "PSNR in dB")["mean"] == ["10.00", "25.00"]
    assert "drawn" not in alike


def test_lines_of_a_table_are_equally_long(outcomes: list[Outcome]) -> None:
    blocks = tables(outcomes, METHODS).split("\n\n")[1::2]
    assert len(blocks) > 3
    for block in blocks:
        assert len({len(line) for line in block.splitlines() if line.startswith("|")}) == 1


def test_files_for_programs_say_the_same(outcomes: list[Outcome], tmp_path: Path) -> None:
    markdown, short, summary, frames = write_files(outcomes, METHODS, tmp_path)
    assert short.read_text(encoding="utf-8") == short_table(outcomes, METHODS, {})
    assert markdown.read_text(encoding="utf-8") == tables(outcomes, METHODS)
    facts = json.loads(summary.read_text(encoding="utf-8"))
    assert facts["methods"]["tiny"]["multiply_adds_per_pixel"] == 8765.4
    assert facts["clips"][0]["mean"]["tiny"]["psnr"] == 25
    assert facts["clips"][1]["drawn"] is True
    lines = list(csv.DictReader(frames.read_text(encoding="utf-8").splitlines()))
    assert len(lines) == 8
    last = {"clip": "b.json", "frame": "3", "method": "tiny", "psnr": "42.00000"}
    assert last.items() <= lines[-1].items()


def test_comparing_scores_all_methods_and_keeps_the_worst_frames(film: Film) -> None:
    result = score_methods(film, METHODS, judged=["tiny", "hold"], worst=2)
    assert {name: len(scores) for name, scores in result.scores.items()} == {"hold": 4, "tiny": 4}
    assert all(seconds > 0 for seconds in result.seconds.values())
    scores = [score.psnr for score in result.scores["tiny"]]
    assert [m.score for m in result.worst["tiny"]] == sorted(scores)[:2]
    held = [score.psnr for score in result.scores["hold"]]
    assert [m.score for m in result.worst["hold"]] == sorted(held)[:2]
    pictures = list(film.pictures(film.source))
    for moment in result.worst["tiny"]:
        n = moment.frame
        assert scores[n // 2] == moment.score
        for kept, number in ((moment.left, n - 1), (moment.truth, n), (moment.right, n + 1)):
            assert np.array_equal(kept, pictures[number])
        assert np.array_equal(moment.made["hold"], moment.left)


def test_a_film_too_short_is_named(film: Film) -> None:
    with pytest.raises(MediaError, match=r"short\.mkv has 2 frames"):
        Film("short.mkv", film.source[:2], to_rgb)


def test_pictures_are_written_for_every_clip(film: Film, tmp_path: Path) -> None:
    result = score_methods(film, METHODS, judged=["tiny"], worst=1)
    paths = draw_all([result], METHODS, tmp_path)
    frame = result.worst["tiny"][0].frame
    names = ["quality.png", "worst-of-tiny.png", "curves-ball.png", f"worst-ball-{frame}.png"]
    assert [p.name for p in paths] == names
    assert sorted(paths) == sorted(tmp_path.iterdir())
    for path in paths:
        with Image.open(path) as image:
            assert image.width > 400
            assert len(set(image.convert("L").tobytes())) > 10


def test_no_picture_takes_the_place_of_another(film: Film, tmp_path: Path) -> None:
    methods = {"4.25": METHODS["tiny"], "nano": METHODS["tiny"], "runs/nano.pth": METHODS["tiny"]}
    result = score_methods(film, methods, judged=list(methods), worst=1)
    paths = draw_all([result, result], methods, tmp_path)
    assert len(set(paths)) == len(paths) == 1 + 3 + 2 * 2
    assert sorted(paths) == sorted(tmp_path.iterdir())
    names = {path.stem for path in paths}
    assert {"worst-of-4.25", "worst-of-nano", "worst-of-nano-2", "curves-ball-2"} < names


def test_pictures_side_by_side_show_what_was_made_and_its_error() -> None:
    flat = np.full((20, 30, 3), 0.5, np.float32)
    moment = Moment(5, 20.0, flat * 0, flat * 2, flat, {"hold": flat * 0, "own": flat + 0.1})
    sheet = np.asarray(side_by_side(moment))
    columns = [sheet[:, 15 + 34 * i] for i in range(4)]
    upper, lower = 16 + 10, 16 + 10 + 20 + 16 + 4
    assert [int(column[upper, 0]) for column in columns] == [0, 128, 0, 153]
    difference = round(255 * (0.5 + GAIN * 0.1))
    assert [int(column[lower, 0]) for column in columns] == [255, 255, 0, difference]


CASES = {"fence": {"hold": {"right": 0.0, "least": 0.0, "psnr": 12.345},
                   "tiny": {"right": 0.875, "least": math.nan, "psnr": 23.0}}}  # fmt: skip


def test_the_worst_tenth_is_told_beside_the_mean(outcomes: list[Outcome]) -> None:
    text = tables(outcomes, METHODS)
    assert rows(text, "Worst tenth of frames: PSNR")["a.mkv"] == ["10.00", "20.00"]
    assert rows(text, "Worst tenth of frames: SSIM,")["mean of drawn"] == ["0.5000", "0.7500"]


def test_the_short_table_has_a_line_for_each_method(outcomes: list[Outcome]) -> None:
    cells = rows("x\n\n" + short_table(outcomes, METHODS, CASES), "x")
    assert [name for name in cells if name.strip("-")] == ["method", "hold", "tiny"]
    tiny = dict(zip(cells["method"], cells["tiny"], strict=True))
    assert tiny == {
        "PSNR, filmed": "25.00", "SSIMULACRA 2, filmed": "60.0", "worst tenth, dB, filmed": "20.00",
        "PSNR, drawn": "41.00", "SSIMULACRA 2, drawn": "60.0", "worst tenth, dB, drawn": "40.00",
        "fence, %": "88", "s per frame": "0.250",
    }  # fmt: skip


def test_models_stand_beside_a_reference(outcomes: list[Outcome]) -> None:
    other = Method(CLASSICAL["blend"].run, file=FILE)
    for film, score in zip(outcomes, ((24, 1), (45, 2)), strict=True):
        film.scores["big"] = [Scores(score[0], 0.5, 61)] * 2
        film.seconds["big"] = 0.5
        film.scores["blend"] = [Scores(15, 0.5, 0)] * 2
    methods = {**METHODS, "blend": CLASSICAL["blend"], "big": other}
    cases = {"fence": CASES["fence"] | {"big": CASES["fence"]["hold"]}}
    cells = rows("x\n\n" + reference_table(outcomes, methods, cases, "big"), "x")
    assert cells[""] == ["tiny", "big"]
    assert cells["PSNR in dB, mean of filmed clips, against big"] == ["+1.00", "+0.00"]
    assert cells["PSNR in dB, mean of drawn clips, against big"] == ["-4.00", "+0.00"]
    assert cells["SSIMULACRA 2, mean of drawn clips, against big"] == ["-1.0", "+0.0"]
    assert cells["PSNR in dB, worst single clip, against big"] == ["-4.00", "+0.00"]
    assert cells["PSNR in dB, mean of filmed clips, against the best classical"][0] == "+10.00"
    assert cells["PSNR in dB, worst single drawn clip, against the best classical"][0] == "+26.00"
    assert cells["fence: right"] == ["88", "0"]
    assert cells["fence: least"] == ["-", "0"]  # where nothing was measured
    assert cells["time per new frame, filter, share of big's"] == ["0.50", "1.00"]
    assert cells["weights file in MB"] == [f"{FILE.stat().st_size / 1e6:.1f}"] * 2


def test_programs_get_null_where_nothing_was_measured(
    outcomes: list[Outcome], tmp_path: Path
) -> None:
    text = write_files(outcomes, METHODS, tmp_path, CASES)[2].read_text(encoding="utf-8")

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    facts = json.loads(text, parse_constant=refuse)
    assert facts["cases"]["fence"]["tiny"] == {"right": 0.875, "least": None, "psnr": 23.0}
    assert facts["clips"][0]["mean"]["tiny"]["lpips"] is None
    assert facts["clips"][0]["worst_tenth"]["tiny"]["psnr"] == 20
    assert facts["clips"][0]["by_timestep"]["tiny"]["1/2"]["psnr"] == 25


def test_frames_and_timesteps_of_other_factors_are_told_by_their_numbers(film: Film) -> None:
    thirds = Film("thirds", film.source, to_rgb, factor=3)  # 9 frames: two pairs, 4 new ones
    result = score_methods(thirds, {"hold": CLASSICAL["hold"]})
    assert [result.frame(n) for n in range(4)] == thirds.left_out == [1, 2, 4, 5]
    scores = [score.psnr for score in result.scores["hold"]]
    by_timestep = result.by_timestep("hold")
    assert list(by_timestep) == [Fraction(1, 3), Fraction(2, 3)]
    assert by_timestep[Fraction(1, 3)].psnr == pytest.approx((scores[0] + scores[2]) / 2)
    pictures = list(film.pictures(film.source))
    assert scores == pytest.approx(
        [psnr(pictures[left], pictures[n]) for left, n in ((0, 1), (0, 2), (3, 4), (3, 5))]
    )
    text = tables([result], {"hold": CLASSICAL["hold"]})
    assert rows(text, "thirds by timestep")["1/3"] == [f"{by_timestep[Fraction(1, 3)].psnr:.2f}"]


def test_the_sheet_shows_the_worst_of_all_clips_beside_the_reference() -> None:
    def level(value: float) -> np.ndarray:
        return np.full((20, 30, 3), value, np.float32)

    def moment(frame: int, score: float, made: float) -> Moment:
        pictures = {"tiny": level(made), "big": level(0.75)}
        return Moment(frame, score, level(0), level(1), level(0.5), pictures)

    kept = [[moment(1, 30, 0.1), moment(3, 40, 0.2)], [moment(5, 20, 0.3)]]
    films = [outcome(f"{n}.mkv", False, 20, 30) for n in range(2)]
    for film, moments in zip(films, kept, strict=True):
        film.worst["tiny"] = moments

    def levels(sheet: Image.Image) -> list[list[int]]:
        picture = np.asarray(sheet)
        rows = range(16 + 10, picture.shape[0], 20 + 16 + 4)
        return [[int(picture[row, at, 0]) for at in range(15, sheet.width, 34)] for row in rows]

    # left, truth, the method, the reference, right; the lowest PSNR first
    expected = [[0, 128, round(255 * made), 191, 255] for made in (0.3, 0.1, 0.2)]
    assert levels(worst_sheet(films, "tiny", "big")) == expected
    alone = [[row[k] for k in (0, 1, 2, 4)] for row in expected]
    assert levels(worst_sheet(films, "tiny", None)) == alone
    assert levels(worst_sheet(films, "tiny", "tiny")) == alone
    films[0].worst["tiny"] = [moment(n, n, 0.5) for n in range(1, 20)]
    assert len(levels(worst_sheet(films, "tiny", None))) == MOST_ROWS
