"""Apps on Apple devices that show they are what they say: App Attest.

App Attest speaks of an app and of a key of its own, never of the card's key, and
OpenID4VCI has no place for it.  So an economy is the wallet's provider here: the app
shows its attestation once, over the card's key and our nonce, and gets the key
attestation that OpenID4VCI wants (`wallet_api.vouching`).

Root and applications are the operator's; none of them comes with this package.

Source: Apple, "Validating apps that connect to your server" (DeviceCheck), steps 1 to
9 of attestations; Web Authentication, section 6.1 (authenticator data).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Self

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from webauthn.helpers import parse_cbor
from webauthn.helpers.exceptions import InvalidCBORData

from issuer.installation import AppleKeys, Installation
from issuer.jws import PublicKey
from wallet_api.certificates import (
    UNREADABLE,
    Chain,
    check_signatures,
    extension,
    is_authority,
    is_valid,
    read_chain,
    read_roots,
)
from wallet_api.proof import BadProof, thumbprint

_OID: Final = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
"""Of the extension that has the nonce."""
_AAGUIDS: Final = {
    "production": b"appattest".ljust(16, b"\0"),
    "development": b"appattestdevelop",
}
_MOST: Final = 4
"""Certificates, without the root; Apple sends two."""


@asn1.sequence
class _Extension:
    nonce: Annotated[bytes, asn1.Explicit(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apple:
    """What an economy believes of apps on Apple devices."""

    roots: Chain
    apps: frozenset[bytes]
    """SHA-256 of the app's ids: team, full stop, bundle."""
    aaguid: bytes

    @classmethod
    def of(cls, given: AppleKeys, installation: Installation) -> Self:
        """Read what the settings name.

        Raises:
            SettingsError: The file of roots cannot be read, or is none.
        """
        return cls(
            roots=read_roots(installation.path(given.roots)),
            apps=frozenset(map(_hash, map(str.encode, given.apps))),
            aaguid=_AAGUIDS[given.environment],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAttest:
    """What an app shows."""

    key: PublicKey
    """Of the card."""
    nonce: str
    """Of the proof that the key will sign."""
    key_id: bytes
    """Of the app's own key, as its device named it."""
    attestation: bytes
    """The attestation object: CBOR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _AuthenticatorData:
    app: bytes
    counter: int
    aaguid: bytes
    credential: bytes


def client_data(key: PublicKey, nonce: str) -> bytes:
    """Write what an app hashes and has attested: the nonce, and the card's key.

    ASCII: nonce, full stop, thumbprint of the key (RFC 7638).
    """
    return f"{nonce}.{thumbprint(key)}".encode("ascii")


def check_apple(given: AppAttest, apple: Apple, now: datetime) -> None:
    """Demand that an app that is believed has said which key is the card's.

    Args:
        given: By the app.
        apple: What is believed.
        now: The moment.

    Raises:
        BadProof: The attestation is malformed, leads to no root, is over; is for
            another key, nonce, app, key of the app or environment; or was used before.

    Not checked: that the nonce is ours, and was not used; the receipt, with which Apple
    can be asked how likely fraud is; where the app keeps the card's key: that is the
    app's word, and the app is what is attested.
    """
    try:
        statement = _statement(given.attestation)
        chain = read_chain(statement.certificates)
        _check_chain(chain, apple, now)
        nonce = _nonce_in(chain[0])
        key_id = _key_id(chain[0])
    except BadProof:
        raise
    except UNREADABLE as error:
        raise BadProof("its certificates cannot be read") from error
    hashed = _hash(client_data(given.key, given.nonce))
    if nonce != _hash(statement.data + hashed):
        raise BadProof("it was made for another key or nonce")
    if key_id != given.key_id:
        raise BadProof("it is about another key of the app")
    data = _authenticator_data(statement.data)
    if data.app not in apple.apps:
        raise BadProof("its app is none that is believed here")
    if data.counter != 0:
        raise BadProof("the key of the app was used before")
    if data.aaguid != apple.aaguid:
        raise BadProof("it is of another environment")
    if data.credential != given.key_id:
        raise BadProof("it names another key of the app")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    certificates: list[bytes]
    data: bytes
    """Authenticator data: what is attested, with the nonce."""


def _statement(attestation: bytes) -> _Statement:
    try:
        read = parse_cbor(attestation)
    except InvalidCBORData as error:
        raise BadProof("is no CBOR") from error
    match read:
        case {
            "fmt": "apple-appattest",
            "attStmt": {"x5c": [*certificates]},
            "authData": bytes(data),
        } if 1 < len(certificates) <= _MOST and _are_bytes(certificates):
            return _Statement(certificates=certificates, data=data)
    raise BadProof("is no attestation of an app")


def _are_bytes(given: list[Any]) -> bool:
    return all(isinstance(each, bytes) for each in given)


def _check_chain(chain: Chain, apple: Apple, now: datetime) -> None:
    root = check_signatures(chain, apple.roots, now)
    for place, each in enumerate((*chain[1:], root)):
        if not is_authority(each, below=place):
            raise BadProof("a certificate of it is of nobody who may sign others")
    if not all(is_valid(each, now) for each in chain):
        raise BadProof("a certificate of it is over, or not valid yet")


def _nonce_in(certificate: x509.Certificate) -> bytes:
    data = extension(certificate, _OID)
    if data is None:
        raise BadProof("its certificate names no nonce")
    return asn1.decode_der(_Extension, data).nonce


def _key_id(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    if not isinstance(key, PublicKey):
        raise BadProof("the key of the app is of another kind")
    return _hash(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _authenticator_data(data: bytes) -> _AuthenticatorData:
    length = int.from_bytes(data[53:55], "big")
    if len(data) < 55 + length:
        raise BadProof("is too short")
    return _AuthenticatorData(
        app=data[:32],
        counter=int.from_bytes(data[33:37], "big"),
        aaguid=data[37:53],
        credential=data[55 : 55 + length],
    )


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
