"""Which kind of frames a frame is of. A framework is imported when a frame of its own arrives."""

from __future__ import annotations

import os
from typing import Any

from vsrife.errors import ArgumentError
from vsrife.images.asking import ImageOptions
from vsrife.images.frames.kinds import Kind, describe, is_array, is_pil, is_tensor


def kind_of(frame: Any, options: ImageOptions) -> Kind:
    """The kind of a frame, which is the first; ArgumentError for what is no frame."""
    if isinstance(frame, str | os.PathLike):
        from vsrife.images.frames.image_files import ImageFiles

        return ImageFiles(frame, options)
    if options.folder is not None:
        raise ArgumentError(
            f"folder={options.folder!r} is for frames that are paths, not {describe(frame)}; "
            "leave it out"
        )
    if is_tensor(frame):
        from vsrife.images.frames.tensors import Tensors

        return Tensors(frame, options)
    if is_pil(frame):
        from vsrife.images.frames.pil_images import PilImages

        return PilImages(frame, options)
    if is_array(frame):
        from vsrife.images.frames.ndarrays import Arrays

        return Arrays(frame, options)
    raise ArgumentError(
        f"frames must be numpy arrays, PIL images, PyTorch tensors or paths, not {describe(frame)}"
    )
