"""A process that has ended."""

import subprocess
import sys


def dead_process() -> int:
    """The number of a process that is gone."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid
