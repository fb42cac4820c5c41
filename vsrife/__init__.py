"""RIFE frame interpolation for VapourSynth, and for images in Python.

    from vsrife import rife
    clip = rife(clip)              # twice the frame rate, with the default model

    from vsrife import interpolate
    images = interpolate(images)   # without VapourSynth: arrays, tensors, PIL images, files

Importing this loads neither VapourSynth nor a framework that runs networks.
"""

from typing import TYPE_CHECKING

from vsrife.version import __version__

if TYPE_CHECKING:
    from vsrife.filter import rife
    from vsrife.images import Interpolator, interpolate

    model_dir: str
    models: list[str]

__all__ = ["Interpolator", "__version__", "interpolate", "model_dir", "models", "rife"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Public names, loaded when they are first asked for."""
    if name == "rife":
        from vsrife.filter import rife

        return rife
    if name in ("Interpolator", "interpolate"):
        from vsrife import images

        return getattr(images, name)
    if name == "models":  # names that `rife(model=...)` takes
        from vsrife.network.table import known_models

        return list(known_models())
    if name == "model_dir":  # where vs-rife's scripts put weights: made for those who ask
        from vsrife.weights.folders import script_folder

        return script_folder()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
