"""Where passports are asked about: other economies' systems, and our own devices.

No browser and no cookie: a question is sealed and signed, a device signs what it asks.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.utils import host_is_trusted

from issuer.api.problems import MEDIA_TYPE, Problem, problem_of
from issuer.api.strict_json import read_object
from issuer.errors import Invalid, IssuerError
from issuer.passport_register.gateway import MAX_ASK, Gateway
from issuer.passport_register.service import MAX_QUESTION, PassportService
from issuer.web.guards import PASSPORTS, dress

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_MAX_BODY: Final = MAX_QUESTION + 1024
_DIGITS: Final = 9
_QUESTIONS: Final = re.compile(r"/services/v1/([^/]+)/passport-checks")


def blueprint(service: PassportService, *, clock: Callable[[], datetime]) -> Blueprint:
    """Make the routes.

    Args:
        service: Of the open installation.
        clock: Returns the moment of a request.
    """
    routes = Blueprint(PASSPORTS, __name__, url_prefix="/services/v1/<economy>")
    gateway = Gateway(service.office)

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


class Door:
    """Answers questions before anything that is made for browsers sees them.

    Sessions, cookies and forms count for nothing here, and looking for them takes as
    long as a third of an answer.  Whatever is not spelled exactly like a question goes
    on to the pages, whose route does the same, slowly.

    Args:
        pages: What is behind.
        service: The same that the pages have: both count what one economy asks.
        hosts: By which names we are asked for.
        is_secure: Browsers come by https alone.
        clock: Returns the moment of a request.
    """

    def __init__(
        self,
        pages: "WSGIApplication",
        service: PassportService,
        *,
        hosts: Sequence[str],
        is_secure: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._pages, self._service = pages, service
        self._hosts, self._is_secure, self._clock = hosts, is_secure, clock

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a question, or let the pages."""
        economy = self._asked(environ)
        if economy is None:
            return self._pages(environ, start_response)

        def work() -> dict[str, Any]:
            size = int(environ["CONTENT_LENGTH"])
            question = _member(environ["wsgi.input"].read(size), "question")
            now = self._clock().astimezone(UTC)
            return {"answer": self._service.answer(economy, question, now=now)}

        response = _answered(work)
        dress(response.headers, is_secure=self._is_secure)
        response.headers["Cache-Control"] = "no-store"
        return response(environ, start_response)

    def _asked(self, environ: "WSGIEnvironment") -> str | None:
        """Return whose passport is asked about; None if this is no plain question."""
        if environ["REQUEST_METHOD"] != "POST":
            return None
        found = _QUESTIONS.fullmatch(environ["PATH_INFO"])
        size = environ.get("CONTENT_LENGTH") or ""
        is_plain = (
            environ.get("CONTENT_TYPE") == "application/json"
            and size.isascii()
            and size.isdigit()
            and len(size) < _DIGITS
            and int(size) <= _MAX_BODY
            and host_is_trusted(environ.get("HTTP_HOST"), self._hosts)
        )
        return found[1] if found and is_plain else None


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
        return _refusal(problem_of(error))


def _too_large() -> Problem:
    return Problem(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        code="request.too_large",
        detail="this is larger than a question",
    )


def _refusal(problem: Problem) -> Response:
    response = _response(problem.status, problem.body(), MEDIA_TYPE)
    response.headers.update(problem.headers())
    return response


def _response(status: HTTPStatus, body: dict[str, Any], media_type: str) -> Response:
    return Response(json.dumps(body), status=status, mimetype=media_type)
