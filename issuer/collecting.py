"""What officers' devices send of their scan logs: read strictly, believed by signature.

A batch is signed by the device and encrypted for the economy (HPKE, RFC 9180).  Inside
are rows of the log; `issuer.collector` sets them beside those that have come before.
docs/scan-log.md has the format.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Self, TypeGuard

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from issuer.api.strict_json import read_object
from issuer.errors import Conflict, Invalid
from issuer.installation_key import InstallationKey

MAX_BATCH: Final = 2**19
"""Bytes of a batch as it is sent."""
MAX_ROWS: Final = 500
FORMAT: Final = "abtc-scan-log-sealed-1"
_STORED: Final = "abtc-scan-log-stored-1"
_FILE: Final = "abtc-collector-1"
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MAX_ROW: Final = 530
"""Bytes; a row on a device has no room for more."""
_FIRST: Final = "0" * 64
_LAST_MOMENT: Final = 4_102_444_800
_EXACT: Final = 2**53
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_LOG: Final = re.compile(r"[0-9a-f]{16}")
_CODE: Final = re.compile(r"[a-z_.]{1,64}")
_TEXT: Final = re.compile(r"[ -~]{0,64}")
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]+")
_COMMON: Final = frozenset({"seq", "at", "kind", "previous"})
_MEMBERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "opened": frozenset({"log", "unfinished"}),
        "scan": frozenset(
            {
                "outcome", "reason", "lane", "entry", "economy", "key", "trust",
                "trust_at", "status_at", "overlay_at",
            }
        ),
        "act": frozenset(
            {"of", "decision", "reason", "look", "officer", "lane", "note"}
        ),
        "missed": frozenset({"count", "since"}),
        "dropped": frozenset({"segment", "first", "follows"}),
    }
)  # fmt: skip
"""All that a row of each kind may say: no device brings anything of a traveller."""


@dataclass(frozen=True, slots=True)
class CollectorKey:
    """The key of one economy, for which its devices seal what they send.

    It follows from the installation's own key, so there is none to be kept besides.
    """

    economy: str
    private: X25519PrivateKey

    @classmethod
    def of(cls, key: InstallationKey, economy: str) -> Self:
        """Return an economy's key."""
        secret = key.derived(f"scan log collector {economy}")
        return cls(economy, X25519PrivateKey.from_private_bytes(secret))

    @property
    def public(self) -> bytes:
        """Return what devices seal for; 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """Return how batches name it; 16 hexadecimal digits."""
        return sha256(self.public).hexdigest()[:16]

    def file_for(self, device: int) -> dict[str, Any]:
        """Return what a device is given at enrolment, as an object of JSON."""
        return {
            "format": _FILE,
            "economy": self.economy,
            "device": device,
            "key": self.id,
            "public_key": urlsafe_b64encode(self.public).decode().rstrip("="),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A batch as it came: nothing of it is believed yet."""

    economy: str
    device: int
    key_id: str
    sealed: str
    signature: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read a batch.

        Raises:
            Invalid: It is none, or too large.
        """
        if len(data) > MAX_BATCH:
            raise _invalid("is too large for a batch")
        body = read_object(data)
        wanted = {"format", "economy", "device", "key", "sealed", "signature"}
        if set(body) != wanted or body["format"] != FORMAT:
            raise _invalid("is no sealed batch")
        device, texts = body["device"], [body[name] for name in wanted - {"device"}]
        if not all(isinstance(each, str) for each in texts):
            raise _invalid("is no sealed batch")
        if type(device) is not int or not 0 < device < _EXACT:
            raise _invalid("names no device")
        return cls(
            economy=body["economy"],
            device=device,
            key_id=body["key"],
            sealed=body["sealed"],
            signature=_decoded(body["signature"]),
        )

    @property
    def _about(self) -> str:
        return f"{FORMAT} {self.economy} {self.device}"

    def is_signed_by(self, public_key: str) -> bool:
        """Tell whether a device has signed it.

        Args:
            public_key: As it was enrolled.
        """
        key = Ed25519PublicKey.from_public_bytes(_decoded(public_key))
        text = f"{self._about} {self.key_id} {self.sealed}"
        try:
            key.verify(self.signature, text.encode())
        except InvalidSignature:
            return False
        return True

    def open(self, key: CollectorKey) -> "Batch":
        """Decrypt it.

        Raises:
            Conflict: ``collector.key``: it is for another key.  ``batch.sealed``: it
                was not sealed for this device and economy, or was changed.
            Invalid: What is inside is no batch.
        """
        if self.key_id != key.id:
            raise Conflict("collector.key", "this is sealed for a key that is not ours")
        try:
            content = _SUITE.decrypt(
                _decoded(self.sealed), key.private, self._about.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise Conflict("batch.sealed", "this cannot be opened") from error
        return Batch.read(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a device's log."""

    seq: int
    at: datetime
    kind: str
    previous: str
    digest: str
    outcome: str
    """Of a scan; what an officer decided, or ``mismatch``; else empty."""
    reason: str
    entry: str
    scans: int
    text: str

    @property
    def is_rightly_first(self) -> bool:
        """Whether it is number one and follows nothing."""
        return self.seq == 1 and self.previous == _FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of one log."""

    log: str
    """Its id."""
    lines: Sequence[Line]
    """By number, ascending, whatever became of the files on the device."""
    head: str
    """Number and hash of the row that the device sent last."""
    reply: bytes
    """Secret of the batch: who knows it has opened the batch."""

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read what was sealed.

        Raises:
            Invalid: It is no batch, or a row says what no row may say.
        """
        first, *texts, last = content.rstrip(b" ").rstrip(b"\n").split(b"\n")
        lines = [_line(text) for text in texts]
        reply, about = read_object(first).get("reply"), read_object(last)
        if not isinstance(reply, str) or not _HASH.fullmatch(reply):
            raise _invalid("has no secret to answer with")
        if not 0 < len(lines) <= MAX_ROWS or about.get("rows") != len(lines):
            raise _invalid("has not as many rows as it says")
        log, head = str(about.get("log")), f"{lines[-1].seq}:{lines[-1].digest}"
        if not _LOG.fullmatch(log) or about.get("head") != head:
            raise _invalid("does not end where it says")
        return cls(
            log=log,
            lines=sorted(lines, key=lambda line: line.seq),
            head=head,
            reply=bytes.fromhex(reply),
        )

    def proof(self, economy: str, device: int) -> str:
        """Return what shows the device that this batch was opened and kept."""
        text = f"{_STORED} {economy} {device} {self.head}"
        return hmac.digest(self.reply, text.encode(), "sha256").hex()


def _line(text: bytes) -> Line:
    if len(text) > _MAX_ROW:
        raise _invalid("has a row that is too long")
    body = read_object(text)
    seq, at, kind = body.get("seq"), body.get("at"), str(body.get("kind"))
    members = _MEMBERS.get(kind)
    is_known = members is not None and set(body) <= _COMMON | members
    if not is_known or not all(map(_is_plain, body.values())):
        raise _invalid("has a row that says what none may say")
    if not _is_count(seq) or not seq or not _is_count(at) or at > _LAST_MOMENT:
        raise _invalid("has a row without number or time")
    if not _HASH.fullmatch(str(body.get("previous"))):
        raise _invalid("has a row that follows none")
    outcome, reason, entry, scans = _counted(kind, body)
    return Line(
        seq=seq,
        at=datetime.fromtimestamp(at, UTC),
        kind=kind,
        previous=body["previous"],
        digest=sha256(text).hexdigest(),
        outcome=outcome,
        reason=reason,
        entry=entry,
        scans=scans,
        text=text.decode(),
    )


def _counted(kind: str, body: Mapping[str, Any]) -> tuple[str, str, str, int]:
    match kind:
        case "scan" if body.get("outcome") == "accepted":
            return "accepted", _code(body, "lane"), _code(body, "entry"), 1
        case "scan" if body.get("outcome") in {"rejected", "undecided"}:
            return body["outcome"], _code(body, "reason"), "", 1
        case "scan":
            raise _invalid("has a scan without an outcome")
        case "act" if body.get("decision") is None:
            return "mismatch", _code(body, "reason"), "", 1
        case "act" if body["decision"] in {"admit", "refer", "refuse"}:
            return body["decision"], _code(body, "reason"), "", 1
        case "act":
            raise _invalid("has an act without a decision")
        case "missed" if _is_count(body.get("count")):
            return "", "", "", body["count"]
        case _:
            return "", "", "", 0


def _code(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise _invalid(f"has a row whose {name} is no code")
    return value


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _EXACT


def _is_plain(value: Any) -> bool:
    is_text = isinstance(value, str) and _TEXT.fullmatch(value)
    return value is None or _is_count(value) or bool(is_text)


def _decoded(text: str) -> bytes:
    if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise _invalid("is not in base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _invalid(words: str) -> Invalid:
    return Invalid([("", "batch", words)])
