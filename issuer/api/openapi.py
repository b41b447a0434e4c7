"""Describe the API, from the list of operations that it serves.

Source: OpenAPI Specification 3.1.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from issuer.operations import Operation
from issuer.store import ANSWER_KEPT

PREFIX: Final = "/api/v1"
_REF: Final = "#/components/schemas/{model}"
_REFUSALS: Final = {
    "400": "Fields are missing, unknown or wrong; all of them are named.",
    "401": "The API key is nobody's, or has ended.",
    "403": "The account has not the role.",
    "404": "There is no such record, or it is another economy's.",
    "409": "The state of things does not allow it; `code` says why.",
    "413": "The request is too large.",
    "429": "Too many requests; try later.",
    "503": "The database or the signer does not answer; nothing was changed.",
}


def path_of(operation: Operation) -> str:
    """Return the path of an operation below the prefix: ``/card/issue-app``."""
    noun, _, verb = operation.name.partition(".")
    return f"/{noun}/{verb}".replace("_", "-")


def text_of(operations: Mapping[str, Operation]) -> str:
    """Write the document as it is kept in ``docs/back-office.openapi.json``."""
    return (
        json.dumps(describe(operations), indent=1, sort_keys=True, ensure_ascii=False)
        + "\n"
    )


def describe(operations: Mapping[str, Operation]) -> dict[str, Any]:
    """Build the OpenAPI document of some operations."""
    shapes = [
        *((each.request, "validation") for each in operations.values()),
        *((each.answer, "serialization") for each in operations.values()),
    ]
    references, schemas = models_json_schema(
        shapes,  # type: ignore[arg-type]  # literal modes, which mypy widens
        ref_template=_REF,
    )
    paths = {
        PREFIX + path_of(each): _path(each, references) for each in operations.values()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ABTC back office",
            "version": "1",
            "description": "What an economy's staff can do, for programs.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": {**paths, f"{PREFIX}/openapi.json": _itself()},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "parameters": _parameters(),
            "responses": {code: refusal(text) for code, text in _REFUSALS.items()},
            "schemas": {**schemas["$defs"], "Problem": problem_schema()},
        },
    }


def _path(operation: Operation, references: Any) -> dict[str, Any]:
    described = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": "For: " + ", ".join(sorted(operation.roles)) + ".",
        "tags": [operation.name.partition(".")[0]],
        "parameters": [
            {"$ref": "#/components/parameters/reason"},
            {"$ref": "#/components/parameters/key"},
        ],
        "requestBody": {
            "required": True,
            "content": _json(references[operation.request, "validation"]),
        },
        "responses": {
            "200": {
                "description": "Done.",
                "content": _json(references[operation.answer, "serialization"]),
            },
            **{code: {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS},
        },
    }
    return {"post": described}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def refusal(text: str) -> dict[str, Any]:
    """Return a response that refuses; ``Problem`` is the schema's name."""
    reference = {"$ref": _REF.format(model="Problem")}
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": reference}},
    }


def problem_schema() -> dict[str, Any]:
    """Return the shape of a refusal: problem details with a code (RFC 9457)."""
    text = {"type": "string"}
    wrong = {
        "type": "object",
        "required": ["field", "code", "detail"],
        "properties": {"field": text, "code": text, "detail": text},
    }
    return {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "code": {**text, "description": "Stable and dotted, for programs."},
            "detail": {**text, "description": "For people."},
            "problems": {"type": "array", "items": wrong},
        },
    }


def _parameters() -> dict[str, Any]:
    return {
        "reason": {
            "name": "Abtc-Reason",
            "in": "header",
            "required": True,
            "description": "Why, for the audit log; percent-encoded UTF-8.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 500},
        },
        "key": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": (
                "The same request under the same key is done once, and gets the same"
                f" answer for at least {ANSWER_KEPT.days} days; another request under"
                " the key is refused."
            ),
            "schema": {"type": "string", "minLength": 1, "maxLength": 60},
        },
    }


def _itself() -> dict[str, Any]:
    return {
        "get": {
            "operationId": "openapi",
            "summary": "Return this document.",
            "security": [],
            "responses": {
                "200": {"description": "Done.", "content": _json({"type": "object"})}
            },
        }
    }
