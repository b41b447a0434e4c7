"""QR text: the packed form of a presentation; the only module that touches cbor2.

Source: specification, section 5; RFC 8949, section 4.2.1.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NoReturn

import cbor2

from . import _b64, _base45, _jose, _json, _registry
from ._presentation import (
    BORDER_AUDIENCE,
    CARD_TOKEN_TYPE,
    PROOF_TOKEN_TYPE,
    Presentation,
    Proof,
    UnverifiedCard,
    derived_nonce,
)
from ._sdjwt import is_printable, parse_presentation_text
from .card import (
    APP,
    CARD_TYPE,
    CLAIM_NAMES,
    FIRST_BIRTHDATE,
    PHYSICAL,
    Card,
    is_economy_code,
    other_members,
    parse_card,
)
from .errors import PackingError

PREFIX = "ABTC1:"
MAX_CHARACTERS = 4296
"""The most that a QR code holds."""
_ANY_VERSION = re.compile(r"ABTC[0-9]+:")
_MAX_DEPTH = 6
_SECONDS_PER_DAY = 86_400
_MAX_LIST_NUMBER = 2**32 - 1
_MAX_DAYS = 2**17

# Keys of the packed map (specification, section 5.1).
_SIGNATURE, _KEY_ID, _ISSUER, _ISSUED_AT, _EXPIRY_DAYS, _EXPIRY = 0, 1, 2, 3, 4, 5
_INDEX, _LIST, _HOLDER_KEY = 6, 7, 8
_DOCUMENT_NUMBER, _FAMILY_NAME, _GIVEN_NAME, _BIRTHDATE = 9, 10, 11, 12
_NATIONALITY, _PASSPORT, _FORM, _ECONOMIES = 13, 14, 15, 16
_PROOF_ISSUED_AT, _PROOF_SIGNATURE, _PROOF_NONCE, _PROOF_AUDIENCE = 17, 18, 19, 20

_REQUIRED = frozenset({0, 1, 2, 3, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16})
_KNOWN = frozenset(range(21))
_FORMS = (APP, PHYSICAL)
_RESERVED_NAMES = frozenset(CLAIM_NAMES)


class _NoTags(dict[int, Any]):
    """Answers for every tag, so that cbor2 builds nothing from any of them."""

    def __contains__(self, tag: object) -> bool:
        return True

    def get(self, tag: int, default: object = None) -> Any:
        return _refuse_tag


def _refuse_tag(decoder: object, immutable: bool = False) -> NoReturn:
    raise cbor2.CBORDecodeError("tags are not allowed")


_NO_TAGS = _NoTags()


def pack(presentation: str) -> str:
    """Return the QR text of a presentation text.

    Args:
        presentation: An issuer JWT and ``~``, and for a phone the key binding JWT;
            at most 8,192 characters. No signature is needed to be good.

    Returns:
        ``ABTC1:`` and base45; at most 4,296 characters, alphanumeric in QR terms.

    Raises:
        PackingError: The text is not a presentation of this profile, or not canonical:
            unpacking would not give the same text back.

    Not checked: signatures, dates and status; `verify` does that.

    Source: specification, section 5.3.
    """
    try:
        packed = _encode(parse_presentation_text(presentation), presentation)
        text = PREFIX + _base45.encode(packed)
        unpacked = _unpack(text)[1]
    except ValueError as error:
        raise PackingError(f"cannot be packed: {error}") from error
    if unpacked != presentation:
        raise PackingError("cannot be packed: not in canonical form")
    return text


def unpack(qr_text: str) -> str:
    """Return the presentation text of a QR text: exactly what was signed.

    Args:
        qr_text: ``ABTC1:`` and base45; at most 4,296 characters.

    Returns:
        An issuer JWT and ``~``, followed by a key binding JWT if there is one.

    Raises:
        PackingError: ``qr_text`` is not the canonical packing of a presentation.

    Not checked: signatures, dates and status; `verify` does that.

    Source: specification, section 5.2.
    """
    try:
        return _unpack(qr_text)[1]
    except ValueError as error:
        raise PackingError(f"not ABTC QR text: {error}") from error


def is_any_version(text: str) -> bool:
    """Tell whether ``text`` claims to be an ABTC code of some version."""
    return _ANY_VERSION.match(text) is not None


def parse_qr_text(qr_text: str) -> Presentation:
    """Read QR text without believing any of it.

    Raises:
        ValueError: ``qr_text`` is not the canonical packing of a presentation.
    """
    return _unpack(qr_text)[0]


def _unpack(qr_text: str) -> tuple[Presentation, str]:
    if not qr_text.startswith(PREFIX):
        raise ValueError(f"does not begin with {PREFIX}")
    if len(qr_text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS} characters")
    fields = _read_map(_base45.decode(qr_text[len(PREFIX) :]))
    card = parse_card(_claims(fields))
    holder_key = _holder_key(fields, card)
    signing_input = f"{_header(fields)}.{_payload(fields, card, holder_key)}"
    signature = _signature(fields[_SIGNATURE])
    card_text = f"{signing_input}.{_b64.encode(signature)}~"
    digest = hashlib.sha256(card_text.encode()).digest()
    proof = _proof(fields, digest) if _PROOF_ISSUED_AT in fields else None
    presentation = Presentation(
        unverified_card=UnverifiedCard(card),
        unverified_key_id=fields[_KEY_ID],
        signing_input=signing_input.encode(),
        signature=signature,
        holder_key=holder_key,
        proof=proof,
        digest=digest,
    )
    if proof is None:
        return presentation, card_text
    proof_text = f"{proof.signing_input.decode()}.{_b64.encode(proof.signature)}"
    return presentation, card_text + proof_text


def _read_map(packed: bytes) -> dict[int | str, Any]:
    try:
        fields = cbor2.loads(
            packed,
            semantic_decoders=_NO_TAGS,
            max_depth=_MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        # Long integer forms and trailing bytes do not survive this comparison. Order
        # does, so it is checked by itself; that is faster than canonical encoding.
        if not isinstance(fields, dict) or cbor2.dumps(fields) != packed:
            raise ValueError("not one deterministic CBOR map")
    except (cbor2.CBORError, RecursionError, OverflowError, TypeError) as error:
        raise ValueError("not CBOR of the profile") from error
    _check_keys(fields)
    return fields


def _check_keys(fields: dict[Any, Any]) -> None:
    numbers = [key for key in fields if type(key) is int]
    names = [key for key in fields if type(key) is str]
    if list(fields) != sorted(numbers) + _ordered(names):
        raise ValueError("map keys of another type or out of order")
    present = frozenset(numbers)
    if not _REQUIRED <= present <= _KNOWN:
        raise ValueError("a required key is missing, or a key is unknown")
    if (_EXPIRY_DAYS in present) == (_EXPIRY in present):
        raise ValueError("not exactly one exp")
    if (_PROOF_ISSUED_AT in present) != (_PROOF_SIGNATURE in present):
        raise ValueError("half a proof")
    if _PROOF_ISSUED_AT not in present and not present.isdisjoint({19, 20}):
        raise ValueError("nonce or aud without a proof")
    if not _RESERVED_NAMES.isdisjoint(names):
        raise ValueError("a claim under its own name")
    for name in names:
        _check_member(fields[name])


def _ordered(names: list[str]) -> list[str]:
    """Sort as deterministic CBOR does: the encoded length stands before the text."""
    return sorted(names, key=lambda name: (len(name.encode()), name.encode()))


def _check_member(value: object) -> None:
    """Refuse what JSON cannot say, and objects in another order, at every depth."""
    if isinstance(value, dict):
        names = list(value)
        if not all(type(name) is str for name in names) or names != _ordered(names):
            raise ValueError("member names are not text in order")
        for inner in value.values():
            _check_member(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_member(inner)
    elif value is not None and type(value) not in {str, int, bool}:
        raise ValueError("a value that JSON cannot say")


def _claims(fields: Mapping[int | str, Any]) -> dict[str, object]:
    issuer = _https(fields[_ISSUER])
    nationality = _code(fields[_NATIONALITY])
    claims: dict[str, object] = {
        "iss": issuer,
        "vct": CARD_TYPE,
        "iat": fields[_ISSUED_AT],
        "exp": _expiry(fields),
        "status": {
            "status_list": {
                "idx": fields[_INDEX],
                "uri": _list_uri(issuer, fields[_LIST]),
            }
        },
        "document_number": fields[_DOCUMENT_NUMBER],
        "family_name": fields[_FAMILY_NAME],
        "given_name": fields[_GIVEN_NAME],
        "birthdate": _birthdate(fields[_BIRTHDATE]),
        "nationality": nationality,
        "passport": _passport(fields[_PASSPORT], nationality),
        "form": _form(fields[_FORM]),
        "economies": _economies(fields[_ECONOMIES]),
    }
    for key in fields:
        if isinstance(key, str):
            claims[key] = fields[key]
    return claims


def _https(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("URL is not text")
    return f"https://{value}"


def _expiry(fields: Mapping[int | str, Any]) -> int:
    if _EXPIRY_DAYS in fields:
        return _days(fields[_EXPIRY_DAYS]) * _SECONDS_PER_DAY
    seconds = fields[_EXPIRY]
    if not _json.is_moment(seconds) or seconds % _SECONDS_PER_DAY == 0:
        raise ValueError("exp belongs in days")
    return seconds


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


def _passport(value: object, nationality: str) -> dict[str, object]:
    if isinstance(value, str):
        return {"country": nationality, "number": value}
    if not (isinstance(value, list) and len(value) == 2):
        raise ValueError("passport is neither text nor a pair")
    country = _code(value[0])
    if country == nationality:
        raise ValueError("passport code repeats the nationality")
    return {"country": country, "number": value[1]}


def _form(value: object) -> str:
    if type(value) is not int or not 0 <= value < len(_FORMS):
        raise ValueError("unknown form")
    return _FORMS[value]


def _economies(value: object) -> list[str]:
    unregistered: list[object] = []
    if isinstance(value, list):
        if len(value) < 2:
            raise ValueError("economies is a list without text")
        value, *unregistered = value
    if type(value) is not int or not 0 <= value < 1 << len(_registry.CODES):
        raise ValueError("economies is not a bit set of the registry")
    codes = [code for bit, code in enumerate(_registry.CODES) if value >> bit & 1]
    if not unregistered:
        return codes
    others = [_code(code) for code in unregistered if is_economy_code(code)]
    if others != unregistered or others != sorted(others):
        raise ValueError("economies holds something else than ascending codes")
    return sorted(codes + others)


def _holder_key(fields: Mapping[int | str, Any], card: Card) -> _jose.PublicKey | None:
    if (_HOLDER_KEY in fields) != (card.form == APP):
        raise ValueError("cnf goes with the app form, and only with it")
    if card.form == APP:
        point = fields[_HOLDER_KEY]
        if not isinstance(point, bytes):
            raise ValueError("cnf is not bytes")
        return _jose.load_point(point)
    if _PROOF_ISSUED_AT in fields:
        raise ValueError("a physical card has no key binding")
    return None


def _header(fields: Mapping[int | str, Any]) -> str:
    key_id = fields[_KEY_ID]
    if not (isinstance(key_id, str) and _jose.is_key_id(key_id)):
        raise ValueError("kid is malformed")
    header = f'{{"alg":"{_jose.ALGORITHM}","kid":"{key_id}","typ":"{CARD_TOKEN_TYPE}"}}'
    return _b64.encode(header.encode())


def _payload(
    fields: Mapping[int | str, Any], card: Card, holder_key: _jose.PublicKey | None
) -> str:
    # Put together by hand, because this is on the path of every scan. The grammar of
    # each claim, checked before, leaves nothing that JSON would have to escape.
    confirmation = ""
    if holder_key:
        x, y = _jose.coordinates(holder_key)
        confirmation = (
            f'"cnf":{{"jwk":{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}}},'
        )
    economies = '","'.join(card.economies)
    others = {key: fields[key] for key in fields if isinstance(key, str)}
    payload = (
        f'{{"iss":"{card.issuer}","vct":"{CARD_TYPE}","iat":{fields[_ISSUED_AT]},'
        f'"exp":{_expiry(fields)},"status":{{"status_list":{{"idx":{card.status_index},'
        f'"uri":"{card.status_uri}"}}}},{confirmation}'
        f'"document_number":"{card.document_number}",'
        f'"family_name":"{card.family_name}","given_name":"{card.given_name}",'
        f'"birthdate":"{card.birthdate}","nationality":"{card.nationality}",'
        f'"passport":{{"country":"{card.passport_country}",'
        f'"number":"{card.passport_number}"}},"form":"{card.form}",'
        + (f'"economies":["{economies}"]' if economies else '"economies":[]')
        + (f",{_json.canonical(others)[1:]}" if others else "}")
    )
    return _b64.encode(payload.encode())


def _signature(value: object) -> bytes:
    if not (isinstance(value, bytes) and len(value) == _jose.SIGNATURE_BYTES):
        raise ValueError("signature is not 64 bytes")
    return value


_PROOF_HEADER = _b64.encode(
    f'{{"alg":"{_jose.ALGORITHM}","typ":"{PROOF_TOKEN_TYPE}"}}'.encode()
)


def _proof(fields: Mapping[int | str, Any], digest: bytes) -> Proof:
    issued_at = fields[_PROOF_ISSUED_AT]
    if not _json.is_moment(issued_at):
        raise ValueError("iat is not a moment")
    derived = derived_nonce(issued_at)
    nonce = _unless(fields, _PROOF_NONCE, derived)
    audience = _unless(fields, _PROOF_AUDIENCE, BORDER_AUDIENCE)
    payload = _json.canonical(
        {
            "iat": issued_at,
            "aud": audience,
            "nonce": nonce,
            "sd_hash": _b64.encode(digest),
        }
    )
    return Proof(
        issued_at=issued_at,
        audience=audience,
        nonce=nonce,
        card_digest=digest,
        signing_input=f"{_PROOF_HEADER}.{_b64.encode(payload.encode())}".encode(),
        signature=_signature(fields[_PROOF_SIGNATURE]),
    )


def _unless(fields: Mapping[int | str, Any], key: int, usual: str) -> str:
    if key not in fields:
        return usual
    value = fields[key]
    if not (isinstance(value, str) and is_printable(value)) or value == usual:
        raise ValueError("nonce or aud malformed, or one that goes without saying")
    return value


def _encode(shown: Presentation, text: str) -> bytes:
    card = shown.unverified_card
    fields: dict[int | str, object] = {
        _SIGNATURE: shown.signature,
        _KEY_ID: shown.unverified_key_id,
        _ISSUER: card.issuer.removeprefix("https://"),
        _ISSUED_AT: int(card.issued_at.timestamp()),
        **_packed_expiry(int(card.expires_at.timestamp())),
        _INDEX: card.status_index,
        _LIST: _packed_uri(card),
        _DOCUMENT_NUMBER: card.document_number,
        _FAMILY_NAME: card.family_name,
        _GIVEN_NAME: card.given_name,
        _BIRTHDATE: (date.fromisoformat(card.birthdate) - FIRST_BIRTHDATE).days,
        _NATIONALITY: _packed_code(card.nationality),
        _PASSPORT: _packed_passport(card),
        _FORM: _FORMS.index(card.form),
        _ECONOMIES: _packed_economies(card.economies),
        **_packed_proof(shown.proof),
        **_packed_others(text),
    }
    if shown.holder_key:
        fields[_HOLDER_KEY] = _jose.compressed_point(shown.holder_key)
    return cbor2.dumps(fields, canonical=True)


def _packed_expiry(seconds: int) -> dict[int, int]:
    days, rest = divmod(seconds, _SECONDS_PER_DAY)
    return {_EXPIRY: seconds} if rest else {_EXPIRY_DAYS: days}


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
        _PROOF_ISSUED_AT: proof.issued_at,
        _PROOF_SIGNATURE: proof.signature,
    }
    if proof.nonce != derived_nonce(proof.issued_at):
        fields[_PROOF_NONCE] = proof.nonce
    if proof.audience != BORDER_AUDIENCE:
        fields[_PROOF_AUDIENCE] = proof.audience
    return fields


def _packed_others(text: str) -> dict[int | str, object]:
    payload = text.partition(".")[2].partition(".")[0]
    return {**other_members(_json.parse_object(_b64.decode(payload)))}
