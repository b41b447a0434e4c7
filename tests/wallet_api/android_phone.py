"""An Android phone whose hardware attests keys, with a maker and a root of its own.

hardware = Hardware()
hardware.root_pem                        # for the settings
hardware.attest(nonce)                   # leaf, phone, maker, root; in base64
hardware.attest(nonce, origin=2)         # the same, but the key was imported

The extension is written byte by byte here, by the published schema.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from issuer.jws import new_private_key
from tests.simulator import NOW

OID = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17")
APP = "org.example.wallet"
DIGEST = bytes(range(32))
_DAY = timedelta(days=1)


def tlv(tag: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    if len(data) < 128:
        return tag + bytes([len(data)]) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return tag + bytes([0x80 | len(length)]) + length + data


def integer(value: int) -> bytes:
    return tlv(b"\x02", value.to_bytes(value.bit_length() // 8 + 1, "big"))


def enumerated(value: int) -> bytes:
    return tlv(b"\x0a", bytes([value]))


def octets(value: bytes) -> bytes:
    return tlv(b"\x04", value)


def sequence(*members: bytes) -> bytes:
    return tlv(b"\x30", *members)


def set_of(*members: bytes) -> bytes:
    return tlv(b"\x31", *members)


def explicit(number: int, content: bytes) -> bytes:
    if number < 31:
        return tlv(bytes([0xA0 + number]), content)
    return tlv(bytes([0xBF, 0x80 + number // 128, number % 128]), content)


def root_of_trust(*, is_locked: bool = True, state: int = 0) -> bytes:
    locked = tlv(b"\x01", b"\xff" if is_locked else b"\x00")
    return sequence(octets(bytes(32)), locked, enumerated(state), octets(bytes(32)))


def app(
    packages: Sequence[str] = (APP,), digests: Sequence[bytes] = (DIGEST,)
) -> bytes:
    names = [sequence(octets(each.encode()), integer(7)) for each in packages]
    return octets(sequence(set_of(*names), set_of(*map(octets, digests))))


NULL = b"\x05\x00"


def description(challenge: bytes, **changed: Any) -> bytes:
    """Write what a good phone says; a member that is changed to None is left out."""
    said: dict[str, Any] = {
        "attestation_level": 1, "key_level": 1, "purposes": (3, 2), "algorithm": 3,
        "curve": 1, "origin": 0, "root": root_of_trust(), "app": app(),
        "all_apps": None, "all_apps_by_software": None, "more": b"",
    }  # fmt: skip
    assert changed.keys() <= said.keys()
    said.update(changed)
    purposes = said["purposes"]
    hardware = [
        None if purposes is None else explicit(1, set_of(*map(integer, purposes))),
        _number(2, said["algorithm"]),
        explicit(3, integer(256)),
        _number(10, said["curve"]),
        None if said["all_apps"] is None else explicit(600, NULL),
        _number(702, said["origin"]),
        None if said["root"] is None else explicit(704, said["root"]),
        explicit(705, integer(160_000)),
        said["more"],
    ]
    software = [
        None if said["all_apps_by_software"] is None else explicit(600, NULL),
        explicit(701, integer(1_758_900_680_964)),
        None if said["app"] is None else explicit(709, said["app"]),
    ]
    return sequence(
        integer(300), enumerated(said["attestation_level"]),
        integer(300), enumerated(said["key_level"]),
        octets(challenge), octets(b""),
        sequence(*filter(None, software)), sequence(*filter(None, hardware)),
    )  # fmt: skip


def _number(tag: int, value: int | None) -> bytes | None:
    return None if value is None else explicit(tag, integer(value))


def name(text: str, *, serial: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, text)]
    if serial is not None:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
    return x509.Name(parts)


@dataclass(slots=True, kw_only=True)
class Link:
    """One certificate of a chain, and its key."""

    subject: x509.Name
    key: Any = field(default_factory=new_private_key)
    serial: int = field(default_factory=x509.random_serial_number)
    begins: datetime = NOW - 10 * _DAY
    ends: datetime = NOW + 10 * _DAY
    is_authority: bool | None = True
    path_length: int | None = None
    extension: bytes | None = None
    oid: x509.ObjectIdentifier = OID

    def signed_by(self, parent: "Link", *, issuer: x509.Name | None = None) -> Any:
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer or parent.subject)
            .public_key(self.key.public_key())
            .serial_number(self.serial)
            .not_valid_before(self.begins)
            .not_valid_after(self.ends)
        )
        if self.is_authority is not None:
            length = self.path_length if self.is_authority else None
            limits = x509.BasicConstraints(ca=self.is_authority, path_length=length)
            builder = builder.add_extension(limits, critical=True)
        if self.extension is not None:
            more = x509.UnrecognizedExtension(self.oid, self.extension)
            builder = builder.add_extension(more, critical=False)
        return builder.sign(parent.key, hashes.SHA256())


def text_of(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


@dataclass(slots=True, kw_only=True)
class Hardware:
    """Whoever makes phones: change a link, and everything below is signed anew."""

    root: Link = field(default_factory=lambda: Link(subject=name("Root")))
    maker: Link = field(default_factory=lambda: Link(subject=name("Maker")))
    phone: Link = field(
        default_factory=lambda: Link(subject=name("TEE"), is_authority=None)
    )
    key: Any = field(default_factory=new_private_key)
    """Of the card."""

    @property
    def root_pem(self) -> bytes:
        pem: bytes = self.root.signed_by(self.root).public_bytes(Encoding.PEM)
        return pem

    def leaf(self, extension: bytes | None) -> Link:
        # As Android's own: its dates say nothing.
        return Link(
            subject=name("Android Keystore Key"), key=self.key, serial=1,
            begins=datetime(1970, 1, 1, tzinfo=NOW.tzinfo),
            ends=datetime(1980, 1, 1, tzinfo=NOW.tzinfo),
            is_authority=None, extension=extension,
        )  # fmt: skip

    def certificates(self, leaf: Link) -> list[x509.Certificate]:
        return [
            leaf.signed_by(self.phone),
            self.phone.signed_by(self.maker),
            self.maker.signed_by(self.root),
            self.root.signed_by(self.root),
        ]

    def attest(self, nonce: str | bytes, **changed: Any) -> list[str]:
        challenge = nonce.encode() if isinstance(nonce, str) else nonce
        leaf = self.leaf(description(challenge, **changed))
        return [text_of(each) for each in self.certificates(leaf)]
