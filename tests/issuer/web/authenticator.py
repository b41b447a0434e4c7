"""A passkey in software: it answers as the browser would, honestly or not."""

import base64
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(slots=True, kw_only=True)
class Authenticator:
    """Each answer may be told to lie in one thing."""

    origin: str = "http://localhost"
    domain: str = "localhost"
    credential_id: bytes = b"c" * 32
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def make(self, question: str, *, flags: int = PRESENT | VERIFIED) -> str:
        public = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32),
                            -3: public.y.to_bytes(32)})  # fmt: skip
        data = self._data(flags | ATTESTED) + bytes(16)
        data += len(self.credential_id).to_bytes(2) + self.credential_id + cose
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        client = self._client("webauthn.create", question)
        return self._answer(
            clientDataJSON=text(client),
            attestationObject=text(cbor2.dumps(attestation)),
        )

    def show(
        self,
        question: str,
        *,
        flags: int = PRESENT | VERIFIED,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> str:
        self.count += 1
        data, client = self._data(flags), self._client("webauthn.get", question)
        signed = (key or self.key).sign(
            data + sha256(client).digest(), ec.ECDSA(hashes.SHA256())
        )
        return self._answer(
            clientDataJSON=text(client),
            authenticatorData=text(data),
            signature=text(signed),
        )

    def _data(self, flags: int) -> bytes:
        return sha256(self.domain.encode()).digest() + bytes([flags]) + \
            self.count.to_bytes(4)  # fmt: skip

    def _client(self, kind: str, question: str) -> bytes:
        challenge: Any = json.loads(question)["challenge"]
        return json.dumps(
            {"type": kind, "challenge": challenge, "origin": self.origin}
        ).encode()

    def _answer(self, **response: str) -> str:
        name = text(self.credential_id)
        return json.dumps(
            {"id": name, "rawId": name, "type": "public-key", "response": response}
        )
