"""Officers' devices, and the rows of their scan logs as the economy has collected them.

A row tells what a device answered and when, and what an officer did; nothing of a
traveller.  Rows are added once, never changed, and removed only when they are older
than the economy keeps them.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from issuer.store.base import Base, Id, code, identity, refers_to, word


class Device(Base):
    """A device whose log the economy collects."""

    __tablename__ = "device"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    name: Mapped[str] = mapped_column(String(64))
    public_key: Mapped[str] = mapped_column(String(43))
    """Ed25519, base64url: what it signs with."""
    enrolled_by: Mapped[int] = refers_to("account.id")
    enrolled_at: Mapped[datetime]
    retired_by: Mapped[int | None] = refers_to("account.id")
    retired_at: Mapped[datetime | None]
    """Nothing is taken from it since; what was collected stays."""
    heard_at: Mapped[datetime | None]
    """When its last batch came."""

    __table_args__ = (
        UniqueConstraint("public_key"),
        UniqueConstraint("economy", "name"),
        UniqueConstraint("id", "economy"),
        CheckConstraint(
            "(retired_by IS NULL) = (retired_at IS NULL)", name="retired_whole"
        ),
    )


class CollectedLog(Base):
    """One log of a device; a device whose log was deleted begins another."""

    __tablename__ = "collected_log"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    device_id: Mapped[int] = mapped_column(Id)
    log: Mapped[str] = mapped_column(String(16))
    """Its random id, by the device."""
    head_seq: Mapped[int] = mapped_column(Id)
    """The highest number that has come; never falls."""
    head_digest: Mapped[str] = mapped_column(String(64))
    """Of the row of that number that came first."""
    removed_to: Mapped[int] = mapped_column(Id, default=0)
    """The highest number that was removed as too old; what is below is not missed."""
    began_at: Mapped[datetime]
    """When its first batch came."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["device_id", "economy"],
            ["device.id", "device.economy"],
            name="fk_collected_log_device",
        ),
        UniqueConstraint("device_id", "log"),
        UniqueConstraint("id", "economy"),
    )


class CollectedRow(Base):
    """One row, as the device wrote it; two of one number both stay."""

    __tablename__ = "collected_row"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    log_id: Mapped[int] = mapped_column(Id)
    seq: Mapped[int] = mapped_column(Id)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the text."""
    previous: Mapped[str] = mapped_column(String(64))
    """Of the row before, by the device."""
    at: Mapped[datetime]
    """By the device's clock."""
    day: Mapped[date]
    """The same in UTC."""
    kind: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(16))
    """Of a scan; what an officer decided; empty of other kinds."""
    reason: Mapped[str] = mapped_column(String(64))
    """The code, or that of the lane."""
    entry: Mapped[str] = mapped_column(String(64))
    """The code of entry, of a card that was accepted."""
    scans: Mapped[int] = mapped_column(Id)
    """One, or how many were missed."""
    text: Mapped[str] = mapped_column(String(600))
    received_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["log_id", "economy"],
            ["collected_log.id", "collected_log.economy"],
            name="fk_collected_row_log",
        ),
        UniqueConstraint("log_id", "seq", "digest"),
        Index("ix_collected_row_day", "economy", "day"),
        Index("ix_collected_row_received_at", "economy", "received_at"),
    )


class FindingKind(StrEnum):
    """What is wrong with a log that was collected."""

    GAP = "gap"
    """Rows are missing: not sent yet, dropped, damaged, or taken out."""
    ROLLBACK = "rollback"
    """The log went back to a row that had come, and went on from there otherwise."""
    FORK = "fork"
    """Rows do not follow those that had come: another history under the same name."""
    NEW_LOG = "new_log"
    """The device has begun another log: the one before was deleted, or its key lost."""


class CollectedFinding(Base):
    """Something that is wrong with a log; it stays, also once rows have filled it."""

    __tablename__ = "collected_finding"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    log_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[FindingKind] = word(FindingKind, "kind")
    first: Mapped[int] = mapped_column(Id)
    """Number of the first row that it is about."""
    last: Mapped[int] = mapped_column(Id)
    found_at: Mapped[datetime]
    filled_at: Mapped[datetime | None]
    """When the last row of a gap came after all."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["log_id", "economy"],
            ["collected_log.id", "collected_log.economy"],
            name="fk_collected_finding_log",
        ),
        UniqueConstraint("log_id", "kind", "first", "last"),
        Index("ix_collected_finding_economy", "economy", "id"),
        CheckConstraint("first <= last", name="range"),
    )
