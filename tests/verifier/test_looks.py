"""How answers look, and which step is marked."""

from datetime import timedelta

import pytest

import verifier
from tests.simulator import NOW, World
from verifier import CheckState, CheckStep, EntryReason, Look, MustSee
from verifier.console import training

WORLD = World(economies=["AUS", "SGP"])
CASES = {each.id: each for each in training.cases()}
STOPPED = {CheckState.FAILED, CheckState.DOUBT}
STEPS = {
    "card": CheckStep.CODE,
    "signature": CheckStep.SIGNATURE,
    "trust": CheckStep.TRUST,
    "time": CheckStep.DATES,
    "proof": CheckStep.DEVICE,
    "status": CheckStep.STATUS,
    "passport": CheckStep.PASSPORT,
}


def states(decision: verifier.Decision) -> dict[CheckStep, CheckState]:
    passport = verifier.Passport(country="AUS", number="PA1234567")
    found = verifier.checks_of(decision, expected_passport=passport)
    assert tuple(each.step for each in found) == tuple(CheckStep)
    return {each.step: each.state for each in found}


@pytest.mark.parametrize("case", CASES)
def test_every_reason_marks_the_step_that_decided(case: str) -> None:
    """One step is marked, those before it passed, and none after it was reached."""
    decision = training.decide(case)
    if isinstance(decision, verifier.Accepted):
        return
    found = states(decision)
    marked = [step for step, state in found.items() if state in STOPPED]
    expected = STEPS[decision.reason.partition(".")[0]]
    if decision.reason is verifier.RejectReason.TEST:
        expected = CheckStep.TRUST
    if decision.reason is verifier.RejectReason.PASSPORT_REPORTED:
        expected = CheckStep.REPORTED
    assert marked == [expected]
    is_bad = isinstance(decision, verifier.Rejected)
    assert found[expected] is (CheckState.FAILED if is_bad else CheckState.DOUBT)
    assert found[CheckStep.CLEARANCE] is CheckState.NOT_REACHED


@pytest.mark.parametrize("case", CASES)
def test_every_outcome_has_its_look(case: str) -> None:
    """Green is for an entry basis alone, and doubt is neither green nor red."""
    decision = training.decide(case)
    look = verifier.look_of(decision)
    if isinstance(decision, verifier.Undecided):
        assert look is Look.BY_HAND
    elif isinstance(decision, verifier.Rejected):
        is_grey = decision.reason in {"card.foreign", "card.malformed", "card.test"}
        assert look is (Look.NOT_LIVE if is_grey else Look.REFUSED)
    else:
        answer = decision.entitlement.entry.answer
        assert (look is Look.ACCEPTED) == (answer == "visa_free")
        assert (look is Look.BY_HAND) == (answer == "cannot_tell")


@pytest.mark.parametrize("reason", EntryReason)
def test_every_entry_reason_is_marked_once_at_most(reason: EntryReason) -> None:
    """Where entry was decided otherwise than yes, a step says where."""
    cases = [each for each in CASES.values() if each.code is reason]
    decision = training.decide(cases[0].id)
    assert isinstance(decision, verifier.Accepted)
    found = states(decision)
    marked = [step for step, state in found.items() if state in STOPPED]
    is_fine = {EntryReason.CLEARED, EntryReason.GRANTED, EntryReason.NOT_REQUIRED}
    assert bool(marked) == (reason not in is_fine)
    assert len(marked) <= 2
    expected = {
        EntryReason.FORM: CheckStep.FORM,
        EntryReason.EXCLUDED: CheckStep.PAIR,
        EntryReason.WITHDRAWN: CheckStep.CLEARANCE,
        EntryReason.PASSPORT_VALIDITY: CheckStep.PASSPORT,
    }
    if reason in expected:
        assert marked == [expected[reason]]


def test_nobody_asked_for_a_passport_or_a_phone() -> None:
    """What was not looked at is not told as passed."""
    decision = WORLD.verify(WORLD.show(WORLD.card()))
    found = {
        each.step: each.state
        for each in verifier.checks_of(decision, expected_passport=None)
    }
    assert found[CheckStep.PASSPORT] is CheckState.NOT_ASKED
    assert found[CheckStep.DEVICE] is CheckState.PASSED
    plastic = WORLD.verify(WORLD.show(WORLD.card(form="physical")))
    assert isinstance(plastic, verifier.Accepted)
    assert MustSee.PLASTIC_CARD in plastic.must_see
    assert states(plastic)[CheckStep.DEVICE] is CheckState.NOT_ASKED


def test_t4_a_clock_that_is_behind_leaves_everything_open() -> None:
    """Nothing behind the code was looked at, and the dates are what is in doubt."""
    now = NOW - timedelta(days=60)
    found = states(WORLD.verify(WORLD.show(WORLD.card()), now=now))
    assert found[CheckStep.DATES] is CheckState.DOUBT
    assert found[CheckStep.SIGNATURE] is CheckState.NOT_REACHED
    assert found[CheckStep.CODE] is CheckState.PASSED


def test_first_seen_is_the_moment_of_the_first_scan() -> None:
    """The guard tells when a proof was accepted, and of others that it was not."""
    guard = verifier.ReplayGuard(verifier.Policy(economy="SGP"))
    decision = WORLD.verify(WORLD.show(WORLD.card()))
    assert guard.first_seen(decision) is None
    guard.check(decision)
    assert guard.first_seen(decision) == NOW
    assert guard.first_seen(WORLD.verify("https://example.org")) is None
