"""What the services do, for a caller that has shown who it is: no HTTP here.

Requests, cards and answers go through the same code as at the counter
(`issuer.receiving`, `issuer.answers`); this module says whose they have to be, and puts
pages and orders on them.
"""

from base64 import b64encode
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import Base64Bytes, Field
from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.applications import (
    Entry,
    PassportFields,
    PersonFields,
    enter_all,
    keep_document,
    on_file,
    read_typed,
    read_upload,
    refusal,
    submit_one,
)
from issuer.errors import (
    Conflict,
    IllegalTransition,
    Invalid,
    IssuerError,
    NotAllowed,
    NotFound,
)
from issuer.intake.uploads import Upload
from issuer.lifecycle import CARD
from issuer.link.incoming import take_pushed
from issuer.office import Desk
from issuer.operations import Answer, Request, once
from issuer.portal.drafts import asked_documents
from issuer.preclearances import (
    PENDING,
    Shown,
    as_shown_to_holder,
    card_reference,
    days,
)
from issuer.receiving import (
    CardEvent,
    Heard,
    Receive,
    Received,
    Told,
    ToldCredential,
    ToldPassport,
    receive,
    receive_each,
    take_over,
    told_card,
)
from issuer.services.statements import (
    TakenDecision,
    TakenStatement,
    take_statement,
)
from issuer.services.submissions import (
    HandedIn,
    HandedInFile,
    held_of,
    hold,
    note,
    shown_state,
)
from issuer.services.tokens import Caller
from issuer.services.trust import trust_of
from issuer.store import (
    Application,
    Card,
    Credential,
    DocumentKind,
    HeldSubmission,
    Preclearance,
    Statement,
    SubmissionState,
    SubmittedApplication,
    ToldRevision,
)
from issuer.waits import waits

MAX_BULK: Final = 1_000
MAX_WITHDRAWN: Final = 1_000
MAX_DOCUMENTS: Final = 8
"""Of one application; together no longer than the request may be."""
_MOST: Final = 200
_PAGE_BYTES: Final = 2 * 2**20
"""A page of answers ends with the one that goes over this."""
_AGAIN: Final = timedelta(minutes=5)
"""What has changed so recently is told again: another process may have been slower."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WINDOW: Final = timedelta(days=90)


class Paging(Request):
    """Where a page begins, and how long it is."""

    cursor: str = Field(
        "", pattern=r"^[0-9]{0,18}(\.[0-9]{1,18})?$",
        description="Of the page before; empty for the first.",
    )  # fmt: skip
    limit: int = Field(50, ge=1, le=_MOST, description="Rows at most, up to 200.")


def _number(paging: Paging) -> int:
    return int(paging.cursor.partition(".")[0] or 0)


# Pre-clearance, as destination


class RowProblem(Answer):
    """One field of a row that is wrong."""

    field: str
    code: str
    detail: str


class BulkRow(Answer):
    """What became of one row, in the order in which they were sent."""

    row: int
    """From 1."""
    status: int
    """As one request would have been answered."""
    preclearance: int | None = None
    card: int | None = None
    state: lifecycle.Preclearance | None = None
    code: str | None = None
    detail: str | None = None
    problems: tuple[RowProblem, ...] = ()


def ask(desk: Desk, caller: Caller, given: Receive) -> Received:
    """Take one request of the economy that asks, as `issuer.receiving.receive`."""
    _check_own(caller, given.issuer)
    return receive(desk, given)


def ask_all(
    desk: Desk, caller: Caller, rows: Sequence[Receive | Invalid]
) -> list[BulkRow]:
    """Take many; each row has its own result, and none stops another."""
    results: dict[int, BulkRow] = {}
    good: dict[int, Receive] = {}
    for number, each in enumerate(rows, start=1):
        if isinstance(each, Invalid):
            results[number] = _refused_row(number, each)
        elif each.issuer != caller.asker:
            results[number] = _refused_row(number, _not_own())
        else:
            good[number] = each
    taken = receive_each(desk, list(good.values())) if good else []
    for number, result in zip(good, taken, strict=True):
        results[number] = (
            BulkRow(row=number, status=200, **result.model_dump())
            if isinstance(result, Received)
            else _refused_row(number, result)
        )
    return [results[number] for number in sorted(results)]


def _refused_row(number: int, error: IssuerError) -> BulkRow:
    match error:
        case Invalid(problems=problems):
            return BulkRow(
                row=number,
                status=400,
                code="request.invalid",
                detail="fields of the row are wrong",
                problems=tuple(
                    RowProblem(field=field, code=code, detail=text)
                    for field, code, text in problems
                ),
            )
        case Conflict(code=code, detail=detail):
            return BulkRow(row=number, status=409, code=code, detail=detail)
        case _:
            return BulkRow(
                row=number, status=403, code="request.other_economy", detail=str(error)
            )


def _check_own(caller: Caller, issuer: str) -> None:
    if issuer != caller.asker:
        raise _not_own()


def _not_own() -> NotAllowed:
    return NotAllowed("an economy speaks of its own cards alone")


class RequestState(Answer):
    """How a request stands with its destination."""

    reference: str
    state: lifecycle.Preclearance
    asked_at: datetime | None
    answered_at: datetime | None
    changed_at: datetime


class RequestStates(Answer):
    """A page of one's own requests, in the order in which they came in first."""

    requests: tuple[RequestState, ...]
    cursor: str
    """Of the next page; of the last one, to ask for what has come since."""
    more: bool


def own_requests(desk: Desk, caller: Caller, paging: Paging) -> RequestStates:
    """List the requests of the economy that asks; to set right what was lost."""

    def work(session: Session) -> RequestStates:
        rows = session.execute(
            select(Preclearance, Card)
            .join(Card, Card.id == Preclearance.card_id)
            .where(
                Preclearance.destination == desk.economy,
                Preclearance.issuer == caller.asker,
                Card.told_to == desk.economy,
                Preclearance.id > _number(paging),
            )
            .order_by(Preclearance.id)
            .limit(paging.limit + 1)
        ).all()
        shown = rows[: paging.limit]
        return RequestStates(
            requests=tuple(
                RequestState(
                    reference=card_reference(card),
                    state=lane.state,
                    asked_at=lane.asked_at,
                    answered_at=lane.answered_at,
                    changed_at=lane.changed_at,
                )
                for lane, card in shown
            ),
            cursor=str(shown[-1][0].id) if shown else paging.cursor,
            more=len(rows) > paging.limit,
        )

    return desk.read(work)


class SignedAnswer(Answer):
    """One statement of the destination about cards of the economy that asks."""

    cursor: str
    statement: str
    """Compact JWS, as docs/operations/preclearance.md defines it."""
    at: datetime


class SignedAnswers(Answer):
    """Answers in the order in which they were given; none is left out."""

    answers: tuple[SignedAnswer, ...]
    cursor: str
    """Of the next page; of the last one, to ask for what has come since."""
    more: bool


def signed_answers(desk: Desk, caller: Caller, paging: Paging) -> SignedAnswers:
    """Return what this destination has signed about the cards of who asks.

    A statement is about one issuer's cards, and statements of one destination get their
    numbers one after the other, under its audit log: whoever has seen one has been able
    to see all before it.

    Raises:
        Conflict: ``answers.cursor``: the cursor is of nothing that is here, as after a
            restore from a backup: begin anew; what was taken before is known then.
    """

    def work(session: Session) -> SignedAnswers:
        _check_cursor(session, desk, caller, paging)
        rows = session.scalars(
            select(Statement)
            .where(
                Statement.economy == desk.economy,
                Statement.issuer == caller.asker,
                Statement.id > _number(paging),
            )
            .order_by(Statement.id)
            .limit(paging.limit + 1)
        ).all()
        shown = _not_too_long(rows[: paging.limit])
        return SignedAnswers(
            answers=tuple(
                SignedAnswer(cursor=_mark(each), statement=each.text, at=each.at)
                for each in shown
            ),
            cursor=_mark(shown[-1]) if shown else paging.cursor,
            more=len(rows) > len(shown),
        )

    return desk.read(work)


def _check_cursor(session: Session, desk: Desk, caller: Caller, paging: Paging) -> None:
    """Refuse to go on behind what this database has forgotten, or has given again."""
    number = _number(paging)
    if not number:
        return
    last = session.get(Statement, number)
    mine = (desk.economy, caller.asker, paging.cursor)
    if last is None or (last.economy, last.issuer, _mark(last)) != mine:
        text = "this cursor is of nothing that is here: begin anew, without one"
        raise Conflict("answers.cursor", text)


def _mark(statement: Statement) -> str:
    """Return the cursor of a statement: its number, and something of what it says."""
    digest = sha256(statement.text.encode()).digest()
    return f"{statement.id}.{int.from_bytes(digest[:4], 'big')}"


def _not_too_long(rows: Sequence[Statement]) -> list[Statement]:
    shown: list[Statement] = []
    size = 0
    for each in rows:
        shown.append(each)
        size += len(each.text)
        if size > _PAGE_BYTES:
            break
    return shown


class TellCard(Request):
    """What an issuer tells of a card that it asked about; the newest counts."""

    revision: int = Field(
        ge=1, le=2**53, description="Counts up with all that is told of this card."
    )
    event: CardEvent | None = Field(None, description="What happened to the card.")
    expires_at: datetime | None = Field(None, description="End of the card.")
    credentials: tuple[ToldCredential, ...] = Field(
        (), max_length=64, description="Its credentials, as they are now."
    )
    passport: ToldPassport | None = Field(
        None, description="Its passport, where that is another one now."
    )
    reminded_at: datetime | None = Field(
        None, description="When an answer that is still open was asked for again."
    )


class CardHeard(Answer):
    """How the card stands here."""

    reference: str
    revision: int
    """The newest that was told."""
    state: lifecycle.Card
    applied: bool
    """False if this was told before, or something newer was."""
    lapsed: int
    credentials: int


def tell_card(desk: Desk, caller: Caller, reference: str, given: TellCard) -> CardHeard:
    """Take over what is told of a card, unless something newer was told already.

    Messages may come twice, late or in another order: what is older than the newest
    changes nothing, and is answered with how things stand.
    """

    def work(session: Session) -> CardHeard:
        card = told_card(session, desk, caller.asker or "", reference)
        known = session.get(ToldRevision, card.id)
        if known is not None and given.revision <= known.revision:
            heard = Heard(card=card.id, state=card.state, lapsed=0, credentials=0)
            return _heard(reference, known.revision, heard, applied=False)
        told = Told(
            issuer=caller.asker or "",
            reference=reference,
            event=given.event,
            expires_at=given.expires_at,
            credentials=given.credentials,
            passport=given.passport,
            reminded_at=given.reminded_at,
        )
        heard = take_over(session, desk, told)
        if known is None:
            session.add(ToldRevision(card_id=card.id, revision=given.revision))
        else:
            known.revision = given.revision
        return _heard(reference, given.revision, heard, applied=True)

    return desk.write(work)


def _heard(reference: str, revision: int, heard: Heard, *, applied: bool) -> CardHeard:
    return CardHeard(
        reference=reference,
        revision=revision,
        state=heard.state,
        applied=applied,
        lapsed=heard.lapsed,
        credentials=heard.credentials,
    )


class Withdrawn(Request):
    """Applicants who have withdrawn at home."""

    references: tuple[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,64}$")], ...
    ] = Field(
        min_length=1, max_length=MAX_WITHDRAWN, description="What the issuer calls"
        " their cards."
    )  # fmt: skip


class WithdrawnRow(Answer):
    """What became of one of them."""

    reference: str
    outcome: str
    """``ended``; ``known``, as it had ended before; or the code of a refusal."""


class WithdrawnRows(Answer):
    """In the order in which they were sent."""

    results: tuple[WithdrawnRow, ...]


def withdraw(desk: Desk, caller: Caller, given: Withdrawn) -> WithdrawnRows:
    """End what is asked about applicants who withdrew; again, it changes nothing."""

    def one(session: Session, reference: str) -> str:
        issuer = caller.asker or ""
        try:
            card = told_card(session, desk, issuer, reference)
            if CARD.is_final(card.state):
                return "known"
            told = Told(
                issuer=issuer,
                reference=reference,
                event="cancel",
                expires_at=None,
                credentials=(),
                passport=None,
                reminded_at=None,
            )
            take_over(session, desk, told)
        except NotFound:
            return "record.unknown"
        except IllegalTransition as error:
            return error.reason
        return "ended"

    def work(session: Session) -> WithdrawnRows:
        return WithdrawnRows(
            results=tuple(
                WithdrawnRow(reference=each, outcome=one(session, each))
                for each in given.references
            )
        )

    return desk.write(work)


# As home economy


class Push(Request):
    """A statement of the economy that pushes it."""

    statement: str = Field(
        max_length=512 * 1024, description="Compact JWS, as its destination signed it."
    )


def push(desk: Desk, caller: Caller, given: Push) -> TakenStatement:
    """Take a statement that its own destination brings.

    Where this economy asks that destination over a link, the statement has to answer a
    question of the link; the feed brings the same one, and it counts once.
    """
    destination, trust = caller.asker or "", trust_of(desk.office.installation)
    linked = take_pushed(desk, destination, given.statement, trust=trust)
    if linked is None:
        return take_statement(desk, destination, given.statement)
    return TakenStatement(
        decisions=tuple(
            TakenDecision(card=each.card, seq=each.seq, outcome=outcome)
            for each, outcome in linked.items()
        )
    )


class StatusIndex(Answer):
    """Where a destination's overlay speaks of one credential of a card."""

    reference: str
    card_state: lifecycle.Card
    expires_at: datetime | None
    form: str
    document_number: str
    list_number: int
    list_index: int
    state: str


class StatusIndexes(Answer):
    """Credentials in the order in which something changed; some come again."""

    indexes: tuple[StatusIndex, ...]
    cursor: str
    """Of the next page; of the last one, to ask for what has changed since."""
    more: bool


def status_indexes(desk: Desk, caller: Caller, paging: Paging) -> StatusIndexes:
    """Return the indexes that the economy that asks needs for its overlays.

    They are of cards that it was asked about, and of nobody else's.
    """

    def work(session: Session) -> StatusIndexes:
        changed = _changed_at()
        rows = session.execute(
            select(Credential, Card, changed)
            .join(Card, Card.id == Credential.card_id)
            .join(Preclearance, Preclearance.card_id == Card.id)
            .where(
                Credential.economy == desk.economy,
                Preclearance.issuer == desk.economy,
                Preclearance.destination == caller.asker,
                Preclearance.asked_at.is_not(None),
                Credential.state.in_(_TOLD_STATES),
                _is_behind(changed, paging),
            )
            .order_by(changed, Credential.id)
            .limit(paging.limit + 1)
        ).all()
        shown = rows[: paging.limit]
        more = len(rows) > paging.limit
        return StatusIndexes(
            indexes=tuple(_index(credential, card) for credential, card, _ in shown),
            cursor=_changed_cursor(shown, paging, more=more, now=desk.now),
            more=more,
        )

    return desk.read(work)


_TOLD_STATES: Final = ("valid", "suspended", "revoked", "superseded", "expired")


def _changed_at() -> ColumnElement[datetime]:
    """Return when something last changed that a destination has to know."""
    return case(
        (
            (Card.changed_at >= Credential.changed_at)
            & (Card.changed_at >= Preclearance.asked_at),
            Card.changed_at,
        ),
        (Credential.changed_at >= Preclearance.asked_at, Credential.changed_at),
        else_=Preclearance.asked_at,
    )


def _is_behind(changed: ColumnElement[datetime], paging: Paging) -> ColumnElement[bool]:
    micros, _, number = paging.cursor.partition(".")
    if not micros:
        return true()
    at = _moment(int(micros))
    return (changed > at) | ((changed == at) & (Credential.id > int(number or 0)))


def _moment(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise Invalid([("cursor", "cursor", "is no cursor of ours")]) from error


def _changed_cursor(
    shown: Sequence[Any], paging: Paging, *, more: bool, now: datetime
) -> str:
    if not shown:
        return paging.cursor
    credential, _, at = shown[-1]
    # A process that was slower may still write what it dates before this.
    if not more and at > now - _AGAIN:
        return f"{_micros(now - _AGAIN)}.0"
    return f"{_micros(at)}.{credential.id}"


def _micros(at: datetime) -> int:
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _index(credential: Credential, card: Card) -> StatusIndex:
    return StatusIndex(
        reference=card_reference(card),
        card_state=card.state,
        expires_at=card.expires_at,
        form=credential.form,
        document_number=credential.document_number,
        list_number=credential.list_number,
        list_index=credential.list_index,
        state=credential.state,
    )


# For partners that take applications in


class SentDocument(Request):
    """A file that comes with an application."""

    kind: DocumentKind = Field(description="What it shows.")
    name: str = Field(max_length=1024, description="The file's name, for display.")
    content: Base64Bytes = Field(
        max_length=10 * 2**20,
        description="PDF, PNG or JPEG, in base64; at most 10 MiB before.",
    )


class SubmitApplication(Request):
    """A new application, as a partner has taken it in."""

    person: PersonFields = Field(description="Who applies.")
    passport: PassportFields = Field(description="The passport of the card.")
    documents: tuple[SentDocument, ...] = Field(
        (), max_length=MAX_DOCUMENTS, description="What came with it."
    )


class ApplicationTaken(Answer):
    """The application as it was taken: a draft, until nothing is missing."""

    number: str
    state: lifecycle.Application
    missing: tuple[DocumentKind, ...]
    """What has to come to the office before it is reviewed; none: it was submitted."""
    notices: tuple[str, ...]
    """For the applicant."""


def submit(desk: Desk, caller: Caller, given: SubmitApplication) -> ApplicationTaken:
    """Take an application; who decides about it is a person at the office.

    Whether somebody is on file makes no difference to the answer, nor to what `track`
    tells: what cannot be entered for it is held, as `issuer.services.submissions` says.

    With a portrait, and everything that the economy asks for, it is submitted at once.

    Raises:
        Invalid: Fields are wrong, or a file is not what it says; each is named.
        Conflict: ``application.confirm_names``: send the passport's lines too.
    """

    files = [(each.kind, _upload(at, each)) for at, each in enumerate(given.documents)]

    def work(session: Session) -> ApplicationTaken:
        entry = Entry(typed=read_typed(desk, session, given.person, given.passport))
        missing = _missing(session, desk, {kind for kind, _ in files})
        refused = refusal(entry, on_file(session, desk.economy, [entry]))
        if refused is None:
            (entered,) = enter_all(session, desk, [entry])
            note(session, desk, caller.client, entered)
            row = session.get_one(Application, entered.application)
            for kind, upload in files:
                keep_document(session, desk, row, kind, upload)
            if not missing:
                submit_one(session, desk, row)
            number = entered.number
        else:
            number = hold(
                session, desk, caller.client, _handed_in(given),
                held_for=refused.code, is_whole=not missing,
            ).number  # fmt: skip
        return ApplicationTaken(
            number=number,
            state=shown_state(is_whole=not missing),
            missing=missing,
            notices=tuple(each.message for each in entry.typed.notices),
        )

    return once(desk, given, ApplicationTaken, work)


def _handed_in(given: SubmitApplication) -> HandedIn:
    return HandedIn(
        person=given.person,
        passport=given.passport,
        documents=tuple(
            HandedInFile(
                kind=each.kind, name=each.name, content=b64encode(each.content).decode()
            )
            for each in given.documents
        ),
    )


def _upload(at: int, given: SentDocument) -> Upload:
    try:
        return read_upload(given.kind, given.name, given.content)
    except Invalid as error:
        raise Invalid(
            (f"documents.{at}.{field}", code, text)
            for field, code, text in error.problems
        ) from error


def _missing(
    session: Session, desk: Desk, sent: Collection[DocumentKind]
) -> tuple[DocumentKind, ...]:
    asked = asked_documents(desk.office.scheme(session), desk.economy, desk.now)
    wanted = [DocumentKind(each.kind) for each in asked if each.required]
    return tuple(kind for kind in (DocumentKind.PORTRAIT, *wanted) if kind not in sent)


class ShownAnswer(Answer):
    """What the holder may know of one destination."""

    destination: str
    shown: Shown


class ApplicationState(Answer):
    """How far an application is, as its applicant may know."""

    number: str
    state: lifecycle.Application
    entered_at: datetime
    changed_at: datetime
    answers: tuple[ShownAnswer, ...]


def track(desk: Desk, caller: Caller, number: str) -> ApplicationState:
    """Return how far an application is that this client has submitted.

    Raises:
        NotFound: There is none, or another client's or the office's own.
    """

    def work(session: Session) -> ApplicationState:
        row = session.scalars(
            select(Application)
            .join(
                SubmittedApplication,
                SubmittedApplication.application_id == Application.id,
            )
            .where(
                Application.economy == desk.economy,
                Application.number == number,
                SubmittedApplication.client == caller.client,
            )
        ).one_or_none()
        held = held_of(session, desk, caller.client, number)
        if row is None:
            return _state_of_held(held)
        return ApplicationState(
            number=row.number,
            state=row.state,
            entered_at=row.entered_at if held is None else held.came_at,
            changed_at=row.changed_at,
            answers=tuple(_shown(session, desk, row)),
        )

    return desk.read(work)


def _state_of_held(held: HeldSubmission | None) -> ApplicationState:
    """Tell of what waits as of a draft, and of what was put away as of one that was."""
    if held is None:
        raise NotFound("there is no such application")
    is_open = held.state == SubmissionState.WAITING
    return ApplicationState(
        number=held.number,
        state=shown_state(is_whole=held.is_whole)
        if is_open
        else lifecycle.Application.APPLICANT_WITHDRAWN,
        entered_at=held.came_at,
        changed_at=held.changed_at,
        answers=(),
    )


def _shown(session: Session, desk: Desk, row: Application) -> list[ShownAnswer]:
    scheme = desk.office.scheme(session)
    lanes = session.scalars(
        select(Preclearance)
        .join(Card, Card.id == Preclearance.card_id)
        .where(Card.application_id == row.id)
        .order_by(Preclearance.destination)
    )
    found = []
    for lane in lanes:
        shown = as_shown_to_holder(
            lane.state,
            scheme=scheme,
            destination=lane.destination,
            form="app",
            at=desk.now,
        )
        if shown is not None:
            found.append(ShownAnswer(destination=lane.destination, shown=shown))
    return found


# Figures


class Figures(Answer):
    """Counts and times of one economy's answers; of who asks, or of everybody."""

    economy: str
    days: int
    """Back from now, for what was answered."""
    open: int
    oldest_open_at: datetime | None
    answered: int
    median_days: float | None
    """Of its last answers to whomever; None if it has given none in a year."""
    target_days: int | None


def figures(desk: Desk, caller: Caller) -> Figures:
    """Count what this economy answers: to the economy that asks, or to everybody."""

    def work(session: Session) -> Figures:
        mine = [Preclearance.destination == desk.economy]
        if caller.asker is not None:
            mine.append(Preclearance.issuer == caller.asker)
        count, oldest = session.execute(
            select(func.count(), func.min(Preclearance.asked_at)).where(*mine, PENDING)
        ).one()
        answered = session.scalar(
            select(func.count()).where(
                *mine, Preclearance.answered_at > desk.now - _WINDOW
            )
        )
        wait = waits(session, desk.office.scheme(session), [desk.economy], at=desk.now)
        return Figures(
            economy=desk.economy,
            days=_WINDOW.days,
            open=count,
            oldest_open_at=oldest,
            answered=answered or 0,
            median_days=days(wait[desk.economy]),
            target_days=wait[desk.economy].target_days,
        )

    return desk.read(work)
