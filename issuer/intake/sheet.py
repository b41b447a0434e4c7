"""Sheets (CSV) in and out: read whole or not at all, written so that no cell is run.

A sheet is checked first: `check` reads all of it and reports every line at fault.  Only
a clean one is then read in batches, with `batches`; an import that was interrupted
begins again after the last line it has kept, if the file is still the same.

`export` writes sheets that a spreadsheet program cannot mistake for formulas, and
reading one gives back what was written.
"""

import csv
import hashlib
import io
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

from issuer.errors import IntakeError, SheetError
from issuer.intake.problem import Problem, ProblemCode

MAX_ROWS: Final = 1_000_000
MAX_RECORD: Final = 16_384
"""Bytes of one row, with its quotes and line ends."""
MAX_REPORTED: Final = 1_000
"""Faults that are listed one by one; the others are counted."""

_TOGETHER: Final = 500
"""Rows that are looked up at once."""
_OF_ALIKE: Final = {
    ProblemCode.SHEET_SAME_PERSON,
    ProblemCode.SHEET_NEAR,
    ProblemCode.FILE_LOOK_ALIKE,
}

_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
_SAFE = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet program may run, also in full width, and what we made of it."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a template."""

    name: str
    example: str
    required: bool = True
    """A column that is not may be left out, or be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[_Row]):
    """One kind of import: its columns, and how a row is read."""

    name: str
    columns: tuple[Column, ...]
    read: Callable[[Mapping[str, str]], _Row]
    """Takes cells by column name; raises `IntakeError` with all that is wrong."""
    keys: Callable[[_Row], Iterable[tuple[ProblemCode, str]]] = lambda row: ()
    """What no two rows may share, each with the code to report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """One fault of a sheet."""

    line: int
    """Line of the file where the row begins, from 1; the header is 1."""
    problem: Problem
    """Its ``field`` is the column, or ``row`` or ``file``."""
    other_line: int | None = None
    """The earlier line, where two rows are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `check` found."""

    fingerprint: str
    rows: int
    """Rows without a fault of their own."""
    problems: tuple[RowProblem, ...]
    """At most 1,000, by line."""
    more: int = 0
    """Further faults, counted only."""

    @property
    def is_clean(self) -> bool:
        """Whether the sheet may be imported."""
        return not self.problems

    @property
    def may_be_confirmed(self) -> bool:
        """Whether an officer may let it pass, knowing that these are different people.

        Two people can be alike, in the sheet or on file; nothing else that is reported
        can be right.
        """
        codes = {fault.problem.code for fault in self.problems}
        return bool(codes) and codes <= _OF_ALIKE and not self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[_Row]):
    """Rows to be stored in one transaction."""

    lines: tuple[int, ...]
    """Of each row."""
    first_line: int
    last_line: int
    """Keep it with the rows: an import goes on after it."""
    rows: tuple[_Row, ...]


def template(kind: Kind[_Row]) -> bytes:
    """Return a sheet with the header and one example line, to be filled in."""
    names = [column.name for column in kind.columns]
    return b"".join(export(names, [[column.example for column in kind.columns]]))


def fingerprint(path: Path) -> str:
    """Return what tells this sheet from any other: SHA-256, 64 hexadecimal digits.

    Raises:
        SheetError: The file cannot be read.
    """
    with _open(path) as file:
        return _hash(file)


def check(
    path: Path,
    kind: Kind[_Row],
    *,
    look_up: Callable[[Sequence[tuple[int, _Row]]], Iterable[RowProblem]] | None = None,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Report:
    """Read a whole sheet and report every fault, keeping nothing.

    Args:
        path: A CSV file in UTF-8, with commas; a byte order mark at its beginning is
            tolerated.  At most 1,000,000 rows of 16 KiB each.
        kind: What its rows should be.
        look_up: Called with up to 500 good rows by line at a time; returns what is
            wrong with them beside what is stored already.
        on_progress: Called with the number of good rows so far, every 500.

    Returns:
        The report.  Memory does not grow with the sheet: what finds duplicates lies in
        a temporary file, as keyed hashes, until this returns.

    Raises:
        SheetError: The file cannot be read.

    Not checked: without ``look_up``, what is stored already.
    """
    faults = _Faults()
    rows = 0
    with _open(path) as file, _Seen.opened() as seen:
        found = _hash(file)
        good = _read(file, kind, faults)
        while numbered := list(islice(good, _TOGETHER)):
            rows += len(numbered)
            for line, row in numbered:
                for code, key in kind.keys(row):
                    seen.add(code, key, line)
            for fault in look_up(numbered) if look_up else ():
                faults.add(fault)
            on_progress(rows)
        for repeated in seen.repeated():
            faults.add(repeated)
    if not rows and not faults.found:
        faults.at(1, "file", ProblemCode.SHEET_EMPTY, "The sheet has no row.")
    problems = sorted(faults.found, key=lambda each: each.line)
    return Report(
        fingerprint=found, rows=rows, problems=tuple(problems), more=faults.more
    )


def batches(
    path: Path,
    kind: Kind[_Row],
    *,
    expected_fingerprint: str,
    after_line: int = 1,
    size: int = 500,
) -> Iterator[Batch[_Row]]:
    """Read a sheet that `check` has found clean, batch by batch.

    Args:
        path: The sheet.
        kind: As for `check`, and for the same moment, so that rows read the same.
        expected_fingerprint: As the report has it.
        after_line: ``last_line`` of the last batch that was kept, or 1.
        size: Rows of a batch, at least 1.

    Yields:
        Batches in the order of the file; none if all lines were kept before.

    Raises:
        SheetError: The file cannot be read, is another one than was checked, or is
            being written to, or a row is no good after all.
        ValueError: ``size`` is below 1.
    """
    if size < 1:
        raise ValueError("a batch has at least 1 row")
    with _open(path) as file:
        before = _state(file)
        if _hash(file) != expected_fingerprint:
            raise SheetError(file=str(path), reason="is not the sheet that was checked")
        faults = _Faults()
        rows = _read(file, kind, faults, after_line=after_line)
        while numbered := list(islice(rows, size)):
            if _state(file) != before:
                raise SheetError(file=str(path), reason="is being written to")
            _refuse_faults(path, faults)
            yield Batch(
                lines=tuple(line for line, _ in numbered),
                first_line=numbered[0][0],
                last_line=numbered[-1][0],
                rows=tuple(row for _, row in numbered),
            )
        _refuse_faults(path, faults)


def export(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Write a sheet that is safe to open in a spreadsheet program.

    A cell that such a program might run begins with an apostrophe; `check` and
    `batches` take it off again.  The byte order mark lets the programs see that it is
    UTF-8.

    Args:
        header: Names of the columns.
        rows: Cells of each row, as many as the header has.

    Yields:
        Pieces of the file, with CR LF behind each row.

    Raises:
        ValueError: A row has another number of cells, or a cell holds NUL or a lone
            surrogate.
    """
    yield _BOM + _line(header, len(header))
    for row in rows:
        yield _line(row, len(header))


def neutralise(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet program might run.

    >>> neutralise("=1+1"), neutralise("O'Neil")
    ("'=1+1", "O'Neil")
    """
    return "'" + cell if _SAFE.match(cell) else cell


def restore(cell: str) -> str:
    """Undo `neutralise`; any text is given back as it was."""
    return cell[1:] if cell.startswith("'") and _SAFE.match(cell) else cell


def _line(row: Sequence[str], width: int) -> bytes:
    if len(row) != width:
        raise ValueError(f"a row has {len(row)} cells, the header {width}")
    if any("\0" in cell for cell in row):
        raise ValueError("a cell holds NUL")
    out = io.StringIO(newline="")
    # All in quotes: a lone empty cell would be an empty line otherwise.
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(map(neutralise, row))
    return out.getvalue().encode()


@contextmanager
def _open(path: Path) -> Iterator[io.BufferedReader]:
    try:
        if not path.is_file():  # a pipe or a device could block for ever
            raise SheetError(file=str(path), reason="is no file")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise SheetError(file=str(path), reason=reason) from error


def _hash(file: io.BufferedReader) -> str:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _state(file: io.BufferedReader) -> tuple[int, int]:
    now = os.fstat(file.fileno())
    return now.st_size, now.st_mtime_ns


def _refuse_faults(path: Path, faults: "_Faults") -> None:
    for fault in faults.found:
        reason = f"line {fault.line}: {fault.problem.field}: {fault.problem.code}"
        raise SheetError(file=str(path), reason=reason)


@dataclass(slots=True)
class _Faults:
    """What was found so far: so many by name, the others counted."""

    found: list[RowProblem] = field(default_factory=list)
    more: int = 0

    def add(self, fault: RowProblem) -> None:
        if len(self.found) < MAX_REPORTED:
            self.found.append(fault)
        else:
            self.more += 1

    def at(self, line: int, column: str, code: ProblemCode, message: str) -> None:
        problem = Problem(field=column, code=code, message=message)
        self.add(RowProblem(line=line, problem=problem))


class _RowTooLong(Exception):  # noqa: N818  # ends the reading, and is no fault of ours
    """A row goes on and on: what follows cannot be told apart from it."""


class _Lines(Iterator[str]):
    """The lines of one row after another, as text, with a bound on each row."""

    def __init__(self, file: io.BufferedReader, faults: _Faults) -> None:
        self._file, self._faults = file, faults
        self._number = self._size = 0
        self.row_line = 1
        self.is_damaged = False

    def begin_row(self) -> None:
        self.row_line = self._number + 1
        self._size, self.is_damaged = 0, False

    def __next__(self) -> str:
        raw = self._file.readline(MAX_RECORD + 1)
        if not raw:
            raise StopIteration
        self._number += 1
        self._size += len(raw)
        if self._size > MAX_RECORD:
            raise _RowTooLong
        return self._text(raw.removeprefix(_BOM) if self._number == 1 else raw)

    def _text(self, raw: bytes) -> str:
        if b"\0" in raw:
            self._damage(ProblemCode.SHEET_NUL, "The line holds a NUL character.")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            message = f"The line is not UTF-8 from byte {error.start + 1} on."
            self._damage(ProblemCode.SHEET_ENCODING, message)
            return raw.decode(errors="replace")

    def _damage(self, code: ProblemCode, message: str) -> None:
        self.is_damaged = True
        self._faults.at(self._number, "row", code, message)


def _read(
    file: io.BufferedReader, kind: Kind[_Row], faults: _Faults, *, after_line: int = 1
) -> Iterator[tuple[int, _Row]]:
    """Yield the good rows behind a line, and put what is wrong among the faults."""
    records = _records(file, faults)
    header = next(records, None)
    if header is None or not _is_header(header[1], kind, faults):
        return
    for number, (line, cells) in enumerate(records, start=1):
        if number > MAX_ROWS:
            message = f"The sheet has more than {MAX_ROWS:,} rows."
            faults.at(line, "file", ProblemCode.SHEET_TOO_MANY, message)
            return
        if line > after_line:
            yield from _read_row(line, header[1], cells, kind, faults)


def _read_row(
    line: int,
    header: Sequence[str],
    cells: Sequence[str],
    kind: Kind[_Row],
    faults: _Faults,
) -> Iterator[tuple[int, _Row]]:
    if len(cells) != len(header):
        message = f"The row has {len(cells)} cells, the header {len(header)}."
        faults.at(line, "row", ProblemCode.SHEET_COLUMNS, message)
        return
    try:
        yield line, kind.read(dict(zip(header, map(restore, cells), strict=True)))
    except IntakeError as error:
        for problem in error.problems:
            faults.add(RowProblem(line=line, problem=problem))


def _records(
    file: io.BufferedReader, faults: _Faults
) -> Iterator[tuple[int, list[str]]]:
    """Split the file into rows that are whole; empty ones are left out."""
    if file.peek(2)[:2] in _OTHER_BOMS:
        message = "The sheet is in UTF-16."
        faults.at(1, "file", ProblemCode.SHEET_ENCODING, message)
        return
    lines = _Lines(file, faults)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            message = "The quotes of the row do not match."
            faults.at(lines.row_line, "row", ProblemCode.SHEET_QUOTE, message)
            continue
        except _RowTooLong:
            message = f"The row is longer than {MAX_RECORD:,} bytes; reading ends here."
            faults.at(lines.row_line, "row", ProblemCode.SHEET_TOO_LONG, message)
            return
        if any(cells) and not lines.is_damaged:
            yield lines.row_line, cells


def _is_header(names: Sequence[str], kind: Kind[_Row], faults: _Faults) -> bool:
    before = len(faults.found)
    known = {column.name for column in kind.columns}
    if len(names) == 1 and ";" in names[0]:
        message = "The columns are separated by semicolons, not by commas."
        faults.at(1, "row", ProblemCode.SHEET_HEADER, message)
        return False
    for name in dict.fromkeys(names):
        if name not in known:
            message = "The template has no such column."
            faults.at(1, _shown(name), ProblemCode.SHEET_HEADER, message)
        elif names.count(name) > 1:
            message = "The column is there more than once."
            faults.at(1, name, ProblemCode.SHEET_HEADER, message)
    for column in kind.columns:
        if column.required and column.name not in names:
            message = "The column is missing."
            faults.at(1, column.name, ProblemCode.SHEET_HEADER, message)
    return len(faults.found) == before


def _shown(name: str) -> str:
    return name if re.fullmatch(r"[a-z_]{1,40}", name) else ascii(name[:40])


class _Seen:
    """What rows must not share, outside memory: a million rows fit anywhere.

    The file is the database library's own temporary one and holds hashes under a key
    of this run, so nothing of a traveller is in it.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._key = secrets.token_bytes(32)
        self._waiting: list[tuple[bytes, str, int]] = []

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator["_Seen"]:
        database = sqlite3.connect("", isolation_level=None)
        try:
            for setting in ("journal_mode=OFF", "cache_size=-8192", "temp_store=FILE"):
                database.execute(f"PRAGMA {setting}")
            database.execute("CREATE TABLE seen (hash BLOB, code TEXT, line INTEGER)")
            database.execute("BEGIN")
            yield cls(database)
        finally:
            database.close()

    def add(self, code: ProblemCode, key: str, line: int) -> None:
        digest = hashlib.blake2b(
            f"{code}\0{key}".encode(errors="surrogatepass"),
            key=self._key,
            digest_size=16,
        )
        self._waiting.append((digest.digest(), code.value, line))
        if len(self._waiting) == 1000:
            self._flush()

    def repeated(self) -> Iterator[RowProblem]:
        """Yield each line that repeats an earlier one, once, by line."""
        self._flush()
        last = 0
        for code, line, first in self._database.execute(_REPEATED):
            if line != last:
                last = line
                problem = Problem(
                    field="row",
                    code=ProblemCode(code),
                    message=_SAME[code].format(first),
                )
                yield RowProblem(line=line, problem=problem, other_line=first)

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO seen VALUES (?, ?, ?)", self._waiting)
        self._waiting.clear()


_REPEATED: Final = """
    SELECT code, line, first
    FROM seen JOIN (
        SELECT hash AS twice, min(line) AS first
        FROM seen GROUP BY hash HAVING count(*) > 1
    ) ON hash = twice
    WHERE line > first ORDER BY line, code
"""
_SAME: Final = {
    ProblemCode.SHEET_SAME_PASSPORT: "Line {} has the same passport.",
    ProblemCode.SHEET_SAME_PERSON: (
        "Line {} has the same name, birth date and nationality."
    ),
    ProblemCode.SHEET_SAME_REFERENCE: "Line {} has the same economy and reference.",
}
