"""Sheets of passports to ask about, and of what was answered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar, cast

from issuer.errors import IntakeError
from issuer.intake import sheet
from issuer.intake.problem import Problem, ProblemCode
from issuer.intake.sheet import Column, Kind, Report
from issuer.office import Desk
from issuer.operations import all_operations
from issuer.passport_register.checking import (
    CheckPassport,
    CheckPassports,
    PassportChecked,
    PassportsChecked,
)
from issuer.passport_register.register import read_day, read_number
from verifier import PassportQuestion

RESULT: Final = (
    "line", "country", "number", "status", "owner", "answered_at", "reference",
    "contact", "no_answer",
)  # fmt: skip
"""Columns of a sheet of answers."""
_CODE: Final = 3
_T = TypeVar("_T")


def _read(cells: Mapping[str, str]) -> CheckPassport:
    faults: list[Problem] = []

    def cell(name: str, parse: Callable[[str], _T], otherwise: _T) -> _T:
        try:
            return parse(cells.get(name, ""))
        except IntakeError as error:
            faults.extend(error.problems)
            return otherwise

    found = CheckPassport(
        country=cell("country", _code, "AAA"),
        number=cell("number", read_number, "0"),
        birthdate=cell("birthdate", read_day("birthdate"), None),
        expires_on=cell("expires_on", read_day("expires_on"), None),
    )
    if faults:
        raise IntakeError(tuple(faults))
    return found


def _code(text: str) -> str:
    if len(text) == _CODE and text.isascii() and text.isalpha() and text.isupper():
        return text
    message = "This is no code of three capital letters, as in the passport."
    problem = Problem(field="country", code=ProblemCode.CODE, message=message)
    raise IntakeError((problem,))


KIND: Final = Kind(
    name="passports to ask about",
    columns=(
        Column(name="country", example="SGP"),
        Column(name="number", example="E1234567K"),
        Column(name="birthdate", example="1984-08-12", required=False),
        Column(name="expires_on", example="2035-04-15", required=False),
    ),
    read=_read,
)
"""What a sheet of passports looks like; the same passport may be in it twice."""


def answered(
    desk: Desk, path: Path, report: Report, *, clock: Callable[[], datetime]
) -> Iterator[tuple[int, CheckPassport, PassportChecked]]:
    """Ask about the passports of a sheet, 500 at a time.

    Args:
        desk: Of an officer who may ask.
        path: The sheet.
        report: Of `issuer.intake.sheet.check`, clean.
        clock: Returns the moment of each question: a long sheet takes minutes, and a
            question is good for five.

    Yields:
        Line, passport and what was answered, in the order of the sheet.

    Raises:
        SheetError: The sheet is another by now.
        NotAllowed, Conflict: As for ``passport.check_list``.
    """
    ask = all_operations()["passport.check_list"]
    for batch in sheet.batches(
        path,
        KIND,
        expected_fingerprint=report.fingerprint,
        size=PassportQuestion.MOST,
    ):
        given = CheckPassports(passports=batch.rows)
        told = ask.perform(replace(desk, now=clock()), given)
        answers = cast(PassportsChecked, told).answers
        yield from zip(batch.lines, batch.rows, answers, strict=True)


def row_of(line: int, asked: CheckPassport, told: PassportChecked) -> tuple[str, ...]:
    """Return the cells of an answer, in the order of `RESULT`."""
    moment = told.answered_at.isoformat() if told.answered_at else ""
    return (
        str(line), asked.country, asked.number, told.status, told.owner, moment,
        told.reference, told.contact or "", told.no_answer or "",
    )  # fmt: skip
