"""What an agent gets from the desk's API, and who does not get in."""

import io
import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

import verifier
from issuer.plastic.codes import qr_image
from tests.examples.desk_scene import PASSPORT, passport
from tests.simulator import NOW
from tests.verifier.console.desk.conftest import (
    HEADERS,
    ORIGIN,
    TODAY,
    WORLD,
    AirlineDesk,
)
from tests.verifier.registers import Register, parsed, serving
from verifier import BasisAnswer, EntryBasis
from verifier.console.desk import words

DOCUMENT = json.loads(
    (Path(__file__).parents[4] / "docs/desk.openapi.json").read_text()
)
MRZ = {"mrz": PASSPORT}


def told_by(document: str) -> jsonschema.Draft202012Validator:
    """What the published description says an answer is."""
    schema = {
        "$ref": f"#/components/schemas/{document}",
        "components": DOCUMENT["components"],
    }
    return jsonschema.Draft202012Validator(schema)


def error_of(found: TestResponse) -> str:
    body = found.get_json()
    return str(body["error"])


# Answers


def test_an_agent_gets_one_answer_and_what_goes_with_it(desk: AirlineDesk) -> None:
    """The stay, the form, the card's last day, and of when; nothing of the holder."""
    told = desk.ask(desk.code(), passport=MRZ)
    reference = told.pop("reference")
    assert re.fullmatch(r"[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}", reference)
    assert told == {
        "answer": "gives",
        "destination": "SGP",
        "arrival": TODAY,
        "stay_until": "2030-03-15",
        "form": "app",
        "card_last_day": "2034-06-30",
        "passport": {"country": "AUS", "number_end": "567"},
        "must_see": ["face"],
        "source": "device",
        "answered_at": "2030-01-15T20:00:00+08:00",
        "data_as_of": "2030-01-15T11:00:00+00:00",
        "previous": None,
    }


def test_who_gets_none_cannot_tell_why(desk: AirlineDesk) -> None:
    """Another passport, no clearance, a forged card: the same words for all."""
    told = [
        desk.ask(desk.code(), passport={"mrz": passport("PA7654321")}),
        desk.ask(desk.code(economies=["NZL"])),
        desk.ask(desk.code(exp=int(NOW.timestamp()) - 1)),
    ]
    for each in told:
        del each["reference"], each["data_as_of"]
    assert told[0]["answer"] == "does_not_give"
    assert told[1:] == [told[0]] * 2


def test_a_passport_alone_is_no_answer(desk: AirlineDesk) -> None:
    """By lines or as typed: a device keeps no register of cards."""
    for read in (MRZ, {"country": "AUS", "number": "PA1234567"}):
        told = desk.ask(passport=read)
        assert (told["answer"], told["source"]) == ("no_answer", None)
    assert desk.state()["register"] is False


@pytest.mark.enable_socket
def test_a_passport_alone_is_answered_by_a_register(desk: AirlineDesk) -> None:
    """Signed by the economy that was asked; the desk says whose answer it is."""
    register = Register(now=lambda: desk.now)
    with serving(register) as url:
        desk.counter = replace(desk.counter, register=verifier.Register(url, parsed()))
        desk.open()
        told = desk.ask(passport=MRZ)
        assert (told["answer"], told["source"]) == ("gives", "AUS")
        assert told["answered_at"] == "2030-01-15T20:00:00+08:00"
        assert told["passport"] == {"country": "AUS", "number_end": "567"}
        assert desk.state()["register"] is True
        # At the gate, when the economy has changed its answer.
        register.answer = "does_not_give"
        again = desk.ask(passport=MRZ, previous=told["reference"])
        assert (again["answer"], again["previous"]["changed"]) == (
            "does_not_give",
            True,
        )
        # Where there is a code, nobody is asked.
        asked = len(register.questions)
        assert desk.ask(desk.code(), passport=MRZ)["source"] == "device"
        assert len(register.questions) == asked
    gone = desk.ask(passport=MRZ)
    assert (gone["answer"], gone["source"]) == ("no_answer", None)


@pytest.mark.enable_socket
def test_a_register_that_is_away_holds_up_no_list(
    desk: AirlineDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """It is given up after a few rows, and the others have their answers."""
    with serving(Register()) as url:
        pass
    desk.counter = replace(desk.counter, register=verifier.Register(url, parsed()))
    desk.open()
    rows = [f"{number},SGP,{TODAY},,,AUS,PA1234567," for number in range(20)]
    code = f'x,SGP,{TODAY},"{desk.code()}",,,,'
    header = "reference,destination,date,code,mrz,country,number,code_read_at"
    told, _ = desk.check("\n".join([header, *rows, code]))
    assert [each["answer"] for each in told] == ["no_answer"] * 20 + ["gives"]
    warned = [each for each in caplog.messages if "no answer of the register" in each]
    assert len(warned) == 3
    assert "PA1234567" not in caplog.text


def test_a_day_is_counted_at_the_destination(desk: AirlineDesk) -> None:
    """When it is the 16th in Singapore and the 15th in UTC, the 15th is over."""
    desk.wait(hours=5)
    today = desk.browser.get("/api/state", base_url=ORIGIN).get_json()["today"]
    assert (today["SGP"], today["USA"]) == ("2030-01-16", "2030-01-15")
    assert desk.ask(desk.code())["answer"] == "no_answer"
    assert desk.ask(desk.code(), arrival="2030-01-16")["stay_until"] == "2030-03-16"


def test_s8_a_destination_without_lists_is_no_answer(desk: AirlineDesk) -> None:
    """The store of this desk has Singapore's overlays alone."""
    for code in ("NZL", "JPN", "XYZ"):
        told = desk.ask(desk.code(), destination=code)
        assert told["answer"] == "no_answer"


def test_o3_a_desk_without_data_answers_and_says_so(tmp_path: Path) -> None:
    """No answer is an answer: it is given at once, and refuses nobody."""
    desk = AirlineDesk(tmp_path / "nothing")
    told = desk.ask(desk.code())
    assert (told["answer"], told["data_as_of"]) == ("no_answer", None)
    data = desk.browser.get("/api/state", base_url=ORIGIN).get_json()["data"]
    assert data["ready"] is False


def test_a_code_read_before_counts_as_of_now(desk: AirlineDesk) -> None:
    """An agent's system asks hours after the passenger has shown it."""
    code = desk.code()
    desk.wait(hours=3)
    assert desk.ask(code)["answer"] == "no_answer"
    assert desk.ask(code, code_read_at="2030-01-15T12:00:10Z")["answer"] == "gives"


def test_t3_a_clock_put_right_in_between_is_no_fault(desk: AirlineDesk) -> None:
    """A page says that the code was read a moment from now: that is now."""
    told = desk.ask(desk.code(), code_read_at="2030-01-15T12:00:59Z")
    assert told["answer"] == "gives"


# Again at the gate


def test_at_the_gate_both_times_and_the_change_are_told(desk: AirlineDesk) -> None:
    """A reference is enough, however it is typed."""
    first = desk.ask(desk.code(), passport=MRZ)
    desk.wait(hours=2)
    typed = first["reference"].lower().replace("-", " ")
    second = desk.ask(desk.code(), passport=MRZ, previous=typed)
    assert second["previous"] == {
        "reference": first["reference"],
        "answer": "gives",
        "stay_until": "2030-03-15",
        "answered_at": "2030-01-15T20:00:00+08:00",
        "changed": False,
    }
    assert second["answered_at"] == "2030-01-15T22:00:00+08:00"
    third = desk.ask(desk.code(economies=[]), passport=MRZ, previous=typed)
    assert (third["answer"], third["previous"]["changed"]) == ("does_not_give", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"arrival": "2030-01-16"},
        {"destination": "NZL"},
        {"passport": {"mrz": passport("PA7654321")}},
        {"previous": "2222-2222"},
        {"previous": ""},
    ],
)
def test_a_reference_of_another_question_is_not_compared(
    desk: AirlineDesk, changes: dict[str, Any]
) -> None:
    """Of another passenger, day or destination, or nobody's."""
    first = desk.ask(desk.code(), passport=MRZ)
    again = {"passport": MRZ, "previous": first["reference"]} | changes
    assert desk.ask(desk.code(), **again)["previous"] is None


def test_an_answer_is_forgotten_after_three_days(desk: AirlineDesk) -> None:
    """As early as carriers ask, and no longer."""
    first = desk.ask(desk.code(), arrival="2030-01-19")["reference"]
    desk.wait(hours=72)
    assert desk.ask(desk.code(), arrival="2030-01-19", previous=first)["previous"]
    desk.wait(seconds=1)
    told = desk.ask(desk.code(), arrival="2030-01-19", previous=first)
    assert told["previous"] is None


def test_w12_what_is_remembered_is_bounded(desk: AirlineDesk) -> None:
    """The oldest answer is forgotten first, and a busy day fills no memory."""
    book, told = desk.counter.book, desk.ask("x")
    answer = EntryBasis(
        answer=BasisAnswer.NO_ANSWER,
        destination="SGP",
        arrival=NOW.date(),
        answered_at=NOW,
        data_as_of=None,
    )
    references = [book.add(answer, None) for _ in range(10_000)]
    assert book.find(told["reference"], answer, None) is None
    assert book.find(references[0], answer, None)


def test_o7_nothing_that_is_kept_or_logged_names_a_traveller(
    desk: AirlineDesk, caplog: pytest.LogCaptureFixture
) -> None:
    """A reference and a reason in the log; a hash under a key of this process."""
    caplog.set_level(logging.INFO)
    told = desk.ask(desk.code(), passport=MRZ)
    assert f"{told['reference']} entry.cleared" in caplog.text
    kept = repr(vars(desk.counter.book))
    for name in ("CITIZEN", "JANE", "PA1234567", "A1234567", "1980"):
        assert name not in caplog.text + kept + json.dumps(told)


# Bad questions


@pytest.mark.parametrize(
    "changes",
    [
        {"destination": "jpn"},
        {"destination": 3},
        {"arrival": "18.1.2030"},
        {"arrival": "2030-02-30"},
        {"arrival": "9999-12-31"},
        {"arrival": "20300118"},
        {"code": None},
        {"code": ["x"]},
        {"passport": "PA1234567"},
        {"passport": {"number": "PA1234567"}},
        {"code_read_at": "2030-01-15T12:00:00"},
        {"code_read_at": "yesterday"},
        {"code_read_at": "2030-01-15T12:01:01Z"},
        {"code_read_at": "2030-01-12T11:59:59Z"},
        {"previous": 7},
        {"board": True},
    ],
)
def test_a_question_that_cannot_be_is_refused(
    desk: AirlineDesk, changes: dict[str, Any]
) -> None:
    """With one line for developers; nothing is guessed."""
    body = {"destination": "SGP", "arrival": TODAY, "code": "ABTC1:X"} | changes
    found = desk.post("answers", body)
    assert (found.status_code, error_of(found)) == (400, "request.malformed")


def test_a_passport_that_was_misread_is_told_where(desk: AirlineDesk) -> None:
    """Read again, rather than go on without."""
    bad = PASSPORT.replace("PA1", "PA2")
    found = desk.post("answers", {"destination": "SGP", "arrival": TODAY,
                                  "passport": {"mrz": bad}})  # fmt: skip
    assert (found.status_code, error_of(found)) == (422, "passport.unreadable")
    assert found.json
    assert (found.json["line"], found.json["column"]) == (2, 10)


# Who does not get in


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"Content-Type": "text/plain"}, 415),
        ({"X-Forwarded-For": "10.0.0.1"}, 400),
    ],
)
def test_c1_another_page_is_not_answered(
    desk: AirlineDesk, headers: dict[str, str], status: int
) -> None:
    """Neither for a passenger nor for a list."""
    for path in ("answers", "lists"):
        found = desk.browser.post(
            f"/api/{path}", data=b"{}", base_url=ORIGIN,
            headers={"Content-Type": "application/json"} | HEADERS | headers,
        )  # fmt: skip
        assert found.status_code == status


def test_c6_who_has_not_opened_the_address_is_not_answered(desk: AirlineDesk) -> None:
    """Each address lets one in, and the next one is told."""
    stranger = desk.app.test_client()
    assert stranger.get("/api/state", base_url=ORIGIN).status_code == 401
    assert stranger.get(desk.addresses[0]).status_code == 403
    second = desk.new_browser()
    for each in (second, desk.browser):  # a program and a page may ask at once
        assert each.get("/api/state", base_url=ORIGIN).status_code == 200


def test_w12_a_request_has_bounds(desk: AirlineDesk) -> None:
    """Nobody fills the memory of a counter's machine."""
    usual = {"destination": "SGP", "arrival": TODAY, "code": "A" * 70_000}
    assert desk.post("answers", usual).status_code == 413
    assert desk.post("lists", {"csv": "a" * (10 * 2**20)}).status_code == 413


def test_q8_a_picture_is_read_for_a_browser_that_cannot(
    desk: AirlineDesk,
) -> None:
    """ABTC codes alone; what is no picture is refused, and no others are read."""
    plastic = WORLD.show(WORLD.card(form="physical"))
    drawn = qr_image(plastic, module_pixels=4)
    picture = io.BytesIO()
    drawn.save(picture, format="PNG")
    grey = drawn.convert("L")
    size = f"?width={grey.width}&height={grey.height}"
    for query, data, kind in (
        ("", picture.getvalue(), "image/png"),
        (size, grey.tobytes(), "application/octet-stream"),
    ):
        found = post_frame(desk, query, data, kind)
        assert (found.status_code, found.get_json()) == (200, {"codes": [plastic]})
    for query, data, kind, status in (
        ("", b"no picture", "image/png", 422),
        ("?width=9&height=9", b"short", "application/octet-stream", 422),
        ("", b"short", "application/octet-stream", 422),
        ("", picture.getvalue(), "text/plain", 415),
    ):
        assert post_frame(desk, query, data, kind).status_code == status


def post_frame(desk: AirlineDesk, query: str, data: bytes, kind: str) -> TestResponse:
    return desk.browser.post(
        f"/api/frame{query}",
        data=data,
        base_url=ORIGIN,
        headers=HEADERS | {"Content-Type": kind},
    )


@pytest.mark.parametrize(
    "path", ["/app.py", "/../app.py", "/console/../app.py", "/console/../../cli.py"]
)
def test_d11_only_pages_are_handed_out(desk: AirlineDesk, path: str) -> None:
    """And what is, may load nothing from elsewhere, nor stand in another's frame."""
    assert desk.browser.get(path, base_url=ORIGIN).status_code == 404
    with desk.browser.get("/", base_url=ORIGIN) as page:
        assert page.status_code == 200
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["Cache-Control"] == "no-store"


# What is published


def test_the_description_is_one_and_fits_the_answers(desk: AirlineDesk) -> None:
    """docs/desk.openapi.json is OpenAPI, and each answer is what it says."""
    validate(DOCUMENT)
    first = desk.ask(desk.code(), passport=MRZ)
    again = desk.ask(desk.code(), passport=MRZ, previous=first["reference"])
    for each in (first, again, desk.ask("x"), desk.ask(desk.code(economies=[]))):
        told_by("Answer").validate(each)
    rows, _ = desk.check("reference,destination,date,code\nA,SGP,2030-01-15,x\nB,,,\n")
    for row in rows:
        told_by("ListRow").validate(row)
    told_by("State").validate(
        desk.browser.get("/api/state", base_url=ORIGIN).get_json()
    )
    bad = desk.post("answers", {"destination": "SGP"})
    told_by("Error").validate(bad.json)


def test_every_address_is_described(desk: AirlineDesk) -> None:
    """No address of the API is missing from the description, and none is invented."""
    served = {
        re.sub(r"<(\w+)>", r"{\1}", rule.rule)
        for rule in desk.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
    }
    assert served == set(DOCUMENT["paths"])


def test_every_language_has_all_words(desk: AirlineDesk) -> None:
    """The same keys and the same places in them, in whatever language there is."""
    english = words.words("en")["ui"]
    assert isinstance(english, dict)
    for language in words.languages():
        found = desk.browser.get(f"/api/words/{language}", base_url=ORIGIN).get_json()
        assert found["ui"].keys() == english.keys()
        for key, text in english.items():
            places = re.findall(r"\{\w+\}", text)
            assert sorted(re.findall(r"\{\w+\}", found["ui"][key])) == sorted(places)
    assert desk.browser.get("/api/words/../x", base_url=ORIGIN).status_code == 404


def test_the_words_are_those_of_every_desk() -> None:
    """The page says in English what `BasisAnswer.sentence` says, without full stops."""
    texts = words.words("en")["ui"]
    assert isinstance(texts, dict)
    for each in BasisAnswer:
        assert f"{texts[f'answer.{each}']}." == each.sentence("{destination}")
    assert "OK to board" not in json.dumps(texts)
