"""The documents an economy or the scheme publishes, as bytes to be signed.

Equal input gives equal bytes: UTF-8 JSON with sorted members and no white space.
Moments are UTC in whole seconds, ``YYYY-MM-DDTHH:MM:SSZ``; ``null`` is an open side.
Rows keep their order in the scheme file.  What the scheme gives, the verifier judges
before anybody else sees it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import verifier
from issuer.dated import Fact, require_aware
from issuer.economy import Economy
from issuer.errors import LintError
from issuer.jws import b64u, public_jwk
from issuer.keys import KeyRecord
from issuer.pairs import Exclusion
from issuer.scheme import Scheme

_Json = dict[str, object]
_SCHEME: Final = "scheme.json"
_LINT_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Any would do: what is judged here does not depend on it."""


def scheme_document(scheme: Scheme, *, issued_at: datetime) -> bytes:
    """Build ``scheme.json``: the economies, their membership and the pair rules.

    A destination's own rules are not in it; they stand in its policy document and
    take part as if they were pair rules that name the destination.

    Args:
        scheme: The loaded scheme.
        issued_at: Moment of publication; timezone-aware, cut to whole seconds.

    Raises:
        LintError: The verifier could not use it; it is too long, say.
        ValueError: ``issued_at`` is naive.
    """
    document = _scheme_bytes(scheme, issued_at)
    _lint({_SCHEME: document})
    return document


def policy_document(scheme: Scheme, economy: str, *, issued_at: datetime) -> bytes:
    """Build ``policy.json`` of one economy, as destination.

    A list is empty where nothing is known.  Rows of ``lane`` that do not say whether
    it needs pre-clearance are left out.

    Args:
        scheme: The loaded scheme.
        economy: Alpha-3 code of the destination.
        issued_at: Moment of publication; timezone-aware, cut to whole seconds.

    Raises:
        LintError: The verifier could not use it beside the scheme's document.
        ValueError: ``issued_at`` is naive, or ``economy`` is none of the scheme's.
    """
    facts = scheme.economy(economy)
    document = _encode(
        {
            "abtc": "policy",
            "economy": economy,
            "issued_at": _moment(require_aware(issued_at)),
            "exclusions": [_rule_row(rule) for rule in facts.exclusions],
            **_stay_rules(facts),
            **_card_rules(facts),
        }
    )
    scheme_json = _scheme_bytes(scheme, issued_at)
    _lint({_SCHEME: scheme_json, f"{economy}/policy.json": document})
    return document


def issuer_document(
    scheme: Scheme,
    economy: str,
    *,
    keys: Sequence[KeyRecord],
    issued_at: datetime,
    is_test: bool = False,
) -> bytes:
    """Build ``issuer.json`` of one economy: the keys by which it is believed.

    Args:
        scheme: The loaded scheme.
        economy: Alpha-3 code of the issuer.
        keys: Every key whose cards or lists are still alive, in any order.
        issued_at: Moment of publication; timezone-aware, cut to whole seconds.
        is_test: Marks an issuer whose cards are never real: no verifier accepts them.

    Raises:
        ValueError: ``issued_at`` is naive, ``economy`` is none of the scheme's, a key
            id or a key occurs twice (one key for cards and lists, say), or a proof
            is not its key's for this economy.

    Not checked: that no other economy publishes one of these keys, and that the keys
    of the last publication are still here.

    Source: specification, section 7.2.
    """
    url = scheme.economy(economy).issuer_url
    _check_keys(keys, url)
    test: _Json = {"test": True} if is_test else {}
    return _encode(
        {
            "abtc": "issuer",
            "economy": economy,
            "issuer": url,
            "issued_at": _moment(require_aware(issued_at)),
            "keys": [key_row(key) for key in sorted(keys, key=lambda key: key.key_id)],
            **test,
        }
    )


def key_row(key: KeyRecord) -> _Json:
    """Build one element of ``keys`` in ``issuer.json``."""
    return {
        "kid": key.key_id,
        "use": key.use,
        "jwk": public_jwk(key.public_key),
        "from": _moment(key.signs_from),
        "until": _moment(key.signs_until),
        "proof": b64u(key.proof),
    }


def _scheme_bytes(scheme: Scheme, issued_at: datetime) -> bytes:
    rules = [
        {"destination": rule.destination, **_rule_row(rule)}
        for rule in scheme.pair_rules
    ]
    return _encode(
        {
            "abtc": "scheme",
            "issued_at": _moment(require_aware(issued_at)),
            "economies": [_member(each) for each in scheme.economies.values()],
            "pair_rules": rules,
            "own_economy": [_row(row, value=row.value) for row in scheme.own_economy],
        }
    )


def _lint(documents: Mapping[str, bytes]) -> None:
    try:
        trust = verifier.Trust.from_documents(
            documents,
            version=1,
            issued_at=_LINT_MOMENT,
            expires_at=_LINT_MOMENT + timedelta(days=1),
        )
    except verifier.TrustError as error:
        raise LintError("trust", str(error)) from error
    for problem in trust.problems:
        raise LintError("trust", f"{problem.document}: {problem.detail}")


def _check_keys(keys: Sequence[KeyRecord], issuer_url: str) -> None:
    points = {tuple(public_jwk(key.public_key).values()) for key in keys}
    key_ids = {key.key_id for key in keys}
    if min(len(points), len(key_ids)) < len(keys):
        raise ValueError("a key id or a key occurs twice")
    for key in keys:
        if not key.is_proven_for(issuer_url):
            raise ValueError(f"{key.key_id}: no proof that {issuer_url} holds this key")


def _card_rules(facts: Economy) -> _Json:
    return {
        "accepts_form": [
            _row(row, form=row.form, value=row.value) for row in facts.accepts_form
        ],
        "lane": [
            _row(row, needs_preclearance=row.needs_preclearance)
            for row in facts.lane
            if row.needs_preclearance is not None
        ],
    }


def _stay_rules(facts: Economy) -> _Json:
    return {
        "max_stay": [
            _row(row, value=row.value, unit=row.unit) for row in facts.max_stay
        ],
        "allowed_purposes": [
            _row(row, value=row.value) for row in facts.allowed_purposes
        ],
        "min_passport_validity": [
            _row(row, moment=row.moment, value=row.value, unit=row.unit)
            for row in facts.min_passport_validity
        ],
    }


def _member(economy: Economy) -> _Json:
    return {
        "code": economy.code,
        "name": economy.name,
        "issuer": economy.issuer_url,
        "membership": [_row(row, value=row.value) for row in economy.membership],
    }


def _rule_row(rule: Exclusion) -> _Json:
    return _row(
        rule, issuer=rule.issuer, nationality=rule.nationality, effect=rule.effect
    )


def _row(fact: Fact, **says: object) -> _Json:
    return {
        **says,
        "from": _moment(fact.starts_at),
        "until": _moment(fact.ends_at),
        "mark": fact.mark,
        "source": fact.source,
    }


def _moment(at: datetime | None) -> str | None:
    if at is None:
        return None
    naive = require_aware(at).replace(tzinfo=None)
    return naive.isoformat(timespec="seconds") + "Z"


def _encode(document: _Json) -> bytes:
    text = json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return text.encode()
