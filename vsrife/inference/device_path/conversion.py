"""Planes as a clip stores them to the network's picture and back, on the device.

As the clip's own resizer does it, in fp32. Sums of slices, not convolutions or products of
matrices: those have 11 bits on a device that takes TF32 for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vsrife.inference.arrays import Array
from vsrife.inference.device_path import spline
from vsrife.inference.source_planes import Coding, SourcePlanes, Span, Subsampling

_DOWN, _ACROSS = 2, 3


def storable(plane: Array) -> Array:
    """The same bytes in a type that every device has: int16 for uint16."""
    return plane.view(np.int16) if plane.dtype == np.uint16 else plane


def kind_of(plane: Array) -> torch.dtype:
    """The type of an array as of `storable`."""
    return torch.from_numpy(np.empty(0, storable(np.empty(0, plane.dtype)).dtype)).dtype


@torch.inference_mode()
def decoded(planes: SourcePlanes) -> list[Array]:
    """R, G, B and further planes as arrays, on the CPU."""
    held = [torch.from_numpy(np.array(storable(plane))) for plane in planes]
    return list(to_picture(held, planes.coding)[0].numpy())


@torch.inference_mode()
def encoded(picture: Sequence[Array], into: SourcePlanes) -> None:
    """Write R, G, B and further planes into planes of a clip, on the CPU."""
    image = torch.from_numpy(np.stack(picture))
    found = from_picture(image, into.coding, kind_of(into[0]))
    for plane, target in zip(found, into, strict=True):
        storable(target)[...] = plane.numpy()


def to_picture(planes: Sequence[Tensor], coding: Coding) -> Tensor:
    """The picture (1, C, H, W): R, G, B (grey three times), then further planes.

    planes: (height, width) as of `storable`. The result is fp32, plain RGB and grey of floating
    point excepted, which stay as they are, beyond 0..1 too.
    """
    own = [plane[None, None] for plane in planes[: coding.planes]]
    others = [plane[None, None] for plane in planes[coding.planes :]]
    light = _numbers(own[0], coding.light, coding)
    if coding.planes == 1:
        return torch.cat([light, light, light, *others], 1)
    if coding.to_yuv is None:
        rest = [_numbers(plane, coding.light, coding) for plane in own[1:]]
        return torch.cat([light, *rest, *others], 1)
    chroma = _numbers(torch.cat(own[1:], 1), coding.chroma, coding)
    chroma = _enlarged(_enlarged(chroma, coding.down, _DOWN), coding.across, _ACROSS)
    yuv = (light, chroma[:, :1], chroma[:, 1:])
    return torch.cat([*(_sum(row, yuv) for row in coding.to_rgb), *others], 1)


def from_picture(image: Tensor, coding: Coding, dtype: torch.dtype) -> list[Tensor]:
    """The planes (height, width) of a picture (C, H, W), in the type `dtype` of `storable`; further
    channels follow as fp32. Integers are rounded, to even at the middle, and never wrap around."""
    own, others = image[None, :3], list(image[3:].float())
    if coding.planes == 1:
        # the last of three equal planes, as the host writes them
        return [_codes(own[:, 2:], coding.light, coding, dtype)[0, 0], *others]
    if coding.to_yuv is None:
        return [*_codes(own, coding.light, coding, dtype)[0], *others]
    rgb = [own[:, k : k + 1].float() for k in range(3)]
    light, *chroma = (_sum(row, rgb) for row in coding.to_yuv)
    both = torch.cat(chroma, 1)
    both = _reduced(_reduced(both, coding.down, _DOWN), coding.across, _ACROSS)
    codes = _codes(both, coding.chroma, coding, dtype)[0]
    return [_codes(light, coding.light, coding, dtype)[0, 0], *codes, *others]


def _numbers(plane: Tensor, span: Span, coding: Coding) -> Tensor:
    if coding.is_plain:
        return plane
    if coding.bits is None:
        return plane.float()
    if plane.dtype == torch.int16:
        plane = plane.to(torch.int32).bitwise_and_(0xFFFF)
    return (plane.float() - span.zero) / span.length


def _codes(plane: Tensor, span: Span, coding: Coding, dtype: torch.dtype) -> Tensor:
    if coding.bits is None:
        return plane.to(dtype)
    codes = (plane.float() * span.length + span.zero).round_().clamp_(0, 2**coding.bits - 1)
    # by way of int32: from a float, what int16 cannot hold is undefined
    return codes.to(torch.int32).to(dtype)


def _sum(row: Sequence[float], parts: Sequence[Tensor]) -> Tensor:
    """Parts times their weights, added."""
    used = [(part, weight) for part, weight in zip(parts, row, strict=True) if abs(weight) > 1e-12]
    total = used[0][0] * used[0][1]
    for part, weight in used[1:]:
        total.add_(part, alpha=weight)
    return total


def _enlarged(x: Tensor, axis: Subsampling, dim: int) -> Tensor:
    """x (N, C, H, W) at luma's size along dim."""
    if axis.factor == 1:
        return x
    phases, length = spline.enlarging(axis), x.shape[dim]
    begin = min(phase.first for phase in phases)
    end = max(phase.first + len(phase.weights) for phase in phases)
    wide = _beyond(x, dim, begin, length + end - begin - 1)
    rows = []
    for phase in phases:
        at = range(phase.first - begin, phase.first - begin + len(phase.weights))
        rows.append(_sum(phase.weights, [wide.narrow(dim, k, length) for k in at]))
    return torch.stack(rows, dim + 1).flatten(dim, dim + 1)


def _reduced(x: Tensor, axis: Subsampling, dim: int) -> Tensor:
    """x (N, C, H, W) at chroma's size along dim."""
    if axis.factor == 1:
        return x
    phase, length = spline.reducing(axis), x.shape[dim] // axis.factor
    count = len(phase.weights)
    wide = _beyond(x, dim, phase.first, (length - 1) * axis.factor + count)
    reach = (length - 1) * axis.factor + 1
    each = slice(None, None, axis.factor)
    index = (slice(None),) * dim + (each,)
    return _sum(phase.weights, [wide.narrow(dim, k, reach)[index] for k in range(count)])


def _beyond(x: Tensor, dim: int, first: int, count: int) -> Tensor:
    """`count` samples along dim from `first` on, mirrored beyond the edges."""
    length = x.shape[dim]
    at = spline.mirrored(first, count, length)
    before, after = max(0, -first), max(0, first + count - length)
    # small parts by index, the rest as it is: an index of all of it would have to be uploaded
    parts = [x.narrow(dim, int(k), 1) for k in at[:before]]
    parts.append(x)
    parts += [x.narrow(dim, int(k), 1) for k in at[len(at) - after :]] if after else []
    return torch.cat(parts, dim).narrow(dim, max(0, first), count)
