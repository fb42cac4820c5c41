"""`vsrife quantize`, called as the command line calls it."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import av
import numpy as np
import onnx
import pytest

from tests.support.clips import clip_of, pictures, random_weights
from tests.support.films import pan, scenery
from tests.support.narrow import official_rows
from vsrife import rife
from vsrife.cli import main, quantize
from vsrife.cli.quantize import verdict
from vsrife.evaluation.scores.measures import psnr
from vsrife.inference import select


def write_clip(path: Path, pictures: list[np.ndarray]) -> Path:
    """(3, H, W) in 0..1, lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = pictures[0].shape[1:]
        stream.pix_fmt = "bgr0"
        for picture in pictures:
            pixels = np.ascontiguousarray((picture * 255).astype(np.uint8).transpose(1, 2, 0))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "pan.mkv"
    return write_clip(path, pan(scenery(1), 24, speed=2.5))


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "small.mkv"
    return write_clip(path, [p[:, :32, :64] for p in pan(scenery(1), 24, speed=2.5)])


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CACHE_DIR", "none")


def call(*words: object) -> int:
    return main(["quantize", *map(str, words)])


def psnr_of(found: list[np.ndarray], truth: list[np.ndarray]) -> float:
    return float(np.mean([psnr(a, b) for a, b in zip(found, truth, strict=True)]))


def test_it_writes_a_file_and_says_what_was_lost_and_won(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nano8.onnx"
    assert call("nano", clip, "-o", path, "--rounds", 1, "--threads", 1) == 0
    first, about, *rest = capsys.readouterr().out.splitlines()
    assert first == str(path)
    assert about.startswith("nano, 128x72, 5 frames kept back")
    said = {}
    for line in rest[:-1]:
        found = re.search(
            r"fp32 (\S+) dB, int8 (\S+) dB .* against fp32 (\S+) dB; .*: (\S+) time", line
        )
        assert found, line
        said[line.split()[0]] = [float(found[i]) for i in (1, 2, 3)]
    assert list(said) == [name for name in ("onnx", "openvino") if select.is_installed(name)]
    # how much INT8 loses is the CPU's business, some let sums overflow: what is said is true, and
    # better than no network at all
    drawn = [np.floor(picture * 255) / 255 for picture in pan(scenery(1), 24, speed=2.5)]
    kept_back = drawn[3:-1:4]
    halves = clip_of(lambda n: drawn[2 * n], 12)
    single, quantized = (
        pictures(rife(halves, model=model, backend="onnx", threads=1))[3:-1:4]
        for model in ("nano", path)
    )
    *against_truth, against_single = said["onnx"]
    assert against_truth == pytest.approx(
        [psnr_of(single, kept_back), psnr_of(quantized, kept_back)], abs=0.06
    )
    # of one decimal, and roundings to 8 bits turn where warps differ in the last bit
    assert against_single == pytest.approx(psnr_of(quantized, single), abs=0.3)
    blend = [(drawn[n - 1] + drawn[n + 1]) / 2 for n in range(3, 23, 4)]
    assert min(min(figures) for figures in said.values()) > psnr_of(blend, kept_back)
    assert re.match(r"(not )?worth its while here", rest[-1])
    said = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert (said["model"], said["precision"], said["layout"]) == ("nano", "int8", "own")
    assert said["size"] == "128x96"


def test_a_file_for_any_size_is_one_on_request(
    small_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "_report", lambda *_: None)
    path = tmp_path / "any.onnx"
    assert call("nano", small_clip, "-o", path, "--size", "any", "--frames", 8) == 0
    assert {entry.key: entry.value for entry in onnx.load(path).metadata_props}["size"] == "any"


def short(folder: Path) -> Path:
    return write_clip(folder / "short.mkv", pan(scenery(1), 2, speed=2))


def still(folder: Path) -> Path:
    return write_clip(folder / "still.mkv", pan(scenery(1), 24))


def few(folder: Path) -> Path:
    return write_clip(folder / "few.mkv", pan(scenery(1), 12, speed=2))


def text(folder: Path) -> Path:
    path = folder / "notes.mkv"
    path.write_text("this is no video")
    return path


BAD = {
    "too few frames": (short, (), "short.mkv has 2 frames; calibration needs three and more"),
    "nothing moves": (still, (), "of the 11 places looked at, 11 are still, 0 change as at a cut"),
    "few places": (few, (), "of the 5 places looked at, 0 are still, .* 5 can be used"),
    "no video": (text, (), "notes.mkv is no video file that can be read"),
    "absent": (lambda folder: folder / "none.mkv", (), "there is no clip .*none.mkv"),
    "few frames": (still, ("--frames", 3), "frames must be at least 8, not 3"),
    "rounds": (still, ("--rounds", 0), "rounds must be at least 1 and at most 1000, not 0"),
    "size": (still, ("--size", "big"), "size must be WIDTHxHEIGHT, such as 1280x720, not 'big'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_said_in_one_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, options, message = BAD[case]
    output = tmp_path / "out.onnx"
    assert call("nano", make(tmp_path), "-o", output, *options) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.search(message, last), last
    assert not output.exists()


FILES = {
    "suffix": ("model.bin", (), "model.bin must end in .onnx, not '.bin'"),
    "folder": ("nowhere/model.onnx", (), "nowhere does not exist; make it first"),
    "there": ("there.onnx", (), "there.onnx exists; choose another name, or --overwrite"),
    "other size": ("model.onnx", ("--size", "64x64"), "size must be that of the clips, 128x72"),
}


@pytest.mark.parametrize("case", FILES)
def test_where_it_cannot_write_it_says_so_first(
    case: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, options, message = FILES[case]
    (tmp_path / "there.onnx").touch()
    assert call("nano", clip, "-o", tmp_path / name, *options) == 1
    assert re.search(message, capsys.readouterr().err.splitlines()[-1])


@pytest.mark.parametrize(("arch", "beside"), [("4.0", "doubled"), ("4.15.lite", "encode")])
def test_what_belongs_to_a_network_is_written_beside_it(
    small_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, beside: str
) -> None:
    monkeypatch.setattr(quantize, "_report", lambda *_: None)
    output = tmp_path / "out.onnx"
    with official_rows(4, convs=2):
        weights = random_weights(tmp_path, arch)
        assert call(weights, small_clip, "-o", output, "--frames", 8) == 0
    files = sorted(tmp_path.glob("*.onnx"))
    assert [path.name for path in files] == [f"out.{beside}.onnx", "out.onnx"]
    digests = {p.key: p.value for p in onnx.load(output).metadata_props}["weights_sha256"]
    assert {p.key: p.value for p in onnx.load(files[0]).metadata_props}["weights_sha256"] == digests


def test_a_file_that_would_lie_beside_it_is_not_replaced_by_chance(
    small_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "out.encode.onnx"
    other.write_text("somebody's")
    with official_rows(4, convs=2):
        weights = random_weights(tmp_path, "4.15.lite")
        assert call(weights, small_clip, "-o", tmp_path / "out.onnx", "--frames", 8) == 1
    assert "out.encode.onnx exists; choose another name" in capsys.readouterr().err
    assert other.read_text() == "somebody's"
    assert not (tmp_path / "out.onnx").exists()


def test_a_full_disk_is_named_with_the_file(
    small_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip  # four fixtures
    monkeypatch.setattr(quantize, "_report", lambda *_: None)
    whole = Path.write_bytes

    def fill(path: Path, content: bytes) -> int:
        if path.name.startswith(".out.onnx"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    assert call("nano", small_clip, "-o", tmp_path / "out.onnx", "--frames", 8) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("out.onnx cannot be written: the disk is full; make room")
    assert not list(tmp_path.iterdir())


def test_a_graph_is_no_model_to_quantize(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("other.onnx", clip, "-o", tmp_path / "out.onnx") == 1
    assert "MODEL must be a name or a weights file, not the graph 'other.onnx'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({"onnx": (3.0, 1.3), "openvino": (0.02, 0.9)}, "not worth"),  # no one backend is both
        ({"onnx": (3.0, 1.3), "openvino": (0.02, 1.6)}, "worth its while here, with openvino"),
        ({"onnx": (0.02, 1.6), "openvino": (3.0, 0.9)}, "worth its while here, with onnx"),
        ({"onnx": (0.02, 1.0)}, "with onnx it is 1.00 times as fast; stay with fp32"),
    ],
)
def test_one_backend_must_keep_quality_and_gain_speed(found, text):
    assert text in verdict(found)
    assert verdict(found).startswith("not") == ("stay" in verdict(found))
