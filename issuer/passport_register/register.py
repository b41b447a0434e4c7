"""The register: filled by sheets, changed one by one, counted; never listed.

What it says of one passport at a time is decided here, by the number as it is.  A
number that merely looks like one of the register is never VALID.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from pydantic import Field
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from issuer.card_passports import HowReported, report_link
from issuer.errors import Conflict, IntakeError, Invalid
from issuer.installation import PassportRegister
from issuer.intake.problem import Problem, ProblemCode
from issuer.intake.sheet import Column, Kind
from issuer.lifecycle import PassportLink as LinkState
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.scheme import Scheme
from issuer.store import (
    Card,
    ImportRun,
    ImportState,
    Passport,
    PassportLink,
    RegisteredPassport,
    RegisterState,
    Role,
)
from issuer.store.rows import table_of
from verifier import PassportQuestion, PassportStatus

KEEPERS: Final = (Role.ISSUING,)
"""Who keeps the register: persons, or the program of the passport authority."""
SHEET: Final = "passports"
"""The kind of sheet that fills the register."""
_NUMBER: Final = r"^[A-Z0-9]{1,22}$"
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST_BIRTHDATE: Final = date(1900, 1, 1)
_DAY: Final = timedelta(days=1)
_ALIKE: Final = str.maketrans("OQDILZSGBVA", "000112568U4")
"""What is taken for each other in print, made one."""
_REPORTED: Final[Mapping[RegisterState, HowReported]] = {
    RegisterState.LOST: HowReported.LOST,
    RegisterState.STOLEN: HowReported.STOLEN,
    RegisterState.INVALID: HowReported.CANCELLED,
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One passport, as a sheet or an operation has it."""

    country: str
    number: str
    state: RegisterState
    birthdate: date | None
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the register says of a passport, and by which entry."""

    status: PassportStatus
    entry: int | None = None
    """With a hit, its identity."""


def look_alike(number: str) -> str:
    """Return a number with the characters that are taken for each other made one.

    >>> look_alike("PA12O4567") == look_alike("PA1204567")
    True
    """
    return number.translate(_ALIKE)


def settings_of(desk: Desk) -> PassportRegister:
    """Return how an economy keeps its register.

    Raises:
        Conflict: ``passports.not_joined``: its installation has no such settings.
    """
    found = desk.office.installation.passports.get(desk.economy)
    if found is None:
        raise Conflict(
            "passports.not_joined",
            f"office.toml has no [passports.{desk.economy}]: joining is optional",
        )
    return found


def own_codes(economy: str, settings: PassportRegister) -> frozenset[str]:
    """Return the codes in passports that an economy issues."""
    return frozenset(settings.countries or (economy,))


def standings(
    session: Session,
    economy: str,
    questions: Sequence[PassportQuestion],
    *,
    is_complete: bool,
    now: datetime,
) -> list[Standing]:
    """Say what the register holds about passports, each by itself.

    Args:
        session: Reading.
        economy: Whose register.
        questions: What is asked.
        is_complete: Every passport in force is in the register, by its keeper's word:
            only then is one that is not there NOT_RECOGNISED.
        now: The moment; timezone-aware.

    Returns:
        In the order of ``questions``.  What is reported comes first, then what differs.
        A day's grace is left to a passport that ends, since the day ends elsewhere at
        another time.
    """
    named = {
        "of": economy,
        "codes": list({each.country for each in questions}),
        "numbers": list({each.number for each in questions}),
    }
    rows = session.connection().execute(_BY_NUMBER, named)
    kept = {(country, number): _Kept(*row) for country, number, *row in rows}

    def said(question: PassportQuestion) -> Standing:
        row = kept.get((question.country, question.number))
        if row is None:
            return Standing(_unknown(session, economy, question, is_complete))
        return _said(row, question, now)

    return [said(each) for each in questions]


class _Kept(NamedTuple):
    """What an entry says, as far as an answer needs it."""

    id: int
    state: RegisterState
    birthdate: date | None
    expires_on: date | None


_ENTRY: Final = table_of(RegisteredPassport).c
_BY_NUMBER: Final = select(
    _ENTRY.country, _ENTRY.number, *(_ENTRY[name] for name in _Kept._fields)
).where(
    _ENTRY.economy == bindparam("of"),
    _ENTRY.country.in_(bindparam("codes", expanding=True)),
    _ENTRY.number.in_(bindparam("numbers", expanding=True)),
)
"""Made once, of columns: every question asks it."""


def _said(row: _Kept, question: PassportQuestion, now: datetime) -> Standing:
    if row.state != RegisterState.VALID:
        return Standing(PassportStatus(row.state.upper()), row.id)
    if _differs(row, question):
        return Standing(PassportStatus.DATA_MISMATCH)
    if row.expires_on is not None and row.expires_on + _DAY < now.date():
        return Standing(PassportStatus.INVALID, row.id)
    return Standing(PassportStatus.VALID)


def _unknown(
    session: Session, economy: str, question: PassportQuestion, is_complete: bool
) -> PassportStatus:
    if _has_look_alike(session, economy, question):
        return PassportStatus.DATA_MISMATCH
    if not is_complete or _is_filling(session, economy):
        return PassportStatus.NO_ANSWER
    return PassportStatus.NOT_RECOGNISED


def _has_look_alike(session: Session, economy: str, question: PassportQuestion) -> bool:
    """Tell whether a letter may have been mistyped: number alike, all else the same."""
    if question.birthdate is None or question.expires_on is None:
        return False
    rows = session.execute(
        select(*(_ENTRY[name] for name in _Kept._fields)).where(
            _ENTRY.economy == economy,
            _ENTRY.country == question.country,
            _ENTRY.folded == look_alike(question.number),
        )
    )
    return any(
        row.birthdate and row.expires_on and not _differs(row, question)
        for row in map(_Kept._make, rows)
    )


def _is_filling(session: Session, economy: str) -> bool:
    """Tell whether a sheet is on its way in: what is missing may still come."""
    query = select(ImportRun.id).where(
        ImportRun.economy == economy,
        ImportRun.kind == SHEET,
        ImportRun.state == ImportState.RUNNING,
    )
    return session.scalars(query.limit(1)).first() is not None


def _differs(row: _Kept, question: PassportQuestion) -> bool:
    """Tell whether both know something, and it is not the same."""
    is_other_end = (
        None not in (row.expires_on, question.expires_on)
        and row.expires_on != question.expires_on
    )
    return is_other_end or not _may_be_born(row.birthdate, question.birthdate)


def _may_be_born(kept: date | None, printed: str | None) -> bool:
    if kept is None or printed is None:
        return True
    return all(
        known in ("<", digit)
        for known, digit in zip(printed, f"{kept:%y%m%d}", strict=True)
    )


# Changing it


class SetPassport(Request):
    """What the register shall say of one passport of this economy."""

    country: str | None = Field(
        None,
        pattern=r"^[A-Z]{3}$",
        description="Code in the passport; absent: that of this economy.",
    )
    number: str = Field(
        pattern=_NUMBER, description="1 to 22 capital letters and digits."
    )
    state: RegisterState = Field(description="What is known of it.")
    birthdate: date | None = Field(None, description="Of its holder, YYYY-MM-DD.")
    expires_on: date | None = Field(None, description="Its last day, YYYY-MM-DD.")


class PassportSet(Answer):
    """What changed."""

    was_known: bool
    """It was in the register before."""
    cards_stopped: int
    """Cards of this economy that go with it, and cannot be used until relinked."""


class NoChoice(Request):
    """Nothing to choose."""


class RegisterCounts(Answer):
    """How many passports the register holds, by what it says of them."""

    passports: int
    by_state: dict[RegisterState, int]
    is_filling: bool
    """A sheet is on its way in: what is not there is not called unknown yet."""


@operation(
    "passport.set",
    "Say in the register what became of one passport of this economy.",
    *KEEPERS,
)
def set_passport(desk: Desk, given: SetPassport) -> PassportSet:
    """Change one entry, or add it; what is left out stays as it was.

    A passport that is lost, stolen or invalid stops the card of this economy that goes
    with it, until another passport is linked.

    Raises:
        Conflict: ``passports.not_joined``.
        Invalid: Others issue passports of that code, or the dates cannot be.
    """
    entry = Entry(
        country=given.country or desk.economy,
        number=given.number,
        state=given.state,
        birthdate=given.birthdate,
        expires_on=given.expires_on,
    )
    _check(desk, entry)

    def work(session: Session) -> PassportSet:
        known = _find(session, desk.economy, entry)
        before = known.state if known else None
        whole = entry if known is None else _filled(entry, known)
        keep_all(session, desk, [whole])
        row = _find(session, desk.economy, entry)
        desk.log(
            session,
            "passport:set",
            f"registered_passport:{row.id if row else 0}",
            before=before,
            after=entry.state,
        )
        return PassportSet(
            was_known=known is not None,
            cards_stopped=stop_cards(session, desk, [whole]),
        )

    return once(desk, given, PassportSet, work)


@operation(
    "passport.count",
    "Count the passports of the register, by what it says of them.",
    *KEEPERS,
    Role.AUDIT,
    changes=False,
)
def count(desk: Desk, given: NoChoice) -> RegisterCounts:
    """Count; there is no operation that lists.

    Raises:
        Conflict: ``passports.not_joined``.
    """
    del given
    settings_of(desk)

    def work(session: Session) -> RegisterCounts:
        rows = session.execute(
            select(RegisteredPassport.state, func.count())
            .where(RegisteredPassport.economy == desk.economy)
            .group_by(RegisteredPassport.state)
        )
        found = dict.fromkeys(RegisterState, 0) | {row[0]: row[1] for row in rows}
        return RegisterCounts(
            passports=sum(found.values()),
            by_state=found,
            is_filling=_is_filling(session, desk.economy),
        )

    return desk.read(work)


def _check(desk: Desk, entry: Entry) -> None:
    problem = refusal(desk, entry)
    if problem is not None:
        raise Invalid([(problem.field, problem.code, problem.message)])


def refusal(desk: Desk, entry: Entry) -> Problem | None:
    """Say why this economy's register cannot hold an entry; None if it can.

    Raises:
        Conflict: ``passports.not_joined``.
    """
    if entry.country not in own_codes(desk.economy, settings_of(desk)):
        message = "Others issue passports of this code."
        return Problem(field="country", code=ProblemCode.CODE, message=message)
    if entry.birthdate and entry.birthdate > desk.now.date() + _DAY:
        message = "The birth date is in the future."
        return Problem(
            field="birthdate", code=ProblemCode.BIRTH_FUTURE, message=message
        )
    if entry.birthdate and entry.birthdate < _FIRST_BIRTHDATE:
        message = "The birth date is before 1900."
        return Problem(
            field="birthdate", code=ProblemCode.BIRTH_TOO_OLD, message=message
        )
    return None


def _find(session: Session, economy: str, entry: Entry) -> RegisteredPassport | None:
    return session.scalars(
        select(RegisteredPassport)
        .where(
            RegisteredPassport.economy == economy,
            RegisteredPassport.country == entry.country,
            RegisteredPassport.number == entry.number,
        )
        .execution_options(populate_existing=True)
    ).one_or_none()


def _filled(entry: Entry, known: RegisteredPassport) -> Entry:
    return Entry(
        country=entry.country,
        number=entry.number,
        state=entry.state,
        birthdate=entry.birthdate or known.birthdate,
        expires_on=entry.expires_on or known.expires_on,
    )


def keep_all(session: Session, desk: Desk, entries: Sequence[Entry]) -> None:
    """Write entries over those of the same number.

    Args:
        session: Of the desk's transaction.
        desk: Whose register.
        entries: No two of one passport; checked by `refusal`.
    """
    rows = [
        {
            "economy": desk.economy,
            "country": each.country,
            "number": each.number,
            "folded": look_alike(each.number),
            "birthdate": each.birthdate,
            "expires_on": each.expires_on,
            "state": each.state,
            "changed_at": desk.now,
        }
        for each in entries
    ]
    table = table_of(RegisteredPassport)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = (sqlite if is_sqlite else postgresql).insert(table)
    changed = ("birthdate", "expires_on", "state", "changed_at")
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["economy", "country", "number"],
            set_={name: insert.excluded[name] for name in changed},
        ),
        rows,
    )


def stop_cards(session: Session, desk: Desk, entries: Sequence[Entry]) -> int:
    """Stop the cards of this economy that go with what is reported; count them.

    Cards of other economies are not looked at, also where they are hosted here: their
    officers ask the register like anybody else.
    """
    reported = {
        (each.country, each.number): _REPORTED[each.state]
        for each in entries
        if each.state in _REPORTED
    }
    if not reported:
        return 0
    rows = session.execute(
        select(Card, PassportLink, Passport.issuer, Passport.number)
        .join(PassportLink, PassportLink.card_id == Card.id)
        .join(Passport, Passport.id == PassportLink.passport_id)
        .where(
            Card.economy == desk.economy,
            Card.told_to.is_(None),
            PassportLink.state == LinkState.LINKED,
            Passport.number.in_({number for _, number in reported}),
        )
    ).all()
    found = [
        (card, link, reported[issuer, number])
        for card, link, issuer, number in rows
        if (issuer, number) in reported
    ]
    for card, link, how in found:
        report_link(session, desk, card, link, how)
    return len(found)


# Sheets

_COLUMNS: Final = (
    Column(name="number", example="L898902C3"),
    Column(name="state", example="valid"),
    Column(name="birthdate", example="1984-08-12", required=False),
    Column(name="expires_on", example="2035-04-15", required=False),
    Column(name="country", example="", required=False),
)


def sheet_kind(economy: str, scheme: Scheme, at: datetime) -> Kind[Entry]:
    """Return what a sheet of the register looks like.

    Args:
        economy: Whose register; its own code where a row has none.
        scheme: Not needed: a register knows nothing of the scheme's rules.
        at: Neither: what a row says is the same at any moment.
    """
    del scheme, at

    def read(cells: Mapping[str, str]) -> Entry:
        faults: list[Problem] = []

        def cell(name: str, parse: Callable[[str], _T], otherwise: _T) -> _T:
            try:
                return parse(cells.get(name, ""))
            except IntakeError as error:
                faults.extend(error.problems)
                return otherwise

        entry = Entry(
            country=cells.get("country") or economy,
            number=cell("number", read_number, ""),
            state=cell("state", _state, RegisterState.INVALID),
            birthdate=cell("birthdate", read_day("birthdate"), None),
            expires_on=cell("expires_on", read_day("expires_on"), None),
        )
        if faults:
            raise IntakeError(tuple(faults))
        return entry

    return Kind(name=SHEET, columns=_COLUMNS, read=read, keys=_keys)


def _keys(entry: Entry) -> Sequence[tuple[ProblemCode, str]]:
    return ((ProblemCode.SHEET_SAME_PASSPORT, f"{entry.country}\0{entry.number}"),)


def row_problems(
    session: Session, desk: Desk, rows: Sequence[Entry], confirmed: bool
) -> list[Problem | None]:
    """Return what is wrong with each row, beside its form."""
    del session, confirmed
    return [refusal(desk, each) for each in rows]


def save_rows(session: Session, desk: Desk, rows: Sequence[Entry]) -> None:
    """Save rows of a sheet, and stop the cards of what is reported."""
    keep_all(session, desk, rows)
    stop_cards(session, desk, rows)


def read_number(text: str) -> str:
    """Read the cell of a passport's number; raises `IntakeError`."""
    if not text:
        raise _fault("number", ProblemCode.MISSING, "The field is empty.")
    if not re.fullmatch(_NUMBER, text):
        message = "The number is not 1 to 22 capital letters and digits without spaces."
        raise _fault("number", ProblemCode.PASSPORT_NUMBER, message)
    return text


def _state(text: str) -> RegisterState:
    try:
        return RegisterState(text)
    except ValueError as error:
        words = ", ".join(RegisterState)
        message = f"This is none of {words}."
        raise _fault("state", ProblemCode.REGISTER_STATE, message) from error


def read_day(column: str) -> Callable[[str], date | None]:
    """Return what reads a cell of a day, which may be empty; raises `IntakeError`."""

    def read(text: str) -> date | None:
        if not text:
            return None
        try:
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass  # told below, as every other date that is none
        raise _fault(column, ProblemCode.DATE, "This is no date.")

    return read


def _fault(column: str, code: ProblemCode, message: str) -> IntakeError:
    return IntakeError((Problem(field=column, code=code, message=message),))
