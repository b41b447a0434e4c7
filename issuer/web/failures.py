"""Pages for what went wrong: what happened, what to do, a code and a reference.

The reference leads to a line in the log.  Neither the page nor the line holds what
somebody has entered: only the kind of failure, and where in the program it was.
"""

import logging
import secrets
from collections.abc import Iterator
from traceback import extract_tb
from types import MappingProxyType
from typing import Final

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.exceptions import SecurityError as ForeignHost

from issuer.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    IssuerError,
    NotAllowed,
    NotFound,
    NotProven,
    PublishRefused,
    SigningError,
    SignOnDown,
    StoreError,
)
from issuer.web.guards import POLICY

LOG: Final = logging.getLogger("issuer.web")
_WORDS: Final = MappingProxyType(
    {
        400: (
            "This request cannot be read",
            "Go back, check what you entered, and send it again.",
        ),
        401: ("You are not signed in", "Sign in, then open the page again."),
        403: (
            "You may not do this",
            "If you need to, ask an administrator of your economy.",
        ),
        404: (
            "There is no such page or record",
            "Check the address, or begin at the start page.",
        ),
        405: (
            "This page does not take such requests",
            "Use the links and buttons on the pages.",
        ),
        409: (
            "This cannot be done as things stand",
            "Open the record again: somebody may have changed it meanwhile.",
        ),
        413: ("This is too large", "Send a smaller file, or fewer fields."),
        429: ("Too many tries", "Wait a minute, then try again."),
        500: (
            "Something went wrong on our side",
            "Try again. If it happens again, tell whoever runs this service, "
            "with the reference below.",
        ),
        503: (
            "This is not available at the moment",
            "Nothing was changed. Try again in a minute.",
        ),
    }
)


def status_of(error: IssuerError) -> int:
    """Return the HTTP status that an exception of ours means."""
    match error:
        case Invalid():
            return 400
        case NotProven():
            return 401
        case NotAllowed():
            return 403
        case NotFound():
            return 404
        case Conflict() | IllegalTransition() | Forbidden() | PublishRefused():
            return 409
        case StoreError() | SigningError() | SignOnDown():
            return 503
        case _:
            return 500


def code_of(error: IssuerError) -> str:
    """Return the stable code of an exception of ours, for people to pass on."""
    match error:
        case Conflict() | PublishRefused():
            return error.code
        case IllegalTransition():
            return error.reason
        case Forbidden():
            return f"database.{error.rule}"
        case _:
            kinds = (code for kind, code in _CODES if isinstance(error, kind))
            return next(kinds, "internal")


_CODES: Final[tuple[tuple[type[IssuerError], str], ...]] = (
    (Invalid, "request.invalid"),
    (NotProven, "sign_in.refused"),
    (NotAllowed, "role.missing"),
    (NotFound, "record.unknown"),
    (SignOnDown, "sign_on.down"),
    (StoreError, "database.down"),
    (SigningError, "signing.down"),
)


def sentence_of(error: IssuerError) -> str | None:
    """Return what an exception of ours says to people, if it may be shown."""
    match error:
        case Conflict() | IllegalTransition() | PublishRefused():
            return f"{error.detail[:1].upper()}{error.detail[1:]}."
        case Forbidden():
            return f"{error.detail[:1].upper()}{error.detail[1:]}."
        case _:
            return None


def install(app: Flask) -> None:
    """Answer every failure with a page of ours."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(IssuerError, _issuer)
    app.register_error_handler(Exception, _unknown)


def _http(error: HTTPException) -> Response:
    if isinstance(error, ForeignHost):
        # No page: its links would carry the forged name.
        answer = make_response("400 This service is not known by that name.\n", 400)
        answer.mimetype = "text/plain"
        answer.headers["Content-Security-Policy"] = POLICY
        return answer
    status = error.code or 500
    is_own = type(error).description != error.description
    detail = error.description if is_own and not isinstance(error, BadRequest) else None
    answer = _page(status, f"http.{status}", detail)
    if status == 405:
        answer.headers.extend(error.get_headers())
        answer.mimetype = "text/html"
    return answer


def _issuer(error: IssuerError) -> Response:
    status = status_of(error)
    reference = log_failure(error) if status >= 500 else None
    return _page(status, code_of(error), sentence_of(error), reference)


def _unknown(error: Exception) -> Response:
    return _page(500, "internal", None, log_failure(error))


def _page(
    status: int, code: str, detail: str | None, reference: str | None = None
) -> Response:
    title, what_to_do = _WORDS.get(status, _WORDS[400 if status < 500 else 500])
    text = render_template(
        "failure.html",
        status=status,
        code=code,
        title=title,
        detail=detail,
        what_to_do=what_to_do,
        reference=reference or secrets.token_hex(4),
    )
    return make_response(text, status)


def log_failure(error: BaseException) -> str:
    """Log where something failed, and return the reference that leads there."""
    reference = secrets.token_hex(4)
    LOG.error(
        "reference=%s endpoint=%s %s",
        reference,
        request.endpoint,
        " < ".join(_places(error)),
    )
    return reference


def _places(error: BaseException | None) -> Iterator[str]:
    # Messages are left out: they can quote what was entered.
    while error is not None:
        frames = extract_tb(error.__traceback__)
        at = " ".join(f"{f.filename}:{f.lineno}:{f.name}" for f in frames[-3:])
        yield f"{type(error).__name__} at {at}"
        error = error.__cause__
