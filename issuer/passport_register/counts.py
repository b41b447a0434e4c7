"""Bare counts of questions and answers: of a day, an economy and a word, and no more.

Whoever keeps a line for each question keeps a diary of travellers.  So a question
leaves one count behind; and since one write for each would be most of the work, counts
are kept in memory for some seconds.  A process that is killed loses those.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Final, NamedTuple

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from issuer.errors import StoreError
from issuer.store import PassportCount, PassportSide, Store

KEPT_IN_MEMORY: Final = timedelta(seconds=10)


class Counted(NamedTuple):
    """What is counted together."""

    economy: str
    side: PassportSide
    other: str
    day: date
    status: str


@dataclass(slots=True)
class Counts:
    """What this process has counted and not written yet; safe to share."""

    _waiting: Counter[Counted] = field(default_factory=Counter)
    _since: datetime | None = None
    _lock: Lock = field(default_factory=Lock)

    def add(
        self,
        store: Store,
        economy: str,
        side: PassportSide,
        *,
        other: str,
        statuses: Iterable[str],
        now: datetime,
    ) -> None:
        """Count answers, and write what has waited for ten seconds.

        A database that does not take it keeps nobody waiting: the counts stay here.

        Args:
            store: Where they are kept.
            economy: Whose count.
            side: At which end it was.
            other: The economy at the other end.
            statuses: What was answered.
            now: The moment; timezone-aware.
        """
        day = now.astimezone(UTC).date()
        counted = [Counted(economy, side, other, day, each) for each in statuses]
        with self._lock:
            self._waiting.update(counted)
            if self._since is None:
                self._since = now
            is_due = now - self._since >= KEPT_IN_MEMORY
        if is_due:
            try:
                self.flush(store, now)
            except StoreError:
                return

    def flush(self, store: Store, now: datetime) -> None:
        """Write what waits.

        Raises:
            StoreDown: It was not written, and waits on.
        """
        with self._lock:
            taken, self._waiting, self._since = self._waiting, Counter(), None
        if not taken:
            return
        try:
            store.write(lambda session: _write(session, taken), now=now)
        except StoreError:
            with self._lock:
                self._waiting.update(taken)
                if self._since is None:
                    self._since = now
            raise


def _write(session: Session, counts: Counter[Counted]) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    adding = (sqlite if is_sqlite else postgresql).insert(PassportCount)
    session.execute(
        adding.on_conflict_do_update(
            index_elements=[*Counted._fields],
            set_={"count": PassportCount.count + adding.excluded["count"]},
        ),
        [{**each._asdict(), "count": count} for each, count in sorted(counts.items())],
    )
