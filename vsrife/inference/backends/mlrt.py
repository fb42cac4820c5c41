"""vs-mlrt's plugins (core.ov, core.ort) as a backend: they run our graphs, all else is ours.

The plugins are filters: clips in, a clip out. So the network becomes nodes of the output's graph
(`MlrtSession.featured`, `between`), and VapourSynth requests them as it likes. Callers that have
arrays get the same nodes, fed one frame at a time (`prepare`, `interpolate`); these wait for a
frame of VapourSynth's, which the callback of a filter must not do.

The one module of this folder that needs VapourSynth; it is imported when somebody names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import vapoursynth as vs

from vsrife.errors import ArgumentError, BackendError, printable
from vsrife.inference.backends.mlrt_arrays import ByArrays, Prepared
from vsrife.inference.base import Device, Hardware, Planes, Rhythm, Session, Settings, read_device
from vsrife.inference.graphs.graph_network import check_network
from vsrife.inference.graphs.stacked import Part, stacked
from vsrife.messages import one_line
from vsrife.network.graphs import build_encoder, build_flow
from vsrife.network.options import GraphOptions
from vsrife.network.own.triple import reads_three
from vsrife.network.state_dict import normalise
from vsrife.network.table import arch_of
from vsrife.weights import read_arrays

_OLDEST = 17  # the first release for API 4; older ones cannot give more than three planes
_PLANES = "_vsrifePlane"  # property of a plane, followed by its number
_KEPT = 2  # cached frames with features, in addition to one for each thread


class Plugin(NamedTuple):
    """wheel: that has it; devices: ours -> arguments of its Model."""

    wheel: str
    devices: Mapping[str, Mapping[str, str]]


# By namespace, the faster first. core.trt and core.migx take engines that vs-mlrt's own script
# builds, not graphs; core.ncnn needs Vulkan, which nothing of ours has run on
PLUGINS = {
    "ov": Plugin(
        "vapoursynth-mlrt-ov",
        {"cpu": {"device": "CPU"}, "gpu": {"device": "GPU"}, "npu": {"device": "NPU"}},
    ),
    "ort": Plugin("vapoursynth-mlrt-ort", {"cpu": {"provider": ""}, "cuda": {"provider": "CUDA"}}),
}


class Model:
    """A plugin on a device."""

    def __init__(self, hardware: Hardware) -> None:
        """ArgumentError for a device that no plugin knows, BackendError if none is there for it."""
        device = device_of(hardware)
        self.name = _choose(device.kind)
        self._space: Any = getattr(vs.core, self.name)
        self._arguments: dict[str, Any] = {
            **PLUGINS[self.name].devices[device.kind],
            "num_streams": hardware.num_streams,
        }
        number = hardware.device_index if device.number is None else device.number
        if self.name == "ov":
            # else bf16 on newer CPUs, fp16 on GPUs, whatever the graph says
            accurate = {"EXECUTION_MODE_HINT": "ACCURACY"}
            exact = {"INFERENCE_PRECISION_HINT": "f32"}
            self._arguments["config"] = lambda: exact if device.kind == "cpu" else accurate
            if number:
                self._arguments["device"] += f".{number}"
        elif number:
            self._arguments["device_id"] = number

    def planes(self, graph: bytes, clips: list[vs.VideoNode]) -> tuple[vs.VideoNode, int]:
        """A clip with the planes of the graph's output in its properties, and how many.

        graph: as of `stacked`, for all planes of `clips`, RGBS or GRAYS. BackendError if the plugin
        refuses it.
        """
        try:
            found = self._space.Model(
                clips,
                network_path=graph,
                path_is_serialization=True,
                flexible_output_prop=_PLANES,
                **self._arguments,
            )
        except vs.Error as error:
            text = printable(one_line(str(error)))
            raise BackendError(
                f"vs-mlrt's core.{self.name} cannot run the graph ({text})"
            ) from error
        return found["clip"], found["num_planes"]


def device_of(hardware: Hardware) -> Device:
    """ArgumentError for a device that no plugin of `PLUGINS` has."""
    kinds = dict.fromkeys(kind for plugin in PLUGINS.values() for kind in plugin.devices)
    return read_device(hardware.device or "cpu", kinds, " with backend='mlrt'")


def plugins() -> list[str]:
    """Namespaces of the plugins that VapourSynth has loaded."""
    return [name for name in PLUGINS if hasattr(vs.core, name)]


def _choose(kind: str) -> str:
    able = [name for name, plugin in PLUGINS.items() if kind in plugin.devices]
    for name in able:
        space: Any = getattr(vs.core, name, None)
        if space is None:
            continue
        said = _text(space.Version().get("version", ""))
        number = said.removeprefix("v").partition(".")[0]
        if number.isdecimal() and int(number) < _OLDEST:
            raise BackendError(
                f"backend 'mlrt' needs core.{name} of vs-mlrt {_OLDEST} or newer, not {said}; "
                f"pip install -U {PLUGINS[name].wheel}"
            )
        return name
    wheels = " or ".join(PLUGINS[name].wheel for name in able)
    missing = " and ".join(f"core.{name}" for name in able)
    raise BackendError(
        f"backend 'mlrt' needs a plugin of vs-mlrt for {kind}, and {missing} "
        f"{'are' if len(able) > 1 else 'is'} not there; pip install {wheels}"
    )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class Between(NamedTuple):
    """New frames, RGBS; confidence: one sample, GRAYS."""

    picture: vs.VideoNode
    confidence: vs.VideoNode


class MlrtSession:
    """See `base.Session`; also makes nodes."""

    tells = frozenset({"confidence"})

    def __init__(self, settings: Settings) -> None:
        state = normalise(read_arrays(settings.weights))
        name = check_network(settings, state)
        arch = arch_of(name)
        if arch.rescales or reads_three(arch):
            why = "looks twice where motion is large" if arch.rescales else "reads three frames"
            raise ArgumentError(
                f"model {name} cannot run with backend 'mlrt': it {why}; name another backend, or "
                "another model"
            )
        self._model = Model(settings.hardware)
        self._own = (settings.width, settings.height)
        unit = arch.pad_unit(settings.scale)
        width, height = (side + -side % unit for side in self._own)
        self.size = (width, height)
        options = GraphOptions(
            scale=settings.scale,
            ensemble=settings.ensemble,
            half=settings.half,
            size=self.size,
            separate=not settings.clamp,
        )
        out = arch.encoder.out if arch.encoder else 0
        self._codes = [f"{_PLANES}{3 + n}" for n in range(out)]  # after R, G, B
        self._encoder = b""
        if out:
            graph = build_encoder(state, arch, options)
            self._encoder = stacked(graph, [Part("image", 3)], self.size)
        parts = [Part("left_picture", 3), Part("right_picture", 3), Part("timestep", 1)]
        joined: dict[str, tuple[str, ...]] = {}
        for side in ("left", "right"):
            joined[side] = (f"{side}_picture", *([f"{side}_code"] if out else []))
            if out:
                parts.append(Part(f"{side}_code", out))
        self._flow = stacked(build_flow(state, arch, options), parts, self.size, joined)
        self._arrays: ByArrays | None = None

    def featured(self, clip: vs.VideoNode) -> vs.VideoNode:
        """The frames of `clip`, RGBS, padded, with what the network reads of them beside it."""
        padded = self._padded(clip)
        if not self._encoder:
            return padded
        codes, _ = self._model.planes(self._encoder, [padded])
        featured = padded.std.CopyFrameProps(codes, props=self._codes)
        featured.std.SetVideoCache(mode=1, fixedsize=1, maxsize=vs.core.num_threads + _KEPT)
        return featured

    def between(self, left: vs.VideoNode, right: vs.VideoNode, timestep: vs.VideoNode) -> Between:
        """New frames of the clip's own size. left, right: frames of `featured`; timestep: GRAYS of
        their size, one value in a frame."""
        clips = [left, right, timestep]
        for side in (left, right):
            clips += [_plane(side, code) for code in self._codes]
        found, count = self._model.planes(self._flow, clips)
        planes = [_plane(found, f"{_PLANES}{n}") for n in range(count)]
        width, height = self._own
        picture = vs.core.std.ShufflePlanes(planes[:3], [0, 0, 0], vs.RGB)
        return Between(picture.std.CropAbs(width, height), planes[3].std.CropAbs(width=1, height=1))

    def _padded(self, clip: vs.VideoNode) -> vs.VideoNode:
        """With edges repeated to the right and below, as all backends do."""
        right, below = (side - own for side, own in zip(self.size, self._own, strict=True))
        if right:
            edge = clip.std.CropAbs(1, clip.height, left=clip.width - 1)
            clip = vs.core.std.StackHorizontal([clip, edge.resize.Point(right, clip.height)])
        if below:
            edge = clip.std.CropAbs(clip.width, 1, top=clip.height - 1)
            clip = vs.core.std.StackVertical([clip, edge.resize.Point(clip.width, below)])
        return clip

    def prepare(self, planes: Planes) -> Prepared:
        return self._by_arrays().prepare(planes)

    def interpolate(
        self,
        left: Prepared,
        right: Prepared,
        timestep: float,
        into: Planes,
        rhythm: Rhythm | None = None,
    ) -> float:
        return self._by_arrays().interpolate(left, right, timestep, into)

    def motion(self, left: Prepared, right: Prepared) -> Any:
        raise NotImplementedError  # not among what it tells

    def _by_arrays(self) -> ByArrays:
        if self._arrays is None:
            self._arrays = ByArrays(self, self._own)
        return self._arrays


def _plane(clip: vs.VideoNode, name: str) -> vs.VideoNode:
    """The grey frames in a property of the clip's frames, of the same size.

    PropToClip looks into frame 0 when it is made. That would compute a frame then, perhaps inside
    of a callback, so it gets a blank one in front, which is cut off afterwards.
    """
    first = clip.std.BlankClip(length=1)
    plain: Any = first.std
    first = plain.ClipToProp(first.std.BlankClip(format=vs.GRAYS), prop=name)
    joined: Any = first + clip
    planes: vs.VideoNode = joined.std.PropToClip(prop=name)[1:]
    return planes


class MlrtBackend:
    def open_session(self, settings: Settings) -> Session:
        if settings.graph:
            raise ArgumentError(
                f"backend 'mlrt' takes weights, not the graph {settings.weights}; "
                "name weights as model, or backend='onnx'"
            )
        return MlrtSession(settings)


BACKEND = MlrtBackend()
