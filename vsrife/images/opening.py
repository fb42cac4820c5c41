"""Opens the network for frames of one look."""

from __future__ import annotations

import warnings
from dataclasses import replace

from vsrife.images.asking import ImageOptions
from vsrife.images.frames.kinds import Look
from vsrife.images.renderers import InMemory, Renderer
from vsrife.inference import network_options


def open_renderer(look: Look, options: ImageOptions) -> Renderer:
    """A renderer for frames of that look. BackendError, ModelError as a session's."""
    network = options.network
    if (
        look.device not in (None, "cpu")
        and network.backend in (None, "pytorch")
        and network.device is None
        and network.provider is None
        and network.runner is None
    ):  # frames stay where they are, unless something else is named
        network = replace(network, backend="pytorch", device=look.device)
    confidence = options.confidence is not None
    session = network_options.open_session(
        network,
        width=look.width,
        height=look.height,
        clamp=True,
        half=look.half,
        note=_warn,
        sample=lambda: None,
        needs={f"confidence={options.confidence}": "confidence"} if confidence else {},
        lasting=look.device is None,  # tensors are handed to the bare session
    )
    if look.device is None:
        return InMemory(session)
    from vsrife.images.frames.tensors import renderer_for

    return renderer_for(session, confidence=confidence)


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=2)
