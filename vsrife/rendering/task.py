"""What a render is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from vsrife.media.stills.image_folder import USUAL_RATE
from vsrife.media.stills.image_pattern import is_pattern
from vsrife.media.writing.encoders import Encoding
from vsrife.rendering.film.ramp import Ramp
from vsrife.rendering.film.span import WHOLE, Span
from vsrife.rendering.jobs import identity
from vsrife.version import __version__
from vsrife.weights import find_weights
from vsrife.weights.folders import is_folder

AUTO = -1  # workers: as many as pay
# What rounds the last bit of a sample otherwise, if anything; the model counts by itself
_NO_MATTER = ("model", "threads", "num_streams")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One file to render, or a folder of images.

    options: arguments of rife() without the clip. span: the part of the source. before, after:
    scripts whose `clip` comes in, and goes out, before and after rife(). cfr: frames at a constant
    rate whatever the source has. slow: how many times as long everything takes. ramp: which place
    of the source is shown when; None: as in the source. loop: the last frame is followed by the
    first. on_error: what is shown for frames that cannot be read, of `unreadable.KINDS`.
    unreadable: these frames. rate_in: images per second of a folder. workers: processes on this
    machine, or AUTO. dask: address of a scheduler whose workers help. segments: address
    at which other machines find the segments; None: in the folder of the job.
    """

    source: Path
    target: Path
    options: Mapping[str, Any]
    encoding: Encoding = field(default_factory=Encoding)
    overwrite: bool = False
    span: Span = WHOLE
    before: Path | None = None
    after: Path | None = None
    cfr: bool = False
    slow: int = 1
    ramp: Ramp | None = None
    loop: bool = False
    on_error: str = "stop"
    rate_in: Fraction = USUAL_RATE
    unreadable: tuple[int, ...] = ()
    workers: int = 1
    dask: str | None = None
    segments: str | None = None

    @property
    def of_images(self) -> bool:
        """Whether the source is a folder of images."""
        return is_folder(self.source)

    @property
    def to_images(self) -> bool:
        """Whether images are written."""
        return is_pattern(self.target)

    @property
    def is_joined(self) -> bool:
        """Whether segments become the output as they are, and are not encoded once more."""
        return self.to_images or self.encoding.joinable

    def with_options(self, **options: object) -> Task:
        """The same task with other arguments of rife(), which must not change its frames."""
        return replace(self, options={**self.options, **options})

    def identity(self) -> dict[str, str]:
        """What its segments depend on, by name."""
        beside = [value for value in self.options.values() if isinstance(value, Path)]
        asked = {
            name: "a file" if isinstance(value, Path) else value
            for name, value in self.options.items()
            if name not in _NO_MATTER
        }
        scripts = [identity.of_file(path) for path in (self.before, self.after, *beside) if path]
        import av

        weights = find_weights(
            self.options.get("model"), auto_download=bool(self.options.get("auto_download"))
        )
        return {
            "the source": identity.of_source(self.source),
            "the model": identity.of_file(weights),
            "the options": repr(sorted(asked.items())),
            "the part": repr((self.span, self.cfr, self.slow, self.loop, self.on_error)),
            "the rate of the images": str(self.rate_in),
            "the times": repr(self.ramp and [line[:2] for line in self.ramp]),
            "the encoder's settings": f"{self.encoding!r} {self.target.suffix.lower()}",
            "the scripts": repr(scripts),
            # another build of the encoder may write another header
            "vsrife's version": f"{__version__}, PyAV {av.__version__}",
        }
