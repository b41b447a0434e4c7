"""Hand the scan log to the economy's own collector: sealed to it, signed by the device.

A batch of rows is encrypted for the collector's key (HPKE, RFC 9180: X25519, HKDF with
SHA-256, AES-256-GCM) and signed with the device's key (Ed25519). Inside is a secret of
the batch's own: with it the collector shows that it has read and kept the rows, and
only then are they counted as collected.
"""

import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from . import _b64, _json
from .card import is_economy_code
from .errors import ScanLogError
from .scan_log import LogHead, ScanLog, ScanLogBatch, ScanLogExport

MAX_ROWS: Final = 500
"""Of a batch."""
KEY_SIZE: Final = 32
"""Bytes of a device's key, and of a collector's."""
_SEALED: Final = "abtc-scan-log-sealed-1"
_STORED: Final = "abtc-scan-log-stored-1"
_COLLECTOR: Final = "abtc-collector-1"
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_ROW_SPACE, _SPACE = 544, 512
"""A batch is as long as its number of rows says, whatever the rows say."""
_GAPS: Final = 4
"""Most gaps that are filled in one run."""
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_CODE = re.compile(r"[a-z_.]{1,64}")
_PROOF = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Whom a device's log is for, as the economy's back office says at enrolment."""

    economy: str
    device: int
    """Number of this device there."""
    key_id: str
    """Of the collector's key; 16 hexadecimal digits."""
    public_key: bytes
    """X25519, 32 bytes."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file that an officer of the economy has given.

        Raises:
            ValueError: It is none.
        """
        body = _json.parse_object(data)
        device, key_id = body.get("device"), str(body.get("key"))
        key = body.get("public_key")
        economy = str(body.get("economy"))
        if body.get("format") != _COLLECTOR or not is_economy_code(economy):
            raise ValueError("not the file of a collector")
        if type(device) is not int or device < 1 or not _KEY_ID.fullmatch(key_id):
            raise ValueError("device or key is out of bounds")
        public_key = _b64.decode(key) if isinstance(key, str) else b""
        if len(public_key) != KEY_SIZE:
            raise ValueError(f"a collector's key has {KEY_SIZE} bytes")
        return cls(economy=economy, device=device, key_id=key_id, public_key=public_key)


class DeviceKey:
    """The key with which a device signs what it sends.

    Args:
        secret: 32 random bytes, as `make` returns them.

    Raises:
        ValueError: They are not 32.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_SIZE:
            raise ValueError(f"the key of a device has {KEY_SIZE} bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(secret)

    @staticmethod
    def make() -> bytes:
        """Return the bytes of a new one; keep them where the log's key is."""
        return secrets.token_bytes(KEY_SIZE)

    @property
    def public(self) -> str:
        """What the back office enrols: 43 characters of base64url."""
        return _b64.encode(self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Return the signature of a text (Ed25519), in base64url."""
        return _b64.encode(self._key.sign(text.encode()))


def seal(
    batch: ScanLogBatch, *, collector: Collector, device_key: DeviceKey
) -> tuple[bytes, bytes]:
    """Seal a batch.

    Returns:
        One line of JSON, with its end, for the collector; and the secret with which it
        answers. Its length says how many rows there are, and nothing else.
    """
    reply = secrets.token_bytes(KEY_SIZE)
    content = _json.canonical({"reply": reply.hex()}).encode() + b"\n" + batch.text
    content = content.ljust(_SPACE + _ROW_SPACE * batch.report.rows)
    about = f"{_SEALED} {collector.economy} {collector.device}"
    key = X25519PublicKey.from_public_bytes(collector.public_key)
    sealed = _b64.encode(_SUITE.encrypt(content, key, about.encode()))
    body = {
        "format": _SEALED,
        "economy": collector.economy,
        "device": collector.device,
        "key": collector.key_id,
        "sealed": sealed,
        "signature": device_key.sign(f"{about} {collector.key_id} {sealed}"),
    }
    return f"{_json.canonical(body)}\n".encode(), reply


def seal_log(
    log: ScanLog, path: str, *, collector: Collector, device_key: DeviceKey
) -> ScanLogExport:
    """Write what was not exported yet into a file that only the collector can read.

    As `ScanLog.export` in all else: the rows count as collected once the file is there.
    If it is lost, `send_log` brings them again as soon as the collector misses them.

    Args:
        log: The log of this device.
        path: A file that does not exist yet.
        collector: Whom it is for.
        device_key: The device's own.

    Raises:
        ScanLogError: As for `ScanLog.export`.
    """
    return log.export_batches(
        path,
        lambda batch: seal(batch, collector=collector, device_key=device_key)[0],
        max_rows=MAX_ROWS,
    )


def send_log(
    log: ScanLog, url: str, *, collector: Collector, device_key: DeviceKey
) -> ScanLogExport:
    """Send what was not exported yet to the collector, batch after batch.

    A batch counts as collected when the collector has shown that it keeps it. Whatever
    happens before that, it is sent again the next time; the collector keeps each row
    once. If it says that earlier rows are missing there, they are sent as well, as far
    as the log still has them.

    Args:
        log: The log of this device.
        url: Where the collector is: ``https://<host>/collect/<economy>/scan-log``.
        collector: Whose key the rows are sealed for.
        device_key: The device's own.

    Returns:
        What was handed out in all; ``rows`` is 0 if there was nothing new.

    Raises:
        ScanLogError: The collector cannot be reached, refuses or does not show that it
            keeps the rows; or there is no log. What was collected before stays so.
    """
    line = _Line(url, collector, device_key)
    head = log.exported_head()
    sent = ScanLogExport(rows=0, first=None, head=head, lost=0)
    missing: tuple[tuple[int, int], ...] = ()
    for batch in log.batches(max_rows=MAX_ROWS):
        missing = line.send(batch)
        log.collected(batch)
        sent = _together(sent, batch.report)
    for rows in missing:
        for batch in log.batches(max_rows=MAX_ROWS, within=rows):
            line.send(batch)
    return sent


def _together(before: ScanLogExport, more: ScanLogExport) -> ScanLogExport:
    return ScanLogExport(
        rows=before.rows + more.rows,
        first=before.first or more.first,
        head=more.head,
        lost=before.lost + more.lost,
    )


class _Line:
    """The way to one collector, for one run."""

    def __init__(self, url: str, collector: Collector, device_key: DeviceKey) -> None:
        # Deciding needs no network library: only this does.
        from ._fetch import Poster  # noqa: PLC0415

        self._poster = Poster(url)
        self._collector = collector
        self._device_key = device_key

    def send(self, batch: ScanLogBatch) -> tuple[tuple[int, int], ...]:
        """Send a batch; return from where to where the collector misses rows."""
        body, reply = seal(
            batch, collector=self._collector, device_key=self._device_key
        )
        status, answer = self._poster.post(body)
        try:
            told = _json.parse_object(answer)
        except ValueError as error:
            raise ScanLogError(_unclear(status)) from error
        if status != 200:
            code = told.get("code")
            said = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
            raise ScanLogError(f"the collector refuses: {said or f'answer {status}'}")
        if not self._is_kept(batch.report.head, reply, told):
            raise ScanLogError("the collector does not show that it keeps the rows")
        return tuple(_ranges(told.get("missing")))

    def _is_kept(
        self, head: LogHead | None, reply: bytes, told: dict[str, object]
    ) -> bool:
        found = told.get("proof")
        text = f"{_STORED} {self._collector.economy} {self._collector.device} {head}"
        proof = hmac.digest(reply, text.encode(), "sha256").hex()
        is_proof = isinstance(found, str) and _PROOF.fullmatch(found)
        return bool(is_proof) and hmac.compare_digest(str(found), proof)


def _ranges(value: object) -> Iterator[tuple[int, int]]:
    for each in value[:_GAPS] if isinstance(value, list) else ():
        if isinstance(each, list) and len(each) == 2:
            first, last = each
            if type(first) is int and type(last) is int and 0 < first <= last:
                yield first, last


def _unclear(status: int) -> str:
    return f"no collector is there: answer {status}"
