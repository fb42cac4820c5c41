"""Finds where a graph blends both warped pictures of a pair, as `network.ifnet.blend` writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from onnx import NodeProto, helper

Users = Mapping[str, Sequence[NodeProto]]
_SIDES = (2, 3)  # axes: rows, columns


class Sample(NamedTuple):
    """A Slice of the difference: rows and columns from `first` on, every `steps`-th."""

    node: NodeProto
    first: tuple[int, int]
    steps: tuple[int, int]


class Blend(NamedTuple):
    """right + mask * (left - right). inner: the nodes in between, which nothing else reads;
    add: the last one; samples: what else reads the difference."""

    inner: tuple[NodeProto, ...]
    add: NodeProto
    mask: str
    samples: tuple[Sample, ...]


def after(
    warp: NodeProto,
    size: tuple[int, int],
    users: Users,
    uses: Mapping[str, int],
    integers: Callable[[str], list[int] | None],
) -> Blend | None:
    """The blend of the two pictures (2, C, rows, columns) that `warp` gives, if that is all that
    they are for.

    users: of each value, nodes; uses: how often each is read, outputs of the graph too; integers:
    a constant by name.
    """

    def only(name: str, *kinds: str) -> list[NodeProto] | None:
        """The users of a value, one of each kind; None where it has others."""
        found = sorted(users[name], key=lambda node: node.op_type)
        right_kinds = [node.op_type for node in found] == sorted(kinds)
        return found if right_kinds and uses[name] == len(kinds) else None

    splits = only(warp.output[0], "Split")
    if splits is None or not _halves_pair(splits[0]):
        return None
    left, right = splits[0].output
    of_left, of_right = only(left, "Sub"), only(right, "Add", "Sub")
    if of_left is None or of_right is None:
        return None
    add, subtract = of_right
    if list(subtract.input) != [left, right]:
        return None
    samples, products = [], []
    for node in users[subtract.output[0]]:
        if node.op_type == "Mul":
            products.append(node)
            continue
        sample = _sample(node, size, integers)
        if sample is None:
            return None
        samples.append(sample)
    if len(products) != 1 or uses[subtract.output[0]] != 1 + len(samples):
        return None
    (product,) = products
    if uses[product.output[0]] != 1 or set(add.input) != {right, product.output[0]}:
        return None
    mask = product.input[0] if product.input[1] == subtract.output[0] else product.input[1]
    return Blend((splits[0], subtract, product), add, mask, tuple(samples))


def _halves_pair(node: NodeProto) -> bool:
    axes = [helper.get_attribute_value(each) for each in node.attribute if each.name == "axis"]
    return axes in ([], [0]) and len(node.output) == 2


def _sample(
    node: NodeProto, size: tuple[int, int], integers: Callable[[str], list[int] | None]
) -> Sample | None:
    if node.op_type != "Slice" or len(node.input) != 5:
        return None
    starts, ends, axes, steps = (integers(name) for name in node.input[1:])
    if starts is None or ends is None or steps is None or axes != list(_SIDES):
        return None
    for side, start, end, step in zip(size, starts, ends, steps, strict=True):
        if step < 1 or side % step or not 0 <= start < step or end < side:
            return None
    return Sample(node, (starts[0], starts[1]), (steps[0], steps[1]))
