"""``abtc-issuer services``: what other economies' systems are offered here."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from issuer.commands.opening import as_json, at_home, economies, now, open_office
from issuer.errors import NotFound
from issuer.office import Office
from issuer.services.hooks import deliver
from issuer.services.identity import ServiceIdentity, renew
from issuer.store import HostedEconomy


@click.group("services")
def group() -> None:
    """What other economies' systems are offered, and the keys for it.

    docs/web-services.md tells what goes on.
    """


@group.command("renew-key")
@economies
@as_json
@at_home
def renew_key(folder: Path, economies: tuple[str, ...], *, as_json: bool) -> None:
    """Make new service keys, and have the status key delegate to them.

    Publishing does it too, once a day; this is for an economy whose lists are signed
    elsewhere, and after a theft.
    """
    office = open_office(folder)
    try:
        wanted = _hosted(office, economies)
        made = [renew(office, each, now()) for each in wanted]
    finally:
        office.store.close()
    _show(made, as_json=as_json)


@group.command("deliver")
@click.option(
    "--every",
    type=click.IntRange(min=1, max=3600),
    metavar="SECONDS",
    help="Go on until interrupted, with a round so often.",
)
@as_json
@at_home
def deliver_events(folder: Path, every: int | None, *, as_json: bool) -> None:
    """Tell systems that have asked for it that there is something new.

    What fails is tried again, later each time; `abtc-issuer webhook list` shows what
    nobody tries any more.
    """
    office = open_office(folder)
    try:
        _tell(office, as_json=as_json)
        while every is not None:
            time.sleep(every)
            _tell(office, as_json=as_json)
    finally:
        office.store.close()


def _tell(office: Office, *, as_json: bool) -> None:
    done = deliver(office, now=now())
    if as_json:
        click.echo(json.dumps(asdict(done)))
    elif done.told or done.failed:
        click.echo(f"told {done.told}, failed {done.failed}, given up {done.dead}")


def _hosted(office: Office, wanted: tuple[str, ...]) -> list[str]:
    hosted = office.store.read(
        lambda session: list(
            session.scalars(select(HostedEconomy.code).order_by(HostedEconomy.code))
        )
    )
    for each in wanted:
        if each not in hosted:
            raise NotFound(f"{each} is not hosted here")
    return list(wanted) or hosted


def _show(made: list[ServiceIdentity], *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"economy": each.economy, "key_id": each.key_id,
         "until": each.expires_at.isoformat()}
        for each in made
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps({"keys": rows}))
        return
    for row in rows:
        click.echo(f"{row['economy']}: {row['key_id']} until {row['until']}")
