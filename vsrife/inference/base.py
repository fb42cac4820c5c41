"""What every backend offers: arrays in, arrays out."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from vsrife.errors import ArgumentError

Planes = Sequence[NDArray[np.generic]]
Note = Callable[[str], None]  # hears what the user should know and is no error


@dataclass(frozen=True)
class EngineOptions:
    """How TensorRT builds engines: vs-rife's trt_* arguments. Sizes are (width, height).

    static: for one size; else for all from `smallest` to `largest`, best at `usual`; workspace:
    bytes, 0 for as much as there is; folder: where engines are kept, None for the usual place.
    """

    static: bool = True
    smallest: tuple[int, int] = (128, 128)
    usual: tuple[int, int] = (1920, 1080)
    largest: tuple[int, int] = (1920, 1080)
    workspace: int = 0
    streams: int | None = None
    level: int | None = None
    folder: str | None = None
    debug: bool = False


@dataclass(frozen=True)
class Hardware:
    """What a network runs on, as the user asked for it.

    device: name, or None to choose the best there is; device_index: which of several; provider: of
    ONNX Runtime; memory_limit: MiB of the device, None for no limit; threads: of the CPU, None for
    as many as suit it; num_streams: new frames that are made at a time; engines: for TensorRT.
    """

    device: str | None = None
    device_index: int = 0
    provider: str | None = None
    memory_limit: int | None = None
    threads: int | None = None
    num_streams: int = 1
    engines: EngineOptions = EngineOptions()


class Device(NamedTuple):
    """kind: "cuda", "cpu" ...; number: which of several, None if the name does not say."""

    kind: str
    number: int | None


def read_device(name: str, kinds: Iterable[str], where: str = "", hint: str = "") -> Device:
    """A device's name, "cuda", "cuda:1" or "cuda.1", in any case; ArgumentError for any other.

    where: added to the list of kinds in the message, such as " with backend='onnx'"; hint: a way
    out, if there is one more.
    """
    kinds = list(kinds)
    match = re.fullmatch(r"([a-z]+)(?:[:.]([0-9]{1,9}))?", name.lower())
    if match is None or match[1] not in kinds:
        several = next((kind for kind in kinds if kind != "cpu"), "cpu")
        raise ArgumentError(
            f"device must be one of {', '.join(kinds)}{where}, with a number if there are several "
            f'such as "{several}:1", not {name!r}{hint}'
        )
    return Device(match[1], None if match[2] is None else int(match[2]))


def silent(text: str) -> None:
    """Default listener: ignores messages."""


@dataclass(frozen=True)
class Settings:
    """How to run a network.

    weights: file; graph: it is a graph, not weights alone; model: name that says which network they
    must be, None to read it off them;
    precision: what the user asked for, None where it follows the frames; half: fp16 weights and
    convolutions; clamp: new pictures stay in 0..1, as vs-rife's do, instead of keeping what goes
    beyond; width, height: pixels of a frame, before padding; note: hears what
    the user should know and is no error; sample: two neighbouring frames, to check by what has been
    compiled, None where there are none.
    """

    weights: Path
    model: str | None
    scale: float
    ensemble: bool
    half: bool
    clamp: bool
    width: int
    height: int
    hardware: Hardware = Hardware()
    graph: bool = False
    precision: str | None = None
    note: Note = field(default=silent, compare=False)
    sample: Callable[[], tuple[Planes, Planes] | None] | None = field(default=None, compare=False)


class Rhythm(NamedTuple):
    """Motion into the left frame, from it into the right one, and on from there.

    As `Session.motion` gives it, perhaps with more or fewer cells beyond the picture; None where
    there is none, beyond a cut or the ends of the clip.
    """

    before: Any
    between: Any
    after: Any


TELLS_ALL = frozenset({"confidence", "motion"})
# Told by a network of three frames: each frame's planes are followed by those of the frame before
# it and of the frame after it, as many again. To all that stands before it they are further planes
BESIDE = "beside"
# What a session may be fed with besides; nothing that stands before it can be
FED = frozenset({"planes", "batches"})
AT_A_TIME = 4  # calls, where a session gains by several


class Session(Protocol):
    """A network on a device, ready for frames of one size. Calls may come from any thread, as many
    at a time as the settings have streams.

    tells: "confidence" if it says how far to trust a frame, "motion" if it has `motion` (files of
    others do neither); `BESIDE` if `prepare` takes frames with those beside them; "planes" if it
    takes `SourcePlanes`, too, and writes them where frames were prepared so; "batches" if it gains
    by several calls at a time, and by a `Timestep` that knows what will be asked for next.
    """

    tells: frozenset[str]

    def prepare(self, planes: Planes) -> Any:
        """What one source frame contributes to all new frames beside it, kept on the device.

        planes: R, G, B as (height, width) arrays, float32 or float16; motion is found on them
        clamped to 0..1. Further planes (alpha) are moved along with them.
        """
        ...

    def interpolate(
        self, left: Any, right: Any, timestep: float, into: Planes, rhythm: Rhythm | None = None
    ) -> float | None:
        """Write the picture at `timestep` (left 0 < timestep < 1 right) into the planes `into`,
        as many as were prepared. Gives how far it can be trusted, 0..1; None if that is unknown.

        rhythm: the pace of the drawing (see `Rhythm`), for sessions that have `motion`.
        """
        ...

    def motion(self, left: Any, right: Any) -> Any:
        """How far what is seen moves from one frame to the next, for `Rhythm`: an array (1, 1,
        rows, columns) of float32, pixels, one for each 8x8 cell of the padded picture."""
        ...


def own_planes(planes: Planes, tells: frozenset[str]) -> Planes:
    """Those of the frame itself, without those of the frames beside it, see `BESIDE`."""
    return planes[: len(planes) // 3] if BESIDE in tells else planes


class Backend(Protocol):
    def open_session(self, settings: Settings) -> Session:
        """ModelError for a bad weights file, ArgumentError for what the network cannot do,
        BackendError for a device that is not there."""
        ...


class _Cell:
    """Where one value is made, by who comes first, while the others wait."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made = False
        self.value: Any = None


@dataclass(eq=False)
class Recent[Value]:
    """The most recently used values by key, at most `size`: bounded under any order of use.

    Each is made once, also where several threads ask for it at a time.
    """

    size: int
    _cells: OrderedDict[Hashable, _Cell] = field(default_factory=OrderedDict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        with self._lock:
            cell = self._cells.setdefault(key, _Cell())
            self._cells.move_to_end(key)
            if len(self._cells) > self.size:
                self._cells.popitem(last=False)
        with cell.lock:
            if not cell.made:
                cell.value = make()
                cell.made = True
            value: Value = cell.value
            return value


class Shared[Value]:
    """Values by key that live as long as somebody else uses them. Made once, by one thread."""

    def __init__(self) -> None:
        self._values: WeakValueDictionary[Hashable, Value] = WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        with self._lock:
            value = self._values.get(key)
            if value is None:
                value = self._values[key] = make()
            return value

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> list[tuple[Hashable, Value]]:
        return list(self._values.items())


def identity(settings: Settings, **alike: Any) -> Hashable:
    """What makes two filters use the same network: settings, and the file as it is now.

    alike: settings in which they may differ, with a value for all. Neither clamping nor listeners
    are part of the network, `half` is what precision asks for, and the key outlives the clip that
    `sample` reads.
    """
    stamp = settings.weights.stat()
    same = replace(settings, clamp=True, precision=None, note=silent, sample=None, **alike)
    return stamp.st_mtime_ns, stamp.st_size, same
