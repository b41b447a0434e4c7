"""``abtc-issuer statistics``: figures for the meeting room, as a folder."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.commands.opening import as_json, at_home, economies, now, opened_store
from issuer.office import NoSigners, Office
from issuer.statistics import (
    LEAST,
    MONTHS,
    MOST_MONTHS,
    Figures,
    collect_figures,
)
from issuer.store import HostedEconomy


@click.command("statistics")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for page, plots and sheets.",
)
@click.option(
    "--at",
    "moment",
    metavar="ISO8601",
    help="Nothing that happened later counts.  [default: now]",
)
@click.option(
    "--months",
    type=click.IntRange(1, MOST_MONTHS),
    default=MONTHS,
    show_default=True,
    help="How many, the one of --at included.",
)
@click.option(
    "--least",
    type=click.IntRange(2, 1_000_000),
    default=LEAST,
    show_default=True,
    help="Tell no count below this.",
)
@click.option("--exact", is_flag=True, help="For the office alone: hide nothing.")
@economies
@as_json
@at_home
def statistics(
    folder: Path,
    out: Path,
    moment: str | None,
    *,
    months: int,
    least: int,
    economies: tuple[str, ...],
    exact: bool,
    as_json: bool,
) -> None:
    """Write statistics as a folder: index.html, plots, CSV and JSON.

    Of each economy that is hosted here, and of all together; see docs/statistics.md.
    """
    # Every other command starts sooner without the library that draws.
    from issuer.statistics_folder import write_folder  # noqa: PLC0415

    at = _moment(moment) if moment else now()
    began = time.monotonic()
    with opened_store(folder) as (installation, store):
        office = Office(installation=installation, store=store, signers=NoSigners())
        figures = store.read(
            lambda session: _figures(session, office, economies, at, months)
        )
        for code in figures.economies:
            desk = office.system_desk(code, now=now(), reason="statistics, by command")
            desk.write(
                lambda session, desk=desk: desk.log(  # type: ignore[misc]
                    session, "report:read", "report:statistics", report="statistics"
                )
            )
    counted = time.monotonic() - began
    files = write_folder(out, figures, least=None if exact else least)
    if as_json:
        found = {"at": at.isoformat(), "files": [str(each) for each in files]}
        click.echo(json.dumps(found))
        return
    took = time.monotonic() - began
    click.echo(
        f"{len(files)} files in {out}, as of {at:%Y-%m-%d %H:%M} UTC"
        f" (counted in {counted:.1f} s, {took:.1f} s in all)"
    )


def _figures(
    session: Session,
    office: Office,
    wanted: tuple[str, ...],
    at: datetime,
    months: int,
) -> Figures:
    hosted = tuple(session.scalars(select(HostedEconomy.code)))
    for code in wanted:
        if code not in hosted:
            raise click.UsageError(f"{code} is not hosted here")
    scheme = office.scheme(session)
    return collect_figures(session, scheme, wanted or hosted, at=at, months=months)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(
            "--at is no moment, such as 2030-01-31T12:00:00Z"
        ) from error
    if found.tzinfo is None:
        raise click.UsageError("--at has no offset, such as Z or +08:00")
    return found.astimezone(UTC)
