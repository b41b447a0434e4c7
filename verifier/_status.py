"""Status and overlay lists (specification, section 6; IETF Token Status List draft)."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from . import _b64, _jose, _json
from ._keys import TrustedKey

TOKEN_TYPE = "statuslist+jwt"  # noqa: S105  # a media type
MAX_TOKEN = 4 * 2**20
"""Characters."""
MAX_ENTRIES = 2**20
"""The largest list that this profile allows."""
MAX_REFRESH = timedelta(hours=24)
_BITS = (1, 2, 4, 8)
_LOW = {1: b"\xff", 2: b"\x55", 4: b"\x11", 8: b"\x01"}
"""The low bit of every entry, in one byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """States of credentials by index, as one economy signed them."""

    uri: str
    issued_at: datetime
    expires_at: datetime
    refresh_after: timedelta | None
    """When the issuer would like a newer list fetched; at most 24 hours."""
    bits: int
    entries: bytes

    def __len__(self) -> int:
        return len(self.entries) * 8 // self.bits

    def state(self, index: int) -> int | None:
        """Return the state at ``index``, or None if the list does not cover it."""
        if not 0 <= index < len(self):
            return None
        position, offset = divmod(index * self.bits, 8)
        return self.entries[position] >> offset & ((1 << self.bits) - 1)

    def is_ageing(self, now: datetime, max_age: timedelta) -> bool:
        """Tell whether more than half of the time is over for which it may be used."""
        return is_ageing(self.issued_at, self.expires_at, max_age, now)

    def is_stale(self, now: datetime, max_age: timedelta) -> bool:
        """Tell whether the list has ended or is older than ``max_age``."""
        return now >= self.expires_at or now - self.issued_at > max_age


def is_ageing(
    issued_at: datetime, expires_at: datetime, max_age: timedelta, now: datetime
) -> bool:
    """Tell whether data is past half of its time (specification, section 8)."""
    return now - issued_at > min(max_age, expires_at - issued_at) / 2


def parse_status_list(
    token: bytes,
    *,
    keys: Mapping[str, TrustedKey],
    expected_uri: str,
    latest_issued_at: datetime,
) -> StatusList:
    """Read a list that one of ``keys`` has signed.

    The signature is checked before any claim is believed.

    Args:
        token: Compact JWS; at most 4 MiB.
        keys: Status keys of one economy by key id.
        expected_uri: Address of the list; must equal its ``sub``.
        latest_issued_at: Latest believable ``iat``.

    Raises:
        ValueError: The token is malformed, too large, of another type or address, or
            not signed by one of ``keys`` in its period.

    Not checked: that the list is fresh, or the newest.
    """
    if len(token) > MAX_TOKEN:
        raise ValueError("token is too long")
    jws = _jose.parse_jws(token.decode("ascii"), token_type=TOKEN_TYPE, has_key_id=True)
    key = keys.get(jws.key_id or "")
    if key is None:
        raise ValueError("not signed by a status key of this economy")
    if not _jose.is_signed_by(key.public_key, jws.signing_input, jws.signature):
        raise ValueError("signature does not verify")
    parsed = _parse_claims(jws.unverified_payload, expected_uri)
    if parsed.issued_at not in key.signs:
        raise ValueError("signed outside the period of its key")
    if parsed.issued_at > latest_issued_at:
        raise ValueError("dated after the trust data that carried it")
    return parsed


def revives(old: bytes, new: bytes) -> bool:
    """Tell whether a newer list takes back what is final: 1 and 3, in any place.

    An index is never given to another card, so no honest list does this; one that was
    put back from a backup might. What is no list at all is left to
    `parse_status_list`.

    Args:
        old: Token that was verified before.
        new: Token of the same name, of which nothing is known but who published it.
    """
    try:
        (old_bits, before), (bits, after) = _entries_of(old), _entries_of(new)
    except ValueError:
        return False
    if bits != old_bits:
        return True  # never changed for a list, and there is no telling
    low = int.from_bytes(_LOW[bits] * len(before), "little")
    was, final = int.from_bytes(before, "little"), 0
    # Final are the odd states up to 3; what is beyond the end of the new list is lost.
    odd = was & low
    for shift in range(2, bits):
        odd &= ~(was >> shift)
    for shift in range(bits):
        final |= odd << shift
    return was & final != int.from_bytes(after, "little") & final


def _entries_of(token: bytes) -> tuple[int, bytes]:
    _, payload, _ = token.decode("ascii").split(".")
    body = _json.parse_object(_b64.decode(payload)).get("status_list")
    if not _json.is_object(body):
        raise ValueError("status_list is not an object")
    bits, packed = body.get("bits"), body.get("lst")
    if type(bits) is not int or bits not in _BITS or not isinstance(packed, str):
        raise ValueError("no list")
    return bits, inflate(_b64.decode(packed), MAX_ENTRIES * bits // 8)


def _parse_claims(claims: Mapping[str, object], expected_uri: str) -> StatusList:
    if claims.get("sub") != expected_uri:
        raise ValueError("sub is another address")
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if not (_json.is_moment(issued_at) and _json.is_moment(expires_at)):
        raise ValueError("iat or exp is not a moment")
    if expires_at <= issued_at:
        raise ValueError("exp is not after iat")
    body = claims.get("status_list")
    if not _json.is_object(body):
        raise ValueError("status_list is not an object")
    bits, packed = body.get("bits"), body.get("lst")
    if type(bits) is not int or bits not in _BITS:
        raise ValueError("bits is not 1, 2, 4 or 8")
    if not isinstance(packed, str):
        raise ValueError("lst is not text")
    return StatusList(
        uri=expected_uri,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
        refresh_after=_refresh_after(claims),
        bits=bits,
        entries=inflate(_b64.decode(packed), MAX_ENTRIES * bits // 8),
    )


def _refresh_after(claims: Mapping[str, object]) -> timedelta | None:
    if "ttl" not in claims:
        return None
    seconds = claims["ttl"]
    if type(seconds) is not int or seconds < 1:
        raise ValueError("ttl is not a positive integer")
    return timedelta(seconds=min(seconds, MAX_REFRESH.total_seconds()))


def inflate(data: bytes, most: int) -> bytes:
    """Inflate one whole zlib stream of at most so many bytes, and nothing else.

    Raises:
        ValueError: It is something else.

    ``decompressobj`` returns what it has when the stream is cut, so its end, and that
    nothing follows it, are checked by hand.
    """
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, most + 1)
    except zlib.error as error:
        raise ValueError("lst is not a zlib stream") from error
    if len(inflated) > most:
        raise ValueError("list is too long")
    if not stream.eof or stream.unused_data:
        raise ValueError("zlib stream is cut, or followed by something")
    return inflated
