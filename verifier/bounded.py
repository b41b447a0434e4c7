"""Connections that end in time, whatever the other side does.

A socket's own timeout begins anew with every byte that comes: one byte at a time, a
server could go on for ever, in its headers as in its body.  Here one deadline stands
over all of a request: looking the name up, connecting, the handshake, sending and
reading.  Everything that asks over HTTP does it by these connections; they are those
of ``http.client`` otherwise, so that every redirect is an answer like others.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from socket import (
    IPPROTO_TCP,
    SOCK_STREAM,
    TCP_NODELAY,
    create_connection,
    getaddrinfo,
    socket,
)
from ssl import SSLContext
from threading import Thread
from time import monotonic
from typing import Any, Final, Self

_PIECE: Final = 16 * 1024
"""Bytes sent under one look at the clock: as many as a record of TLS has."""
_MOST_ADDRESSES: Final = 8
"""Of one name that are tried."""
Lookup = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host; raises OSError."""
Check = Callable[[str, Sequence[str]], None]
"""Is told host and addresses before one is connected to; raises to refuse."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When somebody stops waiting, by the clock of durations."""

    ends: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the moment that is so far ahead."""
        return cls(monotonic() + seconds)

    def left(self) -> float:
        """Return how many seconds are left; above 0.

        Raises:
            TimeoutError: None.
        """
        left = self.ends - monotonic()
        if left <= 0:
            raise TimeoutError("took too long")
        return left


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Look a host up in the machine's own way; may take as long as that takes."""
    found = getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one request may take."""

    left: Callable[[], float]
    """Returns the seconds that are left, above 0; raises when there are none."""
    connect: float = 10.0
    """Seconds until one address has taken a connection."""
    silence: float = 60.0
    """Seconds for which the other side may say nothing."""
    count: Callable[[int], None] = lambda _: None
    """Is told of bytes that came, headers included; raises when there are too many."""
    lookup: Lookup = addresses_of
    check: Check | None = None


class _Plain(HTTPConnection):
    bounds: Bounds

    def connect(self) -> None:
        self.sock = _open(self.host, self.port, self.bounds)

    def send(self, data: Any) -> None:
        view = memoryview(data)
        if self.sock is None:
            self.connect()
        for start in range(0, len(view), _PIECE):
            self.sock.settimeout(self.bounds.left())
            super().send(view[start : start + _PIECE])


class _Secure(HTTPSConnection, _Plain):
    """Its handshake takes the time that connecting has left, and no more."""


def connection_to(
    scheme: str, place: str, bounds: Bounds, *, context: SSLContext | None = None
) -> HTTPConnection:
    """Make a connection for requests, which is opened by the first one.

    Args:
        scheme: https or http.
        place: Host, and perhaps a port.
        bounds: Of the next request; see `renew`.
        context: Judges certificates; by default OpenSSL's own settings.

    It raises what ``http.client`` raises, ``TimeoutError`` when the time is over, and
    what ``bounds`` raise.
    """
    if scheme == "https":
        connection: _Plain = _Secure(place, context=context)
    else:
        connection = _Plain(place)
    renew(connection, bounds)
    return connection


def renew(connection: HTTPConnection, bounds: Bounds) -> None:
    """Say what the next request of a connection may take."""
    assert isinstance(connection, _Plain)  # noqa: S101  # made by `connection_to`
    connection.bounds = bounds
    connection.response_class = _answers_within(bounds)


def _answers_within(bounds: Bounds) -> Any:
    """Let answers be read through `_Paced`, their first lines included."""

    def made(sock: socket, *args: Any, **options: Any) -> HTTPResponse:
        answer = HTTPResponse(sock, *args, **options)
        answer.fp = io.BufferedReader(_Paced(answer.fp.detach(), sock, bounds))
        return answer

    return made


class _Paced(io.RawIOBase):
    """Reads a socket, counting, and never for longer than there is time left."""

    def __init__(self, raw: io.RawIOBase, sock: socket, bounds: Bounds) -> None:
        self._raw = raw
        self._sock = sock
        self._bounds = bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(self._bounds.silence, self._bounds.left()))
        count = self._raw.readinto(buffer)
        self._bounds.count(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _open(host: str, port: int, bounds: Bounds) -> socket:
    """Connect to one of the very addresses that were looked at."""
    addresses = _looked_up(host, port, bounds)
    if bounds.check is not None:
        bounds.check(host, addresses)
    problem = OSError("the host has no address")
    for each in addresses[:_MOST_ADDRESSES]:
        longest = min(bounds.connect, bounds.left())
        try:
            opened = create_connection((each, port), timeout=longest)
        except OSError as error:
            problem = error
            continue
        opened.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        opened.settimeout(min(bounds.connect, bounds.left()))  # for a handshake
        return opened
    raise problem


def _looked_up(host: str, port: int, bounds: Bounds) -> Sequence[str]:
    """Look up in another thread: the machine's own way cannot be told to hurry."""
    if _is_address(host):
        return (host,)
    told: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

    def work() -> None:
        try:
            told.put(bounds.lookup(host, port))
        except (OSError, ValueError) as error:  # a name that cannot be encoded
            told.put(error)

    Thread(target=work, daemon=True, name="lookup").start()
    try:
        found = told.get(timeout=min(bounds.connect, bounds.left()))
    except Empty:
        raise TimeoutError("looking the name up took too long") from None
    if isinstance(found, OSError):
        raise found
    if isinstance(found, Exception):
        raise OSError("the name cannot be looked up") from found
    return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
