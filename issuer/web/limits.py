"""So many tries from one address, and no more for a while."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import ClassVar, Final

_ADDRESSES: Final = 10_000
"""So many are remembered; the one that was silent longest is forgotten first."""


@dataclass(slots=True, kw_only=True)
class Limit:
    """Counts tries by address, in this process."""

    NAME: ClassVar = "abtc-limit"
    tries: int
    within: timedelta
    _seen: OrderedDict[str, deque[datetime]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def allows(self, address: str, *, now: datetime) -> bool:
        """Count a try, and tell whether it may be made."""
        with self._lock:
            seen = self._seen.setdefault(address, deque(maxlen=self.tries))
            self._seen.move_to_end(address)
            if len(self._seen) > _ADDRESSES:
                self._seen.popitem(last=False)
            if len(seen) == self.tries and now - seen[0] < self.within:
                return False
            seen.append(now)
            return True
