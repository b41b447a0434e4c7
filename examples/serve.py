"""Back office, wallet and officer's console of a demonstration, side by side.

    python -m examples.serve [FOLDER] [--travellers N] [--port FIRST]

All 21 economies, marked as for tests: invented travellers, cards that no device takes
but one on which officers train, no passwords, and nobody but this machine can ask.
What it keeps is below the folder; interrupted at any step, the same command goes on.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

import verifier
from issuer.audit import Head, heads
from issuer.commands.opening import open_office
from issuer.documents import scheme_document
from issuer.errors import Conflict, IssuerError
from issuer.installation import FILE
from issuer.mail_sending import send_due
from issuer.office import Actor, Desk, Office
from issuer.operations import all_operations
from issuer.publication import open_publisher
from issuer.publish.repository import Repository
from issuer.store import Account, AccountKind, HostedEconomy, Role

BORDER: Final = "SGP"
ZONE: Final = "Asia/Singapore"
EVERY: Final = timedelta(minutes=1)
"""Between two publications; what an officer decides is at the border after it."""
_PASSPHRASE: Final = "demonstration"  # noqa: S105  # it protects nothing
_POST: Final = timedelta(seconds=2)
"""Between two looks for mails; somebody waits for a code."""
_STILL_GOOD: Final = timedelta(hours=6)
"""For so long an economy that has nothing new to say need not sign anything."""
_HOST: Final = "127.0.0.1"
_PAUSE: Final = 0.1
"""Seconds between two looks whether a server answers."""
_STOP: Final = timedelta(seconds=10)
"""For a server to finish what it does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing, and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m examples.serve")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/office"))
    parser.add_argument("--travellers", type=int, default=840, help="in all")
    parser.add_argument(
        "--port", type=int, default=8321, help="of the office; two more follow it"
    )
    parser.add_argument(
        "--economy", action="append", metavar="AAA", help="only this; may be repeated"
    )
    given = parser.parse_args(arguments)
    os.environ["ABTC_KEY_PASSPHRASE"] = _PASSPHRASE
    os.environ["ABTC_PUBLISH_PASSPHRASE"] = _PASSPHRASE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return _serve(
            Demonstration(
                given.folder,
                travellers=given.travellers,
                port=given.port,
                only=given.economy or (),
            )
        )
    except KeyboardInterrupt:
        return 0
    except subprocess.CalledProcessError as error:
        return error.returncode


@dataclass
class Demonstration:
    """An installation, what it publishes, and a device at one of its borders."""

    folder: Path
    travellers: int
    port: int
    """Of the office; the wallet has the next one, and the console the one after."""
    only: Sequence[str] = ()
    """Economies to host; none named are all."""
    _published: Mapping[str, Head] = field(default_factory=dict)
    """Where the audit logs stood then: whatever changes is in one of them."""

    @cached_property
    def office(self) -> Office:
        """The installation, opened with its keys."""
        return open_office(self.folder)

    @property
    def device(self) -> Path:
        """Folder of an officer's device."""
        return self.folder / "device"

    @property
    def root(self) -> Path:
        """First root metadata, as a device comes with it."""
        return self.device / "root.json"

    @property
    def public(self) -> Path:
        """Folder of what is published."""
        return self.office.installation.path(self.office.installation.publish.out)

    def prepare(self) -> None:
        """Make what is missing of the installation, its people and its travellers."""
        settings = self.folder / FILE
        if not settings.exists():
            named = [part for code in self.only for part in ("--economy", code)]
            hosted = named or ["--all"]
            _abtc("issuer", "init", "--home", self.folder, *hosted, "--test", "--keys")
        if "[wallet]" not in settings.read_text():
            with settings.open("a") as file:
                url = f"http://127.0.0.1:{self.port + 1}"
                file.write(f'\n[wallet]\nurl = "{url}"\n')
        # It may have been made by an earlier version.
        _abtc("issuer", "database", "upgrade", "--home", self.folder)
        count = str(self.travellers)
        _abtc(
            "issuer", "demo-data", "--home", self.folder, "--cards", count, quiet=False
        )

    def found_publication(self) -> None:
        """Give every economy its role in what is published, and the device its root."""
        office, now = self.office, _now()
        publisher = open_publisher(office)
        if not self.public.exists():
            scheme = scheme_document(office.packaged_scheme, issued_at=now)
            publisher.init(scheme, now=now)
        known = Repository.load(self.public).economies
        for code in self.hosted:
            if code not in known:
                publisher.add_economy(code, now=_now())
        self.device.mkdir(exist_ok=True)
        (first,) = self.public.rglob("1.root.json")
        self.root.write_bytes(first.read_bytes())

    @cached_property
    def hosted(self) -> tuple[str, ...]:
        """All economies that are hosted here."""
        return self.office.store.read(
            lambda session: tuple(
                session.scalars(select(HostedEconomy.code).order_by(HostedEconomy.code))
            )
        )

    def open_portals(self) -> None:
        """Let people apply online to every economy."""
        for code in self.hosted:
            desk = self.office.system_desk(code, now=_now(), reason="demonstration")
            with suppress(Conflict):  # it is open since an earlier start
                all_operations()["portal.open"].perform(desk, {})

    def deliver(self) -> None:
        """Put the mails that wait into files below the folder ``mail``."""
        office = self.office
        scheme = office.store.read(office.scheme)
        send_due(office.store, office.installation, scheme, clock=_now)

    def publish(self) -> None:
        """Publish what economies say anew, and bring the device up to date."""
        if self.office.store.read(heads) != self._published:
            for code in self.hosted:
                if self._has_news(code):
                    self._do(code, "lists.publish")
            self._published = self.office.store.read(heads)
        verifier.TrustStore(self.device / "store").sync(
            self.public, root=self.root.read_bytes(), now=_now(), economy=BORDER
        )

    def _has_news(self, code: str) -> bool:
        last = self._do(code, "publication.status").last_at
        if last is None or _now() - last > _STILL_GOOD:
            return True
        found = self._do(code, "lists.preview")
        return bool(found.new_keys) or any(
            each.changed or each.before is None for each in found.lists
        )

    def _do(self, code: str, name: str) -> Any:
        return all_operations()[name].perform(self._desk(code), {})

    def _desk(self, code: str) -> Desk:
        login = f"demo-officer-{code.lower()}"
        account = self.office.store.read(
            lambda session: session.scalars(
                select(Account.id).where(Account.login == login)
            ).one()
        )
        actor = Actor(
            account_id=account,
            economy=code,
            login=login,
            roles=frozenset(Role) - {Role.ADMIN},
            kind=AccountKind.PERSON,
        )
        return Desk(office=self.office, actor=actor, now=_now(), reason="demonstration")


def _serve(demonstration: Demonstration) -> int:
    demonstration.prepare()
    demonstration.found_publication()
    demonstration.open_portals()
    count = len(demonstration.hosted)
    print(f"publishing what {count} economies say ...", flush=True)
    demonstration.publish()
    ended = threading.Event()
    with _running(demonstration) as servers:
        for server in servers:
            threading.Thread(target=_watch, args=(server, ended), daemon=True).start()
        threading.Thread(
            target=_deliver, args=(demonstration, ended), daemon=True
        ).start()
        _wait_for(demonstration.port, ended)
        _say_where(demonstration.port)
        while not ended.wait(EVERY.total_seconds()):
            try:
                demonstration.publish()
            except (IssuerError, verifier.TrustError) as error:
                print(f"not published, tried again soon: {error}", file=sys.stderr)
        return max(abs(each.poll() or 0) for each in servers)


@contextmanager
def _running(here: Demonstration) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run the three servers until left; one that ends ends the others."""
    home = str(here.folder)
    office, wallet, console = (str(here.port + each) for each in range(3))
    servers = [
        _start("issuer", "serve", "--home", home, "--port", office, "--demonstration"),
        _start("wallet_api", "serve", "--home", home, "--port", wallet),
        _start(
            "verifier", "console", "--training",
            "--store", str(here.device / "store"), "--economy", BORDER, "--zone", ZONE,
            "--from", str(here.public), "--root", str(here.root),
            "--home", str(here.device / "console"), "--port", console, quiet=False,
        ),
    ]  # fmt: skip
    try:
        yield servers
    finally:
        for each in servers:
            each.terminate()
        for each in servers:
            with suppress(subprocess.TimeoutExpired):
                each.wait(_STOP.total_seconds())
            each.kill()


def _start(
    module: str, *arguments: str, quiet: bool = True
) -> "subprocess.Popen[bytes]":
    # A session of its own: interrupting the terminal ends them one after another, here.
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(  # noqa: S603  # no word of it is anybody else's
        command,
        stdout=subprocess.DEVNULL if quiet else None,
        start_new_session=True,
    )


def _deliver(demonstration: Demonstration, ended: threading.Event) -> None:
    while not ended.wait(_POST.total_seconds()):
        try:
            demonstration.deliver()
        except IssuerError as error:
            print(f"not mailed, tried again soon: {error}", file=sys.stderr)


def _watch(server: "subprocess.Popen[bytes]", ended: threading.Event) -> None:
    server.wait()
    ended.set()


def _abtc(*arguments: str | Path, quiet: bool = True) -> None:
    command = [sys.executable, "-m", *map(str, arguments)]
    subprocess.run(  # noqa: S603  # no word of it is anybody else's
        command, check=True, stdout=subprocess.DEVNULL if quiet else None
    )


def _wait_for(port: int, ended: threading.Event) -> None:
    """Wait until office and wallet answer; the console says so itself."""
    for each in (port, port + 1):
        while not ended.wait(_PAUSE):
            with suppress(OSError), socket.create_connection((_HOST, each)):
                break


def _say_where(port: int) -> None:
    print(
        f"apply  http://localhost:{port}/demonstration"
        " (applicants' mail: files in the folder mail)\n"
        f"show   http://127.0.0.1:{port + 1}/wallet/\n"
        "scan   at what the console prints; each such address is good once\n"
        "Stop with Ctrl-C.",
        flush=True,
    )


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
