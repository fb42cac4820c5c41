"""Files of the network of three frames, without PyTorch: against DistilDRBA's own code."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from tests.network import triple_golden
from tests.network.half_types import check_half
from tests.network.triple_golden import CASES, SIZES, TOLERANCE, frames, goldens, kept, name_of
from tests.support import needs
from vsrife.errors import ArgumentError
from vsrife.export import export_model
from vsrife.inference.backends import quiet
from vsrife.inference.psnr import psnr
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.options import GraphOptions
from vsrife.network.own.triple import FRAMES
from vsrife.network.table import TRIPLES
from vsrife.weights import save_weights

ROW = TRIPLES["distildrba"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "v2_lite.safetensors"
    save_weights(path, triple_golden.state(), {})
    return path


def feeds(scale, timestep):
    t = np.full((1, 1, 1, 1), timestep, np.float32)
    return dict(zip(FRAMES, frames(scale), strict=True)) | {"timestep": t}


def by_onnx_runtime(path):
    ort = quiet.load("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda given: session.run(["image"], given)[0]


def by_openvino(path):
    ov = quiet.load("openvino")
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    model = ov.Core().compile_model(ov.Core().read_model(path), "CPU", exact)
    return lambda given: model(given)["image"]


# Target, suffix, what runs it, options besides the scale
WAYS = [
    ("onnx", ".onnx", by_onnx_runtime, {}),
    ("onnx", ".onnx", by_onnx_runtime, {"size": True}),
    ("openvino", ".xml", by_openvino, {}),
]
# The first at every scale, the others at one; in `.ci/slow` at every one, too
AT = [
    *((*way, SIZES if i == 0 else [1.0]) for i, way in enumerate(WAYS)),
    *(pytest.param(*way, SIZES, marks=pytest.mark.slow) for way in WAYS[1:]),
]


@pytest.mark.parametrize(("target", "suffix", "run", "options", "scales"), AT)
def test_exported_files_give_the_pictures_of_the_peer(
    weights, tmp_path, target, suffix, run, options, scales
):
    needs.package({"onnx": "onnxruntime"}.get(target, target))
    wanted = goldens()
    for scale in scales:
        given = dict.fromkeys(options, SIZES[scale])
        path = tmp_path / f"{scale}{suffix}"
        (main, *others) = export_model(weights, path, target=target, scale=scale, **given)
        assert [other.suffix for other in others] == ([".bin"] if target == "openvino" else [])
        network = run(main)
        for timestep in [t for s, t in CASES if s == scale]:
            got = kept(network(feeds(scale, timestep)))
            assert np.abs(got - wanted[name_of(scale, timestep)]).max() < TOLERANCE


def test_half_precision_is_near_and_no_flow_is_in_it(weights, tmp_path):
    (main,) = export_model(weights, tmp_path / "half.onnx", precision="fp16")
    got, wanted = by_onnx_runtime(main), goldens()[name_of(1.0, 1.25)]
    assert psnr(kept(got(feeds(1.0, 1.25))), wanted) > 50
    check_half(onnx.load(main))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"target": "ncnn"}, "target must be onnx or openvino for .* three frames, not 'ncnn'"),
        (
            {"target": "tflite", "size": (128, 64)},
            "target must be onnx or openvino for a network of three frames, not 'tflite'",
        ),
        ({"layout": "v1"}, "layout must be own for a network of three frames, not 'v1'"),
        ({"layout": "v2"}, "layout must be own for a network of three frames, not 'v2'"),
    ],
)
def test_what_holds_two_frames_alone_is_refused_before_a_file_is_written(
    weights, tmp_path, asked, said
):
    suffix = {"tflite": ".tflite", "ncnn": ""}.get(asked.get("target"), ".onnx")
    with pytest.raises(ArgumentError, match=said):
        export_model(weights, tmp_path / f"file{suffix}", **asked)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["timestep_map", "motion"])
def test_a_graph_of_three_frames_has_neither_maps_nor_motion(option):
    with pytest.raises(ArgumentError, match="for networks of two frames"):
        build_flow(triple_golden.state(), ROW, replace(GraphOptions(), **{option: True}))


def test_it_has_no_encoder_of_its_own():
    with pytest.raises(ArgumentError, match="no encoder"):
        build_encoder(triple_golden.state(), ROW, GraphOptions())
