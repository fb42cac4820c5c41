"""vs-mlrt's plugins as far as `inference/backends/mlrt` uses them, in Python and ONNX Runtime.

After their signatures: clips are joined plane by plane into one tensor; with
`flexible_output_prop`, the planes of the output are grey frames in properties of a GRAYS clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import vapoursynth as vs


class FakePlugin:
    """A namespace such as core.ov. calls: arguments of each Model, the graph and clips left out."""

    def __init__(self, version: str = "v17.1", refuses: str = "") -> None:
        self.version, self.refuses = version, refuses
        self.calls: list[dict[str, Any]] = []

    def Version(self) -> dict[str, bytes]:  # noqa: N802 -- as the plugins call it
        return {"version": self.version.encode()}

    def Model(  # noqa: N802
        self,
        clips: Sequence[vs.VideoNode],
        *,
        network_path: bytes,
        path_is_serialization: bool,
        flexible_output_prop: str,
        **arguments: Any,
    ) -> dict[str, Any]:
        import onnxruntime

        assert path_is_serialization
        if self.refuses:
            raise vs.Error(self.refuses)
        self.calls.append(arguments)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # waiting threads would take the other worker's core
        session = onnxruntime.InferenceSession(network_path, options)
        (name,) = (value.name for value in session.get_inputs())
        (shape,) = (value.shape for value in session.get_outputs())

        def make(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
            planes = [np.asarray(frame[p]) for frame in f[1:] for p in range(len(frame))]
            (found,) = session.run(None, {name: np.stack(planes)[None]})
            frame = f[0].copy()
            for number, plane in enumerate(found[0]):
                grey = f[0].copy()
                np.asarray(grey[0])[:] = plane
                frame.props[f"{flexible_output_prop}{number}"] = grey
            return frame

        blank = clips[0].std.BlankClip(format=vs.GRAYS)
        return {"clip": blank.std.ModifyFrame([blank, *clips], make), "num_planes": shape[1]}


class Core:
    """The core with fake plugins beside what it has; no others of vs-mlrt's."""

    def __init__(self, plugins: dict[str, FakePlugin]) -> None:
        self._plugins = plugins

    def __getattr__(self, name: str) -> Any:
        if name in self._plugins:
            return self._plugins[name]
        if name in ("ov", "ort", "ncnn", "trt", "migx"):
            raise AttributeError(name)
        return getattr(vs.core, name)


class Vs:
    """The module vapoursynth with that core."""

    def __init__(self, plugins: dict[str, FakePlugin]) -> None:
        self.core = Core(plugins)

    def __getattr__(self, name: str) -> Any:
        return getattr(vs, name)


type Install = Callable[..., dict[str, FakePlugin]]
