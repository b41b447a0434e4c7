"""Mails by a timer: once each, in time, and nothing of a refusal."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from issuer.applications import Moved
from issuer.reminders import LATE, MONTHS, NEWS, Reminded, write_reminders
from issuer.store import Card, Mail
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow

TO = "anna@traveller.example"
NOTHING = Reminded()


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def run(flow: Flow) -> Reminded:
    store = flow.office.store
    scheme = store.read(flow.office.office.scheme)
    return write_reminders(store, scheme, now=flow.now)


def words(flow: Flow, kind: str) -> list[str]:
    query = select(Mail.words).where(Mail.kind == kind).order_by(Mail.id)
    return list(flow.read(lambda session: session.scalars(query).all()))


def test_new_clearances_are_told_once_with_their_number(flow: Flow) -> None:
    case = flow.circulated(email=TO)
    flow.circulated()  # who gave no address
    assert run(flow) == NOTHING
    flow.decide(flow.lane(case, "JPN").id, "approve")
    assert run(flow) == Reminded(clearances=1)
    assert run(flow) == NOTHING
    flow.now += timedelta(days=1)
    assert run(flow) == NOTHING
    flow.decide(flow.lane(case, "NZL").id, "approve", economy="NZL")
    assert run(flow) == Reminded(clearances=1)
    assert words(flow, "answers_arrived") == ['{"count": "1"}', '{"count": "2"}']


def test_c8_no_mail_comes_of_a_refusal(flow: Flow) -> None:
    """Not even of one that is disclosed: its moment alone would say it."""
    case = flow.circulated(email=TO)
    flow.decide(flow.lane(case, "JPN").id, "refuse")
    assert run(flow) == NOTHING
    flow.configure("JPN", "disclose_refusal = [{ value = true, %s }]")
    assert run(flow) == NOTHING


def test_what_is_no_news_any_more_is_not_told(flow: Flow) -> None:
    case = flow.circulated(email=TO)
    flow.decide(flow.lane(case, "JPN").id, "approve")
    flow.now += NEWS
    assert run(flow) == NOTHING


def test_a_card_that_ends_is_told_six_and_three_months_before(flow: Flow) -> None:
    case = flow.active(email=TO)
    ends = flow.row(Card, case.card).expires_at
    for months in MONTHS:
        flow.now = ends - months * timedelta(days=30) - timedelta(seconds=1)
        assert run(flow) == NOTHING
        flow.now += timedelta(seconds=1)
        assert run(flow) == Reminded(endings=1)
        flow.now += timedelta(days=1)
        assert run(flow) == NOTHING
    assert [each.count(str(m)) >= 1 for each, m in zip(
        words(flow, "card_ends"), MONTHS, strict=True
    )] == [True, True]  # fmt: skip


def test_a_reminder_that_is_late_is_written_for_two_weeks(flow: Flow) -> None:
    case = flow.active(email=TO)
    ends = flow.row(Card, case.card).expires_at
    flow.now = ends - 6 * timedelta(days=30) + LATE
    assert run(flow) == NOTHING
    flow.now -= timedelta(seconds=1)
    assert run(flow) == Reminded(endings=1)


def test_whoever_renews_already_is_not_reminded(flow: Flow) -> None:
    case: Moved = flow.active(email=TO)
    ends = flow.row(Card, case.card).expires_at
    flow.now = ends - 6 * timedelta(days=30)
    passport = {"country": "AUS", "number": "PX7654321", "issued_on": "2034-01-01",
                "expires_on": "2044-01-01"}  # fmt: skip
    flow.do("card.renew", who="ann", card=case.card, passport=passport)
    assert run(flow) == NOTHING
