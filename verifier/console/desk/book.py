"""Earlier answers, by reference: what a second one is compared with at the gate.

Nothing here says whose answer it was. That two questions are about the same passport is
known by a hash under a key that this process has drawn for itself and never tells.
"""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from ... import BasisAnswer, EntryBasis, Passport

_LIFE: Final = timedelta(hours=72)
_CAPACITY: Final = 10_000
_LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without those that people mistake for others."""
_LENGTH: Final = 8
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What is remembered of an answer."""

    answer: BasisAnswer
    destination: str
    arrival: date
    stay_until: date | None
    answered_at: datetime
    passport: bytes | None
    """Hash of the passport that was asked about; None if none was read."""


class Book:
    """The answers of the last 72 hours; safe to share between threads."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Earlier] = OrderedDict()

    def add(self, basis: EntryBasis, passport: Passport | None) -> str:
        """Remember an answer and return its reference, such as ``K7QF-2M9T``."""
        entry = Earlier(
            answer=basis.answer,
            destination=basis.destination,
            arrival=basis.arrival,
            stay_until=basis.stay_until,
            answered_at=basis.answered_at,
            passport=self._hash(passport),
        )
        reference = new_reference()
        with self._lock:
            self._kept[reference] = entry
            if len(self._kept) > _CAPACITY:
                self._kept.popitem(last=False)
        return reference

    def find(
        self, reference: str, basis: EntryBasis, passport: Passport | None
    ) -> Earlier | None:
        """Return the earlier answer to the same question; None if there is none."""
        with self._lock:
            found = self._kept.get(reference)
        if found is None or basis.answered_at - found.answered_at > _LIFE:
            return None
        mine = self._hash(passport)
        is_other = None not in {mine, found.passport} and mine != found.passport
        asked = (basis.destination, basis.arrival)
        if is_other or (found.destination, found.arrival) != asked:
            return None
        return found

    def _hash(self, passport: Passport | None) -> bytes | None:
        if passport is None:
            return None
        whose = f"{passport.country}:{passport.number}".encode()
        return hmac.digest(self._key, whose, hashlib.sha256)


def new_reference() -> str:
    """Draw a reference: 39 bits, so that two in a house hardly ever meet."""
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return f"{drawn[:4]}-{drawn[4:]}"


def normal_reference(typed: str) -> str:
    """Return a reference as it was told, however it was typed."""
    letters = "".join(each for each in typed.upper() if each in _LETTERS)
    return f"{letters[:4]}-{letters[4 : _LENGTH + 1]}"
