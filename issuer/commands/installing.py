"""``abtc-issuer init`` and ``database``: making an installation, and its database."""

import json
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.commands.opening import as_json, ask_key_passphrase, at_home, now
from issuer.installation import Installation
from issuer.keys import FileSigner, KeyRecord, generate_key_file
from issuer.publish.moments import whole_second
from issuer.scheme import Scheme
from issuer.setting_up import add_economy, add_signing_key, make_installation
from issuer.store import Account, AccountKind, Store


@click.command("init")
@at_home
@click.option("--database", metavar="URL", help="As in office.toml.  [default: SQLite]")
@click.option(
    "--economy",
    "economies",
    multiple=True,
    metavar="AAA",
    help="An economy that it works for; may be given again.",
)
@click.option("--all", "is_for_all", is_flag=True, help="Every economy of the scheme.")
@click.option("--test", "is_test", is_flag=True, help="Its cards are never green.")
@click.option("--keys", "with_keys", is_flag=True, help="Make a first key of each use.")
@as_json
def init(
    folder: Path,
    database: str | None,
    economies: tuple[str, ...],
    *,
    is_for_all: bool,
    is_test: bool,
    with_keys: bool,
    as_json: bool,
) -> None:
    """Make an installation: a folder, a database, an administrator each.

    The passwords of the administrators are printed once and kept nowhere.
    """
    if bool(economies) == is_for_all:
        raise click.UsageError("give --economy, or --all")
    economies = economies or tuple(Scheme.load().economies)
    _check(economies)
    passphrases = {
        code: ask_key_passphrase(code, is_new=True) for code in economies if with_keys
    }
    moment = now()
    installation = make_installation(folder, database=database, economies=economies)
    store = Store.open(installation.database_url)
    try:
        passwords = store.write(
            lambda session: {
                code: add_economy(
                    session,
                    code,
                    administrator=f"admin-{code.lower()}",
                    display_name=f"Administrator of {code}",
                    now=moment,
                    is_test=is_test,
                )
                for code in economies
            },
            now=moment,
        )
        for code, passphrase in passphrases.items():
            _make_keys(installation, store, code, passphrase, moment)
    finally:
        store.close()
    _tell(installation, passwords, as_json=as_json)


def _check(economies: tuple[str, ...]) -> None:
    scheme = Scheme.load()
    for code in economies:
        if code not in scheme.economies:
            raise click.UsageError(f"{code} is no economy of the scheme")
    if len(set(economies)) < len(economies):
        raise click.UsageError("an economy is named twice")


def _make_keys(
    installation: Installation,
    store: Store,
    code: str,
    passphrase: bytes,
    moment: datetime,
) -> None:
    url = Scheme.load().economy(code).issuer_url
    folder = installation.path(f"keys/{code}")
    records = []
    for use in ("card", "status"):
        path = generate_key_file(
            folder,
            key_id=f"{code}-{use}-{moment:%Y%m%d}",
            use=use,
            passphrase=passphrase,
        )
        signer = FileSigner.load(path, passphrase=passphrase)
        start = whole_second(moment)
        records.append(KeyRecord.of(signer, issuer_url=url, signs_from=start))

    def work(session: Session) -> None:
        system = session.scalars(
            select(Account.id).where(
                Account.economy == code, Account.kind == AccountKind.SYSTEM
            )
        ).one()
        for record in records:
            add_signing_key(session, code, record, by=system, now=moment)

    store.write(work, now=moment)


def _tell(
    installation: Installation, passwords: dict[str, str], *, as_json: bool
) -> None:
    if as_json:
        people = [
            {"economy": code, "login": f"admin-{code.lower()}", "password": password}
            for code, password in passwords.items()
        ]
        found = {"home": str(installation.folder), "administrators": people}
        click.echo(json.dumps(found))
        return
    click.echo(f"made {installation.folder}")
    for code, password in passwords.items():
        click.echo(f"{code}: sign in as admin-{code.lower()} with {password}")
    click.echo("These passwords are kept nowhere: note them now, change them soon.")


@click.group("database")
def database() -> None:
    """Check the database, and bring it to this version's shape."""


@database.command("check")
@at_home
@as_json
def check(folder: Path, *, as_json: bool) -> None:
    """Say whether this version works with the database as it is."""
    store = Store.open(Installation.load(folder).database_url)
    revision = store.revision()
    store.close()
    _tell_revision(revision, as_json=as_json)


@database.command("upgrade")
@at_home
@as_json
def upgrade(folder: Path, *, as_json: bool) -> None:
    """Bring an older database to this version's shape; make a backup before."""
    store = Store.upgrade(Installation.load(folder).database_url)
    revision = store.revision()
    store.close()
    _tell_revision(revision, as_json=as_json)


def _tell_revision(revision: str, *, as_json: bool) -> None:
    line = f"the database is at revision {revision}, as this version needs it"
    click.echo(json.dumps({"revision": revision}) if as_json else line)
