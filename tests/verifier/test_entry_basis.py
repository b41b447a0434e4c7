"""What an airline is told of a card: one of three answers, as of a day to come."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import verifier
from issuer.documents import issuer_document
from tests.examples.desk_scene import passport
from tests.simulator import NOW, PUBLISHED, SCHEME, World, key_record
from verifier import BasisAnswer

SINGAPORE = ZoneInfo("Asia/Singapore")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = date(2030, 1, 15)
JANE = verifier.Passport.from_mrz(passport())
OTHER = verifier.Passport.from_mrz(passport("PA7654321"))
POLICY = verifier.Policy(economy="SGP")


def asked(
    world: World, code: str | None, days: int = 0, **changes: Any
) -> verifier.EntryBasis:
    """Ask Singapore's desk about an arrival in so many days."""
    usual: dict[str, Any] = {
        "trust": changes.pop("trust", None) or world.trust(),
        "policy": POLICY,
        "expected_passport": JANE,
        "arrival": TODAY + days * DAY,
        "now": NOW.astimezone(SINGAPORE),
    }
    return verifier.entry_basis(code, **usual | changes)


def bare(found: verifier.EntryBasis) -> dict[str, Any]:
    """What a desk shows of an answer but of when the data is; not for logs."""
    return {
        name: value
        for name, value in asdict(found).items()
        if name not in {"reason", "data_as_of"}
    }


@pytest.fixture
def world() -> World:
    return World()


# Gives


def test_a_good_card_gives_an_entry_basis(world: World) -> None:
    """With the stay, the form, the card's last day, and of when the data is."""
    found = asked(world, world.show(world.card()))
    assert found == verifier.EntryBasis(
        answer=BasisAnswer.GIVES,
        destination="SGP",
        arrival=TODAY,
        answered_at=NOW,
        data_as_of=NOW - PUBLISHED,
        stay_until=date(2030, 3, 15),
        good_until=NOW - PUBLISHED + 3 * DAY,  # as old as a list may be
        form="app",
        card_last_day=date(2034, 6, 30),
        passport_country="AUS",
        passport_number_end="567",
        must_see=(verifier.MustSee.FACE,),
        reason=verifier.EntryReason.CLEARED,
    )


def test_a_stay_is_counted_from_the_day_of_arrival(world: World) -> None:
    """Not from today, and not by the calendar of wherever the desk is."""
    found = asked(world, world.show(world.card()), days=3)
    assert found.stay_until == date(2030, 3, 18)
    late = NOW + 8 * HOUR  # the 15th in UTC, the 16th in Singapore
    code = world.show(world.card(), at=late)
    arrival = date(2030, 1, 16)
    found = asked(world, code, now=late.astimezone(SINGAPORE), arrival=arrival)
    assert (found.answer, found.stay_until) == (BasisAnswer.GIVES, date(2030, 3, 16))


def test_without_a_passport_staff_must_compare_one(world: World) -> None:
    """The answer is for the passport of the card, and says how that one ends."""
    found = asked(world, world.show(world.card()), expected_passport=None)
    assert found.must_see == (verifier.MustSee.PASSPORT, verifier.MustSee.FACE)


def test_q7_a_plastic_card_must_be_seen(world: World) -> None:
    """Its code can be photographed: whoever answers for it sees it."""
    found = asked(world, world.show(world.card(form="physical")))
    assert (found.answer, found.form) == (BasisAnswer.GIVES, "physical")
    assert verifier.MustSee.PLASTIC_CARD in found.must_see


def test_a_clearance_granted_since_counts(world: World) -> None:
    """Of a card that does not list the destination, its overlay may still say so."""
    world.set_overlay(3)
    card = world.card(economies=["NZL"])
    assert asked(world, world.show(card)).answer is BasisAnswer.GIVES


# Does not give, and never why


def test_who_gets_no_entry_basis_cannot_tell_why(world: World) -> None:
    """A wrong passport, no clearance, a withdrawn one, a revoked card: all alike."""
    code = world.show(world.card())
    told = [asked(world, code, expected_passport=OTHER)]
    told.append(asked(world, world.show(world.card(economies=["NZL"]))))
    world.set_overlay(1)
    told.append(asked(world, code))
    world.set_status(1)
    told.append(asked(world, code))
    assert len({each.reason for each in told}) == 4
    (first, *others) = map(bare, told)
    assert first["answer"] is BasisAnswer.DOES_NOT_GIVE
    assert [each for each in others if each != first] == []
    assert not any(
        first[name] for name in ("stay_until", "form", "card_last_day", "must_see")
    )


def test_t5_what_has_ended_by_the_arrival_has_ended(world: World) -> None:
    """A card and a passport that are good today, and not on that day."""
    ends = int(datetime(2030, 1, 18, tzinfo=UTC).timestamp())
    code = world.show(world.card(exp=ends))
    answers = [asked(world, code, days=days).answer for days in (0, 2, 3)]
    assert answers == [BasisAnswer.GIVES] * 2 + [BasisAnswer.DOES_NOT_GIVE]
    ending = replace(JANE, expires_on=date(2030, 1, 17))
    found = asked(world, world.show(world.card()), days=3, expected_passport=ending)
    assert found.answer is BasisAnswer.DOES_NOT_GIVE


# No answer


@pytest.mark.parametrize("code", ["https://example.org/menu", "", "ABTC1:!", "~"])
def test_q4_what_is_no_card_is_no_answer(world: World, code: str) -> None:
    """Grey: another's code says nothing about a card that was not shown."""
    assert asked(world, code).answer is BasisAnswer.NO_ANSWER


def test_i2_a_test_card_is_no_answer(world: World) -> None:
    """Neither yes nor no: it is nobody's."""
    document = issuer_document(
        SCHEME,
        "AUS",
        keys=[key_record("AUS", "card"), key_record("AUS", "status")],
        issued_at=NOW - PUBLISHED,
        is_test=True,
    )
    trust = world.trust(replace={"AUS/issuer.json": document})
    found = asked(world, world.show(world.card()), trust=trust)
    assert found.reason is verifier.RejectReason.TEST
    assert found.answer is BasisAnswer.NO_ANSWER


def test_a_passport_alone_is_no_answer(world: World) -> None:
    """No device keeps a register of cards; nothing was decided, so nothing logged."""
    found = asked(world, None)
    assert (found.answer, found.reason) == (BasisAnswer.NO_ANSWER, None)
    assert found.data_as_of == NOW - PUBLISHED


@pytest.mark.parametrize("days", [-1, 8, 366, 367, 100_000])
def test_days_that_nobody_knows_of_are_no_answer(world: World, days: int) -> None:
    """Over already, behind the end of the data, or a slip of the finger."""
    found = asked(world, world.show(world.card()), days=days)
    assert found.answer is BasisAnswer.NO_ANSWER


def test_s2_old_data_is_no_answer_on_any_day(world: World) -> None:
    """A later arrival makes no list younger, and no clock right."""
    for now in (NOW + 4 * DAY, NOW - 2 * DAY):
        code = world.show(world.card(), at=now)
        for days in (0, 2):
            arrival = now.date() + days * DAY
            found = asked(world, code, now=now, arrival=arrival)
            assert found.answer is BasisAnswer.NO_ANSWER


def test_s8_a_list_that_is_missing_is_no_answer(world: World) -> None:
    """The destination's own, and the issuer's."""
    for name in ("SGP/overlay/AUS/1.jwt", "AUS/status/1.jwt"):
        trust = world.trust(without=[name])
        found = asked(world, world.show(world.card()), trust=trust)
        assert found.answer is BasisAnswer.NO_ANSWER


@pytest.mark.parametrize("seconds", [-3600, -46, 16, 3600])
def test_t1_a_later_arrival_excuses_no_proof(world: World, seconds: int) -> None:
    """A code made ahead, or long ago, is no answer for next week either."""
    code = world.show(world.card(), at=NOW + timedelta(seconds=seconds))
    for days in (0, 5):
        assert asked(world, code, days=days).answer is BasisAnswer.NO_ANSWER


# Asked later than read


def test_a_code_that_was_fresh_when_read_counts_as_of_now(world: World) -> None:
    """Its lists are today's: what was revoked in between gives no basis."""
    read_at = NOW - 2 * HOUR
    code = world.show(world.card(), at=read_at - timedelta(seconds=40))
    assert asked(world, code).answer is BasisAnswer.NO_ANSWER
    assert asked(world, code, code_read_at=read_at).answer is BasisAnswer.GIVES
    world.set_status(1)
    found = asked(world, code, days=2, code_read_at=read_at)
    assert found.answer is BasisAnswer.DOES_NOT_GIVE


def test_q5_a_code_that_was_old_when_read_is_no_answer(world: World) -> None:
    """Having waited excuses the time of waiting and no second more."""
    read_at = NOW - 2 * HOUR
    code = world.show(world.card(), at=read_at - timedelta(seconds=46))
    for days in (0, 2):
        found = asked(world, code, days=days, code_read_at=read_at)
        assert found.answer is BasisAnswer.NO_ANSWER


@pytest.mark.parametrize(
    "moment",
    [NOW + timedelta(seconds=1), NOW - 73 * HOUR, NOW.replace(tzinfo=None)],
)
def test_a_moment_that_cannot_be_is_a_callers_mistake(
    world: World, moment: datetime
) -> None:
    """A code is read before it is asked about, and soon."""
    with pytest.raises(ValueError, match="code"):
        asked(world, world.show(world.card()), code_read_at=moment)


def test_a_naive_present_is_a_callers_mistake(world: World) -> None:
    """The days of a stay need a calendar."""
    with pytest.raises(ValueError, match="timezone-aware"):
        asked(world, None, now=NOW.replace(tzinfo=None))


# Words


def test_there_are_three_sentences_and_none_is_about_boarding() -> None:
    """Exactly those of every desk; the second and third refuse nobody."""
    assert [each.sentence("Korea") for each in BasisAnswer] == [
        "ABTC gives an entry basis for Korea for this passport.",
        "ABTC does not give an entry basis for Korea: check visa as usual.",
        "No answer: use the normal document check.",
    ]
