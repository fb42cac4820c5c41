"""What only a machine with an NVIDIA GPU can say; skipped elsewhere."""

import json

import numpy as np
import pytest

from vsrife.evaluation.scores.measures import psnr
from vsrife.inference.base import Hardware, Settings
from vsrife.weights import find_weights

SIZE = (320, 192)
# TF32 rounds factors to 11 bits, fp16 sums, too
LEAST = {"fp32": 50, "fp16": 40}


def picture(provider, half=False, model="nano"):
    onnx = pytest.importorskip("vsrife.inference.ort.backend")
    settings = Settings(
        weights=find_weights(model), model=model, scale=1.0, ensemble=False, half=half,
        clamp=True, width=SIZE[0], height=SIZE[1], hardware=Hardware(provider=provider),
    )  # fmt: skip  # one thing, not nine
    session = onnx.BACKEND.open_session(settings)
    from vsrife.inference.ort.accuracy import pair_of

    left, right = (session.prepare(list(image[0])) for image in pair_of(None, SIZE))
    made = [np.empty(SIZE[::-1], np.float32) for _ in range(3)]
    session.interpolate(left, right, 0.5, made)
    return np.stack(made)


def need(provider):
    ort = pytest.importorskip("onnxruntime")
    from vsrife.inference.ort.providers import offered

    if provider not in offered(ort):
        pytest.skip(f"this ONNX Runtime has no {provider}")


@pytest.mark.cuda
@pytest.mark.parametrize("precision", LEAST)
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_nvidia_gives_the_cpus_picture(provider, precision, monkeypatch, tmp_path):
    need(provider)
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path))
    found = picture(provider, half=precision == "fp16")
    assert psnr(found, picture("cpu")) > LEAST[precision]


@pytest.mark.cuda
def test_a_kept_engine_is_used_again(monkeypatch, tmp_path):
    need("tensorrt")
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path))
    first = picture("tensorrt")
    (proof,) = tmp_path.glob("engines/*/proof.json")
    assert json.loads(proof.read_text(encoding="utf-8"))["gpu"] != "unknown"
    built = {path: path.stat().st_mtime_ns for path in tmp_path.glob("engines/*/*.engine")}
    assert built
    assert np.array_equal(picture("tensorrt"), first)
    assert {path: path.stat().st_mtime_ns for path in built} == built


@pytest.mark.cuda
def test_a_damaged_engine_is_built_again(monkeypatch, tmp_path):
    need("tensorrt")
    monkeypatch.setenv("VSRIFE_CACHE_DIR", str(tmp_path))
    first = picture("tensorrt")
    for path in tmp_path.glob("engines/*/*.engine"):
        path.write_bytes(path.read_bytes()[:100])
    assert psnr(picture("tensorrt"), first) > LEAST["fp32"]
