"""Drawings of how things work, as SVG. docs/pictures/make.py writes them."""

from __future__ import annotations

from svg import BLUE, GREEN, GREY, LINE, ORANGE, RED, Drawing


def way_of_a_frame() -> Drawing:
    """From a script to the output, and what decides on the way."""
    d = Drawing(840, 590, "How a frame is made, from the script to the output clip")
    d.box(300, 20, 240, 46, "script: rife(clip, ...)\nor vsrife render", colour=GREY)
    d.box(300, 96, 240, 46, "check every argument\nfilter, arguments", colour=BLUE)
    d.box(20, 190, 220, 62, "find, fetch, verify, read\nthe model's file\nweights", colour=BLUE)
    d.box(
        300,
        190,
        240,
        62,
        "which source frames,\nwhich timestep\nvideo: timeline, plans",
        colour=BLUE,
    )
    d.box(
        600,
        190,
        220,
        62,
        "cuts, duplicates, bad frames\nas properties of frames\nvideo, detection",
        colour=BLUE,
    )
    d.box(600, 96, 220, 46, "source frames\nof any format", colour=GREY)
    d.line([(420, 66), (420, 96)], arrow=True)
    d.line([(300, 119), (130, 119), (130, 190)], arrow=True)
    d.line([(420, 142), (420, 190)], arrow=True)
    d.line([(710, 142), (710, 190)], arrow=True)
    d.line([(600, 221), (540, 221)], arrow=True)
    d.box(20, 302, 220, 62, "choose a backend,\nopen the network once\ninference", colour=BLUE)
    d.line([(130, 252), (130, 302)], arrow=True)
    d.box(
        300,
        302,
        240,
        62,
        "to RGB, each frame once\nby its matrix and range\nvideo: colour",
        colour=ORANGE,
    )
    d.line([(420, 252), (420, 302)], arrow=True)
    d.text((430, 281), "between two frames", anchor="start", size=12, colour=ORANGE)
    d.box(
        300,
        400,
        240,
        62,
        "the network moves both\nto the timestep and blends\nnetwork",
        colour=ORANGE,
    )
    d.line([(420, 364), (420, 400)], arrow=True)
    d.line([(240, 333), (270, 333), (270, 431), (300, 431)], arrow=True)
    d.box(
        600,
        302,
        220,
        62,
        "the source's own frame\nat a whole position or a cut\nbit for bit",
        colour=GREEN,
    )
    d.line([(540, 240), (570, 240), (570, 333), (600, 333)], colour=GREEN, arrow=True)
    d.box(
        300,
        498,
        240,
        62,
        "back to the clip's format\nalpha moves along, overlays stay\nvideo: output",
        colour=ORANGE,
    )
    d.line([(420, 462), (420, 498)], arrow=True)
    d.box(
        600,
        498,
        220,
        62,
        "output clip\ndurations and marks are set\nany order of requests",
        colour=GREY,
    )
    d.line([(540, 529), (600, 529)], arrow=True)
    d.line([(710, 364), (710, 498)], colour=GREEN, arrow=True)
    return d


def stages() -> Drawing:
    """What a network does once a frame, once a pair and once a new frame."""
    d = Drawing(840, 232, "What is computed once for a frame, a pair and a timestep")
    for n, (name, what, when) in enumerate(
        (
            ("prepare", "features of one frame", "once for each source frame"),
            ("match", "where things have gone", "once for each pair"),
            ("refine", "flow, warp, blend", "once for each new frame"),
        )
    ):
        left = 40 + n * 270
        d.box(left, 64, 220, 60, f"{name}\n{what}", colour=(BLUE, GREEN, ORANGE)[n], size=14)
        d.text((left + 110, 150), when, size=12, colour=GREY)
        if n:
            d.line([(left - 50, 94), (left, 94)], arrow=True)
    d.text(
        (40, 38),
        "At factor 4, a pair is prepared and matched once and refined three times.",
        anchor="start",
    )
    d.text(
        (40, 190),
        "Official versions with an encoder have two of these stages: prepare, and the rest.",
        anchor="start",
        size=12,
        colour=GREY,
    )
    d.text(
        (40, 210),
        "Frames are kept for a while, so that none is prepared twice.",
        anchor="start",
        size=12,
        colour=GREY,
    )
    return d


def timeline() -> Drawing:
    """Where output frames stand between source frames, at factor 5/2."""
    d = Drawing(840, 190, "Output frames at factor 5/2: exact fractions of the source")
    step, left = 180, 60
    d.text((20, 30), "source", anchor="start", colour=GREY)
    d.text((20, 170), "factor 5/2", anchor="start", colour=GREY)
    for k in range(5):
        x = left + k * step
        d.box(x - 22, 44, 44, 30, str(k), colour=BLUE)
    for n in range(11):
        x = left + n * step * 2 / 5
        own = n * 2 % 5 == 0
        d.line([(x, 78), (x, 112)], colour=LINE)
        d.box(x - 22, 114, 44, 30, str(n), colour=BLUE if own else ORANGE)
        if n and n < 5:
            d.text((x, 100), f"{n * 2}/5" if not own else "", size=12, colour=GREY)
    d.text(
        (820, 30),
        "blue: the source's frame, bit for bit; orange: new, at k + timestep",
        anchor="end",
        size=12,
        colour=GREY,
    )
    return d


def cut_modes() -> Drawing:
    """What is shown between the two frames at a cut, at factor 4."""
    d = Drawing(840, 236, "What stands between two frames at a cut, for each value of sc_mode")
    rows = (
        ("sc=False", "A|A/B|A/B|A/B|B", "both scenes morph into each other"),
        ('sc_mode="hold"', "A|A|A|A|B", "the frame before the cut is held"),
        ('sc_mode="nearest"', "A|A|B|B|B", "the nearer one: half the hold"),
        ('sc_mode="blend"', "A|3A+B|A+B|A+3B|B", "a fade"),
    )
    for n, (name, cells, what) in enumerate(rows):
        top = 24 + n * 52
        d.text((20, top + 22), name, anchor="start")
        for k, cell in enumerate(cells.split("|")):
            colour = (
                BLUE if cell == "A" else GREEN if cell == "B" else RED if "/" in cell else ORANGE
            )
            d.box(170 + k * 74, top, 66, 34, cell, colour=colour)
        d.text((556, top + 22), what, anchor="start", colour=GREY)
    return d


def duplicates() -> Drawing:
    """Where drawings stand in a run of equal frames, before and after."""
    d = Drawing(840, 268, "Drawings on twos: repeats, and the new frames in their places")
    rows = (
        ("as drawn", "A A B B C C D D", "each picture twice: it moves in jumps"),
        ('duplicates="fill"', "A ab B bc C cd D D", "repeats become new frames, length stays"),
        (
            'duplicates_anchor="centre"',
            "A Ab aB Bc bC Cd cD D",
            "evenly spaced, also in 3:2; most are new",
        ),
        (
            'duplicates="skip", factor=2',
            "A A A ab B B B bc",
            "none towards a repeat (first 4 frames)",
        ),
    )
    for n, (name, cells, what) in enumerate(rows):
        top = 22 + n * 60
        d.text((20, top + 22), name, anchor="start", size=12)
        for k, cell in enumerate(cells.split()):
            colour = BLUE if len(cell) == 1 else ORANGE
            d.box(214 + k * 43, top, 38, 34, cell, colour=colour)
        d.text((566, top + 22), what, anchor="start", size=12, colour=GREY)
    return d


def cadence() -> Drawing:
    """The place of a background and of a character on twos over time, at factor 4."""
    d = Drawing(840, 318, "Place over time at factor 4: a background, and a character on twos")
    drawn = (0, 0, 2, 2, 4)  # source frames 0 to 4
    for n, title in enumerate(
        ("pace=None: the character glides", 'pace="drawn": it keeps its twos')
    ):
        left = 40 + n * 410
        d.text((left + 160, 32), title, bold=True)
        d.line([(left, 46), (left, 272), (left + 350, 272)], colour=LINE)
        d.text((left + 350, 292), "time", anchor="end", size=12, colour=GREY)
        for track, (name, colour) in enumerate((("background", BLUE), ("character", ORANGE))):
            places = []
            for quarter in range(17):
                k, part = divmod(quarter, 4)
                right = min(k + 1, 4)
                share = part / 4 if n == 0 or not track else float(part >= 2)
                there = (k, right) if not track else (drawn[k], drawn[right])
                places.append(there[0] + (there[1] - there[0]) * share)
            points = [(left + 14 + i * 20, 256 - y * 40 - track * 26) for i, y in enumerate(places)]
            d.line(points, colour=colour, width=1.2)
            for i, point in enumerate(points):
                d.dot(point, colour=colour, hollow=i % 4 > 0, radius=4)
            d.text((left + 14, 68 + track * 18), name, anchor="start", size=12, colour=colour)
    d.text((420, 308), "filled: source frames; hollow: new frames", size=12, colour=GREY)
    return d


DRAWINGS = {
    "way-of-a-frame": way_of_a_frame,
    "stages": stages,
    "timeline": timeline,
    "cut-modes": cut_modes,
    "duplicates": duplicates,
    "cadence": cadence,
}
