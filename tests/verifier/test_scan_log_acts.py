"""What officers did with an answer, and a log that many threads share."""

import errno
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import NOW
from tests.verifier.test_scan_log import (
    GOOD,
    SMALL,
    STALE,
    exported,
    fill,
    log_of,
    scans,
    segments,
)
from verifier import OfficerAct, OfficerDecision, OverrideReason, ScanLog, scan_log
from verifier._log_rows import HEADER, LINE, Note, Sealer

ACT = OfficerAct(
    decision=OfficerDecision.ADMIT,
    reason=OverrideReason.SUPERVISOR,
    look="by_hand",
    officer="k.ito",
    lane="3",
    note="Desk 2 phoned, 三番",
)
FAR = datetime(2099, 12, 31, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def no_patience() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return exported(folder, folder.with_name("out"))[:-1]


def test_an_act_names_its_decision(folder: Path) -> None:
    """Who decided what, why and under which look, by the number of the scan's row."""
    log = log_of(folder)
    first, _ = log.record(STALE), log.record(GOOD)
    log.record_act(ACT, of=first, now=NOW + timedelta(seconds=9))
    _, scan, _, act = rows_of(folder)
    assert (first.row, scan["seq"], scan["reason"]) == (2, 2, "proof.stale")
    assert len(act.pop("note")) == 64
    assert act == {
        "seq": 4,
        "at": int(NOW.timestamp()) + 9,
        "kind": "act",
        "previous": act["previous"],
        "of": 2,
        "decision": "admit",
        "reason": "supervisor",
        "look": "by_hand",
        "officer": "k.ito",
        "lane": "3",
    }


def test_acts_are_counted(folder: Path) -> None:
    """What officers decided and why, beside the device's own codes."""
    log = log_of(folder)
    scan = log.record(GOOD)
    failed = OfficerAct(
        decision=None,
        reason=OverrideReason.FACE_DIFFERS,
        look="accepted",
        officer="k.ito",
    )
    for act in (ACT, failed):
        log.record_act(act, of=scan, now=NOW)
    counts = log.counts()["2030-01-15"]
    assert {name: n for name, n in counts.items() if name.startswith("officer")} == {
        "officer.admit": 1,
        "officer.face_differs": 1,
        "officer.mismatch": 1,
        "officer.supervisor": 1,
    }
    assert scans(folder) == 1


def test_o7_notes_stay_in_the_sealed_log(folder: Path) -> None:
    """An export has none unless it is asked for, and then each fits its row's hash."""
    log = log_of(folder)
    log.record_act(ACT, of=log.record(GOOD), now=NOW)
    plain, full = folder.with_name("plain"), folder.with_name("full")
    log.export(plain)
    assert "Desk 2" not in plain.read_text()
    assert "notes" not in json.loads(plain.read_bytes().splitlines()[-1])
    (folder / "exported").unlink()
    log.export(full, notes=True)
    assert full.read_bytes().splitlines()[:-1] == plain.read_bytes().splitlines()[:-1]
    *_, act, about = map(json.loads, full.read_bytes().splitlines())
    note = about["notes"][str(act["seq"])]
    salted = bytes.fromhex(note["salt"]) + note["text"].encode()
    assert (note["text"], hashlib.sha256(salted).hexdigest()) == (ACT.note, act["note"])


def test_o7_acts_are_as_long_as_scans(folder: Path) -> None:
    """Without the key nobody can tell an override, or a note, from a scan."""
    log = log_of(folder)
    log.record_act(ACT, of=log.record(GOOD), now=NOW)
    data = segments(folder)[0].read_bytes()
    assert len(data) == HEADER + 3 * LINE
    assert b"supervisor" not in data


def test_the_longest_act_fits(folder: Path) -> None:
    """Every field at its longest, and the highest numbers: it can be read again."""
    long = OfficerAct(
        decision=OfficerDecision.REFUSE,
        reason=max(OverrideReason, key=len),
        look="x" * 16,
        officer="o" * 32,
        lane="l" * 32,
        note="é" * 60,
    )
    log = log_of(folder)
    scan = log.record(GOOD)
    scan.row = 2**53
    log.record_act(long, of=scan, now=FAR)
    with log._reading() as snapshot:
        *_, found = snapshot.lines()
    assert found.row
    assert found.row.note
    assert found.row.note.text == long.note
    assert len(found.row.text) + 1 + len(found.row.note.to_bytes()) + 16 <= 530


def test_i4_a_note_is_not_changed_by_who_has_the_key(folder: Path) -> None:
    """The row has its hash: another text, or one more, or none, is a bad row."""
    log = log_of(folder)
    log.record_act(ACT, of=log.record(GOOD), now=NOW)
    path = segments(folder)[0]
    whole = path.read_bytes()
    sealer = Sealer(log._key, whole[:HEADER])
    act = sealer.open(whole[-LINE:], 2)
    scan = sealer.open(whole[-2 * LINE : -LINE], 1)
    for place, row, note in (
        (2, act, Note.of("Desk 3 phoned")),
        (2, act, None),
        (1, scan, Note.of("one more")),
    ):
        forged: Any = type("Forged", (), {"text": row.text, "note": note})
        start = HEADER + place * LINE
        line = sealer.seal(forged, place)
        path.write_bytes(whole[:start] + line + whole[start + LINE :])
        bad = log_of(folder).verify().bad
        assert bad is not None
        assert (bad.seq, "note" in bad.detail) == (place + 1, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"officer": ""},
        {"officer": " k"},
        {"officer": "k" * 33},
        {"officer": 'k"'},
        {"officer": "k\\"},
        {"officer": "k\n"},
        {"officer": "伊藤"},
        {"lane": ""},
        {"lane": "l" * 33},
        {"look": "By hand"},
        {"look": "x" * 17},
        {"note": "é" * 61},
        {"note": "two\nlines"},
        {"note": " "},
        {"note": "\u202eback"},
    ],
)
def test_acts_that_cannot_be_meant(wrong: dict[str, str]) -> None:
    """What would not fit, or would move a terminal's cursor, is a caller's mistake."""
    given: dict[str, Any] = {
        "decision": None,
        "reason": OverrideReason.OTHER,
        "look": "refused",
        "officer": "k" * 32,
        "lane": "Lane 3",
        "note": "é" * 60,
    }
    OfficerAct(**given)
    with pytest.raises(ValueError, match=r"characters|a-z_|note"):
        OfficerAct(**(given | wrong))


def test_wrong_use_is_refused(folder: Path, tmp_path: Path) -> None:
    """A decision of another log has another log's number; a time has its zone."""
    log, other = log_of(folder), log_of(tmp_path / "other")
    with pytest.raises(ValueError, match="another log"):
        log.record_act(ACT, of=other.record(GOOD), now=NOW)
    with pytest.raises(ValueError, match="time zone"):
        log.record_act(ACT, of=None, now=NOW.replace(tzinfo=None))


def test_o2_an_act_finds_its_row_after_a_full_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number is the one that the row got in the end, whoever wrote in between."""
    log = fill(folder, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.ENOSPC))
        scan = log.record(STALE)
        log.record_act(ACT, of=scan, now=NOW)
    assert (scan.row, log.status().waiting) == (None, 2)
    fill(folder, 3)
    log.flush()
    *_, stale, act = rows_of(folder)
    assert (scan.row, act["of"]) == (stale["seq"], stale["seq"])
    assert stale["reason"] == "proof.stale"


def test_o2_an_act_about_a_decision_that_was_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names no row, rather than another traveller's."""
    monkeypatch.setattr(scan_log, "_MAX_WAITING", 2)
    log = fill(folder, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.ENOSPC))
        scan = log.record(STALE)
        log.record(GOOD)
        log.record_act(ACT, of=scan, now=NOW)
    log.flush()
    *_, missed, good, act = rows_of(folder)
    assert (missed["kind"], missed["count"], good["outcome"]) == (
        "missed", 1, "accepted"
    )  # fmt: skip
    assert (act["of"], scan.row) == (None, None)


def failing(number: int) -> Callable[[int], None]:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# Threads


@pytest.mark.usefixtures("no_patience")
def test_o6_many_threads(folder: Path, tmp_path: Path) -> None:
    """Every decision of each thread is in the log once, and each act names its own."""
    log = ScanLog(folder, key=bytes(range(32)), max_bytes=2**20)
    lanes = [f"lane {number}" for number in range(6)]
    log.record(GOOD)  # an export asks for a log that is there

    def work(lane: str) -> None:
        act = OfficerAct(
            decision=OfficerDecision.REFER,
            reason=OverrideReason.OTHER,
            look="refused",
            officer="k.ito",
            lane=lane,
        )
        decision = STALE if lane == "lane 0" else GOOD
        for _ in range(20):
            log.record_act(act, of=log.record(decision), now=NOW)
            log.status()

    with ThreadPoolExecutor(len(lanes)) as pool:
        readers = [pool.submit(work, lane) for lane in lanes]
        log.export(tmp_path / "meanwhile")
        for reader in readers:
            reader.result()
    log.flush()
    found = log.verify()
    assert (found.bad, log.status().waiting, log.status().problem) == (None, 0, None)
    assert scans(folder) == 20 * len(lanes) + 1
    (folder / "exported").unlink()
    rows = {row["seq"]: row for row in rows_of(folder)}
    acts = [row for row in rows.values() if row["kind"] == "act"]
    assert len({act["of"] for act in acts}) == len(acts) == 20 * len(lanes)
    for act in acts:
        is_stale = rows[act["of"]]["outcome"] == "undecided"
        assert is_stale == (act["lane"] == "lane 0")


def test_o2_a_disk_that_hangs_keeps_no_other_lane_waiting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread at the disk is left alone, and writes what came meanwhile."""
    log = fill(folder, 1)
    hangs, goes_on = threading.Event(), threading.Event()
    real = os.fsync

    def hang(handle: int) -> None:
        hangs.set()
        assert goes_on.wait(60)
        real(handle)

    monkeypatch.setattr(os, "fsync", hang)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(log.record, STALE)
        assert hangs.wait(60)
        log.record(GOOD)
        assert log.status().waiting == 1
        goes_on.set()
        slow.result()
    assert (log.status().waiting, scans(folder)) == (0, 3)


def test_o2_a_row_that_comes_as_another_thread_leaves_the_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not left to the next scan, which may be tomorrow's."""
    log = fill(folder, 1)
    real, late = log._write_waiting, [GOOD]

    def leaving(patience: timedelta) -> bool:
        is_done = real(patience)
        if late:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(log.record, late.pop()).result()
        return is_done

    monkeypatch.setattr(log, "_write_waiting", leaving)
    log.record(STALE)
    assert (log.status().waiting, scans(folder)) == (0, 3)


@pytest.mark.parametrize("is_full", [False, True])
def test_o2_a_queue_that_overflows_while_a_thread_writes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    """What was given up is counted, and nothing that is written."""
    monkeypatch.setattr(scan_log, "_MAX_WAITING", 8)
    log = fill(folder, 1, max_bytes=SMALL)
    hangs, goes_on = threading.Event(), threading.Event()
    real = os.fsync

    def hang(handle: int) -> None:
        hangs.set()
        assert goes_on.wait(60)
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(os, "fsync", hang)
        slow = pool.submit(log.record, STALE)
        assert hangs.wait(60)
        for _ in range(20):
            log.record(GOOD)
        goes_on.set()
        slow.result()
    log.flush()
    assert log.verify().missed == 20 + is_full - 8
    assert scans(folder) == 1 + 8 + (not is_full)
