"""Mails that have still to be sent, and what holders have asked staff for."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from issuer.store.base import Base, Id, code, identity, refers_to, word

_WAITING = sql("state = 'waiting'")


class MailState(StrEnum):
    """What became of a mail."""

    WAITING = "waiting"
    SENT = "sent"
    """A mail server has taken it, or it lies in the folder for mails."""
    DEAD = "dead"
    """Nobody took it, and nothing is tried any more unless staff say so."""
    DROPPED = "dropped"
    """It was of no use any more, or staff gave it up."""


class Mail(Base):
    """A mail: which text, what is put into it, and for whom.

    It is written in the transaction that it tells of.  Address and words are there for
    as long as it may be sent, and no longer.
    """

    __tablename__ = "mail"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    kind: Mapped[str] = mapped_column(String(40))
    """Which text of ``issuer/mail_words``."""
    recipient: Mapped[str | None] = mapped_column(String(254))
    words: Mapped[str] = mapped_column(Text, default="{}")
    """What the text has places for, as canonical JSON."""
    reference: Mapped[str] = mapped_column(String(32))
    """Of its Message-ID: the same at every try, so that a second copy is known."""
    once_key: Mapped[str | None] = mapped_column(String(100))
    """What it tells of, where that is told once only."""
    state: Mapped[MailState] = word(MailState, "state")
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(40), default="")
    """Code of what went wrong at the last try."""
    queued_at: Mapped[datetime]
    next_at: Mapped[datetime]
    """Not tried before; while it is being sent, when another may try."""
    ends_at: Mapped[datetime | None]
    """From when it would be of no use."""
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("reference"),
        UniqueConstraint("economy", "once_key"),
        CheckConstraint(
            "(state IN ('waiting', 'dead')) = (recipient IS NOT NULL)",
            name="addressed",
        ),
        CheckConstraint(
            "(state = 'waiting') = (settled_at IS NULL)", name="settled_whole"
        ),
        Index(
            "ix_mail_due",
            "next_at",
            "id",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index("ix_mail_state", "economy", "state", "id"),
    )


class RequestKind(StrEnum):
    """What a holder asks for about a card."""

    NEW_PASSPORT = "new_passport"
    LOST_PHONE = "lost_phone"
    LOST_PLASTIC = "lost_plastic"
    LOST_CARD = "lost_card"
    RENEWAL = "renewal"


class RequestState(StrEnum):
    """What became of it."""

    WAITING = "waiting"
    DONE = "done"
    """Staff have done what was asked, by the operations that they always use."""
    DECLINED = "declined"
    TAKEN_BACK = "taken_back"


class HolderRequest(Base):
    """What a holder has asked staff for, on the pages for applicants.

    It changes nothing of a card: staff look at it, and act.
    """

    __tablename__ = "holder_request"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    card_id: Mapped[int] = mapped_column(Id)
    applicant_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[RequestKind] = word(RequestKind, "kind")
    state: Mapped[RequestState] = word(RequestState, "state")
    given: Mapped[str] = mapped_column(Text, default="{}")
    """What was entered, as JSON; emptied when it is settled."""
    suspended: Mapped[int] = mapped_column(default=0)
    """Credentials that the holder's report has suspended at once."""
    answer: Mapped[str] = mapped_column(String(500), default="")
    """What staff say to the holder."""
    made_at: Mapped[datetime]
    settled_by: Mapped[int | None] = refers_to("account.id")
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["card_id", "economy"],
            ["card.id", "card.economy"],
            name="fk_holder_request_card",
        ),
        ForeignKeyConstraint(
            ["applicant_id", "economy"],
            ["applicant.id", "applicant.economy"],
            name="fk_holder_request_applicant",
        ),
        CheckConstraint(
            "(state = 'waiting') = (settled_at IS NULL)", name="settled_whole"
        ),
        CheckConstraint(
            "(state IN ('done', 'declined')) = (settled_by IS NOT NULL)",
            name="by_staff",
        ),
        Index("ix_holder_request_queue", "economy", "state", "made_at", "id"),
        Index("ix_holder_request_card_id", "card_id", "id"),
        Index(
            "uq_holder_request_waiting",
            "card_id",
            "kind",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )
