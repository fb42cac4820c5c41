"""Every encoder of the table, by what a reader finds in its file; and the choice of one."""

from __future__ import annotations

import argparse
import io
import itertools
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.moving_clips import FILM, film_times, moving
from vsrife.errors import ArgumentError, MediaError
from vsrife.media.timestamps import Times
from vsrife.media.writing import encode, encoder_trial, encoders
from vsrife.media.writing.convert import for_encoding, is_alpha, planar_name
from vsrife.media.writing.encode import write_video
from vsrife.media.writing.encoder_table import CONTAINERS, ENCODERS
from vsrife.media.writing.encoders import Encoding, check_film, choose

SOFTWARE = [name for name, row in ENCODERS.items() if not row.hardware]
FILES = [(name, end) for name in SOFTWARE for end in ENCODERS[name].containers]
ANIMATIONS = (".gif", ".webp", ".apng")
FRAMES = 8
FAST = {"x264": "ultrafast", "x265": "ultrafast", "svt-av1": "12", "vp9": "8"}
# Largest rounding of a time, in seconds: .mkv and .webp count in 1/1000, .gif in 1/100
ROUNDING = {".mkv": 0.0005, ".webm": 0.0005, ".webp": 0.0005, ".gif": 0.005, ".apng": 0.0001}
COLOURS = {"_Matrix": 1, "_Transfer": 1, "_Primaries": 1, "_Range": 0}
HDR = {
    "_Matrix": 9, "_Transfer": 16, "_Primaries": 9, "_Range": 0,
    "MasteringDisplayPrimariesX": [0.68, 0.265, 0.15],
    "MasteringDisplayPrimariesY": [0.32, 0.69, 0.06],
    "MasteringDisplayWhitePointX": 0.3127, "MasteringDisplayWhitePointY": 0.329,
    "MasteringDisplayMaxLuminance": 1000.0, "MasteringDisplayMinLuminance": 0.005,
    "ContentLightLevelMax": 1000, "ContentLightLevelAverage": 400,
}  # fmt: skip


def encoding_of(name: str, **more: Any) -> Encoding:
    return Encoding(encoder=name, preset=FAST.get(name), **more)


def write(
    clip: vs.VideoNode, path: Path, encoding: Encoding, times: Times | None = None
) -> vs.VideoNode:
    """Write a clip; gives it in the encoder's format."""
    made = for_encoding(clip, encoding)
    write_video(made, path, times or film_times(clip.num_frames), encoding)
    return made


def read(path: Path) -> tuple[Any, list[av.VideoFrame]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context, list(container.decode(stream))


def planes(picture: av.VideoFrame, like: str) -> list[np.ndarray]:
    """Samples of a picture, in the planes of the format `like`."""
    made = picture if picture.format.name == like else picture.reformat(format=like)
    kind = np.uint8 if max(c.bits for c in made.format.components) == 8 else np.uint16
    return [
        np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]
        for plane in made.planes
    ]


def wanted_planes(frame: vs.VideoFrame) -> list[np.ndarray]:
    """The samples of a frame in FFmpeg's order, with alpha."""
    found = [np.asarray(frame[n]) for n in range(frame.format.num_planes)]
    if frame.format.color_family == vs.RGB:
        found = [found[1], found[2], found[0]]
    alpha = frame.props.get("_Alpha")
    return found if alpha is None else [*found, np.asarray(alpha[0])]


@pytest.mark.parametrize(("name", "end"), FILES)
def test_a_file_holds_all_frames_at_their_times_and_the_picture(
    name: str, end: str, tmp_path: Path
):
    drawn = end in ANIMATIONS
    clip = moving(vs.RGB24, FRAMES) if drawn else moving(vs.YUV420P8, FRAMES, **COLOURS)
    write(clip, tmp_path / f"o{end}", encoding_of(name))
    context, pictures = read(tmp_path / f"o{end}")
    assert len(pictures) == FRAMES
    for n, picture in enumerate(pictures):
        assert float(picture.time) == pytest.approx(n / FILM, abs=ROUNDING.get(end, 1e-6) + 1e-9)
    assert {(p.width, p.height) for p in pictures} == {(64, 48)}
    if end not in ANIMATIONS:
        assert (context.colorspace, context.color_trc, context.color_primaries) == (1, 1, 1)
        assert context.color_range == 1
    for picture, frame in zip(pictures, clip.resize.Bicubic(format=vs.RGB24).frames(), strict=True):
        got = picture.to_ndarray(format="rgb24").astype(int)
        true = np.dstack([np.asarray(frame[p]) for p in range(3)])
        # GIF has 256 colours, WebP and the others are lossy; the next frame differs by about 12
        assert np.abs(got - true).mean() < 8


@pytest.mark.parametrize("name", [name for name in SOFTWARE if ENCODERS[name].lossless])
def test_a_lossless_encoder_gives_back_every_sample(name: str, tmp_path: Path):
    row = ENCODERS[name]
    for planar in row.formats:
        kind = next((f for f in FORMATS if planar_name(f, alpha=is_alpha(planar)) == planar), None)
        assert kind is not None, planar
        clip = moving(kind.id, 3, alpha=is_alpha(planar))
        made = write(clip, tmp_path / f"o{row.containers[0]}", encoding_of(name))
        assert made.format.id == kind.id
        _, pictures = read(tmp_path / f"o{row.containers[0]}")
        for picture, frame in zip(pictures, made.frames(), strict=True):
            for got, true in zip(planes(picture, planar), wanted_planes(frame), strict=True):
                assert np.array_equal(got, true), planar


def _formats() -> list[vs.VideoFormat]:
    query = vs.core.query_video_format
    samplings = ((1, 1), (1, 0), (0, 0), (0, 1), (2, 2), (2, 0))
    found = [query(vs.YUV, vs.INTEGER, b, *s) for s in samplings for b in range(8, 17)]
    found += [query(f, vs.INTEGER, b, 0, 0) for f in (vs.GRAY, vs.RGB) for b in range(8, 17)]
    return found


FORMATS = _formats()


@pytest.mark.parametrize("name", SOFTWARE)
def test_any_format_becomes_one_of_the_encoder(name: str):
    floats = [vs.core.get_video_format(f) for f in (vs.RGBS, vs.GRAYS, vs.YUV444PS, vs.RGBH)]
    for kind in (*FORMATS, *floats):
        for alpha in (False, True):
            clip = vs.core.std.BlankClip(format=kind.id, width=64, height=48, length=1)
            clip = clip.std.SetFrameProps(**({} if kind.color_family == vs.RGB else {"_Matrix": 1}))
            if alpha:
                clip = clip.std.ClipToProp(clip.std.BlankClip(format=vs.GRAY8), prop="_Alpha")
            made = for_encoding(clip, Encoding(encoder=name))
            formats = ENCODERS[name].formats
            keeps = alpha and any(is_alpha(each) for each in formats)
            assert planar_name(made.format, alpha=keeps) in formats
            if planar_name(kind, alpha=keeps) in formats:
                assert made.format.id == kind.id
            if keeps:
                with made.get_frame(0) as frame:
                    depth = frame.props["_Alpha"].format.bits_per_sample
                assert depth == made.format.bits_per_sample


@pytest.mark.parametrize("name", [n for n in SOFTWARE if any(map(is_alpha, ENCODERS[n].formats))])
def test_alpha_is_kept_where_the_encoder_has_it(name: str, tmp_path: Path):
    end = ENCODERS[name].containers[0]
    clip = moving(vs.RGB24, 4, alpha=True)
    write(clip, tmp_path / f"o{end}", encoding_of(name))
    with av.open(str(tmp_path / f"o{end}")) as container:
        decoder = container.streams.video[0].codec_context
        if name == "vp9":  # FFmpeg's own decoder leaves alpha out
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        packets = list(container.demux(video=0))
        pictures = [p for packet in packets if packet.size for p in decoder.decode(packet)]
        pictures += decoder.decode(None)
    assert len(pictures) == 4
    for n, picture in enumerate(pictures):
        alpha = picture.to_ndarray(format="rgba")[..., 3].astype(int)
        true = np.asarray(clip.get_frame(n).props["_Alpha"][0]).astype(int)
        if name == "gif":  # all or nothing
            alpha, true = alpha > 127, true > 127
            assert (alpha == true).mean() > 0.97
        else:
            assert np.abs(alpha - true).mean() < 4


@pytest.mark.parametrize("name", ["x264", "x265", "svt-av1"])
@pytest.mark.parametrize("end", [".mkv", ".mp4"])
def test_hdr_reaches_the_picture(
    name: str, end: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write(moving(vs.YUV420P10, 3, **HDR), tmp_path / f"o{end}", encoding_of(name))
    context, pictures = read(tmp_path / f"o{end}")
    assert (context.colorspace, context.color_trc, context.color_primaries) == (9, 16, 9)
    data = pictures[0].side_data
    light = np.frombuffer(bytes(data["CONTENT_LIGHT_LEVEL"]), np.uint32)
    assert list(light[:2]) == [1000, 400]
    numbers = np.frombuffer(bytes(data["MASTERING_DISPLAY_METADATA"]), np.int32)[:20].reshape(-1, 2)
    got = [float(a) / float(b) for a, b in numbers]
    primaries = [
        c
        for pair in zip(*(HDR[f"MasteringDisplayPrimaries{a}"] for a in "XY"), strict=True)
        for c in pair
    ]
    true = [*primaries, 0.3127, 0.329, 0.005, 1000]
    # 1/50000 and 1/10000 in H.264 and H.265; 1/65536, 1/256 and 1/16384 in AV1
    assert got == pytest.approx(true, abs=0.0001)
    assert "left out" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vp9", "ffv1", "prores"])
def test_hdr_that_an_encoder_is_not_told_is_noted(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    end = ENCODERS[name].containers[0]
    write(moving(vs.YUV420P10, 2, **HDR), tmp_path / f"o{end}", encoding_of(name))
    said = capsys.readouterr().err
    assert "mastering display is left out" in said
    assert "light level is left out" in said


@pytest.mark.parametrize(("count", "late"), [(1, 0), (2, 0), (3, 2)])
def test_of_one_or_two_frames_none_is_decoded_early(count: int, late: int):
    """There x265's decoding times are what was in memory, often 0; MP4 takes few others."""
    packets = [av.Packet(1) for _ in range(count)]
    for n, packet in enumerate(packets):
        packet.pts, packet.dts = n, n - 2 if count > 2 else n - 9007336695791648
    found = encode._lasting(packets, film_times(count))
    assert [packet.pts - packet.dts for packet in found] == [late] * count


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="as Linux calls it")
@pytest.mark.parametrize("name", SOFTWARE)
def test_no_thread_gets_ahead_of_those_that_interpolate(name: str, tmp_path: Path):
    """What root may do, SVT-AV1 does: real time threads, which nothing else runs beside."""
    end = ENCODERS[name].containers[0]
    encoding = choose(name, end)  # tries the encoder
    clip = for_encoding(moving(length=2), encoding)
    usual, policies = os.sched_getscheduler(0), set[int]()

    def look(done: int) -> None:
        for task in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended
                policies.add(os.sched_getscheduler(int(task.name)))

    write_video(clip, tmp_path / f"o{end}", film_times(2), encoding, on_frame=look)
    assert policies == {usual} != {os.SCHED_FIFO}


def test_varying_times_are_exact(tmp_path: Path):
    times = Times(Fraction(1, 600), [0, 20, 50, 60, 100, 120, 150])
    for name in ("x265", "svt-av1", "prores"):
        end = ".mov" if name == "prores" else ".mp4"
        write(moving(vs.YUV420P8, 6), tmp_path / f"o{end}", encoding_of(name), times)
        _, pictures = read(tmp_path / f"o{end}")
        got = [Fraction(p.pts) * p.time_base.numerator / p.time_base.denominator for p in pictures]
        assert got == [tick * times.base for tick in times.ticks[:-1]]


def durations_of(path: Path) -> list[float]:
    """Milliseconds of each frame of an animation, by another reader than the writer's."""
    from PIL import Image

    found = []
    with Image.open(path) as image:
        for n in range(image.n_frames):
            image.seek(n)
            image.load()
            found.append(float(image.info["duration"]))
    return found


@pytest.mark.parametrize("end", ANIMATIONS)
def test_an_animation_has_the_durations_and_goes_round_for_ever(end: str, tmp_path: Path):
    from PIL import Image

    write(moving(length=6, alpha=True), tmp_path / f"o{end}", choose(None, end))
    shown = durations_of(tmp_path / f"o{end}")
    with Image.open(tmp_path / f"o{end}") as image:
        assert image.info["loop"] == 0
    assert len(shown) == 6
    ends = list(itertools.accumulate(shown))
    rounding = {".gif": 5, ".webp": 0.5, ".apng": 0.1}[end]
    for n, at in enumerate(ends[:-1], 1):
        assert at == pytest.approx(1000 * n / FILM, abs=rounding + 1e-6)


def test_the_last_picture_of_a_webp_is_shown_as_long_as_its_frame(tmp_path: Path):
    """By Pillow. Of pictures all alike there is one, and no animation."""
    from PIL import Image

    times = Times(Fraction(1, 1000), [0, 100, 400, 450])
    write(moving(length=3), tmp_path / "o.webp", choose(None, ".webp"), times)
    assert durations_of(tmp_path / "o.webp") == [100, 300, 50]
    alike = moving(length=1) * 3
    write(alike, tmp_path / "one.webp", choose(None, ".webp"), times)
    with Image.open(tmp_path / "one.webp") as image:
        image.load()


@pytest.mark.parametrize("end", [".gif", ".webp"])
def test_frames_closer_than_an_animation_can_hold_catch_up(end: str, tmp_path: Path):
    """Recordings of screens have them."""
    least = {".gif": 20, ".webp": 1}[end]
    milliseconds = [0, 0.4, 0.8, 300, 301, 302, 600, 700]
    times = Times(Fraction(1, 10000), [round(10 * each) for each in milliseconds])
    write(moving(length=7), tmp_path / f"o{end}", choose(None, end), times)
    shown = [0, *itertools.accumulate(durations_of(tmp_path / f"o{end}"))][:-1]
    assert len(shown) == 7
    late = [at - true for at, true in zip(shown, milliseconds, strict=False)]
    assert max(late) <= 2 * least + 1e-6
    assert late[3] == late[6] == pytest.approx(0)  # caught up
    assert min(b - a for a, b in itertools.pairwise(shown)) >= least - 1e-6


def test_vp9_has_a_fastest_rate():
    check_film(Encoding(encoder="vp9"), 64, 48, Fraction(1000))
    with pytest.raises(MediaError, match="1000 frames per second"):
        check_film(Encoding(encoder="vp9"), 64, 48, Fraction(1001))


@pytest.mark.parametrize("end", [".mp4", ".mov", ".mkv"])
def test_hevc_is_named_as_all_players_know_it(end: str, tmp_path: Path):
    write(moving(vs.YUV420P8, 3), tmp_path / f"o{end}", encoding_of("x265"))
    with av.open(tmp_path / f"o{end}") as container:
        tag = container.streams.video[0].codec_context.codec_tag
    assert tag == ("\0\0\0\0" if end == ".mkv" else "hvc1")


def test_a_bitrate_is_obeyed(tmp_path: Path):
    sizes = []
    clip = moving(vs.YUV420P8, 60)
    for rate in ("15k", "60k"):
        made = choose("x264", ".mkv", bitrate=rate, preset="ultrafast")
        write(clip, tmp_path / "o.mkv", made)
        with av.open(str(tmp_path / "o.mkv")) as container:
            sizes.append(sum(packet.size for packet in container.demux(video=0)))
    assert sizes[0] < 0.6 * sizes[1]


def test_an_odd_size_is_kept_or_refused_in_one_line(tmp_path: Path):
    clip = moving(vs.RGB24, 2, size=(63, 47))
    for name in SOFTWARE:
        made = Encoding(encoder=name)
        even_only = not any(
            "444" in planar or not planar.startswith("yuv") for planar in made.row.formats
        )
        if even_only:
            with pytest.raises(MediaError, match=r"63x47 is odd.*vp9, x264 and x265"):
                check_film(made, 63, 47, FILM)
            continue
        check_film(made, 63, 47, FILM)
        end = made.row.containers[0]
        write(clip, tmp_path / f"o{end}", made)
        _, pictures = read(tmp_path / f"o{end}")
        assert {(p.width, p.height) for p in pictures} == {(63, 47)}, name


def test_gif_has_a_fastest_rate():
    check_film(Encoding(encoder="gif"), 64, 48, Fraction(50))
    with pytest.raises(MediaError, match=r"at most 50 .* not 59\.94"):
        check_film(Encoding(encoder="gif"), 64, 48, Fraction(60000, 1001))


@pytest.mark.parametrize("name", [name for name, row in ENCODERS.items() if row.hardware])
def test_hardware_that_does_not_run_is_replaced_with_a_note(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(encoder_trial, "failure", lambda made: "no such device or driver")
    row = ENCODERS[name]
    crf = 25 if row.quality else None
    made = choose(name, ".mkv", crf=crf, audio="opus")
    assert made == Encoding(encoder=row.instead, crf=crf, audio="opus")
    if row.presets:  # a device's presets and options mean nothing to another encoder
        preset = row.presets.names[0]
        assert choose(name, ".mkv", preset=preset, options=["a=b"]) == Encoding(encoder=row.instead)
    said = capsys.readouterr().err
    assert said.endswith(f"{name} does not run here (no such device or driver); {row.instead} "
                         "writes instead\n")  # fmt: skip


def test_every_encoder_runs_or_is_replaced(capfd: pytest.CaptureFixture[str]):
    """And libraries that like to talk do not: stderr is the user's, whoever writes it."""
    for name, row in ENCODERS.items():
        made = choose(name, row.containers[0])
        assert made.encoder in (name, row.instead)
    lines = capfd.readouterr().err.splitlines()
    assert all(line.startswith("vsrife: ") for line in lines), lines


def test_nothing_but_notes_is_said_while_a_film_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SVT_LOG", raising=False)
    for name in SOFTWARE:
        end = ENCODERS[name].containers[0]
        write(moving(vs.RGB24 if end in ANIMATIONS else vs.YUV420P8, 2), tmp_path / f"o{end}",
              encoding_of(name))  # fmt: skip
    assert not "".join(capfd.readouterr())
    assert "SVT_LOG" not in os.environ


def test_alpha_has_no_limited_range():
    clip = vs.core.std.BlankClip(format=vs.RGB48, width=64, height=48, length=1)
    for code in (0, 1, 127, 255):
        grey = clip.std.BlankClip(format=vs.GRAY8, color=code)
        made = for_encoding(clip.std.ClipToProp(grey, prop="_Alpha"), Encoding(encoder="ffv1"))
        with made.get_frame(0) as frame:
            assert np.asarray(frame.props["_Alpha"][0])[0, 0] == code * 257


def test_rgb_is_tagged_as_rgb_of_full_range(tmp_path: Path):
    write(moving(vs.RGB24, 2), tmp_path / "o.mkv", encoding_of("ffv1"))
    # Matroska's elements MatrixCoefficients and Range; decoders would say the same without them
    assert b"\x55\xb1\x81\x00\x55\xb9\x81\x02" in (tmp_path / "o.mkv").read_bytes()


@pytest.mark.parametrize("end", CONTAINERS)
def test_every_ending_has_a_usual_encoder(end: str):
    made = choose(None, end)
    assert end in made.row.containers
    assert made.joinable == (end not in ANIMATIONS)


WRONG = {
    "encoder": (("h265", ".mkv"), {}, "encoder must be one of x264, x265"),
    "ending": (("ffv1", ".mp4"), {}, r"ffv1 cannot write \.mp4, only \.mkv; x264, .* can"),
    "no ending": (("x264", ""), {}, "a name without an ending"),
    "unknown ending": (("x264", ".avi"), {}, "no encoder can"),
    "crf": (("x264", ".mkv"), {"crf": 52}, "crf must be a whole number from 0 to 51 for x264"),
    "crf of av1": (("svt-av1", ".mkv"), {"crf": 0}, "from 1 to 63 for svt-av1, not 0"),
    "crf of none": (("ffv1", ".mkv"), {"crf": 1}, "ffv1 has no --crf"),
    "preset": (("x264", ".mkv"), {"preset": "quick"}, "preset must be one of ultrafast"),
    "no presets": (("gif", ".gif"), {"preset": "fast"}, "gif has no presets"),
    "option": (("x264", ".mkv"), {"options": ["tuna=film"]}, "no option 'tuna'; some are preset"),
    "option's value": (("x264", ".mkv"), {"options": ["tune=fish"]}, "x264 does not take that"),
    "parameter": (("x264", ".mkv"), {"options": ["x264-params=reff=1"]}, "Error parsing .*reff"),
    "no pair": (("x264", ".mkv"), {"options": ["tune"]}, "must be KEY=VALUE, as tune=animation"),
    "bitrate": (("x264", ".mkv"), {"bitrate": "fast"}, "bitrate must be a number with a unit"),
    "small bitrate": (("x264", ".mkv"), {"bitrate": "5"}, "bitrate must be"),
    "negative size": (("x264", ".mkv"), {"max_size": "-5M"}, "max-size must be"),
    "two rates": (("x264", ".mkv"), {"bitrate": "5M", "crf": 1}, "exclude each other"),
    "rate of none": (("ffv1", ".mkv"), {"bitrate": "5M"}, "ffv1 obeys no --bitrate .* x264, x265"),
    "size": (("svt-av1", ".mkv"), {"max_size": "5MB"}, "two passes, .* x264 and x265 do"),
    "audio": (("x264", ".mkv"), {"audio": "mp3"}, "audio must be one of copy, aac, opus, stretch"),
    "aac in webm": ((None, ".webm"), {"audio": "aac"}, "opus is"),
    "opus in mov": ((None, ".mov"), {"audio": "opus"}, "audio opus is not for .mov; aac is"),
    "mov_text": (("x264", ".mkv"), {"subtitles": "mov_text"}, r"is for \.mp4 and \.mov, not \.mkv"),
    "srt": (("x264", ".mp4"), {"subtitles": "srt"}, r"srt is for \.mkv, not \.mp4"),
    "webvtt": (("x264", ".mp4"), {"subtitles": "webvtt"}, r"webvtt is for \.webm"),
    "pipe's ending": ((None, ".gif"), {"pipe": "PYTHON {out}"}, r"pipe writes .*\.webm, not \.gif"),
    "pipe's sound": ((None, ".webm"), {"pipe": "PYTHON {out}", "audio": "aac"}, "opus is"),
    "crf and pipe": ((None, ".mkv"), {"crf": 1, "pipe": "PYTHON {out}"}, "crf is not for --pipe"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_possible_is_one_line(case: str):
    import sys

    words, more, said = WRONG[case]
    if "pipe" in more:
        more = more | {"pipe": f'"{sys.executable}" {{out}}'}
    with pytest.raises(ArgumentError, match=said) as caught:
        choose(*words, **more)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "number"),
    [("5M", 5_000_000), ("800k", 800_000), ("1.5m", 1_500_000), ("5000000", 5_000_000)],
)
def test_amounts_have_units(text: str, number: int):
    assert choose("x264", ".mkv", bitrate=text).bitrate == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("10MB", 10**7), ("8MiB", 2**23), ("10M", 10**7), ("1GB", 10**9), ("25000", 25000)],
)
def test_sizes_are_bytes(text: str, number: int):
    assert choose("x264", ".mkv", max_size=text).max_size == number


def test_options_of_the_command_line_become_an_encoding(tmp_path: Path):
    parser = argparse.ArgumentParser()
    encoders.add_arguments(parser)
    words = ["--encoder", "x265", "--crf", "22", "--preset", "fast", "--audio", "aac",
             "--encoder-options", "tune=animation", "--encoder-options",
             "x265-params=no-sao=1:ref=2"]  # fmt: skip
    made = encoders.from_args(parser.parse_args(words), tmp_path / "o.MP4")
    assert made == Encoding(
        encoder="x265", crf=22, preset="fast", audio="aac",
        options=(("tune", "animation"), ("x265-params", "no-sao=1:ref=2")),
    )  # fmt: skip
    assert encoders.from_args(parser.parse_args([]), tmp_path / "o.mkv") == Encoding()


@pytest.mark.parametrize("name", [name for name in SOFTWARE if ENCODERS[name].joinable])
def test_the_same_frames_become_the_same_packets(name: str, tmp_path: Path):
    """A render that goes on after a crash must not differ from one that did not."""
    clip, end = moving(vs.YUV420P8, 24), ENCODERS[name].containers[0]
    found = set()
    for _ in range(6):
        write(clip, tmp_path / f"o{end}", Encoding(encoder=name, preset=FAST.get(name)))
        with av.open(str(tmp_path / f"o{end}")) as container:
            found.add(b"".join(bytes(packet) for packet in container.demux(video=0)))
    assert len(found) == 1


def test_x264_of_its_usual_preset_gives_the_same_packets(tmp_path: Path):
    found = set()
    for _ in range(10):
        write(moving(vs.YUV420P8, 30), tmp_path / "o.mkv", Encoding())
        with av.open(str(tmp_path / "o.mkv")) as container:
            found.add(b"".join(bytes(packet) for packet in container.demux(video=0)))
    assert len(found) == 1


def test_options_of_the_user_count(tmp_path: Path):
    for options, text in (
        (("x264-params=ref=5",), b"ref=5"),
        (("tune=animation", "x264-params=bframes=1"), b"bframes=1"),
    ):
        write(moving(vs.YUV420P8, 3), tmp_path / "o.mkv", choose("x264", ".mkv", options=options))
        assert text in (tmp_path / "o.mkv").read_bytes()  # x264 writes its settings


def test_the_default_is_what_it_was(tmp_path: Path):
    """x264 with crf 18 and preset medium, and nothing else: its own settings are in the file."""
    write(moving(vs.YUV420P8, 3), tmp_path / "o.mkv", Encoding())
    settings = (tmp_path / "o.mkv").read_bytes()
    with av.open(io.BytesIO(), "w", format="matroska") as target:
        stream = target.add_stream("libx264", rate=FILM, options={"crf": "18", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = av.VideoFrame(64, 48, "yuv420p")
        picture.pts = 0
        packets = [*stream.encode(picture), *stream.encode(None)]
    plain = b"".join(bytes(packet) for packet in packets)
    begin = plain.index(b"options: ")
    words = plain[begin : plain.index(b"\0", begin)].split()
    kept = [word for word in words if not word.startswith((b"threads", b"lookahead_threads"))]
    assert len(kept) > 20
    assert all(word in settings for word in kept)
