"""The only reader of ASN.1 here: bytes in, frozen types out.

Everything comes from a chip, or from a file of certificates, and is bounded before it
is read.  Whatever the library raises at hostile bytes becomes `Stop`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final

from asn1crypto import algos, cms, core, crl, parser, pem, x509

from issuer.epassport.results import ChipRefusal, Stop

LDS_OBJECT: Final = "2.23.136.1.1.1"
"""What a security object holds (ICAO Doc 9303-10)."""
MASTER_LIST: Final = "2.23.136.1.1.2"
"""What a master list holds (ICAO Doc 9303-12)."""
MASTER_LIST_SIGNER: Final = "2.23.136.1.1.3"
_APPLICATION: Final = 1
_SOD_TAG: Final = 23
_RAISED: Final = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What the library raises at bytes that are not what they should be."""
_FAMILIES: Final = {
    "rsassa_pkcs1v15": ("rsa", None),
    "sha224_rsa": ("rsa", "sha224"),
    "sha256_rsa": ("rsa", "sha256"),
    "sha384_rsa": ("rsa", "sha384"),
    "sha512_rsa": ("rsa", "sha512"),
    "sha224_ecdsa": ("ecdsa", "sha224"),
    "sha256_ecdsa": ("ecdsa", "sha256"),
    "sha384_ecdsa": ("ecdsa", "sha384"),
    "sha512_ecdsa": ("ecdsa", "sha512"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """How something was signed."""

    family: str
    """``rsa``, ``pss`` or ``ecdsa``."""
    hash_name: str | None
    """None where the signature does not say; then the digest's counts."""
    mask_hash: str | None = None
    salt_length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A curve as it is written out: field, coefficients, base point and order."""

    p: int
    a: int
    b: int
    base: bytes
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """A public key as it stands in a certificate; not yet known to be any good."""

    kind: str
    modulus: int = 0
    exponent: int = 0
    curve: str | Curve = ""
    """Its object identifier, or the curve written out."""
    point: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is needed of a certificate."""

    der: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    algorithm: Algorithm
    issuer: str
    """Normalised, to be compared."""
    subject: str
    serial: int
    country: str | None
    """``C`` of the subject, in capitals."""
    not_before: datetime
    not_after: datetime
    usage: frozenset[str]
    purposes: frozenset[str]
    is_authority: bool
    key_id: bytes | None
    issuer_key_id: bytes | None
    unknown_critical: frozenset[str]
    key: KeyInfo = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signed object of one signer, unverified."""

    content: bytes = field(repr=False)
    certificates: tuple[Certificate, ...]
    signer: Certificate | None
    """The certificate that the signature names, if it is there."""
    digest_name: str
    attributes: bytes = field(repr=False)
    """What was signed."""
    content_type: str | None
    message_digest: bytes | None
    signed_at: datetime | None
    algorithm: Algorithm
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LdsObject:
    """The digests of a passport's files."""

    hash_name: str
    digests: Mapping[int, bytes]
    """By number of the data group."""
    lds_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """Whose certificates are revoked, unverified."""

    issuer: str
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    algorithm: Algorithm
    next_update: datetime | None
    serials: frozenset[int]


class _DataGroupHash(core.Sequence):
    _fields: ClassVar[Any] = [("number", core.Integer), ("digest", core.OctetString)]


class _DataGroupHashes(core.SequenceOf):
    _child_spec = _DataGroupHash


class _LdsVersionInfo(core.Sequence):
    _fields: ClassVar[Any] = [
        ("lds_version", core.PrintableString),
        ("unicode_version", core.PrintableString),
    ]


class _LdsSecurityObject(core.Sequence):
    _fields: ClassVar[Any] = [
        ("version", core.Integer),
        ("hash_algorithm", algos.DigestAlgorithm),
        ("hashes", _DataGroupHashes),
        ("lds_version", _LdsVersionInfo, {"optional": True}),
    ]


class _Certificates(core.SetOf):
    _child_spec = x509.Certificate


class _MasterList(core.Sequence):
    _fields: ClassVar[Any] = [
        ("version", core.Integer),
        ("certificates", _Certificates),
    ]


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except _RAISED as error:
        raise Stop(ChipRefusal.MALFORMED, f"{what}: {type(error).__name__}") from error


def parse_file(data: bytes, tag: int, what: str) -> bytes:
    """Return what is in a file of the chip; ``tag`` is of class application."""
    with _reading(what):
        kind, _, number, _, content, _ = parser.parse(data, strict=True)
    if (kind, number) != (_APPLICATION, tag):
        raise Stop(ChipRefusal.MALFORMED, f"{what}: another tag")
    return bytes(content)


def parse_sod(data: bytes) -> Signed:
    """Read EF.SOD."""
    return parse_signed(parse_file(data, _SOD_TAG, "SOD"), LDS_OBJECT, "SOD")


def parse_signed(data: bytes, content_type: str, what: str) -> Signed:
    """Read a CMS object that one signer has signed, with attributes."""
    with _reading(what):
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].native != "signed_data":
            raise ValueError("not signed data")
        signed = info["content"]
        held = signed["encap_content_info"]
        if held["content_type"].dotted != content_type:
            raise ValueError("of another content")
        (signer,) = signed["signer_infos"]
        certificates = tuple(
            _certificate(each.chosen)
            for each in signed["certificates"] or ()
            if each.name == "certificate"
        )
        attributes = {
            each["type"].dotted: each["values"] for each in signer["signed_attrs"]
        }
        return Signed(
            content=bytes(held["content"].native),
            certificates=certificates,
            signer=_named(signer["sid"], certificates),
            digest_name=_hash_name(signer["digest_algorithm"]),
            attributes=signer["signed_attrs"].untag().dump(),
            content_type=_only(attributes, "1.2.840.113549.1.9.3", "dotted"),
            message_digest=_only(attributes, "1.2.840.113549.1.9.4", "native"),
            signed_at=_only(attributes, "1.2.840.113549.1.9.5", "native"),
            algorithm=_algorithm(signer["signature_algorithm"]),
            signature=bytes(signer["signature"].native),
        )


def parse_lds(content: bytes) -> LdsObject:
    """Read what a security object says of the files."""
    with _reading("LDS security object"):
        found = _LdsSecurityObject.load(content, strict=True)
        info = found["lds_version"]
        has_version = info.native is not None
        if found["version"].native not in (0, 1):
            raise ValueError("of another version")
        pairs = [
            (int(each["number"].native), bytes(each["digest"].native))
            for each in found["hashes"]
        ]
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a data group twice")
        return LdsObject(
            hash_name=_hash_name(found["hash_algorithm"]),
            digests=MappingProxyType(dict(pairs)),
            lds_version=str(info["lds_version"].native) if has_version else None,
        )


def parse_certificates(data: bytes) -> list[Certificate]:
    """Read one certificate in DER, or any number of them in PEM."""
    with _reading("certificates"):
        if not pem.detect(data):
            return [_certificate(x509.Certificate.load(data, strict=True))]
        every = [der for _, _, der in pem.unarmor(data, multiple=True)]
        return [_certificate(x509.Certificate.load(der, strict=True)) for der in every]


def parse_certificate(der: bytes) -> Certificate:
    """Read one certificate."""
    with _reading("certificate"):
        return _certificate(x509.Certificate.load(der, strict=True))


def parse_master_list(content: bytes) -> list[bytes]:
    """Return the certificates of a master list, each as it stands there."""
    with _reading("master list"):
        found = _MasterList.load(content, strict=True)
        return [bytes(each.dump()) for each in found["certificates"]]


def parse_revocations(der: bytes) -> RevocationList:
    """Read a list of revoked certificates."""
    with _reading("revocation list"):
        found = crl.CertificateList.load(der, strict=True)
        body = found["tbs_cert_list"]
        return RevocationList(
            issuer=str(body["issuer"].hashable),
            signed=bytes(body.dump()),
            signature=bytes(found["signature"].native),
            algorithm=_algorithm(found["signature_algorithm"]),
            next_update=body["next_update"].native,
            serials=frozenset(
                int(each["user_certificate"].native)
                for each in body["revoked_certificates"] or ()
            ),
        )


def _certificate(found: Any) -> Certificate:
    body = found["tbs_certificate"]
    basic = found.basic_constraints_value
    purposes = found.extended_key_usage_value
    known = {"key_usage", "basic_constraints", "extended_key_usage"}
    country = found.subject.native.get("country_name")
    return Certificate(
        der=bytes(found.dump()),
        signed=bytes(body.dump()),
        signature=bytes(found["signature_value"].native),
        algorithm=_algorithm(found["signature_algorithm"]),
        issuer=str(found.issuer.hashable),
        subject=str(found.subject.hashable),
        serial=int(found.serial_number),
        country=country.upper() if isinstance(country, str) else None,
        not_before=found.not_valid_before,
        not_after=found.not_valid_after,
        usage=frozenset(found.key_usage_value.native if found.key_usage_value else ()),
        purposes=frozenset(each.dotted for each in purposes or ()),
        is_authority=bool(basic and basic["ca"].native),
        key_id=found.key_identifier,
        issuer_key_id=found.authority_key_identifier,
        unknown_critical=frozenset(found.critical_extensions) - known,
        key=_key_info(body["subject_public_key_info"]),
    )


def _key_info(info: Any) -> KeyInfo:
    kind = str(info["algorithm"]["algorithm"].native)
    if kind in {"rsa", "rsassa_pss"}:
        numbers = info["public_key"].parsed
        return KeyInfo(
            kind="rsa",
            modulus=int(numbers["modulus"].native),
            exponent=int(numbers["public_exponent"].native),
        )
    if kind != "ec":
        return KeyInfo(kind=kind)
    parameters = info["algorithm"]["parameters"]
    curve: str | Curve = ""
    if parameters.name == "named":
        curve = str(parameters.chosen.dotted)
    elif parameters.name == "specified":
        curve = _curve(parameters.chosen)
    return KeyInfo(kind="ec", curve=curve, point=bytes(info["public_key"].native))


def _curve(domain: Any) -> Curve:
    if domain["field_id"]["field_type"].native != "prime_field":
        return Curve(p=0, a=0, b=0, base=b"", order=0)  # none that is known
    return Curve(
        p=int(domain["field_id"]["parameters"].native),
        a=int.from_bytes(domain["curve"]["a"].native),
        b=int.from_bytes(domain["curve"]["b"].native),
        base=bytes(domain["base"].native),
        order=int(domain["order"].native),
    )


def _algorithm(found: Any) -> Algorithm:
    name = str(found["algorithm"].native)
    if name == "rsassa_pss":
        given = found["parameters"]
        return Algorithm(
            family="pss",
            hash_name=_hash_name(given["hash_algorithm"]),
            mask_hash=_hash_name(given["mask_gen_algorithm"]["parameters"]),
            salt_length=int(given["salt_length"].native),
        )
    family, hash_name = _FAMILIES.get(name, (name, None))
    return Algorithm(family=family, hash_name=hash_name)


def _hash_name(found: Any) -> str:
    return str(found["algorithm"].native)


def _named(sid: Any, certificates: tuple[Certificate, ...]) -> Certificate | None:
    if sid.name == "subject_key_identifier":
        wanted = sid.chosen.native
        return next((each for each in certificates if each.key_id == wanted), None)
    issuer = str(sid.chosen["issuer"].hashable)
    serial = int(sid.chosen["serial_number"].native)
    return next(
        (
            each
            for each in certificates
            if (each.issuer, each.serial) == (issuer, serial)
        ),
        None,
    )


def _only(attributes: Mapping[str, Any], name: str, how: str) -> Any:
    if name not in attributes:
        return None
    (value,) = attributes[name]
    return getattr(value, how)
