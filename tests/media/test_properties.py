"""What is said about a picture: each thing is as it was in the input, or a note says why not."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
import vapoursynth as vs

from tests.support.ffmpeg import TINY, ffmpeg, notes
from vsrife.media import properties
from vsrife.media.source import to_rgb
from vsrife.media.writing.convert import for_encoding
from vsrife.media.writing.encoding import Encoding

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")


def film(path: Path, *options: object, size: str = "64x48") -> Path:
    card = f"testsrc={TINY}".replace("64x48", size)
    ffmpeg("-f", "lavfi", "-i", card, *(options or H264), path)
    return path


def first(path: Path) -> tuple[Any, Any]:
    """The film's stream, closed, and its first frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context, next(container.decode(stream))


def shape(path: Path) -> Fraction:
    """Of a pixel, by the container's word."""
    with av.open(str(path)) as container:
        ratio = container.streams.video[0].sample_aspect_ratio
        return Fraction(ratio.numerator, ratio.denominator)


@pytest.fixture(scope="module")
def hdr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HDR10 with chroma at the top left."""
    card = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    colours = "colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    return film(
        tmp_path_factory.mktemp("hdr") / "hdr.mkv", "-vf", f"format=yuv420p10,setparams={colours}",
        "-c:v", "libx265", "-x265-params",
        f"log-level=error:hdr10=1:master-display={card}:max-cll=1000,400:chromaloc=2",
    )  # fmt: skip


@pytest.mark.parametrize("end", ["mkv", "mp4"])
def test_hdr10_and_the_place_of_chroma_are_kept(hdr: Path, end: str, render: Any, tmp_path: Path):
    said = render(hdr, tmp_path / f"o.{end}")
    (before, source), (after, target) = first(hdr), first(tmp_path / f"o.{end}")
    for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
        assert bytes(target.side_data[kind]) == bytes(source.side_data[kind])
    for name in ("chroma_sample_location", "color_trc", "color_primaries", "colorspace"):
        assert getattr(after, name) == getattr(before, name)
    assert not notes(said)


def test_the_containers_word_on_the_shape_counts(render: Any, tmp_path: Path):
    plain = film(tmp_path / "plain.mp4")
    for end in ("mp4", "mkv"):
        source = tmp_path / f"c.{end}"
        ffmpeg("-i", plain, "-c", "copy", "-aspect", "8:3", source)
        render(source, tmp_path / f"o.{end}")
        assert shape(tmp_path / f"o.{end}") == 2


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_the_shape_is_turned_with_the_picture(angle: int, render: Any, tmp_path: Path):
    wide = film(tmp_path / "wide.mp4", "-vf", "setsar=4/3", *H264)
    ffmpeg("-display_rotation:v:0", angle, "-i", wide, "-c", "copy", tmp_path / "r.mp4")
    render(tmp_path / "r.mp4", tmp_path / "o.mp4")
    _, picture = first(tmp_path / "o.mp4")
    turned = angle != 180
    assert (picture.width, picture.height) == ((48, 64) if turned else (64, 48))
    assert shape(tmp_path / "o.mp4") == (Fraction(3, 4) if turned else Fraction(4, 3))
    assert picture.rotation == 0


def test_title_language_flags_and_eyes_of_the_film_are_kept(
    render: Any, base: Path, tmp_path: Path
):
    ffmpeg("-i", base, "-map", 0, "-c", "copy", "-metadata:s:v:0", "title=Main",
           "-metadata:s:v:0", "language=jpn", "-metadata:s:v:0", "stereo_mode=left_right",
           "-disposition:v:0", "default+original", tmp_path / "t.mkv")  # fmt: skip
    said = render(tmp_path / "t.mkv", tmp_path / "o.mkv")
    with av.open(str(tmp_path / "t.mkv")) as was, av.open(str(tmp_path / "o.mkv")) as now:
        before, after = was.streams.video[0], now.streams.video[0]
        for word in ("title", "language", "stereo_mode"):
            assert after.metadata[word] == before.metadata[word]
        assert after.disposition == before.disposition
    assert not notes(said)
    render(tmp_path / "t.mkv", tmp_path / "o.mp4")  # has no tag for eyes; the stream says it
    _, picture = first(tmp_path / "o.mp4")
    assert "STEREO3D" in [kind.name for kind in picture.side_data]


def test_a_layout_for_eyes_that_mp4_cannot_say_is_noted(render: Any, base: Path, tmp_path: Path):
    ffmpeg("-i", base, "-map", 0, "-c", "copy", "-metadata:s:v:0", "stereo_mode=right_left",
           tmp_path / "t.mkv")  # fmt: skip
    assert "stereo mode right_left is left out" in render(tmp_path / "t.mkv", tmp_path / "o.mp4")


@pytest.mark.parametrize(
    ("name", "codec", "pixels"), [("q.mov", "qtrle", "argb"), ("y.mkv", "ffv1", "yuva420p")]
)
def test_transparency_is_noted(name: str, codec: str, pixels: str, render: Any, tmp_path: Path):
    seen = "format=rgba,colorchannelmixer=aa=0.5"
    source = film(tmp_path / name, "-vf", seen, "-c:v", codec, "-pix_fmt", pixels)
    (line,) = notes(render(source, tmp_path / "o.mkv"))
    assert "transparency is left out" in line


def test_alpha_that_is_opaque_loses_nothing(render: Any, tmp_path: Path):
    source = film(tmp_path / "q.mov", "-c:v", "qtrle", "-pix_fmt", "argb")
    assert not notes(render(source, tmp_path / "o.mkv"))


def test_a_gif_without_transparency_gets_no_note(render: Any, tmp_path: Path):
    ffmpeg("-f", "lavfi", "-i", f"testsrc={TINY}", tmp_path / "a.gif")
    assert not notes(render(tmp_path / "a.gif", tmp_path / "o.mkv"))


@pytest.mark.parametrize("size", ["63x48", "64x47"])
def test_a_size_that_cannot_be_held_is_noted(size: str, render: Any, tmp_path: Path):
    options = ("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p")
    said = render(film(tmp_path / "o.webm", *options, size=size), tmp_path / "o.mkv")
    (line,) = notes(said)
    assert f"{size} with chroma" in line


@pytest.mark.parametrize(
    ("props", "words"),
    [
        ({"DolbyVisionRPU": b"x"}, "Dolby Vision is left out"),
        ({"HDR10Plus": b"x"}, "HDR10+ is left out"),
    ],
)
def test_what_no_new_frame_can_have_is_noted(
    props: dict[str, bytes], words: str, capsys: pytest.CaptureFixture[str]
):
    assert properties.describe(props, "libx264") == ({"color_range": 1}, "")
    assert words in capsys.readouterr().err


def test_numbers_that_nobody_knows_are_as_if_not_said():
    props = {"_Matrix": 99, "_Transfer": -3, "_Primaries": 255, "_ChromaLocation": 17, "_Range": 7}
    fields, options = properties.describe(props, "libx264")
    assert fields == {
        "colorspace": 2, "color_trc": 2, "color_primaries": 2, "chroma_sample_location": 0,
        "color_range": 1,
    }  # fmt: skip
    assert not options
    strange = vs.core.std.BlankClip(format=vs.YUV410P8, width=64, height=48, length=2)
    strange = strange.std.SetFrameProps(**props, _FieldBased=2)
    plain = strange.std.RemoveFrameProps([*props, "_FieldBased"])
    for convert in (lambda clip: for_encoding(clip, Encoding()), to_rgb):
        got, wanted = convert(strange).get_frame(0), convert(plain).get_frame(0)
        assert [bytes(got[p]) for p in range(3)] == [bytes(wanted[p]) for p in range(3)]


@pytest.fixture(scope="module")
def cover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cover") / "c.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=40x60:d=0.1:r=10", "-frames:v", 1, path)
    return path


@pytest.mark.parametrize("end", ["mkv", "mp4"])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_cover_stays_a_cover(
    name: str, end: str, cover: Path, render: Any, base: Path, tmp_path: Path
):
    if name.endswith("mkv"):
        ffmpeg("-i", base, "-map", 0, "-c", "copy", "-attach", cover, "-metadata:s:t:0",
               "mimetype=image/jpeg", "-metadata:s:t:0", "filename=front.jpg",
               tmp_path / name)  # fmt: skip
    else:
        ffmpeg("-i", base, "-i", cover, "-map", 0, "-map", 1, "-c", "copy", "-disposition:v:1",
               "attached_pic", tmp_path / name)  # fmt: skip
    said = render(tmp_path / name, tmp_path / f"o.{end}")
    with av.open(str(tmp_path / f"o.{end}")) as container:
        films, pictures = [], []
        for stream in container.streams.video:
            kind = pictures if stream.disposition & av.stream.Disposition.attached_pic else films
            kind.append(stream)
        assert (len(films), len(pictures)) == (1, 1)
        data = [bytes(p) for p in container.demux(pictures[0]) if p.size]
    assert data == [cover.read_bytes()]
    assert not notes(said)


def test_a_still_picture_is_not_taken_for_the_film(
    cover: Path, render: Any, base: Path, tmp_path: Path
):
    ffmpeg("-i", cover, "-i", base, "-map", 0, "-map", 1, "-c", "copy", "-disposition:v:0",
           "default", "-disposition:v:1", 0, tmp_path / "first.mkv")  # fmt: skip
    render(tmp_path / "first.mkv", tmp_path / "o.mkv")
    _, picture = first(tmp_path / "o.mkv")
    assert (picture.width, picture.height) == (64, 48)


def test_a_song_with_a_cover_has_no_video(cover: Path, render: Any, base: Path, tmp_path: Path):
    ffmpeg("-i", base, "-i", cover, "-map", 1, "-map", "0:a", "-c", "copy", "-disposition:v:0",
           "attached_pic", tmp_path / "song.m4a")  # fmt: skip
    assert "has no video" in render(tmp_path / "song.m4a", tmp_path / "o.mkv", code=1)


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX only")
def test_names_are_bytes(render: Any, base: Path, tmp_path: Path):
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    target = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfcber.mkv"))
    shutil.copy(base, source)
    render(source, target)
    assert target.exists()
