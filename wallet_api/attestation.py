"""Attested keys: somebody whom an economy trusts says that a key stays on its phone.

Only where the settings name attesters for an economy; there, no other key gets a card.
An attester is believed by its key in our file, never by one that came with a request.
For apps that Apple attests an economy is an attester itself: see `wallet_api.vouching`.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from issuer.api.strict_json import read_object
from issuer.errors import Invalid, SettingsError
from issuer.jws import PublicKey, is_signed_by, public_key_from_jwk
from wallet_api.proof import BadProof, SignedProof, check_moment, read_parts

TYPE: Final = "key-attestation+jwt"
MAX_ATTESTATION: Final = 8_192
"""Characters of an attestation."""
_HEADER: Final = frozenset({"alg", "typ", "kid"})
_MAX_FILE: Final = 64 * 1024
Attesters = Mapping[str, PublicKey]
"""Keys of those who are believed, by key id."""


def read_attesters(path: Path) -> Attesters:
    """Read a JWK set: P-256 keys, each with a ``kid`` of its own.

    Raises:
        SettingsError: It cannot be read, is none, or is empty.
    """
    try:
        rows = read_object(path.read_bytes()[:_MAX_FILE])["keys"]
        found = {str(row["kid"]): public_key_from_jwk(row) for row in rows}
    except (OSError, Invalid, ValueError, KeyError, TypeError) as error:
        raise _no_set(path) from error
    if not found or len(found) < len(rows):
        raise _no_set(path)
    return found


def _no_set(path: Path) -> SettingsError:
    reason = "is no JWK set of P-256 keys, each with an id of its own"
    return SettingsError(file=str(path), key="keys", reason=reason)


def check_attested(
    proof: SignedProof, attesters: Attesters, *, nonce: str, now: datetime
) -> None:
    """Demand that the key of a proof is attested, for this proof.

    Args:
        proof: Of the card's key; checked.
        attesters: Who is believed.
        nonce: That the proof carries.
        now: The moment.

    Raises:
        BadProof: There is no attestation; it is malformed, of somebody unknown, over or
            for another nonce; or it is about other keys.

    Not checked: how strong the attester says the storage is; that is its own promise.

    Source: OpenID4VCI 1.0, appendix D.1.
    """
    text = proof.attestation
    if not isinstance(text, str) or len(text) > MAX_ATTESTATION:
        raise BadProof("its key is not attested")
    header, claims, signed, signature = read_parts(text)
    key = attesters.get(str(header.get("kid")))
    if header.keys() != _HEADER or (header["typ"], header["alg"]) != (TYPE, "ES256"):
        raise BadProof("its attestation is of another type")
    if key is None or not is_signed_by(key, signed, signature):
        raise BadProof("its attestation is nobody's who is believed here")
    check_moment(claims, now, oldest=None)
    exp = claims.get("exp")
    if type(exp) is not int or exp <= int(now.timestamp()):
        raise BadProof("its attestation is over")
    if claims.get("nonce") != nonce:
        raise BadProof("its attestation was made for something else")
    keys = claims.get("attested_keys")
    if not isinstance(keys, list) or not any(_is_same(each, proof) for each in keys):
        raise BadProof("its attestation is about other keys")


def _is_same(jwk: object, proof: SignedProof) -> bool:
    try:
        key = public_key_from_jwk(jwk) if isinstance(jwk, dict) else None
    except ValueError:
        return False
    return key is not None and key == proof.key
