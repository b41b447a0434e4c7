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

from . import _b64, _json

_FORMAT = "abtc-floor-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The highest versions, list times and moment that a device has accepted.

    A version counts as long as a key that signed it may sign. Once the root has taken
    all those keys from snapshot or timestamp, what they signed counts no more: a thief
    of them could have used up the numbers (TUF specification, section 5.3.11).
    """

    versions: Mapping[str, int] = field(default_factory=dict)
    """Version by TUF role."""
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Ids of the keys that the root gives to ``timestamp`` and ``snapshot``; empty if
    not known, which is taken for no change."""
    signers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Ids of the keys that have signed these versions of the two."""
    lists: Mapping[str, int] = field(default_factory=dict)
    """``iat``, in seconds, by document name of a list."""
    time: int = 0
    """The latest ``issued_at``, in seconds since 1970-01-01."""

    def raised_by(self, other: "Floor") -> "Floor":
        """Return the mark that is nowhere below either."""
        older, newer = sorted((self, other), key=_age)
        kept = {
            role: version
            for role, version in older.versions.items()
            if not _is_rekeyed(role, older, newer)
        }
        return Floor(
            versions=_highest(kept, newer.versions),
            keys=MappingProxyType({**older.keys, **newer.keys}),
            signers=MappingProxyType({**older.signers, **newer.signers}),
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
            seen = self.versions.get(name, 0)
            if version < seen and not _is_rekeyed(name, self, found):
                return f"{name} has version {version}, but {seen} was seen"
        return self.first_older_of(found.lists)

    def first_older_of(self, lists: Mapping[str, int]) -> str | None:
        """Say which of these lists is older than one seen before, or None."""
        for name, issued in lists.items():
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
            "keys": _sorted(self.keys),
            "signers": _sorted(self.signers),
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
            versions=_numbers(body.get("versions"), most=_json.EXACT_INTEGER),
            keys=_key_ids(body.get("keys")),
            signers=_key_ids(body.get("signers")),
            lists=_numbers(body.get("lists"), most=_json.MAX_SECONDS),
            time=_number(body.get("time"), most=_json.MAX_SECONDS),
        )


def list_times(
    documents: Mapping[str, bytes], *, latest: datetime | None = None
) -> dict[str, int]:
    """Return ``iat`` of every list; the targets are signed, so it may be believed.

    A list that is dated after ``latest`` is left out. `Trust.from_documents` refuses
    it, and the day on which its economy's clock is right again must not be lost.
    """
    times = {
        name: _iat(data) for name, data in documents.items() if name.endswith(".jwt")
    }
    if latest is None:
        return times
    return {k: issued for k, issued in times.items() if issued <= latest.timestamp()}


def _iat(token: bytes) -> int:
    try:
        payload = _json.parse_object(_b64.decode(token.decode().split(".")[1]))
    except (ValueError, IndexError):
        return 0  # Trust.from_documents refuses the list, and names it
    issued = payload.get("iat")
    return issued if _json.is_moment(issued) else 0


def _is_rekeyed(role: str, older: Floor, newer: Floor) -> bool:
    """Tell whether a newer root lets the versions of a role begin anew.

    The snapshot says which versions count, so its key governs all but timestamp; the
    root's own version is higher in a newer root anyway.
    """
    if _root_version(newer) <= _root_version(older):
        return False
    governor = role if role == "timestamp" else "snapshot"
    before = older.signers.get(governor, frozenset())
    after = newer.keys.get(governor, frozenset())
    return bool(before and after) and before.isdisjoint(after)


def _root_version(mark: Floor) -> int:
    return mark.versions.get("root", 0)


def _age(mark: Floor) -> tuple[int, int, int]:
    """Tell which of two marks is the newer; a new key's numbers begin anew."""
    known = mark.versions
    return _root_version(mark), known.get("timestamp", 0), known.get("snapshot", 0)


def _highest(first: Mapping[str, int], second: Mapping[str, int]) -> Mapping[str, int]:
    names = {*first, *second}
    return MappingProxyType(
        {name: max(first.get(name, 0), second.get(name, 0)) for name in sorted(names)}
    )


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _numbers(value: object, *, most: int) -> Mapping[str, int]:
    if not _json.is_object(value):
        raise ValueError("not an object")
    return MappingProxyType({k: _number(each, most=most) for k, each in value.items()})


def _sorted(keys: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    return {role: sorted(key_ids) for role, key_ids in keys.items()}


def _key_ids(value: object) -> Mapping[str, frozenset[str]]:
    if not _json.is_object(value):
        raise ValueError("not an object")
    found: dict[str, frozenset[str]] = {}
    for role, key_ids in value.items():
        if not isinstance(key_ids, list):
            raise ValueError("not a list")
        found[role] = frozenset(map(str, key_ids))
    return MappingProxyType(found)


def _number(value: object, *, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("not a number")
    return value
