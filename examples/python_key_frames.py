"""Draw every k-th frame of an animation, and interpolate the rest: what that saves and costs.

python python_key_frames.py                          frames that this script draws itself
python python_key_frames.py FOLDER --seconds 2.5     finished frames; each took 2.5 s to make

A pipeline of your own that is a generator goes straight in: interpolate(pipeline(), factor=4).
"""

import argparse
import time
from pathlib import Path

import numpy as np

from vsrife import Interpolator

EVERY = (2, 3, 4, 6, 8)


def main() -> None:
    args = read_arguments()
    frames = load(args.folder) if args.folder else [draw(n) for n in range(49)]
    similarity = ssimulacra2(frames[0])
    print(
        f"{len(frames)} frames of {frames[0].shape[1]}x{frames[0].shape[0]}, {args.seconds} s each"
    )
    print("| key frames | drawn | time saved | PSNR, dB | worst | SSIMULACRA2 |")
    print("|---|---|---|---|---|---|")
    tweens = {k: Interpolator(k, backend=args.backend, model=args.model) for k in EVERY}
    for every, tween in tweens.items():  # which share one network
        count = (len(frames) - 1) // every * every + 1  # the last one must be a key frame
        list(tween(frames[:2]))  # open the network, which is not counted
        started = time.perf_counter()
        made = list(tween(frames[:count:every]))
        took = time.perf_counter() - started
        keys = (count + every - 1) // every
        saved = 1 - (keys * args.seconds + took) / (count * args.seconds)
        new = [n for n in range(count) if n % every]
        dB = [psnr(made[n], frames[n]) for n in new]  # noqa: N806 -- the unit's own spelling
        seen = (
            f"{np.mean([similarity(made[n], frames[n]) for n in new]):.1f}" if similarity else "-"
        )
        print(
            f"| every {every}. | {keys} of {count} | {saved:.0%} | {np.mean(dB):.1f} "
            f"| {min(dB):.1f} | {seen} |",
            flush=True,
        )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of PNG files, all frames drawn")
    parser.add_argument("--seconds", type=float, default=5.0, help="that one frame takes to make")
    parser.add_argument("--backend", help="onnx, openvino or pytorch")
    parser.add_argument("--model", help="such as 4.25")
    return parser.parse_args()


def load(folder: Path) -> list[np.ndarray]:
    from PIL import Image

    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]


def draw(n: int, width: int = 256, height: int = 192) -> np.ndarray:
    """Discs that circle over stripes, (H, W, 3) of uint8: stands in for a slow pipeline."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = np.stack([120 + 60 * np.sin((x + n) / (9 + 5 * c)) for c in range(3)], -1)
    for k in range(5):
        angle = 0.03 * n * (1 + 0.2 * k) + k
        centre = width / 2 + 80 * np.cos(angle), height / 2 + 55 * np.sin(angle * 1.1)
        cover = np.clip(14 + 4 * k - np.hypot(x - centre[0], y - centre[1]), 0, 1)[..., None]
        picture += cover * (np.array([250 - 45 * k, 40 + 40 * k, 90 + 30 * k]) - picture)
    return picture.round().astype(np.uint8)


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    error = np.square(picture.astype(np.float64) - truth).mean()
    return 10 * float(np.log10(255**2 / max(error, 1e-5)))


def ssimulacra2(like: np.ndarray):
    """A function that scores a picture against the truth, 100 for equal; None without vszip."""
    try:
        import vapoursynth as vs
    except ImportError:
        return None
    if not hasattr(vs.core, "vszip"):
        return None
    height, width = like.shape[:2]
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1, keep=True)

    def clip_of(picture):
        def paint(n, f):
            frame = f.copy()
            for plane in range(3):
                np.asarray(frame[plane])[:] = picture[..., plane]
            return frame

        return blank.std.ModifyFrame(blank, paint).std.SetFrameProps(_Transfer=13, _Primaries=1)

    def score(picture, truth):
        compared = vs.core.vszip.SSIMULACRA2(clip_of(truth), clip_of(picture))
        return compared.get_frame(0).props["SSIMULACRA2"]

    return score


if __name__ == "__main__":
    main()
