"""RIFE frame interpolation for VapourSynth.

    from vsrife import rife
    clip = rife(clip)              # twice the frame rate, with the embedded model

Importing this loads neither torch nor any other framework that runs networks.
"""

from vsrife.filter import rife
from vsrife.net.table import known_models as _known_models
from vsrife.store import model_dir

__version__ = "0.1.0"
models = list(_known_models())

__all__ = ["__version__", "model_dir", "models", "rife"]
