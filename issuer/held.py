"""Decisions about incoming requests that can still be taken back.

Held, a decision is neither signed nor sent: nobody but its officer's economy knows of
it.  It is sent by its officer's next look at the desk once `HOLD` is over.  An officer
who leaves for longer than `FRESH` finds it waiting on return, to be sent or taken back
on purpose; nothing is lost, and nothing is ever sent in the name of somebody else.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, IllegalTransition, IssuerError, NotFound
from issuer.incoming import Decide, Event, decide, plan
from issuer.limits import check_limit
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import refuse_if
from issuer.sessions import IDLE
from issuer.store import Card, HeldDecision, Person, Preclearance, Role

HOLD: Final = timedelta(seconds=10)
"""How long a decision can be taken back before it is due."""
FRESH: Final = IDLE
"""How long it is sent without asking again: as long as a browser stays signed in."""
_TICK: Final = timedelta(microseconds=1)
_ROLE: Final = Role.PRECLEARANCE


class Held(Answer):
    """A decision that is held."""

    held: int
    preclearance: int
    event: Event
    family_name: str
    given_name: str
    issuer: str
    held_at: datetime
    due_at: datetime
    """From when it is sent at the next look."""
    is_left: bool
    """Its officer was away for too long: it is sent only when they say so again."""


class HeldDecisions(Answer):
    """The decisions of this account that are held, the oldest first."""

    decisions: tuple[Held, ...]


class NoChoice(Request):
    """Nothing to choose."""


@operation(
    "incoming.hold",
    "Take a decision that can still be taken back; it is neither signed nor sent.",
    _ROLE,
)
def hold(desk: Desk, given: Decide) -> Held:
    """Hold a decision after the checks that deciding makes.

    Raises:
        NotFound, IllegalTransition, Conflict: As for `incoming.decide`, with
            ``limit.operator``, where those that are held count as well; or
            ``incoming.held``: somebody's decision about it is held already.
    """

    def work(session: Session) -> Held:
        plan(session, desk, given.preclearance, given.event)
        # Those that are held will be sent as well.
        check_limit(session, desk, "decide", more=1 + _count(session, desk))
        refuse_if(
            _about(session, given.preclearance) is not None,
            "incoming.held",
            "a decision about this request is about to be sent",
        )
        row = HeldDecision(
            economy=desk.economy,
            preclearance_id=given.preclearance,
            account_id=desk.actor.account_id,
            event=given.event.value,
            note=given.note,
            reason=desk.reason,
            held_at=desk.now,
        )
        session.add(row)
        session.flush()
        _log(session, desk, row, "held")
        return _shown(session, desk, row)

    return once(desk, given, Held, work)


@operation(
    "incoming.held", "List one's own decisions that are held.", _ROLE, changes=False
)
def list_held(desk: Desk, given: NoChoice) -> HeldDecisions:
    """List them; whose they are is logged."""

    def work(session: Session) -> HeldDecisions:
        shown = [_shown(session, desk, row) for row in session.scalars(_own(desk))]
        if shown:
            desk.log(
                session,
                "queue:read",
                "queue:held",
                queue="held",
                records=[each.preclearance for each in shown],
                count=len(shown),
            )
        return HeldDecisions(decisions=tuple(shown))

    return desk.look(work)


class Undo(Request):
    """Which decision to take back."""

    held: int = Field(description="Number of the decision that is held.")


class Undone(Answer):
    """The request is as it was."""

    preclearance: int


@operation("incoming.undo", "Take a decision back that is held.", _ROLE)
def undo(desk: Desk, given: Undo) -> Undone:
    """Take a decision back; the request is as it was.

    Raises:
        NotFound: This account holds none such; it may have been sent.
    """

    def work(session: Session) -> Undone:
        row = session.get(HeldDecision, given.held)
        if row is None or row.account_id != desk.actor.account_id:
            raise NotFound(f"there is no held decision {given.held}")
        _log(session, desk, row, "undone")
        session.delete(row)
        return Undone(preclearance=row.preclearance_id)

    return once(desk, given, Undone, work)


class SendHeld(Request):
    """Which to send."""

    held: int | None = Field(
        None, description="Only this one, at once; else those that are due."
    )


class NotSent(Answer):
    """A decision that could not be sent, and is held no longer."""

    preclearance: int
    event: Event
    code: str
    detail: str


class Sent(Answer):
    """What became of the decisions that were held."""

    sent: tuple[int, ...]
    """Numbers of the requests."""
    refused: tuple[NotSent, ...]


@operation("incoming.send_held", "Send one's own decisions that are due.", _ROLE)
def send_held(desk: Desk, given: SendHeld) -> Sent:
    """Send what is due: sign and store each decision as `incoming.decide` does.

    One that is refused by now is dropped, logged and told.  What was left for longer
    than `FRESH` is sent only by its number.

    Raises:
        SigningError, StoreDown: What is left stays held.
    """
    query = _own(desk).where(
        HeldDecision.id == given.held
        if given.held is not None
        else HeldDecision.held_at.between(desk.now - FRESH + _TICK, desk.now - HOLD)
    )
    due = desk.read(lambda session: list(session.scalars(query)))
    told = [(row, _send(desk, row)) for row in due]
    return Sent(
        sent=tuple(row.preclearance_id for row, why in told if why is None),
        refused=tuple(
            NotSent(
                preclearance=row.preclearance_id,
                event=Event(row.event),
                code=_code(why),
                detail=str(getattr(why, "detail", why)),
            )
            for row, why in told
            if why is not None
        ),
    )


def _send(desk: Desk, row: HeldDecision) -> IssuerError | None:
    # Under its own key: sent twice, by two tabs or after a crash, it is done once.
    own = replace(
        desk,
        reason=row.reason,
        request_key=f"held-{row.id}-{row.held_at:%y%m%d%H%M%S%f}",
    )
    given = Decide(
        preclearance=row.preclearance_id, event=Event(row.event), note=row.note
    )
    try:
        decide(own, given)
    except (Conflict, IllegalTransition, NotFound) as error:
        _drop(desk, row, error)
        return error
    _drop(desk, row, None)
    return None


def _drop(desk: Desk, row: HeldDecision, why: IssuerError | None) -> None:
    def work(session: Session) -> None:
        kept = session.get(HeldDecision, row.id)
        if kept is None:
            return
        if why is not None:
            _log(session, desk, kept, "not_sent", code=_code(why))
        session.delete(kept)

    desk.write(work)


def _code(why: IssuerError) -> str:
    match why:
        case Conflict():
            return why.code
        case IllegalTransition():
            return why.reason
        case _:
            return "not_found"


def _log(
    session: Session, desk: Desk, row: HeldDecision, what: str, **fields: str
) -> None:
    subject = f"preclearance:{row.preclearance_id}"
    desk.log(session, f"preclearance:{what}", subject, event=row.event, **fields)


def _own(desk: Desk) -> Select[HeldDecision]:
    return (
        select(HeldDecision)
        .where(HeldDecision.account_id == desk.actor.account_id)
        .order_by(HeldDecision.id)
    )


def _count(session: Session, desk: Desk) -> int:
    return len(session.scalars(_own(desk)).all())


def _about(session: Session, preclearance: int) -> HeldDecision | None:
    query = select(HeldDecision).where(HeldDecision.preclearance_id == preclearance)
    return session.scalars(query).one_or_none()


def _shown(session: Session, desk: Desk, row: HeldDecision) -> Held:
    lane = session.get_one(Preclearance, row.preclearance_id)
    person = session.get_one(Person, session.get_one(Card, lane.card_id).person_id)
    return Held(
        held=row.id,
        preclearance=lane.id,
        event=Event(row.event),
        family_name=person.family_name,
        given_name=person.given_name,
        issuer=lane.issuer,
        held_at=row.held_at,
        due_at=row.held_at + HOLD,
        is_left=row.held_at <= desk.now - FRESH,
    )
