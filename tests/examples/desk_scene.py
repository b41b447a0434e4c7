"""A desk that is served on this machine's own network, and phones that answer it.

with serving_desk() as scene:
    asked = scene.ask()                     # staff ask; a code is on the screen
    scene.post(asked, scene.show(asked))    # a phone answers
    scene.page(asked)                       # what staff read
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import urllib3
from cryptography import x509
from flask import Flask
from pytest_socket import enable_socket
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

import verifier
from examples.desk.book import Asked
from examples.desk.desk import Desk
from examples.desk.identity import make_trial
from examples.desk.questions import Destination, Purpose, Question
from examples.desk.web import counter_app, phones_app
from tests.mrz_builder import build_td3
from tests.simulator import NOW, World
from tests.wallet_api.scene import Handler

FORM = "application/x-www-form-urlencoded"
HERE = "127.0.0.1"
SINGAPORE = Destination(code="SGP", name="Singapore", zone=ZoneInfo("Asia/Singapore"))


def passport(number: str = "PA1234567") -> str:
    """The lines of a passport; by default the one that the simulator's card is for."""
    return build_td3(
        country="AUS",
        number=number,
        family_name="CITIZEN",
        given_name="JANE MARY",
        nationality="AUS",
        birthdate="800229",
        sex="F",
        expiry="340701",
    )


PASSPORT = passport()


@dataclass(slots=True)
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(slots=True, kw_only=True)
class DeskScene:
    desk: Desk
    root: x509.Certificate
    world: World
    clock: Clock
    counter: Flask
    purpose: Purpose
    pool: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def ask(self, passport: str | None = PASSPORT) -> Asked:
        """Ask as staff do, without their page."""
        read = verifier.Passport.from_mrz(passport) if passport else None
        question = Question(purpose=self.purpose, destination=SINGAPORE, passport=read)
        return self.desk.book.open(question, self.clock())

    def show(self, asked: Asked, card: str | None = None, **proof: Any) -> str:
        """What a phone shows for a question; arguments as for `World.show`."""
        known = {"aud": self.desk.identity.client_id, "nonce": asked.nonce}
        return self.world.show(
            card or self.world.card(),
            **{"at": self.clock(), "as_text": True, **known, **proof},
        )

    def post(
        self, asked: Asked, presentation: str, **changes: str | None
    ) -> urllib3.BaseHTTPResponse:
        """Answer a question; a field given as None is left out."""
        token = json.dumps({"abtc": [presentation]})
        fields = {"vp_token": token, "state": asked.state, **changes}
        return self.send({name: each for name, each in fields.items() if each})

    def send(
        self, fields: Mapping[str, str] | bytes, content_type: str = FORM
    ) -> urllib3.BaseHTTPResponse:
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return self.pool.request(
            "POST", f"{self.desk.url}/response", body=body,
            headers={"Content-Type": content_type}, redirect=False,
        )  # fmt: skip

    def fetch(
        self, path: str, method: str = "GET", **more: Any
    ) -> urllib3.BaseHTTPResponse:
        return self.pool.request(method, f"{self.desk.url}{path}", **more)

    def page(self, asked: Asked) -> str:
        """What the desk's screen shows."""
        answer = self.counter.test_client().get(f"/asked/{asked.ticket}")
        assert answer.status_code == 200
        return answer.text

    def at_counter(self, **form: str) -> TestResponse:
        return self.counter.test_client().post("/", data=form)


class _Late:
    """An application that knows its port only once it is served."""

    app: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


@contextmanager
def served(late: Any) -> Iterator[str]:
    """Serve an application at a port of its own; its address."""
    enable_socket()
    server = make_server(HERE, 0, late, threaded=True, request_handler=Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://{HERE}:{server.port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


@contextmanager
def serving_desk(
    purpose: Purpose = Purpose.AIRLINE, world: World | None = None
) -> Iterator[DeskScene]:
    """Serve a desk at Singapore that believes what a world publishes."""
    late, clock, known = _Late(), Clock(), world or World()
    with ExitStack() as stack:
        url = stack.enter_context(served(late))
        identity, root = make_trial("Example Air", now=clock())
        desk = Desk(identity=identity, url=url, trust=lambda: known.trust("SGP"))
        late.app = phones_app(desk, clock)
        counter = counter_app(desk, {"SGP": SINGAPORE}, purpose, clock)
        scene = DeskScene(
            desk=desk, root=root, world=known, clock=clock, counter=counter,
            purpose=purpose,
        )  # fmt: skip
        stack.callback(scene.pool.clear)
        yield scene
