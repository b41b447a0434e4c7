"""Travellers, their passports and applications, and what destinations answer."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final

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


class Sex(StrEnum):
    """As a passport says it (ICAO Doc 9303)."""

    FEMALE = "F"
    MALE = "M"
    UNSPECIFIED = "X"


class Person(Base):
    """A traveller, as one economy knows them."""

    __tablename__ = "person"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    """The economy that issues their card; hosted here or not."""
    family_name: Mapped[str] = mapped_column(String(200))
    """In any script, spelled and spaced as given."""
    given_name: Mapped[str] = mapped_column(String(200))
    machine_family_name: Mapped[str] = mapped_column(String(39))
    machine_given_name: Mapped[str] = mapped_column(String(39))
    """As the lines of the passport; empty for a holder of one name."""
    birthdate: Mapped[date]
    sex: Mapped[Sex] = word(Sex, "sex")
    nationality: Mapped[str] = code()
    email: Mapped[str | None] = mapped_column(String(254))
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("id", "economy"),
        Index(
            "ix_person_same",
            "economy",
            "machine_family_name",
            "machine_given_name",
            "nationality",
        ),
        Index("ix_person_born", "economy", "birthdate"),
    )


class Passport(Base):
    """One passport of a person."""

    __tablename__ = "passport"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    person_id: Mapped[int] = mapped_column(Id, index=True)
    issuer: Mapped[str] = code()
    """Alpha-3 code of who issued the passport: the card's ``passport.country``."""
    number: Mapped[str] = mapped_column(String(22))
    issued_on: Mapped[date | None]
    expires_on: Mapped[date]
    told_to: Mapped[str | None] = code()
    """The destination that an issuer elsewhere told of it; each has its own row."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["person_id", "economy"],
            ["person.id", "person.economy"],
            name="fk_passport_person",
        ),
        Index(
            "uq_passport_own",
            "economy",
            "issuer",
            "number",
            unique=True,
            sqlite_where=sql("told_to IS NULL"),
            postgresql_where=sql("told_to IS NULL"),
        ),
        Index(
            "uq_passport_told",
            "told_to",
            "economy",
            "issuer",
            "number",
            unique=True,
            sqlite_where=sql("told_to IS NOT NULL"),
            postgresql_where=sql("told_to IS NOT NULL"),
        ),
        UniqueConstraint("id", "economy"),
        Index("ix_passport_number", "economy", "number"),
        Index("ix_passport_end", "economy", "expires_on", "id"),
    )


class ApplicationKind(StrEnum):
    """Why somebody applies."""

    NEW = "new"
    RENEWAL = "renewal"


class Application(Base):
    """One application to the home economy."""

    __tablename__ = "application"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    number: Mapped[str] = mapped_column(String(22))
    """What the applicant is told; never a document number."""
    kind: Mapped[ApplicationKind] = word(ApplicationKind, "kind")
    person_id: Mapped[int] = mapped_column(Id)
    passport_id: Mapped[int] = mapped_column(Id)
    renews_card_id: Mapped[int | None] = mapped_column(Id)
    state: Mapped[lifecycle.Application] = word(lifecycle.Application, "state")
    stage: Mapped[int] = mapped_column(default=0)
    """Position of the review stage that is next."""
    entered_by: Mapped[int] = refers_to("account.id")
    entered_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = refers_to("account.id")
    decided_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    """When its state last changed: the age that queues sort by."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["person_id", "economy"],
            ["person.id", "person.economy"],
            name="fk_application_person",
        ),
        ForeignKeyConstraint(
            ["passport_id", "economy"],
            ["passport.id", "passport.economy"],
            name="fk_application_passport",
        ),
        ForeignKeyConstraint(
            ["renews_card_id"],
            ["card.id"],
            name="fk_application_renews_card",
            use_alter=True,
        ),
        UniqueConstraint("economy", "number"),
        UniqueConstraint("id", "decided_by"),
        differs("decided_by", "entered_by", "four_eyes"),
        CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL)", name="decision_whole"
        ),
        CheckConstraint(
            "state NOT IN ('home_approved', 'home_refused', 'circulated', 'closed')"
            " OR decided_by IS NOT NULL",
            name="decided",
        ),
        Index("ix_application_queue", "economy", "state", "changed_at", "id"),
        Index("ix_application_age", "economy", "changed_at", "id"),
        Index("ix_application_stage", "economy", "state", "stage", "changed_at", "id"),
        Index("ix_application_person_id", "person_id"),
        Index(
            "uq_application_open",
            "person_id",
            unique=True,
            sqlite_where=sql("state IN ('draft', 'submitted', 'home_review')"),
            postgresql_where=sql("state IN ('draft', 'submitted', 'home_review')"),
        ),
    )


class ApplicationHand(Base):
    """Somebody who put into an application what its card says or shows.

    Who entered it is known without; these have corrected what was typed, or gave the
    portrait or the signature.
    """

    __tablename__ = "application_hand"

    application_id: Mapped[int] = refers_to("application.id", primary_key=True)
    account_id: Mapped[int] = refers_to("account.id", primary_key=True)
    since: Mapped[datetime]


class ReviewStep(Base):
    """One stage of a home review that was passed or failed."""

    __tablename__ = "review_step"

    id: Mapped[int] = identity()
    application_id: Mapped[int] = refers_to("application.id")
    position: Mapped[int]
    stage: Mapped[str] = mapped_column(String(64))
    passed: Mapped[bool]
    by: Mapped[int] = refers_to("account.id")
    at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text, default="")
    """Internal; never shared with the applicant or a destination."""

    __table_args__ = (UniqueConstraint("application_id", "position"),)


class DocumentKind(StrEnum):
    """What a document shows."""

    PORTRAIT = "portrait"
    SIGNATURE = "signature"
    PASSPORT = "passport"
    POLICE_CERTIFICATE = "police_certificate"
    EMPLOYMENT = "employment"
    RECOMMENDATION = "recommendation"
    OTHER = "other"


class Content(Base):
    """The bytes of an upload, each kept once."""

    __tablename__ = "content"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(40))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Document(Base):
    """A document of an application."""

    __tablename__ = "document"

    id: Mapped[int] = identity()
    application_id: Mapped[int] = refers_to("application.id", index=True)
    kind: Mapped[DocumentKind] = word(DocumentKind, "kind")
    name: Mapped[str] = mapped_column(String(200))
    """As its sender called it; for display, never a path."""
    sha256: Mapped[str] = mapped_column(String(64))
    added_by: Mapped[int] = refers_to("account.id")
    added_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["sha256"], ["content.sha256"], name="fk_document_content"
        ),
    )


_PENDING = sql("state = 'pending'")
_UNSCREENED = sql("state = 'pending' AND hits IS NULL")
_WITH_HITS = sql("hits > 0")


LAST_MADE: Final = frozenset({"ix_preclearance_unscreened", "ix_preclearance_hits"})
"""Indexes of few rows that SQLite takes only if they were made after the others."""


class Preclearance(Base):
    """What one destination says of one card; its events say how it came to that."""

    __tablename__ = "preclearance"

    id: Mapped[int] = identity()
    card_id: Mapped[int] = refers_to("card.id")
    issuer: Mapped[str] = code()
    destination: Mapped[str] = code()
    state: Mapped[lifecycle.Preclearance] = word(lifecycle.Preclearance, "state")
    asked_at: Mapped[datetime | None]
    """When the question that is open, or was answered last, went out."""
    answered_at: Mapped[datetime | None]
    """When that question was first answered."""
    changed_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    hits: Mapped[int | None]
    """Open hits on the destination's watch list; None while nobody has looked."""

    __table_args__ = (
        UniqueConstraint("card_id", "destination"),
        CheckConstraint("issuer <> destination", name="not_its_own"),
        Index("ix_preclearance_incoming", "destination", "state", "asked_at", "id"),
        Index("ix_preclearance_outgoing", "issuer", "state", "asked_at", "id"),
        Index(
            "ix_preclearance_answered",
            "destination",
            "answered_at",
            "asked_at",
            "state",
            "id",
        ),
        Index("ix_preclearance_decided", "issuer", "answered_at", "state"),
        Index(
            "ix_preclearance_waiting",
            "issuer",
            "destination",
            "asked_at",
            "id",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        # The state is in these two, though it is always the same, so that SQLite finds
        # them as good as the one above for all states: see `LAST_MADE`.
        Index(
            "ix_preclearance_unscreened",
            "destination",
            "state",
            "asked_at",
            "id",
            sqlite_where=_UNSCREENED,
            postgresql_where=_UNSCREENED,
        ),
        Index(
            "ix_preclearance_hits",
            "destination",
            "state",
            "asked_at",
            "id",
            sqlite_where=_WITH_HITS,
            postgresql_where=_WITH_HITS,
        ),
        # A list between two economies; and what an overlay is made of.
        Index(
            "ix_preclearance_pair",
            "destination",
            "issuer",
            "state",
            "asked_at",
            "id",
            "card_id",
        ),
    )


class Statement(Base):
    """What a destination signed: one decision about one request or about many."""

    __tablename__ = "statement"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    key_id: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    """Compact JWS; see the specification of statements in the operations guide."""
    at: Mapped[datetime]
    issuer: Mapped[str | None] = code()
    """Whose cards it is about; None for one of a time when there could be several."""

    __table_args__ = (Index("ix_statement_feed", "economy", "issuer", "id"),)


class PreclearanceEvent(Base):
    """One step of a pre-clearance.  Rows are added, never changed or removed."""

    __tablename__ = "preclearance_event"

    id: Mapped[int] = identity()
    preclearance_id: Mapped[int] = refers_to("preclearance.id")
    seq: Mapped[int]
    event: Mapped[str] = mapped_column(String(24))
    before: Mapped[lifecycle.Preclearance] = word(lifecycle.Preclearance, "before")
    after: Mapped[lifecycle.Preclearance] = word(lifecycle.Preclearance, "after")
    at: Mapped[datetime]
    actor_id: Mapped[int] = refers_to("account.id")
    statement_id: Mapped[int | None] = refers_to("statement.id")
    """For what a destination did: where it signed that."""
    note: Mapped[str] = mapped_column(Text, default="")
    """Internal to the side that wrote it; never shared."""

    __table_args__ = (UniqueConstraint("preclearance_id", "seq"),)


class HeldDecision(Base):
    """A destination's decision that its officer can still take back; nothing is signed.

    The row goes when the decision is sent or taken back.
    """

    __tablename__ = "held_decision"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    preclearance_id: Mapped[int] = refers_to("preclearance.id")
    account_id: Mapped[int] = refers_to("account.id", index=True)
    event: Mapped[str] = mapped_column(String(24))
    note: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(String(500))
    held_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("preclearance_id"),)


class HitState(StrEnum):
    """What became of a hit on a watch list."""

    OPEN = "open"
    OTHER_PERSON = "other_person"
    SAME_PERSON = "same_person"


class WatchHit(Base):
    """A hit that a destination's own list gave; a person says what it means."""

    __tablename__ = "watch_hit"

    id: Mapped[int] = identity()
    preclearance_id: Mapped[int] = refers_to("preclearance.id", index=True)
    list_version: Mapped[str] = mapped_column(String(100))
    reference: Mapped[str] = mapped_column(String(200))
    found_at: Mapped[datetime]
    state: Mapped[HitState] = word(HitState, "state")
    settled_by: Mapped[int | None] = refers_to("account.id")
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("preclearance_id", "list_version", "reference"),
        CheckConstraint("(state = 'open') = (settled_by IS NULL)", name="settled"),
    )


class BulkState(StrEnum):
    """Where a change of many records stands."""

    PROPOSED = "proposed"
    RUNNING = "running"
    DONE = "done"
    REJECTED = "rejected"


class Bulk(Base):
    """A change of many records: proposed by one person, released by another."""

    __tablename__ = "bulk"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    action: Mapped[str] = mapped_column(String(40))
    arguments: Mapped[str] = mapped_column(Text)
    """Canonical JSON; what the action takes beside the records."""
    reason: Mapped[str] = mapped_column(String(500))
    size: Mapped[int]
    proposed_by: Mapped[int] = refers_to("account.id")
    proposed_at: Mapped[datetime]
    approved_by: Mapped[int | None] = refers_to("account.id")
    approved_at: Mapped[datetime | None]
    state: Mapped[BulkState] = word(BulkState, "state")

    __table_args__ = (
        differs("approved_by", "proposed_by", "four_eyes"),
        CheckConstraint(
            "state NOT IN ('running', 'done') OR approved_by IS NOT NULL",
            name="approved",
        ),
        Index("ix_bulk_queue", "economy", "state", "proposed_at"),
    )


class ChipReading(Base):
    """What came of reading the chip of an application's passport."""

    __tablename__ = "chip_reading"

    id: Mapped[int] = identity()
    application_id: Mapped[int] = refers_to("application.id", index=True)
    passport_id: Mapped[int] = refers_to("passport.id", index=True)
    """The passport that it was compared with."""
    read_by: Mapped[int] = refers_to("account.id")
    read_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(24))
    """``proved``, or the code of `issuer.epassport.ChipRefusal`; or ``chip.outdated``:
    what it was compared with was corrected afterwards."""
    signed_at: Mapped[datetime | None]
    """When the state says that it signed."""
    signer: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the signer's certificate, and of the trusted one above it."""
    authority: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        CheckConstraint(
            "(outcome = 'proved') = (signer IS NOT NULL)"
            " AND (signer IS NULL) = (authority IS NULL)",
            name="proof_whole",
        ),
    )


class BulkItem(Base):
    """One record of a bulk change, and how it went."""

    __tablename__ = "bulk_item"

    bulk_id: Mapped[int] = refers_to("bulk.id", primary_key=True)
    record_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    outcome: Mapped[str | None] = mapped_column(String(80))
    """``done``, or why not; None while it waits."""


class ImportState(StrEnum):
    """Where the import of a sheet stands."""

    RUNNING = "running"
    """Or interrupted: whoever has the same sheet goes on behind the last line."""
    DONE = "done"
    ABANDONED = "abandoned"
    """What was saved stays; the rest will not come."""


class ImportRun(Base):
    """The import of one sheet, and how far it is; moves with the rows that it saves."""

    __tablename__ = "import_run"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    kind: Mapped[str] = mapped_column(String(24))
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the sheet: another one is another import."""
    at: Mapped[datetime]
    """The moment under which its rows are read, however often it is interrupted."""
    confirmed: Mapped[bool] = mapped_column(default=False)
    """An officer said that look-alikes are other people."""
    rows: Mapped[int]
    """Of the sheet."""
    last_line: Mapped[int] = mapped_column(default=1)
    """The last line whose row is saved; 1 is the header."""
    saved: Mapped[int] = mapped_column(default=0)
    """Rows that are saved."""
    state: Mapped[ImportState] = word(ImportState, "state")
    started_by: Mapped[int] = refers_to("account.id")
    changed_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("saved <= rows", name="not_over"),
        CheckConstraint("state <> 'done' OR saved = rows", name="done"),
        Index(
            "uq_import_run_once",
            "economy",
            "kind",
            "fingerprint",
            unique=True,
            sqlite_where=sql("state <> 'abandoned'"),
            postgresql_where=sql("state <> 'abandoned'"),
        ),
    )
