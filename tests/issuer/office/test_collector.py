"""The collector: each row once, whatever comes how often; what is wrong is named."""

import json
import random  # noqa: TID251  # seeded: a failure can be repeated
import shutil
from base64 import b64encode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from issuer.collecting import MAX_BATCH
from issuer.collector import collect
from issuer.errors import Conflict, Forbidden, Invalid, NotFound
from issuer.installation import CollectorSettings
from issuer.store import CollectedLog, CollectedRow
from tests.issuer.back_office import BackOffice
from tests.issuer.devices import ACT, FOREIGN, GOOD, Gate, ask, keep
from tests.simulator import NOW
from verifier import DeviceKey, _json, seal_log
from verifier._log_rows import BEFORE_THE_FIRST, Kind, Row, build_row, parse_row

LOG = "0123456789abcdef"
DAY = timedelta(days=1)


@pytest.fixture
def gate(back_office: BackOffice, tmp_path: Path) -> Gate:
    return Gate.enrolled(back_office, tmp_path / "log")


def kept(back: BackOffice) -> list[str]:
    """The texts of all rows that are kept, by number."""
    query = select(CollectedRow.text).order_by(CollectedRow.seq, CollectedRow.id)
    return back.store.read(lambda session: list(session.scalars(query)))


def findings(back: BackOffice, gate: Gate) -> list[tuple[str, int, int, bool]]:
    found = ask(back, "device.show", device=gate.number).found
    return [(f.kind, f.first, f.last, f.filled_at is not None) for f in reversed(found)]


def chain(count: int, *, after: Row | None = None, at: int = 0) -> list[Row]:
    """Rows as a device makes them."""
    rows: list[Row] = []
    for number in range(count):
        told = {"count": 1, "since": 0}
        last = rows[-1] if rows else after
        at += int(NOW.timestamp()) + number
        rows.append(build_row(last, at=at, kind=Kind.MISSED, fields=told))
        at = 0
    return rows


def test_rows_are_kept_once(back_office: BackOffice, gate: Gate) -> None:
    """Sent twice, and in other pieces: each row is there once, as it was written."""
    gate.scan(4)
    batches = gate.sealed(max_rows=2)
    answers = keep(back_office, *batches, *batches, *gate.sealed())
    assert [each.rows for each in answers] == [2, 2, 1, 0, 0, 0, 0]
    assert kept(back_office) == [row.text.decode() for row in gate.rows()]
    found = ask(back_office, "device.show", device=gate.number)
    assert (found.head, found.findings, found.found) == (
        str(gate.log.verify().head), 0, ()
    )  # fmt: skip
    assert found.heard_at == NOW


def test_counts_by_day_device_and_code(back_office: BackOffice, tmp_path: Path) -> None:
    """What each device answered on each day, and what its officers did."""
    gates = [
        Gate.enrolled(back_office, tmp_path / name, name=name) for name in ("A", "B")
    ]
    gates[0].scan(3)
    log = gates[1].scan(2, FOREIGN, now=NOW - DAY)
    log.record_act(ACT, of=log.record(GOOD), now=NOW)
    for gate in gates:
        keep(back_office, *gate.sealed())
    rows = ask(back_office, "report.scans").rows
    assert [(str(r.day), r.name, r.result, r.code, r.second_code, r.count)
            for r in rows] == [
        ("2030-01-15", "A", "accepted", "lane.open", "entry.cleared", 3),
        ("2030-01-15", "B", "officer", "refer", "face_differs", 1),
        ("2030-01-15", "B", "accepted", "lane.open", "entry.cleared", 1),
        ("2030-01-14", "B", "rejected", "card.foreign", "", 2),
    ]  # fmt: skip
    assert ask(back_office, "report.scans", "NZL").rows == ()
    late = ask(back_office, "report.scans", days=1, now=NOW + 3 * DAY)
    assert late.rows == ()


def test_c3_a_sheet_of_scans_runs_nothing(
    back_office: BackOffice, tmp_path: Path
) -> None:
    gate = Gate.enrolled(back_office, tmp_path / "log", name='=HYPERLINK("x")')
    gate.scan()
    keep(back_office, *gate.sealed())
    sheet = ask(back_office, "export.report", report="scans").text
    assert ",\"'=HYPERLINK(" in sheet
    assert ',"=' not in sheet
    assert ",=" not in sheet


# What is wrong with a log


def test_i4_whatever_the_order(back_office: BackOffice, tmp_path: Path) -> None:
    """Rows that come late fill their gap; until then it is shown and asked for."""
    for number, order in enumerate(permutations(range(3))):
        gate = Gate.enrolled(back_office, tmp_path / str(number), name=str(number))
        gate.scan(5)
        batches = gate.sealed(max_rows=2)
        *_, last = keep(back_office, *(batches[each] for each in order))
        found = findings(back_office, gate)
        assert (all(gap[-1] for gap in found), last.missing) == (True, ())
        assert bool(found) == (order != (0, 1, 2))
        assert ask(back_office, "device.show", device=gate.number).findings == 0


def test_i4_a_gap_is_told_and_shown(back_office: BackOffice, gate: Gate) -> None:
    gate.scan(9)
    first, _, third, *_ = gate.sealed(max_rows=3)
    (told,) = keep(back_office, third)
    assert (told.missing, findings(back_office, gate)) == (
        ((1, 6),), [("gap", 1, 6, False)]
    )  # fmt: skip
    (told,) = keep(back_office, first)
    assert told.missing == ((1, 6),)
    assert findings(back_office, gate) == [("gap", 1, 6, False)]
    assert ask(back_office, "device.list").devices[0].findings == 1


def test_i4_a_row_that_was_taken_out(back_office: BackOffice, gate: Gate) -> None:
    """Whoever has the device leaves one out: the hash after it fits nothing."""
    gate.scan(5)
    rows = gate.rows()
    keep(back_office, gate.of([*rows[:3], *rows[4:]], LOG))
    assert findings(back_office, gate) == [("gap", 4, 4, False)]
    other = build_row(rows[2], at=1, kind=Kind.MISSED, fields={"count": 0, "since": 0})
    keep(back_office, gate.of([other], LOG))
    assert findings(back_office, gate) == [
        ("gap", 4, 4, True), ("fork", 5, 5, False)
    ]  # fmt: skip


def test_i4_a_log_that_went_back(
    back_office: BackOffice, gate: Gate, tmp_path: Path
) -> None:
    """An old copy of a device goes on: both histories are kept, and it is named."""
    gate.scan(3)
    shutil.copytree(gate.folder, tmp_path / "copy")
    gate.scan(3)
    keep(back_office, *gate.sealed())
    head = ask(back_office, "device.show", device=gate.number).head
    gate.folder = tmp_path / "copy"
    gate.scan(2, FOREIGN)
    keep(back_office, *gate.sealed(), *gate.sealed())
    assert findings(back_office, gate) == [("rollback", 5, 5, False)]
    assert ask(back_office, "device.show", device=gate.number).head == head
    assert len(kept(back_office)) == 7 + 2
    gate.scan(4, FOREIGN)
    keep(back_office, *gate.sealed())
    assert findings(back_office, gate) == [("rollback", 5, 5, False)]
    assert len(kept(back_office)) == 7 + 6


def test_i4_a_log_that_was_written_anew(back_office: BackOffice, gate: Gate) -> None:
    """Who has the log's key can write one; not so that it fits what has come."""
    keep(back_office, gate.of(chain(4), LOG))
    keep(back_office, gate.of(chain(6, at=7), LOG))
    assert findings(back_office, gate) == [("fork", 1, 1, False)]
    assert len(kept(back_office)) == 4 + 6


@pytest.mark.parametrize("first", [0, 4])
def test_i4_a_chain_that_does_not_hold(
    back_office: BackOffice, gate: Gate, first: int
) -> None:
    """Within a batch, and where one meets what came before."""
    rows, others = chain(4), chain(6, at=7)
    keep(
        back_office, gate.of(rows, LOG) if first else gate.of([*rows, *others[4:]], LOG)
    )
    if first:
        keep(back_office, gate.of(others[4:], LOG))
    assert findings(back_office, gate) == [("fork", 5, 5, False)]


def test_i4_a_false_beginning(back_office: BackOffice, gate: Gate) -> None:
    """Row one follows nothing."""
    first = chain(1)[0]
    body = json.loads(first.text) | {"previous": "a" * 64}
    forged = parse_row(_json.canonical(body).encode())
    keep(back_office, gate.of([forged], LOG))
    assert findings(back_office, gate) == [("fork", 1, 1, False)]
    assert first.previous == BEFORE_THE_FIRST


def test_i4_a_log_that_was_deleted(back_office: BackOffice, gate: Gate) -> None:
    """The device begins another: the old one stays, and it shows."""
    gate.scan(2)
    keep(back_office, *gate.sealed())
    shutil.rmtree(gate.folder)
    gate.scan(1)
    keep(back_office, *gate.sealed())
    assert findings(back_office, gate) == [("new_log", 1, 1, False)]
    assert len(ask(back_office, "device.show", device=gate.number).logs) == 2
    assert len(kept(back_office)) == 5


def test_rows_of_damaged_files_come_in_any_order(
    back_office: BackOffice, gate: Gate
) -> None:
    """A device whose files were exchanged is not shut out: its rows are sorted."""
    rows = chain(6)
    keep(back_office, gate.of([*rows[3:], *rows[:3]], LOG))
    assert findings(back_office, gate) == []
    assert len(kept(back_office)) == 6


def test_i4_nothing_is_written_over(back_office: BackOffice, gate: Gate) -> None:
    """The database itself refuses, whoever asks."""
    gate.scan(2)
    keep(back_office, *gate.sealed(max_rows=1)[1:])
    ask(back_office, "device.retire", device=gate.number)
    for statement in (
        "UPDATE collected_row SET text = 'x'",
        "UPDATE collected_log SET head_seq = 1",
        "UPDATE device SET retired_at = NULL, retired_by = NULL",
        "UPDATE device SET public_key = 'B'",
        "DELETE FROM device",
        "DELETE FROM collected_finding",
    ):
        said = partial(_execute, statement)
        with pytest.raises(Forbidden):
            back_office.store.write(said, now=NOW)


def _execute(statement: str, session: Session) -> None:
    session.execute(text(statement))


# Who may send


def one(gate: Gate) -> bytes:
    (batch,) = gate.sealed()
    return batch


def refused(back: BackOffice, data: bytes, economy: str = "AUS") -> str:
    before = len(kept(back))
    with pytest.raises((Conflict, Invalid, NotFound)) as error:
        collect(back.office, economy, data, now=NOW)
    assert len(kept(back)) == before
    return getattr(error.value, "code", type(error.value).__name__)


def test_o7_a_retired_device_is_not_heard(back_office: BackOffice, gate: Gate) -> None:
    """A device that is lost says nothing more; what it has said stays."""
    gate.scan(3)
    first, second = gate.sealed(max_rows=2)
    keep(back_office, first)
    ask(back_office, "device.retire", device=gate.number)
    assert refused(back_office, second) == "device.retired"
    assert refused(back_office, first) == "device.retired"
    with pytest.raises(Conflict, match="retired already"):
        ask(back_office, "device.retire", device=gate.number)
    assert ask(back_office, "device.list").devices == ()
    (shown,) = ask(back_office, "device.list", include_retired=True).devices
    assert (shown.device, len(kept(back_office))) == (gate.number, 2)


def test_i4_who_is_not_enrolled(
    back_office: BackOffice, gate: Gate, tmp_path: Path
) -> None:
    """Another's key, another's number, nobody's number: all sound alike."""
    other = Gate.enrolled(back_office, tmp_path / "other", name="other")
    theirs = Gate.enrolled(back_office, tmp_path / "theirs", economy="NZL")
    gate.scan()
    for number in (gate.number, theirs.number, 10**6):
        gate.collector = replace(gate.collector, device=number)
        gate.device_key = other.device_key
        assert refused(back_office, one(gate)) == "device.unknown"
    gate.collector = replace(gate.collector, device=theirs.number)
    gate.device_key = theirs.device_key  # one that is enrolled, and elsewhere
    assert refused(back_office, one(gate)) == "device.unknown"


def test_i4_a_batch_is_for_one_economy(
    back_office: BackOffice, gate: Gate, tmp_path: Path
) -> None:
    """Sent to another's address, or sealed for another's key."""
    theirs = Gate.enrolled(back_office, tmp_path / "theirs", economy="NZL")
    gate.scan()
    assert refused(back_office, one(gate), "NZL") == "NotFound"
    own = gate.collector
    gate.collector = replace(gate.collector, key_id=theirs.collector.key_id)
    assert refused(back_office, one(gate)) == "collector.key"
    gate.collector = replace(own, public_key=theirs.collector.public_key)
    assert refused(back_office, one(gate)) == "batch.sealed"


def test_i4_every_member_is_signed_or_bound(
    back_office: BackOffice, gate: Gate, tmp_path: Path
) -> None:
    """What one device has sealed, another cannot send as its own; nothing changes."""
    other = Gate.enrolled(back_office, tmp_path / "other", name="other")
    gate.scan()
    (data,) = gate.sealed()
    body = json.loads(data)
    about = f"{body['format']} AUS {other.number} {body['key']} {body['sealed']}"
    stolen = body | {
        "device": other.number,
        "signature": other.device_key.sign(about),
    }
    assert refused(back_office, json.dumps(stolen).encode()) == "batch.sealed"
    for name in ("sealed", "signature", "key", "device", "economy", "format"):
        value = body[name]
        changed = value + 1 if name == "device" else _other(value)
        data = json.dumps(body | {name: changed}).encode()
        assert refused(back_office, data) in {
            "device.unknown", "Invalid", "NotFound"
        }  # fmt: skip


def _other(value: str) -> str:
    return ("B" if value[0] != "B" else "C") + value[1:]


def test_a_key_is_enrolled_once(back_office: BackOffice, gate: Gate) -> None:
    """Two devices with one key would write over each other's log."""
    public = gate.device_key.public
    for name, key in (("Gate", DeviceKey(bytes(32)).public), ("Other", public)):
        with pytest.raises(Conflict, match=r"device\.known"):
            ask(back_office, "device.enrol", name=name, public_key=key)
    with pytest.raises(Conflict, match=r"device\.known"):
        ask(back_office, "device.enrol", "NZL", name="Other", public_key=public)
    with pytest.raises(Invalid):
        ask(back_office, "device.enrol", name="Other", public_key="A" * 42 + "B")


# What may be said


SCAN = {"kind": "scan", "outcome": "rejected", "reason": "card.foreign"}
LONG = ("key", "economy", "lane", "entry", "trust", "trust_at", "status_at")
WRONG_ROWS: dict[str, dict[str, Any]] = {
    "a name": {**SCAN, "family_name": "CITIZEN"},
    "a member of another kind": {**SCAN, "officer": "CITIZEN"},
    "an unknown kind": {"kind": "traveller"},
    "no code": {**SCAN, "reason": "Jane Citizen"},
    "no outcome": {**SCAN, "outcome": "CITIZEN"},
    "no decision": {"kind": "act", "decision": "CITIZEN", "reason": "other"},
    "a long text": {**SCAN, "key": "C" * 65},
    "another script": {**SCAN, "key": "市民"},
    "a list": {**SCAN, "key": ["CITIZEN"]},
    "a large number": {**SCAN, "trust": 2**53 + 1},
    "a negative number": {**SCAN, "trust": -1},
    "a fraction": {**SCAN, "trust": 1.5},
    "true": {**SCAN, "trust": True},
    "no number": {**SCAN, "seq": 0},
    "no time": {**SCAN, "at": -1},
    "a time too far": {**SCAN, "at": 4_102_444_801},
    "follows nothing": {**SCAN, "previous": "x"},
    "too long": {**SCAN, **dict.fromkeys(LONG, "x" * 60)},
}  # fmt: skip


def test_o7_no_device_brings_anything_of_a_traveller(
    back_office: BackOffice, gate: Gate
) -> None:
    """A row says what docs/scan-log.md lists, in codes and numbers, or is refused."""
    common: dict[str, Any] = {"seq": 1, "at": 1, "previous": "0" * 64}
    for kind, row in WRONG_ROWS.items():
        assert refused(back_office, packed(gate, [common | row])) == "Invalid", kind
    keep(back_office, packed(gate, [common | SCAN]))
    assert len(kept(back_office)) == 1


def packed(
    gate: Gate, rows: Sequence[Any], about: Mapping[str, Any] | None = None
) -> bytes:
    """What a device would send that says anything at all."""
    texts = [_json.canonical(row).encode() for row in rows]
    head = f"{rows[-1].get('seq')}:{sha256(texts[-1]).hexdigest()}"
    told = {"log": LOG, "head": head, "rows": len(rows)} | dict(about or {})
    lines = [*texts, _json.canonical(told).encode(), b""]
    report = SimpleNamespace(rows=len(rows))
    batch: Any = SimpleNamespace(text=b"\n".join(lines), report=report)
    return gate.seal(batch)


def test_i4_a_batch_that_contradicts_itself(
    back_office: BackOffice, gate: Gate
) -> None:
    """How many rows, the last of them, and the log: as it says, or nothing is kept."""
    body = {"seq": 1, "at": 1, "previous": "0" * 64, **SCAN}
    head = {"head": f"1:{'a' * 64}"}
    logs = ({"log": "x"}, {"log": "0" * 17})
    for about in ({"rows": 2}, {"rows": "1"}, {"head": None}, head, *logs):
        assert refused(back_office, packed(gate, [body], about)) == "Invalid", about


def test_q1_batches_are_bounded(back_office: BackOffice, gate: Gate) -> None:
    rows = [json.loads(row.text) for row in chain(501)]
    assert refused(back_office, packed(gate, rows)) == "Invalid"
    gate.scan(500)
    assert max(map(len, gate.sealed())) < MAX_BATCH
    assert refused(back_office, b" " * (MAX_BATCH + 1)) == "Invalid"


def test_j11_what_is_no_batch(back_office: BackOffice, gate: Gate) -> None:
    """Whatever comes is refused in one of the ways that are documented."""
    gate.scan()
    (data,) = gate.sealed()
    chance = random.Random(6)  # noqa: S311
    body = json.loads(data)
    odd: list[Any] = [None, 10**6, "", [], {}, True, "x" * 99, -1, 2**70]
    for name in body:
        for value in odd:
            refused(back_office, json.dumps(body | {name: value}).encode())
    for _ in range(100):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if json_of(bytes(changed)) != body:
            refused(back_office, bytes(changed))
    for text_ in (b"", b"{}", b"[]", b"\xff", b'{"a":1,"a":1}', b"[" * 10**5):
        refused(back_office, text_)
    empty = b64encode(b"").decode()
    refused(back_office, json.dumps(body | {"sealed": empty}).encode())


def json_of(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def test_o7_a_batch_tells_nothing_by_its_length(
    gate: Gate, back_office: BackOffice, tmp_path: Path
) -> None:
    """Green or red, with an officer's act or without: as long as its number of rows."""
    other = Gate.enrolled(back_office, tmp_path / "other", name="other")
    gate.scan(5)
    log = other.scan(3, FOREIGN)
    log.record_act(ACT, of=log.record(FOREIGN), now=NOW)
    assert len(one(gate)) == len(one(other))


# How long rows are kept


def with_days(back: BackOffice, **days: int) -> None:
    settings = CollectorSettings(keep_days=days)
    changed = {"collector": settings}
    office = back.office
    office.installation = office.installation.model_copy(update=changed)


def test_o7_rows_are_kept_as_long_as_the_economy_says(
    back_office: BackOffice, gate: Gate
) -> None:
    """Nothing is removed by itself; then what is older, but for the newest row."""
    gate.scan(3, now=NOW - 40 * DAY)
    old = gate.sealed()
    keep(back_office, *old)
    log = gate.scan(2)
    nothing = ask(back_office, "device.remove_old")
    assert (nothing.keep_days, nothing.rows, len(kept(back_office))) == (None, 0, 4)
    with_days(back_office, AUS=30)
    assert ask(back_office, "device.remove_old", "NZL").keep_days is None
    done = ask(back_office, "device.remove_old")
    assert (done.keep_days, done.rows, done.more) == (30, 3, False)
    assert ask(back_office, "device.remove_old").rows == 0
    keep(back_office, *gate.sealed(), *old)
    assert findings(back_office, gate) == []
    assert [json.loads(row)["seq"] for row in kept(back_office)] == [4, 5, 6]
    assert log.verify().rows == 6


def test_o7_a_clock_that_is_ahead_keeps_nothing_longer(
    back_office: BackOffice, gate: Gate
) -> None:
    gate.scan(3, now=NOW + 4000 * DAY)
    keep(back_office, *gate.sealed())
    with_days(back_office, AUS=30)
    assert ask(back_office, "device.remove_old").rows == 0
    assert ask(back_office, "device.remove_old", now=NOW + 31 * DAY).rows == 3


# At the same time


def test_r2_the_same_rows_at_the_same_time(back_office: BackOffice, gate: Gate) -> None:
    """Two programs of one device send at once: each row is kept once."""
    gate.scan(30)
    batches = gate.sealed(max_rows=8) * 3
    send = partial(keep, back_office)
    with ThreadPoolExecutor(4) as pool:
        found = [each.rows for (each,) in pool.map(send, batches)]
    assert sum(found) == len(kept(back_office)) == 31
    assert all(gap[-1] for gap in findings(back_office, gate))


def test_a_file_that_was_carried(
    back_office: BackOffice, gate: Gate, tmp_path: Path
) -> None:
    """A device without a network: its file is taken in by an officer, as often as."""
    gate.scan(3)
    path = tmp_path / "sealed"
    report = seal_log(
        gate.log, str(path), collector=gate.collector, device_key=gate.device_key
    )
    content = b64encode(path.read_bytes()).decode()
    done = ask(back_office, "device.collect", content=content)
    assert (done.batches, done.rows, report.rows) == (1, 4, 4)
    assert ask(back_office, "device.collect", content=content).rows == 0
    with pytest.raises(Invalid):
        ask(back_office, "device.collect", content="")


def test_c4_another_economys_device_is_not_there(
    back_office: BackOffice, gate: Gate
) -> None:
    for name in ("device.show", "device.retire"):
        with pytest.raises(NotFound):
            ask(back_office, name, "NZL", device=gate.number)
    assert ask(back_office, "device.list", "NZL").devices == ()


def test_rows_belong_to_their_economy(back_office: BackOffice, gate: Gate) -> None:
    """No row of one economy hangs on another's device, by a rule of the database."""
    gate.scan()
    keep(back_office, *gate.sealed())

    def move(session: Session) -> None:
        log = session.scalars(select(CollectedLog)).one()
        session.execute(delete(CollectedRow))
        log.economy = "NZL"

    with pytest.raises(Forbidden):
        back_office.store.write(move, now=NOW)
