"""How old this device's data is, and whether it can be used: what stands on the home.

Pure: the trust data, the policy and the time in, JSON out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from .._signed_list import is_ageing
from .._status import StatusList
from ..policy import Policy
from ..trust import Trust

_FRESH, _AGEING, _STALE = "fresh", "ageing", "stale"
NOT_READY: Final[dict[str, object]] = {
    "trust": None,
    "lists": None,
    "overlays": None,
    "clock": {"state": "unknown", "floor": None, "offset": None},
}
"""What is known where there is no trust data."""


def freshness(trust: Trust, policy: Policy, now: datetime) -> dict[str, object]:
    """Say how fresh the data of a device is, each part by the rule that decides.

    Args:
        trust: What is loaded.
        policy: Of the device; its ages are the limits.
        now: Timezone-aware.

    Returns:
        ``trust``, ``lists``, ``overlays`` and ``clock`` as the home shows them: ages
        and limits in seconds, states ``fresh``, ``ageing`` (past half of the time) or
        ``stale``; of lists the worst state of any.

    Source: specification, section 8, steps 2, 3 and 10.
    """
    urls = trust.economies
    own = urls.get(policy.economy)
    status = [each for each in trust.lists if "/status/" in each.uri]
    start = f"{own}/overlay/"
    overlays = [each for each in trust.lists if each.uri.startswith(start)]
    return {
        "trust": _trust(trust, policy, now),
        "lists": _lists(status, _missing_status(trust, status), policy, now),
        "overlays": _lists(
            overlays, _missing_overlays(trust, own, status, overlays), policy, now
        ),
        "clock": _clock(trust, policy, now),
    }


def _trust(trust: Trust, policy: Policy, now: datetime) -> dict[str, object]:
    age, limit = now - trust.issued_at, policy.max_trust_age
    is_stale = age > limit or now >= trust.expires_at
    half_gone = is_ageing(trust.issued_at, trust.expires_at, limit, now)
    return {
        "version": trust.version,
        "issued_at": trust.issued_at.isoformat(),
        "expires_at": trust.expires_at.isoformat(),
        "age": int(age.total_seconds()),
        "limit": int(min(limit, trust.expires_at - trust.issued_at).total_seconds()),
        "state": _state(is_stale=is_stale, is_ageing=half_gone),
    }


def _lists(
    lists: Sequence[StatusList], missing: int, policy: Policy, now: datetime
) -> dict[str, object]:
    limit = policy.max_list_age
    first = min((each.issued_at for each in lists), default=None)
    return {
        "count": len(lists),
        "missing": missing,
        "oldest": first.isoformat() if first else None,
        "age": int((now - first).total_seconds()) if first else None,
        "limit": int(limit.total_seconds()),
        "state": _state(
            is_stale=not lists or any(each.is_stale(now, limit) for each in lists),
            is_ageing=any(each.is_ageing(now, limit) for each in lists),
        ),
    }


def _state(*, is_stale: bool, is_ageing: bool) -> str:
    if is_stale:
        return _STALE
    return _AGEING if is_ageing else _FRESH


def _missing_status(trust: Trust, lists: Sequence[StatusList]) -> int:
    """Count lists that were refused, and economies with keys but without a list."""
    refused = [uri for uri in trust.unusable_lists if "/status/" in uri]
    have = {each.uri.rpartition("/status/")[0] for each in lists}
    have |= {uri.rpartition("/status/")[0] for uri in refused}
    return len(refused) + len({each.url for each in trust.issuers} - have)


def _missing_overlays(
    trust: Trust,
    own: str | None,
    lists: Sequence[StatusList],
    overlays: Sequence[StatusList],
) -> int:
    """Count status lists over which this destination has no list that can be used."""
    have = {each.uri for each in overlays}
    codes = {url: code for code, url in trust.economies.items()}
    wanted = set[str]()
    for each in lists:
        url, _, number = each.uri.rpartition("/status/")
        if url != own:  # at home no card needs a clearance
            wanted.add(f"{own}/overlay/{codes[url]}/{number}")
    return len(wanted - have)


def _clock(trust: Trust, policy: Policy, now: datetime) -> dict[str, object]:
    behind = max(trust.time_floor - now, timedelta(0))
    return {
        "state": "behind" if behind > policy.clock_tolerance else "good",
        "floor": trust.time_floor.isoformat(),
        "offset": int(behind.total_seconds()),
    }
