"""One application with everything that belongs to it, as its case officer sees it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.applications import (
    READERS,
    One,
    first_card,
    own_hand,
    stages_to_close,
)
from issuer.errors import NotFound
from issuer.lifecycle import APPLICATION, PRECLEARANCE, Side
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.pairs import PairEffect
from issuer.preclearances import (
    DECISIONS,
    LaneLine,
    events_by_lane,
    lane_line,
    lanes_of,
)
from issuer.scheme import Scheme
from issuer.stages import stages_of
from issuer.store import (
    Account,
    Application,
    ApplicationKind,
    AuditRow,
    Card,
    ChipReading,
    Content,
    Credential,
    Document,
    DocumentKind,
    Passport,
    Person,
    Preclearance,
    PreclearanceEvent,
    ReviewStep,
    Role,
    Sex,
)
from issuer.waits import waits

_CONSEQUENCES: Final[Mapping[str, str]] = {
    "submit": "The application is final for the applicant, and its review can begin.",
    "open": "The home review begins; what was typed can no longer be corrected.",
    "pass_stage": "The stage {stage} is recorded as passed, in your name.",
    "approve": "The card becomes active and its term begins today.",
    "refuse": "The application ends and its card is cancelled; this is final.",
    "circulate": "Every economy that the pair rules allow is asked to pre-clear.",
    "close": "The application is filed; answers that are open keep coming.",
    "withdraw": "The application and its card end and open answers lapse; final.",
}
_ROLES: Final[Mapping[str, frozenset[Role]]] = {
    "submit": frozenset({Role.INTAKE}),
    "open": frozenset({Role.VETTING}),
    "pass_stage": frozenset({Role.VETTING}),
    "approve": frozenset({Role.VETTING}),
    "refuse": frozenset({Role.VETTING}),
    "circulate": frozenset({Role.VETTING, Role.ISSUING}),
    "close": frozenset({Role.VETTING, Role.ISSUING}),
    "withdraw": frozenset({Role.INTAKE, Role.VETTING}),
}
_LANE_CONSEQUENCES: Final[Mapping[str, str]] = {
    "remind": "The destination sees that you wait; it decides when it answers.",
    "ask_again": "The destination is asked to look again; it owes no answer.",
}
_LANE_ROLES: Final = frozenset({Role.VETTING, Role.ISSUING})


class PersonView(Answer):
    """The traveller."""

    id: int
    family_name: str
    given_name: str
    machine_family_name: str
    machine_given_name: str
    birthdate: date
    sex: Sex
    nationality: str
    email: str | None


class PassportView(Answer):
    """The passport of the application."""

    id: int
    country: str
    number: str
    issued_on: date | None
    expires_on: date


class DocumentView(Answer):
    """A document of the application; `application.document` gives its bytes."""

    id: int
    kind: DocumentKind
    name: str
    media_type: str
    added_at: datetime


class StageView(Answer):
    """A stage of the home review."""

    position: int
    stage: str
    passed: bool | None
    """None while nobody has decided it."""
    by: str | None
    at: datetime | None
    note: str


class ChipView(Answer):
    """What came of reading the chip of a passport; see `application.read_chip`."""

    passport: int
    """The passport that it was compared with."""
    outcome: str
    """``proved``, or a code of docs/epassport.md."""
    by: str
    at: datetime
    signed_at: datetime | None
    """When the state says that it signed; with ``proved``."""


class CardView(Answer):
    """A card of the traveller."""

    id: int
    state: lifecycle.Card
    first_issued_on: date | None
    expires_at: datetime | None
    credentials: tuple[str, ...]
    """Form and state of each."""


class Action(Answer):
    """Something that this actor may do now."""

    operation: str
    consequence: str
    """In one sentence."""
    blocked: str | None
    """Why not yet, or not by this actor; None if it can be done."""


class LaneView(Answer):
    """One destination: whether it can be asked, and what it answered."""

    destination: str
    name: str
    effect: PairEffect
    """What the pair rules say today."""
    lane: LaneLine | None
    """None if it was not asked."""
    actions: tuple[Action, ...]


class Happened(Answer):
    """One event of the case."""

    at: datetime
    what: str
    """A tag of the audit log, or ``<destination>:<event>``."""
    who: str
    """Display name of a colleague, or the code of the destination."""
    after: str
    note: str
    """Of this side's own events only."""


class Case(Answer):
    """An application with everything that belongs to it."""

    id: int
    number: str
    kind: ApplicationKind
    state: lifecycle.Application
    age_days: int
    entered_by: str
    entered_at: datetime
    submitted_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    renews_card: int | None
    person: PersonView
    passport: PassportView
    chips: tuple[ChipView, ...]
    """Readings of the passport's chip, in the order in which they were made."""
    documents: tuple[DocumentView, ...]
    stages: tuple[StageView, ...]
    cards: tuple[CardView, ...]
    lanes: tuple[LaneView, ...]
    timeline: tuple[Happened, ...]
    actions: tuple[Action, ...]


@operation(
    "application.show",
    "Show an application with person, documents, review, card and every destination;"
    " that it was read is logged.",
    *READERS,
    changes=False,
)
def show(desk: Desk, given: One) -> Case:
    """Show a case of this economy."""

    def work(session: Session) -> Case:
        row = desk.find(session, Application, given.application)
        case = _case(session, desk, row)
        desk.log(session, "application:read", f"application:{row.id}")
        return case

    return desk.look(work)


def _case(session: Session, desk: Desk, row: Application) -> Case:
    scheme = desk.office.scheme(session)
    person = session.get_one(Person, row.person_id)
    card = session.scalars(first_card(row)).one_or_none()
    lanes = lanes_of(session, card.id) if card else []
    return Case(
        id=row.id,
        number=row.number,
        kind=row.kind,
        state=row.state,
        age_days=(desk.now - row.changed_at).days,
        entered_by=_who(session, row.entered_by),
        entered_at=row.entered_at,
        submitted_at=row.submitted_at,
        decided_by=_who(session, row.decided_by) if row.decided_by else None,
        decided_at=row.decided_at,
        renews_card=row.renews_card_id,
        person=_person(person),
        passport=_passport(session.get_one(Passport, row.passport_id)),
        chips=_chips(session, row),
        documents=_documents(session, row),
        stages=_stages(session, stages_of(scheme, row).names, row),
        cards=_cards(session, row),
        lanes=_lanes(session, desk, scheme, person, lanes) if card else (),
        timeline=_timeline(session, desk, row, card, lanes),
        actions=_actions(session, desk, row, scheme),
    )


def _person(person: Person) -> PersonView:
    return PersonView(
        id=person.id,
        family_name=person.family_name,
        given_name=person.given_name,
        machine_family_name=person.machine_family_name,
        machine_given_name=person.machine_given_name,
        birthdate=person.birthdate,
        sex=person.sex,
        nationality=person.nationality,
        email=person.email,
    )


def _passport(passport: Passport) -> PassportView:
    return PassportView(
        id=passport.id,
        country=passport.issuer,
        number=passport.number,
        issued_on=passport.issued_on,
        expires_on=passport.expires_on,
    )


def _chips(session: Session, row: Application) -> tuple[ChipView, ...]:
    readings = session.scalars(
        select(ChipReading)
        .where(ChipReading.application_id == row.id)
        .order_by(ChipReading.id)
    )
    return tuple(
        ChipView(
            passport=each.passport_id,
            outcome=each.outcome,
            by=_who(session, each.read_by),
            at=each.read_at,
            signed_at=each.signed_at,
        )
        for each in readings
    )


def _documents(session: Session, row: Application) -> tuple[DocumentView, ...]:
    query = (
        select(Document, Content.media_type)
        .join(Content, Content.sha256 == Document.sha256)
        .where(Document.application_id == row.id)
        .order_by(Document.id)
    )
    return tuple(
        DocumentView(
            id=document.id,
            kind=document.kind,
            name=document.name,
            media_type=media_type,
            added_at=document.added_at,
        )
        for document, media_type in session.execute(query)
    )


def _stages(
    session: Session, stages: Sequence[str], row: Application
) -> tuple[StageView, ...]:
    steps = {
        step.position: step
        for step in session.scalars(
            select(ReviewStep).where(ReviewStep.application_id == row.id)
        )
    }
    return tuple(
        _stage(session, position, stage, steps.get(position))
        for position, stage in enumerate(stages)
    )


def _stage(
    session: Session, position: int, stage: str, step: ReviewStep | None
) -> StageView:
    return StageView(
        position=position,
        stage=step.stage if step else stage,
        passed=step.passed if step else None,
        by=_who(session, step.by) if step else None,
        at=step.at if step else None,
        note=step.note if step else "",
    )


def _cards(session: Session, row: Application) -> tuple[CardView, ...]:
    cards = session.scalars(
        select(Card).where(Card.person_id == row.person_id).order_by(Card.id)
    )
    return tuple(
        CardView(
            id=card.id,
            state=card.state,
            first_issued_on=card.first_issued_on,
            expires_at=card.expires_at,
            credentials=tuple(
                f"{each.form} {each.state}"
                for each in session.scalars(
                    select(Credential)
                    .where(Credential.card_id == card.id)
                    .order_by(Credential.id)
                )
            ),
        )
        for card in cards
    )


def _lanes(
    session: Session,
    desk: Desk,
    scheme: Scheme,
    person: Person,
    lanes: Sequence[Preclearance],
) -> tuple[LaneView, ...]:
    asked = {lane.destination: lane for lane in lanes}
    known = waits(session, scheme, asked, at=desk.now)
    return tuple(
        LaneView(
            destination=code,
            name=economy.name,
            effect=scheme.pair_effect(
                issuer=desk.economy,
                nationality=person.nationality,
                destination=code,
                at=desk.now,
            ),
            lane=lane_line(asked[code], known[code], desk.now)
            if code in asked
            else None,
            actions=_lane_actions(desk, asked.get(code)),
        )
        for code, economy in scheme.economies.items()
        if code != desk.economy
    )


def _lane_actions(desk: Desk, lane: Preclearance | None) -> tuple[Action, ...]:
    if lane is None or not desk.actor.roles & _LANE_ROLES:
        return ()
    return tuple(
        Action(
            operation=f"preclearance.{event}",
            consequence=_LANE_CONSEQUENCES[event],
            blocked=None,
        )
        for event in PRECLEARANCE.allowed(lane.state, by=Side.HOME)
        if event in _LANE_CONSEQUENCES
    )


def _actions(
    session: Session, desk: Desk, row: Application, scheme: Scheme
) -> tuple[Action, ...]:
    left = stages_of(scheme, row).left(row)
    stage = left[0].replace("_", " ") if left else ""
    return tuple(
        Action(
            operation=f"application.{event}",
            consequence=_CONSEQUENCES[event].format(stage=stage),
            blocked=_blocked(session, desk, row, event, scheme),
        )
        for event in APPLICATION.allowed(row.state, by=Side.HOME)
        if desk.actor.roles & _ROLES[event] and (left or event != "pass_stage")
    )


def _blocked(
    session: Session, desk: Desk, row: Application, event: str, scheme: Scheme
) -> str | None:
    if event in {"approve", "refuse"} and (own := own_hand(session, desk, row)):
        return own
    if event == "approve" and stages_of(scheme, row).left(row):
        return "stages of the review are left to pass"
    if event == "close" and stages_to_close(session, scheme, row):
        return "a stage is left to pass"
    return None


def _timeline(
    session: Session,
    desk: Desk,
    row: Application,
    card: Card | None,
    lanes: Sequence[Preclearance],
) -> tuple[Happened, ...]:
    subjects = [f"application:{row.id}", *([f"card:{card.id}"] if card else [])]
    events = [
        Happened(
            at=each.at,
            what=each.tag,
            who=_who(session, each.actor_id),
            after="",
            note=each.reason,
        )
        for each in session.scalars(
            select(AuditRow)
            .where(AuditRow.economy == desk.economy, AuditRow.subject.in_(subjects))
            .order_by(AuditRow.seq)
        )
        if not each.tag.endswith(":read")
    ]
    known = {lane.id: lane for lane in lanes}
    for key, steps in events_by_lane(session, lanes).items():
        events += [_lane_event(session, known[key], step) for step in steps]
    return tuple(sorted(events, key=lambda each: each.at))


def _lane_event(
    session: Session, lane: Preclearance, event: PreclearanceEvent
) -> Happened:
    theirs = event.event in DECISIONS
    return Happened(
        at=event.at,
        what=f"{lane.destination}:{event.event}",
        who=lane.destination if theirs else _who(session, event.actor_id),
        after=event.after,
        note="" if theirs else event.note,
    )


def _who(session: Session, account: int) -> str:
    # Few people have a hand in one case, and each in many of its events.
    names: dict[int, str] = session.info.setdefault("names", {})
    if account not in names:
        names[account] = session.get_one(Account, account).display_name
    return names[account]


class ShowDocument(Request):
    """Which document."""

    document: int = Field(description="Number of the document.")


class DocumentBytes(Answer):
    """A document as it is kept; show it as a download only."""

    id: int
    kind: DocumentKind
    name: str
    media_type: str
    sha256: str
    content: str
    """Base64."""


@operation(
    "application.document",
    "Get a document of an application; that it was read is logged.",
    *READERS,
    changes=False,
)
def document(desk: Desk, given: ShowDocument) -> DocumentBytes:
    """Return a document of one of this economy's applications."""

    def work(session: Session) -> DocumentBytes:
        row = session.get(Document, given.document)
        owner = session.get(Application, row.application_id) if row else None
        if row is None or owner is None or owner.economy != desk.economy:
            raise NotFound(f"there is no document {given.document}")
        content = session.get_one(Content, row.sha256)
        desk.log(
            session,
            "document:read",
            f"application:{owner.id}",
            document=row.id,
            kind=row.kind,
        )
        return DocumentBytes(
            id=row.id,
            kind=row.kind,
            name=row.name,
            media_type=content.media_type,
            sha256=row.sha256,
            content=b64encode(content.data).decode(),
        )

    return desk.look(work)
