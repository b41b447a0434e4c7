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
    HolderKey,
    Presentation,
    Proof,
    SignedCard,
    UnverifiedCard,
)
from .card import APP, Card, other_members, parse_card

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
    claims = jws.unverified_payload
    card = parse_card(claims)
    signed = SignedCard(
        unverified_claims=UnverifiedCard(card),
        others=other_members(claims),
        unverified_key_id=jws.key_id or "",
        signing_input=jws.signing_input,
        signature=jws.signature,
        holder_key=_holder_key(claims, card),
        digest=hashlib.sha256(f"{card_text}~".encode()).digest(),
    )
    if not proof_text:
        return Presentation(signed, None)
    if signed.holder_key is None:
        raise ValueError("a physical card has no key binding")
    return Presentation(signed, parse_proof(proof_text))


def is_printable(value: object) -> bool:
    """Tell whether ``value`` is text that may be an audience or a nonce."""
    return isinstance(value, str) and _PRINTABLE.fullmatch(value) is not None


def _holder_key(claims: Mapping[str, object], card: Card) -> HolderKey | None:
    if ("cnf" in claims) != (card.form == APP):
        raise ValueError("cnf goes with the app form, and only with it")
    if card.form != APP:
        return None
    confirmation = claims["cnf"]
    if not (_json.is_object(confirmation) and set(confirmation) == {"jwk"}):
        raise ValueError("cnf is not exactly jwk")
    key = _jose.load_jwk(confirmation["jwk"])
    return HolderKey(key, *_jose.coordinates(key))


def parse_proof(text: str) -> Proof:
    """Read a key binding JWT without believing any of it.

    Raises:
        ValueError: ``text`` is none.
    """
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
    card_digest = _b64.decode(digest)
    if len(card_digest) != hashlib.sha256().digest_size:
        raise ValueError("sd_hash is not 32 bytes")
    return Proof(
        issued_at=issued_at,
        audience=audience,
        nonce=nonce,
        card_digest=card_digest,
        signing_input=jws.signing_input,
        signature=jws.signature,
    )
