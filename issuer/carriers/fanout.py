"""Ask several economies whose cards it may be, at once, and put their answers together.

A carrier has passports and does not know which economies have issued cards for them.
Asked first is who is most likely: each passport's own economy. Only about those that it
does not give are the others asked, all at once, each for a short time: a passport's
number goes to no more economies than it has to, and one that is down keeps nobody
waiting. Of a whole flight each economy gets one list in each of the two rounds, and no
passport twice.

What they say together is honest: one that gives is enough; "none" needs every economy
of the scheme to have said so; anything else is no answer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Final, Generic, TypeVar

from verifier import BasisAnswer

FIRST: Final = timedelta(milliseconds=700)
"""For the likely ones."""
REST: Final = timedelta(milliseconds=1200)
"""For all others together; with `FIRST` less than a desk waits."""
FOR_EACH: Final = timedelta(milliseconds=4)
"""More for each question of a list."""
_AT_ONCE: Final = 8
"""Lists or questions that one economy is asked at once; more wait for their turn."""
_Asked = TypeVar("_Asked")
_Said = TypeVar("_Said")
Asking = Callable[[str, Sequence[_Asked]], Sequence[_Said | None]]
"""Asks the economy of this code, and returns what it says of each, in order; None where
it says nothing.  Whatever it raises is no answer of that economy to any of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together(Generic[_Said]):
    """What economies say together of one question."""

    answer: BasisAnswer
    given_by: str | None
    """Whose card it is; None unless it gives."""
    said: Mapping[str, _Said]
    """What each has said, by code."""
    silent: frozenset[str]
    """Economies that were not asked, or did not answer in time."""


class Places:
    """Threads to ask economies from; one object for each process.

    Every economy has its own, or those that answer would soon wait for one that does
    not.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def of(self, economy: str) -> ThreadPoolExecutor:
        """Return those of an economy."""
        with self._lock:
            if economy not in self._pools:
                self._pools[economy] = ThreadPoolExecutor(
                    max_workers=_AT_ONCE, thread_name_prefix=f"carriers-{economy}"
                )
            return self._pools[economy]

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        for each in self._pools.values():
            each.shutdown()


def ask_together(
    ask: Asking[_Asked, _Said],
    questions: Sequence[_Asked],
    *,
    answer_of: Callable[[_Said], BasisAnswer],
    everybody: Collection[str],
    likely: Callable[[_Asked], Sequence[str]],
    reachable: Collection[str],
    places: Places,
    first: timedelta = FIRST,
    rest: timedelta = REST,
) -> list[Together[_Said]]:
    """Ask economies, the likely ones first, and put together what they say.

    Args:
        ask: Asks one.
        questions: What they are asked; each gets exactly one answer, in this order.
        answer_of: Which of the three an economy's words are.
        everybody: Every economy of the scheme that may have issued a card.
        likely: Whom to ask first of a question, such as the passport's own economy.
        reachable: Whom there is a way to ask.
        places: Run what is asked; an economy that never returns keeps its own.
        first: How long the likely ones may take.
        rest: How long all others may take together.
    """
    said: list[dict[str, _Said]] = [{} for _ in questions]
    wanted = [set(likely(each)).intersection(reachable) for each in questions]
    _round(ask, questions, wanted, said=said, places=places, longest=first)
    others = set(reachable) & set(everybody)
    left = [
        set() if _giver(told, answer_of) else others - known
        for told, known in zip(said, wanted, strict=True)
    ]
    _round(ask, questions, left, said=said, places=places, longest=rest)
    return [_together(each, everybody, answer_of) for each in said]


def _round(
    ask: Asking[_Asked, _Said],
    questions: Sequence[_Asked],
    wanted: Sequence[Collection[str]],
    *,
    said: Sequence[dict[str, _Said]],
    places: Places,
    longest: timedelta,
) -> None:
    """Ask each economy once, about all that is wanted of it, and note what it says."""
    of_each: dict[str, list[int]] = {}
    for number, economies in enumerate(wanted):
        for each in sorted(economies):
            of_each.setdefault(each, []).append(number)
    asked: dict[Future[Sequence[_Said | None]], str] = {
        places.of(economy).submit(
            ask, economy, [questions[each] for each in of_it]
        ): economy
        for economy, of_it in of_each.items()
    }
    done, late = wait(asked, timeout=longest.total_seconds())
    for future in late:
        future.cancel()
    for future in done:
        of_it = of_each[asked[future]]
        # A list of another length says of nobody whom it is about.
        if future.exception() is None and len(future.result()) == len(of_it):
            for number, one in zip(of_it, future.result(), strict=True):
                if one is not None:
                    said[number][asked[future]] = one


def _together(
    said: Mapping[str, _Said],
    everybody: Collection[str],
    answer_of: Callable[[_Said], BasisAnswer],
) -> Together[_Said]:
    giver = _giver(said, answer_of)
    silent = frozenset(everybody) - said.keys()
    return Together(
        answer=_combined(giver, said, silent, answer_of),
        given_by=giver,
        said=said,
        silent=silent,
    )


def _giver(
    said: Mapping[str, _Said], answer_of: Callable[[_Said], BasisAnswer]
) -> str | None:
    return next(
        (
            economy
            for economy, each in said.items()
            if answer_of(each) is BasisAnswer.GIVES
        ),
        None,
    )


def _combined(
    giver: str | None,
    said: Mapping[str, _Said],
    silent: Collection[str],
    answer_of: Callable[[_Said], BasisAnswer],
) -> BasisAnswer:
    if giver is not None:
        return BasisAnswer.GIVES
    told = {answer_of(each) for each in said.values()}
    if silent or told != {BasisAnswer.DOES_NOT_GIVE}:
        return BasisAnswer.NO_ANSWER
    return BasisAnswer.DOES_NOT_GIVE
