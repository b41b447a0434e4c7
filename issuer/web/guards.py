"""What stands before and behind every view."""

from typing import Final

from flask import Flask, Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden, NotFound, Unauthorized
from werkzeug.wrappers import Response as BaseResponse

from issuer.web import cookies
from issuer.web.access import Needs
from issuer.web.here import go_to, is_local, may, signed_in, site

STATIC: Final = "static"
PROGRAMS: Final = "api"
"""The blueprint for programs: they show a key, and no cookie counts."""
DEVICES: Final = "collect"
"""The blueprint for officers' devices: they sign, and no cookie counts."""
SERVICES: Final = "services"
"""The blueprint for other economies' systems: they show a token, and no cookie."""
PASSPORTS: Final = "passport_checks"
"""The blueprint for questions about passports: signed, and no cookie counts."""
APPLICANTS: Final = "apply"
"""How the names of blueprints for applicants begin: they have a cookie and guards of
their own, and no session of staff counts."""
POLICY: Final = (
    "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'"
)
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_OVERRIDES: Final = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_YEAR: Final = 365 * 24 * 60 * 60


def install(app: Flask) -> None:
    """Put the guards in place; the first of them that refuses has the last word."""
    app.before_request(_check_host)
    app.before_request(_know_visitor)
    app.before_request(_check_form)
    app.before_request(_check_access)
    app.after_request(_dress)


def _check_host() -> None:
    # Flask compares with TRUSTED_HOSTS only where a page asks for the name.
    _ = request.host


def _is_ours() -> bool:
    """Tell whether a session of staff counts for a request."""
    is_signed = request.blueprint in {PROGRAMS, DEVICES, SERVICES, PASSPORTS}
    is_theirs = (request.blueprint or "").startswith(APPLICANTS)
    return not (is_signed or is_theirs) and request.endpoint != STATIC


def _know_visitor() -> None:
    if _is_ours():
        cookies.load_visitor()


def _check_form() -> None:
    """Refuse what another site may have made the browser send."""
    if not _is_ours() or request.routing_exception is not None:
        return  # the router refuses by itself what goes nowhere
    _check_method()
    if request.method in _SAFE:
        return
    check_is_form()
    if not cookies.is_form_token(request.form.get(cookies.FORM_TOKEN, "")):
        raise Forbidden(
            "This form belongs to a session that has ended. Open the page again."
        )


def check_is_form() -> None:
    """Refuse what is no form, or what a browser says comes from another site.

    Raises:
        Forbidden: It does.
    """
    _check_method()
    if request.mimetype not in _FORMS:
        raise Forbidden("Only forms can be sent here.")
    if not _is_same_origin():
        raise Forbidden("This form came from another site.")


def _check_method() -> None:
    if any(name in request.headers for name in _OVERRIDES) or "_method" in request.args:
        raise Forbidden("A request must say its method once.")


def _is_same_origin() -> bool:
    """Tell what the browser says about the sender; older ones say nothing."""
    fetched_from = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    scheme = "https" if site().settings.web.secure else request.scheme
    own = f"{scheme}://{request.host}"
    return fetched_from == "same-origin" and origin in {None, own}


def _check_access() -> BaseResponse | None:
    if not _is_ours():
        return None
    if request.endpoint is None:
        return None  # the router has its own answer
    access = site().access.get(request.endpoint)
    if access is None:
        raise NotFound
    if may(access):
        return None
    if signed_in() is not None:
        raise Forbidden(_lacking(access) if isinstance(access, Needs) else None)
    if request.method != "GET":
        raise Unauthorized
    target = request.full_path.rstrip("?")
    kept = {"next": target} if is_local(target) and target != "/" else {}
    return go_to("sign_in.password", **kept)


def _lacking(access: Needs) -> str:
    names = " or ".join(sorted(access.roles))
    return f"This needs the role {names}. An administrator can give it to you."


def dress(headers: Headers, *, is_secure: bool) -> None:
    """Put on what every answer has.

    Args:
        headers: Of the answer.
        is_secure: Browsers come by https alone.
    """
    headers.setdefault("Content-Security-Policy", POLICY)  # a download is stricter
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
    if is_secure:
        headers["Strict-Transport-Security"] = f"max-age={_YEAR}; includeSubDomains"


def _dress(response: Response) -> Response:
    dress(response.headers, is_secure=site().settings.web.secure)
    if request.endpoint != STATIC:
        response.headers["Cache-Control"] = "no-store"
    if _is_ours():
        cookies.set_cookie(response)
    return response
