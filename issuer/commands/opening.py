"""What commands that work on an installation share: where it is, and how to open it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from issuer.commands.asking import ask_passphrase
from issuer.config import (
    home,
    key_passphrase,
    key_passphrase_variable,
    passphrase_variable,
    publish_passphrase,
)
from issuer.installation import Installation
from issuer.keyholder import open_keys
from issuer.office import Office
from issuer.store import Store
from issuer.watchlist import FileWatchList

_Command = TypeVar("_Command", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
economies = click.option(
    "--economy",
    "economies",
    multiple=True,
    metavar="AAA",
    help="Of this economy; may be given again.  [default: all]",
)


def at_home(command: _Command) -> _Command:
    """Add ``--home``, which is ``ABTC_HOME`` if it is not given."""
    return click.option(
        "--home",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        callback=_home,
        help="Folder of the installation.  [default: $ABTC_HOME]",
    )(command)


def _home(_: object, __: object, folder: Path | None) -> Path:
    found = folder or home()
    if found is None:
        raise click.UsageError("give --home, or set ABTC_HOME")
    return found


def now() -> datetime:
    """Read the clock, as only commands, web views and workers may."""
    return datetime.now(UTC)


@contextmanager
def opened_store(folder: Path) -> Iterator[tuple[Installation, Store]]:
    """Open an installation's database, and close it afterwards."""
    installation = Installation.load(folder)
    store = Store.open(installation.database_url)
    try:
        yield installation, store
    finally:
        store.close()


def open_office(folder: Path) -> Office:
    """Open an installation with its keys; what has no passphrase is asked for.

    Raises:
        SettingsError, StoreError: It cannot be used.
    """
    installation = Installation.load(folder)
    store = Store.open(installation.database_url)
    return Office(
        installation=installation,
        store=store,
        signers=open_keys(installation, store, passphrase=_key_passphrase),
        publish_passphrase=_publish_passphrase,
        watch_lists={
            economy: FileWatchList(installation.path(path))
            for economy, path in installation.watch_lists.items()
        },
    )


def ask_key_passphrase(economy: str, *, is_new: bool) -> bytes:
    """Return the passphrase of an economy's key files."""
    return ask_passphrase(
        f"the keys of {economy}",
        known=key_passphrase(economy),
        variable=key_passphrase_variable(economy),
        is_new=is_new,
    )


def _key_passphrase(economy: str) -> bytes:
    return ask_key_passphrase(economy, is_new=False)


def _publish_passphrase(stem: str) -> bytes:
    role = stem.partition(".")[0]
    return ask_passphrase(
        stem,
        known=publish_passphrase(role),
        variable=passphrase_variable(role),
        is_new=False,
    )


class Progress:
    """One line on a terminal's standard error that says how far it is."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown_at = 0.0
        self._is_shown = False

    def __call__(self, done: int, of: int = 0) -> None:
        """Show it, a few times a second at most."""
        moment = time.monotonic()
        if moment - self._shown_at < 0.2 or not sys.stderr.isatty():
            return
        self._shown_at, self._is_shown = moment, True
        share = f" of {of:,}" if of else ""
        click.echo(f"\r{self._what}: {done:,}{share} ", err=True, nl=False)

    def end(self) -> None:
        """Begin a new line, if one was begun."""
        if self._is_shown:
            click.echo(err=True)
