"""OpenID4VCI 1.0 with a pre-authorized code, and tokens bound to keys (RFC 9449).

Every address is below an economy, which is an issuer of its own.
"""

from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound, ServiceUnavailable

from issuer.bringing import Later, Ready
from issuer.errors import Conflict, Forbidden, IllegalTransition, SigningError
from issuer.holding import ACCESS, Known, Shown, Tokens
from issuer.jws import PublicKey
from wallet_api.android import check_android
from wallet_api.android_status import NoStatus
from wallet_api.attestation import check_attested
from wallet_api.errors import ProtocolError
from wallet_api.here import (
    answer,
    identity_of,
    issuer_of,
    known,
    let_in,
    nothing,
    now,
    proof_for,
    shown,
    site,
)
from wallet_api.metadata import (
    CONFIGURATION,
    PRE_AUTHORIZED,
    issuer_metadata,
    server_metadata,
    signed,
)
from wallet_api.proof import BadProof, SignedProof, check_credential_proof
from wallet_api.requests import (
    AndroidChain,
    TokenRequest,
    read_credential,
    read_deferred,
    read_notification,
    read_token,
)

routes: Final = Blueprint("protocol", __name__)
_INTERVAL: Final = 5
"""Seconds after which a phone asks again for what is not ready."""
_LATER: Final = 60
"""Seconds after which a phone asks again where the operator has to do something."""
_ONE_TIME_CODE: Final = {
    "input_mode": "numeric",
    "length": 6,
    "description": "The six digits that your economy gave you another way.",
}
_REFUSED: Final = {
    "nonce.invalid": "invalid_nonce",
    "key.other": "invalid_proof",
    "transaction.invalid": "invalid_transaction_id",
    "notification.invalid": "invalid_notification_id",
}
_CLIENT_ATTESTATION: Final = (
    "OAuth-Client-Attestation",
    "OAuth-Client-Attestation-PoP",
)
Economy = "<string(length=3):economy>"


# Metadata


@routes.get(f"/.well-known/openid-credential-issuer/{Economy}")
@routes.get(f"/{Economy}/.well-known/openid-credential-issuer")
def issuer_description(economy: str) -> Response:
    """Describe an issuer; signed, where a wallet asks for that."""
    settings = site().settings
    android = settings.wallet.android.get(economy)
    metadata = issuer_metadata(
        issuer_of(economy),
        economy,
        site().scheme(),
        needs_attester=economy in settings.attesters,
        android_level=None if android is None else android.level,
    )
    best = request.accept_mimetypes.best_match(("application/json", "application/jwt"))
    if best != "application/jwt":
        return answer(metadata)
    try:
        signer, _ = site().office.signers.signer(economy, "status", now=now())
        text = signed(metadata, signer, now=now())
    except SigningError:
        return answer(metadata)  # which every wallet takes
    return Response(text, mimetype="application/jwt")


@routes.get(f"/.well-known/oauth-authorization-server/{Economy}")
@routes.get(f"/{Economy}/.well-known/oauth-authorization-server")
def server_description(economy: str) -> Response:
    """Describe an authorization server."""
    return answer(server_metadata(issuer_of(economy)))


@routes.get(f"/{Economy}/offer/<reference>")
def offer(economy: str, reference: str) -> Response:
    """Return an offer, to whoever has its address."""
    issuer = issuer_of(economy)
    found = site().holders.offered(economy, reference, now=now())
    if found is None:
        raise NotFound
    grant = {
        "pre-authorized_code": found.code,
        **({"tx_code": _ONE_TIME_CODE} if found.needs_one_time_code else {}),
    }
    return answer(
        {
            "credential_issuer": issuer,
            "credential_configuration_ids": [CONFIGURATION],
            "grants": {PRE_AUTHORIZED: grant},
        }
    )


# Tokens


@routes.post(f"/{Economy}/token")
def token(economy: str) -> Response:
    """Give tokens for a pre-authorized code, or fresh ones for a refresh token."""
    issuer_of(economy)
    if any(name in request.headers for name in _CLIENT_ATTESTATION):
        # Wallets are not clients with names here, so nobody can vouch for one.
        raise ProtocolError("invalid_client", "no attester of wallets is known here")
    given = read_token(request.get_data(cache=False), request.mimetype)
    proof = proof_for(f"/{economy}/token")
    try:
        tokens = _tokens(economy, given, proof.thumbprint, identity_of(proof))
    except Conflict as error:
        raise _not_granted(error) from error
    details = {
        "type": "openid_credential",
        "credential_configuration_id": CONFIGURATION,
        "credential_identifiers": [CONFIGURATION],
    }
    return answer(
        {
            "access_token": tokens.access,
            "token_type": "DPoP",
            "expires_in": int(ACCESS.total_seconds()),
            "refresh_token": tokens.refresh,
            **({"authorization_details": [details]} if given.has_details else {}),
        }
    )


def _tokens(economy: str, given: TokenRequest, key: str, proof: str) -> Tokens:
    holders = site().holders
    if given.grant == "refresh":
        return holders.renew(
            economy, given.secret, phone_key=key, proof=proof, now=now()
        )
    return holders.redeem(
        economy,
        given.secret,
        given.one_time_code,
        phone_key=key,
        proof=proof,
        now=now(),
    )


def _not_granted(error: Conflict) -> Exception:
    match error.code:
        case "grant.invalid":
            return ProtocolError("invalid_grant")
        case "grant.one_time_code":
            text = "tx_code is missing, or none is expected"
            return ProtocolError("invalid_request", text)
        case "proof.used":
            return ProtocolError("invalid_dpop_proof", "the proof was shown before")
        case _:
            return error


# Credentials


@routes.post(f"/{Economy}/nonce")
def nonce(economy: str) -> Response:
    """Give a value for the next proof."""
    issuer_of(economy)
    return answer({"c_nonce": site().holders.nonce(economy, now=now())})


@routes.post(f"/{Economy}/credential")
def credential(economy: str) -> Response:
    """Give the card to the phone that shows its key."""
    issuer = issuer_of(economy)
    who = shown(economy, "credential")
    given = read_credential(request.get_data(cache=False), request.mimetype)
    try:
        key, nonce = _key(given, who, issuer)
    except BadProof as error:
        raise ProtocolError("invalid_proof", f"the proof: {error}") from error
    except NoStatus as error:
        raise ServiceUnavailable(retry_after=_LATER) from error
    holders = site().holders
    try:
        phone, brought = holders.credential(who, key, nonce, now=now())
    except (Conflict, Forbidden, IllegalTransition) as error:
        raise _denied(error) from error
    return _brought(brought, phone)


@routes.post(f"/{Economy}/deferred")
def deferred(economy: str) -> Response:
    """Give the card that was not ready."""
    issuer_of(economy)
    phone = known(economy, "deferred")
    data = request.get_data(cache=False)
    transaction, is_told = read_deferred(data, request.mimetype)
    try:
        brought = site().holders.deferred(phone, transaction, now=now())
    except (Conflict, Forbidden, IllegalTransition) as error:
        raise _denied(error) from error
    # It is optional, and some wallets take no card that comes with it later.
    return _brought(brought, phone if is_told else None)


def _key(given: str | AndroidChain, who: Shown, issuer: str) -> tuple[PublicKey, str]:
    """Return the key that a proof shows, and the nonce that it was made for."""
    if isinstance(given, str):
        proof = _jwt_proof(given, who, issuer)
        return proof.key, proof.claims["nonce"]
    android = site().settings.android.get(who.economy)
    if android is None:
        # What nobody can check must not look as if somebody had.
        raise BadProof("attestations of phones are not asked for here")
    attested = check_android(given, android, now())
    return attested.key, attested.nonce


def _jwt_proof(text: str, who: Shown, issuer: str) -> SignedProof:
    proof = check_credential_proof(text, issuer=issuer, now=now())
    settings = site().settings
    attesters = settings.attesters.get(who.economy)
    if settings.attests_once(who.economy) and proof.attestation is None:
        if not site().holders.has_key(who, proof.key):
            raise BadProof("its key is not attested")
    elif attesters is not None:
        check_attested(proof, attesters, nonce=proof.claims["nonce"], now=now())
    elif proof.attestation is not None:
        # Likewise.
        raise BadProof("attestations are not asked for here")
    return proof


def _brought(brought: Ready | Later, phone: Known | None) -> Response:
    if isinstance(brought, Later):
        waiting = {"transaction_id": brought.transaction, "interval": _INTERVAL}
        return answer(waiting, 202)
    credentials = {"credentials": [{"credential": brought.text}]}
    if phone is None:
        return answer(credentials)
    name = site().holders.notification(phone, brought)
    return answer({**credentials, "notification_id": name})


def _denied(error: Conflict | Forbidden | IllegalTransition) -> Exception:
    match error:
        case Conflict(code="token.invalid" | "proof.used"):
            return let_in(error)
        case Conflict(code=code) if code in _REFUSED:
            return ProtocolError(_REFUSED[code], error.detail)
        case Conflict(code=code):
            return ProtocolError("credential_request_denied", code)
        case IllegalTransition(reason=reason):
            return ProtocolError("credential_request_denied", reason)
        case _:
            return ProtocolError("credential_request_denied", "rule")


@routes.post(f"/{Economy}/notification")
def notification(economy: str) -> Response:
    """Take what a wallet says became of its credential."""
    issuer_of(economy)
    phone = known(economy, "notification")
    data = request.get_data(cache=False)
    name, event = read_notification(data, request.mimetype)
    try:
        site().holders.notified(phone, name, event, now=now())
    except Conflict as error:
        raise _denied(error) from error
    return nothing()
