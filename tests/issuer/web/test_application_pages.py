"""Applications on pages: entered, compared, decided, and nothing typed is lost."""

import io
from base64 import b64decode
from typing import Any

import pytest

from issuer.store import Application, Person, Role
from tests.issuer.office.flow import Flow, rows
from tests.issuer.office.test_applications import picture
from tests.issuer.web.front import Browser, Front

HOSTILE = "<script>alert(1)</script>"
TYPED = {
    "person.family_name": "Nguyễn",
    "person.given_name": "Anna",
    "person.birthdate": "1984-05-17",
    "person.sex": "F",
    "person.nationality": "AUS",
    "passport.country": "AUS",
    "passport.number": "PA1234567",
    "passport.issued_on": "2028-01-01",
    "passport.expires_on": "2038-01-01",
    "reason": "at the counter",
}
MRZ = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n"
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
)


@pytest.fixture
def officer(small: Front) -> Browser:
    return small.browser().enter(small.person())


def other(small: Front, *roles: Role) -> Browser:
    return small.browser().enter(small.person(roles=roles or tuple(Role)))


def send(browser: Browser, do: str, **fields: str) -> Any:
    return browser.post(
        "/applications/new", {**TYPED, "do": do, **fields}, page="/applications/new"
    )


def entered(small: Front) -> list[Any]:
    return list(small.back.store.read(lambda session: rows(session, Application)))


def test_what_was_typed_is_shown_as_the_card_has_it_first(
    small: Front, officer: Browser
) -> None:
    """Nothing is kept before the officer has compared the names and said so."""
    assert send(officer, "check").status_code == 200
    assert "NGUYEN" in officer.page
    assert "compared these names with the passport" in officer.page
    assert entered(small) == []
    assert send(officer, "enter").status_code == 409
    assert "Nguyễn" in officer.page
    assert entered(small) == []
    said = {"names_confirmed": "yes", "compared": "NGUYEN/ANNA"}
    assert send(officer, "enter", **said).status_code == 303
    assert len(entered(small)) == 1


def test_names_that_changed_after_they_were_compared_are_compared_again(
    small: Front, officer: Browser
) -> None:
    said = {"names_confirmed": "yes", "compared": "NGUYEN/ANNA"}
    changed = {"person.family_name": "Ngô", **said}
    assert send(officer, "enter", **changed).status_code == 409
    assert "NGO" in officer.page
    assert entered(small) == []


def test_problems_stand_beside_their_fields_and_nothing_is_lost(
    officer: Browser,
) -> None:
    answer = send(officer, "check", **{"person.birthdate": "17/05/1984"})
    assert answer.status_code == 400
    assert 'href="#person.birthdate"' in officer.page
    assert 'id="person.birthdate-wrong"' in officer.page
    assert 'value="17/05/1984"' in officer.page
    assert 'value="PA1234567"' in officer.page


def test_the_passports_lines_fill_what_is_empty(officer: Browser) -> None:
    fields = {"passport.mrz": MRZ, "passport.number": "", "person.family_name": "Own"}
    assert send(officer, "lines", **fields).status_code == 200
    assert 'value="L898902C3"' in officer.page
    assert 'value="Own"' in officer.page
    assert send(officer, "lines", **{"passport.mrz": "P<<"}).status_code == 400
    assert 'id="passport.mrz-wrong"' in officer.page


def test_a_birth_date_from_the_lines_is_one_that_the_form_takes(
    officer: Browser,
) -> None:
    """In the lines it has two digits for the year, and no century."""
    fields = {"passport.mrz": MRZ, "person.birthdate": ""}
    assert send(officer, "lines", **fields).status_code == 200
    assert 'value="1974-08-12"' in officer.page


def test_somebody_alike_is_compared_before_anything_is_entered(
    small: Front, officer: Browser
) -> None:
    Flow(small.back).enter(
        family_name="Nguyen", birthdate="1984-05-17", nationality="AUS"
    )
    person = small.back.store.read(lambda session: rows(session, Person)[0].id)
    send(officer, "check")
    assert f"person {person}" in officer.page
    plain = {"person.family_name": "Nguyen"}
    assert send(officer, "enter", **plain).status_code == 400
    assert "Say whether this is the applicant" in officer.page
    said = {f"alike.{person}": "other"}
    assert send(officer, "enter", **plain, **said).status_code == 303
    assert len(small.back.store.read(lambda session: rows(session, Person))) == 2


def test_the_same_person_gets_no_second_application_that_is_open(
    small: Front, officer: Browser
) -> None:
    Flow(small.back).enter(family_name="Nguyen", birthdate="1984-05-17")
    person = small.back.store.read(lambda session: rows(session, Person)[0].id)
    said = {f"alike.{person}": "same", "person.family_name": "Nguyen"}
    assert send(officer, "enter", **said).status_code == 409
    assert "is not decided yet" in officer.page


def test_a_draft_is_corrected(small: Front, officer: Browser) -> None:
    case = Flow(small.back).enter()
    page = f"/applications/{case}/correct"
    officer.get(page)
    assert 'value="Anna"' in officer.page
    fields = {**TYPED, "person.family_name": "Corrected", "do": "enter"}
    assert officer.post(page, fields, page=page).status_code == 303
    assert officer.get(f"/applications/{case}").status_code == 200
    assert "Corrected" in officer.page


def test_only_steps_that_are_legal_and_of_ones_role_are_offered(small: Front) -> None:
    flow = Flow(small.back)
    case = flow.enter()
    intake = other(small, Role.INTAKE)
    intake.get(f"/applications/{case}")
    assert f"/applications/{case}/submit" in intake.page
    assert f"/applications/{case}/approve" not in intake.page
    issuing = other(small, Role.ISSUING)
    issuing.get(f"/applications/{case}")
    assert f"/applications/{case}/submit" not in issuing.page
    assert "What you can do" not in issuing.page


def test_who_entered_it_is_told_that_somebody_else_decides(small: Front) -> None:
    """The button is off and says why; the post that skips it is refused as well."""
    browser = other(small)
    send(browser, "enter", **{"person.family_name": "Smith"})
    case = entered(small)[0].id
    page = f"/applications/{case}"
    for step in ("submit", "open", "pass_stage"):
        assert (
            browser.post(f"{page}/{step}", {"reason": "r"}, page=page).status_code
            == 303
        )
    browser.get(page)
    assert "You entered this application; another person has to decide" in browser.page
    fields = {"reason": "r", "note": "kept note"}
    assert browser.post(f"{page}/approve", fields, page=page).status_code == 409
    assert "application.second_person" in browser.page
    assert "kept note" in browser.page
    colleague = other(small, Role.VETTING)
    assert colleague.post(f"{page}/approve", fields, page=page).status_code == 303
    colleague.get(page)
    assert "Approved at home" in colleague.page


def test_a_last_look_waits_for_the_answers_unless_it_is_said_so(small: Front) -> None:
    """The page offers the stage behind the answers, with one box to tick, no more."""
    flow = Flow(small.back)
    flow.configure(
        "AUS",
        'home_review_stages = [{ value = ["ministry", "destination_answers", "final"],'
        " %s }]",
    )
    case = flow.circulated().application
    browser, page = other(small), f"/applications/{case}"
    browser.get(page)
    assert browser.page.count('name="without_waiting"') == 1
    assert "A stage is left to pass" in browser.page
    fields = {"reason": "r"}
    assert browser.post(f"{page}/pass_stage", fields, page=page).status_code == 409
    assert "application.waiting" in browser.page
    fields["without_waiting"] = "yes"
    assert browser.post(f"{page}/pass_stage", fields, page=page).status_code == 303
    assert entered(small)[0].stage == 2
    browser.get(page)
    assert browser.page.count('name="without_waiting"') == 1  # of closing, now


def test_what_is_final_is_confirmed_by_its_number(small: Front) -> None:
    case = Flow(small.back).enter()
    browser, page = other(small), f"/applications/{case}"
    fields = {"reason": "asked by letter", "number": "A"}
    assert browser.post(f"{page}/withdraw", fields, page=page).status_code == 400
    assert "This is final" in browser.page
    fields["number"] = entered(small)[0].number.lower()
    assert browser.post(f"{page}/withdraw", fields, page=page).status_code == 303
    assert entered(small)[0].state == "applicant_withdrawn"


def test_a_step_needs_a_reason(small: Front) -> None:
    case = Flow(small.back).enter()
    browser, page = other(small), f"/applications/{case}"
    assert browser.post(f"{page}/submit", {"reason": " "}, page=page).status_code == 400
    assert entered(small)[0].state == "draft"


def test_documents_are_refused_in_words_and_leave_as_attachments(
    small: Front, officer: Browser
) -> None:
    case = Flow(small.back).enter()
    page = f"/applications/{case}"

    def upload(data: bytes, kind: str = "portrait") -> int:
        fields = {"kind": kind, "reason": "r", "content": (io.BytesIO(data), "me.png")}
        return officer.post(
            f"{page}/documents", fields, page=page, content_type="multipart/form-data"
        ).status_code

    assert upload(b"<html>") == 400
    assert "The file is a web page" in officer.page
    assert upload(b64decode(picture(900, 1200))) == 303
    officer.get(page)
    assert 'class="portrait"' in officer.page
    answer = officer.get(f"{page}/documents/1")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "me.png" not in answer.headers["Content-Disposition"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_c2_hostile_text_stays_text(small: Front, officer: Browser) -> None:
    flow = Flow(small.back)
    case = flow.enter(family_name="O'Neil", email="a@b.example")

    def spoil(session: Any) -> None:
        person = rows(session, Person)[0]
        person.family_name, person.given_name = HOSTILE, "\u202egnp.exe"

    small.back.store.write(spoil, now=small.clock.now)
    for path in ("/applications", f"/applications/{case}",
                 f"/applications/{case}/correct"):  # fmt: skip
        officer.get(path)
        assert HOSTILE not in officer.page
        assert "&lt;script&gt;" in officer.page
    officer.get("/applications")
    assert "\u202e" not in officer.page
    send(officer, "check", reason=HOSTILE, **{"person.email": HOSTILE})
    assert HOSTILE not in officer.page


def test_what_was_looked_for_stands_in_no_address(
    small: Front, officer: Browser
) -> None:
    Flow(small.back).enter(family_name="Findable")
    fields = {"search": "findab", "reason": "asked by telephone"}
    answer = officer.post("/applications/search", fields, page="/applications")
    assert answer.status_code == 200
    assert "Findable" in officer.page
    assert "findab" not in str(answer.request.url)
    assert "from=search" in officer.page
    officer.get("/applications/1?from=search")
    assert "asked by telephone" in officer.page


def test_long_lists_go_on_and_back(small: Front, officer: Browser) -> None:
    flow = Flow(small.back)
    for _ in range(51):
        flow.enter()
    officer.get("/applications?state=draft")
    assert 'rel="next"' in officer.page
    assert 'rel="prev"' not in officer.page
    officer.get("/applications?state=draft&after=50&past=")
    assert 'rel="next"' not in officer.page
    assert 'rel="prev"' in officer.page
    assert officer.get("/applications?after=x&past=..a.٣").status_code == 200
    assert officer.get("/applications?state=nonsense").status_code == 400


def test_the_start_page_shows_what_ones_roles_see(small: Front) -> None:
    Flow(small.back).enter()
    intake = other(small, Role.INTAKE)
    intake.get("/")
    assert "Drafts" in intake.page
    assert "Incoming requests" not in intake.page
    destination = other(small, Role.PRECLEARANCE)
    destination.get("/")
    assert "Incoming requests" in destination.page
    assert "Drafts" not in destination.page
    admin = other(small, Role.ADMIN)
    admin.get("/")
    assert "What waits" not in admin.page


def test_applications_are_downloaded_for_a_reason_only(
    small: Front, officer: Browser
) -> None:
    Flow(small.back).enter()
    refused = officer.post("/applications/export", page="/applications")
    assert (refused.status_code, refused.mimetype) == (400, "text/html")
    assert "Say why" in officer.page
    why = {"reason": "figures for the ministry"}
    found = officer.post("/applications/export", why, page="/applications")
    assert found.mimetype == "text/csv"
    assert '"Anna"' in found.get_data(as_text=True)
    closed = officer.post(
        "/applications/export", {**why, "state": "closed"}, page="/applications"
    )
    assert '"Anna"' not in closed.get_data(as_text=True)


def test_answers_are_downloaded_for_one_economy_or_all(
    small: Front, officer: Browser
) -> None:
    Flow(small.back).circulated()
    why = {"reason": "figures for the ministry", "destination": "JPN"}
    found = officer.post("/answers/export", why, page="/answers").get_data(as_text=True)
    assert "JPN" in found
    assert "SGP" not in found
