"""Keep what devices send: each row once, nothing written over, what is wrong named.

The rows of a log follow each other by hash.  A batch is set beside what has come
before: rows that are missing between, that go on from an older row, or that follow
nothing we have, are kept and make a finding, whatever the device says of itself.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from issuer.collecting import Batch, CollectorKey, Envelope, Line
from issuer.errors import Conflict, NotFound
from issuer.installation_key import InstallationKey
from issuer.office import Office
from issuer.store import (
    CollectedFinding,
    CollectedLog,
    CollectedRow,
    Device,
    FindingKind,
)
from issuer.store.rows import add_rows, table_of

_TOLD: Final = 4
"""Gaps that a device is told of, the newest: what it still has fills them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a device is answered."""

    log: str
    head: str
    """Number and hash of the last row of the batch."""
    rows: int
    """Rows of the batch that had not come before."""
    missing: Sequence[tuple[int, int]]
    """First and last number of rows that have not come, as far as they are told."""
    proof: str

    def body(self) -> dict[str, Any]:
        """Return the members of the JSON object."""
        return {
            "log": self.log,
            "head": self.head,
            "rows": self.rows,
            "missing": [list(each) for each in self.missing],
            "proof": self.proof,
        }


def key_of(office: Office, economy: str) -> CollectorKey:
    """Return the key for which an economy's devices seal.

    Raises:
        KeyFileError: Others than its owner can read the installation's key.
    """
    key = InstallationKey.load(office.installation.web_key)
    return CollectorKey.of(key, economy)


def collect(office: Office, economy: str, data: bytes, *, now: datetime) -> Kept:
    """Take a batch in; the same batch again changes nothing.

    Args:
        office: Where it came in.
        economy: For whom, by the address that it was sent to.
        data: As it was sent.
        now: The moment.

    Raises:
        NotFound: It is for another economy than the address says.
        Conflict: ``device.unknown``: no device of this economy has signed it.
            ``device.retired``, ``collector.key``, ``batch.sealed``.
        Invalid: It is no batch.
        StoreDown: Nothing was kept; it can be sent again.
    """
    envelope = Envelope.read(data)
    if envelope.economy != economy:
        raise NotFound(f"this is for another collector than that of {economy}")
    device = office.store.read(lambda session: _device(session, envelope))
    if device is None or not envelope.is_signed_by(device.public_key):
        raise Conflict("device.unknown", "no device that is enrolled has signed this")
    batch = envelope.open(key_of(office, economy))

    def work(session: Session) -> Kept:
        held = session.get_one(Device, device.id, with_for_update=True)
        if held.retired_at is not None:
            raise Conflict("device.retired", "nothing is taken from this device")
        held.heard_at = now
        return _keep(session, held, batch, now)

    return office.store.write(work, now=now)


def _device(session: Session, envelope: Envelope) -> Device | None:
    device = session.get(Device, envelope.device)
    return device if device and device.economy == envelope.economy else None


def _keep(session: Session, device: Device, batch: Batch, now: datetime) -> Kept:
    log = _log(session, device, batch, now)
    merge = _Merge(session=session, log=log, now=now)
    new = merge.take(batch.lines)
    last = batch.lines[-1]
    if last.seq > log.head_seq:
        log.head_seq, log.head_digest = last.seq, last.digest
    return Kept(
        log=batch.log,
        head=batch.head,
        rows=new,
        missing=tuple(merge.gaps(batch.lines)),
        proof=batch.proof(device.economy, device.id),
    )


def _log(session: Session, device: Device, batch: Batch, now: datetime) -> CollectedLog:
    logs = session.scalars(
        select(CollectedLog).where(CollectedLog.device_id == device.id)
    ).all()
    known = next((each for each in logs if each.log == batch.log), None)
    if known is not None:
        return known
    last = batch.lines[-1]
    made = CollectedLog(
        economy=device.economy,
        device_id=device.id,
        log=batch.log,
        head_seq=last.seq,
        head_digest=last.digest,
        removed_to=0,
        began_at=now,
    )
    session.add(made)
    session.flush()
    if logs:
        first = batch.lines[0].seq
        _find(session, made, FindingKind.NEW_LOG, (first, first), now)
    return made


@dataclass(slots=True, kw_only=True)
class _Merge:
    """Sets a batch beside what has come before."""

    session: Session
    log: CollectedLog
    now: datetime
    _known: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """By number, digest: the hash that the row names as the one before it."""

    def take(self, lines: Sequence[Line]) -> int:
        """Keep the rows that are new; return how many."""
        self._read(lines[0].seq, lines[-1].seq)
        new = []
        for line in lines:
            if line.seq <= self.log.removed_to or self._has(line):
                continue
            self._judge(line)
            self._known[line.seq][line.digest] = line.previous
            new.append(line)
        rows = [_row(self.log, line, self.now) for line in new]
        add_rows(self.session, table_of(CollectedRow), rows)
        return len(new)

    def gaps(self, lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
        """Close the gaps that are filled now; yield the newest of the others."""
        found = self.session.scalars(
            select(CollectedFinding)
            .where(
                CollectedFinding.log_id == self.log.id,
                CollectedFinding.kind == FindingKind.GAP,
                CollectedFinding.filled_at.is_(None),
            )
            .order_by(CollectedFinding.last.desc())
        ).all()
        told = 0
        for gap in found:
            touched = gap.first <= lines[-1].seq and lines[0].seq <= gap.last
            if touched and self._is_filled(gap):
                gap.filled_at = self.now
            elif told < _TOLD:
                told += 1
                yield gap.first, gap.last

    def _read(self, first: int, last: int) -> None:
        rows = self.session.execute(
            select(CollectedRow.seq, CollectedRow.digest, CollectedRow.previous).where(
                CollectedRow.log_id == self.log.id,
                CollectedRow.seq.between(first - 1, last + 1),
            )
        )
        for seq, digest, previous in rows:
            self._known[seq][digest] = previous

    def _has(self, line: Line) -> bool:
        return line.digest in self._known.get(line.seq, {})

    def _judge(self, line: Line) -> None:
        before, after = (self._known.get(line.seq + each) for each in (-1, 1))
        if others := self._known.get(line.seq):
            if not before or line.previous not in before:
                self._found(FindingKind.FORK, line.seq, line.seq)
            elif line.previous in others.values():
                self._found(FindingKind.ROLLBACK, line.seq, line.seq)
            return  # or it goes on with a history that was found already
        if before is None and not self._may_begin(line):
            self._found(FindingKind.GAP, self._lowest_missing(line.seq), line.seq - 1)
        if (before and line.previous not in before) or self._is_false_start(line):
            self._found(FindingKind.FORK, line.seq, line.seq)
        if after and line.digest not in after.values():
            self._found(FindingKind.FORK, line.seq + 1, line.seq + 1)

    def _may_begin(self, line: Line) -> bool:
        return line.seq - 1 <= self.log.removed_to

    def _is_false_start(self, line: Line) -> bool:
        return line.seq == 1 and not line.is_rightly_first

    def _lowest_missing(self, seq: int) -> int:
        below = self.session.scalar(
            select(func.max(CollectedRow.seq)).where(
                CollectedRow.log_id == self.log.id, CollectedRow.seq < seq
            )
        )
        here = max((each for each in self._known if each < seq), default=0)
        return max(below or 0, here, self.log.removed_to) + 1

    def _found(self, kind: FindingKind, first: int, last: int) -> None:
        _find(self.session, self.log, kind, (first, last), self.now)

    def _is_filled(self, gap: CollectedFinding) -> bool:
        low = max(gap.first, self.log.removed_to + 1)
        count = self.session.scalar(
            select(func.count(distinct(CollectedRow.seq))).where(
                CollectedRow.log_id == self.log.id,
                CollectedRow.seq.between(low, gap.last),
            )
        )
        return count == max(gap.last - low + 1, 0)


def _find(
    session: Session,
    log: CollectedLog,
    kind: FindingKind,
    rows: tuple[int, int],
    now: datetime,
) -> None:
    first, last = rows
    known = session.scalars(
        select(CollectedFinding.id).where(
            CollectedFinding.log_id == log.id,
            CollectedFinding.kind == kind,
            CollectedFinding.first == first,
            CollectedFinding.last == last,
        )
    ).first()
    if known is None:
        session.add(
            CollectedFinding(
                economy=log.economy,
                log_id=log.id,
                kind=kind,
                first=first,
                last=last,
                found_at=now,
            )
        )
        session.flush()


def _row(log: CollectedLog, line: Line, now: datetime) -> dict[str, Any]:
    return {
        "economy": log.economy,
        "log_id": log.id,
        "seq": line.seq,
        "digest": line.digest,
        "previous": line.previous,
        "at": line.at,
        "day": line.at.date(),
        "kind": line.kind,
        "outcome": line.outcome,
        "reason": line.reason,
        "entry": line.entry,
        "scans": line.scans,
        "text": line.text,
        "received_at": now,
    }
