"""The questions that desks put to wallets (DCQL), as far as one card can answer them.

Source: OpenID4VP 1.0, sections 6 and 7.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard


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
    paths = (
        claim["path"]
        for each in query["credentials"]
        for claim in each.get("claims", ())
    )
    return tuple(
        ".".join("*" if part is None else str(part) for part in path) for path in paths
    )


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
