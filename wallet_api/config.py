"""What the wallet's programs take from their environment; nothing else reads it."""

import os
from typing import Final

VARIABLE: Final = "ABTC_WALLET_PASSPHRASE"


def wallet_passphrase() -> bytes | None:
    """Return the passphrase of a tester's wallet file; empty counts as absent."""
    text = os.environ.get(VARIABLE)
    return text.encode() if text else None
