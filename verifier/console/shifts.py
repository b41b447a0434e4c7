"""Who is at the lane, and by which clocks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Clocks(NamedTuple):
    """Where moments and durations come from."""

    now: Callable[[], datetime]
    """The present in the time zone of the border; it may be wrong, and jump."""
    elapsed: Callable[[], float]
    """Seconds since some moment; never back, and it goes on while the device sleeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One officer at one lane."""

    officer: str
    lane: str
    direction: str
    """``entry`` or ``exit``."""
    since: datetime
    has_pin: bool
