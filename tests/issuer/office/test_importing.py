"""Sheets of many records: all of a sheet or nothing, and each row once."""

import base64
import json
import os
import signal
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from issuer import importing
from issuer.cli import FAILED, INTERRUPTED, OK, USAGE, main
from issuer.errors import Conflict, Invalid, NotAllowed, NotFound, SheetError
from issuer.importing import BATCH, SheetKind
from issuer.intake.problem import ProblemCode
from issuer.office import Desk
from issuer.operations import all_operations
from issuer.store import (
    Application,
    AuditRow,
    Base,
    Card,
    ImportRun,
    ImportState,
    Passport,
    Person,
    Preclearance,
    Role,
    Store,
)
from tests.databases import planned_rows
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform
from tests.issuer.passports.scene import settings, with_settings
from tests.simulator import NOW

PERSON = (
    "family_name", "given_name", "birthdate", "sex", "nationality",
    "passport_country", "passport_number", "passport_issued_on", "passport_expires_on",
)  # fmt: skip
APPLICATIONS = SheetKind.APPLICATIONS


def word(number: int) -> str:
    """No two of these are one slip of the pen apart."""
    return "".join(chr(97 + int(digit)) * 3 for digit in f"{number:05}").title()


def person(number: int, **changes: str) -> dict[str, str]:
    row = {
        "family_name": f"Q{word(number)}",
        "given_name": "Anna",
        "birthdate": f"{1950 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}",
        "sex": "F",
        "nationality": "AUS",
        "passport_country": "AUS",
        "passport_number": word(number).upper(),
        "passport_issued_on": "2024-01-01",
        "passport_expires_on": "2060-01-01",
    }
    return {**row, **changes}


def write(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    rows = list(rows)
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def request(number: int, **changes: str) -> dict[str, str]:
    return {
        "issuer": "SGP",
        "reference": f"2030/{number}",
        **person(number, nationality="SGP", passport_country="SGP"),
        "applied_on": "2030-01-02",
        "card_last_day": "",
        **changes,
    }


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


@pytest.fixture
def desk(back_office: BackOffice) -> Desk:
    return back_office.desk("AUS")


def count(store: Store, table: type[Base], **columns: Any) -> int:
    query = select(func.count()).select_from(table).filter_by(**columns)
    return int(store.read(lambda session: session.scalar(query)) or 0)


def save(desk: Desk, path: Path, kind: SheetKind = APPLICATIONS, **more: Any) -> Any:
    report = importing.check_sheet(desk, kind, path)
    confirm = more.pop("confirm_lookalikes", False)
    number = importing.begin(desk, kind, report, confirm_lookalikes=confirm)
    return importing.go_on(desk, number, path, **more)


def codes(desk: Desk, path: Path, kind: SheetKind = APPLICATIONS) -> list[Any]:
    report = importing.check_sheet(desk, kind, path)
    return [(each.line, each.problem.code) for each in report.problems]


def test_a_sheet_becomes_drafts(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", map(person, range(3)))
    view = save(desk, path)
    assert (view.state, view.rows, view.saved) == (ImportState.DONE, 3, 3)
    assert count(desk.office.store, Application, state="draft", economy="AUS") == 3
    assert planned_rows(desk.office.store, "application") == 3
    tags = desk.read(lambda s: s.scalars(select(AuditRow.tag)).all())
    assert tags.count("application:entered") == 3
    assert tags[-1] == "import:done"


# What is wrong with these is found before the database is asked.
@pytest.mark.parametrize("prepared", ["SQLite"], indirect=True)
def test_ten_thousand_rows_and_three_bad_ones(desk: Desk, tmp_path: Path) -> None:
    """Exactly these are named, each with column, code and what to do."""
    bad = {
        17: {"birthdate": "1984-02-30"},
        5_000: {"passport_number": person(4_711)["passport_number"]},
        9_998: {"sex": "female"},
    }
    rows = (person(n, **bad.get(n, {})) for n in range(10_000))
    path = write(tmp_path / "many.csv", rows)
    report = importing.checked(importing.check_sheet(desk, APPLICATIONS, path))
    assert [(each.line, each.column, each.code) for each in report.faults] == [
        (19, "birthdate", "date.impossible"),
        (5_002, "row", "sheet.same_passport"),
        (10_000, "sex", "sex.unknown"),
    ]
    assert report.faults[1].other_line == 4_713
    assert all(each.message and each.fix for each in report.faults)
    with pytest.raises(Invalid, match=r"line 19\.birthdate"):
        save(desk, path)
    with pytest.raises(Invalid):
        save(desk, path, confirm_lookalikes=True)
    assert count(desk.office.store, Person) == count(desk.office.store, ImportRun) == 0


def test_what_is_on_file_is_found(flow: Flow, tmp_path: Path) -> None:
    desk = flow.desk(who="ann")
    save(desk, write(tmp_path / "first.csv", [person(1), person(2), person(3)]))
    cases = desk.read(lambda s: s.scalars(select(Application.id)).all())
    flow.step("withdraw", cases[1], who="ann")
    born = person(3)["birthdate"]
    again = [
        person(1),
        person(90, passport_number=person(2)["passport_number"]),
        person(91, family_name=person(3)["family_name"] + "x", birthdate=born),
        person(92),
    ]
    path = write(tmp_path / "again.csv", again)
    assert codes(desk, path) == [
        (2, ProblemCode.FILE_OPEN),
        (3, ProblemCode.FILE_PASSPORT),
        (4, ProblemCode.FILE_LOOK_ALIKE),
    ]
    soft = write(tmp_path / "soft.csv", again[2:])
    with pytest.raises(Invalid):
        save(desk, soft)
    assert save(desk, soft, confirm_lookalikes=True).saved == 2


def test_people_who_are_nearly_the_same_are_told(desk: Desk, tmp_path: Path) -> None:
    born = person(1)["birthdate"]
    near = person(2, family_name=person(1)["family_name"] + "x", birthdate=born)
    path = write(tmp_path / "near.csv", [person(1), near])
    assert codes(desk, path) == [(3, ProblemCode.SHEET_NEAR)]
    assert save(desk, path, confirm_lookalikes=True).saved == 2


def test_a_name_that_cannot_be_told_needs_the_passports_lines(
    desk: Desk, tmp_path: Path
) -> None:
    path = write(tmp_path / "new.csv", [person(1, family_name="王")])
    assert codes(desk, path) == [(2, ProblemCode.NAME_UNCONFIRMED)]
    row = person(1, family_name="王", machine_family_name="WANG")
    path = write(tmp_path / "better.csv", [{**row, "machine_given_name": "ANNA"}])
    save(desk, path)
    names = desk.read(lambda s: s.scalars(select(Person.machine_family_name)).all())
    assert names == ["WANG"]


def die_after(batches: int) -> Any:
    left = batches

    def progress(_done: int, _of: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


@pytest.mark.parametrize("kind", [APPLICATIONS, SheetKind.REQUESTS])
def test_l1_a_killed_import_goes_on_and_saves_each_row_once(
    back_office: BackOffice, database: str, tmp_path: Path, kind: SheetKind
) -> None:
    make = person if kind == APPLICATIONS else request
    path = write(tmp_path / "new.csv", map(make, range(2 * BATCH + 7)))
    desk = back_office.desk("AUS")
    report = importing.check_sheet(desk, kind, path)
    number = importing.begin(desk, kind, report, confirm_lookalikes=False)
    back_office.store.close()
    child = os.fork()
    if not child:
        office = back_office.office
        office.store = Store.open(database)
        again = Desk(office=office, actor=desk.actor, now=NOW, reason="a test")
        importing.go_on(again, number, path, on_progress=die_after(1))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert count(back_office.store, Person) == BATCH
    seen = importing.running(desk, kind, path)
    assert seen is not None
    assert (seen.saved, seen.last_line) == (BATCH, BATCH + 1)
    assert importing.go_on(desk, number, path).state == ImportState.DONE
    assert count(back_office.store, Passport) == 2 * BATCH + 7
    table = Application if kind == APPLICATIONS else Preclearance
    assert count(back_office.store, table) == 2 * BATCH + 7


def test_a_changed_sheet_is_another_one(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", map(person, range(3)))
    report = importing.check_sheet(desk, APPLICATIONS, path)
    number = importing.begin(desk, APPLICATIONS, report, confirm_lookalikes=False)
    write(path, map(person, range(4)))
    with pytest.raises(SheetError, match="not the sheet that was checked"):
        importing.go_on(desk, number, path)
    assert count(desk.office.store, Person) == 0


def test_one_sheet_is_imported_once(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", map(person, range(3)))
    report = importing.check_sheet(desk, APPLICATIONS, path)
    number = importing.begin(desk, APPLICATIONS, report, confirm_lookalikes=False)
    with pytest.raises(Conflict, match=r"import\.running"):
        importing.begin(desk, APPLICATIONS, report, confirm_lookalikes=False)
    importing.go_on(desk, number, path)
    with pytest.raises(Conflict, match=r"import\.done"):
        importing.begin(desk, APPLICATIONS, report, confirm_lookalikes=False)
    with pytest.raises(Conflict, match=r"import\.not_running"):
        importing.go_on(desk, number, path)


def test_of_two_that_go_on_at_once_one_stops(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", map(person, range(6)))
    report = importing.check_sheet(desk, APPLICATIONS, path)
    number = importing.begin(desk, APPLICATIONS, report, confirm_lookalikes=False)

    def other(done: int, _of: int) -> None:
        if done == 2:
            importing.go_on(desk, number, path, at_most=2)

    with pytest.raises(Conflict, match=r"import\.elsewhere"):
        _in_twos(desk, number, path, other)
    assert count(desk.office.store, Person) == 4
    assert importing.go_on(desk, number, path).saved == 6


def _in_twos(desk: Desk, number: int, path: Path, tell: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "BATCH", 2)
        importing.go_on(desk, number, path, on_progress=tell)


def test_who_was_entered_meanwhile_stops_it_before_that_batch(
    desk: Desk, tmp_path: Path
) -> None:
    path = write(tmp_path / "new.csv", map(person, range(3)))
    report = importing.check_sheet(desk, APPLICATIONS, path)
    number = importing.begin(desk, APPLICATIONS, report, confirm_lookalikes=False)
    save(desk, write(tmp_path / "other.csv", [person(1)]))
    with pytest.raises(Invalid, match=r"line 3\.row"):
        importing.go_on(desk, number, path)
    assert count(desk.office.store, Person) == 1
    given_up = perform(desk, "import.abandon", id=number)
    assert given_up.state == ImportState.ABANDONED
    assert [each.id for each in perform(desk, "import.list").imports] == [2, 1]
    page = perform(desk, "import.list", limit=1)
    assert perform(desk, "import.list", after=page.after).imports == (given_up,)


def test_the_operations_take_sheets_in_base64(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", map(person, range(3)))
    content = base64.b64encode(path.read_bytes())
    given = {"kind": "applications", "content": content}
    assert perform(desk, "import.check", **given).is_clean
    begun = perform(desk, "import.start", **given, at_most=2)
    assert (begun.state, begun.saved) == (ImportState.RUNNING, 2)
    with pytest.raises(Invalid, match="not the sheet"):
        perform(desk, "import.resume", id=begun.id, content=base64.b64encode(b"x"))
    done = perform(desk, "import.resume", id=begun.id, content=content)
    assert (done.state, done.saved) == (ImportState.DONE, 3)


def test_c4_a_sheet_needs_the_role_of_its_records(
    back_office: BackOffice, tmp_path: Path
) -> None:
    path = write(tmp_path / "new.csv", [person(1)])
    desk = back_office.desk("AUS", roles={Role.PRECLEARANCE})
    with pytest.raises(NotAllowed):
        importing.check_sheet(desk, APPLICATIONS, path)
    clerk = back_office.desk("AUS", roles={Role.INTAKE})
    report = importing.check_sheet(clerk, APPLICATIONS, path)
    number = importing.begin(clerk, APPLICATIONS, report, confirm_lookalikes=False)
    for other in (desk, back_office.desk("AUS", roles={Role.AUDIT})):
        with pytest.raises(NotAllowed):
            importing.go_on(other, number, path)
    with pytest.raises(NotFound):
        importing.go_on(back_office.desk("NZL"), number, path)


@pytest.mark.parametrize("kind", SheetKind)
def test_a_template_is_a_sheet_of_its_kind(
    desk: Desk, tmp_path: Path, kind: SheetKind
) -> None:
    with_settings(desk.office, passports=settings(AUS={}))
    made = perform(desk, "import.template", kind=kind)
    path = tmp_path / made.name
    path.write_text(made.text, newline="")
    allowed = {ProblemCode.REQUEST_NOT_POSSIBLE, ProblemCode.REQUEST_HOSTED,
               ProblemCode.ANSWER_HOSTED}  # fmt: skip
    assert {code for _, code in codes(desk, path, kind)} <= allowed


def test_requests_of_other_economies(back_office: BackOffice, tmp_path: Path) -> None:
    desk = back_office.desk("AUS")
    path = write(
        tmp_path / "requests.csv",
        [request(1), request(2, card_last_day="2033-05-31")],
    )
    save(desk, path, SheetKind.REQUESTS)
    cards = desk.read(lambda s: s.scalars(select(Card).order_by(Card.id)).all())
    assert [card.state for card in cards] == ["pending_home", "active"]
    assert str(cards[1].expires_at) == "2033-06-01 00:00:00+00:00"
    bad = [
        request(1),  # the same again is nothing new
        request(3, reference="2030/1"),
        request(4, passport_number=person(1)["passport_number"]),
        request(5, issuer="NZL"),
        request(6, applied_on="yesterday"),
        request(7, issuer="USA", nationality="USA"),
        request(8, issuer="CAN", nationality="CAN"),
    ]
    found = codes(desk, write(tmp_path / "more.csv", bad), SheetKind.REQUESTS)
    assert found == [
        (3, ProblemCode.REQUEST_REFERENCE),
        (3, ProblemCode.SHEET_SAME_REFERENCE),
        (4, ProblemCode.REQUEST_PASSPORT),
        (4, ProblemCode.SHEET_SAME_PASSPORT),
        (5, ProblemCode.REQUEST_HOSTED),
        (6, ProblemCode.DATE),
        (7, ProblemCode.REQUEST_HOSTED),
        (8, ProblemCode.REQUEST_NOT_POSSIBLE),
    ]
    assert count(desk.office.store, Preclearance) == 2


def test_answers_of_economies_that_are_elsewhere(flow: Flow, tmp_path: Path) -> None:
    first, second = flow.circulated(), flow.circulated()
    desk = flow.desk(who="ann")
    rows = [
        {"destination": "SGP", "reference": f"card-{first.card}", "event": "approve"},
        {"destination": "SGP", "reference": f"card-{second.card}", "event": "refuse"},
    ]
    answers = SheetKind.ANSWERS
    assert save(desk, write(tmp_path / "answers.csv", rows), answers).saved == 2
    assert flow.lane(first, "SGP").state == "approved"
    assert flow.lane(second, "SGP").state == "not_approved"
    assert flow.check(first.card).problems == ()
    bad = [
        {**rows[0], "event": "refuse"},
        {**rows[1], "destination": "JPN"},
        {**rows[0], "reference": "card-9999999999999999999999"},
        {**rows[0], "event": "hesitate", "destination": "XXX"},
        {**rows[1], "reference": ""},
    ]
    path = write(tmp_path / "bad.csv", bad)
    assert codes(desk, path, answers) == [
        (2, ProblemCode.ANSWER_STATE),
        (3, ProblemCode.ANSWER_HOSTED),
        (4, ProblemCode.ANSWER_NOT_ASKED),
        (5, ProblemCode.CODE),
        (5, ProblemCode.ANSWER_EVENT),
        (6, ProblemCode.MISSING),
    ]


def test_what_is_hosted_here_is_not_recorded_for_it(flow: Flow) -> None:
    """A home economy cannot answer in the name of a destination that signs."""
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    with pytest.raises(Conflict, match=r"preclearance\.hosted_here"):
        flow.do("preclearance.record", preclearance=lane, event="approve")
    lane = flow.lane(case, "SGP").id
    done = flow.do("preclearance.record", preclearance=lane, event="approve")
    assert done.state == "approved"


def test_c3_exports_are_pages_that_no_spreadsheet_runs(
    flow: Flow, tmp_path: Path
) -> None:
    desk = flow.desk(who="ann")
    save(desk, write(tmp_path / "new.csv", map(person, range(3))))

    def hostile(session: Any) -> None:
        session.get_one(Person, 2).given_name = "=HYPERLINK(1)"

    flow.write(hostile)
    first = perform(desk, "export.applications", limit=2)
    rest = perform(desk, "export.applications", limit=2, after=first.after)
    assert (first.rows, rest.rows, rest.after) == (2, 1, None)
    lines = (first.text + rest.text).splitlines()
    assert len(lines) == 4
    assert '"\'=HYPERLINK(1)"' in lines[2]
    logged = desk.read(
        lambda s: s.scalars(select(AuditRow).filter_by(tag="export:made")).all()
    )
    assert [json.loads(row.fields)["count"] for row in logged] == [2, 1]


def test_answers_and_reports_are_exported_too(flow: Flow) -> None:
    case = flow.circulated()
    sheet = flow.do("export.preclearances", destination="JPN")
    assert f'"card-{case.card}","JPN","pending"' in sheet.text
    assert flow.do("export.preclearances", destination="JPN", state="lapsed").rows == 0
    for report in ("answer_times", "months", "backlog"):
        assert flow.do("export.report", report=report).rows >= 1


# On the command line


@pytest.fixture
def home(
    back_office: BackOffice,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "office.toml").write_text(f'database = "{database}"\n')
    now = datetime.now(UTC)  # noqa: TID251  # the command reads the clock as well
    desk = back_office.desk("AUS", now=now)
    fields = {"label": "shell"}
    key: Any = all_operations()["api_key.make_own"].perform(desk, fields)
    monkeypatch.setenv("ABTC_API_KEY", key.secret)
    return folder


def command(home: Path, path: Path, *more: str) -> int:
    return main(
        ["import", "applications", str(path), "--home", str(home), "--reason", "a test",
         *more]
    )  # fmt: skip


def test_the_command_lists_faults_or_saves(
    home: Path, desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "new.csv", [person(1), person(2, sex="w")])
    assert command(home, path) == FAILED
    said = capsys.readouterr().err
    assert f"{path}:3: sex: sex.unknown: " in said
    assert "Nothing is saved." in said
    assert command(home, path, "--json") == FAILED
    told = json.loads(capsys.readouterr().out)
    assert (told["code"], told["faults"][0]["line"]) == ("import.not_clean", 3)
    write(path, [person(1), person(2)])
    assert command(home, path) == OK
    assert capsys.readouterr().out == "import 1: 2 of 2 rows are saved\n"
    assert command(home, path) == FAILED
    assert count(desk.office.store, Person) == 2


def test_an_interrupted_command_says_how_to_go_on(
    home: Path,
    desk: Desk,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write(tmp_path / "new.csv", map(person, range(5)))
    saving = importing.go_on

    def interrupted(*given: Any, **more: Any) -> None:
        saving(*given, **{**more, "at_most": 2})
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(importing, "go_on", interrupted)
        assert command(home, path) == INTERRUPTED
    assert "The same command goes on" in capsys.readouterr().err
    assert command(home, path, "--json") == OK
    said = capsys.readouterr()
    assert "going on behind line 3" in said.err
    assert json.loads(said.out)["saved"] == count(desk.office.store, Person) == 5


def test_wrong_usage_of_the_command(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "new.csv", [person(1)])
    assert main(["import", "applications", str(path), "--home", str(home)]) == USAGE
    assert main(["import", "everything", str(path)]) == USAGE
    assert command(home, tmp_path / "nowhere.csv") == FAILED
    monkeypatch.setenv("ABTC_API_KEY", "nobody's")
    assert command(home, path) == FAILED
    monkeypatch.delenv("ABTC_API_KEY")
    assert command(home, path) == USAGE
    for kind in SheetKind:
        assert main(["import", kind, "--help"]) == OK
