"""Pictures from files, as uint8 RGB: photographs, clips and vector animations. No cache."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vsrife.errors import MediaError
from vsrife.media.reasons import reason_of
from vsrife.media.tracks.streams import film_of

Picture = npt.NDArray[np.uint8]  # (H, W, 3) RGB
Pictures = npt.NDArray[np.uint8]  # (T, H, W, 3) RGB

DRAW_SECONDS = 60  # time limit for drawing one animation
_BT709 = 1  # of AVColorSpace; all other values count as BT.601
_FULL = 2  # of AVColorRange
# By bt709: red from v, green from u, green from v, blue from u; chroma in -0.5..0.5 (H.273)
_MATRICES = {
    False: (1.402, -0.344136, -0.714136, 1.772),
    True: (1.5748, -0.187324, -0.468124, 1.8556),
}


def read_photo(path: Path) -> Picture:
    """A picture file as (H, W, 3) RGB. MediaError if it cannot be read."""
    import av

    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, StopIteration) as error:
        raise MediaError(f"cannot read the picture {path}: {reason_of(error)}") from error


def decode_clip(path: Path) -> Iterator[Picture]:
    """Every frame of a clip, by the matrix and range of its stream; chroma is interpolated.

    MediaError if it cannot be decoded.
    """
    import av

    try:
        with av.open(str(path)) as container:
            film = film_of(container)
            if film is None:
                raise MediaError(f"cannot decode {path}: it has no video")
            for frame in container.decode(film):
                yield _to_rgb(frame)
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(f"cannot decode {path}: {reason_of(error)}") from error


def _to_rgb(frame: Any) -> Picture:
    full = "j" in frame.format.name or int(frame.color_range) == _FULL
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        return frame.to_ndarray(format="rgb24")  # type: ignore[no-any-return]
    width, height = frame.width, frame.height
    planes = [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        for plane in frame.planes
    ]
    return planes_to_rgb(
        planes[0][:height, :width],
        planes[1],
        planes[2],
        full=full,
        bt709=int(frame.colorspace) == _BT709,
    )


def planes_to_rgb(
    luma: Picture, u: Picture, v: Picture, *, full: bool, bt709: bool = False
) -> Picture:
    """Luma (H, W) and chroma of half that size, uint8 -> RGB (H, W, 3); chroma is interpolated."""
    height, width = luma.shape
    y = (luma.astype(np.float32) - (0 if full else 16)) / (255 if full else 219)
    span = 255 if full else 224
    cb, cr = (
        _double(((plane.astype(np.float32) - 128) / span).astype(np.float32))[:height, :width]
        for plane in (u, v)
    )
    red, green_u, green_v, blue = _MATRICES[bt709]
    rgb = np.stack((y + red * cr, y + green_u * cb + green_v * cr, y + blue * cb), -1)
    return np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)


def through_yuv420(picture: Picture) -> Picture:
    """A picture of even size after conversion to YUV420P8, limited range, BT.601, and back."""
    rgb = picture.astype(np.float32) / 255
    y = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    u, v = (rgb[..., 2] - y) / 1.772, (rgb[..., 0] - y) / 1.402
    chroma = [
        np.rint(128 + 224 * (p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4)
        for p in (u, v)
    ]
    planes = [plane.astype(np.uint8) for plane in (np.rint(16 + 219 * y), *chroma)]
    return planes_to_rgb(*planes, full=False)


def _double(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Twice as high and wide, bilinear; a sample lies in the centre of its four pixels."""
    for axis in (0, 1):
        plane = np.moveaxis(plane, axis, 0)
        padded = np.concatenate((plane[:1], plane, plane[-1:]))
        before, after = (0.75 * plane + 0.25 * side for side in (padded[:-2], padded[2:]))
        plane = np.stack((before, after), 1).reshape(-1, *plane.shape[1:])
        plane = np.moveaxis(plane, 0, axis)
    return plane


def draw_animation(
    path: Path,
    side: int,
    background: tuple[int, int, int],
    *,
    start: float = 0.0,
    step: int = 1,
    limit: int | None = None,
) -> Pictures:
    """Frames (T, H, W, 3) of a Lottie file over a plain colour, both sides even.

    side: the longer side, pixels. background: RGB, 0..255. Starts at `start` (0..1) of the
    timeline; takes every `step`-th frame, at most `limit`. Runs in its own process, since some
    files crash rlottie; MediaError then, and if rlottie-python is missing.
    """
    if importlib.util.find_spec("rlottie_python") is None:
        raise MediaError(f"cannot draw {path}: install rlottie-python (extra `train`)")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "frames.npy"
        words = [path, target, side, *background, start, step, limit or 0]
        command = [sys.executable, "-m", __name__, *map(str, words)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=DRAW_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise MediaError(f"drawing {path} took over {DRAW_SECONDS} seconds") from error
        if done.returncode or not target.exists():
            reason = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
            raise MediaError(f"rlottie cannot draw {path}: exit code {done.returncode} {reason}")
        return np.load(target)  # type: ignore[no-any-return]


def _draw(words: list[str]) -> None:
    """The part of draw_animation that runs in the other process."""
    from rlottie_python.rlottie_wrapper import LottieAnimation

    path, target = words[:2]
    side, red, green, blue = (int(word) for word in words[2:6])
    start, step, limit = float(words[6]), int(words[7]), int(words[8])
    animation = LottieAnimation.from_file(path)
    width, height = animation.lottie_animation_get_size()
    total = animation.lottie_animation_get_totalframe()
    scale = side / max(width, height)
    width, height = (max(2, round(length * scale / 2) * 2) for length in (width, height))
    numbers = list(range(round(start * total), total, step))[: limit or None]
    frames = np.empty((len(numbers), height, width, 3), np.uint8)
    colour = np.array([red, green, blue], np.float32)
    for i, number in enumerate(numbers):
        buffer = animation.lottie_animation_render(number, None, width, height)
        bgra = np.frombuffer(buffer, np.uint8).reshape(height, width, 4).astype(np.float32)
        # rlottie premultiplies colours by alpha
        frames[i] = np.rint(
            (bgra[..., 2::-1] + colour * (1 - bgra[..., 3:] / 255)).clip(0, 255)
        ).astype(np.uint8)
    np.save(target, frames)


if __name__ == "__main__":
    _draw(sys.argv[1:])
