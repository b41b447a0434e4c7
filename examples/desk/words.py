"""What a desk is told: less than an officer is.

An airline learns whether the card gives an entry basis at one destination, for the
passport that it holds; never why not, nothing of other destinations, and no word on
whether to carry the traveller, which is the destination's to say.  A hotel learns
whether the card is genuine and current, and whose it is.  Where nothing can be known,
neither yes nor no is said.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

import verifier
from examples.desk.questions import Purpose, Question

_USUAL: Final = "This is not a refusal: check documents as usual."
_AGAIN: Final = "You can ask again."
_COMPARE: Final = "Compare the traveller with the photograph in the passport."
_END: Final = 3
"""Characters of a passport's number that are enough to compare by."""


class Look(StrEnum):
    """How an answer looks; the words are always beside it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the desk's screen shows."""

    look: Look
    line: str
    notes: tuple[str, ...]
    answered_at: datetime
    reason: str
    """For the desk's log, without a name; not for its screen."""


def words_for(decision: verifier.Decision, question: Question, at: datetime) -> Outcome:
    """Say what a decision means at a desk."""
    if question.purpose is Purpose.AIRLINE:
        return _airline(decision, question, at)
    return _hotel(decision, at)


def words_for_journey(
    decision: verifier.BasisDecision, question: Question, at: datetime
) -> Outcome:
    """Say what a proof for a journey means; one that proves nothing refuses nobody."""
    match decision:
        case verifier.BasisProven(basis):
            gives = verifier.BasisAnswer.GIVES
            line = gives.sentence(question.destination.name)
            notes = (f"Arriving on {_day(basis.arrival)}.", *_stay(basis), _COMPARE)
            return _outcome(Look.YES, line, notes, at, gives)
        case verifier.BasisRefused(reason) | verifier.BasisUndecided(reason):
            return no_answer(reason, at)
        case _:
            assert_never(decision)


def _stay(basis: verifier.ProvenBasis) -> tuple[str, ...]:
    return (f"A stay until {_day(basis.stay_until)}.",) if basis.stay_until else ()


def declined(error: str, at: datetime) -> Outcome:
    """Say that the phone has shown no card."""
    line = "No card was shown."
    return _outcome(Look.UNKNOWN, line, (_USUAL, _AGAIN), at, f"wallet.{error}")


def no_answer(reason: str, at: datetime) -> Outcome:
    """Say that nothing is known."""
    line = verifier.BasisAnswer.NO_ANSWER.sentence("")
    return _outcome(Look.UNKNOWN, line, (_USUAL, _AGAIN), at, reason)


def _airline(decision: verifier.Decision, question: Question, at: datetime) -> Outcome:
    answer, reason = verifier.basis_answer(decision), _reason_of(decision)
    if answer is verifier.BasisAnswer.NO_ANSWER:
        return no_answer(reason, at)
    line = answer.sentence(question.destination.name)
    if answer is verifier.BasisAnswer.DOES_NOT_GIVE:
        return _outcome(Look.NO, line, (), at, reason)
    return _outcome(Look.YES, line, _stay_and_whose(decision), at, reason)


def _hotel(decision: verifier.Decision, at: datetime) -> Outcome:
    match decision:
        case verifier.Accepted():
            line = "This is a genuine ABTC, shown by the phone that holds it."
            return _outcome(Look.YES, line, _whose(decision), at, "card.accepted")
        case verifier.Rejected(reason):
            line = "Do not rely on this card: ask for another document."
            return _outcome(Look.NO, line, (), at, reason)
        case verifier.Undecided(reason):
            return no_answer(reason, at)
        case _:
            assert_never(decision)


def _reason_of(decision: verifier.Decision) -> verifier.Reason:
    if isinstance(decision, verifier.Accepted):
        return decision.entitlement.entry.reason
    return decision.reason


def _stay_and_whose(decision: verifier.Decision) -> tuple[str, ...]:
    if not isinstance(decision, verifier.Accepted):
        return ()
    until = decision.entitlement.entry.stay_until
    stay = f"On arrival today: a stay until {_day(until)}." if until else ""
    return (stay, *_whose(decision)) if stay else _whose(decision)


def _whose(decision: verifier.Accepted) -> tuple[str, ...]:
    card = decision.card
    name = f"{card.family_name}, {card.given_name}".removesuffix(", ")
    compare = _COMPARE
    if verifier.MustSee.PASSPORT in decision.must_see:
        end = f"{card.passport_country}, number ending {card.passport_number[-_END:]}"
        compare = f"Compare the passport ({end}), and its photograph."
    # The moment at which it ends is the midnight after its last day.
    last_day = card.expires_at - timedelta(seconds=1)
    return f"Card of {name}; its last day is {_day(last_day)}.", compare


def _outcome(
    look: Look, line: str, notes: tuple[str, ...], at: datetime, reason: str
) -> Outcome:
    return Outcome(
        look=look, line=line, notes=notes, answered_at=at, reason=str(reason)
    )


def _day(moment: date) -> str:
    return f"{moment:%-d %B %Y}"
