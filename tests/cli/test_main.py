from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import types

import pytest
import vapoursynth as vs

from vsrife import __version__, cli
from vsrife.__main__ import download_model
from vsrife.cli import COMMANDS, main
from vsrife.errors import MediaError, ModelError

_HEAVY = {"torch", "av", "rich", "onnxruntime", "safetensors"}


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def _command(run: object) -> types.ModuleType:
    module = types.ModuleType("vsrife.cli.fake")
    module.HELP = "Fake."  # type: ignore[attr-defined]
    module.add_arguments = lambda parser: None  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    return module


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch):
    """Make `vsrife fake` run a function."""

    def install(run: object) -> None:
        monkeypatch.setitem(COMMANDS, "fake", cli.Command("vsrife.cli.fake", "fake", "cli"))
        monkeypatch.setitem(sys.modules, "vsrife.cli.fake", _command(run))

    return install


def _raiser(error: BaseException):
    def run(args: argparse.Namespace) -> int:
        raise error

    return run


# What VapourSynth itself may load is not ours
_BEFORE = "import sys, vapoursynth; before = set(sys.modules);"
_LOADED = f"print('HEAVY', *sorted({_HEAVY!r} & (set(sys.modules) - before)))"


def test_help_names_every_command_and_imports_none_of_them():
    script = (
        f"{_BEFORE} from vsrife.cli import main; main(['--help']);"
        "print('LOADED', *sorted(m for m in sys.modules if m.startswith('vsrife.cli.')));"
        f"{_LOADED}"
    )
    output = _python("-c", script).stdout
    assert output.splitlines()[-2:] == ["LOADED", "HEAVY"]
    words = " ".join(output.split())
    assert all(f" {name} {command.help} " in words for name, command in COMMANDS.items())


@pytest.mark.parametrize("name", ["render", "demo"])
def test_help_of_a_command_loads_no_framework(name: str):
    script = f"{_BEFORE} from vsrife.cli import main; main(['{name}', '--help']); {_LOADED}"
    output = _python("-c", script).stdout
    assert f"vsrife {name} " in output.splitlines()[0]
    assert importlib.import_module(COMMANDS[name].module).HELP in output
    assert output.splitlines()[-1] == "HEAVY"


def test_the_check_for_heavy_modules_can_fail():
    assert "av" in _python("-c", f"{_BEFORE} import av; {_LOADED}").stdout.split()


def test_version_goes_to_stdout(capsys: pytest.CaptureFixture[str]):
    assert main(["--version"]) == cli.OK
    assert capsys.readouterr().out == f"vsrife {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["rendr"], "rendr"),
        (["--nothing"], "--nothing"),
        (["render"], "--output"),
        (["demo", "--wrong"], "--wrong"),
    ],
)
def test_what_is_not_understood_is_a_usage_error(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == cli.USAGE
    output = capsys.readouterr()
    assert output.out == ""
    assert "vsrife" in output.err.splitlines()[0]
    assert named in output.err.splitlines()[-1]


def test_no_command_prints_help_to_stderr(capsys: pytest.CaptureFixture[str]):
    assert main([]) == cli.USAGE
    output = capsys.readouterr()
    assert output.out == ""
    assert "render" in output.err


def test_python_m_vsrife_is_the_command_line():
    result = _python("-m", "vsrife", "render", "missing.mkv", "-o", "out.mkv")
    assert result.returncode == cli.FAILED
    assert result.stderr == (
        "vsrife: error: missing.mkv does not exist or is no file; IN must be a video file\n"
    )


def test_download_model_fetches_known_models_only():
    with pytest.raises(ModelError, match=r"'https://example\.org/other\.pkl' is of no known model"):
        download_model("https://example.org/other.pkl")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MediaError("a.mkv is bad"), "a.mkv is bad"),
        (vs.Error("rife: scale must be 1"), "scale must be 1"),
        (vs.Error("Plugin: two\n  lines"), "Plugin: two lines"),
        (OSError(28, "No space left"), "[Errno 28] No space left"),
        (
            vs.Error(
                "\nTraceback (most recent call last):\n  File 'x', line 1\n"
                "RuntimeError: no memory\nleft\n"
            ),
            "RuntimeError: no memory left",
        ),
    ],
)
def test_a_failure_is_one_line_on_stderr(
    fake, error: Exception, line: str, capsys: pytest.CaptureFixture[str]
):
    fake(_raiser(error))
    assert main(["fake"]) == cli.FAILED
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"vsrife: error: {line}\n"


def test_ctrl_c_gives_130(fake, capsys: pytest.CaptureFixture[str]):
    fake(_raiser(KeyboardInterrupt()))
    assert main(["fake"]) == cli.INTERRUPTED
    assert capsys.readouterr().err == "vsrife: interrupted\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows reports a closed pipe as another error")
def test_a_reader_that_has_seen_enough_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "vsrife", "models", "list"]
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "error" not in done.stderr.lower()
    assert "BrokenPipe" not in done.stderr


def test_a_missing_package_says_which_extra_to_install(fake, capsys: pytest.CaptureFixture[str]):
    fake(_raiser(ModuleNotFoundError("No module named 'av'", name="av")))
    assert main(["fake"]) == cli.FAILED
    assert "pip install vsrife[cli]" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(fake):
    fake(_raiser(ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError):
        main(["fake"])


def test_the_exit_code_is_the_commands(fake):
    fake(lambda args: 7)
    assert main(["fake"]) == 7
