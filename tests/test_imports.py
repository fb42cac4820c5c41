"""The layers of the package: what may import what, and what importing does not load."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vsrife
from vsrife.cli import COMMANDS

PACKAGE = Path(__file__).parents[1] / "vsrife"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "torch", "onnxruntime", "openvino", "av", "rich", "safetensors", "rlottie_python", "urllib3",
    "truststore", "filelock", "onnx", "torchmetrics", "matplotlib", "PIL", "imageio_ffmpeg",
    "ai_edge_litert", "flatbuffers", "ncnn",
}  # fmt: skip  # a list of words

# Folders and modules at the root, lowest first: each imports only what stands before it.
LAYERS = [
    "version", "system", "errors", "checks", "messages", "network", "weights", "inference",
    "detection", "images", "video", "arguments", "filter", "media", "rendering", "scripting",
    "export", "quantize", "evaluation", "diagnosis", "training", "cli", "__init__", "__main__",
]  # fmt: skip  # a list of words


def name_of(path: Path) -> str:
    return ".".join(("vsrife", *path.relative_to(PACKAGE).with_suffix("").parts))


NAMES = {name_of(path).removesuffix(".__init__"): path for path in MODULES}


def layer_of(name: str) -> str:
    """The folder or the root's module that a module belongs to."""
    return name.split(".")[1] if "." in name else "__init__"


@functools.cache  # several tests read them all
def imports_of(path: Path) -> frozenset[str]:
    """Our modules that a module imports, those imported inside functions counted.

    A package whose module is imported is not counted, though Python runs it first: its
    `__init__` may say which names it offers from below.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("vsrife"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in NAMES else node.module)
        elif isinstance(node, ast.Import):
            found.update(a.name for a in node.names if a.name.startswith("vsrife"))
    return frozenset(found)


def upward(path: Path) -> set[str]:
    """What a module imports from above."""
    mine = LAYERS.index(layer_of(name_of(path)))
    return {n for n in imports_of(path) if LAYERS.index(layer_of(n)) > mine}


def test_imports_point_down():
    assert len(MODULES) > 100
    found = {name_of(path): upward(path) for path in MODULES}
    assert {name: names for name, names in found.items() if names} == {}


def test_no_imports_form_a_circle():
    graph = {name: imports_of(path) - {name} for name, path in NAMES.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_no_file_name_stands_for_two_things():
    # the networks that are to be replaced keep the names that they had
    stems = [path.stem for path in MODULES if path.stem not in ("__init__", "__main__")]
    twice = {stem for stem in stems if stems.count(stem) > 1}
    # a command is named after the library behind it, a reader and a target after their format
    assert twice <= {"compare", "export", "quantize", "scenes", "onnx", "ncnn"}


def test_vapoursynth_stays_above_the_network():
    made_of_it = ("mlrt.py", "mlrt_arrays.py")  # the one backend whose runtimes are its filters
    modules = [path for path in MODULES if path.name not in made_of_it]
    users = {layer_of(name_of(p)) for p in modules if "import vapoursynth" in p.read_text("utf-8")}
    assert users <= {
        "video", "arguments", "filter", "cli", "media", "rendering", "scripting", "evaluation",
        "diagnosis",  # a script in a string
    }  # fmt: skip  # a list of words


def loaded_by(statement: str, *, after: str = "pass") -> set[str]:
    """Packages that `statement` loads, besides those that `after` has loaded: what packages of
    others bring along is not ours."""
    packages = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import sys; {after}; before = {packages}; {statement}; print(*{packages} - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


LIGHT = ["vsrife", "vsrife.network.table", "vsrife.inference", "vsrife.cli", "vsrife.cli.export"]


def test_importing_loads_nothing_heavy():
    assert not loaded_by(f"import {', '.join(LIGHT)}", after="import numpy, vapoursynth") & HEAVY


def test_the_test_above_can_fail():
    assert "onnx" in loaded_by("import vsrife.network.graphs", after="import numpy, vapoursynth")


def test_public_names_can_be_seen_before_they_are_loaded():
    assert set(vsrife.__all__) <= set(dir(vsrife))


def test_graphs_are_written_without_any_framework():
    assert (
        not loaded_by("import vsrife.network.graphs", after="import numpy, vapoursynth, onnx")
        & HEAVY
    )


PURE = ["vsrife.video.timeline", "vsrife.network.table", "vsrife.network.state_dict"]


def test_pure_modules_need_no_package_of_others():
    # a bare package in place of vsrife/__init__.py, which joins all rooms
    bare = "import importlib.util, types; package = types.ModuleType('vsrife')"
    bare += f"; package.__path__ = ['{PACKAGE.as_posix()}']; sys.modules['vsrife'] = package"
    assert not loaded_by(f"{bare}; import {', '.join(PURE)}") & (HEAVY | {"numpy", "vapoursynth"})


COMMAND_MODULES = sorted(command.module for command in COMMANDS.values())


def test_no_command_imports_another():
    assert len(COMMAND_MODULES) > 10
    found = {name: imports_of(NAMES[name]) & set(COMMAND_MODULES) for name in COMMAND_MODULES}
    assert {name: names for name, names in found.items() if names} == {}


TESTS = Path(__file__).parent
# In code and in code that stands in a string, which a process of its own runs
BORROWED = re.compile(r"(?:from|import)\s+tests\.[\w.]*?\b(?:test_\w+|conftest)\b")
BORROWED_NAME = re.compile(r"from\s+tests(?:\.\w+)*\s+import\s+[^\n]*\b(?:test_\w+|conftest)\b")


def borrowed(text: str) -> list[str]:
    return [*BORROWED.findall(text), *BORROWED_NAME.findall(text)]


def test_what_tests_share_is_in_no_test_module():
    found = {path: borrowed(path.read_text(encoding="utf-8")) for path in TESTS.rglob("*.py")}
    assert len(found) > 100
    assert {str(path): names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from tests.{}.test_render import FRAMES",
        "from tests.{}.conftest import ffmpeg",
        "from tests.{} import test_render",
        "import tests.{}.test_render",
    ],
)
def test_the_test_above_can_fail_too(line):
    assert borrowed(line.format("cli"))
