"""A client insists, under one key, and believes nothing that it should not."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifier
from issuer.errors import IssuerError, ServiceRefused, ServiceUnreachable
from issuer.link import protocol
from issuer.link.client import Client
from issuer.link.protocol import HttpAnswer
from issuer.services.identity import renew
from tests.issuer.back_office import SCHEME, BackOffice
from tests.issuer.services.neighbours import trust_in
from tests.simulator import NOW

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
Reply = tuple[int, dict[str, str], bytes]


def reply(status: int, body: object, **headers: str) -> Reply:
    return status, headers, json.dumps(body).encode()


TOKEN = reply(200, {"access_token": "t1", "token_type": "Bearer", "expires_in": 300})


@dataclass(slots=True)
class Elsewhere:
    """A server that answers as it is told; what was asked is kept."""

    replies: list[Reply] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    token: Callable[[], Reply] = field(default=lambda: TOKEN)
    address: str = ""

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _, _ in self.asked]


@pytest.fixture
def elsewhere(socket_enabled: None) -> Iterator[Elsewhere]:
    del socket_enabled
    server = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.asked.append((self.command, self.path, dict(self.headers), body))
            is_token = self.path.endswith("/token")
            status, headers, data = (
                server.token() if is_token else server.replies.pop(0)
            )
            if not status:  # hang up without a word
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.address = f"http://127.0.0.1:{listening.server_port}"
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield server
    listening.shutdown()
    listening.server_close()


@dataclass(slots=True)
class Clock:
    now: datetime = NOW
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(elsewhere: Elsewhere, clock: Clock) -> Iterator[Client]:
    made: list[int] = []

    def assertion(now: datetime) -> str:
        assert now == clock.now
        made.append(1)
        return f"assertion-{len(made)}"

    client = Client(
        address=elsewhere.address, assertion=assertion, clock=clock,
        sleep=clock.slept.append,
    )  # fmt: skip
    yield client
    client.close()


def test_it_shows_who_it_is_and_asks(client: Client, elsewhere: Elsewhere) -> None:
    elsewhere.replies = [reply(200, {"preclearance": 7}), reply(200, {"revision": 4})]
    assert client.ask("JPN", {"reference": "card-1"}, key="k1") == {"preclearance": 7}
    told = {"revision": 4, "event": "cancel"}
    assert client.tell("JPN", "card-1", told, key="k2") == 4
    assert elsewhere.paths() == [
        "POST /services/v1/token",
        "POST /services/v1/JPN/preclearance-requests",
        "PUT /services/v1/JPN/cards/card-1",
    ]
    _, _, headers, body = elsewhere.asked[1]
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer t1", "k1")
    assert json.loads(body) == {"reference": "card-1"}
    assert b"client_assertion=assertion-1" in elsewhere.asked[0][3]


@pytest.mark.parametrize(
    ("told", "between"), [("45", (45, 67.5)), ("3600", (90, 90)), ("soon", (0, 1))]
)
def test_it_waits_as_it_is_told_and_no_longer_than_is_sensible(
    client: Client, elsewhere: Elsewhere, clock: Clock, told: str,
    between: tuple[float, float],
) -> None:  # fmt: skip
    """Who says when is not asked before; who says next week is asked sooner."""
    elsewhere.replies = [
        reply(429, {"code": "request.too_many"}, Retry_After=told),
        reply(200, {}),
    ]
    client.ask("JPN", {"reference": "card-1"}, key="k1")
    assert between[0] <= clock.slept[0] <= between[1]


def test_n13_who_says_later_again_and_again_is_not_waited_for_without_end(
    client: Client, elsewhere: Elsewhere, clock: Clock
) -> None:
    """Other destinations wait meanwhile."""
    busy = reply(503, {"code": "store.down"}, Retry_After="60")
    elsewhere.replies = [busy] * 4
    with pytest.raises(ServiceUnreachable):
        client.ask("JPN", {"reference": "card-1"}, key="k1")
    assert (len(elsewhere.replies), len(clock.slept)) == (2, 1)
    assert sum(clock.slept) <= 90


def test_it_asks_again_under_the_same_key(
    client: Client, elsewhere: Elsewhere, clock: Clock
) -> None:
    """Whether the first was done is not known; the key tells the other side."""
    elsewhere.replies = [
        (0, {}, b""),
        reply(503, {"code": "store.down"}, Retry_After="3"),
        reply(200, {}),
    ]
    client.ask("JPN", {"reference": "card-1"}, key="k1")
    sent = [(headers["Idempotency-Key"], body) for _, _, headers, body in
            elsewhere.asked[1:]]  # fmt: skip
    assert sent == [sent[0]] * 3
    assert 0.25 <= clock.slept[0] < 0.5
    assert 3 <= clock.slept[1] < 4.5


def test_it_gives_up_after_some_attempts(
    client: Client, elsewhere: Elsewhere, clock: Clock
) -> None:
    elsewhere.replies = [reply(503, {})] * 4
    with pytest.raises(ServiceUnreachable):
        client.ask("JPN", {}, key="k1")
    assert (elsewhere.replies, len(clock.slept)) == ([], 3)


def test_a_refusal_is_not_asked_again(client: Client, elsewhere: Elsewhere) -> None:
    wrong = [{"field": "sex", "code": "enum", "detail": "is none"}]
    problem = {
        "code": "incoming.not_possible",
        "detail": "no\u202e",
        "problems": wrong,
    }
    elsewhere.replies = [reply(409, problem)]
    with pytest.raises(ServiceRefused) as caught:
        client.ask("JPN", {}, key="k1")
    error = caught.value
    assert (error.status, error.code) == (409, "incoming.not_possible")
    assert (error.detail, error.problems) == (
        "no ; sex: is none", (("sex", "enum", "is none"),)
    )  # fmt: skip
    assert len(elsewhere.asked) == 2


def test_a_token_that_ended_is_replaced_once(
    client: Client, elsewhere: Elsewhere
) -> None:
    elsewhere.replies = [reply(401, {}), reply(200, {})]
    client.ask("JPN", {}, key="k1")
    assert elsewhere.paths().count("POST /services/v1/token") == 2
    elsewhere.replies = [reply(401, {"code": "client.unknown"})] * 2
    with pytest.raises(ServiceRefused, match="unknown"):
        client.ask("JPN", {}, key="k2")


def test_a_token_is_used_while_it_lasts(
    client: Client, elsewhere: Elsewhere, clock: Clock
) -> None:
    elsewhere.replies = [reply(200, {})] * 3
    client.ask("JPN", {}, key="k1")
    clock.now += timedelta(seconds=269)
    client.ask("JPN", {}, key="k2")
    assert elsewhere.paths().count("POST /services/v1/token") == 1
    clock.now += timedelta(seconds=2)
    client.ask("JPN", {}, key="k3")
    assert elsewhere.paths().count("POST /services/v1/token") == 2


def test_each_attempt_to_get_a_token_has_an_assertion_of_its_own(
    client: Client, elsewhere: Elsewhere
) -> None:
    tokens = [reply(503, {}), TOKEN]
    elsewhere.token = lambda: tokens.pop(0)
    elsewhere.replies = [reply(200, {})]
    client.ask("JPN", {}, key="k1")
    sent = [body for _, path, _, body in elsewhere.asked if path.endswith("/token")]
    assert [b"assertion-1" in sent[0], b"assertion-2" in sent[1]] == [True, True]


def test_w11_it_follows_nothing(client: Client, elsewhere: Elsewhere) -> None:
    elsewhere.replies = [reply(302, {}, Location=f"{elsewhere.address}/other")]
    with pytest.raises(ServiceRefused):
        client.ask("JPN", {}, key="k1")
    assert len(elsewhere.asked) == 2


def test_d4_an_answer_without_end_is_cut(client: Client, elsewhere: Elsewhere) -> None:
    elsewhere.replies = [(200, {}, b"[" * (protocol.MAX_ANSWER + 1))] * 4
    with pytest.raises(ServiceUnreachable, match="without end"):
        client.ask("JPN", {}, key="k1")


def test_a_bulk_answer_has_a_result_for_each_row(
    client: Client, elsewhere: Elsewhere
) -> None:
    rows = [
        {"row": 1, "status": 200, "preclearance": 1, "problems": []},
        {"row": 2, "status": 409, "code": "incoming.not_possible", "detail": "no",
         "problems": [["sex", "enum", "is none"]]},
    ]  # fmt: skip
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    elsewhere.replies = [(200, {}, body)]
    first, second = client.ask_bulk("JPN", [{"a": 1}, b'{"a":2}'], key="k1")
    assert elsewhere.asked[-1][3] == b'{"a":1}\n{"a":2}\n'
    assert (first.is_taken, second.is_taken) == (True, False)
    assert second.code == "incoming.not_possible"
    assert second.detail == "no; sex: is none"
    elsewhere.replies = [(200, {}, body.splitlines()[0])]
    with pytest.raises(ServiceUnreachable, match="1 answered"):
        client.ask_bulk("JPN", [{"a": 1}, {"a": 2}], key="k1")


def test_the_feed_is_read_to_its_end(client: Client, elsewhere: Elsewhere) -> None:
    elsewhere.replies = [
        reply(200, {"answers": [{"cursor": "1", "statement": "a.b.c", "at": ""}]}),
        reply(200, {"answers": [{"cursor": "2", "statement": "d.e.f", "at": ""}]}),
        reply(200, {"answers": []}),
    ]
    assert [each.statement for each in client.answers("JPN")] == ["a.b.c", "d.e.f"]
    assert elsewhere.paths()[-1].endswith("/JPN/answers?cursor=2&limit=200")


@pytest.mark.parametrize(
    "cursors", [[""], ["1\0"], ["\ud800"], ["1\n"], ["é"], ["1" * 201], ["1", "1"]]
)
def test_l12_a_place_in_the_feed_that_cannot_be_kept_is_none(
    client: Client, elsewhere: Elsewhere, cursors: list[str]
) -> None:
    """Nor one that two rows have: what is kept twice would end every round."""
    rows = [{"cursor": each, "statement": "a.b.c", "at": ""} for each in cursors]
    elsewhere.replies = [reply(200, {"answers": rows})]
    with pytest.raises(ServiceUnreachable, match="cursor"):
        client.answers_page("JPN", cursor="")


@pytest.mark.parametrize(
    "address",
    [
        "http://abtc.example",
        "https://a.example/path",
        "https://u:p@a.example",
        "ftp://a",
    ],
)
def test_only_https_is_asked(address: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Client(address=address, assertion=lambda _: "", clock=lambda: NOW)


@pytest.mark.parametrize("code", ["JP", "../..", "jpn", "JPN/cards"])
def test_c7_no_name_leads_elsewhere(code: str) -> None:
    with pytest.raises(ValueError, match="code"):
        protocol.ask_request(code, {}, key="k")
    with pytest.raises(ValueError, match="reference"):
        protocol.tell_request("JPN", "../cards", {}, key="k")


@given(st.binary() | st.from_type(type(None)), st.integers(100, 599))
def test_l12_no_answer_breaks_the_reader(body: bytes | None, status: int) -> None:
    answer = HttpAnswer(status=status, content_type="", body=body or b"")
    readers: list[Callable[[HttpAnswer], Any]] = [
        protocol.process_token, protocol.process_ask, protocol.process_answers,
        protocol.process_states, lambda each: protocol.process_ask_bulk(each, rows=1),
    ]  # fmt: skip
    for read in readers:
        with contextlib.suppress(IssuerError):
            read(answer)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["answers", "cursor", "statement", "status", "problem", "code", "detail",
             "problems", "field", "access_token", "token_type", "expires_in", "answer",
             "requests"]
        ),
        inner,
        max_size=4,
    ),
)  # fmt: skip


@given(JSON_VALUES, st.sampled_from([200, 400, 401, 409, 503]))
def test_l12_no_shape_breaks_the_reader(value: object, status: int) -> None:
    test_l12_no_answer_breaks_the_reader.hypothesis.inner_test(  # type: ignore[attr-defined]  # as hypothesis has it
        json.dumps(value).encode(), status
    )


def test_a_bell_is_believed_only_if_its_sender_has_signed_it(
    back_office: BackOffice,
) -> None:
    url, trust = SCHEME.economy("AUS").issuer_url, trust_in(back_office)
    identity = renew(back_office.office, "JPN", NOW)

    def read(text: str) -> verifier.ServiceMessage:
        body = text.encode()
        return protocol.process_event(body, audience=url, trust=trust, now=NOW)

    def refusal(text: str) -> str:
        with pytest.raises(verifier.ServiceMessageError) as caught:
            read(text)
        return caught.value.code

    rung = identity.sign(protocol.EVENT_TYPE, url, {"event": "answers"}, NOW)
    assert (read(rung).economy, read(rung).claims["event"]) == ("JPN", "answers")
    other = identity.sign("abtc-client+jwt", url, {}, NOW)
    mine = identity.sign(protocol.EVENT_TYPE, f"{url}x", {}, NOW)
    assert refusal("a.b.c") == verifier.MessageProblem.MALFORMED
    assert refusal(other) == verifier.MessageProblem.TYPE
    assert refusal(mine) == verifier.MessageProblem.MISADDRESSED
