"""What the hardware of an Android phone writes about a key, into its certificate.

Only what is checked here is read; what later versions add is passed over.  Everything
comes after the signatures of the chain have been checked.

Source: Android Open Source Project, "Key and ID attestation", schema of versions 1 to
500; Android Keystore attestation challenges are bytes of the app's choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1

OID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.1.17")
"""Of the extension."""
SIGN: Final = 2
VERIFY: Final = 3
"""Purposes of a key."""
EC: Final = 3
"""Algorithm."""
P256: Final = 1
"""Curve."""
GENERATED: Final = 0
"""Origin: made inside, not brought there."""
VERIFIED: Final = 0
"""State of the boot: everything is its maker's, as signed."""
_ENUMERATED: Final = b"\x0a"
_SEQUENCE: Final = b"\x30"
_SET: Final = b"\x31"


def _tag(number: int) -> bytes:
    """Write the tag of an explicit member of a context (X.690, 8.1.2)."""
    if number < 31:
        return bytes([0xA0 | number])
    high, low = divmod(number, 128)
    return bytes([0xBF, 0x80 | high, low])


_PURPOSE: Final = _tag(1)
_ALGORITHM: Final = _tag(2)
_CURVE: Final = _tag(10)
_ALL_APPS: Final = _tag(600)
_ORIGIN: Final = _tag(702)
_ROOT_OF_TRUST: Final = _tag(704)
_APP: Final = _tag(709)


@asn1.sequence
class _Description:
    version: int
    attestation_level: asn1.TLV
    keymint_version: int
    keymint_level: asn1.TLV
    challenge: bytes
    unique_id: bytes
    software: list[asn1.TLV]
    hardware: list[asn1.TLV]


@asn1.sequence
class _RootOfTrust:
    boot_key: bytes
    is_locked: bool
    boot_state: asn1.TLV
    boot_hash: bytes | None
    """From version 3 on."""


@asn1.sequence
class _Package:
    name: bytes
    version: int


@asn1.sequence
class _App:
    packages: asn1.TLV
    digests: asn1.TLV


@asn1.sequence
class _Any:
    """A value or several on their own cannot be asked for: they stand in this."""

    values: list[asn1.TLV]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """What the hardware says; None where it says nothing."""

    attestation_level: int
    """Where this was signed: 0 software, 1 trusted environment, 2 StrongBox."""
    key_level: int
    """Where the key is."""
    challenge: bytes
    is_for_all_apps: bool
    purposes: frozenset[int]
    algorithm: int | None
    curve: int | None
    origin: int | None
    is_locked: bool
    boot_state: int | None
    packages: Sequence[str]
    digests: frozenset[bytes]
    """SHA-256 of the certificates that the app is signed with."""


def read_description(data: bytes) -> KeyDescription:
    """Read the value of the extension.

    Args:
        data: DER.

    Raises:
        ValueError: It is not of this form, or has a member twice.

    Not checked: whether what it says is good enough.
    """
    read = asn1.decode_der(_Description, data)
    hardware, software = _members(read.hardware), _members(read.software)
    root, app = hardware.get(_ROOT_OF_TRUST), software.get(_APP)
    trust = None if root is None else asn1.decode_der(_RootOfTrust, root)
    packages, digests = _app(app)
    return KeyDescription(
        attestation_level=_enumerated(read.attestation_level),
        key_level=_enumerated(read.keymint_level),
        challenge=read.challenge,
        is_for_all_apps=_ALL_APPS in hardware or _ALL_APPS in software,
        purposes=_purposes(hardware.get(_PURPOSE)),
        algorithm=_number(hardware.get(_ALGORITHM)),
        curve=_number(hardware.get(_CURVE)),
        origin=_number(hardware.get(_ORIGIN)),
        is_locked=trust is not None and trust.is_locked,
        boot_state=None if trust is None else _enumerated(trust.boot_state),
        packages=packages,
        digests=digests,
    )


def _members(given: list[asn1.TLV]) -> Mapping[bytes, bytes]:
    members = {each.tag_bytes: bytes(each.data) for each in given}
    if len(members) < len(given):
        raise ValueError("a member comes twice")
    return members


def _enumerated(given: asn1.TLV) -> int:
    if given.tag_bytes != _ENUMERATED or len(given.data) != 1:
        raise ValueError("is no small enumerated value")
    return given.data[0]


def _number(member: bytes | None) -> int | None:
    return None if member is None else asn1.decode_der(int, member)


def _purposes(member: bytes | None) -> frozenset[int]:
    if member is None:
        return frozenset()
    (purposes,) = _values(member)
    return frozenset(each.parse(int) for each in _set_of(purposes))


def _app(member: bytes | None) -> tuple[tuple[str, ...], frozenset[bytes]]:
    if member is None:
        return (), frozenset()
    app = asn1.decode_der(_App, asn1.decode_der(bytes, member))
    packages = [each.parse(_Package) for each in _set_of(app.packages)]
    digests = frozenset(each.parse(bytes) for each in _set_of(app.digests))
    return tuple(each.name.decode("utf-8") for each in packages), digests


def _set_of(given: asn1.TLV) -> list[asn1.TLV]:
    """Read a set in any order: phones do not sort as DER demands."""
    if given.tag_bytes != _SET:
        raise ValueError("is no set")
    return _values(bytes(given.data))


def _values(data: bytes) -> list[asn1.TLV]:
    return asn1.decode_der(_Any, _sequence(_sequence(data))).values


def _sequence(data: bytes) -> bytes:
    return _SEQUENCE + asn1.encode_der(data)[1:]  # the length of a string of bytes
