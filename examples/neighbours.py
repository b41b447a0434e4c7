"""Two back offices on this machine: databases, keys, servers and workers of their own.

The scheme's repository is a folder to which both bring their lists.  Each knows the
other by what is published there, and by nothing else.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import urllib3
from sqlalchemy import select

from issuer.accounts import CreateAccount, RoleRequest, create_account, give_role
from issuer.config import environment_with
from issuer.documents import scheme_document
from issuer.installation import FILE, Installation
from issuer.keyholder import HEAD_START, open_keys
from issuer.keys import FileSigner, KeyRecord, generate_key_file
from issuer.office import Actor, Desk, Office
from issuer.operations import all_operations
from issuer.publication import open_publisher
from issuer.publish.moments import whole_second
from issuer.scheme import Scheme
from issuer.setting_up import add_economy, add_signing_key, make_installation
from issuer.store import (
    Account,
    AccountKind,
    KeyState,
    Role,
    SigningKey,
    Store,
)

PASSPHRASE: Final = "only an example"  # noqa: S105  # of keys that are thrown away
PEOPLE: Final = ("clerk", "officer")
_HOST: Final = "127.0.0.1"
_READY: Final = timedelta(seconds=30)
_HTTP: Final = urllib3.PoolManager(retries=False)


def now() -> datetime:
    """Read the clock; an example is an entry point."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Side:
    """One economy's back office, and the processes that it runs."""

    code: str
    folder: Path
    port: int
    office: Office = field(repr=False)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def do(self, who: str, operation: str, /, **given: Any) -> Any:
        """Let somebody of the office do something; clerk or officer."""
        return all_operations()[operation].perform(self._desk(who), given)

    def start(self, *what: str) -> None:
        """Start the server, the worker, or both."""
        for name in what or _COMMANDS:
            command = [each.format(port=self.port) for each in _COMMANDS[name]]
            self._running[name] = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "issuer", *command, "--home", str(self.folder)],
                stdout=subprocess.DEVNULL,
                stderr=(self.folder / f"{name}.log").open("ab"),
                env=environment_with(ABTC_KEY_PASSPHRASE=PASSPHRASE),
                start_new_session=True,
            )
        if "server" in self._running:
            self._wait_for_server()

    def _wait_for_server(self) -> None:
        until = time.monotonic() + _READY.total_seconds()
        url = f"{address(self.port)}/services/v1/openapi.json"
        while time.monotonic() < until:
            try:
                _HTTP.request("GET", url, timeout=1)
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
            else:
                return
        log = (self.folder / "server.log").read_text()
        raise SystemExit(f"the server of {self.code} does not answer: {log[-500:]}")

    def kill(self) -> None:
        """Kill every process at once, as a power cut would."""
        for process in self._running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()

    def stop(self) -> None:
        """End every process, and close the office."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait()
        self._running.clear()
        self.office.store.close()

    def active_card(self, person: Mapping[str, str], number: str) -> tuple[int, int]:
        """Take somebody's application as far as an approved card.

        Returns:
            The numbers of the application and of the card.
        """
        today = now().date()
        case = self.do(
            "clerk",
            "application.enter",
            person=person,
            passport={
                "country": self.code,
                "number": number,
                "issued_on": f"{today - timedelta(days=700)}",
                "expires_on": f"{today + timedelta(days=2_900)}",
            },
        ).application
        for step in ("submit", "open", "pass_stage"):
            self.do("officer", f"application.{step}", application=case)
        card = self.do("officer", "application.approve", application=case).card
        return int(case), int(card)

    def _desk(self, who: str) -> Desk:
        login = f"{who}-{self.code.lower()}"
        account = self.office.store.read(
            lambda session: session.scalars(
                select(Account.id).where(Account.login == login)
            ).one()
        )
        actor = Actor(
            account_id=account,
            economy=self.code,
            login=login,
            roles=frozenset(Role),
            kind=AccountKind.PERSON,
        )
        return Desk(office=self.office, actor=actor, now=now(), reason="an example")


_COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "server": ("serve", "--port", "{port}"),
    "worker": ("link", "run", "--every", "1"),
}


def address(port: int) -> str:
    """Return where an installation is."""
    return f"http://{_HOST}:{port}"


def found(
    folder: Path, codes: Sequence[str], databases: Mapping[str, str]
) -> list[Side]:
    """Make an installation for each economy, and one repository for all.

    Args:
        folder: Empty.
        codes: At least two economies.
        databases: URLs of empty databases; a file is made for who has none.
    """
    ports = dict(zip(codes, _free_ports(len(codes)), strict=True))
    for code in codes:
        partners = {each: address(ports[each]) for each in codes if each != code}
        _write_settings(folder, code, partners, databases.get(code))
    sides = [
        Side(code, folder / code, ports[code], _opened(folder / code, code))
        for code in codes
    ]
    _publish(sides)
    return sides


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _write_settings(
    folder: Path, code: str, partners: Mapping[str, str], database: str | None
) -> None:
    make_installation(folder / code, economies=[code], database=database)
    common = folder / "scheme"
    lines = [
        "",
        "[publish]",
        f'out = "{common}/public"',
        f'keys = ["{common}/keys"]',
        f'journal = "{common}/journal.jsonl"',
        "[services]",
        "per_client = 100000",
        "[services.partners]",
        *(f'{each} = "{url}"' for each, url in partners.items()),
        "",
    ]
    path = folder / code / FILE
    text = path.read_text().partition("\n[publish]")[0]
    path.write_text(text + "\n".join(lines))


def _opened(folder: Path, code: str) -> Office:
    installation = Installation.load(folder)
    store = Store.open(installation.database_url)
    moment = whole_second(now())
    store.write(
        lambda session: add_economy(
            session,
            code,
            administrator=f"admin-{code.lower()}",
            display_name="Administrator",
            now=moment,
        ),
        now=moment,
    )
    _add_keys(store, installation, code, moment)
    keys = open_keys(installation, store, passphrase=lambda _: PASSPHRASE.encode())
    office = Office(installation=installation, store=store, signers=keys)
    office.publish_passphrase = lambda _: PASSPHRASE.encode()
    _add_people(office, code)
    return office


def _add_keys(
    store: Store, installation: Installation, code: str, moment: datetime
) -> None:
    """Make keys, as if they had been published for long enough to sign."""
    url, since = Scheme.load().economy(code).issuer_url, moment - 2 * HEAD_START
    for use in ("card", "status"):
        path = generate_key_file(
            installation.path(f"keys/{code}"),
            key_id=f"{code}-{use}-1",
            use=use,
            passphrase=PASSPHRASE.encode(),
        )
        signer = FileSigner.load(path, passphrase=PASSPHRASE.encode())
        record = KeyRecord.of(signer, issuer_url=url, signs_from=since)
        add = partial(add_signing_key, economy=code, record=record, by=1, now=moment)
        store.write(add, now=moment)

    def head_start(session: Any) -> None:
        for key in session.scalars(select(SigningKey)):
            key.state, key.published_at = KeyState.PUBLISHED, since

    store.write(head_start, now=moment)


def _add_people(office: Office, code: str) -> None:
    desk = office.system_desk(code, now=now(), reason="an example")
    for who in PEOPLE:
        made = create_account(
            desk,
            CreateAccount(
                login=f"{who}-{code.lower()}",
                display_name=who.title(),
                kind=AccountKind.PERSON,
            ),
        )
        for role in set(Role) - {Role.ADMIN}:
            give_role(desk, RoleRequest(account=made.account, role=role))


def _publish(sides: Sequence[Side]) -> None:
    """Begin the scheme's repository, and let each side bring its lists to it."""
    common = sides[0].folder.parent / "scheme"
    (common / "keys").mkdir(parents=True, mode=0o700)
    publisher = open_publisher(sides[0].office)
    moment = whole_second(now())
    document = scheme_document(Scheme.load(), issued_at=moment)
    publisher.init(document, now=moment)
    for side in sides:
        publisher.add_economy(side.code, now=moment)
    for side in sides:
        side.office.installation.issue_log.touch()
        side.do("officer", "lists.publish")
