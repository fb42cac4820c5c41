"""Every example, through a real vspipe into real encoders, as people run them."""

import os
import shutil
import subprocess
import sysconfig
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.vpy"))
FRAMES, RATE = 12, Fraction(24000, 1001)
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Environment variables for vspipe, configured as its own program asks for."""
    folder = tmp_path_factory.mktemp("vapoursynth")
    env = os.environ | {"XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    subprocess.run([SCRIPTS / "vapoursynth", "config"], env=env, check=True, capture_output=True)
    return env


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return draw_source(tmp_path_factory.mktemp("source") / "in.mkv", "yuv420p")


def draw_source(path, pixel_format):
    """A short H.264 clip: a bright square that moves over a dark ramp."""
    ramp = np.linspace(20, 90, 96, dtype=np.uint8)
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        for n in range(FRAMES):
            image = np.broadcast_to(ramp[None, :, None], (64, 96, 3)).copy()
            image[20:40, 5 + 4 * n : 25 + 4 * n] = 230
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    return path


def pipe(environment, script, arguments, encoder):
    """Runs `vspipe script - -c y4m | encoder`; both must succeed."""
    options = [part for pair in arguments.items() for part in ("--arg", "{}={}".format(*pair))]
    with subprocess.Popen(
        [SCRIPTS / "vspipe", script, *options, "-", "-c", "y4m"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=False,
    ) as vspipe:
        done = subprocess.run(encoder, stdin=vspipe.stdout, capture_output=True, timeout=300)
        vspipe.stdout.close()
        said = vspipe.stderr.read().decode()
    assert vspipe.returncode == 0, said
    assert done.returncode == 0, done.stderr.decode()


def x264(out, *, lossless_depth=None):
    program = shutil.which("x264")
    if program is None:
        pytest.skip("the x264 program is not installed")
    depth = ["--qp", "0", "--output-depth", str(lossless_depth)] if lossless_depth else []
    return [program, "--demuxer", "y4m", "-", "--preset", "ultrafast", *depth, "-o", out]


def ffmpeg(out, *, lossless_depth=None):
    program = imageio_ffmpeg.get_ffmpeg_exe()
    depth = ["-qp", "0"] if lossless_depth else []
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", *depth]
    return [program, "-v", "error", "-i", "-", *encoder, out]


def counted(path):
    """Number of frames and frames per second; Matroska keeps a frame's duration to 1 ns only."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        rate = stream.average_rate
        return sum(1 for _ in file.decode(stream)), pytest.approx(float(rate), rel=1e-6)


@pytest.mark.parametrize("encoder", [x264, ffmpeg])
@pytest.mark.parametrize(
    ("factor", "frames"), [("2", 24), ("5/2", 30), ("1001/400", 31), ("4/5", 10)]
)
def test_every_frame_arrives_in_the_encoder(environment, source, tmp_path, factor, frames, encoder):
    out = tmp_path / "out.mkv"
    script = next(path for path in EXAMPLES if path.stem == "any_factor")
    pipe(environment, script, {"source": source, "factor": factor}, encoder(out))
    assert counted(out) == (frames, RATE * Fraction(factor))


# example -> frames and rate that must come out of it
OUTCOMES = {
    "any_factor": (24, RATE * 2),
    "double": (24, RATE * 2),
    "from_vs_rife": (24, RATE * 2),
    "in_rgb": (24, RATE * 2),
    "slow_motion": (48, RATE),
    "to_60_fps": (31, Fraction(60)),
}


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_does_what_it_says(environment, source, tmp_path, weights, script):
    out = tmp_path / "out.mkv"
    arguments = {"source": source, "factor": "2", "model": weights("4.25")}
    pipe(environment, script, arguments, ffmpeg(out))
    assert counted(out) == OUTCOMES[script.stem]


def decoded(path, pixel_format):
    """The samples of every frame, row by row without padding."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray() for frame in file.decode(stream)]
        assert stream.codec_context.pix_fmt == pixel_format
    return [frame.tobytes() for frame in frames]


@pytest.mark.parametrize("encoder", [x264, ffmpeg])
@pytest.mark.parametrize(("pixel_format", "depth"), [("yuv420p", 8), ("yuv420p10le", 10)])
@pytest.mark.parametrize(("factor", "kept"), [("2", (2, 1)), ("5/2", (5, 2))])
def test_original_frames_arrive_byte_for_byte(
    environment, tmp_path, pixel_format, depth, encoder, factor, kept
):
    """Through vspipe and a lossless encoder, in the format that the source has."""
    source, out = draw_source(tmp_path / "in.mkv", pixel_format), tmp_path / "out.mkv"
    script = next(path for path in EXAMPLES if path.stem == "any_factor")
    lossless = encoder(out, lossless_depth=depth)
    pipe(environment, script, {"source": source, "factor": factor}, lossless)
    originals, frames = decoded(source, pixel_format), decoded(out, pixel_format)
    assert len(originals) == FRAMES
    assert frames[:: kept[0]] == originals[:: kept[1]]
    assert frames[1] not in originals


def alone(environment, name, *arguments):
    """Runs `vspipe` on an example without an encoder."""
    script = next(path for path in EXAMPLES if path.stem == name)
    command = [SCRIPTS / "vspipe", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True)


def test_the_pipe_begins_with_the_y4m_header(environment, source):
    done = alone(environment, "double", "--arg", f"source={source}", "-", "-c", "y4m")
    assert done.stdout.startswith(b"YUV4MPEG2 C420")
    assert done.stdout.count(b"FRAME\n") >= 24


def test_an_error_in_a_script_is_one_line_and_no_frame(environment, source):
    arguments = ("--arg", f"source={source}", "--arg", "factor=0", "-")
    done = alone(environment, "any_factor", *arguments)
    assert done.returncode != 0
    assert done.stdout == b""
    assert b"rife: factor must be a positive int" in done.stderr
