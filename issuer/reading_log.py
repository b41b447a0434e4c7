"""The rows that readers leave in the audit log, written together where they meet.

Who reads a traveller's record is logged before the record is shown.  Each such row
would cost its reader a transaction behind all others of the economy; but readers who
wait at the same time share one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from issuer import audit
from issuer.store import Store
from issuer.together import Together

Row = Mapping[str, Any]
"""What `issuer.audit.record` takes."""


@dataclass(slots=True)
class ReadingLog:
    """Shared by the threads of a process."""

    _readers: Together[Sequence[Row], bool] = field(default_factory=Together)

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

        def write(together: Sequence[Sequence[Row]]) -> list[bool]:
            store.write(lambda session: _record(session, together), now=now)
            return [True] * len(together)

        self._readers.ask(economy, rows, write)


def _record(session: Session, together: Sequence[Sequence[Row]]) -> None:
    for rows in together:
        for row in rows:
            audit.record(session, **row)
