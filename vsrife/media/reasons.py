"""Why a file cannot be read, in words: errors of FFmpeg and of the system have numbers in them."""

from __future__ import annotations


def reason_of(error: Exception) -> str:
    """The words of an error, without its number and the file's name, which messages have."""
    if isinstance(error, StopIteration | IndexError):  # how PyAV says it
        return "there is no picture in it"
    return str(getattr(error, "strerror", None) or error)
