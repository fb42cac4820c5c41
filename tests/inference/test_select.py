"""Which backend runs, what it needs, and that nothing is loaded for nothing."""

import os
import re
import subprocess
import sys
import types
from fractions import Fraction
from importlib import metadata

import onnxruntime
import pytest
import torch
import vapoursynth as vs

from tests.support.clips import clip_of, noise, pictures
from vsrife import rife
from vsrife.errors import ArgumentError, BackendError
from vsrife.inference import network_options, open_backend, select
from vsrife.inference.backends import mlrt, openvino
from vsrife.inference.base import Hardware
from vsrife.inference.network_options import NetworkOptions
from vsrife.inference.ort import backend as onnx
from vsrife.media.timestamps import constant_times
from vsrife.media.writing.encode import Encoding, write_video
from vsrife.network import build
from vsrife.weights import read_arrays, save_weights

# A finder that answers for packages that are not installed, as far as anybody can tell
WITHOUT = """
import sys
class Nobody:
    names = {names!r}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Nobody())
"""


def run_without(names, code, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(names=set(names)) + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | variables,
    )


LOADED = "print(*sorted({'torch', 'onnxruntime', 'openvino'} & set(sys.modules)))"
SCRIPT = f"""
import vapoursynth as vs
import vsrife
assert not {{'torch', 'onnxruntime', 'openvino', 'onnx'}} & set(sys.modules)
clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=3)
clip = clip.std.FrameEval(lambda n: clip.std.BlankClip(color=[40 + 9 * n, 128, 128]))
made = []
for model, pace in MODELS:
    made.append(vsrife.rife(clip, model=model, pace=pace, sc=True))
    made[-1].get_frame(1)
{LOADED}
"""


@pytest.mark.parametrize(
    ("missing", "loaded", "models"),
    [
        ("torch openvino", "onnxruntime", [("nano", None), ("small", "drawn")]),
        ("torch onnxruntime", "openvino", [("nano", "drawn")]),
    ],
)
def test_the_filter_needs_no_torch(missing, loaded, models):
    done = run_without(missing.split(), f"MODELS = {models!r}{SCRIPT}")
    assert (done.returncode, done.stdout.split()) == (0, [loaded]), done.stderr


def test_the_test_above_can_fail():
    code = f"MODELS = [('nano', None)]{SCRIPT}"
    done = run_without(["torch", "openvino", "onnxruntime"], code)
    assert done.returncode == 1
    assert 'no backend is installed that could run this; pip install ".[onnx]"' in done.stderr


def test_the_command_line_needs_no_torch(tmp_path):
    yuv = clip_of(noise(64, 48), 3).resize.Bicubic(format=vs.YUV420P8, matrix_s="170m")
    write_video(yuv, tmp_path / "in.mkv", constant_times(Fraction(24), 3), Encoding())
    commands = [
        ["demo", "-o", str(tmp_path / "demo")],
        ["render", str(tmp_path / "in.mkv"), "-o", str(tmp_path / "out.mkv")],
        ["models", "list"],
    ]
    code = f"""
from fractions import Fraction
from importlib import metadata
from vsrife.cli import demo, main
demo.SECONDS, demo.MOMENTS = Fraction(1, 6), (Fraction(1, 24),)  # of a film of three seconds
print([main(command) for command in {commands!r}])
{LOADED}
"""
    done = run_without(["torch", "openvino"], code)
    assert done.stdout.splitlines()[-2:] == ["[0, 0, 0]", "onnxruntime"], done.stderr
    assert (tmp_path / "out.mkv").stat().st_size > 1000
    assert (tmp_path / "demo" / "contact.png").stat().st_size > 1000


MISSING = [
    ("onnx", "onnx", "onnx"),  # before what imports it
    ("onnx", "onnxruntime", "onnx"),
    ("openvino", "openvino", "openvino"),
    ("pytorch", "torch", "torch"),
]


@pytest.fixture(scope="module")
def refusals():
    """What is said in each of these cases, one after another in a process of its own."""
    code = f"""
import vapoursynth as vs
import vsrife
clip = vs.core.std.BlankClip(format=vs.RGBS, width=64, height=48, length=3)
for backend, missing in {[(backend, missing) for backend, missing, _ in MISSING]!r}:
    Nobody.names = {{missing}}
    try:
        vsrife.rife(clip, backend=backend)
        print("a filter")
    except vs.Error as error:
        print(error)
"""
    done = run_without([], code)
    assert done.returncode == 0, done.stderr
    return dict(zip(MISSING, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("case", MISSING, ids=str)
def test_a_missing_runtime_names_what_to_install(refusals, case):
    backend, package, extra = case
    text = f"rife: backend '{backend}' needs what is not installed: {package}; pip install "
    assert text in refusals[case]
    assert f"[{extra}]" in refusals[case]


@pytest.fixture
def machine(monkeypatch):
    """A machine with what is said here instead of this one."""

    def prepare(*installed, gpu=False, torch_sees=False, offered=("CPUExecutionProvider",)):
        monkeypatch.setattr(select, "ON_CPU", ("openvino", "onnx", "pytorch"))
        monkeypatch.setattr(select, "is_installed", lambda name: name in installed)
        monkeypatch.setattr(mlrt, "plugins", lambda: ["ov"] * ("plugin" in installed))
        monkeypatch.setattr(select, "_may_have_gpu", lambda: gpu)
        monkeypatch.setattr(select, "_torch_has_gpu", lambda: torch_sees)
        runtime = types.ModuleType("onnxruntime")
        runtime.get_available_providers = lambda: list(offered)
        monkeypatch.setitem(sys.modules, "onnxruntime", runtime)

    return prepare


ALL = ("pytorch", "onnx", "openvino")
CUDA = ("CUDAExecutionProvider", "CPUExecutionProvider")
CHOICES = [
    (ALL, {}, {}, "openvino"),
    (("pytorch", "onnx"), {}, {}, "onnx"),
    (("pytorch",), {}, {}, "pytorch"),
    (ALL, {"gpu": True, "torch_sees": True}, {}, "pytorch"),
    (ALL, {"gpu": True, "offered": CUDA}, {}, "onnx"),
    (("onnx", "openvino"), {"gpu": True, "offered": CUDA}, {}, "onnx"),
    (ALL, {"gpu": True}, {}, "openvino"),
    (ALL, {"gpu": True, "torch_sees": True}, {"device": "cpu"}, "openvino"),
    (ALL, {}, {"device": "cuda:1"}, "pytorch"),
    (("onnx", "openvino"), {}, {"device": "cuda"}, "onnx"),
    (ALL, {}, {"device": "gpu.1"}, "openvino"),
    (ALL, {}, {"device": "npu"}, "openvino"),
    # without a plugin of vs-mlrt, what is missing is OpenVINO
    (("onnx", "mlrt"), {}, {"device": "gpu"}, "openvino"),
    (("onnx", "mlrt", "plugin"), {}, {"device": "gpu"}, "mlrt"),
    (ALL, {}, {"provider": "cuda"}, "onnx"),
    (ALL, {}, {"memory_limit": 4000}, "onnx"),
    (ALL, {"gpu": True, "torch_sees": True}, {"num_streams": 2}, "openvino"),
    (ALL, {"gpu": True, "torch_sees": True}, {"graph": True}, "openvino"),
    (("pytorch", "onnx"), {"gpu": True, "torch_sees": True}, {"graph": True}, "onnx"),
]


@pytest.mark.parametrize(("installed", "there", "asked", "wanted"), CHOICES)
def test_the_best_backend_for_what_is_there_and_asked(machine, installed, there, asked, wanted):
    machine(*installed, **there)
    asked = dict(asked)
    graph = asked.pop("graph", False)
    found = select.candidates(Hardware(**asked), graph=graph)
    assert found[0] == wanted
    assert len(set(found)) == len(found)  # each is tried once


def test_without_any_backend_the_way_out_is_named(machine):
    machine()
    with pytest.raises(BackendError, match=r"no backend is installed .*\.\[onnx\]"):
        select.candidates(Hardware())


# What docs/guide says of machines without a GPU: the fastest first
ON_CPU = [
    ("", "", ["openvino", "onnx", "pytorch"]),
    ("openvino", "", ["onnx", "pytorch"]),
    ("openvino onnxruntime", "", ["pytorch"]),
    ("torch", "", ["openvino", "onnx"]),
    ("openvino torch", "", ["onnx"]),
    ("onnxruntime", "", ["openvino", "pytorch"]),
    ("onnx", "", ["pytorch"]),
    ("", "num_streams=2", ["openvino", "onnx"]),
    ("openvino", "threads=2", ["onnx"]),
]


@pytest.fixture(scope="module")
def real_order():
    """What is taken in each case, in a process of its own: here, PyTorch comes first."""
    code = f"""
from vsrife.inference import select
from vsrife.inference.base import Hardware
select._may_have_gpu = lambda: False
for missing, asked in {[(missing.split(), asked) for missing, asked, _ in ON_CPU]!r}:
    Nobody.names = missing
    print(*select.candidates(eval(f"Hardware({{asked}})")))
print({LOADED[6:-1]})
"""
    done = run_without([], code)
    assert done.returncode == 0, done.stderr
    *orders, loaded = done.stdout.split("\n")[:-1]
    assert loaded == ""  # to choose loads none
    return dict(zip(((missing, asked) for missing, asked, _ in ON_CPU), orders, strict=True))


@pytest.mark.parametrize(("missing", "asked", "wanted"), ON_CPU)
def test_the_real_order_on_a_cpu(real_order, missing, asked, wanted):
    assert real_order[missing, asked].split() == wanted


FIRST = [
    ("openvino onnxruntime", "TorchBackend"),
    ("openvino", "OrtBackend"),
    ("", "OvBackend"),
]


@pytest.mark.parametrize(("missing", "kind"), FIRST)
def test_the_first_of_them_is_opened(real_order, monkeypatch, missing, kind):
    order = tuple(real_order[missing, ""].split())
    monkeypatch.setattr(select, "candidates", lambda *_, **__: order)
    assert type(open_backend(None, Hardware())).__name__ == kind


ASK_TORCH = """
import sys
sys.path.insert(0, sys.argv[1])
from vsrife.inference import select
assert "torch" not in sys.modules
sys.platform = "linux"
print(select._torch_has_gpu())
"""


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\nxpu = None\n", "False"),
        ("cuda: Optional[str] = '13.2'\nhip: Optional[str] = None\n", "was imported"),
    ],
)
def test_torch_built_for_the_cpu_is_not_imported_to_be_asked(tmp_path, version, found):
    """In a process of its own, since that of the tests has a PyTorch."""
    (tmp_path / "torch").mkdir()
    begin = "print('was imported')\nraise SystemExit\n"
    (tmp_path / "torch" / "__init__.py").write_text(begin, encoding="utf-8")
    (tmp_path / "torch" / "version.py").write_text(version, encoding="utf-8")
    done = run_without([], ASK_TORCH, tmp_path)
    assert (done.returncode, done.stdout.split("\n")[0]) == (0, found), done.stderr


ARGUMENTS = {
    "backend": ({"backend": "tf"}, "backend must be one of pytorch, onnx, openvino.*, not 'tf'"),
    "threads": ({"threads": 0}, "threads must be at least 1 and a whole number, not 0"),
    "num_streams": ({"num_streams": 1.5}, r"num_streams must be at least 1 .*not 1\.5"),
    "provider of another kind": ({"provider": 3}, "provider must be a name, not 3"),
    "device of another kind": ({"device": 3}, "device must be a name, not 3"),
    "unknown provider": ({"provider": "gpu"}, "provider must be one of tensorrt, cuda, .*'gpu'"),
    "absent provider": ({"provider": "cuda"}, r"'cuda' is not in the installed ONNX Runtime"),
    "memory on a CPU": ({"backend": "onnx", "memory_limit": 9}, "memory_limit is for the provid"),
    "streams on PyTorch": (
        {"backend": "pytorch", "num_streams": 2},
        "num_streams=2 is not for backend 'pytorch', which makes one .*='onnx' or 'openvino'",
    ),
    "threads on PyTorch": (
        {"backend": "pytorch", "threads": 2},
        "threads=2 is not for backend 'pytorch', which heeds OMP_NUM_THREADS",
    ),
    "provider on PyTorch": ({"backend": "pytorch", "provider": "cuda"}, "provider='cuda' is not"),
    "provider on OpenVINO": ({"backend": "openvino", "provider": "cuda"}, "provider='cuda' is n"),
    "device of OpenVINO": (
        {"backend": "openvino", "device": "cuda"},
        "device must be one of cpu, gpu, npu, xpu with backend='openvino', .* not 'cuda'",
    ),
    "absent device": (
        {"backend": "openvino", "device": "npu"},
        "device 'npu' is not available; OpenVINO has CPU",
    ),
    "device of ONNX Runtime": ({"backend": "onnx", "device": "tpu"}, "device must be one of cuda"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_what_a_backend_cannot_be_asked_for_is_said_at_script_time(monkeypatch, case):
    """On a machine of a CPU alone, whatever this one has."""
    monkeypatch.setattr(onnx.providers, "offered", lambda ort: ("cpu",))
    only = types.SimpleNamespace(available_devices=["CPU"])
    monkeypatch.setattr(openvino, "_core", lambda: only)
    arguments, message = ARGUMENTS[case]
    with pytest.raises(vs.Error, match=f"rife: {message}|{message}"):
        rife(clip_of(noise(16, 16), 2), **arguments)


def test_weights_that_do_not_fit_are_refused_by_graphs_as_by_pytorch(weights, tmp_path):
    path = tmp_path / "flownet_v4.25.pkl"
    state = read_arrays(weights("4.25"))
    state["block0.conv0.0.0.bias"] = state["block0.conv0.0.0.bias"][:-1]
    save_weights(tmp_path / "x.safetensors", state, {})
    for backend in ("pytorch", "onnx", "openvino"):
        with pytest.raises(vs.Error, match=r"no known network; nearest is 4\.25.*block0\.conv0"):
            rife(clip_of(noise(16, 16), 2), model=tmp_path / "x.safetensors", backend=backend)
    assert not path.exists()


@pytest.mark.parametrize("backend", ["pytorch", "onnx", "openvino"])
def test_weights_that_are_replaced_are_read_anew(tmp_path, backend):
    """Also while a filter with those before lives, whose network is shared else."""
    clip, path = clip_of(noise(64, 48), 2), tmp_path / "weights.safetensors"
    held, made = [], []
    for seed, time in ((1, 1), (2, 2), (2, 2)):
        torch.manual_seed(seed)
        save_weights(path, build("4.6").state_dict(), {"arch": "4.6"})
        os.utime(path, (time, time))
        held.append(rife(clip, model=path, backend=backend))
        made.append(pictures(held[-1])[1])
    assert abs(made[0] - made[1]).max() > 0.01
    assert abs(made[1] - made[2]).max() < 1e-5


def test_a_backend_by_name_is_that_one():
    assert type(open_backend("openvino", Hardware())).__name__ == "OvBackend"


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_threads_are_heeded_and_change_no_picture(weights, backend):
    clip = clip_of(noise(64, 64), 2)
    one, two = (
        pictures(rife(clip, model=weights(), backend=backend, threads=n))[1] for n in (1, 2)
    )
    assert abs(one - two).max() < 1e-5


def test_a_gpu_that_nobody_asked_for_and_that_does_not_start_is_a_warning(
    weights, monkeypatch, said
):
    def start(model, options, providers, **rest):
        if any(name == CUDA[0] for name, _ in providers):
            raise RuntimeError("CUDA failure 35")
        return onnxruntime.InferenceSession(model, options, providers=providers, **rest)

    runtime = types.ModuleType("onnxruntime")
    vars(runtime).update(vars(onnxruntime))
    runtime.get_available_providers, runtime.InferenceSession = lambda: list(CUDA), start
    runtime.preload_dlls = lambda: None
    monkeypatch.setattr(onnx, "onnxruntime", runtime)
    clip = clip_of(noise(32, 32), 2)
    pictures(rife(clip, model=weights(), backend="onnx"))
    (text,) = (text for text in said if "provider 'cuda' does not work here" in text)
    assert "CUDA failure 35" in text
    assert "the CPU is used instead" in text
    with pytest.raises(vs.Error, match="provider 'cuda' does not work here"):
        rife(clip, model=weights(), backend="onnx", device="cuda")


@pytest.mark.parametrize(
    ("there", "device", "index", "wanted"),
    [
        (["CPU"], None, 0, "CPU"),
        (["CPU", "GPU"], "gpu", 0, "GPU"),
        (["CPU", "GPU"], "gpu:0", 0, "GPU"),
        (["CPU", "GPU.0", "GPU.1"], "gpu", 0, "GPU.0"),
        (["CPU", "GPU.0", "GPU.1"], "xpu", 1, "GPU.1"),
        (["CPU", "GPU.0", "GPU.1"], "gpu.1", 0, "GPU.1"),
        (["CPU", "GPU.0", "GPU.1"], "GPU:1", 0, "GPU.1"),
        (["CPU", "NPU"], "npu", 0, "NPU"),
    ],
)
def test_devices_of_openvino_by_name_and_number(monkeypatch, there, device, index, wanted):
    monkeypatch.setattr(openvino, "_core", lambda: types.SimpleNamespace(available_devices=there))
    assert openvino._device(Hardware(device=device, device_index=index)) == wanted
    with pytest.raises(BackendError, match=r"'gpu:7' is not available; OpenVINO has CPU"):
        openvino._device(Hardware(device="gpu:7"))


VALUES = {"provider": "cuda", "memory_limit": 99, "threads": 2, "num_streams": 2}


@pytest.mark.parametrize("backend", select.BACKENDS)
@pytest.mark.parametrize("argument", VALUES)
def test_a_backend_is_asked_for_no_more_than_its_row_says(backend, argument):
    """By the door and by `open_backend` alike, and whoever is named instead can do it."""
    asked = Hardware(**{argument: VALUES[argument]})
    row = select.BACKENDS[backend]
    if argument in row.heeds:
        select.check(backend, asked)
        return
    text = f"{argument}={VALUES[argument]!r} is not for backend '{backend}'"
    with pytest.raises(ArgumentError, match=f"^{text}[,;] ") as caught:
        select.check(backend, asked)
    with pytest.raises(ArgumentError, match=text):
        open_backend(backend, asked)
    options = NetworkOptions(backend=backend, **{argument: VALUES[argument]})
    with pytest.raises(ArgumentError, match=text):
        network_options.check_together(options, 64, 48)
    for other in re.findall(r"'(\w+)'", str(caught.value).partition("say backend=")[2]):
        select.check(other, asked)


def test_what_a_row_says_instead_is_about_what_it_does_not_heed():
    for name, row in select.BACKENDS.items():
        assert set(row.heeds) <= set(VALUES), name
        assert not set(row.heeds) & set(row.instead), name
        assert set(row.instead) <= set(VALUES), name


def test_openvino_of_an_unknown_version_beside_vs_mlrt(monkeypatch):
    """A package that somebody has put there by hand has no metadata."""

    def fail(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", fail)
    error = select._broken("openvino", RuntimeError(f"it {select._CLASH} 1"))
    assert str(error) == (
        "backend 'openvino' cannot be loaded (vs-mlrt's core.ov has loaded another build of "
        "OpenVINO before); name another backend"
    )
