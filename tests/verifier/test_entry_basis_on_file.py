"""What an issuer answers from its files is what a desk answers from a code."""

from dataclasses import asdict, replace
from datetime import date, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import verifier
from tests.simulator import NOW, World
from verifier import BasisAnswer

SINGAPORE = ZoneInfo("Asia/Singapore")
TODAY = date(2030, 1, 15)
DAY = timedelta(days=1)
MINE = verifier.Passport(
    country="AUS", number="PA1234567", expires_on=date(2034, 6, 30)
)
OTHER = replace(MINE, number="PA7654321")
ENDED = replace(MINE, expires_on=date(2030, 1, 16))
SHORT = replace(MINE, expires_on=date(2030, 2, 1))
HERE = NOW.astimezone(SINGAPORE)


def on_file(
    cards: list[str], trust: verifier.Trust, destination: str = "SGP", **changes: Any
) -> verifier.EntryBasis:
    """Ask the issuer."""
    usual: dict[str, Any] = {
        "issuer": "AUS",
        "trust": trust,
        "policy": verifier.Policy(economy=destination),
        "expected_passport": MINE,
        "arrival": TODAY,
        "now": HERE,
    }
    return verifier.entry_basis_on_file(cards, **usual | changes)


CARDS: dict[str, dict[str, Any]] = {
    "good": {},
    "uncleared": {"economies": ["NZL"]},
    "ended": {"exp": int(NOW.timestamp()) + 2 * 86_400},
    "early": {"iat": int(NOW.timestamp()) + 3_600},
    "list missing": {
        "status": {
            "status_list": {"idx": 7, "uri": "https://abtc.example/AUS/status/9"}
        }
    },
    "out of range": {
        "status": {
            "status_list": {"idx": 70, "uri": "https://abtc.example/AUS/status/1"}
        }
    },
    "of others": {"nationality": "NZL"},
    "unknown key": {"header": {"kid": "AUS-other"}},
}
STATES = {
    "as issued": (0, 0),
    "revoked": (1, 0),
    "suspended": (2, 0),
    "superseded": (3, 0),
    "withdrawn": (0, 1),
    "on hold": (0, 2),
    "granted": (0, 3),
}
PASSPORTS = {"mine": MINE, "other": OTHER, "ended": ENDED, "short": SHORT}
DESTINATIONS = ("SGP", "AUS", "NZL", "USA", "RUS", "CHN", "PER")


@pytest.mark.parametrize(
    ("card", "state", "form"),
    [*product(CARDS, STATES, ("app",)), *product(("good",), STATES, ("physical",))],
)
def test_both_ways_to_ask_give_the_same_answer(
    card: str, state: str, form: str
) -> None:
    """Over cards, their states, forms, passports, destinations and days."""
    status, overlay = STATES[state]
    world = World(economies=DESTINATIONS)
    world.set_status(status)
    text = world.card("AUS", form, **CARDS[card])
    shown = world.show(text)
    for destination in DESTINATIONS:
        world.set_overlay(overlay, destination=destination)
        trust = world.trust(destination)
        for passport, days in product(PASSPORTS.values(), (-1, 0, 3, 8)):
            asked: dict[str, Any] = {
                "trust": trust,
                "policy": verifier.Policy(economy=destination),
                "expected_passport": passport,
                "arrival": TODAY + days * DAY,
                "now": HERE,
            }
            desk = verifier.entry_basis(shown, **asked)
            file = verifier.entry_basis_on_file([text], issuer="AUS", **asked)
            assert asdict(file) == asdict(desk), (destination, passport, days)


def test_without_a_card_there_is_no_entry_basis() -> None:
    """That no card of this issuer gives one is true, and all that is said."""
    trust = World().trust()
    none, uncleared = on_file([], trust), on_file([World().card(economies=[])], trust)
    assert none.answer is uncleared.answer is BasisAnswer.DOES_NOT_GIVE
    assert (none.card_last_day, none.passport_number_end) == (None, None)


@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("days", [-1, 0, 1, 5, 6, 7, 8, 30, 400])
def test_nobody_learns_from_a_far_day_who_has_a_card(
    destination: str, days: int
) -> None:
    """What could not be said of a card that is not cleared is not said of none."""
    world = World()
    trust = world.trust(destination)
    arrival = TODAY + days * DAY
    none = on_file([], trust, destination, arrival=arrival)
    card = on_file([world.card(economies=[])], trust, destination, arrival=arrival)
    assert none.answer is card.answer


@pytest.mark.parametrize("missing", ["SGP/overlay/AUS/1.jwt", "SGP/issuer.json"])
def test_nor_from_data_that_is_missing(missing: str) -> None:
    """Lists that are not there leave both without an answer."""
    world = World()
    trust = world.trust(without=[missing])
    none, card = on_file([], trust), on_file([world.card(economies=[])], trust)
    assert none.answer is card.answer is BasisAnswer.NO_ANSWER


def test_data_that_is_old_is_no_answer() -> None:
    """However many cards there are."""
    world = World()
    later = (NOW + timedelta(days=8)).astimezone(SINGAPORE)
    for cards in ([], [world.card()]):
        found = on_file(cards, world.trust(), now=later, arrival=later.date())
        assert found.answer is BasisAnswer.NO_ANSWER
    assert on_file([], world.trust(), issuer="XXX").answer is BasisAnswer.NO_ANSWER


def test_one_card_that_gives_is_enough() -> None:
    """And one that nobody can tell about is no answer, whatever the others say."""
    world = World()
    good, bad = world.card(form="physical"), world.card(economies=[])
    torn = world.card(**CARDS["list missing"])
    trust = world.trust()
    answers = {
        "gives": on_file([bad, torn, good], trust),
        "no_answer": on_file([bad, torn], trust),
        "does_not_give": on_file([bad, bad], trust),
    }
    assert {name: each.answer.value for name, each in answers.items()} == {
        name: name for name in answers
    }
    assert answers["gives"].form == "physical"


def test_what_is_on_file_has_no_proof() -> None:
    """A presentation that somebody showed is not what an issuer has on file."""
    world = World()
    for text in (world.show(world.card()), world.show(world.card(), as_text=True)):
        found = on_file([text], world.trust())
        assert found.answer is BasisAnswer.NO_ANSWER


def test_the_moment_has_a_zone() -> None:
    """A moment without one is a mistake of whoever calls."""
    with pytest.raises(ValueError, match="timezone-aware"):
        on_file([], World().trust(), now=NOW.replace(tzinfo=None))
