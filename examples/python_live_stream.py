"""Raw RGB frames from stdin, twice as many to stdout, each as soon as it can be made.

When a frame has come in, the new one before it and the frame itself go out: a delay of one frame at
most, that between two frames.

ffmpeg -i in.mp4 -f rawvideo -pix_fmt rgb24 - | python python_live_stream.py 640 360 |
    ffplay -f rawvideo -pixel_format rgb24 -video_size 640x360 -framerate 50 -
"""

import sys

import numpy as np

from vsrife import Interpolator


def main(width: str, height: str, factor: str = "2") -> None:
    shape = int(height), int(width), 3
    tween = Interpolator(factor, sc=True)
    while len(data := sys.stdin.buffer.read(shape[0] * shape[1] * shape[2])):
        for frame in tween.push(np.frombuffer(data, np.uint8).reshape(shape)):
            sys.stdout.buffer.write(frame.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Exception as error:  # a size, a factor, or half a frame at the end
        sys.exit(f"error: {error}")
