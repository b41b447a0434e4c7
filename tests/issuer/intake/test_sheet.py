"""Sheets in and out."""

import csv
import io
import os
import tracemalloc
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.errors import IntakeError, SheetError
from issuer.intake import sheet
from issuer.intake.kinds import applications, requests
from issuer.intake.problem import Problem, ProblemCode
from issuer.intake.sheet import Column, Kind, RowProblem
from tests.simulator import NOW, SCHEME

APPLICATIONS = applications(economy="AUS", scheme=SCHEME, at=NOW)
REQUESTS = requests(destination="AUS", scheme=SCHEME, at=NOW)
HEADER = [column.name for column in APPLICATIONS.columns]
EXAMPLE = {column.name: column.example for column in APPLICATIONS.columns}


def letters(number: int) -> str:
    """Write a number in letters, for names that differ."""
    return "".join(chr(97 + int(digit)) for digit in f"{number:07}").capitalize()


def person(number: int, **changes: str) -> dict[str, str]:
    own = {
        "family_name": letters(number),
        "machine_family_name": "",
        "machine_given_name": "",
        "passport_number": f"PA{number:07}",
    }
    return {**EXAMPLE, **own, **changes}


def write(
    path: Path, rows: Iterable[Mapping[str, str]], header: list[str] = HEADER
) -> Path:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def found(path: Path) -> list[tuple[int, str, ProblemCode]]:
    report = sheet.check(path, APPLICATIONS)
    return [_brief(fault) for fault in report.problems]


def _brief(fault: RowProblem) -> tuple[int, str, ProblemCode]:
    assert fault.problem.fix
    return fault.line, fault.problem.field, fault.problem.code


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


def raw(cells: Mapping[str, str]) -> str:
    return ",".join(cells[name] for name in HEADER) + "\r\n"


HEAD = ",".join(HEADER) + "\r\n"


@pytest.mark.parametrize("kind", [APPLICATIONS, REQUESTS], ids=["ours", "theirs"])
def test_the_template_is_a_clean_sheet(path: Path, kind: Kind[object]) -> None:
    """What we hand out is what we take."""
    path.write_bytes(sheet.template(kind))
    report = sheet.check(path, kind)
    assert report.is_clean
    assert report.rows == 1


def test_ten_thousand_rows_and_three_bad_ones(path: Path) -> None:
    """Each bad row is named with line, column and what to do; nothing is read."""
    rows = [person(number) for number in range(10_000)]
    rows[17]["birthdate"] = "31.12.1980"
    rows[5000]["passport_number"] = "PA 12"
    rows[9999]["nationality"] = "XYZ"
    write(path, rows)
    ticks: list[int] = []
    report = sheet.check(path, APPLICATIONS, on_progress=ticks.append)
    assert [_brief(fault) for fault in report.problems] == [
        (19, "birthdate", ProblemCode.DATE),
        (5002, "passport_number", ProblemCode.PASSPORT_NUMBER),
        (10_001, "nationality", ProblemCode.CODE),
    ]
    assert not report.is_clean
    assert ticks[0] == 500
    assert ticks == sorted(ticks)
    assert ticks[-1] == report.rows
    with pytest.raises(SheetError, match=r"line 19: birthdate: date\.impossible"):
        list(sheet.batches(path, APPLICATIONS, expected_fingerprint=report.fingerprint))


def test_a_clean_sheet_is_read_in_batches(path: Path) -> None:
    """Every row once, in order, with the lines to keep."""
    write(path, map(person, range(1050)))
    report = sheet.check(path, APPLICATIONS)
    assert report.is_clean
    assert report.rows == 1050
    batches = list(
        sheet.batches(path, APPLICATIONS, expected_fingerprint=report.fingerprint)
    )
    assert [(batch.first_line, batch.last_line) for batch in batches] == [
        (2, 501),
        (502, 1001),
        (1002, 1051),
    ]
    names = [row.person.family_name for batch in batches for row in batch.rows]
    assert names == [letters(number) for number in range(1050)]


@pytest.mark.parametrize("kept", [1, 2, 6, 9, 10, 11])
def test_an_import_goes_on_after_the_last_line_it_kept(path: Path, kept: int) -> None:
    """Nothing is read twice and nothing is left out, wherever it stopped."""
    write(path, map(person, range(10)))
    rest = sheet.batches(
        path,
        APPLICATIONS,
        expected_fingerprint=sheet.fingerprint(path),
        after_line=kept,
        size=3,
    )
    names = [row.person.family_name for batch in rest for row in batch.rows]
    assert names == [letters(number) for number in range(kept - 1, 10)]


def test_an_import_does_not_go_on_with_another_sheet(path: Path) -> None:
    """The file was changed in between: lines mean other people now."""
    write(path, map(person, range(10)))
    before = sheet.fingerprint(path)
    write(path, map(person, range(1, 11)))
    with pytest.raises(SheetError, match="not the sheet that was checked"):
        list(sheet.batches(path, APPLICATIONS, expected_fingerprint=before))


def test_an_import_stops_when_the_sheet_is_written_to(path: Path) -> None:
    """Also in the middle."""
    write(path, map(person, range(1000)))
    batches = sheet.batches(
        path, APPLICATIONS, expected_fingerprint=sheet.fingerprint(path), size=10
    )
    next(batches)
    os.utime(path, ns=(0, 0))
    with pytest.raises(SheetError, match="being written to"):
        next(batches)


def test_a_batch_has_a_row(path: Path) -> None:
    """An empty batch would go on for ever."""
    write(path, [person(1)])
    with pytest.raises(ValueError, match="at least 1"):
        next(sheet.batches(path, APPLICATIONS, expected_fingerprint="", size=0))


def test_the_same_applicant_twice_is_reported_with_both_lines(path: Path) -> None:
    """By passport, and by name, birth date and nationality."""
    rows = [
        person(1),
        person(2),
        person(3, passport_number="PA0000001"),
        person(4, family_name=letters(2).upper()),
        person(5, family_name=letters(2), birthdate="1990-01-01"),
        person(1),
    ]
    report = sheet.check(write(path, rows), APPLICATIONS)
    told = [(fault.line, fault.other_line) for fault in report.problems]
    assert told == [(4, 2), (5, 3), (7, 2)]
    assert [fault.problem.code for fault in report.problems] == [
        ProblemCode.SHEET_SAME_PASSPORT,
        ProblemCode.SHEET_SAME_PERSON,
        ProblemCode.SHEET_SAME_PASSPORT,
    ]
    assert "Line 3" in report.problems[1].problem.message
    assert not report.may_be_confirmed


def test_two_people_of_one_name_can_be_let_through(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They exist; an officer who knows may say so, but only about what is listed."""
    rows = [person(1), person(2, family_name=letters(1))]
    report = sheet.check(write(path, rows), APPLICATIONS)
    assert not report.is_clean
    assert report.may_be_confirmed
    monkeypatch.setattr(sheet, "MAX_REPORTED", 1)
    rows.append(person(3, family_name=letters(1)))
    assert not sheet.check(write(path, rows), APPLICATIONS).may_be_confirmed
    assert not sheet.check(write(path, [person(1)]), APPLICATIONS).may_be_confirmed


def test_another_economys_request_comes_once(path: Path) -> None:
    """Issuer and reference name a request; two economies may ask for one person."""
    one = {**person(1), "issuer": "NZL", "reference": "7"}
    header = ["issuer", "reference", *HEADER]
    rows = [one, {**one, "issuer": "SGP"}, {**person(2), "issuer": "NZL"}]
    rows[2]["reference"] = "7"
    report = sheet.check(write(path, rows, header), REQUESTS)
    assert [_brief(fault) for fault in report.problems] == [
        (4, "row", ProblemCode.SHEET_SAME_REFERENCE)
    ]


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        (b"", [(1, "file", ProblemCode.SHEET_EMPTY)]),
        (HEAD.encode(), [(1, "file", ProblemCode.SHEET_EMPTY)]),
        (HEAD.encode("utf-16"), [(1, "file", ProblemCode.SHEET_ENCODING)]),
        (
            HEAD.replace(",", ";").encode(),
            [(1, "row", ProblemCode.SHEET_HEADER)],
        ),
        (
            HEAD.replace("birthdate", "birth date").encode(),
            [
                (1, "'birth date'", ProblemCode.SHEET_HEADER),
                (1, "birthdate", ProblemCode.SHEET_HEADER),
            ],
        ),
        (
            HEAD.replace("birthdate", "sex").encode(),
            [
                (1, "sex", ProblemCode.SHEET_HEADER),
                (1, "birthdate", ProblemCode.SHEET_HEADER),
            ],
        ),
        (
            (HEAD + raw(person(1)) + "a,b\r\n" + raw(person(2, sex="Q"))).encode(),
            [(3, "row", ProblemCode.SHEET_COLUMNS), (4, "sex", ProblemCode.SEX)],
        ),
        (
            (HEAD + '"a"b,c\r\n' + raw(person(1, sex="Q"))).encode(),
            [(2, "row", ProblemCode.SHEET_QUOTE), (3, "sex", ProblemCode.SEX)],
        ),
        (
            (HEAD + raw(person(1)) + '"a,' + raw(person(2)) * 1000).encode(),
            [(3, "row", ProblemCode.SHEET_TOO_LONG)],
        ),
        (
            (HEAD + "a" * 20_000_000).encode(),
            [(2, "row", ProblemCode.SHEET_TOO_LONG)],
        ),
        (
            (HEAD + raw(person(1, family_name="L\0ee")) + raw(person(2))).encode(),
            [(2, "row", ProblemCode.SHEET_NUL)],
        ),
        (
            HEAD.encode() + raw(person(1, family_name="M\u00fcller")).encode("latin-1"),
            [(2, "row", ProblemCode.SHEET_ENCODING)],
        ),
        (HEAD.encode() + b'"a', [(2, "row", ProblemCode.SHEET_QUOTE)]),
    ],
    ids=range(13),
)
def test_a_hostile_sheet_is_reported_by_line(
    path: Path, data: bytes, faults: list[tuple[int, str, ProblemCode]]
) -> None:
    """Reading goes on where the next row can be told; memory stays small."""
    path.write_bytes(data)
    assert found(path) == faults


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + (HEAD + raw(person(1))).encode(),
        (HEAD + raw(person(1))).replace("\r\n", "\n").encode(),
        (HEAD + raw(person(1)) + "\r\n" + "," * 12 + "\r\n\r\n").encode(),
        (HEAD + raw(person(1))).rstrip().encode(),
    ],
    ids=["mark", "unix", "empty rows", "no last line end"],
)
def test_what_spreadsheet_programs_write_is_taken(path: Path, data: bytes) -> None:
    """Byte order mark, either line end, empty rows below the last."""
    path.write_bytes(data)
    report = sheet.check(path, APPLICATIONS)
    assert (report.is_clean, report.rows) == (True, 1)


def test_columns_may_stand_in_any_order_and_optional_ones_be_left_out(
    path: Path,
) -> None:
    """People move columns about."""
    header = [
        column.name for column in reversed(APPLICATIONS.columns) if column.required
    ]
    row = {name: person(1)[name] for name in header}
    assert sheet.check(write(path, [row], header), APPLICATIONS).is_clean


def test_c5_a_column_that_the_template_lacks_is_refused(path: Path) -> None:
    """Nobody sets a status by adding a column."""
    row = {**person(1), "status": "approved"}
    write(path, [row], [*HEADER, "status"])
    assert found(path) == [(1, "status", ProblemCode.SHEET_HEADER)]


def test_a_million_rows_are_the_most(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried with three."""
    monkeypatch.setattr(sheet, "MAX_ROWS", 3)
    assert sheet.check(write(path, map(person, range(3))), APPLICATIONS).is_clean
    write(path, map(person, range(4)))
    assert found(path) == [(5, "file", ProblemCode.SHEET_TOO_MANY)]


def test_a_report_stays_readable_and_counts_the_rest(path: Path) -> None:
    """A sheet in the wrong format is 1,000 lines of report, not a million."""
    write(path, [person(number, sex="?") for number in range(1500)])
    report = sheet.check(path, APPLICATIONS)
    assert (len(report.problems), report.more) == (1000, 500)


@pytest.mark.parametrize("what", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused_in_one_line(path: Path, what: str) -> None:
    """A pipe would block for ever."""
    if what == "folder":
        path.mkdir()
    if what == "pipe":
        os.mkfifo(path)
    with pytest.raises(SheetError, match="is no file"):
        sheet.check(path, APPLICATIONS)
    with pytest.raises(SheetError, match="is no file"):
        sheet.fingerprint(path)


def test_memory_does_not_grow_with_the_sheet(path: Path) -> None:
    """What finds duplicates lies outside; 40,000 rows need no more than 2,000."""
    peaks = []
    for rows in (2_000, 40_000):
        write(path, map(person, range(rows)))
        tracemalloc.start()
        assert sheet.check(path, QUICK).is_clean
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2**18


def _quick_keys(cells: Mapping[str, str]) -> list[tuple[ProblemCode, str]]:
    return [(ProblemCode.SHEET_SAME_PASSPORT, cells["passport_number"])]


QUICK: Kind[Mapping[str, str]] = Kind(
    name="quick", columns=APPLICATIONS.columns, read=dict, keys=_quick_keys
)


PLAIN: Kind[tuple[str, ...]] = Kind(
    name="plain",
    columns=(Column(name="a", example=""), Column(name="b", example="")),
    read=lambda cells: tuple(cells.values()),
)


def exported(path: Path, rows: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    path.write_bytes(b"".join(sheet.export(["a", "b"], rows)))
    batches = sheet.batches(path, PLAIN, expected_fingerprint=sheet.fingerprint(path))
    return [row for batch in batches for row in batch.rows]


@pytest.mark.parametrize(
    "cell",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1+1",
        "'=1",
        "''=1",
    ],
)
def test_c3_no_cell_of_an_export_is_a_formula(path: Path, cell: str) -> None:
    """It begins with an apostrophe, and reading it back gives what it was."""
    assert exported(path, [(cell, "x")]) == [(cell, "x")]
    text = path.read_bytes().decode("utf-8-sig")
    (_, row) = csv.reader(io.StringIO(text, newline=""))
    assert row == ["'" + cell, "x"]


@pytest.mark.parametrize("cell", ["O'Neil", "'quoted'", "a=b", "Lee-Ann", "1-2", ""])
def test_c3_harmless_cells_are_left_alone(path: Path, cell: str) -> None:
    """An export is for reading, too."""
    assert exported(path, [(cell, "x")]) == [(cell, "x")]
    assert f'"{cell}","x"'.encode() in path.read_bytes()


CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.sampled_from("'=+-@\t\r\n\",;\uff1d"),
    max_size=12,
)


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_c3_an_export_read_back_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    """Whatever is in the cells; rows of empty cells say nothing and are left out."""
    path = tmp_path_factory.mktemp("export") / "sheet.csv"
    assert exported(path, rows) == [row for row in rows if any(row)]


@pytest.mark.parametrize("row", [("a",), ("a", "b", "c"), ("\0", "b"), ("\ud800", "b")])
def test_what_cannot_be_exported_is_the_callers_mistake(row: tuple[str, ...]) -> None:
    """Nothing is bent to fit."""
    with pytest.raises(ValueError, match=r"cells|NUL|surrogates"):
        list(sheet.export(["a", "b"], [row]))


@settings(suppress_health_check=list(HealthCheck), max_examples=200)
@given(
    st.binary(max_size=300)
    | st.text(st.sampled_from("ab,\"\r\n'=;\u00fc"), max_size=200).map(str.encode)
)
def test_any_file_is_a_report(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """Nothing raises, and nothing is both clean and faulty."""
    path = tmp_path_factory.mktemp("any") / "sheet.csv"
    for head in (b"", b"a,b\n", HEAD.encode()):
        path.write_bytes(head + data)
        for report in (sheet.check(path, PLAIN), sheet.check(path, APPLICATIONS)):
            assert report.is_clean == (report.problems == ())
            assert report.is_clean <= (report.rows > 0)


def test_a_row_that_its_kind_refuses_has_all_its_problems(path: Path) -> None:
    """The report is the form's, by line."""

    def refuse(cells: Mapping[str, str]) -> tuple[str, ...]:
        raise IntakeError(
            tuple(
                Problem(field=name, code=ProblemCode.SEX, message="No.")
                for name in cells
            )
        )

    kind = replace(PLAIN, read=refuse)
    path.write_bytes(b"b,a\n1,2\n")
    report = sheet.check(path, kind)
    assert [fault.problem.field for fault in report.problems] == ["b", "a"]
