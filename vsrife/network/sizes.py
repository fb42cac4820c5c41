"""Sizes in whole steps: how many tiles a side takes, and how long it is with the last one whole."""

from __future__ import annotations


def steps(length: int, step: int) -> int:
    """How many steps cover `length`: length / step, rounded up. length >= 0, step >= 1."""
    return -(-length // step)


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `length`."""
    return steps(length, multiple) * multiple


def padded_size(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """A width and a height, each rounded up."""
    return round_up(size[0], multiple), round_up(size[1], multiple)
