"""Answers that only the desk can read: encrypted for a key in its request.

ECDH-ES on P-256 and AES-GCM, nothing else; the only importer of joserfc's JWE here.

Source: OpenID4VP 1.0, section 8.3; RFC 7516; RFC 7518, section 4.6.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from joserfc import jwe
from joserfc.jwk import ECKey

from issuer.jws import public_jwk, public_key_from_jwk

MODE: Final = "direct_post.jwt"
"""Response mode of a request that is answered so, or not at all."""
KEY_AGREEMENT: Final = "ECDH-ES"
ENCRYPTIONS: Final = ("A256GCM", "A128GCM")
"""What is taken, the preferred first."""
_DEFAULT: Final = ("A128GCM",)
"""Where a desk says nothing."""
_OFFERED: Final = "encrypted_response_enc_values_supported"
_MOST_KEYS: Final = 16
_MOST_ID: Final = 256


class SealingError(ValueError):
    """A request wants its answer encrypted, and not as this wallet can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """For whom an answer is encrypted, and how."""

    jwk: Mapping[str, str]
    """``kty``, ``crv``, ``x`` and ``y``; a point of P-256."""
    key_id: str
    encryption: str


def recipient_in(metadata: object) -> Recipient:
    """Find the key and the algorithm in a request's ``client_metadata``.

    Of several keys the first counts that fits: others may be for other wallets.

    Raises:
        SealingError: There is none that fits.
    """
    said = metadata if isinstance(metadata, dict) else {}
    jwks = said.get("jwks")
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list):
        raise SealingError("it wants the answer encrypted, and has no key for that")
    encryption = _encryption(said.get(_OFFERED, _DEFAULT))
    for each in keys[:_MOST_KEYS]:
        if isinstance(each, dict) and _fits(each):
            return Recipient(
                jwk=_point(each), key_id=each["kid"], encryption=encryption
            )
    raise SealingError("it wants the answer encrypted, and has no key that fits")


def seal(members: Mapping[str, object], recipient: Recipient) -> str:
    """Encrypt the members of an answer; return the compact JWE.

    Args:
        members: Such as ``vp_token``, here an object, and ``state``.
        recipient: As `recipient_in` found it.
    """
    header = {
        "alg": KEY_AGREEMENT,
        "enc": recipient.encryption,
        "kid": recipient.key_id,
    }
    text = json.dumps(members, separators=(",", ":"))
    key = ECKey.import_key(dict(recipient.jwk))
    allowed = [KEY_AGREEMENT, *ENCRYPTIONS]
    return jwe.encrypt_compact(header, text, key, algorithms=allowed)


def _encryption(offered: object) -> str:
    known = offered if isinstance(offered, list | tuple) else ()
    for each in ENCRYPTIONS:
        if each in known:
            return each
    raise SealingError("it wants the answer encrypted in a way this wallet has not")


def _fits(key: Mapping[str, object]) -> bool:
    kind = (key.get("kty"), key.get("crv"), key.get("alg"), key.get("use", "enc"))
    key_id = key.get("kid")
    # A key whose secret half is there as well keeps nothing secret.
    return (
        kind == ("EC", "P-256", KEY_AGREEMENT, "enc")
        and isinstance(key_id, str)
        and 0 < len(key_id) <= _MOST_ID
        and "d" not in key
    )


def _point(key: Mapping[str, object]) -> Mapping[str, str]:
    try:
        return public_jwk(public_key_from_jwk(key))
    except ValueError as error:
        text = "it wants the answer encrypted for what is no key"
        raise SealingError(text) from error
