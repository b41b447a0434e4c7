"""Decisions that are held: theirs who took them, sent once, never lost."""

from datetime import timedelta
from typing import Any

import pytest

from issuer.errors import Forbidden, NotFound, SigningError
from issuer.held import FRESH, HOLD
from issuer.office import NoSigners
from issuer.store import HeldDecision, Preclearance
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, refused, rows


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def hold(flow: Flow, lane: int, event: str = "approve", **more: Any) -> Any:
    return flow.do(
        "incoming.hold", economy="JPN", preclearance=lane, event=event, **more
    )


def send(flow: Flow, **more: Any) -> Any:
    return flow.do("incoming.send_held", economy="JPN", **more)


def test_a_decision_is_due_when_its_time_is_over(flow: Flow) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    hold(flow, lane)
    flow.now += HOLD - timedelta(microseconds=1)
    assert send(flow).sent == ()
    flow.now += timedelta(microseconds=1)
    assert send(flow).sent == (lane,)
    assert send(flow).sent == ()
    assert flow.row(Preclearance, lane).state == "approved"


def test_one_that_was_left_is_sent_only_when_its_officer_says_so_again(
    flow: Flow,
) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    held = hold(flow, lane).held
    flow.now += FRESH
    assert send(flow).sent == ()
    (shown,) = flow.do("incoming.held", economy="JPN").decisions
    assert shown.is_left
    assert send(flow, held=held).sent == (lane,)


def test_a_request_has_one_decision_that_is_held(flow: Flow) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    hold(flow, lane)
    with refused("incoming.held"):
        hold(flow, lane, "refuse")
    with refused("incoming.held"):
        hold(flow, lane, "refuse", who="eve")
    first = flow.read(lambda session: rows(session, HeldDecision)[0])

    def beside(session: Any) -> None:
        session.add(
            HeldDecision(
                economy="JPN", preclearance_id=lane, account_id=first.account_id,
                event="refuse", reason="r", held_at=flow.now,
            )
        )  # fmt: skip

    with pytest.raises(Forbidden, match="uq_held_decision_preclearance_id"):
        flow.write(beside)


def test_nobody_takes_back_or_sends_what_is_another_persons(flow: Flow) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    held = hold(flow, lane)
    with pytest.raises(NotFound):
        flow.do("incoming.undo", economy="JPN", who="eve", held=held.held)
    assert send(flow, who="eve", held=held.held).sent == ()
    assert flow.do("incoming.held", economy="JPN", who="eve").decisions == ()
    assert len(flow.do("incoming.held", economy="JPN").decisions) == 1


def test_what_may_not_be_decided_is_not_held(flow: Flow) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    with refused("preclearance.not_now"):
        hold(flow, lane, "withdraw")
    with pytest.raises(NotFound):
        flow.do("incoming.hold", economy="NZL", preclearance=lane, event="approve")


def test_a_key_that_does_not_answer_keeps_the_decision(flow: Flow) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    held = hold(flow, lane).held
    keys, flow.office.office.signers = flow.office.office.signers, NoSigners()
    with pytest.raises(SigningError):
        send(flow, held=held)
    flow.office.office.signers = keys
    assert send(flow, held=held).sent == (lane,)


def test_r1_one_that_was_sent_before_a_crash_is_not_sent_again(flow: Flow) -> None:
    """The signature was stored and the row was not removed: the row goes, once."""
    lane = flow.lane(flow.circulated(), "JPN").id
    held = hold(flow, lane).held
    before = flow.read(lambda session: rows(session, HeldDecision)[0])
    send(flow, held=held)
    again = {
        column.name: getattr(before, column.name)
        for column in HeldDecision.__table__.columns
    }
    flow.write(lambda session: session.add(HeldDecision(**again)))
    assert send(flow, held=held).refused == ()
    events = flow.check(flow.row(Preclearance, lane).card_id)
    assert events.problems == ()
    assert flow.read(lambda session: rows(session, HeldDecision)) == []


def test_one_that_is_refused_by_now_is_dropped_and_told(flow: Flow) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    held = hold(flow, lane).held
    flow.decide(lane, "refuse", who="eve")
    (told,) = send(flow, held=held).refused
    assert (told.preclearance, told.code) == (lane, "preclearance.not_now")
    assert flow.row(Preclearance, lane).state == "not_approved"
    assert flow.read(lambda session: rows(session, HeldDecision)) == []


def test_h3_nobody_holds_more_than_they_may_decide(flow: Flow) -> None:
    """Told when it is decided, not when it is sent and the traveller waits for it."""
    office = flow.office.office
    limits = office.installation.limits.model_copy(update={"decide": 2})
    office.installation = office.installation.model_copy(update={"limits": limits})
    lanes = [flow.lane(flow.circulated(), "JPN").id for _ in range(3)]
    flow.decide(lanes[0], "refuse")
    held = hold(flow, lanes[1]).held
    with refused("limit.operator"):
        hold(flow, lanes[2])
    hold(flow, lanes[2], who="eve")
    flow.do("incoming.undo", economy="JPN", held=held)
    hold(flow, lanes[1])
    flow.now += HOLD
    assert send(flow).sent == (lanes[1],)
