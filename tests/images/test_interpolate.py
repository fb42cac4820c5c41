"""What comes out of interpolate() and Interpolator, with a network that mixes both frames."""

import gc
import itertools
import tracemalloc
from collections import UserList, deque
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.images.mixing import mixing
from vsrife import Interpolator, interpolate

H, W = 48, 64


def frame(value, shape=(H, W, 3), dtype=np.float32):
    return np.full(shape, value, dtype)


def ramp(count):
    """Frames whose value is their number over 100, so that a time can be read off a mix."""
    return [frame(n / 100) for n in range(count)]


def times_of(frames):
    return [round(float(each.mean()) * 100, 3) for each in frames]


@pytest.fixture(autouse=True)
def _mixes(network):
    pass


# Times


@given(st.fractions(min_value=Fraction(1, 4), max_value=5, max_denominator=6), st.integers(1, 6))
def test_frames_come_out_at_multiples_of_the_inverse_factor(factor, count):
    with mixing():
        found = times_of(interpolate(ramp(count), factor))
    wanted = itertools.takewhile(lambda t: t <= count - 1, (n / factor for n in itertools.count()))
    assert found == pytest.approx([float(t) for t in wanted], abs=1e-3)


def test_the_factor_is_two_if_nothing_is_said():
    assert times_of(interpolate(ramp(3))) == [0, 0.5, 1, 1.5, 2]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"factor": 4}, [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]),
        ({"factor": "3/2"}, [0, 0.667, 1.333, 2]),
        ({"factor": [1, 3]}, [0, 1, 1.333, 1.667, 2]),
        ({"count": 7}, [0, 0.333, 0.667, 1, 1.333, 1.667, 2]),
        ({"count": 1}, [0]),
        ({"timesteps": [0.1, 0.9]}, [0, 0.1, 0.9, 1, 1.1, 1.9, 2]),
        ({"times": [0.5, 0.5, 1, 1.75]}, [0.5, 0.5, 1, 1.75]),
        ({"times": lambda n: n * n / 4}, [0, 0.25, 1]),
        ({"times": np.linspace(0, 2, 3)}, [0, 1, 2]),
    ],
)
def test_each_way_to_say_when(options, wanted):
    assert times_of(interpolate(ramp(3), **options)) == pytest.approx(wanted, abs=1e-3)


def test_a_loop_leads_back_to_the_first_frame():
    frames = ramp(3)
    found = list(interpolate(frames, 2, loop=True))
    assert times_of(found) == [0, 0.5, 1, 1.5, 2, 1]  # half way from 2 to 0 is 1
    assert len(found) == 3 * 2
    assert times_of(interpolate(frames, count=9, loop=True))[-1] == pytest.approx(2 / 3, abs=1e-3)
    assert times_of(interpolate(frames, [1, 1, 4], loop=True)) == [0, 1, 2, 1.5, 1, 0.5]
    assert list(interpolate(frames[:1], 3, loop=True)) == [frames[0]] * 3


def test_one_frame_comes_out_alone():
    one = frame(0.5)
    assert [each is one for each in interpolate([one], 4)] == [True]


def test_a_list_that_ends_early_leaves_the_rest_unread():
    frames = iter(ramp(9))
    assert times_of(interpolate(frames, times=[0, 1.5])) == [0, 1.5]
    assert len(list(frames)) == 6


# Frames


def test_given_frames_come_out_as_the_very_objects():
    frames = ramp(4)
    found = list(interpolate(iter(frames), 3))
    assert all(found[3 * n] is frames[n] for n in range(4))
    assert not any(new is old for new in (found[1], found[2]) for old in frames)


def test_frames_are_never_written_to():
    frames = [np.random.default_rng(n).random((H, W, 4)).astype(np.float32) for n in range(3)]
    for each in frames:
        each.flags.writeable = False
    kept = [each.copy() for each in frames]
    list(interpolate(frames, 2, sc=True, duplicates="fill", sc_mode="blend"))
    assert all((a == b).all() for a, b in zip(frames, kept, strict=True))


def test_a_camera_may_use_one_buffer_for_all_frames():
    buffer, found, tween = frame(0), [], Interpolator(2)
    for n in range(4):
        buffer[:] = n / 100
        found += times_of(tween.push(buffer))
    assert found == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_what_the_caller_draws_on_a_frame_stays_out_of_new_ones():
    found = []
    for each in interpolate((f for f in ramp(3)), 2, loop=True):
        found.append(round(float(each.mean()) * 100, 3))
        each[:] = 1
    assert found == [0, 0.5, 1, 1.5, 2, 1]


def test_new_frames_are_memory_of_their_own():
    found = list(interpolate(ramp(2), 3))
    assert not np.shares_memory(found[1], found[2])
    assert found[1].flags.writeable
    assert found[1].flags.c_contiguous


def test_equal_frames_need_no_network(network):
    same = [frame(0.5), frame(0.5), frame(0.6)]
    found = list(interpolate(same, 2))
    assert [each is same[0] for each in found] == [True, True, False, False, False]
    assert network.made == [0.5]


def test_each_frame_is_prepared_once(network):
    list(interpolate(ramp(5), 4))
    assert network.prepared == 5
    assert len(network.made) == 4 * 3


@pytest.mark.parametrize("streams", [2, 5])
def test_streams_change_no_frame(streams):
    one = times_of(interpolate(ramp(5), 6))
    assert times_of(interpolate(ramp(5), 6, num_streams=streams, backend="onnx")) == one


def test_streams_keep_few_frames_in_memory():
    """Of a pair with many new frames, no more are made ahead than there are streams."""
    with mixing() as session:
        found = interpolate(ramp(2), 50, num_streams=2, backend="onnx")
        for _ in range(10):
            next(found)
        assert len(session.made) <= 9 + 2
        found.close()


# Kinds of sequences


def test_an_array_of_frames_is_a_sequence_of_views():
    video = np.stack(ramp(3))
    found = list(interpolate(video, 2))
    assert [each.shape for each in found] == [(H, W, 3)] * 5
    assert np.shares_memory(found[2], video)
    grey = np.zeros((9, H, W), np.uint8)
    assert [each.shape for each in interpolate(grey, 1)] == [(H, W)] * 9


def test_batches_come_out_one_by_one():
    batches = [np.stack(ramp(3)[:2]).transpose(0, 3, 1, 2), ramp(3)[2].transpose(2, 0, 1)[None]]
    found = list(interpolate(batches, 2))
    assert times_of(found) == [0, 0.5, 1, 1.5, 2]
    assert {each.shape for each in found} == {(1, 3, H, W)}
    assert found[-1] is batches[1]
    assert times_of(interpolate(batches, count=3)) == [0, 1, 2]


# One by one


def test_pushing_gives_what_a_list_gives():
    frames, tween = ramp(5), Interpolator(3, loop=True)
    found = [out for each in frames for out in tween.push(each)] + tween.finish()
    assert times_of(found) == times_of(interpolate(frames, 3, loop=True))
    assert times_of(tween.push(frames[4])) == [4]  # a new run


@pytest.mark.parametrize(
    ("options", "delay"),
    [
        ({}, 0),
        ({"sc": True, "duplicates": "skip"}, 0),
        ({"sc": "adaptive"}, 2),
        ({"duplicates": "fill", "duplicates_span": 4}, 4),
        ({"duplicates": "fill", "duplicates_span": 4, "sc": "adaptive"}, 6),
    ],
)
def test_the_delay_is_as_many_frames_as_said(options, delay):
    tween, frames, out = Interpolator(2, **options), ramp(12), []
    assert tween.delay == delay
    for n, each in enumerate(frames):
        out += tween.push(each)
        if n >= delay:
            assert any(each is frames[n - delay] for each in out)
            assert not any(each is frames[n - delay + 1] for each in out if delay)
    assert len(out + tween.finish()) == 23


def test_a_frame_that_is_wrong_counts_as_not_pushed():
    tween, frames = Interpolator(2), ramp(3)
    tween.push(frames[0])
    with pytest.raises(ValueError, match="frame 1 must be like frame 0"):
        tween.push(frame(0, (H, W + 1, 3)))
    assert times_of(tween.push(frames[1])) == [0.5, 1]


def test_the_network_is_opened_once_for_frames_of_one_look(network):
    tween = Interpolator(2)
    for _ in range(2):
        list(tween(ramp(3)))
    assert len(network.opened) == 1
    list(tween([frame(0, (H, 2 * W, 3))]))
    assert [settings["width"] for _, settings in network.opened] == [W, 2 * W]


def test_options_reach_the_network(network):
    list(interpolate(ramp(1), model="nano", scale=0.5, backend="onnx", threads=3, precision="fp16"))
    options, settings = network.opened[0]
    assert (options.scale, options.backend, options.threads) == (0.5, "onnx", 3)
    assert (settings["width"], settings["height"], settings["half"]) == (W, H, False)
    list(interpolate([frame(0, dtype=np.float16)]))
    assert network.opened[1][1]["half"]


# Cuts, duplicates, confidence

CUT = [0.1, 0.12, 0.8, 0.82]


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [("hold", [0.12, 0.12, 0.12]), ("nearest", [0.12, 0.12, 0.8]), ("blend", [0.29, 0.46, 0.63])],
)
def test_no_new_frame_is_made_across_a_cut(network, mode, wanted):
    frames = [frame(value) for value in CUT]
    found = list(interpolate(frames, 4, sc=True, sc_mode=mode))
    assert [float(each.mean()) for each in found[5:8]] == pytest.approx(wanted, abs=1e-5)
    assert network.made == [0.25, 0.5, 0.75] * 2
    if mode != "blend":
        assert found[5] is frames[1]


def test_frames_that_are_doubted_are_replaced_as_at_a_cut():
    with mixing(confidence=0.3):
        frames = ramp(2)
        assert next(itertools.islice(interpolate(frames, 2, confidence=0.4), 1, None)) is frames[0]
        assert times_of(interpolate(frames, 2, confidence=0.2)) == [0, 0.5, 1]


def test_duplicates_are_skipped_or_filled():
    noise = np.random.default_rng(0).normal(0, 1e-4, (9, H, W, 3)).astype(np.float32)
    frames = [frame(v / 20) + n for v, n in zip([0, 0, 1, 2, 2, 2, 3], noise, strict=False)]
    tenths = [round(float(f.mean()) * 20, 2) for f in interpolate(frames, 2, duplicates="skip")]
    assert tenths == [0, 0, 0, 0.5, 1, 1.5, 2, 2, 2, 2, 2, 2.5, 3]
    filled = [round(float(f.mean()) * 20, 2) for f in interpolate(frames, 1, duplicates="fill")]
    assert filled == [0, 0.5, 1, 2, 2.33, 2.67, 3]


def test_what_the_caller_draws_on_frames_stays_out_of_filled_ones():
    options = {"duplicates": "fill", "duplicates_span": 8}
    values = [*range(9), 9, 9, 9, 10]
    noise = np.random.default_rng(0).normal(0, 1e-4, (13, H, W, 3)).astype(np.float32)
    made = ([frame(v / 10) + n for v, n in zip(values, noise, strict=True)] for _ in range(2))
    untouched = [each.mean() for each in interpolate(next(made), 1, **options)]
    found = []
    for each in interpolate(iter(next(made)), 1, **options):
        found.append(each.mean())
        each[:] = 1
    assert found == untouched


# Generators


def test_times_beyond_the_end_of_a_generator_are_said_after_all_others():
    found = interpolate(iter(ramp(2)), times=[0, 0.5, 1, 3])
    assert times_of(itertools.islice(found, 3)) == [0, 0.5, 1]
    with pytest.raises(ValueError, match="times must end at 1, the last frame, not at 3"):
        next(found)


def test_an_error_of_a_generator_passes_after_all_that_came_before():
    class Broken(Exception):  # noqa: N818
        pass

    def frames():
        yield from ramp(2)
        raise Broken("no more film")

    found = interpolate(frames(), 2)
    assert times_of(itertools.islice(found, 3)) == [0, 0.5, 1]
    with pytest.raises(Broken, match="no more film"):
        next(found)


def test_an_endless_generator_is_read_one_frame_at_a_time():
    read = []

    def frames():
        for n in itertools.count():
            read.append(n)
            yield frame(n / 100)

    found = interpolate(frames(), 4)
    assert read == []
    assert times_of(itertools.islice(found, 5)) == [0, 0.25, 0.5, 0.75, 1]
    assert read == [0, 1]


@pytest.mark.parametrize(
    "options",
    [{}, {"sc": "adaptive", "duplicates": "fill", "loop": True}, {"num_streams": 3}],
)
def test_memory_does_not_grow_with_the_number_of_frames(options):
    def peak(count):
        gc.collect()
        tracemalloc.start()
        # no two frames are equal, but for every third
        frames = (frame((n - (n % 3 == 2)) % 97 / 97) for n in range(count))
        total = sum(1 for _ in interpolate(frames, 2, **options))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return total, most

    with mixing():
        peak(10)
    with mixing() as session:
        few = peak(60)
        session.made.clear()
        many = peak(400)
    assert many[0] == few[0] + 340 * 2
    assert many[1] < few[1] + H * W * 3 * 4  # less than one picture


def test_what_was_made_before_an_error_comes_with_the_next_call(network):
    whole, made = Interpolator(3), []
    broken = Interpolator(3)
    make = network.interpolate

    def fail_once(*words):
        made.append(words)
        if len(made) == 2:
            raise MemoryError("once")
        return make(*words)

    frames = ramp(3)
    assert broken.push(frames[0])
    with mock.patch.object(network, "interpolate", fail_once), pytest.raises(MemoryError):
        broken.push(frames[1])
    (kept,) = broken.finish()[:1]
    whole.push(frames[0])
    assert np.array_equal(kept, whole.push(frames[1])[0])


def test_frames_before_times_beyond_the_end_are_not_lost():
    tween = Interpolator([2, 2, 2], sc="adaptive")
    out = [each for given in ramp(3) for each in tween.push(given)]
    with pytest.raises(ValueError, match="more"):
        tween.finish()
    assert times_of(out + tween.finish()) == [0, 0.5, 1, 1.5, 2]
    assert tween.finish() == []


@pytest.mark.parametrize("kind", [list, tuple])
def test_batches_count_by_their_frames(kind):
    stack = np.stack(ramp(8))
    out = list(interpolate(kind([stack[:4], stack[4:]]), count=15))
    assert times_of(out) == [n / 2 for n in range(15)]


@pytest.mark.parametrize("kind", [deque, UserList])
def test_the_number_of_frames_in_other_sequences_of_batches_is_not_guessed(kind):
    stack = np.stack(ramp(8))
    with pytest.raises(ValueError, match="needs the number of frames"):
        interpolate(kind([stack[:4], stack[4:]]), count=15)
    assert len(list(interpolate(kind(ramp(8)), count=15))) == 15
