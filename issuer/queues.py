"""What waits for somebody: the counts of the start page, each quick at any size."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import ColumnElement, Select, func, select, true, tuple_
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.phone_waits import issues_to_phones, waiting
from issuer.preclearances import PENDING, Limit, days
from issuer.scheme import Scheme
from issuer.store import (
    Application,
    Bulk,
    BulkState,
    Card,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    Role,
)
from issuer.waits import Wait, waits

MOST: Final = 10_000
"""Nobody needs a longer queue counted: "10,000" means at least that."""
SHORT: Final = timedelta(days=180)
"""A passport that ends sooner is worth a letter to its holder."""
_S = lifecycle.Application
_IN_USE: Final = (lifecycle.Card.ACTIVE, lifecycle.Card.SUSPENDED)


class NoQuestion(Request):
    """Nothing to choose."""


class StageCount(Answer):
    """How many applications have passed so many stages."""

    stage: int
    count: int
    oldest_days: int


class Queues(Answer):
    """What waits; a count of 10,000 means at least that."""

    drafts: int
    submitted: int
    home_review: tuple[StageCount, ...]
    to_circulate: int
    incoming: int
    """Requests of other economies that are pending."""
    incoming_overdue: int
    """Those that wait for longer than the own target; none without a target."""
    incoming_unscreened: int
    open_hits: int
    """Requests with hits on the watch list that nobody has settled."""
    overdue_replies: int
    """Own questions that destinations have not answered in time."""
    passports_short: int
    """Cards in use whose passport ends within 180 days."""
    phones_to_come: int
    """Cards that are approved and that no phone has fetched."""
    bulk_to_release: int
    """Bulk changes that wait for a second person."""
    submitted_oldest_days: int | None
    """Days since the oldest of them came there; None where there is none."""
    to_circulate_oldest_days: int | None
    incoming_oldest_days: int | None
    incoming_target_days: int | None
    """Within how many days this economy answers; None where that is not known."""
    incoming_median_days: float | None
    """How long its last answers took."""


@operation("queue.counts", "Count what waits for somebody.", *Role, changes=False)
def counts(desk: Desk, given: NoQuestion) -> Queues:
    """Count every queue of this economy."""

    def work(session: Session) -> Queues:
        scheme = desk.office.scheme(session)
        known = waits(session, scheme, scheme.economies, at=desk.now)
        own = known[desk.economy]
        application = _by_state(session, desk)
        return Queues(
            drafts=application[lifecycle.Application.DRAFT],
            submitted=application[lifecycle.Application.SUBMITTED],
            home_review=_stages(session, desk),
            to_circulate=application[lifecycle.Application.HOME_APPROVED],
            incoming=_count(session, _lanes(desk, PENDING)),
            incoming_overdue=_incoming_overdue(session, desk, own),
            incoming_unscreened=_count(session, _lanes(desk, _UNSCREENED)),
            open_hits=_count(session, _lanes(desk, _WITH_HITS)),
            overdue_replies=_overdue(session, desk, known),
            passports_short=_count(session, _short(desk)),
            phones_to_come=_phones(session, scheme, desk),
            bulk_to_release=_count(session, _bulks(desk)),
            submitted_oldest_days=_oldest(session, desk, _S.SUBMITTED),
            to_circulate_oldest_days=_oldest(session, desk, _S.HOME_APPROVED),
            incoming_oldest_days=_oldest_incoming(session, desk),
            incoming_target_days=own.target_days,
            incoming_median_days=days(own),
        )

    return desk.read(work)


_UNSCREENED: Final = sql("preclearance.state = 'pending' AND preclearance.hits IS NULL")
_WITH_HITS: Final = sql("preclearance.state = 'pending' AND preclearance.hits > 0")


def _count(session: Session, query: Select[Any], most: int = MOST) -> int:
    few = query.limit(most).subquery()
    return session.scalar(select(func.count()).select_from(few)) or 0


def _by_state(session: Session, desk: Desk) -> Mapping[lifecycle.Application, int]:
    return {
        state: _count(
            session,
            select(Application.id).where(
                Application.economy == desk.economy, Application.state == state
            ),
        )
        for state in (
            lifecycle.Application.DRAFT,
            lifecycle.Application.SUBMITTED,
            lifecycle.Application.HOME_APPROVED,
        )
    }


def _stages(session: Session, desk: Desk) -> tuple[StageCount, ...]:
    rows = session.execute(
        select(Application.stage, func.count(), func.min(Application.changed_at))
        .where(
            Application.economy == desk.economy,
            Application.state == lifecycle.Application.HOME_REVIEW,
        )
        .group_by(Application.stage)
        .order_by(Application.stage)
    )
    return tuple(
        StageCount(stage=stage, count=count, oldest_days=(desk.now - oldest).days)
        for stage, count, oldest in rows
    )


def _oldest(session: Session, desk: Desk, state: lifecycle.Application) -> int | None:
    query = select(Application.changed_at).where(
        Application.economy == desk.economy, Application.state == state
    )
    since = session.scalar(query.order_by(Application.changed_at).limit(1))
    return None if since is None else (desk.now - since).days


def _oldest_incoming(session: Session, desk: Desk) -> int | None:
    query = _lanes(desk, PENDING).with_only_columns(Preclearance.asked_at)
    since = session.scalar(query.order_by(Preclearance.asked_at).limit(1))
    return None if since is None else (desk.now - since).days


def _lanes(desk: Desk, *conditions: Any) -> Select[int]:
    return select(Preclearance.id).where(
        Preclearance.destination == desk.economy, *conditions
    )


def _incoming_overdue(session: Session, desk: Desk, own: Wait) -> int:
    if own.target_days is None:
        return 0
    before = desk.now - timedelta(days=own.target_days)
    return _count(session, _lanes(desk, PENDING, Preclearance.asked_at < before))


def _overdue(session: Session, desk: Desk, known: Mapping[str, Wait]) -> int:
    total = 0
    for code, wait in known.items():
        if wait.limit is None or total >= MOST:
            continue
        query = select(Preclearance.id).where(
            Preclearance.issuer == desk.economy,
            Preclearance.destination == code,
            PENDING,
            Preclearance.asked_at < desk.now - wait.limit,
        )
        total += _count(session, query, MOST - total)
    return total


def _short(desk: Desk) -> Select[int]:
    return (
        select(Card.id)
        .select_from(Passport)
        .join(PassportLink, PassportLink.passport_id == Passport.id)
        .join(Card, Card.id == PassportLink.card_id)
        .where(
            Passport.economy == desk.economy,
            Passport.expires_on >= desk.now.date(),
            Passport.expires_on < (desk.now + SHORT).date(),
            PassportLink.state == lifecycle.PassportLink.LINKED,
            Card.state.in_(_IN_USE),
        )
    )


def _phones(session: Session, scheme: Scheme, desk: Desk) -> int:
    if not issues_to_phones(scheme, desk.economy, desk.now):
        return 0
    return _count(session, waiting(desk.economy))


def _bulks(desk: Desk) -> Select[int]:
    return select(Bulk.id).where(
        Bulk.economy == desk.economy, Bulk.state == BulkState.PROPOSED
    )


class ListShort(Request):
    """Where to go on."""

    after: int | None = Field(None, description="Go on behind this passport.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class ShortPassport(Answer):
    """A card in use whose passport ends soon."""

    passport: int
    card: int
    family_name: str
    given_name: str
    days_left: int


class ShortPassports(Answer):
    """A page of them, the first to end first."""

    passports: tuple[ShortPassport, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "queue.passports_short",
    "List cards in use whose passport ends within 180 days.",
    Role.INTAKE,
    Role.VETTING,
    Role.ISSUING,
    changes=False,
)
def passports_short(desk: Desk, given: ListShort) -> ShortPassports:
    """List them for letters to their holders."""

    def work(session: Session) -> ShortPassports:
        begun = session.get(Passport, given.after) if given.after is not None else None
        if begun is not None and begun.economy != desk.economy:
            begun = None  # where it would stand says when it ends
        query = (
            _short(desk)
            .join(Person, Person.id == Passport.person_id)
            .where(_behind(begun))
            .with_only_columns(Passport, Card.id, Person)
            .order_by(Passport.expires_on, Passport.id)
            .limit(given.limit + 1)
        )
        rows = session.execute(query).all()
        shown = [
            ShortPassport(
                passport=passport.id,
                card=card,
                family_name=person.family_name,
                given_name=person.given_name,
                days_left=(passport.expires_on - desk.now.date()).days,
            )
            for passport, card, person in rows[: given.limit]
        ]
        desk.log(
            session,
            "queue:read",
            "queue:passports_short",
            queue="passports_short",
            records=[each.card for each in shown],
            count=len(shown),
        )
        more = len(rows) > given.limit
        return ShortPassports(
            passports=tuple(shown), after=shown[-1].passport if more else None
        )

    return desk.look(work)


def _behind(begun: Passport | None) -> ColumnElement[bool]:
    if begun is None:
        return true()
    return tuple_(Passport.expires_on, Passport.id) > (begun.expires_on, begun.id)
