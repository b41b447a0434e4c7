"""Sheets into the database: all of a sheet or nothing, each row once.

A sheet is checked whole first, against itself and against what is on file.  Only if
nothing is wrong its rows are saved, batch by batch.  The transaction of a batch also
moves the cursor of the import, so that one that was killed goes on behind its last
row, and two that go on at once cannot save a row twice.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from pydantic import Base64Bytes, Field
from sqlalchemy import select, true
from sqlalchemy.orm import Session

from issuer import answers, applications, receiving
from issuer.answers import Told
from issuer.errors import (
    Conflict,
    IllegalTransition,
    IntakeError,
    Invalid,
    SheetError,
)
from issuer.incoming import Event
from issuer.intake import kinds, sheet
from issuer.intake.duplicates import Grade, Identity, Known
from issuer.intake.fields import Application as Typed
from issuer.intake.fields import read_application, read_request
from issuer.intake.names import confirm
from issuer.intake.problem import Problem, ProblemCode
from issuer.intake.sheet import Column, Kind, Report, RowProblem
from issuer.office import Desk
from issuer.on_file import People
from issuer.operations import Answer, Request, operation
from issuer.passport_register import register
from issuer.preclearances import Limit, refuse_if
from issuer.receiving import Asked
from issuer.scheme import Scheme
from issuer.store import Application, ImportRun, ImportState, Role

MAX_CONTENT: Final = 16 * 2**20
"""Bytes of a sheet in a request; a larger one goes in on the command line."""
BATCH: Final = 500
"""Rows in one transaction."""
_Row = TypeVar("_Row")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_Progress = Callable[[int, int], None]
"""Told how many rows are done, and of how many; 0 where that is not known."""


def _silent(_done: int, _of: int) -> None:
    """Tell nobody."""


class SheetKind(StrEnum):
    """What the rows of a sheet are."""

    APPLICATIONS = "applications"
    """Applications to this economy, each entered as a draft."""
    REQUESTS = "requests"
    """Requests of economies that are hosted elsewhere."""
    ANSWERS = "answers"
    """What destinations that are hosted elsewhere answered."""
    PASSPORTS = "passports"
    """The economy's own register of its passports, or a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules(Generic[_Row]):
    """How rows of one kind are read, compared with what is on file, and saved."""

    roles: tuple[Role, ...]
    kind: Callable[[str, Scheme, datetime], Kind[_Row]]
    problems: Callable[[Session, Desk, Sequence[_Row], bool], list[Problem | None]]
    """What is wrong with each row; the last argument: look-alikes are confirmed."""
    save: Callable[[Session, Desk, Sequence[_Row]], object]
    identity: Callable[[_Row], Identity] | None = None
    """By what rows are compared with each other, where they are people of our own."""


# Checking


def check_sheet(
    desk: Desk, kind: SheetKind, path: Path, *, on_progress: _Progress = _silent
) -> Report:
    """Check a whole sheet against itself and against what is on file.

    Of applications the identities are kept in memory until it returns, about 2 KiB
    each.

    Args:
        desk: Who imports; its moment is the one under which rows are read.
        kind: What the sheet holds.
        path: The sheet; see `issuer.intake.sheet.check`.
        on_progress: Called every 500 rows.

    Raises:
        NotAllowed: The actor may not enter such rows.
        SheetError: The file cannot be read.
        StoreDown: The database does not answer.
    """
    rules = RULES[kind]
    desk.require(*rules.roles)
    people = People()

    def look_up(numbered: Sequence[tuple[int, Any]]) -> Iterator[RowProblem]:
        rows = [row for _, row in numbered]
        if rules.identity is not None:
            for line, row in numbered:
                yield from _near(people, line, rules.identity(row))
        found = desk.read(lambda session: rules.problems(session, desk, rows, False))
        yield from _placed([line for line, _ in numbered], found)

    return sheet.check(
        path,
        rules.kind(desk.economy, desk.read(desk.office.scheme), desk.now),
        look_up=look_up,
        on_progress=lambda rows: on_progress(rows, 0),
    )


def may_be_saved(report: Report, *, confirm_lookalikes: bool) -> bool:
    """Tell whether a sheet may go in, as an officer has judged who is alike."""
    return report.is_clean or (confirm_lookalikes and report.may_be_confirmed)


def _near(people: People, line: int, identity: Identity) -> Iterator[RowProblem]:
    """Compare a row with those before it; what is the same the sheet finds itself."""
    match = next(
        (each for each in people.matches(identity) if each.grade == Grade.NEAR), None
    )
    if match is not None:
        message = f"Line {match.reference} is nearly the same person."
        problem = Problem(field="row", code=ProblemCode.SHEET_NEAR, message=message)
        yield RowProblem(line=line, problem=problem, other_line=int(match.reference))
    people.add(Known(reference=str(line), identity=identity))


def _placed(
    lines: Iterable[int], found: Iterable[Problem | None]
) -> Iterator[RowProblem]:
    for line, problem in zip(lines, found, strict=True):
        if problem is not None:
            yield RowProblem(line=line, problem=problem)


# Saving


def begin(
    desk: Desk, kind: SheetKind, report: Report, *, confirm_lookalikes: bool
) -> int:
    """Open the import of a sheet that was checked; no row is saved yet.

    Args:
        desk: The one it was checked at: its moment is kept for the rows.
        kind: What the sheet holds.
        report: Of `check_sheet`.
        confirm_lookalikes: An officer says that who is alike are different people.

    Returns:
        The number of the import.

    Raises:
        Invalid: The sheet is not clean; every line at fault is named.
        Conflict: ``import.running`` or ``import.done``: the same sheet has been begun,
            by whomever; its number is in the message.
    """
    desk.require(*RULES[kind].roles)
    if not may_be_saved(report, confirm_lookalikes=confirm_lookalikes):
        raise _invalid(report.problems)

    def work(session: Session) -> int:
        known = find(session, desk, kind, report.fingerprint)
        if known is not None:
            raise Conflict(f"import.{known.state}", f"this sheet is import {known.id}")
        row = ImportRun(
            economy=desk.economy,
            kind=kind,
            fingerprint=report.fingerprint,
            at=desk.now,
            confirmed=confirm_lookalikes,
            rows=report.rows,
            state=ImportState.RUNNING,
            started_by=desk.actor.account_id,
            changed_at=desk.now,
        )
        session.add(row)
        session.flush()
        desk.log(
            session,
            "import:started",
            _subject(row),
            kind=kind,
            rows=row.rows,
            sha256=row.fingerprint,
            confirmed=confirm_lookalikes,
        )
        return row.id

    return desk.write(work)


def find(
    session: Session, desk: Desk, kind: SheetKind, fingerprint: str
) -> ImportRun | None:
    """Return the import of a sheet, if it was begun and not abandoned."""
    return session.scalars(
        select(ImportRun).where(
            ImportRun.economy == desk.economy,
            ImportRun.kind == kind,
            ImportRun.fingerprint == fingerprint,
            ImportRun.state != ImportState.ABANDONED,
        )
    ).one_or_none()


class ImportView(Answer):
    """The import of a sheet, and how far it is."""

    id: int
    kind: SheetKind
    state: ImportState
    rows: int
    saved: int
    last_line: int
    """The last line that is saved; 1 if none is."""
    fingerprint: str
    """SHA-256 of the sheet."""
    started_by: int
    started_at: datetime
    changed_at: datetime


def go_on(
    desk: Desk,
    number: int,
    path: Path,
    *,
    at_most: int | None = None,
    on_progress: _Progress = _silent,
) -> ImportView:
    """Save the rows of a sheet that are not saved yet.

    Killed at any moment, it goes on when it is called again: a row is saved once.

    Args:
        desk: Who goes on; need not be who began.
        number: Of the import.
        path: The same sheet.
        at_most: Save about so many rows now: whole batches of 500, or fewer.
        on_progress: Called after each batch.

    Raises:
        SheetError: The sheet is not the one that was checked.
        NotFound: There is no such import.
        NotAllowed: The actor may not enter such rows.
        Conflict: ``import.not_running``; ``import.elsewhere``: another process goes on
            with it at this moment.
        Invalid: Rows have become wrong since they were checked, as somebody else has
            entered the same; their batch and what follows is not saved.
    """
    view = desk.read(lambda session: _view(desk.find(session, ImportRun, number)))
    rules = RULES[view.kind]
    desk.require(*rules.roles)
    _check_running(view.state)
    scheme = desk.read(desk.office.scheme)
    size = BATCH if at_most is None else min(BATCH, at_most)
    before, wanted = view.saved, at_most
    for batch in sheet.batches(
        path,
        rules.kind(desk.economy, scheme, view.started_at),
        expected_fingerprint=view.fingerprint,
        after_line=view.last_line,
        size=size,
    ):
        view = _save(desk, rules, batch, number, view.last_line)
        on_progress(view.saved, view.rows)
        if wanted is not None and view.saved - before >= wanted:
            break
    if view.state == ImportState.DONE:
        desk.office.store.analyze()
    return view


def _save(
    desk: Desk, rules: _Rules[Any], batch: sheet.Batch[Any], number: int, after: int
) -> ImportView:
    def work(session: Session) -> ImportView:
        row = desk.find(session, ImportRun, number)
        _check_running(row.state)
        refuse_if(
            row.last_line != after,
            "import.elsewhere",
            "another process goes on with this import",
        )
        found = rules.problems(session, desk, batch.rows, row.confirmed)
        if any(found):
            raise _invalid(_placed(batch.lines, found))
        rules.save(session, desk, batch.rows)
        row.last_line, row.changed_at = batch.last_line, desk.now
        row.saved += len(batch.rows)
        if row.saved == row.rows:
            row.state = ImportState.DONE
            desk.log(
                session,
                "import:done",
                _subject(row),
                kind=row.kind,
                rows=row.rows,
                sha256=row.fingerprint,
            )
        return _view(row)

    return desk.write(work)


def _check_running(state: ImportState) -> None:
    refuse_if(state != ImportState.RUNNING, "import.not_running", f"it is {state}")


def _view(row: ImportRun) -> ImportView:
    return ImportView(
        id=row.id,
        kind=SheetKind(row.kind),
        state=row.state,
        rows=row.rows,
        saved=row.saved,
        last_line=row.last_line,
        fingerprint=row.fingerprint,
        started_by=row.started_by,
        started_at=row.at,
        changed_at=row.changed_at,
    )


def _subject(row: ImportRun) -> str:
    return f"import:{row.id}"


def _invalid(problems: Iterable[RowProblem]) -> Invalid:
    return Invalid(
        (
            f"line {each.line}.{each.problem.field}",
            each.problem.code,
            f"{each.problem.message} {each.problem.fix}",
        )
        for each in problems
    )


# Applications


def _application_kind(economy: str, scheme: Scheme, at: datetime) -> Kind[Typed]:
    def read(cells: Mapping[str, str]) -> Typed:
        typed = read_application(cells, economy=economy, scheme=scheme, at=at)
        is_shown = cells.get("machine_family_name") or cells.get("passport_mrz")
        # Whoever typed what the passport shows has looked, as an officer does.
        if typed.names.needs_confirmation and not is_shown:
            raise IntakeError((_UNCONFIRMED,))
        confirm(typed.names)
        return typed

    return replace(kinds.applications(economy=economy, scheme=scheme, at=at), read=read)


_UNCONFIRMED: Final = Problem(
    field="machine_family_name",
    code=ProblemCode.NAME_UNCONFIRMED,
    message="The names for the card cannot be told from these names alone.",
)


def _application_entry(typed: Typed, *, confirmed: bool) -> applications.Entry:
    others = None if confirmed else frozenset[int]()
    return applications.Entry(typed=typed, names_confirmed=True, others=others)


def _application_problems(
    session: Session, desk: Desk, rows: Sequence[Typed], confirmed: bool
) -> list[Problem | None]:
    # Who is alike can be confirmed, but nobody has another person's passport.
    entries = [_application_entry(each, confirmed=True) for each in rows]
    found = applications.on_file(session, desk.economy, entries)
    owners = {each.person_id for each in found.passports.values()}
    waiting = session.execute(
        select(Application.person_id, Application.number).where(
            Application.person_id.in_(owners),
            Application.state.in_(applications.UNDECIDED),
        )
    )
    undecided: dict[int, str] = {row[0]: row[1] for row in waiting}
    problems: list[Problem | None] = []
    for typed, entry in zip(rows, entries, strict=True):
        passport = found.passports.get((typed.passport.country, typed.passport.number))
        refused = applications.refusal(entry, found)
        if passport is not None and passport.person_id in undecided:
            number = undecided[passport.person_id]
            text = f"Application {number} with this passport is not decided yet."
            problems.append(
                Problem(field="row", code=ProblemCode.FILE_OPEN, message=text)
            )
        elif refused is None and not confirmed:
            suspect = _application_entry(typed, confirmed=False)
            problems.append(_told(applications.refusal(suspect, found)))
        else:
            problems.append(_told(refused))
    return problems


def _save_applications(session: Session, desk: Desk, rows: Sequence[Typed]) -> None:
    # Whoever is alike was confirmed, or is not there: `_save` has looked.
    entries = [_application_entry(each, confirmed=True) for each in rows]
    applications.enter_all(session, desk, entries)


# Requests


def _request_kind(economy: str, scheme: Scheme, at: datetime) -> Kind[Asked]:
    base = kinds.requests(destination=economy, scheme=scheme, at=at)

    def read(cells: Mapping[str, str]) -> Asked:
        problems: list[Problem] = []
        applied_on = _day(cells, "applied_on", problems, is_required=True)
        last_day = _day(cells, "card_last_day", problems, is_required=False)
        own = {"applied_on", "card_last_day"}
        rest = {name: cell for name, cell in cells.items() if name not in own}
        try:
            typed = read_request(rest, destination=economy, scheme=scheme, at=at)
            confirm(typed.application.names)  # its issuer has seen the passport
        except IntakeError as error:
            raise IntakeError((*error.problems, *problems)) from error
        if problems or applied_on is None:
            raise IntakeError(tuple(problems))
        return Asked(
            typed=typed, applied_on=applied_on, card_expires_at=_end_of(last_day)
        )

    return Kind(
        name=base.name,
        columns=(
            *base.columns,
            Column(name="applied_on", example="2026-01-15"),
            Column(name="card_last_day", example="", required=False),
        ),
        read=read,
        keys=lambda row: base.keys(row.typed),
    )


def _day(
    cells: Mapping[str, str], name: str, problems: list[Problem], *, is_required: bool
) -> date | None:
    text = cells.get(name, "")
    if text:
        try:
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass  # told below, as every other date that is none
        message = "This is no date."
        problems.append(Problem(field=name, code=ProblemCode.DATE, message=message))
    elif is_required:
        message = "The field is empty."
        problems.append(Problem(field=name, code=ProblemCode.MISSING, message=message))
    return None


def _end_of(day: date | None) -> datetime | None:
    if day is None or day == date.max:
        return None
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=UTC)


def _request_problems(
    session: Session, desk: Desk, rows: Sequence[Asked], _: bool
) -> list[Problem | None]:
    book = receiving.read_book(session, desk, rows)
    return [_told(receiving.refusal(desk, each, book)) for each in rows]


# Answers


_ANSWER_COLUMNS: Final = (
    Column(name="destination", example="JPN"),
    Column(name="reference", example="card-17"),
    Column(name="event", example="approve"),
)


def _answer_kind(economy: str, scheme: Scheme, at: datetime) -> Kind[Told]:
    """Make the kind; what an answer says is the same at any moment."""
    del economy, at

    def read(cells: Mapping[str, str]) -> Told:
        problems = [
            Problem(field=column.name, code=ProblemCode.MISSING,
                    message="The field is empty.")
            for column in _ANSWER_COLUMNS
            if not cells[column.name]
        ]  # fmt: skip
        if cells["destination"] not in scheme.economies:
            message = "This is no economy of the scheme."
            code = ProblemCode.CODE
            problems.append(Problem(field="destination", code=code, message=message))
        if cells["event"] not in set(Event):
            message = "A destination decides nothing of that name."
            code = ProblemCode.ANSWER_EVENT
            problems.append(Problem(field="event", code=code, message=message))
        if problems:
            raise IntakeError(tuple(problems))
        return Told(
            destination=cells["destination"],
            reference=cells["reference"],
            event=Event(cells["event"]),
        )

    return Kind(
        name="answers",
        columns=_ANSWER_COLUMNS,
        read=read,
        keys=lambda row: (
            (ProblemCode.SHEET_SAME_REFERENCE, f"{row.destination}\0{row.reference}"),
        ),
    )


def _answer_problems(
    session: Session, desk: Desk, rows: Sequence[Told], _: bool
) -> list[Problem | None]:
    asked = answers.read_questions(session, desk, rows)
    return [_told(answers.refusal(each, asked)) for each in rows]


def _save_answers(session: Session, desk: Desk, rows: Sequence[Told]) -> None:
    answers.record_all(session, desk, rows, note="from a sheet")


_CODES: Final = MappingProxyType(
    {
        "application.duplicate": ProblemCode.FILE_LOOK_ALIKE,
        "passport.other_person": ProblemCode.FILE_PASSPORT,
        "incoming.hosted_here": ProblemCode.REQUEST_HOSTED,
        "incoming.not_possible": ProblemCode.REQUEST_NOT_POSSIBLE,
        "incoming.reference_reused": ProblemCode.REQUEST_REFERENCE,
        "incoming.passport_reused": ProblemCode.REQUEST_PASSPORT,
        "preclearance.hosted_here": ProblemCode.ANSWER_HOSTED,
        "preclearance.not_asked": ProblemCode.ANSWER_NOT_ASKED,
    }
)
"""What a refusal of one record is called in a sheet."""


def _told(refused: Conflict | IllegalTransition | None) -> Problem | None:
    match refused:
        case None:
            return None
        case IllegalTransition():
            text = f"It is in no state for this ({refused.reason})."
            return Problem(field="event", code=ProblemCode.ANSWER_STATE, message=text)
        case Conflict():
            text = f"{refused.detail[0].upper()}{refused.detail[1:]}."
            return Problem(field="row", code=_CODES[refused.code], message=text)


RULES: Final[Mapping[SheetKind, _Rules[Any]]] = MappingProxyType(
    {
        SheetKind.APPLICATIONS: _Rules(
            roles=(Role.INTAKE,),
            kind=_application_kind,
            problems=_application_problems,
            save=_save_applications,
            identity=Identity.of,
        ),
        SheetKind.REQUESTS: _Rules(
            roles=(Role.PRECLEARANCE,),
            kind=_request_kind,
            problems=_request_problems,
            save=receiving.receive_all,
        ),
        SheetKind.ANSWERS: _Rules(
            roles=(Role.VETTING, Role.ISSUING),
            kind=_answer_kind,
            problems=_answer_problems,
            save=_save_answers,
        ),
        SheetKind.PASSPORTS: _Rules(
            roles=register.KEEPERS,
            kind=register.sheet_kind,
            problems=register.row_problems,
            save=register.save_rows,
        ),
    }
)

# Operations

_IMPORTERS: Final = (Role.INTAKE, Role.PRECLEARANCE, Role.VETTING, Role.ISSUING)


class Check(Request):
    """A sheet to be checked."""

    kind: SheetKind = Field(description="What its rows are.")
    content: Base64Bytes = Field(description="The CSV file in base64; at most 16 MiB.")


class Start(Check):
    """A sheet to be imported."""

    confirm_lookalikes: bool = Field(
        default=False, description="Who is alike was compared: they are other people."
    )
    at_most: int | None = Field(
        None, ge=1, description="Save about so many rows now, the rest by resuming."
    )


class Resume(Request):
    """An import to go on with."""

    id: int = Field(description="Number of the import.")
    content: Base64Bytes = Field(description="The same file in base64.")
    at_most: int | None = Field(
        None, ge=1, description="Save about so many rows now, the rest by resuming."
    )


class RowFault(Answer):
    """One fault of a sheet."""

    line: int
    """Where the row begins; the header is 1."""
    column: str
    """Or ``row``, or ``file``."""
    code: str
    message: str
    fix: str
    other_line: int | None
    """The earlier line, where two are the same."""


class Checked(Answer):
    """What is wrong with a sheet."""

    rows: int
    """Without a fault of their own."""
    is_clean: bool
    may_be_confirmed: bool
    """Nothing is wrong but that people are alike."""
    faults: tuple[RowFault, ...]
    more: int
    """Further faults, counted only."""
    fingerprint: str


def checked(report: Report) -> Checked:
    """Tell what a check found."""
    return Checked(
        rows=report.rows,
        is_clean=report.is_clean,
        may_be_confirmed=report.may_be_confirmed,
        faults=tuple(
            RowFault(
                line=each.line,
                column=each.problem.field,
                code=each.problem.code,
                message=each.problem.message,
                fix=each.problem.fix,
                other_line=each.other_line,
            )
            for each in report.problems
        ),
        more=report.more,
        fingerprint=report.fingerprint,
    )


@operation(
    "import.check",
    "Check a sheet against itself and against what is on file; nothing is saved.",
    *_IMPORTERS,
    changes=False,
)
def check(desk: Desk, given: Check) -> Checked:
    """Check a sheet."""
    with _kept(given.content) as path:
        return checked(check_sheet(desk, given.kind, path))


@operation(
    "import.start",
    "Import a sheet: every row, or none if anything is wrong with one of them.",
    *_IMPORTERS,
)
def start(desk: Desk, given: Start) -> ImportView:
    """Check a sheet, and save it.

    Raises:
        Invalid, Conflict, NotAllowed: As for `begin` and `go_on`.
    """
    with _kept(given.content) as path:
        report = check_sheet(desk, given.kind, path)
        number = begin(
            desk, given.kind, report, confirm_lookalikes=given.confirm_lookalikes
        )
        return go_on(desk, number, path, at_most=given.at_most)


@operation(
    "import.resume",
    "Go on with an import that was interrupted, with the same sheet.",
    *_IMPORTERS,
)
def resume(desk: Desk, given: Resume) -> ImportView:
    """Go on; see `go_on`."""
    with _kept(given.content) as path:
        try:
            return go_on(desk, given.id, path, at_most=given.at_most)
        except SheetError as error:
            raise Invalid(
                [("content", "sheet.other", f"It {error.reason}.")]
            ) from error


@contextmanager
def _kept(content: bytes) -> Iterator[Path]:
    """Put a sheet where it can be read twice; gone afterwards, and nobody else's."""
    if len(content) > MAX_CONTENT:
        text = "the sheet is larger than 16 MiB; import it on the command line"
        raise Invalid([("content", "too_large", text)])
    with tempfile.NamedTemporaryFile(prefix="abtc-", suffix=".csv") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


class OneImport(Request):
    """Which import."""

    id: int = Field(description="Number of the import.")


@operation(
    "import.abandon",
    "Give an import up that was interrupted; what it saved stays.",
    *_IMPORTERS,
)
def abandon(desk: Desk, given: OneImport) -> ImportView:
    """Give up, so that a corrected sheet with the rest can be imported instead."""

    def work(session: Session) -> ImportView:
        row = desk.find(session, ImportRun, given.id)
        desk.require(*RULES[SheetKind(row.kind)].roles)
        _check_running(row.state)
        row.state, row.changed_at = ImportState.ABANDONED, desk.now
        desk.log(
            session,
            "import:abandoned",
            _subject(row),
            kind=row.kind,
            rows=row.rows,
            saved=row.saved,
            sha256=row.fingerprint,
        )
        return _view(row)

    return desk.write(work)


class ListImports(Request):
    """Which imports to list."""

    state: ImportState | None = Field(None, description="Only those in this state.")
    after: int | None = Field(None, description="Go on behind this one.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class Imports(Answer):
    """A page of imports, the latest first."""

    imports: tuple[ImportView, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "import.list",
    "List imports, the latest first.",
    *_IMPORTERS,
    Role.AUDIT,
    changes=False,
)
def list_imports(desk: Desk, given: ListImports) -> Imports:
    """List this economy's imports."""

    def work(session: Session) -> Imports:
        rows = session.scalars(
            select(ImportRun)
            .where(
                ImportRun.economy == desk.economy,
                ImportRun.state == given.state if given.state else true(),
                ImportRun.id < given.after if given.after is not None else true(),
            )
            .order_by(ImportRun.id.desc())
            .limit(given.limit + 1)
        ).all()
        shown = tuple(map(_view, rows[: given.limit]))
        more = len(rows) > given.limit
        return Imports(imports=shown, after=shown[-1].id if more else None)

    return desk.read(work)


class WhichTemplate(Request):
    """Which sheet."""

    kind: SheetKind = Field(description="What its rows are.")


class Template(Answer):
    """A sheet with the header and one example, to be filled in."""

    name: str
    """Of the file."""
    text: str
    """CSV, with a byte order mark, for spreadsheet programs."""


@operation(
    "import.template",
    "Get an empty sheet of a kind, with one example line.",
    *_IMPORTERS,
    changes=False,
)
def template(desk: Desk, given: WhichTemplate) -> Template:
    """Return a template."""
    scheme = desk.read(desk.office.scheme)
    made = sheet.template(RULES[given.kind].kind(desk.economy, scheme, desk.now))
    return Template(name=f"{given.kind}.csv", text=made.decode())


def running(desk: Desk, kind: SheetKind, path: Path) -> ImportView | None:
    """Return the import of a sheet that was begun before, whatever its state.

    Raises:
        SheetError: The file cannot be read.
    """
    fingerprint = sheet.fingerprint(path)
    row = desk.read(lambda session: find(session, desk, kind, fingerprint))
    return _view(row) if row else None
