"""A render in progress: the folder beside its output that holds what is done.

.OUT.segments/
    manifest.json       what is rendered, and where it is cut (`manifest`)
    index.0.bsindex     BestSource's index of the source
    00000.nut           a finished segment
    00000.json          its receipt: a segment without one counts as not made
    joining             images are being put where they belong
    address             where segments are shared, if not here (`shared`)
    lock                held by the process that renders
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vsrife.errors import MediaError, RifeError
from vsrife.media.parts import unwritable
from vsrife.messages import note
from vsrife.rendering.jobs import manifest as files
from vsrife.rendering.jobs import task_file
from vsrife.rendering.jobs.claims import Claims, Folder
from vsrife.rendering.jobs.identity import differences, of_file
from vsrife.rendering.jobs.manifest import Manifest, Receipt
from vsrife.rendering.jobs.shared import Shared, address_of
from vsrife.system import moving

_LOCK, _JOINING, _ADDRESS = "lock", "joining", "address"
_LONGEST_STEM = 40  # characters; a name has at most 255 bytes, and a character up to 4


def folder_of(target: Path) -> Path:
    """The folder for the segments of an output."""
    target = target.resolve()
    stem = target.stem
    if len(stem) > _LONGEST_STEM:
        mark = hashlib.sha256(target.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        stem = f"{stem[:_LONGEST_STEM]}-{mark}"
    return target.with_name(f".{stem}{target.suffix[:8]}.segments")


class Job:
    """The open folder of a render. plan: its manifest, once there is one.

    shared: where others find it, if not in the folder. joins: whether this process joins the film,
    and gets all segments from there.
    """

    def __init__(self, folder: Path, shared: Shared | None = None, *, joins: bool = True) -> None:
        self.folder, self.shared, self._joins = folder, shared, joins
        self.plan: Manifest | None = None
        self._done: set[int] = set()  # read once: there may be thousands

    def resume(self, identity: dict[str, str]) -> None:
        """Take up what an earlier run has left, if it was the same render; else start anew."""
        if not (self.folder / files.NAME).exists():
            _empty(self.folder)  # a first pass that did not end, perhaps of another film
            return
        found = files.load(self.folder)
        if found is None:
            other = files.is_of_another_vsrife(self.folder)
            reason = "is of another version of vsrife" if other else "cannot be read"
            self._start_anew(f"its manifest {reason}")
            return
        changed = differences(found.identity, identity)
        if changed:
            self._start_anew(f"{', '.join(changed)} changed since")
            return
        self.plan = found
        self._check_segments(found)

    def begin(self, plan: Manifest) -> None:
        files.save(plan, self.folder)
        self.plan = plan

    def share(self, address: str) -> None:
        """Put what workers need at an address, and what they have made into this folder."""
        plan = self.folder / files.NAME
        there = address_of(address, self.folder, plan.read_bytes())
        known = self.folder / _ADDRESS
        if known.exists() and known.read_text(encoding="utf-8") != there:
            _forget(self.folder)
        known.write_text(there, encoding="utf-8")
        receipts = [self.path(segment, ".json") for segment in self.done()]
        self.shared = Shared(there)
        self.shared.push(self.folder / task_file.NAME, *receipts, plan)

    @property
    def place(self) -> str:
        """What another process joins: the address, or the folder."""
        return str(self.folder.resolve()) if self.shared is None else self.shared.address

    def claims(self) -> Claims:
        return Claims(Folder(self.folder) if self.shared is None else self.shared)

    def is_open(self) -> bool:
        """Whether the render goes on, with this plan."""
        if self.shared is None:
            return files.load(self.folder) == self.plan
        return self.shared.has(files.NAME)  # another plan has another address

    def path(self, segment: int, suffix: str = ".nut") -> Path:
        return self.folder / f"{segment:05d}{suffix}"

    def is_done(self, segment: int) -> bool:
        """Whether a segment is finished, as its receipt and its size say."""
        if segment not in self._done and (self._is_here(segment) or self._is_shared(segment)):
            self._done.add(segment)
        return segment in self._done

    def _is_here(self, segment: int) -> bool:
        receipt = files.load_receipt(self.path(segment, ".json"))
        with suppress(OSError):
            return receipt is not None and self.path(segment).stat().st_size == receipt.size
        return False

    def _is_shared(self, segment: int) -> bool:
        """Whether another machine has finished a segment; who joins the film gets it."""
        if self.shared is None or not self.shared.has(self.path(segment, ".json").name):
            return False
        return self._get(self.shared, segment) if self._joins else True

    def _get(self, shared: Shared, segment: int) -> bool:
        got = [self.path(segment, f"{suffix}.got") for suffix in (".nut", ".json")]
        try:
            for path in got:
                shared.pull(path.stem, path)
            receipt = files.load_receipt(got[1])
            if receipt is None or Receipt(got[0].stat().st_size, of_file(got[0])) != receipt:
                note(f"segment {segment} is damaged; it is made anew")
                self.discard(segment)
                return False
            for path in got:
                moving.replace(path, path.with_suffix(""))
        except FileNotFoundError:  # removed meanwhile
            return False
        return True

    def done(self) -> list[int]:
        return [] if self.plan is None else [k for k in self.plan.segments if self.is_done(k)]

    def is_complete(self) -> bool:
        return self.plan is not None and all(map(self.is_done, self.plan.segments))

    def frames_done(self) -> int:
        """Output frames in finished segments."""
        if self.plan is None:
            return 0
        return sum(end - begin for begin, end in map(self.plan.frames, self.done()))

    def size(self) -> int:
        """Bytes of finished segments; of those that are there, if the render has ended."""
        size = 0
        for segment in self.done():
            with suppress(OSError):
                size += self.path(segment).stat().st_size
        return size

    def finish(self, segment: int) -> None:
        """Note that the file of a segment is whole."""
        path = self.path(segment)
        receipt = Receipt(path.stat().st_size, of_file(path))
        files.write_json(
            self.path(segment, ".json"), {"size": receipt.size, "sha256": receipt.sha256}
        )
        if self.shared is not None:
            self.shared.push(path, self.path(segment, ".json"))
            self._done.add(segment)
            if not self._joins:
                path.unlink()

    def discard(self, segment: int) -> None:
        self._done.discard(segment)
        for suffix in (".json", ".nut"):
            with suppress(PermissionError):  # Windows: it is still read; it counts for nothing now
                self.path(segment, suffix).unlink(missing_ok=True)
            if self.shared is not None:
                self.shared.remove(self.path(segment, suffix).name)

    def begin_joining(self) -> None:
        """Note that output may be there from now on, which is ours: see `is_joining`."""
        (self.folder / _JOINING).touch()

    def remove(self) -> None:
        """The output is there: nothing here is needed any more."""
        self.plan = None

    @property
    def worth_keeping(self) -> bool:
        """Whether a later run would save work."""
        return self.plan is not None and (len(self.plan.segments) > 1 or bool(self.done()))

    def _check_segments(self, plan: Manifest) -> None:
        """Discard segments that are damaged; a note for each."""
        for segment in plan.segments:
            receipt = files.load_receipt(self.path(segment, ".json"))
            path = self.path(segment)
            if receipt is None:
                self.discard(segment)  # not finished
            elif not path.is_file():
                note(f"segment {segment} is missing; it is made anew")
                self.discard(segment)
            elif path.stat().st_size != receipt.size or of_file(path) != receipt.sha256:
                note(f"segment {segment} is damaged; it is made anew")
                self.discard(segment)

    def _start_anew(self, reason: str) -> None:
        note(f"{self.folder} is of another render ({reason}); starting anew")
        _empty(self.folder)


@contextmanager
def opened(target: Path) -> Iterator[Job]:
    """The job of an output, for this process alone; MediaError if another one renders it.

    The folder is removed at the end, unless that would lose work.
    """
    from filelock import FileLock, Timeout

    folder = folder_of(target)
    try:
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / _LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise MediaError(
            f"another process is rendering {target}; wait for it, choose another name, or help it: "
            f"vsrife render --join {folder}"
        ) from None
    except OSError as error:
        raise unwritable(target, error) from error
    job = Job(folder)
    try:
        yield job
    finally:
        keep = job.worth_keeping
        if not keep:
            _empty(folder)
        if not keep and os.name != "nt":  # Windows does not remove a file that is open
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def is_joining(target: Path) -> bool:
    """Whether a run has ended while it put images of `target` where they belong."""
    return (folder_of(target) / _JOINING).exists()


def clean(target: Path) -> int | None:
    """Remove what a failed render of `target` has left; returns its size in bytes, None if nothing.

    MediaError if a process is rendering it.
    """
    folder = folder_of(target)
    if not folder.is_dir():
        return None
    with opened(target) as job:
        size = sum(path.stat().st_size for path in job.folder.iterdir() if path.is_file())
    return size


def _forget(folder: Path) -> None:
    """Remove what a render has put at an address."""
    address = folder / _ADDRESS
    if address.exists():
        try:
            Shared(address.read_text(encoding="utf-8")).clear()
        except RifeError as error:
            note(f"segments are left there: {error}")


def _empty(folder: Path) -> None:
    _forget(folder)
    for path in list(folder.iterdir()):
        if path.name != _LOCK:
            with suppress(OSError):
                path.unlink()
