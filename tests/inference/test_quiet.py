"""Runtimes are imported without what they would send; around that, all is as it was."""

import os
import sys
import types

import pytest

from vsrife.inference.backends import quiet

RUNTIME = """
import os
allowed = os.environ.get("ORT_DISABLE_TELEMETRY") != "1"
try:
    import openvino_telemetry
    allowed = True
except ImportError:
    pass
if {broken}:
    raise OSError("libpretended.so.1 is missing")
"""


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A package that looks whether it may send, and one that fails after that."""
    for name, broken in (("pretended", False), ("pretended_broken", True)):
        (tmp_path / f"{name}.py").write_text(RUNTIME.format(broken=broken), encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("variable", [None, "0", "1"])
@pytest.mark.parametrize("module", [None, types.ModuleType("openvino_telemetry"), "none"])
def test_nothing_is_allowed_and_all_is_as_it_was(runtime, monkeypatch, variable, module):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    if variable is not None:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", variable)
    if module is not None:  # also where a user has forbidden it
        value = None if module == "none" else module
        monkeypatch.setitem(sys.modules, "openvino_telemetry", value)
    before = dict(os.environ), dict(sys.modules)
    found = quiet.load("pretended")
    assert not found.allowed
    with pytest.raises(OSError, match="libpretended"):
        quiet.load("pretended_broken")
    assert sys.modules.pop("pretended") is found
    assert (dict(os.environ), dict(sys.modules)) == before


def test_what_is_there_already_is_taken():
    before = sys.modules["json"] = __import__("json")
    assert quiet.load("json") is before


def test_a_build_that_tells_the_system_is_told_not_to(tmp_path, monkeypatch):
    """ONNX Runtime before 1.29, on Windows."""
    stub = "said = []\ndef disable_telemetry_events(): said.append(1)\n"
    (tmp_path / "onnxruntime.py").write_text(stub, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    assert quiet.load("onnxruntime").said == [1]
    assert quiet.load("onnxruntime").said == [1]
    monkeypatch.delitem(sys.modules, "onnxruntime")
