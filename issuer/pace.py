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
    count: int = 1


@dataclass(slots=True)
class _Seen:
    parts: deque[_Part] = field(default_factory=deque)
    count: int = 0

    def forget(self, before: datetime) -> None:
        while self.parts and self.parts[0].last <= before:
            self.count -= self.parts.popleft().count

    def add(self, now: datetime, part: timedelta) -> None:
        self.count += 1
        if self.parts and now - self.parts[-1].begun < part:
            self.parts[-1].count += 1
            self.parts[-1].last = max(now, self.parts[-1].last)
        else:
            self.parts.append(_Part(now, now))

    def full_until(self, most: int) -> datetime | None:
        """Return what has to be forgotten before one more fits; None: it fits now."""
        over, last = self.count + 1 - most, None
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

    def allows(self, name: str, most: int, *, now: datetime) -> bool:
        """Count one, and tell whether it is within what may be."""
        return self.wait(name, most, now=now) == NO_WAIT

    def wait(self, name: str, most: int, *, now: datetime) -> timedelta:
        """Count one; return how long to wait where it is one too many.

        Args:
            name: Whose.
            most: In any stretch that is as long as ``within``; at least 1.
            now: The moment.

        Returns:
            0 if it was counted and may be done; else until when it will not be, and
            nothing is counted.
        """
        with self._lock:
            seen = self._seen.setdefault(name, _Seen())
            self._seen.move_to_end(name)
            if len(self._seen) > _NAMES:
                self._seen.popitem(last=False)
            seen.forget(now - self.within)
            full_until = seen.full_until(most)
            if full_until is not None:
                return self.within - (now - full_until)
            seen.add(now, self.within / _PARTS)
            return NO_WAIT
