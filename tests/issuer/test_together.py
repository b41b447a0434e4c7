"""One thread does for all what several want at the same time."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from issuer.errors import StoreDown
from issuer.together import Together

_PATIENCE = 20
"""Seconds after which a test gives up."""


class Work:
    """Doubles numbers; the first time it begins, it waits until it may go on."""

    def __init__(self) -> None:
        self.rounds: list[Sequence[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.rounds.append(numbers)
        if len(self.rounds) == 1:
            self.begun.set()
            assert self.go.wait(_PATIENCE)
        if 13 in numbers:
            raise ValueError("thirteen")
        return [2 * each for each in numbers]


def meet(work: Work, *numbers: int, first: int = 1) -> list[int | BaseException]:
    """Ask for the numbers while the first is at work; in this order."""
    together = Together[int, int]()
    with ThreadPoolExecutor(len(numbers) + 1) as pool:
        asked = [pool.submit(together.ask, "KOR", first, work)]
        assert work.begun.wait(_PATIENCE)
        for each in numbers:
            asked.append(pool.submit(together.ask, "KOR", each, work))
            time.sleep(0.05)  # the next comes behind it
        work.go.set()
        done = [each.exception(_PATIENCE) or each.result() for each in asked]
        assert together.ask("KOR", 50, work) == 100  # it goes on
    return done


def test_whoever_comes_meanwhile_shares_the_next_round() -> None:
    work = Work()
    assert meet(work, 2, 3, 4) == [2, 4, 6, 8]
    assert work.rounds == [[1], [2, 3, 4], [50]]


def test_each_gets_its_own_answer_whatever_the_number_of_threads() -> None:
    work = Work()
    work.go.set()
    together = Together[int, int]()
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(together.ask, "KOR", n, work) for n in range(100, 500)]
        assert [each.result() for each in asked] == [2 * n for n in range(100, 500)]
    assert sorted(n for each in work.rounds for n in each) == [*range(100, 500)]


def test_economies_do_not_wait_for_each_other() -> None:
    work, together = Work(), Together[int, int]()
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(together.ask, "KOR", 1, work)
        assert work.begun.wait(_PATIENCE)
        assert together.ask("JPN", 2, work) == 4
        work.go.set()
        assert stuck.result() == 2


def test_work_that_stops_leaves_nobody_waiting() -> None:
    first, *others = meet(Work(), 13, 3)
    assert first == 2
    assert [type(each) for each in others] == [ValueError, StoreDown]


def test_one_who_is_interrupted_while_waiting_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work, together = Work(), Together[int, int]()
    wait = threading.Event.wait

    def interrupted(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread().name == "interrupted":
            raise KeyboardInterrupt
        return wait(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", interrupted)

    def stopped() -> None:
        with pytest.raises(KeyboardInterrupt):
            together.ask("KOR", 2, work)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(together.ask, "KOR", 1, work)
        assert work.begun.wait(_PATIENCE)
        thread = threading.Thread(target=stopped, name="interrupted")
        thread.start()
        thread.join(_PATIENCE)
        work.go.set()
        assert first.result(_PATIENCE) == 2
        assert pool.submit(together.ask, "KOR", 3, work).result(_PATIENCE) == 6
    assert work.rounds == [[1], [3]]
