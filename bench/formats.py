"""The same card in other clothes: what one would pick instead of the packed form.

Each is given its best case.  The dictionary holds the text of a whole card, the COSE
card has claim names of two letters, and neither repeats what the reader can derive.
"""

import json
import zlib
from typing import Any, Final

import base45
import cbor2

from bench import cards
from bench.cards import Holder, PrivateKey, unb64u

DEFLATE_PREFIX: Final = "ABTZ1:"
HC1_PREFIX: Final = "HC1:"
_SIGNATURE_BYTES: Final = 64
_NO_HEADER: Final = -zlib.MAX_WBITS
_SIGN1_TAG: Final = 18
_DICTIONARY: Final = (
    '{"alg":"ES256","typ":"kb+jwt"}{"iat":1,"aud":"urn:abtc:border","nonce":"iat.1"}'
    '{"alg":"ES256","kid":"20","typ":"dc+sd-jwt"}{"iss":"https://abtc.example/",'
    '"vct":"urn:abtc:card:1","iat":1,"exp":1,"status":{"status_list":{"idx":,'
    '"uri":"https://abtc.example//status/1"}},"cnf":{"jwk":{"kty":"EC","crv":"P-256",'
    '"x":"","y":""}},"document_number":"","family_name":"","given_name":"",'
    '"birthdate":"19","nationality":"","passport":{"country":"","number":""},'
    '"form":"physical"form":"app","economies":["' + '","'.join(cards.ALL_ECONOMIES)
).encode() + b'"]}'
"""All of a card's text but what is personal."""
# COSE and CWT labels (RFC 9052, 9053, 8392; Token Status List draft; EU DCC).
_ALG, _KID, _ES256 = 1, 4, -7
_ISS, _AUD, _EXP, _IAT, _CNF = 1, 3, 4, 6, 8
_STATUS, _CERTIFICATE = 65_535, -260
_CARD: Final = -65_537
"""For private use: the card inside the phone's own COSE message."""


def deflated(presentation: str) -> str:
    """Return presentation text as signatures, deflated JSON, base45.

    The JSON is everything that base64url hides in a token, but without ``sd_hash``,
    which follows from the rest.
    """
    card, _, proof = presentation.partition("~")
    tokens = [token.split(".") for token in (card, proof) if token]
    texts = [_claims_text(token) for token in tokens]
    signatures = b"".join(unb64u(token[2]) for token in tokens)
    stream = zlib.compressobj(9, wbits=_NO_HEADER, zdict=_DICTIONARY)
    packed = stream.compress("\n".join(texts).encode()) + stream.flush()
    return _base45_text(DEFLATE_PREFIX, signatures + packed)


def inflated(text: str) -> list[dict[str, Any]]:
    """Return the payloads in ``deflated`` text; shows that nothing was lost."""
    data = base45.b45decode(text.removeprefix(DEFLATE_PREFIX))
    for tokens in (1, 2):
        stream = zlib.decompressobj(wbits=_NO_HEADER, zdict=_DICTIONARY)
        try:
            found = stream.decompress(data[tokens * _SIGNATURE_BYTES :]).decode()
        except (zlib.error, UnicodeDecodeError):
            continue
        if stream.eof and len(found.split("\n")) == tokens:
            return [json.loads(line.partition("}")[2]) for line in found.split("\n")]
    raise ValueError("not deflated text")


def hc1(payload: dict[str, Any]) -> str:
    """Return a card as EU DCC writes certificates: no phone takes part."""
    return _hc1_text(_hc1_card(payload))


def hc1_with_proof(payload: dict[str, Any], holder: Holder, moment: int) -> str:
    """Return the same, inside a second COSE message that the phone signs."""
    inner = _hc1_card(payload)
    outer = {_AUD: cards.AUDIENCE, _IAT: moment, _CARD: inner}
    return _hc1_text(_sign1(outer, cards.holder_key(holder.number), None))


def _claims_text(token: list[str]) -> str:
    header, payload = (unb64u(part).decode() for part in token[:2])
    start, found, _ = payload.partition(',"sd_hash"')
    return f"{header}{start}}}" if found else f"{header}{payload}"


def _hc1_card(payload: dict[str, Any]) -> bytes:
    details = {
        "dn": payload["document_number"],
        "fn": payload["family_name"],
        "gn": payload["given_name"],
        "bd": payload["birthdate"],
        "na": payload["nationality"],
        "pp": [payload["passport"]["country"], payload["passport"]["number"]],
        "ty": payload["form"],
        "ec": payload["economies"],
    }
    content: dict[int, object] = {
        _ISS: payload["iss"],
        _EXP: payload["exp"],
        _IAT: payload["iat"],
        _STATUS: payload["status"],
        _CERTIFICATE: {1: details},
    }
    if "cnf" in payload:
        jwk = payload["cnf"]["jwk"]
        key = {1: 2, -1: 1, -2: unb64u(jwk["x"]), -3: unb64u(jwk["y"])}
        content[_CNF] = {1: key}
    return _sign1(content, cards.card_key(), cards.CARD_KEY_ID.encode())


def _sign1(content: object, key: PrivateKey, key_id: bytes | None) -> bytes:
    header = {_ALG: _ES256} if key_id is None else {_ALG: _ES256, _KID: key_id}
    protected, payload = cbor2.dumps(header), cbor2.dumps(content)
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    message = [protected, {}, payload, cards.sign(key, signed)]
    return cbor2.dumps(cbor2.CBORTag(_SIGN1_TAG, message))


def _hc1_text(message: bytes) -> str:
    return _base45_text(HC1_PREFIX, zlib.compress(message, 9))


def _base45_text(prefix: str, data: bytes) -> str:
    return f"{prefix}{base45.b45encode(data).decode()}"
