"""A network whose picture is known: it blends."""

from contextlib import contextmanager
from unittest import mock

from vsrife.inference.backends import pytorch


@contextmanager
def blending():
    """A network that sees no motion and blends: what comes out then is conversion alone.

    Gives the planes that it was shown, one list for each prepared frame."""
    shown = []

    def prepare(self, planes):
        shown.append([plane.copy() for plane in planes])
        return shown[-1]

    def interpolate(self, left, right, timestep, into, *args, **options):
        for a, b, plane in zip(left, right, into, strict=True):
            plane[:] = b + (1 - timestep) * (a - b)

    session = pytorch.TorchSession
    with (
        mock.patch.object(session, "prepare", prepare),
        mock.patch.object(session, "interpolate", interpolate),
    ):
        yield shown
