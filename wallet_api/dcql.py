"""The questions that desks put to wallets (DCQL), as far as one card can answer them.

Source: OpenID4VP 1.0, sections 6 and 7.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeGuard

from wallet_api.holder_proof import BASIS_TYPE, HIDDEN


def is_query(query: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether `asked_for` and `which` can read a query."""
    match query:
        case {"credentials": [_, *_] as asked}:
            return all(_is_credential_query(each) for each in asked)
        case _:
            return False


def _is_credential_query(query: object) -> bool:
    match query:
        case {"id": str(), "format": str(), "meta": {}, **others}:
            claims = others.get("claims", [])
            return isinstance(claims, list) and all(map(_is_claim, claims))
        case _:
            return False


def _is_claim(claim: object) -> bool:
    match claim:
        case {"path": [_, *_] as path, **others}:
            return all(map(_is_step, path)) and isinstance(
                others.get("values", []), list
            )
        case _:
            return False


def _is_step(step: object) -> bool:
    # True is an int in Python; and what is shown to a holder must be fit to be shown.
    is_name = isinstance(step, str) and step.isprintable()
    return is_name or step is None or (type(step) is int and step >= 0)


def asked_for(query: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the claims that a query names, such as ``passport.number``."""
    return tuple(
        _path(claim)
        for each in query["credentials"]
        for claim in each.get("claims", ())
    )


def _path(claim: Mapping[str, Any]) -> str:
    return ".".join("*" if part is None else str(part) for part in claim["path"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A question whether a card gives an entry basis somewhere, on a day."""

    id: str
    """Of the one credential that is asked for."""
    destination: str
    arrival: date
    wanted: tuple[str, ...]
    """Which of the claims that can be kept back."""


def journey(query: Mapping[str, Any]) -> Journey | None:
    """Return what a query asks about a journey; None if it asks for something else.

    A query that takes a card as well gets the proof: it says less.

    Args:
        query: As `is_query` wants it.

    Raises:
        ValueError: It asks for a proof of an entry basis, but names not exactly one
            destination and one day, or asks for what no proof has.
    """
    asked = [each for each in query["credentials"] if _takes_proofs(each)]
    if not asked:
        return None
    if len(query["credentials"]) > 1 or "credential_sets" in query:
        raise ValueError("it asks for more than one proof at once")
    (one,) = asked
    claims = {_path(each): each.get("values") for each in one.get("claims", ())}
    names = {path.partition(".")[0] for path in claims}
    if not names <= {*HIDDEN, "destination", "arrival", "answer"}:
        raise ValueError("it asks for what no proof of an entry basis has")
    return Journey(
        id=one["id"],
        destination=_only(claims.get("destination"), _CODE),
        arrival=date.fromisoformat(_only(claims.get("arrival"), _DAY)),
        wanted=tuple(name for name in HIDDEN if name in names),
    )


def _takes_proofs(query: Mapping[str, Any]) -> bool:
    types = query["meta"].get("vct_values")
    return (
        query["format"] == "dc+sd-jwt"
        and isinstance(types, list)
        and BASIS_TYPE in types
    )


def _only(values: list[Any] | None, pattern: re.Pattern[str]) -> str:
    match values:
        case [str(value)] if pattern.fullmatch(value):
            return value
    raise ValueError("it does not say which destination and which day")


_CODE: Final = re.compile(r"[A-Z]{3}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def which(query: Mapping[str, Any], card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of a query that a card answers; empty if it cannot be answered.

    All of it is answered by the one card, or nothing is.  Sets of credentials are not
    understood, sets of claims are: a card that has all claims has each set of them.

    Args:
        query: As `is_query` wants it.
        card: The claims of the card.
    """
    asked = query["credentials"]
    if "credential_sets" in query or not all(_answers(card, each) for each in asked):
        return ()
    return tuple(each["id"] for each in asked)


def _answers(card: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    types = query["meta"].get("vct_values", [card["vct"]])
    return (
        query["format"] == "dc+sd-jwt"
        and isinstance(types, list)
        and card["vct"] in types
        and all(_has(card, claim) for claim in query.get("claims", ()))
    )


def _has(card: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
    found = list(_at(card, claim["path"]))
    if "values" not in claim:
        return bool(found)
    # True is 1 in Python, and in no query.
    wanted = {(type(each), each) for each in claim["values"] if _is_plain(each)}
    return any((type(each), each) in wanted for each in found if _is_plain(each))


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | bool)


def _at(value: object, path: Sequence[object]) -> Iterator[object]:
    """Yield what a claims path points at (section 7.1)."""
    if not path:
        yield value
        return
    step, *rest = path
    match step, value:
        case None, list():
            for each in value:
                yield from _at(each, rest)
        case str(), dict() if step in value:
            yield from _at(value[step], rest)
        case int(), list() if step < len(value):
            yield from _at(value[step], rest)
        case _:
            return
