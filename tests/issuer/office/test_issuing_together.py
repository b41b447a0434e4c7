"""Requests for cards that come at the same time share what they wait for, and no more.

Each request here is one of several that were made while another was being planned.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.basis import bases
from issuer.errors import Conflict, Forbidden, LintError
from issuer.installation import Limits
from issuer.intents import Order
from issuer.issuance import Laboratory, Prepared
from issuer.office import Desk
from issuer.signing import Issued, issue
from issuer.store import AuditRow, Card, Passport, Person, Receipt, StatusList
from tests.issuer.back_office import BackOffice
from tests.issuer.office.card_builder import CardBuilder
from tests.issuer.office.test_signing import app_order
from tests.simulator import NOW

Plan = Callable[[Session], Order]
EVE_AND_ANN = ("eve", "eve", "ann", "eve", "eve", "ann")
_PATIENCE = 20
"""Seconds after which a test gives up."""


def at_once(
    office: BackOffice, cards: CardBuilder, asked: Mapping[str, tuple[Desk, Plan]]
) -> dict[str, Issued | BaseException]:
    """Ask for all of it while a first request is being planned; return what came."""
    first, begun, go = cards.make(), threading.Event(), threading.Event()

    def slow(_: Session) -> Order:
        begun.set()
        assert go.wait(_PATIENCE)
        return app_order(first, "first")

    def ask(name: str) -> Issued:
        desk, plan = asked[name]
        return issue(desk, {"name": name}, plan)

    with ThreadPoolExecutor(len(asked) + 1) as pool:
        held = pool.submit(issue, office.desk("KOR"), {}, slow)
        assert begun.wait(_PATIENCE)
        waiting = {}
        for name in asked:
            waiting[name] = pool.submit(ask, name)
            time.sleep(0.05)  # it has come to the queue
        go.set()
        held.result(_PATIENCE)
        return {
            name: each.exception(_PATIENCE) or each.result()
            for name, each in waiting.items()
        }


def planned(card: int, name: str = "phone") -> Plan:
    return lambda _: app_order(card, name)


def refused(error: Exception) -> Plan:
    def plan(_: Session) -> Order:
        raise error

    return plan


def commits(office: BackOffice) -> int:
    count = select(func.count()).where(Receipt.key.like("commit:%"))
    return office.store.read(lambda session: session.scalar(count)) or 0


def test_eight_at_once_get_a_card_each_in_few_transactions(
    office: BackOffice, cards: CardBuilder
) -> None:
    numbers = cards.make_many(8)
    asked = {
        str(card): (office.desk("KOR"), planned(card, f"phone {card}"))
        for card in numbers
    }
    before = commits(office)
    done = at_once(office, cards, asked)
    made = [each for each in done.values() if isinstance(each, Issued)]
    assert [each.card_id for each in made] == numbers
    assert len({(each.list_number, each.list_index) for each in made}) == 8
    assert len({each.document_number for each in made}) == 8
    # The first card, its making, and the eight; each alone would take two.
    assert commits(office) - before < 2 * 8


def test_the_log_says_who_asked_for_which_and_why(
    office: BackOffice, cards: CardBuilder
) -> None:
    who = {"ann": cards.make(), "eve": cards.make()}
    asked = {
        name: (office.desk("KOR", who=name, reason=f"{name} says so"), planned(card))
        for name, card in who.items()
    }
    done = at_once(office, cards, asked)

    def rows(session: Session) -> list[tuple[int, str, str]]:
        query = select(AuditRow).order_by(AuditRow.seq)
        return [
            (row.actor_id, row.reason, row.tag)
            for row in session.scalars(query)
            if row.reason.endswith("says so")
        ]

    tags = ("credential:prepared", "issue:intended", "credential:sign", "issue:signed")
    assert sorted(office.store.read(rows)) == sorted(
        (desk.actor.account_id, desk.reason, tag)
        for desk, _ in asked.values()
        for tag in tags
    )
    for name, card in who.items():
        (row,) = cards.issues(card)
        assert row.requested_by == asked[name][0].actor.account_id
        assert isinstance(done[name], Issued)
    found = office.store.read(lambda session: [*audit.verify(session, "KOR")])
    assert not [each for each in found if isinstance(each, audit.Break)]


def test_one_that_is_refused_stops_no_other_and_leaves_nothing(
    office: BackOffice, cards: CardBuilder
) -> None:
    good, touched = cards.make_many(2)

    def changes_and_refuses(session: Session) -> Order:
        session.get_one(Card, touched).first_issued_on = None
        session.flush()
        raise Conflict("card.not_so", "on second thoughts")

    desk = office.desk("KOR")
    done = at_once(
        office,
        cards,
        {
            "refuses": (desk, changes_and_refuses),
            "good": (desk, planned(good)),
            "unknown": (desk, planned(10**6)),
        },
    )
    assert isinstance(done["refuses"], Conflict)
    assert done["refuses"].code == "card.not_so"
    assert cards.card(touched).first_issued_on is not None
    assert isinstance(done["good"], Issued)
    assert isinstance(done["unknown"], Conflict)
    assert done["unknown"].code == "card.unknown"


def test_one_that_is_declined_draws_no_index_and_leaves_nothing(
    office: BackOffice, cards: CardBuilder
) -> None:
    """A phone may ask for such a card as often as it likes."""
    good, touched = cards.make_many(2)
    too_long = cards.make()

    def shorten(session: Session) -> None:
        passport = bases(session, "KOR", [too_long])[too_long].passport
        assert passport is not None
        session.get_one(Passport, passport.id).expires_on = date(2031, 1, 1)

    office.store.write(shorten, now=NOW)

    def changes_and_is_declined(session: Session) -> Order:
        session.get_one(Card, touched).first_issued_on = None
        return app_order(10**6, "phone")

    desk = office.desk("KOR")
    done = at_once(
        office,
        cards,
        {
            "too long": (desk, planned(too_long)),
            "unknown": (desk, changes_and_is_declined),
            "good": (desk, planned(good)),
        },
    )
    assert isinstance(done["too long"], Conflict)
    assert done["too long"].code == "profile.exp"
    assert isinstance(done["unknown"], Conflict)
    assert cards.card(touched).first_issued_on is not None
    assert isinstance(done["good"], Issued)
    used = office.store.read(lambda s: s.scalars(select(StatusList.used)).one())
    assert used == 2  # the good one's, and that of the card that all waited for


def test_i1_one_that_the_database_refuses_stops_no_other(
    office: BackOffice, cards: CardBuilder
) -> None:
    good, other = cards.make_many(2)
    done = at_once(
        office,
        cards,
        {
            "who approved it": (office.desk("KOR", who="bob"), planned(other)),
            "another": (office.desk("KOR"), planned(good)),
        },
    )
    assert isinstance(done["who approved it"], Forbidden)
    assert isinstance(done["another"], Issued)
    assert not cards.issues(other)


def test_one_that_the_verifier_would_not_accept_uses_no_index(
    office: BackOffice, cards: CardBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, odd = cards.make_many(2)
    judge = Laboratory.lint

    def rename(session: Session) -> None:
        person = session.get_one(Person, session.get_one(Card, odd).person_id)
        person.machine_given_name = "ODD"

    office.store.write(rename, now=NOW)

    def judged(self: Laboratory, prepared: Prepared, *, now: datetime) -> str:
        if b'"ODD"' in prepared.payload:
            raise LintError("names.invalid", "says the verifier")
        return judge(self, prepared, now=now)

    monkeypatch.setattr(Laboratory, "lint", judged)
    desk = office.desk("KOR")
    done = at_once(
        office, cards, {"odd": (desk, planned(odd)), "good": (desk, planned(good))}
    )
    assert isinstance(done["odd"], LintError)
    assert isinstance(done["good"], Issued)
    assert not cards.issues(odd)


def test_the_same_request_twice_at_once_gets_one_card(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    desk = office.desk("KOR", request_key="once")
    ask = partial(issue, desk, {"card": card}, planned(card))
    with ThreadPoolExecutor(6) as pool:
        done = [each.result() for each in [pool.submit(ask) for _ in range(6)]]
    assert len({each.issue_id for each in done}) == 1
    assert len(cards.issues(card)) == 1


def test_one_card_for_two_phones_at_once_is_issued_once(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    desk = office.desk("KOR")
    done = at_once(
        office,
        cards,
        {"one": (desk, planned(card, "one")), "two": (desk, planned(card, "two"))},
    )
    assert isinstance(done["one"], Issued)
    assert isinstance(done["two"], Conflict)
    assert len(cards.credentials(card)) == 1


def test_i5_the_limit_of_one_operator_is_no_limit_of_another(
    office: BackOffice, cards: CardBuilder
) -> None:
    inner = office.office
    inner.installation = inner.installation.model_copy(
        update={"limits": Limits(issue=3)}
    )
    numbers = cards.make_many(6)
    asked = {
        str(card): (office.desk("KOR", who=who), planned(card, f"phone {card}"))
        for card, who in zip(numbers, EVE_AND_ANN, strict=True)
    }
    done = [*at_once(office, cards, asked).values()]
    # The first card, which the others wait for, was ann's as well.
    is_issued = [isinstance(each, Issued) for each in done]
    assert is_issued == [True, True, True, True, False, True]
    assert isinstance(done[4], Conflict)
    assert done[4].code == "limit.operator"
