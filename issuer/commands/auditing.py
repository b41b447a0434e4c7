"""``abtc-issuer audit``: reading the log, and whether it is whole."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Break, Head, Heads
from issuer.commands.opening import (
    Progress,
    as_json,
    at_home,
    economies,
    now,
    opened_store,
)
from issuer.publish.moments import moment_text
from issuer.store import Account, AccountKind, AuditRow, Store

FAILED = 1


@click.group("audit")
def group() -> None:
    """Read the audit log, and see whether anybody has changed it."""


@group.command("verify")
@at_home
@economies
@as_json
def verify(folder: Path, economies: tuple[str, ...], *, as_json: bool) -> int:
    """Follow the hashes from the first row; name the first bad one.

    Heads that were kept outside are compared. Exit status 1 if a log is not whole.
    """
    found: list[dict[str, Any]] = []
    with opened_store(folder) as (installation, store):
        kept = Heads(path=installation.audit_heads).all()
        for code in _chosen(store, economies, kept):
            walk = partial(_walk, economy=code, kept=kept)
            found.append(_finding(code, store.read(walk)))
    _tell_findings(found, as_json=as_json)
    return FAILED if any(not each["whole"] for each in found) else 0


@group.command("head")
@at_home
@economies
@click.option("--keep", is_flag=True, help="Add a line to the file outside as well.")
@as_json
def head(
    folder: Path, economies: tuple[str, ...], *, keep: bool, as_json: bool
) -> None:
    """Show where the log stands: number and hash of its last row."""
    with opened_store(folder) as (installation, store):
        found = store.read(audit.heads)
        chosen = [found[code] for code in _chosen(store, economies) if code in found]
        if keep:
            for each in chosen:
                Heads(path=installation.audit_heads).keep(each, at=now())
    rows = [
        {"economy": each.economy, "seq": each.seq, "hash": each.hash} for each in chosen
    ]
    if as_json:
        click.echo(json.dumps({"heads": rows, "kept": keep}))
    else:
        for row in rows:
            click.echo(f"{row['economy']}  {row['seq']}  {row['hash']}")


@group.command("show")
@at_home
@click.option("--economy", required=True, metavar="AAA", help="Whose log.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Row to begin at.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Rows at most.",
)
@click.option("--subject", help="Only about this record, such as card:17.")
@as_json
def show(
    folder: Path,
    economy: str,
    after: int,
    limit: int,
    subject: str | None,
    *,
    as_json: bool,
) -> None:
    """Show rows, the oldest first; that this was done is a row as well."""
    with opened_store(folder) as (_, store):
        _chosen(store, (economy,))
        rows = store.write(
            lambda session: _rows(session, economy, after, limit, subject), now=now()
        )
    if as_json:
        click.echo(json.dumps({"rows": rows}))
        return
    for row in rows:
        click.echo(
            f"{row['seq']:>8}  {row['at']}  {row['actor']}  {row['tag']}  "
            f"{row['subject']}  {row['fields']}  {row['reason']}"
        )


def _walk(session: Session, *, economy: str, kept: tuple[Head, ...]) -> int | Break:
    progress = Progress(f"{economy}, rows")
    end: int | Break = 0
    for end in audit.verify(session, economy, kept=kept):
        if isinstance(end, int):
            progress(end)
    progress.end()
    return end


def _finding(economy: str, end: int | Break) -> dict[str, Any]:
    if isinstance(end, Break):
        return {
            "economy": economy,
            "whole": False,
            "row": end.seq,
            "problem": end.problem,
            "detail": end.detail,
        }
    return {"economy": economy, "whole": True, "rows": end}


def _tell_findings(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"logs": found}))
        return
    for each in found:
        if each["whole"]:
            click.echo(f"{each['economy']}: whole, {each['rows']:,} rows")
        else:
            click.echo(
                f"{each['economy']}: NOT WHOLE: row {each['row']} is "
                f"{each['problem']}: {each['detail']}"
            )


def _chosen(
    store: Store, wanted: tuple[str, ...], kept: Iterable[Head] = ()
) -> list[str]:
    """Return the economies asked for; by default all that have, or had, a log."""
    known = {*store.read(audit.heads), *(head.economy for head in kept)}
    for code in wanted:
        if code not in known:
            raise click.UsageError(f"{code} has no log here")
    return sorted(wanted or known)


def _rows(
    session: Session, economy: str, after: int, limit: int, subject: str | None
) -> list[dict[str, Any]]:
    query = (
        select(AuditRow, Account.login)
        .join(Account, Account.id == AuditRow.actor_id)
        .where(AuditRow.economy == economy, AuditRow.seq > after)
        .order_by(AuditRow.seq)
        .limit(limit)
    )
    if subject:
        query = query.where(AuditRow.subject == subject)
    rows = [
        {
            "seq": row.seq,
            "at": moment_text(row.at),
            "actor": login,
            "tag": row.tag,
            "subject": row.subject,
            "fields": json.loads(row.fields),
            "reason": row.reason,
        }
        for row, login in session.execute(query)
    ]
    _log_reading(session, economy, rows)
    return rows


def _log_reading(session: Session, economy: str, rows: list[dict[str, Any]]) -> None:
    system = session.scalars(
        select(Account.id)
        .where(Account.economy == economy, Account.kind == AccountKind.SYSTEM)
        .order_by(Account.id)
    ).first()
    if system is None or not rows:
        return
    audit.record(
        session,
        economy=economy,
        actor_id=system,
        at=now(),
        tag="audit:read",
        subject=f"economy:{economy}",
        reason="by command",
        from_seq=rows[0]["seq"],
        to_seq=rows[-1]["seq"],
    )
