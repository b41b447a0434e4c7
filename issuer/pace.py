"""So many in any stretch of time, and no more: counted in this process, by name.

The stretch slides: there is no moment at which everybody may begin anew, and twice as
many fit nowhere around it.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from typing import Final

_NAMES: Final = 10_000
"""So many are remembered; the one that was silent longest is forgotten first."""
_PARTS: Final = 600
"""What comes within such a part of the stretch is remembered as one."""
NO_WAIT: Final = timedelta(0)


def source_of(address: str) -> str:
    """Return who is behind an address; what is none is returned as it is.

    Of IPv6 it is the network of 64 bits: whoever has one has all addresses in it.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(found)


@dataclass(slots=True)
class _Part:
    begun: datetime
    last: datetime
    count: int


@dataclass(slots=True)
class _Seen:
    parts: deque[_Part] = field(default_factory=deque)
    count: int = 0

    def forget(self, before: datetime) -> None:
        while self.parts and self.parts[0].last <= before:
            self.count -= self.parts.popleft().count

    def add(self, count: int, now: datetime, part: timedelta) -> None:
        self.count += count
        if self.parts and now - self.parts[-1].begun < part:
            self.parts[-1].count += count
            self.parts[-1].last = max(now, self.parts[-1].last)
        else:
            self.parts.append(_Part(now, now, count))

    def full_until(self, most: int) -> datetime | None:
        """Return when the last of those came that are above ``most``, if any are."""
        over, last = self.count - most, None
        for each in self.parts:
            if over <= 0:
                break
            over, last = over - each.count, each.last
        return last


@dataclass(slots=True, kw_only=True)
class Pace:
    """Counts by name; safe to share between threads."""

    within: timedelta = timedelta(minutes=1)
    _seen: OrderedDict[str, _Seen] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def allows(self, name: str, most: int, *, count: int = 1, now: datetime) -> bool:
        """Count some, and tell whether they are within what may be."""
        return self.wait(name, most, count=count, now=now) == NO_WAIT

    def wait(self, name: str, most: int, *, count: int = 1, now: datetime) -> timedelta:
        """Count some; return how long to wait where they are too many.

        Args:
            name: Whose.
            most: In any stretch that is as long as ``within``; at least 1.
            count: How many; more than ``most`` may never be.
            now: The moment.

        Returns:
            0 if they were counted and may be done; else how long they will not be, and
            nothing is counted: who asked for too many may ask for fewer.
        """
        with self._lock:
            seen = self._seen.setdefault(name, _Seen())
            self._seen.move_to_end(name)
            if len(self._seen) > _NAMES:
                self._seen.popitem(last=False)
            seen.forget(now - self.within)
            if count > most:
                return self.within
            full_until = seen.full_until(most - count)
            if full_until is not None:
                return self.within - (now - full_until)
            seen.add(count, now, self.within / _PARTS)
            return NO_WAIT
