"""The register answers by passport as a border would by the card."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.carriers.register import answers
from issuer.carriers.trust import lists_of
from issuer.errors import NoTrust
from issuer.installation import Installation
from issuer.lifecycle import Credential as CredentialState
from issuer.lifecycle import Preclearance as PreclearanceState
from issuer.store import Card, PassportLink
from tests.databases import Prepared
from tests.issuer.carriers.scene import DAY, TODAY, Scene
from tests.issuer.office.publishing import minutes
from tests.simulator import NOW
from verifier import BasisAnswer


@pytest.fixture
def scene(prepared: Prepared) -> Scene:
    return Scene.at(prepared)


def test_a_passport_alone_gets_an_answer(scene: Scene) -> None:
    """With what a desk would say: stay, form, last day, what to see, as of when."""
    held = scene.publishing.held()
    found = scene.ask(scene.question(held))
    assert found.answer is BasisAnswer.GIVES
    assert found.form == "physical"
    assert found.stay_until is not None
    assert found.stay_until > TODAY + DAY
    assert found.passport_country is not None
    assert found.data_as_of is not None
    assert found.data_as_of <= NOW


def test_no_card_is_no_entry_basis_and_looks_like_any_other(scene: Scene) -> None:
    """Who is not cleared, and who has no card at all, get the same words."""
    held = scene.publishing.held(by=("NZL",))
    nobody = replace(scene.question(held), number="XX0000000")
    none = scene.ask(nobody)
    assert none.answer is BasisAnswer.DOES_NOT_GIVE
    other = scene.ask(replace(scene.question(held), country="XXX"))
    assert other.answer is BasisAnswer.DOES_NOT_GIVE
    uncleared = scene.ask(scene.question(held, "USA"))
    assert uncleared.answer is BasisAnswer.DOES_NOT_GIVE
    for each in (none, uncleared):
        assert (each.form, each.card_last_day, each.stay_until) == (None, None, None)


def test_another_economy_knows_nothing_of_it(scene: Scene) -> None:
    """Each answers for its own cards alone."""
    question = scene.question(scene.publishing.held())
    assert scene.ask(question, economy="JPN").answer is BasisAnswer.DOES_NOT_GIVE


@pytest.mark.parametrize("state", ["suspended", "lost", "cancelled"])
def test_a_card_that_was_taken_away_counts_at_once(scene: Scene, state: str) -> None:
    """Nobody waits for the next list."""
    held = scene.publishing.held()
    question = scene.question(held)

    def work(session: Session) -> None:
        session.get_one(Card, held.card_id).state = lifecycle.Card(state)

    scene.office.store.write(work, now=NOW)
    assert scene.ask(question).answer is BasisAnswer.DOES_NOT_GIVE


def test_a_passport_that_was_reported_counts_at_once(scene: Scene) -> None:
    """The card cannot be used until it is linked to another."""
    held = scene.publishing.held()
    question = scene.question(held)

    def work(session: Session) -> None:
        session.execute(
            update(PassportLink)
            .where(PassportLink.card_id == held.card_id)
            .values(state=lifecycle.PassportLink.REPORTED)
        )

    scene.office.store.write(work, now=NOW)
    assert scene.ask(question).answer is BasisAnswer.DOES_NOT_GIVE


def test_a_credential_that_was_revoked_counts_at_once(scene: Scene) -> None:
    """Also where the list that says so is not published yet."""
    held = scene.publishing.held()
    scene.publishing.set_credential(held, CredentialState.REVOKED, at=NOW)
    assert scene.ask(scene.question(held)).answer is BasisAnswer.DOES_NOT_GIVE


def test_s13_a_destination_that_withdraws_is_heard(scene: Scene) -> None:
    """Its overlay counts as soon as it is published, as at its border."""
    held = scene.publishing.held()
    question = scene.question(held)
    scene.publishing.answer(held, "NZL", PreclearanceState.WITHDRAWN, at=minutes(1))
    scene.publishing.publish("NZL", at=minutes(2))
    assert scene.ask(question, at=minutes(3)).answer is BasisAnswer.DOES_NOT_GIVE
    japan = replace(question, destination="JPN")
    assert scene.ask(japan, at=minutes(3)).answer is BasisAnswer.GIVES


def test_data_that_is_too_old_is_no_answer(scene: Scene) -> None:
    """For those with a card and those without."""
    held = scene.publishing.held()
    later = NOW + timedelta(days=9)
    question = scene.question(held, arrival=(later + DAY).date())
    for each in (question, replace(question, number="XX0000000")):
        assert scene.ask(each, at=later).answer is BasisAnswer.NO_ANSWER


def test_nothing_published_is_told(scene: Scene) -> None:
    """There is nothing to decide from."""
    with pytest.raises(NoTrust):
        lists_of(Installation(folder=scene.publishing.folder / "elsewhere"))


def test_many_are_answered_in_their_order(scene: Scene) -> None:
    """More passports than one query takes, some of them twice."""
    held = scene.publishing.held()
    known = scene.question(held)
    strangers = [replace(known, number=f"XX{number:07d}") for number in range(600)]
    found = answers(scene.office, [known, *strangers, known], scene.basis())
    told = [each.answer for each in found]
    assert told[0] is told[-1] is BasisAnswer.GIVES
    assert set(told[1:-1]) == {BasisAnswer.DOES_NOT_GIVE}
