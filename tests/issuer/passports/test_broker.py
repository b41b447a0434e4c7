"""The broker: passes on, keeps nothing, and waits for nobody's sake but one owner's."""

import contextlib
import io
import json
import threading
import time
from base64 import urlsafe_b64decode as b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from issuer import cli
from issuer.errors import SettingsError
from issuer.passport_register import broker as module
from issuer.passport_register.askers import BROKER, TYPE, Askers, Shown
from issuer.passport_register.broker import MAX_BODY, Broker, Gate, Partners
from issuer.services.identity import renew
from issuer.services.trust import trust_of
from tests.databases import Prepared
from tests.hostile_server import dripping_headers, hostile
from tests.issuer.office.publishing import Publishing
from tests.simulator import NOW

pytestmark = pytest.mark.enable_socket
PATH = "/services/v1/SGP/passport-checks"
SEALED = json.dumps({"question": "sealed"}).encode()


@dataclass(slots=True)
class Owner:
    """An owner's server, which does what it is told."""

    status: int = 200
    body: bytes = b'{"answer": "sealed too"}'
    pause: float = 0.0
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    base: str = ""


@pytest.fixture
def owner() -> Iterator[Owner]:
    state = Owner()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            state.got.append((self.command, self.path, self.rfile.read(size)))
            time.sleep(state.pause)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the broker may have given up
                self.wfile.write(state.body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


def partners(owner: Owner, **more: Any) -> Partners:
    owners = {"SGP": owner.base, "JPN": "http://127.0.0.1:9"}
    return Partners.model_validate({"owners": owners, "seconds": 0.5} | more)


def at() -> datetime:
    return NOW


def ask(
    broker: Broker,
    path: str = PATH,
    *,
    method: str = "POST",
    body: bytes = SEALED,
    **environment: str,
) -> tuple[int, dict[str, Any]]:
    told: list[str] = []

    def start(
        status: str, headers: list[tuple[str, str]], error: object = None, /
    ) -> Callable[[bytes], object]:
        assert error is None
        assert ("Cache-Control", "no-store") in headers
        is_told_when = status.startswith("429")
        assert is_told_when == any(name == "Retry-After" for name, _ in headers)
        told.append(status)
        return lambda _: None

    environ: Any = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "REMOTE_ADDR": "192.0.2.1",
        **environment,
    }
    answer = json.loads(b"".join(broker(environ, start)))
    return int(told[0].split()[0]), answer


def test_it_passes_on_what_it_cannot_read(owner: Owner) -> None:
    """The question as it came, to whom it is for; the answer as it was."""
    broker = Broker(partners(owner), now=at)
    assert ask(broker) == (200, {"answer": "sealed too"})
    assert owner.got == [("POST", PATH, SEALED)]
    owner.body = b'{"delegation": "a.b.c"}'
    assert ask(broker, method="GET", body=b"") == (200, {"delegation": "a.b.c"})


@pytest.mark.parametrize(
    ("path", "method", "body", "expected"),
    [
        ("/services/v1/AUS/passport-checks", "POST", SEALED, (404, "owner.unknown")),
        ("/services/v1/SGP/token", "POST", SEALED, (404, "owner.unknown")),
        (f"{PATH}/..", "POST", SEALED, (404, "owner.unknown")),
        (PATH, "DELETE", b"", (405, "request.method")),
        (PATH, "POST", b"x" * (MAX_BODY + 1), (413, "request.too_large")),
    ],
)
def test_it_passes_on_nothing_else(
    owner: Owner, path: str, method: str, body: bytes, expected: tuple[int, str]
) -> None:
    """Nobody reaches an owner's other pages through it."""
    found, told = ask(Broker(partners(owner), now=at), path, method=method, body=body)
    assert (found, told["code"]) == expected
    assert not owner.got


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b'{"code": "request.invalid"}', (400, "owner.refused")),
        (404, b"<html>", (404, "owner.refused")),
        (500, b"Traceback", (502, "owner.failed")),
        (200, b"<html>", (502, "owner.failed")),
        (200, b'{"answer": 7}', (502, "owner.failed")),
        (302, b"", (502, "owner.failed")),
        (200, b"x" * 70_000, (504, "owner.silent")),
    ],
)
def test_what_is_no_answer_is_not_passed_on(
    owner: Owner, status: int, body: bytes, expected: tuple[int, str]
) -> None:
    """A page of an owner's proxy, an error with its insides, a flood."""
    owner.status, owner.body = status, body
    found, told = ask(Broker(partners(owner), now=at))
    assert (found, told["code"]) == expected


def test_n13_one_that_is_down_is_told_so_at_once(owner: Owner) -> None:
    """And tried again by one question every few seconds, until it answers."""
    clock = [100.0]
    broker = Broker(partners(owner), now=at, clock=lambda: clock[0])
    down = "/services/v1/JPN/passport-checks"
    for _ in range(3):
        assert ask(broker, down)[1]["code"] == "owner.silent"
    assert ask(broker, down)[1]["code"] == "owner.busy"
    assert ask(broker, "/health", method="GET") == (200, {"down": ["JPN"]})
    assert ask(broker)[0] == 200
    clock[0] += 6
    assert ask(broker, down)[1]["code"] == "owner.silent"
    assert ask(broker, down)[1]["code"] == "owner.busy"


def test_n13_one_that_is_slow_takes_its_own_places_only(owner: Owner) -> None:
    """The places are bounded, so that the others are served."""
    gate = Gate(places=2, clock=lambda: 0.0)
    assert [gate.enter() for _ in range(3)] == [True, True, False]
    gate.leave(has_answered=False)
    assert gate.enter()
    for _ in range(2):
        gate.leave(has_answered=True)
    assert not gate.is_down
    owner.pause = 5
    assert (
        ask(Broker(partners(owner, seconds=0.2), now=at))[1]["code"] == "owner.silent"
    )


def test_it_answers_again_once_an_owner_is_back(owner: Owner) -> None:
    """By the first question that tries."""
    clock = [0.0]
    broker = Broker(partners(owner), now=at, clock=lambda: clock[0])
    owner.status = 500
    for _ in range(3):
        ask(broker)
    owner.status = 200
    assert ask(broker)[1]["code"] == "owner.busy"
    clock[0] += 6
    assert ask(broker)[0] == 200
    assert ask(broker)[0] == 200


def test_n12_it_remembers_nothing_of_a_question(
    owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in what it holds nor in what it prints."""
    broker = Broker(partners(owner), now=at)
    ask(broker)
    held = repr([vars(broker), [repr(each) for each in vars(broker).values()]])
    assert "sealed" not in held
    assert "".join(capsys.readouterr()) == ""
    assert module.__doc__


def test_n13_an_owner_whose_headers_drip_is_silent(owner: Owner) -> None:
    """Its asker waits for the broker's seconds, and a place is free again then."""
    with hostile(dripping_headers()) as port:
        owners = {"SGP": f"http://127.0.0.1:{port}"}
        broker = Broker(partners(owner, owners=owners, seconds=0.3), now=at)
        assert ask(broker)[1]["code"] == "owner.silent"


def test_n14_nobody_asks_without_end_from_one_network(owner: Owner) -> None:
    """All addresses that one subscriber has count together; other askers go on."""
    clock = [NOW]
    broker = Broker(partners(owner, per_asker=2), now=lambda: clock[0])
    mine = "2001:db8:7:7::1"
    assert ask(broker, REMOTE_ADDR=mine)[0] == 200
    assert ask(broker, REMOTE_ADDR="2001:db8:7:7:ffff::2")[0] == 200
    assert ask(broker, REMOTE_ADDR="2001:db8:7:7::3")[1]["code"] == "asker.too_many"
    assert ask(broker, method="GET", body=b"", REMOTE_ADDR=mine)[0] == 429
    assert ask(broker, REMOTE_ADDR="2001:db8:7:8::1")[0] == 200
    assert len(owner.got) == 3
    clock[0] += timedelta(minutes=1)
    assert ask(broker, REMOTE_ADDR=mine)[0] == 200


def test_n14_only_an_economy_that_shows_it_is_one_is_served(
    owner: Owner, prepared_small: Prepared
) -> None:
    """And the broker learns of it who it is, which it would know by its address."""
    publishing = Publishing.at(prepared_small)
    office, clock = publishing.back_office.office, [NOW]
    identities = {code: renew(office, code, NOW) for code in ("JPN", "NZL")}
    askers = Askers(trust=lambda: trust_of(office.installation))
    broker = Broker(partners(owner, per_asker=2), now=lambda: clock[0], askers=askers)

    def shows(text: str, scheme: str = "Bearer") -> tuple[int, str]:
        status, told = ask(broker, HTTP_AUTHORIZATION=f"{scheme} {text}")
        return status, str(told.get("code", ""))

    good = Shown().by(identities["JPN"], NOW)
    wrong = [
        "",
        "x",
        good[:-2],
        identities["JPN"].sign(TYPE, "urn:abtc:another", {}, NOW),
        identities["JPN"].sign("abtc-client+jwt", BROKER, {}, NOW),
        identities["JPN"].sign(TYPE, BROKER, {}, NOW - timedelta(minutes=6)),
        good + "x" * 2**13,
    ]
    assert [shows(each) for each in wrong] == [(401, "asker.unknown")] * len(wrong)
    assert shows(good, "Basic") == (401, "asker.unknown")
    assert ask(broker)[0] == 401
    assert not owner.got
    assert [shows(good)[0] for _ in range(3)] == [200, 200, 429]
    assert shows(Shown().by(identities["NZL"], NOW))[0] == 200
    assert ask(broker, method="GET", body=b"")[0] != 401  # keys are everybody's
    assert "Authorization" not in str(owner.got)
    clock[0] += timedelta(minutes=5, seconds=1)
    assert shows(good) == (401, "asker.unknown")


def test_n14_what_is_shown_says_nothing_of_the_question(
    prepared_small: Prepared,
) -> None:
    """The same for every question of some minutes, and then another."""
    publishing = Publishing.at(prepared_small)
    identity = renew(publishing.back_office.office, "AUS", NOW)
    shown = Shown()
    first = shown.by(identity, NOW)
    assert shown.by(identity, NOW + timedelta(minutes=3)) == first
    later = shown.by(identity, NOW + timedelta(minutes=4))
    assert later != first
    claims = json.loads(b64decode(later.split(".")[1] + "=="))
    assert claims.keys() == {"iss", "aud", "iat", "exp", "jti"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "owners"),
        ('[owners]\nSGP = "http://abtc.sgp.example"\n', ""),
        ('[owners]\nsgp = "https://abtc.sgp.example"\n', "owners"),
        ('[owners]\nSGP = "https://abtc.sgp.example/path"\n', "owners.SGP"),
        ('seconds = 60.0\n[owners]\nSGP = "https://a.example"\n', "seconds"),
        ("owners = [", ""),
    ],
)
def test_a_file_of_partners_that_cannot_be_used(
    tmp_path: Path, text: str, key: str
) -> None:
    """Named by file and key; in the clear only on this machine."""
    path = tmp_path / "partners.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        Partners.load(path)
    assert error.value.key.startswith(key)
    assert cli.main(["passport-broker", "serve", "--partners", str(path)]) == cli.FAILED
