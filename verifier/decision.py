"""The three possible outcomes of `verify`, and the evidence that each carries."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NoReturn, TypeAlias

from .card import Card
from .entitlement import Entitlement
from .reasons import RejectReason, UndecidedReason


class MustSee(StrEnum):
    """What the officer must still see before an accepted card counts."""

    FACE = "face"
    """Compare the traveller with the photograph in the passport."""
    PASSPORT = "passport"
    """Compare the passport with the card."""
    PLASTIC_CARD = "plastic_card"
    """Hold the card itself: its code could have been photographed."""


class PassportListing(StrEnum):
    """What the list says that the passport's own economy publishes, if it does."""

    NOT_LISTED = "not_listed"
    """It does not name the passport of the card."""
    LISTED = "listed"
    """It does: reported as lost, stolen or no longer good."""
    NO_LIST = "no_list"
    """Not checked: this device has no list of that economy that can be used."""
    STALE_LIST = "stale_list"
    """Not checked: the list is too old."""


class Ageing(StrEnum):
    """Data that is past half of the time for which it may be used: update soon."""

    TRUST = "trust"
    """Issuers, keys and rules."""
    STATUS = "status"
    """The issuer's list of this card."""
    OVERLAY = "overlay"
    """The destination's own list over it."""
    PASSPORTS = "passports"
    """The list of reported passports that was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What an answer rests on; None where the checks did not get that far."""

    now: datetime
    """The time used."""
    trust_version: int
    trust_issued_at: datetime
    economy: str | None
    """Issuing economy, derived from the key that verified."""
    key_id: str | None
    """The key that verified."""
    status_uri: str | None
    status_issued_at: datetime | None
    passport_listing: PassportListing | None
    """Whether the card's passport is on its economy's list of reported ones."""
    passports_uri: str | None
    """That list; None if there is none."""
    passports_issued_at: datetime | None
    overlay_uri: str | None
    """The destination's own list over the card's list."""
    overlay_issued_at: datetime | None
    proof_issued_at: datetime | None
    """By the phone's clock."""
    proof_nonce: str | None
    holder_key: str | None
    """JWK thumbprint (RFC 7638) of the key that made the proof."""
    ageing: tuple[Ageing, ...]
    """What of the data above is past half of its time, be it still good or not."""

    @property
    def data_as_of(self) -> datetime:
        """Of when the oldest data is that the answer rests on."""
        is_old = self.passport_listing is PassportListing.STALE_LIST
        times = (
            self.trust_issued_at,
            self.status_issued_at,
            None if is_old else self.passports_issued_at,
            self.overlay_issued_at,
        )
        return min(each for each in times if each)


class NotABool:
    """Make ``if decision:`` an error; a plain dataclass is always true."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError("a decision is not a bool: use match or isinstance")


@dataclass(frozen=True, slots=True)
class Accepted(NotABool):
    """A genuine, current card, shown live.  Only this outcome carries the card."""

    card: Card
    entitlement: Entitlement
    """What the card is good for here; it may be less than the holder hopes."""
    must_see: tuple[MustSee, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Rejected(NotABool):
    """The card, or what was shown, is bad: fresher data will not help."""

    reason: RejectReason
    evidence: Evidence
    detail: str = ""
    """For logs and developers; never shown to travellers, never parsed."""


@dataclass(frozen=True, slots=True)
class Undecided(NotABool):
    """Fresher data, another scan or a person could change the answer."""

    reason: UndecidedReason
    evidence: Evidence
    detail: str = ""
    """For logs and developers; never shown to travellers, never parsed."""


Decision: TypeAlias = Accepted | Rejected | Undecided
