"""How the reference phone asks over HTTP: bounded, without redirects, with proofs.

Only https is asked, and http on this machine.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from issuer.jws import (
    PrivateKey,
    b64u,
    canonical,
    moment_on_wire,
    public_jwk,
    sign_es256,
    signing_input,
)
from issuer.outbound import Deadline, Outbound, UnreachableError

FORM: Final = "application/x-www-form-urlencoded"
_LONGEST: Final = 20.0
"""Seconds for one answer."""
_MAX_ANSWER: Final = 256 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Unreachable(Exception):  # noqa: N818  # a condition to act on: try later
    """Nobody answered, or not as it must; the same may be asked again."""


class Refused(Exception):  # noqa: N818  # an answer, not a fault
    """Whoever was asked refused.

    Attributes:
        status: Of HTTP.
        code: As the standards, or the holder's API, name it; empty without a name.
    """

    def __init__(self, status: int, code: str, who: str) -> None:
        super().__init__(f"{who} refused: {code or 'no reason'} ({status})")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: status 2xx."""

    status: int
    body: dict[str, Any]


def jwt(key: PrivateKey, typ: str, claims: Mapping[str, object]) -> str:
    """Sign claims with a key that the header carries."""
    header = {"alg": "ES256", "typ": typ, "jwk": public_jwk(key.public_key())}
    text = signing_input(canonical(header), canonical(claims))
    return f"{text}.{b64u(sign_es256(key, text.encode()))}"


@dataclass(slots=True, kw_only=True)
class Network:
    """Asks issuers or desks, and learns from them what time it is."""

    clock: Callable[[], datetime]
    """The phone's own clock; may be wrong."""
    who: str = "the issuer"
    """Who is asked, in messages."""
    offset: timedelta = timedelta(0)
    _outbound: Outbound = field(default_factory=Outbound, repr=False)
    _nonces: dict[str, str] = field(default_factory=dict)

    def now(self) -> datetime:
        """Return true time, as well as it is known."""
        return self.clock() + self.offset

    def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask without a proof.

        Raises:
            Refused: Any status but 2xx.
            Unreachable: No answer, or none that can be read.
            ValueError: The address is none that may be asked.
        """
        answer = self._send(url, method, body, headers or {})
        if not 200 <= answer.status < 300:
            raise self._refusal(answer)
        return Answer(status=answer.status, body=self._object(answer))

    def fetch_text(self, url: str, *, media_type: str, form: bytes | None) -> str:
        """Fetch a text of one media type; with a form, by POST.

        Raises:
            Refused: Any status but 200.
            Unreachable: No answer, or none of that type in ASCII.
            ValueError: The address is none that may be asked.
        """
        headers = {"Accept": media_type}
        if form is not None:
            headers["Content-Type"] = FORM
        answer = self._send(url, "GET" if form is None else "POST", form, headers)
        if answer.status != 200:
            raise self._refusal(answer)
        given = answer.headers.get("content-type", "").partition(";")[0].strip()
        if given.lower() != media_type or not answer.data.isascii():
            raise Unreachable(f"{self.who}'s answer cannot be read")
        return answer.data.decode("ascii")

    def ask_bound(
        self,
        url: str,
        key: PrivateKey,
        *,
        token: str | None = None,
        method: str = "POST",
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Ask with a proof, and once more where the issuer wants another one.

        Raises:
            Refused, Unreachable, ValueError: As for `ask`.
        """
        for attempt in range(2):
            headers = {"DPoP": self._proof(url, method, key, token)}
            if body is not None:
                headers["Content-Type"] = content_type
            if token:
                headers["Authorization"] = f"DPoP {token}"
            try:
                return self.ask(url, method=method, body=body, headers=headers)
            except Refused as error:
                # A nonce was missing, or the clock was wrong: both were just learned.
                again = error.code in {"use_dpop_nonce", "invalid_dpop_proof"}
                if attempt or not again:
                    raise
        raise AssertionError  # pragma: no cover

    def _proof(self, url: str, method: str, key: PrivateKey, token: str | None) -> str:
        nonce = self._nonces.get(_origin(url))
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url,
            "iat": moment_on_wire(self.now()),
            **({"ath": b64u(sha256(token.encode()).digest())} if token else {}),
            **({"nonce": nonce} if nonce else {}),
        }
        return jwt(key, "dpop+jwt", claims)

    def _send(
        self, url: str, method: str, body: bytes | None, headers: Mapping[str, str]
    ) -> _Raw:
        _check_address(url)
        try:
            answer = self._outbound.ask(
                method, url, until=Deadline.after(_LONGEST), body=body,
                headers=headers, most=_MAX_ANSWER,
            )  # fmt: skip
        except UnreachableError as error:
            raise Unreachable(f"{self.who} {error}") from error
        raw = _Raw(status=answer.status, headers=answer.headers, data=answer.body)
        self._learn(url, raw)
        return raw

    def _object(self, answer: _Raw) -> dict[str, Any]:
        if answer.status == 204:
            return {}
        try:
            body = json.loads(answer.data)
        except (ValueError, RecursionError) as error:
            raise Unreachable(f"{self.who}'s answer cannot be read") from error
        if not isinstance(body, dict):
            raise Unreachable(f"{self.who}'s answer cannot be read")
        return body

    def _refusal(self, answer: _Raw) -> Refused:
        challenge = answer.headers.get("www-authenticate", "")
        if 'error="' in challenge:
            code = challenge.split('error="')[1].partition('"')[0]
            return Refused(answer.status, code, self.who)
        try:
            body = self._object(answer)
        except Unreachable:
            body = {}
        code = str(body.get("error") or body.get("code") or "")
        return Refused(answer.status, code, self.who)

    def _learn(self, url: str, answer: _Raw) -> None:
        nonce = answer.headers.get("dpop-nonce")
        if nonce:
            self._nonces[_origin(url)] = nonce
        try:
            told = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return
        self.offset = told.astimezone(UTC) - self.clock()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in _LOOPBACK
    )
    if not safe or "@" in parts.netloc:
        raise ValueError(f"{_origin(url)} is not asked: only https, or this machine")
