"""Three economies on one machine, each with an installation of its own, and a broker.

Everything is real and small: databases, keys in files, trust data that each economy
syncs like an officer's device, and a process for each back office that answers.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import socket
from typing import Any, Final

from sqlalchemy import select

import verifier
from issuer.commands.private import owner_only
from issuer.demo.setting import make_ready
from issuer.documents import issuer_document, scheme_document
from issuer.installation import FILE, Installation
from issuer.keyholder import open_keys
from issuer.keys import FileSigner, KeyRecord, generate_key_file
from issuer.office import Actor, Desk, Office
from issuer.operations import all_operations
from issuer.publish import Journal, Keyring, Publisher
from issuer.publish.moments import whole_second
from issuer.scheme import Scheme
from issuer.services.identity import renew
from issuer.setting_up import add_economy, add_signing_key, make_installation
from issuer.store import Account, AccountKind, Role, Store

HOST: Final = "127.0.0.1"
_PASSPHRASE: Final = "only an example"  # noqa: S105
_STARTING: Final = 60.0
"""Seconds that a program may take until it answers."""
_SCHEME: Final = Scheme.load()


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """An economy with an installation of its own."""

    code: str
    office: Office
    port: int
    """Where its back office answers, if it does."""

    def does(self, operation: str, **given: Any) -> Any:
        """Let an officer do something now."""
        account = self.office.store.read(
            lambda session: session.scalars(
                select(Account.id).where(Account.login == "admin")
            ).one()
        )
        actor = Actor(
            account_id=account,
            economy=self.code,
            login="admin",
            roles=frozenset(Role),
            kind=AccountKind.PERSON,
        )
        desk = Desk(office=self.office, actor=actor, now=now(), reason="an example")
        return all_operations()[operation].perform(desk, given)


def now() -> datetime:
    """Read the clock; an example is an entry point."""
    return datetime.now(UTC)


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with socket() as place:
        place.bind((HOST, 0))
        port: int = place.getsockname()[1]
        return port


def found(
    folder: Path, codes: Sequence[str], *, broker: int, per_asker: int = 60_000
) -> list[Economy]:
    """Make an installation for each economy, which know each other.

    Args:
        folder: Empty.
        codes: Economies of the scheme.
        broker: Port where a broker will be.
        per_asker: Questions a minute that each answers to one other.
    """
    ports = [free_port() for _ in codes]
    with owner_only():
        economies = [
            _install(folder / code, code, port, broker, per_asker)
            for code, port in zip(codes, ports, strict=True)
        ]
    _publish(folder / "public", folder / "publisher", economies)
    root = (folder / "public/metadata/1.root.json").read_bytes()
    for each in economies:
        trust = each.office.installation.path("trust")
        trust.mkdir()
        verifier.TrustStore(trust).sync(folder / "public", root=root, now=now())
        renew(each.office, each.code, now())
    return economies


def _install(home: Path, code: str, port: int, broker: int, per_asker: int) -> Economy:
    make_installation(home, economies=[code])
    settings = (
        f'\n[services]\ntrust = "trust"\n[passports.{code}]\ncomplete = true\n'
        f'contact = "{code} passport office, day and night"\n'
        f"per_asker = {per_asker}\n"
        f'[passport_checks]\nbroker = "http://{HOST}:{broker}"\n'
    )
    with (home / FILE).open("a") as file:
        file.write(settings)
    installation = Installation.load(home)
    store = Store.open(installation.database_url)
    moment = whole_second(now()) - timedelta(minutes=1)
    store.write(
        lambda session: add_economy(
            session,
            code,
            administrator="admin",
            display_name=f"Officer of {code}",
            now=moment,
            is_test=True,
        ),
        now=moment,
    )
    url = _SCHEME.economy(code).issuer_url
    for use in ("card", "status"):
        path = generate_key_file(
            installation.path(f"keys/{code}"),
            key_id=f"{code}-{use}-1",
            use=use,
            passphrase=_PASSPHRASE.encode(),
        )
        signer = FileSigner.load(path, passphrase=_PASSPHRASE.encode())
        record = KeyRecord.of(signer, issuer_url=url, signs_from=moment)
        add_key = partial(
            add_signing_key, economy=code, record=record, by=1, now=moment
        )
        store.write(add_key, now=moment)
    keys = open_keys(installation, store, passphrase=lambda _: _PASSPHRASE.encode())
    office = Office(installation=installation, store=store, signers=keys)
    make_ready(office, code, now=moment)
    return Economy(code=code, office=office, port=port)


def _publish(public: Path, keys: Path, economies: Sequence[Economy]) -> None:
    keys.mkdir(mode=0o700)
    passphrase = secrets.token_bytes(32)  # known to this process alone
    publisher = Publisher(
        folder=public,
        journal=Journal(path=keys / "journal.jsonl"),
        keyring=Keyring([keys], lambda _: passphrase),
    )
    moment = whole_second(now())
    publisher.init(scheme_document(_SCHEME, issued_at=moment), now=moment)
    for each in economies:
        records = [
            each.office.signers.signer(each.code, use, now=moment)[1]
            for use in ("card", "status")
        ]
        document = issuer_document(
            _SCHEME, each.code, keys=records, issued_at=moment, is_test=True
        )
        publisher.add_economy(each.code, now=moment)
        publisher.publish_lists(
            each.code, {f"{each.code}/issuer.json": document}, now=moment
        )


@contextmanager
def serving(
    economies: Sequence[Economy], folder: Path, *, broker: int, known: Sequence[Economy]
) -> Iterator[list[int]]:
    """Serve some back offices and a broker until left; yield their processes' ids.

    Args:
        economies: Which back offices answer.
        folder: For the broker's file of partners.
        broker: Its port.
        known: The economies that the broker passes questions to, whether they answer
            or not.
    """
    partners = folder / "partners.toml"
    rows = (f'{each.code} = "http://{HOST}:{each.port}"' for each in known)
    partners.write_text("\n".join(("[owners]", *rows, "")))
    with ExitStack() as stack:
        ids = []
        for each in economies:
            home = str(each.office.installation.folder)
            serve = ("serve", "--home", home, "--port", str(each.port))
            ids.append(stack.enter_context(_program(*serve, port=each.port)))
        given = ("--partners", str(partners), "--port", str(broker))
        program = _program("passport-broker", "serve", *given, port=broker)
        ids.append(stack.enter_context(program))
        yield ids


@contextmanager
def _program(*arguments: str, port: int) -> Iterator[int]:
    secret = {"ABTC_KEY_PASSPHRASE": _PASSPHRASE}
    process = subprocess.Popen(  # noqa: S603  # this program itself
        [sys.executable, "-m", "issuer", *arguments],
        env={**os.environ, **secret},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    ends = time.monotonic() + _STARTING
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError("a program ended before it answered")
        connection = HTTPConnection(HOST, port, timeout=1)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except (OSError, HTTPException):
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise RuntimeError("a program does not answer")
