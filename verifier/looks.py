"""How an answer looks to an officer, and how far the checks came.

Five looks, told apart by shape and word and not by colour alone; and one list of
steps, of which only the one that decided is marked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, assert_never

from .card import PHYSICAL
from .decision import Accepted, Decision, PassportListing, Rejected, Undecided
from .entitlement import EntryAnswer
from .passport import Passport
from .reasons import EntryReason, LaneReason, RejectReason, UndecidedReason


@unique
class Look(StrEnum):
    """The five looks of an answer (docs/reasons.md)."""

    ACCEPTED = "accepted"
    """Green, tick in a circle: genuine, and an entry basis here."""
    GENUINE = "genuine"
    """Blue, "i" in a square: genuine, and no entry basis here."""
    BY_HAND = "by_hand"
    """Amber, triangle: data or a person must decide."""
    REFUSED = "refused"
    """Red, octagon with a cross: the card, or what was shown, is bad."""
    NOT_LIVE = "not_live"
    """Grey, dashed frame: no ABTC code, a damaged one, or a test card."""


@unique
class CheckStep(StrEnum):
    """What is checked, in the order in which an officer reads it."""

    CODE = "code"
    TRUST = "trust"
    SIGNATURE = "signature"
    DATES = "dates"
    DEVICE = "device"
    STATUS = "status"
    PASSPORT = "passport"
    REPORTED = "reported"
    """The list of lost and stolen passports; many economies publish none."""
    FORM = "form"
    PAIR = "pair"
    CLEARANCE = "clearance"


@unique
class CheckState(StrEnum):
    """What came of a step."""

    PASSED = "passed"
    FAILED = "failed"
    """This decided, and neither fresher data nor another scan will help."""
    DOUBT = "doubt"
    """This decided: fresher data, another scan or a person could change it."""
    NOT_REACHED = "not_reached"
    """An earlier step decided."""
    NOT_ASKED = "not_asked"
    """There was nothing to check, or nobody asked."""


@dataclass(frozen=True, slots=True)
class Check:
    """One step, and what came of it."""

    step: CheckStep
    state: CheckState


_NOT_LIVE: Final = frozenset(
    {RejectReason.FOREIGN, RejectReason.MALFORMED, RejectReason.TEST}
)
_ENTRY_LOOKS: Final = MappingProxyType(
    {
        EntryAnswer.VISA_FREE: Look.ACCEPTED,
        EntryAnswer.NOT_BY_THIS_CARD: Look.GENUINE,
        EntryAnswer.CANNOT_TELL: Look.BY_HAND,
    }
)


def look_of(decision: Decision) -> Look:
    """Return which of the five looks a decision has.

    Source: docs/reasons.md, the first table.
    """
    match decision:
        case Accepted(_, entitlement):
            return _ENTRY_LOOKS[entitlement.entry.answer]
        case Rejected(reason):
            return Look.NOT_LIVE if reason in _NOT_LIVE else Look.REFUSED
        case Undecided():
            return Look.BY_HAND
        case _:
            assert_never(decision)


def checks_of(
    decision: Decision, *, expected_passport: Passport | None
) -> tuple[Check, ...]:
    """Return every step and what came of it, from the reason alone.

    A step that the algorithm takes twice, such as trust before and after the
    signature, is one line. Of an accepted card the last three lines say what decided
    about entry; the lane is an answer of its own.

    Args:
        decision: What `verify` or a `ReplayGuard` answered.
        expected_passport: What was given to `verify`: without it, the line of the
            passport says that nobody asked.

    Returns:
        All eleven steps in the order of `CheckStep`; at most one is failed or in doubt,
        except that form and clearance can both be unknown.

    Source: specification, sections 8 and 9.
    """
    if isinstance(decision, Accepted):
        states = {
            **dict.fromkeys(_BEFORE_ENTRY, CheckState.PASSED),
            **_asked(decision, expected_passport),
            **_entry_states(decision),
        }
    else:
        states = _stopped_at(decision, expected_passport)
    return tuple(Check(step, states[step]) for step in CheckStep)


_BEFORE_ENTRY: Final = tuple(CheckStep)[:8]

_STOPS: Final[Mapping[RejectReason | UndecidedReason, CheckStep]] = MappingProxyType(
    {
        RejectReason.FOREIGN: CheckStep.CODE,
        RejectReason.MALFORMED: CheckStep.CODE,
        RejectReason.TEST: CheckStep.TRUST,
        RejectReason.SIGNATURE: CheckStep.SIGNATURE,
        RejectReason.KEY_WINDOW: CheckStep.TRUST,
        RejectReason.BINDING: CheckStep.TRUST,
        RejectReason.EXPIRED: CheckStep.DATES,
        RejectReason.PROOF_MISSING: CheckStep.DEVICE,
        RejectReason.PROOF_DEVICE: CheckStep.DEVICE,
        RejectReason.PROOF_AUDIENCE: CheckStep.DEVICE,
        RejectReason.PROOF_NONCE: CheckStep.DEVICE,
        RejectReason.PROOF_BINDING: CheckStep.DEVICE,
        RejectReason.REVOKED: CheckStep.STATUS,
        RejectReason.SUSPENDED: CheckStep.STATUS,
        RejectReason.SUPERSEDED: CheckStep.STATUS,
        RejectReason.PASSPORT_MISMATCH: CheckStep.PASSPORT,
        RejectReason.PASSPORT_EXPIRED: CheckStep.PASSPORT,
        RejectReason.PASSPORT_REPORTED: CheckStep.REPORTED,
        UndecidedReason.VERSION: CheckStep.CODE,
        UndecidedReason.CLOCK: CheckStep.DATES,
        UndecidedReason.NOT_YET: CheckStep.DATES,
        UndecidedReason.TRUST_STALE: CheckStep.TRUST,
        UndecidedReason.UNKNOWN_ISSUER: CheckStep.TRUST,
        UndecidedReason.UNKNOWN_KEY: CheckStep.TRUST,
        UndecidedReason.PROOF_AHEAD: CheckStep.DEVICE,
        UndecidedReason.PROOF_STALE: CheckStep.DEVICE,
        UndecidedReason.PROOF_CHALLENGE: CheckStep.DEVICE,
        UndecidedReason.PROOF_REPEAT: CheckStep.DEVICE,
        UndecidedReason.STATUS_MISSING: CheckStep.STATUS,
        UndecidedReason.STATUS_UNUSABLE: CheckStep.STATUS,
        UndecidedReason.STATUS_STALE: CheckStep.STATUS,
        UndecidedReason.STATUS_RANGE: CheckStep.STATUS,
        UndecidedReason.STATUS_UNKNOWN: CheckStep.STATUS,
        UndecidedReason.PASSPORT_DIFFERS: CheckStep.PASSPORT,
    }
)
"""At which step each reason ends the checks."""
_AFTER_SIGNATURE: Final = frozenset(
    {RejectReason.TEST, RejectReason.KEY_WINDOW, RejectReason.BINDING}
)
"""What is found out of the issuer once its signature is known to be good."""


def _stopped_at(
    decision: Rejected | Undecided, passport: Passport | None
) -> dict[CheckStep, CheckState]:
    reason = decision.reason
    stop = _STOPS[reason]
    state = CheckState.FAILED if isinstance(decision, Rejected) else CheckState.DOUBT
    steps = tuple(CheckStep)
    # The clock is looked at before anything else that the dates of a card need.
    passed = 1 if reason is UndecidedReason.CLOCK else steps.index(stop)
    states = dict.fromkeys(steps, CheckState.NOT_REACHED)
    states |= dict.fromkeys(steps[:passed], CheckState.PASSED)
    if reason in _AFTER_SIGNATURE:
        states[CheckStep.SIGNATURE] = CheckState.PASSED
    if reason is UndecidedReason.PROOF_REPEAT:  # asked last, of what was accepted
        states[CheckStep.STATUS] = CheckState.PASSED
        states[CheckStep.REPORTED] = _listing_state(decision)
    if reason in _AFTER_PASSPORT:
        states[CheckStep.PASSPORT] = _passport_state(passport)
    if stop in _AFTER_DEVICE and decision.evidence.proof_issued_at is None:
        states[CheckStep.DEVICE] = CheckState.NOT_ASKED
    return states | {stop: state}


_AFTER_DEVICE: Final = frozenset(
    {CheckStep.STATUS, CheckStep.PASSPORT, CheckStep.REPORTED}
)
_AFTER_PASSPORT: Final = frozenset(
    {RejectReason.PASSPORT_REPORTED, UndecidedReason.PROOF_REPEAT}
)


def _asked(
    decision: Accepted, passport: Passport | None
) -> dict[CheckStep, CheckState]:
    is_plastic = decision.card.form == PHYSICAL
    return {
        CheckStep.DEVICE: CheckState.NOT_ASKED if is_plastic else CheckState.PASSED,
        CheckStep.PASSPORT: _passport_state(passport),
        CheckStep.REPORTED: _listing_state(decision),
    }


def _listing_state(decision: Decision) -> CheckState:
    """Return passed only where a list was looked at: no list is no all-clear."""
    is_clear = decision.evidence.passport_listing is PassportListing.NOT_LISTED
    return CheckState.PASSED if is_clear else CheckState.NOT_ASKED


def _passport_state(passport: Passport | None) -> CheckState:
    return CheckState.NOT_ASKED if passport is None else CheckState.PASSED


_P, _F, _D = CheckState.PASSED, CheckState.FAILED, CheckState.DOUBT
_N, _A = CheckState.NOT_REACHED, CheckState.NOT_ASKED
_ENTRY: Final[Mapping[EntryReason, tuple[CheckState, CheckState, CheckState]]] = (
    MappingProxyType(
        {
            EntryReason.CLEARED: (_P, _P, _P),
            EntryReason.GRANTED: (_P, _P, _P),
            EntryReason.FORM: (_F, _N, _N),
            EntryReason.EXCLUDED: (_P, _F, _N),
            EntryReason.LANE_ONLY: (_P, _F, _N),
            EntryReason.NOT_REQUIRED: (_P, _P, _A),
            EntryReason.WITHDRAWN: (_P, _P, _F),
            EntryReason.SUSPENDED: (_P, _P, _F),
            EntryReason.NOT_CLEARED: (_P, _P, _F),
            EntryReason.PASSPORT_VALIDITY: (_P, _P, _P),
            EntryReason.RULES_MISSING: (_P, _D, _N),
            EntryReason.FORM_UNKNOWN: (_D, _N, _N),
            EntryReason.OVERLAY_MISSING: (_P, _P, _D),
            EntryReason.OVERLAY_STALE: (_P, _P, _D),
            EntryReason.OVERLAY_RANGE: (_P, _P, _D),
            EntryReason.OVERLAY_UNKNOWN: (_P, _P, _D),
            EntryReason.STAY_UNKNOWN: (_P, _P, _D),
        }
    )
)
"""What became of form, pair and clearance."""


def _entry_states(decision: Accepted) -> dict[CheckStep, CheckState]:
    found = decision.entitlement
    form, pair, clearance = _ENTRY[found.entry.reason]
    # A pair rule speaks also where nobody knows whether the form is accepted.
    if found.lane.reason in {LaneReason.RULES_MISSING, LaneReason.FORM_UNKNOWN}:
        form = CheckState.DOUBT
    states = {
        CheckStep.FORM: form,
        CheckStep.PAIR: pair,
        CheckStep.CLEARANCE: clearance,
    }
    if found.entry.reason is EntryReason.PASSPORT_VALIDITY:
        states[CheckStep.PASSPORT] = CheckState.FAILED
    return states
