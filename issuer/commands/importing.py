"""``abtc-issuer import``: sheets into the database, whole or not at all."""

import json
from pathlib import Path
from typing import Any, Final

import click

from issuer import importing
from issuer.commands.desks import open_desk
from issuer.commands.opening import Progress, as_json, at_home
from issuer.importing import ImportView, SheetKind
from issuer.intake.sheet import Report
from issuer.office import Desk
from issuer.store import ImportState

_FAILED: Final = 1
_HELP: Final = {
    SheetKind.APPLICATIONS: "Enter applications to this economy, each as a draft.",
    SheetKind.REQUESTS: "Take requests of economies that are hosted elsewhere.",
    SheetKind.ANSWERS: "Record answers of destinations that are hosted elsewhere.",
    SheetKind.PASSPORTS: "Fill the register of this economy's own passports.",
}


def _command(kind: SheetKind, text: str) -> click.Command:
    @click.command(kind.value, help=f"{text}\n\nAll rows, or none: what is wrong is"
                   " listed by line. Interrupted, the same command goes on.",
                   short_help=text)  # fmt: skip
    @click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
    @at_home
    @click.option("--reason", required=True, help="Why, for the audit log.")
    @click.option(
        "--confirm-lookalikes",
        is_flag=True,
        help="Who is alike was compared: they are other people.",
    )
    @as_json
    def run(
        file: Path,
        folder: Path,
        reason: str,
        *,
        confirm_lookalikes: bool,
        as_json: bool,
    ) -> int:
        desk = open_desk(folder, reason, None)
        try:
            return _run(
                desk, kind, file, confirm_lookalikes=confirm_lookalikes, as_json=as_json
            )
        finally:
            desk.office.store.close()

    return run


def _run(
    desk: Desk, kind: SheetKind, file: Path, *, confirm_lookalikes: bool, as_json: bool
) -> int:
    known = importing.running(desk, kind, file)
    if known is not None and known.state == ImportState.RUNNING:
        click.echo(f"going on behind line {known.last_line}", err=True)
        number = known.id
    else:
        progress = Progress("rows checked")
        report = importing.check_sheet(desk, kind, file, on_progress=progress)
        progress.end()
        if not importing.may_be_saved(report, confirm_lookalikes=confirm_lookalikes):
            hint = (
                " --confirm-lookalikes lets it pass." if report.may_be_confirmed else ""
            )
            refuse(file, report, f"Nothing is saved.{hint}", as_json=as_json)
            return _FAILED
        number = importing.begin(
            desk, kind, report, confirm_lookalikes=confirm_lookalikes
        )
    return _save(desk, number, file, as_json=as_json)


def _save(desk: Desk, number: int, file: Path, *, as_json: bool) -> int:
    progress = Progress("rows saved")
    try:
        view = importing.go_on(desk, number, file, on_progress=progress)
    except KeyboardInterrupt:
        progress.end()
        line = (
            f"interrupted; what is saved stays. The same command goes on with import"
            f" {number}."
        )
        click.echo(line, err=True)
        raise
    progress.end()
    _tell(view, as_json=as_json)
    return 0


def _tell(view: ImportView, *, as_json: bool) -> None:
    text = f"import {view.id}: {view.saved:,} of {view.rows:,} rows are saved"
    click.echo(view.model_dump_json() if as_json else text)


def refuse(file: Path, report: Report, words: str, *, as_json: bool) -> None:
    """List what is wrong with a sheet, and in the last line what follows from it."""
    found = importing.checked(report)
    if as_json:
        fields: dict[str, Any] = json.loads(found.model_dump_json())
        first, _, _ = words.partition(".")
        told = {"error": first.lower(), "code": "import.not_clean"}
        click.echo(json.dumps(told | fields))
        return
    for each in found.faults:
        where = f"{file}:{each.line}: {each.column}: {each.code}"
        click.echo(f"{where}: {each.message} {each.fix}", err=True)
    if found.more:
        click.echo(f"and {found.more:,} more", err=True)
    click.echo(words, err=True)


group = click.Group("import", help="Sheets (CSV) of many records.")
for _kind, _text in _HELP.items():
    group.add_command(_command(_kind, _text))
