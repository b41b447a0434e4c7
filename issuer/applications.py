"""Applications to the home economy: entered, reviewed, decided, circulated, ended."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeVar

from pydantic import Base64Bytes, ConfigDict, Field
from sqlalchemy import (
    ColumnElement,
    Select,
    exists,
    or_,
    select,
    true,
    tuple_,
    union,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from issuer import audit, lifecycle
from issuer.errors import Conflict, IntakeError, Invalid, NotFound, ProfileError
from issuer.intake.duplicates import Identity
from issuer.intake.fields import Application as Typed
from issuer.intake.fields import read_application
from issuer.intake.names import confirm
from issuer.intake.problem import Problem
from issuer.intake.uploads import Upload, read_document, read_portrait
from issuer.lifecycle import APPLICATION, CARD, Side
from issuer.mail import queue_mail
from issuer.numbers import draw_application_number
from issuer.office import Desk
from issuer.on_file import OnFile
from issuer.operations import Answer, Request, once, operation
from issuer.phone_waits import is_fetched_online
from issuer.preclearances import PENDING, Limit, lapse_all, refuse_if, send
from issuer.profile import card_expiry
from issuer.scheme import Scheme
from issuer.stages import stages_of
from issuer.store import (
    Application,
    ApplicationHand,
    ApplicationKind,
    Card,
    ChipReading,
    Content,
    Credential,
    Document,
    DocumentKind,
    FollowLetter,
    OnlineApplication,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    ReviewStep,
    Role,
    Sex,
)

State = lifecycle.Application
UNDECIDED: Final = (State.DRAFT, State.SUBMITTED, State.HOME_REVIEW)
"""A person has one application in these states at most."""
_INTAKE: Final = (Role.INTAKE,)
_VETTING: Final = (Role.VETTING,)
READERS: Final = (Role.INTAKE, Role.VETTING, Role.ISSUING)
_LIVE: Final = ("prepared", "valid", "suspended")
MOST_PEOPLE: Final = 1_000
"""A name that fits more of them is no search."""


# What is typed


class PersonFields(Request):
    """Who applies; names exactly as they are written, in any script."""

    model_config = ConfigDict(str_strip_whitespace=False)

    family_name: str = Field(description="As the applicant writes it.")
    given_name: str = Field("", description="Empty for somebody with one name only.")
    birthdate: str = Field(description="YYYY-MM-DD.")
    sex: str = Field(description="F, M or X, as in the passport.")
    nationality: str = Field(description="Three letters, as in the passport.")
    email: str = Field("", description="Where the applicant is told.")
    machine_family_name: str = Field(
        "", description="As in the passport's last lines, where they were typed."
    )
    machine_given_name: str = Field("", description="Likewise.")


class PassportFields(Request):
    """The one passport that the card will go with."""

    model_config = ConfigDict(str_strip_whitespace=False)

    country: str = Field(description="Who issued it, three letters.")
    number: str = Field(description="1 to 22 capital letters and digits.")
    issued_on: str = Field(description="YYYY-MM-DD.")
    expires_on: str = Field(description="YYYY-MM-DD.")
    mrz: str = Field("", description="Its last lines, as typed or scanned.")


class Enter(Request):
    """A new application."""

    person: PersonFields = Field(description="Who applies.")
    passport: PassportFields = Field(description="The passport of the card.")
    kind: ApplicationKind = Field(ApplicationKind.NEW, description="Why they apply.")
    renews_card: int | None = Field(None, description="The card that is renewed.")
    person_id: int | None = Field(
        None, description="The person on file whose application this is."
    )
    confirm_duplicate_of: tuple[int, ...] = Field(
        (),
        max_length=100,
        description="Persons on file who look alike and are somebody else.",
    )
    names_confirmed: bool = Field(
        default=False,
        description="The names proposed for the card were compared with the passport.",
    )


class Entered(Answer):
    """The application, and what to tell the applicant."""

    application: int
    number: str
    person: int
    state: State
    machine_family_name: str
    machine_given_name: str
    notices: tuple[str, ...]


@operation("application.enter", "Enter an application as a draft.", *_INTAKE)
def enter(desk: Desk, given: Enter) -> Entered:
    """Enter an application.

    Raises:
        Invalid: Fields are wrong; each is named.
        Conflict: ``application.confirm_names``, ``application.duplicate``,
            ``application.open``, ``application.person_differs``,
            ``passport.other_person`` or ``application.renewal``.
        NotFound: ``person_id`` or ``renews_card`` is none of this economy's.
    """

    def work(session: Session) -> Entered:
        entry = Entry(
            typed=read_typed(desk, session, given.person, given.passport),
            kind=given.kind,
            renews_card=given.renews_card,
            person_id=given.person_id,
            others=frozenset(given.confirm_duplicate_of),
            names_confirmed=given.names_confirmed,
        )
        return enter_all(session, desk, [entry])[0]

    return once(desk, given, Entered, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An application that was read without a fault, and what an officer says of it."""

    typed: Typed
    kind: ApplicationKind = ApplicationKind.NEW
    renews_card: int | None = None
    person_id: int | None = None
    others: frozenset[int] | None = frozenset()
    """Persons on file who look alike and are somebody else; None: whoever they are."""
    names_confirmed: bool = False
    number: str | None = None
    """Of the application, where it was told to somebody before."""


def enter_all(
    session: Session, desk: Desk, entries: Sequence[Entry]
) -> tuple[Entered, ...]:
    """Enter applications in one transaction; whatever way they came in.

    Args:
        session: Of the transaction; it holds this economy's audit log.
        desk: Who enters them.
        entries: Of different persons; at most some thousands.

    Raises:
        Invalid, Conflict, NotFound: As for `enter`; for the first that is refused.
    """
    names = [names_for(each) for each in entries]
    found = on_file(session, desk.economy, entries)
    people = [
        _person(session, desk, each, both, found)
        for each, both in zip(entries, names, strict=True)
    ]
    session.flush()
    passports = [
        _passport(session, desk, person, each.typed, found)
        for person, each in zip(people, entries, strict=True)
    ]
    session.flush()
    rows = [
        _application(session, desk, *each)
        for each in zip(entries, people, passports, strict=True)
    ]
    session.flush()
    desk.log_many(
        session,
        [
            audit.Entry(
                tag="application:entered",
                subject=_subject(row),
                fields={
                    "number": row.number,
                    "person": row.person_id,
                    "passport": row.passport_id,
                },
            )
            for row in rows
        ],
    )
    return tuple(
        _entered(row, both, each.typed)
        for row, both, each in zip(rows, names, entries, strict=True)
    )


def on_file(session: Session, economy: str, entries: Sequence[Entry]) -> OnFile:
    """Read what these applicants have to be compared with."""
    return OnFile.of(
        session, economy, [_identity(each.typed, names_for(each)) for each in entries]
    )


def refusal(entry: Entry, found: OnFile) -> Conflict | None:
    """Say why somebody may not be entered as a new person; None if they may.

    Args:
        entry: Who applies; its names are good.
        found: Read for this entry, among others.
    """
    identity = _identity(entry.typed, names_for(entry))
    if entry.others is not None:
        unnamed = sorted(set(found.alike(identity)) - entry.others)
        if unnamed:
            return Conflict(
                "application.duplicate",
                f"already on file and alike: person {', '.join(map(str, unnamed))};"
                " give person_id if it is one of them, or confirm_duplicate_of if they"
                " are others",
            )
    known = found.passports.get(identity.passport_key)
    return _of_other_person(known) if known else None


def _application(
    session: Session, desk: Desk, entry: Entry, person: Person, passport: Passport
) -> Application:
    _check_renewal(session, desk, entry, person)
    row = Application(
        economy=desk.economy,
        number=entry.number or draw_application_number(desk.economy),
        kind=entry.kind,
        person_id=person.id,
        passport_id=passport.id,
        renews_card_id=entry.renews_card,
        state=APPLICATION.start,
        entered_by=desk.actor.account_id,
        entered_at=desk.now,
        changed_at=desk.now,
    )
    session.add(row)
    return row


class Correct(Request):
    """What to put in place of what was typed."""

    application: int = Field(description="Number of the record.")
    person: PersonFields = Field(description="Who applies.")
    passport: PassportFields = Field(description="The passport of the card.")
    names_confirmed: bool = Field(
        default=False,
        description="The names proposed for the card were compared with the passport.",
    )


@operation(
    "application.correct",
    "Correct what was typed, before the review is opened.",
    *_INTAKE,
)
def correct(desk: Desk, given: Correct) -> Entered:
    """Correct a draft or what was submitted; who does so is not who decides.

    Raises:
        Conflict: ``application.under_review``; ``application.has_card``: the person
            has a card, whose data would change with it; or as for `enter`.
        Invalid, NotFound: As for `enter`.
    """

    def work(session: Session) -> Entered:
        row = desk.find(session, Application, given.application)
        refuse_if(
            row.state not in (State.DRAFT, State.SUBMITTED),
            "application.under_review",
            "what was typed can be corrected until the review is opened",
        )
        typed = read_typed(desk, session, given.person, given.passport)
        entry = Entry(typed=typed, names_confirmed=given.names_confirmed)
        names = names_for(entry)
        person = session.get_one(Person, row.person_id)
        changed = _set_person(session, person, row, typed, names)
        changed += _set_passport(session, desk, person, row, typed)
        _forget_chip(session, row, changed)
        _note_hand(session, desk, row)
        desk.log(session, "application:corrected", _subject(row), fields=changed)
        return _entered(row, names, typed)

    return once(desk, given, Entered, work)


def _entered(row: Application, names: tuple[str, str], typed: Typed) -> Entered:
    return Entered(
        application=row.id,
        number=row.number,
        person=row.person_id,
        state=row.state,
        machine_family_name=names[0],
        machine_given_name=names[1],
        notices=tuple(each.message for each in typed.notices),
    )


def read_typed(
    desk: Desk, session: Session, person: PersonFields, passport: PassportFields
) -> Typed:
    """Read what was typed.

    Raises:
        Invalid: Fields are wrong; each is named by its path in a request.
    """
    members = {
        **person.model_dump(),
        **{f"passport_{name}": text for name, text in passport.model_dump().items()},
    }
    try:
        return read_application(
            members,
            economy=desk.economy,
            scheme=desk.office.scheme(session),
            at=desk.now,
        )
    except IntakeError as error:
        raise invalid(error) from error


def invalid(error: IntakeError) -> Invalid:
    """Name what intake found by the paths of a request."""
    return Invalid(map(_placed, error.problems))


def _placed(problem: Problem) -> tuple[str, str, str]:
    field = problem.field
    if field.startswith("passport_"):
        path = f"passport.{field.removeprefix('passport_')}"
    else:
        path = field if field == "file" else f"person.{field}"
    return path, problem.code, f"{problem.message} {problem.fix}"


def names_for(entry: Entry) -> tuple[str, str]:
    """Return the names for the card.

    Raises:
        Invalid: They are no names for a card.
        Conflict: ``application.confirm_names``: an officer has to look first.
    """
    typed = entry.typed
    try:
        names = confirm(typed.names)
    except IntakeError as error:
        raise invalid(error) from error
    refuse_if(
        typed.names.needs_confirmation and not entry.names_confirmed,
        "application.confirm_names",
        "compare the names for the card with the passport, then confirm them: "
        + " / ".join(filter(None, (names.machine_family, names.machine_given))),
    )
    return names.machine_family, names.machine_given


def _identity(typed: Typed, names: tuple[str, str]) -> Identity:
    return Identity(
        family_name=names[0],
        given_name=names[1],
        birthdate=typed.person.birthdate,
        nationality=typed.person.nationality,
        passport_country=typed.passport.country,
        passport_number=typed.passport.number,
    )


def _person(
    session: Session,
    desk: Desk,
    entry: Entry,
    names: tuple[str, str],
    found: OnFile,
) -> Person:
    if entry.person_id is not None:
        return _known_person(session, desk, entry.person_id, entry.typed, names)
    refused = refusal(entry, found)
    if refused is not None:
        raise refused
    person = Person(
        economy=desk.economy, created_at=desk.now, **_person_columns(entry.typed, names)
    )
    session.add(person)
    return person


def _known_person(
    session: Session, desk: Desk, key: int, typed: Typed, names: tuple[str, str]
) -> Person:
    person = desk.find(session, Person, key)
    columns = _person_columns(typed, names)
    differs = [
        name
        for name, value in columns.items()
        if name != "email" and getattr(person, name) != value
    ]
    refuse_if(
        bool(differs),
        "application.person_differs",
        f"the person on file differs in {', '.join(sorted(differs))}",
    )
    running = session.scalars(
        select(Application.id).where(
            Application.person_id == person.id,
            Application.state.in_(UNDECIDED),
        )
    ).first()
    refuse_if(
        running is not None,
        "application.open",
        f"application {running} of this person is not decided yet",
    )
    person.email = typed.person.email or person.email
    return person


def _person_columns(typed: Typed, names: tuple[str, str]) -> dict[str, Any]:
    person = typed.person
    return {
        "family_name": person.family_name,
        "given_name": person.given_name,
        "machine_family_name": names[0],
        "machine_given_name": names[1],
        "birthdate": person.birthdate,
        "sex": Sex(person.sex),
        "nationality": person.nationality,
        "email": person.email,
    }


def _passport_columns(typed: Typed) -> dict[str, Any]:
    passport = typed.passport
    return {
        "issuer": passport.country,
        "number": passport.number,
        "issued_on": passport.issued_on,
        "expires_on": passport.expires_on,
    }


def _passport(
    session: Session, desk: Desk, person: Person, typed: Typed, found: OnFile
) -> Passport:
    columns = _passport_columns(typed)
    known = found.passports.get((typed.passport.country, typed.passport.number))
    if known is None:
        known = Passport(economy=desk.economy, person_id=person.id, **columns)
        session.add(known)
        return known
    _check_passport(known, person, columns)
    return known


def _check_passport(
    known: Passport, person: Person, columns: Mapping[str, Any]
) -> None:
    if known.person_id != person.id:
        raise _of_other_person(known)
    if known.issued_on is None:  # a passport may be linked to a card without it
        known.issued_on = columns["issued_on"]
    differs = [name for name, value in columns.items() if getattr(known, name) != value]
    refuse_if(
        bool(differs),
        "passport.differs",
        f"this passport is on file with another {' and '.join(differs)}",
    )


def _of_other_person(known: Passport) -> Conflict:
    return Conflict(
        "passport.other_person",
        f"this passport is on file for person {known.person_id}",
    )


def _passport_on_file(
    session: Session, economy: str, columns: Mapping[str, Any]
) -> Passport | None:
    return session.scalars(
        select(Passport).where(
            Passport.economy == economy,
            Passport.issuer == columns["issuer"],
            Passport.number == columns["number"],
        )
    ).one_or_none()


def _check_renewal(session: Session, desk: Desk, given: Entry, person: Person) -> None:
    is_renewal = given.kind == ApplicationKind.RENEWAL
    card = (
        desk.find(session, Card, given.renews_card)
        if given.renews_card is not None
        else None
    )
    refuse_if(
        is_renewal != (card is not None),
        "application.renewal",
        "a renewal names the card that it renews, and nothing else does",
    )
    refuse_if(
        card is not None and card.person_id != person.id,
        "application.renewal",
        "the card that is renewed is another person's",
    )


def _set_person(
    session: Session,
    person: Person,
    row: Application,
    typed: Typed,
    names: tuple[str, str],
) -> list[str]:
    changed = _changes(person, _person_columns(typed, names))
    others = select(Card.id).where(
        Card.person_id == person.id,
        or_(Card.application_id != row.id, Card.application_id.is_(None)),
    )
    refuse_if(
        bool(set(changed) - {"email"}) and session.scalars(others).first() is not None,
        "application.has_card",
        "this person has a card already, and it says what is on file now",
    )
    for name, value in changed.items():
        setattr(person, name, value)
    return [f"person.{name}" for name in changed]


def _set_passport(
    session: Session, desk: Desk, person: Person, row: Application, typed: Typed
) -> list[str]:
    passport = session.get_one(Passport, row.passport_id)
    columns = _passport_columns(typed)
    changed = _changes(passport, columns)
    known = _passport_on_file(session, desk.economy, columns)
    if known is not None and known.id != passport.id:
        _check_passport(known, person, columns)
        _take_passport(session, row, known)
    elif changed and _is_used_elsewhere(session, row, passport):
        if known is not None:
            _check_passport(known, person, columns)
        new = Passport(economy=desk.economy, person_id=person.id, **columns)
        session.add(new)
        session.flush()
        _take_passport(session, row, new)
    else:
        for name, value in changed.items():
            setattr(passport, name, value)
    return [f"passport.{name}" for name in changed]


def _forget_chip(session: Session, row: Application, changed: Collection[str]) -> None:
    """Let no reading of a chip count that was compared with something else."""
    passports = select(Passport.id).where(Passport.person_id == row.person_id)
    if not _ON_CHIP & {*changed}:
        return
    if not any(name.startswith("person.") for name in _ON_CHIP & {*changed}):
        passports = passports.where(Passport.id == row.passport_id)
    session.flush()
    session.execute(
        update(ChipReading)
        .where(ChipReading.passport_id.in_(passports))
        .values(outcome=CHIP_OUTDATED, signer=None, authority=None)
    )


_ON_CHIP: Final = frozenset(
    {
        "person.machine_family_name",
        "person.machine_given_name",
        "person.birthdate",
        "person.nationality",
        "passport.issuer",
        "passport.number",
        "passport.expires_on",
    }
)
"""What a chip is compared with."""
CHIP_OUTDATED: Final = "chip.outdated"
"""What becomes of a reading when what it was compared with is corrected."""


def _is_used_elsewhere(session: Session, row: Application, passport: Passport) -> bool:
    """Tell whether another application or card names a passport, and would change."""
    others = select(Application.id).where(
        Application.person_id == row.person_id,
        Application.passport_id == passport.id,
        Application.id != row.id,
    )
    links = (
        select(PassportLink.id)
        .join(Card, Card.id == PassportLink.card_id)
        .where(
            PassportLink.passport_id == passport.id,
            or_(Card.application_id != row.id, Card.application_id.is_(None)),
        )
    )
    return any(
        session.scalars(query.limit(1)).first() is not None for query in (others, links)
    )


def _take_passport(session: Session, row: Application, passport: Passport) -> None:
    row.passport_id = passport.id
    _relink(session, row, passport)


def _relink(session: Session, row: Application, passport: Passport) -> None:
    """Correct the link of a card that nobody has decided about yet."""
    card = own_card(session, row)
    if card is not None:
        link = session.scalars(
            select(PassportLink).where(PassportLink.card_id == card.id)
        ).one()
        link.passport_id = passport.id


def _changes(record: object, columns: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in columns.items() if getattr(record, name) != value
    }


# Documents


class AddDocument(Request):
    """A file that came with the application."""

    application: int = Field(description="Number of the record.")
    kind: DocumentKind = Field(description="What it shows.")
    name: str = Field(max_length=1024, description="The file's name, for display.")
    content: Base64Bytes = Field(
        description="PDF, PNG or JPEG, in base64; at most 10 MiB before."
    )


class DocumentAdded(Answer):
    """The document as it is kept."""

    document: int
    kind: DocumentKind
    name: str
    sha256: str
    media_type: str


@operation(
    "application.add_document",
    "Add a document, portrait or signature to an application.",
    *_INTAKE,
    Role.VETTING,
)
def add_document(desk: Desk, given: AddDocument) -> DocumentAdded:
    """Check a file by what it is, and keep it.

    Raises:
        Invalid: It is no PDF, PNG or JPEG, too large, damaged or more than one thing.
        Conflict: ``application.ended``: nothing can be added any more;
            ``application.decided``: a portrait or signature comes before the decision,
            and who adds one is not who decides.
        NotFound: There is no such application here.
    """
    upload = read_upload(given.kind, given.name, given.content)

    def work(session: Session) -> DocumentAdded:
        row = desk.find(session, Application, given.application)
        return keep_document(session, desk, row, given.kind, upload)

    return once(desk, given, DocumentAdded, work)


def keep_document(
    session: Session,
    desk: Desk,
    row: Application,
    kind: DocumentKind,
    upload: Upload,
) -> DocumentAdded:
    """Keep a document in a transaction of the caller's; whatever way it came in.

    Raises:
        Conflict: As for `add_document`.
    """
    refuse_if(
        APPLICATION.is_final(row.state),
        "application.ended",
        f"the application is {row.state}",
    )
    if kind in _ON_THE_CARD:
        refuse_if(
            row.decided_by is not None,
            "application.decided",
            "the card shows what was there when it was decided about",
        )
        _note_hand(session, desk, row)
    media_type = MEDIA_TYPES[upload.kind]
    if session.get(Content, upload.sha256) is None:
        session.add(
            Content(sha256=upload.sha256, media_type=media_type, data=upload.content)
        )
        session.flush()
    document = Document(
        application_id=row.id,
        kind=kind,
        name=upload.display_name,
        sha256=upload.sha256,
        added_by=desk.actor.account_id,
        added_at=desk.now,
    )
    session.add(document)
    session.flush()
    desk.log(
        session,
        "application:document_added",
        _subject(row),
        document=document.id,
        kind=kind,
        sha256=upload.sha256,
    )
    return DocumentAdded(
        document=document.id,
        kind=document.kind,
        name=document.name,
        sha256=document.sha256,
        media_type=media_type,
    )


_ON_THE_CARD: Final = (DocumentKind.PORTRAIT, DocumentKind.SIGNATURE)
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
}


def read_upload(kind: DocumentKind, name: str, content: bytes) -> Upload:
    """Read a file by what it is; nothing of it is kept yet.

    Raises:
        Invalid: ``content``: as for `add_document`.
    """
    try:
        if kind == DocumentKind.PORTRAIT:
            return read_portrait(content, filename=name).upload
        return read_document(content, filename=name)
    except IntakeError as error:
        raise Invalid(
            ("content", each.code, f"{each.message} {each.fix}")
            for each in error.problems
        ) from error


# The life of an application


class One(Request):
    """Which application."""

    application: int = Field(description="Number of the record.")


class Passing(One):
    """A stage of the review that ends well."""

    note: str = Field("", max_length=2000, description="Internal; never shared.")
    without_waiting: bool = Field(
        default=False,
        description="Of a stage behind the answers: pass it although destinations have"
        " not answered.",
    )


class Moved(Answer):
    """What became of it."""

    application: int
    number: str
    state: State
    stage: int
    """How many stages of the review are passed."""
    card: int | None
    destinations: tuple[str, ...] = ()
    """Those that were asked now."""


@operation("application.submit", "Submit a draft for review.", *_INTAKE)
def submit(desk: Desk, given: One) -> Moved:
    """Submit a draft: its card begins, waiting for home approval."""

    def work(session: Session, row: Application) -> None:
        submit_one(session, desk, row)
        _tell(session, desk, row, "application_received")

    return _on_one(desk, given, work)


def submit_one(session: Session, desk: Desk, row: Application) -> None:
    """Submit in a transaction of the caller's, who tells the applicant of it.

    Raises:
        IllegalTransition: It is no draft.
    """
    _move(session, desk, row, "submit")
    row.submitted_at = desk.now
    card = Card(
        economy=row.economy,
        person_id=row.person_id,
        application_id=row.id,
        state=CARD.start,
        applied_on=desk.now.date(),
        created_at=desk.now,
        changed_at=desk.now,
    )
    session.add(card)
    session.flush()
    session.add(
        PassportLink(
            card_id=card.id,
            passport_id=row.passport_id,
            state=lifecycle.PASSPORT_LINK.start,
            linked_at=desk.now,
            changed_at=desk.now,
        )
    )
    desk.log(
        session,
        "card:created",
        f"card:{card.id}",
        application=row.id,
        person=row.person_id,
    )


@operation("application.open", "Open the home review.", *_VETTING)
def open_review(desk: Desk, given: One) -> Moved:
    """Open the home review."""
    return _on_one(desk, given, lambda session, row: _move(session, desk, row, "open"))


@operation(
    "application.pass_stage", "Record that a stage of the review ended well.", *_VETTING
)
def pass_stage(desk: Desk, given: Passing) -> Moved:
    """Pass the next stage: of the review, or of what follows the answers.

    Raises:
        Conflict: ``application.stages_passed``: there is none left to pass now;
            ``application.waiting``: a destination has not answered.
    """

    def work(session: Session, row: Application) -> None:
        _check_move(row, "pass_stage")
        left = stages_of(desk.office.scheme(session), row).left(row)
        refuse_if(
            not left,
            "application.stages_passed",
            "every stage is passed that can be passed now",
        )
        if row.state == State.CIRCULATED:
            _check_answered(session, row, given.without_waiting)
        stage, position = left[0], row.stage
        _add_step(session, desk, row, stage, passed=True, note=given.note)
        row.stage += 1
        _move(session, desk, row, "pass_stage", stage=stage, position=position)

    return _on_one(desk, given, work)


@operation(
    "application.approve",
    "Approve an application at home; never by who entered it.",
    *_VETTING,
    by_person=True,
)
def approve(desk: Desk, given: One) -> Moved:
    """Approve: the card is active from now on.

    Raises:
        Conflict: ``application.second_person``, ``application.stages_left``,
            ``card.term_unknown`` or ``passport.ended``.
    """

    def work(session: Session, row: Application) -> None:
        _check_move(row, "approve")
        _check_second_person(session, desk, row)
        left = stages_of(desk.office.scheme(session), row).left(row)
        refuse_if(
            bool(left), "application.stages_left", f"not passed yet: {', '.join(left)}"
        )
        card = own_card(session, row)
        if card is None:
            raise NotFound(f"there is no card of application {row.id}")
        expires_at = _expiry(session, desk, card, row)
        row.decided_by, row.decided_at = desk.actor.account_id, desk.now
        _move(session, desk, row, "approve", card=card.id)
        session.flush()  # the card refers to this decision
        card.approved_by, card.expires_at = desk.actor.account_id, expires_at
        card.first_issued_on = desk.now.date()
        _move_card(session, desk, card, "activate")
        _tell(session, desk, row, "application_approved")
        if is_fetched_online(session, desk) and is_followed(session, row):
            _tell(session, desk, row, "card_for_phone")

    return _on_one(desk, given, work)


def _tell(session: Session, desk: Desk, row: Application, kind: str) -> None:
    """Write to the applicant, if they have said where."""
    queue_mail(
        session,
        row.economy,
        session.get_one(Person, row.person_id).email,
        kind,
        {"number": reference_of(session, row)},
        desk.now,
        once_key=f"{kind}:{row.id}",
    )


def is_followed(session: Session, row: Application) -> bool:
    """Tell whether somebody finds an application on the pages for applicants."""
    handed_in = exists().where(OnlineApplication.application_id == row.id)
    joined = exists().where(
        FollowLetter.application_id == row.id, FollowLetter.applicant_id.is_not(None)
    )
    return bool(session.scalar(select(or_(handed_in, joined))))


def reference_of(session: Session, row: Application) -> str:
    """Return how its applicant knows an application: the one number they were given."""
    online = session.scalar(
        select(OnlineApplication.reference).where(
            OnlineApplication.application_id == row.id
        )
    )
    return online or row.number


class Refusing(One):
    """Why not; for this office only."""

    note: str = Field("", max_length=2000, description="Internal; never shared.")


@operation(
    "application.refuse",
    "Refuse an application at home; never by who entered it.",
    *_VETTING,
)
def refuse(desk: Desk, given: Refusing) -> Moved:
    """Refuse: the card that waited is cancelled.

    Raises:
        Conflict: ``application.second_person``.
    """

    def work(session: Session, row: Application) -> None:
        _check_move(row, "refuse")
        _check_second_person(session, desk, row)
        left = stages_of(desk.office.scheme(session), row).left(row)
        if left:
            _add_step(session, desk, row, left[0], passed=False, note=given.note)
        row.decided_by, row.decided_at = desk.actor.account_id, desk.now
        _move(session, desk, row, "refuse")
        _end_card(session, desk, row, "the application was refused")
        _tell(session, desk, row, "application_decided")

    return _on_one(desk, given, work)


@operation(
    "application.circulate",
    "Ask every economy that the pair rules allow to pre-clear the card.",
    *_VETTING,
    Role.ISSUING,
)
def circulate(desk: Desk, given: One) -> Moved:
    """Circulate an approved application; the applicant cannot pick."""
    asked: list[str] = []

    def work(session: Session, row: Application) -> None:
        asked[:] = circulate_one(session, desk, row)

    return _on_one(desk, given, work, asked)


def circulate_one(session: Session, desk: Desk, row: Application) -> tuple[str, ...]:
    """Circulate in a transaction of the caller's; return who was asked.

    Raises:
        Conflict: ``card.not_in_use``: the card ended or is suspended.
        IllegalTransition: It is not home approved, or was circulated already.
    """
    _check_move(row, "circulate")
    card = own_card(session, row)
    if card is None or card.state != lifecycle.Card.ACTIVE:
        raise Conflict("card.not_in_use", "the card of this application is not active")
    nationality = session.get_one(Person, row.person_id).nationality
    destinations = desk.office.scheme(session).destinations(
        row.economy, nationality, desk.now
    )
    send(session, desk, card, destinations, by=Side.HOME)
    _move(session, desk, row, "circulate", destinations=list(destinations))
    return destinations


class Closing(One):
    """Whether to wait for those who have not answered."""

    without_waiting: bool = Field(
        default=False, description="Close although destinations have not answered."
    )


@operation(
    "application.close",
    "Close an application that was circulated; its answers keep coming.",
    *_VETTING,
    Role.ISSUING,
)
def close(desk: Desk, given: Closing) -> Moved:
    """Close.

    Raises:
        Conflict: ``application.waiting``: a destination has not answered;
            ``application.stages_left``: a stage behind the answers is not passed, and
            the card has not ended.
    """

    def work(session: Session, row: Application) -> None:
        _check_move(row, "close")
        _check_answered(session, row, given.without_waiting)
        left = stages_to_close(session, desk.office.scheme(session), row)
        refuse_if(
            bool(left), "application.stages_left", f"not passed yet: {', '.join(left)}"
        )
        _move(session, desk, row, "close")

    return _on_one(desk, given, work)


def stages_to_close(
    session: Session, scheme: Scheme, row: Application
) -> tuple[str, ...]:
    """Return the stages that are in the way of closing an application."""
    card = session.scalars(first_card(row)).one_or_none()
    if card is None or CARD.is_final(card.state):
        return ()
    return stages_of(scheme, row).left(row)


def _check_answered(session: Session, row: Application, without_waiting: bool) -> None:
    card = own_card(session, row)
    waiting = session.scalars(
        select(Preclearance.destination)
        .where(Preclearance.card_id == (card.id if card else 0), PENDING)
        .order_by(Preclearance.destination)
    ).all()
    refuse_if(
        bool(waiting) and not without_waiting,
        "application.waiting",
        f"not answered yet: {', '.join(waiting)}",
    )


@operation(
    "application.withdraw",
    "Withdraw an application for its applicant; this is final.",
    *_INTAKE,
    Role.VETTING,
)
def withdraw(desk: Desk, given: One) -> Moved:
    """Withdraw: the card is cancelled, and every open answer lapses.

    Raises:
        Conflict: ``application.card_issued``: somebody holds the card; cancel that.
    """

    def work(session: Session, row: Application) -> None:
        _check_move(row, "withdraw")
        card = own_card(session, row)
        issued = (
            card is not None
            and session.scalars(
                select(Credential.id).where(
                    Credential.card_id == card.id, Credential.state.in_(_LIVE)
                )
            ).first()
        )
        refuse_if(
            bool(issued),
            "application.card_issued",
            "the card has been issued: cancel the card instead",
        )
        _move(session, desk, row, "withdraw")
        _end_card(session, desk, row, "the application was withdrawn")

    return _on_one(desk, given, work)


_Given = TypeVar("_Given", bound=One)


def _on_one(
    desk: Desk,
    given: _Given,
    change: Callable[[Session, Application], None],
    asked: Sequence[str] = (),
) -> Moved:
    def work(session: Session) -> Moved:
        row = desk.find(session, Application, given.application)
        change(session, row)
        session.flush()
        card = own_card(session, row)
        return Moved(
            application=row.id,
            number=row.number,
            state=row.state,
            stage=row.stage,
            card=card.id if card else None,
            destinations=tuple(asked),
        )

    return once(desk, given, Moved, work)


def _move(
    session: Session, desk: Desk, row: Application, event: str, **fields: Any
) -> None:
    before = row.state
    row.state = APPLICATION.after(before, event, by=Side.HOME)
    row.changed_at = desk.now
    desk.log(
        session,
        f"application:{event}",
        _subject(row),
        before=before,
        after=row.state,
        **fields,
    )


def _check_move(row: Application, event: str) -> None:
    """Refuse early what the table would refuse later, for its own reason."""
    APPLICATION.after(row.state, event, by=Side.HOME)


def _check_second_person(session: Session, desk: Desk, row: Application) -> None:
    own = own_hand(session, desk, row)
    refuse_if(own is not None, "application.second_person", own or "")


def own_hand(session: Session, desk: Desk, row: Application) -> str | None:
    """Say why the actor is not the second person of an application; None if they are.

    Whoever corrected it, or gave the card its portrait or signature, may have put all
    of it there: they are no second person either.
    """
    account = desk.actor.account_id
    if row.entered_by == account:
        return "you entered this application; another person has to decide"
    if session.get(ApplicationHand, (row.id, account)) is not None:
        return "you changed this application; another person has to decide"
    return None


def _note_hand(session: Session, desk: Desk, row: Application) -> None:
    """Remember who wrote on an application: they do not decide about it."""
    if own_hand(session, desk, row) is None:
        session.add(
            ApplicationHand(
                application_id=row.id,
                account_id=desk.actor.account_id,
                since=desk.now,
            )
        )


def _add_step(
    session: Session,
    desk: Desk,
    row: Application,
    stage: str,
    *,
    passed: bool,
    note: str,
) -> None:
    session.add(
        ReviewStep(
            application_id=row.id,
            position=row.stage,
            stage=stage,
            passed=passed,
            by=desk.actor.account_id,
            at=desk.now,
            note=note,
        )
    )


def own_card(session: Session, row: Application) -> Card | None:
    """Lock the card that began with an application; a draft has none."""
    return session.scalars(first_card(row).with_for_update()).one_or_none()


def first_card(row: Application) -> Select[Card]:
    """Ask for the card that began with an application."""
    return select(Card).where(Card.application_id == row.id).order_by(Card.id).limit(1)


def _expiry(session: Session, desk: Desk, card: Card, row: Application) -> datetime:
    applied_at = row.submitted_at or desk.now
    term = desk.office.scheme(session).card_term(card.economy, applied_at)
    if term is None:
        raise Conflict("card.term_unknown", "no term of cards is configured")
    passport = session.get_one(Passport, row.passport_id)
    try:
        return card_expiry(desk.now.date(), term, passport.expires_on)
    except ProfileError as error:
        raise Conflict("passport.ended", "the passport has ended") from error


def _move_card(session: Session, desk: Desk, card: Card, event: str) -> None:
    before = card.state
    card.state = CARD.after(before, event, by=Side.HOME)
    card.changed_at = desk.now
    desk.log(
        session, f"card:{event}", f"card:{card.id}", before=before, after=card.state
    )


def _end_card(session: Session, desk: Desk, row: Application, why: str) -> None:
    card = own_card(session, row)
    if card is None or CARD.is_final(card.state):
        return
    lapse_all(session, desk, card, why)
    _move_card(session, desk, card, "cancel")
    for link in session.scalars(
        select(PassportLink).where(PassportLink.card_id == card.id)
    ):
        if not lifecycle.PASSPORT_LINK.is_final(link.state):
            link.state = lifecycle.PASSPORT_LINK.after(
                link.state, "end", by=Side.SYSTEM
            )
            link.changed_at = desk.now


def _subject(row: Application) -> str:
    return f"application:{row.id}"


# Lists


class ListApplications(Request):
    """Which applications to list."""

    state: State | None = Field(None, description="Only those in this state.")
    stage: int | None = Field(
        None,
        ge=0,
        le=1_000,
        description="Only with so many stages passed; of those under review, where no"
        " state is given.",
    )
    search: str = Field(
        "",
        max_length=80,
        description="Application number, passport number, or the beginning of a family"
        " name as passports write it; or the whole family name, a comma and the"
        " beginning of the given name.",
    )
    after: int | None = Field(None, description="Go on behind this one.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class ApplicationLine(Answer):
    """One application of a list."""

    id: int
    number: str
    kind: ApplicationKind
    state: State
    stage: int
    family_name: str
    given_name: str
    birthdate: date
    nationality: str
    age_days: int
    """Since its state last changed."""
    next_stage: str | None
    """The stage of the home review that is next; None outside of it or at its end."""


class ApplicationLines(Answer):
    """A page of applications, those that have waited longest first."""

    applications: tuple[ApplicationLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""
    too_many: bool
    """The name that was searched for fits more than 1,000 people: these are of the
    first 1,000 by name, and only more of the name finds the others."""


@operation(
    "application.list",
    "List applications, those that have waited longest first.",
    *READERS,
    changes=False,
)
def list_applications(desk: Desk, given: ListApplications) -> ApplicationLines:
    """List applications of this economy."""

    def work(session: Session) -> ApplicationLines:
        rows, too_many = _page(session, desk, given)
        more = len(rows) > given.limit
        shown = rows[: given.limit]
        desk.log(
            session,
            "queue:read",
            "queue:applications",
            queue="applications",
            records=[row.id for row, _ in shown],
            count=len(shown),
        )
        scheme = desk.office.scheme(session)
        lines = tuple(_line(desk, scheme, row, person) for row, person in shown)
        return ApplicationLines(
            applications=lines,
            after=shown[-1][0].id if more else None,
            too_many=too_many,
        )

    return desk.look(work)


def _line(
    desk: Desk, scheme: Scheme, row: Application, person: Person
) -> ApplicationLine:
    return ApplicationLine(
        id=row.id,
        number=row.number,
        kind=row.kind,
        state=row.state,
        stage=row.stage,
        family_name=person.family_name,
        given_name=person.given_name,
        birthdate=person.birthdate,
        nationality=person.nationality,
        age_days=(desk.now - row.changed_at).days,
        next_stage=_next_stage(scheme, row),
    )


def _next_stage(scheme: Scheme, row: Application) -> str | None:
    return next(iter(stages_of(scheme, row).left(row)), None)


def _page(
    session: Session, desk: Desk, given: ListApplications
) -> tuple[list[tuple[Application, Person]], bool]:
    order = (Application.changed_at, Application.id)
    begun = session.get(Application, given.after) if given.after is not None else None
    if begun is not None and begun.economy != desk.economy:
        begun = None  # where it would stand says when it changed
    found, too_many = _found(session, desk.economy, given.search)
    query = (
        select(Application, Person)
        .join(Person, Person.id == Application.person_id)
        .where(
            Application.economy == desk.economy,
            *_wanted(given),
            *found,
            tuple_(*order) > (begun.changed_at, begun.id) if begun else true(),
        )
        .order_by(*order)
        .limit(given.limit + 1)
    )
    return [(row, person) for row, person in session.execute(query)], too_many


def _wanted(given: ListApplications) -> list[ColumnElement[bool]]:
    state = given.state
    if given.stage is None:
        return [Application.state == state] if state else []
    # An index serves this; of what has left the review nobody asks for the stage.
    return [
        Application.state == (state or State.HOME_REVIEW),
        Application.stage == given.stage,
    ]


def _found(
    session: Session, economy: str, text: str
) -> tuple[list[ColumnElement[bool]], bool]:
    """Find few persons first, so that no list of applications is read through."""
    if not text:
        return [], False
    mine, wanted = aliased(Application), text.upper()
    named = _named(economy, wanted)
    by_name = named.limit(MOST_PEOPLE).subquery()
    by_passport = select(Passport.person_id).where(
        Passport.economy == economy, Passport.number == wanted
    )
    found = union(
        select(mine.id).where(mine.person_id.in_(select(by_name.c.id))),
        select(mine.id).where(mine.person_id.in_(by_passport)),
        select(mine.id).where(mine.economy == economy, mine.number == wanted),
        select(mine.id)
        .join(OnlineApplication, OnlineApplication.application_id == mine.id)
        .where(mine.economy == economy, OnlineApplication.reference == wanted),
    )
    beyond = session.scalars(named.offset(MOST_PEOPLE).limit(1)).first()
    return [Application.id.in_(found)], beyond is not None


def _named(economy: str, text: str) -> Select[int]:
    family, comma, given = (part.strip() for part in text.partition(","))
    if comma:
        names = [
            Person.machine_family_name == family,
            *_begins(Person.machine_given_name, given),
        ]
    else:
        names = _begins(Person.machine_family_name, family)
    return (
        select(Person.id)
        .where(Person.economy == economy, *names)
        .order_by(Person.machine_family_name, Person.machine_given_name)
    )


def _begins(
    column: InstrumentedAttribute[str], beginning: str
) -> list[ColumnElement[bool]]:
    # In every collation nothing that begins so comes behind the second of these.
    return [
        column >= beginning,
        column <= beginning + "Z" * 39,
        column.startswith(beginning, autoescape=True),
    ]
