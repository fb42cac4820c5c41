"""Frames that are tensors of PyTorch's. They and their pictures stay on their device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vsrife.errors import ArgumentError
from vsrife.images.asking import ImageOptions
from vsrife.images.frames import transparency
from vsrife.images.frames.kinds import Look, describe, is_tensor
from vsrife.images.frames.layouts import layout_of
from vsrife.images.frames.samples import has_alpha, scale_of
from vsrife.images.renderers import InMemory
from vsrife.inference.backends.pytorch import TorchSession
from vsrife.inference.base import BESIDE, Session


class Tensors:
    """See `kinds.Kind`. One like the first: same shape, type of samples and device."""

    def __init__(self, first: Tensor, options: ImageOptions) -> None:
        if first.layout is not torch.strided:
            raise ArgumentError("frame 0 must be a dense tensor; call to_dense()")
        self._layout = layout_of(tuple(first.shape), options.layout, "CHW", "frame 0")
        self._scale = scale_of(_name(first), options.value_range, "frame 0")
        self._dtype = first.dtype
        self.look = Look(
            self.text_of(first),
            self._layout.width,
            self._layout.height,
            self._layout.channels or 1,
            half=first.dtype == torch.float16,
            device=_device_of(first),
        )

    def text_of(self, frame: Any) -> str:
        if not is_tensor(frame):
            return describe(frame)
        return f"a tensor of {_name(frame)} {tuple(frame.shape)} on {frame.device}"

    @torch.no_grad()
    def read(self, frame: Tensor, name: str) -> Tensor:
        planes = frame[0] if self._layout.batch else frame
        if not self._layout.channels:
            planes = planes[None]
        elif self._layout.order == "HWC":
            planes = planes.permute(2, 0, 1)
        picture = planes.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        picture = picture.sub_(self._scale.low).div_(self._scale.span)
        self._scale.check(picture, name)
        if has_alpha(self._layout.channels):
            transparency.over_grey(picture.clip_(0, 1), premultiplied=False)
        return picture

    @torch.no_grad()
    def write(self, picture: Tensor, left: Tensor, number: int) -> Tensor:
        if has_alpha(self._layout.channels):
            transparency.off_grey(picture, premultiplied=False)
        picture = picture.mul_(self._scale.span).add_(self._scale.low)
        if self._scale.whole:
            picture = picture.clip_(0, self._scale.span).round_()
        if not self._layout.channels:
            picture = picture[0]
        elif self._layout.order == "HWC":
            picture = picture.permute(1, 2, 0)
        frame = picture.to(self._dtype).contiguous()
        return frame[None] if self._layout.batch else frame


class OnDevice:
    """See `renderers.Renderer`: PyTorch, on the tensors' device and in the caller's stream."""

    def __init__(self, session: TorchSession, *, confidence: bool) -> None:
        self._session, self._wanted = session, confidence
        self.three = BESIDE in session.tells
        self._matched: tuple[Any, Any, Any] | None = None  # a pair and what its frames share

    @torch.no_grad()
    def prepare(self, picture: Tensor, *beside: Tensor) -> tuple[Any, Tensor | None]:
        """Features and, if they are more than the network reads, planes (1, C, H, W), padded."""
        session = self._session
        colours = [each if len(each) > 2 else _as_rgb(each) for each in (picture, *beside)]
        image = torch.cat(colours)[None].to(session._device)
        image = F.pad(image, session._padding, mode="replicate")
        features = session._net.prepare(image[:, :3])
        if image.shape[1] == 3 and session._dtype == torch.float32:
            return features, None
        image[:, :3].clip_(0, 1)
        return features, image

    @torch.no_grad()
    def make(
        self, left: Any, right: Any, timestep: float, like: Tensor
    ) -> tuple[Tensor, float | None]:
        session, net = self._session, self._session._net
        known = self._matched  # another thread may be at another pair
        if known is None or known[0] is not left or known[1] is not right:
            known = self._matched = left, right, net.match(left[0], right[0])
        outcome: list[Any] | None = [] if self._wanted else None
        image = net.interpolate(
            left[0],
            right[0],
            timestep,
            pictures=None if left[1] is None or right[1] is None else (left[1], right[1]),
            outcome=outcome,
            matched=known[2],
        )
        new = image[0, :, : session._height, : session._width].float()
        if like.shape[0] < 3:
            new = torch.cat((new[2:3], new[3:]))  # of grey, as arrays have it
        sure = float(outcome[0][0]) if outcome else None
        return new.to(like.device, memory_format=torch.contiguous_format, copy=True), sure


class ThroughMemory:
    """See `renderers.Renderer`: a runtime that takes arrays, for tensors on any device."""

    def __init__(self, session: Session) -> None:
        self._arrays = InMemory(session)
        self.three = self._arrays.three

    def prepare(self, picture: Tensor, *beside: Tensor) -> Any:
        return self._arrays.prepare(*(each.cpu().numpy() for each in (picture, *beside)))

    def make(
        self, left: Any, right: Any, timestep: float, like: Tensor
    ) -> tuple[Tensor, float | None]:
        shape = np.empty(tuple(like.shape), np.bool_)
        new, sure = self._arrays.make(left, right, timestep, shape)
        return torch.from_numpy(new).to(like.device), sure


def renderer_for(session: Session, *, confidence: bool) -> OnDevice | ThroughMemory:
    if isinstance(session, TorchSession):
        return OnDevice(session, confidence=confidence)
    return ThroughMemory(session)


def _as_rgb(picture: Tensor) -> Tensor:
    """Grey three times, then alpha if there is one."""
    return torch.cat((picture[:1].expand(3, -1, -1), picture[1:]))


def _name(frame: Tensor) -> str:
    return str(frame.dtype).removeprefix("torch.")


def _device_of(frame: Tensor) -> str:
    """Our name of a tensor's device; PyTorch calls AMD's "cuda", too."""
    name = str(frame.device)
    return name.replace("cuda", "rocm") if torch.version.hip else name
