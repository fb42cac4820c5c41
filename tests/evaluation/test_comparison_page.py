"""The page of `vsrife compare` in a real browser: by keyboard, by mouse, in windows of three sizes.

Skipped where Debian's Chromium is not installed.
"""

from __future__ import annotations

import io
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.support.short_films import blocks, save_film
from vsrife.cli import main

if sys.platform == "win32":  # the pipe to Chromium is POSIX's
    pytest.skip("needs POSIX", allow_module_level=True)

from tests.support.chromium import chromium

SIZES = [(390, 844), (1024, 768), (1920, 1080)]
GREY, SHIFT = 100, 9  # of A, and how much brighter the last frame of B is
RATE = Fraction(2)  # far enough apart for every frame to be pictured


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Three films: A, B with grey that grows lighter, C equal to A."""
    folder = tmp_path_factory.mktemp("compared")
    lighter = blocks(6, shift=SHIFT - 5)  # the last one by SHIFT
    films = [
        save_film(folder / f"{name}.mkv", pictures, RATE)
        for name, pictures in (("a", blocks(6)), ("b", lighter), ("c", blocks(6)))
    ]
    target = folder / "page.html"
    words = [*map(str, films), "--measures", "psnr,ssim", "-o", str(target)]
    assert main(["compare", *words]) == 0
    return target


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser, page_file):
    browser.open(page_file, 1024, 768)
    return browser


def state(page):
    return page.js("({...comparison})")


def seen(page) -> np.ndarray:
    """The window's pixels, (H, W, 3), after everything is drawn."""
    page.js("Promise.all([...document.images].map((image) => image.decode().catch(() => 0)))")
    page.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    with av.open(io.BytesIO(page.screenshot())) as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def colour_at(page, across: float, down: float) -> list[int]:
    """The colour at a place of the stage, 0..1 each way, which is scrolled into view."""
    box = page.js(
        "(() => { stage.scrollIntoView(); const b = stage.getBoundingClientRect();"
        "return [b.left, b.top, b.width, b.height]; })()"
    )
    x, y = box[0] + across * box[2], box[1] + down * box[3]
    return seen(page)[int(y), int(x)].tolist()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_every_window_in_light_and_dark(browser, page_file, size, scheme):
    browser.open(page_file, *size, scheme=scheme)
    assert browser.errors == []
    outside = [each for each in browser.requests if not each.startswith(("file:", "data:"))]
    assert outside == []
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    cut = browser.js(
        "[...document.querySelectorAll('button, select, #stage, svg.plot')].filter((e) => {"
        "const b = e.getBoundingClientRect(); return b.width && !e.closest('.wide') &&"
        "(b.left < -22 || b.right > innerWidth + 22); }).map((e) => e.id)"
    )
    assert cut == []
    small = browser.js(
        "[...document.querySelectorAll('.controls button')].filter((e) => e.offsetHeight &&"
        "e.offsetHeight < 32).map((e) => e.id)"
    )
    assert small == []
    assert browser.js("stage.clientHeight <= innerHeight * 0.7")
    assert contrast(browser) >= 4.5  # of WCAG, level AA


def contrast(page) -> float:
    """Of the text on the page, as WCAG counts it."""
    numbers = page.js(
        "['color', 'backgroundColor'].map((name) =>"
        "getComputedStyle(document.body)[name].match(/\\d+/g).slice(0, 3).map(Number))"
    )
    lights = sorted(float(_linear(np.array(each)) @ [0.2126, 0.7152, 0.0722]) for each in numbers)
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _linear(codes: np.ndarray) -> np.ndarray:
    share = codes / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def test_light_and_dark_differ(browser, page_file):
    colours = []
    for scheme in ("light", "dark"):
        browser.open(page_file, 1024, 768, scheme=scheme)
        colours.append(browser.js("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] != colours[1]


def test_it_begins_with_the_worst_frame_and_the_keys_step_through(page):
    assert state(page)["at"] == 5
    for key, at in (("Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1), ("End", 5),
                    ("ArrowRight", 5), ("ArrowLeft", 4), ("w", 5)):  # fmt: skip
        page.press(key)
        assert state(page)["at"] == at, key
    assert page.js("document.getElementById('where').textContent").startswith("6 of 6, 2.500 s")


def test_every_way_to_look_shows_what_it_says(page):
    page.press("1")
    assert colour_at(page, 0.7, 0.9) == [GREY] * 3
    page.press("2")
    assert colour_at(page, 0.7, 0.9) == [GREY + SHIFT] * 3
    page.press("s")  # B is left now
    assert colour_at(page, 0.3, 0.9) == [GREY + SHIFT] * 3
    assert colour_at(page, 0.7, 0.9) == [GREY] * 3
    page.press("[")
    assert state(page)["split"] == 45
    page.press("d")
    assert colour_at(page, 0.05, 0.5) == [0, 0, 0]  # beside the picture
    for gain in (4, 8, 16, 1, 2):
        assert colour_at(page, 0.7, 0.9) == pytest.approx([gain * SHIFT] * 3, abs=gain)
        page.press("g")
    page.press("Home")
    page.press("3")
    assert colour_at(page, 0.7, 0.9) == [GREY] * 3
    page.press(" ")
    assert state(page)["left"] != 2
    page.press("b")
    panes = page.js("[...document.querySelectorAll('.pane')].filter((p) => !p.hidden).length")
    assert panes == 3


def test_zoom_shows_pixels_and_stays_in_the_picture(page):
    page.press("1")
    page.press("p")
    assert page.js("document.querySelector('.pane img').getBoundingClientRect().width") >= 64
    for _ in range(3):
        page.press("+")
    assert page.js("stage.classList.contains('sharp')")
    box = page.js("(() => { const b = stage.getBoundingClientRect(); return [b.x, b.y]; })()")
    page.drag((box[0] + 100, box[1] + 100), (box[0] + 900, box[1] + 260))
    moved = state(page)
    assert (moved["x"], moved["y"]) < (0.5, 0.5)
    for _ in range(3):
        page.drag((box[0] + 100, box[1] + 100), (box[0] + 900, box[1] + 260))
    assert state(page)["x"] == 0
    page.press("0")
    assert (state(page)["zoom"], state(page)["x"], state(page)["y"]) == (1, 0.5, 0.5)


def test_the_wheel_enlarges_about_the_pointer(page):
    box = page.js("(() => { const b = stage.getBoundingClientRect(); return [b.x, b.y]; })()")
    at = (box[0] + 300, box[1] + 120)
    place = (
        f"(() => {{ const b = document.querySelector('#paneA img').getBoundingClientRect();"
        f"return [({at[0]} - b.x) / b.width, ({at[1]} - b.y) / b.height]; }})()"
    )
    before = page.js(place)
    page.mouse("mouseWheel", *at, deltaX=0, deltaY=-300)
    page.wait("comparison.zoom > 1.5")
    assert page.js(place) == pytest.approx(before, abs=1e-3)


def test_the_divider_is_moved_by_mouse_and_by_its_own_keys(page):
    box = page.js(
        "(() => { const b = stage.getBoundingClientRect(); return [b.x, b.y, b.width]; })()"
    )
    page.drag((box[0] + box[2] / 2, box[1] + 200), (box[0] + box[2] / 4, box[1] + 200))
    assert state(page)["split"] == pytest.approx(25, abs=1)
    page.js("divider.focus()")
    page.press("ArrowRight")
    assert state(page)["split"] == pytest.approx(27, abs=1)
    assert state(page)["at"] == 5  # not a frame further
    assert page.js("divider.getAttribute('aria-valuenow')") == "27"


def test_plots_and_the_table_lead_to_frames(page):
    page.js("document.querySelector('svg.plot').scrollIntoView()")
    spot = page.js(
        "(() => { const b = document.querySelector('svg.plot').getBoundingClientRect();"
        "return [b.x + b.width * 0.04, b.y + b.height / 2]; })()"
    )
    page.drag(tuple(spot), tuple(spot))
    assert state(page)["at"] == 0
    page.js("document.querySelector('[data-by=\"B psnr\"]').click()")
    order = page.js("[...document.querySelectorAll('#rows tr')].map((row) => row.dataset.number)")
    assert order == [str(n) for n in range(5, -1, -1)]  # the worst first
    page.js("document.querySelector('#rows tr').click()")
    assert state(page)["at"] == 5
    assert page.js("document.querySelectorAll('tr.now').length") == 1


def test_every_button_has_a_name_and_is_reached_by_the_keyboard(page):
    nameless = page.js(
        "[...document.querySelectorAll('button, select')].filter((e) => e.tabIndex < 0 ||"
        "!(e.textContent.trim() || e.getAttribute('aria-label'))).map((e) => e.id)"
    )
    assert nameless == []
    assert page.js("[...document.images].every((image) => image.alt)")
