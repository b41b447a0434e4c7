"""``abtc-issuer serve``: the back office for browsers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from issuer.config import sign_on_secret
from issuer.installation import Installation
from issuer.installation_key import check_owner_only
from issuer.office import Office, SignerSource
from issuer.store import Store

if TYPE_CHECKING:
    from flask import Flask

Signers = Callable[[Installation], SignerSource]
_THREADS: Final = 8
_SLOW: Final = 30
"""Seconds for which a browser may say nothing before it is hung up on."""
_CONNECTIONS: Final = 200
_MAX_HEADERS: Final = 64 * 1024


def serve_command(signers: Signers) -> click.Command:
    """Make the command.

    Args:
        signers: Opens the keys of an installation.
    """

    @click.command("serve")
    @click.option(
        "--home",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        required=True,
        help="Folder of the installation.",
    )
    @click.option("--host", default="127.0.0.1", show_default=True)
    @click.option("--port", type=click.IntRange(1, 65535), default=8321)
    def serve(home: Path, host: str, port: int) -> None:
        """Serve the back office for browsers until interrupted.

        Listens to other machines only where the settings say that https protects it.
        """
        app = open_app(home, host=host, port=port, signers=signers)
        _run(app, host=host, port=port)

    return serve


def open_app(home: Path, *, host: str, port: int, signers: Signers) -> "Flask":
    """Open an installation, and make its pages.

    Raises:
        SettingsError: The settings cannot be used, or do not fit the address.
        KeyFileError: Others than its owner can read a secret.
        SchemaError, StoreDown: The database has another shape, or does not answer.
    """
    # Devices and commands without pages do without Flask.
    from issuer.web import Settings, create_app  # noqa: PLC0415

    installation = Installation.load(home)
    settings = Settings.of(
        installation,
        host=host,
        port=port,
        clock=lambda: datetime.now(UTC),
        sign_on_secret=sign_on_secret(),
    )
    for path in sorted((home / "keys").rglob("*.pem")):
        check_owner_only(path)
    office = Office(
        installation=installation,
        store=Store.open(installation.database_url),
        signers=signers(installation),
    )
    return create_app(office, settings)


def _run(app: "Flask", *, host: str, port: int) -> None:
    from waitress.server import create_server  # noqa: PLC0415

    from issuer.web.app import MAX_BODY  # noqa: PLC0415
    from issuer.web.here import NAME  # noqa: PLC0415

    settings = app.extensions[NAME].settings
    server = create_server(
        app,
        host=host,
        port=port,
        threads=_THREADS,
        channel_timeout=_SLOW,
        cleanup_interval=_SLOW // 3,
        connection_limit=_CONNECTIONS,
        max_request_body_size=MAX_BODY,
        max_request_header_size=_MAX_HEADERS,
        # Without proxies of ours, what such headers say is anybody's word.
        clear_untrusted_proxy_headers=settings.web.proxies == 0,
        ident=None,
    )
    click.echo(f"{settings.origin} (stop with Ctrl-C)")
    server.run()
