"""Python files are compiled once, for every worker and for every program that tests start: each
would do it again. Here, since what `conftest.py` imports is among them: pytest compiles hypothesis,
which is a plugin, in its own way."""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
