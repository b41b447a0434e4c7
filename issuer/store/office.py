"""What an installation keeps about itself: economies, scheme, keys, audit, receipts."""

from datetime import datetime
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

from issuer.store.base import Base, Id, code, differs, identity, refers_to, word


class HostedEconomy(Base):
    """An economy whose back office this installation is."""

    __tablename__ = "hosted_economy"

    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    since: Mapped[datetime]
    is_test: Mapped[bool] = mapped_column(default=False)
    """Its cards are never green on any device."""
    four_eyes_since: Mapped[datetime | None]
    """From when on no administrator lets anybody in alone; for ever, once it is set."""


class SchemeText(Base):
    """A version of the scheme file; the latest approved one is in force."""

    __tablename__ = "scheme_text"

    id: Mapped[int] = identity()
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(500))
    proposed_by: Mapped[int] = refers_to("account.id")
    proposed_at: Mapped[datetime]
    approved_by: Mapped[int | None] = refers_to("account.id")
    approved_at: Mapped[datetime | None]
    rejected_at: Mapped[datetime | None]

    __table_args__ = (
        differs("approved_by", "proposed_by", "four_eyes"),
        CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL)", name="approval_whole"
        ),
    )


class KeyState(StrEnum):
    """What a signing key is to the outside."""

    MADE = "made"
    PUBLISHED = "published"
    RETIRED = "retired"
    """No longer published: every card it signed has ended."""


class SigningKey(Base):
    """What is known of a key of a hosted economy; never the key itself."""

    __tablename__ = "signing_key"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    key_id: Mapped[str] = mapped_column(String(64))
    use: Mapped[str] = mapped_column(String(8))
    public_key: Mapped[str] = mapped_column(String(200))
    """The JWK, as JSON."""
    proof: Mapped[bytes] = mapped_column(LargeBinary)
    signs_from: Mapped[datetime]
    signs_until: Mapped[datetime | None]
    state: Mapped[KeyState] = word(KeyState, "state")
    published_at: Mapped[datetime | None]
    """When devices could first have it."""
    added_by: Mapped[int] = refers_to("account.id")
    added_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("economy", "key_id"),
        UniqueConstraint("public_key"),
        CheckConstraint("use IN ('card', 'status')", name="use"),
    )


class AuditChain(Base):
    """The head of an economy's audit log; whoever writes holds this row."""

    __tablename__ = "audit_chain"

    economy: Mapped[str] = mapped_column(String(3), primary_key=True)
    seq: Mapped[int] = mapped_column(Id)
    hash: Mapped[str] = mapped_column(String(64))


class AuditRow(Base):
    """One thing that was done or read.  Rows are added, never changed or removed."""

    __tablename__ = "audit"

    id: Mapped[int] = identity()
    economy: Mapped[str] = mapped_column(String(3))
    seq: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime]
    actor_id: Mapped[int] = refers_to("account.id")
    tag: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    """``card:17``; a traveller is never named."""
    reason: Mapped[str] = mapped_column(String(500))
    fields: Mapped[str] = mapped_column(Text)
    """Canonical JSON of what the tag allows."""
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint("economy", "seq"),
        Index("ix_audit_subject", "economy", "subject", "seq"),
        Index("ix_audit_actor_id_at", "actor_id", "at"),
    )


COMMITS: Final = "digest = ''"
"""Which receipts are of a commit; see `Store.write`."""
ANSWERS: Final = "digest <> ''"
"""Which are of a request."""


class Receipt(Base):
    """What was answered to a request, so that the same request gets the same answer.

    Or that a transaction was committed; `issuer.store.database.prune` ends both.
    """

    __tablename__ = "receipt"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the request; another one under the same key is refused."""
    answer: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]

    __table_args__ = tuple(
        Index(name, "at", sqlite_where=sql(which), postgresql_where=sql(which))
        for name, which in (
            ("ix_receipt_commit", COMMITS), ("ix_receipt_answer", ANSWERS),
        )
    )  # fmt: skip


class PublicationRow(Base):
    """One publication: what the lists said, and where the audit log stood."""

    __tablename__ = "publication"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    at: Mapped[datetime]
    by: Mapped[int] = refers_to("account.id")
    audit_seq: Mapped[int] = mapped_column(Id)
    """The log's head in the moment of reading the lists."""
    approved_by: Mapped[int | None] = refers_to("account.id")
    details: Mapped[str] = mapped_column(Text)
    """Canonical JSON: version by role, entries by state."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["economy"], ["audit_chain.economy"], name="fk_publication_chain"
        ),
        Index("ix_publication_economy_at", "economy", "at"),
        differs("approved_by", "by", "four_eyes"),
    )


class ShrinkRequest(Base):
    """Leave to let something go that is published: asked by one, given by another."""

    __tablename__ = "shrink_request"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code", index=True)
    shrinks: Mapped[str] = mapped_column(Text)
    """What would go, as a JSON list of texts; what is not in it needs leave anew."""
    reason: Mapped[str] = mapped_column(String(500))
    proposed_by: Mapped[int] = refers_to("account.id")
    proposed_at: Mapped[datetime]
    approved_by: Mapped[int | None] = refers_to("account.id")
    approved_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        differs("approved_by", "proposed_by", "four_eyes"),
        CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL)"
            " AND (used_at IS NULL OR approved_at IS NOT NULL)",
            name="approval_whole",
        ),
    )


class Restoration(Base):
    """A database that was put back from a backup, or found behind what is published.

    While one of an economy is open, the database takes no intent to sign and no
    publication of that economy.
    """

    __tablename__ = "restoration"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    restored_at: Mapped[datetime]
    sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the archive; None where nobody used one, and it was noticed."""
    digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the report that was proposed."""
    proposed_by: Mapped[int | None] = refers_to("account.id")
    proposed_at: Mapped[datetime | None]
    approved_by: Mapped[int | None] = refers_to("account.id")
    reconciled_at: Mapped[datetime | None]
    report: Mapped[str | None] = mapped_column(Text)
    """What was done, as canonical JSON."""

    __table_args__ = (
        differs("approved_by", "proposed_by", "four_eyes"),
        CheckConstraint(
            "(approved_by IS NULL) = (reconciled_at IS NULL)"
            " AND (approved_by IS NULL OR proposed_by IS NOT NULL)",
            name="reconciled_whole",
        ),
        Index(
            "uq_restoration_open",
            "economy",
            unique=True,
            sqlite_where=sql("reconciled_at IS NULL"),
            postgresql_where=sql("reconciled_at IS NULL"),
        ),
    )
