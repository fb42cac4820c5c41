"""Debian's Chromium without a screen, driven over a pipe by its own protocol (DevTools)."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60  # seconds for an answer: a busy machine is no failure
_SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--disable-extensions", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """A page. errors: exceptions of its scripts; requests: addresses that it has asked for."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out, self._left, self._last = into, out, b"", 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        attached = self("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **params: Any) -> Any:
        """Send a command; its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._into, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return answer["result"]
            self._hear(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._out], [], [], PATIENCE)
            assert ready, "Chromium does not answer"
            read = os.read(self._out, 1 << 20)
            assert read, "Chromium has ended"
            self._left += read
        message, _, self._left = self._left.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _hear(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def open(self, path: Path, width: int, height: int, *, scheme: str = "light") -> None:
        """Open a file in a window of that size, in CSS pixels."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height,
             deviceScaleFactor=1, mobile=False)  # fmt: skip
        self("Emulation.setEmulatedMedia",
             features=[{"name": "prefers-color-scheme", "value": scheme}])  # fmt: skip
        self.errors.clear()
        self.requests.clear()
        self("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete' && window.comparison !== undefined")

    def js(self, code: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        found = self("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until a condition holds; the page itself says when, frame by frame."""
        while True:
            try:
                if self.js(f"Boolean({condition})"):
                    return
                self.js("new Promise((done) => requestAnimationFrame(() => done(1)))")
            except AssertionError as error:  # the page before is gone
                if "navigated" not in str(error) and "context" not in str(error).lower():
                    raise

    def press(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self(
                "Input.dispatchKeyEvent", type=kind, key=key, **(text if kind == "keyDown" else {})
            )

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mousePressed", *start, button="left", clickCount=1, buttons=1)
        self.mouse("mouseMoved", *end, button="left", buttons=1)
        self.mouse("mouseReleased", *end, button="left", clickCount=1)

    def screenshot(self) -> bytes:
        """What is seen in the window, as PNG."""
        return base64.b64decode(self("Page.captureScreenshot", format="png")["data"])


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A page in a fresh Chromium; skips where it is not installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed")
    their_in, into = (_high(end) for end in os.pipe())
    out, their_out = (_high(end) for end in os.pipe())
    words = [program, *_SWITCHES, f"--user-data-dir={folder / 'profile'}"]
    quiet = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in (0, 1, 2)]
    moved = [(os.POSIX_SPAWN_DUP2, their_in, 3), (os.POSIX_SPAWN_DUP2, their_out, 4)]
    env = os.environ | {"HOME": str(folder)}
    pid = os.posix_spawn(program, words, env, file_actions=[*quiet, *moved], setpgroup=0)
    os.close(their_in)
    os.close(their_out)
    try:
        yield Page(into, out)
    finally:
        os.close(into)
        os.close(out)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _high(descriptor: int) -> int:
    """The same file under a number that Chromium's own 3 and 4 do not overwrite."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(descriptor)
    return moved
