"""FFmpeg's minterpolate filter, from the program that imageio-ffmpeg brings."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from vsrife.errors import BackendError
from vsrife.evaluation.clips import clip_of
from vsrife.evaluation.film import Film, Picture

# Its best settings: motion both ways for each block, overlapping blocks of any shape
OPTIONS = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=none"
_EIGHT_BITS = {(0, 0): vs.YUV444P8, (1, 0): vs.YUV422P8, (1, 1): vs.YUV420P8}


def minterpolate(film: Film) -> Iterator[Picture]:
    """In 8 bits: the filter takes no more."""
    clip = film.kept_yuv
    fmt = clip.format
    sampling = (fmt.subsampling_w, fmt.subsampling_h)
    if fmt.bits_per_sample > 8:
        clip = clip.resize.Point(format=_EIGHT_BITS[sampling])
    name = {(0, 0): "yuv444p", (1, 0): "yuv422p", (1, 1): "yuv420p"}[sampling]
    with tempfile.TemporaryFile() as target:
        _run(clip, name, target, film.factor)
        made = _frames(clip, target, film.left_out)
        yield from film.pictures(made.std.CopyFrameProps(clip))


def _run(clip: vs.VideoNode, pixel_format: str, target: IO[bytes], factor: int) -> None:
    import imageio_ffmpeg

    raw = ["-f", "rawvideo", "-pix_fmt", pixel_format]
    size = ["-s", f"{clip.width}x{clip.height}", "-r", "25"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *raw, *size, "-i", "-"]
    command += ["-vf", f"minterpolate=fps={25 * factor}:{OPTIONS}", *raw, "-"]
    # the last frame twice: the filter makes nothing after the last but one
    numbers = [*range(clip.num_frames), clip.num_frames - 1]
    with tempfile.TemporaryFile() as words:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=target, stderr=words
        ) as process:
            assert process.stdin is not None
            # if it ends early, its stderr says why
            with contextlib.suppress(OSError):
                _feed(clip, numbers, process.stdin)
            with contextlib.suppress(OSError):
                process.stdin.close()
        if process.returncode:
            words.seek(0)
            reason = words.read().decode(errors="replace").strip().rsplit("\n", 1)[-1]
            raise BackendError(f"minterpolate failed: {reason}; leave it out of --against")


def _feed(clip: vs.VideoNode, numbers: list[int], pipe: IO[bytes]) -> None:
    for n in numbers:
        with clip.get_frame(n) as frame:
            for plane in range(3):
                pipe.write(np.ascontiguousarray(frame[plane]))


def _frames(clip: vs.VideoNode, raw: IO[bytes], numbers: list[int]) -> vs.VideoNode:
    """The frames with these numbers of the film in `raw`, which has the format of `clip`."""
    with clip.get_frame(0) as frame:
        shapes = [np.asarray(frame[plane]).shape for plane in range(3)]
    samples = np.memmap(raw, np.uint8, "r")
    ends = np.cumsum([height * width for height, width in shapes])
    if len(samples) // ends[-1] <= numbers[-1]:
        raise BackendError("minterpolate gave too few frames; leave it out of --against")

    def planes(n: int) -> list[NDArray[np.uint8]]:
        picture = samples[numbers[n] * ends[-1] :][: ends[-1]]
        parts = np.split(picture, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    return clip_of(planes, clip.std.BlankClip(length=len(numbers), keep=True))
