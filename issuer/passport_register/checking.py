"""Officers of this economy ask about a passport: at the back office, by a command."""

from datetime import date, datetime
from typing import Final

from pydantic import Field

from issuer.errors import (
    Conflict,
    Invalid,
    KeyFileError,
    NoTrust,
    ServiceKeyMissing,
)
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.passport_register.asking import Asker
from issuer.passport_register.hits import FOLLOWERS
from issuer.store import Role
from verifier import NoAnswer, PassportQuestion, PassportStatus

ASKERS: Final = (*FOLLOWERS, Role.INTAKE)


class CheckPassport(Request):
    """A passport that an officer has before them; the more is said, the more counts."""

    country: str = Field(
        pattern=r"^[A-Z]{3}$", description="Code in the passport of who issued it."
    )
    number: str = Field(
        pattern=r"^[A-Z0-9]{1,22}$", description="1 to 22 capital letters and digits."
    )
    birthdate: date | None = Field(None, description="Of its holder, YYYY-MM-DD.")
    expires_on: date | None = Field(None, description="Its last day, YYYY-MM-DD.")


class PassportChecked(Answer):
    """What its owner says of it, or that nobody says anything."""

    status: PassportStatus
    owner: str
    """The economy that was asked."""
    answered_at: datetime | None
    reference: str
    """To quote to the owner; empty where nobody was asked."""
    contact: str | None
    """Whom the owner has there day and night; with a hit."""
    no_answer: NoAnswer | None
    """Why there is none; silence speaks neither for nor against the passport."""


def _cannot_ask(desk: Desk, error: Exception) -> Conflict:
    """Say it plainly; what to do about it is told to who can do it."""
    detail = (
        "this office cannot ask other economies about passports at the moment, so"
        " nobody was asked: check the passport by hand, and tell an administrator"
    )
    if Role.ADMIN in desk.actor.roles:
        detail = f"nobody was asked: {error}"
    return Conflict("passports.cannot_ask", detail)


@operation(
    "passport.check",
    "Ask the economy that issued a passport whether it is still good.",
    *ASKERS,
)
def check(desk: Desk, given: CheckPassport) -> PassportChecked:
    """Ask about one passport; that an officer has asked is logged, not about which.

    Raises:
        Invalid: The birth date cannot be.
        Conflict: ``passports.cannot_ask``: this economy has no service keys, or no
            trust data to know others by.
    """
    question = _question(given)
    try:
        found = (
            Asker(desk.office)
            .ask(
                desk.economy,
                question,
                asked_from=f"account {desk.actor.login}",
                now=desk.now,
            )
            .found
        )
    except (KeyFileError, NoTrust, ServiceKeyMissing) as error:
        raise _cannot_ask(desk, error) from error
    desk.write(
        lambda session: desk.log(
            session,
            "passport:asked",
            f"economy:{desk.economy}",
            owner=found.owner,
            status=found.status,
        )
    )
    return PassportChecked(
        status=found.status,
        owner=found.owner,
        answered_at=found.answered_at,
        reference=found.reference,
        contact=found.contact,
        no_answer=found.no_answer,
    )


def _question(given: CheckPassport) -> PassportQuestion:
    try:
        return PassportQuestion(
            country=given.country,
            number=given.number,
            birthdate=f"{given.birthdate:%y%m%d}" if given.birthdate else None,
            expires_on=given.expires_on,
        )
    except ValueError as error:
        raise Invalid([("birthdate", "form", "cannot be in a passport")]) from error
