"""What an accepted card is good for at one destination: the lane, and entry.

Source: specification, section 9.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from ._documents import Issuer
from ._rules import DestinationRules, PairEffect
from ._status import StatusList
from .card import Card
from .policy import Policy
from .reasons import EntryReason, LaneReason
from .trust import Trust

_GRANTED = 3


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One accepted card at one destination at one moment: all that the rules look at."""

    card: Card
    issuer: Issuer
    trust: Trust
    policy: Policy
    overlay: StatusList | None
    passport_ends_on: date | None
    now: datetime

    @property
    def rules(self) -> DestinationRules | None:
        """The destination's rules, if they are on this device."""
        return self.trust.rules_of(self.policy.economy)

    @property
    def accepts_form(self) -> bool | None:
        """Whether the destination accepts this form today, if that is known."""
        return self.rules.accepts(self.card.form, self.now) if self.rules else None

    def effect(self) -> PairEffect:
        """What the pair rules say of issuer, nationality and destination."""
        return self.trust.pair_effect(
            issuer=self.issuer.economy,
            nationality=self.card.nationality,
            destination=self.policy.economy,
            moment=self.now,
        )

    def memberships(self) -> tuple[str | None, str | None]:
        """The standing of issuer and destination in the scheme today."""
        return (
            self.trust.membership_of(self.issuer.economy, self.now),
            self.trust.membership_of(self.policy.economy, self.now),
        )


def decide_entitlement(case: Case) -> Entitlement:
    """Say what an accepted card is good for here."""
    effect = case.effect()
    entry = _entry(case, effect)
    purposes = case.rules.allowed_purposes.at(case.now) if case.rules else None
    return Entitlement(
        destination=case.policy.economy,
        lane=_lane(case, effect, entry),
        entry=entry,
        purposes=purposes or (),
    )


def _entry(case: Case, effect: PairEffect) -> Entry:
    reason = _not_by_rule(case, effect) or _unknown_rule(case) or _not_by_list(case)
    if reason:
        return reason
    rules = case.rules
    stay = rules.max_stay.at(case.now) if rules else None
    if rules and _passport_ends_too_soon(case, rules):
        return _not(EntryReason.PASSPORT_VALIDITY)
    if stay is None:
        return _cannot_tell(EntryReason.STAY_UNKNOWN)
    today = case.now.date()
    ends = [
        stay.after(today) - timedelta(days=1),
        (case.card.expires_at - timedelta(seconds=1)).date(),
    ]
    if case.passport_ends_on:
        ends.append(case.passport_ends_on)
    return Entry(EntryAnswer.VISA_FREE, _clearance(case), min(ends))


def _not_by_rule(case: Case, effect: PairEffect) -> Entry | None:
    if case.accepts_form is False:
        return _not(EntryReason.FORM)
    if effect is PairEffect.EXCLUDED:
        return _not(EntryReason.EXCLUDED)
    if effect is PairEffect.LANE_ONLY or "transitional" in case.memberships():
        return _not(EntryReason.LANE_ONLY)
    if effect is PairEffect.NOT_REQUIRED:
        return _not(EntryReason.NOT_REQUIRED)
    return None


def _unknown_rule(case: Case) -> Entry | None:
    if case.rules is None or None in case.memberships():
        return _cannot_tell(EntryReason.RULES_MISSING)
    if case.accepts_form is None:
        return _cannot_tell(EntryReason.FORM_UNKNOWN)
    return None


def _not_by_list(case: Case) -> Entry | None:
    if case.overlay is None:
        return _cannot_tell(EntryReason.OVERLAY_MISSING)
    if case.overlay.is_stale(case.now, case.policy.max_list_age):
        return _cannot_tell(EntryReason.OVERLAY_STALE)
    state = case.overlay.state(case.card.status_index)
    if state == 0 and case.policy.economy not in case.card.economies:
        return _not(EntryReason.NOT_CLEARED)
    return _OVERLAY_STATES.get(state, _cannot_tell(EntryReason.OVERLAY_UNKNOWN))


def _clearance(case: Case) -> EntryReason:
    if case.overlay and case.overlay.state(case.card.status_index) == _GRANTED:
        return EntryReason.GRANTED
    return EntryReason.CLEARED


def _passport_ends_too_soon(case: Case, rules: DestinationRules) -> bool:
    needed = rules.passport_validity.at(case.now)
    if needed is None or case.passport_ends_on is None:
        return False
    return case.passport_ends_on < needed.after(case.now.date())


def _lane(case: Case, effect: PairEffect, entry: Entry) -> Lane:
    if case.accepts_form is False:
        return Lane(LaneAnswer.NO, LaneReason.FORM)
    if case.rules is None:
        return Lane(LaneAnswer.UNKNOWN, LaneReason.RULES_MISSING)
    if case.accepts_form is None:
        return Lane(LaneAnswer.UNKNOWN, LaneReason.FORM_UNKNOWN)
    if effect is PairEffect.EXCLUDED:
        return Lane(LaneAnswer.NO, LaneReason.EXCLUDED)
    needs_clearance = case.rules.lane_needs_clearance.at(case.now)
    if needs_clearance is False:
        return Lane(LaneAnswer.YES, LaneReason.OPEN)
    return _lane_by_clearance(case, entry, needs_clearance)


def _lane_by_clearance(case: Case, entry: Entry, needs_clearance: bool | None) -> Lane:
    is_home = case.policy.economy == case.issuer.economy
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


_OVERLAY_STATES: dict[int | None, Entry | None] = {
    None: _cannot_tell(EntryReason.OVERLAY_RANGE),
    0: None,
    1: _not(EntryReason.WITHDRAWN),
    2: _not(EntryReason.SUSPENDED),
    _GRANTED: None,
}
