"""The broker: passes on, keeps nothing, and waits for nobody's sake but one owner's."""

import contextlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from issuer import cli
from issuer.errors import SettingsError
from issuer.passport_register import broker as module
from issuer.passport_register.broker import MAX_BODY, Broker, Gate, Partners

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


def ask(
    broker: Broker, path: str = PATH, *, method: str = "POST", body: bytes = SEALED
) -> tuple[int, dict[str, Any]]:
    told: list[str] = []

    def start(
        status: str, headers: list[tuple[str, str]], error: object = None, /
    ) -> Callable[[bytes], object]:
        assert error is None
        assert ("Cache-Control", "no-store") in headers
        told.append(status)
        return lambda _: None

    environ: Any = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    answer = json.loads(b"".join(broker(environ, start)))
    return int(told[0].split()[0]), answer


def test_it_passes_on_what_it_cannot_read(owner: Owner) -> None:
    """The question as it came, to whom it is for; the answer as it was."""
    broker = Broker(partners(owner))
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
    found, told = ask(Broker(partners(owner)), path, method=method, body=body)
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
    found, told = ask(Broker(partners(owner)))
    assert (found, told["code"]) == expected


def test_n13_one_that_is_down_is_told_so_at_once(owner: Owner) -> None:
    """And tried again by one question every few seconds, until it answers."""
    clock = [100.0]
    broker = Broker(partners(owner), clock=lambda: clock[0])
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
    assert ask(Broker(partners(owner, seconds=0.2)))[1]["code"] == "owner.silent"


def test_it_answers_again_once_an_owner_is_back(owner: Owner) -> None:
    """By the first question that tries."""
    clock = [0.0]
    broker = Broker(partners(owner), clock=lambda: clock[0])
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
    broker = Broker(partners(owner))
    ask(broker)
    held = repr([vars(broker), [repr(each) for each in vars(broker).values()]])
    assert "sealed" not in held
    assert "".join(capsys.readouterr()) == ""
    assert module.__doc__


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
