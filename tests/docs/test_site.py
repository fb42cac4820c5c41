"""The documentation as a site: its menu, and what checks it."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.support import needs
from tests.support.pages import PAGES, ROOT, read

GOOD = """<html><body id="top"><a href="b.html#far">b</a><a href="#top">up</a>
<a href="https://example.org">elsewhere, after a click</a><img src="p.png"></body></html>"""


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def conf(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))  # puts sys.path back as it was
    return load("docs_conf", ROOT / "docs" / "conf.py")


@pytest.fixture
def site(tmp_path):
    """A small site without faults."""
    (tmp_path / "a.html").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="far">here</p>', encoding="utf-8")
    (tmp_path / "p.png").write_bytes(b"")
    return tmp_path


def problems(folder):
    return list(load("ci_site", ROOT / ".ci" / "site.py").problems(folder))


def test_every_page_is_in_the_menu_once_under_the_section_that_links_it(conf):
    blocks = list(conf.menu(read("docs/README.md")))
    pages = [line for block in blocks for line in block.splitlines() if line.startswith("/")]
    assert len(pages) == len(set(pages))
    built = {page.removesuffix(".md") for page in PAGES} - {"README", conf.FIRST}
    assert {page.removeprefix("/") for page in pages} == built
    titles = re.findall(r"^## (.+)$", read("docs/README.md"), re.MULTILINE)
    assert [re.search(r":caption: (.+)", block)[1] for block in blocks] == titles


def test_the_menu_of_a_page_is_made_of_its_links(conf):
    text = "# T\n[out](x.md)\n\n## One\n[a](a.md), [b](../models/b.md#c)\n\n## Two\n[a](a.md)\n"
    (block,) = conf.menu(text.replace("#c", ""))
    assert block.splitlines()[-3:-1] == ["/docs/a", "/models/b"]


def test_a_site_without_faults_passes(site):
    assert problems(site) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.html", '<a href="c.html">c</a>', "c.html leads nowhere"),
        ("a.html", '<a href="b.html#near">b</a>', "no such place"),
        ("a.html", '<a href="#none">up</a>', "no such place"),
        ("a.html", '<img src="q.png">', "q.png leads nowhere"),
        ("a.html", '<script src="https://cdn.example/x.js"></script>', "loaded from elsewhere"),
        ("a.html", '<link href="//fonts.example/f.css">', "loaded from elsewhere"),
        ("s.css", "p { background: url('https://x.example/p.png') }", "loads from elsewhere"),
        ("s.css", "@import 'other.css';", "loads from elsewhere"),
    ],
)
def test_a_fault_of_a_site_is_seen(site, name, text, fault):
    (site / name).write_text(text, encoding="utf-8")
    assert len(found := problems(site)) == 1
    assert fault in found[0]
    assert found[0].startswith(name)


def test_the_build_takes_warnings_as_errors_and_lands_in_ci_run():
    assert " -W " in read(".ci/docs")
    assert re.search(r"^\.ci/docs\b", read(".ci/run"), re.MULTILINE)


@pytest.mark.slow
def test_the_whole_site_builds_and_its_search_works_as_files_without_a_network(tmp_path):
    needs.package("sphinx")
    from tests.support.chromium import chromium  # not for Windows

    out = tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-d", tmp_path / "trees"]
    subprocess.run([*command, "-c", "docs", ".", out], cwd=ROOT, check=True)
    subprocess.run([sys.executable, ROOT / ".ci" / "site.py", out], check=True)
    with chromium(tmp_path) as page:
        page("Page.navigate", url=(out / "search.html").as_uri() + "?q=stutter")
        page.wait("document.querySelectorAll('#search-results li a').length > 0")
        found = page.js("[...document.querySelectorAll('#search-results a')].map(a => a.href)")
        assert any("trouble.html" in each for each in found)
        assert page.errors == []
        assert all(each.startswith(("file:", "data:")) for each in page.requests)
