"""Who works here: accounts, what proves them, and what they have open."""

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

from issuer.store.base import Base, Id, code, differs, identity, refers_to, word


class Role(StrEnum):
    """What an account may do, for its own economy only."""

    INTAKE = "intake"
    """Enters and corrects applications; reads its economy's cases."""
    VETTING = "vetting"
    """Passes review stages and decides applications at home."""
    ISSUING = "issuing"
    """Issues, replaces, suspends and ends cards and credentials."""
    PRECLEARANCE = "preclearance"
    """Answers the requests of other economies."""
    PUBLISHING = "publishing"
    """Publishes lists and documents."""
    AUDIT = "audit"
    """Reads the audit log and the reports; changes nothing."""
    ADMIN = "admin"
    """Keeps accounts, roles, configuration and keys."""


class AccountKind(StrEnum):
    """What stands behind an account."""

    PERSON = "person"
    PROGRAM = "program"
    """Signs in by an API key."""
    SYSTEM = "system"
    """The installation itself; nobody can sign in as it."""


class Account(Base):
    """Who does things.  Accounts are closed, never deleted: the log names them."""

    __tablename__ = "account"

    id: Mapped[int] = identity()
    economy: Mapped[str] = code(reference="hosted_economy.code", index=True)
    login: Mapped[str] = mapped_column(String(64))
    display_name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[AccountKind] = word(AccountKind, "kind")
    password_hash: Mapped[str | None] = mapped_column(String(200))
    """Argon2id, in its standard text."""
    first_code_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of the one-time code that sets a password; gone once it was used."""
    first_code_ends_at: Mapped[datetime | None]
    totp_secret: Mapped[str | None] = mapped_column(String(200))
    """Sealed with the installation's own key."""
    totp_last_step: Mapped[int | None]
    """A code is good once: the time step of the last one."""
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    """``<issuer>#<sub>`` at the ministry's own sign-on."""
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = refers_to("account.id")
    closed_at: Mapped[datetime | None]
    waits: Mapped[bool] = mapped_column(default=False)
    """Somebody was let in, and no second administrator has confirmed who: no role
    counts."""
    asked_by: Mapped[int | None] = refers_to("account.id")
    """The administrator who let them in."""
    confirmed_by: Mapped[int | None] = refers_to("account.id")

    __table_args__ = (
        differs("confirmed_by", "asked_by", "four_eyes"),
        differs("confirmed_by", "id", "not_by_oneself"),
        UniqueConstraint("login"),
        UniqueConstraint("oidc_subject"),
        # What row-level references use to show that both are of one economy.
        UniqueConstraint("id", "economy"),
    )


class AccountRole(Base):
    """A role of an account, and who gave it."""

    __tablename__ = "account_role"

    account_id: Mapped[int] = refers_to("account.id", primary_key=True)
    role: Mapped[Role] = word(Role, "role", primary_key=True)
    given_by: Mapped[int | None] = refers_to("account.id")
    """None only for the first account of an installation."""
    given_at: Mapped[datetime]
    waits: Mapped[bool] = mapped_column(default=False)
    """It does not count before a second administrator has confirmed it."""
    confirmed_by: Mapped[int | None] = refers_to("account.id")

    __table_args__ = (
        CheckConstraint("given_by <> account_id", name="not_to_oneself"),
        differs("confirmed_by", "given_by", "four_eyes"),
        differs("confirmed_by", "account_id", "not_by_oneself"),
    )


class Passkey(Base):
    """A passkey of an account (WebAuthn)."""

    __tablename__ = "passkey"

    id: Mapped[int] = identity()
    account_id: Mapped[int] = refers_to("account.id", index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(Id, default=0)
    label: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("credential_id"),)


class ApiKey(Base):
    """A key of a program; only its hash is kept."""

    __tablename__ = "api_key"

    id: Mapped[int] = identity()
    account_id: Mapped[int] = refers_to("account.id", index=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of 256 random bits."""
    label: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    made_by: Mapped[int | None] = refers_to("account.id")
    waits: Mapped[bool] = mapped_column(default=False)
    """It is refused before a second administrator has confirmed it."""
    confirmed_by: Mapped[int | None] = refers_to("account.id")

    __table_args__ = (
        UniqueConstraint("key_hash"),
        differs("confirmed_by", "made_by", "four_eyes"),
        differs("confirmed_by", "account_id", "not_by_oneself"),
    )


class BrowserSession(Base):
    """A signed-in browser; kept here so that it can be ended here."""

    __tablename__ = "browser_session"

    id: Mapped[int] = identity()
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[int | None] = refers_to("account.id", index=True)
    """None while somebody is at the ministry's own sign-on."""
    state: Mapped[str] = mapped_column(Text, default="{}")
    """What signing in still needs, as JSON: challenges, where to go next."""
    browser: Mapped[str] = mapped_column(String(200), default="")
    """As it called itself; for its owner to tell sessions apart."""
    signed_in_at: Mapped[datetime | None]
    """None until every factor was shown; a new token keeps it."""
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_browser_session_seen_at", "seen_at"),
    )
