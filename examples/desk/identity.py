"""Who asks: a certificate and its key, and requests signed with them.

Source: OpenID4VP 1.0, sections 5 and 5.9.3; RFC 9101; RFC 7515, section 4.1.6.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from issuer.jws import (
    PrivateKey,
    b64u,
    canonical,
    is_p256,
    new_private_key,
    sign_es256,
    signing_input,
)

REQUEST_TYPE: Final = "oauth-authz-req+jwt"
KEY_FILE: Final = "desk-key.pem"
CHAIN_FILE: Final = "desk.pem"
ROOT_FILE: Final = "root.pem"
_TRIAL_LIFE: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A desk's key, and the certificates that say whose it is.

    Raises:
        ValueError: The key is none on P-256, or is not that of the first certificate.
    """

    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    """The desk's own first, then whose it was signed with; not the root, which a
    wallet must have from elsewhere."""

    def __post_init__(self) -> None:
        if not is_p256(self.key) or not self.chain:
            raise ValueError("a desk has a key on P-256 and a certificate")
        if self.chain[0].public_key() != self.key.public_key():
            raise ValueError("the certificate is of another key")

    @property
    def client_id(self) -> str:
        """The name in requests, which a phone's proof is made for."""
        return f"x509_hash:{b64u(sha256(_der(self.chain[0])).digest())}"

    def sign(self, claims: Mapping[str, object]) -> str:
        """Sign a request."""
        chain = [base64.b64encode(_der(each)).decode() for each in self.chain]
        header = {"alg": "ES256", "typ": REQUEST_TYPE, "x5c": chain}
        text = signing_input(canonical(header), canonical(claims))
        return f"{text}.{b64u(sign_es256(self.key, text.encode()))}"

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a key and its certificates, in PEM.

        Raises:
            OSError, ValueError: A file cannot be read, or holds something else.
        """
        key = load_pem_private_key((folder / KEY_FILE).read_bytes(), password=None)
        if not isinstance(key, PrivateKey):
            raise ValueError(f"{KEY_FILE} holds no key on P-256")
        chain = x509.load_pem_x509_certificates((folder / CHAIN_FILE).read_bytes())
        return cls(key=key, chain=tuple(chain))


def make_trial(name: str, *, now: datetime) -> tuple[Identity, x509.Certificate]:
    """Make a desk for trials, and the root that vouches for it.

    A real desk has its certificate from an authority that wallets know.  The root's
    key is forgotten at once: nobody else is vouched for.

    Args:
        name: Of the house, as a holder will read it.
        now: This moment; the certificates are good for 90 days.
    """
    root_key, key = new_private_key(), new_private_key()
    root_name, desk_name = _name(f"{name} trial root"), _name(name)
    root = _sign(_unsigned(root_name, root_name, root_key, now), root_key, root_key, 0)
    desk = _sign(_unsigned(desk_name, root_name, key, now), key, root_key, None)
    return Identity(key=key, chain=(desk,)), root


def write_trial(folder: Path, name: str, *, now: datetime) -> None:
    """Write what `make_trial` makes; the key for its owner's eyes only.

    Raises:
        FileExistsError: There is a key already.
        OSError: A file cannot be written.
    """
    identity, root = make_trial(name, now=now)
    folder.mkdir(parents=True, exist_ok=True)
    pem = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(folder / KEY_FILE, flags, 0o600), "wb") as file:
        file.write(pem)
    chain = b"".join(each.public_bytes(Encoding.PEM) for each in identity.chain)
    (folder / CHAIN_FILE).write_bytes(chain)
    (folder / ROOT_FILE).write_bytes(root.public_bytes(Encoding.PEM))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _TRIAL_LIFE)
    )


def _sign(
    builder: x509.CertificateBuilder,
    key: PrivateKey,
    by: PrivateKey,
    path_length: int | None,
) -> x509.Certificate:
    """Sign with a root's key: a root where it may have a path, and else a desk."""
    is_root = path_length is not None
    usage = x509.KeyUsage(
        digital_signature=not is_root,
        key_cert_sign=is_root,
        crl_sign=is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    return (
        builder.add_extension(
            x509.BasicConstraints(ca=is_root, path_length=path_length), critical=True
        )
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .add_extension(above, critical=False)
        .sign(by, hashes.SHA256())
    )
