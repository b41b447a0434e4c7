"""What a destination signs when it decides: one compact JWS for one request or many.

Its type, ``abtc-preclearance+jwt``, keeps it apart from a status list, which the same
key signs: a reader of the one takes no other.  docs/operations/preclearance.md defines
the bytes.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from issuer.errors import SigningError, StatementError
from issuer.jws import (
    PublicKey,
    b64u,
    canonical,
    is_signed_by,
    moment_on_wire,
    signing_input,
)
from issuer.keys import KeyRecord, Signer, sign_and_check

TYPE: Final = "abtc-preclearance+jwt"
MAX_DECISIONS: Final = 1_000
"""In one statement."""
MAX_TEXT: Final = 512 * 1024
"""Characters of one statement; a thousand decisions take about 150,000."""


class Decision(BaseModel):
    """One decision about one card, as it is signed; members in this order."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    issuer: str = Field(pattern=r"^[A-Z]{3}$")
    """Economy of the card."""
    card: str = Field(pattern=r"^[A-Za-z0-9._/-]{1,64}$")
    """What the issuer calls the card when it asks."""
    seq: int = Field(ge=1, le=2**31 - 1)
    """Which step of this pre-clearance it is: no decision can stand for another."""
    event: str = Field(pattern=r"^[a-z_]{1,24}$")
    after: str = Field(pattern=r"^[a-z_]{1,24}$")


class _Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    iss: str
    iat: int
    events: list[Decision] = Field(min_length=1, max_length=MAX_DECISIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDecisions:
    """What a statement says, after its signature was found good."""

    iss: str
    iat: int
    """Seconds, as it was signed."""
    decisions: frozenset[Decision]


def sign_statement(
    decisions: Sequence[Decision],
    *,
    iss: str,
    iat: datetime,
    signer: Signer,
    record: KeyRecord,
) -> str:
    """Sign decisions, and read the result back as a stranger would.

    Args:
        decisions: 1 to 1,000, no two alike.
        iss: Issuer URL of the destination.
        iat: Moment of the decision; timezone-aware, cut to whole seconds.
        signer: A status key of the destination.
        record: What is published of that key.

    Returns:
        A compact JWS.

    Raises:
        SigningError: The key is a card key, is not the one published or does not sign
            at ``iat``; or its answer is no signature over these decisions.
        ValueError: There are none, too many, or two alike; ``iat`` is naive.

    Not checked: that the decisions are legal, or are the signer's to make.

    Source: docs/operations/preclearance.md.
    """
    if not 1 <= len(set(decisions)) == len(decisions) <= MAX_DECISIONS:
        raise ValueError("a statement has 1 to 1,000 decisions, each once")
    if signer.use != "status" or not record.is_of(signer) or not record.signs_at(iat):
        raise SigningError(f"key {signer.key_id} signs no statement at this moment")
    header = canonical(_header(signer.key_id))
    payload = {
        "iss": iss,
        "iat": moment_on_wire(iat),
        "events": [each.model_dump() for each in decisions],
    }
    signed = signing_input(header, canonical(payload))
    text = f"{signed}.{b64u(sign_and_check(signer, signed.encode()))}"
    try:
        read = verify_statement(
            text, iss=iss, key_id=record.key_id, key=record.public_key
        )
    except StatementError as error:
        raise SigningError(f"key {signer.key_id} signed something else") from error
    if read.decisions != frozenset(decisions):
        raise SigningError(f"key {signer.key_id} signed something else")
    return text


def verify_statement(
    text: str, *, iss: str, key_id: str, key: PublicKey
) -> SignedDecisions:
    """Read a statement that one key of one economy has to have signed.

    Args:
        text: Compact JWS; at most 512 KiB.
        iss: Issuer URL of the destination; must equal its ``iss``.
        key_id: The key that is expected; must equal its ``kid``.
        key: That key's public half.

    Raises:
        StatementError: ``text`` is malformed, too large, of another type, algorithm,
            key or economy, not signed by ``key``, not canonical, or says one thing
            twice.

    Not checked: that the key was the economy's when it signed, and that the decisions
    are legal; see `issuer.preclearances.check_card`.
    """
    parts = text.split(".") if len(text) <= MAX_TEXT and text.isascii() else []
    if len(parts) != 3:
        raise StatementError("is no compact JWS of at most 512 KiB")
    header, payload, signature = map(_bytes_of, parts)
    if header != canonical(_header(key_id)):
        raise StatementError(f"has not the header of a {TYPE} by {key_id}")
    if not is_signed_by(key, f"{parts[0]}.{parts[1]}".encode(), signature):
        raise StatementError("is not signed by the key it names")
    return _read(payload, iss)


def _read(payload: bytes, iss: str) -> SignedDecisions:
    try:
        value: Any = json.loads(payload)
        said = _Payload.model_validate(value)
    except (ValueError, RecursionError, ValidationError) as error:
        raise StatementError("says something else than decisions") from error
    if canonical(said.model_dump()) != payload:
        raise StatementError("is not written canonically")
    if said.iss != iss:
        raise StatementError("is another economy's")
    decisions = frozenset(said.events)
    if len(decisions) != len(said.events):
        raise StatementError("says one thing twice")
    return SignedDecisions(iss=said.iss, iat=said.iat, decisions=decisions)


def _header(key_id: str) -> Mapping[str, str]:
    return {"alg": "ES256", "kid": key_id, "typ": TYPE}


def _bytes_of(part: str) -> bytes:
    try:
        data = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise StatementError("is not base64url") from error
    if b64u(data) != part:
        raise StatementError("is not canonical base64url")
    return data
