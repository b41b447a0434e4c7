"""The holder's own API: how the card stands, on which phones it is, and what if one is
lost.

It is ours, no standard's: what is not known is refused, and refusals are problems as
those of the back office's API.
"""

import base64
import hashlib
import json
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Blueprint, Response, request
from pydantic import BaseModel
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

import verifier
from issuer import counter
from issuer.errors import Conflict, Invalid
from wallet_api.apple import check_apple
from wallet_api.entry_basis import told_by
from wallet_api.here import (
    answer,
    desk,
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
from wallet_api.proof import BadProof
from wallet_api.protocol import Economy
from wallet_api.requests import (
    read_app_attest,
    read_basis,
    read_id,
    read_lost,
    read_own,
)
from wallet_api.vouching import vouch

routes: Final = Blueprint("own", __name__)
_LATER: Final = 60
"""Seconds after which a phone asks again where the operator has to do something."""
_HOUR: Final = 3600


@routes.get(f"/{Economy}/holder/card")
def card(economy: str) -> Response:
    """Say how the card stands; nothing where the phone knows it."""
    issuer_of(economy)
    holding = site().holders.holding(known(economy, "holder/card"), now=now())
    body = _json(holding)
    lasting = {name: value for name, value in body.items() if name != "now"}
    digest = hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()
    response = answer(body)
    response.set_etag(digest[:32])
    response.make_conditional(request)
    return response


@routes.get(f"/{Economy}/holder/preview")
def preview(economy: str) -> Response:
    """Say whose card it is, before the holder says yes."""
    issuer_of(economy)
    phone = known(economy, "holder/preview")
    return answer(_json(site().holders.preview(phone, now=now())))


@routes.get(f"/{Economy}/holder/devices")
def devices(economy: str) -> Response:
    """List the phones that have or had the card, or wait for it."""
    issuer_of(economy)
    found = site().holders.devices(known(economy, "holder/devices"))
    return answer({"devices": [_json(each) for each in found]})


@routes.post(f"/{Economy}/holder/decline")
def decline(economy: str) -> Response:
    """Take the holder's no."""
    issuer_of(economy)
    phone = known(economy, "holder/decline")
    _nothing_said()
    site().holders.decline(phone, now=now())
    return nothing()


@routes.post(f"/{Economy}/holder/move")
def move(economy: str) -> Response:
    """Offer the card to the holder's next phone."""
    issuer_of(economy)
    phone = known(economy, "holder/move")
    _nothing_said()
    made = site().holders.move(phone, now=now())
    return answer(
        {
            "offer": made.link,
            "wallet_link": made.wallet_link,
            "tx_code": made.one_time_code,
            "expires_at": made.ends_at.isoformat(),
        }
    )


@routes.post(f"/{Economy}/holder/stay")
def stay(economy: str) -> Response:
    """End what phones have offered: the card stays here."""
    issuer_of(economy)
    phone = known(economy, "holder/stay")
    _nothing_said()
    site().holders.stay(phone, now=now())
    return nothing()


@routes.post(f"/{Economy}/holder/remove")
def remove(economy: str) -> Response:
    """Sign another phone out that waits for the card."""
    issuer_of(economy)
    phone = known(economy, "holder/remove")
    other = read_id(request.get_data(cache=False), request.mimetype)
    if other is None:
        raise Invalid([("id", "missing", "is missing")])
    site().holders.remove(phone, other, now=now())
    return nothing()


@routes.post(f"/{Economy}/holder/suspend")
def suspend(economy: str) -> Response:
    """Suspend the card of this phone."""
    issuer_of(economy)
    phone = known(economy, "holder/suspend")
    _nothing_said()
    site().holders.suspend(phone, now=now())
    return nothing()


@routes.post(f"/{Economy}/holder/attest")
def attest(economy: str) -> Response:
    """Vouch for the key of an app on an Apple device that shows what it is."""
    issuer_of(economy)
    known(economy, "holder/attest")
    given = read_app_attest(request.get_data(cache=False), request.mimetype)
    settings = site().settings
    apple = settings.apple.get(economy)
    if apple is None:
        raise Conflict("attestation.unasked", "nobody vouches for apps here")
    try:
        check_apple(given, apple, now())
    except BadProof as error:
        text = f"the attestation: {error}"
        raise Invalid([("attestation", "attestation.refused", text)]) from error
    return answer({"key_attestation": vouch(given, settings.key, economy, now())})


@routes.post(f"/{Economy}/holder/entry-basis")
def entry_basis(economy: str) -> Response:
    """Say what the card of this phone gives somewhere, and prove it if it does."""
    issuer = issuer_of(economy)
    who = shown(economy, "holder/entry-basis")
    given = read_basis(request.get_data(cache=False), request.mimetype)
    try:
        told = told_by(who, given, issuer)
    except BadProof as error:
        text = f"the proof: {error}"
        raise Invalid([("proof", "proof.refused", text)]) from error
    except verifier.StoreError as error:
        raise ServiceUnavailable(retry_after=_LATER) from error
    except Conflict as error:
        if error.code == "basis.too_often":
            raise TooManyRequests(retry_after=_HOUR) from error
        raise let_in(error) from error
    credential = {} if told.text is None else {"credential": told.text}
    return answer({"answer": told.answer.value, **credential})


@routes.post(f"/{Economy}/lost")
def lost(economy: str) -> Response:
    """Suspend the card of a phone that is not here."""
    issuer_of(economy)
    number, code = read_lost(request.get_data(cache=False), request.mimetype)
    site().holders.report_lost(economy, number, code, now=now())
    return nothing()


@routes.post(f"/{Economy}/counter")
def at_counter(economy: str) -> Response:
    """Let a phone wait at a counter, or tell it that its offer is there."""
    issuer_of(economy)
    proof = proof_for(f"/{economy}/counter")
    waiting = read_id(request.get_data(cache=False), request.mimetype)
    own = desk(economy, "a phone waits at a counter")
    key, identity = proof.thumbprint, identity_of(proof)
    try:
        if waiting is None:
            begun = counter.begin(own, phone_key=key, proof=identity)
            ends_at = begun.ends_at.isoformat()
            return answer(
                {"id": begun.id, "random": begun.random, "expires_at": ends_at}
            )
        link = counter.offer_for(own, waiting, phone_key=key, proof=identity)
    except Conflict as error:
        raise let_in(error) from error
    return answer({"offer": link})


@routes.get("/desks")
def desks() -> Response:
    """Say which desks the web wallet may answer, and who vouches for them."""
    named = site().settings.wallet.desks
    roots = [
        base64.b64encode(each.public_bytes(Encoding.DER)).decode()
        for each in site().settings.desk_roots
    ]
    return answer({"origins": list(named.origins) if named else [], "roots": roots})


@routes.get("/time")
def time() -> Response:
    """Say what time it is."""
    return answer({"now": now().isoformat()})


def _nothing_said() -> None:
    read_own(request.get_data(cache=False), request.mimetype)


def _json(view: BaseModel) -> dict[str, object]:
    return view.model_dump(mode="json")
