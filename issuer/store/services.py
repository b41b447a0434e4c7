"""What economies' systems are offered: who may ask, and what they were told.

Nothing of a traveller is here, but for numbers of records, and for what a partner has
handed in until an officer has said who it is.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from issuer.store.base import Base, Id, code, differs, identity, refers_to, word


class ServiceClient(Base):
    """A system that is no economy's and may ask; economies show trust data's keys."""

    __tablename__ = "service_client"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    client_id: Mapped[str] = mapped_column(String(64))
    """What it calls itself; nobody else has it."""
    name: Mapped[str] = mapped_column(String(100))
    jwk: Mapped[str | None] = mapped_column(String(300))
    """Its public key on P-256, canonical JSON."""
    certificate: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of its certificate, in hex."""
    scopes: Mapped[str] = mapped_column(String(200))
    """With single spaces, sorted."""
    hosts: Mapped[str] = mapped_column(String(500), default="")
    """Where it may be told of events; with single spaces."""
    waits: Mapped[bool] = mapped_column(default=False)
    """A second administrator has to confirm it."""
    added_by: Mapped[int] = refers_to("account.id")
    added_at: Mapped[datetime]
    confirmed_by: Mapped[int | None] = refers_to("account.id")
    retired_by: Mapped[int | None] = refers_to("account.id")
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("client_id"),
        UniqueConstraint("id", "economy"),
        differs("confirmed_by", "added_by", "four_eyes"),
        CheckConstraint(
            "jwk IS NOT NULL OR certificate IS NOT NULL", name="proves_itself"
        ),
        CheckConstraint(
            "(retired_by IS NULL) = (retired_at IS NULL)", name="retired_whole"
        ),
    )


class ServiceToken(Base):
    """A token that a system was given; it ends within minutes."""

    __tablename__ = "service_token"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    economy: Mapped[str] = code()
    """Whose services it is for."""
    client: Mapped[str] = mapped_column(String(80))
    """``economy:<code>`` or ``client:<client id>``."""
    scopes: Mapped[str] = mapped_column(String(200))
    certificate: Mapped[str | None] = mapped_column(String(64))
    """Without this certificate it is worth nothing (RFC 8705)."""
    ends_at: Mapped[datetime]

    __table_args__ = (Index("ix_service_token_ends_at", "ends_at"),)


class DestinationKey(Base):
    """A status key of a destination elsewhere, as it was when it signed an answer."""

    __tablename__ = "destination_key"

    economy: Mapped[str] = mapped_column(String(3), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(300))
    """JWK, canonical JSON."""
    issuer_url: Mapped[str] = mapped_column(String(200))
    seen_at: Mapped[datetime]


class AnswerTaken(Base):
    """Which step of ours took which step of a destination elsewhere, as it signed it.

    Both sides count the steps of a pre-clearance, and each has some that the other has
    not.
    """

    __tablename__ = "answer_taken"

    preclearance_id: Mapped[int] = refers_to("preclearance.id", primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Of the destination."""
    event_seq: Mapped[int]
    """Of ours."""
    statement_id: Mapped[int] = refers_to("statement.id")

    __table_args__ = (UniqueConstraint("preclearance_id", "event_seq"),)


class ToldRevision(Base):
    """The newest that an issuer elsewhere told of a card; older ones change nothing."""

    __tablename__ = "told_revision"

    card_id: Mapped[int] = refers_to("card.id", primary_key=True)
    revision: Mapped[int] = mapped_column(Id)


class SubmittedApplication(Base):
    """An application that came from a partner's system, which may follow it."""

    __tablename__ = "submitted_application"

    application_id: Mapped[int] = refers_to("application.id", primary_key=True)
    client: Mapped[str] = mapped_column(String(80), index=True)


class SubmissionState(StrEnum):
    """What became of what a partner has handed in, where it was held."""

    WAITING = "waiting"
    ENTERED = "entered"
    """It is an application now, of the same number."""
    PUT_AWAY = "put_away"
    """An officer could not enter it; what was handed in is gone."""


class HeldSubmission(Base):
    """What a partner has handed in about somebody who is alike to somebody on file.

    To the partner it looks like an application, under its number.
    """

    __tablename__ = "held_submission"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    client: Mapped[str] = mapped_column(String(80), index=True)
    number: Mapped[str] = mapped_column(String(12))
    """As applications have it; the one that it becomes gets it."""
    given: Mapped[str] = mapped_column(Text)
    """Person, passport and documents as they were handed in, as JSON; emptied once it
    is settled."""
    is_whole: Mapped[bool]
    """Nothing has to come to the office: to its partner it is submitted."""
    held_for: Mapped[str] = mapped_column(String(60))
    """Code of why an officer has to look."""
    state: Mapped[SubmissionState] = word(SubmissionState, "state")
    application_id: Mapped[int | None] = refers_to("application.id")
    came_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    settled_by: Mapped[int | None] = refers_to("account.id")

    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("application_id"),
        CheckConstraint(
            "(state = 'entered') = (application_id IS NOT NULL)", name="entered_whole"
        ),
        CheckConstraint(
            "(state = 'waiting') = (settled_by IS NULL)", name="settled_whole"
        ),
        CheckConstraint("state = 'waiting' OR given = '{}'", name="forgotten"),
        Index("ix_held_submission_queue", "economy", "state", "id"),
    )


class Webhook(Base):
    """Where a system wants to be told that there is something new for it."""

    __tablename__ = "webhook"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    client: Mapped[str] = mapped_column(String(80))
    event: Mapped[str] = mapped_column(String(24))
    url: Mapped[str] = mapped_column(String(500))
    made_at: Mapped[datetime]
    told_to: Mapped[int] = mapped_column(Id, default=0)
    """The newest thing of which it has confirmed to know."""
    attempts: Mapped[int] = mapped_column(default=0)
    """That failed since."""
    due_at: Mapped[datetime]
    """Not before."""
    dead_at: Mapped[datetime | None]
    """Nobody tries any more, until somebody says so."""
    problem: Mapped[str] = mapped_column(String(40), default="")
    """Why the last attempt failed."""
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name="fk_webhook_economy"
        ),
        Index("ix_webhook_client", "economy", "client"),
    )
