"""The economy as a wallet's provider: its word that an app keeps a key safely.

What it says is a key attestation as of any other attester, for the app to put into its
proof; it is told once and kept nowhere.

Source: OpenID4VCI 1.0, appendix D.1.
"""

from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from issuer.installation_key import InstallationKey
from issuer.jws import (
    PrivateKey,
    b64u,
    canonical,
    moment_on_wire,
    public_jwk,
    sign_es256,
    signing_input,
)
from wallet_api.apple import AppAttest
from wallet_api.attestation import TYPE, Attesters
from wallet_api.proof import thumbprint

GOOD_FOR: Final = timedelta(minutes=5)
"""As long as a nonce."""
_USE: Final = "key attestations of {economy}, part {part}"
_ORDER: Final = int(
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16
)
"""Of P-256 (SEC 2, section 2.4.2)."""


def vouch(given: AppAttest, key: InstallationKey, economy: str, now: datetime) -> str:
    """Say that a key is kept safely, for five minutes and one nonce.

    Args:
        given: By an app; checked.
        key: Of the installation.
        economy: Whose word it is.
        now: The moment.
    """
    signer = _signer(key, economy)
    header = {"alg": "ES256", "typ": TYPE, "kid": thumbprint(signer.public_key())}
    claims = {
        "iat": moment_on_wire(now),
        "exp": moment_on_wire(now + GOOD_FOR),
        "nonce": given.nonce,
        "attested_keys": [public_jwk(given.key)],
    }
    text = signing_input(canonical(header), canonical(claims))
    return f"{text}.{b64u(sign_es256(signer, text.encode()))}"


def own_attester(key: InstallationKey, economy: str) -> Attesters:
    """Return the key by which an economy knows its own word."""
    public = _signer(key, economy).public_key()
    return {thumbprint(public): public}


def _signer(key: InstallationKey, economy: str) -> PrivateKey:
    """Derive it, the same in all processes: twice the bits, so that none is likelier.

    Source: FIPS 186-5, appendix A.2.1.
    """
    uses = (_USE.format(economy=economy, part=part) for part in (1, 2))
    drawn = int.from_bytes(b"".join(map(key.derived, uses)), "big")
    return ec.derive_private_key(drawn % (_ORDER - 1) + 1, ec.SECP256R1())
