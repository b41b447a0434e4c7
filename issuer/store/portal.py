"""Applicants online: who they are, what they have begun, and what they paid."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from issuer.store.base import Base, Id, code, identity, refers_to, word
from issuer.store.cases import ApplicationKind, DocumentKind


class PortalOpening(Base):
    """A time in which people may apply online to an economy."""

    __tablename__ = "portal_opening"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code", index=True)
    account_id: Mapped[int] = refers_to("account.id")
    """In whose name the applications are entered; nobody can sign in with it."""
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime | None]
    opened_by: Mapped[int] = refers_to("account.id")
    closed_by: Mapped[int | None] = refers_to("account.id")

    __table_args__ = (CheckConstraint("closes_at >= opens_at", name="in_order"),)


class Applicant(Base):
    """Somebody who has shown that they read the mail of an address."""

    __tablename__ = "applicant"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    email: Mapped[str] = mapped_column(String(254))
    """In small letters."""
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("economy", "email"),
        UniqueConstraint("id", "economy"),
    )


class ApplicantSession(Base):
    """A browser of an applicant; until a code was shown, only an address."""

    __tablename__ = "applicant_session"

    id: Mapped[int] = identity()
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    economy: Mapped[str] = code(reference="hosted_economy.code")
    email: Mapped[str] = mapped_column(String(254))
    applicant_id: Mapped[int | None] = refers_to("applicant.id", index=True)
    """None until the code was shown."""
    code_mark: Mapped[str | None] = mapped_column(String(64))
    """Of the code that was sent, made with the installation's own key; None where that
    was used."""
    tries: Mapped[int] = mapped_column(default=0)
    asker: Mapped[str] = mapped_column(String(64))
    """Who asked for the code: a browser that had signed in with this address before, or
    a mark of the place; for counting, and nothing can be read out of it."""
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_applicant_session_asked", "economy", "email", "created_at"),
        Index("ix_applicant_session_seen_at", "seen_at"),
    )


class OnlineState(StrEnum):
    """How far an application is that somebody makes online."""

    DRAFT = "draft"
    """Its applicant works on it; nobody else sees it."""
    HELD = "held"
    """Handed in; an officer has to say first who of those on file it is."""
    SUBMITTED = "submitted"
    """An application of the back office."""
    WITHDRAWN = "withdrawn"
    """Put away by an officer who could not enter it; what was typed is gone."""


class OnlineApplication(Base):
    """What an applicant enters, step by step, and what became of it."""

    __tablename__ = "online_application"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    applicant_id: Mapped[int] = refers_to("applicant.id", index=True)
    reference: Mapped[str] = mapped_column(String(16))
    """What its applicant may quote; never an application's or a card's number."""
    state: Mapped[OnlineState] = word(OnlineState, "state")
    kind: Mapped[ApplicationKind] = word(ApplicationKind, "kind")
    renews_card_id: Mapped[int | None] = mapped_column(Id)
    answers: Mapped[str] = mapped_column(Text, default="{}")
    """By step and field, as typed; JSON."""
    photo: Mapped[str | None] = mapped_column(Text)
    """What was measured on the photograph; JSON."""
    declaration_version: Mapped[str | None] = mapped_column(String(40))
    declaration_text: Mapped[str | None] = mapped_column(Text)
    """Word for word as it was agreed to."""
    agreed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    held_for: Mapped[str | None] = mapped_column(String(60))
    """Code of why an officer has to look before it is entered."""
    application_id: Mapped[int | None] = refers_to("application.id")

    __table_args__ = (
        UniqueConstraint("reference"),
        UniqueConstraint("application_id"),
        CheckConstraint(
            "(state = 'submitted') = (application_id IS NOT NULL)", name="entered"
        ),
        CheckConstraint(
            "state = 'draft' OR submitted_at IS NOT NULL", name="handed_in"
        ),
        Index("ix_online_application_queue", "economy", "state", "changed_at", "id"),
    )


class FollowLetter(Base):
    """A letter by which whoever applied on paper follows it online; it counts once."""

    __tablename__ = "follow_letter"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    application_id: Mapped[int] = refers_to("application.id", index=True)
    code_mark: Mapped[str | None] = mapped_column(String(43), unique=True)
    """Of the code that the letter has, made with the installation's own key; None once
    it was used, or another letter took its place."""
    made_by: Mapped[int] = refers_to("account.id")
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    applicant_id: Mapped[int | None] = refers_to("applicant.id", index=True)
    """Who has typed the code, and follows the application since."""
    used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "(applicant_id IS NULL) = (used_at IS NULL)", name="used_whole"
        ),
        CheckConstraint("used_at IS NULL OR code_mark IS NULL", name="used_once"),
    )


class OnlineFile(Base):
    """A file of an application that is not entered yet; its bytes go with it."""

    __tablename__ = "online_file"

    id: Mapped[int] = identity()
    online_id: Mapped[int] = refers_to("online_application.id", index=True)
    kind: Mapped[DocumentKind] = word(DocumentKind, "kind")
    name: Mapped[str] = mapped_column(String(200))
    """As its sender called it; for display, never a path."""
    media_type: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    added_at: Mapped[datetime]


class PaymentState(StrEnum):
    """What is known of a payment."""

    DUE = "due"
    TOLD = "told"
    """The applicant says that it was paid, and how."""
    RECEIVED = "received"
    """An officer has found the money."""
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    """Nothing is due any more, and nothing was received."""


class OnlinePayment(Base):
    """A fee that is asked of an application."""

    __tablename__ = "online_payment"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    online_id: Mapped[int | None] = refers_to("online_application.id")
    """None where its draft was deleted."""
    reference: Mapped[str] = mapped_column(String(16))
    """What whoever pays writes on the payment."""
    kind: Mapped[str] = mapped_column(String(40))
    amount: Mapped[str] = mapped_column(String(24))
    """A decimal number in units of the currency."""
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PaymentState] = word(PaymentState, "state")
    told: Mapped[str] = mapped_column(String(100), default="")
    """In the applicant's words: bank, day, number of the transfer."""
    receipt: Mapped[str] = mapped_column(String(100), default="")
    """In the officer's words: where the money was found."""
    settled_by: Mapped[int | None] = refers_to("account.id")
    settled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("online_id"),
        UniqueConstraint("reference"),
        CheckConstraint(
            "state NOT IN ('received', 'refunded') OR settled_by IS NOT NULL",
            name="settled",
        ),
        Index("ix_online_payment_queue", "economy", "state", "changed_at", "id"),
    )
