"""The trust data as an officer or an inspector looks at it. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .. import _jose
from .._dated import Dated, Period, Span
from .._documents import Issuer
from .._keys import TrustedKey
from .._passport_list import PassportList
from .._rules import DestinationRules
from .._status import StatusList
from ..policy import Policy
from ..store import StoreInfo
from ..trust import Trust

_FIRST_YEAR, _LAST_YEAR = 1, 9999
"""Of a period that is open at that end."""


def trust_of(
    trust: Trust, info: StoreInfo, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Return all that can be looked at: issuers, keys, lists, rules, problems."""
    lists: dict[str, list[dict[str, object]]] = {}
    for each in trust.lists:
        kind = "overlay" if "/overlay/" in each.uri else "status"
        lists.setdefault(_base(each.uri), []).append(_list(each, kind, policy, now))
    for found in trust.passport_lists:
        of_economy = lists.setdefault(trust.economies[found.economy], [])
        of_economy.append(_list(found, "passports", policy, now))
    return {
        "version": trust.version,
        "issued_at": trust.issued_at.isoformat(),
        "expires_at": trust.expires_at.isoformat(),
        "time_floor": trust.time_floor.isoformat(),
        "issuers": [
            _issuer(each, trust, lists.get(each.url, []), now) for each in trust.issuers
        ],
        "without_keys": sorted(
            trust.economies.keys() - {each.economy for each in trust.issuers}
        ),
        "destination": {
            "economy": policy.economy,
            "rules": _rules(trust.rules_of(policy.economy), now),
        },
        "device": _policy(policy),
        "problems": sorted(
            {
                f"{each.document}: {each.detail}"
                for each in (*trust.problems, *info.problems)
            }
        ),
    }


def _base(uri: str) -> str:
    for mark in ("/status/", "/overlay/"):
        if mark in uri:
            return uri.partition(mark)[0]
    return uri


def _issuer(
    issuer: Issuer, trust: Trust, lists: list[dict[str, object]], now: datetime
) -> dict[str, Any]:
    return {
        "economy": issuer.economy,
        "url": issuer.url,
        "test": issuer.is_test,
        "membership": trust.membership_of(issuer.economy, now),
        "keys": [
            *(_key(kid, "card", key, now) for kid, key in issuer.card_keys.items()),
            *(_key(kid, "status", key, now) for kid, key in issuer.status_keys.items()),
        ],
        "lists": lists,
    }


def _key(kid: str, use: str, key: TrustedKey, now: datetime) -> dict[str, object]:
    digest = hashlib.sha256(_jose.compressed_point(key.public_key)).hexdigest()
    return {
        "kid": kid,
        "use": use,
        "fingerprint": digest[:16],
        **_period(key.signs),
        "signs_now": now in key.signs,
    }


def _period(period: Period) -> dict[str, object]:
    start, end = period.start, period.end
    return {
        "from": None if start.year == _FIRST_YEAR else start.isoformat(),
        "until": None if end.year == _LAST_YEAR else end.isoformat(),
    }


def _list(
    found: StatusList | PassportList, kind: str, policy: Policy, now: datetime
) -> dict[str, object]:
    state = "ageing" if found.is_ageing(now, policy.max_list_age) else "fresh"
    if found.is_stale(now, policy.max_list_age):
        state = "stale"
    return {
        "uri": found.uri,
        "kind": kind,
        "issued_at": found.issued_at.isoformat(),
        "expires_at": found.expires_at.isoformat(),
        "entries": len(found),
        "state": state,
    }


def _rules(rules: DestinationRules | None, now: datetime) -> dict[str, Any] | None:
    if rules is None:
        return None
    return {
        "accepts_form": {
            form: _facts(dated, now) for form, dated in rules.accepts_form.items()
        },
        "max_stay": _facts(rules.max_stay, now),
        "lane_needs_clearance": _facts(rules.lane_needs_clearance, now),
        "allowed_purposes": _facts(rules.allowed_purposes, now),
        "passport_validity": _facts(rules.passport_validity, now),
        "exclusions": [
            {
                "issuer": each.issuer,
                "nationality": each.nationality,
                "effect": each.effect.value,
                **_period(each.period),
                "now": now in each.period,
            }
            for each in rules.exclusions
        ],
    }


def _facts(dated: Dated[Any], now: datetime) -> list[dict[str, object]]:
    return [
        {"value": _plain(value), **_period(period), "now": now in period}
        for period, value in dated.entries
    ]


def _plain(value: object) -> object:
    if isinstance(value, Span):
        return {"value": value.value, "unit": value.unit}
    return list(value) if isinstance(value, tuple) else value


def _policy(policy: Policy) -> Mapping[str, int]:
    """Return what this device demands, in seconds."""
    return {
        "max_proof_age": int(policy.max_proof_age.total_seconds()),
        "max_proof_ahead": int(policy.max_proof_ahead.total_seconds()),
        "clock_skew": int(policy.clock_skew.total_seconds()),
        "clock_tolerance": int(policy.clock_tolerance.total_seconds()),
        "max_trust_age": int(policy.max_trust_age.total_seconds()),
        "max_list_age": int(policy.max_list_age.total_seconds()),
    }
