"""Offers to phones, the phones that took them, and what may be used once only."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from issuer.store.base import Base, Id, code, differs, identity, refers_to, word

MOST_WRONG = 5
"""Wrong one-time codes after which an offer is dead."""
_OPEN = sql("state = 'open'")


class OfferState(StrEnum):
    """Where an offer stands; that its time is over is no state."""

    OPEN = "open"
    TAKEN = "taken"
    """A phone has redeemed it; nobody else can."""
    DEAD = "dead"
    """Too many wrong codes."""
    CANCELLED = "cancelled"


class Offer(Base):
    """A card offered to a phone.

    Its codes are not here: the address and the pre-authorized code as hashes, the
    one-time code as a mark that only the installation can make.
    """

    __tablename__ = "offer"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    card_id: Mapped[int] = mapped_column(Id)
    state: Mapped[OfferState] = word(OfferState, "state")
    reference_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    one_time_mark: Mapped[str | None] = mapped_column(String(43))
    """Of the code that travels another way; None where an officer saw the phone."""
    wrong: Mapped[int] = mapped_column(default=0)
    phone_key: Mapped[str | None] = mapped_column(String(43))
    """Thumbprint of the only key that may redeem it; set at a counter."""
    lost_mark: Mapped[str | None] = mapped_column(String(43))
    """Of the code that suspends the card from any phone once this one is lost."""
    made_by: Mapped[int] = refers_to("account.id")
    approved_by: Mapped[int | None] = mapped_column(Id)
    """Of the card, once it is approved: nobody offers what they have approved."""
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["card_id", "economy"], ["card.id", "card.economy"], name="fk_offer_card"
        ),
        differs("made_by", "approved_by", "four_eyes"),
        CheckConstraint(f"wrong BETWEEN 0 AND {MOST_WRONG}", name="wrong"),
        CheckConstraint(
            f"wrong < {MOST_WRONG} OR state IN ('dead', 'cancelled')", name="dead"
        ),
        CheckConstraint(
            "(one_time_mark IS NULL) = (phone_key IS NOT NULL)", name="proven"
        ),
        Index("ix_offer_card_id", "card_id", "id"),
        # A newer offer takes the place of an older one.
        Index(
            "uq_offer_open",
            "card_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_offer_queue", "economy", "id"),
    )


class PhoneState(StrEnum):
    """Where a phone stands."""

    ASKING = "asking"
    """It redeemed an offer; its holder has not asked for the card yet."""
    ASKED = "asked"
    """A credential was asked for; one that names its key says that it came."""
    DECLINED = "declined"
    """The holder said no."""
    ENDED = "ended"
    """Signed out before it had a card: another phone took a newer offer."""


class Phone(Base):
    """A wallet that took an offer: whose tokens are bound to one key of its own."""

    __tablename__ = "phone"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    card_id: Mapped[int] = mapped_column(Id)
    offer_id: Mapped[int] = refers_to("offer.id", unique=True)
    state: Mapped[PhoneState] = word(PhoneState, "state")
    key: Mapped[str] = mapped_column(String(43))
    """Thumbprint (RFC 7638) of the key that its tokens are bound to."""
    access_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    access_ends_at: Mapped[datetime | None]
    refresh_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    refresh_ends_at: Mapped[datetime | None]
    is_proven: Mapped[bool] = mapped_column(default=False)
    """It has used a token: the answer that brought the tokens was not lost."""
    holder_key: Mapped[str | None] = mapped_column(String(200))
    """The public JWK that the card is bound to, as canonical JSON."""
    transaction_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    """Of a credential that is not ready yet."""
    issue_id: Mapped[int | None] = refers_to("issue.id")
    """The text that its wallet said to have."""
    told: Mapped[str | None] = mapped_column(String(24))
    """What the wallet said last became of a credential."""
    lost_wrong: Mapped[int] = mapped_column(default=0)
    """Wrong codes given to report it lost."""
    made_at: Mapped[datetime]
    seen_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["card_id", "economy"], ["card.id", "card.economy"], name="fk_phone_card"
        ),
        CheckConstraint(f"lost_wrong BETWEEN 0 AND {MOST_WRONG}", name="lost_wrong"),
        Index("ix_phone_card_id", "card_id", "id"),
    )


class CounterPhone(Base):
    """A phone at a counter: its holder reads a number aloud, an officer types it."""

    __tablename__ = "counter_phone"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    number: Mapped[str] = mapped_column(String(8))
    """Eight digits, the last of which checks the others."""
    key: Mapped[str] = mapped_column(String(43))
    """Thumbprint of the phone's key."""
    offer_id: Mapped[int | None] = refers_to("offer.id")
    sealed_reference: Mapped[str | None] = mapped_column(String(200))
    """Address of the offer, for the phone that asks for it with its key."""
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime]

    __table_args__ = (
        Index("uq_counter_phone_number", "economy", "number", unique=True),
        Index("ix_counter_phone_ends_at", "ends_at"),
    )


class UsedOnce(Base):
    """A value that was used, and is refused until nobody could use it any more."""

    __tablename__ = "used_once"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of its kind and itself."""
    ends_at: Mapped[datetime]

    __table_args__ = (Index("ix_used_once_ends_at", "ends_at"),)
