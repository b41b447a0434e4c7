"""A ministry's own sign-on: OpenID Connect, code flow with PKCE.

Each step that talks to the provider is followed by one that reads its answer and does
no IO.  The provider says who somebody is and nothing else: accounts are linked by an
administrator beforehand, and roles are kept here.  This is the only module of the
product that touches joserfc.
"""

import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from issuer.errors import NotProven, SignOnDown
from issuer.installation import SignOn
from issuer.outbound import Deadline, Outbound, UnreachableError

ALGORITHMS: Final = ("RS256", "PS256", "ES256")
"""No ``none``, and nothing that a shared secret could sign."""
SKEW: Final = 60
"""Seconds by which the provider's clock may be off."""
MAX_ANSWER: Final = 256 * 1024
"""Bytes of anything that the provider sends."""
_LONGEST: Final = 10.0
"""Seconds for one answer of the provider; somebody waits for it."""
_HTTP: Final = Outbound()
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_itself: bool
    """It says who it is when it sends somebody back (RFC 9207)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What is remembered while somebody is at the provider."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Pending":
        """Draw 256 random bits for each."""
        return cls(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
        )

    def fields(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return {"state": self.state, "nonce": self.nonce, "verifier": self.verifier}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOnClient:
    """This back office, as the provider knows it."""

    settings: SignOn
    redirect_uri: str
    secret: str | None = field(default=None, repr=False)

    def discover(self) -> Provider:
        """Ask the provider about itself.

        Raises:
            SignOnDown: It does not answer, or not as it must.
        """
        address = f"{self.settings.issuer}/.well-known/openid-configuration"
        return provider_of(_fetch("GET", address), expected_issuer=self.settings.issuer)

    def begin(self, provider: Provider, pending: Pending) -> str:
        """Return where the browser has to go."""
        challenge = sha256(pending.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self.settings.client_id,
            "redirect_uri": self.redirect_uri,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in provider.authorization_endpoint else "?"
        return f"{provider.authorization_endpoint}{joint}{urlencode(query)}"

    def finish(
        self, answer: Mapping[str, str], pending: Pending, *, now: datetime
    ) -> str:
        """Turn what the browser brought back into who it is.

        Args:
            answer: The query that the provider sent the browser back with.
            pending: What was remembered; good for one call.
            now: The moment.

        Returns:
            ``<issuer>#<sub>``.

        Raises:
            NotProven: It is no answer to this question, or not by this provider.
            SignOnDown: The provider does not answer.
        """
        provider = self.discover()
        code = code_of(answer, expected_state=pending.state, provider=provider)
        token = id_token_of(self._redeem(provider, code, pending))
        keys = _fetch("GET", provider.jwks_uri)
        return subject_of(
            token,
            keys=keys,
            expected_issuer=provider.issuer,
            expected_audience=self.settings.client_id,
            expected_nonce=pending.nonce,
            now=now,
        )

    def _redeem(self, provider: Provider, code: str, pending: Pending) -> Any:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": pending.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self.secret is not None:
            pair = f"{quote(self.settings.client_id)}:{quote(self.secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return _fetch(
            "POST",
            provider.token_endpoint,
            body=urlencode(form).encode(),
            headers=headers,
        )


def provider_of(document: Any, *, expected_issuer: str) -> Provider:
    """Read what a provider says of itself.

    Raises:
        SignOnDown: It is another provider, or an address is missing or unprotected.
    """
    if not isinstance(document, dict) or document.get("issuer") != expected_issuer:
        raise SignOnDown("the sign-on says that it is another one")
    return Provider(
        issuer=expected_issuer,
        authorization_endpoint=_address(document, "authorization_endpoint"),
        token_endpoint=_address(document, "token_endpoint"),
        jwks_uri=_address(document, "jwks_uri"),
        names_itself=document.get("authorization_response_iss_parameter_supported")
        is True,
    )


def code_of(
    answer: Mapping[str, str], *, expected_state: str, provider: Provider
) -> str:
    """Read the query with which a browser comes back.

    Raises:
        NotProven: It answers another question, comes from another provider, or brings
            an error instead of a code.
    """
    state = answer.get("state", "")
    if not compare_digest(state.encode(), expected_state.encode()):
        raise NotProven("the sign-on answered another question")
    named = answer.get("iss")
    if named != provider.issuer and (named is not None or provider.names_itself):
        raise NotProven("another sign-on answered")
    code = answer.get("code", "")
    if not code or "error" in answer:
        raise NotProven("the sign-on has refused")
    return code


def id_token_of(answer: Any) -> str:
    """Read the answer to a code.

    Raises:
        NotProven: There is no ID token in it.
    """
    token = answer.get("id_token") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        raise NotProven("the sign-on did not say who it is")
    return token


def subject_of(
    token: str,
    *,
    keys: Any,
    expected_issuer: str,
    expected_audience: str,
    expected_nonce: str,
    now: datetime,
) -> str:
    """Check an ID token (OpenID Connect Core 3.1.3.7).

    The signature is checked before any claim is believed.

    Args:
        token: Compact JWS.
        keys: The provider's JWK set, parsed.
        expected_issuer: Must equal ``iss``.
        expected_audience: Must be the only ``aud``, or ``azp`` beside it.
        expected_nonce: Must equal ``nonce``.
        now: The moment; ``exp`` and ``iat`` may be off by 60 seconds.

    Returns:
        ``<issuer>#<sub>``.

    Raises:
        NotProven: Any of it is not so.
    """
    try:
        decoded = jwt.decode(
            token, KeySet.import_key_set(keys), algorithms=list(ALGORITHMS)
        )
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotProven("the sign-on's word is not signed as it must be") from error
    claims = decoded.claims
    if claims.get("iss") != expected_issuer:
        raise NotProven("the sign-on's word is another one's")
    if not _is_for(claims, expected_audience):
        raise NotProven("the sign-on's word is for somebody else")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(
        nonce.encode(), expected_nonce.encode()
    ):
        raise NotProven("the sign-on answered another question")
    _check_times(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise NotProven("the sign-on did not say who it is")
    return f"{expected_issuer}#{subject}"


def _is_for(claims: Mapping[str, Any], audience: str) -> bool:
    given = claims.get("aud")
    if given in (audience, [audience]):
        return bool(claims.get("azp", audience) == audience)
    several = isinstance(given, list) and audience in given
    return several and bool(claims.get("azp") == audience)


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    present = int(now.timestamp())
    ends, made = claims.get("exp"), claims.get("iat")
    # A bool is an int, and NaN compares false with everything.
    if type(ends) is not int or type(made) is not int:
        raise NotProven("the sign-on's word has no times")
    if ends + SKEW <= present or made - SKEW > present:
        raise NotProven("the sign-on's word is not of this moment")


def _address(document: Mapping[str, Any], name: str) -> str:
    address = document.get(name)
    if not isinstance(address, str):
        raise SignOnDown(f"the sign-on does not say its {name}")
    parts = urlsplit(address)
    is_near = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or (parts.scheme != "https" and not is_near):
        raise SignOnDown(f"the sign-on's {name} is not protected")
    return address


def _fetch(method: str, address: str, **options: Any) -> Any:
    until = Deadline.after(_LONGEST)
    try:
        # Redirects are not followed: the addresses are those that were checked.
        answer = _HTTP.ask(method, address, until=until, most=MAX_ANSWER, **options)
        if answer.status != 200:
            raise SignOnDown(f"the sign-on answered {answer.status}")
        return json.loads(answer.body)
    except (UnreachableError, ValueError, RecursionError) as error:
        raise SignOnDown("the sign-on does not answer as it must") from error
