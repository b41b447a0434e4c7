"""So many in a minute, and no more until the next one begins."""

from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

_MOST: Final = 10_000
"""Names counted in one minute; those beyond have to wait for the next."""


@dataclass(slots=True)
class Pace:
    """Counts by name, in this process, for the current minute; safe to share."""

    _minute: int = 0
    _seen: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def allows(self, name: str, most: int, *, count: int = 1, now: datetime) -> bool:
        """Count some if they are within what may be in a minute; tell whether they are.

        What is refused does not count: who asked for too many may ask for fewer.
        """
        minute = int(now.timestamp() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._seen.clear()
            before = self._seen.get(name, 0)
            if before + count > most or (not before and len(self._seen) >= _MOST):
                return False
            self._seen[name] = before + count
            return True
