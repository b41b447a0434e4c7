"""Lists of passengers: a row of answers or of faults for each, and no formulas."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.examples.desk_scene import PASSPORT
from tests.verifier.console.desk.conftest import TODAY, WORLD, AirlineDesk
from verifier import cli
from verifier.console.desk.batch import answer_file
from verifier.console.desk.passengers import MAX_ROWS, ListError

HEADER = "reference,destination,date,code,mrz,country,number\n"
MRZ = PASSPORT.replace("\n", "")


def table_of(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


def quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def test_each_passenger_gets_an_answer(desk: AirlineDesk) -> None:
    """In the order of the file, by the airline's own reference."""
    plastic = WORLD.show(WORLD.card(form="physical"))
    lines = quoted(PASSPORT)
    rows, text = desk.check(
        table_of(
            f"PNR-1,SGP,{TODAY},{quoted(desk.code())},{lines},,",
            f"PNR-2,sgp,{TODAY},{quoted(plastic)},,AUS,PA1234567",
            f"PNR-3,SGP,{TODAY},{quoted(desk.code())},,AUS,PA7654321",
            f"PNR-4,SGP,{TODAY},,{MRZ},,",
        )
    )
    told = [(each["reference"], each["answer"], each["form"]) for each in rows]
    assert told == [
        ("PNR-1", "gives", "app"),
        ("PNR-2", "gives", "physical"),
        ("PNR-3", "does_not_give", None),
        ("PNR-4", "no_answer", None),
    ]
    assert [each["line"] for each in rows] == [2, 4, 5, 6]  # a passport has two lines
    first, *_ = csv.DictReader(io.StringIO(text, newline=""))
    assert first["stay_until"] == "2030-03-15"
    assert first["must_see"] == "face"
    assert first["answer_reference"] == rows[0]["answer_reference"]
    assert "CITIZEN" not in text
    assert "PA1234567" not in text


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (f",SGP,{TODAY},x,,,", "reference"),
        (f"{'A' * 65},SGP,{TODAY},x,,,", "reference"),
        (f"A,Singapore,{TODAY},x,,,", "destination"),
        ("A,SGP,15.01.2030,x,,,", "date"),
        ("A,SGP,,x,,,", "date"),
        (f"A,SGP,{TODAY},{'x' * 20_000},,,", "code"),
        (f"A,SGP,{TODAY},,,,", "code"),
        (f"A,SGP,{TODAY},,{MRZ.replace('PA1', 'PA2')},,", "mrz"),
        (f"A,SGP,{TODAY},,{MRZ * 2},,", "mrz"),
        (f"A,SGP,{TODAY},,{MRZ},AUS,PA1234567", "country"),
        (f"A,SGP,{TODAY},,,AUS,", "country"),
        (f"A,SGP,{TODAY},,,,PA1234567", "number"),
        (f"A,SGP,{TODAY},,,AUS,PA-1", "number"),
        (f"A,SGP,{TODAY},x,,,,more", "cells"),
        ("A", "destination"),
    ],
)
def test_a_fault_is_told_with_its_line_and_stops_no_other_row(
    desk: AirlineDesk, row: str, column: str
) -> None:
    """What is wrong, where, and the passengers around it have their answers."""
    good = f"PNR,SGP,{TODAY},{quoted(desk.code())},,,"
    rows, text = desk.check(table_of(good, "", row, good))
    assert [each["line"] for each in rows] == [2, 4, 5]
    assert [each["answer"] for each in rows] == ["gives", None, "gives"]
    assert rows[1]["error"]["column"] == column
    told = list(csv.DictReader(io.StringIO(text, newline="")))
    assert (told[1]["error_column"], told[1]["error"]) == (
        column,
        rows[1]["error"]["detail"],
    )


def test_a_waiting_code_counts_as_read(desk: AirlineDesk) -> None:
    """A list is asked about hours after its codes were read."""
    code = quoted(desk.code())
    desk.wait(hours=5)
    header = "code_read_at;code;date;destination;reference\n"
    rows, _ = desk.check(
        f"{header}2030-01-15T12:00:05Z;{code};2030-01-16;SGP;A\n"
        f";{code};2030-01-16;SGP;B\n"
        f"2030-01-12T12:00:00Z;{code};2030-01-16;SGP;C\n"
    )
    assert [each["answer"] for each in rows] == ["gives", "no_answer", None]
    assert rows[2]["error"]["column"] == "code_read_at"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "'=", "\uff1d"])
def test_c3_nothing_in_a_result_is_a_formula(desk: AirlineDesk, start: str) -> None:
    """A passenger's reference comes from elsewhere, and opens in a spreadsheet."""
    evil = f"{start}cmd|' /C calc'!A0"
    row = f"{quoted(evil)},{quoted(evil)},{quoted(evil)},x,,,{quoted(evil)}"
    _, text = desk.check(table_of(row))
    for cell in next(csv.reader(io.StringIO(text.split("\n", 1)[1], newline=""))):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\uff1d"))


@pytest.mark.parametrize(
    "table",
    [
        "",
        "\n\n",
        "reference,destination\nA,SGP\n",
        "reference,destination,date,code,name\nA,SGP,2030-01-15,x,CITIZEN\n",
        "reference,destination,date,date\nA,SGP,2030-01-15,x\n",
        '"reference,destination,date,code\nA,SGP,2030-01-15,x\n',
        "PK\x03\x04\x00\x00",
    ],
)
def test_what_is_no_list_is_refused_with_one_line(
    desk: AirlineDesk, table: str
) -> None:
    """An empty file, other columns, broken quotes, a spreadsheet's own format."""
    found = desk.post("lists", {"csv": table})
    assert found.status_code == 422
    assert found.json
    assert found.json["detail"]
    assert "\n" not in found.json["detail"]


def test_a_list_has_bounds(desk: AirlineDesk) -> None:
    """A day's passengers of an airport are several lists."""
    row = f"A,SGP,{TODAY},x,,,\n"
    rows, _ = desk.check(HEADER + "\n" * 100_000 + row)
    assert [each["line"] for each in rows] == [100_002]
    assert desk.counter.ask_all((HEADER + row * MAX_ROWS).encode())[0] == MAX_ROWS
    with pytest.raises(ListError, match="5,000"):
        desk.counter.ask_all((HEADER + row * (MAX_ROWS + 1)).encode())
    with pytest.raises(ListError, match="8 MiB"):
        desk.counter.ask_all(b"x" * (8 * 2**20 + 1))
    with pytest.raises(ListError, match="UTF-8"):
        desk.counter.ask_all(HEADER.encode("utf-16"))


# From file to file


def test_a_file_is_answered_by_a_file(desk: AirlineDesk, tmp_path: Path) -> None:
    """CSV as spreadsheets save it, or JSON; and how far it is, row by row."""
    source = tmp_path / "flight.csv"
    rows = [f"PNR-{n},SGP,{TODAY},{quoted(desk.code())},,,\r\n" for n in range(3)]
    source.write_text("\ufeff" + HEADER + "".join(rows) + "bad,,,,,,\r\n")
    seen: list[tuple[int, int]] = []
    for out in (tmp_path / "out.csv", tmp_path / "out.JSON"):
        faults = answer_file(desk.counter, source, out, lambda *done: seen.append(done))
        assert faults == 1
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)] * 2
    answers = [
        each["answer"]
        for each in csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    ]
    assert answers == ["gives"] * 3 + [""]
    told = json.loads((tmp_path / "out.JSON").read_text())["passengers"]
    assert [each["answer"] for each in told] == ["gives"] * 3 + [None]


def test_the_command_line_answers_a_list(
    synced: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 1 for a row to put right, and no file is written over."""
    source, out = tmp_path / "flight.csv", tmp_path / "answers.csv"
    source.write_text(table_of(f"A,SGP,{TODAY},,{MRZ},,"))
    options = ["desk", "--store", str(synced), "--batch", str(source)]
    assert cli.main([*options, "--out", str(out)]) == 0
    assert "no_answer" in out.read_text()  # 2030 is not now
    assert cli.main([*options, "--out", str(out)]) == 1
    assert "File exists" in capsys.readouterr().err
    source.write_text(table_of(f"A,SGP,{TODAY},,{MRZ[:-1]},,"))
    assert cli.main([*options, "--out", str(tmp_path / "b.csv")]) == 1
    assert "rows with faults: 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (["--batch", "x.csv"], 64),
        (["--out", "x.csv"], 64),
        (["--batch", "/nowhere.csv", "--out", "x.csv"], 1),
        (["--batch", "/", "--out", "x.csv"], 1),
    ],
)
def test_wrong_use_is_one_line(
    synced: Path, capsys: pytest.CaptureFixture[str], more: list[str], status: int
) -> None:
    """With what is wrong, and nothing of our insides."""
    assert cli.main(["desk", "--store", str(synced), *more]) == status
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "more", [["--zone", "SGP=Mars"], ["--zone", "Asia/Tokyo"], ["--port", "x"]]
)
def test_wrong_options_are_one_line(
    capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """A zone that is none, or nobody's."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["desk", "--store", "x", *more])
    assert ended.value.code == 64
    assert len(capsys.readouterr().err.splitlines()) == 1
