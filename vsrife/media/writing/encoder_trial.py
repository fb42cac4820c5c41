"""A trial of an encoder: a few small frames in memory, with the options of the film."""

from __future__ import annotations

import errno
import functools
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vsrife.media.writing import encoder_threads
from vsrife.media.writing.encoder_table import CONTAINERS

if TYPE_CHECKING:
    from vsrife.media.writing.encoding import Encoding

# Devices refuse smaller frames: NVENC begins at 145x49
_SIZE = (320, 192)


def options_of(encoding: Encoding, pixel_format: str = "", parameters: str = "") -> dict[str, str]:
    """FFmpeg's options for an encoding, without its bitrate, which is a field of the context.

    pixel_format: of the film. parameters: "key=value:..." of the encoder itself; those that the
    user gives come later, and count.
    """
    row, options = encoding.row, {}
    by_rate = encoding.bitrate is not None or encoding.max_size is not None
    if row.quality is not None and not by_rate:
        value = row.quality.usual if encoding.crf is None else encoding.crf
        options[row.quality.option] = str(value)
    if row.presets is not None:
        options[row.presets.option] = encoding.preset or row.presets.usual
        if row.codec == "prores_ks" and "444" in pixel_format and encoding.preset is None:
            options["profile"] = "4444"  # the others have 4:2:2 only
    options |= {key: value for key, value in row.fixed.items() if not (by_rate and key == "b")}
    given = dict(encoding.options)
    if row.codec == "libx265":
        parameters = ":".join(filter(None, ("log-level=error", parameters)))  # it talks to stderr
    if row.codec == "libx264" and _has_avx512():
        # with AVX-512, 10 runs of x264 (core 165) gave 3 different files, with AVX2 one
        parameters = ":".join(filter(None, ("asm=avx2", parameters)))
    own = ":".join(filter(None, (parameters, given.pop(row.parameters, ""))))
    return options | ({row.parameters: own} if own and row.parameters else {}) | given


@functools.cache
def _has_avx512() -> bool:
    """Whether this processor has AVX-512, as numpy found; False if it does not say."""
    import numpy as np

    core = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    return bool(getattr(core, "__cpu_features__", {}).get("AVX512F", False))


def failure(encoding: Encoding) -> str | None:
    """Why the encoder does not run with its options, in one line; None if it does."""
    unknown = _unknown_option(encoding)
    if unknown is not None:
        return unknown
    import av

    before = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said, quiet(), encoder_threads.ordinary():
            reason = _encode_two(encoding)
    finally:
        av.logging.set_level(before)
    # a parameter that is mistyped is a warning to FFmpeg only
    wrong = [text for _, _, text in said if text.startswith("Error parsing option")]
    if reason is None:
        return wrong[0].strip(" .\n") if wrong else None
    # "Invalid argument" alone does not say which
    errors = [text.strip(" .\n") for level, _, text in said if level <= av.logging.ERROR]
    return f"{reason} ({errors[0]})" if errors else reason


@contextmanager
def quiet() -> Iterator[None]:
    """SVT-AV1 tells stderr about itself, unless the environment says otherwise."""
    unset = "SVT_LOG" not in os.environ
    if unset:
        os.environ["SVT_LOG"] = "1"  # errors only
    try:
        yield
    finally:
        if unset:
            os.environ.pop("SVT_LOG", None)


def _encode_two(encoding: Encoding) -> str | None:
    import av

    row = encoding.row
    planar, own = next(iter(row.formats.items()))
    if encoding.encoder == "gif":
        own = "pal8"
    try:
        with av.open(io.BytesIO(), "w", format=CONTAINERS[row.containers[0]]) as target:
            encoder: Any = row.codec
            stream: Any = target.add_stream(encoder, rate=25, options=options_of(encoding, planar))
            stream.width, stream.height = _SIZE
            stream.pix_fmt = own
            if encoding.bitrate is not None:
                stream.bit_rate = encoding.bitrate
            picture = av.VideoFrame(*_SIZE, own)
            for n in range(2):
                picture.pts = n
                target.mux(stream.encode(picture))
            target.mux(stream.encode(None))
    except (av.FFmpegError, ValueError, OSError) as error:
        return _words(error)
    return None


def _unknown_option(encoding: Encoding) -> str | None:
    """FFmpeg leaves out options that it does not know; a name that is mistyped is said here."""
    import av

    try:
        known = av.CodecContext.create(encoding.row.codec, "w").supported_options
    except (av.FFmpegError, ValueError) as error:
        return _words(error)
    names = {each.name for each in (*known.private, *known.generic)}
    wrong = [key for key, _ in encoding.options if key not in names]
    if not wrong:
        return None
    own = ", ".join(each.name for each in known.private[:12])
    parameters = encoding.row.parameters
    hint = f"; the encoder's own go into {parameters}=" if parameters else ""
    return f"it has no option {wrong[0]!r}; some are {own}{hint}"


def _words(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSYS, errno.EPERM, errno.ENODEV):
        return "no such device or driver"
    if type(error).__name__ == "UnknownCodecError":
        return "this FFmpeg does not have it"
    return (getattr(error, "strerror", None) or str(error)).partition(" returned ")[0]
