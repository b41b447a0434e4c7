"""Answers for what went wrong: a registered word, or a problem; never more."""

import json
import logging
import secrets
from http import HTTPStatus
from traceback import extract_tb
from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from issuer.api.problems import Problem, problem_of
from issuer.errors import Conflict, IssuerError, SigningError, StoreError
from wallet_api.errors import ProtocolError
from wallet_api.here import problem_answer

LOG: Final = logging.getLogger("wallet_api")
_SOON: Final = "5"
"""Seconds after which a phone tries again where something of ours is away."""


def install(app: Flask) -> None:
    """Put the answers in place."""
    app.register_error_handler(ProtocolError, _protocol)
    app.register_error_handler(IssuerError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _fault)


def _protocol(error: ProtocolError) -> Response:
    response = Response(
        json.dumps(error.body()), status=error.status, mimetype="application/json"
    )
    response.headers.update(error.headers)
    return response


def _ours(error: IssuerError) -> Response:
    if isinstance(error, Conflict) and error.code == "lost.refused":
        # Not 409: whoever guesses learns nothing about how things stand.
        status = HTTPStatus.BAD_REQUEST
        return problem_answer(
            Problem(status=status, code=error.code, detail=error.detail)
        )
    problem = problem_of(error)
    if problem.status == 500:
        return _fault(error)
    response = problem_answer(problem)
    if isinstance(error, StoreError | SigningError) and problem.status == 503:
        response.headers["Retry-After"] = _SOON
    return response


def _http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    if error.response is not None:
        return Response(status=status, headers=error.response.headers)
    code = f"http.{status.value}"
    response = problem_answer(
        Problem(status=status, code=code, detail=status.phrase.lower())
    )
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _fault(error: Exception) -> Response:
    """Answer what nobody expected; the log has the place, and nothing that was sent."""
    reference = secrets.token_hex(6)
    places = [f"{each.name}:{each.lineno}" for each in extract_tb(error.__traceback__)]
    LOG.error(
        "fault %s: %s at %s in %s",
        reference,
        type(error).__name__,
        " ".join(places[-4:]),
        request.endpoint,
    )
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = f"something is wrong on our side; reference {reference}"
    return problem_answer(Problem(status=status, code="fault", detail=detail))
