"""What the pages send, read strictly: an unknown member is an error, not ignored."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from .. import _json
from .._acts import OfficerDecision, OverrideReason
from ..passport import MrzError, Passport

MAX_CODE: Final = 16_384
"""Characters; no QR code or card is longer. What is longer is cut, and no card."""
_MAX_TEXT: Final = 2_048


class RequestError(ValueError):
    """The request is not what this address takes; the message is for developers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """``POST check``."""

    code: str
    passport: Passport | None
    challenge: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftRequest:
    """``POST shift``."""

    officer: str
    pin: str
    lane: str
    direction: str


def members(
    data: bytes, *, required: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, object]:
    """Read a JSON object with these members and no other.

    Raises:
        RequestError: It is anything else.
    """
    try:
        found = _json.parse_object(data or b"{}")
    except ValueError as error:
        raise RequestError(f"no JSON object: {error}") from error
    missing = set(required) - found.keys()
    unknown = found.keys() - set(required) - set(optional)
    if missing or unknown:
        raise RequestError(f"missing {sorted(missing)}, unknown {sorted(unknown)}")
    return found


def text(found: dict[str, object], name: str, *, most: int = _MAX_TEXT) -> str:
    """Return a member that is text; an absent one is empty.

    Raises:
        RequestError: It is no text, or longer than ``most`` characters.
    """
    value = found.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise RequestError(f"{name} is not text of at most {most} characters")
    return value


def parse_check(data: bytes) -> CheckRequest:
    """Read ``POST check``.

    Raises:
        RequestError: It is another request.
        MrzError: The passport's lines cannot be believed.
    """
    found = members(data, required=["code"], optional=["passport", "challenge"])
    code = found["code"]
    if not isinstance(code, str):
        raise RequestError("code is not text")
    challenge = found.get("challenge")
    if challenge is not None and not isinstance(challenge, str):
        raise RequestError("challenge is neither text nor null")
    return CheckRequest(
        code=code[:MAX_CODE],
        passport=_passport(found.get("passport")),
        challenge=challenge,
    )


def _passport(value: object) -> Passport | None:
    if value is None:
        return None
    if not _json.is_object(value):
        raise RequestError("passport is neither an object nor null")
    if value.keys() == {"mrz"}:
        return Passport.from_mrz(text(value, "mrz"))
    if value.keys() != {"country", "number"}:
        raise RequestError("passport has mrz, or country and number")
    try:
        return Passport.parse(f"{text(value, 'country')}:{text(value, 'number')}")
    except ValueError as error:
        raise MrzError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualRequest:
    """``POST manual``."""

    economy: str
    document_number: str
    passport_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRequest:
    """``POST answers/<id>/override``."""

    decision: OfficerDecision
    reason: OverrideReason
    note: str


def parse_manual(data: bytes) -> ManualRequest:
    """Read ``POST manual``.

    Raises:
        RequestError: It is another request. What cannot be right as a number is none.
    """
    names = ("economy", "document_number", "passport_number")
    found = members(data, required=names)
    economy, document, passport = (text(found, name) for name in names)
    return ManualRequest(
        economy=economy, document_number=document, passport_number=passport
    )


def parse_override(data: bytes) -> OverrideRequest:
    """Read ``POST answers/<id>/override``.

    Raises:
        RequestError: It is another request, or names what is not on the lists.
    """
    found = members(data, required=["decision", "reason"], optional=["note"])
    try:
        return OverrideRequest(
            decision=OfficerDecision(text(found, "decision")),
            reason=OverrideReason(text(found, "reason")),
            note=" ".join(text(found, "note").split()),
        )
    except ValueError as error:
        raise RequestError("decision or reason is not on its list") from error


def parse_flag(data: bytes, name: str) -> bool:
    """Read an object whose one member is true or false.

    Raises:
        RequestError: It is another request.
    """
    value = members(data, required=[name])[name]
    if not isinstance(value, bool):
        raise RequestError(f"{name} is not true or false")
    return value


def parse_text(data: bytes, name: str, *, optional: bool = False) -> str:
    """Read an object whose one member is text; an optional one may be absent.

    Raises:
        RequestError: It is another request.
    """
    names = {"optional" if optional else "required": [name]}
    found = members(data, **names)
    return text(found, name, most=MAX_CODE)


def parse_nothing(data: bytes) -> None:
    """Read an empty object, or nothing.

    Raises:
        RequestError: It is another request.
    """
    members(data)


def parse_shift(data: bytes) -> ShiftRequest:
    """Read ``POST shift``.

    Raises:
        RequestError: It is another request.
    """
    found = members(data, required=["officer", "lane", "direction"], optional=["pin"])
    direction = text(found, "direction")
    if direction not in {"entry", "exit"}:
        raise RequestError("direction is entry or exit")
    return ShiftRequest(
        officer=_word(found, "officer"),
        pin=text(found, "pin"),
        lane=_word(found, "lane"),
        direction=direction,
    )


def _word(found: dict[str, object], name: str) -> str:
    value = text(found, name)
    is_plain = value.isascii() and value.isprintable() and not set(value) & set('"\\')
    if not (0 < len(value) <= 32 and is_plain and value == value.strip()):
        raise RequestError(f"{name} is not 1 to 32 plain characters")
    return value
