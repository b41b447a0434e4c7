"""Bring small JSON to other economies' systems and back, within a time that is kept.

Nothing is believed because of where it came from: what is brought is sealed and signed.
A system that is slow, silent or talks without end costs its time, and nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from issuer.outbound import MOST as MAX_BODY
from issuer.outbound import Deadline, Outbound, UnreachableError

__all__ = ["JSON", "MAX_BODY", "Brought", "Carrier", "Deadline", "UnreachableError"]

_CONNECT: Final = 1.0
"""Seconds until a system has taken a connection."""
JSON: Final = "application/json"


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


@dataclass(slots=True)
class Carrier:
    """Keeps connections to other systems; share one between threads."""

    _outbound: Outbound = field(
        default_factory=lambda: Outbound(connect=_CONNECT), repr=False
    )

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
        said = {"Content-Type": JSON, **headers}
        heard = self._outbound.ask(
            method, url, until=until, body=body, headers=said, most=most, again=True
        )
        return Brought(heard.status, heard.body)
