"""The exceptions that vsrife raises on purpose.

RifeError
├── ArgumentError      an argument is wrong; the message says what is allowed
├── ModelError         a weights file is missing, damaged or of an unknown network
├── BackendError       a framework or a device is missing or fails
└── MediaError         a file cannot be read or written (command line)

The filter passes them on as `vapoursynth.Error("rife: ...")`, the command line as one line and an
exit code.
"""


def printable(text: str) -> str:
    """Text from outside as part of a message: one short line without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)[:300]


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
    return BackendError(f"{wanted} needs what is not installed: {what}; pip install '.[{extra}]'")
