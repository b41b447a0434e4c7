"""Asking others: in time, whole and small, whatever they do."""

import gzip
import threading
from collections.abc import Sequence
from socket import socket

import pytest

import verifier
from issuer import sign_on
from issuer.errors import ServiceUnreachable, SignOnDown
from issuer.link.client import Client
from issuer.outbound import Deadline, Outbound, UnreachableError
from issuer.services.addresses import is_public
from tests import hostile_server as servers
from tests.hostile_server import GOOD, OK, Script, hostile
from tests.simulator import NOW

pytestmark = pytest.mark.enable_socket
_BOMB = gzip.compress(b" " * 2**20)


def ask(port: int, *, scheme: str = "http", body: bytes | None = None) -> bytes:
    outbound = Outbound()
    try:
        url = f"{scheme}://127.0.0.1:{port}/x"
        until = Deadline.after(0.5)
        return outbound.ask("POST", url, until=until, body=body).body
    finally:
        outbound.close()


@pytest.mark.parametrize(
    "script",
    [
        servers.dripping_headers(),
        servers.dripping_body(),
        servers.drip(b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 20 + b"\r\n",
                     head=OK + b"Transfer-Encoding: chunked\r\n\r\n"),
        servers.silent,
        servers.half_closed,
        servers.saying(b"HTTP/1.1 100 Continue\r\n\r\n", times=10**6),
        servers.saying(OK + b"X: " + b"y" * 10**6 + b"\r\n\r\n{}"),
        servers.saying(OK + b"".join(b"X%d: y\r\n" % n for n in range(500)) + b"\r\n"),
        servers.saying(OK + b"Content-Length: 70000\r\n\r\n" + b" " * 70_000),
        servers.saying(OK + b"Transfer-Encoding: chunked\r\n\r\n"
                       + b"1\r\n \r\n" * 10**6 + b"0\r\n\r\n"),
        servers.saying(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
                       % len(_BOMB) + _BOMB),
        servers.saying(b"\x16\x03\x01 no HTTP at all\r\n\r\n"),
        servers.saying(b""),
    ],
    ids=["headers", "body", "trailers", "silence", "half-close", "continues", "header",
         "500-headers", "long", "chunks", "gzip", "no-http", "hangs-up"],
)  # fmt: skip
def test_n13_who_keeps_us_waiting_gets_nothing(script: Script) -> None:
    """Each byte in time is not in time; no answer without end is read to its end."""
    with hostile(script) as port, pytest.raises(UnreachableError):
        ask(port)


def test_n13_a_handshake_and_a_reader_that_never_come_to_an_end() -> None:
    """TLS that says nothing; and somebody who does not read what we send."""
    mute = hostile(servers.silent, reads=False)
    with mute as port, pytest.raises(UnreachableError):
        ask(port, scheme="https")

    gone, has_all = threading.Event(), threading.Event()

    def slow(connection: socket) -> None:
        for _ in range(30):
            connection.recv(2**18)
            threading.Event().wait(0.05)
        last = b""
        while piece := connection.recv(2**20):
            last = piece
            if last.endswith(b"end"):
                has_all.set()
                break
        gone.set()

    with hostile(slow, reads=False) as port:
        with pytest.raises(UnreachableError):
            ask(port, body=b" " * 32 * 2**20 + b"end")
        assert gone.wait(10)
    assert not has_all.is_set()


@pytest.mark.parametrize(
    "script",
    [
        servers.saying(b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000 + GOOD),
        servers.saying(
            OK
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + (b"1;x=" + b"y" * 50_000 + b"\r\n \r\n") * 20
            + b"0\r\n\r\n"
        ),
    ],
    ids=["continues", "chunk-extensions"],
)
def test_n13_what_surrounds_an_answer_has_an_end_too(script: Script) -> None:
    """Also where there is time for all of it: 1 MB around two bytes."""
    with hostile(script) as port, pytest.raises(UnreachableError, match="without end"):
        Outbound().ask("GET", f"http://127.0.0.1:{port}/", until=Deadline.after(20))


def test_n13_a_name_that_is_looked_up_for_ever() -> None:
    """The machine's own resolver cannot be hurried; nobody waits for it."""
    never, has_ended = threading.Event(), threading.Event()

    def lookup(_: str, __: int) -> Sequence[str]:
        never.wait(5)
        has_ended.set()
        return ["127.0.0.1"]

    with hostile(servers.saying(GOOD)) as port:
        outbound = Outbound(lookup=lookup)
        url = f"http://slow.example:{port}/"
        with pytest.raises(UnreachableError):
            outbound.ask("GET", url, until=Deadline.after(0.2))
        assert not has_ended.is_set()
        never.set()
        assert outbound.ask("GET", url, until=Deadline.after(5)).body == b"{}"
        outbound.close()


def test_a_redirect_is_an_answer_like_others() -> None:
    """Whoever is asked cannot send us elsewhere."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
    with hostile(servers.saying(moved + b"Content-Length: 0\r\n\r\n")) as port:
        heard = Outbound().ask(
            "GET", f"http://127.0.0.1:{port}/", until=Deadline.after(5)
        )
    assert heard.status == 302


def test_a_connection_is_used_again() -> None:
    seen: list[int] = []

    def script(connection: socket) -> None:
        seen.append(1)
        connection.sendall(GOOD)
        while b"\r\n\r\n" in connection.recv(65536):
            connection.sendall(GOOD)

    outbound = Outbound()
    with hostile(script) as port:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(3):
            assert outbound.ask("GET", url, until=Deadline.after(5)).body == b"{}"
    outbound.close()
    assert len(seen) == 1


def test_n13_an_answer_that_was_sent_ahead_belongs_to_no_question() -> None:
    has_sent, first = threading.Event(), threading.Event()

    def script(connection: socket) -> None:
        connection.sendall(GOOD)
        if not has_sent.is_set() and first.wait(5):  # when it was read
            connection.sendall(GOOD.replace(b"{}", b"[]"))
            has_sent.set()
        connection.recv(65536)

    outbound = Outbound()
    with hostile(script) as port:
        url = f"http://127.0.0.1:{port}/"
        assert outbound.ask("GET", url, until=Deadline.after(5)).body == b"{}"
        first.set()
        assert has_sent.wait(5)
        assert outbound.ask("GET", url, until=Deadline.after(5)).body == b"{}"
    outbound.close()


def test_n7_the_address_that_was_looked_at_is_the_one_connected_to() -> None:
    """A name that leads elsewhere a moment later has led there for nobody."""
    told = iter([["127.0.0.1"], ["127.0.0.2"]])
    looked: list[Sequence[str]] = []

    def check(host: str, addresses: Sequence[str]) -> None:
        assert host == "rebinding.example"
        looked.append(addresses)

    outbound = Outbound(lookup=lambda _, __: next(told), check=check)
    with hostile(servers.saying(GOOD)) as port:
        url = f"http://rebinding.example:{port}/"
        assert outbound.ask("GET", url, until=Deadline.after(5)).status == 200
    assert looked == [["127.0.0.1"]]
    assert next(told) == ["127.0.0.2"]
    outbound.close()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2a00:1450:4001:80b::200e", True),
        ("64:ff9b::8.8.8.8", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::127.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::169.254.169.254", False),
        ("64:ff9b:1::8.8.8.8", False),
        ("2002:0a00:0001::1", False),
        ("2002:0808:0808::1", False),
        ("2001:0:7f00:1::1", False),
        ("2001:0:0808:0808:0:0:f5ff:fffe", False),
        ("::ffff:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("::127.0.0.1", False),
        ("2a00:1450::5efe:10.0.0.1", False),
        ("2a00:1450::200:5efe:10.0.0.1", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("ff0e::1", False),
        ("::", False),
        ("100.64.0.1", False),
        ("192.0.0.9", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
    ],
)
def test_n7_an_address_is_judged_by_where_it_leads(
    address: str, *, expected: bool
) -> None:
    """Wrapped in another kind, or through a tunnel, it leads to the same place."""
    assert is_public(address) is expected


def test_n13_every_client_keeps_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers that drip cost none of them more than the time it has."""
    monkeypatch.setattr(sign_on, "_LONGEST", 0.3)
    with hostile(servers.dripping_headers()) as port:
        address = f"http://127.0.0.1:{port}"
        client = Client(
            address=address,
            assertion=lambda _: "assertion",
            clock=lambda: NOW,
            attempts=1,
            longest=0.3,
        )
        with pytest.raises(ServiceUnreachable):
            client.statistics("JPN")
        with pytest.raises(SignOnDown):
            sign_on._fetch("GET", address)
        from verifier._fetch import Caller  # noqa: PLC0415

        with pytest.raises(verifier.RegisterError):
            Caller(address).post("/", b"", {}, seconds=0.3)
