"""How long the long runs are: few rounds as a rule, all of them with ABTC_SOAK=1."""

import os


def rounds(usual: int, soak: int) -> int:
    """Return ``soak`` with the environment variable ABTC_SOAK=1, else ``usual``."""
    return soak if os.environ.get("ABTC_SOAK") == "1" else usual  # noqa: TID251
