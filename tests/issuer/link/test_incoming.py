"""Only the destination's own, next word about an open question counts, and once."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from issuer.jws import b64u
from issuer.keys import sign_and_check
from issuer.link.incoming import Applied, apply_page, look_again, take_pushed
from issuer.statements import MAX_TEXT
from issuer.store import LinkAnswer
from tests.issuer.link.asker import Asker, said
from tests.issuer.office.flow import refused, rows
from tests.simulator import NOW


@pytest.fixture
def asker(asker: Asker) -> Asker:
    asker.open()
    return asker


def test_a_signed_answer_moves_the_lane_and_is_kept(asker: Asker) -> None:
    case = asker.asked()
    assert asker.answers("approve", f"card-{case.card}", seq=2) == Applied(applied=1)
    assert asker.state(case) == "approved"
    assert asker.flow.check(case.card).problems == ()
    assert asker.problems() == []


def test_one_statement_may_answer_many_questions(asker: Asker) -> None:
    cases = [asker.asked() for _ in range(3)]
    decisions = [said("approve", f"card-{each.card}", seq=2) for each in cases]
    assert asker.takes(asker.statement(*decisions)).applied == 3
    assert {asker.state(each) for each in cases} == {"approved"}


def test_a_page_that_was_applied_is_not_applied_again(asker: Asker) -> None:
    """As after a kill between the answer of the feed and the end of the round."""
    case = asker.asked()
    page = [asker.row(asker.statement(said("approve", f"card-{case.card}", seq=2)))]
    given = {"behind": "", "page": page, "trust": asker.trust()}
    assert apply_page(asker.desk(), "SGP", **given) == Applied(applied=1)  # type: ignore[arg-type]  # by name
    assert apply_page(asker.desk(), "SGP", **given) is None  # type: ignore[arg-type]  # by name
    assert asker.outcomes() == ["applied"]


def test_a_replayed_statement_changes_nothing(asker: Asker) -> None:
    case = asker.asked()
    reference = f"card-{case.card}"
    approval = asker.statement(said("approve", reference, seq=2))
    asker.takes(approval)
    asker.answers("suspend", reference, seq=3)
    assert asker.takes(approval) == Applied(known=1)
    assert asker.state(case) == "suspended"
    assert asker.problems() == []


def test_a_late_statement_changes_nothing_and_is_shown(asker: Asker) -> None:
    """The word before the last one: it was withheld, and comes after it."""
    case = asker.asked()
    reference = f"card-{case.card}"
    asker.answers("approve", reference, seq=4)
    assert asker.answers("refuse", reference, seq=3).refused == 1
    assert asker.state(case) == "approved"
    assert asker.problems() == ["answer.order"]


def test_another_decision_under_the_same_number_is_refused(asker: Asker) -> None:
    case = asker.asked()
    reference = f"card-{case.card}"
    asker.answers("approve", reference, seq=2)
    assert asker.answers("refuse", reference, seq=2).refused == 1
    assert (asker.state(case), asker.problems()) == ("approved", ["answer.order"])


def test_what_comes_too_early_counts_once_the_word_before_has_come(
    asker: Asker,
) -> None:
    case = asker.asked()
    reference = f"card-{case.card}"
    asker.answers("approve", reference, seq=2)
    assert asker.answers("reinstate", reference, seq=4).refused == 1
    assert asker.problems() == ["answer.state"]
    asker.answers("suspend", reference, seq=3)
    assert look_again(asker.desk(), "SGP", trust=asker.trust()).applied == 1
    assert (asker.state(case), asker.problems()) == ("approved", [])


def test_d9_another_economys_statement_is_refused(asker: Asker) -> None:
    """Its key is in the trust data, too; it is not the one that was asked."""
    case = asker.asked()
    text = asker.statement(said("approve", f"card-{case.card}", seq=2), by="KOR")
    assert asker.takes(text, trust=asker.trust("SGP", "KOR")).refused == 1
    assert (asker.state(case), asker.problems()) == ("pending", ["answer.key_unknown"])


def test_s1_the_card_key_answers_for_nobody(asker: Asker) -> None:
    case = asker.asked()
    text = asker.statement(said("approve", f"card-{case.card}", seq=2))
    header, payload, signature = text.split(".")
    flipped = ("A" if signature[5] != "A" else "B").join((signature[:5], signature[6:]))
    assert asker.takes(f"{header}.{payload}.{flipped}").refused == 1
    assert (asker.state(case), asker.problems()) == ("pending", ["answer.statement"])


def test_an_answer_about_another_economys_card_is_refused(asker: Asker) -> None:
    case = asker.asked()
    decision = said("approve", f"card-{case.card}", seq=2, issuer="NZL")
    assert asker.takes(asker.statement(decision)).refused == 1
    assert asker.problems() == ["answer.other_issuer"]


def test_an_answer_to_what_was_never_asked_is_refused(asker: Asker) -> None:
    case = asker.asked()
    asker.answers("approve", f"card-{int(case.card or 0) + 1}", seq=2)
    assert (asker.state(case), asker.problems()) == ("pending", ["answer.not_asked"])


def test_an_answer_for_a_card_that_has_ended_is_refused(asker: Asker) -> None:
    case = asker.asked()
    asker.flow.do("card.cancel", card=case.card, why="a test")
    asker.answers("approve", f"card-{case.card}", seq=2)
    assert (asker.state(case), asker.problems()) == ("lapsed", ["answer.ended"])


def test_a_key_that_is_not_known_yet_is_waited_for(asker: Asker) -> None:
    """A new status key may sign before this side has synced."""
    case = asker.asked()
    text = asker.statement(said("approve", f"card-{case.card}", seq=2))
    assert asker.takes(text, trust=asker.trust("KOR")).refused == 1
    assert asker.problems() == ["answer.key_unknown"]
    assert look_again(asker.desk(), "SGP", trust=asker.trust()).applied == 1
    assert (asker.state(case), asker.problems()) == ("approved", [])


def test_t1_a_statement_from_the_future_waits(asker: Asker) -> None:
    case = asker.asked()
    decision = said("approve", f"card-{case.card}", seq=2)
    ahead = NOW + timedelta(minutes=5)
    asker.takes(asker.statement(decision, at=ahead))
    assert (asker.state(case), asker.problems()) == ("pending", ["answer.not_yet"])
    assert look_again(asker.desk(ahead), "SGP", trust=asker.trust()).applied == 1


def test_what_is_pushed_and_then_fetched_counts_once(asker: Asker) -> None:
    case = asker.asked()
    text = asker.statement(said("approve", f"card-{case.card}", seq=2))

    def push() -> list[str]:
        found = take_pushed(asker.desk(), "SGP", text, trust=asker.trust())
        assert found is not None
        return list(found.values())

    assert (push(), push()) == (["taken"], ["known"])
    assert asker.takes(text) == Applied(known=1)
    asker.answers("suspend", f"card-{case.card}", seq=3)
    assert push() == ["known"]
    assert asker.state(case) == "suspended"
    assert asker.problems() == []


def test_a_pushed_answer_to_the_old_question_is_refused(asker: Asker) -> None:
    case = asker.asked()
    asker.flow.do("card.cancel", card=case.card, why="a test")
    text = asker.statement(said("approve", f"card-{case.card}", seq=2))
    found = take_pushed(asker.desk(), "SGP", text, trust=asker.trust())
    assert list((found or {}).values()) == ["answer.ended"]
    with refused("statement.refused"):
        take_pushed(asker.desk(), "SGP", text, trust=asker.trust("KOR"))
    assert take_pushed(asker.desk(), "CHL", text, trust=asker.trust()) is None


def test_an_answer_that_was_changed_in_the_database_shows(asker: Asker) -> None:
    case = asker.asked()
    asker.answers("approve", f"card-{case.card}", seq=2)
    assert asker.flow.check(case.card).problems == ()
    other = asker.statement(said("approve", "card-99", seq=2))

    def change(session: Session) -> None:
        for answer in rows(session, LinkAnswer):
            answer.text = other

    asker.flow.write(change)
    (problem,) = asker.flow.check(case.card).problems
    assert problem.problem == "is not in its answer"


def test_i2_a_test_economy_clears_no_real_card(asker: Asker) -> None:
    case = asker.asked()
    text = asker.statement(said("approve", f"card-{case.card}", seq=2))
    asker.takes(text, trust=asker.trust(test=True))
    assert (asker.state(case), asker.problems()) == ("pending", ["answer.test_economy"])


def test_an_answer_that_a_letter_told_before_is_confirmed(asker: Asker) -> None:
    case = asker.asked()
    lane = asker.flow.lane(case, "SGP").id
    asker.flow.do("preclearance.record", preclearance=lane, event="approve")
    assert asker.answers("approve", f"card-{case.card}", seq=2) == Applied(known=1)
    assert (asker.state(case), asker.problems()) == ("approved", [])
    asker.answers("withdraw", f"card-{case.card}", seq=3)
    assert asker.state(case) == "withdrawn"


def test_the_card_after_a_lost_one_is_asked_about_anew(asker: Asker) -> None:
    """It keeps the approval; a refusal of it ends what was taken over."""
    case = asker.asked()
    asker.answers("approve", f"card-{case.card}", seq=2)
    asker.flow.do("card.report_lost", card=case.card, what="card", police_report=True)
    new = asker.flow.do("card.replace_lost", card=case.card)
    sent = asker.send()
    assert {each.get("event") for each in sent} == {None, "report_lost"}
    reference = f"card-{new.card}"
    assert reference in {each["reference"] for each in sent}
    asker.answers("refuse", reference, seq=2)
    lanes = asker.flow.do("preclearance.list", destination="SGP", state="withdrawn")
    assert [each.card for each in lanes.lanes] == [new.card]


@pytest.mark.parametrize(
    "text",
    ["", "a.b", "é.e.e", "e30.e30.AA", "\0", "x" * (MAX_TEXT + 1), "[]..", "bnVsbA..",
     "\ud800"],
)  # fmt: skip
def test_what_is_no_statement_is_kept_and_shown(asker: Asker, text: str) -> None:
    case = asker.asked()
    assert asker.takes(text) == Applied(refused=1)
    assert (asker.state(case), asker.problems()) == ("pending", ["answer.statement"])
    assert asker.answers("approve", f"card-{case.card}", seq=2).applied == 1


@pytest.mark.parametrize("key_id", ["a\0b", "\ud800", "é" * 600])
def test_l12_a_key_id_that_no_database_keeps_stops_nothing(
    asker: Asker, key_id: str
) -> None:
    """Or one destination would end the round with all others, each time anew."""
    case = asker.asked()
    header = b64u(json.dumps({"kid": key_id}).encode())
    assert asker.takes(f"{header}.e30.AA") == Applied(refused=1)
    assert asker.problems() == ["answer.key_unknown"]
    assert asker.answers("approve", f"card-{case.card}", seq=2).applied == 1


@pytest.mark.parametrize("seq", [2**31 - 1, 2**31])
def test_j10_a_step_that_no_column_holds_stops_nothing(asker: Asker, seq: int) -> None:
    """Signed by the destination itself, and one more than a database counts to."""
    case = asker.asked()
    text = asker.statement(said("approve", f"card-{case.card}", seq=7))
    header, payload, _ = text.split(".")
    padded = payload + "=" * (-len(payload) % 4)
    said_there = urlsafe_b64decode(padded).replace(b'"seq":7', f'"seq":{seq}'.encode())
    signed = f"{header}.{b64u(said_there)}"
    signature = sign_and_check(asker.key()[0], signed.encode())
    fits = seq < 2**31
    applied = asker.takes(f"{signed}.{b64u(signature)}")
    assert (applied.applied, applied.refused) == (int(fits), int(not fits))
    assert asker.problems() == ([] if fits else ["answer.statement"])
