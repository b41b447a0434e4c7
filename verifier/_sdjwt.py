"""Presentation text: an SD-JWT without disclosures, and perhaps a key binding JWT.

Source: RFC 9901, section 4; specification, section 3.
"""

import hashlib
import re
from collections.abc import Mapping

from . import _b64, _jose, _json
from ._presentation import (
    CARD_TOKEN_TYPE,
    PROOF_TOKEN_TYPE,
    Presentation,
    Proof,
    UnverifiedCard,
)
from .card import APP, Card, parse_card

MAX_CHARACTERS = 8192
_PRINTABLE = re.compile(r"[!-~]{1,256}")


def parse_presentation_text(text: str) -> Presentation:
    """Read presentation text without believing any of it.

    Raises:
        ValueError: ``text`` is not a presentation of this profile.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS} characters")
    card_text, separator, proof_text = text.partition("~")
    if not separator or "~" in proof_text:
        raise ValueError("not a card, one ~ and at most one proof")
    jws = _jose.parse_jws(card_text, token_type=CARD_TOKEN_TYPE, has_key_id=True)
    card = _parse_claims(jws.unverified_payload)
    holder_key = _holder_key(jws.unverified_payload, card)
    return Presentation(
        unverified_card=UnverifiedCard(card),
        unverified_key_id=jws.key_id or "",
        signing_input=jws.signing_input,
        signature=jws.signature,
        holder_key=holder_key,
        proof=_parse_proof(proof_text, holder_key) if proof_text else None,
        digest=hashlib.sha256(f"{card_text}~".encode()).digest(),
    )


def is_printable(value: object) -> bool:
    """Tell whether ``value`` is text that may be an audience or a nonce."""
    return isinstance(value, str) and _PRINTABLE.fullmatch(value) is not None


def _parse_claims(claims: Mapping[str, object]) -> Card:
    try:
        return parse_card(claims)
    except KeyError as error:
        raise ValueError(f"claim {error} is missing") from error


def _holder_key(claims: Mapping[str, object], card: Card) -> _jose.PublicKey | None:
    if ("cnf" in claims) != (card.form == APP):
        raise ValueError("cnf goes with the app form, and only with it")
    if card.form != APP:
        return None
    confirmation = claims["cnf"]
    if not (_json.is_object(confirmation) and set(confirmation) == {"jwk"}):
        raise ValueError("cnf is not exactly jwk")
    return _jose.load_jwk(confirmation["jwk"])


def _parse_proof(text: str, holder_key: _jose.PublicKey | None) -> Proof:
    if holder_key is None:
        raise ValueError("a physical card has no key binding")
    jws = _jose.parse_jws(text, token_type=PROOF_TOKEN_TYPE, has_key_id=False)
    claims = jws.unverified_payload
    issued_at, digest = claims.get("iat"), claims.get("sd_hash")
    audience, nonce = claims.get("aud"), claims.get("nonce")
    if not _json.is_moment(issued_at):
        raise ValueError("iat is not a moment")
    if not (isinstance(audience, str) and is_printable(audience)):
        raise ValueError("aud is malformed")
    if not (isinstance(nonce, str) and is_printable(nonce)):
        raise ValueError("nonce is malformed")
    if not isinstance(digest, str):
        raise ValueError("sd_hash is not text")
    return Proof(
        issued_at=issued_at,
        audience=audience,
        nonce=nonce,
        card_digest=_b64.decode(digest),
        signing_input=jws.signing_input,
        signature=jws.signature,
    )
