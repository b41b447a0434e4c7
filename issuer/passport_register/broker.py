"""Pass sealed questions to whom they are for, and keep nothing.

A broker saves every economy from knowing where all others are.  It sees which economy
asks whom by the addresses it passes between, and neither the passport nor the answer:
both are sealed.  What it would make up is signed by nobody, so nobody believes it.

Whoever asks has a pace.  Where a broker has trust data it passes on what economies ask,
which show that they are economies, and nothing else; keys are given to anybody, as they
are by those whose keys they are.

Each owner has so many places.  One that is slow or dead takes those and no more, and
while it fails it is told so at once, so that questions to the others wait for nothing.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from math import ceil
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import verifier
from issuer.errors import SettingsError
from issuer.pace import NO_WAIT, Pace, source_of
from issuer.passport_register.askers import Askers
from issuer.passport_register.carrying import (
    JSON,
    Brought,
    Carrier,
    Deadline,
    UnreachableError,
)

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

MAX_BODY: Final = 114 * 2**10
"""Bytes of a question."""
_PATH: Final = re.compile(r"/services/v1/([A-Z]{3})/passport-checks")
_HEALTH: Final = "/health"
_PROBLEM: Final = "application/problem+json"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_FAILURES: Final = 3
"""One after another: then an owner counts as down."""
_PAUSE: Final = 5.0
"""Seconds until one question tries whether it is back."""
_UNKNOWN: Final = 120
"""Questions in a minute from one address that show nothing; each costs a signature."""
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_Base = Annotated[str, Field(pattern=r"^https?://[a-z0-9.\[\]:-]+$", max_length=200)]


class Partners(BaseModel):
    """Where owners are, and how long a broker waits for them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    owners: Annotated[Mapping[_Code, _Base], Field(min_length=1)]
    """By economy: where the installation is that hosts it; no path."""
    seconds: Annotated[float, Field(gt=0, le=10)] = 1.5
    """For which an answer is waited for."""
    in_flight: Annotated[int, Field(ge=1, le=1_000)] = 12
    """Questions to one owner at a time."""
    per_asker: Annotated[int, Field(ge=1, le=1_000_000)] = 30_000
    """Questions in a minute of one economy; without trust data, from one address."""
    trust: Annotated[str, Field(max_length=500)] | None = None
    """Folder that ``abtc-verify sync`` fills, beside the file of partners or absolute;
    without it anybody may ask."""

    @model_validator(mode="after")
    def _are_protected(self) -> Self:
        for economy, url in self.owners.items():
            host = urlsplit(url).hostname
            if not url.startswith("https://") and host not in _LOOPBACK:
                raise ValueError(f"the address of {economy} is not https")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file of partners (TOML).

        Raises:
            SettingsError: It cannot be read, or has an unknown key or a wrong value.
        """
        try:
            found = cls.model_validate(tomllib.loads(path.read_text("utf-8")))
            if found.trust is None:
                return found
            return found.model_copy(update={"trust": str(path.parent / found.trust)})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise SettingsError(
                file=str(path),
                key=".".join(map(str, first["loc"])),
                reason=first["msg"].removeprefix("Value error, "),
            ) from error
        except (OSError, ValueError) as error:
            raise SettingsError(file=str(path), key="", reason=str(error)) from error


class _Refused(Exception):  # noqa: N818  # never leaves this module
    """An answer to who asks, from the broker itself."""

    def __init__(
        self, status: HTTPStatus, code: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers or {}


@dataclass(slots=True)
class Gate:
    """The way to one owner: how many are on it, and whether it is open."""

    places: int
    clock: Callable[[], float] = monotonic
    _taken: int = 0
    _failures: int = 0
    _closed_until: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def is_down(self) -> bool:
        """Whether the last questions have failed, all of them."""
        return self._failures >= _FAILURES

    def enter(self) -> bool:
        """Take a place; False if there is none, or the owner is down."""
        with self._lock:
            if self._taken >= self.places:
                return False
            if self.is_down:
                if self.clock() < self._closed_until:
                    return False
                self._closed_until = self.clock() + _PAUSE  # this one tries
            self._taken += 1
            return True

    def leave(self, *, has_answered: bool) -> None:
        """Give the place back, and tell how it went."""
        with self._lock:
            self._taken -= 1
            self._failures = 0 if has_answered else self._failures + 1
            if self.is_down:
                self._closed_until = self.clock() + _PAUSE


class Broker:
    """A WSGI application that passes questions on.

    Args:
        partners: Where owners are.
        now: Returns the moment.
        askers: Tells who asks; None: anybody may.
        clock: Of durations.
    """

    def __init__(
        self,
        partners: Partners,
        *,
        now: Callable[[], datetime],
        askers: Askers | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._partners = partners
        self._now, self._askers, self._pace = now, askers, Pace()
        self._carrier = Carrier()
        self._gates = {
            economy: Gate(partners.in_flight, clock) for economy in partners.owners
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        try:
            status, media_type, body = self._answer(environ)
            more: dict[str, str] = {}
        except _Refused as error:
            status, media_type, body = _problem(error.status, error.code)
            more = error.headers
        line = f"{status} {HTTPStatus(status).phrase}"
        headers = [
            ("Content-Type", media_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *more.items(),
        ]
        start_response(line, headers)
        return [body]

    def _answer(self, environ: "WSGIEnvironment") -> tuple[int, str, bytes]:
        path, method = str(environ.get("PATH_INFO")), environ.get("REQUEST_METHOD")
        if path == _HEALTH and method == "GET":
            down = sorted(code for code, gate in self._gates.items() if gate.is_down)
            return 200, JSON, json.dumps({"down": down}).encode()
        found = _PATH.fullmatch(path)
        if found is None or found[1] not in self._gates:
            return _problem(HTTPStatus.NOT_FOUND, "owner.unknown")
        if method not in {"GET", "POST"}:
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "request.method")
        self._count(environ, is_question=method == "POST")
        body = _body(environ) if method == "POST" else b""
        if body is None:
            return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.too_large")
        return self._pass(found[1], path, body if method == "POST" else None)

    def _count(self, environ: "WSGIEnvironment", *, is_question: bool) -> None:
        """Count a request to who makes it.

        Raises:
            _Refused: It is one too many, or a question of nobody that is known.
        """
        now = self._now()
        source = source_of(str(environ.get("REMOTE_ADDR", "")))
        if self._askers is None or not is_question:
            self._keep_pace(f"from {source}", self._partners.per_asker, now)
            return
        scheme, _, shown = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        try:
            asker = self._askers.who(shown, now) if scheme == "Bearer" else None
        except verifier.TrustError as error:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "trust.missing") from error
        if asker is None:
            self._keep_pace(f"unknown {source}", _UNKNOWN, now)
            raise _Refused(
                HTTPStatus.UNAUTHORIZED,
                "asker.unknown",
                {"WWW-Authenticate": 'Bearer realm="abtc broker"'},
            )
        self._keep_pace(asker, self._partners.per_asker, now)

    def _keep_pace(self, name: str, most: int, now: datetime) -> None:
        wait = self._pace.wait(name, most, now=now)
        if wait > NO_WAIT:
            said = {"Retry-After": str(max(1, ceil(wait.total_seconds())))}
            raise _Refused(HTTPStatus.TOO_MANY_REQUESTS, "asker.too_many", said)

    def _pass(
        self, owner: str, path: str, body: bytes | None
    ) -> tuple[int, str, bytes]:
        gate = self._gates[owner]
        if not gate.enter():
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "owner.busy")
        has_answered = False
        try:
            brought = self._bring(owner, path, body)
            has_answered = brought.status < HTTPStatus.INTERNAL_SERVER_ERROR
        except UnreachableError:
            return _problem(HTTPStatus.GATEWAY_TIMEOUT, "owner.silent")
        finally:
            gate.leave(has_answered=has_answered)
        return _told(brought)

    def _bring(self, owner: str, path: str, body: bytes | None) -> Brought:
        url = self._partners.owners[owner] + path
        until = Deadline.after(self._partners.seconds)
        if body is None:
            return self._carrier.get(url, until=until)
        return self._carrier.post(url, body, until=until)


def _told(brought: Brought) -> tuple[int, str, bytes]:
    """Pass an answer on; of what is none, only that there was none."""
    if brought.status == HTTPStatus.OK:
        told = brought.members()
        for name in ("answer", "delegation"):
            if isinstance(told.get(name), str):
                return 200, JSON, json.dumps({name: told[name]}).encode()
    if brought.status in {400, 404, 409, 413, 429}:
        return _problem(HTTPStatus(brought.status), "owner.refused")
    return _problem(HTTPStatus.BAD_GATEWAY, "owner.failed")


def _body(environ: "WSGIEnvironment") -> bytes | None:
    """Return a body; None if it is longer than a question."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        return None
    stream: Any = environ["wsgi.input"]
    data: bytes = stream.read(int(length))
    return data


def _problem(status: HTTPStatus, code: str) -> tuple[int, str, bytes]:
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "code": code,
    }
    return int(status), _PROBLEM, json.dumps(body).encode()
