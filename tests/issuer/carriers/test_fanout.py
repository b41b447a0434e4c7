"""Several economies asked at once: honest together, and none waits for another."""

import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

import pytest

from issuer.carriers.fanout import Places, Together, ask_together
from verifier import BasisAnswer

GIVES, NONE, SILENT = (
    BasisAnswer.GIVES,
    BasisAnswer.DOES_NOT_GIVE,
    BasisAnswer.NO_ANSWER,
)
EVERYBODY = ("AUS", "HKG", "JPN", "SGP")


@pytest.fixture
def places() -> Iterator[Places]:
    found = Places()
    yield found
    found.close()


def together(
    places: Places,
    answers: dict[str, BasisAnswer],
    *,
    asked: list[str] | None = None,
    likely: tuple[str, ...] = ("AUS",),
    reachable: Collection[str] = EVERYBODY,
) -> Together[BasisAnswer]:
    def ask(economy: str, _: Sequence[str]) -> list[BasisAnswer | None]:
        if asked is not None:
            asked.append(economy)
        return [answers[economy]]  # one that is not there raises, as a broken line does

    (found,) = ask_together(
        ask,
        ["a passport"],
        answer_of=lambda each: each,
        everybody=EVERYBODY,
        likely=lambda _: likely,
        reachable=reachable,
        places=places,
    )
    return found


def test_who_is_likely_and_gives_is_asked_alone(places: Places) -> None:
    """The number of a passport goes to no economy that need not have it."""
    asked: list[str] = []
    found = together(places, dict.fromkeys(EVERYBODY, GIVES), asked=asked)
    assert (found.answer, found.given_by, asked) == (GIVES, "AUS", ["AUS"])


def test_the_others_are_asked_when_the_likely_one_has_none(
    places: Places,
) -> None:
    """Hong Kong, China has residents of any nationality."""
    found = together(places, {"AUS": NONE, "HKG": GIVES, "JPN": NONE, "SGP": NONE})
    assert (found.answer, found.given_by) == (GIVES, "HKG")
    assert found.silent == frozenset()


@pytest.mark.parametrize(
    ("answers", "answer"),
    [
        (dict.fromkeys(EVERYBODY, NONE), NONE),
        ({**dict.fromkeys(EVERYBODY, NONE), "JPN": SILENT}, SILENT),
        ({"AUS": NONE, "HKG": NONE, "JPN": NONE}, SILENT),
        ({}, SILENT),
        ({"JPN": GIVES}, GIVES),
        ({**dict.fromkeys(EVERYBODY, SILENT), "SGP": GIVES}, GIVES),
    ],
)
def test_none_needs_everybody_to_say_so(
    places: Places, answers: dict[str, BasisAnswer], answer: BasisAnswer
) -> None:
    """Silence is not "no card": one economy that does not answer makes it no answer."""
    found = together(places, answers)
    assert found.answer is answer
    assert found.silent == frozenset(EVERYBODY) - answers.keys()


def test_who_cannot_be_asked_is_silent(places: Places) -> None:
    """An economy that offers no such service leaves the rest without a "none"."""
    everyone = dict.fromkeys(EVERYBODY, NONE)
    found = together(places, everyone, reachable=("AUS", "JPN"), likely=("HKG", "AUS"))
    assert (found.answer, found.silent) == (SILENT, frozenset({"HKG", "SGP"}))


def test_one_that_is_down_keeps_nobody_waiting(places: Places) -> None:
    """It is silent when its time is over; the others' answers are there."""
    never = threading.Event()

    def ask(economy: str, _: Sequence[str]) -> list[BasisAnswer | None]:
        if economy in {"AUS", "JPN"}:
            never.wait(30)
        return [GIVES if economy == "SGP" else NONE]

    try:
        (found,) = ask_together(
            ask,
            ["a passport"],
            answer_of=lambda each: each,
            everybody=EVERYBODY,
            likely=lambda _: ("AUS",),
            reachable=EVERYBODY,
            places=places,
            first=timedelta(milliseconds=50),
            rest=timedelta(milliseconds=500),
        )
    finally:
        never.set()
    assert (found.answer, found.given_by) == (GIVES, "SGP")
    assert found.silent == frozenset({"AUS", "JPN"})


def test_of_a_flight_each_economy_gets_one_list_a_round(
    places: Places,
) -> None:
    """No passport goes to one economy twice, nor to any after one has given."""
    flight = [f"{country}-{number}" for number in range(100) for country in EVERYBODY]
    lists: dict[str, list[Sequence[str]]] = {each: [] for each in EVERYBODY}

    def ask(economy: str, some: Sequence[str]) -> list[BasisAnswer | None]:
        lists[economy].append(some)
        return [
            GIVES if each.startswith(economy) and not each.endswith("7") else NONE
            for each in some
        ]

    found = ask_together(
        ask,
        flight,
        answer_of=lambda each: each,
        everybody=EVERYBODY,
        likely=lambda each: [each[:3]],
        reachable=EVERYBODY,
        places=places,
    )
    assert [each.given_by for each in found] == [
        None if each.endswith("7") else each[:3] for each in flight
    ]
    assert {each.answer for each in found} == {GIVES, NONE}
    for economy, asked in lists.items():
        own = [each for each in flight if each.startswith(economy)]
        others = [each for each in flight if each.endswith("7") and each[:3] != economy]
        assert asked == [own, others]


def test_one_that_is_down_leaves_only_its_own_without_an_answer(
    places: Places,
) -> None:
    """Silent to a whole list, or to one row: nobody else's answer waits or is lost."""
    never = threading.Event()

    def ask(economy: str, some: Sequence[str]) -> list[BasisAnswer | None]:
        if economy == "AUS":
            never.wait(30)
        if economy == "HKG":
            return [GIVES if each == "HKG-1" else None for each in some]
        if economy == "JPN":
            return []  # not one for each: a broken line
        return [GIVES if each.startswith("SGP") else NONE for each in some]

    flight = ["AUS-1", "HKG-1", "HKG-2", "SGP-1", "JPN-1", "SGP-2"]
    try:
        found = ask_together(
            ask,
            flight,
            answer_of=lambda each: each,
            everybody=EVERYBODY,
            likely=lambda each: [each[:3]],
            reachable=EVERYBODY,
            places=places,
            first=timedelta(milliseconds=800),
            rest=timedelta(milliseconds=800),
        )
    finally:
        never.set()
    told = dict(zip(flight, [each.answer for each in found], strict=True))
    assert told == {
        "AUS-1": SILENT, "HKG-1": GIVES, "HKG-2": SILENT,
        "SGP-1": GIVES, "JPN-1": SILENT, "SGP-2": GIVES,
    }  # fmt: skip


def test_one_that_hangs_takes_no_place_of_another(places: Places) -> None:
    """However many ask it: those that answer still do."""
    never = threading.Event()

    def ask(economy: str, _: Sequence[str]) -> list[BasisAnswer | None]:
        if economy == "AUS":
            never.wait(30)
        return [GIVES]

    def asked(country: str) -> Together[BasisAnswer]:
        (found,) = ask_together(
            ask,
            [country],
            answer_of=lambda each: each,
            everybody=("AUS", "SGP"),
            likely=lambda each: [each],
            reachable=("AUS", "SGP"),
            places=places,
            first=timedelta(milliseconds=1 if country == "AUS" else 5_000),
            rest=timedelta(seconds=5),
        )
        return found

    try:
        told = [asked("AUS").given_by for _ in range(60)]
        assert set(told) == {"SGP"}
        assert asked("SGP").given_by == "SGP"
    finally:
        never.set()
