"""Everything that decides what the output shows, except the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from vsrife.video.blur.exposure import Exposure
from vsrife.video.colour import Route
from vsrife.video.marks.marking import Marking
from vsrife.video.overlay.overlays import Protection
from vsrife.video.plans import Filling, Policy
from vsrife.video.timeline import Times


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what the output shows, except the network.

    times: when output frames are shown. rate: output frames per second, 0 if durations vary.
    route: from the clip's format to the network's, and back. protection: parts of the source that
    new frames keep. exposure: what each frame is averaged over; None: no motion blur. streams: new
    frames that are computed at the same time. needs: argument, as the user wrote it -> result that
    a session must give, "motion" or "confidence".
    """

    times: Times
    rate: Fraction
    route: Route
    policy: Policy
    marking: Marking | None = None
    filling: Filling | None = None
    protection: Protection | None = None
    exposure: Exposure | None = None
    streams: int = 1
    needs: Mapping[str, str] = field(default_factory=dict)
