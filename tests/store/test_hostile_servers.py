"""Servers that fail, lie or attack: the store ends up with the right file, or as it was before."""

from __future__ import annotations

import base64
import email.utils
import errno
import hashlib
import io
import itertools
import ssl
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.store.conftest import Server, answer, random_state, save_pickle, serve
from vsrife.errors import ModelError
from vsrife.store import arrays, catalogue, fetch, http, keep, lookup, read_arrays

ROW = """
[model.tiny]
arch = "nano"
file = "flownet_tiny.pkl"
sources = [{sources}]
"""


@pytest.fixture(scope="module")
def state():
    return random_state("nano")


@pytest.fixture(scope="module")
def body(state, tmp_path_factory) -> bytes:
    """What an honest server would send."""
    return save_pickle(tmp_path_factory.mktemp("body") / "tiny.pkl", state).read_bytes()


@pytest.fixture
def tiny(server, add_rows):
    """Make the row `tiny`, served at these paths, and fetch it."""

    def row(*paths, extra=""):
        sources = ", ".join(f'"{p if "://" in p else server.address + p}"' for p in paths)
        add_rows(ROW.format(sources=sources) + extra)
        return lookup.find_model("tiny")

    return row


def other_network() -> bytes:
    out = io.BytesIO()
    save_pickle(out, random_state("4.25.lite"))
    return out.getvalue()


@pytest.fixture
def fetch_tiny(tiny, listener, patience):
    def run(*paths, extra="", **options):
        row = tiny(*(paths or ("/tiny.pkl",)), extra=extra)
        return keep.fetch_model(row, listener=listener, patience=patience, **options)

    return run


def files(folder: Path) -> set[str]:
    """What is in the store, but for locks."""
    return {p.name for p in folder.iterdir() if p.suffix != ".lock"} if folder.is_dir() else set()


def sequence(*pages):
    """The first page for the first request, and so on; the last one for all others."""
    left = itertools.chain(pages, itertools.repeat(pages[-1]))
    return lambda request: next(left)(request)


def stall(after: bytes, length: int, server: Server):
    """Sends so much and then nothing, but keeps the connection."""

    def page(request):
        answer(200, after, Content_Length=length, ETag='"one"')(request)
        request.wfile.flush()
        server.ending.wait(20)

    return page


def drip(request):
    """A few bytes at a time, far too slow, but never silent."""
    answer(200, b"", Content_Length=10**6)(request)
    for _ in range(10**5):
        request.wfile.write(b"x" * 10)
        request.wfile.flush()


def endless_chunks(request):
    answer(200, b"", Content_Length=None, Transfer_Encoding="chunked")(request)
    while True:
        request.wfile.write(b"10000\r\n" + b"\0" * 65536 + b"\r\n")


def not_http(request):
    request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def refuse_ranges(body):
    return lambda request: (answer(416) if request.headers.get("Range") else serve(body))(request)


def endless_header(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n")


def redirect(target, status=302):
    return answer(status, b"", Location=target)


def test_an_honest_server(fetch_tiny, server, body, state, own_store, slept):
    server.pages["/tiny.pkl"] = serve(body)
    path = fetch_tiny()
    assert path == own_store / "flownet_tiny.safetensors"
    back = read_arrays(path)
    assert all(np.array_equal(back[key], state[key]) for key in state)
    assert files(own_store) == {path.name, lookup.RECORDS}
    assert slept == []


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
        r"it is a network 4\.25\.lite, and tiny is a nano",
        1,
    ),
    "no RIFE": (lambda body: serve(no_rife()), "are of no RIFE v4 network", 1),
    "NaN weights": (lambda body: serve(with_nan()), "not finite", 1),
}


def no_rife() -> bytes:
    out = io.BytesIO()
    save_pickle(out, {"block0.conv0.0.0.weight": np.ones((3, 3), np.float32)})
    return out.getvalue()


def with_nan() -> bytes:
    state = random_state("nano")
    state["block0.conv0.0.0.bias"][0] = np.nan
    out = io.BytesIO()
    save_pickle(out, state)
    return out.getvalue()


@pytest.mark.parametrize(("page", "reason", "requests"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(fetch_tiny, server, body, own_store, page, reason, requests):
    server.pages["/tiny.pkl"] = page(body)
    with pytest.raises(ModelError, match=reason) as caught:
        fetch_tiny()
    message = str(caught.value)
    assert message.startswith("flownet_tiny.pkl could not be fetched: http://127.0.0.1")
    assert f"put it into {own_store}" in message
    assert "\n" not in message
    assert {path for path, _ in server.seen} <= {"/tiny.pkl"}
    assert len([r for r in server.seen if r[1] is None]) == requests
    assert {name for name in files(own_store) if not name.endswith(".part")} == set()


def test_waiting_doubles_unless_the_server_says_how_long(fetch_tiny, server, slept):
    later = email.utils.formatdate(time.time() + 40.5)
    server.pages["/tiny.pkl"] = sequence(
        answer(503), answer(429, Retry_After=7), answer(429, Retry_After=later), answer(500)
    )
    with pytest.raises(ModelError):
        fetch_tiny()
    assert slept[:2] == [1, 7]
    assert 30 < slept[2] < 41
    assert slept[3:] == [8, 16]


def test_busy_then_well(fetch_tiny, server, body, slept):
    server.pages["/tiny.pkl"] = sequence(answer(503), answer(502), serve(body))
    assert fetch_tiny().is_file()
    assert slept == [1, 2]


def test_a_connection_that_breaks_off_is_resumed_where_it_was(fetch_tiny, server, body, own_store):
    server.pages["/tiny.pkl"] = sequence(serve(body, cut=1_000_000), serve(body))
    path = fetch_tiny()
    assert server.seen == [
        ("/tiny.pkl", None),
        ("/tiny.pkl", None),
        ("/tiny.pkl", "bytes=1000000-"),
    ]
    assert files(own_store) == {path.name, lookup.RECORDS}


def test_a_mirror_that_fails_takes_nothing_from_the_next_ones_part(
    fetch_tiny, server, body, own_store, slept
):
    server.pages |= {"/a": serve(b"<html>"), "/b": serve(body, cut=5000)}
    with pytest.raises(ModelError, match="broke off"):
        fetch_tiny("/a", "/b")
    server.pages["/b"] = serve(body)
    fetch_tiny("/a", "/b")
    assert server.seen[-2:] == [("/b", None), ("/b", "bytes=30000-")]
    assert files(own_store) == {"flownet_tiny.safetensors", lookup.RECORDS}


def test_parts_of_older_states_are_removed(fetch_tiny, server, body, own_store):
    for etag in ('"one"', '"two"', '"three"'):
        server.pages["/tiny.pkl"] = serve(body, etag=etag, cut=100)
        with pytest.raises(ModelError, match="broke off"):
            fetch_tiny()
        assert len(list(own_store.glob("*.part"))) == 1


def test_silence_is_a_broken_connection(fetch_tiny, server, body, slept):
    server.pages["/tiny.pkl"] = sequence(stall(body[:5000], len(body), server), serve(body))
    assert fetch_tiny().is_file()
    assert server.seen[-1] == ("/tiny.pkl", "bytes=5000-")


def test_silence_before_the_answer(fetch_tiny, server, body, heard):
    server.pages["/tiny.pkl"] = sequence(lambda request: server.ending.wait(20), serve(body))
    assert fetch_tiny().is_file()
    assert "timed out" in heard[0] or "timeout" in heard[0].lower()


def test_a_trickle_is_given_up(tiny, server, listener, slept):
    server.pages["/tiny.pkl"] = drip
    ticks = itertools.count(step=31)
    slow = http.Patience(read=30, attempts=2, sleep=slept.append, clock=lambda: next(ticks))
    with pytest.raises(ModelError, match=r"is too slow, \d+ of 1000000 bytes so far"):
        keep.fetch_model(tiny("/tiny.pkl"), listener=listener, patience=slow)


@pytest.mark.parametrize(
    "resumed",
    [
        lambda body: serve(body, ranges=False),  # sends all of it anew
        lambda body: serve(body, etag='"two"'),  # the file has changed in between
        refuse_ranges,
        lambda body: sequence(serve(body), answer(416), serve(body)),
        lambda body: sequence(
            serve(body), answer(206, body[9:], Content_Range="bytes 9-99/100"), serve(body)
        ),
        lambda body: sequence(serve(body), answer(206, body[5000:]), serve(body)),
        lambda body: sequence(serve(body), serve(body[:-7]), serve(body)),
    ],
    ids=["no ranges", "changed", "never", "416", "another range", "no range named", "shorter"],
)
def test_resuming_with_a_server_that_does_it_wrong(fetch_tiny, server, body, state, resumed):
    server.pages["/tiny.pkl"] = sequence(serve(body, cut=5000), resumed(body))
    back = read_arrays(fetch_tiny())
    assert all(np.array_equal(back[key], state[key]) for key in state)


def test_a_part_that_was_tampered_with_never_becomes_a_model(fetch_tiny, server, body, own_store):
    """Resuming trusts the bytes that are there; the checks at the end do not."""
    server.pages["/tiny.pkl"] = serve(body, cut=5000)
    with pytest.raises(ModelError, match="broke off"):
        fetch_tiny()
    part = next(own_store.glob("*.part"))
    part.write_bytes(b"\0" * part.stat().st_size)
    server.pages["/tiny.pkl"] = serve(body)
    with pytest.raises(ModelError, match="damaged, cut short"):
        fetch_tiny()
    assert fetch_tiny().is_file()


def test_chunks_without_end_stop_at_the_known_size(fetch_tiny, server, own_store):
    server.pages["/tiny.pkl"] = endless_chunks
    with pytest.raises(ModelError, match="sends more than the 100000 bytes of the file"):
        fetch_tiny(extra="size = 100000\n")
    assert files(own_store) == set()


def test_more_than_announced_is_not_even_read(fetch_tiny, server, body, own_store):
    server.pages["/tiny.pkl"] = answer(200, body + b"\0" * 10**7, Content_Length=len(body))
    fetch_tiny()
    assert files(own_store) == {"flownet_tiny.safetensors", lookup.RECORDS}


def test_another_size_than_known_is_not_fetched(fetch_tiny, server, body, own_store):
    server.pages["/tiny.pkl"] = serve(body)
    with pytest.raises(ModelError, match=rf"announces {len(body)} bytes, the file has 5"):
        fetch_tiny(extra="size = 5\n")


def test_the_next_mirror_is_tried(fetch_tiny, server, body, heard):
    server.pages |= {"/b": answer(404), "/c": serve(b"PK\3\4 not quite"), "/d": serve(body)}
    nobody = "http://127.0.0.1:9/a"
    assert fetch_tiny(nobody, "/b", "/c", "/d").is_file()
    assert "cannot be reached" in "".join(heard)
    assert [path for path, _ in server.seen] == ["/b", "/c", "/d"]


def test_wrong_bytes_are_refused_by_their_hash(
    fetch_tiny, server, body, state, tmp_path, own_store
):
    right = hashlib.sha256(body).hexdigest()
    other = save_pickle(tmp_path / "flownet_other.pkl", random_state("nano", 1)).read_bytes()
    server.pages |= {"/bad": serve(other), "/good": serve(body)}
    with pytest.raises(ModelError, match=rf"its sha256 is [0-9a-f]+ instead of {right}"):
        fetch_tiny("/bad", extra=f'sha256 = "{right}"\n')
    assert files(own_store) == set()
    back = read_arrays(fetch_tiny("/bad", "/good", extra=f'sha256 = "{right}"\n'))
    assert all(np.array_equal(back[key], state[key]) for key in state)


def test_the_hash_of_the_first_fetch_holds_for_later_ones(fetch_tiny, server, body, tmp_path):
    server.pages["/tiny.pkl"] = serve(body)
    fetch_tiny()
    row = lookup.find_model("tiny")
    keep.remove_model(row)
    other = save_pickle(tmp_path / "flownet_other.pkl", random_state("nano", 1)).read_bytes()
    server.pages["/tiny.pkl"] = serve(other)
    with pytest.raises(ModelError, match=r"its sha256 is .* instead of"):
        fetch_tiny()
    keep.remove_model(row, forget=True)
    assert fetch_tiny().is_file()


def test_a_refetch_that_fails_keeps_the_old_file(fetch_tiny, server, body):
    server.pages["/tiny.pkl"] = serve(body)
    before = fetch_tiny().read_bytes()
    server.pages["/tiny.pkl"] = serve(b"<html>")
    with pytest.raises(ModelError):
        fetch_tiny(again=True)
    assert fetch_tiny().read_bytes() == before
    server.pages["/tiny.pkl"] = serve(body)
    assert keep.verify_model(lookup.find_model("tiny")) == "as first fetched, converted"
    fetch_tiny(again=True)
    assert len(server.seen) == 3


def test_fetching_replaces_a_damaged_file(fetch_tiny, server, body, state, heard):
    server.pages["/tiny.pkl"] = serve(body)
    path = fetch_tiny()
    whole = path.read_bytes()
    for broken in (whole[:-1] + bytes([whole[-1] ^ 1]), b"nothing"):
        path.write_bytes(broken)
        back = read_arrays(fetch_tiny())
        assert all(np.array_equal(back[key], state[key]) for key in state)
        assert "fetching tiny again: model file" in "".join(heard)
    assert list(lookup.read_records()) == ["flownet_tiny.pkl"]
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    "proxy", ["http://[", "socks5://127.0.0.1:9", "://", "http://localhost:port", "no host"]
)
def test_a_damaged_proxy_is_said_at_once(fetch_tiny, monkeypatch, slept, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(ModelError, match=r"it or the proxy has no proper address \(.+\)"):
        fetch_tiny()
    assert slept == []


def test_a_redirect_is_followed_and_the_file_kept_under_its_own_name(fetch_tiny, server, body):
    server.pages |= {"/tiny.pkl": redirect("/../../evil.pkl?x=1"), "/evil.pkl?x=1": serve(body)}
    server.pages["/../../evil.pkl?x=1"] = serve(body)
    assert fetch_tiny().name == "flownet_tiny.safetensors"


def test_https_never_leaves_https():
    for target in ("http://127.0.0.1/x", "HTTP://localhost/x", "//user@[::1"):
        with pytest.raises(http.RefusedError, match="not https"):
            http._next_hop("https://example.org/a", target)
    assert http._next_hop("https://example.org/a/b", "../c") == "https://example.org/c"


@pytest.fixture
def tls(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    server.address = f"https://localhost:{server.http.server_port}"
    return server


def test_a_certificate_that_nobody_vouches_for_is_refused(fetch_tiny, tls, body):
    tls.pages["/tiny.pkl"] = serve(body)
    with pytest.raises(ModelError, match="its certificate is not trusted"):
        fetch_tiny()
    assert tls.seen == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's store is asked")
def test_what_the_system_trusts_is_trusted(fetch_tiny, tls, body, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(Path(__file__).with_name("self_signed.pem")))
    tls.pages["/tiny.pkl"] = serve(body)
    assert fetch_tiny().is_file()
    tls.pages["/tiny.pkl"] = redirect("http://127.0.0.1/x")
    with pytest.raises(ModelError, match="which is not https"):
        fetch_tiny(again=True)


def test_a_proxy_of_the_system_is_used(fetch_tiny, server, body, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address.replace("://", "://me%40work:secret@"))
    logins = []

    def page(request):
        logins.append(base64.b64decode(request.headers["Proxy-Authorization"].split()[1]))
        serve(body)(request)

    server.pages["http://localhost:9/tiny.pkl"] = page
    assert fetch_tiny("http://localhost:9/tiny.pkl").is_file()
    assert logins == [b"me@work:secret"]


def test_no_network_at_all(fetch_tiny, monkeypatch, slept, own_store):
    import socket

    def fail(*args, **kwargs):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ModelError, match=r"cannot be reached \(.*name resolution.*\(2 attempts\)"):
        fetch_tiny("https://example.invalid/tiny.pkl")
    assert slept == [1]


def full_disk(monkeypatch):
    def write(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda folder: write())


def little_room(monkeypatch):
    usage = fetch.shutil.disk_usage(".")
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda folder: usage._replace(free=10_000))


def full_at_the_end(monkeypatch):
    def save(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keep, "save_weights", save)


@pytest.mark.parametrize("trouble", [full_disk, little_room, full_at_the_end])
def test_a_full_disk(fetch_tiny, server, body, own_store, monkeypatch, trouble):
    server.pages["/tiny.pkl"] = serve(body)
    with monkeypatch.context() as patch:
        trouble(patch)
        with pytest.raises(ModelError, match="the disk is full; make room"):
            fetch_tiny()
    assert files(own_store) <= {lookup.RECORDS}
    assert fetch_tiny().is_file()


@pytest.mark.parametrize(
    "address", ["http://example.org/x.pkl", "file:///etc/passwd", "x.pkl", "https://"]
)
def test_addresses_in_lists_must_be_https(add_rows, address):
    add_rows(ROW.format(sources=f'"{address}"'))
    with pytest.raises(
        ModelError, match=r"row 'tiny' in the models of .* must begin with https://"
    ):
        catalogue.catalogue()


def test_a_symlink_in_place_of_a_part_is_not_written_through(
    fetch_tiny, server, body, own_store, tmp_path
):
    if sys.platform == "win32":
        pytest.skip("symlinks need rights there")
    server.pages["/tiny.pkl"] = serve(body, cut=5000)
    with pytest.raises(ModelError):
        fetch_tiny()
    part = next(own_store.glob("*.part"))
    part.unlink()
    (tmp_path / "victim").write_text("precious")
    part.symlink_to(tmp_path / "victim")
    with pytest.raises(ModelError, match="is no file of ours"):
        fetch_tiny()
    assert (tmp_path / "victim").read_text() == "precious"


def test_no_file_of_a_server_is_larger_than_weights_can_be():
    assert arrays.LIMIT == 256 << 20
