"""What this device demands of a card."""

from dataclasses import dataclass
from datetime import timedelta

from ._presentation import BORDER_AUDIENCE
from ._sdjwt import is_printable
from .card import is_economy_code
from .errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this device demands of a card.

    Raises:
        PolicyError: ``economy`` is no code, ``audience`` is malformed, or a duration
            is negative.

    Source: specification, section 8.
    """

    economy: str
    """Alpha-3 code of the economy whose border this is."""
    audience: str = BORDER_AUDIENCE
    """Whom the phone's proof must be made for."""
    max_proof_age: timedelta = timedelta(seconds=45)
    """Oldest proof accepted."""
    max_proof_ahead: timedelta = timedelta(seconds=15)
    """How far ahead of this device's clock a proof may be dated."""
    clock_skew: timedelta = timedelta(seconds=60)
    """How far ahead of this device's clock a card may be dated."""
    clock_tolerance: timedelta = timedelta(minutes=5)
    """How far behind the time floor this device's clock may be."""
    max_trust_age: timedelta = timedelta(days=7)
    """Oldest trust data to decide from."""
    max_list_age: timedelta = timedelta(days=3)
    """Oldest status or overlay list to decide from."""

    def __post_init__(self) -> None:
        if not is_economy_code(self.economy):
            raise PolicyError("economy is not an alpha-3 code")
        if not is_printable(self.audience):
            raise PolicyError("audience is not 1 to 256 printable characters")
        durations = (
            self.max_proof_age,
            self.max_proof_ahead,
            self.clock_skew,
            self.clock_tolerance,
            self.max_trust_age,
            self.max_list_age,
        )
        if not all(isinstance(each, timedelta) for each in durations):
            raise PolicyError("durations must be timedelta")
        if min(durations) < timedelta(0):
            raise PolicyError("durations must not be negative")
