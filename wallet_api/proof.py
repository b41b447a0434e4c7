"""Proofs of possession: a phone shows that it has a key, for one request only.

Two kinds, each with its own type, and neither can stand in for the other: DPoP
(RFC 9449) ties tokens to a key; the proof of OpenID4VCI names the key of the card.
Whoever checks says what the moment is; that a proof is used once is the caller's.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from issuer.api.strict_json import read_object
from issuer.errors import Invalid
from issuer.jws import (
    PublicKey,
    b64u,
    canonical,
    is_signed_by,
    public_jwk,
    public_key_from_jwk,
)

DPOP: Final = "dpop+jwt"
CREDENTIAL: Final = "openid4vci-proof+jwt"
MAX_PROOF: Final = 12_288
"""Characters of a proof; one that carries an attestation is the longest."""
_ATTESTATION: Final = "key_attestation"
OLDEST: Final = 300
"""Seconds that a proof may be old: phones' clocks differ."""
NEWEST: Final = 60
"""Seconds that a proof may be ahead."""
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_HEADER: Final = frozenset({"alg", "typ", "jwk"})
_SECRET: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LATEST: Final = 2**40
_MAX_JTI: Final = 256


class BadProof(ValueError):  # noqa: N818  # an answer, not a fault
    """A proof proves nothing; the message says why, without quoting it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedProof:
    """A proof whose signature is that of the key that it carries."""

    key: PublicKey
    claims: Mapping[str, Any]
    attestation: object = None
    """What the header carries of what somebody says of the key; not checked here."""

    @property
    def thumbprint(self) -> str:
        """Of the key (RFC 7638, SHA-256)."""
        return thumbprint(self.key)


def thumbprint(key: PublicKey) -> str:
    """Return the SHA-256 thumbprint of a P-256 key.

    Source: RFC 7638, section 3: members in the order of their names.
    """
    jwk = public_jwk(key)
    members = {name: jwk[name] for name in sorted(jwk)}
    return b64u(hashlib.sha256(canonical(members)).digest())


def read_proof(text: str, typ: str) -> SignedProof:
    """Read a compact JWS that carries the key which has signed it.

    Args:
        text: At most `MAX_PROOF` characters.
        typ: Its type, letter by letter.

    Raises:
        BadProof: It is malformed, of another type or algorithm, has any other header
            member (``kid``, ``jku``, ``x5c``, ``crit`` ...), its key is none on P-256
            or has its private half, or it is not signed by it.

    Source: RFC 7515; RFC 8725; RFC 9449, section 4.3; OpenID4VCI 1.0, appendix F.1.
    """
    if len(text) > MAX_PROOF:
        raise BadProof("is too long")
    header, claims, signed, signature = read_parts(text)
    attestation = header.pop(_ATTESTATION, None) if typ == CREDENTIAL else None
    key = _key_of(header, typ)
    if not is_signed_by(key, signed, signature):
        raise BadProof("is not signed by its key")
    return SignedProof(key=key, claims=claims, attestation=attestation)


def read_parts(text: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Cut a compact JWS: header, claims, what is signed, and the signature.

    Nothing of it is believed yet.

    Raises:
        BadProof: It is none, or not canonical base64url of JSON objects.
    """
    parts = text.split(".")
    if len(parts) != 3:
        raise BadProof("is no compact JWS")
    header, payload, signature = (_decoded(part) for part in parts)
    signed = f"{parts[0]}.{parts[1]}".encode()
    return _object(header), _object(payload), signed, signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The request that a DPoP proof was made for."""

    method: str
    url: str
    """Without query and fragment, as the settings have it: no header decides it."""
    access_token: str | None
    now: datetime


def check_dpop(text: str, expected: Expected) -> SignedProof:
    """Read a DPoP proof made for one request.

    Raises:
        BadProof: As for `read_proof`; or it is for another method, address or token,
            or was not made now.

    Not checked: ``nonce``, and that its ``jti`` was not seen before.

    Source: RFC 9449, section 4.3.
    """
    proof = read_proof(text, DPOP)
    claims = proof.claims
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
        raise BadProof("jti is missing")
    if claims.get("htm") != expected.method:
        raise BadProof("htm is another method")
    if claims.get("htu") != expected.url:
        raise BadProof("htu is another address")
    check_moment(claims, expected.now)
    token = expected.access_token
    if token is not None and claims.get("ath") != _hash_of(token):
        raise BadProof("ath is that of another token")
    return proof


def check_credential_proof(text: str, *, issuer: str, now: datetime) -> SignedProof:
    """Read the proof that names the key of a card.

    Args:
        text: From ``proofs.jwt`` of a credential request.
        issuer: Identifier of the issuer, letter by letter.
        now: The moment.

    Raises:
        BadProof: As for `read_proof`; or it is for somebody else, names who has made
            it, was not made now, or has no nonce.

    Not checked: that the nonce is ours, and was not used.

    Source: OpenID4VCI 1.0, appendix F.1 and F.4.
    """
    proof = read_proof(text, CREDENTIAL)
    claims = proof.claims
    if claims.get("aud") != issuer:
        raise BadProof("aud is somebody else")
    if "iss" in claims:
        raise BadProof("iss must be absent: nobody has signed in")
    check_moment(claims, now)
    if not isinstance(claims.get("nonce"), str):
        raise BadProof("nonce is missing")
    return proof


def check_moment(
    claims: Mapping[str, Any], now: datetime, *, oldest: int | None = OLDEST
) -> None:
    """Demand that a proof was made about now.

    Args:
        claims: Of the proof.
        now: The moment.
        oldest: Seconds that it may be old; None does not matter.

    Raises:
        BadProof: ``iat`` is no whole number, too old or too far ahead.
    """
    iat = claims.get("iat")
    if type(iat) is not int or not 0 <= iat <= _LATEST:
        raise BadProof("iat is no moment")
    age = int(now.timestamp()) - iat
    if age < -NEWEST or (oldest is not None and age > oldest):
        raise BadProof("iat is not now: the clock is wrong, or the proof is old")


def _hash_of(token: str) -> str:
    return b64u(hashlib.sha256(token.encode()).digest())


def _key_of(header: Mapping[str, Any], typ: str) -> PublicKey:
    if header.keys() != _HEADER:
        raise BadProof("its header has other members than alg, typ and jwk")
    if header["typ"] != typ or header["alg"] != "ES256":
        raise BadProof("it is of another type or algorithm")
    jwk = header["jwk"]
    if not isinstance(jwk, dict) or _SECRET & jwk.keys():
        raise BadProof("its key is none, or has its private half")
    try:
        return public_key_from_jwk(jwk)
    except ValueError as error:
        raise BadProof("its key is none on P-256") from error


def _decoded(part: str) -> bytes:
    if not _PART.fullmatch(part) or len(part) % 4 == 1:
        raise BadProof("is no base64url")
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if b64u(data) != part:
        raise BadProof("is no base64url")
    return data


def _object(data: bytes) -> dict[str, Any]:
    try:
        return read_object(data)
    except Invalid as error:
        raise BadProof("is no JSON") from error
