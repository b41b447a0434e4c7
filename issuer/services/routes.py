"""Every route of the services: what it takes, who may ask, what it answers.

One list for the server, its description and the tests: `issuer.services.views` serves
it, `issuer.services.openapi` describes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel

from issuer.errors import Invalid
from issuer.office import Desk
from issuer.operations import Answer
from issuer.receiving import Receive, Received
from issuer.services import exchange, hooks
from issuer.services.clients import Scope
from issuer.services.statements import TakenStatement
from issuer.services.tokens import Caller

PREFIX: Final = "/services/v1"
MAX_BODY: Final = 2**20
"""Bytes of a request."""
MAX_BULK_BODY: Final = 4 * 2**20
MAX_FILES_BODY: Final = 12 * 2**20
"""Of a request with files in it; in base64 they are a third longer."""


class Body(Enum):
    """How a request says what it wants."""

    NONE = "none"
    JSON = "json"
    QUERY = "query"
    LINES = "lines"
    """JSON objects, one on each line (NDJSON)."""
    EDIFACT = "edifact"
    """A carrier's message; what is wanted of it is in the query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A carrier's message, in or out."""

    content: bytes
    wanted: Any = None
    """Of one that comes in: what its route's type has read of the query."""


EDIFACT: Final = "application/edifact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a route is given."""

    desk: Desk
    caller: Caller
    given: Any
    """A request of the route's type; or its rows, good and bad; or None."""
    name: str = ""
    """The last part of the path, where it names a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing that can be asked of an economy's system."""

    name: str
    method: str
    path: str
    """Below the economy."""
    summary: str
    scope: Scope | None
    """None: whoever has a token."""
    economies_only: bool = False
    body: Body = Body.NONE
    request: type[BaseModel] | None = None
    answer: type[Answer] | None
    """None: a carrier's message."""
    run: Callable[[Asked], Answer | Sequence[Answer] | Message]
    max_rows: int = exchange.MAX_BULK
    is_even: bool = False
    """Answered at even times only, so that how long it took tells nothing."""
    has_files: bool = False

    @property
    def is_answered_in_lines(self) -> bool:
        """Whether the answer is a row for each row."""
        is_list = self.body == Body.EDIFACT and self.answer is not None
        return self.body == Body.LINES or is_list

    @property
    def max_body(self) -> int:
        """Bytes that are read."""
        if self.has_files:
            return MAX_FILES_BODY
        is_large = self.body in {Body.LINES, Body.EDIFACT}
        return MAX_BULK_BODY if is_large else MAX_BODY


def _ask_all(asked: Asked) -> Sequence[Answer]:
    rows: Sequence[Receive | Invalid] = asked.given
    return exchange.ask_all(asked.desk, asked.caller, rows)


def _end(asked: Asked) -> Answer:
    number = int(asked.name) if asked.name.isdigit() and len(asked.name) < 19 else 0
    return hooks.end(asked.desk, asked.caller, number)


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="preclearance.ask",
        method="POST",
        path="/preclearance-requests",
        summary="Ask this destination to pre-clear the holder of a card.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.JSON,
        request=Receive,
        answer=Received,
        run=lambda asked: exchange.ask(asked.desk, asked.caller, asked.given),
    ),
    Route(
        name="preclearance.ask_all",
        method="POST",
        path="/preclearance-requests/bulk",
        summary="Ask about up to 1,000 at once; each row has its own result.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.LINES,
        request=Receive,
        answer=exchange.BulkRow,
        run=_ask_all,
    ),
    Route(
        name="preclearance.list",
        method="GET",
        path="/preclearance-requests",
        summary="List one's own requests and how they stand.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.QUERY,
        request=exchange.Paging,
        answer=exchange.RequestStates,
        run=lambda asked: exchange.own_requests(asked.desk, asked.caller, asked.given),
    ),
    Route(
        name="answers.list",
        method="GET",
        path="/answers",
        summary="List what this destination has signed about one's cards, in order.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.QUERY,
        request=exchange.Paging,
        answer=exchange.SignedAnswers,
        run=lambda asked: exchange.signed_answers(
            asked.desk, asked.caller, asked.given
        ),
    ),
    Route(
        name="card.tell",
        method="PUT",
        path="/cards/<path:name>",
        summary="Tell what became of a card that was asked about, and its indexes.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.JSON,
        request=exchange.TellCard,
        answer=exchange.CardHeard,
        run=lambda asked: exchange.tell_card(
            asked.desk, asked.caller, asked.name, asked.given
        ),
    ),
    Route(
        name="applicants.withdrawn",
        method="POST",
        path="/applicants-withdrawn",
        summary="Tell that applicants have withdrawn: nobody asks for them any more.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.JSON,
        request=exchange.Withdrawn,
        answer=exchange.WithdrawnRows,
        run=lambda asked: exchange.withdraw(asked.desk, asked.caller, asked.given),
    ),
    Route(
        name="statement.push",
        method="POST",
        path="/statements",
        summary="Bring a statement about this economy's cards that one has signed.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.JSON,
        request=exchange.Push,
        answer=TakenStatement,
        run=lambda asked: exchange.push(asked.desk, asked.caller, asked.given),
    ),
    Route(
        name="status_indexes.list",
        method="GET",
        path="/status-indexes",
        summary="List the indexes that one needs for overlays over this economy's.",
        scope=Scope.PRECLEARANCE,
        economies_only=True,
        body=Body.QUERY,
        request=exchange.Paging,
        answer=exchange.StatusIndexes,
        run=lambda asked: exchange.status_indexes(
            asked.desk, asked.caller, asked.given
        ),
    ),
    Route(
        name="application.submit",
        method="POST",
        path="/applications",
        summary="Hand in an application that was taken in elsewhere.",
        scope=Scope.SUBMIT,
        body=Body.JSON,
        request=exchange.SubmitApplication,
        has_files=True,
        answer=exchange.ApplicationTaken,
        is_even=True,
        run=lambda asked: exchange.submit(asked.desk, asked.caller, asked.given),
    ),
    Route(
        name="application.track",
        method="GET",
        path="/applications/<name>",
        summary="Tell how far an application is that one has handed in.",
        scope=Scope.TRACK,
        answer=exchange.ApplicationState,
        run=lambda asked: exchange.track(asked.desk, asked.caller, asked.name),
    ),
    Route(
        name="statistics.show",
        method="GET",
        path="/statistics",
        summary="Count what this economy answers, and how long it takes.",
        scope=Scope.STATISTICS,
        answer=exchange.Figures,
        run=lambda asked: exchange.figures(asked.desk, asked.caller),
    ),
    Route(
        name="webhook.make",
        method="POST",
        path="/webhooks",
        summary="Be told at an address that there is something new.",
        scope=None,
        body=Body.JSON,
        request=hooks.MakeWebhook,
        answer=hooks.WebhookView,
        run=lambda asked: hooks.make(asked.desk, asked.caller, asked.given),
    ),
    Route(
        name="webhook.own",
        method="GET",
        path="/webhooks",
        summary="List one's own webhooks and how it goes with them.",
        scope=None,
        answer=hooks.Webhooks,
        run=lambda asked: hooks.own(asked.desk, asked.caller),
    ),
    Route(
        name="webhook.end",
        method="DELETE",
        path="/webhooks/<name>",
        summary="End one of one's own webhooks.",
        scope=None,
        answer=hooks.Webhooks,
        run=_end,
    ),
)
"""In the order of the page that describes them."""
