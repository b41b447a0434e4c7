"""The bytes of compact JWS and of P-256 keys, as the specification spells them.

This is the issuer's own reading of sections 2 and 3; nothing of it is shared with
the verifier, so that a mistake in one shows in the other.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from issuer.dated import require_aware

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey

SIGNATURE_BYTES: Final = 64
"""r and s, 32 bytes each."""

BORDER: Final = "urn:abtc:border"
"""The ``aud`` of a proof that is shown at a border (specification, section 3.3)."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT: Final = datetime(2100, 1, 1, tzinfo=UTC)
_COORDINATE_BYTES: Final = 32
_PROOF_HEADER = {"alg": "ES256", "typ": "kb+jwt"}
_ES256 = ec.ECDSA(hashes.SHA256())
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def b64u(data: bytes) -> str:
    """Write bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def canonical(value: object) -> bytes:
    """Write canonical JSON; the order of members is the caller's.

    Source: specification, section 2.
    """
    return _encode(value).encode()


def moment_on_wire(at: datetime) -> int:
    """Write a moment as a number, cut to whole seconds.

    Raises:
        ValueError: ``at`` is naive, or not from 1970 to 2100-01-01.

    Source: specification, section 2.
    """
    at = require_aware(at)
    if not _EPOCH <= at <= _LAST_MOMENT:
        raise ValueError("a moment is not from 1970 to 2100-01-01")
    return (at - _EPOCH) // timedelta(seconds=1)


def moment_from_wire(seconds: int) -> datetime:
    """Read a moment of the wire, in UTC.

    Raises:
        ValueError: It is not from 1970 to 2100-01-01.
    """
    if not 0 <= seconds <= moment_on_wire(_LAST_MOMENT):
        raise ValueError("a moment is not from 1970 to 2100-01-01")
    return _EPOCH + timedelta(seconds=seconds)


def signing_input(header: bytes, payload: bytes) -> str:
    """Join header and payload into the text that is signed (RFC 7515, section 5.1)."""
    return f"{b64u(header)}.{b64u(payload)}"


def new_private_key() -> PrivateKey:
    """Make a P-256 key in memory."""
    return ec.generate_private_key(ec.SECP256R1())


def is_p256(key: object) -> bool:
    """Tell whether ``key`` is a private or public key on P-256."""
    return isinstance(key, PrivateKey | PublicKey) and isinstance(
        key.curve, ec.SECP256R1
    )


def sign_es256(key: PrivateKey, data: bytes) -> bytes:
    """Sign with ECDSA on P-256 and SHA-256; 64 bytes, r and s."""
    r, s = decode_dss_signature(key.sign(data, _ES256))
    return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


def is_signed_by(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """Tell whether ``signature`` (64 bytes, r and s) over ``data`` is ``key``'s."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    r = int.from_bytes(signature[:_COORDINATE_BYTES], "big")
    s = int.from_bytes(signature[_COORDINATE_BYTES:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, _ES256)
    except InvalidSignature:
        return False
    return True


def key_binding(
    card_text: str, key: PrivateKey, *, iat: datetime, audience: str, nonce: str | None
) -> str:
    """Make a phone's proof that it holds the key of a card.

    Args:
        card_text: Issuer JWT and ``~``.
        key: The phone's private key.
        iat: This moment; timezone-aware, cut to whole seconds.
        audience: Who asks: `BORDER`, or what a verifier's request says.
        nonce: What the officer or the request asked for; None derives it from ``iat``.

    Source: specification, section 3.3; RFC 9901, section 4.3.
    """
    seconds = moment_on_wire(iat)
    payload = {
        "iat": seconds,
        "aud": audience,
        "nonce": f"iat.{seconds}" if nonce is None else nonce,
        "sd_hash": b64u(hashlib.sha256(card_text.encode("ascii")).digest()),
    }
    text = signing_input(canonical(_PROOF_HEADER), canonical(payload))
    return f"{text}.{b64u(sign_es256(key, text.encode('ascii')))}"


def public_jwk(key: PublicKey) -> dict[str, str]:
    """Write a P-256 key as exactly ``kty``, ``crv``, ``x`` and ``y``, in that order."""
    point = key.public_numbers()
    x, y = (n.to_bytes(_COORDINATE_BYTES, "big") for n in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": b64u(x), "y": b64u(y)}


def public_key_from_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """Read the public half of a P-256 JWK; members it does not need are ignored.

    Raises:
        ValueError: It is of another kind, a coordinate is not base64url of 32 bytes,
            or the point is not on the curve.

    Source: RFC 7517; RFC 7518, section 6.2.1.
    """
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise ValueError("not a P-256 key")
    x, y = (_coordinate(jwk.get(name)) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def public_key_from_point(point: bytes) -> PublicKey:
    """Read a point of P-256, 65 bytes (4, x and y) or 33 (2 or 3, and x).

    Raises:
        ValueError: It is another length, or not on the curve.

    Source: SEC 1, section 2.3.4.
    """
    return PublicKey.from_encoded_point(ec.SECP256R1(), point)


def _coordinate(text: object) -> int:
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("a coordinate is not text")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(data) != _COORDINATE_BYTES or b64u(data) != text:
        raise ValueError("a coordinate is not base64url of 32 bytes")
    return int.from_bytes(data, "big")
