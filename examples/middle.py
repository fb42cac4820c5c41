"""The frame half way between two pictures, with an exported model and ONNX Runtime alone.

vsrife export nano -o nano.onnx
python middle.py nano.onnx left.png right.png middle.png
"""

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when ONNX Runtime is imported, not later
import onnxruntime


def main(model: str, left: str, right: str, out: str) -> None:
    flow = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    unit = int(flow.get_modelmeta().custom_metadata_map["modulo"])
    frames = [read(path, unit) for path in (left, right)]
    beside = Path(model).with_suffix(".encode.onnx")
    if beside.exists():
        encoder = onnxruntime.InferenceSession(beside, providers=["CPUExecutionProvider"])
        frames = [encoder.run(["features"], {"image": frame})[0] for frame in frames]
    feeds = {"left": frames[0], "right": frames[1], "timestep": np.full((1, 1, 1, 1), 0.5)}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    image, confidence = flow.run(["image", "confidence"], feeds)
    width, height = Image.open(left).size
    picture = image[0, :, :height, :width].transpose(1, 2, 0)
    Image.fromarray((picture * 255 + 0.5).clip(0, 255).astype(np.uint8)).save(out)
    print(f"{out}, confidence {confidence[0]:.2f}")


def read(path: str, unit: int) -> np.ndarray:
    """(1, 3, H, W) in 0..1, edges repeated up to multiples of `unit`."""
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    height, width = pixels.shape[:2]
    pixels = np.pad(pixels, ((0, -height % unit), (0, -width % unit), (0, 0)), "edge")
    return pixels.transpose(2, 0, 1)[None]


if __name__ == "__main__":
    main(*sys.argv[1:])
