"""The values of the packed map, and the claims that they stand for.

Source: specification, section 5.1.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from . import _jose, _json, _registry
from ._presentation import (
    BORDER_AUDIENCE,
    HolderKey,
    Presentation,
    Proof,
    derived_nonce,
)
from .card import (
    APP,
    FIRST_BIRTHDATE,
    PHYSICAL,
    Card,
    build_card,
    checked_economies,
)

Fields = Mapping[int | str, Any]

# Keys of the packed map (specification, section 5.1).
SIGNATURE, KEY_ID, ISSUER, ISSUED_AT, EXPIRY_DAYS, EXPIRY = 0, 1, 2, 3, 4, 5
INDEX, LIST, HOLDER_KEY = 6, 7, 8
DOCUMENT_NUMBER, FAMILY_NAME, GIVEN_NAME, BIRTHDATE = 9, 10, 11, 12
NATIONALITY, PASSPORT, FORM, ECONOMIES = 13, 14, 15, 16
PROOF_ISSUED_AT, PROOF_SIGNATURE, PROOF_NONCE, PROOF_AUDIENCE = 17, 18, 19, 20

REQUIRED = frozenset({0, 1, 2, 3, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16})
KNOWN = frozenset(range(21))
_SECONDS_PER_DAY = 86_400
_MAX_LIST_NUMBER = 2**32 - 1
_MAX_DAYS = 2**17
_FORMS = (APP, PHYSICAL)


def read_card(fields: Fields, others: Mapping[str, object]) -> Card:
    """Return the card that the values stand for.

    Args:
        fields: The packed map; every required key is there.
        others: Its members with text keys.

    Raises:
        ValueError: A value is of another type, out of bounds, or not the canonical one
            for its claim.
    """
    issuer = _https(fields[ISSUER])
    nationality = _code(fields[NATIONALITY])
    country, number = _passport(fields[PASSPORT], nationality)
    return build_card(
        texts=(
            issuer,
            _list_uri(issuer, fields[LIST]),
            fields[DOCUMENT_NUMBER],
            fields[FAMILY_NAME],
            fields[GIVEN_NAME],
            _birthdate(fields[BIRTHDATE]),
            nationality,
            country,
            number,
            _form(fields[FORM]),
        ),
        economies=_economies(fields[ECONOMIES]),
        status_index=fields[INDEX],
        issued_at=fields[ISSUED_AT],
        expires_at=_expiry(fields),
        not_before=others.get("nbf", fields[ISSUED_AT]),
    )


def _https(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("URL is not text")
    return f"https://{value}"


def _expiry(fields: Fields) -> int:
    if EXPIRY_DAYS in fields:
        return _days(fields[EXPIRY_DAYS]) * _SECONDS_PER_DAY
    moment = fields[EXPIRY]
    if not _json.is_moment(moment) or moment % _SECONDS_PER_DAY == 0:
        raise ValueError("exp is not a moment, or belongs in days")
    return moment


def _days(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_DAYS:
        raise ValueError("not a number of days")
    return value


def _list_uri(issuer: str, value: object) -> str:
    if type(value) is int and 0 <= value <= _MAX_LIST_NUMBER:
        return f"{issuer}/status/{value}"
    uri = _https(value)
    if _list_number(issuer, uri) is not None:
        raise ValueError("status URI belongs in a number")
    return uri


def _list_number(issuer: str, uri: str) -> int | None:
    start = f"{issuer}/status/"
    digits = uri[len(start) :]
    if not (uri.startswith(start) and digits.isdecimal() and len(digits) <= 10):
        return None
    number = int(digits)
    return number if str(number) == digits and number <= _MAX_LIST_NUMBER else None


def _code(value: object) -> str:
    if type(value) is int and 0 <= value < len(_registry.CODES):
        return _registry.CODES[value]
    if not isinstance(value, str) or value in _registry.NUMBERS:
        raise ValueError("not a code value")
    return value


def _birthdate(value: object) -> str:
    return (FIRST_BIRTHDATE + timedelta(days=_days(value))).isoformat()


def _passport(value: object, nationality: str) -> tuple[str, object]:
    if isinstance(value, str):
        return nationality, value
    if not (isinstance(value, list) and len(value) == 2):
        raise ValueError("passport is neither text nor a pair")
    country = _code(value[0])
    if country == nationality:
        raise ValueError("passport code repeats the nationality")
    return country, value[1]


def _form(value: object) -> str:
    if type(value) is not int or not 0 <= value < len(_FORMS):
        raise ValueError("unknown form")
    return _FORMS[value]


def _economies(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return _registered(_bit_set(value))
    if len(value) < 2:
        raise ValueError("economies is a list without text")
    unregistered = checked_economies(value[1:])
    if not _registry.NUMBERS.keys().isdisjoint(unregistered):
        raise ValueError("a registered economy stands outside the bit set")
    return checked_economies(sorted(_registered(_bit_set(value[0])) + unregistered))


def _bit_set(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << len(_registry.CODES):
        raise ValueError("economies is not a bit set of the registry")
    return value


@lru_cache(maxsize=1024)
def _registered(bits: int) -> tuple[str, ...]:
    return tuple(code for bit, code in enumerate(_registry.CODES) if bits >> bit & 1)


def seconds(moment: datetime) -> int:
    """Return a moment as it is on the wire."""
    return int(moment.timestamp())


def write_fields(shown: Presentation) -> dict[int | str, object]:
    """Return the values that stand for a presentation, in no particular order."""
    card = shown.card.unverified_claims
    return {
        SIGNATURE: shown.card.signature,
        KEY_ID: shown.card.unverified_key_id,
        ISSUER: card.issuer.removeprefix("https://"),
        ISSUED_AT: seconds(card.issued_at),
        **_packed_expiry(seconds(card.expires_at)),
        INDEX: card.status_index,
        LIST: _packed_uri(card),
        DOCUMENT_NUMBER: card.document_number,
        FAMILY_NAME: card.family_name,
        GIVEN_NAME: card.given_name,
        BIRTHDATE: (date.fromisoformat(card.birthdate) - FIRST_BIRTHDATE).days,
        NATIONALITY: _packed_code(card.nationality),
        PASSPORT: _packed_passport(card),
        FORM: _FORMS.index(card.form),
        ECONOMIES: _packed_economies(card.economies),
        **_packed_holder_key(shown.card.holder_key),
        **_packed_proof(shown.proof),
    } | dict[int | str, object](shown.card.others)


def _packed_holder_key(key: HolderKey | None) -> dict[int | str, object]:
    return {HOLDER_KEY: _jose.compressed_point(key.public_key)} if key else {}


def _packed_expiry(moment: int) -> dict[int | str, object]:
    days, rest = divmod(moment, _SECONDS_PER_DAY)
    return {EXPIRY: moment} if rest else {EXPIRY_DAYS: days}


def _packed_uri(card: Card) -> int | str:
    number = _list_number(card.issuer, card.status_uri)
    return card.status_uri.removeprefix("https://") if number is None else number


def _packed_code(code: str) -> int | str:
    return _registry.NUMBERS.get(code, code)


def _packed_passport(card: Card) -> object:
    if card.passport_country == card.nationality:
        return card.passport_number
    return [_packed_code(card.passport_country), card.passport_number]


def _packed_economies(economies: tuple[str, ...]) -> object:
    numbers = _registry.NUMBERS
    bits = sum(1 << numbers[code] for code in economies if code in numbers)
    others = [code for code in economies if code not in numbers]
    return [bits, *others] if others else bits


def _packed_proof(proof: Proof | None) -> dict[int | str, object]:
    if proof is None:
        return {}
    fields: dict[int | str, object] = {
        PROOF_ISSUED_AT: proof.issued_at,
        PROOF_SIGNATURE: proof.signature,
    }
    if proof.nonce != derived_nonce(proof.issued_at):
        fields[PROOF_NONCE] = proof.nonce
    if proof.audience != BORDER_AUDIENCE:
        fields[PROOF_AUDIENCE] = proof.audience
    return fields
