"""A network whose new frames are known: it mixes."""

from __future__ import annotations

from contextlib import contextmanager
from unittest import mock

import numpy as np

from vsrife.inference import network_options


class Mixing:
    """A session that mixes both frames by the timestep, and notes what it was asked.

    confidence: what it says of each frame."""

    tells = frozenset({"confidence", "motion"})

    def __init__(self, confidence=1.0):
        self.confidence, self.prepared, self.made, self.seen = confidence, 0, [], []

    def prepare(self, planes):
        self.prepared += 1
        self.seen = [np.array(plane, np.float32) for plane in planes]
        return self.seen

    def interpolate(self, left, right, timestep, into, rhythm=None):
        self.made.append(timestep)
        for a, b, plane in zip(left, right, into, strict=True):
            plane[:] = a + np.float32(timestep) * (b - a)
        return self.confidence


@contextmanager
def mixing(confidence=1.0):
    """Every network is this session while it lasts; `opened` has what each was opened with."""
    session = Mixing(confidence)
    session.opened = []

    def open_session(options, **settings):
        session.opened.append((options, settings))
        return session

    with mock.patch.object(network_options, "open_session", open_session):
        yield session
