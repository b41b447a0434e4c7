"""A presentation as parsed, the same from QR text and from presentation text.

Named tuples, not frozen dataclasses: they are as immutable, and several times quicker
to build, which counts on the path of every scan.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple, NewType

from . import _b64
from ._jose import PublicKey
from .card import Card

BORDER_AUDIENCE = "urn:abtc:border"
CARD_TOKEN_TYPE = "dc+sd-jwt"  # noqa: S105  # a media type
PROOF_TOKEN_TYPE = "kb+jwt"  # noqa: S105  # a media type

UnverifiedCard = NewType("UnverifiedCard", Card)
"""A card whose issuer's signature nobody has checked."""


class HolderKey(NamedTuple):
    """The public key in ``cnf``."""

    public_key: PublicKey
    x: str
    """Coordinate in base64url, as the card has it."""
    y: str

    def thumbprint(self) -> str:
        """Return the JWK thumbprint (RFC 7638) in base64url."""
        members = f'{{"crv":"P-256","kty":"EC","x":"{self.x}","y":"{self.y}"}}'
        return _b64.encode(hashlib.sha256(members.encode()).digest())


class SignedCard(NamedTuple):
    """An issuer JWT that parsed.  Nothing in it may be believed yet."""

    unverified_claims: UnverifiedCard
    others: Mapping[str, object]
    """Members of the payload that are no claims of this profile."""
    unverified_key_id: str
    signing_input: bytes
    signature: bytes
    holder_key: HolderKey | None
    """Present if and only if the form is ``app``."""
    digest: bytes
    """SHA-256 of the issuer JWT and ``~``, which ``sd_hash`` must equal."""


class Proof(NamedTuple):
    """A key binding JWT that parsed.  Nothing in it may be believed yet."""

    issued_at: int
    """Seconds since 1970-01-01."""
    audience: str
    nonce: str
    card_digest: bytes
    """The decoded ``sd_hash``: SHA-256 of the card it was made for."""
    signing_input: bytes
    signature: bytes


class Presentation(NamedTuple):
    """What was shown: a card and, from a phone, a proof."""

    card: SignedCard
    proof: Proof | None


def derived_nonce(issued_at: int) -> str:
    """Return the nonce of a proof made without a challenge (section 3.3)."""
    return f"iat.{issued_at}"
