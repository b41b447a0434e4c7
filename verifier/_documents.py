"""Strict readers of the trust documents (specification, section 7)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from . import _b64, _jose, _json
from ._dated import Dated, DatedFact, Period, Span
from ._keys import TrustedKey
from ._rules import (
    DestinationRules,
    PairEffect,
    PairRule,
    Scheme,
    check_between,
    check_pair_rules,
)
from .card import APP, PHYSICAL, is_economy_code, is_url

T = TypeVar("T")
MAX_DOCUMENT = 1 << 20
"""Bytes."""
MAX_ROWS = 512
"""Entries of a list: every two are compared, so a long one would take minutes."""
_MEMBERSHIPS = ("full", "transitional")
_UNITS = ("days", "months")
_USES = ("card", "status")
_MAX_SPAN = 1200
_DEMANDS = (
    "accepts_form", "lane", "max_stay", "allowed_purposes", "min_passport_validity",
)  # fmt: skip
_ABOUT = frozenset({"from", "until", "mark", "source"})
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An economy as issuer: its keys."""

    economy: str
    url: str
    is_test: bool
    card_keys: Mapping[str, TrustedKey]
    status_keys: Mapping[str, TrustedKey]


def parse_scheme(document: bytes) -> Scheme:
    """Read ``scheme.json``.

    Raises:
        ValueError: Malformed or contradictory; the message says what.
    """
    content = _content(document, "scheme")
    economies = _rows(content, "economies", required=True)
    codes = [_code(row, "code") for row in economies]
    urls = [_url(row, "issuer") for row in economies]
    if len(set(codes)) != len(codes) or len(set(urls)) != len(urls):
        raise ValueError("an economy or an issuer URL occurs twice")
    pair_rules = tuple(map(_pair_rule, _rows(content, "pair_rules")))
    check_pair_rules(pair_rules)
    return Scheme(
        issuers=dict(zip(codes, urls, strict=True)),
        membership={
            code: _dated(row, "membership", _membership, required=True)
            for code, row in zip(codes, economies, strict=True)
        },
        pair_rules=pair_rules,
        own_economy=_dated(content, "own_economy", _effect_value),
    )


def parse_issuer(document: bytes, *, economy: str, url: str) -> Issuer:
    """Read ``<economy>/issuer.json``.

    Args:
        document: At most 1 MiB.
        economy: Code under which the document was distributed.
        url: Issuer URL that ``scheme.json`` gives for that economy.

    Raises:
        ValueError: Malformed, of another economy, or naming a key without proof that
            the economy holds it.
    """
    content = _content(document, "issuer")
    if content.get("economy") != economy or content.get("issuer") != url:
        raise ValueError("economy or issuer is another one")
    is_test = content.get("test", False)
    if not isinstance(is_test, bool):
        raise ValueError("test is not true or false")
    rows = _rows(content, "keys", required=True)
    keys = [_key(row, url) for row in rows]
    points = {_jose.compressed_point(key.public_key) for key in keys}
    uses = {str(row["kid"]): str(row["use"]) for row in rows}
    if len(uses) != len(rows) or len(points) != len(rows):
        raise ValueError("a kid or a key occurs twice")
    named = dict(zip(uses, keys, strict=True))
    return Issuer(
        economy=economy,
        url=url,
        is_test=is_test,
        card_keys={kid: key for kid, key in named.items() if uses[kid] == "card"},
        status_keys={kid: key for kid, key in named.items() if uses[kid] == "status"},
    )


def key_statement(url: str, use: str, key_id: str) -> bytes:
    """Return what a key signs to show that its economy holds it (section 7.2)."""
    return f"ABTC1 key\n{url}\n{use}\n{key_id}".encode()


def parse_policy(document: bytes, *, economy: str, scheme: Scheme) -> DestinationRules:
    """Read ``<economy>/policy.json``.

    Raises:
        ValueError: Malformed, of another economy, or contradicting itself or the
            scheme.
    """
    content = _content(document, "policy")
    if content.get("economy") != economy:
        raise ValueError("economy is another one")
    exclusions = tuple(
        _pair_rule({**row, "destination": economy})
        for row in _rows(content, "exclusions")
    )
    check_pair_rules(exclusions)
    check_between(scheme.pair_rules, exclusions)
    return DestinationRules(
        accepts_form={
            form: _dated(content, "accepts_form", _boolean, only={"form": form})
            for form in (APP, PHYSICAL)
        },
        max_stay=_dated(content, "max_stay", _span),
        lane_needs_clearance=_dated(content, "lane", _needs_preclearance),
        allowed_purposes=_dated(content, "allowed_purposes", _texts),
        passport_validity=_dated(
            content, "min_passport_validity", _span, only={"moment": "entry"}
        ),
        exclusions=exclusions,
    )


def read_facts(
    economy: str, *, scheme: bytes, policy: bytes | None
) -> tuple[DatedFact, ...]:
    """Return the rows about an economy, in the order of the documents.

    Args:
        economy: Whose membership, pair rules and demands are wanted.
        scheme: A ``scheme.json`` that `parse_scheme` has read.
        policy: The economy's ``policy.json`` that `parse_policy` has read, if any.
    """
    content = _content(scheme, "scheme")
    demands = _content(policy, "policy") if policy else {}
    about = [row for row in _rows(content, "economies") if row.get("code") == economy]
    members = [row for each in about for row in _rows(each, "membership")]
    rules = [row for row in _rows(content, "pair_rules") if _speaks_of(row, economy)]
    tables: dict[str, list[_Row]] = {
        "membership": members,
        **{name: _rows(demands, name) for name in _DEMANDS},
        "exclusions": [
            {**row, "destination": economy} for row in _rows(demands, "exclusions")
        ],
        "pair_rules": rules,
        "own_economy": _rows(content, "own_economy"),
    }
    return tuple(_fact(key, row) for key, found in tables.items() for row in found)


def _speaks_of(rule: _Row, economy: str) -> bool:
    return rule.get("issuer") == economy or rule.get("destination") in {None, economy}


def _fact(key: str, row: _Row) -> DatedFact:
    said = {name: _said(each) for name, each in row.items() if name not in _ABOUT}
    return DatedFact(
        key=key,
        says=MappingProxyType(said),
        starts_at=_optional_moment(row, "from"),
        ends_at=_optional_moment(row, "until"),
        mark=str(row.get("mark") or ""),
        source=str(row.get("source") or ""),
    )


def _said(value: object) -> str | int | bool | tuple[str, ...] | None:
    if isinstance(value, list):
        return tuple(map(str, value))
    return value if isinstance(value, str | int) else None


def _content(document: bytes, kind: str) -> _Row:
    if len(document) > MAX_DOCUMENT:
        raise ValueError("longer than 1 MiB")
    content = _json.parse_object(document)
    if content.get("abtc") != kind:
        raise ValueError(f"abtc is not {kind}")
    return content


def _rows(content: _Row, name: str, *, required: bool = False) -> list[_Row]:
    rows = content.get(name) if required else content.get(name, [])
    if not isinstance(rows, list) or not all(map(_json.is_object, rows)):
        raise ValueError(f"{name} is not a list of objects")
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{name} has more than {MAX_ROWS} entries")
    return rows


def _dated(
    content: _Row,
    name: str,
    read: Callable[[_Row], T],
    *,
    only: Mapping[str, str] | None = None,
    required: bool = False,
) -> Dated[T]:
    wanted = (only or {}).items()
    rows = [
        row for row in _rows(content, name, required=required) if wanted <= row.items()
    ]
    try:
        return Dated(tuple((_period(row), read(row)) for row in rows))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _period(row: _Row) -> Period:
    start, end = _optional_moment(row, "from"), _optional_moment(row, "until")
    bounds = {"start": start, "end": end}
    return Period(**{name: bound for name, bound in bounds.items() if bound})


def _optional_moment(row: _Row, name: str) -> datetime | None:
    return None if row.get(name) is None else _moment(row, name)


def _moment(row: _Row, name: str) -> datetime:
    try:
        return parse_moment(row.get(name))
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error


def parse_moment(text: object) -> datetime:
    """Read a moment of a trust document (section 7).

    Raises:
        ValueError: Malformed; the message goes on after a name.
    """
    if not isinstance(text, str):
        raise ValueError("is not a moment")
    if not _MOMENT.fullmatch(text):
        raise ValueError("is not written as YYYY-MM-DDTHH:MM:SSZ")
    return datetime.fromisoformat(text)


def _key(row: _Row, url: str) -> TrustedKey:
    kid, use, proof = row.get("kid"), row.get("use"), row.get("proof")
    if not (isinstance(kid, str) and _jose.is_key_id(kid)):
        raise ValueError("kid is malformed")
    if use not in _USES or not isinstance(proof, str):
        raise ValueError(f"{kid}: use or proof is malformed")
    public_key = _jose.load_jwk(row.get("jwk"))
    statement = key_statement(url, str(use), kid)
    if not _jose.is_signed_by(public_key, statement, _b64.decode(proof)):
        raise ValueError(f"{kid}: no proof that the economy holds this key")
    _moment(row, "from")  # required here, unlike in other dated rows
    return TrustedKey(public_key=public_key, signs=_period(row))


def _pair_rule(row: _Row) -> PairRule:
    nationality = row.get("nationality")
    if isinstance(nationality, str) and nationality.startswith("!"):
        _code({"nationality": nationality[1:]}, "nationality")
    elif nationality is not None:
        _code(row, "nationality")
    return PairRule(
        issuer=_optional_code(row, "issuer"),
        nationality=None if nationality is None else str(nationality),
        destination=_optional_code(row, "destination"),
        effect=_effect(row.get("effect")),
        period=_period(row),
    )


def _optional_code(row: _Row, name: str) -> str | None:
    return None if row.get(name) is None else _code(row, name)


def _code(row: _Row, name: str) -> str:
    code = row.get(name)
    if not (isinstance(code, str) and is_economy_code(code)):
        raise ValueError(f"{name} is not a code")
    return code


def _url(row: _Row, name: str) -> str:
    url = row.get(name)
    if not (isinstance(url, str) and is_url(url)):
        raise ValueError(f"{name} is not a URL of the profile")
    return url


def _membership(row: _Row) -> str:
    value = row.get("value")
    if value not in _MEMBERSHIPS:
        raise ValueError("value is neither full nor transitional")
    return str(value)


def _effect_value(row: _Row) -> PairEffect:
    return _effect(row.get("value"))


def _effect(value: object) -> PairEffect:
    if not isinstance(value, str):
        raise ValueError("effect is not text")
    return PairEffect(value)


def _boolean(row: _Row) -> bool:
    return _true_or_false(row, "value")


def _needs_preclearance(row: _Row) -> bool:
    return _true_or_false(row, "needs_preclearance")


def _true_or_false(row: _Row, name: str) -> bool:
    value = row.get(name)
    if not isinstance(value, bool):
        raise ValueError(f"{name} is not true or false")
    return value


def _span(row: _Row) -> Span:
    value, unit = row.get("value"), row.get("unit")
    if type(value) is not int or not 1 <= value <= _MAX_SPAN or unit not in _UNITS:
        raise ValueError("not a number of days or months")
    return Span(value=value, unit=str(unit))


def _texts(row: _Row) -> tuple[str, ...]:
    value = row.get("value")
    if not (isinstance(value, list) and all(isinstance(text, str) for text in value)):
        raise ValueError("value is not a list of text")
    return tuple(value)
