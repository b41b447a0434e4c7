"""What came of reading a passport's chip."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum, unique


@unique
class ChipRefusal(StrEnum):
    """Why the data of a chip proves nothing; stable, never renamed or reused."""

    TOO_LARGE = "chip.too_large"
    """A file is longer than any passport's."""
    MALFORMED = "chip.malformed"
    """A file is not what its name says, or the security object has not its parts."""
    ALGORITHM = "chip.algorithm"
    """A hash, signature or curve that is too weak, or that is not known here."""
    HASH_MISSING = "chip.hash_missing"
    """The security object says nothing of a file."""
    HASH_DIFFERS = "chip.hash_differs"
    """A file is not the one that was signed."""
    NO_SIGNER = "chip.no_signer"
    """The certificate of whoever signed is not in the security object."""
    SIGNATURE = "chip.signature"
    """The security object's signature does not verify."""
    UNKNOWN_ISSUER = "chip.unknown_issuer"
    """No trusted authority has issued the signer's certificate."""
    VALIDITY = "chip.validity"
    """A certificate was not valid when the passport was signed, or has ended."""
    USAGE = "chip.usage"
    """A certificate may not be used for this."""
    REVOKED = "chip.revoked"
    """The authority has revoked the signer's certificate."""
    STATE = "chip.state"
    """The signer is of another state than the passport says, or of one not known."""
    MRZ = "chip.mrz"
    """The machine-readable lines in the chip cannot be read."""
    DIFFERS = "chip.differs"
    """The chip is genuine, and not that of the passport that was typed."""


@dataclass(frozen=True, slots=True)
class Proved:
    """The data was signed for a passport by its state, and has not been changed.

    Not proved: that the chip is the one it was written to (a copy of the data passes),
    that the passport has not been reported since, and who holds it.
    """

    country: str
    """Who issued the passport, alpha-3, as in its lines."""
    number: str
    expires_on: date
    portrait_sha256: str
    """Of data group 2 as a whole, in hexadecimal."""
    signed_at: datetime | None
    """When the signer says that it signed."""
    signer: str
    """SHA-256 of the signer's certificate, in hexadecimal."""
    authority: str
    """SHA-256 of the trusted certificate above it."""
    lds_version: str | None
    """Of the data structure, such as ``0108``; None before version 1.8 of it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is proved."""

    code: ChipRefusal
    detail: str = ""
    """For logs: no content of a passport."""


class Stop(Exception):  # noqa: N818  # ends the checks, inside this package only
    """A check has failed."""

    def __init__(self, code: ChipRefusal, detail: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
