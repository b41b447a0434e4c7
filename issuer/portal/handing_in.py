"""From an applicant's draft to an application of the back office: once, and whole.

All of it is one transaction: person, passport, application, documents, its submission,
and that the draft became it.  A crash leaves the draft as it was; asking twice gives
the same application.

Somebody who is alike to somebody on file is never entered, joined or refused by the
portal itself.  What was handed in is *held* for an officer, and the applicant sees the
same as everybody: whoever knows another's passport must not learn from these pages that
its holder is known here, and nothing on file changes by what they type.
"""

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from issuer.applications import (
    READERS,
    Entry,
    enter_all,
    keep_document,
    on_file,
    refusal,
    submit_one,
)
from issuer.checking import Alike, alike_to
from issuer.errors import Conflict, Invalid, NotFound
from issuer.intake.duplicates import Identity
from issuer.intake.uploads import Kind, Upload
from issuer.mail import queue_mail
from issuer.office import Desk, Office
from issuer.operations import Answer, Request, once, operation
from issuer.portal import drafts, payments
from issuer.portal.drafts import Draft, faults_of
from issuer.portal.opening import portal_desk
from issuer.portal.post import QueueMail
from issuer.store import (
    Application,
    OnlineApplication,
    OnlineFile,
    OnlineState,
    PaymentState,
    Role,
)

_INTAKE: Final = (Role.INTAKE,)
_FOREVER: Final = timedelta(days=36_600)
_FILE_KINDS: Final[dict[str, Kind]] = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpeg",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """What became of it, as its applicant may know it."""

    reference: str
    at: datetime


def hand_in(
    office: Office,
    economy: str,
    applicant: int,
    number: int,
    *,
    now: datetime,
    queue: QueueMail = queue_mail,
) -> HandedIn:
    """Hand in a draft; what was handed in already is told again.

    Args:
        office: The open installation.
        economy: Where somebody applies.
        applicant: Who.
        number: Of the draft.
        now: The moment.
        queue: Writes to the applicant.

    Raises:
        NotFound: It is another one's, or is gone.
        Invalid: Something is missing or wrong; each with step and field.
        Conflict: ``portal.closed``.
    """
    desk = portal_desk(office, economy, now=now, reason="handed in online")
    keep = timedelta(days=office.installation.portal.draft_days)

    def work(session: Session) -> HandedIn:
        row = session.scalars(
            select(OnlineApplication)
            .where(
                OnlineApplication.id == number,
                OnlineApplication.economy == economy,
                OnlineApplication.applicant_id == applicant,
            )
            .with_for_update()
        ).one_or_none()
        if row is None or row.state == OnlineState.WITHDRAWN:
            raise NotFound(f"there is no application online {number}")
        if row.state == OnlineState.DRAFT:
            draft = drafts.load(session, economy, applicant, number, keep=keep, now=now)
            _take(session, desk, row, draft)
            queue(
                session,
                economy,
                draft.email,
                "application_received",
                {"number": row.reference},
                now,
                once_key=f"online-{row.id}-received",
            )
        return HandedIn(reference=row.reference, at=row.submitted_at or now)

    return desk.write(work)


def _take(session: Session, desk: Desk, row: OnlineApplication, draft: Draft) -> None:
    scheme = desk.office.scheme(session)
    faults = faults_of(draft, scheme, desk.now)
    if faults:
        raise Invalid((f"{each.step}.{each.field}", each.code, "") for each in faults)
    entry = _entry(session, desk, row, draft)
    row.submitted_at = row.changed_at = desk.now
    refused = refusal(entry, on_file(session, desk.economy, [entry]))
    if refused is not None or row.renews_card_id is not None:
        code = refused.code if refused is not None else "application.renewal"
        row.state, row.held_for = OnlineState.HELD, code
        desk.log(session, "online:held", _subject(row), code=code)
        return
    _enter(session, desk, row, entry, "online:submitted")


def _entry(
    session: Session,
    desk: Desk,
    row: OnlineApplication,
    draft: Draft,
    *,
    is_on_file: bool = False,
    **says: Any,
) -> Entry:
    typed = drafts.read_typed(draft, desk.office.scheme(session), desk.now)
    if is_on_file:
        # Whoever hands in what is somebody else's does not get their mail.
        person = typed.person.model_copy(update={"email": None})
        typed = replace(typed, person=person)
    return Entry(
        typed=typed,
        kind=row.kind,
        renews_card=row.renews_card_id,
        # `faults_of` has asked for it, and the officer is told that nobody else has
        # looked.
        names_confirmed=True,
        **says,
    )


def _enter(
    session: Session, desk: Desk, row: OnlineApplication, entry: Entry, tag: str
) -> Application:
    (entered,) = enter_all(session, desk, [entry])
    application = session.get_one(Application, entered.application)
    files = session.scalars(
        select(OnlineFile).where(OnlineFile.online_id == row.id).order_by(OnlineFile.id)
    ).all()
    for file in files:
        keep_document(session, desk, application, file.kind, _upload(file))
    submit_one(session, desk, application)
    row.state, row.application_id = OnlineState.SUBMITTED, application.id
    row.changed_at = desk.now
    session.execute(delete(OnlineFile).where(OnlineFile.online_id == row.id))
    fields = {"documents": len(files)} if tag == "online:submitted" else {}
    desk.log(session, tag, _subject(row), application=application.id, **fields)
    session.flush()
    return application


def _upload(file: OnlineFile) -> Upload:
    """Return a file as it was read when it came in."""
    return Upload(
        kind=_FILE_KINDS[file.media_type],
        content=file.data,
        sha256=file.sha256,
        display_name=file.name,
    )


# For officers


class ListHeld(Request):
    """Where to go on."""

    after: int | None = Field(None, description="Go on behind this one.")
    limit: int = Field(50, ge=1, le=200, description="How many at most, up to 200.")


class HeldLine(Answer):
    """Something that was handed in, and waits for an officer."""

    online: int
    reference: str
    held_for: str
    age_days: int


class HeldLines(Answer):
    """A page of them, the oldest first."""

    waiting: tuple[HeldLine, ...]
    after: int | None


class OneOnline(Request):
    """Which of them."""

    online: int = Field(description="Number of what was handed in online.")


class HeldCase(Answer):
    """What was handed in, and who on file may be its applicant."""

    online: int
    reference: str
    held_for: str
    email: str
    family_name: str
    given_name: str
    birthdate: date
    sex: str
    nationality: str
    passport_country: str
    passport_number: str
    passport_issued_on: date
    passport_expires_on: date
    machine_names: str
    renews_card: int | None
    alike: tuple[Alike, ...]


class TakeHeld(OneOnline):
    """Who it is."""

    person_id: int | None = Field(
        None, description="The person on file whose application this is."
    )
    confirm_duplicate_of: tuple[int, ...] = Field(
        (),
        max_length=100,
        description="Persons on file who look alike and are somebody else.",
    )


class Taken(Answer):
    """The application that it became."""

    online: int
    application: int
    number: str


class OnlineOf(Request):
    """Of which application."""

    application: int = Field(description="Number of the record.")


class OnlineView(Answer):
    """What an applicant online said beside the application itself."""

    online: int
    reference: str
    email: str
    submitted_at: datetime
    names_confirmed: bool
    """The applicant has compared the names on the card with the passport, and no
    officer has yet."""
    contact: dict[str, str]
    declaration_version: str | None
    declaration_text: str | None
    agreed_at: datetime | None
    photo: dict[str, Any] | None
    """What was measured on the photograph; a machine's opinion, for an officer."""
    payment: int | None
    payment_reference: str | None
    amount: str | None
    currency: str | None
    payment_state: PaymentState | None
    told: str


class OnlineCase(Answer):
    """That, if it was made online."""

    online: OnlineView | None


@operation(
    "portal.held",
    "List what was handed in online and waits for an officer to say who it is.",
    *_INTAKE,
    changes=False,
)
def list_held(desk: Desk, given: ListHeld) -> HeldLines:
    """List them, the oldest first; names are not in it."""
    query = (
        select(OnlineApplication)
        .where(
            OnlineApplication.economy == desk.economy,
            OnlineApplication.state == OnlineState.HELD,
            OnlineApplication.id > (given.after or 0),
        )
        .order_by(OnlineApplication.id)
        .limit(given.limit + 1)
    )
    rows = desk.read(lambda session: session.scalars(query).all())
    lines = [
        HeldLine(
            online=row.id,
            reference=row.reference,
            held_for=row.held_for or "",
            age_days=(desk.now - row.changed_at).days,
        )
        for row in rows[: given.limit]
    ]
    more = len(rows) > given.limit
    return HeldLines(waiting=tuple(lines), after=lines[-1].online if more else None)


@operation(
    "portal.look",
    "Show what was handed in online beside who on file is alike; that it was read is"
    " logged.",
    *_INTAKE,
    changes=False,
)
def look_at(desk: Desk, given: OneOnline) -> HeldCase:
    """Show it.

    Raises:
        NotFound: There is none here that waits.
        Conflict: ``online.faulty``: it could not be entered any more, such as since
            its passport has ended.
    """

    def work(session: Session) -> HeldCase:
        row = _held(session, desk, given.online)
        desk.log(session, "online:read", _subject(row))
        return _held_case(session, desk, row)

    return desk.look(work)


@operation(
    "portal.take",
    "Enter what was handed in online, saying who it is; another person decides.",
    *_INTAKE,
)
def take(desk: Desk, given: TakeHeld) -> Taken:
    """Enter it in the officer's own name, with its documents, and submit it.

    Raises:
        NotFound: There is none here that waits, or no such person.
        Conflict: ``online.faulty``, or as for `application.enter`.
    """

    def work(session: Session) -> Taken:
        row = _held(session, desk, given.online, lock=True)
        draft = _checked(session, desk, row)
        entry = _entry(
            session,
            desk,
            row,
            draft,
            is_on_file=given.person_id is not None,
            person_id=given.person_id,
            others=frozenset(given.confirm_duplicate_of),
        )
        application = _enter(session, desk, row, entry, "online:taken")
        return Taken(
            online=row.id, application=application.id, number=application.number
        )

    return once(desk, given, Taken, work)


@operation(
    "portal.dismiss",
    "Put away what was handed in online and cannot be entered; this is final.",
    *_INTAKE,
)
def dismiss(desk: Desk, given: OneOnline) -> HeldLine:
    """Delete what was entered; that it was there stays in the log.

    Raises:
        NotFound: There is none here that waits.
    """

    def work(session: Session) -> HeldLine:
        row = _held(session, desk, given.online, lock=True)
        drafts.withdraw(session, row, desk.now)
        desk.log(session, "online:dismissed", _subject(row))
        return HeldLine(
            online=row.id,
            reference=row.reference,
            held_for=row.held_for or "",
            age_days=0,
        )

    return once(desk, given, HeldLine, work)


@operation(
    "portal.of",
    "Show what an applicant online said beside the application: contact, declaration,"
    " payment, measures of the photograph.",
    *READERS,
    changes=False,
)
def online_of(desk: Desk, given: OnlineOf) -> OnlineCase:
    """Show it; nothing if the application was not made online.

    Raises:
        NotFound: There is no such application here.
    """

    def work(session: Session) -> OnlineCase:
        application = desk.find(session, Application, given.application)
        row = session.scalars(
            select(OnlineApplication).where(
                OnlineApplication.application_id == application.id
            )
        ).one_or_none()
        if row is None:
            return OnlineCase(online=None)
        desk.log(session, "online:read", _subject(row))
        return OnlineCase(online=_online_view(session, row))

    return desk.look(work)


def _held(
    session: Session, desk: Desk, number: int, *, lock: bool = False
) -> OnlineApplication:
    row = desk.find(session, OnlineApplication, number)
    if lock:
        session.refresh(row, with_for_update=True)
    if row.state != OnlineState.HELD:
        raise NotFound(f"nothing that was handed in as {number} waits here")
    return row


def _checked(session: Session, desk: Desk, row: OnlineApplication) -> Draft:
    draft = drafts.view_of(session, row, keep=_FOREVER)
    faults = [
        each
        for each in faults_of(draft, desk.office.scheme(session), desk.now)
        if each.step == "passport"
    ]
    if faults:
        said = ", ".join(f"{each.field} ({each.code})" for each in faults)
        raise Conflict("online.faulty", f"it cannot be entered any more: {said}")
    return draft


def _held_case(session: Session, desk: Desk, row: OnlineApplication) -> HeldCase:
    draft = _checked(session, desk, row)
    typed = drafts.read_typed(draft, desk.office.scheme(session), desk.now)
    person, passport = typed.person, typed.passport
    return HeldCase(
        online=row.id,
        reference=row.reference,
        held_for=row.held_for or "",
        email=draft.email,
        family_name=person.family_name,
        given_name=person.given_name,
        birthdate=person.birthdate,
        sex=person.sex,
        nationality=person.nationality,
        passport_country=passport.country,
        passport_number=passport.number,
        passport_issued_on=passport.issued_on,
        passport_expires_on=passport.expires_on,
        machine_names=drafts.names_of(typed),
        renews_card=row.renews_card_id,
        alike=tuple(alike_to(session, desk, Identity.of(typed), None)),
    )


def _online_view(session: Session, row: OnlineApplication) -> OnlineView:
    draft = drafts.view_of(session, row, keep=_FOREVER)
    payment = payments.of_application(session, row.id)
    said = json.loads(row.answers)
    return OnlineView(
        online=row.id,
        reference=row.reference,
        email=draft.email,
        submitted_at=row.submitted_at or row.changed_at,
        names_confirmed=bool(said.get("passport", {}).get("names_confirmed")),
        contact=said.get("contact", {}),
        declaration_version=row.declaration_version,
        declaration_text=row.declaration_text,
        agreed_at=row.agreed_at,
        photo=json.loads(row.photo) if row.photo else None,
        payment=payment.id if payment else None,
        payment_reference=payment.reference if payment else None,
        amount=payment.amount if payment else None,
        currency=payment.currency if payment else None,
        payment_state=payment.state if payment else None,
        told=payment.told if payment else "",
    )


def _subject(row: OnlineApplication) -> str:
    return f"online:{row.id}"
