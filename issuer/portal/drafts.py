"""What applicants have begun: saved at every step, and theirs alone.

Every function takes the applicant beside the number of a draft: another one's looks as
if it were not there.  Nothing typed is refused when it is saved, so that nothing is
lost; `faults_of` says what is wrong or missing before it can be handed in.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from issuer.dated import in_force
from issuer.economy import AskedDocument, Declaration
from issuer.errors import Conflict, IntakeError, NotFound
from issuer.intake.fields import Application as Typed
from issuer.intake.fields import read_application
from issuer.intake.names import find_hidden
from issuer.intake.uploads import Upload
from issuer.numbers import ALPHABET
from issuer.portal import payments
from issuer.portal.photo import Measures
from issuer.scheme import Scheme
from issuer.store import (
    Applicant,
    ApplicationKind,
    DocumentKind,
    OnlineApplication,
    OnlineFile,
    OnlineState,
)

STEPS: Final = (
    "passport",
    "contact",
    "documents",
    "photo",
    "declaration",
    "payment",
    "review",
)
"""In the order in which applicants are led through them."""
PASSPORT: Final = (
    "family_name",
    "given_name",
    "birthdate",
    "sex",
    "nationality",
    "passport_country",
    "passport_number",
    "passport_issued_on",
    "passport_expires_on",
    "passport_mrz",
    "machine_family_name",
    "machine_given_name",
    "names_confirmed",
)
"""Fields of the first step; the last is what the card would say, once confirmed."""
CONTACT: Final[Mapping[str, tuple[int, bool]]] = MappingProxyType(
    {
        "phone": (40, True),
        "address": (500, False),
        "employer": (200, True),
        "position": (120, True),
        "employer_address": (500, False),
    }
)
"""Fields of the second step: longest text, and whether it is needed."""
MAX_FILES: Final = 12
"""Of one application."""
MAX_MRZ: Final = 200
_LONGEST: Final = 1_024
_PRUNED: Final = 50
"""Old drafts that one new draft takes away."""
_REFERENCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """A file of a draft, without its bytes."""

    id: int
    kind: DocumentKind
    name: str
    media_type: str
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An application as its applicant sees it."""

    id: int
    economy: str
    reference: str
    state: OnlineState
    kind: ApplicationKind
    email: str = field(repr=False)
    answers: Mapping[str, Mapping[str, str]] = field(repr=False)
    """Text by step and field."""
    photo: Mapping[str, Any] | None
    """What was measured on it; None while there is none."""
    declaration_version: str | None
    agreed_at: datetime | None
    files: tuple[FileView, ...]
    payment: payments.PaymentView | None
    """None where no fee is known."""
    changed_at: datetime
    ends_at: datetime | None
    """When a draft that nobody changes is deleted."""
    submitted_at: datetime | None
    application_id: int | None

    def files_of(self, kind: DocumentKind) -> tuple[FileView, ...]:
        """Return the files of one kind."""
        return tuple(each for each in self.files if each.kind == kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What stands in the way of handing in."""

    step: str
    field: str
    """Where the page of the step has it."""
    code: str
    """Key of its words, below ``problem.``."""


def begin(
    session: Session,
    economy: str,
    applicant: int,
    *,
    scheme: Scheme,
    most: int,
    keep: timedelta,
    now: datetime,
    kind: ApplicationKind = ApplicationKind.NEW,
    renews_card: int | None = None,
) -> int:
    """Begin a draft, and return its number.

    Args:
        session: Of a transaction that writes.
        economy: Where somebody applies.
        applicant: Who.
        scheme: In force; it knows the fee.
        most: Drafts that one applicant may have.
        keep: How long an untouched draft is kept.
        now: The moment.
        kind: Why they apply.
        renews_card: The card that is renewed.

    Raises:
        Conflict: ``online.too_many``.
    """
    forget_old(session, now - keep)
    # Two requests at once would both find room for one more.
    session.get_one(Applicant, applicant, with_for_update=True)
    open_ones = session.scalars(
        _of(economy, applicant).where(OnlineApplication.state == OnlineState.DRAFT)
    ).all()
    if len(open_ones) >= most:
        raise Conflict("online.too_many", f"there are {len(open_ones)} drafts already")
    row = OnlineApplication(
        economy=economy,
        applicant_id=applicant,
        reference=draw_reference(economy),
        state=OnlineState.DRAFT,
        kind=kind,
        renews_card_id=renews_card,
        answers="{}",
        created_at=now,
        changed_at=now,
    )
    session.add(row)
    session.flush()
    payments.ask(session, row, scheme, now)
    return row.id


def list_of(
    session: Session, economy: str, applicant: int, *, keep: timedelta, now: datetime
) -> tuple[OnlineApplication, ...]:
    """Return what an applicant has begun and handed in, the latest change first."""
    query = _of(economy, applicant).where(
        OnlineApplication.state != OnlineState.WITHDRAWN
    )
    order = (OnlineApplication.changed_at.desc(), OnlineApplication.id.desc())
    rows = session.scalars(query.order_by(*order))
    return tuple(each for each in rows if not _is_over(each, now - keep))


def load(
    session: Session,
    economy: str,
    applicant: int,
    number: int,
    *,
    keep: timedelta,
    now: datetime,
) -> Draft:
    """Return one application of an applicant.

    Raises:
        NotFound: It is another one's, or was deleted.
    """
    row = session.scalars(
        _of(economy, applicant).where(OnlineApplication.id == number)
    ).one_or_none()
    if row is None or _is_over(row, now - keep) or row.state == OnlineState.WITHDRAWN:
        raise NotFound(f"there is no application online {number}")
    return view_of(session, row, keep=keep)


def view_of(session: Session, row: OnlineApplication, *, keep: timedelta) -> Draft:
    """Return an application as its applicant sees it."""
    files = session.execute(
        select(
            OnlineFile.id,
            OnlineFile.kind,
            OnlineFile.name,
            OnlineFile.media_type,
            OnlineFile.added_at,
        )
        .where(OnlineFile.online_id == row.id)
        .order_by(OnlineFile.id)
    ).mappings()
    is_draft = row.state == OnlineState.DRAFT
    return Draft(
        id=row.id,
        economy=row.economy,
        reference=row.reference,
        state=row.state,
        kind=row.kind,
        email=session.get_one(Applicant, row.applicant_id).email,
        answers=json.loads(row.answers),
        photo=json.loads(row.photo) if row.photo else None,
        declaration_version=row.declaration_version,
        agreed_at=row.agreed_at,
        files=tuple(FileView(**each) for each in files),
        payment=payments.of_application(session, row.id),
        changed_at=row.changed_at,
        ends_at=row.changed_at + keep if is_draft else None,
        submitted_at=row.submitted_at,
        application_id=row.application_id,
    )


def locked(
    session: Session, economy: str, applicant: int, number: int
) -> OnlineApplication:
    """Lock a draft for a change.

    Raises:
        NotFound: It is another one's.
        Conflict: ``online.handed_in``: it is no draft any more.
    """
    row = session.scalars(
        _of(economy, applicant).where(OnlineApplication.id == number).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no application online {number}")
    if row.state != OnlineState.DRAFT:
        raise Conflict("online.handed_in", "it was handed in already")
    return row


def save(
    row: OnlineApplication, step: str, typed: Mapping[str, str], now: datetime
) -> None:
    """Save what was typed at a step, whatever it is, in place of what was there."""
    answers = json.loads(row.answers)
    answers[step] = {
        name: text[:_LONGEST] for name, text in typed.items() if text.strip()
    }
    row.answers, row.changed_at = json.dumps(answers, ensure_ascii=True), now


def add_file(
    session: Session,
    row: OnlineApplication,
    kind: DocumentKind,
    upload: Upload,
    now: datetime,
    *,
    measures: Measures | None = None,
) -> None:
    """Keep a file with a draft; there is one portrait, and the last one counts.

    Args:
        session: Of a transaction that writes.
        row: The draft, locked.
        kind: What it shows.
        upload: As `issuer.intake.uploads` has read it.
        now: The moment.
        measures: Of a portrait.

    Raises:
        Conflict: ``online.too_many_files``.
    """
    mine = OnlineFile.online_id == row.id
    if kind == DocumentKind.PORTRAIT:
        row.photo = json.dumps(measures.as_json()) if measures else None
        session.execute(
            delete(OnlineFile).where(mine, OnlineFile.kind == DocumentKind.PORTRAIT)
        )
    count = len(session.scalars(select(OnlineFile.id).where(mine)).all())
    if count >= MAX_FILES:
        raise Conflict("online.too_many_files", f"there are {count} files already")
    media = {"pdf": "application/pdf", "png": "image/png", "jpeg": "image/jpeg"}
    session.add(
        OnlineFile(
            online_id=row.id,
            kind=kind,
            name=upload.display_name,
            media_type=media[upload.kind],
            sha256=upload.sha256,
            data=upload.content,
            added_at=now,
        )
    )
    row.changed_at = now


def remove_file(
    session: Session, row: OnlineApplication, number: int, now: datetime
) -> None:
    """Take a file away; one that is not there is none.

    Raises:
        NotFound: The draft has no such file.
    """
    file = session.get(OnlineFile, number)
    if file is None or file.online_id != row.id:
        raise NotFound(f"there is no file {number}")
    if file.kind == DocumentKind.PORTRAIT:
        row.photo = None
    session.delete(file)
    row.changed_at = now


def file_of(session: Session, draft: Draft, number: int) -> OnlineFile:
    """Return a file with its bytes.

    Raises:
        NotFound: The draft has no such file.
    """
    file = session.get(OnlineFile, number)
    if file is None or file.online_id != draft.id:
        raise NotFound(f"there is no file {number}")
    return file


def agree(row: OnlineApplication, declaration: Declaration, now: datetime) -> None:
    """Keep that a declaration was agreed to, with its text."""
    row.declaration_version = declaration.version
    row.declaration_text = declaration.text
    row.agreed_at = row.changed_at = now


def remove(session: Session, row: OnlineApplication, now: datetime) -> None:
    """Delete a draft with all that was entered; money that came in stays on file."""
    payments.leave(session, row.id, now)
    session.execute(delete(OnlineFile).where(OnlineFile.online_id == row.id))
    session.delete(row)


def withdraw(session: Session, row: OnlineApplication, now: datetime) -> None:
    """Put away what an officer has not entered; what was typed is deleted.

    Raises:
        Conflict: ``online.not_held``.
    """
    if row.state != OnlineState.HELD:
        raise Conflict("online.not_held", f"it is {row.state}")
    payments.leave(session, row.id, now)
    session.execute(delete(OnlineFile).where(OnlineFile.online_id == row.id))
    row.answers, row.photo = "{}", None
    row.state, row.changed_at = OnlineState.WITHDRAWN, now


def forget_old(session: Session, before: datetime) -> int:
    """Delete drafts that nobody has changed since a moment; at most fifty at once.

    Returns:
        How many were deleted.
    """
    rows = session.scalars(
        select(OnlineApplication)
        .where(
            OnlineApplication.state == OnlineState.DRAFT,
            OnlineApplication.changed_at < before,
        )
        .order_by(OnlineApplication.changed_at)
        .limit(_PRUNED)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        remove(session, row, before)
    return len(rows)


# What is asked for, and what is wrong


def asked_documents(
    scheme: Scheme, economy: str, at: datetime
) -> tuple[AskedDocument, ...]:
    """Return what an economy asks for at a moment; empty where nothing is known."""
    rows = scheme.economy(economy).asked_documents
    return tuple(each for each in rows if each.holds(at))


def declaration(scheme: Scheme, economy: str, at: datetime) -> Declaration | None:
    """Return what has to be declared at a moment; None: nothing is configured."""
    return in_force(scheme.economy(economy).declaration, at)


def read_typed(draft: Draft, scheme: Scheme, at: datetime) -> Typed:
    """Read the first step as an application.

    Raises:
        IntakeError: Something is wrong or missing.
    """
    typed = dict(draft.answers.get("passport", {}))
    typed.pop("names_confirmed", None)
    typed["email"] = draft.email
    for name in PASSPORT[:-1]:
        typed.setdefault(name, "")
    return read_application(typed, economy=draft.economy, scheme=scheme, at=at)


def names_of(typed: Typed) -> str:
    """Return what the card would say, as an applicant confirms it."""
    names = typed.names
    return "/".join((names.machine_family or "", names.machine_given or ""))


def are_names_confirmed(draft: Draft, typed: Typed) -> bool:
    """Tell whether the applicant has compared the names as they are now."""
    said = draft.answers.get("passport", {}).get("names_confirmed", "")
    return said == names_of(typed)


def faults_of(draft: Draft, scheme: Scheme, at: datetime) -> tuple[Fault, ...]:
    """Return all that stands in the way of handing in, in the order of the steps."""
    return tuple(
        fault
        for faults in (
            _passport_faults(draft, scheme, at),
            _contact_faults(draft),
            _file_faults(draft, scheme, at),
            _declaration_faults(draft, scheme, at),
        )
        for fault in faults
    )


def _passport_faults(draft: Draft, scheme: Scheme, at: datetime) -> Iterator[Fault]:
    try:
        typed = read_typed(draft, scheme, at)
    except IntakeError as error:
        for each in error.problems:
            yield Fault(step="passport", field=each.field, code=str(each.code))
        return
    if typed.names.machine_family is None:
        code = "names.lines"
        yield Fault(step="passport", field="passport_mrz", code=code)
    elif typed.names.needs_confirmation and not are_names_confirmed(draft, typed):
        code = "names.unconfirmed"
        yield Fault(step="passport", field="names_confirmed", code=code)


def _contact_faults(draft: Draft) -> Iterator[Fault]:
    typed = draft.answers.get("contact", {})
    for name, (longest, is_needed) in CONTACT.items():
        text = typed.get(name, "")
        if is_needed and not text:
            yield Fault(step="contact", field=name, code="field.missing")
        elif len(text) > longest:
            yield Fault(step="contact", field=name, code="field.too_long")
        elif find_hidden(text.replace("\r\n", " ").replace("\n", " ")):
            yield Fault(step="contact", field=name, code="name.hidden")


def _file_faults(draft: Draft, scheme: Scheme, at: datetime) -> Iterator[Fault]:
    for each in asked_documents(scheme, draft.economy, at):
        if each.required and not draft.files_of(DocumentKind(each.kind)):
            yield Fault(step="documents", field=each.kind, code="document.missing")
    if not draft.files_of(DocumentKind.PORTRAIT):
        yield Fault(step="photo", field="content", code="photo.missing")


def _declaration_faults(draft: Draft, scheme: Scheme, at: datetime) -> Iterator[Fault]:
    wanted = declaration(scheme, draft.economy, at)
    if wanted is not None and wanted.version != draft.declaration_version:
        yield Fault(step="declaration", field="agreed", code="declaration.missing")


def draw_reference(economy: str) -> str:
    """Draw what an applicant may quote: letters that nobody takes for others."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(_REFERENCE))
    return f"{economy}-{drawn[:4]}-{drawn[4:]}"


def _of(economy: str, applicant: int) -> Select[OnlineApplication]:
    return select(OnlineApplication).where(
        OnlineApplication.economy == economy,
        OnlineApplication.applicant_id == applicant,
    )


def _is_over(row: OnlineApplication, before: datetime) -> bool:
    return row.state == OnlineState.DRAFT and row.changed_at < before
