from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import vapoursynth as vs

from vsrife import __version__, cli, messages
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
        "from vsrife.cli import COMMANDS;"
        "print('LOADED', *(c.module for c in COMMANDS.values() if c.module in sys.modules));"
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
    words = importlib.import_module(COMMANDS[name].module).HELP.split()
    assert " ".join(words) in " ".join(output.split())
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
    said = "vsrife: error: missing.mkv does not exist or is no file; IN must be a video file"
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


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
    assert "[cli]" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(fake):
    fake(_raiser(ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError):
        main(["fake"])


def test_the_exit_code_is_the_commands(fake):
    fake(lambda args: 7)
    assert main(["fake"]) == 7


@pytest.mark.skipif(os.name == "nt", reason="shells and descriptors of POSIX")
@pytest.mark.parametrize("words", ["2>&-", "2>/dev/full", "2>&1 >/dev/null | true"])
def test_a_stderr_that_is_gone_changes_no_result(words: str, tmp_path: Path):
    if "full" in words and not os.path.exists("/dev/full"):
        pytest.skip("this system has no full device")
    script = (
        "import sys\n"
        "from vsrife import cli, messages\n"
        "import vsrife.cli.scenes as command\n"
        "command.add_arguments = lambda parser: None\n"
        "def run(args):\n"
        "    for n in range(100): messages.note('lost')\n"
        f"    open({str(tmp_path / 'done')!r}, 'w').write('done')\n"
        "    print('result')\n"
        "    return 0\n"
        "command.run = run\n"
        "sys.argv = ['vsrife', 'scenes']\n"
        "sys.exit(cli.main())\n"
    )
    shell = f'"$0" -c "$1" 3>&1 {words}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", shell, sys.executable, script], capture_output=True)
    assert done.returncode == 0
    assert done.stdout == (b"" if "|" in words else b"result\n")
    # no file of ours stands where stderr was
    assert (tmp_path / "done").read_text() == "done"


def test_a_voice_that_fails_once_is_silent(monkeypatch: pytest.MonkeyPatch):
    class Full:
        def __init__(self) -> None:
            self.count = 0

        def write(self, text: str) -> int:
            self.count += 1
            raise OSError(28, "No space left on device")

        flush = isatty = fileno = lambda self: 0

    full = Full()
    monkeypatch.setattr(sys, "stderr", full)
    voice = messages.Voice()
    assert [voice.write("abc") for _ in range(3)] == [3, 3, 3]
    assert full.count == 1
    assert not voice.isatty()


def test_no_stderr_at_all_is_fine(monkeypatch: pytest.MonkeyPatch, fake):
    monkeypatch.setattr(sys, "stderr", None)
    fake(_raiser(MediaError("a.mkv is bad")))
    assert main(["fake"]) == cli.FAILED
    assert main([]) == cli.USAGE
    assert not messages.Voice().isatty()


def test_a_name_in_another_encoding_is_one_line(fake, capsys: pytest.CaptureFixture[str]):
    def run(args: argparse.Namespace) -> int:
        "caf\udce9".encode()
        return 0

    fake(run)
    assert main(["fake"]) == cli.FAILED
    assert capsys.readouterr().err.startswith("vsrife: error: 'utf-8' codec can't encode")


# A command that has begun a file, says so and goes on: in Python, without hearing of signals deep
# in C code, in its own cleaning up, or where Python cannot raise anything
_WORKING = """
import ctypes, signal, sys, time
from pathlib import Path
from vsrife import cli
from vsrife.cli import scenes
from vsrife.media import parts

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background

def in_python():
    while True:
        sum(range(1000))

def in_a_plugin():
    library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    library.pthread_mutex_init(mutex, None)
    for _ in range(2):  # the second waits for good, whatever signals come
        library.pthread_mutex_lock(mutex)

def in_cleaning():
    try:
        in_python()
    finally:
        time.sleep(0.5)

def in_a_destructor():
    class Odd:
        def __del__(self):
            print("begun", flush=True)
            in_python()
    Odd()
    in_python()

def run(args):
    with parts.whole_file(Path(target)):
        if work is not in_a_destructor:
            print("begun", flush=True)
        work()

target, work = sys.argv[1], globals()[sys.argv[2]]
scenes.add_arguments, scenes.run = lambda parser: None, run
sys.argv = ["vsrife", "scenes"]
sys.exit(cli.main())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process outright")
@pytest.mark.parametrize(
    ("work", "signals"),
    [  # each work, and each number of signals while Python hears of them and while not
        pytest.param(work, signals, marks=() if (i + k) % 2 == 0 else pytest.mark.slow)
        for i, work in enumerate(("in_python", "in_a_plugin", "in_cleaning", "in_a_destructor"))
        for k, signals in enumerate((["SIGINT"], ["SIGTERM"] * 2, ["SIGINT", "SIGTERM"] * 3))
    ],
)
def test_any_number_of_signals_ends_in_130_and_one_line(
    work: str, signals: list[str], tmp_path: Path
):
    command = [sys.executable, "-c", _WORKING, str(tmp_path / "o.mkv"), work]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        try:
            for name in signals:
                process.send_signal(getattr(signal, name))
            _, said = process.communicate(timeout=60)  # it hangs if it is not ended
        finally:
            process.kill()
    assert process.returncode == cli.INTERRUPTED
    assert said == b"vsrife: interrupted\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="a closed stdout is a thing of POSIX shells")
def test_results_with_stdout_closed_are_no_traceback():
    command = f'"{sys.executable}" -m vsrife models list >&-'
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == cli.OK, done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_of_ours_that_is_missing_is_a_bug_and_not_a_package_to_install(fake, capsys):
    fake(_raiser(ModuleNotFoundError("No module named 'vsrife.gone'", name="vsrife.gone")))
    with pytest.raises(ModuleNotFoundError, match=r"vsrife\.gone"):
        main(["fake"])
    fake(_raiser(ModuleNotFoundError("No module named 'gone'", name="gone")))
    assert main(["fake"]) == 1
    assert "fake needs what is not installed: gone" in capsys.readouterr().err
