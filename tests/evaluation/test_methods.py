"""Each method makes exactly the frames that a film lacks, between their neighbours."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs

from tests.support import clips
from tests.support.ball import ball
from vsrife.errors import BackendError, ModelError
from vsrife.evaluation.film import Film
from vsrife.evaluation.film_files import to_rgb
from vsrife.evaluation.methods import all_methods, minterpolate
from vsrife.evaluation.methods.all_methods import CLASSICAL, network, usual
from vsrife.evaluation.scores.measures import psnr
from vsrife.network.table import ARCHS, cost, parameters


def film_like(fmt: int, width: int = 96, height: int = 64, length: int = 5, **props: int) -> Film:
    """Noise, the same in all frames: every method must give it back."""
    rgb = clips.clip_of(lambda n: clips.noise(width, height)(0), length)
    blur = rgb.std.BoxBlur(hradius=3, vradius=3)
    clip = blur if fmt == vs.RGBS else blur.resize.Bicubic(format=fmt, **props)
    return Film("noise", clip, to_rgb)


def test_a_film_keeps_even_frames_and_lacks_those_between_two_of_them(film: Film) -> None:
    assert film.count == 4
    rgb = list(film.pictures(film.source))
    for pictures, numbers in (
        (film.truths(), (1, 3, 5, 7)),
        (film.pictures(film.kept), range(0, 9, 2)),
    ):
        made = list(pictures)
        assert len(made) == len(numbers)
        assert all(np.array_equal(p, rgb[n]) for p, n in zip(made, numbers, strict=True))
    even = Film("even", film.source[:8], to_rgb)
    assert (even.count, even.kept.num_frames) == (3, 4)


def test_pictures_are_what_a_screen_can_show() -> None:
    """Whiter than white in all planes of YUV: beyond 1 in RGB."""
    clip = clips.clip_of(clips.flat([[1.0, 0.4, 0.4]] * 3), 3, fmt=vs.YUV444PS)
    film = Film("bright", clip.std.SetFrameProps(_Matrix=1, _Range=1), to_rgb)
    (truth,), (held,) = film.truths(), CLASSICAL["hold"].run(film)
    assert truth.max() == held.max() == 1
    assert truth.min() >= 0


METHODS = [name for name in CLASSICAL if name != "svpflow" or CLASSICAL[name].installed]


def test_svpflow_is_left_out_of_tests_only_where_it_has_no_wheel() -> None:
    assert "svpflow" in METHODS or platform.machine() not in ("x86_64", "AMD64", "arm64")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_makes_every_missing_frame_at_its_place(name: str, film: Film) -> None:
    made, truths = list(CLASSICAL[name].run(film)), list(film.truths())
    assert len(made) == film.count
    assert all(picture.shape == truth.shape for picture, truth in zip(made, truths, strict=True))
    if name != "hold":
        simpler = "hold" if name == "blend" else "blend"
        for picture, rough, truth in zip(made, CLASSICAL[simpler].run(film), truths, strict=True):
            assert psnr(picture, truth) > psnr(rough, truth)
        # shifted by one, all are worse: no frame stands in another's place
        assert all(
            psnr(picture, truth) > psnr(picture, other)
            for picture, (truth, other) in zip(made, pairwise(truths), strict=False)
        )


def test_hold_and_blend_are_what_their_names_say(film: Film) -> None:
    kept = list(film.pictures(film.kept))
    held, blended = (list(CLASSICAL[name].run(film)) for name in ("hold", "blend"))
    assert all(np.array_equal(h, k) for h, k in zip(held, kept[:-1], strict=True))
    for picture, (left, right) in zip(blended, pairwise(kept), strict=True):
        assert np.allclose(picture, (left.astype(float) + right) / 2, atol=1e-6)


@pytest.mark.parametrize("name", ["mvtools", "mvutensils", "minterpolate"])
@pytest.mark.parametrize(
    ("fmt", "size", "props"),
    [
        (vs.YUV420P8, (96, 64), {"matrix": 6, "range": 1}),  # full
        (vs.YUV420P10, (96, 64), {"matrix": 1}),
        (vs.YUV444P8, (91, 63), {"matrix": 6}),
        (vs.YUV422P10, (94, 65), {"matrix": 1}),
        (vs.RGB24, (91, 63), {}),
        (vs.RGBS, (96, 64), {}),
        (vs.YUV410P8, (96, 64), {"matrix": 6}),
        (vs.YUV444PS, (96, 64), {"matrix": 1}),
        (vs.GRAY16, (96, 64), {"matrix": 6}),
    ],
)
def test_stills_of_any_format_come_back_in_their_colours(
    name: str, fmt: int, size: tuple[int, int], props: dict[str, int]
) -> None:
    film = film_like(fmt, *size, **props)
    (first, second), (truth, _) = CLASSICAL[name].run(film), film.truths()
    assert psnr(first, truth) > 45  # 8 bits for minterpolate
    assert psnr(second, truth) > 45


def test_minterpolate_takes_the_shortest_film(film: Film) -> None:
    short = Film("short", film.source[:3], to_rgb)
    (picture,), (truth,) = CLASSICAL["minterpolate"].run(short), short.truths()
    (blended,) = CLASSICAL["blend"].run(short)
    assert psnr(picture, truth) > psnr(blended, truth)


def test_a_failure_of_ffmpeg_is_noticed(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minterpolate, "OPTIONS", "no_such_option=1")
    with pytest.raises(BackendError, match=r"minterpolate failed: .+; leave it out of --against"):
        next(CLASSICAL["minterpolate"].run(film))


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for FFmpeg")
def test_minterpolate_says_what_ffmpeg_says_last(
    film: Film, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho this first >&2\necho no, that >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(program))
    with pytest.raises(BackendError, match="minterpolate failed: no, that; leave it out"):
        next(CLASSICAL["minterpolate"].run(film))


def test_a_network_runs_through_the_filter_on_sides_of_any_length(weights) -> None:
    path: Path = weights("nano")
    method = network(path)
    assert (method.parameters, method.cost) == (parameters(ARCHS["nano"]), cost(ARCHS["nano"]))
    film = film_like(vs.YUV444P8, 61, 43, matrix=6)
    made = list(method.run(film))
    # equal neighbours skip the network
    assert [psnr(p, t) for p, t in zip(made, film.truths(), strict=True)] == [100, 100]


def test_figures_are_of_fp32_whatever_the_cpu_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def noted(clip: vs.VideoNode, **options: object) -> vs.VideoNode:
        asked.append(options["precision"])
        return vs.core.std.Interleave([clip, clip])

    monkeypatch.setattr(all_methods, "rife", noted)
    list(network("nano").run(film_like(vs.YUV444P8, matrix=6)))
    assert asked == ["fp32"]


@pytest.mark.parametrize("name", ["mvtools", "minterpolate"])
def test_pictures_too_small_for_a_method_are_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(BackendError, match=f"{name} .*leave it out of --against"):
        next(CLASSICAL[name].run(film_like(vs.YUV444P8, 8, 8, matrix=6)))


def test_an_unknown_model_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.pkl"):
        network(tmp_path / "none.pkl")


@pytest.mark.parametrize("name", [name for name in METHODS if name != "hold"])
def test_a_method_makes_frames_at_every_timestep(name: str) -> None:
    """Two pairs whose frames are four steps apart: each picture fits its own time best."""
    rgb = clips.clip_of(lambda n: ball(n / 2), 9)
    film = Film("ball", rgb.resize.Bicubic(format=vs.YUV420P8, matrix=6), to_rgb, factor=4)
    assert film.left_out == [1, 2, 3, 5, 6, 7]
    truths, made = list(film.truths()), list(CLASSICAL[name].run(film))
    assert len(made) == film.count == 6
    if name == "blend":  # two copies fit no time; their weights are what is promised
        kept = list(film.pictures(film.kept))
        for k, picture in enumerate(made):
            left, right = kept[k // 3], kept[k // 3 + 1]
            share = (k % 3 + 1) / 4
            assert np.allclose(picture, left + share * (right - left), atol=1e-6)
        return
    everything = list(film.pictures(film.source))
    for n, picture, truth in zip(film.left_out, made, truths, strict=True):
        others = [psnr(picture, other) for k, other in enumerate(everything) if k != n]
        assert psnr(picture, truth) > max(others), n


def test_a_network_makes_frames_at_every_timestep(weights) -> None:
    film = Film("noise", film_like(vs.RGBS, length=9).source, to_rgb, factor=4)
    made = list(network(weights("nano")).run(film))
    assert [psnr(p, t) for p, t in zip(made, film.truths(), strict=True)] == [100] * 6


@pytest.mark.parametrize(("fmt", "size"), [(vs.YUV444P8, (91, 63)), (vs.YUV420P10, (96, 64))])
def test_svpflow_gets_the_only_format_that_it_takes_and_gives_sizes_back(
    fmt: int, size: tuple[int, int]
) -> None:
    if "svpflow" not in METHODS:
        pytest.skip("open-svpflow has no wheel for this system")
    film = film_like(fmt, *size, matrix=6)
    for picture, truth in zip(CLASSICAL["svpflow"].run(film), film.truths(), strict=True):
        assert picture.shape == truth.shape
        # halved chroma of noise, and a line at odd edges, cost that much; garbage has 12 dB
        assert psnr(picture[:-1, :-1], truth[:-1, :-1]) > 30


@pytest.mark.parametrize("name", ["mvtools", "mvutensils", "svpflow"])
def test_what_is_not_installed_is_not_usual(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert usual() == [each for each in CLASSICAL if CLASSICAL[each].installed]
    assert {"hold", "blend", "minterpolate"} <= set(usual())
    missing = replace(CLASSICAL[name], plugins=("no_such_plugin",))
    assert not missing.installed
    monkeypatch.setitem(CLASSICAL, name, missing)
    assert name not in usual()
