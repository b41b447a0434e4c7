"""Pages for what went wrong, as applicants see them: no code of ours without words."""

import secrets

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException

from issuer.errors import IssuerError
from issuer.web.failures import log_failure, status_of
from issuer.web.portal.here import render

_KNOWN = frozenset({400, 401, 403, 404, 409, 413, 429, 503})


def install(pages: Blueprint) -> None:
    """Answer every failure of these pages with one of them."""
    pages.register_error_handler(HTTPException, _http)
    pages.register_error_handler(IssuerError, _issuer)
    pages.register_error_handler(Exception, _unknown)


def _http(error: HTTPException) -> Response:
    return _page(error.code or 500)


def _issuer(error: IssuerError) -> Response:
    status = status_of(error)
    return _page(status, log_failure(error) if status >= 500 else None)


def _unknown(error: Exception) -> Response:
    return _page(500, log_failure(error))


def _page(status: int, reference: str | None = None) -> Response:
    known = status if status in _KNOWN else (400 if status < 500 else 500)
    return render(
        "apply/failure.html",
        status=status,
        title=f"failure.{known}.title",
        what_to_do=f"failure.{known}.do",
        reference=reference or secrets.token_hex(4),
    )
