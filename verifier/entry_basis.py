"""What an airline is told: one of three answers, and never why.

An airline asks days ahead and for one destination. It learns whether the card gives an
entry basis there for the passport in its hand; nothing of other destinations, nothing
of the reason, and no word on whether to carry the traveller, which is the destination's
to say and may change either way after this answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from ._algorithm import verify, verify_on_file
from ._rules import PairEffect
from ._status import StatusList
from .card import Card
from .decision import Accepted, Decision, MustSee
from .entitlement import TRANSITIONAL
from .looks import Look, look_of
from .passport import Passport
from .passport_check import PassportAnswer
from .policy import Policy
from .reasons import Reason
from .trust import Trust

MAX_CODE_AGE: Final = timedelta(hours=72)
"""How long before now a code may have been read: as early as carriers ask."""
_MAX_AHEAD: Final = timedelta(days=366)
"""No list reaches so far; it bounds what is reckoned with."""
_EVENING: Final = time(23, 59)
_END: Final = 3
"""Characters of a passport's number that are enough to compare by."""


class BasisAnswer(StrEnum):
    """The three answers."""

    GIVES = "gives"
    """The card gives an entry basis at the destination, on that day."""
    DOES_NOT_GIVE = "does_not_give"
    """It gives none: check for a visa as usual. Not why; often nobody knows."""
    NO_ANSWER = "no_answer"
    """Nothing is known: use the normal document check. It refuses nobody."""

    def sentence(self, destination: str) -> str:
        """Return the one line that staff read, in English.

        >>> BasisAnswer.GIVES.sentence("Japan")
        'ABTC gives an entry basis for Japan for this passport.'

        Args:
            destination: Its name, as APEC writes it.
        """
        return _SENTENCES[self].format(destination)


_SENTENCES: Final = {
    BasisAnswer.GIVES: "ABTC gives an entry basis for {} for this passport.",
    BasisAnswer.DOES_NOT_GIVE: (
        "ABTC does not give an entry basis for {}: check visa as usual."
    ),
    BasisAnswer.NO_ANSWER: "No answer: use the normal document check.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryBasis:
    """An answer; what depends on the card is there with ``gives`` alone."""

    answer: BasisAnswer
    destination: str
    """Alpha-3."""
    arrival: date
    answered_at: datetime
    data_as_of: datetime | None
    """Of when the oldest data is that the answer rests on, in UTC. `entry_basis` always
    tells; None is for a desk that has no data at all."""
    stay_until: date | None = None
    """Last day of a stay that begins on the day of arrival."""
    good_until: datetime | None = None
    """When the first of trust data, lists and card ends or is too old, in UTC: nobody
    may pass the answer on for longer."""
    form: str | None = None
    """``app`` or ``physical``, accepted at the destination on that day."""
    card_last_day: date | None = None
    passport_country: str | None = None
    """Of the passport that the card is linked to, alpha-3."""
    passport_number_end: str | None = None
    """Its last three characters."""
    must_see: tuple[MustSee, ...] = ()
    """What staff must still see, such as the passport where none was read."""
    reason: Reason | None = None
    """Why, for a log without names. Never for a screen, an agent or a traveller; None
    where nothing was decided."""


def entry_basis(
    presentation: str | None,
    *,
    trust: Trust,
    policy: Policy,
    expected_passport: Passport | None,
    arrival: date,
    now: datetime,
    code_read_at: datetime | None = None,
) -> EntryBasis:
    """Answer whether a card gives an entry basis at a destination, on a day.

    Decided twice: as of now, by the usual tolerances; and, if the card is good, as of
    the evening of the day of arrival, by the rules of that day, with tolerances longer
    by just the time between. What will have ended by then has ended: no tolerance
    changes that. A card on its last day gives ``does_not_give``, lists or trust data
    that end before give ``no_answer``.

    Args:
        presentation: What was scanned, as for `verify`; None if there is a passport
            only: a device keeps no register of cards, so that is ``no_answer``.
        trust: Loaded beforehand, with the destination's overlays.
        policy: Its ``economy`` is the destination.
        expected_passport: The traveller's. None if none was read: the answer then asks
            staff to compare it.
        arrival: Day at the destination. Days that are over there, or more than 366 days
            ahead, are ``no_answer``.
        now: The moment of the check, in the time zone of the destination.
        code_read_at: When the code was read, if it is asked about later, as of a list
            of passengers: the phone's proof must have been fresh then, and everything
            else counts as of now. Only its reader knows that moment: it is believed.

    Returns:
        The answer. A bad card is never an exception.

    Raises:
        TypeError: ``presentation`` is not text.
        ValueError: A moment is naive; or ``code_read_at`` is later than ``now``, or
            more than 72 hours earlier.

    Not checked: that the traveller is the holder, and that a code was not shown before.

    Source: specification, sections 8 and 9; docs/airline-desk.md.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be timezone-aware")
    read = _as_read(policy, code_read_at, now)

    if presentation is None:
        return _nothing(trust, policy, arrival, now)

    def decide(by: Policy, at: datetime) -> Decision:
        return verify(
            presentation,
            trust=trust,
            policy=by,
            expected_passport=expected_passport,
            expected_challenge=None,  # none was shown
            now=at,
        )

    return _twice(decide, trust, read, arrival, now)


def entry_basis_on_file(
    card_texts: Sequence[str],
    *,
    issuer: str,
    trust: Trust,
    policy: Policy,
    expected_passport: Passport,
    arrival: date,
    now: datetime,
) -> EntryBasis:
    """Answer as `entry_basis` does, about the cards that their issuer has on file.

    For an economy that answers by the passport: it looks up the cards that it has
    issued for it and that live, as signed texts. Each is decided by the steps of
    `verify`, without a proof, because nobody shows anything: whether the traveller has
    the card is for the border to see. If one gives, that is the answer; otherwise
    ``no_answer`` if any card has none.

    Without any card it is ``does_not_give``, and ``no_answer`` where the issuer's data
    could not tell of any card either: so a question about a day too far ahead does not
    show who has a card.

    Args:
        card_texts: The newest signed text of each form: issuer JWT and ``~``.
        issuer: Code of the economy that has issued them.
        trust: Loaded beforehand, with the destination's overlays.
        policy: Its ``economy`` is the destination.
        expected_passport: What the issuer knows of the passport that was asked about,
            with its last day.
        arrival: As for `entry_basis`.
        now: The moment of the check, in the time zone of the destination.

    Returns:
        The answer. A bad card is never an exception.

    Raises:
        ValueError: ``now`` is naive.

    Not checked: that these are all cards of this passport, and what the issuer knows
    of them that is not published yet.

    Source: specification, sections 8 and 9; docs/advance-passenger.md.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be timezone-aware")

    def about(card_text: str) -> EntryBasis:
        def decide(by: Policy, at: datetime) -> Decision:
            return verify_on_file(
                card_text,
                trust=trust,
                policy=by,
                expected_passport=expected_passport,
                now=at,
            )

        return _twice(decide, trust, policy, arrival, now)

    if not card_texts:
        none = _nothing(trust, policy, arrival, now)
        if not _is_reachable(arrival, now):
            return none
        later, evening = _on_arrival(policy, arrival, now)
        nationality = expected_passport.country
        can_tell = _can_tell(trust, later, issuer, nationality, evening)
        return replace(none, answer=BasisAnswer.DOES_NOT_GIVE) if can_tell else none
    return min(map(about, card_texts), key=lambda each: _ORDER.index(each.answer))


_ORDER: Final = (
    BasisAnswer.GIVES,
    BasisAnswer.NO_ANSWER,
    BasisAnswer.DOES_NOT_GIVE,
)


def _twice(
    decide: Callable[[Policy, datetime], Decision],
    trust: Trust,
    policy: Policy,
    arrival: date,
    now: datetime,
) -> EntryBasis:
    """Decide as of now, and, if that is good, as of the evening of the arrival."""
    if not _is_reachable(arrival, now):
        return _nothing(trust, policy, arrival, now)
    decision = decide(policy, now)
    if isinstance(decision, Accepted):
        decision = decide(*_on_arrival(policy, arrival, now))
    found = _answer(decision, policy.economy, arrival, now)
    if found.answer is not BasisAnswer.GIVES or not isinstance(decision, Accepted):
        return found
    return replace(found, good_until=_good_until(decision, trust, policy))


def _can_tell(
    trust: Trust, policy: Policy, issuer: str, nationality: str, evening: datetime
) -> bool:
    """Tell whether an uncleared card of an issuer would get a plain answer."""
    url = trust.economies.get(issuer)
    too_old = evening - trust.issued_at > policy.max_trust_age
    is_early = trust.time_floor - evening > policy.clock_tolerance
    if url is None or too_old or is_early or evening >= trust.expires_at:
        return False
    lists = _below(trust, f"{url}/status/")
    if lists and _needs_clearance(trust, policy.economy, issuer, nationality, evening):
        here = trust.economies.get(policy.economy)
        overlays = _below(trust, f"{here}/overlay/{issuer}/")
        if not overlays:
            return False
        lists += overlays
    # An issuer without a list has no card out, so there is nothing to give away.
    return not any(each.is_stale(evening, policy.max_list_age) for each in lists)


def _below(trust: Trust, address: str) -> list[StatusList]:
    return [each for each in trust.lists if each.uri.startswith(address)]


def _needs_clearance(
    trust: Trust, destination: str, issuer: str, nationality: str, moment: datetime
) -> bool:
    effect = trust.pair_effect(
        issuer=issuer,
        nationality=nationality,
        destination=destination,
        moment=moment,
    )
    memberships = {trust.membership_of(each, moment) for each in (issuer, destination)}
    return effect is PairEffect.NORMAL and TRANSITIONAL not in memberships


def _is_reachable(arrival: date, now: datetime) -> bool:
    return timedelta(0) <= arrival - now.date() <= _MAX_AHEAD


def after_passport_check(basis: EntryBasis, told: PassportAnswer) -> EntryBasis:
    """Return what an airline is told once the passport's owner was asked, too.

    A passport that is lost, stolen or invalid gives nothing, and a card goes with no
    other. What may be a mistake of reading or of a register, NOT_RECOGNISED and
    DATA_MISMATCH, sends staff to the normal document check. VALID and NO_ANSWER
    change nothing: checking is optional, and silence speaks against nobody.

    Args:
        basis: What the card gives.
        told: What was answered about the traveller's passport.
    """
    if basis.answer is not BasisAnswer.GIVES or not told.status.is_problem:
        return basis
    return EntryBasis(
        answer=(
            BasisAnswer.DOES_NOT_GIVE if told.status.is_hit else BasisAnswer.NO_ANSWER
        ),
        destination=basis.destination,
        arrival=basis.arrival,
        answered_at=basis.answered_at,
        data_as_of=basis.data_as_of,
    )


def basis_answer(decision: Decision) -> BasisAnswer:
    """Return which of the three answers a decision is to somebody who is no border.

    Green gives, blue and red do not; amber and grey are no answer, for what is no card
    says nothing about one.
    """
    return _ANSWERS[look_of(decision)]


_ANSWERS: Final = {
    Look.ACCEPTED: BasisAnswer.GIVES,
    Look.GENUINE: BasisAnswer.DOES_NOT_GIVE,
    Look.REFUSED: BasisAnswer.DOES_NOT_GIVE,
    Look.BY_HAND: BasisAnswer.NO_ANSWER,
    Look.NOT_LIVE: BasisAnswer.NO_ANSWER,
}


def _as_read(policy: Policy, read_at: datetime | None, now: datetime) -> Policy:
    """Let a proof be older by the time for which its code has been waiting."""
    if read_at is None:
        return policy
    if read_at.utcoffset() is None:
        raise ValueError("code_read_at must be timezone-aware")
    waited = _between(read_at, now)
    if not timedelta(0) <= waited <= MAX_CODE_AGE:
        raise ValueError("a code was read before now, and at most 72 hours before")
    return replace(policy, max_proof_age=policy.max_proof_age + waited)


def _on_arrival(
    policy: Policy, arrival: date, now: datetime
) -> tuple[Policy, datetime]:
    """Return what to decide by about the evening of the day of arrival, and it."""
    evening = max(now, datetime.combine(arrival, _EVENING, now.tzinfo))
    ahead = _between(now, evening)
    later = replace(
        policy,
        max_proof_age=policy.max_proof_age + ahead,
        max_trust_age=policy.max_trust_age + ahead,
        max_list_age=policy.max_list_age + ahead,
    )
    return later, evening


def _between(start: datetime, end: datetime) -> timedelta:
    # Within one zone Python reckons by the wall clock, also across summer time.
    return end.astimezone(UTC) - start.astimezone(UTC)


def _nothing(trust: Trust, policy: Policy, arrival: date, now: datetime) -> EntryBasis:
    return EntryBasis(
        answer=BasisAnswer.NO_ANSWER,
        destination=policy.economy,
        arrival=arrival,
        answered_at=now,
        data_as_of=trust.issued_at,
    )


def _answer(
    decision: Decision, destination: str, arrival: date, now: datetime
) -> EntryBasis:
    bare = EntryBasis(
        answer=basis_answer(decision),
        destination=destination,
        arrival=arrival,
        answered_at=now,
        data_as_of=decision.evidence.data_as_of,
        reason=_reason_of(decision),
    )
    if bare.answer is not BasisAnswer.GIVES or not isinstance(decision, Accepted):
        return bare
    card = decision.card
    return replace(
        bare,
        stay_until=decision.entitlement.entry.stay_until,
        form=card.form,
        card_last_day=_last_day_of(card),
        passport_country=card.passport_country,
        passport_number_end=card.passport_number[-_END:],
        must_see=decision.must_see,
    )


def _reason_of(decision: Decision) -> Reason:
    if isinstance(decision, Accepted):
        return decision.entitlement.entry.reason
    return decision.reason


def _last_day_of(card: Card) -> date:
    # The moment at which it ends is the midnight after its last day.
    return (card.expires_at - timedelta(seconds=1)).date()


def _good_until(decision: Accepted, trust: Trust, policy: Policy) -> datetime:
    used = {decision.evidence.status_uri, decision.evidence.overlay_uri}
    ends = [
        min(each.expires_at, each.issued_at + policy.max_list_age)
        for each in trust.lists
        if each.uri in used
    ]
    trusted = min(trust.expires_at, trust.issued_at + policy.max_trust_age)
    return min(trusted, decision.card.expires_at, *ends)
