"""Cards in the web pages: finding, showing, making again, ending, printing."""

import io
import json
import re
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.jws import new_private_key, public_jwk
from issuer.operations import all_operations
from issuer.plastic import read_batch
from issuer.store import (
    AuditRow,
    Card,
    Content,
    Document,
    DocumentKind,
    PassportLink,
    Person,
    Plastic,
    PlasticState,
    Role,
)
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.issuer.plastic_cards import photo
from tests.issuer.web.front import Browser, Front
from tests.simulator import NOW

HOSTILE = "<script>alert(1)</script>\u202e\u200bO'Brien\" onload=x"


@pytest.fixture
def front(prepared_small: Prepared) -> Front:
    """An office of an economy that issues both forms."""
    return Front.of(office_at(prepared_small, hosted=("KOR", "NZL")))


@pytest.fixture
def cards(front: Front) -> CardBuilder:
    return CardBuilder(office=front.back)


@pytest.fixture
def clerk(front: Front) -> Browser:
    """Somebody who issues; not who entered or approved what the builder makes."""
    roles = (Role.ISSUING, Role.INTAKE, Role.VETTING)
    return front.browser().enter(front.person("KOR", roles=roles))


def do(front: Front, name: str, **fields: Any) -> Any:
    return all_operations()[name].perform(front.back.desk("KOR"), fields)


def with_portrait(front: Front, card: int) -> None:
    """Put a portrait to the application of a card."""
    data = photo()
    digest = sha256(data).hexdigest()

    def work(session: Session) -> None:
        row = session.get_one(Card, card)
        if session.get(Content, digest) is None:
            content = Content(sha256=digest, media_type="image/jpeg", data=data)
            session.add(content)
            session.flush()
        session.add(
            Document(application_id=row.application_id, kind=DocumentKind.PORTRAIT,
                     name="p.jpg", sha256=digest, added_by=1, added_at=NOW)
        )  # fmt: skip

    front.back.store.write(work, now=NOW)


def state(front: Front, card: int) -> str:
    return front.back.store.read(lambda s: s.get_one(Card, card).state.value)


def plain(browser: Browser) -> str:
    """The words of the page."""
    return " ".join(re.sub(r"<[^>]+>", " ", browser.page).split())


def act(browser: Browser, card: int, name: str, **fields: Any) -> Any:
    path = f"/cards/{card}/do/{name}"
    reason = {"reason": "a test"}
    return browser.post(path, reason | fields, page=path + _query(fields))


def _query(fields: dict[str, Any]) -> str:
    return f"?credential={fields['credential']}" if "credential" in fields else ""


def test_a_card_is_found_without_its_numbers_in_an_address(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    fields = {"passport_number": "pa0000001", "reason": "asked by telephone"}
    page = clerk.post("/cards", fields, page="/cards")
    assert page.status_code == 200
    assert f'href="/cards/{card}"' in clerk.page
    assert "PA0000001" not in " ".join(re.findall(r'href="([^"]+)"', clerk.page))
    clerk.get(f"/cards/{card}")
    rows = front.back.store.read(
        lambda s: s.scalars(select(AuditRow).order_by(AuditRow.seq.desc())).all()
    )
    assert rows[0].tag == "card:read"
    assert rows[0].reason == "asked by telephone"


def test_what_was_sought_stays_in_the_form_where_it_is_refused(clerk: Browser) -> None:
    fields = {"birthdate": "1980-05-04", "reason": "asked by telephone"}
    assert clerk.post("/cards", fields, page="/cards").status_code == 400
    assert "give a document number" in clerk.page
    assert 'value="1980-05-04"' in clerk.page


def test_the_page_offers_legal_actions_only_each_with_its_consequence(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    clerk.get(f"/cards/{card}")
    assert "Put the card into an app" in clerk.page
    assert "A phone gets the card" in clerk.page
    assert "Lift the card" not in clerk.page
    assert act(clerk, card, "suspend").status_code == 303
    clerk.get(f"/cards/{card}")
    assert "Lift the card" in clerk.page
    assert "Put the card into an app" not in clerk.page
    assert act(clerk, card, "issue-app").status_code in {400, 409}
    assert "cannot be done with the card as it stands" in clerk.page


def test_lifting_a_suspension_is_for_another_person(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    act(clerk, card, "suspend")
    assert act(clerk, card, "restore", reason="found again").status_code == 409
    assert "nother person has to lift it" in clerk.page
    assert 'value="found again"' in clerk.page
    other = front.browser().enter(front.person("KOR", roles=[Role.ISSUING]))
    assert act(other, card, "restore").status_code == 303
    assert state(front, card) == "active"


def test_cancelling_needs_the_word_and_the_cards_own_number(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card, other = cards.make(), cards.make()
    for typed in ("", "CANCEL", f"CANCEL {other}"):
        assert act(clerk, card, "cancel", confirm=typed).status_code == 400
        assert state(front, card) == "active"
        assert "Type CANCEL" in clerk.page
    assert act(clerk, card, "cancel", confirm=f"cancel {card}").status_code == 303
    assert state(front, card) == "cancelled"


def test_a_phone_a_credential_and_a_card_end_by_three_different_buttons(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    app = do(front, "card.issue_app", card=card, holder_key=phone())
    plastic = do(front, "card.issue_plastic", card=card)
    clerk.get(f"/cards/{card}")
    for words in ("Only the code on the phone ends", "ends and never returns",
                  "Nothing of it returns"):  # fmt: skip
        assert words in clerk.page
    act(clerk, card, "lost-phone", confirm=f"PHONE {card}")
    ended = {each.id: each.state.value for each in cards.credentials(card)}
    assert ended == {app.credential: "revoked", plastic.credential: "valid"}
    act(clerk, card, "revoke-credential", credential=plastic.credential,
        confirm=f"REVOKE {card}")  # fmt: skip
    assert {each.state.value for each in cards.credentials(card)} == {"revoked"}
    assert state(front, card) == "active"


def test_the_phones_key_is_pasted_or_a_file(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    assert act(clerk, card, "issue-app", key_text="hello").status_code == 400
    assert "Paste the text that the phone shows" in clerk.page
    assert ">hello</textarea>" in clerk.page
    file = (io.BytesIO(json.dumps(phone()).encode()), "key.json")
    done = act(clerk, card, "issue-app", key_file=file)
    assert done.status_code == 200
    assert "eyJ" in clerk.page
    assert [each.state.value for each in cards.credentials(card)] == ["valid"]


def test_i3_a_private_key_is_refused_and_never_shown_again(
    cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    key = new_private_key()
    secret = "AAAA" * 10 + "AAA"
    text = json.dumps({**public_jwk(key.public_key()), "d": secret})
    assert act(clerk, card, "issue-app", key_text=text).status_code == 400
    assert "secret half" in clerk.page
    assert secret not in clerk.page
    assert cards.credentials(card) == []


def test_every_reason_is_offered_or_says_what_is_in_the_way(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    clerk.get(f"/cards/{card}/reissue")
    shown = plain(clerk)
    for words in ("The card ends soon", "New passport", "An economy was added",
                  "The card is lost", "The phone is lost", "Only the plastic is lost",
                  "damaged", "withdrew", "Convert to the app",
                  "New application"):  # fmt: skip
        assert words in shown
    assert "Not now. There is no plastic" in shown
    assert f"/cards/{card}/reissue/damage" not in clerk.page
    do(front, "card.issue_plastic", card=card)
    clerk.get(f"/cards/{card}/reissue")
    assert f"/cards/{card}/reissue/damage" in clerk.page


def test_converting_says_what_it_keeps_and_ends_the_plastic(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    do(front, "card.issue_plastic", card=card)
    path = f"/cards/{card}/reissue/convert_to_virtual"
    clerk.get(path)
    shown = plain(clerk)
    assert "no destination is asked again" in shown
    assert re.search(r"The end day stays: \d+ January 2035\.", shown)
    fields = {"reason": "asked for", "key_text": json.dumps(phone())}
    assert clerk.post(path, fields, page=path).status_code == 400
    assert clerk.post(path, fields | {"confirm": f"CONVERT {card}"}).status_code == 200
    assert [each.state.value for each in cards.credentials(card)] == [
        "superseded",
        "valid",
    ]
    assert "take it back" in clerk.page


def test_a_new_application_warns_that_everything_ends_and_opens_a_draft(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    path = f"/cards/{card}/reissue/new_application"
    clerk.get(path)
    assert "All of its pre-clearances" in plain(clerk)
    fields = {"reason": "asked for", "country": "KOR", "number": "NEW12345",
              "issued_on": "2029-12-01", "expires_on": "2039-12-01"}  # fmt: skip
    assert clerk.post(path, fields, page=path).status_code == 400
    done = clerk.post(path, fields | {"confirm": f"NEW {card}"})
    assert done.status_code == 303
    assert re.fullmatch(r"/applications/[0-9]+", done.headers["Location"])
    assert state(front, card) == "active"


def test_a_new_passport_is_linked_as_it_was_shown_or_not_at_all(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make(approved=("AUS", "SGP"))
    do(front, "card.issue_app", card=card, holder_key=phone())
    path = f"/cards/{card}/passport"
    fields = {"country": "kor", "number": "new777", "expires_on": "2033-01-01",
              "reason": "renewed", "step": "preview"}  # fmt: skip
    clerk.post(path, fields, page=path)
    assert "Asked again" in clerk.page
    assert "The card ends earlier, with the passport" in clerk.page
    digest = re.findall(r'name="digest" value="([0-9a-f]{64})"', clerk.page)[0]
    cards.answer(card, "SGP", lifecycle.Preclearance.WITHDRAWN)
    link = fields | {"step": "link", "digest": digest, "confirm": f"LINK {card}"}
    assert clerk.post(path, link).status_code == 409
    assert "omething has changed since it was shown" in clerk.page
    fresh = re.findall(r'name="digest" value="([0-9a-f]{64})"', clerk.page)[0]
    assert (
        clerk.post(path, link | {"digest": fresh, "confirm": "no"}).status_code == 400
    )
    assert clerk.post(path, link | {"digest": fresh}).status_code == 200
    linked = front.back.store.read(
        lambda s: s.scalars(
            select(PassportLink.state).where(PassportLink.card_id == card)
        ).all()
    )
    assert sorted(linked) == ["linked", "replaced"]


def test_a_lost_card_is_reported_then_continued(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()
    path = f"/cards/{card}/reissue/lost_card"
    fields = {"reason": "left on a train", "police_report": "yes"}
    assert clerk.post(path, fields, page=path).status_code == 400
    clerk.post(path, fields | {"confirm": f"LOST {card}"})
    assert state(front, card) == "lost"
    done = clerk.post(path, fields, page=path)
    assert done.status_code == 303
    clerk.get(done.headers["Location"])
    assert f"Card {card}</a>, which was lost" in clerk.page


def test_c2_a_hostile_name_is_text_and_turns_no_line_around(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    card = cards.make()

    def work(session: Session) -> None:
        person = session.get_one(Person, session.get_one(Card, card).person_id)
        person.family_name = HOSTILE

    front.back.store.write(work, now=NOW)
    act(clerk, card, "suspend", reason=HOSTILE)
    for path in (f"/cards/{card}", f"/cards/{card}/reissue", f"/cards/{card}/passport",
                 f"/cards/{card}/do/cancel"):  # fmt: skip
        assert clerk.get(path).status_code == 200
        assert "<script>" not in clerk.page
        assert "\u202e" not in clerk.page
        assert "&lt;script&gt;" in clerk.page


ADDRESSES = (
    ("GET", "/cards/{card}"), ("GET", "/cards/{card}/portrait"),
    ("GET", "/cards/{card}/do/cancel"), ("POST", "/cards/{card}/do/cancel"),
    ("GET", "/cards/{card}/reissue"), ("GET", "/cards/{card}/reissue/damage"),
    ("POST", "/cards/{card}/reissue/damage"), ("GET", "/cards/{card}/passport"),
    ("POST", "/cards/{card}/passport"), ("GET", "/plastic/{credential}"),
    ("GET", "/plastic/{credential}/front.png"),
    ("GET", "/plastic/{credential}/card.pdf"),
    ("POST", "/plastic/{credential}/hand-over"),
    ("POST", "/plastic/{credential}/spoil"), ("POST", "/plastic/batch/{batch}/take"),
)  # fmt: skip


def test_c4_another_economys_card_is_not_there(
    front: Front, cards: CardBuilder
) -> None:
    card = cards.make()
    with_portrait(front, card)
    plastic = do(front, "card.issue_plastic", card=card)
    batch = do(front, "plastic.batch").batch
    theirs = front.browser().enter(front.person("NZL"))
    named = {"card": card, "credential": plastic.credential, "batch": batch}
    for method, address in ADDRESSES:
        path = address.format(**named)
        if method == "GET":
            status = theirs.get(path).status_code
        else:
            status = theirs.post(path, {"reason": "x"}, page="/account").status_code
        assert status == 404, (method, path)


# Plastic


def printed(front: Front, cards: CardBuilder, *, portrait: bool = True) -> Any:
    card = cards.make()
    if portrait:
        with_portrait(front, card)
    return do(front, "card.issue_plastic", card=card)


def where(front: Front, credential: int) -> PlasticState:
    return front.back.store.read(lambda s: s.get_one(Plastic, credential).state)


def test_a_card_is_drawn_as_it_will_be_printed(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    done = printed(front, cards)
    clerk.get(f"/plastic/{done.credential}")
    assert done.document_number in clerk.page
    assert "I&lt;KOR" in clerk.page or "&lt;KOR" in clerk.page
    front_side = clerk.get(f"/plastic/{done.credential}/front.png")
    assert front_side.data.startswith(b"\x89PNG")
    pdf = clerk.get(f"/plastic/{done.credential}/card.pdf")
    assert pdf.data.startswith(b"%PDF")
    assert "attachment" in pdf.headers["Content-Disposition"]
    assert done.document_number not in pdf.headers["Content-Disposition"]


def test_without_a_portrait_nothing_is_printed_and_the_page_says_why(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    done = printed(front, cards, portrait=False)
    assert clerk.get(f"/plastic/{done.credential}").status_code == 409
    assert "application has no portrait" in clerk.page
    clerk.get("/plastic")
    assert "No portrait" in clerk.page


def test_a_batch_goes_to_the_bureau_once_without_what_cannot_be_printed(
    front: Front, cards: CardBuilder, clerk: Browser, tmp_path: Path
) -> None:
    good, bad = printed(front, cards), printed(front, cards, portrait=False)
    clerk.post("/plastic/batch", {"reason": "the week's cards"}, page="/plastic")
    assert "Left out" in clerk.page
    sums = re.findall(r'class="secret">([0-9a-f]{64})<', clerk.page)[0]
    assert where(front, good.credential) == PlasticState.AT_BUREAU
    assert where(front, bad.credential) == PlasticState.TO_PRINT
    take = re.findall(r'action="(/plastic/batch/[^"]+/take)"', clerk.page)[0]
    archive = clerk.post(take, {"reason": "to the bureau"})
    path = tmp_path / "taken.zip"
    path.write_bytes(archive.data)
    with zipfile.ZipFile(path) as opened:
        assert sha256(opened.read("SHA256SUMS")).hexdigest() == sums
    batch = read_batch(path, expected_sums_sha256=sums)
    numbers = [each.document_number for each in batch.index.cards]
    assert numbers == [good.document_number]
    again = clerk.post("/plastic/batch", {"reason": "again"}, page="/plastic")
    assert again.status_code == 409
    tags = front.back.store.read(lambda s: s.scalars(select(AuditRow.tag)).all())
    assert {"plastic:made", "plastic:batched", "export:made"} <= set(tags)


def test_a_card_that_ended_is_neither_printed_nor_handed_over(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    done = printed(front, cards)
    do(front, "credential.revoke", credential=done.credential, why="forged papers")
    clerk.post("/plastic/batch", {"reason": "x"}, page="/plastic")
    assert where(front, done.credential) == PlasticState.TO_PRINT
    path = f"/plastic/{done.credential}/hand-over"
    assert clerk.post(path, {"reason": "x"}, page="/plastic").status_code == 409
    assert where(front, done.credential) == PlasticState.TO_PRINT


def test_a_spoiled_card_is_made_again_under_an_entry_of_its_own(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    done = printed(front, cards)
    path = f"/plastic/{done.credential}/spoil"
    assert clerk.post(path, {"reason": "x"}, page="/plastic").status_code == 303
    old, new = cards.credentials(done.card)
    assert where(front, old.id) == PlasticState.SPOILED
    assert where(front, new.id) == PlasticState.TO_PRINT
    assert (old.list_number, old.list_index) != (new.list_number, new.list_index)
    assert (old.state, new.state) == ("superseded", "valid")
    assert clerk.post(path, {"reason": "x"}, page="/plastic").status_code == 409
    assert len(cards.credentials(done.card)) == 2


def test_a_card_is_handed_over_once(
    front: Front, cards: CardBuilder, clerk: Browser
) -> None:
    done = printed(front, cards)
    path = f"/plastic/{done.credential}/hand-over"
    assert clerk.post(path, {"reason": "x"}, page="/plastic").status_code == 303
    assert where(front, done.credential) == PlasticState.HANDED_OVER
    assert clerk.post(path, {"reason": "x"}, page="/plastic").status_code == 409
