"""Let one thread do for all what several want at the same time.

A transaction behind the log of an economy costs nearly as much for one as for ten.
Threads that ask while another is at work therefore share the next one, and the one that
has waited longest does it for all of them.  A thread that is alone waits for nobody.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

from issuer.errors import StoreDown

_Ask = TypeVar("_Ask")
_Answer = TypeVar("_Answer")


@dataclass(slots=True, eq=False)
class _Place(Generic[_Ask, _Answer]):
    ask: _Ask
    turn: Event = field(default_factory=Event)
    """It has come: the answer is there, or it is for this thread to work."""
    answers: list[_Answer] = field(default_factory=list)
    """One, once somebody has done it."""
    is_over: bool = False


@dataclass(slots=True)
class _Queue(Generic[_Ask, _Answer]):
    """Of one economy."""

    waiting: list[_Place[_Ask, _Answer]] = field(default_factory=list)
    is_busy: bool = False


@dataclass(slots=True)
class Together(Generic[_Ask, _Answer]):
    """Shared by the threads of a process."""

    _guard: Lock = field(default_factory=Lock)
    _queues: dict[str, _Queue[_Ask, _Answer]] = field(
        default_factory=lambda: defaultdict(_Queue)
    )

    def ask(
        self, economy: str, mine: _Ask, work: Callable[[Sequence[_Ask]], list[_Answer]]
    ) -> _Answer:
        """Have something done, with whatever others of the economy ask meanwhile.

        Args:
            economy: Those of different ones do not wait for each other.
            mine: What is asked.
            work: Does it for all; called with what was asked, in that order, and gives
                an answer for each.  It must not ask for more of the same economy.

        Raises:
            StoreDown: Whoever did it for all was stopped.
            Exception: What ``work`` raises, in the thread that called it.
        """
        place: _Place[_Ask, _Answer] = _Place(mine)
        with self._guard:
            queue = self._queues[economy]
            queue.waiting.append(place)
            if not queue.is_busy:
                queue.is_busy = True
                place.turn.set()
        try:
            place.turn.wait()
        except BaseException:  # interrupted: the turn would come to nobody
            self._leave(queue, place)
            raise
        if not place.is_over:
            self._do(queue, work)
        if not place.answers:
            raise StoreDown("it was to be done together with others, and was not done")
        return place.answers[0]

    def _do(
        self,
        queue: _Queue[_Ask, _Answer],
        work: Callable[[Sequence[_Ask]], list[_Answer]],
    ) -> None:
        with self._guard:
            together, queue.waiting = queue.waiting, []
        try:
            answers = work([place.ask for place in together])
            for place, answer in zip(together, answers, strict=True):
                place.answers.append(answer)
        finally:  # however it ended: nobody waits for ever
            self._pass_on(queue, together)

    def _pass_on(
        self,
        queue: _Queue[_Ask, _Answer],
        together: Sequence[_Place[_Ask, _Answer]],
    ) -> None:
        with self._guard:
            self._next(queue)
        for place in together:
            place.is_over = True
            place.turn.set()

    def _leave(
        self, queue: _Queue[_Ask, _Answer], place: _Place[_Ask, _Answer]
    ) -> None:
        with self._guard:
            if place in queue.waiting:
                queue.waiting.remove(place)
                if place.turn.is_set():
                    self._next(queue)

    @staticmethod
    def _next(queue: _Queue[_Ask, _Answer]) -> None:
        queue.is_busy = bool(queue.waiting)
        if queue.waiting:
            queue.waiting[0].turn.set()
