"""Which of ONNX Runtime's providers run a network, and that none is replaced in silence."""

import re
import warnings
from pathlib import Path

import pytest

from tests.support.fake_ort import FakeOrt
from vsrife.errors import ArgumentError, BackendError, ModelError
from vsrife.inference.ort import providers, sessions
from vsrife.inference.ort.providers import PROVIDERS, choose, wanted

FULL = {name: row.full_name for name, row in PROVIDERS.items()}
GPU_BUILD = (FULL["tensorrt"], FULL["cuda"], FULL["cpu"])


def build(*names, **more):
    return FakeOrt(built=tuple(FULL[name] for name in names), **more)


def chosen(ort, provider=None, **options):
    return choose(ort, wanted(provider, **options))


@pytest.mark.parametrize("name", [n for n in PROVIDERS if n not in ("tensorrt", "cpu")])
def test_what_the_build_has_wins_over_the_cpu(name):
    assert chosen(build(name, "cpu")).plain == (name,)


def test_the_order_is_the_stated_one():
    order = [name for name in PROVIDERS if name != "tensorrt"]
    for i, name in enumerate(order):
        assert chosen(build("tensorrt", *reversed(order[i:]))).plain == (name,)


def test_tensorrt_only_when_it_is_asked_for():
    ort = FakeOrt(built=GPU_BUILD)
    assert chosen(ort).plain == ("cuda",)
    assert chosen(ort, trt=True).plain == ("tensorrt",)
    assert chosen(ort, "tensorrt").plain == ("tensorrt",)


def test_tensorrt_leaves_what_it_cannot_do_to_cuda_on_the_same_gpu():
    names = chosen(FakeOrt(built=GPU_BUILD), "tensorrt:1").arguments
    assert [(name, options["device_id"]) for name, options in names] == [
        (FULL["tensorrt"], "1"),
        (FULL["cuda"], "1"),
    ]


DEVICES = {
    "cuda": (build("cuda", "cpu"), "cuda"),
    "rocm": (build("migraphx", "rocm", "cpu"), "migraphx"),
    "old rocm": (build("rocm", "cpu"), "rocm"),
    "xpu": (build("openvino", "cpu"), "openvino"),
    "mps": (build("coreml", "cpu"), "coreml"),
    "cpu": (FakeOrt(built=GPU_BUILD), "cpu"),
}


@pytest.mark.parametrize("case", DEVICES)
def test_a_device_of_the_filters_says_which_provider(case):
    ort, name = DEVICES[case]
    assert chosen(ort, device=case.split()[-1]).plain == (name,)


def test_the_device_is_counted_as_the_filter_counts():
    ort = build("cuda", "cpu")
    for options in ({"device_index": 2}, {"device": "cuda:2"}, {"provider": "cuda:2"}):
        only = chosen(ort, **options)
        assert only.arguments[0][1]["device_id"] == "2"
        assert only.memory == ("cuda", 2)
    assert chosen(build("directml"), device_index=1).arguments[0][1]["device_id"] == "1"


def test_options_reach_the_provider():
    cuda = chosen(build("cuda"), memory_limit=512).arguments[0][1]
    assert cuda["gpu_mem_limit"] == str(512 << 20)
    asked = wanted("openvino:gpu.1")
    openvino = choose(build("openvino"), asked, threads=3).arguments[0][1]
    assert openvino == {"device_type": "GPU.1", "num_of_threads": "3", "precision": "ACCURACY"}


def test_only_memory_of_nvidia_is_held_between_calls():
    for name in PROVIDERS:
        expected = ("cuda", 0) if name in ("tensorrt", "cuda") else ("cpu", 0)
        assert chosen(build(name), name).memory == expected


def test_a_provider_of_a_strange_build_goes_by_its_full_name():
    ort = FakeOrt(built=("WebGpuExecutionProvider", "CPUExecutionProvider"))
    assert chosen(ort, "WebGpuExecutionProvider").plain == ("WebGpuExecutionProvider",)
    assert chosen(ort).plain == ("cpu",)
    assert chosen(build("cuda"), "CUDAExecutionProvider").plain == ("cuda",)


ABSENT = {
    "cuda": r"'cuda' is not in the installed ONNX Runtime, which has cpu; .*"
    r'pip uninstall onnxruntime, then pip install "\.\[onnx-gpu\]"',
    "tensorrt": "comes with .*tensorrt-cu13",
    "migraphx": "comes with AMD's onnxruntime-migraphx",
    "rocm": "comes with AMD's onnxruntime-rocm",
    "directml": "comes with onnxruntime-directml",
    "coreml": "comes with onnxruntime on macOS",
    "openvino": "comes with onnxruntime-openvino .*backend='openvino'",
    "QNNExecutionProvider": "comes with a build of ONNX Runtime that has it",
}


@pytest.mark.parametrize("name", ABSENT)
def test_an_absent_provider_says_what_is_there_and_what_brings_it(name):
    with pytest.raises(BackendError, match=ABSENT[name]):
        chosen(FakeOrt(), name)


def test_a_device_whose_providers_are_absent_is_an_error():
    said = "device='rocm' cannot be had: provider 'migraphx' is not in the installed ONNX Runtime"
    with pytest.raises(BackendError, match=said):
        chosen(FakeOrt(), device="rocm")


BAD = {
    "unknown": ({"provider": "vulkan"}, r"provider must be one of tensorrt, cuda, .*not 'vulkan'"),
    "no text": ({"provider": 3}, "provider must be one of .*not 3"),
    "empty": ({"provider": " "}, "provider must be one of"),
    "bad number": ({"provider": "cuda:x"}, "provider must be one of .*not 'cuda:x'"),
    "number of none": ({"provider": "coreml:1"}, "provider must be one of .*not 'coreml:1'"),
    "openvino device": ({"provider": "openvino:tpu"}, "no device of OpenVINO's: cpu, gpu, npu"),
    "twice": ({"provider": "cuda,cuda:1"}, "name each one once, not 'cuda,cuda:1'"),
    "cpu first": ({"provider": "cpu,cuda"}, "'cpu' takes all that is left, so it is the last"),
    "trt and another": (
        {"provider": "cpu", "trt": True},
        "trt=True asks for TensorRT, and provide",
    ),
    "device": ({"device": "tpu"}, "device must be one of cuda, rocm, .*not 'tpu'; provider="),
    "device number": ({"device": "cuda:x"}, "such as \"cuda:1\", not 'cuda:x'"),
    "memory": ({"memory_limit": 0}, "memory_limit must be a whole number of MiB, not 0"),
    "memory text": ({"memory_limit": "1G"}, "memory_limit must be"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_words_are_named_before_anything_is_started(case):
    options, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        wanted(**({"provider": None} | options))


def test_a_memory_limit_that_nobody_would_keep_is_an_error():
    with pytest.raises(ArgumentError, match="memory_limit is for the providers cuda and rocm"):
        chosen(FakeOrt(), memory_limit=100)


def start(ort, provider=None, model=b"graph", **options):
    heard = []
    asked = choose(ort, wanted(provider, **options), note=heard.append)
    return sessions.start(ort, model, asked, note=heard.append), heard


def test_a_session_gets_only_what_was_chosen():
    ort = FakeOrt(built=GPU_BUILD, works=GPU_BUILD)
    session, heard = start(ort, device_index=1)
    assert [name for name, _ in session.given] == [FULL["cuda"]]
    assert not heard


FALLBACKS = {
    "left out": {},
    "raises": {"raises": (FULL["cuda"],)},
    "takes no heavy node": {
        "works": GPU_BUILD,
        "nodes": {FULL["cuda"]: ["Add"], FULL["cpu"]: ["Conv", "Conv", "GridSample", "Shape"]},
    },
    "takes no node": {"works": GPU_BUILD, "nodes": {FULL["cpu"]: ["Add"]}},
}
REASONS = {
    "left out": "ONNX Runtime took CPUExecutionProvider instead",
    "raises": "CUDA failure 35;",
    "takes no heavy node": "leaves nodes to the CPU: 2 Conv, 1 GridSample;",
    "takes no node": "took none of the network's nodes, which are on CPUExecutionProvider",
}


@pytest.mark.parametrize("case", FALLBACKS)
def test_falling_back_to_the_cpu_is_an_error(case):
    with pytest.raises(BackendError) as caught:
        start(FakeOrt(built=GPU_BUILD, **FALLBACKS[case]), "cuda")
    text = str(caught.value)
    assert text.startswith("provider 'cuda' does not work here: ")
    assert REASONS[case] in text
    assert 'provider="cuda,cpu" allows the CPU' in text


@pytest.mark.parametrize("case", ["left out", "raises"])
def test_falling_back_is_heard_where_it_is_allowed(case):
    session, heard = start(FakeOrt(built=GPU_BUILD, **FALLBACKS[case]), "cuda,cpu")
    assert session.get_providers() == [FULL["cpu"]]
    assert len(heard) == 1
    assert re.match(r"provider 'cuda' did not start \(.*\); trying 'cpu'", heard[0])


def test_nodes_may_stay_on_a_cpu_that_is_allowed():
    mixed = FakeOrt(built=GPU_BUILD, **FALLBACKS["takes no heavy node"])
    assert start(mixed, "cuda,cpu")[0].get_providers() == [*GPU_BUILD[1:]]


def test_a_build_without_the_provider_falls_back_where_it_is_allowed():
    session, heard = start(FakeOrt(), "cuda,cpu")
    assert session.get_providers() == [FULL["cpu"]]
    assert "not in the installed ONNX Runtime" in heard[0]


def test_tensorrt_falls_back_to_cuda_where_that_is_allowed():
    ort = FakeOrt(built=GPU_BUILD, works=GPU_BUILD[1:])
    with pytest.raises(BackendError, match="'tensorrt' does not work here"):
        start(ort, "tensorrt")
    session, heard = start(ort, "tensorrt,cuda")
    assert session.get_providers()[0] == FULL["cuda"]
    assert "'tensorrt' did not start" in heard[0]


def test_all_on_the_gpu_is_right():
    nodes = {FULL["cuda"]: ["Conv", "GridSample"], FULL["cpu"]: ["Shape", "Gather"]}
    session, _ = start(FakeOrt(built=GPU_BUILD, works=GPU_BUILD, nodes=nodes), "cuda")
    assert sessions.placed(session)[FULL["cuda"]] == {"Conv": 1, "GridSample": 1}


def test_an_unreadable_graph_is_the_models_fault():
    with pytest.raises(ModelError, match=r"cannot read the graph \(protobuf parsing failed"):
        start(FakeOrt(), model=b"junk")


def test_nothing_is_printed_to_stdout(capsys):
    ort = FakeOrt(built=GPU_BUILD, works=GPU_BUILD)
    start(ort)
    start(FakeOrt(), "cuda,cpu")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["cannot load libcublas.so"]


def test_libraries_are_loaded_for_nvidia_alone():
    for provider, times in (("cpu", 0), ("cuda", 1)):
        ort = FakeOrt(built=GPU_BUILD, works=GPU_BUILD)
        start(ort, provider)
        start(ort, provider)
        assert ort.preloaded == times


REASONS_SAID = {
    "[ONNXRuntimeError] : 1 : FAIL : no GPU": "no GPU",
    "/src/a/state.cc:729 void a::Register(Options&, const b::Options&) Please install it": (
        "Please install it"
    ),
    "first\nsecond": "first",
    "": "Exception",
}


@pytest.mark.parametrize("text", REASONS_SAID)
def test_reasons_leave_out_where_in_its_source_they_are(text):
    assert sessions._reason(Exception(text)) == REASONS_SAID[text]


def test_the_cuda_that_is_needed_is_named():
    ort = FakeOrt(built=GPU_BUILD)
    ort.cuda_version = "13.0"
    with pytest.raises(BackendError, match=r"it needs a device, its driver, CUDA 13\.0 and onnxr"):
        start(ort, "cuda")


def test_directml_gets_the_options_that_it_needs():
    options = sessions.session_options(build("directml"), chosen(build("directml")), threads=2)
    assert options.enable_mem_pattern is False
    assert options.execution_mode == "sequential"
    assert options.intra_op_num_threads == 2


@pytest.fixture(scope="module")
def relu():
    """A graph of one node."""
    onnx = pytest.importorskip("onnx")
    io = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 4]) for n in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [io[0]], io[1:]
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    return model.SerializeToString()


def test_the_real_one_runs_on_its_cpu(relu, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    path = tmp_path / "relu.onnx"
    path.write_bytes(relu)
    for model in (relu, Path(path)):
        session = sessions.start(ort, model, chosen(ort, "cpu"))
        assert session.get_providers() == ["CPUExecutionProvider"]
    with pytest.raises(ModelError, match="cannot read the graph"):
        sessions.start(ort, relu[:-4], chosen(ort, "cpu"))


def test_the_real_one_is_caught_when_it_falls_back(relu):
    ort = pytest.importorskip("onnxruntime")
    if FULL["cuda"] in ort.get_available_providers():
        pytest.skip("this build has the provider that is to be missed")
    pretended = providers.Chosen(("cuda",), ((FULL["cuda"], {"device_id": "0"}),), True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the build's own word about it
        with pytest.raises(BackendError, match=r"provider 'cuda' does not work here: .+; it needs"):
            sessions.start(ort, relu, pretended)


@pytest.mark.parametrize("device", ["cpu", "cuda:1", "junk"])
def test_a_provider_and_a_device_are_one_too_many(device):
    with pytest.raises(ArgumentError, match=f"provider='cpu' and device='{device}' exclude each"):
        wanted("cpu", device=device)


@pytest.mark.parametrize("device", ["cpu:", "cuda:x", "cuda:-1"])
def test_a_device_without_a_number_has_no_colon(device):
    with pytest.raises(
        ArgumentError, match=r'with a number if there are several such as "cuda:1", not '
    ):
        wanted(None, device=device)
