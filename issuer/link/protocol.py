"""The web services of another economy, step by step, without any network.

Each step is a pair: ``..._request`` says what to send, ``process_...`` reads what came
back.  Neither reads a clock nor opens a socket, so that they serve any HTTP library;
`issuer.link.client` is the pair put together with one.

Source: docs/web-services.md.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

import verifier
from issuer.errors import ServiceRefused, ServiceUnreachable

PREFIX: Final = "/services/v1"
MAX_BULK: Final = 1_000
"""Rows of one bulk request."""
MAX_ANSWER: Final = 8 * 2**20
"""Bytes of an answer."""
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT_TYPE: Final = "abtc-client+jwt"
"""Type of the message by which an economy's system shows who it is."""
EVENT_TYPE: Final = "abtc-event+jwt"
"""Type of the message that a webhook is sent."""
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
_FORM: Final = "application/x-www-form-urlencoded"
_CODE: Final = re.compile(r"[A-Z]{3}")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY: Final = re.compile(r"[!-~]{1,60}")
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Of these the same request may go well in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What to send: to the address of the installation, with a bearer token."""

    method: str
    path: str
    """With its query; begins with a slash."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back."""

    status: int
    content_type: str
    body: bytes
    retry_after: float | None = None
    """Seconds, where it was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What shows who asks, for some minutes."""

    value: str = field(repr=False)
    lasts: int
    """Seconds, from when it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of one row of a bulk request."""

    status: int
    """As HTTP would say it of this row alone."""
    code: str = ""
    """Of one that was not taken: stable and dotted."""
    detail: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether it was taken, now or before."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One row of the feed of answers."""

    cursor: str
    """Ask for what comes behind this one next."""
    statement: str
    """Compact JWS of the destination; not verified yet."""
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of something that is paged by cursor."""

    rows: tuple[Mapping[str, Any], ...]
    cursor: str | None
    """Where the next page begins; None at the end."""


def token_request(assertion: str, scopes: Sequence[str] = ()) -> HttpRequest:
    """Ask for a token, by an assertion that is used once.

    Args:
        assertion: A service message of type ``abtc-client+jwt`` to the economy that is
            asked, or the assertion of a client that is no economy.
        scopes: What it is for; none asks for all that the client has.

    Source: RFC 6749, section 4.4; RFC 7523, section 2.2.
    """
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **({"scope": " ".join(scopes)} if scopes else {}),
    }
    return HttpRequest(
        method="POST",
        path=f"{PREFIX}/token",
        headers={"Content-Type": _FORM, "Accept": JSON},
        body=urlencode(form).encode("ascii"),
    )


def process_token(answer: HttpAnswer) -> Token:
    """Read a token.

    Raises:
        ServiceRefused: The assertion is not accepted.
        ServiceUnreachable: The answer cannot be read.
    """
    body = _object_of(answer)
    value, kind = body.get("access_token"), body.get("token_type")
    lasts = body.get("expires_in")
    if not isinstance(value, str) or not _is_bearer(value, kind):
        raise ServiceUnreachable("the answer has no bearer token")
    if type(lasts) is not int or not 0 < lasts <= 24 * 3600:
        raise ServiceUnreachable("the answer does not say how long its token lasts")
    return Token(value=value, lasts=lasts)


def _is_bearer(value: str, kind: object) -> bool:
    named = isinstance(kind, str) and kind.lower() == "bearer"
    return named and 0 < len(value) <= 4096 and value.isascii() and value.isprintable()


def ask_request(
    destination: str, question: Mapping[str, Any], *, key: str
) -> HttpRequest:
    """Ask one destination about one card; the same reference is asked once.

    Args:
        destination: Alpha-3 code.
        question: Fields as docs/web-services.md lists them.
        key: The same for every attempt; 1 to 60 printable characters.
    """
    path = f"{_economy(destination)}/preclearance-requests"
    return _post(path, _dumps(question), key=key)


def process_ask(answer: HttpAnswer) -> Mapping[str, Any]:
    """Read how the request stands there.

    Raises:
        ServiceRefused: It was not taken.
        ServiceUnreachable: The answer cannot be read, or says to come again.
    """
    return _object_of(answer)


def ask_bulk_request(
    destination: str, questions: Sequence[Mapping[str, Any] | bytes], *, key: str
) -> HttpRequest:
    """Ask one destination about many cards.

    Args:
        destination: Alpha-3 code.
        questions: 1 to 1,000, as for `ask_request`, or their JSON text in one line.
        key: The same for every attempt with the same questions.
    """
    if not 1 <= len(questions) <= MAX_BULK:
        raise ValueError("a bulk request has 1 to 1,000 rows")
    lines = [each if isinstance(each, bytes) else _dumps(each) for each in questions]
    if any(b"\n" in line for line in lines):
        raise ValueError("a row of a bulk request is one line")
    path = f"{_economy(destination)}/preclearance-requests/bulk"
    return _post(path, b"".join(line + b"\n" for line in lines), key=key, kind=NDJSON)


def process_ask_bulk(answer: HttpAnswer, *, rows: int) -> tuple[RowResult, ...]:
    """Read what became of each row, in their order.

    Args:
        answer: What came back.
        rows: How many were sent; the answer has to have as many.

    Raises:
        ServiceRefused: Nothing of it was taken.
        ServiceUnreachable: The answer cannot be read, or says to come again.
    """
    _check(answer)
    results = tuple(map(_row_result, _lines(answer.body)))
    if len(results) != rows:
        raise ServiceUnreachable(f"{rows} rows were sent, and {len(results)} answered")
    return results


def _row_result(row: Mapping[str, Any]) -> RowResult:
    status = row.get("status")
    if type(status) is not int or not 100 <= status <= 599:
        raise ServiceUnreachable("the result of a row has no status")
    return RowResult(status=status, code=_text(row.get("code"), 64), detail=_words(row))


def tell_request(
    destination: str, reference: str, told: Mapping[str, Any], *, key: str
) -> HttpRequest:
    """Tell a destination what became of a card that it was asked about.

    Args:
        destination: Alpha-3 code.
        reference: What it was told to call the card.
        told: ``revision``, and ``event``, ``expires_at`` and ``credentials``, each of
            which may be absent.  The destination takes nothing that has not a higher
            revision than what it was told of the card before.
        key: The same for every attempt.
    """
    if not _REFERENCE.fullmatch(reference):
        raise ValueError(f"{reference!r} is no reference")
    path = f"{_economy(destination)}/cards/{quote(reference, safe='')}"
    return _post(path, _dumps(told), key=key, method="PUT")


def process_tell(answer: HttpAnswer) -> int:
    """Read the newest revision that the destination was told; raises as `process_ask`.

    Where it is higher than the one that was sent, this changed nothing.
    """
    revision = _object_of(answer).get("revision")
    if type(revision) is not int:
        raise ServiceUnreachable("the answer has no revision")
    return revision


def withdrawn_request(
    destination: str, references: Sequence[str], *, key: str
) -> HttpRequest:
    """Tell a destination that applicants have withdrawn; at most 1,000."""
    path = f"{_economy(destination)}/applicants-withdrawn"
    return _post(path, _dumps({"references": list(references)}), key=key)


def process_withdrawn(answer: HttpAnswer) -> tuple[Mapping[str, Any], ...]:
    """Read what became of each, in their order; raises as `process_ask`."""
    return tuple(_rows(_object_of(answer), "results"))


def submit_request(
    home: str, application: Mapping[str, Any], *, key: str
) -> HttpRequest:
    """Hand in an application that was taken in elsewhere."""
    return _post(f"{_economy(home)}/applications", _dumps(application), key=key)


def process_submit(answer: HttpAnswer) -> Mapping[str, Any]:
    """Read the application's number; raises as `process_ask`."""
    return _object_of(answer)


def track_request(home: str, number: str) -> HttpRequest:
    """Ask how far an application is that one has handed in."""
    if not _REFERENCE.fullmatch(number):
        raise ValueError(f"{number!r} is no number of an application")
    return HttpRequest(
        method="GET",
        path=f"{PREFIX}/{_economy(home)}/applications/{number}",
        headers={"Accept": JSON},
    )


def process_track(answer: HttpAnswer) -> Mapping[str, Any]:
    """Read how far it is; raises as `process_ask`."""
    return _object_of(answer)


def answers_request(
    destination: str, *, cursor: str = "", limit: int = 200
) -> HttpRequest:
    """Ask for the next answers about own cards; the feed is gapless and in order.

    Args:
        destination: Alpha-3 code.
        cursor: Of the last row that was applied; empty at the beginning.
        limit: Rows at most.
    """
    return _get(f"{_economy(destination)}/answers", cursor, limit)


def process_answers(answer: HttpAnswer) -> tuple[FeedRow, ...]:
    """Read a page of the feed; an empty one is its end for now.

    Raises:
        ServiceRefused: The feed is not for this client, or the cursor is none.
        ServiceUnreachable: The answer cannot be read, or says to come again.

    Not checked: the statements.
    """
    found = tuple(map(_feed_row, _rows(_object_of(answer), "answers")))
    if len({each.cursor for each in found}) < len(found):
        raise ServiceUnreachable("two rows of the feed have one cursor")
    return found


def _feed_row(row: Mapping[str, Any]) -> FeedRow:
    cursor, statement = row.get("cursor"), row.get("statement")
    # It is kept, and asked with: no database and no address has others.
    is_plain = isinstance(cursor, str) and cursor.isascii() and cursor.isprintable()
    if not isinstance(cursor, str) or not is_plain or not 0 < len(cursor) <= 200:
        raise ServiceUnreachable("a row of the feed has no cursor")
    if not isinstance(statement, str):
        raise ServiceUnreachable("a row of the feed has no statement")
    return FeedRow(cursor=cursor, statement=statement, at=_text(row.get("at"), 40))


def states_request(
    destination: str, *, cursor: str = "", limit: int = 200
) -> HttpRequest:
    """Ask how own requests stand; for comparing, as nothing of it is signed."""
    return _get(f"{_economy(destination)}/preclearance-requests", cursor, limit)


def process_states(answer: HttpAnswer) -> Page:
    """Read a page of states; raises as `process_answers`."""
    return _page(_object_of(answer), "requests")


def indexes_request(home: str, *, cursor: str = "", limit: int = 200) -> HttpRequest:
    """Ask a home economy for the indexes that a destination's overlays need."""
    return _get(f"{_economy(home)}/status-indexes", cursor, limit)


def process_indexes(answer: HttpAnswer) -> Page:
    """Read a page of indexes; raises as `process_answers`."""
    return _page(_object_of(answer), "indexes")


def statement_request(home: str, statement: str, *, key: str) -> HttpRequest:
    """Push a signed statement to the home economy that it is for."""
    path = f"{_economy(home)}/statements"
    return _post(path, _dumps({"statement": statement}), key=key)


def process_statement(answer: HttpAnswer) -> Mapping[str, Any]:
    """Read what was made of it; raises as `process_ask`."""
    return _object_of(answer)


def statistics_request(economy: str) -> HttpRequest:
    """Ask an economy for its counts and medians."""
    return HttpRequest(
        method="GET",
        path=f"{PREFIX}/{_economy(economy)}/statistics",
        headers={"Accept": JSON},
    )


def process_statistics(answer: HttpAnswer) -> Mapping[str, Any]:
    """Read them; raises as `process_ask`."""
    return _object_of(answer)


def webhook_request(
    economy: str, url: str, events: Sequence[str], *, key: str
) -> HttpRequest:
    """Register an address that is told when there is something to fetch."""
    body = _dumps({"url": url, "events": list(events)})
    return _post(f"{_economy(economy)}/webhooks", body, key=key)


def process_webhook(answer: HttpAnswer) -> Mapping[str, Any]:
    """Read how it was registered; raises as `process_ask`."""
    return _object_of(answer)


def process_event(
    body: bytes, *, audience: str, trust: verifier.Trust, now: datetime
) -> verifier.ServiceMessage:
    """Read what a webhook was sent; believe it only if its sender has signed it.

    Args:
        body: Of the POST request, as it came.
        audience: Issuer URL of the economy that registered the webhook.
        trust: Trust data of whoever is told.
        now: The moment; timezone-aware.

    Returns:
        Who says it, and its claims.  An event only rings the bell: fetch the feed.

    Raises:
        verifier.ServiceMessageError: It is not believed; see its code.

    Not checked: that it comes for the first time; fetching the feed twice is harmless.
    """
    text = body.decode("ascii", "replace").strip() if len(body) <= MAX_ANSWER else ""
    return verifier.read_service_message(
        text, typ=EVENT_TYPE, audience=audience, trust=trust, now=now
    )


def is_passing(status: int) -> bool:
    """Tell whether the same request may go well a moment later."""
    return status in _PASSING


# Shapes


def _get(path: str, cursor: str, limit: int) -> HttpRequest:
    query = urlencode({**({"cursor": cursor} if cursor else {}), "limit": limit})
    return HttpRequest(
        method="GET", path=f"{PREFIX}/{path}?{query}", headers={"Accept": JSON}
    )


def _post(
    path: str, body: bytes, *, key: str, kind: str = JSON, method: str = "POST"
) -> HttpRequest:
    if not _KEY.fullmatch(key):
        raise ValueError("an idempotency key is 1 to 60 printable characters")
    headers = {"Content-Type": kind, "Accept": kind, "Idempotency-Key": key}
    return HttpRequest(
        method=method, path=f"{PREFIX}/{path}", headers=headers, body=body
    )


def _economy(code: str) -> str:
    if not _CODE.fullmatch(code):
        raise ValueError(f"{code!r} is no economy's code")
    return code


def _dumps(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _check(answer: HttpAnswer) -> None:
    if 200 <= answer.status < 300:
        return
    body = _problem_of(answer.body)
    code = _text(body.get("code") or body.get("error"), 64)
    if is_passing(answer.status):
        raise ServiceUnreachable(f"it answers {answer.status} {code}".rstrip())
    raise ServiceRefused(answer.status, code, _words(body), _fields(body))


def _problem_of(body: bytes) -> Mapping[str, Any]:
    try:
        return _read(body)
    except ServiceUnreachable:
        return {}


def _words(body: Mapping[str, Any]) -> str:
    """Return a problem in words, with the first field that is wrong."""
    detail = body.get("detail") or body.get("error_description")
    wrong = [f"{path}: {text}" for path, _, text in _fields(body)[:1]]
    return "; ".join([_text(detail, 300), *wrong])[:500].strip("; ")


def _fields(body: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return path, code and sentence of each field that is wrong.

    A problem has them as objects, a row of a bulk answer as lists.
    """
    rows = body.get("problems")
    if not isinstance(rows, list):
        return ()
    found = (
        [row.get("field"), row.get("code"), row.get("detail")]
        if isinstance(row, dict)
        else row
        for row in rows[:100]
    )
    return tuple(
        (_text(row[0], 64), _text(row[1], 64), _text(row[2], 200))
        for row in found
        if isinstance(row, list) and len(row) == 3
    )


def _object_of(answer: HttpAnswer) -> Mapping[str, Any]:
    _check(answer)
    return _read(answer.body) if answer.body.strip() else {}


def _read(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ServiceUnreachable("the answer is no JSON") from error
    if not isinstance(value, dict):
        raise ServiceUnreachable("the answer is no JSON object")
    return value


def _lines(body: bytes) -> Iterable[Mapping[str, Any]]:
    return [_read(line) for line in body.split(b"\n") if line.strip()]


def _rows(body: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    rows = body.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ServiceUnreachable(f"the answer has no list of {name}")
    return rows


def _page(body: Mapping[str, Any], name: str) -> Page:
    cursor, more = body.get("cursor"), body.get("more")
    if not isinstance(cursor, str) or type(more) is not bool:
        raise ServiceUnreachable("the answer does not say where the next page begins")
    return Page(rows=tuple(_rows(body, name)), cursor=cursor if more else None)


def _text(value: object, most: int) -> str:
    """Return what another system says in words, fit for a log and a page."""
    if not isinstance(value, str):
        return ""
    return "".join(each if each.isprintable() else " " for each in value)[:most]
