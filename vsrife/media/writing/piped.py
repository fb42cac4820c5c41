"""A film encoded by a program of the user, which reads y4m on its stdin."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import vapoursynth as vs

from vsrife.errors import MediaError, printable
from vsrife.media.writing.pipe_command import filled

_SIZE = (320, 192)  # some encoders refuse smaller frames
_LAST = 2000  # bytes of what the program said that are looked at


def encode(
    clip: vs.VideoNode,
    command: tuple[str, ...],
    out: Path,
    rate: Fraction,
    on_frame: Callable[[int], None],
) -> None:
    """Run `command` (see `pipe_command.words`) on `clip`, which is YUV of constant format.

    out: the file that {out} names; {width}, {height}, {fps} and {frames} are replaced as well.
    MediaError if the program ends with an error or writes no file.
    """
    clip = clip.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)
    values = {
        "out": str(out.absolute()), "width": str(clip.width), "height": str(clip.height),
        "fps": f"{rate.numerator}/{rate.denominator}", "frames": str(clip.num_frames),
    }  # fmt: skip
    name = Path(command[0]).name
    with tempfile.TemporaryFile() as said:
        with _running(filled(command, values), said) as process:
            broken = _feed(clip, process, on_frame)
        code = process.returncode
        last = _last_line(said)
    if code:
        raise MediaError(f"{name} ended with exit code {code}: {last}")
    if broken:
        raise MediaError(f"{name} ended before it had read all frames: {last}")
    if not out.exists() or not out.stat().st_size:
        raise MediaError(f"{name} wrote nothing into {{out}}; is {{out}} where its file belongs?")


def try_out(command: tuple[str, ...]) -> None:
    """Run `command` on two small grey frames; MediaError if it does not encode them."""
    clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=_SIZE[0], height=_SIZE[1], length=2)
    with tempfile.TemporaryDirectory(prefix="vsrife-") as folder:
        encode(clip, command, Path(folder) / "film.mkv", Fraction(25), lambda done: None)


def _feed(
    clip: vs.VideoNode, process: subprocess.Popen[bytes], on_frame: Callable[[int], None]
) -> bool:
    """Write the frames; True if the program stopped reading."""
    assert process.stdin is not None
    node: Any = clip  # the stubs of vapoursynth lack output
    try:
        node.output(process.stdin, y4m=True, progress_update=lambda done, _: on_frame(done))
        process.stdin.close()
    except (BrokenPipeError, OSError):
        return True
    return False


@contextmanager
def _running(command: list[str], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The program, with all that it says in `said`; it is ended if the film is not finished."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise MediaError(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        process.wait()


def _last_line(said: IO[bytes]) -> str:
    size = said.seek(0, 2)
    said.seek(max(0, size - _LAST))
    lines = said.read().decode(errors="replace").replace("\r", "\n").splitlines()
    return printable(next((line.strip() for line in reversed(lines) if line.strip()), "no message"))
