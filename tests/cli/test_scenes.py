"""`vsrife scenes`: a table and a plot of a film whose cut is known."""

import csv
import io
import re
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.support import needs
from tests.support.films import noisy, pan, scenery
from vsrife.cli import FAILED, OK, USAGE, main, scenes


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """10 frames a second: 6 of one scene and 6 of another, the last of them three times."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    pictures = noisy(pan(scenery(1), 6, 2) + pan(scenery(2), 6, 2), 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 72, "yuv444p"
        stream.time_base = Fraction(1, 10)
        for n, picture in enumerate([*pictures, pictures[-1], pictures[-1]]):
            array = np.ascontiguousarray((picture.transpose(1, 2, 0) * 255).astype(np.uint8))
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def rows_of(text):
    return [
        {name: float(value) for name, value in row.items()}
        for row in csv.DictReader(io.StringIO(text))
    ]


def test_the_table_shows_the_cut_and_the_repeats(film, tmp_path, capsys):
    target = tmp_path / "scores.csv"
    assert main(["scenes", str(film), "-o", str(target)]) == OK
    rows = rows_of(target.read_text(encoding="utf-8"))
    assert [row["frame"] for row in rows] == list(range(14))
    assert [row["seconds"] for row in rows] == [n / 10 for n in range(14)]
    assert [n for n, row in enumerate(rows) if row["adaptive"] > 0.15] == [5]
    assert max(rows, key=lambda row: row["difference"])["frame"] == 5
    assert [n for n, row in enumerate(rows) if row["duplicate_mean"] == 0] == [0, 12, 13]
    assert "14 frames; above 0.15: " in capsys.readouterr().err


def test_without_a_file_the_table_goes_to_stdout(film, capsys):
    assert main(["scenes", str(film), "--frames", "4"]) == OK
    assert len(rows_of(capsys.readouterr().out)) == 4


# An SVG may begin with what XML has in front of its root
BEGINNINGS = [("p.png", rb"\x89PNG\r\n"), ("p.svg", rb"(?s).{0,1000}?<svg ")]


@pytest.mark.parametrize(("name", "begin"), BEGINNINGS)
def test_a_plot_is_written(film, tmp_path, capsys, name, begin):
    assert main(["scenes", str(film), "--plot", str(tmp_path / name)]) == OK
    assert re.match(begin, (tmp_path / name).read_bytes())
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plot", "plot.gif"], "must end in .png, .svg, .pdf, not '.gif'"),
        (["-o", "/no/such/folder/x.csv"], "make it first"),
        (["-o", "/"], "/ is a folder; name a file"),
        (["-o", "same.png", "--plot", "same.png"], "same.png is CLIP or another output, too"),
        (["--threshold", "7"], "between 0 and 1"),
        (["--frames", "-1"], "frames must be at least 0, not -1"),
    ],
)
def test_what_cannot_be_written_is_said_at_once(film, capsys, options, message):
    assert main(["scenes", str(film), *options]) == FAILED
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-o", "--plot"])
def test_the_clip_is_not_written_over(film, tmp_path, capsys, option):
    own = tmp_path / "film.png"
    own.write_bytes(film.read_bytes())
    assert main(["scenes", str(own), option, str(own)]) == FAILED
    assert "film.png is CLIP or another output, too" in capsys.readouterr().err
    assert own.read_bytes() == film.read_bytes()


def test_one_frame_has_scores(film, capsys):
    assert main(["scenes", str(film), "--frames", "1"]) == OK
    (row,) = rows_of(capsys.readouterr().out)
    assert set(row.values()) == {0}


def test_a_clip_that_is_not_there(capsys):
    assert main(["scenes", "nowhere.mkv"]) == FAILED
    assert "nowhere.mkv does not exist" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_found_before_the_film_is_read(
    film, tmp_path, capsys, monkeypatch
):
    def refuse(*words):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(scenes, "open_source", lambda *words: pytest.fail("the film is read"))
    monkeypatch.setattr("vsrife.media.parts._hold", refuse)
    assert main(["scenes", str(film), "-o", str(tmp_path / "s.csv")]) == FAILED
    assert "s.csv cannot be written: the file system is read-only" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-o", "--plot"])
def test_a_file_that_exists_is_replaced_only_if_asked(film, tmp_path, capsys, option):
    needs.package("matplotlib")
    taken = tmp_path / "holiday.png"
    taken.write_bytes(b"mine")
    words = ["scenes", str(film), "--frames", "2", option, str(taken)]
    assert main(words) == FAILED
    assert re.search(r"holiday\.png exists; .*--overwrite", capsys.readouterr().err)
    assert main([*words, "--over"]) == USAGE
    assert taken.read_bytes() == b"mine"
    assert main([*words, "--overwrite"]) == OK
    assert taken.read_bytes() != b"mine"


def test_a_plot_without_its_package_is_refused_before_the_film_is_read(film, capsys, monkeypatch):
    monkeypatch.setattr(scenes, "find_spec", lambda name: None)
    monkeypatch.setattr(scenes, "open_source", lambda *_: pytest.fail("the film was read"))
    assert main(["scenes", str(film), "--plot", "p.png"]) == FAILED
    assert "matplotlib" in capsys.readouterr().err
