"""Whom an installation trusts to sign passports: the authorities of states.

A folder, filled by whoever runs the installation from what states hand out:
certificates (``.pem``, ``.cer``, ``.der``), ICAO master lists (``.ml``) whose signer
one of those certificates vouches for, and lists of revoked certificates (``.crl``).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from issuer.epassport import _asn1
from issuer.epassport._asn1 import Certificate, RevocationList
from issuer.epassport._chain import authority_of, check_signature, has_signed
from issuer.epassport.results import ChipRefusal, Stop
from issuer.errors import SettingsError
from issuer.publish.files import read_file

_T = TypeVar("_T")
MAX_FILE: Final = 8 * 2**20
"""Bytes; the lists that states publish have less than two million."""
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AU": "AUS", "BN": "BRN", "CA": "CAN", "CL": "CHL", "CN": "CHN", "HK": "HKG",
        "ID": "IDN", "JP": "JPN", "KR": "KOR", "MX": "MEX", "MY": "MYS", "NZ": "NZL",
        "PE": "PER", "PH": "PHL", "PG": "PNG", "RU": "RUS", "SG": "SGP", "TH": "THA",
        "TW": "TWN", "US": "USA", "VN": "VNM",
    }
)  # fmt: skip
"""What certificates call the economies, and what the lines of passports call them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Certificates that passports are believed by, and which of them are revoked."""

    certificates: tuple[Certificate, ...]
    revocations: tuple[RevocationList, ...] = ()
    states: Mapping[str, str] = field(default_factory=lambda: STATES)
    """Alpha-3 code in a passport's lines, by the two letters in certificates."""
    skipped: int = 0
    """Certificates of master lists that could not be read."""


def load_anchors(
    folder: Path, *, now: datetime, states: Mapping[str, str] | None = None
) -> Anchors:
    """Read a folder of trusted certificates.

    Args:
        folder: Whatever else lies in it is left alone.
        now: At which a master list's signer has to be valid; timezone-aware.
        states: Further states, alpha-3 by the two letters in certificates; a passport
            of a state that is not known is ``chip.state``.

    Raises:
        SettingsError: The folder or a file cannot be read, or a file not believed; the
            message names it.

    Not checked: that the certificates are those of their states. Whoever puts them
    there has compared them with what the state says by another way.
    """
    files = _files(folder)
    found: dict[bytes, Certificate] = {}
    skipped = 0
    for path in _with(files, ".pem", ".cer", ".der"):
        for each in _believed(path, _asn1.parse_certificates):
            found[each.der] = each
    given = tuple(found.values())
    for path in _with(files, ".ml"):
        listed, bad = _believed(path, lambda data: _master_list(data, given, now))
        skipped += bad
        found |= {each.der: each for each in listed}
    certificates = tuple(found.values())
    return Anchors(
        certificates=certificates,
        revocations=tuple(
            _believed(path, lambda data: _revocations(data, certificates))
            for path in _with(files, ".crl")
        ),
        states=MappingProxyType({**STATES, **(states or {})}),
        skipped=skipped,
    )


def _with(files: Iterable[Path], *suffixes: str) -> Iterable[Path]:
    return (path for path in files if path.suffix.lower() in suffixes)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise SettingsError(file=str(folder), key="", reason=reason) from error


def _believed(path: Path, read: Callable[[bytes], _T]) -> _T:
    try:
        return read(read_file(path, MAX_FILE))
    except Stop as error:
        raise SettingsError(
            file=str(path), key="", reason=f"{error.code}: {error.detail}"
        ) from error
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise SettingsError(file=str(path), key="", reason=reason) from error


def _master_list(
    data: bytes, given: tuple[Certificate, ...], now: datetime
) -> tuple[list[Certificate], int]:
    signed = _asn1.parse_signed(data, _asn1.MASTER_LIST, "master list")
    signer = check_signature(signed, _asn1.MASTER_LIST)
    if _asn1.MASTER_LIST_SIGNER not in signer.purposes:
        raise Stop(ChipRefusal.USAGE, "not a signer of master lists")
    authority_of(signer, given, at=signed.signed_at or now, now=now)
    listed = []
    every = _asn1.parse_master_list(signed.content)
    for der in every:
        try:
            listed.append(_asn1.parse_certificate(der))
        except Stop:
            continue  # one state's mistake; the others' certificates count
    return listed, len(every) - len(listed)


def _revocations(data: bytes, certificates: tuple[Certificate, ...]) -> RevocationList:
    found = _asn1.parse_revocations(data)
    for each in certificates:
        if each.subject == found.issuer and has_signed(
            each, found.algorithm, found.signed, found.signature
        ):
            return found
    raise Stop(ChipRefusal.UNKNOWN_ISSUER, "nobody known has signed it")
