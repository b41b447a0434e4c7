"""An app on an Apple device, and whoever attests apps, with a root of its own.

service = AppService()
service.attest(key, nonce)                       # what the app shows
service.attest(key, nonce, counter=1)            # the same, its key used before
"""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from issuer.jws import PublicKey, new_private_key, public_jwk
from tests.wallet_api.android_phone import Link, explicit, name, octets, sequence
from wallet_api.proof import thumbprint

APP = "ABCDE12345.org.example.wallet"
OID = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
PRODUCTION = b"appattest\0\0\0\0\0\0\0"


def sha256(*data: bytes) -> bytes:
    return hashlib.sha256(b"".join(data)).digest()


@dataclass(slots=True, kw_only=True)
class AppService:
    """Change a link, and everything below is signed anew."""

    root: Link = field(default_factory=lambda: Link(subject=name("Root")))
    middle: Link = field(default_factory=lambda: Link(subject=name("CA 1")))
    key: Any = field(default_factory=new_private_key)
    """Of the app."""
    dates: dict[str, Any] = field(default_factory=dict)
    """Of the certificate of the app's key."""

    @property
    def root_pem(self) -> bytes:
        pem: bytes = self.root.signed_by(self.root).public_bytes(Encoding.PEM)
        return pem

    @property
    def key_id(self) -> bytes:
        point = (Encoding.X962, PublicFormat.UncompressedPoint)
        return sha256(self.key.public_key().public_bytes(*point))

    def data(self, **changed: Any) -> bytes:
        """Write authenticator data."""
        said = {
            "app": APP, "counter": 0, "aaguid": PRODUCTION, "credential": self.key_id,
            "length": None, **changed,
        }  # fmt: skip
        credential = said["credential"]
        length = len(credential) if said["length"] is None else said["length"]
        parts: list[bytes] = [
            sha256(said["app"].encode()), b"\x40", said["counter"].to_bytes(4, "big"),
            said["aaguid"], length.to_bytes(2, "big"), credential,
            cbor2.dumps({1: 2, 3: -7}),
        ]  # fmt: skip
        return b"".join(parts)

    def certificates(self, nonce: bytes | None) -> list[bytes]:
        leaf = Link(
            subject=name("app"), key=self.key, is_authority=False, oid=OID, **self.dates
        )
        if nonce is not None:
            leaf.extension = sequence(explicit(1, octets(nonce)))
        signed = [leaf.signed_by(self.middle), self.middle.signed_by(self.root)]
        return [each.public_bytes(Encoding.DER) for each in signed]

    def statement(self, key: PublicKey, nonce: str, **changed: Any) -> dict[str, Any]:
        """Write what an attestation has in it, to be changed."""
        data = self.data(**changed)
        client = f"{nonce}.{thumbprint(key)}".encode()
        bound = sha256(data, sha256(client))
        return {
            "fmt": "apple-appattest",
            "attStmt": {"x5c": self.certificates(bound), "receipt": b"x" * 100},
            "authData": data,
        }

    def attest(self, key: PublicKey, nonce: str, **changed: Any) -> dict[str, Any]:
        """Write what an app sends."""
        return self.shown(key, nonce, self.statement(key, nonce, **changed))

    def shown(self, key: PublicKey, nonce: str, statement: object) -> dict[str, Any]:
        return {
            "jwk": public_jwk(key),
            "nonce": nonce,
            "key_id": base64.b64encode(self.key_id).decode(),
            "attestation": base64.b64encode(cbor2.dumps(statement)).decode(),
        }
