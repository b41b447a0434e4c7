"""Hits: a passport that its owner has reported was met somewhere; people follow it up.

Both ends have it in a queue of their own, under one reference, with nothing of the
traveller at the asking end.  Software only makes sure that nobody forgets.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, StoreError
from issuer.office import Desk, Office
from issuer.operations import Answer, Request, once, operation
from issuer.store import (
    PassportCount,
    PassportHit,
    PassportSide,
    RegisteredPassport,
    RegisterState,
    Role,
)
from verifier import PassportStatus

FOLLOWERS: Final = (Role.ISSUING, Role.PRECLEARANCE, Role.VETTING)
_MOST: Final = 200


class HitFilter(Request):
    """Which hits."""

    include_closed: bool = Field(False, description="Also those that are done with.")
    after: int | None = Field(None, description="Go on behind this hit.")
    limit: int = Field(50, ge=1, le=_MOST, description="How many at most, up to 200.")


class HitView(Answer):
    """A hit."""

    hit: int
    side: PassportSide
    """``owner``: our passport was met there; ``asker``: we have met theirs."""
    other: str
    """The economy at the other end."""
    reference: str
    """The same at both ends: say it on the telephone."""
    state: RegisterState
    number: str | None
    """Of our own passport; None at the asking end, which keeps none."""
    asked_from: str | None
    """At the asking end: the device, the client or the account."""
    contact: str | None
    """At the asking end: whom the owner has there day and night."""
    found_at: datetime
    closed_at: datetime | None
    outcome: str | None


class HitPage(Answer):
    """Hits, the oldest first; ``next`` asks for the page after, if there is one."""

    hits: tuple[HitView, ...]
    next: int | None


class CloseHit(Request):
    """What came of a hit."""

    hit: Annotated[int, Field(ge=1, lt=2**63, description="Number of the hit.")]
    outcome: str = Field(
        min_length=1,
        max_length=500,
        description="What was done, without the traveller's name.",
    )


class FigureFilter(Request):
    """Which days."""

    since: date | None = Field(None, description="The first day, YYYY-MM-DD, in UTC.")
    until: date | None = Field(None, description="The last day.")


class Figure(Answer):
    """How many questions with one answer, on one day, to or from one economy."""

    day: date
    side: PassportSide
    other: str
    status: PassportStatus
    count: int


class Figures(Answer):
    """All that is kept of questions."""

    figures: tuple[Figure, ...]


@operation(
    "passport.hits",
    "List reported passports that were met, at either end.",
    *FOLLOWERS,
    Role.AUDIT,
    changes=False,
)
def list_hits(desk: Desk, given: HitFilter) -> HitPage:
    """List this economy's hits; which were read is logged."""

    def work(session: Session) -> HitPage:
        query = select(PassportHit).where(PassportHit.economy == desk.economy)
        if not given.include_closed:
            query = query.where(PassportHit.closed_at.is_(None))
        if given.after is not None:
            query = query.where(PassportHit.id > given.after)
        found = session.scalars(
            query.order_by(PassportHit.id).limit(given.limit + 1)
        ).all()
        shown = found[: given.limit]
        if shown:
            desk.log(
                session, "passport:hits_read", f"economy:{desk.economy}",
                count=len(shown),
            )  # fmt: skip
        return HitPage(
            hits=_views(session, shown),
            next=shown[-1].id if len(found) > given.limit else None,
        )

    return desk.look(work)


@operation(
    "passport.close_hit", "Say what came of a hit, and be done with it.", *FOLLOWERS
)
def close_hit(desk: Desk, given: CloseHit) -> HitView:
    """Close a hit at this end; the other end has its own.

    Raises:
        Conflict: ``hit.closed``: somebody was quicker.
    """

    def work(session: Session) -> HitView:
        hit = desk.find(session, PassportHit, given.hit)
        if hit.closed_at is not None:
            raise Conflict("hit.closed", "somebody has closed it already")
        hit.closed_at, hit.closed_by = desk.now, desk.actor.account_id
        hit.outcome = given.outcome
        desk.log(session, "passport:hit_closed", f"passport_hit:{hit.id}")
        session.flush()
        return _views(session, [hit])[0]

    return once(desk, given, HitView, work)


@operation(
    "passport.figures",
    "Count the questions about passports, by day, economy and answer.",
    *FOLLOWERS,
    Role.AUDIT,
    changes=False,
)
def figures(desk: Desk, given: FigureFilter) -> Figures:
    """Return the counts of this economy; there is nothing else of a question.

    What other processes have counted in the last ten seconds may be missing.
    """
    desk.office.passport_counts.flush(desk.office.store, desk.now)

    def work(session: Session) -> Figures:
        query = select(PassportCount).where(PassportCount.economy == desk.economy)
        if given.since is not None:
            query = query.where(PassportCount.day >= given.since)
        if given.until is not None:
            query = query.where(PassportCount.day <= given.until)
        order = (PassportCount.day, PassportCount.side, PassportCount.other)
        rows = session.scalars(query.order_by(*order, PassportCount.status))
        return Figures(
            figures=tuple(
                Figure(
                    day=row.day,
                    side=row.side,
                    other=row.other,
                    status=PassportStatus(row.status),
                    count=row.count,
                )
                for row in rows
            )
        )

    return desk.read(work)


def keep_hits(office: Office, hits: Sequence[PassportHit]) -> bool:
    """Put hits into their economy's queue; the same ones again change nothing.

    Args:
        office: Whose store.
        hits: Of one economy and side; perhaps none.

    Returns:
        Whether all are there now.  An answer does not fail with it: the other end has
        the hits, too.
    """
    if not hits:
        return True
    first = hits[0]

    def work(session: Session) -> None:
        known = set(
            session.scalars(
                select(PassportHit.reference).where(
                    PassportHit.economy == first.economy,
                    PassportHit.side == first.side,
                    PassportHit.reference.in_({each.reference for each in hits}),
                )
            )
        )
        session.add_all(each for each in hits if each.reference not in known)

    try:
        office.store.write(work, now=first.found_at)
    except StoreError:
        return False
    return True


def _views(session: Session, hits: Sequence[PassportHit]) -> tuple[HitView, ...]:
    entries = {each.register_id for each in hits if each.register_id is not None}
    numbers: dict[int, str] = {
        row[0]: row[1]
        for row in session.execute(
            select(RegisteredPassport.id, RegisteredPassport.number).where(
                RegisteredPassport.id.in_(entries)
            )
        )
    }
    return tuple(
        HitView(
            hit=each.id,
            side=each.side,
            other=each.other,
            reference=each.reference,
            state=each.state,
            number=numbers.get(each.register_id or 0),
            asked_from=each.asked_from,
            contact=each.contact,
            found_at=each.found_at,
            closed_at=each.closed_at,
            outcome=each.outcome,
        )
        for each in hits
    )
