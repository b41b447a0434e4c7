"""Cards, their credentials, and what was signed for each of them."""

from datetime import date, datetime
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
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.orm import Mapped, mapped_column

from issuer import lifecycle
from issuer.store.base import Base, Id, code, differs, identity, refers_to, word

_LIVE = sql("state IN ('valid', 'suspended')")
_LINKED = sql("state IN ('linked', 'reported')")
_PREPARED = sql("state = 'prepared'")
_INTENDED = sql("state = 'intended'")


class Card(Base):
    """A card: what a holder has for its whole life, in whatever forms."""

    __tablename__ = "card"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    """Its issuer; hosted here, or an economy whose holders were sent here."""
    person_id: Mapped[int] = mapped_column(Id)
    application_id: Mapped[int | None] = mapped_column(Id)
    approved_by: Mapped[int | None] = mapped_column(Id)
    """Who approved the application; nobody signs for their own approval."""
    state: Mapped[lifecycle.Card] = word(lifecycle.Card, "state")
    applied_on: Mapped[date]
    """The term follows from this day."""
    first_issued_on: Mapped[date | None]
    expires_at: Mapped[datetime | None]
    """Midnight UTC at the end of its last day; a re-issue keeps it."""
    continues_id: Mapped[int | None] = refers_to("card.id")
    """The lost card that this one replaces."""
    losses: Mapped[int] = mapped_column(default=0)
    """How often this card, or one that it continues, was lost."""
    foreign_reference: Mapped[str | None] = mapped_column(String(64))
    """What the issuer calls it, where the issuer is not hosted here."""
    told_to: Mapped[str | None] = code()
    """The destination that an issuer elsewhere told of it; each has its own row."""
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["person_id", "economy"],
            ["person.id", "person.economy"],
            name="fk_card_person",
        ),
        ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_card_application"
        ),
        ForeignKeyConstraint(
            ["application_id", "approved_by"],
            ["application.id", "application.decided_by"],
            name="fk_card_approval",
        ),
        UniqueConstraint("id", "economy"),
        UniqueConstraint("id", "approved_by"),
        CheckConstraint(
            "state = 'pending_home' OR state = 'cancelled' OR expires_at IS NOT NULL",
            name="has_end",
        ),
        CheckConstraint(
            "(told_to IS NULL) = (foreign_reference IS NULL)", name="told_whole"
        ),
        Index(
            "uq_card_told",
            "told_to",
            "economy",
            "foreign_reference",
            unique=True,
            sqlite_where=sql("told_to IS NOT NULL"),
            postgresql_where=sql("told_to IS NOT NULL"),
        ),
        Index("ix_card_person_id", "person_id"),
        Index("ix_card_queue", "economy", "state", "expires_at", "id"),
        Index("ix_card_application_id", "application_id"),
        Index(
            "ix_card_continues_id",
            "continues_id",
            sqlite_where=sql("continues_id IS NOT NULL"),
            postgresql_where=sql("continues_id IS NOT NULL"),
        ),
    )


class PassportLink(Base):
    """The passport that a card goes with; one at a time, the others are history."""

    __tablename__ = "passport_link"

    id: Mapped[int] = identity()
    card_id: Mapped[int] = refers_to("card.id", index=True)
    passport_id: Mapped[int] = refers_to("passport.id", index=True)
    state: Mapped[lifecycle.PassportLink] = word(lifecycle.PassportLink, "state")
    linked_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "uq_passport_link_open",
            "card_id",
            unique=True,
            sqlite_where=_LINKED,
            postgresql_where=_LINKED,
        ),
    )


class ReportedPassport(Base):
    """A passport that was reported as lost, stolen or cancelled; that stays so."""

    __tablename__ = "reported_passport"

    passport_id: Mapped[int] = refers_to(
        "passport.id", primary_key=True, autoincrement=False
    )
    reported_at: Mapped[datetime]


class Suspension(Base):
    """A suspension: who began it, and the other person who lifted it."""

    __tablename__ = "suspension"

    id: Mapped[int] = identity()
    card_id: Mapped[int] = refers_to("card.id", index=True)
    credential_id: Mapped[int | None] = refers_to("credential.id")
    """Of one credential; None for the whole card."""
    suspended_by: Mapped[int] = refers_to("account.id")
    suspended_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(500))
    lifted_by: Mapped[int | None] = refers_to("account.id")
    lifted_at: Mapped[datetime | None]
    lift_reason: Mapped[str | None] = mapped_column(String(500))

    __table_args__ = (
        differs("lifted_by", "suspended_by", "four_eyes"),
        CheckConstraint(
            "(lifted_by IS NULL) = (lifted_at IS NULL)"
            " AND (lifted_by IS NULL) = (lift_reason IS NULL)",
            name="lift_whole",
        ),
    )


class StatusList(Base):
    """A status list of an issuer, and how full it is."""

    __tablename__ = "status_list"

    economy: Mapped[str] = mapped_column(String(3), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    capacity: Mapped[int]
    used: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    is_closed: Mapped[bool] = mapped_column(default=False)
    """No index of it is given out any more: what was given out is not surely known."""
    ends_unknown: Mapped[bool] = mapped_column(default=False)
    """Every index that no credential here has is revoked."""

    __table_args__ = (
        CheckConstraint("used <= capacity", name="not_over"),
        CheckConstraint("is_closed OR NOT ends_unknown", name="closed_first"),
    )


class StrayIndex(Base):
    """An index that has ended for ever, whatever a credential says of it.

    A signer was given it, or it was published as ended, and the database forgot that
    when an older one was put back: what the issue log says of such a card is all that
    is known of it.  The index is never given again.
    """

    __tablename__ = "stray_index"

    economy: Mapped[str] = mapped_column(String(3), primary_key=True)
    list_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    list_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[int] = mapped_column(default=1)
    """What the list says: 1 revoked, or 3 superseded where it was published so."""
    document_number: Mapped[str] = mapped_column(String(22), default="")
    form: Mapped[str] = mapped_column(String(8), default="")
    found_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("status IN (1, 3)", name="ended"),)


class Credential(Base):
    """One binding: this card, this form, this phone or this plastic; its own index."""

    __tablename__ = "credential"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    card_id: Mapped[int] = mapped_column(Id)
    form: Mapped[str] = mapped_column(String(8))
    document_number: Mapped[str] = mapped_column(String(22))
    list_number: Mapped[int]
    list_index: Mapped[int]
    state: Mapped[lifecycle.Credential] = word(lifecycle.Credential, "state")
    holder_key: Mapped[str | None] = mapped_column(String(200))
    """The phone's public JWK, as canonical JSON; app form only."""
    is_interim: Mapped[bool] = mapped_column(default=False)
    design: Mapped[str] = mapped_column(String(64), default="")
    """Of the plastic; empty lets the day of printing decide."""
    passport_id: Mapped[int] = refers_to("passport.id")
    replaces_id: Mapped[int | None] = refers_to("credential.id")
    state_reason: Mapped[str | None] = mapped_column(String(500))
    """Why it is in its state; lifting a suspension needs a new one."""
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["card_id", "economy"],
            ["card.id", "card.economy"],
            name="fk_credential_card",
        ),
        ForeignKeyConstraint(
            ["economy", "list_number"],
            ["status_list.economy", "status_list.number"],
            name="fk_credential_list",
        ),
        UniqueConstraint("economy", "list_number", "list_index"),
        UniqueConstraint("id", "card_id"),
        CheckConstraint("form IN ('app', 'physical')", name="form"),
        CheckConstraint("(form = 'app') = (holder_key IS NOT NULL)", name="bound"),
        Index("ix_credential_card_id", "card_id"),
        # Whether a phone's key is on a card already.
        Index(
            "ix_credential_holder_key",
            "holder_key",
            sqlite_where=sql("holder_key IS NOT NULL"),
            postgresql_where=sql("holder_key IS NOT NULL"),
        ),
        UniqueConstraint("economy", "document_number"),
        # One that lives for each form: a second phone has to end the first.
        Index(
            "uq_credential_live",
            "card_id",
            "form",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        Index(
            "uq_credential_prepared",
            "card_id",
            "form",
            unique=True,
            sqlite_where=_PREPARED,
            postgresql_where=_PREPARED,
        ),
        Index(
            "ix_credential_ended",
            "economy",
            "list_number",
            "list_index",
            "state",
            sqlite_where=sql("state IN ('suspended', 'revoked', 'superseded')"),
            postgresql_where=sql("state IN ('suspended', 'revoked', 'superseded')"),
        ),
    )


class ForeignCredential(Base):
    """Where one destination's overlay speaks of a card whose issuer is elsewhere.

    It is what that issuer told this destination, and nobody else's business.
    """

    __tablename__ = "foreign_credential"

    id: Mapped[int] = identity()
    card_id: Mapped[int] = refers_to("card.id", index=True)
    told_to: Mapped[str] = code()
    economy: Mapped[str] = code()
    """Issuer of the card."""
    form: Mapped[str] = mapped_column(String(8))
    document_number: Mapped[str] = mapped_column(String(22))
    list_number: Mapped[int]
    list_index: Mapped[int]
    state: Mapped[lifecycle.Credential] = word(lifecycle.Credential, "state")
    changed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("told_to", "economy", "list_number", "list_index"),
        CheckConstraint("form IN ('app', 'physical')", name="form"),
    )


class IssueState(StrEnum):
    """Where a signature stands."""

    INTENDED = "intended"
    """Stored, to be signed; the key may have seen it."""
    SIGNED = "signed"
    VOID = "void"


class Issue(Base):
    """An intent to sign, and what came of it: the exact bytes, before and after."""

    __tablename__ = "issue"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    request_key: Mapped[str] = mapped_column(String(100))
    """The same request gives the same card."""
    request_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the request; another one under the same key is refused."""
    card_id: Mapped[int] = mapped_column(Id)
    credential_id: Mapped[int] = mapped_column(Id)
    state: Mapped[IssueState] = word(IssueState, "state")
    header: Mapped[bytes] = mapped_column(LargeBinary)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    claims_sha256: Mapped[str] = mapped_column(String(64))
    economies: Mapped[str] = mapped_column(String(300))
    """Codes that the text carries, with single spaces."""
    key_id: Mapped[str] = mapped_column(String(64))
    text: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[int] = refers_to("account.id")
    approved_by: Mapped[int | None] = mapped_column(Id)
    """Of the card: the home approval that this signature rests on."""
    intended_at: Mapped[datetime]
    recorded_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["credential_id", "card_id"],
            ["credential.id", "credential.card_id"],
            name="fk_issue_credential",
        ),
        ForeignKeyConstraint(
            ["card_id", "approved_by"],
            ["card.id", "card.approved_by"],
            name="fk_issue_approval",
        ),
        UniqueConstraint("economy", "request_key"),
        differs("requested_by", "approved_by", "four_eyes"),
        CheckConstraint("approved_by IS NOT NULL", name="approved"),
        CheckConstraint("(state = 'signed') = (text IS NOT NULL)", name="signed_whole"),
        Index("ix_issue_credential_id", "credential_id"),
        # The clock must not be before the last of these.
        Index("ix_issue_latest", "economy", "intended_at"),
        Index(
            "ix_issue_open",
            "economy",
            "id",
            sqlite_where=_INTENDED,
            postgresql_where=_INTENDED,
        ),
        Index(
            "uq_issue_open",
            "credential_id",
            unique=True,
            sqlite_where=_INTENDED,
            postgresql_where=_INTENDED,
        ),
        Index("ix_issue_requested_by", "requested_by", "intended_at"),
    )


class PlasticState(StrEnum):
    """Where a plastic card is on its way."""

    TO_PRINT = "to_print"
    AT_BUREAU = "at_bureau"
    HANDED_OVER = "handed_over"
    SPOILED = "spoiled"


class Plastic(Base):
    """The plastic document of a physical credential."""

    __tablename__ = "plastic"

    credential_id: Mapped[int] = refers_to("credential.id", primary_key=True)
    economy: Mapped[str] = code()
    design: Mapped[str] = mapped_column(String(64))
    state: Mapped[PlasticState] = word(PlasticState, "state")
    batch: Mapped[str | None] = mapped_column(String(64))
    changed_at: Mapped[datetime]

    __table_args__ = (Index("ix_plastic_queue", "economy", "state", "changed_at"),)


class PlasticBatch(Base):
    """An archive that was made for a bureau."""

    __tablename__ = "plastic_batch"

    batch: Mapped[str] = mapped_column(String(64), primary_key=True)
    economy: Mapped[str] = code()
    design: Mapped[str] = mapped_column(String(64))
    count: Mapped[int]
    sums_sha256: Mapped[str] = mapped_column(String(64))
    """What the bureau is told by another way, to know the archive by."""
    made_by: Mapped[int] = refers_to("account.id")
    made_at: Mapped[datetime]

    __table_args__ = (Index("ix_plastic_batch_economy", "economy", "made_at"),)
