"""What carriers have asked, for as long as they can ask about it again.

A passport is sealed with the installation's key: it may be one of a traveller who has
no card here, whom nobody has to know.
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

from issuer.store.base import Base, code, identity, refers_to, word


class BasisState(StrEnum):
    """The three answers, as a carrier was told them."""

    GIVES = "gives"
    DOES_NOT_GIVE = "does_not_give"
    NO_ANSWER = "no_answer"


class CarrierQuestion(Base):
    """One question of one client, and what it was told last."""

    __tablename__ = "carrier_question"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    """Whose cards it is about."""
    client: Mapped[str] = mapped_column(String(80))
    reference: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[str] = mapped_column(String(200))
    """Country and number of the passport."""
    destination: Mapped[str] = code()
    arrival: Mapped[date]
    answer: Mapped[BasisState] = word(BasisState, "answer")
    stay_until: Mapped[date | None]
    answered_at: Mapped[datetime]
    is_watched: Mapped[bool] = mapped_column(default=False)
    """The client is told when the answer flips."""
    is_everybody: Mapped[bool] = mapped_column(default=False)
    """It is about the cards of all economies."""
    given_by: Mapped[str | None] = mapped_column(String(3))
    """The economy whose card gives, where all were asked."""
    forget_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["economy"], ["hosted_economy.code"], name="fk_carrier_question_economy"
        ),
        UniqueConstraint("economy", "reference"),
        CheckConstraint(
            "stay_until IS NULL OR answer = 'gives'", name="stay_where_given"
        ),
        Index("ix_carrier_question_watched", "economy", "is_watched", "id"),
        Index("ix_carrier_question_forget_at", "forget_at"),
    )


class CarrierChange(Base):
    """An answer that flipped, as one client is told of it; its number is the cursor."""

    __tablename__ = "carrier_change"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code()
    client: Mapped[str] = mapped_column(String(80))
    question_id: Mapped[int] = refers_to("carrier_question.id", index=True)
    answer: Mapped[BasisState] = word(BasisState, "answer")
    stay_until: Mapped[date | None]
    changed_at: Mapped[datetime]

    __table_args__ = (Index("ix_carrier_change_client", "economy", "client", "id"),)
