"""Read JSON from outside: no member twice, no NaN, bounded depth, one kind of error."""

import json
from typing import Any, Final

from issuer.errors import Invalid

MAX_DEPTH: Final = 16


def read_object(data: bytes) -> dict[str, Any]:
    """Read one JSON object in UTF-8.

    Args:
        data: Of any size; the server bounds it.

    Raises:
        Invalid: It is no JSON object, has a member twice, is nested deeper than 16, has
            a number that JSON has not, or half of a surrogate pair.

    Source: RFC 8259; RFC 7493 (I-JSON) for what it leaves open.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise _invalid("is no JSON, or has a member twice") from error
    if not isinstance(value, dict):
        raise _invalid("is no JSON object")
    if _depth(value) > MAX_DEPTH:
        raise _invalid(f"is nested deeper than {MAX_DEPTH}")
    return value


def _invalid(text: str) -> Invalid:
    return Invalid([("", "json", text)])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a member twice")
    return value


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _depth(value: object) -> int:
    # Without recursion: the reader has been through it already, we need not go so far.
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [inner for each in level for inner in _inside(each)]
    return depth


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []
