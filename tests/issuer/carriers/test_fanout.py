"""Several economies asked at once: honest together, and none waits for another."""

import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from issuer.carriers.fanout import Together, ask_together, new_pool
from verifier import BasisAnswer

GIVES, NONE, SILENT = (
    BasisAnswer.GIVES,
    BasisAnswer.DOES_NOT_GIVE,
    BasisAnswer.NO_ANSWER,
)
EVERYBODY = ("AUS", "HKG", "JPN", "SGP")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with new_pool() as found:
        yield found


def together(
    pool: ThreadPoolExecutor,
    answers: dict[str, BasisAnswer],
    *,
    asked: list[str] | None = None,
    likely: tuple[str, ...] = ("AUS",),
    reachable: Collection[str] = EVERYBODY,
) -> Together[BasisAnswer]:
    def ask(economy: str) -> BasisAnswer:
        if asked is not None:
            asked.append(economy)
        return answers[economy]  # one that is not there raises, as a broken line does

    return ask_together(
        ask,
        answer_of=lambda each: each,
        everybody=EVERYBODY,
        likely=likely,
        reachable=reachable,
        pool=pool,
    )


def test_who_is_likely_and_gives_is_asked_alone(pool: ThreadPoolExecutor) -> None:
    """The number of a passport goes to no economy that need not have it."""
    asked: list[str] = []
    found = together(pool, dict.fromkeys(EVERYBODY, GIVES), asked=asked)
    assert (found.answer, found.given_by, asked) == (GIVES, "AUS", ["AUS"])


def test_the_others_are_asked_when_the_likely_one_has_none(
    pool: ThreadPoolExecutor,
) -> None:
    """Hong Kong, China has residents of any nationality."""
    found = together(pool, {"AUS": NONE, "HKG": GIVES, "JPN": NONE, "SGP": NONE})
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
    pool: ThreadPoolExecutor, answers: dict[str, BasisAnswer], answer: BasisAnswer
) -> None:
    """Silence is not "no card": one economy that does not answer makes it no answer."""
    found = together(pool, answers)
    assert found.answer is answer
    assert found.silent == frozenset(EVERYBODY) - answers.keys()


def test_who_cannot_be_asked_is_silent(pool: ThreadPoolExecutor) -> None:
    """An economy that offers no such service leaves the rest without a "none"."""
    everyone = dict.fromkeys(EVERYBODY, NONE)
    found = together(pool, everyone, reachable=("AUS", "JPN"), likely=("HKG", "AUS"))
    assert (found.answer, found.silent) == (SILENT, frozenset({"HKG", "SGP"}))


def test_one_that_is_down_keeps_nobody_waiting(pool: ThreadPoolExecutor) -> None:
    """It is silent when its time is over; the others' answers are there."""
    never = threading.Event()

    def ask(economy: str) -> BasisAnswer:
        if economy in {"AUS", "JPN"}:
            never.wait(30)
        return GIVES if economy == "SGP" else NONE

    try:
        found = ask_together(
            ask,
            answer_of=lambda each: each,
            everybody=EVERYBODY,
            likely=("AUS",),
            reachable=EVERYBODY,
            pool=pool,
            first=timedelta(milliseconds=50),
            rest=timedelta(milliseconds=500),
        )
    finally:
        never.set()
    assert (found.answer, found.given_by) == (GIVES, "SGP")
    assert found.silent == frozenset({"AUS", "JPN"})
