"""``abtc-issuer mail``: deliver what waits in the outbox."""

import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from issuer.commands.opening import as_json, at_home, now, opened_store
from issuer.config import mail_password
from issuer.mail_sending import MailRun, send_due
from issuer.office import NoSigners, Office
from issuer.reminders import write_reminders

_PAUSE: Final = 5.0
"""Seconds between two looks into the outbox."""
_AFTER_TROUBLE: Final = 60.0
FAILED: Final = 1


@click.group("mail")
def group() -> None:
    """Mails to applicants."""


@group.command("send")
@click.option(
    "--once", "is_once", is_flag=True, help="Deliver what is due now, and end."
)
@as_json
@at_home
def send(folder: Path, *, is_once: bool, as_json: bool) -> int:
    """Deliver mails, as they come, until interrupted.

    To the mail server that office.toml names under [mail]; without one, as files into
    the folder mail/. The password of its user comes from ABTC_MAIL_PASSWORD.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with opened_store(folder) as (installation, store):
        office = Office(installation=installation, store=store, signers=NoSigners())
        while True:
            run = _run(office)
            _tell(run, as_json=as_json, is_quiet=not is_once)
            if is_once:
                return FAILED if run.trouble else 0
            time.sleep(_AFTER_TROUBLE if run.trouble else _PAUSE)


@group.command("remind")
@as_json
@at_home
def remind(folder: Path, *, as_json: bool) -> None:
    """Write mails about new clearances, and cards that end in 6 or 3 months.

    For a timer, once a day; each is told once, however often this runs.
    """
    with opened_store(folder) as (installation, store):
        office = Office(installation=installation, store=store, signers=NoSigners())
        done = write_reminders(store, store.read(office.scheme), now=now())
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    click.echo(f"{done.clearances} about clearances, {done.endings} about endings")


def _run(office: Office) -> MailRun:
    return send_due(
        office.store,
        office.installation,
        office.store.read(office.scheme),
        clock=now,
        password=mail_password(),
    )


def _tell(run: MailRun, *, as_json: bool, is_quiet: bool) -> None:
    if is_quiet and run == MailRun():
        return
    if as_json:
        click.echo(json.dumps(asdict(run)))
        return
    parts = [f"{run.sent} sent"]
    parts += [
        f"{count} {what}"
        for count, what in (
            (run.later, "to be tried again"),
            (run.dead, "given up: see `abtc-issuer mail list`"),
            (run.dropped, "too late"),
        )
        if count
    ]
    click.echo(", ".join(parts))
    if run.trouble:
        click.echo(f"abtc-issuer: no mail is taken: {run.trouble}", err=True)
