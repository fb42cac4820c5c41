"""Asks a server for a file: certificates, time limits, redirects.

urllib3 speaks HTTP; truststore asks the system which certificates to trust. No redirect leaves
https, and an answer that is not the file is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from vsrife.errors import ModelError, printable
from vsrife.weights.catalogue import check_source

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429, 500, 502, 503, 504)
IN_RANGE = 206


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server; times in seconds."""

    connect: float = 10
    read: float = 30  # without a single byte
    attempts: int = 6  # per mirror, 2 where there is no connection at all
    backoff: float = 1  # before the second attempt; doubled for each later one
    longest_wait: float = 60  # that a server may ask for
    slowest: int = 1000  # bytes per second, on average over `read`
    redirects: int = 5
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


class AgainError(Exception):
    """Worth another attempt, after `wait` seconds if the server says so."""

    def __init__(self, reason: str, wait: float | None = None, *, connected: bool = True) -> None:
        super().__init__(reason)
        self.wait, self.connected = wait, connected


class RefusedError(Exception):
    """This mirror does not have the file."""


class Client:
    """Opens addresses through the system's proxies; close it when done."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._pools: dict[str, Any] = {}

    def close(self) -> None:
        for pool in self._pools.values():
            pool.clear()

    def open(self, address: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """The answer to a request, redirects followed; its body is not read yet.

        AgainError or RefusedError if it is not the file, or the part of it that was asked for.
        """
        from urllib3 import Timeout
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, SSLError

        for _ in range(self._patience.redirects + 1):
            try:
                response: BaseHTTPResponse = self._pool(address).request(
                    "GET", address, redirect=False, retries=False,
                    preload_content=False, decode_content=False,
                    headers={"User-Agent": "vsrife", "Accept-Encoding": "identity", **headers},
                    timeout=Timeout(connect=self._patience.connect, read=self._patience.read),
                )  # fmt: skip  # one thing, not eight
            except SSLError as error:
                raise RefusedError(f"its certificate is not trusted ({_short(error)})") from error
            except ValueError as error:  # of urllib3 and of urlsplit
                raise RefusedError(
                    f"it or the proxy has no proper address ({_short(error)})"
                ) from error
            except (HTTPError, OSError) as error:
                lost = "Connection" in type(error).__name__ or "NameRes" in type(error).__name__
                never = lost or isinstance(error, ConnectTimeoutError)
                raise AgainError(
                    f"cannot be reached ({_short(error)})", connected=not never
                ) from error
            if response.status not in _REDIRECTS:
                _check_status(response)
                return response
            target = response.headers.get("Location", "")
            response.close()
            address = _next_hop(address, target)
        raise RefusedError(f"redirects more than {self._patience.redirects} times")

    def _pool(self, address: str) -> Any:
        """A connection pool that goes through the system's proxy and trusts as the system does."""
        import ssl
        from urllib.request import getproxies, proxy_bypass

        import truststore
        from urllib3 import PoolManager, ProxyManager, make_headers

        parts = urlsplit(address)
        proxy = getproxies().get(parts.scheme)
        if proxy and proxy_bypass(parts.netloc):
            proxy = None
        key = proxy or ""
        if key not in self._pools:
            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if proxy:
                proxy = proxy if "://" in proxy else f"http://{proxy}"
                user = urlsplit(proxy)
                login = unquote(f"{user.username}:{user.password or ''}") if user.username else None
                self._pools[key] = ProxyManager(
                    proxy, proxy_headers=make_headers(proxy_basic_auth=login), ssl_context=context
                )
            else:
                self._pools[key] = PoolManager(ssl_context=context)
        return self._pools[key]


def _check_status(response: BaseHTTPResponse) -> None:
    from urllib3 import Retry
    from urllib3.exceptions import InvalidHeader

    if response.status in (200, IN_RANGE):
        return
    answer = printable(f"answers {response.status} {response.reason or ''}".rstrip())
    text = response.headers.get("Retry-After")
    response.close()
    try:
        wait = None
        if text:
            wait = float(text) if text.isdecimal() else Retry().parse_retry_after(text)
    except (InvalidHeader, ValueError, OverflowError):
        wait = None
    if response.status in _BUSY or (response.status == 403 and wait is not None):
        raise AgainError(answer, wait)
    raise RefusedError(answer)


def _next_hop(address: str, target: str) -> str:
    if not target:
        raise RefusedError("redirects to nowhere")
    try:
        reached = check_source(urljoin(address, target))
    except (ModelError, ValueError) as error:
        raise RefusedError(f"redirects to {target[:200]!r}, which is not https") from error
    if urlsplit(address).scheme == "https" and urlsplit(reached).scheme != "https":
        raise RefusedError(f"redirects to {target[:200]!r}, which is not https")
    return reached


def validator(response: BaseHTTPResponse) -> str:
    """Identifies this version of the file; empty if the server does not say."""
    tag = response.headers.get("ETag", "")
    return response.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag


def continues(response: BaseHTTPResponse, have: int, total: int) -> bool:
    wanted = f"bytes {have}-{total - 1}/{total}"
    return (
        response.status == IN_RANGE
        and response.headers.get("Content-Range") == wanted
        and response.headers.get("Content-Encoding", "identity") == "identity"
    )


def _short(error: BaseException) -> str:
    """The reason of an error, without the names of urllib3's objects."""
    cause = getattr(error, "reason", None) or error.__cause__ or error
    while isinstance(cause, BaseException) and cause.args and not isinstance(cause, OSError):
        cause = cause.args[-1]
    return printable(str(cause).rpartition(": ")[2]) or type(error).__name__
