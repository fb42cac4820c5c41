"""Prints a command of the README's section "Two commands": `readme_commands.py 1` or `2`."""

import re
import sys
from pathlib import Path

FENCE = re.compile(r"^```(?:sh|bash)\n(.*?)\n```$", re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Two commands", 1)[1].split("\n## ", 1)[0]
    return FENCE.findall(section)


if __name__ == "__main__":
    print(commands()[int(sys.argv[1]) - 1])
