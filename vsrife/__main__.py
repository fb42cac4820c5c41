"""`python -m vsrife`: the command line, and what scripts for vs-rife do with this module."""

from __future__ import annotations

import sys

from vsrife.cli import main
from vsrife.messages import say


def download_model(url: str) -> None:
    """vs-rife's way to fetch an official model: by its file's address, into `vsrife.model_dir`."""
    from vsrife.weights.library import fetch_address

    fetch_address(url)


def _main() -> int:
    if len(sys.argv) > 1:
        return main()
    # vs-rife fetches all of its models when called so, and scripts rely on it
    say(
        "fetching every official model, as vs-rife does, about 900 MB; "
        "for one of them: vsrife models fetch NAME; for help: vsrife --help"
    )
    return main(["models", "fetch", "--all"])


if __name__ == "__main__":
    sys.exit(_main())
