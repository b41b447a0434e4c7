"""Mails that a timer writes: new clearances, and cards that end soon.

Each is told once: whoever runs this twice, or at two places at once, writes no second
mail.  A refusal is never told by mail, disclosed or not: the pages say it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.mail import queue_mail
from issuer.preclearances import Shown, as_shown_to_holder, lanes_of
from issuer.profile import last_day
from issuer.scheme import Scheme
from issuer.store import Application, Card, HostedEconomy, Person, Preclearance, Store

MONTHS: Final = (6, 3)
"""So long before a card ends its holder is reminded; a month has 30 days here."""
LATE: Final = timedelta(days=15)
"""For how long a reminder is still written that nobody wrote in time."""
NEWS: Final = timedelta(days=7)
"""Older clearances are no news."""
_PORTION: Final = 500
_OPEN: Final = (
    lifecycle.Application.DRAFT,
    lifecycle.Application.SUBMITTED,
    lifecycle.Application.HOME_REVIEW,
    lifecycle.Application.HOME_APPROVED,
    lifecycle.Application.CIRCULATED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """How many mails were written."""

    clearances: int = 0
    endings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    card: int
    economy: str
    email: str
    kind: str
    words: dict[str, str | int]
    key: str


def write_reminders(store: Store, scheme: Scheme, *, now: datetime) -> Reminded:
    """Write what is due into the outbox, some hundred cards in a transaction.

    Args:
        store: The database.
        scheme: In force.
        now: This moment; timezone-aware.

    Raises:
        StoreDown: The database does not answer; what was written stays.
    """
    cleared = store.read(lambda session: [*_cleared(session, scheme, now)])
    ending = store.read(lambda session: [*_ending(session, now)])
    return Reminded(
        clearances=_write(store, cleared, now), endings=_write(store, ending, now)
    )


def _write(store: Store, due: Sequence[_Due], now: datetime) -> int:
    written = 0
    for start in range(0, len(due), _PORTION):
        portion = due[start : start + _PORTION]
        written += store.write(_Portion(portion, now), now=now)
    return written


@dataclass(frozen=True, slots=True)
class _Portion:
    due: Sequence[_Due]
    now: datetime

    def __call__(self, session: Session) -> int:
        return sum(
            queue_mail(
                session,
                each.economy,
                each.email,
                each.kind,
                each.words,
                self.now,
                once_key=each.key,
            )
            for each in self.due
        )


def _cleared(session: Session, scheme: Scheme, now: datetime) -> Iterator[_Due]:
    hosted = select(HostedEconomy.code)
    latest = func.max(Preclearance.answered_at)
    rows = session.execute(
        select(Card.id, Card.economy, Person.email, latest)
        .join(Card, Card.id == Preclearance.card_id)
        .join(Person, Person.id == Card.person_id)
        .where(
            Preclearance.issuer.in_(hosted),
            Preclearance.answered_at > now - NEWS,
            Preclearance.answered_at <= now,
            Preclearance.state == lifecycle.Preclearance.APPROVED,
            Card.state == lifecycle.Card.ACTIVE,
            Person.email.is_not(None),
        )
        .group_by(Card.id, Card.economy, Person.email)
        .order_by(Card.id)
    )
    for card, economy, email, at in rows.all():
        count = _count(session, scheme, card, now)
        if email is not None and count:
            yield _Due(
                card=card,
                economy=economy,
                email=email,
                kind="answers_arrived",
                words={"count": count},
                key=f"answers_arrived:{card}:{at:%Y%m%dT%H%M%S}",
            )


def _count(session: Session, scheme: Scheme, card: int, now: datetime) -> int:
    """Return how many destinations the holder sees as having cleared the card."""
    return sum(
        as_shown_to_holder(
            lane.state, scheme=scheme, destination=lane.destination, form="app", at=now
        )
        == Shown.CLEARED
        for lane in lanes_of(session, card)
    )


def _ending(session: Session, now: datetime) -> Iterator[_Due]:
    renewed = exists().where(
        Application.renews_card_id == Card.id, Application.state.in_(_OPEN)
    )
    for months in MONTHS:
        until = now + months * timedelta(days=30)
        rows = session.execute(
            select(Card.id, Card.economy, Person.email, Card.expires_at)
            .join(Person, Person.id == Card.person_id)
            .where(
                Card.told_to.is_(None),
                Card.economy.in_(select(HostedEconomy.code)),
                Card.state == lifecycle.Card.ACTIVE,
                Card.expires_at > until - LATE,
                Card.expires_at <= until,
                Person.email.is_not(None),
                ~renewed,
            )
            .order_by(Card.id)
        )
        for card, economy, email, ends in rows.all():
            if email is None or ends is None:
                continue  # which the question has left out
            day = f"{last_day(ends):%-d %B %Y}"
            yield _Due(
                card=card,
                economy=economy,
                email=email,
                kind="card_ends",
                words={"months": months, "date": day},
                key=f"card_ends:{months}:{card}:{ends:%Y%m%d}",
            )
