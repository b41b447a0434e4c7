"""How often a fault is tried: a few times by default, as often as planned in a soak."""

import os

SOAK = os.environ.get("ABTC_SOAK") == "1"  # noqa: TID251  # chooses the profile


def rounds(usual: int, soak: int) -> int:
    """Return ``usual``, or ``soak`` with the environment variable ABTC_SOAK=1."""
    return soak if SOAK else usual
