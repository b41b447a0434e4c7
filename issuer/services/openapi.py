"""Describe the services, from the list of routes that serves them.

Source: OpenAPI Specification 3.1.
"""

import json
import re
from functools import cache
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from issuer.api.openapi import problem_schema, refusal
from issuer.services.clients import Scope
from issuer.services.every_route import EVERY_ROUTE
from issuer.services.exchange import Paging
from issuer.services.routes import EDIFACT, PREFIX, Body, Route
from issuer.store import ANSWER_KEPT

_REF: Final = "#/components/schemas/{model}"
_REFUSALS: Final = {
    "400": "What was sent cannot be read, or fields are wrong; all of them are named.",
    "401": "The token is nobody's, has ended, or is bound to another certificate.",
    "403": "The token is for another economy or purpose, or speaks of others' cards.",
    "404": "There is no such record, or it is another's.",
    "409": "The state of things does not allow it; `code` says why.",
    "413": "The request is too large.",
    "429": "Too many requests; `Retry-After` says how long to wait.",
    "503": "The database, the trust data or the signer is not there; nothing changed.",
}
_WAIT: Final = {
    "Retry-After": {
        "description": "Whole seconds until the same may be asked again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 60},
    }
}
_MESSAGE: Final = {EDIFACT: {"schema": {"type": "string"}}}
_NAME: Final = re.compile(r"<(?:path:)?(\w+)>")


@cache
def described() -> str:
    """Return the document as it is kept in ``docs/services.openapi.json``."""
    document = _document()
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _document() -> dict[str, Any]:
    shapes = [
        *(
            (each.request, "validation")
            for each in EVERY_ROUTE
            if each.request is not None
        ),
        *(
            (each.answer, "serialization")
            for each in EVERY_ROUTE
            if each.answer is not None
        ),
    ]
    references, schemas = models_json_schema(
        shapes,  # type: ignore[arg-type]  # literal modes, which mypy widens
        ref_template=_REF,
    )
    paths: dict[str, Any] = {}
    for each in EVERY_ROUTE:
        path = PREFIX + "/{economy}" + _NAME.sub(r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _described(each, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ABTC web services",
            "version": "1",
            "description": "What an economy's system offers to those of others;"
            " docs/web-services.md defines who may ask and what is signed.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {**paths, **_fixed()},
        "components": {
            "securitySchemes": {"token": _scheme()},
            "parameters": _parameters(),
            "responses": {
                **{code: refusal(text) for code, text in _REFUSALS.items()},
                "429": {**refusal(_REFUSALS["429"]), "headers": _WAIT},
            },
            "schemas": {**schemas["$defs"], "Problem": problem_schema()},
        },
    }


def _described(route: Route, references: Any) -> dict[str, Any]:
    scopes = [] if route.scope is None else [str(route.scope)]
    is_lines = route.is_answered_in_lines
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.name.partition(".")[0]],
        "security": [{"token": scopes}],
        "parameters": _parameters_of(route),
        "responses": {
            "200": {
                "description": "Done; one line for each row, in their order."
                if is_lines
                else "Done.",
                "content": _answered(route, references),
            },
            **{code: {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS},
        },
    }
    if route.body in {Body.JSON, Body.LINES}:
        asked = references[route.request, "validation"]
        described["requestBody"] = {
            "required": True,
            "content": _content(asked, is_lines=route.body == Body.LINES),
        }
    if route.body == Body.EDIFACT:
        described["parameters"] += _from_query(references[route.request, "validation"])
        described["requestBody"] = {"required": True, "content": _MESSAGE}
    return described


def _answered(route: Route, references: Any) -> dict[str, Any]:
    if route.answer is None:
        return _MESSAGE
    schema = references[route.answer, "serialization"]
    return _content(schema, is_lines=route.is_answered_in_lines)


def _from_query(schema: Any) -> list[dict[str, Any]]:
    name = schema["$ref"].rpartition("/")[2]
    model = next(
        each.request
        for each in EVERY_ROUTE
        if each.request is not None and each.request.__name__ == name
    )
    found = model.model_json_schema()
    required = found.get("required", ())
    return [
        {"name": each, "in": "query", "required": each in required, "schema": said}
        for each, said in found["properties"].items()
    ]


def _content(schema: Any, *, is_lines: bool) -> dict[str, Any]:
    if is_lines:
        text = {"type": "string", "description": "One JSON object on each line."}
        return {"application/x-ndjson": {"schema": text, "x-row": schema}}
    return {"application/json": {"schema": schema}}


def _parameters_of(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"$ref": "#/components/parameters/economy"}]
    if _NAME.search(route.path):
        found.append({"$ref": "#/components/parameters/name"})
    if route.body == Body.QUERY:
        found += [
            {"$ref": f"#/components/parameters/{each}"} for each in ("cursor", "limit")
        ]
    if route.method != "GET":
        found.append({"$ref": "#/components/parameters/key"})
    return found


def _parameters() -> dict[str, Any]:
    page = Paging.model_json_schema()["properties"]
    return {
        "economy": {
            "name": "economy",
            "in": "path",
            "required": True,
            "description": "Whose services; the token has to be for the same.",
            "schema": {"type": "string", "pattern": "^[A-Z]{3}$"},
        },
        "name": {
            "name": "name",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        },
        **{
            name: {"name": name, "in": "query", "required": False, "schema": page[name]}
            for name in ("cursor", "limit")
        },
        "key": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": (
                "The same request under the same key is done once, and gets the same"
                f" answer for at least {ANSWER_KEPT.days} days; another request under"
                " the key is refused. Where a request has a number or a reference of"
                " its own, it is done once without a key too."
            ),
            "schema": {"type": "string", "minLength": 1, "maxLength": 60},
        },
    }


def _scheme() -> dict[str, Any]:
    return {
        "type": "oauth2",
        "description": "A signed assertion (`private_key_jwt`), or a certificate that"
        " a proxy checks (RFC 8705).",
        "flows": {
            "clientCredentials": {
                "tokenUrl": f"{PREFIX}/token",
                "scopes": {str(each): each.name.lower() for each in Scope},
            }
        },
    }


def _fixed() -> dict[str, Any]:
    text = {"type": "string"}
    refusals = {
        code: {"$ref": f"#/components/responses/{code}"}
        for code in ("400", "404", "413", "429", "503")
    }
    form = {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "client_assertion_type": {
                "const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            },
            "client_assertion": text,
            "client_id": text,
            "scope": text,
        },
    }
    token = {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in", "scope"],
        "properties": {
            "access_token": text,
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer"},
            "scope": text,
        },
    }
    refused = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": text, "code": text},
    }
    return {
        f"{PREFIX}/token": {
            "post": {
                "operationId": "token",
                "summary": "Give a token to who proves to be a client.",
                "security": [],
                "requestBody": {
                    "required": True,
                    "content": {"application/x-www-form-urlencoded": {"schema": form}},
                },
                "responses": {
                    **refusals,
                    "200": _json("Given.", token),
                    "400": _json("No request for a token that can be met.", refused),
                    "401": _json("It proves nothing.", refused),
                },
            }
        },
        f"{PREFIX}/{{economy}}/keys": {
            "get": {
                "operationId": "keys",
                "summary": "Return an economy's service keys, for who seals something.",
                "security": [],
                "parameters": [{"$ref": "#/components/parameters/economy"}],
                "responses": {
                    **refusals,
                    "200": _json(
                        "Signed by its status key.",
                        {
                            "type": "object",
                            "required": ["delegation"],
                            "properties": {"delegation": text},
                        },
                    ),
                },
            }
        },
        f"{PREFIX}/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "Return this document.",
                "security": [],
                "responses": {"200": _json("Done.", {"type": "object"})},
            }
        },
    }


def _json(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
