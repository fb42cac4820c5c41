from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.errors import ArgumentError
from vsrife.media.timestamps import Times, constant_times
from vsrife.rendering.film.span import Place, Span, read_place, read_span

FILM = constant_times(Fraction(25), 100, Fraction(2))  # begins at 2 s; a part counts from there


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("240", Place(240)),
        ("0", Place(0)),
        ("10s", Place(None, Fraction(10))),
        ("0.04s", Place(None, Fraction(1, 25))),
        ("1:30", Place(None, Fraction(90))),
        ("0:01:30.5", Place(None, Fraction(181, 2))),
        ("100:00:00", Place(None, Fraction(360000))),
    ],
)
def test_places_are_read(text: str, place: Place):
    assert read_place("start", text) == place


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1m", "1:2:3:4", "1:70", "s", "ten", "1e3", "٣"])
def test_what_is_no_place_is_refused(text: str):
    with pytest.raises(ArgumentError, match="start must be a frame's number as 240, or a time"):
        read_place("start", text)


@pytest.mark.parametrize(
    ("span", "frames"),
    [
        ((None, None, None), (0, 100)),
        (("10", None, None), (10, 100)),
        (("10", "20", None), (10, 20)),
        (("10", None, "20"), (10, 30)),
        (("1s", "2s", None), (25, 50)),
        (("1.001s", "2s", None), (26, 50)),  # the first frame that is shown then or later
        (("1s", None, "0.5s"), (25, 38)),
        (("90", "1000", None), (90, 100)),
        (("90", None, "1000"), (90, 100)),
    ],
)
def test_a_part_is_exact(span: tuple[str | None, ...], frames: tuple[int, int]):
    assert read_span(*span).frames(FILM) == frames


@pytest.mark.parametrize(
    ("span", "cut"),
    [
        ((None, None, None), False),
        (("10", None, None), False),
        ((None, "100", None), False),
        ((None, "101", None), True),
        (("90", None, "10"), False),
        (("90", None, "11"), True),
        ((None, "4s", None), False),  # 100 frames at 25 a second
        ((None, "4.001s", None), True),
        (("3s", None, "1s"), False),
        (("3s", None, "1.001s"), True),
    ],
)
def test_a_part_that_the_film_is_too_short_for_is_told(span: tuple[str | None, ...], cut: bool):
    assert read_span(*span).is_cut(FILM) == cut


@pytest.mark.parametrize("span", [("100", None, None), ("20", "20", None), ("3s", "2s", None)])
def test_a_part_without_frames_is_refused(span):
    typed = " and ".join(f"{n} {s}" for n, s in zip(("--start", "--end"), span, strict=False) if s)
    with pytest.raises(ArgumentError, match=f"^{typed} must leave a frame"):
        read_span(*span).frames(FILM)


def test_end_and_count_exclude_each_other():
    with pytest.raises(ArgumentError, match="--end and --count exclude each other"):
        read_span(None, "1", "2")


@given(st.lists(st.integers(1, 50), min_size=1), st.fractions(0, 100))
def test_a_time_is_the_first_frame_at_or_after_it(steps: list[int], seconds: Fraction):
    ticks = [7]
    for step in steps:
        ticks.append(ticks[-1] + step)
    times = Times(Fraction(1, 10), ticks)
    frame = Place(None, seconds).frame_of(times)
    begins = [(tick - 7) * times.base for tick in ticks[:-1]]
    assert all(at < seconds for at in begins[:frame])
    assert all(at >= seconds for at in begins[frame:])


def test_parts_that_follow_each_other_have_every_frame_once():
    cuts = ["0", "13", "1.3s", "70"]
    parts = [
        Span(read_place("start", a), read_place("end", b) if b else None).frames(FILM)
        for a, b in zip(cuts, [*cuts[1:], None], strict=True)
    ]
    assert [n for part in parts for n in range(*part)] == list(range(100))
