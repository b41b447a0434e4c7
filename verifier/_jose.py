"""Compact JWS and ES256 keys; the only module that touches PyJWT.

PyJWT is used for the signature alone. Its claim checks read the wall clock, its parser
keeps the last of two equal members and it forgives loose base64url.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from . import _b64, _json

PublicKey = ec.EllipticCurvePublicKey
ALGORITHM = "ES256"
SIGNATURE_BYTES = 64
_COORDINATE_BYTES = 32
_P256 = ec.SECP256R1()
_ES256 = ECAlgorithm(ECAlgorithm.SHA256, expected_curve=ec.SECP256R1)
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jws:
    """A compact JWS that parsed.  Nothing in it may be believed yet."""

    key_id: str | None
    unverified_payload: dict[str, object]
    signing_input: bytes
    signature: bytes
    delegation: str | None = None
    """Another JWS in its header, where one is expected."""


def parse_jws(
    text: str, *, token_type: str, has_key_id: bool, has_delegation: bool = False
) -> Jws:
    """Read a compact JWS of exactly one type.

    The header is exactly ``alg``, ``typ`` and, if ``has_key_id``, ``kid``; and, if
    ``has_delegation``, ``delegation``. That refuses ``crit``, ``b64`` and every key or
    key address inside the token.

    Raises:
        ValueError: Anything else.
    """
    parts = _COMPACT.fullmatch(text)
    if not parts:
        raise ValueError("not three base64url parts")
    header = _json.parse_object(_b64.decode(parts[1]))
    key_id = header.pop("kid", None)
    delegation = header.pop("delegation", None) if has_delegation else None
    if has_delegation != isinstance(delegation, str):
        raise ValueError("delegation missing, or no text")
    if header != {"alg": ALGORITHM, "typ": token_type}:
        raise ValueError(f"not the header of an ES256 {token_type}")
    if has_key_id != (isinstance(key_id, str) and is_key_id(key_id)):
        raise ValueError("kid missing, malformed or not expected")
    signature = _b64.decode(parts[3])
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError("signature is not 64 bytes")
    return Jws(
        key_id=key_id if isinstance(key_id, str) else None,
        unverified_payload=_json.parse_object(_b64.decode(parts[2])),
        signing_input=text[: parts.end(2)].encode("ascii"),
        signature=signature,
        delegation=delegation if isinstance(delegation, str) else None,
    )


def type_of(text: str) -> object:
    """Return what a compact JWS says to be, so that another type is named as such.

    Raises:
        ValueError: It is none.
    """
    parts = _COMPACT.fullmatch(text)
    if not parts:
        raise ValueError("not three base64url parts")
    return _json.parse_object(_b64.decode(parts[1])).get("typ")


def is_key_id(text: str) -> bool:
    """Tell whether ``text`` may be a key id."""
    return _KEY_ID.fullmatch(text) is not None


def is_signed_by(key: PublicKey, signing_input: bytes, signature: bytes) -> bool:
    """Tell whether ``signature`` (r and s, 64 bytes) over the input is ``key``'s.

    Source: RFC 7518, section 3.4.
    """
    if len(signature) != SIGNATURE_BYTES:
        return False
    return _ES256.verify(signing_input, key, signature)


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Sign with ECDSA on P-256 and SHA-256; 64 bytes, r and s."""
    signature: bytes = _ES256.sign(data, key)
    return signature


def load_point(point: bytes) -> PublicKey:
    """Return the P-256 key of a compressed point (SEC 1, section 2.3.3).

    Raises:
        ValueError: Not 33 bytes of a compressed point on the curve.
    """
    if len(point) != 1 + _COORDINATE_BYTES:
        raise ValueError("not a compressed point")
    return _key_of(point)


def load_jwk(jwk: object) -> PublicKey:
    """Return the P-256 key of exactly ``kty``, ``crv``, ``x`` and ``y``.

    A private key (``d``) is refused like every other member.

    Raises:
        ValueError: Not such a JWK, or not a point on the curve.
    """
    if not (_json.is_object(jwk) and set(jwk) == {"kty", "crv", "x", "y"}):
        raise ValueError("not exactly kty, crv, x and y")
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise ValueError("not a P-256 key")
    point = b"\x04" + _coordinate(jwk, "x") + _coordinate(jwk, "y")
    return _key_of(point)


@lru_cache(maxsize=32)
def _key_of(point: bytes) -> PublicKey:
    # The same card is unpacked, verified and shown again within moments, and finding
    # the key of a point takes half as long as a signature.  A bad point is not kept.
    return ec.EllipticCurvePublicKey.from_encoded_point(_P256, point)


def coordinates(key: PublicKey) -> tuple[str, str]:
    """Return ``x`` and ``y`` of a key in base64url."""
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    middle = 1 + _COORDINATE_BYTES
    return _b64.encode(point[1:middle]), _b64.encode(point[middle:])


def compressed_point(key: PublicKey) -> bytes:
    """Return the compressed point of a key."""
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _coordinate(jwk: Mapping[str, object], name: str) -> bytes:
    text = jwk[name]
    if not isinstance(text, str):
        raise ValueError(f"{name} is not text")
    data = _b64.decode(text)
    if len(data) != _COORDINATE_BYTES:
        raise ValueError(f"{name} is not 32 bytes")
    return data
