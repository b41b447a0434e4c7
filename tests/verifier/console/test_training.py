"""Training's cards teach every reason code, and are good on no device on duty."""

from datetime import UTC, datetime
from functools import cache
from importlib import resources

import pytest

import verifier
from tests.simulator import World
from tests.vectors import world as vectors
from verifier import Look
from verifier.console import training
from verifier.console.codes import ConsoleReason
from verifier.console.training import Action

NAMES = [case.id for case in training.cases()]
CASES = {case.id: case for case in training.cases()}
BASE45 = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def reasons_of(decision: verifier.Decision) -> set[verifier.Reason]:
    if isinstance(decision, verifier.Accepted):
        return {decision.entitlement.entry.reason, decision.entitlement.lane.reason}
    return {decision.reason}


def duty_trusts() -> list[verifier.Trust]:
    """What devices on duty may believe: two worlds with the same names in them."""
    documents = vectors.default_documents()
    published = verifier.Trust.from_documents(
        {name: text.encode() for name, text in documents.items()},
        version=1,
        issued_at=datetime.fromtimestamp(vectors.ISSUED_AT, UTC),
        expires_at=datetime.fromtimestamp(vectors.EXPIRES_AT, UTC),
    )
    return [World().trust(), published]


DUTY = duty_trusts()


@cache
def decided(name: str) -> verifier.Decision:
    return training.decide(name)


@pytest.mark.parametrize("name", NAMES)
def test_each_case_gives_the_code_that_it_teaches(name: str) -> None:
    """The verifier itself answers, at the case's time and twice alike."""
    case, first, again = CASES[name], decided(name), training.decide(name)
    if case.owner_says is None:
        assert case.code in reasons_of(first)
    assert reasons_of(first) == reasons_of(again)
    assert case.group == case.code.split(".")[0]
    assert abs((first.evidence.now - case.now).total_seconds()) <= 45


def test_every_reason_code_has_a_case() -> None:
    """An officer can see every code that a device will ever show about a card."""
    enums = (
        verifier.RejectReason,
        verifier.UndecidedReason,
        verifier.EntryReason,
        verifier.LaneReason,
    )
    codes = {reason.value for enum in enums for reason in enum}
    asked = {ConsoleReason.NOT_CONFIRMED.value, ConsoleReason.NOT_ASKED.value}
    assert {case.code.value for case in training.cases()} == codes | asked


@pytest.mark.parametrize("name", NAMES)
def test_i2_no_card_of_training_is_good_on_duty(name: str) -> None:
    """Where a real border meets it, with passport or without, it is unknown."""
    case = CASES[name]
    for trust in DUTY:
        for passport in (None, verifier.Passport.from_mrz(case.mrz)):
            decision = verifier.verify(
                case.text,
                trust=trust,
                policy=verifier.Policy(economy=case.economy),
                expected_passport=passport,
                expected_challenge=case.challenge,
                now=case.now,
            )
            assert verifier.look_of(decision) in {Look.NOT_LIVE, Look.BY_HAND}


@pytest.mark.parametrize("name", NAMES)
def test_right_is_what_the_decision_allows(name: str) -> None:
    """Nobody learns to admit on anything but green, or to refuse the unknown."""
    right, decision = CASES[name].right, decided(name)
    assert right
    is_green = verifier.look_of(decision) is Look.ACCEPTED
    assert (Action.ADMIT in right) == (is_green and CASES[name].owner_says is None)
    if isinstance(decision, verifier.Undecided):
        assert set(right) <= {Action.REFER, Action.UPDATE}


def test_the_first_course_has_ten_cases_of_all_looks_and_both_forms() -> None:
    """A new officer meets each look, a plastic card, and each thing to do."""
    course = training.first_course()
    decisions = [decided(case.id) for case in course]
    assert len({case.id for case in course}) == 10
    assert {verifier.look_of(decision) for decision in decisions} == set(Look)
    forms = {d.card.form for d in decisions if isinstance(d, verifier.Accepted)}
    assert forms == {"app", "physical"}
    assert {case.right[0] for case in course} == set(Action)


def test_the_self_test_card_is_green_and_tries_every_character() -> None:
    """It says at start that this software works, and which layout an imager has."""
    case = training.self_test()
    assert verifier.look_of(decided(case.id)) is Look.ACCEPTED
    assert set(case.text) == BASE45


def test_an_unknown_case_is_a_callers_mistake() -> None:
    """There is no answer to a case that there is not."""
    with pytest.raises(KeyError):
        training.decide("status.invented")


def test_the_cases_are_small() -> None:
    """A device keeps them for years beside its data."""
    file = resources.files("verifier.console").joinpath("training.json")
    assert len(file.read_bytes()) < 300_000
