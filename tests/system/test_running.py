"""Whether a process runs, on this system and by Windows' own functions."""

import ctypes
import os
from types import SimpleNamespace

import pytest

from tests.support.dead import dead_process
from vsrife.system import running


def test_this_process_runs_and_one_that_has_ended_does_not():
    assert running.is_running(os.getpid())
    assert not running.is_running(dead_process())


@pytest.mark.parametrize("pid", [2**31, 2**32, 2**40, 10**30])
def test_a_number_that_no_process_can_have_is_of_none(pid):
    assert not running.is_running(pid)


class Kernel:
    """kernel32 with processes: number -> exit code, or None for another user's."""

    STILL_ACTIVE, ACCESS_DENIED, NOT_THERE = 259, 5, 87

    def __init__(self, running):
        self.running, self.error, self.open = running, 0, []
        self.OpenProcess = self._function(self._open)
        self.GetExitCodeProcess = self._function(self._code)
        self.CloseHandle = self._function(self.open.remove)
        self.GetCurrentProcess = self._function(lambda: -1)
        self.SetPriorityClass = self._function(lambda *words: self.set_to.append(words))
        self.set_to = []

    @staticmethod
    def _function(call):
        class Function(SimpleNamespace):
            def __call__(self, *words):
                assert hasattr(self, "argtypes") or not words  # else handles have 32 bits
                return call(*words)

        return Function()

    def _open(self, access, inherit, pid):
        if pid not in self.running:
            self.error = self.NOT_THERE
            return None
        if self.running[pid] is None:
            self.error = self.ACCESS_DENIED
            return None
        self.open.append(pid)
        return pid

    def _code(self, handle, into):
        into._obj.value = self.running[handle]
        return 1


@pytest.fixture
def kernel(monkeypatch):
    made = Kernel({4: None, 10: Kernel.STILL_ACTIVE, 11: 0, 12: 1})
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: made, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: made.error, raising=False)
    return made


@pytest.mark.parametrize(
    ("pid", "runs"),
    [(4, True), (10, True), (11, False), (12, False), (13, False), (0, False), (2**32 + 10, False)],
)
def test_windows_tells_whether_one_runs(pid, runs, kernel):
    assert running._runs_on_windows(pid) is runs
    assert kernel.open == []


def test_windows_lowers_the_priority_of_this_process(kernel):
    running._lower_on_windows()
    assert kernel.set_to == [(-1, 0x4000)]
    assert kernel.GetCurrentProcess.restype is ctypes.c_void_p  # all its bits
