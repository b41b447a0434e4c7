"""Ask other systems over HTTP, within a time and a size that are kept.

Everything of ours that asks goes this way: other economies, brokers, webhooks, a
ministry's sign-on.  A system that is slow, silent, drips its headers or talks without
end costs its time and nothing else.  No redirect is followed and nothing is unpacked:
what is answered in another coding than was asked for is no answer.
"""

import selectors
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Lock
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit
from weakref import finalize

from verifier.bounded import (
    Bounds,
    Check,
    Deadline,
    Lookup,
    addresses_of,
    connection_to,
    renew,
)

__all__ = ["Deadline", "Heard", "Lookup", "Outbound", "UnreachableError"]

MOST: Final = 64 * 2**10
"""Bytes of an answer."""
_AROUND: Final = 256 * 2**10
"""Bytes that headers and the marks between chunks may add."""
_CHUNK: Final = 16 * 2**10
_KEPT: Final = 16
"""Connections kept open to one system."""
_PLACES: Final = 256
"""Systems to which connections are kept open."""
_Place = tuple[str, str]


class UnreachableError(Exception):
    """No answer came, whole and in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was answered; nothing of it is believed yet."""

    status: int
    headers: Mapping[str, str]
    """By name in small letters; of equal names the last."""
    body: bytes


class _Sum:
    """Counts what comes, and stops it where there is too much."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = 2 * most + _AROUND

    def add(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UnreachableError("answers without end")


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class Outbound:
    """Keeps connections to other systems; share one between threads.

    Args:
        connect: Seconds until a system has taken a connection.
        lookup: Finds the addresses of a host; by default the machine's own way.
        check: Looks at host and addresses, and raises to refuse. One of the very
            addresses that it has seen is connected to.
    """

    connect: float = 5.0
    lookup: Lookup = addresses_of
    check: Check | None = None
    _context: ssl.SSLContext | None = field(default=None, repr=False)
    _idle: dict[_Place, deque[HTTPConnection]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        finalize(self, _close_all, self._idle)

    def ask(
        self,
        method: str,
        url: str,
        *,
        until: Deadline,
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        most: int = MOST,
        again: bool = False,
    ) -> Heard:
        """Send a request and return what is answered, whatever its status.

        Args:
            method: Of HTTP.
            url: http or https; whether it may be asked is for the caller to know.
            until: When all of it has to be done.
            body: What to send.
            again: Send it once more where a connection that was kept open turns out to
                be dead; it may arrive twice then.
            headers: Further ones.
            most: Bytes of the answer's body.

        Raises:
            UnreachableError: No answer came whole, within its size and in time.

        What ``check`` raises is passed on.
        """
        parts = urlsplit(url)
        place = parts.scheme, parts.netloc
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        bounds = Bounds(
            left=until.left,
            connect=self.connect,
            count=_Sum(most).add,
            lookup=self.lookup,
            check=self.check,
        )
        request = _Request(method, target, body, {"User-Agent": "abtc", **headers})
        try:
            kept = self._take(place)
            if kept is not None:
                renew(kept, bounds)
                try:
                    return self._once(kept, place, request, most)
                except ConnectionError:  # closed by the other side meanwhile
                    if not again:
                        raise
            made = connection_to(*place, bounds, context=self._judge(place))
            return self._once(made, place, request, most)
        except (HTTPException, OSError) as error:
            raise UnreachableError("does not answer") from error

    def close(self) -> None:
        """Close every connection that is kept open."""
        with self._lock:
            _close_all(self._idle)

    def _once(
        self, connection: HTTPConnection, place: _Place, request: "_Request", most: int
    ) -> Heard:
        is_whole = False
        try:
            connection.request(
                request.method, request.target, request.body, dict(request.headers)
            )
            answer = connection.getresponse()
            body = _read(answer, most)
            is_whole = True
        finally:
            if is_whole and connection.sock is not None:
                self._keep(place, connection)
            else:
                connection.close()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Heard(status=answer.status, headers=said, body=body)

    def _take(self, place: _Place) -> HTTPConnection | None:
        while True:
            with self._lock:
                line = self._idle.get(place)
                connection = line.pop() if line else None
            if connection is None or not _has_said_something(connection):
                return connection
            connection.close()

    def _keep(self, place: _Place, connection: HTTPConnection) -> None:
        with self._lock:
            is_known = place in self._idle
            line = self._idle.setdefault(place, deque())
            if len(line) < _KEPT and (is_known or len(self._idle) <= _PLACES):
                line.append(connection)
                return
            if not line:
                del self._idle[place]
        connection.close()

    def _judge(self, place: _Place) -> ssl.SSLContext | None:
        if place[0] == "https" and self._context is None:
            self._context = ssl.create_default_context()  # reads every authority
        return self._context


def _close_all(idle: dict[_Place, deque[HTTPConnection]]) -> None:
    while idle:
        for each in idle.popitem()[1]:
            each.close()


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    body: bytes | None
    headers: Mapping[str, str]


def _has_said_something(connection: HTTPConnection) -> bool:
    """Tell whether a connection that waits is closed, or brings what nobody asked."""
    waiting = connection.sock
    if isinstance(waiting, ssl.SSLSocket) and waiting.pending():
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(waiting, selectors.EVENT_READ)
        return bool(selector.select(timeout=0))


def _read(answer: HTTPResponse, most: int) -> bytes:
    if answer.getheader("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnreachableError("answers in a coding that was not asked for")
    data = bytearray()
    # As much as has come: waiting for a whole chunk could take for ever.
    while piece := answer.read1(_CHUNK):
        data += piece
        if len(data) > most:
            raise UnreachableError("answers without end")
    if answer.length:
        raise UnreachableError("was cut off")
    answer.close()
    return bytes(data)
