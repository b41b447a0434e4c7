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

import urllib3

from issuer.jws import (
    PrivateKey,
    b64u,
    canonical,
    moment_on_wire,
    public_jwk,
    sign_es256,
    signing_input,
)

_TIMEOUT: Final = urllib3.Timeout(connect=5, read=20)
_MAX_ANSWER: Final = 256 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Unreachable(Exception):  # noqa: N818  # a condition to act on: try later
    """Nobody answered, or not as it must; the same may be asked again."""


class Refused(Exception):  # noqa: N818  # an answer, not a fault
    """The issuer refused.

    Attributes:
        status: Of HTTP.
        code: As the standards, or the holder's API, name it; empty without a name.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the issuer refused: {code or 'no reason'} ({status})")
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
    """Asks issuers, and learns from them what time it is."""

    clock: Callable[[], datetime]
    """The phone's own clock; may be wrong."""
    offset: timedelta = timedelta(0)
    _pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(num_pools=2, retries=False)
    )
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
            raise _refusal(answer)
        return Answer(status=answer.status, body=_object(answer))

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
            answer = self._pool.request(
                method, url, body=body, headers=dict(headers), timeout=_TIMEOUT,
                redirect=False, preload_content=False,
            )  # fmt: skip
            answer.headers  # noqa: B018  # read before the body is
            data = answer.read(_MAX_ANSWER + 1)
            answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable("the issuer does not answer") from error
        if len(data) > _MAX_ANSWER:
            raise Unreachable("the issuer's answer is too long")
        raw = _Raw(status=answer.status, headers=answer.headers, data=data)
        self._learn(url, raw)
        return raw

    def _learn(self, url: str, answer: _Raw) -> None:
        nonce = answer.headers.get("DPoP-Nonce")
        if nonce:
            self._nonces[_origin(url)] = nonce
        try:
            told = parsedate_to_datetime(answer.headers.get("Date", ""))
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


def _object(answer: _Raw) -> dict[str, Any]:
    if answer.status == 204:
        return {}
    try:
        body = json.loads(answer.data)
    except (ValueError, RecursionError) as error:
        raise Unreachable("the issuer's answer cannot be read") from error
    if not isinstance(body, dict):
        raise Unreachable("the issuer's answer cannot be read")
    return body


def _refusal(answer: _Raw) -> Refused:
    challenge = answer.headers.get("WWW-Authenticate", "")
    if 'error="' in challenge:
        return Refused(answer.status, challenge.split('error="')[1].partition('"')[0])
    try:
        body = _object(answer)
    except Unreachable:
        body = {}
    return Refused(answer.status, str(body.get("error") or body.get("code") or ""))
