"""The description of the holder's own API says what the server does."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import validate

from tests.wallet_api.scene import Scene, TestPhone
from wallet_api.openapi import describe, text

KEPT = Path(__file__).parents[2] / "docs" / "wallet.openapi.json"


def test_the_document_is_what_is_described() -> None:
    assert KEPT.read_text("utf-8") == text(), "write it anew: make openapi"
    validate(json.loads(text()))


def test_every_route_of_ours_is_described(small: Scene) -> None:
    served = {
        (rule.rule.replace("<string(length=3):economy>", "{economy}"), method)
        for rule in small.app.url_map.iter_rules()
        if rule.endpoint.startswith("own.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {
        (path, method.upper())
        for path, methods in describe()["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert served == described


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "holder/card"),
        ("GET", "holder/preview"),
        ("GET", "holder/devices"),
        ("POST", "holder/move"),
    ],
)
def test_answers_are_as_described(small: Scene, method: str, path: str) -> None:
    phone = small.phone().take(small.offer(small.cards.make("AUS", pending=("JPN",))))
    answer = phone.bound(method, path, {})
    check(answer.json, path, method)


def test_a_phone_at_a_counter_is_answered_as_described(small: Scene) -> None:
    phone = small.phone()
    begun = ask_counter(phone, {})
    check(begun, "counter", "POST")
    check(ask_counter(phone, {"id": begun["id"]}), "counter", "POST")


def ask_counter(phone: TestPhone, body: object) -> Any:
    proof = {"DPoP": phone.dpop("POST", "counter")}
    return phone.client.post("/AUS/counter", json=body, headers=proof).json


def check(body: Any, path: str, method: str) -> None:
    document = describe()
    described = document["paths"][f"/{{economy}}/{path}"][method.lower()]
    content = described["responses"]["200"]["content"]["application/json"]
    schema = {**content["schema"], "components": document["components"]}
    jsonschema.validate(body, schema)
