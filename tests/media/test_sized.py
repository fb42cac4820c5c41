"""Files of an exact size."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import pytest
import vapoursynth as vs
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ffmpeg import TINY, ffmpeg
from tests.support.moving_clips import film_times, moving
from tests.support.video_files import make_video
from vsrife.errors import MediaError
from vsrife.media.properties import Track
from vsrife.media.tracks.others import plan_others
from vsrife.media.writing import sized
from vsrife.media.writing.encode import Beside, write_video
from vsrife.media.writing.encoders import Encoding, choose


@pytest.fixture(scope="module")
def clip() -> vs.VideoNode:
    """Another noise in every frame: takes any number of bits."""
    base = moving(vs.YUV420P8, 48, size=(128, 96))
    parts = [
        base[n].std.AddBorders(left=2).std.Crop(right=2) if n % 2 else base[n] for n in range(48)
    ]
    return vs.core.std.Splice(parts)


@pytest.mark.parametrize("name", ["x264", "x265"])
@pytest.mark.parametrize("limit", [20_000, 50_000])
def test_a_size_is_met_within_3_percent_and_never_exceeded(
    name: str, limit: int, clip: vs.VideoNode, tmp_path: Path
):
    made = choose(name, ".mkv", max_size=str(limit), preset="ultrafast")
    write_video(clip, tmp_path / "o.mkv", film_times(48), made)
    assert 0.97 * limit <= (tmp_path / "o.mkv").stat().st_size <= limit
    with av.open(str(tmp_path / "o.mkv")) as container:
        assert len(list(container.decode(video=0))) == 48


def test_sound_is_part_of_the_size(
    clip: vs.VideoNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    film = make_video(tmp_path / "film.mkv")
    made = choose("x264", ".mp4", max_size="40k", preset="ultrafast", audio="opus")
    beside = Beside(film, 0, Track())
    write_video(clip, tmp_path / "o.mp4", film_times(48), made, beside=beside)
    assert 0.97 * 40_000 <= (tmp_path / "o.mp4").stat().st_size <= 40_000
    assert capsys.readouterr().err.count("becomes opus") == 1  # and not in every pass


def test_sound_that_leaves_no_room_is_one_line(clip: vs.VideoNode, tmp_path: Path):
    film = make_video(tmp_path / "film.mkv")
    made = choose("x264", ".mkv", max_size="5k")
    with pytest.raises(MediaError, match=r"sound and other streams take .*: --audio none$"):
        write_video(clip, tmp_path / "o.mkv", film_times(48), made, beside=Beside(film, 0, Track()))
    assert not (tmp_path / "o.mkv").exists()


@pytest.mark.parametrize(
    ("codec", "audio", "way"),
    [
        ("aac", "copy", "--max-size, or leave sound out: --audio none"),
        ("aac", "opus", "--max-size, or leave sound out: --audio none"),
        ("pcm_s16le", "copy", "--max-size, or --audio opus or none"),
        ("pcm_s16le", "aac", "--max-size, or leave sound out: --audio none"),
        ("pcm_s16le", "none", "--max-size"),
    ],
)
def test_the_way_out_helps_with_the_sound_that_there_is(
    codec: str, audio: str, way: str, tmp_path: Path
):
    ffmpeg("-f", "lavfi", "-i", f"testsrc={TINY}", "-f", "lavfi", "-i", "sine=d=0.6", "-c:a", codec,
           tmp_path / "film.mkv")  # fmt: skip
    made = choose("x264", ".mkv", max_size="1000", audio=audio)
    with ExitStack() as stack:
        plan = plan_others(Beside(tmp_path / "film.mkv", 0, Track()), "matroska", made, stack)
        with pytest.raises(MediaError) as said:
            sized._check_room(10**6, 1000, Fraction(1), plan)
    assert str(said.value).endswith(f"; raise {way}")


@pytest.mark.parametrize("audio", ["copy", "opus"])
def test_whether_sound_leaves_room_is_known_before_a_frame_is_made(audio: str, tmp_path: Path):
    film = make_video(tmp_path / "film.mkv")
    for limit, fits in (("3000", False), ("60k", True)):
        made = choose("x264", ".mkv", max_size=limit, audio=audio)
        with ExitStack() as stack:
            plan = plan_others(Beside(film, 0, Track()), "matroska", made, stack)
            if fits:
                sized.check_room(made, plan, Fraction(1, 2))
                continue
            with pytest.raises(MediaError, match="leave no room"):
                sized.check_room(made, plan, Fraction(1, 2))


def test_a_film_that_cannot_become_so_small_is_one_line(clip: vs.VideoNode, tmp_path: Path):
    made = choose("x264", ".mkv", max_size="2000", preset="ultrafast")
    with pytest.raises(MediaError, match="does not fit into 2000 bytes"):
        write_video(clip, tmp_path / "o.mkv", film_times(48), made)
    assert not (tmp_path / "o.mkv").exists()


@pytest.mark.parametrize("count", [2, 200])
@pytest.mark.parametrize("end", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("name", ["x264", "x265"])
def test_no_film_is_smaller_than_what_is_refused(name: str, end: str, count: int, tmp_path: Path):
    black = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=count, keep=True)
    made = choose(name, end, crf=51, preset="ultrafast")
    write_video(black, tmp_path / f"o{end}", film_times(count), made)
    size = (tmp_path / f"o{end}").stat().st_size
    sized.check_frames(Encoding(max_size=size), count)
    with pytest.raises(MediaError, match=f"; {count} frames need more than "):
        sized.check_frames(Encoding(max_size=size // 4), count)


def test_a_film_that_needs_less_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    still = vs.core.std.BlankClip(format=vs.YUV420P8, width=64, height=48, length=12)
    made = choose("x264", ".mkv", max_size="1MB")
    write_video(still, tmp_path / "o.mkv", film_times(12), made)
    assert (tmp_path / "o.mkv").stat().st_size < 100_000
    assert "of 1000000 bytes; the encoder needs no more" in capsys.readouterr().err


@given(
    limit=st.integers(50_000, 10**6),
    rate=st.integers(10**4, 10**7),
    bias=st.floats(0.6, 1.6),
    others=st.floats(0, 0.5),
    curve=st.floats(0.7, 1.3),
)
def test_any_encoder_that_follows_its_rate_is_led_to_the_size(
    limit: int, rate: int, bias: float, others: float, curve: float, tmp_path_factory
):
    """An encoder that is off by up to 60 %, and not in proportion."""
    part = tmp_path_factory.getbasetemp() / "part"
    beside = int(limit * others)
    seconds = Fraction(limit * 8, rate)

    def run(encoding: Encoding, file: Path, silent: bool) -> int:
        asked = encoding.bitrate or 0
        film = int(rate * (asked / rate) ** curve * bias * float(seconds) / 8)
        file.touch()
        with file.open("r+b") as opened:
            opened.truncate(film + beside)  # a hole, which takes no room
        return film

    made = Encoding(max_size=limit)
    sized.write(made, part, seconds, run)
    assert sized.CLOSE * limit <= part.stat().st_size <= limit
