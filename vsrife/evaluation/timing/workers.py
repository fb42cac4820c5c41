"""Contenders in processes of their own: they share no threads, no memory and no libraries."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import vapoursynth as vs

from vsrife.errors import BackendError, printable
from vsrife.messages import one_line

_SCRIPT = Path(__file__).with_name("worker.py")
_OURS = str(Path(__file__).parents[3])


@dataclass(frozen=True)
class Contender:
    """kind: "vsrife", "vs-rife" or "vs-mlrt"; options: of its function in `worker`; python: whose
    environment it runs in; paths: folders in which that Python looks first."""

    kind: str
    options: Mapping[str, Any]
    python: str = sys.executable
    paths: Sequence[str] = (_OURS,)


class Worker:
    """A running contender, ready when `first` is known: seconds from its start to its first new
    frame, imports included. A call makes one new frame and the source frame after it.

    BackendError, with what it said last, when it cannot start or has died.
    """

    def __init__(self, name: str, contender: Contender, clip: Path, rounds: int) -> None:
        self._name, self._said = name, tempfile.TemporaryFile()  # noqa: SIM115 -- until it ends
        asked = {
            "kind": contender.kind,
            "paths": list(contender.paths),
            "clip": str(clip),
            "rounds": rounds,
            "options": dict(contender.options),
        }
        started = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                # -P: modules beside the script are none of its imports
                [contender.python, "-P", str(_SCRIPT), json.dumps(asked)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
            )
        except OSError as error:
            self._said.close()
            raise BackendError(f"{name}: {contender.python} cannot be run ({error})") from error
        try:
            self._read()
        except BaseException:
            self.close()
            raise
        self.first = time.perf_counter() - started

    def __call__(self) -> None:
        self._ask("frame")

    def random(self) -> float:
        """Median seconds of a new frame at a random place."""
        return float(self._ask("random"))

    def cpu(self) -> float:
        """CPU seconds of a call so far, mean, all threads together."""
        return float(self._ask("cpu"))

    def memory(self) -> int | None:
        """Bytes at the most so far, None where that is not told."""
        found = self._ask("memory")
        return None if found is None else int(found)

    def _ask(self, what: str) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(what + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._error() from error
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._error()
        return json.loads(line)

    def _error(self) -> BackendError:
        self._process.wait()
        self._said.seek(0)
        text = self._said.read().decode("utf-8", "replace").strip()
        last = one_line(text.splitlines()[-1]) if text else f"code {self._process.returncode}"
        return BackendError(f"{self._name} ended: {printable(last)}")

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # it died with a line unread
                    stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def write_clip(clip: vs.VideoNode, path: Path) -> None:
    """The frames of a YUV420P8 clip, for `worker`."""
    frames = [[np.array(frame[plane]) for plane in range(3)] for frame in clip.frames(close=True)]
    planes: dict[str, Any] = {
        f"plane{n}": np.stack([frame[n] for frame in frames]) for n in range(3)
    }
    np.savez(path, **planes)
