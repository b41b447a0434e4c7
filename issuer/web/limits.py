"""So many tries from one address, and no more for a while."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from issuer.pace import NO_WAIT, Pace, source_of


@dataclass(slots=True, kw_only=True)
class Limit:
    """Counts tries by address, in this process; a network of IPv6 counts as one."""

    NAME: ClassVar = "abtc-limit"
    tries: int
    within: timedelta
    _pace: Pace = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._pace = Pace(within=self.within)

    def allows(self, address: str, *, now: datetime) -> bool:
        """Count a try, and tell whether it may be made."""
        return self.wait(address, now=now) == NO_WAIT

    def wait(self, address: str, *, now: datetime) -> timedelta:
        """Count a try; return how long to wait where it may not be made, or 0."""
        return self._pace.wait(source_of(address), self.tries, now=now)
