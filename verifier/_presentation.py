"""A presentation as parsed, the same from QR text and from presentation text."""

from dataclasses import dataclass
from typing import NewType

from ._jose import PublicKey
from .card import Card

BORDER_AUDIENCE = "urn:abtc:border"
CARD_TOKEN_TYPE = "dc+sd-jwt"  # noqa: S105  # a media type
PROOF_TOKEN_TYPE = "kb+jwt"  # noqa: S105

UnverifiedCard = NewType("UnverifiedCard", Card)
"""A card whose issuer's signature nobody has checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A key binding JWT that parsed.  Nothing in it may be believed yet."""

    issued_at: int
    """Seconds since 1970-01-01."""
    audience: str
    nonce: str
    card_digest: bytes
    """The decoded ``sd_hash``: SHA-256 of the card it was made for."""
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """A card and perhaps a proof that parsed.  Nothing in it may be believed yet."""

    unverified_card: UnverifiedCard
    unverified_key_id: str
    signing_input: bytes
    signature: bytes
    holder_key: PublicKey | None
    """The key in ``cnf``; present if and only if the form is ``app``."""
    proof: Proof | None
    digest: bytes
    """SHA-256 of the issuer JWT and ``~``, which ``sd_hash`` must equal."""


def derived_nonce(issued_at: int) -> str:
    """Return the nonce of a proof made without a challenge (section 3.3)."""
    return f"iat.{issued_at}"
