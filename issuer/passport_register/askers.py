"""Who may use a broker: economies, by what they show of themselves and no more.

An asker shows a service message of its economy to the broker.  It says nothing of the
question, is made anew every few minutes and not for each question, and is believed by
trust data alone: the broker learns which economy sends, and nothing that it would not
learn from addresses.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final

import verifier

if TYPE_CHECKING:
    from issuer.services.identity import ServiceIdentity

BROKER: Final = "urn:abtc:passport-broker"
"""Whom it is shown to; every broker is the same to an asker."""
TYPE: Final = "abtc-broker+jwt"
_SHOWN: Final = timedelta(minutes=4)
"""For which it is shown again; it is good for five."""
_KEPT: Final = 1_000
"""Of them that a broker remembers to have checked."""
_MOST: Final = 8 * 1024
"""Characters."""


@dataclass(slots=True)
class Shown:
    """What the economies of one process show to a broker; safe to share."""

    _made: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def by(self, identity: "ServiceIdentity", now: datetime) -> str:
        """Return what an economy shows at this moment."""
        with self._lock:
            known = self._made.get(identity.economy)
            if known is not None and timedelta(0) <= now - known[1] < _SHOWN:
                return known[0]
            text = identity.sign(TYPE, BROKER, {}, now)
            self._made[identity.economy] = text, now
            return text


@dataclass(slots=True, kw_only=True)
class Askers:
    """Tells who asks a broker; safe to share.

    Args:
        trust: Returns what is believed of economies; raises TrustError.
    """

    trust: Callable[[], verifier.Trust]
    _known: OrderedDict[str, verifier.ServiceMessage] = field(
        default_factory=OrderedDict
    )
    _lock: Lock = field(default_factory=Lock)

    def who(self, shown: str, now: datetime) -> str | None:
        """Return the economy that shows this; None if it is nobody's, or has ended.

        Raises:
            TrustError: There is nothing to know economies by.
        """
        with self._lock:
            known = self._known.get(shown)
        if known is None:
            known = self._read(shown, now)
        if known is None or now >= known.expires_at:
            return None
        return known.economy

    def _read(self, shown: str, now: datetime) -> verifier.ServiceMessage | None:
        if len(shown) > _MOST:
            return None
        try:
            read = verifier.read_service_message(
                shown, typ=TYPE, audience=BROKER, trust=self.trust(), now=now
            )
        except verifier.ServiceMessageError:
            return None
        with self._lock:
            self._known[shown] = read
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return read
