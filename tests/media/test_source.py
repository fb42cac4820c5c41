"""Times and losses of odd films: the container's word counts, frame by frame."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.ffmpeg import begins, ffmpeg, notes
from vsrife.media.source import open_source, probe, progressive
from vsrife.rendering.film import source_film

MS = Fraction(1, 1000)
FIELD = Fraction(1001, 60_000)  # seconds, of NTSC


def timed(path: Path, ticks: list[int], last: int) -> Path:
    """A bar that moves; frames begin at these milliseconds, the last is `last` long."""
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = MS
        packets = []
        for n in range(len(ticks)):
            picture = np.full((48, 64, 3), 40, np.uint8)
            picture[:, 3 * n % 64 : 3 * n % 64 + 8] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = n, MS
            packets += stream.encode(frame)
        packets += stream.encode(None)
        lengths = [*(b - a for a, b in itertools.pairwise(ticks)), last]
        for packet, at, length in zip(packets, ticks, lengths, strict=True):
            packet.time_base = MS
            packet.pts = packet.dts = at
            packet.duration = length
            target.mux(packet)
    return path


def with_repeat_flags(stream: bytes) -> bytes:
    """An MPEG-2 stream of progressive frames, told to show them for 3 and 2 fields in turn.

    ISO/IEC 13818-2: sequence header (frame_rate_code), sequence extension (progressive_sequence),
    picture coding extension (top_field_first, repeat_first_field).
    """
    data, shown = bytearray(stream), 0
    at = data.find(b"\0\0\1")
    while at >= 0:
        kind, body = data[at + 3], at + 4
        if kind == 0xB3:
            data[body + 3] = data[body + 3] & 0xF0 | 4  # 30000/1001
        elif kind == 0xB5 and data[body] >> 4 == 1:
            data[body + 1] &= 0xF7
        elif kind == 0xB5 and data[body] >> 4 == 8:
            top, repeat = ((0x80, 2), (0, 0), (0, 2), (0x80, 0))[shown % 4]
            data[body + 3] = data[body + 3] & 0x7D | top | repeat
            shown += 1
        at = data.find(b"\0\0\1", body)
    return bytes(data)


def test_repeat_flags_count_where_a_file_lists_no_times(render: Any, tmp_path: Path):
    """Film on DVD: 24000/1001 pictures a second in a stream that says 30000/1001."""
    tone = "testsrc=s=64x48:r=24000/1001:d=1.1"
    # one group of pictures: where a pack holds many small ones, FFmpeg's reader takes the time at
    # the begin of a group for its second picture
    ffmpeg("-f", "lavfi", "-i", tone, "-frames:v", 24, "-c:v", "mpeg2video", "-bf", 0, "-g", 24,
           "-q:v", 2, "-f", "mpeg2video", tmp_path / "f.m2v")  # fmt: skip
    (tmp_path / "p.m2v").write_bytes(with_repeat_flags((tmp_path / "f.m2v").read_bytes()))
    source = tmp_path / "f.vob"
    with (
        av.open(str(tmp_path / "p.m2v")) as film,
        av.open(str(source), "w", format="vob") as target,
    ):
        copy = target.add_stream_from_template(film.streams.video[0])
        at = Fraction(0)
        for n, packet in enumerate(p for p in film.demux(video=0) if p.size):
            packet.stream, packet.time_base = copy, Fraction(1, 90_000)
            packet.pts = packet.dts = round(at * 90_000)
            at += Fraction(3 - n % 2) * FIELD
            target.mux(packet)
    said = render(source, tmp_path / "o.mkv")
    got = begins(tmp_path / "o.mkv")[:-1]
    assert len(got) == 48
    for n in range(23):  # the reader does not see the flag of the last but one
        fields = n // 2 * 5 + n % 2 * 3
        assert float(got[2 * n] - got[0]) == pytest.approx(float(fields * FIELD), abs=2e-3)
    assert not notes(said)


def test_one_equal_time_changes_no_other_and_is_noted(render: Any, tmp_path: Path):
    ticks = [0, 16, 83, 99, 132, 182, 232, 249]
    ticks[4] = ticks[3]
    said = render(timed(tmp_path / "v.mkv", ticks, 50), tmp_path / "o.mkv")
    got = begins(tmp_path / "o.mkv")[:-1:2]
    assert [round(at / MS) for at in got] == [0, 16, 83, 99, 140, 182, 232, 249]
    assert "1 of 8 frames has no time or one that does not rise" in notes(said)[0]


@pytest.mark.parametrize("end", ["mkv", "mp4"])
@pytest.mark.parametrize("name", ["h.mkv", "h.mp4"])
def test_the_last_frame_lasts_as_long_as_it_did(name: str, end: str, render: Any, tmp_path: Path):
    source = timed(tmp_path / name, [0, 100, 200, 300], 3000)
    render(source, tmp_path / f"o.{end}")
    got = begins(tmp_path / f"o.{end}")
    assert float(got[-1] - got[0]) == pytest.approx(3.3, abs=2e-3)
    assert float(got[-2] - got[0]) == pytest.approx(0.3 + 1.5, abs=2e-3)


def test_a_held_last_frame_does_not_change_the_rate(render: Any, tmp_path: Path):
    source = timed(tmp_path / "h.mkv", [0, 100, 200, 300], 3000)
    said = render(source, tmp_path / "o.mkv", "--fps", "20")
    assert [round(at / MS) for at in begins(tmp_path / "o.mkv")[:7]] == [
        0,
        50,
        100,
        150,
        200,
        250,
        300,
    ]
    assert not notes(said)


@pytest.mark.parametrize("name", ["a.gif", "p.avi"])
def test_palettes_that_change_are_shown(name: str, render: Any, tmp_path: Path):
    """Each frame has colours of its own; the reference is FFmpeg's own reading."""
    tone = "testsrc2=s=64x48:r=10:d=0.5,hue=h='72*n'"
    turn = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1"
    codec = [] if name.endswith("gif") else ["-c:v", "rawvideo", "-pix_fmt", "pal8"]
    ffmpeg("-f", "lavfi", "-i", tone, "-filter_complex", turn, *codec, tmp_path / name)
    ffmpeg("-i", tmp_path / name, "-pix_fmt", "rgb24", "-f", "rawvideo", tmp_path / "ref")
    wanted = np.fromfile(tmp_path / "ref", np.uint8).reshape(-1, 48, 64, 3).astype(int)
    render(tmp_path / name, tmp_path / "o.mkv", "--crf", "1")
    with av.open(str(tmp_path / "o.mkv")) as container:
        got = [f.to_ndarray(format="rgb24").astype(int) for f in container.decode(video=0)][::2]
    assert len(got) == len(wanted) == 5
    for picture, like in zip(got, wanted, strict=True):
        # chroma at half resolution; another frame's palette is 60 and more away
        assert np.abs(picture - like).mean() < 20


def _long(path: Path, *options: str) -> Path:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4",
           "-c:v", "libx264", "-g", 10, "-pix_fmt", "yuv420p", "-c:a", "aac",
           *options, path)  # fmt: skip
    return path


def test_after_a_damaged_middle_frames_are_shown_when_they_were(render: Any, tmp_path: Path):
    source = _long(tmp_path / "d.mp4", "-movflags", "+faststart")
    with av.open(str(source)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size][40:60]
    data = bytearray(source.read_bytes())
    for at, size in places:
        data[at + 4 : at + size] = bytes(255 - b for b in data[at + 4 : at + size])
    source.write_bytes(data)
    clip, times = open_source(source, probe(source))
    said = render(source, tmp_path / "o.mkv")
    assert "damaged?" in said or clip.num_frames == 100
    ends = float(times.ticks[-1] * times.base)
    assert ends == pytest.approx(4, abs=0.05)
    assert float(begins(tmp_path / "o.mkv")[-1]) == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize("name", ["t.mkv", "t.mp4"])
def test_a_file_that_is_cut_off_is_noted(name: str, render: Any, tmp_path: Path):
    source = _long(tmp_path / name, *(["-movflags", "+faststart"] if name == "t.mp4" else []))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    said = render(source, tmp_path / "o.mkv")
    assert any("damaged" in line for line in notes(said))


def test_what_an_edit_list_hides_is_not_missing(render: Any, base: Path, tmp_path: Path):
    ffmpeg("-ss", "0.25", "-i", base, "-c", "copy", tmp_path / "trim.mp4")
    assert not notes(render(tmp_path / "trim.mp4", tmp_path / "o.mkv"))


def test_empty_chunks_are_no_damage(render: Any, base: Path, tmp_path: Path):
    ffmpeg("-itsoffset", 0.4, "-i", base, "-i", base, "-map", "0:v", "-map", "1:a",
           "-c:v", "mpeg4", "-c:a", "ac3", tmp_path / "gap.avi")  # fmt: skip
    assert "damaged" not in render(tmp_path / "gap.avi", tmp_path / "o.mkv")


def test_a_decoder_that_loses_its_way_is_given_one_thread(
    render: Any, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def lose(source: Path, facts: Any, threads: int, *more: Any) -> Any:
        asked.append(threads)
        if not threads:
            raise vs.Error("No frame returned for frame number 3. Retry with threads=1 if")
        return open_source(source, facts, threads, *more)

    monkeypatch.setattr(source_film, "open_source", lose)
    said = render(base, tmp_path / "o.mkv")
    assert asked == [0, 1]
    assert "once more with one thread" in said
    assert (tmp_path / "o.mkv").exists()


def test_a_length_of_text_that_nobody_knows_is_no_damage(render: Any, base: Path, tmp_path: Path):
    """A subtitle that is never hidden makes a file say that it lasts for weeks."""
    (tmp_path / "t.srt").write_text("1\n00:00:00,100 --> 90:00:00,400\nhello\n")
    ffmpeg("-i", base, "-i", tmp_path / "t.srt", "-map", 0, "-map", 1, "-c:v", "copy",
           "-c:a", "copy", tmp_path / "w.mkv")  # fmt: skip
    assert not notes(render(tmp_path / "w.mkv", tmp_path / "o.mkv"))


@pytest.mark.parametrize(("first", "told"), [(0, True), (5, True), (10, False)])
def test_a_film_that_becomes_interlaced_is_told(first: int, told: bool, capsys):
    plain = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=10, keep=True)
    fields = plain.std.SetFieldBased(2)
    clip = plain.std.FrameEval(lambda n: plain if n < first else fields)
    assert progressive(clip).get_frame(7).props["_FieldBased"] == 0
    assert ("interlaced" in capsys.readouterr().err) == told
