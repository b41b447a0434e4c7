"""What a phone does when a desk asks for its card: who asks, is it proven, answer.

Only signed requests are taken (``x509_hash``), from someone whose certificate leads to
a root that the phone was given.  A card of ours hides nothing, so whoever gets it gets
it whole; the holder is told so and asked before.

Source: OpenID4VP 1.0.
"""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import (
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from issuer.jws import PublicKey, b64u, is_p256, is_signed_by
from wallet_api.certificates import UNREADABLE
from wallet_api.dcql import is_query
from wallet_api.holder_net import FORM, Network
from wallet_api.proof import BadProof, read_parts
from wallet_api.sealed import MODE, Recipient, SealingError, recipient_in, seal

REQUEST_TYPE: Final = "oauth-authz-req+jwt"
_STATIC_AUDIENCE: Final = "https://self-issued.me/v2"
_PREFIX: Final = "x509_hash:"
_MAX_REQUEST: Final = 64 * 1024
_MAX_CHAIN: Final = 4
_SKEW: Final = 60
"""Seconds that the desk's clock and the phone's may differ."""


class RequestError(Exception):
    """What was scanned or opened is no request that may be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request of somebody whose certificate was checked."""

    client_id: str
    who: str
    """The organization in the certificate."""
    response_uri: str
    nonce: str
    state: str | None
    query: Mapping[str, Any]
    recipient: Recipient | None = None
    """For whom the answer is encrypted; None if https is all that protects it."""


def read_roots(path: Path) -> list[x509.Certificate]:
    """Read the certificates of those whose word is taken on who asks.

    Raises:
        OSError, ValueError: The file cannot be read, or is no PEM of certificates.
    """
    return x509.load_pem_x509_certificates(path.read_bytes())


def read_request(
    link: str, network: Network, *, roots: Sequence[x509.Certificate]
) -> Request:
    """Read a request, fetching it where the link says so, and check who asks.

    Args:
        link: ``openid4vp://?...`` or any link with its parameters, or a request object.
        network: Asks; only https, and http on this machine.
        roots: Whose word is taken on who somebody is; at least one.

    Raises:
        RequestError: It is none, who asks is not proven, or it asks for what this
            wallet does not do.
        Refused, Unreachable: The request is over, or nobody answers.
        ValueError: It is at an address that may not be asked.

    Source: OpenID4VP 1.0, sections 5 and 5.10.
    """
    given = _Link.of(link)
    nonce = secrets.token_urlsafe(16) if given.posts else None
    text = _fetch(given, nonce, network) if given.request_uri else given.request
    now = network.clock()  # not what a desk says that the time is
    claims, who = _check_signed(text, roots, now)
    if given.client_id not in {None, claims.get("client_id")}:
        raise RequestError("the request is somebody else's than its link says")
    if nonce is not None and claims.get("wallet_nonce") != nonce:
        raise RequestError("the request was not made for this phone")
    _check_times(claims, now)
    return _request(claims, who)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    client_id: str | None
    request: str
    request_uri: str
    posts: bool

    @classmethod
    def of(cls, link: str) -> "_Link":
        text = link.strip()
        if ":" not in text:
            return cls(client_id=None, request=text, request_uri="", posts=False)
        given = parse_qs(urlsplit(text).query)
        if any(len(values) > 1 for values in given.values()):
            raise RequestError("a parameter of the link is there twice")
        one = {name: values[0] for name, values in given.items()}
        if "client_id" not in one or ("request" in one) == ("request_uri" in one):
            raise RequestError("this is no signed request for a card")
        method = one.get("request_uri_method", "get")
        if method not in {"get", "post"}:
            raise RequestError("the link says no way to fetch the request")
        return cls(
            client_id=one["client_id"],
            request=one.get("request", ""),
            request_uri=one.get("request_uri", ""),
            posts=method == "post" and "request_uri" in one,
        )


def _fetch(link: _Link, nonce: str | None, network: Network) -> str:
    form = None if nonce is None else urlencode({"wallet_nonce": nonce}).encode()
    media_type = f"application/{REQUEST_TYPE}"
    return network.fetch_text(link.request_uri, media_type=media_type, form=form)


def _check_signed(
    text: str, roots: Sequence[x509.Certificate], now: datetime
) -> tuple[dict[str, Any], str]:
    """Return the claims of a request object, and who has signed it."""
    if len(text) > _MAX_REQUEST:
        raise RequestError("the request is too long")
    try:
        header, claims, signed, signature = read_parts(text)
    except BadProof as error:
        raise RequestError(f"the request {error}") from error
    if header.keys() - {"kid"} != {"alg", "typ", "x5c"}:
        raise RequestError("the request's header has other members than it must")
    if header["typ"] != REQUEST_TYPE:
        raise RequestError("the request is of another type")
    if header["alg"] != "ES256":
        raise RequestError("the request is not signed with ES256: nothing else counts")
    chain = _chain(header["x5c"])
    if claims.get("client_id") != _PREFIX + _fingerprint(chain[0]):
        raise RequestError("who asks is not whose certificate it is")
    key = _key(chain[0])
    if not is_signed_by(key, signed, signature):
        raise RequestError("the request is not signed by whom it says")
    _check_chain(chain, roots, now)
    return claims, _organization(chain[0])


def _chain(given: object) -> list[x509.Certificate]:
    if not isinstance(given, list) or not 0 < len(given) <= _MAX_CHAIN:
        raise RequestError("the request has no chain of certificates")
    try:
        der = [base64.b64decode(each, validate=True) for each in given]
        return [x509.load_der_x509_certificate(each) for each in der]
    except UNREADABLE as error:
        raise RequestError("a certificate cannot be read") from error


def _key(certificate: x509.Certificate) -> PublicKey:
    try:
        key = certificate.public_key()
    except UNREADABLE as error:
        raise RequestError("the certificate's key cannot be read") from error
    if not (isinstance(key, PublicKey) and is_p256(key)):
        raise RequestError("the certificate's key is none on P-256")
    return key


def _fingerprint(certificate: x509.Certificate) -> str:
    return b64u(sha256(certificate.public_bytes(Encoding.DER)).digest())


def _check_chain(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> None:
    # What a desk's certificate must say beyond its name is its authority's to decide.
    policy = PolicyBuilder().store(Store(list(roots))).time(now)
    verifier = policy.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(),
        ee_policy=ExtensionPolicy.permit_all(),
    ).build_client_verifier()
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except VerificationError as error:
        raise RequestError("nobody known vouches for who asks") from error


def _organization(certificate: x509.Certificate) -> str:
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for each in certificate.subject.get_attributes_for_oid(kind):
            if isinstance(each.value, str) and each.value.isprintable():
                return each.value
    raise RequestError("the certificate does not say who asks")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    seconds = int(now.timestamp())
    exp, nbf = claims.get("exp", seconds), claims.get("nbf", seconds)
    if type(exp) is not int or type(nbf) is not int:
        raise RequestError("its times are none")
    if seconds > exp + _SKEW or seconds < nbf - _SKEW:
        raise RequestError("the request is over, or this clock is wrong")


def _request(claims: Mapping[str, Any], who: str) -> Request:
    if claims.get("aud") != _STATIC_AUDIENCE:
        raise RequestError("the request is for another wallet")
    if claims.get("response_type") != "vp_token" or "redirect_uri" in claims:
        raise RequestError("it wants an answer of another kind")
    if "transaction_data" in claims:
        raise RequestError("it wants more than a card: a signature")
    address, nonce = claims.get("response_uri"), claims.get("nonce")
    state, query = claims.get("state"), claims.get("dcql_query")
    if not (isinstance(address, str) and isinstance(nonce, str)):
        raise RequestError("it does not say where to answer")
    if not (state is None or isinstance(state, str)) or not is_query(query):
        raise RequestError("its question cannot be read")
    return Request(
        client_id=claims["client_id"],
        who=who,
        response_uri=address,
        nonce=nonce,
        state=state,
        query=query,
        recipient=_recipient(claims),
    )


def _recipient(claims: Mapping[str, Any]) -> Recipient | None:
    mode = claims.get("response_mode")
    if mode == "direct_post":
        return None
    if mode != MODE:
        raise RequestError("it wants the answer in another way")
    try:
        return recipient_in(claims.get("client_metadata"))
    except SealingError as error:
        raise RequestError(str(error)) from error


# The answer


def answer(
    request: Request, ids: Sequence[str], shown: str, network: Network
) -> str | None:
    """Post the card; return where the holder is to go on, if anywhere.

    It is encrypted where the request wants that, and then never sent in clear.

    Args:
        request: That is answered.
        ids: As `wallet_api.dcql.which` returned them.
        shown: The card with a proof made for this request.
        network: Asks.

    Raises:
        Refused, Unreachable: The desk says no, or does not answer.
        ValueError: It wants the answer at an address that may not be asked.

    Source: OpenID4VP 1.0, sections 8.1, 8.2 and 8.3.
    """
    return _post(request, {"vp_token": {each: [shown] for each in ids}}, network)


def decline(request: Request, network: Network) -> str | None:
    """Tell the desk that no card is shown; as for `answer`.

    Source: OpenID4VP 1.0, section 8.5.
    """
    return _post(request, {"error": "access_denied"}, network)


def _post(
    request: Request, members: Mapping[str, object], network: Network
) -> str | None:
    state = {} if request.state is None else {"state": request.state}
    body = network.ask(
        request.response_uri,
        method="POST",
        body=urlencode(_form({**members, **state}, request.recipient)).encode(),
        headers={"Content-Type": FORM},
    ).body
    further = body.get("redirect_uri")
    return further if isinstance(further, str) and further.isprintable() else None


def _form(
    members: Mapping[str, object], recipient: Recipient | None
) -> Mapping[str, str]:
    if recipient is not None:
        return {"response": seal(members, recipient)}
    return {
        name: each if isinstance(each, str) else json.dumps(each, separators=(",", ":"))
        for name, each in members.items()
    }
