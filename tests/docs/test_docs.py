"""What the documents say is what the program has."""

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.support.clips import clip_of, noise
from tests.support.pages import PACKAGE, PAGES, ROOT, options_of, read, table_after
from vsrife import __version__, cli, rife
from vsrife.network.table import VERSIONS


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_in(page):
    """Every piece of code: fenced and indented blocks, line by line, and inline code."""
    text = read(page)
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks += re.findall(r"^(?: {4}.*\n?)+", rest, re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return lines + [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]


# Tables that repeat the code


def test_generated_parts_are_what_the_code_says_now():
    generator = load_generator()
    parts = []
    for page in PAGES:
        parts += generator.PART.findall(read(page))
        assert generator.renewed(read(page)) == read(page), f"{page}: run python docs/generate.py"
    assert sorted(name for name, _ in parts) == sorted(generator.PARTS)


def test_the_generator_mends_what_is_stale():
    page = "docs/reference/models.md"
    stale = read(page).replace("| `4.25` |", "| `4.52` |")
    assert stale != read(page)
    assert load_generator().renewed(stale) == read(page)


def test_every_parameter_of_the_filter_is_documented_in_order_with_its_default():
    given = {
        f"`{name}`": "" if each.default is inspect.Parameter.empty else each.default
        for name, each in inspect.signature(rife).parameters.items()
    }
    rows = table_after("docs/reference/parameters.md", "# Parameters of rife()")
    assert [row[0] for row in rows[:21]] == list(given)[:21]
    assert sorted(row[0] for row in rows) == sorted(given)
    for name, default, *_ in rows:
        written = default.strip("`")
        assert (ast.literal_eval(written) if written else "") == given[name], name


def test_every_exit_code_is_documented():
    codes = {str(code) for code in (cli.OK, cli.FAILED, cli.USAGE, cli.INTERRUPTED)}
    rows = table_after("docs/reference/command-line.md", "# Command line")
    assert {row[0] for row in rows} == codes


def test_every_environment_variable_is_documented():
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    rows = table_after("docs/reference/properties.md", "## Environment variables")
    documented = {row[0].strip("`") for row in rows}
    assert {name for name in documented if name.startswith("VSRIFE_")} == set(
        re.findall(r"\bVSRIFE_[A-Z_]*[A-Z]\b", text)
    )


def corner():
    """One in 20 x 20 pixels of 160 x 160, nothing elsewhere."""
    picture = np.zeros((3, 160, 160))
    picture[:, :20, :20] = 0.1
    return picture


def test_every_property_of_a_new_frame_is_documented(weights):
    clip = clip_of(lambda n: noise(160, 160)(0) + (n + np.zeros((3, 160, 160))) * corner(), 2)
    ways = [{}, {"shutter": 180}]  # of the first, a part is computed
    frames = [rife(clip, model=weights(), **way).get_frame(1) for way in ways]
    text = read("docs/reference/properties.md").split("## Properties of the result", 1)[1]
    named = set(re.findall(r"`(_Rife\w+)`", text))
    found = {name for frame in frames for name in frame.props if name.startswith("_Rife")}
    assert found == named


def test_the_changelog_has_the_version_and_dates_what_is_released():
    headings = re.findall(r"^## (.+)$", read("docs/changelog.md"), re.MULTILINE)
    assert headings[0].split()[0] == __version__
    assert all(
        re.fullmatch(r"\d+\.\d+\.\d+ \((\d{4}-\d\d-\d\d|unreleased)\)", each) for each in headings
    )
    assert not any("unreleased" in each for each in headings[1:])


def test_every_decision_has_a_date():
    entries = re.split(r"^- ", read("docs/decisions.md"), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.search(r"\*\*\s+\(\d{4}-\d\d-\d\d\)", entry), entry


def test_the_drawing_of_folders_names_every_folder_and_module_at_the_root():
    drawing = read("docs/architecture.md").split("## The folders", 1)[1]
    words = set(re.findall(r"\w+", drawing.split("```")[1]))
    names = {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    names |= {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert names <= words


def test_every_version_is_an_official_name():
    assert all(re.fullmatch(r"4\.\d+(\.lite|\.heavy)?", name) for name in VERSIONS)


# Code in the text


def test_the_readme_has_exactly_two_commands_of_one_line_each():
    text = read("README.md").split("## Two commands", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert [block.count("\n") for block in blocks] == [1, 1]
    assert text.count("```") == 4


@functools.cache
def calls_in(page):
    """Words of each call of `vsrife COMMAND` in a page."""
    lines = (re.match(r"(?:\. \S+ && )?(?:\S*/)?vsrife ([a-z].*)", each) for each in code_in(page))
    return [shlex.split(found[1]) for found in lines if found]


def check_call(command, *words):
    assert command in cli.COMMANDS
    known = options_of(command, words[0] if command == "models" and words else None)
    used = {word for word in words if re.match(r"--?[a-z]", word)}
    assert used <= known, f"vsrife {command} has no {used - known}"


CALLED = [page for page in PAGES if calls_in(page)]


@pytest.mark.parametrize("page", CALLED)
def test_commands_in_the_text_exist_and_have_these_options(page):
    calls = [words for words in calls_in(page) if words[0].islower()]
    assert calls
    for words in calls:
        check_call(*words)


def test_a_command_or_an_option_that_does_not_exist_is_seen():
    assert "docs/guide/training.md" in CALLED
    with pytest.raises(AssertionError, match="has no"):
        check_call("train", "nano", "--hours", "3")
    with pytest.raises(AssertionError, match="has no"):
        check_call("models", "fetch", "--json")
    with pytest.raises(AssertionError):
        check_call("smooth", "in.mkv")


def keywords_of(code):
    """Names of arguments in calls of rife() in a piece of code."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a shortened call, such as rife(...) in a sentence
        return set()
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    mine = [call for call in calls if getattr(call.func, "id", None) == "rife"]
    return {keyword.arg for call in mine for keyword in call.keywords}


def test_calls_of_the_filter_in_the_text_use_its_parameters():
    used = {(page, name) for page in PAGES for code in code_in(page) for name in keywords_of(code)}
    assert {each for each in used if each[1] not in inspect.signature(rife).parameters} == set()


def test_the_test_above_sees_calls():
    assert keywords_of("clip = rife(clip, speed=2)  # faster") == {"speed"}
    assert "duplicates" in set().union(*map(keywords_of, code_in("docs/guide/animation.md")))


def test_extras_in_the_text_exist():
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    used = {
        (page, name)
        for page in PAGES
        for group in re.findall(r"(?:\.|vapoursynth-rife)\[([a-z,-]+)\]", read(page))
        for name in group.split(",")
    }
    assert used
    assert {each for each in used if each[1] not in extras} == set()
    # another project's name on the package index
    assert [page for page in PAGES if "vsrife[" in read(page)] == []


# Names of files, modules and sections


@functools.cache
def anchors_of(page):
    """Of its headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def check_link(page, link):
    file, _, anchor = link.partition("#")
    target = (ROOT / page).parent / file if file else ROOT / page
    assert target.exists(), f"{page}: {link}"
    assert not anchor or anchor in anchors_of(target.resolve()), f"{page}: {link}"


def test_links_lead_somewhere():
    found = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", read(page))]
    own = [(page, link) for page, link in found if not link.startswith("http")]
    assert len(own) > 100
    for page, link in own:
        check_link(page, link)


def test_a_link_that_leads_nowhere_is_seen():
    check_link("README.md", "docs/guide/scene-changes.md#confidence")
    for link in ("docs/usage.md", "docs/guide/scene-changes.md#doubt", "#nothing"):
        with pytest.raises(AssertionError):
            check_link("README.md", link)


def test_every_page_is_linked_from_the_first_one():
    links = re.findall(r"\]\(([^)#\s]+)", read("docs/README.md"))
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert pages - {"README.md"} <= set(links)


PATH = re.compile(
    r"(?<![\w/.$-])((?:vsrife|tests|examples|docs|models|\.ci|\.github)/[\w/.*-]*[\w*])"
)


def paths_in(text):
    return set(PATH.findall(text))


def test_paths_of_the_repository_in_the_text_exist():
    found = set()
    for page in PAGES:
        text = re.sub(r"\]\([^)]*\)", "]", read(page))  # links are tested above
        text = re.sub(r"site-packages/\S+", "", text)
        found |= {(page, path) for path in paths_in(text)}
    assert found
    missing = {path for path in {path for _, path in found} if not any(ROOT.glob(path))}
    assert {each for each in found if each[1] in missing} == set()


def test_a_path_that_does_not_exist_is_seen():
    found = paths_in("see `vsrife/net/pace.py`, docs/usage.md and tests/video/test_*.py.")
    assert found == {"vsrife/net/pace.py", "docs/usage.md", "tests/video/test_*.py"}


def test_dotted_names_of_the_package_in_the_text_exist():
    found = {
        (page, name)
        for page in PAGES
        for code in code_in(page)
        for name in re.findall(r"(?<![\w./])vsrife(?:\.[a-z_]\w*)+", code)
    }
    assert found
    assert {each for each in found if not resolves(each[1])} == set()


def resolves(name):
    """Whether a dotted name is a module, or something in one."""
    module, _, last = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), last) or bool(
            importlib.util.find_spec(name)
        )
    except ModuleNotFoundError:
        return False


def test_a_name_that_does_not_exist_is_seen():
    assert resolves("vsrife.export.export_model")
    assert resolves("vsrife.network.table")
    assert not resolves("vsrife.network.tables")
    assert not resolves("vsrife.export.import_model")


SOURCES = [
    *PACKAGE.rglob("*.py"),
    *(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)),
    *(ROOT / "examples").iterdir(),
    *(ROOT / ".ci").iterdir(),
    ROOT / "models" / "models.toml",
    ROOT / "pyproject.toml",
]


def test_pages_named_in_the_code_exist():
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        if path.is_file()
        for name in re.findall(r"docs/[\w/-]+\.(?:md|py)\b", path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    }
    assert not missing


def test_no_line_of_prose_is_too_long():
    for page in PAGES:
        if not page.startswith("docs/"):
            continue
        text = re.sub(r"^```.*?^```$", "", read(page), flags=re.S | re.M)
        prose = [line for line in text.splitlines() if not line.startswith(("|", "    "))]
        assert max(map(len, prose)) <= 100, page
