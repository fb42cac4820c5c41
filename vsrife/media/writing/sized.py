"""A film of an exact size: two passes, the second one again with a better bitrate if it misses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from vsrife.errors import MediaError
from vsrife.media.parts import scratch_folder
from vsrife.media.tracks.others import Plan, size_of_others
from vsrife.media.writing.encoding import Encoding
from vsrife.messages import counted, note

CLOSE = Fraction(97, 100)  # of the limit; a file of less could be better
_AIM = Fraction(985, 1000)
_TRIES = 8
_MORE, _GROWS = Fraction(11, 10), Fraction(101, 100)  # of a bitrate, of a film
_LEAST = 1000  # bits per second
# Bytes that x264 and x265 cannot do without, in any container: 64x48 pixels of black at crf 51 take
# 1300 and 21 for each further frame, in .mkv; .mp4 and x265 more
_FILE, _FRAME = 1000, 15
_SMALL = ("aac", "opus", "mp3", "vorbis")  # sound that another encoder makes hardly smaller

# Writes the film with these options into a file, with or without (True) notes; gives the bytes of
# the film alone
Write = Callable[[Encoding, Path, bool], int]


def write(
    encoding: Encoding, part: Path, seconds: Fraction, run: Write, plan: Plan | None = None
) -> None:
    """Write a film of at most `encoding.max_size` bytes and at least 97 % of it into `part`.

    seconds: duration of the film. run: encodes it. plan: of the other streams. MediaError if it
    cannot become so small. A note if it stays smaller, since the encoder needs no more.
    """
    import av

    limit = encoding.max_size or 0
    rate = max(_LEAST, int(limit * 8 * _AIM / seconds))
    with (
        tempfile.TemporaryDirectory(prefix="vsrife-") as temporary,  # a name that encoders can read
        scratch_folder(part.parent) as folder,
    ):
        stats, best = Path(temporary) / "stats", folder / "best"
        film = run(_passed(encoding, 1, rate, stats), part, False)
        beside = part.stat().st_size - film
        _check_room(beside, limit, seconds, plan)
        rate, before = max(_LEAST, int((limit * _AIM - beside) * 8 / seconds)), 0
        last = most = 0
        for _ in range(_TRIES):
            try:
                film = run(_passed(encoding, 2, rate, stats), part, True)
            except av.error.ExternalError:  # how x264 says that the bitrate is too low
                break
            size = part.stat().st_size
            if most < size <= limit:
                most = size
                shutil.copyfile(part, best)
            # an encoder at its best quality grows no more, whatever it may use
            enough = last and rate > before * _MORE and film < last * _GROWS
            if CLOSE * limit <= size <= limit or (enough and size <= limit):
                break
            last, before, room = film, rate, limit * _AIM - (size - film)
            rate = max(_LEAST, int(rate * min(room / max(film, 1), Fraction(8))))
        _keep_best(part, best, most, limit)


def check_frames(encoding: Encoding, count: int) -> None:
    """MediaError if so many frames fit into `encoding.max_size` bytes at no quality."""
    limit, least = encoding.max_size, _FILE + _FRAME * count
    if limit is not None and limit < least:
        raise _too_small(limit, f"; {counted(count, 'frame')} need more than {least}")


def _too_small(limit: int, why: str = "") -> MediaError:
    return MediaError(
        f"the film does not fit into {limit} bytes, whatever its quality{why}; make it smaller or "
        "shorter, or raise --max-size"
    )


def check_room(encoding: Encoding, plan: Plan, seconds: Fraction) -> None:
    """MediaError if the other streams alone leave no room in `encoding.max_size` bytes.

    Before any frame is made; `seconds`: duration of the film. Reads the packets of the file.
    """
    limit = encoding.max_size
    if limit is not None:
        _check_room(size_of_others(plan, seconds), limit, seconds, plan)


def _check_room(beside: int, limit: int, seconds: Fraction, plan: Plan | None) -> None:
    if beside * 2 > limit and beside + _LEAST * seconds / 8 > limit:
        raise MediaError(
            f"sound and other streams take {beside} of {limit} bytes, and leave no room; "
            f"raise --max-size{_ways_out(plan)}"
        )


def _ways_out(plan: Plan | None) -> str:
    """What else makes other streams smaller: sound that is small already becomes no smaller."""
    if plan is None:
        return ""
    codecs = [job.codec for job in plan.jobs if job.kind == "audio"]
    streams = [kept.stream for kept in plan.kept if kept.stream.type == "audio"]
    codecs += [s.codec_context.codec.canonical_name if s.codec_context else "?" for s in streams]
    if not codecs:
        return ""
    small = all(codec in _SMALL for codec in codecs)
    return ", or leave sound out: --audio none" if small else ", or --audio opus or none"


def _keep_best(part: Path, best: Path, most: int, limit: int) -> None:
    if not most:
        raise _too_small(limit)
    if part.stat().st_size != most:
        shutil.copyfile(best, part)
    if most < CLOSE * limit:
        note(f"OUT has {most} of {limit} bytes; the encoder needs no more for this film")


def _passed(encoding: Encoding, number: int, rate: int, stats: Path) -> Encoding:
    """`encoding` as pass 1 or 2, with its statistics in the file `stats`."""
    row = encoding.row
    given = dict(encoding.options)
    own = ":".join(filter(None, (given.pop(row.parameters, ""), f"pass={number}")))
    # the file's name is an option of its own: a colon in it would end the parameter
    name = {"libx264": "stats", "libx265": "x265-stats"}[row.codec]
    options = given | {row.parameters: own, name: str(stats)}
    return replace(encoding, bitrate=rate, max_size=None, options=tuple(options.items()))
