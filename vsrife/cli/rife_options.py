"""rife()'s arguments as options of a command, made from their one list."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import vapoursynth as vs

from vsrife import arguments
from vsrife.checks import Among, Coded, Flag, Option, Share, Size, Whole
from vsrife.errors import ArgumentError
from vsrife.filter import rife
from vsrife.weights import find_weights, is_graph

# Asked for in another way: the file itself, and --factor and --fps, which take fractions
_OTHERWISE = ("clip", "factor_num", "factor_den", "fps_num", "fps_den", "factor", "fps", "vfr")
# What the command line does if nothing is said, where rife() does something else
DEFAULTS: dict[str, object] = {"sc": True}
CLIPS = ("sc_clip", "duplicates_clip", "mask")
_SMALL = (64, 64)  # width and height of the clip that options are tried on
OPTIONS = tuple(each for each in arguments.ALL if each.name not in _OTHERWISE)
_NONE = "none"
_WORDS: dict[str, object] = {"yes": True, "no": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An option for each argument, by group."""
    for group in dict.fromkeys(each.group for each in OPTIONS):
        room = parser.add_argument_group(group)
        for each in OPTIONS:
            if each.group == group:
                _add(room, each)


def _add(room: argparse._ArgumentGroup, each: Option) -> None:
    name = f"--{each.name.replace('_', '-')}"
    default = DEFAULTS.get(each.name, each.default)
    if isinstance(each.kind, Flag) and not each.kind.words:
        action = argparse.BooleanOptionalAction
        room.add_argument(name, action=action, default=None, help=_help(each, default))
        for word in each.kind.more:
            room.add_argument(
                f"{name}-{word}", action="store_const", const=word, dest=each.name,
                help=f"the same with {each.name}={word}",
            )  # fmt: skip
    else:
        room.add_argument(name, metavar=_metavar(each), help=_help(each, default), type=_type(each))


def _help(each: Option, default: object) -> str:
    text = each.help.replace("%", "%%")
    if isinstance(each.kind, Flag) and each.kind.words:
        text = text.replace("True ", "yes ").replace("False ", "no ")
    if each.none and default is None:
        return f"{text} ({each.none})"
    none = f"; {_NONE}: {each.none}" if each.none else ""
    return f"{text}{none} ({_shown(default)})"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "x".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(each: Option) -> str:
    kind = each.kind
    if isinstance(kind, Flag):
        return "{yes,no," + ",".join(kind.words) + "}"
    words = getattr(kind, "words", None) or list(getattr(kind, "numbers", ()))
    if words and len(words) <= 4:
        return "{" + ",".join(str(word) for word in words) + "}"
    if each.name in CLIPS:
        return "FILE"
    return "WxH" if isinstance(kind, Size) else "N" if isinstance(kind, Whole) else "VALUE"


def _type(each: Option) -> Any:
    """What reads the option's text: text that argparse refuses is a usage error."""
    kind = each.kind
    if isinstance(kind, Share | Among):
        return _number if each.none else float
    if isinstance(kind, Whole):
        return _whole if each.none else int
    return str


def _number(text: str) -> float | str:
    return text if text == _NONE else float(text)


def _whole(text: str) -> int | str:
    return text if text == _NONE else int(text)


# what argparse calls the value in "argument --x: invalid number value: 'y'"
_number.__name__, _whole.__name__ = "number", "int"


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of rife() that the command line names, by name."""
    found = {}
    for each in OPTIONS:
        value = getattr(args, each.name)
        if value is not None:
            found[each.name] = _read(each, value)
    return found


def _read(each: Option, value: Any) -> Any:
    """The value for rife() from an option's."""
    if value == _NONE and each.none:
        return None
    kind = each.kind
    if isinstance(kind, Flag) and isinstance(value, str):
        return _WORDS.get(value, value)
    if isinstance(kind, Coded):
        return int(value) if value.isdecimal() and value not in kind.numbers else value
    if isinstance(kind, Size):
        return read_size(each.name, value)
    if each.name in CLIPS:
        return Path(value)
    if each.name == "replace":
        return _bad_frames(value)
    return _number_if_wanted(each, value)


def _bad_frames(value: str) -> Path | str:
    """A file of ranges, or the name of a frame property."""
    if Path(value).is_file():
        return Path(value)
    if not value.isidentifier():
        raise ArgumentError(
            f"replace must be a file with a range of frames per line, or the name of a frame "
            f"property, not {value!r:.100}; there is no such file"
        )
    return value


def _number_if_wanted(each: Option, value: Any) -> Any:
    """A number where text is not allowed; text that is neither is left to rife() to refuse."""
    with suppress(ArgumentError):
        each.read(value)
        return value
    with suppress(ArgumentError, ValueError, TypeError):
        each.read(float(value))
        return float(value)
    return value


def read_size(name: str, text: str) -> tuple[int, int]:
    """A width and a height from an option's text."""
    width, x, height = text.lower().partition("x")
    if not (x and width.isdecimal() and height.isdecimal()):
        raise ArgumentError(f"{name} must be a width and a height, as 1920x1080, not {text!r}")
    return int(width), int(height)


def rehearse(options: Mapping[str, Any]) -> vs.VideoNode:
    """Find every wrong option before a file is indexed; a clip that keeps the network loaded."""
    return rife(**_rehearsed(options, _size_for(options.get("model"))))


def check_options(options: Mapping[str, Any]) -> None:
    """Find wrong options before a file is opened or a device woken."""
    defaults = {each.name: each.default for each in arguments.ALL}
    arguments.parse(defaults | _rehearsed(options))


def _size_for(model: Any) -> tuple[int, int]:
    """Width and height that a model takes: an ONNX file may be for one size alone."""
    if is_graph(model):
        with suppress(Exception):  # rife() says what is wrong with the file
            from vsrife.inference.graphs.graph_file import read_file

            return read_file(find_weights(model)).fixed or _SMALL
    return _SMALL


def _rehearsed(options: Mapping[str, Any], size: tuple[int, int] = _SMALL) -> dict[str, Any]:
    """The same for a clip of two frames, as far as it does not take other clips or a list."""
    width, height = size
    blank = vs.core.std.BlankClip(format=vs.YUV420P8, width=width, height=height, length=2)
    left_out = (*CLIPS, "replace")
    return {"clip": blank} | {k: v for k, v in options.items() if k not in left_out}
