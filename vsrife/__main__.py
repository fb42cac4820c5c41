"""`python -m vsrife`: the command line, and what scripts for vs-rife import from this place."""

from __future__ import annotations

import sys
from typing import NoReturn

from vsrife import store
from vsrife.cli import main
from vsrife.errors import ModelError

_NO_FETCHING = "fetching official models comes in a later version"


def download_model(url: str) -> NoReturn:
    """vs-rife's way to fetch a model; raises ModelError with the folder to put the file into."""
    raise ModelError(f"{_NO_FETCHING}; fetch {url} yourself and put it into {store.user_folder()}")


def _main() -> int:
    code = main()
    if len(sys.argv) == 1:  # vs-rife fetched all models here
        print(
            f"\n{_NO_FETCHING}; until then, put files into {store.user_folder()}", file=sys.stderr
        )
    return code


if __name__ == "__main__":
    sys.exit(_main())
