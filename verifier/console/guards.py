"""What stands before every view: whose machine, whose page, which browser."""

from typing import Final

from flask import Flask, Response, request

from .codes import Fault
from .failures import RefusedError
from .here import console, token

POLICY: Final = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
"""What the pages may load and do (``Content-Security-Policy``)."""
API: Final = "api"
"""The blueprint of everything that tells or does something."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OVERRIDES: Final = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
_TYPES: Final = {
    "api.frame": {"image/jpeg", "image/png", "application/octet-stream"},
    "api.update_file": {"application/zip", "application/octet-stream"},
}
_JSON: Final = frozenset({"application/json"})
_FOR_ANYBODY: Final = "api.words_of"
"""Also a browser that has no session has to be told so in words."""
_FOR_ANY_BROWSER: Final = frozenset({_FOR_ANYBODY, "api.state", "api.take_over"})
_WHILE_LOCKED: Final = frozenset({"api.unlock", "api.end_shift", "api.lock"})
_FORWARDED: Final = (
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
)  # fmt: skip


def install(app: Flask) -> None:
    """Put the guards in place; the first of them that refuses has the last word."""
    app.before_request(_check_host)
    app.before_request(_check_origin)
    app.before_request(_check_type)
    app.before_request(_check_browser)
    app.before_request(_check_lock)
    app.after_request(_dress)


def _hosts() -> set[str]:
    port = console().port
    return {f"127.0.0.1:{port}", f"localhost:{port}"}


def _check_host() -> None:
    """Refuse a name that is not ours: it could be anybody's that points here."""
    if request.headers.get("Host") not in _hosts():
        raise RefusedError(400, Fault.HOST)
    if any(name in request.headers for name in _FORWARDED):
        raise RefusedError(400, Fault.HOST, "there is no proxy in front of a console")


def _check_origin() -> None:
    """Refuse what a page of somebody else has made the browser ask for."""
    if any(name in request.headers for name in _OVERRIDES):
        raise RefusedError(403, Fault.ORIGIN, "a request says its method once")
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = f"http://{request.headers['Host']}"
    if request.method in _SAFE:
        is_ours = request.blueprint != API or (
            site in {None, "same-origin", "none"} and origin in {None, own}
        )
    else:
        is_ours = origin == own and site in {None, "same-origin"}
    if not is_ours:
        raise RefusedError(403, Fault.ORIGIN)


def _check_type() -> None:
    if request.method in _SAFE or request.endpoint is None:
        return
    if request.mimetype not in _TYPES.get(request.endpoint, _JSON):
        raise RefusedError(415, Fault.WRONG_TYPE)


def _check_browser() -> None:
    if request.blueprint != API or request.endpoint == _FOR_ANYBODY:
        return
    session = console().session
    if not session.is_known(token()):
        raise RefusedError(401, Fault.NO_SESSION)
    if request.endpoint not in _FOR_ANY_BROWSER and not session.is_active(token()):
        raise RefusedError(409, Fault.ELSEWHERE)


def _check_lock() -> None:
    """Let an officer who is gone leave nothing that goes on by itself."""
    if request.blueprint != API:
        return
    session = console().session
    is_locked = session.is_locked  # asked always: it locks itself when it is time
    if request.method in _SAFE or request.endpoint in _FOR_ANY_BROWSER:
        return
    if is_locked and request.endpoint not in _WHILE_LOCKED:
        raise RefusedError(423, Fault.LOCKED)


def _dress(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
    return response
