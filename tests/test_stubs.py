"""The stubs of VapourSynth name nothing that is not there, so types that pass are true."""

import ast
from pathlib import Path

import pytest
import vapoursynth as vs

STUBS = Path(__file__).parents[1] / ".ci" / "stubs" / "vapoursynth" / "__init__.pyi"
TREE = ast.parse(STUBS.read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef)}
# class of the stubs -> namespace of the plugin, and the package that has it
PLUGINS = {
    "_Std": ("std", "vapoursynth"),
    "_CoreStd": ("std", "vapoursynth"),
    "_Text": ("text", "vapoursynth"),
    "_MVTools": ("mv", "mvtools"),
    "_BestSource": ("bs", "bestsource"),
    "_VSZip": ("vszip", "vszip"),
}
KERNELS = [node.target.id for node in CLASSES["_Resize"].body if isinstance(node, ast.AnnAssign)]


def functions(name):
    return [node for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)]


def arguments(function):
    return {a.arg for a in (*function.args.args, *function.args.kwonlyargs)} - {"self"}


def known(namespace, function):
    """Arguments of a plugin's function, as it says itself."""
    plugin = getattr(vs.core, namespace)
    return {part.partition(":")[0] for part in getattr(plugin, function).signature.split(";")}


@pytest.mark.parametrize("name", PLUGINS)
def test_plugins_have_the_functions_and_arguments_of_the_stubs(name):
    namespace, package = PLUGINS[name]
    if not hasattr(vs.core, namespace):
        pytest.skip(f"{package} is not installed")
    assert functions(name)
    for function in functions(name):
        assert arguments(function) <= known(namespace, function.name), function.name


@pytest.mark.parametrize("kernel", KERNELS)
def test_resizers_have_the_arguments_of_the_stubs(kernel):
    (call,) = functions("_Kernel")
    assert arguments(call) <= known("resize", kernel)


def test_names_and_members_of_the_stubs_exist():
    clip = vs.core.std.BlankClip(length=1)
    samples = {
        "VideoNode": clip, "VideoFrame": clip.get_frame(0), "VideoFormat": clip.format,
        "Core": vs.core, "FrameProps": clip.get_frame(0).props,
    }  # fmt: skip  # a name beside its object
    plugins = {namespace for namespace, _ in PLUGINS.values()}
    for name, sample in samples.items():
        members = [n.name for n in functions(name)]
        members += [n.target.id for n in CLASSES[name].body if isinstance(n, ast.AnnAssign)]
        missing = [member for member in members if not hasattr(sample, member)]
        assert set(missing) <= plugins, name
    for node in TREE.body:
        if isinstance(node, ast.Assign):
            assert hasattr(vs, node.targets[0].id)
