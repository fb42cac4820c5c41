"""When memory runs out, frames are made with less of it, and none is lost."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.support.pixels import PixelWise, planes_of
from vsrife.errors import ArgumentError, BackendError
from vsrife.inference.base import Rhythm
from vsrife.inference.sessions import low_memory
from vsrife.inference.sessions.low_memory import LowMemorySession
from vsrife.inference.sessions.out_of_memory import is_out_of_memory
from vsrife.inference.sessions.scheduler import Scheduler

SIZE = (500, 400)
# What each runtime says, word for word
TEXTS = [
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB",
    "MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.10 GB)",
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 40000000000 bytes. Error code 12 (Cannot allocate memory)",
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv "
    "node. Name:'block0.conv0.0.0' Status Message: bfc_arena.cc:376 void* onnxruntime::BFCArena::"
    "AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 8",
    "bfc_arena.cc:376 Available memory of 1024 is smaller than requested bytes of 4096",
    "CUDA failure 2: out of memory ; GPU=0 ; hostname=x ; file=cuda_call.cc ; line=121",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "miopenStatusAllocFailed",
    "GET was unable to find an engine to execute this computation",
    "std::bad_alloc",
    "Exception from src/inference/src/cpp/infer_request.cpp:223:\n[GPU] CL_OUT_OF_RESOURCES",
    "[GPU] Exceeded max size of memory object allocation: requested 8589934592 bytes",
    "Native API failed. Native API returns: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)",
    "Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
    "Unable to allocate 2.37 GiB for an array with shape (1, 3, 8640, 30720)",
]


class Network(PixelWise):
    """Has memory for `room` pixels of one frame at a time, and for `most` frames."""

    def __init__(self, size, machine):
        super().__init__(size)
        self.machine = machine

    def interpolate(self, left, right, timestep, into, rhythm=None):
        with self.machine.computing(self.size):
            return super().interpolate(left, right, timestep, into, rhythm)

    def motion(self, left, right):
        with self.machine.computing(self.size):
            return super().motion(left, right)


class Machine:
    """room: pixels that fit its memory at a time; opening: also what opening a network needs."""

    def __init__(self, room, error=MemoryError, opening=0):
        self.room, self.error, self.opening = room, error, opening
        self.used, self.lock, self.opened = 0, threading.Lock(), []
        self.full = None  # an event: frames end only after memory has run out

    def open(self, width, height):
        self.opened.append((width, height))
        if self.opening and width * height > self.opening:
            raise BackendError("out of memory while the graph was compiled")
        return Network((width, height), self)

    def computing(self, size):
        return _Computing(self, size[0] * size[1])


class _Computing:
    def __init__(self, machine, pixels):
        self.machine, self.pixels = machine, pixels

    def __enter__(self):
        machine = self.machine
        with machine.lock:
            if machine.used + self.pixels > machine.room:
                if machine.full is not None:
                    machine.full.set()
                raise machine.error() if isinstance(machine.error, type) else machine.error
            machine.used += self.pixels
        if machine.full is not None:
            machine.full.wait(60)

    def __exit__(self, *_):
        with self.machine.lock:
            self.machine.used -= self.pixels


def session_of(machine, streams=1, notes=None):
    steps = low_memory.steps_of(*SIZE, streams, 64)
    note = (lambda text: None) if notes is None else notes.append
    return LowMemorySession(machine.open, lambda: steps, SIZE, note=note)


def frame_of(session, left, right, timestep=0.25, rhythm=None):
    into = [np.full_like(plane, 9) for plane in left]
    pair = session.prepare(left), session.prepare(right)
    session.interpolate(*pair, timestep, into, rhythm)
    return np.stack(into)


def wanted(left, right, timestep=0.25):
    return np.stack(left) + np.float32(timestep) * (np.stack(right) - np.stack(left))


PAIR = planes_of(*SIZE, 1), planes_of(*SIZE, 2)


def test_where_memory_suffices_frames_are_the_networks_own_bytes():
    machine, notes = Machine(10**9), []
    got = frame_of(session_of(machine, notes=notes), *PAIR)
    assert got.tobytes() == wanted(*PAIR).tobytes()
    assert (machine.opened, notes) == ([SIZE], [])


@pytest.mark.parametrize("share", [0.9, 0.58, 0.4])
def test_frames_come_in_tiles_that_fit_and_it_stays_at_them(share):
    machine, notes = Machine(share * SIZE[0] * SIZE[1]), []
    session = session_of(machine, notes=notes)
    for _ in range(3):
        assert np.abs(frame_of(session, *PAIR) - wanted(*PAIR)).max() < 1e-6
    assert session.step.tiling.size[0] * session.step.tiling.size[1] <= machine.room
    assert notes  # one line for each step, with the numbers
    assert all("500x400" in note and "tiles of" in note and "\n" not in note for note in notes)
    before = len(machine.opened)
    frame_of(session, *PAIR)
    assert len(machine.opened) == before  # not tried again


def test_a_step_down_lets_go_of_what_frames_had_on_the_device(monkeypatch):
    class Kept(list):
        """A list that can be watched."""

    kept = []

    def prepare(self, planes):
        found = Kept(np.array(plane) for plane in planes)
        if self.size == SIZE:
            kept.append(weakref.ref(found))
        return found

    monkeypatch.setattr(Network, "prepare", prepare)
    session = session_of(Machine(0.4 * SIZE[0] * SIZE[1]))
    pair = session.prepare(PAIR[0]), session.prepare(PAIR[1])
    assert all(each() is not None for each in kept)
    session.interpolate(*pair, 0.5, [np.empty_like(plane) for plane in PAIR[0]])
    gc.collect()
    assert [each() for each in kept] == [None, None]


def test_the_source_may_be_overwritten_after_it_was_prepared():
    """VapourSynth uses the memory of a frame again; tiles are cut later."""
    machine = Machine(0.4 * SIZE[0] * SIZE[1])
    session = session_of(machine)
    left, right = ([plane.copy() for plane in planes] for planes in PAIR)
    pair = session.prepare(left), session.prepare(right)
    for plane in (*left, *right):
        plane[:] = 7
    into = [np.empty_like(plane) for plane in left]
    session.interpolate(*pair, 0.25, into)
    assert np.abs(np.stack(into) - wanted(*PAIR)).max() < 1e-6


def test_streams_become_one_before_there_are_tiles_and_no_frame_is_lost():
    """Three frames at a time do not fit, one does; all begin before any ends."""
    machine, notes = Machine(1.5 * SIZE[0] * SIZE[1]), []
    session = session_of(machine, streams=3, notes=notes)
    start = threading.Barrier(3)

    def make(number):
        start.wait()
        return frame_of(session, *PAIR, timestep=(number + 1) / 4)

    machine.full = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(make, range(3)))
    for number, got in enumerate(found):
        assert got.tobytes() == wanted(*PAIR, (number + 1) / 4).tobytes()
    assert session.step.most == 1
    assert session.step.tiling is None
    assert len(notes) == 1
    assert "one frame at a time" in notes[0]


def test_where_nothing_helps_the_frame_gets_one_line_with_the_numbers():
    session = session_of(Machine(100), streams=2)
    for _ in range(2):  # a later frame gets it, too, and nothing hangs
        with pytest.raises(BackendError, match=r"^out of memory for frames of 500x400, in \d+ ti"):
            frame_of(session, *PAIR)


class Kept:
    """Memory of a device."""


@pytest.fixture
def no_garbage_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_what_ran_out_of_memory_keeps_none(no_garbage_collection):
    """Through threads and batches, as on a GPU: what a failed frame had made is gone, collected or
    not, before the next one is tried with less."""
    made, alive = [], []
    worker = ThreadPoolExecutor(1)

    def compute(jobs):
        alive.append(sum(each() is not None for each in made))
        kept = Kept()
        made.append(weakref.ref(kept))
        raise MemoryError(f"out of memory for {len(jobs)}")

    scheduler = Scheduler(lambda jobs: worker.submit(compute, jobs).result(), most=4)
    futures = [scheduler.submit(job) for job in range(4)]
    for future in futures:
        with pytest.raises(MemoryError):
            scheduler.wait(future)
    assert len(alive) == 6  # 4 frames at a time, 2, then each of them alone
    assert set(alive) == {0}
    assert not any(each() for each in made)
    worker.shutdown()


def test_a_network_for_whole_frames_is_gone_before_one_for_tiles_is_opened(no_garbage_collection):
    opened, alive = [], []
    machine = Machine(0.6 * SIZE[0] * SIZE[1])

    def open_(width, height):
        alive.append(sum(each() is not None for each in opened))
        network = machine.open(width, height)
        network.itself = network  # as a session and its scheduler know each other
        opened.append(weakref.ref(network))
        return network

    steps = low_memory.steps_of(*SIZE, 2, 64)
    session = LowMemorySession(open_, lambda: steps, SIZE, note=lambda text: None)
    assert np.abs(frame_of(session, *PAIR) - wanted(*PAIR)).max() < 1e-6
    assert len(alive) > 1
    assert set(alive) == {0}


@pytest.mark.parametrize("text", TEXTS)
def test_each_runtimes_own_words_are_known(text):
    assert is_out_of_memory(RuntimeError(text))
    machine = Machine(0.9 * SIZE[0] * SIZE[1], RuntimeError(text))
    assert np.abs(frame_of(session_of(machine), *PAIR) - wanted(*PAIR)).max() < 1e-6


def test_pytorchs_own_error_and_causes_are_known():
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    error = BackendError("the graph cannot be run")
    error.__cause__ = MemoryError()
    assert is_out_of_memory(error)


@pytest.mark.parametrize("text", ["CUDA error: device-side assert", "the device was removed", ""])
def test_any_other_failure_reaches_the_frame_as_one_line_and_the_next_is_made(text):
    error = RuntimeError(text)
    assert not is_out_of_memory(error)
    machine = Machine(0, error)
    session = session_of(machine)
    with pytest.raises(BackendError, match=r"^the network failed on this frame") as caught:
        frame_of(session, *PAIR)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error
    assert machine.opened == [SIZE]
    machine.room = 10**9
    assert frame_of(session, *PAIR).tobytes() == wanted(*PAIR).tobytes()


def test_a_network_that_cannot_even_be_opened_whole_is_opened_for_tiles():
    machine = Machine(10**9, opening=0.6 * SIZE[0] * SIZE[1])
    session = session_of(machine)
    assert session.tells == PixelWise.tells
    assert np.abs(frame_of(session, *PAIR) - wanted(*PAIR)).max() < 1e-6


def test_what_cannot_be_opened_for_another_reason_is_told_as_it_is():
    def refuse(width, height):
        raise ArgumentError("scale must be 1")

    with pytest.raises(ArgumentError, match=r"^scale must be 1$"):
        LowMemorySession(refuse, lambda: low_memory.steps_of(*SIZE, 1, 64), SIZE)


def test_the_cadence_is_found_in_tiles_and_given_to_them():
    whole, tiled = session_of(Machine(10**9)), session_of(Machine(0.4 * SIZE[0] * SIZE[1]))
    maps = [s.motion(s.prepare(PAIR[0]), s.prepare(PAIR[1])) for s in (whole, tiled)]
    assert np.array_equal(maps[1][0, 0, :49, :62], maps[0][0, 0, :49, :62])
    rhythm = Rhythm(None, maps[0], maps[1])
    assert np.abs(frame_of(tiled, *PAIR, rhythm=rhythm) - wanted(*PAIR)).max() < 1e-6


def test_steps_end_with_the_smallest_tiles_and_begin_with_what_was_asked():
    steps = low_memory.steps_of(3840, 2160, 4, 64)
    assert [step.most for step in steps][:2] == [4, 1]
    assert [step.tiling for step in steps][:2] == [None, None]
    assert all(step.tiling is not None and step.most == 1 for step in steps[2:])
    assert len(low_memory.steps_of(64, 48, 1, 64)) == 1
