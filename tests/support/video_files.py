"""Small video files that tests make, and what is in one."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

FILM = Fraction(24000, 1001)
WIDTH, HEIGHT, FRAMES = 64, 48, 12


def make_video(
    path: Path,
    *,
    times: list[Fraction] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pix_fmt: str = "yuv420p",
    base: Fraction = 1 / FILM,
    matrix: int = 5,
    full: bool = False,
    with_audio: bool = True,
) -> Path:
    """A bar moving over a grey ramp, with 0.5 s of noise as sound; times in seconds."""
    times = [n / FILM for n in range(FRAMES)] if times is None else times
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FILM, options={"crf": "4"})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base, context.sample_aspect_ratio = base, Fraction(4, 3)
        context.colorspace, context.color_trc, context.color_primaries = matrix, 6, 5
        context.color_range = 2 if full else 1
        sound = container.add_stream("aac", rate=44100, layout="mono") if with_audio else None
        for n, at in enumerate(times):
            picture = np.full((size[1], size[0], 3), (60, 100, 140), np.uint8)
            picture[:, 3 * n : 3 * n + 8] = (220, 80, 40)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(
                format=pix_fmt, dst_colorspace=matrix, dst_color_range=2 if full else 1
            )
            frame.pts, frame.time_base = int(at / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            add_noise(container, sound)
    return path


def add_noise(container: av.container.OutputContainer, sound: av.AudioStream) -> None:
    draw = np.random.default_rng(0)
    for n in range(22):
        noise = draw.uniform(-0.5, 0.5, (1, 1024)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44100, n * 1024
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def make_rich(path: Path) -> Path:
    """A .mkv with sound, subtitles, an attachment and a title."""
    plain, text = make_video(path.with_name("plain.mkv")), path.with_name("lines.srt")
    text.write_text("1\n00:00:00,100 --> 00:00:00,400\nHello\n\n", encoding="utf-8")
    with (
        av.open(str(plain)) as film,
        av.open(str(text)) as lines,
        av.open(str(path), "w") as target,
    ):
        target.metadata["title"] = "Ein Töst"
        pairs = {id(s): target.add_stream_from_template(s) for s in (*film.streams, *lines.streams)}
        pairs[id(lines.streams[0])].metadata["language"] = "deu"
        target.add_attachment("font.ttf", "application/x-truetype-font", b"not a font")
        for packet in itertools.chain(lines.demux(), film.demux()):
            if packet.pts is not None:
                packet.stream = pairs[id(packet.stream)]
                target.mux(packet)
    return path


def read_video(path: Path) -> tuple[av.VideoCodecContext, list[Fraction], list[av.VideoFrame]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        times = [Fraction(f.pts * f.time_base.numerator, f.time_base.denominator) for f in frames]
        return container.streams.video[0].codec_context, times, frames


def read_packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(container.streams.best(kind))
            if packet.pts is not None
        ]


def assert_copied(target: Path, source: Path, kind: str, *, rounding: float = 1e-4) -> None:
    """Every packet is there, at its time but for what containers round."""
    (got_times, got), (times, wanted) = (
        zip(*read_packets(path, kind), strict=True) for path in (target, source)
    )
    assert got == wanted
    assert got_times == pytest.approx(times, abs=rounding)
