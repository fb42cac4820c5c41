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
    flow = start(model)
    said = flow.get_modelmeta().custom_metadata_map
    if [each.name for each in flow.get_inputs()] != ["left", "right", "timestep"]:
        raise ValueError(f"{model} is no file of two frames that vsrife export has written")
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in (left, right)]
    if pictures[0].shape != pictures[1].shape:
        raise ValueError(f"{left} and {right} must have one size")
    frames = [padded(picture, int(said["modulo"])) for picture in pictures]
    if flow.get_inputs()[0].shape[1] > 3:  # pictures, and what the encoder made of them
        beside = str(Path(model).with_suffix(".encode.onnx"))
        encoder = start(beside)
        facts = encoder.get_modelmeta().custom_metadata_map
        if facts.get("weights_sha256") != said.get("weights_sha256"):
            raise ValueError(f"{beside} is of other weights than {model}; export both again")
        frames = [encoder.run(["features"], {"image": frame})[0] for frame in frames]
    feeds = {"left": frames[0], "right": frames[1], "timestep": np.full((1, 1, 1, 1), 0.5)}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    image, confidence = flow.run(["image", "confidence"], feeds)
    height, width = pictures[0].shape[:2]
    picture = image[0, :, :height, :width].transpose(1, 2, 0)
    Image.fromarray((picture * 255 + 0.5).clip(0, 255).astype(np.uint8)).save(out)
    print(f"{out}, confidence {confidence[0]:.2f}")


def start(path: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def padded(picture: np.ndarray, unit: int) -> np.ndarray:
    """(1, 3, H, W) in 0..1, edges repeated up to multiples of `unit`."""
    height, width = picture.shape[:2]
    pixels = np.pad(picture, ((0, -height % unit), (0, -width % unit), (0, 0)), "edge")
    return pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Exception as error:  # of ONNX Runtime and Pillow, too, whose text has the file's name
        sys.exit(f"error: {' '.join(str(error).split())}")
