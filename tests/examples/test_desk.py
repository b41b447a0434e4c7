"""An airline's or a hotel's desk: real requests, real cards, real HTTP."""

import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from PIL import Image

import verifier
from examples.desk.__main__ import destination, main
from examples.desk.answers import MalformedError, read_answer
from examples.desk.book import LIFE, MAX_OPEN
from examples.desk.desk import Desk
from examples.desk.identity import Identity, make_trial
from examples.desk.questions import Purpose, Question
from issuer.jws import new_private_key
from tests.codes import read_qr
from tests.examples.desk_scene import (
    FORM,
    PASSPORT,
    SINGAPORE,
    DeskScene,
    passport,
    serving_desk,
)
from tests.simulator import NOW, World, fixed_key
from wallet_api.proof import read_parts

pytestmark = pytest.mark.enable_socket
YES = "ABTC gives an entry basis for Singapore for this passport."
NO = "ABTC does not give an entry basis for Singapore: check visa as usual."
UNKNOWN = "No answer: use the normal document check."
ON_CARD = ("PA1234567", "A1234567", "1980", "JPN", "Japan", "NZL")
"""Of the card: what no desk is shown."""


@pytest.fixture
def airline() -> Iterator[DeskScene]:
    with serving_desk() as scene:
        yield scene


@pytest.fixture
def hotel() -> Iterator[DeskScene]:
    with serving_desk(Purpose.HOTEL) as scene:
        yield scene


def line_of(page: str) -> str:
    return page.partition("<h1>")[2].partition("</h1>")[0]


# What a desk is told


def test_an_airline_learns_of_one_destination_and_no_more(airline: DeskScene) -> None:
    asked = airline.ask()
    answer = airline.post(asked, airline.show(asked))
    assert (answer.status, answer.json()) == (200, {})
    page = airline.page(asked)
    assert line_of(page) == YES
    assert "CITIZEN, JANE MARY" in page
    assert "its last day is 30 June 2034" in page
    assert "until 15 March 2030" in page  # 60 days, the day of arrival counts
    assert not [each for each in ON_CARD if each in page]
    assert "board" not in page.lower()


def test_a_stay_is_counted_by_the_destinations_calendar(airline: DeskScene) -> None:
    """It is the evening of the 15th in UTC, and the 16th in Singapore."""
    airline.clock.passes(hours=8)
    asked = airline.ask()
    airline.post(asked, airline.show(asked))
    assert "until 16 March 2030" in airline.page(asked)


def test_a_hotel_learns_whose_card_it_is(hotel: DeskScene) -> None:
    asked = hotel.ask(passport=None)
    hotel.post(asked, hotel.show(asked))
    page = hotel.page(asked)
    assert line_of(page) == "This is a genuine ABTC, shown by the phone that holds it."
    assert "AUS, number ending 567" in page
    assert "entry basis" not in page
    assert not [each for each in ON_CARD if each in page]


def test_a_cancelled_card_gives_no_basis_and_nobody_says_why(
    airline: DeskScene,
) -> None:
    airline.world.set_status(1)
    asked = airline.ask()
    assert airline.post(asked, airline.show(asked)).status == 200
    page = airline.page(asked)
    assert line_of(page) == NO
    assert "CITIZEN" not in page
    assert "cancel" not in page
    assert "revoked" not in page


def test_a_hotel_is_warned_of_a_cancelled_card(hotel: DeskScene) -> None:
    hotel.world.set_status(1)
    asked = hotel.ask(passport=None)
    hotel.post(asked, hotel.show(asked))
    assert line_of(hotel.page(asked)).startswith("Do not rely on this card")


def test_a_withdrawn_clearance_is_no_basis(airline: DeskScene) -> None:
    airline.world.set_overlay(1)
    asked = airline.ask()
    airline.post(asked, airline.show(asked))
    page = airline.page(asked)
    assert line_of(page) == NO
    assert "withdraw" not in page


def test_the_card_of_another_passport_is_no_basis(airline: DeskScene) -> None:
    asked = airline.ask(passport("PA1234568"))
    airline.post(asked, airline.show(asked))
    assert line_of(airline.page(asked)) == NO


def test_old_lists_are_neither_yes_nor_no(airline: DeskScene) -> None:
    airline.clock.passes(days=4)  # of the three for which a list may be used
    asked = airline.ask()
    airline.post(asked, airline.show(asked))
    page = airline.page(asked)
    assert line_of(page) == UNKNOWN
    assert "This is not a refusal" in page


def test_an_overlay_that_is_missing_is_neither_yes_nor_no() -> None:
    world = World()
    with serving_desk(world=world) as scene:
        trust = world.trust("SGP", without=["SGP/overlay/AUS/1.jwt"])
        scene.desk.trust = lambda: trust
        asked = scene.ask()
        scene.post(asked, scene.show(asked))
        assert line_of(scene.page(asked)) == UNKNOWN


def test_a_desk_without_data_knows_nothing(airline: DeskScene, tmp_path: Path) -> None:
    airline.desk.trust = verifier.TrustStore(tmp_path).load
    asked = airline.ask()
    assert airline.post(asked, airline.show(asked)).status == 200
    assert line_of(airline.page(asked)) == UNKNOWN


def test_a_holder_who_says_no_is_not_refused_anything(airline: DeskScene) -> None:
    asked = airline.ask()
    answer = airline.send({"error": "access_denied", "state": asked.state})
    assert (answer.status, answer.json()) == (200, {})
    page = airline.page(asked)
    assert line_of(page) == "No card was shown."
    assert "not a refusal" in page


def test_no_answer_in_time_is_said(airline: DeskScene) -> None:
    asked = airline.ask()
    assert "Let the traveller scan" in airline.page(asked)
    airline.clock.now += LIFE
    assert "No answer in time" in airline.page(asked)


def test_the_log_names_nobody(
    airline: DeskScene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked = airline.ask()
    airline.post(asked, airline.show(asked))
    assert f"{asked.reference} entry.cleared" in caplog.text
    assert not [each for each in ("CITIZEN", *ON_CARD) if each in caplog.text]


# What is no proof


def test_k2_a_proof_for_another_request_proves_nothing(airline: DeskScene) -> None:
    first, second = airline.ask(), airline.ask()
    airline.post(second, airline.show(first))
    assert line_of(airline.page(second)) == NO
    assert second.outcome is not None
    assert second.outcome.reason == "proof.nonce"
    assert first.outcome is None


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        ({"nonce": "x" * 43}, "proof.nonce"),
        ({"aud": "x509_hash:" + "A" * 43}, "proof.audience"),
        ({"aud": "urn:abtc:border"}, "proof.audience"),
        ({"key": fixed_key("another")}, "proof.device"),
        ({"sd_hash": "A" * 43}, "proof.binding"),
        ({"at": NOW - timedelta(minutes=6)}, "proof.stale"),
        ({"at": NOW + timedelta(minutes=6)}, "proof.ahead"),
    ],
)
def test_k4_a_proof_that_was_not_made_for_this_desk_proves_nothing(
    airline: DeskScene, proof: dict[str, Any], reason: str
) -> None:
    asked = airline.ask()
    assert airline.post(asked, airline.show(asked, **proof)).status == 200
    assert asked.outcome is not None
    assert asked.outcome.reason == reason
    assert line_of(airline.page(asked)) != YES


def test_k4_a_derived_nonce_is_no_answer(airline: DeskScene) -> None:
    """What a phone shows to a border answers no question."""
    asked = airline.ask()
    nonce = f"iat.{int(NOW.timestamp())}"
    airline.post(asked, airline.show(asked, nonce=nonce))
    assert line_of(airline.page(asked)) == UNKNOWN


def test_a_phone_whose_clock_is_off_is_still_believed(airline: DeskScene) -> None:
    """The question is fresh, so its answer is, whatever the phone's clock says."""
    asked = airline.ask()
    airline.post(asked, airline.show(asked, at=NOW - timedelta(minutes=3)))
    assert line_of(airline.page(asked)) == YES


def test_k1_a_card_without_a_proof_is_refused(airline: DeskScene) -> None:
    asked = airline.ask()
    airline.post(asked, airline.world.card())
    assert line_of(airline.page(asked)) == NO


def test_k11_a_plastic_card_answers_nothing(airline: DeskScene) -> None:
    asked = airline.ask()
    airline.post(asked, airline.world.card(form="physical"))
    assert line_of(airline.page(asked)) == UNKNOWN


def test_a_card_of_nobody_known_is_neither_yes_nor_no(airline: DeskScene) -> None:
    asked = airline.ask()
    card = airline.world.card(iss="https://elsewhere.example/AUS")
    airline.post(asked, airline.show(asked, card))
    assert line_of(airline.page(asked)) == UNKNOWN


def test_q4_what_is_no_card_is_neither_yes_nor_no(airline: DeskScene) -> None:
    """It says nothing about a card, so nobody may read that there is no basis."""
    asked = airline.ask()
    airline.post(asked, "e30.e30.AAAA~")
    assert asked.outcome is not None
    assert asked.outcome.reason == "card.malformed"
    assert line_of(airline.page(asked)) == UNKNOWN


def test_j12_a_forged_card_is_no_basis(airline: DeskScene) -> None:
    asked = airline.ask()
    card = airline.world.card(key=fixed_key("forger"))
    airline.post(asked, airline.show(asked, card))
    assert line_of(airline.page(asked)) == NO


# Once


def test_w4_an_answer_counts_once(airline: DeskScene) -> None:
    """A second one changes nothing, be it the same or a better one."""
    asked = airline.ask()
    bad = airline.show(asked, key=fixed_key("another"))
    assert airline.post(asked, bad).status == 200
    again = airline.post(asked, airline.show(asked))
    assert (again.status, again.json()) == (400, {"error": "invalid_request"})
    assert line_of(airline.page(asked)) == NO


def test_w4_of_many_answers_at_once_one_counts(airline: DeskScene) -> None:
    asked = airline.ask()
    shown = airline.show(asked)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: airline.post(asked, shown), range(32)))
    assert sorted(each.status for each in answers) == [200] + [400] * 31


def test_w4_a_question_ends(airline: DeskScene) -> None:
    asked = airline.ask()
    shown = airline.show(asked)
    airline.clock.now += LIFE
    assert airline.fetch(f"/request/{asked.request_id}").status == 404
    assert airline.post(asked, shown).status == 400
    assert asked.outcome is None


def test_an_answered_request_is_not_handed_out_again(airline: DeskScene) -> None:
    asked = airline.ask()
    assert airline.fetch(f"/request/{asked.request_id}").status == 200
    airline.post(asked, airline.show(asked))
    assert airline.fetch(f"/request/{asked.request_id}").status == 404


def test_answers_are_forgotten(airline: DeskScene) -> None:
    asked = airline.ask()
    airline.post(asked, airline.show(asked))
    airline.clock.now += 2 * LIFE
    counter = airline.counter.test_client()
    assert counter.get(f"/asked/{asked.ticket}").status_code == 404


def test_w12_open_questions_are_counted(airline: DeskScene) -> None:
    for _ in range(MAX_OPEN):
        airline.ask()
    form = {"destination": "SGP", "passport": PASSPORT}
    assert airline.at_counter(**form).status_code == 503
    airline.clock.now += 2 * LIFE
    assert airline.at_counter(**form).status_code == 303


# What is no answer


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"vp_token": None},
        {"state": None},
        {"state": "x" * 43},
        {"state": "é" * 43},
        {"vp_token": "{"},
        {"vp_token": "[" * 9_000},
        {"vp_token": "[]"},
        {"vp_token": "{}"},
        {"vp_token": '{"abtc":[]}'},
        {"vp_token": '{"abtc":"a~b"}'},
        {"vp_token": '{"abtc":["a~b","a~b"]}'},
        {"vp_token": '{"abtc":[{"a":"~"}]}'},
        {"vp_token": '{"other":["a~b"]}'},
        {"vp_token": '{"abtc":["a~b"],"other":["a~b"]}'},
        {"vp_token": '{"abtc":["ABTC1:6BF%TC"]}'},
        {"vp_token": '{"abtc":["ab"]}'},
        {"error": "access_denied"},
        {"vp_token": None, "error": "<b>"},
    ],
)
def test_w12_what_is_malformed_uses_nothing_up(
    airline: DeskScene, fields: dict[str, str | None]
) -> None:
    asked = airline.ask()
    if fields:
        answer = airline.post(asked, airline.show(asked), **fields)
    else:
        answer = airline.send({})
    assert (answer.status, answer.json()) == (400, {"error": "invalid_request"})
    assert airline.post(asked, airline.show(asked)).status == 200
    assert line_of(airline.page(asked)) == YES


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"state=%ff&vp_token=%ff", b"state=%00&vp_token=%ED%A0%80",
     b"&" * 30_000, b"state=a&" * 4_000, b"vp_token=%7B%22abtc%22%3A%5B%22%5Cud800~%22"
     b"%5D%7D&state=a", b"vp_token=" + b"%5B" * 9_000 + b"&state=a"],
)  # fmt: skip
def test_w12_hostile_forms_are_only_refused(airline: DeskScene, body: bytes) -> None:
    assert airline.send(body).status == 400


def test_a_parameter_twice_is_refused() -> None:
    with pytest.raises(MalformedError):
        read_answer({"state": ["x" * 43] * 2, "vp_token": ['{"abtc":["a~b"]}']})


def test_w12_only_forms_of_a_size_are_read(airline: DeskScene) -> None:
    asked = airline.ask()
    body = json.dumps({"vp_token": {"abtc": ["a~"]}, "state": asked.state}).encode()
    assert airline.send(body, "application/json").status == 400
    fields = {"vp_token": '{"abtc":["a~"]}', "state": asked.state}
    parts, kind = urllib3.encode_multipart_formdata(fields)
    assert airline.send(parts, kind).status == 400
    assert airline.send(b"state=" + b"x" * 40_000, FORM).status == 413
    assert airline.fetch("/response").status == 405
    assert airline.fetch(f"/request/{'x' * 43}").status == 404


def test_w7_another_host_is_refused(airline: DeskScene) -> None:
    asked = airline.ask()
    path = f"/request/{asked.request_id}"
    answer = airline.fetch(path, headers={"Host": "evil.example"})
    assert answer.status == 400


def test_w13_nothing_is_kept_by_proxies(airline: DeskScene) -> None:
    asked = airline.ask()
    answers = [
        airline.fetch(f"/request/{asked.request_id}"),
        airline.fetch("/request/unknown"),
        airline.post(asked, airline.show(asked)),
        airline.send({}),
    ]
    assert {each.headers["Cache-Control"] for each in answers} == {"no-store"}


def test_phones_reach_no_answer(airline: DeskScene) -> None:
    """What the public reaches shows nothing of a traveller, whoever asks."""
    asked = airline.ask()
    airline.post(asked, airline.show(asked))
    for name in (asked.ticket, asked.state, asked.request_id):
        assert airline.fetch(f"/asked/{name}").status == 404
    counter = airline.counter.test_client()
    for name in (asked.state, asked.request_id, asked.nonce, asked.reference):
        assert counter.get(f"/asked/{name}").status_code == 404


# The request


def test_a_request_says_who_asks_and_for_what(airline: DeskScene) -> None:
    asked = airline.ask()
    link = parse_qs(urlsplit(airline.desk.link(asked)).query)
    answer = airline.fetch(
        urlsplit(link["request_uri"][0]).path,
        "POST",
        body="wallet_nonce=fresh&wallet_metadata={}",
        headers={"Content-Type": FORM},
    )
    assert answer.headers["Content-Type"] == "application/oauth-authz-req+jwt"
    header, claims, _, _ = read_parts(answer.data.decode())
    assert header.keys() == {"alg", "typ", "x5c"}
    assert (
        claims["client_id"] == link["client_id"][0] == airline.desk.identity.client_id
    )
    assert claims["wallet_nonce"] == "fresh"
    assert claims["nonce"] == asked.nonce
    assert claims["response_mode"] == "direct_post"
    assert "redirect_uri" not in claims
    (query,) = claims["dcql_query"]["credentials"]
    assert query["meta"] == {"vct_values": ["urn:abtc:card:1"]}


@pytest.mark.parametrize("body", ["wallet_nonce=", "wallet_nonce=a&wallet_nonce=b",
                                  f"wallet_nonce={'x' * 257}"])  # fmt: skip
def test_a_wallets_own_nonce_has_a_form(airline: DeskScene, body: str) -> None:
    path = f"/request/{airline.ask().request_id}"
    answer = airline.fetch(path, "POST", body=body, headers={"Content-Type": FORM})
    assert answer.status == 400


def test_a_certificate_goes_with_its_key() -> None:
    identity, _ = make_trial("Example Air", now=NOW)
    with pytest.raises(ValueError, match="another key"):
        Identity(key=new_private_key(), chain=identity.chain)
    with pytest.raises(ValueError, match="a certificate"):
        Identity(key=identity.key, chain=())


@pytest.mark.parametrize("url", ["http://desk.example", "https://desk.example/", "x"])
def test_phones_reach_a_desk_by_https(url: str) -> None:
    identity, _ = make_trial("Example Air", now=NOW)
    with pytest.raises(ValueError, match="https"):
        Desk(identity=identity, url=url, trust=lambda: pytest.fail("asked"))


# The counter's page


def test_staff_ask_and_a_code_appears(airline: DeskScene, tmp_path: Path) -> None:
    made = airline.at_counter(destination="SGP", passport=PASSPORT)
    assert made.status_code == 303
    counter = airline.counter.test_client()
    page = counter.get(made.location)
    assert page.headers["Refresh"] == "2"
    picture = tmp_path / "code.png"
    picture.write_bytes(counter.get(f"{made.location}/code.png").data)
    (found,) = read_qr(Image.open(picture))
    assert found.startswith("openid4vp://?client_id=x509_hash")


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"destination": "XXX", "passport": PASSPORT}, "Choose a destination"),
        ({"destination": "SGP", "passport": ""}, "passport that it has seen"),
        ({"destination": "SGP", "passport": "P<AUS<script>"}, 'class="problem"'),
    ],
)
def test_what_staff_mistype_is_told(
    airline: DeskScene, form: dict[str, str], problem: str
) -> None:
    answer = airline.at_counter(**form)
    assert answer.status_code == 400
    assert problem in answer.text
    assert "<script" not in answer.text


def test_the_counter_has_no_other_name(airline: DeskScene) -> None:
    """A name that somebody else lets point here opens nothing."""
    client = airline.counter.test_client()
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_another_site_cannot_ask(airline: DeskScene) -> None:
    form = {"destination": "SGP", "passport": PASSPORT}
    client = airline.counter.test_client()
    answer = client.post("/", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_an_airline_has_seen_a_passport() -> None:
    with pytest.raises(ValueError, match="has seen"):
        Question(purpose=Purpose.AIRLINE, destination=SINGAPORE, passport=None)


def test_what_the_manual_shows_decides(airline: DeskScene, tmp_path: Path) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "desk.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    shown: dict[str, Any] = {}
    exec(code, shown)  # noqa: S102
    asked, trust = airline.ask(), airline.world.trust("JPN")
    store = verifier.TrustStore(tmp_path)
    given = (airline.desk.identity.client_id, asked.nonce, asked.question.passport)
    with pytest.MonkeyPatch.context() as filled:
        filled.setattr(store, "load", lambda: trust)
        decision = shown["decide"](airline.show(asked), *given, store, NOW)
        assert isinstance(decision, verifier.Accepted)
        again = shown["decide"](airline.show(airline.ask()), *given, store, NOW)
        assert isinstance(again, verifier.Rejected)


# The command line


def test_a_desk_for_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "desk"
    assert main(["trial", str(folder), "--name", "Example Air"]) == 0
    assert (folder / "desk-key.pem").stat().st_mode & 0o777 == 0o600
    assert Identity.load(folder).client_id.startswith("x509_hash:")
    assert main(["trial", str(folder)]) == 1
    serve = ["serve", "--identity", str(folder), "--store", str(tmp_path / "none"),
             "--url", "https://desk.example", "--to", "JPN=Asia/Tokyo"]  # fmt: skip
    assert main(serve) == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_a_destination_has_a_name_and_a_calendar() -> None:
    assert destination("JPN=Asia/Tokyo").name == "Japan"
