"""A ministry's sign-on: an OpenID Connect provider on loopback, honest until told."""

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT = "abtc"
SECRET = "only the two of us know"  # noqa: S105  # of nobody real


_KEY = RSAKey.generate_key(2048, {"kid": "1"})
"""One for all: it takes long to make."""


@dataclass(slots=True)
class Provider:
    """What it does wrong is set from outside."""

    now: Callable[[], int]
    key: RSAKey = field(default_factory=lambda: _KEY)
    subject: str = "person-1"
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    """In place of what the token should say; None takes a claim away."""
    sign: Callable[[dict[str, Any]], str] | None = None
    document: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    """In place of what the browser should bring back."""
    asked: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
        } | self.document

    def authorize(self, query: dict[str, str]) -> str:
        """Somebody signs in here; return where their browser goes."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        self.asked.append(query)
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        answer = {k: v for k, v in (back | self.query).items() if v}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Redeem a code, once, for who knows its verifier and the client's secret."""
        query = self._codes.pop(form["code"], None)
        digest = sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        pair = base64.b64encode(f"{CLIENT}:{SECRET}".replace(" ", "%20").encode())
        if (
            query is None
            or query["code_challenge"] != challenge
            or query["redirect_uri"] != form["redirect_uri"]
            or authorization != f"Basic {pair.decode()}"
        ):
            return None
        present = self.now()
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": present,
            "exp": present + 300,
            "nonce": query["nonce"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"id_token": (self.sign or self.signed)(claims), "token_type": "Bearer"}

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)

    def by(self, key: RSAKey | ECKey, alg: str, kid: str) -> None:
        """Sign with another key from now on."""
        header = {"alg": alg, "kid": kid}
        self.sign = lambda claims: jwt.encode(header, claims, key, algorithms=[alg])


@contextmanager
def running(now: Callable[[], int]) -> Iterator[Provider]:
    provider = Provider(now)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(address.query).items()}
            match address.path:
                case "/.well-known/openid-configuration":
                    self.answer(provider.discovery())
                case "/jwks":
                    self.answer({"keys": [provider.key.as_dict(private=False)]})
                case "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(query))
                    self.end_headers()
                case _:
                    self.send_error(404)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            form = parse_qs(self.rfile.read(length).decode())
            found = provider.token(
                {name: value[0] for name, value in form.items()},
                self.headers.get("Authorization", ""),
            )
            self.answer(found or {"error": "invalid_grant"}, 200 if found else 400)

        def answer(self, value: dict[str, Any], status: int = 200) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
