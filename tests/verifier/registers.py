"""An economy's register on a loopback port, with real keys, correct by default."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import ec

from tests.simulator import NOW, SCHEME, b64u, fixed_key, jwk, jws, seconds
from verifier import RegisterCredentials
from verifier._jose import is_signed_by

CLIENT = "aus-0123456789abcdef"
URL = SCHEME.economy("AUS").issuer_url
SERVICE = fixed_key("register-service")


def credentials(**changes: Any) -> bytes:
    """The file of a carrier's system, but for what is changed."""
    key: ec.EllipticCurvePrivateKey = fixed_key("carrier")
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    body = {
        "format": "abtc-carrier-1",
        "client_id": CLIENT,
        "economy": "AUS",
        "key": {**jwk(key), "d": b64u(secret)},
    }
    return json.dumps({**body, **changes}).encode()


def parsed() -> RegisterCredentials:
    return RegisterCredentials.parse(credentials())


def delegation(economy: str = "AUS", at: datetime = NOW) -> str:
    claims = {
        "iss": SCHEME.economy(economy).issuer_url,
        "iat": seconds(at - timedelta(hours=1)),
        "exp": seconds(at + timedelta(days=7)),
        "keys": [{**jwk(SERVICE), "kid": "service", "use": "sig"}],
    }
    name = f"{economy}-status"
    header = {"alg": "ES256", "kid": name, "typ": "abtc-service-keys+jwt"}
    return jws(header, claims, fixed_key(name))


@dataclass(slots=True, kw_only=True)
class Register:
    """What the server does, and what it has seen."""

    now: Callable[[], datetime] = lambda: NOW
    answer: str = "gives"
    economy: str = "AUS"
    """Who signs."""
    says: dict[str, Any] = field(default_factory=dict)
    """Claims that are changed."""
    status: int = 200
    body: bytes | None = None
    """Instead of an answer."""
    waits: float = 0
    """Seconds before it answers."""
    tokens: int = 0
    questions: list[dict[str, Any]] = field(default_factory=list)
    refuses: int = 0
    """How many tokens are worth nothing from now on."""

    def statement(self, asked: Mapping[str, Any]) -> str:
        at = self.now()
        gives = self.answer == "gives"
        claims = {
            "iss": SCHEME.economy(self.economy).issuer_url,
            "aud": f"urn:abtc:client:{CLIENT}",
            "iat": seconds(at),
            "exp": seconds(at + timedelta(minutes=5)),
            "jti": "once",
            "reference": "K7QF-2M9T-HX4P",
            "passport": asked["passport"],
            "answer": self.answer,
            "destination": asked["destination"],
            "arrival": asked["arrival"],
            "stay_until": "2030-03-15" if gives else None,
            "form": "app" if gives else None,
            "card_last_day": "2034-06-30" if gives else None,
            "must_see": ["passport", "face"] if gives else [],
            "answered_at": at.isoformat(),
            "data_as_of": (at - timedelta(hours=1)).isoformat(),
        }
        header = {
            "alg": "ES256",
            "delegation": delegation(self.economy, at),
            "kid": "service",
            "typ": "abtc-entry-basis+jwt",
        }
        return jws(header, {**claims, **self.says}, SERVICE)


@contextmanager
def serving(register: Register) -> Iterator[str]:
    """Serve a register; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(register.waits)
            if self.path == "/services/v1/token":
                return self._token(data)
            if self.path != "/services/v1/AUS/entry-basis":
                return self._send(404, b"{}")
            if register.refuses:
                register.refuses -= 1
                return self._send(401, b"{}")
            asked = json.loads(data)
            register.questions.append(asked)
            if register.body is not None:
                return self._send(register.status, register.body)
            told = {"statement": register.statement(asked)}
            return self._send(register.status, json.dumps(told).encode())

        def _token(self, data: bytes) -> None:
            form = {name: value[0] for name, value in parse_qs(data.decode()).items()}
            text, _, signature = form["client_assertion"].rpartition(".")
            raw = _unb64(signature)
            key = fixed_key("carrier").public_key()
            assert is_signed_by(key, text.encode(), raw)
            claims = json.loads(_unb64(text.partition(".")[2]))
            assert claims["iss"] == claims["sub"] == CLIENT
            assert claims["aud"] == URL
            register.tokens += 1
            told = {"access_token": f"token-{register.tokens}", "expires_in": 300}
            self._send(200, json.dumps(told).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
