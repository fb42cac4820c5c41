"""Finishes a built site and checks it: `site.py FOLDER`.

Writes index.html, then reads every page: each link and picture leads to a file of the site and to
a name in it, and nothing is loaded from elsewhere, so that the site works without a network.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

START = "docs/README.html"
INDEX = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>vsrife</title>
<meta http-equiv="refresh" content="0; url={START}"></head>
<body><a href="{START}">vsrife</a></body></html>
"""
# Tags whose address is fetched when the page is shown; that of others waits for a click.
LOADS = {"audio", "embed", "iframe", "img", "link", "object", "script", "source", "track", "video"}
STYLE_LOADS = re.compile(r"url\(\s*['\"]?(\w+:)?//|@import")


class Page(HTMLParser):
    """What a page names, and what it refers to: (tag, address)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.references: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for key, value in attributes:
            if key in ("id", "name") and value:
                self.names.add(value)
            if key in ("href", "src", "data") and value:
                self.references.append((tag, value))


def problems(folder: Path) -> Iterator[str]:
    """A line for each reference that leads nowhere or loads something from elsewhere."""
    pages = {
        path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")
    }
    for path, page in pages.items():
        for tag, address in page.references:
            if wrong := _wrong(path, tag, address, pages):
                yield f"{path.relative_to(folder.resolve())}: {address} {wrong}"
    for path in folder.rglob("*.css"):
        if STYLE_LOADS.search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(folder)}: loads from elsewhere"


def _wrong(path: Path, tag: str, address: str, pages: dict[Path, Page]) -> str:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return "is loaded from elsewhere" if tag in LOADS else ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "leads nowhere"
    page = pages.get(target)
    if page and parts.fragment and unquote(parts.fragment) not in page.names:
        return "leads to no such place in the page"
    return ""


if __name__ == "__main__":
    site = Path(sys.argv[1])
    (site / "index.html").write_text(INDEX, encoding="utf-8", newline="\n")
    if wrong := list(problems(site)):
        sys.exit("\n".join(wrong))
    files = [path for path in site.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 2**20
    print(f"{sum(path.suffix == '.html' for path in files)} pages, {size:.1f} MiB")
