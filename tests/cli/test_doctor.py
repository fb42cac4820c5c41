"""vsrife doctor: every part is told, a broken one never ends it, and its advice helps."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vsrife.cli import main
from vsrife.diagnosis import diagnosis, processes, storage, surroundings
from vsrife.diagnosis.processes import Answer
from vsrife.inference.select import BACKENDS, is_installed
from vsrife.weights import CACHE_VARIABLE, cache_folder

CPU = next(name for name in ("onnx", "openvino", "pytorch") if is_installed(name))


@pytest.fixture(scope="module", autouse=True)
def configured(tmp_path_factory):
    """vspipe as its own program configures it, for a user of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        words = [sys.executable, "-m", "vapoursynth", "config"]
        subprocess.run(words, check=True, capture_output=True)
        yield


def report(capsys, *words: str) -> tuple[int, dict]:
    code = main(["doctor", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def answering(monkeypatch, **answers: Answer) -> None:
    """Answers instead of processes; what is not named works."""
    good = {"installed": True, "seconds": 0.1, "psnr": 32.0, "width": 480, "height": 272,
            "device": "cpu", "devices": ["cpu"], "providers": []}  # fmt: skip

    def ask(what, limit):
        name = what[-1]
        core = {"version": "R81", "threads": 2, "cache_mib": 100, "plugins": []}
        return answers.get(name) or Answer(core if name == "vapoursynth" else good)

    monkeypatch.setattr(diagnosis, "ask", ask)
    monkeypatch.setattr(diagnosis, "is_installed", lambda name: True)
    monkeypatch.setattr(
        surroundings, "vspipe", lambda limit: {"path": "/x", "error": "", "first": ""}
    )


def test_a_backend_makes_a_frame_and_its_time_is_told(capsys, monkeypatch):
    monkeypatch.setattr(diagnosis, "BACKENDS", {CPU: BACKENDS[CPU]})
    code, found = report(capsys, "--limit", "300")
    assert code == 0
    assert found["works"]
    assert found["failed"] == {}
    (row,) = found["backends"]
    assert row["error"] == ""
    assert row["seconds"] > 0
    assert row["device"] == "cpu"
    assert found["vapoursynth"]["version"].startswith("R")
    assert found["vspipe"]["error"] == ""
    assert found["models"]["embedded"]
    assert found["packages"]["numpy"]


def test_every_backend_has_a_line_and_so_has_every_part(capsys, monkeypatch):
    answering(monkeypatch, onnx=Answer({}, "no such library"))
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for name in BACKENDS:
        assert f"\n  {name}" in text
    for title in ("machine", "VapourSynth", "backends", "files", "packages"):
        assert f"\n{title}\n" in text
    assert "FAILS: no such library" in text


def test_with_nothing_that_makes_frames_the_code_is_1(capsys, monkeypatch):
    broken = Answer({}, "no answer after 30 s; cut off")
    answering(monkeypatch, **dict.fromkeys(BACKENDS, broken))
    code, found = report(capsys)
    assert code == 1
    assert not found["works"]
    assert any("cut off" in step["why"] for step in found["next"])
    assert main(["doctor"]) == 1
    assert "NOTHING HERE CAN MAKE A FRAME." in capsys.readouterr().out


def test_a_wrong_picture_is_not_taken_for_one_that_works(capsys, monkeypatch):
    answering(monkeypatch, **{name: Answer({"installed": True, "psnr": 9.0}) for name in BACKENDS})
    code, found = report(capsys)
    assert code == 1
    assert "makes a wrong picture (9.0 dB" in found["backends"][0]["error"]


PARTS = {
    "machine": (surroundings, "machine"), "packages": (surroundings, "packages"),
    "other packages": (surroundings, "other_packages"), "VapourSynth": (diagnosis, "_vapoursynth"),
    "vspipe": (surroundings, "vspipe"), "backend onnx": (diagnosis, "_backend"),
    "caches": (storage, "find_caches"), "model folder": (storage, "find_model_folder"),
    "models": (storage, "find_models"),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_raises_is_a_line_of_the_report(capsys, monkeypatch, part):
    answering(monkeypatch)
    real = getattr(*PARTS[part])

    def fail(*given):
        if part.startswith("backend") and given[0] != "onnx":
            return real(*given)
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(*PARTS[part], fail)
    code, found = report(capsys)
    assert code == 0
    assert found["failed"] == {part: "two lines"}
    assert main(["doctor"]) == 0
    assert "two lines" in capsys.readouterr().out


def test_nothing_in_the_report_names_the_user(capsys, monkeypatch, tmp_path):
    home = tmp_path / "annalisa"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr("getpass.getuser", lambda: "annalisa")
    monkeypatch.setenv(CACHE_VARIABLE, str(home / ".cache"))
    answering(monkeypatch, onnx=Answer({}, f"cannot read {home}/lib.so"))
    for words in ([], ["--json"]):
        assert main(["doctor", *words]) == 0
        text = capsys.readouterr().out
        assert "annalisa" not in text
        assert "cannot read ~/lib.so" in text


@pytest.mark.skipif(os.name == "nt", reason="Windows needs no configuration where Python is found")
def test_the_command_for_a_vspipe_that_is_not_configured_mends_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(diagnosis, "BACKENDS", {})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    _, found = report(capsys, "--limit", "300")
    if not found["vspipe"]["error"]:
        pytest.skip("this VapourSynth needs no configuration")
    (command,) = [step["command"] for step in found["next"] if "vspipe" in step["why"]]
    words = [os.path.expanduser(word) for word in shlex.split(command)]
    subprocess.run(words, check=True, capture_output=True)
    assert report(capsys, "--limit", "300")[1]["vspipe"]["error"] == ""


def test_caches_are_measured_and_not_made(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (row,) = storage.find_caches()
    assert (row.size, row.files, row.writable) == (0, 0, True)
    assert not (tmp_path / "cache").exists()
    made = cache_folder("openvino")
    (made / "below").mkdir()
    for name, size in (("a.graph", 100), ("below/b.graph", 23)):
        (made / name).write_bytes(b"x" * size)
    (row,) = storage.find_caches()
    assert (row.name, row.size, row.files, row.path) == ("openvino", 123, 2, str(made))
    monkeypatch.setenv(CACHE_VARIABLE, "none")
    assert storage.find_caches() == []
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # heeded on Linux
    if sys.platform == "linux":
        assert cache_folder("openvino") == tmp_path / "vsrife" / "openvino"


def test_other_packages_of_this_import_name_are_found(tmp_path):
    assert surroundings.other_packages([str(Path(surroundings.__file__).parents[2])]) == []
    info = tmp_path / "vsrife-5.6.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: VSRIFE\nVersion: 5.6.0\n")
    folder = tmp_path / "vsrife"
    folder.mkdir()
    (folder / "__init__.py").touch()
    found = surroundings.other_packages([str(tmp_path)])
    assert len(found) == 2
    assert "package vsrife 5.6.0" in found[0]
    assert str(folder.resolve()) in found[1]


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "1e9"])
def test_a_limit_that_cannot_be_is_refused(capsys, limit):
    assert main(["doctor", f"--limit={limit}"]) == 1
    assert "--limit must be more than 0" in capsys.readouterr().err


@pytest.mark.slow
def test_all_that_is_installed_is_tried(capsys):
    code, found = report(capsys, "--limit", "300")
    assert code == 0
    installed = [name for name in BACKENDS if is_installed(name) and name != "mlrt"]
    assert {row["name"] for row in found["backends"] if row["works"]} >= set(installed)


def test_a_question_is_asked_in_a_process_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(processes, "run", lambda words, limit: asked.append(words) or
                        processes.Ended(0, "", ""))  # fmt: skip
    assert processes.ask(["vapoursynth"], 1).error == "ended with code 0"
    assert asked[0][0] == sys.executable
