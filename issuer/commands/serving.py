"""``abtc-issuer serve``: the back office for browsers."""

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from sqlalchemy import select

from issuer.accounts import actor_of_key
from issuer.commands.opening import at_home, open_office
from issuer.commands.private import close_to_others
from issuer.config import sign_on_secret
from issuer.errors import Conflict, NotProven
from issuer.installation import Installation
from issuer.installation_key import check_owner_only
from issuer.office import Actor, Office
from issuer.operations import all_operations
from issuer.signing import recover
from issuer.store import HostedEconomy

if TYPE_CHECKING:
    from flask import Flask

_MAX_HEADERS: Final = 64 * 1024


@click.command("serve")
@at_home
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8321,
    show_default=True,
    help="Port to listen at.",
)
@click.option(
    "--demonstration",
    "is_demonstration",
    is_flag=True,
    help="Let anybody at this machine be anybody; for test economies only.",
)
def serve(folder: Path, host: str, port: int, *, is_demonstration: bool) -> None:
    """Serve the back office, for browsers and programs, until interrupted.

    Listens to other machines only where the settings say that https protects it.
    """
    app = open_app(folder, host=host, port=port, is_demonstration=is_demonstration)
    _run(app, host=host, port=port)


def open_app(
    home: Path, *, host: str, port: int, is_demonstration: bool = False
) -> "Flask":
    """Open an installation, and make its pages.

    Raises:
        SettingsError: The settings cannot be used, or do not fit the address.
        KeyFileError: Others than its owner can read a secret.
        SchemaError, StoreDown: The database has another shape, or does not answer.
    """
    # Devices and commands without pages do without Flask.
    from issuer.api import blueprint  # noqa: PLC0415
    from issuer.web import Settings, create_app  # noqa: PLC0415

    installation = Installation.load(home)
    settings = Settings.of(
        installation,
        host=host,
        port=port,
        clock=lambda: datetime.now(UTC),
        sign_on_secret=sign_on_secret(),
        is_demonstration=is_demonstration,
    )
    for path in sorted((home / "keys").rglob("*.pem")):
        check_owner_only(path)
    for said in close_to_others(installation):
        click.echo(f"abtc-issuer: {said}", err=True)
    office = open_office(home)
    if is_demonstration:
        _check_is_test(office)
    recover(office, settings.clock())
    programs = blueprint(
        office,
        operations=all_operations(),
        authenticate=lambda secret, moment: _actor(office, secret, moment),
        clock=settings.clock,
    )
    return create_app(office, settings, programs=programs)


def _check_is_test(office: Office) -> None:
    real = office.store.read(
        lambda session: session.scalars(
            select(HostedEconomy.code).where(HostedEconomy.is_test.is_(False))
        ).first()
    )
    if real is not None:
        office.store.close()
        raise Conflict("demonstration.real", f"{real} is no test economy")


def _actor(office: Office, secret: str, moment: datetime) -> Actor | None:
    try:
        return actor_of_key(office.store, secret, now=moment)
    except NotProven:
        return None


def _run(app: "Flask", *, host: str, port: int) -> None:
    from issuer.commands.connections import Connection, make_server  # noqa: PLC0415
    from issuer.web.app import MAX_BODY  # noqa: PLC0415
    from issuer.web.here import NAME  # noqa: PLC0415

    settings = app.extensions[NAME].settings
    server = make_server(
        app,
        kind=Connection,
        max_body=MAX_BODY,
        max_headers=_MAX_HEADERS,
        proxies=settings.web.proxies,
        host=host,
        port=port,
    )
    # Told to end, as interrupted: what is being answered is finished.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    click.echo(f"{settings.origin} (stop with Ctrl-C)")
    server.run()
