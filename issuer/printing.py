"""Plastic on its way: waiting to be printed, at the bureau, handed over or spoiled.

A document is printed only while its credential is good, and what is printed is what was
signed.  One that was spoiled is made again under a list entry of its own, and the old
one ends.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import Field
from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

import verifier
from issuer.audit import Entry
from issuer.card_issuing import CredentialIssued, Replace, ReplaceReason
from issuer.card_issuing import replace as replace_plastic
from issuer.endings import LIVE
from issuer.errors import (
    BatchError,
    Conflict,
    DesignError,
    IllegalTransition,
    IssuerError,
    NotFound,
    ProfileError,
    SigningError,
)
from issuer.lifecycle import Credential as CredentialState
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.plastic import (
    Design,
    DesignRegistry,
    PlasticCard,
    Press,
    gather,
    prepare_portrait,
    prepare_signature,
    write_batch,
)
from issuer.profile import CardData
from issuer.store import (
    Account,
    Card,
    Content,
    Credential,
    Document,
    DocumentKind,
    Issue,
    IssueState,
    Passport,
    Person,
    Plastic,
    PlasticBatch,
    PlasticState,
    Role,
)

MAX_BATCH: Final = 500
"""Cards of one batch that is made on request; a card takes about half a second."""
_MAX: Final = 200
_READERS: Final = (Role.ISSUING, Role.AUDIT)
_STEPS: Final[Mapping[str, tuple[frozenset[PlasticState], PlasticState]]] = (
    MappingProxyType(
        {
            "batched": (frozenset({PlasticState.TO_PRINT}), PlasticState.AT_BUREAU),
            # A document printed at the counter never was at a bureau.
            "handed_over": (
                frozenset({PlasticState.TO_PRINT, PlasticState.AT_BUREAU}),
                PlasticState.HANDED_OVER,
            ),
            "spoiled": (
                frozenset({PlasticState.TO_PRINT, PlasticState.AT_BUREAU}),
                PlasticState.SPOILED,
            ),
        }
    )
)
_CARD_AT = re.compile(r"cards\[([0-9]+)\]")


class OnePlastic(Request):
    """Which plastic document."""

    credential: int = Field(ge=1, description="Number of its credential.")


# The queue


class PlasticFilter(Request):
    """Which plastic documents to list."""

    state: PlasticState = Field(
        PlasticState.TO_PRINT, description="Where they are on their way."
    )
    batch: str | None = Field(None, max_length=64, description="Only of this batch.")
    after: int | None = Field(None, description="Go on behind this credential.")
    limit: Annotated[int, Field(ge=1, le=_MAX)] = Field(
        50, description="How many at most, up to 200."
    )


class PlasticLine(Answer):
    """One plastic document."""

    credential: int
    card: int
    document_number: str
    family_name: str
    given_name: str
    is_interim: bool
    state: PlasticState
    is_good: bool
    """Its credential has not ended; one that has is not printed."""
    has_portrait: bool
    design: str
    """Empty lets the day of printing decide."""
    batch: str | None
    changed_at: datetime


class PlasticLines(Answer):
    """A page of plastic documents, the oldest first."""

    rows: tuple[PlasticLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "plastic.list",
    "List plastic documents by where they are on their way.",
    *_READERS,
    changes=False,
)
def list_plastic(desk: Desk, given: PlasticFilter) -> PlasticLines:
    """List plastic documents; which were shown is logged."""

    def work(session: Session) -> PlasticLines:
        rows = session.execute(_page(desk, given)).all()
        page = [_plastic_line(*row) for row in rows[: given.limit]]
        desk.log(
            session,
            "queue:read",
            "plastic",
            queue="plastic",
            records=[each.card for each in page],
            count=len(page),
        )
        more = len(rows) > given.limit
        return PlasticLines(
            rows=tuple(page), after=page[-1].credential if more else None
        )

    return desk.write(work)


def _page(
    desk: Desk, given: PlasticFilter
) -> Select[Plastic, Credential, Person, bool]:
    # The page is chosen first: nobody joins and sorts all that was ever handed over.
    page = select(Plastic.credential_id).where(
        Plastic.economy == desk.economy, Plastic.state == given.state
    )
    if given.batch:
        page = page.where(Plastic.batch == given.batch)
    if given.after is not None:
        page = page.where(Plastic.credential_id > given.after)
    chosen = page.order_by(Plastic.credential_id).limit(given.limit + 1)
    return (
        select(Plastic, Credential, Person, _has_portrait())
        .join(Credential, Credential.id == Plastic.credential_id)
        .join(Card, Card.id == Credential.card_id)
        .join(Person, Person.id == Card.person_id)
        .where(Plastic.credential_id.in_(chosen))
        .order_by(Plastic.credential_id)
    )


def _has_portrait() -> Any:
    return exists().where(
        Document.application_id == Card.application_id,
        Document.kind == DocumentKind.PORTRAIT,
    )


def _plastic_line(
    plastic: Plastic, credential: Credential, person: Person, has_portrait: bool
) -> PlasticLine:
    return PlasticLine(
        credential=credential.id,
        card=credential.card_id,
        document_number=credential.document_number,
        family_name=person.family_name,
        given_name=person.given_name,
        is_interim=credential.is_interim,
        state=plastic.state,
        is_good=credential.state in LIVE,
        has_portrait=has_portrait,
        design=plastic.design,
        batch=plastic.batch,
        changed_at=plastic.changed_at,
    )


# What one document looks like


class PlasticFiles(Answer):
    """What is printed for one document."""

    credential: int
    card: int
    document_number: str
    design: str
    design_title: str
    front: str
    """PNG, base64; 2022 x 1275 pixels."""
    reverse: str
    """The same."""
    pdf: str
    """Both sides on two pages of the size of a card, base64."""
    mrz_lines: tuple[str, str, str]
    economies: tuple[str, ...]
    """Printed on the reverse."""


@operation(
    "card.plastic_files",
    "Draw a plastic document as a bureau would print it.",
    Role.ISSUING,
    changes=False,
)
def plastic_files(desk: Desk, given: OnePlastic) -> PlasticFiles:
    """Draw front, reverse and PDF; that they were made is logged.

    Raises:
        NotFound: There is no such plastic document.
        Conflict: ``plastic.unprintable``: there is no portrait, or it or a name
            cannot be printed; ``plastic.ended``.
    """

    def work(session: Session) -> _Sheet:
        sheet = _sheet(session, desk, given.credential)
        desk.log(
            session,
            "plastic:read",
            f"card:{sheet.card_id}",
            credential=given.credential,
            design=sheet.design.id,
        )
        return sheet

    sheet = desk.write(work)
    card = _gathered(desk, sheet)
    try:
        printed = Press(sheet.design).print(card)
    except ProfileError as error:
        raise Conflict("plastic.unprintable", str(error)) from error
    return PlasticFiles(
        credential=given.credential,
        card=sheet.card_id,
        document_number=card.document_number,
        design=sheet.design.id,
        design_title=sheet.design.title,
        front=b64encode(printed.front).decode(),
        reverse=b64encode(printed.reverse).decode(),
        pdf=b64encode(printed.pdf).decode(),
        mrz_lines=printed.mrz_lines,
        economies=card.economies,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What the database has for one document."""

    credential_id: int
    card_id: int
    data: CardData
    text: str
    sex: str
    family_name: str
    given_name: str
    portrait: bytes | None
    signature: bytes | None
    design: Design
    scheme: Any


def _sheet(session: Session, desk: Desk, credential_id: int) -> _Sheet:
    credential = desk.find(session, Credential, credential_id)
    plastic = session.get(Plastic, credential_id)
    if plastic is None:
        raise NotFound(f"credential {credential_id} is no plastic document")
    if credential.state not in LIVE:
        raise Conflict("plastic.ended", f"its credential is {credential.state}")
    card = session.get_one(Card, credential.card_id)
    person = session.get_one(Person, card.person_id)
    issue = session.scalars(
        select(Issue)
        .where(Issue.credential_id == credential.id, Issue.state == IssueState.SIGNED)
        .order_by(Issue.id.desc())
        .limit(1)
    ).one()
    return _Sheet(
        credential_id=credential.id,
        card_id=card.id,
        data=_data(session, credential, person, issue),
        text=issue.text or "",
        sex=person.sex,
        family_name=person.family_name,
        given_name=person.given_name,
        portrait=_upload(session, card, DocumentKind.PORTRAIT),
        signature=_upload(session, card, DocumentKind.SIGNATURE),
        design=_design(desk, plastic),
        scheme=desk.office.scheme(session),
    )


def _data(
    session: Session, credential: Credential, person: Person, issue: Issue
) -> CardData:
    passport = session.get_one(Passport, credential.passport_id)
    return CardData(
        issuer=credential.economy,
        document_number=credential.document_number,
        family_name=person.machine_family_name,
        given_name=person.machine_given_name,
        birthdate=person.birthdate,
        nationality=person.nationality,
        passport_country=passport.issuer,
        passport_number=passport.number,
        passport_expires_on=passport.expires_on,
        form="physical",
        economies=tuple(issue.economies.split()),
    )


def _upload(session: Session, card: Card, kind: DocumentKind) -> bytes | None:
    return session.scalars(
        select(Content.data)
        .join(Document, Document.sha256 == Content.sha256)
        .where(Document.application_id == card.application_id, Document.kind == kind)
        .order_by(Document.id.desc())
        .limit(1)
    ).first()


def _design(desk: Desk, plastic: Plastic) -> Design:
    registry = DesignRegistry.load()
    try:
        if plastic.design:
            return registry.get(plastic.design)
        return registry.in_force(desk.economy, desk.now)
    except DesignError as error:
        raise Conflict("plastic.no_design", str(error)) from error


def _gathered(desk: Desk, sheet: _Sheet) -> PlasticCard:
    if sheet.portrait is None:
        raise Conflict("plastic.unprintable", "the application has no portrait")
    try:
        return gather(
            sheet.data,
            qr_text=verifier.pack(sheet.text),
            sex=sheet.sex,  # type: ignore[arg-type]  # the database's own three letters
            portrait=prepare_portrait(sheet.portrait),
            signature=prepare_signature(sheet.signature) if sheet.signature else None,
            scheme=sheet.scheme,
            design=sheet.design,
            at=desk.now,
            family_name=sheet.family_name,
            given_name=sheet.given_name,
        )
    except ProfileError as error:
        raise Conflict("plastic.unprintable", str(error)) from error


# Batches for the bureau


class MakeBatch(Request):
    """How many documents go to the bureau together."""

    limit: int = Field(
        100, ge=1, le=MAX_BATCH, description="The oldest so many that wait."
    )


class LeftOut(Answer):
    """A document that waits on, because it cannot be printed."""

    credential: int
    card: int
    why: str


class BatchView(Answer):
    """An archive for the bureau."""

    batch: str
    design: str
    count: int
    sums_sha256: str
    """Tell the bureau by another way; it shows that not a byte has changed."""
    made_by: int
    made_by_name: str
    made_at: datetime
    file: str | None
    """Its name in the installation's folder ``bureau``; None if it is gone."""
    left_out: tuple[LeftOut, ...] = ()
    """Only when it is made."""


@operation("plastic.batch", "Make an archive for the bureau.", Role.ISSUING)
def make_batch(desk: Desk, given: MakeBatch) -> BatchView:
    """Print the oldest that wait into one archive; all are of one design.

    Raises:
        Conflict: ``plastic.nothing``: nothing waits that can be printed;
            ``plastic.changed``: one of them ended meanwhile: ask again;
            ``plastic.disk``: the archive could not be written.
    """
    batch = _batch_id(desk)
    made = desk.read(lambda session: session.get(PlasticBatch, batch))
    if made is not None:
        return desk.read(lambda session: _batch_view(session, desk, made))
    sheets, left_out = desk.read(lambda session: _waiting(session, desk, given.limit))
    cards, unprintable = _gather_all(desk, sheets)
    left_out += unprintable
    path = desk.office.installation.bureau / f"{batch}.zip"
    sums, printed, failed = _written(desk, path, cards)
    left_out += failed

    def work(session: Session) -> BatchView:
        row = _note_batch(session, desk, batch, sums, printed)
        view = _batch_view(session, desk, row)
        return view.model_copy(update={"left_out": tuple(left_out)})

    try:
        return desk.write(work)
    except IssuerError:
        path.unlink(missing_ok=True)
        raise


_Cards = list[tuple[_Sheet, PlasticCard]]


def _batch_id(desk: Desk) -> str:
    key = desk.request_key or desk.now.isoformat()
    text = f"{desk.economy}:{desk.actor.account_id}:{key}"
    digest = sha256(text.encode()).hexdigest()[:8]
    return f"{desk.economy}-{desk.now:%Y%m%d}-{digest}"


def _waiting(
    session: Session, desk: Desk, limit: int
) -> tuple[list[_Sheet], list[LeftOut]]:
    """Return the oldest that wait, of the design of the first."""
    rows = session.execute(
        select(Plastic.credential_id, Credential.card_id)
        .join(Credential, Credential.id == Plastic.credential_id)
        .where(
            Plastic.economy == desk.economy,
            Plastic.state == PlasticState.TO_PRINT,
            Credential.state == CredentialState.VALID,
        )
        .order_by(Plastic.changed_at, Plastic.credential_id)
        .limit(limit)
    ).all()
    found: list[_Sheet] = []
    left_out: list[LeftOut] = []
    for credential, card in rows:
        try:
            sheet = _sheet(session, desk, credential)
        except Conflict as error:
            left_out.append(LeftOut(credential=credential, card=card, why=error.detail))
            continue
        if not found or sheet.design.id == found[0].design.id:
            found.append(sheet)
    return found, left_out


def _gather_all(desk: Desk, sheets: Iterable[_Sheet]) -> tuple[_Cards, list[LeftOut]]:
    cards: _Cards = []
    left_out: list[LeftOut] = []
    for sheet in sheets:
        try:
            cards.append((sheet, _gathered(desk, sheet)))
        except Conflict as error:
            left_out.append(_left_out(sheet, error.detail))
    return cards, left_out


def _left_out(sheet: _Sheet, why: str) -> LeftOut:
    return LeftOut(credential=sheet.credential_id, card=sheet.card_id, why=why)


def _written(
    desk: Desk, path: Path, cards: _Cards
) -> tuple[str, list[_Sheet], list[LeftOut]]:
    """Write the archive, without what the press refuses."""
    left_out: list[LeftOut] = []
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)  # of a run that was cut off before it was recorded
    while cards:
        try:
            done = write_batch(
                path,
                [card for _, card in cards],
                design=cards[0][0].design,
                batch_id=path.stem,
                created_at=desk.now.replace(microsecond=0),
            )
        except BatchError as error:
            at = _CARD_AT.match(error.place)
            if at is None:
                raise Conflict("plastic.disk", str(error)) from error
            sheet, _ = cards.pop(int(at[1]))
            left_out.append(_left_out(sheet, error.reason))
            continue
        return done.sums_sha256, [sheet for sheet, _ in cards], left_out
    whys = "; ".join(sorted({each.why for each in left_out}))
    raise Conflict("plastic.nothing", whys or "nothing waits that can be printed")


def _note_batch(
    session: Session, desk: Desk, batch: str, sums: str, sheets: list[_Sheet]
) -> PlasticBatch:
    row = PlasticBatch(
        batch=batch,
        economy=desk.economy,
        design=sheets[0].design.id,
        count=len(sheets),
        sums_sha256=sums,
        made_by=desk.actor.account_id,
        made_at=desk.now,
    )
    session.add(row)
    for sheet in sheets:
        credential = desk.find(session, Credential, sheet.credential_id)
        plastic = session.get_one(Plastic, sheet.credential_id)
        is_waiting = plastic.state == PlasticState.TO_PRINT
        if not is_waiting or credential.state != CredentialState.VALID:
            raise Conflict(
                "plastic.changed",
                f"credential {credential.id} has changed meanwhile: ask again",
            )
        plastic.state, plastic.batch = _after(plastic, "batched"), batch
        plastic.design, plastic.changed_at = row.design, desk.now
    entries = [
        Entry(
            tag="plastic:made",
            subject=f"card:{sheet.card_id}",
            fields={"credential": sheet.credential_id, "design": row.design},
        )
        for sheet in sheets
    ]
    desk.log_many(session, entries)
    desk.log(
        session,
        "plastic:batched",
        f"batch:{batch}",
        batch=batch,
        count=row.count,
        design=row.design,
        sums_sha256=sums,
    )
    return row


def _batch_view(session: Session, desk: Desk, row: PlasticBatch) -> BatchView:
    path = desk.office.installation.bureau / f"{row.batch}.zip"
    return BatchView(
        batch=row.batch,
        design=row.design,
        count=row.count,
        sums_sha256=row.sums_sha256,
        made_by=row.made_by,
        made_by_name=session.get_one(Account, row.made_by).display_name,
        made_at=row.made_at,
        file=path.name if path.is_file() else None,
    )


class ListBatches(Request):
    """How many of the newest."""

    limit: Annotated[int, Field(ge=1, le=_MAX)] = Field(
        20, description="How many at most, up to 200."
    )


class Batches(Answer):
    """Batches, the newest first, and what waits."""

    batches: tuple[BatchView, ...]
    counts: dict[PlasticState, int]
    """Documents by where they are on their way."""


@operation(
    "plastic.batches", "List the archives for the bureau.", *_READERS, changes=False
)
def list_batches(desk: Desk, given: ListBatches) -> Batches:
    """List batches, and count documents by state."""

    def work(session: Session) -> Batches:
        rows = session.scalars(
            select(PlasticBatch)
            .where(PlasticBatch.economy == desk.economy)
            .order_by(PlasticBatch.made_at.desc(), PlasticBatch.batch)
            .limit(given.limit)
        )
        counted = session.execute(
            select(Plastic.state, func.count())
            .where(Plastic.economy == desk.economy)
            .group_by(Plastic.state)
        )
        found = {row[0]: row[1] for row in counted}
        return Batches(
            batches=tuple(_batch_view(session, desk, row) for row in rows),
            counts={state: found.get(state, 0) for state in PlasticState},
        )

    return desk.read(work)


class OneBatch(Request):
    """Which batch."""

    batch: str = Field(max_length=64, description="Its name.")


@operation(
    "plastic.take_batch",
    "Take an archive out to bring it to the bureau; that it left is logged.",
    Role.ISSUING,
    changes=False,
)
def take_batch(desk: Desk, given: OneBatch) -> BatchView:
    """Say where an archive is.

    Raises:
        NotFound: This economy has no such batch, or its file is gone.
    """

    def work(session: Session) -> BatchView:
        row, view = _archive(session, desk, given)
        desk.log(
            session,
            "export:made",
            f"batch:{row.batch}",
            export="plastic_batch",
            count=row.count,
        )
        return view

    return desk.write(work)


@operation(
    "plastic.remove_batch",
    "Remove an archive that the bureau has printed from; that it was made stays known.",
    Role.ISSUING,
)
def remove_batch(desk: Desk, given: OneBatch) -> BatchView:
    """Remove a file with travellers' data, which nobody needs any more.

    Nothing makes it again: what the bureau spoils later is made as a new document.

    Raises:
        NotFound: As for `take_batch`.
    """

    def work(session: Session) -> BatchView:
        row, view = _archive(session, desk, given)
        desk.log(
            session, "plastic:archive_removed", f"batch:{row.batch}", count=row.count
        )
        return view

    view = desk.write(work)
    (desk.office.installation.bureau / f"{view.batch}.zip").unlink(missing_ok=True)
    return view.model_copy(update={"file": None})


def _archive(
    session: Session, desk: Desk, given: OneBatch
) -> tuple[PlasticBatch, BatchView]:
    row = session.get(PlasticBatch, given.batch)
    if row is None or row.economy != desk.economy:
        raise NotFound(f"there is no batch {given.batch}")
    view = _batch_view(session, desk, row)
    if view.file is None:
        raise NotFound(f"the file of batch {given.batch} is gone")
    return row, view


# What becomes of one document


class PlasticMoved(Answer):
    """Where a document is now."""

    credential: int
    card: int
    state: PlasticState
    made_again: CredentialIssued | None = None
    """The document that takes the place of a spoiled one."""
    not_made_again: str | None = None
    """Why there is none yet; `card.replace` makes it later."""


@operation(
    "plastic.hand_over",
    "Record that a document was handed to its holder.",
    Role.ISSUING,
)
def hand_over(desk: Desk, given: OnePlastic) -> PlasticMoved:
    """Record it.

    Raises:
        IllegalTransition: It was handed over or spoiled before.
        Conflict: ``plastic.ended``: take it back, it is not good any more.
    """

    def work(session: Session) -> PlasticMoved:
        credential = desk.find(session, Credential, given.credential)
        if credential.state not in LIVE:
            raise Conflict("plastic.ended", f"its credential is {credential.state}")
        return _move(session, desk, credential, "handed_over")

    return once(desk, given, PlasticMoved, work)


@operation(
    "plastic.spoil",
    "Record that a document was spoiled; another is made in its place.",
    Role.ISSUING,
)
def spoil(desk: Desk, given: OnePlastic) -> PlasticMoved:
    """Record it, and sign another under a number and a list entry of its own.

    The record stands also where the other cannot be signed.

    Raises:
        IllegalTransition: It was handed over or spoiled before.
    """

    def work(session: Session) -> PlasticMoved:
        credential = desk.find(session, Credential, given.credential)
        return _move(session, desk, credential, "spoiled")

    moved = once(desk, given, PlasticMoved, work)
    own = replace(desk, request_key=f"spoiled:{given.credential}")
    try:
        again = Replace(card=moved.card, why=ReplaceReason.DAMAGE)
        done = replace_plastic(own, again)
    except (Conflict, IllegalTransition, SigningError) as error:
        return moved.model_copy(update={"not_made_again": str(error)})
    return moved.model_copy(update={"made_again": done})


def _move(
    session: Session, desk: Desk, credential: Credential, event: str
) -> PlasticMoved:
    plastic = session.get(Plastic, credential.id)
    if plastic is None:
        raise NotFound(f"credential {credential.id} is no plastic document")
    before = plastic.state
    plastic.state, plastic.changed_at = _after(plastic, event), desk.now
    desk.log(
        session,
        f"plastic:{event}",
        f"card:{credential.card_id}",
        before=before,
        after=plastic.state,
        credential=credential.id,
    )
    return PlasticMoved(
        credential=credential.id, card=credential.card_id, state=plastic.state
    )


def _after(plastic: Plastic, event: str) -> PlasticState:
    before, after = _STEPS[event]
    if plastic.state not in before:
        raise IllegalTransition("plastic.not_now", f"{event} while {plastic.state}")
    return after
