"""Still images as clips: PNG, TIFF, OpenEXR and others, with alpha."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs

from vsrife.errors import MediaError
from vsrife.media.reasons import reason_of
from vsrife.media.stills.orientation import upright, upright_size
from vsrife.media.timestamps import Times
from vsrife.media.writing.convert import LINEAR, format_id
from vsrife.messages import note
from vsrife.video.frames import ALPHA

if TYPE_CHECKING:
    import av

READABLE = (".png", ".tif", ".tiff", ".exr", ".jpg", ".jpeg", ".bmp", ".webp", ".dpx")
_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")  # the last number of a name
_SHOWN_GAPS = 5


@dataclass(frozen=True)
class Numbered:
    """Image files in order. numbers: of each one; counted from 0 if names have none."""

    files: tuple[Path, ...]
    numbers: tuple[int, ...]

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """The numbers before and after each gap. A step that is always the same is no gap."""
        step = self._step()
        return tuple((a, b) for a, b in pairwise(self.numbers) if b - a != step)

    def times(self, rate: Fraction) -> Times:
        """Times at `rate` images per second; an image before a gap is held, so that all else stays
        in sync."""
        step = self._step()
        ticks = [(number - self.numbers[0]) // step for number in self.numbers]
        return Times(1 / rate, [*ticks, ticks[-1] + 1])

    def _step(self) -> int:
        return gcd(*(b - a for a, b in pairwise(self.numbers))) or 1


HELD = "the image before a gap is held longer"  # where times are kept
IGNORED = "the images are taken as if none were missing; --cfr fills the gaps"


def find_images(folder: Path, about_gaps: str = HELD) -> Numbered:
    """The images of a folder, by the last number in their names, else by name.

    A note names the gaps, and says what becomes of them: about_gaps. MediaError if there are none,
    or several sequences.
    """
    names = sorted(p for p in folder.iterdir() if p.suffix.lower() in READABLE and p.is_file())
    names = [path for path in names if not path.name.startswith(".")]
    if not names:
        raise MediaError(f"{folder} has no images; {', '.join(READABLE)} are read")
    found: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for path in names:
        match = _NUMBERED.fullmatch(path.stem)
        key = (match[1] + "*" + match[3], path.suffix.lower()) if match else ("", "")
        found.setdefault(key, []).append((int(match[2]) if match else 0, path))
    if ("", "") in found:  # names without numbers: the order of names is all there is
        return Numbered(tuple(names), tuple(range(len(names))))
    if len(found) > 1:
        several = ", ".join(sorted(before + end for before, end in found))
        raise MediaError(f"{folder} has several sequences ({several}); keep one in a folder")
    (listed,) = found.values()
    listed.sort()
    numbered = Numbered(tuple(path for _, path in listed), tuple(number for number, _ in listed))
    doubled = next((b for (a, _), (n, b) in pairwise(listed) if a == n), None)
    if doubled is not None:
        raise MediaError(f"{folder} has two images of one number; one is {doubled.name}")
    _note_gaps(numbered, about_gaps)
    return numbered


def _note_gaps(numbered: Numbered, about: str) -> None:
    gaps = numbered.gaps
    if gaps:
        shown = ", ".join(f"{a} to {b}" for a, b in gaps[:_SHOWN_GAPS])
        more = f" and {len(gaps) - _SHOWN_GAPS} more" if len(gaps) > _SHOWN_GAPS else ""
        note(f"numbers are missing from {shown}{more}; {about}")


def open_images(files: Sequence[Path], rate: Fraction) -> vs.VideoNode:
    """Images of one size as a clip: GRAY8, GRAY16, RGB24, RGB48, or RGBS (OpenEXR: linear light).

    Format, size and alpha (in `_Alpha`, straight) are those of the first image; deeper ones keep
    their bits. Each is turned as it says that it is to be displayed. MediaError if the first cannot
    be read; vapoursynth.Error for a later one that cannot be read or has another size.
    """
    first = _decoded(files[0])
    planar, size = _planes_of(first), upright_size(first)
    bits = 32 if planar.endswith("f32") else 16 if planar.endswith("16") else 8
    family = vs.GRAY if planar.startswith("gray") else vs.RGB
    base = vs.core.std.BlankClip(
        format=format_id(family, bits), width=size[0], height=size[1], length=len(files),
        fpsnum=rate.numerator, fpsden=rate.denominator, keep=True,
    )  # fmt: skip
    props = {"_Range": int(vs.RANGE_FULL)}
    props |= {"_Matrix": 0} if family == vs.RGB else {}
    base = base.std.SetFrameProps(**props, **({"_Transfer": LINEAR} if bits == 32 else {}))
    clips = [base]
    if planar.startswith("gbra"):
        clips.append(base.std.BlankClip(format=format_id(vs.GRAY, bits), keep=True))

    def fill(n: int, f: Any) -> Any:
        frames = f if isinstance(f, list) else [f]
        picture = _decoded(files[n])
        if (own := upright_size(picture)) != size:
            raise MediaError(
                f"{files[n]} is {own[0]}x{own[1]}, the first image {size[0]}x{size[1]}; all must "
                "have one size"
            )
        planes = [upright(x, picture) for x in _arrays(picture.reformat(format=planar))]
        made: Any = frames[0].copy()
        for index in range(made.format.num_planes):
            np.asarray(made[index])[:] = planes[index]
        if len(frames) == 2:
            alpha = frames[1].copy()
            np.asarray(alpha[0])[:] = planes[-1]
            made.props[ALPHA] = alpha
        return made

    node: Any = base
    result: vs.VideoNode = node.std.ModifyFrame(clips, fill)
    return result


def _decoded(path: Path) -> av.VideoFrame:
    import av

    try:
        with av.open(str(path.resolve())) as container:
            frames = container.decode(video=0)
            first = next(frames)
            if container.streams.video[0].codec_context.name == "mjpeg" and _has_alpha(first):
                first = first.reformat(format="gbrp")  # of CMYK; JPEG holds no alpha
            # "png_pipe" and its like read single images; a .jpg of a phone may hold a second one
            if container.format.name.endswith("_pipe") or next(frames, None) is None:
                return first
    except (av.FFmpegError, OSError, StopIteration, IndexError) as error:
        raise MediaError(f"{path} is no image that can be read: {reason_of(error)}") from error
    raise MediaError(
        f"{path} holds several pictures, so it is a film and no image; vsrife render takes it alone"
    )


def _planes_of(picture: av.VideoFrame) -> str:
    """The format of the planes that hold an image without loss."""
    kind = picture.format
    bits = max(each.bits for each in kind.components)
    alpha = kind.has_palette or _has_alpha(picture)
    if alpha and kind.has_palette:
        rgba = _arrays(picture.reformat(format="gbrap"))
        alpha = bool((rgba[-1] != 255).any())
    depth = "f32" if "f32" in kind.name or "f16" in kind.name else "16" if bits > 8 else ""
    if not alpha and not depth.startswith("f") and kind.name.startswith(("gray", "mono")):
        return f"gray{depth}"
    return f"gbr{'a' if alpha else ''}p{depth}"


def _has_alpha(picture: av.VideoFrame) -> bool:
    return any(each.is_alpha for each in picture.format.components)


def _arrays(picture: Any) -> list[Any]:
    """Planes of a planar picture as (height, width) arrays, in the order R, G, B, A or grey."""
    name = picture.format.name
    kind = np.float32 if "f32" in name else np.uint16 if "16" in name else np.uint8
    planes = [
        np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : picture.width]
        for plane in picture.planes
    ]
    return planes if len(planes) == 1 else [planes[2], planes[0], planes[1], *planes[3:]]
