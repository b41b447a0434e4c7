"""What a partner hands in about somebody who is alike to somebody on file.

A partner must not learn from our answer who is on file.  So what it hands in is taken
either way, under a number, as a draft; if somebody on file is alike it is *held* until
an officer says who it is, and becomes the application of that number, or is put away.
"""

from base64 import b64decode
from typing import Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.applications import (
    Entered,
    Entry,
    PassportFields,
    PersonFields,
    enter_all,
    keep_document,
    names_for,
    read_typed,
    read_upload,
    submit_one,
)
from issuer.checking import Alike, alike_to
from issuer.errors import Conflict, Invalid, NotFound
from issuer.intake.duplicates import Identity
from issuer.lifecycle import Application as State
from issuer.numbers import draw_application_number
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.store import (
    Application,
    DocumentKind,
    HeldSubmission,
    Role,
    SubmissionState,
    SubmittedApplication,
)

_INTAKE: Final = (Role.INTAKE,)


class HandedInFile(Request):
    """A file that came with it."""

    kind: DocumentKind
    name: str
    content: str
    """In base64."""


class HandedIn(Request):
    """What a partner has handed in, as it is kept while it waits."""

    person: PersonFields
    passport: PassportFields
    documents: tuple[HandedInFile, ...] = ()


def shown_state(*, is_whole: bool) -> State:
    """Return how far something is to its partner that was just handed in."""
    return State.SUBMITTED if is_whole else State.DRAFT


def hold(
    session: Session,
    desk: Desk,
    client: str,
    given: "HandedIn",
    *,
    held_for: str,
    is_whole: bool,
) -> HeldSubmission:
    """Keep what a partner has handed in until an officer says who it is.

    Args:
        session: Of the transaction.
        desk: At which it came in.
        client: Who has handed it in.
        given: As it was handed in; it reads without a fault.
        held_for: Code of why it cannot be entered at once.
        is_whole: Nothing has to come to the office; to its partner it is submitted.
    """
    row = HeldSubmission(
        economy=desk.economy,
        client=client,
        number=draw_application_number(desk.economy),
        given=given.model_dump_json(),
        is_whole=is_whole,
        held_for=held_for,
        state=SubmissionState.WAITING,
        came_at=desk.now,
        changed_at=desk.now,
    )
    session.add(row)
    session.flush()
    desk.log(session, "submission:held", _subject(row), client=client, code=held_for)
    return row


def note(session: Session, desk: Desk, client: str, entered: Entered) -> None:
    """Keep whose an application is that a partner has handed in."""
    session.add(SubmittedApplication(application_id=entered.application, client=client))
    subject = f"application:{entered.application}"
    desk.log(session, "application:came_in", subject, client=client)


def held_of(
    session: Session, desk: Desk, client: str, number: str
) -> HeldSubmission | None:
    """Return what a client has handed in under a number and was held, if it was."""
    query = select(HeldSubmission).where(
        HeldSubmission.economy == desk.economy,
        HeldSubmission.number == number,
        HeldSubmission.client == client,
    )
    return session.scalars(query).one_or_none()


# For officers


class ListHeld(Request):
    """Where to go on."""

    after: int | None = Field(None, description="Go on behind this one.")
    limit: int = Field(50, ge=1, le=200, description="How many at most, up to 200.")


class HeldLine(Answer):
    """Something that a partner handed in, and waits for an officer."""

    submission: int
    number: str
    client: str
    held_for: str
    age_days: int


class HeldLines(Answer):
    """A page of them, the oldest first."""

    waiting: tuple[HeldLine, ...]
    after: int | None


class OneSubmission(Request):
    """Which of them."""

    submission: int = Field(description="Number of what was handed in.")


class HeldSubmissionCase(Answer):
    """What was handed in, and who on file may be its applicant."""

    submission: int
    number: str
    client: str
    held_for: str
    person: PersonFields
    passport: PassportFields
    documents: tuple[DocumentKind, ...]
    """What came with it; it is kept with the application once that is there."""
    machine_names: str
    alike: tuple[Alike, ...]


class TakeSubmission(OneSubmission):
    """Who it is."""

    person_id: int | None = Field(
        None, description="The person on file whose application this is."
    )
    confirm_duplicate_of: tuple[int, ...] = Field(
        (),
        max_length=100,
        description="Persons on file who look alike and are somebody else.",
    )


class SubmissionTaken(Answer):
    """The application that it became."""

    submission: int
    application: int
    number: str


@operation(
    "submission.held",
    "List what partners handed in and waits for an officer to say who it is.",
    *_INTAKE,
    changes=False,
)
def list_held(desk: Desk, given: ListHeld) -> HeldLines:
    """List them, the oldest first; names are not in it."""
    query = (
        select(HeldSubmission)
        .where(
            HeldSubmission.economy == desk.economy,
            HeldSubmission.state == SubmissionState.WAITING,
            HeldSubmission.id > (given.after or 0),
        )
        .order_by(HeldSubmission.id)
        .limit(given.limit + 1)
    )
    rows = desk.read(lambda session: session.scalars(query).all())
    lines = tuple(_line(desk, row) for row in rows[: given.limit])
    more = len(rows) > given.limit
    return HeldLines(waiting=lines, after=lines[-1].submission if more else None)


@operation(
    "submission.look",
    "Show what a partner handed in beside who on file is alike; that it was read is"
    " logged.",
    *_INTAKE,
    changes=False,
)
def look_at(desk: Desk, given: OneSubmission) -> HeldSubmissionCase:
    """Show it.

    Raises:
        NotFound: There is none here that waits.
        Conflict: ``submission.faulty``: it could not be entered any more, such as since
            its passport has ended.
    """

    def work(session: Session) -> HeldSubmissionCase:
        row = _held(session, desk, given.submission)
        desk.log(session, "submission:read", _subject(row))
        held, entry = _given(row), _entry(session, desk, row)
        return HeldSubmissionCase(
            submission=row.id,
            number=row.number,
            client=row.client,
            held_for=row.held_for,
            person=held.person,
            passport=held.passport,
            documents=tuple(each.kind for each in held.documents),
            machine_names=" / ".join(filter(None, names_for(entry))),
            alike=tuple(alike_to(session, desk, Identity.of(entry.typed), None)),
        )

    return desk.look(work)


@operation(
    "submission.take",
    "Enter what a partner handed in, saying who it is; another person decides.",
    *_INTAKE,
)
def take(desk: Desk, given: TakeSubmission) -> SubmissionTaken:
    """Enter it in the officer's own name, under the number that it has.

    Its documents go with it, and if nothing was missing it is submitted.

    Raises:
        NotFound: There is none here that waits, or no such person.
        Conflict: ``submission.faulty``, or as for `application.enter`.
    """

    def work(session: Session) -> SubmissionTaken:
        row = _held(session, desk, given.submission, lock=True)
        entry = _entry(
            session,
            desk,
            row,
            person_id=given.person_id,
            others=frozenset(given.confirm_duplicate_of),
        )
        (entered,) = enter_all(session, desk, [entry])
        note(session, desk, row.client, entered)
        application = session.get_one(Application, entered.application)
        for each in _given(row).documents:
            content = b64decode(each.content)
            upload = read_upload(each.kind, each.name, content)
            keep_document(session, desk, application, each.kind, upload)
        if row.is_whole:
            submit_one(session, desk, application)
        _settle(row, desk, SubmissionState.ENTERED)
        row.application_id = entered.application
        desk.log(
            session, "submission:taken", _subject(row), application=entered.application
        )
        return SubmissionTaken(
            submission=row.id, application=entered.application, number=entered.number
        )

    return once(desk, given, SubmissionTaken, work)


@operation(
    "submission.dismiss",
    "Put away what a partner handed in and cannot be entered; this is final.",
    *_INTAKE,
)
def dismiss(desk: Desk, given: OneSubmission) -> HeldLine:
    """Delete what was entered; to its partner it looks withdrawn.

    Raises:
        NotFound: There is none here that waits.
    """

    def work(session: Session) -> HeldLine:
        row = _held(session, desk, given.submission, lock=True)
        _settle(row, desk, SubmissionState.PUT_AWAY)
        desk.log(session, "submission:dismissed", _subject(row))
        return _line(desk, row)

    return once(desk, given, HeldLine, work)


def _held(
    session: Session, desk: Desk, number: int, *, lock: bool = False
) -> HeldSubmission:
    row = desk.find(session, HeldSubmission, number)
    if lock:
        session.refresh(row, with_for_update=True)
    if row.state != SubmissionState.WAITING:
        raise NotFound(f"nothing that was handed in as {number} waits here")
    return row


def _given(row: HeldSubmission) -> HandedIn:
    return HandedIn.model_validate_json(row.given)


def _entry(
    session: Session,
    desk: Desk,
    row: HeldSubmission,
    *,
    person_id: int | None = None,
    others: frozenset[int] = frozenset(),
) -> Entry:
    given = _given(row)
    person = given.person
    if person_id is not None:
        # Whoever hands in what is somebody else's does not get their mail.
        person = person.model_copy(update={"email": ""})
    try:
        typed = read_typed(desk, session, person, given.passport)
    except Invalid as error:
        text = f"it cannot be entered any more: {error}"
        raise Conflict("submission.faulty", text) from error
    return Entry(typed=typed, person_id=person_id, others=others, number=row.number)


def _settle(row: HeldSubmission, desk: Desk, state: SubmissionState) -> None:
    row.state, row.given, row.changed_at = state, "{}", desk.now
    row.settled_by = desk.actor.account_id


def _line(desk: Desk, row: HeldSubmission) -> HeldLine:
    return HeldLine(
        submission=row.id,
        number=row.number,
        client=row.client,
        held_for=row.held_for,
        age_days=(desk.now - row.came_at).days,
    )


def _subject(row: HeldSubmission) -> str:
    return f"submission:{row.id}"
