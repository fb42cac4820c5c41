"""Pages about coming from other programs name every argument of theirs, and what exists here."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import vsrife
from tests.support.pages import options_of
from vsrife import arguments
from vsrife.errors import ArgumentError
from vsrife.images import asking

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
RIFE = list(inspect.signature(vsrife.rife).parameters)
# page -> what the others' functions, nodes and programs take, as their users write it
THEIRS = {
    "from-vs-rife": " ".join([*RIFE[:21], "trt_debug"]),  # test_docs counts these 21
    "from-vs-mlrt": """clip multi scale tiles tilesize overlap model backend ensemble video_player
        _implementation""",
    "from-ncnn": """clip model factor_num factor_den fps_num fps_den model_path gpu_id gpu_thread
        tta uhd sc skip skip_threshold list_gpu""",
    "from-svp": """num den abs algo block main refine special pel full gpu mask cover area
        area_sharp scene mode blend limits light cubic""",
    "from-comfyui": """ckpt_name frames multiplier clear_cache_after_n_frames fast_mode ensemble
        scale_factor dtype torch_compile batch_size optional_interpolation_states interp_model
        model_name images""",
}
OURS = {each.name: each for each in (*asking.OPTIONS, *arguments.ALL)}
PAGES = sorted(path.stem for path in GUIDE.glob("from-*.md"))


def rows(page):
    """(left, right) of each row of the page's tables."""
    text = (GUIDE / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^\| (?!---)(.+?) \| (.+) \|$", text, re.MULTILINE)


def spans(cell):
    return re.findall(r"`([^`]+)`", cell)


def settings(span):
    """(name, value) of each argument that a piece of code sets; a value only if it is a literal."""
    code = span if re.match(r"\w[\w.]*\(", span) else f"f({span})"
    try:
        tree = ast.parse(code.replace("=...", "=None").rstrip("=") or "f()", mode="eval")
    except SyntaxError:
        return []
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = []
    for keyword in [keyword for call in calls for keyword in call.keywords]:
        try:
            found.append((keyword.arg, ast.literal_eval(keyword.value)))
        except ValueError:
            found.append((keyword.arg, None))
    return found


def check(span):
    """Arguments in a piece of code exist here, and take the value that is written."""
    for name, value in settings(span):
        assert name in OURS or name in inspect.signature(vsrife.interpolate).parameters, span
        if value is not None and name in OURS:
            OURS[name].read(value)


@pytest.mark.parametrize("page", THEIRS)
def test_every_argument_of_theirs_has_a_row(page):
    named = [
        word for left, _ in rows(page) for span in spans(left) for word in re.findall(r"\w+", span)
    ]
    assert set(THEIRS[page].split()) <= set(named)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_named_as_ours_exists_and_takes_the_value(page):
    found = [span for _, right in rows(page) for span in spans(right)]
    assert found
    for span in found:
        check(span)


@pytest.mark.parametrize("page", PAGES)
def test_every_row_says_something(page):
    assert len(rows(page)) > 5
    assert all(left.strip() and right.strip() for left, right in rows(page))


def test_options_of_render_that_flowframes_users_are_told_exist():
    known = options_of("render")
    used = {
        word
        for _, right in rows("from-flowframes")
        for span in spans(right)
        for word in span.split()
        if re.match(r"--?[a-z]", word)
    }
    assert len(used) > 10
    assert used <= known


def test_a_wrong_name_or_value_is_seen():
    check('rife(clip, model="4.25", scale=0.5)')
    with pytest.raises(AssertionError):
        check("multi=2")
    with pytest.raises(ArgumentError, match="scale"):
        check("scale=3")
    assert settings("just words, no code") == []
