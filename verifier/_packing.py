"""QR text: the packed form of a presentation; the only module that touches cbor2.

Source: specification, section 5; RFC 8949, section 4.2.1.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import cbor2

from . import _b64, _base45, _jose, _json
from ._fields import (
    EXPIRY,
    EXPIRY_DAYS,
    HOLDER_KEY,
    KEY_ID,
    KNOWN,
    PROOF_AUDIENCE,
    PROOF_ISSUED_AT,
    PROOF_NONCE,
    PROOF_SIGNATURE,
    REQUIRED,
    SIGNATURE,
    Fields,
    read_card,
    seconds,
    write_fields,
)
from ._presentation import (
    BORDER_AUDIENCE,
    CARD_TOKEN_TYPE,
    PROOF_TOKEN_TYPE,
    HolderKey,
    Presentation,
    Proof,
    SignedCard,
    UnverifiedCard,
    derived_nonce,
)
from ._sdjwt import MAX_CHARACTERS as MAX_TEXT_CHARACTERS
from ._sdjwt import is_printable, parse_presentation_text
from .card import APP, CARD_TYPE, CLAIM_NAMES, Card, check_other_members
from .errors import PackingError

PREFIX = "ABTC1:"
MAX_CHARACTERS = 4296
"""The most that a QR code holds."""
_ANY_VERSION = re.compile(r"ABTC[0-9]+:")
_MAX_DEPTH = 6
_ORDINARY_PROOF = re.compile(rb"\x11\x1a(.{4})\x12\x58\x40(.{64})", re.DOTALL)
_PROOF_BYTES = 73
_SIGNATURE_CHARACTERS = 1 + 86
"""A full stop, and 64 bytes in base64url."""
_SHORTEST_FORM = 2**16
"""Below this, four bytes are not the shortest form of an integer."""
_RESERVED_NAMES = frozenset(CLAIM_NAMES)
_CARD_KEYS = tuple(sorted(REQUIRED | {EXPIRY_DAYS}))
_USUAL_KEYS = {
    _CARD_KEYS,
    tuple(sorted({*_CARD_KEYS, HOLDER_KEY, PROOF_ISSUED_AT, PROOF_SIGNATURE})),
}
"""What a printed and a rotating code have, when nothing is out of the ordinary."""


class _NoTags(dict[int, Any]):
    """Answers for every tag, so that cbor2 builds nothing from any of them."""

    def __missing__(self, tag: int) -> NoReturn:
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
        fields = write_fields(parse_presentation_text(presentation))
        text = PREFIX + _base45.encode(cbor2.dumps(fields, canonical=True))
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


class Frame(NamedTuple):
    """Packed data, cut where a phone's code changes from tick to tick.

    The last 73 bytes of an ordinary code are keys 17 and 18, the moment and the
    signature of the proof; all before them stays the same for the life of a credential.
    """

    card_part: bytes
    proof_issued_at: int | None
    """Set if, and only if, the data ends in an ordinary proof."""
    proof_signature: bytes
    packed: bytes

    @property
    def card_key(self) -> tuple[bytes, bool]:
        """Equal for two QR texts exactly if they show the same card in one way."""
        return self.card_part, self.proof_issued_at is None


def cut_qr_text(qr_text: str) -> Frame:
    """Decode QR text and cut it, without a look at the card part.

    Raises:
        ValueError: Not QR text of this version, too long, or not base45.
    """
    if not qr_text.startswith(PREFIX):
        raise ValueError(f"does not begin with {PREFIX}")
    if len(qr_text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS} characters")
    packed = _base45.decode(qr_text[len(PREFIX) :])
    proof = _ORDINARY_PROOF.fullmatch(packed, max(0, len(packed) - _PROOF_BYTES))
    issued_at = int.from_bytes(proof[1], "big") if proof else 0
    if proof is None or issued_at < _SHORTEST_FORM:
        return Frame(packed, None, b"", packed)
    return Frame(packed[:-_PROOF_BYTES], issued_at, proof[2], packed)


def parse_frame(frame: Frame) -> Presentation:
    """Read packed data without believing any of it.

    Raises:
        ValueError: Not the canonical packing of a presentation.
    """
    fields, names = _read_map(frame.packed)
    card = _signed_card(fields, {name: fields[name] for name in names})
    shown = Presentation(card, _stated_proof(fields, card))
    if _text_length(shown) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"unpacks to more than {MAX_TEXT_CHARACTERS} characters")
    return shown


def parse_seen_frame(frame: Frame, card: SignedCard) -> Presentation:
    """Read packed data whose card part is known to be that of ``card``.

    An ordinary proof has one form only, so equal card parts are canonical alike.

    Raises:
        ValueError: The proof's moment is out of bounds.
    """
    if frame.proof_issued_at is None:
        return Presentation(card, None)
    return Presentation(
        card, _proof(frame.proof_issued_at, frame.proof_signature, card.digest)
    )


def _stated_proof(fields: Fields, card: SignedCard) -> Proof | None:
    if PROOF_ISSUED_AT not in fields:
        return None
    if card.holder_key is None:
        raise ValueError("a physical card has no key binding")
    nonce = _stated(fields, PROOF_NONCE, derived_nonce(fields[PROOF_ISSUED_AT]))
    audience = _stated(fields, PROOF_AUDIENCE, BORDER_AUDIENCE)
    return _proof(
        fields[PROOF_ISSUED_AT], fields[PROOF_SIGNATURE], card.digest, nonce, audience
    )


def _text_length(shown: Presentation) -> int:
    """Return the length of the presentation text: each JWS, and one ``~``."""
    length = len(shown.card.signing_input) + _SIGNATURE_CHARACTERS + 1
    if shown.proof:
        length += len(shown.proof.signing_input) + _SIGNATURE_CHARACTERS
    return length


def _unpack(qr_text: str) -> tuple[Presentation, str]:
    shown = parse_frame(cut_qr_text(qr_text))
    text = f"{_text(shown.card.signing_input, shown.card.signature)}~"
    if shown.proof:
        text += _text(shown.proof.signing_input, shown.proof.signature)
    return shown, text


def _text(signing_input: bytes, signature: bytes) -> str:
    return f"{signing_input.decode()}.{_b64.encode(signature)}"


def _signed_card(fields: Fields, others: Mapping[str, object]) -> SignedCard:
    check_other_members(others)
    card = read_card(fields, others)
    holder_key = _holder_key(fields, card)
    signing_input = f"{_header(fields)}.{_payload(card, holder_key, others)}"
    signature = _signature(fields[SIGNATURE])
    text = f"{signing_input}.{_b64.encode(signature)}~"
    return SignedCard(
        unverified_claims=UnverifiedCard(card),
        others=others,
        unverified_key_id=fields[KEY_ID],
        signing_input=signing_input.encode(),
        signature=signature,
        holder_key=holder_key,
        digest=hashlib.sha256(text.encode()).digest(),
    )


def _read_map(packed: bytes) -> tuple[Fields, list[str]]:
    """Return the map, and those of its keys that are names."""
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
    numbers = [key for key in fields if type(key) is int]
    names = [key for key in fields if type(key) is str]
    if list(fields) != sorted(numbers) + _ordered(names):
        raise ValueError("map keys of another type or out of order")
    if tuple(numbers) not in _USUAL_KEYS:
        _check_numbers(frozenset(numbers))
    if names:
        _check_names(fields, names)
    return fields, names


def _check_numbers(present: frozenset[int]) -> None:
    if not REQUIRED <= present <= KNOWN:
        raise ValueError("a required key is missing, or a key is unknown")
    if (EXPIRY_DAYS in present) == (EXPIRY in present):
        raise ValueError("not exactly one exp")
    if (PROOF_ISSUED_AT in present) != (PROOF_SIGNATURE in present):
        raise ValueError("half a proof")
    if PROOF_ISSUED_AT not in present and not present.isdisjoint(
        {PROOF_NONCE, PROOF_AUDIENCE}
    ):
        raise ValueError("nonce or aud without a proof")


def _check_names(fields: Fields, names: list[str]) -> None:
    if not _RESERVED_NAMES.isdisjoint(names):
        raise ValueError("a claim under its own name")
    for name in names:
        _check_member(fields[name])


def _ordered(names: list[str]) -> list[str]:
    """Sort as deterministic CBOR does: the encoded length stands before the text."""
    return sorted(names, key=lambda name: (len(name.encode()), name.encode()))


def _check_member(value: object, depth: int = 2) -> None:
    """Refuse what JSON cannot say, and objects in another order, at every depth."""
    if isinstance(value, (dict, list)) and depth > _MAX_DEPTH:
        raise ValueError("nested too deep")  # cbor2 does not count empty containers
    if isinstance(value, dict):
        names = list(value)
        if not all(type(name) is str for name in names) or names != _ordered(names):
            raise ValueError("member names are not text in order")
        for inner in value.values():
            _check_member(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_member(inner, depth + 1)
    elif value is not None and type(value) not in {str, int, bool}:
        raise ValueError("a value that JSON cannot say")


def _holder_key(fields: Fields, card: Card) -> HolderKey | None:
    if (HOLDER_KEY in fields) != (card.form == APP):
        raise ValueError("cnf goes with the app form, and only with it")
    if card.form != APP:
        return None
    point = fields[HOLDER_KEY]
    if not isinstance(point, bytes):
        raise ValueError("cnf is not bytes")
    key = _jose.load_point(point)
    return HolderKey(key, *_jose.coordinates(key))


def _header(fields: Fields) -> str:
    key_id = fields[KEY_ID]
    if not (isinstance(key_id, str) and _jose.is_key_id(key_id)):
        raise ValueError("kid is malformed")
    header = f'{{"alg":"{_jose.ALGORITHM}","kid":"{key_id}","typ":"{CARD_TOKEN_TYPE}"}}'
    return _b64.encode(header.encode())


def _payload(
    card: Card, holder_key: HolderKey | None, others: Mapping[str, object]
) -> str:
    # Put together by hand, because this is on the path of every scan. The grammar of
    # each claim, checked before, leaves nothing that JSON would have to escape.
    confirmation = ""
    if holder_key:
        confirmation = (
            '"cnf":{"jwk":{"kty":"EC","crv":"P-256",'
            f'"x":"{holder_key.x}","y":"{holder_key.y}"}}}},'
        )
    economies = '","'.join(card.economies)
    payload = (
        f'{{"iss":"{card.issuer}","vct":"{CARD_TYPE}","iat":{seconds(card.issued_at)},'
        f'"exp":{seconds(card.expires_at)},"status":{{"status_list":{{"idx":{card.status_index},'
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


def _proof(
    issued_at: object,
    signature: object,
    digest: bytes,
    nonce: str | None = None,
    audience: str = BORDER_AUDIENCE,
) -> Proof:
    if not _json.is_moment(issued_at):
        raise ValueError("iat is not a moment")
    nonce = nonce or derived_nonce(issued_at)
    payload = (
        f'{{"iat":{issued_at},"aud":{_json.canonical(audience)},'
        f'"nonce":{_json.canonical(nonce)},"sd_hash":"{_b64.encode(digest)}"}}'
    )
    return Proof(
        issued_at=issued_at,
        audience=audience,
        nonce=nonce,
        card_digest=digest,
        signing_input=f"{_PROOF_HEADER}.{_b64.encode(payload.encode())}".encode(),
        signature=_signature(signature),
    )


def _stated(fields: Fields, key: int, usual: str) -> str:
    """Return a text that stands in the map only if it is not the usual one."""
    if key not in fields:
        return usual
    value = fields[key]
    if not (isinstance(value, str) and is_printable(value)) or value == usual:
        raise ValueError("nonce or aud malformed, or one that goes without saying")
    return value
