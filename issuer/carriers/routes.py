"""What carriers can ask below /services/v1/<E>/entry-basis."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pydantic import Field

from issuer.carriers import service
from issuer.carriers.everybody import decide
from issuer.carriers.messages import Asked as List
from issuer.carriers.messages import read_list, write_answers
from issuer.carriers.service import Ask, Asker, ChangesWanted, Row, Stopwatch
from issuer.errors import Invalid
from issuer.operations import Answer, Request
from issuer.services.clients import Scope
from issuer.services.routes import Asked, Body, Message, Route

_PATH: Final = "/entry-basis"


class ListWanted(Request):
    """What a passenger list is about."""

    destination: str = Field(pattern=r"^[A-Z]{3}$", description="Economy, alpha-3.")
    watch: bool = Field(False, description="Tell when answers flip.")
    everybody: bool = Field(
        False, description="Ask every economy's register, the likely ones first."
    )


def _asker(asked: Asked) -> Asker:
    return service.asker_of(asked.desk.office, asked.caller.client)


def _stopwatch() -> Stopwatch:
    began = time.monotonic()
    return lambda: timedelta(seconds=time.monotonic() - began)


def _ask(asked: Asked) -> Answer:
    elapsed, given = _stopwatch(), asked.given
    assert isinstance(given, Ask)  # noqa: S101  # as the route is declared
    (only,) = _allowed(asked, [given])
    assert isinstance(only, Ask)  # noqa: S101  # it was one
    return service.ask(asked.desk, _asker(asked), only, elapsed=elapsed, decide=decide)


def _ask_all(asked: Asked, rows: Sequence[Ask | Invalid]) -> list[Row]:
    return service.ask_all(
        asked.desk, _asker(asked), _allowed(asked, rows), decide=decide
    )


def _allowed(asked: Asked, rows: Sequence[Ask | Invalid]) -> Sequence[Ask | Invalid]:
    """Let no economy that asks for its carriers have others asked: nobody asks on."""
    if asked.caller.asker is None:
        return rows
    return [
        each.model_copy(update={"everybody": False}) if isinstance(each, Ask) else each
        for each in rows
    ]


def _read(asked: Asked) -> List:
    wanted: ListWanted = asked.given.wanted
    return read_list(
        asked.given.content,
        wanted.destination,
        watch=wanted.watch,
        everybody=wanted.everybody,
    )


def _list(asked: Asked) -> Sequence[Row]:
    return _ask_all(asked, _read(asked).rows)


def _response(asked: Asked) -> Message:
    read = _read(asked)
    rows = _ask_all(asked, read.rows)
    content = write_answers(read, rows, now=asked.desk.now)
    return Message(content=content)


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="entry_basis.ask",
        method="POST",
        path=_PATH,
        summary="Ask whether a card gives an entry basis for a passport, there, then.",
        scope=Scope.CARRIERS,
        body=Body.JSON,
        request=Ask,
        answer=service.Told,
        run=_ask,
    ),
    Route(
        name="entry_basis.ask_all",
        method="POST",
        path=f"{_PATH}/bulk",
        summary="Ask about up to 5,000 passengers; each row has its own result.",
        scope=Scope.CARRIERS,
        body=Body.LINES,
        request=Ask,
        answer=Row,
        run=lambda asked: _ask_all(asked, asked.given),
        max_rows=service.MAX_ROWS,
    ),
    Route(
        name="entry_basis.list",
        method="POST",
        path=f"{_PATH}/passenger-list",
        summary="Ask about the travellers of a PAXLST; each has its own row.",
        scope=Scope.CARRIERS,
        body=Body.EDIFACT,
        request=ListWanted,
        answer=Row,
        run=_list,
    ),
    Route(
        name="entry_basis.response",
        method="POST",
        path=f"{_PATH}/response",
        summary="Ask about the travellers of a PAXLST; remarks in a CUSRES answer.",
        scope=Scope.CARRIERS,
        body=Body.EDIFACT,
        request=ListWanted,
        answer=None,
        run=_response,
    ),
    Route(
        name="entry_basis.changes",
        method="GET",
        path=f"{_PATH}/changes",
        summary="List the answers that have flipped since they were given, in order.",
        scope=Scope.CARRIERS,
        body=Body.QUERY,
        request=ChangesWanted,
        answer=service.Changes,
        run=lambda asked: service.changes(asked.desk, _asker(asked), asked.given),
    ),
    Route(
        name="entry_basis.again",
        method="GET",
        path=f"{_PATH}/<name>",
        summary="Ask again, by the reference of the earlier answer.",
        scope=Scope.CARRIERS,
        answer=service.Told,
        run=lambda asked: service.again(
            asked.desk,
            _asker(asked),
            asked.name,
            elapsed=_stopwatch(),
            decide=decide,
        ),
    ),
    Route(
        name="entry_basis.end_watch",
        method="DELETE",
        path=f"{_PATH}/<name>",
        summary="Be told nothing more of a question.",
        scope=Scope.CARRIERS,
        answer=service.WatchEnded,
        run=lambda asked: service.end_watch(asked.desk, _asker(asked), asked.name),
    ),
)
"""In the order of the page that describes them."""
