"""Makes new frames on a device. All calls come from the one thread that does all work on it."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.inference.arrays import Array, fitted
from vsrife.inference.base import AT_A_TIME, Planes, Recent, Rhythm, Settings
from vsrife.inference.device_path.byte_cache import ByteCache
from vsrife.inference.device_path.conversion import from_picture, to_picture
from vsrife.inference.device_path.replay import Replays, Work, replays_of
from vsrife.inference.device_path.staging import Fetched, staging_of
from vsrife.inference.device_path.tensor_trees import Look, built, flat, joined, look_of, shapes_of
from vsrife.inference.device_path.ways import WAYS, bytes_for_frames
from vsrife.inference.source_planes import Coding
from vsrife.network import cadence
from vsrife.network.module import Network, Outcome
from vsrife.network.table import CADENCE_CELL

_COLOURS = 3


@dataclass(frozen=True, eq=False)  # tensors have no equality of their own
class Prepared:
    """What is kept of a source frame, padded.

    features: what the network reads, in its precision; pictures (1, C, H, W): what it puts together
    if that is more than the three channels it reads, clamped and in its precision.
    """

    features: Any
    pictures: Tensor | None


@dataclass(frozen=True, eq=False)
class Uploaded:
    """A source frame on the device, as its clip stores it; `Prepared` is made of it."""

    planes: tuple[Tensor, ...]
    coding: Coding


type Frame = Prepared | Uploaded


class Wanted(NamedTuple):
    """How a new frame is handed over. coding: None for channels of the network's picture. kind: of
    the first plane, as torch names it."""

    coding: Coding | None
    kind: torch.dtype


class Job(NamedTuple):
    """A new frame. Equal ones are made once."""

    left: Frame
    right: Frame
    timestep: float
    wanted: Wanted


class Maker:
    def __init__(
        self, net: Network, settings: Settings, device: torch.device, dtype: torch.dtype
    ) -> None:
        """dtype: of the network's weights."""
        self._net, self._device, self._dtype = net, device, dtype
        self._clamp = settings.clamp
        self._width, self._height = settings.width, settings.height
        unit = net.pad_unit
        # to the left, to the right, above, below
        self.padding = (0, -settings.width % unit, 0, -settings.height % unit)
        right, below = self.padding[1], self.padding[3]
        self._shape = torch.Size((1, _COLOURS, settings.height + below, settings.width + right))
        self.staging = staging_of(device)
        ways = WAYS[device.type]
        # these networks look at what they have found before they go on
        replays = ways.replays and not net.arch.rescales
        self._replays: Replays | None = replays_of(device, settings.note) if replays else None
        pairs = 2 * AT_A_TIME if ways.batches else 2  # a request may step back
        self._matches = type(net).match is not Network.match
        self._looks: dict[Hashable, Look] = {}
        self._matched = Recent[Tensor | None](pairs)
        self._prepared: ByteCache[Uploaded, Prepared] = ByteCache(
            bytes_for_frames(device), _bytes_of, at_least=2 * AT_A_TIME if ways.batches else 2
        )

    @torch.inference_mode()
    def prepare(self, planes: Planes) -> Prepared:
        # an array of all planes goes up as it is; on the CPU it is changed below
        whole = isinstance(planes, np.ndarray) and self._device.type != "cpu"
        image = torch.from_numpy(planes if whole else np.stack(planes))[None].to(self._device)
        return self._padded(image)

    @torch.inference_mode()
    def upload(self, held: Sequence[Tensor], coding: Coding) -> Uploaded:
        """held: of `staging.hold`."""
        frame = Uploaded(tuple(self.staging.up(held)), coding)
        self._prepared.add(frame, sum(plane.nbytes for plane in frame.planes))
        return frame

    @torch.inference_mode()
    def make(self, jobs: Sequence[Job], rhythm: Rhythm | None = None) -> list[Fetched]:
        """New frames, in the order of jobs; the last of what is fetched is the confidence.

        rhythm: of all of them.
        """
        made: dict[int, Fetched] = {}
        for group in self._groups(jobs):
            found = self._together([jobs[k] for k in group], rhythm)
            made.update(zip(group, found, strict=True))
        return [made[k] for k in range(len(jobs))]

    @torch.inference_mode()
    def motion(self, left: Frame, right: Frame) -> Array:
        outcome: list[Outcome] = []
        matched = self.match(left, right)
        first, second = (self._ready(each).features for each in (left, right))
        self._net.interpolate(first, second, 0.5, outcome=outcome, matched=matched)
        rows, columns = (-(-side // CADENCE_CELL) for side in self._shape[2:])
        # a network that has rescaled has seen a larger picture
        found: Array = cadence.motion(outcome[0][1])[:, :, :rows, :columns].cpu().numpy()
        return found

    @torch.inference_mode()
    def match(self, left: Frame, right: Frame) -> Tensor | None:
        """What all new frames of a pair share, kept for the next one."""
        return self._matched.get((left, right), functools.partial(self._match, left, right))

    def _match(self, left: Frame, right: Frame) -> Tensor | None:
        pair = self._ready(left).features, self._ready(right).features
        if not self._matches:
            return None
        look = look_of(pair)

        def work(tensors: Sequence[Tensor]) -> list[Tensor]:
            return flat(self._net.match(*built(look, tensors)))

        return self._run("match", work, flat(pair))[0]

    def _run(self, key: Hashable, work: Work, inputs: Sequence[Tensor]) -> list[Tensor]:
        return work(inputs) if self._replays is None else self._replays.run(key, work, inputs)

    def _groups(self, jobs: Sequence[Job]) -> Iterator[list[int]]:
        """Jobs that can be one call, by number. Recorded calls are of 1, 2, 4 ... frames."""
        alike: dict[Hashable, list[int]] = {}
        for number, job in enumerate(jobs):
            pair = self._ready(job.left).pictures, self._ready(job.right).pictures
            alike.setdefault(shapes_of(flat(pair)), []).append(number)
        for group in alike.values():
            while group:
                count = len(group)
                if self._replays is not None:
                    count = 1 << (count.bit_length() - 1)
                yield group[:count]
                del group[:count]

    def _together(self, jobs: Sequence[Job], rhythm: Rhythm | None) -> list[Fetched]:
        pairs = tuple(self._pair(job) for job in jobs)
        if rhythm is None:
            times = [self._time(job.timestep) for job in jobs]
        else:
            times = [self._timesteps(job.timestep, rhythm) for job in jobs]
        look, inputs = look_of(pairs), flat((pairs, tuple(times)))
        wanted = tuple(job.wanted for job in jobs)

        def work(tensors: Sequence[Tensor]) -> list[Tensor]:
            rest = len(tensors) - len(wanted)
            return self._new(built(look, tensors[:rest]), torch.cat(list(tensors[rest:])), wanted)

        *planes, sure = self._run((wanted, shapes_of(inputs)), work, inputs)
        each = iter(planes)
        colours = [_COLOURS if coding is None else coding.planes for coding, _ in wanted]
        others = (len(planes) - sum(colours)) // len(wanted)  # alpha, the same number in each
        found = []
        for number, count in enumerate(colours):
            own = [next(each) for _ in range(count + others)]
            found.append(self.staging.down([*own, sure[number]]))
        return found

    def _pair(self, job: Job) -> _Pair:
        left, right = self._ready(job.left), self._ready(job.right)
        pictures = None
        if left.pictures is not None and right.pictures is not None:
            pictures = left.pictures, right.pictures
        return _Pair(left.features, right.features, pictures, self.match(job.left, job.right))

    def _new(self, pairs: Sequence[_Pair], times: Tensor, wanted: Sequence[Wanted]) -> list[Tensor]:
        """Planes of each new frame, one after the other, and the confidence (N,) of all."""
        outcome: list[Outcome] = []
        pair: _Pair = joined(pairs)
        image = self._net.interpolate(
            pair.left,
            pair.right,
            times,
            pictures=pair.pictures,
            outcome=outcome,
            matched=pair.matched,
        )
        image = image[:, :, : self._height, : self._width]
        planes = [
            plane for own, how in zip(image, wanted, strict=True) for plane in _stored(own, how)
        ]
        return [*planes, torch.cat([sure for sure, _ in outcome])]

    def _time(self, timestep: float) -> Tensor:
        return torch.full((1, 1, 1, 1), timestep, device=self._device, dtype=torch.float32)

    def _timesteps(self, timestep: float, rhythm: Rhythm) -> Tensor:
        size = self._shape[3], self._shape[2]

        def here(cells: Array) -> Tensor:
            return torch.from_numpy(fitted(cells, size)).to(self._device)

        before, after = (None if each is None else here(each) for each in (rhythm[0], rhythm[2]))
        return cadence.timesteps(timestep, before, here(rhythm.between), after, self._shape)

    def _ready(self, frame: Frame) -> Prepared:
        if isinstance(frame, Prepared):
            return frame
        return self._prepared.get(frame, functools.partial(self._of_uploaded, frame))

    def _of_uploaded(self, frame: Uploaded) -> Prepared:
        key = frame.coding, shapes_of(frame.planes)

        def work(planes: Sequence[Tensor]) -> list[Tensor]:
            found = self._padded(to_picture(planes, frame.coding))
            value = found.features, found.pictures
            self._looks[key] = look_of(value)
            return flat(value)

        tensors = self._run(key, work, frame.planes)
        return Prepared(*built(self._looks[key], tensors))

    def _padded(self, image: Tensor) -> Prepared:
        # one sample that is not a number would otherwise spoil the whole picture
        image = image.nan_to_num_(nan=0, posinf=1, neginf=0)
        # edges repeated: black ones would bleed into the picture wherever motion points outwards
        image = F.pad(image, self.padding, mode="replicate")
        features = self._net.prepare(image[:, :_COLOURS])
        finer = image.dtype == torch.float32 and self._dtype == torch.float16
        if self._clamp and image.shape[1] == _COLOURS and not finer:
            return Prepared(features, None)
        if self._clamp:
            image[:, :_COLOURS] = image[:, :_COLOURS].clamp(0, 1)
        return Prepared(features, image)


class _Pair(NamedTuple):
    """Two frames. pictures: of both, or None; matched: what all their new frames share."""

    left: Any
    right: Any
    pictures: tuple[Tensor, Tensor] | None
    matched: Tensor | None


def _stored(image: Tensor, wanted: Wanted) -> Sequence[Tensor]:
    """The planes of a picture (C, H, W) as they are wanted."""
    if wanted.coding is not None:
        return from_picture(image, wanted.coding, wanted.kind)
    return list(image.to(wanted.kind))


def _bytes_of(frame: Prepared) -> int:
    return sum(tensor.nbytes for tensor in flat((frame.features, frame.pictures)))
