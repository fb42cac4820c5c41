"""RIFE frame interpolation for VapourSynth.

    from vsrife import rife
    clip = rife(clip)              # twice the frame rate, with the embedded model

Importing this loads neither torch nor any other framework that runs networks.
"""

from vsrife.filter import rife
from vsrife.net.table import known_models as _known_models
from vsrife.store import script_folder as _script_folder

__version__ = "0.1.0"
models = list(_known_models())

__all__ = ["__version__", "model_dir", "models", "rife"]


def __getattr__(name: str) -> str:
    """`model_dir`, where vs-rife's scripts put weights: made for those who ask, not at import."""
    if name == "model_dir":
        return _script_folder()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
