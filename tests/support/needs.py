"""Tests in the light install, where PyTorch and other packages are left out on purpose.

VSRIFE_LIGHT_TESTS=1 says that it is one. Everywhere else a missing package is an error.
"""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIGHT = os.environ.get("VSRIFE_LIGHT_TESTS") == "1"
OURS = ("tests", "vsrife")


def package(name: str) -> None:
    """In the light install: skip a test of something that this package is there for."""
    if LIGHT and find_spec(name) is None:
        pytest.skip(f"needs {name}")


def missing(path: Path) -> set[str]:
    """Packages that are not installed and that importing the module at `path` needs."""
    return {package for package in _packages(path) if find_spec(package) is None}


@contextmanager
def skipping() -> Iterator[None]:
    """In the light install: skip a test that fails because a package is missing."""
    try:
        yield
    except Exception as error:
        if LIGHT and (package := _missing_in(error)):
            pytest.skip(f"needs {package}")
        raise


@contextmanager
def suppressed() -> Iterator[None]:
    """In the light install: go on where a package is missing."""
    try:
        yield
    except Exception as error:
        if not (LIGHT and _missing_in(error)):
            raise


def _missing_in(error: BaseException | None) -> str | None:
    """The package whose absence an error comes from, if it comes from one."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            package = error.name.partition(".")[0]
            return None if package in OURS else package
        error = error.__cause__ or error.__context__
    return None


@functools.cache
def _packages(path: Path) -> frozenset[str]:
    """Packages of others that a module imports when it is imported itself."""
    found: set[str] = set()
    seen, waiting = {path}, [path]
    while waiting:
        for name in _imports(waiting.pop()):
            package = name.partition(".")[0]
            if package not in OURS:
                found.add(package)
            waiting += [each for each in _files(name) if each not in seen]
            seen.update(_files(name))
    return frozenset(found)


def _imports(path: Path) -> Iterator[str]:
    """Names that a module imports outside of functions and of TYPE_CHECKING."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("quiet.load("):
            yield ast.literal_eval(node.value.args[0])


def _files(name: str) -> list[Path]:
    """The file of one of our modules, and the __init__ modules that run before it."""
    parts = name.split(".")
    if parts[0] not in OURS:
        return []
    inits = [ROOT.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    return [path for path in (*inits, ROOT.joinpath(*parts).with_suffix(".py")) if path.is_file()]
