"""``abtc-issuer passport check-file``: ask about the passports of a sheet.

The other commands of the group are made from the operations of the same name.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from issuer.commands.desks import open_desk
from issuer.commands.importing import refuse
from issuer.commands.opening import Progress, at_home, now
from issuer.commands.opening import as_json as as_json_option
from issuer.intake import sheet
from issuer.intake.sheet import Report
from issuer.office import Desk
from issuer.passport_register.checking import ASKERS
from issuer.passport_register.listed import KIND, RESULT, answered, row_of

_FAILED: Final = 1


@click.group("passport")
def group() -> None:
    """This economy's register of its passports, and asking others."""


@group.command("check-file")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="A new sheet for what is answered, a row for each row.",
)
@at_home
@click.option("--reason", required=True, help="Why, for the audit log.")
@as_json_option
def check_file(
    file: Path, out: Path, folder: Path, reason: str, *, as_json: bool
) -> int:
    """Ask those who issued the passports of a sheet (CSV) about all of them.

    Columns: country and number, and, if there are any, birthdate and expires_on.  What
    is wrong is listed by line, and nobody is asked.
    """
    desk = open_desk(folder, reason, None)
    try:
        desk.require(*ASKERS)
        report = sheet.check(file, KIND)
        if not report.is_clean:
            refuse(file, report, "Nobody is asked.", as_json=as_json)
            return _FAILED
        told = _ask(desk, file, out, report)
    finally:
        desk.office.store.close()
    _show(told, out, as_json=as_json)
    return 0


def _ask(desk: Desk, file: Path, out: Path, report: Report) -> Counter[str]:
    """Write what is answered to a new file, of which nothing stays if this fails."""
    told: Counter[str] = Counter()
    progress = Progress("passports asked about")

    def rows() -> Iterator[tuple[str, ...]]:
        for line, asked, answer in answered(desk, file, report, clock=now):
            told[answer.status] += 1
            progress(told.total(), report.rows)
            yield row_of(line, asked, answer)

    with out.open("xb") as made:
        try:
            made.writelines(sheet.export(RESULT, rows()))
        except BaseException:
            out.unlink()
            raise
    progress.end()
    return told


def _show(told: Counter[str], out: Path, *, as_json: bool) -> None:
    if as_json:
        found = {"passports": told.total(), "answers": told, "out": str(out)}
        click.echo(json.dumps(found))
        return
    for status, count in sorted(told.items()):
        click.echo(f"{status}: {count:,}")
    click.echo(f"{told.total():,} passports, each with its answer: {out}")
