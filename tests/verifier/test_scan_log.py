"""The scan log: what is in it, and what happens when things go wrong."""

import errno
import hashlib
import json
import multiprocessing
import os
import random  # noqa: TID251  # seeded: a failure can be repeated
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import verifier
from tests.power import PowerCuts, write_state
from tests.simulator import NOW, World
from tests.soak import rounds
from verifier import LogHead, ScanLog
from verifier._log_rows import HEADER, LINE, Sealer

KEY = bytes(range(32))
SMALL = 2**17
"""Sixteen segments of ten rows."""
WORLD = World(economies=["AUS", "SGP"])
CODE = WORLD.show(WORLD.card())
GOOD = WORLD.verify(CODE)
FORGED = WORLD.verify("ABTC1:" + CODE[6:].replace("A", "B", 1))
STALE = WORLD.verify(CODE, now=NOW + timedelta(hours=1))
REVOKED = FORGED


def log_of(folder: Path, **options: Any) -> ScanLog:
    return ScanLog(folder, key=KEY, **options)


def at(decision: verifier.Decision, now: datetime) -> verifier.Decision:
    return replace(decision, evidence=replace(decision.evidence, now=now))


def fill(
    folder: Path, count: int, decision: verifier.Decision = GOOD, **options: Any
) -> ScanLog:
    log = log_of(folder, **options)
    for _ in range(count):
        log.record(decision)
    return log


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("scan-*.log"))


def exported(folder: Path, out: Path) -> list[dict[str, Any]]:
    log_of(folder).export(out)
    return [json.loads(line) for line in out.read_text().splitlines()]


def scans(folder: Path) -> int:
    counts = log_of(folder).counts().values()
    return sum(
        each.get(outcome, 0)
        for each in counts
        for outcome in ("accepted", "rejected", "undecided")
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_o7_nothing_of_the_traveller(folder: Path, tmp_path: Path) -> None:
    """Of a good card, outcome, codes, time, key and list versions, and nothing else."""
    log = fill(folder, 1)
    assert isinstance(GOOD, verifier.Accepted)
    rows = exported(folder, tmp_path / "out")
    assert rows[1] == {
        "seq": 2,
        "at": int(NOW.timestamp()),
        "kind": "scan",
        "previous": log_digest(tmp_path / "out", 0),
        "outcome": "accepted",
        "lane": "lane.open",
        "entry": "entry.cleared",
        "economy": "AUS",
        "key": GOOD.evidence.key_id,
        "trust": GOOD.evidence.trust_version,
        "trust_at": int(GOOD.evidence.trust_issued_at.timestamp()),
        "status_at": moment(GOOD.evidence.status_issued_at),
        "overlay_at": moment(GOOD.evidence.overlay_issued_at),
    }
    text = (tmp_path / "out").read_text()
    card = GOOD.card
    for secret in (
        card.document_number,
        card.family_name,
        card.passport_number,
        card.birthdate,
        card.status_uri,
        GOOD.evidence.holder_key,
        GOOD.evidence.proof_nonce,
    ):
        assert secret is not None
        assert secret not in text
    assert log.status().waiting == 0


def log_digest(path: Path, line: int) -> str:
    return hashlib.sha256(path.read_bytes().split(b"\n")[line]).hexdigest()


def moment(value: datetime | None) -> int | None:
    return int(value.timestamp()) if value else None


@pytest.mark.parametrize("decision", [FORGED, STALE])
def test_o7_nothing_of_a_bad_card(
    folder: Path, tmp_path: Path, decision: verifier.Rejected | verifier.Undecided
) -> None:
    """Detail, which may quote the card, stays out."""
    fill(folder, 1, replace(decision, detail="CITIZEN JANE"))
    (_, row, _) = exported(folder, tmp_path / "out")
    assert row["reason"] == decision.reason
    assert "CITIZEN" not in (tmp_path / "out").read_text()


def test_o7_a_lost_device_shows_nothing(folder: Path) -> None:
    """Without the key no code can be read, and every row has the same length."""
    fill(folder, 2)
    fill(folder, 2, STALE)
    data = segments(folder)[0].read_bytes()
    assert len(data) == HEADER + 5 * LINE
    assert len({data[HEADER + i * LINE :][:LINE] for i in range(5)}) == 5
    for word in (b"accepted", b"undecided", b"proof.stale"):
        assert word not in data
    other = ScanLog(folder, key=bytes(32)).verify()
    assert (other.rows, str(other.bad)[:30]) == (0, "row 1 in scan-00000001.log: no")
    assert all(path.stat().st_mode & 0o77 == 0 for path in [folder, *segments(folder)])


def test_the_longest_row_fits(folder: Path) -> None:
    """Every field at its longest: the row can be read again."""
    code = max([*verifier.RejectReason, *verifier.UndecidedReason], key=len)
    far = datetime(2099, 12, 31, tzinfo=UTC)
    evidence = replace(
        GOOD.evidence,
        now=far,
        key_id="k" * 64,
        trust_version=2**60,
        trust_issued_at=far,
        status_issued_at=far,
        overlay_issued_at=far,
    )
    assert isinstance(GOOD, verifier.Accepted)
    lane = max(verifier.LaneReason, key=len)
    entry = max(verifier.EntryReason, key=len)
    found = GOOD.entitlement
    found = replace(
        found,
        lane=replace(found.lane, reason=lane),
        entry=replace(found.entry, reason=entry),
    )
    log = log_of(folder)
    log.record(replace(GOOD, entitlement=found, evidence=evidence))
    log.record(replace(STALE, reason=code, evidence=evidence))
    assert (log.verify().bad, log.verify().rows) == (None, 3)
    assert set(log.counts()["2099-12-31"]) == {
        "accepted", "undecided", str(lane), str(entry), str(code)
    }  # fmt: skip


def test_counts_by_day(folder: Path) -> None:
    """Outcomes and codes by day in UTC, days in order whatever the clock did."""
    fill(folder, 2, at(GOOD, NOW + timedelta(days=1)))
    fill(folder, 1)
    log = fill(folder, 3, STALE)
    assert log.counts() == {
        "2030-01-15": {
            "accepted": 1,
            "entry.cleared": 1,
            "lane.open": 1,
            "proof.stale": 3,
            "undecided": 3,
        },
        "2030-01-16": {"accepted": 2, "entry.cleared": 2, "lane.open": 2},
    }


def test_t3_a_clock_set_back(folder: Path) -> None:
    """Rows keep their order and their chain; the report says that the clock went back.

    A clock outside of all bounds is kept within them, and stops nothing.
    """
    fill(folder, 1)
    fill(folder, 1, at(GOOD, NOW - timedelta(days=400)))
    fill(folder, 1, at(GOOD, NOW - timedelta(days=400, seconds=30)))
    fill(folder, 1, at(GOOD, datetime(1960, 1, 1, tzinfo=UTC)))
    log = fill(folder, 1, at(GOOD, datetime(2400, 1, 1, tzinfo=UTC)))
    found = log.verify()
    assert (found.bad, found.rows, found.clock_back) == (None, 6, 2)
    assert log.status().problem is None


def test_i4_every_byte(folder: Path) -> None:
    """Whichever byte is changed: the first bad row is named, and scans go on."""
    fill(folder, 3)
    path = segments(folder)[0]
    whole = path.read_bytes()
    step = rounds(usual=5, soak=1)
    places = {*range(0, len(whole), step), *range(HEADER + 2), len(whole) - 1}
    for place in sorted(places):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        found = log_of(folder).verify()
        assert found.bad is not None, place
        row = 1 if place < HEADER else (place - HEADER) // LINE + 1
        assert (found.bad.segment, found.bad.seq) == (path.name, row)
    for place in (3, HEADER + 4, HEADER + LINE + 4, len(whole) - 1):
        copy = shutil.copytree(folder, folder.with_name(f"at-{place}"))
        changed = bytearray(whole)
        changed[place] ^= 1
        (copy / path.name).write_bytes(changed)
        log = fill(copy, 1)
        assert (log.status().waiting, log.status().problem) == (0, None)
        assert log.verify().bad is not None
        assert scans(copy) >= 1


def test_o1_cut_at_every_byte(folder: Path) -> None:
    """Whichever byte is the last: what is whole is read, and the log goes on.

    An end in the middle of a row is what a power cut leaves: no bad row.
    """
    fill(folder, 3)
    path = segments(folder)[0]
    whole = path.read_bytes()
    head = log_of(folder).verify().head
    step = rounds(usual=37, soak=1)
    for size in range(HEADER + LINE, len(whole), step):
        shutil.rmtree(folder)
        folder.mkdir()
        path.write_bytes(whole[:size])
        rows, rest = divmod(size - HEADER, LINE)
        found = log_of(folder).verify()
        assert (found.bad, found.rows, found.unfinished) == (None, rows, bool(rest))
        cut = log_of(folder).verify(head=head).bad
        assert str(cut) == f"row {rows + 1}: missing; row 4 was noted"
        after = fill(folder, 1).verify()
        assert (after.bad, after.unfinished) == (None, bool(rest))
        assert after.rows == rows + 1 + bool(rest)
        assert scans(folder) == rows


def test_o1_an_end_of_zeros(folder: Path) -> None:
    """Some file systems give a file its length before its content."""
    fill(folder, 3)
    with segments(folder)[0].open("ab") as file:
        file.write(b"AAA" + bytes(LINE))
    assert fill(folder, 1).verify().unfinished == 1
    assert log_of(folder).verify().bad is None
    assert scans(folder) == 4


def test_i4_rows_that_are_removed_or_moved(folder: Path) -> None:
    """Deleted, exchanged, repeated, brought in from another segment: named."""
    fill(folder, 25, max_bytes=SMALL)
    first, second, third = segments(folder)
    whole = {path: path.read_bytes() for path in segments(folder)}

    def blamed(path: Path, rows: list[bytes]) -> int:
        path.write_bytes(whole[path][:HEADER] + b"".join(rows))
        bad = log_of(folder).verify().bad
        path.write_bytes(whole[path])
        assert bad is not None
        return bad.seq

    lines = lines_of(first)
    assert blamed(first, [lines[0], *lines[2:]]) == 2
    assert blamed(first, [lines[0], lines[2], lines[1], *lines[3:]]) == 2
    assert blamed(first, [*lines, lines[-1]]) == 11
    assert blamed(first, lines[:-1]) == 10
    assert blamed(second, [lines[0], *lines_of(second)[1:]]) == 11
    for path, row in ((first, 1), (second, 11)):
        path.unlink()
        bad = log_of(folder).verify().bad
        assert bad is not None
        assert bad.seq == row
        path.write_bytes(whole[path])
    second.rename(folder / "spare")
    third.rename(second)
    (folder / "spare").rename(third)
    assert blamed(first, lines) == 11


def test_i4_a_file_of_an_older_copy(folder: Path, tmp_path: Path) -> None:
    """Numbers fit, and every row is of this device: the chain does not hold."""
    fill(folder, 5, max_bytes=SMALL)
    copy = shutil.copytree(folder, tmp_path / "copy")
    fill(folder, 15, max_bytes=SMALL)
    fill(copy, 15, STALE, max_bytes=SMALL)
    shutil.copy(segments(copy)[1], segments(folder)[1])
    bad = log_of(folder).verify().bad
    assert bad is not None
    assert (bad.seq, bad.segment) == (11, "scan-00000002.log")
    assert "exchanged" in bad.detail


def lines_of(path: Path) -> list[bytes]:
    data = path.read_bytes()[HEADER:]
    return [data[i : i + LINE] for i in range(0, len(data), LINE)]


def test_i4_the_end_is_cut_off(folder: Path, tmp_path: Path) -> None:
    """A head kept elsewhere shows it, and so does an export or a running process."""
    log = fill(folder, 5)
    kept = log.verify().head
    path = segments(folder)[0]
    shorter = path.read_bytes()[: -2 * LINE]
    path.write_bytes(shorter)
    assert log_of(folder).verify().bad is None
    cut = log_of(folder).verify(head=kept)
    assert str(cut.bad) == "row 5: missing; row 6 was noted"
    log.record(GOOD)
    bad = log_of(folder).verify().bad
    assert bad is not None
    assert (bad.seq, bad.segment) == (5, "scan-00000002.log")
    shutil.rmtree(folder)
    fill(folder, 5)
    log_of(folder).export(tmp_path / "out")
    path.write_bytes(path.read_bytes()[:-LINE])
    assert str(log_of(folder).verify().bad) == "row 6: missing; row 6 was noted"


def test_i4_written_anew_with_the_key(folder: Path) -> None:
    """Who has the key can write another log, and it does not fit the head."""
    kept = fill(folder, 5).verify().head
    shutil.rmtree(folder)
    log = fill(folder, 7)
    assert log.verify().bad is None
    assert str(log.verify(head=kept).bad) == (
        "row 6 in scan-00000001.log: not the row that was noted"
    )
    shutil.rmtree(folder)
    with pytest.raises(verifier.ScanLogError):
        log.verify(head=kept)


def test_a_log_is_bounded(folder: Path, tmp_path: Path) -> None:
    """The oldest go, a row says so, the chain holds; a missing segment more shows."""
    kept = fill(folder, 40, max_bytes=SMALL).verify().head
    log_of(folder).export(tmp_path / "first")
    for _ in range(rounds(usual=6, soak=60)):
        fill(folder, 50, max_bytes=SMALL)
        size = sum(path.stat().st_size for path in folder.glob("scan-*"))
        assert SMALL // 2 < size <= SMALL
    found = log_of(folder).verify(head=kept)
    assert (found.bad, found.first > 100) == (None, True)
    report = log_of(folder).export(tmp_path / "second")
    assert report.first == found.first
    assert kept is not None
    assert report.lost == found.first - kept.seq - 1
    segments(folder)[0].unlink()
    bad = log_of(folder).verify().bad
    assert str(bad).startswith("row 1: missing; the log begins with row ")


def test_i4_a_device_is_not_made_to_drop_rows(folder: Path) -> None:
    """Files that somebody puts there displace none of ours, however large."""
    fill(folder, 25, max_bytes=SMALL)
    os.truncate(segments(folder)[1], 2**20)
    for number in range(100, 130):
        (folder / f"scan-{number:08}.log").write_bytes(bytes(SMALL))
    log = fill(folder, 25, max_bytes=SMALL)
    assert log.verify().bad is not None
    assert (log.verify().first, scans(folder)) == (1, 50)


def test_a_key_that_is_always_lost(folder: Path) -> None:
    """A new key with each start: a log of no use, and of no more than some size."""
    for number in range(70):
        ScanLog(folder, key=bytes([number] * 32), max_bytes=SMALL).record(GOOD)
    assert len(segments(folder)) == 64
    assert log_of(folder).verify().bad is not None


def test_o2_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised, status says why, and what waited is written later."""
    log = fill(folder, 3)
    before = segments(folder)[0].read_bytes()
    real = os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) > 100:
            return real(handle, data[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        for _ in range(4):
            log.record(STALE)
        status = log.status()
        assert (status.waiting, status.problem) == (4, "No space left on device")
        assert segments(folder)[0].read_bytes()[: len(before)] == before
    log.flush()
    assert (log.status().waiting, log.status().problem) == (0, None)
    assert (log.verify().bad, scans(folder)) == (None, 7)


def test_o2_what_is_given_up_is_counted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded; a row says how many decisions are missing, and since when."""
    monkeypatch.setattr("verifier.scan_log._MAX_WAITING", 5)
    folder.write_text("in the way")
    log = fill(folder, 12)
    assert log.status() == verifier.ScanLogStatus(
        waiting=5, missed=7, problem="File exists", unsent=None
    )
    folder.unlink()
    log.flush()
    assert (log.verify().missed, log.verify().bad, scans(folder)) == (7, None, 5)
    assert log.counts()["2030-01-15"]["missed"] == 7
    row = exported(folder, tmp_path / "out")[1]
    assert (row["kind"], row["since"]) == ("missed", int(NOW.timestamp()))
    log.record(GOOD)
    assert log.verify().missed == 7


@pytest.mark.skipif(os.getuid() != 0, reason="needs the right to mount")
@pytest.mark.parametrize("free", [0, 1, 4, 64])
def test_o2_a_disk_with_little_room(tmp_path: Path, free: int) -> None:
    """A real file system that is full: scans go on, and the log when there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603
        pytest.skip("this machine does not mount")
    try:
        log = fill(disk / "log", 3)
        left = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "ballast").write_bytes(bytes(left - free * 1024))
        for _ in range(200):
            log.record(GOOD)
        status = log.status()
        assert status.problem == "No space left on device"
        assert 0 < status.waiting <= 200
        assert log.verify().bad is None
        with pytest.raises(verifier.ScanLogError, match="No space left"):
            log.export(disk / "out")
        assert not (disk / "out").exists()
        (disk / "ballast").unlink()
        log.flush()
        assert (log.verify().bad, scans(disk / "log")) == (None, 203)
    finally:
        subprocess.run(["umount", disk], check=True)  # noqa: S603, S607  # ours


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("name", ["fsync", "replace", "open", "unlink"])
def test_o2_every_call_fails_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: int
) -> None:
    """Whichever call fails: nothing is raised, and no decision is lost or doubled."""
    real = getattr(os, name)
    for allowed in range(0, 60, rounds(usual=7, soak=1)):
        shutil.rmtree(folder, ignore_errors=True)
        fill(folder, 8, max_bytes=SMALL)
        left = allowed

        def failing(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                raise OSError(error, os.strerror(error))
            return real(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing)
            log = fill(folder, 8, max_bytes=SMALL)
        log.flush()
        assert (log.verify().bad, scans(folder)) == (None, 16)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere")))


def _fill(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(5000))  # noqa: S311


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "pipe": _pipe,
    "folder": _to_folder,
    "link": _link,
    "huge": lambda path: os.truncate(path, 2**32),
    "other bytes": _fill,
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("which", [0, 1, -1])
def test_o3_broken_files(folder: Path, tmp_path: Path, kind: str, which: int) -> None:
    """Whatever becomes of a segment: scans go on, and verify names it."""
    head = fill(folder, 25, max_bytes=SMALL).verify().head
    DAMAGE[kind](segments(folder)[which])
    log = fill(folder, 12, STALE, max_bytes=SMALL)
    assert (log.status().waiting, log.status().problem) == (0, None)
    assert log.verify(head=head).bad is not None
    assert scans(folder) >= 12
    report = log.export(tmp_path / "out")
    assert report.rows > 12
    fill(folder, 200, max_bytes=SMALL)
    assert scans(folder) >= 100


def test_o3_a_broken_mark_of_what_was_exported(folder: Path, tmp_path: Path) -> None:
    """Everything is handed out again, rather than something never."""
    log = fill(folder, 3)
    log.export(tmp_path / "first")
    (folder / "exported").write_bytes(Sealer.fresh(KEY).header + b"x" * LINE)
    assert log.export(tmp_path / "second").rows == 4


def test_o1_killed_at_every_write(tmp_path: Path) -> None:
    """A process that dies at any write leaves a log that is whole and goes on."""
    fill(tmp_path / "start", 155, max_bytes=SMALL)
    before = log_of(tmp_path / "start").verify()
    subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-m", "tests.verifier.killed_log", tmp_path],
        check=True,
        timeout=240,
    )
    copies = sorted(
        int(each.name) for each in tmp_path.iterdir() if each.name.isdigit()
    )
    assert len(copies) > 25
    for number in copies:
        folder = tmp_path / str(number)
        assert log_of(folder).verify(head=before.head).bad is None
        log = fill(folder, 12, max_bytes=SMALL)
        assert (log.verify(head=before.head).bad, log.status().problem) == (None, None)
        size = sum(path.stat().st_size for path in folder.glob("scan-*"))
        assert size <= SMALL
    assert log_of(tmp_path / str(copies[-1])).counts()["2030-01-15"]["rejected"] == 25


def test_o1_power_cuts(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the disk had not been told to keep: what was written before is there."""
    head = fill(folder, 155, max_bytes=SMALL).verify().head
    with monkeypatch.context() as patch:
        cuts = PowerCuts(folder, patch)
        fill(folder, 15, max_bytes=SMALL)
    states = list(cuts.states(seed=1))
    cuts.close()
    step = rounds(usual=5, soak=1)
    for number, state in enumerate([*states[::step], states[-1]]):
        copy = tmp_path / f"cut-{number}"
        write_state(copy, state)
        assert log_of(copy).verify(head=head).bad is None
        log = fill(copy, 12, max_bytes=SMALL)
        assert log.verify(head=head).bad is None
        shutil.rmtree(copy)


def test_o6_two_processes(folder: Path) -> None:
    """Every decision of each process is in the log once, in one chain."""
    count = rounds(usual=60, soak=1000)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_record, args=(folder, count)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
        assert process.exitcode == 0
    found = log_of(folder).verify()
    assert (found.bad, found.unfinished, scans(folder)) == (None, 0, 2 * count)


def _record(folder: Path, count: int) -> None:
    log = fill(folder, count, max_bytes=2**20)
    log.flush()
    assert log.status().waiting == 0


def test_o6_a_process_that_hangs(folder: Path) -> None:
    """Who holds the log stops no scan; readers are told in one line."""
    log = fill(folder, 1)
    with log_of(folder)._locked(timedelta(0)):
        log.record(GOOD)
        assert (log.status().waiting, log.status().problem) == (1, None)
        log.flush()
        assert log.status().problem == "another process is at this log"
        with pytest.raises(verifier.ScanLogError, match="another process"):
            log.verify()
    log.record(GOOD)
    assert (scans(folder), log.status().problem) == (3, None)


def test_o6_readers_keep_no_scan_waiting(folder: Path) -> None:
    """What is read is the log at one moment, though rows come and whole files go."""
    log = fill(folder, 25, max_bytes=SMALL)
    with log._reading() as snapshot:
        after = fill(folder, 200, max_bytes=SMALL)
        assert after.status().waiting == 0
        assert not (folder / "scan-00000001.log").exists()
        rows = [found.row.seq for found in snapshot.lines() if found.row]
    assert rows == list(range(1, 29))


def test_exports_go_on_where_the_last_ended(folder: Path, tmp_path: Path) -> None:
    """Files of rows that follow each other; a collector needs nothing but SHA-256."""
    texts = list[bytes]()
    sent = 0
    for number, count in enumerate((3, 4, 1)):
        log = fill(folder, count)
        assert log.status().unsent == count + (number == 0)
        out = tmp_path / f"out-{number}"
        report = log.export(out)
        *rows, about = out.read_bytes().splitlines()
        assert (report.first, report.rows, report.lost) == (sent + 1, len(rows), 0)
        assert json.loads(about)["head"] == str(report.head)
        assert log.status().unsent == 0
        texts += rows
        sent += len(rows)
    for before, row in pairwise(texts):
        assert json.loads(row)["previous"] == hashlib.sha256(before).hexdigest()
    assert log_of(folder).verify().head == LogHead(
        sent, hashlib.sha256(texts[-1]).hexdigest()
    )
    nothing = log_of(folder).export(tmp_path / "none")
    assert (nothing.rows, nothing.head) == (0, log_of(folder).verify().head)
    assert not (tmp_path / "none").exists()


def test_o2_an_export_that_cannot_be_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the file nor the mark is there, so nothing is counted as collected."""
    log = fill(folder, 3)
    real = os.replace

    def failing(source: Path, target: Path) -> None:
        if target.name == "exported":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        with pytest.raises(verifier.ScanLogError, match="No space left on device"):
            log.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert log.status().unsent == 4
    assert log.export(tmp_path / "out").rows == 4


def test_exports_say_what_is_damaged(folder: Path, tmp_path: Path) -> None:
    """A row that nobody can read is counted as lost; the others are handed out."""
    log = fill(folder, 5)
    path = segments(folder)[0]
    data = bytearray(path.read_bytes())
    data[HEADER + 2 * LINE + 9] ^= 1
    path.write_bytes(data)
    report = log.export(tmp_path / "out")
    assert (report.rows, report.lost, report.first) == (5, 1, 1)


def test_i4_a_log_that_was_deleted(folder: Path, tmp_path: Path) -> None:
    """A process that is running goes on where it was; what is missing shows."""
    log = fill(folder, 5)
    log.export(tmp_path / "out")
    mark = (folder / "exported").read_bytes()
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(verifier.ScanLogError, match="holds no scan log"):
        log.verify()
    (folder / "exported").write_bytes(mark)
    assert log.status().unsent is None
    log.record(GOOD)
    assert str(log.verify().bad) == "row 1: missing; the log begins with row 7"
    assert log.status().unsent == 2


def test_no_number_is_left(folder: Path) -> None:
    """Somebody has put a file with the last number there: told, and no scan stops."""
    folder.mkdir()
    (folder / "scan-99999999.log").write_text("")
    log = fill(folder, 1)
    assert log.status().problem == "there are too many segments"


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b'{"seq":0,"at":1,"kind":"scan","previous":"%s"}' % (b"0" * 64),
        b'{"seq":1,"at":-1,"kind":"scan","previous":"%s"}' % (b"0" * 64),
        b'{"seq":1,"at":1,"kind":"other","previous":"%s"}' % (b"0" * 64),
        b'{"seq":1,"at":1,"kind":"scan","previous":"0"}',
        b'{"seq":1,"at":1,"kind":"scan","previous":"%s","x":[]}' % (b"0" * 64),
        b'{"seq":1,"at":1,"kind":"scan","previous":"%s","x":"\xc3\xa9"}' % (b"0" * 64),
        b'{"seq":1,"at":1,"kind":"scan","previous":"%s","x":"%s"}'
        % (b"0" * 64, b"x" * 65),
    ],
)
def test_i4_rows_of_somebody_with_the_key(folder: Path, text: bytes) -> None:
    """What is properly sealed and yet no row of ours is a bad row, and no crash."""
    fill(folder, 1)
    path = segments(folder)[0]
    sealer = Sealer(KEY, path.read_bytes()[:HEADER])
    with path.open("ab") as file:
        row: Any = SimpleNamespace(text=text, note=None)
        file.write(sealer.seal(row, 2))
    bad = log_of(folder).verify().bad
    assert bad is not None
    assert bad.seq == 3
    assert fill(folder, 1).status().problem is None
    assert scans(folder) == 2


def test_exports_overwrite_nothing(folder: Path, tmp_path: Path) -> None:
    """A file that is there may not have been collected; nothing is forgotten."""
    log = fill(folder, 1)
    (tmp_path / "out").write_text("kept")
    for path in (tmp_path / "out", tmp_path / "none" / "out"):
        with pytest.raises(verifier.ScanLogError):
            log.export(path)
    assert (tmp_path / "out").read_text() == "kept"
    assert log.status().unsent == 2
    assert not list(tmp_path.glob(".abtc*"))


@pytest.mark.parametrize("text", ["", "1", "0:" + "a" * 64, "1:" + "A" * 64, "1:ab"])
def test_heads_are_read_strictly(text: str) -> None:
    """What is no head is told, not compared."""
    with pytest.raises(ValueError, match="not a head"):
        LogHead.parse(text)
    assert str(LogHead.parse("7:" + "a" * 64)) == "7:" + "a" * 64


def test_wrong_use_is_refused(folder: Path) -> None:
    """A key or a size that cannot be meant."""
    with pytest.raises(ValueError, match="32 bytes"):
        ScanLog(folder, key=b"short")
    with pytest.raises(ValueError, match="needs"):
        log_of(folder, max_bytes=1000)
    for read in (log_of(folder).verify, log_of(folder).counts):
        with pytest.raises(verifier.ScanLogError):
            read()
