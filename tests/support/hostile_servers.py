"""What servers do that fail, lie or attack, and the words in which each is refused."""

from __future__ import annotations

import io
import itertools

import numpy as np

from tests.support.servers import Server, answer, serve
from tests.support.states import random_state, save_pickle


def sequence(*pages):
    """The first page for the first request, and so on; the last one for all others."""
    left = itertools.chain(pages, itertools.repeat(pages[-1]))
    return lambda request: next(left)(request)


def stall(after: bytes, length: int, server: Server):
    """Sends so much and then nothing, but keeps the connection."""

    def page(request):
        answer(200, after, Content_Length=length, ETag='"one"')(request)
        request.wfile.flush()
        server.stay_silent()

    return page


def drip(request):
    """A few bytes at a time, far too slow, but never silent."""
    answer(200, b"", Content_Length=10**6)(request)
    for _ in range(10**5):
        request.wfile.write(b"x" * 10)
        request.wfile.flush()


def too_many_chunks(request):
    """6 MB, a chunk at a time: who takes them all comes to an end, and fails a test by that."""
    answer(200, b"", Content_Length=None, Transfer_Encoding="chunked")(request)
    for _ in range(96):
        request.wfile.write(b"10000\r\n" + b"\0" * 65536 + b"\r\n")
    request.wfile.write(b"0\r\n\r\n")


def not_http(request):
    request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def refuse_ranges(body):
    return lambda request: (answer(416) if request.headers.get("Range") else serve(body))(request)


def endless_header(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n")


def redirect(target, status=302):
    return answer(status, b"", Location=target)


def other_network() -> bytes:
    out = io.BytesIO()
    save_pickle(out, random_state("4.25.lite"))
    return out.getvalue()


# what the server does -> (page from the honest body, the reason that is given, attempts)
REFUSALS = {
    "404": (lambda body: answer(404), "answers 404 Not Found", 1),
    "410": (lambda body: answer(410), "answers 410 Gone", 1),
    "401": (lambda body: answer(401), "answers 401", 1),
    "403": (lambda body: answer(403, b"rate limit"), "answers 403 Forbidden", 1),
    "403 with Retry-After": (lambda body: answer(403, Retry_After=3), r"403 Forbidden \(6 att", 6),
    "429": (lambda body: answer(429), r"answers 429 Too Many Requests \(6 attempts\)", 6),
    "429 with Retry-After": (lambda body: answer(429, Retry_After=3), r"429 .*\(6 attempts\)", 6),
    "429 for a day": (lambda body: answer(429, Retry_After=86400), "asks to wait .* s", 1),
    "429 with a bad Retry-After": (lambda body: answer(429, Retry_After="soon"), "429 .*6 att", 6),
    "503": (lambda body: answer(503), r"503 Service Unavailable \(6 attempts\)", 6),
    "503 with Retry-After": (lambda body: answer(503, Retry_After=1), r"503 .*\(6 attempts\)", 6),
    "500": (lambda body: answer(500), r"answers 500 .*\(6 attempts\)", 6),
    "204": (lambda body: answer(204), "answers 204", 1),
    "304": (lambda body: answer(304), "answers 304", 1),
    "web page": (lambda body: answer(200, b"<html>", Content_Type="text/html"), "a web page", 1),
    "web page in disguise": (lambda body: serve(b"<html>sign in</html>"), "it is a web page", 1),
    "no length": (
        lambda body: answer(200, body, Content_Length=None),
        "does not say how large the file is",
        1,
    ),
    "negative length": (
        lambda body: answer(200, b"", Content_Length=-5),
        "does not say how large",
        1,
    ),
    "length in words": (
        lambda body: answer(200, b"", Content_Length="many"),
        "does not say how large",
        1,
    ),
    "empty file": (lambda body: answer(200, b""), "announces 0 bytes", 1),
    "length of 10 TB": (lambda body: answer(200, b"", Content_Length=10**13), "up to 268435456", 1),
    "length of 40 digits": (lambda body: answer(200, b"", Content_Length=10**40), "announces", 1),
    "shorter than announced": (lambda body: serve(body, cut=99), "broke off after", 6),
    "length of half the file": (
        lambda body: answer(200, body, Content_Length=len(body) // 2),
        "it is damaged, cut short",
        1,
    ),
    "gzip": (
        lambda body: answer(200, body[:99], Content_Encoding="gzip"),
        "sends the file compressed",
        1,
    ),
    "not HTTP": (lambda body: not_http, r"cannot be reached \(.*\(6 attempts\)|broke off", 6),
    "endless header": (lambda body: endless_header, "cannot be reached", 6),
    "redirect to itself": (lambda body: redirect("/tiny.pkl"), "redirects more than 5 times", 6),
    "redirect to nowhere": (lambda body: redirect(""), "redirects to nowhere", 1),
    "redirect to http": (lambda body: redirect("http://example.org/x"), "which is not https", 1),
    "redirect to a file": (lambda body: redirect("file:///etc/passwd"), "which is not https", 1),
    "redirect to ftp": (lambda body: redirect("ftp://example.org/x"), "which is not https", 1),
    "redirect to a bad address": (lambda body: redirect("http://[/x"), "which is not https", 1),
    "other network": (
        lambda body: serve(other_network()),
        r"it is a network 4\.25\.lite, and tiny is a micro",
        1,
    ),
    "no RIFE": (lambda body: serve(no_rife()), "are of no RIFE v4 network", 1),
    "NaN weights": (lambda body: serve(with_nan()), "not finite", 1),
}


def no_rife() -> bytes:
    out = io.BytesIO()
    save_pickle(out, {"block8.body.0.weight": np.ones((3, 3), np.float32)})
    return out.getvalue()


def with_nan() -> bytes:
    state = random_state("micro")
    state["block8.body.0.bias"][0] = np.nan
    out = io.BytesIO()
    save_pickle(out, state)
    return out.getvalue()
