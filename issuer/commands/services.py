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
from issuer.services.conformance import check_all
from issuer.services.hooks import Delivered, Ringer
from issuer.services.identity import ServiceIdentity, renew
from issuer.services.trust import trust_of
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
    ringer = Ringer(office=office, clock=now)
    try:
        ringer.begin()
        if every is None:
            _tell(ringer.taken(wait=True), as_json=as_json)
            return
        while True:
            time.sleep(every)
            _tell(ringer.taken(), as_json=as_json)
            ringer.begin()
    finally:
        ringer.close()
        office.store.close()


@group.command("conformance")
@click.option("--url", required=True, help="Where the system is, such as https://host.")
@click.option("--economy", required=True, metavar="AAA", help="Whom to ask there.")
@click.option(
    "--as", "asker", required=True, metavar="AAA", help="Who asks; hosted here."
)
@as_json
@at_home
def conformance(
    folder: Path, url: str, economy: str, asker: str, *, as_json: bool
) -> int:
    """Check whether a system does what docs/web-services.md says.

    It asks about invented holders: only where nothing is real. Exit status 1 if a check
    does not pass.
    """
    office = open_office(folder)
    try:
        found = check_all(
            url,
            economy,
            identity=ServiceIdentity.of(office, asker, now()),
            trust=trust_of(office.installation),
            now=now(),
        )
    finally:
        office.store.close()
    failed = sum(not each.passed for each in found)
    if as_json:
        rows = [asdict(each) for each in found]
        click.echo(json.dumps({"failed": failed, "checks": rows}))
        return int(failed > 0)
    for each in found:
        click.echo(f"{'ok  ' if each.passed else 'FAIL'} {each.name}"
                   f"{': ' + each.detail if each.detail else ''}")  # fmt: skip
    click.echo(f"{len(found) - failed} of {len(found)} checks passed")
    return int(failed > 0)


def _tell(done: Delivered, *, as_json: bool) -> None:
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
