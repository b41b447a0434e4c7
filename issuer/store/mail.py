"""Mails that have still to be sent, and what became of the others."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from issuer.store.base import Base, code, identity, word

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
