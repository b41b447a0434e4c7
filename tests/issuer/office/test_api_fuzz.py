"""Whatever a program sends to the JSON API is answered, and by no fault of ours."""

import base64
import json
import random  # noqa: TID251  # shapes of requests from a fixed seed, no secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from issuer.api import blueprint
from issuer.operations import Operation, all_operations
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow
from tests.simulator import NOW

ROUNDS = 4
NUMBERS = (0, 1, 2, 3, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 0.5)
TEXTS = (
    "", "a", "\0", "a\0b", "\ud800", "\u202e", "x" * 5_000, "AUS", "A" * 22, "../x",
    "2030-01-01", "9999-12-31", "0001-01-01", "2030-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "%", "'\"<&", "=1+1",
    base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode(),
    base64.b64encode(b"row,family_name\n1,\0\n").decode(),
)  # fmt: skip
ANYTHING: tuple[Any, ...] = (None, True, [], {}, [[[[]]]], {"a": {"b": None}})


class Requests:
    """Makes requests that have the shape of an operation's, and hostile leaves."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # see the import

    def of(self, operation: Operation) -> Any:
        schema = operation.request.model_json_schema()
        return self._value(schema, schema.get("$defs", {}))

    def _value(  # noqa: C901  # one case a kind of JSON value
        self, schema: dict[str, Any], known: dict[str, Any]
    ) -> Any:
        if self.random.random() < 0.02:
            return self.random.choice(ANYTHING)
        if "$ref" in schema:
            return self._value(known[schema["$ref"].rpartition("/")[2]], known)
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                return self._value(self.random.choice(schema[choice]), known)
        if "enum" in schema:
            return self.random.choice([*schema["enum"], *schema["enum"], "none"])
        match schema.get("type"):
            case "object":
                return self._object(schema, known)
            case "array":
                items = schema.get("items", {})
                count = self.random.choice((0, 1, 1, 2, 5))
                return [self._value(items, known) for _ in range(count)]
            case "integer" | "number":
                return self.random.choice((*NUMBERS[:4], *NUMBERS))
            case "boolean":
                return self.random.choice((True, False))
            case "null":
                return None
            case "string":
                return self._text(schema)
            case _:
                return self.random.choice(ANYTHING)

    def _text(self, schema: dict[str, Any]) -> str:
        length = schema.get("maxLength", 40)
        likely = self.random.choice(TEXTS)[: max(length, 1)]
        return self.random.choice((likely, self.random.choice(TEXTS)))

    def _object(self, schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        required = schema.get("required", ())
        found = {
            name: self._value(each, known)
            for name, each in schema.get("properties", {}).items()
            if name in required or self.random.random() < 0.6
        }
        if not schema.get("properties") or self.random.random() < 0.02:
            found[self.random.choice(TEXTS)] = self.random.choice(TEXTS)
        return found


@pytest.fixture
def client(back_office: BackOffice) -> FlaskClient:
    flow = Flow(back_office)
    flow.circulated()
    flow.circulated(economy="JPN")
    actor = back_office.desk("AUS").actor
    app = Flask(__name__)
    app.register_blueprint(
        blueprint(
            back_office.office,
            operations=all_operations(),
            authenticate=lambda key, now: actor,
            clock=lambda: NOW,
        )
    )
    return app.test_client()


def requests(seed: int, rounds: int) -> Iterator[tuple[str, Any]]:
    made = Requests(seed)
    for _ in range(rounds):
        for name, operation in all_operations().items():
            yield name, made.of(operation)


def send(client: FlaskClient, name: str, body: object, key: str) -> int:
    headers = {
        "Authorization": "Bearer x",
        "Content-Type": "application/json",
        "Abtc-Reason": quote("a test"),
        "Idempotency-Key": key,
    }
    path = "/api/v1/" + name.replace(".", "/").replace("_", "-")
    return client.post(path, data=json.dumps(body), headers=headers).status_code


def test_w12_no_request_makes_the_back_office_fail(client: FlaskClient) -> None:
    seen = set()
    for count, (name, body) in enumerate(requests(seed=7, rounds=ROUNDS)):
        status = send(client, name, body, key=f"k{count}")
        seen.add(status)
        if name != "key.add":  # which looks for a key that may not be there
            assert status in {200, 400, 403, 404, 409}, (name, body)
    assert {200, 400, 404, 409} <= seen
