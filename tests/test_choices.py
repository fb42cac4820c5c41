"""Choices that cannot work, alone or together, are errors at script time."""

import pytest
import vapoursynth as vs

from vsrife import rife

BLANK = vs.core.std.BlankClip(format=vs.RGBS, width=32, height=32, length=8)

WRONG = {
    "sc": ({"sc": "clever"}, r'sc must be True, False or "adaptive", not .clever.'),
    "sc_mode": ({"sc": True, "sc_mode": "freeze"}, "sc_mode must be one of hold, nearest, blend"),
    "sc_mode alone": ({"sc_mode": "blend"}, "has nothing to act on; add sc=True or a confidence"),
    "adaptive, own marks": ({"sc": "adaptive", "sc_threshold": None}, "use sc=True for that"),
    "adaptive threshold": ({"sc": "adaptive", "sc_threshold": 2}, "between 0 and 1, not 2"),
    "sc_clip length": ({"sc": True, "sc_clip": BLANK[1:]}, "sc_clip must have as many .* 8, not 7"),
    "sc_clip of another kind": ({"sc": True, "sc_clip": 3}, "sc_clip must be a clip, not int"),
    "sc_clip alone": ({"sc_clip": BLANK}, "sc=False does not ask for; use sc=True"),
    "sc_clip and adaptive": ({"sc": "adaptive", "sc_clip": BLANK}, "sc='adaptive' does not ask"),
    "duplicates": ({"duplicates": "drop"}, "duplicates must be one of fill, skip, not 'drop'"),
    "anchor": ({"duplicates_anchor": "last"}, "duplicates_anchor must be one of first, centre"),
    "anchor alone": (
        {"duplicates_anchor": "centre"},
        'has nothing to act on; add duplicates="fill',
    ),
    "anchor and skip": (
        {"duplicates": "skip", "duplicates_anchor": "centre"},
        "duplicates_anchor='centre' has nothing to act on",
    ),
    "span": (
        {"duplicates_span": 1},
        "duplicates_span must be at least 2 and a whole number, not 1; 24",
    ),
    "span text": ({"duplicates_span": "5"}, "duplicates_span must be at least 2"),
    "duplicates_threshold": (
        {"duplicates_threshold": -1},
        "duplicates_threshold must be a number between 0 and 1, not -1; None takes the clip's own",
    ),
    "duplicates_clip length": (
        {"duplicates": "fill", "duplicates_clip": BLANK[:3]},
        "duplicates_clip must have as many frames as clip, 8, not 3",
    ),
    "duplicates_clip alone": ({"duplicates_clip": BLANK}, "duplicates_clip has nothing to act on"),
    "pace": ({"pace": "fast"}, "pace must be one of drawn, not 'fast'"),
    "pace and fill": ({"pace": "drawn", "duplicates": "fill"}, "choose one of them"),
    "confidence": ({"confidence": 3}, "confidence must be a number between 0 and 1, not 3"),
    "confidence as a word": ({"confidence": True}, "confidence must be a number between 0 and 1"),
    "protect": ({"protect": "all"}, "protect must be True, False or \"auto\", not 'all'"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_choices_that_cannot_work(options, message):
    with pytest.raises(vs.Error, match=rf"^rife: .*{message}"):
        rife(BLANK, **options)


def test_what_is_off_adds_no_node(monkeypatch):
    """The same calls to the core whether the new options are given as off or not at all."""
    from vsrife.video import nodes, output
    from vsrife.video.marks import duplicates, scenes
    from vsrife.video.overlay import overlays

    def fail(*arguments, **options):
        raise AssertionError("work for an option that is off")

    for module, name in (
        (nodes, "gather"), (nodes, "pixels"), (nodes, "shifted"), (scenes, "scene_scores"),
        (duplicates, "score_duplicates"), (output, "FilledPlan"), (overlays, "static_mask"),
        (scenes, "place_marks"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, fail)
    out = rife(BLANK, sc=True, duplicates=None, replace=None, mask=None, protect=False, pace=None)
    assert [f.props["_SceneChangeNext"] for f in out.frames()] == [0] * 16
