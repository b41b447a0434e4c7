"""A state's certificates and the files of its passports, put together by hand.

Every byte of ASN.1 is written here, with no library that reads it.  All is right by
default; a test changes one thing.  The keys are of published texts and protect nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.mrz_builder import build_td3

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
SIGNED_AT = datetime(2027, 5, 6, 9, tzinfo=UTC)
YEAR = timedelta(days=365)
SHA = {"sha224": 4, "sha256": 1, "sha384": 2, "sha512": 3}
"""Last number of each hash under 2.16.840.1.101.3.4.2."""
OIDS = {
    "P-256": "1.2.840.10045.3.1.7",
    "P-384": "1.3.132.0.34",
    "P-521": "1.3.132.0.35",
    "brainpoolP256r1": "1.3.36.3.3.2.8.1.1.7",
    "brainpoolP384r1": "1.3.36.3.3.2.8.1.1.11",
    "brainpoolP512r1": "1.3.36.3.3.2.8.1.1.13",
}
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}
P256 = (
    0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    -3,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
)
BRAINPOOL256 = (
    0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
    0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9,
    0x26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6,
    0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
)
WRITTEN_OUT = {"P-256": P256, "brainpoolP256r1": BRAINPOOL256}

# ---------------------------------------------------------------- DER


def tlv(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    size = len(data)
    if size < 128:
        length = bytes([size])
    else:
        count = (size.bit_length() + 7) // 8
        length = bytes([0x80 | count]) + size.to_bytes(count)
    head = bytes([tag]) if tag < 256 else tag.to_bytes(2)
    return head + length + data


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *sorted(parts))


def num(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def octets(data: bytes) -> bytes:
    return tlv(0x04, data)


def bits(data: bytes, unused: int = 0) -> bytes:
    return tlv(0x03, bytes([unused]) + data)


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    body = b""
    for each in (first * 40 + second, *rest):
        chunk = [each & 127]
        while each := each >> 7:
            chunk.append(each & 127 | 128)
        body += bytes(reversed(chunk))
    return tlv(0x06, body)


def printable(text: str) -> bytes:
    return tlv(0x13, text.encode())


def moment(at: datetime) -> bytes:
    if at.year < 2050:
        return tlv(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())


NULL = b"\x05\x00"
TRUE = b"\x01\x01\xff"


def hash_oid(name: str) -> bytes:
    if name == "sha1":
        return oid("1.3.14.3.2.26")
    return oid(f"2.16.840.1.101.3.4.2.{SHA[name]}")


def hash_algorithm(name: str) -> bytes:
    return seq(hash_oid(name), NULL)


# ---------------------------------------------------------------- keys


@cache
def rsa_key(name: str, size: int = 2048) -> rsa.RSAPrivateKey:
    """A key of its own in every run: nobody can fix how one is drawn."""
    assert name
    return rsa.generate_private_key(65537, size)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A key, how it signs and how it stands in a certificate."""

    name: str
    kind: str = "ecdsa"
    """Or ``rsa``, ``pss``."""
    curve: str = "P-256"
    hash_name: str = "sha256"
    is_written_out: bool = False
    changed: Mapping[str, int] = field(default_factory=dict)
    """Of the curve that is written out: p, a, b or order."""
    base: int = 1
    """The base point that is written out, in terms of the curve's own."""
    bits: int = 2048
    salt: int = 32
    said_salt: int | None = None
    """In the signature algorithm of PSS, where it is another."""
    said_exponent: int | None = None
    """In the key of RSA, where it is another."""
    names_hash: bool = True
    """Whether the signature algorithm of RSA says which hash."""

    @property
    def private(self) -> Any:
        if self.kind != "ecdsa":
            return rsa_key(self.name, self.bits)
        number = int.from_bytes(hashlib.sha512(self.name.encode()).digest()) >> 280
        return ec.derive_private_key(number + 1, CURVES[self.curve])

    def sign(self, data: bytes) -> bytes:
        hash_ = hash_class(self.hash_name)
        if self.kind == "ecdsa":
            way = ec.ECDSA(hash_, deterministic_signing=True)
            signed: bytes = self.private.sign(data, way)
        elif self.kind == "pss":
            scheme = padding.PSS(mgf=padding.MGF1(hash_), salt_length=self.salt)
            signed = self.private.sign(data, scheme, hash_)
        else:
            signed = self.private.sign(data, padding.PKCS1v15(), hash_)
        return signed

    @property
    def algorithm(self) -> bytes:
        if self.kind == "ecdsa":
            last = {"sha1": "1", "sha224": "3.1", "sha256": "3.2"} | {
                "sha384": "3.3",
                "sha512": "3.4",
            }
            return seq(oid(f"1.2.840.10045.4.{last[self.hash_name]}"))
        if self.kind == "pss":
            hash_ = hash_algorithm(self.hash_name)
            mask = seq(oid("1.2.840.113549.1.1.8"), hash_)
            salt = self.salt if self.said_salt is None else self.said_salt
            given = seq(tlv(0xA0, hash_), tlv(0xA1, mask), tlv(0xA2, num(salt)))
            return seq(oid("1.2.840.113549.1.1.10"), given)
        if not self.names_hash:
            return seq(oid("1.2.840.113549.1.1.1"), NULL)
        number = {"sha1": 5, "sha224": 14, "sha256": 11, "sha384": 12, "sha512": 13}
        return seq(oid(f"1.2.840.113549.1.1.{number[self.hash_name]}"), NULL)

    @property
    def info(self) -> bytes:
        """SubjectPublicKeyInfo."""
        numbers = self.private.public_key().public_numbers()
        if self.kind != "ecdsa":
            key = seq(num(numbers.n), num(self.said_exponent or numbers.e))
            return seq(seq(oid("1.2.840.113549.1.1.1"), NULL), bits(key))
        point = encoded(numbers, CURVES[self.curve])
        curve = self.domain if self.is_written_out else oid(OIDS[self.curve])
        return seq(seq(oid("1.2.840.10045.2.1"), curve), bits(point))

    @property
    def domain(self) -> bytes:
        curve = CURVES[self.curve]
        size = (curve.key_size + 7) // 8
        known = dict(
            zip(("p", "a", "b", "order"), WRITTEN_OUT[self.curve], strict=True)
        )
        of = known | dict(self.changed)
        a = of["a"] % of["p"]
        base = ec.derive_private_key(self.base, curve).public_key().public_numbers()
        return seq(
            num(1),
            seq(oid("1.2.840.10045.1.1"), num(of["p"])),
            seq(octets(a.to_bytes(size)), octets(of["b"].to_bytes(size))),
            octets(encoded(base, curve)),
            num(of["order"]),
            num(1),
        )

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.info).digest()[:20]


def hash_class(name: str) -> hashes.HashAlgorithm:
    every: dict[str, hashes.HashAlgorithm] = {
        "sha1": hashes.SHA1(),  # noqa: S303  # to see that it is refused
        "sha224": hashes.SHA224(),
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    return every[name]


def encoded(numbers: ec.EllipticCurvePublicNumbers, curve: ec.EllipticCurve) -> bytes:
    size = (curve.key_size + 7) // 8
    return b"\x04" + numbers.x.to_bytes(size) + numbers.y.to_bytes(size)


# ---------------------------------------------------------------- certificates


def name(country: str | None, common: str) -> bytes:
    parts = [(oid("2.5.4.3"), tlv(0x0C, common.encode()))]
    if country:
        parts.insert(0, (oid("2.5.4.6"), printable(country)))
    return seq(*(set_of(seq(*each)) for each in parts))


def extension(number: str, value: bytes, *, critical: bool = False) -> bytes:
    return seq(oid(number), TRUE if critical else b"", octets(value))


@dataclass(frozen=True, kw_only=True)
class Cert:
    """A certificate; ``by`` signs it, itself if that is None."""

    pair: Pair
    country: str | None = "AU"
    common: str = "Country Signer"
    by: "Cert | None" = None
    serial: int = 7
    not_before: datetime = SIGNED_AT - 2 * YEAR
    not_after: datetime = SIGNED_AT + 12 * YEAR
    usage: int | None = 0x06
    """Bits of the key usage: 0x80 signs, 0x04 certifies, 0x02 revokes."""
    is_authority: bool = True
    purposes: Sequence[str] = ()
    has_key_ids: bool = True
    extra: bytes = b""

    @property
    def above(self) -> "Cert":
        return self.by or self

    @property
    def subject(self) -> bytes:
        return name(self.country, self.common)

    @property
    def der(self) -> bytes:
        body = self.body
        signed = self.above.pair.sign(body)
        return seq(body, self.above.pair.algorithm, bits(signed))

    @property
    def body(self) -> bytes:
        return seq(
            tlv(0xA0, num(2)),
            num(self.serial),
            self.above.pair.algorithm,
            self.above.subject,
            seq(moment(self.not_before), moment(self.not_after)),
            self.subject,
            self.pair.info,
            tlv(0xA3, seq(*self.extensions)),
        )

    @property
    def extensions(self) -> list[bytes]:
        found = []
        if self.usage is not None:
            usage = bits(bytes([self.usage]), 1)
            found.append(extension("2.5.29.15", usage, critical=True))
        if self.is_authority:
            found.append(extension("2.5.29.19", seq(TRUE), critical=True))
        if self.purposes:
            found.append(extension("2.5.29.37", seq(*map(oid, self.purposes))))
        if self.has_key_ids:
            found.append(extension("2.5.29.14", octets(self.pair.key_id)))
            above = seq(tlv(0x80, self.above.pair.key_id))
            found.append(extension("2.5.29.35", above))
        return [*found, self.extra]


CSCA = Cert(pair=Pair(name="AUS csca"))
SIGNER = Cert(
    pair=Pair(name="AUS ds"),
    common="Document Signer 1",
    by=CSCA,
    serial=1001,
    not_before=SIGNED_AT - timedelta(days=30),
    not_after=SIGNED_AT + 11 * YEAR,
    usage=0x80,
    is_authority=False,
)

# ---------------------------------------------------------------- a passport's files


def dg1(lines: str) -> bytes:
    return tlv(0x61, tlv(0x5F1F, lines.replace("\n", "").encode()))


LINES = build_td3(
    country="AUS",
    number="PA1234567",
    family_name="CITIZEN",
    given_name="JANE MARY",
    nationality="AUS",
    birthdate="850314",
    sex="F",
    expiry="340506",
)
DG2 = tlv(0x75, tlv(0x7F61, b"a portrait would be here" * 500))


@dataclass(frozen=True, kw_only=True)
class Sod:
    """A security object; ``changes`` replace parts of it."""

    signer: Cert = SIGNER
    files: Mapping[int, bytes] = field(default_factory=lambda: {1: dg1(LINES), 2: DG2})
    hash_name: str = "sha256"
    digest_name: str = "sha256"
    version: int = 0
    lds: tuple[str, str] | None = None
    signed_at: datetime | None = SIGNED_AT
    held: Sequence[Cert] | None = None
    """Certificates in it; the signer's."""
    content_type: str = "2.23.136.1.1.1"
    said_type: str | None = None
    """In the signed attributes, where it is another."""
    by_key_id: bool = False
    message_digest: bytes | None = None
    spoil: bool = False
    """Change a bit of the signature."""
    content: bytes | None = None

    @property
    def lds_object(self) -> bytes:
        pairs = [
            seq(num(number), octets(digest(self.hash_name, data)))
            for number, data in self.files.items()
        ]
        info = seq(*map(printable, self.lds)) if self.lds else b""
        return seq(num(self.version), hash_algorithm(self.hash_name), seq(*pairs), info)

    @property
    def cms(self) -> bytes:
        content = self.lds_object if self.content is None else self.content
        told = self.message_digest or digest(self.digest_name, content)
        attributes = [
            attribute("1.2.840.113549.1.9.3", oid(self.said_type or self.content_type)),
            attribute("1.2.840.113549.1.9.4", octets(told)),
        ]
        if self.signed_at:
            attributes.append(attribute("1.2.840.113549.1.9.5", moment(self.signed_at)))
        signed = set_of(*attributes)
        signature = bytearray(self.signer.pair.sign(signed))
        signature[-1] ^= self.spoil
        certificates = [self.signer] if self.held is None else self.held
        who = seq(self.signer.above.subject, num(self.signer.serial))
        if self.by_key_id:
            who = tlv(0x80, self.signer.pair.key_id)
        info = seq(
            num(3 if self.by_key_id else 1),
            who,
            hash_algorithm(self.digest_name),
            b"\xa0" + signed[1:],
            self.signer.pair.algorithm,
            octets(bytes(signature)),
        )
        body = seq(
            num(3),
            tlv(0x31, hash_algorithm(self.digest_name)),
            seq(oid(self.content_type), tlv(0xA0, octets(content))),
            tlv(0xA0, *(each.der for each in certificates)) if certificates else b"",
            tlv(0x31, info),
        )
        return seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, body))

    @property
    def der(self) -> bytes:
        return tlv(0x77, self.cms)


def attribute(kind: str, value: bytes) -> bytes:
    return seq(oid(kind), tlv(0x31, value))


def digest(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def master_list(certificates: Sequence[bytes], signer: Cert, **changes: Any) -> bytes:
    """A signed list of certificates."""
    content = seq(num(0), tlv(0x31, *certificates))
    return Sod(
        signer=signer, content_type="2.23.136.1.1.2", content=content, **changes
    ).cms


def revocations(authority: Cert, *serials: int, key: Pair | None = None) -> bytes:
    """A list of what an authority has revoked."""
    pair = key or authority.pair
    each = [seq(num(serial), moment(SIGNED_AT)) for serial in serials]
    body = seq(
        num(1),
        pair.algorithm,
        authority.subject,
        moment(SIGNED_AT),
        moment(SIGNED_AT + YEAR),
        seq(*each) if each else b"",
    )
    return seq(body, pair.algorithm, bits(pair.sign(body)))


LAST_DAY = date(2034, 5, 6)
