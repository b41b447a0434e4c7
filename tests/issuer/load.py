"""A back office under load: its real server, and programs that issue all day long.

    with standing(folder, database=None, cards=1_000) as place:
        load = place.run(seconds=300)

The installation is a fresh one, made and served by its own commands.  Twenty programs,
each with an account and an API key of its own, put cards into phones, move them to
other phones, and look at cards and queues.  Each has its requests at fixed moments: one
that comes late, because the one before took too long, is counted from when it was due.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import create_connection, socket
from typing import Any, Final

from issuer.api.openapi import PREFIX, path_of
from issuer.config import environment_with
from issuer.installation import FILE
from issuer.jws import new_private_key, public_jwk
from issuer.office import Desk
from issuer.operations import all_operations
from issuer.store import AccountKind, Role
from tests.issuer.many_cards import make_cards

CLIENTS: Final = 20
ECONOMY: Final = "AUS"
REQUESTS: Final = 39.0
"""A second, of all clients together; two in three issue a card."""
_ROUND: Final = ("issue", "issue", "card.show", "issue", "issue", "queue")
_QUEUES: Final[Sequence[tuple[str, Mapping[str, Any]]]] = (
    ("queue.counts", {}),
    ("application.list", {}),
    ("incoming.list", {}),
    ("card.find", {"family_name": "CI"}),
)
_NEIGHBOURS: Final = ("NZL", "KOR")
"""Other economies, so that requests come in."""
_TRAVELLERS: Final = 30
_ROLES: Final = (Role.ISSUING, Role.INTAKE, Role.PRECLEARANCE)
_PASSPHRASE: Final = "for a trial only"  # noqa: S105
_MOST: Final = 1_000_000
"""What one operator may issue in an hour: here nobody is in a hurry by mistake."""
MOST_GROWTH: Final = 0.10
"""Of a server's memory, once everything has been done some times."""
_EVERY: Final = 0.5
"""Seconds between two looks at the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    kind: str
    """Of the operation; or ``issue`` for the first time, and ``rebind``."""
    due: float
    """Seconds from the beginning."""
    took: float
    """Seconds from then to the whole answer."""
    status: int
    """Of HTTP; 0 where no answer came."""
    answer: Mapping[str, Any] = field(repr=False)
    """Of what changed something or was refused; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The server's process at a moment."""

    at: float
    memory: int
    """Bytes that are resident."""
    handles: int
    threads: int
    processor: float
    """Seconds so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of a run."""

    seconds: float
    calls: Sequence[Call]
    looks: Sequence[Look]

    @property
    def issued(self) -> list[Call]:
        """Requests that a card was issued for."""
        return [
            each
            for each in self.calls
            if each.status == 200 and each.kind in {"issue", "rebind"}
        ]

    @property
    def failed(self) -> list[Call]:
        """Requests whose answer is none, or no success."""
        return [each for each in self.calls if each.status != 200]

    @property
    def warm(self) -> Sequence[Look]:
        """What the server took once it had done everything some times."""
        return [each for each in self.looks if each.at >= self.seconds / 5]

    @property
    def growth(self) -> float:
        """By which share memory grew from the first fifth to the end."""
        return self.warm[-1].memory / self.warm[0].memory - 1


@contextmanager
def standing(folder: Path, *, database: str | None, cards: int) -> Iterator["Place"]:
    """Make an installation and serve it.

    Args:
        folder: Is there; the installation is made below it.
        database: URL of an empty one; None for SQLite.
        cards: How many are approved and not issued.
    """
    home = folder / "home"
    more = ["--database", database] if database else []
    economies = [f"--economy={code}" for code in (ECONOMY, *_NEIGHBOURS)]
    run_command("issuer", "init", home, *economies, "--test", "--keys", *more)
    settings = home / FILE
    settings.write_text(f"{settings.read_text()}\n[limits]\nissue = {_MOST}\n")
    run_command("issuer", "demo-data", home, f"--cards={_TRAVELLERS}")
    keys, numbers = _prepared(home, cards)
    port = free_port()
    with served("issuer", home, port) as process:
        yield Place(home=home, process=process, port=port, keys=keys, cards=numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server that runs."""

    home: Path
    process: int
    port: int
    keys: Sequence[str]
    cards: Sequence[int]

    def run(self, seconds: float, *, requests: float = REQUESTS) -> Load:
        """Let all clients work.

        Args:
            seconds: For how long.
            requests: How many a second, of all together.
        """
        start = time.monotonic()
        clients = [
            _Client(
                port=self.port,
                key=key,
                cards=deque(self.cards[number::CLIENTS]),
                step=number,
                start=start + number / requests,
                pause=CLIENTS / requests,
            )
            for number, key in enumerate(self.keys)
        ]
        threads = [
            threading.Thread(target=each.work, args=(start, start + seconds))
            for each in clients
        ]
        for thread in threads:
            thread.start()
        looks = [*_looks(self.process, start, threads)]
        for thread in threads:
            thread.join()
        calls = [call for each in clients for call in each.calls]
        took = time.monotonic() - start
        return Load(seconds=took, calls=calls, looks=looks)


@dataclass(slots=True, kw_only=True)
class _Client:
    """One program; it keeps its connection."""

    port: int
    key: str
    cards: deque[int]
    step: int
    """Of `_ROUND`, going on without end; each client begins at another one."""
    start: float
    pause: float
    calls: list[Call] = field(default_factory=list)
    in_app: set[int] = field(default_factory=set)
    connection: HTTPConnection | None = None

    def work(self, began: float, until: float) -> None:
        due = self.start
        while max(due, time.monotonic()) < until:
            time.sleep(max(0.0, due - time.monotonic()))
            kind, path, body = self._next()
            status, answer = self._ask(path, body)
            took = time.monotonic() - due
            is_kept = kind in {"issue", "rebind"} or status != 200
            self.calls.append(
                Call(
                    kind=kind,
                    due=due - began,
                    took=took,
                    status=status,
                    answer=answer if is_kept else {},
                )
            )
            due, self.step = due + self.pause, self.step + 1
        if self.connection is not None:
            self.connection.close()

    def _next(self) -> tuple[str, str, Mapping[str, Any]]:
        turns, step = divmod(self.step, len(_ROUND))
        if _ROUND[step] == "queue":
            name, body = _QUEUES[turns % len(_QUEUES)]
            return name, name, body
        if _ROUND[step] == "card.show":
            return "card.show", "card.show", {"card": self.cards[-1]}
        card = self.cards[0]
        self.cards.rotate(-1)
        body = {"card": card, "holder_key": public_jwk(new_private_key().public_key())}
        if card in self.in_app:
            return "rebind", "card.rebind", body
        self.in_app.add(card)
        return "issue", "card.issue_app", body

    def _ask(self, name: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Abtc-Reason": "a trial",
            "Content-Type": "application/json",
            "Idempotency-Key": secrets.token_hex(16),
        }
        try:
            if self.connection is None:
                self.connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.connection.request("POST", _path(name), json.dumps(body), headers)
            response = self.connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            self.connection = None
            return 0, {"error": repr(error)}


@cache
def _path(operation: str) -> str:
    return PREFIX + path_of(all_operations()[operation])


# The installation


def run_command(module: str, command: str, home: Path, *more: str) -> None:
    """Run a command of the product on an installation, to its end."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", module, command, "--home", str(home), *more],
        check=True,
        env=_environment(),
        stdout=subprocess.DEVNULL,
    )


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def served(module: str, home: Path, port: int, *more: str) -> Iterator[int]:
    """Run a server of the product until left; yields its process."""
    command = [sys.executable, "-m", module, "serve", "--home", str(home),
               "--port", str(port), *more]  # fmt: skip
    with subprocess.Popen(  # noqa: S603
        command, env=_environment(), stdout=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(process, port)
            yield process.pid
        finally:
            process.terminate()


def _environment() -> dict[str, str]:
    return environment_with(ABTC_KEY_PASSPHRASE=_PASSPHRASE)


def _prepared(home: Path, cards: int) -> tuple[list[str], Sequence[int]]:
    from issuer.commands.opening import open_office  # noqa: PLC0415

    now = datetime.now(UTC)  # noqa: TID251  # the server has a real clock
    office = open_office(home)
    try:
        desk = office.system_desk(ECONOMY, now=now, reason="a trial")
        keys = [_program(desk, f"program-{number}") for number in range(CLIENTS)]
        numbers = make_cards(office, ECONOMY, cards, now=now)
        office.store.analyze()
        return keys, numbers
    finally:
        office.store.close()


def _program(desk: Desk, login: str) -> str:
    """Make an account with an API key, and return the key."""

    def do(name: str, **given: Any) -> dict[str, Any]:
        return all_operations()[name].perform(desk, given).model_dump()

    kind = AccountKind.PROGRAM
    account = do("account.create", login=login, display_name=login, kind=kind)
    for role in _ROLES:
        do("role.give", account=account["account"], role=role)
    made = do("api_key.make", account=account["account"], label="trial")
    return str(made["secret"])


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    while process.poll() is None:
        try:
            create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server has ended")


# The server's process


def _looks(
    process: int, start: float, threads: Sequence[threading.Thread]
) -> Iterator[Look]:
    while any(thread.is_alive() for thread in threads):
        time.sleep(_EVERY)
        yield look(process, time.monotonic() - start)


def look(process: int, at: float) -> Look:
    """Look at a process of this machine."""
    folder = Path(f"/proc/{process}")
    lines = (folder / "status").read_text(encoding="utf-8").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    times = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = int(times[11]) + int(times[12])
    return Look(
        at=at,
        memory=int(status["VmRSS"].split()[0]) * 1024,
        handles=len([*(folder / "fd").iterdir()]),
        threads=int(status["Threads"]),
        processor=ticks / os.sysconf("SC_CLK_TCK"),
    )
