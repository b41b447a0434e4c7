"""Strict JSON (specification, section 2).

What the standard reader lets through, this one refuses.
"""

import json
from collections.abc import Iterable
from typing import NoReturn, TypeGuard

MAX_DEPTH = 16
"""Levels of nesting."""
MAX_COMMAS = 2**16
"""Bounds how many values there can be, and so the memory, before any is built."""
MAX_INTEGER = 2**64 - 1
"""Only a status index may be so large; every other field has its own, smaller bound."""
EXACT_INTEGER = 2**53
"""The largest integer that every JSON reader keeps exactly."""
MAX_SECONDS = 4_102_444_800
"""2100-01-01: adding any tolerance to a moment stays far from datetime's end."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def parse_object(data: bytes) -> dict[str, object]:
    """Return the JSON object that ``data`` is.

    Raises:
        ValueError: ``data`` is not UTF-8, not strict JSON, not an object, or too deep,
            or has too many values.
    """
    if data.count(b",") > MAX_COMMAS:
        raise ValueError("too many values")
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not is_object(value):
        raise ValueError("not a JSON object")
    check_value(value)
    return value


def canonical(value: object) -> str:
    """Return ``value`` as canonical JSON; member order is the caller's."""
    return _encode(value)


def check_value(value: object) -> None:
    """Check depth, text and numbers of a value that a parser has built.

    Raises:
        ValueError: Nested deeper than 16, text with unpaired surrogates, or an integer
            beyond 2**53 under another name than ``idx``.
    """
    level: list[object] = [value]
    for depth in range(MAX_DEPTH + 1):
        if not level:
            return
        if depth == MAX_DEPTH and any(isinstance(each, dict | list) for each in level):
            raise ValueError("nested too deep")
        level = [inner for outer in level for inner in _children(outer)]


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Tell whether ``value`` is a JSON object."""
    return isinstance(value, dict)


def is_moment(value: object) -> TypeGuard[int]:
    """Tell whether ``value`` is a moment on the wire; ``True`` is not."""
    return type(value) is int and 0 <= value <= MAX_SECONDS


def _children(value: object) -> Iterable[object]:
    if isinstance(value, str):
        value.encode()  # UnicodeEncodeError is a ValueError
        return ()
    if isinstance(value, list):
        for each in value:
            _check_integer(each)
        return value
    if isinstance(value, dict):
        for name, each in value.items():
            if name != "idx":
                _check_integer(each)
        return [*value, *value.values()]
    return ()


def _check_integer(value: object) -> None:
    if type(value) is int and abs(value) > EXACT_INTEGER:
        raise ValueError("integer beyond 2**53")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _integer(digits: str) -> int:
    # The length first: converting thousands of digits is slow.
    if digits == "-0" or len(digits) > 20 or abs(int(digits)) > MAX_INTEGER:
        raise ValueError("integer out of range")
    return int(digits)


def _refuse(text: str) -> NoReturn:
    raise ValueError("only integers are numbers here")
