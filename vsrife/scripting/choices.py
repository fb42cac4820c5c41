"""The arguments of rife() that suit a film, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from vsrife.messages import counted
from vsrife.scripting.examine import Film

_LARGE = 2000  # lines or columns / 2 from which on motion is too large for the full resolution
# Frames per second that players and screens know; others of NTSC are meant only if they are met
_WHOLE = [Fraction(n) for n in (24, 25, 30, 48, 50, 60, 72, 75, 90, 96, 100, 120, 144, 240)]
_NTSC = [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)]
_MET = Fraction(1, 2000)
_KINDS = {
    "none": "no frame repeats another one",
    "few": "few frames repeat another one",
    "twos": "drawn on twos: each picture is shown for 2 frames",
    "threes": "drawn on threes: each picture is shown for 3 frames",
    "fours": "drawn on fours: each picture is shown for 4 frames",
    "3:2": "pictures are shown for 3 and 2 frames in turn",
    "pulldown": "one frame in 5 repeats another one: 4 pictures became 5 frames",
    "mixed": "pictures are shown for one or more frames, without a fixed rhythm",
    "pairs": "a picture is shown for 2 frames now and then, as after a conversion of the rate",
    "still": "nothing moves at times",
    "unknown": "hardly anything moves in the sample",
}


class Argument(NamedTuple):
    """name, value: as in a call; reason: a comment; used: or only offered, commented out."""

    name: str
    value: str
    reason: str
    used: bool = True


def rhythm_in_words(film: Film) -> str:
    """The rhythm of the repeats, with the figures it comes from."""
    share = f"{film.rhythm.share:.0%} of {film.rhythm.frames} frames in motion repeat"
    return f"{_KINDS[film.rhythm.kind]} ({share})"


def choose(film: Film, factor: Fraction | None, fps: Fraction | None) -> list[Argument]:
    """The arguments for a film. factor, fps: what the user asks for, not both; None: twice."""
    return [
        *_rate(film, factor, fps), *_scenes(film), *_repeats(film), *_size(film), *_offers(film)
    ]  # fmt: skip


def _rate(film: Film, factor: Fraction | None, fps: Fraction | None) -> Iterator[Argument]:
    if not film.constant:
        wanted = fps or usual_rate(film.rate * (factor or 2))
        yield Argument("fps", _quoted(wanted), "constant; the file's own rate varies")
        yield Argument("vfr", "True", "frames are chosen by the times that they have")
    elif fps is not None:
        yield Argument("fps", _quoted(fps), f"from {shown(film.rate)}; exact, nothing drifts")
    else:
        wanted = factor or Fraction(2)
        result = shown(film.rate * wanted)
        yield Argument("factor", _quoted(wanted), f'{result} fps; or "5/2", or fps=60')


def usual_rate(rate: Fraction) -> Fraction:
    """The usual rate that is nearest to `rate`, frames per second, by its ratio."""
    ntsc = next((usual for usual in _NTSC if abs(usual / rate - 1) <= _MET), None)
    return ntsc or min(_WHOLE, key=lambda usual: max(usual / rate, rate / usual))


def _scenes(film: Film) -> Iterator[Argument]:
    if film.rhythm.drawn:
        yield Argument("sc", '"adaptive"', "keeps cuts sharp, also among held drawings")
    else:
        cuts = counted(film.cuts, "cut") if film.cuts else "no cut"
        yield Argument("sc", "True", f'keeps cuts sharp ({cuts} in the sample); or "adaptive"')


def _repeats(film: Film) -> Iterator[Argument]:
    rhythm = film.rhythm
    if rhythm.drawn or rhythm.kind in ("pulldown", "pairs"):
        yield Argument("duplicates", '"fill"', "new frames in place of the repeats")
    if rhythm.drawn:
        yield Argument("duplicates_anchor", '"centre"', "perfectly even, but few frames stay",
                       used=False)  # fmt: skip
    elif rhythm.kind in ("few", "still"):
        yield Argument("duplicates", '"fill"', "if some frames seem to stick", used=False)


def _size(film: Film) -> Iterator[Argument]:
    large = film.height >= _LARGE or film.width >= 2 * _LARGE - 200
    yield Argument("scale", "0.5", "for large pictures and fast motion", used=large)


def _offers(film: Film) -> Iterator[Argument]:
    if film.colour["matrix"] is None and film.format.startswith("YUV"):
        guess = "709" if film.height >= 720 else "170m"
        yield Argument("matrix", f'"{guess}"', "assumed by size, the file does not say", used=False)
    yield Argument("protect", "True", "for subtitles and logos in the picture", used=False)
    yield Argument("model", '"4.25", auto_download=True', "larger, slower, better", used=False)


def shown(rate: Fraction) -> str:
    """A rate for people: 24, 23.976."""
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f}"


def _quoted(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f'"{value}"'
