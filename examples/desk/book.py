"""What the desk has asked: each question once, for five minutes, and then forgotten.

Three names of each question are drawn apart, of 256 bits each: where a phone fetches
the request, what it sends back with its answer, and where the desk's own screen looks.
Whoever has photographed the code on the screen knows none that shows an answer.

Source: OpenID4VP 1.0, sections 13.3 and 14.3.
"""

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from examples.desk.questions import Question
from examples.desk.sealed import AnswerKey
from examples.desk.words import Outcome

LIFE: Final = timedelta(minutes=5)
"""How long a question waits for its answer, and an answer for its reader."""
MAX_OPEN: Final = 1_000
"""Questions of one desk at a time."""


class TooManyError(Exception):
    """More questions are open than a desk can have."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """A question on the screen."""

    question: Question
    expires_at: datetime
    request_id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """In the address of the request."""
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """That the answer brings back."""
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """That the desk's own screen looks by."""
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """That the phone's proof must be made for."""
    key: AnswerKey = field(default_factory=AnswerKey)
    """That the answer is encrypted for, where the desk wants that."""
    reference: str = field(default_factory=lambda: secrets.token_hex(4))
    """That staff and a log may name; it opens nothing."""
    is_taken: bool = False
    """An answer has come; there is no second one."""
    outcome: Outcome | None = None


class Book:
    """The questions of one process, in memory: a restart forgets them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_order: deque[Asked] = deque()
        self._by_request: dict[str, Asked] = {}
        self._by_state: dict[str, Asked] = {}
        self._by_ticket: dict[str, Asked] = {}
        self._by_key: dict[str, Asked] = {}

    def open(self, question: Question, now: datetime) -> Asked:
        """Write a question down.

        Raises:
            TooManyError: There are `MAX_OPEN`.
        """
        asked = Asked(question=question, expires_at=now + LIFE)
        with self._lock:
            self._forget(now)
            if len(self._in_order) >= MAX_OPEN:
                raise TooManyError
            self._in_order.append(asked)
            self._by_request[asked.request_id] = asked
            self._by_state[asked.state] = asked
            self._by_ticket[asked.ticket] = asked
            self._by_key[asked.key.key_id] = asked
        return asked

    def waiting(self, request_id: str, now: datetime) -> Asked | None:
        """Return the question of a request that may still be answered."""
        with self._lock:
            return _open_at(self._by_request.get(request_id), now)

    def encrypted_for(self, key_id: str, now: datetime) -> Asked | None:
        """Return the question whose answer a key opens, if it may still be answered."""
        with self._lock:
            return _open_at(self._by_key.get(key_id), now)

    def take(self, state: str, now: datetime) -> Asked | None:
        """Return the question that an answer is for; each only once, ever."""
        with self._lock:
            asked = _open_at(self._by_state.get(state), now)
            if asked is not None:
                asked.is_taken = True
            return asked

    def seen(self, ticket: str, now: datetime) -> Asked | None:
        """Return the question that the desk's screen shows, until it is forgotten."""
        with self._lock:
            self._forget(now)
            return self._by_ticket.get(ticket)

    def _forget(self, now: datetime) -> None:
        while self._in_order and now >= self._in_order[0].expires_at + LIFE:
            gone = self._in_order.popleft()
            del self._by_request[gone.request_id]
            del self._by_state[gone.state]
            del self._by_ticket[gone.ticket]
            del self._by_key[gone.key.key_id]


def _open_at(asked: Asked | None, now: datetime) -> Asked | None:
    if asked is None or asked.is_taken or now >= asked.expires_at:
        return None
    return asked
