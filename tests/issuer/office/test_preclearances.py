"""What destinations are asked and answer: who may, what is signed, what it does."""

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from issuer import audit, lifecycle
from issuer.errors import (
    Forbidden,
    IllegalTransition,
    IssuerError,
    NotAllowed,
    NotFound,
)
from issuer.lifecycle import APPLICATION, PRECLEARANCE, Side
from issuer.preclearances import (
    DECISIONS,
    Effect,
    Shown,
    apply_passport_change,
    as_shown_to_holder,
    carry_over,
    effect_of_passport_change,
    lapse_all,
)
from issuer.scheme import Scheme
from issuer.store import (
    Application,
    AuditRow,
    Card,
    ForeignCredential,
    Preclearance,
    PreclearanceEvent,
    Role,
    Statement,
)
from issuer.watchlist import Clear, Hits, NoAnswer, Person
from tests.issuer.back_office import BackOffice
from tests.issuer.office.flow import Flow, perform, refused, rows
from tests.simulator import NOW

State = lifecycle.Preclearance
SCHEME = Scheme.load()


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


@dataclass
class ToyList:
    """A watch list that says what the test wants."""

    names: frozenset[str] = frozenset()
    is_down: bool = False

    def screen(self, persons: Any) -> Any:
        return tuple(map(self._answer, persons))

    def _answer(self, person: Person) -> Any:
        if self.is_down:
            return NoAnswer("the list is away")
        found = self.names & {family for family, _ in person.names}
        return Hits(("W-17",), "v1") if found else Clear("v1")


# Who decides


def test_s13_only_the_destination_decides(flow: Flow) -> None:
    """The home economy and a third one find no such request to decide about."""
    lane = flow.lane(flow.circulated(), "JPN")
    for economy in ("AUS", "NZL"):
        with pytest.raises(NotFound):
            flow.decide(lane.id, "approve", economy=economy)
        with pytest.raises(NotFound):
            flow.do("incoming.show", economy=economy, preclearance=lane.id)
    with pytest.raises(NotAllowed):
        perform(
            flow.desk("JPN", roles=set(Role) - {Role.PRECLEARANCE}),
            "incoming.decide",
            preclearance=lane.id,
            event="approve",
        )
    assert flow.decide(lane.id, "approve").state == State.APPROVED


def test_every_decision_in_its_order(flow: Flow) -> None:
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    for event, state in (
        ("refuse", State.NOT_APPROVED),
        ("reconsider", State.APPROVED),
        ("suspend", State.SUSPENDED),
        ("reinstate", State.APPROVED),
        ("withdraw", State.WITHDRAWN),
    ):
        flow.now += timedelta(days=20)
        assert flow.decide(lane, event).state == state
    with refused("preclearance.ended"):
        flow.decide(lane, "reinstate")
    row = flow.row(Preclearance, lane)
    assert row.answered_at - row.asked_at == timedelta(days=20)  # the first answer
    checked = flow.check(case.card)
    assert checked.problems == ()
    assert flow.check(case.card, "JPN").events == 6


def test_two_officers_at_once_one_wins(flow: Flow) -> None:
    """The other is told that it was decided, and nothing is doubled."""
    case = flow.circulated()
    lane, outcomes = flow.lane(case, "JPN").id, []
    flow.do("incoming.list", economy="JPN")

    def officer(who: str, event: str) -> None:
        try:
            outcomes.append(str(flow.decide(lane, event, who=who).state))
        except IssuerError as error:
            outcomes.append(str(getattr(error, "code", getattr(error, "reason", ""))))

    threads = [
        threading.Thread(target=officer, args=each)
        for each in (("ann", "approve"), ("bob", "refuse"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = flow.row(Preclearance, lane).state
    assert str(won) in outcomes
    assert set(outcomes) - {str(won)} <= {
        "preclearance.changed",
        "preclearance.not_now",
    }
    assert len(outcomes) == 2
    events = flow.read(lambda s: rows(s, PreclearanceEvent, preclearance_id=lane))
    assert len(events) == 2
    assert flow.check(case.card).problems == ()


def test_a_decision_that_was_overtaken_is_not_stored(flow: Flow) -> None:
    """Between reading and storing a key may take seconds; what changed then counts."""
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    office, keys = flow.office.office, flow.office.office.signers

    class Slow:
        def signer(self, *args: Any, **kwargs: Any) -> Any:
            office.signers = keys
            flow.decide(lane, "refuse", who="eve")
            return keys.signer(*args, **kwargs)

    office.signers = Slow()
    with refused("preclearance.changed"):
        flow.decide(lane, "approve")
    assert flow.row(Preclearance, lane).state == State.NOT_APPROVED
    assert len(flow.read(lambda s: rows(s, Statement))) == 1


def test_the_same_decision_under_the_same_key_is_one(flow: Flow) -> None:
    lane = flow.lane(flow.circulated(), "JPN").id
    desk = flow.desk("JPN", request_key="k1")
    once = perform(desk, "incoming.decide", preclearance=lane, event="approve")
    again = perform(desk, "incoming.decide", preclearance=lane, event="approve")
    assert once == again
    with refused("request.reused"):
        perform(desk, "incoming.decide", preclearance=lane, event="suspend")


def test_i5_an_operator_alone_is_limited(flow: Flow) -> None:
    office = flow.office.office
    limits = office.installation.limits.model_copy(update={"decide": 2})
    office.installation = office.installation.model_copy(update={"limits": limits})
    lanes = [flow.lane(flow.circulated(), "JPN").id for _ in range(3)]
    flow.decide(lanes[0], "approve")
    flow.decide(lanes[1], "approve")
    with refused("limit.operator"):
        flow.decide(lanes[2], "approve")
    flow.decide(lanes[2], "approve", who="eve")
    flow.now += timedelta(minutes=61)
    flow.decide(lanes[2], "suspend")


# What is signed


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("DELETE FROM preclearance_event", "tr_preclearance_event_kept"),
        (
            "UPDATE preclearance_event SET statement_id = NULL",
            "tr_preclearance_event_unchanged",
        ),
        ("UPDATE statement SET text = 'x'", "tr_statement_unchanged"),
    ],
)
def test_what_was_signed_cannot_be_changed(flow: Flow, change: str, rule: str) -> None:
    flow.decide(flow.lane(flow.circulated(), "JPN").id, "refuse")
    with pytest.raises(Forbidden) as refusal:
        flow.write(lambda session: session.execute(text(change)))
    assert refusal.value.rule == rule


def test_a_state_that_no_event_gave_shows(flow: Flow) -> None:
    case = flow.circulated()
    change = text(
        "UPDATE preclearance SET state = 'approved' WHERE destination = 'JPN'"
    )
    flow.write(lambda session: session.execute(change))
    problems = [each.problem for each in flow.check(case.card).problems]
    assert problems == ["the lane is approved, and its last event says pending"]


def forge(
    flow: Flow, lane: int, *, statement: int | None, event: str = "approve"
) -> None:
    """Write a decision past the program, as somebody with the database could."""
    account = flow.desk("JPN").actor.account_id

    def work(session: Any) -> None:
        row = session.get_one(Preclearance, lane)
        before = row.state
        row.state = PRECLEARANCE.after(before, event, by=Side.DESTINATION)
        seq = len(rows(session, PreclearanceEvent, preclearance_id=lane)) + 1
        session.add(
            PreclearanceEvent(
                preclearance_id=lane, seq=seq, event=event, before=before,
                after=row.state, at=flow.now, actor_id=account, statement_id=statement,
            )
        )  # fmt: skip

    flow.write(work)


def test_i3_a_decision_past_the_program_shows(flow: Flow) -> None:
    """Unsigned, or with the statement of another card, of another time or step."""
    case, other = flow.circulated(), flow.circulated()
    mine, theirs = flow.lane(case, "JPN").id, flow.lane(other, "JPN").id
    forge(flow, mine, statement=None)
    assert [p.problem for p in flow.check(case.card).problems] == ["was never signed"]
    flow.decide(theirs, "approve")
    statement = flow.read(lambda s: rows(s, Statement))[0].id
    third = flow.circulated()
    forge(flow, flow.lane(third, "JPN").id, statement=statement)
    assert [p.problem for p in flow.check(third.card).problems] == [
        "is not in its statement"
    ]
    # The same words for a later step of the same request are not covered either.
    flow.decide(theirs, "suspend")
    flow.decide(theirs, "reinstate")
    suspended = flow.read(lambda s: rows(s, Statement))[1].id
    forge(flow, theirs, statement=suspended, event="suspend")
    assert [p.seq for p in flow.check(other.card).problems] == [5]


def test_s13_a_statement_of_another_economy_covers_nothing(flow: Flow) -> None:
    case = flow.circulated()
    flow.decide(flow.lane(case, "NZL").id, "approve", economy="NZL")
    theirs = flow.read(lambda s: rows(s, Statement, economy="NZL"))[0].id
    forge(flow, flow.lane(case, "JPN").id, statement=theirs)
    problem = flow.check(case.card).problems[0].problem
    assert problem == "its statement names a key that is none of JPN"


# At home


def test_home_reminds_and_asks_again(flow: Flow) -> None:
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    assert flow.do("preclearance.remind", preclearance=lane).state == State.PENDING
    with refused("preclearance.not_now"):
        flow.do("preclearance.ask_again", preclearance=lane)
    flow.decide(lane, "refuse")
    asked = flow.do("preclearance.ask_again", preclearance=lane, note="please")
    assert asked.state == State.NOT_APPROVED
    shown = flow.do("incoming.show", economy="JPN", preclearance=lane)
    assert "please" not in shown.model_dump_json()
    with pytest.raises(NotFound):
        flow.do("preclearance.remind", economy="NZL", preclearance=lane)


def test_overdue_is_measured_where_no_target_is_known(flow: Flow) -> None:
    """Nothing is overdue at somebody who never answered; no target is invented."""
    answered, waiting = flow.circulated(), flow.circulated()
    flow.now += timedelta(days=10)
    flow.decide(flow.lane(answered, "JPN").id, "approve")
    flow.now += timedelta(days=9)
    assert flow.do("preclearance.list", overdue=True).lanes == ()
    flow.now += timedelta(days=2)
    overdue = flow.do("preclearance.list", overdue=True).lanes
    assert [(line.card, line.destination) for line in overdue] == [
        (waiting.card, "JPN")
    ]
    assert (overdue[0].median_days, overdue[0].target_days) == (10, None)
    flow.configure("NZL", "service_target_days = [{ value = 15, %s }]")
    codes = {
        line.destination for line in flow.do("preclearance.list", overdue=True).lanes
    }
    assert codes == {"JPN", "NZL"}


def test_a_list_of_answers_is_paged(flow: Flow) -> None:
    for _ in range(3):
        flow.circulated()
        flow.now += timedelta(days=1)
    page = flow.do("preclearance.list", destination="JPN", limit=2)
    rest = flow.do("preclearance.list", destination="JPN", limit=2, after=page.after)
    assert [len(page.lanes), len(rest.lanes), rest.after] == [2, 1, None]
    assert [line.age_days for line in (*page.lanes, *rest.lanes)] == [3, 2, 1]
    with pytest.raises(NotFound):
        flow.do("preclearance.list", destination="XXX")


@pytest.mark.parametrize(
    ("state", "line", "shown"),
    [
        (State.NOT_APPROVED, "", Shown.WAITING),
        (State.NOT_APPROVED, "disclose_refusal = [{ value = false, %s }]",
         Shown.WAITING),
        (State.NOT_APPROVED, "disclose_refusal = [{ value = true, %s }]",
         Shown.NOT_CLEARED),
        (State.PENDING, "", Shown.WAITING),
        (State.APPROVED, "", Shown.CLEARED),
        (State.SUSPENDED, "", Shown.SUSPENDED),
        (State.WITHDRAWN, "", Shown.WITHDRAWN),
        (State.APPROVED, 'display_suppressed = [{ form = "app", value = true, %s }]',
         None),
        (State.APPROVED,
         'display_suppressed = [{ form = "physical", value = true, %s }]',
         Shown.CLEARED),
    ],
)  # fmt: skip
def test_what_the_holder_is_shown(
    flow: Flow, state: State, line: str, shown: Shown | None
) -> None:
    flow.configure("JPN", line)
    assert shown == as_shown_to_holder(
        state,
        scheme=flow.office.office.packaged_scheme,
        destination="JPN",
        form="app",
        at=NOW,
    )


# The incoming side


def test_a_destination_sees_the_request_and_no_more(flow: Flow) -> None:
    case = flow.enter()
    for name in ("submit", "open"):
        flow.step(name, case)
    flow.step("pass_stage", case, note="a secret of the home review")
    flow.step("approve", case)
    moved = flow.step("circulate", case)
    lane = flow.lane(moved, "JPN").id
    flow.decide(lane, "approve", note="our own note")
    shown = flow.do("incoming.show", economy="JPN", preclearance=lane)
    assert shown.passport_number
    assert "secret" not in shown.model_dump_json()
    assert "our own note" in shown.model_dump_json()
    assert [action.event for action in shown.actions] == ["suspend", "withdraw"]
    home = flow.do("application.show", application=case)
    assert "our own note" not in home.model_dump_json()
    read = flow.read(lambda s: rows(s, AuditRow, tag="preclearance:read"))
    assert [(row.economy, row.subject) for row in read] == [
        ("JPN", f"preclearance:{lane}")
    ]


def test_an_approval_waits_for_the_watch_list(flow: Flow) -> None:
    watch = ToyList(is_down=True)
    flow.office.office.watch_lists = {"JPN": watch}
    clean, listed = flow.circulated(), flow.circulated(family_name="Listed")
    one, two = flow.lane(clean, "JPN").id, flow.lane(listed, "JPN").id
    said = flow.do("incoming.screen", economy="JPN")
    assert (said.no_answer, said.problems) == (2, ("the list is away",))
    with refused("incoming.unscreened"):
        flow.decide(one, "approve")
    waiting = flow.do("incoming.list", economy="JPN", screening="waiting").requests
    assert {line.lane.id for line in waiting} == {one, two}
    watch.is_down, watch.names = False, frozenset({"LISTED"})
    said = flow.do("incoming.screen", economy="JPN")
    assert (said.clear, said.with_hits, said.no_answer) == (1, 1, 0)
    flow.decide(one, "approve")
    with refused("incoming.open_hits"):
        flow.decide(two, "approve")
    shown = flow.do("incoming.show", economy="JPN", preclearance=two)
    blocked = {action.event: bool(action.blocked) for action in shown.actions}
    assert blocked == {"approve": True, "refuse": False}
    hit = shown.hits[0]
    with pytest.raises(NotFound):
        flow.do(
            "incoming.settle_hit", economy="NZL", hit=hit.id, outcome="other_person"
        )
    flow.do("incoming.settle_hit", economy="JPN", hit=hit.id, outcome="other_person")
    with refused("incoming.hit_settled"):
        flow.do("incoming.settle_hit", economy="JPN", hit=hit.id, outcome="same_person")
    flow.decide(two, "approve")
    with refused("incoming.no_watch_list"):
        flow.do("incoming.screen", economy="NZL")


def test_a_refusal_waits_for_nobody(flow: Flow) -> None:
    flow.office.office.watch_lists = {"JPN": ToyList(is_down=True)}
    lane = flow.lane(flow.circulated(), "JPN").id
    assert flow.decide(lane, "refuse").state == State.NOT_APPROVED
    with refused("incoming.unscreened"):
        flow.decide(lane, "reconsider")


FOREIGN = {
    "issuer": "SGP",
    "reference": "SG-1",
    "family_name": "TAN",
    "given_name": "WEI",
    "birthdate": "1980-01-02",
    "sex": "M",
    "nationality": "SGP",
    "passport_country": "SGP",
    "passport_number": "K1",
    "passport_issued_on": "2028-01-01",
    "passport_expires_on": "2038-01-01",
    "applied_on": "2029-12-01",
    "card_expires_at": "2034-12-01T00:00:00Z",
}


def test_a_request_from_elsewhere_is_taken_once(flow: Flow) -> None:
    first = flow.do("incoming.receive", economy="JPN", **FOREIGN)
    assert flow.do("incoming.receive", economy="JPN", **FOREIGN) == first
    other = flow.do("incoming.receive", economy="NZL", **FOREIGN)
    assert (other.card, other.preclearance) != (first.card, first.preclearance)
    assert flow.decide(first.preclearance, "approve").state == State.APPROVED
    assert flow.check(first.card, "JPN").problems == ()
    with refused("incoming.reference_reused"):
        flow.do("incoming.receive", economy="JPN", **{**FOREIGN, "family_name": "LIM"})
    with refused("incoming.hosted_here"):
        flow.do("incoming.receive", economy="JPN", **{**FOREIGN, "issuer": "NZL"})
    with refused("incoming.not_possible"):
        flow.do("incoming.receive", economy="JPN", **{**FOREIGN, "nationality": "JPN"})
    with pytest.raises(IssuerError, match="issuer"):
        flow.do("incoming.receive", economy="JPN", **{**FOREIGN, "issuer": "XXX"})


def test_what_its_issuer_tells_is_taken_over(flow: Flow) -> None:
    got = flow.do("incoming.receive", economy="JPN", **FOREIGN)
    flow.decide(got.preclearance, "approve")
    card = {"issuer": "SGP", "reference": "SG-1"}
    index = {"form": "app", "document_number": "S1", "list_number": 3,
             "list_index": 77, "state": "valid"}  # fmt: skip
    flow.do("incoming.told", economy="JPN", **card, credentials=[index])
    flow.do("incoming.told", economy="JPN", **card,
            credentials=[{**index, "state": "revoked"}])  # fmt: skip
    with refused("incoming.credential"):
        flow.do("incoming.told", economy="JPN", **card, credentials=[index])
    state = flow.read(lambda s: rows(s, ForeignCredential, list_index=77))[0].state
    assert state == lifecycle.Credential.REVOKED
    with refused("incoming.index_beyond"):
        flow.do("incoming.told", economy="JPN", **card,
                credentials=[{**index, "list_index": 2**20 - 1}])  # fmt: skip
    heard = flow.do("incoming.told", economy="JPN", **card, event="cancel")
    assert (heard.state, heard.lapsed) == (lifecycle.Card.CANCELLED, 1)
    assert flow.row(Preclearance, got.preclearance).state == State.LAPSED
    with pytest.raises(IllegalTransition):
        flow.do("incoming.told", economy="JPN", **card, event="restore")
    with pytest.raises(NotFound):
        flow.do("incoming.told", economy="AUS", **card, event="cancel")


# A new passport, a lost card


EVERY_STATE = {
    "BRN": State.APPROVED,
    "CHL": State.PENDING,
    "JPN": State.NOT_APPROVED,
    "KOR": State.SUSPENDED,
    "NZL": State.WITHDRAWN,
    "PER": State.LAPSED,
}


@pytest.mark.parametrize(
    ("rule", "effects"),
    [
        ("keep", {"BRN": "keep", "CHL": "repend", "JPN": "keep", "KOR": "keep"}),
        ("repend", {"BRN": "repend", "CHL": "repend", "JPN": "keep", "KOR": "keep"}),
        ("drop", {"BRN": "drop", "CHL": "drop", "JPN": "drop", "KOR": "drop"}),
    ],
)
def test_what_a_new_passport_does(rule: str, effects: dict[str, str]) -> None:
    scheme = SCHEME
    text = [{"value": rule, "mark": "assumed", "source": "a test"}]
    rules = type(SCHEME.economy("JPN").on_passport_change[0]).model_validate(text[0])
    economies = {
        code: each.model_copy(update={"on_passport_change": (rules,)})
        for code, each in scheme.economies.items()
    }
    assert effects == effect_of_passport_change(
        EVERY_STATE,
        scheme=scheme.model_copy(update={"economies": economies}),
        issuer="AUS",
        nationality_before="AUS",
        nationality_after="AUS",
        at=NOW,
    )


def test_a_new_nationality_changes_who_can_be_asked() -> None:
    """A national needs no pre-clearance at home; the old home can be asked instead."""
    effects = effect_of_passport_change(
        {"JPN": State.APPROVED, "KOR": State.APPROVED},
        scheme=SCHEME,
        issuer="HKG",
        nationality_before="CHN",
        nationality_after="JPN",
        at=NOW,
    )
    assert effects["JPN"] == Effect.DROP
    assert effects["KOR"] == Effect.REPEND
    assert effects["CHN"] == Effect.ASK


def test_a_new_passport_is_applied_to_every_lane(flow: Flow) -> None:
    case = flow.circulated()
    jpn, nzl = flow.lane(case, "JPN").id, flow.lane(case, "NZL").id
    flow.decide(jpn, "approve")
    flow.decide(nzl, "approve", economy="NZL")
    flow.decide(nzl, "suspend", economy="NZL")
    flow.configure("KOR", 'on_passport_change = [{ value = "drop", %s }]')
    flow.now += timedelta(days=100)
    desk = flow.desk()
    desk.write(
        lambda session: apply_passport_change(
            session,
            desk,
            session.get_one(Card, case.card),
            nationality_before="AUS",
            nationality_after="AUS",
        )
    )
    asked = flow.row(Preclearance, jpn)
    assert (asked.state, asked.asked_at) == (State.PENDING, flow.now)
    assert flow.row(Preclearance, nzl).state == State.SUSPENDED
    assert flow.lane(case, "KOR").state == State.LAPSED
    assert flow.lane(case, "PER").asked_at == flow.now
    assert flow.check(case.card).problems == ()
    assert flow.decide(jpn, "approve").state == State.APPROVED
    assert flow.check(case.card).problems == ()


def test_who_is_asked_again_is_screened_again(flow: Flow) -> None:
    """What the list said of the old passport says nothing of the new one."""
    flow.office.office.watch_lists = {"JPN": ToyList()}
    case = flow.circulated()
    lane = flow.lane(case, "JPN").id
    flow.do("incoming.screen", economy="JPN")
    flow.decide(lane, "approve")
    desk = flow.desk()
    desk.write(
        lambda session: apply_passport_change(
            session,
            desk,
            session.get_one(Card, case.card),
            nationality_before="AUS",
            nationality_after="AUS",
        )
    )
    with refused("incoming.unscreened"):
        flow.decide(lane, "approve")


def test_a_replacement_takes_the_answers_over(flow: Flow) -> None:
    """What was withdrawn stays withdrawn, and what is signed stays covered."""
    case = flow.circulated()
    flow.decide(flow.lane(case, "JPN").id, "approve")
    nzl = flow.lane(case, "NZL").id
    flow.decide(nzl, "approve", economy="NZL")
    flow.decide(nzl, "withdraw", economy="NZL")
    desk = flow.desk()

    def replace(session: Any) -> int:
        old = session.get_one(Card, case.card)
        new = Card(
            economy=old.economy, person_id=old.person_id, state=lifecycle.Card.ACTIVE,
            application_id=old.application_id, approved_by=old.approved_by,
            applied_on=old.applied_on, expires_at=old.expires_at,
            continues_id=old.id, created_at=flow.now, changed_at=flow.now,
        )  # fmt: skip
        session.add(new)
        session.flush()
        assert "NZL" in carry_over(session, desk, old, new)
        return new.id

    new = desk.write(replace)
    found = flow.read(lambda s: rows(s, Preclearance, card_id=new))
    lanes = {each.destination: each.state for each in found}
    assert (lanes["JPN"], lanes["NZL"]) == (State.APPROVED, State.WITHDRAWN)
    assert lanes["KOR"] == State.PENDING
    assert flow.lane(case, "JPN").state == State.LAPSED
    assert flow.check(new).problems == ()
    assert flow.check(case.card).problems == ()
    with pytest.raises(ValueError, match="does not continue"):
        desk.write(
            lambda s: carry_over(s, desk, s.get_one(Card, new), s.get_one(Card, new))
        )


def test_a_card_that_ends_takes_its_answers_with_it(flow: Flow) -> None:
    case = flow.circulated()
    flow.decide(flow.lane(case, "JPN").id, "approve")
    desk = flow.desk()
    count = desk.write(
        lambda s: lapse_all(s, desk, s.get_one(Card, case.card), "it was lost")
    )
    assert count == len(case.destinations)
    with refused("preclearance.ended"):
        flow.decide(flow.lane(case, "NZL").id, "approve", economy="NZL")


# Any life


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("application"),
            st.sampled_from(sorted(APPLICATION.events)),
            st.sampled_from(["ann", "bob"]),
        ),
        st.tuples(
            st.sampled_from(["JPN", "NZL"]),
            st.sampled_from(sorted(DECISIONS)),
            st.just("bob"),
        ),
        st.tuples(
            st.just("lane"),
            st.sampled_from(["remind", "ask_again"]),
            st.just("bob"),
        ),
    ),
    min_size=8,
    max_size=25,
)
BEGINNING = [("application", event, "bob") for event in
             ("submit", "open", "pass_stage", "approve", "circulate")]  # fmt: skip


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, head=st.integers(0, len(BEGINNING)))
def test_whatever_is_tried_the_records_hold_together(
    flow: Flow, steps: list[tuple[str, str, str]], head: int
) -> None:
    """Only documented refusals; then log, events, cards and answers agree."""
    case = flow.enter()
    for kind, event, who in BEGINNING[:head] + steps:
        flow.now += timedelta(hours=7)
        try:
            attempt(flow, case, kind, event, who)
        except IssuerError:
            continue
    check_records(flow, case)


def attempt(flow: Flow, case: int, kind: str, event: str, who: str) -> None:
    if kind == "application":
        more: dict[str, Any] = {"without_waiting": True} if event == "close" else {}
        flow.step(event, case, who=who, **more)
        return
    card = flow.read(lambda s: rows(s, Card, application_id=case))
    lanes = flow.read(
        lambda s: rows(s, Preclearance, card_id=card[0].id) if card else []
    )
    for lane in lanes:
        if kind == "lane" and lane.destination == "JPN":
            flow.do(f"preclearance.{event}", preclearance=lane.id)
        elif lane.destination == kind:
            flow.decide(lane.id, event, economy=kind)


ALIVE = {
    lifecycle.Application.HOME_APPROVED,
    lifecycle.Application.CIRCULATED,
    lifecycle.Application.CLOSED,
}


def check_records(flow: Flow, case: int) -> None:
    application = flow.row(Application, case)
    cards = flow.read(lambda s: rows(s, Card, application_id=case))
    for card in cards:
        lanes = flow.read(lambda s, key=card.id: rows(s, Preclearance, card_id=key))
        assert (card.state == lifecycle.Card.ACTIVE) == (application.state in ALIVE)
        if card.state == lifecycle.Card.CANCELLED:
            assert all(PRECLEARANCE.is_final(lane.state) for lane in lanes)
        if lanes:
            assert application.decided_by != application.entered_by
        assert flow.check(card.id).problems == ()
    for economy in ("AUS", "JPN", "NZL"):
        found = flow.read(lambda s, e=economy: list(audit.verify(s, e)))
        assert all(isinstance(each, int) for each in found)


def test_s13_one_destination_does_not_speak_for_another(flow: Flow) -> None:
    """Both were asked about the same card; what one is told is nothing to the other."""
    japan = flow.do("incoming.receive", economy="JPN", **FOREIGN)
    zealand = flow.do("incoming.receive", economy="NZL", **FOREIGN)
    flow.decide(japan.preclearance, "approve")
    flow.decide(zealand.preclearance, "approve", economy="NZL")
    card = {"issuer": "SGP", "reference": "SG-1"}
    index = {"form": "app", "document_number": "S1", "list_number": 3,
             "list_index": 77, "state": "valid"}  # fmt: skip
    flow.do("incoming.told", economy="JPN", **card, credentials=[index])
    flow.do("incoming.told", economy="NZL", **card, event="cancel",
            credentials=[{**index, "list_index": 5, "state": "revoked"}])  # fmt: skip
    assert flow.row(Preclearance, japan.preclearance).state == State.APPROVED
    assert flow.row(Preclearance, zealand.preclearance).state == State.LAPSED
    shown = {
        economy: flow.do(
            "incoming.show", economy=economy, preclearance=got.preclearance
        )
        for economy, got in (("JPN", japan), ("NZL", zealand))
    }
    assert [shown[economy].card_state for economy in ("JPN", "NZL")] == [
        lifecycle.Card.ACTIVE,
        lifecycle.Card.CANCELLED,
    ]
    # The same index again, as another destination was told it: nobody is in the way.
    flow.do("incoming.told", economy="JPN", **card,
            credentials=[{**index, "list_index": 5, "form": "physical"}])  # fmt: skip
    told = flow.read(lambda s: rows(s, ForeignCredential, list_index=5))
    assert {(each.told_to, each.card_id, each.state) for each in told} == {
        ("JPN", japan.card, lifecycle.Credential.VALID),
        ("NZL", zealand.card, lifecycle.Credential.REVOKED),
    }


def test_s13_what_one_destination_was_told_of_a_passport_is_nothing_to_others(
    flow: Flow,
) -> None:
    """Nor does a refusal tell what name the passport came with elsewhere."""
    flow.do("incoming.receive", economy="NZL", **{**FOREIGN, "family_name": "LIM"})
    got = flow.do("incoming.receive", economy="JPN", **FOREIGN)
    seen = flow.do("incoming.show", economy="JPN", preclearance=got.preclearance)
    assert seen.family_name == "TAN"
    again = {**FOREIGN, "reference": "SG-2", "family_name": "LIM"}
    with refused("incoming.passport_reused"):
        flow.do("incoming.receive", economy="JPN", **again)


def test_s13_the_database_ties_a_place_to_the_destination_that_was_told(
    flow: Flow,
) -> None:
    """A place in a list that NZL was told cannot hang on JPN's card."""
    got = flow.do("incoming.receive", economy="JPN", **FOREIGN)
    row = ForeignCredential(
        card_id=got.card, told_to="NZL", economy="SGP", form="app",
        document_number="S1", list_number=3, list_index=77,
        state=lifecycle.Credential.VALID, changed_at=flow.now,
    )  # fmt: skip
    with pytest.raises(Forbidden, match="tr_foreign_credential_of_another"):
        flow.office.store.write(lambda session: session.add(row), now=flow.now)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE foreign_credential SET state = 'valid'", "final"),
        ("UPDATE foreign_credential SET list_index = 78", "binding"),
        ("UPDATE foreign_credential SET told_to = 'NZL'", "binding"),
        ("DELETE FROM foreign_credential", "kept"),
    ],
)
def test_s13_what_has_ended_elsewhere_stays_ended_in_the_database(
    flow: Flow, statement: str, rule: str
) -> None:
    flow.do("incoming.receive", economy="JPN", **FOREIGN)
    index = {"form": "app", "document_number": "S1", "list_number": 3,
             "list_index": 77, "state": "revoked"}  # fmt: skip
    flow.do("incoming.told", economy="JPN", issuer="SGP", reference="SG-1",
            credentials=[index])  # fmt: skip
    with pytest.raises(Forbidden, match=f"tr_foreign_credential_{rule}"):
        flow.write(lambda session: session.execute(text(statement)))


def test_s13_an_economy_that_asked_from_elsewhere_does_not_inherit_its_requests(
    flow: Flow,
) -> None:
    """They are the destinations' records, and their withdrawals have to go on."""
    flow.do("incoming.receive", economy="JPN", **FOREIGN)
    with refused("economy.told_of"):
        flow.do("economy.host", economy="JPN", code="SGP", administrator="pia",
                display_name="Pia")  # fmt: skip
