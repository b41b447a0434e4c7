"""An economy's own register of its passports, what became of hits, and bare counts.

Nothing here says who was asked about: of another economy's passports there is no row,
and of a question only that one more was answered.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from issuer.store.base import Base, Id, code, identity, refers_to, word


class RegisterState(StrEnum):
    """What the register says of a passport."""

    VALID = "valid"
    LOST = "lost"
    STOLEN = "stolen"
    INVALID = "invalid"
    """Cancelled, recalled or otherwise no longer good."""


class RegisteredPassport(Base):
    """One passport that the economy has issued: no names, no picture."""

    __tablename__ = "registered_passport"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    country: Mapped[str] = code()
    """Code in the passport of who issued it: one of the economy's own."""
    number: Mapped[str] = mapped_column(String(22))
    folded: Mapped[str] = mapped_column(String(22))
    """The number with letters that look alike made one; see `look_alike`."""
    birthdate: Mapped[date | None]
    expires_on: Mapped[date | None]
    state: Mapped[RegisterState] = word(RegisterState, "state")
    changed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("economy", "country", "number"),
        Index("ix_registered_passport_folded", "economy", "country", "folded"),
    )


class PassportSide(StrEnum):
    """At which end of a question an economy was."""

    OWNER = "owner"
    """It issued the passport, and answered."""
    ASKER = "asker"


class PassportHit(Base):
    """A passport that was reported, met somewhere: for people at both ends.

    The asking end keeps no number: its officers have the passport, and the reference
    is the same at both ends.
    """

    __tablename__ = "passport_hit"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code")
    side: Mapped[PassportSide] = word(PassportSide, "side")
    other: Mapped[str] = code()
    """The economy at the other end."""
    reference: Mapped[str] = mapped_column(String(16))
    """The same at both ends: it follows from the question."""
    state: Mapped[RegisterState] = word(RegisterState, "state")
    register_id: Mapped[int | None] = mapped_column(Id)
    """The owner's entry."""
    asked_from: Mapped[str | None] = mapped_column(String(80))
    """The asker's device, client or account."""
    contact: Mapped[str | None] = mapped_column(String(200))
    """Whom the asker can reach at the owner, day and night."""
    found_at: Mapped[datetime]
    closed_by: Mapped[int | None] = refers_to("account.id")
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(500))

    __table_args__ = (
        UniqueConstraint("economy", "side", "reference"),
        CheckConstraint(
            "(closed_by IS NULL) = (closed_at IS NULL)", name="closed_whole"
        ),
        CheckConstraint(
            "(side = 'owner') = (register_id IS NOT NULL)", name="own_entry"
        ),
        CheckConstraint("state <> 'valid'", name="is_hit"),
        Index("ix_passport_hit_queue", "economy", "closed_at", "id"),
    )


class PassportCount(Base):
    """How many questions were answered on a day, and how: nothing else is kept."""

    __tablename__ = "passport_count"

    economy: Mapped[str] = mapped_column(String(3), primary_key=True)
    side: Mapped[PassportSide] = word(PassportSide, "side", primary_key=True)
    other: Mapped[str] = mapped_column(String(3), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """In UTC."""
    status: Mapped[str] = mapped_column(String(24), primary_key=True)
    count: Mapped[int] = mapped_column(Id)
