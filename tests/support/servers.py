"""A server on this machine that answers as a test says, and the pages of a good one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ETAG = '"one"'


class Server:
    """What it answers is said by `pages`: path -> function of a request. `seen` are requests."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], object]] = {}
        self.seen: list[tuple[str, str | None]] = []
        self.ending = threading.Event()
        self.outwaited = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.seen.append((self.path, self.headers.get("Range")))
                self.close_connection = True
                with suppress(ConnectionError):  # the client has had enough
                    server.pages.get(self.path, answer(404))(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def stay_silent(self) -> None:
        """Keep a client waiting until the test ends, or for a minute, which the test fails of."""
        self.outwaited = not self.ending.wait(60)

    def close(self) -> None:
        self.ending.set()  # lets go of those who stall
        self.http.shutdown()
        self.http.server_close()


def answer(status: int, body: bytes = b"", **headers: object):
    """A page with these headers; underscores in their names are dashes."""

    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"Content-Length": len(body)} | given).items():
            if value is not None:
                request.send_header(name, str(value))
        request.end_headers()
        request.wfile.write(body)

    return page


def serve(body: bytes, etag: str | None = ETAG, ranges: bool = True, cut: int | None = None):
    """A file as a good server serves it; `cut`: the connection ends after so many bytes."""

    def page(request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range") if ranges else None
        if wanted and request.headers.get("If-Range", etag) != etag:
            wanted = None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        headers = {"ETag": etag, "Content-Type": "application/octet-stream"}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        sent = body[start:] if cut is None else body[start : start + cut]
        headers["Content-Length"] = len(body) - start
        answer(206 if wanted else 200, sent, **headers)(request)

    return page
