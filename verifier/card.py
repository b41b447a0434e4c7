"""The content of a card, and the grammar it must obey."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from . import _json

CARD_TYPE = "urn:abtc:card:1"
APP = "app"
PHYSICAL = "physical"
CLAIM_NAMES = (
    "iss", "vct", "iat", "exp", "status", "cnf", "document_number", "family_name",
    "given_name", "birthdate", "nationality", "passport", "form", "economies",
)  # fmt: skip
"""Claims in canonical order (specification, section 3.2)."""
FORBIDDEN_NAMES = frozenset({"_sd", "_sd_alg", "..."})
"""Members by which an SD-JWT would hide claims; this profile hides none."""
FIRST_BIRTHDATE = date(1900, 1, 1)
LAST_BIRTHDATE = date(2099, 12, 31)

_URL = re.compile(r"https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*")
_MAX_URL = 200
_CODE = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"[A-Z0-9]{1,22}")
_NAME = re.compile(r"[A-Z]+(?: [A-Z]+)*")
_MAX_NAME = 39
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAX_ECONOMIES = 64
_MAX_MEMBER_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a card says.

    A card that a decision carries has been verified; elsewhere in this package the
    variable that holds one says ``unverified``.
    """

    issuer: str
    """URL of the issuer (``iss``)."""
    document_number: str
    """Number of this card document; 1 to 22 letters and digits."""
    family_name: str
    """As transliterated in the passport; at most 39 characters of A to Z and space."""
    given_name: str
    """The same; empty for a holder with one name."""
    birthdate: str
    """``YYYY-MM-DD``."""
    nationality: str
    """Alpha-3 code; can differ from the issuing economy."""
    passport_country: str
    """Alpha-3 code of the issuer of the one linked passport."""
    passport_number: str
    """Number of the one linked passport; 1 to 22 letters and digits."""
    form: str
    """``app`` or ``physical``."""
    economies: tuple[str, ...]
    """Codes cleared when this was signed, ascending."""
    issued_at: datetime
    """Moment of signing, UTC."""
    expires_at: datetime
    """Moment from which the card is no longer good, UTC."""
    not_before: datetime | None
    """Moment before which the card is not good, UTC, if it says so."""
    status_uri: str
    """Address of the status list; a name, never fetched."""
    status_index: int
    """Position in the status list."""


def parse_card(claims: Mapping[str, object]) -> Card:
    """Read the claims of a card, except ``cnf``.

    Raises:
        ValueError: A claim is missing, has another type, or is out of bounds; or a
            member would hide claims.
        KeyError: A required claim is missing.
    """
    if claims["vct"] != CARD_TYPE:
        raise ValueError("vct is not this card type")
    status_uri, status_index = _status(claims["status"])
    passport_country, passport_number = _passport(claims["passport"])
    issued_at, expires_at = _moment(claims, "iat"), _moment(claims, "exp")
    if expires_at <= issued_at:
        raise ValueError("exp is not after iat")
    check_other_members(claims)
    return Card(
        issuer=_url(claims["iss"]),
        document_number=_text(claims, "document_number", _NUMBER),
        family_name=_name(claims, "family_name"),
        given_name=_name(claims, "given_name") if claims["given_name"] != "" else "",
        birthdate=_birthdate(claims["birthdate"]),
        nationality=_text(claims, "nationality", _CODE),
        passport_country=passport_country,
        passport_number=passport_number,
        form=_form(claims["form"]),
        economies=_economies(claims["economies"]),
        issued_at=issued_at,
        expires_at=expires_at,
        not_before=_moment(claims, "nbf") if "nbf" in claims else None,
        status_uri=status_uri,
        status_index=status_index,
    )


def is_economy_code(value: object) -> bool:
    """Tell whether ``value`` is text that may be an economy's code."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def is_url(value: object) -> bool:
    """Tell whether ``value`` is text that may name an issuer or a list."""
    return (
        isinstance(value, str)
        and len(value) <= _MAX_URL
        and _URL.fullmatch(value) is not None
    )


def other_members(claims: Mapping[str, object]) -> dict[str, object]:
    """Return the members that are no claims of this profile, in the order given."""
    if len(claims) <= len(CLAIM_NAMES) and claims.keys() <= _CLAIM_SET:
        return {}
    return {name: claims[name] for name in claims if name not in _CLAIM_SET}


_CLAIM_SET = frozenset(CLAIM_NAMES)


def check_other_members(claims: Mapping[str, object]) -> None:
    """Check what the profile does not define, at every depth.

    Raises:
        ValueError: A name that hides claims or is too long, or an integer that not
            every JSON reader keeps.
    """
    level: list[object] = [other_members(claims)]
    while level:
        for value in level:
            _check_member_value(value)
        level = [inner for value in level for inner in _inner(value)]


def _check_member_value(value: object) -> None:
    if type(value) is int and abs(value) > _json.EXACT_INTEGER:
        raise ValueError("integer beyond 2**53")
    if isinstance(value, dict):
        for name in value:
            if name in FORBIDDEN_NAMES or not 1 <= len(name) <= _MAX_MEMBER_NAME:
                raise ValueError("member name not allowed")


def _inner(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _url(value: object) -> str:
    if not (isinstance(value, str) and is_url(value)):
        raise ValueError("not a URL of the profile")
    return value


def _text(claims: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = claims[name]
    if not (isinstance(value, str) and pattern.fullmatch(value)):
        raise ValueError(f"{name} is malformed")
    return value


def _name(claims: Mapping[str, object], name: str) -> str:
    value = _text(claims, name, _NAME)
    if len(value) > _MAX_NAME:
        raise ValueError(f"{name} is too long")
    return value


def _moment(claims: Mapping[str, object], name: str) -> datetime:
    value = claims[name]
    if not _json.is_moment(value):
        raise ValueError(f"{name} is not a moment")
    return datetime.fromtimestamp(value, UTC)


def _birthdate(value: object) -> str:
    # fullmatch first: fromisoformat also reads 20000101 and 2000-W01-1.
    if not (isinstance(value, str) and _DATE.fullmatch(value)):
        raise ValueError("birthdate is not YYYY-MM-DD")
    if not FIRST_BIRTHDATE <= date.fromisoformat(value) <= LAST_BIRTHDATE:
        raise ValueError("birthdate is out of bounds")
    return value


def _status(value: object) -> tuple[str, int]:
    if not (_json.is_object(value) and set(value) == {"status_list"}):
        raise ValueError("status is not exactly status_list")
    entry = value["status_list"]
    if not (_json.is_object(entry) and set(entry) == {"idx", "uri"}):
        raise ValueError("status_list is not exactly idx and uri")
    index = entry["idx"]
    if type(index) is not int or not 0 <= index <= _json.MAX_INTEGER:
        raise ValueError("idx is not an index")
    return _url(entry["uri"]), index


def _passport(value: object) -> tuple[str, str]:
    if not (_json.is_object(value) and set(value) == {"country", "number"}):
        raise ValueError("passport is not exactly country and number")
    return _text(value, "country", _CODE), _text(value, "number", _NUMBER)


def _form(value: object) -> str:
    if value != APP and value != PHYSICAL:
        raise ValueError("form is neither app nor physical")
    return APP if value == APP else PHYSICAL


def _economies(value: object) -> tuple[str, ...]:
    if not (isinstance(value, list) and len(value) <= _MAX_ECONOMIES):
        raise ValueError("economies is not a short list")
    if not all(map(is_economy_code, value)):
        raise ValueError("economies holds something that is not a code")
    if any(first >= second for first, second in zip(value, value[1:], strict=False)):
        raise ValueError("economies is not strictly ascending")
    return tuple(value)
