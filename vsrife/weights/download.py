"""Fetches one file: mirrors in order, retries, resume, hard limits.

Nothing is written beyond the announced size, nothing is decompressed, and a file is used only if
`accept` takes it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife import messages
from vsrife.errors import ModelError
from vsrife.weights.folders import disk_error
from vsrife.weights.http import (
    IN_RANGE,
    AgainError,
    Client,
    Patience,
    RefusedError,
    continues,
    validator,
)
from vsrife.weights.readers.safetensors import LIMIT

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 1 << 16  # bytes


@dataclass(frozen=True)
class Listener:
    """Receives messages: `note` a line of text, `progress` bytes done and in total."""

    note: Callable[[str], None]
    progress: Callable[[int, int], None]


def stderr_listener(file: str) -> Listener:
    """Lines on stderr, one for each tenth; none if there is no stderr, as in a GUI."""
    tenths = -1

    def progress(done: int, total: int) -> None:
        nonlocal tenths
        if done * 10 // total != tenths:
            tenths = done * 10 // total
            messages.say(f"{file}: {done / 1e6:.1f} of {total / 1e6:.1f} MB")

    return Listener(messages.say, progress)


def fetch_file[Result](
    sources: Sequence[str],
    folder: Path,
    file: str,
    accept: Callable[[Path, str], Result],
    *,
    size: int | None = None,
    listener: Listener,
    patience: Patience | None = None,
) -> Result:
    """Fetch from the first source whose file `accept(path, source)` takes; its result is returned.

    folder: for the temporary file, which stays if the connection fails, to be resumed, and is
    removed otherwise. size: bytes, if known. ModelError, with the reason of every mirror, if none
    has the file.
    """
    reasons = []
    for source in sources:
        download = _Download(source, folder, file, size, listener, patience or Patience())
        try:
            part = download.run()
            try:
                return accept(part, source)
            except ModelError as error:
                raise RefusedError(str(error).replace(str(part), file)) from error
            finally:
                part.unlink(missing_ok=True)
        except RefusedError as refusal:
            reasons.append(f"{source}: {refusal}")
            listener.note(reasons[-1])
        except OSError as error:
            raise disk_error(folder, file, error) from error
    raise ModelError(f"{file} could not be fetched: {'; '.join(reasons) or 'it has no address'}")


class _Download:
    """One file from one source."""

    def __init__(
        self,
        source: str,
        folder: Path,
        file: str,
        size: int | None,
        listener: Listener,
        patience: Patience,
    ) -> None:
        self._source, self._folder, self._file, self._size = source, folder, file, size
        self._listener, self._patience = listener, patience
        self._client = Client(patience)
        self._place = _short_hash(source)

    def run(self) -> Path:
        """The whole file under a temporary name."""
        try:
            return self._persistently()
        finally:
            self._client.close()

    def _persistently(self) -> Path:
        wait = self._patience.backoff
        for attempt in range(1, self._patience.attempts + 1):
            try:
                return self._attempt()
            except AgainError as failure:
                longest = self._patience.longest_wait
                if failure.wait is not None and failure.wait > longest:
                    raise RefusedError(
                        f"{failure}, and asks to wait {failure.wait:.0f} s"
                    ) from failure
                if attempt == self._patience.attempts or (not failure.connected and attempt == 2):
                    raise RefusedError(f"{failure} ({attempt} attempts)") from failure
                pause = min(wait if failure.wait is None else failure.wait, longest)
                self._listener.note(f"{self._source}: {failure}; again in {pause:.0f} s")
                self._patience.sleep(pause)
                wait *= 2
        raise RefusedError("no attempts allowed")

    def _attempt(self) -> Path:
        response = self._client.open(self._source, {})
        try:
            total = self._announced(response)
            part = self._folder / f".{self._file}.{self._mark(response, total)}.part"
            have = self._resumable(part, total)
            if have < total:
                _check_room(self._folder, total - have)
            if 0 < have < total:
                self._listener.note(f"{self._file}: resuming at {have} of {total} bytes")
                response.close()
                try:
                    response = self._rest(have, validator(response))
                    if not continues(response, have, total):
                        have = 0
                        if response.status == IN_RANGE or self._announced(response) != total:
                            raise RefusedError("another part than was asked for")
                except RefusedError as refusal:
                    part.unlink(missing_ok=True)
                    raise AgainError(f"cannot resume ({refusal})") from refusal
            if have < total:
                self._receive(response, part, have, total)
            return part
        finally:
            response.close()

    def _rest(self, have: int, same: str) -> BaseHTTPResponse:
        headers = {"Range": f"bytes={have}-"} | ({"If-Range": same} if same else {})
        return self._client.open(self._source, headers)

    def _announced(self, response: BaseHTTPResponse) -> int:
        """Bytes of the whole file, as the server says; RefusedError if that cannot be right."""
        kind = response.headers.get("Content-Type", "").lower()
        if kind.startswith(("text/html", "application/xhtml")):
            raise RefusedError("sends a web page instead of the file")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RefusedError("sends the file compressed, which was not asked for")
        text = response.headers.get("Content-Length")
        if text is None and self._size is None:
            raise RefusedError("does not say how large the file is")
        if (text is not None and not text.isascii()) or not (text or "0").isdecimal():
            raise RefusedError("does not say how large the file is")
        total = self._size or 0 if text is None else int(text[:20])
        if self._size is not None and total != self._size:
            raise RefusedError(f"announces {total} bytes, the file has {self._size}")
        if not 0 < total <= LIMIT:
            raise RefusedError(f"announces {total} bytes; weights have up to {LIMIT}")
        return total

    def _mark(self, response: BaseHTTPResponse, total: int) -> str:
        """Tells temporary files apart: a part is only continued with bytes of the same file."""
        return f"{self._place}{_short_hash(f'{validator(response)} {total}')}"

    def _resumable(self, part: Path, total: int) -> int:
        """Bytes of an earlier attempt that can be kept; parts of other versions are removed."""
        for other in self._folder.glob(f".{self._file}.{self._place}*.part"):
            if other != part:
                other.unlink(missing_ok=True)
        if part.is_symlink() or (part.exists() and not part.is_file()):
            raise RefusedError(f"{part} is no file of ours; remove it")
        have = part.stat().st_size if part.exists() else 0
        if have > total:
            part.unlink()
            have = 0
        return have

    def _receive(self, response: BaseHTTPResponse, part: Path, have: int, total: int) -> None:
        """Write the rest of the body after the first `have` bytes of `part`."""
        from urllib3.exceptions import HTTPError

        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        clock, patience = self._patience.clock, self._patience
        since, before, excess = clock(), have, False
        with open(os.open(part, flags, 0o644), "wb") as file:
            file.truncate(have)
            file.seek(have)
            while True:
                try:
                    # read1: returns what has arrived, so that a trickle is noticed
                    piece = response.read1(_PIECE)
                except (HTTPError, OSError) as error:
                    raise AgainError(f"broke off after {have} of {total} bytes") from error
                excess = have + len(piece) > total
                if not piece or excess:
                    break
                file.write(piece)
                have += len(piece)
                self._listener.progress(have, total)
                if clock() - since > patience.read:
                    if have - before < patience.slowest * patience.read:
                        raise AgainError(f"is too slow, {have} of {total} bytes so far")
                    since, before = clock(), have
        if excess:
            part.unlink()
            raise RefusedError(f"sends more than the {total} bytes of the file")
        if have < total:
            raise AgainError(f"broke off after {have} of {total} bytes")


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _check_room(folder: Path, missing: int) -> None:
    # the converted file needs as much again
    if shutil.disk_usage(folder).free < 2 * missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
