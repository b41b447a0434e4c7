"""Officers of this economy ask about passports: at the back office, by a command."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from pydantic import Field
from sqlalchemy.orm import Session

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
from verifier import (
    NoAnswer,
    PassportAnswer,
    PassportQuestion,
    PassportStatus,
)

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


class CheckPassports(Request):
    """Passports of a list, whoever issued them."""

    passports: tuple[CheckPassport, ...] = Field(
        min_length=1,
        max_length=PassportQuestion.MOST,
        description="1 to 500; each owner is asked about its own at once.",
    )


class PassportsChecked(Answer):
    """What their owners say of them."""

    answers: tuple[PassportChecked, ...]
    """As many as passports, in their order."""


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
    (found,) = _ask(desk, [_question(given, "")])
    desk.write(
        lambda session: desk.log(
            session,
            "passport:asked",
            f"economy:{desk.economy}",
            owner=found.owner,
            status=found.status,
        )
    )
    return _told(found)


@operation(
    "passport.check_list",
    "Ask the economies that issued passports about up to 500 at once.",
    *ASKERS,
)
def check_list(desk: Desk, given: CheckPassports) -> PassportsChecked:
    """Ask about many passports; how many each owner was asked about is logged.

    Raises:
        Invalid: A birth date cannot be.
        Conflict: ``passports.cannot_ask``, as for one.
    """
    found = _ask(
        desk,
        [
            _question(each, f"passports.{place}.")
            for place, each in enumerate(given.passports)
        ],
    )
    owners = Counter(each.owner for each in found)
    hits = Counter(each.owner for each in found if each.status.is_hit)

    def work(session: Session) -> None:
        for owner, count in sorted(owners.items()):
            desk.log(
                session,
                "passport:list_asked",
                f"economy:{desk.economy}",
                owner=owner,
                count=count,
                hits=hits[owner],
            )

    desk.write(work)
    return PassportsChecked(answers=tuple(map(_told, found)))


def _cannot_ask(desk: Desk, error: Exception) -> Conflict:
    """Say it plainly; what to do about it is told to who can do it."""
    detail = (
        "this office cannot ask other economies about passports at the moment, so"
        " nobody was asked: check the passport by hand, and tell an administrator"
    )
    if Role.ADMIN in desk.actor.roles:
        detail = f"nobody was asked: {error}"
    return Conflict("passports.cannot_ask", detail)


def _ask(desk: Desk, questions: Sequence[PassportQuestion]) -> list[PassportAnswer]:
    try:
        asked = Asker(desk.office).ask(
            desk.economy,
            questions,
            asked_from=f"account {desk.actor.login}",
            now=desk.now,
        )
    except (KeyFileError, NoTrust, ServiceKeyMissing) as error:
        raise _cannot_ask(desk, error) from error
    return list(asked.found)


def _told(found: PassportAnswer) -> PassportChecked:
    return PassportChecked(
        status=found.status,
        owner=found.owner,
        answered_at=found.answered_at,
        reference=found.reference,
        contact=found.contact,
        no_answer=found.no_answer,
    )


def _question(given: CheckPassport, where: str) -> PassportQuestion:
    try:
        return PassportQuestion(
            country=given.country,
            number=given.number,
            birthdate=f"{given.birthdate:%y%m%d}" if given.birthdate else None,
            expires_on=given.expires_on,
        )
    except ValueError as error:
        problem = (f"{where}birthdate", "form", "cannot be in a passport")
        raise Invalid([problem]) from error
