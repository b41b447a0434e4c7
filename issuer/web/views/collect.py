"""Where officers' devices send their scan logs: no browser, no cookie, a signature."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from issuer.api.problems import MEDIA_TYPE, Problem, problem_of
from issuer.collecting import MAX_BATCH
from issuer.collector import collect
from issuer.errors import Invalid, IssuerError
from issuer.office import Office
from issuer.web.guards import DEVICES


def blueprint(office: Office, *, clock: Callable[[], datetime]) -> Blueprint:
    """Make the route.

    Args:
        office: The open installation.
        clock: Returns the moment of a request.
    """
    routes = Blueprint(DEVICES, __name__)

    def scan_log(economy: str) -> Response:
        try:
            kept = collect(office, economy, _body(), now=clock().astimezone(UTC))
        except IssuerError as error:
            return _refusal(problem_of(error))
        except RequestEntityTooLarge:
            return _refusal(_too_large())
        return _response(HTTPStatus.OK, kept.body(), "application/json")

    routes.add_url_rule(
        "/collect/<economy>/scan-log", view_func=scan_log, methods=["POST"]
    )
    return routes


def _body() -> bytes:
    request.max_content_length = MAX_BATCH
    if request.mimetype != "application/json":
        raise Invalid([("", "content_type", "is not application/json")])
    return request.get_data(cache=False)


def _too_large() -> Problem:
    return Problem(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        code="batch.too_large",
        detail=f"a batch has at most {MAX_BATCH} bytes",
    )


def _refusal(problem: Problem) -> Response:
    return _response(problem.status, problem.body(), MEDIA_TYPE)


def _response(status: HTTPStatus, body: dict[str, Any], media_type: str) -> Response:
    return Response(json.dumps(body), status=status, mimetype=media_type)
