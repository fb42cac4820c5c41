"""ONNX files as models: ours, vs-mlrt's and VSGAN's layouts run as they are, others are refused."""

import functools
import re

import numpy as np
import onnx
import pytest
import vapoursynth as vs
from onnx import TensorProto, helper, numpy_helper

from tests.support.clips import clip_of, noise, pictures, random_weights
from tests.support.narrow import official_rows
from vsrife import rife
from vsrife.export import export_model
from vsrife.inference.graphs import graph_file
from vsrife.weights import read_arrays

pytestmark = pytest.mark.usefixtures("networks_stay")

BACKENDS = ("onnx", "openvino")
TOLERANCE = 1e-4  # as between backends
SIZE = (70, 50)


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    """Path of an export, made once."""
    folder = tmp_path_factory.mktemp("exports")

    def make(arch="4.6", **options):
        words = [str(part) for pair in options.items() for part in pair]
        path = folder / ("-".join([arch, *words]).replace(" ", "") + ".onnx")
        if not path.exists():
            export_model(weights(arch), path, **options)
        return path

    return make


@pytest.fixture(scope="module")
def wanted(weights):
    """What PyTorch makes of a row's weights, and of a clip of so many frames."""

    @functools.cache
    def make(arch="4.6", length=2, **options):
        clip = clip_of(noise(*SIZE), length)
        return pictures(rife(clip, model=weights(arch), backend="pytorch", **options))

    return make


def assert_gives(pictures_wanted, path, backend, *, length=2, threads=1, **options):
    clip = clip_of(noise(*SIZE), length)
    found = pictures(rife(clip, model=path, backend=backend, threads=threads, **options))
    for one, other in zip(pictures_wanted, found, strict=True):
        assert np.abs(one - other).max() <= TOLERANCE


# One of each layout on OpenVINO, and both kinds of sizes; the others, too, in `.ci/slow`
LAYOUTS = [
    ("4.25", "own", (128, 64)),
    ("4.6", "v1", None),
    ("4.25", "v2", SIZE),
    ("4.6", "v2", None),
    ("pyramid", "own", None),
]


@pytest.mark.parametrize(
    ("arch", "layout", "size", "backend"),
    [
        *((*each, "onnx") for each in LAYOUTS),
        *((*each, "openvino") for each in LAYOUTS[:3]),
        *(pytest.param(*each, "openvino", marks=pytest.mark.slow) for each in LAYOUTS[3:]),
    ],
)
def test_every_layout_gives_what_its_weights_give(wanted, exported, arch, layout, size, backend):
    path = exported(arch, layout=layout, size=size)
    assert_gives(wanted(arch, length=3), path, backend, length=3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_baked_in_is_what_runs(wanted, exported, backend):
    path = exported("4.6", layout="own", scale=0.5, ensemble=True)
    baked = {"scale": 0.5, "ensemble": True}
    assert_gives(wanted("4.6", **baked), path, backend)
    assert_gives(wanted("4.6", **baked), path, backend, **baked)


def test_a_file_alone_chooses_a_backend_that_can_run_it(wanted, exported):
    assert_gives(wanted(), exported(), None, threads=None)


def test_pytorch_takes_the_weights_out(tmp_path):
    from tests.support import writers

    path = tmp_path / "rife_v4.6.onnx"
    clip = clip_of(noise(32, 32), 2)
    with official_rows(4):  # other programs' files have as many convolutions as the real ones
        weights = random_weights(tmp_path, "4.6")
        path.write_bytes(writers.onnx_bytes("4.6", read_arrays(weights)))
        one, other = (
            pictures(rife(clip, model=model, backend="pytorch")) for model in (weights, path)
        )
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def vsgan_file(path, half):
    """VSGAN's layout, with a formula that tells all its planes apart: a blend by timestep, and the
    plane of the scale added."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    value = helper.make_tensor_value_info
    cuts = numpy_helper.from_array(np.array([3, 3, 1, 1]), "cuts")
    nodes = [
        helper.make_node("Split", ["input", "cuts"], ["a", "b", "t", "s"], axis=1),
        helper.make_node("Sub", ["b", "a"], ["d"]),
        helper.make_node("Mul", ["d", "t"], ["m"]),
        helper.make_node("Add", ["a", "m"], ["n"]),
        helper.make_node("Mul", ["n", "s"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("input", kind, ["n", 8, "h", "w"])],
        [value("output", kind, ["n", 3, "h", "w"])],
        [cuts],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("half", [False, True])
def test_vsgans_layout_gets_timestep_and_scale(tmp_path, half, backend):
    path = vsgan_file(tmp_path / "x.onnx", half)
    clip = clip_of(noise(30, 20), 2)
    out = pictures(rife(clip, model=path, backend=backend, factor=4, scale=0.5))
    left, right = pictures(clip)
    wanted = (left + 0.25 * (right - left)) * 0.5
    assert np.abs(out[1] - wanted).max() < (2e-3 if half else 1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_alpha_fades_and_colours_beyond_the_range_are_clamped(exported, backend):
    clip = clip_of(noise(*SIZE, low=-0.5, high=1.5), 2)
    grey = vs.core.std.BlankClip(clip, format=vs.GRAYS)
    ramp = grey.std.FrameEval(lambda n: grey.std.BlankClip(color=float(n)))
    clip = clip.std.ClipToProp(ramp, prop="_Alpha")
    new = rife(clip, model=exported("4.6", layout="v1"), backend=backend, factor=4).get_frame(1)
    assert set(np.asarray(new.props["_Alpha"][0]).ravel()) == {0.25}
    image = np.stack([np.asarray(new[p]) for p in range(3)])
    assert image.min() >= 0
    assert image.max() <= 1


def test_only_our_own_say_how_far_to_trust_them(exported):
    clip = clip_of(noise(*SIZE), 2)
    own = rife(clip, model=exported(), backend="onnx", confidence=0)
    assert 0 <= own.get_frame(1).props["_RifeConfidence"] <= 1
    with pytest.raises(vs.Error, match=r"confidence=0\.1 needs what this ONNX file does not give"):
        rife(clip, model=exported("4.6", layout="v1"), backend="onnx", confidence=0.1)
    with pytest.raises(vs.Error, match=r'pace="drawn" needs what this ONNX file does not give'):
        rife(clip, model=exported(), backend="onnx", pace="drawn")


def other_graph(path, **inputs):
    value = helper.make_tensor_value_info
    given = [value(name, kind, shape) for name, (kind, shape) in inputs.items()]
    node = helper.make_node("Identity", [given[0].name], ["out"])
    graph = helper.make_graph([node], "g", given, [value("out", TensorProto.FLOAT, None)])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


FLOAT = TensorProto.FLOAT
REFUSED = {
    "another network": (
        {"x": (FLOAT, [1, 3, "h", "w"])},
        r"takes x \(1x3x\?x\?, float\); understood are vs-mlrt's, .*11 or 7 planes.*VSGAN.*8",
    ),
    "two inputs": (
        {"a": (FLOAT, [1, 3, 64, 64]), "b": (FLOAT, [1, 3, 64, 64])},
        r"takes a \(1x3x64x64, float\), b \(1x3x64x64, float\); understood",
    ),
    "integers": ({"input": (TensorProto.UINT8, [1, 7, "h", "w"])}, r"input \(1x7x\?x\?, uint8\)"),
    "an image classifier": ({"input": (FLOAT, [1, 1000])}, r"input \(1x1000, float\)"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("backend", BACKENDS)
def test_other_graphs_are_refused_with_what_was_found(tmp_path, case, backend):
    inputs, message = REFUSED[case]
    other_graph(tmp_path / "x.onnx", **inputs)
    with pytest.raises(vs.Error, match=f"rife: model file .*{message}"):
        rife(clip_of(noise(16, 16), 2), model=tmp_path / "x.onnx", backend=backend)


@pytest.mark.parametrize("part", [0, 1, 1000, -1])
def test_files_that_are_cut_short_are_refused(tmp_path, exported, part):
    content = exported().read_bytes()
    (tmp_path / "x.onnx").write_bytes(content[:part])
    with pytest.raises(vs.Error, match=r"x\.onnx (cannot be read: it is damaged|has no network)"):
        rife(clip_of(noise(16, 16), 2), model=tmp_path / "x.onnx", backend="onnx")


@pytest.mark.parametrize(("width", "height"), [(300, 50), (70, 51), (71, 50), (5, 50)])
def test_a_size_outside_a_static_graph_is_refused(exported, width, height):
    path = exported("4.25", layout="v2", size=SIZE)
    with pytest.raises(vs.Error, match=rf"is a graph for 70x50, and the clip is {width}x{height}"):
        rife(clip_of(noise(width, height), 2), model=path, backend="onnx")


OPTIONS = {
    "scale": ({"scale": 2}, r"scale=2\.0 cannot be had from .*, which has 1 in it; leave it out"),
    "precision": (
        {"precision": "fp16"},
        r"precision='fp16' cannot be had from .*, which has fp32 in it; leave it out, or give weig",
    ),
    "ensemble": ({"ensemble": True}, r"ensemble=True cannot be had from .*leave it out"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_are_not_baked_in_are_refused(exported, case):
    options, message = OPTIONS[case]
    with pytest.raises(vs.Error, match=message):
        rife(clip_of(noise(*SIZE), 2), model=exported("4.6"), backend="onnx", **options)


def test_a_precision_is_that_of_the_file(exported, tmp_path):
    clip = clip_of(noise(30, 20), 2)
    ours = exported("4.6", precision="fp16")
    rife(clip, model=ours, backend="onnx", precision="fp16")
    rife(clip, model=ours, backend="onnx")
    others = vsgan_file(tmp_path / "x.onnx", half=True)
    rife(clip, model=others, backend="onnx", precision="fp16")
    for path in (ours, others):  # a network that is open already is no way around it
        with pytest.raises(vs.Error, match=r"precision='fp32' cannot be had .* has fp16 in"):
            rife(clip, model=path, backend="onnx", precision="fp32")


WRONG_PARTS = {  # row, options of the other export, and why it does not belong
    "other weights": ("4.25", {}, "it is of other weights"),
    "another size": ("4.25", {"size": (128, 64)}, "its size is '128x64', and that file's 'any'"),
    "another scale": ("4.0", {"scale": 0.5}, r"its scale is '0\.5', and that file's '1'"),
    "an ensemble": ("4.0", {"ensemble": True}, "its ensemble is 'true', and that file's 'false'"),
    "another part": ("4.25", {}, "it is the part 'flow', not 'encoder'"),
    "no digest": ("4.25", {}, "one of them is of an earlier build and says nothing of its weights"),
}


@pytest.mark.parametrize("case", WRONG_PARTS)
def test_a_part_of_another_export_is_refused(exported, tmp_path, case):
    row, options, reason = WRONG_PARTS[case]
    part = ".doubled.onnx" if row == "4.0" else ".encode.onnx"
    other = onnx.load(exported(row, **options).with_suffix(part))
    said = {entry.key: entry.value for entry in other.metadata_props}
    if case == "other weights":
        said["weights_sha256"] = "0" * 64
    if case == "another part":  # as of a pyramid, which says nothing of its weights
        said["part"] = "flow"
        del said["weights_sha256"]
    if case == "no digest":
        del said["weights_sha256"]
    helper.set_model_props(other, said)
    onnx.save(other, tmp_path / f"x{part}")
    (tmp_path / "x.onnx").write_bytes(exported(row).read_bytes())
    with pytest.raises(vs.Error) as caught:
        rife(clip_of(noise(*SIZE), 2), model=tmp_path / "x.onnx", backend="onnx")
    assert f"x{part} does not belong to {tmp_path / 'x.onnx'} beside it: " in str(caught.value)
    assert re.search(f"{reason}; export again", str(caught.value))


def test_files_of_earlier_builds_say_nothing_of_their_weights_and_run(wanted, exported, tmp_path):
    for end in (".onnx", ".encode.onnx"):
        model = onnx.load(exported("4.25").with_suffix(end))
        said = {entry.key: entry.value for entry in model.metadata_props}
        assert len(said.pop("weights_sha256")) == 64
        helper.set_model_props(model, said)
        onnx.save(model, tmp_path / f"x{end}")
    assert_gives(wanted("4.25"), tmp_path / "x.onnx", "onnx")


def test_the_part_of_a_network_is_no_model(exported):
    path = exported("4.25")
    encoder = path.with_suffix(".encode.onnx")
    with pytest.raises(vs.Error, match="is the part 'encoder' of a network; name the file beside"):
        rife(clip_of(noise(*SIZE), 2), model=encoder, backend="onnx")
    content = encoder.read_bytes()
    encoder.unlink()
    try:
        with pytest.raises(vs.Error, match=r"encode\.onnx does not exist; it belongs to"):
            rife(clip_of(noise(*SIZE), 2), model=path, backend="onnx")
    finally:
        encoder.write_bytes(content)


def test_weights_in_other_files_are_never_opened(tmp_path, exported):
    model = onnx.load(exported())
    onnx.save(model, tmp_path / "x.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(vs.Error, match="keeps weights in another file, which is never opened"):
        rife(clip_of(noise(*SIZE), 2), model=tmp_path / "x.onnx", backend="onnx")


@pytest.mark.parametrize(
    ("name", "unit"), [("rife_v4.25_lite", 128), ("rife_v4.26", 64), ("rife49", 32), ("mine", 128)]
)
def test_the_name_tells_the_multiple_where_the_weights_do_not(tmp_path, name, unit):
    other_graph(tmp_path / f"{name}.onnx", input=(FLOAT, [1, 7, "h", "w"]))
    assert graph_file.read_file(tmp_path / f"{name}.onnx").unit == unit
