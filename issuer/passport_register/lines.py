"""What a process keeps for asking: open connections, and whom to seal questions for."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from issuer.passport_register.askers import Shown
from issuer.passport_register.carrying import Carrier
from verifier import ServiceKeys

_KEYS_KEPT: Final = timedelta(hours=1)


@dataclass(slots=True)
class KeyBook:
    """The keys of owners that were asked before; safe to share."""

    _known: dict[str, tuple[ServiceKeys, datetime]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, owner: str, now: datetime) -> ServiceKeys | None:
        """Return keys that were fetched within the hour, and have not ended."""
        with self._lock:
            found = self._known.get(owner)
        if found is None or now - found[1] > _KEYS_KEPT or now >= found[0].expires_at:
            return None
        return found[0]

    def put(self, keys: ServiceKeys, now: datetime) -> None:
        """Keep them."""
        with self._lock:
            self._known[keys.economy] = keys, now

    def drop(self, owner: str) -> None:
        """Forget them."""
        with self._lock:
            self._known.pop(owner, None)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one process to the owners of passports."""

    carrier: Carrier = field(default_factory=Carrier)
    keys: KeyBook = field(default_factory=KeyBook)
    shown: Shown = field(default_factory=Shown)
    """To a broker."""
