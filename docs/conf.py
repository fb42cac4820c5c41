"""How the documentation becomes a site: `.ci/docs` builds it with Sphinx, MyST and furo.

The pages are plain Markdown that a code host shows as they are. docs/README.md is the table of
contents: its sections are the headings of the site's menu, and their links are the pages.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIRST = "docs/README"  # as Sphinx names pages: without .md
sys.path.insert(0, str(ROOT))

from vsrife.version import __version__  # noqa: E402  # after the path that leads to it

project = "vsrife"
author = copyright = "the vsrife authors"
release = __version__

extensions = ["myst_parser"]
# The source folder is the repository, so that links from docs/ to models/ and examples/ hold.
root_doc = FIRST
source_suffix = {".md": "markdown"}
include_patterns = ["docs/**.md", "models/*.md"]
exclude_patterns = [
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("docs", "models")
]
nitpicky = True
myst_heading_anchors = 4  # as code hosts make them

html_theme = "furo"
html_title = f"vsrife {release}"
html_theme_options = {"top_of_page_buttons": []}  # an editor elsewhere is not ours to offer
html_show_copyright = False
html_show_search_summary = False  # is fetched, which browsers refuse for files without a server
html_show_sourcelink = html_copy_source = False

_SECTION = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)
_PAGE = re.compile(r"\]\(([^)#\s:]+)\.md\)")


def menu(text: str) -> Iterator[str]:
    """A hidden table of contents for each section of the first page: its title and its links."""
    seen: set[str] = set()
    for title, body in _SECTION.findall(text):
        pages = [page for page in dict.fromkeys(_PAGE.findall(body)) if page not in seen]
        seen.update(pages)
        if pages:
            names = [f"/{posixpath.normpath(posixpath.join('docs', page))}" for page in pages]
            yield "\n".join(
                ["", "```{toctree}", ":hidden:", f":caption: {title}", "", *names, "```"]
            )


def _add_menu(app: Any, page: str, source: list[str]) -> None:
    if page == FIRST:
        source[0] += "\n".join(menu(source[0]))


def setup(app: Any) -> None:
    app.connect("source-read", _add_menu)
