"""interpolate() and Interpolator: images in, images out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from vsrife.errors import ArgumentError, with_guess
from vsrife.images import asking
from vsrife.images.asking import ImageOptions, WantedFactor, Wishes
from vsrife.images.frames.kinds import Kind, Look
from vsrife.images.frames.recognising import kind_of
from vsrife.images.opening import open_renderer
from vsrife.images.positions import Positions, positions
from vsrife.images.reading import EMPTY, check_all, read_frames, split
from vsrife.images.renderers import Renderer
from vsrife.images.stream import Stream


class TensorLike(Protocol):
    """A tensor of PyTorch's, for those who check types without it."""

    @property
    def is_cuda(self) -> bool: ...


class FramesError(ArgumentError, ValueError):
    """A wrong argument or frame: a ValueError, as Python's users expect."""


def _as_value_error[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except FramesError:
            raise
        except ArgumentError as error:
            raise FramesError(with_guess(str(error))) from None

    return wrapper


def _values[Frame](frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames; an ArgumentError on the way becomes a ValueError."""
    try:
        yield from frames
    except ArgumentError as error:
        raise FramesError(str(error)) from None


class Interpolator:
    """Interpolates runs of frames, all with the same options and one network, which is opened when
    the first frame arrives.

    Call it with frames, as `interpolate`; or push them one by one as they arrive:

        tween = Interpolator(2)
        for frame in camera:
            for image in tween.push(frame):
                show(image)
        rest = tween.finish()
    """

    @_as_value_error
    def __init__(self, factor: WantedFactor | None = None, **options: Unpack[Wishes]) -> None:
        """The options of `interpolate`. ValueError for the first that is wrong."""
        self._options: ImageOptions = asking.read({"factor": factor, **options})
        self._opened: tuple[Look, Renderer] | None = None
        self._stream: Stream | None = None  # the run that is being pushed
        self._pending: list[Any] = []  # of it, made before an error: they come with the next call

    @property
    def delay(self) -> int:
        """How many frames `push` holds back: 0 means that frame n and all before it are out when
        frame n has been pushed. Detectors that read ahead need some. A network of three frames
        needs more, which is known when the first frame has been pushed."""
        return Stream.delay(self._options, self._opened[1] if self._opened else None)

    def __call__[Frame](self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """As `interpolate`."""
        return _values(self._run(frames))

    @_as_value_error
    def push[Frame](self, frame: Frame) -> list[Frame]:
        """Take in the next frame; the frames that can come out by now, in order.

        ValueError if it does not look like the first one; it then counts as not pushed. What could
        come out before an error comes with the next call.
        """
        with self._kept() as out:
            for each in split([frame]):
                if self._stream is None:
                    kind = kind_of(each, self._options)
                    self._stream = self._start(kind, positions(self._options, None))
                for image in self._stream.push(each):
                    out.append(image)
        return out

    @_as_value_error
    def finish(self) -> list[Any]:
        """End the run: the frames that are left. The next `push` begins a new one.

        ValueError for times beyond the end; what could come out before it comes if you call this
        again.
        """
        stream, self._stream = self._stream, None
        with self._kept() as out:
            for image in stream.finish() if stream is not None else ():
                out.append(image)
        return out

    @contextmanager
    def _kept(self) -> Iterator[list[Any]]:
        """A list of frames that are handed out; after an error they are kept for the next call."""
        out, self._pending = self._pending, []
        try:
            yield out
        except BaseException:
            self._pending = out
            raise

    @_as_value_error
    def _run(self, frames: Iterable[Any]) -> Iterator[Any]:
        """What `__call__` gives. All that can be checked beforehand is checked here."""
        given = read_frames(frames)
        times = positions(self._options, given.number)
        stream = None
        if given.listed is not None:
            kind = kind_of(given.listed[0], self._options)
            check_all(kind, given.listed)
            stream = self._start(kind, times)
        return self._frames(given.frames, stream, times)

    def _frames(
        self, frames: Iterator[Any], stream: Stream | None, times: Positions
    ) -> Iterator[Any]:
        for frame in frames:
            if stream is None:
                stream = self._start(kind_of(frame, self._options), times)
            yield from stream.push(frame)
            if stream.done:
                return
        if stream is None:
            raise ArgumentError(EMPTY)
        yield from stream.finish()

    def _start(self, kind: Kind, times: Positions) -> Stream:
        """A run of frames of that kind, for whose size the network is opened."""
        opened = self._opened  # another thread may open a network for frames of another look
        if opened is None or opened[0] != kind.look:
            opened = self._opened = kind.look, open_renderer(kind.look, self._options)
        return Stream(self._options, kind, opened[1], times)


@overload
def interpolate[Sample: np.generic](
    frames: NDArray[Sample], factor: WantedFactor | None = None, **options: Unpack[Wishes]
) -> Iterator[NDArray[Sample]]: ...


@overload
def interpolate[Tensor: TensorLike](
    frames: Tensor, factor: WantedFactor | None = None, **options: Unpack[Wishes]
) -> Iterator[Tensor]: ...


@overload
def interpolate[Frame](
    frames: Iterable[Frame], factor: WantedFactor | None = None, **options: Unpack[Wishes]
) -> Iterator[Frame]: ...


@_as_value_error
def interpolate(
    frames: Any, factor: WantedFactor | None = None, **options: Unpack[Wishes]
) -> Iterator[Any]:
    """New frames between those of `frames`, which come out as the very objects that went in.

    frames: numpy arrays, PIL images, PyTorch tensors or paths of image files; a list, an array
    (N, H, W, C) or (N, C, H, W), or anything that gives one after another. New frames are of the
    same kind, on the same device. Arrays are (H, W, C), (C, H, W) or (H, W), of uint8, uint16 or
    floating point, 1 to 4 channels, the 2nd or 4th alpha.

    n frames give (n - 1) * factor + 1, with `loop` n * factor. At most a few are kept in memory.
    Where nothing changes, or a scene does, the frame before comes out again, not a copy.

    Raises ValueError for an option that is wrong before anything is opened, for a frame when it
    comes; `vsrife.errors.BackendError` or `ModelError` for what is missing on this machine.
    """
    return Interpolator(factor, **options)(frames)


def _explain() -> None:
    """Let help() and editors show every option."""
    given = inspect.Parameter("frames", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    factor = inspect.Parameter("factor", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    others = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default)
        for each in asking.OPTIONS
        if each.name != "factor"
    ]
    interpolate.__signature__ = inspect.Signature([given, factor, *others])  # type: ignore[attr-defined]
    if interpolate.__doc__:  # None under python -OO
        interpolate.__doc__ = f"{interpolate.__doc__.rstrip()}\n\n{asking.as_text()}\n"


_explain()
