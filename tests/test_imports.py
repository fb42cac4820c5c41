"""The rooms: what may import what, and that nothing heavy is loaded before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vsrife"
HEAVY = {
    "torch", "onnxruntime", "openvino", "av", "rich", "safetensors", "rlottie_python", "urllib3",
    "truststore", "filelock", "onnx", "torchmetrics", "matplotlib", "PIL", "imageio_ffmpeg",
}  # fmt: skip  # a list of words

# room -> rooms it may import from, besides its own; a room is a folder or a module of the package
ALLOWED = {
    "errors": set(),
    "timing": {"errors"},
    "frames": {"errors", "timing"},
    "formats": {"errors", "frames"},
    "marks": {"frames"},
    "scenes": {"errors", "frames", "marks", "timing"},
    "adaptive": {"frames", "marks", "scenes"},
    "duplicates": {"frames", "marks"},
    "overlay": {"errors", "frames", "marks"},
    "repair": {"errors"},
    "net": {"errors"},
    "graph": {"errors", "net"},
    "store": {"errors", "net"},
    "backends": {"errors", "graph", "net", "store"},
    "export": {"errors", "graph", "net", "store"},
    "training": {"errors", "net", "store"},
    "evaluation": {"errors", "net", "store"},
    "plans": {"timing", "frames", "scenes", "duplicates"},
    "assemble": {
        "timing",
        "frames",
        "formats",
        "marks",
        "scenes",
        "overlay",
        "plans",
        "backends",
    },
    "filling": {"timing", "frames", "marks", "scenes", "duplicates", "repair", "plans"},
    "choices": {
        "errors",
        "timing",
        "scenes",
        "adaptive",
        "duplicates",
        "overlay",
        "repair",
        "plans",
        "filling",
    },
    "trt": {"errors", "timing", "backends"},
    "int8": set(),
    "filter": {
        "trt",
        "errors",
        "timing",
        "frames",
        "formats",
        "duplicates",
        "choices",
        "plans",
        "assemble",
        "store",
        "backends",
        "net",
    },
    "__init__": {"filter", "net", "store"},
    "__main__": {"cli", "errors", "store"},
    "cli": None,  # may import everything
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "vsrife":
                names.update(alias.name for alias in node.names)
            elif node.module.startswith("vsrife."):
                names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names.update(a.name.split(".")[1] for a in node.names if a.name.startswith("vsrife."))
    return names - {room_of(path), "__version__", "rife", "models", "model_dir"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_down(path):
    allowed = ALLOWED[room_of(path)]
    assert allowed is None or imported_rooms(path) <= allowed


def test_only_frame_rooms_import_vapoursynth():
    users = {
        room_of(p) for p in PACKAGE.rglob("*.py") if "import vapoursynth" in p.read_text("utf-8")
    }
    assert users <= {
        "frames", "formats", "marks", "scenes", "adaptive", "duplicates", "overlay", "filling",
        "choices", "plans", "assemble", "filter", "cli", "evaluation",
    }  # fmt: skip  # a list of names


def loaded_by(statement: str, *, after: str = "pass") -> set[str]:
    """Packages that `statement` loads, besides those that `after` has loaded: what packages of
    others bring along is not ours."""
    packages = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import sys; {after}; before = {packages}; {statement}; print(*{packages} - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "module", ["vsrife", "vsrife.net.table", "vsrife.backends", "vsrife.cli", "vsrife.cli.export"]
)
def test_importing_loads_nothing_heavy(module):
    assert not loaded_by(f"import {module}", after="import numpy, vapoursynth") & HEAVY


def test_the_test_above_can_fail():
    assert "onnx" in loaded_by("import vsrife.graph", after="import numpy, vapoursynth")


def test_graphs_are_written_without_any_framework():
    assert not loaded_by("import vsrife.graph", after="import numpy, vapoursynth, onnx") & HEAVY


@pytest.mark.parametrize("module", ["vsrife.timing", "vsrife.net.table", "vsrife.net.weights"])
def test_pure_modules_need_no_package_of_others(module):
    # a bare package in place of vsrife/__init__.py, which joins all rooms
    bare = "import importlib.util, types; package = types.ModuleType('vsrife')"
    bare += f"; package.__path__ = ['{PACKAGE.as_posix()}']; sys.modules['vsrife'] = package"
    assert not loaded_by(f"{bare}; import {module}") & (HEAVY | {"numpy", "vapoursynth"})
