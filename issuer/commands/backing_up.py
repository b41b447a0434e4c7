"""``abtc-issuer backup`` and ``restore``."""

import json
from pathlib import Path
from typing import Any

import click

from issuer.backup import Backup, make_backup, restore_backup, verify_backup
from issuer.commands.opening import Progress, as_json, at_home, now
from issuer.drill import Drill, run_drill
from issuer.installation import Installation

FAILED = 1
_Archive = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("backup")
def group() -> None:
    """Make and check backups, and bring a restored database up to date."""


@group.command("make")
@click.argument("archive", type=click.Path(dir_okay=False, path_type=Path))
@at_home
@as_json
def make(archive: Path, folder: Path, *, as_json: bool) -> None:
    """Write a backup of the database to ARCHIVE, while everybody works.

    Only its owner may read it; it holds travellers' data, and no key.
    """
    progress = Progress("pages")
    try:
        made = make_backup(
            Installation.load(folder), archive, now=now(), progress=progress
        )
    finally:
        progress.end()
    _tell(made, "made", as_json=as_json)


@group.command("verify")
@click.argument("archive", type=_Archive)
@as_json
def verify(archive: Path, *, as_json: bool) -> None:
    """Read ARCHIVE whole, and hold it against what it says of itself."""
    _tell(verify_backup(archive), "good", as_json=as_json)


@click.command("restore")
@click.argument("archive", type=_Archive)
@at_home
@click.option("--database", metavar="URL", help="Where to, if not as office.toml says.")
@click.option("--sha256", help="Of ARCHIVE, as it was noted when it was made.")
@as_json
def restore(
    archive: Path,
    folder: Path,
    database: str | None,
    sha256: str | None,
    *,
    as_json: bool,
) -> None:
    """Put ARCHIVE into an empty place.

    Nothing is issued or published from there until two people have reconciled it: see
    backup reconcile and backup confirm.
    """
    done, _ = restore_backup(
        archive, folder, database=database, expected_sha256=sha256, now=now()
    )
    _tell(done, "restored, to be reconciled", as_json=as_json)


@group.command("drill")
@at_home
@click.option(
    "--database", metavar="URL", multiple=True, help="Two empty ones, if not SQLite."
)
@as_json
def drill(folder: Path, database: tuple[str, ...], *, as_json: bool) -> int:
    """Rehearse on copies: revoke, issue, publish, lose it all, restore, reconcile.

    Nothing of the installation is changed.  Exit status 1 if anything came back.
    """
    if len(database) not in (0, 2):
        raise click.UsageError("give two empty databases, or none")
    done = run_drill(Installation.load(folder), databases=database, now=now())
    _tell_drill(done, as_json=as_json)
    return 0 if done.is_good else FAILED


def _tell(backup: Backup, verb: str, *, as_json: bool) -> None:
    manifest = backup.manifest
    if as_json:
        found: dict[str, Any] = {
            "file": str(backup.path),
            "bytes": backup.size,
            "sha256": backup.sha256,
            "made_at": manifest.made_at,
            "kind": manifest.kind,
            "revision": manifest.revision,
            "economies": manifest.economies,
            "rows": sum(manifest.rows.values()),
        }
        click.echo(json.dumps(found))
        return
    click.echo(
        f"{backup.path}: {verb}; of {manifest.made_at}, "
        f"{sum(manifest.rows.values()):,} rows, {backup.size:,} bytes"
    )
    click.echo(f"sha256 {backup.sha256}")


def _tell_drill(done: Drill, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"good": done.is_good, **done.to_object()}))
        return
    for line in done.lines():
        click.echo(line)
