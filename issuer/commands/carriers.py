"""``abtc-issuer carriers``: what is told to carriers without their asking again."""

import json
from pathlib import Path

import click
from sqlalchemy import select

from issuer.carriers.changes import Looked, look_again
from issuer.commands.opening import as_json, at_home, economies, now, open_office
from issuer.office import Office
from issuer.store import HostedEconomy

_REASON = "watched questions of carriers are decided anew"


@click.group("carriers")
def group() -> None:
    """Answers to carriers about the cards of this office.

    docs/advance-passenger.md tells what goes on.
    """


@group.command("look-again")
@economies
@as_json
@at_home
def look(folder: Path, economies: tuple[str, ...], *, as_json: bool) -> None:
    """Decide watched questions anew, and queue what has flipped.

    Run it behind each publication, and every few minutes; it also forgets what is over.
    """
    office = open_office(folder)
    try:
        found = {
            each: look_again(
                office.system_desk(each, now=now(), reason=_REASON), clock=now
            )
            for each in economies or _hosted(office)
        }
    finally:
        office.store.close()
    _show(found, as_json=as_json)


def _hosted(office: Office) -> list[str]:
    query = select(HostedEconomy.code).order_by(HostedEconomy.code)
    return office.store.read(lambda session: list(session.scalars(query)))


def _show(found: dict[str, Looked], *, as_json: bool) -> None:
    rows = [
        {"economy": code, "watched": each.watched, "flipped": each.flipped,
         "forgotten": each.forgotten}
        for code, each in found.items()
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps({"economies": rows}))
        return
    for row in rows:
        click.echo(
            f"{row['economy']}: {row['watched']} watched, {row['flipped']} flipped,"
            f" {row['forgotten']} forgotten"
        )
