"""Who asks, and what for: tokens of a few minutes for those who have proved themselves.

An economy's system signs an assertion as it signs everything, and the trust data has
its keys.  Any other system is a client that administrators have let in: it signs with
the key of its row (RFC 7523), or a proxy in front has checked its certificate
(RFC 8705).

Source: RFC 6749, sections 4.4 and 5; RFC 7523; RFC 8705.
"""

import json
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import verifier
from issuer.api.strict_json import read_object
from issuer.errors import Invalid
from issuer.jws import b64u, is_signed_by, moment_from_wire
from issuer.office import Office
from issuer.services.clients import OF_ECONOMIES, Scope, key_of
from issuer.services.trust import trust_of
from issuer.store import HostedEconomy, ServiceClient, ServiceToken
from issuer.used_once import use_once

ASSERTION: Final = "abtc-client+jwt"
"""Type of an economy's assertion."""
ASSERTION_KIND: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: Final = timedelta(minutes=5)
_AHEAD: Final = timedelta(seconds=60)
_MAX_ASSERTION: Final = 2**15
_OTHER_TYPES: Final = (None, "JWT", "client-authentication+jwt")


class TokenRefused(Exception):  # noqa: N818  # an answer, not a fault
    """No token is given.

    Attributes:
        error: As RFC 6749, section 5.2, has it.
        code: What is wrong, where whoever asks may know.
    """

    def __init__(self, error: str, code: str) -> None:
        super().__init__(f"{error}: {code}")
        self.error = error
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A system that has shown who it is."""

    client: str
    """``economy:<code>`` or ``client:<client id>``."""
    economy: str
    """Whose services it asks."""
    scopes: frozenset[str]

    @property
    def asker(self) -> str | None:
        """The economy that asks; None if it is none."""
        kind, _, code = self.client.partition(":")
        return code if kind == "economy" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A token, as it is given once."""

    token: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proven:
    client: str
    economy: str
    may: frozenset[str]
    message_id: str | None
    certificate: str | None


def give_token(
    office: Office,
    form: Mapping[str, str],
    *,
    certificate: str | None,
    now: datetime,
) -> Given:
    """Give a token to who proves to be a client.

    Args:
        office: The open installation.
        form: What was sent, each member once.
        certificate: SHA-256 of the certificate that a proxy of ours has checked.
        now: The moment.

    Raises:
        TokenRefused: With the error that goes out.
        NoTrust: There is no trust data to know economies by.
    """
    if form.get("grant_type") != "client_credentials":
        raise TokenRefused("unsupported_grant_type", "token.grant_type")
    proven = _prove(office, form, certificate, now)
    scopes = _scopes(form.get("scope"), proven.may)
    token = secrets.token_urlsafe(32)

    def work(session: Session) -> bool:
        if proven.message_id is not None and not use_once(
            session,
            "service-assertion",
            proven.message_id,
            until=now + LIFETIME + _AHEAD,
            now=now,
        ):
            return False
        session.execute(delete(ServiceToken).where(ServiceToken.ends_at < now))
        session.add(
            ServiceToken(
                token_hash=_hash(token),
                economy=proven.economy,
                client=proven.client,
                scopes=" ".join(scopes),
                certificate=proven.certificate,
                ends_at=now + LIFETIME,
            )
        )
        return True

    if not office.store.write(work, now=now):
        raise TokenRefused("invalid_client", "message.replayed")
    return Given(token=token, scopes=scopes)


def caller_of(
    office: Office, token: str, *, certificate: str | None, now: datetime
) -> Caller | None:
    """Tell whose a token is; None if nobody's, over, or bound to something else."""

    def work(session: Session) -> Caller | None:
        row = session.get(ServiceToken, _hash(token))
        if row is None or row.ends_at <= now:
            return None
        if row.certificate is not None and not (
            certificate and compare_digest(row.certificate, certificate)
        ):
            return None
        kind, _, name = row.client.partition(":")
        if kind == "client" and _client(session, name) is None:
            return None  # it was retired since
        return Caller(
            client=row.client,
            economy=row.economy,
            scopes=frozenset(row.scopes.split()),
        )

    return office.store.read(work)


def _prove(
    office: Office, form: Mapping[str, str], certificate: str | None, now: datetime
) -> _Proven:
    assertion = form.get("client_assertion")
    if assertion is None:
        return _by_certificate(office, form.get("client_id", ""), certificate)
    if form.get("client_assertion_type") != ASSERTION_KIND:
        raise TokenRefused("invalid_request", "token.assertion_type")
    header, claims = _unverified(assertion)
    if header.get("typ") == ASSERTION:
        return _by_economy(office, assertion, now)
    return _by_key(office, assertion, header, claims, now)


def _by_economy(office: Office, assertion: str, now: datetime) -> _Proven:
    """Believe an economy by the trust data; for tests only where tests are hosted."""
    hosted = _audiences(office)
    try:
        said = verifier.read_service_message(
            assertion,
            typ=ASSERTION,
            audience=set(hosted),
            trust=trust_of(office.installation),
            now=now,
        )
    except verifier.ServiceMessageError as error:
        raise TokenRefused("invalid_client", str(error.code)) from error
    economy, is_test = hosted[said.audience]
    if said.keys.is_test != is_test:
        raise TokenRefused("invalid_client", "token.test_economy")
    less = office.installation.services.scopes.get(said.economy)
    may = frozenset(map(str, OF_ECONOMIES))
    return _Proven(
        client=f"economy:{said.economy}",
        economy=economy,
        may=may if less is None else may & frozenset(less),
        message_id=f"{said.economy} {said.message_id}",
        certificate=None,
    )


def _by_key(
    office: Office,
    assertion: str,
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    now: datetime,
) -> _Proven:
    name = claims.get("sub")
    client = _find(office, name) if isinstance(name, str) else None
    key = None if client is None else key_of(client)
    text, _, signature = assertion.rpartition(".")
    if (
        client is None
        or key is None
        or header.get("alg") != "ES256"
        or header.get("typ") not in _OTHER_TYPES
        or "crit" in header
        or not is_signed_by(key, text.encode(), _bytes_of(signature))
    ):
        raise TokenRefused("invalid_client", "message.signature")
    audience = {
        url for url, (code, _) in _audiences(office).items() if code == client.economy
    }
    _check_claims(claims, audience, now)
    return _proven(client, f"{client.client_id} {claims['jti']}", None)


def _check_claims(claims: Mapping[str, Any], audience: set[str], now: datetime) -> None:
    """Check what RFC 7523, section 3, asks for; times as for an economy's."""
    jti, aud = claims.get("jti"), claims.get("aud")
    if claims.get("iss") != claims.get("sub") or not isinstance(aud, str):
        raise TokenRefused("invalid_client", "message.malformed")
    if aud not in audience:
        raise TokenRefused("invalid_client", "message.misaddressed")
    begin, end = claims.get("iat"), claims.get("exp")
    is_short = isinstance(jti, str) and 1 <= len(jti) <= 64
    if not is_short or type(begin) is not int or type(end) is not int:
        raise TokenRefused("invalid_client", "message.malformed")
    try:
        starts_at, ends_at = moment_from_wire(begin), moment_from_wire(end)
    except ValueError as error:
        raise TokenRefused("invalid_client", "message.malformed") from error
    if not timedelta(0) < ends_at - starts_at <= LIFETIME:
        raise TokenRefused("invalid_client", "message.malformed")
    if starts_at - now > _AHEAD:
        raise TokenRefused("invalid_client", "message.not_yet")
    if now >= ends_at:
        raise TokenRefused("invalid_client", "message.expired")


def _by_certificate(office: Office, client_id: str, certificate: str | None) -> _Proven:
    client = _find(office, client_id)
    known = None if client is None else client.certificate
    if client is None or known is None or certificate is None:
        raise TokenRefused("invalid_client", "token.unknown_client")
    if not compare_digest(known, certificate):
        raise TokenRefused("invalid_client", "token.unknown_client")
    return _proven(client, None, certificate)


def _proven(
    client: ServiceClient, message_id: str | None, certificate: str | None
) -> _Proven:
    return _Proven(
        client=f"client:{client.client_id}",
        economy=client.economy,
        may=frozenset(client.scopes.split()),
        message_id=message_id,
        certificate=certificate,
    )


def _scopes(wanted: str | None, may: frozenset[str]) -> tuple[str, ...]:
    """Return what is asked for, all of which may be had; without a wish, everything."""
    chosen = set(wanted.split()) if wanted else set(may)
    if not chosen or not chosen <= may:
        raise TokenRefused("invalid_scope", "token.scope")
    return tuple(sorted(Scope(each) for each in chosen))


def _audiences(office: Office) -> dict[str, tuple[str, bool]]:
    """Return who is hosted here by issuer URL: the code, and whether it is a test."""

    def work(session: Session) -> dict[str, tuple[str, bool]]:
        scheme = office.scheme(session)
        return {
            scheme.economy(each.code).issuer_url: (each.code, each.is_test)
            for each in session.scalars(select(HostedEconomy))
        }

    return office.store.read(work)


def _find(office: Office, client_id: str) -> ServiceClient | None:
    return office.store.read(lambda session: _client(session, client_id))


def _client(session: Session, client_id: str) -> ServiceClient | None:
    return session.scalars(
        select(ServiceClient).where(
            ServiceClient.client_id == client_id,
            ServiceClient.retired_at.is_(None),
            ServiceClient.waits.is_(False),
        )
    ).one_or_none()


def _unverified(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = assertion.split(".") if len(assertion) <= _MAX_ASSERTION else []
    if len(parts) != 3 or not assertion.isascii():
        raise TokenRefused("invalid_client", "message.malformed")
    try:
        return read_object(_bytes_of(parts[0])), read_object(_bytes_of(parts[1]))
    except Invalid as error:
        raise TokenRefused("invalid_client", "message.malformed") from error


def _bytes_of(part: str) -> bytes:
    """Decode canonical base64url; anything else is no bytes at all."""
    try:
        data = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""
    return data if b64u(data) == part else b""


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def answer_of(given: Given) -> str:
    """Write what goes out with a token (RFC 6749, section 5.1)."""
    return json.dumps(
        {
            "access_token": given.token,
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "scope": " ".join(given.scopes),
        }
    )
