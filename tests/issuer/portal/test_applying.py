"""From the first step to an application of the back office, and what attackers try."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, Forbidden, Invalid, NotAllowed, NotFound
from issuer.operations import all_operations
from issuer.portal import drafts
from issuer.portal.handing_in import hand_in
from issuer.scheme import Scheme
from issuer.store import (
    Applicant,
    Application,
    ApplicationKind,
    Card,
    Document,
    Mail,
    OnlineApplication,
    OnlineFile,
    OnlinePayment,
    OnlineState,
    PaymentState,
    Person,
)
from tests.issuer.portal import faces
from tests.issuer.portal.applicant import CONTACT, HOME, MRZ, PASSPORT, Portal

ANN = "ann@example.com"
PAPER = faces.png(faces.face().resize((200, 257)))
DECLARATION = "I have told the truth.\nI will tell of changes."
CONFIGURED = """
asked_documents = [
  { kind = "police_certificate", text = "Not older than six months.", mark = "assumed", source = "a test" },
  { kind = "employment", text = "From the employer.", required = false, mark = "assumed", source = "a test" },
]
declaration = [
  { version = "1", text = '''%s''', until = 2030-01-20T00:00:00Z, mark = "assumed", source = "a test" },
  { version = "2", text = "Another one.", from = 2030-01-20T00:00:00Z, mark = "assumed", source = "a test" },
]
fees = [
  { kind = "application", amount = 70.50, currency = "AUD", mark = "assumed", source = "a test" },
]
"""  # noqa: E501  # a file of settings


def configured(portal: Portal) -> Portal:
    """The same, where AUS has said what it asks for."""
    text = Scheme.packaged_text()
    own = CONFIGURED % DECLARATION
    head, name, rest = text.partition("[economy.AUS]\n")
    own_rows, mark, others = rest.partition("\n[economy.")
    portal.back.office.packaged_scheme = Scheme.from_toml(
        head + name + own_rows + own + mark + others
    )
    return portal


def rows(portal: Portal, table: Any) -> list[Any]:
    return portal.back.store.read(
        lambda session: list(session.scalars(select(table).order_by(table.id)))
    )


def test_from_the_first_step_to_an_application(portal: Portal) -> None:
    """What was entered is what an officer finds, submitted by the portal's account."""
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)
    assert ann.hand_in(at).headers["Location"] == f"{at}/done"
    ann.get(f"{at}/done")
    (online,) = rows(portal, OnlineApplication)
    assert online.reference in ann.page
    case = portal.do("application.show", application=online.application_id)
    assert (case.state, case.entered_by) == ("submitted", "Applicants online")
    assert (case.person.family_name, case.passport.number) == ("Doe", "PA1234567")
    assert [each.kind for each in case.documents] == ["portrait"]
    said = portal.do("portal.of", application=case.id).online
    assert said.contact == CONTACT
    assert said.email == ANN
    assert rows(portal, OnlineFile) == []
    assert [each["kind"] for each in portal.letters.sent] == [
        "sign_in_code", "application_received",
    ]  # fmt: skip


def test_i1_four_eyes_hold_for_what_came_in_online(portal: Portal) -> None:
    """Whoever takes it in hand decides, and the portal never does."""
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)
    ann.hand_in(at)
    (application,) = rows(portal, Application)
    portal.do("application.open", application=application.id)
    for _ in portal.do("application.show", application=application.id).stages:
        portal.do("application.pass_stage", application=application.id)
    done = portal.do("application.approve", who="bob", application=application.id)
    assert done.state == "home_approved"


def test_saved_at_every_step_and_resumed_on_another_device(portal: Portal) -> None:
    phone = portal.browser().sign_in(ANN)
    at = phone.begin()
    answer = phone.step(at, "passport", {**PASSPORT, "passport_number": "no good"})
    assert answer.status_code == 400  # told, and saved all the same
    desk = portal.browser()
    desk.ask("ANN@example.com")
    assert desk.show(portal.letters.code(ANN)).status_code == 303
    desk.get(f"{HOME}applications")
    assert f"{at}/passport" in desk.page
    desk.get(f"{at}/passport")
    assert 'value="no good"' in desk.page
    assert 'value="Doe"' in desk.page
    desk.fill(at)
    assert phone.get(f"{at}/photo").status_code == 200
    assert desk.hand_in(at).status_code == 303
    assert phone.get(f"{at}/photo").status_code == 409


def test_save_and_stop_keeps_what_is_half_done(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    answer = ann.post(
        f"{at}/passport", {"do": "later", "family_name": "Do"}, page=f"{at}/passport"
    )
    assert answer.headers["Location"] == f"{HOME}applications"
    ann.get(f"{at}/passport")
    assert 'value="Do"' in ann.page


@pytest.mark.parametrize(
    ("step", "fields", "field"),
    [
        ("passport", {**PASSPORT, "family_name": ""}, "family_name"),
        ("passport", {**PASSPORT, "birthdate": "1984-02-30"}, "birthdate"),
        ("passport", {**PASSPORT, "passport_expires_on": "2029-01-01"},
         "passport_expires_on"),
        ("passport", {**PASSPORT, "passport_country": "D"}, "passport_country"),
        ("passport", {**PASSPORT, "passport_mrz": MRZ.replace("1234567", "1234568")},
         "passport_mrz"),
        ("passport", {**PASSPORT, "family_name": "D\u202eoe"}, "family_name"),
        ("contact", {**CONTACT, "employer": ""}, "employer"),
        ("contact", {**CONTACT, "position": "x" * 121}, "position"),
        ("contact", {**CONTACT, "phone": "1\u200b2"}, "phone"),
    ],
)  # fmt: skip
def test_what_is_wrong_leads_to_its_field(
    small: Portal, step: str, fields: dict[str, str], field: str
) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    assert ann.step(at, step, fields).status_code == 400
    assert f'href="#{field}"' in ann.page
    assert f'id="{field}-wrong"' in ann.page
    ann.get(f"{at}/review")
    assert f'{at}/{step}#{field}"' in ann.page


def test_the_passports_lines_fill_the_fields_in(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    ann.post(
        f"{at}/passport", {"do": "lines", "passport_mrz": MRZ.lower()},
        page=f"{at}/passport",
    )  # fmt: skip
    for value in ("DOE", "JANE", "1984-05-17", "PA1234567", "2038-01-01"):
        assert f'value="{value}"' in ann.page
    wrong = MRZ.replace("840517", "840518")
    ann.post(f"{at}/passport", {"do": "lines", "passport_mrz": wrong})
    assert 'href="#passport_mrz"' in ann.page


def test_a_name_that_can_be_written_in_two_ways_is_compared_first(
    small: Portal,
) -> None:
    """What was confirmed are these names, and no others."""
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    muller = {**PASSPORT, "family_name": "M\u00fcller"}
    assert ann.step(at, "passport", muller).status_code == 400
    assert "MUELLER/JANE" in ann.page
    shown = {"names_confirmed": "yes", "names_shown": "MUELLER/JANE"}
    other = {**muller, "family_name": "M\u00f6ller", **shown}
    assert ann.step(at, "passport", other).status_code == 400
    assert ann.step(at, "passport", {**muller, **shown}).status_code == 303


def test_a_name_in_another_script_needs_the_passports_lines(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    tanaka = {**PASSPORT, "family_name": "\u7530\u4e2d"}
    assert ann.step(at, "passport", tanaka).status_code == 400
    assert "in a script that we cannot rewrite" in ann.page


def test_nothing_is_handed_in_before_it_is_whole(small: Portal) -> None:
    portal = configured(small)
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    assert ann.hand_in(at).status_code == 400
    for place in ("passport#family_name", "contact#employer", "photo#content",
                  "documents#police_certificate", "declaration#agreed"):  # fmt: skip
        assert f'{at}/{place}"' in ann.page
    assert "documents#employment" not in ann.page
    assert rows(portal, Application) == []


def test_what_was_agreed_is_kept_word_for_word(portal: Portal) -> None:
    configured(portal)
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)
    ann.upload(at, "documents", PAPER, "police.png", kind="police_certificate")
    stale = {"version": "0", "agreed": "yes"}
    assert ann.step(at, "declaration", stale).status_code == 400
    assert ann.step(at, "declaration", {"version": "1"}).status_code == 400
    agreed = {"version": "1", "agreed": "yes"}
    assert ann.step(at, "declaration", agreed).status_code == 303
    assert ann.hand_in(at).status_code == 303
    (online,) = rows(portal, OnlineApplication)
    said = portal.do("portal.of", application=online.application_id).online
    assert said.declaration_version == "1"
    assert said.declaration_text == DECLARATION
    assert said.agreed_at == portal.clock.now
    assert (said.amount, said.currency, said.payment_state) == ("70.50", "AUD", "due")
    kinds = [each.kind for each in rows(portal, Document)]
    assert kinds == ["portrait", "police_certificate"]


def test_a_declaration_that_changed_is_agreed_to_anew(small: Portal) -> None:
    portal = configured(small)
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.step(at, "declaration", {"version": "1", "agreed": "yes"})
    portal.clock.passes(days=5)
    ann = portal.browser().sign_in(ANN)
    ann.get(f"{at}/review")
    assert f'{at}/declaration#agreed"' in ann.page


def test_r2_handing_in_twice_makes_one_application(portal: Portal) -> None:
    """From two devices at once, from one twice, and by going back."""
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)
    (online,) = rows(portal, OnlineApplication)

    def again(_: int) -> str:
        return hand_in(
            portal.back.office, "AUS", online.applicant_id, online.id,
            now=portal.clock.now,
        ).reference  # fmt: skip

    with ThreadPoolExecutor(4) as pool:
        told = set(pool.map(again, range(8)))
    assert told == {online.reference}
    assert ann.hand_in(at).status_code in {303, 403}
    assert len(rows(portal, Application)) == 1
    mails = [each for each in portal.letters.sent if each["kind"] != "sign_in_code"]
    assert mails == []  # they went by the program's own outbox, once


def test_r1_a_failure_in_the_middle_leaves_the_draft(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes last fails: nothing of it is there, and the draft can be handed in."""
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)

    class BrokenError(RuntimeError):
        pass

    def fail(*_: object) -> None:
        raise BrokenError

    monkeypatch.setattr("issuer.portal.handing_in.submit_one", fail)
    assert ann.hand_in(at).status_code == 500
    assert rows(portal, Application) == rows(portal, Person) == []
    assert len(rows(portal, OnlineFile)) == 1
    monkeypatch.undo()
    ann.get(f"{at}/review")
    assert ann.hand_in(at).status_code == 303


def known(portal: Portal) -> int:
    """Somebody with the same passport is on file already; their application."""
    first = portal.browser().sign_in("first@example.com")
    at = first.begin()
    first.fill(at)
    first.hand_in(at)
    (row,) = rows(portal, Application)
    return int(row.id)


def bare(page: str) -> str:
    page = re.sub(r'value="[^"]*"|eve\d', "", page)
    return re.sub(r"AUS-\w{4}-\w{4}|applications/\d+", "", page)


def test_c8_nobody_learns_who_is_on_file(portal: Portal) -> None:
    """With another's passport the pages, the mail and the list are as for anybody."""
    known(portal)
    pages: list[tuple[int, list[str]]] = []
    for passport in ({}, {"passport_number": "PB7654321", "family_name": "Roe",
                          "given_name": "Rex", "birthdate": "1970-01-01"}):  # fmt: skip
        eve = f"eve{len(pages)}@example.com"
        browser = portal.browser().sign_in(eve)
        at = browser.begin()
        browser.fill(at, **passport)
        answer = browser.hand_in(at)
        browser.get(f"{at}/done")
        done = [bare(browser.page)]
        done += [
            f"{path} {browser.get(f'{at}/{path}').status_code}"
            for path in ("delete", "files/1", "files/2", "photo", "review", "passport")
        ]
        browser.get(f"{HOME}applications")
        done.append(str(browser.page.count("Show what happens next")))
        browser.get(f"{HOME}track")
        done.append(bare(browser.page.replace(eve, "")))
        done += [
            f"{card} {browser.get(f'{HOME}track/{card}').status_code}"
            for card in (1, 2, 3)
        ]
        browser.post(f"{HOME}sign-out")
        pages.append((answer.status_code, done))
    assert pages[0] == pages[1]
    states = [each.state for each in rows(portal, OnlineApplication)]
    assert states == [OnlineState.SUBMITTED, OnlineState.HELD, OnlineState.SUBMITTED]


def test_c4_nothing_on_file_changes_by_what_a_stranger_types(portal: Portal) -> None:
    """Not the name, not the passport, and not where mail goes."""
    known(portal)
    before = [(each.email, each.family_name) for each in rows(portal, Person)]
    eve = portal.browser().sign_in("eve@example.com")
    at = eve.begin()
    eve.fill(at, family_name="Evil")
    eve.hand_in(at)
    assert [(each.email, each.family_name) for each in rows(portal, Person)] == before
    (line,) = portal.do("portal.held").waiting
    assert line.held_for in {"application.duplicate", "passport.other_person"}
    case = portal.do("portal.look", online=line.online)
    assert [each.person for each in case.alike] == [rows(portal, Person)[0].id]
    with pytest.raises(Conflict, match=r"application\.person_differs"):
        portal.do("portal.take", online=line.online, person_id=case.alike[0].person)
    portal.do("portal.dismiss", online=line.online)
    assert portal.do("portal.held").waiting == ()
    eve.get(f"{HOME}applications")
    assert "You have not begun" in eve.page


def test_i1_an_officer_who_says_who_it_is_does_not_decide(portal: Portal) -> None:
    application = known(portal)
    portal.do("application.withdraw", application=application)
    twin = portal.browser().sign_in("twin@example.com")
    at = twin.begin()
    twin.fill(at)
    twin.hand_in(at)
    (line,) = portal.do("portal.held").waiting
    (person,) = rows(portal, Person)
    taken = portal.do("portal.take", online=line.online, person_id=person.id)
    assert rows(portal, Person)[0].email == "first@example.com"
    with pytest.raises(NotFound):
        portal.do("portal.take", online=line.online, person_id=person.id)
    portal.do("application.open", application=taken.application)
    for _ in portal.do("application.show", application=taken.application).stages:
        portal.do("application.pass_stage", application=taken.application)
    with pytest.raises(Conflict, match="second_person"):
        portal.do("application.approve", application=taken.application)
    portal.do("application.approve", who="bob", application=taken.application)


def test_c4_what_was_held_is_nobodys_of_another_economy(portal: Portal) -> None:
    """A person whom another economy has on file is as unknown here as none."""
    application = known(portal)
    portal.do("application.withdraw", application=application)
    twin = portal.browser().sign_in("twin@example.com")
    at = twin.begin()
    twin.fill(at)
    twin.hand_in(at)
    (line,) = portal.do("portal.held").waiting
    (person,) = rows(portal, Person)

    def abroad(session: Session) -> int:
        copied = {
            column.key: getattr(person, column.key)
            for column in Person.__table__.columns
            if column.key not in {"id", "economy"}
        }
        row = Person(economy="NZL", **copied)
        session.add(row)
        session.flush()
        return row.id

    theirs = portal.back.store.write(abroad, now=person.created_at)
    for number in (theirs, 10**6):
        with pytest.raises(NotFound):
            portal.do("portal.take", online=line.online, person_id=number)


def test_c4_anothers_application_is_not_there(portal: Portal) -> None:
    """Every address of it, read and written."""
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    photo = faces.jpeg(faces.face())
    ann.upload(at, "photo", photo, "me.jpg")
    (file,) = rows(portal, OnlineFile)
    eve = portal.browser().sign_in("eve@example.com")
    nobody = portal.browser()
    paths = [*drafts.STEPS, "done", "delete", f"files/{file.id}"]
    for path in paths:
        assert eve.get(f"{at}/{path}").status_code == 404, path
        assert nobody.get(f"{at}/{path}").status_code == 303, path
    for path in (*drafts.STEPS[:-1], "delete", "hand-in", f"files/{file.id}/remove"):
        eve.get(f"{HOME}applications")
        assert eve.post(f"{at}/{path}", {"do": "next"}).status_code == 404, path
        nobody.get(f"{HOME}sign-in")
        assert nobody.post(f"{at}/{path}").status_code == 401, path
    assert len(rows(portal, OnlineFile)) == 1


def test_c4_a_file_of_another_draft_is_not_there(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    first, second = ann.begin(), ann.begin()
    ann.upload(first, "photo", faces.jpeg(faces.face()), "me.jpg")
    (file,) = rows(small, OnlineFile)
    assert ann.get(f"{second}/files/{file.id}").status_code == 404
    answer = ann.post(f"{second}/files/{file.id}/remove", page=f"{first}/photo")
    assert answer.status_code == 404
    assert ann.get(f"{first}/files/{file.id}").status_code == 200


def test_c4_officers_of_another_economy_see_nothing(small: Portal) -> None:
    known(small)
    desk = small.back.desk("NZL", now=small.clock.now)
    for name in ("portal.held", "portal.payments"):
        answer = all_operations()[name].perform(desk, {})
        assert () in answer.model_dump().values()
    with pytest.raises(NotFound):
        all_operations()["portal.of"].perform(desk, {"application": 1})
    with pytest.raises(NotAllowed):
        all_operations()["portal.open"].perform(
            small.back.desk("AUS", roles=[], now=small.clock.now), {}
        )


def test_c5_fields_that_nobody_offered_do_nothing(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    extra = {"state": "submitted", "application_id": "1", "email": "eve@example.com",
             "role": "admin"}  # fmt: skip
    assert ann.step(at, "passport", {**PASSPORT, **extra}).status_code == 303
    (row,) = rows(small, OnlineApplication)
    assert row.state == OnlineState.DRAFT
    assert set(json.loads(row.answers)["passport"]) <= set(drafts.PASSPORT)
    assert "eve@example.com" not in row.answers


def test_deleting_a_draft_leaves_nothing(portal: Portal) -> None:
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)
    ann.post(f"{at}/delete", page=f"{at}/delete")
    assert rows(portal, OnlineApplication) == rows(portal, OnlineFile) == []
    assert ann.get(f"{at}/passport").status_code == 404


def test_drafts_end_after_the_configured_days(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    small.clock.passes(days=29)
    ann = small.browser().sign_in(ANN)
    assert ann.get(f"{at}/passport").status_code == 200
    small.clock.passes(days=2)
    ann = small.browser().sign_in(ANN)
    assert ann.get(f"{at}/passport").status_code == 404
    assert len(rows(small, OnlineApplication)) == 1
    ann.begin()  # whoever begins one takes old ones away
    assert len(rows(small, OnlineApplication)) == 1


def test_one_applicant_has_so_many_drafts_and_no_more(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    for _ in range(10):
        ann.begin()
    answer = ann.post(f"{HOME}applications/new", page=f"{HOME}applications")
    assert answer.status_code == 409


def test_nothing_new_is_begun_or_handed_in_once_it_is_closed(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)
    small.do("portal.close")
    assert ann.get(f"{at}/review").status_code == 200
    assert ann.hand_in(at).status_code == 409
    answer = ann.post(f"{HOME}applications/new", page=f"{at}/review")
    assert answer.status_code == 409
    assert rows(small, Application) == []


def test_an_administrator_who_closes_the_account_closes_the_door(
    small: Portal,
) -> None:
    with pytest.raises(Conflict, match=r"account\.system"):
        small.do("account.close", account=17)


# Payments


def test_payments_go_through_their_states_and_no_others(portal: Portal) -> None:
    configured(portal)
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    ann.get(f"{at}/payment")
    (row,) = rows(portal, OnlinePayment)
    assert row.reference in ann.page
    assert "70.50" in ann.page
    with pytest.raises(Conflict, match=r"payment\.state"):
        portal.do("payment.refund", payment=row.id)
    assert ann.step(at, "payment", {"told": "transfer 12, 3 May"}).status_code == 303
    (line,) = portal.do("portal.payments", state="told").payments
    assert line.told == "transfer 12, 3 May"
    done = portal.do("payment.confirm", payment=row.id, receipt="statement 7")
    assert done.state == PaymentState.RECEIVED
    with pytest.raises(Conflict, match=r"payment\.state"):
        portal.do("payment.confirm", payment=row.id, receipt="again")
    assert ann.step(at, "payment", {"told": "again"}).status_code == 409
    assert portal.do("payment.refund", payment=row.id).state == PaymentState.REFUNDED
    with pytest.raises(Conflict, match=r"payment\.state"):
        portal.do("payment.cancel", payment=row.id)


def test_q9_what_an_applicant_tells_has_nothing_that_cannot_be_seen(
    portal: Portal,
) -> None:
    """A NUL is no fault of the database; nothing turns an officer's line round."""
    configured(portal)
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    told = {"told": "by\0bank \u202e21"}
    assert ann.step(at, "payment", told).status_code == 303
    assert rows(portal, OnlinePayment)[0].told == "by bank  21"


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "card 4111-1111-1111-1111!",
        "4111\u200b1111\u200b1111\u200b1111",
    ],
)
def test_c8_no_number_of_a_card_is_kept(small: Portal, text: str) -> None:
    portal = configured(small)
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    assert ann.step(at, "payment", {"told": text}).status_code == 409
    (row,) = rows(portal, OnlinePayment)
    assert row.told == ""
    with pytest.raises(Invalid):
        portal.do("payment.confirm", payment=row.id, receipt=text)


def test_where_no_fee_is_known_nobody_invents_one(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    ann.get(f"{at}/payment")
    assert "not known here. Ask Australia." in ann.page
    assert rows(small, OnlinePayment) == []


def test_money_that_came_in_stays_on_file_when_a_draft_is_deleted(
    small: Portal,
) -> None:
    portal = configured(small)
    ann = portal.browser().sign_in(ANN)
    at = ann.begin()
    (row,) = rows(portal, OnlinePayment)
    portal.do("payment.confirm", payment=row.id, receipt="statement 7")
    ann.post(f"{at}/delete", page=f"{at}/delete")
    (kept,) = rows(portal, OnlinePayment)
    assert (kept.state, kept.online_id) == (PaymentState.RECEIVED, None)


# Files


@pytest.mark.parametrize(
    ("step", "content", "name"),
    [
        ("photo", b"", "x.jpg"),
        ("photo", b"<svg onload=alert(1)>", "x.png"),
        ("photo", b"%PDF-1.7\n", "x.pdf"),
        ("photo", faces.jpeg(faces.face())[:2000], "x.jpg"),
        ("photo", faces.png(faces.face().resize((100, 100))), "x.png"),
        ("documents", b"MZ\x90\x00", "x.pdf"),
        ("documents", b"<!doctype html><script>1</script>", "x.pdf"),
        ("documents", PAPER + b"<script>", "x.png"),
    ],
)
def test_hostile_files_are_refused_at_their_field(
    small: Portal, step: str, content: bytes, name: str
) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    answer = ann.upload(at, step, content, name, kind="other")
    assert answer.status_code == 400
    assert 'href="#content"' in ann.page
    assert rows(small, OnlineFile) == []


def test_a_file_leaves_as_an_attachment_and_a_photo_without_metadata(
    small: Portal,
) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    ann.upload(at, "documents", PAPER, "../../<b>.png", kind="other")
    ann.get(f"{at}/documents")
    assert "&lt;b&gt;.png" in ann.page
    (file,) = rows(small, OnlineFile)
    answer = ann.get(f"{at}/files/{file.id}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    for number in range(drafts.MAX_FILES - 1):
        ann.upload(at, "documents", PAPER, f"{number}.png", kind="other")
    answer = ann.upload(at, "documents", PAPER, "one-more.png", kind="other")
    assert answer.status_code == 409
    assert len(rows(small, OnlineFile)) == drafts.MAX_FILES


def test_one_photograph_counts_the_last(small: Portal) -> None:
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    ann.upload(at, "photo", faces.jpeg(faces.grey(faces.face())), "grey.jpg")
    ann.get(f"{at}/photo")
    assert "hardly any colour" in ann.page
    ann.upload(at, "photo", faces.jpeg(faces.face()), "me.jpg")
    ann.get(f"{at}/photo")
    assert "hardly any colour" not in ann.page
    assert "an officer looks at it and decides" in ann.page
    assert len(rows(small, OnlineFile)) == 1


def test_a_file_that_was_chosen_is_kept_whichever_button_is_pressed(
    small: Portal,
) -> None:
    """A document goes with "Save and go on"; a photograph is judged first."""
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    answer = ann.upload(at, "documents", PAPER, "a.png", do="next")
    assert answer.status_code == 400
    assert rows(small, OnlineFile) == []
    answer = ann.upload(at, "documents", PAPER, "a.png", do="next", kind="other")
    assert answer.headers["Location"] == f"{at}/photo"
    grey = faces.jpeg(faces.grey(faces.face()))
    answer = ann.upload(at, "photo", grey, "grey.jpg", do="next")
    assert answer.headers["Location"] == f"{at}/photo"
    answer = ann.upload(at, "photo", faces.jpeg(faces.face()), "me.jpg", do="next")
    assert answer.headers["Location"] == f"{at}/declaration"
    assert [each.kind for each in rows(small, OnlineFile)] == ["other", "portrait"]


def test_whoever_is_signed_in_goes_on_from_the_start_page(small: Portal) -> None:
    """They are not asked for their address again; others are, and come back there."""
    button = f'href="{HOME}applications">Begin or go on'
    visitor = small.browser()
    visitor.get(HOME)
    assert button in visitor.page
    answer = visitor.get(f"{HOME}applications")
    assert f"next={HOME}applications" in unquote(answer.headers["Location"])
    assert small.browser().sign_in(ANN).get(f"{HOME}applications").status_code == 200


def test_one_number_is_told_from_handing_in_to_the_card(small: Portal) -> None:
    """In the mail and on the pages; what was handed in leads to what came of it."""
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)
    ann.hand_in(at)
    (online,) = rows(small, OnlineApplication)
    ann.get(f"{HOME}track")
    assert f"Application {online.reference}" in ann.page
    assert "In review" in ann.page
    (line,) = small.do("application.list", search=online.reference.lower()).applications
    assert line.id == online.application_id
    for step in ("open", "pass_stage", "approve"):
        small.do(f"application.{step}", application=online.application_id)
    told = [json.loads(each)["number"] for each in mail_words(small)]
    assert told == [online.reference] * 2
    (card,) = rows(small, Card)
    answer = ann.get(f"{at}/done")
    assert answer.headers["Location"] == f"{HOME}track/{card.id}"
    ann.get(answer.headers["Location"])
    assert f"Application {online.reference}" in ann.page
    assert "you do not have it yet" in ann.page


def mail_words(portal: Portal) -> list[str]:
    """What the mails say that tell of an application."""
    told = Mail.kind.in_(("application_received", "application_approved"))
    return portal.back.store.read(
        lambda session: list(
            session.scalars(select(Mail.words).where(told).order_by(Mail.id))
        )
    )


def test_the_database_refuses_half_an_application(small: Portal) -> None:
    """Submitted without an application: not even by a statement of SQL."""
    ann = small.browser().sign_in(ANN)
    ann.begin()

    def half(session: Any) -> None:
        row = session.scalars(select(OnlineApplication)).one()
        row.state, row.submitted_at = OnlineState.SUBMITTED, small.clock.now

    with pytest.raises(Forbidden, match="ck_online_application_entered"):
        small.back.store.write(half, now=small.clock.now)


def test_a_renewal_waits_for_an_officer(small: Portal) -> None:
    """Nobody renews a card by typing its number."""
    ann = small.browser().sign_in(ANN)
    at = ann.begin()
    ann.fill(at)

    def renews(session: Any) -> None:
        row = session.scalars(select(OnlineApplication)).one()
        row.kind, row.renews_card_id = ApplicationKind.RENEWAL, 1

    small.back.store.write(renews, now=small.clock.now)
    ann.hand_in(at)
    (row,) = rows(small, OnlineApplication)
    assert (row.state, row.held_for) == (OnlineState.HELD, "application.renewal")
    assert len(rows(small, Applicant)) == 1
