"""Whatever a destination elsewhere must hear of waits for it, and nothing else does."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from issuer.errors import Forbidden, ServiceRefused
from issuer.lifecycle import Side
from issuer.link import worker as module
from issuer.link.outgoing import (
    enlist,
    note_questions,
    note_told,
    take_news,
    take_questions,
)
from issuer.link.protocol import RowResult
from issuer.link.worker import Worker
from issuer.office import Desk
from issuer.preclearances import send
from issuer.store import (
    Card,
    Credential,
    LinkPartner,
    LinkQuestion,
    Passport,
    PassportLink,
    StatusList,
)
from tests.issuer.link.asker import TAKEN, Asker
from tests.issuer.office.flow import refused, rows
from tests.simulator import NOW

NEW_PASSPORT = {
    "country": "AUS", "number": "N7654321", "issued_on": "2029-12-01",
    "expires_on": "2039-12-01",
}  # fmt: skip


def every_question(asker: Asker) -> list[LinkQuestion]:
    found: list[LinkQuestion] = asker.flow.read(
        lambda session: rows(session, LinkQuestion)
    )
    return found


def relink(asker: Asker, card: int) -> None:
    fields: dict[str, Any] = {"card": card, **NEW_PASSPORT}
    preview = asker.flow.do("card.preview_passport", **fields)
    asker.flow.do("card.link_passport", **fields, confirmation=preview.digest)


def test_who_has_no_link_is_asked_by_letter(asker: Asker) -> None:
    asker.flow.circulated()
    assert every_question(asker) == []


def test_a_circulated_card_is_asked_about_under_its_reference(asker: Asker) -> None:
    asker.open()
    case = asker.flow.circulated(family_name="Tran")
    (waiting,) = every_question(asker)  # and JPN, hosted here, is asked as ever
    assert (waiting.destination, waiting.told) == ("SGP", 0)
    (sent,) = asker.send()
    assert sent["reference"] == f"card-{case.card}"
    assert (sent["issuer"], sent["family_name"]) == ("AUS", "Tran")
    assert sent["card_expires_at"] is not None
    assert asker.send() == []
    assert asker.question(case).told == asker.question(case).changed


def test_what_is_not_committed_is_not_told(asker: Asker) -> None:
    asker.open()
    case = asker.flow.active()

    def break_off(session: Session) -> None:
        card = session.get_one(Card, case.card)
        send(session, asker.flow.desk(), card, ["SGP"], by=Side.HOME)
        session.flush()
        assert len(rows(session, LinkQuestion)) == 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        asker.flow.write(break_off)
    assert every_question(asker) == []


def test_questions_older_than_the_link_are_asked_once(asker: Asker) -> None:
    old = [asker.flow.circulated() for _ in range(3)]
    opened = asker.open()
    assert opened.waiting == 3
    new = asker.flow.circulated()
    while enlist(asker.desk(), "SGP", limit=2):
        pass
    sent = [each["reference"] for each in asker.send()]
    assert sorted(sent) == sorted(f"card-{each.card}" for each in [*old, new])
    assert enlist(asker.desk(), "SGP") == 0


def test_a_killed_sender_sends_the_same_again(asker: Asker) -> None:
    """Nothing but what was written down goes out, whatever changed since."""
    asker.open()
    case = asker.flow.circulated()
    _, first = take_questions(asker.desk(), "SGP", limit=10)
    asker.flow.do("card.suspend", card=case.card, why="a question")
    _, again = take_questions(asker.desk(), "SGP", limit=10)
    assert (again[0].body, again[0].key) == (first[0].body, first[0].key)
    note_questions(asker.desk(), again, [TAKEN])
    (told,) = asker.send()
    assert told == {"reference": f"card-{case.card}", "event": "suspend"}


def test_an_answer_noted_twice_counts_once(asker: Asker) -> None:
    asker.open()
    case = asker.flow.circulated()
    _, sent = take_questions(asker.desk(), "SGP", limit=10)
    assert note_questions(asker.desk(), sent, [TAKEN]) == (1, 0)
    late = RowResult(status=409, code="incoming.not_possible")
    note_questions(asker.desk(), sent, [late])
    assert asker.question(case).problem == ""


def test_an_ended_card_is_told(asker: Asker) -> None:
    asker.open()
    case = asker.asked()
    asker.flow.do("card.cancel", card=case.card, why="a test")
    assert asker.send() == [{"reference": f"card-{case.card}", "event": "cancel"}]
    assert asker.state(case) == "lapsed"
    assert asker.send() == []


def test_who_was_never_asked_is_not_told_of_the_end(asker: Asker) -> None:
    asker.open()
    case = asker.flow.circulated()
    asker.flow.do("card.cancel", card=case.card, why="a test")
    assert asker.send() == []
    assert asker.question(case).told == asker.question(case).changed


def test_states_are_told_not_histories(asker: Asker) -> None:
    asker.open()
    case = asker.asked()
    asker.flow.do("card.suspend", card=case.card, why="a test")
    asker.flow.do("card.restore", card=case.card, who="ann", why="a mistake")
    assert asker.send() == []


def test_a_new_passport_is_a_new_question(asker: Asker) -> None:
    """An answer to the old question can never pass for one to the new."""
    asker.open()
    case = asker.asked()
    asker.answers("approve", f"card-{case.card}", seq=2)
    relink(asker, int(case.card or 0))
    assert asker.state(case) == "pending"
    old, new = asker.questions(case)
    assert (old.has_ended, new.reference) == (True, f"card-{case.card}.2")
    ask, end = asker.send()
    assert (ask["reference"], ask["passport_number"]) == (new.reference, "N7654321")
    assert end == {"reference": old.reference, "event": "cancel"}
    asker.answers("reinstate", old.reference, seq=4)
    assert asker.state(case) == "pending"
    asker.answers("approve", new.reference, seq=2)
    assert asker.state(case) == "approved"
    assert asker.problems() == ["answer.ended"]


def test_a_reminder_is_told_while_the_question_is_open(asker: Asker) -> None:
    asker.open()
    case = asker.asked()
    lane = asker.flow.lane(case, asker.destination).id
    asker.flow.now += timedelta(days=40)
    asker.flow.do("preclearance.remind", preclearance=lane)
    reference = asker.question(case).reference
    later = asker.flow.now
    assert asker.send(later) == [
        {"reference": reference, "reminded_at": later.isoformat()}
    ]
    assert asker.send(later) == []
    asker.flow.now += timedelta(days=40)
    asker.flow.do("preclearance.remind", preclearance=lane)
    asker.answers("approve", reference, seq=2)
    assert asker.send(asker.flow.now) == [], "it has answered meanwhile"


def test_a_passport_that_keeps_its_clearance_is_told(asker: Asker) -> None:
    asker.flow.configure("SGP", "on_passport_change = [{ value = 'keep', %s }]")
    asker.open()
    case = asker.asked()
    reference = asker.question(case).reference
    asker.answers("approve", reference, seq=2)
    relink(asker, int(case.card or 0))
    [told] = asker.send()
    assert (told["reference"], told["passport"]["number"]) == (reference, "N7654321")
    assert asker.state(case) == "approved"
    assert asker.send() == []


def sign(asker: Asker, card: int | None) -> None:
    """Let a card be on plastic."""

    def work(session: Session) -> None:
        link = rows(session, PassportLink, card_id=card)[0]
        passport = session.get_one(Passport, link.passport_id)
        session.add(StatusList(economy="AUS", number=1, capacity=64, opened_at=NOW))
        session.flush()
        session.add(
            Credential(
                economy="AUS", card_id=card, form="physical",
                document_number="D123", list_number=1, list_index=9, state="valid",
                passport_id=passport.id, created_at=NOW, changed_at=NOW,
            )
        )  # fmt: skip

    asker.flow.write(work)


def test_r5_what_stops_a_card_never_waits_for_a_passport_that_is_refused(
    asker: Asker,
) -> None:
    """A destination that has met the passport with somebody else refuses it always."""
    asker.flow.configure("SGP", "on_passport_change = [{ value = 'keep', %s }]")
    asker.open()
    case = asker.asked()
    asker.answers("approve", asker.question(case).reference, seq=2)
    relink(asker, int(case.card or 0))
    _, (sent,) = take_news(asker.desk(), "SGP", limit=10)
    why = ServiceRefused(409, "incoming.passport_reused", "it is another person's")
    note_told(asker.desk(), sent, why)
    assert asker.send() == []
    sign(asker, case.card)
    parts = [["reference", "credentials"], ["reference", "passport"]]
    assert [list(each) for each in asker.send()] == parts


def test_the_indexes_of_credentials_are_told(asker: Asker) -> None:
    asker.open()
    case = asker.asked()
    sign(asker, case.card)
    (told,) = asker.send()
    assert told["credentials"] == [
        {"form": "physical", "document_number": "D123", "list_number": 1,
         "list_index": 9, "state": "valid"}
    ]  # fmt: skip
    asker.flow.do("card.report_lost", card=case.card, what="card", police_report=True)
    (told,) = asker.send()
    assert told["event"] == "report_lost"
    assert [each["state"] for each in told["credentials"]] == ["revoked"]


def test_what_is_refused_is_shown_and_sent_again_later(asker: Asker) -> None:
    asker.open()
    case = asker.flow.circulated()
    _, sent = take_questions(asker.desk(), "SGP", limit=10)
    result = RowResult(status=409, code="incoming.reference_reused", detail="another's")
    assert note_questions(asker.desk(), sent, [result]) == (0, 1)
    shown = asker.flow.do("link.problems", destination="SGP").not_taken[0]
    assert (shown.card, shown.problem) == (case.card, "incoming.reference_reused")
    assert asker.send() == []
    assert len(asker.send(NOW + timedelta(minutes=2))) == 1
    assert asker.flow.do("link.problems", destination="SGP").not_taken == ()


def test_staff_can_have_it_sent_again_at_once(asker: Asker) -> None:
    asker.open()
    asker.asked()
    case = asker.asked()
    asker.flow.do("card.cancel", card=case.card, why="a test")
    _, (sent,) = take_news(asker.desk(), "SGP", limit=10)
    note_told(asker.desk(), sent, ServiceRefused(409, "card.odd", "not like this"))
    line = asker.flow.do("link.status").links[0]
    assert (line.waiting, line.not_taken, line.unanswered) == (1, 1, 1)
    assert asker.flow.do("link.send_again", destination="SGP").waiting == 1
    assert len(asker.send()) == 1


def test_r5_what_the_destination_has_ended_already_is_not_told_for_ever(
    asker: Asker,
) -> None:
    """A backup that was put back here knows less than the destination."""
    asker.open()
    case = asker.asked()
    asker.flow.do("card.cancel", card=case.card, why="a test")
    _, (sent,) = take_news(asker.desk(), "SGP", limit=10)
    note_told(asker.desk(), sent, ServiceRefused(409, "card.ended", "it is cancelled"))
    assert asker.send() == []
    assert asker.question(case).problem == ""


def test_r5_what_is_older_than_what_was_told_is_said_again_above_it(
    asker: Asker,
) -> None:
    asker.open()
    case = asker.asked()
    asker.flow.do("card.suspend", card=case.card, why="a test")
    _, (sent,) = take_news(asker.desk(), "SGP", limit=10)
    newest = int(sent.fields["revision"]) + 5
    assert not note_told(asker.desk(), sent, newest)
    _, (again,) = take_news(asker.desk(), "SGP", limit=10)
    assert again.fields == {"revision": newest + 1, "event": "suspend"}
    assert note_told(asker.desk(), again, newest + 1)
    assert asker.send() == []


def test_a_question_that_cannot_be_written_waits_for_somebody(asker: Asker) -> None:
    asker.open()
    case = asker.flow.circulated()

    def forget(session: Session) -> None:
        link = rows(session, PassportLink, card_id=case.card)[0]
        session.get_one(Passport, link.passport_id).issued_on = None

    asker.flow.write(forget)
    assert asker.send() == []
    (shown,) = asker.flow.do("link.problems", destination="SGP").not_taken
    assert shown.problem == "request.invalid"
    assert "date of issue" in shown.detail


def test_a_link_is_opened_once_and_to_somebody_elsewhere(asker: Asker) -> None:
    asker.open()
    with refused("link.open"):
        asker.open()
    with refused("link.hosted_here"):
        asker.flow.do("link.open", destination="JPN")


def test_the_worker_is_woken_by_what_there_is_to_tell(asker: Asker) -> None:
    """And not by what waits for a destination that was not reached, or has refused."""
    worker = Worker(office=asker.office.office, clock=lambda: asker.flow.now)
    asker.open()
    asker.send()
    assert not worker.has_news()
    case = asker.flow.circulated()
    assert worker.has_news()
    assert worker.has_news(("AUS",))
    assert not worker.has_news(("JPN",))
    asker.send()
    assert not worker.has_news()
    lane = asker.flow.lane(case, asker.destination).id
    asker.flow.do("preclearance.remind", preclearance=lane)
    assert worker.has_news()

    def lose(session: Session) -> None:
        session.get_one(LinkPartner, ("AUS", asker.destination)).problem = "link.down"

    asker.office.store.write(lose, now=NOW)
    assert not worker.has_news()


def test_r5_n13_what_goes_wrong_with_one_link_is_no_matter_of_the_others(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, shown, and tried again later, each time after a longer while."""
    asker.open()
    asker.flow.do("link.open", destination="KOR")
    office, clock = asker.office.office, [NOW]
    worker = Worker(office=office, clock=lambda: clock[0])

    def poisoned(desk: Desk, destination: str) -> int:
        if destination == "KOR":
            raise Forbidden("tr_link_question")
        return enlist(desk, destination)

    monkeypatch.setattr(module, "enlist", poisoned)
    # Nobody is there to take answers from.
    monkeypatch.setattr(module._Steps, "take", lambda _, done: done)
    waits: list[timedelta] = []
    for number in range(1, 13):
        korea, singapore = worker.run()
        assert (korea.problem, singapore.problem) == ("link.store", "")
        shown = asker.flow.do("link.status").links[0]
        assert (shown.destination, shown.failures) == ("KOR", number)
        assert (shown.problem, shown.problem_since) == ("link.store", NOW)
        waits.append(shown.next_at - clock[0])
        assert [each.destination for each in worker.run(only_due=True)] == ["SGP"]
        clock[0] = shown.next_at
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=2), timedelta(minutes=30))
    monkeypatch.setattr(module, "enlist", enlist)
    assert [each.problem for each in worker.run(only_due=True)] == ["", ""]
    shown = asker.flow.do("link.status").links[0]
    assert (shown.failures, shown.next_at, shown.heard_at) == (0, None, clock[0])
