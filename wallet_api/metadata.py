"""What wallets read before they ask: who issues what, and where.

Source: OpenID4VCI 1.0, section 12.2; RFC 8414; RFC 9449, section 5.1.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from issuer.jws import b64u, canonical, moment_on_wire, signing_input
from issuer.keys import Signer, sign_and_check
from issuer.scheme import Scheme

CONFIGURATION: Final = "AbtcCard"
"""The one kind of credential there is."""
ANDROID: Final = "android_keystore_attestation"
"""Type of a proof: certificates in which an Android phone attests a key."""
VCT: Final = "urn:abtc:card:1"
PRE_AUTHORIZED: Final = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
REFRESH: Final = "refresh_token"
SIGNED_TYPE: Final = "openidvci-issuer-metadata+jwt"
"""Without "4", as the standard has it."""
SIGNED_FOR: Final = timedelta(days=1)
_CLAIMS: Final = (
    ("document_number", "Document number"),
    ("family_name", "Family name"),
    ("given_name", "Given name"),
    ("birthdate", "Date of birth"),
    ("nationality", "Nationality"),
    ("passport", "Passport"),
    ("form", "Form"),
    ("economies", "Pre-cleared economies"),
)


def issuer_metadata(
    issuer: str,
    economy: str,
    scheme: Scheme,
    *,
    needs_attester: bool = False,
    android_level: str | None = None,
) -> dict[str, Any]:
    """Describe an economy as a credential issuer.

    Args:
        issuer: Its identifier.
        economy: Alpha-3 code.
        scheme: In force.
        needs_attester: Only keys that somebody vouches for get a card.
        android_level: Or those that an Android phone keeps at least there.
    """
    name = scheme.economy(economy).name
    return {
        "credential_issuer": issuer,
        "credential_endpoint": f"{issuer}/credential",
        "nonce_endpoint": f"{issuer}/nonce",
        "deferred_credential_endpoint": f"{issuer}/deferred",
        "notification_endpoint": f"{issuer}/notification",
        "display": [{"name": name, "locale": "en"}],
        "credential_configurations_supported": {
            CONFIGURATION: _configuration(_proof_types(needs_attester, android_level))
        },
    }


def _proof_types(needs_attester: bool, android_level: str | None) -> dict[str, Any]:
    algorithms = {"proof_signing_alg_values_supported": ["ES256"]}
    android = {"key_mint_security_level": android_level}
    types: dict[str, Any] = {}
    if needs_attester:
        types["jwt"] = {**algorithms, "key_attestations_required": {}}
    if android_level is not None:
        types[ANDROID] = {**algorithms, "key_attestations_required": android}
    return types or {"jwt": algorithms}


def _configuration(proof_types: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": "dc+sd-jwt",
        "vct": VCT,
        "scope": CONFIGURATION,
        "cryptographic_binding_methods_supported": ["jwk"],
        "credential_signing_alg_values_supported": ["ES256"],
        "proof_types_supported": proof_types,
        "credential_metadata": {
            "display": [{"name": "APEC Business Travel Card", "locale": "en"}],
            "claims": [
                {
                    "path": [claim],
                    "mandatory": True,
                    "display": [{"name": text, "locale": "en"}],
                }
                for claim, text in _CLAIMS
            ],
        },
    }


def server_metadata(issuer: str) -> dict[str, Any]:
    """Describe an economy as the authorization server of its own credentials."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "grant_types_supported": [PRE_AUTHORIZED, REFRESH],
        "response_types_supported": [],
        "scopes_supported": [CONFIGURATION],
        "token_endpoint_auth_methods_supported": ["none"],
        "pre-authorized_grant_anonymous_access_supported": True,
        "dpop_signing_alg_values_supported": ["ES256"],
    }


def signed(metadata: dict[str, Any], signer: Signer, *, now: datetime) -> str:
    """Sign an issuer's metadata, for a day.

    Args:
        metadata: Of `issuer_metadata`.
        signer: The economy's status key; see docs/decisions/0018.
        now: The moment.

    Raises:
        SigningError: The key cannot be reached, or answers wrongly.

    Source: OpenID4VCI 1.0, section 12.2.3.
    """
    header = {"alg": "ES256", "kid": signer.key_id, "typ": SIGNED_TYPE}
    issuer = metadata["credential_issuer"]
    payload = {
        "iss": issuer,
        "sub": issuer,
        "iat": moment_on_wire(now),
        "exp": moment_on_wire(now + SIGNED_FOR),
        **metadata,
    }
    text = signing_input(canonical(header), canonical(payload))
    return f"{text}.{b64u(sign_and_check(signer, text.encode()))}"
