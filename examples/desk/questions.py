"""What a member of staff wants to know of one traveller."""

from dataclasses import dataclass
from datetime import date, tzinfo
from enum import StrEnum

import verifier


class Purpose(StrEnum):
    """What the desk wants to know."""

    AIRLINE = "airline"
    """Whether the card is an entry basis at a destination, for one passport."""
    JOURNEY = "journey"
    """The same as of a day, proven without the card: docs/one-id.md."""
    HOTEL = "hotel"
    """Whether the card is genuine and current, and whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the traveller is going; for a hotel, where it is."""

    code: str
    """Alpha-3."""
    name: str
    """As APEC writes it."""
    zone: tzinfo
    """Whose calendar counts the days of a stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question.

    Raises:
        ValueError: An airline asks without a passport: its answer is for one; or about
            a journey without a day.
    """

    purpose: Purpose
    destination: Destination
    passport: verifier.Passport | None
    arrival: date | None = None
    """Of a journey."""

    def __post_init__(self) -> None:
        if self.purpose is not Purpose.HOTEL and self.passport is None:
            raise ValueError("an airline asks for a passport that it has seen")
        if self.purpose is Purpose.JOURNEY and self.arrival is None:
            raise ValueError("Enter the day of arrival.")
