"""Pictures of the documentation are what their script makes, of figures that were measured."""

import importlib.util
import re
import tomllib
from xml.etree import ElementTree

import pytest

from tests.support import needs
from tests.support.pages import PAGES, ROOT, read, table_after

FOLDER = ROOT / "docs" / "pictures"
FIGURES = tomllib.loads((FOLDER / "figures.toml").read_text(encoding="utf-8"))
MOST = 1.5e6  # bytes of all pictures


@pytest.fixture
def make(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("make_pictures", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_drawings_are_what_the_script_draws(make):
    made = make.drawings()
    assert made
    assert sorted(made) == sorted(path.name for path in FOLDER.glob("*.svg"))
    for name, text in made.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, "run docs/pictures/make.py"


def test_drawings_are_whole_have_a_title_and_load_nothing():
    for path in FOLDER.glob("*.svg"):
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        assert root.find("{http://www.w3.org/2000/svg}title").text
        assert not re.search(r"href|url\(|@import|<script", path.read_text(encoding="utf-8"))


def test_words_of_drawings_stay_inside():
    for path in FOLDER.glob("*.svg"):
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        words = list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert words, path.name
        for each in words:
            assert 0 < float(each.get("x")) < float(root.get("width")), (path.name, each.text)
            assert 0 < float(each.get("y")) < float(root.get("height")), (path.name, each.text)


def test_frames_are_made_by_the_script_and_all_are_small(make):
    needs.package("PIL")
    import effects
    import screens

    frames = {path.stem for path in FOLDER.glob("*.png")}
    assert frames == {*effects.EFFECTS, *screens.SCREENS}
    assert all((FOLDER / f"{name}.png").stat().st_size < 100_000 for name in screens.SCREENS)
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < MOST


def test_every_picture_is_shown_and_says_in_words_what_it_shows():
    shown = [found for page in PAGES for found in re.findall(r"!\[(.*?)\]\((\S+?)\)", read(page))]
    assert all(len(words) > 10 for words, _ in shown)
    names = {link.rsplit("/", 1)[-1] for _, link in shown}
    assert names == {path.name for path in FOLDER.iterdir() if path.suffix in (".svg", ".png")}


# Figures: the same as in the pages that they come from


def test_quality_is_the_difference_from_nano_in_the_pages_it_comes_from():
    found = {}
    names = ["hold", "blend", "MVTools", "MVUtensils", "SVPflow", "minterpolate"]
    names += ["nano", "small", "4.25"]
    card = re.findall(r"^\| mean of (\w+) +\|(.+)\|$", read("models/nano.md"), re.MULTILINE)
    for kind, cells in card:
        values = dict(zip(names, map(float, cells.split("|")), strict=True))
        for name, value in values.items():
            found[name, kind] = value - values["nano"]
    for row in FIGURES["quality"]:
        for kind in ("filmed", "drawn"):
            # the card's means are rounded to 0.01 each
            assert row[kind] == pytest.approx(found[row["name"], kind], abs=0.0101), row["name"]


def test_speed_is_that_of_the_page_about_backends():
    rows = {
        row[0].strip("`"): [float(cell.split()[0]) for cell in row[2:]]
        for row in table_after("docs/guide/backends.md", "## Devices and speed")
        if row[1] == "640x360"
    }
    table = FIGURES["speed"]
    for n, model in enumerate(table["models"]):
        ours = [table[name][n] for name in ("PyTorch", "ONNX Runtime", "OpenVINO")]
        assert ours == rows[model]
    for row in FIGURES["quality"]:
        if row["seconds"]:
            assert row["seconds"] == rows[row["name"]][2]


def test_pans_are_those_of_the_models_card():
    rows = {row[0]: row[1:] for row in table_after("models/nano.md", "## Cases")}
    assert all(set(rows[f"pan of {far} px: blocks found, %"]) == {"100"} for far in (16, 32, 64))
    nano, small, official = rows["pan of 96 px: blocks found, %"]
    said = " ".join((ROOT / "docs/guide/choosing.md").read_text(encoding="utf-8").split())
    assert f"by 96 pixels {nano} % (`nano`), {small} % (`small`) and {official} % (4.25)" in said
    *others, last = rows["the worst single pan, %"]
    assert f"{', '.join(others)} and {last} %" in said
