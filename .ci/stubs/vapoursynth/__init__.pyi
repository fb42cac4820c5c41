# ruff: noqa: N802  # names are VapourSynth's
"""Types of what this package uses of VapourSynth R81, so that a node is a node and not Any.

The stubs that VapourSynth installs leave out plugins, whose functions it only knows when it runs.
Here they are, with the arguments that are used. A name or an argument that is missing here is a
mistake, or is added here.
"""

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from enum import IntEnum
from fractions import Fraction
from types import TracebackType
from typing import Any, Protocol, Self, overload

from numpy.typing import DTypeLike, NDArray

class Error(Exception): ...

# Constants

class ColorFamily(IntEnum):
    UNDEFINED = ...
    GRAY = ...
    RGB = ...
    YUV = ...

class SampleType(IntEnum):
    INTEGER = ...
    FLOAT = ...

class PresetVideoFormat(IntEnum):
    NONE = ...
    GRAY8 = ...
    GRAYS = ...
    RGB24 = ...
    RGBH = ...
    RGBS = ...
    YUV420P8 = ...
    YUV422P8 = ...
    YUV444P8 = ...
    YUV420P10 = ...
    YUV422P10 = ...
    YUV444P10 = ...
    YUV444P16 = ...

class MessageType(IntEnum):
    MESSAGE_TYPE_INFORMATION = ...
    MESSAGE_TYPE_WARNING = ...

class MatrixCoefficients(IntEnum):
    MATRIX_RGB = ...
    MATRIX_UNSPECIFIED = ...

class TransferCharacteristics(IntEnum):
    TRANSFER_UNSPECIFIED = ...

class ColorPrimaries(IntEnum):
    PRIMARIES_UNSPECIFIED = ...

class Range(IntEnum):
    RANGE_LIMITED = ...
    RANGE_FULL = ...

GRAY = ColorFamily.GRAY
RGB = ColorFamily.RGB
YUV = ColorFamily.YUV
INTEGER = SampleType.INTEGER
FLOAT = SampleType.FLOAT
NONE = PresetVideoFormat.NONE
GRAY8 = PresetVideoFormat.GRAY8
GRAYS = PresetVideoFormat.GRAYS
RGB24 = PresetVideoFormat.RGB24
RGBH = PresetVideoFormat.RGBH
RGBS = PresetVideoFormat.RGBS
YUV420P8 = PresetVideoFormat.YUV420P8
YUV422P8 = PresetVideoFormat.YUV422P8
YUV444P8 = PresetVideoFormat.YUV444P8
YUV420P10 = PresetVideoFormat.YUV420P10
YUV422P10 = PresetVideoFormat.YUV422P10
YUV444P10 = PresetVideoFormat.YUV444P10
YUV444P16 = PresetVideoFormat.YUV444P16
MESSAGE_TYPE_INFORMATION = MessageType.MESSAGE_TYPE_INFORMATION
MESSAGE_TYPE_WARNING = MessageType.MESSAGE_TYPE_WARNING
MATRIX_RGB = MatrixCoefficients.MATRIX_RGB
MATRIX_UNSPECIFIED = MatrixCoefficients.MATRIX_UNSPECIFIED
TRANSFER_UNSPECIFIED = TransferCharacteristics.TRANSFER_UNSPECIFIED
PRIMARIES_UNSPECIFIED = ColorPrimaries.PRIMARIES_UNSPECIFIED
RANGE_LIMITED = Range.RANGE_LIMITED
RANGE_FULL = Range.RANGE_FULL

# Frames

class VideoFormat:
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def color_family(self) -> ColorFamily: ...
    @property
    def sample_type(self) -> SampleType: ...
    @property
    def bits_per_sample(self) -> int: ...
    @property
    def bytes_per_sample(self) -> int: ...
    @property
    def subsampling_w(self) -> int: ...
    @property
    def subsampling_h(self) -> int: ...
    @property
    def num_planes(self) -> int: ...

# int, float, bytes, str, a frame, a node, or a list of one of these: only the clip knows
class FrameProps(MutableMapping[str, Any]):
    def __getitem__(self, name: str) -> Any: ...
    def __setitem__(self, name: str, value: object) -> None: ...
    def __delitem__(self, name: str) -> None: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...

class _Plane(Protocol):
    """Memory of a plane, (height, width); gone when the frame is closed."""

    @property
    def shape(self) -> tuple[int, int]: ...
    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class VideoFrame:
    @property
    def format(self) -> VideoFormat: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def props(self) -> FrameProps: ...
    @property
    def readonly(self) -> bool: ...
    def copy(self) -> VideoFrame: ...
    def close(self) -> None: ...
    def __getitem__(self, plane: int) -> _Plane: ...
    def __len__(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

# Clips

class VideoNode:
    @property
    def format(self) -> VideoFormat: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def fps(self) -> Fraction: ...
    @property
    def fps_num(self) -> int: ...
    @property
    def fps_den(self) -> int: ...
    @property
    def num_frames(self) -> int: ...
    @property
    def gpu_resident(self) -> bool: ...
    def get_frame(self, n: int) -> VideoFrame: ...
    def frames(
        self, prefetch: int | None = None, backlog: int | None = None, close: bool = False
    ) -> Iterator[VideoFrame]: ...
    def __getitem__(self, frames: int | slice) -> VideoNode: ...
    def __add__(self, other: VideoNode) -> VideoNode: ...
    def __len__(self) -> int: ...
    @property
    def std(self) -> _Std: ...
    @property
    def resize(self) -> _Resize: ...
    @property
    def text(self) -> _Text: ...
    @property
    def mv(self) -> _MVTools: ...

class _OneFrame(Protocol):
    def __call__(self, n: int, f: VideoFrame) -> VideoFrame: ...

class _SeveralFrames(Protocol):
    def __call__(self, n: int, f: list[VideoFrame]) -> VideoFrame: ...

class _Chooser(Protocol):
    def __call__(self, n: int) -> VideoNode: ...

class _ChooserByFrame(Protocol):
    def __call__(self, n: int, f: VideoFrame) -> VideoNode: ...

class _ChooserByAnyFrame(Protocol):
    """For nodes that may or may not be given frames to look at."""

    def __call__(self, n: int, f: VideoFrame | None = None) -> VideoNode: ...

class _ChooserByFrames(Protocol):
    def __call__(self, n: int, f: list[VideoFrame]) -> VideoNode: ...

class _Std:
    """Functions of a clip, which is their first argument."""

    def AddBorders(
        self, *, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0
    ) -> VideoNode: ...
    def AssumeFPS(
        self, src: VideoNode | None = None, *, fpsnum: int | None = None, fpsden: int | None = None
    ) -> VideoNode: ...
    def BlankClip(
        self,
        *,
        width: int | None = None,
        height: int | None = None,
        format: int | None = None,
        length: int | None = None,
        fpsnum: int | None = None,
        fpsden: int | None = None,
        color: float | Sequence[float] | None = None,
        keep: bool | None = None,
        varsize: bool | None = None,
        varformat: bool | None = None,
    ) -> VideoNode: ...
    def BoxBlur(
        self,
        *,
        planes: int | Sequence[int] | None = None,
        hradius: int = 1,
        hpasses: int = 1,
        vradius: int = 1,
        vpasses: int = 1,
    ) -> VideoNode: ...
    def Convolution(
        self,
        matrix: Sequence[float],
        *,
        bias: float | None = None,
        divisor: float | None = None,
        saturate: bool | None = None,
        mode: str | None = None,
    ) -> VideoNode: ...
    def CopyFrameProps(
        self, prop_src: VideoNode, *, props: str | Sequence[str] | None = None
    ) -> VideoNode: ...
    def Crop(
        self, *, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0
    ) -> VideoNode: ...
    def CropAbs(self, width: int, height: int, *, left: int = 0, top: int = 0) -> VideoNode: ...
    def Expr(self, expr: str | Sequence[str], format: int | None = None) -> VideoNode: ...
    @overload
    def FrameEval(
        self,
        eval: _Chooser,
        *,
        clip_src: VideoNode | Sequence[VideoNode] | None = None,
    ) -> VideoNode: ...
    @overload
    def FrameEval(
        self,
        eval: _ChooserByFrame,
        *,
        prop_src: VideoNode,
        clip_src: VideoNode | Sequence[VideoNode] | None = None,
    ) -> VideoNode: ...
    @overload
    def FrameEval(
        self,
        eval: _ChooserByFrames,
        *,
        prop_src: Sequence[VideoNode],
        clip_src: VideoNode | Sequence[VideoNode] | None = None,
    ) -> VideoNode: ...
    @overload
    def FrameEval(
        self,
        eval: _ChooserByAnyFrame,
        *,
        prop_src: VideoNode | None,
        clip_src: VideoNode | Sequence[VideoNode] | None = None,
    ) -> VideoNode: ...
    def Loop(self, times: int) -> VideoNode: ...
    def MaskedMerge(
        self, clipb: VideoNode, mask: VideoNode, *, first_plane: bool | None = None
    ) -> VideoNode: ...
    def Maximum(self) -> VideoNode: ...
    @overload
    def ModifyFrame(self, clips: VideoNode, selector: _OneFrame) -> VideoNode: ...
    @overload
    def ModifyFrame(self, clips: Sequence[VideoNode], selector: _SeveralFrames) -> VideoNode: ...
    def PlaneStats(
        self, clipb: VideoNode | None = None, *, plane: int = 0, prop: str = "PlaneStats"
    ) -> VideoNode: ...
    def RemoveFrameProps(self, props: str | Sequence[str] | None = None) -> VideoNode: ...
    def SelectEvery(
        self, cycle: int, offsets: int | Sequence[int], *, modify_duration: bool | None = None
    ) -> VideoNode: ...
    def SetFieldBased(self, value: int) -> VideoNode: ...
    def SetFrameProps(self, **props: object) -> VideoNode: ...
    def SetVideoCache(
        self,
        *,
        mode: int | None = None,
        fixedsize: int | None = None,
        maxsize: int | None = None,
        maxhistory: int | None = None,
    ) -> None: ...
    def ShufflePlanes(self, planes: int | Sequence[int], colorfamily: ColorFamily) -> VideoNode: ...
    def Trim(
        self, *, first: int = 0, last: int | None = None, length: int | None = None
    ) -> VideoNode: ...

class _Kernel(Protocol):
    # numbers as VapourSynth takes them, or text for names that end in _s and for dither_type; one
    # type, because callers hand over dicts of these
    def __call__(
        self,
        width: int | None = None,
        height: int | None = None,
        format: int | None = None,
        *,
        matrix: int | str | None = None,
        matrix_s: int | str | None = None,
        transfer: int | str | None = None,
        primaries: int | str | None = None,
        range: int | str | None = None,
        range_s: int | str | None = None,
        chromaloc: int | str | None = None,
        matrix_in: int | str | None = None,
        transfer_in: int | str | None = None,
        primaries_in: int | str | None = None,
        range_in: int | str | None = None,
        chromaloc_in: int | str | None = None,
        dither_type: int | str | None = None,
    ) -> VideoNode: ...

class _Resize:
    Bicubic: _Kernel
    Bilinear: _Kernel
    Point: _Kernel
    Spline36: _Kernel

class _Text:
    def Text(self, text: str, alignment: int = 7, scale: int = 1) -> VideoNode: ...

class _MVTools:
    def Super(self, *, pel: int = 2) -> VideoNode: ...
    def Analyse(self, *, isb: bool = False, blksize: int = 8, overlap: int = 0) -> VideoNode: ...
    def FlowFPS(
        self,
        super: VideoNode,
        mvbw: VideoNode,
        mvfw: VideoNode,
        *,
        num: int = 25,
        den: int = 1,
        mask: int = 2,
    ) -> VideoNode: ...

# The core

class _CoreStd:
    """Functions of no clip or of several."""

    def BlankClip(
        self,
        clip: VideoNode | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
        format: int | None = None,
        length: int | None = None,
        fpsnum: int | None = None,
        fpsden: int | None = None,
        color: float | Sequence[float] | None = None,
        keep: bool | None = None,
    ) -> VideoNode: ...
    def Expr(
        self, clips: Sequence[VideoNode], expr: str | Sequence[str], format: int | None = None
    ) -> VideoNode: ...
    def ShufflePlanes(
        self,
        clips: VideoNode | Sequence[VideoNode],
        planes: int | Sequence[int],
        colorfamily: ColorFamily,
    ) -> VideoNode: ...
    def StackHorizontal(self, clips: Sequence[VideoNode]) -> VideoNode: ...
    def StackVertical(self, clips: Sequence[VideoNode]) -> VideoNode: ...

class _BestSource:
    def VideoSource(
        self,
        source: str | bytes,
        *,
        track: int = -1,
        timecodes: str | bytes | None = None,
        cachemode: int = 1,
        showprogress: int | None = None,
    ) -> VideoNode: ...

class _VSZip:
    def SSIMULACRA2(self, reference: VideoNode, distorted: VideoNode) -> VideoNode: ...

class LogHandle: ...

class Core:
    num_threads: int
    max_cache_size: int
    @property
    def std(self) -> _CoreStd: ...
    @property
    def bs(self) -> _BestSource: ...
    @property
    def vszip(self) -> _VSZip: ...
    def query_video_format(
        self,
        color_family: ColorFamily,
        sample_type: SampleType,
        bits_per_sample: int,
        subsampling_w: int = 0,
        subsampling_h: int = 0,
    ) -> VideoFormat: ...
    def get_video_format(self, id: int) -> VideoFormat: ...
    def create_video_frame(
        self, format: VideoFormat | int, width: int, height: int
    ) -> VideoFrame: ...
    def log_message(self, message_type: MessageType, message: str) -> None: ...
    def add_log_handler(self, handler_func: Callable[[MessageType, str], None]) -> LogHandle: ...
    def remove_log_handler(self, handle: LogHandle) -> bool: ...

core: Core
