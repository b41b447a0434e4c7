"""The high-water mark: what this device has seen, and must never go below.

TUF's own state can be lost in a power cut, and then an older repository would be
accepted again. This mark is kept beside it, in two copies, and only ever rises.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Self

from . import _json

_FORMAT = "abtc-floor-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The highest versions, list times and moment that a device has accepted."""

    versions: Mapping[str, int] = field(default_factory=dict)
    """Version by TUF role."""
    lists: Mapping[str, int] = field(default_factory=dict)
    """``iat``, in seconds, by document name of a status or overlay list."""
    time: int = 0
    """The latest ``issued_at``, in seconds since 1970-01-01."""

    def raised_by(self, other: "Floor") -> "Floor":
        """Return the mark that is nowhere below either."""
        return Floor(
            versions=_highest(self.versions, other.versions),
            lists=_highest(self.lists, other.lists),
            time=max(self.time, other.time),
        )

    def first_fall_of(self, found: "Floor") -> str | None:
        """Say what of ``found`` lies below this mark, or None if nothing does.

        What ``found`` does not mention is no fall: an economy may leave.
        """
        if found.time < self.time:
            return f"published {_moment(found.time)}, but {_moment(self.time)} was seen"
        for name, version in found.versions.items():
            if version < self.versions.get(name, 0):
                return (
                    f"{name} has version {version}, but {self.versions[name]} was seen"
                )
        for name, issued in found.lists.items():
            if issued < self.lists.get(name, 0):
                seen = _moment(self.lists[name])
                return f"{name} is of {_moment(issued)}, but {seen} was seen"
        return None

    @property
    def moment(self) -> datetime:
        """The latest ``issued_at``, UTC."""
        return datetime.fromtimestamp(self.time, UTC)

    def to_bytes(self) -> bytes:
        """Return the mark with a digest of itself, so that damage shows."""
        body = {
            "format": _FORMAT,
            "versions": dict(self.versions),
            "lists": dict(self.lists),
            "time": self.time,
        }
        text = json.dumps(body, sort_keys=True)
        return f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}".encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: Anything else, or damaged.
        """
        digest, _, text = data.decode().partition("\n")
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ValueError("the mark is damaged")
        body = _json.parse_object(text.encode())
        if body.get("format") != _FORMAT:
            raise ValueError("the mark is of another format")
        return cls(
            versions=_numbers(body.get("versions")),
            lists=_numbers(body.get("lists")),
            time=_number(body.get("time")),
        )


def _highest(first: Mapping[str, int], second: Mapping[str, int]) -> Mapping[str, int]:
    names = {*first, *second}
    return MappingProxyType(
        {name: max(first.get(name, 0), second.get(name, 0)) for name in sorted(names)}
    )


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _numbers(value: object) -> Mapping[str, int]:
    if not _json.is_object(value):
        raise ValueError("not an object")
    return MappingProxyType({name: _number(each) for name, each in value.items()})


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _json.EXACT_INTEGER:
        raise ValueError("not a number")
    return value
