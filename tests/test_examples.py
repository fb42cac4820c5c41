"""Every example, through a real vspipe into real encoders, as people run them.

A vspipe takes seconds to start. So all examples run in one process here, and each through a vspipe
of its own in `.ci/slow`.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.vpy"))
FRAMES, FEW, RATE = 8, 4, Fraction(24000, 1001)
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Environment variables for vspipe, configured as its own program asks for."""
    folder = tmp_path_factory.mktemp("vapoursynth")
    env = os.environ | {"XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    env["VSRIFE_CACHE_DIR"] = str(folder / "graphs")  # a graph is compiled once for all of them
    subprocess.run([SCRIPTS / "vapoursynth", "config"], env=env, check=True, capture_output=True)
    return env


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return draw_source(tmp_path_factory.mktemp("source") / "in.mkv", "yuv420p")


def draw_source(path, pixel_format, frames=FRAMES):
    """A short H.264 clip: a bright square that moves over a dark ramp."""
    ramp = np.linspace(20, 90, 96, dtype=np.uint8)
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        for n in range(frames):
            image = np.broadcast_to(ramp[None, :, None], (64, 96, 3)).copy()
            image[20:40, 5 + 4 * n : 25 + 4 * n] = 230
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    return path


def pipe(environment, script, arguments, encoder, container="y4m"):
    """Runs `vspipe script - -c y4m | encoder`; both must succeed."""
    options = [part for pair in arguments.items() for part in ("--arg", "{}={}".format(*pair))]
    with subprocess.Popen(
        [SCRIPTS / "vspipe", script, *options, "-", "-c", container],
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


# Factors 4/5 and 5/2 are counted in both encoders below, where the originals arrive
@pytest.mark.slow
@pytest.mark.parametrize("encoder", [x264, ffmpeg])
@pytest.mark.parametrize(
    ("factor", "frames"), [("1001/400", 21), ("4/5", 7), ("2", 16), ("5/2", 20)]
)
def test_every_frame_arrives_in_the_encoder(environment, source, tmp_path, factor, frames, encoder):
    out = tmp_path / "out.mkv"
    script = next(path for path in EXAMPLES if path.stem == "any_factor")
    pipe(environment, script, {"source": source, "factor": factor}, encoder(out))
    assert counted(out) == (frames, RATE * Fraction(factor))


# example -> how many frames come out for one, and their rate
OUTCOMES = {
    "any_factor": (2, RATE * 2),
    "double": (2, RATE * 2),
    "from_vs_rife": (2, RATE * 2),
    "in_rgb": (2, RATE * 2),
    "slow_motion": (4, RATE),
    "to_60_fps": (60 / RATE, Fraction(60)),
    "anime": (2, RATE * 2),
    "hdr": (2, RATE * 2),
    "mask": (2, RATE * 2),
    "motion_blur": (2, RATE * 2),
    "play": (2, RATE * 2),
    "two_devices": (2, RATE * 2),
    "uhd": (2, RATE * 2),
    "upscale": (2, RATE * 2),
}
APART = {"scene_list", "variable_rate"}  # in tests of their own, below
# As vs-mlrt's own Python module, with a filter of the core for the network: it needs a GPU
STAND_IN = """
class Backend:
    ORT_CUDA = object

class RealESRGANModel:
    animevideov3 = 0

def RealESRGAN(clip, model, scale, backend):
    return clip.resize.Bicubic(clip.width * scale, clip.height * scale)
"""


def test_every_script_has_an_outcome_or_a_test():
    assert {path.stem for path in EXAMPLES} == set(OUTCOMES) | APART


@pytest.fixture(scope="module")
def called(tmp_path_factory, weights):
    """What examples are given, and where `import vsmlrt` finds a module: ffmpeg stands in for mpv,
    the CPU twice for two GPUs, and `STAND_IN` for vs-mlrt."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "vsmlrt.py").write_text(STAND_IN, encoding="utf-8")
    return {"factor": "2", "model": str(weights("4.25")), "devices": "cpu,cpu"}, str(folder)


def check_outcome(name, path, frames):
    factor, rate = OUTCOMES[name]
    assert counted(path) == (ceil(frames * factor), rate)
    with av.open(path) as file:
        stream = file.streams.video[0]
        size = 2 if name == "upscale" else 1
        assert (stream.width, stream.height) == (96 * size, 64 * size)


# As vspipe does it: arguments are globals, and what is set as output is written as y4m. By ONNX
# Runtime, which compiles a graph ten times as soon as OpenVINO; that runs in all others here
ALL_EXAMPLES = """
import runpy, sys
import vapoursynth as vs
from vsrife.inference import select
select.ON_CPU = ("onnx", "openvino", "pytorch")
modules, folder, arguments, scripts = {given!r}
sys.path.insert(0, modules)
for name, script in scripts.items():
    runpy.run_path(script, arguments, "__vapoursynth__")
    with open(f"{{folder}}/{{name}}.y4m", "wb") as file:
        vs.get_output(0).clip.output(file, y4m=True)
    vs.clear_outputs()
"""


@pytest.fixture(scope="module")
def written(environment, called, tmp_path_factory):
    """The folder of a y4m file for every example, all written by one process."""
    (arguments, modules), folder = called, tmp_path_factory.mktemp("y4m")
    source = draw_source(folder / "in.mkv", "yuv420p", FEW)
    scripts = {path.stem: str(path) for path in EXAMPLES if path.stem in OUTCOMES}
    given = modules, str(folder), arguments | {"source": str(source)}, scripts
    command = [sys.executable, "-c", ALL_EXAMPLES.format(given=given)]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_example_does_what_it_says(written, name):
    check_outcome(name, written / f"{name}.y4m", FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTCOMES)
def test_so_does_each_through_a_vspipe_of_its_own(environment, source, called, tmp_path, name):
    (arguments, modules), out = called, tmp_path / "out.mkv"
    path = os.pathsep.join(filter(None, [modules, environment.get("PYTHONPATH")]))
    script = next(path for path in EXAMPLES if path.stem == name)
    arguments = arguments | {"source": source}
    pipe(environment | {"PYTHONPATH": path}, script, arguments, ffmpeg(out))
    check_outcome(name, out, FRAMES)


def test_a_rate_that_varies_arrives_through_matroska(environment, tmp_path):
    """Frames of 1 and of 3 ticks in turn; each becomes two of half its duration."""
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    times = [0, 1, 4, 5, 8, 9]  # in 1 / 20 s
    with av.open(source, "w") as file:
        stream = file.add_stream("ffv1", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 20)
        for n, time in enumerate(times):
            image = np.full((48, 64, 3), 40, np.uint8)
            image[10:30, 4 + 5 * n : 24 + 5 * n] = 220
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 20)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    script = next(path for path in EXAMPLES if path.stem == "variable_rate")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "-"]
    encoder = [*command, "-c:v", "ffv1", "-fps_mode", "passthrough", out]
    pipe(environment, script, {"source": source}, encoder, container="mkv")
    with av.open(out) as file:
        seen = [float(frame.time) for frame in file.decode(video=0)]
    wanted = [t for a, b in pairwise(times) for t in (a / 20, (a + b) / 40)]
    assert seen[: len(wanted)] == pytest.approx(wanted, abs=0.002)  # Matroska counts in 1 ms
    assert len(seen) == 12


def test_nothing_is_made_across_the_cuts_of_a_list(environment, source, tmp_path):
    scenes = tmp_path / "cuts.txt"
    scenes.write_text("0\n4\n")
    lossless = ffmpeg(tmp_path / "out.mkv", lossless_depth=8)
    script = next(path for path in EXAMPLES if path.stem == "scene_list")
    pipe(environment, script, {"source": source, "scenes": scenes}, lossless)
    frames = decoded(tmp_path / "out.mkv", "yuv420p")
    assert [n for n in range(1, 15, 2) if frames[n] == frames[n - 1]] == [7]


FRAME = 96 * 64 * 3 // 2  # bytes of 4:2:0 with 8 bits


@pytest.fixture(scope="module")
def whole(environment, source):
    """What `vspipe double.vpy - -c y4m` writes: its first line, and the frames."""
    done = alone(environment, "double", "--arg", f"source={source}", "-", "-c", "y4m")
    header, _, rest = done.stdout.partition(b"\n")
    return header, rest


def test_the_pipe_is_a_y4m_header_and_frames(whole):
    header, rest = whole
    assert header.startswith(b"YUV4MPEG2 C420")
    assert len(rest) == 16 * (len(b"FRAME\n") + FRAME)
    assert {rest[at : at + 6] for at in range(0, len(rest), 6 + FRAME)} == {b"FRAME\n"}


def test_a_chunk_is_a_part_of_the_whole(environment, source, whole):
    """As Av1an cuts a script: `vspipe -s -e`, here for the second of three chunks."""
    chunk = alone(environment, "double", "--arg", f"source={source}", "-s", "5", "-e", "11", "-")
    assert chunk.returncode == 0
    _, rest = whole
    frames = [rest[at : at + FRAME] for at in range(6, len(rest), 6 + FRAME)]
    assert chunk.stdout == b"".join(frames[5:12])
    assert len(set(frames)) == 15  # one for another would be seen; the last has none to move to


@pytest.mark.parametrize("parts", [2, pytest.param(None, marks=pytest.mark.slow)])
def test_the_script_for_chunks_joins_them(environment, source, tmp_path, monkeypatch, parts):
    """With two parts by its function; as it is in `.ci/slow`."""
    program = tmp_path / ("ffmpeg.exe" if os.name == "nt" else "ffmpeg")
    try:
        program.symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    except OSError:  # Windows allows it to few
        shutil.copy(imageio_ffmpeg.get_ffmpeg_exe(), program)
    folders = os.pathsep.join([str(tmp_path), str(SCRIPTS), os.environ.get("PATH", "")])
    for name, value in (environment | {"PATH": folders}).items():
        monkeypatch.setenv(name, value)
    examples, out = EXAMPLES[0].parent, tmp_path / "out.mkv"
    words = [str(path) for path in (examples / "double.vpy", source, out)]
    if parts:
        spec = importlib.util.spec_from_file_location("chunks", examples / "chunks.py")
        chunks = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(chunks)
        monkeypatch.setattr(chunks, "PARTS", parts)
        chunks.main(*words)
    else:
        subprocess.run([sys.executable, examples / "chunks.py", *words], check=True)
    assert counted(out)[0] == 16


def decoded(path, pixel_format):
    """The samples of every frame, row by row without padding."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray() for frame in file.decode(stream)]
        assert stream.codec_context.pix_fmt == pixel_format
    return [frame.tobytes() for frame in frames]


# Each choice once; all of them in `.ci/slow`
@pytest.mark.parametrize(
    ("encoder", "pixel_format", "depth", "factor", "kept"),
    [
        (x264, "yuv420p", 8, "5/2", (5, 2)),
        (ffmpeg, "yuv420p10le", 10, "4/5", (4, 5)),
        *(
            pytest.param(encoder, pixel_format, depth, factor, kept, marks=pytest.mark.slow)
            for encoder in (x264, ffmpeg)
            for pixel_format, depth in (("yuv420p", 8), ("yuv420p10le", 10))
            for factor, kept in (("2", (2, 1)), ("5/2", (5, 2)))
            if (encoder, depth, factor) != (x264, 8, "5/2")
        ),
    ],
)
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
    assert counted(out) == (ceil(FRAMES * Fraction(factor)), RATE * Fraction(factor))
    assert frames[:: kept[0]] == originals[:: kept[1]]
    assert frames[1] not in originals


def alone(environment, name, *arguments):
    """Runs `vspipe` on an example without an encoder."""
    script = next(path for path in EXAMPLES if path.stem == name)
    command = [SCRIPTS / "vspipe", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True)


def test_an_error_in_a_script_is_one_line_and_no_frame(environment, source):
    arguments = ("--arg", f"source={source}", "--arg", "factor=0", "-")
    done = alone(environment, "any_factor", *arguments)
    assert done.returncode != 0
    assert done.stdout == b""
    assert b"rife: factor must be a positive int" in done.stderr
