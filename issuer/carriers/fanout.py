"""Ask several economies whose card it may be, at once, and put their answers together.

A carrier has a passport and does not know which economy has issued a card for it. Asked
first is who is most likely: the passport's own economy. Only if that one does not give
are the others asked, all at once, each for a short time: a passport's number goes to no
more economies than it has to, and one that is down keeps nobody waiting.

What they say together is honest: one that gives is enough; "none" needs every economy
of the scheme to have said so; anything else is no answer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, TypeVar

from verifier import BasisAnswer

FIRST: Final = timedelta(milliseconds=700)
"""For the likely ones."""
REST: Final = timedelta(milliseconds=1200)
"""For all others together; with `FIRST` less than a desk waits."""
_MOST: Final = 21
_Said = TypeVar("_Said")
Asking = Callable[[str], _Said]
"""Asks the economy of this code; whatever it raises is no answer of that economy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together(Generic[_Said]):
    """What economies say together."""

    answer: BasisAnswer
    given_by: str | None
    """Whose card it is; None unless it gives."""
    said: Mapping[str, _Said]
    """What each has said, by code."""
    silent: frozenset[str]
    """Economies that were not asked, or did not answer in time."""


def ask_together(
    ask: Asking[_Said],
    *,
    answer_of: Callable[[_Said], BasisAnswer],
    everybody: Collection[str],
    likely: Sequence[str],
    reachable: Collection[str],
    pool: ThreadPoolExecutor,
    first: timedelta = FIRST,
    rest: timedelta = REST,
) -> Together[_Said]:
    """Ask economies, the likely ones first, and put together what they say.

    Args:
        ask: Asks one.
        answer_of: Which of the three an economy's words are.
        everybody: Every economy of the scheme that may have issued a card.
        likely: Whom to ask first, such as the passport's own economy.
        reachable: Whom there is a way to ask.
        pool: Runs what is asked; one that never returns keeps a thread of it.
        first: How long the likely ones may take.
        rest: How long all others may take together.
    """
    wanted = [each for each in dict.fromkeys(likely) if each in reachable]
    said = _round(ask, wanted, pool, first)
    if _giver(said, answer_of) is None:
        others = sorted(set(reachable) & set(everybody) - set(wanted))
        said |= _round(ask, others, pool, rest)
    giver = _giver(said, answer_of)
    silent = frozenset(everybody) - said.keys()
    return Together(
        answer=_combined(giver, said, silent, answer_of),
        given_by=giver,
        said=said,
        silent=silent,
    )


def new_pool() -> ThreadPoolExecutor:
    """Make what economies are asked from; one for each process."""
    return ThreadPoolExecutor(max_workers=2 * _MOST, thread_name_prefix="carriers")


def _round(
    ask: Asking[_Said],
    economies: Sequence[str],
    pool: ThreadPoolExecutor,
    longest: timedelta,
) -> dict[str, _Said]:
    asked: dict[Future[_Said], str] = {
        pool.submit(ask, each): each for each in economies
    }
    done, late = wait(asked, timeout=longest.total_seconds())
    for each in late:
        each.cancel()
    return {asked[each]: each.result() for each in done if each.exception() is None}


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
