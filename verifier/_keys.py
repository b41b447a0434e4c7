"""An economy's public keys and when they may sign."""

from dataclasses import dataclass

from ._dated import Period
from ._jose import PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A key that the trust data names; what it signs must be dated in ``signs``."""

    public_key: PublicKey
    signs: Period
