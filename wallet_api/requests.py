"""Requests of phones, read strictly: from bytes to values, or a registered refusal.

Unknown members are ignored on the endpoints of the standards, as these demand, and
refused on the holder's own API.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from issuer.api.strict_json import read_object
from issuer.entry_proofs import claims_of
from issuer.errors import Invalid
from issuer.jws import PublicKey, public_key_from_jwk
from wallet_api.apple import AppAttest
from wallet_api.errors import ProtocolError
from wallet_api.metadata import ANDROID, CONFIGURATION, PRE_AUTHORIZED, REFRESH

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
_MAX_FIELDS: Final = 64
_MAX_SECRET: Final = 512
EVENTS: Final = ("credential_accepted", "credential_failure", "credential_deleted")
_NONCE: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CODE: Final = re.compile(r"[A-Z]{3}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DOCUMENT: Final = re.compile(r"[A-Z0-9]{1,22}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request for tokens."""

    grant: Literal["code", "refresh"]
    secret: str
    """The pre-authorized code, or the refresh token."""
    one_time_code: str | None
    has_details: bool
    """It asks for credential identifiers."""


def read_token(data: bytes, media_type: str) -> TokenRequest:
    """Read the form of a token request.

    Raises:
        ProtocolError: ``invalid_request``, ``unsupported_grant_type`` or
            ``invalid_authorization_details``.

    Source: RFC 6749, section 3.2; OpenID4VCI 1.0, section 6.1.
    """
    fields = _form(data, media_type)
    grant = fields.get("grant_type")
    if grant is None:
        raise ProtocolError("invalid_request", "grant_type is missing")
    if grant == PRE_AUTHORIZED:
        return TokenRequest(
            grant="code",
            secret=_secret(fields, "pre-authorized_code"),
            one_time_code=_optional(fields, "tx_code"),
            has_details=_has_details(fields),
        )
    if grant == REFRESH:
        return TokenRequest(
            grant="refresh",
            secret=_secret(fields, "refresh_token"),
            one_time_code=None,
            has_details=False,
        )
    raise ProtocolError("unsupported_grant_type", "see grant_types_supported")


def _form(data: bytes, media_type: str) -> dict[str, str]:
    if media_type != FORM:
        raise ProtocolError("invalid_request", f"the content type is not {FORM}")
    try:
        pairs = parse_qsl(
            data.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as error:
        raise ProtocolError("invalid_request", "the form cannot be read") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ProtocolError("invalid_request", "a parameter comes twice")
    # A parameter without a value counts as left out (RFC 6749, section 3.2).
    return {name: value for name, value in fields.items() if value}


def _secret(fields: Mapping[str, str], name: str) -> str:
    value = _optional(fields, name)
    if value is None:
        raise ProtocolError("invalid_request", f"{name} is missing")
    return value


def _optional(fields: Mapping[str, str], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and len(value) > _MAX_SECRET:
        raise ProtocolError("invalid_request", f"{name} is too long")
    return value


def _has_details(fields: Mapping[str, str]) -> bool:
    text = fields.get("authorization_details")
    if text is None:
        return False
    refused = ProtocolError(
        "invalid_authorization_details", f"only {CONFIGURATION} can be asked for"
    )
    try:
        # The reader wants one object around the list.
        details = read_object(f'{{"value":{text}}}'.encode())["value"]
    except (Invalid, KeyError) as error:
        raise refused from error
    if not isinstance(details, list) or not details:
        raise refused
    for each in details:
        if (
            not isinstance(each, dict)
            or each.get("type") != "openid_credential"
            or each.get("credential_configuration_id") != CONFIGURATION
        ):
            raise refused
    return True


AndroidChain = tuple[str, ...]
"""Certificates in base64, the key's own first."""


def read_credential(data: bytes, media_type: str) -> str | AndroidChain:
    """Read a credential request, and return the proof in it.

    Returns:
        A JWT; or what an Android phone says of a key.

    Raises:
        ProtocolError: ``invalid_credential_request``,
            ``invalid_encryption_parameters``, ``unknown_credential_configuration``,
            ``unknown_credential_identifier`` or ``invalid_proof``.

    Source: OpenID4VCI 1.0, sections 8.2 and 8.3.1.
    """
    given = _object(data, media_type, "invalid_credential_request")
    _refuse_encryption(given)
    _check_which(given)
    return _proof(given)


def _check_which(given: Mapping[str, Any]) -> None:
    names = ("credential_configuration_id", "credential_identifier")
    named = [name for name in names if name in given]
    if len(named) != 1 or not isinstance(given[named[0]], str):
        raise ProtocolError(
            "invalid_credential_request",
            "give credential_configuration_id or credential_identifier",
        )
    if given[named[0]] != CONFIGURATION:
        raise ProtocolError(f"unknown_{named[0].removesuffix('_id')}")


def _proof(given: Mapping[str, Any]) -> str | AndroidChain:
    proofs = given.get("proofs")
    if not isinstance(proofs, dict) or len(proofs) != 1:
        raise ProtocolError("invalid_proof", "proofs must have one member")
    ((kind, values),) = proofs.items()
    if not isinstance(values, list) or len(values) != 1:
        raise ProtocolError("invalid_proof", "there must be one proof: one key a card")
    proof = values[0]
    if kind == "jwt" and isinstance(proof, str):
        return proof
    if kind == ANDROID and isinstance(proof, list) and _are_texts(proof):
        return tuple(proof)
    raise ProtocolError("invalid_proof", "see proof_types_supported")


def _are_texts(given: list[object]) -> bool:
    return all(isinstance(each, str) for each in given)


def _refuse_encryption(given: Mapping[str, Any]) -> None:
    if "credential_response_encryption" in given:
        raise ProtocolError("invalid_encryption_parameters", "nothing is encrypted")


def read_deferred(data: bytes, media_type: str) -> tuple[str, bool]:
    """Read a request for a credential that was not ready.

    Returns:
        Its transaction, and whether the wallet says that it takes a notification's id
        in the answer: not every library does.

    Raises:
        ProtocolError: ``invalid_credential_request``,
            ``invalid_encryption_parameters`` or ``invalid_transaction_id``.

    Source: OpenID4VCI 1.0, section 9.
    """
    given = _object(data, media_type, "invalid_credential_request")
    _refuse_encryption(given)
    transaction = given.get("transaction_id")
    if not isinstance(transaction, str) or len(transaction) > _MAX_SECRET:
        raise ProtocolError("invalid_transaction_id", "transaction_id is missing")
    return transaction, given.get("notification") is True


def read_notification(data: bytes, media_type: str) -> tuple[str, str]:
    """Read what became of a credential: the notification's id, and the event.

    Raises:
        ProtocolError: ``invalid_notification_request``.

    Source: OpenID4VCI 1.0, section 11.
    """
    wrong = "invalid_notification_request"
    given = _object(data, media_type, wrong)
    name, event = given.get("notification_id"), given.get("event")
    if not isinstance(name, str) or len(name) > _MAX_SECRET or event not in EVENTS:
        raise ProtocolError(wrong, "notification_id or event is missing or unknown")
    return name, event


def _object(data: bytes, media_type: str, wrong: str) -> dict[str, Any]:
    if media_type != JSON:
        raise ProtocolError(wrong, f"the content type is not {JSON}")
    try:
        return read_object(data)
    except Invalid as error:
        raise ProtocolError(wrong, "the body is no JSON object") from error


# The holder's own API


def read_own(data: bytes, media_type: str, *allowed: str) -> dict[str, Any]:
    """Read an object of the holder's own API: known members only.

    Raises:
        Invalid: It is no such object, or has another member.
    """
    if media_type != JSON:
        raise Invalid([("", "content_type", f"is not {JSON}")])
    given = read_object(data)
    unknown = sorted(given.keys() - set(allowed))
    if unknown:
        raise Invalid([("", "extra_forbidden", "has a member that is not known")])
    return given


def read_lost(data: bytes, media_type: str) -> tuple[str, str]:
    """Read the report of a lost phone: document number and code.

    Raises:
        Invalid: A member is missing, unknown or of another type.
    """
    given = read_own(data, media_type, "document_number", "code")
    number, code = given.get("document_number"), given.get("code")
    if not isinstance(number, str) or not _DOCUMENT.fullmatch(number.upper()):
        raise Invalid([("document_number", "pattern", "is no number of a card")])
    if not isinstance(code, str) or not 0 < len(code) <= _MAX_SECRET:
        raise Invalid([("code", "missing", "is no code")])
    return number.upper(), code


def read_id(data: bytes, media_type: str) -> int | None:
    """Read what a phone says at a counter, or of another phone: nothing, or an id.

    Raises:
        Invalid: It says something else.
    """
    given = read_own(data, media_type, "id")
    known = given.get("id")
    if "id" in given and (type(known) is not int or not 0 < known < 2**63):
        raise Invalid([("id", "type", "is none that was given")])
    return known


def read_app_attest(data: bytes, media_type: str) -> AppAttest:
    """Read what an app on an Apple device shows of itself and of the card's key.

    Raises:
        Invalid: A member is missing, unknown, too long or of another type.
    """
    given = read_own(data, media_type, "jwk", "nonce", "key_id", "attestation")
    jwk, nonce = given.get("jwk"), given.get("nonce")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise Invalid([("nonce", "pattern", "is no nonce")])
    try:
        key = public_key_from_jwk(jwk if isinstance(jwk, dict) else {})
    except ValueError as error:
        raise Invalid([("jwk", "jwk", "is no key on P-256")]) from error
    return AppAttest(
        key=key,
        nonce=nonce,
        key_id=_bytes_in(given, "key_id"),
        attestation=_bytes_in(given, "attestation"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisRequest:
    """A phone's question what its card gives; nothing of it is believed yet."""

    presentation: str
    card_key: PublicKey
    """That the card says it is bound to."""
    proof: str
    """Of a key that was made for this."""
    destination: str
    arrival: date


def read_basis(data: bytes, media_type: str) -> BasisRequest:
    """Read a request for a proof of an entry basis.

    Raises:
        Invalid: A member is missing, unknown, too long or of another type.
    """
    given = read_own(
        data, media_type, "presentation", "proof", "destination", "arrival"
    )
    for name in ("presentation", "proof", "destination", "arrival"):
        if not isinstance(given.get(name), str):
            raise Invalid([(name, "missing", "is missing, or no text")])
    if not _CODE.fullmatch(given["destination"]):
        raise Invalid([("destination", "pattern", "is no economy's code")])
    if not _DAY.fullmatch(given["arrival"]):
        raise Invalid([("arrival", "pattern", "is no day")])
    try:
        arrival = date.fromisoformat(given["arrival"])
    except ValueError as error:
        raise Invalid([("arrival", "pattern", "is no day")]) from error
    return BasisRequest(
        presentation=given["presentation"],
        card_key=_card_key(given["presentation"]),
        proof=given["proof"],
        destination=given["destination"],
        arrival=arrival,
    )


def _card_key(presentation: str) -> PublicKey:
    try:
        match claims_of(presentation):
            case {"cnf": {"jwk": dict() as jwk}}:
                return public_key_from_jwk(jwk)
            case _:
                raise Invalid([_NO_CARD])
    except ValueError as error:
        raise Invalid([_NO_CARD]) from error


_NO_CARD: Final = ("presentation", "card", "is no card of a phone")


def _bytes_in(given: Mapping[str, Any], name: str) -> bytes:
    text = given.get(name)
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except ValueError as error:
        raise Invalid([(name, "base64", "is no base64")]) from error
