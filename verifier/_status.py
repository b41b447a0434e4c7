"""Status and overlay lists (specification, section 6; IETF Token Status List draft)."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from . import _b64, _json
from ._keys import TrustedKey
from ._signed_list import SignedList, open_list

TOKEN_TYPE = "statuslist+jwt"  # noqa: S105  # a media type
MAX_ENTRIES = 2**20
"""The largest list that this profile allows."""
_BITS = (1, 2, 4, 8)
_LOW = {1: b"\xff", 2: b"\x55", 4: b"\x11", 8: b"\x01"}
"""The low bit of every entry, in one byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList(SignedList):
    """States of credentials by index, as one economy signed them."""

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
    signed, claims = open_list(
        token,
        token_type=TOKEN_TYPE,
        keys=keys,
        expected_uri=expected_uri,
        latest_issued_at=latest_issued_at,
    )
    bits, packed = _body_of(claims)
    return StatusList(
        uri=signed.uri,
        issued_at=signed.issued_at,
        expires_at=signed.expires_at,
        refresh_after=signed.refresh_after,
        bits=bits,
        entries=inflate(_b64.decode(packed), MAX_ENTRIES * bits // 8),
    )


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
    bits, packed = _body_of(_json.parse_object(_b64.decode(payload)))
    return bits, inflate(_b64.decode(packed), MAX_ENTRIES * bits // 8)


def _body_of(claims: Mapping[str, object]) -> tuple[int, str]:
    body = claims.get("status_list")
    if not _json.is_object(body):
        raise ValueError("status_list is not an object")
    bits, packed = body.get("bits"), body.get("lst")
    if type(bits) is not int or bits not in _BITS:
        raise ValueError("bits is not 1, 2, 4 or 8")
    if not isinstance(packed, str):
        raise ValueError("lst is not text")
    return bits, packed


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
