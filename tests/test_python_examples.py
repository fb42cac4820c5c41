"""The Python examples, run as people run them, on short input."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.scripts import said_by

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, *arguments):
    command = [sys.executable, EXAMPLES / f"python_{name}.py", *arguments]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def drawn(n):
    """A ramp that moves to the right, (48, 64, 3)."""
    x = np.arange(64)[None, :, None] - 2 * n
    wave = 128 + 100 * np.sin(x / np.array([7, 9, 11]))
    return np.broadcast_to(wave, (48, 64, 3)).round().astype(np.uint8)


def save(folder, count):
    from PIL import Image

    folder.mkdir()
    for n in range(count):
        Image.fromarray(drawn(n)).save(folder / f"in{n:03d}.png")
    return folder


def test_key_frames_prints_a_row_for_each_choice(tmp_path):
    table = run("key_frames", save(tmp_path / "in", 9), "--seconds", "100").decode().splitlines()
    assert table[0] == "9 frames of 64x48, 100.0 s each"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[3:]]
    assert [row[0] for row in rows] == [f"every {k}." for k in (2, 3, 4, 6, 8)]
    assert [row[1] for row in rows] == ["5 of 9", "3 of 7", "3 of 9", "2 of 7", "2 of 9"]
    assert float(rows[0][3]) > 30
    # 100 s a frame leave little else to count
    for row, (keys, count) in zip(rows, [(5, 9), (3, 7), (3, 9), (2, 7), (2, 9)], strict=True):
        assert abs(int(row[2].rstrip("%")) - 100 * (1 - keys / count)) <= 8


def test_a_folder_of_pngs_becomes_a_longer_one(tmp_path):
    source, out = save(tmp_path / "in", 3), tmp_path / "out"
    run("folder", source, out, "3")
    assert [path.name for path in sorted(out.iterdir())] == [f"{n:08d}.png" for n in range(7)]
    for n, path in enumerate(sorted(source.iterdir())):
        assert (out / f"{3 * n:08d}.png").read_bytes() == path.read_bytes()


def test_a_live_stream_gives_each_frame_before_it_asks_for_the_next():
    command = [sys.executable, EXAMPLES / "python_live_stream.py", "64", "48"]
    size = 64 * 48 * 3
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stream:
        for n in range(3):
            stream.stdin.write(drawn(n).tobytes())
            stream.stdin.flush()
            got = stream.stdout.read(size * (1 if n == 0 else 2))  # waits for ever if held back
            assert got[-size:] == drawn(n).tobytes()
            assert n == 0 or got[:size] not in (drawn(n).tobytes(), drawn(n - 1).tobytes())
        stream.stdin.close()
        assert stream.stdout.read() == b""
    assert stream.returncode == 0


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("python_folder", ["no", "out"], "error: .*'no'"),
        ("python_folder", [".", "out", "two"], "error: factor must be .*'two'"),
        ("python_live_stream", ["wide", "48"], "error: .*'wide'"),
        ("chunks", ["no.vpy", "no.mkv", "out.mkv"], "error: .*returned non-zero exit status"),
        *(
            (name, [], f"python {name}.py ")
            for name in ("python_folder", "python_live_stream", "chunks")
        ),
    ],
)
def test_what_is_wrong_is_one_line_or_how_to_call_it(name, arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = said_by(EXAMPLES / f"{name}.py", *arguments)
    assert re.search(said, found)
    assert ("\n" in found) == (not arguments)
    assert not list(tmp_path.iterdir())


def test_how_to_call_an_example_is_printed_as_it_is_typed():
    """A backslash at the end of a line joins it with the next one, in a docstring as in a shell."""
    for path in EXAMPLES.glob("*.py"):
        words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert max(map(len, words.splitlines()), default=0) <= 100, path.name
