"""Whatever cannot work is a vs.Error at script time that names the argument and the way out."""

import os

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsrife import rife
from vsrife.weights import read_weights

core = vs.core


def blank(**changes):
    given = {"format": vs.RGBS, "width": 64, "height": 64, "length": 5, "fpsnum": 24, "fpsden": 1}
    return core.std.BlankClip(**(given | changes))


CLIPS = {
    "not a clip": (
        lambda: "clip.mkv",
        r"this is not a clip: clip must be a vs\.VideoNode, not str",
    ),
    "nothing": (lambda: None, r"this is not a clip"),
    "variable format": (lambda: blank(varformat=True), "constant format and size"),
    "variable size": (lambda: blank(varsize=True), "constant format and size"),
    "32-bit integers": (
        lambda: blank(format=core.query_video_format(vs.GRAY, vs.INTEGER, 32)),
        r"Gray32 has more bits than the network could keep; give it 16 bits.*clip\.resize",
    ),
    "17 bits": (
        lambda: blank(format=core.query_video_format(vs.YUV, vs.INTEGER, 17, 1, 1)),
        "YUV420P17 has more bits",
    ),
    "small chroma": (
        lambda: blank(format=core.query_video_format(vs.YUV, vs.INTEGER, 8, 3, 0)),
        "has chroma planes of less than a quarter; give it YUV444",
    ),
    "one frame": (lambda: blank(length=1), "number of frames must be at least 2, not 1"),
}

ARGUMENTS = {
    "unknown model": (
        {"model": "4.27"},
        r"model must be one of the \d+ names of `vsrife models list`, .* not '4\.27'; did you",
    ),
    "model of another kind": ({"model": 4.25}, "model must be a name such as '4.25' or the path"),
    "missing path": ({"model": "no/such.pth"}, r"no.such\.pth does not exist; check its path"),
    "never fetched": (
        {"model": "4.25"},
        r"not been downloaded: flownet_v4\.25\.pkl; fetch https://.*pkl \(sha256 66.*\) and put it",
    ),
    "ensemble": ({"model": "4.25", "ensemble": True}, r"ensemble is not supported in v4\.25"),
    "ensemble of ours": ({"ensemble": True}, "ensemble is not supported in nano"),
    "scale": ({"scale": 3}, r'scale must be one of 0\.25, 0\.5, 1\.0, 2\.0, 4\.0, "auto", not 3'),
    "factor_num": ({"factor_num": 0}, "factor_num must be at least 1"),
    "factor_den": ({"factor_den": -2}, "factor_den must be at least 1"),
    "factor_num float": ({"factor_num": 2.5}, r"factor_num must be at least 1 .*not 2\.5"),
    "fps_num alone": ({"fps_num": 60}, "fps_num and fps_den go together, not 60 and None"),
    "fps_den alone": ({"fps_den": 1}, "fps_num and fps_den go together, not None and 1"),
    "fps_num": ({"fps_num": 0, "fps_den": 1}, "fps_num must be at least 1"),
    "fps_den": ({"fps_num": 60, "fps_den": 0}, "fps_den must be at least 1"),
    "fps twice": (
        {"fps": 60, "fps_num": 60, "fps_den": 1},
        "exclude each other, not fps=60 and .*; give one",
    ),
    "fps and factor": ({"fps": 60, "factor": 2}, "exclude each other"),
    "factor twice": (
        {"factor": 2, "factor_num": 3},
        "factor=2 and factor_num/factor_den=3/1 exclude each other",
    ),
    "float rate": ({"fps": 59.94}, r"fps must be a positive int, Fraction or text.*not 59\.94"),
    "negative factor": ({"factor": -2}, "factor must be a positive int"),
    "digits": (
        {"factor": "9000000000000000009/9000000000000000007"},
        "output rate .* too many digits",
    ),
    "matrix on RGB": ({"matrix": "709"}, "matrix=1 is for YUV clips, and this one is RGBS"),
    "chroma_location on RGB": ({"chroma_location": 0}, "chroma_location=0 is for YUV clips"),
    "color_range": (
        {"color_range": "tv"},
        r'color_range must be one of "limited" \(0\), "full" \(1\), not \'tv\'',
    ),
    "precision": ({"precision": "fp8"}, "precision must be one of fp16, fp32, bf16, not 'fp8'"),
    "precision of another kind": ({"precision": ["fp16"]}, "precision must be"),
    "vfr": ({"vfr": "yes"}, "vfr must be True or False, not 'yes'"),
    "sc_threshold": ({"sc": True, "sc_threshold": 1.5}, "between 0 and 1, not 1.5"),
    "sc_threshold text": ({"sc": True, "sc_threshold": "low"}, "between 0 and 1, not 'low'"),
    "backend": ({"backend": "ncnn"}, "backend must be one of pytorch.* not 'ncnn'"),
    "device name": ({"device": "tpu"}, "device must be one of cuda, rocm, xpu, mps, gpu, npu, cpu"),
    "device number": ({"device": "cuda:x"}, "device must be one of"),
    "absent device": (
        {"device": "xpu:7"},
        r"device 'xpu:7' is not available; .*cpu \(1\)",
    ),
    "device_index": ({"device_index": -1}, "device_index must be at least 0"),
    "factor of thousands of digits": ({"factor": "1e5000"}, "factor has too many digits"),
    "factor_num of thousands": ({"factor_num": 10**5000}, "factor_num has too many digits"),
    "device of another kind": ({"device": 0}, "device must be a name, not 0"),
    "backend of another kind": ({"backend": []}, "backend must be one of"),
    "scale of another kind": ({"scale": np.array([1.0])}, "scale must be"),
    "models": ({"model": np.array(["4.25"])}, "model must be a name"),
    "a folder": ({"model": os.sep}, "is a folder; name the file in it"),
    "trt shape": ({"trt_min_shape": [128]}, "trt_min_shape must be a list with 2 items"),
    "trt shape side": ({"trt_max_shape": [1920, 0]}, "trt_max_shape must be at least 1"),
    "trt order": (
        {"trt_static_shape": False, "trt_min_shape": [1920, 1080]},
        "trt_min_shape must be less than trt_max_shape",
    ),
}


@pytest.fixture(autouse=True)
def own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("VSRIFE_MODEL_DIR", str(tmp_path))


@pytest.mark.parametrize(("make", "message"), CLIPS.values(), ids=CLIPS)
def test_clips_that_cannot_work(make, message):
    with pytest.raises(vs.Error, match=rf"^rife: .*{message}"):
        rife(make())


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_that_cannot_work(arguments, message):
    with pytest.raises(vs.Error, match=rf"^rife: .*{message}"):
        rife(blank(), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": "601"}, r'matrix must be one of "709" \(1\).*"2020ncl" \(9\), not \'601\''),
        ({"matrix": 0}, "matrix must be one of .*not 0"),
        ({"matrix": True}, "matrix must be one of .*not True"),
        ({"matrix": vs.MATRIX_ICTCP}, "matrix must be one of"),
        ({"chroma_location": "middle"}, r'one of "left" \(0\), .*not \'middle\''),
        ({"chroma_location": 6}, "chroma_location must be one of .*not 6"),
        ({"color_range": 2}, "color_range must be one of .*not 2"),
        ({"color_range": []}, r"color_range must be one of .*not \[\]"),
    ],
)
def test_colours_that_cannot_be(arguments, message):
    with pytest.raises(vs.Error, match=rf"^rife: .*{message}"):
        rife(blank(format=vs.YUV420P8), **arguments)


@pytest.mark.parametrize("wanted", [{"fps_num": 60, "fps_den": 1}, {"fps": 60}])
def test_a_wanted_rate_needs_a_clip_with_one_or_with_durations(wanted):
    with pytest.raises(
        vs.Error, match=r"^rife: clip does not have a valid frame rate.*frame 0 has"
    ):
        rife(blank(fpsnum=0), **wanted)


@pytest.mark.parametrize(("num", "den"), [(0, 1), (-1, 24), (1, 0), (1, -24)])
def test_every_frame_of_a_variable_clip_needs_a_duration(num, den):
    clip = blank()
    clip = clip[:3] + clip[3].std.SetFrameProps(_DurationNum=num, _DurationDen=den) + clip[4]
    with pytest.raises(vs.Error, match=r"^rife: .*frame 3 has no duration; use factor_num"):
        rife(clip, fps=60, vfr=True)


def test_endless_clips_cannot_be_timed():
    with pytest.raises(vs.Error, match=r"^rife: .* nor an end.*; use factor_num"):
        rife(blank(fpsnum=0, length=2**31 - 1, keep=True), fps=60)


def test_variable_clips_are_not_thinned_out_without_end():
    with pytest.raises(vs.Error, match=r"^rife: factor must be at least 1/500"):
        rife(blank(fpsnum=0), factor="1/501")


@pytest.mark.parametrize("keep", [0, 1, 100, 20_000])
@pytest.mark.parametrize("suffix", [".pkl", ".safetensors"])
def test_files_cut_short(weights, tmp_path, keep, suffix):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pkl":
        torch.save(read_weights(weights()), whole)
    else:
        whole.write_bytes(weights().read_bytes())
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(vs.Error, match=rf"^rife: model file .*cut{suffix} cannot be read"):
        rife(blank(), model=cut)


def test_an_error_page_saved_as_a_model(tmp_path):
    page = tmp_path / "flownet_v4.24.pkl"
    page.write_text("<!DOCTYPE html><html>404</html>")
    with pytest.raises(vs.Error, match=r"^rife: model file .* cannot be read: .*a web page"):
        rife(blank(), model="4.24")


def test_an_empty_placeholder_is_a_file_never_fetched(tmp_path):
    (tmp_path / "flownet_v4.25.pkl").touch()
    with pytest.raises(vs.Error, match="has not been downloaded"):
        rife(blank(), model="4.25")


class Bomb:
    def __reduce__(self):
        return print, ("a model file has run code",)


def test_pickles_that_would_run_code_do_not(tmp_path, capfd):
    torch.save({"block0.conv0.0.0.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(vs.Error, match="holds more than tensors") as caught:
        rife(blank(), model=tmp_path / "bomb.pth")
    assert "weights_only" not in str(caught.value)
    assert "run code" not in capfd.readouterr().out


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, about sparse tensors
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no tensors"),
        ([torch.zeros(1)], "holds no tensors by name"),
        ({"epoch": 3}, "something that is no tensor: 'epoch'"),
        ({"fc.weight": torch.zeros(2, 2)}, "no RIFE v4 network"),
        ({"a": torch.zeros(2).to_sparse()}, "holds more than tensors"),
        ({"a": torch.zeros(2, dtype=torch.int8)}, "another kind than weights: 'a'"),
        ({"a": torch.zeros(2, device="meta")}, "holds more than tensors"),
        ({"a": torch.tensor([1.0, float("nan")])}, "not finite: 'a'"),
    ],
)
def test_foreign_weights(tmp_path, content, message):
    torch.save(content, tmp_path / "foreign.pth")
    with pytest.raises(vs.Error, match=rf"^rife: .*{message}"):
        rife(blank(), model=tmp_path / "foreign.pth")


def test_another_networks_weights_under_a_versions_name(weights, tmp_path):
    torch.save(read_weights(weights("4.6")), tmp_path / "flownet_v4.24.pkl")
    with pytest.raises(vs.Error, match=r"^rife: .*4\.6.*4\.24"):
        rife(blank(), model="4.24")


def test_trt_scripts_run_and_say_what_they_lack_but_not_on_stdout(weights, tmp_path, capfd, said):
    cache = tmp_path / "engines"
    rife(blank(), model=weights(), trt=True, trt_debug=True, trt_cache_dir=str(cache))
    assert any(text.startswith("rife: trt=True runs without TensorRT: ") for text in said)
    assert capfd.readouterr().out == ""


def test_an_argument_that_is_none_is_named_with_the_nearest_one():
    with pytest.raises(TypeError, match=r"argument 'fcator'; did you mean factor\?"):
        rife(vs.core.std.BlankClip(format=vs.RGBS), fcator=2)  # type: ignore[call-arg]
