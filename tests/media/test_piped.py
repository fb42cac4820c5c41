"""A film that a program encodes: real x264 and ffmpeg where they are, Python elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
import vapoursynth as vs

from tests.support.moving_clips import film_times, moving
from vsrife.errors import ArgumentError, MediaError
from vsrife.media.timestamps import Times
from vsrife.media.writing import pipe_command
from vsrife.media.writing.convert import for_encoding
from vsrife.media.writing.encode import write_video
from vsrife.media.writing.encoders import Encoding, choose

FFMPEG = f'"{imageio_ffmpeg.get_ffmpeg_exe()}" -loglevel error -f yuv4mpegpipe -i -'
TIMES = Times(Fraction(1, 600), [0, 20, 50, 60, 100, 120, 150])
PYTHON = f'"{sys.executable}"'


def script(path: Path, text: str) -> str:
    """A command line that runs a Python program on {out}."""
    path.write_text(text)
    return f'{PYTHON} "{path}" {{out}}'


def encode(command: str, path: Path, clip: vs.VideoNode, times: Times | None = None) -> None:
    made = Encoding(pipe=pipe_command.words(command))
    write_video(for_encoding(clip, made), path, times or film_times(clip.num_frames), made)


def shown(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    return [Fraction(p.pts) * p.time_base.numerator / p.time_base.denominator for p in pictures]


@pytest.mark.skipif(shutil.which("x264") is None, reason="needs the program x264")
def test_x264_encodes_with_its_own_options(tmp_path: Path):
    command = "x264 --quiet --preset fast --bframes 3 --demuxer y4m - -o {out}"
    encode(command, tmp_path / "o.mp4", moving(vs.YUV420P8, 6), TIMES)
    assert shown(tmp_path / "o.mp4") == [tick * TIMES.base for tick in TIMES.ticks[:-1]]
    assert b"ref=2" in (tmp_path / "o.mp4").read_bytes()  # preset fast


# Programs that write the stream alone say nothing of times: the order is found by decoding
@pytest.mark.parametrize(
    "words",
    ["-c:v libx264 -bf 3 -f h264", "-c:v libx265 -x265-params log-level=error -f hevc",
     "-c:v libx264 -bf 3 -f matroska", "-c:v ffv1 -f nut", "-c:v libvpx-vp9 -f ivf"],
)  # fmt: skip
def test_the_film_has_the_times_of_the_frames_whatever_the_program_writes(
    words: str, tmp_path: Path
):
    end = ".mkv" if "ffv1" in words else ".mp4"
    clip = moving(vs.YUV420P8, 6)
    encode(f"{FFMPEG} {words} -y {{out}}", tmp_path / f"o{end}", clip, TIMES)
    true = [tick * TIMES.base for tick in TIMES.ticks[:-1]]
    rounding = Fraction(1, 2000) if end == ".mkv" else 0
    got = shown(tmp_path / f"o{end}")
    assert len(got) == 6
    assert all(abs(a - b) <= rounding for a, b in zip(got, true, strict=True))


@pytest.mark.parametrize(
    "words",
    ["libx264 -f h264", "libx265 -x265-params log-level=error -f hevc",
     "libsvtav1 -preset 12 -f ivf", "prores_ks -f mov"],
)  # fmt: skip
def test_colour_tags_that_y4m_lacks_are_written(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SVT_LOG", "1")
    clip = moving(vs.YUV420P10, 4).std.SetFrameProps(_Matrix=9, _Transfer=16, _Primaries=9)
    encode(f"{FFMPEG} -c:v {words} -y {{out}}", tmp_path / "o.mkv", clip)
    with av.open(str(tmp_path / "o.mkv")) as container:
        context = container.streams.video[0].codec_context
        assert len(list(container.decode(video=0))) == 4
        found = (context.colorspace, context.color_trc, context.color_primaries)
    assert found == (9, 16, 9)


@pytest.mark.parametrize("end", [".mp4", ".mov"])
def test_hevc_is_named_as_all_players_know_it(end: str, tmp_path: Path):
    words = "-c:v libx265 -x265-params log-level=error -f hevc"
    encode(f"{FFMPEG} {words} -y {{out}}", tmp_path / f"o{end}", moving(vs.YUV420P8, 3))
    with av.open(tmp_path / f"o{end}") as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_colour_tags_of_the_program_count(tmp_path: Path):
    clip = moving(vs.YUV420P8, 3).std.SetFrameProps(_Matrix=5, _Transfer=6)
    tags = "-x264-params colormatrix=bt709:colorprim=bt709"
    encode(f"{FFMPEG} -c:v libx264 {tags} -f h264 -y {{out}}", tmp_path / "o.mp4", clip)
    with av.open(str(tmp_path / "o.mp4")) as container:
        picture = next(container.decode(video=0))
        assert (picture.colorspace, picture.color_trc, picture.color_primaries) == (1, 6, 1)


def test_a_lossless_program_gets_every_sample(tmp_path: Path):
    for kind in (vs.YUV420P8, vs.YUV422P10, vs.YUV444P16):
        clip = moving(kind, 3)
        encode(f"{FFMPEG} -c:v ffv1 -strict -1 -y {{out}}", tmp_path / "o.mkv", clip)
        with av.open(str(tmp_path / "o.mkv")) as container:
            for picture, frame in zip(container.decode(video=0), clip.frames(), strict=True):
                for plane in range(3):
                    wide = frame.format.bytes_per_sample * frame[plane].shape[1]
                    rows = bytes(picture.planes[plane])
                    step = picture.planes[plane].line_size
                    got = [rows[n * step : n * step + wide] for n in range(frame[plane].shape[0])]
                    assert b"".join(got) == bytes(frame[plane])


DEATHS = {
    "at once": ("import sys; sys.exit('no licence')", "exit code 1: no licence"),
    "midway": (
        "import sys; sys.stdin.buffer.read(9000); print('out of memory'); sys.exit(3)",
        "exit code 3: out of memory",
    ),
    "early end": ("import sys; sys.stdin.buffer.read(9000)", "ended before it had read all frames"),
    "no file": ("import sys; sys.stdin.buffer.read()", "wrote nothing into {out}"),
    "no film": (
        "import sys; sys.stdin.buffer.read(); open(sys.argv[1], 'w').write('text')",
        "o.mkv cannot be written",
    ),
}


@pytest.mark.parametrize("case", DEATHS)
def test_the_end_of_the_program_is_one_line_and_leaves_nothing(case: str, tmp_path: Path):
    text, said = DEATHS[case]
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(MediaError) as caught:
        encode(script(tmp_path / "p.py", text), folder / "o.mkv", moving(vs.YUV420P8, 20))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not os.listdir(folder)


@pytest.mark.parametrize("case", [case for case in DEATHS if case != "no film"])
def test_a_program_that_cannot_is_found_before_a_frame_is_made(case: str, tmp_path: Path):
    text, said = DEATHS[case]
    with pytest.raises(MediaError) as caught:
        choose(None, ".mkv", pipe=script(tmp_path / "p.py", text))
    assert said in str(caught.value)


def test_a_program_that_can_is_chosen():
    words = choose(None, ".mp4", pipe=f"{FFMPEG} -c:v ffv1 -y {{out}}", audio="aac")
    assert words.pipe[-1] == "{out}"
    assert (words.audio, words.joinable) == ("aac", False)


def test_a_program_that_leaves_frames_out_is_found(tmp_path: Path):
    command = f"{FFMPEG} -frames:v 4 -c:v ffv1 -f matroska -y {{out}}"
    with pytest.raises(MediaError, match=r"wrote 4 of 6 frames|before it had read all"):
        encode(command, tmp_path / "o.mkv", moving(vs.YUV420P8, 6))


def test_names_are_never_read_by_a_shell(tmp_path: Path):
    folder = tmp_path / "a b; touch x $(touch y) 'z' & {width}"
    folder.mkdir()
    command = f"{FFMPEG} -c:v ffv1 -f matroska -y {{out}}"
    encode(command, folder / "o.mkv", moving(vs.YUV420P8, 3))
    assert os.listdir(folder) == ["o.mkv"]
    assert len(shown(folder / "o.mkv")) == 3


def test_what_stands_in_braces_is_filled_in_each_word_for_itself():
    words = ("p", "--size={width}x{height}", "{out}", "{other}", "--fps", "{fps}")
    values = {"out": "/a b/{width}", "width": "64", "height": "48", "fps": "24000/1001"}
    assert pipe_command.filled(words, values) == [
        "p", "--size=64x48", "/a b/{width}", "{other}", "--fps", "24000/1001",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "windows", "split"),
    [
        ("PY -o {out}", False, ["-o", "{out}"]),
        ("PY 'a b' c\\ d {out}", False, ["a b", "c d", "{out}"]),
        ("PY 'C:\\film dir\\x' C:\\a\\b {out}", True, ["C:\\film dir\\x", "C:\\a\\b", "{out}"]),
        ('PY "C:\\my films\\" -o "{out}"', True, ["C:\\my films\\", "-o", "{out}"]),
        ("PY --x='a;b' #not {out}", False, ["--x=a;b", "#not", "{out}"]),
        ("PY $HOME `id` %PATH% * {out}", False, ["$HOME", "`id`", "%PATH%", "*", "{out}"]),
    ],
)
def test_words_are_split_as_on_the_system(command: str, windows: bool, split: list[str]):
    quoted = command.replace("PY", f"'{sys.executable}'", 1)
    program, *words = pipe_command.words(quoted, windows=windows)
    assert Path(program).samefile(sys.executable)
    assert words == split


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "pipe must be a command line"),
        ("PY -o out.mkv", "pipe must contain {out}"),
        ("{out}", "pipe must contain {out}"),
        ("PY | PY {out}", "without a shell; '|'"),
        ("PY - > {out}", "without a shell; '>'"),
        ("PY {out} && rm {out}", "without a shell; '&&'"),
        ("PY 'open {out}", "is not complete"),
        ("no-such-program-here {out}", "there is no program 'no-such-program-here'"),
    ],
)
def test_a_command_that_cannot_be_is_one_line(command: str, said: str):
    with pytest.raises(ArgumentError) as caught:
        pipe_command.words(command.replace("PY", PYTHON, 1).replace("PY", "cat"))
    assert said in str(caught.value)


def test_scripts_of_the_shell_of_windows_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / "encode.BAT"))
    with pytest.raises(ArgumentError, match="would run in a shell"):
        pipe_command.words("encode {out}", windows=True)
    assert pipe_command.words("encode {out}", windows=False)
