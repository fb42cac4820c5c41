"""Sound that a film hides before its begin stays hidden, and no sound after it is lost."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
import vapoursynth as vs

from tests.support.ffmpeg import ffmpeg
from tests.support.moving_clips import moving
from vsrife.media.properties import Track
from vsrife.media.timestamps import constant_times
from vsrife.media.writing.encode import Beside, write_video
from vsrife.media.writing.encoders import choose

SECONDS = Fraction(2)  # of the film
RATE = Fraction(25)
PACKET = 0.03  # seconds, more than a packet of sound, which is copied whole


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cut without encoding it anew, 1.5 seconds after a key frame: so much sound is hidden."""
    folder = tmp_path_factory.mktemp("hidden")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4",
           "-c:v", "libx264", "-g", 100, "-c:a", "aac", folder / "whole.mp4")  # fmt: skip
    ffmpeg("-ss", 1.5, "-i", folder / "whole.mp4", "-t", float(SECONDS), "-c", "copy",
           folder / "cut.mp4")  # fmt: skip
    return folder / "cut.mp4"


def write(film: Path, path: Path, length: Fraction, window: tuple[Fraction, Fraction] | None):
    count = round(length * RATE)
    beside = Beside(film, 0, Track(), window)
    times = constant_times(RATE, count)
    made = choose(None, path.suffix, preset=None)
    write_video(moving(vs.YUV420P8, count), path, times, made, beside=beside)


def heard(path: Path) -> tuple[float, float]:
    """When the first sound that players play begins, and how many seconds there are of it."""
    with av.open(path) as source:
        frames = list(source.decode(source.streams.audio[0]))
    return frames[0].time, sum(frame.samples for frame in frames) / frames[0].rate


def test_the_film_hides_sound(film: Path):
    with av.open(film) as source:
        packets = list(source.demux(source.streams.audio[0]))
    assert min(packet.pts * packet.time_base for packet in packets if packet.size) < -1


@pytest.mark.parametrize("end", [".mkv", ".mp4"])
@pytest.mark.parametrize("begin", [None, Fraction(0), Fraction(7, 10)])
def test_copied_sound_is_there_from_the_first_frame_on(
    film: Path, tmp_path: Path, end: str, begin: Fraction | None
):
    length = SECONDS - (begin or 0)
    window = None if begin is None else (begin, SECONDS)
    out = tmp_path / f"out{end}"
    write(film, out, length, window)
    first, seconds = heard(out)
    assert first == pytest.approx(0, abs=PACKET)
    assert seconds == pytest.approx(float(length), abs=2 * PACKET)
    with av.open(out) as made:
        assert made.duration / 1e6 == pytest.approx(float(length), abs=0.2)


@pytest.mark.parametrize("end", [".mkv", ".mp4"])
def test_what_players_skip_of_an_ordinary_film_is_no_sound_of_a_part(tmp_path: Path, end: str):
    """AAC begins with 1,024 samples of nothing, in Matroska as well."""
    ordinary = tmp_path / "film.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2",
           "-c:v", "libx264", "-c:a", "aac", ordinary)  # fmt: skip
    begin = Fraction(1, 2)
    out = tmp_path / f"out{end}"
    write(ordinary, out, SECONDS - begin, (begin, SECONDS))
    first, seconds = heard(out)
    # without what comes before the part, a packet would be missing: 0.023 and up to as much
    assert first < 0.02
    assert seconds == pytest.approx(float(SECONDS - begin), abs=0.025)
