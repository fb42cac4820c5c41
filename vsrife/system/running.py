"""Other processes of this machine."""

from __future__ import annotations

import os
import sys

# Of Windows: winnt.h, minwinbase.h, winerror.h
_QUERY = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
_STILL_ACTIVE = 259
_ACCESS_DENIED = 5
_BELOW_NORMAL = 0x4000  # BELOW_NORMAL_PRIORITY_CLASS
_NICE = 10


def is_running(pid: int) -> bool:
    """Whether a process of this machine may be running; another user's counts."""
    if sys.platform == "win32":
        return _runs_on_windows(pid)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's process
    return True


def let_others_go_first() -> None:
    """A lower priority for this process and those that it starts."""
    if sys.platform == "win32":
        _lower_on_windows()
    else:
        os.nice(max(0, _NICE - os.nice(0)))


# os.kill(pid, 0) would end a process on Windows. Each call loads kernel32 anew: how functions of a
# shared one take their arguments is for the whole process.


def _runs_on_windows(pid: int) -> bool:
    import ctypes
    from ctypes import wintypes

    if not 0 < pid < 1 << 32:
        return False
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenProcess.restype = wintypes.HANDLE
    kernel.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
    kernel.GetExitCodeProcess.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD)]
    kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    handle = kernel.OpenProcess(_QUERY, False, pid)
    if not handle:
        denied = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
        return bool(denied == _ACCESS_DENIED)  # another user's process
    code = wintypes.DWORD()
    try:
        told = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        return not told or code.value == _STILL_ACTIVE
    finally:
        kernel.CloseHandle(handle)


def _lower_on_windows() -> None:
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.SetPriorityClass.argtypes = [wintypes.HANDLE, wintypes.DWORD]
    kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL)
