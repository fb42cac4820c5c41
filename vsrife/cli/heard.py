"""What filters say in VapourSynth's log, as notes in the words of the command line."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import vapoursynth as vs

from vsrife.cli import wording
from vsrife.errors import ArgumentError
from vsrife.messages import note


@contextmanager
def heard(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Warnings name options of `parser`; what is below a warning is left out."""

    def hear(kind: int, text: str) -> None:
        if kind >= int(vs.MESSAGE_TYPE_WARNING):
            note(wording.of(ArgumentError(text), parser))

    handle = vs.core.add_log_handler(hear)
    # VapourSynth hands the same to logging, which prints what no handler takes
    silent, logger = logging.NullHandler(), logging.getLogger("vapoursynth")
    logger.addHandler(silent)
    try:
        yield
    finally:
        logger.removeHandler(silent)
        vs.core.remove_log_handler(handle)
