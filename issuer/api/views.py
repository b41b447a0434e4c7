"""Serve every operation over HTTP.

Who asks shows it by ``Authorization: Bearer <API key>``, says why in ``Abtc-Reason``
(percent-encoded UTF-8), and may send ``Idempotency-Key``: the same request under the
same key then gets the same answer, and is done once.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from flask import Blueprint, Response, request

from issuer.api.openapi import PREFIX, describe, path_of
from issuer.api.problems import MEDIA_TYPE, Problem, problem_of
from issuer.api.strict_json import read_object
from issuer.errors import Invalid, IssuerError
from issuer.office import Actor, Desk, Office
from issuer.operations import Operation

MAX_REASON: Final = 500
_KEY: Final = re.compile(r"[!-~]{1,60}")
Authenticate = Callable[[str, datetime], Actor | None]
"""Tells whose an API key is, if it is anybody's at that moment."""


def blueprint(
    office: Office,
    *,
    operations: Mapping[str, Operation],
    authenticate: Authenticate,
    clock: Callable[[], datetime],
) -> Blueprint:
    """Make the routes of the API.

    Args:
        office: The open installation.
        operations: From `issuer.operations.all_operations`.
        authenticate: Tells whose a key is.
        clock: Returns the moment of a request.
    """
    routes = Blueprint("api", __name__)
    for each in operations.values():
        routes.add_url_rule(
            PREFIX + path_of(each),
            endpoint=each.name.replace(".", "_"),
            view_func=_view(each, office, authenticate, clock),
            methods=["POST"],
        )
    description = json.dumps(describe(operations)).encode()
    routes.add_url_rule(
        f"{PREFIX}/openapi.json",
        endpoint="openapi",
        view_func=lambda: Response(description, mimetype="application/json"),
    )
    return routes


def _view(
    operation: Operation,
    office: Office,
    authenticate: Authenticate,
    clock: Callable[[], datetime],
) -> Callable[[], Response]:
    def view() -> Response:
        now = clock().astimezone(UTC)
        try:
            actor = authenticate(_bearer(), now)
            if actor is None:
                return _unknown()
            desk = Desk(
                office=office,
                actor=actor,
                now=now,
                reason=_reason(),
                request_key=_request_key(),
            )
            answer = operation.perform(desk, _given())
        except IssuerError as error:
            return _refusal(problem_of(error))
        return _response(HTTPStatus.OK, answer.model_dump_json(), "application/json")

    return view


def _bearer() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _reason() -> str:
    text = unquote(request.headers.get("Abtc-Reason", "")).strip()
    if not 0 < len(text) <= MAX_REASON or not text.isprintable():
        raise Invalid(
            [("Abtc-Reason", "reason", "says why, in 1 to 500 printable characters")]
        )
    return text


def _request_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid([("Idempotency-Key", "key", "is 1 to 60 printable characters")])
    return key


def _given() -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise Invalid([("", "content_type", "is not application/json")])
    return read_object(request.get_data(cache=False))


def _unknown() -> Response:
    response = _refusal(
        Problem(
            status=HTTPStatus.UNAUTHORIZED,
            code="request.key",
            detail="this API key is nobody's, or has ended",
        )
    )
    response.headers["WWW-Authenticate"] = 'Bearer realm="abtc"'
    return response


def _refusal(problem: Problem) -> Response:
    return _response(problem.status, json.dumps(problem.body()), MEDIA_TYPE)


def _response(status: HTTPStatus, body: str, media_type: str) -> Response:
    response = Response(body, status=status, mimetype=media_type)
    response.headers["Cache-Control"] = "no-store"
    return response
