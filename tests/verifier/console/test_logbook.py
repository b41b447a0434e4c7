"""The log of a console: whatever becomes of it, the officer has the answer."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import verifier
from tests.verifier.console.conftest import WORLD, Desk, at
from verifier.console import logbook, training
from verifier.console.exports import Exports

KEY = bytes(32)
CODE = WORLD.show(WORLD.card())


@pytest.fixture
def logging(synced: Path, tmp_path: Path) -> Iterator[Desk]:
    """A console that keeps a log."""
    log = verifier.ScanLog(tmp_path / "log", key=KEY)
    desk = Desk(synced, tmp_path / "home", log=log)
    desk.device.logbook.start()
    desk.begin()
    yield desk
    desk.device.logbook.close()


def rows(desk: Desk) -> list[Any]:
    """What is handed out, after all that waits was written."""
    desk.device.logbook.close()
    found = desk.post("log/export")
    assert found.headers["Content-Disposition"].startswith("attachment")
    return [json.loads(line) for line in found.text.splitlines()]


def test_what_was_decided_and_what_the_officer_did_is_written(logging: Desk) -> None:
    """A scan is one row, also if a passport came after it; an act names its row."""
    desk = logging
    found = desk.check(CODE)
    desk.check(CODE)  # held up twice
    same = {"country": "AUS", "number": "PA1234567"}
    desk.check(CODE, passport=same)
    order = {"decision": "refer", "reason": "supervisor", "note": "  as  told "}
    done = desk.post(f"answers/{found['id']}/override", order).json
    assert done["override"]["recorded"] is True
    desk.post(f"answers/{found['id']}/compared", {"matches": False})
    _, scan, override, mismatch, end = rows(desk)
    assert (scan["outcome"], scan["entry"]) == ("accepted", "entry.cleared")
    assert (override["of"], override["officer"], override["lane"]) == (2, "b-17", "3")
    assert (override["decision"], override["look"]) == ("refer", "accepted")
    assert (mismatch["of"], mismatch["reason"]) == (2, "mismatch")
    assert mismatch["decision"] is None
    assert end["rows"] == 4


def test_a_passport_that_changes_the_answer_is_a_row_of_its_own(logging: Desk) -> None:
    logging.check(CODE)
    logging.check(CODE, passport={"country": "AUS", "number": "PA7654321"})
    _, first, second, _ = rows(logging)
    assert (first["outcome"], second["reason"]) == ("accepted", "passport.mismatch")


def test_c8_o7_no_row_names_a_traveller(logging: Desk, tmp_path: Path) -> None:
    """Nor does anything that waits for the disk."""
    entry = logging.device.logbook.record(WORLD.verify(CODE))
    assert "CITIZEN" not in repr(entry)
    found = logging.check(CODE)
    assert found["person"]["family_name"] == "CITIZEN"
    text = json.dumps(rows(logging))
    for canary in ("CITIZEN", "PA1234567", "A1234567", "1980", "nonce", "holder"):
        assert canary not in text
    exports = list((tmp_path / "home" / "exports").iterdir())
    assert len(exports) == 1
    assert exports[0].parent.stat().st_mode & 0o777 == 0o700


def test_training_is_in_no_log(logging: Desk) -> None:
    """Neither the answer nor what the trainee did with it."""
    case = {"case": training.self_test().id}
    found = logging.post("training/check", case).json
    order = {"decision": "admit", "reason": "other"}
    done = logging.post(f"answers/{found['id']}/override", order).json
    logging.post(f"answers/{found['id']}/compared", {"matches": False})
    assert done["override"]["recorded"] is False
    logging.check("x")
    _, row, end = rows(logging)
    assert (row["reason"], end["rows"]) == ("card.foreign", 2)


def test_days_are_counted(logging: Desk) -> None:
    logging.check(CODE)
    logging.check("x")
    logging.device.logbook.close()
    found = logging.get("log").json
    assert found["days"]["2030-01-15"]["accepted"] == 1
    assert found["days"]["2030-01-15"]["card.foreign"] == 1
    assert (found["on"], found["waiting"], found["unsent"]) == (True, 0, 3)


def test_o2_a_log_that_cannot_be_written_stops_no_scan(
    logging: Desk, tmp_path: Path
) -> None:
    """The home says why, and how many rows wait."""
    shutil.rmtree(tmp_path / "log", ignore_errors=True)
    (tmp_path / "log").write_text("in its place")
    assert logging.check(CODE)["look"] == "accepted"
    logging.device.logbook.close()
    state = logging.get("state").json["freshness"]["log"]
    assert state["problem"]
    assert state["waiting"] == 1
    assert logging.get("log").status_code == 503
    assert logging.post("log/export").json["error"] == "log.failed"


def test_o2_a_disk_that_hangs_stops_no_scan(
    synced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers do not wait for it; what is too much is counted."""
    monkeypatch.setattr(logbook, "_MAX_WAITING", 8)
    log = verifier.ScanLog(tmp_path / "log", key=KEY)
    desk = Desk(synced, tmp_path / "home", log=log)  # its thread never comes to it
    desk.begin()
    for _ in range(12):
        assert desk.check(CODE)["look"] in {"accepted", "by_hand"}
        desk.check("x")
    state = desk.get("state").json["freshness"]["log"]
    assert state["waiting"] == 8
    assert state["missed"] == 24 - 8


def test_without_a_log(desk: Desk) -> None:
    """Nothing is kept, and asking for it says so."""
    assert desk.get("state").json["freshness"]["log"]["on"] is False
    for found in (desk.get("log"), desk.post("log/export")):
        assert (found.status_code, found.json["error"]) == (409, "log.off")


def test_only_the_last_exports_are_kept(tmp_path: Path) -> None:
    """A device that is collected from every day does not fill its disk."""
    exports = Exports(tmp_path / "exports")
    for number in range(11):
        exports.new_path(at(number)).write_text("")
    names = sorted(path.name for path in (tmp_path / "exports").iterdir())
    assert len(names) == 8
    assert names[-1] == "scan-log-20300115T120010000000Z.jsonl"


def test_the_log_goes_to_the_collector_by_itself(synced: Path, tmp_path: Path) -> None:
    """About every hour and when asked; what went wrong is told, and tried again."""
    answers = iter(["the collector was not reached", None, None])
    handed: list[int] = []

    def send(log: verifier.ScanLog) -> verifier.ScanLogExport:
        problem = next(answers)
        if problem:
            raise verifier.ScanLogError(problem)
        done = log.export(tmp_path / f"handed-{len(handed)}")
        handed.append(done.rows)
        return done

    log = verifier.ScanLog(tmp_path / "log", key=KEY)
    desk = Desk(synced, tmp_path / "home", log=log, send=send)
    desk.begin()
    log.record(WORLD.verify(CODE))
    assert sent(desk, desk.post("log/send"))["error"] == "the collector was not reached"
    book = desk.device.logbook
    book.tick()
    assert handed == []  # it is not yet time
    desk.wait(5400)
    book.tick()
    told = sent(desk, desk.get("state"))
    assert (told["rows"], told["error"], handed) == (2, None, [2])
    assert desk.get("state").json["freshness"]["log"]["unsent"] == 0


def sent(desk: Desk, begun: Any) -> Any:
    assert begun.json["freshness"]["log"]["collector"] is True
    thread = desk.device.logbook._sending
    assert thread is not None
    thread.join(timeout=60)
    return desk.get("state").json["freshness"]["log"]["sent"]


def test_without_a_collector(logging: Desk) -> None:
    found = logging.post("log/send")
    assert (found.status_code, found.json["error"]) == (409, "log.off")
