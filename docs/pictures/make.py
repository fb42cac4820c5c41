"""Makes the pictures of the documentation: `python docs/pictures/make.py [KIND...]`; all by itself.

Kinds: drawings, frames, screens.

Drawings (SVG) are made of drawings.py, charts.py and figures.toml, with the same bytes everywhere;
tests/docs compares them. Frames (PNG) come out of rife() with the embedded model, so they need the
filter to run; their last bit may differ between machines. Screens (PNG) are what commands show,
the page of compare in Chromium for one.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from charts import CHARTS  # noqa: E402  # after the path that leads to it
from drawings import DRAWINGS  # noqa: E402


def drawings() -> dict[str, str]:
    """File name -> text of each drawing."""
    return {f"{name}.svg": str(draw()) for name, draw in (DRAWINGS | CHARTS).items()}


def main(asked: list[str]) -> None:
    wanted = asked or ["drawings", "frames", "screens"]
    if "drawings" in wanted:
        for name, text in drawings().items():
            (HERE / name).write_text(text, encoding="utf-8", newline="\n")
    if "frames" in wanted:
        import effects

        effects.write_all(HERE)
    if "screens" in wanted:
        import screens

        screens.write_all(HERE)


if __name__ == "__main__":
    main(sys.argv[1:])
