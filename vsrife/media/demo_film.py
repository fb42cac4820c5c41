"""The demo film, drawn by formula, so that the true picture is known at any time.

Two shots in the style of cel animation: flat fills with dark outlines. Shot 1, until `CUT`: a pan
over a landscape; a ball and a car pass each other above a caption; during `HOLD` all is static.
Shot 2: a Ferris wheel turns at dusk while the camera zooms in. Needs numpy only.
"""

from __future__ import annotations

from math import cos, pi, sin

from vsrife.media.shapes import (
    HEIGHT,
    INK,
    WIDTH,
    Array,
    Canvas,
    Colour,
    block,
    circle,
    common,
    convex,
    ground,
    outside,
    ring,
    stroke,
    union,
)

SECONDS = 3
HOLD = (0.75, 1.25)  # begin and end, seconds
CUT = 1.75  # seconds

_PAN = 60  # pixels per second, for the nearest layer
_RED, _CREAM, _GLASS = (226, 74, 66), (250, 240, 214), (166, 214, 234)
# Letters as lines "x0 y0 x1 y1" on a grid, 4 wide and 6 high
_LETTERS = {
    "V": "0026 2640",
    "S": "4010 1001 0102 0213 1333 3344 4445 4536 3606",
    "R": "0006 0030 3041 4142 4233 3303 2346",
    "I": "2026",
    "F": "0040 0006 0333",
    "E": "0040 0006 0333 0646",
}


def draw(t: float) -> Array:
    """The picture at `t` seconds, 0 <= t < SECONDS: (HEIGHT, WIDTH, 3), R'G'B' in 0..1."""
    if t >= CUT:
        return _wheel_shot(t - CUT)
    return _landscape_shot(t - min(max(t - HOLD[0], 0.0), HOLD[1] - HOLD[0]))


def _landscape_shot(t: float) -> Array:
    canvas = Canvas((98, 182, 232), (226, 244, 246))
    canvas.fill(circle(388, 58, 30), (255, 226, 122))
    camera = WIDTH / 2 + _PAN * t
    # parallax: farther layers move more slowly
    for depth, paint in ((0.15, _clouds), (0.3, _mountains), (0.55, _hills), (1.0, _meadow)):
        canvas.look(WIDTH / 2 + _PAN * t * depth, HEIGHT / 2)
        paint(canvas)
    _bird(canvas, camera - 150 + 150 * t, 92 - 14 * sin(2.4 * t), t)
    _car(canvas, camera + 150 - 150 * t, 212)
    _ball(canvas, camera - 110 + 130 * t, t)
    canvas.look(WIDTH / 2, HEIGHT / 2)
    _caption(canvas)
    return canvas.pixels


def _clouds(canvas: Canvas) -> None:
    for x, y, size in ((92, 46, 1.0), (282, 34, 0.7), (520, 64, 0.9)):
        puffs = ((-30, 4, 13), (-12, -6, 18), (12, -3, 20), (32, 5, 12))
        canvas.fill(
            union([circle(x + size * a, y + size * b, size * r) for a, b, r in puffs]),
            (250, 252, 255),
        )


def _mountains(canvas: Canvas) -> None:
    for x, peak, half in ((60, 78, 120), (420, 72, 140), (240, 96, 110)):
        mountain = convex((x, peak), (x + half, 230), (x - half, 230))
        canvas.fill(mountain, (124, 138, 184))
        snow = outside(ground(peak + 22, (4, 22, x), (2, 9, 0)))
        canvas.fill(common(mountain, snow), (240, 244, 252), outline=0)
        canvas.fill(stroke(x, peak, x + half, 230, 0.1), INK, outline=1.7)
        canvas.fill(stroke(x, peak, x - half, 230, 0.1), INK, outline=1.7)


def _hills(canvas: Canvas) -> None:
    canvas.fill(ground(168, (16, 260, 30), (5, 97, 0)), (104, 170, 106))
    for x, y in ((40, 160), (196, 176), (214, 172), (330, 160), (470, 170), (560, 172)):
        canvas.fill(convex((x, y - 34), (x + 13, y), (x - 13, y)), (58, 122, 88))


def _meadow(canvas: Canvas) -> None:
    canvas.fill(ground(196, (4, 170, 0)), (150, 200, 92))
    for x in (24, 168, 306, 476, 590):
        canvas.fill(block(x, 184, 9, 44), (122, 82, 60))
        crown = ((-16, 0, 17), (14, 2, 18), (0, -18, 19))
        canvas.fill(union([circle(x + a, 150 + b, r) for a, b, r in crown]), (70, 148, 78))
        canvas.fill(union([circle(x + 6, 138, 7), circle(x + 14, 148, 5)]), (104, 176, 92), 0)
    canvas.fill(block(300, 232, 2000, 44), (120, 116, 128))
    for k in range(12):
        canvas.fill(block(-40 + 64 * k, 232, 30, 4), _CREAM, outline=0)


def _bird(canvas: Canvas, x: float, y: float, t: float) -> None:
    tip = (x - 12, y + 17 * sin(9 * t))
    root = ((x - 6, y), (x + 4, y))
    canvas.fill(convex(*(root if tip[1] < y else root[::-1])[::-1], tip), _CREAM)
    canvas.fill(union([stroke(x - 11, y, x + 8, y, 7), circle(x + 11, y - 3, 5)]), _CREAM)
    canvas.fill(convex((x + 15, y - 5), (x + 23, y - 2), (x + 15, y)), (240, 160, 60), 1.2)
    canvas.fill(circle(x + 12, y - 4, 1.3), INK, outline=0)


def _car(canvas: Canvas, x: float, y: float) -> None:
    roof = convex((x - 22, y - 36), (x + 18, y - 36), (x + 34, y - 14), (x - 34, y - 14))
    canvas.fill(roof, (46, 116, 190))
    canvas.fill(
        convex((x - 18, y - 31), (x - 3, y - 31), (x - 3, y - 16), (x - 27, y - 16)), _GLASS
    )
    canvas.fill(
        convex((x + 3, y - 31), (x + 15, y - 31), (x + 26, y - 16), (x + 3, y - 16)), _GLASS
    )
    canvas.fill(block(x, y - 6, 104, 24, 8), (58, 134, 210))
    canvas.fill(block(x - 46, y - 8, 8, 8, 3), (255, 236, 150), 1.2)
    for wheel in (x - 29, x + 29):
        canvas.fill(circle(wheel, y + 8, 12), (60, 56, 68))
        canvas.fill(circle(wheel, y + 8, 6), (206, 210, 218), 1.2)
        for spoke in range(2):
            angle = wheel / 12 + spoke * pi / 2  # it rolls without sliding
            a, b = 5 * cos(angle), 5 * sin(angle)
            canvas.fill(stroke(wheel - a, y + 8 - b, wheel + a, y + 8 + b, 1.4), INK, 0)


def _ball(canvas: Canvas, x: float, t: float) -> None:
    radius, beat = 19, (t / 0.75) % 1
    y = 231 - radius - 4 * 44 * beat * (1 - beat)
    disc = circle(x, y, radius)
    canvas.fill(disc, _RED)
    for angle in (4 * t, 4 * t + pi / 2):
        a, b = 30 * cos(angle), 30 * sin(angle)
        canvas.fill(common(disc, stroke(x - a, y - b, x + a, y + b, 7)), _CREAM, outline=0)
    canvas.fill(ring(x, y, radius, 0.1), INK, outline=1.7)
    canvas.fill(circle(x, y, 4.5), _RED, 1.2)


def _caption(canvas: Canvas) -> None:
    canvas.fill(block(62, 252, 104, 26, 7), (255, 252, 240))
    for place, letter in enumerate("VSRIFE"):
        x, y = 22 + 15 * place, 245
        lines = [[float(digit) * 2.4 for digit in line] for line in _LETTERS[letter].split()]
        canvas.fill(
            union([stroke(x + a, y + b, x + c, y + d, 2.6) for a, b, c, d in lines]), INK, 0
        )


def _wheel_shot(t: float) -> Array:
    canvas = Canvas((44, 40, 92), (246, 150, 110))
    zoom = 0.92 * 1.28**t
    canvas.look(240, 150, 1 + (zoom - 1) * 0.3)
    for k in range(40):
        canvas.fill(circle((k * 197) % 521 - 20, (k * k * 31) % 120, 0.7 + k % 3 * 0.3), _CREAM, 0)
    canvas.fill(circle(92, 56, 22), (252, 238, 196))
    canvas.look(240, 150, zoom)
    _skyline(canvas)
    _wheel(canvas, 250, 136, 92, 1.1 * t)
    canvas.fill(block(240, 300, 2000, 72), (58, 46, 74))
    for k in range(9):
        _fence_post(canvas, -20 + 66 * k)
    return canvas.pixels


def _fence_post(canvas: Canvas, x: float) -> None:
    canvas.fill(block(x, 262, 5, 30, 2), (150, 104, 92))
    canvas.fill(stroke(x, 254, x + 66, 254, 2), (150, 104, 92), 1.2)


def _skyline(canvas: Canvas) -> None:
    for k in range(14):
        x, height, width = -60 + 46 * k, 50 + (k * 53) % 62, 34 + (k * 29) % 18
        canvas.fill(block(x, 270 - height / 2, width, height), (86, 66, 116))
        for window in range(6):
            if (k * 7 + window * 5) % 3:
                place = (x - 8 + 16 * (window % 2), 284 - height + 14 * (window // 2))
                canvas.fill(block(*place, 6, 8), (255, 214, 120), outline=0)


def _wheel(canvas: Canvas, x: float, y: float, radius: float, angle: float) -> None:
    cabins: tuple[Colour, ...] = (_RED, (250, 196, 72), (92, 184, 120), (84, 150, 222))
    for foot in (-58, 58):
        canvas.fill(stroke(x, y, x + foot, 272, 7), (206, 196, 214))
    canvas.fill(ring(x, y, radius, 5), (236, 232, 240))
    canvas.fill(ring(x, y, radius - 16, 2.5), (236, 232, 240), 1.4)
    turns = [angle + k * pi / 4 for k in range(8)]
    for turn in turns:
        tip = (x + radius * cos(turn), y + radius * sin(turn))
        canvas.fill(stroke(x, y, *tip, 2.5), (236, 232, 240), 1.4)
    canvas.fill(circle(x, y, 11), (250, 196, 72))
    for k, turn in enumerate(turns):  # cabins hang upright
        cx, cy = x + radius * cos(turn), y + radius * sin(turn)
        canvas.fill(block(cx, cy + 13, 25, 19, 6), cabins[k % 4])
        canvas.fill(block(cx, cy + 10, 17, 7, 2), (252, 238, 196), 1.2)
        canvas.fill(circle(cx, cy, 3.5), _CREAM, 1.2)
