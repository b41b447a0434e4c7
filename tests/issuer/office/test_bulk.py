"""Many at once: a dry run, a second person, each record once, whatever happens."""

from typing import Any

import pytest
from sqlalchemy import text

from issuer import bulk, lifecycle
from issuer.applications import circulate_one
from issuer.bulk import BULK_ACTIONS, BulkAction, add_action, cards_matching
from issuer.errors import Forbidden, Invalid, NotAllowed, NotFound, SigningError
from issuer.store import (
    Application,
    AuditRow,
    BulkItem,
    BulkState,
    Credential,
    Issue,
    IssueState,
    Preclearance,
    PreclearanceEvent,
    Role,
    Statement,
    StatusList,
)
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform, refused, rows

State = lifecycle.Preclearance
APPROVE = {"event": "approve", "note": "together"}


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def requests(flow: Flow, count: int) -> list[int]:
    return [flow.lane(flow.circulated(), "JPN").id for _ in range(count)]


def propose(flow: Flow, **more: Any) -> Any:
    given = {"action": "incoming.decide", "arguments": APPROVE, **more}
    return flow.do("bulk.propose", economy="JPN", who="ann", **given)


def approve(flow: Flow, number: int, **more: Any) -> Any:
    return flow.do("bulk.approve", economy="JPN", bulk=number, **more)


def states(flow: Flow, lanes: list[int]) -> list[State]:
    return [flow.row(Preclearance, lane).state for lane in lanes]


def test_a_proposal_counts_and_changes_nothing(flow: Flow) -> None:
    lanes = requests(flow, 3)
    flow.decide(lanes[0], "refuse")
    proposed = propose(flow, ids=[*lanes, 10**6])
    assert {each.outcome: each.count for each in proposed.outcomes} == {
        "done": 2,
        "not_found": 1,
        "preclearance.not_now": 1,
    }
    assert states(flow, lanes) == [State.NOT_APPROVED, State.PENDING, State.PENDING]
    again = flow.do("bulk.show", economy="JPN", bulk=proposed.bulk)
    assert again.outcomes == proposed.outcomes
    listed = flow.do("bulk.list", economy="JPN").bulks
    assert [each.bulk for each in listed] == [proposed.bulk]


def test_a_preview_is_not_even_kept(flow: Flow) -> None:
    lanes = requests(flow, 2)
    seen = flow.do("bulk.preview", economy="JPN", action="incoming.decide",
                   arguments=APPROVE, filter={"issuer": "AUS"})  # fmt: skip
    assert (seen.size, seen.bulk) == (2, None)
    assert states(flow, lanes) == [State.PENDING] * 2
    assert flow.do("bulk.list", economy="JPN").bulks == ()


def test_released_it_is_one_statement_and_every_record_once(flow: Flow) -> None:
    lanes = requests(flow, 3)
    proposed = propose(flow, filter={"issuer": "AUS"})
    done = approve(flow, proposed.bulk)
    assert (done.state, done.waiting) == (BulkState.DONE, 0)
    assert states(flow, lanes) == [State.APPROVED] * 3
    assert len(flow.read(lambda s: rows(s, Statement))) == 1
    for lane in lanes:
        card = flow.row(Preclearance, lane).card_id
        assert flow.check(card).problems == ()
    for name in ("bulk.approve", "bulk.resume"):
        with refused("bulk.not_proposed" if name == "bulk.approve" else
                     "bulk.not_running"):  # fmt: skip
            flow.do(name, economy="JPN", bulk=proposed.bulk)
    logged = flow.read(lambda s: rows(s, AuditRow, tag="preclearance:approve"))
    assert all(f'"bulk":{proposed.bulk}' in row.fields for row in logged)


def test_the_same_request_again_does_nothing_more(flow: Flow) -> None:
    lanes = requests(flow, 3)
    ann, bob = (flow.desk("JPN", who, request_key="k") for who in ("ann", "bob"))
    given = {"action": "incoming.decide", "arguments": APPROVE, "filter": {}}
    first, again = (perform(ann, "bulk.propose", **given) for _ in range(2))
    assert first == again
    assert len(flow.do("bulk.list", economy="JPN").bulks) == 1
    for _ in range(2):
        done = perform(bob, "bulk.approve", bulk=first.bulk, at_most=2)
        assert (done.state, done.waiting) == (BulkState.RUNNING, 1)
    assert states(flow, lanes).count(State.APPROVED) == 2
    flow.do("bulk.resume", economy="JPN", bulk=first.bulk)
    done = perform(bob, "bulk.approve", bulk=first.bulk, at_most=2)
    assert (done.state, done.waiting) == (BulkState.DONE, 0)


def test_i1_who_proposed_does_not_release(flow: Flow) -> None:
    requests(flow, 1)
    proposed = propose(flow, filter={})
    with refused("bulk.second_person"):
        approve(flow, proposed.bulk, who="ann")
    ann = flow.desk("JPN", "ann").actor.account_id
    alone = text(f"UPDATE bulk SET state = 'running', approved_by = {ann}")  # noqa: S608
    with pytest.raises(Forbidden) as refusal:
        flow.write(lambda session: session.execute(alone))
    assert refusal.value.rule == "ck_bulk_four_eyes"
    nobody = text("UPDATE bulk SET state = 'running'")
    with pytest.raises(Forbidden) as refusal:
        flow.write(lambda session: session.execute(nobody))
    assert refusal.value.rule == "ck_bulk_approved"


def test_it_can_be_rejected_and_taken_back(flow: Flow) -> None:
    lanes = requests(flow, 1)
    for who in ("ann", "bob"):
        proposed = propose(flow, ids=lanes)
        rejected = flow.do("bulk.reject", economy="JPN", who=who, bulk=proposed.bulk)
        assert rejected.state == BulkState.REJECTED
        with refused("bulk.not_proposed"):
            approve(flow, proposed.bulk)
    assert states(flow, lanes) == [State.PENDING]


def test_a_run_that_broke_goes_on_where_it_stopped(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key goes away after the first chunk; nothing is lost and nothing doubled."""
    lanes = requests(flow, 5)
    action = BULK_ACTIONS["incoming.decide"]
    small = BulkAction(**{**fields_of(action), "chunk": 2})
    monkeypatch.setitem(BULK_ACTIONS, "incoming.decide", small)
    proposed = propose(flow, ids=lanes)
    office, keys, calls = flow.office.office, flow.office.office.signers, []

    class Failing:
        def signer(self, *args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise SigningError("the module is away")
            return keys.signer(*args, **kwargs)

    office.signers = Failing()
    with pytest.raises(SigningError):
        approve(flow, proposed.bulk)
    shown = flow.do("bulk.show", economy="JPN", bulk=proposed.bulk)
    assert (shown.state, shown.waiting) == (BulkState.RUNNING, 3)
    assert states(flow, lanes).count(State.APPROVED) == 2
    done = flow.do("bulk.resume", economy="JPN", bulk=proposed.bulk)
    assert (done.state, done.waiting) == (BulkState.DONE, 0)
    for lane in lanes:
        events = flow.read(
            lambda s, key=lane: rows(s, PreclearanceEvent, preclearance_id=key)
        )
        assert [event.event for event in events] == ["send", "approve"]


def test_it_is_released_in_stages(flow: Flow) -> None:
    lanes = requests(flow, 4)
    proposed = propose(flow, ids=lanes)
    part = approve(flow, proposed.bulk, at_most=1)
    assert (part.state, part.waiting) == (BulkState.RUNNING, 3)
    told: list[tuple[int, int]] = []
    desk = flow.desk("JPN")
    bulk.run(desk, proposed.bulk, progress=lambda done, size: told.append((done, size)))
    assert told == [(3, 3)]
    assert states(flow, lanes) == [State.APPROVED] * 4


def test_what_changed_in_between_is_left_out_and_told(flow: Flow) -> None:
    """While the key signs, somebody decides one of them: the rest is signed anew."""
    lanes = requests(flow, 3)
    proposed = propose(flow, ids=lanes)
    office, keys = flow.office.office, flow.office.office.signers

    class Slow:
        def signer(self, *args: Any, **kwargs: Any) -> Any:
            office.signers = keys
            flow.decide(lanes[1], "refuse", who="eve")
            return keys.signer(*args, **kwargs)

    office.signers = Slow()
    done = approve(flow, proposed.bulk)
    assert {each.outcome: each.count for each in done.outcomes} == {
        "done": 2,
        "preclearance.not_now": 1,
    }
    assert states(flow, lanes) == [State.APPROVED, State.NOT_APPROVED, State.APPROVED]
    for lane in lanes:
        assert flow.check(flow.row(Preclearance, lane).card_id).problems == ()


def test_i5_two_people_are_not_limited_as_one_is(flow: Flow) -> None:
    office = flow.office.office
    limits = office.installation.limits.model_copy(update={"decide": 1})
    office.installation = office.installation.model_copy(update={"limits": limits})
    lanes = requests(flow, 3)
    approve(flow, propose(flow, ids=lanes[:2]).bulk)
    flow.decide(lanes[2], "approve")
    with refused("limit.operator"):
        flow.decide(lanes[2], "suspend")


def test_reminders_and_circulation_in_bulk(flow: Flow) -> None:
    cases = [flow.active() for _ in range(2)]
    given: dict[str, Any] = {"action": "application.circulate", "filter": {}}
    proposed = flow.do("bulk.propose", who="ann", **given)
    assert proposed.size == 2
    done = flow.do("bulk.approve", bulk=proposed.bulk)
    assert [(each.outcome, each.count) for each in done.outcomes] == [("done", 2)]
    found = [flow.row(Application, case.application).state for case in cases]
    assert found == [lifecycle.Application.CIRCULATED] * 2
    flow.decide(flow.lane(cases[0], "JPN").id, "approve")
    remind: dict[str, Any] = {
        "action": "preclearance.remind",
        "filter": {"destination": "JPN"},
    }
    proposed = flow.do("bulk.propose", who="ann", **remind)
    flow.do("bulk.approve", bulk=proposed.bulk)
    assert flow.lane(cases[1], "JPN").reminded_at == flow.now
    items = flow.read(lambda s: rows(s, BulkItem, bulk_id=proposed.bulk))
    assert [item.outcome for item in items] == ["done"]


def test_a_record_that_is_refused_leaves_nothing_behind(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its half of a change is undone, and the others of the chunk stay."""
    cases = [flow.active().application for _ in range(3)]

    def change(session: Any, desk: Any, record: int, _: Any, number: int) -> None:
        circulate_one(session, desk, session.get_one(Application, record))
        session.flush()
        if record == cases[1]:
            raise NotFound("half-way")

    action = {**fields_of(BULK_ACTIONS["application.circulate"]),
              "change": bulk.one_by_one(change)}  # fmt: skip
    monkeypatch.setitem(BULK_ACTIONS, "application.circulate", BulkAction(**action))
    proposed = flow.do(
        "bulk.propose", who="ann", action="application.circulate", ids=cases
    )
    done = flow.do("bulk.approve", bulk=proposed.bulk)
    assert {each.outcome: each.count for each in done.outcomes} == {
        "done": 2,
        "not_found": 1,
    }
    left = flow.row(Application, cases[1]).state
    assert left == lifecycle.Application.HOME_APPROVED
    sent = flow.read(lambda s: rows(s, AuditRow, tag="application:circulate"))
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ids": [1], "filter": {}}, "ids"),
        ({}, "ids"),
        ({"ids": [1], "arguments": {"event": "delete"}}, "arguments.event"),
        ({"filter": {"issuer": "aus"}}, "filter.issuer"),
        ({"filter": {"destination": "NZL"}}, "filter.destination"),
    ],
)
def test_c5_wrong_filters_and_arguments_are_named(
    flow: Flow, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        propose(flow, **given)
    assert wrong.value.problems[0][0] == field


def test_what_cannot_be_proposed(flow: Flow) -> None:
    with pytest.raises(NotFound):
        propose(flow, action="card.melt", ids=[1])
    with refused("bulk.empty"):
        propose(flow, filter={})
    with pytest.raises(NotAllowed):
        perform(
            flow.desk("JPN", roles={Role.ISSUING}),
            "bulk.propose",
            action="incoming.decide",
            arguments=APPROVE,
            ids=[1],
        )
    with pytest.raises(ValueError, match="twice"):
        add_action(BULK_ACTIONS["incoming.decide"])
    offered = perform(flow.desk(roles={Role.PRECLEARANCE}), "bulk.actions").actions
    assert [each.action for each in offered] == ["incoming.decide"]


def test_c4_another_economys_bulk_is_not_there(flow: Flow) -> None:
    lanes = requests(flow, 1)
    number = propose(flow, ids=lanes).bulk
    for name in ("bulk.show", "bulk.approve", "bulk.reject", "bulk.resume"):
        with pytest.raises(NotFound):
            flow.do(name, economy="NZL", bulk=number)


def test_i5_an_operators_cards_are_found(flow: Flow) -> None:
    """What one account had signed can be revoked alone."""
    case, other = flow.active(), flow.active()
    operator = flow.desk(who="eve").actor.account_id
    approver = flow.desk(who="bob").actor.account_id
    passport = flow.row(Application, case.application).passport_id

    def issued(session: Any) -> None:
        session.add(StatusList(economy="AUS", number=0, capacity=8, opened_at=flow.now))
        session.flush()
        credential = Credential(
            economy="AUS", card_id=case.card, form="physical", document_number="D1",
            list_number=0, list_index=1, state=lifecycle.Credential.VALID,
            passport_id=passport, created_at=flow.now, changed_at=flow.now,
        )  # fmt: skip
        session.add(credential)
        session.flush()
        session.add(
            Issue(
                economy="AUS", request_key="r1", card_id=case.card,
                request_digest="0" * 64,
                credential_id=credential.id, state=IssueState.INTENDED, header=b"",
                payload=b"", claims_sha256="0" * 64, economies="", key_id="k",
                requested_by=operator, approved_by=approver, intended_at=flow.now,
            )
        )  # fmt: skip

    flow.write(issued)
    wanted = bulk.CardFilter(issued_by=operator)
    query = cards_matching(flow.desk(), wanted)
    assert flow.read(lambda session: list(session.scalars(query))) == [case.card]
    both = cards_matching(flow.desk(), bulk.CardFilter(state=lifecycle.Card.ACTIVE))
    assert flow.read(lambda session: list(session.scalars(both))) == [
        case.card,
        other.card,
    ]
    with refused("application.card_issued"):
        flow.step("withdraw", case.application)


def fields_of(action: BulkAction) -> dict[str, Any]:
    return {name: getattr(action, name) for name in BulkAction.__slots__}
