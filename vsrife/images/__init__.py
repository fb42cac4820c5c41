"""Frame interpolation of images in Python: arrays, tensors, PIL images or files.

Needs no VapourSynth. Frameworks are imported when frames of theirs arrive.
"""

from vsrife.images.interpolator import Interpolator, interpolate

__all__ = ["Interpolator", "interpolate"]
