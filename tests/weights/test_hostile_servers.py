"""Servers that fail, lie or attack: the store ends up with the right file, or as it was before."""

from __future__ import annotations

import base64
import email.utils
import errno
import hashlib
import itertools
import re
import socket
import ssl
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.hostile_servers import (
    REFUSALS,
    drip,
    redirect,
    refuse_ranges,
    sequence,
    stall,
    too_many_chunks,
)
from tests.support.servers import answer, serve
from tests.support.states import random_state, save_pickle
from vsrife.errors import ModelError
from vsrife.weights import catalogue, download, http, library, locate, read_arrays, verify
from vsrife.weights.readers import safetensors

ROW = """
[model.tiny]
arch = "micro"
file = "flownet_tiny.pkl"
sources = [{sources}]
"""


@pytest.fixture(scope="module")
def state():
    return random_state("micro")


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
        return locate.find_model("tiny")

    return row


@pytest.fixture
def fetch_tiny(tiny, listener, patience):
    def run(*paths, extra="", patience=patience, **options):
        row = tiny(*(paths or ("/tiny.pkl",)), extra=extra)
        return library.fetch_model(row, listener=listener, patience=patience, **options)

    return run


@pytest.fixture
def impatient(patience):
    """Silence counts as a stall at once; only for servers that are silent on purpose."""
    return replace(patience, read=0.3)


@pytest.fixture
def nobody():
    """An address on this machine where nobody answers; taken, so that nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def files(folder: Path) -> set[str]:
    """What is in the store, but for locks."""
    return {p.name for p in folder.iterdir() if p.suffix != ".lock"} if folder.is_dir() else set()


def test_an_honest_server(fetch_tiny, server, body, state, own_store, slept):
    server.pages["/tiny.pkl"] = serve(body)
    path = fetch_tiny()
    assert path == own_store / "flownet_tiny.safetensors"
    back = read_arrays(path)
    assert all(np.array_equal(back[key], state[key]) for key in state)
    assert files(own_store) == {path.name, verify.RECORDS}
    assert slept == []


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
    later = int(time.time()) + 40
    date = email.utils.formatdate(later, usegmt=True)
    server.pages["/tiny.pkl"] = sequence(
        answer(503), answer(429, Retry_After=7), answer(429, Retry_After=date), answer(500)
    )
    with pytest.raises(ModelError):
        fetch_tiny()
    assert slept[:2] == [1, 7]
    assert max(0, later - time.time()) <= slept[2] <= 40  # until that date
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
    assert files(own_store) == {path.name, verify.RECORDS}


def test_a_mirror_that_fails_takes_nothing_from_the_next_ones_part(
    fetch_tiny, server, body, own_store, slept
):
    server.pages |= {"/a": serve(b"<html>"), "/b": serve(body, cut=5000)}
    with pytest.raises(ModelError, match="broke off"):
        fetch_tiny("/a", "/b")
    server.pages["/b"] = serve(body)
    fetch_tiny("/a", "/b")
    assert server.seen[-2:] == [("/b", None), ("/b", "bytes=30000-")]
    assert files(own_store) == {"flownet_tiny.safetensors", verify.RECORDS}


def test_parts_of_older_states_are_removed(fetch_tiny, server, body, own_store):
    for etag in ('"one"', '"two"', '"three"'):
        server.pages["/tiny.pkl"] = serve(body, etag=etag, cut=100)
        with pytest.raises(ModelError, match="broke off"):
            fetch_tiny()
        assert len(list(own_store.glob("*.part"))) == 1


def test_silence_is_a_broken_connection(fetch_tiny, server, body, impatient):
    server.pages["/tiny.pkl"] = sequence(stall(body[:5000], len(body), server), serve(body))
    assert fetch_tiny(patience=impatient).is_file()
    assert server.seen[-1] == ("/tiny.pkl", "bytes=5000-")


def test_silence_before_the_answer(fetch_tiny, server, body, heard, impatient):
    server.pages["/tiny.pkl"] = sequence(lambda request: server.stay_silent(), serve(body))
    assert fetch_tiny(patience=impatient).is_file()
    source = re.escape(f"{server.address}/tiny.pkl")
    assert re.fullmatch(rf"{source}: cannot be reached \(.+\); again in 1 s", heard[0])


def test_a_trickle_is_given_up(tiny, server, listener, slept):
    server.pages["/tiny.pkl"] = drip
    ticks = itertools.count(step=31)
    slow = http.Patience(read=30, attempts=2, sleep=slept.append, clock=lambda: next(ticks))
    with pytest.raises(ModelError, match=r"is too slow, \d+ of 1000000 bytes so far"):
        library.fetch_model(tiny("/tiny.pkl"), listener=listener, patience=slow)


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


def test_a_part_longer_than_the_file_is_thrown_away(fetch_tiny, server, body, state, own_store):
    server.pages["/tiny.pkl"] = serve(body, cut=5000)
    with pytest.raises(ModelError, match="broke off"):
        fetch_tiny()
    next(own_store.glob("*.part")).write_bytes(bytes(len(body) + 1))
    server.pages["/tiny.pkl"] = serve(body)
    back = read_arrays(fetch_tiny())
    assert server.seen[-1] == ("/tiny.pkl", None)
    assert all(np.array_equal(back[key], state[key]) for key in state)


def test_chunks_beyond_the_known_size_are_refused(fetch_tiny, server, own_store):
    server.pages["/tiny.pkl"] = too_many_chunks
    with pytest.raises(ModelError, match="sends more than the 100000 bytes of the file"):
        fetch_tiny(extra="size = 100000\n")
    assert files(own_store) == set()


def test_more_than_announced_is_not_even_read(fetch_tiny, server, body, own_store):
    server.pages["/tiny.pkl"] = answer(200, body + b"\0" * 10**7, Content_Length=len(body))
    fetch_tiny()
    assert files(own_store) == {"flownet_tiny.safetensors", verify.RECORDS}


def test_another_size_than_known_is_not_fetched(fetch_tiny, server, body, own_store):
    server.pages["/tiny.pkl"] = serve(body)
    with pytest.raises(ModelError, match=rf"announces {len(body)} bytes, the file has 5"):
        fetch_tiny(extra="size = 5\n")


def test_the_next_mirror_is_tried(fetch_tiny, server, nobody, body, heard):
    server.pages |= {"/b": answer(404), "/c": serve(b"PK\3\4 not quite"), "/d": serve(body)}
    assert fetch_tiny(f"{nobody}/a", "/b", "/c", "/d").is_file()
    assert heard[0].startswith(f"{nobody}/a: cannot be reached (")
    assert [path for path, _ in server.seen] == ["/b", "/c", "/d"]


def test_wrong_bytes_are_refused_by_their_hash(
    fetch_tiny, server, body, state, tmp_path, own_store
):
    right = hashlib.sha256(body).hexdigest()
    other = save_pickle(tmp_path / "flownet_other.pkl", random_state("micro", 1)).read_bytes()
    server.pages |= {"/bad": serve(other), "/good": serve(body)}
    with pytest.raises(ModelError, match=rf"its sha256 is [0-9a-f]+ instead of {right}"):
        fetch_tiny("/bad", extra=f'sha256 = "{right}"\n')
    assert files(own_store) == set()
    back = read_arrays(fetch_tiny("/bad", "/good", extra=f'sha256 = "{right}"\n'))
    assert all(np.array_equal(back[key], state[key]) for key in state)


def test_the_hash_of_the_first_fetch_holds_for_later_ones(fetch_tiny, server, body, tmp_path):
    server.pages["/tiny.pkl"] = serve(body)
    fetch_tiny()
    row = locate.find_model("tiny")
    library.remove_model(row)
    other = save_pickle(tmp_path / "flownet_other.pkl", random_state("micro", 1)).read_bytes()
    server.pages["/tiny.pkl"] = serve(other)
    with pytest.raises(ModelError, match=r"its sha256 is .* instead of"):
        fetch_tiny()
    library.remove_model(row, forget=True)
    assert fetch_tiny().is_file()


def test_a_refetch_that_fails_keeps_the_old_file(fetch_tiny, server, body):
    server.pages["/tiny.pkl"] = serve(body)
    before = fetch_tiny().read_bytes()
    server.pages["/tiny.pkl"] = serve(b"<html>")
    with pytest.raises(ModelError):
        fetch_tiny(again=True)
    assert fetch_tiny().read_bytes() == before
    server.pages["/tiny.pkl"] = serve(body)
    assert verify.verify_model(locate.find_model("tiny")) == "as first fetched, converted"
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
    assert list(verify.read_records()) == ["flownet_tiny.pkl"]
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    "proxy", ["http://[", "socks5://localhost", "://", "http://localhost:port", "no host"]
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


def test_a_proxy_of_the_system_is_used(fetch_tiny, server, nobody, body, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address.replace("://", "://me%40work:secret@"))
    logins = []

    def page(request):
        logins.append(base64.b64decode(request.headers["Proxy-Authorization"].split()[1]))
        serve(body)(request)

    server.pages[f"{nobody}/tiny.pkl"] = page
    assert fetch_tiny(f"{nobody}/tiny.pkl").is_file()
    assert logins == [b"me@work:secret"]


def test_no_network_at_all(fetch_tiny, monkeypatch, slept, own_store):
    def fail(*args, **kwargs):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ModelError, match=r"cannot be reached \(.+\) \(2 attempts\)"):
        fetch_tiny("https://example.invalid/tiny.pkl")
    assert slept == [1]


def full_disk(monkeypatch):
    def write(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: write())


def little_room(monkeypatch):
    usage = download.shutil.disk_usage(".")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage._replace(free=10_000))


def full_at_the_end(monkeypatch):
    def save(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(library, "save_weights", save)


@pytest.mark.parametrize("trouble", [full_disk, little_room, full_at_the_end])
def test_a_full_disk(fetch_tiny, server, body, own_store, monkeypatch, trouble):
    server.pages["/tiny.pkl"] = serve(body)
    with monkeypatch.context() as patch:
        trouble(patch)
        with pytest.raises(ModelError, match="the disk is full; make room"):
            fetch_tiny()
    assert files(own_store) <= {verify.RECORDS}
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
    (tmp_path / "victim").write_text("precious", encoding="utf-8")
    part.symlink_to(tmp_path / "victim")
    with pytest.raises(ModelError, match="is no file of ours"):
        fetch_tiny()
    assert (tmp_path / "victim").read_text(encoding="utf-8") == "precious"


def test_no_file_of_a_server_is_larger_than_weights_can_be():
    assert safetensors.LIMIT == 256 << 20
