"""Scripts of the user before and after rife(): `clip` goes in, and comes out."""

from __future__ import annotations

import runpy
from contextlib import redirect_stdout
from fractions import Fraction
from pathlib import Path

import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.timestamps import Times, constant_times
from vsrife.messages import Voice, one_line


def run_script(path: Path, clip: vs.VideoNode, times: Times) -> tuple[vs.VideoNode, Times]:
    """Run a script with `clip` as a global name; return what it has made of it, and its times.

    A clip with another number of frames is timed by its own rate. What the script prints goes to
    stderr. MediaError, in one line, for a script that fails or gives no clip.
    """
    names = {"clip": clip, "vs": vs, "core": vs.core}
    try:
        with redirect_stdout(Voice()):
            found = runpy.run_path(str(path), init_globals=names)
    except Exception as error:
        where, said = _line_of(error, path), str(error)
        if isinstance(error, SyntaxError):
            said = error.msg  # without the file and the line, which are said already
        raise MediaError(f"{path}{where}: {type(error).__name__}: {one_line(said)}") from error
    except SystemExit as error:
        raise MediaError(f"{path} has called exit; it must only make `clip`") from error
    made = found.get("clip")
    if not isinstance(made, vs.VideoNode):
        raise MediaError(f"{path} leaves no clip in `clip`, but {type(made).__name__}")
    return made, _timed(path, made, times)


def _timed(path: Path, made: vs.VideoNode, times: Times) -> Times:
    if made.num_frames == len(times.ticks) - 1:
        return times
    if not made.fps:
        raise MediaError(
            f"{path} changes the number of frames to {made.num_frames} and gives no frame rate; "
            "end it with clip.std.AssumeFPS"
        )
    return constant_times(Fraction(made.fps), made.num_frames, times.ticks[0] * times.base)


def _line_of(error: BaseException, path: Path) -> str:
    """Which line of the script failed."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f", line {error.lineno}"
    found, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return found
