"""A network as graphs, run by a runtime: all that ONNX Runtime and OpenVINO have in common.

A graph is written for the padded size, in memory, when it is first needed; which one depends on
what is asked for (alpha, unclamped pictures, rhythm).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from onnx import ModelProto

from vsrife.inference import arrays, three_frames
from vsrife.inference.arrays import Array
from vsrife.inference.base import Settings
from vsrife.inference.ort import accuracy
from vsrife.inference.three_frames import Three
from vsrife.network.graphs import build_encoder, build_flow, build_refine
from vsrife.network.options import GraphOptions, unit_of
from vsrife.network.own import triple
from vsrife.network.own.pyramid_graphs import (
    MATCHED,
    REFINED,
    build_match,
    build_prepare,
    refined_by,
)
from vsrife.network.own.pyramid_row import PyramidRow
from vsrife.network.state_dict import normalise, recognise
from vsrife.network.table import RESCALE_LIMIT, arch_of, check_options
from vsrife.weights import read_arrays


class Program(Protocol):
    """A graph that is ready to run. Calls may come from any thread."""

    def run(self, feeds: Mapping[str, Any], *, stay: bool = False) -> dict[str, Any]:
        """Outputs by name, as arrays; stay: as values on the device, like those of `feeds`."""
        ...


@dataclass(frozen=True, eq=False)
class Proof:
    """How to tell whether a graph that was compiled is right.

    exact: gives the same graph in fp32; feeds: gives inputs, made from two frames of the clip;
    unit: sides of its pictures are multiples of this.
    """

    exact: Callable[[], bytes]
    feeds: Callable[[], Mapping[str, Array]]
    unit: int


class Engine(Protocol):
    """A runtime on a device."""

    def put(self, array: Array) -> Any:
        """An array as a value for `Program.run`, on the device."""
        ...

    def get(self, value: Any) -> Array: ...

    def load(self, graph: bytes, proof: Proof | None = None) -> Program:
        """proof: for engines whose compilers are known to go wrong; None for files of others."""
        ...


class Network:
    """Weights and settings, and the graphs of them that have been needed so far.

    three: it reads three frames, and has one graph, which reads pictures.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._state = normalise(read_arrays(settings.weights))
        self._arch = arch_of(check_network(settings, self._state))
        self.three = triple.reads_three(self._arch)
        unit = self._arch.pad_unit(settings.scale)
        self.size = (
            settings.width + -settings.width % unit,
            settings.height + -settings.height % unit,
        )
        self.engine = engine
        self._sample = settings.sample
        self._options = GraphOptions(
            scale=settings.scale,
            ensemble=settings.ensemble,
            half=settings.half,
            size=self.size if settings.hardware.engines.static else None,
        )
        self._programs: dict[GraphOptions, Program] = {}
        self._lock = threading.Lock()
        self._encoder: Program | None = None
        self._matcher: Program | None = None
        # that of three frames reads pictures at 1/4 of their size, which takes next to no time
        if (self._arch.encoder and not self.three) or isinstance(self._arch, PyramidRow):
            self._encoder = engine.load(self._encoding(self._options), self._encoder_proof(unit))
        if isinstance(self._arch, PyramidRow):
            self._matcher = engine.load(self._matching(self._options), self._matcher_proof(unit))
        # what cannot work is known before the first frame
        self._flow(replace(self._options, separate=not settings.clamp))

    def encode(self, image: Array) -> dict[str, Any]:
        """`Prepared.features` of an image (1, 3, H, W) of any range, padded; on the device."""
        if self._encoder is None:
            return {"": self.engine.put(np.clip(image, 0, 1))}
        found = self._encoder.run({"image": self.engine.put(image)}, stay=True)
        return {name.removeprefix("features"): value for name, value in found.items()}

    def match(self, left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs of the flow graph that all timesteps of a pair share; on the device."""
        if self._matcher is None:
            return {}
        return self._matcher.run(_of_both(left, right, MATCHED), stay=True)

    def inputs(self, left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs of the flow graph from the features of both frames."""
        return _of_both(left, right, None if self._matcher is None else REFINED)

    def run(self, feeds: Mapping[str, Any], **changes: Any) -> dict[str, Array]:
        """Outputs of the flow graph; changes: of `GraphOptions`, for inputs of this kind."""
        options = replace(self._options, **changes)
        found = self._flow(options).run(_read_by(options, feeds))
        return self._run_doubled(feeds, options) if too_large(found) else found

    def _run_doubled(self, feeds: Mapping[str, Any], options: GraphOptions) -> dict[str, Array]:
        """The same with doubled scales, which need sides of twice the multiple."""
        size = doubled_size(self.size, self._arch.pad_unit(options.scale))
        fixed = None if options.size is None else size
        doubled = self._flow(replace(options, size=fixed, doubled=True))
        return doubled.run(widened(self.engine, feeds, self.size, size))

    def _flow(self, options: GraphOptions) -> Program:
        with self._lock:
            if options not in self._programs:
                self._programs[options] = self.engine.load(
                    self._writing(options), self._flow_proof(options)
                )
            return self._programs[options]

    def _writing(self, options: GraphOptions) -> bytes:
        if isinstance(self._arch, PyramidRow):
            graph = build_refine(self._state, self._arch, options)
        else:
            graph = build_flow(self._state, self._arch, options)
        if options.motion:
            _leave_only(graph, ("motion", "largest"))
        return bytes(graph.SerializeToString())

    def _encoding(self, options: GraphOptions) -> bytes:
        if isinstance(self._arch, PyramidRow):
            return bytes(build_prepare(self._state, self._arch, options).SerializeToString())
        return bytes(build_encoder(self._state, self._arch, options).SerializeToString())

    def _matching(self, options: GraphOptions) -> bytes:
        assert isinstance(self._arch, PyramidRow)
        return bytes(build_match(self._state, self._arch, options).SerializeToString())

    def _encoder_proof(self, unit: int) -> Proof:
        exact = replace(self._options, half=False)
        return Proof(
            lambda: self._encoding(exact),
            lambda: {"image": accuracy.pair_of(self._sample, self.size)[0]},
            unit,
        )

    def _matcher_proof(self, unit: int) -> Proof:
        exact = replace(self._options, half=False)

        def feeds() -> dict[str, Array]:
            pair = accuracy.pair_of(self._sample, self.size)
            left, right = (self.encode(picture) for picture in pair)
            return self._read(_of_both(left, right, MATCHED))

        return Proof(lambda: self._matching(exact), feeds, unit)

    def _flow_proof(self, options: GraphOptions) -> Proof:
        unit = unit_of(self._arch, options)
        size = (self.size[0] + -self.size[0] % unit, self.size[1] + -self.size[1] % unit)

        def feeds() -> dict[str, Array]:
            pair = accuracy.pair_of(self._sample, self.size)
            times = np.full(
                (1, 1, *(size[::-1] if options.timestep_map else (1, 1))), 0.5, np.float32
            )
            given = self._sampled(*pair)
            if size != self.size:  # for a doubled run, which no network with stages has
                given = {name: arrays.edged(value, size) for name, value in given.items()}
            given["timestep"] = times
            if options.separate:
                planes = [number % 3 for number in range(options.planes)]
                names = triple.PICTURES[::-1] if self.three else ("left_picture", "right_picture")
                for name, picture in zip(names, pair, strict=True):
                    given[name] = arrays.edged(picture, size)[:, planes]
            return _read_by(options, given)

        return Proof(lambda: self._writing(replace(options, half=False)), feeds, unit)

    def _sampled(self, left: Array, right: Array) -> dict[str, Array]:
        """Inputs of the flow graph at timestep 0.5, but for it and pictures of their own."""
        if self.three:  # the third one is the right one, held
            return three_frames.feeds(Three(left, left, left), Three(right, right, right), 0.5)
        sides = self.encode(left), self.encode(right)
        return self._read(self.inputs(*sides) | self.match(*sides))

    def _read(self, values: Mapping[str, Any]) -> dict[str, Array]:
        return {name: self.engine.get(value) for name, value in values.items()}


def _of_both(
    left: Mapping[str, Any], right: Mapping[str, Any], names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Features of both frames as inputs of a graph; names: only these."""
    return {
        side + suffix: value
        for side, features in (("left", left), ("right", right))
        for suffix, value in features.items()
        if names is None or suffix[1:] in names
    }


def _read_by[V](options: GraphOptions, feeds: Mapping[str, V]) -> dict[str, V]:
    """Without what the flow graph of a pyramid does not read."""
    unread = set(REFINED) - set(refined_by(options))
    return {name: value for name, value in feeds.items() if name.partition(".")[2] not in unread}


def too_large(found: Mapping[str, Array]) -> bool:
    """Whether what a flow graph gave says that motion is too large for it, both ways."""
    return "largest" in found and bool((found["largest"] > RESCALE_LIMIT).all())


def doubled_size(size: tuple[int, int], unit: int) -> tuple[int, int]:
    return size[0] + -size[0] % (2 * unit), size[1] + -size[1] % (2 * unit)


def widened(
    engine: Engine, feeds: Mapping[str, Any], size: tuple[int, int], wide: tuple[int, int]
) -> Mapping[str, Any]:
    """Inputs for pictures of `size` as those for pictures of size `wide`, with edges repeated."""
    if wide == size:
        return feeds
    there = {name: engine.get(value) for name, value in feeds.items()}
    return {
        name: engine.put(arrays.edged(a, wide) if a.shape[2:] != (1, 1) else a)
        for name, a in there.items()
    }


def check_network(settings: Settings, state: Mapping[str, Array]) -> str:
    """The row or version that the weights are of; errors if it is another, or cannot run so."""
    name = settings.model or recognise(state, triples=True)
    check_options(name, settings.scale, settings.ensemble)
    return name


def _leave_only(graph: ModelProto, names: tuple[str, ...]) -> None:
    """Take the other outputs off, so that the runtime drops what only they need."""
    kept = [output for output in graph.graph.output if output.name in names]
    del graph.graph.output[:]
    graph.graph.output.extend(kept)
