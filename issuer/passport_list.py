"""The list of reported passports that an economy publishes, which names none of them.

This is the issuer's own reading of section 6.1 of the specification; nothing of it is
shared with the verifier.
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from issuer.jws import b64u, canonical, moment_on_wire, signing_input
from issuer.keys import Signer, sign_and_check

FUNCTION: Final = "scrypt-4096-8-1"
_ENTRY: Final = 6
_SALT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A passport that is not good any more, as devices know it."""

    number: str
    """1 to 22 of ``A-Z0-9``, as cards have it."""
    birthdate: date
    """The holder's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportList:
    """Salt and entries of one list."""

    salt: bytes
    entries: bytes
    """6 bytes each, ascending."""

    def __len__(self) -> int:
        return len(self.entries) // _ENTRY

    @property
    def each(self) -> frozenset[bytes]:
        """The entries one by one."""
        starts = range(0, len(self.entries), _ENTRY)
        return frozenset(self.entries[at : at + _ENTRY] for at in starts)

    @classmethod
    def read(cls, token: bytes) -> tuple[datetime, "PassportList"]:
        """Read back what was published from here, with its ``iat``.

        Raises:
            ValueError, LookupError, TypeError: It is no such list.
        """
        claims: dict[str, Any] = json.loads(_decoded(token.decode().split(".")[1]))
        body = claims["passports"]
        listed = cls(salt=_decoded(body["salt"]), entries=_decoded(body["lst"]))
        return datetime.fromtimestamp(claims["iat"], UTC), listed


def entry_of(passport: str, salt: bytes) -> bytes:
    """Hash a passport as a list has it; some 8 ms, during which other threads run."""
    return hashlib.scrypt(
        passport.encode(), salt=salt, n=4096, r=8, p=1, dklen=_ENTRY, maxmem=2**23
    )


def new_salt() -> bytes:
    """Draw the salt of a list that begins."""
    return secrets.token_bytes(_SALT)


def passports_token(
    listed: PassportList,
    *,
    uri: str,
    iat: datetime,
    exp: datetime,
    ttl: timedelta,
    signer: Signer,
) -> bytes:
    """Sign a list of reported passports.

    Args:
        listed: What is in it.
        uri: ``<issuer URL>/passports``.
        iat: Moment of signing; timezone-aware, cut to whole seconds.
        exp: Moment from which nobody may use it.
        ttl: When devices should look for a newer one.
        signer: A status key of the economy in ``uri``.

    Returns:
        A compact JWS of type ``abtc-passports+jwt``, in ASCII.

    Raises:
        SigningError: The signer's answer is no good.
        ValueError: The signer is a card key, or a moment is naive.

    Source: specification, section 6.1.
    """
    if signer.use != "status":
        raise ValueError(f"{signer.key_id} is a card key: it signs no lists")
    header = {"alg": "ES256", "kid": signer.key_id, "typ": "abtc-passports+jwt"}
    payload = {
        "sub": uri,
        "iat": moment_on_wire(iat),
        "exp": moment_on_wire(exp),
        "ttl": ttl // timedelta(seconds=1),
        "passports": {
            "kdf": FUNCTION,
            "salt": b64u(listed.salt),
            "lst": b64u(listed.entries),
        },
    }
    text = signing_input(canonical(header), canonical(payload))
    return f"{text}.{b64u(sign_and_check(signer, text.encode()))}".encode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
