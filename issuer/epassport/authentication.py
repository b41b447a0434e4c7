"""Passive authentication: was this data signed for a passport, by its state?

Source: ICAO Doc 9303, part 11, section 5; parts 10 and 12 for the files and the
certificates.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Final

from issuer.epassport import _asn1
from issuer.epassport._asn1 import LdsObject
from issuer.epassport._chain import authority_of, check_not_revoked, check_signature
from issuer.epassport._keys import digest
from issuer.epassport.anchors import Anchors
from issuer.epassport.results import ChipRefusal, Proved, Refused, Stop
from verifier import FieldMatch, MrzError, Passport, compare

MAX_SOD: Final = 64 * 2**10
"""Bytes; with two certificates it has less than five thousand."""
MAX_DG1: Final = 1_024
MAX_DG2: Final = 512 * 2**10
"""Bytes; portraits have twenty to sixty thousand."""
_DG1, _DG2 = 1, 2
_DG1_TAG, _DG2_TAG, _LINES_TAG = 1, 21, 31
_LINES = re.compile(r"[A-Z0-9<]{72}|[A-Z0-9<]{88}|[A-Z0-9<]{90}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """Three files of a passport's chip, as they were read from it."""

    sod: bytes
    dg1: bytes
    dg2: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The passport as it was entered."""

    country: str
    number: str
    family_name: str
    """As in the machine-readable lines; likewise the given names."""
    given_name: str
    nationality: str
    birthdate: date
    expires_on: date


def authenticate(
    chip: Chip, *, anchors: Anchors, expected: Typed | None, now: datetime
) -> Proved | Refused:
    """Check that a state has signed what was read from a chip.

    Args:
        chip: EF.SOD (at most 65,536 bytes), data group 1 (1,024) and 2 (524,288).
        anchors: Trusted authorities.
        expected: The passport that it should be. None: nothing was typed.
        now: The moment of the check, timezone-aware.

    Returns:
        `Proved` with what the chip says of the passport, or `Refused` with the first
        check that failed. No bytes of a chip raise.

    Raises:
        ValueError: ``now`` is naive.

    Not checked: that this is the chip that the data was written to (no active or chip
    authentication: a copy passes); the portrait, beyond that it is the one that was
    signed; other data groups; revocation, unless ``anchors`` has lists.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be timezone-aware")
    try:
        return _prove(chip, anchors, expected, now)
    except Stop as stop:
        return Refused(stop.code, stop.detail)


def _prove(
    chip: Chip, anchors: Anchors, expected: Typed | None, now: datetime
) -> Proved:
    _check_sizes(chip)
    signed = _asn1.parse_sod(chip.sod)
    signer = check_signature(signed, _asn1.LDS_OBJECT)
    authority = authority_of(
        signer, anchors.certificates, at=signed.signed_at or signer.not_before, now=now
    )
    check_not_revoked(signer, authority, anchors.revocations)
    lds = _asn1.parse_lds(signed.content)  # believable from here on
    _check_hash(lds, _DG1, chip.dg1)
    _check_hash(lds, _DG2, chip.dg2)
    _asn1.parse_file(chip.dg2, _DG2_TAG, "data group 2")
    passport, expires_on = _read_lines(chip.dg1)
    if signer.country != authority.country:
        raise Stop(ChipRefusal.STATE, "signer and authority are of two states")
    if anchors.states.get(signer.country or "") != passport.country:
        raise Stop(ChipRefusal.STATE, "not the state that the passport names")
    if expected:
        _check_expected(passport, expires_on, expected)
    return Proved(
        country=passport.country,
        number=passport.number,
        expires_on=expires_on,
        portrait_sha256=sha256(chip.dg2).hexdigest(),
        signed_at=signed.signed_at,
        signer=sha256(signer.der).hexdigest(),
        authority=sha256(authority.der).hexdigest(),
        lds_version=lds.lds_version,
    )


def _check_sizes(chip: Chip) -> None:
    sizes = {
        "SOD": (chip.sod, MAX_SOD),
        "data group 1": (chip.dg1, MAX_DG1),
        "data group 2": (chip.dg2, MAX_DG2),
    }
    for what, (data, most) in sizes.items():
        if len(data) > most:
            raise Stop(ChipRefusal.TOO_LARGE, f"{what} has {len(data):,} bytes")


def _check_hash(lds: LdsObject, number: int, data: bytes) -> None:
    if number not in lds.digests:
        raise Stop(ChipRefusal.HASH_MISSING, f"data group {number}")
    if digest(lds.hash_name, data) != lds.digests[number]:
        raise Stop(ChipRefusal.HASH_DIFFERS, f"data group {number}")


def _read_lines(dg1: bytes) -> tuple[Passport, date]:
    inner = _asn1.parse_file(dg1, _DG1_TAG, "data group 1")
    lines = _asn1.parse_file(inner, _LINES_TAG, "data group 1")
    try:
        text = lines.decode("ascii")
        if not _LINES.fullmatch(text):
            raise Stop(ChipRefusal.MRZ, "not two or three whole lines")
        passport = Passport.from_mrz(text)
    except (MrzError, UnicodeDecodeError) as error:
        raise Stop(ChipRefusal.MRZ, type(error).__name__) from error
    if passport.expires_on is None:
        raise Stop(ChipRefusal.MRZ, "without an end")
    return passport, passport.expires_on


def _check_expected(passport: Passport, expires_on: date, expected: Typed) -> None:
    found = compare(
        passport,
        country=expected.country,
        number=expected.number,
        family_name=expected.family_name,
        given_name=expected.given_name,
        nationality=expected.nationality,
        birthdate=expected.birthdate.isoformat(),
    )
    fields = {
        "country": found.country,
        "number": found.number,
        "birthdate": found.birthdate,
        "nationality": found.nationality,
        "names": found.names,
    }
    differ = [name for name, match in fields.items() if match is FieldMatch.DIFFERS]
    if expires_on != expected.expires_on:
        differ.append("expires_on")
    if differ:
        raise Stop(ChipRefusal.DIFFERS, ", ".join(differ))
