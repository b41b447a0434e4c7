"""What a destination does with the requests of other economies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from issuer.errors import Conflict, IllegalTransition, NotFound
from issuer.lifecycle import PRECLEARANCE, Side
from issuer.limits import check_limit
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import (
    DECISIONS,
    PENDING,
    LaneLine,
    Limit,
    State,
    card_reference,
    events_of,
    lane_line,
    locked,
    move,
    next_seqs,
    page,
    read_statement,
)
from issuer.statements import Decision, sign_statement
from issuer.store import (
    Card,
    HitState,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    Role,
    Sex,
    Statement,
    WatchHit,
)
from issuer.waits import waits
from issuer.watchlist import Hits, NoAnswer
from issuer.watchlist import Person as Asked

GRANTS: Final = frozenset(
    step.event
    for step in PRECLEARANCE
    if step.after == State.APPROVED and Side.DESTINATION in step.by
)
"""The decisions that let somebody in; they wait for the watch list."""
_UNSCREENED: Final = sql("preclearance.state = 'pending' AND preclearance.hits IS NULL")
_WITH_HITS: Final = sql("preclearance.hits > 0")
CONSEQUENCES: Final[Mapping[str, str]] = {
    "approve": "The holder may enter without a visa for as long as the card lasts.",
    "refuse": "The home economy sees that you did not approve; no reason is given.",
    "reconsider": "The refusal becomes an approval.",
    "suspend": "The approval stops counting at the next list, until you reinstate it.",
    "reinstate": "The approval counts again from the next list on.",
    "withdraw": "The approval ends for good and cannot come back for this card.",
}
"""What a decision does, in one sentence."""


class Event(StrEnum):
    """What a destination may decide."""

    APPROVE = "approve"
    REFUSE = "refuse"
    RECONSIDER = "reconsider"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    WITHDRAW = "withdraw"


class Screening(StrEnum):
    """Where a request stands with the destination's watch list."""

    NOT_CONFIGURED = "not_configured"
    """This economy has no list here; it screens by other means."""
    WAITING = "waiting"
    """Nobody has looked yet, or the list did not answer."""
    OPEN_HITS = "open_hits"
    CLEAR = "clear"
    """Nothing was found, or an officer has settled what was."""


# Deciding


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is going to be decided about one request, as it was found."""

    lane: int
    before: State
    decision: Decision


def plan(session: Session, desk: Desk, key: int, event: str) -> Plan:
    """Check that a request may be decided so, now.

    Raises:
        NotFound: There is none, or it is another destination's.
        IllegalTransition: It is in no state for this.
        Conflict: ``incoming.unscreened`` or ``incoming.open_hits``: it is an approval,
            and the watch list has not said that it is clear.
    """
    result = plan_many(session, desk, [key], event)[key]
    if isinstance(result, Plan):
        return result
    raise result


Refused = Conflict | IllegalTransition | NotFound


def plan_many(
    session: Session, desk: Desk, keys: Sequence[int], event: str
) -> Mapping[int, Plan | Refused]:
    """Check many requests as `plan` does; what refuses one takes its place.

    Args:
        session: At work.
        desk: The destination's.
        keys: At most 1,000.
        event: What is to be decided.
    """
    lanes = {
        lane.id: lane
        for lane in session.scalars(
            select(Preclearance).where(
                Preclearance.id.in_(keys),
                Preclearance.destination == desk.economy,
                Preclearance.asked_at.is_not(None),
            )
        )
    }
    seqs = next_seqs(session, lanes.values())
    cards = _cards(session, lanes.values())
    plans: dict[int, Plan | Refused] = {}
    for key in keys:
        lane = lanes.get(key)
        if lane is None:
            plans[key] = NotFound(f"there is no preclearance {key}")
            continue
        plans[key] = _plan(desk, lane, cards[lane.card_id], seqs[key], event)
    return plans


def _plan(
    desk: Desk, lane: Preclearance, card: Card, seq: int, event: str
) -> Plan | Refused:
    try:
        after = PRECLEARANCE.after(lane.state, event, by=Side.DESTINATION)
        _check_screened(desk, lane, event)
    except (Conflict, IllegalTransition) as error:
        return error
    decision = Decision(
        issuer=lane.issuer,
        card=card_reference(card),
        seq=seq,
        event=event,
        after=after,
    )
    return Plan(lane=lane.id, before=lane.state, decision=decision)


def _cards(session: Session, lanes: Iterable[Preclearance]) -> Mapping[int, Card]:
    keys = {lane.card_id for lane in lanes}
    cards = session.scalars(select(Card).where(Card.id.in_(keys)))
    return {card.id: card for card in cards}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Decisions and the statements about them, not stored yet."""

    plans: tuple[Plan, ...]
    key_id: str
    texts: Mapping[str, str]
    """By issuer: none is told what was decided about the cards of another."""


def sign_plans(desk: Desk, plans: Sequence[Plan]) -> Signed:
    """Sign decisions with the destination's status key; no transaction is open.

    Each issuer whose cards are among them has a statement of its own.

    Raises:
        SigningError: The key is not the one published, or answered something else.
        ValueError: There are more than 1,000 of one issuer.
    """
    signer, record = desk.office.signers.signer(desk.economy, "status", now=desk.now)
    scheme = desk.read(desk.office.scheme)
    by_issuer: dict[str, list[Decision]] = {}
    for each in plans:
        by_issuer.setdefault(each.decision.issuer, []).append(each.decision)
    texts = {
        issuer: sign_statement(
            decisions,
            iss=scheme.economy(desk.economy).issuer_url,
            iat=desk.now,
            signer=signer,
            record=record,
        )
        for issuer, decisions in by_issuer.items()
    }
    return Signed(plans=tuple(plans), key_id=record.key_id, texts=texts)


def store_signed(
    session: Session, desk: Desk, signed: Signed, *, note: str, bulk: int | None = None
) -> Mapping[int, State]:
    """Store decisions that were signed, if everything still is as it was then.

    Args:
        session: Of the change.
        desk: The destination's.
        signed: What was signed.
        note: Internal to the destination.
        bulk: The bulk change that it is part of.

    Returns:
        The state of each request.

    Raises:
        Conflict: ``preclearance.changed``: one of them was decided, or its card ended,
            in between; or what `plan` raises.
        StatementError: The statement is not by a key of this economy that is published.
    """
    wanted = {each.lane: each for each in signed.plans}
    lanes = locked(
        session,
        Preclearance.id.in_(sorted(wanted)),
        Preclearance.destination == desk.economy,
    )
    seqs = next_seqs(session, lanes)
    for lane in lanes:
        if _has_changed(lane, seqs[lane.id], wanted[lane.id]):
            raise Conflict(
                "preclearance.changed", "somebody else has just changed this request"
            )
        _check_screened(desk, lane, wanted[lane.id].decision.event)
    statements = _store_statements(session, desk, signed)
    for lane in lanes:
        decision = wanted[lane.id].decision
        move(session, desk, lane, decision.event, by=Side.DESTINATION, note=note,
             statement=statements[decision.issuer], bulk=bulk,
             seq=seqs[lane.id])  # fmt: skip
    return {lane.id: lane.state for lane in lanes}


def _store_statements(session: Session, desk: Desk, signed: Signed) -> dict[str, int]:
    """Keep what was signed, if it can be believed; return the numbers by issuer."""
    scheme = desk.office.scheme(session)
    rows = [
        Statement(
            economy=desk.economy,
            key_id=signed.key_id,
            text=text,
            at=desk.now,
            issuer=issuer,
        )
        for issuer, text in signed.texts.items()
    ]
    for each in rows:
        read_statement(session, scheme, each, desk.economy)
    session.add_all(rows)
    session.flush()
    return {each.issuer or "": each.id for each in rows}


def _has_changed(lane: Preclearance, seq: int, wanted: Plan) -> bool:
    return (lane.state, seq) != (wanted.before, wanted.decision.seq)


def _check_screened(desk: Desk, lane: Preclearance, event: str) -> None:
    if event not in GRANTS:
        return
    match _screening(desk, lane):
        case Screening.WAITING:
            raise Conflict(
                "incoming.unscreened",
                "the watch list has not answered about this request; screen it first",
            )
        case Screening.OPEN_HITS:
            raise Conflict(
                "incoming.open_hits",
                "hits on the watch list are open; settle them first",
            )
        case _:
            pass


def _screening(desk: Desk, lane: Preclearance) -> Screening:
    if lane.hits:
        return Screening.OPEN_HITS
    if desk.economy not in desk.office.watch_lists:
        return Screening.NOT_CONFIGURED
    return Screening.WAITING if lane.hits is None else Screening.CLEAR


def found(session: Session, desk: Desk, key: int) -> Preclearance:
    """Return a request to this economy.

    Raises:
        NotFound: There is none, or it is another destination's.
    """
    lane = session.get(Preclearance, key)
    if lane is None or lane.destination != desk.economy or lane.asked_at is None:
        raise NotFound(f"there is no preclearance {key}")
    return lane


class Decide(Request):
    """A destination's decision about one request."""

    preclearance: int = Field(description="Number of the request.")
    event: Event = Field(description="What is decided.")
    note: str = Field(
        "", max_length=2000, description="Internal; the home economy never sees it."
    )


class Decided(Answer):
    """What became of the request, and where it was signed."""

    preclearance: int
    state: State


@operation(
    "incoming.decide",
    "Decide about a request of another economy, and sign the decision.",
    Role.PRECLEARANCE,
)
def decide(desk: Desk, given: Decide) -> Decided:
    """Check, sign outside any transaction, check again and store."""
    earlier = _receipt(desk, given)
    if earlier is not None:
        return earlier
    one = desk.read(
        lambda session: plan(session, desk, given.preclearance, given.event)
    )
    signed = sign_plans(desk, [one])

    def work(session: Session) -> Decided:
        check_limit(session, desk, "decide")
        states = store_signed(session, desk, signed, note=given.note)
        return Decided(preclearance=one.lane, state=states[one.lane])

    return once(desk, given, Decided, work)


class _Unanswered(Exception):  # noqa: N818  # never leaves this module
    """The request was not answered before."""


def _receipt(desk: Desk, given: Decide) -> Decided | None:
    """Return the answer that the same request got before, if it did."""
    if desk.request_key is None:
        return None

    def never(session: Session) -> Decided:
        raise _Unanswered

    try:
        return once(desk, given, Decided, never)
    except _Unanswered:
        return None


# Looking


class ListIncoming(Request):
    """Which requests to list."""

    issuer: str | None = Field(
        None, pattern=r"^[A-Z]{3}$", description="Only this economy's."
    )
    state: State = Field(State.PENDING, description="Only those in this state.")
    screening: Screening | None = Field(
        None, description="Of those that are pending: only these (waiting, open_hits)."
    )
    after: int | None = Field(None, description="Go on behind this one.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class RequestLine(Answer):
    """A request of another economy, and how long it has waited."""

    lane: LaneLine
    issuer: str
    family_name: str
    given_name: str
    nationality: str
    screening: Screening
    hits: int | None


class RequestLines(Answer):
    """A page of requests, the oldest first."""

    requests: tuple[RequestLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "incoming.list",
    "List the requests of other economies, the oldest first.",
    Role.PRECLEARANCE,
    changes=False,
)
def list_incoming(desk: Desk, given: ListIncoming) -> RequestLines:
    """List requests to this economy."""

    def work(session: Session) -> RequestLines:
        query = select(Preclearance).where(
            Preclearance.destination == desk.economy,
            *_wanted(given),
            Preclearance.issuer == given.issuer if given.issuer else true(),
        )
        rows, after = page(
            session, query, given.after, given.limit, economy=desk.economy
        )
        wait = waits(session, desk.office.scheme(session), [desk.economy], at=desk.now)[
            desk.economy
        ]
        people = _people(session, rows)
        lines = tuple(
            RequestLine(
                lane=lane_line(row, wait, desk.now),
                issuer=row.issuer,
                family_name=people[row.card_id].family_name,
                given_name=people[row.card_id].given_name,
                nationality=people[row.card_id].nationality,
                screening=_screening(desk, row),
                hits=row.hits,
            )
            for row in rows
        )
        desk.log(
            session,
            "queue:read",
            "queue:incoming",
            queue="incoming",
            records=[row.id for row in rows],
            count=len(rows),
        )
        return RequestLines(requests=lines, after=after)

    return desk.look(work)


def _wanted(given: ListIncoming) -> list[ColumnElement[bool]]:
    match given.screening:
        case Screening.WAITING:
            return [_UNSCREENED]  # type: ignore[list-item]  # text is a condition too
        case Screening.OPEN_HITS:
            return [_WITH_HITS, PENDING]  # type: ignore[list-item]  # likewise
        case Screening.CLEAR:
            return [PENDING, Preclearance.hits == 0]  # type: ignore[list-item]  # likewise
        case _ if given.state == State.PENDING:
            return [PENDING]  # type: ignore[list-item]  # likewise
        case _:
            return [Preclearance.state == given.state]


def _people(session: Session, rows: Iterable[Preclearance]) -> Mapping[int, Person]:
    cards = {row.card_id for row in rows}
    query = (
        select(Card.id, Person)
        .join(Person, Card.person_id == Person.id)
        .where(Card.id.in_(cards))
    )
    return {row[0]: row[1] for row in session.execute(query)}


class ShowIncoming(Request):
    """Which request to show."""

    preclearance: int = Field(description="Number of the request.")


class Hit(Answer):
    """What a watch list says."""

    id: int
    reference: str
    list_version: str
    found_at: datetime
    state: HitState


class Happened(Answer):
    """One event of a request."""

    at: datetime
    event: str
    after: State
    note: str
    """Only of this side's own events."""
    signed: bool


class Action(Answer):
    """Something that may be done now."""

    operation: str
    event: str
    consequence: str
    """In one sentence."""
    blocked: str | None
    """Why it cannot be done yet; None if it can."""


class IncomingCase(Answer):
    """What a destination may see of a request; nothing of the home economy's review."""

    lane: LaneLine
    issuer: str
    family_name: str
    given_name: str
    machine_family_name: str
    machine_given_name: str
    birthdate: date
    sex: Sex
    nationality: str
    passport_country: str
    passport_number: str
    passport_expires_on: date
    card_state: str
    card_expires_at: datetime | None
    screening: Screening
    hits: tuple[Hit, ...]
    timeline: tuple[Happened, ...]
    actions: tuple[Action, ...]


@operation(
    "incoming.show",
    "Show a request of another economy; that it was read is logged.",
    Role.PRECLEARANCE,
    changes=False,
)
def show_incoming(desk: Desk, given: ShowIncoming) -> IncomingCase:
    """Show one request."""

    def work(session: Session) -> IncomingCase:
        lane = found(session, desk, given.preclearance)
        desk.log(session, "preclearance:read", f"preclearance:{lane.id}")
        return _case(session, desk, lane)

    return desk.look(work)


def _case(session: Session, desk: Desk, lane: Preclearance) -> IncomingCase:
    card = session.get_one(Card, lane.card_id)
    person = session.get_one(Person, card.person_id)
    passport = linked_passport(session, card)
    wait = waits(session, desk.office.scheme(session), [desk.economy], at=desk.now)
    return IncomingCase(
        lane=lane_line(lane, wait[desk.economy], desk.now),
        issuer=lane.issuer,
        family_name=person.family_name,
        given_name=person.given_name,
        machine_family_name=person.machine_family_name,
        machine_given_name=person.machine_given_name,
        birthdate=person.birthdate,
        sex=person.sex,
        nationality=person.nationality,
        passport_country=passport.issuer,
        passport_number=passport.number,
        passport_expires_on=passport.expires_on,
        card_state=card.state,
        card_expires_at=card.expires_at,
        screening=_screening(desk, lane),
        hits=tuple(map(_hit, _hits(session, lane))),
        timeline=tuple(
            Happened(
                at=event.at,
                event=event.event,
                after=event.after,
                note=event.note if event.event in DECISIONS else "",
                signed=event.statement_id is not None,
            )
            for event in events_of(session, lane)
        ),
        actions=_actions(desk, lane),
    )


def _actions(desk: Desk, lane: Preclearance) -> tuple[Action, ...]:
    return tuple(
        Action(
            operation="incoming.decide",
            event=event,
            consequence=CONSEQUENCES[event],
            blocked=_blocked(desk, lane, event),
        )
        for event in PRECLEARANCE.allowed(lane.state, by=Side.DESTINATION)
    )


def _blocked(desk: Desk, lane: Preclearance, event: str) -> str | None:
    try:
        _check_screened(desk, lane, event)
    except Conflict as error:
        return error.detail
    return None


def linked_passport(session: Session, card: Card) -> Passport:
    """Return the passport that a card goes with, or went with last."""
    return session.scalars(
        select(Passport)
        .join(PassportLink, PassportLink.passport_id == Passport.id)
        .where(PassportLink.card_id == card.id)
        .order_by(PassportLink.id.desc())
        .limit(1)
    ).one()


def _hits(session: Session, lane: Preclearance) -> list[WatchHit]:
    return list(
        session.scalars(
            select(WatchHit)
            .where(WatchHit.preclearance_id == lane.id)
            .order_by(WatchHit.id)
        )
    )


def _hit(hit: WatchHit) -> Hit:
    return Hit(
        id=hit.id,
        reference=hit.reference,
        list_version=hit.list_version,
        found_at=hit.found_at,
        state=hit.state,
    )


# The watch list


class Screen(Request):
    """How much to screen."""

    limit: Annotated[int, Field(ge=1, le=1000)] = Field(
        200, description="Requests to ask about, the oldest first; up to 1,000."
    )


class Screened(Answer):
    """What the watch list said."""

    clear: int
    with_hits: int
    no_answer: int
    """These stay as they were: nobody has looked at them."""
    problems: tuple[str, ...]
    """Why the list did not answer, each once."""


@operation(
    "incoming.screen",
    "Ask the watch list about the requests that nobody has looked at yet.",
    Role.PRECLEARANCE,
)
def screen(desk: Desk, given: Screen) -> Screened:
    """Read, ask outside any transaction, and store the answers.

    Raises:
        Conflict: ``incoming.no_watch_list``: this economy has none here.
    """
    watch_list = desk.office.watch_lists.get(desk.economy)
    if watch_list is None:
        raise Conflict("incoming.no_watch_list", "no watch list is configured")
    asked = desk.read(lambda session: _unscreened(session, desk, given.limit))
    answers = watch_list.screen([person for _, person in asked])
    said = {
        lane: answer for (lane, _), answer in zip(asked, answers, strict=True)
    }  # fmt: skip
    silent = [each for each in said.values() if isinstance(each, NoAnswer)]
    heard = {k: each for k, each in said.items() if not isinstance(each, NoAnswer)}

    def work(session: Session) -> Screened:
        for lane in locked(session, Preclearance.id.in_(heard), _UNSCREENED):  # type: ignore[arg-type]  # text is a condition too
            answer = heard[lane.id]
            lane.hits = (
                _store_hits(session, desk, lane, answer)
                if isinstance(answer, Hits)
                else 0
            )
            desk.log(
                session,
                "preclearance:screened",
                f"preclearance:{lane.id}",
                hits=lane.hits,
                list_version=answer.version,
            )
        found_some = sum(isinstance(each, Hits) for each in heard.values())
        return Screened(
            clear=len(heard) - found_some,
            with_hits=found_some,
            no_answer=len(silent),
            problems=tuple(sorted({each.reason for each in silent})),
        )

    return desk.write(work)


def _unscreened(session: Session, desk: Desk, limit: int) -> list[tuple[int, Asked]]:
    query = select(Preclearance).where(
        Preclearance.destination == desk.economy, _UNSCREENED
    )
    rows, _ = page(session, query, None, limit, economy=desk.economy)
    return [(row.id, _asked(session, row)) for row in rows]


def _asked(session: Session, lane: Preclearance) -> Asked:
    card = session.get_one(Card, lane.card_id)
    person = session.get_one(Person, card.person_id)
    passports = session.scalars(
        select(Passport).where(Passport.person_id == person.id)
    ).all()
    return Asked(
        names=(
            (person.machine_family_name, person.machine_given_name),
            (person.family_name, person.given_name),
        ),
        birthdate=person.birthdate,
        nationality=person.nationality,
        passports=tuple((each.issuer, each.number) for each in passports),
    )


def _store_hits(session: Session, desk: Desk, lane: Preclearance, answer: Hits) -> int:
    """Add what is new; a hit that was settled under the same version stays settled."""
    known = {
        hit.reference: hit
        for hit in _hits(session, lane)
        if hit.list_version == answer.version
    }
    session.add_all(
        WatchHit(
            preclearance_id=lane.id,
            list_version=answer.version,
            reference=reference,
            found_at=desk.now,
            state=HitState.OPEN,
        )
        for reference in answer.references
        if reference not in known
    )
    session.flush()
    return _open_hits(session, lane)


def _open_hits(session: Session, lane: Preclearance) -> int:
    count = session.scalar(
        select(func.count())
        .select_from(WatchHit)
        .where(WatchHit.preclearance_id == lane.id, WatchHit.state == HitState.OPEN)
    )
    return count or 0


class SettleHit(Request):
    """What an officer says of a hit."""

    hit: int = Field(description="Number of the hit.")
    outcome: HitState = Field(
        description="other_person or same_person, after looking it up in the list."
    )


class HitSettled(Answer):
    """How many hits are left open."""

    preclearance: int
    hit: int
    state: HitState
    open: int


@operation(
    "incoming.settle_hit",
    "Say whether a hit on the watch list is the traveller.",
    Role.PRECLEARANCE,
)
def settle_hit(desk: Desk, given: SettleHit) -> HitSettled:
    """Settle one hit."""

    def work(session: Session) -> HitSettled:
        hit = session.get(WatchHit, given.hit, with_for_update=True)
        if hit is None:
            raise NotFound(f"there is no watch_hit {given.hit}")
        mine = locked(
            session,
            Preclearance.id == hit.preclearance_id,
            Preclearance.destination == desk.economy,
        )
        if not mine:
            raise NotFound(f"there is no watch_hit {given.hit}")
        if hit.state != HitState.OPEN:
            raise Conflict("incoming.hit_settled", "somebody has settled this hit")
        if given.outcome == HitState.OPEN:
            raise Conflict("incoming.hit_outcome", "say whose hit it is")
        hit.state, hit.settled_by = given.outcome, desk.actor.account_id
        hit.settled_at = desk.now
        session.flush()
        lane = mine[0]
        lane.hits = _open_hits(session, lane)
        desk.log(
            session,
            "preclearance:hit_settled",
            f"preclearance:{lane.id}",
            hit=hit.id,
            after=given.outcome,
        )
        return HitSettled(
            preclearance=lane.id, hit=hit.id, state=hit.state, open=lane.hits
        )

    return once(desk, given, HitSettled, work)
