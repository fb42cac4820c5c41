"""Prints a command of the README's section "Two commands": `readme_commands.py 1` or `2`.

With `newest` after it, the command without the pinned versions.
"""

import re
import sys
from pathlib import Path

FENCE = re.compile(r"^```(?:sh|bash)\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
PINNED = "-c .ci/constraints.txt "


def commands() -> list[str]:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Two commands", 1)[1].split("\n## ", 1)[0]
    return FENCE.findall(section)


if __name__ == "__main__":
    number, *newest = sys.argv[1:]
    command = commands()[int(number) - 1]
    if PINNED not in command:
        sys.exit(f"the README's command {number} does not say {PINNED.strip()!r}")
    print(command.replace(PINNED, "") if newest == ["newest"] else command)
