"""The page about trouble quotes messages that programs really print."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import vapoursynth as vs

from tests.support import needs
from tests.support.pages import PACKAGE, read
from vsrife import rife

core = vs.core
PAGE = "docs/guide/trouble.md"
SCRIPTS = Path(sysconfig.get_path("scripts"))
STARTS = read(PAGE).split("## It looks wrong")[0]
QUOTED = [
    span
    for cell in re.findall(r"^\| (?!---|message)(.+?) \|", STARTS, re.MULTILINE)
    for span in re.findall(r"`([^`]+)`", cell)
]
# Programs that tests have not, or that print it on another machine only
ELSEWHERE = {
    "Invalid magic number",  # FFmpeg
    "Torch not compiled with CUDA enabled",  # PyTorch without CUDA
    "No matching distribution found for vapoursynth",
    "ResolutionImpossible",  # pip of Python 3.11
    "certificate",  # in any message of the system's
}


def clip(**options):
    shape = {"format": vs.YUV420P8, "width": 64, "height": 48, "length": 4}
    return core.std.BlankClip(**shape | options)


def damaged(folder):
    (folder / "x.pth").write_bytes(b"PK\x03\x04abc")
    rife(clip(), model=folder / "x.pth")


def no_cuda(_):
    needs.package("torch")
    import torch

    if torch.cuda.is_available():
        pytest.skip("has CUDA")
    rife(clip(), device="cuda", backend="pytorch")


def no_tensorrt(_):
    needs.package("onnxruntime")
    import onnxruntime

    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("has TensorRT")
    rife(clip(), provider="tensorrt")


def other_size(_):
    rife(core.std.Splice([clip(), clip(width=128)], mismatch=True))


def no_source(_):
    needs.package("av")
    core.bs.VideoSource("/no/such.mkv")


def in_script(text, *options, env=None):
    """What vspipe and x264, if there is one, say about a script."""

    def run(folder):
        path = folder / "script.vpy"
        path.write_text(
            f"import vapoursynth as vs\nfrom vapoursynth import core\n{text}\n", "utf-8"
        )
        done = subprocess.run(
            [SCRIPTS / "vspipe", path, *options, folder / "out"],
            capture_output=True,
            text=True,
            env=os.environ | configured(folder) | (env or {}),
        )
        raise RuntimeError(done.stdout + done.stderr)

    return run


def configured(folder):
    env = {"XDG_CONFIG_HOME": str(folder)}
    command = [sys.executable, "-m", "vapoursynth", "config"]
    subprocess.run(command, env=os.environ | env, check=True, capture_output=True)
    return env


def unconfigured(folder):
    env = os.environ | {"XDG_CONFIG_HOME": str(folder / "none"), "HOME": str(folder)}
    done = subprocess.run(
        [SCRIPTS / "vspipe", "x.vpy", "-"], capture_output=True, text=True, env=env
    )
    raise RuntimeError(done.stdout + done.stderr)


CAUSES = {
    "No module named 'vapoursynth'": lambda _: __import__("vapoursynth_missing"),
    "No module named 'vsrife'": lambda _: __import__("vsrife_missing"),
    "Failed to initialize VSScript": unconfigured,
    "Python executable and library path couldn't be determined": unconfigured,
    "No attribute with the name bs exists. Did you mistype a plugin namespace or forget to install"
    " a plugin?": lambda _: core.no_such_plugin,
    "rife() got an unexpected keyword argument 'multi'": lambda _: rife(clip(), multi=2),
    "rife() got an unexpected keyword argument": lambda _: rife(clip(), multi=2),
    "model file has not been downloaded": lambda _: rife(clip(), model="4.25"),
    "it is damaged, cut short or no weights file": damaged,
    "clip must have a constant format and size": other_size,
    "clip does not have a valid frame rate and hence fps_num and fps_den cannot be used": (
        lambda _: rife(clip(fpsnum=0, fpsden=1), fps=60)
    ),
    "Couldn't open": no_source,
    "Failed to retrieve output node": in_script(""),
    "can only apply y4m headers to YUV and Gray format clips": in_script(
        "core.std.BlankClip(format=vs.RGBS, length=1).set_output()", "-c", "y4m"
    ),
    "device 'cuda' is not available": no_cuda,
    "provider 'tensorrt' is not in the installed ONNX Runtime": no_tensorrt,
    "ensemble is not supported in v4.25": lambda _: rife(clip(), model="4.25", ensemble=True),
}
OURS = {
    "needs what is not installed",
    "another process is rendering",
}
OF_X264 = {"y4m [error]: bad sequence header magic", "could not open input file"}
# names that stand for any: what the message says of `multi`, it says of others, too
STANDS_FOR = {
    "'vapoursynth'": "'vapoursynth_missing'",
    "'vsrife'": "'vsrife_missing'",
    "the name bs": "the name no_such_plugin",
}


def test_every_quoted_message_is_provoked_here_or_said_to_come_from_elsewhere():
    assert set(QUOTED) == set(CAUSES) | OURS | OF_X264 | ELSEWHERE


@pytest.mark.parametrize("message", CAUSES)
def test_a_quoted_message_is_what_is_printed(message, tmp_path):
    wanted = message
    for shown, said in STANDS_FOR.items():
        wanted = wanted.replace(shown, said)
    with pytest.raises(Exception, match=re.escape(wanted)):
        CAUSES[message](tmp_path)


@pytest.mark.parametrize("message", sorted(OURS))
def test_a_quoted_message_of_ours_is_in_the_code(message):
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert message in code


def test_x264_says_this_where_no_y4m_comes_in(tmp_path):
    try:
        done = subprocess.run(
            ["x264", "--demuxer", "y4m", "-", "-o", tmp_path / "out.mkv"],
            input=b"no y4m",
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("no x264")
    assert all(message in done.stderr.decode() for message in OF_X264)


def test_messages_while_it_runs_are_in_the_code():
    runs = read(PAGE).split("## It is slow, or stops")[1]
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    for message in ("building a TensorRT engine", "out of memory"):
        assert f"`{message}`" in runs
        assert message in code
