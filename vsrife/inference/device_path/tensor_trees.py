"""Tensors in tuples, such as a network's features, as plain lists and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

type Look = tuple[type, tuple[Look, ...]] | bool


def flat(value: Any) -> list[Tensor]:
    """The tensors of a value: a tensor, None, or a tuple of such values."""
    if value is None:
        return []
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value for tensor in flat(part)]


def look_of(value: Any) -> Look:
    """How a value is made of tensors, without them."""
    if value is None or isinstance(value, Tensor):
        return value is not None
    return type(value), tuple(look_of(part) for part in value)


def built(look: Look, tensors: Sequence[Tensor]) -> Any:
    """The value with that look, of the tensors of `flat`."""
    return _built(look, iter(tensors))


def _built(look: Look, tensors: Iterator[Tensor]) -> Any:
    if isinstance(look, bool):
        return next(tensors) if look else None
    kind, parts = look
    values = [_built(part, tensors) for part in parts]
    return tuple(values) if kind is tuple else kind(*values)


def joined(values: Sequence[Any]) -> Any:
    """Values of one look as one, joined along the first dimension; one alone stays as it is."""
    if len(values) == 1:
        return values[0]
    parts = [flat(value) for value in values]
    return built(look_of(values[0]), [torch.cat(each) for each in zip(*parts, strict=True)])


def shapes_of(tensors: Sequence[Tensor]) -> tuple[tuple[torch.Size, torch.dtype], ...]:
    return tuple((tensor.shape, tensor.dtype) for tensor in tensors)
