"""Two operations to try the doors with: one that changes something, one that reads."""

from enum import StrEnum

from pydantic import Base64Bytes, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import Conflict
from issuer.office import Desk
from issuer.operations import Answer, Operation, Request, once
from issuer.store import Role, StatusList


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Inner(Request):
    text: str


class OpenList(Request):
    number: int = Field(ge=0, le=99, description="Which list.")
    size: Size = Size.SMALL
    is_odd: bool = False
    notes: tuple[str, ...] = ()
    inner: Inner | None = None
    content: Base64Bytes = b""


class OpenedList(Answer):
    number: int
    capacity: int
    notes: tuple[str, ...]
    inner: str | None
    content: int


class Nothing(Request):
    pass


class Numbers(Answer):
    numbers: tuple[int, ...]


def open_list(desk: Desk, given: OpenList) -> OpenedList:
    def work(session: Session) -> OpenedList:
        if given.number == 13:
            raise Conflict("list.unlucky", "nobody wants this one")
        capacity = 4 if given.size == Size.SMALL else 8
        session.add(
            StatusList(
                economy=desk.economy,
                number=given.number,
                capacity=capacity,
                opened_at=desk.now,
            )
        )
        subject = f"status_list:{given.number}"
        desk.log(session, "status_list:opened", subject, number=given.number)
        return OpenedList(
            number=given.number,
            capacity=capacity,
            notes=given.notes,
            inner=given.inner.text if given.inner else None,
            content=len(given.content),
        )

    return once(desk, given, OpenedList, work)


def numbers(desk: Desk, given: Nothing) -> Numbers:
    mine = select(StatusList.number).where(StatusList.economy == desk.economy)
    return desk.read(lambda session: Numbers(numbers=tuple(session.scalars(mine))))


SMALL = {
    each.name: each
    for each in (
        Operation(
            name="status_list.open_one",
            summary="Open a list.",
            roles=frozenset({Role.ISSUING}),
            changes=True,
            request=OpenList,
            answer=OpenedList,
            run=open_list,
        ),
        Operation(
            name="status_list.numbers",
            summary="Name the lists.",
            roles=frozenset(Role),
            changes=False,
            request=Nothing,
            answer=Numbers,
            run=numbers,
        ),
    )
}
