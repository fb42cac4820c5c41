"""A value that is not allowed is one line that names it, for every option."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import needs
from vsrife import cli
from vsrife.checks import Flag
from vsrife.cli import COMMANDS, main, rife_options
from vsrife.errors import ArgumentError

# Command -> the rest of its command line, which is fine
GOOD = {
    "render": ["film.mkv", "-o", "out.mkv"],
    "demo": [],
    "between": ["a.png", "b.png", "-o", "folder"],
    "scenes": ["film.mkv"],
    "compare": ["film.mkv", "other.mkv"],
    "script": ["film.mkv"],
    "export": ["nano", "-o", "out.onnx"],
    "doctor": [],
    "bench": [],
    "build": ["--size", "64x48"],
    "quantize": ["nano", "film.mkv", "-o", "out.onnx"],
    "train": ["nano", "-o", "run", "--steps", "1"],
    "eval": ["film.mkv"],
    "help": ["render"],
}
BAD = {
    "render": {
        "factor": "0", "fps": "nope", "fps-in": "24", "slow": "0", "start": "soon", "end": "late",
        "count": "many", "on-error": "pray", "workers": "0", "preset-for": "all", "times": "times",
        "encoder": "best", "crf": "99", "preset": "lazy", "encoder-options": "tune",
        "bitrate": "fast", "max-size": "small", "pipe": "x264 -", "audio": "loud",
        "subtitles": "all", "segments": "films",
    },
    "demo": {"backend": "nope", "device": "nope"},
    "between": {
        "count": "0", "format": "gif", "scale": "3", "backend": "nope", "device": "nope"
    },
    "scenes": {"frames": "-1", "threshold": "2"},
    "compare": {
        "measures": "nope", "every": "0", "frames": "-1", "pictures": "0", "max-size": "0"
    },
    "script": {"factor": "0", "fps": "nope", "frames": "1"},
    "export": {
        "target": "nope", "scale": "3", "precision": "int4", "size": "big", "layout": "nope",
        "warp": "nope", "blocks": "1",
    },
    "doctor": {"limit": "0"},
    "bench": {
        "models": ",", "size": "big", "backends": "nope", "part": "nope", "against": "nope",
        "precision": "nope", "scale": "3", "device": "nope", "threads": "0", "rounds": "0",
    },
    "build": {
        "size": "big", "precision": "nope", "scale": "3", "format": "nope", "backend": "nope",
        "provider": "nope", "device-index": "-1", "workspace-size": "-1", "aux-streams": "-1",
        "optimization-level": "99",
    },
    "quantize": {"size": "big", "scale": "3", "frames": "0", "threads": "0", "rounds": "0"},
    "train": {
        "minutes": "0", "steps": "0", "size": "0", "count": "0", "rate": "0", "device": "nope",
        "threads": "0", "seed": "nope",
    },
    "eval": {
        "against": "nope", "reference": "nope", "cases": "nope", "size": "1x1", "frames": "-1",
        "factor": "1", "worst": "-1", "backend": "nope", "device": "nope", "threads": "0",
    },
    "help": {"": "nope"},
}  # fmt: skip
# Names, of which many are right
NAMES = {
    "render": {"output", "name", "model", "dask", "join", "then", "replace"},
    "demo": {"model"},
    "between": {"model"},
    "build": {"model", "cache-dir"},
    "eval": {"models"},
}


def parser_of(command: str) -> argparse.ArgumentParser:
    with needs.skipping():
        return cli.parser_of(command)


def options_of(command: str) -> set[str]:
    """The options with a value that is no path."""
    return {
        max(each.option_strings, key=len).removeprefix("--")
        for each in parser_of(command)._actions
        if each.option_strings and each.nargs is None and each.type is not Path
    }


def bad_of_rife() -> Iterator[tuple[str, str]]:
    """A wrong value for every option that is an argument of rife()."""
    for each in rife_options.OPTIONS:
        is_name = each.name in (*rife_options.CLIPS, "model", "replace", "trt_cache_dir")
        if not is_name and not (isinstance(each.kind, Flag) and not each.kind.words):
            yield each.name.replace("_", "-"), "nope"


OUTPUTS = ("out.mkv", "out.onnx")
BAD["render"] |= dict(bad_of_rife())
CASES = [(command, name, value) for command, bad in BAD.items() for name, value in bad.items()]


def test_every_option_with_a_value_is_tried():
    assert set(BAD) == set(COMMANDS) - {"models"}  # whose values are names
    of_rife = {each.name.replace("_", "-") for each in rife_options.OPTIONS}
    for command, bad in BAD.items():
        clips = of_rife if command == "render" else set()
        known = set(bad) | NAMES.get(command, set()) | clips
        assert options_of(command) <= known, command


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(("command", "name", "value"), CASES)
def test_a_value_that_is_not_allowed_is_a_failure_whatever_files_there_are(
    command: str,
    name: str,
    value: str,
    missing: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    parser_of(command)
    if missing and name == "fps-in":
        pytest.skip("allowed or not by what IN is")
    monkeypatch.chdir(tmp_path)
    files = OUTPUTS if missing else ("film.mkv", "other.mkv", "a.png", "b.png")
    for file in files:
        Path(file).write_bytes(b"never read")
    Path("times").write_text("0 soon\n")
    before = sorted(tmp_path.rglob("*"))
    words = [f"--{name}={value}"] if name else [value]
    good = GOOD[command]
    if f"--{name}" in good:  # not twice
        at = good.index(f"--{name}")
        good = good[:at] + good[at + 2 :]
    if command == "train" and name == "minutes":
        good = good[:-2]  # instead of --steps
    more = ["--cases", "pans"] if (command, name) == ("eval", "size") else []
    assert main([command, *good, *words, *more]) == cli.FAILED  # also where the parser refuses it
    output = capsys.readouterr()
    assert output.out == ""
    said = output.err.splitlines()[-1]
    assert said.startswith("vsrife: error: ")
    assert name in said or value in said
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ["render", "nowhere.mkv", "-o", "out.mkv"],
        ["between", "no.png", "no.png", "-o", "folder"],
        ["scenes", "nowhere.mkv"],
        ["models", "import", "nowhere.pkl"],
        ["eval", "nowhere.mkv", "--models", "none", "--against", "hold"],
    ],
)
def test_what_is_not_there_is_a_failure(words: list[str], tmp_path, monkeypatch, capsys):
    parser_of(words[0])
    monkeypatch.chdir(tmp_path)
    assert main(words) == cli.FAILED
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_parser_tells_values_that_are_not_allowed_from_words_that_are_missing(command, capsys):
    parser = parser_of(command)
    for each in parser._actions:
        name = (each.option_strings or [""])[-1]
        if not name or each.nargs is not None:
            continue
        with pytest.raises(SystemExit) as stop:
            parser.parse_args([name])
        assert stop.value.code == cli.USAGE, name
        number = getattr(each.type, "__name__", "") in ("int", "float", "number")
        if number or each.choices:
            with pytest.raises(ArgumentError, match=f"^{name} must be .*, not 'nope'"):
                parser.parse_args([f"{name}=nope"])
    capsys.readouterr()
