"""Rounding of sizes up to multiples."""

from __future__ import annotations


def steps(length: int, step: int) -> int:
    """How many steps cover `length`: length / step, rounded up. length >= 0, step >= 1."""
    return -(-length // step)


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `length`."""
    return steps(length, multiple) * multiple


def padded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Width and height, each rounded up to a multiple of `multiple`."""
    return round_up(size[0], multiple), round_up(size[1], multiple)
