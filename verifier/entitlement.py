"""What an accepted card is good for at one destination: the lane, and entry.

Source: specification, section 9.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from ._rules import DestinationRules, PairEffect
from ._status import StatusList
from .card import Card
from .reasons import EntryReason, LaneReason
from .trust import Trust

TRANSITIONAL = "transitional"
_GRANTED = 3
_ONE_DAY = timedelta(days=1)


class LaneAnswer(StrEnum):
    """May the holder use the ABTC lane?"""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class EntryAnswer(StrEnum):
    """Is this card an entry basis?"""

    VISA_FREE = "visa_free"
    NOT_BY_THIS_CARD = "not_by_this_card"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Lane:
    """Whether the holder may use the ABTC lane."""

    answer: LaneAnswer
    reason: LaneReason


@dataclass(frozen=True, slots=True)
class Entry:
    """Whether this card is an entry basis."""

    answer: EntryAnswer
    reason: EntryReason
    stay_until: date | None = None
    """Last day on which the holder may be here; with ``visa_free`` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """What an accepted card is good for at one destination."""

    destination: str
    """Alpha-3 code."""
    lane: Lane
    entry: Entry
    purposes: tuple[str, ...]
    """Purposes of travel allowed on this card here; empty if not known."""


class Case(NamedTuple):
    """One accepted card at one destination at one moment."""

    card: Card
    issuer: str
    """Economy code, derived from the key that verified."""
    destination: str
    trust: Trust
    overlay: StatusList | None
    max_list_age: timedelta
    passport_ends_on: date | None
    now: datetime


def decide_entitlement(case: Case) -> Entitlement:
    """Say what an accepted card is good for here."""
    rules = case.trust.rules_of(case.destination)
    effect = case.trust.pair_effect(
        issuer=case.issuer,
        nationality=case.card.nationality,
        destination=case.destination,
        moment=case.now,
    )
    accepts_form = rules.accepts(case.card.form, case.now) if rules else None
    entry = _entry(case, rules, effect, accepts_form)
    purposes = rules.allowed_purposes.at(case.now) if rules else None
    return Entitlement(
        destination=case.destination,
        lane=_lane(case, rules, effect, accepts_form, entry),
        entry=entry,
        purposes=purposes or (),
    )


def _entry(
    case: Case,
    rules: DestinationRules | None,
    effect: PairEffect,
    accepts_form: bool | None,
) -> Entry:
    members = {
        case.trust.membership_of(case.issuer, case.now),
        case.trust.membership_of(case.destination, case.now),
    }
    if accepts_form is False:
        return _not(EntryReason.FORM)
    if effect is PairEffect.EXCLUDED:
        return _not(EntryReason.EXCLUDED)
    if effect is PairEffect.LANE_ONLY or TRANSITIONAL in members:
        return _not(EntryReason.LANE_ONLY)
    if effect is PairEffect.NOT_REQUIRED:
        return _not(EntryReason.NOT_REQUIRED)
    if rules is None or None in members:
        return _cannot_tell(EntryReason.RULES_MISSING)
    if accepts_form is None:
        return _cannot_tell(EntryReason.FORM_UNKNOWN)
    return _entry_by_clearance(case, rules)


def _entry_by_clearance(case: Case, rules: DestinationRules) -> Entry:
    if case.overlay is None:
        return _cannot_tell(EntryReason.OVERLAY_MISSING)
    if case.overlay.is_stale(case.now, case.max_list_age):
        return _cannot_tell(EntryReason.OVERLAY_STALE)
    state = case.overlay.state(case.card.status_index)
    if state is None:
        return _cannot_tell(EntryReason.OVERLAY_RANGE)
    if state == _GRANTED:
        return _visa_free(case, rules, EntryReason.GRANTED)
    if state != 0:
        return _OVERLAY_STATES.get(state, _cannot_tell(EntryReason.OVERLAY_UNKNOWN))
    if case.destination not in case.card.economies:
        return _not(EntryReason.NOT_CLEARED)
    return _visa_free(case, rules, EntryReason.CLEARED)


def _visa_free(case: Case, rules: DestinationRules, reason: EntryReason) -> Entry:
    today, passport_end = case.now.date(), case.passport_ends_on
    needed = rules.passport_validity.at(case.now)
    if needed and passport_end and passport_end < needed.after(today):
        return _not(EntryReason.PASSPORT_VALIDITY)
    stay = rules.max_stay.at(case.now)
    if stay is None:
        return _cannot_tell(EntryReason.STAY_UNKNOWN)
    last_day = min(stay.after(today) - _ONE_DAY, _last_day_of(case.card))
    if passport_end:
        last_day = min(last_day, passport_end)
    # East of Greenwich the card's last day in UTC can be over before the card is.
    return Entry(EntryAnswer.VISA_FREE, reason, max(last_day, today))


def _last_day_of(card: Card) -> date:
    return (card.expires_at - timedelta(seconds=1)).date()


def _lane(
    case: Case,
    rules: DestinationRules | None,
    effect: PairEffect,
    accepts_form: bool | None,
    entry: Entry,
) -> Lane:
    if accepts_form is False:
        return Lane(LaneAnswer.NO, LaneReason.FORM)
    if rules is None:
        return Lane(LaneAnswer.UNKNOWN, LaneReason.RULES_MISSING)
    if accepts_form is None:
        return Lane(LaneAnswer.UNKNOWN, LaneReason.FORM_UNKNOWN)
    if effect is PairEffect.EXCLUDED:
        return Lane(LaneAnswer.NO, LaneReason.EXCLUDED)
    needs_clearance = rules.lane_needs_clearance.at(case.now)
    if needs_clearance is False:
        return Lane(LaneAnswer.YES, LaneReason.OPEN)
    return _lane_by_clearance(case, entry, needs_clearance)


def _lane_by_clearance(case: Case, entry: Entry, needs_clearance: bool | None) -> Lane:
    is_home = case.destination == case.issuer
    if entry.answer is EntryAnswer.VISA_FREE or is_home:
        return Lane(LaneAnswer.YES, LaneReason.CLEARED)
    if needs_clearance is None:
        return Lane(LaneAnswer.UNKNOWN, LaneReason.RULES_UNKNOWN)
    if entry.answer is EntryAnswer.CANNOT_TELL:
        return Lane(LaneAnswer.UNKNOWN, LaneReason.CLEARANCE_UNKNOWN)
    return Lane(LaneAnswer.NO, LaneReason.NOT_CLEARED)


def _not(reason: EntryReason) -> Entry:
    return Entry(EntryAnswer.NOT_BY_THIS_CARD, reason)


def _cannot_tell(reason: EntryReason) -> Entry:
    return Entry(EntryAnswer.CANNOT_TELL, reason)


_OVERLAY_STATES = {
    1: _not(EntryReason.WITHDRAWN),
    2: _not(EntryReason.SUSPENDED),
}
