"""The audit log of an economy: who did or read what, when and why; it only grows.

Each row carries the hash of the one before it, so that a changed, removed or moved row
shows.  That the end was cut off shows only against a head which was kept elsewhere:
`Heads` is a file for that, and a publication of lists refuses a database that is behind
it.  A row has the fields that its tag allows and no others: numbers of records, states
and codes, never a traveller's name or passport.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from issuer.audit_tags import ALLOWED
from issuer.dated import require_aware
from issuer.errors import AuditError
from issuer.jws import canonical
from issuer.publish.files import append_line, read_file
from issuer.store import AuditChain, AuditRow
from issuer.store.rows import add_rows, table_of

START: Final = "0" * 64
"""What the first row has for the hash of the one before it."""
MAX_REASON: Final = 500
MAX_HEADS: Final = 64 * 2**20
"""Bytes of a file of heads; a publication each hour takes about 2 MiB a year."""
_PAGE: Final = 2_000
_HASHED: Final = (
    "economy", "seq", "at", "actor_id", "tag", "subject", "reason", "fields",
    "previous",
)  # fmt: skip

Scalar = str | int | bool | None | list[str] | list[int]
"""What a field of a row may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the log of an economy stood at a moment."""

    economy: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first row at which a log is not what it was."""

    economy: str
    seq: int
    problem: str
    """``missing``, ``changed``, ``unlinked``, ``tag``, ``cut`` or ``rewritten``."""
    detail: str


def lock(session: Session, economy: str) -> AuditChain:
    """Take the head of an economy's log, so that nobody else writes until the end.

    Whatever changes an economy's records begins with this: its transactions then
    happen one after the other, and none can deadlock with another.
    """
    held: AuditChain | None = session.info.get((AuditChain, economy))
    if held is not None and held in session:
        return held  # a session is one transaction: it has the row until the end
    chain = session.get(AuditChain, economy, with_for_update=True)
    if chain is None:
        # Two may come first at once; the second waits here, and then has the row.
        is_sqlite = session.get_bind().dialect.name == "sqlite"
        adding = sqlite.insert if is_sqlite else postgresql.insert
        first = adding(AuditChain).values(economy=economy, seq=0, hash=START)
        session.execute(first.on_conflict_do_nothing())
        chain = session.get_one(AuditChain, economy, with_for_update=True)
    session.info[AuditChain, economy] = chain
    return chain


def record(
    session: Session,
    *,
    economy: str,
    actor_id: int,
    at: datetime,
    tag: str,
    subject: str,
    reason: str,
    **fields: Scalar,
) -> None:
    """Add a row in the transaction of what it tells.

    Args:
        session: Of the change itself.
        economy: Whose log.
        actor_id: The account that acted.
        at: When; timezone-aware.
        tag: What was done; one of `issuer.audit_tags.ALLOWED`.
        subject: The record, as ``card:17``.
        reason: Why, in the actor's words; cut to 500 characters.
        fields: What the tag allows.

    Raises:
        AuditError: The tag is unknown, or does not allow a field.
    """
    record_many(
        session,
        (Entry(tag=tag, subject=subject, fields=fields),),
        economy=economy,
        actor_id=actor_id,
        at=at,
        reason=reason,
    )


class By(NamedTuple):
    """An account, and why it acted."""

    actor_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One of the rows that `record_many` adds."""

    tag: str
    subject: str
    fields: Mapping[str, Scalar]
    by: By | None = None
    """Who acted, where one transaction writes for several."""


def record_many(
    session: Session,
    entries: Sequence[Entry],
    *,
    economy: str,
    actor_id: int,
    at: datetime,
    reason: str,
) -> None:
    """Add rows in the order given; as `record` for each, but much faster for many.

    The actor and the reason are those of an entry that does not name its own.

    Raises:
        AuditError: A tag is unknown, or does not allow a field; nothing was added.
    """
    for entry in entries:
        check_fields(entry.tag, entry.fields)
    chain = lock(session, economy)
    moment = require_aware(at).astimezone(UTC)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        actor, why = entry.by or (actor_id, reason)
        row = {
            "economy": economy,
            "seq": chain.seq + 1,
            "at": moment,
            "actor_id": actor,
            "tag": entry.tag,
            "subject": entry.subject,
            "reason": why[:MAX_REASON],
            "fields": canonical(entry.fields).decode(),
            "previous": chain.hash,
        }
        chain.seq, chain.hash = chain.seq + 1, _hash(row)
        rows.append({**row, "hash": chain.hash})
    add_rows(session, table_of(AuditRow), rows)


def check_fields(tag: str, fields: Mapping[str, Scalar]) -> None:
    """Demand that a tag is known and allows some fields.

    Raises:
        AuditError: It is not, or does not.
    """
    allowed = ALLOWED.get(tag)
    if allowed is None or not fields.keys() <= allowed:
        raise AuditError(f"{tag} does not allow {sorted(fields)}")


def heads(session: Session) -> Mapping[str, Head]:
    """Return where every economy's log stands."""
    return MappingProxyType(
        {
            chain.economy: Head(economy=chain.economy, seq=chain.seq, hash=chain.hash)
            for chain in session.scalars(select(AuditChain))
        }
    )


def verify(
    session: Session, economy: str, *, kept: Iterable[Head] = ()
) -> Iterator[int | Break]:
    """Read an economy's log from its beginning and follow the hashes.

    Args:
        session: A reading session.
        economy: Whose log.
        kept: Heads that were kept elsewhere, of any economy.

    Yields:
        How many rows are good so far, from time to time and at the end; a `Break` for
        the first bad row, which is then the last word.
    """
    wanted = {head.seq: head.hash for head in kept if head.economy == economy}
    previous, seq = START, 0
    for row in _rows(session, economy):
        problem = _problem(row, seq + 1, previous, wanted)
        if problem:
            yield problem
            return
        previous, seq = row.hash, row.seq
        if seq % _PAGE == 0:
            yield seq
    yield _end(session, economy, seq, previous, wanted) or seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """A file of heads, one JSON object a line, away from the database."""

    path: Path

    def keep(self, head: Head, *, at: datetime) -> None:
        """Add a line; on disk at return.  Raises ``OSError``."""
        line = {
            "at": require_aware(at).astimezone(UTC).isoformat(timespec="seconds"),
            "economy": head.economy,
            "seq": head.seq,
            "hash": head.hash,
        }
        append_line(self.path, json.dumps(line).encode())

    def restart(self, head: Head, *, at: datetime) -> None:
        """Say that a log goes on from a head, and what was kept after it is void.

        For a database that was put back from a backup, once two people have seen what
        it lacks.  The lines before stay, for whoever asks later.  Raises ``OSError``.
        """
        line = {
            "at": require_aware(at).astimezone(UTC).isoformat(timespec="seconds"),
            "economy": head.economy,
            "seq": head.seq,
            "hash": head.hash,
            "restart": True,
        }
        append_line(self.path, json.dumps(line).encode())

    def all(self) -> tuple[Head, ...]:
        """Read every head that counts.

        Raises:
            AuditError: A line is damaged; the last one may be cut off by a crash.
            OSError: The file cannot be read.  One that does not exist is empty.
        """
        if not self.path.exists():
            return ()
        lines = read_file(self.path, MAX_HEADS).split(b"\n")
        heads: list[Head] = []
        for number, line in _whole(lines):
            head, is_restart = self._head(number, line)
            if is_restart:
                heads = [
                    each
                    for each in heads
                    if each.economy != head.economy or each.seq <= head.seq
                ]
            heads.append(head)
        return tuple(heads)

    def latest(self, economy: str) -> Head | None:
        """Return the last head of an economy; None if none was kept."""
        own = [head for head in self.all() if head.economy == economy]
        return max(own, key=lambda head: head.seq, default=None)

    def _head(self, number: int, line: bytes) -> tuple[Head, bool]:
        try:
            value: Any = json.loads(line)
            head = Head(
                economy=str(value["economy"]),
                seq=int(value["seq"]),
                hash=str(value["hash"]),
            )
            return head, value.get("restart") is True
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AuditError(f"{self.path}: line {number} is damaged") from error


def is_behind(session: Session, head: Head) -> bool:
    """Tell whether the log has forgotten a head, or never was where it says."""
    found = session.scalars(
        select(AuditRow.hash).where(
            AuditRow.economy == head.economy, AuditRow.seq == head.seq
        )
    ).one_or_none()
    return head.seq > 0 and found != head.hash


def _whole(lines: list[bytes]) -> list[tuple[int, bytes]]:
    # What follows the last line end was never whole, so it was never promised.
    return list(enumerate(lines[:-1], start=1))


def _rows(session: Session, economy: str) -> Iterator[AuditRow]:
    query = (
        select(AuditRow)
        .where(AuditRow.economy == economy)
        .order_by(AuditRow.seq)
        .execution_options(yield_per=_PAGE)
    )
    for page in session.scalars(query).partitions():
        yield from page
        session.expunge_all()


def _problem(
    row: AuditRow, seq: int, previous: str, wanted: Mapping[int, str]
) -> Break | None:
    def broken(problem: str, detail: str) -> Break:
        return Break(economy=row.economy, seq=seq, problem=problem, detail=detail)

    if row.seq != seq:
        return broken("missing", f"the next row is {row.seq}")
    if row.hash != _hash({name: getattr(row, name) for name in _HASHED}):
        return broken("changed", "its hash is not that of its content")
    if row.previous != previous:
        return broken("unlinked", "it does not follow the row before it")
    allowed = ALLOWED.get(row.tag)
    if allowed is None or not json.loads(row.fields).keys() <= allowed:
        return broken("tag", "it holds what its tag does not allow")
    if wanted.get(seq, row.hash) != row.hash:
        return broken("rewritten", "another row was here when its hash was kept")
    return None


def _end(
    session: Session, economy: str, seq: int, last: str, wanted: Mapping[int, str]
) -> Break | None:
    chain = session.get(AuditChain, economy)
    stands = (chain.seq, chain.hash) if chain else (0, START)
    furthest = max((*wanted, stands[0]), default=0)
    if furthest > seq:
        detail = f"rows up to {furthest} were written"
        return Break(economy=economy, seq=seq + 1, problem="cut", detail=detail)
    if stands != (seq, last):
        detail = "the head in the database is another"
        return Break(economy=economy, seq=seq, problem="rewritten", detail=detail)
    return None


def _hash(row: Mapping[str, Any]) -> str:
    content = {
        "economy": row["economy"],
        "seq": row["seq"],
        "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": row["actor_id"],
        "tag": row["tag"],
        "subject": row["subject"],
        "reason": row["reason"],
        "fields": row["fields"],
        "previous": row["previous"],
    }
    return sha256(canonical(content)).hexdigest()
