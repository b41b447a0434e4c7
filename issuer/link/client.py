"""Ask another economy's web services over HTTPS: in time, and again where need be.

    client = Client(
        address="https://abtc.jpn.example",
        assertion=lambda now: identity.sign(CLIENT_TYPE, "https://…/JPN", {}, now),
        clock=lambda: datetime.now(UTC),
    )
    client.ask("JPN", question, key="ask-17")
    for row in client.answers("JPN", cursor=""):
        ...

A request that changes something carries a key, so that it is done once however often it
is sent.  Nothing is followed that an answer points to.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from issuer.errors import ServiceUnreachable
from issuer.link.protocol import (
    MAX_ANSWER,
    FeedRow,
    HttpAnswer,
    HttpRequest,
    RowResult,
    answers_request,
    ask_bulk_request,
    ask_request,
    indexes_request,
    is_passing,
    process_answers,
    process_ask,
    process_ask_bulk,
    process_indexes,
    process_statement,
    process_states,
    process_statistics,
    process_submit,
    process_tell,
    process_token,
    process_track,
    process_webhook,
    process_withdrawn,
    statement_request,
    states_request,
    statistics_request,
    submit_request,
    tell_request,
    token_request,
    track_request,
    webhook_request,
    withdrawn_request,
)
from issuer.outbound import Deadline, Outbound, UnreachableError

ATTEMPTS: Final = 4
"""How often one request is sent, at most."""
_PAUSE: Final = 0.25
"""Seconds before the second attempt; doubled, and varied, for each further one."""
_LONGEST_PAUSE: Final = 20.0
_LONGEST_TOLD: Final = 90.0
"""Seconds that are waited for who says how long, whose limits are for a minute; and in
all between the attempts of one request, since other destinations wait for this one."""
_LONGEST: Final = 60.0
"""Seconds for one attempt, from looking the name up to the last byte."""
_LEFT: Final = timedelta(seconds=30)
"""A token that ends sooner is not used any more."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_Result = TypeVar("_Result")


@dataclass(slots=True, kw_only=True)
class Client:
    """One economy's system as a client of the installation at one address.

    Share one between threads, if ``assertion`` and ``clock`` may be.

    Raises:
        ValueError: The address is neither https nor of this machine, or has a path.
    """

    address: str
    """``https://<host>[:port]``."""
    assertion: Callable[[datetime], str] = field(repr=False)
    """Makes a fresh assertion, for a moment; it is used once."""
    clock: Callable[[], datetime]
    scopes: tuple[str, ...] = ()
    attempts: int = ATTEMPTS
    sleep: Callable[[float], None] = time.sleep
    outbound: Outbound = field(default_factory=Outbound, repr=False)
    longest: float = _LONGEST
    _token: tuple[str, datetime] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
        if not safe or parts.path.strip("/") or parts.query or "@" in parts.netloc:
            raise ValueError(f"{self.address!r} is not https, or not only a host")
        self.address = f"{parts.scheme}://{parts.netloc}"

    def ask(
        self, destination: str, question: Mapping[str, Any], *, key: str
    ) -> Mapping[str, Any]:
        """Ask about one card; see `issuer.link.protocol.ask_request`.

        Raises:
            ServiceRefused: It was not taken.
            ServiceUnreachable: No answer after some attempts; ask again later, under
                the same key.
        """
        return self._do(ask_request(destination, question, key=key), process_ask)

    def ask_bulk(
        self,
        destination: str,
        questions: Sequence[Mapping[str, Any] | bytes],
        *,
        key: str,
    ) -> tuple[RowResult, ...]:
        """Ask about up to 1,000 cards; raises as `ask`, for all of them."""
        return self._do(
            ask_bulk_request(destination, questions, key=key),
            lambda answer: process_ask_bulk(answer, rows=len(questions)),
        )

    def tell(
        self, destination: str, reference: str, told: Mapping[str, Any], *, key: str
    ) -> int:
        """Tell what became of a card; see `issuer.link.protocol.process_tell`."""
        return self._do(
            tell_request(destination, reference, told, key=key), process_tell
        )

    def answers_page(
        self, destination: str, *, cursor: str, limit: int = 200
    ) -> tuple[FeedRow, ...]:
        """Fetch the next page of answers; raises as `ask`."""
        return self._do(
            answers_request(destination, cursor=cursor, limit=limit), process_answers
        )

    def answers(self, destination: str, *, cursor: str = "") -> Iterator[FeedRow]:
        """Fetch every answer behind a cursor; the caller keeps the last one's."""
        while page := self.answers_page(destination, cursor=cursor):
            yield from page
            cursor = page[-1].cursor

    def states(self, destination: str) -> Iterator[Mapping[str, Any]]:
        """Fetch how every own request stands there; unsigned, for comparing."""
        cursor: str | None = ""
        while cursor is not None:
            page = self._do(states_request(destination, cursor=cursor), process_states)
            yield from page.rows
            cursor = page.cursor

    def indexes(self, home: str) -> Iterator[Mapping[str, Any]]:
        """Fetch the indexes of the cards that a home economy asks about."""
        cursor: str | None = ""
        while cursor is not None:
            page = self._do(indexes_request(home, cursor=cursor), process_indexes)
            yield from page.rows
            cursor = page.cursor

    def push_statement(
        self, home: str, statement: str, *, key: str
    ) -> Mapping[str, Any]:
        """Push a signed statement to the home economy; raises as `ask`."""
        return self._do(statement_request(home, statement, key=key), process_statement)

    def withdrawn(
        self, destination: str, references: Sequence[str], *, key: str
    ) -> tuple[Mapping[str, Any], ...]:
        """Tell that applicants have withdrawn; raises as `ask`."""
        return self._do(
            withdrawn_request(destination, references, key=key), process_withdrawn
        )

    def submit(
        self, home: str, application: Mapping[str, Any], *, key: str
    ) -> Mapping[str, Any]:
        """Hand in an application, as an intake partner; raises as `ask`."""
        return self._do(submit_request(home, application, key=key), process_submit)

    def track(self, home: str, number: str) -> Mapping[str, Any]:
        """Ask how far an application of one's own is; raises as `ask`."""
        return self._do(track_request(home, number), process_track)

    def statistics(self, economy: str) -> Mapping[str, Any]:
        """Fetch counts and medians; raises as `ask`."""
        return self._do(statistics_request(economy), process_statistics)

    def register_webhook(
        self, economy: str, url: str, events: Sequence[str], *, key: str
    ) -> Mapping[str, Any]:
        """Register an address that is told of events; raises as `ask`."""
        return self._do(webhook_request(economy, url, events, key=key), process_webhook)

    def close(self) -> None:
        """Close every connection."""
        self.outbound.close()

    # How it is done

    def _do(
        self, request: HttpRequest, process: Callable[[HttpAnswer], _Result]
    ) -> _Result:
        answer = self._authorized(request)
        if answer.status == 401:  # the token may have ended sooner than it said
            self._token = None
            answer = self._authorized(request)
        return process(answer)

    def _authorized(self, request: HttpRequest) -> HttpAnswer:
        headers = {**request.headers, "Authorization": f"Bearer {self._bearer()}"}
        return self._insist(request, lambda: headers, lambda: request.body)

    def _bearer(self) -> str:
        now = self.clock()
        if self._token is None or now >= self._token[1]:
            # Each attempt needs an assertion of its own: one is used once.
            answer = self._insist_on_token()
            token = process_token(answer)
            until = now + max(timedelta(seconds=token.lasts) - _LEFT, timedelta(0))
            self._token = token.value, until
        return self._token[0]

    def _insist_on_token(self) -> HttpAnswer:
        first = token_request("", self.scopes)

        def fresh() -> bytes | None:
            return token_request(self.assertion(self.clock()), self.scopes).body

        return self._insist(first, lambda: first.headers, fresh)

    def _insist(
        self,
        request: HttpRequest,
        headers: Callable[[], Mapping[str, str]],
        body: Callable[[], bytes | None],
    ) -> HttpAnswer:
        """Send it until somebody answers; the pause grows, and is never the same."""
        left = _LONGEST_TOLD
        for attempt in range(1, self.attempts):
            answer, told = None, None
            try:
                answer = self._send(request, headers(), body())
                told = answer.retry_after
            except ServiceUnreachable:
                pass
            if answer is not None and not is_passing(answer.status):
                return answer
            pause = _pause(attempt, told)
            if pause > left and answer is not None:
                return answer
            left -= pause
            self.sleep(pause)
        return self._send(request, headers(), body())

    def _send(
        self, request: HttpRequest, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        try:
            answer = self.outbound.ask(
                request.method,
                self.address + request.path,
                until=Deadline.after(self.longest),
                body=body,
                headers=headers,
                most=MAX_ANSWER,
            )
        except UnreachableError as error:
            raise ServiceUnreachable(f"{self.address} {error}") from error
        return HttpAnswer(
            status=answer.status,
            content_type=answer.headers.get("content-type", ""),
            body=answer.body,
            retry_after=_seconds(answer.headers.get("retry-after")),
        )


def _pause(attempt: int, asked: float | None) -> float:
    """Wait as told, and never less; else longer each time, and never the same."""
    vary = 1 + secrets.randbelow(500) / 1000
    if asked is not None:
        return min(asked * vary, _LONGEST_TOLD)
    return min(_PAUSE * (1 << (attempt - 1)) * vary, _LONGEST_PAUSE)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None
