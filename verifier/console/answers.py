"""Answers as the pages get them: codes and data, never a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..card import Card
from ..decision import Accepted, Decision, Evidence
from ..looks import Look, checks_of, look_of
from ..passport import Passport, PassportComparison, compare
from ..passport_check import PassportAnswer
from ..reasons import RejectReason
from .codes import ConsoleReason

ON_SCREEN: Final = timedelta(seconds=60)
"""How long an answer stays in a staffed lane, unless somebody touches the screen."""
AT_KIOSK: Final = timedelta(seconds=5)
"""How long green stays at a kiosk; everything else waits for an officer."""
MASKED_AFTER: Final = timedelta(minutes=3)
"""When everything personal is forgotten; verdict and code stay."""
Answer = dict[str, object]
_NO_DECISION: Final[Answer] = {
    "person": None,
    "passport": None,
    "read": None,
    "lane": None,
    "entry": None,
    "must_see": [],
    "purposes": [],
    "checks": [],
    "data_as_of": None,
    "data_age": None,
    "ageing": [],
    "seen_before": None,
    "passport_check": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was decided, and what an officer may see of it."""

    decision: Decision
    passport: Passport | None
    """What was read of it, as `verify` got it."""
    card: Card | None
    """Of an accepted decision; or the card that a passport was compared with, where
    the passport alone decided."""
    seen_before: timedelta | None
    """How long ago the same proof was accepted, where that is what decided."""


def of_decision(found: Found, *, is_kiosk: bool) -> Answer:
    """Say what was decided.

    Args:
        found: What was decided.
        is_kiosk: Whether the device stands without staff.

    Returns:
        JSON without ``id``, ``at`` and ``training``.
    """
    decision, card = found.decision, found.card
    look = look_of(decision)
    return {
        **_NO_DECISION,
        "look": look.value,
        "outcome": type(decision).__name__.lower(),
        "reason": reason_of(decision),
        "person": _person(card, decision.evidence) if card else None,
        "passport": _compared(card, found.passport),
        "read": _read(found.passport),
        **(_entitlement(decision) if isinstance(decision, Accepted) else {}),
        "checks": [
            {"step": each.step.value, "state": each.state.value}
            for each in checks_of(decision, expected_passport=found.passport)
        ],
        **_data(decision.evidence),
        "seen_before": _seconds(found.seen_before),
        **_times(look, is_kiosk=is_kiosk),
    }


def without_decision(
    reason: ConsoleReason | RejectReason, look: Look, *, is_kiosk: bool, **more: object
) -> Answer:
    """Say what the console itself found, where no card could be decided about."""
    outcome = "rejected" if look in {Look.REFUSED, Look.NOT_LIVE} else "undecided"
    told: Mapping[str, object] = {
        "look": look.value,
        "outcome": outcome,
        "reason": reason.value,
    }
    return {**_NO_DECISION, **told, **_times(look, is_kiosk=is_kiosk), **more}


def masked(answer: Answer) -> Answer:
    """Return an answer without anything personal."""
    return {**answer, "person": None, "passport": None, "read": None}


def passport_check(told: PassportAnswer) -> dict[str, object]:
    """Return what the economy that issued a passport says of it, or nobody."""
    at = told.answered_at
    return {
        "status": told.status.value,
        "owner": told.owner,
        "at": at.isoformat() if at else None,
        "reference": told.reference,
        "contact": told.contact,
    }


def read_of(passport: Passport) -> dict[str, object]:
    """Return what was read of a passport; None is what was not."""
    ends = passport.expires_on
    return {
        "country": passport.country,
        "number": passport.number,
        "family_name": passport.family_name,
        "given_name": passport.given_name,
        "names": _names(passport),
        "nationality": passport.nationality,
        "birthdate": passport.birthdate,
        "sex": passport.sex,
        "expires_on": ends.isoformat() if ends else None,
        "names_truncated": passport.names_truncated,
    }


def _names(passport: Passport) -> str | None:
    if passport.family_name is None:
        return None
    return ", ".join(filter(None, (passport.family_name, passport.given_name)))


def _read(passport: Passport | None) -> dict[str, object] | None:
    return read_of(passport) if passport else None


def reason_of(decision: Decision) -> str:
    """Return the code that an officer sees: of an accepted card, that of its entry."""
    if isinstance(decision, Accepted):
        return decision.entitlement.entry.reason.value
    return decision.reason.value


def _person(card: Card, evidence: Evidence) -> dict[str, object]:
    return {
        "family_name": card.family_name,
        "given_name": card.given_name,
        "birthdate": card.birthdate,
        "nationality": card.nationality,
        "economy": evidence.economy,
        "form": card.form,
        "document_number": card.document_number,
        "passport": {"country": card.passport_country, "number": card.passport_number},
        "expires_at": card.expires_at.isoformat(),
    }


def _compared(card: Card | None, passport: Passport | None) -> dict[str, str] | None:
    if card is None or passport is None:
        return None
    found = comparison(card, passport)
    return {
        "country": found.country.value,
        "number": found.number.value,
        "birthdate": found.birthdate.value,
        "nationality": found.nationality.value,
        "names": found.names.value,
    }


def comparison(card: Card, passport: Passport) -> PassportComparison:
    """Compare what was read of a passport with a card, field by field."""
    return compare(
        passport,
        country=card.passport_country,
        number=card.passport_number,
        family_name=card.family_name,
        given_name=card.given_name,
        nationality=card.nationality,
        birthdate=card.birthdate,
    )


def _entitlement(decision: Accepted) -> Answer:
    found = decision.entitlement
    until = found.entry.stay_until
    return {
        "lane": {"answer": found.lane.answer.value, "reason": found.lane.reason.value},
        "entry": {
            "answer": found.entry.answer.value,
            "reason": found.entry.reason.value,
            "stay_until": until.isoformat() if until else None,
        },
        "must_see": [each.value for each in decision.must_see],
        "purposes": list(found.purposes),
    }


def _data(evidence: Evidence) -> Answer:
    as_of = evidence.data_as_of
    return {
        "data_as_of": as_of.isoformat(),
        "data_age": int((evidence.now - as_of).total_seconds()),
        "ageing": [each.value for each in evidence.ageing],
    }


def _times(look: Look, *, is_kiosk: bool) -> Answer:
    stays = ON_SCREEN
    if is_kiosk:
        stays = AT_KIOSK
    waits = is_kiosk and look is not Look.ACCEPTED
    return {
        "expires_in": None if waits else int(stays.total_seconds()),
        "mask_in": int(MASKED_AFTER.total_seconds()),
    }


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())
