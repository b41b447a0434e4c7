"""Types and conventions that every table shares."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    String,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from issuer.dated import require_aware

_Named = TypeVar("_Named", bound=StrEnum)

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""So that a database names what it refuses in the same words everywhere."""

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only in a column of this exact type."""


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond; what is naive is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Bring a moment to UTC."""
        if value is None:
            return None
        moment = require_aware(value).astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        """Say that it is UTC, which SQLite does not keep."""
        if value is None:
            return None
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)


class Base(DeclarativeBase):
    """Every table of the back office."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: Moment()}  # noqa: RUF012  # as SQLAlchemy has it


def identity() -> Mapped[int]:
    """Define the primary key that nobody outside the database sees."""
    return mapped_column(Id, primary_key=True, autoincrement=True)


def word(states: type[_Named], constraint: str, **options: Any) -> Mapped[_Named]:
    """Define a column that holds one of some words, and nothing else."""
    kind = Enum(
        states,
        values_callable=lambda enum: [each.value for each in enum],
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=24,
        name=constraint,
    )
    return mapped_column(kind, **options)


def code(*, reference: str | None = None, **options: Any) -> Mapped[Any]:
    """Define a column for the alpha-3 code of an economy."""
    keys = [ForeignKey(reference)] if reference else []
    return mapped_column(String(3), *keys, **options)


def refers_to(column: str, **options: Any) -> Mapped[Any]:
    """Define a column that points to another row's identity."""
    return mapped_column(Id, ForeignKey(column), **options)


def differs(first: str, second: str, name: str) -> CheckConstraint:
    """Demand two persons: one may be missing, but they are never the same."""
    return CheckConstraint(f"{first} <> {second}", name=name)
