"""The step after a flow-only TFLite file: warp both frames and blend them. Reference in numpy.

    python warp.py FILE.tflite LEFT.png RIGHT.png OUT.png [TIMESTEP]

Needs numpy; as a command also ai-edge-litert and pillow. warp.frag and warp.metal beside it do the
same on a GPU. All arrays are (H, W, C).
"""

from __future__ import annotations

import sys

import numpy as np


def sample(image, x, y):
    """`image` at (x, y), pixels from the centre of the first one: bilinear, edge repeated."""
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = image[top, left] * (1 - across) + image[top, right] * across
    lower = image[below, left] * (1 - across) + image[below, right] * across
    return upper * (1 - down) + lower * down


def new_frame(left, right, flow, mask):
    """The frame between `left` and `right` (H, W, 3), from the outputs of the file.

    flow (H / 2, W / 2, 4): pixels at full size, x before y; channels 0-1 point into left, 2-3 into
    right. mask (H / 2, W / 2, 1): left's share, 0 to 1.
    """
    y, x = np.mgrid[: left.shape[0], : left.shape[1]].astype(np.float32)
    # a pixel's centre, in pixels of half the size
    half = (x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5
    flow, mask = sample(flow, *half), sample(mask, *half)
    from_left = sample(left, x + flow[..., 0], y + flow[..., 1])
    from_right = sample(right, x + flow[..., 2], y + flow[..., 3])
    return from_right + mask * (from_left - from_right)


def main(file, left, right, out, timestep="0.5"):
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image

    run = Interpreter(file).get_signature_runner()
    _, height, width, _ = run.get_input_details()["left"]["shape"]

    def read(path):
        """To 0..1, and padded to the size that the file takes."""
        pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        rows, columns = height - pixels.shape[0], width - pixels.shape[1]
        if rows < 0 or columns < 0:
            sys.exit(f"{path} is larger than {width}x{height}; export with a larger --size")
        return np.pad(pixels, ((0, rows), (0, columns), (0, 0)), "edge"), pixels.shape

    (one, shape), (two, other) = read(left), read(right)
    if shape != other:
        sys.exit(f"{left} and {right} must have one size")
    if not 0 < float(timestep) < 1:
        sys.exit(f"TIMESTEP must be between 0, left, and 1, right, not {timestep}")
    time = np.full((1, 1, 1, 1), float(timestep), np.float32)
    found = run(left=one[None], right=two[None], timestep=time)
    image = found["image"][0] if "image" in found else new_frame(
        one, two, found["flow"][0], found["mask"][0]
    )  # fmt: skip  # one thing, not four
    image = image[: shape[0], : shape[1]].clip(0, 1) * 255
    Image.fromarray(np.rint(image).astype(np.uint8)).save(out)


if __name__ == "__main__":
    if not 5 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Exception as error:  # of LiteRT and Pillow, whose text has the file's name
        sys.exit(f"error: {' '.join(str(error).split())}")
