"""The register over HTTP: who may ask, and what a carrier's system gets."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

import verifier
from issuer.carriers import everybody
from issuer.carriers.changes import look_again
from issuer.carriers.everybody import Lines
from issuer.carriers.trust import lists_of
from issuer.lifecycle import Preclearance
from issuer.operations import all_operations
from issuer.passport_register.carrying import UnreachableError
from issuer.services import hooks
from issuer.services.identity import renew
from issuer.store import CarrierQuestion
from tests.databases import Prepared
from tests.issuer.carriers.scene import DAY, TODAY, Scene
from tests.issuer.carriers.test_messages import a_list
from tests.issuer.office.publishing import minutes
from tests.issuer.web.front import Front
from tests.simulator import NOW, fixed_key, jwk, jws, seconds
from tests.verifier.registers import credentials
from verifier import BasisAnswer, RegisterCredentials, RegisterError
from verifier.carriers import read_cusres

PREFIX = "/services/v1"
LONG = timedelta(seconds=30)
WITHDRAWN = Preclearance.WITHDRAWN
KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(slots=True, kw_only=True)
class Counter:
    """A register that serves, and a carrier's system that was let in."""

    scene: Scene
    front: Front
    client: str
    token: str = ""
    jti: int = 0

    @classmethod
    def at(cls, prepared: Prepared) -> "Counter":
        scene = Scene.at(prepared)
        for economy in ("SGP", "NZL", "JPN"):
            renew(scene.office, economy, NOW)
        operations = all_operations()
        given = {
            "name": "Example Air",
            "scopes": ["carriers"],
            "jwk": jwk(fixed_key("carrier")),
            "hosts": ["hooks.example"],
        }
        back = scene.publishing.back_office
        made: Any = operations["client.add"].perform(back.desk("SGP"), given)
        if made.waits:
            second = back.desk("SGP", who="bob")
            operations["client.confirm"].perform(second, {"client": made.client})
        front = Front.of(scene.publishing.back_office)
        return cls(scene=scene, front=front, client=made.client_id).enter()

    def enter(self) -> "Counter":
        at = self.front.clock.now
        self.jti += 1
        claims = {
            "iss": self.client, "sub": self.client,
            "aud": "https://abtc.example/SGP", "jti": f"j{self.jti}",
            "iat": seconds(at), "exp": seconds(at + timedelta(minutes=2)),
        }  # fmt: skip
        header = {"alg": "ES256", "typ": "JWT"}
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": KIND,
            "client_assertion": jws(header, claims, fixed_key("carrier")),
        }
        answer = self.front.app.test_client().post(f"{PREFIX}/token", data=form)
        assert answer.status_code == 200, answer.text
        self.token = answer.get_json()["access_token"]
        return self

    def open(self, method: str, path: str, **options: Any) -> TestResponse:
        return self.front.app.test_client().open(
            f"{PREFIX}/SGP/entry-basis{path}",
            method=method,
            headers={"Authorization": f"Bearer {self.token}"},
            **options,
        )

    def question(self, **more: Any) -> dict[str, Any]:
        country, number = self.scene.passport(self.scene.publishing.held())
        return {
            "passport": {"country": country, "number": number},
            "destination": "NZL",
            "arrival": (TODAY + DAY).isoformat(),
            **more,
        }

    def credentials(self) -> RegisterCredentials:
        return RegisterCredentials.parse(
            credentials(client_id=self.client, economy="SGP")
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        server = make_server("127.0.0.1", 0, self.front.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)
            server.server_close()


@pytest.fixture
def counter(prepared: Prepared) -> Counter:
    return Counter.at(prepared)


def bell(counter: Counter, at: datetime) -> hooks.Delivered:
    """Ring at the carrier's webhook, whose name leads to this machine."""
    counter.front.app.test_client().post(
        f"{PREFIX}/SGP/webhooks",
        headers={"Authorization": f"Bearer {counter.token}"},
        json={"url": "https://hooks.example/abtc", "event": "entry_basis"},
    )
    office = counter.scene.office
    return hooks.deliver(office, now=at, lookup=lambda *_: ["127.0.0.1"])


def test_from_a_question_to_an_answer_that_flips(counter: Counter) -> None:
    """Asked, asked again, told unasked, and ended: each by its address."""
    asked = counter.open("POST", "", json=counter.question(watch=True))
    assert asked.status_code == 200, asked.text
    assert bell(counter, NOW) == hooks.Delivered(told=0, failed=0, dead=0)
    assert asked.headers["Cache-Control"] == "no-store"
    told = asked.get_json()
    assert (told["answer"], told["given_by"]) == ("gives", None)
    again = counter.open("GET", f"/{told['reference']}").get_json()
    assert again["previous"]["changed"] is False
    assert counter.open("GET", "/changes").get_json()["changes"] == []
    held = counter.scene.publishing.held()
    counter.scene.publishing.answer(held, "NZL", WITHDRAWN, at=minutes(1))
    counter.scene.publishing.publish("NZL", at=minutes(2))
    counter.front.clock.now = minutes(3)
    desk = counter.scene.office.system_desk("SGP", now=minutes(3), reason="x")
    assert look_again(desk).flipped == 1
    # It rings, and not at an address of our own network.
    assert bell(counter, minutes(3)).failed == 1
    page = counter.open("GET", "/changes?cursor=&limit=10").get_json()
    (change,) = page["changes"]
    assert (change["reference"], change["answer"]) == (
        told["reference"],
        "does_not_give",
    )
    after = counter.open("GET", f"/changes?cursor={page['cursor']}").get_json()
    assert after["changes"] == []
    ended = counter.open("DELETE", f"/{told['reference']}")
    assert ended.get_json() == {"reference": told["reference"]}
    assert counter.open("GET", "/AAAA-BBBB-CCCC").status_code == 404


def test_many_rows_each_with_its_own_result(counter: Counter) -> None:
    """More than other services take at once; a bad one names its field."""
    good = json.dumps(counter.question(row="1"))
    lines = "\n".join([good, "{}", "rubbish", *[good] * 1_200])
    answer = counter.open(
        "POST", "/bulk", data=lines, content_type="application/x-ndjson"
    )
    assert answer.status_code == 200, answer.text
    rows = [json.loads(each) for each in answer.text.splitlines()]
    assert len(rows) == 1_203
    assert rows[0]["answer"]["answer"] == "gives"
    assert rows[1]["error"].startswith("passport")
    assert rows[2]["error"]
    many = "\n".join(["{}"] * 5_001)
    refused = counter.open(
        "POST", "/bulk", data=many, content_type="application/x-ndjson"
    )
    assert refused.status_code == 400


def test_a_passenger_list_in_json_and_in_the_carrier_s_words(counter: Counter) -> None:
    """PAXLST in; rows, or remarks in a CUSRES, out; what is none is named."""
    data = a_list(counter.scene)
    options: dict[str, Any] = {"content_type": "application/edifact"}
    rows = counter.open("POST", "/passenger-list?destination=NZL", data=data, **options)
    assert rows.status_code == 200, rows.text
    told = [json.loads(each)["answer"]["answer"] for each in rows.text.splitlines()]
    assert told == ["gives", "does_not_give"]
    answer = counter.open("POST", "/response?destination=NZL", data=data, **options)
    assert answer.mimetype == "application/edifact"
    (response,) = read_cusres(answer.data)[1]
    assert [each.remarks[0].code for each in response.travellers] == [
        "ABTC-GIVES",
        "ABTC-NONE",
    ]
    assert b"ERC" not in answer.data
    for path, body in (
        ("/response?destination=NZL", b"rubbish"),
        ("/response?destination=nzl", data),
        ("/response", data),
        ("/passenger-list?destination=NZL&board=1", data),
    ):
        refused = counter.open("POST", path, data=body, **options)
        assert refused.status_code == 400, path
        assert "CITIZEN" not in refused.text


def test_a_flight_is_asked_about_at_everybody(counter: Counter) -> None:
    """Each passenger has one answer; with whose card it is, or none where one is away.

    Not every economy has a register here, so that "none" cannot be said of a stranger.
    """
    mine, stranger = counter.question(row="1", everybody=True), dict(counter.question())
    stranger |= {"passport": {"country": "AUS", "number": "XX1"}, "everybody": True}
    lines = [json.dumps(each) for each in (mine, stranger, counter.question(row="3"))]
    answer = counter.open(
        "POST", "/bulk", data="\n".join(lines), content_type="application/x-ndjson"
    )
    told = [json.loads(each)["answer"] for each in answer.text.splitlines()]
    assert [(each["answer"], each["given_by"]) for each in told] == [
        ("gives", "SGP"), ("no_answer", None), ("gives", None),
    ]  # fmt: skip
    listed = counter.open(
        "POST", "/passenger-list?destination=NZL&everybody=true",
        data=a_list(counter.scene), content_type="application/edifact",
    )  # fmt: skip
    said = [json.loads(each)["answer"]["answer"] for each in listed.text.splitlines()]
    assert said == ["gives", "no_answer"]


def test_w6_without_the_scope_nobody_is_answered(counter: Counter) -> None:
    """Nor without a token, nor about another economy's cards."""
    counter.token = ""
    assert counter.open("POST", "", json=counter.question()).status_code == 401
    counter.enter()
    other = counter.front.app.test_client().post(
        f"{PREFIX}/NZL/entry-basis",
        headers={"Authorization": f"Bearer {counter.token}"},
        json=counter.question(),
    )
    assert other.status_code == 403


@pytest.mark.enable_socket
def test_a_desk_asks_and_believes_the_signature(counter: Counter) -> None:
    """By its own trust data, over a socket; all registers are asked for it."""
    office = counter.scene.office
    trust = lists_of(office.installation)
    country, number = counter.scene.passport(counter.scene.publishing.held())
    asked: dict[str, Any] = {
        "destination": "NZL",
        "arrival": TODAY + DAY,
        "trust": trust,
        "now": NOW,
    }
    with counter.serving() as url:
        register = verifier.Register(url, counter.credentials())
        mine = verifier.Passport(country=country, number=number)
        found = register.ask(mine, **asked)
        assert (found.basis.answer, found.economy) == (BasisAnswer.GIVES, "SGP")
        assert found.basis.form == "physical"
        # Not every economy has a register here, so "none" cannot be said.
        stranger = verifier.Passport(country=country, number="XX0000000")
        none = register.ask(stranger, **asked)
        assert none.basis.answer is BasisAnswer.NO_ANSWER


@pytest.mark.enable_socket
def test_an_economy_asks_another_about_its_own_cards(counter: Counter) -> None:
    """By service keys alone, and believes nothing that is not signed for it."""
    scene = counter.scene
    desk = scene.office.system_desk("NZL", now=NOW, reason="x")
    question = scene.question(scene.publishing.held())
    stranger = replace(question, number="XX0000000")
    here = scene.basis(economy="NZL")
    with counter.serving() as url:
        lines = Lines()
        for _ in range(2):
            found = lines.ask(desk, "SGP", url, [question, stranger], here, within=LONG)
            assert [each and each.answer for each in found] == [
                BasisAnswer.GIVES, BasisAnswer.DOES_NOT_GIVE,
            ]  # fmt: skip
        ((key, (token, until)),) = lines._tokens.items()
        lines._tokens[key] = f"{token}x", until
        # As after a restart that forgot it: a new one is fetched, within the same time.
        assert lines.ask(desk, "SGP", url, [question], here, within=LONG)
        ((counter.token, _),) = lines._tokens.values()
        # Nobody asks on: not who is asked for another economy's carriers.
        asked_on = counter.open("POST", "", json=counter.question(everybody=True))
        assert (asked_on.get_json()["answer"], asked_on.get_json()["given_by"]) == (
            "gives", None,
        )  # fmt: skip
        # Nor is a passport kept here that somebody travels on elsewhere.
        kept = scene.office.store.read(
            lambda session: session.scalars(select(CarrierQuestion)).all()
        )
        assert kept == []
        with pytest.raises(RegisterError):
            verifier.read_register_answer(
                str(counter.open("POST", "", json=counter.question()).get_json()),
                economy="SGP",
                audience="https://abtc.example/NZL",
                passport=verifier.Passport(country="SGP", number=question.number),
                destination="NZL",
                arrival=question.arrival,
                trust=here.trust,
                now=NOW,
            )


@pytest.mark.enable_socket
def test_n5_an_answer_about_one_passenger_is_none_about_another(
    counter: Counter,
) -> None:
    """A partner, or whoever stands between, may mix up, double or cut its rows."""
    scene = counter.scene
    desk = scene.office.system_desk("NZL", now=NOW, reason="x")
    question = scene.question(scene.publishing.held())
    stranger = replace(question, number="XX0000000")
    here = scene.basis(economy="NZL")
    with counter.serving() as url:
        honest = Lines()
        assert honest.ask(desk, "SGP", url, [question], here, within=LONG)
        ((counter.token, _),) = honest._tokens.values()
    rows = counter.open(
        "POST", "/bulk", content_type="application/x-ndjson",
        data="\n".join(
            json.dumps({**counter.question(), "row": row}) for row in ("1", "0", "0")
        ),
    ).text.splitlines()  # fmt: skip

    class Mixes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            token = json.dumps({"access_token": "x" * 20})
            is_token = self.path.endswith("/token")
            body = token if is_token else "\n".join(["rubbish", "[]", *rows])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mixes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        asked = [question, stranger, question]
        found = Lines().ask(desk, "SGP", url, asked, here, within=LONG)
    finally:
        server.shutdown()
        server.server_close()
    assert [each and each.answer for each in found] == [BasisAnswer.GIVES, None, None]


@pytest.mark.enable_socket
def test_a_partner_s_card_gives_while_another_partner_is_down(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One list goes to each, over sockets; whose silence it is stays with its own."""
    scene = counter.scene
    mine = replace(scene.question(scene.publishing.held()), everybody=True)
    theirs = replace(mine, country="AUS", number="PA1234567")
    with counter.serving() as url, counter.serving() as other:
        partners = {"SGP": url, "JPN": other, "AUS": "http://127.0.0.1:1"}
        places = scene.office.installation
        services = places.services.model_copy(update={"partners": partners})
        office = replace(
            scene.office, installation=places.model_copy(update={"services": services})
        )
        monkeypatch.setattr(everybody, "_hosted", lambda _: {"NZL"})
        desk = office.system_desk("NZL", now=NOW, reason="x")
        found = everybody.decide(desk, [mine, theirs, replace(mine, everybody=False)])
    assert [(each.basis.answer, each.given_by) for each in found] == [
        (BasisAnswer.GIVES, "SGP"),
        (BasisAnswer.NO_ANSWER, None),
        (BasisAnswer.DOES_NOT_GIVE, None),
    ]
    assert "AUS" in found[1].silent
    assert not found[1].silent & {"NZL", "SGP", "JPN"}


class Drips(BaseHTTPRequestHandler):
    """A partner that gives a token letter by letter, and would go on for seconds."""

    def do_POST(self) -> None:
        body = json.dumps({"access_token": "x" * 20}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                self.wfile.flush()
                time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.enable_socket
def test_d4_a_partner_that_drips_keeps_no_thread(counter: Counter) -> None:
    """Or some questions later none is left for the partners that answer."""
    scene = counter.scene
    desk = scene.office.system_desk("NZL", now=NOW, reason="x")
    question = scene.question(scene.publishing.held())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Drips)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(UnreachableError):
            Lines().ask(desk, "SGP", url, [question], scene.basis(economy="NZL"))
    finally:
        server.shutdown()
        server.server_close()
