"""vsrife compare: figures of films that differ by known amounts, and files that are refused."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.short_films import blocks, save_film
from vsrife.cli import compare, main
from vsrife.evaluation.compare.comparison_pictures import choose_frames
from vsrife.evaluation.compare.comparison_plot import thinned
from vsrife.evaluation.scores import frame_measures

RATE = Fraction(25)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return {
        "source": save_film(folder / "source.mkv", blocks(12), RATE),
        "brighter": save_film(folder / "brighter.mkv", blocks(12, shift=4), RATE),
        "smooth": save_film(folder / "smooth.mkv", [p for p in blocks(12) for _ in "ab"], 2 * RATE),
        "short": save_film(folder / "short.mkv", blocks(9), RATE),
        "later": save_film(folder / "later.mkv", blocks(12), RATE, first=5),
        "wide": save_film(folder / "wide.mkv", blocks(3, size=(80, 48)), RATE),
        "tiny": save_film(folder / "tiny.mkv", blocks(3, size=(14, 48)), RATE),
    }


def run(capsys, *words: object) -> dict:
    assert main(["compare", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_psnr_is_what_the_pictures_say(films, capsys):
    found = run(capsys, films["source"], films["brighter"], films["source"])
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["frames"]]
    assert [row["seconds"] for row in rows] == [n / 25 for n in range(12)]
    pairs = zip(blocks(12), blocks(12, shift=4), strict=True)
    for n, (row, (a, b)) in enumerate(zip(rows, pairs, strict=True)):
        wanted = -10 * np.log10((((a.astype(float) - b) / 255) ** 2).mean())
        assert row["psnr_B"] == pytest.approx(wanted, abs=1e-3)
        assert (row["psnr_C"], row["frame_A"], row["frame_B"], row["frame_C"]) == (100, n, n, n)
        assert row["ssim_C"] == pytest.approx(1)
    assert found["mean"]["B"]["psnr"] == pytest.approx(np.mean([row["psnr_B"] for row in rows]))
    assert found["notes"] == []


def test_a_source_beside_its_smooth_version_is_compared_at_shared_times(films, capsys):
    found = run(capsys, films["source"], films["smooth"])
    assert [row[1:3] for row in found["frames"]] == [[n, 2 * n] for n in range(12)]
    assert found["mean"]["B"]["psnr"] == 100
    (note,) = found["notes"]
    assert "rates differ: compared at the 12 times" in note


@pytest.mark.parametrize(
    ("other", "count", "said"), [("short", 9, "share 9 frames"), ("later", 12, "B at 0.200 s")]
)
def test_other_lengths_and_beginnings_are_noted(films, capsys, other, count, said):
    assert main(["compare", str(films["source"]), str(films[other]), "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert len(found["frames"]) == count
    assert found["mean"]["B"]["psnr"] == 100
    assert said in printed.err


def test_every_and_frames_thin_the_measured_frames(films, capsys):
    found = run(capsys, films["source"], films["brighter"], "--every", 3, "--frames", 3)
    assert [row[1] for row in found["frames"]] == [0, 3, 6]
    assert "Of 12 shared frames, 3 were measured." in found["notes"]


def test_measures_are_those_that_are_asked_for_and_there(films, capsys, monkeypatch):
    assert (
        "ssim_B"
        not in run(capsys, films["source"], films["short"], "--measures", "psnr")["columns"]
    )
    monkeypatch.setattr(frame_measures, "available", lambda: ["psnr", "ssim"])
    monkeypatch.setattr(compare, "available", lambda: ["psnr", "ssim"])
    without = run(capsys, films["source"], films["short"])
    assert without["columns"][3:] == ["psnr_B", "ssim_B"]
    assert any("vszip is missing" in note for note in without["notes"])
    chosen = run(capsys, films["source"], films["short"], "--measures", "psnr,ssim")
    assert not any("vszip" in note for note in chosen["notes"])
    assert main(["compare", str(films["source"]), str(films["short"])]) == 0
    assert "without SSIMULACRA 2, whose VapourSynth plugin vszip" in capsys.readouterr().err
    words = ["compare", str(films["source"]), str(films["short"]), "--measures", "ssimulacra2"]
    assert main(words) == 1
    assert "vszip" in capsys.readouterr().err


def test_the_table_for_people_and_the_one_for_programs_agree(films, tmp_path, capsys):
    table = tmp_path / "t.csv"
    assert main(["compare", str(films["source"]), str(films["brighter"]), "--csv", str(table)]) == 0
    printed = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    values = [float(row["psnr_B"]) for row in rows]
    line = next(line.split() for line in printed.splitlines() if "PSNR" in line)
    assert float(line[-4]) == pytest.approx(np.mean(values), abs=0.006)
    assert float(line[-3]) == pytest.approx(min(values), abs=0.006)
    assert float(line[-2]) == float(rows[values.index(min(values))]["seconds"])


class Elements(HTMLParser):
    """Tags with their attributes, and the text of the data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.data = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1] == ("script", {"type": "application/json", "id": "data"}):
            self.data += data


def page(tmp_path: Path, *words: object) -> Elements:
    target = tmp_path / "page.html"
    assert main(["compare", *map(str, words), "-o", str(target), "--overwrite"]) == 0
    return Elements(target.read_text(encoding="utf-8"))


def test_the_page_holds_the_worst_pictures_bit_for_bit(films, tmp_path):
    found = json.loads(page(tmp_path, films["source"], films["brighter"], "--pictures", 3,
                            "--measures", "psnr").data)  # fmt: skip
    assert [each["number"] for each in found["pictures"]] == [1, 10, 11]
    for each in found["pictures"]:
        for file, drawn in zip(each["files"], (blocks(12), blocks(12, shift=4)), strict=True):
            address = found["files"][file]
            kind, _, data = address.partition(";base64,")
            assert kind in ("data:image/webp", "data:image/png")
            with av.open(io.BytesIO(base64.b64decode(data))) as file:
                picture = next(file.decode(video=0)).to_ndarray(format="rgb24")
            assert np.array_equal(picture, drawn[each["number"]])


def test_nothing_on_the_page_comes_from_outside(films, tmp_path):
    elements = page(tmp_path, films["source"], films["brighter"], films["short"])
    for tag, attributes in elements.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "action", "srcset", "style"):
            assert "//" not in (attributes.get(name) or "")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttpRequest", text)
    policy = next(a["content"] for t, a in elements.tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:;")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>.mkv", "&amp;\"'<!--.mkv", "日本\n.mkv"]
)
def test_names_of_films_are_text(films, tmp_path, name):
    odd = tmp_path / name
    odd.write_bytes(films["source"].read_bytes())
    tags = [tag for tag, _ in page(tmp_path, odd, films["source"]).tags]
    plain = [tag for tag, _ in page(tmp_path, films["source"], films["source"]).tags]
    assert tags == plain


def test_pictures_that_are_too_large_become_jpeg_and_then_fewer(films, tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), np.uint8)
    noisy = save_film(tmp_path / "noisy.mkv", [noise[n % 2] for n in range(8)], RATE)
    found = json.loads(page(tmp_path, noisy, noisy, "--pictures", 8, "--max-size", "0.4").data)
    assert {address[:15] for address in found["files"]} == {"data:image/jpeg"}
    assert len(found["pictures"]) < 8
    assert "pictures fit into 0.4 MiB; --max-size allows more" in capsys.readouterr().err
    assert len((tmp_path / "page.html").read_bytes()) < 0.5 * 2**20
    first = base64.b64decode(found["files"][found["pictures"][0]["files"][0]].partition(",")[2])
    with av.open(io.BytesIO(first)) as file:
        picture = next(file.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    error = ((picture - noise[found["pictures"][0]["number"] % 2]) ** 2).mean()
    assert -10 * np.log10(error / 255**2) > 33  # noise is the worst that JPEG can be given


def test_the_worst_frames_are_apart_from_each_other_where_there_are_enough():
    seconds = [n / 25 for n in range(100)]
    worst = sorted(range(100), key=lambda n: abs(n - 50))
    chosen = choose_frames(seconds, worst, 5)
    assert chosen[0] == 50
    assert all(abs(a - b) >= 10 for a in chosen for b in chosen if a != b)
    assert sorted(choose_frames(seconds[:8], list(range(8))[::-1], 5)) == [3, 4, 5, 6, 7]
    assert choose_frames(seconds[:3], [2, 0, 1], 5) == [2, 0, 1]


def test_a_dip_of_one_frame_is_never_lost_in_the_plot():
    values = [40.0] * 20_000
    values[12_345] = 3.0
    drawn = thinned(values, 900)
    assert 12_345 in drawn
    assert len(drawn) <= 902
    assert drawn == sorted(set(drawn))
    assert thinned(values[:9], 900) == list(range(9))


REFUSED = {
    "size": (["source", "wide"], "source.mkv is 64x48 and"),
    "tiny": (["tiny", "tiny"], "at least 16 pixels"),
    "four": (["source", "short", "short", "short"], "films must be two or three, not 4"),
    "gone": (["source", "none.mkv"], "none.mkv does not exist"),
    "text": (["source", "text.mkv"], "text.mkv is no video file"),
    "every": (["source", "short", "--every", "0"], "--every must be at least 1"),
    "frames": (["source", "short", "--frames", "-1"], "--frames must be at least 0"),
    "pictures": (["source", "short", "--pictures", "0"], "--pictures must be 1 to 200"),
    "size of page": (["source", "short", "--max-size", "nan"], "--max-size must be above 0"),
    "measure": (["source", "short", "--measures", "psnr,vmaf"], "measures must be of psnr"),
    "no measure": (["source", "short", "--measures", ","], "measures is empty"),
    "ending": (["source", "short", "-o", "page.txt"], "must end in .html"),
    "folder": (["source", "short", "-o", "no/page.html"], "make it first"),
    "own": (["source", "short", "--csv", "source"], "is one of the films"),
    "both": (["source", "short", "-o", "x.html", "--csv", "x.html"], "another output"),
    "exists": (["source", "short", "-o", "mine.html"], "mine.html exists"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    films, tmp_path, monkeypatch, capsys, case
):
    words, said = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    Path("text.mkv").write_text("text")
    Path("mine.html").write_text("mine")
    before = sorted(os.listdir())
    if case not in ("size", "tiny", "text"):
        monkeypatch.setattr(compare, "open_sides", lambda *_: pytest.fail("a film is opened"))
    assert main(["compare", *(str(films.get(word, word)) for word in words)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-1]
    assert lines[-1].startswith("vsrife: error: ")
    assert sorted(os.listdir()) == before
    assert Path("mine.html").read_text() == "mine"


def test_a_page_is_not_said_to_be_there_before_it_is(films, tmp_path, monkeypatch, capsys):
    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    words = [str(films["source"]), str(films["short"]), "--measures", "psnr"]
    assert main(["compare", *words, "-o", str(tmp_path / "p.html")]) == 1
    said = capsys.readouterr().err
    assert "p.html cannot be written" in said
    assert "pictured" not in said


def test_what_is_between_shared_frames_is_pictured_beside_the_frame_that_is_held(films, tmp_path):
    found = json.loads(page(tmp_path, films["source"], films["smooth"], "--pictures", 40).data)
    shown = [(each["seconds"], each["shared"], each["frames"]) for each in found["pictures"]]
    # the last shared frame has no next one
    assert shown == [(round(k / 50, 4), k % 2 == 0, [k // 2, k]) for k in range(23)]
    held = [each["files"][0] for each in found["pictures"]]
    assert all(held[k] == held[k - 1] for k in range(1, 23, 2))
    assert len(found["files"]) == 12 + 23
