"""Frames in the colours of one palette for a whole GIF, by FFmpeg's filters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

_TRANSPARENT = 128  # alpha below becomes transparent; GIF has no half


class Palette:
    """Frames in, frames of 256 colours out."""

    def __init__(self, width: int, height: int, base: Any) -> None:
        self._size = {"width": width, "height": height, "format": "rgba", "time_base": base}
        self._base = base
        self._graph: Any = None
        self._frames: Any = None
        self._sink: Any = None

    def learn(self, pictures: Iterable[av.VideoFrame]) -> None:
        """Choose the colours, from all pictures (rgba) of the film."""
        from av.filter import Graph

        graph: Any = Graph()
        source = graph.add_buffer(**self._size)
        graph.link_nodes(source, graph.add("palettegen"), graph.add("buffersink")).configure()
        for n, picture in enumerate(pictures):
            picture.pts, picture.time_base = n, self._base
            graph.vpush(picture)
        graph.vpush(None)
        self._build(graph.vpull())

    def _build(self, palette: Any) -> None:
        from av.filter import Graph

        graph: Any = Graph()
        self._frames = graph.add_buffer(**self._size)
        colours = graph.add_buffer(
            width=palette.width, height=palette.height, format=palette.format.name,
            time_base=self._base,
        )  # fmt: skip
        use = graph.add("paletteuse", f"alpha_threshold={_TRANSPARENT}")
        self._sink = graph.add("buffersink")
        self._frames.link_to(use, 0, 0)
        colours.link_to(use, 0, 1)
        use.link_to(self._sink)
        graph.configure()
        palette.pts, palette.time_base = 0, self._base
        colours.push(palette)
        colours.push(None)
        self._graph = graph

    def apply(self, picture: av.VideoFrame | None) -> list[Any]:
        """The pictures that are ready after `picture`; None: the film ends."""
        import av

        self._frames.push(picture)
        ready = []
        while True:
            try:
                ready.append(self._sink.pull())
            except (av.BlockingIOError, av.EOFError):
                return ready
