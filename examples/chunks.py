"""A film in four parts at a time, as Av1an does it: four `vspipe -s -e`, each with its encoder.

No frame at the borders is lost or made twice: new frames depend on their place in the film alone.

    python chunks.py double.vpy in.mkv out.mkv

`vsrife render` does the same by itself, and goes on after a crash.
"""

import itertools
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PARTS = 4


def main(script: str, source: str, out: str) -> None:
    vspipe = shutil.which("vspipe") or str(Path(sysconfig.get_path("scripts"), "vspipe"))
    call = [vspipe, script, "--arg", f"source={Path(source).resolve()}"]
    count = length([*call, "--info", "-"])
    ends = [count * k // PARTS for k in range(PARTS + 1)]
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder, f"{k}.mkv") for k in range(PARTS)]
        running = [
            encode([*call, "-s", str(begin), "-e", str(end - 1), "-", "-c", "y4m"], part)
            for (begin, end), part in zip(itertools.pairwise(ends), parts, strict=True)
            if begin < end
        ]
        if any([process.wait() for pair in running for process in pair]):  # noqa: C419 -- wait for all
            sys.exit("a part failed; what went wrong is above")
        names = Path(folder, "parts.txt")
        names.write_text("".join(f"file '{part.name}'\n" for part in parts if part.exists()))
        join = ["ffmpeg", "-v", "error", "-y", "-f", "concat", "-i", str(names), "-c", "copy", out]
        subprocess.run(join, check=True)


def length(call: list[str]) -> int:
    told = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("Frames:"))


def encode(call: list[str], part: Path) -> tuple[subprocess.Popen, subprocess.Popen]:
    vspipe = subprocess.Popen(call, stdout=subprocess.PIPE)
    encoder = ["ffmpeg", "-v", "error", "-i", "-", "-c:v", "libx264", str(part)]
    process = subprocess.Popen(encoder, stdin=vspipe.stdout)
    vspipe.stdout.close()  # so that vspipe ends if the encoder does
    return process, vspipe


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Exception as error:  # vspipe and ffmpeg say the rest
        sys.exit(f"error: {error}")
