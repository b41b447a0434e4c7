"""Letters by which whoever applied on paper follows their application online.

An officer makes one for a case and hands it over, or sends it to the address on the
paper.  Its code counts once, for whoever has signed in and types it.  Whoever has no
letter learns nothing: what was wrong is never said, and no name or number is asked for.
"""

from datetime import datetime, timedelta
from typing import Final

from pydantic import Field
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, NotProven
from issuer.installation_key import InstallationKey
from issuer.offers import key_of, new_letters, plain_letters
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.store import Application, FollowLetter, PortalOpening, Role

LIFE: Final = timedelta(days=60)
"""From the day on which a letter is made."""
_USE: Final = "follow letter code"


class MakeLetter(Request):
    """Whose letter."""

    application: int = Field(description="Number of the record.")


class LetterMade(Answer):
    """What the letter says; it is told once and kept nowhere."""

    application: int
    number: str
    code: str
    """Twelve letters and digits; 60 bits."""
    address: str
    """Of the page where it is typed."""
    ends_at: datetime


@operation(
    "application.follow_letter",
    "Make a letter by which who applied on paper follows the application online.",
    Role.INTAKE,
    Role.VETTING,
    Role.ISSUING,
)
def make_letter(desk: Desk, given: MakeLetter) -> LetterMade:
    """Make a letter; an earlier one of the same application is worth nothing then.

    The answer holds a secret and is therefore not kept for a repeated request.

    Raises:
        NotFound: There is no such application here.
        Conflict: ``portal.never``: this economy has no pages for applicants.
    """
    key, code = key_of(desk), new_letters()

    def work(session: Session) -> LetterMade:
        row = desk.find(session, Application, given.application)
        opened = exists().where(PortalOpening.economy == desk.economy)
        if not session.scalar(select(opened)):
            raise Conflict("portal.never", "the pages for applicants were never opened")
        _end_others(session, row)
        letter = FollowLetter(
            economy=desk.economy,
            application_id=row.id,
            code_mark=_mark(key, desk.economy, code),
            made_by=desk.actor.account_id,
            made_at=desk.now,
            ends_at=desk.now + LIFE,
        )
        session.add(letter)
        session.flush()
        desk.log(session, "application:letter_made", f"application:{row.id}")
        return LetterMade(
            application=row.id,
            number=row.number,
            code=code,
            address=f"{desk.office.installation.pages}/apply/{desk.economy}/track/join",
            ends_at=letter.ends_at,
        )

    return desk.write(work)


def _end_others(session: Session, row: Application) -> None:
    for each in session.scalars(
        select(FollowLetter).where(
            FollowLetter.application_id == row.id, FollowLetter.code_mark.is_not(None)
        )
    ):
        each.code_mark = None
    session.flush()


def join(desk: Desk, *, applicant: int, code: str) -> None:
    """Let an applicant follow what a letter is about.

    Args:
        desk: Of the installation itself.
        applicant: Who has signed in.
        code: As they have typed it, whatever its case and spacing.

    Raises:
        NotProven: The code is wrong, was used, or is too old; nobody is told which.
    """
    mark = _mark(key_of(desk), desk.economy, code)
    good = select(FollowLetter).where(
        FollowLetter.code_mark == mark,
        FollowLetter.economy == desk.economy,
        FollowLetter.ends_at > desk.now,
    )
    wrong = NotProven("the code is wrong, was used, or is too old")
    # So that guessing holds up nobody: only one writes at a time.
    if desk.read(lambda session: session.scalars(good).first()) is None:
        raise wrong

    def work(session: Session) -> None:
        letter = session.scalars(good.with_for_update()).one_or_none()
        if letter is None:
            raise wrong
        letter.code_mark = None
        letter.applicant_id, letter.used_at = applicant, desk.now
        desk.log(
            session,
            "application:letter_used",
            f"application:{letter.application_id}",
            letter=letter.id,
        )

    desk.write(work)


def _mark(key: InstallationKey, economy: str, code: str) -> str:
    return key.mark(_USE, f"{economy}:{plain_letters(code)}")
