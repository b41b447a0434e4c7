"""An economy on this machine: its back office, people who work there, and its wallet.

Everything is real and small: keys in files, a database, roles, HTTP on a port of its
own. Nothing is published unless an example does so; until then the cards are good for
looking at phones only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final

from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from issuer.demo.setting import make_ready
from issuer.installation import FILE, Installation
from issuer.keyholder import open_keys
from issuer.keys import FileSigner, KeyRecord, generate_key_file
from issuer.office import Actor, Desk, Office
from issuer.operations import all_operations
from issuer.publish.moments import whole_second
from issuer.scheme import Scheme
from issuer.setting_up import add_economy, add_signing_key, make_installation
from issuer.store import Account, AccountKind, Role, Store
from wallet_api import serving
from wallet_api.app import make_app
from wallet_api.holder_net import Network
from wallet_api.settings import Settings

CODE: Final = "AUS"
_HOST: Final = "127.0.0.1"
_PASSPHRASE: Final = b"only an example"
_REVIEW: Final = ("submit", "open", "pass_stage")


def now() -> datetime:
    """Read the clock; an example is an entry point."""
    return datetime.now(UTC)


def network() -> Network:
    """Give a phone its connection."""
    return Network(clock=now)


def say(who: str, text: str) -> None:
    """Print what somebody sees or does."""
    print(f"{who:>14} | {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """An office that is open, and the address of its wallet's server."""

    office: Office
    issuer: str
    """As phones know it."""

    def clerk(self, operation: str, **given: Any) -> Any:
        """Let the clerk do something: takes applications, gives cards to phones."""
        return self._do(CODE, "clerk", operation, given)

    def officer(self, operation: str, *, of: str = CODE, **given: Any) -> Any:
        """Let the officer of an economy do something: reviews and decides."""
        return self._do(of, "officer", operation, given)

    def approved_card(self) -> int:
        """Take an invented traveller's application as far as an approved card.

        Returns:
            Its number; no phone has it yet.
        """
        today = now().date()
        case = self.clerk(
            "application.enter",
            person={
                "family_name": "Citizen",
                "given_name": "Jane",
                "birthdate": "1984-05-17",
                "sex": "F",
                "nationality": CODE,
            },
            passport={
                "country": CODE,
                "number": "PA1234567",
                "issued_on": f"{today - timedelta(days=700)}",
                "expires_on": f"{today + timedelta(days=2_900)}",
            },
        ).application
        for step in _REVIEW:
            self.officer(f"application.{step}", application=case)
        return int(self.officer("application.approve", application=case).card)

    def _do(self, code: str, who: str, operation: str, given: dict[str, Any]) -> Any:
        login = f"demo-{who}-{code.lower()}"
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
        desk = Desk(office=self.office, actor=actor, now=now(), reason="an example")
        return all_operations()[operation].perform(desk, given)


@contextmanager
def open_economy(
    folder: Path, *, also: Sequence[str] = (), settings: str = ""
) -> Iterator[Economy]:
    """Make an installation in an empty folder, and serve phones until left.

    Args:
        folder: Empty, or not there yet.
        also: Further economies that it hosts.
        settings: More for the end of ``office.toml``.
    """
    listening = serving.listen(_HOST, 0)
    url = f"http://{_HOST}:{listening.getsockname()[1]}"
    office = _installed(folder, (CODE, *also), f'[wallet]\nurl = "{url}"\n{settings}')
    reached = Settings.of(office.installation, host=_HOST, clock=now)
    app = make_app(office, settings=reached)
    server = make_server(
        _HOST,
        0,
        app,
        threaded=True,
        request_handler=Quiet,
        fd=listening.fileno(),
    )
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Economy(office=office, issuer=f"{url}/{CODE}")
    finally:
        server.shutdown()
        server.server_close()
        listening.close()
        office.store.close()


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Write nothing."""


def _installed(folder: Path, codes: Sequence[str], settings: str) -> Office:
    make_installation(folder, economies=codes)
    with (folder / FILE).open("a") as file:
        file.write(f"\n{settings}")
    installation = Installation.load(folder)
    store = Store.open(installation.database_url)
    for code in codes:
        _found(store, installation, code)
    keys = open_keys(installation, store, passphrase=lambda _: _PASSPHRASE)
    office = Office(
        installation=installation,
        store=store,
        signers=keys,
        publish_passphrase=lambda _: _PASSPHRASE,
    )
    for code in codes:
        make_ready(office, code, now=now())
    return office


def _found(store: Store, installation: Installation, code: str) -> None:
    moment, url = whole_second(now()), Scheme.load().economy(code).issuer_url
    store.write(
        lambda session: add_economy(
            session,
            code,
            administrator=f"admin-{code.lower()}",
            display_name="Administrator",
            now=moment,
            is_test=True,
        ),
        now=moment,
    )
    for use in ("card", "status"):
        path = generate_key_file(
            installation.path(f"keys/{code}"),
            key_id=f"{code}-{use}-1",
            use=use,
            passphrase=_PASSPHRASE,
        )
        signer = FileSigner.load(path, passphrase=_PASSPHRASE)
        record = KeyRecord.of(signer, issuer_url=url, signs_from=moment)
        add = partial(add_signing_key, economy=code, record=record, by=1, now=moment)
        store.write(add, now=moment)
