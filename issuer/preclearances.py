"""What the home economy asks of destinations, and what becomes of their answers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from issuer import audit, lifecycle
from issuer.dated import in_force
from issuer.economy import Form
from issuer.errors import Conflict, NotFound, StatementError
from issuer.jws import moment_on_wire, public_key_from_jwk
from issuer.lifecycle import PRECLEARANCE, Side
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.scheme import Scheme
from issuer.statements import Decision, SignedDecisions, verify_statement
from issuer.store import (
    AnswerTaken,
    Card,
    DestinationKey,
    HostedEconomy,
    LinkAnswer,
    LinkDecision,
    LinkQuestion,
    Preclearance,
    PreclearanceEvent,
    Role,
    SigningKey,
    Statement,
)
from issuer.waits import Wait, waits

State = lifecycle.Preclearance
PENDING: Final = sql("preclearance.state = 'pending'")
"""In these words, so that both databases see that a partial index will do."""
DECISIONS: Final = frozenset(
    step.event for step in PRECLEARANCE if Side.DESTINATION in step.by
)
"""The events that are a destination's alone, and that it signs."""
CARRIED: Final = "carried_over"
"""The first event of a lane that a replacement took over from the card before it."""

Limit = Annotated[int, Field(ge=1, le=200)]
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_HOME: Final = (Role.VETTING, Role.ISSUING)


# Moving one lane


def card_reference(card: Card) -> str:
    """Return what a destination calls a card when it signs."""
    return card.foreign_reference or f"card-{card.id}"


def locked(session: Session, *conditions: ColumnElement[bool]) -> list[Preclearance]:
    """Read lanes as they are now, and keep others from changing them until the end.

    Both sides change a lane, and each holds its own economy's log only.  They are
    locked in one order, so that two transactions cannot wait for each other.
    """
    return list(
        session.scalars(
            select(Preclearance)
            .where(*conditions)
            .order_by(Preclearance.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def next_seqs(session: Session, lanes: Iterable[Preclearance]) -> Mapping[int, int]:
    """Return the number of the next step of each lane."""
    keys = [lane.id for lane in lanes]
    rows = session.execute(
        select(PreclearanceEvent.preclearance_id, func.max(PreclearanceEvent.seq))
        .where(PreclearanceEvent.preclearance_id.in_(keys))
        .group_by(PreclearanceEvent.preclearance_id)
    )
    return {**dict.fromkeys(keys, 1), **{row[0]: row[1] + 1 for row in rows}}


def move(
    session: Session,
    desk: Desk,
    lane: Preclearance,
    event: str,
    *,
    by: Side,
    note: str = "",
    statement: int | None = None,
    bulk: int | None = None,
    seq: int | None = None,
) -> None:
    """Take one step: the state, its event and its row in the audit log.

    Args:
        session: Of the change; the lane is locked.
        desk: Who acts.
        lane: What changes.
        event: One of `issuer.lifecycle.PRECLEARANCE`.
        by: Which side acts.
        note: Internal to that side.
        statement: Where a destination signed it.
        bulk: The bulk change that it is part of.
        seq: The number of the step, where the caller knows it.

    Raises:
        IllegalTransition: It may not happen now, or not by that side.
    """
    row, entry = _step(
        desk, lane, event, seq or next_seqs(session, [lane])[lane.id], by=by,
        note=note, statement=statement, bulk=bulk,
    )  # fmt: skip
    session.add(row)
    desk.log_many(session, [entry])


def _step(
    desk: Desk,
    lane: Preclearance,
    event: str,
    seq: int,
    *,
    by: Side,
    note: str = "",
    statement: int | None = None,
    bulk: int | None = None,
) -> tuple[PreclearanceEvent, audit.Entry]:
    """Change a lane; return its event and its row of the log, to be added."""
    before = lane.state
    after = PRECLEARANCE.after(before, event, by=by)
    lane.state, lane.changed_at = after, desk.now
    match event:
        case "send" | "repend":
            _ask(lane, desk.now)
        case "approve" | "refuse":
            lane.answered_at = desk.now
        case "remind" | "ask_again":
            lane.reminded_at = desk.now
        case _:
            pass
    fields = {"statement": statement, "bulk": bulk}
    entry = audit.Entry(
        tag=f"preclearance:{event}",
        subject=f"preclearance:{lane.id}",
        fields={
            "before": before,
            "after": after,
            "card": lane.card_id,
            "destination": lane.destination,
            "issuer": lane.issuer,
            **{name: value for name, value in fields.items() if value is not None},
        },
    )
    return _event(desk, lane, event, before, seq, note=note, statement=statement), entry


def send(
    session: Session, desk: Desk, card: Card, destinations: Iterable[str], *, by: Side
) -> list[Preclearance]:
    """Ask destinations about a card that they have not been asked about."""
    return send_all(session, desk, [(card, code) for code in destinations], by=by)


def send_all(
    session: Session, desk: Desk, questions: Iterable[tuple[Card, str]], *, by: Side
) -> list[Preclearance]:
    """Ask about many cards at once; each card and destination for the first time."""
    lanes = [_new_lane(session, desk, card, code) for card, code in questions]
    session.flush()
    steps = [_step(desk, lane, "send", 1, by=by) for lane in lanes]
    session.add_all(row for row, _ in steps)
    desk.log_many(session, [entry for _, entry in steps])
    return lanes


def lapse_all(session: Session, desk: Desk, card: Card, why: str) -> int:
    """End every open lane of a card that has ended; return how many there were."""
    open_states = sorted(PRECLEARANCE.open_states())
    lanes = locked(
        session, Preclearance.card_id == card.id, Preclearance.state.in_(open_states)
    )
    for lane in lanes:
        move(session, desk, lane, "lapse", by=Side.SYSTEM, note=why)
    return len(lanes)


def carry_over(session: Session, desk: Desk, old: Card, new: Card) -> list[str]:
    """Give the lanes of a card to the one that replaces it; the old ones lapse.

    What was withdrawn is carried over too: a loss makes nothing forgotten.

    Args:
        session: Of the replacement.
        desk: Who replaces.
        old: The card that was lost.
        new: The one that continues it (``continues_id``); it has no lanes yet.

    Returns:
        The destinations, sorted.

    Raises:
        ValueError: ``new`` does not continue ``old``.
    """
    if new.continues_id != old.id or new.economy != old.economy:
        raise ValueError("the new card does not continue the old one")
    lanes = locked(
        session, Preclearance.card_id == old.id, Preclearance.state != State.LAPSED
    )
    for lane in lanes:
        _carry(session, desk, lane, new)
        if not PRECLEARANCE.is_final(lane.state):
            move(session, desk, lane, "lapse", by=Side.SYSTEM, note="replaced")
    return sorted(lane.destination for lane in lanes)


def _carry(session: Session, desk: Desk, lane: Preclearance, card: Card) -> None:
    copy = _new_lane(session, desk, card, lane.destination)
    copy.state, copy.hits = lane.state, lane.hits
    copy.asked_at, copy.answered_at = lane.asked_at, lane.answered_at
    copy.reminded_at = lane.reminded_at
    session.flush()
    session.add(_event(desk, copy, CARRIED, PRECLEARANCE.start, 1))
    desk.log(
        session,
        f"preclearance:{CARRIED}",
        f"preclearance:{copy.id}",
        before=PRECLEARANCE.start,
        after=copy.state,
        card=card.id,
        destination=copy.destination,
        issuer=copy.issuer,
    )


def _new_lane(
    session: Session, desk: Desk, card: Card, destination: str
) -> Preclearance:
    lane = Preclearance(
        card_id=card.id,
        issuer=card.economy,
        destination=destination,
        state=PRECLEARANCE.start,
        changed_at=desk.now,
    )
    session.add(lane)
    return lane


def _ask(lane: Preclearance, now: datetime) -> None:
    lane.asked_at, lane.answered_at, lane.reminded_at = now, None, None
    lane.hits = None  # whoever is asked anew looks anew


def _event(
    desk: Desk,
    lane: Preclearance,
    event: str,
    before: State,
    seq: int,
    *,
    note: str = "",
    statement: int | None = None,
) -> PreclearanceEvent:
    return PreclearanceEvent(
        preclearance_id=lane.id,
        seq=seq,
        event=event,
        before=before,
        after=lane.state,
        at=desk.now,
        actor_id=desk.actor.account_id,
        statement_id=statement,
        note=note,
    )


# A new passport


class Effect(StrEnum):
    """What a new passport does to one destination's answer."""

    KEEP = "keep"
    REPEND = "repend"
    """It is asked again; until it answers there is no pre-clearance."""
    DROP = "drop"
    """It lapses."""
    ASK = "ask"
    """It was never asked, and with this nationality it can be."""


def effect_of_passport_change(
    states: Mapping[str, State],
    *,
    scheme: Scheme,
    issuer: str,
    nationality_before: str,
    nationality_after: str,
    at: datetime,
) -> Mapping[str, Effect]:
    """Say what a new passport does to each destination's answer.

    A destination whose rule is not known is asked again.

    Args:
        states: By destination.
        scheme: In force.
        issuer: Of the card.
        nationality_before: In the passport that is linked now.
        nationality_after: In the new one; pair rules may change with it.
        at: The moment of the change; timezone-aware.

    Returns:
        By destination, sorted; what has ended is not among them.  A destination that
        suspended its answer keeps it suspended, one that refused keeps refusing.

    Raises:
        ValueError: ``at`` is naive, or a code is none of the scheme's.

    Source: dated key ``on_passport_change``; the pair rules.
    """
    possible = scheme.destinations(issuer, nationality_after, at)
    effects = {
        code: Effect.DROP if code not in possible else _effect(scheme, code, state, at)
        for code, state in states.items()
        if not PRECLEARANCE.is_final(state)
    }
    if nationality_before != nationality_after:
        effects |= {code: Effect.ASK for code in possible if code not in states}
    return dict(sorted(effects.items()))


def _effect(scheme: Scheme, destination: str, state: State, at: datetime) -> Effect:
    row = in_force(scheme.economy(destination).on_passport_change, at)
    rule = Effect(row.value) if row else Effect.REPEND
    if rule == Effect.DROP:
        return rule
    if state == State.PENDING:
        return Effect.REPEND  # the file that is open names the old passport
    return rule if state == State.APPROVED else Effect.KEEP


def apply_passport_change(
    session: Session,
    desk: Desk,
    card: Card,
    *,
    nationality_before: str,
    nationality_after: str,
) -> Mapping[str, Effect]:
    """Do what `effect_of_passport_change` says, to a card whose passport has changed.

    Returns:
        What was done, by destination.
    """
    lanes = {
        lane.destination: lane
        for lane in locked(session, Preclearance.card_id == card.id)
    }
    effects = effect_of_passport_change(
        {code: lane.state for code, lane in lanes.items()},
        scheme=desk.office.scheme(session),
        issuer=card.economy,
        nationality_before=nationality_before,
        nationality_after=nationality_after,
        at=desk.now,
    )
    for code, effect in effects.items():
        if effect in (Effect.REPEND, Effect.DROP):
            _apply(session, desk, lanes[code], effect)
    if lanes:  # a card that was never circulated is asked about when it is
        asked = [code for code, effect in effects.items() if effect == Effect.ASK]
        send(session, desk, card, asked, by=Side.SYSTEM)
    return effects


def _apply(session: Session, desk: Desk, lane: Preclearance, effect: Effect) -> None:
    note = "a new passport"
    if effect == Effect.DROP:
        move(session, desk, lane, "lapse", by=Side.SYSTEM, note=note)
    elif lane.state == State.PENDING:
        # Still pending: a reminder that begins the wait anew.
        move(session, desk, lane, "remind", by=Side.HOME, note=note)
        _ask(lane, desk.now)
    else:
        move(session, desk, lane, "repend", by=Side.SYSTEM, note=note)


# What the holder is shown


class Shown(StrEnum):
    """What the holder of a card is told of one destination."""

    WAITING = "waiting"
    CLEARED = "cleared"
    NOT_CLEARED = "not_cleared"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


_SHOWN: Final[Mapping[State, Shown]] = {
    State.NOT_SENT: Shown.WAITING,
    State.PENDING: Shown.WAITING,
    State.APPROVED: Shown.CLEARED,
    State.NOT_APPROVED: Shown.NOT_CLEARED,
    State.SUSPENDED: Shown.SUSPENDED,
    State.WITHDRAWN: Shown.WITHDRAWN,
    State.LAPSED: Shown.ENDED,
}


def as_shown_to_holder(
    state: State, *, scheme: Scheme, destination: str, form: Form, at: datetime
) -> Shown | None:
    """Say what the holder may see of a destination's answer.

    A refusal looks like waiting unless the destination is known to disclose it
    (``disclose_refusal``).

    Args:
        state: Of the lane.
        scheme: In force.
        destination: Whose answer.
        form: Of the card that shows it.
        at: Moment of showing; timezone-aware.

    Returns:
        None while this form does not show the destination (``display_suppressed``).
    """
    facts = scheme.economy(destination)
    hidden = in_force(facts.display_suppressed, at, subject=form)
    if hidden and hidden.value:
        return None
    disclosed = in_force(facts.disclose_refusal, at)
    if state == State.NOT_APPROVED and not (disclosed and disclosed.value):
        return Shown.WAITING
    return _SHOWN[state]


# Operations of the home economy


class ListLanes(Request):
    """Which answers of other economies to list."""

    destination: _Code | None = Field(None, description="Only this economy's.")
    state: State = Field(State.PENDING, description="Only those in this state.")
    overdue: bool = Field(
        default=False,
        description="Only those that wait for longer than the destination's target, or"
        " than twice its median where no target is known.",
    )
    after: int | None = Field(None, description="Go on behind this one.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class LaneLine(Answer):
    """One destination's answer to the question about one card."""

    id: int
    card: int
    destination: str
    state: State
    asked_at: datetime | None
    answered_at: datetime | None
    reminded_at: datetime | None
    age_days: int | None
    """Days since the question went out, while it is open."""
    target_days: int | None
    median_days: float | None
    overdue: bool


class LaneLines(Answer):
    """A page of answers, the oldest question first."""

    lanes: tuple[LaneLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "preclearance.list",
    "List what other economies answered, or have still to answer.",
    Role.INTAKE,
    *_HOME,
    changes=False,
)
def list_lanes(desk: Desk, given: ListLanes) -> LaneLines:
    """List lanes of this economy's cards."""

    def work(session: Session) -> LaneLines:
        scheme = desk.office.scheme(session)
        codes = [given.destination] if given.destination else list(scheme.economies)
        if given.destination and given.destination not in scheme.economies:
            raise NotFound(f"there is no economy {given.destination}")
        known = waits(session, scheme, codes, at=desk.now)
        query = select(Preclearance).where(
            Preclearance.issuer == desk.economy,
            PENDING if given.state == State.PENDING else _is(given.state),
            _of(given.destination),
            *([_is_overdue(known, desk.now)] if given.overdue else []),
        )
        rows, after = page(
            session, query, given.after, given.limit, economy=desk.economy
        )
        lines = tuple(lane_line(row, known[row.destination], desk.now) for row in rows)
        return LaneLines(lanes=lines, after=after)

    return desk.read(work)


def page(
    session: Session,
    query: Select[Preclearance],
    after: int | None,
    limit: int,
    *,
    economy: str,
) -> tuple[list[Preclearance], int | None]:
    """Run a query of lanes in the order in which they were asked; one page of it.

    It begins behind ``after`` if that is a lane of the economy that looks: where
    another's would stand says when it was asked.
    """
    begun = session.get(Preclearance, after) if after is not None else None
    if begun is not None and economy in (begun.issuer, begun.destination):
        order = tuple_(Preclearance.asked_at, Preclearance.id)
        query = query.where(order > (begun.asked_at, begun.id))
    rows = list(
        session.scalars(
            query.order_by(Preclearance.asked_at, Preclearance.id).limit(limit + 1)
        )
    )
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _is(state: State) -> ColumnElement[bool]:
    return Preclearance.state == state


def _of(destination: str | None) -> ColumnElement[bool]:
    return Preclearance.destination == destination if destination else true()


def _is_overdue(known: Mapping[str, Wait], now: datetime) -> ColumnElement[bool]:
    limits = {code: wait.limit for code, wait in known.items() if wait.limit}
    late = [
        and_(Preclearance.destination == code, Preclearance.asked_at < now - limit)
        for code, limit in limits.items()
    ]
    if not late:
        return false()
    # What is younger than the shortest limit is not even read.
    return and_(Preclearance.asked_at < now - min(limits.values()), or_(*late))


def lane_line(lane: Preclearance, wait: Wait, now: datetime) -> LaneLine:
    """Describe a lane beside what is known of its destination."""
    is_open = lane.state == State.PENDING
    return LaneLine(
        id=lane.id,
        card=lane.card_id,
        destination=lane.destination,
        state=lane.state,
        asked_at=lane.asked_at,
        answered_at=lane.answered_at,
        reminded_at=lane.reminded_at,
        age_days=(now - lane.asked_at).days if is_open and lane.asked_at else None,
        target_days=wait.target_days,
        median_days=days(wait),
        overdue=is_open and wait.is_overdue(lane.asked_at, now),
    )


def days(wait: Wait) -> float | None:
    """Return a median in days, to a tenth."""
    return (
        None if wait.median is None else round(wait.median.total_seconds() / 8640) / 10
    )


class OneLane(Request):
    """Which answer it is about."""

    preclearance: int = Field(description="Number of the pre-clearance.")
    note: str = Field("", max_length=2000, description="Internal; never shared.")


class LaneMoved(Answer):
    """What became of it."""

    preclearance: int
    state: State


@operation(
    "preclearance.remind",
    "Remind a destination that has not answered yet; it decides when it does.",
    *_HOME,
)
def remind(desk: Desk, given: OneLane) -> LaneMoved:
    """Remind."""
    return _home_event(desk, given, "remind")


@operation(
    "preclearance.ask_again",
    "Ask a destination that did not approve to look again.",
    *_HOME,
)
def ask_again(desk: Desk, given: OneLane) -> LaneMoved:
    """Ask again."""
    return _home_event(desk, given, "ask_again")


def _home_event(desk: Desk, given: OneLane, event: str) -> LaneMoved:
    def work(session: Session) -> LaneMoved:
        lane = own_lane(session, desk, given.preclearance)
        move(session, desk, lane, event, by=Side.HOME, note=given.note)
        return LaneMoved(preclearance=lane.id, state=lane.state)

    return once(desk, given, LaneMoved, work)


def own_lane(session: Session, desk: Desk, key: int) -> Preclearance:
    """Lock a lane of one of this economy's cards.

    Raises:
        NotFound: There is none, or it is of another economy's card.
    """
    lanes = locked(session, Preclearance.id == key, Preclearance.issuer == desk.economy)
    if not lanes:
        raise NotFound(f"there is no preclearance {key}")
    return lanes[0]


# Whether what is stored is what was signed


class CheckCard(Request):
    """Whose lanes to check."""

    card: int = Field(description="Number of the card.")


class Problem(Answer):
    """One event that is not covered."""

    preclearance: int
    seq: int
    problem: str


class Checked(Answer):
    """What a check of a card's lanes found."""

    events: int
    problems: tuple[Problem, ...]


@operation(
    "preclearance.check",
    "Check that every decision about a card is covered by what its destination signed.",
    Role.AUDIT,
    Role.PRECLEARANCE,
    *_HOME,
    changes=False,
)
def check(desk: Desk, given: CheckCard) -> Checked:
    """Check a card of this economy, or one that it was asked about."""

    def work(session: Session) -> Checked:
        card = session.get(Card, given.card)
        lanes = lanes_of(session, given.card)
        mine = [lane for lane in lanes if lane.destination == desk.economy]
        if card is None or (card.economy != desk.economy and not mine):
            raise NotFound(f"there is no card {given.card}")
        shown = lanes if card.economy == desk.economy else mine
        return check_card(session, desk.office.scheme(session), card, shown)

    return desk.read(work)


def lanes_of(session: Session, card: int) -> list[Preclearance]:
    """Return a card's lanes by destination."""
    return list(
        session.scalars(
            select(Preclearance)
            .where(Preclearance.card_id == card)
            .order_by(Preclearance.destination)
        )
    )


def check_card(
    session: Session, scheme: Scheme, card: Card, lanes: Iterable[Preclearance]
) -> Checked:
    """Follow the events of lanes, and read the statement behind each decision."""
    count, problems = 0, []
    known = {lane.id: lane for lane in lanes}
    for key, events in events_by_lane(session, known.values()).items():
        lane = known[key]
        count += len(events)
        problems += [
            Problem(preclearance=lane.id, seq=seq, problem=text)
            for seq, text in _lane_problems(session, scheme, card, lane, events)
        ]
    return Checked(events=count, problems=tuple(problems))


def events_of(session: Session, lane: Preclearance) -> list[PreclearanceEvent]:
    """Return a lane's events in their order."""
    return events_by_lane(session, [lane])[lane.id]


def events_by_lane(
    session: Session, lanes: Iterable[Preclearance]
) -> Mapping[int, list[PreclearanceEvent]]:
    """Return the events of some lanes, each lane's in their order."""
    found: dict[int, list[PreclearanceEvent]] = {lane.id: [] for lane in lanes}
    query = (
        select(PreclearanceEvent)
        .where(PreclearanceEvent.preclearance_id.in_(found))
        .order_by(PreclearanceEvent.preclearance_id, PreclearanceEvent.seq)
    )
    for event in session.scalars(query):
        found[event.preclearance_id].append(event)
    return found


def _lane_problems(
    session: Session,
    scheme: Scheme,
    card: Card,
    lane: Preclearance,
    events: list[PreclearanceEvent],
) -> Iterator[tuple[int, str]]:
    state = PRECLEARANCE.start
    for seq, event in enumerate(events, start=1):
        if (event.seq, event.before) != (seq, state):
            yield seq, "does not follow the event before it"
            return
        if text := _event_problem(session, scheme, card, lane, event):
            yield seq, text
        state = event.after
    if state != lane.state:
        yield len(events), f"the lane is {lane.state}, and its last event says {state}"


def _event_problem(
    session: Session,
    scheme: Scheme,
    card: Card,
    lane: Preclearance,
    event: PreclearanceEvent,
) -> str:
    if event.event == CARRIED:
        return _carried_problem(session, card, lane, event)
    if event.event not in DECISIONS:
        return "" if event.statement_id is None else "is no decision, but has one"
    if event.statement_id is None:
        if session.get(HostedEconomy, lane.destination) is not None:
            return "was never signed"
        return _problem_of_answer(session, scheme, lane, event)
    statement = session.get_one(Statement, event.statement_id)
    try:
        said = read_statement(session, scheme, statement, lane.destination)
    except StatementError as error:
        return f"its statement {error}"
    seq = _seq_of(session, lane, event)
    wanted = Decision(
        issuer=lane.issuer,
        card=card_reference(card),
        seq=event.seq if seq is None else seq,
        event=event.event,
        after=event.after,
    )
    is_then = seq is not None or said.iat == moment_on_wire(event.at)
    return "" if wanted in said.decisions and is_then else "is not in its statement"


def _problem_of_answer(
    session: Session, scheme: Scheme, lane: Preclearance, event: PreclearanceEvent
) -> str:
    """Follow a step to the answer that came over a link; a letter leaves none."""
    found = session.execute(
        select(LinkDecision, LinkAnswer)
        .join(LinkAnswer, LinkAnswer.id == LinkDecision.answer_id)
        .join(LinkQuestion, LinkQuestion.id == LinkDecision.question_id)
        .where(
            LinkQuestion.preclearance_id == lane.id,
            LinkDecision.event_seq == event.seq,
        )
    ).one_or_none()
    if found is None:
        return ""
    decision, answer = found
    wanted = Decision(
        issuer=lane.issuer,
        card=decision.reference,
        seq=decision.seq,
        event=decision.event,
        after=decision.after,
    )
    try:
        said = verify_statement(
            answer.text,
            iss=scheme.economy(lane.destination).issuer_url,
            key_id=answer.key_id,
            key=public_key_from_jwk(json.loads(answer.public_key)),
        )
    except (StatementError, ValueError) as error:
        return f"its answer {error}"
    # A refusal of the card that replaces another withdraws what was taken over.
    counts_as = "withdrawn" if event.event == "withdraw" else decision.after
    covered = wanted in said.decisions and counts_as == event.after
    return "" if covered else "is not in its answer"


def _seq_of(
    session: Session, lane: Preclearance, event: PreclearanceEvent
) -> int | None:
    """Return what a destination elsewhere counts a step as; None for one of ours."""
    return session.scalars(
        select(AnswerTaken.seq).where(
            AnswerTaken.preclearance_id == lane.id, AnswerTaken.event_seq == event.seq
        )
    ).one_or_none()


def _carried_problem(
    session: Session, card: Card, lane: Preclearance, event: PreclearanceEvent
) -> str:
    """Compare with the lane of the card before: its last word, before it lapsed."""
    old = session.scalars(
        select(Preclearance).where(
            Preclearance.card_id == card.continues_id,
            Preclearance.destination == lane.destination,
        )
    ).one_or_none()
    if old is None or event.seq != 1:
        return "was carried over from nowhere"
    last = events_of(session, old)[-1]
    state = last.before if last.event == "lapse" else last.after
    return "" if state == event.after else f"was {state} when it was carried over"


def read_statement(
    session: Session, scheme: Scheme, statement: Statement, destination: str
) -> SignedDecisions:
    """Verify a stored statement with the key of its economy.

    Raises:
        StatementError: It is not that economy's, or not signed by the key it names.
    """
    known: SigningKey | DestinationKey | None = session.scalars(
        select(SigningKey).where(
            SigningKey.economy == destination,
            SigningKey.key_id == statement.key_id,
            SigningKey.use == "status",
        )
    ).one_or_none()
    if known is None:
        known = session.get(DestinationKey, (destination, statement.key_id))
    if known is None:
        raise StatementError(f"names a key that is none of {destination}")
    return verify_statement(
        statement.text,
        iss=scheme.economy(destination).issuer_url,
        key_id=known.key_id,
        key=public_key_from_jwk(json.loads(known.public_key)),
    )


def refuse_if(problem: bool, code: str, detail: str) -> None:
    """Raise `Conflict` where something stands in the way."""
    if problem:
        raise Conflict(code, detail)
