"""How many requests are answered in a minute: of one address, and of all together.

Each address has a bucket that holds a minute's requests and fills again evenly; a
request takes one.  It is counted in this process.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

_ADDRESSES: Final = 50_000
"""So many are remembered; the one that was silent longest is forgotten first."""
_MINUTE: Final = 60.0
_ALL: Final = ""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: datetime


@dataclass(slots=True, kw_only=True)
class Pace:
    """Counts requests; share one between threads."""

    per_address: int
    overall: int
    _buckets: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def wait(self, address: str, *, now: datetime) -> int:
        """Count a request; 0 if it may go on, else seconds to try again after."""
        with self._lock:
            own = self._missing(address, self.per_address, now)
            return own or self._missing(_ALL, self.overall, now)

    def _missing(self, key: str, most: int, now: datetime) -> int:
        bucket = self._buckets.setdefault(key, _Bucket(most, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        # A clock that was set back fills nothing.
        passed = max(0.0, (now - bucket.at).total_seconds())
        bucket.left = min(most, bucket.left + passed * most / _MINUTE)
        bucket.at = max(now, bucket.at)
        if bucket.left < 1:
            return max(1, math.ceil((1 - bucket.left) * _MINUTE / most))
        bucket.left -= 1
        return 0
