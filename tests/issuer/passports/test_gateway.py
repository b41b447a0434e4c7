"""Devices ask through their back office, and believe the owner alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

import verifier
from issuer.errors import Conflict, Invalid
from issuer.passport_register.gateway import MAX_ASK, Gateway
from issuer.passport_register.service import ABOUT_QUESTION, padded_question
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from issuer.web import Settings, create_app
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice
from tests.issuer.office.publishing import Publishing
from tests.issuer.passports.scene import (
    CONTACT,
    WHOLE,
    do,
    hits,
    register,
    settings,
    with_settings,
)
from tests.simulator import NOW
from verifier import (
    Collector,
    DeviceKey,
    NoAnswer,
    PassportAsker,
    PassportQuestion,
    PassportStatus,
)

pytestmark = pytest.mark.enable_socket
SECRET = bytes(range(32))


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


class Lane:
    """A device of JPN, whose back office also hosts the register of SGP."""

    def __init__(self, back_office: BackOffice) -> None:
        self.back_office = back_office
        self.office = with_settings(back_office.office, passports=settings(SGP={}))
        register(back_office)
        made = do(
            back_office.desk("JPN"), "device.enrol", name="Gate 1",
            public_key=DeviceKey(SECRET).public,
        )  # fmt: skip
        self.device = made.device
        self.collector = Collector.parse(made.collector.model_dump_json().encode())
        self.trust = trust_of(self.office.installation)

    def asker(self, url: str, secret: bytes = SECRET) -> PassportAsker:
        return PassportAsker(
            f"{url}/services/v1/JPN/passport-asks",
            collector=self.collector,
            device_key=DeviceKey(secret),
            seconds=20,
        )

    def status(self, url: str, **more: Any) -> PassportStatus:
        found = self.asker(url, **more).ask(WHOLE, trust=self.trust, now=NOW)
        return found.status

    def body(self, **changed: Any) -> dict[str, Any]:
        return self.body_about(WHOLE) | changed

    def body_about(self, *passports: PassportQuestion) -> dict[str, Any]:
        """What the device sends, as it would send it."""
        sent: list[bytes] = []

        class Poster:
            def post(
                self, body: bytes, *, seconds: float, most: int
            ) -> tuple[int, bytes]:
                sent.append(body)
                return 500, b""

        asker = self.asker("http://127.0.0.1:9")
        asker._poster = Poster()  # type: ignore[assignment]
        asker.ask_all(passports, trust=self.trust, now=NOW)
        body: dict[str, Any] = json.loads(sent[0])
        return body


@pytest.fixture
def lane(prepared_small: Prepared) -> Lane:
    return Lane(Publishing.at(prepared_small).back_office)


@pytest.fixture
def url(lane: Lane) -> Iterator[str]:
    with served(lane) as address:
        yield address


@contextmanager
def served(lane: Lane) -> Iterator[str]:
    server = make_server(
        "127.0.0.1", 0, app_of(lane), threaded=True, request_handler=_Quiet
    )
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def app_of(lane: Lane) -> Flask:
    made = Settings.of(
        lane.office.installation,
        host="127.0.0.1",
        port=8321,
        clock=lambda: NOW,
        sign_on_secret=None,
    )
    return create_app(lane.office, made)


def test_a_lane_asks_and_is_answered(lane: Lane, url: str) -> None:
    """Over HTTP, by the device's own identity; a hit says from which device."""
    assert lane.status(url) is PassportStatus.VALID
    register(lane.back_office, state="stolen")
    found = lane.asker(url).ask(WHOLE, trust=lane.trust, now=NOW)
    assert (found.status, found.contact) == (PassportStatus.STOLEN, CONTACT)
    asked = [each.asked_from for each in hits(lane.office.store) if each.asked_from]
    assert asked == [f"device {lane.device}"]


def test_n16_nobody_but_an_enrolled_device_asks(lane: Lane, url: str) -> None:
    """Another key, another economy, a device that was handed in: no answer."""
    assert lane.status(url, secret=bytes(32)) is PassportStatus.NO_ANSWER
    do(lane.back_office.desk("JPN"), "device.retire", device=lane.device)
    assert lane.status(url) is PassportStatus.NO_ANSWER


def test_silence_is_no_answer(lane: Lane) -> None:
    """Nobody there; or a page that is something else."""
    assert lane.status("http://127.0.0.1:9") is PassportStatus.NO_ANSWER
    with pytest.raises(verifier.ScanLogError):
        lane.asker("http://abtc.example")


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (429, b"{}", NoAnswer.SILENCE),
        (200, b"<html>", NoAnswer.SILENCE),
        (200, b"[]", NoAnswer.SILENCE),
        (200, b"{}", NoAnswer.NOT_JOINED),
        (200, b'{"exchanges": {"0": 1}}', NoAnswer.NOT_JOINED),
        (200, b'{"exchanges": [7, {}, {"question": 7}]}', NoAnswer.NOT_JOINED),
        (200, b'{"exchanges": [{"question": "x"}]}', NoAnswer.NOT_JOINED),
    ],
)
def test_n14_what_a_back_office_makes_up_is_no_answer(
    lane: Lane, status: int, body: bytes, why: NoAnswer
) -> None:
    """To each passport that was asked about, in any shape."""

    class Poster:
        def post(self, body_sent: bytes, **_: Any) -> tuple[int, bytes]:
            return status, body

    asker = lane.asker("http://127.0.0.1:9")
    asker._poster = Poster()  # type: ignore[assignment]
    asked = [WHOLE, WHOLE, replace(WHOLE, number="E2")]
    found = asker.ask_all(asked, trust=lane.trust, now=NOW)
    assert [each.no_answer for each in found] == [why] * 3
    for count in (0, 501):
        with pytest.raises(ValueError, match="500"):
            asker.ask_all([WHOLE] * count, trust=lane.trust, now=NOW)


def test_a_desk_asks_about_many_at_once(lane: Lane, url: str) -> None:
    """Of several owners, each once, and gets the answers in its own order."""
    with_settings(lane.office, passports=settings(SGP={}, NZL={}))
    register(lane.back_office, "NZL", "LA123456", state="lost")
    asked = [
        WHOLE,
        PassportQuestion(country="NZL", number="LA123456"),
        PassportQuestion(country="DEU", number="C01X00T47"),
        replace(WHOLE, number="E7654321K"),
        WHOLE,
    ]
    found = lane.asker(url).ask_all(asked, trust=lane.trust, now=NOW)
    assert [each.status for each in found] == [
        PassportStatus.VALID, PassportStatus.LOST, PassportStatus.NO_ANSWER,
        PassportStatus.NOT_RECOGNISED, PassportStatus.VALID,
    ]  # fmt: skip
    assert len(hits(lane.office.store)) == 2
    flight = [replace(WHOLE, number=f"E{each:021}") for each in range(500)]
    told = lane.asker(url).ask_all(flight, trust=lane.trust, now=NOW)
    assert {each.status for each in told} == {PassportStatus.NOT_RECOGNISED}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"nonce": "B" * 22}, "device.unknown"),
        ({"economy": "NZL"}, "device.unknown"),
        ({"device": 99}, "device.unknown"),
        ({"passports": [{"country": "SGP", "number": "E1"}]}, "device.unknown"),
        ({"format": "other"}, None),
        ({"nonce": "short"}, None),
        ({"device": True}, None),
        ({"at": "now"}, None),
        ({"passports": [{"country": "SGP"}]}, None),
        ({"passports": []}, None),
        ({"passports": [WHOLE.members()] * 501}, None),
        ({"more": 1}, None),
    ],
)
def test_n16_what_is_not_as_the_device_signed_it_is_refused(
    lane: Lane, changed: dict[str, Any], code: str | None
) -> None:
    with pytest.raises((Conflict, Invalid)) as refused:
        Gateway(lane.office).answer("JPN", lane.body(**changed), now=NOW)
    assert getattr(refused.value, "code", None) == code


def test_n16_a_question_counts_once_and_for_minutes(lane: Lane) -> None:
    """Whoever has overheard a device learns nothing by sending the same."""
    gateway, body = Gateway(lane.office), lane.body()
    with pytest.raises(Conflict, match="clock"):
        gateway.answer("JPN", body, now=NOW + timedelta(minutes=6))
    (exchange,) = gateway.answer("JPN", body, now=NOW)["exchanges"]
    assert exchange["answer"]
    with pytest.raises(Conflict, match="repeated"):
        gateway.answer("JPN", body, now=NOW)
    with pytest.raises(Conflict, match="unknown"):
        gateway.answer("NZL", lane.body(), now=NOW)


def test_a_device_asks_as_often_as_travellers_come(lane: Lane) -> None:
    """And no faster: passports count, however few messages they come in."""
    with_settings(lane.office, passport_checks={"per_device": 3})
    gateway = Gateway(lane.office)
    many = [WHOLE, *(replace(WHOLE, number=f"E{number}") for number in range(3))]
    with pytest.raises(Conflict, match="too_many"):
        gateway.answer("JPN", lane.body_about(*many), now=NOW)
    assert gateway.answer("JPN", lane.body_about(*many[:2]), now=NOW)
    with pytest.raises(Conflict, match="too_many"):
        gateway.answer("JPN", lane.body_about(*many[:2]), now=NOW)
    assert gateway.answer("JPN", lane.body(), now=NOW)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("SGP/passport-checks", b"{}", 400),
        ("SGP/passport-checks", b"[]", 400),
        ("SGP/passport-checks", b'{"question": 7}', 400),
        ("SGP/passport-checks", b'{"question": "x.y"}', 400),
        ("NZL/passport-checks", b'{"question": "x.y"}', 404),
        ("SGP/passport-checks", b"x" * 120_000, 413),
        ("JPN/passport-asks", b"{}", 400),
        ("JPN/passport-asks", b"x" * (MAX_ASK + 1), 413),
    ],
)
def test_what_is_no_question_is_a_problem_in_json(
    lane: Lane, path: str, body: bytes, status: int
) -> None:
    """Never a page, never a server's own fault."""
    client = app_of(lane).test_client()
    found = client.post(
        f"/services/v1/{path}", data=body, content_type="application/json",
        base_url="http://127.0.0.1:8321",
    )  # fmt: skip
    assert found.status_code == status
    assert found.mimetype == "application/problem+json"
    assert found.headers["Cache-Control"] == "no-store"
    form = client.post(
        f"/services/v1/{path}", data={"question": "x"}, base_url="http://127.0.0.1:8321"
    )
    assert form.status_code in {400, 404}


def sealed_question(lane: Lane) -> str:
    """A question of JPN, signed and sealed for SGP."""
    owner = ServiceIdentity.of(lane.office, "SGP", NOW)
    keys = verifier.read_service_keys(owner.delegation, trust=lane.trust, now=NOW)
    text = ServiceIdentity.of(lane.office, "JPN", NOW).sign(
        verifier.PassportMessage.QUESTION,
        keys.issuer_url,
        verifier.passport_question_claims([WHOLE]),
        NOW,
    )
    return keys.seal(padded_question(text, 1), about=ABOUT_QUESTION)


def test_the_short_way_is_the_same_as_the_long_one(lane: Lane) -> None:
    """A question answered before the pages see it: the same headers, the same count of
    what one economy may ask; and under another name nobody is answered."""
    with_settings(lane.office, passports=settings(SGP={"per_asker": 2}))
    client, short = app_of(lane).test_client(), "application/json"

    def post(kind: str, host: str = "127.0.0.1:8321") -> Any:
        body = json.dumps({"question": sealed_question(lane)})
        return client.post(
            "/services/v1/SGP/passport-checks", data=body, content_type=kind,
            base_url=f"http://{host}",
        )  # fmt: skip

    answered, slowly = post(short), post(f"{short}; charset=utf-8")
    assert (answered.status_code, slowly.status_code) == (200, 200)
    assert sorted(answered.headers) == sorted(slowly.headers)
    assert post(short, "abtc.evil.example").status_code == 400
    refused = post(short)
    assert (refused.status_code, refused.get_json()["code"]) == (
        429, "passports.too_many",
    )  # fmt: skip
    assert 1 <= int(refused.headers.pop("Retry-After")) <= 60
    assert sorted(refused.headers.keys()) == sorted(answered.headers.keys())


def test_keys_to_seal_for_are_given_to_anybody(lane: Lane) -> None:
    """Signed by the economy's status key; of nobody who has not joined."""
    client = app_of(lane).test_client()
    where = "http://127.0.0.1:8321"
    found = client.get("/services/v1/SGP/passport-checks", base_url=where)
    told = found.get_json()
    keys = verifier.read_service_keys(told["delegation"], trust=lane.trust, now=NOW)
    assert keys.economy == "SGP"
    found = client.get("/services/v1/JPN/passport-checks", base_url=where)
    assert found.status_code == 404
