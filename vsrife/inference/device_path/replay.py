"""The same work on tensors of the same shapes, again and again, without queueing it anew.

CUDA records the calls once as a graph and replays it: a network is hundreds of small calls, and a
fast GPU waits for the host between them. The graph reads and writes the same memory each time. The
CPU's twin replays by calling, on such memory, too; tests use it.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from vsrife.errors import BackendError
from vsrife.inference.base import Note
from vsrife.inference.sessions.out_of_memory import forget, is_out_of_memory, reason_of

type Work = Callable[[Sequence[Tensor]], list[Tensor]]

_PLAIN_CALLS = 2  # before recording: what is made once only (seeks, tests) is not worth it
_NEAR = 0.01  # how far a replay may be from calls on average: these may choose other kernels
_NOTHING = 77  # what no picture is full of
_KEPT = 8  # graphs; each has memory of its own for what goes in and out


class Recorder(Protocol):
    def __call__(
        self, work: Work, inputs: Sequence[Tensor]
    ) -> tuple[Callable[[], None], list[Tensor]]:
        """Record `work` on these tensors. Gives a function that does it again on what they hold
        then, and the tensors into which it writes."""
        ...


class Replays:
    """Work by key, recorded when it comes again and again."""

    def __init__(self, record: Recorder, note: Note) -> None:
        """note: hears once that work cannot be recorded, and is done by calling from then on."""
        self._record: Recorder | None = record
        self._note = note
        self._seen: OrderedDict[Hashable, int] = OrderedDict()
        self._recorded: OrderedDict[Hashable, _Recorded] = OrderedDict()

    def run(self, key: Hashable, work: Work, inputs: Sequence[Tensor]) -> list[Tensor]:
        """`work(inputs)`. key: work and inputs' shapes, types and devices are the same where it is;
        `work` waits for nothing and keeps none of its tensors. The result is the caller's own."""
        if self._record is None:
            return work(inputs)
        try:
            return self._run(self._record, key, work, inputs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            forget(error)
        self._give_up("out of memory")  # graphs keep memory of their own
        return work(inputs)

    def _run(
        self, record: Recorder, key: Hashable, work: Work, inputs: Sequence[Tensor]
    ) -> list[Tensor]:
        known = self._recorded.get(key)
        if known is None:
            if not self._is_due(key):
                return work(inputs)
            known = self._recording(record, key, work, inputs)
            if known is None:
                return work(inputs)
        self._recorded.move_to_end(key)
        return known.run(inputs)

    def _is_due(self, key: Hashable) -> bool:
        count = self._seen.pop(key, 0)
        if count >= _PLAIN_CALLS:
            return True
        self._seen[key] = count + 1
        if len(self._seen) > 4 * _KEPT:
            self._seen.popitem(last=False)
        return False

    def _recording(
        self, record: Recorder, key: Hashable, work: Work, inputs: Sequence[Tensor]
    ) -> _Recorded | None:
        try:
            fixed = [each.clone() for each in inputs]
            found = _Recorded(fixed, *record(work, fixed))
            found.prove(inputs, work(inputs))
        except Exception as error:  # whatever a driver says, the frame can still be made
            if is_out_of_memory(error):
                raise
            self._give_up(reason_of(error))
            return None
        self._recorded[key] = found
        if len(self._recorded) > _KEPT:
            self._recorded.popitem(last=False)
        return found

    def _give_up(self, reason: str) -> None:
        self._note(f"no graph of the network's calls ({reason}): slower")
        self._record = None
        self._recorded.clear()


class _Recorded:
    def __init__(
        self, inputs: list[Tensor], replay: Callable[[], None], outputs: list[Tensor]
    ) -> None:
        self._inputs, self._replay, self._outputs = inputs, replay, outputs

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        for fixed, given in zip(self._inputs, inputs, strict=True):
            fixed.copy_(given)
        self._replay()
        return [each.clone() for each in self._outputs]  # the next replay writes there

    def prove(self, inputs: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        """BackendError unless a replay gives what the calls have given. One that does nothing would
        give an old picture for ever."""
        for each in self._outputs:
            each.fill_(_NOTHING)
        for made, true in zip(self.run(inputs), wanted, strict=True):
            exact, found = (each.float().nan_to_num() for each in (true, made))
            # codes, or numbers of any size
            near = _NEAR * (1 + exact.abs().mean()) if true.is_floating_point() else 1
            if not (found - exact).abs().mean() <= near:
                raise BackendError("its replay has given another picture")


class Calling:
    """The twin: records nothing, and calls."""

    def __call__(
        self, work: Work, inputs: Sequence[Tensor]
    ) -> tuple[Callable[[], None], list[Tensor]]:
        outputs = [each.clone() for each in work(inputs)]

        def replay() -> None:
            for fixed, made in zip(outputs, work(inputs), strict=True):
                fixed.copy_(made)

        return replay, outputs


class CudaGraphs:
    """Graphs of one device. They share the memory for what lies between: none runs beside another,
    and results are copied before the next one runs."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._pool = torch.cuda.graph_pool_handle()
            # PyTorch's own is of the device on which the process has recorded first
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __call__(
        self, work: Work, inputs: Sequence[Tensor]
    ) -> tuple[Callable[[], None], list[Tensor]]:
        graph = torch.cuda.CUDAGraph()
        gc.collect()  # graphs that go meanwhile would spoil the recording
        with (
            torch.cuda.device(self._device),
            torch.cuda.graph(
                graph,
                pool=self._pool,
                stream=self._stream,
                # other threads copy frames meanwhile, which a recording of all would listen to
                capture_error_mode="thread_local",
            ),
        ):
            outputs = work(inputs)
        return graph.replay, outputs


def replays_of(device: torch.device, note: Note) -> Replays:
    return Replays(CudaGraphs(device) if device.type == "cuda" else Calling(), note)
