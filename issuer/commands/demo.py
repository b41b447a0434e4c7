"""``abtc-issuer demo-data``: invented travellers, where nothing is real."""

import json
from pathlib import Path
from typing import Final

import click

from issuer.commands.opening import Progress, as_json, at_home, now, open_office
from issuer.office import Office

_MOST: Final = 5_000_000


@click.command("demo-data")
@at_home
@click.option(
    "--cards",
    type=click.IntRange(1, _MOST),
    required=True,
    help="Travellers in all; those that are there already count.",
)
@click.option(
    "--economy",
    "economies",
    multiple=True,
    metavar="AAA",
    help="Only of this economy; may be given again.  [default: all that are hosted]",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another one"
              " gives other people.")  # fmt: skip
@as_json
def demo_data(
    folder: Path,
    cards: int,
    economies: tuple[str, ...],
    seed: int,
    *,
    as_json: bool,
) -> None:
    """Fill a demonstration with invented travellers, their cards and answers.

    Only where every economy is for tests.  Interrupted, the same command goes on.
    """
    from issuer.demo.filling import check_is_test, shares  # noqa: PLC0415  # as below

    office = open_office(folder)
    try:
        hosted = office.store.read(check_is_test)
        for code in economies:
            if code not in hosted:
                raise click.UsageError(f"{code} is not hosted here")
        wanted = shares(cards, economies or hosted)
        _fill(office, wanted, seed)
    finally:
        office.store.close()
    if as_json:
        click.echo(json.dumps({"travellers": wanted}))
    else:
        click.echo(f"{sum(wanted.values()):,} travellers of {len(wanted)} economies")


def _fill(office: Office, wanted: dict[str, int], seed: int) -> None:
    # Every other command starts sooner without the libraries that draw.
    from issuer.demo.filling import fill  # noqa: PLC0415
    from issuer.demo.setting import make_ready  # noqa: PLC0415

    progress, done = Progress("travellers"), dict.fromkeys(wanted, 0)
    moment = now()
    try:
        for code in wanted:
            make_ready(office, code, now=moment)
        for each in fill(office, wanted, seed=seed, now=moment):
            done[each.economy] = each.done
            progress(sum(done.values()), sum(wanted.values()))
    except KeyboardInterrupt:
        progress.end()
        line = "interrupted; what is there stays, and the same command goes on"
        click.echo(line, err=True)
        raise
    progress.end()
