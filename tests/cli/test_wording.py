"""What the command line says: options instead of Python's arguments, and usage of the command."""

import argparse
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import needs
from vsrife import cli, messages
from vsrife.cli import COMMANDS, main, wording
from vsrife.errors import ArgumentError, BackendError, MediaError, alike
from vsrife.weights.locate import find_model, missing

NAMES = {
    "device": "--device",
    "threads": "--threads",
    "sc_threshold": "--sc-threshold",
    "model": "MODEL",
    "trt": "--trt",
    "sc": "--sc",
}
SAID = {
    "threads must be at least 1, not 0": "--threads must be at least 1, not 0",
    "threads=2 is not for backend 'pytorch'": "--threads 2 is not for backend 'pytorch'",
    "sc_threshold must be in 0..1, not 7; None takes the clip's own marks": (
        "--sc-threshold must be in 0..1, not 7"
    ),
    "trt=True asks for it; leave one out": "--trt asks for it; leave one out",
    "leave out model= for the embedded one": "leave out MODEL for the embedded one",
    "add sc_threshold='x y'; or not": "add --sc-threshold 'x y'; or not",
    "say threads=2 or 3": "say --threads 2 or 3",
    "device=['cpu', 'cuda:0'] must be of one kind": "--device cpu,cuda:0 must be of one kind",
    "has nothing to act on where device=('cuda:0', 'cuda:1')": (
        "has nothing to act on where --device cuda:0,cuda:1"
    ),
    # only these, and only where they are arguments
    "model file a.pth is damaged": "model file a.pth is damaged",
    "rife(clip, scale=2) has 9 threads": "rife(clip, scale=2) has 9 threads",
    "x.threads=2 and my_sc_threshold": "x.threads=2 and my_sc_threshold",
    "/films/sc_threshold/threads=2.mkv": "/films/sc_threshold/threads=2.mkv",
    "must be a folder's path or None, not 3": "must be a folder's path, not 3",
    "size must be 1 to 16 pixels, not (0, 0)": "size must be 1 to 16 pixels, not 0x0",
    "not (1, 2, 3) and (4, 5)": "not (1, 2, 3) and (4, 5)",
    # what can be typed
    "threads must be a positive int, Fraction or text such as \"5/2\", not '0'": (
        "--threads must be a positive number such as 5/2, not '0'"
    ),
    "sc must be True, False or x, not 'y'": "--sc must be yes, no or x, not 'y'",
    "add sc=True or a confidence": "add --sc yes or a confidence",
    "leave out trt=False": "leave out --no-trt",
    "sc='adaptive' and sc=False": "--sc adaptive and --sc no",
    'sc_threshold=None, which sc="adaptive" replaces': (
        "--sc-threshold none, which --sc adaptive replaces"
    ),
    "run `x`, or in a script say auto_download=True, or leave out model= for it": (
        "run `x`, or leave out MODEL for it"
    ),
}


@pytest.mark.parametrize("text", SAID)
def test_messages_speak_of_options(text):
    assert wording.as_options(text, NAMES, {"sc"}) == SAID[text]


def test_the_options_are_those_of_the_command_that_failed(monkeypatch, capsys):
    def run(args):
        raise ArgumentError("frames must be at least 0, not -1; None takes all")

    monkeypatch.setattr(importlib.import_module("vsrife.cli.eval"), "run", run)
    assert main(["eval", "x.mkv"]) == cli.FAILED
    assert capsys.readouterr().err == "vsrife: error: --frames must be at least 0, not -1\n"


def test_files_may_be_called_as_options_are(capsys):
    assert main(["scenes", "frames=2.mkv"]) == cli.FAILED
    assert capsys.readouterr().err.startswith("vsrife: error: frames=2.mkv does not exist")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "a.onnx exists; choose another name, or overwrite=True for a file",
            "a.onnx exists; choose another name, or --overwrite for a file",
        ),
        # the name of a file, whatever it is called
        ("overwrite=True; x is no film; frames=2", "overwrite=True; x is no film; frames=2"),
        ("/films/overwrite=True is no film", "/films/overwrite=True is no film"),
    ],
)
def test_the_way_out_of_trouble_with_files_is_an_option(said, shown, monkeypatch, capsys):
    def run(args):
        raise MediaError(said)

    monkeypatch.setattr(importlib.import_module("vsrife.cli.scenes"), "run", run)
    assert main(["scenes", "x.mkv"]) == cli.FAILED
    assert capsys.readouterr().err == f"vsrife: error: {shown}\n"


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("frame",), "0 frames"),
        (1, ("frame",), "1 frame"),
        (2, ("frame",), "2 frames"),
        (1, ("is", "are"), "1 is"),
        (21, ("is", "are"), "21 are"),
    ],
)
def test_what_is_counted_is_one_or_many(number, words, said):
    assert messages.counted(number, *words) == said


def test_long_choices_stand_in_the_help_and_not_in_the_usage(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parser = wording.Parser(formatter_class=wording.HelpFormatter)
    words = [f"word-{n}" for n in range(9)]
    parser.add_argument("--preset-for", choices=words, help="kind of film")
    parser.add_argument("--few", choices=("a", "b"), help="kind of few")
    page = parser.format_help()
    assert "[--preset-for FOR] [--few {a,b}]" in page
    assert f"{', '.join(words)}; kind of film" in " ".join(page.split())


def test_a_line_of_a_table_that_is_too_long_goes_on_below_its_second_column(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    rows = "  a.png    one\n  long.png " + 20 * " word"
    parser = wording.Parser(description=rows, formatter_class=wording.HelpFormatter)
    lines = parser.format_help().splitlines()
    assert "  a.png    one" in lines
    at = lines.index("  a.png    one")
    assert lines[at + 1].startswith("  long.png  word")
    assert lines[at + 2].startswith(" " * 12 + "word")
    assert max(map(len, lines)) <= 80


def test_a_file_that_fails_is_named(monkeypatch, capsys):
    def run(args):
        Path("no/such").mkdir()

    monkeypatch.setattr(importlib.import_module("vsrife.cli.models"), "run", run)
    assert main(["models", "list"]) == cli.FAILED
    line = capsys.readouterr().err
    assert line.startswith("vsrife: error: ")
    assert line.endswith("cannot be read or written: No such file or directory\n")
    assert "Errno" not in line


def test_a_switch_is_named_as_it_is_switched_on():
    error = ArgumentError("trt=True asks for TensorRT, and provider='cpu' does not")
    said = wording.of(error, cli.parser_of("render"))
    assert said == "--trt asks for TensorRT, and --provider cpu does not"


RENDERING = ("render", "demo", "between", "bench", "build", "export", "eval", "quantize", "train")


@pytest.mark.parametrize("command", RENDERING)
def test_a_missing_model_is_told_in_the_words_of_the_command(command):
    row = find_model("4.0")
    try:
        parser = cli.parser_of(command)
    except BackendError as error:  # of the light install
        pytest.skip(str(error))
    said = wording.of(missing(row), parser)
    assert "`vsrife models fetch 4.0`" in said
    assert not re.search(r"auto_download|script|\w=", said)
    known = {option for action in parser._actions for option in action.option_strings}
    assert set(re.findall(r"--[a-z-]+", said)) <= known
    assert ("--auto-download" in said) == (command == "render")


@pytest.mark.parametrize("option", ["--sc-clip", "--duplicates-clip", "--mask"])
def test_a_file_beside_the_film_that_is_missing_is_named(option, tmp_path, capsys):
    source = tmp_path / "in.mkv"
    source.touch()
    words = ["render", str(source), "-o", str(tmp_path / "out.mkv"), option, "no.vpy"]
    assert main(words) == cli.FAILED
    assert capsys.readouterr().err == (
        f"vsrife: error: {option} must be a picture, film or script (.vpy), and no.vpy does not "
        "exist or is no file\n"
    )


def usage_parsers():
    """Each command, and each action of one, with the arguments that it needs."""
    found = []
    for name, row in COMMANDS.items():
        parser = wording.Parser(prog=f"vsrife {name}")
        try:
            importlib.import_module(row.module).add_arguments(parser)
        except ImportError:  # of a package that the light install leaves out
            continue
        found += walk((name,), parser)
    return found


def walk(words, parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            inner = [walk((*words, name), sub) for name, sub in action.choices.items()]
            return [each for found in inner for each in found]
    needed = []
    for action in parser._actions:
        if action.option_strings and action.required:
            needed += [action.option_strings[0], "1"]
        elif not action.option_strings and action.nargs not in ("*", "?"):
            needed.append("1")
    for group in parser._mutually_exclusive_groups:
        if group.required:
            needed += [*group._group_actions[0].option_strings[:1], "1"]
    return [(words, tuple(needed))]


@pytest.mark.parametrize(("words", "needed"), usage_parsers(), ids=lambda each: " ".join(each))
def test_an_unknown_option_is_one_line_that_names_the_commands_help(words, needed, capsys):
    assert main([*words, *needed, "--no-such-option"]) == cli.USAGE
    command = f"vsrife {' '.join(words)}"
    assert capsys.readouterr().err == (
        f"{command}: error: unrecognized arguments: --no-such-option; see `{command} --help`\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rendr", "a"], "vsrife: error: argument COMMAND: invalid choice: 'rendr' (choose from "),
        (["between"], "vsrife between: error: the following arguments are required: A, B, "),
        (["between", "a", "b", "-o", "c", "-n"], "vsrife between: error: argument -n/--count"),
        (
            ["models"],
            "vsrife models: error: the following arguments are required: ACTION; "
            "`vsrife models list` is an example; see ",
        ),
        (
            ["between", "a", "b"],
            "vsrife between: error: the following arguments are required: -o/--output; "
            "`vsrife between a.png b.png -n 3 -o between` is an example; see ",
        ),
        (
            ["script", "a", "--sc", "adaptive", "--fps", "60"],
            "vsrife script: error: unrecognized arguments: --sc; `vsrife render` has --sc; see ",
        ),
        (["models", "fetch"], "vsrife models fetch: error: one of the arguments NAME --all is"),
        (
            ["help", "rendr"],
            "vsrife help: error: there is no command 'rendr'; did you mean render?",
        ),
        (
            ["render", "a\nb", "--crf"],
            "vsrife render: error: argument --crf: expected one argument",
        ),
    ],
)
def test_what_is_not_understood_is_one_line(words, said, capsys):
    assert main(words) == cli.USAGE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(said)
    assert err.endswith("--help`\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rendr"], "; did you mean render?; see `vsrife --help`"),
        (["doctor", "--jsn"], "arguments: --jsn; did you mean --json?; see `vsrife doctor --help`"),
        (["doctor", "--jsn=1", "x"], "arguments: --jsn; did you mean --json?; see"),
        (["doctor", "x", "y"], "unrecognized arguments: x y; see `vsrife doctor --help`"),
        (
            ["render", "a", "-o", "b", "--overw"],
            "arguments: --overw; did you mean --overwrite?; see",
        ),
        (
            ["render", "a", "-o", "b", "--protect", "auto"],
            "arguments: auto; did you mean --protect-auto?; see",
        ),
        (["doctor", "--zzzz"], "unrecognized arguments: --zzzz; see"),
    ],
)
def test_what_was_meant_is_guessed(words, said, capsys):
    assert main(words) == cli.USAGE
    assert said in capsys.readouterr().err


TYPED = (
    "render in.mkv -o o.mkv",
    {
        "--factor 2 --fps 60": "--fps and --factor exclude each other; give one of them",
        "--no-scene-changes --sc no": "--no-scene-changes and --sc or --sc-threshold exclude",
        "--bitrate -5M": "--bitrate must be a number with a unit, as 5M, not '-5M'",
        "--start -10s": "--start must be a frame's number as 240, or a time as 10s",
        "--crf -1": "--crf must be a whole number from 0 to 51 for x264, not -1",
        "--preset anime": "and none has 'anime'; for a kind of film say --preset-for anime",
        "--crf 3 --bitrate 5M": "--crf, --bitrate and --max-size exclude each other; give one",
        "--end 3 --count 5": "--end and --count exclude each other; give one of them",
        "--audio stretch": "--audio stretch goes with --slow or --times; copy keeps",
        "--max-size small": "--max-size must be a number with a unit, as 10MB, not 'small'",
        "--times ramp --start 3": "--times and --start exclude each other; the file",
        "--times ramp": "--times ramp, line 1: the output time must be a time as 10s, 1:30 or",
        "--backend onx": ", not 'onx'; did you mean onnx?",
        "--encoder x26": ", not 'x26'; did you mean x264 or x265?",
        "--preset foo": "--preset must be one of ultrafast,",
        "--preset meduim": "--preset is for encoders, and none has 'meduim'; did you mean medium?",
        "--workers two": "--workers must be a whole number or auto, not 'two'",
        "--audio lod": "--audio must be one of copy, aac, opus, stretch, none, not 'lod'",
    },
)


@pytest.mark.parametrize("words", TYPED[1])
def test_messages_name_options_as_they_are_typed(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in (("in.mkv", ""), ("ramp", "0 soon\n")):
        Path(name).write_text(text)
    assert main([*TYPED[0].split(), *words.split()]) == cli.FAILED
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert TYPED[1][words] in said


def test_measures_and_formats_are_guessed_and_explained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Path(name).write_bytes(b"")
    assert main(["between", "a.png", "b.png", "-o", "f", "--format", "jpg"]) == cli.FAILED
    assert "must be one of png, tif, tiff, exr, not 'jpg'; these" in capsys.readouterr().err
    assert main(["compare", "a.png", "b.png", "--measures", "psn"]) == cli.FAILED
    assert "'psn'; did you mean psnr?" in capsys.readouterr().err


def shell(words, *, buffered=True):
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    if not buffered:
        variables["PYTHONUNBUFFERED"] = "1"
    command = ["sh", "-c", f'"$0" -m vsrife {words}', sys.executable]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, env=variables, check=False)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize(
    ("words", "buffered"),
    [("models list --json", True), ("models list --json", False), ("--help", True)],
)
def test_a_stdout_that_is_full_is_one_line(words, buffered):
    done = shell(f"{words} >/dev/full", buffered=buffered)
    assert (done.returncode, done.stderr) == (
        cli.FAILED,
        "vsrife: error: stdout cannot be written: No space left on device\n",
    )


# Raises a signal when a module is looked for, then runs a file as the interpreter would
_STRUCK = """
import runpy, signal, sys

struck, entry = sys.argv[1:]
sys.argv[1:] = ["models", "list"]

class Striker:
    def find_spec(self, name, path=None, target=None):
        if name == struck:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
sys.meta_path.insert(0, Striker())
if entry == "-m":
    runpy.run_module("vsrife", run_name="__main__", alter_sys=True)
else:
    module, _, function = entry.partition(":")
    sys.exit(getattr(__import__(module, fromlist=[function]), function)())
"""
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]


STRUCK = [
    ("vsrife.cli", "-m"),
    ("vsrife.cli", PROJECT["scripts"]["vsrife"]),
    ("argparse", "-m"),
    ("vsrife.cli.signals", PROJECT["scripts"]["vsrife"]),
    ("vsrife.cli.models", "-m"),
]


@pytest.mark.parametrize(("module", "entry"), STRUCK)
def test_ctrl_c_while_modules_are_imported_is_one_line(module, entry):
    command = [sys.executable, "-c", _STRUCK, module, entry]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        cli.INTERRUPTED,
        "",
        "vsrife: interrupted\n",
    )


def test_an_interrupt_that_is_ignored_stays_ignored():
    """As of a command in the background of a shell."""
    code = _STRUCK.replace("default_int_handler)", "SIG_IGN)")
    command = [sys.executable, "-c", code, "vsrife.cli", "-m"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == cli.OK


def test_plots_leave_nothing_in_the_home_but_our_cache(tmp_path):
    needs.package("matplotlib")
    code = (
        "from vsrife.evaluation.plotting import figure_class\n"
        "figure_class('eval')().savefig('a.png')\n"
        "import os; assert 'MPLCONFIGDIR' not in os.environ\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    root = str(Path(__file__).parents[2])
    variables = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=variables)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.parent.relative_to(home).as_posix() for path in files} == {
        ".cache/vsrife/matplotlib"
    }


def test_without_a_cache_plots_use_a_folder_that_goes_with_the_process(tmp_path):
    code = (
        "import os\n"
        "from vsrife.evaluation.plotting import own_folder\n"
        "with own_folder():\n"
        "    print(os.environ['MPLCONFIGDIR'], os.path.isdir(os.environ['MPLCONFIGDIR']))\n"
        "os.environ['MPLCONFIGDIR'] = 'mine'\n"
        "with own_folder():\n"
        "    print(os.environ['MPLCONFIGDIR'])\n"
    )
    variables = os.environ | {"VSRIFE_CACHE_DIR": "none", "TMPDIR": str(tmp_path)}
    variables.pop("MPLCONFIGDIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True
    )
    first, second = done.stdout.splitlines()
    assert first.startswith(str(tmp_path))
    assert first.endswith(" True")
    assert second == "mine"
    assert not list(tmp_path.iterdir())


def test_a_word_that_is_known_twice_is_guessed_once():
    assert alike("cud", ["cuda", "cuda", "cuda:1"]) == "; did you mean cuda or cuda:1?"
