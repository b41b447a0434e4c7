"""What destinations hosted elsewhere are asked, were told, and answer.

A row of `LinkQuestion` is both the question and the intent to tell: ``changed`` counts
up in the transaction that changes anything the destination has to hear of
(`issuer.store.outbox`), and ``told`` follows once it has heard.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from issuer import lifecycle
from issuer.store.base import Base, Id, code, identity, refers_to, word

_WAITING = sql("told < changed")
_OPEN = sql("NOT has_ended")
_REFUSED = sql("outcome = 'refused'")
_COUNTS = sql("outcome IN ('applied', 'confirmed')")


class LinkPartner(Base):
    """A destination elsewhere that an economy hosted here asks over web services."""

    __tablename__ = "link_partner"

    economy: Mapped[str] = code(reference="hosted_economy.code", primary_key=True)
    destination: Mapped[str] = code(primary_key=True)
    opened_by: Mapped[int] = refers_to("account.id")
    opened_at: Mapped[datetime]
    position: Mapped[str] = mapped_column(String(200), default="")
    """Up to where its feed of answers is applied; empty: nothing yet."""
    enlisted_to: Mapped[int] = mapped_column(Id, default=0)
    enlist_until: Mapped[int] = mapped_column(Id, default=0)
    """Pre-clearances between the two are older than the link, and not asked yet."""
    heard_at: Mapped[datetime | None]
    """When it last answered at all."""
    problem: Mapped[str] = mapped_column(String(64), default="")
    """Why it could not be asked the last time; empty where it could."""
    problem_text: Mapped[str] = mapped_column(String(500), default="")
    problem_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    """Rounds that ended early, one after the other."""
    next_at: Mapped[datetime | None]
    """Not before this is the next round, after one that ended early."""

    __table_args__ = (CheckConstraint("economy <> destination", name="two"),)


class LinkQuestion(Base):
    """One question about one card, under a reference that is never used again.

    Whoever is asked anew, for a new passport, is asked under a new reference: no answer
    to the old question can pass for one to the new.
    """

    __tablename__ = "link_question"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    destination: Mapped[str] = code()
    card_id: Mapped[int] = refers_to("card.id")
    preclearance_id: Mapped[int] = refers_to("preclearance.id")
    reference: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    """When it was decided to ask."""
    has_ended: Mapped[bool] = mapped_column(default=False)
    """Asked anew, or the pre-clearance has lapsed: no answer counts any more."""
    changed: Mapped[int] = mapped_column(default=1)
    """Counts what the destination has to hear of."""
    told: Mapped[int] = mapped_column(default=0)
    """Up to where it has heard."""
    changed_at: Mapped[datetime]
    """When that which waits began to wait."""
    told_state: Mapped[lifecycle.Card | None] = word(
        lifecycle.Card, "told_state", nullable=True
    )
    """The card as the destination knows it; None: it was not asked yet."""
    told_expires_at: Mapped[datetime | None]
    told_credentials: Mapped[str] = mapped_column(Text, default="{}")
    """JSON: the state that was told, by ``<list>/<index>``."""
    told_passport: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the passport that was told, in hexadecimal."""
    told_reminded_at: Mapped[datetime | None]
    """Of the newest reminder that was told, or that the question came after."""
    revision: Mapped[int] = mapped_column(Id, default=0)
    """Of what was told last; the destination takes nothing that is older."""
    body: Mapped[str | None] = mapped_column(Text)
    """What is on its way, byte for byte, until it is known to have come."""
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    """Not before this is it sent again."""
    problem: Mapped[str] = mapped_column(String(64), default="")
    """Why the destination refused it the last time."""
    problem_text: Mapped[str] = mapped_column(String(500), default="")
    last_seq: Mapped[int] = mapped_column(default=0)
    """Of the last decision that was applied, as the destination counts."""

    __table_args__ = (
        UniqueConstraint("economy", "destination", "reference"),
        CheckConstraint("told <= changed", name="not_ahead"),
        Index("ix_link_question_card_id", "card_id"),
        Index(
            "uq_link_question_open",
            "preclearance_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_link_question_waiting",
            "economy",
            "destination",
            "next_at",
            "id",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )


class LinkAnswer(Base):
    """One row of a destination's feed of answers: what it signed, as it came."""

    __tablename__ = "link_answer"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    destination: Mapped[str] = code()
    position: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(String(64), default="")
    public_key: Mapped[str] = mapped_column(String(200), default="")
    """The status key that it was verified with (JWK); empty: it was not."""
    problem: Mapped[str] = mapped_column(String(64), default="")
    """Why nothing of it is believed; empty: its decisions say what became of them."""
    problem_text: Mapped[str] = mapped_column(String(500), default="")
    came_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("economy", "destination", "position"),
        Index(
            "ix_link_answer_refused",
            "economy",
            "destination",
            "id",
            sqlite_where=sql("problem <> ''"),
            postgresql_where=sql("problem <> ''"),
        ),
    )


class LinkOutcome(StrEnum):
    """What became of one decision of a destination."""

    APPLIED = "applied"
    CONFIRMED = "confirmed"
    """It says what is known already, from a letter or of the card before."""
    KNOWN = "known"
    """It was applied before; nothing is done twice."""
    REFUSED = "refused"


class LinkDecision(Base):
    """One decision of an answer, and what became of it."""

    __tablename__ = "link_decision"

    answer_id: Mapped[int] = refers_to("link_answer.id", primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    economy: Mapped[str] = code()
    destination: Mapped[str] = code()
    reference: Mapped[str] = mapped_column(String(64))
    seq: Mapped[int]
    event: Mapped[str] = mapped_column(String(24))
    after: Mapped[str] = mapped_column(String(24))
    question_id: Mapped[int | None] = refers_to("link_question.id")
    event_seq: Mapped[int | None]
    """The step of ours that it was applied as."""
    outcome: Mapped[LinkOutcome] = word(LinkOutcome, "outcome")
    problem: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (
        CheckConstraint("(outcome = 'refused') = (problem <> '')", name="reason"),
        CheckConstraint(
            "(outcome = 'applied') = (event_seq IS NOT NULL)", name="applied_whole"
        ),
        CheckConstraint(
            "outcome = 'refused' OR question_id IS NOT NULL", name="of_a_question"
        ),
        Index("ix_link_decision_question", "question_id", "event_seq"),
        # The database itself refuses to apply a decision twice.
        Index(
            "uq_link_decision_once",
            "question_id",
            "seq",
            unique=True,
            sqlite_where=_COUNTS,
            postgresql_where=_COUNTS,
        ),
        Index(
            "ix_link_decision_refused",
            "economy",
            "destination",
            "answer_id",
            sqlite_where=_REFUSED,
            postgresql_where=_REFUSED,
        ),
    )
