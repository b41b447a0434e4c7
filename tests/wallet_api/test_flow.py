"""From an offer to a card on a phone, and what becomes of it: as a holder lives it."""

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import verifier
from issuer import lifecycle
from issuer.bringing import bring
from issuer.counter import check_number
from issuer.errors import Conflict, Forbidden, SignerUnavailable
from issuer.holding import Shown
from issuer.jws import PublicKey, is_signed_by, public_jwk
from issuer.keys import KeyRecord, KeyUse, Signer
from issuer.offers import MakeOffer, make_offer
from issuer.office import NoSigners, SignerSource
from issuer.store import (
    AccountKind,
    Card,
    Offer,
    Passport,
    PassportLink,
    Phone,
    Restoration,
)
from tests.issuer.office.card_builder import APPROVED
from tests.wallet_api.scene import URL, Scene, TestPhone, body_of, claims_of
from wallet_api.here import NAME
from wallet_api.proof import thumbprint


def test_a_phone_gets_a_card_that_names_its_key(scene: Scene) -> None:
    card = scene.cards.make("AUS", approved=("KOR",))
    phone = scene.phone().take(scene.offer(card))
    claims = claims_of(phone.credential)
    assert claims["cnf"]["jwk"] == public_jwk(phone.holder_key.public_key())
    assert claims["form"] == "app"
    assert verifier.pack(phone.credential)


def test_the_same_request_gives_the_same_card(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone().take(scene.offer(card))
    first = phone.credential
    assert phone.ask().status_code == 200
    assert phone.credential == first
    assert len(scene.cards.issues(card)) == 1


def test_a_clearance_that_arrived_is_on_the_next_card(scene: Scene) -> None:
    card = scene.cards.make("AUS", approved=("KOR",), pending=("JPN",))
    phone = scene.phone().take(scene.offer(card))
    phone.tell()
    assert phone.card()["credential"] == {
        "state": "valid", "since": "2030-01-15T12:00:00Z", "is_newest": True,
    }  # fmt: skip
    scene.cards.answer(card, "JPN", APPROVED)
    assert not phone.card()["credential"]["is_newest"]
    assert phone.ask().status_code == 200
    assert claims_of(phone.credential)["economies"] == ["JPN", "KOR"]
    index = [claims_of(text.text or "")["status"] for text in scene.cards.issues(card)]
    assert index[0] == index[1]
    phone.tell()
    assert phone.card()["credential"]["is_newest"]


def test_what_a_phone_never_said_to_have_is_still_news(scene: Scene) -> None:
    """An answer that was lost on its way does not count as one that arrived."""
    card = scene.cards.make("AUS", pending=("JPN",))
    phone = scene.phone().take(scene.offer(card))
    phone.tell()
    scene.cards.answer(card, "JPN", APPROVED)
    assert phone.ask().status_code == 200
    assert not phone.card()["credential"]["is_newest"]


def test_a_new_phone_takes_the_card_and_the_old_one_says_so(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    old = scene.phone().take(scene.offer(card))
    moved = old.bound("POST", "holder/move", {}).json
    assert moved is not None
    assert moved["offer"].startswith("openid-credential-offer://?credential_offer_uri=")
    scene.clock.passes(minutes=1)
    new = scene.phone()
    code = new.code_of(moved["offer"])
    assert new.redeem(code, moved["tx_code"]).status_code == 200
    assert old.card()["credential"]["state"] == "valid"
    assert new.ask().status_code == 200
    gone = old.card()["credential"]
    assert (gone["state"], gone["since"]) == ("superseded", "2030-01-15T12:01:00Z")
    assert new.card()["credential"]["state"] == "valid"
    assert _denied(old.ask()) == "credential.superseded"
    devices = new.bound("GET", "holder/devices").json
    assert devices is not None
    assert [(each["this"], each["state"]) for each in devices["devices"]] == [
        (True, "valid"), (False, "superseded"),
    ]  # fmt: skip


def _denied(answer: TestResponse) -> str:
    assert answer.status_code == 400
    body = body_of(answer)
    assert body["error"] == "credential_request_denied"
    return str(body["error_description"])


def test_a_card_that_is_not_approved_yet_comes_later(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    _set_state(scene, card, lifecycle.Card.PENDING_HOME)
    phone = scene.phone().accept(scene.offer(card))
    preview = phone.bound("GET", "holder/preview").json
    assert preview is not None
    assert preview["holder"] == {"family_name": "CITIZEN", "given_name": "JANE"}
    assert preview["passport"]["number_end"] == "001"
    waiting = phone.ask()
    assert waiting.status_code == 202
    transaction = body_of(waiting)["transaction_id"]
    again = phone.bound("POST", "deferred", {"transaction_id": transaction})
    assert again.status_code == 202
    assert again.json == {"transaction_id": transaction, "interval": 5}
    _set_state(scene, card, lifecycle.Card.ACTIVE)
    named = {"transaction_id": transaction, "notification": True}
    ready = phone.bound("POST", "deferred", named)
    assert ready.status_code == 200
    phone.notification = body_of(ready)["notification_id"]
    assert not phone.card()["credential"]["is_newest"]
    assert phone.tell().status_code == 204
    assert phone.card()["credential"]["is_newest"]
    used = phone.bound("POST", "deferred", {"transaction_id": transaction})
    assert used.json == {
        "error": "invalid_transaction_id",
        "error_description": "there is no such transaction",
    }


def test_a_wallet_that_does_not_ask_for_it_gets_no_notification_later(
    scene: Scene,
) -> None:
    """Some refuse an answer that has one, and would get no card."""
    card = scene.cards.make("AUS")
    _set_state(scene, card, lifecycle.Card.PENDING_HOME)
    phone = scene.phone().accept(scene.offer(card))
    transaction = body_of(phone.ask())["transaction_id"]
    _set_state(scene, card, lifecycle.Card.ACTIVE)
    ready = phone.bound("POST", "deferred", {"transaction_id": transaction})
    assert list(body_of(ready)) == ["credentials"]


def _set_state(scene: Scene, card: int, state: lifecycle.Card) -> None:
    def work(session: Session) -> None:
        session.get_one(Card, card).state = state

    scene.store.write(work, now=scene.clock())


def test_tokens_end_and_are_renewed(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone().take(scene.offer(card))
    scene.clock.passes(minutes=6)
    assert phone.bound("GET", "holder/card").status_code == 401
    before = phone.refresh
    assert phone.renew().status_code == 200
    assert phone.refresh == before
    assert phone.card()["issuer_name"] == "Australia"


def test_a_lost_answer_loses_no_offer(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    assert phone.redeem(code, offer.one_time_code).status_code == 200
    first = phone.access
    assert phone.redeem(code, offer.one_time_code).status_code == 200
    assert phone.access != first
    assert phone.ask().status_code == 200
    # The tokens arrived: from now on the code is used.
    assert phone.redeem(code, offer.one_time_code).status_code == 400


def test_a_holder_can_say_no(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone().accept(offer)
    assert phone.bound("POST", "holder/decline", {}).status_code == 204
    assert phone.ask().status_code == 401
    assert phone.renew().status_code == 400


def test_a_newer_offer_signs_out_a_phone_that_still_waits(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    waiting = scene.phone().accept(scene.offer(card))
    scene.phone().take(scene.offer(card))
    assert waiting.ask().status_code == 401


def test_the_holder_suspends_and_no_phone_brings_it_back(scene: Scene) -> None:
    card = scene.cards.make("AUS", pending=("JPN",))
    phone = scene.phone().take(scene.offer(card))
    assert phone.bound("POST", "holder/suspend", {}).status_code == 204
    assert phone.bound("POST", "holder/suspend", {}).status_code == 204
    assert phone.card()["credential"]["state"] == "suspended"
    scene.cards.answer(card, "JPN", APPROVED)
    assert _denied(phone.ask()) == "credential.suspended"
    assert phone.bound("POST", "holder/move", {}).status_code == 409
    credential = scene.cards.credentials(card)[0].id
    scene.do("credential.restore", who="bob", credential=credential, why="found again")
    assert phone.ask().status_code == 200


def test_a_suspended_card_is_not_offered_to_a_new_phone(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    offer = scene.offer(card)
    phone = scene.phone().take(offer)
    newer = scene.offer(card)
    other = scene.phone().accept(newer)
    phone.bound("POST", "holder/suspend", {})
    assert _denied(other.ask()) == "credential.suspended"
    with pytest.raises(Conflict, match=r"credential\.suspended"):
        scene.offer(card)


def test_a_phone_that_waits_is_seen_and_removed_by_the_one_that_has_the_card(
    scene: Scene,
) -> None:
    """Somebody has taken the offer on its screen: the holder sees it and says no."""
    card = scene.cards.make("AUS")
    phone, thief = scene.phone().take(scene.offer(card)), scene.phone()
    moved = body_of(phone.bound("POST", "holder/move", {}))
    assert thief.redeem(thief.code_of(moved["offer"]), moved["tx_code"]).status_code
    waiting, mine = body_of(phone.bound("GET", "holder/devices"))["devices"]
    assert (waiting["this"], waiting["state"]) == (False, "waiting")
    assert (mine["this"], mine["state"], mine["id"]) == (True, "valid", None)
    assert remove(thief, waiting["id"]) == "credential.not_valid"
    assert remove(phone, waiting["id"]) is None
    assert thief.ask().status_code == 401
    assert thief.renew().status_code == 400
    assert phone.card()["credential"]["state"] == "valid"
    assert len(body_of(phone.bound("GET", "holder/devices"))["devices"]) == 1
    assert remove(phone, waiting["id"]) == "phone.unknown"


def remove(phone: TestPhone, other: int) -> str | None:
    answer = phone.bound("POST", "holder/remove", {"id": other})
    return None if answer.status_code == 204 else str(body_of(answer)["code"])


def test_w3_a_phone_removes_none_of_another_card(scene: Scene) -> None:
    """Nor one that has its card, nor itself."""
    other = scene.phone().accept(scene.offer(scene.cards.make("AUS")))
    held = scene.cards.make("AUS")
    old = scene.phone().take(scene.offer(held))
    phone = scene.phone().take(scene.offer(held))
    for number in range(1, 6):
        assert remove(phone, number) == "phone.unknown"
    assert remove(old, 1) == "credential.not_valid"
    assert other.ask().status_code == 200
    assert phone.card()["credential"]["state"] == "valid"


def test_a_phone_is_not_removed_while_a_card_may_be_signed_for_it(scene: Scene) -> None:
    """Removed then, it would have the card, and its holder none."""
    card = scene.cards.make("AUS")
    phone, other = scene.phone().take(scene.offer(card)), scene.phone()
    moved = body_of(phone.bound("POST", "holder/move", {}))
    other.redeem(other.code_of(moved["offer"]), moved["tx_code"])
    office = scene.office.office
    keys, office.signers = office.signers, Breaking(office.signers)
    assert other.ask().status_code == 202
    office.signers = keys
    waiting = body_of(phone.bound("GET", "holder/devices"))["devices"][0]
    assert remove(phone, waiting["id"]) == "card.issue_open"
    assert other.ask().status_code == 200


def test_a_phone_takes_its_own_offer_back_and_no_officers(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone, other = scene.phone().take(scene.offer(card)), scene.phone()
    moved = body_of(phone.bound("POST", "holder/move", {}))
    code = other.code_of(moved["offer"])
    assert phone.bound("POST", "holder/stay", {}).status_code == 204
    assert other.redeem(code, moved["tx_code"]).status_code == 400
    offer = scene.offer(card)
    assert phone.bound("POST", "holder/stay", {}).status_code == 204
    assert scene.phone().take(offer).credential


def test_a_revoked_phone_gets_nothing_any_more(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone().take(scene.offer(card))
    scene.do("card.report_lost", card=card, what="phone")
    assert _denied(phone.ask()) == "credential.revoked"
    assert phone.card()["credential"]["state"] == "revoked"
    found = scene.phone().take(scene.offer(card))
    assert found.card()["credential"]["state"] == "valid"


def test_a_lost_phone_is_suspended_from_any_other(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    offer = scene.offer(card)
    phone = scene.phone().take(offer)
    number = scene.cards.credentials(card)[0].document_number
    spelled = offer.lost_phone_code.replace("-", " ").lower()
    report = {"code": spelled, "document_number": number}
    assert phone.client.post("/AUS/lost", json=report).status_code == 204
    assert phone.card()["credential"]["state"] == "suspended"
    assert phone.client.post("/AUS/lost", json=report).status_code == 204


def test_after_the_holders_own_report_an_officer_gives_the_card_to_a_new_phone(
    scene: Scene,
) -> None:
    """The holder suspended it; the officer who offers another answers for that."""
    card = scene.cards.make("AUS")
    lost = scene.phone().take(scene.offer(card))
    assert lost.bound("POST", "holder/suspend", {}).status_code == 204
    scene.do("card.report_lost", card=card, what="phone")
    new = scene.phone().take(scene.offer(card))
    assert new.card()["credential"]["state"] == "valid"
    assert lost.card()["credential"]["state"] == "revoked"
    (row,) = scene.do("card.show", card=card).suspensions
    assert (row.lifted_by_name, row.lift_reason) == (
        "Ann-Aus", "another was made: a test",
    )  # fmt: skip


def test_h2_who_suspended_a_phone_does_not_offer_the_card_to_another(
    scene: Scene,
) -> None:
    """Nor does a program, though what was suspended has ended since."""
    card = scene.cards.make("AUS")
    scene.phone().take(scene.offer(card))
    (credential,) = scene.cards.credentials(card)
    scene.do("credential.suspend", credential=credential.id, why="seen twice")
    scene.do("card.report_lost", card=card, what="phone")
    with pytest.raises(Conflict, match=r"suspension\.second_person"):
        scene.offer(card)
    eve = scene.desk(who="eve")
    program = replace(eve, actor=replace(eve.actor, kind=AccountKind.PROGRAM))
    with pytest.raises(Conflict, match=r"suspension\.second_person"):
        make_offer(program, MakeOffer(card=card))
    assert scene.phone().take(scene.offer(card, who="eve")).credential


def test_a_lost_code_is_tried_five_times(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    offer = scene.offer(card)
    phone = scene.phone().take(offer)
    number = scene.cards.credentials(card)[0].document_number
    wrong = {"code": "0000-0000-0000", "document_number": number}
    right = {"code": offer.lost_phone_code, "document_number": number}
    answers = [phone.client.post("/AUS/lost", json=wrong) for _ in range(5)]
    answers.append(phone.client.post("/AUS/lost", json=right))
    nobody = {"code": "0000-0000-0000", "document_number": "NOBODY"}
    answers.append(phone.client.post("/AUS/lost", json=nobody))
    assert {each.status_code for each in answers} == {400}
    assert len({each.data for each in answers}) == 1
    assert phone.card()["credential"]["state"] == "valid"


def test_w15_what_was_written_down_stays_good_on_the_next_phone(scene: Scene) -> None:
    """Also where a thief has moved the card: the number is the one of before."""
    card = scene.cards.make("AUS")
    offer = scene.offer(card)
    old = scene.phone().take(offer)
    moved = old.bound("POST", "holder/move", {}).json
    assert moved is not None
    new = scene.phone()
    new.redeem(new.code_of(moved["offer"]), moved["tx_code"])
    new.ask()
    first, second = (each.document_number for each in scene.cards.credentials(card))
    assert first != second
    report = {"code": offer.lost_phone_code, "document_number": first}
    assert new.client.post("/AUS/lost", json=report).status_code == 204
    assert new.card()["credential"]["state"] == "suspended"
    report["document_number"] = second
    assert new.client.post("/AUS/lost", json=report).status_code == 204


def test_a_stolen_phone_offers_nothing_once_it_was_reported(scene: Scene) -> None:
    """The thief had made an offer for a phone of his own; then the loss was told."""
    card = scene.cards.make("AUS")
    stolen = scene.phone().take(scene.offer(card))
    moved = body_of(stolen.bound("POST", "holder/move", {}))
    thief = scene.phone()
    assert (
        thief.redeem(thief.code_of(moved["offer"]), moved["tx_code"]).status_code == 200
    )
    scene.do("card.report_lost", card=card, what="phone")
    assert _denied(thief.ask()) == "credential.ended"


def test_a_new_passport_is_not_signed_because_a_phone_asks(scene: Scene) -> None:
    """Who linked it may be who approved the card: a person answers for that."""
    card = scene.cards.make("AUS", pending=("JPN",))
    phone = scene.phone().take(scene.offer(card))
    first = phone.credential
    moved = body_of(phone.bound("POST", "holder/move", {}))
    _link_another(scene, card)
    scene.cards.answer(card, "JPN", APPROVED)
    assert phone.ask().status_code == 200
    assert phone.credential == first
    new = scene.phone()
    assert new.redeem(new.code_of(moved["offer"]), moved["tx_code"]).status_code == 200
    assert _denied(new.ask()) == "passport.changed"
    by_officer = scene.phone().take(scene.offer(card))
    assert claims_of(by_officer.credential)["passport"]["number"] == "PB0000001"


def _link_another(scene: Scene, card: int) -> None:
    def work(session: Session) -> None:
        link = session.scalars(
            select(PassportLink).where(PassportLink.card_id == card)
        ).one()
        old = session.get_one(Passport, link.passport_id)
        passport = Passport(
            economy="AUS", person_id=old.person_id, issuer="AUS", number="PB0000001",
            issued_on=old.issued_on, expires_on=old.expires_on,
        )  # fmt: skip
        link.state = lifecycle.PassportLink.REPLACED
        session.add(passport)
        session.flush()
        session.add(
            PassportLink(
                card_id=card, passport_id=passport.id,
                state=lifecycle.PassportLink.LINKED,
                linked_at=scene.clock(), changed_at=scene.clock(),
            )
        )  # fmt: skip

    scene.store.write(work, now=scene.clock())


def test_who_approved_a_card_does_not_offer_it(scene: Scene) -> None:
    """Bob approved every card here; the database compares."""
    card = scene.cards.make("AUS")
    with pytest.raises(Forbidden, match="ck_offer_four_eyes"):
        scene.offer(card, who="bob")


def test_who_offered_a_card_does_not_approve_it_afterwards(scene: Scene) -> None:
    """Made before the approval, an offer of the approver's own gives nothing."""
    card = scene.cards.make("AUS")
    _forget_approval(scene, card)
    phone = scene.phone().accept(scene.offer(card, who="bob"))
    assert phone.ask().status_code == 202
    _approve(scene, card)
    assert _denied(phone.ask()) == "rule"
    assert scene.cards.issues(card) == []


def _forget_approval(scene: Scene, card: int) -> None:
    def work(session: Session) -> None:
        row = session.get_one(Card, card)
        row.state, row.approved_by = lifecycle.Card.PENDING_HOME, None

    scene.store.write(work, now=scene.clock())


def _approve(scene: Scene, card: int) -> None:
    bob = scene.office.desk("AUS", who="bob").actor.account_id

    def work(session: Session) -> None:
        row = session.get_one(Card, card)
        row.state, row.approved_by = lifecycle.Card.ACTIVE, bob

    scene.store.write(work, now=scene.clock())


def test_nothing_is_offered_after_its_time(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    scene.clock.passes(minutes=15)
    assert phone.redeem(code, offer.one_time_code).json == {"error": "invalid_grant"}


def test_a_counter_gives_the_card_to_the_phone_that_is_there(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone()
    begun = _counter(phone, {})
    assert _counter(phone, {"id": begun["id"]}) == {"offer": None}
    number = _number(phone, begun["random"])
    scene.do("counter.activate", card=card, number=f"{number[:4]} {number[4:]}")
    stranger = scene.phone()
    assert _counter(stranger, {"id": begun["id"]})["code"] == "counter.unknown"
    link = _counter(phone, {"id": begun["id"]})["offer"]
    code = phone.code_of(link)
    assert stranger.redeem(code).json == {"error": "invalid_grant"}
    assert phone.redeem(code).status_code == 200
    assert phone.ask().status_code == 200


def _counter(phone: TestPhone, body: object) -> Any:
    answer = phone.client.post(
        "/AUS/counter",
        json=body,
        headers={"DPoP": phone.dpop("POST", "counter")},
    )
    return answer.json


def _number(phone: TestPhone, random: object) -> str:
    return check_number(thumbprint(phone.key.public_key()), str(random))


def test_a_phone_waits_at_a_counter_for_ten_minutes(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone()
    begun = _counter(phone, {})
    number = _number(phone, begun["random"])
    scene.clock.passes(minutes=10)
    with pytest.raises(Conflict, match=r"counter\.unknown"):
        scene.do("counter.activate", card=card, number=number)
    assert _counter(phone, {"id": begun["id"]})["code"] == "counter.unknown"


def test_a_digit_typed_wrong_at_the_counter_is_told(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone()
    number = _number(phone, _counter(phone, {})["random"])
    wrong = f"{(int(number[0]) + 1) % 10}{number[1:]}"
    for typed, code in ((wrong, "counter.number"), ("00000000", "counter.unknown")):
        with pytest.raises(Conflict, match=code):
            scene.do("counter.activate", card=card, number=typed)


def test_who_asks_again_is_told_only_what_is_new(scene: Scene) -> None:
    phone = scene.phone().take(scene.offer(scene.cards.make("AUS")))
    first = phone.bound("GET", "holder/card")
    scene.clock.passes(minutes=1)
    same = phone.bound(
        "GET", "holder/card", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (same.status_code, same.data) == (304, b"")
    phone.tell()
    news = phone.bound(
        "GET", "holder/card", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert news.status_code == 200


def test_economies_stand_as_their_answers_are(scene: Scene) -> None:
    card = scene.cards.make("AUS", approved=("KOR",), pending=("JPN",))
    scene.cards.answer(card, "KOR", lifecycle.Preclearance.WITHDRAWN)
    phone = scene.phone().take(scene.offer(card))
    rows = {each["code"]: each for each in phone.card()["economies"]}
    assert rows["KOR"]["state"] == "withdrawn"
    assert rows["JPN"]["state"] == "waiting"
    assert rows["AUS"]["state"] == "not_needed"
    assert rows["USA"]["state"] == "not_available"
    assert rows["USA"]["since"] is None


def test_stays_keep_their_unit_and_each_fact_names_its_source(scene: Scene) -> None:
    """Three months are not ninety days, and what is unknown has no source."""
    card = scene.cards.make("KOR", approved=("AUS", "IDN"))
    phone = scene.phone("KOR").take(scene.offer(card, economy="KOR"))
    rows = {each["code"]: each for each in phone.card()["economies"]}
    assert rows["AUS"]["stay"] == {"value": 3, "unit": "months"}
    assert rows["IDN"]["stay"] == {"value": 60, "unit": "days"}
    assert rows["IDN"]["passport_validity"] == {"value": 6, "unit": "months"}
    assert rows["USA"]["stay"] is None
    sources = rows["AUS"]["sources"]
    verified = {"name": "AUS Home Affairs", "mark": "verified", "since": None,
                "until": None}  # fmt: skip
    assert sources["stay"] == verified
    assert sources["passport"] is None
    assert sources["form"]["mark"] == "assumed"


def test_a_signer_that_is_away_makes_nobody_ask_twice(scene: Scene) -> None:
    """The card comes later, by the same request, and once."""
    card = scene.cards.make("AUS")
    phone = scene.phone().accept(scene.offer(card))
    office = scene.office.office
    keys, office.signers = office.signers, NoSigners()
    waiting = phone.ask()
    assert waiting.status_code == 202
    office.signers = keys
    transaction = body_of(waiting)["transaction_id"]
    scene.clock.passes(seconds=5)
    named = {"transaction_id": transaction, "notification": True}
    ready = phone.bound("POST", "deferred", named)
    assert ready.status_code == 200
    assert len(scene.cards.issues(card)) == 1


def test_metadata_says_where_to_ask(small: Scene) -> None:
    client = small.app.test_client()
    for path in (
        "/.well-known/openid-credential-issuer/AUS",
        "/AUS/.well-known/openid-credential-issuer",
    ):
        metadata = client.get(path).json
        assert metadata is not None
        assert metadata["credential_issuer"] == f"{URL}/AUS"
        configuration = metadata["credential_configurations_supported"]["AbtcCard"]
        assert configuration["format"] == "dc+sd-jwt"
        assert configuration["credential_metadata"]["claims"]
    server = client.get("/.well-known/oauth-authorization-server/AUS").json
    assert server is not None
    assert server["issuer"] == f"{URL}/AUS"
    assert client.get("/.well-known/openid-credential-issuer/JPN").status_code == 404


def test_signed_metadata_is_the_economys(small: Scene) -> None:
    answer = small.app.test_client().get(
        "/.well-known/openid-credential-issuer/AUS",
        headers={"Accept": "application/jwt"},
    )
    assert answer.mimetype == "application/jwt"
    text = answer.get_data(as_text=True)
    claims = claims_of(text)
    assert claims["sub"] == claims["credential_issuer"] == f"{URL}/AUS"
    assert claims["exp"] - claims["iat"] == timedelta(days=1).total_seconds()
    signer, _ = small.office.office.signers.signer("AUS", "status", now=small.clock())
    signed, _, signature = text.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert is_signed_by(signer.public_key, signed.encode(), raw)


def test_time_is_told(small: Scene) -> None:
    answer = small.app.test_client().get("/time")
    assert answer.json == {"now": "2030-01-15T12:00:00+00:00"}
    assert answer.headers["Date"] == "Tue, 15 Jan 2030 12:00:00 GMT"


def test_no_token_and_no_code_lies_in_the_database(scene: Scene) -> None:
    offer = scene.offer(scene.cards.make("AUS"))
    phone = scene.phone()
    code = phone.code_of(offer)
    phone.take(offer)

    def everything(session: Session) -> str:
        rows = [*session.scalars(select(Offer)), *session.scalars(select(Phone))]
        return repr([vars(row) for row in rows])

    kept = scene.store.read(everything)
    secrets = (code, offer.one_time_code, offer.lost_phone_code, phone.access,
               phone.refresh, offer.link.rpartition("%2F")[2])  # fmt: skip
    assert not [each for each in secrets if f"'{each}'" in kept]


def test_what_another_phone_began_and_left_is_completed_first(scene: Scene) -> None:
    """The signer went away in the middle; the next phone waits, and has it then."""
    card = scene.cards.make("AUS")
    first = scene.phone().accept(scene.offer(card))
    office = scene.office.office
    keys, office.signers = office.signers, Breaking(office.signers)
    assert first.ask().status_code == 202
    office.signers = keys
    second = scene.phone().accept(scene.offer(card))
    assert second.ask().status_code == 202  # somebody may still be at it
    scene.clock.passes(minutes=2)
    assert second.ask().status_code == 200
    states = [each.state for each in scene.cards.credentials(card)]
    assert states == ["superseded", "valid"]


def test_a_phone_that_was_overtaken_while_it_waited_takes_nothing_back(
    scene: Scene,
) -> None:
    """It was let in, and then a newer phone came before it had its turn."""
    card = scene.cards.make("AUS")
    late = scene.phone().accept(scene.offer(card))
    asked = late.proof(late.nonce())
    holders = scene.app.extensions[NAME].holders
    shown = Shown(economy="AUS", access=late.access, proof="p",
                  phone_key=thumbprint(late.key.public_key()))  # fmt: skip
    known = holders.known(shown, now=scene.clock())
    newer = scene.phone().take(scene.offer(card))
    desk = scene.office.office.system_desk("AUS", now=scene.clock(), reason="late")
    with pytest.raises(Conflict, match=r"phone\.overtaken"):
        bring(desk, known.phone_id)
    assert late.ask(asked).status_code == 401
    assert newer.card()["credential"]["state"] == "valid"


@dataclass(frozen=True, slots=True)
class Breaking:
    """Keys that are found, and do not answer when they are to sign."""

    keys: SignerSource

    def signer(
        self, economy: str, use: KeyUse, *, now: datetime
    ) -> tuple[Signer, KeyRecord]:
        signer, record = self.keys.signer(economy, use, now=now)
        return Silent(signer.key_id, signer.use, signer.public_key), record


@dataclass(frozen=True, slots=True)
class Silent:
    key_id: str
    use: KeyUse
    public_key: PublicKey

    def sign(self, data: bytes) -> bytes:
        raise SignerUnavailable("the module does not answer")


def test_a_database_that_was_put_back_signs_nothing_yet(scene: Scene) -> None:
    card = scene.cards.make("AUS")
    phone = scene.phone().accept(scene.offer(card))

    def put_back(session: Session) -> None:
        session.add(Restoration(economy="AUS", restored_at=scene.clock()))

    scene.store.write(put_back, now=scene.clock())
    assert phone.ask().status_code == 202
