"""vs-rife's trt and trt_* arguments: what is checked, and what becomes of a wish for TensorRT."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from vsrife import checks
from vsrife.errors import ArgumentError, BackendError
from vsrife.inference import network_options
from vsrife.inference.base import EngineOptions, Hardware, Settings
from vsrife.inference.network_options import NetworkOptions
from vsrife.inference.ort import vsrife_trt

DEFAULTS = {each.name: each.default for each in network_options.OPTIONS}


def read(**given):
    """The arguments of rife(), these among them, as the door reads them."""
    options = NetworkOptions(**checks.read_all(network_options.OPTIONS, DEFAULTS | given))
    network_options.check_together(options, 1920, 1080)
    return options.engines


def test_vs_rifes_arguments_are_understood_and_its_lists_left_alone():
    low, usual, high = [256, 128], [640, 360], [1920, 1080]
    options = read(
        trt_static_shape=False, trt_min_shape=low, trt_opt_shape=usual, trt_max_shape=high,
        trt_workspace_size=5, trt_max_aux_streams=2, trt_optimization_level=1,
        trt_cache_dir=Path("engines"), trt_debug=1,
    )  # fmt: skip  # one thing, not nine
    assert options == EngineOptions(
        False, (256, 128), (640, 360), (1920, 1080), 5, 2, 1, "engines", True
    )
    assert (low, usual, high) == ([256, 128], [640, 360], [1920, 1080])
    assert read() == EngineOptions()


BAD = {
    "one side": ({"trt_min_shape": [128]}, "trt_min_shape must be a list with 2 items"),
    "text": ({"trt_opt_shape": "ab"}, "trt_opt_shape must be a list with 2 items"),
    "zero": ({"trt_max_shape": [1920, 0]}, "trt_max_shape must be at least 1"),
    "order": (
        {"trt_static_shape": False, "trt_min_shape": [1920, 1080]},
        "trt_min_shape must be less than trt_max_shape",
    ),
    "between": (
        {"trt_static_shape": False, "trt_opt_shape": [2000, 1080]},
        "trt_opt_shape must lie between trt_min_shape and trt_max_shape",
    ),
    "workspace": ({"trt_workspace_size": -1}, "trt_workspace_size must be at least 0"),
    "streams": ({"trt_max_aux_streams": 1.5}, "trt_max_aux_streams must be at least 0 and a whole"),
    "level": ({"trt_optimization_level": 6}, "trt_optimization_level must be at most 5, not 6"),
    "no folder": ({"trt_cache_dir": ""}, "trt_cache_dir must be a folder's path or None, not ''"),
    "folder": ({"trt_cache_dir": 3}, "trt_cache_dir must be a folder's path or None, not 3"),
    "another provider": (
        {"trt": True, "provider": "cpu"},
        "trt=True asks for TensorRT, and provider='cpu' does",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    given, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        read(**given)


def test_frames_must_fit_into_an_engine_of_many_sizes():
    many = NetworkOptions(trt=True, trt_static_shape=False)
    network_options.check_together(many, 1920, 1080)
    for size in ((1921, 1080), (1920, 1082), (64, 128)):
        with pytest.raises(ArgumentError, match=f"frames of {size[0]}x{size[1]} do not lie"):
            network_options.check_together(many, *size)
    network_options.check_together(NetworkOptions(trt=True), 7680, 4320)


def test_frames_must_fit_only_where_tensorrt_is_used():
    for asked, fits in (({}, True), ({"trt": True}, False), ({"provider": "tensorrt"}, False)):
        options = NetworkOptions(trt_static_shape=False, **asked)
        if fits:
            network_options.check_together(options, 4096, 2160)
            continue
        with pytest.raises(ArgumentError, match="frames of 4096x2160 do not lie between"):
            network_options.check_together(options, 4096, 2160)


class Runner:
    """A backend that keeps what it was asked for, or cannot do it."""

    def __init__(self, name, error=None):
        self.name, self.error, self.asked = name, error, []

    def open_session(self, settings):
        if self.error:
            raise self.error
        self.asked.append(settings.hardware)
        return self.name


@pytest.fixture
def runners(monkeypatch):
    """The usual one, and ONNX Runtime's."""
    usual, onnx = Runner("usual"), Runner("onnx")
    monkeypatch.setattr(vsrife_trt, "open_backend", lambda name, hardware: onnx)
    return SimpleNamespace(usual=usual, onnx=onnx)


def opened(runners, *, wish=True, backend=None, engines=None, **hardware):
    heard = []
    settings = Settings(
        weights=Path("x"), model=None, scale=1.0, ensemble=False, half=False, clamp=True,
        width=640, height=360, hardware=Hardware(**hardware), note=heard.append,
    )  # fmt: skip  # one thing, not eight
    engines = engines or EngineOptions(level=4)
    found = vsrife_trt.open_session(runners.usual, settings, engines, trt=wish, backend=backend)
    return found, heard


def test_without_the_wish_nothing_changes(runners):
    assert opened(runners, wish=False) == ("usual", [])
    assert runners.usual.asked == [Hardware()]


@pytest.mark.parametrize(
    ("given", "provider"),
    [({}, "tensorrt"), ({"device": "cuda:1"}, "tensorrt:1"), ({"device_index": 2}, "tensorrt")],
)
def test_the_wish_is_for_the_onnx_backend(runners, given, provider):
    assert opened(runners, **given) == ("onnx", [])
    assert runners.onnx.asked == [
        Hardware(
            provider=provider,
            device_index=given.get("device_index", 0),
            engines=EngineOptions(level=4),
        )
    ]


def test_a_wish_that_cannot_be_had_is_no_error(runners):
    runners.onnx.error = BackendError("provider 'tensorrt' is not here; it comes with X")
    found, heard = opened(runners)
    assert found == "usual"
    assert heard == [
        "trt=True runs without TensorRT: provider 'tensorrt' is not here; it comes with X"
    ]


@pytest.mark.parametrize("given", [{"backend": "pytorch"}, {"device": "cpu"}])
def test_another_choice_wins_over_the_wish(runners, given):
    found, heard = opened(runners, **given)
    assert found == "usual"
    assert len(heard) == 1
    assert not runners.onnx.asked


def test_an_order_for_tensorrt_fails_where_it_cannot_be_had(runners):
    runners.usual.error = BackendError("no TensorRT")
    for wish in (True, False):
        with pytest.raises(BackendError, match="no TensorRT"):
            opened(runners, wish=wish, provider="tensorrt:1", backend="onnx")


def test_an_order_takes_the_engines_options_along(runners):
    opened(runners, wish=False, provider="tensorrt")
    assert runners.usual.asked[0].engines.level == 4
