"""Sound in slow motion: as long as the picture, at the pitch that it had."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs

from tests.support.ffmpeg import ffmpeg
from tests.support.moving_clips import moving
from vsrife.media.properties import Track
from vsrife.media.timestamps import constant_times
from vsrife.media.tracks.stretch import Stretch, tempos
from vsrife.media.writing.encode import Beside, write_video
from vsrife.media.writing.encoders import choose

PITCH, SECONDS, RATE = 880, 2, Fraction(10)
# samples; .webm rounds the time of the first packet, and so what is discarded of it
TOLERANCE = {".mp4": 0, ".mkv": 0, ".webm": 48}


@pytest.mark.parametrize("times", range(2, 65))
def test_tempos_are_within_what_one_filter_does_and_make_the_whole(times: int):
    assert all(0.5 <= tempo < 1 for tempo in tempos(times))
    assert math.prod(tempos(times)) == pytest.approx(1 / times)
    assert len(tempos(times)) == math.ceil(math.log2(times))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone from 0.5 to 1 s, and another one, from 1.6 to 1.7 s, after a gap of no sound at all;
    text and chapters."""
    folder = tmp_path_factory.mktemp("film")
    tone = (
        f"aevalsrc='if(between(t,0.5,1)+between(t,1.6,1.7),sin(2*PI*{PITCH}*t),0)'"
        f":s=44100:d={SECONDS}"
    )
    (folder / "t.srt").write_text("1\n00:00:00,100 --> 00:00:01,000\nword\n", encoding="utf-8")
    (folder / "meta.txt").write_text(
        ";FFMETADATA1\ntitle=T\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=A\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=B\n",
        encoding="utf-8",
    )
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-f", "lavfi", "-i", tone,
           "-i", folder / "t.srt", "-i", folder / "meta.txt", "-map", "0:v", "-map", "1:a",
           "-map", "1:a", "-map", "2:s", "-map_metadata", 3, "-map_chapters", 3,
           "-filter:a:0", "aselect='not(between(t,1.1,1.5))'", "-c:v", "libx264",
           "-c:a:0", "pcm_s16le", "-c:a:1", "aac", "-ac:a:1", 2, "-metadata:s:1", "language=deu",
           folder / "film.mkv")  # fmt: skip
    return folder / "film.mkv"


def slow(film: Path, path: Path, times: int, window=None) -> Path:
    seconds = SECONDS if window is None else window[1] - window[0]
    count = int(seconds * RATE) * times
    made = choose(None, path.suffix, audio="stretch", preset={".webm": "12"}.get(path.suffix))
    beside = Beside(film, 0, Track(), window, Stretch(times, Fraction(count) / RATE))
    clip = moving(vs.YUV420P8, count)
    write_video(clip, path, constant_times(RATE, count), made, beside=beside)
    return path


def heard(path: Path, number: int) -> tuple[np.ndarray, int]:
    """The first channel of a stream from time 0 on, decoded here, and its samples per second."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        rate, samples = stream.sample_rate, []
        for frame in container.decode(stream):
            skipped = max(0, round(-frame.pts * frame.time_base * rate))
            samples.append(frame.to_ndarray()[0][skipped:])
    return np.concatenate(samples).astype(float), rate


def loud(samples: np.ndarray, rate: int) -> np.ndarray:
    """The times at which there is a tone, in seconds."""
    return np.flatnonzero(np.abs(samples) > 0.3 * np.abs(samples).max()) / rate


@pytest.mark.parametrize(("end", "times"), [(".mp4", 2), (".mkv", 3), (".webm", 3), (".mp4", 10)])
def test_sound_is_as_long_as_the_picture_and_keeps_its_pitch_and_place(
    end: str, times: int, film: Path, tmp_path: Path
):
    out = slow(film, tmp_path / f"o{end}", times)
    for number in range(2):
        samples, rate = heard(out, number)
        assert abs(len(samples) - SECONDS * times * rate) <= TOLERANCE[end]
        # atempo overlaps windows of about 1/24 s, whose edges carry a tone along
        at, near = loud(samples, rate), times / 24 + 0.02
        first = at[at < 1.3 * times]
        second = at[at > 1.3 * times]
        assert (first[0], first[-1]) == pytest.approx((0.5 * times, times), abs=near)
        assert (second[0], second[-1]) == pytest.approx((1.6 * times, 1.7 * times), abs=near)
        middle = samples[int(0.6 * times * rate) : int(0.9 * times * rate)]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        assert np.argmax(spectrum) * rate / len(middle) == pytest.approx(PITCH, rel=0.01)


def test_chapters_tags_and_languages_follow_and_text_does_not(film: Path, tmp_path: Path):
    out = slow(film, tmp_path / "o.mkv", 3)
    with av.open(str(out)) as container:
        kinds = [stream.type for stream in container.streams]
        assert kinds == ["video", "audio", "audio"]
        assert container.metadata["title"] == "T"
        assert container.streams.audio[0].metadata["language"] == "deu"
        begins = [each["start"] * each["time_base"] for each in container.chapters()]
        assert begins == [0, 3]


def test_a_part_has_the_sound_of_that_part(film: Path, tmp_path: Path):
    out = slow(film, tmp_path / "o.mp4", 4, (Fraction(3, 10), Fraction(13, 10)))
    samples, rate = heard(out, 1)
    assert len(samples) == 4 * rate
    at = loud(samples, rate)
    assert (at[0], at[-1]) == pytest.approx((0.8, 2.8), abs=4 / 24)


def test_sound_that_lasts_longer_than_the_picture_is_cut_without_a_word(
    film: Path, tmp_path: Path, capsys
):
    """Once it is as long as the picture, the filters take no more, which is no damage."""
    out, clip = tmp_path / "o.mkv", moving(vs.YUV420P8, 10)
    beside = Beside(film, 0, Track(), None, Stretch(2, Fraction(1)))
    made = choose(None, ".mkv", audio="stretch")
    write_video(clip, out, constant_times(RATE, 10), made, beside=beside)
    assert "damaged" not in capsys.readouterr().err
    samples, rate = heard(out, 0)
    assert len(samples) == rate


@pytest.mark.parametrize("times", [2, 10])
def test_sound_that_begins_late_begins_on_time(times: int, tmp_path: Path):
    """And ends within a window of atempo, which is 1/24 s of the source."""
    film = tmp_path / "late.mkv"
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-itsoffset", 0.7,
           "-f", "lavfi", "-i", f"sine=f={PITCH}:r=48000:d=1", "-c:v", "libx264",
           "-c:a", "pcm_s16le", film)  # fmt: skip
    at = loud(*heard(slow(film, tmp_path / "o.mp4", times), 0))
    assert at[0] == pytest.approx(0.7 * times, abs=0.001)
    assert at[-1] == pytest.approx(1.7 * times, abs=times / 24)
