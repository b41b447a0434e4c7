"""Describe the holder's own API, which is no standard's.

Source: OpenAPI Specification 3.1.
"""

import json
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from issuer.holder_views import Device, Holding, Preview
from verifier import BasisAnswer

_REF: Final = "#/components/schemas/{model}"
_TEXT: Final = {"type": "string"}
_BASE64: Final = {"type": "string", "contentEncoding": "base64"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_NOTHING: Final = {"type": "object", "properties": {}, "additionalProperties": False}
_REFUSALS: Final = {
    "400": "A member is missing, unknown or wrong; or the report of a lost phone is "
    "refused, which never says why.",
    "401": "The token or its proof is not good here; `WWW-Authenticate` has the word.",
    "409": "The state of things does not allow it; `code` says why.",
    "429": "Too many requests; `Retry-After` says when to try again.",
    "503": "The database does not answer; nothing was changed.",
}


def text() -> str:
    """Write the document as it is kept in ``docs/wallet.openapi.json``."""
    return json.dumps(describe(), indent=1, sort_keys=True) + "\n"


def describe() -> dict[str, Any]:
    """Build the OpenAPI document."""
    _, schemas = models_json_schema(
        [(each, "serialization") for each in (Device, Holding, Preview)],
        ref_template=_REF,
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ABTC holder",
            "version": "1",
            "description": "What a holder's phone can ask beside OpenID4VCI.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"dpop": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "dpop": {
                    "type": "http",
                    "scheme": "DPoP",
                    "description": "An access token and a proof (RFC 9449).",
                }
            },
            "responses": {code: _refusal(said) for code, said in _REFUSALS.items()},
            "schemas": {**schemas["$defs"], "Problem": _problem()},
        },
    }


def _paths() -> dict[str, Any]:
    return {
        "/{economy}/holder/card": _at(
            "get", "Say how the card stands.", _schema("Holding"), also={"304": _SAME}
        ),
        "/{economy}/holder/preview": _at(
            "get", "Say whose card it is, before the holder says yes.",
            _schema("Preview"),
        ),
        "/{economy}/holder/devices": _at(
            "get", "List the phones that have or had the card, or wait for it.",
            _object(devices={"type": "array", "items": _schema("Device")}),
        ),
        "/{economy}/holder/decline": _at(
            "post", "Say no; the tokens end.", None, takes=_NOTHING
        ),
        "/{economy}/holder/move": _at(
            "post", "Offer the card to the holder's next phone.",
            _object(offer=_TEXT, wallet_link=_TEXT, tx_code=_TEXT, expires_at=_MOMENT),
            takes=_NOTHING,
        ),
        "/{economy}/holder/stay": _at(
            "post", "End what phones have offered: the card stays on this one.", None,
            takes=_NOTHING,
        ),
        "/{economy}/holder/remove": _at(
            "post", "Sign another phone out that waits for the card.", None,
            takes=_object(id={"type": "integer"}),
        ),
        "/{economy}/holder/suspend": _at(
            "post", "Suspend the card of this phone.", None, takes=_NOTHING
        ),
        "/{economy}/holder/attest": _at(
            "post", "Vouch for the card's key of an app that Apple attests.",
            _object(key_attestation=_TEXT),
            takes=_object(jwk={"type": "object"}, nonce=_TEXT, key_id=_BASE64,
                          attestation=_BASE64),
        ),
        "/{economy}/holder/entry-basis": _at(
            "post", "Say what the card gives on a journey, and prove a basis.",
            {"type": "object", "required": ["answer"], "additionalProperties": False,
             "properties": {"answer": {"enum": [each.value for each in BasisAnswer]},
                            "credential": _TEXT}},
            takes=_object(presentation=_TEXT, proof=_TEXT,
                          destination={"type": "string", "pattern": "^[A-Z]{3}$"},
                          arrival={"type": "string", "format": "date"}),
        ),
        "/{economy}/lost": _at(
            "post", "Suspend the card of a phone that is lost.", None,
            takes=_object(document_number=_TEXT, code=_TEXT), security=[],
        ),
        "/{economy}/counter": _at(
            "post", "Wait at a counter; with the id, ask for the offer. A proof alone.",
            {"oneOf": [
                _object(id={"type": "integer"}, random=_TEXT, expires_at=_MOMENT),
                _object(offer={"type": ["string", "null"]}),
            ]},
            takes={"type": "object", "properties": {"id": {"type": "integer"}},
                   "additionalProperties": False},
        ),
        "/desks": _at(
            "get", "Say which desks the web wallet answers, and who vouches for them.",
            _object(origins={"type": "array", "items": _TEXT},
                    roots={"type": "array", "items": _BASE64}),
            security=[], has_economy=False,
        ),
        "/time": _at(
            "get", "Say what time it is.", _object(now=_MOMENT), security=[],
            has_economy=False,
        ),
    }  # fmt: skip


_SAME: Final = {"description": "As the `ETag` in `If-None-Match` has it."}


def _at(
    method: str,
    summary: str,
    gives: dict[str, Any] | None,
    *,
    takes: dict[str, Any] | None = None,
    also: dict[str, Any] | None = None,
    security: list[Any] | None = None,
    has_economy: bool = True,
) -> dict[str, Any]:
    done = {"200": {"description": "Done.", "content": _json(gives)}} if gives else {}
    described: dict[str, Any] = {
        "summary": summary,
        "responses": {
            **(done or {"204": {"description": "Done."}}),
            **(also or {}),
            **{code: {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS},
        },
    }
    if takes is not None:
        described["requestBody"] = {"required": True, "content": _json(takes)}
    if security is not None:
        described["security"] = security
    economy = {
        "name": "economy",
        "in": "path",
        "required": True,
        "description": "Alpha-3 code of the issuer.",
        "schema": {"type": "string", "pattern": "^[A-Z]{3}$"},
    }
    return {method: described, **({"parameters": [economy]} if has_economy else {})}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _schema(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


def _object(**members: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [*members],
        "properties": members,
        "additionalProperties": False,
    }


def _refusal(said: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _schema("Problem")}}
    return {"description": said, "content": content}


def _problem() -> dict[str, Any]:
    members = dict.fromkeys(("type", "title", "code", "detail"), _TEXT)
    return {
        "type": "object",
        "required": [*members, "status"],
        "properties": {**members, "status": {"type": "integer"}},
    }
