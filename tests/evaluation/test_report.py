"""What is written about outcomes: tables, files for programs, pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsrife.errors import MediaError
from vsrife.evaluation.compare import Moment, Outcome, compare
from vsrife.evaluation.film import Film
from vsrife.evaluation.film_files import to_rgb
from vsrife.evaluation.measures import Scores
from vsrife.evaluation.methods import CLASSICAL, Method
from vsrife.evaluation.plots import GAIN, draw_all, side_by_side
from vsrife.evaluation.report import tables, write_files

METHODS = {"hold": CLASSICAL["hold"], "tiny": Method(CLASSICAL["blend"].run, 1234567, 8765.4)}


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
    assert rows(text, "SSIM,")["b.json"] == ["0.5000", "0.7500"]
    assert rows(text, "SSIMULACRA 2")["b.json"] == ["-1.2", "60.0"]
    assert rows(text, "Seconds")["a.mkv"] == ["0.001", "0.250"]
    assert rows(text, "Networks")["tiny"] == ["1,234,567", "8,765"]
    assert "hold" not in rows(text, "Networks")
    alike = tables([outcomes[0]] * 2, METHODS)
    assert rows(alike, "PSNR in dB")["mean"] == ["10.00", "25.00"]
    assert "drawn" not in alike


def test_lines_of_a_table_are_equally_long(outcomes: list[Outcome]) -> None:
    for block in tables(outcomes, METHODS).split("\n\n")[1::2]:
        assert len({len(line) for line in block.splitlines() if line.startswith("|")}) == 1


def test_files_for_programs_say_the_same(outcomes: list[Outcome], tmp_path: Path) -> None:
    markdown, summary, frames = write_files(outcomes, METHODS, tmp_path)
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
    result = compare(film, METHODS, judged="tiny", worst=2)
    assert {name: len(scores) for name, scores in result.scores.items()} == {"hold": 4, "tiny": 4}
    assert all(seconds > 0 for seconds in result.seconds.values())
    scores = [score.psnr for score in result.scores["tiny"]]
    assert [m.score for m in result.worst] == sorted(scores)[:2]
    pictures = list(film.pictures(film.source))
    for moment in result.worst:
        n = moment.frame
        assert scores[n // 2] == moment.score
        for kept, number in ((moment.left, n - 1), (moment.truth, n), (moment.right, n + 1)):
            assert np.array_equal(kept, pictures[number])
        assert np.array_equal(moment.made["hold"], moment.left)


def test_a_film_too_short_is_named(film: Film) -> None:
    with pytest.raises(MediaError, match=r"short\.mkv has 2 frames"):
        Film("short.mkv", film.source[:2], to_rgb)


def test_pictures_are_written_for_every_clip(film: Film, tmp_path: Path) -> None:
    result = compare(film, METHODS, judged="tiny", worst=1)
    paths = draw_all([result], METHODS, tmp_path)
    frame = result.worst[0].frame
    assert [p.name for p in paths] == ["quality.png", "curves-ball.png", f"worst-ball-{frame}.png"]
    assert sorted(paths) == sorted(tmp_path.iterdir())
    for path in paths:
        with Image.open(path) as image:
            assert image.width > 400
            assert len(set(image.convert("L").tobytes())) > 10


def test_pictures_side_by_side_show_what_was_made_and_its_error() -> None:
    flat = np.full((20, 30, 3), 0.5, np.float32)
    moment = Moment(5, 20.0, flat * 0, flat * 2, flat, {"hold": flat * 0, "own": flat + 0.1})
    sheet = np.asarray(side_by_side(moment))
    columns = [sheet[:, 15 + 34 * i] for i in range(4)]
    upper, lower = 16 + 10, 16 + 10 + 20 + 16 + 4
    assert [int(column[upper, 0]) for column in columns] == [0, 128, 0, 153]
    difference = round(255 * (0.5 + GAIN * 0.1))
    assert [int(column[lower, 0]) for column in columns] == [255, 255, 0, difference]
