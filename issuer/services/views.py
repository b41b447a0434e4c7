"""Serve the services over HTTP: no cookies, JSON, problems as the API has them.

Who asks has a token (``Authorization: Bearer``), which `issuer.services.tokens` gives
to those who prove who they are.  The token is for one economy's services and a few
minutes.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from issuer.api.problems import MEDIA_TYPE, Problem, problem_of
from issuer.api.strict_json import read_object
from issuer.errors import Invalid, IssuerError, NotAllowed, NotFound, TooMany
from issuer.office import Desk, Office
from issuer.operations import Answer, problems_of
from issuer.services.every_route import EVERY_ROUTE
from issuer.services.identity import ServiceIdentity
from issuer.services.openapi import described
from issuer.services.routes import (
    EDIFACT,
    MAX_BODY,
    PREFIX,
    Asked,
    Body,
    Message,
    Route,
)
from issuer.services.tokens import (
    Caller,
    TokenRefused,
    answer_of,
    caller_of,
    give_token,
)
from issuer.store import HostedEconomy
from issuer.web.guards import SERVICES
from issuer.web.limits import Limit

LOG: Final = logging.getLogger("issuer.services")
_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"
_FORM: Final = "application/x-www-form-urlencoded"
_KEY: Final = re.compile(r"[!-~]{1,60}")
_THUMBPRINT: Final = re.compile(r"[0-9a-f]{64}")
_NUL: Final = "\0"
_MINUTE: Final = timedelta(minutes=1)
_EVEN: Final = 0.05
"""Seconds: an answer that is to tell nothing by its time comes after whole ones."""
_TOKENS: Final = 120
"""Tries to get a token from one address a minute."""


class _Stop(Exception):  # noqa: N818  # never leaves this module
    """An answer that is no result."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(code)
        self.problem = Problem(status=status, code=code, detail=detail)


class _Server:
    """What all requests share."""

    def __init__(self, office: Office, clock: Callable[[], datetime]) -> None:
        settings = office.installation.services
        self.office = office
        self.clock = clock
        self.clients = Limit(tries=settings.per_client, within=_MINUTE)
        self.overall = Limit(tries=settings.overall, within=_MINUTE)
        self.tokens = Limit(tries=_TOKENS, within=_MINUTE)

    def view(self, route: Route) -> Callable[..., Response]:
        """Return the view of one route."""

        def view(economy: str, name: str = "") -> Response:
            return self._answered(lambda now: self._serve(route, economy, name, now))

        return view

    def token(self) -> Response:
        """Answer who asks for a token (RFC 6749, section 5)."""

        def serve(now: datetime) -> Response:
            self._count(self.tokens, request.remote_addr or "", now)
            try:
                given = give_token(
                    self.office, _form(), certificate=self._certificate(), now=now
                )
            except TokenRefused as error:
                status = 401 if error.error == "invalid_client" else 400
                body = {"error": error.error, "code": error.code}
                return _response(HTTPStatus(status), json.dumps(body), _JSON)
            return _response(HTTPStatus.OK, answer_of(given), _JSON)

        return self._answered(serve)

    def keys(self, economy: str) -> Response:
        """Answer with the delegation of an economy: its service keys, for sealing."""

        def serve(now: datetime) -> Response:
            self._count(self.tokens, request.remote_addr or "", now)
            self._check_hosted(economy)
            identity = ServiceIdentity.of(self.office, economy, now)
            body = json.dumps({"delegation": identity.delegation})
            return _response(HTTPStatus.OK, body, _JSON)

        return self._answered(serve)

    def nothing(self, rest: str = "") -> Response:
        """Answer what asks for no route, or for one in another way."""
        del rest

        def serve(_: datetime) -> Response:
            raise NotFound("there is nothing of this name, or not for this method")

        return self._answered(serve)

    def _answered(self, serve: Callable[[datetime], Response]) -> Response:
        """Run a view; whatever happens, the answer is one of ours."""
        try:
            if _NUL in request.path:  # no name has it, and no database takes it
                raise NotFound("there is nothing of this name")
            return serve(self.clock().astimezone(UTC))
        except _Stop as stop:
            return _refusal(stop.problem)
        except NotAllowed as error:
            return _refusal(
                Problem(
                    status=HTTPStatus.FORBIDDEN,
                    code="request.other_economy",
                    detail=str(error),
                )
            )
        except IssuerError as error:
            problem = problem_of(error)
            _log(problem)
            return _refusal(problem)
        except RequestEntityTooLarge:
            return _refusal(
                Problem(
                    status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    code="request.too_large",
                    detail="the request is too large",
                )
            )
        except HTTPException:
            return _refusal(
                Problem(
                    status=HTTPStatus.BAD_REQUEST,
                    code="request.invalid",
                    detail="this is no request that can be read",
                )
            )

    def _serve(self, route: Route, economy: str, name: str, now: datetime) -> Response:
        caller = self._caller(route, economy, now)
        desk = self.office.system_desk(economy, now=now, reason=_reason(caller))
        desk = _with_key(desk, caller, route)
        given, began = _given(route), time.monotonic()
        result = route.run(Asked(desk=desk, caller=caller, given=given, name=name))
        if route.is_even:
            time.sleep(_EVEN - (time.monotonic() - began) % _EVEN)
        if isinstance(result, Answer):
            return _response(HTTPStatus.OK, result.model_dump_json(), _JSON)
        if isinstance(result, Message):
            return _response(HTTPStatus.OK, result.content, EDIFACT)
        text = "".join(f"{each.model_dump_json()}\n" for each in result)
        return _response(HTTPStatus.OK, text, _LINES)

    def _caller(self, route: Route, economy: str, now: datetime) -> Caller:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized()
        caller = caller_of(
            self.office, token.strip(), certificate=self._certificate(), now=now
        )
        if caller is None:
            self._count(self.tokens, request.remote_addr or "", now)
            raise _unauthorized()
        self._count(self.clients, caller.client, now)
        if caller.economy != economy:
            raise _Stop(
                HTTPStatus.FORBIDDEN,
                "token.other_economy",
                "this token is for another economy's services",
            )
        if route.scope is not None and route.scope not in caller.scopes:
            raise _Stop(
                HTTPStatus.FORBIDDEN,
                "token.scope",
                f"this needs the scope {route.scope}",
            )
        if route.economies_only and caller.asker is None:
            raise _Stop(
                HTTPStatus.FORBIDDEN, "token.no_economy", "this is for economies"
            )
        return caller

    def _count(self, limit: Limit, key: str, now: datetime) -> None:
        wait = limit.wait(key, now=now) or self.overall.wait("", now=now)
        if wait:
            raise TooMany("request.too_many", wait)

    def _check_hosted(self, economy: str) -> None:
        found = self.office.store.read(
            lambda session: session.get(HostedEconomy, economy)
        )
        if found is None:
            raise NotFound("there is no such economy here")

    def _certificate(self) -> str | None:
        """Return the thumbprint that a proxy of ours has put in, and nobody else's."""
        settings = self.office.installation.services
        if settings.certificate_header is None:
            return None
        before = request.environ.get("werkzeug.proxy_fix.orig", {})
        hop = before.get("REMOTE_ADDR") or request.remote_addr
        if hop not in settings.certificate_hops:
            return None
        found = request.headers.get(settings.certificate_header, "").lower()
        return found if _THUMBPRINT.fullmatch(found) else None


def blueprint(office: Office, *, clock: Callable[[], datetime]) -> Blueprint:
    """Make the routes of the services.

    Args:
        office: The open installation.
        clock: Returns the moment of a request.
    """
    routes, server = Blueprint(SERVICES, __name__), _Server(office, clock)
    for each in EVERY_ROUTE:
        routes.add_url_rule(
            f"{PREFIX}/<economy>{each.path}",
            endpoint=each.name.replace(".", "_"),
            view_func=server.view(each),
            methods=[each.method],
        )
    description = described()
    fixed: tuple[tuple[str, str, Callable[..., Response], str], ...] = (
        ("/token", "token", server.token, "POST"),
        ("/<economy>/keys", "keys", server.keys, "GET"),
        (
            "/openapi.json",
            "openapi",
            lambda: _response(HTTPStatus.OK, description, _JSON),
            "GET",
        ),
    )
    for path, endpoint, view, method in fixed:
        routes.add_url_rule(
            PREFIX + path, endpoint=endpoint, view_func=view, methods=[method]
        )
    routes.add_url_rule(
        f"{PREFIX}/<path:rest>",
        endpoint="nothing",
        view_func=server.nothing,
        methods=["GET", "POST", "PUT", "DELETE", "PATCH"],
    )
    routes.register_error_handler(Exception, _unknown)
    return routes


def _log(problem: Problem) -> None:
    # Messages are left out: they can quote what was sent.
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        LOG.error("code=%s endpoint=%s", problem.code, request.endpoint)


def _unknown(error: Exception) -> Response:
    problem = Problem(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="office.fault",
        detail="something is wrong with this installation",
    )
    LOG.error("kind=%s endpoint=%s", type(error).__name__, request.endpoint)
    return _refusal(problem)


def _reason(caller: Caller) -> str:
    return f"asked by {caller.client} over the web services"


def _with_key(desk: Desk, caller: Caller, route: Route) -> Desk:
    """Give a desk the caller's own request key: another's, or another route's, differs.

    A request that only reads needs none; it is not kept.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None or route.method == "GET":
        return desk
    if not _KEY.fullmatch(key):
        raise Invalid([("Idempotency-Key", "key", "is 1 to 60 printable characters")])
    text = f"{caller.client} {route.name} {key}"
    mine = sha256(text.encode()).hexdigest()[:48]
    return Desk(
        office=desk.office,
        actor=desk.actor,
        now=desk.now,
        reason=desk.reason,
        request_key=f"s:{mine}",
    )


def _form() -> Mapping[str, str]:
    request.max_content_length = MAX_BODY
    if request.mimetype != _FORM:
        raise Invalid([("", "content_type", f"is not {_FORM}")])
    found = request.form.to_dict(flat=False)
    if any(len(values) > 1 for values in found.values()):
        raise TokenRefused("invalid_request", "token.repeated")
    if any(_NUL in value for values in found.values() for value in values):
        raise TokenRefused("invalid_client", "message.malformed")
    return {name: values[0] for name, values in found.items()}


def _given(route: Route) -> Any:
    request.max_content_length = route.max_body
    match route.body:
        case Body.NONE:
            return None
        case Body.QUERY:
            return _parsed(route, _query())
        case Body.JSON:
            _check_type(_JSON)
            return _parsed(route, read_object(request.get_data(cache=False)))
        case Body.LINES:
            _check_type(_LINES)
            return list(_rows(route, request.get_data(cache=False)))
        case Body.EDIFACT:
            _check_type(EDIFACT)
            data = request.get_data(cache=False)
            return Message(content=data, wanted=_parsed(route, _query()))


def _query() -> dict[str, str]:
    found = request.args.to_dict(flat=False)
    for name, values in found.items():
        if len(values) > 1:
            raise Invalid([(name, "repeated", "is there more than once")])
    return {name: values[0] for name, values in found.items()}


def _check_type(media_type: str) -> None:
    if request.mimetype != media_type:
        raise Invalid([("", "content_type", f"is not {media_type}")])


def _rows(route: Route, data: bytes) -> Iterator[BaseModel | Invalid]:
    lines = data.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    if not 1 <= len(lines) <= route.max_rows:
        raise Invalid([("", "rows", f"has not 1 to {route.max_rows:,} lines")])
    for line in lines:
        try:
            yield _parsed(route, read_object(line))
        except Invalid as error:
            yield error


def _parsed(route: Route, fields: Mapping[str, Any]) -> BaseModel:
    assert route.request is not None  # noqa: S101  # as the route is declared
    try:
        return route.request.model_validate(fields)
    except ValidationError as error:
        raise Invalid(problems_of(error)) from error


def _unauthorized() -> _Stop:
    return _Stop(
        HTTPStatus.UNAUTHORIZED,
        "token.unknown",
        "this token is nobody's, has ended, or is bound to another certificate",
    )


def _refusal(problem: Problem) -> Response:
    response = _response(problem.status, json.dumps(problem.body()), MEDIA_TYPE)
    response.headers.update(problem.headers())
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="abtc services"'
    return response


def _response(status: HTTPStatus, body: str | bytes, media_type: str) -> Response:
    response = Response(body, status=status, mimetype=media_type)
    response.headers["Cache-Control"] = "no-store"
    return response
