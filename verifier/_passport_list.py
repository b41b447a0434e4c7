"""Lists of reported passports (specification, section 6.1).

A list names no passport. Each entry is the beginning of a slow hash of a number and a
birth date with the list's own salt: who has a passport in hand, or a card that is
linked to it, can ask about that one, and whoever wants them all has to try them all.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from . import _b64, _json
from ._keys import TrustedKey
from ._signed_list import SignedList, open_list

TOKEN_TYPE = "abtc-passports+jwt"  # noqa: S105  # a media type
FUNCTION = "scrypt-4096-8-1"
"""The one function of this version: no list can ask for more time or memory."""
ENTRY_BYTES = 6
SALT_BYTES = 16
MAX_ENTRIES = 2**18
"""The longest list: 1.5 MiB of entries, 2.7 MiB as a token."""
_COST, _BLOCK, _PARALLEL = 4096, 8, 1
"""4 MiB, and some 8 ms of a server's processor core."""
_MEMORY = 8 * 2**20
"""Bytes that OpenSSL may take for it; what it needs, and room to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportList(SignedList):
    """Which passports their economy has reported as lost, stolen or no longer good."""

    economy: str
    """Who signs the list and has issued every passport on it, alpha-3."""
    salt: bytes = field(repr=False)
    entries: bytes = field(repr=False)
    """6 bytes each, ascending."""

    def __len__(self) -> int:
        return len(self.entries) // ENTRY_BYTES

    def names(self, number: str, birthdate: str) -> bool:
        """Tell whether a passport of this economy is on the list.

        Takes some 8 ms and 4 MiB, and next to nothing if the list is empty.

        Args:
            number: The passport's, as cards have it.
            birthdate: The holder's, ``YYYY-MM-DD``.

        Returns:
            True for every passport on the list, and for one in 2**48 / len(self) of
            the others.
        """
        if not self.entries:
            return False
        wanted = _entry(f"{self.economy}|{number}|{birthdate}", self.salt)
        place = bisect_left(range(len(self)), wanted, key=self._at)
        return place < len(self) and self._at(place) == wanted

    def _at(self, place: int) -> bytes:
        return self.entries[place * ENTRY_BYTES : (place + 1) * ENTRY_BYTES]


def _entry(passport: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passport.encode(),
        salt=salt,
        n=_COST,
        r=_BLOCK,
        p=_PARALLEL,
        maxmem=_MEMORY,
        dklen=ENTRY_BYTES,
    )


def parse_passport_list(
    token: bytes,
    *,
    economy: str,
    keys: Mapping[str, TrustedKey],
    expected_uri: str,
    latest_issued_at: datetime,
) -> PassportList:
    """Read a list that one of ``keys`` has signed.

    Args:
        token: Compact JWS; at most 4 MiB.
        economy: Alpha-3 code of whose keys these are.
        keys: Its status keys by key id.
        expected_uri: Address of the list; must equal its ``sub``.
        latest_issued_at: Latest believable ``iat``.

    Raises:
        ValueError: The token is malformed, too large, of another type or address, not
            signed by one of ``keys`` in its period, has another function or salt, or
            its entries are too many or not ascending.

    Not checked: that the list is fresh, or the newest.
    """
    signed, claims = open_list(
        token,
        token_type=TOKEN_TYPE,
        keys=keys,
        expected_uri=expected_uri,
        latest_issued_at=latest_issued_at,
    )
    body = claims.get("passports")
    if not _json.is_object(body):
        raise ValueError("passports is not an object")
    if body.get("kdf") != FUNCTION:
        raise ValueError(f"kdf is not {FUNCTION}")
    salt = _bytes(body, "salt")
    if len(salt) != SALT_BYTES:
        raise ValueError("salt has another length")
    return PassportList(
        uri=signed.uri,
        issued_at=signed.issued_at,
        expires_at=signed.expires_at,
        refresh_after=signed.refresh_after,
        economy=economy,
        salt=salt,
        entries=_checked(_bytes(body, "lst")),
    )


def _bytes(body: Mapping[str, object], name: str) -> bytes:
    value = body.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    return _b64.decode(value)


def _checked(entries: bytes) -> bytes:
    if len(entries) % ENTRY_BYTES:
        raise ValueError("lst is not whole entries")
    if len(entries) > MAX_ENTRIES * ENTRY_BYTES:
        raise ValueError("list is too long")
    each = (
        entries[start : start + ENTRY_BYTES]
        for start in range(0, len(entries), ENTRY_BYTES)
    )
    if not all(one < other for one, other in pairwise(each)):
        raise ValueError("entries are not ascending")
    return entries
