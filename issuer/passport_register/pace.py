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

    def allows(self, name: str, most: int, *, now: datetime) -> bool:
        """Count one, and tell whether it is within what may be in a minute."""
        minute = int(now.timestamp() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._seen.clear()
            count = self._seen.get(name, 0) + 1
            if count == 1 and len(self._seen) >= _MOST:
                return False
            self._seen[name] = count
            return count <= most
