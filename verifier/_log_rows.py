"""Rows of the scan log: what may be in one, how it follows the last, how it is sealed.

A row is one line of JSON with the SHA-256 of the row before it. On the disk it is
sealed with AES-256-GCM under a key that is its segment's own, in lines of one length,
so that without the key nobody can read, make or move a row, or tell one answer from
another.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, Self, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import _b64, _json
from ._acts import OfficerAct
from ._report import outcome_of
from .decision import Accepted, Decision

Fields: TypeAlias = Mapping[str, str | int | None]
"""What a row tells besides its number, its time and its kind."""
KEY_SIZE: Final = 32
"""Bytes of the key of a log."""
BEFORE_THE_FIRST: Final = "0" * 64
"""What stands for the row before the first one."""
_FORMAT: Final = "abtc-scan-log-1"
_SALT: Final = 16
_NONCE, _TAG = 12, 16
_PADDED: Final = 530
"""Bytes of every row before it is sealed; the longest fits."""
LINE: Final = (_NONCE + _PADDED + _TAG) // 3 * 4 + 1
"""Bytes of every sealed row; three bytes give four letters, without remainder."""
HEADER: Final = len(_FORMAT) + 1 + 2 * _SALT + 1
"""Bytes before the first row of a segment."""
_MAX_TEXT: Final = 64
_NOTE_SALT: Final = 16


@unique
class Kind(StrEnum):
    """What a row tells."""

    OPENED = "opened"
    """A segment begins: the log's id, and how many bytes before it are unfinished."""
    SCAN = "scan"
    """One decision."""
    ACT = "act"
    """What an officer did with the decision in row ``of``."""
    MISSED = "missed"
    """So many decisions could not be written, the first of them at ``since``."""
    DROPPED = "dropped"
    """Segments below ``segment`` were removed for want of room; what is kept begins
    with row ``first``, and ``follows`` is the hash before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What an officer wrote down beside a row.

    It is sealed with its row, and the row has its hash only: so it can be left out of
    an export, and yet not be changed.
    """

    text: str
    salt: bytes
    """Random, so that nobody can guess the text from the hash."""

    @classmethod
    def of(cls, text: str) -> "Note | None":
        """Return one with a salt of its own; None if there is no text."""
        return cls(text=text, salt=secrets.token_bytes(_NOTE_SALT)) if text else None

    @property
    def digest(self) -> str:
        """SHA-256 of salt and text, in hexadecimal: what the row says."""
        return hashlib.sha256(self.salt + self.text.encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` reads."""
        return self.salt + self.text.encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what stands behind a row.

        Raises:
            ValueError: It is no text.
        """
        return cls(text=data[_NOTE_SALT:].decode(), salt=data[:_NOTE_SALT])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, as it is in the log."""

    seq: int
    """From 1, without a gap."""
    at: int
    """Seconds since 1970-01-01, by the device's clock."""
    kind: Kind
    previous: str
    """Hash of the row before; `BEFORE_THE_FIRST` for the first."""
    fields: Fields
    """What is told besides."""
    text: bytes
    """The row as it is exported, without a line end."""
    note: Note | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal: what the next row names."""
        return hashlib.sha256(self.text).hexdigest()


def fields_of(decision: Decision) -> Fields:
    """Return all that is kept of a decision: nothing of who was before the officer.

    This is the list of what may be kept. A card, a passport, a status index, a holder's
    key, the moment of a proof and ``detail`` are not on it.
    """
    evidence = decision.evidence
    return {
        "outcome": outcome_of(decision),
        **_codes_of(decision),
        "economy": evidence.economy,
        "key": evidence.key_id,
        "trust": min(evidence.trust_version, _json.EXACT_INTEGER),
        "trust_at": _seconds(evidence.trust_issued_at),
        "status_at": _seconds(evidence.status_issued_at),
        "overlay_at": _seconds(evidence.overlay_issued_at),
    }


def _codes_of(decision: Decision) -> Fields:
    if isinstance(decision, Accepted):
        found = decision.entitlement
        return {"lane": found.lane.reason.value, "entry": found.entry.reason.value}
    return {"reason": decision.reason.value}


def fields_of_act(act: OfficerAct, of: int | None, note: Note | None) -> Fields:
    """Return all that is kept of what an officer did."""
    return {
        "of": of,
        "decision": act.decision.value if act.decision else None,
        "reason": act.reason.value,
        "look": act.look,
        "officer": act.officer,
        "lane": act.lane,
        "note": note.digest if note else None,
    }


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def build_row(after: Row | None, *, at: int, kind: Kind, fields: Fields) -> Row:
    """Return the row that follows ``after``; the first one if that is None."""
    body = {
        "seq": after.seq + 1 if after else 1,
        "at": at,
        "kind": kind.value,
        "previous": after.digest if after else BEFORE_THE_FIRST,
        **fields,
    }
    return parse_row(_json.canonical(body).encode())


def parse_row(text: bytes) -> Row:
    """Read the text of a row.

    Raises:
        ValueError: It is none. Who has the key can write one, so nothing is believed.
    """
    body = _json.parse_object(text)
    seq, at, previous = (
        body.pop("seq", 0),
        body.pop("at", None),
        body.pop("previous", 0),
    )
    kind = Kind(str(body.pop("kind", None)))
    if type(seq) is not int or seq < 1 or not _json.is_moment(at):
        raise ValueError("seq or at is out of bounds")
    if not isinstance(previous, str) or len(previous) != len(BEFORE_THE_FIRST):
        raise ValueError("previous is no hash")
    return Row(
        seq=seq,
        at=at,
        kind=kind,
        previous=previous,
        fields=MappingProxyType({name: _plain(each) for name, each in body.items()}),
        text=text,
    )


def _plain(value: object) -> str | int | None:
    if value is None or type(value) is int:
        return value
    if isinstance(value, str) and len(value) <= _MAX_TEXT and value.isascii():
        return value
    raise ValueError("not a short text, a number or null")


def clock_of(now: datetime) -> int:
    """Return a moment in seconds, within the bounds of a row."""
    return min(max(int(now.timestamp()), 0), _json.MAX_SECONDS)


def day_of(row: Row) -> str:
    """Return the row's day in UTC, as ISO 8601 has it."""
    return datetime.fromtimestamp(row.at, UTC).date().isoformat()


class Sealer:
    """Seals and opens the rows of one segment.

    Each segment has a key of its own, derived from the log's key with the salt in its
    header, so that random nonces never come near to repeating.

    Args:
        key: The log's key, 32 bytes.
        header: The first line of the segment, with its line end.

    Raises:
        ValueError: ``header`` is of another format.
    """

    def __init__(self, key: bytes, header: bytes) -> None:
        name, _, salt = header.decode("ascii").removesuffix("\n").partition(" ")
        if name != _FORMAT or len(header) != HEADER:
            raise ValueError("not a segment of a scan log")
        derived = HKDF(SHA256(), KEY_SIZE, bytes.fromhex(salt), _FORMAT.encode())
        self._aead = AESGCM(derived.derive(key))
        self.header = header

    @classmethod
    def fresh(cls, key: bytes) -> Self:
        """Return one for a segment that is about to begin."""
        return cls(key, f"{_FORMAT} {secrets.token_hex(_SALT)}\n".encode())

    def seal(self, row: Row, place: int) -> bytes:
        """Return the line for the ``place``-th row of the segment, from 0."""
        nonce = secrets.token_bytes(_NONCE)
        behind = b"\n" + row.note.to_bytes() if row.note else b""
        padded = (row.text + behind).ljust(_PADDED)
        sealed = self._aead.encrypt(nonce, padded, self._bound(place))
        return f"{_b64.encode(nonce + sealed)}\n".encode()

    def open(self, line: bytes, place: int) -> Row:
        """Read a line that `seal` made for this place of this segment.

        Raises:
            ValueError: It is not, or it was changed.
        """
        if len(line) != LINE or not line.endswith(b"\n"):
            raise ValueError("not a sealed row")
        sealed = _b64.decode(line[:-1].decode())
        try:
            text = self._aead.decrypt(
                sealed[:_NONCE], sealed[_NONCE:], self._bound(place)
            )
        except InvalidTag as error:
            raise ValueError("not sealed with this key, or changed") from error
        return _with_note(*text.rstrip(b" ").partition(b"\n"))

    def _bound(self, place: int) -> bytes:
        return self.header + str(place).encode()


def _with_note(text: bytes, line_end: bytes, behind: bytes) -> Row:
    row = parse_row(text)
    told = row.fields.get("note")
    if not line_end and told is None:
        return row
    note = Note.from_bytes(behind)
    if note.digest != told:
        raise ValueError("its note is not the one that was written")
    return replace(row, note=note)
