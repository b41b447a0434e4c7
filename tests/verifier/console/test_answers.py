"""What becomes of an answer: comparing, challenges, training, typed numbers."""

import json
from datetime import timedelta

import pytest

import verifier
from tests.simulator import NOW
from tests.verifier.console.conftest import WORLD, Desk
from verifier.console import training

CARD = WORLD.card()


def test_a_difference_that_the_officer_found_is_red(desk: Desk) -> None:
    """The same answer turns red, names nobody, and stays so."""
    found = desk.check(WORLD.show(CARD))
    assert desk.post(f"answers/{found['id']}/compared", {"matches": True}).json == found
    red = desk.post(f"answers/{found['id']}/compared", {"matches": False}).json
    assert (red["id"], red["look"]) == (found["id"], "refused")
    assert (red["outcome"], red["reason"]) == ("rejected", "officer.mismatch")
    assert (red["person"], red["lane"], red["entry"]) == (None, None, None)
    again = desk.post(f"answers/{found['id']}/compared", {"matches": True}).json
    assert again["look"] == "refused"


@pytest.mark.parametrize("what", ["compared", "override"])
def test_an_answer_that_is_not_there(desk: Desk, what: str) -> None:
    body = {
        "compared": {"matches": True},
        "override": {"decision": "admit", "reason": "other"},
    }[what]
    found = desk.post(f"answers/none/{what}", body)
    assert (found.status_code, found.json["error"]) == (404, "answer.gone")


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "admit"},
        {"decision": "pass", "reason": "other"},
        {"decision": "admit", "reason": "because"},
        {"decision": "admit", "reason": "other", "note": "x" * 121},
        {"decision": "admit", "reason": "other", "officer": "b-18"},
    ],
)
def test_c5_an_override_has_its_lists(desk: Desk, body: dict[str, str]) -> None:
    """Decision and reason are of a fixed list, and who it was comes from the shift."""
    found = desk.check("x")
    assert desk.post(f"answers/{found['id']}/override", body).status_code == 400


def test_a_challenge_closes_a_relay(desk: Desk) -> None:
    """Only a phone that has seen this screen answers; the usual code does not."""
    asked = desk.post("challenge").json
    nonce = verifier.parse_challenge(asked["text"])
    assert nonce is not None
    assert len(nonce) == 22
    usual = desk.check(WORLD.show(CARD), challenge=asked["id"])
    assert (usual["look"], usual["reason"]) == ("by_hand", "proof.challenge")
    answer = WORLD.show(CARD, challenge=nonce)
    assert desk.check(answer, challenge=asked["id"])["look"] == "accepted"


def test_q5_a_challenge_is_answered_once(desk: Desk) -> None:
    """Another phone cannot answer it, nor the same after another scan."""
    asked = desk.post("challenge").json
    answer = WORLD.show(CARD, challenge=asked["text"][7:])
    found = desk.check(answer, challenge=asked["id"])
    assert desk.check(answer, challenge=asked["id"]) == found  # held up twice
    passport = {"country": "AUS", "number": "PA1234568"}
    other = desk.check(answer, challenge=asked["id"], passport=passport)
    assert other["reason"] == "passport.mismatch"
    desk.check("https://example.org")
    gone = desk.post("check", {"code": answer, "challenge": asked["id"]})
    assert (gone.status_code, gone.json["error"]) == (409, "challenge.gone")
    assert desk.check(answer)["look"] != "accepted"


def test_q5_a_challenge_ends(desk: Desk) -> None:
    """After 90 seconds it counts no longer, and never falls back to none."""
    asked = desk.post("challenge").json
    desk.wait(91)
    answer = WORLD.show(CARD, challenge=asked["text"][7:], at=desk.now)
    body = {"code": answer, "challenge": asked["id"]}
    assert desk.post("check", body).status_code == 409
    assert desk.post("check", body | {"challenge": "made up"}).status_code == 409


def test_challenges_differ_and_do_not_pile_up(desk: Desk) -> None:
    texts = {desk.post("challenge").json["text"] for _ in range(50)}
    assert len(texts) == 50
    assert len(desk.device._challenges) <= 8


def test_a_passport_is_read_strictly(desk: Desk) -> None:
    """What was read is told; a wrong digit says where, and nothing is mended."""
    mrz = training.self_test().mrz
    read = desk.post("passport", {"mrz": mrz}).json
    assert read["number"] in mrz
    assert read["names"].startswith(read["family_name"])
    wrong = mrz[:-1] + str((int(mrz[-1]) + 1) % 10)
    found = desk.post("passport", {"mrz": wrong})
    assert (found.status_code, found.json["error"]) == (422, "passport.unreadable")
    assert (found.json["line"], found.json["column"]) == (2, 44)


def test_a_passport_that_cannot_be_read_stops_the_check(desk: Desk) -> None:
    """It never goes on as if no passport had been there."""
    body = {"code": WORLD.show(CARD), "passport": {"mrz": "P<AUS"}}
    found = desk.post("check", body)
    assert (found.status_code, found.json["error"]) == (422, "passport.unreadable")


def test_typed_numbers_prove_nothing(desk: Desk) -> None:
    """Amber at best, whoever is on whatever list; everything must be seen."""
    body = {
        "economy": "AUS",
        "document_number": "a 1234567",
        "passport_number": "L898902C36",
    }
    found = desk.post("manual", body).json
    assert (found["look"], found["reason"]) == ("by_hand", "manual.unchecked")
    assert found["must_see"] == ["plastic_card", "passport", "face"]
    assert found["typed"]["document_number"]["number"] == "A1234567"
    assert found["typed"]["passport_number"]["state"] == "right"
    assert (found["person"], found["lane"], found["entry"]) == (None, None, None)


def test_a_look_alike_is_explained(desk: Desk) -> None:
    """A letter for a digit makes the check digit wrong: grey, with the place."""
    body = {
        "economy": "AUS",
        "document_number": "A1234567",
        "passport_number": "L8989O2C36",
    }
    found = desk.post("manual", body).json
    assert (found["look"], found["reason"]) == ("not_live", "manual.mistyped")
    typed = found["typed"]["passport_number"]
    assert (typed["state"], typed["alike"]) == (
        "wrong",
        [{"place": 6, "typed": "O", "perhaps": "0"}],
    )


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("economy", "XYZ", {"state": "form"}),
        ("economy", "", {"state": "form"}),
        ("document_number", "", {"state": "form"}),
        ("document_number", "A12Ø", {"state": "form", "place": 4}),
        ("document_number", "A" * 23, {"state": "form"}),
        ("passport_number", "<<<<<<<<<0", {"state": "form"}),
    ],
)
def test_what_cannot_be_a_number_is_grey(
    desk: Desk, name: str, value: str, told: dict[str, object]
) -> None:
    body = {
        "economy": "AUS",
        "document_number": "A1234567",
        "passport_number": "PA1234567",
    }
    found = desk.post("manual", body | {name: value}).json
    assert found["look"] == "not_live"
    assert told.items() <= found["typed"][name].items()


def test_i2_training_is_no_record_and_no_entry(desk: Desk) -> None:
    """A case is answered like a real card, is marked, and on duty it is none."""
    listed = desk.get("training").json["cases"]
    assert len(listed) == len(training.cases())
    case = training.self_test()
    found = desk.post("training/check", {"case": case.id}).json
    assert (found["training"], found["look"]) == (True, "accepted")
    assert found["person"]["family_name"]
    order = {"decision": "admit", "reason": "other"}
    later = desk.post(f"answers/{found['id']}/override", order).json
    assert later["override"]["recorded"] is False
    on_duty = desk.check(case.text)
    assert on_duty["look"] not in {"accepted", "genuine"}
    assert desk.post("training/check", {"case": "none"}).status_code == 404


@pytest.mark.parametrize(
    ("case", "status", "look"),
    [
        ("passport.not_confirmed", "NOT_RECOGNISED", "refused"),
        ("passport.not_confirmed.data", "DATA_MISMATCH", "refused"),
        ("passport.unchecked", "NO_ANSWER", "by_hand"),
    ],
)
def test_training_shows_what_the_passports_own_economy_makes_of_a_good_card(
    desk: Desk, case: str, status: str, look: str
) -> None:
    """As in a lane that needs an answer, and nobody is asked."""
    found = desk.post("training/check", {"case": case}).json
    assert (found["look"], found["training"]) == (look, True)
    assert case.startswith(found["reason"])
    assert found["person"]["family_name"]
    told = found["passport_check"]
    assert (told["status"], told["owner"], told["contact"]) == (status, "AUS", None)


def test_a_kiosk_waits_for_an_officer(desk: Desk) -> None:
    """Green goes after five seconds; everything else stays."""
    desk.device.is_kiosk = True
    assert desk.check(WORLD.show(CARD))["expires_in"] == 5
    assert desk.check("x")["expires_in"] is None
    assert desk.check("x")["mask_in"] == 180


def test_q9_texts_of_a_card_stay_data(desk: Desk) -> None:
    """Whatever is scanned comes back as JSON, never as a page."""
    found = desk.post("check", {"code": "<script>alert(1)</script>\u202e"})
    assert found.mimetype == "application/json"
    assert "<script>" not in found.text
    assert found.json["reason"] == "card.foreign"


def test_q4_what_others_show_is_grey_and_opened_by_nobody(desk: Desk) -> None:
    for code in ("https://example.org", "HC1:NCF", "WIFI:S:x;;", "ABTC", ""):
        found = desk.check(code)
        assert (found["look"], found["reason"]) == ("not_live", "card.foreign")


def test_answers_do_not_pile_up(desk: Desk) -> None:
    for number in range(80):
        desk.check(f"x{number}")
    assert len(desk.device._kept) == 64


def test_the_passport_alone_decides_and_shows_what_differs(desk: Desk) -> None:
    """Without that an officer could compare nothing; other refusals show nobody."""
    wrong = {"country": "AUS", "number": "PA7654321"}
    found = desk.check(WORLD.show(CARD), passport=wrong)
    assert found["reason"] == "passport.mismatch"
    assert found["person"]["family_name"] == "CITIZEN"
    assert found["read"]["number"] == "PA7654321"
    old = WORLD.show(CARD, at=NOW - timedelta(hours=1))
    stale = desk.check(old, passport=wrong)
    assert (stale["reason"], stale["person"]) == ("proof.stale", None)
    assert "CITIZEN" not in json.dumps(stale)
