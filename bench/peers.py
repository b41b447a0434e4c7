"""The same card read by libraries that one would pick instead.

All of them read the plain SD-JWT text and check both signatures, the dates, audience,
nonce and ``sd_hash``.  None knows this profile's grammar, status lists or entitlement.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

from bench.cards import AUDIENCE, b64u

_ALGORITHMS: Final = ["ES256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a peer is given: the text, and all that it may know beforehand."""

    text: str
    nonce: str
    holder_key: ec.EllipticCurvePublicKey
    """Loaded; most peers have to load it from the card."""


Reader = Callable[[Presented], Mapping[str, Any]]


def readers(
    issuer: ec.EllipticCurvePublicKey, jwk: Mapping[str, str]
) -> dict[str, Reader]:
    """Return a reader for each peer; the issuer's key, also as JWK, is loaded once."""
    return {
        "PyJWT, keys ready": _pyjwt_ready(issuer),
        "PyJWT": _pyjwt(issuer),
        "joserfc": _joserfc(ECKey.import_key(dict(jwk))),
        "sd-jwt": _sd_jwt(JWK(**jwk)),
    }


def _pyjwt_ready(issuer: ec.EllipticCurvePublicKey) -> Reader:
    def read(shown: Presented) -> Mapping[str, Any]:
        card, _, proof = shown.text.partition("~")
        claims = jwt.decode(card, issuer, algorithms=_ALGORITHMS)
        said = jwt.decode(
            proof, shown.holder_key, algorithms=_ALGORITHMS, audience=AUDIENCE
        )
        _check_binding(card, said, shown.nonce)
        return claims

    return read


def _pyjwt(issuer: ec.EllipticCurvePublicKey) -> Reader:
    def read(shown: Presented) -> Mapping[str, Any]:
        card, _, proof = shown.text.partition("~")
        claims = jwt.decode(card, issuer, algorithms=_ALGORITHMS)
        holder = jwt.PyJWK(claims["cnf"]["jwk"], algorithm="ES256")
        said = jwt.decode(proof, holder, algorithms=_ALGORITHMS, audience=AUDIENCE)
        _check_binding(card, said, shown.nonce)
        return claims

    return read


def _joserfc(issuer: ECKey) -> Reader:
    of_card = joserfc_jwt.JWTClaimsRegistry()
    of_proof = joserfc_jwt.JWTClaimsRegistry(aud={"essential": True, "value": AUDIENCE})

    def read(shown: Presented) -> Mapping[str, Any]:
        card, _, proof = shown.text.partition("~")
        claims = joserfc_jwt.decode(card, issuer, algorithms=_ALGORITHMS).claims
        of_card.validate(claims)
        holder = ECKey.import_key(claims["cnf"]["jwk"])
        said = joserfc_jwt.decode(proof, holder, algorithms=_ALGORITHMS).claims
        of_proof.validate(said)
        _check_binding(card, said, shown.nonce)
        return claims

    return read


def _sd_jwt(issuer: JWK) -> Reader:
    def read(shown: Presented) -> Mapping[str, Any]:
        verified = SDJWTVerifier(
            shown.text, lambda _issuer, _header: issuer, AUDIENCE, shown.nonce
        )
        claims: Mapping[str, Any] = verified.get_verified_payload()
        return claims

    return read


def _check_binding(card: str, said: Mapping[str, Any], nonce: str) -> None:
    digest = hashlib.sha256(f"{card}~".encode()).digest()
    if said["sd_hash"] != b64u(digest) or said["nonce"] != nonce:
        raise ValueError("the proof was made for another card or occasion")
