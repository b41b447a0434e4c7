"""What an officer gets for what is scanned."""

from tests.verifier.console.conftest import WORLD, Desk, at

CARD = WORLD.card()


def test_a_good_card_is_accepted_with_all_that_is_shown(desk: Desk) -> None:
    """Both answers, the last day, what to compare, every step, and the data's age."""
    found = desk.check(WORLD.show(CARD))
    assert (found["look"], found["outcome"]) == ("accepted", "accepted")
    assert found["reason"] == "entry.cleared"
    assert found["person"]["family_name"] == "CITIZEN"
    assert found["lane"]["answer"] == "yes"
    assert found["entry"]["stay_until"] == "2030-03-15"
    assert found["must_see"] == ["passport", "face"]
    assert {each["state"] for each in found["checks"]} == {"passed", "not_asked"}
    assert (found["data_age"], found["expires_in"]) == (3600, 60)


def test_q6_the_same_code_again_is_the_same_answer_then_amber(desk: Desk) -> None:
    """Held up twice it is one traveller; after another scan it has been seen."""
    code = WORLD.show(CARD)
    first = desk.check(code)
    desk.wait(20)
    assert desk.check(code) == first
    desk.check("https://example.org/menu")
    again = desk.check(code)
    assert (again["look"], again["reason"]) == ("by_hand", "proof.repeat")
    assert (again["seen_before"], again["person"]) == (20, None)


def test_q5_what_is_on_the_screen_ends_with_its_window(desk: Desk) -> None:
    """A picture of the code, shown while nobody has gone on, is not green again."""
    code = WORLD.show(CARD)
    first = desk.check(code)
    desk.wait(45)
    assert desk.check(code) == first
    desk.wait(1)
    late = desk.check(code)
    assert (late["look"], late["reason"]) == ("by_hand", "proof.stale")
    assert late["id"] != first["id"]


def test_q6_a_repeat_that_was_told_stays_told(desk: Desk) -> None:
    """Held up again, what was shown before does not turn green."""
    code = WORLD.show(CARD)
    first = desk.check(code)
    desk.post(f"answers/{first['id']}/done")
    desk.wait(6)  # more than one traveller needs who is held up twice
    again = [desk.check(code) for _ in range(3)]
    assert {each["look"] for each in again} == {"by_hand"}
    passport = {"country": "AUS", "number": "PA1234567"}
    assert desk.check(code, passport=passport)["reason"] == "proof.repeat"


def test_a_passport_read_after_the_code_joins_its_answer(desk: Desk) -> None:
    """The code is not asked for again, and its age counts from when it was scanned."""
    code = WORLD.show(CARD)
    first = desk.check(code)
    desk.wait(50)
    passport = {"country": "AUS", "number": "PA1234567"}
    second = desk.check(code, passport=passport)
    assert (second["id"], second["at"]) == (first["id"], at(0).isoformat())
    assert second["passport"]["number"] == "same"
    other = desk.check(code, passport={"country": "AUS", "number": "PA1234568"})
    assert (other["look"], other["reason"]) == ("refused", "passport.mismatch")
    assert other["person"]["passport"]["number"] == "PA1234567"
    assert other["passport"]["number"] == "differs"
