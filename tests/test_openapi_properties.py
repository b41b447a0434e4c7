"""Whatever a described API is sent that fits its description: no server fails.

Each document in ``docs`` is read by a library that makes requests from it, and the real
application answers them in this process. Seeded and bounded; a soak tries many more.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core import NotSet
from werkzeug.test import TestResponse

import verifier
from issuer.api import blueprint
from issuer.operations import all_operations
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.office.flow import Flow
from tests.issuer.services.town import FORM, Town
from tests.simulator import NOW
from tests.soak import rounds
from tests.verifier.console.desk.conftest import HEADERS, ORIGIN, WORLD, AirlineDesk
from tests.verifier.tuf_repository import Repository
from tests.wallet_api.conftest import HOSTED
from tests.wallet_api.scene import Scene

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = rounds(2, 100)
"""Requests of each operation."""
Send = Callable[[Case[Any]], TestResponse]


def lines(_: object, value: Any) -> bytes:
    """Write one JSON text a line."""
    rows = value if isinstance(value, list) else [value]
    return b"\n".join(json.dumps(each).encode() for each in rows)


def message(_: object, value: Any) -> bytes:
    """Write a text as it is: most are no message, and have to be refused as such."""
    return str(value).encode(errors="replace")


schemathesis.serializer("application/x-ndjson")(lines)
schemathesis.serializer("application/edifact")(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as a client would send it, from a case."""

    path: str
    body: bytes | None
    media_type: str
    headers: dict[str, str]
    query: Mapping[str, Any]

    @classmethod
    def of(cls, case: Case[Any], **parameters: str) -> "Sent":
        case.path_parameters = {**(case.path_parameters or {}), **parameters}
        media_type = case.media_type or "application/json"
        return cls(
            path=case.formatted_path,
            body=_written(case.body, media_type),
            media_type=media_type,
            headers={
                name: value
                for name, value in (case.headers or {}).items()
                if name.lower() not in {"authorization", "cookie", "content-length"}
            },
            query=case.query or {},
        )


def _written(body: object, media_type: str) -> bytes | None:
    if isinstance(body, NotSet):
        return None
    if media_type == FORM and isinstance(body, dict):
        return urlencode({name: str(each) for name, each in body.items()}).encode()
    if media_type == "application/x-ndjson":
        return lines(None, body)
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def every_operation(name: str) -> list[Any]:
    """All operations of a document, each with a name for the report."""
    document = json.loads((DOCS / f"{name}.openapi.json").read_text("utf-8"))
    schema = schemathesis.openapi.from_dict(document)
    found: list[Any] = list(schema.get_all_operations())
    return [each.ok() for each in found]


def hold(name: str, send: Send) -> set[int]:
    """Send requests of every operation; return what statuses came."""
    seen: set[int] = set()
    for operation in every_operation(name):

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def holds(case: Case[Any]) -> None:
            answer = send(case)
            seen.add(answer.status_code)
            assert answer.status_code < 500 or is_away(answer), (
                case.method, case.path, case.body, answer.text,
            )  # fmt: skip

        holds()
    return seen


def is_away(answer: TestResponse) -> bool:
    """Whether a key is somewhere else: these offices keep theirs in a test's hands."""
    told = answer.get_json(silent=True) or {}
    return answer.status_code == 503 and told.get("code") == "signer.refused"


def test_w12_no_described_request_makes_the_back_office_fail(
    prepared_small: Prepared,
) -> None:
    """Staff's programs, with a good key and every role."""
    back_office = office_at(prepared_small)
    flow = Flow(back_office)
    flow.circulated()
    flow.circulated(economy="JPN")
    actor = back_office.desk("AUS").actor
    app = Flask(__name__)
    app.register_blueprint(
        blueprint(
            back_office.office,
            operations=all_operations(),
            authenticate=lambda _, __: actor,
            clock=lambda: NOW,
        )
    )
    client = app.test_client()

    def send(case: Case[Any]) -> TestResponse:
        sent = Sent.of(case)
        headers = {**sent.headers, "Authorization": "Bearer x", "Abtc-Reason": "test"}
        return client.open(
            sent.path, method=case.method, data=sent.body, headers=headers,
            query_string=sent.query, content_type=sent.media_type,
        )  # fmt: skip

    seen = hold("back-office", send)
    assert {200, 400} <= seen


def test_w12_no_described_request_makes_the_wallets_server_fail(
    prepared_small: Prepared,
) -> None:
    """Phones, each request with a good token and a proof made for it."""
    small = Scene.of(office_at(prepared_small, hosted=HOSTED))
    phone = small.phone().take(small.offer(small.cards.make("AUS", approved=["SGP"])))

    def send(case: Case[Any]) -> TestResponse:
        sent = Sent.of(case, economy="AUS")
        path = sent.path.partition("?")[0].removeprefix("/AUS/")
        token = phone.access if path.startswith("holder/") else None
        proof = {"DPoP": phone.dpop(case.method, path, token=token)}
        bearer = {"Authorization": f"DPoP {token}"} if token else {}
        return phone.client.open(
            sent.path, method=case.method, data=sent.body,
            headers={**sent.headers, **proof, **bearer},
            content_type=sent.media_type,
        )  # fmt: skip

    seen = hold("wallet", send)
    assert {200, 400} <= seen


def test_w12_no_described_request_makes_an_airline_s_desk_fail(
    tmp_path: Path,
) -> None:
    """The page of a desk, let in."""
    repository = Repository(tmp_path / "mirror", WORLD.documents())
    repository.publish()
    store = verifier.TrustStore(tmp_path / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    desk = AirlineDesk(tmp_path / "store")

    def send(case: Case[Any]) -> TestResponse:
        sent = Sent.of(case)
        return desk.browser.open(
            sent.path, method=case.method, data=sent.body, base_url=ORIGIN,
            headers={**sent.headers, **HEADERS}, content_type=sent.media_type,
        )  # fmt: skip

    seen = hold("desk", send)
    desk.parts.frames.close()
    assert {200, 400} <= seen


def test_w12_no_described_request_makes_the_services_fail(
    prepared_small: Prepared,
) -> None:
    """The system of an economy elsewhere, with a good token."""
    town = Town.at(prepared_small)
    system = town.system("SGP", asks="NZL").enter()
    client = town.app.test_client()

    def send(case: Case[Any]) -> TestResponse:
        sent = Sent.of(case, economy="NZL")
        return client.open(
            sent.path, method=case.method, data=sent.body,
            headers={**sent.headers, "Authorization": f"Bearer {system.token}"},
            query_string=sent.query, content_type=sent.media_type,
        )  # fmt: skip

    seen = hold("services", send)
    assert {200, 400} <= seen


def test_every_description_is_tried() -> None:
    """A new API is a new test here."""
    tried = {"back-office", "desk", "services", "wallet"}
    found = {
        each.name.removesuffix(".openapi.json") for each in DOCS.glob("*.openapi.json")
    }
    assert found == tried
