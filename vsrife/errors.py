"""The exceptions that vsrife raises on purpose.

RifeError
├── ArgumentError      an argument is wrong; the message says what is allowed
├── ModelError         a weights file is missing, damaged or of an unknown network
├── BackendError       a framework or a device is missing or fails
└── MediaError         a file cannot be read or written (command line)

The filter passes them on as `vapoursynth.Error("rife: ...")`, the command line as one line and an
exit code.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

# A word that is none of several
_CHOICE = re.compile(r" must be (one )?of (?P<known>[^;]+), not '(?P<word>[^'\s]+)'")


def printable(text: str) -> str:
    """Text from outside as part of a message: one short line without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)[:300]


def alike(word: str, known: Sequence[str], cutoff: float = 0.7) -> str:
    """The end of a message about a word that is not known: the ones that may be meant.

    cutoff: least likeness, 0..1.
    """
    from difflib import get_close_matches

    begun = [each for each in known if len(word) > 2 and each.startswith(word)]
    as_written = {each.lower(): each for each in reversed(known)}
    close = get_close_matches(word.lower(), as_written, 3, cutoff=cutoff)
    near = list(dict.fromkeys(begun))[:3] or [as_written[each] for each in close]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def check_names(asked: Iterable[str], known: Sequence[str], begin: str = "") -> None:
    """TypeError for the first name that is no argument, as Python has it, with those that may be
    meant. begin: of its text."""
    for name in asked:
        if name not in known:
            raise TypeError(f"{begin}unexpected keyword argument {name!r}{alike(name, known)}")


def with_guess(text: str) -> str:
    """A message about a word that is none of several, with those that may be meant."""
    found = _CHOICE.search(text)
    # a file's suffix is no word that was misspelt, and says what it is where that is known
    if found is None or "did you mean" in text or found["word"].startswith("."):
        return text
    return text + alike(found["word"], re.findall(r"[\w.:-]+", found["known"]))


class RifeError(Exception):
    """Something that the user can mend: the message names it, what is allowed and the way out."""


class ArgumentError(RifeError):
    pass


class ModelError(RifeError):
    pass


class BackendError(RifeError):
    pass


class MediaError(RifeError):
    pass


def missing_package(wanted: str, extra: str, what: str) -> BackendError:
    """The error if a package is not installed.

    wanted: what the user asked for; extra: the extra that installs it; what: the missing package.
    """
    return BackendError(f'{wanted} needs what is not installed: {what}; pip install ".[{extra}]"')


@contextmanager
def needing(wanted: str, extra: str) -> Iterator[None]:
    """Turn a failing import of somebody's package into `missing_package`.

    A package that is there and broken is told in its own words. A name or a module of ours that is
    missing is a bug, which no package mends, and stays what it is.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] == __package__:
            raise
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        what = missing or " ".join(str(error).split())
        raise missing_package(wanted, extra, printable(what)) from error
