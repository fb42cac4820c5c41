"""Scripts that are run by their path or as a module."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from vsrife.errors import RifeError
from vsrife.messages import one_line


def finish(main: Callable[[], int]) -> NoReturn:
    """Run a script of ours; what its user can mend is one line."""
    try:
        sys.exit(main())
    except RifeError as error:
        sys.exit(f"error: {one_line(str(error))}")


def said_by(script: Path | str, *arguments: object) -> str:
    """What a script says on stderr as it ends, run in this process: a path, or a module's name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(script), *map(str, arguments)])
        patch.setenv("ORT_DISABLE_TELEMETRY", "1")  # one that a script sets is gone afterwards
        run = runpy.run_path if isinstance(script, Path) else runpy.run_module
        with pytest.raises(SystemExit) as ended:
            run(str(script), run_name="__main__")
    return str(ended.value.code)
