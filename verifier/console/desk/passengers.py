"""Lists of passengers: a CSV file in, a row of answers or of faults out.

The header names the columns, in any order: ``reference``, ``destination``, ``date``,
and ``code``, or ``mrz``, or ``country`` and ``number``. ``code_read_at`` may say when a
code was read. A row with a fault is told with its line, its column and what is wrong,
and stops no other row.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from ... import MrzError, Passport
from ..requests import MAX_CODE, RequestError
from .questions import (
    Question,
    parse_day,
    parse_destination,
    parse_moment,
    typed_passport,
    waited,
)

_Read = TypeVar("_Read")
MAX_ROWS: Final = 5_000
MAX_BYTES: Final = 8 * 2**20
COLUMNS: Final = (
    "reference", "destination", "date", "code", "mrz", "country", "number",
    "code_read_at",
)  # fmt: skip
_NEEDED: Final = ("reference", "destination", "date")
_SEPARATORS: Final = ",;\t"
_MAX_REFERENCE: Final = 64
_MAX_MRZ: Final = 128
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]")
"""What a spreadsheet program might run, also in full width."""
_ANSWERS: Final = (
    "answer", "stay_until", "form", "card_last_day", "must_see", "answered_at",
    "data_as_of",
)  # fmt: skip
RESULT_COLUMNS: Final = (
    "line", "reference", "destination", "date", *_ANSWERS, "answer_reference",
    "error_column", "error",
)  # fmt: skip


class ListError(ValueError):
    """A file that is no list of passengers; the message is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a row."""

    column: str
    """Its name; ``cells`` where there are more of them than columns."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One passenger of a list."""

    line: int
    """Where the row begins, from 1; the header is 1."""
    reference: str
    destination: str
    date: str
    question: Question | None
    """None where there is a fault."""
    fault: Fault | None


def read_list(data: bytes, *, now: datetime) -> list[Row]:
    """Read a list.

    Args:
        data: CSV in UTF-8, with or without a byte order mark; cells separated by
            commas, semicolons or tabs. At most 8 MiB and 5,000 rows.
        now: The present: codes were read before it.

    Raises:
        ListError: It is no such file, or a column is missing, unknown or twice there.
    """
    if len(data) > MAX_BYTES:
        raise ListError("larger than 8 MiB")
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListError("not UTF-8: save it as CSV UTF-8") from error
    header, _, _ = content.partition("\n")
    separator = max(_SEPARATORS, key=header.count)
    try:
        lines = list(_lines(content, separator))
    except csv.Error as error:
        raise ListError(f"no CSV: {error}") from error
    return _rows(lines, now)


def _lines(content: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty with the line where it begins."""
    reader = csv.reader(
        io.StringIO(content, newline=""), delimiter=separator, strict=True
    )
    begins, count = 1, 0
    for cells in reader:
        if any(cells):
            yield begins, cells
            count += 1
        if count > MAX_ROWS + 1:
            raise ListError(f"more than {MAX_ROWS:,} passengers")
        begins = reader.line_num + 1


def _rows(lines: list[tuple[int, list[str]]], now: datetime) -> list[Row]:
    if not lines:
        raise ListError("the file is empty")
    names = [name.strip().lower() for name in lines[0][1]]
    unknown = sorted({*names} - {*COLUMNS})
    missing = [name for name in _NEEDED if name not in names]
    if unknown or missing or len({*names}) < len(names):
        told = ", ".join([*unknown, *missing]) or "one of them twice"
        raise ListError(f"its columns are not those of a passenger list: {told}")
    return [_row(line, names, cells, now) for line, cells in lines[1:]]


def _row(line: int, names: list[str], cells: list[str], now: datetime) -> Row:
    # A code can end in a space, so its cell is taken as it is.
    said = {
        name: cell if name == "code" else cell.strip()
        for name, cell in zip(names, cells, strict=False)
    }
    question, fault = None, None
    try:
        question = _question(said, len(cells) - len(names), now)
    except _FaultError as error:
        fault = Fault(column=error.column, detail=str(error))
    return Row(
        line=line,
        reference=said.get("reference", "")[:_MAX_REFERENCE],
        destination=said.get("destination", "")[:3],
        date=said.get("date", "")[:10],
        question=question,
        fault=fault,
    )


class _FaultError(ValueError):
    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column


def _question(said: Mapping[str, str], surplus: int, now: datetime) -> Question:
    if surplus > 0:
        raise _FaultError("cells", f"{surplus} cells more than columns")
    if not 0 < len(said.get("reference", "")) <= _MAX_REFERENCE:
        raise _FaultError("reference", "not 1 to 64 characters")
    destination = _cell(said, "destination", lambda it: parse_destination(it.upper()))
    arrival = _cell(said, "date", parse_day)
    code = said.get("code") or None
    if code and len(code) > MAX_CODE:
        raise _FaultError("code", "longer than a code can be")
    passport = _passport(said)
    if code is None and passport is None:
        raise _FaultError("code", "neither a code nor a passport")
    return Question(
        destination=destination,
        arrival=arrival,
        code=code,
        passport=passport,
        code_read_at=_read_at(said, now),
    )


def _cell(said: Mapping[str, str], column: str, parse: Callable[[str], _Read]) -> _Read:
    try:
        return parse(said.get(column, ""))
    except (RequestError, MrzError) as error:
        raise _FaultError(column, str(error)) from error


def _passport(said: Mapping[str, str]) -> Passport | None:
    mrz, country, number = (said.get(name, "") for name in ("mrz", "country", "number"))
    if mrz and (country or number):
        raise _FaultError("country", "beside mrz: give one of both")
    if mrz:
        return _mrz(mrz)
    if country and not number:
        raise _FaultError("country", "without a number")
    if not number:
        return None
    return _cell(said, "number", lambda it: typed_passport(country, it))


def _mrz(mrz: str) -> Passport:
    if len(mrz) > _MAX_MRZ:
        raise _FaultError("mrz", "longer than the lines of a passport")
    try:
        return Passport.from_mrz(mrz)
    except MrzError as error:
        raise _FaultError("mrz", str(error)) from error


def _read_at(said: Mapping[str, str], now: datetime) -> datetime | None:
    if not said.get("code_read_at"):
        return None
    return _cell(said, "code_read_at", lambda it: waited(parse_moment(it), now))


def result(row: Row, told: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a list says of one row, as JSON: an answer, or a fault."""
    answer = {name: told[name] if told else None for name in _ANSWERS}
    fault = row.fault and {"column": row.fault.column, "detail": row.fault.detail}
    return {
        "line": row.line,
        "reference": row.reference,
        "destination": row.destination,
        "date": row.date,
        **answer,
        "answer_reference": told["reference"] if told else None,
        "error": fault,
    }


def as_csv(results: Iterable[Mapping[str, Any]]) -> str:
    """Return results as CSV that no spreadsheet program takes for formulas."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(RESULT_COLUMNS)
    for each in results:
        fault = each["error"] or {"column": "", "detail": ""}
        cells = dict(each) | {
            "must_see": " ".join(each["must_see"] or ()),
            "error_column": fault["column"],
            "error": fault["detail"],
        }
        writer.writerow([_neutral(cells[name]) for name in RESULT_COLUMNS])
    return out.getvalue()


def _neutral(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if _FORMULA.match(text) else text
