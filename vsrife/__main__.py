"""`python -m vsrife` and the command `vsrife`, and what scripts for vs-rife do with this module.

Both are here, since a signal may come while the command line is still being imported.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def download_model(url: str) -> None:
    """vs-rife's way to fetch an official model: by its file's address, into `vsrife.model_dir`."""
    from vsrife.weights.library import fetch_address

    fetch_address(url)


def command() -> int:
    """The command line of this process; its exit code."""
    _end_on_interrupt()
    from vsrife.cli import main

    return main()


def _main() -> int:
    if len(sys.argv) > 1:
        return command()
    _end_on_interrupt()
    from vsrife.cli import main
    from vsrife.messages import say

    # vs-rife fetches all of its models when called so, and scripts rely on it
    say(
        "fetching every official model, as vs-rife does, about 900 MB; "
        "for one of them: vsrife models fetch NAME; for help: vsrife --help"
    )
    return main(["models", "fetch", "--all"])


def _end_on_interrupt() -> None:
    """Until the command line has handlers of its own, Ctrl-C ends the process with one line.

    As an exception, it would come out of whatever import it strikes, and some take it for theirs.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: object) -> NoReturn:
    try:
        os.write(2, b"vsrife: interrupted\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    sys.exit(_main())
