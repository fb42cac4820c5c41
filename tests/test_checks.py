"""Values that people write in more than one way."""

from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.clips import clip_of, noise
from vsrife import rife
from vsrife.checks import (
    INT64_MAX,
    Among,
    AmongOr,
    Coded,
    Flag,
    Folder,
    Instance,
    OneOf,
    Option,
    Positive,
    Rate,
    Share,
    Size,
    Text,
    Whole,
    rational,
    read_rate,
)
from vsrife.errors import ArgumentError

HALVES = Among((0.5, 1.0, 2.0), "1 suits most")
# kind, what is allowed in words; values and what is read of each; values that are refused
KINDS = [
    (Whole(2), "int, at least 2", {2: 2, 9: 9}, (1, -5, 2.0, "2", None, True)),
    (Whole(2, 4), "2 to 4", {2: 2, 4: 4}, (1, 5, 3.0, "3", None)),
    (Share("such as 0.1"), "0 to 1", {0: 0.0, 1: 1.0, 0.25: 0.25}, (-0.01, 1.01, "1", None)),
    (Positive(), 'int, Fraction or text such as "5/2"', {"5/2": Fraction(5, 2), 3: 3}, (0, 2.5)),
    (Rate(), 'int, Fraction or text such as "60000/1001" or "59.94", which mean the same',
     {"59.94": Fraction(60000, 1001), 60: 60}, (0, "0", 59.94, "fast")),
    (Flag(("auto",), ("more",)), 'True, False, "auto", "more"',
     {1: True, 0: False, "auto": "auto", "more": "more"}, (2, -1, "yes", None)),
    (OneOf(("a", "b")), '"a", "b"', {"a": "a", "b": "b"}, ("c", "", 0, None)),
    (Coded({"a": 5, "b": 7}), '"a" (5), "b" (7)', {"a": 5, 7: 7}, ("c", 6, True, None)),
    (HALVES, "0.5, 1.0, or 2.0", {0.5: 0.5, 2: 2.0}, (0, 3, "1", True, None)),
    (AmongOr(HALVES, "auto"), '0.5, 1.0, 2.0, "auto"', {"auto": "auto", 1: 1.0}, ("x", "", 3)),
    (Text("4.25"), 'a name such as "4.25"', {"nano": "nano"}, ("", " ", 4, None)),
    (Folder(), "a folder's path", {"here": "here", Path("a"): "a"}, ("", 4)),
    (Size(), "a list with 2 items, width and height",
     {(3, 5): (3, 5)}, ((3,), (3, 5, 7), "35", None)),
    (Instance(Fraction, "fraction"), "fraction", {Fraction(1): Fraction(1)}, (1, None)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "allowed", "values", "wrong"), KINDS, ids=lambda x: type(x).__name__
)
def test_a_kind_reads_what_it_says_and_refuses_the_rest(kind, allowed, values, wrong):
    assert kind.allowed == allowed
    for value, result in values.items():
        found = kind.read("it", value)
        assert (found, type(found) is bool) == (result, type(result) is bool)
    for value in wrong:
        with pytest.raises(ArgumentError, match=r"^it\b.* must be ") as caught:
            kind.read("it", value)
        assert repr(value) in str(caught.value)


@pytest.mark.parametrize(("none", "more"), [("off", ", None"), ("", "")])
def test_none_is_named_where_it_means_something(none: str, more: str):
    found = Option("it", Whole(), 1, "a group", "help", none)
    assert found.allowed == f"int, at least 1{more}"
    if none:
        assert found.read(None) is None
    else:
        with pytest.raises(ArgumentError, match=r"^it must be"):
            found.read(None)


@pytest.mark.parametrize("size", [(0, 5), (3, 0), (3, 5.0), ("3", 5)])
def test_both_sides_of_a_size_are_whole_numbers_of_at_least_one(size: object):
    with pytest.raises(ArgumentError, match=r"^it must be at least 1 and a whole number"):
        Size().read("it", size)


@pytest.mark.parametrize(
    ("value", "near"),
    [(0.001, '; write "0.001"'), (59.94, '; write "59.94"'), (-0.5, ""), (0.0, ""),
     (float("inf"), ""), (float(INT64_MAX), ""), ("x", "")],
)  # fmt: skip
def test_a_float_is_refused_with_the_text_that_means_it(value: object, near: str):
    with pytest.raises(ArgumentError) as caught:
        rational("it", value)
    assert str(caught.value).endswith(f"not {value!r}{near}")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("59.94", "60000/1001"), ("29.97", "30000/1001"), ("23.976", "24000/1001"),
        ("23.98", "24000/1001"), ("119.88", "120000/1001"), ("47.952", "48000/1001"),
        ("60", "60"), ("60000/1001", "60000/1001"), ("12.5", "12.5"), ("59.95", "59.95"),
        ("59.9", "59.9"), ("fast", "fast"), ("", ""), (".", "."), ("59.9401", "59.9401"),
    ],
)  # fmt: skip
def test_decimals_of_an_ntsc_rate_mean_that_rate(text: str, rate: str):
    assert read_rate(text) == rate


def test_decimals_mean_so_in_scripts_too():
    clip = clip_of(noise(64, 48), 3).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    assert rife(clip, fps="59.94").fps == Fraction(60000, 1001)
    assert rife(clip, fps="59.95").fps == Fraction(1199, 20)
    assert rife(clip, factor="59.94").fps == Fraction(30000, 1001) * Fraction("59.94")
