"""What keeps a device fed, by its twins on the CPU: copies, recorded calls, a cache of bytes."""

from __future__ import annotations

import gc
import random
import threading
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vsrife.inference.device_path import spline
from vsrife.inference.device_path.byte_cache import ByteCache
from vsrife.inference.device_path.conversion import storable
from vsrife.inference.device_path.replay import Calling, CudaGraphs, Replays
from vsrife.inference.device_path.staging import Fetched, Plain
from vsrife.inference.device_path.tensor_trees import built, flat, joined, look_of
from vsrife.inference.source_planes import SourcePlanes, Subsampling, Timestep

CPU = torch.device("cpu")


class Key:
    """Something that can go."""


def test_the_least_recently_used_goes_when_there_are_too_many_bytes():
    made: list[Any] = []
    cache: ByteCache[Key, int] = ByteCache(100, lambda value: value)
    keys = [Key() for _ in range(4)]
    for key in keys:
        cache.add(key, 10)

    def value(number: int) -> int:
        return cache.get(keys[number], lambda: made.append(number) or 20)

    for number in (0, 1, 2, 0, 3, 0, 1):
        assert value(number) == 20
        assert cache.bytes <= 100
    # 40 bytes of keys leave room for three values: 1 went when 3 came
    assert made == [0, 1, 2, 3, 1]


def test_two_values_stay_however_large_they_are():
    cache: ByteCache[Key, int] = ByteCache(1, lambda value: value)
    keys = [Key() for _ in range(3)]
    made: list[int] = []
    for key in keys:
        cache.add(key, 1000)
    for number in (0, 1, 0, 1, 2, 0, 1):
        cache.get(keys[number], lambda n=number: made.append(n) or 1000)
    assert made == [0, 1, 2, 0, 1]


def test_what_belongs_to_a_key_goes_with_it_and_its_number_may_come_again():
    cache: ByteCache[Key, bytes] = ByteCache(10**6, len)
    for _ in range(100):
        key = Key()  # often where the last one was
        cache.add(key, 5)
        assert cache.get(key, lambda: bytes(7)) == bytes(7)
        assert cache.bytes == 12
        del key
        gc.collect()
        assert cache.bytes == 0


def test_a_cache_is_used_by_many_threads():
    cache: ByteCache[Key, int] = ByteCache(50, lambda value: 10)
    keys = [Key() for _ in range(12)]
    for key in keys:
        cache.add(key, 1)
    wrong: list[int] = []

    def use(seed: int) -> None:
        for number in random.Random(seed).choices(range(12), k=300):
            if cache.get(keys[number], lambda n=number: n) != number:
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache.bytes <= 50


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float16, np.float32])
def test_samples_go_up_and_come_down_as_they_are(kind):
    staging = Plain(CPU)
    plane = np.arange(60).reshape(6, 10)[:, ::2].astype(kind) * kind(1000 % 255)
    source = plane.copy()
    held = staging.hold([plane])
    plane[:] = 0  # the host may use its memory again
    into = np.empty_like(source)
    sure = staging.down([*staging.up(held), torch.tensor(0.25)]).write([into])
    assert np.array_equal(into, source)
    assert sure == 0.25


def test_results_are_not_read_before_they_are_there():
    there = torch.zeros(2, 3)

    def wait() -> None:
        there[:] = 5

    into = np.empty((2, 3), np.float32)
    fetched = Fetched([there, torch.tensor(1.0)], wait)
    fetched.write([into])
    assert (into == 5).all()


def test_every_sample_type_has_one_that_each_device_knows():
    plane = np.array([[0, 1, 65535, 32768]], np.uint16)
    assert storable(plane).dtype == np.int16
    assert storable(plane).tobytes() == plane.tobytes()
    assert storable(np.zeros((1, 1), np.uint8)).dtype == np.uint8


class Counted:
    """Work on tensors, and how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, inputs: Any) -> list[Tensor]:
        self.calls += 1
        return [inputs[0] + inputs[1], inputs[0] * 2]


def numbers(seed: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.rand(3, 4, generator=draw) for _ in range(2)]


def test_replayed_work_gives_what_a_call_gives_and_results_are_the_callers_own():
    replays, work, kept = Replays(Calling(), pytest.fail), Counted(), []
    for seed in range(12):
        inputs = numbers(seed % 5)
        before = [each.clone() for each in inputs]
        kept.append((replays.run("sum", work, inputs), before))
        assert all(torch.equal(a, b) for a, b in zip(inputs, before, strict=True))
    for found, (a, b) in kept:  # after all replays
        assert torch.equal(found[0], a + b)
        assert torch.equal(found[1], a * 2)


def test_what_comes_once_or_twice_is_not_recorded():
    recorded = []

    class Recording(Calling):
        def __call__(self, work, inputs):
            recorded.append(1)
            return super().__call__(work, inputs)

    replays = Replays(Recording(), pytest.fail)
    for key in range(40):
        for _ in range(2):
            replays.run(key, Counted(), numbers(key))
    assert not recorded
    for _ in range(5):
        replays.run(39, Counted(), numbers(1))
    assert recorded == [1]


def test_the_number_of_recordings_is_bounded():
    replays = Replays(Calling(), pytest.fail)
    for key in range(30):
        for _ in range(4):
            replays.run(key, Counted(), numbers(key))
    assert len(replays._recorded) <= 8


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted"), MemoryError()])
def test_where_nothing_can_be_recorded_it_is_told_once_and_frames_are_made(error):
    def fail(work, inputs):
        raise error

    said: list[str] = []
    replays, work = Replays(fail, said.append), Counted()
    for seed in range(6):
        a, b = numbers(seed)
        assert torch.equal(replays.run("sum", work, [a, b])[0], a + b)
    assert len(said) == 1
    assert "\n" not in said[0]
    assert work.calls == 6


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.uint8, torch.int16])
def test_a_recording_that_does_nothing_is_found_out(kind):
    """As on a stream that the device's work is not on: its picture would stay for ever."""

    def nothing(work, inputs):
        return lambda: None, [each.clone() for each in work(inputs)]

    def double(inputs):
        return [(inputs[0] * 2).to(kind)]

    said: list[str] = []
    replays = Replays(nothing, said.append)
    for seed in range(6):
        given = [100 * numbers(seed)[0]]
        assert torch.equal(replays.run("double", double, given)[0], double(given)[0])
    (line,) = said
    assert "another picture" in line


def test_numbers_that_are_none_are_no_reason_to_doubt():
    replays = Replays(Calling(), pytest.fail)
    for _ in range(6):
        (found,) = replays.run("none", lambda inputs: [inputs[0] / 0], [torch.tensor([0.0, 1.0])])
        assert found.isnan().tolist() == [True, False]


def test_where_a_replay_has_no_memory_recordings_go_and_calls_go_on():
    memory = [True]

    def record(work, inputs):
        replay, outputs = Calling()(work, inputs)

        def limited():
            if not memory[0]:
                raise MemoryError("out of memory")
            replay()

        return limited, outputs

    said: list[str] = []
    replays = Replays(record, said.append)
    for seed in range(8):
        memory[0] = seed < 5
        a, b = numbers(seed)
        assert torch.equal(replays.run("sum", Counted(), [a, b])[0], a + b)
    assert len(said) == 1
    assert not replays._recorded


def test_each_device_has_a_stream_of_its_own_to_record_on(monkeypatch):
    """PyTorch's own stream for that is of whichever device has recorded first."""
    current: list[Any] = [None]
    recorded = []

    @contextmanager
    def device(which):
        before, current[0] = current[0], which
        yield
        current[0] = before

    @contextmanager
    def graph(graph, pool, stream, capture_error_mode):
        recorded.append((current[0], stream, pool, capture_error_mode))
        yield

    class Graph:
        def replay(self):
            pass

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "Stream", lambda which: ("stream", which))
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: ("pool", current[0]))
    devices = [torch.device("cuda", k) for k in (0, 1)]
    recorders = [CudaGraphs(each) for each in devices]
    for recorder in recorders:
        recorder(Counted(), numbers(1))
    assert recorded == [
        (each, ("stream", each), ("pool", each), "thread_local") for each in devices
    ]


class Parts(NamedTuple):
    one: Tensor
    two: Tensor


def test_tensors_in_tuples_become_lists_and_come_back():
    value = (Parts(*numbers(1)), None, numbers(2)[0], (Parts(*numbers(3)),))
    again = built(look_of(value), flat(value))
    assert isinstance(again[0], Parts)
    assert again[1] is None
    assert all(a is b for a, b in zip(flat(value), flat(again), strict=True))
    assert len(flat(value)) == 5
    both = joined([value, value])
    assert torch.equal(both[0].two, torch.cat([value[0].two] * 2))
    assert joined([value]) is value


@given(
    factor=st.sampled_from([2, 4]),
    place=st.sampled_from([-1, 0, 1]),
    slope=st.floats(-2, 2),
)
def test_weights_keep_flat_fields_and_ramps(factor, place, slope):
    """Of a spline's weights the sum is 1; a ramp comes back where each sample lies."""
    axis = Subsampling(factor, place)
    inside = slice(8, 24)
    chroma = np.arange(32) * slope
    for p, phase in enumerate(spline.enlarging(axis)):
        assert sum(phase.weights) == pytest.approx(1)
        at = np.arange(32)[inside]
        near = [w * chroma[at + phase.first + k] for k, w in enumerate(phase.weights)]
        where = at + (p + 0.5) / factor - 0.5 - place * (0.5 - 0.5 / factor)
        # the kernel is no straight line between samples: it is off by up to a hundredth of a step
        assert np.abs(sum(near) - where * slope).max() <= 0.02 * abs(slope) + 1e-12
    phase = spline.reducing(axis)
    assert sum(phase.weights) == pytest.approx(1)


@given(length=st.integers(1, 40), first=st.integers(-12, 12), count=st.integers(1, 60))
def test_beyond_the_edges_a_picture_is_mirrored(length, first, count):
    found = spline.mirrored(first, count, length)
    assert len(found) == count
    assert ((found >= 0) & (found < length)).all()
    for at, index in zip(range(first, first + count), found, strict=True):
        if 0 <= at < length:
            assert index == at
        elif -length <= at < 0:
            assert index == -1 - at
        elif length <= at < 2 * length:
            assert index == 2 * length - 1 - at


def test_a_timestep_is_a_number_that_knows_its_neighbours():
    timestep = Timestep(0.25, [0.5, 0.75])
    assert timestep == 0.25
    assert timestep.beside == (0.5, 0.75)
    assert type(1 - timestep) is float
    assert Timestep(0.5).beside == ()


def test_a_copy_of_planes_is_its_own():
    from vsrife.inference.source_planes import Coding

    planes = SourcePlanes([np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8)], Coding(3, 8))
    copy = planes.copy()
    planes[0][:] = 9
    assert (copy[0] == 0).all()
    assert (len(copy), copy.coding) == (2, planes.coding)
    assert copy[1:][0].shape == (2, 2)


@pytest.mark.cuda
def test_on_cuda_samples_pass_through_pinned_memory_as_they_are():
    from vsrife.inference.device_path.staging import staging_of

    staging = staging_of(torch.device("cuda", 0))
    draw = np.random.default_rng(1)
    waiting = []
    for number in range(40):  # more than are in flight: buffers come again
        plane = draw.integers(0, 65536, (270, 480)).astype(np.uint16)
        up = staging.up(staging.hold([plane]))
        sure = torch.full((), float(number), device="cuda")
        waiting.append((plane, number, staging.down([*up, sure])))
    for plane, number, fetched in waiting:
        into = np.empty_like(plane)
        assert fetched.write([into]) == number
        assert np.array_equal(into, plane)


@pytest.mark.cuda
def test_on_cuda_a_graph_gives_what_a_call_gives():
    from vsrife.inference.device_path.replay import replays_of

    replays, work = replays_of(torch.device("cuda", 0), pytest.fail), Counted()
    with torch.inference_mode():
        for seed in range(8):
            a, b = (each.cuda() for each in numbers(seed))
            assert torch.equal(replays.run("sum", work, [a, b])[0], a + b)
    assert work.calls == 3  # twice as it is, once to be recorded
