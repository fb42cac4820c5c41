"""What is kept of a file beside its pictures: the promise is what `ffmpeg -c copy` keeps."""

from __future__ import annotations

import re
import shlex
import struct
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest

from tests.support.ffmpeg import TINY, ffmpeg, notes, takes
from vsrife.media.tracks import streams

# What each kind of file is filled with: sound by its encoder, then subtitles
FILES: dict[str, tuple[str, ...]] = {
    "film.mkv": (
        "aac", "ac3", "eac3", "libmp3lame", "mp2", "flac", "libopus", "libvorbis", "dca", "truehd",
        "pcm_s16le", "pcm_s24le", "pcm_alaw", "alac", "wavpack", "wmav2", "adpcm_ms",
        "tta", "subrip", "ass", "webvtt",
    ),
    "film.mp4": ("aac", "ac3", "eac3", "libmp3lame", "alac", "flac", "libopus", "dca", "mov_text"),
    "film.mov": ("aac", "pcm_s16be", "pcm_s16le", "alac", "adpcm_ima_qt", "mov_text"),
    "film.ts": ("aac", "mp2", "libmp3lame", "ac3", "eac3", "dca", "libopus"),
    "film.avi": ("libmp3lame", "ac3", "pcm_s16le", "wmav2", "adpcm_ms", "mp2", "pcm_alaw"),
    "film.nut": ("pcm_f32le", "libvorbis", "flac", "aac"),
}  # fmt: skip
TEXT = ("subrip", "ass", "webvtt", "mov_text")
DEFAULT = 1


class Kept(NamedTuple):
    """A stream as it is in a file."""

    kind: str
    codec: str
    tags: dict[str, str]
    disposition: int
    packets: list[tuple[float, bytes]]


def make(path: Path, codecs: tuple[str, ...]) -> Path:
    """A film with a stream of each codec, each with a title and a language of its own."""
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,100 --> 00:00:00,400\nhello\n")
    words: list[object] = ["-f", "lavfi", "-i", f"testsrc={TINY}"]
    words += ["-f", "lavfi", "-i", "sine=r=48000:d=0.6", "-i", text, "-map", "0:v"]
    for n, codec in enumerate(codecs, 1):
        words += ["-map", "2:s" if codec in TEXT else "1:a", f"-c:{n}", codec]
        words += [f"-metadata:s:{n}", f"title=T{n}", f"-metadata:s:{n}", "language=deu"]
        if codec not in TEXT:
            words += [f"-ac:{n}", "2"]
        if n == 2:
            words += [f"-disposition:{n}", "comment"]
    ffmpeg(*words, "-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p", "-strict", "-2", path)
    return path


def others(path: Path) -> list[Kept]:
    """All streams but the film."""
    with av.open(str(path)) as container:
        found = {
            s.index: Kept(
                s.type,
                s.codec_context.codec.canonical_name if s.codec_context else s.type,
                {k.lower(): v for k, v in s.metadata.items() if k.lower() in ("title", "language")},
                s.disposition.value,
                [],
            )
            for s in container.streams
            if s.index != container.streams.video[0].index
        }
        for packet in container.demux():
            if packet.stream_index in found and packet.pts is not None:
                at = float(packet.pts * packet.time_base)
                found[packet.stream_index].packets.append((at, bytes(packet)))
    return list(found.values())


def assert_same(got: Kept, wanted: Kept) -> None:
    assert got[:3] == wanted[:3]
    # ffmpeg makes the first of a kind the default where none is; we leave that as it is
    assert got.disposition | DEFAULT == wanted.disposition | DEFAULT
    assert [data for _, data in got.packets] == [data for _, data in wanted.packets]
    # .mkv rounds to 1 ms, and so did what it was made of
    times = [[at for at, _ in kept.packets] for kept in (got, wanted)]
    assert times[0] == pytest.approx(times[1], abs=2e-3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, known = tmp_path_factory.mktemp("films"), dict[str, Path]()

    def get(name: str) -> Path:
        if name not in known:
            known[name] = make(folder / name, FILES[name])
        return known[name]

    return get


def left_out(said: str) -> dict[int, str]:
    """Number of a stream -> the note that it is left out."""
    found = {}
    for line in notes(said):
        number, _, rest = line.partition("note: stream ")[2].partition(" (")
        assert " is left out: " in rest
        found[int(number)] = line
    return found


def check_copies(source: Path, end: str, render: Any, folder: Path) -> None:
    """Every stream is as `ffmpeg -c copy` would have it, or a note says that it is not there."""
    target, copied = folder / f"o.{end}", folder / f"copy.{end}"
    lost = left_out(render(source, target))
    numbers = range(1, len(others(source)) + 1)
    one = folder / f"one.{end}"
    fits = [n for n in numbers if takes("-i", source, "-map", f"0:{n}", "-c", "copy", one)]
    # what FFmpeg refuses is left out, and nothing else but what PyAV keeps from it
    assert {n for n in numbers if n not in fits} <= set(lost)
    assert all("it cannot be copied into" in lost[n] for n in fits if n in lost)
    for line in lost.values():  # what is advised works
        for command in re.findall(r"`ffmpeg (.*)`", line):
            with chdir(folder):
                ffmpeg(*shlex.split(command))
    maps = [word for n in fits if n not in lost for word in ("-map", f"0:{n}")]
    ffmpeg("-i", source, "-map", "0:v", *maps, "-c", "copy", copied)
    got, wanted = others(target), others(copied)
    assert [kept.codec for kept in got] == [kept.codec for kept in wanted]
    for kept, like in zip(got, wanted, strict=True):
        assert_same(kept, like)


def test_a_container_that_keeps_what_this_one_does_not_is_named(tmp_path: Path, capsys):
    source = tmp_path / "a.mov"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1", "-f", "lavfi", "-i",
           "sine=d=1:r=8000", "-c:v", "libx264", "-c:a", "pcm_alaw", source)  # fmt: skip
    for container in ("matroska", "mp4"):
        with av.open(str(source)) as film:
            assert streams.choose(film, film.streams.video[0], container) == []
        said = capsys.readouterr().err
        assert f"it cannot be copied into {container}; " in said
        assert said.endswith("; an OUT that ends in .mov keeps it\n")


@pytest.mark.parametrize("name", FILES)
def test_matroska_keeps_what_ffmpeg_copies_into_it(
    name: str, made: Any, render: Any, tmp_path: Path
):
    check_copies(made(name), "mkv", render, tmp_path)


@pytest.mark.parametrize("end", ["mp4", "mov"])
def test_other_containers_keep_what_ffmpeg_copies_into_them(
    end: str, made: Any, render: Any, tmp_path: Path
):
    check_copies(made("film.mkv"), end, render, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["mp4", "mov"])
@pytest.mark.parametrize("name", [name for name in FILES if name != "film.mkv"])
def test_every_container_into_every_other(
    name: str, end: str, made: Any, render: Any, tmp_path: Path
):
    check_copies(made(name), end, render, tmp_path)


def test_chapters_and_timecode_are_kept_without_a_note(render: Any, base: Path, tmp_path: Path):
    """.mov carries both in streams of data, which other files do not have."""
    (tmp_path / "c.txt").write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=300\ntitle=One\n"
    )
    ffmpeg("-i", base, "-i", tmp_path / "c.txt", "-map", 0, "-map_chapters", 1, "-c", "copy",
           "-timecode", "01:00:00:00", tmp_path / "c.mov")  # fmt: skip
    for end in ("mkv", "mov"):
        assert not notes(render(tmp_path / "c.mov", tmp_path / f"o.{end}"))
        with av.open(str(tmp_path / f"o.{end}")) as container:
            assert [c["metadata"]["title"] for c in container.chapters()] == ["One"]
            tags = {k.lower(): v for s in container.streams for k, v in s.metadata.items()}
            tags |= {k.lower(): v for k, v in container.metadata.items()}
            assert tags["timecode"].startswith("01:00:00:0")


def test_subtitles_of_blu_rays_are_copied(render: Any, base: Path, tmp_path: Path):
    """Pictures of text: FFmpeg has a decoder of another name for them, and no encoder."""
    shown = struct.pack(">HHBHBBBB", 64, 48, 16, 0, 128, 0, 0, 0)  # nothing is on the screen
    segments = [(0x16, shown), (0x80, b"")]
    text = b"".join(
        b"PG" + struct.pack(">IIBH", 90 * at, 0, kind, len(body)) + body
        for at in (100, 400)
        for kind, body in segments
    )
    (tmp_path / "t.sup").write_bytes(text)
    source = tmp_path / "pgs.mkv"
    ffmpeg("-i", base, "-i", tmp_path / "t.sup", "-map", "0", "-map", "1", "-c", "copy", source)
    assert not notes(render(source, tmp_path / "o.mkv"))
    got, wanted = others(tmp_path / "o.mkv"), others(source)
    assert [kept.codec for kept in got] == ["aac", "hdmv_pgs_subtitle"]
    for kept, like in zip(got, wanted, strict=True):
        assert_same(kept, like)
    assert len(got[1].packets) == 2
    said = render(source, tmp_path / "o.mp4")
    assert "(subtitle, hdmv_pgs_subtitle) is left out: it cannot be copied into mp4" in said
    assert "an OUT that ends in .mkv keeps it" in said
