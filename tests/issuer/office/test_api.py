"""The JSON API: who may ask, how, and what everybody else is told."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from sqlalchemy import select
from werkzeug.test import TestResponse

from issuer.api import blueprint, describe
from issuer.api.openapi import text_of
from issuer.office import Actor
from issuer.operations import all_operations
from issuer.store import AuditRow, Role
from tests.issuer.back_office import BackOffice
from tests.issuer.office.small_operations import SMALL
from tests.simulator import NOW

OPEN = "/api/v1/status-list/open-one"
NUMBERS = "/api/v1/status-list/numbers"


@pytest.fixture
def client(back_office: BackOffice) -> FlaskClient:
    keys: dict[str, Actor] = {
        "issuing": back_office.desk("AUS", roles={Role.ISSUING}).actor,
        "audit": back_office.desk("AUS", roles={Role.AUDIT}).actor,
        "theirs": back_office.desk("NZL", roles={Role.ISSUING}).actor,
    }

    def authenticate(key: str, now: datetime) -> Actor | None:
        return keys.get(key)

    app = Flask(__name__)
    app.register_blueprint(
        blueprint(
            back_office.office,
            operations=SMALL,
            authenticate=authenticate,
            clock=lambda: NOW,
        )
    )
    return app.test_client()


def ask(
    client: FlaskClient,
    path: str = OPEN,
    body: object = None,
    *,
    key: str = "issuing",
    reason: str | None = "a test",
    data: bytes | None = None,
    **headers: str,
) -> TestResponse:
    sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if reason is not None:
        sent["Abtc-Reason"] = quote(reason)
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps({} if body is None else body).encode()
    return client.post(path, data=data or content, headers=sent)


def problem(response: TestResponse) -> tuple[int, str]:
    assert response.mimetype == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = json.loads(response.data)
    assert body["status"] == response.status_code
    return response.status_code, body["code"]


def test_a_program_does_what_its_account_may(client: FlaskClient) -> None:
    done = ask(client, body={"number": 7, "inner": {"text": "é"}, "notes": ["a"]})
    assert done.status_code == 200
    assert done.headers["Cache-Control"] == "no-store"
    assert done.json == {
        "number": 7,
        "capacity": 4,
        "notes": ["a"],
        "inner": "é",
        "content": 0,
    }
    assert ask(client, NUMBERS).json == {"numbers": [7]}
    assert ask(client, NUMBERS, key="theirs").json == {"numbers": []}


def test_c4_without_key_or_role_nothing_is_done(client: FlaskClient) -> None:
    for key in ("", "stolen", "issuing "[::-1]):
        refused = ask(client, body={"number": 1}, key=key)
        assert problem(refused) == (401, "request.key")
        assert refused.headers["WWW-Authenticate"] == 'Bearer realm="abtc"'
    assert problem(ask(client, body={"number": 1}, key="audit")) == (
        403,
        "request.role",
    )
    assert ask(client, NUMBERS).json == {"numbers": []}


def test_i6_the_reason_is_demanded_and_kept(
    client: FlaskClient, back_office: BackOffice
) -> None:
    for reason in (None, "", " ", "x" * 501, "a\nb", "\u202eevil"):
        refused = ask(client, body={"number": 1}, reason=reason)
        assert problem(refused) == (400, "request.invalid")
    ask(client, body={"number": 1}, reason="ordered by 外務省")
    kept = back_office.store.read(lambda s: list(s.scalars(select(AuditRow.reason))))
    assert kept == ["ordered by 外務省"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"number": 1, "number": 2}',
        b'{"number": NaN}',
        b'{"number": 1e400}',
        b'{"number": 1} x',
        b"\xff\xfe",
        b'{"number": "\\ud800"}',
        b'{"inner": {"text": "a", "text": "b"}, "number": 1}',
        b'{"number":' + b"[" * 100_000,
        b'{"number":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"number":' + b"9" * 5_000 + b"}",
    ],
    ids=range(15),
)
def test_j11_broken_json_is_an_answer_and_never_a_fault(
    client: FlaskClient, data: bytes
) -> None:
    refused = ask(client, data=data or b" ")
    assert problem(refused) == (400, "request.invalid")


def test_c1_only_json_is_taken(client: FlaskClient) -> None:
    """A form that another site sends comes as text or as a form."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "x", ""):
        refused = ask(client, body={"number": 1}, Content_Type=kind)
        assert problem(refused) == (400, "request.invalid")
    assert client.get(OPEN).status_code == 405
    override = ask(client, NUMBERS, X_HTTP_Method_Override="DELETE")
    assert override.json == {"numbers": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "number"),
        ({"number": 100}, "number"),
        ({"number": 1, "state": "done"}, "state"),
        ({"number": 1, "inner": {"text": "a", "role": "admin"}}, "inner.role"),
        ({"number": 1, "size": "huge"}, "size"),
        ({"number": 1, "content": 5}, "content"),
    ],
)
def test_c5_every_wrong_field_is_named(
    client: FlaskClient, body: object, field: str
) -> None:
    refused = ask(client, body=body)
    assert problem(refused) == (400, "request.invalid")
    assert json.loads(refused.data)["problems"][0]["field"] == field


def test_a_refusal_of_the_operation_keeps_its_code(client: FlaskClient) -> None:
    assert problem(ask(client, body={"number": 13})) == (409, "list.unlucky")
    assert ask(client, body={"number": 1}).status_code == 200
    again = problem(ask(client, body={"number": 1}))
    assert again == (409, "rule.pk_status_list")


def test_the_same_request_under_the_same_key_is_done_once(client: FlaskClient) -> None:
    first = ask(client, body={"number": 1}, Idempotency_Key="k")
    assert ask(client, body={"number": 1}, Idempotency_Key="k").data == first.data
    other = ask(client, body={"number": 2}, Idempotency_Key="k")
    assert problem(other) == (409, "request.reused")
    for key in ("", " ", "a b", "k" * 61):
        refused = ask(client, body={"number": 3}, Idempotency_Key=key)
        assert problem(refused) == (400, "request.invalid")


def test_the_description_is_valid_and_served(client: FlaskClient) -> None:
    served = client.get("/api/v1/openapi.json").json
    assert served == json.loads(json.dumps(describe(SMALL)))
    validate(served)
    assert OPEN in served["paths"]


def test_the_published_description_is_that_of_every_operation() -> None:
    """``docs/back-office.openapi.json`` is what a server says of itself."""
    text = text_of(all_operations())
    validate(json.loads(text))
    kept = Path(__file__).parents[3] / "docs" / "back-office.openapi.json"
    assert kept.read_text("utf-8") == text, "write it anew: make openapi"
