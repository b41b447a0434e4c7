"""Where passports are asked about: other economies' systems, and our own devices.

No browser and no cookie: a question is sealed and signed, a device signs what it asks.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from issuer.api.problems import MEDIA_TYPE, Problem, problem_of
from issuer.api.strict_json import read_object
from issuer.errors import Conflict, Invalid, IssuerError
from issuer.office import Office
from issuer.passport_register.gateway import MAX_ASK, Gateway
from issuer.passport_register.service import MAX_QUESTION, PassportService
from issuer.web.guards import PASSPORTS

_MAX_BODY: Final = MAX_QUESTION + 1024
_TOO_MANY: Final = "passports.too_many"


def blueprint(office: Office, *, clock: Callable[[], datetime]) -> Blueprint:
    """Make the routes.

    Args:
        office: The open installation.
        clock: Returns the moment of a request.
    """
    routes = Blueprint(PASSPORTS, __name__, url_prefix="/services/v1/<economy>")
    service, gateway = PassportService(office), Gateway(office)

    def now() -> datetime:
        return clock().astimezone(UTC)

    @routes.get("/passport-checks")
    def keys(economy: str) -> Response:
        return _answered(lambda: {"delegation": service.delegation(economy, now=now())})

    @routes.post("/passport-checks")
    def check(economy: str) -> Response:
        def work() -> dict[str, Any]:
            question = _member(_body(_MAX_BODY), "question")
            return {"answer": service.answer(economy, question, now=now())}

        return _answered(work)

    @routes.post("/passport-asks")
    def ask(economy: str) -> Response:
        return _answered(
            lambda: gateway.answer(economy, read_object(_body(MAX_ASK)), now=now())
        )

    return routes


def _body(most: int) -> bytes:
    request.max_content_length = most
    if request.mimetype != "application/json":
        raise Invalid([("", "content_type", "is not application/json")])
    return request.get_data(cache=False)


def _member(data: bytes, name: str) -> str:
    value = read_object(data).get(name)
    if not isinstance(value, str):
        raise Invalid([(name, "missing", "is no text")])
    return value


def _answered(work: Callable[[], dict[str, Any]]) -> Response:
    try:
        return _response(HTTPStatus.OK, work(), "application/json")
    except RequestEntityTooLarge:
        return _refusal(_too_large())
    except IssuerError as error:
        return _refusal(_problem(error))


def _problem(error: IssuerError) -> Problem:
    found = problem_of(error)
    if isinstance(error, Conflict) and error.code == _TOO_MANY:
        return Problem(
            status=HTTPStatus.TOO_MANY_REQUESTS, code=error.code, detail=error.detail
        )
    return found


def _too_large() -> Problem:
    return Problem(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        code="request.too_large",
        detail="this is larger than a question",
    )


def _refusal(problem: Problem) -> Response:
    return _response(problem.status, problem.body(), MEDIA_TYPE)


def _response(status: HTTPStatus, body: dict[str, Any], media_type: str) -> Response:
    return Response(json.dumps(body), status=status, mimetype=media_type)
