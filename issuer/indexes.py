"""Draw status indexes and document numbers that nothing had before.

The rows of the database decide: an index or a number that is drawn twice is refused by
a constraint, whoever draws it.  What is done here makes that the rare case.
"""

from collections.abc import Container, Iterator
from datetime import datetime
from secrets import randbelow
from typing import Final

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from issuer.errors import ListFull, StoreDown
from issuer.lists import draw_index, is_due_for_next_list
from issuer.numbers import draw_document_number
from issuer.store import Credential, StatusList, StrayIndex

_FEW: Final = 16
"""For up to so many draws the database is asked about each, for more about all."""
_ROUNDS: Final = 8
"""Of drawing, before all that is used is read; of a list that is 80 % full, each gives
two fifths of what is wanted."""
_FIRST_LIST: Final = 1


def draw_places(
    session: Session, economy: str, count: int, *, capacity: int, at: datetime
) -> list[tuple[int, int]]:
    """Draw places in an economy's status lists.

    The newest list is used until it is 80 % full; then the next one is opened.  No
    index of a list is ever drawn again.

    Args:
        session: Of a transaction that writes; the newest list's row is locked.
        economy: The issuer.
        count: How many are needed.
        capacity: Entries of a list that is opened now; where the newest list has
            another number of them, the next one is opened.
        at: The moment kept with a list that is opened.

    Returns:
        Number of the list and index in it, ``count`` of them.

    Raises:
        StoreDown: A list says that it has room and has none.
    """
    places: list[tuple[int, int]] = []
    while len(places) < count:
        newest = _newest_list(session, economy, capacity, at)
        room = _limit(newest.capacity) - newest.used
        portion = min(room, count - len(places))
        places += _draw(session, newest, portion)
        newest.used += portion
        session.flush()
    return places


def draw_document_numbers(session: Session, economy: str, count: int) -> list[str]:
    """Draw numbers that no document of an economy has."""
    numbers: list[str] = []
    while len(numbers) < count:
        drawn = dict.fromkeys(
            draw_document_number(economy) for _ in range(count - len(numbers))
        )
        used = _used_numbers(session, economy, [*drawn]).union(numbers)
        numbers += [number for number in drawn if number not in used]
    return numbers


def _newest_list(
    session: Session, economy: str, capacity: int, at: datetime
) -> StatusList:
    newest = session.scalars(
        select(StatusList)
        .where(StatusList.economy == economy)
        .order_by(StatusList.number.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if newest is not None and newest.capacity == capacity and _has_room(newest):
        return newest
    number = _FIRST_LIST if newest is None else newest.number + 1
    opened = StatusList(
        economy=economy, number=number, capacity=capacity, used=0, opened_at=at
    )
    session.add(opened)
    session.flush()
    return opened


def _has_room(newest: StatusList) -> bool:
    is_due = is_due_for_next_list(newest.used, newest.capacity)
    return not newest.is_closed and not is_due


def _limit(capacity: int) -> int:
    """Return how many are drawn from a list: the first number with which it is due."""
    return -(-capacity * 8 // 10)


def _draw(session: Session, newest: StatusList, count: int) -> list[tuple[int, int]]:
    used: Container[int] = _Used(session, newest)
    drawn = _draw_many(session, newest, count) if count > _FEW else dict[int, None]()
    if count - len(drawn) > _FEW:
        used = {*_all_used(session, newest)}
    for _ in range(count - len(drawn)):
        try:
            index = draw_index(_Either(used, drawn), newest.capacity)
        except ListFull as error:
            raise StoreDown(
                f"status list {newest.number} of {newest.economy} is full"
            ) from error
        drawn[index] = None
    return [(newest.number, index) for index in drawn]


def _draw_many(session: Session, newest: StatusList, count: int) -> dict[int, None]:
    """Draw as many or fewer, asking about all at once: a list has up to a million."""
    drawn: dict[int, None] = {}
    for _ in range(_ROUNDS):
        wanted = 2 * (count - len(drawn))
        seen = dict.fromkeys(randbelow(newest.capacity) for _ in range(wanted))
        used = {
            index
            for column, query in _queries(newest)
            for index in session.scalars(query.where(column.in_([*seen])))
        }
        drawn |= dict.fromkeys(each for each in seen if each not in used)
        if len(drawn) >= count:
            break
    return dict.fromkeys([*drawn][:count])


class _Either(Container[int]):
    """What one of two containers has."""

    def __init__(self, first: Container[int], second: Container[int]) -> None:
        self._both = (first, second)

    def __contains__(self, index: object) -> bool:
        return any(index in each for each in self._both)


class _Used(Container[int]):
    """The indexes of a list that were drawn, each asked about when it matters."""

    def __init__(self, session: Session, status_list: StatusList) -> None:
        self._session = session
        self._list = status_list

    def __contains__(self, index: object) -> bool:
        either = (
            query.where(column == index) for column, query in _queries(self._list)
        )
        return self._session.execute(union_all(*either)).first() is not None


def _all_used(session: Session, status_list: StatusList) -> Iterator[int]:
    for _, query in _queries(status_list):
        yield from session.scalars(query)


def _queries(
    status_list: StatusList,
) -> Iterator[tuple[InstrumentedAttribute[int], Select[int]]]:
    for table in (Credential, StrayIndex):
        yield (
            table.list_index,
            select(table.list_index).where(
                table.economy == status_list.economy,
                table.list_number == status_list.number,
            ),
        )


def _used_numbers(session: Session, economy: str, numbers: list[str]) -> set[str]:
    either = (
        select(table.document_number).where(
            table.economy == economy, table.document_number.in_(numbers)
        )
        for table in (Credential, StrayIndex)
    )
    return {*session.scalars(union_all(*either))}
