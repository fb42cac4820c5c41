"""Sound of a speed ramp: what is heard is what is seen, at the pitch that it had."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ffmpeg import ffmpeg
from tests.support.moving_clips import moving
from vsrife.media.properties import Track
from vsrife.media.timestamps import constant_times
from vsrife.media.tracks.ramp_sound import Place, joined
from vsrife.media.writing.encode import Beside, write_video
from vsrife.media.writing.encoders import choose

SECONDS, RATE, STEP = 4, Fraction(10), Fraction(1, 2)
PITCHES = [400, 1100, 600, 1500, 800, 2000, 500, 1300]  # of each half second


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film whose pitch says what time it is, on the left; the right is half as loud."""
    terms = "+".join(
        f"between(t,{n * STEP},{(n + 1) * STEP})*sin(2*PI*{pitch}*t)"
        for n, pitch in enumerate(PITCHES)
    )
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    sound = f"aevalsrc='0.5*({terms})|0.25*({terms})':s=44100:d={SECONDS}"
    ffmpeg("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={SECONDS}", "-f", "lavfi", "-i", sound,
           "-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:v", "libx264", "-g", 10,
           "-c:a:0", "pcm_s16le", "-c:a:1", "aac", "-metadata", "title=T",
           "-metadata:s:2", "language=deu", path)  # fmt: skip
    return path


def ramped(film: Path, path: Path, *lines: tuple[object, object]) -> Path:
    places = [Place(Fraction(str(a)), Fraction(str(b))) for a, b in lines]
    made = choose(None, path.suffix, audio="stretch", preset={".webm": "12"}.get(path.suffix))
    count = round(places[-1].output * RATE)
    beside = Beside(film, 0, Track(), places=places)
    clip = moving(vs.YUV420P8, count)
    write_video(clip, path, constant_times(RATE, count), made, beside=beside)
    return path


def heard(path: Path, number: int = 0) -> tuple[np.ndarray, int]:
    """Both channels of a stream from time 0 on, decoded here, and its samples per second."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        rate, found = stream.sample_rate, []
        resampler = av.AudioResampler("fltp", "stereo", rate)
        for frame in container.decode(stream):
            skipped = max(0, round(-frame.pts * frame.time_base * rate))
            found += [part.to_ndarray()[:, skipped:] for part in resampler.resample(frame)]
    return np.concatenate(found, 1).astype(float), rate


def pitch_at(samples: np.ndarray, rate: int, second: float) -> float:
    """The loudest pitch within 1/20 s on either side; 0: silence."""
    around = samples[0, round((second - 0.05) * rate) : round((second + 0.05) * rate)]
    if np.abs(around).max() < 0.02:
        return 0
    spectrum = np.abs(np.fft.rfft(around * np.hanning(len(around)), 1 << 15))
    return float(np.argmax(spectrum) * rate / (1 << 15))


RAMPS = {
    "slow, then fast": ((0, 0), (2, 4), (4, 5)),
    "as it is": ((0, 0), (4, 4)),
    "slowly, standing still, and again": ((3, 0), (4, 3), (4, 4), (1, "4.5"), (3, "6.5")),
    "very slow and very fast": ((0, 0), ("0.5", 3), (4, "3.5")),
    "many lines": tuple((n / 10, n / 8) for n in range(41)),
}


@pytest.mark.parametrize(
    ("name", "end", "number"),
    [("slow, then fast", ".mp4", 1), ("as it is", ".webm", 0), ("many lines", ".mkv", 0),
     ("slowly, standing still, and again", ".mkv", 0), ("very slow and very fast", ".mp4", 0)],
)  # fmt: skip
def test_what_is_heard_is_what_is_seen(
    name: str, end: str, number: int, film: Path, tmp_path: Path
):
    lines = [Place(Fraction(str(a)), Fraction(str(b))) for a, b in RAMPS[name]]
    samples, rate = heard(ramped(film, tmp_path / f"o{end}", *RAMPS[name]), number)
    total = float(lines[-1].output)
    assert abs(samples.shape[1] / rate - total) <= 1024 / rate
    looked = 0
    for second in np.arange(0.1, total - 0.1, 0.05):
        line = bisect_right([each.output for each in lines], second) - 1
        first, last = lines[line : line + 2]
        speed = (last.source - first.source) / (last.output - first.output)
        inside = min(second - first.output, last.output - second) > 0.11
        if speed <= 0:
            if inside:
                assert pitch_at(samples, rate, second) == 0, second
            continue
        place = float(first.source) + (second - float(first.output)) * float(speed)
        # windows of atempo are about 1/12 s of the source, and the window that is looked at
        near = 0.1 + 0.05 * max(float(speed), 1)
        tones = {PITCHES[min(int(max(at, 0) / STEP), 7)] for at in (place - near, place + near)}
        if len(tones) == 1 and (inside or name == "many lines"):
            looked += 1
            assert pitch_at(samples, rate, second) == pytest.approx(tones.pop(), abs=15), second
    assert looked > 8


def test_both_channels_tags_and_languages_follow_and_chapters_do_not(film: Path, tmp_path: Path):
    out = ramped(film, tmp_path / "o.mkv", (0, 0), (2, 4))
    samples, rate = heard(out)
    middle = samples[:, rate : 2 * rate]
    assert middle[0].std() / middle[1].std() == pytest.approx(2, rel=0.05)
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "T"
        assert container.streams.audio[1].metadata["language"] == "deu"
        assert not container.chapters()


def test_lines_that_change_nothing_are_not_heard(film: Path, tmp_path: Path):
    """At the speed that it had, in 33 pieces: the sound that there was, but for the codec."""
    lines = [(n / 8, n / 8) for n in range(33)]
    samples, rate = heard(ramped(film, tmp_path / "o.mp4", *lines))
    source, other = heard(film)
    assert rate == other
    count = min(samples.shape[1], source.shape[1])
    error = samples[:, :count] - source[:, :count]
    assert 10 * np.log10(source.var() / error.var()) > 25


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 40), st.lists(st.integers(1, 30))), min_size=1))
def test_pieces_that_say_the_same_are_joined_without_a_seam(pieces):
    fade = 7
    wave = np.sin(np.arange(2000, dtype=np.float32) / 9)[None]

    def chunks(begin: int, total: int, sizes: list[int]):
        for size in itertools.chain(sizes, itertools.repeat(11)):
            size = min(size, total)
            if not size:
                return
            yield wave[:, begin : begin + size]
            begin, total = begin + size, total - size

    begins = [0, *itertools.accumulate(length for length, _ in pieces)]
    given_ = (
        (length, chunks(begin, length + fade, sizes))
        for begin, (length, sizes) in zip(begins, pieces, strict=False)
    )
    found = [*joined(given_, fade), np.zeros((1, 0), np.float32)]
    np.testing.assert_allclose(np.concatenate(found, 1), wave[:, : begins[-1]], atol=1e-6)


@pytest.mark.parametrize(
    ("layout", "codec", "end", "made"),
    [("7.1", "flac", ".mkv", 8), ("mono", "pcm_alaw", ".webm", 1), ("3.0", "flac", ".mp4", 2)],
)
def test_channels_stay_or_become_those_that_players_know(
    layout: str, codec: str, end: str, made: int, tmp_path: Path
):
    path = tmp_path / f"in{'.mov' if codec == 'pcm_alaw' else '.mkv'}"
    sound = f"sine=440:r=16000:d=1,aformat=channel_layouts={layout}"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1", "-f", "lavfi", "-i", sound,
           "-c:v", "libx264", "-c:a", codec, path)  # fmt: skip
    out = ramped(path, tmp_path / f"o{end}", (0, 0), (1, "0.5"), (0, 1))
    with av.open(str(out)) as container:
        assert container.streams.audio[0].channels == made
    samples, rate = heard(out)
    assert pitch_at(samples, rate, 0.25) == pytest.approx(440, abs=10)
    assert pitch_at(samples, rate, 0.8) == 0
