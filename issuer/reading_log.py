"""The rows that readers leave in the audit log, written together where they meet.

Who reads a traveller's record is logged before the record is shown.  Each such row
would cost its reader a transaction behind all others of the economy; but readers who
wait at the same time can share one.  The first in turn writes for everybody who waits.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy.orm import Session

from issuer import audit
from issuer.errors import StoreDown
from issuer.store import Store

Row = Mapping[str, Any]
"""What `issuer.audit.record` takes."""


@dataclass(slots=True, eq=False)
class _Reader:
    rows: Sequence[Row]
    is_kept: bool | None = None
    """None until somebody has tried."""


@dataclass(slots=True)
class ReadingLog:
    """Shared by the threads of a process; one that is alone waits for nobody."""

    _guard: Lock = field(default_factory=Lock)
    _turns: dict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))
    _waiting: dict[str, list[_Reader]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def keep(
        self, store: Store, economy: str, rows: Sequence[Row], *, now: datetime
    ) -> None:
        """Add rows to an economy's log; on disk at return.

        Args:
            store: Where the log is.
            economy: Whose log; all of the rows are for it.
            rows: Checked already, see `issuer.audit.check_fields`.
            now: The moment kept with the receipt.

        Raises:
            StoreDown: They could not be written, by whoever wrote for all.
        """
        mine = _Reader(rows)
        with self._guard:
            self._waiting[economy].append(mine)
            turn = self._turns[economy]
        with turn:
            if mine.is_kept is None:
                self._write(store, economy, now)
        if not mine.is_kept:
            raise StoreDown("what was read could not be logged")

    def _write(self, store: Store, economy: str, now: datetime) -> None:
        with self._guard:
            together = self._waiting.pop(economy)

        def work(session: Session) -> None:
            for reader in together:
                for row in reader.rows:
                    audit.record(session, **row)

        is_kept = False
        try:
            store.write(work, now=now)
            is_kept = True
        finally:  # however it ended: nobody waits for ever, or shows what is not logged
            for reader in together:
                reader.is_kept = is_kept
