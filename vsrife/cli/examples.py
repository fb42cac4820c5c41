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
        "vsrife train nano -o runs/one --minutes 600 --footage MEDIA",
        "vsrife train nano -o runs/one --minutes 600 --footage MEDIA --resume",
    ),
    "eval": (
        "vsrife eval in.mkv",
        "vsrife eval --cases pans,text --size 640x360",
    ),
    "help": ("vsrife help render", "vsrife help render scene changes", "vsrife help models fetch"),
}

# Command -> group of its options -> a line that runs where crop.vpy is a file, too
OF_GROUPS: dict[str, dict[str, str]] = {
    "render": {
        "positional arguments": "vsrife render in.mkv -o out.mkv",
        "options": "vsrife render in.mkv -o out.mkv --preset-for film --overwrite",
        "time": "vsrife render in.mkv -o out.mkv --fps 59.94 --start 0 --count 10s",
        "scene changes": "vsrife render in.mkv -o out.mkv --sc adaptive --sc-mode nearest",
        "duplicates": "vsrife render in.mkv -o out.mkv --duplicates fill",
        "picture": "vsrife render in.mkv -o out.mkv --protect",
        "colour": "vsrife render in.mkv -o out.mkv --matrix 709 --color-range limited",
        "network": "vsrife render in.mkv -o out.mkv --scale 0.5 --tta flip",
        "device": "vsrife render in.mkv -o out.mkv --device cpu --num-streams 2",
        "TensorRT": "vsrife render in.mkv -o out.mkv --trt --trt-optimization-level 3",
        "encoder": "vsrife render in.mkv -o out.mkv --encoder x265 --crf 20 --audio aac",
        "scripts": "vsrife render in.mkv -o out.mkv --before crop.vpy",
        "many workers": "vsrife render in.mkv -o out.mkv --workers auto",
        "while it runs": "vsrife render in.mkv -o out.mkv --log render.log --nice",
    }
}


def text_of(command: str, group: str | None = None) -> str | None:
    """The end of a command's help, or of that of a group of its options."""
    if group is not None:
        of_group = OF_GROUPS.get(command, {}).get(group)
        return None if of_group is None else f"example:\n  {of_group}"
    lines = EXAMPLES.get(command, ())
    return "\n".join(["examples:", *(f"  {line}" for line in lines)]) if lines else None
