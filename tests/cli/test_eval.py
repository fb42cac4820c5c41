"""`vsrife eval`, called as the command line calls it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vsrife.cli import main
from vsrife.errors import BackendError
from vsrife.evaluation.cases.known_motion import dead_leaves
from vsrife.evaluation.methods.all_methods import CLASSICAL, usual
from vsrife.inference import select


def write_clip(path: Path, levels: list[int], size: tuple[int, int] = (60, 42)) -> None:
    """Plain grey pictures, lossless, full range."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        for level in levels:
            picture = np.full((height, width, 3), level, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "grey.mkv"
    write_clip(path, [0, 51, 51, 51, 0])
    return path


def call(*words: object) -> int:
    return main(["eval", *map(str, words)])


def table(printed: str) -> dict[str, list[str]]:
    """The first one, PSNR."""
    lines = printed.split("\n\n")[1].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: cells for name, *cells in rows}


def test_it_measures_hold_and_blend_on_the_frames_left_out(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(clip, "--models", "none", "--against", "hold,blend") == 0
    rows = table(capsys.readouterr().out)
    assert rows["clip"] == ["hold", "blend"]
    # 0 for 51: 13.98 dB; 51 for 51: as equal as it gets, 100 dB; 25.5 for 51: 20 dB, twice
    assert rows["grey.mkv"] == ["56.99", "20.00"]


def test_it_takes_the_first_frames_only(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(clip, "--models", "none", "--against", "hold", "--frames", 3)
    assert table(capsys.readouterr().out)["grey.mkv"] == ["13.98"]


def test_it_runs_several_models_and_all_methods_and_writes_files(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "odd.mkv"
    write_clip(clip, [0, 51, 51, 51, 0], (61, 43))
    folder = tmp_path / "new" / "folder"
    words = [clip, "--models", weights, "--weights", weights, "-o", folder, "--worst", 1]
    assert call(*words) == 0
    printed = capsys.readouterr()
    rows = table(printed.out)
    methods = [*usual(), str(weights), weights.stem]
    assert rows["clip"] == methods
    # plain pictures: whatever the motion, a mask between them gives at least one right half
    assert all(13 < float(score) < 101 for score in rows["odd.mkv"])
    assert (folder / "tables.md").read_text(encoding="utf-8") == printed.out
    summary = (folder / "summary.json").read_text(encoding="utf-8")
    assert list(json.loads(summary)["methods"]) == methods
    names = {path.name for path in folder.iterdir()}
    assert {"frames.csv", "short.md", "quality.png", "curves-odd.png"} < names
    assert f"worst-of-{weights.stem}.png" in names
    short = (folder / "short.md").read_text(encoding="utf-8")
    assert printed.out.endswith(short)
    assert len(short.splitlines()) == 2 + len(methods)
    assert len([name for name in names if name.startswith("worst-odd-")]) == 1
    assert all(str(folder / name) in printed.err for name in names)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frames", 2], "frames must be 0"),
        (["--worst", -1], "worst must be at least 0, not -1"),
        (["--threads", 0], "threads must be at least 1 and a whole number, not 0"),
        (["--threads", 10**8], "threads must be at most 1024, not 100000000"),
        (["--against", "MVTools"], "mvutensils, svpflow, minterpolate or none, not 'MVTools'"),
        (["--factor", 1], "factor must be from 2 to 64, not 1"),
        (["--factor", 4, "--frames", 4], "frames must be 0 (all) or at least 5, not 4"),
        (
            ["--cases", "fences"],
            "pans, fence, text, evenness, timesteps, all or none, not 'fences'",
        ),
        (
            ["--cases", "pans", "--size", "1280"],
            "size must be WIDTHxHEIGHT, such as 1280x720, not '1280'",
        ),
        (["--cases", "pans", "--size", "287x288"], "at least 288x288, not 287x288"),
        (["--cases", "all", "--size", "256x720"], "at least 288x288, not 256x720"),
        (["--cases", "pans", "--size", "640x360,1280x720"], "must be one size of at least"),
        (["--size", "640x360"], "--size is of the frames of pans; add --cases pans"),
        (["--cases", "fence", "--size", "640x360"], "add --cases pans, or leave it out"),
        (["--photo", "/no/such.png", "--cases", "pans"], "there is no picture"),
        (["--photo", "/no/such.png"], "add --cases pans"),
        (["--reference", "4.25"], "reference must be one of nano, not '4.25'"),
        (["--models", "none", "--reference", "nano"], "none, as there is no model, not 'nano'"),
        (["--lpips", "/no/alexnet.pth"], "there is no file"),
        (["--models", "none", "--against", "none"], "all empty"),
        (["--models", "4.99"], "4.99"),
        (["--weights", "/no/such.pkl"], "such.pkl does not exist"),
    ],
)
def test_it_names_what_is_wrong(
    clip: Path, words: list[object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(clip, *words) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_it_names_clips_that_are_missing_damaged_or_too_short(
    tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, damaged = tmp_path / "short.mkv", tmp_path / "damaged.mkv"
    write_clip(short, [0, 1])
    damaged.write_bytes(b"no video")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    for path, message in (
        (tmp_path / "nowhere.mkv", "there is no clip"),
        (short, "2 frames"),
        (damaged, "no video file"),
        (tmp_path / "broken.json", "rlottie cannot draw"),
        (Path("x" * 280), "check its name and permissions"),
    ):
        # before any clip is measured, not after an hour
        assert call(clip, path, "--models", "none", "--against", "hold") == 1
        printed = capsys.readouterr()
        assert path.name in printed.err
        assert message in printed.err
        assert printed.out == ""
        assert "grey.mkv" not in printed.err
    assert call(clip, "--models", "none", "--against", "hold", "-o", clip) == 1
    assert "is no folder" in capsys.readouterr().err
    assert call(clip, "--models", "none", "--against", "hold", "-o", "x" * 300) == 1
    assert "check its name and permissions" in capsys.readouterr().err


def test_a_backend_that_cannot_be_loaded_is_passed_over(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = select._load

    def broken(name: str) -> object:
        if name == "pytorch":  # the first choice of tests
            raise BackendError("backend 'pytorch' cannot be loaded (no such library)")
        return load(name)

    monkeypatch.setattr(select, "_load", broken)
    # PyTorch has no threads of its own, so eval must know which backend it will be
    assert call(clip, "--models", "nano", "--against", "none", "--threads", 1) == 0
    said = capsys.readouterr()
    assert "grey.mkv" in table(said.out)
    assert "note: backend 'pytorch' cannot be loaded (no such library); left out" in said.err


def test_nothing_to_measure_is_not_understood(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--cases", "none"], ["--cases", ","]):
        assert call(*words) == 2
        assert "CLIP" in capsys.readouterr().err


def test_a_plugin_that_is_missing_is_named_before_a_clip_is_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = replace(CLASSICAL["mvutensils"], plugins=("no_such_plugin",))
    monkeypatch.setitem(CLASSICAL, "mvutensils", missing)
    assert call("/no/such.mkv", "--against", "mvutensils") == 1
    error = capsys.readouterr().err
    assert "mvutensils needs what is not installed" in error
    assert "[eval]" in error


def test_without_ffmpegs_program_minterpolate_is_left_out_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert call("/no/such.mkv", "--models", "none") == 1  # for want of the clip
    notes, last = capsys.readouterr().err.rsplit("vsrife: error: ", 1)
    assert "note: minterpolate is not installed; left out\n" in notes
    assert "such.mkv" in last
    assert call("/no/such.mkv", "--against", "minterpolate") == 1
    error = capsys.readouterr().err
    assert "minterpolate needs what is not installed: imageio-ffmpeg; pip" in error


def test_it_prints_everything_for_programs(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--models", "none", "--against", "hold,blend", "--cases", "text", "--json"]
    assert call(clip, *words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["clips"][0]["mean"]["blend"]["psnr"] == pytest.approx(20, abs=0.01)
    assert facts["clips"][0]["worst_tenth"]["hold"]["psnr"] == pytest.approx(13.98, abs=0.01)
    assert facts["cases"]["text"]["blend"]["off"] == pytest.approx(0, abs=1e-6)


def test_cases_need_no_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.png"
    leaves = np.rint(dead_leaves(96, 96, 0) * 255).astype(np.uint8)
    Image.fromarray(leaves).resize((768, 768), Image.Resampling.NEAREST).save(photo)
    words = ["--models", "none", "--against", "hold", "--cases", "pans", "--size", "288x288"]
    assert call(*words, "--photo", photo, "-o", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "| hold   |     0 |     0 |     0 |     0 |     0 |" in printed
    assert "PSNR" not in printed
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tables.md", "short.md", "summary.json", "frames.csv"}


def test_other_factors_and_a_reference_get_their_tables(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "grey.mkv"
    write_clip(clip, [0, 10, 20, 30, 40])
    words = ["--models", "none", "--weights", weights, "--against", "blend", "--factor", 4]
    assert call(clip, *words, "--reference", weights.stem) == 0
    printed = capsys.readouterr().out
    rows = [line.split("|")[1:3] for line in printed.splitlines() if line.startswith("| 1/4")]
    # 10 of 0 and 40: the weighted mean is the truth
    assert [[cell.strip() for cell in row] for row in rows] == [["1/4", "100.00"]]
    assert f"Networks beside {weights.stem}; plus is better" in printed
    assert f"time per new frame, filter, share of {weights.stem}'s " in printed
