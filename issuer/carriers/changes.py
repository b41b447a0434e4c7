"""Tell carriers what has flipped since they asked.

`look_again` decides every watched question anew, at each publication or every few
minutes. What flipped is one row more for its client, written in the same transaction as
the question's new answer: nobody is told twice of one flip, and none is lost. A client
reads its rows by cursor; a webhook only rings the bell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.carriers.everybody import decide
from issuer.carriers.service import Found, forget, question_of
from issuer.office import Desk
from issuer.store import BasisState, CarrierChange, CarrierQuestion
from verifier import BasisAnswer

_AT_ONCE: Final = 500
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a round came to."""

    watched: int
    flipped: int
    forgotten: int


def look_again(desk: Desk, *, clock: Callable[[], datetime] | None = None) -> Looked:
    """Decide all watched questions of an economy anew, and queue what has flipped.

    Those whose day of arrival is over everywhere are not looked at any more.

    Args:
        desk: Of the installation itself.
        clock: Returns the moment of each 500 questions, since a round may take minutes
            and what partners sign is of their moment; None: the desk's, for all.

    Raises:
        NoTrust: There is nothing to decide from.
        StoreDown: The database does not answer; what was queued before stays queued.
    """
    watched = flipped = behind = 0
    while rows := desk.read(partial(_open, desk, behind)):
        behind = rows[-1].id
        watched += len(rows)
        then = desk if clock is None else replace(desk, now=clock())
        flipped += _look(then, rows)
    forgotten = desk.office.store.write(
        lambda session: forget(session, desk.now), now=desk.now
    )
    return Looked(watched=watched, flipped=flipped, forgotten=forgotten)


def _open(desk: Desk, behind: int, session: Session) -> Sequence[CarrierQuestion]:
    last_over: date = (desk.now - _ONE_DAY).date()
    return session.scalars(
        select(CarrierQuestion)
        .where(
            CarrierQuestion.economy == desk.economy,
            CarrierQuestion.is_watched,
            CarrierQuestion.id > behind,
            CarrierQuestion.arrival >= last_over,
        )
        .order_by(CarrierQuestion.id)
        .limit(_AT_ONCE)
    ).all()


def _look(desk: Desk, rows: Sequence[CarrierQuestion]) -> int:
    questions = [question_of(desk.office, each) for each in rows]
    found = decide(desk, questions)
    pairs = [
        (row, now) for row, now in zip(rows, found, strict=True) if _differs(row, now)
    ]
    if not pairs:
        return 0

    def work(session: Session) -> int:
        return sum(_queue(session, desk, row.id, now) for row, now in pairs)

    # The economy's log is held, so that numbers are given in the order of commits: a
    # cursor that is behind one of them is behind all before it.
    return desk.write(work)


def _queue(session: Session, desk: Desk, number: int, decided: Found) -> bool:
    row = session.get(CarrierQuestion, number)
    # Another round may have been quicker, or the client has ended it.
    if row is None or not row.is_watched or not _differs(row, decided):
        return False
    found, row.given_by = decided.basis, decided.given_by
    row.answer, row.stay_until = BasisState(found.answer.value), found.stay_until
    row.answered_at = desk.now
    session.add(
        CarrierChange(
            economy=row.economy,
            client=row.client,
            question_id=row.id,
            answer=row.answer,
            stay_until=row.stay_until,
            changed_at=desk.now,
        )
    )
    return True


def _differs(row: CarrierQuestion, decided: Found) -> bool:
    found = decided.basis
    if row.is_everybody and found.answer is BasisAnswer.NO_ANSWER:
        # A partner that is away for a moment has changed nothing; one that gave, and
        # now does not, has, also where others are away.
        return row.given_by is not None and row.given_by not in decided.silent
    return (row.answer.value, row.stay_until) != (found.answer.value, found.stay_until)
