"""Bring small JSON to other economies' systems and back, within a time that is kept.

Nothing is believed because of where it came from: what is brought is sealed and signed.
A system that is slow, silent or talks without end costs its time, and nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import urllib3

MAX_BODY: Final = 64 * 2**10
"""Bytes of an answer."""
_CHUNK: Final = 16 * 2**10
_POOLS: Final = 64
_CONNECTIONS: Final = 16
"""Kept open to one system."""
_CONNECT: Final = 1.0
"""Seconds until a system has taken a connection."""
JSON: Final = "application/json"


class UnreachableError(Exception):
    """No answer came, whole and in time."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What came back; nothing of it is believed yet."""

    status: int
    body: bytes

    def member(self, name: str) -> str | None:
        """Return a member that is text; None if the body has none."""
        value = self.members().get(name)
        return value if isinstance(value, str) else None

    def members(self) -> dict[str, object]:
        """Return the object that the body is; none of its members if it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


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
            UnreachableError: None.
        """
        left = self.ends - monotonic()
        if left <= 0:
            raise UnreachableError("took too long")
        return left


@dataclass(slots=True)
class Carrier:
    """Keeps connections to other systems; share one between threads."""

    _pool: "urllib3.PoolManager | None" = field(default=None, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def get(self, url: str, *, until: Deadline) -> Brought:
        """Fetch; raises as `post`."""
        return self._bring("GET", url, None, until=until)

    def post(
        self,
        url: str,
        body: bytes,
        *,
        until: Deadline,
        headers: Mapping[str, str] = MappingProxyType({}),
        most: int = MAX_BODY,
    ) -> Brought:
        """Bring JSON to an address, and what is answered back.

        Args:
            url: https, or this machine.
            body: It may arrive twice: where a connection turns out to be dead, it is
                sent once more.
            until: When all of it has to be done.
            headers: Further ones; a content type among them counts.
            most: Bytes that the answer may have.

        Raises:
            UnreachableError: No answer came whole, within ``most`` and in time.
        """
        return self._bring("POST", url, body, until=until, headers=headers, most=most)

    def _bring(
        self,
        method: str,
        url: str,
        body: bytes | None,
        *,
        until: Deadline,
        headers: Mapping[str, str] = MappingProxyType({}),
        most: int = MAX_BODY,
    ) -> Brought:
        from urllib3.exceptions import HTTPError, ProtocolError  # noqa: PLC0415

        def once() -> Brought:
            return self._once(
                method, url, body, until=until, headers=headers, most=most
            )

        try:
            try:
                return once()
            except ProtocolError:  # kept open, and closed by the other side meanwhile
                return once()
        except (HTTPError, OSError) as error:
            raise UnreachableError(type(error).__name__) from error

    def _once(
        self,
        method: str,
        url: str,
        body: bytes | None,
        *,
        until: Deadline,
        headers: Mapping[str, str],
        most: int,
    ) -> Brought:
        from urllib3 import Timeout  # noqa: PLC0415

        left = until.left()
        answer = self._pools().request(
            method,
            url,
            body=body,
            headers={"Content-Type": JSON, "User-Agent": "abtc", **headers},
            timeout=Timeout(connect=min(left, _CONNECT), read=left),
            preload_content=False,
            redirect=False,
            retries=False,
        )
        try:
            data = _read(answer, until, most)
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        return Brought(answer.status, data)

    def _pools(self) -> "urllib3.PoolManager":
        import urllib3  # noqa: PLC0415  # no command that brings nothing waits for it

        with self._lock:
            if self._pool is None:
                self._pool = urllib3.PoolManager(
                    num_pools=_POOLS, maxsize=_CONNECTIONS, retries=False
                )
            return self._pool


def _read(answer: Any, until: Deadline, most: int) -> bytes:
    """Read a body; each piece may take as long as a socket waits, all of them not."""
    data = bytearray()
    while piece := answer.read1(_CHUNK):
        data += piece
        if len(data) > most:
            raise UnreachableError(f"longer than {most:,} bytes")
        until.left()
    return bytes(data)
