"""Notice when one proof is shown twice to one device."""

from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from .decision import Accepted, Decision, Undecided
from .policy import Policy
from .reasons import UndecidedReason

_Key = tuple[str, datetime, str]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Times are counted from here: between two times of one zone Python reckons by the wall
clock, which skips or repeats an hour when summer time begins or ends."""


class ReplayGuard:
    """Remembers the proofs that a device has accepted, for as long as they could count.

    Two people may show one code: one phone, or a copy of its screen. The first is
    accepted; the second is told apart here. Handing in again the proof that was handled
    last, within ``same_scan``, is one traveller held to the scanner twice and gives
    the same answer.

    Not safe to share between threads without a lock; keep one for each lane.

    Args:
        policy: The policy of the device: a proof is remembered for as long as it could
            be accepted.
        same_scan: How long the same proof may be handed in again.
        capacity: Most proofs remembered; the oldest is forgotten first. 4,096 take
            less than 2 MB.

    Raises:
        ValueError: ``capacity`` is below 1 or ``same_scan`` is negative.

    Source: specification, section 8, last paragraphs.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        same_scan: timedelta = timedelta(seconds=5),
        capacity: int = 4096,
    ) -> None:
        if capacity < 1 or same_scan < timedelta(0):
            raise ValueError("capacity below 1, or a negative duration")
        self._memory = policy.max_proof_age + policy.max_proof_ahead
        self._same_scan = same_scan
        self._capacity = capacity
        self._seen: OrderedDict[_Key, timedelta] = OrderedDict()
        self._last: _Key | None = None

    @property
    def remembered(self) -> int:
        """How many proofs are remembered; never more than the capacity."""
        return len(self._seen)

    def first_seen(self, decision: Decision) -> datetime | None:
        """Return when a decision's proof was accepted first; None if it was not.

        Ask after `check`: of a proof that was new, the answer is its own moment. UTC.
        """
        key = _key(decision)
        seen = self._seen.get(key) if key else None
        return None if seen is None else _EPOCH + seen

    def check(self, decision: Decision) -> Decision:
        """Return ``decision``, or `Undecided` if its proof was shown before.

        Args:
            decision: What `verify` answered; its evidence says when.

        Returns:
            `Undecided` with ``proof.repeat`` for an accepted proof that this device saw
            before; anything else unchanged.
        """
        key = _key(decision) if isinstance(decision, Accepted) else None
        if key is None:
            self._last = None  # another traveller has been in between
            return decision
        now = decision.evidence.now - _EPOCH
        self._forget(now)
        first_seen = self._seen.get(key)
        if first_seen is None:
            self._remember(key, now)
            return decision
        # Either way: the device's clock may have been set back in between.
        is_same_scan = key == self._last and abs(now - first_seen) <= self._same_scan
        if is_same_scan:
            return decision
        self._last = None
        return Undecided(
            UndecidedReason.PROOF_REPEAT,
            decision.evidence,
            f"first seen {(now - first_seen).total_seconds():.0f} s before",
        )

    def _remember(self, key: _Key, now: timedelta) -> None:
        if len(self._seen) >= self._capacity:
            self._seen.popitem(last=False)
        self._seen[key] = now
        self._last = key

    def _forget(self, now: timedelta) -> None:
        while self._seen:
            key, seen_at = next(iter(self._seen.items()))
            if now - seen_at <= self._memory:
                return
            del self._seen[key]


def _key(decision: Decision) -> _Key | None:
    # Never the token text: an ECDSA signature has a second spelling.
    evidence = decision.evidence
    if not (evidence.holder_key and evidence.proof_issued_at and evidence.proof_nonce):
        return None
    return evidence.holder_key, evidence.proof_issued_at, evidence.proof_nonce
