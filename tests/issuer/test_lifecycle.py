"""The five tables: every state and event, and random walks that never leave them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.errors import IllegalTransition
from issuer.lifecycle import (
    APPLICATION,
    CARD,
    CREDENTIAL,
    PASSPORT_LINK,
    PRECLEARANCE,
    Application,
    Card,
    Credential,
    Lifecycle,
    PassportLink,
    Preclearance,
    Side,
    Step,
)

TABLES: list[Lifecycle] = [APPLICATION, PRECLEARANCE, CARD, CREDENTIAL, PASSPORT_LINK]  # type: ignore[type-arg]  # of any kind
FINAL = {
    "application": {"home_refused", "closed", "applicant_withdrawn"},
    "preclearance": {"withdrawn", "lapsed"},
    "card": {"lost", "cancelled", "superseded", "expired"},
    "credential": {"revoked", "superseded", "void", "expired"},
    "passport_link": {"replaced", "ended"},
}
EVERY = [
    (table, state, event, side)
    for table in TABLES
    for state in table.states
    for event in sorted(table.events)
    for side in Side
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_has_ended_stays_ended(table: Lifecycle) -> None:  # type: ignore[type-arg]
    assert {str(s) for s in table.states if table.is_final(s)} == FINAL[table.name]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_state_can_be_reached(table: Lifecycle) -> None:  # type: ignore[type-arg]
    reached = {table.start}
    while more := {s.after for s in table if s.before & reached} - reached:
        reached |= more
    assert reached == set(table.states)


def test_every_combination_is_a_step_or_a_named_refusal() -> None:
    """Not one of them raises anything else, and none is both."""
    for table, state, event, side in EVERY:
        rows = [s for s in table if s.event == event and state in s.before]
        may = [s for s in rows if side in s.by]
        if may:
            assert table.after(state, event, by=side) == may[0].after
            assert event in table.allowed(state, by=side)
            continue
        with pytest.raises(IllegalTransition) as refused:
            table.after(state, event, by=side)
        ended = "ended" if table.is_final(state) else "not_now"
        assert refused.value.reason == f"{table.name}.{'not_theirs' if rows else ended}"
        assert event not in table.allowed(state, by=side)


def test_only_a_destination_decides() -> None:
    """Nobody at home, and no rule, approves, refuses, suspends or withdraws."""
    decisions = {"approve", "refuse", "reconsider", "suspend", "reinstate", "withdraw"}
    for step in PRECLEARANCE:
        assert (step.event in decisions) == (step.by == {Side.DESTINATION})


def test_home_never_sees_an_unasked_answer() -> None:
    allowed = PRECLEARANCE.allowed(Preclearance.NOT_SENT, by=Side.DESTINATION)
    assert allowed == ()


def test_what_the_handbook_of_the_scheme_says() -> None:
    walk = {
        (str(state), step.event): str(step.after)
        for step in PRECLEARANCE
        for state in step.before
    }
    assert walk["approved", "suspend"] == "suspended"
    assert walk["suspended", "reinstate"] == "approved"
    assert walk["suspended", "withdraw"] == "withdrawn"
    assert walk["approved", "repend"] == "pending"
    assert ("suspended", "repend") not in walk
    assert ("pending", "repend") not in walk
    assert CARD.after(Card.SUSPENDED, "restore", by=Side.HOME) == Card.ACTIVE
    assert PASSPORT_LINK.start == PassportLink.LINKED
    assert CREDENTIAL.open_states() == {
        Credential.PREPARED,
        Credential.VALID,
        Credential.SUSPENDED,
    }
    assert (
        APPLICATION.after(Application.CIRCULATED, "withdraw", by=Side.HOLDER)
        == Application.APPLICANT_WITHDRAWN
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@given(data=st.data())
def test_walks_end_only_where_the_table_ends(
    table: Lifecycle,  # type: ignore[type-arg]
    data: st.DataObject,
) -> None:
    state = table.start
    for _ in range(20):
        open_events = [(e, s) for s in Side for e in table.allowed(state, by=s)]
        assert bool(open_events) == (not table.is_final(state))
        if not open_events:
            return
        event, side = data.draw(st.sampled_from(open_events))
        state = table.after(state, event, by=side)


def test_an_event_of_another_table_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no event"):
        CARD.after(Card.ACTIVE, "approve", by=Side.HOME)


def test_a_table_that_contradicts_itself_is_refused() -> None:
    rows = [
        Step(
            event="end",
            before=frozenset({Card.ACTIVE}),
            after=after,
            by=frozenset({Side.HOME}),
        )
        for after in (Card.CANCELLED, Card.LOST)
    ]
    with pytest.raises(ValueError, match="twice"):
        Lifecycle(name="card", start=Card.ACTIVE, steps=tuple(rows))
