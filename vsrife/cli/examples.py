"""Examples in the help of each command; tests run them."""

from __future__ import annotations

# Command -> lines that run as they are where in.mkv, a.png and b.png are files
EXAMPLES: dict[str, tuple[str, ...]] = {
    "render": (
        "vsrife render in.mkv -o out.mkv",
        "vsrife render in.mkv -o out.mp4 --fps 60 --sc adaptive",
    ),
    "demo": ("vsrife demo",),
    "between": ("vsrife between a.png b.png -n 3 -o between",),
    "scenes": ("vsrife scenes in.mkv -o scores.csv",),
    "compare": ("vsrife compare in.mkv out.mkv -o page.html",),
    "script": ("vsrife script in.mkv -o in.vpy",),
    "export": ("vsrife export nano -o nano.onnx",),
    "doctor": ("vsrife doctor",),
    "bench": ("vsrife bench --size 640x360,1280x720",),
    "build": ("vsrife build --size 1920x1080 --provider cpu",),
    "quantize": ("vsrife quantize nano in.mkv -o nano-int8.onnx",),
    "models": ("vsrife models list", "vsrife models info 4.25", "vsrife models verify"),
    "train": (
        "vsrife train pyramid -o runs/one --minutes 600 --footage MEDIA",
        "vsrife train pyramid -o runs/one --minutes 600 --footage MEDIA --resume",
    ),
    "eval": (
        "vsrife eval in.mkv",
        "vsrife eval --cases pans,text --size 640x360",
    ),
    "help": ("vsrife help render", "vsrife help render scene changes", "vsrife help models fetch"),
}


def text_of(command: str) -> str | None:
    """The end of a command's help."""
    lines = EXAMPLES.get(command, ())
    return "\n".join(["examples:", *(f"  {line}" for line in lines)]) if lines else None
