"""Sound and text that are converted, left out or copied, by what ffmpeg finds in the file."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.ffmpeg import ffmpeg
from tests.support.moving_clips import moving
from vsrife.errors import MediaError
from vsrife.media.properties import Track, track_of
from vsrife.media.timestamps import constant_times
from vsrife.media.writing.encode import Beside, write_video
from vsrife.media.writing.encoders import choose

SECONDS = 1.2
RATE = Fraction(10)
LINES = [(0.1, 0.4, "one <i>two</i>"), (0.6, 1.0, "zwölf & three")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Video; PCM 5.1 in German, Vorbis of 22,050 Hz, AAC, each with beeps at 0.5 s and at the end;
    SubRip."""
    folder = tmp_path_factory.mktemp("film")
    text = folder / "t.srt"
    text.write_text(
        "\n".join(
            f"{n}\n00:00:{a:06.3f} --> 00:00:{b:06.3f}\n{words}\n".replace(".", ",")
            for n, (a, b, words) in enumerate(LINES, 1)
        ),
        encoding="utf-8",
    )
    beep = f"aevalsrc='if(between(t,0.5,0.6)+gte(t,1.1),sin(2*PI*1000*t),0)':s=44100:d={SECONDS}"
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-f", "lavfi", "-i", beep,
           "-i", text, "-map", "0:v", "-map", "1:a", "-map", "1:a", "-map", "1:a", "-map", "2:s",
           "-c:v", "libx264", "-c:a:0", "pcm_s16le", "-ac:a:0", 6, "-c:a:1", "libvorbis",
           "-ar:a:1", 22050, "-ac:a:1", 2, "-c:a:2", "aac", "-c:s", "srt",
           "-metadata:s:1", "language=deu", "-metadata:s:1", "title=T1",
           "-metadata:s:4", "language=fra", "-disposition:a:0", "default+forced",
           folder / "film.mkv")  # fmt: skip
    return folder / "film.mkv"


def write(film: Path, path: Path, window: Any = None, **wanted: str) -> Path:
    count = round(SECONDS * RATE) if window is None else round((window[1] - window[0]) * RATE)
    made = choose(None, path.suffix, preset=None, **wanted)
    beside = Beside(film, 0, Track(), window)
    write_video(moving(vs.YUV420P8, count), path, constant_times(RATE, count), made, beside=beside)
    return path


def streams(path: Path) -> list[tuple[str, str]]:
    """Type and codec of each stream, as ffmpeg calls them, without the film."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    return re.findall(r"Stream #0:[1-9].*?: (Audio|Subtitle): (\w+)", said.stderr)


def sound(path: Path, number: int) -> np.ndarray:
    """Samples of an audio stream at 48 kHz from time 0 on, as ffmpeg decodes them."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path), "-map",
               f"0:a:{number}", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", "48000",
               "-f", "f32le", "-"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float32)


def texts(path: Path) -> list[tuple[float, float, str]]:
    """Begin, end and text of each line, as ffmpeg turns them into SubRip."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path), "-map",
               "0:s:0", "-f", "srt", "-"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")
    time = r"00:00:(\d\d,\d+)"
    found = re.findall(rf"{time} --> {time}\r?\n(.*?)\r?\n", done)
    return [(float(a.replace(",", ".")), float(b.replace(",", ".")), c) for a, b, c in found]


CONVERTED = [
    (".mp4", {"audio": "aac", "subtitles": "mov_text"}, ["aac"] * 3, "mov_text"),
    (".mov", {"audio": "aac", "subtitles": "mov_text"}, ["aac"] * 3, "mov_text"),
    (".mkv", {"audio": "opus", "subtitles": "webvtt"}, ["opus"] * 3, "webvtt"),
    (".webm", {"audio": "opus", "subtitles": "webvtt"}, ["opus"] * 3, "webvtt"),
]


@pytest.mark.parametrize(("end", "wanted", "audio", "text"), CONVERTED)
def test_sound_and_text_are_converted_in_order_and_in_time(
    end: str, wanted: dict[str, str], audio: list[str], text: str, film: Path, tmp_path: Path
):
    out = write(film, tmp_path / f"o{end}", **wanted)
    assert streams(out) == [*(("Audio", codec) for codec in audio), ("Subtitle", text)]
    for number in range(3):
        heard, true = sound(out, number), sound(film, number)
        assert len(heard) == pytest.approx(len(true), abs=0.03 * 48000)
        loud, beep = (np.flatnonzero(np.abs(s) > 0.3 * np.abs(s).max()) for s in (heard, true))
        assert loud[0] == pytest.approx(beep[0], abs=0.004 * 48000)
        assert loud[-1] == pytest.approx(beep[-1], abs=0.004 * 48000)
        rms = [float(np.sqrt(np.mean(s.astype(float) ** 2))) for s in (heard, true)]
        assert rms[0] == pytest.approx(rms[1], rel=0.1)
    for (a, b, words), (begin, end_at, line) in zip(texts(out), LINES, strict=True):
        assert (a, b) == (pytest.approx(begin, abs=0.002), pytest.approx(end_at, abs=0.002))
        assert re.sub(r"<.*?>", "", words) == re.sub(r"<.*?>", "", line)


def test_the_text_of_an_mp4_becomes_what_an_mkv_holds(film: Path, tmp_path: Path, capsys):
    text = write(film, tmp_path / "text.mp4", audio="none", subtitles="mov_text")
    assert streams(write(text, tmp_path / "left.mkv")) == []
    assert "--subtitles srt converts stream 1 (subtitle, mov_text)" in capsys.readouterr().err
    out = write(text, tmp_path / "out.mkv", subtitles="srt")
    assert streams(out) == [("Subtitle", "subrip")]
    assert texts(out) == texts(text)


def test_a_gap_in_the_sound_stays_a_gap(tmp_path: Path):
    beep = "aevalsrc='if(between(t,0.9,1),sin(2*PI*1000*t),0)':s=44100:d=1.2"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1.2", "-f", "lavfi", "-i", beep, "-af",
           "aselect='not(between(t,0.3,0.7))'", "-c:v", "libx264", "-c:a", "pcm_s16le",
           tmp_path / "gap.mkv")  # fmt: skip
    for end, audio in ((".mkv", "opus"), (".mp4", "aac")):
        heard = sound(write(tmp_path / "gap.mkv", tmp_path / f"o{end}", audio=audio), 0)
        loud = np.flatnonzero(np.abs(heard) > 0.3) / 48000
        assert (loud[0], loud[-1]) == (pytest.approx(0.9, abs=0.03), pytest.approx(1, abs=0.03))


def test_titles_languages_and_flags_stay(film: Path, tmp_path: Path):
    out = write(film, tmp_path / "o.mkv", audio="opus", subtitles="webvtt")
    with av.open(str(out)) as container:
        first, text = container.streams.audio[0], container.streams.subtitles[0]
        assert (first.metadata["language"], first.metadata["title"]) == ("deu", "T1")
        assert first.disposition & av.stream.Disposition.forced
        assert first.codec_context.layout.nb_channels == 6
        assert text.metadata["language"] == "fra"


def test_what_has_the_codec_already_is_copied(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = write(film, tmp_path / "o.mp4", audio="aac")
    said = capsys.readouterr().err
    assert said.count("becomes aac") == 2
    with av.open(str(out)) as now, av.open(str(film)) as was:
        got = [bytes(p) for p in now.demux(now.streams.audio[2]) if p.size]
        assert got == [bytes(p) for p in was.demux(was.streams.audio[2]) if p.size]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({"audio": "none"}, ["srt"]),
        ({"subtitles": "none"}, ["pcm_s16le", "vorbis", "aac"]),
        ({"audio": "none", "subtitles": "none"}, []),
    ],
)
def test_streams_are_left_out_on_request_without_a_note(
    wanted: dict[str, str],
    left: list[str],
    film: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    out = write(film, tmp_path / "o.mkv", **wanted)
    assert [{"subrip": "srt"}.get(codec, codec) for _, codec in streams(out)] == left
    assert not capsys.readouterr().err


def test_what_players_do_not_take_is_said_with_the_way_out(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write(film, tmp_path / "o.mp4")
    said = capsys.readouterr().err
    assert "--audio aac converts stream 1 (audio, pcm_s16le)" in said  # six channels do not fit
    assert "few players take stream 2 (audio, vorbis) in .mp4; --audio aac converts it" in said
    assert "stream 3 (audio" not in said
    assert "--subtitles mov_text converts stream 4 (subtitle, subrip)" in said
    write(film, tmp_path / "o.webm")
    said = capsys.readouterr().err
    assert "stream 1 (audio, pcm_s16le) is left out: it cannot be copied into webm" in said
    assert said.count("--audio opus converts stream") == 2
    assert said.count("--subtitles webvtt converts stream 4") == 1
    assert [codec for _, codec in streams(tmp_path / "o.webm")] == ["vorbis"]


@pytest.mark.parametrize("end", [".gif", ".webp", ".apng"])
def test_an_animation_says_once_what_it_cannot_hold(
    end: str, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    made = choose(None, end)
    clip = moving(vs.RGB24, 3)
    beside = Beside(film, 0, Track())
    write_video(clip, tmp_path / f"o{end}", constant_times(RATE, 3), made, beside=beside)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"left out, since {end} holds pictures only: stream 1 (audio, pcm_s16le)" in line


def test_a_part_of_a_film_has_the_sound_and_text_of_that_part(film: Path, tmp_path: Path):
    window = (Fraction(3, 10), Fraction(9, 10))
    out = write(film, tmp_path / "o.mkv", window, audio="opus", subtitles="webvtt")
    for number in range(3):
        heard = sound(out, number)
        loud = np.flatnonzero(np.abs(heard) > 0.3 * np.abs(heard).max()) / 48000
        assert (loud[0], loud[-1]) == (pytest.approx(0.2, abs=0.03), pytest.approx(0.3, abs=0.03))
        assert len(heard) / 48000 == pytest.approx(0.6, abs=0.07)
    (first, second) = texts(out)
    assert first[:2] == (pytest.approx(0, abs=0.002), pytest.approx(0.1, abs=0.002))
    assert second[:2] == (pytest.approx(0.3, abs=0.002), pytest.approx(0.6, abs=0.002))


@pytest.mark.parametrize(("begin", "films"), [(Fraction(0), 2), (Fraction(3, 10), 1)])
def test_a_second_film_is_whole_from_its_begin_or_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], begin: Fraction, films: int
):
    """Copied from its middle on, nobody could decode it."""
    both = tmp_path / "both.mkv"
    picture = ("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}")
    ffmpeg(*picture, *picture, "-map", "0:v", "-map", "1:v", "-c:v", "libx264", both)
    path = write(both, tmp_path / "out.mkv", window=(begin, begin + Fraction(3, 10)))
    with av.open(path) as found:
        assert len(found.streams.video) == films
        for stream in found.streams.video:
            found.seek(0)
            assert next(found.decode(stream)).width == 64
    assert ("is left out: a part that begins later" in capsys.readouterr().err) == (films == 1)


def test_damaged_sound_is_cut_off_with_a_note_and_the_film_is_whole(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = bytearray(film.read_bytes())
    data[len(data) * 3 // 4 :] = b"\xff" * (len(data) - len(data) * 3 // 4)
    (tmp_path / "bad.mkv").write_bytes(data)
    out = write(tmp_path / "bad.mkv", tmp_path / "o.mkv", audio="opus")
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == round(SECONDS * RATE)
    assert len(sound(out, 0)) > 0.3 * 48000


def with_bad_packet(film: Path, path: Path, bad: int) -> Path:
    """A copy of a film, with one packet of its sound that cannot be decoded."""
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        copies = {s.index: target.add_stream_from_template(s) for s in source.streams}
        number = 0
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                if number == bad:
                    times = packet.pts, packet.dts, packet.duration, packet.time_base
                    stream, packet = packet.stream, av.Packet(bytes(packet.size))
                    packet.pts, packet.dts, packet.duration, packet.time_base = times
                    packet.stream = copies[stream.index]
                    target.mux(packet)
                    number += 1
                    continue
                number += 1
            packet.stream = copies[packet.stream.index]
            target.mux(packet)
    return path


@pytest.mark.parametrize("end", [".mkv", ".mp4"])
def test_after_one_bad_packet_sound_goes_on_in_time(
    end: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    beep = f"aevalsrc='if(gte(t,0.9),sin(2*PI*1000*t),0)':s=48000:d={SECONDS}"
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-f", "lavfi", "-i", beep,
           "-c:v", "libx264", "-c:a", "ac3", tmp_path / "whole.mkv")  # fmt: skip
    bad = with_bad_packet(tmp_path / "whole.mkv", tmp_path / "bad.mkv", 9)
    heard = sound(write(bad, tmp_path / f"o{end}", audio="aac"), 0)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "damaged" in line]
    assert "left out" in line
    loud = np.flatnonzero(np.abs(heard) > 0.3 * np.abs(heard).max()) / 48000
    assert loud[0] == pytest.approx(0.9, abs=0.006)
    assert loud[-1] == pytest.approx(SECONDS, abs=0.03)


def test_sound_begins_at_once_where_a_part_begins_within_one_of_its_frames(tmp_path: Path):
    """Frames of lossless sound are long."""
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-f", "lavfi", "-i",
           f"sine=300:d={SECONDS}:r=48000", "-c:v", "libx264", "-c:a", "flac", "-frame_size",
           "4608", tmp_path / "long.mkv")  # fmt: skip
    window = (Fraction(3, 10), Fraction(8, 10))
    heard = sound(write(tmp_path / "long.mkv", tmp_path / "o.mkv", window, audio="opus"), 0)
    true = sound(tmp_path / "long.mkv", 0)[round(0.3 * 48000) : round(0.8 * 48000)]
    assert len(heard) == pytest.approx(len(true), abs=0.02 * 48000)
    level = np.sqrt(np.mean(true.astype(float) ** 2))
    for begin in range(960, len(true) - 1920, 960):  # every 20 ms, but where the codec begins
        part = heard[begin : begin + 960].astype(float)
        assert np.sqrt(np.mean(part**2)) == pytest.approx(level, rel=0.2)


@pytest.mark.parametrize("codec", ["webvtt", "mov_text"])
def test_text_that_ends_where_a_part_begins_is_not_shown_in_it(codec: str, tmp_path: Path):
    text = tmp_path / "t.srt"
    text.write_text(
        "1\n00:00:00,100 --> 00:00:00,400\nbefore\n\n2\n00:00:00,400 --> 00:00:00,800\nthen\n"
    )
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-i", text, "-c:v", "libx264",
           "-c:s", "srt", tmp_path / "film.mkv")  # fmt: skip
    end = ".mkv" if codec == "webvtt" else ".mp4"
    window = (Fraction(4, 10), Fraction(9, 10))
    out = write(tmp_path / "film.mkv", tmp_path / f"o{end}", window, subtitles=codec)
    assert [line for *_, line in texts(out)] == ["then"]


def test_counts_of_what_was_in_the_file_are_not_kept(tmp_path: Path):
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-f", "lavfi", "-i",
           f"sine=300:d={SECONDS}", "-c:v", "libx264", "-c:a", "flac",
           "-metadata:s:a:0", "NUMBER_OF_FRAMES-eng=7", "-metadata:s:a:0", "BPS=12",
           "-metadata:s:a:0", "_STATISTICS_TAGS=BPS", "-metadata:s:a:0", "COMPOSER=Bach",
           tmp_path / "film.mkv")  # fmt: skip
    out = write(tmp_path / "film.mkv", tmp_path / "o.mkv")
    with av.open(str(out)) as container:
        kept = {key.upper() for key in container.streams.audio[0].metadata}
    assert "COMPOSER" in kept
    assert not kept & {"NUMBER_OF_FRAMES-ENG", "BPS", "_STATISTICS_TAGS"}


def test_a_source_that_is_gone_is_not_called_the_output(tmp_path: Path):
    with pytest.raises(MediaError, match=r"gone\.mkv cannot be read") as caught:
        write(tmp_path / "gone.mkv", tmp_path / "o.mkv")
    assert "written" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("begin", "kept"), [(Fraction(0), True), (Fraction(3, 10), False)])
def test_the_timecode_of_the_whole_is_not_that_of_a_part(
    begin: Fraction, kept: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-c:v", "libx264",
           "-timecode", "01:00:00:00", tmp_path / "film.mov")  # fmt: skip
    with av.open(str(tmp_path / "film.mov")) as container:
        about = track_of(container.streams.video[0])
    assert about.tags["timecode"].startswith("01:00:00:0")  # FFmpeg drops digits at 10 fps
    count = 6
    beside = Beside(tmp_path / "film.mov", 0, about, (begin, begin + count / RATE))
    made = choose(None, ".mov", preset=None)
    clip, times = moving(vs.YUV420P8, count), constant_times(RATE, count)
    write_video(clip, tmp_path / "o.mov", times, made, beside=beside)
    with av.open(str(tmp_path / "o.mov")) as container:
        assert ("timecode" in container.streams.video[0].metadata) == kept
    assert ("timecode 01:00:00:0" in capsys.readouterr().err) != kept
